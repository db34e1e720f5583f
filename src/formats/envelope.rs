//! DSSE envelopes and their pre-authentication encoding.

use std::sync::Arc;

use serde::Serialize;
use serde::Serializer;
use serde::ser::Error;
use serde::ser::SerializeMap;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::base64::Encoded;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::log_entry::pem_text;
use crate::formats::payload::Payload;

/// The payload type of an in-toto Statement (in-toto attestation spec, "Envelope").
pub const IN_TOTO_PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// Most signatures in one envelope.
pub const MAX_SIGNATURES: usize = 16;

/// A DSSE envelope (secure-systems-lab/dsse, envelope.md). Nothing in it is believed.
#[derive(Debug, Clone, PartialEq)]
pub struct Envelope {
    /// What the payload is; covered by every signature.
    pub payload_type: String,
    /// What was signed, decoded.
    pub payload: Payload,
    /// One or more signatures.
    pub signatures: Vec<Signature>,
    /// The JSON text this envelope was read from, where it stood alone in a file: the oldest log entries are about
    /// that text.
    pub source: Option<Arc<[u8]>>,
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// An unauthenticated hint; empty when absent.
    pub keyid: String,
    /// The signature, decoded.
    pub sig: Vec<u8>,
    /// The PEM certificate that slsa-github-generator put here before bundles existed. Not part of DSSE.
    pub cert: Option<String>,
}

impl Envelope {
    /// Takes an envelope out of parsed JSON. Fields that DSSE does not know are ignored, as it says.
    ///
    /// # Errors
    /// Any [`FormatError`] about JSON fields, `too-many` above [`MAX_SIGNATURES`].
    pub fn from_json(value: Value, path: &str) -> Result<Self, FormatError> {
        let mut fields = Fields::new(value, path)?;
        let payload_type = fields.need_string("payloadType")?;
        let payload = Payload::from(either(&mut fields, "payload")?);
        let list = fields.array("signatures", MAX_SIGNATURES)?;
        if list.is_empty() {
            return Err(fields.missing("signatures"));
        }
        let at = fields.at("signatures");
        let signatures = list
            .into_iter()
            .enumerate()
            .map(|(n, value)| Signature::from_json(value, &format!("{at}/{n}")))
            .collect::<Result<_, _>>()?;
        Ok(Self { payload_type, payload, signatures, source: None })
    }

    /// The envelope as JSON: standard base64, `keyid` only where there is one.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The envelope without the signatures that say to be by a key of another name; a signature that names no key stays.
    /// `None` when none is left. What was signed stays as it is.
    pub fn only_by(&self, keyid: &str) -> Option<Self> {
        let mut kept = self.clone();
        kept.signatures.retain(|signature| signature.keyid.is_empty() || signature.keyid == keyid);
        (!kept.signatures.is_empty()).then_some(kept)
    }

    /// The JSON texts that a log may have hashed: the one it was read from, where that is known. Otherwise the texts that
    /// its fields have in the two spellings that tools in Go wrote, with the certificate inside (slsa-github-generator)
    /// and without: another text that means the same cannot be known. None where a name would need escaping, or the payload is
    /// not held.
    pub fn texts(&self, certificate: Option<&[u8]>) -> Vec<Arc<[u8]>> {
        if let Some(source) = &self.source {
            return vec![source.clone()];
        }
        let Some(payload) = self.payload.held() else { return Vec::new() };
        let names = self.signatures.iter().map(|one| &one.keyid).chain([&self.payload_type]);
        let plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !"\"\\<>&".contains(c);
        if !names.flat_map(|name| name.chars()).all(plain) {
            return Vec::new();
        }
        let cert = certificate.filter(|_| self.signatures.len() == 1);
        let cert = cert.map(|der| pem_text("CERTIFICATE", der).replace('\n', "\\n"));
        let text = |cert: &str| {
            let one =
                |one: &Signature| format!(r#"{{"keyid":"{}","sig":"{}"{cert}}}"#, one.keyid, base64::encode(&one.sig));
            let signatures: Vec<String> = self.signatures.iter().map(one).collect();
            let (payload_type, payload) = (&self.payload_type, base64::encode(payload));
            let signatures = signatures.join(",");
            let text =
                format!(r#"{{"payloadType":"{payload_type}","payload":"{payload}","signatures":[{signatures}]}}"#);
            Arc::from(text.into_bytes())
        };
        let with = cert.map(|cert| text(&format!(r#","cert":"{cert}""#)));
        with.into_iter().chain([text("")]).collect()
    }

    /// The bytes that each signature covers; None where the payload is not held.
    pub fn pae(&self) -> Option<Vec<u8>> {
        self.payload.held().map(|payload| pae(&self.payload_type, payload))
    }
}

impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let not_held = || S::Error::custom("a payload that is not held");
        let payload = self.payload.held().ok_or_else(not_held)?;
        let signatures: Vec<Value> = self.signatures.iter().map(Signature::to_json).collect();
        let mut envelope = out.serialize_map(Some(3))?;
        envelope.serialize_entry("payload", &Encoded(payload))?;
        envelope.serialize_entry("payloadType", &self.payload_type)?;
        envelope.serialize_entry("signatures", &signatures)?;
        envelope.end()
    }
}

impl Signature {
    fn from_json(value: Value, path: &str) -> Result<Self, FormatError> {
        let mut fields = Fields::new(value, path)?;
        let keyid = fields.string("keyid")?.unwrap_or_default();
        let sig = either(&mut fields, "sig")?;
        let cert = fields.string("cert")?;
        Ok(Self { keyid, sig, cert })
    }

    fn to_json(&self) -> Value {
        let mut signature = serde_json::json!({ "sig": base64::encode(&self.sig) });
        if !self.keyid.is_empty() {
            signature["keyid"] = Value::from(self.keyid.as_str());
        }
        signature
    }
}

/// DSSE lets a writer choose the base64 alphabet for `payload` and `sig`.
fn either(fields: &mut Fields, name: &str) -> Result<Vec<u8>, FormatError> {
    let text = fields.need_string(name)?;
    base64::decode_either(&text).ok_or_else(|| FormatError::Base64 { path: fields.at(name) })
}

/// Pre-authentication encoding, `DSSEv1 SP len(type) SP type SP len(payload) SP payload` (DSSE protocol.md): lengths in
/// bytes, decimal. One allocation of the final size.
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = pae_head(payload_type, u64::try_from(payload.len()).unwrap_or(u64::MAX));
    let mut bytes = Vec::with_capacity(head.len() + payload.len());
    bytes.extend_from_slice(head.as_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// What the pre-authentication encoding of a payload of `length` bytes has before it.
pub fn pae_head(payload_type: &str, length: u64) -> String {
    format!("DSSEv1 {} {payload_type} {length} ", payload_type.len())
}

/// Whether a JSON object has the shape of a bare envelope, as against a bundle.
pub fn looks_like_envelope(value: &Value) -> bool {
    value.get("payloadType").is_some() && value.get("payload").is_some()
}

/// An envelope that stands alone in `text`, with that text kept.
///
/// # Errors
/// As [`Envelope::from_json`].
pub fn parse(text: &[u8]) -> Result<Envelope, FormatError> {
    let envelope = Envelope::from_json(json::parse(text)?, "")?;
    Ok(Envelope { source: Some(text.into()), ..envelope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pae_is_the_published_vector() {
        let bytes = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(bytes, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
        assert_eq!(pae("\u{e9}", b""), "DSSEv1 2 \u{e9} 0 ".as_bytes());
    }

    #[test]
    fn reads_and_writes_the_same_envelope() {
        let text =
            br#"{"payloadType":"t","payload":"-_8=","signatures":[{"sig":"AQI=","keyid":"k"},{"sig":"AQI="}],"x":1}"#;
        let envelope = parse(text).unwrap();
        assert_eq!(envelope.payload, Payload::from(vec![0xfb, 0xff]));
        let again = Envelope::from_json(envelope.to_json(), "").unwrap();
        assert_eq!(again, Envelope { source: None, ..envelope });
    }

    #[test]
    fn signatures_by_keys_of_another_name_are_left_out() {
        let text = br#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AQ==","keyid":"a"},{"sig":"Ag=="},{"sig":"Aw==","keyid":"b"}]}"#;
        let envelope = parse(text).unwrap();
        let kept = |keyid: &str| envelope.only_by(keyid).map(|kept| kept.signatures.iter().map(|s| s.sig[0]).collect());
        assert_eq!(kept("a"), Some(vec![1, 2]));
        assert_eq!(kept("b"), Some(vec![2, 3]));
        assert_eq!(kept(""), Some(vec![2]));
        let named = parse(br#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AQ==","keyid":"a"}]}"#);
        assert_eq!(named.unwrap().only_by("A"), None);
    }

    #[test]
    fn refusals_are_named() {
        let code = |text: &str| parse(text.as_bytes()).unwrap_err().code();
        assert_eq!(code(r#"{"payloadType":"t","payload":"AA==","signatures":[]}"#), "json-field-missing");
        assert_eq!(code(r#"{"payloadType":"t","payload":"AA","signatures":[{"sig":"AA=="}]}"#), "base64-invalid");
        assert_eq!(code(r#"{"payloadType":["t"],"payload":"AA==","signatures":[]}"#), "json-wrong-type");
        let many = vec![r#"{"sig":"AA=="}"#; MAX_SIGNATURES + 1].join(",");
        let many = format!(r#"{{"payloadType":"t","payload":"AA==","signatures":[{many}]}}"#);
        assert_eq!(code(&many), "too-many");
    }
}
