//! Facts about a job of Buildkite; `docs/buildtypes/buildkite-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::agree;
use crate::generate::ci::topics::made;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;

/// The build type of a job of Buildkite.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/buildkite/v1";

/// The builder of a job of Buildkite that has no token.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/buildkite/v1";

/// Where pipelines are, in certificates too (sigstore/fulcio, config/identity).
const SERVER: &str = "https://buildkite.com";

/// What Buildkite says (buildkite.com/docs: "buildkite-agent oidc", "Environment variables").
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("organization", "the organization's slug")
        .certified("organization_slug")
        .variable("BUILDKITE_ORGANIZATION_SLUG")
        .needed(),
    Topic::pipeline("slug", "the pipeline's slug")
        .certified("pipeline_slug")
        .variable("BUILDKITE_PIPELINE_SLUG")
        .needed(),
    Topic::pipeline("step", "the step's key").claimed("step_key").variable("BUILDKITE_STEP_KEY"),
    Topic::platform("agent_id", "the agent's id").claimed("agent_id").variable("BUILDKITE_AGENT_ID").in_token(),
    Topic::platform("build_id", "the build's id").claimed("build_id").variable("BUILDKITE_BUILD_ID"),
    Topic::platform("build_number", "the build's number")
        .certified("build_number")
        .variable("BUILDKITE_BUILD_NUMBER")
        .needed(),
    Topic::platform("build_source", "what started the build")
        .certified("build_source")
        .variable("BUILDKITE_SOURCE")
        .needed(),
    Topic::platform("cluster_id", "the cluster's id").claimed("cluster_id").variable("BUILDKITE_CLUSTER_ID"),
    Topic::platform("job_id", "the job's id").certified("job_id").variable("BUILDKITE_JOB_ID").needed(),
    Topic::platform("organization_id", "the organization's id")
        .claimed("organization_id")
        .variable("BUILDKITE_ORGANIZATION_ID"),
    Topic::platform("pipeline_id", "the pipeline's id").claimed("pipeline_id").variable("BUILDKITE_PIPELINE_ID"),
    Topic::platform("pull_request", "the pull request's number, or false").variable("BUILDKITE_PULL_REQUEST"),
    Topic::platform("runner_environment", "where the agent is").certified("runner_environment").in_token(),
    Topic::part("branch", "the branch").claimed("build_branch").variable("BUILDKITE_BRANCH").needed(),
    Topic::part("buildkite-agent", "the version of the agent").variable("BUILDKITE_AGENT_VERSION"),
    Topic::part("build_url", "the build's address").variable("BUILDKITE_BUILD_URL"),
    Topic::part("commit", "the commit").certified("build_commit").variable("BUILDKITE_COMMIT").needed(),
    Topic::part("compute", "where the agent is").variable("BUILDKITE_COMPUTE_TYPE"),
    Topic::part("repository", "the source repository").variable("BUILDKITE_REPO"),
    Topic::part("tag", "the tag").claimed("build_tag").variable("BUILDKITE_TAG"),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let organization = told.need("organization")?;
    let slug = told.need("slug")?;
    let pipeline = made(format!("{SERVER}/{}/{}", organization.value, slug.value), organization, &[slug]);
    let number = told.need("build_number")?;
    let build = made(format!("{}/builds/{}", pipeline.value, number.value), number, &[&pipeline]);
    if let Some(found) = told.get("build_url") {
        agree("the build's address", ("build_number", &build.value), ("BUILDKITE_BUILD_URL", &found.value))?;
    }
    if let (Some(claimed), Some(found)) = (told.get("runner_environment"), told.get("compute")) {
        // The environment leaves out whose host it is.
        let spelt = if found.value == "hosted" { "buildkite-hosted" } else { found.value.as_str() };
        agree("where the agent is", ("runner_environment", &claimed.value), ("BUILDKITE_COMPUTE_TYPE", spelt))?;
    }
    let job = told.need("job_id")?;
    let run = made(format!("{}#{}", build.value, job.value), job, &[&build]);
    let git_ref = full_ref(inputs, &told)?;
    let source = SourceTold {
        uri: told.get("repository").cloned(),
        git_ref: Some(git_ref),
        commit: told.get("commit").cloned(),
    };
    Build {
        inputs,
        platform: "buildkite",
        build_type: BUILD_TYPE,
        builder_id: builder(inputs, inputs.claims.map(|_| pipeline), BUILDER_ID)?,
        source: source.resolve(inputs)?,
        told,
        invocation_id: run,
        versions: &["buildkite-agent"],
        dependencies: Vec::new(),
    }
    .facts()
}

/// The tag, else the branch: as the token's subject has it.
fn full_ref(inputs: &Inputs<'_>, told: &Told) -> Result<Fact<String>, GenerateError> {
    let branch = told.need("branch")?;
    let Some(tag) = told.get("tag") else {
        return Ok(Fact { value: format!("refs/heads/{}", branch.value), ..branch.clone() });
    };
    // A token has the claim exactly when the build has a tag.
    if let (Some(claims), Some(found)) = (inputs.claims, inputs.environment.get("BUILDKITE_TAG")) {
        agree("the tag", ("build_tag", claims.text("build_tag").unwrap_or_default()), ("BUILDKITE_TAG", found))?;
    }
    Ok(Fact { value: format!("refs/tags/{}", tag.value), ..tag.clone() })
}
