//! Facts about a job of GitLab CI; `docs/buildtypes/gitlab-v1.md` describes the build type.

use std::collections::BTreeMap;

use crate::formats::digest::Algorithm;
use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::Checkout;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::build::checked_url;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::agree;
use crate::generate::ci::topics::invalid;
use crate::generate::ci::topics::made;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;
use crate::generate::local::checked_ref;
use crate::generate::local::checked_uri;
use crate::generate::local::git_object;

/// The build type of a job of GitLab CI.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/gitlab/v1";

/// The builder of a job of GitLab CI that has no token.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/gitlab/v1";

/// What GitLab says (docs.gitlab.com: "ID token authentication", "Predefined CI/CD variables reference").
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("config", "the pipeline's configuration")
        .certified("ci_config_ref_uri")
        .variable("CI_CONFIG_REF_URI")
        .in_token(),
    Topic::pipeline("config_path", "the path of the configuration").variable("CI_CONFIG_PATH").needed(),
    Topic::pipeline("job", "the job's name").variable("CI_JOB_NAME").needed(),
    Topic::platform("config_sha", "the commit of the configuration").certified("ci_config_sha"),
    Topic::platform("environment", "the deployment environment")
        .certified("environment")
        .variable("CI_ENVIRONMENT_NAME"),
    Topic::platform("job_id", "the job's number").certified("job_id").variable("CI_JOB_ID").needed(),
    Topic::platform("namespace_id", "the namespace's number")
        .certified("namespace_id")
        .variable("CI_PROJECT_NAMESPACE_ID")
        .in_token(),
    Topic::platform("pipeline_id", "the pipeline's number")
        .claimed("pipeline_id")
        .variable("CI_PIPELINE_ID")
        .in_token(),
    Topic::platform("pipeline_source", "what started the pipeline")
        .certified("pipeline_source")
        .variable("CI_PIPELINE_SOURCE")
        .needed(),
    Topic::platform("project_id", "the project's number").certified("project_id").variable("CI_PROJECT_ID").needed(),
    Topic::platform("project_visibility", "who may see the project")
        .certified("project_visibility")
        .variable("CI_PROJECT_VISIBILITY")
        .in_token(),
    Topic::platform("ref_protected", "whether the ref is protected")
        .claimed("ref_protected")
        .variable("CI_COMMIT_REF_PROTECTED"),
    Topic::platform("runner_environment", "where the runner is").certified("runner_environment").in_token(),
    Topic::platform("runner_id", "the runner's number").claimed("runner_id").variable("CI_RUNNER_ID"),
    Topic::part("gitlab", "the version of GitLab").variable("CI_SERVER_VERSION"),
    Topic::part("gitlab-runner", "the version of the runner").variable("CI_RUNNER_VERSION"),
    Topic::part("job_url", "the job's address").variable("CI_JOB_URL"),
    Topic::part("namespace_path", "the namespace")
        .certified("namespace_path")
        .variable("CI_PROJECT_NAMESPACE")
        .in_token(),
    Topic::part("project_path", "the project").certified("project_path").variable("CI_PROJECT_PATH").needed(),
    Topic::part("project_url", "the project's address").variable("CI_PROJECT_URL"),
    Topic::part("ref", "the ref").certified("ref").variable("CI_COMMIT_REF_NAME").needed(),
    Topic::part("ref_path", "the full ref").claimed("ref_path"),
    Topic::part("ref_type", "the type of the ref").certified("ref_type").in_token(),
    Topic::part("server", "the server's address").certified("iss").variable("CI_SERVER_URL").needed(),
    Topic::part("sha", "the commit").certified("sha").variable("CI_COMMIT_SHA").needed(),
    Topic::part("branch", "the branch").variable("CI_COMMIT_BRANCH"),
    Topic::part("tag", "the tag").variable("CI_COMMIT_TAG"),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let server = told.need("server")?;
    checked_url("the server's address", &server.value)?;
    let project = told.need("project_path")?;
    let address = made(format!("{}/{}", server.value, project.value), project, &[server]);
    if let Some(found) = told.get("project_url") {
        agree("the project's address", ("project_path", &address.value), ("CI_PROJECT_URL", &found.value))?;
    }
    let job = told.need("job_id")?;
    let run = made(format!("{}/-/jobs/{}", address.value, job.value), job, &[&address]);
    if let Some(found) = told.get("job_url") {
        agree("the job's address", ("job_id", &run.value), ("CI_JOB_URL", &found.value))?;
    }
    let source = SourceTold { uri: Some(address), git_ref: Some(full_ref(&told)?), commit: told.get("sha").cloned() };
    let source = source.resolve(inputs)?;
    let config = told.get("config").filter(|config| config.backing == Backing::Certificate);
    let signer = config.map(|config| Fact { value: format!("https://{}", config.value), ..config.clone() });
    Build {
        inputs,
        platform: "gitlab",
        build_type: BUILD_TYPE,
        builder_id: builder(inputs, signer, BUILDER_ID)?,
        dependencies: configuration(&told, &source)?.into_iter().collect(),
        source,
        told,
        invocation_id: run,
        versions: &["gitlab", "gitlab-runner"],
    }
    .facts()
}

/// The ref in full, of its name and its type. The environment says the type by which of two variables is set.
fn full_ref(told: &Told) -> Result<Fact<String>, GenerateError> {
    let name = told.need("ref")?;
    let by_variable = [("tag", "CI_COMMIT_TAG"), ("branch", "CI_COMMIT_BRANCH")]
        .into_iter()
        .find_map(|(kind, variable)| told.get(kind).map(|fact| (kind, variable, fact)));
    if let Some((_, variable, fact)) = by_variable {
        agree("the ref", ("ref", &name.value), (variable, &fact.value))?;
    }
    let kind = match (told.get("ref_type"), by_variable) {
        (Some(claimed), Some((kind, variable, _))) => {
            agree("the type of the ref", ("ref_type", &claimed.value), (variable, kind))?;
            claimed.clone()
        }
        (Some(claimed), None) => claimed.clone(),
        (None, Some((kind, _, fact))) => Fact { value: kind.to_owned(), ..fact.clone() },
        // Pipelines of merge requests set neither; their ref is the branch that asks to be merged.
        (None, None) => Fact { value: "branch".to_owned(), ..name.clone() },
    };
    let folder = match kind.value.as_str() {
        "branch" => "heads",
        "tag" => "tags",
        other => return Err(invalid("the type of the ref", "branch or tag", other.to_owned())),
    };
    let full = made(format!("refs/{folder}/{}", name.value), name, &[&kind]);
    match told.get("ref_path") {
        Some(path) if path.value != full.value => Err(invalid("ref_path", &full.value, path.value.clone())),
        _ => Ok(full),
    }
}

/// The parts of `ci_config_ref_uri`: `host/project//path@ref`.
struct Configuration<'a> {
    project: &'a str,
    path: &'a str,
    full_ref: &'a str,
}

impl<'a> Configuration<'a> {
    fn parse(config: &'a Fact<String>) -> Result<Self, GenerateError> {
        let spelt = || invalid("the pipeline's configuration", "host/project//path@ref", config.value.clone());
        let (project, rest) = config.value.split_once("//").ok_or_else(spelt)?;
        // A path may hold an `@`; the first that a full ref follows is not in it.
        let (path, full_ref) = rest.split_once("@refs/").ok_or_else(spelt)?;
        let full_ref = rest.get(path.len() + 1..).filter(|_| !full_ref.is_empty()).ok_or_else(spelt)?;
        Ok(Self { project, path, full_ref })
    }
}

/// The repository that the configuration comes from, where that is not the source.
fn configuration(told: &Told, source: &Checkout) -> Result<Option<Dependency>, GenerateError> {
    let Some(config) = told.get("config") else { return Ok(None) };
    let parts = Configuration::parse(config)?;
    if let Some(found) = told.get("config_path").filter(|_| config.backing == Backing::Certificate) {
        // The variable has `path`, or `path@project`.
        let path = found.value.split('@').next().unwrap_or_default();
        agree("the path of the configuration", ("ci_config_ref_uri", parts.path), ("CI_CONFIG_PATH", path))?;
    }
    let Some(sha) = told.get("config_sha") else { return Ok(None) };
    let value = git_object(Algorithm::GitCommit, &sha.value)?;
    let uri = checked_uri(&format!("https://{}", parts.project))?;
    let full_ref = checked_ref(parts.full_ref)?;
    if uri == source.uri.value && value == source.commit.value {
        return Ok(None);
    }
    Ok(Some(Dependency {
        name: Some(Fact::word("configuration".to_owned(), Source::BuilderConstant)),
        uri: Some(Fact { value: format!("{uri}@{full_ref}"), ..config.clone() }),
        digests: vec![Fact { value, source: sha.source, backing: sha.backing }],
        media_type: None,
        annotations: BTreeMap::new(),
    }))
}
