//! Whether a predicate that somebody else made has the shape that its type promises, asked before anybody signs it.

use std::io;
use std::io::BufReader;
use std::io::Read;

use jiff::Timestamp;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::json;
use crate::formats::json::passing::Input;
use crate::formats::json::passing::Passing;
use crate::formats::json::passing::members;
use crate::formats::json::passing::rest;
use crate::formats::predicate_type;
use crate::formats::predicate_type::PredicateType;

/// Longest text of a predicate that is quoted in an error, in characters.
const MAX_QUOTED: usize = 60;

/// A predicate of another shape than its type promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at {at} of a predicate that is {what}, found {found}", at = place(pointer))]
pub struct ShapeError {
    /// What the type promises.
    pub what: &'static str,
    /// JSON pointer (RFC 6901) into the predicate; empty for the whole.
    pub pointer: String,
    /// What belongs there.
    pub expected: String,
    /// What is there, cut short.
    pub found: String,
    /// What the predicate seems to be instead, and what to do then.
    pub hint: Option<&'static str>,
}

impl ShapeError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        "predicate-shape"
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the top" } else { pointer }
}

/// What stands at a place.
#[derive(Clone, Copy)]
enum Is {
    /// A text that is not empty.
    Text,
    /// An absolute URI.
    Uri,
    /// A time of RFC 3339.
    Time,
    /// A text that starts so.
    Starts(&'static str),
    /// One of these texts.
    OneOf(&'static [&'static str]),
    Object,
    Array,
    /// An object or an array.
    ObjectOrArray,
    /// An object, or a text that is not empty.
    ObjectOrText,
    /// A whole number from 1.
    Number,
    /// A whole number from 1, or a text, as earlier versions had it.
    NumberOrText,
}

/// Whether it may be absent.
#[derive(Clone, Copy)]
enum Need {
    Must,
    May,
}

type Row = (&'static str, Is, Need);

const SPDX_2: &[Row] = &[
    ("/spdxVersion", Is::Starts("SPDX-2."), Need::Must),
    ("/SPDXID", Is::Text, Need::Must),
    ("/name", Is::Text, Need::Must),
    ("/creationInfo", Is::Object, Need::Must),
];
/// SPDX 3.0.1, "Serialization": JSON-LD.
const SPDX_3: &[Row] = &[("/@graph", Is::Array, Need::Must)];
/// CycloneDX 1.2 to 1.7, JSON; `version` has a default since 1.5.
const CYCLONEDX: &[Row] = &[
    ("/bomFormat", Is::OneOf(&["CycloneDX"]), Need::Must),
    ("/specVersion", Is::Starts("1."), Need::Must),
    ("/version", Is::Number, Need::May),
];
/// cosign, `specs/COSIGN_VULN_ATTESTATION_SPEC.md`.
const VULN: &[Row] = &[
    ("/invocation", Is::Object, Need::Must),
    ("/scanner", Is::Object, Need::Must),
    ("/scanner/uri", Is::Text, Need::Must),
    ("/scanner/result", Is::ObjectOrArray, Need::Must),
    ("/metadata", Is::Object, Need::Must),
    ("/metadata/scanStartedOn", Is::Time, Need::Must),
    ("/metadata/scanFinishedOn", Is::Time, Need::Must),
];
/// OpenVEX 0.2.0.
const OPENVEX: &[Row] = &[
    ("/@context", Is::Starts("https://openvex.dev/ns"), Need::Must),
    ("/@id", Is::Text, Need::Must),
    ("/author", Is::Text, Need::Must),
    ("/timestamp", Is::Time, Need::Must),
    ("/version", Is::NumberOrText, Need::Must),
    ("/statements", Is::Array, Need::Must),
];
const VEX_STATEMENT: &[Row] = &[
    ("/vulnerability", Is::ObjectOrText, Need::Must),
    ("/status", Is::OneOf(&["not_affected", "affected", "fixed", "under_investigation"]), Need::Must),
];
const PROVENANCE_V1: &[Row] = &[
    ("/buildDefinition", Is::Object, Need::Must),
    ("/buildDefinition/buildType", Is::Uri, Need::Must),
    ("/buildDefinition/externalParameters", Is::Object, Need::Must),
    ("/runDetails", Is::Object, Need::Must),
    ("/runDetails/builder/id", Is::Uri, Need::Must),
];
const PROVENANCE_V02: &[Row] = &[("/builder/id", Is::Uri, Need::Must), ("/buildType", Is::Uri, Need::Must)];
/// in-toto Link: `materials` is a map in links, a list in attestations of them.
const LINK: &[Row] = &[
    ("/name", Is::Text, Need::Must),
    ("/command", Is::Array, Need::Must),
    ("/materials", Is::ObjectOrArray, Need::Must),
    ("/byproducts", Is::Object, Need::Must),
    ("/environment", Is::Object, Need::Must),
];
const VSA: &[Row] = &[
    ("/verifier/id", Is::Uri, Need::Must),
    ("/timeVerified", Is::Time, Need::May),
    ("/resourceUri", Is::Text, Need::Must),
    ("/policy", Is::Object, Need::Must),
    ("/verificationResult", Is::OneOf(&["PASSED", "FAILED"]), Need::Must),
    ("/verifiedLevels", Is::Array, Need::Must),
];

/// Types by their word in [`predicate_type::TABLE`], what such a predicate is, and what it holds.
const SHAPES: &[(&str, &str, &[Row])] = &[
    ("spdxjson", "an SPDX document", SPDX_2),
    ("cyclonedx", "a CycloneDX document", CYCLONEDX),
    ("vuln", "a vulnerability scan", VULN),
    ("openvex", "an OpenVEX document", OPENVEX),
    ("slsaprovenance1", "SLSA provenance v1", PROVENANCE_V1),
    ("slsaprovenance02", "SLSA provenance v0.2", PROVENANCE_V02),
    ("link", "an in-toto link", LINK),
    ("vsa", "a verification summary", VSA),
];

/// A key that gives away what a document is, the words of the types it may be signed under, and advice.
const TELLS: &[(&str, &[&str], &str)] = &[
    ("_type", &[], "it is a whole Statement: sign it with --statement FILE, or take its predicate out"),
    ("bomFormat", &["cyclonedx"], "it looks like CycloneDX: --type cyclonedx"),
    ("spdxVersion", &["spdxjson"], "it looks like SPDX: --type spdxjson"),
    ("buildDefinition", &["slsaprovenance1"], "it looks like SLSA provenance v1: --type slsaprovenance1"),
    ("buildType", &["slsaprovenance02"], "it looks like SLSA provenance v0.2: --type slsaprovenance02"),
    ("statements", &["openvex"], "it looks like OpenVEX: --type openvex"),
    ("scanner", &["vuln"], "it looks like a vulnerability scan: --type vuln"),
    ("verificationResult", &["vsa"], "it looks like a verification summary: --type vsa"),
];

/// Types of which nothing below the first level is looked at, and which may be very large.
const SHALLOW: &[&str] = &["spdxjson", "cyclonedx"];
/// Longest text of an array or object of those that is read, in bytes (64 KiB).
const MAX_READ: usize = 64 * 1024;
/// Most bytes of the first level of a predicate that passes by (1 MiB).
const MAX_PASSED: usize = 1024 * 1024;

/// As much of a predicate as [`check`] looks at; all of its text is held to be JSON.
///
/// # Errors
/// `json-*`, `too-many`.
pub fn read(type_uri: &str, predicate: &[u8]) -> Result<Value, FormatError> {
    match shape(type_uri) {
        Some((word, ..)) if !SHALLOW.contains(&word) => json::parse(predicate),
        _ => json::outline(predicate, |_, length| length > MAX_READ),
    }
}

/// The same of a predicate that passes by, with a short text in place of each that is long. Whether all of it is JSON is for
/// others to say. None of a type that is looked into below the first level.
///
/// # Errors
/// Those of the reader; [`io::ErrorKind::InvalidData`] and [`io::ErrorKind::UnexpectedEof`] for what is no JSON object.
pub fn read_passing(type_uri: &str, predicate: impl Read) -> io::Result<Option<Value>> {
    if shape(type_uri).is_some_and(|(word, ..)| !SHALLOW.contains(&word)) {
        return Ok(None);
    }
    let mut reader = BufReader::new(predicate);
    let mut input = Input::new(&mut reader);
    let mut text = members(&mut input, MAX_PASSED, &mut |_, input| {
        let (mut text, mut value) = (Vec::new(), Passing::new(input));
        let most = u64::try_from(MAX_READ).unwrap_or(u64::MAX);
        value.by_ref().take(most.saturating_add(1)).read_to_end(&mut text)?;
        io::copy(&mut value, &mut io::sink())?;
        Ok(match text.first() {
            _ if text.len() <= MAX_READ => text,
            Some(b'[') => b"[]".to_vec(),
            Some(b'{') => b"{}".to_vec(),
            Some(b'"') => b"\" \"".to_vec(),
            _ => return Err(io::ErrorKind::InvalidData.into()),
        })
    })?;
    text.extend(rest(&mut input, MAX_PASSED)?);
    json::parse(&text).map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}

/// Holds a predicate against what its type promises: the fields that every reader of the type needs, not the whole schema.
/// A type that is not known here promises nothing.
///
/// # Errors
/// [`ShapeError`] with the first field that is absent or another.
pub fn check(type_uri: &str, predicate: &Value) -> Result<(), ShapeError> {
    let Some((word, what, rows)) = shape(type_uri) else { return Ok(()) };
    let hint = tell(word, predicate);
    if !predicate.is_object() {
        let (expected, found) = ("an object".to_owned(), described(predicate));
        return Err(ShapeError { what, pointer: String::new(), expected, found, hint });
    }
    let third = word == "spdxjson" && predicate.get("@graph").is_some();
    let rows = if third { SPDX_3 } else { rows };
    hold(what, "", predicate, rows).map_err(|error| ShapeError { hint, ..error })?;
    if third && !matches!(predicate.get("@context"), Some(Value::String(_) | Value::Array(_) | Value::Object(_))) {
        return Err(wrong(what, "/@context".to_owned(), "the context of JSON-LD", predicate.get("@context")));
    }
    let statements = predicate.get("statements").and_then(Value::as_array).filter(|_| word == "openvex");
    for (index, statement) in statements.into_iter().flatten().enumerate() {
        hold(what, &format!("/statements/{index}"), statement, VEX_STATEMENT)?;
    }
    Ok(())
}

/// What a text that is no JSON seems to be, where its type promises a JSON document that comes in other spellings.
pub fn of_text(type_uri: &str, text: &[u8]) -> Option<ShapeError> {
    let (_, what, _) = shape(type_uri)?;
    let text = text.trim_ascii_start();
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let (found, hint) = if text.starts_with(b"SPDXVersion:") || text.starts_with(b"#") {
        ("tag-value text", "SPDX in tag-value text: convert it to JSON")
    } else if text.starts_with(b"<") {
        ("XML", "in XML: convert it to JSON")
    } else {
        return None;
    };
    let expected = "a JSON object".to_owned();
    Some(ShapeError { what, pointer: String::new(), expected, found: found.to_owned(), hint: Some(hint) })
}

fn shape(type_uri: &str) -> Option<(&'static str, &'static str, &'static [Row])> {
    let of = |row: &PredicateType| row.uri == type_uri || row.also_read.contains(&type_uri);
    let mut words = predicate_type::TABLE.iter().filter(|row| of(row)).map(|row| row.word);
    words.find_map(|word| SHAPES.iter().find(|shape| shape.0 == word)).copied()
}

/// Advice where the document looks like one of another type.
fn tell(word: &str, predicate: &Value) -> Option<&'static str> {
    let mut tells = TELLS.iter().filter(|(key, ..)| predicate.get(key).is_some());
    tells.find(|(_, words, _)| !words.contains(&word)).map(|(.., hint)| *hint)
}

fn hold(what: &'static str, at: &str, value: &Value, rows: &[Row]) -> Result<(), ShapeError> {
    for (pointer, is, need) in rows {
        let found = value.pointer(pointer);
        match (found, need) {
            (None, Need::May) => {}
            (Some(found), _) if is.met(found) => {}
            (found, _) => return Err(wrong(what, format!("{at}{pointer}"), &is.expected(), found)),
        }
    }
    Ok(())
}

fn wrong(what: &'static str, pointer: String, expected: &str, found: Option<&Value>) -> ShapeError {
    let found = found.map_or_else(|| "nothing".to_owned(), described);
    ShapeError { what, pointer, expected: expected.to_owned(), found, hint: None }
}

fn described(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{:?}", text.chars().take(MAX_QUOTED).collect::<String>()),
        Value::Number(number) => number.to_string(),
        other => json::kind(other).to_owned(),
    }
}

impl Is {
    fn met(self, value: &Value) -> bool {
        let text = value.as_str();
        let filled = text.is_some_and(|text| !text.is_empty());
        let number = value.as_u64().is_some_and(|number| number >= 1);
        match self {
            Self::Text => filled,
            Self::Uri => text.is_some_and(|text| text.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))),
            Self::Time => text.is_some_and(|text| text.parse::<Timestamp>().is_ok()),
            Self::Starts(start) => text.is_some_and(|text| text.starts_with(start)),
            Self::OneOf(words) => text.is_some_and(|text| words.contains(&text)),
            Self::Object => value.is_object(),
            Self::Array => value.is_array(),
            Self::ObjectOrArray => value.is_object() || value.is_array(),
            Self::ObjectOrText => value.is_object() || filled,
            Self::Number => number,
            Self::NumberOrText => number || filled,
        }
    }

    fn expected(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::Uri => "an absolute URI".to_owned(),
            Self::Time => "a time such as 2026-01-02T03:04:05Z".to_owned(),
            Self::Starts(start) => format!("a text that starts with {start}"),
            Self::OneOf(words) => words.join(" or "),
            Self::Object => "an object".to_owned(),
            Self::Array => "an array".to_owned(),
            Self::ObjectOrArray => "an object or an array".to_owned(),
            Self::ObjectOrText => "an object or a text".to_owned(),
            Self::Number => "a whole number from 1".to_owned(),
            Self::NumberOrText => "a whole number from 1 or a text".to_owned(),
        }
    }
}

/// RFC 3986, section 3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A word and a document of its shape.
    fn good() -> Vec<(&'static str, Value)> {
        let scan = json!({"scanStartedOn": "2026-01-02T03:04:05Z", "scanFinishedOn": "2026-01-02T03:04:06.5+01:00"});
        let spdx = json!({"spdxVersion": "SPDX-2.3", "SPDXID": "SPDXRef-DOCUMENT", "name": "n", "creationInfo": {}});
        let vex = json!({"vulnerability": {"name": "CVE-1"}, "status": "not_affected"});
        let vuln = json!({"invocation": {}, "scanner": {"uri": "u", "result": {}}, "metadata": scan});
        let definition = json!({"buildType": "https://b", "externalParameters": {}});
        vec![
            ("spdxjson", spdx),
            ("cyclonedx", json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1})),
            ("vuln", vuln),
            (
                "openvex",
                json!({"@context": "https://openvex.dev/ns/v0.2.0", "@id": "i", "author": "a",
                       "timestamp": "2026-01-02T03:04:05Z", "version": 1, "statements": [vex]}),
            ),
            ("slsaprovenance1", json!({"buildDefinition": definition, "runDetails": {"builder": {"id": "https://b"}}})),
            ("slsaprovenance02", json!({"builder": {"id": "https://b"}, "buildType": "https://b"})),
            ("link", json!({"name": "n", "command": [], "materials": {}, "byproducts": {}, "environment": {}})),
            (
                "vsa",
                json!({"verifier": {"id": "https://v"}, "timeVerified": "2026-01-02T03:04:05Z", "resourceUri": "r",
                       "policy": {}, "verificationResult": "PASSED", "verifiedLevels": []}),
            ),
        ]
    }

    fn uri(word: &str) -> &'static str {
        predicate_type::TABLE.iter().find(|row| row.word == word).unwrap().uri
    }

    /// Takes what a pointer leads to out of a document.
    fn without(document: &Value, pointer: &str) -> Value {
        let mut document = document.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        document
    }

    #[test]
    fn each_field_that_a_type_promises_must_be_there() {
        let mut checked = 0;
        for (word, document) in good() {
            check(uri(word), &document).unwrap();
            let rows = SHAPES.iter().find(|shape| shape.0 == word).unwrap().2;
            for (pointer, is, need) in rows {
                let error = check(uri(word), &without(&document, pointer));
                match need {
                    Need::Must => assert_eq!(error.unwrap_err().pointer, *pointer, "{word}"),
                    Need::May => error.unwrap(),
                }
                let mut other = document.clone();
                *other.pointer_mut(pointer).unwrap() = json!(true);
                let error = check(uri(word), &other).unwrap_err();
                assert_eq!((error.pointer.as_str(), error.found.as_str()), (*pointer, "a boolean"), "{word}");
                assert_eq!((error.code(), error.expected), ("predicate-shape", is.expected()));
                checked += 1;
            }
            for row in predicate_type::TABLE.iter().filter(|row| row.word == word) {
                for also in row.also_read {
                    check(also, &document).unwrap();
                    assert!(check(also, &json!({})).is_err(), "{also}");
                }
            }
        }
        assert_eq!((checked, good().len()), (38, SHAPES.len()));
    }

    #[test]
    fn what_is_not_known_is_carried_as_it_is() {
        check(uri("custom"), &json!({})).unwrap();
        check("https://example.com/type/v1", &json!([])).unwrap();
    }

    #[test]
    fn a_vex_statement_has_a_vulnerability_and_a_status() {
        let (_, document) = good().into_iter().find(|(word, _)| *word == "openvex").unwrap();
        let with = |statement: Value| {
            let mut document = document.clone();
            document["statements"] = json!([document["statements"][0], statement]);
            check(uri("openvex"), &document)
        };
        with(json!({"vulnerability": "CVE-2", "status": "fixed"})).unwrap();
        assert_eq!(
            with(json!({"vulnerability": "CVE-2", "status": "ok"})).unwrap_err().pointer,
            "/statements/1/status"
        );
        let missing = with(json!({"status": "fixed"})).unwrap_err();
        assert_eq!((missing.pointer.as_str(), missing.found.as_str()), ("/statements/1/vulnerability", "nothing"));
        assert_eq!(with(json!("fixed")).unwrap_err().pointer, "/statements/1/vulnerability");
    }

    #[test]
    fn spdx_3_is_json_ld() {
        let third = json!({"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld", "@graph": []});
        check(uri("spdxjson"), &third).unwrap();
        assert_eq!(check(uri("spdxjson"), &json!({"@graph": []})).unwrap_err().pointer, "/@context");
        assert_eq!(check(uri("spdxjson"), &json!({"@graph": {}, "@context": ""})).unwrap_err().pointer, "/@graph");
    }

    #[test]
    fn what_it_looks_like_is_said() {
        let document = |word: &str| good().into_iter().find(|(one, _)| *one == word).unwrap().1;
        let hint = |word: &str, value: &Value| check(uri(word), value).unwrap_err().hint.unwrap_or_default();
        assert!(hint("spdxjson", &document("cyclonedx")).contains("--type cyclonedx"));
        assert!(hint("cyclonedx", &document("spdxjson")).contains("--type spdxjson"));
        assert!(hint("slsaprovenance02", &document("slsaprovenance1")).contains("--type slsaprovenance1"));
        assert!(hint("vuln", &json!({"_type": "https://in-toto.io/Statement/v1"})).contains("--statement"));
        assert_eq!(hint("vuln", &json!({})), "");
        let text = of_text(uri("spdxjson"), b"SPDXVersion: SPDX-2.3\n").unwrap();
        assert_eq!(
            (text.found.as_str(), text.hint),
            ("tag-value text", Some("SPDX in tag-value text: convert it to JSON"))
        );
        assert_eq!(of_text(uri("cyclonedx"), b"\n<?xml version=\"1.0\"?>").unwrap().found, "XML");
        assert!(of_text(uri("cyclonedx"), b"{").is_none() && of_text(uri("custom"), b"<").is_none());
    }
}
