//! Facts about a build on GitHub Actions; `docs/buildtypes/github-workflow-v1.md` describes the build type.

mod external;
mod run;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::GenerateError;
use crate::generate::ci::GithubForm;
use crate::generate::ci::Inputs;
use crate::generate::ci::github::run::Run;
use crate::generate::ci::github::run::Topic;
use crate::generate::ci::github::run::Workflow;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::local::check_parameters;
use crate::generate::local::checked_uri;
use crate::generate::local::git_object;
use crate::generate::local::submodule_dependency;

pub use external::ExternalParameters;
pub use external::ReleaseParameters;
pub use external::WorkflowParameters;
pub(crate) use run::is_issuer;
pub(crate) use run::server;

/// Our build type of a GitHub workflow.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/github-workflow/v1";

/// GitHub's own (actions/toolkit, packages/attest).
pub const ACTIONS_BUILD_TYPE: &str = "https://actions.github.io/buildtypes/workflow/v1";

/// The name of the dependency that was built, in provenance of our build types.
pub(crate) const SOURCE_NAME: &str = "source";

/// What GitHub's own provenance says of the run.
const GITHUB_FORM: &[Topic] = &[run::EVENT_NAME, run::REPOSITORY_ID, run::REPOSITORY_OWNER_ID, run::RUNNER_ENVIRONMENT];

/// What ours says of it besides, as far as the platform does.
const COMPLETE_FORM: &[Topic] = &[
    run::ACTOR_ID,
    run::BASE_REF,
    run::ENVIRONMENT,
    run::HEAD_REF,
    run::JOB_WORKFLOW_SHA,
    run::REF_TYPE,
    run::REPOSITORY_VISIBILITY,
    run::RUN_ATTEMPT,
    run::RUN_ID,
    run::RUN_NUMBER,
    run::WORKFLOW_SHA,
];

/// `internalParameters` of our build type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InternalParameters {
    /// What the platform says of the run.
    pub github: RunParameters,
}

/// `internalParameters.github` of our build type: values of the token's claims of the same names, or of the variables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RunParameters {
    /// GitHub's number of the account that started the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// The branch that a pull request is for. Absent for other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_ref: Option<String>,
    /// The deployment environment of the job. Absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// What started the run.
    pub event_name: String,
    /// The branch that a pull request comes from. Absent for other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head_ref: Option<String>,
    /// The commit of the workflow that the job is written in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_workflow_sha: Option<String>,
    /// `branch` or `tag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_type: Option<String>,
    /// GitHub's number of the repository.
    pub repository_id: String,
    /// GitHub's number of its owner.
    pub repository_owner_id: String,
    /// `public`, `private` or `internal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_visibility: Option<String>,
    /// Which attempt of the run it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_attempt: Option<String>,
    /// GitHub's number of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The how-manieth run of the workflow it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_number: Option<String>,
    /// `github-hosted` or `self-hosted`.
    pub runner_environment: String,
    /// The commit of the workflow that was started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow_sha: Option<String>,
}

/// The facts of a build on GitHub Actions. With a token everything that it says is its word; without one it is the
/// environment's, which the job's own steps can change, and says so.
///
/// # Errors
/// `platform-claim-conflict`, `platform-fact-missing`, `platform-fact-invalid`, `source-commit-conflict`, `times-reversed`, and
/// those of parameters.
pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    check_parameters(inputs.parameters)?;
    let run = Run::read(inputs)?;
    let checkout = checkout(inputs, &run)?;
    let source = source(&run)?;
    let builder_id = builder_id(&run);
    let invocation_id = invocation_id(&run);
    only_what_the_platform_says(inputs, &run, &builder_id.value, &invocation_id.value)?;
    let [started_on, finished_on] = times(inputs)?;
    let mut external_parameters = workflow(&run);
    let mut topics = GITHUB_FORM.to_vec();
    let (build_type, dependencies, builder_version) = match inputs.github_form {
        GithubForm::Github => {
            nothing_that_would_be_dropped(inputs)?;
            (ACTIONS_BUILD_TYPE, vec![source], BTreeMap::new())
        }
        GithubForm::Complete => {
            external::complete(inputs, &run, &mut external_parameters)?;
            topics.extend(COMPLETE_FORM);
            let version = Fact::word(inputs.sealmark_version.to_owned(), Source::Sealmark);
            (BUILD_TYPE, dependencies(&run, source, checkout)?, BTreeMap::from([("sealmark".to_owned(), version)]))
        }
    };
    let mut internal_parameters = Parameters::default();
    for topic in &topics {
        let required = GITHUB_FORM.iter().any(|one| one.name() == topic.name());
        let fact = if required { Some(run.required(topic)?) } else { run.optional(topic)? };
        if let Some(fact) = fact {
            internal_parameters.insert(["github", topic.name()], json(&fact));
        }
    }
    Ok(BuildFacts {
        build_type: Fact {
            value: build_type.to_owned(),
            source: Source::BuilderConstant,
            backing: Backing::Definition,
        },
        external_parameters,
        internal_parameters,
        dependencies,
        builder_id,
        builder_version,
        invocation_id: Some(invocation_id),
        started_on,
        finished_on,
        byproducts: Vec::new(),
        extensions: BTreeMap::new(),
    })
}

/// The job's workflow signs, so it is the builder; the certificate names it the same way.
fn builder_id(run: &Run<'_>) -> Fact<String> {
    let Workflow { repository, path, git_ref } = &run.job_workflow.value;
    about(&run.job_workflow, format!("{}/{path}@{git_ref}", run.address(repository)))
}

fn invocation_id(run: &Run<'_>) -> Fact<String> {
    let [number, attempt] = run.numbers.each_ref().map(|fact| fact.value.as_str());
    let repository = run.address(&run.repository.value);
    about(&run.numbers[0], format!("{repository}/actions/runs/{number}/attempts/{attempt}"))
}

fn workflow(run: &Run<'_>) -> Parameters {
    let Workflow { repository, path, git_ref } = &run.workflow.value;
    let mut tree = Parameters::default();
    for (name, value) in [("path", path.clone()), ("ref", git_ref.clone()), ("repository", run.address(repository))] {
        tree.insert(["workflow", name], about(&run.workflow, Value::from(value)));
    }
    tree
}

fn source(run: &Run<'_>) -> Result<Dependency, GenerateError> {
    let uri = format!("git+{}@{}", run.address(&run.repository.value), run.git_ref.value);
    let commit = about(&run.commit, git_object(Algorithm::GitCommit, &run.commit.value)?);
    Ok(dependency(None, about(&run.repository, uri), commit))
}

/// The checkout, if it is one of what is built. It must be at the commit of the event: provenance that names another commit
/// than the one that was built would be untrue.
///
/// # Errors
/// `source-commit-conflict`.
fn checkout<'a>(inputs: &Inputs<'a>, run: &Run<'_>) -> Result<Option<&'a GitFacts>, GenerateError> {
    let Some(git) = inputs.git else { return Ok(None) };
    let address = format!("git+{}", run.address(&run.repository.value));
    // GitHub does not tell the letter case of names; a checkout without a remote may be of anything.
    if git.remote.as_deref().is_some_and(|remote| !remote.eq_ignore_ascii_case(&address)) {
        return Ok(None);
    }
    match git.commit.as_deref() {
        Some(head) if head != run.commit.value => {
            let (given, head) = (run.commit.value.clone(), head.to_owned());
            Err(GenerateError::SourceCommitConflict { given, head })
        }
        _ => Ok(Some(git)),
    }
}

/// The source with its submodules, and the workflows that were started and that the job is written in, where they are not
/// of that commit.
fn dependencies(
    run: &Run<'_>,
    source: Dependency,
    checkout: Option<&GitFacts>,
) -> Result<Vec<Dependency>, GenerateError> {
    let name = |name: &str| Some(Fact::word(name.to_owned(), Source::BuilderConstant));
    let mut known = vec![(run.repository.value.clone(), run.commit.value.clone())];
    let mut source = Dependency { name: name(SOURCE_NAME), ..source };
    if checkout.is_some_and(|git| git.dirty != Dirty::Clean) {
        source.annotations.insert("dirty".to_owned(), Fact::word(Value::from(true), Source::GitStatus));
    }
    let mut dependencies = vec![source];
    for submodule in checkout.map(|git| git.submodules.as_slice()).unwrap_or_default() {
        dependencies.extend(submodule_dependency(submodule)?);
    }
    for (title, workflow, sha) in [
        ("workflow", &run.workflow, run.optional(&run::WORKFLOW_SHA)?),
        ("workflow/called", &run.job_workflow, run.optional(&run::JOB_WORKFLOW_SHA)?),
    ] {
        let Some(sha) = sha else { continue };
        let Workflow { repository, git_ref, .. } = &workflow.value;
        let here = (repository.clone(), sha.value.clone());
        if known.contains(&here) {
            continue;
        }
        known.push(here);
        let uri = about(workflow, format!("git+{}@{git_ref}", run.address(repository)));
        let commit = about(&sha, git_object(Algorithm::GitCommit, &sha.value)?);
        dependencies.push(dependency(name(title), uri, commit));
    }
    Ok(dependencies)
}

fn dependency(name: Option<Fact<String>>, uri: Fact<String>, commit: Fact<Digest>) -> Dependency {
    Dependency { name, uri: Some(uri), digests: vec![commit], media_type: None, annotations: BTreeMap::new() }
}

/// On a platform nobody may say what the platform says; saying the same is harmless.
fn only_what_the_platform_says(
    inputs: &Inputs<'_>,
    run: &Run<'_>,
    builder_id: &str,
    invocation_id: &str,
) -> Result<(), GenerateError> {
    let given = inputs.overrides;
    let source_uri = given.source_uri.as_deref().map(checked_uri).transpose()?;
    let repository = format!("git+{}", run.address(&run.repository.value));
    for (option, given, platform) in [
        ("--source-uri", source_uri.as_deref(), repository.as_str()),
        ("--source-ref", given.source_ref.as_deref(), &run.git_ref.value),
        ("--source-commit", given.source_commit.as_deref(), &run.commit.value),
        ("--builder-id", given.builder_id.as_deref(), builder_id),
        ("--invocation-id", inputs.invocation_id, invocation_id),
    ] {
        if let Some(found) = given.filter(|given| *given != platform) {
            let expected = format!("what the platform says, {platform}");
            return Err(GenerateError::PlatformFactInvalid {
                field: option.to_owned(),
                expected,
                found: found.to_owned(),
            });
        }
    }
    Ok(())
}

/// GitHub's form has no place for parameters and variables, and what is given is never dropped in silence.
fn nothing_that_would_be_dropped(inputs: &Inputs<'_>) -> Result<(), GenerateError> {
    let vars = inputs.vars.is_some_and(|vars| vars.as_object().is_none_or(|vars| !vars.is_empty()));
    let found = match (inputs.parameters.keys().next(), vars) {
        (Some(key), _) => format!("{key} in GitHub's own form, which has no place for it"),
        (None, true) => "variables in GitHub's own form, which has no place for them".to_owned(),
        (None, false) => return Ok(()),
    };
    let field = if inputs.parameters.is_empty() { "--vars" } else { "--param" };
    let expected = "given with the complete form (--github-form complete)".to_owned();
    Err(GenerateError::PlatformFactInvalid { field: field.to_owned(), expected, found })
}

fn times(inputs: &Inputs<'_>) -> Result<[Option<Fact<Timestamp>>; 2], GenerateError> {
    if let (Some(started_on), Some(finished_on)) = (inputs.started_on, inputs.finished_on)
        && finished_on < started_on
    {
        return Err(GenerateError::TimesReversed { started_on, finished_on });
    }
    let fact = |time: Option<Timestamp>| time.map(|time| Fact::word(time, Source::Option("--timestamps")));
    Ok([inputs.started_on, inputs.finished_on].map(fact))
}

/// A value made of a fact has its source and its backing.
fn about<T, U>(fact: &Fact<T>, value: U) -> Fact<U> {
    Fact { value, source: fact.source, backing: fact.backing }
}

fn json(fact: &Fact<String>) -> Fact<Value> {
    about(fact, Value::from(fact.value.as_str()))
}
