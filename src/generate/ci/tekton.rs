//! Facts about a task run of Tekton; `docs/buildtypes/tekton-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::facts::BuildFacts;

/// The build type of a step of Tekton that runs sealmark. Tekton Chains' own provenance has another.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/tekton/v1";

/// The builder of such a step: any cluster, and whoever wrote the task.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/tekton/v1";

/// What the step has to be given: Tekton substitutes `$(context.…)` and sets no variable of its own.
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("pipeline", "the pipeline's name").variable("TEKTON_PIPELINE"),
    Topic::pipeline("task", "the task's name").variable("TEKTON_TASK").needed(),
    Topic::platform("namespace", "the namespace").variable("TEKTON_NAMESPACE").needed(),
    Topic::platform("pipeline_run", "the pipeline run's name").variable("TEKTON_PIPELINE_RUN"),
    Topic::platform("pipeline_run_uid", "the pipeline run's uid").variable("TEKTON_PIPELINE_RUN_UID"),
    Topic::platform("task_run", "the task run's name").variable("TEKTON_TASK_RUN").needed(),
    Topic::part("commit", "the commit").variable("TEKTON_SOURCE_COMMIT"),
    Topic::part("ref", "the full ref").variable("TEKTON_SOURCE_REF"),
    Topic::part("repository", "the source repository").variable("TEKTON_SOURCE_URI"),
    Topic::part("task_run_uid", "the task run's uid").variable("TEKTON_TASK_RUN_UID").needed(),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let source = SourceTold {
        uri: told.get("repository").cloned(),
        git_ref: told.get("ref").cloned(),
        commit: told.get("commit").cloned(),
    };
    // A cluster has no address of its own in a step; the uid is what Tekton Chains names the run by.
    let run = told.need("task_run_uid")?.clone();
    Build {
        inputs,
        platform: "tekton",
        build_type: BUILD_TYPE,
        builder_id: builder(inputs, None, BUILDER_ID)?,
        source: source.resolve(inputs)?,
        told,
        invocation_id: run,
        versions: &[],
        dependencies: Vec::new(),
    }
    .facts()
}
