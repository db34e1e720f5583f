//! Provenance of the npm command line: every word is confirmed by the certificate, or refused.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::BuilderId;
use sealmark::policy::Runner;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::SourceRef;
use sealmark::policy::slsa_verifier::PUBLISH;
use sealmark::policy::slsa_verifier::Package;
use sealmark::trust::rings::Ring;

use crate::delegated;
use crate::fixtures;
use crate::fixtures::ARTIFACT;
use crate::fixtures::COMMIT;
use crate::fixtures::Case;
use crate::fixtures::Judge;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::believed;
use crate::fixtures::builder_id;
use crate::fixtures::by_builder;
use crate::fixtures::by_source;
use crate::fixtures::claims;
use crate::fixtures::domain;
use crate::fixtures::expectations;
use crate::fixtures::generator_run;
use crate::fixtures::issued;
use crate::fixtures::keyed;
use crate::fixtures::old_claims;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::without;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;

const RUNNER: &str = "https://github.com/actions/runner";
const HOSTED: &str = "https://github.com/actions/runner/github-hosted";
const SELF_HOSTED: &str = "https://github.com/actions/runner/self-hosted";
const PURL: &str = "pkg:npm/%40acme/app@1.4.2";
const ENVIRONMENT: &str = "/predicate/invocation/environment";
const CONTEXT: &str = "/predicate/buildDefinition/internalParameters/github";
const WORKFLOW: &str = "/predicate/buildDefinition/externalParameters/workflow";

fn package_subject(name: &str) -> Value {
    json!([{"name": name, "digest": {"sha512": HashKind::Sha512.hex(ARTIFACT)}}])
}

fn v1_of(change: impl FnOnce(&mut GitHub)) -> Spec {
    let mut run = GitHub::default();
    change(&mut run);
    let runner = format!("{RUNNER}/{}", run.runner);
    let spec = domain().spec_of(&package_subject(PURL), &run);
    let spec = set(
        &spec,
        "/predicate/buildDefinition/buildType",
        json!("https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1"),
    );
    let spec = without(&spec, &format!("{CONTEXT}/runner_environment"));
    set(&spec, "/predicate/runDetails/builder/id", json!(runner))
}

fn v1() -> Spec {
    v1_of(|_| ())
}

fn v02_of(build_type: &str, change: impl FnOnce(&mut GitHub)) -> Spec {
    let mut run = GitHub::default();
    change(&mut run);
    let mut spec = domain().spec_of(&package_subject(PURL), &run);
    spec.statement = statement::provenance_v02(&package_subject(PURL), &run);
    let predicate = &mut spec.statement["predicate"];
    predicate["buildType"] = json!(build_type);
    predicate["builder"]["id"] = json!(RUNNER);
    predicate["metadata"]["completeness"]["parameters"] = json!(false);
    predicate["invocation"]["environment"] = json!({
        "GITHUB_EVENT_NAME": run.event,
        "GITHUB_REF": run.reference,
        "GITHUB_REPOSITORY": run.repository,
        "GITHUB_REPOSITORY_ID": run.repository_id,
        "GITHUB_REPOSITORY_OWNER_ID": run.owner_id,
        "GITHUB_RUN_ATTEMPT": run.run_attempt,
        "GITHUB_RUN_ID": run.run_id,
        "GITHUB_SHA": run.commit,
        "GITHUB_WORKFLOW_REF": format!("{}/{}@{}", run.repository, run.workflow_path, run.reference),
        "GITHUB_WORKFLOW_SHA": run.commit,
    });
    spec
}

fn v02() -> Spec {
    v02_of("https://github.com/npm/cli/gha/v2", |_| ())
}

/// The registry's word that it published a package.
fn published(subject: &str, name: &str, version: &str) -> Spec {
    let mut spec = domain().spec(ARTIFACT);
    spec.statement = json!({
        "_type": statement::STATEMENT_V01,
        "subject": package_subject(subject),
        "predicateType": PUBLISH,
        "predicate": {"name": name, "version": version, "registry": "https://registry.example.com"},
    });
    keyed(&spec)
}

fn package() -> Package {
    Package { name: Some("@acme/app".to_owned()), version: Some("1.4.2".to_owned()) }
}

fn judged(builder: &str, published: Spec, package: Package, ring: Ring) -> Judge {
    let expected = expectations(|expected| {
        expected.builder_id = Some(builder).filter(|text| !text.is_empty()).and_then(builder_id)
    });
    Judge::Npm(expected, package, Box::new(published), ring)
}

fn npm(builder: &str) -> Judge {
    judged(builder, published(PURL, "@acme/app", "1.4.2"), package(), Ring::NpmRegistry)
}

fn tagged(builder: &str, tag: &str) -> Judge {
    let expected = expectations(|expected| {
        (expected.builder_id, expected.tag) = (builder_id(builder), Some(tag.to_owned()));
    });
    Judge::Npm(expected, package(), Box::new(published(PURL, "@acme/app", "1.4.2")), Ring::NpmRegistry)
}

fn truths() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge| Case::new(&format!("npm: {name}"), spec, judge, Ok(()));
    let own = |spec: Spec| set(&spec, "/predicate/runDetails/builder/id", json!(SELF_HOSTED));
    let low = delegated::delegated(
        "delegator_lowperms-generic_slsa3.yml",
        "refs/tags/v2.1.0",
        &format!("{}@refs/tags/v2.1.0", node()),
    );
    let low = set(&low, "/subject", package_subject(PURL));
    vec![
        case("v1", v1(), by_source()),
        case("v1, its runner named", v1(), by_builder(HOSTED)),
        case("v1, its workflow named", v1(), by_builder("https://github.com/acme/app/.github/workflows/release.yml")),
        case("v0.2", v02(), by_source()),
        case("v0.2, its runner named", v02(), by_builder(RUNNER)),
        case("v0.2, the older build type", v02_of("https://github.com/npm/cli/gha@v1", |_| ()), by_source()),
        case("verify-npm-package, v1", v1(), npm(HOSTED)),
        case("verify-npm-package, v0.2", v02(), npm(RUNNER)),
        case("verify-npm-package, v0.2, hosted", v02(), npm(HOSTED)),
        case(
            "verify-npm-package, nothing said of the package",
            v1(),
            judged(HOSTED, published(PURL, "@acme/app", "1.4.2"), Package::default(), Ring::NpmRegistry),
        ),
        case(
            "verify-npm-package, self-hosted asked for",
            own(v1_of(|run| run.runner = "self-hosted".to_owned())),
            npm(SELF_HOSTED),
        ),
        case("verify-npm-package, behind a delegator", low, npm(&node())),
        case(
            "v0.2, nothing in other spellings",
            set(&set(&v02(), "/predicate/invocation/parameters", Value::Null), "/predicate/buildConfig", json!({})),
            by_source(),
        ),
        case("verify-npm-package, v0.2, the tag", v02(), tagged(RUNNER, "v1.4.2")),
        case("verify-npm-package, v1, the tag", v1(), tagged(HOSTED, "v1.4.2")),
        case("v0.2, no environment", without(&v02(), ENVIRONMENT), by_source()),
    ]
}

fn node() -> String {
    format!("https://github.com/{}/builder_nodejs_slsa3.yml", fixtures::GENERATORS)
}

/// Claims that nothing confirms.
fn unverifiable() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut refuse = |name: &str, spec: Spec, sentinel: &'static str| {
        cases.push(Case::new(&format!("npm: {name}"), spec.clone(), by_source(), Err("claim-unverifiable")));
        cases.push(Case::new(&format!("npm: verify-npm-package, {name}"), spec, npm(HOSTED), Err(sentinel)));
    };
    let claim = "ErrorNonVerifiableClaim claim-unverifiable";
    let variable = "ErrorMismatchCertificate claim-unverifiable";
    for (name, value) in [
        ("GITHUB_ACTOR", json!("mallory")),
        ("GITHUB_BASE_REF", json!("refs/heads/main")),
        ("GITHUB_EVENT_PAYLOAD", json!({"base_ref": "refs/heads/main"})),
        ("github_ref", json!("refs/heads/main")),
        ("GITHUB_SHA1", json!(OTHER_COMMIT)),
        ("GITHUB_EVENT_NAME", json!("")),
        ("GITHUB_REPOSITORY_ID", json!(["1"])),
        ("GITHUB_REPOSITORY_OWNER_ID", json!({"1": 1})),
        ("GITHUB_RUN_ID", json!(1)),
        ("GITHUB_WORKFLOW_SHA", Value::Null),
    ] {
        refuse(
            &format!("v0.2, variable {name} {value}"),
            set(&v02(), &format!("{ENVIRONMENT}/{name}"), value),
            variable,
        );
    }
    refuse(
        "v0.2, a run without its attempt",
        set(
            &without(&v02(), &format!("{ENVIRONMENT}/GITHUB_RUN_ATTEMPT")),
            &format!("{ENVIRONMENT}/GITHUB_RUN_ID"),
            json!("1"),
        ),
        variable,
    );
    refuse("v0.2, an attempt without its run", without(&v02(), &format!("{ENVIRONMENT}/GITHUB_RUN_ID")), variable);
    refuse("v0.2, a list for an environment", set(&v02(), ENVIRONMENT, json!(["GITHUB_REF"])), variable);
    for (name, pointer, value) in [
        ("a build configuration", "/predicate/buildConfig", json!({"steps": []})),
        ("a text for a build configuration", "/predicate/buildConfig", json!("x")),
        ("parameters", "/predicate/invocation/parameters", json!({"a": "b"})),
        ("a number for parameters", "/predicate/invocation/parameters", json!(0)),
        ("a start", "/predicate/metadata/buildStartedOn", json!("2026-10-04T11:32:07Z")),
        ("an end", "/predicate/metadata/buildFinishedOn", json!("2026-10-04T11:32:07Z")),
        ("reproducible", "/predicate/metadata/reproducible", json!(true)),
        ("complete parameters", "/predicate/metadata/completeness/parameters", json!(true)),
        ("a complete environment", "/predicate/metadata/completeness/environment", json!(true)),
        ("complete materials", "/predicate/metadata/completeness/materials", json!(true)),
        ("a field of its own", "/predicate/reviewedBy", json!("mallory")),
        ("a field in the builder", "/predicate/builder/version", json!("1")),
        ("a field in the invocation", "/predicate/invocation/by", json!("mallory")),
        ("a field in configSource", "/predicate/invocation/configSource/by", json!("mallory")),
        ("a field in the materials", "/predicate/materials/0/by", json!("mallory")),
        ("a field in the metadata", "/predicate/metadata/by", json!("mallory")),
    ] {
        refuse(&format!("v0.2, {name}"), set(&v02(), pointer, value), claim);
    }
    let definition = "/predicate/buildDefinition";
    for (name, pointer, value) in [
        ("a start", "/predicate/runDetails/metadata/startedOn".to_owned(), json!("2026-10-04T11:32:07Z")),
        ("an end", "/predicate/runDetails/metadata/finishedOn".to_owned(), json!("2026-10-04T11:32:07Z")),
        ("an internal parameter", format!("{definition}/internalParameters/GITHUB_ACTOR"), json!("mallory")),
        ("a word about the run", format!("{CONTEXT}/actor"), json!("mallory")),
        ("a list for an event", format!("{CONTEXT}/event_name"), json!(["push"])),
        ("an empty event", format!("{CONTEXT}/event_name"), json!("")),
        ("a text for the run", CONTEXT.to_owned(), json!("push")),
        ("inputs", format!("{definition}/externalParameters/inputs"), json!({"a": "b"})),
        ("a word about the workflow", format!("{WORKFLOW}/name"), json!("Release")),
        ("a list for a ref", format!("{WORKFLOW}/path"), json!([".github/workflows/release.yml"])),
        ("byproducts", "/predicate/runDetails/byproducts".to_owned(), json!([{"name": "log"}])),
        (
            "parts of the builder",
            "/predicate/runDetails/builder/builderDependencies".to_owned(),
            json!([{"name": "node"}]),
        ),
        ("versions of the builder", "/predicate/runDetails/builder/version".to_owned(), json!({"node": "1"})),
        ("a field of its own", "/predicate/reviewedBy".to_owned(), json!("mallory")),
        ("a field in the definition", format!("{definition}/by"), json!("mallory")),
        ("a field in the run", "/predicate/runDetails/by".to_owned(), json!("mallory")),
        ("a field in the builder", "/predicate/runDetails/builder/by".to_owned(), json!("mallory")),
        ("a field in the metadata", "/predicate/runDetails/metadata/by".to_owned(), json!("mallory")),
    ] {
        refuse(&format!("v1, {name}"), set(&v1(), &pointer, value), claim);
    }
    let second = json!({"uri": "git+https://github.com/evil/lib", "digest": {"gitCommit": OTHER_COMMIT}});
    refuse("v0.2, two materials", set(&v02(), "/predicate/materials/-", second.clone()), claim);
    refuse("v1, two dependencies", set(&v1(), &format!("{definition}/resolvedDependencies/-"), second), claim);
    let two = json!([package_subject(PURL)[0], package_subject("pkg:npm/other@1.0.0")[0]]);
    refuse("v1, two subjects", set(&v1(), "/subject", two), claim);
    let weak = json!([{"name": PURL, "digest": {"sha1": "00", "sha256": HashKind::Sha256.hex(ARTIFACT)}}]);
    refuse("v1, a subject without sha512", set(&v1(), "/subject", weak), claim);
    refuse("v1, a certificate that names no workflow", claims(&v1(), |claims| claims.build_config_uri = None), claim);
    refuse("v1, a certificate that names no run", claims(&v1(), |claims| claims.run_invocation_uri = None), claim);
    refuse(
        "v1, a certificate without a repository id",
        claims(&v1(), |claims| claims.source_repository_identifier = None),
        claim,
    );
    refuse(
        "v1, a certificate without an owner id",
        claims(&v1(), |claims| claims.source_repository_owner_identifier = None),
        claim,
    );
    refuse(
        "v0.2, a certificate without a workflow commit",
        claims(&v02(), |claims| claims.build_config_digest = None),
        claim,
    );
    for (name, spec) in [("v1", v1()), ("v0.2", v02())] {
        cases.push(Case::new(
            &format!("npm: {name}, deprecated claims alone"),
            old_claims(&spec),
            by_source(),
            Err("claim-unverifiable"),
        ));
        let refused = Err("ErrorNotSupported runner-not-hosted");
        cases.push(Case::new(
            &format!("npm: verify-npm-package, {name}, deprecated claims alone"),
            old_claims(&spec),
            npm(HOSTED),
            refused,
        ));
    }
    cases
}

/// Claims that the certificate denies.
fn denied() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value) in [
        ("GITHUB_EVENT_NAME", "schedule"),
        ("GITHUB_REPOSITORY_ID", "1"),
        ("GITHUB_REPOSITORY_OWNER_ID", "1"),
        ("GITHUB_WORKFLOW_REF", "acme/app/.github/workflows/x.yml@refs/tags/v1.4.2"),
        ("GITHUB_WORKFLOW_SHA", OTHER_COMMIT),
    ] {
        let spec = set(&v02(), &format!("{ENVIRONMENT}/{name}"), json!(value));
        cases.push(Case::new(
            &format!("npm: v0.2, {name}"),
            spec.clone(),
            by_source(),
            Err("predicate-certificate-mismatch"),
        ));
        let refused = Err("ErrorMismatchCertificate predicate-certificate-mismatch");
        cases.push(Case::new(&format!("npm: verify-npm-package, v0.2, {name}"), spec, npm(RUNNER), refused));
    }
    for (name, value) in [
        ("GITHUB_REF", "refs/heads/main"),
        ("GITHUB_REPOSITORY", "evil/app"),
        ("GITHUB_SHA", OTHER_COMMIT),
        ("GITHUB_RUN_ID", "1"),
        ("GITHUB_RUN_ATTEMPT", "2"),
    ] {
        let spec = set(&v02(), &format!("{ENVIRONMENT}/{name}"), json!(value));
        cases.push(Case::new(&format!("npm: v0.2, {name}"), spec, by_source(), Err("predicate-inconsistent")));
    }
    cases
}

/// The kind of runner is the certificate's.
fn runners() -> Vec<Case> {
    let mut cases = Vec::new();
    let own = |spec: &Spec| claims(spec, |claims| claims.runner_environment = Some("self-hosted".to_owned()));
    let says = |id: &str| set(&v1(), "/predicate/runDetails/builder/id", json!(id));
    let hosted = policy(Signer::ByFacts, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        slsa.runner = Runner::Hosted;
    });
    let mut case =
        |name: &str, spec: Spec, judge, code| cases.push(Case::new(&format!("npm: {name}"), spec, judge, Err(code)));
    let mismatch = "predicate-certificate-mismatch";
    for id in [
        SELF_HOSTED,
        "https://github.com/actions/runner/",
        "https://github.com/actions/runner/github-hosted@v1",
        "https://github.com/actions/Runner/github-hosted",
        "https://github.com/actions/runner/github-hosted/",
        "https://example.com/builder",
    ] {
        case(&format!("v1, on a hosted runner, says {id}"), says(id), by_source(), mismatch);
    }
    case("v1, on a machine of its own, says hosted", own(&v1()), by_source(), mismatch);
    case("v0.2, on a machine of its own, hosted is expected", own(&v02()), hosted, "runner-not-hosted");
    case(
        "v1, on a machine of its own, hosted named",
        own(&says(SELF_HOSTED)),
        by_builder(HOSTED),
        "builder-id-mismatch",
    );
    let differs = "ErrorMismatchBuilderID builder-id-mismatch";
    case("verify-npm-package, v1, on a machine of its own", own(&v1()), npm(HOSTED), differs);
    case("verify-npm-package, v0.2, on a machine of its own", own(&v02()), npm(RUNNER), differs);
    case("verify-npm-package, v0.2, on a machine of its own, hosted", own(&v02()), npm(HOSTED), differs);
    case("verify-npm-package, v1, self-hosted expected", v1(), npm(SELF_HOSTED), differs);
    case("verify-npm-package, v1, says self-hosted", says(SELF_HOSTED), npm(HOSTED), differs);
    case("verify-npm-package, v1, says another builder", says("https://example.com/builder"), npm(HOSTED), differs);
    case(
        "verify-npm-package, v1, the kind is not named",
        v1(),
        npm(RUNNER),
        "ErrorInvalidBuilderID builder-id-mismatch",
    );
    case("verify-npm-package, no builder named", v1(), npm(""), "ErrorInvalidBuilderID policy-builder-id");
    for id in [
        "https://github.com/actions/runner/github-hosted@v1",
        "https://github.com/actions/runner/x",
        "https://github.com/actions/runner/",
        "https://github.com/actions/runnerx",
        "https://github.com/acme/app/.github/workflows/release.yml",
    ] {
        case(&format!("verify-npm-package, expects {id}"), v1(), npm(id), "ErrorNotSupported builder-id-mismatch");
    }
    case(
        "verify-npm-package, a certificate without a runner",
        claims(&v1(), |claims| claims.runner_environment = None),
        npm(HOSTED),
        "ErrorNotSupported runner-not-hosted",
    );
    case(
        "verify-npm-package, another kind of runner",
        claims(&v1(), |claims| claims.runner_environment = Some("moon".to_owned())),
        npm(HOSTED),
        "ErrorNotSupported runner-not-hosted",
    );
    let at = |file: &str| {
        set(
            &delegated::delegated(file, "refs/tags/v2.1.0", &format!("{}@refs/tags/v2.1.0", node())),
            "/subject",
            package_subject(PURL),
        )
    };
    case(
        "verify-npm-package, the other delegator",
        at("delegator_generic_slsa3.yml"),
        npm(&node()),
        "ErrorUntrustedReusableWorkflow builder-id-mismatch",
    );
    case(
        "verify-npm-package, a delegator on a machine of its own",
        own(&at("delegator_lowperms-generic_slsa3.yml")),
        npm(&node()),
        differs,
    );
    cases
}

/// What the runner's name does not vouch for.
fn names() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge, code| Case::new(&format!("npm: {name}"), spec, judge, Err(code));
    let hosted = |change: &dyn Fn(&mut Slsa)| {
        policy(Signer::ByFacts, |slsa| {
            slsa.source_uri = repository("github.com/acme/app");
            slsa.builder_id = Some(BuilderId::parse(HOSTED).unwrap());
            change(slsa);
        })
    };
    let foreign = v1_of(|run| run.repository = "evil/app".to_owned());
    let run = generator_run("x.yml", "refs/heads/main");
    let reused = v1_of(|own| own.signer_workflow = run.signer_workflow);
    vec![
        case("any repository has that runner", foreign.clone(), by_builder(HOSTED), "source-uri-mismatch"),
        case(
            "no branch is known of a tag",
            v1(),
            hosted(&|slsa| slsa.source_ref = SourceRef::branch("main").unwrap()),
            "source-ref-mismatch",
        ),
        case(
            "its workflow is not the runner",
            v1(),
            hosted(&|slsa| slsa.signer_workflow = Some(BuilderId::parse(HOSTED).unwrap())),
            "signer-workflow-mismatch",
        ),
        case(
            "another signer",
            reused,
            by_builder("https://github.com/acme/app/.github/workflows/release.yml"),
            "builder-id-mismatch",
        ),
        case("verify-npm-package, another repository", foreign, npm(HOSTED), "ErrorMismatchSource source-uri-mismatch"),
        case(
            "verify-npm-package, another repository in the predicate",
            set(&v1(), &format!("{WORKFLOW}/repository"), json!("https://github.com/evil/app")),
            npm(HOSTED),
            "ErrorMismatchSource source-uri-mismatch",
        ),
        case(
            "verify-npm-package, v0.2, another tag",
            v02(),
            tagged(RUNNER, "v1.4.3"),
            "ErrorMismatchTag source-ref-mismatch",
        ),
        case(
            "verify-npm-package, v1, another tag",
            v1(),
            tagged(HOSTED, "v1.4.3"),
            "ErrorMismatchTag source-ref-mismatch",
        ),
        case(
            "verify-npm-package, another issuer",
            issued(&v1(), "https://accounts.google.com"),
            npm(HOSTED),
            "ErrorInvalidOIDCIssuer issuer-mismatch",
        ),
    ]
}

/// The registry's attestation is about the same package, and the registry's.
fn publications() -> Vec<Case> {
    let good = || published(PURL, "@acme/app", "1.4.2");
    let case = |name: &str, spec: Spec, judge, code| {
        Case::new(&format!("npm: verify-npm-package, {name}"), spec, judge, Err(code))
    };
    let by = |published: Spec| judged(HOSTED, published, package(), Ring::NpmRegistry);
    let any = |published: Spec| judged(HOSTED, published, Package::default(), Ring::NpmRegistry);
    let other = |name: Option<&str>, version: Option<&str>| {
        let package = Package { name: name.map(str::to_owned), version: version.map(str::to_owned) };
        judged(HOSTED, good(), package, Ring::NpmRegistry)
    };
    let subject = |name: &str| set(&v1(), "/subject", package_subject(name));
    let two = set(&good(), "/subject", json!([package_subject(PURL)[0], package_subject("pkg:npm/other@1.0.0")[0]]));
    let certified = Spec { signer: v1().signer, entries: v1().entries, ..good() };
    let name = "ErrorMismatchPackageName subject-mismatch";
    vec![
        case("another package is expected", v1(), other(Some("@acme/other"), None), name),
        case("a package in another case is expected", v1(), other(Some("@acme/App"), None), name),
        case(
            "another version is expected",
            v1(),
            other(None, Some("1.4.3")),
            "ErrorMismatchPackageVersion subject-mismatch",
        ),
        case("an empty name is expected", v1(), other(Some(""), None), name),
        case("built as another package", subject("pkg:npm/%40acme/other@1.4.2"), by(good()), name),
        case(
            "built as another version",
            subject("pkg:npm/%40acme/app@1.4.3"),
            by(good()),
            "ErrorMismatchPackageVersion subject-mismatch",
        ),
        case("built as no package", subject("app.tgz"), by(good()), "ErrorInvalidPackageName subject-mismatch"),
        case(
            "built as a package without a version",
            subject("pkg:npm/app"),
            by(good()),
            "ErrorInvalidPackageName subject-mismatch",
        ),
        case(
            "built as a package without a name",
            subject("pkg:npm/@1.4.2"),
            any(published("pkg:npm/@1.4.2", "", "1.4.2")),
            "ErrorInvalidPackageName subject-mismatch",
        ),
        case(
            "built as a package of no version",
            subject("pkg:npm/app@"),
            any(published("pkg:npm/app@", "app", "")),
            "ErrorInvalidPackageName subject-mismatch",
        ),
        case(
            "built as a package of PyPI",
            subject("pkg:pypi/app@1.4.2"),
            by(good()),
            "ErrorInvalidPackageName subject-mismatch",
        ),
        case("published as another package by its predicate", v1(), by(published(PURL, "@acme/other", "1.4.2")), name),
        case(
            "published as another version by its predicate",
            v1(),
            by(published(PURL, "@acme/app", "1.4.3")),
            "ErrorMismatchPackageVersion subject-mismatch",
        ),
        case(
            "published as another package by its subject",
            v1(),
            by(published("pkg:npm/%40acme/other@1.4.2", "@acme/app", "1.4.2")),
            name,
        ),
        case(
            "published as another version by its subject",
            v1(),
            by(published("pkg:npm/%40acme/app@1.4.3", "@acme/app", "1.4.2")),
            "ErrorMismatchPackageVersion subject-mismatch",
        ),
        case(
            "published as another package, none expected",
            v1(),
            any(published("pkg:npm/%40acme/other@1.4.2", "@acme/other", "1.4.2")),
            name,
        ),
        case("published under two names, none expected", v1(), any(published(PURL, "@acme/other", "1.4.2")), name),
        case("published without a name", v1(), any(published(PURL, "", "")), name),
        case("published with two subjects", v1(), by(two), "ErrorInvalidSubject claim-unverifiable"),
        case(
            "published by a key that the user named",
            v1(),
            judged(HOSTED, good(), package(), Ring::Named),
            "ErrorInvalidSignature signer-not-key",
        ),
        case(
            "published by Google Cloud Build's key",
            v1(),
            judged(HOSTED, good(), package(), Ring::GoogleCloudBuild),
            "ErrorInvalidSignature signer-not-key",
        ),
        case("published by a certificate", v1(), by(certified), "ErrorInvalidSignature signer-not-key"),
        case(
            "published as another predicate type",
            v1(),
            by(set(&good(), "/predicateType", json!(format!("{PUBLISH}/x")))),
            "ErrorInvalidDssePayload predicate-type-mismatch",
        ),
        case(
            "no provenance",
            set(&v1(), "/predicateType", json!(PUBLISH)),
            by(good()),
            "ErrorInvalidDssePayload not-provenance",
        ),
        Case::new(
            "npm: verify-npm-package, provenance by the registry's key",
            keyed(&v1()),
            by(good()),
            Err("ErrorInvalidOIDCIssuer issuer-mismatch"),
        )
        .ring(Ring::NpmRegistry),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), unverifiable(), denied(), runners(), names(), publications()].concat()
}

#[test]
fn the_npm_command_line_says_nothing_unconfirmed() {
    let (accepted, refused) = fixtures::run("npm", &all());
    assert!(accepted >= 14 && refused >= 120, "{accepted} {refused}");
}

#[test]
fn the_facts_of_a_package() {
    let facts = |named: &str, runner: &str| {
        vec![
            "builder https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 C".to_owned(),
            format!("named {named} CP"),
            "signer https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 C".to_owned(),
            format!("signer-commit {COMMIT} C"),
            runner.to_owned(),
            "source git+https://github.com/acme/app CP".to_owned(),
            format!("commit {COMMIT} CP"),
            "ref refs/tags/v1.4.2 CP".to_owned(),
            "trigger push CP".to_owned(),
            "runner github-hosted C".to_owned(),
            "config https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 CP".to_owned(),
            "path .github/workflows/release.yml CP".to_owned(),
            "run https://github.com/acme/app/actions/runs/9876543210/attempts/1 CP".to_owned(),
            "dependencies 1".to_owned(),
        ]
    };
    for (spec, expected) in [
        (v1(), facts(HOSTED, "type https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1 P")),
        (v02(), facts(RUNNER, "type https://github.com/npm/cli/gha/v2 P")),
    ] {
        believed(&spec, Ring::Named, "github-workflow", &expected.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
