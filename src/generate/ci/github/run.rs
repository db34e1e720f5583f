//! What the platform says about a run on GitHub Actions: each claim of its token, held against the environment.

use crate::formats::digest::Algorithm;
use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci::Environment;
use crate::generate::ci::Inputs;
use crate::generate::facts::Backing;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;
use crate::generate::local::MAX_TEXT;
use crate::generate::local::checked_ref;
use crate::generate::local::git_object;

/// The issuer of github.com; an enterprise may have one of its own below it.
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// The server whose tokens that issuer makes.
const SERVER: &str = "https://github.com";

/// The domain of the enterprise servers that GitHub itself runs, each under a name of its own.
const HOSTED_ENTERPRISES: &str = ".ghe.com";

/// How a value is spelt.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// `owner/name`.
    Repository,
    /// A full ref.
    Ref,
    /// A git object name.
    Commit,
    /// Decimal digits.
    Number,
    /// Lower-case letters, digits, `_` and `-`.
    Word,
    /// `owner/name/path@ref`.
    Workflow,
    /// Any text of one line.
    Text,
    /// Any text at all; it is compared and not written.
    Unwritten,
}

/// Something that the token says, the environment, or both.
#[derive(Debug, Clone, Copy)]
pub(super) struct Topic {
    claim: &'static str,
    /// The variable that says the same; `None` where only the token says it.
    variable: Option<&'static str>,
    form: Form,
    /// What backs the claim (sigstore/fulcio, docs/oid-info.md: which claims a certificate repeats).
    backing: Backing,
}

const fn topic(claim: &'static str, variable: &'static str, form: Form, backing: Backing) -> Topic {
    Topic { claim, variable: Some(variable), form, backing }
}

const fn token_only(claim: &'static str, form: Form, backing: Backing) -> Topic {
    Topic { claim, variable: None, form, backing }
}

pub(super) const ACTOR_ID: Topic = topic("actor_id", "GITHUB_ACTOR_ID", Form::Number, Backing::Token);
pub(super) const BASE_REF: Topic = topic("base_ref", "GITHUB_BASE_REF", Form::Text, Backing::Token);
pub(super) const ENVIRONMENT: Topic = token_only("environment", Form::Text, Backing::Certificate);
pub(super) const EVENT_NAME: Topic = topic("event_name", "GITHUB_EVENT_NAME", Form::Word, Backing::Certificate);
pub(super) const HEAD_REF: Topic = topic("head_ref", "GITHUB_HEAD_REF", Form::Text, Backing::Token);
const JOB_WORKFLOW_REF: Topic = token_only("job_workflow_ref", Form::Workflow, Backing::Certificate);
pub(super) const JOB_WORKFLOW_SHA: Topic = token_only("job_workflow_sha", Form::Commit, Backing::Certificate);
pub(super) const REF_TYPE: Topic = topic("ref_type", "GITHUB_REF_TYPE", Form::Word, Backing::Token);
pub(super) const REPOSITORY_ID: Topic =
    topic("repository_id", "GITHUB_REPOSITORY_ID", Form::Number, Backing::Certificate);
pub(super) const REPOSITORY_OWNER_ID: Topic =
    topic("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID", Form::Number, Backing::Certificate);
pub(super) const REPOSITORY_VISIBILITY: Topic = token_only("repository_visibility", Form::Word, Backing::Certificate);
pub(super) const RUN_ATTEMPT: Topic = topic("run_attempt", "GITHUB_RUN_ATTEMPT", Form::Number, Backing::Certificate);
pub(super) const RUN_ID: Topic = topic("run_id", "GITHUB_RUN_ID", Form::Number, Backing::Certificate);
pub(super) const RUN_NUMBER: Topic = topic("run_number", "GITHUB_RUN_NUMBER", Form::Number, Backing::Token);
pub(super) const RUNNER_ENVIRONMENT: Topic =
    topic("runner_environment", "RUNNER_ENVIRONMENT", Form::Word, Backing::Certificate);
pub(super) const WORKFLOW_SHA: Topic = topic("workflow_sha", "GITHUB_WORKFLOW_SHA", Form::Commit, Backing::Certificate);
const ACTOR: Topic = topic("actor", "GITHUB_ACTOR", Form::Unwritten, Backing::Token);
const REF: Topic = topic("ref", "GITHUB_REF", Form::Ref, Backing::Certificate);
const REPOSITORY: Topic = topic("repository", "GITHUB_REPOSITORY", Form::Repository, Backing::Certificate);
const REPOSITORY_OWNER: Topic =
    topic("repository_owner", "GITHUB_REPOSITORY_OWNER", Form::Unwritten, Backing::Certificate);
const SHA: Topic = topic("sha", "GITHUB_SHA", Form::Commit, Backing::Certificate);
const WORKFLOW: Topic = topic("workflow", "GITHUB_WORKFLOW", Form::Unwritten, Backing::Certificate);
const WORKFLOW_REF: Topic = topic("workflow_ref", "GITHUB_WORKFLOW_REF", Form::Workflow, Backing::Certificate);

/// Everything that is read, whether it gets into the provenance or not: a conflict anywhere means that token and
/// environment are of two runs.
const TOPICS: &[Topic] = &[
    ACTOR,
    ACTOR_ID,
    BASE_REF,
    ENVIRONMENT,
    EVENT_NAME,
    HEAD_REF,
    JOB_WORKFLOW_REF,
    JOB_WORKFLOW_SHA,
    REF,
    REF_TYPE,
    REPOSITORY,
    REPOSITORY_ID,
    REPOSITORY_OWNER,
    REPOSITORY_OWNER_ID,
    REPOSITORY_VISIBILITY,
    RUN_ATTEMPT,
    RUN_ID,
    RUN_NUMBER,
    RUNNER_ENVIRONMENT,
    SHA,
    WORKFLOW,
    WORKFLOW_REF,
    WORKFLOW_SHA,
];

/// A workflow file at a ref, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Workflow {
    /// `owner/name` of the repository that it lies in.
    pub(super) repository: String,
    /// Its path there.
    pub(super) path: String,
    /// The ref that it was read at: a full ref, or a commit.
    pub(super) git_ref: String,
}

impl Workflow {
    /// Reads `owner/name/path@ref`. A file's name may hold an `@`, and so may a ref; but a file's name holds no slash and
    /// a ref begins with `refs/`, so the first `@refs/` is between them. Without one, what follows is a commit.
    fn parse(text: &str) -> Option<Self> {
        let (file, git_ref) = match text.split_once("@refs/") {
            Some((file, rest)) => (file, checked_ref(&format!("refs/{rest}")).ok()?),
            None => {
                let (file, commit) = text.rsplit_once('@')?;
                (file, git_object(Algorithm::GitCommit, commit).ok()?.hex())
            }
        };
        let mut parts = file.splitn(3, '/');
        let (owner, name, path) = (parts.next()?, parts.next()?, parts.next()?);
        let repository = format!("{owner}/{name}");
        let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
        let clean = path.split('/').all(plain) && !path.chars().any(|c| c.is_control() || c.is_whitespace());
        (is_repository(&repository) && clean).then(|| Self { repository, path: path.to_owned(), git_ref })
    }
}

/// A run, each value with where it comes from.
#[derive(Debug)]
pub(super) struct Run<'a> {
    inputs: &'a Inputs<'a>,
    /// `https://github.com`, or an enterprise's own.
    pub(super) server: Fact<String>,
    /// `owner/name` of what is built.
    pub(super) repository: Fact<String>,
    /// Its ref, in full.
    pub(super) git_ref: Fact<String>,
    /// Its commit.
    pub(super) commit: Fact<String>,
    /// The workflow that was started.
    pub(super) workflow: Fact<Workflow>,
    /// The workflow that this job is written in: the one that was started, or one that it calls.
    pub(super) job_workflow: Fact<Workflow>,
    /// The run and its attempt.
    pub(super) numbers: [Fact<String>; 2],
}

impl<'a> Run<'a> {
    /// Reads a run, all topics of it.
    ///
    /// # Errors
    /// `platform-claim-conflict`, `platform-fact-missing`, `platform-fact-invalid`.
    pub(super) fn read(inputs: &'a Inputs<'a>) -> Result<Self, GenerateError> {
        for topic in TOPICS {
            optional(inputs, topic)?;
        }
        let workflow = required(inputs, &WORKFLOW_REF)?;
        // Only the token tells in which workflow the job is written; without one it is the workflow that was started, for
        // all that anybody knows.
        let job_workflow =
            if inputs.claims.is_some() { required(inputs, &JOB_WORKFLOW_REF)? } else { workflow.clone() };
        Ok(Self {
            inputs,
            server: server(inputs.claims, inputs.environment)?,
            repository: required(inputs, &REPOSITORY)?,
            git_ref: required(inputs, &REF)?,
            commit: required(inputs, &SHA)?,
            workflow: parsed(&workflow)?,
            job_workflow: parsed(&job_workflow)?,
            numbers: [required(inputs, &RUN_ID)?, required(inputs, &RUN_ATTEMPT)?],
        })
    }

    /// A value that a run cannot be without.
    ///
    /// # Errors
    /// As [`Run::read`].
    pub(super) fn required(&self, topic: &Topic) -> Result<Fact<String>, GenerateError> {
        required(self.inputs, topic)
    }

    /// A value that a run may be without.
    ///
    /// # Errors
    /// As [`Run::read`].
    pub(super) fn optional(&self, topic: &Topic) -> Result<Option<Fact<String>>, GenerateError> {
        optional(self.inputs, topic)
    }

    /// A repository's address.
    pub(super) fn address(&self, repository: &str) -> String {
        format!("{}/{repository}", self.server.value)
    }
}

impl Topic {
    /// The name under which the provenance holds it.
    pub(super) fn name(&self) -> &'static str {
        self.claim
    }

    /// Where it is expected.
    fn place(&self, inputs: &Inputs<'_>) -> String {
        match (inputs.claims, self.variable) {
            (None, Some(variable)) => format!("the variable {variable}"),
            _ => format!("the claim {}", self.claim),
        }
    }
}

fn required(inputs: &Inputs<'_>, topic: &Topic) -> Result<Fact<String>, GenerateError> {
    let missing =
        || GenerateError::PlatformFactMissing { field: topic.claim.to_owned(), expected: topic.place(inputs) };
    let found = optional(inputs, topic)?.ok_or_else(missing)?;
    // With a token at hand the environment's word is not enough for what every token says.
    if inputs.claims.is_some() && found.backing == Backing::Job { Err(missing()) } else { Ok(found) }
}

/// The token's word, else the environment's.
fn optional(inputs: &Inputs<'_>, topic: &Topic) -> Result<Option<Fact<String>>, GenerateError> {
    let found = topic.variable.and_then(|name| inputs.environment.fact(name));
    let claim = inputs.claims.and_then(|claims| claims.value(topic.claim)).filter(|value| !value.is_null());
    let claimed = match claim {
        Some(value) => Some(value.as_str().ok_or_else(|| GenerateError::PlatformFactInvalid {
            field: topic.claim.to_owned(),
            expected: "a text in the token".to_owned(),
            found: crate::formats::json::kind(value).to_owned(),
        })?),
        None => None,
    };
    let fact = match (claimed.filter(|text| !text.is_empty()), found, topic.variable) {
        (Some(claimed), Some(found), Some(variable)) if claimed != found.value => {
            return Err(GenerateError::PlatformClaimConflict {
                field: topic.claim.to_owned(),
                claim: topic.claim,
                claimed: shown(claimed),
                variable,
                found: shown(&found.value),
            });
        }
        (Some(claimed), _, _) => {
            let (value, source) = (claimed.to_owned(), Source::TokenClaim(topic.claim));
            Some(Fact { value, source, backing: topic.backing })
        }
        (None, found, _) => found,
    };
    if let Some(fact) = &fact {
        check(topic, &fact.value)?;
    }
    Ok(fact)
}

fn check(topic: &Topic, value: &str) -> Result<(), GenerateError> {
    let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    let (expected, good) = match topic.form {
        Form::Repository => ("owner/name", is_repository(value)),
        Form::Ref => ("a full ref, like refs/tags/v1.2.3", checked_ref(value).is_ok()),
        Form::Commit => {
            let commit = git_object(Algorithm::GitCommit, value);
            ("40 or 64 lower-case hexadecimal digits", commit.is_ok())
        }
        // As long as the numbers of GitHub's database can be.
        Form::Number => ("1 to 20 digits", value.len() <= 20 && value.bytes().all(|b| b.is_ascii_digit())),
        Form::Word => ("a word of lower-case letters, digits, _ and -", value.len() <= 64 && value.bytes().all(word)),
        Form::Workflow => ("owner/name/path@ref", value.len() <= MAX_TEXT && Workflow::parse(value).is_some()),
        Form::Unwritten => return Ok(()),
        Form::Text => ("one line of text", value.len() <= MAX_TEXT && !value.chars().any(char::is_control)),
    };
    if good { Ok(()) } else { Err(invalid(topic.claim, expected, value)) }
}

fn invalid(field: &str, expected: &str, found: &str) -> GenerateError {
    GenerateError::PlatformFactInvalid { field: field.to_owned(), expected: expected.to_owned(), found: shown(found) }
}

/// As much of a stranger's text as an error repeats.
fn shown(text: &str) -> String {
    text.chars().take(MAX_TEXT).collect()
}

fn parsed(fact: &Fact<String>) -> Result<Fact<Workflow>, GenerateError> {
    let value =
        Workflow::parse(&fact.value).ok_or_else(|| invalid("the workflow", "owner/name/path@ref", &fact.value))?;
    Ok(Fact { value, source: fact.source, backing: fact.backing })
}

/// `owner/name`, of the characters that GitHub permits in both.
fn is_repository(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let part = |part: &str| !part.is_empty() && part != "." && part != ".." && part.bytes().all(plain);
    text.len() <= MAX_TEXT && text.split_once('/').is_some_and(|(owner, name)| part(owner) && part(name))
}

/// The server that the run is on. The issuer of the token says it: that of github.com serves github.com alone, and an
/// enterprise server makes its own tokens, so that issuer and `GITHUB_SERVER_URL` must fit.
pub(crate) fn server(claims: Option<&TokenClaims>, environment: &Environment) -> Result<Fact<String>, GenerateError> {
    let variable = "GITHUB_SERVER_URL";
    let found = environment.get(variable);
    if let Some(found) = found.filter(|found| !is_server(found)) {
        return Err(invalid("the server", "https:// and a host in lower case", found));
    }
    let missing = |expected: &str| GenerateError::PlatformFactMissing {
        field: "the server".to_owned(),
        expected: expected.to_owned(),
    };
    let Some(claims) = claims else {
        let found = found.ok_or_else(|| missing("the variable GITHUB_SERVER_URL"))?;
        return Ok(Fact::variable(found.to_owned(), variable));
    };
    let issuer = claims.issuer().ok_or_else(|| missing("the claim iss"))?;
    let fits = |server: &str| {
        let host = server.strip_prefix("https://").unwrap_or_default();
        if server == SERVER {
            return issued_by_github(issuer);
        }
        issuer.strip_prefix(server) == Some("/_services/token")
            || host.ends_with(HOSTED_ENTERPRISES) && issuer.strip_prefix("https://token.actions.") == Some(host)
    };
    match found {
        // Only of github.com the issuer alone tells the server.
        None if issued_by_github(issuer) => Ok(Fact::certified(SERVER.to_owned(), "iss")),
        None => Err(missing("the variable GITHUB_SERVER_URL, to which the issuer of the token must fit")),
        Some(server) if fits(server) => Ok(Fact::certified(server.to_owned(), "iss")),
        Some(server) => Err(GenerateError::PlatformClaimConflict {
            field: "the server".to_owned(),
            claim: "iss",
            claimed: shown(issuer),
            variable,
            found: server.to_owned(),
        }),
    }
}

/// Whether tokens of GitHub Actions come from an issuer: that of github.com, or an enterprise server's own.
pub(crate) fn is_issuer(issuer: &str) -> bool {
    let tenant = issuer.strip_prefix("https://token.actions.").is_some_and(|host| host.ends_with(HOSTED_ENTERPRISES));
    let own = issuer.strip_suffix("/_services/token").is_some_and(is_server);
    issued_by_github(issuer) || tenant || own
}

/// Whether the issuer is that of github.com, or an enterprise's below it.
fn issued_by_github(issuer: &str) -> bool {
    let name = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    match issuer.strip_prefix(ISSUER) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('/').is_some_and(|slug| !slug.is_empty() && slug.bytes().all(name)),
        None => false,
    }
}

fn is_server(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:".contains(&b);
    text.len() <= MAX_TEXT
        && text.strip_prefix("https://").is_some_and(|host| !host.is_empty() && host.bytes().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workflow_is_split_at_its_ref() {
        let commit = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
        for (text, path, git_ref) in [
            ("acme/app/.github/workflows/a.yml@refs/heads/main", ".github/workflows/a.yml", "refs/heads/main"),
            ("acme/app/.github/workflows/a@b.yml@refs/heads/main", ".github/workflows/a@b.yml", "refs/heads/main"),
            ("acme/app/.github/workflows/a.yml@refs/heads/x@y", ".github/workflows/a.yml", "refs/heads/x@y"),
            ("acme/app/.github/workflows/a.yml@refs/heads/x@refs/y", ".github/workflows/a.yml", "refs/heads/x@refs/y"),
            (&format!("acme/app/.github/workflows/a@b.yml@{commit}"), ".github/workflows/a@b.yml", commit),
        ] {
            let found = Workflow::parse(text).unwrap();
            let repository = "acme/app".to_owned();
            assert_eq!(found, Workflow { repository, path: path.to_owned(), git_ref: git_ref.to_owned() }, "{text}");
        }
        for bad in [
            "",
            "acme/app@refs/heads/main",
            "acme/app/@refs/heads/main",
            "acme/app/a/../b.yml@refs/heads/main",
            "acme/app/a b.yml@refs/heads/main",
            "acme/app/a.yml",
            "acme/app/a.yml@main",
            "acme/app/a.yml@refs/",
            "acme/a:b/a.yml@refs/heads/main",
            "../app/a.yml@refs/heads/main",
        ] {
            assert_eq!(Workflow::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn issuers_of_github_are_its_own() {
        for good in ["", "/acme", "/acme-corp_1"] {
            assert!(issued_by_github(&format!("{ISSUER}{good}")), "{good}");
        }
        for bad in ["/", "//acme", "/acme/x", ".evil.example", "@evil.example", "/acme?x", " "] {
            assert!(!issued_by_github(&format!("{ISSUER}{bad}")), "{bad}");
        }
    }

    #[test]
    fn every_topic_is_read() {
        let mut names: Vec<&str> = TOPICS.iter().map(Topic::name).collect();
        assert!(names.is_sorted());
        names.dedup();
        assert_eq!(names.len(), 23);
    }
}
