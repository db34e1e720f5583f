//! in-toto Statements v0.1 and v1.

use std::sync::Arc;

use serde_json::Map;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::digest::DigestSet;
use crate::formats::json;
use crate::formats::json::Fields;
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
    /// The predicate; `null` when absent, which the specification calls the same as empty.
    pub predicate: Value,
    /// Fields the specification does not know, kept.
    pub extra: Map<String, Value>,
    signed: Arc<[u8]>,
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
        let mut fields = Fields::new(json::parse(&signed)?, "")?;
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
        let predicate = fields.take("predicate").unwrap_or(Value::Null);
        Ok(Self { version, subjects, predicate_type, predicate, extra: fields.rest(), signed })
    }

    /// A plain signature as a Statement, so that it is judged by what judges attestations: of type
    /// [`predicate_type::SIGNATURE`], with an empty predicate, about one subject. Nobody signed this Statement; `signed`
    /// is what was signed.
    pub fn of_signature(subject: Subject, signed: Arc<[u8]>) -> Self {
        Self {
            version: StatementVersion::V1,
            subjects: vec![subject],
            predicate_type: predicate_type::SIGNATURE.to_owned(),
            predicate: Value::Object(Map::new()),
            extra: Map::new(),
            signed,
        }
    }

    /// The bytes this Statement was read from; of a plain signature the text that was signed, empty where only its digest
    /// is known.
    pub fn signed_bytes(&self) -> &Arc<[u8]> {
        &self.signed
    }
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
        assert_eq!(&**statement.signed_bytes(), text.as_bytes());
        assert_eq!(statement.subjects[0].name, None);
        assert_eq!(statement.subjects[0].extra["uri"], "u");
        assert_eq!(statement.extra["z"], 1);
        assert_eq!(statement.predicate, Value::Null);
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
