//! A file of attestations: one bundle, an array, a service's document of several, or JSON Lines of any number.

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::bundle::Bundle;
use crate::formats::envelope;
use crate::formats::gcloud;
use crate::formats::json;
use crate::formats::npm;

/// Longest file of attestations that is read, in bytes (192 MiB): a predicate of 128 MiB, in base64.
pub const MAX_BYTES: usize = 192 * 1024 * 1024;
/// Most attestations in one file; each costs about a third of a millisecond to verify.
pub const MAX_ATTESTATIONS: usize = 10_000;

/// Where in its file an attestation stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// It was the whole file.
    Whole,
    /// A line, from 1.
    Line(usize),
    /// An item, from 0: of an array, of an npm registry's document or of what gcloud prints.
    Item(usize),
}

/// One place of a file where an attestation was expected, and what stood there.
#[derive(Debug)]
pub struct Candidate {
    /// Where.
    pub position: Position,
    /// The bundle, or why it is none.
    pub bundle: Result<Bundle, FormatError>,
}

/// Takes a file apart. One JSON value is a bundle, a bare envelope, an array of those, the attestations document of npm's
/// registry, or what gcloud prints about an image's provenance; several are JSON Lines of bundles and envelopes, one to a
/// line, empty lines skipped. What cannot be read is a candidate too: the others are not lost for it, and it is
/// reported.
///
/// # Errors
/// `input-too-large`, `input-empty`, `too-many`, and `json-*` of a service's document: nothing of the file is used.
pub fn parse(bytes: &[u8]) -> Result<Vec<Candidate>, FormatError> {
    if bytes.len() > MAX_BYTES {
        return Err(FormatError::TooLarge { what: "attestations", limit: MAX_BYTES, found: bytes.len() });
    }
    let lines = bytes.split(|byte| *byte == b'\n').enumerate();
    let lines: Vec<_> = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).collect();
    match lines.as_slice() {
        [] => Err(FormatError::Empty),
        [_] => whole(bytes),
        // Several lines are one pretty-printed value exactly when the first line alone is none.
        [(_, first), ..] if !is_value(first) && is_value(bytes) => whole(bytes),
        several if several.len() > MAX_ATTESTATIONS => {
            let (what, found) = ("attestations".to_owned(), several.len());
            Err(FormatError::TooMany { what, limit: MAX_ATTESTATIONS, found })
        }
        several => Ok(several.iter().map(|(n, line)| self::line(n + 1, line)).collect()),
    }
}

/// The text of the attestation at a position, without white space around a line: what a digest of it is made over. An item
/// of an array has no text of its own; the file's is given.
pub fn text(file: &[u8], position: Position) -> &[u8] {
    match position {
        Position::Whole | Position::Item(_) => file,
        Position::Line(line) => {
            let found = line.checked_sub(1).and_then(|before| file.split(|byte| *byte == b'\n').nth(before));
            found.unwrap_or(file).trim_ascii()
        }
    }
}

/// Takes one line of a file of JSON Lines apart; `number` is from 1. For whoever reads a long file line by line: where
/// the first of several lines is JSON by itself, the lines give what [`parse`] gives for the file.
pub fn line(number: usize, line: &[u8]) -> Candidate {
    let line = line.trim_ascii();
    Candidate { position: Position::Line(number), bundle: json::parse(line).and_then(|value| bundle(value, line)) }
}

/// Whether a line is a JSON value by itself. The first of several lines that is one starts JSON Lines.
fn is_value(line: &[u8]) -> bool {
    json::check(line).is_ok()
}

fn whole(bytes: &[u8]) -> Result<Vec<Candidate>, FormatError> {
    match json::parse(bytes) {
        Ok(Value::Array(items)) if items.is_empty() => Err(FormatError::Empty),
        Ok(Value::Array(items)) if items.len() > MAX_ATTESTATIONS => {
            let (what, found) = ("attestations".to_owned(), items.len());
            Err(FormatError::TooMany { what, limit: MAX_ATTESTATIONS, found })
        }
        Ok(Value::Array(items)) => {
            // The text of an item is not known here, so an envelope's source is rebuilt compactly.
            let one = |(n, value): (usize, Value)| {
                let text = value.to_string();
                Candidate { position: Position::Item(n), bundle: bundle(value, text.as_bytes()) }
            };
            Ok(items.into_iter().enumerate().map(one).collect())
        }
        Ok(value) if !looks_like_bundle(&value) && npm::looks_like_document(&value) => {
            Ok(items(npm::from_json(value)?.into_iter().map(|one| one.bundle)))
        }
        Ok(value) if !looks_like_bundle(&value) && gcloud::looks_like_document(&value) => {
            Ok(items(gcloud::Document::from_json(value)?.provenance.into_iter().map(|one| one.bundle)))
        }
        value => {
            let bundle = value.and_then(|value| bundle(value, bytes.trim_ascii()));
            Ok(vec![Candidate { position: Position::Whole, bundle }])
        }
    }
}

fn items(bundles: impl Iterator<Item = Result<Bundle, FormatError>>) -> Vec<Candidate> {
    bundles.enumerate().map(|(n, bundle)| Candidate { position: Position::Item(n), bundle }).collect()
}

fn looks_like_bundle(value: &Value) -> bool {
    value.get("mediaType").is_some() || value.get("verificationMaterial").is_some()
}

fn bundle(value: Value, text: &[u8]) -> Result<Bundle, FormatError> {
    if looks_like_bundle(&value) {
        return Bundle::from_json(value);
    }
    if envelope::looks_like_envelope(&value) {
        let envelope = envelope::Envelope::from_json(value, "")?;
        return Bundle::from_envelope(envelope::Envelope { source: Some(text.into()), ..envelope });
    }
    let found = match &value {
        Value::Object(map) => match map.keys().next() {
            Some(key) => format!("an object with key {key:?}"),
            None => "an empty object".to_owned(),
        },
        other => json::kind(other).to_owned(),
    };
    Err(FormatError::NotAnAttestation { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_text_of_its_own() {
        let file = b"{}\n\n {\"a\":1} \r\n";
        assert_eq!(text(file, Position::Line(1)), b"{}");
        assert_eq!(text(file, Position::Line(3)), b"{\"a\":1}");
        assert_eq!(text(file, Position::Whole), file);
        assert_eq!(text(file, Position::Item(0)), file);
    }

    const ENVELOPE: &str = r#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AA=="}]}"#;

    fn shapes(text: &str) -> Vec<(Position, Option<&'static str>)> {
        let candidates = parse(text.as_bytes()).unwrap();
        candidates.into_iter().map(|c| (c.position, c.bundle.err().map(|e| e.code()))).collect()
    }

    #[test]
    fn one_many_and_arrays() {
        assert_eq!(shapes(ENVELOPE), [(Position::Whole, None)]);
        let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(ENVELOPE).unwrap()).unwrap();
        assert_eq!(shapes(&pretty), [(Position::Whole, None)]);
        let lines = format!("{ENVELOPE}\n\n{{}}\r\nnot json\n{ENVELOPE}\n");
        assert_eq!(
            shapes(&lines),
            [
                (Position::Line(1), None),
                (Position::Line(3), Some("not-an-attestation")),
                (Position::Line(4), Some("json-invalid")),
                (Position::Line(5), None),
            ]
        );
        assert_eq!(
            shapes(&format!("[{ENVELOPE},3]")),
            [(Position::Item(0), None), (Position::Item(1), Some("not-an-attestation"))]
        );
        assert_eq!(shapes("nonsense"), [(Position::Whole, Some("json-invalid"))]);
    }

    #[test]
    fn documents_of_services_are_taken_apart() {
        let npm = r#"{"attestations":[{"predicateType":"p","bundle":{}},{"predicateType":"q","bundle":{}}]}"#;
        let missing = Some("json-field-missing");
        assert_eq!(shapes(npm), [(Position::Item(0), missing), (Position::Item(1), missing)]);
        let gcloud = format!(r#"{{"provenance_summary":{{"provenance":[{{"envelope":{ENVELOPE}}},{{}}]}}}}"#);
        assert_eq!(shapes(&gcloud), [(Position::Item(0), None), (Position::Item(1), missing)]);
        let code = |text: &str| parse(text.as_bytes()).unwrap_err().code();
        assert_eq!(code(r#"{"attestations":[]}"#), "input-empty");
        assert_eq!(code(r#"{"provenance_summary":{}}"#), "input-empty");
        // What says that it is a bundle is read as one.
        assert_eq!(
            shapes(&npm.replacen('{', r#"{"mediaType":"x","#, 1)),
            [(Position::Whole, Some("bundle-media-type"))]
        );
    }

    #[test]
    fn a_bare_envelope_keeps_its_text() {
        let bundle = parse(format!("{ENVELOPE}\n").as_bytes()).unwrap().remove(0).bundle.unwrap();
        let crate::formats::bundle::Content::Envelope(envelope) = bundle.content else { panic!() };
        assert_eq!(envelope.source.as_deref(), Some(ENVELOPE.as_bytes()));
    }

    #[test]
    fn nothing_and_too_much() {
        assert_eq!(parse(b"").unwrap_err().code(), "input-empty");
        assert_eq!(parse(b"\n \n").unwrap_err().code(), "input-empty");
        assert_eq!(parse(b"[]").unwrap_err().code(), "input-empty");
        let many = "{}\n".repeat(MAX_ATTESTATIONS + 1);
        assert_eq!(parse(many.as_bytes()).unwrap_err().code(), "too-many");
    }
}
