//! Facts about a job of Azure Pipelines; `docs/buildtypes/azure-devops-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::build::checked_url;
use crate::generate::ci::build::segment;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::made;
use crate::generate::facts::BuildFacts;

/// The build type of a job of Azure Pipelines.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/azure-devops/v1";

/// The builder of a job of Azure Pipelines: any organization, and any agent of it.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/azure-devops/v1";

/// What Azure Pipelines says (learn.microsoft.com: "Use predefined variables").
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("collection", "the organization's address").variable("SYSTEM_COLLECTIONURI").needed(),
    Topic::pipeline("definition", "the pipeline's name").variable("BUILD_DEFINITIONNAME").needed(),
    Topic::pipeline("job", "the job's name").variable("SYSTEM_JOBNAME"),
    Topic::pipeline("project", "the project's name").variable("SYSTEM_TEAMPROJECT").needed(),
    Topic::pipeline("stage", "the stage's name").variable("SYSTEM_STAGENAME"),
    Topic::platform("agent", "the agent's name").variable("AGENT_NAME"),
    Topic::platform("agent_self_hosted", "whether the agent is the tenant's own").variable("AGENT_ISSELFHOSTED"),
    Topic::platform("build_id", "the run's number").variable("BUILD_BUILDID").needed(),
    Topic::platform("build_number", "the run's name").variable("BUILD_BUILDNUMBER"),
    Topic::platform("definition_id", "the pipeline's number").variable("SYSTEM_DEFINITIONID"),
    Topic::platform("job_id", "the job's id").variable("SYSTEM_JOBID"),
    Topic::platform("project_id", "the project's id").variable("SYSTEM_TEAMPROJECTID"),
    Topic::platform("reason", "what started the run").variable("BUILD_REASON").needed(),
    Topic::platform("repository_id", "the repository's id").variable("BUILD_REPOSITORY_ID"),
    Topic::platform("repository_provider", "where the repository is").variable("BUILD_REPOSITORY_PROVIDER"),
    Topic::part("agent-version", "the version of the agent").variable("AGENT_VERSION"),
    Topic::part("commit", "the commit").variable("BUILD_SOURCEVERSION"),
    Topic::part("ref", "the full ref").variable("BUILD_SOURCEBRANCH").needed(),
    Topic::part("repository", "the source repository").variable("BUILD_REPOSITORY_URI"),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let (collection, project, run) = (told.need("collection")?, told.need("project")?, told.need("build_id")?);
    checked_url("the organization's address", &collection.value)?;
    let base = collection.value.trim_end_matches('/');
    let page = format!("{base}/{}/_build/results?buildId={}", segment(&project.value), segment(&run.value));
    let page = made(page, run, &[collection, project]);
    let source = SourceTold {
        uri: told.get("repository").cloned(),
        git_ref: told.get("ref").cloned(),
        commit: told.get("commit").cloned(),
    };
    Build {
        inputs,
        platform: "azure_devops",
        build_type: BUILD_TYPE,
        builder_id: builder(inputs, None, BUILDER_ID)?,
        source: source.resolve(inputs)?,
        told,
        invocation_id: page,
        versions: &["agent-version"],
        dependencies: Vec::new(),
    }
    .facts()
}
