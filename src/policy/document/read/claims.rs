//! `claims` and `cel`: what the fields of a Statement must be.

use serde_json::Value;

use crate::policy::Anchored;
use crate::policy::document::condition;
use crate::policy::document::condition::Condition;
use crate::policy::document::condition::ConditionError;
use crate::policy::document::model::CelRule;
use crate::policy::document::model::ClaimRule;
use crate::policy::document::model::Test;
use crate::policy::document::node::Kind;
use crate::policy::document::node::shown;
use crate::policy::document::pointer::Pointer;
use crate::policy::document::read::evidence::FRESHNESS;
use crate::policy::document::read::evidence::SLSA;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// Most claims and conditions of one evidence each.
const MAX_RULES: usize = 128;
/// Most values of one list that a claim compares with.
const MAX_VALUES: usize = 1024;

pub(in crate::policy::document) const CLAIM: &[&str] = &["id", "path", "operator", "value"];
pub(in crate::policy::document) const CEL: &[&str] = &["id", "expr", "message", "guidance"];

pub(super) fn claims(reader: &mut Reader, place: &Place<'_>, checks: &mut Vec<String>) -> Vec<ClaimRule> {
    let items = reader.list(place, "claims", MAX_RULES);
    items.into_iter().filter_map(|place| claim(reader, place, checks)).collect()
}

pub(super) fn conditions(reader: &mut Reader, place: &Place<'_>, checks: &mut Vec<String>) -> Vec<CelRule> {
    let items = reader.list(place, "conditions", MAX_RULES);
    items.into_iter().filter_map(|place| cel(reader, place, checks)).collect()
}

/// The id of a check, which is its own within its evidence.
fn check_id(reader: &mut Reader, place: &Place<'_>, id: Option<String>, checks: &mut Vec<String>) -> Option<String> {
    let id = id?;
    if [SLSA, FRESHNESS].contains(&id.as_str()) {
        reader.refuse("policy-duplicate-id", place, "another id than slsa and freshness", shown(&id));
    } else if checks.contains(&id) {
        reader.refuse("policy-duplicate-id", place, "an id of its own", shown(&id));
    }
    checks.push(id.clone());
    Some(id)
}

fn claim(reader: &mut Reader, place: Place<'_>, checks: &mut Vec<String>) -> Option<ClaimRule> {
    let at = place.node.at;
    let fields = reader.fields(place, CLAIM)?;
    let id = reader.id(&fields);
    let id = check_id(reader, fields.place(), id, checks);
    let path = reader.need(&fields, "path").and_then(|place| {
        let text = reader.text(&place)?;
        let pointer = Pointer::parse(text);
        if pointer.is_none() {
            let expected = "a path such as /predicate/buildType, or /predicateType";
            reader.refuse("policy-path", &place, expected, shown(text));
        }
        pointer
    });
    let operators: Vec<(&str, &'static str)> = Test::OPERATORS.iter().map(|word| (*word, *word)).collect();
    let operator = reader.need(&fields, "operator").and_then(|place| reader.word(&place, &operators));
    let value = fields.get("value");
    let test = match (operator?, value) {
        ("present", None) => Some(Test::Present),
        ("present", Some(value)) => {
            reader.refuse("policy-key-conflict", &value, "no value beside present", value.node.words());
            None
        }
        (_, None) => {
            reader.refuse("policy-key-missing", fields.place(), "the key value", "none");
            None
        }
        (operator, Some(value)) => test(reader, operator, &value),
    };
    Some(ClaimRule { id: id?, at, path: path?, test: test? })
}

fn test(reader: &mut Reader, operator: &str, place: &Place<'_>) -> Option<Test> {
    let value = place.node.to_json();
    let list = |reader: &mut Reader| -> Option<Vec<Value>> {
        let items = reader.list(place, "values", MAX_VALUES);
        (!items.is_empty()).then(|| items.iter().map(|place| place.node.to_json()).collect())
    };
    // Numbers are compared as numbers alone: a text that looks like one would compare by its letters.
    let number = |reader: &mut Reader| match &place.node.kind {
        Kind::Number(number) => number.as_f64(),
        _ => {
            reader.refuse("policy-wrong-type", place, "a number", place.node.words());
            None
        }
    };
    match operator {
        "equals" => Some(Test::Equals(value)),
        "notEquals" => Some(Test::NotEquals(value)),
        "oneOf" => list(reader).map(Test::OneOf),
        "noneOf" => list(reader).map(Test::NoneOf),
        "contains" => Some(Test::Contains(value)),
        "atLeast" => number(reader).map(Test::AtLeast),
        "atMost" => number(reader).map(Test::AtMost),
        _ => {
            let text = reader.text(place)?;
            reader.keep(Anchored::new(text), place).map(Test::Matches)
        }
    }
}

fn cel(reader: &mut Reader, place: Place<'_>, checks: &mut Vec<String>) -> Option<CelRule> {
    let at = place.node.at;
    let fields = reader.fields(place, CEL)?;
    let id = reader.id(&fields);
    let id = check_id(reader, fields.place(), id, checks);
    let condition = reader.need(&fields, "expr").and_then(|place| {
        let text = reader.long_text(&place, condition::MAX_BYTES)?;
        match Condition::compile(text) {
            Ok(condition) => Some(condition),
            Err(ConditionError::Source(found)) => {
                reader.refuse("policy-cel", &place, "a condition in CEL", found);
                None
            }
            Err(ConditionError::Limit(found)) => {
                reader.refuse("policy-cel-limit", &place, "a shorter and flatter condition", found);
                None
            }
        }
    });
    let message = reader.need_text(&fields, "message").map(str::to_owned);
    let guidance = fields.get("guidance").map(|place| reader.text(&place).map(str::to_owned));
    Some(CelRule { id: id?, at, condition: condition?, message: message?, guidance: guidance.flatten() })
}
