//! GitLab pipelines: the certificate names project, commit, ref, configuration and job.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::platform;
use crate::builders::tekton;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Instances that Sigstore's public instance issues for (sigstore/fulcio, config/identity).
const ISSUERS: &[&str] =
    &["https://gitlab.com", "https://dev.gitlab.org", "https://ops.gitlab.net", "https://gitlab.archlinux.org"];

pub(super) struct Gitlab;

/// Whether the platform issued the token behind a certificate.
pub(super) fn issued(certificate: &CertificateIdentity) -> bool {
    ISSUERS.contains(&certificate.issuer.as_str()) && !tekton::is_service_account(certificate)
}

impl Builder for Gitlab {
    fn id(&self) -> &'static str {
        "gitlab"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        platform::workload(identity).is_some_and(issued)
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        platform::claimed(attestation.identity(), provenance)
    }
}
