//! Why something was rejected.

use serde::Serialize;

use crate::builders;
use crate::builders::BuilderError;
use crate::formats::FormatError;
use crate::policy;
use crate::verify::Step;
use crate::verify::VerifyError;

/// One reason why an attestation was rejected, or what is wrong with an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The stable name of the reason.
    pub code: &'static str,
    /// The step of verification that rejected, `policy` for expectations; absent where nothing could be verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<&'static str>,
    /// What was expected and what was found, as one sentence.
    pub message: String,
    /// What was expected, where it is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was found, where it is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// What backs that which was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backing: Option<Backing>,
    /// What the user can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What stands behind a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Backing {
    /// The certificate authority checked it against the platform's token.
    Certificate,
    /// The same, and the predicate says it too.
    CertificateAndPredicate,
    /// A delegator that the certificate names says so of the builder it called.
    Delegator,
    /// The predicate says so; the signer's word.
    Predicate,
}

impl Backing {
    /// The words people read.
    pub fn words(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::CertificateAndPredicate => "certificate, predicate agrees",
            Self::Delegator => "delegator named by the certificate",
            Self::Predicate => "predicate",
        }
    }
}

impl From<builders::Backing> for Backing {
    fn from(backing: builders::Backing) -> Self {
        match backing {
            builders::Backing::Certificate => Self::Certificate,
            builders::Backing::CertificateAndPredicate => Self::CertificateAndPredicate,
            builders::Backing::Delegator => Self::Delegator,
            builders::Backing::Predicate => Self::Predicate,
        }
    }
}

/// The name of a step, as docs/checks.md has it.
pub fn step_name(step: Step) -> &'static str {
    match step {
        Step::Shape => "shape",
        Step::Time => "time",
        Step::Certificate => "certificate",
        Step::Sct => "sct",
        Step::Signature => "signature",
        Step::Log => "log",
        Step::Statement => "statement",
        Step::Identity => "identity",
        Step::Binding => "binding",
    }
}

impl Finding {
    /// A finding that is no step's: the code and a sentence.
    pub fn new(code: &'static str, message: impl ToString) -> Self {
        let message = message.to_string();
        Self { code, step: None, message, expected: None, found: None, backing: None, hint: None }
    }
}

impl From<&FormatError> for Finding {
    fn from(error: &FormatError) -> Self {
        Self { step: Some(step_name(Step::Shape)), ..Self::new(error.code(), error) }
    }
}

impl From<&VerifyError> for Finding {
    fn from(error: &VerifyError) -> Self {
        let (expected, found) = error.expected_found().unzip();
        Self { step: Some(step_name(error.step())), expected, found, ..Self::new(error.code(), error) }
    }
}

impl From<&BuilderError> for Finding {
    fn from(error: &BuilderError) -> Self {
        let finding = Self { step: Some("policy"), ..Self::new(error.code(), error) };
        match error {
            BuilderError::Disagreement { field, certificate, predicate } => Self {
                expected: Some(format!("{field} {certificate} (certificate)")),
                found: Some(predicate.clone()),
                backing: Some(Backing::Predicate),
                ..finding
            },
            _ => finding,
        }
    }
}

impl From<&policy::Finding> for Finding {
    fn from(finding: &policy::Finding) -> Self {
        let policy::Finding { code, expected, found, backing } = finding;
        Self {
            step: Some("policy"),
            expected: Some(expected.clone()),
            found: Some(found.clone()),
            backing: backing.map(Backing::from),
            ..Self::new(code, format_args!("expected {expected}, found {found}"))
        }
    }
}
