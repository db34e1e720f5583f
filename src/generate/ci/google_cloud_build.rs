//! Facts about a build of Google Cloud Build; `docs/buildtypes/google-cloud-build-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::build::segment;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::invalid;
use crate::generate::ci::topics::made;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;

/// The build type of a step of Google Cloud Build that runs sealmark. Cloud Build's own provenance has another.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/google-cloud-build/v1";

/// The builder of such a step: any project, and whoever wrote the step.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/google-cloud-build/v1";

/// Cloud Build's API, which names a build by its address.
const API: &str = "https://cloudbuild.googleapis.com/v1";

/// What the step has to be given: Cloud Build substitutes these names and puts none of them into a step's environment.
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("config_path", "the path of the configuration").variable("TRIGGER_BUILD_CONFIG_PATH"),
    Topic::pipeline("project", "the project's id").variable("PROJECT_ID").needed(),
    Topic::pipeline("trigger", "the trigger's name").variable("TRIGGER_NAME"),
    Topic::platform("build_id", "the build's id").variable("BUILD_ID").needed(),
    Topic::platform("location", "the region").variable("LOCATION").needed(),
    Topic::platform("project_number", "the project's number").variable("PROJECT_NUMBER"),
    Topic::platform("service_account", "the service account of the build").variable("SERVICE_ACCOUNT_EMAIL"),
    Topic::part("branch", "the branch").variable("BRANCH_NAME"),
    Topic::part("commit", "the commit").variable("COMMIT_SHA"),
    Topic::part("repository", "the source repository").variable("REPO_URL"),
    Topic::part("tag", "the tag").variable("TAG_NAME"),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let (project, location, build) = (told.need("project")?, told.need("location")?, told.need("build_id")?);
    let [p, l, b] = [project, location, build].map(|fact| segment(&fact.value));
    let run = made(format!("{API}/projects/{p}/locations/{l}/builds/{b}"), build, &[project, location]);
    let source = SourceTold {
        uri: told.get("repository").cloned(),
        git_ref: full_ref(&told)?,
        commit: told.get("commit").cloned(),
    };
    Build {
        inputs,
        platform: "google_cloud_build",
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

/// The tag or the branch: Cloud Build substitutes the one that the trigger names.
fn full_ref(told: &Told) -> Result<Option<Fact<String>>, GenerateError> {
    let full =
        |folder: &str, fact: &Fact<String>| Fact { value: format!("refs/{folder}/{}", fact.value), ..fact.clone() };
    match (told.get("tag"), told.get("branch")) {
        (Some(tag), Some(branch)) => {
            Err(invalid("BRANCH_NAME", &format!("empty beside the tag {}", tag.value), branch.value.clone()))
        }
        (Some(tag), None) => Ok(Some(full("tags", tag))),
        (None, branch) => Ok(branch.map(|branch| full("heads", branch))),
    }
}
