//! in-toto Statements v0.1 and v1.

use std::ops::Range;
use std::sync::Arc;
use std::sync::OnceLock;

use serde_json::Map;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::digest::DigestSet;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::payload::Payload;
use crate::formats::predicate_type;

/// `_type` of Statement v1 (in-toto attestation spec v1, "Statement").
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// `_type` of Statement v0.1.
pub const STATEMENT_V0_1: &str = "https://in-toto.io/Statement/v0.1";

/// Most subjects in one Statement.
pub const MAX_SUBJECTS: usize = 1_000_000;

/// Which Statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementVersion {
    /// `https://in-toto.io/Statement/v0.1`
    V0_1,
    /// `https://in-toto.io/Statement/v1`
    V1,
}

impl StatementVersion {
    /// The `_type` URI.
    pub fn uri(self) -> &'static str {
        match self {
            Self::V0_1 => STATEMENT_V0_1,
            Self::V1 => STATEMENT_V1,
        }
    }
}

/// A well-formed in-toto Statement. It says nothing about truth. The bytes that were signed ride along; they are what
/// is kept, hashed and shown, never a re-serialisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Which `_type`.
    pub version: StatementVersion,
    /// At least one subject.
    pub subjects: Vec<Subject>,
    /// The predicate's type URI, compared as a whole.
    pub predicate_type: String,
    /// Fields the specification does not know, kept.
    pub extra: Map<String, Value>,
    predicate: Predicate,
    signed: Signed,
}

/// Where the predicate stands in the signed bytes, and what it reads as once somebody asked: a bill of materials may have a
/// hundred megabytes, and whoever only checks its signature need not build it.
#[derive(Debug, Clone)]
struct Predicate {
    place: Range<usize>,
    value: Arc<OnceLock<Value>>,
}

/// What was signed, as far as it is held.
#[derive(Debug, Clone, PartialEq)]
enum Signed {
    Whole(Arc<[u8]>),
    /// So many bytes, of which all but the predicate was read.
    Outline(u64),
}

/// What it reads as follows from the bytes, which are compared anyway.
impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

/// A subject of a Statement: a resource descriptor that has digests.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The name, if it has one; never used to decide.
    pub name: Option<String>,
    /// Digests; at least one.
    pub digest: DigestSet,
    /// Other fields of the descriptor (`uri`, `annotations`, ...), kept.
    pub extra: Map<String, Value>,
}

impl Statement {
    /// Reads a Statement out of the bytes that were signed.
    ///
    /// # Errors
    /// `statement-type` for any other `_type`, `json-*` for malformed fields, `too-many` above [`MAX_SUBJECTS`]. A
    /// Statement without a subject, or with a subject without a digest, is malformed.
    pub fn parse(signed: Arc<[u8]>) -> Result<Self, FormatError> {
        let statement = Self::read(&signed)?;
        Ok(Self { signed: Signed::Whole(signed), ..statement })
    }

    /// Reads a Statement of `length` bytes out of a text that has another predicate in place of the one that was signed, which
    /// nobody held.
    ///
    /// # Errors
    /// As [`Statement::parse`].
    pub fn outline(text: &[u8], length: u64) -> Result<Self, FormatError> {
        let statement = Self::read(text)?;
        let predicate = Predicate { place: 0..0, value: Arc::default() };
        Ok(Self { predicate, signed: Signed::Outline(length), ..statement })
    }

    /// The Statement that a payload says to be.
    ///
    /// # Errors
    /// As [`Statement::parse`].
    pub fn of(payload: &Payload) -> Result<Self, FormatError> {
        match payload {
            Payload::Held(bytes) => Self::parse(bytes.clone()),
            Payload::Measured(measured) => Ok(measured.statement.clone()),
        }
    }

    /// A Statement that does not say yet what was signed.
    fn read(text: &[u8]) -> Result<Self, FormatError> {
        let (mut map, mut place) = (Map::new(), 0..0);
        for (name, range) in json::members(text)?.ok_or_else(|| not_an_object(text))? {
            if name == "predicate" {
                place = range;
                continue;
            }
            let value = text.get(range).unwrap_or_default();
            map.insert(name, json::parse(value)?);
        }
        let mut fields = Fields::new(Value::Object(map), "")?;
        let version = match fields.need_string("_type")? {
            uri if uri == STATEMENT_V1 => StatementVersion::V1,
            uri if uri == STATEMENT_V0_1 => StatementVersion::V0_1,
            found => return Err(FormatError::StatementType { found }),
        };
        let list = fields.array("subject", MAX_SUBJECTS)?;
        if list.is_empty() {
            return Err(fields.missing("subject"));
        }
        let subjects =
            list.into_iter().enumerate().map(|(n, value)| Subject::from_json(value, n)).collect::<Result<_, _>>()?;
        let predicate_type = fields.need_string("predicateType")?;
        let predicate = Predicate { place, value: Arc::default() };
        Ok(Self { version, subjects, predicate_type, extra: fields.rest(), predicate, signed: Signed::Outline(0) })
    }

    /// The predicate; `null` when absent, which the specification calls the same as empty. It is built when it is first asked
    /// for.
    ///
    /// # Errors
    /// `predicate-not-held` of a Statement that was read without it.
    pub fn predicate(&self) -> Result<&Value, FormatError> {
        if let (Signed::Outline(bytes), None) = (&self.signed, self.predicate.value.get()) {
            return Err(FormatError::PredicateNotHeld { bytes: *bytes });
        }
        // The text was looked through when the Statement was read; what could not be read would be no predicate at all.
        Ok(self.predicate.value.get_or_init(|| json::parse(self.predicate_text()).unwrap_or(Value::Null)))
    }

    /// The very text of the predicate; empty when absent, or not held.
    fn predicate_text(&self) -> &[u8] {
        let place = self.predicate.place.clone();
        self.signed_bytes().and_then(|signed| signed.get(place)).unwrap_or_default()
    }

    /// A plain signature as a Statement, so that it is judged by what judges attestations: of type
    /// [`predicate_type::SIGNATURE`], with an empty predicate, about one subject. Nobody signed this Statement; `signed`
    /// is what was signed.
    pub fn of_signature(subject: Subject, signed: Arc<[u8]>) -> Self {
        Self {
            version: StatementVersion::V1,
            subjects: vec![subject],
            predicate_type: predicate_type::SIGNATURE.to_owned(),
            predicate: Predicate { place: 0..0, value: Arc::new(Value::Object(Map::new()).into()) },
            extra: Map::new(),
            signed: Signed::Whole(signed),
        }
    }

    /// The bytes this Statement was read from; of a plain signature the text that was signed, empty where only its digest
    /// is known. None where the predicate is not held.
    pub fn signed_bytes(&self) -> Option<&Arc<[u8]>> {
        match &self.signed {
            Signed::Whole(bytes) => Some(bytes),
            Signed::Outline(_) => None,
        }
    }

    /// How long what was signed is, in bytes.
    pub fn length(&self) -> u64 {
        match &self.signed {
            Signed::Whole(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Signed::Outline(bytes) => *bytes,
        }
    }
}

fn not_an_object(text: &[u8]) -> FormatError {
    let found = json::check(text).unwrap_or("something else");
    FormatError::WrongType { path: String::new(), expected: "an object", found }
}

impl Subject {
    fn from_json(value: Value, index: usize) -> Result<Self, FormatError> {
        let mut fields = Fields::new(value, &format!("/subject/{index}"))?;
        let name = fields.string("name")?;
        let path = fields.at("digest");
        let digest = fields.take("digest").ok_or_else(|| fields.missing("digest"))?;
        let found = json::kind(&digest);
        let digest: DigestSet = serde_json::from_value(digest).map_err(|_| FormatError::WrongType {
            path: path.clone(),
            expected: "an object of strings",
            found,
        })?;
        if digest.is_empty() {
            return Err(FormatError::Missing { path });
        }
        Ok(Self { name, digest, extra: fields.rest() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        Statement::parse(text.as_bytes().into()).unwrap_err().code()
    }

    #[test]
    fn keeps_the_signed_bytes_and_unknown_fields() {
        let text = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":null,"digest":{"x":"1"},"uri":"u"}],"predicateType":"p","z":1}"#;
        let statement = Statement::parse(text.as_bytes().into()).unwrap();
        assert_eq!(&**statement.signed_bytes().unwrap(), text.as_bytes());
        assert_eq!(statement.subjects[0].name, None);
        assert_eq!(statement.subjects[0].extra["uri"], "u");
        assert_eq!(statement.extra["z"], 1);
        assert_eq!((statement.predicate(), statement.predicate_text()), (Ok(&Value::Null), &b""[..]));
    }

    #[test]
    fn the_predicate_is_its_very_text() {
        let read = |predicate: &str| {
            let text = format!(
                r#"{{"predicate" : {predicate} ,"_type":"{STATEMENT_V1}","subject":[{{"digest":{{"x":"1"}}}}],"predicateType":"p"}}"#
            );
            Statement::parse(text.into_bytes().into())
        };
        let text = "{ \"b\": 1.0,\n \"a\": [ ] }";
        let statement = read(text).unwrap();
        assert_eq!(statement.predicate_text(), text.as_bytes());
        assert_eq!(statement.predicate().unwrap()["b"], 1.0);
        assert_eq!(read("null").unwrap().predicate(), Ok(&Value::Null));
        assert_eq!(read(r#"{"a":{"b":1,"b":2}}"#).unwrap_err().code(), "json-duplicate-key");
        assert_eq!(read(&"[".repeat(100)).unwrap_err().code(), "json-too-deep");
    }

    #[test]
    fn of_an_outline_everything_is_known_but_the_predicate() {
        let text = format!(
            r#"{{"_type":"{STATEMENT_V1}","subject":[{{"digest":{{"x":"1"}}}}],"predicateType":"p","predicate":{{}},"z":1}}"#
        );
        let whole = Statement::parse(text.as_bytes().into()).unwrap();
        let outline = Statement::outline(text.as_bytes(), 1000).unwrap();
        assert_eq!((&outline.subjects, &outline.extra), (&whole.subjects, &whole.extra));
        assert_eq!((outline.length(), outline.signed_bytes()), (1000, None));
        assert_eq!(outline.predicate().unwrap_err().code(), "predicate-not-held");
        assert_eq!(Statement::outline(b"{}", 2).unwrap_err().code(), "json-field-missing");
    }

    #[test]
    fn refusals_are_named() {
        let with =
            |kind: &str, subject: &str| format!(r#"{{"_type":"{kind}","subject":{subject},"predicateType":"p"}}"#);
        assert_eq!(code(&with("https://evil/Statement", r#"[{"digest":{"x":"1"}}]"#)), "statement-type");
        assert_eq!(code(&with(STATEMENT_V1, "[]")), "json-field-missing");
        assert_eq!(code(&with(STATEMENT_V1, r#"[{"name":"a"}]"#)), "json-field-missing");
        assert_eq!(code(&with(STATEMENT_V1, r#"[{"digest":{}}]"#)), "json-field-missing");
        assert_eq!(code(&with(STATEMENT_V1, r#"[{"digest":{"sha256":1}}]"#)), "json-wrong-type");
        assert_eq!(code(&with(STATEMENT_V1, r#"{"digest":{"sha256":"1"}}"#)), "json-wrong-type");
    }
}
