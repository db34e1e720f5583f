//! Step 2: which signing times may be believed.

use jiff::Timestamp;
use sigstore_types::SignatureBytes;
use sigstore_types::TimestampToken;

use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::LogEntry;
use crate::trust::key::Spelling;
use crate::trust::root::Log;
use crate::trust::root::TrustedRoot;
use crate::verify::LogDemand;
use crate::verify::VerifyError;
use crate::verify::token;

/// Who proves a signing time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimeSource {
    /// An RFC 3161 timestamp authority of the root.
    TimestampAuthority,
    /// A transparency log, by its signed entry timestamp.
    Log {
        /// Where the log is served.
        url: String,
        /// Index of the entry.
        index: u64,
    },
}

/// A proven signing time: the signature existed then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAt {
    /// When.
    pub time: Timestamp,
    /// Who proves it.
    pub source: TimeSource,
}

/// Every timestamp and every signed entry timestamp of the bundle verified.
#[derive(Debug)]
pub(super) struct TimesVerified {
    times: Vec<SignedAt>,
    demand: LogDemand,
    now: Timestamp,
}

impl TimesVerified {
    /// The proven times; empty only where the signer needs none.
    pub(super) fn times(&self) -> &[SignedAt] {
        &self.times
    }

    /// What is demanded of logs, by which the times were judged.
    pub(super) fn demand(&self) -> LogDemand {
        self.demand
    }

    /// The time of verification.
    pub(super) fn now(&self) -> Timestamp {
        self.now
    }

    /// The times at which a certificate must hold: the proven ones. Where there is none and the lack of a log entry is
    /// waived, the start of its validity.
    ///
    /// # Errors
    /// `time-in-future` for a certificate that is not valid yet, `signing-time-unproven`.
    pub(super) fn judged_at(&self, not_before: Timestamp) -> Result<Vec<Timestamp>, VerifyError> {
        match (self.times.as_slice(), self.demand) {
            ([], LogDemand::Waived) if not_before > self.now => {
                Err(VerifyError::TimeInFuture { now: self.now, found: not_before })
            }
            ([], LogDemand::Waived) => Ok(vec![not_before]),
            ([], LogDemand::Entry | LogDemand::None) => Err(VerifyError::TimeUnproven),
            (times, _) => Ok(times.iter().map(|signed| signed.time).collect()),
        }
    }
}

/// Verifies every RFC 3161 timestamp, which is over `stamped`, and every SET; each must hold, none may lie in the future. A certificate lives ten
/// minutes, so a signer with a certificate needs at least one proven time, unless that was waived together with the log
/// entry; there is no falling back to `now`.
///
/// # Errors
/// `timestamp-invalid`, `timestamp-window`, `timestamp-attribute`, `log-unknown`, `log-set-invalid`, `time-in-future`, `time-missing`,
/// `signing-time-unproven`.
pub(super) fn check(
    bundle: &Bundle,
    stamped: &[u8],
    root: Option<&TrustedRoot>,
    demand: LogDemand,
    now: Timestamp,
) -> Result<TimesVerified, VerifyError> {
    let mut times = Vec::new();
    for (index, token) in bundle.timestamps.iter().enumerate() {
        let time = timestamp(index, token, stamped, root)?;
        times.push(SignedAt { time, source: TimeSource::TimestampAuthority });
    }
    for (index, entry) in bundle.log_entries.iter().enumerate() {
        if let Some(set) = &entry.signed_entry_timestamp {
            let log = find_log(index, entry, root)?;
            let time = signed_entry_timestamp(index, entry, set, log, root)?;
            times.push(SignedAt { time, source: TimeSource::Log { url: log.url.clone(), index: entry.log_index } });
        }
    }
    if let Some(late) = times.iter().find(|signed| signed.time > now) {
        return Err(VerifyError::TimeInFuture { now, found: late.time });
    }
    if times.is_empty() && !bundle.signer.certificates().is_empty() && demand != LogDemand::Waived {
        // Without a timestamp there would be one proven time or a refusal already.
        return Err(if bundle.log_entries.is_empty() {
            VerifyError::TimeUnproven
        } else {
            VerifyError::TimeMissing { expected: "a signed entry timestamp or an RFC 3161 timestamp" }
        });
    }
    Ok(TimesVerified { times, demand, now })
}

/// One authority must both have signed the token and be trusted at the time that it states; another authority's window
/// never helps.
fn timestamp(
    index: usize,
    token: &[u8],
    signature: &[u8],
    root: Option<&TrustedRoot>,
) -> Result<Timestamp, VerifyError> {
    let authorities = root.map(|root| root.timestamp_authorities.as_slice()).unwrap_or_default();
    let timestamp = TimestampToken::new(token.to_vec());
    let signature = SignatureBytes::new(signature.to_vec());
    let mut reason = "the root names no timestamp authority".to_owned();
    let mut outside = None;
    for authority in authorities {
        match sigstore_tsa::verify_timestamp_for_authority(&timestamp, &signature, authority) {
            Ok(time) => {
                let attribute = |reason| VerifyError::TimestampAttribute { index, reason };
                token::check(timestamp.as_bytes(), authority.leaf.as_bytes()).map_err(attribute)?;
                return Ok(time);
            }
            Err(sigstore_tsa::Error::TimestampOutsideValidity { time }) => outside = Some(time),
            Err(error) => reason = error.to_string(),
        }
    }
    match outside {
        Some(found) => Err(VerifyError::TimestampWindow { index, found }),
        None => Err(VerifyError::Timestamp { index, root: name(root), reason }),
    }
}

/// The name of the root in errors.
pub(super) fn name(root: Option<&TrustedRoot>) -> String {
    root.map_or_else(|| "no trusted root".to_owned(), |root| root.name.clone())
}

/// The log that an entry names.
///
/// # Errors
/// `log-unknown`.
pub(super) fn find_log<'a>(
    index: usize,
    entry: &LogEntry,
    root: Option<&'a TrustedRoot>,
) -> Result<&'a Log, VerifyError> {
    let log = root.and_then(|root| root.logs.iter().find(|log| log.id == entry.log_id));
    let unknown = || VerifyError::LogUnknown { index, root: name(root), found: hex::encode(&entry.log_id) };
    log.ok_or_else(unknown)
}

/// A SET signs the canonical JSON (RFC 8785) of body, integrated time, log id and log index. None of the four values can
/// hold a character that would need escaping.
fn signed_entry_timestamp(
    index: usize,
    entry: &LogEntry,
    set: &[u8],
    log: &Log,
    root: Option<&TrustedRoot>,
) -> Result<Timestamp, VerifyError> {
    let seconds = entry.integrated_time.ok_or(VerifyError::Set { index })?;
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.ok_or(VerifyError::Set { index })?;
    if log.window.is_some_and(|window| !window.contains(time)) {
        return Err(VerifyError::LogUnknown {
            index,
            root: name(root),
            found: format!("{} at {time}", hex::encode(&log.id)),
        });
    }
    let canonical = format!(
        r#"{{"body":"{}","integratedTime":{seconds},"logID":"{}","logIndex":{}}}"#,
        base64::encode(&entry.body),
        hex::encode(&entry.log_id),
        entry.log_index
    );
    log.key.verify(canonical.as_bytes(), set, Spelling::Exact).map_err(|_| VerifyError::Set { index })?;
    Ok(time)
}
