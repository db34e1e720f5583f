//! Step 6: each log entry is in its log's tree, and is about this very envelope.

use jiff::Timestamp;
use sigstore_types::Sha256Hash;

use crate::formats::bundle::Bundle;
use crate::formats::bundle::InclusionProof;
use crate::formats::bundle::LogEntry;
use crate::formats::checkpoint::Checkpoint;
use crate::formats::digest::Algorithm;
use crate::formats::envelope::Envelope;
use crate::formats::log_entry::EntryBody;
use crate::formats::log_entry::EntryKind;
use crate::trust::key::Spelling;
use crate::trust::key::digest_of;
use crate::trust::key::payload_digest;
use crate::trust::root::Log;
use crate::trust::root::TrustedRoot;
use crate::verify::LogDemand;
use crate::verify::Step;
use crate::verify::VerifyError;
use crate::verify::message::Message;
use crate::verify::signature::SignatureVerified;
use crate::verify::signed::Encoded;
use crate::verify::signed::Signed;
use crate::verify::time;
use crate::verify::time::TimesVerified;

/// How an entry is known to be in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogProof {
    /// A Merkle inclusion proof to a signed checkpoint.
    Inclusion {
        /// Leaves in the tree that the checkpoint signs.
        tree_size: u64,
    },
    /// The log's promise alone (its signed entry timestamp), as bundles v0.1 carry.
    Promise,
}

/// An entry that was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEvidence {
    /// Where the log is served.
    pub url: String,
    /// Index in the log.
    pub index: u64,
    /// How it is known to be there.
    pub proof: LogProof,
}

/// Every log entry of the bundle was verified, and there is one where one is demanded.
#[derive(Debug)]
pub(super) struct LogVerified {
    entries: Vec<LogEvidence>,
    demand: LogDemand,
}

impl LogVerified {
    pub(super) fn demand(&self) -> LogDemand {
        self.demand
    }

    pub(super) fn entries(&self) -> &[LogEvidence] {
        &self.entries
    }
}

/// Verifies every entry. A signer with a certificate of a domain that runs logs needs at least one, unless that was
/// waived ([`LogDemand::of`]).
///
/// That the SETs verified, and whether an entry is demanded, is step 2's evidence, taken here as `times`.
///
/// # Errors
/// The `log-*` codes, `checkpoint-invalid`, `json-*` of entry bodies.
pub(super) fn check(
    bundle: &Bundle,
    signed: &Signed<'_>,
    root: Option<&TrustedRoot>,
    times: &TimesVerified,
    verified: &SignatureVerified,
) -> Result<LogVerified, VerifyError> {
    match signed {
        Signed::Envelope { envelope, encoded } => {
            each(bundle, root, times, |index, entry| about(index, entry, envelope, encoded, verified))
        }
        Signed::Digest { digest, signature } => {
            check_message(bundle, (&Message::Digest(digest), signature), root, times, verified)
        }
        Signed::Text { text, signature } => {
            check_message(bundle, (&Message::Bytes(text), signature), root, times, verified)
        }
    }
}

/// The same of a plain signature over a message.
///
/// # Errors
/// As [`check`].
fn check_message(
    bundle: &Bundle,
    message: (&Message<'_>, &[u8]),
    root: Option<&TrustedRoot>,
    times: &TimesVerified,
    signature: &SignatureVerified,
) -> Result<LogVerified, VerifyError> {
    each(bundle, root, times, |index, entry| about_message(index, entry, message, signature))
}

fn each(
    bundle: &Bundle,
    root: Option<&TrustedRoot>,
    times: &TimesVerified,
    about: impl Fn(usize, &LogEntry) -> Result<(), VerifyError>,
) -> Result<LogVerified, VerifyError> {
    if times.demand() == LogDemand::Entry && bundle.log_entries.is_empty() {
        return Err(VerifyError::LogMissing { root: time::name(root) });
    }
    let mut entries = Vec::with_capacity(bundle.log_entries.len());
    for (index, entry) in bundle.log_entries.iter().enumerate() {
        let log = time::find_log(index, entry, root)?;
        let proof = match &entry.inclusion_proof {
            Some(proof) => included(index, entry, proof, log, times.now())?,
            // Step 1 made sure that there is a SET, step 2 that it verifies.
            None => LogProof::Promise,
        };
        about(index, entry)?;
        entries.push(LogEvidence { url: log.url.clone(), index: entry.log_index, proof });
    }
    Ok(LogVerified { entries, demand: times.demand() })
}

/// The entry's hash leads to the root of a tree whose head the entry's own log signed (RFC 6962 section 2.1.1).
fn included(
    index: usize,
    entry: &LogEntry,
    proof: &InclusionProof,
    log: &Log,
    now: Timestamp,
) -> Result<LogProof, VerifyError> {
    let checkpoint = Checkpoint::parse(&proof.checkpoint).map_err(|error| VerifyError::Format(Step::Log, error))?;
    checkpoint_signed(index, &checkpoint, log, now)?;
    let mismatch = |field, proof, checkpoint| VerifyError::CheckpointMismatch { index, field, proof, checkpoint };
    if proof.root_hash != checkpoint.root_hash() {
        return Err(mismatch("root hash", hex::encode(&proof.root_hash), hex::encode(checkpoint.root_hash())));
    }
    if proof.tree_size != checkpoint.tree_size() {
        return Err(mismatch("tree size", proof.tree_size.to_string(), checkpoint.tree_size().to_string()));
    }
    // A Rekor v2 log has one tree, so the two indexes are one; a Rekor v1 log counts across shards.
    if entry.kind.is_v2() && proof.log_index != entry.log_index {
        return Err(VerifyError::Inclusion { index });
    }
    let hashes: Option<Vec<Sha256Hash>> =
        proof.hashes.iter().map(|hash| hash.as_slice().try_into().ok().map(Sha256Hash::new)).collect();
    let hashes = hashes.ok_or(VerifyError::Inclusion { index })?;
    let leaf = sigstore_merkle::hash_leaf(&entry.body);
    let root = Sha256Hash::new(*checkpoint.root_hash());
    sigstore_merkle::verify_inclusion_proof(&leaf, proof.log_index, proof.tree_size, &hashes, &root)
        .map_err(|_| VerifyError::Inclusion { index })?;
    Ok(LogProof::Inclusion { tree_size: proof.tree_size })
}

/// One signature line must be by the entry's own log; lines of witnesses and of other keys say nothing. Hints are four
/// bytes and may collide, so every line with the log's hint is tried.
fn checkpoint_signed(index: usize, checkpoint: &Checkpoint, log: &Log, now: Timestamp) -> Result<(), VerifyError> {
    let refused = |reason| VerifyError::Checkpoint { index, log: hex::encode(&log.id), reason };
    if log.window.is_some_and(|window| window.start > now) {
        return Err(refused("a key that is not valid yet"));
    }
    let mut reason = "no line of that log";
    for line in checkpoint.signatures().iter().filter(|line| log.id.starts_with(&line.key_hint)) {
        if log.key.verify(checkpoint.signed(), &line.signature, Spelling::Exact).is_ok() {
            return Ok(());
        }
        reason = "a signature that does not verify";
    }
    Err(refused(reason))
}

/// The entry records this payload, this signature and this signer; otherwise a valid entry of something else could be
/// put beside a forged envelope (CVE-2022-36056).
fn about(
    index: usize,
    entry: &LogEntry,
    envelope: &Envelope,
    encoded: &Encoded<'_>,
    signature: &SignatureVerified,
) -> Result<(), VerifyError> {
    let other = |field| VerifyError::EntryMismatch { index, field };
    let body = EntryBody::parse(entry.kind, &entry.body).map_err(|error| VerifyError::Format(Step::Log, error))?;
    let algorithm = body.digest.algorithm();
    let digest = match body.kind {
        EntryKind::Intoto002 | EntryKind::Dsse001 => payload_digest(algorithm, &envelope.payload),
        // What is signed is what is logged (Sigstore client specification, "Bundle content and entry kind").
        EntryKind::HashedRekord001 | EntryKind::HashedRekord002 => encoded.digest(algorithm),
        // The hash is of a text. One that was rebuilt from the fields and has it was the one that was logged.
        EntryKind::Intoto001 => {
            let certificate = signature.trusted_key().is_none().then_some(signature.verifier());
            let texts = envelope.texts(certificate);
            if texts.is_empty() {
                return Err(other("kind"));
            }
            let mut hashes = texts.iter().filter_map(|text| digest_of(algorithm, text));
            hashes.find(|hash| *hash == body.digest)
        }
    };
    if digest.as_ref() != Some(&body.digest) {
        return Err(other("payload"));
    }
    let payload = payload_digest(Algorithm::Sha256, &envelope.payload);
    if body.payload_digest.is_some_and(|logged| payload.is_none_or(|payload| logged.bytes() != payload.bytes())) {
        return Err(other("payload"));
    }
    if body.payload_type.is_some_and(|logged| logged != envelope.payload_type) {
        return Err(other("payload type"));
    }
    if body.kind != EntryKind::Intoto001 {
        let logged = body.signatures.iter().map(|one| one.signature.as_deref());
        if !logged.eq(envelope.signatures.iter().map(|one| Some(one.sig.as_slice()))) {
            return Err(other("signature"));
        }
    }
    let verifier = body.signatures.get(signature.index()).map(|one| one.verifier.as_slice());
    if verifier == Some(signature.verifier()) { Ok(()) } else { Err(other("certificate or key")) }
}

/// The entry records this message, this signature and this signer.
fn about_message(
    index: usize,
    entry: &LogEntry,
    (message, signature): (&Message<'_>, &[u8]),
    verified: &SignatureVerified,
) -> Result<(), VerifyError> {
    let other = |field| VerifyError::EntryMismatch { index, field };
    let body = EntryBody::parse(entry.kind, &entry.body).map_err(|error| VerifyError::Format(Step::Log, error))?;
    match body.kind {
        EntryKind::HashedRekord001 | EntryKind::HashedRekord002 => {}
        EntryKind::Intoto001 | EntryKind::Intoto002 | EntryKind::Dsse001 => return Err(other("kind")),
    }
    if message.digest(body.digest.algorithm()).as_ref() != Some(&body.digest) {
        return Err(other("message"));
    }
    match body.signatures.as_slice() {
        [one] if one.signature.as_deref() != Some(signature) => Err(other("signature")),
        [one] if one.verifier == verified.verifier() => Ok(()),
        _ => Err(other("certificate or key")),
    }
}
