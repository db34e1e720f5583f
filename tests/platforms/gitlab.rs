//! GitLab CI.

use sealmark::generate::ci::Platform;
use sealmark::generate::facts::Backing;
use serde_json::json;

use crate::fixtures::COMMIT;
use crate::fixtures::Job;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::backed_by_the_job_alone;
use crate::fixtures::backing;
use crate::fixtures::lie_with_claims;
use crate::fixtures::lie_with_variables;
use crate::fixtures::options_and_checkout;
use crate::fixtures::without_variables;

const CONFIG_SHA: &str = COMMIT;

/// A job of a tag.
pub(crate) fn job() -> Job {
    Job::new(
        Platform::Gitlab,
        &[
            ("CI", "true"),
            ("GITLAB_CI", "true"),
            ("CI_COMMIT_REF_NAME", "v1.4.2"),
            ("CI_COMMIT_REF_PROTECTED", "true"),
            ("CI_COMMIT_SHA", COMMIT),
            ("CI_COMMIT_TAG", "v1.4.2"),
            ("CI_CONFIG_PATH", ".gitlab-ci.yml"),
            ("CI_CONFIG_REF_URI", "gitlab.com/acme/tools/app//.gitlab-ci.yml@refs/tags/v1.4.2"),
            ("CI_ENVIRONMENT_NAME", "production"),
            ("CI_JOB_ID", "8123456789"),
            ("CI_JOB_NAME", "provenance"),
            ("CI_JOB_URL", "https://gitlab.com/acme/tools/app/-/jobs/8123456789"),
            ("CI_PIPELINE_ID", "1519139981"),
            ("CI_PIPELINE_SOURCE", "push"),
            ("CI_PROJECT_ID", "42831435"),
            ("CI_PROJECT_NAMESPACE", "acme/tools"),
            ("CI_PROJECT_NAMESPACE_ID", "68413579"),
            ("CI_PROJECT_PATH", "acme/tools/app"),
            ("CI_PROJECT_URL", "https://gitlab.com/acme/tools/app"),
            ("CI_PROJECT_VISIBILITY", "public"),
            ("CI_RUNNER_ID", "12270835"),
            ("CI_RUNNER_VERSION", "18.3.0"),
            ("CI_SERVER_URL", "https://gitlab.com"),
            ("CI_SERVER_VERSION", "18.3.1-ee"),
        ],
        Some(json!({
            "iss": "https://gitlab.com",
            "sub": "project_path:acme/tools/app:ref_type:tag:ref:v1.4.2",
            "aud": "sigstore",
            "ci_config_ref_uri": "gitlab.com/acme/tools/app//.gitlab-ci.yml@refs/tags/v1.4.2",
            "ci_config_sha": CONFIG_SHA,
            "environment": "production",
            "job_id": "8123456789",
            "namespace_id": "68413579",
            "namespace_path": "acme/tools",
            "pipeline_id": "1519139981",
            "pipeline_source": "push",
            "project_id": "42831435",
            "project_path": "acme/tools/app",
            "project_visibility": "public",
            "ref": "v1.4.2",
            "ref_path": "refs/tags/v1.4.2",
            "ref_protected": "true",
            "ref_type": "tag",
            "runner_environment": "gitlab-hosted",
            "runner_id": 12270835,
            "sha": COMMIT,
            "user_email": "jo@acme.test",
            "user_login": "jo",
        })),
    )
}

/// A job of a branch, in an own instance on a port.
fn branch() -> Job {
    let job = job().unset("CI_COMMIT_TAG").unset("CI_CONFIG_REF_URI").unset("CI_ENVIRONMENT_NAME");
    let job = job.set("CI_COMMIT_BRANCH", "main").set("CI_COMMIT_REF_NAME", "main");
    let job = job.set("CI_SERVER_URL", "https://git.acme.example:8443");
    let job = job.set("CI_PROJECT_URL", "https://git.acme.example:8443/acme/tools/app");
    job.set("CI_JOB_URL", "https://git.acme.example:8443/acme/tools/app/-/jobs/8123456789").without_token()
}

#[test]
fn the_predicate_of_a_tag_with_a_token() {
    insta::assert_snapshot!(job().predicate());
    let definition = "/predicate/buildDefinition";
    for (pointer, expected) in [
        (format!("{definition}/externalParameters/source/uri"), Backing::Certificate),
        (format!("{definition}/externalParameters/source/ref"), Backing::Certificate),
        (format!("{definition}/externalParameters/pipeline/config"), Backing::Certificate),
        (format!("{definition}/externalParameters/pipeline/job"), Backing::Job),
        (format!("{definition}/internalParameters/gitlab/pipeline_id"), Backing::Token),
        (format!("{definition}/resolvedDependencies/0/digest/gitCommit"), Backing::Certificate),
        ("/predicate/runDetails/builder/id".to_owned(), Backing::Certificate),
        ("/predicate/runDetails/metadata/invocationId".to_owned(), Backing::Certificate),
    ] {
        assert_eq!(backing(&job(), &pointer), expected, "{pointer}");
    }
    assert!(!job().predicate().contains("jo@acme"), "who started the job is nobody's business");
}

#[test]
fn the_predicate_of_a_branch_without_a_token() {
    insta::assert_snapshot!(branch().predicate());
    backed_by_the_job_alone(&branch());
}

#[test]
fn a_configuration_of_another_project_went_into_the_build() {
    let elsewhere = "gitlab.com/acme/templates//build.yml@refs/heads/main";
    let job = job().unset("CI_CONFIG_REF_URI").set("CI_CONFIG_PATH", "build.yml@acme/templates");
    let job = job.claim("ci_config_ref_uri", json!(elsewhere)).claim("ci_config_sha", json!(OTHER_COMMIT));
    let predicate = &job.statement()["predicate"];
    assert_eq!(predicate["runDetails"]["builder"]["id"], format!("https://{elsewhere}"));
    assert_eq!(
        predicate["buildDefinition"]["resolvedDependencies"][1],
        json!({
            "name": "configuration",
            "uri": "git+https://gitlab.com/acme/templates@refs/heads/main",
            "digest": {"gitCommit": OTHER_COMMIT},
        })
    );
    for odd in
        ["gitlab.com/acme/templates/build.yml@refs/heads/main", "gitlab.com//x", "a b//build.yml@refs/heads/main"]
    {
        let code = job.claim("ci_config_ref_uri", json!(odd)).refused();
        assert!(["platform-fact-invalid", "builder-id-invalid"].contains(&code), "{odd} {code}");
    }
}

#[test]
fn pipelines_of_merge_requests_have_the_branch_that_asks() {
    let job = branch().unset("CI_COMMIT_BRANCH").set("CI_COMMIT_REF_NAME", "feature/x");
    let job = job.set("CI_PIPELINE_SOURCE", "merge_request_event");
    let source = job.statement()["predicate"]["buildDefinition"]["externalParameters"]["source"].clone();
    assert_eq!(source["ref"], "refs/heads/feature/x");
}

#[test]
fn lies_are_refused() {
    let job = job();
    let (repeated, needed) = lie_with_claims(&job);
    let variables = lie_with_variables(&job);
    let gone = without_variables(&job, &[]);
    println!("gitlab: {repeated} claims bent, {needed} gone; {variables} variables bent, {gone} gone");
    assert!(repeated >= 14 && needed >= 14 && variables >= 14 && gone >= 9, "{repeated} {needed} {variables} {gone}");
    let conflict = "platform-claim-conflict";
    for (name, value, code) in [
        ("CI_COMMIT_TAG", "v9", conflict),
        ("CI_CONFIG_PATH", "evil.yml", conflict),
        ("CI_CONFIG_PATH", "evil.yml@acme/tools/app", conflict),
        ("CI_JOB_URL", "https://gitlab.com/acme/tools/app/-/jobs/1", conflict),
        ("CI_PROJECT_URL", "https://gitlab.com/evil/app", conflict),
        ("CI_SERVER_URL", "https://gitlab.com.evil.example", conflict),
    ] {
        assert_eq!(job.set(name, value).refused(), code, "{name}");
    }
    // A branch of the same name is another ref.
    assert_eq!(job.claim("ref_type", json!("branch")).refused(), conflict);
    assert_eq!(job.unset("CI_COMMIT_TAG").set("CI_COMMIT_BRANCH", "v1.4.2").refused(), conflict);
    assert_eq!(job.unset("CI_COMMIT_TAG").claim("ref_type", json!("commit")).refused(), "platform-fact-invalid");
    assert_eq!(job.unset("CI_COMMIT_TAG").claim("ref_type", json!("branch")).refused(), "platform-fact-invalid");
    assert_eq!(job.claim("ref_path", json!("refs/heads/v1.4.2")).refused(), "platform-fact-invalid");
    assert_eq!(job.claim("iss", json!("https://agent.buildkite.com")).refused(), conflict);
    // A pipeline of a fork's merge request: the token is the fork's, the environment the target's.
    assert_eq!(job.claim("project_path", json!("fork/app")).refused(), conflict);
}

#[test]
fn what_is_badly_formed_is_refused() {
    let job = branch();
    assert_eq!(job.set("CI_COMMIT_SHA", "main").refused(), "git-object-invalid");
    assert_eq!(job.set("CI_COMMIT_SHA", &COMMIT.to_uppercase()).refused(), "git-object-invalid");
    let odd = job.set("CI_COMMIT_REF_NAME", "a..b").set("CI_COMMIT_BRANCH", "a..b");
    assert_eq!(odd.refused(), "source-ref-invalid");
    let bare = job.unset("CI_PROJECT_URL").unset("CI_JOB_URL");
    for server in ["git.acme.example", "https://", "https://jo:s3cr3t@git.acme.example", "ftp://git.acme.example"] {
        let error = bare.set("CI_SERVER_URL", server).facts().unwrap_err();
        assert_eq!(error.code(), "platform-fact-invalid", "{server}");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
    let long = job.set("CI_JOB_NAME", &"x".repeat(5000));
    assert_eq!(long.refused(), "platform-fact-invalid");
}

#[test]
fn options_repeat_and_the_checkout_agrees() {
    options_and_checkout(&job());
    options_and_checkout(&branch());
    let mut other = job();
    other.overrides.builder_id = Some("https://acme.example/builder".to_owned());
    assert_eq!(other.refused(), "platform-fact-invalid", "a token names its builder");
    let mut own = branch();
    own.overrides.builder_id = Some("https://acme.example/builder".to_owned());
    assert_eq!(own.statement()["predicate"]["runDetails"]["builder"]["id"], "https://acme.example/builder");
    own.overrides.builder_id = Some("https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main".to_owned());
    assert_eq!(own.refused(), "facts-reserved");
    own.overrides.builder_id = None;
    own.invocation_id = Some("another run");
    assert_eq!(own.refused(), "platform-fact-invalid");
}
