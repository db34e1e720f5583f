//! Finding the entry of an envelope in a Rekor v1 log.

use serde_json::Value;
use serde_json::json;

use jiff::Timestamp;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::InclusionProof;
use crate::formats::bundle::LogEntry;
use crate::formats::bundle::MAX_LOG_ENTRIES;
use crate::formats::bundle::MAX_PROOF_HASHES;
use crate::formats::envelope::Envelope;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::log_entry::EntryKind;
use crate::formats::log_entry::pem_text;
use crate::remote::RemoteError;
use crate::remote::http::Service;
use crate::trust::key::KeyKind;
use crate::trust::key::sha256;
use crate::trust::root::TrustedRoot;

/// Most logs that are asked about one attestation.
pub const MAX_LOGS: usize = 4;
/// Most names that Rekor looks up in one request (sigstore/rekor, `maxSearchQueries`).
const MAX_NAMES: usize = 10;

/// Where the logs of these roots are served that may have taken an entry at `time`: those whose window contains it. Logs
/// of Rekor v2 are left out by their keys (Ed25519): they find nothing by name. At most [`MAX_LOGS`].
pub fn logs_of(roots: &[TrustedRoot], time: Timestamp) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for log in roots.iter().flat_map(|root| &root.logs) {
        let open = log.window.is_none_or(|window| window.contains(time));
        if open && log.key.kind() != KeyKind::Ed25519 && !urls.contains(&log.url) {
            urls.push(log.url.clone());
        }
    }
    urls.truncate(MAX_LOGS);
    urls
}

/// Asks each log for entries about the attestation. Every kind of entry is looked for, so one attestation that was
/// logged as two kinds has two. Nothing that comes back is believed: it has to be verified with the bundle.
///
/// Only names of entries are sent, which are hashes; the envelope stays here.
///
/// # Errors
/// `log-entry-not-found` when all logs answered and none has an entry; otherwise, without an entry, the error of the first
/// log that did not answer.
pub fn find(bundle: &Bundle, logs: &[Service]) -> Result<Vec<LogEntry>, RemoteError> {
    if logs.is_empty() {
        return Err(RemoteError::NoLog);
    }
    let names: Vec<String> = bodies(bundle).iter().map(|body| hex::encode(leaf_hash(body))).collect();
    let mut found: Vec<LogEntry> = Vec::new();
    let mut failed = None;
    for log in logs {
        match ask(log, &names) {
            Ok(entries) => found.extend(entries),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    found.truncate(MAX_LOG_ENTRIES);
    let all = || logs.iter().map(Service::address).collect::<Vec<_>>().join(", ");
    match (found.is_empty(), failed) {
        (false, _) => Ok(found),
        (true, Some(error)) => Err(error),
        (true, None) => Err(RemoteError::NotFound { logs: all() }),
    }
}

fn ask(log: &Service, names: &[String]) -> Result<Vec<LogEntry>, RemoteError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let question = json!({ "entryUUIDs": names }).to_string();
    let answer = log.post("api/v1/log/entries/retrieve", &question)?;
    entries(&answer).map_err(|error| RemoteError::answer(log.address(), &error))
}

/// Hash of a leaf (RFC 6962 section 2.1), which is the name of an entry whatever the shard of the log.
fn leaf_hash(body: &[u8]) -> [u8; 32] {
    sha256(&[&[0], body].concat())
}

/// The bodies under which Rekor v1 would have logged the attestation: they follow from the envelope's text and the
/// certificate (sigstore/rekor, pkg/types/{dsse,intoto}). At most ten.
pub fn bodies(bundle: &Bundle) -> Vec<Vec<u8>> {
    let (Content::Envelope(envelope), [leaf, ..]) = (&bundle.content, bundle.signer.certificates()) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for text in envelope.texts(Some(leaf)) {
        all.extend(bodies_of(&text, envelope, leaf));
    }
    all.truncate(MAX_NAMES);
    all
}

/// Canonical JSON (RFC 8785): members stand sorted here, and no value needs escaping but the two that are written by the
/// JSON writer.
fn bodies_of(text: &[u8], envelope: &Envelope, leaf: &[u8]) -> Vec<Vec<u8>> {
    let [signature] = envelope.signatures.as_slice() else { return Vec::new() };
    let hash = |bytes: &[u8]| format!(r#"{{"algorithm":"sha256","value":"{}"}}"#, hex::encode(sha256(bytes)));
    let Some(payload) = envelope.payload.held() else { return Vec::new() };
    let (whole, payload) = (hash(text), hash(payload));
    let pem = pem_text("CERTIFICATE", leaf);
    let verifier = base64::encode(pem.as_bytes());
    let without_end = base64::encode(pem.trim_end().as_bytes());
    let sig = base64::encode(&signature.sig);
    let twice = base64::encode(sig.as_bytes());
    let payload_type = Value::from(envelope.payload_type.as_str());
    let keyid = match signature.keyid.as_str() {
        "" => String::new(),
        keyid => format!(r#""keyid":{},"#, Value::from(keyid)),
    };
    let body = |kind: EntryKind, spec: &str| {
        let (kind, version) = kind.name();
        format!(r#"{{"apiVersion":"{version}","kind":"{kind}","spec":{spec}}}"#).into_bytes()
    };
    let dsse = format!(
        r#"{{"envelopeHash":{whole},"payloadHash":{payload},"signatures":[{{"signature":"{sig}","verifier":"{verifier}"}}]}}"#
    );
    let intoto = format!(r#"{{"content":{{"hash":{whole},"payloadHash":{payload}}},"publicKey":"{verifier}"}}"#);
    // The oldest entries do not have the payload's hash.
    let oldest = format!(r#"{{"content":{{"hash":{whole}}},"publicKey":"{verifier}"}}"#);
    // This kind keeps the PEM text that the client sent, with its final line feed or without.
    let second = |verifier: &str| {
        let signature = format!(r#"{{{keyid}"publicKey":"{verifier}","sig":"{twice}"}}"#);
        let logged = format!(r#"{{"payloadType":{payload_type},"signatures":[{signature}]}}"#);
        format!(r#"{{"content":{{"envelope":{logged},"hash":{whole},"payloadHash":{payload}}}}}"#)
    };
    vec![
        body(EntryKind::Dsse001, &dsse),
        body(EntryKind::Intoto001, &intoto),
        body(EntryKind::Intoto001, &oldest),
        body(EntryKind::Intoto002, &second(&verifier)),
        body(EntryKind::Intoto002, &second(&without_end)),
    ]
}

/// The entries of an answer: an array of objects, each with one entry under its name (sigstore/rekor, openapi.yaml,
/// `LogEntry`). Fields that the interface does not have are refused.
///
/// # Errors
/// `json-*`, `base64-invalid`, `too-many`, `log-entry-kind`.
pub fn entries(answer: &[u8]) -> Result<Vec<LogEntry>, FormatError> {
    let found = json::parse(answer)?;
    let Value::Array(items) = found else { return Err(json::wrong("", "an array", &found)) };
    if items.len() > MAX_LOG_ENTRIES {
        return Err(FormatError::TooMany {
            what: "log entries".to_owned(),
            limit: MAX_LOG_ENTRIES,
            found: items.len(),
        });
    }
    items.into_iter().enumerate().map(|(n, item)| entry(item, &format!("/{n}"))).collect()
}

/// The one entry of an answer that is an object with it under its name.
///
/// # Errors
/// As [`entries`].
pub(super) fn single(answer: &[u8]) -> Result<LogEntry, FormatError> {
    entry(json::parse(answer)?, "")
}

fn entry(item: Value, path: &str) -> Result<LogEntry, FormatError> {
    let name = match &item {
        Value::Object(map) if map.len() == 1 => map.keys().next().cloned().unwrap_or_default(),
        other => return Err(json::wrong(path, "an object of one entry", other)),
    };
    let mut outer = Fields::new(item, path)?;
    let mut fields = outer.need_object(&name)?;
    let body = fields.need_bytes("body")?;
    let log_id = need_hex(&mut fields, "logID")?;
    let integrated_time = fields.integer("integratedTime")?.filter(|seconds| *seconds != 0);
    let log_index = fields.need_integer("logIndex")?;
    // A copy of the attestation, which is here already.
    fields.take("attestation");
    let mut verification = fields.need_object("verification")?;
    let signed_entry_timestamp = verification.bytes("signedEntryTimestamp")?;
    let inclusion_proof = verification.object("inclusionProof")?.map(inclusion_proof).transpose()?;
    verification.finish()?;
    fields.finish()?;
    let kind = kind(&body, path)?;
    Ok(LogEntry { log_index, log_id, kind, integrated_time, signed_entry_timestamp, inclusion_proof, body })
}

/// The kind that the body says.
fn kind(body: &[u8], path: &str) -> Result<EntryKind, FormatError> {
    let mut top = Fields::new(json::parse(body)?, &format!("{path}/body"))?;
    EntryKind::new(&top.need_string("kind")?, &top.need_string("apiVersion")?, path)
}

fn inclusion_proof(mut proof: Fields) -> Result<InclusionProof, FormatError> {
    let path = proof.at("hashes");
    let hash = |value: Value| {
        let wrong = || FormatError::WrongType { path: path.clone(), expected: "hexadecimal", found: "something else" };
        value.as_str().and_then(|text| hex::decode(text).ok()).ok_or_else(wrong)
    };
    let read = InclusionProof {
        log_index: proof.need_integer("logIndex")?,
        root_hash: need_hex(&mut proof, "rootHash")?,
        tree_size: proof.need_integer("treeSize")?,
        hashes: proof.array("hashes", MAX_PROOF_HASHES)?.into_iter().map(hash).collect::<Result<_, _>>()?,
        checkpoint: proof.string("checkpoint")?.unwrap_or_default(),
    };
    proof.finish()?;
    Ok(read)
}

fn need_hex(fields: &mut Fields, name: &str) -> Result<Vec<u8>, FormatError> {
    let path = fields.at(name);
    let wrong = |_| FormatError::WrongType { path, expected: "hexadecimal", found: "something else" };
    hex::decode(fields.need_string(name)?).map_err(wrong)
}
