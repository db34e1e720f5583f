//! Plain signatures through the one verifier: each is a Statement that says nothing, about what was proven to be signed.

use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::bundle::Version;
use sealmark::formats::cosign;
use sealmark::formats::digest::Digest;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::sha256;
use sealmark::trust::rings::Ring;
use sealmark::verify::Authenticated;
use sealmark::verify::TrustedKey;
use sealmark::verify::Verifier;
use serde_json::Value;
use serde_json::json;

use crate::fixtures::ARTIFACT;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::now;
use crate::support::virtual_sigstore::About;
use crate::support::virtual_sigstore::Content as Signed;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::StampLie;
use crate::support::virtual_sigstore::cosign::SignedLayer;
use crate::support::virtual_sigstore::cosign::payload;

const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

fn image() -> String {
    format!("sha256:{}", hex::encode(sha256(b"an image")))
}

fn artifact(digest: &str) -> Artifact {
    Artifact::new("image".to_owned(), vec![Digest::parse(digest).unwrap()]).unwrap()
}

fn text(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut text = payload(&image(), &json!({"env": "prod", "n": 1}));
    change(&mut text);
    text.to_string().into_bytes()
}

fn good() -> Spec {
    domain().spec_signature(&text(|_| {}))
}

fn bundle(layer: &SignedLayer) -> Bundle {
    cosign::parse_signature(&layer.text, &layer.annotations).unwrap()
}

fn authenticate(trust: &Trust, bundle: &Bundle) -> Result<Authenticated, &'static str> {
    trust.verifier().authenticate(bundle, now()).map_err(|error| error.code())
}

fn judge(layer: &SignedLayer) -> Result<Authenticated, &'static str> {
    authenticate(&Trust::public(), &bundle(layer))
}

fn minted(trust: &Trust, spec: &Spec) -> Result<Authenticated, &'static str> {
    authenticate(trust, &Bundle::from_json(domain().mint(spec)).unwrap())
}

#[test]
fn a_layer_becomes_a_statement_about_its_image() {
    let keyed = Spec { signer: Signer::Key { hint: None }, entries: Vec::new(), ..good() };
    let stamped = Spec { stamps: vec![domain().stamp(StampAuthority::P256)], ..good() };
    let ed25519 = Spec { key: KeyKind::Ed25519, ..keyed.clone() };
    let cases = [
        (Trust::public(), good()),
        (Trust::public(), stamped),
        (Trust::key(&keyed), keyed.clone()),
        (Trust::key(&ed25519), ed25519),
    ];
    for (trust, spec) in &cases {
        let authenticated = authenticate(trust, &bundle(&domain().signed_layer(spec))).unwrap();
        let statement = authenticated.statement();
        assert_eq!((statement.predicate_type.as_str(), statement.predicate()), (SIGNATURE, Ok(&json!({}))));
        assert_eq!(statement.subjects.len(), 1);
        assert_eq!(statement.subjects[0].name.as_deref(), Some("registry.test/acme/app"));
        assert_eq!(statement.subjects[0].extra["annotations"], json!({"env": "prod"}));
        assert_eq!(&**statement.signed_bytes().unwrap(), text(|_| {}).as_slice());
        assert!(authenticated.bind(&artifact(&image())).is_ok());
    }
    println!("{} layers accepted", cases.len());
}

#[test]
fn lies_about_a_layer_are_refused() {
    let layer = |spec: &Spec| domain().signed_layer(spec);
    let signed = |change: &dyn Fn(&mut Value)| layer(&domain().spec_signature(&text(change)));
    let entry = |about| Spec { entries: vec![Entry { about, ..good().entries.remove(0) }], ..good() };
    let kind = |kind| Spec { entries: vec![Entry { kind, ..good().entries.remove(0) }], ..good() };
    let stamp = |lie| Spec { stamps: vec![Stamp { lie, ..domain().stamp(StampAuthority::P256) }], ..good() };
    let mut swapped = layer(&good());
    swapped.text =
        text(|text| text["critical"]["image"]["docker-manifest-digest"] = json!(format!("sha256:{}", "ab".repeat(32))));
    let mut spaced = layer(&good());
    spaced.text.push(b'\n');
    let mut logged = layer(&good());
    let other = signed(&|text| text["optional"] = Value::Null);
    let log = "dev.sigstore.cosign/bundle";
    logged.annotations.insert(log.to_owned(), other.annotations[log].clone());
    let mut resigned = layer(&good());
    let own = "dev.cosignproject.cosign/signature";
    resigned.annotations.insert(own.to_owned(), other.annotations[own].clone());
    // The time is of the signature, and not of the text, as it is for attestations.
    let mut stamped = layer(&good());
    let token = domain().tsa.stamp(&domain().stamp(StampAuthority::P256), &domain().foreign().tsa, &stamped.text);
    let token = json!({"SignedRFC3161Timestamp": crate::support::virtual_sigstore::b64(&token)}).to_string();
    stamped.annotations.insert("dev.sigstore.cosign/rfc3161timestamp".to_owned(), token);
    let mut unlogged = layer(&good());
    unlogged.annotations.remove(log);
    let cases = [
        (swapped, "signature-invalid"),
        (spaced, "signature-invalid"),
        (resigned, "signature-invalid"),
        (logged, "log-entry-mismatch"),
        (layer(&entry(About::OtherPayload)), "log-entry-mismatch"),
        (layer(&entry(About::OtherSignature)), "log-entry-mismatch"),
        (layer(&entry(About::OtherVerifier)), "log-entry-mismatch"),
        (layer(&kind(Kind::Dsse001)), "log-entry-mismatch"),
        (
            layer(&Spec { entries: vec![Entry { set: Set::ForeignKey, ..good().entries.remove(0) }], ..good() }),
            "log-set-invalid",
        ),
        (layer(&stamp(StampLie::WrongImprint)), "timestamp-invalid"),
        (stamped, "timestamp-invalid"),
        (unlogged, "signing-time-unproven"),
        (layer(&Spec { signature: Signature::ForeignKey, ..good() }), "signature-invalid"),
        (signed(&|text| text["critical"]["more"] = json!("x")), "json-field-unknown"),
        (signed(&|text| text["critical"]["type"] = json!("atomic container signature")), "simple-signing-type"),
        (signed(&|text| text["critical"]["image"]["docker-manifest-digest"] = json!("sha256:ab")), "json-wrong-type"),
    ];
    let judged =
        cases.iter().enumerate().map(|(n, (layer, code))| (n, judge(layer).err().unwrap_or("accepted"), *code));
    let wrong: Vec<_> = judged.filter(|(_, found, code)| found != code).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    // A good signature of another image.
    let elsewhere = judge(&signed(&|text| {
        text["critical"]["image"]["docker-manifest-digest"] = json!(format!("sha256:{}", "ab".repeat(32)));
        text["critical"]["identity"]["docker-reference"] = json!("image");
    }));
    let refused = elsewhere.unwrap().bind(&artifact(&image())).unwrap_err();
    assert_eq!(refused.code(), "subject-mismatch");
    // No bundle has a place for such a text.
    let relabelled = Bundle { version: Version::V0_1, ..bundle(&layer(&good())) };
    assert_eq!(authenticate(&Trust::public(), &relabelled).err(), Some("bundle-version-shape"));
    println!("{} layers refused", cases.len() + 2);
}

/// Keys of platforms sign attestations alone.
#[test]
fn a_key_of_a_ring_signs_no_image() {
    let keyed = Spec { signer: Signer::Key { hint: None }, entries: Vec::new(), ..good() };
    let mut key = TrustedKey::named("test", PublicKey::from_spki(&domain().signer_key(&keyed).spki()).unwrap());
    key.ring = Ring::NpmRegistry;
    let verifier = Verifier::new(Vec::new(), vec![key]);
    let refused = verifier.authenticate(&bundle(&domain().signed_layer(&keyed)), now()).unwrap_err();
    assert_eq!(refused.code(), "signature-invalid");
}

#[test]
fn a_message_is_about_the_digest_that_it_was_verified_over() {
    let good = domain().spec_message(ARTIFACT);
    let keyed = Spec { signer: Signer::Key { hint: None }, entries: Vec::new(), ..good.clone() };
    for (trust, spec) in [(Trust::public(), &good), (Trust::key(&keyed), &keyed)] {
        let authenticated = minted(&trust, spec).unwrap();
        let statement = authenticated.statement();
        assert_eq!((statement.predicate_type.as_str(), statement.predicate()), (SIGNATURE, Ok(&json!({}))));
        let digest = format!("sha256:{}", hex::encode(sha256(ARTIFACT)));
        assert_eq!(statement.subjects[0].digest.to_string(), digest);
        assert!(authenticated.bind(&artifact(&digest)).is_ok());
        assert_eq!(authenticated.bind(&artifact(&image())).unwrap_err().code(), "subject-mismatch");
    }
    let bend = |content| {
        let bundle = Bundle::from_json(domain().mint(&good)).unwrap();
        authenticate(&Trust::public(), &Bundle { content, ..bundle })
    };
    let signature = domain().mint_parts(&good).signature;
    let noted = |digest| Content::Message { digest, signature: signature.clone() };
    assert_eq!(bend(noted(None)).err(), Some("message-digest-missing"));
    let short = Some(("SHA2_256".to_owned(), vec![1; 20]));
    assert_eq!(bend(noted(short)).err(), Some("message-digest-missing"));
    let renamed = Some(("SHA3_256".to_owned(), sha256(ARTIFACT).to_vec()));
    assert_eq!(bend(noted(renamed)).err(), Some("message-digest-missing"));
    let longer = Some(("SHA2_384".to_owned(), HashKind::Sha384.of(ARTIFACT)));
    assert_eq!(bend(noted(longer)).err(), Some("message-bytes-needed"));
    let cut = Some(("SHA2_384".to_owned(), sha256(ARTIFACT).to_vec()));
    assert_eq!(bend(noted(cut)).err(), Some("message-digest-missing"));
    let other = Some(("SHA2_256".to_owned(), sha256(b"another file").to_vec()));
    assert_eq!(bend(noted(other)).err(), Some("signature-invalid"));
    let entry = |about| Spec { entries: vec![Entry { about, ..good.entries[0].clone() }], ..good.clone() };
    let cases = [
        (Spec { message_digest: Some(sha256(b"another file").to_vec()), ..good.clone() }, "signature-invalid"),
        (
            Spec {
                content: Signed::Message(b"x".to_vec()),
                message_digest: Some(sha256(ARTIFACT).to_vec()),
                ..good.clone()
            },
            "signature-invalid",
        ),
        (entry(About::OtherPayload), "log-entry-mismatch"),
        (entry(About::OtherSignature), "log-entry-mismatch"),
        (Spec { entries: Vec::new(), ..good.clone() }, "signing-time-unproven"),
        (Spec { key: KeyKind::Ed25519, ..good.clone() }, "message-bytes-needed"),
    ];
    for (spec, code) in &cases {
        assert_eq!(minted(&Trust::public(), spec).err(), Some(*code));
    }
    let ed25519 = Spec { key: KeyKind::Ed25519, ..keyed.clone() };
    assert_eq!(minted(&Trust::key(&ed25519), &ed25519).err(), Some("message-bytes-needed"));
    // A key of a longer hash: by the digest of that hash, or by SHA-256 as older cosign wrote it.
    for (hash, spec) in [(HashKind::Sha384, &keyed), (HashKind::Sha384, &good)] {
        let longer = Spec { key: KeyKind::P384, hash: Some(hash), ..spec.clone() };
        let trust = if spec.entries.is_empty() { Trust::key(&longer) } else { Trust::public() };
        let authenticated = minted(&trust, &longer).unwrap();
        let digest = format!("sha384:{}", hex::encode(hash.of(ARTIFACT)));
        assert_eq!(authenticated.statement().subjects[0].digest.to_string(), digest);
        assert!(authenticated.bind(&artifact(&digest)).is_ok());
        let known = format!("sha256:{}", hex::encode(sha256(ARTIFACT)));
        assert_eq!(authenticated.bind(&artifact(&known)).unwrap_err().code(), "subject-mismatch");
        // The log has another digest than the one that was signed; a noted digest that was exchanged; another hash.
        if !longer.entries.is_empty() {
            let entry = Entry { about: About::OtherPayload, ..good.entries[0].clone() };
            let other = Spec { entries: vec![entry], ..longer.clone() };
            assert_eq!(minted(&trust, &other).err(), Some("log-entry-mismatch"));
        }
        let other = Spec { message_digest: Some(hash.of(b"another file")), ..longer.clone() };
        assert_eq!(minted(&trust, &other).err(), Some("signature-invalid"));
        let other = Spec { hash: Some(HashKind::Sha256), ..longer.clone() };
        assert_eq!(minted(&trust, &other).err(), Some("message-bytes-needed"));
        let other = Spec { hash: Some(HashKind::Sha512), ..longer };
        assert_eq!(minted(&trust, &other).err(), Some("message-bytes-needed"));
    }
    // Signed by a stranger's key that the bundle names.
    assert_eq!(minted(&Trust::key(&ed25519), &keyed).err(), Some("signature-key-unknown"));
}

#[test]
fn a_statement_of_a_signature_says_nothing() {
    let subject = json!([
        {"digest": {"sha256": "ab".repeat(32)}, "annotations": {"env": "stage"}},
        {"digest": {"sha256": hex::encode(sha256(b"an image"))}, "annotations": {"env": "prod", "n": 1}},
    ]);
    let judge = |predicate| minted(&Trust::public(), &domain().spec_sign(&subject, predicate));
    for predicate in [None, Some(json!({}))] {
        let attestation = judge(predicate).unwrap().bind(&artifact(&image())).unwrap();
        assert_eq!(attestation.statement().predicate_type, SIGNATURE);
        assert_eq!(attestation.subject().unwrap().extra["annotations"]["env"], "prod");
    }
    for predicate in [json!({"a": 1}), json!([]), json!("x"), json!(false)] {
        assert_eq!(judge(Some(predicate)).err(), Some("signature-predicate"));
    }
    // What else may say something may say nothing.
    let mut custom = domain().spec_sign(&subject, None);
    custom.statement["predicateType"] = json!("https://example.com/x");
    assert!(minted(&Trust::public(), &custom).is_ok());
}

/// The fourth form: an envelope around the text of a plain signature, signed without what DSSE adds.
#[test]
fn a_text_in_an_envelope_is_called_what_it_is() {
    let spec = Spec {
        payload: Some(text(|_| {})),
        payload_type: cosign::SIGNATURE_MEDIA_TYPE.to_owned(),
        ..domain().spec(ARTIFACT)
    };
    for signature in [Signature::WithoutPae, Signature::Good] {
        let spec = Spec { signature, ..spec.clone() };
        assert_eq!(minted(&Trust::public(), &spec).err(), Some("simple-signing-envelope"));
    }
}
