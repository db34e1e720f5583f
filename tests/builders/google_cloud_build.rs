//! Google Cloud Build: its own keys, three shapes of predicates.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::Signer;
use sealmark::policy::SourceRef;
use sealmark::policy::slsa_verifier::Expectations;
use sealmark::trust::rings::Ring;

use crate::fixtures;
use crate::fixtures::ARTIFACT;
use crate::fixtures::COMMIT;
use crate::fixtures::Case;
use crate::fixtures::Judge;
use crate::fixtures::believed;
use crate::fixtures::builder_id;
use crate::fixtures::by_source;
use crate::fixtures::domain;
use crate::fixtures::expectations;
use crate::fixtures::keyed;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::subjects;
use crate::fixtures::without;
use crate::support::virtual_sigstore::Signer as Signed;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;

const WORKER: &str = "https://cloudbuild.googleapis.com/GoogleHostedWorker";
/// The key of v1 predicates, and the global key of older ones.
const V1_KEY: &str =
    "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/google-hosted-worker/cryptoKeyVersions/1";
const V01_KEY: &str =
    "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/provenanceSigner/cryptoKeyVersions/1";
const SUBSTITUTIONS: &str = "/predicate/recipe/arguments/substitutions";
const SYSTEM: &str = "/predicate/buildDefinition/internalParameters/systemSubstitutions";
const CONFIG: &str = "/predicate/buildDefinition/externalParameters/buildConfigSource";

fn spec(statement_type: &str, predicate_type: &str, predicate: Value) -> Spec {
    let mut spec = domain().spec(ARTIFACT);
    spec.statement = json!({"_type": statement_type, "subject": subjects(), "predicateType": predicate_type, "predicate": predicate});
    keyed(&spec)
}

/// The same by a key of that name.
fn by_key(spec: &Spec, name: &str) -> Spec {
    Spec { signer: Signed::Key { hint: Some(name.to_owned()) }, key_id: Some(name.to_owned()), ..spec.clone() }
}

fn v01(version: &str, recipe: &str, source: &str) -> Spec {
    let predicate = json!({
        "builder": {"id": format!("{WORKER}@{version}")},
        "recipe": {
            "type": recipe,
            "definedInMaterial": "-1",
            "arguments": {
                "@type": "type.googleapis.com/google.devtools.cloudbuild.v1.Build",
                "substitutions": {"TAG_NAME": "v1.4.2", "COMMIT_SHA": COMMIT},
            },
        },
        "metadata": {"buildInvocationId": "run-1"},
        "materials": [{"uri": source, "digest": {"sha1": COMMIT}}],
    });
    spec(statement::STATEMENT_V01, "https://slsa.dev/provenance/v0.1", predicate)
}

fn v03() -> Spec {
    v01("v0.3", "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1", "git+https://github.com/acme/app")
}

fn v02() -> Spec {
    v01("v0.2", &format!("{WORKER}@v0.2"), &format!("https://github.com/acme/app/commit/{COMMIT}"))
}

fn v1() -> Spec {
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
            "externalParameters": {"buildConfigSource": {
                "path": "cloudbuild.yaml",
                "ref": "refs/tags/v1.4.2",
                "repository": "git+https://github.com/acme/app",
            }},
            "internalParameters": {"systemSubstitutions": {"TAG_NAME": "v1.4.2"}},
            "resolvedDependencies": [{"uri": "git+https://github.com/acme/app@refs/tags/v1.4.2", "digest": {"gitCommit": COMMIT}}],
        },
        "runDetails": {"builder": {"id": WORKER}, "metadata": {"invocationId": "https://cloudbuild.googleapis.com/v1/projects/p/builds/1"}},
    });
    by_key(&spec(statement::STATEMENT_V1, "https://slsa.dev/provenance/v1", predicate), V1_KEY)
}

fn google(change: impl FnOnce(&mut Expectations)) -> Judge {
    Judge::Google(expectations(|expected| {
        expected.builder_id = builder_id(WORKER);
        change(expected);
    }))
}

fn any() -> Judge {
    google(|_| ())
}

fn tagged(tag: &str) -> Judge {
    google(|expected| expected.tag = Some(tag.to_owned()))
}

fn version(version: &str) -> Judge {
    google(|expected| expected.versioned_tag = Some(version.to_owned()))
}

fn by_tag() -> Judge {
    policy(Signer::ByFacts, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        slsa.source_ref = SourceRef::tag("v1.4.2").unwrap();
    })
}

fn case(name: &str, spec: Spec, judge: Judge, expected: Result<(), &'static str>) -> Case {
    Case::new(&format!("cloud build: {name}"), spec, judge, expected).ring(Ring::GoogleCloudBuild)
}

fn truths() -> Vec<Case> {
    let steps = v01("v0.3", "https://cloudbuild.googleapis.com/CloudBuildSteps@v0.1", "https://github.com/acme/app");
    let named = |id: &str| google(|expected| expected.builder_id = builder_id(id));
    let hash = set(&v02(), "/predicate/materials/0/uri", json!("https://github.com/acme/app#1"));
    vec![
        case("v0.3 by its source and tag", v03(), by_tag(), Ok(())),
        case("v1 by its source and tag", v1(), by_tag(), Ok(())),
        case("verify-image, v0.3", v03(), any(), Ok(())),
        case("verify-image, v0.3 of steps", steps, any(), Ok(())),
        case("verify-image, v0.2", v02(), any(), Ok(())),
        case("verify-image, v0.2 of a source with a generation", hash, any(), Ok(())),
        case("verify-image, v1", v1(), any(), Ok(())),
        case("verify-image, v0.3 named", v03(), named(&format!("{WORKER}@v0.3")), Ok(())),
        case("verify-image, the tag", v03(), tagged("v1.4.2"), Ok(())),
        case("verify-image, v1, the tag", v1(), tagged("v1.4.2"), Ok(())),
        case("verify-image, the version", v03(), version("v1.4"), Ok(())),
        case(
            "verify-image, no tag and none expected",
            without(&v03(), &format!("{SUBSTITUTIONS}/TAG_NAME")),
            any(),
            Ok(()),
        ),
        case(
            "verify-image, a source with its scheme",
            v03(),
            google(|expected| expected.source_uri = "https://github.com/acme/app".to_owned()),
            Ok(()),
        ),
    ]
}

/// Only the service's own keys make it the service.
fn keys() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, spec) in [("v0.3", v03()), ("v1", v1())] {
        for ring in [Ring::Named, Ring::NpmRegistry] {
            let refused = Err("ErrorNoValidSignature signer-not-key");
            let case = case(&format!("verify-image, {name} by a key of {}", ring.name()), spec.clone(), any(), refused);
            cases.push(case.ring(ring));
        }
        let certified = Spec {
            key_id: None,
            signer: domain().spec(ARTIFACT).signer,
            entries: domain().spec(ARTIFACT).entries,
            ..spec
        };
        cases.push(case(
            &format!("verify-image, {name} by a certificate"),
            certified.clone(),
            any(),
            Err("ErrorNoValidSignature signer-not-key"),
        ));
        // A workflow's certificate says where it ran, which is not what such a predicate says.
        let evil = fixtures::claims(&certified, |claims| {
            claims.source_repository_uri = Some("https://github.com/evil/app".to_owned());
            claims.legacy_repository = Some("evil/app".to_owned());
        });
        cases.push(case(
            &format!("{name} by a stranger's workflow"),
            evil,
            by_source(),
            Err("predicate-certificate-mismatch"),
        ));
    }
    // Each key signs predicates of its own version.
    for (name, spec) in [
        ("v0.3 by the key of v1", by_key(&v03(), V1_KEY)),
        ("v0.2 by the key of v1", by_key(&v02(), V1_KEY)),
        ("v1 by the key of v0.1", by_key(&v1(), V01_KEY)),
        ("v1 by a key in another case", by_key(&v1(), &V1_KEY.to_uppercase())),
    ] {
        cases.push(case(name, spec.clone(), by_source(), Err("build-type-foreign")));
        cases.push(case(
            &format!("verify-image, {name}"),
            spec,
            any(),
            Err("ErrorInvalidDssePayload build-type-foreign"),
        ));
    }
    cases
}

fn builders() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lie = |name: &str, spec: Spec, code: &'static str, refused: &'static str| {
        cases.push(case(name, spec.clone(), by_source(), Err(code)));
        cases.push(case(&format!("verify-image, {name}"), spec, any(), Err(refused)));
    };
    let id = |spec: &Spec, id: &str| set(spec, "/predicate/builder/id", json!(id));
    for other in [
        "https://example.com/builder@v0.3",
        "https://cloudbuild.googleapis.com/googlehostedworker@v0.3",
        "https://cloudbuild.googleapis.com/GoogleHostedWorker/@v0.3",
    ] {
        lie(
            &format!("v0.3 called {other}"),
            id(&v03(), other),
            "builder-id-foreign",
            "ErrorInvalidBuilderID builder-id-foreign",
        );
    }
    for version in ["", "@v0.1", "@v0.4", "@v1", "@v0.3.0"] {
        lie(
            &format!("v0.1 predicate of version {version:?}"),
            id(&v03(), &format!("{WORKER}{version}")),
            "builder-id-foreign",
            "ErrorInvalidBuilderID builder-id-foreign",
        );
    }
    let v1_id = |id: &str| set(&v1(), "/predicate/runDetails/builder/id", json!(id));
    lie(
        "v1 with a version",
        v1_id(&format!("{WORKER}@v0.3")),
        "builder-id-foreign",
        "ErrorInvalidBuilderID builder-id-foreign",
    );
    lie(
        "v1 called otherwise",
        v1_id("https://example.com/builder"),
        "builder-id-foreign",
        "ErrorInvalidBuilderID builder-id-foreign",
    );
    let recipe = |spec: &Spec, kind: &str| set(spec, "/predicate/recipe/type", json!(kind));
    let invalid = "ErrorInvalidRecipe build-type-foreign";
    lie(
        "v0.2 with a recipe of v0.3",
        recipe(&v02(), "https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1"),
        "build-type-foreign",
        invalid,
    );
    lie("v0.2 with its name without a version", recipe(&v02(), WORKER), "build-type-foreign", invalid);
    lie("v0.3 with a recipe of v0.2", recipe(&v03(), &format!("{WORKER}@v0.3")), "build-type-foreign", invalid);
    lie(
        "v0.3 with a recipe without a version",
        recipe(&v03(), "https://cloudbuild.googleapis.com/CloudBuildYaml"),
        "build-type-foreign",
        invalid,
    );
    lie(
        "v0.3 with a recipe of elsewhere",
        recipe(&v03(), "https://example.com/CloudBuildYaml@v0.1"),
        "build-type-foreign",
        invalid,
    );
    lie(
        "v1 with a foreign build type",
        set(&v1(), "/predicate/buildDefinition/buildType", json!("https://example.com/v1")),
        "build-type-foreign",
        "ErrorInvalidBuildType build-type-foreign",
    );
    let arguments = "/predicate/recipe/arguments";
    lie(
        "arguments of another type",
        set(&v03(), &format!("{arguments}/@type"), json!("type.googleapis.com/x")),
        "build-type-foreign",
        "ErrorMismatchBuilderID build-type-foreign",
    );
    lie(
        "arguments of v0.2 of another type",
        set(&v02(), &format!("{arguments}/@type"), json!("type.googleapis.com/x")),
        "build-type-foreign",
        "ErrorMismatchBuilderID build-type-foreign",
    );
    lie(
        "arguments without a type",
        without(&v03(), &format!("{arguments}/@type")),
        "build-type-foreign",
        "ErrorInvalidDssePayload build-type-foreign",
    );
    lie("no arguments", without(&v03(), arguments), "build-type-foreign", "ErrorInvalidDssePayload build-type-foreign");
    let v02_shape = json!({"builder": {"id": WORKER}, "buildType": "https://cloud.google.com/build/gcb-buildtypes/google-worker/v0", "materials": [{"uri": "git+https://github.com/acme/app", "digest": {"sha1": COMMIT}}]});
    lie(
        "a predicate of v0.2",
        spec(statement::STATEMENT_V01, "https://slsa.dev/provenance/v0.2", v02_shape),
        "build-type-foreign",
        "ErrorInvalidBuildType build-type-foreign",
    );
    let named = |id: &str| google(|expected| expected.builder_id = builder_id(id));
    let differs = Err("ErrorMismatchBuilderID builder-id-mismatch");
    cases.extend([
        case("verify-image, another version is expected", v03(), named(&format!("{WORKER}@v0.2")), differs),
        case("verify-image, v1, a version is expected", v1(), named(&format!("{WORKER}@v1")), differs),
        case("verify-image, another builder is expected", v03(), named("https://example.com/builder"), differs),
    ]);
    cases
}

fn sources() -> Vec<Case> {
    let mismatch = Err("ErrorMismatchSource source-uri-mismatch");
    let from = |uri: &str| google(|expected| expected.source_uri = uri.to_owned());
    let material = |spec: &Spec, uri: &str| set(spec, "/predicate/materials/0/uri", json!(uri));
    let mut cases = Vec::new();
    for uri in [
        "github.com/acme/other",
        "github.com/acme/ap",
        "github.com/Acme/app",
        "gitlab.com/acme/app",
        "http://github.com/acme/app",
        "github.com/acme/app/",
        "",
    ] {
        for (name, spec) in [("v0.2", v02()), ("v0.3", v03()), ("v1", v1())] {
            cases.push(case(&format!("verify-image, {name}, {uri:?} is expected"), spec, from(uri), mismatch));
        }
    }
    cases.extend([
        case(
            "verify-image, v0.2, a longer name",
            material(&v02(), "https://github.com/acme/app2/commit/1"),
            any(),
            mismatch,
        ),
        case("verify-image, v0.2, no commit", material(&v02(), "https://github.com/acme/app"), any(), mismatch),
        case("verify-image, v0.3, a longer name", material(&v03(), "https://github.com/acme/app2"), any(), mismatch),
        case("verify-image, v0.3, a path below", material(&v03(), "https://github.com/acme/app/x"), any(), mismatch),
        case("verify-image, v0.3, a bucket", material(&v03(), "gs://bucket/source.tgz#1"), any(), mismatch),
        case("verify-image, v0.3, no materials", without(&v03(), "/predicate/materials"), any(), mismatch),
        case(
            "verify-image, v1, another source",
            set(&v1(), &format!("{CONFIG}/repository"), json!("git+https://github.com/evil/app")),
            any(),
            mismatch,
        ),
        case(
            "verify-image, v1, another source in the dependencies",
            set(
                &v1(),
                "/predicate/buildDefinition/resolvedDependencies/0/uri",
                json!("git+https://github.com/evil/app@refs/tags/v1.4.2"),
            ),
            any(),
            Err("ErrorInvalidDssePayload predicate-inconsistent"),
        ),
        case(
            "v1, another source in the parameters",
            set(&v1(), &format!("{CONFIG}/repository"), json!("git+https://github.com/evil/app")),
            by_source(),
            Err("predicate-inconsistent"),
        ),
        case(
            "another source",
            material(&v03(), "git+https://github.com/evil/app"),
            by_source(),
            Err("source-uri-mismatch"),
        ),
        case("no materials", without(&v03(), "/predicate/materials"), by_source(), Err("source-uri-mismatch")),
    ]);
    cases
}

fn tags() -> Vec<Case> {
    let name = |spec: &Spec, value: Value| set(spec, &format!("{SUBSTITUTIONS}/TAG_NAME"), value);
    let v1_name = |value: Value| set(&v1(), &format!("{SYSTEM}/TAG_NAME"), value);
    let none = without(&v03(), &format!("{SUBSTITUTIONS}/TAG_NAME"));
    // What the user substitutes is not what the service does.
    let own = set(
        &without(&v1(), &format!("{SYSTEM}/TAG_NAME")),
        "/predicate/buildDefinition/externalParameters/substitutions",
        json!({"TAG_NAME": "v1.4.2"}),
    );
    let own = without(&own, &format!("{CONFIG}/ref"));
    let own =
        set(&own, "/predicate/buildDefinition/resolvedDependencies/0/uri", json!("git+https://github.com/acme/app"));
    let mismatch = Err("ErrorMismatchTag source-ref-mismatch");
    let inconsistent = Err("ErrorInvalidDssePayload predicate-inconsistent");
    vec![
        case("another tag", name(&v03(), json!("v1.4.3")), by_tag(), Err("source-ref-mismatch")),
        case(
            "v1, a branch of a tag",
            set(&v1(), "/predicate/buildDefinition/internalParameters/GITHUB_BASE_REF", json!("refs/heads/main")),
            policy(Signer::ByFacts, |slsa| {
                slsa.source_uri = repository("github.com/acme/app");
                slsa.source_ref = SourceRef::branch("main").unwrap();
            }),
            Err("source-ref-mismatch"),
        ),
        case(
            "verify-image, v1 with a version, and another source",
            set(&v1(), "/predicate/runDetails/builder/id", json!(format!("{WORKER}@v0.3"))),
            google(|expected| expected.source_uri = "github.com/evil/app".to_owned()),
            Err("ErrorInvalidBuilderID builder-id-foreign"),
        ),
        case("no tag", none.clone(), by_tag(), Err("source-ref-mismatch")),
        case("an empty tag", name(&v03(), json!("")), by_tag(), Err("source-ref-mismatch")),
        case("a list for a tag", name(&v03(), json!(["v1.4.2"])), by_tag(), Err("predicate-inconsistent")),
        case("v1, another tag than the ref", v1_name(json!("v1.4.3")), by_tag(), Err("predicate-inconsistent")),
        case("v1, a tag of the user's", own.clone(), by_tag(), Err("source-ref-mismatch")),
        case(
            "v1, another ref than the dependency",
            set(&v1(), &format!("{CONFIG}/ref"), json!("refs/heads/main")),
            by_tag(),
            Err("predicate-inconsistent"),
        ),
        case("verify-image, another tag", v03(), tagged("v1.4.3"), mismatch),
        case("verify-image, a tag in full", v03(), tagged("refs/tags/v1.4.2"), mismatch),
        case("verify-image, a tag in another case", v03(), tagged("V1.4.2"), mismatch),
        case("verify-image, no tag", none.clone(), tagged("v1.4.2"), mismatch),
        case("verify-image, v1, a tag of the user's", own, tagged("v1.4.2"), mismatch),
        case("verify-image, a list for a tag", name(&v03(), json!(["v1.4.2"])), tagged("v1.4.2"), inconsistent),
        case("verify-image, v1, another tag than the ref", v1_name(json!("v1.4.3")), tagged("v1.4.3"), inconsistent),
        case(
            "verify-image, another version",
            v03(),
            version("v1.5"),
            Err("ErrorMismatchVersionedTag source-version-mismatch"),
        ),
        case(
            "verify-image, a pre-release of the version",
            name(&v03(), json!("v1.4.2-rc.1")),
            version("v1.4.2"),
            Err("ErrorMismatchVersionedTag source-version-mismatch"),
        ),
        case(
            "verify-image, a version of no tag",
            none,
            version("v1"),
            Err("ErrorMismatchVersionedTag source-version-mismatch"),
        ),
        case(
            "verify-image, a branch",
            v03(),
            google(|expected| expected.branch = Some("main".to_owned())),
            Err("ErrorNotSupported source-ref-mismatch"),
        ),
        case(
            "verify-image, no provenance",
            set(&v03(), "/predicateType", json!("https://example.com/x")),
            any(),
            Err("ErrorInvalidDssePayload not-provenance"),
        ),
        case(
            "verify-image, provenance without a builder",
            set(&v03(), "/predicate/builder/id", json!("")),
            any(),
            Err("ErrorInvalidDssePayload predicate-field-missing"),
        ),
        case(
            "verify-image, a builder with two versions",
            set(&v03(), "/predicate/builder/id", json!(format!("{WORKER}@v0.3@v0.3"))),
            any(),
            Err("ErrorInvalidFormat policy-builder-id"),
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), keys(), builders(), sources(), tags()].concat()
}

#[test]
fn google_cloud_build_signs_with_its_own_keys() {
    let (accepted, refused) = fixtures::run("google cloud build", &all());
    assert!(accepted >= 13 && refused >= 90, "{accepted} {refused}");
}

#[test]
fn the_facts_of_google_cloud_build() {
    let commit = format!("commit {COMMIT} P");
    let expected = [
        "builder https://cloudbuild.googleapis.com/GoogleHostedWorker@v0.3 P",
        "type https://cloudbuild.googleapis.com/CloudBuildYaml@v0.1 P",
        "source git+https://github.com/acme/app P",
        &commit,
        "ref refs/tags/v1.4.2 P",
        "run run-1 P",
        "dependencies 1",
    ];
    believed(&v03(), Ring::GoogleCloudBuild, "google-cloud-build", &expected);
    let expected = [
        "builder https://cloudbuild.googleapis.com/GoogleHostedWorker P",
        "type https://cloud.google.com/build/gcb-buildtypes/google-worker/v1 P",
        "source git+https://github.com/acme/app P",
        &commit,
        "ref refs/tags/v1.4.2 P",
        "run https://cloudbuild.googleapis.com/v1/projects/p/builds/1 P",
        "dependencies 1",
    ];
    believed(&v1(), Ring::GoogleCloudBuild, "google-cloud-build", &expected);
    // The same words by a key that somebody named are that key's, not the service's.
    for ring in [Ring::Named, Ring::NpmRegistry] {
        assert_eq!(fixtures::facts(&v1(), ring).0, "key");
    }
}
