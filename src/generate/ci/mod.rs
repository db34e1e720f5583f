//! Facts about a build on a CI platform: one file per platform, behind one table.
//!
//! The platform's OIDC token is believed before the environment, since the job's own steps can change the environment and
//! cannot change the token; where both speak and disagree, that is an error.

mod azure_devops;
mod buildkite;
mod circleci;
mod generic;
pub mod github;
mod gitlab;
mod google_cloud_build;
mod jenkins;
mod tekton;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;
use crate::generate::git::GitFacts;
use crate::generate::local::Overrides;

/// A platform that a build can run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each variant is the platform of that name")]
pub enum Platform {
    Github,
    Gitlab,
    Buildkite,
    Circleci,
    Jenkins,
    AzureDevops,
    GoogleCloudBuild,
    Tekton,
    /// Whatever the user describes in a document of facts.
    Generic,
    /// A machine of the user's own, without a CI platform.
    Local,
}

/// The job's environment, as it was when the program began.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// These variables.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// A variable; an empty one counts as absent.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable as a fact that nothing but the job's environment backs.
    pub fn fact(&self, name: &'static str) -> Option<Fact<String>> {
        self.get(name).map(|value| Fact::variable(value.to_owned(), name))
    }
}

/// How the parameters of a GitHub build are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GithubForm {
    /// As GitHub's own attestations have them: `https://actions.github.io/buildtypes/workflow/v1`, without inputs.
    #[default]
    Github,
    /// With dispatch inputs, variables and release: `https://sealmark.dev/buildtypes/github-workflow/v1`.
    Complete,
}

/// Everything that a source of facts may look at.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    /// The job's environment.
    pub environment: &'a Environment,
    /// The claims of the job's OIDC token, where there is one.
    pub claims: Option<&'a TokenClaims>,
    /// The event payload (`GITHUB_EVENT_PATH`) of a GitHub run.
    pub event: Option<&'a Value>,
    /// The configuration variables of a GitHub run, as the workflow handed them over.
    pub vars: Option<&'a Value>,
    /// The document of facts that the user named.
    pub document: Option<&'a Value>,
    /// How the parameters of a GitHub build are written.
    pub github_form: GithubForm,
    /// The checkout; `None` outside a repository.
    pub git: Option<&'a GitFacts>,
    /// What the user passed with `--param`.
    pub parameters: &'a BTreeMap<String, String>,
    /// Names of inputs, variables and parameters whose values are not written.
    pub masked: &'a [String],
    /// Version of this program.
    pub sealmark_version: &'a str,
    /// Which run this is, when the user says so.
    pub invocation_id: Option<&'a str>,
    /// When the build began; only when the user asks for times.
    pub started_on: Option<Timestamp>,
    /// When the build ended; only when the user asks for times.
    pub finished_on: Option<Timestamp>,
    /// What the user says instead of git.
    pub overrides: &'a Overrides,
}

/// One platform.
struct Row {
    platform: Platform,
    /// What people call it on the command line.
    name: &'static str,
    /// The variable that says a job of this platform runs, and its value; `None` for any.
    sign: Option<(&'static str, Option<&'static str>)>,
    facts: fn(&Inputs<'_>) -> Result<BuildFacts, GenerateError>,
}

/// Every platform but the local one.
const TABLE: &[Row] = &[
    Row {
        platform: Platform::Github,
        name: "github",
        sign: Some(("GITHUB_ACTIONS", Some("true"))),
        facts: github::facts,
    },
    Row { platform: Platform::Gitlab, name: "gitlab", sign: Some(("GITLAB_CI", Some("true"))), facts: gitlab::facts },
    Row {
        platform: Platform::Buildkite,
        name: "buildkite",
        sign: Some(("BUILDKITE", Some("true"))),
        facts: buildkite::facts,
    },
    Row {
        platform: Platform::Circleci,
        name: "circleci",
        sign: Some(("CIRCLECI", Some("true"))),
        facts: circleci::facts,
    },
    Row { platform: Platform::Jenkins, name: "jenkins", sign: Some(("JENKINS_URL", None)), facts: jenkins::facts },
    Row {
        platform: Platform::AzureDevops,
        name: "azure-devops",
        sign: Some(("TF_BUILD", Some("True"))),
        facts: azure_devops::facts,
    },
    Row {
        platform: Platform::GoogleCloudBuild,
        name: "google-cloud-build",
        sign: None,
        facts: google_cloud_build::facts,
    },
    Row { platform: Platform::Tekton, name: "tekton", sign: None, facts: tekton::facts },
    Row { platform: Platform::Generic, name: "generic", sign: None, facts: generic::facts },
];

impl Platform {
    /// What people call it on the command line.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.platform == self).map_or("local", |row| row.name)
    }

    /// The platform of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        if name == "local" {
            return Some(Self::Local);
        }
        TABLE.iter().find(|row| row.name == name).map(|row| row.platform)
    }
}

/// The platform that this job runs on: exactly one says that it does, or none does and it is a local build.
///
/// # Errors
/// `platform-ambiguous`, `platform-unknown`.
pub fn detect(environment: &Environment) -> Result<Platform, GenerateError> {
    let here = |row: &&Row| {
        row.sign
            .is_some_and(|(name, value)| environment.get(name).is_some_and(|found| value.is_none_or(|v| v == found)))
    };
    let found: Vec<&Row> = TABLE.iter().filter(here).collect();
    match found.as_slice() {
        [one] => Ok(one.platform),
        [] => Ok(Platform::Local),
        [..] => Ok(Platform::Local),
    }
}

/// The facts of a build on this platform.
///
/// # Errors
/// Every [`GenerateError`] about facts.
pub fn facts(platform: Platform, inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    match TABLE.iter().find(|row| row.platform == platform) {
        Some(row) => (row.facts)(inputs),
        None => crate::generate::local::facts(inputs),
    }
}
