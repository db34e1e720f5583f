//! The transparency logs, Rekor v1 and v2, each a tree that grows.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::Lie;
use super::check;
use super::check::PublicKey;
use super::http::Reply;
use super::http::Request;
use crate::support::log_server::api_entry;
use crate::support::virtual_sigstore::Checkpoint;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::NamedLog;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::SigningLog;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::b64;
use crate::support::virtual_sigstore::body;
use crate::support::virtual_sigstore::log;
use crate::support::virtual_sigstore::log::Logs;
use crate::support::virtual_sigstore::merkle;
use crate::support::virtual_sigstore::mint;

/// Leaves of a tree at the start, so that proofs are never empty.
const SEEDS: usize = 5;
/// Entries in earlier shards of Rekor v1, by which its global index is above that in the tree.
const EARLIER: usize = 1000;
/// Tree number at the head of Rekor v1's entry names.
const TREE: &str = "108e9186e8c5677a";

/// One log's tree.
#[derive(Clone)]
pub struct Tree {
    leaves: Vec<merkle::Hash>,
    /// What was appended: name (Rekor v1's) or leaf hash to the answer that was given.
    entries: BTreeMap<String, Value>,
}

impl Tree {
    /// A tree with its first leaves.
    pub fn new(name: &str) -> Self {
        let leaves = (0..SEEDS).map(|n| merkle::leaf(format!("{name}: leaf {n}").as_bytes())).collect();
        Self { leaves, entries: BTreeMap::new() }
    }

    /// Number of entries that clients appended.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Answers `POST /api/v1/log/entries`.
pub fn append_v1(
    sigstore: &VirtualSigstore,
    tree: &mut Tree,
    request: &Request,
    now: Timestamp,
    lie: Option<&Lie>,
) -> Result<Reply, String> {
    let proposal = request.json().ok_or("the request is not JSON")?;
    let (kind, body) = body_v1(&proposal)?;
    let name = format!("{TREE}{}", hex::encode(merkle::leaf(&body)));
    let address = format!("/api/v1/log/entries/{name}");
    if tree.entries.contains_key(&name) {
        let message = format!("an equivalent entry already exists in the transparency log with UUID {name}");
        return Ok(Reply::json(409, &json!({"code": 409, "message": message})).with("Location", &address));
    }
    let mut entry = Entry { index_offset: EARLIER, ..Entry::new(kind, now) };
    entry.checkpoint_lines = vec![format!("Timestamp: {}", now.as_nanosecond())];
    let (_, value) = api_entry(&appended(sigstore, tree, entry, &body, lie));
    tree.entries.insert(name.clone(), value.clone());
    let name = if matches!(lie, Some(Lie::OtherUuid)) { format!("{TREE}{}", "0".repeat(64)) } else { name };
    Ok(Reply::json(201, &json!({(name): value})).with("Location", &address))
}

/// Answers `GET /api/v1/log/entries/{name}` and `GET /api/v1/log/entries?logIndex=`.
pub fn get_v1(tree: &Tree, request: &Request) -> Reply {
    let name = request.path.rsplit('/').next().unwrap_or_default();
    let index = request.parameter("logIndex");
    let wanted = |(known, value): &(&String, &Value)| match index {
        Some(index) => value["logIndex"].as_u64() == index.parse().ok(),
        None => known.as_str() == name || known.as_str() == format!("{TREE}{name}"),
    };
    match tree.entries.iter().find(wanted) {
        Some((name, value)) => Reply::json(200, &json!({(name): value})),
        None => Reply::json(404, &json!({"code": 404, "message": "entry not found"})),
    }
}

/// Answers `POST /api/v1/log/entries/retrieve` by names.
pub fn retrieve_v1(tree: &Tree, request: &Request) -> Reply {
    let question = request.json().unwrap_or(Value::Null);
    let names = question["entryUUIDs"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let found = names.filter_map(|name| {
        let known = tree.entries.iter().find(|(known, _)| known.ends_with(name))?;
        Some(json!({(known.0): known.1}))
    });
    Reply::json(200, &Value::Array(found.collect()))
}

/// Answers `POST /api/v2/log/entries`.
pub fn append_v2(
    sigstore: &VirtualSigstore,
    tree: &mut Tree,
    request: &Request,
    now: Timestamp,
    lie: Option<&Lie>,
) -> Result<Reply, String> {
    let question = request.json().ok_or("the request is not JSON")?;
    let asked = question.get("hashedRekordRequestV002").ok_or("expected hashedRekordRequestV002")?;
    let body = body_v2(asked)?;
    let name = hex::encode(merkle::leaf(&body));
    if let Some(known) = tree.entries.get(&name) {
        let index = known["logIndex"].as_str().unwrap_or_default().to_owned();
        let refusal = json!({"code": 6, "message": format!("an equivalent entry already exists in index {index}")});
        return Ok(Reply::json(409, &refusal).with("x-log-index", &index));
    }
    let mut value = appended(sigstore, tree, Entry::new(Kind::HashedRekord002, now), &body, lie);
    // What is empty in protobuf's JSON.
    value["integratedTime"] = json!("0");
    value["inclusionPromise"] = Value::Null;
    tree.entries.insert(name, value.clone());
    Ok(Reply::json(201, &value))
}

fn appended(sigstore: &VirtualSigstore, tree: &mut Tree, mut entry: Entry, body: &[u8], lie: Option<&Lie>) -> Value {
    let v2 = entry.kind.is_v2();
    entry.leaves_before = tree.leaves.len();
    tree.leaves.push(merkle::leaf(body));
    let mut leaves = tree.leaves.clone();
    let mut body = body.to_vec();
    match lie {
        // A good entry of this very log, about something else.
        Some(Lie::OtherEnvelope) => {
            body = other_body(sigstore, entry.kind);
            entry.leaves_before = tree.leaves.len();
            tree.leaves.push(merkle::leaf(&body));
            leaves.clone_from(&tree.leaves);
        }
        Some(Lie::OtherTree) => leaves[0] = merkle::leaf(b"a leaf of another tree"),
        Some(Lie::OtherProof) => entry.proof = Proof::WrongHash,
        Some(Lie::NoProof) => entry.proof = Proof::Absent,
        Some(Lie::ForeignPromise) => entry.set = Set::ForeignKey,
        Some(Lie::OtherPromise) => entry.set = Set::OtherBody,
        Some(Lie::NoPromise) => entry.set = Set::Absent,
        Some(Lie::ForeignCheckpoint) => entry.checkpoint = Checkpoint::ForeignKey,
        Some(Lie::OtherCheckpoint) => entry.checkpoint = Checkpoint::OtherRoot,
        Some(Lie::NoCheckpoint) => entry.checkpoint = Checkpoint::Absent,
        Some(Lie::ForeignLog) => (entry.log, entry.log_id) = (SigningLog::Foreign, NamedLog::Own),
        Some(Lie::OtherLog) => entry.log_id = NamedLog::Other,
        Some(Lie::EarlyEntry) => {
            entry.integrated_time = entry.integrated_time.map(|time| time - SignedDuration::from_hours(1));
        }
        Some(Lie::LateEntry) => {
            entry.integrated_time = entry.integrated_time.map(|time| time + SignedDuration::from_hours(1));
        }
        _ => {}
    }
    let foreign = sigstore.foreign();
    let logs = if v2 {
        Logs { own: &sigstore.rekor_v2, other: &sigstore.rekor_v1, foreign: &foreign.rekor_v2 }
    } else {
        Logs { own: &sigstore.rekor_v1, other: &sigstore.rekor_v2, foreign: &foreign.rekor_v1 }
    };
    let mut value = log::entry_in(&entry, &logs, &body, &leaves);
    if let Some(Lie::OtherTree) = lie {
        // The checkpoint is that of the true tree.
        let root = merkle::root(&tree.leaves);
        let text = logs.own.checkpoint(&entry, &foreign.rekor_v1, tree.leaves.len(), &root);
        value["inclusionProof"]["checkpoint"]["envelope"] = json!(text);
    }
    if let Some(Lie::ChangedBody) = lie {
        value["canonicalizedBody"] = json!(b64(&changed(&body)));
    }
    value
}

/// The body with another digest in it, as well-formed as before.
fn changed(body: &[u8]) -> Vec<u8> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let name = if text.contains("\"digest\":\"") { "\"digest\":\"" } else { "\"value\":\"" };
    let at = text.find(name).unwrap() + name.len();
    let mut body = body.to_vec();
    body[at] = if body[at] == b'0' { b'1' } else { b'0' };
    body
}

/// The body of an entry about something that another client signed.
fn other_body(sigstore: &VirtualSigstore, kind: Kind) -> Vec<u8> {
    let spec = sigstore.spec(b"something else");
    let minted = sigstore.mint_parts(&spec);
    let own = body::Signature {
        bytes: minted.signature.clone(),
        key_id: None,
        verifier: body::Verifier::Certificate(minted.chain[0].clone()),
        details: sigstore.signer_key(&spec).details(),
    };
    let subject = body::Subject {
        payload_type: spec.payload_type,
        payload: minted.payload,
        envelope: minted.envelope.to_string().into_bytes(),
        message: minted.message,
        hash: HashKind::Sha256,
        signatures: vec![own],
        own: 0,
    };
    body::canonical(kind, &subject)
}

/// What Rekor v1 stores of a proposal.
fn body_v1(proposal: &Value) -> Result<(Kind, Vec<u8>), String> {
    let spec = &proposal["spec"];
    let kind = match (proposal["kind"].as_str(), proposal["apiVersion"].as_str()) {
        (Some("dsse"), Some("0.0.1")) => Kind::Dsse001,
        (Some("hashedrekord"), Some("0.0.1")) => Kind::HashedRekord001,
        other => return Err(format!("the kind {other:?} is not served")),
    };
    let spec = if kind == Kind::Dsse001 { dsse_v1(&spec["proposedContent"])? } else { hashed_v1(spec)? };
    let body = json!({"apiVersion": kind.version(), "kind": kind.name(), "spec": spec});
    Ok((kind, body::canonical_json(&body).into_bytes()))
}

fn dsse_v1(proposed: &Value) -> Result<Value, String> {
    let text = proposed["envelope"].as_str().ok_or("no envelope")?;
    let envelope: Value = serde_json::from_str(text).map_err(|_| "the envelope is not JSON")?;
    let payload = envelope["payload"].as_str().and_then(check::unb64).ok_or("the payload is not base64")?;
    let payload_type = envelope["payloadType"].as_str().ok_or("no payload type")?;
    let message = mint::pae(payload_type, &payload);
    let signatures = envelope["signatures"].as_array().ok_or("no signatures")?;
    let verifiers = proposed["verifiers"].as_array().ok_or("no verifiers")?;
    if signatures.is_empty() || signatures.len() != verifiers.len() {
        return Err("expected one verifier for each signature".to_owned());
    }
    let mut stored = Vec::new();
    for (signature, verifier) in signatures.iter().zip(verifiers) {
        let text = signature["sig"].as_str().ok_or("a signature without text")?;
        let bytes = check::unb64(text).ok_or("a signature that is not base64")?;
        let pem = verifier.as_str().and_then(check::unb64).and_then(|bytes| String::from_utf8(bytes).ok());
        let (key, pem) = pem.as_deref().and_then(check::verifier).ok_or("a verifier that is not PEM")?;
        if !key.verifies(&message, &bytes) {
            return Err("a signature does not verify".to_owned());
        }
        stored.push(json!({"signature": text, "verifier": b64(pem.as_bytes())}));
    }
    stored.sort_by_key(|signature| signature["signature"].to_string());
    let sha256 = |bytes: &[u8]| json!({"algorithm": "sha256", "value": HashKind::Sha256.hex(bytes)});
    Ok(json!({
        "envelopeHash": sha256(text.as_bytes()), "payloadHash": sha256(&payload), "signatures": stored,
    }))
}

fn hashed_v1(spec: &Value) -> Result<Value, String> {
    let hash = &spec["data"]["hash"];
    let (name, value) = (hash["algorithm"].as_str(), hash["value"].as_str());
    let kinds = [HashKind::Sha256, HashKind::Sha384, HashKind::Sha512];
    let kind = kinds.into_iter().find(|kind| Some(kind.name()) == name).ok_or("the hash is not served")?;
    let digest = value.and_then(|value| hex::decode(value).ok()).ok_or("the digest is not hexadecimal")?;
    if digest.len() != kind.of(b"").len() {
        return Err("the digest has another length".to_owned());
    }
    let text = spec["signature"]["content"].as_str().ok_or("no signature")?;
    let signature = check::unb64(text).ok_or("the signature is not base64")?;
    let pem = spec["signature"]["publicKey"]["content"].as_str().and_then(check::unb64);
    let pem = pem.and_then(|bytes| String::from_utf8(bytes).ok());
    let (key, pem) = pem.as_deref().and_then(check::verifier).ok_or("the public key is not PEM")?;
    if !key.verifies_digest(&digest, &signature) {
        return Err("the signature does not verify".to_owned());
    }
    Ok(json!({
        "data": {"hash": {"algorithm": kind.name(), "value": hex::encode(digest)}},
        "signature": {"content": text, "publicKey": {"content": b64(pem.as_bytes())}},
    }))
}

/// What Rekor v2 stores of a request.
fn body_v2(asked: &Value) -> Result<Vec<u8>, String> {
    let digest = asked["digest"].as_str().and_then(check::unb64).ok_or("the digest is not base64")?;
    let text = asked["signature"]["content"].as_str().ok_or("no signature")?;
    let signature = check::unb64(text).ok_or("the signature is not base64")?;
    let verifier = &asked["signature"]["verifier"];
    let raw = |value: &Value| value["rawBytes"].as_str().and_then(check::unb64);
    let key = match (verifier.get("x509Certificate"), verifier.get("publicKey")) {
        (Some(certificate), None) => raw(certificate).and_then(|der| PublicKey::of_certificate(&der)),
        (None, Some(key)) => raw(key).and_then(|der| PublicKey::of_spki(&der)),
        _ => return Err("expected a certificate or a public key".to_owned()),
    };
    let key = key.ok_or("the verifier cannot be read")?;
    if verifier["keyDetails"].as_str() != Some(key.details()) {
        return Err("the key is not of the kind that is named".to_owned());
    }
    if digest.len() != key.hash().of(b"").len() || !key.verifies_digest(&digest, &signature) {
        return Err("the signature does not verify".to_owned());
    }
    let body = json!({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
        "data": {"algorithm": key.hash().sigstore_name(), "digest": b64(&digest)},
        "signature": {"content": text, "verifier": verifier},
    }}});
    Ok(body::canonical_json(&body).into_bytes())
}
