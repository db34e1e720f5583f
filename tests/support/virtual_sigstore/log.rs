//! The transparency logs, Rekor v1 and v2: entries with promise, inclusion proof and checkpoint.

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;

use super::b64;
use super::body;
use super::body::Kind;
use super::body::Subject;
use super::keys::Key;
use super::keys::KeyKind;
use super::merkle;
use super::merkle::Hash;

/// One log entry of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Kind of the body; decides which log it is in.
    pub kind: Kind,
    /// Kind and version that the bundle declares, when not those of the body.
    pub declared_kind: Option<(String, String)>,
    /// Other leaves before this one.
    pub leaves_before: usize,
    /// Other leaves after this one.
    pub leaves_after: usize,
    /// How far the entry's `logIndex` is above the proof's (leaves in earlier shards).
    pub index_offset: usize,
    /// Integrated time; Rekor v1 always has one, Rekor v2 never.
    pub integrated_time: Option<Timestamp>,
    /// The signed entry timestamp; Rekor v1 always has one, Rekor v2 never.
    pub set: Set,
    /// The inclusion proof.
    pub proof: Proof,
    /// `logIndex` of the proof, when not the true one.
    pub proof_index: Option<u64>,
    /// `rootHash` of the proof, when not the true one.
    pub proof_root: Option<Hash>,
    /// `treeSize` of the proof, when not the true one.
    pub proof_size: Option<u64>,
    /// The checkpoint.
    pub checkpoint: Checkpoint,
    /// First line of the checkpoint, when not the log's origin.
    pub origin: Option<String>,
    /// Further lines of the checkpoint, below the root hash.
    pub checkpoint_lines: Vec<String>,
    /// Cosignatures by witnesses that nobody knows, added to the checkpoint.
    pub witnesses: usize,
    /// The log that the entry names.
    pub log_id: NamedLog,
    /// The log that signs promise and checkpoint.
    pub log: SigningLog,
    /// What the body is about.
    pub about: About,
    /// The whole body, when not the canonical one. Logged, proven and signed as given.
    pub body: Option<Vec<u8>>,
}

/// The signed entry timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Set {
    /// As it should be.
    Good,
    /// None.
    Absent,
    /// One bit of the signature is flipped.
    BadSignature,
    /// Signed for another time, one hour earlier.
    OtherTime,
    /// Signed for another index.
    OtherIndex,
    /// Signed for another body.
    OtherBody,
    /// Signed by a log that no trusted root names, in the name of the true one.
    ForeignKey,
}

/// The inclusion proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// As it should be.
    Good,
    /// None, so no checkpoint either.
    Absent,
    /// One bit of the first hash is flipped.
    WrongHash,
    /// One hash too many.
    ExtraHash,
    /// The last hash is missing.
    MissingHash,
    /// The proof of another leaf, index included.
    OtherLeaf,
}

/// The checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Checkpoint {
    /// As it should be.
    Good,
    /// None.
    Absent,
    /// One bit of the signature is flipped.
    BadSignature,
    /// Signed by a log that no trusted root names, with the hint of the true one.
    ForeignKey,
    /// Well signed for another root.
    OtherRoot,
    /// Well signed for another size.
    OtherSize,
    /// Well signed, but the four bytes that name the key are wrong.
    WrongHint,
    /// No signature line.
    Unsigned,
}

/// Which log an entry names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NamedLog {
    /// The log that it is in.
    Own,
    /// The other log of the same trusted root (v2 for v1, v1 for v2).
    Other,
    /// A log that no trusted root names.
    Foreign,
}

/// Which log signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SigningLog {
    /// The one of this trust domain.
    Own,
    /// One that no trusted root names, under its own identifier throughout.
    Foreign,
}

/// What a body is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum About {
    /// This very bundle.
    This,
    /// Another payload or artifact, same signature and verifier.
    OtherPayload,
    /// Another signature, same payload and verifier.
    OtherSignature,
    /// Another verifier, same payload and signature.
    OtherVerifier,
}

impl Entry {
    /// A good entry of `kind`; Rekor v1's was integrated at `time`.
    pub fn new(kind: Kind, time: Timestamp) -> Self {
        Self {
            kind,
            declared_kind: None,
            leaves_before: 5,
            leaves_after: 3,
            index_offset: 0,
            integrated_time: (!kind.is_v2()).then_some(time),
            set: if kind.is_v2() { Set::Absent } else { Set::Good },
            proof: Proof::Good,
            proof_index: None,
            proof_root: None,
            proof_size: None,
            checkpoint: Checkpoint::Good,
            origin: None,
            checkpoint_lines: Vec::new(),
            witnesses: 0,
            log_id: NamedLog::Own,
            log: SigningLog::Own,
            about: About::This,
            body: None,
        }
    }
}

/// One log.
#[derive(Clone)]
pub struct Log {
    /// First line of its checkpoints.
    pub origin: String,
    /// Base URL in trusted roots.
    pub base_url: String,
    /// Signing key.
    pub key: Key,
    /// Identifier: SHA-256 of the key's SPKI (v1), or C2SP's SHA-256 of name, LF, 1 and raw key (v2).
    pub id: Vec<u8>,
}

impl Log {
    /// The Rekor v1 log of a seed.
    pub fn v1(seed: &str) -> Self {
        let key = Key::derive(seed, "rekor-v1", KeyKind::P256);
        let digest = Sha256::digest(format!("{seed}\nrekor-v1 tree"));
        let tree = u64::from_be_bytes(digest[..8].try_into().unwrap()) >> 1;
        let id = Sha256::digest(key.spki()).to_vec();
        let base_url = "https://virtual.rekor.test".to_owned();
        Self { origin: format!("virtual.rekor.test - {tree}"), base_url, key, id }
    }

    /// The Rekor v2 log of a seed.
    pub fn v2(seed: &str) -> Self {
        let key = Key::derive(seed, "rekor-v2", KeyKind::Ed25519);
        let origin = "log2026-1.virtual.rekor.test".to_owned();
        let id = Sha256::new()
            .chain_update(&origin)
            .chain_update([b'\n', 1])
            .chain_update(key.raw_public())
            .finalize()
            .to_vec();
        Self { base_url: format!("https://{origin}"), origin, key, id }
    }

    /// A signed note over a tree head.
    pub fn checkpoint(&self, entry: &Entry, foreign: &Self, size: usize, root: &Hash) -> String {
        let (mut size, mut root) = (size, *root);
        match entry.checkpoint {
            Checkpoint::OtherRoot => root[0] ^= 1,
            Checkpoint::OtherSize => size += 1,
            _ => {}
        }
        let origin = entry.origin.as_ref().unwrap_or(&self.origin);
        let mut text = format!("{origin}\n{size}\n{}\n", b64(&root));
        for line in &entry.checkpoint_lines {
            text.push_str(&format!("{line}\n"));
        }
        let signer = if entry.checkpoint == Checkpoint::ForeignKey { &foreign.key } else { &self.key };
        let mut signature = [&self.id[..4], &signer.sign(text.as_bytes())].concat();
        match entry.checkpoint {
            Checkpoint::BadSignature => *signature.last_mut().unwrap() ^= 1,
            Checkpoint::WrongHint => signature[0] ^= 1,
            _ => {}
        }
        let name = origin.split(' ').next().unwrap_or_default();
        let witnesses = witness_lines(entry.witnesses, text.as_bytes());
        text.push('\n');
        if entry.checkpoint != Checkpoint::Unsigned {
            text.push_str(&format!("\u{2014} {name} {}\n", b64(&signature)));
        }
        text + &witnesses
    }

    fn set(&self, entry: &Entry, foreign: &Self, body: &[u8], index: usize) -> Vec<u8> {
        let mut time = entry.integrated_time.map_or(0, Timestamp::as_second);
        let mut index = index;
        let mut body = body.to_vec();
        match entry.set {
            Set::OtherTime => time -= 3600,
            Set::OtherIndex => index += 1,
            Set::OtherBody => *body.last_mut().unwrap() ^= 1,
            _ => {}
        }
        let signed = body::canonical_json(&json!({
            "body": b64(&body), "integratedTime": time, "logID": hex::encode(&self.id), "logIndex": index,
        }));
        let signer = if entry.set == Set::ForeignKey { &foreign.key } else { &self.key };
        let mut signature = signer.sign(signed.as_bytes());
        if entry.set == Set::BadSignature {
            *signature.last_mut().unwrap() ^= 1;
        }
        signature
    }
}

fn witness_lines(count: usize, text: &[u8]) -> String {
    let line = |number: usize| {
        let name = format!("witness-{number}.virtual.test");
        let key = Key::derive("witness", &name, KeyKind::Ed25519);
        let id = &Sha256::digest([name.as_bytes(), &[b'\n', 4], &key.raw_public()].concat())[..4];
        format!("\u{2014} {name} {}\n", b64(&[id, &[0; 8], &key.sign(text)].concat()))
    };
    (0..count).map(line).collect()
}

/// The logs an entry can refer to.
pub struct Logs<'a> {
    /// The log of this trust domain for the entry's kind.
    pub own: &'a Log,
    /// The other log of this trust domain.
    pub other: &'a Log,
    /// A log nobody trusts.
    pub foreign: &'a Log,
}

/// The `tlogEntries` item for `entry` about `subject`.
pub fn entry(entry: &Entry, logs: &Logs<'_>, subject: &Subject) -> Value {
    let body = entry.body.clone().unwrap_or_else(|| body::canonical(entry.kind, subject));
    let name = if entry.log == SigningLog::Own { &logs.own.origin } else { &logs.foreign.origin };
    let other = |number: usize| merkle::leaf(format!("another leaf of {name}: {number}").as_bytes());
    let index = entry.leaves_before;
    let leaves: Vec<Hash> = (0..index)
        .map(other)
        .chain([merkle::leaf(&body)])
        .chain((index + 1..=index + entry.leaves_after).map(other))
        .collect();
    entry_in(entry, logs, &body, &leaves)
}

/// The `tlogEntries` item for `body` in the tree of these leaves, at the place `entry.leaves_before`.
pub fn entry_in(entry: &Entry, logs: &Logs<'_>, body: &[u8], leaves: &[Hash]) -> Value {
    let (log, stranger) = match entry.log {
        SigningLog::Own => (logs.own, logs.foreign),
        SigningLog::Foreign => (logs.foreign, logs.own),
    };
    let named = match entry.log_id {
        NamedLog::Own => log,
        NamedLog::Other => logs.other,
        NamedLog::Foreign => logs.foreign,
    };
    let index = entry.leaves_before + entry.index_offset;
    let (kind, version) = match &entry.declared_kind {
        Some((kind, version)) => (kind.as_str(), version.as_str()),
        None => (entry.kind.name(), entry.kind.version()),
    };
    let mut value = json!({
        "logIndex": index.to_string(),
        "logId": {"keyId": b64(&named.id)},
        "kindVersion": {"kind": kind, "version": version},
    });
    if let Some(time) = entry.integrated_time {
        value["integratedTime"] = json!(time.as_second().to_string());
    }
    if entry.set != Set::Absent {
        let set = log.set(entry, stranger, body, index);
        value["inclusionPromise"] = json!({"signedEntryTimestamp": b64(&set)});
    }
    if entry.proof != Proof::Absent {
        value["inclusionProof"] = inclusion_proof(entry, log, stranger, leaves);
    }
    value["canonicalizedBody"] = json!(b64(body));
    value
}

fn inclusion_proof(entry: &Entry, log: &Log, stranger: &Log, leaves: &[Hash]) -> Value {
    let index = entry.leaves_before;
    let root = merkle::root(leaves);
    let proven = if entry.proof == Proof::OtherLeaf { (index + 1) % leaves.len() } else { index };
    let mut hashes = merkle::path(proven, leaves);
    match entry.proof {
        Proof::WrongHash => hashes[0][0] ^= 1,
        Proof::ExtraHash => hashes.push(root),
        Proof::MissingHash => {
            hashes.pop();
        }
        Proof::Good | Proof::Absent | Proof::OtherLeaf => {}
    }
    let claimed_index = entry.proof_index.map_or(proven.to_string(), |index| index.to_string());
    let claimed_size = entry.proof_size.map_or(leaves.len().to_string(), |size| size.to_string());
    let mut value = json!({
        "logIndex": claimed_index,
        "rootHash": b64(&entry.proof_root.unwrap_or(root)),
        "treeSize": claimed_size,
        "hashes": hashes.iter().map(|hash| b64(hash)).collect::<Vec<_>>(),
    });
    if entry.checkpoint != Checkpoint::Absent {
        value["checkpoint"] = json!({"envelope": log.checkpoint(entry, stranger, leaves.len(), &root)});
    }
    value
}
