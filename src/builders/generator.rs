//! The generators of slsa-github-generator: generic, Go, container-based and container.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::github;
use crate::builders::github::GithubClaims;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Where the workflows of slsa-github-generator are.
pub const WORKFLOWS: &str = "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/";

/// A workflow of slsa-github-generator that signs, and what it can have signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GeneratorWorkflow {
    /// The file's name below [`WORKFLOWS`].
    pub file: &'static str,
    /// What it is for.
    pub role: Role,
    /// Predicate type and build type, each pair that it writes.
    pub writes: &'static [(&'static str, &'static str)],
}

/// What a workflow of slsa-github-generator is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Provenance of files.
    Artifacts,
    /// Provenance of container images.
    Images,
    /// Provenance for a builder that it calls.
    Delegator,
}

/// The build type of builds behind a delegator.
pub const DELEGATED_BUILD_TYPE: &str = predicate::DELEGATED_BUILD_TYPE;

const DELEGATED: &[(&str, &str)] =
    &[(v02::PREDICATE_TYPE, predicate::DELEGATED_BUILD_TYPE), (v1::PREDICATE_TYPE, predicate::DELEGATED_BUILD_TYPE)];

/// Every workflow that signs (slsa-github-generator, internal/builders; build types of v1.2.0 to v2.1.0).
pub const TABLE: &[GeneratorWorkflow] = &[
    GeneratorWorkflow {
        file: "generator_generic_slsa3.yml",
        role: Role::Artifacts,
        writes: &[(v02::PREDICATE_TYPE, "https://github.com/slsa-framework/slsa-github-generator/generic@v1")],
    },
    GeneratorWorkflow {
        file: "builder_go_slsa3.yml",
        role: Role::Artifacts,
        writes: &[
            (v02::PREDICATE_TYPE, "https://github.com/slsa-framework/slsa-github-generator/go@v1"),
            (v02::PREDICATE_TYPE, "https://github.com/slsa-framework/slsa-github-generator@v1"),
            (v02::PREDICATE_TYPE, "https://github.com/slsa-framework/slsa-github-generator-go@v1"),
        ],
    },
    GeneratorWorkflow {
        file: "builder_container-based_slsa3.yml",
        role: Role::Artifacts,
        writes: &[(v1::PREDICATE_TYPE, "https://slsa.dev/container-based-build/v0.1?draft")],
    },
    GeneratorWorkflow {
        file: "generator_container_slsa3.yml",
        role: Role::Images,
        writes: &[(v02::PREDICATE_TYPE, "https://github.com/slsa-framework/slsa-github-generator/container@v1")],
    },
    GeneratorWorkflow { file: "delegator_generic_slsa3.yml", role: Role::Delegator, writes: DELEGATED },
    GeneratorWorkflow { file: "delegator_lowperms-generic_slsa3.yml", role: Role::Delegator, writes: DELEGATED },
];

/// The workflow of a name with or without a ref behind `@`, if slsa-github-generator has it.
pub fn workflow(name: &str) -> Option<&'static GeneratorWorkflow> {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    let file = name.strip_prefix(WORKFLOWS)?;
    TABLE.iter().find(|row| row.file == file)
}

/// The name of the kind.
pub(super) const KIND: &str = "slsa-github-generator";

pub(super) struct Generator;

impl Builder for Generator {
    fn id(&self) -> &'static str {
        KIND
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        signs(identity).is_some_and(|workflow| workflow.role != Role::Delegator)
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        let Some(certificate) = github::workflow_certificate(attestation.identity()) else {
            return Err(BuilderError::Kind { found: 0 });
        };
        written_by(certificate.san.as_str(), attestation, provenance)?;
        let claims = GithubClaims::read(certificate)?;
        // These generators are the builder: whoever else is named as such is named by a forger.
        if provenance.builder_id() != claims.signer {
            return Err(BuilderError::Disagreement {
                field: "builder.id",
                certificate: claims.signer,
                predicate: provenance.builder_id().to_owned(),
            });
        }
        claims.facts(provenance, &predicate::read(provenance))
    }
}

/// The workflow that an identity is.
pub(super) fn signs(identity: &Identity) -> Option<&'static GeneratorWorkflow> {
    github::workflow_certificate(identity).and_then(|certificate| workflow(certificate.san.as_str()))
}

/// The workflow can have written a predicate of this type and build type.
///
/// # Errors
/// `build-type-foreign`.
pub(super) fn written_by(
    name: &str,
    attestation: &VerifiedAttestation,
    provenance: &Provenance,
) -> Result<(), BuilderError> {
    let writes = workflow(name).map(|workflow| workflow.writes).unwrap_or_default();
    let found = (attestation.statement().predicate_type.as_str(), provenance.build_type());
    if writes.contains(&found) {
        return Ok(());
    }
    let expected = writes.iter().map(|(predicate, build)| format!("{build} in {predicate}"));
    let expected = expected.collect::<Vec<_>>().join(" or ");
    Err(BuilderError::BuildType { expected, found: format!("{} in {}", found.1, found.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflows_are_known_by_their_whole_name() {
        let role = |name: &str| workflow(name).map(|workflow| workflow.role);
        assert_eq!(role(&format!("{WORKFLOWS}generator_generic_slsa3.yml@refs/tags/v1.2.3")), Some(Role::Artifacts));
        assert_eq!(role(&format!("{WORKFLOWS}delegator_generic_slsa3.yml")), Some(Role::Delegator));
        assert_eq!(role(&format!("{WORKFLOWS}generator_generic_slsa3.yml2@refs/tags/v1")), None);
        assert_eq!(role(&format!("https://evil.example/{WORKFLOWS}generator_generic_slsa3.yml")), None);
        assert_eq!(role("https://github.com/acme/app/.github/workflows/generator_generic_slsa3.yml"), None);
    }
}
