//! Step 4: the certificate was made public in a CT log of the root.

use jiff::Timestamp;

use crate::formats::sct;
use crate::trust::key::KeyKind;
use crate::trust::key::Spelling;
use crate::trust::root::Transparency;
use crate::trust::root::TrustedRoot;
use crate::verify::Step;
use crate::verify::VerifyError;
use crate::verify::certificate::ChainVerified;
use crate::verify::time;

/// What is known about the certificate's publicity.
#[derive(Debug)]
pub(super) struct SctChecked {
    /// Whether there is an SCT that verified; without one the domain runs no CT log, or there is no certificate.
    pub(super) public: Publicity,
    _made_here: (),
}

/// Whether a certificate was made public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publicity {
    /// A CT log signed for it.
    Logged,
    /// Its trust domain runs no CT log.
    NotOperated,
    /// There is no certificate.
    NoCertificate,
}

/// Verifies the one SCT that Fulcio embeds (RFC 6962 section 3.3). Where the domain runs no CT log there is none.
///
/// # Errors
/// `sct-missing`, `sct-invalid`.
pub(super) fn check(chain: &ChainVerified, root: Option<&TrustedRoot>) -> Result<SctChecked, VerifyError> {
    let made = |public| Ok(SctChecked { public, _made_here: () });
    let (ChainVerified::Certificate(leaf), Some(root)) = (chain, root) else { return made(Publicity::NoCertificate) };
    if root.transparency == Transparency::TimestampOnly {
        return made(Publicity::NotOperated);
    }
    let invalid = |reason| VerifyError::Sct { root: time::name(Some(root)), reason };
    let sct = match leaf.certificate().scts.as_slice() {
        [] => return Err(VerifyError::SctMissing),
        [one] => one,
        _ => return Err(invalid("more than one, where Fulcio embeds one")),
    };
    let log = root.ct_logs.iter().find(|log| log.id == sct.log_id).ok_or_else(|| invalid("a log it does not name"))?;
    let issued = i64::try_from(sct.timestamp).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let issued = issued.ok_or_else(|| invalid("a time out of range"))?;
    if log.window.is_some_and(|window| !window.contains(issued)) {
        return Err(invalid("a time outside the log's window"));
    }
    // TLS 1.2 HashAlgorithm and SignatureAlgorithm (RFC 5246 section 7.4.1.4.1).
    let algorithm = match log.key.kind() {
        KeyKind::EcdsaP256 => [4, 3],
        KeyKind::EcdsaP384 => [5, 3],
        KeyKind::Rsa => [4, 1],
        KeyKind::EcdsaP521 | KeyKind::Ed25519 => return Err(invalid("a log whose key CT does not use")),
    };
    if sct.algorithm != algorithm {
        return Err(invalid("an algorithm that its log does not use"));
    }
    let tbs = leaf.certificate().precertificate_tbs().map_err(|error| VerifyError::Format(Step::Sct, error))?;
    let signed = sct::signed_data(sct, leaf.issuer_key_hash(), &tbs).ok_or_else(|| invalid("too large"))?;
    log.key
        .verify(&signed, &sct.signature, Spelling::Exact)
        .map_err(|_| invalid("a signature that does not verify"))?;
    made(Publicity::Logged)
}
