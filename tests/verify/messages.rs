//! Plain signatures over artifacts: who signed is said, and no attestation comes of them.

use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::digest_of;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Message;
use sealmark::verify::TrustedKey;
use sealmark::verify::Verifier;
use serde_json::json;

use crate::support::virtual_sigstore::About;
use crate::support::virtual_sigstore::Checkpoint;
use crate::support::virtual_sigstore::Content;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::Sct;
use crate::support::virtual_sigstore::SctLie;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::StampLie;
use crate::support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"artifact bytes";

fn judge_as(sigstore: &VirtualSigstore, spec: &Spec, message: &Message<'_>) -> Result<String, &'static str> {
    let root = TrustedRoot::parse(sigstore.trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let keys = match &spec.signer {
        Signer::Key { .. } => {
            vec![TrustedKey::named("test", PublicKey::from_spki(&sigstore.signer_key(spec).spki()).unwrap())]
        }
        Signer::Certificate => Vec::new(),
    };
    let bundle = Bundle::from_json(sigstore.mint(spec)).unwrap();
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let verified =
        Verifier::new(vec![root], keys).verify_message(&bundle, message, now).map_err(|error| error.code())?;
    assert_eq!(verified.evidence().log.len(), spec.entries.len());
    Ok(verified.identity().certificate().map_or_else(|| "a key".to_owned(), |one| one.san.as_str().to_owned()))
}

fn judge(sigstore: &VirtualSigstore, spec: &Spec) -> Result<String, &'static str> {
    judge_as(sigstore, spec, &Message::Bytes(ARTIFACT))
}

fn second(sigstore: &VirtualSigstore) -> Spec {
    Spec {
        entries: vec![sigstore.entry(Kind::HashedRekord002)],
        stamps: vec![sigstore.stamp(StampAuthority::P256)],
        ..sigstore.spec_message(ARTIFACT)
    }
}

fn stamped(sigstore: &VirtualSigstore, spec: Spec) -> Spec {
    Spec { stamps: vec![sigstore.stamp(StampAuthority::P256)], ..spec }
}

#[test]
fn truths_are_accepted_by_bytes_and_by_digest() {
    let sigstore = VirtualSigstore::new("messages");
    let workload = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2";
    let first = sigstore.spec_message(ARTIFACT);
    let key = Spec { signer: Signer::Key { hint: None }, ..first.clone() };
    let ed25519 = Spec { key: KeyKind::Ed25519, ..key.clone() };
    let longer = Spec { key: KeyKind::P384, entries: Vec::new(), ..key.clone() };
    let cases =
        [(first, workload), (second(&sigstore), workload), (key, "a key"), (ed25519, "a key"), (longer, "a key")];
    let logged =
        |kind| Spec { key: KeyKind::P384, entries: vec![sigstore.entry(kind)], ..sigstore.spec_message(ARTIFACT) };
    let longer =
        [Kind::HashedRekord001, Kind::HashedRekord002].map(logged).map(|spec| (stamped(&sigstore, spec), workload));
    let cases: Vec<_> = cases.into_iter().chain(longer).collect();
    let digest = |algorithm| digest_of(algorithm, ARTIFACT).unwrap();
    for (spec, name) in &cases {
        assert_eq!(judge(&sigstore, spec).as_deref(), Ok(*name));
        let by_sha256 = judge_as(&sigstore, spec, &Message::Digest(&digest(Algorithm::Sha256)));
        let by_sha384 = judge_as(&sigstore, spec, &Message::Digest(&digest(Algorithm::Sha384)));
        // A digest of another hash than the one that is noted cannot be compared with it.
        let mismatch = Err("message-digest-mismatch");
        match spec.key {
            KeyKind::P256 => assert_eq!((by_sha256.as_deref(), by_sha384), (Ok(*name), mismatch)),
            KeyKind::P384 => assert_eq!((by_sha256, by_sha384.as_deref()), (mismatch, Ok(*name))),
            KeyKind::Ed25519 => assert_eq!((by_sha256, by_sha384), (Err("message-bytes-needed"), mismatch)),
        }
    }
    println!("{} plain signatures accepted", cases.len());
}

#[test]
fn lies_are_refused() {
    let sigstore = VirtualSigstore::new("messages");
    let (first, second) = (sigstore.spec_message(ARTIFACT), second(&sigstore));
    let v1 = |bend: &dyn Fn(&mut Entry)| {
        let mut spec = first.clone();
        bend(&mut spec.entries[0]);
        spec
    };
    let stamped = |lie| Spec { stamps: vec![Stamp { lie, ..sigstore.stamp(StampAuthority::P256) }], ..second.clone() };
    let cases = [
        (Spec { signature: Signature::Bad, ..first.clone() }, "signature-invalid"),
        (Spec { signature: Signature::OtherPayload, ..first.clone() }, "signature-invalid"),
        (Spec { signature: Signature::ForeignKey, ..first.clone() }, "signature-invalid"),
        (Spec { message_digest: Some(vec![7; 32]), ..first.clone() }, "message-digest-mismatch"),
        (Spec { content: Content::Message(b"other".to_vec()), ..first.clone() }, "message-digest-mismatch"),
        (
            Spec {
                content: Content::Message(b"other".to_vec()),
                message_digest: Some(sha256(ARTIFACT).to_vec()),
                ..first.clone()
            },
            "signature-invalid",
        ),
        (v1(&|entry| entry.about = About::OtherPayload), "log-entry-mismatch"),
        (v1(&|entry| entry.about = About::OtherSignature), "log-entry-mismatch"),
        (v1(&|entry| entry.about = About::OtherVerifier), "log-entry-mismatch"),
        (v1(&|entry| entry.kind = Kind::Dsse001), "log-entry-mismatch"),
        (v1(&|entry| entry.kind = Kind::Intoto002), "log-entry-mismatch"),
        (v1(&|entry| entry.proof = Proof::WrongHash), "log-inclusion-mismatch"),
        (v1(&|entry| entry.checkpoint = Checkpoint::ForeignKey), "log-checkpoint-invalid"),
        (v1(&|entry| entry.set = Set::ForeignKey), "log-set-invalid"),
        (Spec { entries: Vec::new(), ..first.clone() }, "signing-time-unproven"),
        (Spec { entries: Vec::new(), ..second.clone() }, "log-missing"),
        (Spec { issued_by: IssuedBy::Foreign, ..first.clone() }, "certificate-untrusted"),
        (Spec { scts: Vec::new(), ..first.clone() }, "sct-missing"),
        (Spec { scts: vec![Sct { lie: SctLie::ForeignKey, ..sigstore.sct() }], ..first.clone() }, "sct-invalid"),
        (stamped(StampLie::WrongImprint), "timestamp-invalid"),
        (Spec { stamps: Vec::new(), ..second.clone() }, "time-missing"),
        (sigstore.spec(ARTIFACT), "not-plain-signature"),
    ];
    for (spec, code) in &cases {
        assert_eq!(judge(&sigstore, spec), Err(*code));
    }
    println!("{} plain signatures refused", cases.len());
}

/// What signs messages is no attestation, and keys of platforms sign no messages.
#[test]
fn a_message_is_no_attestation() {
    let sigstore = VirtualSigstore::new("messages");
    let root = TrustedRoot::parse(sigstore.trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let spec = sigstore.spec_message(ARTIFACT);
    let bundle = Bundle::from_json(sigstore.mint(&spec)).unwrap();
    let verifier = Verifier::new(vec![root], Vec::new());
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    let authenticated = verifier.authenticate(&bundle, now).unwrap();
    assert_eq!(authenticated.statement().predicate_type, "https://sigstore.dev/cosign/sign/v1");
    let keyed = Spec { signer: Signer::Key { hint: None }, entries: Vec::new(), ..spec };
    let bundle = Bundle::from_json(sigstore.mint(&keyed)).unwrap();
    let refused = verifier.verify_message(&bundle, &Message::Bytes(ARTIFACT), now).unwrap_err();
    assert_eq!(refused.code(), "signer-kind");
    let mut named = TrustedKey::named("test", PublicKey::from_spki(&sigstore.signer_key(&keyed).spki()).unwrap());
    named.ring = sealmark::trust::rings::Ring::NpmRegistry;
    let npm = Verifier::new(Vec::new(), vec![named]);
    let refused = npm.verify_message(&bundle, &Message::Bytes(ARTIFACT), now).unwrap_err();
    assert_eq!(refused.code(), "signature-invalid");
    assert_eq!(json!(bundle.to_json()), sigstore.mint(&keyed));
}
