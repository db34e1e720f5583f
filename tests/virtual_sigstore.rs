//! The virtual Sigstore is believed by an independent verifier exactly when it tells the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::use_debug, reason = "tests")]

mod support;

use serde_json::Value;
use serde_json::json;
use sigstore_trust_root::TrustedRoot;
use sigstore_types::Bundle;
use sigstore_types::DerPublicKey;
use sigstore_types::SignatureBytes;
use sigstore_types::TimestampToken;
use sigstore_verify::Policy;
use sigstore_verify::PublicKeyVerificationPolicy;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::Verifier;

use support::virtual_sigstore::*;

const ARTIFACT: &[u8] = b"artifact bytes";

fn seed() -> VirtualSigstore {
    VirtualSigstore::new("seed")
}

fn judge(root: &Value, bundle: &Value, policy: &(impl Policy + ?Sized)) -> Result<(), String> {
    let root = TrustedRoot::from_json(&root.to_string()).map_err(|error| format!("root: {error}"))?;
    let verifier = Verifier::new(&root).map_err(|error| format!("root: {error}"))?;
    let bundle = Bundle::from_json(&bundle.to_string()).map_err(|error| format!("parse: {error}"))?;
    verifier.verify(ARTIFACT, &bundle, policy).map(|_| ()).map_err(|error| error.to_string())
}

fn public(sigstore: &VirtualSigstore, spec: &Spec) -> Result<(), String> {
    judge(&sigstore.trusted_root(), &sigstore.mint(spec), &VerificationPolicy::any_identity())
}

fn private(sigstore: &VirtualSigstore, spec: &Spec) -> Result<(), String> {
    let policy = VerificationPolicy::any_identity().skip_tlog_unsafe().skip_sct();
    judge(&sigstore.private_trusted_root(), &sigstore.mint(spec), &policy)
}

fn keyed(sigstore: &VirtualSigstore, spec: &Spec) -> Result<(), String> {
    let key = DerPublicKey::from_pem(&sigstore.public_key_pem(spec)).unwrap();
    judge(&sigstore.trusted_root(), &sigstore.mint(spec), &PublicKeyVerificationPolicy::new(key))
}

/// Judges named cases and says which of them ended otherwise than wanted.
fn all(wanted: Wanted, cases: Vec<(&str, Result<(), String>)>) {
    assert!(!cases.is_empty());
    println!("{} cases, all wanted {wanted:?}", cases.len());
    let mut wrong = Vec::new();
    for (name, result) in cases {
        println!("  {name}: {result:?}");
        if result.is_ok() != (wanted == Wanted::Accepted) {
            wrong.push(format!("{name}: {result:?}"));
        }
        let early = result.err().is_some_and(|error| error.starts_with("root: ") || error.starts_with("parse: "));
        assert!(!early, "{name} did not get as far as being judged");
    }
    assert!(wrong.is_empty(), "not {wanted:?}: {wrong:#?}");
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Accepted,
    Refused,
}

fn with_entry(good: &Spec, kind: Kind, bend: impl FnOnce(&mut Entry)) -> Spec {
    let mut entry = Entry::new(kind, signing_time());
    bend(&mut entry);
    Spec { entries: vec![entry], ..good.clone() }
}

fn with_stamp(good: &Spec, bend: impl FnOnce(&mut Stamp)) -> Spec {
    let mut spec = good.clone();
    bend(&mut spec.stamps[0]);
    spec
}

fn with_sct(good: &Spec, lie: SctLie) -> Spec {
    let mut spec = good.clone();
    spec.scts[0].lie = lie;
    spec
}

#[test]
fn truthful_bundles_with_certificates_are_accepted() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let second_subject = json!([statement::subject("other", b"other"), statement::subject("app.tar.gz", ARTIFACT)]);
    let cases = vec![
        ("dsse 0.0.1", public(&s, &good)),
        ("intoto 0.0.2", public(&s, &with_entry(&good, Kind::Intoto002, |_| ()))),
        ("hashedrekord 0.0.1", public(&s, &s.spec_message(ARTIFACT))),
        ("hashedrekord 0.0.2", public(&s, &s.spec_v2(ARTIFACT))),
        (
            "hashedrekord 0.0.2 of a message",
            public(&s, &Spec { content: Content::Message(ARTIFACT.to_vec()), ..s.spec_v2(ARTIFACT) }),
        ),
        ("version 0.1", public(&s, &Spec { media_type: MediaType::V01, ..good.clone() })),
        ("version 0.2", public(&s, &Spec { media_type: MediaType::V02, ..good.clone() })),
        ("version 0.3, old", public(&s, &Spec { media_type: MediaType::V03Old, ..good.clone() })),
        ("P-384", public(&s, &Spec { key: KeyKind::P384, ..good.clone() })),
        ("Ed25519", public(&s, &Spec { key: KeyKind::Ed25519, ..good.clone() })),
        ("e-mail", public(&s, &Spec { san: vec![San::Email("dev@example.com".to_owned())], ..good.clone() })),
        ("other name", public(&s, &Spec { san: vec![San::OtherName("dev".to_owned())], ..good.clone() })),
        ("a person's claims", public(&s, &Spec { claims: Claims::person("https://idp.test"), ..good.clone() })),
        ("second subject", public(&s, &s.spec_of(&second_subject, &GitHub::default()))),
        ("provenance 0.2", {
            let subjects = json!([statement::subject("app.tar.gz", ARTIFACT)]);
            let statement = statement::provenance_v02(&subjects, &GitHub::default());
            public(&s, &Spec { statement, ..good.clone() })
        }),
        ("single leaf", {
            let entry = with_entry(&good, Kind::Dsse001, |entry| (entry.leaves_before, entry.leaves_after) = (0, 0));
            public(&s, &entry)
        }),
        ("shard", public(&s, &with_entry(&good, Kind::Dsse001, |entry| entry.index_offset = 1000))),
        ("promise only, version 0.1", {
            let bundle = with_entry(&good, Kind::Dsse001, |entry| entry.proof = Proof::Absent);
            let bundle = s.mint(&Spec { media_type: MediaType::V01, ..bundle });
            judge(&s.trusted_root(), &bundle, &VerificationPolicy::any_identity().skip_tlog_unsafe())
        }),
        ("lines and witnesses", {
            let entry = with_entry(&good, Kind::Dsse001, |entry| {
                entry.checkpoint_lines = vec!["Timestamp: 1759577527000000000".to_owned()];
                entry.witnesses = 2;
            });
            public(&s, &entry)
        }),
        ("log and timestamp", public(&s, &Spec { stamps: vec![s.stamp(StampAuthority::P384)], ..good.clone() })),
    ];
    all(Wanted::Accepted, cases);
}

#[test]
fn every_tree_shape_is_proven() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let mut cases = Vec::new();
    for before in 0..9 {
        for after in 0..4 {
            let shape = |entry: &mut Entry| (entry.leaves_before, entry.leaves_after) = (before, after);
            cases.push(("a tree", public(&s, &with_entry(&good, Kind::Dsse001, shape))));
        }
    }
    all(Wanted::Accepted, cases);
}

#[test]
fn truthful_chains_are_accepted() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let window = s.root_spec().authorities[0].1;
    let under = |issued_by, media_type, listed: &[IssuedBy]| {
        let authorities = listed.iter().map(|chain| (*chain, window)).collect();
        let root = s.trusted_root_of(&RootSpec { authorities, ..s.root_spec() });
        let bundle = s.mint(&Spec { issued_by, media_type, ..good.clone() });
        judge(&root, &bundle, &VerificationPolicy::any_identity())
    };
    let cases = vec![
        ("under the root", under(IssuedBy::Root, MediaType::V03, &[IssuedBy::Root])),
        ("second", under(IssuedBy::SecondIntermediate, MediaType::V03, &[IssuedBy::SecondIntermediate])),
        ("intermediate in the bundle", under(IssuedBy::Intermediate, MediaType::V01, &[IssuedBy::Root])),
        ("two intermediates in the bundle", under(IssuedBy::SecondIntermediate, MediaType::V02, &[IssuedBy::Root])),
    ];
    all(Wanted::Accepted, cases);
    let cases = vec![
        ("foreign", under(IssuedBy::Foreign, MediaType::V03, &[IssuedBy::Intermediate])),
        ("foreign in the bundle", under(IssuedBy::Foreign, MediaType::V01, &[IssuedBy::Intermediate])),
        ("intermediate missing", under(IssuedBy::Intermediate, MediaType::V03, &[IssuedBy::Root])),
        ("expired", under(IssuedBy::ExpiredIntermediate, MediaType::V01, &[IssuedBy::Root])),
        ("not an authority", under(IssuedBy::NotAnAuthority, MediaType::V01, &[IssuedBy::Root])),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn truthful_bundles_without_logs_are_accepted() {
    let s = seed();
    let good = s.spec_private(ARTIFACT);
    let cases = vec![
        ("P-384 authority", private(&s, &good)),
        ("P-256 authority", private(&s, &with_stamp(&good, |stamp| stamp.authority = StampAuthority::P256))),
        ("SHA-384 imprint", private(&s, &with_stamp(&good, |stamp| stamp.hash = HashKind::Sha384))),
        ("SHA-512 imprint", private(&s, &with_stamp(&good, |stamp| stamp.hash = HashKind::Sha512))),
        (
            "certificates left out",
            private(&s, &with_stamp(&good, |stamp| stamp.certificates = StampCertificates::Absent)),
        ),
    ];
    all(Wanted::Accepted, cases);
}

#[test]
fn timestamps_satisfy_the_timestamp_verifier() {
    let s = seed();
    let minted = s.mint_parts(&s.spec_private(ARTIFACT));
    let root = TrustedRoot::from_json(&s.private_trusted_root().to_string()).unwrap();
    let token = &minted.bundle["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"][0];
    let token: TimestampToken = serde_json::from_value(token["signedTimestamp"].clone()).unwrap();
    let signature = SignatureBytes::from_bytes(&minted.signature);
    let times: Vec<_> = root
        .tsa_authorities()
        .iter()
        .map(|authority| sigstore_tsa::verify_timestamp_for_authority(&token, &signature, authority).ok())
        .collect();
    assert_eq!(times, [None, Some(time("2026-10-04T11:32:08Z"))]);
}

#[test]
fn truthful_bundles_with_bare_keys_are_accepted() {
    let s = seed();
    let good = s.spec_key(ARTIFACT);
    let message = Spec { signer: Signer::Key { hint: None }, ..s.spec_message(ARTIFACT) };
    let cases = vec![
        ("dsse 0.0.1", keyed(&s, &good)),
        ("intoto 0.0.2", keyed(&s, &with_entry(&good, Kind::Intoto002, |_| ()))),
        ("hashedrekord 0.0.1", keyed(&s, &message)),
        ("hashedrekord 0.0.2", keyed(&s, &with_entry(&good, Kind::HashedRekord002, |_| ()))),
        ("hint", keyed(&s, &Spec { signer: Signer::Key { hint: Some("release".to_owned()) }, ..good.clone() })),
        ("P-384", keyed(&s, &Spec { key: KeyKind::P384, ..good.clone() })),
        ("Ed25519", keyed(&s, &Spec { key: KeyKind::Ed25519, ..good.clone() })),
    ];
    all(Wanted::Accepted, cases);
    let cases = vec![
        ("foreign key", keyed(&s, &Spec { signature: Signature::ForeignKey, ..good.clone() })),
        ("verifier", keyed(&s, &with_entry(&good, Kind::Dsse001, |entry| entry.about = About::OtherVerifier))),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn lies_about_the_signer_are_refused() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let second_sct = vec![s.sct(), s.sct()];
    let early = vec![Sct { time: time("2020-01-01T00:00:00Z"), ..s.sct() }];
    let cases = vec![
        ("usage: TLS", public(&s, &Spec { eku: Eku::ServerAuth, ..good.clone() })),
        ("usage: time stamping", public(&s, &Spec { eku: Eku::TimeStamping, ..good.clone() })),
        ("usage: none", public(&s, &Spec { eku: Eku::Absent, ..good.clone() })),
        ("usage: any", public(&s, &Spec { eku: Eku::Any, ..good.clone() })),
        ("foreign authority", public(&s, &Spec { issued_by: IssuedBy::Foreign, ..good.clone() })),
        ("certificate", public(&s, &Spec { certificate_signature: CertificateSignature::Bad, ..good.clone() })),
        ("expired", public(&s, &Spec { not_after: time("2026-10-04T11:32:06Z"), ..good.clone() })),
        ("not yet valid", public(&s, &Spec { not_before: time("2026-10-04T11:32:08Z"), ..good.clone() })),
        ("no SCT", public(&s, &Spec { scts: Vec::new(), ..good.clone() })),
        ("two SCTs", public(&s, &Spec { scts: second_sct, ..good.clone() })),
        ("early SCT", public(&s, &Spec { scts: early, ..good.clone() })),
        ("SCT: log", public(&s, &with_sct(&good, SctLie::UnknownLog))),
        ("SCT: key", public(&s, &with_sct(&good, SctLie::ForeignKey))),
        ("SCT: certificate", public(&s, &with_sct(&good, SctLie::OtherCertificate))),
        ("SCT: issuer", public(&s, &with_sct(&good, SctLie::OtherIssuer))),
        ("SCT: signature", public(&s, &with_sct(&good, SctLie::BadSignature))),
        ("signature: bad", public(&s, &Spec { signature: Signature::Bad, ..good.clone() })),
        ("signature: key", public(&s, &Spec { signature: Signature::ForeignKey, ..good.clone() })),
        ("signature: payload", public(&s, &Spec { signature: Signature::OtherPayload, ..good.clone() })),
        ("signature: no PAE", public(&s, &Spec { signature: Signature::WithoutPae, ..good.clone() })),
        ("artifact", public(&s, &s.spec(b"another artifact"))),
        ("payload type", public(&s, &Spec { payload_type: "text/plain".to_owned(), ..good.clone() })),
        (
            "message digest",
            public(&s, &Spec { message_digest: Some(HashKind::Sha256.of(b"other")), ..s.spec_message(ARTIFACT) }),
        ),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn windows_of_the_trusted_root_are_respected() {
    let s = seed();
    let bundle = s.mint(&s.spec(ARTIFACT));
    let past = Window { start: Some(time("2026-01-01T00:00:00Z")), end: Some(time("2026-10-04T00:00:00Z")) };
    let under = |bend: fn(&mut RootSpec, Window)| {
        let mut root = s.root_spec();
        bend(&mut root, past);
        judge(&s.trusted_root_of(&root), &bundle, &VerificationPolicy::any_identity())
    };
    all(Wanted::Accepted, vec![("other log", under(|root, past| root.rekor_v2 = Some(past)))]);
    let cases = vec![
        ("log ended", under(|root, past| root.rekor_v1 = Some(past))),
        ("log absent", under(|root, _| root.rekor_v1 = None)),
        ("CT log ended", under(|root, past| root.ct = Some(past))),
        ("CT log absent", under(|root, _| root.ct = None)),
        ("authority ended", under(|root, past| root.authorities[0].1 = past)),
        ("authority absent", under(|root, _| root.authorities.clear())),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn lies_of_the_first_log_are_refused() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let lie = |bend: fn(&mut Entry)| public(&s, &with_entry(&good, Kind::Dsse001, bend));
    let cases = vec![
        ("SET: absent", lie(|entry| entry.set = Set::Absent)),
        ("SET: signature", lie(|entry| entry.set = Set::BadSignature)),
        ("SET: time", lie(|entry| entry.set = Set::OtherTime)),
        ("SET: index", lie(|entry| entry.set = Set::OtherIndex)),
        ("SET: body", lie(|entry| entry.set = Set::OtherBody)),
        ("SET: key", lie(|entry| entry.set = Set::ForeignKey)),
        ("time: none", lie(|entry| entry.integrated_time = None)),
        ("time: late", lie(|entry| entry.integrated_time = Some(time("2026-10-04T12:00:00Z")))),
        ("proof: absent", lie(|entry| entry.proof = Proof::Absent)),
        ("proof: hash", lie(|entry| entry.proof = Proof::WrongHash)),
        ("proof: extra", lie(|entry| entry.proof = Proof::ExtraHash)),
        ("proof: missing", lie(|entry| entry.proof = Proof::MissingHash)),
        ("proof: leaf", lie(|entry| entry.proof = Proof::OtherLeaf)),
        ("proof: index", lie(|entry| entry.proof_index = Some(4))),
        ("proof: root", lie(|entry| entry.proof_root = Some([7; 32]))),
        ("checkpoint: absent", lie(|entry| entry.checkpoint = Checkpoint::Absent)),
        ("checkpoint: signature", lie(|entry| entry.checkpoint = Checkpoint::BadSignature)),
        ("checkpoint: key", lie(|entry| entry.checkpoint = Checkpoint::ForeignKey)),
        ("checkpoint: root", lie(|entry| entry.checkpoint = Checkpoint::OtherRoot)),
        ("checkpoint: hint", lie(|entry| entry.checkpoint = Checkpoint::WrongHint)),
        ("log: named", lie(|entry| entry.log_id = NamedLog::Foreign)),
        ("log: other", lie(|entry| entry.log_id = NamedLog::Other)),
        ("log: foreign", lie(|entry| entry.log = SigningLog::Foreign)),
        ("about: payload", lie(|entry| entry.about = About::OtherPayload)),
        ("about: signature", lie(|entry| entry.about = About::OtherSignature)),
        ("about: verifier", lie(|entry| entry.about = About::OtherVerifier)),
        ("body", lie(|entry| entry.body = Some(b"{}".to_vec()))),
        ("kind", lie(|entry| entry.declared_kind = Some(("intoto".to_owned(), "0.0.2".to_owned())))),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn lies_of_the_second_log_are_refused() {
    let s = seed();
    let good = s.spec_v2(ARTIFACT);
    let lie = |bend: fn(&mut Entry)| public(&s, &with_entry(&good, Kind::HashedRekord002, bend));
    let cases = vec![
        ("no timestamp", public(&s, &Spec { stamps: Vec::new(), ..good.clone() })),
        ("proof: hash", lie(|entry| entry.proof = Proof::WrongHash)),
        ("proof: missing", lie(|entry| entry.proof = Proof::MissingHash)),
        ("entry: index", lie(|entry| entry.index_offset = 1)),
        ("checkpoint: signature", lie(|entry| entry.checkpoint = Checkpoint::BadSignature)),
        ("checkpoint: root", lie(|entry| entry.checkpoint = Checkpoint::OtherRoot)),
        ("checkpoint: key", lie(|entry| entry.checkpoint = Checkpoint::ForeignKey)),
        ("log: foreign", lie(|entry| entry.log = SigningLog::Foreign)),
        ("about: payload", lie(|entry| entry.about = About::OtherPayload)),
        ("about: signature", lie(|entry| entry.about = About::OtherSignature)),
        ("about: verifier", lie(|entry| entry.about = About::OtherVerifier)),
    ];
    all(Wanted::Refused, cases);
}

/// These are what sealmark must refuse by itself; here they only show that the lie is as well made as intended.
#[test]
fn lies_that_the_judge_lets_through() {
    let s = seed();
    let good = s.spec_v2(ARTIFACT);
    let lie = |bend: fn(&mut Entry)| public(&s, &with_entry(&good, Kind::HashedRekord002, bend));
    let first = s.spec(ARTIFACT);
    let stamp = |lie: StampLie| private(&s, &with_stamp(&s.spec_private(ARTIFACT), |stamp| stamp.lie = lie));
    let mut other_type = first.clone();
    other_type.statement["_type"] = json!("https://example.com/Statement");
    let cases = vec![
        ("v2: other log id", lie(|entry| entry.log_id = NamedLog::Other)),
        ("v2: integrated time", lie(|entry| entry.integrated_time = Some(signing_time()))),
        ("v2: proof root", lie(|entry| entry.proof_root = Some([7; 32]))),
        ("v2: proof size", lie(|entry| entry.proof_size = Some(1_000_000))),
        ("v2: proof index", lie(|entry| entry.proof_index = Some(0))),
        // One leaf more makes a tree of the same shape here, so the path still leads to the root.
        ("v2: checkpoint size", lie(|entry| entry.checkpoint = Checkpoint::OtherSize)),
        ("statement type", public(&s, &other_type)),
        ("timestamp: content type", stamp(StampLie::WrongContentType)),
        ("timestamp: certificate identifier", stamp(StampLie::WrongCertificateId)),
    ];
    all(Wanted::Accepted, cases);
}

#[test]
fn lies_about_time_are_refused() {
    let s = seed();
    let good = s.spec_private(ARTIFACT);
    let lie = |lie: StampLie| private(&s, &with_stamp(&good, |stamp| stamp.lie = lie));
    let at = |text: &str| private(&s, &with_stamp(&good, |stamp| stamp.time = time(text)));
    let window = |start: &str, end: &str| {
        let window = Window { start: Some(time(start)), end: Some(time(end)) };
        let root = RootSpec { stamps: vec![(StampAuthority::P384, window)], ..s.root_spec() };
        let policy = VerificationPolicy::any_identity().skip_tlog_unsafe().skip_sct();
        judge(&s.trusted_root_of(&root), &s.mint(&good), &policy)
    };
    all(Wanted::Accepted, vec![("in the window", window("2026-10-01T00:00:00Z", "2026-10-31T00:00:00Z"))]);
    let cases = vec![
        ("no timestamp", private(&s, &Spec { stamps: Vec::new(), ..good.clone() })),
        ("imprint", lie(StampLie::WrongImprint)),
        ("foreign", lie(StampLie::Foreign)),
        ("foreign key", lie(StampLie::ForeignKey)),
        ("signature", lie(StampLie::BadSignature)),
        ("digest", lie(StampLie::WrongDigest)),
        ("rejected", lie(StampLie::Rejected)),
        ("usage", lie(StampLie::WrongUsage)),
        ("after the certificate", at("2026-10-04T12:00:00Z")),
        ("before the certificate", at("2026-10-04T11:00:00Z")),
        ("before the authority", at("2020-01-01T00:00:00Z")),
        ("outside the window", window("2026-10-05T00:00:00Z", "2026-10-31T00:00:00Z")),
    ];
    all(Wanted::Refused, cases);
}

#[test]
fn minting_is_deterministic() {
    let (one, again, other) = (seed(), seed(), VirtualSigstore::new("another seed"));
    let bytes = |s: &VirtualSigstore| {
        let specs = [s.spec(ARTIFACT), s.spec_v2(ARTIFACT), s.spec_private(ARTIFACT), s.spec_key(ARTIFACT)];
        let mut texts: Vec<String> = specs.iter().map(|spec| s.mint(spec).to_string()).collect();
        texts.push(s.trusted_root().to_string());
        texts.push(s.bare_envelope(&s.spec(ARTIFACT)).to_string());
        texts
    };
    assert_eq!(bytes(&one), bytes(&one));
    assert_eq!(bytes(&one), bytes(&again));
    let pinned = "33c4e3e136e1ef00ac5861d487edb52b5eb6e74491c87ab5965295b1f3c432f6";
    assert_eq!(
        HashKind::Sha256.hex(bytes(&one).join("\n").as_bytes()),
        pinned,
        "the bytes differ between runs or versions"
    );
    assert!(bytes(&one).iter().zip(bytes(&other)).all(|(one, other)| *one != other));
}

#[test]
fn trust_domains_do_not_believe_each_other() {
    let (one, other) = (seed(), VirtualSigstore::new("another seed"));
    let bundle = one.mint(&one.spec(ARTIFACT));
    assert!(judge(&other.trusted_root(), &bundle, &VerificationPolicy::any_identity()).is_err());
}

#[test]
fn shapes_the_judge_cannot_read_are_minted() {
    let s = seed();
    let good = s.spec(ARTIFACT);
    let body = |kind: Kind| {
        let bundle = s.mint(&with_entry(&good, kind, |_| ()));
        let entry = &bundle["verificationMaterial"]["tlogEntries"][0];
        assert_eq!(entry["kindVersion"], json!({"kind": kind.name(), "version": kind.version()}));
        let body: sigstore_types::CanonicalizedBody =
            serde_json::from_value(entry["canonicalizedBody"].clone()).unwrap();
        serde_json::from_slice::<Value>(body.as_bytes()).unwrap()
    };
    let envelope = s.mint_parts(&good).envelope.to_string();
    let old = body(Kind::Intoto001);
    assert_eq!(old["spec"]["content"]["hash"]["value"], json!(HashKind::Sha256.hex(envelope.as_bytes())));
    let new = body(Kind::Dsse002);
    assert_eq!(new["spec"]["dsseV002"]["signatures"][0]["verifier"]["keyDetails"], "PKIX_ECDSA_P256_SHA_256");

    let cosigner = Cosigner {
        key: KeyKind::Ed25519,
        label: "cosigner".to_owned(),
        key_id: Some("second".to_owned()),
        signature: Signature::Good,
        place: Place::After,
    };
    let several = s.mint(&Spec { cosigners: vec![cosigner], ..good.clone() });
    assert_eq!(several["dsseEnvelope"]["signatures"].as_array().unwrap().len(), 2);
    let bare = s.bare_envelope(&good);
    assert!(bare["signatures"][0]["cert"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----\n"));
}
