//! Builds on GitHub Actions: the certificate holds what the platform's token said.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::facts;
use crate::formats::certificate::Claim;
use crate::formats::certificate::Claims;
use crate::formats::provenance::Provenance;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// The OIDC issuer of GitHub Actions; an enterprise may have its own below it.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

pub(super) struct Github;

/// Whether an issuer is GitHub Actions.
fn is_github(issuer: &str) -> bool {
    issuer == ISSUER || issuer.strip_prefix(ISSUER).is_some_and(|rest| rest.starts_with('/'))
}

impl Builder for Github {
    fn id(&self) -> &'static str {
        "github-actions"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        matches!(identity, Identity::Workload(workload) if is_github(&workload.issuer))
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        let stated = facts::from_predicate(provenance);
        let Some(certificate) = attestation.identity().certificate() else { return Ok(stated) };
        let claims = &certificate.claims;
        let claim = |new, old: Option<Claim>| claims.get(new).or_else(|| claims.get(old?)).map(str::to_owned);
        let predicate = facts::predicate_source(provenance);
        let signer = certificate.san.as_str();
        let builder_id = facts::stated(provenance.builder_id());
        let named = builder_id.value == signer;
        Ok(Facts {
            builder_id: facts::join("builder.id", Some(signer.to_owned()), named.then(|| signer.to_owned()))?
                .unwrap_or_else(|| builder_id.clone()),
            predicate_builder_id: (!named).then_some(builder_id),
            source_uri: facts::join("source repository", repository(claims), predicate.uri)?,
            source_commit: facts::join(
                "source commit",
                claim(Claim::SourceRepositoryDigest, Some(Claim::GithubWorkflowSha)),
                predicate.commit,
            )?,
            source_ref: reference(
                claim(Claim::SourceRepositoryRef, Some(Claim::GithubWorkflowRef)),
                predicate.git_ref,
            )?,
            trigger: facts::join("trigger", claim(Claim::BuildTrigger, Some(Claim::GithubWorkflowTrigger)), None)?,
            runner: facts::join("runner", claim(Claim::RunnerEnvironment, None), None)?,
            build_config: facts::join("workflow", claim(Claim::BuildConfigUri, None), None)?,
            invocation: invocation(claim(Claim::RunInvocationUri, None), provenance),
            ..stated
        })
    }
}

/// The repository as a URI; older certificates hold only owner and name.
fn repository(claims: &Claims) -> Option<String> {
    let uri = claims.get(Claim::SourceRepositoryUri).map(|uri| format!("git+{uri}"));
    uri.or_else(|| claims.get(Claim::GithubWorkflowRepository).map(|name| format!("git+https://github.com/{name}")))
}

/// A predicate may name a ref in another form (a short name, a commit); only two full refs can disagree.
fn reference(certificate: Option<String>, predicate: Option<String>) -> Result<Option<Fact>, BuilderError> {
    facts::join("source ref", certificate, predicate.filter(|text| text.starts_with("refs/")))
}

/// The certificate's run wins; predicates name the run in forms of their own.
fn invocation(certificate: Option<String>, provenance: &Provenance) -> Option<Fact> {
    let stated = provenance.invocation_id().map(str::to_owned);
    let same = stated.as_deref().filter(|stated| Some(*stated) == certificate.as_deref()).map(str::to_owned);
    match certificate {
        Some(_) => facts::join("run", certificate, same).ok().flatten(),
        None => stated.map(|stated| facts::stated(&stated)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_githubs_issuers() {
        assert!(is_github("https://token.actions.githubusercontent.com"));
        assert!(is_github("https://token.actions.githubusercontent.com/acme"));
        assert!(!is_github("https://token.actions.githubusercontent.com.evil.example"));
        assert!(!is_github("https://accounts.google.com"));
    }
}
