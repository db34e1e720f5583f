//! Any other signer with a certificate: its claims where they can be trusted, otherwise the predicate's word.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::buildkite;
use crate::builders::github;
use crate::builders::gitlab;
use crate::builders::platform;
use crate::builders::tekton;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

pub(super) struct OtherCertificate;

fn is_known(certificate: &CertificateIdentity) -> bool {
    gitlab::issued(certificate) || buildkite::issued(certificate) || tekton::is_service_account(certificate)
}

impl Builder for OtherCertificate {
    fn id(&self) -> &'static str {
        "certificate"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        let known =
            github::workflow_certificate(identity).is_some() || platform::workload(identity).is_some_and(is_known);
        identity.certificate().is_some() && !known
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        platform::claimed(attestation.identity(), provenance)
    }
}
