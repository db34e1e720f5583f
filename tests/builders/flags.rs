//! What flags become: expectations that are whole, or refused before anything is judged.

use std::collections::BTreeMap;

use sealmark::policy::Anchored;
use sealmark::policy::BuilderId;
use sealmark::policy::Finding;
use sealmark::policy::PolicyError;
use sealmark::policy::Require;
use sealmark::policy::Runner;
use sealmark::policy::Slsa;
use sealmark::policy::SourceRef;
use sealmark::policy::Verdict;
use sealmark::policy::VersionPattern;
use sealmark::policy::commit;
use sealmark::policy::inputs;
use sealmark::trust::rings::Ring;

use crate::fixtures::COMMIT;
use crate::fixtures::Judge;
use crate::fixtures::by_source;
use crate::fixtures::repository;
use crate::fixtures::verified;
use crate::workflow;

fn code<T>(result: Result<T, PolicyError>) -> Result<(), &'static str> {
    result.map(|_| ()).map_err(|error| error.code())
}

#[test]
fn a_ref_is_named_in_full() {
    for good in ["refs/heads/main", "refs/tags/v1", "refs/pull/1/merge", "refs/heads/a/b"] {
        assert!(matches!(SourceRef::exactly(good), Ok(SourceRef::Exactly(found)) if found == good), "{good}");
    }
    for bad in [
        "",
        "main",
        "refs/",
        "refs/heads",
        "refs/heads/",
        "heads/main",
        "refs/heads/a b",
        "refs/heads/a\u{7}",
        "xrefs/heads/main",
    ] {
        assert_eq!(code(SourceRef::exactly(bad)), Err("policy-full-ref"), "{bad:?}");
    }
}

#[test]
fn a_commit_is_named_in_full() {
    assert!(commit(COMMIT).unwrap().accepts(COMMIT));
    assert!(commit(&COMMIT.to_uppercase()).unwrap().accepts(COMMIT), "as certificates write it");
    assert_eq!(code(commit(&"a".repeat(64))), Ok(()));
    for bad in ["", "3f2c9e1", &"g".repeat(40), &"a".repeat(41), &"a".repeat(39)] {
        assert_eq!(code(commit(bad)), Err("policy-commit"), "{bad:?}");
    }
}

#[test]
fn inputs_have_names_and_any_values() {
    let read = |texts: &[&str]| inputs(texts.iter().copied()).map_err(|error| error.code());
    let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    assert_eq!(read(&["a=b=c", "d="]), Ok(pairs(&[("a", "b=c"), ("d", "")])));
    assert_eq!(read(&[]), Ok(BTreeMap::new()));
    for bad in [vec!["a"], vec!["=b"], vec![""], vec!["a=1", "a=1"]] {
        assert_eq!(read(&bad), Err("policy-input"), "{bad:?}");
    }
}

#[test]
fn workflows_are_named_as_people_do() {
    let shown = |text: &str| BuilderId::parse_workflow(text).map(|id| id.to_string()).map_err(|error| error.code());
    let release = "https://github.com/acme/app/.github/workflows/release.yml";
    assert_eq!(shown("acme/app/.github/workflows/release.yml"), Ok(format!("{release} at any ref")));
    assert_eq!(shown("github.com/acme/app/.github/workflows/release.yml@v1.2.3"), Ok(format!("{release}@v1.2.3")));
    assert_eq!(shown(release), Ok(format!("{release} at any ref")));
    assert_eq!(shown("acme/app/x"), Ok("https://github.com/acme/app/x at any ref".to_owned()));
    for bad in ["", "acme", "acme/app", "/acme/app/x", "acme/", "https://", "acme/app/x@", "acme/app/x@a@b"] {
        assert_eq!(shown(bad), Err("policy-builder-id"), "{bad:?}");
    }
}

#[test]
fn nobody_in_particular_is_not_somebody() {
    let open = Slsa::open();
    assert!(open.is_open() && !open.names_somebody());
    let named: [fn(&mut Slsa); 4] = [
        |slsa| slsa.builder_id = Some(BuilderId::parse("https://b").unwrap()),
        |slsa| slsa.source_uri = repository("github.com/acme/app"),
        |slsa| slsa.signer_repository = repository("github.com/acme/app"),
        |slsa| slsa.signer_workflow = Some(BuilderId::parse("https://b").unwrap()),
    ];
    for change in named {
        let mut slsa = Slsa::open();
        change(&mut slsa);
        assert!(slsa.names_somebody() && !slsa.is_open());
    }
    let others: [fn(&mut Slsa); 8] = [
        |slsa| slsa.source_ref = SourceRef::tag("v1").unwrap(),
        |slsa| slsa.build_type = Require::Exactly("x".to_owned()),
        |slsa| slsa.source_commit = Require::Exactly("x".to_owned()),
        |slsa| slsa.workflow_path = Require::Exactly("x".to_owned()),
        |slsa| slsa.trigger = Require::Exactly("x".to_owned()),
        |slsa| slsa.signer_digest = Require::Exactly("x".to_owned()),
        |slsa| slsa.runner = Runner::Hosted,
        |slsa| drop(slsa.inputs.insert("a".to_owned(), "b".to_owned())),
    ];
    for change in others {
        let mut slsa = Slsa::open();
        change(&mut slsa);
        assert!(!slsa.names_somebody() && !slsa.is_open());
    }
    assert_eq!(PolicyError::samples().len(), 15);
}

/// What was expected and what was found stand in a finding as they were given.
#[test]
fn a_finding_names_both_sides() {
    let Judge::Policy(policy) = by_source() else { panic!("a policy") };
    let finding = |change: &dyn Fn(&mut Slsa)| -> Finding {
        let mut policy = policy.clone();
        change(policy.slsa.as_mut().unwrap());
        let attestation = verified(&workflow::attested(|_| ()), Ring::Named);
        match sealmark::policy::judge(attestation, &policy).unwrap() {
            Verdict::Deny(mut findings) => findings.remove(0),
            Verdict::Allow(_) => panic!("allowed"),
        }
    };
    let sides = |change: &dyn Fn(&mut Slsa)| {
        let finding = finding(change);
        (finding.expected, finding.found)
    };
    let pair = |expected: &str, found: &str| (expected.to_owned(), found.to_owned());
    assert_eq!(sides(&|slsa| slsa.trigger = Require::Exactly("a".to_owned())), pair("a", "push"));
    assert_eq!(
        sides(&|slsa| slsa.trigger = Require::OneOf(vec!["a".to_owned(), "b".to_owned()])),
        pair("a or b", "push")
    );
    let expression = Require::Matches(Anchored::new("a.*").unwrap());
    assert_eq!(sides(&|slsa| slsa.trigger = expression.clone()), pair("a match of a.*", "push"));
    let version = || SourceRef::Version(VersionPattern::parse("v2").unwrap());
    assert_eq!(sides(&|slsa| slsa.source_ref = version()), pair("a tag of version v2", "refs/tags/v1.4.2"));
    assert_eq!(Require::Any.to_string(), "anything");
    assert_eq!(Anchored::new("a.*").unwrap().to_string(), "a.*");
}
