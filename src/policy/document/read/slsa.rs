//! `slsa`: what provenance must say, in the words of `sealmark verify`.

use crate::builders::source::SourceUri;
use crate::policy::BuilderId;
use crate::policy::PolicyError;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::VersionPattern;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

const KEYS: &[&str] = &["builderId", "sourceUri", "sourceBranch", "sourceTag", "sourceVersionedTag"];
const REFS: &[&str] = &["sourceBranch", "sourceTag", "sourceVersionedTag"];

/// One key for each flag of `sealmark verify`. An empty block would check nothing and is refused.
pub(super) fn read(reader: &mut Reader, place: Place<'_>) -> Option<Slsa> {
    let fields = reader.fields(place, KEYS)?;
    let before = reader.problems.len();
    if !KEYS.iter().any(|key| fields.has(key)) {
        reader.refuse("policy-empty", fields.place(), "at least one expectation", "none");
    }
    let builder_id = fields.get("builderId").and_then(|place| {
        let text = reader.text(&place)?;
        reader.keep(BuilderId::parse(text), &place)
    });
    let source_uri = fields.get("sourceUri").and_then(|place| {
        let text = reader.text(&place)?;
        // A ref behind the repository would be taken for an expectation and be none.
        let uri = SourceUri::parse(text).filter(|uri| uri.git_ref.is_none());
        reader.keep(uri.ok_or_else(|| PolicyError::SourceUri { found: text.to_owned() }), &place)
    });
    let given: Vec<&str> = REFS.iter().copied().filter(|key| fields.has(key)).collect();
    if given.len() > 1 {
        reader.refuse(
            "policy-key-conflict",
            fields.place(),
            &format!("one of {}", REFS.join(", ")),
            given.join(" and "),
        );
    }
    let source_ref = given.first().and_then(|key| {
        let place = fields.get(key)?;
        let text = reader.text(&place)?;
        let read = match *key {
            "sourceBranch" => SourceRef::branch(text),
            "sourceTag" => SourceRef::tag(text),
            _ => VersionPattern::parse(text).map(SourceRef::Version),
        };
        reader.keep(read, &place)
    });
    // With any problem here there is no block: an expectation that cannot be read must not become an open one.
    (reader.problems.len() == before).then(|| Slsa {
        builder_id,
        source_uri,
        source_ref: source_ref.unwrap_or(SourceRef::Any),
    })
}
