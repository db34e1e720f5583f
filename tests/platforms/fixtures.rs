//! What the platforms' suites share: a job as a fixture, bent in one place, and what must become of it.

use std::collections::BTreeMap;

use sealmark::formats::digest::Digest;
use sealmark::formats::jwt::TokenClaims;
use sealmark::generate::GenerateError;
use sealmark::generate::ci;
use sealmark::generate::ci::Environment;
use sealmark::generate::ci::GithubForm;
use sealmark::generate::ci::Inputs;
use sealmark::generate::ci::Platform;
use sealmark::generate::ci::topics::Need;
use sealmark::generate::facts::Backing;
use sealmark::generate::facts::BuildFacts;
use sealmark::generate::git::Dirty;
use sealmark::generate::git::GitFacts;
use sealmark::generate::local::Overrides;
use sealmark::generate::statement::statement_bytes;
use sealmark::generate::validate::validate_accepting;
use sealmark::generate::validate::validate_strict;
use serde_json::Value;

/// The commit of every run.
pub(crate) const COMMIT: &str = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
/// Another one.
pub(crate) const OTHER_COMMIT: &str = "0000000000000000000000000000000000000001";

/// A job: its platform, environment and token, and what the user says.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) platform: Platform,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) claims: Option<Value>,
    pub(crate) document: Option<Value>,
    pub(crate) git: Option<GitFacts>,
    pub(crate) overrides: Overrides,
    pub(crate) parameters: BTreeMap<String, String>,
    pub(crate) invocation_id: Option<&'static str>,
}

impl Job {
    pub(crate) fn new(platform: Platform, variables: &[(&str, &str)], claims: Option<Value>) -> Self {
        let environment = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self {
            platform,
            environment,
            claims,
            document: None,
            git: None,
            overrides: Overrides::default(),
            parameters: BTreeMap::new(),
            invocation_id: None,
        }
    }

    pub(crate) fn facts(&self) -> Result<BuildFacts, GenerateError> {
        let environment = Environment::new(self.environment.clone());
        let claims = self.claims.as_ref().map(|claims| TokenClaims::new(claims.as_object().unwrap().clone()));
        let inputs = Inputs {
            environment: &environment,
            claims: claims.as_ref(),
            event: None,
            vars: None,
            document: self.document.as_ref(),
            github_form: GithubForm::Github,
            git: self.git.as_ref(),
            parameters: &self.parameters,
            sealmark_version: "0.1.0",
            invocation_id: self.invocation_id,
            started_on: None,
            finished_on: None,
            overrides: &self.overrides,
        };
        ci::facts(self.platform, &inputs)
    }

    /// The Statement, which passes the strict schema and the accepting one.
    pub(crate) fn statement(&self) -> Value {
        let digest = Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        let facts = self.facts().unwrap();
        let bytes = statement_bytes([("app.tar.gz", [digest].as_slice())], &facts.predicate()).unwrap();
        let statement = serde_json::from_slice(&bytes).unwrap();
        validate_strict(&statement).unwrap_or_else(|error| panic!("{error:?}\n{statement:#}"));
        validate_accepting(&statement).unwrap();
        statement
    }

    /// The predicate, as it is written down in a snapshot.
    pub(crate) fn predicate(&self) -> String {
        serde_json::to_string_pretty(&self.statement()["predicate"]).unwrap()
    }

    /// The code that it is refused with; panics when it is not.
    pub(crate) fn refused(&self) -> &'static str {
        match self.facts() {
            Err(error) => error.code(),
            Ok(facts) => panic!("expected a refusal, found {:#?}", facts.predicate()),
        }
    }

    pub(crate) fn set(&self, name: &str, value: &str) -> Self {
        let mut job = self.clone();
        job.environment.insert(name.to_owned(), value.to_owned());
        job
    }

    pub(crate) fn unset(&self, name: &str) -> Self {
        let mut job = self.clone();
        job.environment.remove(name);
        job
    }

    pub(crate) fn claim(&self, name: &str, value: Value) -> Self {
        let mut job = self.clone();
        job.claims.as_mut().unwrap()[name] = value;
        job
    }

    pub(crate) fn unclaim(&self, name: &str) -> Self {
        let mut job = self.clone();
        job.claims.as_mut().unwrap().as_object_mut().unwrap().remove(name);
        job
    }

    pub(crate) fn without_token(&self) -> Self {
        Self { claims: None, ..self.clone() }
    }
}

/// A checkout of a commit.
pub(crate) fn checkout(commit: &str) -> GitFacts {
    GitFacts {
        commit: Some(commit.to_owned()),
        tree: None,
        branch: Some("refs/heads/main".to_owned()),
        tags: Vec::new(),
        remote: Some("git+https://git.acme.example/acme/app".to_owned()),
        dirty: Dirty::Clean,
        shallow: true,
        submodules: Vec::new(),
    }
}

/// Another value of the same kind: another commit for a commit, another number for a number, other text.
pub(crate) fn bent(value: &Value) -> Value {
    match value {
        Value::Number(number) => Value::from(number.as_u64().unwrap() + 1),
        Value::Bool(truth) => Value::from(!truth),
        Value::String(text) if text == COMMIT => Value::from(OTHER_COMMIT),
        Value::String(text) if text.bytes().all(|b| b.is_ascii_digit()) => Value::from(format!("{text}1")),
        Value::String(text) => Value::from(format!("{text}x")),
        other => panic!("{other}"),
    }
}

/// Bends every claim that the environment repeats, and takes away every claim that a token of the platform has. Gives how
/// many of each there were.
pub(crate) fn lie_with_claims(job: &Job) -> (usize, usize) {
    let claims = job.claims.clone().unwrap();
    let (mut repeated, mut needed) = (0, 0);
    for topic in job.platform.topics() {
        let Some(claim) = topic.claim.map(|claim| claim.name()) else { continue };
        if topic.need != Need::Never {
            assert_eq!(job.unclaim(claim).refused(), "platform-fact-missing", "{claim} is gone");
            assert_eq!(job.claim(claim, Value::Null).refused(), "platform-fact-missing", "{claim} is null");
            assert_eq!(job.claim(claim, Value::from("")).refused(), "platform-fact-missing", "{claim} is empty");
            needed += 1;
        }
        let odd = job.claim(claim, serde_json::json!(["a"]));
        assert!(["platform-fact-invalid", "platform-fact-missing"].contains(&odd.refused()), "{claim} is a list");
        let Some(found) = claims.get(claim) else { continue };
        if topic.variable.is_some_and(|name| job.environment.contains_key(name)) {
            assert_eq!(job.claim(claim, bent(found)).refused(), "platform-claim-conflict", "{claim}");
            repeated += 1;
        }
        // A claim that is read says something in the provenance, or is held against another.
        let bent = job.claim(claim, bent(found));
        let seen = bent.facts().is_err() || bent.facts().unwrap().predicate() != job.facts().unwrap().predicate();
        assert!(seen, "{claim} is read and says nothing");
    }
    (repeated, needed)
}

/// Bends every variable that a claim repeats.
pub(crate) fn lie_with_variables(job: &Job) -> usize {
    let mut bends = 0;
    for topic in job.platform.topics() {
        let Some((_, variable)) = topic.claim.zip(topic.variable) else { continue };
        let Some(found) = job.environment.get(variable) else { continue };
        if !job.claims.as_ref().unwrap().as_object().unwrap().contains_key(topic.claim.unwrap().name()) {
            continue;
        }
        let lie = bent(&Value::from(found.as_str()));
        assert_eq!(job.set(variable, lie.as_str().unwrap()).refused(), "platform-claim-conflict", "{variable}");
        bends += 1;
    }
    bends
}

/// Takes away every variable that a job without a token needs; `source` are those of the source.
pub(crate) fn without_variables(job: &Job, source: &[&str]) -> usize {
    let job = job.without_token();
    job.facts().unwrap();
    let topics = job.platform.topics().iter().filter(|topic| topic.need == Need::Always);
    let needed: Vec<&str> = topics.filter_map(|topic| topic.variable).chain(source.iter().copied()).collect();
    for variable in &needed {
        assert!(job.environment.contains_key(*variable), "{variable}");
        assert_eq!(job.unset(variable).refused(), "platform-fact-missing", "{variable} is gone");
        assert_eq!(job.set(variable, "").refused(), "platform-fact-missing", "{variable} is empty");
        assert_eq!(job.set(variable, "$(unfilled)").refused(), "platform-fact-invalid", "{variable} is not filled in");
        assert_eq!(job.set(variable, "a\u{7}b").refused(), "platform-fact-invalid", "{variable} has controls");
    }
    needed.len()
}

/// Without a token nothing is backed by anything but the job, the signer and the repository.
pub(crate) fn backed_by_the_job_alone(job: &Job) {
    for row in job.facts().unwrap().explain() {
        assert!(
            !matches!(row.backing, Backing::Certificate | Backing::Token),
            "{} is backed by {}",
            row.pointer,
            row.backing
        );
    }
}

/// How a pointer is backed.
pub(crate) fn backing(job: &Job, pointer: &str) -> Backing {
    let rows = job.facts().unwrap().explain();
    rows.iter().find(|row| row.pointer == pointer).unwrap_or_else(|| panic!("no {pointer}")).backing
}

/// What holds on every platform: options repeat or fill in, and the checkout has the commit.
pub(crate) fn options_and_checkout(job: &Job) {
    let predicate = serde_json::to_value(job.facts().unwrap().predicate()).unwrap();
    let definition = &predicate["buildDefinition"];
    let run = &predicate["runDetails"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let builder = text(&run["builder"]["id"]);
    let git_ref = definition["externalParameters"]["source"]["ref"].as_str().map(str::to_owned);
    let mut same = job.clone();
    same.overrides = Overrides {
        source_uri: Some(text(&definition["externalParameters"]["source"]["uri"])),
        source_ref: git_ref.clone(),
        source_commit: Some(COMMIT.to_owned()),
        builder_id: Some(builder),
    };
    same.facts().unwrap();
    let with = |change: fn(&mut Overrides)| {
        let mut other = job.clone();
        change(&mut other.overrides);
        other.refused()
    };
    let invalid = "platform-fact-invalid";
    assert_eq!(with(|o| o.source_uri = Some("https://evil.example/a/b".to_owned())), invalid);
    assert_eq!(with(|o| o.source_uri = Some("nowhere".to_owned())), "source-uri-invalid");
    assert_eq!(with(|o| o.source_commit = Some(OTHER_COMMIT.to_owned())), invalid);
    if git_ref.is_some() {
        assert_eq!(with(|o| o.source_ref = Some("refs/heads/evil".to_owned())), invalid);
    }
    assert_eq!(with(|o| o.builder_id = Some("no uri".to_owned())), "builder-id-invalid");
    let mut other = job.clone();
    other.git = Some(checkout(OTHER_COMMIT));
    assert_eq!(other.refused(), "source-commit-conflict");
    other.git = Some(checkout(COMMIT));
    assert_eq!(other.facts().unwrap().predicate(), job.facts().unwrap().predicate());
    let mut listed = job.set("SEALMARK_VARIABLES", "PROFILE, ABSENT").set("PROFILE", "release").set("SECRET", "s3cr3t");
    listed.parameters.insert("level".to_owned(), "3".to_owned());
    let written = listed.statement();
    let external = &written["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(external["variables"], serde_json::json!({"PROFILE": "release"}));
    assert_eq!(external["parameters"], serde_json::json!({"level": "3"}));
    assert!(!written.to_string().contains("s3cr3t"), "an environment is never recorded whole");
    assert_eq!(job.set("SEALMARK_VARIABLES", "A B").refused(), invalid);
}
