//! A located tree to a policy: every problem at once.

pub(super) mod claims;
pub(super) mod evidence;
pub(super) mod exceptions;
mod require;
pub(super) mod slsa;
pub(super) mod verifiers;

use std::collections::BTreeMap;

pub(super) use evidence::FRESHNESS;
pub(super) use evidence::SLSA;

use crate::policy::document::digest;
use crate::policy::document::model::API_VERSION;
use crate::policy::document::model::Document;
use crate::policy::document::model::KIND;
use crate::policy::document::model::Metadata;
use crate::policy::document::node::Kind;
use crate::policy::document::node::Node;
use crate::policy::document::node::shown;
use crate::policy::document::problem::Problem;
use crate::policy::document::problem::Problems;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// Most files that one policy may name.
pub const MAX_FILES: usize = 64;
/// Most verifiers, evidences and exceptions of one policy each.
pub const MAX_NAMED: usize = 64;

pub(in crate::policy::document) const KEYS: &[&str] =
    &["apiVersion", "kind", "metadata", "verifiers", "evidence", "require", "exceptions"];
pub(in crate::policy::document) const METADATA: &[&str] = &["name", "version", "owner", "description", "expires"];

/// The files that a policy names, by the path as written: their bytes, or why they cannot be read. Reading them is the
/// caller's; nothing here touches a disk.
pub type Files = BTreeMap<String, Result<Vec<u8>, String>>;

/// The paths of the files that a tree names, each once, at most [`MAX_FILES`]. They are relative to the policy's folder.
pub fn references(tree: &Node) -> Vec<String> {
    let mut found = Vec::new();
    let verifiers = tree.get("verifiers").map(|node| &node.kind);
    let Some(Kind::Map(verifiers)) = verifiers else { return found };
    for verifier in verifiers {
        for list in ["trust", "keys"] {
            let Some(Kind::List(items)) = verifier.value.get(list).map(|node| &node.kind) else { continue };
            for path in items.iter().filter_map(|item| item.get("file")?.text()) {
                if !found.iter().any(|known| known == path) && found.len() < MAX_FILES {
                    found.push(path.to_owned());
                }
            }
        }
    }
    found
}

/// Reads a policy out of its tree and the files that it names.
///
/// # Errors
/// [`Problems`]: everything that is wrong, in the order of the file.
pub fn read(tree: &Node, files: &Files) -> Result<Document, Problems> {
    let mut reader = Reader::default();
    let document = document(&mut reader, tree, files);
    match (document, reader.problems.is_empty()) {
        (Some(document), true) => Ok(document),
        (None, true) => {
            let at = tree.at;
            Err(Problems(vec![Problem::new("policy-wrong-type", at, "", "a policy", tree.words())]))
        }
        (_, false) => Err(Problems::sorted(reader.problems)),
    }
}

/// What is not there leaves None; what is wrong is noted. Nothing is read by halves: with any problem there is no policy.
fn document(reader: &mut Reader, tree: &Node, files: &Files) -> Option<Document> {
    let fields = reader.fields(Place::root(tree), KEYS)?;
    header(reader, &fields, KIND);
    let metadata = reader.need(&fields, "metadata").and_then(|place| metadata(reader, place));
    let verifiers = reader.need(&fields, "verifiers").map(|place| verifiers::read(reader, &place, files));
    let verifiers = verifiers.unwrap_or_default();
    let evidence = reader.need(&fields, "evidence").map(|place| evidence::read(reader, &place, &verifiers.names));
    let evidence = evidence.unwrap_or_default();
    let require = reader.need(&fields, "require").and_then(|place| require::read(reader, &place, &evidence.names));
    let exceptions = fields.get("exceptions").map(|place| exceptions::read(reader, &place, &evidence));
    Some(Document {
        metadata: metadata?,
        verifiers: verifiers.read,
        evidence: evidence.read,
        require: require?,
        exceptions: exceptions.unwrap_or_default(),
        digest: digest::of(tree, files),
    })
}

/// `apiVersion` and `kind`, which every file of ours starts with.
pub(super) fn header(reader: &mut Reader, fields: &crate::policy::document::reader::Fields<'_>, kind: &str) {
    for (key, expected) in [("apiVersion", API_VERSION), ("kind", kind)] {
        let Some(place) = reader.need(fields, key) else { continue };
        if let Some(text) = reader.text(&place).filter(|text| *text != expected) {
            reader.refuse("policy-api-version", &place, expected, shown(text));
        }
    }
}

fn metadata(reader: &mut Reader, place: Place<'_>) -> Option<Metadata> {
    let fields = reader.fields(place, METADATA)?;
    let name = reader.need_text(&fields, "name");
    let version = reader.need_text(&fields, "version");
    let owner = reader.maybe_text(&fields, "owner");
    reader.maybe_text(&fields, "description");
    let expires = fields.get("expires").map(|place| reader.time(&place));
    Some(Metadata {
        name: name?.to_owned(),
        version: version?.to_owned(),
        owner: owner.map(str::to_owned),
        expires: match expires {
            None => None,
            Some(time) => Some(time?),
        },
    })
}
