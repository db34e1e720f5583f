//! GitHub Actions.

use std::collections::BTreeMap;

use sealmark::builders::Facts;
use sealmark::builders::interpret;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::jwt::TokenClaims;
use sealmark::generate::GenerateError;
use sealmark::generate::ci;
use sealmark::generate::ci::Environment;
use sealmark::generate::ci::GithubForm;
use sealmark::generate::ci::Inputs;
use sealmark::generate::ci::Platform;
use sealmark::generate::facts::Backing;
use sealmark::generate::facts::BuildFacts;
use sealmark::generate::git::Dirty;
use sealmark::generate::git::GitFacts;
use sealmark::generate::git::Submodule;
use sealmark::generate::local::Overrides;
use sealmark::generate::statement;
use sealmark::generate::v02;
use sealmark::generate::validate::validate_strict;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Verifier;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement as minted;

pub(crate) const COMMIT: &str = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
pub(crate) const OTHER_COMMIT: &str = "1111111111111111111111111111111111111111";
const ARTIFACT: &[u8] = b"artifact bytes";
/// Which variable says what a claim says.
const VARIABLES: &[(&str, &str)] = &[
    ("actor", "GITHUB_ACTOR"),
    ("actor_id", "GITHUB_ACTOR_ID"),
    ("base_ref", "GITHUB_BASE_REF"),
    ("event_name", "GITHUB_EVENT_NAME"),
    ("head_ref", "GITHUB_HEAD_REF"),
    ("iss", "GITHUB_SERVER_URL"),
    ("ref", "GITHUB_REF"),
    ("ref_type", "GITHUB_REF_TYPE"),
    ("repository", "GITHUB_REPOSITORY"),
    ("repository_id", "GITHUB_REPOSITORY_ID"),
    ("repository_owner", "GITHUB_REPOSITORY_OWNER"),
    ("repository_owner_id", "GITHUB_REPOSITORY_OWNER_ID"),
    ("run_attempt", "GITHUB_RUN_ATTEMPT"),
    ("run_id", "GITHUB_RUN_ID"),
    ("run_number", "GITHUB_RUN_NUMBER"),
    ("runner_environment", "RUNNER_ENVIRONMENT"),
    ("sha", "GITHUB_SHA"),
    ("workflow", "GITHUB_WORKFLOW"),
    ("workflow_ref", "GITHUB_WORKFLOW_REF"),
    ("workflow_sha", "GITHUB_WORKFLOW_SHA"),
];
/// Without any of these a token is none of GitHub Actions.
const NEEDED: &[&str] = &[
    "event_name",
    "iss",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "run_attempt",
    "run_id",
    "runner_environment",
    "sha",
    "workflow_ref",
];

/// A job: its environment and its token, which agree.
#[derive(Clone)]
pub(crate) struct Job {
    variables: BTreeMap<String, String>,
    pub(crate) claims: Option<Map<String, Value>>,
    event: Option<Value>,
    vars: Option<Value>,
    pub(crate) form: GithubForm,
    parameters: BTreeMap<String, String>,
    overrides: Overrides,
    invocation_id: Option<String>,
    git: Option<GitFacts>,
}

impl Job {
    /// A claim, and the variable that says the same.
    pub(crate) fn set(&mut self, claim: &str, value: &str) -> &mut Self {
        self.claim(claim, json!(value));
        if let Some((_, variable)) = VARIABLES.iter().find(|row| row.0 == claim && row.0 != "iss") {
            self.variables.insert((*variable).to_owned(), value.to_owned());
        }
        self
    }

    fn claim(&mut self, claim: &str, value: Value) -> &mut Self {
        self.claims.as_mut().unwrap().insert(claim.to_owned(), value);
        self
    }

    fn without_claim(&mut self, claim: &str) -> &mut Self {
        self.claims.as_mut().unwrap().remove(claim).unwrap();
        self
    }

    fn variable(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn complete(mut self) -> Self {
        self.form = GithubForm::Complete;
        self
    }

    pub(crate) fn facts(&self) -> Result<BuildFacts, GenerateError> {
        let environment = Environment::new(self.variables.clone());
        let claims = self.claims.clone().map(TokenClaims::new);
        let inputs = Inputs {
            environment: &environment,
            claims: claims.as_ref(),
            event: self.event.as_ref(),
            vars: self.vars.as_ref(),
            document: None,
            github_form: self.form,
            git: self.git.as_ref(),
            parameters: &self.parameters,
            sealmark_version: "0.1.0",
            invocation_id: self.invocation_id.as_deref(),
            started_on: None,
            finished_on: None,
            overrides: &self.overrides,
        };
        ci::facts(Platform::Github, &inputs)
    }

    pub(crate) fn predicate(&self) -> Value {
        let predicate = serde_json::to_value(self.facts().unwrap().predicate()).unwrap();
        strictly("https://slsa.dev/provenance/v1", &predicate);
        predicate
    }

    pub(crate) fn predicate_v02(&self) -> Value {
        let predicate = serde_json::to_value(v02::predicate(&self.facts().unwrap())).unwrap();
        strictly("https://slsa.dev/provenance/v0.2", &predicate);
        predicate
    }

    fn code(&self) -> &'static str {
        self.facts().map_or_else(|error| error.code(), |_| "ok")
    }

    /// The certificate of this job's token, by the templates of the public certificate authority.
    pub(crate) fn spec(&self) -> Spec {
        let claims = self.claims.as_ref().unwrap();
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let server = &self.variables["GITHUB_SERVER_URL"];
        let below = |name: &str| Some(format!("{server}/{}", text(name)));
        let claim = |name: &str| Some(text(name)).filter(|text| !text.is_empty());
        let run =
            format!("{server}/{}/actions/runs/{}/attempts/{}", text("repository"), text("run_id"), text("run_attempt"));
        let mut spec = domain().spec_of(&json!([minted::subject("app", ARTIFACT)]), &GitHub::default());
        spec.san = vec![San::Uri(below("job_workflow_ref").unwrap())];
        spec.claims = Claims {
            legacy_issuer: claim("iss"),
            legacy_trigger: claim("event_name"),
            legacy_commit: claim("sha"),
            legacy_workflow: claim("workflow"),
            legacy_repository: claim("repository"),
            legacy_reference: claim("ref"),
            issuer: claim("iss"),
            build_signer_uri: below("job_workflow_ref"),
            build_signer_digest: claim("job_workflow_sha"),
            runner_environment: claim("runner_environment"),
            source_repository_uri: below("repository"),
            source_repository_digest: claim("sha"),
            source_repository_ref: claim("ref"),
            source_repository_identifier: claim("repository_id"),
            source_repository_owner_uri: below("repository_owner"),
            source_repository_owner_identifier: claim("repository_owner_id"),
            build_config_uri: below("workflow_ref"),
            build_config_digest: claim("workflow_sha"),
            build_trigger: claim("event_name"),
            run_invocation_uri: Some(run),
            visibility: claim("repository_visibility"),
            deployment_environment: claim("environment"),
            token_subject: claim("sub"),
        };
        spec
    }

    /// What a verifier makes of this job's predicate under its certificate.
    fn interpreted(&self, change: impl FnOnce(&mut Value)) -> Result<Facts, &'static str> {
        self.believed("https://slsa.dev/provenance/v1", self.predicate(), change)
    }

    /// The same of its v0.2 predicate.
    fn interpreted_v02(&self, change: impl FnOnce(&mut Value)) -> Result<Facts, &'static str> {
        self.believed("https://slsa.dev/provenance/v0.2", self.predicate_v02(), change)
    }

    fn believed(
        &self,
        predicate_type: &str,
        predicate: Value,
        change: impl FnOnce(&mut Value),
    ) -> Result<Facts, &'static str> {
        let mut spec = self.spec();
        spec.statement["predicateType"] = json!(predicate_type);
        spec.statement["predicate"] = predicate;
        change(&mut spec.statement["predicate"]);
        let root = TrustedRoot::parse(domain().trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
        let digest = Digest::new(Algorithm::Sha256, HashKind::Sha256.of(ARTIFACT)).unwrap();
        let artifact = Artifact::new("app".to_owned(), vec![digest]).unwrap();
        let bundle = Bundle::from_json(domain().mint(&spec)).unwrap();
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        let verified = Verifier::new(vec![root], Vec::new()).verify(&bundle, &artifact, now).unwrap();
        interpret(verified).map(|provenance| provenance.facts().clone()).map_err(|error| error.code())
    }
}

pub(crate) fn domain() -> &'static VirtualSigstore {
    static DOMAIN: std::sync::LazyLock<VirtualSigstore> =
        std::sync::LazyLock::new(|| VirtualSigstore::new("platforms"));
    &DOMAIN
}

/// A Statement of this predicate passes its strict schema.
fn strictly(predicate_type: &str, predicate: &Value) {
    let digest = [Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap()];
    let bytes = predicate.to_string().into_bytes();
    let statement = statement::statement_with([("app", digest.as_slice())], predicate_type, &bytes).unwrap();
    validate_strict(&serde_json::from_slice(&statement).unwrap()).unwrap();
}

pub(crate) fn push() -> Job {
    let workflow = "acme/app/.github/workflows/release.yml@refs/heads/main";
    let mut job = Job {
        variables: BTreeMap::new(),
        claims: Some(Map::new()),
        event: None,
        vars: None,
        form: GithubForm::Github,
        parameters: BTreeMap::new(),
        overrides: Overrides::default(),
        invocation_id: None,
        git: None,
    };
    for (name, value) in [
        ("actor", "octocat"),
        ("actor_id", "583231"),
        ("aud", "sigstore"),
        ("event_name", "push"),
        ("iss", "https://token.actions.githubusercontent.com"),
        ("job_workflow_ref", workflow),
        ("job_workflow_sha", COMMIT),
        ("ref", "refs/heads/main"),
        ("ref_type", "branch"),
        ("repository", "acme/app"),
        ("repository_id", "623456789"),
        ("repository_owner", "acme"),
        ("repository_owner_id", "4242"),
        ("repository_visibility", "public"),
        ("run_attempt", "1"),
        ("run_id", "9876543210"),
        ("run_number", "17"),
        ("runner_environment", "github-hosted"),
        ("sha", COMMIT),
        ("sub", "repo:acme/app:ref:refs/heads/main"),
        ("workflow", "Release"),
        ("workflow_ref", workflow),
        ("workflow_sha", COMMIT),
    ] {
        job.set(name, value);
    }
    job.claim("base_ref", json!("")).claim("head_ref", json!(""));
    job.variable("GITHUB_ACTIONS", "true").variable("GITHUB_SERVER_URL", "https://github.com");
    job.variable("AWS_SECRET_ACCESS_KEY", "planted");
    job
}

fn tag() -> Job {
    let mut job = push();
    let workflow = "acme/app/.github/workflows/release.yml@refs/tags/v1.4.2";
    job.set("ref", "refs/tags/v1.4.2").set("ref_type", "tag");
    job.set("workflow_ref", workflow).set("job_workflow_ref", workflow);
    job
}

fn dispatch() -> Job {
    let mut job = push();
    job.set("event_name", "workflow_dispatch");
    job.event = Some(json!({
        "inputs": {"channel": "stable", "dry": true, "retries": 3},
        "ref": "refs/heads/main",
        "repository": {"id": 623_456_789, "full_name": "acme/app", "owner": {"email": "planted@acme.example"}},
        "sender": {"login": "octocat"},
    }));
    job.vars = Some(json!({"REGION": "eu-1"}));
    job.parameters = BTreeMap::from([("profile".to_owned(), "release".to_owned())]);
    job
}

fn release() -> Job {
    let mut job = tag();
    job.set("event_name", "release");
    job.event = Some(json!({
        "action": "published",
        "release": {
            "id": 7_654_321, "tag_name": "v1.4.2", "target_commitish": "main", "draft": false, "prerelease": true,
            "body": "planted", "author": {"login": "octocat"}, "name": "planted",
        },
        "repository": {"id": 623_456_789},
    }));
    job
}

fn pull_request() -> Job {
    let mut job = push();
    let workflow = "acme/app/.github/workflows/release.yml@refs/pull/7/merge";
    job.set("event_name", "pull_request").set("ref", "refs/pull/7/merge");
    job.set("base_ref", "main").set("head_ref", "feature");
    job.set("workflow_ref", workflow).set("job_workflow_ref", workflow);
    job
}

pub(crate) fn reusable() -> Job {
    let mut job = tag();
    job.set("job_workflow_ref", "acme/build/.github/workflows/sign.yml@refs/tags/v3");
    job.set("job_workflow_sha", OTHER_COMMIT);
    job
}

fn self_hosted() -> Job {
    let mut job = push();
    job.set("runner_environment", "self-hosted");
    job
}

/// A server of the enterprise's own.
fn server() -> Job {
    let mut job = push();
    job.variable("GITHUB_SERVER_URL", "https://github.acme.example");
    job.set("iss", "https://github.acme.example/_services/token");
    job
}

/// A workflow that a rule of the organisation adds to the run, from a repository of its own.
pub(crate) fn required_workflow() -> Job {
    let mut job = push();
    let workflow = "acme/policies/.github/workflows/audit@2.yml@refs/heads/trunk";
    job.set("workflow_ref", workflow).set("workflow_sha", OTHER_COMMIT);
    job.set("job_workflow_ref", workflow).set("job_workflow_sha", OTHER_COMMIT);
    job
}

#[test]
fn githubs_own_form_is_exactly_githubs() {
    let expected = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": {"workflow": {
                "path": ".github/workflows/release.yml",
                "ref": "refs/heads/main",
                "repository": "https://github.com/acme/app",
            }},
            "internalParameters": {"github": {
                "event_name": "push",
                "repository_id": "623456789",
                "repository_owner_id": "4242",
                "runner_environment": "github-hosted",
            }},
            "resolvedDependencies": [{
                "uri": "git+https://github.com/acme/app@refs/heads/main",
                "digest": {"gitCommit": COMMIT},
            }],
        },
        "runDetails": {
            "builder": {"id": "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"},
            "metadata": {"invocationId": "https://github.com/acme/app/actions/runs/9876543210/attempts/1"},
        },
    });
    assert_eq!(push().predicate(), expected);
    // The event changes nothing but its name; nothing of a payload gets in.
    let mut job = dispatch();
    (job.vars, job.parameters) = (None, BTreeMap::new());
    let mut dispatched = expected;
    dispatched["buildDefinition"]["internalParameters"]["github"]["event_name"] = json!("workflow_dispatch");
    assert_eq!(job.predicate(), dispatched);
}

#[test]
fn predicates_are_these() {
    let mut enterprise = push();
    enterprise.set("iss", "https://token.actions.githubusercontent.com/acme").set("environment", "production");
    let mut tenant = push();
    tenant.variable("GITHUB_SERVER_URL", "https://acme.ghe.com").set("iss", "https://token.actions.acme.ghe.com");
    let mut ran = 0;
    for (name, job) in [
        ("push", push()),
        ("tag", tag()),
        ("dispatch", dispatch()),
        ("release", release()),
        ("pull_request", pull_request()),
        ("reusable", reusable()),
        ("self_hosted", self_hosted()),
        ("enterprise", enterprise),
        ("server", server()),
        ("tenant", tenant),
        ("required_workflow", required_workflow()),
    ] {
        let complete = job.clone().complete();
        let text = |value: Value| serde_json::to_string_pretty(&value).unwrap();
        let mut bare = job;
        (bare.vars, bare.parameters) = (None, BTreeMap::new());
        for (form, text) in [
            ("github", text(bare.predicate())),
            ("complete", text(complete.predicate())),
            ("v02", text(complete.predicate_v02())),
        ] {
            assert!(!text.contains("planted"), "{name}");
            insta::assert_snapshot!(format!("{name}_{form}"), text);
            ran += 1;
        }
    }
    println!("{ran} predicates");
}

#[test]
fn what_the_environment_repeats_must_be_the_same() {
    let (mut refused, mut accepted) = (0, 0);
    for job in [push(), tag(), release().complete(), pull_request(), reusable(), server(), self_hosted()] {
        assert_eq!(job.code(), "ok");
        accepted += 1;
        for (claim, variable) in VARIABLES {
            let other = match *claim {
                "iss" => "https://token.actions.githubusercontent.com.evil.example",
                "ref" => "refs/heads/other",
                "repository" => "acme/other",
                "sha" | "workflow_sha" => "0000000000000000000000000000000000000000",
                "workflow_ref" => "acme/app/.github/workflows/other.yml@refs/heads/main",
                "actor" | "base_ref" | "event_name" | "head_ref" | "ref_type" | "repository_owner"
                | "runner_environment" | "workflow" => "other",
                _ => "99",
            };
            if !job.variables.contains_key(*variable) {
                continue;
            }
            let mut changed = job.clone();
            changed.claim(claim, json!(other));
            let error = changed.facts().unwrap_err();
            assert_eq!(error.code(), "platform-claim-conflict", "{claim}");
            let GenerateError::PlatformClaimConflict { claim: named, claimed, variable: at, found, .. } = error else {
                panic!("{claim}")
            };
            assert_eq!((named, claimed.as_str(), at), (*claim, other, *variable));
            assert_eq!(found, job.variables[*variable]);
            let mut changed = job.clone();
            changed.variable(variable, if *claim == "iss" { "https://github.evil.example" } else { other });
            assert_eq!(changed.code(), "platform-claim-conflict", "{variable}");
            refused += 2;
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(refused > 200);
}

#[test]
fn missing_claims_refuse() {
    for claim in NEEDED {
        for damage in [None, Some(json!("")), Some(Value::Null)] {
            let mut job = push();
            match damage {
                None => job.without_claim(claim),
                Some(value) => job.claim(claim, value),
            };
            // The environment says the same, and is not asked: it is not what a token is for.
            assert_eq!(job.code(), "platform-fact-missing", "{claim}");
        }
        let mut job = push();
        job.claim(claim, json!(7));
        let code = if *claim == "iss" { "platform-fact-missing" } else { "platform-fact-invalid" };
        assert_eq!(job.code(), code, "{claim}");
    }
    // Older enterprise servers have no such claims; then the environment's word is taken, and marked.
    let mut job = push().complete();
    job.without_claim("workflow_sha").without_claim("job_workflow_sha");
    let facts = job.facts().unwrap();
    let fact = facts.internal_parameters.get(&["github", "workflow_sha"]).unwrap();
    assert_eq!(fact.backing, Backing::Job);
    assert_eq!(facts.internal_parameters.get(&["github", "job_workflow_sha"]), None);
}

#[test]
fn without_a_token_it_is_the_environments_word() {
    let mut job = push().complete();
    job.claims = None;
    let facts = job.facts().unwrap();
    assert_eq!(facts.builder_id.value, "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main");
    let rows = facts.explain();
    let backed: Vec<&str> = rows
        .iter()
        .filter(|row| matches!(row.backing, Backing::Certificate | Backing::Token))
        .map(|row| row.pointer.as_str())
        .collect();
    assert_eq!(backed, [""; 0]);
    assert_eq!(rows.iter().filter(|row| row.backing == Backing::Job).count(), 17);
    assert_eq!(job.predicate_v02()["invocation"].get("environment"), None);
    for (_, variable) in VARIABLES {
        let optional = ["GITHUB_ACTOR", "GITHUB_ACTOR_ID", "GITHUB_REF_TYPE", "GITHUB_REPOSITORY_OWNER"];
        let also = ["GITHUB_RUN_NUMBER", "GITHUB_WORKFLOW", "GITHUB_WORKFLOW_SHA"];
        let mut without = job.clone();
        if without.variables.remove(*variable).is_none() {
            continue;
        }
        let expected =
            if optional.iter().chain(&also).any(|name| name == variable) { "ok" } else { "platform-fact-missing" };
        assert_eq!(without.code(), expected, "{variable}");
    }
}

#[test]
fn badly_spelt_facts_refuse() {
    let mut refused = 0;
    for (claim, values) in [
        ("repository", ["app", "acme/app/x", "acme/a pp", "acme/..", "../app", "acme/app@x"].as_slice()),
        ("repository_id", &["x", "-1", "1e3", "999999999999999999999"]),
        ("run_id", &["9 8", "9\n"]),
        ("ref", &["main", "refs/heads/a b", "refs/heads/../x", "refs/heads/a\nb"]),
        ("sha", &["main", "3F2C9E1B7A6D5C4E3F2A1B0C9D8E7F6A5B4C3D2E", "3f2c"]),
        ("event_name", &["Push", "push push", "push\u{1}"]),
        ("workflow_ref", &["acme/app", "acme/app/x.yml", "acme/app/x.yml@main", "acme/app/../x.yml@refs/heads/main"]),
        ("job_workflow_ref", &["acme/app@refs/heads/main", "/x/y/z@refs/heads/main"]),
        ("job_workflow_sha", &["x"]),
        ("runner_environment", &["GitHub"]),
        ("repository_visibility", &["Public!"]),
    ] {
        for value in values {
            let mut job = push();
            job.set(claim, value);
            assert_eq!(job.code(), "platform-fact-invalid", "{claim} {value:?}");
            refused += 1;
        }
    }
    for server in ["http://github.com", "https://", "https://GitHub.com", "https://github.com/", "https://a@github.com"]
    {
        let mut job = push();
        job.variable("GITHUB_SERVER_URL", server);
        assert_eq!(job.code(), "platform-fact-invalid", "{server}");
        refused += 1;
    }
    println!("{refused} refused");
}

#[test]
fn issuer_and_server_must_fit() {
    let code = |issuer: &str, server: Option<&str>| {
        let mut job = push();
        job.set("iss", issuer);
        match server {
            Some(server) => job.variables.insert("GITHUB_SERVER_URL".to_owned(), server.to_owned()),
            None => job.variables.remove("GITHUB_SERVER_URL"),
        };
        job.code()
    };
    let public = "https://token.actions.githubusercontent.com";
    for (issuer, server) in [
        (public, "https://github.com"),
        (&format!("{public}/acme"), "https://github.com"),
        ("https://github.acme.example/_services/token", "https://github.acme.example"),
        ("https://token.actions.acme.ghe.com", "https://acme.ghe.com"),
    ] {
        assert_eq!(code(issuer, Some(server)), "ok", "{issuer} {server}");
    }
    assert_eq!(code(public, None), "ok");
    for (issuer, server) in [
        (public, "https://github.acme.example"),
        (public, "https://acme.ghe.com"),
        (&format!("{public}/"), "https://github.com"),
        (&format!("{public}/a/b"), "https://github.com"),
        (&format!("{public}.evil.example"), "https://github.com"),
        ("https://github.com/_services/token", "https://github.com"),
        ("https://token.actions.github.com", "https://github.com"),
        ("https://evil.example/_services/token", "https://github.acme.example"),
        ("https://github.acme.example/_services/token/x", "https://github.acme.example"),
        ("https://token.actions.acme.ghe.com", "https://other.ghe.com"),
        ("https://token.actions.acme.example", "https://acme.example"),
        ("https://gitlab.com", "https://github.com"),
        ("https://accounts.google.com", "https://github.com"),
    ] {
        assert_eq!(code(issuer, Some(server)), "platform-claim-conflict", "{issuer} {server}");
    }
    // Only of github.com the issuer alone tells the server.
    assert_eq!(code("https://github.acme.example/_services/token", None), "platform-fact-missing");
}

#[test]
fn a_name_with_an_at_sign_is_not_cut() {
    let mut job = push();
    let workflow = "acme/app/.github/workflows/a@b.yml@refs/heads/x@y";
    job.set("ref", "refs/heads/x@y").set("workflow_ref", workflow).set("job_workflow_ref", workflow);
    let predicate = job.predicate();
    let external = &predicate["buildDefinition"]["externalParameters"]["workflow"];
    assert_eq!(external["path"], ".github/workflows/a@b.yml");
    assert_eq!(external["ref"], "refs/heads/x@y");
    let facts = job.interpreted(|_| ()).unwrap();
    assert_eq!(facts.workflow_path.unwrap().value, ".github/workflows/a@b.yml");
}

#[test]
fn the_event_must_be_at_hand_and_of_this_run() {
    for job in [dispatch().complete(), release().complete()] {
        let mut without = job.clone();
        without.event = None;
        assert_eq!(without.code(), "platform-fact-missing");
        let mut other = job.clone();
        other.event.as_mut().unwrap()["repository"]["id"] = json!(1);
        assert_eq!(other.code(), "platform-claim-conflict");
        let mut list = job.clone();
        list.event = Some(json!([]));
        assert_eq!(list.code(), "platform-fact-invalid");
    }
    for (pointer, value, code) in [
        ("/release/tag_name", json!("v9"), "platform-claim-conflict"),
        ("/release/tag_name", json!(""), "platform-fact-invalid"),
        ("/release/target_commitish", json!("a\nb"), "platform-fact-invalid"),
        ("/release/id", json!("7"), "platform-fact-invalid"),
        ("/release/id", json!(-7), "platform-fact-invalid"),
        ("/release/draft", json!("no"), "platform-fact-invalid"),
        ("/release/prerelease", Value::Null, "platform-fact-invalid"),
        ("/release", json!({}), "platform-fact-missing"),
    ] {
        let mut job = release().complete();
        *job.event.as_mut().unwrap().pointer_mut(pointer).unwrap() = value;
        assert_eq!(job.code(), code, "{pointer}");
    }
    for (inputs, code) in [
        (json!(null), "ok"),
        (json!({}), "ok"),
        (json!([]), "platform-fact-invalid"),
        (json!({"a": {"b": 1}}), "platform-fact-invalid"),
        (json!({"a b": "x"}), "parameter-invalid"),
        (json!({"a": "x".repeat(64 * 1024 + 1)}), "parameter-too-long"),
    ] {
        let mut job = dispatch().complete();
        job.event.as_mut().unwrap()["inputs"] = inputs.clone();
        assert_eq!(job.code(), code);
        let mut job = push().complete();
        job.vars = Some(inputs);
        assert_eq!(job.code(), code);
    }
}

#[test]
fn githubs_own_form_drops_nothing_in_silence() {
    let mut job = push();
    job.parameters = BTreeMap::from([("profile".to_owned(), "release".to_owned())]);
    let error = job.facts().unwrap_err();
    assert_eq!(error.code(), "platform-fact-invalid");
    assert!(error.to_string().contains("--github-form complete"), "{error}");
    let mut job = push();
    job.vars = Some(json!({"A": "b"}));
    assert_eq!(job.code(), "platform-fact-invalid");
    job.vars = Some(json!({}));
    assert_eq!(job.code(), "ok");
}

#[test]
fn nobody_overrides_the_platform() {
    let with = |change: &dyn Fn(&mut Job)| {
        let mut job = push();
        change(&mut job);
        job.code()
    };
    let text = |text: &str| Some(text.to_owned());
    for (one, other) in [
        ("https://github.com/acme/app.git", "https://github.com/acme/other"),
        ("git@github.com:acme/app", "https://gitlab.com/acme/app"),
    ] {
        assert_eq!(with(&|job| job.overrides.source_uri = text(one)), "ok");
        assert_eq!(with(&|job| job.overrides.source_uri = text(other)), "platform-fact-invalid");
    }
    assert_eq!(with(&|job| job.overrides.source_ref = text("refs/heads/main")), "ok");
    assert_eq!(with(&|job| job.overrides.source_ref = text("refs/tags/v1")), "platform-fact-invalid");
    assert_eq!(with(&|job| job.overrides.source_commit = text(COMMIT)), "ok");
    assert_eq!(with(&|job| job.overrides.source_commit = text(OTHER_COMMIT)), "platform-fact-invalid");
    assert_eq!(with(&|job| job.overrides.builder_id = text("https://acme.example/b")), "platform-fact-invalid");
    assert_eq!(with(&|job| job.invocation_id = text("7")), "platform-fact-invalid");
}

#[test]
fn a_checkout_of_the_source_is_at_its_commit() {
    let git = GitFacts {
        commit: Some(COMMIT.to_owned()),
        tree: None,
        branch: None,
        tags: Vec::new(),
        remote: Some("git+https://github.com/Acme/app".to_owned()),
        dirty: Dirty::Changed { paths: 1 },
        shallow: true,
        submodules: vec![Submodule {
            path: "lib".to_owned(),
            uri: Some("git+https://github.com/acme/lib".to_owned()),
            commit: Some(OTHER_COMMIT.to_owned()),
        }],
    };
    let with = |change: &dyn Fn(&mut GitFacts)| {
        let mut job = push();
        let mut git = git.clone();
        change(&mut git);
        job.git = Some(git);
        job
    };
    assert_eq!(with(&|_| ()).predicate(), push().predicate());
    let predicate = with(&|_| ()).complete().predicate();
    let all = predicate["buildDefinition"]["resolvedDependencies"].as_array().unwrap();
    assert_eq!((&all[0]["name"], &all[0]["annotations"]), (&json!("source"), &json!({"dirty": true})));
    let lib = json!({
        "name": "submodule/lib", "uri": "git+https://github.com/acme/lib", "digest": {"gitCommit": OTHER_COMMIT},
    });
    assert_eq!(all[1..], [lib]);
    let other = |git: &mut GitFacts| git.commit = Some(OTHER_COMMIT.to_owned());
    assert_eq!(with(&other).code(), "source-commit-conflict");
    assert_eq!(with(&other).complete().code(), "source-commit-conflict");
    let nameless = |git: &mut GitFacts| (git.commit, git.remote) = (Some(OTHER_COMMIT.to_owned()), None);
    assert_eq!(with(&nameless).code(), "source-commit-conflict");
    // A checkout of something else says nothing of the source.
    let foreign = |git: &mut GitFacts| {
        (git.commit, git.remote) =
            (Some(OTHER_COMMIT.to_owned()), Some("git+https://github.com/acme/tools".to_owned()));
    };
    assert_eq!(with(&foreign).complete().predicate(), push().complete().predicate());
}

#[test]
fn a_verifier_learns_the_same_from_both_forms() {
    let mut ran = 0;
    for job in [push(), tag(), dispatch(), release(), pull_request(), reusable(), self_hosted(), required_workflow()] {
        let mut bare = job.clone();
        (bare.vars, bare.parameters) = (None, BTreeMap::new());
        let one = bare.interpreted(|_| ()).unwrap();
        let other = job.clone().complete().interpreted(|_| ()).unwrap();
        let event = &job.claims.as_ref().unwrap()["event_name"];
        assert_eq!(one.inputs, None);
        assert_eq!(other.inputs.is_some(), event == "workflow_dispatch", "{event}");
        let alike =
            Facts { build_type: one.build_type.clone(), inputs: None, dependencies: one.dependencies, ..other.clone() };
        assert_eq!(alike, one);
        // And of v0.2, which tells the repository of the workflow from that of the source too.
        let old = job.clone().complete().interpreted_v02(|_| ()).unwrap();
        let invocation = one.invocation.clone();
        assert_eq!(Facts { invocation, ..old }, other);
        assert_eq!(one.source_commit.unwrap().value, COMMIT);
        assert!(one.predicate_builder_id.is_none());
        assert_eq!(other.build_type.value, "https://sealmark.dev/buildtypes/github-workflow/v1");
        ran += 1;
    }
    println!("{ran} jobs");
}

#[test]
fn a_verifier_refuses_our_form_where_it_differs_from_the_certificate() {
    let definition = "/buildDefinition";
    let github = format!("{definition}/internalParameters/github");
    let mut refused = 0;
    for (pointer, value, code) in [
        (format!("{definition}/externalParameters/workflow/path"), json!("x.yml"), "predicate-certificate-mismatch"),
        (
            format!("{definition}/externalParameters/workflow/ref"),
            json!("refs/heads/x"),
            "predicate-certificate-mismatch",
        ),
        (format!("{github}/event_name"), json!("release"), "predicate-certificate-mismatch"),
        (format!("{github}/repository_id"), json!("1"), "predicate-certificate-mismatch"),
        (format!("{github}/repository_owner_id"), json!("1"), "predicate-certificate-mismatch"),
        (format!("{github}/runner_environment"), json!("self-hosted"), "predicate-certificate-mismatch"),
        (format!("{github}/workflow_sha"), json!(OTHER_COMMIT), "predicate-certificate-mismatch"),
        (format!("{github}/job_workflow_sha"), json!(COMMIT), "predicate-certificate-mismatch"),
        // The run stands twice, so the predicate contradicts itself first.
        (format!("{github}/run_id"), json!("1"), "predicate-inconsistent"),
        (
            "/runDetails/metadata/invocationId".to_owned(),
            json!("https://github.com/acme/app/actions/runs/1/attempts/1"),
            "predicate-inconsistent",
        ),
        (
            format!("{definition}/resolvedDependencies/0/digest/gitCommit"),
            json!(OTHER_COMMIT),
            "predicate-certificate-mismatch",
        ),
        (
            format!("{definition}/resolvedDependencies/0/uri"),
            json!("git+https://github.com/acme/other@refs/tags/v1.4.2"),
            "predicate-certificate-mismatch",
        ),
    ] {
        let found =
            reusable().complete().interpreted(|predicate| *predicate.pointer_mut(&pointer).unwrap() = value.clone());
        assert_eq!(found.unwrap_err(), code, "{pointer}");
        refused += 1;
    }
    // A second source beside the true one, in whatever order: not the first is believed, both must agree.
    let other =
        json!({"name": "source", "uri": "git+https://github.com/acme/other", "digest": {"gitCommit": OTHER_COMMIT}});
    for index in [0, 1] {
        let found = reusable().complete().interpreted(|predicate| {
            let all = predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
            all.insert(index, other.clone());
        });
        assert_eq!(found.unwrap_err(), "predicate-inconsistent");
        refused += 1;
    }
    // And another dependency in front does not become the source.
    let found = reusable().complete().interpreted(|predicate| {
        let all = predicate["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
        all.insert(0, json!({"uri": "git+https://github.com/acme/library", "digest": {"gitCommit": OTHER_COMMIT}}));
    });
    assert_eq!(found.unwrap().source_uri.unwrap().value, "git+https://github.com/acme/app");
    // Inputs are those of their own place, never those of a payload that somebody adds.
    let found = dispatch().complete().interpreted(|predicate| {
        let internal = &mut predicate["buildDefinition"]["internalParameters"];
        internal["GITHUB_EVENT_NAME"] = json!("workflow_dispatch");
        internal["GITHUB_EVENT_PAYLOAD"] = json!({"inputs": {"channel": "evil"}});
    });
    assert_eq!(found.unwrap().inputs.unwrap()["channel"], "stable");
    // v0.2 names the workflow by repository, path, ref and commit.
    for (pointer, value) in [
        ("/invocation/configSource/uri", json!("git+https://github.com/acme/other@refs/tags/v1.4.2")),
        ("/invocation/configSource/uri", json!("git+https://github.com/acme/app@refs/heads/main")),
        ("/invocation/configSource/entryPoint", json!(".github/workflows/x.yml")),
        ("/materials/0/uri", json!("git+https://github.com/acme/other@refs/tags/v1.4.2")),
    ] {
        let found = reusable().complete().interpreted_v02(|old| *old.pointer_mut(pointer).unwrap() = value.clone());
        assert_eq!(found.unwrap_err(), "predicate-certificate-mismatch", "{pointer}");
        refused += 1;
    }
    let found = reusable().complete().interpreted_v02(|old| {
        old["invocation"]["configSource"]["digest"]["sha1"] = json!(OTHER_COMMIT);
    });
    assert_eq!(found.unwrap_err(), "predicate-inconsistent");
    println!("{refused} refused");
}
