//! Trusted roots: Fulcio, CT, Rekor and timestamp authorities with validity windows.

use der::Decode;
use jiff::SignedDuration;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::TrustAnchor;
use serde_json::Value;
use sigstore_trust_root::trusted_root as model;
use sigstore_types::DerCertificate;
use sigstore_types::TimeRange;
use sigstore_types::TsaAuthority;

use crate::formats::json;
use crate::trust::TrustError;
use crate::trust::key::PublicKey;

/// Longest file of trusted roots that is read, in bytes (4 MiB). The public-good root has about 7 KiB.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;
/// Most roots in one file, one to a line.
pub const MAX_ROOTS: usize = 16;
/// An embedded root older than this is reported as old. Public roots have changed about twice a year.
pub const OLD_AFTER: SignedDuration = SignedDuration::from_hours(180 * 24);

/// What a trust domain offers as evidence of time and publicity. It is a property of the domain, not a choice of the
/// user: a domain that runs logs is never believed without them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transparency {
    /// The domain runs transparency and CT logs: certificates need an SCT, attestations a log entry.
    Logged,
    /// The domain names no log of any kind but does name timestamp authorities (GitHub's private instance): attestations
    /// need a timestamp, and reports say that no public record exists.
    TimestampOnly,
}

/// A validity window, closed at both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub start: Timestamp,
    /// Last instant; None while it has no known end.
    pub end: Option<Timestamp>,
}

impl Window {
    /// Whether an instant lies within.
    pub fn contains(&self, time: Timestamp) -> bool {
        self.start <= time && self.end.is_none_or(|end| time <= end)
    }
}

fn window(range: Option<TimeRange>) -> Result<Option<Window>, TrustError> {
    let Some(TimeRange { start, end }) = range else { return Ok(None) };
    if end.is_some_and(|end| end < start) {
        return Err(TrustError::Inconsistent {
            reason: format!("a validity window starts at {start} and ends before"),
        });
    }
    Ok(Some(Window { start, end }))
}

/// A certificate that may issue signing certificates.
#[derive(Debug, Clone)]
pub struct Anchor {
    /// Name, key and constraints, for path building.
    pub anchor: TrustAnchor<'static>,
    /// SHA-256 of the SubjectPublicKeyInfo, which an SCT names as the issuer.
    pub key_hash: [u8; 32],
    /// When the root says the authority may be used.
    pub authority: Option<Window>,
    /// When the certificate itself is valid.
    pub certificate: Window,
}

impl Anchor {
    /// Whether a signature of this instant may rest on it.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.certificate.contains(time) && self.authority.is_none_or(|window| window.contains(time))
    }
}

/// A log: a transparency log or a CT log.
#[derive(Debug, Clone)]
pub struct Log {
    /// Key id. For an ECDSA log, SHA-256 of its SubjectPublicKeyInfo.
    pub id: Vec<u8>,
    /// Its key.
    pub key: PublicKey,
    /// When the key is valid.
    pub window: Option<Window>,
    /// Where it is served, for reports.
    pub url: String,
}

/// What the root says about itself, for `sealmark trust show`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// `certificate authority`, `CT log`, `transparency log`, `timestamp authority`.
    pub role: &'static str,
    /// Where it is served.
    pub url: String,
    /// When it may be used.
    pub window: Option<Window>,
    /// Why it is not used, if it is not.
    pub unused: Option<String>,
}

/// Keys and authorities of one trust domain, with validity windows. Material of two roots is never mixed.
#[derive(Debug, Clone)]
pub struct TrustedRoot {
    /// Name in reports: `public-good`, `github`, or the file it came from.
    pub name: String,
    /// Until when the material is known to have been current; None for a file, which carries no date.
    pub as_of: Option<Timestamp>,
    /// What evidence the domain offers.
    pub transparency: Transparency,
    /// Certificates that may issue.
    pub anchors: Vec<Anchor>,
    /// CT logs.
    pub ct_logs: Vec<Log>,
    /// Transparency logs.
    pub logs: Vec<Log>,
    /// Timestamp authorities.
    pub timestamp_authorities: Vec<TsaAuthority>,
    /// Everything listed, in order.
    pub listed: Vec<Listed>,
}

/// Something about trust material that the user must be told. It changes no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustNotice {
    /// The embedded copy is old.
    Old {
        /// Which root.
        root: String,
        /// Its date.
        as_of: Timestamp,
        /// Age in days.
        days: i64,
    },
    /// No certificate authority of the root may be used today: it cannot be current.
    Lapsed {
        /// Which root.
        root: String,
    },
}

impl TrustNotice {
    /// The stable name of the notice.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Old { .. } => "trust-root-old",
            Self::Lapsed { .. } => "trust-root-lapsed",
        }
    }
}

impl TrustedRoot {
    /// Reads a `trusted_root.json` (sigstore/protobuf-specs, sigstore_trustroot.proto).
    ///
    /// A key of an unknown algorithm is listed as unused: what rests on it will not verify, the rest does.
    ///
    /// # Errors
    /// `trust-root-*`.
    pub fn parse(bytes: &[u8], name: &str, as_of: Option<Timestamp>) -> Result<Self, TrustError> {
        Self::from_value(json::parse(bytes)?, name, as_of)
    }

    /// Reads a file of one root, or of several, one to a line (as `gh attestation trusted-root` writes).
    ///
    /// # Errors
    /// `trust-root-*`; also when the file is empty or has more than [`MAX_ROOTS`].
    pub fn parse_file(bytes: &[u8], name: &str) -> Result<Vec<Self>, TrustError> {
        if bytes.len() > MAX_BYTES {
            let reason = format!("expected at most {MAX_BYTES} bytes, found {}", bytes.len());
            return Err(TrustError::Inconsistent { reason });
        }
        if let Ok(value) = json::parse(bytes) {
            return Ok(vec![Self::from_value(value, name, None)?]);
        }
        let lines = bytes.split(|byte| *byte == b'\n').enumerate();
        let lines: Vec<_> = lines.filter(|(_, line)| !line.trim_ascii().is_empty()).collect();
        if lines.is_empty() || lines.len() > MAX_ROOTS {
            let reason = format!("expected 1 to {MAX_ROOTS} roots in {name}, found {}", lines.len());
            return Err(TrustError::Inconsistent { reason });
        }
        lines.into_iter().map(|(n, line)| Self::parse(line, &format!("{name}:{}", n + 1), None)).collect()
    }

    fn from_value(value: Value, name: &str, as_of: Option<Timestamp>) -> Result<Self, TrustError> {
        let model: model::TrustedRoot =
            serde_json::from_value(value).map_err(|error| TrustError::Shape { reason: error.to_string() })?;
        if !model.media_type.starts_with("application/vnd.dev.sigstore.trustedroot") {
            return Err(TrustError::MediaType { found: model.media_type });
        }
        let mut listed = Vec::new();
        let mut anchors = Vec::new();
        for authority in &model.certificate_authorities {
            let window = window(authority.valid_for)?;
            anchors.extend(read_anchors(&authority.cert_chain, &authority.uri, window)?);
            listed.push(Listed { role: "certificate authority", url: authority.uri.clone(), window, unused: None });
        }
        let ct_logs = model.ctlogs.iter().map(|log| (&log.base_url, &log.log_id, &log.public_key));
        let ct_logs = read_logs("CT log", ct_logs, &mut listed)?;
        let logs = model.tlogs.iter().map(|log| (&log.base_url, &log.log_id, &log.public_key));
        let logs = read_logs("transparency log", logs, &mut listed)?;
        let mut timestamp_authorities = Vec::new();
        for authority in &model.timestamp_authorities {
            let url = authority.uri.clone().unwrap_or_default();
            timestamp_authorities.push(read_tsa(authority, &url)?);
            let window = window(authority.valid_for)?;
            listed.push(Listed { role: "timestamp authority", url, window, unused: None });
        }
        let transparency = match (model.tlogs.len(), model.ctlogs.len(), timestamp_authorities.len()) {
            (0, 0, 1..) => Transparency::TimestampOnly,
            (0, _, _) => {
                let reason =
                    format!("{name} names no transparency log, and is no domain that works by timestamps alone");
                return Err(TrustError::Inconsistent { reason });
            }
            _ => Transparency::Logged,
        };
        let name = name.to_owned();
        Ok(Self { name, as_of, transparency, anchors, ct_logs, logs, timestamp_authorities, listed })
    }

    /// What the user must be told about the age of this material at `now`.
    pub fn notices(&self, now: Timestamp) -> Vec<TrustNotice> {
        let mut notices = Vec::new();
        let root = self.name.clone();
        if let Some(as_of) = self.as_of {
            let age = now.duration_since(as_of);
            if age > OLD_AFTER {
                notices.push(TrustNotice::Old { root: root.clone(), as_of, days: age.as_hours() / 24 });
            }
        }
        if !self.anchors.iter().any(|anchor| anchor.covers(now)) {
            notices.push(TrustNotice::Lapsed { root });
        }
        notices
    }
}

fn read_anchors(chain: &model::CertChain, authority: &str, window: Option<Window>) -> Result<Vec<Anchor>, TrustError> {
    if chain.certificates.is_empty() {
        return Err(TrustError::Inconsistent { reason: format!("{authority} has no certificate") });
    }
    let read = |entry: &model::CertificateEntry| {
        let bad = |reason: String| TrustError::Certificate { authority: authority.to_owned(), reason };
        let bytes = entry.raw_bytes.as_bytes();
        let der = CertificateDer::from(bytes);
        let anchor = webpki::anchor_from_trusted_cert(&der).map_err(|error| bad(error.to_string()))?.to_owned();
        let parsed = x509_cert::Certificate::from_der(bytes).map_err(|error| bad(error.to_string()))?;
        let spki = der::Encode::to_der(&parsed.tbs_certificate.subject_public_key_info);
        let spki = spki.map_err(|error| bad(error.to_string()))?;
        let instant = |time: x509_cert::time::Time| {
            let seconds = i64::try_from(time.to_unix_duration().as_secs()).map_err(|error| bad(error.to_string()))?;
            Timestamp::from_second(seconds).map_err(|error| bad(error.to_string()))
        };
        let validity = parsed.tbs_certificate.validity;
        let certificate = Window { start: instant(validity.not_before)?, end: Some(instant(validity.not_after)?) };
        Ok(Anchor { anchor, key_hash: super::key::sha256(&spki), authority: window, certificate })
    };
    chain.certificates.iter().map(read).collect()
}

fn read_logs<'a>(
    role: &'static str,
    logs: impl Iterator<Item = (&'a String, &'a sigstore_types::LogId, &'a model::PublicKey)>,
    listed: &mut Vec<Listed>,
) -> Result<Vec<Log>, TrustError> {
    let mut read: Vec<Log> = Vec::new();
    for (url, id, key) in logs {
        let id = id.key_id.as_bytes().to_vec();
        if read.iter().any(|log| log.id == id) {
            return Err(TrustError::Inconsistent { reason: format!("two {role}s have the id {}", hex::encode(id)) });
        }
        if id.len() < 4 {
            return Err(TrustError::Inconsistent { reason: format!("{url} has a log id of {} bytes", id.len()) });
        }
        let window = window(key.valid_for)?;
        let unused = match PublicKey::from_root(key.raw_bytes.as_bytes()) {
            Ok(key) => {
                read.push(Log { id, key, window, url: url.clone() });
                None
            }
            Err(error) => Some(error.to_string()),
        };
        listed.push(Listed { role, url: url.clone(), window, unused });
    }
    Ok(read)
}

fn read_tsa(authority: &model::TimestampAuthority, url: &str) -> Result<TsaAuthority, TrustError> {
    let chain: Vec<DerCertificate> =
        authority.cert_chain.certificates.iter().map(|entry| entry.raw_bytes.clone()).collect();
    let window = authority.valid_for;
    match chain.as_slice() {
        [] => Err(TrustError::Inconsistent { reason: format!("timestamp authority {url} has no certificate") }),
        [only] => Ok(TsaAuthority::new(only.clone(), Vec::new(), only.clone(), window)),
        [leaf, between @ .., root] => Ok(TsaAuthority::new(leaf.clone(), between.to_vec(), root.clone(), window)),
    }
}
