//! A bundle, or a plain signature, as the layer with annotations that cosign wrote before bundles.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::LogEntry;
use crate::formats::cosign::BUNDLE;
use crate::formats::cosign::CERTIFICATE;
use crate::formats::cosign::CHAIN;
use crate::formats::digest::Digest;
use crate::formats::log_entry::EntryKind;
use crate::formats::log_entry::pem_text;

/// Annotation of a layer: its signature. It is there and empty on attestations, whose signature stands in the envelope.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Annotation of an attestation's layer: its predicate type. Nobody signed the annotation.
pub const PREDICATE_TYPE: &str = "predicateType";

/// What a plain signature of an image says it is (cosign, `specs/SIGNATURE_SPEC.md`).
const SIGNATURE_TYPE: &str = "cosign container image signature";

/// The text that a plain signature of an image signs, and the layer is: the image's repository, its digest, and annotations
/// by name (cosign, `specs/SIGNATURE_SPEC.md`). The same arguments give the same bytes.
pub fn signed_text(repository: &str, image: &Digest, annotations: &BTreeMap<String, String>) -> Vec<u8> {
    let text = json!({
        "critical": {
            "identity": { "docker-reference": repository },
            "image": { "docker-manifest-digest": image.to_string() },
            "type": SIGNATURE_TYPE,
        },
        "optional": if annotations.is_empty() { Value::Null } else { json!(annotations) },
    });
    text.to_string().into_bytes()
}

/// A layer and what stands beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Its bytes: an envelope, or the text of a plain signature.
    pub text: Vec<u8>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
}

impl Layer {
    /// Makes a layer of a bundle. RFC 3161 timestamps are left out: in a bundle they are about the signature, beside a
    /// layer about the layer. An inclusion proof has no place beside a layer.
    ///
    /// # Errors
    /// What such a layer cannot say is refused: `not-an-attestation` for a plain signature, `too-many` for several log
    /// entries, `json-field-missing` for an entry without a signed entry timestamp (Rekor v2 gives none) and for a
    /// certificate without an entry, `log-entry-kind` for an `intoto` 0.0.1 entry, which is about a text that the bundle
    /// does not hold.
    pub fn new(bundle: &Bundle, predicate_type: Option<&str>) -> Result<Self, FormatError> {
        let Content::Envelope(envelope) = &bundle.content else {
            return Err(FormatError::NotAnAttestation { found: "a signature without an envelope".to_owned() });
        };
        let mut annotations = material(bundle, envelope.source.is_some())?;
        annotations.insert(SIGNATURE.to_owned(), String::new());
        if let Some(predicate_type) = predicate_type {
            annotations.insert(PREDICATE_TYPE.to_owned(), predicate_type.to_owned());
        }
        let text = envelope.texts(None).pop().map(|text| text.to_vec());
        Ok(Self { text: text.unwrap_or_else(|| envelope.to_json().to_string().into_bytes()), annotations })
    }

    /// Makes a layer of a plain signature over a text, which becomes the layer. RFC 3161 timestamps and inclusion proofs are
    /// left out as in [`Layer::new`].
    ///
    /// # Errors
    /// As [`Layer::new`]; `not-an-attestation` for a bundle that holds an envelope.
    pub fn of_signature(text: &[u8], bundle: &Bundle) -> Result<Self, FormatError> {
        let Content::Message { signature, .. } = &bundle.content else {
            return Err(FormatError::NotAnAttestation { found: "something else than a plain signature".to_owned() });
        };
        let mut annotations = material(bundle, false)?;
        annotations.insert(SIGNATURE.to_owned(), base64::encode(signature));
        Ok(Self { text: text.to_vec(), annotations })
    }
}

/// What stands beside a layer of the signer and of the log. `as_read` says that the text of the envelope is the one that was
/// read.
fn material(bundle: &Bundle, as_read: bool) -> Result<BTreeMap<String, String>, FormatError> {
    let mut annotations = BTreeMap::new();
    let mut add = |name: &str, text: String| annotations.insert(name.to_owned(), text);
    let pem = |der: &Vec<u8>| pem_text("CERTIFICATE", der);
    if let [leaf, chain @ ..] = bundle.signer.certificates() {
        add(CERTIFICATE, pem(leaf));
        if !chain.is_empty() {
            add(CHAIN, chain.iter().map(pem).collect());
        }
    }
    match bundle.log_entries.as_slice() {
        [] if bundle.signer.certificates().is_empty() => {}
        [] => return Err(FormatError::Missing { path: "/verificationMaterial/tlogEntries/0".to_owned() }),
        [entry] => {
            add(BUNDLE, log_entry(entry, as_read)?);
        }
        several => {
            let (what, found) = ("/verificationMaterial/tlogEntries".to_owned(), several.len());
            return Err(FormatError::TooMany { what, limit: 1, found });
        }
    }
    Ok(annotations)
}

fn log_entry(entry: &LogEntry, as_read: bool) -> Result<String, FormatError> {
    let path = "/verificationMaterial/tlogEntries/0";
    if entry.kind == EntryKind::Intoto001 && !as_read {
        let (kind, version) = entry.kind.name();
        let (kind, version) = (kind.to_owned(), version.to_owned());
        let expected = "an entry about the payload";
        return Err(FormatError::LogEntryKind { path: path.to_owned(), expected, kind, version });
    }
    let missing = |name: &str| FormatError::Missing { path: format!("{path}/{name}") };
    let set = entry.signed_entry_timestamp.as_ref().ok_or_else(|| missing("inclusionPromise"))?;
    let value = json!({
        "SignedEntryTimestamp": base64::encode(set),
        "Payload": {
            "body": base64::encode(&entry.body),
            "integratedTime": entry.integrated_time.ok_or_else(|| missing("integratedTime"))?,
            "logIndex": entry.log_index,
            "logID": hex::encode(&entry.log_id),
        },
    });
    Ok(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bundle::Signer;
    use crate::formats::bundle::Version;
    use crate::formats::cosign;
    use crate::formats::envelope;
    use crate::formats::envelope::Envelope;
    use crate::formats::oci;

    const ENVELOPE: &[u8] = br#"{"payloadType":"t","payload":"AA==","signatures":[{"keyid":"","sig":"AA=="}]}"#;

    fn bundle() -> Bundle {
        let envelope = Envelope { source: None, ..envelope::parse(ENVELOPE).unwrap() };
        let entry = LogEntry {
            log_index: 3,
            log_id: vec![0xc0, 0xd2],
            kind: EntryKind::Dsse001,
            integrated_time: Some(5),
            signed_entry_timestamp: Some(vec![1]),
            inclusion_proof: None,
            body: br#"{"apiVersion":"0.0.1","kind":"dsse","spec":{}}"#.to_vec(),
        };
        Bundle {
            version: Version::V0_3,
            content: Content::Envelope(envelope),
            signer: Signer::CertificateChain(vec![vec![1, 2, 3], vec![4, 5, 6]]),
            log_entries: vec![entry],
            timestamps: Vec::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let bundle = bundle();
        let layer = Layer::new(&bundle, Some("https://slsa.dev/provenance/v1")).unwrap();
        assert_eq!(layer.text, ENVELOPE);
        assert_eq!((layer.annotations[SIGNATURE].as_str(), layer.annotations.len()), ("", 5));
        assert_eq!(layer.annotations[PREDICATE_TYPE], "https://slsa.dev/provenance/v1");
        let read = cosign::parse(&layer.text, &layer.annotations).unwrap();
        assert_eq!((read.signer, read.log_entries), (bundle.signer, bundle.log_entries));
        let key = Bundle { signer: Signer::PublicKey { hint: "k".into() }, log_entries: Vec::new(), ..self::bundle() };
        assert_eq!(Layer::new(&key, None).unwrap().annotations.len(), 1);
    }

    #[test]
    fn what_a_layer_cannot_say_is_refused() {
        let code = |change: &dyn Fn(&mut Bundle)| {
            let mut bundle = bundle();
            change(&mut bundle);
            Layer::new(&bundle, None).unwrap_err().code()
        };
        assert_eq!(code(&|one| one.log_entries.clear()), "json-field-missing");
        assert_eq!(code(&|one| one.log_entries.push(one.log_entries[0].clone())), "too-many");
        assert_eq!(code(&|one| one.log_entries[0].signed_entry_timestamp = None), "json-field-missing");
        assert_eq!(code(&|one| one.log_entries[0].integrated_time = None), "json-field-missing");
        assert_eq!(code(&|one| one.log_entries[0].kind = EntryKind::Intoto001), "log-entry-kind");
        let message = || Content::Message { digest: None, signature: vec![1] };
        assert_eq!(code(&|one| one.content = message()), "not-an-attestation");
    }

    #[test]
    fn the_text_of_a_signature_is_this() {
        let digest = oci::digest(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        let text = |rows: &[(&str, &str)]| {
            let rows = rows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            String::from_utf8(signed_text("ghcr.io/acme/app", &digest, &rows)).unwrap()
        };
        let head = format!(
            concat!(
                r#"{{"critical":{{"identity":{{"docker-reference":"ghcr.io/acme/app"}},"#,
                r#""image":{{"docker-manifest-digest":"sha256:{}"}},"type":"cosign container image signature"}},"#,
            ),
            "ab".repeat(32)
        );
        assert_eq!(text(&[]), format!(r#"{head}"optional":null}}"#));
        assert_eq!(text(&[("b", "2"), ("a", "1")]), format!(r#"{head}"optional":{{"a":"1","b":"2"}}}}"#));
    }

    #[test]
    fn a_signature_that_is_written_is_read_back() {
        let message = || Content::Message { digest: None, signature: vec![1, 2] };
        let entry = LogEntry {
            kind: EntryKind::HashedRekord001,
            body: br#"{"apiVersion":"0.0.1","kind":"hashedrekord","spec":{}}"#.to_vec(),
            ..bundle().log_entries[0].clone()
        };
        let bundle = Bundle { content: message(), log_entries: vec![entry], ..bundle() };
        let layer = Layer::of_signature(b"text", &bundle).unwrap();
        assert_eq!((layer.annotations[SIGNATURE].as_str(), layer.annotations.len()), ("AQI=", 4));
        let read = cosign::parse_signature(&layer.text, &layer.annotations).unwrap();
        assert_eq!(read.content, Content::SimpleSigning { payload: b"text".to_vec(), signature: vec![1, 2] });
        assert_eq!((&read.signer, &read.log_entries), (&bundle.signer, &bundle.log_entries));
        let code = |bundle: &Bundle| Layer::of_signature(b"text", bundle).unwrap_err().code();
        assert_eq!(code(&Bundle { content: self::bundle().content, ..bundle.clone() }), "not-an-attestation");
        let mut second = bundle;
        second.log_entries[0].signed_entry_timestamp = None;
        assert_eq!(code(&second), "json-field-missing");
    }
}
