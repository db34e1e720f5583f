//! Canonicalized bodies of log entries, for each kind that Rekor has written.

use serde_json::Value;
use serde_json::json;

use super::asn1;
use super::b64;
use super::digest::HashKind;

/// Kind and version of a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `dsse` 0.0.1, Rekor v1.
    Dsse001,
    /// `intoto` 0.0.2, Rekor v1.
    Intoto002,
    /// `intoto` 0.0.1, Rekor v1.
    Intoto001,
    /// `hashedrekord` 0.0.1, Rekor v1.
    HashedRekord001,
    /// `hashedrekord` 0.0.2, Rekor v2.
    HashedRekord002,
    /// `dsse` 0.0.2, Rekor v2.
    Dsse002,
}

impl Kind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dsse001 | Self::Dsse002 => "dsse",
            Self::Intoto002 | Self::Intoto001 => "intoto",
            Self::HashedRekord001 | Self::HashedRekord002 => "hashedrekord",
        }
    }

    /// Its version.
    pub fn version(self) -> &'static str {
        match self {
            Self::Dsse001 | Self::Intoto001 | Self::HashedRekord001 => "0.0.1",
            Self::Intoto002 | Self::HashedRekord002 | Self::Dsse002 => "0.0.2",
        }
    }

    /// Whether Rekor v2 writes it.
    pub fn is_v2(self) -> bool {
        matches!(self, Self::HashedRekord002 | Self::Dsse002)
    }
}

/// What verifies a signature, as an entry names it.
#[derive(Clone)]
pub enum Verifier {
    /// A DER certificate.
    Certificate(Vec<u8>),
    /// A DER `SubjectPublicKeyInfo`.
    Key(Vec<u8>),
}

impl Verifier {
    /// The PEM text, as Rekor v1 keeps it.
    pub fn pem(&self) -> String {
        match self {
            Self::Certificate(der) => asn1::pem("CERTIFICATE", der),
            Self::Key(der) => asn1::pem("PUBLIC KEY", der),
        }
    }

    fn pem_b64(&self) -> String {
        b64(self.pem().as_bytes())
    }
}

/// One signature with what verifies it.
#[derive(Clone)]
pub struct Signature {
    /// Signature bytes.
    pub bytes: Vec<u8>,
    /// DSSE `keyid`.
    pub key_id: Option<String>,
    /// What verifies it.
    pub verifier: Verifier,
    /// `PublicKeyDetails` of the key.
    pub details: &'static str,
}

/// What a log entry is about.
#[derive(Clone)]
pub struct Subject {
    /// DSSE payload type.
    pub payload_type: String,
    /// DSSE payload.
    pub payload: Vec<u8>,
    /// The DSSE envelope as JSON text.
    pub envelope: Vec<u8>,
    /// The bytes that were signed: the artifact, or the DSSE pre-authentication encoding.
    pub message: Vec<u8>,
    /// The hash of `message` that a `hashedrekord` holds.
    pub hash: HashKind,
    /// The signatures; at least one.
    pub signatures: Vec<Signature>,
    /// Place of the signer's own signature, the one that entries of a single signature hold.
    pub own: usize,
}

/// The canonical JSON body of an entry of `kind` about `subject`.
pub fn canonical(kind: Kind, subject: &Subject) -> Vec<u8> {
    let body = json!({"apiVersion": kind.version(), "kind": kind.name(), "spec": spec(kind, subject)});
    canonical_json(&body).into_bytes()
}

fn spec(kind: Kind, subject: &Subject) -> Value {
    let own = &subject.signatures[subject.own];
    let sha256 = |bytes: &[u8]| json!({"algorithm": "sha256", "value": HashKind::Sha256.hex(bytes)});
    match kind {
        Kind::Dsse001 => json!({
            "envelopeHash": sha256(&subject.envelope),
            "payloadHash": sha256(&subject.payload),
            "signatures": subject.signatures.iter().map(|signature| json!({
                "signature": b64(&signature.bytes),
                "verifier": signature.verifier.pem_b64(),
            })).collect::<Vec<_>>(),
        }),
        Kind::Intoto002 => json!({"content": {
            "envelope": {
                "payloadType": subject.payload_type,
                "signatures": subject.signatures.iter().map(intoto_signature).collect::<Vec<_>>(),
            },
            "hash": sha256(&subject.envelope),
            "payloadHash": sha256(&subject.payload),
        }}),
        Kind::Intoto001 => json!({
            "content": {"hash": sha256(&subject.envelope), "payloadHash": sha256(&subject.payload)},
            "publicKey": own.verifier.pem_b64(),
        }),
        Kind::HashedRekord001 => json!({
            "data": {"hash": {"algorithm": subject.hash.name(), "value": subject.hash.hex(&subject.message)}},
            "signature": {"content": b64(&own.bytes), "publicKey": {"content": own.verifier.pem_b64()}},
        }),
        Kind::HashedRekord002 => json!({"hashedRekordV002": {
            "data": {
                "algorithm": subject.hash.sigstore_name(),
                "digest": b64(&subject.hash.of(&subject.message)),
            },
            "signature": v2_signature(own),
        }}),
        Kind::Dsse002 => json!({"dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": b64(&HashKind::Sha256.of(&subject.payload))},
            "signatures": subject.signatures.iter().map(v2_signature).collect::<Vec<_>>(),
        }}),
    }
}

fn intoto_signature(signature: &Signature) -> Value {
    let mut value = json!({
        "publicKey": signature.verifier.pem_b64(),
        "sig": b64(b64(&signature.bytes).as_bytes()),
    });
    if let Some(id) = &signature.key_id {
        value["keyid"] = json!(id);
    }
    value
}

fn v2_signature(signature: &Signature) -> Value {
    let mut verifier = json!({"keyDetails": signature.details});
    match &signature.verifier {
        Verifier::Certificate(der) => verifier["x509Certificate"] = json!({"rawBytes": b64(der)}),
        Verifier::Key(der) => verifier["publicKey"] = json!({"rawBytes": b64(der)}),
    }
    json!({"content": b64(&signature.bytes), "verifier": verifier})
}

/// JSON with sorted keys and no spaces (RFC 8785, for values without floating-point numbers).
pub fn canonical_json(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|a, b| a.0.encode_utf16().cmp(b.0.encode_utf16()));
            let members: Vec<String> =
                members.into_iter().map(|(key, value)| format!("{}:{}", json!(key), canonical_json(value))).collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical_json).collect();
            format!("[{}]", items.join(","))
        }
        scalar => scalar.to_string(),
    }
}
