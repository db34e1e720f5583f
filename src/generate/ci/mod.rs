//! Facts about a build on a CI platform: one file per platform, behind one table.
//!
//! The platform's OIDC token is believed before the environment, since the job's own steps can change the environment and
//! cannot change the token; where both speak and disagree, that is an error.

pub mod azure_devops;
mod build;
pub mod buildkite;
pub mod circleci;
pub mod generic;
pub mod github;
pub mod gitlab;
pub mod google_cloud_build;
mod issuer;
pub mod jenkins;
pub(in crate::generate) mod reserved;
pub mod tekton;
pub mod topics;

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci::topics::Topic;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Fact;
use crate::generate::git::GitFacts;
use crate::generate::local::Overrides;

pub use build::VARIABLES;
pub use issuer::matches_issuer;

/// The variable by which a job says on which platform it runs, where the platform itself sets none: a name as
/// [`Platform::from_name`] takes it. It says so beside the platforms' own variables, and never against them.
pub const MARKER: &str = "SEALMARK_PLATFORM";

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
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment(BTreeMap<String, String>);

/// Names alone: values may be secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

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
    /// What it says about a job, where that is written down as topics.
    topics: &'static [Topic],
    facts: fn(&Inputs<'_>) -> Result<BuildFacts, GenerateError>,
}

/// Every platform but the local one.
const TABLE: &[Row] = &[
    Row {
        platform: Platform::Github,
        name: "github",
        sign: Some(("GITHUB_ACTIONS", Some("true"))),
        topics: &[],
        facts: github::facts,
    },
    Row {
        platform: Platform::Gitlab,
        name: "gitlab",
        sign: Some(("GITLAB_CI", Some("true"))),
        topics: gitlab::TOPICS,
        facts: gitlab::facts,
    },
    Row {
        platform: Platform::Buildkite,
        name: "buildkite",
        sign: Some(("BUILDKITE", Some("true"))),
        topics: buildkite::TOPICS,
        facts: buildkite::facts,
    },
    Row {
        platform: Platform::Circleci,
        name: "circleci",
        sign: Some(("CIRCLECI", Some("true"))),
        topics: circleci::TOPICS,
        facts: circleci::facts,
    },
    Row {
        platform: Platform::Jenkins,
        name: "jenkins",
        sign: Some(("JENKINS_URL", None)),
        topics: jenkins::TOPICS,
        facts: jenkins::facts,
    },
    Row {
        platform: Platform::AzureDevops,
        name: "azure-devops",
        sign: Some(("TF_BUILD", Some("True"))),
        topics: azure_devops::TOPICS,
        facts: azure_devops::facts,
    },
    Row {
        platform: Platform::GoogleCloudBuild,
        name: "google-cloud-build",
        sign: None,
        topics: google_cloud_build::TOPICS,
        facts: google_cloud_build::facts,
    },
    Row { platform: Platform::Tekton, name: "tekton", sign: None, topics: tekton::TOPICS, facts: tekton::facts },
    Row { platform: Platform::Generic, name: "generic", sign: None, topics: &[], facts: generic::facts },
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

    /// What it says about a job, topic by topic; nothing for platforms whose facts are not written down so.
    pub fn topics(self) -> &'static [Topic] {
        TABLE.iter().find(|row| row.platform == self).map(|row| row.topics).unwrap_or_default()
    }

    /// The variable that the platform itself sets in a job, if it does.
    pub fn sign(self) -> Option<&'static str> {
        TABLE.iter().find(|row| row.platform == self).and_then(|row| row.sign).map(|(name, _)| name)
    }
}

/// The platform that this job runs on: exactly one says that it does, or none does and it is a local build.
///
/// # Errors
/// `platform-ambiguous` when several say so, `platform-unknown` when a CI says so that is none of them.
pub fn detect(environment: &Environment) -> Result<Platform, GenerateError> {
    let here = |row: &Row| {
        let (name, value) = row.sign?;
        let found = environment.get(name)?;
        value.is_none_or(|value| value == found).then_some((row.platform, name))
    };
    let mut found: Vec<(Platform, &'static str)> = TABLE.iter().filter_map(here).collect();
    if let Some(name) = environment.get(MARKER) {
        let unknown = || GenerateError::PlatformUnknown { variable: MARKER, found: name.to_owned() };
        let marked = Platform::from_name(name).ok_or_else(unknown)?;
        if !found.iter().any(|(platform, _)| *platform == marked) {
            found.push((marked, MARKER));
        }
    }
    match found.as_slice() {
        [(one, _)] => Ok(*one),
        [] => match environment.get("CI").filter(|value| !["false", "0"].contains(value)) {
            Some(value) => Err(GenerateError::PlatformUnknown { variable: "CI", found: value.to_owned() }),
            None => Ok(Platform::Local),
        },
        several => {
            let found = several.iter().map(|(platform, variable)| format!("{} by {variable}", platform.name()));
            Err(GenerateError::PlatformAmbiguous { found: found.collect() })
        }
    }
}

/// Who may see the source of a build, as the platform's token says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Everybody.
    Public,
    /// Not everybody.
    Private,
    /// The token does not say. What is not known to be public is to be treated as private.
    Unknown,
}

impl Visibility {
    /// In a word, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Unknown => "of unknown visibility",
        }
    }
}

/// Who may see the source. Only a claim that says `public` makes it so; one that says anything else beside it wins.
pub fn visibility(claims: &TokenClaims) -> Visibility {
    let said: Vec<Visibility> = ["repository_visibility", "project_visibility"]
        .into_iter()
        .filter_map(|name| claims.value(name))
        .map(|value| match value.as_str() {
            Some("public") => Visibility::Public,
            // Whoever is inside may see it: that is not everybody.
            Some("private" | "internal") => Visibility::Private,
            _ => Visibility::Unknown,
        })
        .collect();
    match said.as_slice() {
        [] => Visibility::Unknown,
        all if all.contains(&Visibility::Private) => Visibility::Private,
        all if all.iter().all(|one| *one == Visibility::Public) => Visibility::Public,
        _ => Visibility::Unknown,
    }
}

/// The facts of a build on this platform. A token must be of the platform.
///
/// # Errors
/// Every [`GenerateError`] about facts.
pub fn facts(platform: Platform, inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    if let Some(claims) = inputs.claims {
        matches_issuer(platform, claims, inputs.environment)?;
    }
    match TABLE.iter().find(|row| row.platform == platform) {
        Some(row) => (row.facts)(inputs),
        None => crate::generate::local::facts(inputs),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        Environment::new(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    const SIGNS: &[(&str, &str, Platform)] = &[
        ("GITHUB_ACTIONS", "true", Platform::Github),
        ("GITLAB_CI", "true", Platform::Gitlab),
        ("BUILDKITE", "true", Platform::Buildkite),
        ("CIRCLECI", "true", Platform::Circleci),
        ("JENKINS_URL", "https://ci.acme.example/", Platform::Jenkins),
        ("TF_BUILD", "True", Platform::AzureDevops),
        ("SEALMARK_PLATFORM", "google-cloud-build", Platform::GoogleCloudBuild),
        ("SEALMARK_PLATFORM", "tekton", Platform::Tekton),
        ("SEALMARK_PLATFORM", "generic", Platform::Generic),
        ("SEALMARK_PLATFORM", "local", Platform::Local),
    ];

    #[test]
    fn exactly_one_platform_says_that_it_is_here() {
        for (name, value, platform) in SIGNS {
            assert_eq!(detect(&environment(&[(name, value)])).unwrap(), *platform, "{name}");
            assert_eq!(detect(&environment(&[(name, value), ("CI", "true")])).unwrap(), *platform, "{name}");
            assert_eq!(Platform::from_name(platform.name()), Some(*platform));
        }
        assert_eq!(detect(&environment(&[])).unwrap(), Platform::Local);
        assert_eq!(detect(&environment(&[("CI", "")])).unwrap(), Platform::Local);
        assert_eq!(detect(&environment(&[("CI", "false")])).unwrap(), Platform::Local);
        let agreeing = environment(&[("GITLAB_CI", "true"), ("SEALMARK_PLATFORM", "gitlab")]);
        assert_eq!(detect(&agreeing).unwrap(), Platform::Gitlab);
    }

    #[test]
    fn two_platforms_are_named_with_their_variables() {
        let mut pairs = 0;
        for (n, (name, value, _)) in SIGNS.iter().enumerate() {
            for (other, other_value, _) in SIGNS.iter().skip(n + 1).filter(|(other, ..)| other != name) {
                let error = detect(&environment(&[(name, value), (other, other_value)])).unwrap_err();
                assert_eq!(error.code(), "platform-ambiguous", "{name} {other}");
                let text = error.to_string();
                assert!(text.contains(name) && text.contains(other), "{text}");
                pairs += 1;
            }
        }
        assert_eq!(pairs, 6 * 5 / 2 + 6 * 4);
    }

    #[test]
    fn a_ci_that_nobody_knows_is_no_local_build() {
        for variables in
            [[("CI", "true")], [("CI", "1")], [("CI", "woodpecker")], [("SEALMARK_PLATFORM", "woodpecker")]]
        {
            assert_eq!(detect(&environment(&variables)).unwrap_err().code(), "platform-unknown", "{variables:?}");
        }
        // A value that the platform never writes is not the platform's.
        let foreign = [("GITHUB_ACTIONS", "false"), ("CI", "true")];
        assert_eq!(detect(&environment(&foreign)).unwrap_err().code(), "platform-unknown");
    }

    #[test]
    fn absent_is_never_public() {
        let of = |value: Value| match value {
            Value::Object(claims) => visibility(&TokenClaims::new(claims)),
            other => panic!("{other}"),
        };
        for (claims, expected) in [
            (json!({}), Visibility::Unknown),
            (json!({"repository_visibility": "public"}), Visibility::Public),
            (json!({"project_visibility": "public"}), Visibility::Public),
            (json!({"repository_visibility": "private"}), Visibility::Private),
            (json!({"repository_visibility": "internal"}), Visibility::Private),
            (json!({"project_visibility": "internal"}), Visibility::Private),
            (json!({"project_visibility": "Public"}), Visibility::Unknown),
            (json!({"project_visibility": ""}), Visibility::Unknown),
            (json!({"project_visibility": null}), Visibility::Unknown),
            (json!({"repository_visibility": true}), Visibility::Unknown),
            (json!({"repository_visibility": "public", "project_visibility": "private"}), Visibility::Private),
            (json!({"repository_visibility": "public", "project_visibility": 1}), Visibility::Unknown),
        ] {
            assert_eq!(of(claims.clone()), expected, "{claims}");
        }
    }
}
