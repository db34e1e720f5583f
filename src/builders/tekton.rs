//! Tekton Chains by certificate: the controller signs, as a service account, for every run of its cluster.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::facts;
use crate::builders::platform;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Where names of Kubernetes service accounts begin (sigstore/fulcio, docs/oidc.md, "Kubernetes").
const SERVICE_ACCOUNTS: &str = "https://kubernetes.io/namespaces/";

pub(super) struct TektonChains;

/// Whether a certificate is a service account's.
pub(super) fn is_service_account(certificate: &CertificateIdentity) -> bool {
    certificate.san.as_str().starts_with(SERVICE_ACCOUNTS)
}

impl Builder for TektonChains {
    fn id(&self) -> &'static str {
        "tekton-chains"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        platform::workload(identity).is_some_and(is_service_account)
    }

    /// The certificate says nothing about a run: every fact is the controller's word.
    fn read(&self, _attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        facts::from_predicate(provenance, &predicate::read(provenance))
    }
}
