//! Why bytes are not what they should be.

use crate::formats::json::MAX_DEPTH;

/// Why some bytes could not be read as a bundle, an envelope, a Statement or a part of one.
///
/// `path` is a JSON pointer (RFC 6901) into the text that was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Not JSON at all.
    #[error("expected JSON, found: {reason} (line {line}, column {column})")]
    Json {
        /// What the JSON reader said.
        reason: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1; 0 at the start of a line.
        column: usize,
    },
    /// A JSON object names one key twice, so two readers could see two things.
    #[error("key {key:?} stands twice in one object (line {line}, column {column})")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Nested beyond [`MAX_DEPTH`].
    #[error("nested deeper than {limit} levels (line {line}, column {column})")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// More bytes than are read.
    #[error("{what}: expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The limit, in bytes.
        limit: usize,
        /// Found, in bytes.
        found: usize,
    },
    /// More items than are read.
    #[error("{what}: expected at most {limit} items, found {found}")]
    TooMany {
        /// What there was too much of.
        what: String,
        /// The limit, in items.
        limit: usize,
        /// Found, in items.
        found: usize,
    },
    /// A required field is absent.
    #[error("{path} is missing")]
    Missing {
        /// Where it should be.
        path: String,
    },
    /// A field that the format does not have.
    #[error("{path} is not a field of this format")]
    UnknownField {
        /// Where it is.
        path: String,
    },
    /// A value of another JSON type.
    #[error("{path}: expected {expected}, found {found}")]
    WrongType {
        /// Where.
        path: String,
        /// The type expected.
        expected: &'static str,
        /// The type found.
        found: &'static str,
    },
    /// Text that is not the one permitted base64 spelling.
    #[error("{path}: expected padded standard base64")]
    Base64 {
        /// Where.
        path: String,
    },
    /// Text that is not a non-negative 64-bit integer in its one spelling.
    #[error("{path}: expected a non-negative integer, found {found}")]
    Integer {
        /// Where.
        path: String,
        /// The JSON found.
        found: String,
    },
    /// Both arms of a choice are filled, so two readers could pick two things.
    #[error("{path}: expected one of {first} and {second}, found both")]
    Ambiguous {
        /// Where.
        path: String,
        /// One arm.
        first: &'static str,
        /// The other arm.
        second: &'static str,
    },
    /// No arm of a choice is filled.
    #[error("{path}: expected one of {expected}, found none")]
    NoChoice {
        /// Where.
        path: String,
        /// The arms.
        expected: &'static str,
    },
    /// A media type that is no known bundle version.
    #[error("expected a Sigstore bundle of version 0.1, 0.2 or 0.3, found media type {found:?}")]
    MediaType {
        /// What was found.
        found: String,
    },
    /// A log entry kind that is not read.
    #[error("{path}: expected {expected}, found {kind} {version}")]
    LogEntryKind {
        /// Which entry.
        path: String,
        /// The kinds that are read.
        expected: &'static str,
        /// Kind found.
        kind: String,
        /// Version found.
        version: String,
    },
    /// A signed note that is not one.
    #[error("checkpoint: expected {expected}")]
    Checkpoint {
        /// What the C2SP format demands at the place where reading stopped.
        expected: &'static str,
    },
    /// Not an X.509 certificate, or not one that can be a signing certificate.
    #[error("certificate: {reason}")]
    Certificate {
        /// What the DER reader said.
        reason: String,
    },
    /// Neither a bundle nor an envelope.
    #[error("expected a Sigstore bundle or a DSSE envelope, found {found}")]
    NotAnAttestation {
        /// What it looks like.
        found: String,
    },
    /// The payload is no Statement of a known version.
    #[error("expected an in-toto Statement v0.1 or v1, found _type {found:?}")]
    StatementType {
        /// The `_type` found.
        found: String,
    },
    /// A predicate that was left out when its Statement was read.
    #[error(
        "expected a predicate that is held, found one of a Statement of {bytes} bytes of which only the rest was read"
    )]
    PredicateNotHeld {
        /// How long the Statement is, in bytes.
        bytes: u64,
    },
    /// A text of simple signing that says to be of another kind.
    #[error("expected a text of type \"cosign container image signature\", found type {found:?}")]
    SimpleSigningType {
        /// The type found.
        found: String,
    },
    /// Not an OIDC identity token. What was found is not repeated: it may be a secret.
    #[error("expected an identity token (a JSON Web Signature in compact form), found {reason}")]
    Token {
        /// What is wrong with it.
        reason: String,
    },
    /// No attestation at all.
    #[error("expected at least one attestation, found an empty input")]
    Empty,
}

impl FormatError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "json-invalid",
            Self::DuplicateKey { .. } => "json-duplicate-key",
            Self::TooDeep { .. } => "json-too-deep",
            Self::TooLarge { .. } => "input-too-large",
            Self::TooMany { .. } => "too-many",
            Self::Missing { .. } => "json-field-missing",
            Self::UnknownField { .. } => "json-field-unknown",
            Self::WrongType { .. } => "json-wrong-type",
            Self::Base64 { .. } => "base64-invalid",
            Self::Integer { .. } => "json-integer-invalid",
            Self::Ambiguous { .. } => "bundle-ambiguous",
            Self::NoChoice { .. } => "bundle-incomplete",
            Self::MediaType { .. } => "bundle-media-type",
            Self::LogEntryKind { .. } => "log-entry-kind",
            Self::Checkpoint { .. } => "checkpoint-invalid",
            Self::Certificate { .. } => "certificate-invalid",
            Self::NotAnAttestation { .. } => "not-an-attestation",
            Self::StatementType { .. } => "statement-type",
            Self::PredicateNotHeld { .. } => "predicate-not-held",
            Self::SimpleSigningType { .. } => "simple-signing-type",
            Self::Token { .. } => "token-invalid",
            Self::Empty => "input-empty",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let (path, found, s) = (String::from("/x"), String::from("y"), "z");
        vec![
            Self::Json { reason: found.clone(), line: 1, column: 1 },
            Self::DuplicateKey { key: found.clone(), line: 1, column: 1 },
            Self::TooDeep { limit: MAX_DEPTH, line: 1, column: 1 },
            Self::TooLarge { what: s, limit: 1, found: 2 },
            Self::TooMany { what: path.clone(), limit: 1, found: 2 },
            Self::Missing { path: path.clone() },
            Self::UnknownField { path: path.clone() },
            Self::WrongType { path: path.clone(), expected: s, found: s },
            Self::Base64 { path: path.clone() },
            Self::Integer { path: path.clone(), found: found.clone() },
            Self::Ambiguous { path: path.clone(), first: s, second: s },
            Self::NoChoice { path: path.clone(), expected: s },
            Self::MediaType { found: found.clone() },
            Self::LogEntryKind { path, expected: s, kind: found.clone(), version: found.clone() },
            Self::Checkpoint { expected: s },
            Self::Certificate { reason: found.clone() },
            Self::NotAnAttestation { found: found.clone() },
            Self::StatementType { found: found.clone() },
            Self::PredicateNotHeld { bytes: 1 },
            Self::SimpleSigningType { found: found.clone() },
            Self::Token { reason: found },
            Self::Empty,
        ]
    }
}
