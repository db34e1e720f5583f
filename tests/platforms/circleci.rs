//! CircleCI.

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

const SSH: &str = "oidc.circleci.com/ssh-rerun";

/// A job of a branch.
pub(crate) fn job() -> Job {
    Job::new(
        Platform::Circleci,
        &[
            ("CI", "true"),
            ("CIRCLECI", "true"),
            ("CIRCLE_BRANCH", "main"),
            ("CIRCLE_JOB", "provenance"),
            ("CIRCLE_ORGANIZATION_ID", "c9035eb6-6eb2-4c85-8a81-d9ed6a1d1d1e"),
            ("CIRCLE_PIPELINE_ID", "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f"),
            ("CIRCLE_PROJECT_ID", "3a2f5b1c-7d4e-4f6a-9b8c-0d1e2f3a4b5c"),
            ("CIRCLE_REPOSITORY_URL", "git@github.com:acme/app.git"),
            ("CIRCLE_SHA1", COMMIT),
            ("CIRCLE_WORKFLOW_ID", "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d6e"),
            ("CIRCLE_WORKFLOW_JOB_ID", "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9"),
        ],
        Some(json!({
            "iss": "https://oidc.circleci.com/org/c9035eb6-6eb2-4c85-8a81-d9ed6a1d1d1e",
            "sub": "org/c9035eb6-6eb2-4c85-8a81-d9ed6a1d1d1e/project/3a2f5b1c-7d4e-4f6a-9b8c-0d1e2f3a4b5c/user/1",
            "aud": "sigstore",
            "oidc.circleci.com/context-ids": [],
            "oidc.circleci.com/job-id": "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9",
            "oidc.circleci.com/org-id": "c9035eb6-6eb2-4c85-8a81-d9ed6a1d1d1e",
            "oidc.circleci.com/pipeline-definition-id": "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
            "oidc.circleci.com/pipeline-id": "9f8e7d6c-5b4a-4c3d-8e2f-1a0b9c8d7e6f",
            "oidc.circleci.com/project-id": "3a2f5b1c-7d4e-4f6a-9b8c-0d1e2f3a4b5c",
            "oidc.circleci.com/ssh-rerun": false,
            "oidc.circleci.com/vcs-origin": "github.com/acme/app",
            "oidc.circleci.com/vcs-ref": "refs/heads/main",
            "oidc.circleci.com/workflow-id": "2b3c4d5e-6f7a-4b8c-9d0e-1f2a3b4c5d6e",
        })),
    )
}

#[test]
fn the_predicate_of_a_branch_with_a_token() {
    insta::assert_snapshot!(job().predicate());
    for (pointer, expected) in [
        ("/predicate/runDetails/builder/id", Backing::Certificate),
        ("/predicate/runDetails/metadata/invocationId", Backing::Certificate),
        ("/predicate/buildDefinition/externalParameters/source/uri", Backing::Certificate),
        ("/predicate/buildDefinition/externalParameters/source/ref", Backing::Certificate),
        // No claim names the commit.
        ("/predicate/buildDefinition/resolvedDependencies/0/digest/gitCommit", Backing::Job),
    ] {
        assert_eq!(backing(&job(), pointer), expected, "{pointer}");
    }
}

#[test]
fn the_predicate_of_a_tag_without_a_token() {
    let job = job().unset("CIRCLE_BRANCH").set("CIRCLE_TAG", "v1.4.2").without_token();
    insta::assert_snapshot!(job.predicate());
    backed_by_the_job_alone(&job);
}

#[test]
fn a_job_that_was_entered_by_ssh_is_refused() {
    for value in [json!(true), json!("true"), json!("True"), json!(1)] {
        assert_eq!(job().claim(SSH, value.clone()).refused(), "platform-fact-invalid", "{value}");
    }
    // A token that does not say may be of any job.
    assert_eq!(job().unclaim(SSH).refused(), "platform-fact-missing");
}

#[test]
fn lies_are_refused() {
    let job = job();
    let (repeated, needed) = lie_with_claims(&job);
    let variables = lie_with_variables(&job);
    let gone = without_variables(&job, &["CIRCLE_REPOSITORY_URL", "CIRCLE_SHA1"]);
    println!("circleci: {repeated} claims bent, {needed} gone; {variables} variables bent, {gone} gone");
    assert!(repeated >= 5 && needed >= 7 && variables >= 5 && gone >= 7, "{repeated} {needed} {variables} {gone}");
    let conflict = "platform-claim-conflict";
    for (name, value) in [
        ("CIRCLE_REPOSITORY_URL", "git@github.com:evil/app.git"),
        ("CIRCLE_BRANCH", "evil"),
        ("CIRCLE_TAG", "v1"),
        ("CIRCLE_ORGANIZATION_ID", "1"),
    ] {
        assert_eq!(job.set(name, value).refused(), conflict, "{name}");
    }
    for (name, value) in [
        ("oidc.circleci.com/vcs-origin", "github.com/evil/app"),
        ("oidc.circleci.com/vcs-ref", "refs/heads/evil"),
        ("oidc.circleci.com/org-id", "1"),
        ("iss", "https://oidc.circleci.com/org/1"),
        ("iss", "https://gitlab.com"),
    ] {
        assert_eq!(job.claim(name, json!(value)).refused(), conflict, "{name}");
    }
}

#[test]
fn pipelines_of_other_triggers_and_forks() {
    // A custom webhook names no repository; the environment may.
    let webhook = job().unclaim("oidc.circleci.com/vcs-origin").unclaim("oidc.circleci.com/vcs-ref");
    assert_eq!(backing(&webhook, "/predicate/buildDefinition/externalParameters/source/uri"), Backing::Job);
    let nothing = webhook.unset("CIRCLE_REPOSITORY_URL");
    assert_eq!(nothing.refused(), "platform-fact-missing");
    let fork = job().without_token().set("CIRCLE_BRANCH", "pull/7");
    let external = &fork.statement()["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(external["source"]["ref"], "refs/pull/7/head");
    // Some tokens write the scheme.
    let spelt = job().claim("oidc.circleci.com/vcs-origin", json!("https://github.com/acme/app"));
    assert_eq!(spelt.facts().unwrap().predicate(), job().facts().unwrap().predicate());
}

#[test]
fn options_repeat_and_the_checkout_agrees() {
    options_and_checkout(&job());
    options_and_checkout(&job().without_token());
}
