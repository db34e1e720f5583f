//! Refusals by the names of slsa-verifier's errors, with our own code beside.

use std::fmt;

use crate::builders::BuilderError;
use crate::formats::FormatError;
use crate::verify::Step;
use crate::verify::VerifyError;

/// Why slsa-verifier would refuse, and what we call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// slsa-verifier's name of the error (errors/errors.go).
    pub sentinel: &'static str,
    /// Our code.
    pub code: &'static str,
    /// What was expected and what was found.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    pub fn new(sentinel: &'static str, code: &'static str, message: impl ToString) -> Self {
        Self { sentinel, code, message: message.to_string() }
    }

    /// One value that was expected, and another that was found.
    pub(super) fn differs(sentinel: &'static str, code: &'static str, expected: &str, found: &str) -> Self {
        Self { sentinel, code, message: format!("expected {expected:?}, found {found:?}") }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.sentinel, self.message, self.code)
    }
}

impl From<&BuilderError> for Refusal {
    fn from(error: &BuilderError) -> Self {
        let sentinel = match error {
            BuilderError::Claims { .. } => "ErrorInvalidFormat",
            BuilderError::Disagreement { field: "builder.id", .. } => "ErrorMismatchBuilderID",
            BuilderError::Disagreement { field: "source repository", .. } => "ErrorMismatchSource",
            BuilderError::Disagreement { .. } => "ErrorMismatchCertificate",
            BuilderError::Unverifiable { field, .. } if field.starts_with("invocation.environment") => {
                "ErrorMismatchCertificate"
            }
            BuilderError::Unverifiable { .. } => "ErrorNonVerifiableClaim",
            BuilderError::DelegatedId { .. } | BuilderError::BuilderId { .. } => "ErrorInvalidBuilderID",
            _ => "ErrorInvalidDssePayload",
        };
        Self::new(sentinel, error.code(), error)
    }
}

impl From<&FormatError> for Refusal {
    fn from(error: &FormatError) -> Self {
        let sentinel = match error {
            FormatError::Certificate { .. } => "ErrorInvalidCertificate",
            _ => "ErrorInvalidDssePayload",
        };
        Self::new(sentinel, error.code(), error)
    }
}

impl From<&VerifyError> for Refusal {
    /// Where slsa-verifier has no check, the name is that of the nearest one.
    fn from(error: &VerifyError) -> Self {
        let sentinel = match (error.code(), error.step()) {
            ("signing-time-unproven", _) => "ErrorRekorSearch",
            ("subject-mismatch" | "subject-contradiction" | "subject-weak", _) => "ErrorMismatchHash",
            ("signature-invalid", _) => "ErrorInvalidSignature",
            ("signature-key-unknown" | "signer-kind" | "signature-count", _) => "ErrorNoValidSignature",
            ("log-entry-mismatch", _) => "ErrorMismatchSignature",
            ("log-unknown", _) => "ErrorRekorPubKey",
            (_, Step::Certificate | Step::Sct | Step::Identity) => "ErrorInvalidCertificate",
            (_, Step::Log | Step::Time) => "ErrorInvalidRekorEntry",
            _ => "ErrorInvalidDssePayload",
        };
        Self::new(sentinel, error.code(), error)
    }
}
