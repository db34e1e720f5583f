//! Builders behind a delegator of slsa-github-generator.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::BuilderId;
use sealmark::policy::Signer;
use sealmark::policy::slsa_verifier::Command;
use sealmark::trust::rings::Ring;

use crate::fixtures;
use crate::fixtures::COMMIT;
use crate::fixtures::Case;
use crate::fixtures::GENERATORS;
use crate::fixtures::Judge;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::believed;
use crate::fixtures::builder_id;
use crate::fixtures::by_builder;
use crate::fixtures::by_source;
use crate::fixtures::domain;
use crate::fixtures::expectations;
use crate::fixtures::generator_run;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::subjects;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;

const TYPE: &str = "https://github.com/slsa-framework/slsa-github-generator/delegator-generic@v0";
const RELEASE: &str = "refs/tags/v2.1.0";
const ENVIRONMENT: &str = "/predicate/invocation/environment";

/// The Maven builder of slsa-github-generator, without a ref.
pub(crate) fn maven() -> String {
    format!("https://github.com/{GENERATORS}/builder_maven_slsa3.yml")
}

const JRELEASER: &str = "https://github.com/jreleaser/release-action/.github/workflows/builder_slsa3.yml";
const THIRD: &str = "https://github.com/acme/trw/.github/workflows/builder.yml";

/// A delegator at a ref says which builder it called.
pub(crate) fn delegated(file: &str, at: &str, called: &str) -> Spec {
    let run = generator_run(file, at);
    let mut spec = domain().spec_of(&subjects(), &run);
    spec.statement = statement::provenance_v02(&subjects(), &run);
    let predicate = &mut spec.statement["predicate"];
    predicate["buildType"] = json!(TYPE);
    predicate["builder"]["id"] = json!(called);
    predicate["invocation"]["environment"] = json!({
        "GITHUB_BASE_REF": "",
        "GITHUB_EVENT_NAME": run.event,
        "GITHUB_EVENT_PAYLOAD": {"base_ref": "refs/heads/main"},
        "GITHUB_REF": run.reference,
        "GITHUB_REF_TYPE": "tag",
        "GITHUB_REPOSITORY": run.repository,
        "GITHUB_RUN_ATTEMPT": run.run_attempt,
        "GITHUB_RUN_ID": run.run_id,
        "GITHUB_SHA": run.commit,
        "GITHUB_WORKFLOW_REF": format!("{}/{}@{}", run.repository, run.workflow_path, run.reference),
        "GITHUB_WORKFLOW_SHA": run.commit,
    });
    spec
}

fn good(called: &str) -> Spec {
    delegated("delegator_generic_slsa3.yml", RELEASE, called)
}

/// The same in v1.
fn v1() -> Spec {
    let run = generator_run("delegator_generic_slsa3.yml", RELEASE);
    let environment = good("x").statement["predicate"]["invocation"]["environment"].clone();
    let mut spec = domain().spec_of(&subjects(), &run);
    spec.statement["predicate"]["buildDefinition"]["buildType"] = json!(TYPE);
    spec.statement["predicate"]["buildDefinition"]["externalParameters"] = json!({"inputs": {}, "vars": {}});
    spec.statement["predicate"]["buildDefinition"]["internalParameters"] = environment;
    spec.statement["predicate"]["runDetails"]["builder"]["id"] = json!(format!("{}@{RELEASE}", maven()));
    spec
}

fn artifact(named: Option<&str>) -> Judge {
    Judge::Workflow(expectations(|expected| expected.builder_id = named.and_then(builder_id)), Command::Artifact)
}

fn truths() -> Vec<Case> {
    let maven = maven();
    let at = |name: &str| format!("{name}@{RELEASE}");
    let case = |name: &str, spec: Spec, judge| Case::new(&format!("delegated: {name}"), spec, judge, Ok(()));
    let low = delegated("delegator_lowperms-generic_slsa3.yml", RELEASE, &at(&maven));
    let java = format!("{JRELEASER}@refs/tags/v1.2.0-java");
    let main = good(&format!("{THIRD}@refs/heads/main"));
    vec![
        case("a builder of slsa-github-generator", good(&at(&maven)), by_source()),
        case("by the delegator with low permissions", low.clone(), by_source()),
        case("in v1", v1(), by_source()),
        case("named", good(&at(&maven)), by_builder(&maven)),
        case("named at its release", good(&at(&maven)), by_builder(&at(&maven))),
        case("a third builder, named", good(&at(THIRD)), by_builder(THIRD)),
        case("JReleaser", good(&java), by_builder(JRELEASER)),
        case("a third builder at a branch that was asked for", main, by_builder(&format!("{THIRD}@refs/heads/main"))),
        case("verify-artifact, unnamed", good(&at(&maven)), artifact(None)),
        case("verify-artifact, low permissions", low, artifact(None)),
        case("verify-artifact, v1", v1(), artifact(None)),
        case("verify-artifact, named", good(&at(&maven)), artifact(Some(&maven))),
        case("verify-artifact, named at a short ref", good(&at(&maven)), artifact(Some(&format!("{maven}@v2.1.0")))),
        case("verify-artifact, a third builder, named", good(&at(THIRD)), artifact(Some(THIRD))),
        case("verify-artifact, JReleaser", good(&java), artifact(Some(JRELEASER))),
        case(
            "another commit was checked out",
            set(&good(&at(&maven)), "/predicate/materials/0/digest/sha1", json!(OTHER_COMMIT)),
            by_source(),
        ),
    ]
}

/// The builder that was called has a name with one ref.
fn called() -> Vec<Case> {
    let maven = maven();
    let mut cases = Vec::new();
    for id in [
        maven.clone(),
        format!("{maven}@"),
        format!("{maven}@{RELEASE}@{RELEASE}"),
        "@refs/tags/v1.2.3".to_owned(),
        "http://github.com/acme/trw/.github/workflows/b.yml@refs/tags/v1.2.3".to_owned(),
        format!("{GENERATORS}/builder_maven_slsa3.yml@{RELEASE}"),
    ] {
        cases.push(Case::new(
            &format!("delegated: called {id:?}"),
            good(&id),
            by_source(),
            Err("delegated-builder-id"),
        ));
    }
    for id in [maven.clone(), format!("{maven}@"), format!("{maven}@{RELEASE}@{RELEASE}")] {
        let refused = Err("ErrorInvalidBuilderID delegated-builder-id");
        cases.push(Case::new(
            &format!("delegated: verify-artifact, called {id:?}"),
            good(&id),
            artifact(None),
            refused,
        ));
    }
    let at = |id: &str, full_ref: &str| good(&format!("{id}@{full_ref}"));
    for full_ref in
        ["refs/heads/main", "refs/tags/v2.1.0-rc.1", "refs/tags/v2.1", "v2.1.0", OTHER_COMMIT, "refs/tags/v2.1.0-java"]
    {
        let spec = at(&maven, full_ref);
        cases.extend([
            Case::new(
                &format!("delegated: called at {full_ref}"),
                spec.clone(),
                by_source(),
                Err("builder-ref-mutable"),
            ),
            Case::new(
                &format!("delegated: called by name, at {full_ref}"),
                spec.clone(),
                by_builder(&maven),
                Err("builder-ref-mutable"),
            ),
            Case::new(
                &format!("delegated: verify-artifact, called at {full_ref}"),
                spec.clone(),
                artifact(None),
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
            Case::new(
                &format!("delegated: verify-artifact, called by name, at {full_ref}"),
                spec,
                artifact(Some(&maven)),
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
        ]);
    }
    let java = at(JRELEASER, "refs/tags/v1.2.0");
    let fork =
        format!("https://github.com/evil/slsa-github-generator/.github/workflows/builder_maven_slsa3.yml@{RELEASE}");
    let refused = "ErrorMismatchBuilderID builder-id-mismatch";
    cases.extend([
        Case::new(
            "delegated: JReleaser without -java",
            java.clone(),
            by_builder(JRELEASER),
            Err("builder-ref-mutable"),
        ),
        Case::new(
            "delegated: verify-artifact, JReleaser without -java",
            java,
            artifact(Some(JRELEASER)),
            Err("ErrorInvalidRef builder-ref-mutable"),
        ),
        Case::new(
            "delegated: a fork of the builder, named",
            good(&fork),
            by_builder(&maven),
            Err("builder-id-mismatch"),
        ),
        Case::new(
            "delegated: verify-artifact, a fork of the builder",
            good(&fork),
            artifact(None),
            Err("ErrorInvalidBuilderID delegated-builder-id"),
        ),
        Case::new(
            "delegated: verify-artifact, a third builder, unnamed",
            at(THIRD, RELEASE),
            artifact(None),
            Err("ErrorInvalidBuilderID delegated-builder-id"),
        ),
        Case::new(
            "delegated: verify-artifact, a fork of the builder, named",
            good(&fork),
            artifact(Some(&maven)),
            Err(refused),
        ),
        Case::new(
            "delegated: another builder than the named one",
            at(THIRD, RELEASE),
            by_builder(&maven),
            Err("builder-id-mismatch"),
        ),
        Case::new(
            "delegated: another release than the named one",
            at(&maven, RELEASE),
            by_builder(&format!("{maven}@v2.0.0")),
            Err("builder-id-mismatch"),
        ),
        Case::new(
            "delegated: verify-artifact, another release than the named one",
            at(&maven, RELEASE),
            artifact(Some(&format!("{maven}@v2.0.0"))),
            Err(refused),
        ),
        Case::new(
            "delegated: verify-artifact, the delegator is not the builder",
            at(&maven, RELEASE),
            artifact(Some(&format!("https://github.com/{GENERATORS}/delegator_generic_slsa3.yml"))),
            Err(refused),
        ),
        Case::new(
            "delegated: the delegator is not the builder",
            at(&maven, RELEASE),
            by_builder(&format!("https://github.com/{GENERATORS}/delegator_generic_slsa3.yml")),
            Err("builder-id-mismatch"),
        ),
        Case::new(
            "delegated: verify-image, a delegator",
            at(&maven, RELEASE),
            Judge::Workflow(expectations(|_| ()), Command::Image),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
    ]);
    cases
}

/// Whoever names the ref of the builder that was called has not asked for another ref of the delegator: at a commit of a
/// fork it says whatever a stranger wants.
fn delegators() -> Vec<Case> {
    let maven = maven();
    let called = format!("{maven}@{RELEASE}");
    let workflow = |text: &str| {
        let text = text.to_owned();
        policy(Signer::ByFacts, |slsa| {
            slsa.source_uri = repository("github.com/acme/app");
            slsa.signer_workflow = Some(BuilderId::parse(&text).unwrap());
        })
    };
    let delegator = format!("https://github.com/{GENERATORS}/delegator_generic_slsa3.yml");
    let mut cases = Vec::new();
    for full_ref in ["refs/heads/main", "refs/tags/v2.1.0-rc.1", OTHER_COMMIT] {
        let spec = delegated("delegator_generic_slsa3.yml", full_ref, &called);
        let refused = Err("builder-ref-mutable");
        cases.extend([
            Case::new(&format!("delegated: delegator at {full_ref}"), spec.clone(), by_source(), refused),
            Case::new(
                &format!("delegated: delegator at {full_ref}, builder named"),
                spec.clone(),
                by_builder(&maven),
                refused,
            ),
            Case::new(
                &format!("delegated: delegator at {full_ref}, builder named at its release"),
                spec.clone(),
                by_builder(&called),
                refused,
            ),
            Case::new(
                &format!("delegated: delegator at {full_ref}, named"),
                spec.clone(),
                workflow(&delegator),
                refused,
            ),
            Case::new(
                &format!("delegated: delegator at {full_ref}, asked for"),
                spec.clone(),
                workflow(&format!("{delegator}@{full_ref}")),
                Ok(()),
            ),
            Case::new(
                &format!("delegated: verify-artifact, delegator at {full_ref}"),
                spec.clone(),
                artifact(None),
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
            Case::new(
                &format!("delegated: verify-artifact, delegator at {full_ref}, builder named"),
                spec,
                artifact(Some(&called)),
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
        ]);
    }
    let both = delegated("delegator_generic_slsa3.yml", "refs/heads/main", &format!("{maven}@refs/heads/main"));
    cases.push(Case::new(
        "delegated: the asked delegator called another branch",
        both,
        workflow(&format!("{delegator}@refs/heads/main")),
        Err("builder-ref-mutable"),
    ));
    cases
}

fn predicates() -> Vec<Case> {
    let good = good(&format!("{}@{RELEASE}", maven()));
    let lie = |name: &str, pointer: &str, value: Value, code| {
        Case::new(&format!("delegated: {name}"), set(&good, pointer, value), by_source(), Err(code))
    };
    let other = "git+https://github.com/evil/app@refs/tags/v1.4.2";
    let two = set(&good, "/predicate/materials/0/digest/sha1", json!(OTHER_COMMIT));
    let third = set(&two, "/predicate/invocation/configSource/digest/sha1", json!("1".repeat(40)));
    vec![
        lie(
            "a foreign build type",
            "/predicate/buildType",
            json!("https://github.com/slsa-framework/slsa-github-generator/generic@v1"),
            "build-type-foreign",
        ),
        lie("materials of another repository", "/predicate/materials/0/uri", json!(other), "predicate-inconsistent"),
        lie(
            "configSource of another repository",
            "/predicate/invocation/configSource/uri",
            json!(other),
            "predicate-inconsistent",
        ),
        lie(
            "materials at another ref",
            "/predicate/materials/0/uri",
            json!("git+https://github.com/acme/app@refs/heads/main"),
            "predicate-inconsistent",
        ),
        lie(
            "configSource at another commit",
            "/predicate/invocation/configSource/digest/sha1",
            json!(OTHER_COMMIT),
            "predicate-inconsistent",
        ),
        Case::new("delegated: three commits", third, by_source(), Err("predicate-inconsistent")),
        lie(
            "another repository in the environment",
            &format!("{ENVIRONMENT}/GITHUB_REPOSITORY"),
            json!("evil/app"),
            "predicate-inconsistent",
        ),
        lie(
            "another ref in the environment",
            &format!("{ENVIRONMENT}/GITHUB_REF"),
            json!("refs/heads/main"),
            "predicate-inconsistent",
        ),
        lie(
            "another event",
            &format!("{ENVIRONMENT}/GITHUB_EVENT_NAME"),
            json!("schedule"),
            "predicate-certificate-mismatch",
        ),
        lie("another run", &format!("{ENVIRONMENT}/GITHUB_RUN_ID"), json!("1"), "predicate-inconsistent"),
        lie(
            "another workflow",
            &format!("{ENVIRONMENT}/GITHUB_WORKFLOW_REF"),
            json!("acme/app/.github/workflows/x.yml@refs/tags/v1.4.2"),
            "predicate-certificate-mismatch",
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), called(), delegators(), predicates()].concat()
}

#[test]
fn delegators_name_what_they_called() {
    let (accepted, refused) = fixtures::run("delegated", &all());
    assert!(accepted >= 16 && refused >= 60, "{accepted} {refused}");
}

#[test]
fn the_facts_of_a_delegated_build() {
    let called = format!("{}@{RELEASE}", maven());
    let signer = format!("https://github.com/{GENERATORS}/delegator_generic_slsa3.yml@{RELEASE}");
    let expected = |commit: String| {
        vec![
            format!("builder {called} D"),
            format!("signer {signer} C"),
            format!("signer-commit {} C", "1".repeat(40)),
            format!("type {TYPE} P"),
            "source git+https://github.com/acme/app CP".to_owned(),
            commit,
            "ref refs/tags/v1.4.2 CP".to_owned(),
            "branch refs/heads/main P".to_owned(),
            "trigger push CP".to_owned(),
            "runner github-hosted C".to_owned(),
            "config https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 CP".to_owned(),
            "path .github/workflows/release.yml CP".to_owned(),
            "run https://github.com/acme/app/actions/runs/9876543210/attempts/1 CP".to_owned(),
            "dependencies 1".to_owned(),
        ]
    };
    let check = |spec: &Spec, commit: String| {
        let expected = expected(commit);
        believed(
            spec,
            Ring::Named,
            "slsa-github-generator-delegated",
            &expected.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    };
    check(&good(&called), format!("commit {COMMIT} CP"));
    let elsewhere = set(&good(&called), "/predicate/materials/0/digest/sha1", json!(OTHER_COMMIT));
    check(&elsewhere, format!("commit {OTHER_COMMIT} D"));
}
