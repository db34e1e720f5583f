//! Facts about a build of Jenkins; `docs/buildtypes/jenkins-v1.md` describes the build type.

use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build::Build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::build::builder;
use crate::generate::ci::build::checked_url;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::Topic;
use crate::generate::ci::topics::invalid;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;

/// The build type of a build of Jenkins.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/jenkins/v1";

/// The builder of a build of Jenkins: any controller, and any agent of it.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/jenkins/v1";

/// What Jenkins and its git and branch plugins say (jenkins.io: "Using environment variables").
pub(super) const TOPICS: &[Topic] = &[
    Topic::pipeline("change", "the change request's number").variable("CHANGE_ID"),
    Topic::pipeline("job", "the job's full name").variable("JOB_NAME").needed(),
    Topic::platform("build_number", "the build's number").variable("BUILD_NUMBER").needed(),
    Topic::platform("change_target", "the branch that the change request asks to be merged into")
        .variable("CHANGE_TARGET"),
    Topic::platform("node", "the node's name").variable("NODE_NAME"),
    Topic::platform("server", "the controller's address").variable("JENKINS_URL").needed(),
    Topic::part("branch", "the branch").variable("BRANCH_NAME"),
    Topic::part("commit", "the commit").variable("GIT_COMMIT"),
    Topic::part("git_branch", "the branch with its remote").variable("GIT_BRANCH"),
    Topic::part("repository", "the source repository").variable("GIT_URL"),
    Topic::part("tag", "the tag").variable("TAG_NAME"),
    Topic::part("url", "the build's address").variable("BUILD_URL").needed(),
];

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let told = Told::read(TOPICS, inputs)?;
    let (server, run) = (told.need("server")?, told.need("url")?.clone());
    checked_url("the controller's address", &server.value)?;
    checked_url("the build's address", &run.value)?;
    let base = server.value.trim_end_matches('/');
    if !run.value.strip_prefix(base).is_some_and(|rest| rest.starts_with('/')) {
        return Err(invalid("the build's address", &format!("a page below {}", server.value), run.value));
    }
    let source = SourceTold {
        uri: told.get("repository").cloned(),
        git_ref: full_ref(&told)?,
        commit: told.get("commit").cloned(),
    };
    Build {
        inputs,
        platform: "jenkins",
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

/// The tag, else the branch. A change request has a name of its own in every forge, so its ref is not known here.
fn full_ref(told: &Told) -> Result<Option<Fact<String>>, GenerateError> {
    if told.get("change").is_some() {
        return Ok(None);
    }
    if let Some(tag) = told.get("tag") {
        return Ok(Some(Fact { value: format!("refs/tags/{}", tag.value), ..tag.clone() }));
    }
    let by_plugin = told.get("git_branch").filter(|fact| fact.value != "detached").map(|fact| {
        let full = fact.value.starts_with("refs/");
        let name = fact.value.strip_prefix("origin/").unwrap_or(&fact.value);
        Fact { value: if full { fact.value.clone() } else { format!("refs/heads/{name}") }, ..fact.clone() }
    });
    let by_name = told.get("branch").map(|fact| Fact { value: format!("refs/heads/{}", fact.value), ..fact.clone() });
    match (by_name, by_plugin) {
        (Some(name), Some(plugin)) if name.value != plugin.value => {
            Err(invalid("GIT_BRANCH", &format!("the branch of BRANCH_NAME, {}", name.value), plugin.value))
        }
        (Some(name), _) => Ok(Some(name)),
        (None, plugin) => Ok(plugin),
    }
}
