//! Putting the entry of an envelope into a log: Rekor v1 as `dsse`, Rekor v2 as `hashedrekord`.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use crate::formats::base64;
use crate::formats::bundle::LogEntry;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::envelope::Envelope;
use crate::formats::json;
use crate::formats::log_entry::EntryBody;
use crate::formats::log_entry::EntryKind;
use crate::formats::log_entry::pem_text;
use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::http::Question;
use crate::remote::http::Reply;
use crate::remote::http::Service;
use crate::remote::rekor;
use crate::trust::key::encoded_digest;
use crate::trust::key::payload_digest;
use crate::trust::key::sha256;
use crate::trust::signing_config::LogVersion;

/// Longest answer that is read, in bytes. An entry comes without the payload.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// Longest Statement that is sent to a log of Rekor v1, in bytes (32 MiB). The load balancer before Sigstore's own answered 502 to
/// one of 46 MB (sigstore/rekor, issue 2915).
pub const MAX_SENT: u64 = 32 * 1024 * 1024;
/// A log of Rekor v2 answers when a checkpoint has the entry. It should be given at least this long.
pub const LEAST_FOR_V2: Duration = Duration::from_secs(20);
/// The status that says: there is such an entry already.
const CONFLICT: u16 = 409;

/// A transparency log that takes entries.
#[derive(Debug, Clone)]
pub struct Log {
    service: Service,
    version: LogVersion,
}

/// What the envelope's signature verifies with, DER.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verifier<'a> {
    /// A certificate.
    Certificate(&'a [u8]),
    /// A SubjectPublicKeyInfo.
    PublicKey(&'a [u8]),
}

impl<'a> Verifier<'a> {
    fn der(self) -> &'a [u8] {
        match self {
            Self::Certificate(der) | Self::PublicKey(der) => der,
        }
    }

    fn pem(self) -> String {
        match self {
            Self::Certificate(der) => pem_text("CERTIFICATE", der),
            Self::PublicKey(der) => pem_text("PUBLIC KEY", der),
        }
    }
}

impl Log {
    /// The log at an address, given `total` for each request with all its attempts.
    ///
    /// # Errors
    /// `log-url-invalid`.
    pub fn new(address: &str, version: LogVersion, total: Duration) -> Result<Self, RemoteError> {
        Ok(Self { service: Service::signing(Role::Log, address, total)?, version })
    }

    /// The address.
    pub fn address(&self) -> &str {
        self.service.address()
    }

    /// Which interface it has.
    pub fn version(&self) -> LogVersion {
        self.version
    }

    /// Puts an envelope of one signature into the log and returns the entry, which is about that very envelope. That it is
    /// in the log is for the verifier to say.
    ///
    /// Rekor v1 takes the envelope's text and publishes hashes, the signature and the certificate; Rekor v2 is sent hashes
    /// alone, and takes signatures of ECDSA P-256 only.
    ///
    /// # Errors
    /// `log-entry-too-large`, `log-unavailable`, `log-status`, `log-answer-invalid`, `log-answer-mismatch`.
    pub fn record(&self, envelope: &Envelope, verifier: Verifier<'_>) -> Result<LogEntry, RemoteError> {
        let [signature] = envelope.signatures.as_slice() else {
            return Err(self.service.answer_invalid("an envelope of several signatures, which is not sent"));
        };
        self.takes(envelope.payload.length())?;
        let (kind, digest) = match self.version {
            LogVersion::V1 => (EntryKind::Dsse001, payload_digest(Algorithm::Sha256, &envelope.payload)),
            LogVersion::V2 => (EntryKind::HashedRekord002, encoded_digest(Algorithm::Sha256, envelope)),
        };
        let digest = self.hash(digest)?;
        let entry = match self.version {
            LogVersion::V1 => self.record_v1(envelope, verifier)?,
            LogVersion::V2 => self.record_v2(&digest, &signature.sig, verifier)?,
        };
        self.about(&entry, (kind, digest), &signature.sig, verifier)?;
        Ok(entry)
    }

    /// Whether a Statement of so many bytes is sent to the log: Rekor v1 wants all of it, Rekor v2 a hash.
    ///
    /// # Errors
    /// `log-entry-too-large`.
    pub fn takes(&self, length: u64) -> Result<(), RemoteError> {
        let (url, limit) = (self.service.address().to_owned(), MAX_SENT);
        match self.version {
            LogVersion::V1 if length > limit => Err(RemoteError::TooLarge { url, limit, found: length }),
            LogVersion::V1 | LogVersion::V2 => Ok(()),
        }
    }

    fn hash(&self, digest: Option<Digest>) -> Result<[u8; 32], RemoteError> {
        let bytes = digest.and_then(|digest| digest.bytes().try_into().ok());
        bytes.ok_or_else(|| self.service.answer_invalid("an envelope without a SHA-256, which is not sent"))
    }

    /// Puts a plain signature over a message with this SHA-256 into the log, as `hashedrekord`, and returns the entry.
    ///
    /// # Errors
    /// As [`Log::record`].
    pub fn record_message(
        &self,
        digest: &[u8; 32],
        sig: &[u8],
        verifier: Verifier<'_>,
    ) -> Result<LogEntry, RemoteError> {
        let (kind, entry) = match self.version {
            LogVersion::V1 => (EntryKind::HashedRekord001, self.record_message_v1(digest, sig, verifier)?),
            LogVersion::V2 => (EntryKind::HashedRekord002, self.record_v2(digest, sig, verifier)?),
        };
        self.about(&entry, (kind, *digest), sig, verifier)?;
        Ok(entry)
    }

    /// sigstore/rekor, pkg/types/hashedrekord/v0.0.1.
    fn record_message_v1(
        &self,
        digest: &[u8; 32],
        sig: &[u8],
        verifier: Verifier<'_>,
    ) -> Result<LogEntry, RemoteError> {
        let spec = json!({
            "data": { "hash": { "algorithm": "sha256", "value": hex::encode(digest) } },
            "signature": {
                "content": base64::encode(sig),
                "publicKey": { "content": base64::encode(verifier.pem().as_bytes()) },
            },
        });
        let (kind, version) = EntryKind::HashedRekord001.name();
        self.create_v1(&json!({ "kind": kind, "apiVersion": version, "spec": spec }))
    }

    /// sigstore/rekor, openapi.yaml, `createLogEntry`, and pkg/types/dsse/v0.0.1. The text is the one that a reader of the
    /// bundle writes again.
    fn record_v1(&self, envelope: &Envelope, verifier: Verifier<'_>) -> Result<LogEntry, RemoteError> {
        if envelope.payload.held().is_none() {
            return Err(self.service.answer_invalid("an envelope whose payload is not held, which is not sent"));
        }
        let text = text(envelope);
        let proposed = json!({
            "envelope": String::from_utf8_lossy(&text),
            "verifiers": [base64::encode(verifier.pem().as_bytes())],
        });
        let (kind, version) = EntryKind::Dsse001.name();
        let question = json!({ "kind": kind, "apiVersion": version, "spec": { "proposedContent": proposed } });
        let entry = self.create_v1(&question)?;
        if envelope_hash(&entry.body) != Some(hex::encode(sha256(&text))) {
            return Err(self.other("one about another text"));
        }
        Ok(entry)
    }

    fn create_v1(&self, question: &Value) -> Result<LogEntry, RemoteError> {
        let reply = self.ask("api/v1/log/entries", question, &[200, 201, CONFLICT])?;
        let body = if reply.status == CONFLICT { self.fetch(&reply)? } else { reply.body };
        rekor::single(&body).map_err(|error| self.service.answer_invalid(error))
    }

    /// The entry that was there already, because an earlier attempt did reach the log.
    fn fetch(&self, reply: &Reply) -> Result<Vec<u8>, RemoteError> {
        let name = reply.location.as_deref().and_then(|location| location.rsplit('/').next());
        let hexadecimal = |name: &&str| {
            matches!(name.len(), 64 | 80) && name.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'))
        };
        let name = name.filter(hexadecimal);
        let name = name.ok_or_else(|| self.service.answer_invalid("status 409 without the name of the entry"))?;
        let path = format!("api/v1/log/entries/{name}");
        let question = Question { cap: MAX_ANSWER, ..Question::get(&path) };
        Ok(self.service.ask(&question)?.body)
    }

    /// rekor-tiles, CLIENTS.md and hashedrekord.proto: a DSSE envelope is logged as the hash of its pre-authentication
    /// encoding.
    fn record_v2(&self, digest: &[u8; 32], sig: &[u8], verifier: Verifier<'_>) -> Result<LogEntry, RemoteError> {
        let raw = json!({ "rawBytes": base64::encode(verifier.der()) });
        let key_details = "PKIX_ECDSA_P256_SHA_256";
        let verifier = match verifier {
            Verifier::Certificate(_) => json!({ "x509Certificate": raw, "keyDetails": key_details }),
            Verifier::PublicKey(_) => json!({ "publicKey": raw, "keyDetails": key_details }),
        };
        let question = json!({ "hashedRekordRequestV002": {
            "digest": base64::encode(digest),
            "signature": { "content": base64::encode(sig), "verifier": verifier },
        }});
        let reply = self.ask("api/v2/log/entries", &question, &[200, 201])?;
        let read = json::parse(&reply.body).and_then(|value| LogEntry::from_json(value, ""));
        read.map_err(|error| self.service.answer_invalid(error))
    }

    fn ask(&self, path: &str, question: &Value, success: &'static [u16]) -> Result<Reply, RemoteError> {
        let text = question.to_string();
        let question = Question { success, cap: MAX_ANSWER, ..Question::post(path, text.as_bytes()) };
        self.service.ask(&question)
    }

    /// The entry is of the kind that was asked for, about this payload, this signature and this signer, and comes with the
    /// proofs that a bundle v0.3 needs.
    fn about(
        &self,
        entry: &LogEntry,
        (kind, digest): (EntryKind, [u8; 32]),
        sig: &[u8],
        verifier: Verifier<'_>,
    ) -> Result<(), RemoteError> {
        if entry.kind != kind {
            let (name, version) = entry.kind.name();
            return Err(self.other(&format!("one of the kind {name} {version}")));
        }
        let body = EntryBody::parse(kind, &entry.body).map_err(|error| self.service.answer_invalid(error))?;
        if body.digest.bytes() != digest {
            return Err(self.other("one about another payload"));
        }
        let [signature] = body.signatures.as_slice() else {
            return Err(self.other(&format!("one with {} signatures", body.signatures.len())));
        };
        if signature.signature.as_deref() != Some(sig) {
            return Err(self.other("one about another signature"));
        }
        if signature.verifier != verifier.der() {
            return Err(self.other("one about another certificate or key"));
        }
        if entry.inclusion_proof.as_ref().is_none_or(|proof| proof.checkpoint.is_empty()) {
            return Err(self.service.answer_invalid("an entry without a proof that the log has it"));
        }
        match (self.version, entry.signed_entry_timestamp.is_some(), entry.integrated_time.is_some()) {
            (LogVersion::V1, true, true) | (LogVersion::V2, false, false) => Ok(()),
            (LogVersion::V1, ..) => Err(self.service.answer_invalid("an entry without a signed time")),
            (LogVersion::V2, ..) => {
                Err(self.service.answer_invalid("an entry with a time, which Rekor v2 does not state"))
            }
        }
    }

    fn other(&self, found: &str) -> RemoteError {
        self.service.answer_mismatch("an entry about what was sent", found)
    }
}

/// The text of the envelope that is sent.
fn text(envelope: &Envelope) -> Arc<[u8]> {
    let spelled = envelope.texts(None).into_iter().next();
    spelled.unwrap_or_else(|| envelope.to_json().to_string().into_bytes().into())
}

/// The hash of the envelope's text in the body of an entry `dsse` 0.0.1.
fn envelope_hash(body: &[u8]) -> Option<String> {
    let body = json::parse(body).ok()?;
    let hash = body.pointer("/spec/envelopeHash")?;
    let sha256 = hash.get("algorithm")?.as_str()? == "sha256";
    hash.get("value")?.as_str().filter(|_| sha256).map(str::to_owned)
}
