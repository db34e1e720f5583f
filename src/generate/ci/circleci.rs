//! Facts about a job of CircleCI; `docs/buildtypes/circleci-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::agree;
use crate::generate::ci::topics::invalid;
use crate::generate::ci::topics::made;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;
use crate::generate::local::checked_uri;

/// The build type of a job of CircleCI.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/circleci/v1";

/// The builder of a job of CircleCI that has no token.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/circleci/v1";

/// What certificates begin the signer's name with (sigstore/fulcio, config/identity).
const API: &str = "https://circleci.com/api/v2";

/// What certificates begin the run's address with. Their template writes two slashes.
const APP: &str = "https://app.circleci.com/";

/// What CircleCI says (circleci.com/docs: "Using OpenID Connect tokens in jobs", "Project values and variables").
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("definition_id", "the pipeline definition's id")
        .certified("oidc.circleci.com/pipeline-definition-id")
        .in_token(),
    Topic::pipeline("job", "the job's name").variable("CIRCLE_JOB").needed(),
    Topic::pipeline("project_id", "the project's id")
        .certified("oidc.circleci.com/project-id")
        .variable("CIRCLE_PROJECT_ID")
        .needed(),
    Topic::platform("job_id", "the job's id")
        .certified("oidc.circleci.com/job-id")
        .variable("CIRCLE_WORKFLOW_JOB_ID")
        .needed(),
    Topic::platform("organization_id", "the organization's id")
        .claimed("oidc.circleci.com/org-id")
        .variable("CIRCLE_ORGANIZATION_ID")
        .in_token(),
    Topic::platform("pipeline_id", "the pipeline's id")
        .certified("oidc.circleci.com/pipeline-id")
        .variable("CIRCLE_PIPELINE_ID")
        .needed(),
    Topic::platform("ssh_rerun", "whether somebody may have entered by SSH")
        .certified("oidc.circleci.com/ssh-rerun")
        .in_token(),
    Topic::platform("workflow_id", "the workflow's id")
        .certified("oidc.circleci.com/workflow-id")
        .variable("CIRCLE_WORKFLOW_ID")
        .needed(),
    Topic::part("branch", "the branch").variable("CIRCLE_BRANCH"),
    Topic::part("commit", "the commit").variable("CIRCLE_SHA1"),
    Topic::part("repository", "the source repository").variable("CIRCLE_REPOSITORY_URL"),
    Topic::part("tag", "the tag").variable("CIRCLE_TAG"),
    Topic::part("vcs_origin", "the source repository").certified("oidc.circleci.com/vcs-origin"),
    Topic::part("vcs_ref", "the full ref").certified("oidc.circleci.com/vcs-ref"),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    // Whoever re-runs a job with SSH can change everything in it while it runs.
    if let Some(found) = told.get("ssh_rerun").filter(|fact| fact.value != "false") {
        return Err(invalid("oidc.circleci.com/ssh-rerun", "false", found.value.clone()));
    }
    let project = told.need("project_id")?;
    let signer = told.get("definition_id").map(|definition| {
        let path = format!("{API}/projects/{}/pipeline-definitions/{}", project.value, definition.value);
        made(path, definition, &[project])
    });
    let (workflow, job) = (told.need("workflow_id")?, told.need("job_id")?);
    let run = made(format!("{APP}/workflow/{}/job/{}", workflow.value, job.value), job, &[workflow]);
    let source = SourceTold { uri: repository(&told)?, git_ref: full_ref(&told)?, commit: told.get("commit").cloned() };
    Build {
        inputs,
        platform: "circleci",
        build_type: BUILD_TYPE,
        builder_id: builder(inputs, signer, BUILDER_ID)?,
        source: source.resolve(inputs)?,
        told,
        invocation_id: run,
        versions: &[],
        dependencies: Vec::new(),
    }
    .facts()
}

/// The repository. The claim has no scheme, the variable may be of SSH: both are compared as normalised.
fn repository(told: &Told) -> Result<Option<Fact<String>>, GenerateError> {
    let spelt = |fact: &Fact<String>| {
        let text = if fact.value.contains("://") || fact.value.contains('@') {
            fact.value.clone()
        } else {
            format!("https://{}", fact.value)
        };
        checked_uri(&text).map(|value| Fact { value, ..fact.clone() })
    };
    let claimed = told.get("vcs_origin").map(spelt).transpose()?;
    let found = told.get("repository").map(spelt).transpose()?;
    if let (Some(claimed), Some(found)) = (&claimed, &found) {
        let claim = ("oidc.circleci.com/vcs-origin", claimed.value.as_str());
        agree("the source repository", claim, ("CIRCLE_REPOSITORY_URL", &found.value))?;
    }
    Ok(claimed.or(found))
}

/// The ref: the claim has it in full, the environment by which variable is set.
fn full_ref(told: &Told) -> Result<Option<Fact<String>>, GenerateError> {
    let found = match (told.get("tag"), told.get("branch")) {
        (Some(tag), _) => Some((format!("refs/tags/{}", tag.value), "CIRCLE_TAG", tag)),
        (None, Some(branch)) => Some((of_branch(&branch.value), "CIRCLE_BRANCH", branch)),
        (None, None) => None,
    };
    if let (Some(claimed), Some((value, variable, _))) = (told.get("vcs_ref"), &found) {
        agree("the full ref", ("oidc.circleci.com/vcs-ref", &claimed.value), (variable, value))?;
    }
    Ok(told.get("vcs_ref").cloned().or(found.map(|(value, _, fact)| Fact { value, ..fact.clone() })))
}

/// A branch in full. CircleCI names the branch of a pull request from a fork `pull/NUMBER`.
fn of_branch(name: &str) -> String {
    match name.strip_prefix("pull/") {
        Some(number) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => {
            format!("refs/pull/{number}/head")
        }
        _ => format!("refs/heads/{name}"),
    }
}
