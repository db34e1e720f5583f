//! Why `sealmark verify-vsa` failed, with the name that slsa-verifier gives it and our own code.

use crate::commands::error::CommandError;
use crate::formats::FormatError;
use crate::formats::artifact::ArtifactError;
use crate::formats::vsa::VsaError;
use crate::policy::Finding;
use crate::policy::VsaExpectError;
use crate::store::file::StoreError;
use crate::trust::TrustError;
use crate::verify::Step;
use crate::verify::VerifyError;

/// Why it failed.
#[derive(Debug)]
pub(super) enum Refusal {
    /// A trusted root cannot be read.
    Command(CommandError),
    /// A file cannot be read.
    File(StoreError),
    /// The public key is none.
    Key(TrustError),
    /// The file holds no attestation.
    Format(FormatError),
    /// Every signature names another key.
    KeyId { expected: String, found: Vec<String> },
    /// The attestation is not believed, or is about something else.
    Verify(VerifyError),
    /// No digest was given.
    NoSubject,
    /// A digest that was given is none.
    Artifact(ArtifactError),
    /// What is expected cannot be.
    Expect(VsaExpectError),
    /// The predicate is no summary.
    Vsa(VsaError),
    /// It says something else; at least one.
    Findings(Vec<Finding>),
}

impl Refusal {
    /// The stable name of the refusal; of several, the first.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Command(error) => error.code,
            Self::File(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Format(error) => error.code(),
            Self::KeyId { .. } => "vsa-keyid-mismatch",
            Self::Verify(error) => error.code(),
            Self::NoSubject => "vsa-subject-needed",
            Self::Artifact(error) => error.code(),
            Self::Expect(error) => error.code(),
            Self::Vsa(error) => error.code(),
            Self::Findings(findings) => findings.first().map_or("vsa-not-passed", |first| first.code),
        }
    }

    /// What is printed: one line that says it all, then one for each further difference.
    pub(super) fn lines(&self) -> Vec<String> {
        let line = |sentinel: Option<&str>, message: String, code: &str| match sentinel {
            Some(sentinel) => format!("{sentinel}: {message} ({code})"),
            None => format!("{message} ({code})"),
        };
        let described = match self {
            Self::Findings(findings) => findings
                .iter()
                .map(|one| {
                    line(of_finding(one.code), format!("expected {}, found {}", one.expected, one.found), one.code)
                })
                .collect(),
            other => vec![line(other.sentinel(), other.message(), other.code())],
        };
        let first = |n| if n == 0 { "FAILED: SLSA verification failed: " } else { "  also  " };
        described.into_iter().enumerate().map(|(n, text)| format!("{}{text}", first(n))).collect()
    }

    /// What slsa-verifier calls it.
    fn sentinel(&self) -> Option<&'static str> {
        Some(match self {
            Self::Command(_) | Self::File(_) => return None,
            Self::Key(_) => "ErrorInvalidPublicKey",
            Self::Format(_) | Self::Artifact(_) => "ErrorInvalidDssePayload",
            Self::KeyId { .. } => "ErrorNoValidSignature",
            Self::Verify(error) => of_verify(error),
            Self::NoSubject => "ErrorEmptyRequiredField",
            Self::Expect(VsaExpectError::Empty { .. }) => "ErrorEmptyRequiredField",
            Self::Expect(VsaExpectError::Level { .. }) => "ErrorInvalidSLSALevel",
            Self::Expect(VsaExpectError::WeakDigest { .. }) => return None,
            Self::Vsa(VsaError::ResultUnknown { .. } | VsaError::FieldMissing { pointer: "/verificationResult" }) => {
                "ErrorInvalidVerificationResult"
            }
            Self::Vsa(VsaError::FieldMissing { .. }) => "ErrorEmptyRequiredField",
            Self::Vsa(VsaError::PredicateInvalid { .. }) => "ErrorInvalidDssePayload",
            Self::Findings(findings) => return findings.first().and_then(|first| of_finding(first.code)),
        })
    }

    fn message(&self) -> String {
        match self {
            Self::Command(error) => error.message.clone(),
            Self::File(error) => error.to_string(),
            Self::Key(error) => error.to_string(),
            Self::Format(error) => error.to_string(),
            Self::KeyId { expected, found } => {
                let found: Vec<String> = found.iter().map(|id| format!("{id:?}")).collect();
                format!("expected a signature with key id {expected:?} or none, found {}", found.join(", "))
            }
            Self::Verify(error) => error.to_string(),
            Self::NoSubject => "expected at least one --subject-digest, found none".to_owned(),
            Self::Artifact(error) => error.to_string(),
            Self::Expect(error) => error.to_string(),
            Self::Vsa(error) => error.to_string(),
            // Each has a line of its own.
            Self::Findings(_) => String::new(),
        }
    }
}

fn of_verify(error: &VerifyError) -> &'static str {
    match (error, error.step()) {
        (VerifyError::SignerKind { .. }, _) | (_, Step::Signature) => "ErrorNoValidSignature",
        (_, Step::Shape | Step::Statement) => "ErrorInvalidDssePayload",
        (_, Step::Time | Step::Certificate | Step::Sct | Step::Identity) => "ErrorInvalidCertificate",
        (_, Step::Log) => "ErrorInvalidRekorEntry",
        (_, Step::Binding) => "ErrorMissingSubjectDigest",
    }
}

/// A check that slsa-verifier does not have has no name there.
fn of_finding(code: &str) -> Option<&'static str> {
    Some(match code {
        "predicate-type-mismatch" | "vsa-time-invalid" => "ErrorInvalidDssePayload",
        "signer-not-key" | "signer-not-certificate" => "ErrorNoValidSignature",
        "identity-mismatch" => "ErrorInvalidCertificate",
        "issuer-mismatch" => "ErrorInvalidOIDCIssuer",
        "vsa-verifier-mismatch" => "ErrorMismatchVerifierID",
        "vsa-resource-mismatch" => "ErrorMismatchResourceURI",
        "vsa-not-passed" => "ErrorInvalidVerificationResult",
        "vsa-level-invalid" => "ErrorInvalidSLSALevel",
        "vsa-level-missing" => "ErrorMismatchVerifiedLevels",
        _ => return None,
    })
}
