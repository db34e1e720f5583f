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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_the_name_of_slsa_verifiers_error() {
        let table = [
            ("signing-time-unproven", "ErrorRekorSearch"),
            ("subject-mismatch", "ErrorMismatchHash"),
            ("subject-contradiction", "ErrorMismatchHash"),
            ("subject-weak", "ErrorMismatchHash"),
            ("signature-invalid", "ErrorInvalidSignature"),
            ("signature-key-unknown", "ErrorNoValidSignature"),
            ("signer-kind", "ErrorNoValidSignature"),
            ("signature-count", "ErrorNoValidSignature"),
            ("log-entry-mismatch", "ErrorMismatchSignature"),
            ("log-unknown", "ErrorRekorPubKey"),
            ("certificate-untrusted", "ErrorInvalidCertificate"),
            ("certificate-time", "ErrorInvalidCertificate"),
            ("sct-missing", "ErrorInvalidCertificate"),
            ("sct-invalid", "ErrorInvalidCertificate"),
            ("issuer-missing", "ErrorInvalidCertificate"),
            ("log-missing", "ErrorInvalidRekorEntry"),
            ("log-set-invalid", "ErrorInvalidRekorEntry"),
            ("log-inclusion-mismatch", "ErrorInvalidRekorEntry"),
            ("time-in-future", "ErrorInvalidRekorEntry"),
            ("payload-type", "ErrorInvalidDssePayload"),
            ("signature-predicate", "ErrorInvalidDssePayload"),
        ];
        for (code, sentinel) in table {
            let samples = VerifyError::samples();
            let error = samples.iter().find(|error| error.code() == code).unwrap();
            let refusal = Refusal::from(error);
            assert_eq!((refusal.sentinel, refusal.code), (sentinel, code));
            assert!(refusal.to_string().starts_with(&format!("{sentinel}: ")), "{refusal}");
            assert!(refusal.to_string().ends_with(&format!(" ({code})")), "{refusal}");
        }
    }

    #[test]
    fn builders_and_formats_too() {
        let differs =
            |field| BuilderError::Disagreement { field, certificate: String::new(), predicate: String::new() };
        let unverifiable = |field: &str| BuilderError::Unverifiable { field: field.to_owned(), expected: "x" };
        for (error, sentinel) in [
            (differs("builder.id"), "ErrorMismatchBuilderID"),
            (differs("source repository"), "ErrorMismatchSource"),
            (differs("trigger"), "ErrorMismatchCertificate"),
            (unverifiable("subject"), "ErrorNonVerifiableClaim"),
            (unverifiable("invocation.environment.X"), "ErrorMismatchCertificate"),
            (BuilderError::DelegatedId { found: String::new() }, "ErrorInvalidBuilderID"),
            (BuilderError::BuilderId { expected: "x", found: String::new() }, "ErrorInvalidBuilderID"),
            (BuilderError::Claims { expected: String::new(), found: String::new() }, "ErrorInvalidFormat"),
            (BuilderError::Kind { found: 2 }, "ErrorInvalidDssePayload"),
        ] {
            assert_eq!(Refusal::from(&error).sentinel, sentinel, "{error}");
        }
        let certificate = FormatError::Certificate { reason: String::new() };
        assert_eq!(Refusal::from(&certificate).sentinel, "ErrorInvalidCertificate");
        assert_eq!(Refusal::from(&FormatError::Empty).sentinel, "ErrorInvalidDssePayload");
    }
}
