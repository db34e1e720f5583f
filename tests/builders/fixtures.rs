//! What the suites share: a trust domain, specifications that are bent in one place, and cases with their exact outcome.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use sealmark::builders::Backing;
use sealmark::builders::Fact;
use sealmark::builders::Facts;
use sealmark::builders::interpret;
use sealmark::builders::source::SourceUri;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::policy::BuilderId;
use sealmark::policy::Policy;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::Verdict;
use sealmark::policy::slsa_verifier;
use sealmark::policy::slsa_verifier::Command;
use sealmark::policy::slsa_verifier::Expectations;
use sealmark::policy::slsa_verifier::Package;
use sealmark::trust::key::PublicKey;
use sealmark::trust::rings::Covers;
use sealmark::trust::rings::Ring;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::TrustedKey;
use sealmark::verify::VerifiedAttestation;
use sealmark::verify::Verifier;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Signer as SignedBy;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;

/// What every attestation here is about.
pub(crate) const ARTIFACT: &[u8] = b"artifact bytes";
/// The repository of slsa-github-generator's workflows.
pub(crate) const GENERATORS: &str = "slsa-framework/slsa-github-generator/.github/workflows";
/// The commit of every run.
pub(crate) const COMMIT: &str = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
/// Another one.
pub(crate) const OTHER_COMMIT: &str = "0000000000000000000000000000000000000000";

/// The trust domain.
pub(crate) fn domain() -> &'static VirtualSigstore {
    static DOMAIN: LazyLock<VirtualSigstore> = LazyLock::new(|| VirtualSigstore::new("builders"));
    &DOMAIN
}

/// The one subject.
pub(crate) fn subjects() -> Value {
    json!([statement::subject("app.tar.gz", ARTIFACT)])
}

/// Verifies what is minted; where it is signed with a key, the key is of a ring.
pub(crate) fn verified(spec: &Spec, ring: Ring) -> VerifiedAttestation {
    let root = TrustedRoot::parse(domain().trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let key = PublicKey::from_spki(&domain().signer_key(spec).spki()).unwrap();
    let trusted = TrustedKey {
        voucher: "the test".to_owned(),
        key,
        ring,
        keyid: spec.key_id.clone(),
        window: None,
        covers: Covers::PreAuthentication,
    };
    let keys = if matches!(spec.signer, SignedBy::Key { .. }) { vec![trusted] } else { Vec::new() };
    let digests = [(Algorithm::Sha256, HashKind::Sha256), (Algorithm::Sha512, HashKind::Sha512)]
        .map(|(algorithm, kind)| Digest::new(algorithm, kind.of(ARTIFACT)).unwrap());
    let artifact = Artifact::new("artifact".to_owned(), digests.to_vec()).unwrap();
    let bundle = Bundle::from_json(domain().mint(spec)).unwrap();
    Verifier::new(vec![root], keys).verify(&bundle, &artifact, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap()
}

/// The same with one value of the Statement replaced or added.
pub(crate) fn set(spec: &Spec, pointer: &str, value: Value) -> Spec {
    let mut spec = spec.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    match spec.statement.pointer_mut(parent).unwrap_or_else(|| panic!("no {parent}")) {
        Value::Object(map) => {
            map.insert(name.to_owned(), value);
        }
        Value::Array(list) => match name.parse::<usize>() {
            Ok(at) if at < list.len() => list[at] = value,
            _ => list.push(value),
        },
        other => panic!("{parent}: {other}"),
    }
    spec
}

/// The same without one field of the Statement.
pub(crate) fn without(spec: &Spec, pointer: &str) -> Spec {
    let mut spec = spec.clone();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    spec.statement.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name).unwrap();
    spec
}

/// The same with other claims in the certificate.
pub(crate) fn claims(spec: &Spec, change: impl FnOnce(&mut Claims)) -> Spec {
    let mut spec = spec.clone();
    change(&mut spec.claims);
    spec
}

/// The same with the deprecated claims alone, as certificates before 2023 had them.
pub(crate) fn old_claims(spec: &Spec) -> Spec {
    let old = spec.claims.clone();
    let claims = Claims {
        legacy_issuer: old.legacy_issuer,
        legacy_trigger: old.legacy_trigger,
        legacy_commit: old.legacy_commit,
        legacy_workflow: old.legacy_workflow,
        legacy_repository: old.legacy_repository,
        legacy_reference: old.legacy_reference,
        ..Claims::default()
    };
    Spec { claims, ..spec.clone() }
}

/// The same in the name of another workload.
pub(crate) fn named(spec: &Spec, name: &str) -> Spec {
    let mut spec = claims(spec, |claims| claims.build_signer_uri = Some(name.to_owned()));
    spec.san = vec![San::Uri(name.to_owned())];
    spec
}

/// The same by another issuer.
pub(crate) fn issued(spec: &Spec, issuer: &str) -> Spec {
    claims(spec, |claims| {
        (claims.issuer, claims.legacy_issuer) = (Some(issuer.to_owned()), Some(issuer.to_owned()));
    })
}

/// The same, signed with a bare key.
pub(crate) fn keyed(spec: &Spec) -> Spec {
    Spec { signer: SignedBy::Key { hint: None }, entries: Vec::new(), ..spec.clone() }
}

/// A run whose provenance a workflow of slsa-github-generator signs.
pub(crate) fn generator_run(file: &str, at: &str) -> GitHub {
    GitHub {
        signer_workflow: Some(format!("{GENERATORS}/{file}@{at}")),
        signer_commit: Some("1".repeat(40)),
        ..GitHub::default()
    }
}

/// The facts as lines: name, value and what backs it (C certificate, CP predicate too, D delegator, P predicate).
pub(crate) fn show(facts: &Facts) -> String {
    let mut text = String::new();
    let mut line = |name: &str, fact: Option<&Fact>| {
        let Some(fact) = fact else { return };
        let backing = match fact.backing {
            Backing::Certificate => "C",
            Backing::CertificateAndPredicate => "CP",
            Backing::Delegator => "D",
            Backing::Predicate => "P",
        };
        writeln!(text, "{name} {} {backing}", fact.value).unwrap();
    };
    line("builder", Some(&facts.builder_id));
    line("named", facts.predicate_builder_id.as_ref());
    line("signer", facts.signer.as_ref());
    line("signer-commit", facts.builder_digest.as_ref());
    line("type", Some(&facts.build_type));
    line("source", facts.source_uri.as_ref());
    line("commit", facts.source_commit.as_ref());
    line("ref", facts.source_ref.as_ref());
    line("branch", facts.source_branch.as_ref());
    line("trigger", facts.trigger.as_ref());
    line("runner", facts.runner.as_ref());
    line("config", facts.build_config.as_ref());
    line("path", facts.workflow_path.as_ref());
    line("run", facts.invocation.as_ref());
    if let Some(inputs) = &facts.inputs {
        writeln!(text, "inputs {}", Value::Object(inputs.clone())).unwrap();
    }
    writeln!(text, "dependencies {}", facts.dependencies).unwrap();
    text
}

/// The kind of builder and the facts of what is believed.
pub(crate) fn facts(spec: &Spec, ring: Ring) -> (&'static str, String) {
    let provenance = interpret(verified(spec, ring)).unwrap();
    (provenance.kind(), show(provenance.facts()))
}

/// Compares kind and facts.
pub(crate) fn believed(spec: &Spec, ring: Ring, kind: &str, expected: &[&str]) {
    let (found_kind, found) = facts(spec, ring);
    assert_eq!(found_kind, kind);
    let found: Vec<&str> = found.lines().collect();
    assert_eq!(found, expected, "{found:#?}");
}

/// Who decides, and what is expected.
#[derive(Clone, Debug)]
pub(crate) enum Judge {
    /// A policy.
    Policy(Box<Policy>),
    /// Rules of `verify-artifact` and its siblings.
    Workflow(Box<Expectations>, Command),
    /// Rules of `verify-npm-package`, with the registry's attestation.
    Npm(Box<Expectations>, Package, Box<Spec>, Ring),
    /// Rules of `verify-image` for Google Cloud Build.
    Google(Box<Expectations>),
}

/// An attestation, and what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) spec: Spec,
    pub(crate) ring: Ring,
    pub(crate) judge: Judge,
    /// Accepted, or the exact codes; a rule of slsa-verifier has its name before the code.
    pub(crate) expected: Result<(), &'static str>,
}

impl Case {
    pub(crate) fn new(name: &str, spec: Spec, judge: Judge, expected: Result<(), &'static str>) -> Self {
        Self { name: name.to_owned(), spec, ring: Ring::Named, judge, expected }
    }

    /// The same with its key in a ring.
    pub(crate) fn ring(self, ring: Ring) -> Self {
        Self { ring, ..self }
    }

    pub(crate) fn outcome(&self) -> Result<(), String> {
        let attestation = verified(&self.spec, self.ring);
        let refused = |refusal: slsa_verifier::Refusal| format!("{} {}", refusal.sentinel, refusal.code);
        match &self.judge {
            Judge::Policy(policy) => match sealmark::policy::judge(attestation, policy) {
                Ok(Verdict::Allow(_)) => Ok(()),
                Ok(Verdict::Deny(findings)) => {
                    Err(findings.iter().map(|finding| finding.code).collect::<Vec<_>>().join(" "))
                }
                Err(error) => Err(error.code().to_owned()),
            },
            Judge::Workflow(expected, command) => {
                slsa_verifier::judge(attestation, expected, *command).map(|_| ()).map_err(refused)
            }
            Judge::Npm(expected, package, published, ring) => {
                let published = verified(published, *ring);
                slsa_verifier::judge_npm(attestation, &published, expected, package).map(|_| ()).map_err(refused)
            }
            Judge::Google(expected) => {
                slsa_verifier::judge_google_cloud_build(attestation, expected, |_| Ok(())).map(|_| ()).map_err(refused)
            }
        }
    }
}

/// Runs cases, prints the two counts, and fails with every case that ends otherwise than it must.
pub(crate) fn run(suite: &str, cases: &[Case]) -> (usize, usize) {
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases {
        let found = case.outcome();
        match found {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
        if found.as_ref().map_err(String::as_str).copied() != case.expected {
            wrong.push(format!("{}: expected {:?}, found {found:?}", case.name, case.expected));
        }
    }
    println!("{suite}: {accepted} accepted, {refused} refused");
    assert!(wrong.is_empty(), "{suite}: {} of {} end otherwise:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "{suite}: each case has a name of its own");
    assert!(accepted > 0 && refused > 0, "{suite}: truths and lies");
    (accepted, refused)
}

/// A policy of the signer's facts, about provenance.
pub(crate) fn policy(signer: Signer, change: impl FnOnce(&mut Slsa)) -> Judge {
    let mut slsa = Slsa::open();
    change(&mut slsa);
    let predicate_types =
        ["https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2", "https://slsa.dev/provenance/v0.1"];
    let predicate_types = predicate_types.map(str::to_owned).to_vec();
    Judge::Policy(Box::new(Policy { predicate_types, signer, slsa: Some(slsa), marks: Default::default() }))
}

/// Nobody is named; the source is `github.com/acme/app`.
pub(crate) fn by_source() -> Judge {
    policy(Signer::ByFacts, |slsa| slsa.source_uri = repository("github.com/acme/app"))
}

/// A builder is named, and the source.
pub(crate) fn by_builder(builder: &str) -> Judge {
    policy(Signer::ByFacts, |slsa| {
        slsa.source_uri = repository("github.com/acme/app");
        slsa.builder_id = Some(BuilderId::parse(builder).unwrap());
    })
}

/// An expected repository.
pub(crate) fn repository(text: &str) -> Option<SourceUri> {
    Some(SourceUri::parse(text).unwrap())
}

/// What slsa-verifier's flags expect: the source alone, then a change.
pub(crate) fn expectations(change: impl FnOnce(&mut Expectations)) -> Box<Expectations> {
    let mut expected = Expectations {
        source_uri: "github.com/acme/app".to_owned(),
        builder_id: None,
        branch: None,
        tag: None,
        versioned_tag: None,
        inputs: BTreeMap::new(),
        builder_refs: Vec::new(),
    };
    change(&mut expected);
    Box::new(expected)
}

/// A builder id as slsa-verifier reads it.
pub(crate) fn builder_id(text: &str) -> Option<slsa_verifier::builder_id::BuilderId> {
    Some(slsa_verifier::builder_id::BuilderId::parse(text).unwrap())
}
