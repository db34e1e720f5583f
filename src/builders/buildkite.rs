//! Buildkite pipelines: the certificate names pipeline, commit, trigger and job, and no repository.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::platform;
use crate::builders::tekton;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// The agents' issuer (sigstore/fulcio, config/identity).
const ISSUER: &str = "https://agent.buildkite.com";

pub(super) struct Buildkite;

/// Whether the platform issued the token behind a certificate.
pub(super) fn issued(certificate: &CertificateIdentity) -> bool {
    certificate.issuer == ISSUER && !tekton::is_service_account(certificate)
}

impl Builder for Buildkite {
    fn id(&self) -> &'static str {
        "buildkite"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        platform::workload(identity).is_some_and(issued)
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        platform::claimed(attestation.identity(), provenance)
    }
}
