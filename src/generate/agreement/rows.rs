//! The table of the comparison: one row for each thing of which certificate and predicate both speak.

use crate::formats::certificate::Claim;
use crate::formats::certificate::SigningCertificate;
use crate::generate::agreement::said::Predicate;
use crate::generate::agreement::said::Said;
use crate::generate::agreement::said::repository;

/// Whether the predicate has to say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It may be silent.
    Free,
    /// It must say it when its build type holds a GitHub workflow.
    Workflow,
}

/// What it means that a certificate of GitHub Actions says nothing. Those of other platforms may always be silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Every certificate authority writes it, so that silence is a mismatch.
    Refused,
    /// Not every one writes it yet.
    Permitted,
}

/// One row.
pub(super) struct Row {
    /// What both speak of.
    pub(super) field: &'static str,
    /// Where it is expected, as a JSON pointer into a v1 predicate.
    pub(super) place: &'static str,
    /// What the certificate says (sigstore/fulcio, docs/oid-info.md).
    pub(super) held: fn(&SigningCertificate) -> Option<String>,
    /// What the predicate says, in each of its places.
    pub(super) said: fn(&Predicate<'_>) -> Vec<Said>,
    presence: Presence,
    /// What the certificate's silence means.
    pub(super) silence: Silence,
}

impl Row {
    /// Whether this predicate has to say it.
    pub(super) fn is_needed(&self, predicate: &Predicate<'_>) -> bool {
        self.presence == Presence::Workflow && predicate.is_github_workflow()
    }
}

const SOURCE: &str = "/buildDefinition/resolvedDependencies/0";

/// Every row.
pub(super) const ROWS: &[Row] = &[
    Row {
        field: "builder.id",
        place: "/runDetails/builder/id",
        held: |certificate| Some(certificate.san.as_str().to_owned()),
        said: |predicate| builder(predicate),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "builder.id (build signer)",
        place: "/runDetails/builder/id",
        // Some platforms' certificates have the name alone.
        held: |certificate| {
            claim(certificate, Claim::BuildSignerUri).or_else(|| Some(certificate.san.as_str().to_owned()))
        },
        said: |predicate| builder(predicate),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "workflow.repository",
        place: "/buildDefinition/externalParameters/workflow/repository",
        held: |certificate| workflow(certificate).map(|(repository, _, _)| repository),
        said: |predicate| predicate.workflow_repositories(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "workflow.path",
        place: "/buildDefinition/externalParameters/workflow/path",
        held: |certificate| workflow(certificate).map(|(_, path, _)| path),
        said: |predicate| predicate.workflow_paths(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "workflow.ref",
        place: "/buildDefinition/externalParameters/workflow/ref",
        held: |certificate| workflow(certificate).map(|(_, _, git_ref)| git_ref),
        said: |predicate| predicate.workflow_refs(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "pipeline configuration",
        place: "/buildDefinition/externalParameters/pipeline/config",
        held: |certificate| claim(certificate, Claim::BuildConfigUri),
        said: |predicate| predicate.pipelines(),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "workflow commit",
        place: "/buildDefinition/internalParameters/github/workflow_sha",
        held: |certificate| claim(certificate, Claim::BuildConfigDigest),
        said: |predicate| predicate.config_commits(),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "signing workflow's commit",
        place: "/buildDefinition/internalParameters/github/job_workflow_sha",
        held: |certificate| claim(certificate, Claim::BuildSignerDigest),
        said: |predicate| predicate.signer_commits(),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "source repository",
        place: SOURCE,
        held: source,
        said: |predicate| predicate.repositories(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "source commit",
        place: SOURCE,
        held: |certificate| either(certificate, Claim::SourceRepositoryDigest, Claim::GithubWorkflowSha),
        said: |predicate| predicate.commits(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "source ref",
        place: SOURCE,
        held: |certificate| either(certificate, Claim::SourceRepositoryRef, Claim::GithubWorkflowRef),
        said: |predicate| predicate.refs(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "repository id",
        place: "/buildDefinition/internalParameters/github/repository_id",
        held: |certificate| claim(certificate, Claim::SourceRepositoryIdentifier),
        said: |predicate| predicate.platform(&["repository_id", "project_id"], "REPOSITORY_ID"),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "owner id",
        place: "/buildDefinition/internalParameters/github/repository_owner_id",
        held: |certificate| claim(certificate, Claim::SourceRepositoryOwnerIdentifier),
        said: |predicate| predicate.platform(&["repository_owner_id", "namespace_id"], "REPOSITORY_OWNER_ID"),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "trigger",
        place: "/buildDefinition/internalParameters/github/event_name",
        held: |certificate| either(certificate, Claim::BuildTrigger, Claim::GithubWorkflowTrigger),
        said: |predicate| predicate.platform(&["event_name", "pipeline_source", "build_source"], "EVENT_NAME"),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "runner environment",
        place: "/buildDefinition/internalParameters/github/runner_environment",
        held: |certificate| claim(certificate, Claim::RunnerEnvironment),
        said: |predicate| predicate.platform(&["runner_environment"], "RUNNER_ENVIRONMENT"),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "run",
        place: "/runDetails/metadata/invocationId",
        held: |certificate| claim(certificate, Claim::RunInvocationUri).filter(|_| !is_misnamed(certificate)),
        said: |predicate| predicate.runs(),
        presence: Presence::Workflow,
        silence: Silence::Refused,
    },
    Row {
        field: "run number",
        place: "/buildDefinition/internalParameters/github/run_id",
        held: |certificate| run(certificate).map(|(run, _)| run),
        said: |predicate| predicate.run_numbers(),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "run attempt",
        place: "/buildDefinition/internalParameters/github/run_attempt",
        held: |certificate| run(certificate).map(|(_, attempt)| attempt),
        said: |predicate| predicate.attempts(),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "visibility",
        place: "/buildDefinition/internalParameters/github/repository_visibility",
        held: |certificate| claim(certificate, Claim::SourceRepositoryVisibility),
        said: |predicate| predicate.platform(&["repository_visibility", "project_visibility"], "REPOSITORY_VISIBILITY"),
        presence: Presence::Free,
        silence: Silence::Refused,
    },
    Row {
        field: "deployment environment",
        place: "/buildDefinition/internalParameters/github/environment",
        held: |certificate| claim(certificate, Claim::DeploymentEnvironment),
        said: |predicate| predicate.platform(&["environment"], "ENVIRONMENT"),
        presence: Presence::Free,
        silence: Silence::Permitted,
    },
];

fn builder(predicate: &Predicate<'_>) -> Vec<Said> {
    predicate.at(&[predicate.builder_pointer()])
}

fn claim(certificate: &SigningCertificate, claim: Claim) -> Option<String> {
    certificate.claims.get(claim).map(str::to_owned)
}

/// An extension, or the deprecated one that says the same.
fn either(certificate: &SigningCertificate, new: Claim, old: Claim) -> Option<String> {
    claim(certificate, new).or_else(|| claim(certificate, old))
}

/// The source repository.
fn source(certificate: &SigningCertificate) -> Option<String> {
    let old = || claim(certificate, Claim::GithubWorkflowRepository).map(|name| format!("https://github.com/{name}"));
    let uri = claim(certificate, Claim::SourceRepositoryUri).or_else(old)?;
    (!is_misnamed(certificate)).then(|| repository(&uri))
}

/// The public certificate authority begins the addresses of every GitLab that it knows with `https://gitlab.com`. Where
/// issuer and signer are of one host and the repository is of another, addresses name nothing.
fn is_misnamed(certificate: &SigningCertificate) -> bool {
    let signer = host(certificate.san.as_str());
    let repository = claim(certificate, Claim::SourceRepositoryUri);
    certificate.issuer().is_some_and(|issuer| host(issuer) == signer)
        && repository.is_some_and(|repository| host(&repository) != signer)
}

fn host(uri: &str) -> &str {
    let rest = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    rest.split_once('/').map_or(rest, |(host, _)| host)
}

/// Repository, path and ref of the workflow that was started: `https://host/owner/name/path@ref`. A file's name may hold
/// an `@` but no slash, so the first `@refs/` is before the ref.
fn workflow(certificate: &SigningCertificate) -> Option<(String, String, String)> {
    let config = claim(certificate, Claim::BuildConfigUri)?;
    let (file, rest) = config.split_once("@refs/")?;
    let (scheme, name) = file.split_once("://")?;
    // GitLab, whose projects may lie deep in groups, writes two slashes between project and file.
    let (base, path) = match name.split_once("//") {
        Some(parts) => parts,
        None => {
            let third = name.match_indices('/').nth(2).map(|(at, _)| at)?;
            let (base, path) = name.split_at_checked(third)?;
            (base, path.strip_prefix('/')?)
        }
    };
    Some((repository(&format!("{scheme}://{base}")), path.to_owned(), format!("refs/{rest}")))
}

/// Run and attempt of a GitHub run.
fn run(certificate: &SigningCertificate) -> Option<(String, String)> {
    let uri = claim(certificate, Claim::RunInvocationUri)?;
    let (_, numbers) = uri.split_once("/actions/runs/")?;
    let (run, attempt) = numbers.split_once("/attempts/")?;
    Some((run.to_owned(), attempt.to_owned()))
}
