//! Sigstore bundles v0.1 to v0.3, read strictly.

use serde::Serialize;
use serde::Serializer;
use serde::ser::SerializeMap;
use serde_json::Value;
use serde_json::json;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::envelope::Envelope;
use crate::formats::json::Fields;
use crate::formats::log_entry::EntryKind;
use crate::formats::payload::Payload;

/// Most certificates in one bundle.
pub const MAX_CERTIFICATES: usize = 8;
/// Most log entries in one bundle; each costs up to two signature checks.
pub const MAX_LOG_ENTRIES: usize = 8;
/// Most timestamps in one bundle; each costs up to three signature checks for each authority.
pub const MAX_TIMESTAMPS: usize = 8;
/// Most hashes in an inclusion proof: a tree of 2^63 leaves.
pub const MAX_PROOF_HASHES: usize = 63;

/// A bundle: a signed content with what is needed to verify it (sigstore/protobuf-specs, sigstore_bundle.proto).
///
/// Well-formed and within its caps, and nothing more: [`Bundle::unverified_payload`] is called what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    /// What the media type says.
    pub version: Version,
    /// What was signed.
    pub content: Content,
    /// Who says to have signed.
    pub signer: Signer,
    /// Transparency log entries.
    pub log_entries: Vec<LogEntry>,
    /// RFC 3161 timestamps, DER.
    pub timestamps: Vec<Vec<u8>>,
}

/// Which bundle format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `application/vnd.dev.sigstore.bundle+json;version=0.1`
    V0_1,
    /// `application/vnd.dev.sigstore.bundle+json;version=0.2`
    V0_2,
    /// `application/vnd.dev.sigstore.bundle.v0.3+json`
    V0_3,
    /// No bundle: a DSSE envelope that stood alone.
    BareEnvelope,
    /// No bundle: an attestation layer of cosign before bundles, with what its annotations hold.
    CosignLayer,
}

/// media type, version; the first of each version is the one written
const MEDIA_TYPES: &[(&str, Version)] = &[
    ("application/vnd.dev.sigstore.bundle.v0.3+json", Version::V0_3),
    ("application/vnd.dev.sigstore.bundle+json;version=0.3", Version::V0_3),
    ("application/vnd.dev.sigstore.bundle+json;version=0.2", Version::V0_2),
    ("application/vnd.dev.sigstore.bundle+json;version=0.1", Version::V0_1),
];

impl Version {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_1 => "bundle v0.1",
            Self::V0_2 => "bundle v0.2",
            Self::V0_3 => "bundle v0.3",
            Self::BareEnvelope => "DSSE envelope",
            Self::CosignLayer => "cosign layer",
        }
    }
}

/// What a bundle signs.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// An attestation.
    Envelope(Envelope),
    /// A plain signature over an artifact. It attests nothing.
    Message {
        /// The digest of the artifact, as the signer noted it: algorithm name and bytes.
        digest: Option<(String, Vec<u8>)>,
        /// The signature.
        signature: Vec<u8>,
    },
    /// A plain signature over an image, as cosign stored it before bundles: over a text that names the image's digest.
    SimpleSigning {
        /// The very bytes that are signed (cosign, `specs/SIGNATURE_SPEC.md`, "simple signing").
        payload: Vec<u8>,
        /// The signature.
        signature: Vec<u8>,
    },
}

/// Who says to have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signer {
    /// A single leaf certificate (v0.3), DER.
    Certificate(Vec<u8>),
    /// A chain, leaf first (v0.1 and v0.2), DER.
    CertificateChain(Vec<Vec<u8>>),
    /// A key known elsewhere.
    PublicKey {
        /// An unauthenticated hint.
        hint: String,
    },
    /// Nobody: a bare envelope may carry only key ids.
    Unnamed,
}

impl Signer {
    /// Leaf and intermediates, DER; empty for a key.
    pub fn certificates(&self) -> &[Vec<u8>] {
        match self {
            Self::Certificate(leaf) => std::slice::from_ref(leaf),
            Self::CertificateChain(chain) => chain,
            Self::PublicKey { .. } | Self::Unnamed => &[],
        }
    }
}

/// A transparency log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Index in the whole log, across shards.
    pub log_index: u64,
    /// The log's key id.
    pub log_id: Vec<u8>,
    /// Kind and version.
    pub kind: EntryKind,
    /// Seconds since the Unix epoch; None when absent or 0.
    pub integrated_time: Option<u64>,
    /// The signed entry timestamp (SET).
    pub signed_entry_timestamp: Option<Vec<u8>>,
    /// The inclusion proof.
    pub inclusion_proof: Option<InclusionProof>,
    /// The entry's bytes, which are what the tree's leaf hashes.
    pub body: Vec<u8>,
}

/// A proof that an entry is in a tree (RFC 6962 section 2.1.1), with the signed head of that tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// Index of the leaf in this tree.
    pub log_index: u64,
    /// Root of the tree.
    pub root_hash: Vec<u8>,
    /// Leaves in the tree.
    pub tree_size: u64,
    /// Sibling hashes from leaf to root, 32 bytes each.
    pub hashes: Vec<Vec<u8>>,
    /// The signed note; empty when absent.
    pub checkpoint: String,
}

impl Bundle {
    /// Takes a bundle out of parsed JSON. Fields that the format does not have are refused.
    ///
    /// # Errors
    /// `bundle-media-type`, `bundle-ambiguous` when both arms of a choice are filled, `bundle-incomplete` when none is,
    /// `log-entry-kind`, `json-*`, `base64-invalid`, `too-many`.
    pub fn from_json(value: Value) -> Result<Self, FormatError> {
        let mut top = Fields::new(value, "")?;
        let found = top.need_string("mediaType")?;
        let version = MEDIA_TYPES.iter().find(|row| row.0 == found).map(|row| row.1);
        let version = version.ok_or(FormatError::MediaType { found })?;
        let mut material = top.need_object("verificationMaterial")?;
        let content = content(&mut top)?;
        let signer = signer(&mut material)?;
        let log_entries = material
            .array("tlogEntries", MAX_LOG_ENTRIES)?
            .into_iter()
            .enumerate()
            .map(|(n, value)| LogEntry::from_json(value, &format!("/verificationMaterial/tlogEntries/{n}")))
            .collect::<Result<_, _>>()?;
        let timestamps = timestamps(&mut material)?;
        material.finish()?;
        top.finish()?;
        Ok(Self { version, content, signer, log_entries, timestamps })
    }

    /// A bare envelope as a bundle: what its signature carries beside itself becomes the signer, and there is no proof
    /// from any log.
    ///
    /// # Errors
    /// `certificate-invalid` when a certificate stands beside a signature but is no PEM certificate.
    pub fn from_envelope(envelope: Envelope) -> Result<Self, FormatError> {
        let cert = match envelope.signatures.as_slice() {
            [one] => one.cert.as_deref(),
            _ => None,
        };
        let signer = match cert {
            None => Signer::Unnamed,
            Some(pem) => Signer::Certificate(super::log_entry::pem_der(pem).ok_or_else(|| {
                FormatError::Certificate { reason: "the one beside the signature is no PEM certificate".to_owned() }
            })?),
        };
        let (log_entries, timestamps) = (Vec::new(), Vec::new());
        let content = Content::Envelope(envelope);
        Ok(Self { version: Version::BareEnvelope, content, signer, log_entries, timestamps })
    }

    /// The payload of an attestation, before anything was verified; None of what is none, and where it is not held.
    pub fn unverified_payload(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Envelope(envelope) => envelope.payload.held().map(|held| &**held),
            Content::Message { .. } | Content::SimpleSigning { .. } => None,
        }
    }

    /// The bundle as JSON of the version it has. Where there is no bundle, the envelope alone is written: what stood beside
    /// a cosign layer has no place in it.
    pub fn to_json(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// The same as one line of text, without a line break and without a second copy of the payload in between. Empty for one
    /// whose payload is not held: [`Bundle::around`] has what stands around it.
    pub fn to_text(&self) -> Vec<u8> {
        // Beside the payload in base64, what a bundle holds seldom has more than this.
        const AROUND: usize = 16 * 1024;
        let payload = self.unverified_payload().map_or(0, <[u8]>::len);
        let mut text = Vec::with_capacity(payload.div_ceil(3).saturating_mul(4).saturating_add(AROUND));
        match serde_json::to_writer(&mut text, self) {
            Ok(()) => text,
            // Writing to memory does not fail, and half a text is none.
            Err(_) => Vec::new(),
        }
    }

    /// What stands before and after the payload's base64 in the text of a bundle that holds an envelope; None of any other. For
    /// whoever writes a payload that is not held.
    pub fn around(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        // Quotes are escaped in the strings of JSON, so that this stands where the payload does and nowhere else.
        const BEFORE: &str = r#""dsseEnvelope":{"payload":""#;
        let Content::Envelope(envelope) = &self.content else { return None };
        let envelope = Envelope { payload: Payload::from(Vec::new()), ..envelope.clone() };
        let text = String::from_utf8(Self { content: Content::Envelope(envelope), ..self.clone() }.to_text()).ok()?;
        let (before, after) = text.split_once(BEFORE)?;
        Some(([before, BEFORE].concat().into_bytes(), after.as_bytes().to_vec()))
    }

    fn material(&self) -> Value {
        let mut material = match &self.signer {
            Signer::Certificate(leaf) => json!({ "certificate": { "rawBytes": base64::encode(leaf) } }),
            Signer::CertificateChain(chain) => {
                let chain: Vec<_> = chain.iter().map(|one| json!({ "rawBytes": base64::encode(one) })).collect();
                json!({ "x509CertificateChain": { "certificates": chain } })
            }
            Signer::PublicKey { hint } => json!({ "publicKey": { "hint": hint } }),
            Signer::Unnamed => json!({}),
        };
        if !self.log_entries.is_empty() {
            material["tlogEntries"] = self.log_entries.iter().map(LogEntry::to_json).collect();
        }
        if !self.timestamps.is_empty() {
            let list: Vec<_> =
                self.timestamps.iter().map(|t| json!({ "signedTimestamp": base64::encode(t) })).collect();
            material["timestampVerificationData"] = json!({ "rfc3161Timestamps": list });
        }
        material
    }
}

impl Serialize for Bundle {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Some((media_type, _)) = MEDIA_TYPES.iter().find(|row| row.1 == self.version) else {
            return match &self.content {
                Content::Envelope(envelope) => envelope.serialize(out),
                Content::Message { .. } | Content::SimpleSigning { .. } => out.serialize_unit(),
            };
        };
        let mut bundle = out.serialize_map(None)?;
        bundle.serialize_entry("mediaType", media_type)?;
        bundle.serialize_entry("verificationMaterial", &self.material())?;
        match &self.content {
            Content::Envelope(envelope) => bundle.serialize_entry("dsseEnvelope", envelope)?,
            Content::Message { digest, signature } => {
                let mut message = json!({ "signature": base64::encode(signature) });
                if let Some((algorithm, bytes)) = digest {
                    message["messageDigest"] = json!({ "algorithm": algorithm, "digest": base64::encode(bytes) });
                }
                bundle.serialize_entry("messageSignature", &message)?;
            }
            // No bundle has a place for it, and it never has the version of one.
            Content::SimpleSigning { .. } => {}
        }
        bundle.end()
    }
}

fn content(top: &mut Fields) -> Result<Content, FormatError> {
    let (first, second) = ("dsseEnvelope", "messageSignature");
    match (top.take(first), top.object(second)?) {
        (Some(_), Some(_)) => Err(FormatError::Ambiguous { path: top.at(""), first, second }),
        (None, None) => Err(FormatError::NoChoice { path: top.at(""), expected: "dsseEnvelope, messageSignature" }),
        (Some(envelope), None) => Ok(Content::Envelope(Envelope::from_json(envelope, "/dsseEnvelope")?)),
        (None, Some(mut message)) => {
            let digest = match message.object("messageDigest")? {
                None => None,
                Some(mut digest) => {
                    let pair = (digest.need_string("algorithm")?, digest.need_bytes("digest")?);
                    digest.finish()?;
                    Some(pair)
                }
            };
            let signature = message.need_bytes("signature")?;
            message.finish()?;
            Ok(Content::Message { digest, signature })
        }
    }
}

fn raw_bytes(value: Value, path: &str) -> Result<Vec<u8>, FormatError> {
    let mut fields = Fields::new(value, path)?;
    let bytes = fields.need_bytes("rawBytes")?;
    fields.finish()?;
    Ok(bytes)
}

fn signer(material: &mut Fields) -> Result<Signer, FormatError> {
    const EXPECTED: &str = "certificate, x509CertificateChain, publicKey";
    let arms = ["certificate", "x509CertificateChain", "publicKey"];
    let mut filled = arms.into_iter().filter_map(|name| material.take(name).map(|value| (name, value)));
    let Some((first, value)) = filled.next() else {
        return Err(FormatError::NoChoice { path: "/verificationMaterial".to_owned(), expected: EXPECTED });
    };
    if let Some((second, _)) = filled.next() {
        return Err(FormatError::Ambiguous { path: "/verificationMaterial".to_owned(), first, second });
    }
    let path = material.at(first);
    if first == "certificate" {
        return Ok(Signer::Certificate(raw_bytes(value, &path)?));
    }
    let mut fields = Fields::new(value, &path)?;
    let signer = if first == "publicKey" {
        Signer::PublicKey { hint: fields.string("hint")?.unwrap_or_default() }
    } else {
        let list = fields.array("certificates", MAX_CERTIFICATES)?;
        if list.is_empty() {
            return Err(fields.missing("certificates"));
        }
        let chain = list.into_iter().map(|value| raw_bytes(value, &fields.at("certificates")));
        Signer::CertificateChain(chain.collect::<Result<_, _>>()?)
    };
    fields.finish()?;
    Ok(signer)
}

fn timestamps(material: &mut Fields) -> Result<Vec<Vec<u8>>, FormatError> {
    let Some(mut data) = material.object("timestampVerificationData")? else { return Ok(Vec::new()) };
    let path = data.at("rfc3161Timestamps");
    let list = data.array("rfc3161Timestamps", MAX_TIMESTAMPS)?;
    data.finish()?;
    let read = |value| {
        let mut fields = Fields::new(value, &path)?;
        let token = fields.need_bytes("signedTimestamp")?;
        fields.finish()?;
        Ok(token)
    };
    list.into_iter().map(read).collect()
}

impl LogEntry {
    /// Takes an entry out of parsed JSON of a bundle, which is also what Rekor v2 answers; `path` is its JSON pointer.
    ///
    /// # Errors
    /// `log-entry-kind`, `json-*`, `base64-invalid`, `too-many`.
    pub fn from_json(value: Value, path: &str) -> Result<Self, FormatError> {
        let mut entry = Fields::new(value, path)?;
        let mut id = entry.need_object("logId")?;
        let log_id = id.need_bytes("keyId")?;
        id.finish()?;
        let mut kind = entry.need_object("kindVersion")?;
        let kind_version = EntryKind::new(&kind.need_string("kind")?, &kind.need_string("version")?, path)?;
        kind.finish()?;
        let signed_entry_timestamp = match entry.object("inclusionPromise")? {
            None => None,
            Some(mut promise) => {
                let set = promise.need_bytes("signedEntryTimestamp")?;
                promise.finish()?;
                Some(set)
            }
        };
        let read = Self {
            // The protobuf JSON mapping leaves a zero out.
            log_index: entry.integer("logIndex")?.unwrap_or(0),
            log_id,
            kind: kind_version,
            integrated_time: entry.integer("integratedTime")?.filter(|seconds| *seconds != 0),
            signed_entry_timestamp,
            inclusion_proof: entry.object("inclusionProof")?.map(InclusionProof::from_fields).transpose()?,
            body: entry.need_bytes("canonicalizedBody")?,
        };
        entry.finish()?;
        Ok(read)
    }

    fn to_json(&self) -> Value {
        let (kind, version) = self.kind.name();
        let mut entry = json!({
            "logIndex": self.log_index.to_string(),
            "logId": { "keyId": base64::encode(&self.log_id) },
            "kindVersion": { "kind": kind, "version": version },
        });
        if let Some(seconds) = self.integrated_time {
            entry["integratedTime"] = Value::from(seconds.to_string());
        }
        if let Some(set) = &self.signed_entry_timestamp {
            entry["inclusionPromise"] = json!({ "signedEntryTimestamp": base64::encode(set) });
        }
        if let Some(proof) = &self.inclusion_proof {
            let hashes: Vec<String> = proof.hashes.iter().map(|hash| base64::encode(hash)).collect();
            entry["inclusionProof"] = json!({
                "logIndex": proof.log_index.to_string(),
                "rootHash": base64::encode(&proof.root_hash),
                "treeSize": proof.tree_size.to_string(),
                "hashes": hashes,
                "checkpoint": { "envelope": proof.checkpoint },
            });
        }
        entry["canonicalizedBody"] = Value::from(base64::encode(&self.body));
        entry
    }
}

impl InclusionProof {
    fn from_fields(mut proof: Fields) -> Result<Self, FormatError> {
        let path = proof.at("hashes");
        let hash = |value| match value {
            Value::String(text) => base64::decode(&text).ok_or_else(|| FormatError::Base64 { path: path.clone() }),
            other => Err(super::json::wrong(&path, "a string", &other)),
        };
        let hashes = proof.array("hashes", MAX_PROOF_HASHES)?.into_iter().map(hash).collect::<Result<_, _>>()?;
        let checkpoint = match proof.object("checkpoint")? {
            None => String::new(),
            Some(mut checkpoint) => {
                let text = checkpoint.need_string("envelope")?;
                checkpoint.finish()?;
                text
            }
        };
        let read = Self {
            log_index: proof.integer("logIndex")?.unwrap_or(0),
            root_hash: proof.need_bytes("rootHash")?,
            tree_size: proof.integer("treeSize")?.unwrap_or(0),
            hashes,
            checkpoint,
        };
        proof.finish()?;
        Ok(read)
    }
}
