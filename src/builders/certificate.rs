//! Any other signer with a certificate: its claims where they can be trusted, otherwise the predicate's word.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::facts;
use crate::builders::source::SourceUri;
use crate::formats::certificate::Claim;
use crate::formats::provenance::Provenance;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

use crate::builders::github::Github;

pub(super) struct OtherCertificate;

impl Builder for OtherCertificate {
    fn id(&self) -> &'static str {
        "certificate"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        identity.certificate().is_some() && !Github.signs_as(identity)
    }

    /// A certificate authority copies a platform's claims; a platform may claim a repository of another host. So the
    /// source is the certificate's only where the issuer serves the repository's own host.
    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        let stated = facts::from_predicate(provenance);
        let Some(certificate) = attestation.identity().certificate() else { return Ok(stated) };
        let claims = &certificate.claims;
        let uri = claims.get(Claim::SourceRepositoryUri).map(|uri| format!("git+{uri}"));
        let host = uri.as_deref().and_then(SourceUri::parse).map(|uri| uri.host().to_owned());
        let issuer = certificate.issuer.strip_prefix("https://").unwrap_or_default();
        if host.as_deref() != Some(issuer) {
            return Ok(stated);
        }
        let claim = |claim| claims.get(claim).map(str::to_owned);
        let predicate = facts::predicate_source(provenance);
        let full_ref = predicate.git_ref.filter(|text| text.starts_with("refs/"));
        Ok(Facts {
            source_uri: facts::join("source repository", uri, predicate.uri)?,
            source_commit: facts::join("source commit", claim(Claim::SourceRepositoryDigest), predicate.commit)?,
            source_ref: facts::join("source ref", claim(Claim::SourceRepositoryRef), full_ref)?,
            trigger: facts::join("trigger", claim(Claim::BuildTrigger), None)?,
            runner: facts::join("runner", claim(Claim::RunnerEnvironment), None)?,
            build_config: facts::join("workflow", claim(Claim::BuildConfigUri), None)?,
            ..stated
        })
    }
}
