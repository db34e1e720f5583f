//! Well-signed lies, one for each rule: each is refused by the exact code, and the truth beside it is allowed.

use sealmark::policy::document::evaluate::Completeness;
use sealmark::policy::document::model::Document;
use sealmark::policy::document::outcome::Decision;
use sealmark::policy::document::outcome::Outcome;
use sealmark::policy::document::outcome::Status;
use sealmark::trust::key::sha256;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::world;
use crate::world::ARTIFACT;
use crate::world::NOW;
use crate::world::VULN;
use crate::world::at;
use crate::world::judge;
use crate::world::judge_as;
use crate::world::provenance;
use crate::world::stated;

const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2";

fn sigstore() -> VirtualSigstore {
    VirtualSigstore::new("policy lies")
}

fn pin(sigstore: &VirtualSigstore) -> String {
    hex::encode(sha256(sigstore.trusted_root().to_string().as_bytes()))
}

/// A policy of one evidence; `identity` is one rule of its verifier, `rules` its keys as flow maps.
fn text(sigstore: &VirtualSigstore, identity: &str, rules: &str) -> String {
    format!(
        "apiVersion: sealmark.dev/v1\nkind: Policy\nmetadata: {{name: lies, version: '1'}}\n\
         verifiers:\n  workflow:\n    trust: [{{file: root.json, sha256: {}}}]\n    identities: [{identity}]\n    \
         transparency: {{log: required}}\n\
         evidence:\n  one:\n    verifiedBy: workflow\n{}require: one\n",
        pin(sigstore),
        rules.lines().map(|line| format!("    {line}\n")).collect::<String>()
    )
}

fn exact() -> String {
    format!("{{identity: {{exact: '{WORKFLOW}'}}, issuer: {{exact: '{ISSUER}'}}}}")
}

const PROVENANCE: &str = "predicateTypes: [slsaprovenance1]\nquantifier: any\n";

fn document(sigstore: &VirtualSigstore, identity: &str, rules: &str) -> Document {
    let text = text(sigstore, identity, rules);
    world::document(&text, sigstore).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"))
}

fn good(sigstore: &VirtualSigstore) -> Spec {
    provenance(sigstore, "app.tar.gz", ARTIFACT, &GitHub::default())
}

fn end(outcome: &Outcome) -> (Decision, Vec<&'static str>) {
    (outcome.decision, if outcome.decision == Decision::Allowed { Vec::new() } else { outcome.codes() })
}

/// With these rules the truth is allowed, and the lie denied with these codes.
fn refused(rules: &str, truth: &Spec, lie: &Spec, codes: &[&str]) {
    let sigstore = sigstore();
    let document = document(&sigstore, &exact(), rules);
    let truth = judge(&document, &sigstore, std::slice::from_ref(truth), NOW);
    assert_eq!(end(&truth), (Decision::Allowed, vec![]), "{rules}: {truth:#?}");
    let lie = judge(&document, &sigstore, std::slice::from_ref(lie), NOW);
    assert_eq!(end(&lie), (Decision::Denied, codes.to_vec()), "{rules}: {lie:#?}");
}

fn changed(run: &dyn Fn(&mut GitHub)) -> Spec {
    let mut other = GitHub::default();
    run(&mut other);
    provenance(&sigstore(), "app.tar.gz", ARTIFACT, &other)
}

fn edited(pointer: &str, value: Value) -> Spec {
    let mut spec = good(&sigstore());
    *spec.statement.pointer_mut(pointer).unwrap() = value;
    spec
}

#[test]
fn a_signer_is_the_one_named() {
    let sigstore = sigstore();
    let good = good(&sigstore);
    let missing = |also: &'static str| vec![also, "evidence-missing"];
    let with = |identity: &str, spec: &Spec| {
        let document = document(&sigstore, identity, PROVENANCE);
        end(&judge(&document, &sigstore, std::slice::from_ref(spec), NOW))
    };
    let denied = |mut codes: Vec<&'static str>| {
        codes.sort_unstable();
        (Decision::Denied, codes)
    };
    assert_eq!(with(&exact(), &good), (Decision::Allowed, vec![]));
    let other = |change: &dyn Fn(&mut GitHub)| {
        let mut run = GitHub::default();
        change(&mut run);
        provenance(&sigstore, "app.tar.gz", ARTIFACT, &run)
    };
    let repository = other(&|run| run.repository = "mallory/app".to_owned());
    assert_eq!(with(&exact(), &repository), denied(missing("identity-mismatch")));
    let issuer = other(&|run| run.issuer = "https://token.actions.githubusercontent.com.evil.example".to_owned());
    assert_eq!(with(&exact(), &issuer), denied(missing("issuer-mismatch")));
    // A regular expression is for the whole name.
    let part = format!("{{identity: {{matches: 'github\\.com/acme/app/.*'}}, issuer: {{exact: '{ISSUER}'}}}}");
    assert_eq!(with(&part, &good), denied(missing("identity-mismatch")));
    // A claim that is absent is not what it must be, whatever it must be.
    let extension = |claim: &str, value: &str| {
        format!(
            "{{identity: {{exact: '{WORKFLOW}'}}, issuer: {{exact: '{ISSUER}'}}, extensions: {{{claim}: {value}}}}}"
        )
    };
    let owner = "sourceRepositoryOwnerIdentifier";
    assert_eq!(with(&extension(owner, "{exact: '4242'}"), &good), (Decision::Allowed, vec![]));
    assert_eq!(with(&extension(owner, "{exact: '4243'}"), &good), denied(missing("extension-mismatch")));
    let absent = extension("deploymentEnvironment", "{any: true}");
    assert_eq!(with(&absent, &good), denied(missing("extension-mismatch")));
    // A person, and a key, are no workflow.
    let claims = Claims::person("https://accounts.google.com");
    let person = Spec { san: vec![San::Email("mallory@example.com".to_owned())], claims, ..good.clone() };
    assert_eq!(with(&exact(), &person), denied(vec!["evidence-missing", "identity-mismatch", "issuer-mismatch"]));
    let key = Spec { entries: Vec::new(), ..sigstore.spec_key(ARTIFACT) };
    assert_eq!(with(&exact(), &key), denied(vec!["evidence-missing"]));
}

/// Nobody in particular is named: then a predicate's word is nobody's.
#[test]
fn facts_of_strangers_need_the_certificate() {
    let sigstore = sigstore();
    let anybody = "{identity: {any: true}, issuer: {any: true}}";
    let rules = format!("{PROVENANCE}slsa: {{sourceUri: github.com/acme/app}}\n");
    let document = document(&sigstore, anybody, &rules);
    let claims = Claims { issuer: Some("https://accounts.google.com".to_owned()), ..Claims::default() };
    let mallory = Spec { san: vec![San::Email("mallory@example.com".to_owned())], claims, ..good(&sigstore) };
    assert_eq!(end(&judge(&document, &sigstore, &[good(&sigstore)], NOW)), (Decision::Allowed, vec![]));
    assert_eq!(end(&judge(&document, &sigstore, &[mallory], NOW)), (Decision::Denied, vec!["fact-unbacked"]));
}

#[test]
fn another_domain_or_artifact_or_type_is_none() {
    let sigstore = sigstore();
    let document = document(&sigstore, &exact(), PROVENANCE);
    let foreign = sigstore.foreign();
    let lies = [
        provenance(&sigstore, "app.tar.gz", b"other bytes", &GitHub::default()),
        stated(&sigstore, ("app.tar.gz", ARTIFACT), &GitHub::default(), VULN, json!({})),
        edited("/predicateType", json!("https://slsa.dev/provenance/v1.0")),
        edited("/predicateType", json!("https://slsa.dev/provenance/v0.2")),
    ];
    for lie in lies {
        let outcome = judge(&document, &sigstore, &[lie], NOW);
        assert_eq!(end(&outcome), (Decision::Denied, vec!["evidence-missing"]), "{outcome:#?}");
        assert_eq!(outcome.evidence[0].candidates, []);
    }
    let outcome = judge(&document, &foreign, &[good(&foreign)], NOW);
    assert_eq!(end(&outcome), (Decision::Denied, vec!["evidence-missing"]));
}

#[test]
fn every_word_of_the_slsa_block_is_checked() {
    let sigstore = sigstore();
    let truth = good(&sigstore);
    let other = "0".repeat(40);
    let slsa = |expected: &str| format!("{PROVENANCE}slsa: {{{expected}}}\n");
    let identity = "{identity: {matches: 'https://github\\.com/acme/.*'}, issuer: {any: true}}";
    let rows: Vec<(String, Spec, &str)> = vec![
        (
            "sourceUri: github.com/acme/app".to_owned(),
            changed(&|run| run.repository = "acme/other".to_owned()),
            "source-uri-mismatch",
        ),
        (
            "sourceTag: v1.4.2".to_owned(),
            changed(&|run| run.reference = "refs/tags/v1.4.3".to_owned()),
            "source-ref-mismatch",
        ),
        (
            "sourceVersionedTag: v1.4".to_owned(),
            changed(&|run| run.reference = "refs/tags/v1.5.0".to_owned()),
            "source-version-mismatch",
        ),
        (
            "sourceRef: refs/tags/v1.4.2".to_owned(),
            changed(&|run| run.reference = "refs/heads/v1.4.2".to_owned()),
            "source-ref-mismatch",
        ),
        (
            "sourceCommit: 3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e".to_owned(),
            changed(&|run| run.commit = other.clone()),
            "source-commit-mismatch",
        ),
        (
            "workflow: .github/workflows/release.yml".to_owned(),
            changed(&|run| run.workflow_path = ".github/workflows/test.yml".to_owned()),
            "workflow-path-mismatch",
        ),
        (
            "trigger: [push, release]".to_owned(),
            changed(&|run| run.event = "pull_request_target".to_owned()),
            "trigger-mismatch",
        ),
        ("requireHosted: true".to_owned(), changed(&|run| run.runner = "self-hosted".to_owned()), "runner-not-hosted"),
        (
            "signerRepository: github.com/acme/app".to_owned(),
            changed(&|run| run.repository = "acme/other".to_owned()),
            "signer-repository-mismatch",
        ),
        (
            "signerWorkflow: acme/app/.github/workflows/release.yml".to_owned(),
            changed(&|run| run.workflow_path = ".github/workflows/x.yml".to_owned()),
            "signer-workflow-mismatch",
        ),
        (
            "buildType: 'https://actions.github.io/buildtypes/workflow/v1'".to_owned(),
            edited("/predicate/buildDefinition/buildType", json!("https://example.com/x")),
            "build-type-mismatch",
        ),
        (
            format!("builderId: '{WORKFLOW}'"),
            changed(&|run| run.workflow_path = ".github/workflows/x.yml".to_owned()),
            "builder-id-mismatch",
        ),
    ];
    let count = rows.len();
    for (expected, lie, code) in rows {
        let document = document(&sigstore, identity, &slsa(&expected));
        let truth = judge(&document, &sigstore, std::slice::from_ref(&truth), NOW);
        assert_eq!(end(&truth), (Decision::Allowed, vec![]), "{expected}: {truth:#?}");
        let lie = judge(&document, &sigstore, &[lie], NOW);
        assert_eq!(lie.decision, Decision::Denied, "{expected}");
        assert!(lie.codes().contains(&code), "{expected}: {:?}", lie.codes());
    }
    println!("slsa: {count} truths allowed, {count} lies denied");
    // Certificate and predicate speak of one thing and differ.
    let lie = edited(
        "/predicate/buildDefinition/resolvedDependencies/0/uri",
        json!("git+https://github.com/acme/other@refs/tags/v1.4.2"),
    );
    refused(&slsa("requireHosted: true"), &truth, &lie, &["predicate-certificate-mismatch"]);
}

#[test]
fn claims_are_about_what_was_signed() {
    let truth = good(&sigstore());
    let claim = |rest: &str| format!("{PROVENANCE}claims: [{{id: it, {rest}}}]\n");
    let event = "/predicate/buildDefinition/internalParameters/github/event_name";
    let rows = [
        (format!("path: {event}, operator: equals, value: push"), json!("workflow_dispatch"), "claim-mismatch"),
        (format!("path: {event}, operator: notEquals, value: schedule"), json!("schedule"), "claim-mismatch"),
        (format!("path: {event}, operator: oneOf, value: [push, release]"), json!("schedule"), "claim-mismatch"),
        (format!("path: {event}, operator: noneOf, value: [schedule]"), json!("schedule"), "claim-mismatch"),
        (format!("path: {event}, operator: matches, value: pu.h"), json!("repush"), "claim-mismatch"),
        (format!("path: {event}, operator: notEquals, value: schedule"), Value::Null, "claim-absent"),
        (format!("path: {event}, operator: present"), Value::Null, "claim-absent"),
        (format!("path: {event}, operator: matches, value: '.*'"), json!(["push"]), "claim-type"),
    ];
    for (rule, value, code) in rows {
        refused(&claim(&rule), &truth, &edited(event, value), &[code]);
    }
}

#[test]
fn conditions_hold_or_the_attestation_is_refused() {
    let truth = good(&sigstore());
    let cel = |expr: &str| format!("{PROVENANCE}cel: [{{id: it, expr: \"{expr}\", message: something}}]\n");
    let event = "/predicate/buildDefinition/internalParameters/github/event_name";
    let own = "predicate.buildDefinition.internalParameters.github.event_name";
    refused(&cel(&format!("{own} == 'push'")), &truth, &edited(event, json!("schedule")), &["cel-not-met"]);
    refused(
        &cel(&format!("{own} != 'schedule'")),
        &truth,
        &edited("/predicate/buildDefinition/internalParameters", json!({})),
        &["cel-error"],
    );
    let long = json!(vec![0; 3000]);
    let quadratic = "predicate.runDetails.byproducts.all(x, predicate.runDetails.byproducts.all(y, x == y))";
    let with = |list: Value| {
        let mut spec = good(&sigstore());
        spec.statement["predicate"]["runDetails"]["byproducts"] = list;
        spec
    };
    refused(&cel(quadratic), &with(json!([1, 1])), &with(long), &["cel-cost"]);
    let huge = json!(vec![0; 300_001]);
    refused(&cel("size(predicate.runDetails.byproducts) > 0"), &with(json!([1])), &with(huge), &["cel-data"]);
    // Everything that a condition may ask about.
    let names = "signer.kind == 'certificate' && signer.verifier == 'workflow' && signer.extensions.runnerEnvironment == 'github-hosted' \
        && subject.name == 'app.tar.gz' && subject.digest.sha256 == artifact.digest.sha256 && artifact.name == 'app.tar.gz' \
        && statement.predicateType == 'https://slsa.dev/provenance/v1' && statement.predicate == predicate \
        && now - signedAt < duration('96h') && signedAt < now";
    refused(&cel(names), &truth, &edited("/subject/0/name", json!("other")), &["cel-not-met"]);
}

#[test]
fn evidence_gets_old() {
    let sigstore = sigstore();
    let fresh = |from: &str| format!("{PROVENANCE}freshness: {{maxAge: 3d, from: {from}}}\n");
    let truth = at(&sigstore, good(&sigstore), "2026-10-05T00:00:00Z");
    let old = at(&sigstore, good(&sigstore), "2026-10-04T23:59:59Z");
    refused(&fresh("signedAt"), &truth, &old, &["freshness-exceeded"]);
    // A later timestamp on an old signature makes it no younger.
    let mut stamped = old.clone();
    stamped.stamps = vec![crate::support::virtual_sigstore::Stamp {
        time: old.not_before + jiff::SignedDuration::from_secs(2),
        ..sigstore.stamp(StampAuthority::P256)
    }];
    stamped.entries[0].integrated_time = Some(old.not_before + jiff::SignedDuration::from_mins(9));
    refused(&fresh("signedAt"), &truth, &stamped, &["freshness-exceeded"]);
    let path = "/predicate/runDetails/metadata/finishedOn";
    let finished = |text: Value| {
        let mut spec = good(&sigstore);
        spec.statement["predicate"]["runDetails"]["metadata"]["finishedOn"] = text;
        spec
    };
    let young = finished(json!("2026-10-07T00:00:00Z"));
    refused(&fresh(path), &young, &finished(json!("2026-10-01T00:00:00Z")), &["freshness-exceeded"]);
    refused(&fresh(path), &young, &finished(json!("2026-10-09T00:00:00Z")), &["freshness-future"]);
    refused(&fresh(path), &young, &finished(json!("yesterday")), &["freshness-unknown"]);
    refused(&fresh(path), &young, &good(&sigstore), &["freshness-unknown"]);
}

#[test]
fn quantifiers_say_which_attestations_count() {
    let sigstore = sigstore();
    let rule = "predicateTypes: [slsaprovenance1]\nclaims: [{id: it, path: /predicate/buildDefinition/buildType, operator: notEquals, value: x}]\n";
    let bad = || edited("/predicate/buildDefinition/buildType", json!("x"));
    let good = || good(&sigstore);
    let later = |spec: Spec| at(&sigstore, spec, "2026-10-07T00:00:00Z");
    let decide = |quantifier: &str, specs: &[Spec], completeness| {
        let document = document(&sigstore, &exact(), &format!("{rule}quantifier: {quantifier}\n"));
        let outcome = judge_as(&document, &sigstore, specs, NOW, completeness);
        (outcome.decision, outcome.evidence[0].satisfied_by.clone(), end(&outcome).1)
    };
    use Completeness::Complete;
    use Completeness::Unreadable;
    use Decision::Allowed;
    use Decision::Denied;
    use Decision::Undecided;
    let mismatch = || vec!["claim-mismatch"];
    let rows = [
        ("any", vec![], Complete, (Denied, vec![], vec!["evidence-missing"])),
        ("all", vec![], Complete, (Denied, vec![], vec!["evidence-missing"])),
        ("latest", vec![], Complete, (Denied, vec![], vec!["evidence-missing"])),
        ("any", vec![bad(), good(), bad()], Complete, (Allowed, vec![1], vec![])),
        ("any", vec![bad(), bad()], Complete, (Denied, vec![], mismatch())),
        ("all", vec![good(), good()], Complete, (Allowed, vec![0, 1], vec![])),
        ("all", vec![good(), bad()], Complete, (Denied, vec![], mismatch())),
        ("latest", vec![later(good()), bad()], Complete, (Allowed, vec![0], vec![])),
        ("latest", vec![later(bad()), good()], Complete, (Denied, vec![], mismatch())),
        // Signed in the same second: neither is later, so both count.
        ("latest", vec![later(bad()), later(good())], Complete, (Denied, vec![], mismatch())),
        ("any", vec![good()], Unreadable, (Allowed, vec![0], vec![])),
        ("any", vec![bad()], Unreadable, (Undecided, vec![], vec!["claim-mismatch", "evidence-incomplete"])),
        ("all", vec![good()], Unreadable, (Undecided, vec![], vec!["evidence-incomplete"])),
        ("all", vec![good(), bad()], Unreadable, (Denied, vec![], mismatch())),
        ("latest", vec![good()], Unreadable, (Undecided, vec![], vec!["evidence-incomplete"])),
    ];
    for (quantifier, specs, completeness, expected) in rows {
        assert_eq!(decide(quantifier, &specs, completeness), expected, "{quantifier} of {}", specs.len());
    }
    // What is not believed does not count, not even against `all`.
    let document = document(&sigstore, &exact(), &format!("{rule}quantifier: all\n"));
    let stranger = changed(&|run| run.repository = "mallory/app".to_owned());
    let outcome = judge(&document, &sigstore, &[good(), stranger], NOW);
    assert_eq!((outcome.decision, &outcome.evidence[0].candidates[1].status), (Allowed, &Status::NotApplicable));
}

#[test]
fn latest_needs_a_time_of_each() {
    let sigstore = sigstore();
    let key = hex::encode(sha256(sigstore.public_key_pem(&sigstore.spec_key(ARTIFACT)).as_bytes()));
    let text = format!(
        "apiVersion: sealmark.dev/v1\nkind: Policy\nmetadata: {{name: k, version: '1'}}\n\
         verifiers: {{key: {{keys: [{{file: key.pub, sha256: {key}}}], trust: [{{file: root.json, sha256: {}}}], transparency: {{log: not-required}}}}}}\n\
         evidence: {{one: {{predicateTypes: [slsaprovenance1], verifiedBy: key, quantifier: latest}}}}\nrequire: one\n",
        pin(&sigstore)
    );
    let document = world::document(&text, &sigstore).unwrap();
    let timed = sigstore.spec_key(ARTIFACT);
    let untimed = Spec { entries: Vec::new(), ..timed.clone() };
    let outcome = judge(&document, &sigstore, std::slice::from_ref(&timed), NOW);
    assert_eq!(end(&outcome), (Decision::Allowed, vec![]));
    let outcome = judge(&document, &sigstore, &[timed.clone(), untimed.clone()], NOW);
    assert_eq!(end(&outcome), (Decision::Denied, vec!["evidence-order-unknown"]));
    // Where a log is required, what is in none is no candidate.
    let strict = world::document(&text.replace("not-required", "required"), &sigstore).unwrap();
    let outcome = judge(&strict, &sigstore, &[untimed], NOW);
    assert_eq!(end(&outcome), (Decision::Denied, vec!["evidence-missing", "log-required"]));
    let outcome = judge(&strict, &sigstore, &[timed], NOW);
    assert_eq!(end(&outcome), (Decision::Allowed, vec![]));
}

/// Provenance that shows no log entry is refused, unless the policy names that; then the outcome says so.
#[test]
fn a_log_is_waived_by_name_alone() {
    let sigstore = sigstore();
    let bare = Spec { entries: Vec::new(), ..good(&sigstore) };
    let strict = text(&sigstore, &exact(), PROVENANCE);
    let decide =
        |text: &str| judge(&world::document(text, &sigstore).unwrap(), &sigstore, std::slice::from_ref(&bare), NOW);
    assert_eq!(end(&decide(&strict)), (Decision::Denied, vec!["evidence-missing"]));
    let waived = decide(&strict.replace("log: required", "log: not-required"));
    assert_eq!(waived.decision, Decision::Allowed);
    assert!(!waived.evidence[0].candidates[0].logged);
    // No time is proven then, so nothing that asks for one holds.
    let fresh = text(&sigstore, &exact(), &format!("{PROVENANCE}freshness: {{maxAge: 90d, from: signedAt}}\n"));
    let outcome = decide(&fresh.replace("log: required", "log: not-required"));
    assert_eq!(end(&outcome), (Decision::Denied, vec!["freshness-unknown"]));
}

fn two(sigstore: &VirtualSigstore, require: &str, more: &str) -> Document {
    let base = text(sigstore, &exact(), PROVENANCE).replace("require: one\n", "");
    let rest = format!(
        "  two: {{verifiedBy: workflow, predicateTypes: [vuln], quantifier: any}}\n  \
         three: {{verifiedBy: workflow, predicateTypes: [openvex], quantifier: any, claims: [{{id: it, path: /predicate/a, operator: equals, value: 1}}]}}\n\
         require: {require}\n{more}"
    );
    world::document(&(base + &rest), sigstore).unwrap()
}

#[test]
fn requirements_fold() {
    let sigstore = sigstore();
    let spec = |uri: &str| stated(&sigstore, ("app.tar.gz", ARTIFACT), &GitHub::default(), uri, json!({"a": 1}));
    let (one, two_, three) = (good(&sigstore), spec(VULN), spec("https://openvex.dev/ns"));
    for (require, specs, expected) in [
        ("{allOf: [one, two]}", vec![&one, &two_], true),
        ("{allOf: [one, two]}", vec![&one, &three], false),
        ("{anyOf: [one, two]}", vec![&two_], true),
        ("{anyOf: [one, two]}", vec![&three], false),
        ("{atLeast: 2, of: [one, two, three]}", vec![&one, &three], true),
        ("{atLeast: 2, of: [one, two, three]}", vec![&one], false),
        ("{allOf: [one, {anyOf: [two, three]}]}", vec![&one, &three], true),
        ("{allOf: [one, {anyOf: [two, three]}]}", vec![&two_, &three], false),
    ] {
        let document = two(&sigstore, require, "");
        let specs: Vec<Spec> = specs.into_iter().cloned().collect();
        let decision = judge(&document, &sigstore, &specs, NOW).decision;
        assert_eq!(decision == Decision::Allowed, expected, "{require}");
    }
    let unread = |require: &str, specs: &[Spec]| {
        judge_as(&two(&sigstore, require, ""), &sigstore, specs, NOW, Completeness::Unreadable).decision
    };
    assert_eq!(unread("{allOf: [one, two]}", std::slice::from_ref(&one)), Decision::Undecided);
    assert_eq!(unread("{anyOf: [one, two]}", &[one]), Decision::Allowed);
}

#[test]
fn exceptions_are_for_somebody_and_end() {
    let sigstore = sigstore();
    let digest = hex::encode(sha256(ARTIFACT));
    let specs = [
        good(&sigstore),
        stated(&sigstore, ("app.tar.gz", ARTIFACT), &GitHub::default(), "https://openvex.dev/ns", json!({"a": 2})),
    ];
    let exception = |artifact: &str, skip: &str, expires: &str| {
        format!("exceptions: [{{id: e, artifacts: [{{{artifact}}}], skip: [{skip}], reason: r, expires: {expires}}}]\n")
    };
    let decide = |more: &str| end(&judge(&two(&sigstore, "{allOf: [one, three]}", more), &sigstore, &specs, NOW));
    let denied = || (Decision::Denied, vec!["claim-mismatch"]);
    let allowed = || (Decision::Allowed, vec![]);
    let (own, later) = (format!("digest: 'sha256:{digest}'"), "2026-10-08T00:00:01Z");
    assert_eq!(decide(""), denied());
    assert_eq!(decide(&exception(&own, "three.it", later)), allowed());
    assert_eq!(decide(&exception(&own, "three", later)), allowed());
    assert_eq!(decide(&exception("name: 'app.*'", "three.it", later)), allowed());
    // Of another artifact, for another check, and at its end.
    assert_eq!(decide(&exception(&format!("digest: 'sha256:{}'", "0".repeat(64)), "three.it", later)), denied());
    assert_eq!(decide(&exception("name: app", "three.it", later)), denied());
    assert_eq!(decide(&exception(&own, "one", later)), denied());
    assert_eq!(decide(&exception(&own, "three.it", NOW)), denied());
    let skipped =
        judge(&two(&sigstore, "{allOf: [one, three]}", &exception(&own, "three.it", later)), &sigstore, &specs, NOW);
    assert_eq!(skipped.evidence[2].candidates[0].checks[1].status, Status::Skipped("e".to_owned()));
    // One check that is let pass does not stand for evidence that nobody gave.
    let outcome = judge(
        &two(&sigstore, "{allOf: [one, three]}", &exception(&own, "three.it", later)),
        &sigstore,
        &specs[..1],
        NOW,
    );
    assert_eq!(end(&outcome), (Decision::Denied, vec!["evidence-missing"]));
}

#[test]
fn a_policy_ends() {
    let sigstore = sigstore();
    let text = text(&sigstore, &exact(), PROVENANCE).replace("version: '1'", "version: '1', expires: 2026-10-08");
    let document = world::document(&text, &sigstore).unwrap();
    let decide = |now: &str| end(&judge(&document, &sigstore, &[good(&sigstore)], now));
    assert_eq!(decide("2026-10-07T23:59:59Z"), (Decision::Allowed, vec![]));
    assert_eq!(decide(NOW), (Decision::Denied, vec!["policy-expired"]));
}

/// Two attestations that each satisfy a half do not satisfy the whole.
#[test]
fn facts_of_two_attestations_are_never_joined() {
    let sigstore = sigstore();
    let rules = format!("{PROVENANCE}slsa: {{requireHosted: true, trigger: [push]}}\n");
    let document = document(
        &sigstore,
        &format!("{{identity: {{matches: '.*acme/app.*'}}, issuer: {{exact: '{ISSUER}'}}}}"),
        &rules,
    );
    let halves =
        [changed(&|run| run.event = "schedule".to_owned()), changed(&|run| run.runner = "self-hosted".to_owned())];
    let outcome = judge(&document, &sigstore, &halves, NOW);
    assert_eq!(end(&outcome), (Decision::Denied, vec!["runner-not-hosted", "trigger-mismatch"]));
}
