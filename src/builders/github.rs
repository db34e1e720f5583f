//! What a certificate of a GitHub Actions run says, and the facts it comes to when the predicate agrees.

use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::facts;
use crate::builders::predicate;
use crate::builders::predicate::Stated;
use crate::formats::certificate::Claim;
use crate::formats::certificate::Claims;
use crate::formats::provenance::Provenance;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;

/// The OIDC issuer of GitHub Actions; an enterprise may have its own below it.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Pairs of extensions that say one thing: of today, and the deprecated one.
const PAIRS: &[(Claim, Claim)] = &[
    (Claim::BuildTrigger, Claim::GithubWorkflowTrigger),
    (Claim::SourceRepositoryDigest, Claim::GithubWorkflowSha),
    (Claim::SourceRepositoryRef, Claim::GithubWorkflowRef),
];

/// Whether an issuer is GitHub Actions.
fn is_github(issuer: &str) -> bool {
    issuer == ISSUER || issuer.strip_prefix(ISSUER).is_some_and(|rest| rest.starts_with('/'))
}

/// The certificate of a workflow, if the signer is one.
pub(super) fn workflow_certificate(identity: &Identity) -> Option<&CertificateIdentity> {
    match identity {
        Identity::Workload(certificate) if is_github(&certificate.issuer) => Some(certificate),
        _ => None,
    }
}

/// What the certificate says, topic by topic. Certificates of before 2023 hold the deprecated extensions alone.
#[derive(Debug)]
pub(super) struct GithubClaims {
    /// The workflow that signed, at a ref.
    pub(super) signer: String,
    pub(super) signer_digest: Option<String>,
    pub(super) repository: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) git_ref: Option<String>,
    pub(super) trigger: Option<String>,
    pub(super) runner: Option<String>,
    /// The top-level workflow, at a ref.
    pub(super) config: Option<String>,
    pub(super) config_commit: Option<String>,
    /// The path of that within the source repository; None when it lies in another repository.
    pub(super) workflow_path: Option<String>,
    pub(super) repository_id: Option<String>,
    pub(super) owner_id: Option<String>,
    pub(super) run: Option<String>,
}

impl GithubClaims {
    /// Reads the extensions (sigstore/fulcio, docs/oid-info.md).
    ///
    /// # Errors
    /// `certificate-claims` when two extensions that say one thing differ, or the signer is not the one that the name
    /// says.
    pub(super) fn read(certificate: &CertificateIdentity) -> Result<Self, BuilderError> {
        let claims = &certificate.claims;
        for (new, old) in PAIRS {
            agree(new.name(), claims.get(*new), old.name(), claims.get(*old))?;
        }
        let repository = claims.get(Claim::SourceRepositoryUri);
        let old = claims.get(Claim::GithubWorkflowRepository);
        let name = repository.and_then(|uri| uri.splitn(4, '/').nth(3));
        agree(Claim::SourceRepositoryUri.name(), name, Claim::GithubWorkflowRepository.name(), old)?;
        let signer = certificate.san.as_str();
        let said = claims.get(Claim::BuildSignerUri);
        agree("the subject alternative name", Some(signer), Claim::BuildSignerUri.name(), said)?;
        let claim = |claim| claims.get(claim).map(str::to_owned);
        let either = |new, old| claim(new).or_else(|| claim(old));
        let repository = repository_uri(claims);
        let config = claim(Claim::BuildConfigUri);
        Ok(Self {
            signer: signer.to_owned(),
            signer_digest: claim(Claim::BuildSignerDigest),
            workflow_path: config.as_deref().and_then(|config| workflow_path(config, repository.as_deref()?)),
            repository,
            commit: either(Claim::SourceRepositoryDigest, Claim::GithubWorkflowSha),
            git_ref: either(Claim::SourceRepositoryRef, Claim::GithubWorkflowRef),
            trigger: either(Claim::BuildTrigger, Claim::GithubWorkflowTrigger),
            runner: claim(Claim::RunnerEnvironment),
            config,
            config_commit: claim(Claim::BuildConfigDigest),
            repository_id: claim(Claim::SourceRepositoryIdentifier),
            owner_id: claim(Claim::SourceRepositoryOwnerIdentifier),
            run: claim(Claim::RunInvocationUri),
        })
    }

    /// The facts, where the predicate agrees with the certificate in everything that both speak of.
    ///
    /// # Errors
    /// `predicate-inconsistent`, `predicate-certificate-mismatch`.
    pub(super) fn facts(&self, provenance: &Provenance, stated: &Stated) -> Result<Facts, BuilderError> {
        facts::join("repository id", self.repository_id.clone(), &stated.repository_ids)?;
        facts::join("owner id", self.owner_id.clone(), &stated.owner_ids)?;
        facts::join("workflow commit", self.config_commit.clone(), &stated.config_commits)?;
        facts::join("signing workflow's commit", self.signer_digest.clone(), &stated.signer_commits)?;
        // The run is compared by its numbers: predicates write it in forms of their own.
        let run = self.run.as_deref().and_then(predicate::run_of);
        let run = facts::join("run", run, &stated.runs)?;
        facts::join("run", self.repository.clone(), &stated.run_repositories)?;
        let source_ref = facts::join("source ref", self.git_ref.clone(), &stated.refs)?;
        // Of a workflow in another repository there is no path in this one, whatever the predicate says.
        let elsewhere = self.config.is_some() && self.workflow_path.is_none();
        let workflow_path = facts::join("workflow path", self.workflow_path.clone(), &stated.workflow_paths)?;
        let workflow_path = workflow_path.filter(|_| !elsewhere);
        let named = provenance.builder_id() == self.signer;
        let signer = Fact { value: self.signer.clone(), backing: facts::Backing::Certificate };
        let backing = if named { facts::Backing::CertificateAndPredicate } else { facts::Backing::Certificate };
        let certain = |value| Fact { value, backing: facts::Backing::Certificate };
        Ok(Facts {
            builder_id: Fact { backing, ..signer },
            predicate_builder_id: (!named).then(|| facts::stated(provenance.builder_id())),
            signer: Some(certain(self.signer.clone())),
            builder_digest: self.signer_digest.clone().map(certain),
            build_type: facts::stated(provenance.build_type()),
            source_uri: facts::join("source repository", self.repository.clone(), &stated.uris)?,
            source_commit: facts::join("source commit", self.commit.clone(), &stated.commits)?,
            source_branch: facts::branch(source_ref.as_ref(), stated),
            source_ref,
            trigger: facts::join("trigger", self.trigger.clone(), &stated.triggers)?,
            runner: facts::join("runner", self.runner.clone(), &stated.runners)?,
            build_config: facts::join("workflow", self.config.clone(), &stated.configs)?,
            workflow_path,
            invocation: match self.run.clone() {
                Some(value) => {
                    Some(Fact { value, backing: run.map_or(facts::Backing::Certificate, |run| run.backing) })
                }
                None => provenance.invocation_id().map(facts::stated),
            },
            inputs: stated.inputs.clone(),
            dependencies: stated.dependencies,
        })
    }
}

/// Two extensions that say one thing say the same.
///
/// # Errors
/// `certificate-claims`.
pub(super) fn agree(
    first_name: &str,
    first: Option<&str>,
    second_name: &str,
    second: Option<&str>,
) -> Result<(), BuilderError> {
    match (first, second) {
        (Some(first), Some(second)) if first != second => Err(BuilderError::Claims {
            expected: format!("{first_name} {first}"),
            found: format!("{second_name} {second}"),
        }),
        _ => Ok(()),
    }
}

/// The repository as a URI; older certificates hold only owner and name.
fn repository_uri(claims: &Claims) -> Option<String> {
    let uri = claims.get(Claim::SourceRepositoryUri).map(|uri| format!("git+{uri}"));
    uri.or_else(|| claims.get(Claim::GithubWorkflowRepository).map(|name| format!("git+https://github.com/{name}")))
}

/// `https://github.com/o/r/PATH@REF` below `git+https://github.com/o/r`. The name of a workflow's file may hold an `@`, but
/// no slash: the first `@refs/` is not in it.
fn workflow_path(config: &str, repository: &str) -> Option<String> {
    let repository = repository.strip_prefix("git+").unwrap_or(repository);
    let path = config.strip_prefix(repository)?.strip_prefix('/')?;
    let parts = path.split_once("@refs/").or_else(|| path.rsplit_once('@'));
    Some(parts.map_or(path, |(path, _)| path).to_owned())
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

    #[test]
    fn the_path_of_a_workflow_lies_in_its_repository() {
        let path = |config: &str| workflow_path(config, "git+https://github.com/o/r");
        assert_eq!(
            path("https://github.com/o/r/.github/workflows/a.yml@refs/heads/x@y").as_deref(),
            Some(".github/workflows/a.yml")
        );
        assert_eq!(
            path("https://github.com/o/r/.github/workflows/a@b.yml@refs/heads/x").as_deref(),
            Some(".github/workflows/a@b.yml")
        );
        assert_eq!(path("https://github.com/o/r2/.github/workflows/a.yml@refs/heads/x"), None);
    }
}
