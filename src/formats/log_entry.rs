//! Bodies of transparency log entries.

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// Longest entry body that is read, in bytes. Bodies that embed a payload are as long as it.
pub const MAX_BYTES: usize = 128 * 1024 * 1024;

/// What an entry's body says about an envelope, whatever the kind of entry.
///
/// Each kind records something else; what is None was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryBody {
    /// The kind and version.
    pub kind: EntryKind,
    /// The digest of what was logged, in the sense of `kind`: its SHA-256, of a `hashedrekord` also SHA-384 or SHA-512.
    pub digest: Digest,
    /// The payload type, where recorded.
    pub payload_type: Option<String>,
    /// SHA-256 of the payload, where recorded beside `digest`.
    pub payload_digest: Option<Digest>,
    /// Signatures with the certificate or key that made each.
    pub signatures: Vec<LoggedSignature>,
}

/// A signature as the log recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedSignature {
    /// The signature; None for `intoto` 0.0.1, which records only a hash over the whole envelope.
    pub signature: Option<Vec<u8>>,
    /// DER of the certificate or SubjectPublicKeyInfo.
    pub verifier: Vec<u8>,
}

/// The kinds of entries that can be about an attestation, and what their digest covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// `intoto` 0.0.1: the envelope's JSON text.
    Intoto001,
    /// `intoto` 0.0.2: the payload.
    Intoto002,
    /// `dsse` 0.0.1: the payload.
    Dsse001,
    /// `hashedrekord` 0.0.1: what was signed, an artifact or the pre-authentication encoding.
    HashedRekord001,
    /// `hashedrekord` 0.0.2 of Rekor v2: the same (rekor-tiles CLIENTS.md).
    HashedRekord002,
}

/// kind, version, variant
const KINDS: &[(&str, &str, EntryKind)] = &[
    ("intoto", "0.0.1", EntryKind::Intoto001),
    ("intoto", "0.0.2", EntryKind::Intoto002),
    ("dsse", "0.0.1", EntryKind::Dsse001),
    ("hashedrekord", "0.0.1", EntryKind::HashedRekord001),
    ("hashedrekord", "0.0.2", EntryKind::HashedRekord002),
];
const EXPECTED: &str = "intoto 0.0.1 or 0.0.2, dsse 0.0.1, hashedrekord 0.0.1 or 0.0.2";

impl EntryKind {
    /// The kind of that name and version.
    ///
    /// # Errors
    /// `log-entry-kind`; `dsse` 0.0.2, which rekor-tiles withdrew, is among them.
    pub fn new(kind: &str, version: &str, path: &str) -> Result<Self, FormatError> {
        KINDS.iter().find(|row| row.0 == kind && row.1 == version).map(|row| row.2).ok_or_else(|| {
            let (path, kind, version) = (path.to_owned(), kind.to_owned(), version.to_owned());
            FormatError::LogEntryKind { path, expected: EXPECTED, kind, version }
        })
    }

    /// Kind and version, as in `dsse` and `0.0.1`.
    pub fn name(self) -> (&'static str, &'static str) {
        KINDS.iter().find(|row| row.2 == self).map_or(("", ""), |row| (row.0, row.1))
    }

    /// Whether the entry lies in a Rekor v2 log: no SET, no integrated time.
    pub fn is_v2(self) -> bool {
        matches!(self, Self::HashedRekord002)
    }
}

impl EntryBody {
    /// Reads the canonicalized body of an entry that the bundle says is of `kind`.
    ///
    /// # Errors
    /// `json-*`, `log-entry-kind` when the body is of another kind than the bundle says.
    pub fn parse(kind: EntryKind, body: &[u8]) -> Result<Self, FormatError> {
        if body.len() > MAX_BYTES {
            return Err(FormatError::TooLarge { what: "log entry body", limit: MAX_BYTES, found: body.len() });
        }
        let mut top = Fields::new(json::parse(body)?, "/canonicalizedBody")?;
        let (name, version) = (top.need_string("kind")?, top.need_string("apiVersion")?);
        if (name.as_str(), version.as_str()) != kind.name() {
            let (path, expected) = (top.at("kind"), "the kind that the bundle names");
            return Err(FormatError::LogEntryKind { path, expected, kind: name, version });
        }
        let spec = top.need_object("spec")?;
        match kind {
            EntryKind::Intoto001 => intoto_001(spec),
            EntryKind::Intoto002 => intoto_002(spec),
            EntryKind::Dsse001 => dsse_001(spec),
            EntryKind::HashedRekord001 => hashedrekord_001(spec),
            EntryKind::HashedRekord002 => hashedrekord_002(spec),
        }
    }
}

/// What the log keeps of whatever it is told about statements.
fn sha256(fields: &mut Fields, name: &str) -> Result<Digest, FormatError> {
    let path = fields.at(name);
    let digest = hash(fields, name)?;
    let expected = "a SHA-256 hash in hexadecimal";
    let wrong = FormatError::WrongType { path, expected, found: "something else" };
    if digest.algorithm() == Algorithm::Sha256 { Ok(digest) } else { Err(wrong) }
}

/// `{"algorithm":"sha256","value":hex}`, of a hash that signatures are made with.
fn hash(fields: &mut Fields, name: &str) -> Result<Digest, FormatError> {
    let path = fields.at(name);
    let mut hash = fields.need_object(name)?;
    let (algorithm, value) = (hash.need_string("algorithm")?, hash.need_string("value")?);
    let algorithm = Algorithm::from_name(&algorithm).filter(|one| one.sigstore_name().is_some());
    let digest = algorithm.and_then(|algorithm| Digest::new(algorithm, hex::decode(&value).ok()?).ok());
    let expected = "a SHA-256, SHA-384 or SHA-512 hash in hexadecimal";
    digest.ok_or(FormatError::WrongType { path, expected, found: "something else" })
}

/// A field of base64 of PEM: a certificate or a public key.
fn pem(fields: &mut Fields, name: &str) -> Result<Vec<u8>, FormatError> {
    let path = fields.at(name);
    let text = String::from_utf8(fields.need_bytes(name)?).ok();
    text.and_then(|text| pem_der(&text)).ok_or(FormatError::WrongType {
        path,
        expected: "one PEM block of a certificate or public key",
        found: "something else",
    })
}

/// The DER inside the one PEM block of a text, if it is a certificate or a public key.
pub fn pem_der(text: &str) -> Option<Vec<u8>> {
    let (label, der) = pem_block(text)?;
    matches!(label, "CERTIFICATE" | "PUBLIC KEY").then_some(der)
}

/// One PEM block as Go and OpenSSL write it: lines of 64 characters, each with its line feed.
pub fn pem_text(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for (n, letter) in base64::encode(der).chars().enumerate() {
        if n > 0 && n % 64 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    text.push_str(&format!("\n-----END {label}-----\n"));
    text
}

/// Label and DER of a text that is one PEM block and nothing else (RFC 7468). Lines may have any length: the entries of
/// npm's registry hold the key on a single line of 124 characters.
pub fn pem_block(text: &str) -> Option<(&str, Vec<u8>)> {
    let (label, rest) = text.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix("-----")?.strip_suffix(label)?.strip_suffix("-----END ")?;
    let body: String = body.split(['\r', '\n']).map(|line| line.trim_end_matches([' ', '\t'])).collect();
    if body.is_empty() { None } else { Some((label, base64::decode(&body)?)) }
}

fn intoto_001(mut spec: Fields) -> Result<EntryBody, FormatError> {
    let verifier = pem(&mut spec, "publicKey")?;
    let mut content = spec.need_object("content")?;
    let digest = sha256(&mut content, "hash")?;
    let payload_digest = sha256(&mut content, "payloadHash").ok();
    let signatures = vec![LoggedSignature { signature: None, verifier }];
    Ok(EntryBody { kind: EntryKind::Intoto001, digest, payload_type: None, payload_digest, signatures })
}

fn intoto_002(mut spec: Fields) -> Result<EntryBody, FormatError> {
    let mut content = spec.need_object("content")?;
    let digest = sha256(&mut content, "payloadHash")?;
    let mut envelope = content.need_object("envelope")?;
    let payload_type = Some(envelope.need_string("payloadType")?);
    let path = envelope.at("signatures");
    let signatures = each(envelope.array("signatures", super::envelope::MAX_SIGNATURES)?, &path, |fields| {
        // This kind encodes the base64 text of the signature once more.
        let twice = String::from_utf8(fields.need_bytes("sig")?).unwrap_or_default();
        let path = fields.at("sig");
        let signature = base64::decode_either(&twice).ok_or(FormatError::Base64 { path })?;
        Ok(LoggedSignature { signature: Some(signature), verifier: pem(fields, "publicKey")? })
    })?;
    Ok(EntryBody { kind: EntryKind::Intoto002, digest, payload_type, payload_digest: None, signatures })
}

fn dsse_001(mut spec: Fields) -> Result<EntryBody, FormatError> {
    let digest = sha256(&mut spec, "payloadHash")?;
    let path = spec.at("signatures");
    let signatures = each(spec.array("signatures", super::envelope::MAX_SIGNATURES)?, &path, |fields| {
        let signature = Some(fields.need_bytes("signature")?);
        Ok(LoggedSignature { signature, verifier: pem(fields, "verifier")? })
    })?;
    Ok(EntryBody { kind: EntryKind::Dsse001, digest, payload_type: None, payload_digest: None, signatures })
}

fn hashedrekord_001(mut spec: Fields) -> Result<EntryBody, FormatError> {
    let digest = hash(&mut spec.need_object("data")?, "hash")?;
    let mut logged = spec.need_object("signature")?;
    let signature = Some(logged.need_bytes("content")?);
    let verifier = pem(&mut logged.need_object("publicKey")?, "content")?;
    let signatures = vec![LoggedSignature { signature, verifier }];
    Ok(EntryBody { kind: EntryKind::HashedRekord001, digest, payload_type: None, payload_digest: None, signatures })
}

fn hashedrekord_002(mut spec: Fields) -> Result<EntryBody, FormatError> {
    let mut record = spec.need_object("hashedRekordV002")?;
    let mut data = record.need_object("data")?;
    let (algorithm, path) = (data.need_string("algorithm")?, data.at("digest"));
    let bytes = data.need_bytes("digest")?;
    let digest = Algorithm::from_sigstore_name(&algorithm).and_then(|algorithm| Digest::new(algorithm, bytes).ok());
    let expected = "a SHA2_256, SHA2_384 or SHA2_512 digest";
    let digest = digest.ok_or(FormatError::WrongType { path, expected, found: "something else" })?;
    let mut logged = record.need_object("signature")?;
    let signature = Some(logged.need_bytes("content")?);
    let mut verifier = logged.need_object("verifier")?;
    let verifier = match (verifier.object("x509Certificate")?, verifier.object("publicKey")?) {
        (Some(mut one), None) | (None, Some(mut one)) => one.need_bytes("rawBytes")?,
        (Some(_), Some(_)) => {
            let (first, second) = ("x509Certificate", "publicKey");
            return Err(FormatError::Ambiguous { path: logged.at("verifier"), first, second });
        }
        (None, None) => return Err(logged.missing("verifier")),
    };
    let signatures = vec![LoggedSignature { signature, verifier }];
    Ok(EntryBody { kind: EntryKind::HashedRekord002, digest, payload_type: None, payload_digest: None, signatures })
}

fn each(
    items: Vec<Value>,
    path: &str,
    read: impl Fn(&mut Fields) -> Result<LoggedSignature, FormatError>,
) -> Result<Vec<LoggedSignature>, FormatError> {
    let items = items.into_iter().enumerate();
    items.map(|(n, value)| read(&mut Fields::new(value, &format!("{path}/{n}"))?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_is_one_block_of_lines_of_any_length() {
        let long = base64::encode(&[7; 91]);
        let (head, tail) = long.split_at(64);
        for body in [long.clone(), format!("{head}\n{tail}"), format!("{head}\r\n{tail}\r")] {
            let text = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
            assert_eq!(pem_der(&text), Some(vec![7; 91]));
        }
        let good = format!("-----BEGIN PUBLIC KEY-----\n{long}\n-----END PUBLIC KEY-----");
        for bad in [
            good.replace("END PUBLIC", "END PRIVATE"),
            good.replace("PUBLIC KEY", "EC PRIVATE KEY"),
            format!("{good}\n{good}"),
            format!("text\n{good}"),
            good.replace(&long, ""),
            good.replace(&long, &format!("{head} {tail}")),
            good.replace(&long, &format!("Proc-Type: 4,ENCRYPTED\n\n{long}")),
            good.replace('=', ""),
        ] {
            assert_eq!(pem_der(&bad), None, "{bad}");
        }
    }
}
