//! The document of facts.

use sealmark::generate::ci::Platform;
use serde_json::Value;
use serde_json::json;

use crate::fixtures::COMMIT;
use crate::fixtures::Job;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::checkout;

fn document() -> Value {
    json!({
        "buildType": "https://acme.example/buildtypes/make/v1",
        "builderId": "https://acme.example/builders/farm/v1",
        "builderVersion": {"farm": "7.2"},
        "externalParameters": {"target": "release", "options": {"lto": true, "features": ["a", "b"], "none": {}}},
        "internalParameters": {"host": {"pool": "linux"}},
        "source": {"uri": "git@git.acme.example:acme/app.git", "ref": "refs/tags/v1.4.2", "commit": COMMIT},
        "dependencies": [
            {"name": "toolchain", "uri": "https://acme.example/toolchain-1.tar.gz", "digest": {"sha256": "cd".repeat(32)},
             "mediaType": "application/gzip", "annotations": {"arch": "x86_64"}},
            {"uri": "pkg:docker/builder"},
        ],
        "invocationId": "https://acme.example/runs/17",
        "startedOn": "2026-11-21T10:00:00Z",
        "finishedOn": "2026-11-21T10:05:00.5Z",
    })
}

fn job(document: Value) -> Job {
    let mut job = Job::new(Platform::Generic, &[], None);
    job.document = Some(document);
    job
}

/// With one value replaced or added, or removed when there is none.
fn with(pointer: &str, value: Option<Value>) -> Value {
    let mut document = document();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (value, parent) {
        (Some(value), Value::Array(list)) => list[name.parse::<usize>().unwrap()] = value,
        (Some(value), parent) => parent[name] = value,
        (None, parent) => {
            parent.as_object_mut().unwrap().remove(name).unwrap();
        }
    }
    document
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../schemas/facts-v1.schema.json");
    jsonschema::draft202012::new(&serde_json::from_str(text).unwrap()).unwrap()
}

#[test]
fn the_predicate_of_a_document() {
    insta::assert_snapshot!(job(document()).predicate());
    assert!(schema().is_valid(&document()));
}

#[test]
fn the_document_on_the_page_is_taken() {
    let page = include_str!("../../docs/platforms.md");
    let (_, rest) = page.split_once("```json\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let found: Value = serde_json::from_str(text).unwrap();
    assert!(schema().is_valid(&found));
    job(found).statement();
}

#[test]
fn the_schema_and_the_reader_agree() {
    let schema = schema();
    let long = "x".repeat(5000);
    let cases: Vec<(&str, Option<Value>, &str)> = vec![
        ("/buildType", None, "facts-invalid"),
        ("/buildType", Some(json!("")), "facts-invalid"),
        ("/buildType", Some(json!("make")), "facts-invalid"),
        ("/buildType", Some(json!("https://Acme.example/x")), "facts-invalid"),
        ("/builderId", None, "facts-invalid"),
        ("/builderId", Some(json!("farm")), "builder-id-invalid"),
        ("/builderId", Some(Value::Null), "facts-invalid"),
        ("/builderVersion", Some(json!({"sealmark": "9"})), "facts-invalid"),
        ("/builderVersion", Some(json!({"farm": ""})), "facts-invalid"),
        ("/builderVersion", Some(json!({"farm": 7})), "facts-invalid"),
        ("/externalParameters", Some(json!(["a"])), "facts-invalid"),
        ("/externalParameters/source", Some(json!({"uri": "x"})), "facts-invalid"),
        ("/externalParameters/parameters", Some(json!({})), "facts-invalid"),
        ("/source/ref", Some(json!("v1.4.2")), "source-ref-invalid"),
        ("/source/commit", Some(json!("HEAD")), "git-object-invalid"),
        ("/source/branch", Some(json!("main")), "facts-invalid"),
        ("/source/uri", Some(Value::Null), "facts-invalid"),
        ("/dependencies", Some(json!({})), "facts-invalid"),
        ("/dependencies/0/name", Some(json!("source")), "facts-invalid"),
        ("/dependencies/0/uri", Some(json!("toolchain-1.tar.gz")), "facts-invalid"),
        ("/dependencies/0/digest", Some(json!({"sha256": "CD".repeat(32)})), "facts-invalid"),
        ("/dependencies/0/digest", Some(json!({"sha256": "cd"})), "facts-invalid"),
        ("/dependencies/0/digest", Some(json!({"crc32": "cdcdcdcd"})), "facts-invalid"),
        ("/dependencies/0/mediaType", Some(json!(long)), "facts-invalid"),
        ("/dependencies/0/secret", Some(json!("x")), "facts-invalid"),
        ("/dependencies/1", Some(json!({"name": "x"})), "facts-invalid"),
        ("/dependencies/1", Some(json!({"uri": null})), "facts-invalid"),
        ("/invocationId", Some(json!("")), "invocation-id-invalid"),
        ("/startedOn", Some(json!("2026-11-21 10:00:00Z")), "facts-invalid"),
        ("/startedOn", Some(json!("2026-11-21T10:00:00+01:00")), "facts-invalid"),
        ("/startedOn", Some(json!(1_795_255_200)), "facts-invalid"),
        ("/finishedOn", Some(json!("yesterday")), "facts-invalid"),
        ("/level", Some(json!(3)), "facts-invalid"),
    ];
    for (pointer, value, code) in &cases {
        let document = with(pointer, value.clone());
        assert_eq!(job(document.clone()).refused(), *code, "{pointer} {value:?}");
        assert!(!schema.is_valid(&document), "the schema takes {pointer} {value:?}");
    }
    let mut taken = 0;
    for pointer in [
        "/builderVersion",
        "/externalParameters",
        "/internalParameters",
        "/source/ref",
        "/dependencies",
        "/dependencies/0/name",
        "/dependencies/0/uri",
        "/dependencies/0/digest",
        "/dependencies/0/mediaType",
        "/dependencies/0/annotations",
        "/invocationId",
        "/startedOn",
        "/finishedOn",
    ] {
        let document = with(pointer, None);
        job(document.clone()).statement();
        assert!(schema.is_valid(&document), "{pointer}");
        taken += 1;
    }
    println!("documents of facts: {taken} taken, {} refused", cases.len());
    assert!(!schema.is_valid(&json!("text")));
    assert_eq!(job(json!("text")).refused(), "facts-invalid");
}

#[test]
fn nobody_describes_his_build_as_a_known_platforms() {
    for id in [
        "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@refs/tags/v2.1.0",
        "https://cloudbuild.googleapis.com/GoogleHostedWorker",
        "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main",
        "https://buildkite.com/acme/app",
        "https://sealmark.dev/builders/jenkins/v1",
        "https://sealmark.dev/builders/local/v1",
    ] {
        assert_eq!(job(with("/builderId", Some(json!(id)))).refused(), "facts-reserved", "{id}");
    }
    for id in [
        "https://actions.github.io/buildtypes/workflow/v1",
        "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
        "https://sealmark.dev/buildtypes/gitlab/v1",
        "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
    ] {
        assert_eq!(job(with("/buildType", Some(json!(id)))).refused(), "facts-reserved", "{id}");
    }
}

#[test]
fn caps_hold() {
    let many: serde_json::Map<String, Value> = (0..1001).map(|n| (format!("k{n}"), json!(n))).collect();
    assert_eq!(job(with("/externalParameters", Some(json!(many)))).refused(), "too-many-parameters");
    let long = json!({"k": "x".repeat(70_000)});
    assert_eq!(job(with("/internalParameters", Some(long))).refused(), "parameter-too-long");
    let mut deep = json!("leaf");
    for _ in 0..17 {
        deep = json!({"k": deep});
    }
    assert_eq!(job(with("/externalParameters", Some(deep))).refused(), "facts-invalid");
    let dependencies: Vec<Value> = (0..10_001).map(|n| json!({"uri": format!("pkg:cargo/a@{n}")})).collect();
    assert_eq!(job(with("/dependencies", Some(json!(dependencies)))).refused(), "facts-invalid");
}

#[test]
fn the_source_may_come_from_the_checkout_and_the_options() {
    let mut bare = job(with("/source", None));
    assert_eq!(bare.refused(), "platform-fact-missing");
    bare.git = Some(checkout(COMMIT));
    let source = bare.statement()["predicate"]["buildDefinition"]["resolvedDependencies"][0].clone();
    assert_eq!(source["digest"]["gitCommit"], COMMIT);
    bare.overrides.source_ref = Some("refs/tags/v1".to_owned());
    let source = bare.statement()["predicate"]["buildDefinition"]["externalParameters"]["source"].clone();
    assert_eq!(source, json!({"ref": "refs/tags/v1", "uri": "git+https://git.acme.example/acme/app"}));
    let mut other = job(document());
    other.git = Some(checkout(OTHER_COMMIT));
    assert_eq!(other.refused(), "source-commit-conflict");
    for change in [
        |job: &mut Job| job.overrides.source_uri = Some("https://evil.example/a/b".to_owned()),
        |job: &mut Job| job.overrides.source_ref = Some("refs/heads/evil".to_owned()),
        |job: &mut Job| job.overrides.source_commit = Some(OTHER_COMMIT.to_owned()),
        |job: &mut Job| job.overrides.builder_id = Some("https://acme.example/other".to_owned()),
        |job: &mut Job| job.invocation_id = Some("another run"),
    ] {
        let mut job = job(document());
        change(&mut job);
        assert_eq!(job.refused(), "platform-fact-invalid");
    }
    let reversed = with("/finishedOn", Some(json!("2026-11-21T09:00:00Z")));
    assert_eq!(job(reversed).refused(), "times-reversed");
    let mut none = job(document());
    none.document = None;
    assert_eq!(none.refused(), "platform-fact-missing");
}

#[test]
fn text_in_the_wrong_place_is_not_repeated() {
    for pointer in ["/externalParameters", "/dependencies", "/source", "/builderVersion"] {
        let error = job(with(pointer, Some(json!("s3cr3t \", x")))).facts().unwrap_err();
        assert_eq!(error.code(), "facts-invalid");
        assert!(!error.to_string().contains("s3cr3t"), "{error}");
    }
}
