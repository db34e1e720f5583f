//! Attestations as cosign stored them beside images before bundles: a layer with annotations.

pub mod layer;
pub mod simple_signing;

use std::collections::BTreeMap;

use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::LogEntry;
use crate::formats::bundle::MAX_CERTIFICATES;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::formats::cosign::layer::SIGNATURE;
use crate::formats::envelope;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::log_entry;
use crate::formats::log_entry::EntryKind;

/// Media type of such a layer (cosign, `specs/ATTESTATION_SPEC.md`).
pub const LAYER_MEDIA_TYPE: &str = "application/vnd.dsse.envelope.v1+json";
/// Media type of a plain signature's layer (cosign, `specs/SIGNATURE_SPEC.md`).
pub const SIGNATURE_MEDIA_TYPE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
/// Longest text of a plain signature that is read, in bytes (1 MiB). Real ones have a few hundred.
pub const MAX_SIGNED_TEXT: usize = 1024 * 1024;
/// Longest annotation that is read, in bytes (1 MiB). Real ones have a few KiB.
pub const MAX_ANNOTATION: usize = 1024 * 1024;

/// A log entry with its signed entry timestamp, JSON.
pub const BUNDLE: &str = "dev.sigstore.cosign/bundle";
/// The signer's certificate, PEM.
pub const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
/// The certificates above it, PEM, root last.
pub const CHAIN: &str = "dev.sigstore.cosign/chain";
/// An RFC 3161 timestamp over the layer's bytes, JSON.
pub const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// Takes a layer and its annotations for a bundle of version [`Version::CosignLayer`].
///
/// The layer's text is kept: the oldest log entries and every timestamp here are about that text. An annotation that is
/// absent, empty or white space says nothing. Annotations of other names decide nothing and are left alone;
/// `dev.cosignproject.cosign/signature` is empty on attestations, whose signature stands in the envelope.
///
/// # Errors
/// `json-*` and `base64-invalid` of the layer and of each annotation, `input-too-large`, `too-many` above
/// [`MAX_CERTIFICATES`], `certificate-invalid` for what is no PEM certificate, `log-entry-kind`, `bundle-incomplete` for
/// a chain without a certificate.
pub fn parse(layer: &[u8], annotations: &BTreeMap<String, String>) -> Result<Bundle, FormatError> {
    if layer.len() > attestations::MAX_BYTES {
        let (limit, found) = (attestations::MAX_BYTES, layer.len());
        return Err(FormatError::TooLarge { what: "attestation layer", limit, found });
    }
    let content = Content::Envelope(envelope::parse(layer)?);
    with_material(content, annotations)
}

/// Takes a plain signature's layer and its annotations for a bundle of version [`Version::CosignLayer`] that holds
/// [`Content::SimpleSigning`]. The text is not looked into.
///
/// # Errors
/// Those of [`parse`]; `json-field-missing` without a signature.
pub fn parse_signature(layer: &[u8], annotations: &BTreeMap<String, String>) -> Result<Bundle, FormatError> {
    if layer.len() > MAX_SIGNED_TEXT {
        let (limit, found) = (MAX_SIGNED_TEXT, layer.len());
        return Err(FormatError::TooLarge { what: "signature layer", limit, found });
    }
    let at = pointer(SIGNATURE);
    let signature = annotation(annotations, SIGNATURE)?.ok_or_else(|| FormatError::Missing { path: at.clone() })?;
    let signature = base64::decode(signature).ok_or(FormatError::Base64 { path: at })?;
    with_material(Content::SimpleSigning { payload: layer.to_vec(), signature }, annotations)
}

/// A content with what the annotations say of its signer, log entry and timestamp.
fn with_material(content: Content, annotations: &BTreeMap<String, String>) -> Result<Bundle, FormatError> {
    let text = |name: &str| annotation(annotations, name);
    let signer = match (text(CERTIFICATE)?, text(CHAIN)?) {
        (None, None) => Signer::Unnamed,
        (None, Some(_)) => return Err(FormatError::NoChoice { path: pointer(CHAIN), expected: CERTIFICATE }),
        (Some(leaf), chain) => {
            let mut all = certificates(leaf)?;
            if all.len() != 1 {
                let reason = format!("expected one in {CERTIFICATE}, found {}", all.len());
                return Err(FormatError::Certificate { reason });
            }
            all.extend(chain.map(certificates).transpose()?.unwrap_or_default());
            if all.len() > MAX_CERTIFICATES {
                let (what, found) = (pointer(CHAIN), all.len());
                return Err(FormatError::TooMany { what, limit: MAX_CERTIFICATES, found });
            }
            Signer::CertificateChain(all)
        }
    };
    let log_entries = text(BUNDLE)?.map(log_entry).transpose()?.into_iter().collect();
    let timestamps = text(TIMESTAMP)?.map(timestamp).transpose()?.into_iter().collect();
    Ok(Bundle { version: Version::CosignLayer, content, signer, log_entries, timestamps })
}

/// The JSON pointer of an annotation in its layer's descriptor.
fn pointer(name: &str) -> String {
    format!("/annotations/{}", name.replace('/', "~1"))
}

fn annotation<'a>(annotations: &'a BTreeMap<String, String>, name: &str) -> Result<Option<&'a str>, FormatError> {
    let text = annotations.get(name).map(|text| text.trim()).filter(|text| !text.is_empty());
    match text {
        Some(text) if text.len() > MAX_ANNOTATION => {
            Err(FormatError::TooLarge { what: "annotation", limit: MAX_ANNOTATION, found: text.len() })
        }
        text => Ok(text),
    }
}

/// PEM certificates, one after another and nothing between them.
fn certificates(text: &str) -> Result<Vec<Vec<u8>>, FormatError> {
    const END: &str = "-----END CERTIFICATE-----";
    let invalid = || FormatError::Certificate { reason: "an annotation is no PEM certificate".to_owned() };
    let mut blocks = text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty());
    let first: Vec<&str> = blocks.by_ref().take(MAX_CERTIFICATES + 1).collect();
    if first.len() > MAX_CERTIFICATES {
        let (limit, found) = (MAX_CERTIFICATES, first.len() + blocks.count());
        return Err(FormatError::TooMany { what: pointer(CHAIN), limit, found });
    }
    let der = |block: &str| match log_entry::pem_block(block) {
        Some(("CERTIFICATE", der)) => Ok(der),
        _ => Err(invalid()),
    };
    first.into_iter().map(der).collect()
}

/// `{"SignedEntryTimestamp": base64, "Payload": {"body": base64, "integratedTime", "logIndex", "logID": hexadecimal}}`
fn log_entry(text: &str) -> Result<LogEntry, FormatError> {
    let path = pointer(BUNDLE);
    let mut top = Fields::new(json::parse(text.as_bytes())?, &path)?;
    let signed_entry_timestamp = Some(top.need_bytes("SignedEntryTimestamp")?);
    let mut payload = top.need_object("Payload")?;
    top.finish()?;
    let body = payload.need_bytes("body")?;
    let integrated_time = Some(payload.need_integer("integratedTime")?).filter(|seconds| *seconds != 0);
    let log_index = payload.need_integer("logIndex")?;
    let at = payload.at("logID");
    let expected = "a log id in lower-case hexadecimal";
    let log_id = payload.need_string("logID")?;
    let log_id = hex::decode(&log_id).ok().filter(|bytes| hex::encode(bytes) == log_id);
    let log_id = log_id.ok_or(FormatError::WrongType { path: at, expected, found: "something else" })?;
    payload.finish()?;
    let kind = kind(&body, &path)?;
    Ok(LogEntry { log_index, log_id, kind, integrated_time, signed_entry_timestamp, inclusion_proof: None, body })
}

/// The kind stands in the body alone.
fn kind(body: &[u8], path: &str) -> Result<EntryKind, FormatError> {
    if body.len() > MAX_ANNOTATION {
        return Err(FormatError::TooLarge { what: "log entry body", limit: MAX_ANNOTATION, found: body.len() });
    }
    let mut body = Fields::new(json::parse(body)?, &format!("{path}/Payload/body"))?;
    EntryKind::new(&body.need_string("kind")?, &body.need_string("apiVersion")?, path)
}

/// `{"SignedRFC3161Timestamp": base64}`
fn timestamp(text: &str) -> Result<Vec<u8>, FormatError> {
    let mut top = Fields::new(json::parse(text.as_bytes())?, &pointer(TIMESTAMP))?;
    let token = top.need_bytes("SignedRFC3161Timestamp")?;
    top.finish()?;
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::base64;

    const LAYER: &str = r#"{"payloadType":"t","payload":"AA==","signatures":[{"keyid":"","sig":"AA=="}]}"#;
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

    fn read(rows: &[(&str, &str)]) -> Result<Bundle, &'static str> {
        let annotations = rows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        parse(LAYER.as_bytes(), &annotations).map_err(|error| error.code())
    }

    fn entry(body: &str) -> String {
        let body = base64::encode(body.as_bytes());
        let payload = format!(r#"{{"body":"{body}","integratedTime":5,"logIndex":0,"logID":"c0d2"}}"#);
        format!(r#"{{"SignedEntryTimestamp":"AQ==","Payload":{payload}}}"#)
    }

    #[test]
    fn annotations_become_the_material_of_a_bundle() {
        let chain = format!("{PEM}\n{PEM}");
        let entry = entry(r#"{"apiVersion":"0.0.1","kind":"intoto","spec":{}}"#);
        let rows = [
            (CERTIFICATE, PEM),
            (CHAIN, chain.as_str()),
            (BUNDLE, entry.as_str()),
            (TIMESTAMP, r#"{"SignedRFC3161Timestamp":"Ag=="}"#),
            ("dev.cosignproject.cosign/signature", ""),
            ("predicateType", "anything"),
        ];
        let bundle = read(&rows).unwrap();
        assert_eq!((bundle.version, bundle.signer.certificates().len()), (Version::CosignLayer, 3));
        assert_eq!(bundle.timestamps, [[2]]);
        let [entry] = bundle.log_entries.as_slice() else { panic!() };
        assert_eq!((entry.kind, entry.log_id.as_slice()), (EntryKind::Intoto001, [0xc0, 0xd2].as_slice()));
        assert_eq!((entry.integrated_time, entry.inclusion_proof.is_none()), (Some(5), true));
        let Content::Envelope(envelope) = bundle.content else { panic!() };
        assert_eq!(envelope.source.as_deref(), Some(LAYER.as_bytes()));
    }

    #[test]
    fn white_space_says_nothing() {
        let bundle = read(&[(CERTIFICATE, " \n"), (CHAIN, ""), (BUNDLE, "")]).unwrap();
        assert_eq!((bundle.signer, bundle.log_entries.len()), (Signer::Unnamed, 0));
    }

    #[test]
    fn a_plain_signature_is_its_text_and_an_annotation() {
        let read = |rows: &[(&str, &str)], text: &[u8]| {
            let annotations = rows.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
            parse_signature(text, &annotations)
        };
        let bundle = read(&[(SIGNATURE, "AQI="), (CERTIFICATE, PEM)], b"text").unwrap();
        assert_eq!(bundle.content, Content::SimpleSigning { payload: b"text".to_vec(), signature: vec![1, 2] });
        assert_eq!((bundle.version, bundle.signer.certificates().len()), (Version::CosignLayer, 1));
        let code = |rows: &[(&str, &str)], text: &[u8]| read(rows, text).unwrap_err().code();
        assert_eq!(code(&[], b"text"), "json-field-missing");
        assert_eq!(code(&[(SIGNATURE, " ")], b"text"), "json-field-missing");
        assert_eq!(code(&[(SIGNATURE, "%")], b"text"), "base64-invalid");
        assert_eq!(code(&[(SIGNATURE, "AQI=")], &vec![b' '; MAX_SIGNED_TEXT + 1]), "input-too-large");
    }

    #[test]
    fn refusals_are_named() {
        let two = format!("{PEM}{PEM}");
        let many = PEM.repeat(MAX_CERTIFICATES + 1);
        let full = PEM.repeat(MAX_CERTIFICATES);
        let trailing = format!("{PEM}-----BEGIN");
        let long = " x".repeat(MAX_ANNOTATION);
        let code = |rows: &[(&str, &str)]| read(rows).unwrap_err();
        assert_eq!(code(&[(CHAIN, PEM)]), "bundle-incomplete");
        assert_eq!(code(&[(CERTIFICATE, &two)]), "certificate-invalid");
        assert_eq!(code(&[(CERTIFICATE, &trailing)]), "certificate-invalid");
        assert_eq!(code(&[(CERTIFICATE, &PEM.replace("CERTIFICATE", "PUBLIC KEY"))]), "certificate-invalid");
        assert_eq!(code(&[(CERTIFICATE, PEM), (CHAIN, &many)]), "too-many");
        assert_eq!(code(&[(CERTIFICATE, PEM), (CHAIN, &full)]), "too-many");
        assert_eq!(code(&[(BUNDLE, &long)]), "input-too-large");
        let good = entry(r#"{"apiVersion":"0.0.1","kind":"dsse"}"#);
        assert!(read(&[(BUNDLE, &good)]).is_ok());
        assert_eq!(code(&[(BUNDLE, &good.replace("c0d2", "C0D2"))]), "json-wrong-type");
        assert_eq!(code(&[(BUNDLE, &good.replace("\"logIndex\":0,", ""))]), "json-field-missing");
        assert_eq!(
            code(&[(BUNDLE, &good.replace("\"logIndex\":0,", "\"logIndex\":0,\"x\":1,"))]),
            "json-field-unknown"
        );
        assert_eq!(code(&[(BUNDLE, &entry(r#"{"apiVersion":"0.0.9","kind":"dsse"}"#))]), "log-entry-kind");
        assert_eq!(code(&[(BUNDLE, &entry("text"))]), "json-invalid");
        assert_eq!(code(&[(TIMESTAMP, r#"{"SignedRFC3161Timestamp":"Ag"}"#)]), "base64-invalid");
        assert_eq!(parse(b"{}", &BTreeMap::new()).unwrap_err().code(), "json-field-missing");
    }
}
