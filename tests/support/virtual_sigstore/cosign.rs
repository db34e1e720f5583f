//! A plain signature over an image as cosign stored it before bundles: a layer with annotations.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::Value;
use serde_json::json;

use super::MediaType;
use super::Proof;
use super::Spec;
use super::VirtualSigstore;
use super::asn1;
use super::b64;
use super::body::Kind;
use super::log::Entry;
use super::spec::Content;

/// The `critical.type` of cosign.
pub const TYPE: &str = "cosign container image signature";

/// A layer and what stands beside it.
#[derive(Clone, Debug)]
pub struct SignedLayer {
    /// Its bytes, which are signed.
    pub text: Vec<u8>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

/// The text that is signed for an image: `digest` is `sha256:…`.
pub fn payload(digest: &str, optional: &Value) -> Value {
    json!({
        "critical": {
            "identity": {"docker-reference": "registry.test/acme/app"},
            "image": {"docker-manifest-digest": digest},
            "type": TYPE,
        },
        "optional": optional,
    })
}

impl VirtualSigstore {
    /// What signs a text as cosign did: certificate, `hashedrekord` 0.0.1 with a signed entry timestamp.
    pub fn spec_signature(&self, text: &[u8]) -> Spec {
        let entry = Entry { proof: Proof::Absent, ..self.entry(Kind::HashedRekord001) };
        let content = Content::Message(text.to_vec());
        Spec { media_type: MediaType::V01, content, entries: vec![entry], ..self.spec(text) }
    }

    /// The layer with what `spec` makes of its message.
    pub fn signed_layer(&self, spec: &Spec) -> SignedLayer {
        let parts = self.mint_parts(spec);
        let material = &parts.bundle["verificationMaterial"];
        let mut annotations = BTreeMap::new();
        let mut add = |name: &str, text: String| annotations.insert(name.to_owned(), text);
        add("dev.cosignproject.cosign/signature", b64(&parts.signature));
        if let Some((leaf, above)) = parts.chain.split_first() {
            add("dev.sigstore.cosign/certificate", asn1::pem("CERTIFICATE", leaf));
            add("dev.sigstore.cosign/chain", above.iter().map(|der| asn1::pem("CERTIFICATE", der)).collect());
        }
        if let Some(entry) = material["tlogEntries"].get(0) {
            let number = |name: &str| entry[name].as_str().unwrap_or("0").parse::<u64>().unwrap();
            let id = entry["logId"]["keyId"].as_str().unwrap();
            let id = base64::engine::general_purpose::STANDARD.decode(id).unwrap();
            let payload = json!({
                "body": entry["canonicalizedBody"],
                "integratedTime": number("integratedTime"),
                "logIndex": number("logIndex"),
                "logID": hex::encode(id),
            });
            let set = &entry["inclusionPromise"]["signedEntryTimestamp"];
            add("dev.sigstore.cosign/bundle", json!({"SignedEntryTimestamp": set, "Payload": payload}).to_string());
        }
        let stamp = &material["timestampVerificationData"]["rfc3161Timestamps"][0]["signedTimestamp"];
        if stamp.is_string() {
            let text = json!({"SignedRFC3161Timestamp": stamp}).to_string();
            add("dev.sigstore.cosign/rfc3161timestamp", text);
        }
        SignedLayer { text: parts.message, annotations }
    }

    /// A bundle with a signature in the form of cosign v3: a Statement of its own type about these subjects, with the
    /// predicate as it is given, or none.
    pub fn spec_sign(&self, subjects: &Value, predicate: Option<Value>) -> Spec {
        let mut spec = self.spec(b"");
        spec.statement = json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": subjects,
            "predicateType": "https://sigstore.dev/cosign/sign/v1",
        });
        if let Some(predicate) = predicate {
            spec.statement["predicate"] = predicate;
        }
        spec
    }
}
