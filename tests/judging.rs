//! Well-signed attestations whose facts must not be believed: each is refused with its exact code.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use sealmark::builders::BuilderError;
use sealmark::builders::source::SourceUri;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::policy::Anchored;
use sealmark::policy::BuilderId;
use sealmark::policy::Policy;
use sealmark::policy::Require;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::policy::Verdict;
use sealmark::policy::judge;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::TrustedKey;
use sealmark::verify::VerifiedAttestation;
use sealmark::verify::Verifier;
use serde_json::json;
use support::virtual_sigstore::Claims;
use support::virtual_sigstore::San;
use support::virtual_sigstore::Spec;
use support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"artifact bytes";
const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

fn verified(sigstore: &VirtualSigstore, spec: &Spec, key: Option<PublicKey>) -> VerifiedAttestation {
    let root = TrustedRoot::parse(sigstore.trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let keys = key.into_iter().map(|key| TrustedKey::named("test", key)).collect();
    let digest = Digest::new(Algorithm::Sha256, sha256(ARTIFACT).to_vec()).unwrap();
    let artifact = Artifact::new("artifact".to_owned(), vec![digest]).unwrap();
    let bundle = Bundle::from_json(sigstore.mint(spec)).unwrap();
    Verifier::new(vec![root], keys).verify(&bundle, &artifact, "2026-11-21T00:00:00Z".parse().unwrap()).unwrap()
}

fn policy(signer: Signer, source: Option<&str>) -> Policy {
    let source_uri = source.map(|text| SourceUri::parse(text).unwrap());
    let slsa = Slsa { source_uri, ..Slsa::open() };
    Policy { predicate_types: vec![PROVENANCE.to_owned()], signer, slsa: Some(slsa), marks: Default::default() }
}

fn by_facts() -> Policy {
    policy(Signer::ByFacts, Some("github.com/acme/app"))
}

fn codes(attestation: VerifiedAttestation, policy: &Policy) -> Result<Vec<&'static str>, &'static str> {
    match judge(attestation, policy).map_err(|error: BuilderError| error.code())? {
        Verdict::Allow(_) => Ok(Vec::new()),
        Verdict::Deny(findings) => Ok(findings.iter().map(|finding| finding.code).collect()),
    }
}

/// Anybody with an e-mail address can sign a predicate that names somebody else's repository.
#[test]
fn a_stranger_cannot_claim_a_source() {
    let sigstore = VirtualSigstore::new("judging");
    let issuer = "https://accounts.google.com";
    let stranger = Spec {
        san: vec![San::Email("mallory@example.com".to_owned())],
        claims: Claims { issuer: Some(issuer.to_owned()), ..Claims::default() },
        ..sigstore.spec(ARTIFACT)
    };
    let attestation = verified(&sigstore, &stranger, None);
    assert_eq!(codes(attestation.clone(), &by_facts()), Ok(vec!["fact-unbacked"]));
    let builder = Slsa {
        builder_id: Some(BuilderId::parse("https://github.com/acme/app/.github/workflows/release.yml").unwrap()),
        ..Slsa::open()
    };
    let by_builder = Policy { slsa: Some(builder), ..by_facts() };
    assert_eq!(codes(attestation.clone(), &by_builder), Ok(vec!["fact-unbacked"]));
    // Whoever names that very person takes their word.
    let named = |identity: &str| Signer::Certificate {
        identity: Require::Exactly(identity.to_owned()),
        issuer: Require::Exactly(issuer.to_owned()),
    };
    assert_eq!(
        codes(attestation.clone(), &policy(named("mallory@example.com"), Some("github.com/acme/app"))),
        Ok(vec![])
    );
    assert_eq!(
        codes(attestation, &policy(named("alice@example.com"), Some("github.com/acme/app"))),
        Ok(vec!["identity-mismatch"])
    );
}

/// A platform is believed about its own repositories alone.
#[test]
fn a_platform_cannot_claim_another_hosts_repository() {
    let sigstore = VirtualSigstore::new("judging");
    let of = |issuer: &str, repository: &str| {
        let claims = Claims {
            issuer: Some(issuer.to_owned()),
            source_repository_uri: Some(repository.to_owned()),
            ..Claims::default()
        };
        let mut spec = Spec { claims, ..sigstore.spec(ARTIFACT) };
        spec.statement["predicate"]["buildDefinition"]["resolvedDependencies"] =
            json!([{ "uri": format!("git+{repository}") }]);
        verified(&sigstore, &spec, None)
    };
    let github = of("https://ci.example.com", "https://github.com/acme/app");
    assert_eq!(codes(github, &by_facts()), Ok(vec!["fact-unbacked"]));
    let gitlab = || of("https://gitlab.com", "https://gitlab.com/acme/app");
    assert_eq!(codes(gitlab(), &policy(Signer::ByFacts, Some("gitlab.com/acme/app"))), Ok(vec![]));
    assert_eq!(codes(gitlab(), &by_facts()), Ok(vec!["source-uri-mismatch"]));
    let lookalike = of("https://token.actions.githubusercontent.com.evil.example", "https://github.com/acme/app");
    assert_eq!(codes(lookalike, &by_facts()), Ok(vec!["fact-unbacked"]));
}

/// The certificate says one source, the predicate another.
#[test]
fn certificate_and_predicate_must_agree() {
    let sigstore = VirtualSigstore::new("judging");
    let good = sigstore.spec(ARTIFACT);
    assert_eq!(codes(verified(&sigstore, &good, None), &by_facts()), Ok(vec![]));
    let dependency = "/predicate/buildDefinition/resolvedDependencies/0";
    for (pointer, value) in [
        ("uri", json!("git+https://github.com/acme/other@refs/tags/v1.4.2")),
        ("uri", json!("git+https://github.com/acme/app@refs/heads/main")),
        ("digest", json!({ "gitCommit": "0".repeat(40) })),
    ] {
        let mut lie = good.clone();
        lie.statement.pointer_mut(dependency).unwrap()[pointer] = value.clone();
        let attestation = verified(&sigstore, &lie, None);
        assert_eq!(codes(attestation, &by_facts()), Err("predicate-certificate-mismatch"), "{value}");
    }
}

#[test]
fn a_signer_of_the_other_kind_is_refused() {
    let sigstore = VirtualSigstore::new("judging");
    let spec = Spec { entries: Vec::new(), ..sigstore.spec_key(ARTIFACT) };
    let key = PublicKey::from_spki(&sigstore.signer_key(&spec).spki()).unwrap();
    let by_key = || verified(&sigstore, &spec, Some(key.clone()));
    let anybody = || Require::Matches(Anchored::new(".*").unwrap());
    let certificate = Signer::Certificate { identity: anybody(), issuer: anybody() };
    assert_eq!(codes(by_key(), &policy(certificate, None)), Ok(vec!["signer-not-certificate"]));
    assert_eq!(codes(by_key(), &policy(Signer::TrustedKey, Some("github.com/acme/app"))), Ok(vec![]));
    let workload = verified(&sigstore, &sigstore.spec(ARTIFACT), None);
    assert_eq!(codes(workload, &policy(Signer::TrustedKey, None)), Ok(vec!["signer-not-key"]));
}

#[test]
fn one_predicate_type_is_not_another() {
    let sigstore = VirtualSigstore::new("judging");
    let mut spec = sigstore.spec(ARTIFACT);
    spec.statement["predicateType"] = json!("https://slsa.dev/provenance/v1.0");
    let attestation = || verified(&sigstore, &spec, None);
    assert_eq!(codes(attestation(), &by_facts()), Ok(vec!["predicate-type-mismatch"]));
    let expected = Policy { predicate_types: vec!["https://slsa.dev/provenance/v1.0".to_owned()], ..by_facts() };
    assert_eq!(codes(attestation(), &expected), Err("not-provenance"));
    let mut empty = sigstore.spec(ARTIFACT);
    empty.statement["predicate"]["runDetails"]["builder"]["id"] = json!("");
    assert_eq!(codes(verified(&sigstore, &empty, None), &by_facts()), Err("predicate-field-missing"));
}
