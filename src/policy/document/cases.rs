//! Cases beside a policy: what it must say about which attestations.

use jiff::Timestamp;

use crate::formats::digest::Digest;
use crate::policy::document::node::Node;
use crate::policy::document::node::Position;
use crate::policy::document::node::shown;
use crate::policy::document::outcome::Decision;
use crate::policy::document::problem::Problems;
use crate::policy::document::read::header;
use crate::policy::document::reader::Place;
use crate::policy::document::reader::Reader;

/// `kind` of a file of cases.
pub const KIND: &str = "PolicyTest";
/// Most cases of one file.
pub const MAX_CASES: usize = 256;
/// Most attestations of one case.
const MAX_FILES: usize = 64;

const KEYS: &[&str] = &["apiVersion", "kind", "cases"];
const CASE: &[&str] = &["name", "artifact", "attestations", "now", "expect"];
const VERDICTS: &[(&str, Decision)] =
    &[("allowed", Decision::Allowed), ("denied", Decision::Denied), ("undecided", Decision::Undecided)];

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// What the artifact is called.
    pub artifact: String,
    /// What it is.
    pub digests: Vec<Digest>,
    /// Files of attestations, relative to the folder of the cases; there may be none.
    pub attestations: Vec<String>,
    /// The time of the verdict.
    pub now: Timestamp,
    /// The verdict that must come out.
    pub decision: Decision,
    /// The codes that must come out, all of them and no other, sorted; None with an allowed verdict.
    pub codes: Option<Vec<String>>,
}

/// Reads a file of cases.
///
/// # Errors
/// [`Problems`]; a file without a case is one, since it shows nothing.
pub fn read(tree: &Node) -> Result<Vec<Case>, Problems> {
    let mut reader = Reader::default();
    let cases = cases(&mut reader, tree).unwrap_or_default();
    if reader.problems.is_empty() { Ok(cases) } else { Err(Problems::sorted(reader.problems)) }
}

fn cases(reader: &mut Reader, tree: &Node) -> Option<Vec<Case>> {
    let fields = reader.fields(Place::root(tree), KEYS)?;
    header(reader, &fields, KIND);
    let place = reader.need(&fields, "cases")?;
    let items = reader.list(&place, "cases", MAX_CASES);
    Some(items.into_iter().filter_map(|place| case(reader, place)).collect())
}

fn case(reader: &mut Reader, place: Place<'_>) -> Option<Case> {
    let at = place.node.at;
    let fields = reader.fields(place, CASE)?;
    let name = reader.need_text(&fields, "name");
    let artifact = reader.need(&fields, "artifact").and_then(|place| artifact(reader, place));
    let attestations = fields.get("attestations").map(|place| {
        let items = reader.list(&place, "files", MAX_FILES);
        items.iter().filter_map(|place| reader.text(place).map(str::to_owned)).collect::<Vec<_>>()
    });
    let now = reader.need(&fields, "now").and_then(|place| reader.time(&place));
    let expect = reader.need(&fields, "expect").and_then(|place| expect(reader, place));
    let (artifact, digests) = artifact?;
    let (decision, codes) = expect?;
    Some(Case {
        name: name?.to_owned(),
        at,
        artifact,
        digests,
        attestations: attestations.unwrap_or_default(),
        now: now?,
        decision,
        codes,
    })
}

fn artifact(reader: &mut Reader, place: Place<'_>) -> Option<(String, Vec<Digest>)> {
    let fields = reader.fields(place, &["name", "digest"])?;
    let name = reader.need_text(&fields, "name");
    let digest = reader.need(&fields, "digest").and_then(|place| {
        let text = reader.text(&place)?;
        let digest = Digest::parse(text);
        if digest.is_err() {
            reader.refuse("policy-digest", &place, "a digest such as sha256:…", shown(text));
        }
        digest.ok()
    });
    Some((name?.to_owned(), vec![digest?]))
}

fn expect(reader: &mut Reader, place: Place<'_>) -> Option<(Decision, Option<Vec<String>>)> {
    let fields = reader.fields(place, &["verdict", "codes"])?;
    let decision = reader.need(&fields, "verdict").and_then(|place| reader.word(&place, VERDICTS));
    let codes = fields.get("codes").map(|place| {
        let items = reader.list(&place, "codes", MAX_FILES);
        let mut codes: Vec<String> = items.iter().filter_map(|place| reader.text(place).map(str::to_owned)).collect();
        codes.sort();
        codes
    });
    let decision = decision?;
    match (decision, &codes) {
        (Decision::Allowed, Some(_)) => {
            reader.refuse("policy-key-conflict", fields.place(), "no codes beside allowed", "codes");
        }
        // A refusal for another reason than the one that is meant would pass otherwise.
        (Decision::Denied | Decision::Undecided, None) => {
            reader.refuse("policy-key-missing", fields.place(), "the key codes, why it is refused", "none");
        }
        _ => {}
    }
    Some((decision, codes))
}
