//! The generators of slsa-github-generator: generic, Go, container-based and container.

use serde_json::Value;
use serde_json::json;

use sealmark::builders::BuilderError;
use sealmark::builders::interpret;
use sealmark::policy::slsa_verifier::BuilderRef;
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
use crate::fixtures::claims;
use crate::fixtures::domain;
use crate::fixtures::expectations;
use crate::fixtures::generator_run;
use crate::fixtures::issued;
use crate::fixtures::named;
use crate::fixtures::old_claims;
use crate::fixtures::set;
use crate::fixtures::subjects;
use crate::fixtures::without;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;

const TYPES: &str = "https://github.com/slsa-framework/slsa-github-generator";
const RELEASE: &str = "refs/tags/v2.1.0";
const ENVIRONMENT: &str = "/predicate/invocation/environment";

/// Provenance v0.2 of a run.
pub(crate) fn v02(run: &GitHub, build_type: &str) -> Spec {
    let spec = Spec { statement: statement::provenance_v02(&subjects(), run), ..domain().spec_of(&subjects(), run) };
    let spec = set(&spec, "/predicate/buildType", json!(build_type));
    let spec = set(&spec, &format!("{ENVIRONMENT}/github_ref_type"), json!("tag"));
    set(&spec, &format!("{ENVIRONMENT}/github_event_payload"), json!({"base_ref": "refs/heads/main"}))
}

fn at(file: &str, build_type: &str, full_ref: &str) -> Spec {
    v02(&generator_run(file, full_ref), &format!("{TYPES}{build_type}"))
}

/// The generic generator at a release.
pub(crate) fn generic() -> Spec {
    at("generator_generic_slsa3.yml", "/generic@v1", RELEASE)
}

/// The same by a run.
pub(crate) fn generic_of(change: impl FnOnce(&mut GitHub)) -> Spec {
    let mut run = generator_run("generator_generic_slsa3.yml", RELEASE);
    change(&mut run);
    v02(&run, &format!("{TYPES}/generic@v1"))
}

/// The container generator at a release.
pub(crate) fn container() -> Spec {
    at("generator_container_slsa3.yml", "/container@v1", RELEASE)
}

/// Provenance v1 of the container-based builder.
pub(crate) fn container_based() -> Spec {
    let run = generator_run("builder_container-based_slsa3.yml", RELEASE);
    let uri = format!("git+{}@{}", run.repository_uri(), run.reference);
    let mut spec = domain().spec_of(&subjects(), &run);
    let source = json!({"uri": uri, "digest": {"sha1": COMMIT}});
    spec.statement["predicate"] = json!({
        "buildDefinition": {
            "buildType": "https://slsa.dev/container-based-build/v0.1?draft",
            "externalParameters": {
                "source": source,
                "builderImage": {"uri": "bash@sha256:00", "digest": {"sha256": "00"}},
                "configPath": "config.toml",
            },
            "internalParameters": {
                "GITHUB_EVENT_NAME": run.event,
                "GITHUB_REF": run.reference,
                "GITHUB_REF_TYPE": "tag",
                "GITHUB_REPOSITORY": run.repository,
                "GITHUB_RUN_ID": run.run_id,
                "GITHUB_RUN_ATTEMPT": run.run_attempt,
                "GITHUB_SHA": run.commit,
                "GITHUB_WORKFLOW_REF": format!("{}/{}@{}", run.repository, run.workflow_path, run.reference),
                "GITHUB_WORKFLOW_SHA": run.commit,
            },
            "resolvedDependencies": [source],
        },
        "runDetails": {"builder": {"id": run.signer_uri()}, "metadata": {"invocationId": run.run_uri()}},
    });
    spec
}

fn slsa(command: Command) -> Judge {
    Judge::Workflow(expectations(|_| ()), command)
}

fn lie(name: &str, spec: Spec, code: &'static str) -> Case {
    Case::new(name, spec, by_source(), Err(code))
}

fn truths() -> Vec<Case> {
    let truth = |name: &str, spec: Spec| Case::new(name, spec, by_source(), Ok(()));
    let go = |build_type| at("builder_go_slsa3.yml", build_type, RELEASE);
    let case = |name: &str, spec: &Spec, judge| Case::new(name, spec.clone(), judge, Ok(()));
    let main = at("generator_generic_slsa3.yml", "/generic@v1", "refs/heads/main");
    let candidate = at("generator_generic_slsa3.yml", "/generic@v1", "refs/tags/v2.1.0-rc.1");
    let extra = |one| Judge::Workflow(expectations(|expected| expected.builder_refs = vec![one]), Command::Artifact);
    let uri = |at: &str| format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml{at}");
    vec![
        truth("generator: generic", generic()),
        truth("generator: Go", go("/go@v1")),
        truth("generator: Go, older build type", go("@v1")),
        truth("generator: Go, oldest build type", go("-go@v1")),
        truth("generator: container", container()),
        truth("generator: container-based", container_based()),
        truth("generator: a certificate with the deprecated claims alone", old_claims(&generic())),
        truth(
            "generator: an empty variable says nothing",
            set(&generic(), &format!("{ENVIRONMENT}/github_repository_id"), json!("")),
        ),
        case("generator: verify-artifact, generic", &generic(), slsa(Command::Artifact)),
        case("generator: verify-artifact, container-based", &container_based(), slsa(Command::Artifact)),
        case("generator: verify-artifact, deprecated claims alone", &old_claims(&generic()), slsa(Command::Artifact)),
        case("generator: verify-image", &container(), slsa(Command::Image)),
        case("generator: a branch that was asked for", &main, by_builder(&uri("@refs/heads/main"))),
        case(
            "generator: verify-artifact, a branch that is taken",
            &main,
            extra(BuilderRef::Exactly("refs/heads/main".to_owned())),
        ),
        case("generator: verify-artifact, a pre-release that is taken", &candidate, extra(BuilderRef::PreRelease)),
    ]
}

/// The workflow writes one predicate type, one build type and its own name.
fn forms() -> Vec<Case> {
    let foreign = set(&generic(), "/predicate/buildType", json!(format!("{TYPES}/go@v1")));
    let v1 = Spec {
        statement: statement::provenance(&subjects(), &generator_run("generator_generic_slsa3.yml", RELEASE)),
        ..generic()
    };
    let v1 = set(&v1, "/predicate/buildDefinition/buildType", json!(format!("{TYPES}/generic@v1")));
    let old = set(&container_based(), "/predicateType", json!("https://slsa.dev/provenance/v0.2"));
    let predicate = generic().statement["predicate"].clone();
    let old_predicate = set(&old, "/predicate", predicate);
    let builder = |id: &str| set(&generic(), "/predicate/builder/id", json!(id));
    let generic_id = format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml");
    let mut cases = vec![
        lie("generator: a foreign build type", foreign.clone(), "build-type-foreign"),
        lie(
            "generator: its build type in another case",
            set(&generic(), "/predicate/buildType", json!(format!("{TYPES}/Generic@v1"))),
            "build-type-foreign",
        ),
        lie("generator: another predicate version", v1, "build-type-foreign"),
        lie("generator: container-based in v0.2", old_predicate, "build-type-foreign"),
        lie(
            "generator: another file's name",
            builder(&format!("https://github.com/{GENERATORS}/builder_go_slsa3.yml@{RELEASE}")),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: another release's name",
            builder(&format!("{generic_id}@refs/tags/v2.0.0")),
            "predicate-certificate-mismatch",
        ),
        lie("generator: its name without the ref", builder(&generic_id), "predicate-certificate-mismatch"),
        lie(
            "generator: its name with a short ref",
            builder(&format!("{generic_id}@v2.1.0")),
            "predicate-certificate-mismatch",
        ),
        lie("generator: no name", builder(""), "predicate-field-missing"),
        lie(
            "generator: a list for its name",
            set(&generic(), "/predicate/builder/id", json!([generic_id])),
            "predicate-invalid",
        ),
        Case::new(
            "generator: verify-artifact, a foreign build type",
            foreign,
            slsa(Command::Artifact),
            Err("ErrorInvalidDssePayload build-type-foreign"),
        ),
        Case::new(
            "generator: verify-artifact, another builder's name",
            builder(&format!("{generic_id}@refs/tags/v2.0.0")),
            slsa(Command::Artifact),
            Err("ErrorMismatchBuilderID predicate-certificate-mismatch"),
        ),
        Case::new(
            "generator: verify-image, a generator of files",
            generic(),
            slsa(Command::Image),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
        Case::new(
            "generator: verify-artifact, a generator of images",
            container(),
            slsa(Command::Artifact),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
        Case::new(
            "generator: verify-github-attestation, nobody is trusted unnamed",
            generic(),
            slsa(Command::GithubAttestation),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
    ];
    for (file, build_type) in [
        ("builder_go_slsa3.yml", "/generic@v1"),
        ("generator_container_slsa3.yml", "/go@v1"),
        ("builder_container-based_slsa3.yml", "/go@v1"),
    ] {
        cases.push(lie(
            &format!("generator: {file} with {build_type}"),
            at(file, build_type, RELEASE),
            "build-type-foreign",
        ));
    }
    cases
}

/// A branch, a pre-release or a commit of the generator may hold anything; a commit may even be of a fork.
fn refs() -> Vec<Case> {
    let mut cases = Vec::new();
    let uri = format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml");
    for full_ref in [
        "refs/heads/main",
        "refs/heads/v2.1.0",
        "refs/tags/v2.1.0-rc.1",
        "refs/tags/v2.1.0+evil",
        "refs/tags/v2.1",
        "refs/tags/v2",
        "refs/tags/v02.1.0",
        "refs/tags/v2.1.0.",
        "refs/tags/v2.1.0-java",
        "refs/tags/2.1.0",
        "refs/pull/1/merge",
        OTHER_COMMIT,
    ] {
        let spec = at("generator_generic_slsa3.yml", "/generic@v1", full_ref);
        let asked = Judge::Workflow(expectations(|expected| expected.builder_id = builder_id(&uri)), Command::Artifact);
        cases.extend([
            lie(&format!("generator: at {full_ref}"), spec.clone(), "builder-ref-mutable"),
            Case::new(
                &format!("generator: named, at {full_ref}"),
                spec.clone(),
                by_builder(&uri),
                Err("builder-ref-mutable"),
            ),
            Case::new(
                &format!("generator: verify-artifact, at {full_ref}"),
                spec.clone(),
                slsa(Command::Artifact),
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
            Case::new(
                &format!("generator: verify-artifact, named, at {full_ref}"),
                spec,
                asked,
                Err("ErrorInvalidRef builder-ref-mutable"),
            ),
        ]);
    }
    let main = at("generator_generic_slsa3.yml", "/generic@v1", "refs/heads/main");
    cases.push(Case::new(
        "generator: another branch than the one asked for",
        main.clone(),
        by_builder(&format!("{uri}@refs/heads/other")),
        Err("builder-id-mismatch"),
    ));
    let other = Judge::Workflow(
        expectations(|expected| {
            expected.builder_refs = vec![BuilderRef::Exactly("refs/heads/other".to_owned()), BuilderRef::PreRelease]
        }),
        Command::Artifact,
    );
    cases.push(Case::new(
        "generator: verify-artifact, another branch than the one taken",
        main,
        other,
        Err("ErrorInvalidRef builder-ref-mutable"),
    ));
    cases
}

/// Wherever the predicate names the source, it names the certificate's.
fn sources() -> Vec<Case> {
    let lies: Vec<(&str, &str, Value)> = vec![
        (
            "configSource names another repository",
            "/predicate/invocation/configSource/uri",
            json!("git+https://github.com/evil/app@refs/tags/v1.4.2"),
        ),
        (
            "configSource names another ref",
            "/predicate/invocation/configSource/uri",
            json!("git+https://github.com/acme/app@refs/heads/main"),
        ),
        ("configSource names another commit", "/predicate/invocation/configSource/digest/sha1", json!(OTHER_COMMIT)),
        (
            "configSource names another host",
            "/predicate/invocation/configSource/uri",
            json!("git+https://gitlab.com/acme/app@refs/tags/v1.4.2"),
        ),
        (
            "materials name another repository",
            "/predicate/materials/0/uri",
            json!("git+https://github.com/evil/app@refs/tags/v1.4.2"),
        ),
        (
            "materials name another ref",
            "/predicate/materials/0/uri",
            json!("git+https://github.com/acme/app@refs/tags/v1.4.3"),
        ),
        ("materials name another commit", "/predicate/materials/0/digest/sha1", json!(OTHER_COMMIT)),
        ("materials name two commits", "/predicate/materials/0/digest/gitCommit", json!(OTHER_COMMIT)),
        (
            "materials name a lookalike",
            "/predicate/materials/0/uri",
            json!("git+https://github.com.evil.example/acme/app@refs/tags/v1.4.2"),
        ),
        (
            "materials name a longer path",
            "/predicate/materials/0/uri",
            json!("git+https://github.com/acme/app/x@refs/tags/v1.4.2"),
        ),
        (
            "materials name another scheme",
            "/predicate/materials/0/uri",
            json!("git+http://github.com/acme/app@refs/tags/v1.4.2"),
        ),
        (
            "the ref in another case",
            "/predicate/materials/0/uri",
            json!("git+https://github.com/acme/app@refs/tags/V1.4.2"),
        ),
    ];
    let mut cases: Vec<Case> = lies
        .into_iter()
        .map(|(name, pointer, value)| {
            lie(&format!("generator: {name}"), set(&generic(), pointer, value), "predicate-inconsistent")
        })
        .collect();
    let both = |change: &dyn Fn(&mut GitHub)| {
        let mut run = GitHub::default();
        change(&mut run);
        Spec { statement: generic_of(|own| change(own)).statement, ..generic() }
    };
    cases.extend([
        lie(
            "generator: the whole predicate names another repository",
            both(&|run| run.repository = "evil/app".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another ref",
            both(&|run| run.reference = "refs/tags/v9".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another commit",
            both(&|run| run.commit = OTHER_COMMIT.to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another event",
            both(&|run| run.event = "workflow_dispatch".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another run",
            both(&|run| run.run_id = "1".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another attempt",
            both(&|run| run.run_attempt = "2".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: the whole predicate names another workflow",
            both(&|run| run.workflow_path = ".github/workflows/x.yml".to_owned()),
            "predicate-certificate-mismatch",
        ),
        lie(
            "generator: a truthful run of another repository",
            generic_of(|run| run.repository = "evil/app".to_owned()),
            "source-uri-mismatch",
        ),
    ]);
    cases
}

/// The recorded environment is the certificate's run.
fn environments() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, value, code) in [
        ("github_repository", json!("evil/app"), "predicate-inconsistent"),
        ("GITHUB_REPOSITORY", json!("evil/app"), "predicate-inconsistent"),
        ("github_ref", json!("refs/heads/main"), "predicate-inconsistent"),
        ("github_sha1", json!(OTHER_COMMIT), "predicate-inconsistent"),
        ("github_event_name", json!("workflow_dispatch"), "predicate-certificate-mismatch"),
        ("github_run_id", json!("1"), "predicate-inconsistent"),
        ("github_run_id", json!(1), "predicate-inconsistent"),
        ("github_run_attempt", json!("2"), "predicate-inconsistent"),
        ("github_repository_id", json!("1"), "predicate-certificate-mismatch"),
        ("github_repository_owner_id", json!("1"), "predicate-certificate-mismatch"),
        (
            "github_workflow_ref",
            json!("acme/app/.github/workflows/x.yml@refs/tags/v1.4.2"),
            "predicate-certificate-mismatch",
        ),
        ("github_workflow_sha", json!(OTHER_COMMIT), "predicate-certificate-mismatch"),
    ] {
        let spec = set(&generic(), &format!("{ENVIRONMENT}/{name}"), value.clone());
        cases.push(lie(&format!("generator: environment {name} {value}"), spec, code));
    }
    for (name, value, code) in [
        ("GITHUB_REPOSITORY", json!("evil/app"), "predicate-inconsistent"),
        ("GITHUB_REF", json!("refs/heads/main"), "predicate-inconsistent"),
        ("GITHUB_SHA", json!(OTHER_COMMIT), "predicate-inconsistent"),
        ("GITHUB_EVENT_NAME", json!("schedule"), "predicate-certificate-mismatch"),
        ("GITHUB_RUN_ID", json!("1"), "predicate-inconsistent"),
        (
            "GITHUB_WORKFLOW_REF",
            json!("acme/app/.github/workflows/x.yml@refs/tags/v1.4.2"),
            "predicate-certificate-mismatch",
        ),
        ("GITHUB_WORKFLOW_SHA", json!(OTHER_COMMIT), "predicate-certificate-mismatch"),
    ] {
        let spec = set(&container_based(), &format!("/predicate/buildDefinition/internalParameters/{name}"), value);
        cases.push(lie(&format!("generator: container-based, {name}"), spec, code));
    }
    let definition = "/predicate/buildDefinition";
    let evil = "git+https://github.com/evil/app@refs/tags/v1.4.2";
    cases.push(lie(
        "generator: container-based, another source in the parameters",
        set(&container_based(), &format!("{definition}/externalParameters/source/uri"), json!(evil)),
        "predicate-inconsistent",
    ));
    cases.push(lie(
        "generator: container-based, another source in the dependencies",
        set(&container_based(), &format!("{definition}/resolvedDependencies/0/uri"), json!(evil)),
        "predicate-inconsistent",
    ));
    cases.push(lie(
        "generator: container-based, the run of another repository",
        set(
            &container_based(),
            "/predicate/runDetails/metadata/invocationId",
            json!("https://github.com/evil/app/actions/runs/9876543210/attempts/1"),
        ),
        "predicate-certificate-mismatch",
    ));
    cases.push(lie(
        "generator: container-based, another run",
        set(
            &container_based(),
            "/predicate/runDetails/metadata/invocationId",
            json!("https://github.com/acme/app/actions/runs/1/attempts/1"),
        ),
        "predicate-inconsistent",
    ));
    cases.push(lie(
        "generator: another run's id",
        set(&generic(), "/predicate/metadata/buildInvocationID", json!("1-1")),
        "predicate-inconsistent",
    ));
    cases
}

/// The certificate does not contradict itself, and is by GitHub.
fn certificates() -> Vec<Case> {
    let other =
        |change: &dyn Fn(&mut crate::support::virtual_sigstore::Claims)| claims(&generic(), |claims| change(claims));
    let some = |text: &str| Some(text.to_owned());
    let mut cases = vec![
        lie(
            "certificate: two triggers",
            other(&|claims| claims.legacy_trigger = some("schedule")),
            "certificate-claims",
        ),
        lie(
            "certificate: two commits",
            other(&|claims| claims.legacy_commit = some(OTHER_COMMIT)),
            "certificate-claims",
        ),
        lie(
            "certificate: two refs",
            other(&|claims| claims.legacy_reference = some("refs/heads/main")),
            "certificate-claims",
        ),
        lie(
            "certificate: two repositories",
            other(&|claims| claims.legacy_repository = some("evil/app")),
            "certificate-claims",
        ),
        lie(
            "certificate: repositories in two cases",
            other(&|claims| claims.legacy_repository = some("Acme/app")),
            "certificate-claims",
        ),
        lie(
            "certificate: another signer than its name",
            other(&|claims| {
                claims.build_signer_uri = some("https://github.com/acme/app/.github/workflows/x.yml@refs/heads/main")
            }),
            "certificate-claims",
        ),
        Case::new(
            "certificate: verify-artifact, two commits",
            other(&|claims| claims.legacy_commit = some(OTHER_COMMIT)),
            slsa(Command::Artifact),
            Err("ErrorInvalidFormat certificate-claims"),
        ),
        lie(
            "certificate: another repository than the predicate",
            claims(&generic(), |claims| {
                (claims.source_repository_uri, claims.legacy_repository) =
                    (some("https://github.com/acme/other"), some("acme/other"))
            }),
            "predicate-certificate-mismatch",
        ),
    ];
    for issuer in [
        "https://token.actions.githubusercontent.com.evil.example",
        "https://token.actions.githubusercontent.comevil",
        "http://token.actions.githubusercontent.com",
        "https://TOKEN.actions.githubusercontent.com",
        "https://accounts.google.com",
    ] {
        let spec = issued(&generic(), issuer);
        let uri = format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml");
        cases.extend([
            lie(&format!("certificate: the same name by {issuer}"), spec.clone(), "fact-unbacked"),
            Case::new(
                &format!("certificate: the builder's name by {issuer}"),
                spec.clone(),
                by_builder(&uri),
                Err("fact-unbacked fact-unbacked"),
            ),
            Case::new(
                &format!("certificate: verify-artifact, the same name by {issuer}"),
                spec,
                slsa(Command::Artifact),
                Err("ErrorInvalidOIDCIssuer issuer-mismatch"),
            ),
        ]);
    }
    let enterprise = issued(&generic(), "https://token.actions.githubusercontent.com/acme");
    cases.push(Case::new(
        "certificate: verify-artifact, an enterprise's issuer",
        enterprise,
        slsa(Command::Artifact),
        Err("ErrorInvalidOIDCIssuer issuer-mismatch"),
    ));
    // Lookalikes of the workflow are ordinary workflows: nobody trusts them unnamed, and they are not the generator.
    let uri = format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml");
    for name in [
        format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml2@{RELEASE}"),
        format!("https://github.com/{GENERATORS}/Generator_generic_slsa3.yml@{RELEASE}"),
        format!("https://github.com/{GENERATORS}/../workflows/generator_generic_slsa3.yml@{RELEASE}"),
        format!("https://github.com/{GENERATORS}/generator%5fgeneric_slsa3.yml@{RELEASE}"),
        format!("https://github.com/evil/{GENERATORS}/generator_generic_slsa3.yml@{RELEASE}"),
        format!(
            "https://github.com/evil/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml@{RELEASE}"
        ),
    ] {
        let spec = set(&named(&generic(), &name), "/predicate/builder/id", json!(name));
        let name = name.strip_prefix("https://github.com/").unwrap_or_default();
        cases.extend([
            Case::new(
                &format!("certificate: {name} for the generator"),
                spec.clone(),
                by_builder(&uri),
                Err("builder-id-mismatch"),
            ),
            Case::new(
                &format!("certificate: verify-artifact, {name}"),
                spec,
                slsa(Command::Artifact),
                Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
            ),
        ]);
    }
    cases
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), forms(), refs(), sources(), environments(), certificates()].concat()
}

#[test]
fn generators_sign_what_they_write() {
    let (accepted, refused) = fixtures::run("generators", &all());
    assert!(accepted >= 14 && refused >= 100, "{accepted} {refused}");
}

#[test]
fn the_facts_of_a_generator() {
    let signer = format!("https://github.com/{GENERATORS}/generator_generic_slsa3.yml@{RELEASE}");
    let commit = format!("commit {COMMIT} CP");
    let generic_facts = [
        &*format!("builder {signer} CP"),
        &format!("signer {signer} C"),
        &format!("signer-commit {} C", "1".repeat(40)),
        "type https://github.com/slsa-framework/slsa-github-generator/generic@v1 P",
        "source git+https://github.com/acme/app CP",
        &commit,
        "ref refs/tags/v1.4.2 CP",
        "branch refs/heads/main P",
        "trigger push CP",
        "runner github-hosted C",
        "config https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 C",
        "path .github/workflows/release.yml CP",
        "run https://github.com/acme/app/actions/runs/9876543210/attempts/1 CP",
        "dependencies 1",
    ];
    believed(&generic(), Ring::Named, "slsa-github-generator", &generic_facts);
    // The deprecated claims name neither runner, workflow nor run.
    let old = [
        &*format!("builder {signer} CP"),
        &format!("signer {signer} C"),
        "type https://github.com/slsa-framework/slsa-github-generator/generic@v1 P",
        "source git+https://github.com/acme/app CP",
        &commit,
        "ref refs/tags/v1.4.2 CP",
        "branch refs/heads/main P",
        "trigger push CP",
        "path .github/workflows/release.yml P",
        "run 9876543210-1 P",
        "dependencies 1",
    ];
    believed(&old_claims(&generic()), Ring::Named, "slsa-github-generator", &old);
    let branch = without(
        &generic_of(|run| run.reference = "refs/heads/main".to_owned()),
        &format!("{ENVIRONMENT}/github_event_payload"),
    );
    let (_, found) = fixtures::facts(&branch, Ring::Named);
    assert!(found.contains("branch refs/heads/main CP"), "{found}");
    let signer = format!("https://github.com/{GENERATORS}/builder_container-based_slsa3.yml@{RELEASE}");
    let (kind, found) = fixtures::facts(&container_based(), Ring::Named);
    assert_eq!(kind, "slsa-github-generator");
    for line in [
        &*format!("builder {signer} CP"),
        "config https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 CP",
        &commit,
        "path .github/workflows/release.yml C",
    ] {
        assert!(found.contains(line), "{line}: {found}");
    }
}

/// A refusal names each saying with its place.
#[test]
fn two_sayings_are_told_apart() {
    let other = "git+https://github.com/evil/app@refs/tags/v1.4.2";
    let spec = set(&generic(), "/predicate/invocation/configSource/uri", json!(other));
    let found = interpret(fixtures::verified(&spec, Ring::Named)).unwrap_err();
    let expected = BuilderError::Inconsistent {
        field: "source repository",
        first: "git+https://github.com/acme/app (materials[0])".to_owned(),
        second: "git+https://github.com/evil/app (configSource)".to_owned(),
    };
    assert_eq!(found, expected);
}
