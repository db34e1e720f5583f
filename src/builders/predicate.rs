//! What a predicate says about a build, topic by topic, with the place of each saying; nothing of it is believed here.

use std::fmt;

use serde_json::Map;
use serde_json::Value;

use crate::builders::environment::GithubEnvironment;
use crate::builders::source::SourceUri;
use crate::formats::digest::DigestSet;
use crate::formats::provenance::Provenance;
use crate::formats::provenance::ResourceDescriptor;
use crate::formats::provenance::v01::ProvenanceV01;
use crate::formats::provenance::v1::BuildDefinition;
use crate::formats::provenance::v1::ProvenanceV1;
use crate::formats::provenance::v02::ConfigSource;
use crate::formats::provenance::v02::ProvenanceV02;
use crate::generate::ci::github;
use crate::generate::local;
use crate::generate::local::ExternalParameters;
use crate::generate::wrap;

/// Build types of GitHub artifact attestations, of the npm command line on GitHub and of our own:
/// `externalParameters.workflow`.
pub(super) const WORKFLOW_BUILD_TYPES: &[&str] =
    &[github::ACTIONS_BUILD_TYPE, COMMUNITY_BUILD_TYPE, github::BUILD_TYPE];
/// The community's build type of the same shape, which the npm command line writes.
pub(super) const COMMUNITY_BUILD_TYPE: &str = "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1";
/// Delegated builds of slsa-github-generator: the delegator may check out another commit than the event's.
pub(super) const DELEGATED_BUILD_TYPE: &str =
    "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0";
/// What every build type of ours begins with: the source is the dependency of that name, as far as one has it.
const OUR_BUILD_TYPES: &str = "https://sealmark.dev/buildtypes/";
/// Tekton Chains: dependencies come in no order that says which is the source.
const TEKTON_BUILD_TYPES: &[&str] = &["https://tekton.dev/chains/v2/slsa", "https://tekton.dev/chains/v2/slsa-tekton"];

/// One saying of a predicate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    /// Which field says it.
    pub(super) at: &'static str,
    /// What it says, normalised where there are several spellings.
    pub(super) value: String,
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.value, self.at)
    }
}

/// Everything that a predicate says about its build. A topic with two sayings that differ is refused later, where all
/// topics are joined with the certificate.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stated {
    /// The source repository, without its ref.
    pub(super) uris: Vec<Said>,
    /// The commit.
    pub(super) commits: Vec<Said>,
    /// The full ref.
    pub(super) refs: Vec<Said>,
    /// What started the build.
    pub(super) triggers: Vec<Said>,
    /// Where it ran.
    pub(super) runners: Vec<Said>,
    /// The top-level workflow with repository and ref.
    pub(super) configs: Vec<Said>,
    /// The commit of the top-level workflow.
    pub(super) config_commits: Vec<Said>,
    /// The commit of the workflow that signed.
    pub(super) signer_commits: Vec<Said>,
    /// The path of the top-level workflow.
    pub(super) workflow_paths: Vec<Said>,
    /// The platform's number of the repository.
    pub(super) repository_ids: Vec<Said>,
    /// The platform's number of the repository's owner.
    pub(super) owner_ids: Vec<Said>,
    /// Run and attempt, `RUN/ATTEMPT`.
    pub(super) runs: Vec<Said>,
    /// The repository of the run, where the run is named by a URI.
    pub(super) run_repositories: Vec<Said>,
    /// The branch that a tag is on, in full.
    pub(super) branch_of_tag: Option<String>,
    /// What somebody typed when the workflow was dispatched by hand.
    pub(super) inputs: Option<Map<String, Value>>,
    /// How many dependencies are listed.
    pub(super) dependencies: usize,
}

/// Reads a predicate by its version and build type.
pub(super) fn read(provenance: &Provenance) -> Stated {
    let mut stated = Stated::default();
    match provenance {
        Provenance::V01(predicate) => v01(predicate, &mut stated),
        Provenance::V02(predicate) => v02(predicate, &mut stated),
        Provenance::V1(predicate) => v1(predicate, &mut stated),
    }
    if let Some(environment) = GithubEnvironment::of(provenance) {
        variables(environment, provenance.build_type(), &mut stated);
    }
    if let Some(id) = provenance.invocation_id() {
        if let Some(run) = run_of(id) {
            stated.runs.push(Said { at: "invocationId", value: run });
        }
        // A run is one of its repository.
        let repository = id.split_once("/actions/runs/").and_then(|(repository, _)| SourceUri::parse(repository));
        if let Some(repository) = repository {
            stated.run_repositories.push(Said { at: "invocationId", value: repository.canonical() });
        }
    }
    stated
}

fn v01(predicate: &ProvenanceV01, stated: &mut Stated) {
    stated.dependencies = predicate.materials.len();
    if let Some(material) = predicate.materials.first() {
        source("materials[0]", material.uri.as_deref(), &material.digest, stated);
    }
}

fn v02(predicate: &ProvenanceV02, stated: &mut Stated) {
    stated.dependencies = predicate.materials.len();
    if let Some(material) = predicate.materials.first() {
        source("materials[0]", material.uri.as_deref(), &material.digest, stated);
    }
    let Some(config) = predicate.invocation.as_ref().and_then(|invocation| invocation.config_source.as_ref()) else {
        return;
    };
    if predicate.build_type == github::BUILD_TYPE {
        config_source(config, stated);
        stated.inputs = dispatched(predicate).cloned();
        return;
    }
    source("configSource", config.uri.as_deref(), &config.digest, stated);
    // Without permission to ask, older generators wrote the workflow's name here in place of its path.
    if let Some(path) = config.entry_point.as_deref().filter(|path| path.starts_with(".github/workflows/")) {
        stated.workflow_paths.push(Said { at: "entryPoint", value: path.to_owned() });
    }
}

/// In ours it is the workflow that was started, which may lie in another repository than the source.
fn config_source(config: &ConfigSource, stated: &mut Stated) {
    let uri = config.uri.as_deref().and_then(|uri| uri.strip_prefix("git+")).and_then(|uri| uri.split_once('@'));
    if let (Some((repository, full_ref)), Some(path)) = (uri, config.entry_point.as_deref()) {
        stated.configs.push(Said { at: "configSource", value: format!("{repository}/{path}@{full_ref}") });
        stated.workflow_paths.push(Said { at: "entryPoint", value: path.to_owned() });
    }
    if let Some(commit) = config.digest.raw("sha1").or_else(|| config.digest.raw("gitCommit")) {
        stated.config_commits.push(Said { at: "configSource", value: commit.to_owned() });
    }
}

/// What somebody typed when they dispatched a workflow, in v0.2 of our build type.
fn dispatched(predicate: &ProvenanceV02) -> Option<&Map<String, Value>> {
    let invocation = predicate.invocation.as_ref()?;
    let event = invocation.environment.as_ref()?.get("github_event_name")?;
    let inputs = invocation.parameters.as_ref()?.get("inputs")?.as_object();
    inputs.filter(|_| event == "workflow_dispatch")
}

fn v1(predicate: &ProvenanceV1, stated: &mut Stated) {
    let definition = &predicate.build_definition;
    let dependencies = &definition.resolved_dependencies;
    stated.dependencies = dependencies.len();
    let (build_type, external) = unwrapped(definition);
    let nothing = Map::new();
    let external = external.unwrap_or(&nothing);
    let tekton = TEKTON_BUILD_TYPES.contains(&build_type);
    let named = |name: &str| -> Vec<&ResourceDescriptor> {
        dependencies.iter().filter(|one| one.name.as_deref() == Some(name)).collect()
    };
    let main = if tekton {
        named("inputs/result").into_iter().take(1).collect()
    } else if (named_source(build_type, external) || definition.build_type == wrap::BUILD_TYPE)
        && !named(github::SOURCE_NAME).is_empty()
    {
        // Ours have it under its name, in whatever order; two of that name must agree.
        named(github::SOURCE_NAME)
    } else {
        dependencies.iter().take(1).collect()
    };
    for main in main {
        source("resolvedDependencies[0]", main.uri.as_deref(), &main.digest, stated);
    }
    if WORKFLOW_BUILD_TYPES.contains(&build_type) {
        workflow(external, &definition.internal_parameters, stated);
    }
    if build_type == github::BUILD_TYPE {
        complete_workflow(external, &definition.internal_parameters, stated);
    }
    if let Some(descriptor) = external.get("source").filter(|_| build_type != local::BUILD_TYPE) {
        let digest = descriptor.get("digest").cloned().and_then(|value| serde_json::from_value(value).ok());
        let uri = descriptor.as_str().or_else(|| descriptor.get("uri")?.as_str());
        source("externalParameters.source", uri, &digest.unwrap_or_default(), stated);
    }
    if let Some(config) = external.get("buildConfigSource").filter(|_| !tekton) {
        // Google Cloud Build: repository, ref and path of the build's configuration.
        let field = |name: &str| config.get(name).and_then(Value::as_str);
        if let Some(repository) = field("repository") {
            source("buildConfigSource", Some(repository), &DigestSet::default(), stated);
        }
        if let Some(full_ref) = field("ref").filter(|text| text.starts_with("refs/")) {
            stated.refs.push(Said { at: "buildConfigSource.ref", value: full_ref.to_owned() });
        }
    }
    if build_type == local::BUILD_TYPE {
        local_source(external, stated);
    } else if named_source(build_type, external) {
        let full_ref = external.get("source").and_then(|found| found.get("ref")).and_then(Value::as_str);
        if let Some(full_ref) = full_ref.filter(|text| text.starts_with("refs/")) {
            stated.refs.push(Said { at: "externalParameters.source.ref", value: full_ref.to_owned() });
        }
    }
}

/// Whether a predicate has its source where sealmark writes it: in every build type of ours, and in those that a document
/// of facts names (`docs/platforms.md`), whose `externalParameters.source` holds an address.
fn named_source(build_type: &str, external: &Map<String, Value>) -> bool {
    let described = || external.get("source").is_some_and(|found| found.get("uri").is_some());
    build_type.starts_with(OUR_BUILD_TYPES) || described()
}

/// The build type and the parameters that speak of the platform: of a command that sealmark ran, those of the build that
/// it was a part of (`docs/buildtypes/run-v1.md`).
fn unwrapped(definition: &BuildDefinition) -> (&str, Option<&Map<String, Value>>) {
    let whole = (definition.build_type.as_str(), Some(&definition.external_parameters));
    if definition.build_type != wrap::BUILD_TYPE {
        return whole;
    }
    let build = definition.external_parameters.get("build");
    match build.and_then(|build| build.get("buildType")).and_then(Value::as_str) {
        Some(build_type) => {
            let external = build.and_then(|build| build.get("externalParameters"));
            (build_type, external.and_then(Value::as_object))
        }
        None => whole,
    }
}

/// A local build names its source in the parameters too; one whose commit is not known lists no dependency and names it
/// nowhere else (`docs/buildtypes/local-v1.md`).
fn local_source(external: &Map<String, Value>, stated: &mut Stated) {
    let parameters = serde_json::from_value(Value::Object(external.clone()));
    let Some(found) = parameters.ok().and_then(|read: ExternalParameters| read.source) else { return };
    source("externalParameters.source", found.uri.as_deref(), &DigestSet::default(), stated);
    if let Some(full_ref) = found.git_ref {
        stated.refs.push(Said { at: "externalParameters.source.ref", value: full_ref });
    }
}

/// GitHub's workflow build types: which workflow, and what the platform said about the run.
fn workflow(external: &Map<String, Value>, internal: &Map<String, Value>, stated: &mut Stated) {
    let field = |name: &str| external.get("workflow").and_then(|workflow| workflow.get(name)).and_then(Value::as_str);
    if let (Some(repository), Some(path), Some(full_ref)) = (field("repository"), field("path"), field("ref")) {
        let value = format!("{repository}/{path}@{full_ref}");
        stated.configs.push(Said { at: "externalParameters.workflow", value });
        stated.workflow_paths.push(Said { at: "externalParameters.workflow.path", value: path.to_owned() });
    }
    let github = |name: &str| internal.get("github").and_then(|github| github.get(name)).and_then(Value::as_str);
    let mut say = |name: &str, at, list: fn(&mut Stated) -> &mut Vec<Said>| {
        if let Some(value) = github(name) {
            list(stated).push(Said { at, value: value.to_owned() });
        }
    };
    say("event_name", "github.event_name", |stated| &mut stated.triggers);
    say("runner_environment", "github.runner_environment", |stated| &mut stated.runners);
    say("repository_id", "github.repository_id", |stated| &mut stated.repository_ids);
    say("repository_owner_id", "github.repository_owner_id", |stated| &mut stated.owner_ids);
}

/// Our build type of GitHub workflows says more: the commits of the workflows, the numbers of the run, and what somebody
/// typed when they dispatched it (`docs/buildtypes/github-workflow-v1.md`).
fn complete_workflow(external: &Map<String, Value>, internal: &Map<String, Value>, stated: &mut Stated) {
    let github = |name: &str| internal.get("github").and_then(|github| github.get(name)).and_then(Value::as_str);
    let mut say = |at, value: Option<&str>, list: fn(&mut Stated) -> &mut Vec<Said>| {
        if let Some(value) = value {
            list(stated).push(Said { at, value: value.to_owned() });
        }
    };
    say("github.workflow_sha", github("workflow_sha"), |stated| &mut stated.config_commits);
    say("github.job_workflow_sha", github("job_workflow_sha"), |stated| &mut stated.signer_commits);
    if let (Some(run), Some(attempt)) = (github("run_id"), github("run_attempt")) {
        say("github.run_id", Some(&format!("{run}/{attempt}")), |stated| &mut stated.runs);
    }
    let dispatched = github("event_name") == Some("workflow_dispatch");
    stated.inputs = external.get("inputs").and_then(Value::as_object).filter(|_| dispatched).cloned();
}

/// The variables of a GitHub run, where a predicate records them.
fn variables(environment: GithubEnvironment<'_>, build_type: &str, stated: &mut Stated) {
    let (delegated, ours) = (build_type == DELEGATED_BUILD_TYPE, build_type == github::BUILD_TYPE);
    let say = |at, value: Option<String>, list: &mut Vec<Said>| {
        if let Some(value) = value {
            list.push(Said { at, value });
        }
    };
    let text = |name| environment.text(name).map(str::to_owned);
    say("GITHUB_REF", text("REF").filter(|text| text.starts_with("refs/")), &mut stated.refs);
    say("GITHUB_EVENT_NAME", text("EVENT_NAME"), &mut stated.triggers);
    say("GITHUB_REPOSITORY_ID", environment.id("REPOSITORY_ID"), &mut stated.repository_ids);
    say("GITHUB_REPOSITORY_OWNER_ID", environment.id("REPOSITORY_OWNER_ID"), &mut stated.owner_ids);
    let repository = text("REPOSITORY").map(|name| format!("git+https://github.com/{name}"));
    say("GITHUB_REPOSITORY", repository, &mut stated.uris);
    if !delegated {
        say("GITHUB_SHA", text("SHA").or_else(|| text("SHA1")), &mut stated.commits);
    }
    say("GITHUB_WORKFLOW_SHA", text("WORKFLOW_SHA"), &mut stated.config_commits);
    if let Some(config) = text("WORKFLOW_REF") {
        say("GITHUB_WORKFLOW_REF", Some(format!("https://github.com/{config}")), &mut stated.configs);
    }
    if let (Some(run), Some(attempt)) = (environment.id("RUN_ID"), environment.id("RUN_ATTEMPT")) {
        say("GITHUB_RUN_ID", Some(format!("{run}/{attempt}")), &mut stated.runs);
    }
    stated.branch_of_tag = environment.branch_of_tag();
    if ours {
        // Its inputs have a place of their own, and so do these in v0.2.
        say("github_runner_environment", text("RUNNER_ENVIRONMENT"), &mut stated.runners);
        say("github_job_workflow_sha", text("JOB_WORKFLOW_SHA"), &mut stated.signer_commits);
    } else {
        stated.inputs = environment.inputs().cloned();
    }
}

/// A repository with the ref behind it and a commit.
fn source(at: &'static str, uri: Option<&str>, digest: &DigestSet, stated: &mut Stated) {
    let Some(parsed) = uri.and_then(SourceUri::parse) else { return };
    stated.uris.push(Said { at, value: parsed.canonical() });
    // A short name or a commit behind the @ is no full ref.
    if let Some(full_ref) = parsed.git_ref.filter(|text| text.starts_with("refs/")) {
        stated.refs.push(Said { at, value: full_ref });
    }
    // A commit stands under `gitCommit`, or under `sha1` as older generators wrote it.
    for commit in ["gitCommit", "sha1"].into_iter().filter_map(|name| digest.raw(name)) {
        stated.commits.push(Said { at, value: commit.to_owned() });
    }
}

/// Run and attempt of a GitHub run: `…/actions/runs/1/attempts/2` or `1-2`, as `1/2`.
pub(super) fn run_of(text: &str) -> Option<String> {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (run, attempt) = match text.split_once("/actions/runs/") {
        Some((_, rest)) => rest.split_once("/attempts/")?,
        None => text.split_once('-')?,
    };
    (number(run) && number(attempt)).then(|| format!("{run}/{attempt}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_that_was_run_says_what_its_build_says() {
        let workflow = json!({"workflow": {
            "repository": "https://github.com/acme/app", "path": ".github/workflows/release.yml", "ref": "refs/tags/v1",
        }});
        let source = json!({"name": "source", "uri": "git+https://github.com/acme/app@refs/tags/v1",
                            "digest": {"gitCommit": "ab".repeat(20)}});
        let input = json!({"name": "input/a", "uri": "git+https://github.com/evil/input", "digest": {"sha256": "aa".repeat(32)}});
        let of = |build_type: &str, external: Value, dependencies: Value| {
            let predicate = json!({
                "buildDefinition": {"buildType": build_type, "externalParameters": external,
                                    "resolvedDependencies": dependencies},
                "runDetails": {"builder": {"id": "https://example.com/builder"}},
            });
            let provenance = Provenance::from_predicate("https://slsa.dev/provenance/v1", &predicate).unwrap().unwrap();
            Stated { dependencies: 0, ..read(&provenance) }
        };
        let plain = of(github::ACTIONS_BUILD_TYPE, workflow.clone(), json!([source]));
        let build = json!({"buildType": github::ACTIONS_BUILD_TYPE, "externalParameters": workflow});
        let run = json!({"run": {"argv": ["make"]}, "build": build});
        assert_eq!(of(wrap::BUILD_TYPE, run.clone(), json!([input, source])), plain);
        assert_eq!((plain.configs.len(), plain.uris.len(), plain.commits.len()), (1, 1, 1));
        assert!(of("https://example.com/other", run, json!([source])).configs.is_empty());
        let local = json!({"run": {"argv": ["make"]}, "build": {"buildType": local::BUILD_TYPE,
                           "externalParameters": {"source": {"uri": "git+https://git.example.com/acme/app"}}}});
        assert_eq!(of(wrap::BUILD_TYPE, local, json!([])).uris.len(), 1);
    }

    #[test]
    fn runs_of_both_spellings() {
        assert_eq!(run_of("https://github.com/o/r/actions/runs/12/attempts/3").as_deref(), Some("12/3"));
        assert_eq!(run_of("12-3").as_deref(), Some("12/3"));
        for other in ["https://github.com/o/r/actions/runs/12", "12", "a-b", "1-", "123e4567-e89b-12d3"] {
            assert_eq!(run_of(other), None, "{other}");
        }
    }
}
