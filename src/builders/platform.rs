//! Facts of a certificate that holds claims in Fulcio's common extensions.

use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::buildkite;
use crate::builders::facts;
use crate::builders::github;
use crate::builders::gitlab;
use crate::builders::predicate;
use crate::builders::source::SourceUri;
use crate::formats::certificate::Claim;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;

/// The certificate of a workload, if the signer is one.
pub(super) fn workload(identity: &Identity) -> Option<&CertificateIdentity> {
    match identity {
        Identity::Workload(certificate) => Some(certificate),
        _ => None,
    }
}

/// A certificate authority copies a platform's claims; a platform may claim a repository of another host. So the source
/// is the certificate's only where the issuer serves the repository's own host. What names no repository (commit,
/// trigger, runner, run) is a known platform's to say.
///
/// # Errors
/// `certificate-claims`, `predicate-inconsistent`, `predicate-certificate-mismatch`.
pub(super) fn claimed(identity: &Identity, provenance: &Provenance) -> Result<Facts, BuilderError> {
    let stated = predicate::read(provenance);
    let facts = facts::from_predicate(provenance, &stated)?;
    let Some(certificate) = workload(identity) else { return Ok(facts) };
    let claim = |claim| certificate.claims.get(claim).map(str::to_owned);
    let uri = claim(Claim::SourceRepositoryUri).map(|uri| format!("git+{uri}"));
    let issuer = certificate.issuer.strip_prefix("https://").unwrap_or_default();
    let host = uri.as_deref().and_then(SourceUri::parse).map(|uri| uri.host().to_owned());
    let platform = gitlab::issued(certificate) || buildkite::issued(certificate);
    if host.as_deref().is_some_and(|host| host != issuer) || host.is_none() && !platform {
        return Ok(facts);
    }
    let source_ref = facts::join("source ref", claim(Claim::SourceRepositoryRef), &stated.refs)?;
    let signer = certificate.san.as_str();
    // The name and the extension are of one template (sigstore/fulcio, docs/oid-info.md).
    let said = certificate.claims.get(Claim::BuildSignerUri);
    github::agree("the subject alternative name", Some(signer), Claim::BuildSignerUri.name(), said)?;
    let certain = |value: String| Fact { value, backing: facts::Backing::Certificate };
    let named = provenance.builder_id() == signer;
    let predicate_builder_id = (!named).then(|| facts.builder_id.clone());
    let backing = if named { facts::Backing::CertificateAndPredicate } else { facts::Backing::Certificate };
    Ok(Facts {
        builder_id: Fact { value: signer.to_owned(), backing },
        predicate_builder_id,
        signer: Some(certain(signer.to_owned())),
        builder_digest: claim(Claim::BuildSignerDigest).map(certain),
        source_uri: facts::join("source repository", uri, &stated.uris)?,
        source_commit: facts::join("source commit", claim(Claim::SourceRepositoryDigest), &stated.commits)?,
        source_branch: facts::branch(source_ref.as_ref(), &stated),
        source_ref,
        trigger: facts::join("trigger", claim(Claim::BuildTrigger), &stated.triggers)?,
        runner: facts::join("runner", claim(Claim::RunnerEnvironment), &stated.runners)?,
        build_config: facts::join("workflow", claim(Claim::BuildConfigUri), &[])?,
        invocation: claim(Claim::RunInvocationUri).map(certain).or(facts.invocation),
        ..facts
    })
}
