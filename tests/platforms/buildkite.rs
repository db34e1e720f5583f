//! Buildkite.

use sealmark::generate::ci::Platform;
use sealmark::generate::facts::Backing;
use serde_json::json;

use crate::fixtures::COMMIT;
use crate::fixtures::Job;
use crate::fixtures::backed_by_the_job_alone;
use crate::fixtures::backing;
use crate::fixtures::lie_with_claims;
use crate::fixtures::lie_with_variables;
use crate::fixtures::options_and_checkout;
use crate::fixtures::without_variables;

/// A job of a tag.
pub(crate) fn job() -> Job {
    Job::new(
        Platform::Buildkite,
        &[
            ("BUILDKITE", "true"),
            ("BUILDKITE_AGENT_ID", "0184990a-4782-42b5-afc1-16715b10b8ff"),
            ("BUILDKITE_AGENT_VERSION", "3.104.0"),
            ("BUILDKITE_BRANCH", "main"),
            ("BUILDKITE_BUILD_ID", "019583d7-3737-4e38-af67-f7cc356bd580"),
            ("BUILDKITE_BUILD_NUMBER", "1042"),
            ("BUILDKITE_BUILD_URL", "https://buildkite.com/acme/app/builds/1042"),
            ("BUILDKITE_CLUSTER_ID", "01849900-0000-4000-8000-000000000001"),
            ("BUILDKITE_COMMIT", COMMIT),
            ("BUILDKITE_COMPUTE_TYPE", "hosted"),
            ("BUILDKITE_JOB_ID", "0184990a-477b-4fa8-9968-496074483cee"),
            ("BUILDKITE_ORGANIZATION_ID", "0184990a-477b-4fa8-9968-496074483cec"),
            ("BUILDKITE_ORGANIZATION_SLUG", "acme"),
            ("BUILDKITE_PIPELINE_ID", "0184990a-4782-42b5-afc1-16715b10b1b0"),
            ("BUILDKITE_PIPELINE_SLUG", "app"),
            ("BUILDKITE_PULL_REQUEST", "false"),
            ("BUILDKITE_REPO", "git@github.com:acme/app.git"),
            ("BUILDKITE_SOURCE", "webhook"),
            ("BUILDKITE_STEP_KEY", "provenance"),
            ("BUILDKITE_TAG", "v1.4.2"),
        ],
        Some(json!({
            "iss": "https://agent.buildkite.com",
            "sub": format!("organization:acme:pipeline:app:ref:refs/tags/v1.4.2:commit:{COMMIT}:step:provenance"),
            "aud": "sigstore",
            "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
            "build_branch": "main",
            "build_commit": COMMIT,
            "build_id": "019583d7-3737-4e38-af67-f7cc356bd580",
            "build_number": 1042,
            "build_source": "webhook",
            "build_tag": "v1.4.2",
            "cluster_id": "01849900-0000-4000-8000-000000000001",
            "job_id": "0184990a-477b-4fa8-9968-496074483cee",
            "organization_id": "0184990a-477b-4fa8-9968-496074483cec",
            "organization_slug": "acme",
            "pipeline_id": "0184990a-4782-42b5-afc1-16715b10b1b0",
            "pipeline_slug": "app",
            "runner_environment": "buildkite-hosted",
            "step_key": "provenance",
        })),
    )
}

#[test]
fn the_predicate_of_a_tag_with_a_token() {
    insta::assert_snapshot!(job().predicate());
    for (pointer, expected) in [
        ("/predicate/runDetails/builder/id", Backing::Certificate),
        ("/predicate/runDetails/metadata/invocationId", Backing::Certificate),
        ("/predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit", Backing::Certificate),
        ("/predicate/buildDefinition/externalParameters/source/ref", Backing::Token),
        // No claim names the repository.
        ("/predicate/buildDefinition/externalParameters/source/uri", Backing::Job),
        ("/predicate/buildDefinition/resolvedDependencies/0/uri", Backing::Job),
    ] {
        assert_eq!(backing(&job(), pointer), expected, "{pointer}");
    }
}

#[test]
fn the_predicate_of_a_branch_without_a_token() {
    let job = job().unset("BUILDKITE_TAG").set("BUILDKITE_COMPUTE_TYPE", "self-hosted").without_token();
    insta::assert_snapshot!(job.predicate());
    backed_by_the_job_alone(&job);
}

#[test]
fn lies_are_refused() {
    let job = job();
    let (repeated, needed) = lie_with_claims(&job);
    let variables = lie_with_variables(&job);
    let gone = without_variables(&job, &["BUILDKITE_REPO"]);
    println!("buildkite: {repeated} claims bent, {needed} gone; {variables} variables bent, {gone} gone");
    assert!(repeated >= 14 && needed >= 9 && variables >= 14 && gone >= 8, "{repeated} {needed} {variables} {gone}");
    let conflict = "platform-claim-conflict";
    assert_eq!(job.set("BUILDKITE_BUILD_URL", "https://buildkite.com/evil/app/builds/1042").refused(), conflict);
    assert_eq!(job.set("BUILDKITE_COMPUTE_TYPE", "self-hosted").refused(), conflict);
    assert_eq!(job.claim("runner_environment", json!("self-hosted")).refused(), conflict);
    // A tag that the token does not know is the job's invention.
    assert_eq!(job.unclaim("build_tag").refused(), conflict);
    assert_eq!(job.claim("iss", json!("https://gitlab.com")).refused(), conflict);
}

#[test]
fn what_is_badly_formed_is_refused() {
    let job = job().without_token();
    assert_eq!(job.set("BUILDKITE_COMMIT", "HEAD").refused(), "git-object-invalid");
    assert_eq!(job.set("BUILDKITE_TAG", "a b").refused(), "source-ref-invalid");
    let error = job.set("BUILDKITE_REPO", "https://jo:s3cr3t/x@github.com").facts().unwrap_err();
    assert_eq!(error.code(), "source-uri-invalid");
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert_eq!(job.set("BUILDKITE_REPO", "/srv/git/app").refused(), "source-uri-invalid");
    let odd = job.set("BUILDKITE_ORGANIZATION_SLUG", "a b").unset("BUILDKITE_BUILD_URL");
    odd.facts().unwrap();
    let token = self::job().set("BUILDKITE_ORGANIZATION_SLUG", "a b").unset("BUILDKITE_BUILD_URL");
    assert_eq!(token.claim("organization_slug", json!("a b")).refused(), "builder-id-invalid");
}

#[test]
fn options_repeat_and_the_checkout_agrees() {
    options_and_checkout(&job());
    options_and_checkout(&job().without_token());
    // What the platform leaves out, the user may say.
    let mut told = job().unset("BUILDKITE_REPO");
    told.overrides.source_uri = Some("git@github.com:acme/app.git".to_owned());
    assert_eq!(told.facts().unwrap().predicate(), job().facts().unwrap().predicate());
    told.overrides.source_uri = None;
    told.git = Some(crate::fixtures::checkout(COMMIT));
    let external = &told.statement()["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(external["source"]["uri"], "git+https://git.acme.example/acme/app");
}
