//! `require`: which evidence must hold.

use crate::policy::document::model::Requirement;
use crate::policy::document::node::Kind;
use crate::policy::document::node::shown;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// Most parts of one list.
const MAX_PARTS: usize = 64;

const KEYS: &[&str] = &["allOf", "anyOf", "atLeast", "of"];

/// A name of evidence, `{allOf: […]}`, `{anyOf: […]}` or `{atLeast: N, of: […]}`. There is no `not`: whoever holds an
/// attestation back could make it true.
pub(super) fn read(reader: &mut Reader, place: &Place<'_>, names: &[String]) -> Option<Requirement> {
    if let Kind::Text(name) = &place.node.kind {
        let found = names.iter().position(|known| known == name);
        if found.is_none() {
            let expected = format!("the name of evidence: {}", names.join(", "));
            reader.refuse("policy-unknown-name", place, &expected, shown(name));
        }
        return found.map(Requirement::Evidence);
    }
    let fields = reader.fields(place.clone(), KEYS)?;
    let parts = |reader: &mut Reader, place: &Place<'_>| -> Option<Vec<Requirement>> {
        let items = reader.list(place, "requirements", MAX_PARTS);
        let read: Vec<_> = items.iter().map(|place| read(reader, place, names)).collect();
        read.into_iter().collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
    };
    match (fields.get("allOf"), fields.get("anyOf"), fields.get("atLeast"), fields.get("of")) {
        (Some(list), None, None, None) => parts(reader, &list).map(Requirement::AllOf),
        (None, Some(list), None, None) => parts(reader, &list).map(Requirement::AnyOf),
        (None, None, Some(number), Some(list)) => {
            let count = reader.count(&number);
            let of = parts(reader, &list)?;
            let count = count?;
            if count > of.len() {
                let expected = format!("at most {}, as many as there are", of.len());
                reader.refuse("policy-value", &number, &expected, count.to_string());
                return None;
            }
            let twice = of.iter().enumerate().any(|(n, one)| of.iter().take(n).any(|before| before == one));
            if twice {
                reader.refuse("policy-duplicate-id", &list, "each requirement once", "one of them twice");
                return None;
            }
            Some(Requirement::AtLeast(count, of))
        }
        _ => {
            reader.refuse("policy-key-conflict", place, "one of allOf, anyOf, or atLeast with of", place.node.words());
            None
        }
    }
}
