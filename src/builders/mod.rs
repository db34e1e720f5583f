//! One file for each kind of builder: verified attestation to normalised facts.

mod buildkite;
mod certificate;
pub mod convert;
mod delegated;
pub mod environment;
mod facts;
pub mod generator;
pub mod github;
mod gitlab;
pub mod google_cloud_build;
mod key;
pub mod npm;
mod platform;
mod predicate;
pub mod release;
pub mod source;
mod tekton;
mod workflow;

use crate::formats::provenance::Provenance;
use crate::formats::provenance::ProvenanceError;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

pub use facts::Backing;
pub use facts::Fact;
pub use facts::Facts;

/// A kind of builder: which signers are of that kind, and how facts are read from what they sign.
trait Builder: Sync {
    /// The name of the kind, in policies and reports.
    fn id(&self) -> &'static str;
    /// Whether a signer is of this kind. Decides on the verified identity alone; the kinds are disjoint.
    fn signs_as(&self, identity: &Identity) -> bool;
    /// Reads the facts.
    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError>;
}

/// Every kind. The kinds are disjoint and cover every identity.
static BUILDERS: &[&dyn Builder] = &[
    &generator::Generator,
    &delegated::Delegated,
    &workflow::Workflow,
    &gitlab::Gitlab,
    &buildkite::Buildkite,
    &tekton::TektonChains,
    &certificate::OtherCertificate,
    &google_cloud_build::GoogleCloudBuild,
    &key::Key,
];

/// Why a verified attestation gives no facts about a build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuilderError {
    /// The predicate is no provenance.
    #[error("expected SLSA provenance v0.2 or v1, found predicate type {found:?}")]
    NotProvenance {
        /// Predicate type found.
        found: String,
    },
    /// The predicate is malformed.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// The certificate and the predicate speak of the same thing and disagree.
    #[error("{field}: the certificate says {certificate}, the predicate {predicate}")]
    Disagreement {
        /// What they speak of.
        field: &'static str,
        /// In the certificate.
        certificate: String,
        /// In the predicate.
        predicate: String,
    },
    /// The predicate says two things about one topic.
    #[error("{field}: the predicate says {first} and {second}")]
    Inconsistent {
        /// What it speaks of.
        field: &'static str,
        /// One saying, with its place.
        first: String,
        /// Another.
        second: String,
    },
    /// The certificate says two things about one topic.
    #[error("the certificate says {expected} and {found}")]
    Claims {
        /// One extension with its value.
        expected: String,
        /// Another.
        found: String,
    },
    /// The signer does not name itself so.
    #[error("expected builder {expected}, found {found}")]
    BuilderId {
        /// What the signer is.
        expected: &'static str,
        /// What the predicate calls the builder.
        found: String,
    },
    /// The workflow that signed does not write such a predicate.
    #[error("expected build type {expected}, found {found}")]
    BuildType {
        /// What the workflow writes.
        expected: String,
        /// What was found.
        found: String,
    },
    /// A delegator names the builder it called by something else than a URI at a ref.
    #[error("expected the builder that was called, as a URI with one @ and a ref, found {found:?}")]
    DelegatedId {
        /// What was found.
        found: String,
    },
    /// The predicate says what nobody but the job itself can know.
    #[error("{field}: expected {expected}, found a claim that nothing confirms")]
    Unverifiable {
        /// The field.
        field: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// Not exactly one kind of builder signs as this.
    #[error("expected one kind of builder for this signer, found {found}")]
    Kind {
        /// Kinds found.
        found: usize,
    },
}

impl BuilderError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotProvenance { .. } => "not-provenance",
            Self::Provenance(error) => error.code(),
            Self::Disagreement { .. } => "predicate-certificate-mismatch",
            Self::Inconsistent { .. } => "predicate-inconsistent",
            Self::Claims { .. } => "certificate-claims",
            Self::BuilderId { .. } => "builder-id-foreign",
            Self::BuildType { .. } => "build-type-foreign",
            Self::DelegatedId { .. } => "delegated-builder-id",
            Self::Unverifiable { .. } => "claim-unverifiable",
            Self::Kind { .. } => "builder-kind",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let s = || String::from("x");
        vec![
            Self::NotProvenance { found: s() },
            Self::Disagreement { field: "x", certificate: s(), predicate: s() },
            Self::Inconsistent { field: "x", first: s(), second: s() },
            Self::Claims { expected: s(), found: s() },
            Self::BuilderId { expected: "x", found: s() },
            Self::BuildType { expected: s(), found: s() },
            Self::DelegatedId { found: s() },
            Self::Unverifiable { field: s(), expected: "x" },
            Self::Kind { found: 0 },
        ]
    }
}

/// Provenance that is believed, as normalised facts, each with what backs it. Only [`interpret`] makes one.
#[derive(Debug, Clone)]
pub struct VerifiedProvenance {
    attestation: VerifiedAttestation,
    provenance: Provenance,
    kind: &'static str,
    facts: Facts,
}

impl VerifiedProvenance {
    /// Where the facts come from.
    pub fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// The predicate.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// The kind of builder that read it.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The facts.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The workflow of slsa-github-generator that signed, if it is not at a release: whatever stands at a branch, at another
    /// tag or at a commit may be anybody's. None for signers that no release is expected of.
    pub fn unreleased_signer(&self) -> Option<&Fact> {
        let known = [generator::KIND, delegated::KIND].contains(&self.kind);
        self.facts.signer.as_ref().filter(|signer| known && !release::is_release(&signer.value))
    }

    /// The builder that a delegator called, if it is not at a release.
    pub fn unreleased_called(&self) -> Option<&Fact> {
        Some(&self.facts.builder_id).filter(|called| self.is_delegated() && !release::is_release(&called.value))
    }

    /// Whether the builder is one that a delegator called, and so another than the signer.
    pub fn is_delegated(&self) -> bool {
        self.kind == delegated::KIND
    }
}

/// Reads the facts out of a verified attestation, by the one kind of builder that signs as its identity.
///
/// # Errors
/// [`BuilderError`].
pub fn interpret(attestation: VerifiedAttestation) -> Result<VerifiedProvenance, BuilderError> {
    let statement = attestation.statement();
    let provenance = Provenance::of(statement)
        .ok_or_else(|| BuilderError::NotProvenance { found: statement.predicate_type.clone() })??;
    let kinds: Vec<_> = BUILDERS.iter().filter(|builder| builder.signs_as(attestation.identity())).collect();
    let [builder] = kinds.as_slice() else { return Err(BuilderError::Kind { found: kinds.len() }) };
    let facts = builder.read(&attestation, &provenance)?;
    Ok(VerifiedProvenance { kind: builder.id(), provenance, facts, attestation })
}
