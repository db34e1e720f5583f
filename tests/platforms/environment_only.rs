//! Platforms of which nothing but the job's environment speaks: Jenkins, Azure DevOps, Google Cloud Build, Tekton.

use sealmark::generate::ci::Platform;

use crate::fixtures::COMMIT;
use crate::fixtures::Job;
use crate::fixtures::backed_by_the_job_alone;
use crate::fixtures::options_and_checkout;
use crate::fixtures::without_variables;

pub(crate) fn jenkins() -> Job {
    Job::new(
        Platform::Jenkins,
        &[
            ("BRANCH_NAME", "main"),
            ("BUILD_NUMBER", "42"),
            ("BUILD_URL", "https://ci.acme.example/job/acme/job/app/job/main/42/"),
            ("GIT_BRANCH", "origin/main"),
            ("GIT_COMMIT", COMMIT),
            ("GIT_URL", "https://jo:s3cr3t@git.acme.example/acme/app.git"),
            ("JENKINS_URL", "https://ci.acme.example/"),
            ("JOB_NAME", "acme/app/main"),
            ("NODE_NAME", "linux-7"),
        ],
        None,
    )
}

pub(crate) fn azure() -> Job {
    Job::new(
        Platform::AzureDevops,
        &[
            ("AGENT_ISSELFHOSTED", "0"),
            ("AGENT_NAME", "Azure Pipelines 3"),
            ("AGENT_VERSION", "4.261.0"),
            ("BUILD_BUILDID", "7312"),
            ("BUILD_BUILDNUMBER", "20261121.1"),
            ("BUILD_DEFINITIONNAME", "app release"),
            ("BUILD_REASON", "IndividualCI"),
            ("BUILD_REPOSITORY_ID", "6c1f3a02-9f0b-4c55-8b7e-3d0f1e2a4b5c"),
            ("BUILD_REPOSITORY_PROVIDER", "TfsGit"),
            ("BUILD_REPOSITORY_URI", "https://acme@dev.azure.com/acme/Web%20Apps/_git/app"),
            ("BUILD_SOURCEBRANCH", "refs/tags/v1.4.2"),
            ("BUILD_SOURCEVERSION", COMMIT),
            ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/acme/"),
            ("SYSTEM_DEFINITIONID", "17"),
            ("SYSTEM_JOBID", "12f1170f-54f2-53f3-20dd-22fc7dff55f9"),
            ("SYSTEM_JOBNAME", "provenance"),
            ("SYSTEM_STAGENAME", "release"),
            ("SYSTEM_TEAMPROJECT", "Web Apps"),
            ("SYSTEM_TEAMPROJECTID", "d1f3a02c-9f0b-4c55-8b7e-3d0f1e2a4b5c"),
            ("TF_BUILD", "True"),
        ],
        None,
    )
}

pub(crate) fn google() -> Job {
    Job::new(
        Platform::GoogleCloudBuild,
        &[
            ("BRANCH_NAME", "main"),
            ("BUILD_ID", "9f7a39d5-8cf9-4b0f-9f0e-2f3b6e5a1c11"),
            ("COMMIT_SHA", COMMIT),
            ("LOCATION", "europe-west1"),
            ("PROJECT_ID", "acme-build"),
            ("PROJECT_NUMBER", "123456789012"),
            ("REPO_URL", "https://github.com/acme/app"),
            ("SEALMARK_PLATFORM", "google-cloud-build"),
            ("SERVICE_ACCOUNT_EMAIL", "builder@acme-build.iam.gserviceaccount.com"),
            ("TAG_NAME", ""),
            ("TRIGGER_BUILD_CONFIG_PATH", "cloudbuild.yaml"),
            ("TRIGGER_NAME", "release"),
        ],
        None,
    )
}

pub(crate) fn tekton() -> Job {
    Job::new(
        Platform::Tekton,
        &[
            ("SEALMARK_PLATFORM", "tekton"),
            ("TEKTON_NAMESPACE", "builds"),
            ("TEKTON_PIPELINE", "release"),
            ("TEKTON_PIPELINE_RUN", "release-x7k2p"),
            ("TEKTON_PIPELINE_RUN_UID", "5e6f7a8b-9c0d-4e1f-a2b3-c4d5e6f7a8b9"),
            ("TEKTON_SOURCE_COMMIT", COMMIT),
            ("TEKTON_SOURCE_REF", "refs/heads/main"),
            ("TEKTON_SOURCE_URI", "https://github.com/acme/app.git"),
            ("TEKTON_TASK", "provenance"),
            ("TEKTON_TASK_RUN", "release-x7k2p-provenance"),
            ("TEKTON_TASK_RUN_UID", "1f2e3d4c-5b6a-4978-8695-a4b3c2d1e0f9"),
        ],
        None,
    )
}

#[test]
fn the_predicate_of_jenkins() {
    insta::assert_snapshot!(jenkins().predicate());
    assert!(!jenkins().predicate().contains("s3cr3t"));
}

#[test]
fn the_predicate_of_azure_devops() {
    insta::assert_snapshot!(azure().predicate());
}

#[test]
fn the_predicate_of_google_cloud_build() {
    insta::assert_snapshot!(google().predicate());
}

#[test]
fn the_predicate_of_tekton() {
    insta::assert_snapshot!(tekton().predicate());
}

#[test]
fn only_the_job_backs_them_and_what_is_gone_is_refused() {
    let mut gone = 0;
    for (job, source) in [
        (jenkins(), ["GIT_URL", "GIT_COMMIT"]),
        (azure(), ["BUILD_REPOSITORY_URI", "BUILD_SOURCEVERSION"]),
        (google(), ["REPO_URL", "COMMIT_SHA"]),
        (tekton(), ["TEKTON_SOURCE_URI", "TEKTON_SOURCE_COMMIT"]),
    ] {
        backed_by_the_job_alone(&job);
        options_and_checkout(&job);
        gone += without_variables(&job, &source);
        let commit = source[1];
        for bad in ["HEAD", "3f2c9e1", &COMMIT.to_uppercase()] {
            assert_eq!(job.set(commit, bad).refused(), "git-object-invalid", "{commit} {bad}");
        }
        assert_eq!(job.set(source[0], "/srv/app").refused(), "source-uri-invalid", "{}", source[0]);
        assert_eq!(ids(&job), job.platform.name());
    }
    println!("environments without a token: {gone} needed variables gone");
    assert!(gone >= 24, "{gone}");
}

/// The platform that build type and builder id name.
fn ids(job: &Job) -> String {
    let predicate = &job.statement()["predicate"];
    let name = |value: &serde_json::Value, before: &str| {
        let text = value.as_str().unwrap();
        text.strip_prefix(before).and_then(|rest| rest.strip_suffix("/v1")).unwrap().to_owned()
    };
    let build_type = name(&predicate["buildDefinition"]["buildType"], "https://sealmark.dev/buildtypes/");
    assert_eq!(build_type, name(&predicate["runDetails"]["builder"]["id"], "https://sealmark.dev/builders/"));
    build_type
}

fn source_ref(job: &Job) -> Option<String> {
    let statement = job.statement();
    let found = &statement["predicate"]["buildDefinition"]["externalParameters"]["source"]["ref"];
    found.as_str().map(str::to_owned)
}

#[test]
fn refs_of_jenkins() {
    let bare = jenkins().unset("BRANCH_NAME").unset("GIT_BRANCH");
    assert_eq!(source_ref(&bare), None);
    for (name, value, expected) in [
        ("BRANCH_NAME", "feature/x", Some("refs/heads/feature/x")),
        ("GIT_BRANCH", "origin/feature/x", Some("refs/heads/feature/x")),
        ("GIT_BRANCH", "refs/tags/v1", Some("refs/tags/v1")),
        ("GIT_BRANCH", "detached", None),
        ("TAG_NAME", "v1", Some("refs/tags/v1")),
        ("CHANGE_ID", "12", None),
    ] {
        assert_eq!(source_ref(&bare.set(name, value)).as_deref(), expected, "{name}={value}");
    }
    // A change request has a ref that only its forge knows.
    assert_eq!(source_ref(&jenkins().set("CHANGE_ID", "12").set("BRANCH_NAME", "PR-12")), None);
    assert_eq!(jenkins().set("GIT_BRANCH", "origin/evil").refused(), "platform-fact-invalid");
    for url in
        ["https://evil.example/job/1/", "https://ci.acme.example.evil/1", "/job/1", "https://jo@ci.acme.example/1"]
    {
        assert_eq!(jenkins().set("BUILD_URL", url).refused(), "platform-fact-invalid", "{url}");
    }
}

#[test]
fn refs_of_the_others() {
    assert_eq!(azure().set("BUILD_SOURCEBRANCH", "main").refused(), "source-ref-invalid");
    assert_eq!(
        source_ref(&azure().set("BUILD_SOURCEBRANCH", "refs/pull/3/merge")).as_deref(),
        Some("refs/pull/3/merge")
    );
    assert_eq!(azure().set("SYSTEM_COLLECTIONURI", "dev.azure.com/acme").refused(), "platform-fact-invalid");
    assert_eq!(source_ref(&google().unset("BRANCH_NAME").set("TAG_NAME", "v1")).as_deref(), Some("refs/tags/v1"));
    assert_eq!(google().set("TAG_NAME", "v1").refused(), "platform-fact-invalid");
    assert_eq!(source_ref(&tekton().unset("TEKTON_SOURCE_REF")), None);
    assert_eq!(tekton().set("TEKTON_SOURCE_REF", "main").refused(), "source-ref-invalid");
    assert_eq!(tekton().set("TEKTON_SOURCE_REF", "$(params.revision)").refused(), "platform-fact-invalid");
}
