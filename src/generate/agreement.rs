//! Predicate and certificate, compared field by field before anything is signed.
//!
//! A certificate authority copies the claims of the platform's token into the certificate. What the predicate says of the
//! same things must be the same: a verifier that reads either one then learns the same about the build. A mismatch means
//! that predicate and token are of two runs, or that somebody wrote the predicate by hand.

mod rows;
mod said;
pub mod token;

use std::fmt;

use serde_json::Value;

use crate::formats::certificate::Claim;
use crate::formats::certificate::San;
use crate::formats::certificate::SigningCertificate;
use crate::formats::provenance::Provenance;
use crate::generate::GenerateError;
use crate::generate::agreement::rows::ROWS;
use crate::generate::agreement::rows::Row;
use crate::generate::agreement::rows::Silence;
use crate::generate::agreement::said::Predicate;
use crate::generate::ci::github;
use crate::generate::ci::reserved;

/// What predicate types of SLSA provenance begin with, of versions that nobody here knows too.
const PROVENANCE: &str = "https://slsa.dev/provenance/";

/// Longest value that an error repeats, in characters.
const MAX_SHOWN: usize = 300;

/// The claims of a certificate that no person has: whoever holds one of them signs for a platform.
const PLATFORM_CLAIMS: &[Claim] = &[
    Claim::GithubWorkflowTrigger,
    Claim::GithubWorkflowSha,
    Claim::GithubWorkflowName,
    Claim::GithubWorkflowRepository,
    Claim::GithubWorkflowRef,
    Claim::BuildSignerUri,
    Claim::BuildSignerDigest,
    Claim::RunnerEnvironment,
    Claim::SourceRepositoryUri,
    Claim::SourceRepositoryDigest,
    Claim::SourceRepositoryRef,
    Claim::SourceRepositoryIdentifier,
    Claim::SourceRepositoryOwnerUri,
    Claim::SourceRepositoryOwnerIdentifier,
    Claim::BuildConfigUri,
    Claim::BuildConfigDigest,
    Claim::BuildTrigger,
    Claim::RunInvocationUri,
];

/// One field of which certificate and predicate say different things.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// What they speak of.
    pub field: &'static str,
    /// JSON pointer (RFC 6901) into the predicate.
    pub pointer: String,
    /// What the certificate says; `None` where it says nothing.
    pub certificate: Option<String>,
    /// What the predicate says; `None` where it says nothing.
    pub predicate: Option<String>,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Option<String>| match text {
            Some(text) => format!("{:?}", text.chars().take(MAX_SHOWN).collect::<String>()),
            None => "nothing".to_owned(),
        };
        let (certificate, predicate) = (shown(&self.certificate), shown(&self.predicate));
        write!(f, "{}: {certificate} in the certificate and {predicate} at {}", self.field, self.pointer)
    }
}

/// All of them, for an error.
pub(super) fn listed(disagreements: &[Disagreement]) -> String {
    disagreements.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Who a certificate is for, as far as the comparison differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signer {
    /// A workflow of GitHub Actions. Its certificates hold every claim, so that silence is a mismatch too.
    Github,
    /// A job of another platform. Each has claims of its own choice.
    Platform,
    /// A person, or a workload that is no build.
    Other,
}

/// Compares a predicate with the certificate that it is about to be signed under. Predicates that are no SLSA provenance
/// pass: they say nothing about who signs.
///
/// # Errors
/// `certificate-disagrees` with every field that differs; `platform-fact-invalid` for provenance of a version that is not
/// known; those of reading provenance.
pub fn check(predicate_type: &str, predicate: &Value, certificate: &SigningCertificate) -> Result<(), GenerateError> {
    let Some(provenance) = Provenance::from_predicate(predicate_type, predicate) else {
        return unknown(predicate_type);
    };
    let provenance = provenance?;
    let predicate = Predicate::new(predicate, &provenance);
    let signer = signer(certificate);
    let disagreements = match signer {
        Signer::Other => impostor(&predicate, certificate).into_iter().collect(),
        Signer::Github | Signer::Platform => {
            ROWS.iter().flat_map(|row| compare(row, &predicate, certificate, signer)).collect()
        }
    };
    let disagreements: Vec<Disagreement> = disagreements;
    if disagreements.is_empty() { Ok(()) } else { Err(GenerateError::CertificateDisagrees { disagreements }) }
}

fn unknown(predicate_type: &str) -> Result<(), GenerateError> {
    if !predicate_type.starts_with(PROVENANCE) {
        return Ok(());
    }
    Err(GenerateError::PlatformFactInvalid {
        field: "the predicate type".to_owned(),
        expected: "a version of SLSA provenance that can be compared with the certificate".to_owned(),
        found: predicate_type.chars().take(MAX_SHOWN).collect(),
    })
}

fn signer(certificate: &SigningCertificate) -> Signer {
    match certificate.san {
        San::Email(_) | San::Username(_) => Signer::Other,
        San::Uri(_) if certificate.issuer().is_some_and(github::is_issuer) => Signer::Github,
        San::Uri(_) if PLATFORM_CLAIMS.iter().any(|claim| certificate.claims.get(*claim).is_some()) => Signer::Platform,
        San::Uri(_) => Signer::Other,
    }
}

/// A person, or a workload without claims of a build, who signs as a platform's builder.
fn impostor(predicate: &Predicate<'_>, certificate: &SigningCertificate) -> Option<Disagreement> {
    let id = predicate.builder_id();
    // Ours that stand for no platform are for everybody.
    let claims_to_be = reserved::is_builder_id(id) && !id.starts_with("https://sealmark.dev/");
    let san = certificate.san.as_str();
    (claims_to_be && id != san).then(|| Disagreement {
        field: "builder.id",
        pointer: predicate.builder_pointer().to_owned(),
        certificate: Some(san.to_owned()),
        predicate: Some(id.to_owned()),
    })
}

fn compare(
    row: &Row,
    predicate: &Predicate<'_>,
    certificate: &SigningCertificate,
    signer: Signer,
) -> Vec<Disagreement> {
    let held = (row.held)(certificate).filter(|value| !is_silence(value));
    let said = (row.said)(predicate);
    let disagreement = |pointer: String, predicate: Option<String>| Disagreement {
        field: row.field,
        pointer,
        certificate: held.clone(),
        predicate,
    };
    if said.is_empty() && held.is_some() && row.is_needed(predicate) {
        return vec![disagreement(row.place.to_owned(), None)];
    }
    let differs = |value: &str| match &held {
        Some(held) => held != value,
        None => signer == Signer::Github && row.silence == Silence::Refused,
    };
    said.into_iter()
        .filter(|said| differs(&said.value))
        .map(|said| disagreement(said.pointer, Some(said.value)))
        .collect()
}

/// CircleCI's template of the runner's environment gives two quotation marks where there is nothing to say.
fn is_silence(value: &str) -> bool {
    value.is_empty() || value == "\"\""
}
