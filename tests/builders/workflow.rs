//! GitHub artifact attestations of any workflow.

use serde_json::Value;
use serde_json::json;

use sealmark::policy::BuilderId;
use sealmark::policy::Require;
use sealmark::policy::Runner;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::slsa_verifier::Command;
use sealmark::trust::rings::Ring;

use crate::fixtures;
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
use crate::fixtures::named;
use crate::fixtures::old_claims;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::subjects;
use crate::fixtures::without;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;

/// The reusable workflow that signs, without a ref.
pub(crate) const SIGNER: &str = "https://github.com/acme/build/.github/workflows/release.yml";
const WORKFLOW: &str = "/predicate/buildDefinition/externalParameters/workflow";
const CONTEXT: &str = "/predicate/buildDefinition/internalParameters/github";
const DEPENDENCY: &str = "/predicate/buildDefinition/resolvedDependencies/0";

/// A run whose provenance a reusable workflow of the same owner signs.
pub(crate) fn attested(change: impl FnOnce(&mut GitHub)) -> Spec {
    let mut run = GitHub {
        signer_workflow: Some("acme/build/.github/workflows/release.yml@refs/tags/v3.1.0".to_owned()),
        signer_commit: Some("2".repeat(40)),
        ..GitHub::default()
    };
    change(&mut run);
    domain().spec_of(&subjects(), &run)
}

fn good() -> Spec {
    attested(|_| ())
}

fn github(named: &str) -> Judge {
    Judge::Workflow(expectations(|expected| expected.builder_id = builder_id(named)), Command::GithubAttestation)
}

fn slsa(change: impl FnOnce(&mut Slsa)) -> Judge {
    policy(Signer::ByFacts, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        change(slsa);
    })
}

fn truths() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge| Case::new(&format!("workflow: {name}"), spec, judge, Ok(()));
    let own = attested(|run| run.signer_workflow = None);
    let spaced = set(&good(), &format!("{WORKFLOW}/repository"), json!("https://github.com/Acme/App"));
    vec![
        case("by its source", good(), by_source()),
        case("by its builder", good(), by_builder(SIGNER)),
        case("by its builder at its tag", good(), by_builder(&format!("{SIGNER}@v3.1.0"))),
        case(
            "by the workflow that signed",
            good(),
            slsa(|slsa| slsa.signer_workflow = Some(BuilderId::parse(SIGNER).unwrap())),
        ),
        case(
            "by the repository that signed",
            good(),
            slsa(|slsa| slsa.signer_repository = repository("github.com/acme/build")),
        ),
        case("signed by the workflow itself", own, by_source()),
        case("its repository in another case", spaced, by_source()),
        case("without an environment", without(&good(), "/predicate/buildDefinition/internalParameters"), by_source()),
        case("deprecated claims alone", old_claims(&good()), by_source()),
        case(
            "on a machine of its own, which nobody forbids",
            attested(|run| run.runner = "self-hosted".to_owned()),
            by_source(),
        ),
        case("verify-github-attestation", good(), github(SIGNER)),
        case("verify-github-attestation at its tag", good(), github(&format!("{SIGNER}@v3.1.0"))),
        case(
            "verify-artifact, named",
            good(),
            Judge::Workflow(expectations(|expected| expected.builder_id = builder_id(SIGNER)), Command::Artifact),
        ),
    ]
}

/// Each saying of the predicate changed alone.
fn lies() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut lie = |name: &str, pointer: String, value: Value, code| {
        cases.push(Case::new(&format!("workflow: {name}"), set(&good(), &pointer, value), by_source(), Err(code)));
    };
    let mismatch = "predicate-certificate-mismatch";
    lie("another path", format!("{WORKFLOW}/path"), json!(".github/workflows/x.yml"), mismatch);
    lie("a path with dots", format!("{WORKFLOW}/path"), json!(".github/workflows/../workflows/release.yml"), mismatch);
    lie("a percent-encoded path", format!("{WORKFLOW}/path"), json!(".github/workflows/release%2eyml"), mismatch);
    lie("another ref", format!("{WORKFLOW}/ref"), json!("refs/heads/main"), mismatch);
    lie("a ref with an @", format!("{WORKFLOW}/ref"), json!("refs/tags/v1.4.2@x"), mismatch);
    lie("another repository", format!("{WORKFLOW}/repository"), json!("https://github.com/evil/app"), mismatch);
    lie(
        "a repository with a trailing dot",
        format!("{WORKFLOW}/repository"),
        json!("https://github.com./acme/app"),
        mismatch,
    );
    lie(
        "a repository of another alphabet",
        format!("{WORKFLOW}/repository"),
        json!("https://github.com/аcme/app"),
        mismatch,
    );
    lie("another event", format!("{CONTEXT}/event_name"), json!("schedule"), mismatch);
    lie("another repository id", format!("{CONTEXT}/repository_id"), json!("1"), mismatch);
    lie("another owner id", format!("{CONTEXT}/repository_owner_id"), json!("1"), mismatch);
    lie("another kind of runner", format!("{CONTEXT}/runner_environment"), json!("self-hosted"), mismatch);
    lie("a runner in another case", format!("{CONTEXT}/runner_environment"), json!("GitHub-Hosted"), mismatch);
    lie(
        "another dependency",
        format!("{DEPENDENCY}/uri"),
        json!("git+https://github.com/evil/app@refs/tags/v1.4.2"),
        mismatch,
    );
    lie(
        "a dependency at another ref",
        format!("{DEPENDENCY}/uri"),
        json!("git+https://github.com/acme/app@refs/heads/main"),
        mismatch,
    );
    lie("a dependency of another commit", format!("{DEPENDENCY}/digest"), json!({"gitCommit": OTHER_COMMIT}), mismatch);
    lie(
        "a dependency of two commits",
        format!("{DEPENDENCY}/digest/sha1"),
        json!(OTHER_COMMIT),
        "predicate-inconsistent",
    );
    let run = "/predicate/runDetails/metadata/invocationId";
    lie("another run", run.to_owned(), json!("https://github.com/acme/app/actions/runs/1/attempts/1"), mismatch);
    lie(
        "another attempt",
        run.to_owned(),
        json!("https://github.com/acme/app/actions/runs/9876543210/attempts/2"),
        mismatch,
    );
    lie(
        "the run of another repository",
        run.to_owned(),
        json!("https://github.com/evil/app/actions/runs/9876543210/attempts/1"),
        mismatch,
    );
    lie("a run in the short spelling", run.to_owned(), json!("1-1"), mismatch);
    // Variables of the older generators are read wherever they stand.
    for (name, value) in
        [("GITHUB_REPOSITORY", "evil/app"), ("GITHUB_REF", "refs/heads/main"), ("GITHUB_SHA", OTHER_COMMIT)]
    {
        let pointer = format!("/predicate/buildDefinition/internalParameters/{name}");
        lie(&format!("a variable {name}"), pointer, json!(value), "predicate-inconsistent");
    }
    cases
}

/// What a workflow of a stranger, or of another branch, can get signed.
fn strangers() -> Vec<Case> {
    let case = |name: &str, spec: Spec, judge, code| Case::new(&format!("workflow: {name}"), spec, judge, Err(code));
    let foreign = attested(|run| run.repository = "evil/app".to_owned());
    let pretending = Spec { statement: good().statement, ..foreign.clone() };
    let branch = attested(|run| run.reference = "refs/heads/main".to_owned());
    let posing = Spec { statement: good().statement, ..branch.clone() };
    let own = attested(|run| {
        run.signer_workflow = Some("evil/build/.github/workflows/release.yml@refs/tags/v3.1.0".to_owned())
    });
    let claims_builder = set(&own, "/predicate/runDetails/builder/id", json!(format!("{SIGNER}@refs/tags/v3.1.0")));
    // A file whose name holds an @ is another file.
    let odd = named(&good(), &format!("{SIGNER}@x.yml@refs/heads/main"));
    let nobody = named(&good(), &format!("{SIGNER}@"));
    let elsewhere = claims(&good(), |claims| {
        claims.build_config_uri =
            Some("https://github.com/acme/rules/.github/workflows/all.yml@refs/heads/main".to_owned())
    });
    let elsewhere = without(&elsewhere, "/predicate/buildDefinition/externalParameters/workflow/repository");
    let tag = slsa(|slsa| slsa.source_ref = sealmark::policy::SourceRef::tag("v1.4.2").unwrap());
    let path = slsa(|slsa| {
        slsa.signer_workflow = Some(BuilderId::parse(SIGNER).unwrap());
        slsa.workflow_path = Require::Exactly(".github/workflows/release.yml".to_owned());
    });
    let hosted = slsa(|slsa| slsa.runner = Runner::Hosted);
    let machine = attested(|run| run.runner = "self-hosted".to_owned());
    let boast = set(&machine, &format!("{CONTEXT}/runner_environment"), json!("github-hosted"));
    let mismatch = "predicate-certificate-mismatch";
    vec![
        case("of another repository", foreign.clone(), by_source(), "source-uri-mismatch"),
        case("of another repository, the predicate of this one", pretending.clone(), by_source(), mismatch),
        case("of a branch, a tag is expected", branch, tag.clone(), "source-ref-mismatch"),
        case("of a branch, the predicate of a tag", posing, tag, mismatch),
        case("another signer", own.clone(), by_builder(SIGNER), "builder-id-mismatch"),
        case("another signer that names this one", claims_builder.clone(), by_builder(SIGNER), "builder-id-mismatch"),
        case("a signer at another ref", good(), by_builder(&format!("{SIGNER}@v3.0.0")), "builder-id-mismatch"),
        case("a file name with an @", odd.clone(), by_builder(SIGNER), "builder-id-mismatch"),
        case(
            "a file name with an @, as signer",
            odd,
            slsa(|slsa| slsa.signer_workflow = Some(BuilderId::parse(SIGNER).unwrap())),
            "signer-workflow-mismatch",
        ),
        case("a signer at no ref", nobody, by_builder(SIGNER), "builder-id-mismatch"),
        case("a workflow of another repository for the one of this path", elsewhere, path, "workflow-path-mismatch"),
        case("a machine of its own", machine.clone(), hosted.clone(), "runner-not-hosted"),
        case("a machine of its own that says otherwise", boast, hosted, mismatch),
        Case::new(
            "workflow: verify-github-attestation, another repository",
            foreign,
            github(SIGNER),
            Err("ErrorMismatchSource source-uri-mismatch"),
        ),
        Case::new(
            "workflow: verify-github-attestation, a stranger's predicate of this repository",
            pretending,
            github(SIGNER),
            Err("ErrorMismatchSource source-uri-mismatch"),
        ),
        Case::new(
            "workflow: verify-github-attestation, another signer",
            own,
            github(SIGNER),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
        Case::new(
            "workflow: verify-github-attestation, another signer that names this one",
            claims_builder,
            github(SIGNER),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
        Case::new(
            "workflow: verify-github-attestation, at a branch",
            named(
                &set(&good(), "/predicate/runDetails/builder/id", json!(format!("{SIGNER}@refs/heads/main"))),
                &format!("{SIGNER}@refs/heads/main"),
            ),
            github(SIGNER),
            Err("ErrorInvalidRef builder-ref-mutable"),
        ),
        Case::new(
            "workflow: verify-github-attestation, another name in the predicate",
            set(&good(), "/predicate/runDetails/builder/id", json!(SIGNER)),
            github(SIGNER),
            Err("ErrorMismatchBuilderID predicate-certificate-mismatch"),
        ),
        Case::new(
            "workflow: verify-github-attestation, another commit in the predicate",
            set(&good(), &format!("{DEPENDENCY}/digest"), json!({"gitCommit": OTHER_COMMIT})),
            github(SIGNER),
            Err("ErrorMismatchCertificate predicate-certificate-mismatch"),
        ),
        Case::new(
            "workflow: verify-artifact, nobody is trusted unnamed",
            good(),
            Judge::Workflow(expectations(|_| ()), Command::Artifact),
            Err("ErrorUntrustedReusableWorkflow builder-id-mismatch"),
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [truths(), lies(), strangers()].concat()
}

#[test]
fn workflows_say_what_their_certificate_says() {
    let (accepted, refused) = fixtures::run("workflows", &all());
    assert!(accepted >= 13 && refused >= 45, "{accepted} {refused}");
}

#[test]
fn the_facts_of_a_workflow() {
    let expected = [
        "builder https://github.com/acme/build/.github/workflows/release.yml@refs/tags/v3.1.0 CP",
        "signer https://github.com/acme/build/.github/workflows/release.yml@refs/tags/v3.1.0 C",
        &format!("signer-commit {} C", "2".repeat(40)),
        "type https://actions.github.io/buildtypes/workflow/v1 P",
        "source git+https://github.com/acme/app CP",
        &format!("commit {COMMIT} CP"),
        "ref refs/tags/v1.4.2 CP",
        "trigger push CP",
        "runner github-hosted CP",
        "config https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2 CP",
        "path .github/workflows/release.yml CP",
        "run https://github.com/acme/app/actions/runs/9876543210/attempts/1 CP",
        "dependencies 1",
    ];
    believed(&good(), Ring::Named, "github-workflow", &expected);
    let other = set(&good(), "/predicate/runDetails/builder/id", json!("https://example.com/builder"));
    let (_, found) = fixtures::facts(&other, Ring::Named);
    assert!(found.contains("release.yml@refs/tags/v3.1.0 C\nnamed https://example.com/builder P\n"), "{found}");
    let enterprise = fixtures::issued(&good(), "https://token.actions.githubusercontent.com/acme");
    believed(&enterprise, Ring::Named, "github-workflow", &expected);
    // Without the run in the certificate it is the predicate's word.
    let silent = claims(&good(), |claims| claims.run_invocation_uri = None);
    let (_, found) = fixtures::facts(&silent, Ring::Named);
    assert!(found.contains("run https://github.com/acme/app/actions/runs/9876543210/attempts/1 P"), "{found}");
}
