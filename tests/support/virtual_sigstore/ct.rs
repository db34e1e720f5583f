//! The certificate transparency log: timestamps embedded in leaf certificates (RFC 6962 section 3).

use jiff::Timestamp;
use sha2::Digest as _;
use sha2::Sha256;

use super::asn1;
use super::keys::Key;
use super::x509;
use super::x509::Extension;

/// One signed certificate timestamp of the leaf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sct {
    /// When the log saw the certificate. The default is the signing time.
    pub time: Timestamp,
    /// What is wrong with it, if anything.
    pub lie: SctLie,
}

/// What is wrong with a signed certificate timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SctLie {
    /// Nothing.
    None,
    /// Made by a log that no trusted root names.
    UnknownLog,
    /// Names the true log, but another log's key signed it.
    ForeignKey,
    /// Signed over another certificate.
    OtherCertificate,
    /// Signed over the hash of another issuer's key.
    OtherIssuer,
    /// One bit of the signature is flipped.
    BadSignature,
}

/// The identifier of a log: SHA-256 of its key.
pub fn log_id(key: &Key) -> Vec<u8> {
    Sha256::digest(key.spki()).to_vec()
}

/// What a log signs for a precertificate.
pub fn signed_data(time: Timestamp, issuer_spki: &[u8], tbs: &[u8]) -> Vec<u8> {
    let mut data = vec![0, 0];
    data.extend_from_slice(&milliseconds(time));
    data.extend_from_slice(&[0, 1]);
    data.extend_from_slice(&Sha256::digest(issuer_spki));
    data.extend_from_slice(&u32::try_from(tbs.len()).unwrap().to_be_bytes()[1..]);
    data.extend_from_slice(tbs);
    data.extend_from_slice(&[0, 0]);
    data
}

/// One serialized timestamp for `tbs`, the certificate body without the list.
pub fn sct(sct: &Sct, log: &Key, foreign: &Key, issuer_spki: &[u8], tbs: &[u8]) -> Vec<u8> {
    let mut tbs = tbs.to_vec();
    if sct.lie == SctLie::OtherCertificate {
        *tbs.last_mut().unwrap() ^= 1;
    }
    let issuer = if sct.lie == SctLie::OtherIssuer { foreign.spki() } else { issuer_spki.to_vec() };
    let signer = if matches!(sct.lie, SctLie::UnknownLog | SctLie::ForeignKey) { foreign } else { log };
    let named = if sct.lie == SctLie::UnknownLog { foreign } else { log };
    let mut signature = signer.sign(&signed_data(sct.time, &issuer, &tbs));
    if sct.lie == SctLie::BadSignature {
        *signature.last_mut().unwrap() ^= 1;
    }
    let mut out = vec![0];
    out.extend_from_slice(&log_id(named));
    out.extend_from_slice(&milliseconds(sct.time));
    out.extend_from_slice(&[0, 0, 4, 3]);
    out.extend_from_slice(&prefixed(&signature));
    out
}

/// The extension that holds serialized timestamps.
pub fn extension(scts: &[Vec<u8>]) -> Extension {
    let list: Vec<u8> = scts.iter().flat_map(|sct| prefixed(sct)).collect();
    Extension::new(x509::OID_SCT_LIST, false, asn1::octets(&prefixed(&list)))
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn milliseconds(time: Timestamp) -> [u8; 8] {
    time.as_millisecond().to_be_bytes()
}
