//! `slsa`: what provenance must say, in the words of `sealmark verify`.

use std::collections::BTreeMap;

use crate::builders::source::SourceUri;
use crate::policy;
use crate::policy::BuilderId;
use crate::policy::PolicyError;
use crate::policy::Require;
use crate::policy::Runner;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::VersionPattern;
use crate::policy::document::node::Kind;
use crate::policy::document::reader::Fields;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;
use crate::policy::document::reader::escaped;

/// Most inputs and triggers of one block each.
const MAX_ITEMS: usize = 64;

/// One key for each flag of `sealmark verify`.
pub(in crate::policy::document) const KEYS: &[&str] = &[
    "builderId",
    "buildType",
    "sourceUri",
    "sourceBranch",
    "sourceTag",
    "sourceVersionedTag",
    "sourceRef",
    "sourceCommit",
    "workflow",
    "trigger",
    "requireHosted",
    "signerWorkflow",
    "signerRepository",
    "signerDigest",
    "inputs",
];
pub(in crate::policy::document) const REFS: &[&str] = &["sourceBranch", "sourceTag", "sourceVersionedTag", "sourceRef"];

/// An empty block would check nothing and is refused. With any problem there is no block: an expectation that cannot be
/// read must not become an open one.
pub(super) fn read(reader: &mut Reader, place: Place<'_>) -> Option<Slsa> {
    let before = reader.problems.len();
    let fields = reader.fields(place, KEYS)?;
    if !KEYS.iter().any(|key| fields.has(key)) {
        reader.refuse("policy-empty", fields.place(), "at least one expectation", "none");
    }
    let slsa = Slsa {
        builder_id: parsed(reader, &fields, "builderId", BuilderId::parse),
        build_type: parsed(reader, &fields, "buildType", exactly).unwrap_or(Require::Any),
        source_uri: parsed(reader, &fields, "sourceUri", repository),
        source_ref: source_ref(reader, &fields).unwrap_or(SourceRef::Any),
        source_commit: parsed(reader, &fields, "sourceCommit", policy::commit).unwrap_or(Require::Any),
        workflow_path: parsed(reader, &fields, "workflow", exactly).unwrap_or(Require::Any),
        trigger: trigger(reader, &fields).unwrap_or(Require::Any),
        runner: match fields.get("requireHosted") {
            Some(place) if reader.only_true(&place) => Runner::Hosted,
            _ => Runner::Any,
        },
        signer_repository: parsed(reader, &fields, "signerRepository", repository),
        signer_workflow: parsed(reader, &fields, "signerWorkflow", BuilderId::parse_workflow),
        signer_digest: parsed(reader, &fields, "signerDigest", policy::commit).unwrap_or(Require::Any),
        inputs: inputs(reader, &fields),
    };
    (reader.problems.len() == before).then_some(slsa)
}

fn parsed<T>(
    reader: &mut Reader,
    fields: &Fields<'_>,
    key: &str,
    parse: impl Fn(&str) -> Result<T, PolicyError>,
) -> Option<T> {
    let place = fields.get(key)?;
    let text = reader.text(&place)?;
    reader.keep(parse(text), &place)
}

#[expect(clippy::unnecessary_wraps, reason = "one of several readers of a text")]
fn exactly(text: &str) -> Result<Require, PolicyError> {
    Ok(Require::Exactly(text.to_owned()))
}

/// A ref behind the repository would be taken for an expectation and be none.
fn repository(text: &str) -> Result<SourceUri, PolicyError> {
    let uri = SourceUri::parse(text).filter(|uri| uri.git_ref.is_none());
    uri.ok_or_else(|| PolicyError::SourceUri { found: text.to_owned() })
}

fn source_ref(reader: &mut Reader, fields: &Fields<'_>) -> Option<SourceRef> {
    let given: Vec<&str> = REFS.iter().copied().filter(|key| fields.has(key)).collect();
    if given.len() > 1 {
        let expected = format!("one of {}", REFS.join(", "));
        reader.refuse("policy-key-conflict", fields.place(), &expected, given.join(" and "));
    }
    match *given.first()? {
        key @ "sourceBranch" => parsed(reader, fields, key, SourceRef::branch),
        key @ "sourceTag" => parsed(reader, fields, key, SourceRef::tag),
        key @ "sourceRef" => parsed(reader, fields, key, SourceRef::exactly),
        key => parsed(reader, fields, key, |text| VersionPattern::parse(text).map(SourceRef::Version)),
    }
}

/// A list: any of these events.
fn trigger(reader: &mut Reader, fields: &Fields<'_>) -> Option<Require> {
    let place = fields.get("trigger")?;
    let items = reader.list(&place, "events", MAX_ITEMS);
    let events: Vec<String> = items.iter().filter_map(|place| reader.text(place).map(str::to_owned)).collect();
    Some(Require::OneOf(events))
}

/// A map of texts.
fn inputs(reader: &mut Reader, fields: &Fields<'_>) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let Some(place) = fields.get("inputs") else { return out };
    let Kind::Map(entries) = &place.node.kind else {
        reader.refuse("policy-wrong-type", &place, "a map of texts", place.node.words());
        return out;
    };
    if entries.is_empty() || entries.len() > MAX_ITEMS {
        let expected = format!("1 to {MAX_ITEMS} inputs");
        reader.refuse("policy-empty", &place, &expected, entries.len().to_string());
    }
    for entry in entries {
        let below = Place { node: &entry.value, path: format!("{}/{}", place.path, escaped(&entry.key)) };
        match &entry.value.kind {
            // An input may be empty, which other texts may not.
            Kind::Text(text) => drop(out.insert(entry.key.clone(), text.clone())),
            _ => reader.refuse("policy-wrong-type", &below, "a text; put it in quotes", entry.value.words()),
        }
    }
    out
}
