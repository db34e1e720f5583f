//! Every expectation of a policy: met, not met, about nothing, and about what only the predicate says.

use serde_json::json;

use sealmark::policy::Anchored;
use sealmark::policy::BuilderId;
use sealmark::policy::Policy;
use sealmark::policy::Require;
use sealmark::policy::Runner;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::SourceRef;
use sealmark::policy::VersionPattern;

use crate::fixtures;
use crate::fixtures::COMMIT;
use crate::fixtures::Case;
use crate::fixtures::Judge;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::claims;
use crate::fixtures::keyed;
use crate::fixtures::named;
use crate::fixtures::old_claims;
use crate::fixtures::policy;
use crate::fixtures::repository;
use crate::fixtures::set;
use crate::fixtures::without;
use crate::generator;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;
use crate::workflow::SIGNER;
use crate::workflow::attested;

const PAYLOAD: &str = "/predicate/invocation/environment/github_event_payload";

fn good() -> Spec {
    attested(|_| ())
}

fn exactly(text: &str) -> Require {
    Require::Exactly(text.to_owned())
}

fn regex(text: &str) -> Require {
    Require::Matches(Anchored::new(text).unwrap())
}

/// Nobody is named but the source.
fn expects(change: impl FnOnce(&mut Slsa)) -> Judge {
    policy(Signer::ByFacts, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        change(slsa);
    })
}

/// The workflow that signed is named.
fn named_signer(change: impl FnOnce(&mut Slsa)) -> Judge {
    expects(|slsa| {
        slsa.signer_workflow = Some(BuilderId::parse(SIGNER).unwrap());
        change(slsa);
    })
}

type Change = fn(&mut Slsa);

/// Each expectation: how to have it met, how not, and its code.
fn table() -> Vec<(&'static str, Change, Change, &'static str)> {
    vec![
        (
            "source",
            |slsa| slsa.source_uri = repository("https://github.com/Acme/app.git"),
            |slsa| slsa.source_uri = repository("github.com/acme/app2"),
            "source-uri-mismatch",
        ),
        (
            "builder",
            |slsa| slsa.builder_id = Some(BuilderId::parse(SIGNER).unwrap()),
            |slsa| {
                slsa.builder_id =
                    Some(BuilderId::parse("https://github.com/acme/build/.github/workflows/other.yml").unwrap())
            },
            "builder-id-mismatch",
        ),
        (
            "builder in another case",
            |slsa| slsa.builder_id = Some(BuilderId::parse(SIGNER).unwrap()),
            |slsa| {
                slsa.builder_id =
                    Some(BuilderId::parse("https://github.com/Acme/build/.github/workflows/release.yml").unwrap())
            },
            "builder-id-mismatch",
        ),
        (
            "builder at a ref",
            |slsa| slsa.builder_id = Some(BuilderId::parse(&format!("{SIGNER}@refs/tags/v3.1.0")).unwrap()),
            |slsa| slsa.builder_id = Some(BuilderId::parse(&format!("{SIGNER}@refs/heads/v3.1.0")).unwrap()),
            "builder-id-mismatch",
        ),
        (
            "exact tag",
            |slsa| slsa.source_ref = SourceRef::tag("v1.4.2").unwrap(),
            |slsa| slsa.source_ref = SourceRef::tag("V1.4.2").unwrap(),
            "source-ref-mismatch",
        ),
        (
            "exact ref",
            |slsa| slsa.source_ref = SourceRef::exactly("refs/tags/v1.4.2").unwrap(),
            |slsa| slsa.source_ref = SourceRef::exactly("refs/heads/v1.4.2").unwrap(),
            "source-ref-mismatch",
        ),
        (
            "version",
            |slsa| slsa.source_ref = SourceRef::Version(VersionPattern::parse("v1.4").unwrap()),
            |slsa| slsa.source_ref = SourceRef::Version(VersionPattern::parse("v1.5").unwrap()),
            "source-version-mismatch",
        ),
        (
            "commit",
            |slsa| slsa.source_commit = exactly(COMMIT),
            |slsa| slsa.source_commit = exactly(OTHER_COMMIT),
            "source-commit-mismatch",
        ),
        (
            "one of two commits",
            |slsa| slsa.source_commit = Require::OneOf(vec![OTHER_COMMIT.to_owned(), COMMIT.to_owned()]),
            |slsa| slsa.source_commit = Require::OneOf(vec![OTHER_COMMIT.to_owned(), COMMIT[..39].to_owned()]),
            "source-commit-mismatch",
        ),
        (
            "none of no commits",
            |_| (),
            |slsa| slsa.source_commit = Require::OneOf(Vec::new()),
            "source-commit-mismatch",
        ),
        (
            "workflow path",
            |slsa| slsa.workflow_path = exactly(".github/workflows/release.yml"),
            |slsa| slsa.workflow_path = exactly(".github/workflows/release.yaml"),
            "workflow-path-mismatch",
        ),
        (
            "workflow path by expression",
            |slsa| slsa.workflow_path = regex(r"\.github/workflows/[a-z]+\.yml"),
            |slsa| slsa.workflow_path = regex("release"),
            "workflow-path-mismatch",
        ),
        (
            "trigger",
            |slsa| slsa.trigger = Require::OneOf(vec!["release".to_owned(), "push".to_owned()]),
            |slsa| slsa.trigger = exactly("workflow_dispatch"),
            "trigger-mismatch",
        ),
        (
            "runner",
            |slsa| slsa.runner = Runner::Hosted,
            |slsa| (slsa.runner, slsa.trigger) = (Runner::Hosted, exactly("")),
            "trigger-mismatch",
        ),
        (
            "build type",
            |slsa| slsa.build_type = exactly("https://actions.github.io/buildtypes/workflow/v1"),
            |slsa| slsa.build_type = exactly("https://actions.github.io/buildtypes/workflow/v2"),
            "build-type-mismatch",
        ),
        (
            "signer's repository",
            |slsa| slsa.signer_repository = repository("github.com/acme/build"),
            |slsa| slsa.signer_repository = repository("github.com/acme/buil"),
            "signer-repository-mismatch",
        ),
        (
            "signer's repository, a longer one",
            |slsa| slsa.signer_repository = repository("github.com/acme/build"),
            |slsa| slsa.signer_repository = repository("github.com/acme/build/x"),
            "signer-repository-mismatch",
        ),
        (
            "signer's workflow",
            |slsa| {
                slsa.signer_workflow =
                    Some(BuilderId::parse_workflow("acme/build/.github/workflows/release.yml").unwrap())
            },
            |slsa| {
                slsa.signer_workflow =
                    Some(BuilderId::parse_workflow("acme/app/.github/workflows/release.yml").unwrap())
            },
            "signer-workflow-mismatch",
        ),
        (
            "signer's commit",
            |slsa| slsa.signer_digest = exactly("2222222222222222222222222222222222222222"),
            |slsa| slsa.signer_digest = exactly(COMMIT),
            "signer-digest-mismatch",
        ),
    ]
}

fn fields() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, met, unmet, code) in table() {
        cases.push(Case::new(&format!("policy: {name}"), good(), expects(met), Ok(())));
        cases.push(Case::new(&format!("policy: another {name}"), good(), expects(unmet), Err(code)));
    }
    // Every difference is named, not only the first.
    let several = expects(|slsa| {
        slsa.source_commit = exactly(OTHER_COMMIT);
        slsa.trigger = exactly("schedule");
        slsa.source_ref = SourceRef::branch("main").unwrap();
    });
    cases.push(Case::new(
        "policy: several differences",
        good(),
        several,
        Err("source-ref-mismatch source-commit-mismatch trigger-mismatch"),
    ));
    cases
}

/// What is not there is not what was expected, whoever signed.
fn absent() -> Vec<Case> {
    let old = old_claims(&good());
    let old = without(&old, "/predicate/buildDefinition/internalParameters");
    let old = without(&old, "/predicate/buildDefinition/externalParameters/workflow");
    let bare = without(&keyed(&old), "/predicate/buildDefinition/resolvedDependencies");
    let by_key = |change: Change| policy(Signer::TrustedKey, change);
    let case =
        |name: &str, spec: &Spec, judge, code| Case::new(&format!("policy: no {name}"), spec.clone(), judge, Err(code));
    vec![
        case(
            "source",
            &bare,
            by_key(|slsa| slsa.source_uri = repository("github.com/acme/app")),
            "source-uri-mismatch",
        ),
        case("ref", &bare, by_key(|slsa| slsa.source_ref = SourceRef::tag("v1.4.2").unwrap()), "source-ref-mismatch"),
        case(
            "branch",
            &bare,
            by_key(|slsa| slsa.source_ref = SourceRef::branch("main").unwrap()),
            "source-ref-mismatch",
        ),
        case(
            "version",
            &bare,
            by_key(|slsa| slsa.source_ref = SourceRef::Version(VersionPattern::parse("v1").unwrap())),
            "source-version-mismatch",
        ),
        case("commit", &bare, by_key(|slsa| slsa.source_commit = exactly(COMMIT)), "source-commit-mismatch"),
        case("commit for any", &bare, by_key(|slsa| slsa.source_commit = regex(".*")), "source-commit-mismatch"),
        case("workflow path", &bare, by_key(|slsa| slsa.workflow_path = regex(".*")), "workflow-path-mismatch"),
        case("trigger", &bare, by_key(|slsa| slsa.trigger = regex(".*")), "trigger-mismatch"),
        case("runner", &bare, by_key(|slsa| slsa.runner = Runner::Hosted), "runner-not-hosted"),
        case(
            "signer's repository",
            &bare,
            by_key(|slsa| slsa.signer_repository = repository("github.com/acme/build")),
            "signer-repository-mismatch",
        ),
        case(
            "signer's workflow",
            &bare,
            by_key(|slsa| slsa.signer_workflow = Some(BuilderId::parse(SIGNER).unwrap())),
            "signer-workflow-mismatch",
        ),
        case("signer's commit", &bare, by_key(|slsa| slsa.signer_digest = regex(".*")), "signer-digest-mismatch"),
        case(
            "inputs",
            &bare,
            by_key(|slsa| drop(slsa.inputs.insert("a".to_owned(), "b".to_owned()))),
            "input-mismatch",
        ),
        case(
            "runner in an old certificate",
            &old,
            named_signer(|slsa| slsa.runner = Runner::Hosted),
            "runner-not-hosted",
        ),
        case(
            "workflow path in an old certificate",
            &old,
            named_signer(|slsa| slsa.workflow_path = regex(".*")),
            "workflow-path-mismatch",
        ),
        case(
            "signer's commit in an old certificate",
            &old,
            named_signer(|slsa| slsa.signer_digest = regex(".*")),
            "signer-digest-mismatch",
        ),
        Case::new(
            "policy: a key's word on its runner",
            keyed(&good()),
            by_key(|slsa| slsa.runner = Runner::Hosted),
            Ok(()),
        ),
        Case::new(
            "policy: a key's word on a machine of its own",
            set(
                &keyed(&good()),
                "/predicate/buildDefinition/internalParameters/github/runner_environment",
                json!("self-hosted"),
            ),
            by_key(|slsa| slsa.runner = Runner::Hosted),
            Err("runner-not-hosted"),
        ),
    ]
}

/// What only the predicate says counts once the signer is named, and found.
fn backing() -> Vec<Case> {
    let case =
        |name: &str, spec: &Spec, judge, expected| Case::new(&format!("policy: {name}"), spec.clone(), judge, expected);
    // A workflow path and a runner that no old certificate has.
    let old = old_claims(&good());
    let path: Change = |slsa| slsa.workflow_path = Require::Exactly(".github/workflows/release.yml".to_owned());
    let unbacked = Err("fact-unbacked");
    let builder = |change: Change, id: &str| {
        let id = BuilderId::parse(id).unwrap();
        expects(|slsa| {
            slsa.builder_id = Some(id);
            change(slsa);
        })
    };
    let certificate = Signer::Certificate {
        identity: exactly(&format!("{SIGNER}@refs/tags/v3.1.0")),
        issuer: exactly("https://token.actions.githubusercontent.com"),
    };
    let certified = policy(certificate, path);
    let repository_named = expects(|slsa| {
        slsa.signer_repository = repository("github.com/acme/build");
        path(slsa);
    });
    vec![
        case("a path in the predicate, nobody named", &old, expects(path), unbacked),
        case("a path in the predicate, the workflow named", &old, named_signer(path), Ok(())),
        case("a path in the predicate, the builder named", &old, builder(path, SIGNER), Ok(())),
        case("a path in the predicate, the certificate named", &old, certified, Ok(())),
        case("a path in the predicate, only the signer's repository named", &old, repository_named, unbacked),
        case(
            "a path in the predicate, another builder named",
            &old,
            builder(path, "https://github.com/acme/build/.github/workflows/other.yml"),
            Err("builder-id-mismatch fact-unbacked"),
        ),
        case(
            "a runner in the predicate, the workflow named",
            &old,
            named_signer(|slsa| slsa.runner = Runner::Hosted),
            unbacked,
        ),
        case(
            "a runner in the predicate, the builder named",
            &old,
            builder(|slsa| slsa.runner = Runner::Hosted, SIGNER),
            unbacked,
        ),
    ]
}

/// A tag's branch is what the event says of it.
fn branches() -> Vec<Case> {
    let generic =
        "https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml";
    let on = |branch: &str| {
        let branch = SourceRef::branch(branch).unwrap();
        expects(|slsa| {
            slsa.builder_id = Some(BuilderId::parse(generic).unwrap());
            slsa.source_ref = branch;
        })
    };
    let case =
        |name: &str, spec: Spec, judge, expected| Case::new(&format!("policy: branch, {name}"), spec, judge, expected);
    let event = |event: &str, payload| {
        let event = event.to_owned();
        set(&generator::generic_of(|run| run.event = event), PAYLOAD, payload)
    };
    let of = |change: fn(&mut GitHub)| generator::generic_of(change);
    let mismatch = Err("source-ref-mismatch");
    let anybody = expects(|slsa| slsa.source_ref = SourceRef::branch("main").unwrap());
    vec![
        case("of a branch", of(|run| run.reference = "refs/heads/main".to_owned()), on("main"), Ok(())),
        case("of another branch", of(|run| run.reference = "refs/heads/main".to_owned()), on("mai"), mismatch),
        case("in another case", of(|run| run.reference = "refs/heads/Main".to_owned()), on("main"), mismatch),
        case(
            "of a tag that was pushed from it",
            event("push", json!({"base_ref": "refs/heads/main"})),
            on("main"),
            Ok(()),
        ),
        case(
            "of a tag that was pushed from another",
            event("push", json!({"base_ref": "refs/heads/evil"})),
            on("main"),
            mismatch,
        ),
        case("of a tag that was pushed, in short", event("push", json!({"base_ref": "main"})), on("main"), mismatch),
        case(
            "of a release of it",
            event("release", json!({"release": {"target_commitish": "main"}})),
            on("main"),
            Ok(()),
        ),
        case(
            "of a release of another",
            event("release", json!({"release": {"target_commitish": "evil"}})),
            on("main"),
            mismatch,
        ),
        case(
            "of a release of a commit",
            event("release", json!({"release": {"target_commitish": COMMIT}})),
            on("main"),
            mismatch,
        ),
        case("of an annotated tag", event("push", json!({"base_ref": null})), on("main"), mismatch),
        case("of a tag, an empty text", event("push", json!({"base_ref": ""})), on("main"), mismatch),
        case("of a tag, a list", event("push", json!({"base_ref": ["refs/heads/main"]})), on("main"), mismatch),
        case(
            "of a tag, another event's payload",
            event("schedule", json!({"base_ref": "refs/heads/main"})),
            on("main"),
            mismatch,
        ),
        case("of a tag of the same name", of(|run| run.reference = "refs/tags/main".to_owned()), on("main"), Ok(())),
        case(
            "of a tag of the same name, annotated",
            set(&of(|run| run.reference = "refs/tags/main".to_owned()), PAYLOAD, json!({})),
            on("main"),
            mismatch,
        ),
        case("of a pull request", of(|run| run.reference = "refs/pull/1/merge".to_owned()), on("main"), mismatch),
        case("of a tag, nobody named", generator::generic(), anybody, Err("fact-unbacked")),
    ]
}

fn inputs() -> Vec<Case> {
    let dispatched = |inputs| {
        let run = generator::generic_of(|run| run.event = "workflow_dispatch".to_owned());
        set(&run, PAYLOAD, json!({"inputs": inputs}))
    };
    let texts = || {
        dispatched(json!({"release": "v1=x", "empty": "", "number": 1, "flag": true, "list": ["a"], "nothing": null}))
    };
    let wants = |pairs: &[(&str, &str)]| {
        let pairs: Vec<(String, String)> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        expects(|slsa| {
            slsa.builder_id = Some(BuilderId::parse("https://github.com/slsa-framework/slsa-github-generator/.github/workflows/generator_generic_slsa3.yml").unwrap());
            slsa.inputs = pairs.into_iter().collect();
        })
    };
    let case =
        |name: &str, spec: Spec, judge, expected| Case::new(&format!("policy: input, {name}"), spec, judge, expected);
    let refused = Err("input-mismatch");
    let pushed = set(&generator::generic(), PAYLOAD, json!({"inputs": {"release": "v1=x"}}));
    let anybody = expects(|slsa| drop(slsa.inputs.insert("release".to_owned(), "v1=x".to_owned())));
    vec![
        case("a value with =", texts(), wants(&[("release", "v1=x")]), Ok(())),
        case("an empty value", texts(), wants(&[("empty", ""), ("release", "v1=x")]), Ok(())),
        case("another value", texts(), wants(&[("release", "v1")]), refused),
        case("one of two differs", texts(), wants(&[("empty", ""), ("release", "v2")]), refused),
        case("a missing one", texts(), wants(&[("other", "")]), refused),
        case("a name in another case", texts(), wants(&[("Release", "v1=x")]), refused),
        case("a number", texts(), wants(&[("number", "1")]), refused),
        case("a truth value", texts(), wants(&[("flag", "true")]), refused),
        case("a list", texts(), wants(&[("list", "[\"a\"]")]), refused),
        case("nothing", texts(), wants(&[("nothing", "null")]), refused),
        case("of a push", pushed, wants(&[("release", "v1=x")]), refused),
        case("nobody named", texts(), anybody, Err("fact-unbacked")),
    ]
}

fn versions() -> Vec<Case> {
    let mut cases = Vec::new();
    for (pattern, tag, expected) in [
        ("v1", "v1.4.2", Ok(())),
        ("1.4", "v1.4.2", Ok(())),
        ("v1.4.2", "v1.4.2+build.7", Ok(())),
        ("v1.4.2-rc.1", "v1.4.2-rc.1", Ok(())),
        ("v1.4.2-rc-1", "v1.4.2-rc-1", Ok(())),
        ("v1.4.2", "v1.4.2+a_b", Err("source-version-mismatch")),
        ("v1.4.2-rc.1", "v1.4.2-rc.2", Err("source-version-mismatch")),
        ("v1.4.2", "v1.4.2-rc.1", Err("source-version-mismatch")),
        ("v1", "v1.4.2-rc.1", Err("source-version-mismatch")),
        ("v1", "v11.0.0", Err("source-version-mismatch")),
        ("v1.4", "v1.40.0", Err("source-version-mismatch")),
        ("v1", "v1.4.2.1", Err("source-version-mismatch")),
        ("v1", "v1.4.2/x", Err("source-version-mismatch")),
        ("v1", "v1.4.2@v2", Err("source-version-mismatch")),
        ("v1", "v1.٤.2", Err("source-version-mismatch")),
        ("v1", "V1.4.2", Err("source-version-mismatch")),
        ("v1", "app/v1.4.2", Err("source-version-mismatch")),
    ] {
        let version = VersionPattern::parse(pattern).unwrap();
        let spec = attested(|run| run.reference = format!("refs/tags/{tag}"));
        let judge = expects(|slsa| slsa.source_ref = SourceRef::Version(version));
        cases.push(Case::new(&format!("policy: version {pattern} of {tag}"), spec, judge, expected));
    }
    let branch = attested(|run| run.reference = "refs/heads/v1.4.2".to_owned());
    let judge = expects(|slsa| slsa.source_ref = SourceRef::Version(VersionPattern::parse("v1").unwrap()));
    cases.push(Case::new("policy: version v1 of a branch v1.4.2", branch, judge, Err("source-version-mismatch")));
    cases
}

/// Spellings of a repository that are another's.
fn repositories() -> Vec<Case> {
    let mut cases = Vec::new();
    for found in [
        "https://github.com/acme/app2",
        "https://github.com/acme/app/x",
        "https://github.com/evil/acme/app",
        "https://github.com./acme/app",
        "https://github.com:443/acme/app",
        "https://www.github.com/acme/app",
        "https://github.com/acme/app%2e",
        "https://github.com/acme/%61pp",
        "https://github.com/acme/app.",
        "https://github.com/acme/../acme/app",
        "https://github.com/acme//app",
        "https://github.com/аcme/app",
        "https://user@github.com/acme/app",
        "https://evil.example/https://github.com/acme/app",
        "https://github.com\\@evil.example/acme/app",
        "http://github.com/acme/app",
        "",
    ] {
        let spec = claims(&good(), |claims| {
            claims.source_repository_uri = Some(found.to_owned());
            claims.legacy_repository = None;
        });
        let spec = without(&spec, "/predicate/buildDefinition/resolvedDependencies");
        let spec = without(&spec, "/predicate/buildDefinition/externalParameters/workflow");
        let spec = without(&spec, "/predicate/runDetails/metadata");
        cases.push(Case::new(&format!("policy: source {found:?}"), spec, expects(|_| ()), Err("source-uri-mismatch")));
    }
    let signer = |name: &str| {
        let spec = named(&good(), name);
        set(&spec, "/predicate/runDetails/builder/id", json!(name))
    };
    for found in [
        "https://github.com/acme/build2/.github/workflows/release.yml@refs/tags/v1.0.0",
        "https://github.com/evil/x/.github/workflows/release.yml@https://github.com/acme/build/x",
        "https://evil.example/github.com/acme/build/x@refs/tags/v1.0.0",
        "https://github.com/acme/build",
        "https://github.com/acme/build/",
    ] {
        let judge = expects(|slsa| slsa.signer_repository = repository("github.com/acme/build"));
        cases.push(Case::new(
            &format!("policy: signer of {found:?}"),
            signer(found),
            judge,
            Err("signer-repository-mismatch"),
        ));
    }
    cases
}

fn types() -> Vec<Case> {
    let only = |predicate_type: &str| {
        Judge::Policy(Box::new(Policy {
            predicate_types: vec![predicate_type.to_owned()],
            signer: Signer::ByFacts,
            slsa: None,
            marks: Default::default(),
        }))
    };
    let case = |name: &str, judge, expected| Case::new(&format!("policy: {name}"), good(), judge, expected);
    let marked = |claim: &[&str], annotation: &[&str]| {
        let Judge::Policy(policy) = only("https://slsa.dev/provenance/v1") else { panic!("a policy") };
        let claims = sealmark::policy::claims(claim.iter().copied()).unwrap();
        let annotations = sealmark::policy::inputs(annotation.iter().copied()).unwrap();
        let marks = sealmark::policy::Marks { annotations, claims, ..Default::default() };
        Judge::Policy(Box::new(Policy { marks, ..*policy }))
    };
    vec![
        case("a claim of the certificate", marked(&["build-trigger=push"], &[]), Ok(())),
        case("another claim", marked(&["build-trigger=schedule"], &[]), Err("certificate-claim-mismatch")),
        case(
            "a claim that is absent",
            marked(&["deployment-environment=prod"], &[]),
            Err("certificate-claim-mismatch"),
        ),
        case("an annotation that is absent", marked(&[], &["env=prod"]), Err("annotation-mismatch")),
        case("the type alone", only("https://slsa.dev/provenance/v1"), Ok(())),
        case("a longer type", only("https://slsa.dev/provenance/v1.0"), Err("predicate-type-mismatch")),
        case("a shorter type", only("https://slsa.dev/provenance/"), Err("predicate-type-mismatch")),
        case("the type in another case", only("https://slsa.dev/Provenance/v1"), Err("predicate-type-mismatch")),
        case(
            "no type",
            Judge::Policy(Box::new(Policy {
                predicate_types: Vec::new(),
                signer: Signer::ByFacts,
                slsa: None,
                marks: Default::default(),
            })),
            Err("predicate-type-mismatch"),
        ),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [fields(), absent(), backing(), branches(), inputs(), versions(), repositories(), types()].concat()
}

#[test]
fn every_expectation_is_checked() {
    let (accepted, refused) = fixtures::run("policy", &all());
    assert!(accepted >= 34 && refused >= 90, "{accepted} {refused}");
}
