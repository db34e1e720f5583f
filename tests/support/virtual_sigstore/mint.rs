//! From a specification to a bundle.

use serde_json::Value;
use serde_json::json;

use super::VirtualSigstore;
use super::asn1;
use super::b64;
use super::body;
use super::body::Subject;
use super::body::Verifier;
use super::ca;
use super::ca::Authority;
use super::ca::IssuedBy;
use super::ct;
use super::digest::HashKind;
use super::keys::Key;
use super::keys::KeyKind;
use super::log;
use super::log::About;
use super::log::Entry;
use super::log::Logs;
use super::spec::CertificateShape;
use super::spec::CertificateSignature;
use super::spec::Content;
use super::spec::Place;
use super::spec::Signature;
use super::spec::Signer;
use super::spec::Spec;
use super::x509;
use super::x509::Extension;
use super::x509::Template;

/// A bundle with the parts that it was made of.
#[derive(Clone, Debug)]
pub struct Minted {
    /// The bundle.
    pub bundle: Value,
    /// The DSSE envelope alone; null for a message signature.
    pub envelope: Value,
    /// The bytes that were signed.
    pub message: Vec<u8>,
    /// The DSSE payload; empty for a message signature.
    pub payload: Vec<u8>,
    /// The signer's signature.
    pub signature: Vec<u8>,
    /// The signer's public key as DER `SubjectPublicKeyInfo`.
    pub public_key: Vec<u8>,
    /// The certificate and those above it, root last, as DER; empty for a bundle signed with a bare key.
    pub chain: Vec<Vec<u8>>,
}

/// Mints what `spec` describes.
pub fn mint(sigstore: &VirtualSigstore, spec: &Spec) -> Minted {
    let key = sigstore.signer_key(spec);
    let chain = match spec.signer {
        Signer::Certificate => certificate_chain(sigstore, spec, &key),
        Signer::Key { .. } => Vec::new(),
    };
    let payload = match &spec.content {
        Content::Dsse => spec.payload.clone().unwrap_or_else(|| spec.statement.to_string().into_bytes()),
        Content::Message(_) => Vec::new(),
    };
    let message = match &spec.content {
        Content::Dsse => pae(&spec.payload_type, &payload),
        Content::Message(bytes) => bytes.clone(),
    };
    let verifier = match chain.first() {
        Some(leaf) => Verifier::Certificate(leaf.clone()),
        None => Verifier::Key(key.spki()),
    };
    let own = body::Signature {
        bytes: sign(sigstore, &key, spec.signature, &message, &payload),
        key_id: spec.key_id.clone(),
        verifier,
        details: key.details(),
    };
    let signature = own.bytes.clone();
    let signatures = with_cosigners(sigstore, spec, own, &message, &payload);
    let envelope = envelope(spec, &payload, &signatures);
    let hash = hash_of(spec);
    let subject = Subject {
        payload_type: spec.payload_type.clone(),
        payload: payload.clone(),
        envelope: envelope.to_string().into_bytes(),
        message: message.clone(),
        hash,
        signatures,
        own: spec.cosigners.iter().filter(|cosigner| cosigner.place == Place::Before).count(),
    };
    let bundle = bundle(sigstore, spec, &chain, &subject, &envelope, &signature);
    Minted { bundle, envelope, message, payload, signature, public_key: key.spki(), chain }
}

/// DSSE's pre-authentication encoding.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let header = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [header.as_bytes(), payload].concat()
}

fn hash_of(spec: &Spec) -> HashKind {
    spec.hash.unwrap_or(if spec.key == KeyKind::P384 { HashKind::Sha384 } else { HashKind::Sha256 })
}

fn sign(sigstore: &VirtualSigstore, key: &Key, how: Signature, message: &[u8], payload: &[u8]) -> Vec<u8> {
    match how {
        Signature::Good => key.sign(message),
        Signature::P1363 => key.sign_p1363(message),
        Signature::Bad => {
            let mut bytes = key.sign(message);
            *bytes.last_mut().unwrap() ^= 1;
            bytes
        }
        Signature::ForeignKey => sigstore.foreign_key("signer", key.kind()).sign(message),
        Signature::OtherPayload => key.sign(&[message, b" "].concat()),
        Signature::WithoutPae => key.sign(payload),
    }
}

fn with_cosigners(
    sigstore: &VirtualSigstore,
    spec: &Spec,
    own: body::Signature,
    message: &[u8],
    payload: &[u8],
) -> Vec<body::Signature> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for cosigner in &spec.cosigners {
        let key = sigstore.key(&cosigner.label, cosigner.key);
        let signature = body::Signature {
            bytes: sign(sigstore, &key, cosigner.signature, message, payload),
            key_id: cosigner.key_id.clone(),
            verifier: Verifier::Key(key.spki()),
            details: key.details(),
        };
        match cosigner.place {
            Place::Before => before.push(signature),
            Place::After => after.push(signature),
        }
    }
    before.push(own);
    before.extend(after);
    before
}

fn envelope(spec: &Spec, payload: &[u8], signatures: &[body::Signature]) -> Value {
    if spec.content != Content::Dsse {
        return Value::Null;
    }
    let signature = |signature: &body::Signature| {
        let mut value = json!({"sig": b64(&signature.bytes)});
        if let Some(id) = &signature.key_id {
            value["keyid"] = json!(id);
        }
        value
    };
    json!({
        "payload": b64(payload),
        "payloadType": spec.payload_type,
        "signatures": signatures.iter().map(signature).collect::<Vec<_>>(),
    })
}

fn bundle(
    sigstore: &VirtualSigstore,
    spec: &Spec,
    chain: &[Vec<u8>],
    subject: &Subject,
    envelope: &Value,
    signature: &[u8],
) -> Value {
    let mut material = signer_json(sigstore, spec, chain);
    if !spec.entries.is_empty() {
        let entries = spec.entries.iter().map(|entry| entry_json(sigstore, entry, subject));
        material["tlogEntries"] = entries.collect();
    }
    if !spec.stamps.is_empty() {
        let stamps = spec.stamps.iter().map(|stamp| {
            let foreign = sigstore.foreign();
            json!({"signedTimestamp": b64(&sigstore.tsa.stamp(stamp, &foreign.tsa, signature))})
        });
        material["timestampVerificationData"] = json!({"rfc3161Timestamps": stamps.collect::<Vec<_>>()});
    }
    let mut value = json!({"mediaType": spec.media_type.text(), "verificationMaterial": material});
    match &spec.content {
        Content::Dsse => value["dsseEnvelope"] = envelope.clone(),
        Content::Message(message) => {
            let hash = hash_of(spec);
            let digest = spec.message_digest.clone().unwrap_or_else(|| hash.of(message));
            value["messageSignature"] = json!({
                "messageDigest": {"algorithm": hash.sigstore_name(), "digest": b64(&digest)},
                "signature": b64(signature),
            });
        }
    }
    value
}

fn signer_json(sigstore: &VirtualSigstore, spec: &Spec, chain: &[Vec<u8>]) -> Value {
    let certificate = |der: &Vec<u8>| json!({"rawBytes": b64(der)});
    match (&spec.signer, spec.media_type.shape()) {
        (Signer::Key { hint }, _) => {
            let spki = sigstore.signer_key(spec).spki();
            let hint = hint.clone().unwrap_or_else(|| b64(&HashKind::Sha256.of(&spki)));
            json!({"publicKey": {"hint": hint}})
        }
        (Signer::Certificate, CertificateShape::Single) => json!({"certificate": certificate(&chain[0])}),
        (Signer::Certificate, CertificateShape::Chain) => {
            // As Sigstore's clients do, the root is left out.
            let shown = &chain[..(chain.len() - 1).max(1)];
            json!({"x509CertificateChain": {"certificates": shown.iter().map(certificate).collect::<Vec<_>>()}})
        }
    }
}

fn entry_json(sigstore: &VirtualSigstore, entry: &Entry, subject: &Subject) -> Value {
    let mut subject = subject.clone();
    let own = subject.own;
    match entry.about {
        About::This => {}
        About::OtherPayload => {
            subject.payload.push(b' ');
            subject.envelope.push(b' ');
            subject.message.push(b' ');
        }
        About::OtherSignature => {
            let stranger = sigstore.foreign_key("other-signature", KeyKind::P256);
            subject.signatures[own].bytes = stranger.sign(&subject.message);
        }
        About::OtherVerifier => {
            let stranger = sigstore.foreign_key("other-verifier", KeyKind::P256);
            subject.signatures[own].verifier = match subject.signatures[own].verifier {
                Verifier::Key(_) => Verifier::Key(stranger.spki()),
                Verifier::Certificate(_) => {
                    let spec = sigstore.spec(b"another artifact");
                    Verifier::Certificate(certificate_chain(sigstore, &spec, &stranger).swap_remove(0))
                }
            };
        }
    }
    let foreign = sigstore.foreign();
    let logs = if entry.kind.is_v2() {
        Logs { own: &sigstore.rekor_v2, other: &sigstore.rekor_v1, foreign: &foreign.rekor_v2 }
    } else {
        Logs { own: &sigstore.rekor_v1, other: &sigstore.rekor_v2, foreign: &foreign.rekor_v1 }
    };
    log::entry(entry, &logs, &subject)
}

/// The certificate for `key` and those above it, root last.
pub fn certificate_chain(sigstore: &VirtualSigstore, spec: &Spec, key: &Key) -> Vec<Vec<u8>> {
    certificate_chain_of(sigstore, spec, &key.spki(), &key.raw_public())
}

/// The certificate for a public key that somebody else holds, and those above it, root last. `raw` is what the bit
/// string of `spki` holds.
pub fn certificate_chain_of(sigstore: &VirtualSigstore, spec: &Spec, spki: &[u8], raw: &[u8]) -> Vec<Vec<u8>> {
    let ca = if spec.issued_by == IssuedBy::Foreign { sigstore.foreign().ca } else { sigstore.ca.clone() };
    let above = ca.chain(spec.issued_by);
    let issuer = &above[0];
    let mut template = Template {
        issuer: issuer.name.clone(),
        subject: asn1::seq(&[]),
        not_before: spec.not_before,
        not_after: spec.not_after,
        spki: spki.to_vec(),
        extensions: leaf_extensions(spec, raw, issuer),
    };
    if !spec.scts.is_empty() {
        let tbs = template.tbs(&issuer.key);
        let stranger = sigstore.foreign_key("ct", KeyKind::P256);
        let scts: Vec<Vec<u8>> =
            spec.scts.iter().map(|sct| ct::sct(sct, &sigstore.ct, &stranger, &issuer.key.spki(), &tbs)).collect();
        template.extensions.push(ct::extension(&scts));
    }
    let mut leaf = template.certificate(&issuer.key);
    if spec.certificate_signature == CertificateSignature::Bad {
        *leaf.last_mut().unwrap() ^= 1;
    }
    let above = above.iter().map(|authority| authority.der.clone());
    [leaf].into_iter().chain(above).collect()
}

fn leaf_extensions(spec: &Spec, raw: &[u8], issuer: &Authority) -> Vec<Extension> {
    let mut extensions = Vec::new();
    extensions.extend(ca::key_usage(spec.key_usage));
    extensions.extend(ca::extended_usage(spec.eku));
    extensions.push(x509::subject_key_of(raw));
    extensions.push(x509::authority_key(&issuer.key));
    if !spec.san.is_empty() {
        extensions.push(ca::alternative_names(&spec.san));
    }
    extensions.extend(spec.claims.extensions());
    for (oid, value) in &spec.extensions {
        let place = extensions.iter().position(|extension| extension.oid == *oid);
        match (place, value) {
            (Some(place), Some(value)) => extensions[place].value.clone_from(value),
            (Some(place), None) => {
                extensions.remove(place);
            }
            (None, Some(value)) => extensions.push(Extension::new(oid, false, value.clone())),
            (None, None) => {}
        }
    }
    extensions
}
