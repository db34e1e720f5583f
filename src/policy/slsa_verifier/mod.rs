//! slsa-verifier's expectations and its rules about them, in its order, with the names of its errors.
//!
//! What its rules leave open is decided by [`crate::builders::interpret`], as for everybody else: an attestation that
//! satisfies every rule here is refused when its certificate and its predicate disagree.

pub mod builder_id;
mod github;
mod google_cloud_build;
mod npm;
mod refs;
mod refusal;
pub mod source;
pub mod version;

use std::collections::BTreeMap;

use crate::builders::generator::Role;
use crate::builders::interpret;
use crate::formats::provenance::Provenance;
use crate::policy::slsa_verifier::builder_id::BuilderId;
use crate::verify::VerifiedAttestation;

pub use google_cloud_build::judge as judge_google_cloud_build;
pub use npm::PUBLISH;
pub use npm::Package;
pub use npm::judge as judge_npm;
pub use refusal::Refusal;

/// What slsa-verifier's flags expect.
#[derive(Debug, Clone)]
pub struct Expectations {
    /// `--source-uri`.
    pub source_uri: String,
    /// `--builder-id`; None when absent or empty.
    pub builder_id: Option<BuilderId>,
    /// `--source-branch`.
    pub branch: Option<String>,
    /// `--source-tag`.
    pub tag: Option<String>,
    /// `--source-versioned-tag`.
    pub versioned_tag: Option<String>,
    /// `--build-workflow-input`.
    pub inputs: BTreeMap<String, String>,
    /// Refs of builders that are taken for releases although they are none.
    pub builder_refs: Vec<BuilderRef>,
}

/// A ref of a builder that is taken beside releases, `refs/tags/vX.Y.Z`. slsa-verifier takes them when its environment
/// says that it is under test; here the caller must say so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuilderRef {
    /// This ref.
    Exactly(String),
    /// A tag of a pre-release, `refs/tags/vX.Y.Z-…`.
    PreRelease,
}

/// Which builders a command trusts when none is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// `verify-artifact`: the generators of files, and builders behind a delegator that are slsa-github-generator's own.
    Artifact,
    /// `verify-image`: the generator of container images.
    Image,
    /// `verify-github-attestation`: none.
    GithubAttestation,
}

impl Command {
    fn trusts(self, role: Role) -> bool {
        matches!((self, role), (Self::Artifact, Role::Artifacts | Role::Delegator) | (Self::Image, Role::Images))
    }
}

/// Judges provenance of a workflow on GitHub Actions; gives the builder that is trusted.
///
/// # Errors
/// [`Refusal`] with the first rule that is not met.
pub fn judge(attestation: VerifiedAttestation, expected: &Expectations, command: Command) -> Result<String, Refusal> {
    let provenance = provenance(&attestation)?;
    let builder = github::judge(&attestation, &provenance, expected, command)?;
    interpret(attestation).map_err(|error| Refusal::from(&error))?;
    Ok(builder)
}

/// The predicate, of a type that slsa-verifier reads.
fn provenance(attestation: &VerifiedAttestation) -> Result<Provenance, Refusal> {
    let statement = attestation.statement();
    match Provenance::of(statement) {
        Some(Ok(provenance)) => Ok(provenance),
        Some(Err(error)) => Err(Refusal::new("ErrorInvalidDssePayload", error.code(), error)),
        None => {
            let message = format!("expected SLSA provenance, found predicate type {:?}", statement.predicate_type);
            Err(Refusal::new("ErrorInvalidDssePayload", "not-provenance", message))
        }
    }
}
