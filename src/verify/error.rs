//! Why an attestation was not believed.

use jiff::Timestamp;

use crate::formats::FormatError;
use crate::formats::digest::Algorithm;

/// The steps of [`crate::verify::Verifier::verify`], in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// 1. The bundle has the shape that its version has.
    Shape,
    /// 2. When it was signed.
    Time,
    /// 3. Who may have issued the certificate.
    Certificate,
    /// 4. Whether the certificate was made public.
    Sct,
    /// 5. The signature over the payload.
    Signature,
    /// 6. Whether it was made public, and that the entry is about this envelope.
    Log,
    /// 7. What was signed is a Statement.
    Statement,
    /// 8. Who signed.
    Identity,
    /// 9. It is about this artifact.
    Binding,
}

/// Why an attestation was refused. Each says at which [`Step`], what was expected and what was found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// A part of the bundle is malformed.
    #[error("{1}")]
    Format(Step, #[source] FormatError),
    /// The bundle has a shape that its declared version does not have, so the label is not true.
    #[error("a {version} has {expected}, found {found}")]
    VersionShape {
        /// The version it says it is.
        version: &'static str,
        /// What that version has.
        expected: &'static str,
        /// What was found.
        found: &'static str,
    },
    /// A log entry with neither an inclusion proof nor a SET: it says nothing.
    #[error("log entry {index}: expected an inclusion proof or a signed entry timestamp, found neither")]
    LogEntryUnproven {
        /// Which entry, from 0.
        index: usize,
    },
    /// A time that nothing signs, in a Rekor v2 entry.
    #[error("log entry {index}: expected no integrated time in a Rekor v2 entry, found {seconds}")]
    TimeUnsigned {
        /// Which entry, from 0.
        index: usize,
        /// The time found.
        seconds: u64,
    },
    /// The same log entry or timestamp twice.
    #[error("expected each {what} once, found one twice")]
    Duplicate {
        /// Log entry or timestamp.
        what: &'static str,
    },
    /// A plain signature over a file, and no digest of that file beside it, so that it is about nothing.
    #[error(
        "expected a SHA2_256, SHA2_384 or SHA2_512 of the artifact noted beside its plain signature, found {found}"
    )]
    MessageUnnoted {
        /// What is noted.
        found: String,
    },
    /// An envelope that is none: the text of a plain signature stands in it, and is signed without what surrounds it.
    #[error(
        "expected a Statement in the envelope, found the bare text of a plain signature (simple signing), as Tekton Chains stores it"
    )]
    BareText,
    /// An attestation, where a plain signature was to be verified.
    #[error("expected a plain signature over an artifact, found an attestation")]
    NotPlainSignature,
    /// The bundle notes the digest of another artifact.
    #[error("expected the digest of the artifact, {expected}, found {found}")]
    MessageDigest {
        /// Algorithm and digest of the artifact.
        expected: String,
        /// Algorithm and digest that the bundle notes.
        found: String,
    },
    /// A kind of key that signs no such digest of a message, and only that is known.
    #[error(
        "expected the signed bytes themselves, without which no signature by {kind} is checked, found their {found}"
    )]
    MessageBytes {
        /// What kind of key.
        kind: &'static str,
        /// What is known of the bytes.
        found: Algorithm,
    },
    /// No root or key was given that could vouch for a signer of this kind.
    #[error("expected {expected}, found {found}")]
    SignerKind {
        /// What the configuration can verify.
        expected: &'static str,
        /// What the bundle has.
        found: &'static str,
    },
    /// A certificate, and neither a log entry nor a timestamp that could prove when it signed: the bare envelopes of older
    /// generators. An online log may have the entry.
    #[error("expected proof of the signing time (a log entry or an RFC 3161 timestamp), found neither")]
    TimeUnproven,
    /// There are log entries, and none of them proves when it was signed.
    #[error("expected proof of the signing time ({expected}), found none")]
    TimeMissing {
        /// What would prove it.
        expected: &'static str,
    },
    /// A proven time that lies after the time of verification.
    #[error("expected a signing time before {now}, found {found}")]
    TimeInFuture {
        /// Time of verification.
        now: Timestamp,
        /// Time found.
        found: Timestamp,
    },
    /// An RFC 3161 timestamp that does not verify under any authority of the root.
    #[error("timestamp {index}: expected one by an authority of {root} over this signature, found: {reason}")]
    Timestamp {
        /// Which timestamp, from 0.
        index: usize,
        /// Which root.
        root: String,
        /// What the reader said of the last authority tried.
        reason: String,
    },
    /// A timestamp whose signed attributes do not tie it to a statement of time and to its signer's certificate.
    #[error("timestamp {index}: expected signed attributes for a statement of time and its signer, found {reason}")]
    TimestampAttribute {
        /// Which timestamp, from 0.
        index: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A timestamp by an authority outside its window.
    #[error("timestamp {index}: its authority is not trusted at {found}")]
    TimestampWindow {
        /// Which timestamp, from 0.
        index: usize,
        /// The time it states.
        found: Timestamp,
    },
    /// The certificate does not lead to an authority of the root.
    #[error("expected a certificate for code signing that leads to an authority of {root}, found: {reason}")]
    CertificateChain {
        /// Which root.
        root: String,
        /// What the path builder said.
        reason: String,
    },
    /// The certificate was not valid when it was used.
    #[error("expected a certificate valid at {signed}, found one valid from {not_before} to {not_after}")]
    CertificateTime {
        /// A proven signing time.
        signed: Timestamp,
        /// Start of validity.
        not_before: Timestamp,
        /// End of validity.
        not_after: Timestamp,
    },
    /// No SCT, though the domain runs CT logs.
    #[error("expected a signed certificate timestamp (SCT), found none")]
    SctMissing,
    /// No SCT of the certificate verifies.
    #[error("expected an SCT by a CT log of {root}, found: {reason}")]
    Sct {
        /// Which root.
        root: String,
        /// What is wrong with the last SCT tried.
        reason: &'static str,
    },
    /// No log entry, though the domain runs logs.
    #[error("expected an entry in a transparency log of {root}, found none")]
    LogMissing {
        /// Which root.
        root: String,
    },
    /// An entry of a log that the root does not name, or not for that time.
    #[error("log entry {index}: expected a log of {root}, found log id {found}")]
    LogUnknown {
        /// Which entry, from 0.
        index: usize,
        /// Which root.
        root: String,
        /// Hexadecimal id found.
        found: String,
    },
    /// The signed entry timestamp does not verify.
    #[error("log entry {index}: its signed entry timestamp does not verify")]
    Set {
        /// Which entry, from 0.
        index: usize,
    },
    /// The checkpoint has no valid signature of the entry's own log.
    #[error("log entry {index}: expected a checkpoint signed by log {log}, found: {reason}")]
    Checkpoint {
        /// Which entry, from 0.
        index: usize,
        /// Hexadecimal id of the log.
        log: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The proof and its checkpoint speak of two trees.
    #[error("log entry {index}: the proof says {field} {proof}, the signed checkpoint {checkpoint}")]
    CheckpointMismatch {
        /// Which entry, from 0.
        index: usize,
        /// Root hash or tree size.
        field: &'static str,
        /// In the proof.
        proof: String,
        /// In the checkpoint.
        checkpoint: String,
    },
    /// The entry is not in the tree.
    #[error("log entry {index}: the inclusion proof does not lead to the tree's root")]
    Inclusion {
        /// Which entry, from 0.
        index: usize,
    },
    /// The entry is about something else.
    #[error("log entry {index}: expected an entry about this envelope, found another {field}")]
    EntryMismatch {
        /// Which entry, from 0.
        index: usize,
        /// What differs.
        field: &'static str,
    },
    /// The signature does not verify.
    #[error("the signature does not verify with {key}")]
    Signature {
        /// Which key was tried.
        key: String,
    },
    /// Signed by a key that is not among the trusted ones, going by the hint in the bundle.
    #[error("expected a signature by {expected}, found {found}")]
    KeyUnknown {
        /// The trusted keys.
        expected: String,
        /// What the bundle's hint or the signature's key id says. Nothing vouches for it.
        found: String,
    },
    /// Signed by a trusted key, at a time when it was not in use.
    #[error("expected a signature at a time when {key} was in use, found {signed} ({})", in_use(start, end.as_ref()))]
    KeyWindow {
        /// The key.
        key: String,
        /// Start of its use.
        start: Timestamp,
        /// End of its use, if it has one.
        end: Option<Timestamp>,
        /// A proven signing time.
        signed: Timestamp,
    },
    /// Signed by a trusted key that was in use for a while only, and nothing proves when.
    #[error("expected proof of the signing time, which {key} needs, found none")]
    KeyTimeMissing {
        /// The key.
        key: String,
    },
    /// More or fewer signatures than the signer's material can be about.
    #[error("expected one signature beside one certificate, found {found}")]
    SignatureCount {
        /// Signatures found.
        found: usize,
    },
    /// The payload is not said to be a Statement.
    #[error("expected payload type application/vnd.in-toto+json, found {found:?}")]
    PayloadType {
        /// The type found.
        found: String,
    },
    /// A signature that says something, where none does.
    #[error("expected the empty predicate of a signature, found one that is not empty")]
    SignaturePredicate,
    /// No subject is this artifact.
    #[error("expected a subject with {expected}, found {found}")]
    SubjectMismatch {
        /// The artifact's digests.
        expected: String,
        /// The subjects, shortened.
        found: String,
    },
    /// A subject agrees in one digest and contradicts in another.
    #[error("subject {name:?} has {agrees} of the artifact but another {differs}")]
    SubjectContradiction {
        /// The subject's name.
        name: String,
        /// Algorithm that agrees.
        agrees: &'static str,
        /// Algorithm that differs.
        differs: &'static str,
    },
    /// The subject names the artifact only by digests that do not bind.
    #[error("expected a subject with a strong digest, found only {found}")]
    SubjectWeak {
        /// The digests found.
        found: String,
    },
    /// The certificate names no OIDC issuer.
    #[error("expected a certificate with an OIDC issuer, found none")]
    IssuerMissing,
}

impl VerifyError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_, error) => error.code(),
            Self::VersionShape { .. } => "bundle-version-shape",
            Self::LogEntryUnproven { .. } => "log-entry-unproven",
            Self::TimeUnsigned { .. } => "log-time-unsigned",
            Self::Duplicate { .. } => "bundle-duplicate",
            Self::MessageUnnoted { .. } => "message-digest-missing",
            Self::BareText => "simple-signing-envelope",
            Self::MessageBytes { .. } => "message-bytes-needed",
            Self::SignaturePredicate => "signature-predicate",
            Self::NotPlainSignature => "not-plain-signature",
            Self::MessageDigest { .. } => "message-digest-mismatch",
            Self::SignerKind { .. } => "signer-kind",
            Self::TimeUnproven => "signing-time-unproven",
            Self::TimeMissing { .. } => "time-missing",
            Self::TimeInFuture { .. } => "time-in-future",
            Self::Timestamp { .. } => "timestamp-invalid",
            Self::TimestampAttribute { .. } => "timestamp-attribute",
            Self::TimestampWindow { .. } => "timestamp-window",
            Self::CertificateChain { .. } => "certificate-untrusted",
            Self::CertificateTime { .. } => "certificate-time",
            Self::SctMissing => "sct-missing",
            Self::Sct { .. } => "sct-invalid",
            Self::LogMissing { .. } => "log-missing",
            Self::LogUnknown { .. } => "log-unknown",
            Self::Set { .. } => "log-set-invalid",
            Self::Checkpoint { .. } => "log-checkpoint-invalid",
            Self::CheckpointMismatch { .. } => "log-checkpoint-mismatch",
            Self::Inclusion { .. } => "log-inclusion-mismatch",
            Self::EntryMismatch { .. } => "log-entry-mismatch",
            Self::Signature { .. } => "signature-invalid",
            Self::KeyUnknown { .. } => "signature-key-unknown",
            Self::KeyWindow { .. } => "key-window",
            Self::KeyTimeMissing { .. } => "key-time-missing",
            Self::SignatureCount { .. } => "signature-count",
            Self::PayloadType { .. } => "payload-type",
            Self::SubjectMismatch { .. } => "subject-mismatch",
            Self::SubjectContradiction { .. } => "subject-contradiction",
            Self::SubjectWeak { .. } => "subject-weak",
            Self::IssuerMissing => "issuer-missing",
        }
    }

    /// The step that refused.
    pub fn step(&self) -> Step {
        match self {
            Self::Format(step, _) => *step,
            Self::VersionShape { .. }
            | Self::LogEntryUnproven { .. }
            | Self::TimeUnsigned { .. }
            | Self::Duplicate { .. }
            | Self::MessageUnnoted { .. }
            | Self::BareText
            | Self::NotPlainSignature
            | Self::SignerKind { .. }
            | Self::SignatureCount { .. } => Step::Shape,
            Self::TimeUnproven
            | Self::TimeMissing { .. }
            | Self::TimeInFuture { .. }
            | Self::Timestamp { .. }
            | Self::TimestampAttribute { .. }
            | Self::TimestampWindow { .. }
            | Self::Set { .. } => Step::Time,
            Self::CertificateChain { .. } | Self::CertificateTime { .. } => Step::Certificate,
            Self::SctMissing | Self::Sct { .. } => Step::Sct,
            Self::MessageDigest { .. }
            | Self::MessageBytes { .. }
            | Self::Signature { .. }
            | Self::KeyUnknown { .. }
            | Self::KeyWindow { .. }
            | Self::KeyTimeMissing { .. } => Step::Signature,
            Self::LogMissing { .. }
            | Self::LogUnknown { .. }
            | Self::Checkpoint { .. }
            | Self::CheckpointMismatch { .. }
            | Self::Inclusion { .. }
            | Self::EntryMismatch { .. } => Step::Log,
            Self::PayloadType { .. } | Self::SignaturePredicate => Step::Statement,
            Self::IssuerMissing => Step::Identity,
            Self::SubjectMismatch { .. } | Self::SubjectContradiction { .. } | Self::SubjectWeak { .. } => {
                Step::Binding
            }
        }
    }

    /// What was expected beside what was found, where the two can be shown as values.
    pub fn expected_found(&self) -> Option<(String, String)> {
        match self {
            Self::VersionShape { expected, found, .. } | Self::SignerKind { expected, found } => {
                Some(((*expected).to_owned(), (*found).to_owned()))
            }
            Self::SubjectMismatch { expected, found } | Self::MessageDigest { expected, found } => {
                Some((expected.clone(), found.clone()))
            }
            Self::KeyUnknown { expected, found } => Some((expected.clone(), found.clone())),
            Self::KeyWindow { start, end, signed, .. } => {
                Some((in_use(start, end.as_ref()), format!("signed {signed}")))
            }
            Self::PayloadType { found } => Some(("application/vnd.in-toto+json".to_owned(), found.clone())),
            Self::CertificateTime { signed, not_before, not_after } => {
                Some((format!("a certificate valid at {signed}"), format!("valid from {not_before} to {not_after}")))
            }
            Self::CheckpointMismatch { field, proof, checkpoint, .. } => {
                Some((format!("{field} {checkpoint} (signed checkpoint)"), format!("{proof} (proof)")))
            }
            Self::TimeInFuture { now, found } => Some((format!("before {now}"), found.to_string())),
            _ => None,
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let (s, n, t) = (|| String::from("x"), "x", Timestamp::UNIX_EPOCH);
        vec![
            Self::VersionShape { version: n, expected: n, found: n },
            Self::LogEntryUnproven { index: 0 },
            Self::TimeUnsigned { index: 0, seconds: 1 },
            Self::Duplicate { what: n },
            Self::MessageUnnoted { found: s() },
            Self::BareText,
            Self::MessageBytes { kind: n, found: Algorithm::Sha256 },
            Self::SignaturePredicate,
            Self::NotPlainSignature,
            Self::MessageDigest { expected: s(), found: s() },
            Self::SignerKind { expected: n, found: n },
            Self::TimeUnproven,
            Self::TimeMissing { expected: n },
            Self::TimeInFuture { now: t, found: t },
            Self::Timestamp { index: 0, root: s(), reason: s() },
            Self::TimestampAttribute { index: 0, reason: n },
            Self::TimestampWindow { index: 0, found: t },
            Self::CertificateChain { root: s(), reason: s() },
            Self::CertificateTime { signed: t, not_before: t, not_after: t },
            Self::SctMissing,
            Self::Sct { root: s(), reason: n },
            Self::LogMissing { root: s() },
            Self::LogUnknown { index: 0, root: s(), found: s() },
            Self::Set { index: 0 },
            Self::Checkpoint { index: 0, log: s(), reason: n },
            Self::CheckpointMismatch { index: 0, field: n, proof: s(), checkpoint: s() },
            Self::Inclusion { index: 0 },
            Self::EntryMismatch { index: 0, field: n },
            Self::Signature { key: s() },
            Self::KeyUnknown { expected: s(), found: s() },
            Self::KeyWindow { key: s(), start: t, end: None, signed: t },
            Self::KeyTimeMissing { key: s() },
            Self::SignatureCount { found: 0 },
            Self::PayloadType { found: s() },
            Self::SubjectMismatch { expected: s(), found: s() },
            Self::SubjectContradiction { name: s(), agrees: n, differs: n },
            Self::SubjectWeak { found: s() },
            Self::IssuerMissing,
        ]
    }
}

/// When a key is in use.
fn in_use(start: &Timestamp, end: Option<&Timestamp>) -> String {
    match end {
        Some(end) => format!("a key in use from {start} to {end}"),
        None => format!("a key in use since {start}"),
    }
}
