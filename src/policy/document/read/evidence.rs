//! `evidence`: what must be shown by attestations.

use crate::formats::predicate_type;
use crate::formats::provenance::v01;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::policy::document::model::Evidence;
use crate::policy::document::model::FreshFrom;
use crate::policy::document::model::Freshness;
use crate::policy::document::model::Quantifier;
use crate::policy::document::node::Kind;
use crate::policy::document::node::shown;
use crate::policy::document::pointer::Pointer;
use crate::policy::document::read::MAX_NAMED;
use crate::policy::document::read::claims;
use crate::policy::document::read::slsa;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// Most predicate types of one evidence.
const MAX_TYPES: usize = 16;

pub(in crate::policy::document) const KEYS: &[&str] =
    &["description", "predicateTypes", "verifiedBy", "quantifier", "freshness", "slsa", "claims", "cel"];

/// The check of the SLSA block.
pub(in crate::policy::document) const SLSA: &str = "slsa";
/// The check of the age.
pub(in crate::policy::document) const FRESHNESS: &str = "freshness";

/// What was read, with every name and, for each, the names of its checks.
#[derive(Debug, Default)]
pub(super) struct Evidences {
    pub(super) read: Vec<Evidence>,
    pub(super) names: Vec<String>,
    pub(super) checks: Vec<Vec<String>>,
}

pub(super) fn read(reader: &mut Reader, place: &Place<'_>, verifiers: &[String]) -> Evidences {
    let mut out = Evidences::default();
    let named = reader.named(place, "evidence");
    if named.len() > MAX_NAMED {
        reader.refuse("policy-too-many", place, &format!("at most {MAX_NAMED} of evidence"), named.len().to_string());
    }
    for (name, place) in named.into_iter().take(MAX_NAMED) {
        let mut checks = Vec::new();
        out.names.push(name.clone());
        out.read.extend(evidence(reader, name, place, verifiers, &mut checks));
        out.checks.push(checks);
    }
    out
}

fn evidence(
    reader: &mut Reader,
    name: String,
    place: Place<'_>,
    verifiers: &[String],
    checks: &mut Vec<String>,
) -> Option<Evidence> {
    let fields = reader.fields(place, KEYS)?;
    reader.maybe_text(&fields, "description");
    let predicate_types = reader.need(&fields, "predicateTypes").and_then(|place| predicate_types(reader, &place));
    let verified_by = reader.need(&fields, "verifiedBy").and_then(|place| verified_by(reader, &place, verifiers));
    let quantifier = reader.need(&fields, "quantifier").and_then(|place| reader.word(&place, Quantifier::WORDS));
    let freshness = fields.get("freshness").map(|place| freshness(reader, place));
    let slsa_place = fields.get("slsa");
    let slsa = slsa_place.clone().map(|place| slsa::read(reader, place));
    if let (Some(place), Some(types)) = (&slsa_place, &predicate_types)
        && !types
            .iter()
            .all(|uri| [v01::PREDICATE_TYPE, v02::PREDICATE_TYPE, v1::PREDICATE_TYPE].contains(&uri.as_str()))
    {
        let expected = "slsa with predicate types of SLSA provenance alone";
        reader.refuse("policy-key-conflict", place, expected, types.join(", "));
    }
    let claims = fields.get("claims").map(|place| claims::claims(reader, &place, checks)).unwrap_or_default();
    let cel = fields.get("cel").map(|place| claims::conditions(reader, &place, checks)).unwrap_or_default();
    checks.extend(freshness.as_ref().map(|_| FRESHNESS.to_owned()));
    checks.extend(slsa.as_ref().map(|_| SLSA.to_owned()));
    Some(Evidence {
        name,
        at: fields.place().node.at,
        predicate_types: predicate_types?,
        verified_by: verified_by?,
        quantifier: quantifier?,
        // One that is there and cannot be read is a problem, never an absent one.
        freshness: freshness.map_or(Some(None), |read| read.map(Some))?,
        slsa: slsa.map_or(Some(None), |read| read.map(Some))?,
        claims,
        cel,
    })
}

/// Words as `--type` takes them, or URIs. `slsaprovenance` stands for v0.2 and v1, as on the command line.
fn predicate_types(reader: &mut Reader, place: &Place<'_>) -> Option<Vec<String>> {
    let mut out: Vec<String> = Vec::new();
    for place in reader.list(place, "predicate types", MAX_TYPES) {
        let text = reader.text(&place)?;
        let uris = match text {
            "slsaprovenance" => Some(vec![v02::PREDICATE_TYPE, v1::PREDICATE_TYPE]),
            other => predicate_type::read(other),
        };
        let Some(uris) = uris else {
            let words: Vec<_> = predicate_type::TABLE.iter().map(|row| row.word).collect();
            let expected = format!("{}, or a predicate type URI", words.join(", "));
            reader.refuse("policy-value", &place, &expected, shown(text));
            continue;
        };
        for uri in uris {
            if out.iter().any(|known| known == uri) {
                reader.refuse("policy-duplicate-id", &place, "each predicate type once", format!("{uri} again"));
            } else {
                out.push(uri.to_owned());
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

/// One name, or `{anyOf: [NAME…]}`.
fn verified_by(reader: &mut Reader, place: &Place<'_>, verifiers: &[String]) -> Option<Vec<usize>> {
    let places = match &place.node.kind {
        Kind::Text(_) => vec![place.clone()],
        Kind::Map(_) => {
            let fields = reader.fields(place.clone(), &["anyOf"])?;
            let list = reader.need(&fields, "anyOf")?;
            reader.list(&list, "verifiers", MAX_NAMED)
        }
        _ => {
            reader.refuse("policy-wrong-type", place, "the name of a verifier, or anyOf several", place.node.words());
            return None;
        }
    };
    let mut out = Vec::new();
    for place in places {
        let Some(name) = reader.text(&place) else { continue };
        match verifiers.iter().position(|known| known == name) {
            Some(index) if out.contains(&index) => {
                reader.refuse("policy-duplicate-id", &place, "each verifier once", format!("{name} again"));
            }
            Some(index) => out.push(index),
            None => {
                let expected = format!("the name of a verifier: {}", verifiers.join(", "));
                reader.refuse("policy-unknown-name", &place, &expected, shown(name));
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

fn freshness(reader: &mut Reader, place: Place<'_>) -> Option<Freshness> {
    let at = place.node.at;
    let fields = reader.fields(place, &["maxAge", "from"])?;
    let max_age = reader.need(&fields, "maxAge").and_then(|place| reader.duration(&place));
    let from = reader.need(&fields, "from").and_then(|place| match reader.text(&place)? {
        "signedAt" => Some(FreshFrom::SignedAt),
        path => {
            let pointer = Pointer::parse(path);
            if pointer.is_none() {
                reader.refuse("policy-path", &place, "signedAt, or a path such as /predicate/metadata/at", shown(path));
            }
            pointer.map(FreshFrom::Field)
        }
    });
    Some(Freshness { at, max_age: max_age?, from: from? })
}
