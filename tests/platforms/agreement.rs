//! Predicate and certificate, compared: every field of which both speak, on every platform.

use std::collections::BTreeSet;

use sealmark::formats::certificate::SigningCertificate;
use sealmark::generate::GenerateError;
use sealmark::generate::agreement;
use serde_json::Value;
use serde_json::json;

use crate::github;
use crate::github::COMMIT;
use crate::github::OTHER_COMMIT;
use crate::github::domain;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;

const V1: &str = "https://slsa.dev/provenance/v1";
const V02: &str = "https://slsa.dev/provenance/v0.2";

/// Every row of the table. A row that is left out is missing here.
const FIELDS: &[&str] = &[
    "builder.id",
    "builder.id (build signer)",
    "deployment environment",
    "owner id",
    "pipeline configuration",
    "repository id",
    "run",
    "run attempt",
    "run number",
    "runner environment",
    "signing workflow's commit",
    "source commit",
    "source ref",
    "source repository",
    "trigger",
    "visibility",
    "workflow commit",
    "workflow.path",
    "workflow.ref",
    "workflow.repository",
];

fn certificate(spec: &Spec) -> SigningCertificate {
    SigningCertificate::parse(&domain().mint_parts(spec).chain[0]).unwrap()
}

/// The fields that differ, or none.
fn fields(predicate_type: &str, predicate: &Value, certificate: &SigningCertificate) -> Vec<&'static str> {
    match agreement::check(predicate_type, predicate, certificate) {
        Ok(()) => Vec::new(),
        Err(error) => {
            assert_eq!(error.code(), "certificate-disagrees");
            let GenerateError::CertificateDisagrees { disagreements } = error else { panic!("{error}") };
            disagreements.iter().map(|one| one.field).collect()
        }
    }
}

fn set(value: &Value, pointer: &str, new: Value) -> Value {
    let mut value = value.clone();
    *value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = new;
    value
}

fn without(value: &Value, pointer: &str) -> Value {
    let mut value = value.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match value.pointer_mut(parent).unwrap() {
        Value::Object(object) => drop(object.remove(name).unwrap()),
        Value::Array(list) => drop(list.remove(name.parse().unwrap())),
        other => panic!("{other}"),
    }
    value
}

/// GitLab, Buildkite and CircleCI: a predicate as sealmark writes it there, and the certificate of the same job.
fn gitlab() -> (Value, Spec) {
    let config = "gitlab.com/acme/tools/app//.gitlab-ci.yml@refs/heads/main";
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://sealmark.dev/buildtypes/gitlab/v1",
            "externalParameters": {
                "source": {"uri": "git+https://gitlab.com/acme/tools/app", "ref": "refs/heads/main"},
                "pipeline": {"config": config, "config_path": ".gitlab-ci.yml", "job": "build"},
            },
            "internalParameters": {"gitlab": {
                "config_sha": OTHER_COMMIT, "job_id": "77", "namespace_id": "12", "pipeline_source": "push",
                "project_id": "34", "project_visibility": "public", "runner_environment": "gitlab-hosted",
            }},
            "resolvedDependencies": [
                {"name": "configuration", "uri": "git+https://gitlab.com/acme/ci@refs/heads/main", "digest": {"gitCommit": OTHER_COMMIT}},
                {"name": "source", "uri": "git+https://gitlab.com/acme/tools/app@refs/heads/main", "digest": {"gitCommit": COMMIT}},
            ],
        },
        "runDetails": {
            "builder": {"id": format!("https://{config}")},
            "metadata": {"invocationId": "https://gitlab.com/acme/tools/app/-/jobs/77"},
        },
    });
    let some = |text: &str| Some(text.to_owned());
    let claims = Claims {
        legacy_issuer: some("https://gitlab.com"),
        issuer: some("https://gitlab.com"),
        build_signer_uri: Some(format!("https://{config}")),
        build_signer_digest: some(OTHER_COMMIT),
        runner_environment: some("gitlab-hosted"),
        source_repository_uri: some("https://gitlab.com/acme/tools/app"),
        source_repository_digest: some(COMMIT),
        source_repository_ref: some("refs/heads/main"),
        source_repository_identifier: some("34"),
        source_repository_owner_uri: some("https://gitlab.com/acme/tools"),
        source_repository_owner_identifier: some("12"),
        build_config_uri: Some(format!("https://{config}")),
        build_config_digest: some(OTHER_COMMIT),
        build_trigger: some("push"),
        run_invocation_uri: some("https://gitlab.com/acme/tools/app/-/jobs/77"),
        visibility: some("public"),
        ..Claims::default()
    };
    (predicate, signed(San::Uri(format!("https://{config}")), claims))
}

fn buildkite() -> (Value, Spec) {
    let run = "https://buildkite.com/acme/app/builds/5#0190";
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://sealmark.dev/buildtypes/buildkite/v1",
            "externalParameters": {
                "source": {"uri": "git+https://git.acme.example/app", "ref": "refs/heads/main"},
                "pipeline": {"organization": "acme", "slug": "app"},
            },
            "internalParameters": {"buildkite": {"build_source": "webhook", "runner_environment": "self-hosted"}},
            "resolvedDependencies": [{
                "name": "source", "uri": "git+https://git.acme.example/app@refs/heads/main", "digest": {"gitCommit": COMMIT},
            }],
        },
        "runDetails": {"builder": {"id": "https://buildkite.com/acme/app"}, "metadata": {"invocationId": run}},
    });
    let some = |text: &str| Some(text.to_owned());
    let claims = Claims {
        issuer: some("https://agent.buildkite.com"),
        runner_environment: some("self-hosted"),
        source_repository_digest: some(COMMIT),
        build_trigger: some("webhook"),
        run_invocation_uri: some(run),
        ..Claims::default()
    };
    (predicate, signed(San::Uri("https://buildkite.com/acme/app".to_owned()), claims))
}

fn circleci() -> (Value, Spec) {
    let signer = "https://circleci.com/api/v2/projects/12/pipeline-definitions/34";
    let run = "https://app.circleci.com//workflow/56/job/78";
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://sealmark.dev/buildtypes/circleci/v1",
            "externalParameters": {"source": {"uri": "git+https://github.com/acme/app", "ref": "refs/heads/main"}},
            "internalParameters": {"circleci": {"job_id": "78"}},
            "resolvedDependencies": [{
                "name": "source", "uri": "git+https://github.com/acme/app@refs/heads/main", "digest": {"gitCommit": COMMIT},
            }],
        },
        "runDetails": {"builder": {"id": signer}, "metadata": {"invocationId": run}},
    });
    let some = |text: &str| Some(text.to_owned());
    let claims = Claims {
        issuer: some("https://oidc.circleci.com/org/90"),
        build_signer_uri: some(signer),
        // What its template gives where there was no SSH.
        runner_environment: some("\"\""),
        source_repository_uri: some("https://github.com/acme/app"),
        source_repository_ref: some("refs/heads/main"),
        run_invocation_uri: some(run),
        ..Claims::default()
    };
    (predicate, signed(San::Uri(signer.to_owned()), claims))
}

fn signed(san: San, claims: Claims) -> Spec {
    Spec { san: vec![san], claims, ..github::push().spec() }
}

#[test]
fn what_agrees_passes() {
    let mut ran = 0;
    for job in [github::push(), github::reusable(), github::required_workflow()] {
        let certificate = certificate(&job.spec());
        assert_eq!(fields(V1, &job.predicate(), &certificate), [""; 0]);
        assert_eq!(fields(V02, &job.predicate_v02(), &certificate), [""; 0]);
        let job = job.complete();
        assert_eq!(fields(V1, &job.predicate(), &certificate), [""; 0]);
        assert_eq!(fields(V02, &job.predicate_v02(), &certificate), [""; 0]);
        ran += 4;
    }
    for (predicate, spec) in [gitlab(), buildkite(), circleci()] {
        assert_eq!(fields(V1, &predicate, &certificate(&spec)), [""; 0]);
        ran += 1;
    }
    println!("{ran} pairs agree");
}

/// Predicate type, predicate, certificate, where it is changed, to what, and the fields that must be named.
type Change<'a> = (&'a str, &'a Value, &'a Spec, String, Value, &'a [&'a str]);

/// Every field of a predicate that the certificate repeats, with the rows that must name it.
#[test]
fn every_field_that_is_changed_is_named() {
    let (definition, external) = ("/buildDefinition", "/buildDefinition/externalParameters");
    let internal = "/buildDefinition/internalParameters";
    let source = "/buildDefinition/resolvedDependencies/0";
    let builder = ["builder.id", "builder.id (build signer)"].as_slice();
    let run = "https://github.com/acme/app/actions/runs/1/attempts/1";
    let mut complete = github::reusable().complete();
    complete.set("environment", "production");
    let spec = complete.spec();
    let (v1, v02) = (complete.predicate(), complete.predicate_v02());
    let (gitlab, gitlab_spec) = gitlab();
    let (buildkite, buildkite_spec) = buildkite();
    let (circleci, circleci_spec) = circleci();
    let rows: Vec<Change<'_>> = vec![
        (
            V1,
            &v1,
            &spec,
            "/runDetails/builder/id".into(),
            json!("https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2"),
            builder,
        ),
        (V1, &v1, &spec, "/runDetails/metadata/invocationId".into(), json!(run), &["run"]),
        (
            V1,
            &v1,
            &spec,
            format!("{external}/workflow/repository"),
            json!("https://github.com/acme/other"),
            &["workflow.repository"],
        ),
        (V1, &v1, &spec, format!("{external}/workflow/path"), json!(".github/workflows/x.yml"), &["workflow.path"]),
        (V1, &v1, &spec, format!("{external}/workflow/ref"), json!("refs/heads/main"), &["workflow.ref"]),
        (V1, &v1, &spec, format!("{internal}/github/environment"), json!("staging"), &["deployment environment"]),
        (V1, &v1, &spec, format!("{internal}/github/event_name"), json!("release"), &["trigger"]),
        (V1, &v1, &spec, format!("{internal}/github/job_workflow_sha"), json!(COMMIT), &["signing workflow's commit"]),
        (V1, &v1, &spec, format!("{internal}/github/repository_id"), json!("1"), &["repository id"]),
        (V1, &v1, &spec, format!("{internal}/github/repository_id"), json!(1), &["repository id"]),
        (V1, &v1, &spec, format!("{internal}/github/repository_owner_id"), json!("1"), &["owner id"]),
        (V1, &v1, &spec, format!("{internal}/github/repository_visibility"), json!("private"), &["visibility"]),
        (V1, &v1, &spec, format!("{internal}/github/run_attempt"), json!("2"), &["run attempt"]),
        (V1, &v1, &spec, format!("{internal}/github/run_id"), json!("1"), &["run number"]),
        (
            V1,
            &v1,
            &spec,
            format!("{internal}/github/runner_environment"),
            json!("self-hosted"),
            &["runner environment"],
        ),
        (V1, &v1, &spec, format!("{internal}/github/workflow_sha"), json!(OTHER_COMMIT), &["workflow commit"]),
        (V1, &v1, &spec, format!("{source}/digest/gitCommit"), json!(OTHER_COMMIT), &["source commit"]),
        (
            V1,
            &v1,
            &spec,
            format!("{source}/uri"),
            json!("git+https://github.com/acme/other@refs/tags/v1.4.2"),
            &["source repository"],
        ),
        (
            V1,
            &v1,
            &spec,
            format!("{source}/uri"),
            json!("git+https://github.com/acme/app@refs/heads/main"),
            &["source ref"],
        ),
        (
            V1,
            &v1,
            &spec,
            format!("{definition}/resolvedDependencies/1/digest/gitCommit"),
            json!(COMMIT),
            &["signing workflow's commit"],
        ),
        (V02, &v02, &spec, "/builder/id".into(), json!("https://acme.example/builder"), builder),
        (
            V02,
            &v02,
            &spec,
            "/invocation/configSource/uri".into(),
            json!("git+https://github.com/acme/other@refs/tags/v1.4.2"),
            &["workflow.repository"],
        ),
        (
            V02,
            &v02,
            &spec,
            "/invocation/configSource/uri".into(),
            json!("git+https://github.com/acme/app@refs/tags/v2"),
            &["workflow.ref"],
        ),
        (V02, &v02, &spec, "/invocation/configSource/digest/sha1".into(), json!(OTHER_COMMIT), &["workflow commit"]),
        (
            V02,
            &v02,
            &spec,
            "/invocation/configSource/entryPoint".into(),
            json!(".github/workflows/x.yml"),
            &["workflow.path"],
        ),
        (V02, &v02, &spec, "/invocation/environment/github_ref".into(), json!("refs/tags/v2"), &["source ref"]),
        (V02, &v02, &spec, "/invocation/environment/github_sha1".into(), json!(OTHER_COMMIT), &["source commit"]),
        (V02, &v02, &spec, "/invocation/environment/github_run_id".into(), json!("1"), &["run number"]),
        (V02, &v02, &spec, "/invocation/environment/github_run_attempt".into(), json!("2"), &["run attempt"]),
        (V02, &v02, &spec, "/invocation/environment/github_event_name".into(), json!("release"), &["trigger"]),
        (V02, &v02, &spec, "/invocation/environment/github_repository_id".into(), json!("1"), &["repository id"]),
        (V02, &v02, &spec, "/invocation/environment/github_repository_owner_id".into(), json!("1"), &["owner id"]),
        (
            V02,
            &v02,
            &spec,
            "/invocation/environment/github_runner_environment".into(),
            json!("self-hosted"),
            &["runner environment"],
        ),
        (
            V02,
            &v02,
            &spec,
            "/materials/0/uri".into(),
            json!("git+https://github.com/acme/other@refs/tags/v1.4.2"),
            &["source repository"],
        ),
        (V02, &v02, &spec, "/materials/0/digest/sha1".into(), json!(OTHER_COMMIT), &["source commit"]),
        (V02, &v02, &spec, "/metadata/buildInvocationId".into(), json!("1-2"), &["run number", "run attempt"]),
        (V02, &v02, &spec, "/metadata/buildInvocationId".into(), json!(run), &["run"]),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            "/runDetails/builder/id".into(),
            json!("https://gitlab.com/acme/x//.gitlab-ci.yml@refs/heads/main"),
            builder,
        ),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            format!("{external}/pipeline/config"),
            json!("gitlab.com/x//y@refs/heads/main"),
            &["pipeline configuration"],
        ),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            format!("{external}/source/uri"),
            json!("git+https://gitlab.com/acme/x"),
            &["source repository"],
        ),
        (V1, &gitlab, &gitlab_spec, format!("{external}/source/ref"), json!("refs/heads/x"), &["source ref"]),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            format!("{definition}/resolvedDependencies/1/digest/gitCommit"),
            json!(OTHER_COMMIT),
            &["source commit"],
        ),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            format!("{definition}/resolvedDependencies/0/digest/gitCommit"),
            json!(COMMIT),
            &["workflow commit"],
        ),
        (V1, &gitlab, &gitlab_spec, format!("{internal}/gitlab/config_sha"), json!(COMMIT), &["workflow commit"]),
        (V1, &gitlab, &gitlab_spec, format!("{internal}/gitlab/namespace_id"), json!("1"), &["owner id"]),
        (V1, &gitlab, &gitlab_spec, format!("{internal}/gitlab/project_id"), json!("1"), &["repository id"]),
        (V1, &gitlab, &gitlab_spec, format!("{internal}/gitlab/pipeline_source"), json!("web"), &["trigger"]),
        (V1, &gitlab, &gitlab_spec, format!("{internal}/gitlab/project_visibility"), json!("private"), &["visibility"]),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            format!("{internal}/gitlab/runner_environment"),
            json!("self-hosted"),
            &["runner environment"],
        ),
        (
            V1,
            &gitlab,
            &gitlab_spec,
            "/runDetails/metadata/invocationId".into(),
            json!("https://gitlab.com/acme/tools/app/-/jobs/1"),
            &["run"],
        ),
        (
            V1,
            &buildkite,
            &buildkite_spec,
            "/runDetails/builder/id".into(),
            json!("https://buildkite.com/acme/x"),
            builder,
        ),
        (
            V1,
            &buildkite,
            &buildkite_spec,
            format!("{source}/digest/gitCommit"),
            json!(OTHER_COMMIT),
            &["source commit"],
        ),
        (V1, &buildkite, &buildkite_spec, format!("{internal}/buildkite/build_source"), json!("ui"), &["trigger"]),
        (
            V1,
            &buildkite,
            &buildkite_spec,
            format!("{internal}/buildkite/runner_environment"),
            json!("hosted"),
            &["runner environment"],
        ),
        (
            V1,
            &buildkite,
            &buildkite_spec,
            "/runDetails/metadata/invocationId".into(),
            json!("https://buildkite.com/acme/app/builds/6#1"),
            &["run"],
        ),
        (
            V1,
            &circleci,
            &circleci_spec,
            "/runDetails/builder/id".into(),
            json!("https://circleci.com/api/v2/projects/1/pipeline-definitions/1"),
            builder,
        ),
        (
            V1,
            &circleci,
            &circleci_spec,
            format!("{external}/source/uri"),
            json!("git+https://github.com/acme/x"),
            &["source repository"],
        ),
        (
            V1,
            &circleci,
            &circleci_spec,
            format!("{source}/uri"),
            json!("git+https://github.com/acme/app@refs/heads/x"),
            &["source ref"],
        ),
        (
            V1,
            &circleci,
            &circleci_spec,
            "/runDetails/metadata/invocationId".into(),
            json!("https://app.circleci.com/workflow/1/job/1"),
            &["run"],
        ),
    ];
    let mut named = BTreeSet::new();
    for (predicate_type, predicate, spec, pointer, value, expected) in &rows {
        let found = fields(predicate_type, &set(predicate, pointer, value.clone()), &certificate(spec));
        assert_eq!(&found, expected, "{pointer} = {value}");
        named.extend(found);
    }
    println!("{} changes named", rows.len());
    assert_eq!(named.into_iter().collect::<Vec<_>>(), FIELDS);
}

#[test]
fn every_claim_that_is_changed_or_left_out_is_named() {
    type Field = (&'static str, fn(&mut Claims) -> &mut Option<String>, &'static [&'static str]);
    let rows: &[Field] = &[
        (".9", |claims| &mut claims.build_signer_uri, &["builder.id (build signer)"]),
        (".10", |claims| &mut claims.build_signer_digest, &["signing workflow's commit"]),
        (".11", |claims| &mut claims.runner_environment, &["runner environment"]),
        (".12", |claims| &mut claims.source_repository_uri, &["source repository"]),
        (".13", |claims| &mut claims.source_repository_digest, &["source commit"]),
        (".14", |claims| &mut claims.source_repository_ref, &["source ref"]),
        (".15", |claims| &mut claims.source_repository_identifier, &["repository id"]),
        (".17", |claims| &mut claims.source_repository_owner_identifier, &["owner id"]),
        (".18", |claims| &mut claims.build_config_uri, &["workflow.path", "workflow.ref", "workflow.repository"]),
        (".19", |claims| &mut claims.build_config_digest, &["workflow commit"]),
        (".20", |claims| &mut claims.build_trigger, &["trigger"]),
        (".21", |claims| &mut claims.run_invocation_uri, &["run", "run attempt", "run number"]),
        (".22", |claims| &mut claims.visibility, &["visibility"]),
    ];
    let job = github::reusable().complete();
    let (good, predicate) = (job.spec(), job.predicate());
    let found = |spec: &Spec| fields(V1, &predicate, &certificate(spec)).into_iter().collect::<BTreeSet<_>>();
    let mut ran = 0;
    for (number, field, expected) in rows {
        let mut changed = good.clone();
        *field(&mut changed.claims) = Some("https://x.example/a/b/c.yml@refs/heads/x".to_owned());
        assert_eq!(found(&changed).into_iter().collect::<Vec<_>>(), *expected, "{number} changed");
        // Silence of a GitHub certificate is a mismatch too; older extensions and the name say some of it.
        let mut silent = good.clone();
        *field(&mut silent.claims) = None;
        let told = [".9", ".12", ".13", ".14", ".20"].contains(number);
        let expected: &[&str] = if told { &[] } else { expected };
        assert_eq!(found(&silent).into_iter().collect::<Vec<_>>(), expected, "{number} left out");
        for old in [
            &mut silent.claims.legacy_commit,
            &mut silent.claims.legacy_reference,
            &mut silent.claims.legacy_repository,
            &mut silent.claims.legacy_trigger,
        ] {
            *old = None;
        }
        assert_eq!(found(&silent).is_empty(), *number == ".9", "{number} left out with the older one");
        ran += 3;
    }
    // Older authorities do not write the deployment environment.
    let mut job = job;
    job.set("environment", "production");
    let mut silent = job.spec();
    assert_eq!(fields(V1, &job.predicate(), &certificate(&silent)), [""; 0]);
    silent.claims.deployment_environment = None;
    assert_eq!(fields(V1, &job.predicate(), &certificate(&silent)), [""; 0]);
    let mut renamed = good.clone();
    renamed.san = vec![San::Uri("https://github.com/acme/build/.github/workflows/x.yml@refs/tags/v3".to_owned())];
    assert_eq!(found(&renamed).into_iter().collect::<Vec<_>>(), ["builder.id"]);
    println!("{ran} certificates");
}

#[test]
fn all_differences_are_listed_at_once() {
    let job = github::push();
    let mut other = job.clone();
    other.set("run_id", "1").set("sha", OTHER_COMMIT).set("repository_id", "1");
    let error = agreement::check(V1, &job.predicate(), &certificate(&other.spec())).unwrap_err();
    let text = error.to_string();
    for part in
        ["repository id", "623456789", "\"1\"", "source commit", COMMIT, OTHER_COMMIT, "run:", "actions/runs/1/"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}

#[test]
fn what_a_workflow_build_must_say_cannot_be_left_out() {
    let mut ran = 0;
    for job in [github::reusable(), github::reusable().complete()] {
        let certificate = certificate(&job.spec());
        let predicate = job.predicate();
        for (pointer, expected) in [
            (
                "/buildDefinition/externalParameters/workflow",
                ["workflow.repository", "workflow.path", "workflow.ref"].as_slice(),
            ),
            ("/buildDefinition/externalParameters/workflow/path", &["workflow.path"]),
            ("/buildDefinition/externalParameters/workflow/ref", &["workflow.ref"]),
            ("/buildDefinition/externalParameters/workflow/repository", &["workflow.repository"]),
            ("/buildDefinition/resolvedDependencies", &["source repository", "source commit", "source ref"]),
            ("/buildDefinition/resolvedDependencies/0/digest", &["source commit"]),
            ("/buildDefinition/resolvedDependencies/0/uri", &["source repository", "source ref"]),
            ("/runDetails/metadata", &["run"]),
        ] {
            assert_eq!(fields(V1, &without(&predicate, pointer), &certificate), expected, "{pointer}");
            ran += 1;
        }
        let nobody = without(&predicate, "/runDetails/builder/id");
        assert_eq!(agreement::check(V1, &nobody, &certificate).unwrap_err().code(), "predicate-field-missing");
    }
    println!("{ran} left out");
}

#[test]
fn a_person_is_no_platform() {
    let people = [
        signed(San::Email("dev@acme.example".to_owned()), Claims::person("https://accounts.google.com")),
        signed(San::OtherName("dev!acme.example".to_owned()), Claims::person("https://acme.example")),
        signed(
            San::Uri("https://kubernetes.io/namespaces/ci/serviceaccounts/build".to_owned()),
            Claims::person("https://oidc.eks.acme.example/id/1"),
        ),
        signed(San::Uri("spiffe://acme.example/build".to_owned()), Claims::person("https://spiffe.acme.example")),
    ];
    let predicate = github::push().predicate();
    let (mut refused, mut accepted) = (0, 0);
    for spec in &people {
        let certificate = certificate(spec);
        for id in [
            "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
            "https://github.acme.example/acme/app/.github/workflows/release.yml@refs/heads/main",
            "https://github.com/actions/runner/github-hosted",
            "https://github.com/slsa-framework/slsa-github-generator/x",
            "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main",
            "https://git.acme.example/acme/app//.gitlab-ci.yml@refs/heads/main",
            "https://git.acme.example/acme/app/-/runners/1",
            "https://buildkite.com/acme/app",
            "https://circleci.com/api/v2/projects/1/pipeline-definitions/2",
            "https://cloudbuild.googleapis.com/GoogleHostedWorker",
            "https://tekton.dev/chains/v2",
        ] {
            let predicate = set(&predicate, "/runDetails/builder/id", json!(id));
            assert_eq!(fields(V1, &predicate, &certificate), ["builder.id"], "{id}");
            refused += 1;
        }
        for id in ["https://sealmark.dev/builders/local/v1", "https://acme.example/builders/1"] {
            let predicate = set(&predicate, "/runDetails/builder/id", json!(id));
            assert_eq!(fields(V1, &predicate, &certificate), [""; 0], "{id}");
            accepted += 1;
        }
    }
    println!("{refused} refused, {accepted} accepted");
}

#[test]
fn what_is_no_provenance_passes_and_unknown_provenance_does_not() {
    let certificate = certificate(&github::push().spec());
    for other in ["https://spdx.dev/Document", "https://cyclonedx.org/bom", "https://slsa.dev/verification_summary/v1"]
    {
        agreement::check(other, &json!({"builder": {"id": "x"}}), &certificate).unwrap();
    }
    for unknown in
        ["https://slsa.dev/provenance/v1.0", "https://slsa.dev/provenance/v2", "https://slsa.dev/provenance/"]
    {
        let found = agreement::check(unknown, &github::push().predicate(), &certificate).unwrap_err();
        assert_eq!(found.code(), "platform-fact-invalid", "{unknown}");
    }
    let old = json!({"builder": {"id": "https://acme.example"}, "recipe": {"type": "https://acme.example/recipe"}});
    let builder = ["builder.id", "builder.id (build signer)"];
    assert_eq!(fields("https://slsa.dev/provenance/v0.1", &old, &certificate), builder);
}

#[test]
fn of_another_gitlab_the_public_template_names_the_wrong_host() {
    // The authority's template begins every project with https://gitlab.com; the issuer says which GitLab it was.
    let (predicate, spec) = gitlab();
    let moved: Value =
        serde_json::from_str(&predicate.to_string().replace("gitlab.com", "gitlab.archlinux.org")).unwrap();
    let host = |text: &Option<String>| text.as_ref().map(|text| text.replace("gitlab.com", "gitlab.archlinux.org"));
    let claims = Claims {
        legacy_issuer: host(&spec.claims.legacy_issuer),
        issuer: host(&spec.claims.issuer),
        build_signer_uri: host(&spec.claims.build_signer_uri),
        build_config_uri: host(&spec.claims.build_config_uri),
        ..spec.claims.clone()
    };
    let san = San::Uri(claims.build_signer_uri.clone().unwrap());
    assert_eq!(fields(V1, &moved, &certificate(&signed(san, claims))), [""; 0]);
}
