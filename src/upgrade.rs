//! A bundle that shows no proof of its time, completed with what a log has, and verified as if it had come so.

use std::fmt;

use jiff::Timestamp;

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::LogEntry;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::formats::envelope::Envelope;
use crate::formats::envelope::Signature;
use crate::remote::RemoteError;
use crate::verify::Authenticated;
use crate::verify::Verifier;
use crate::verify::VerifyError;

/// Which proofs count.
#[derive(Clone, Copy)]
pub enum Proofs<'a> {
    /// Those that stand in the files.
    InFiles,
    /// What shows none is asked for: the log entries about a bundle, none of them believed.
    Asked(&'a (dyn Fn(&Bundle) -> Result<Vec<LogEntry>, RemoteError> + Sync)),
}

impl fmt::Debug for Proofs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InFiles => "InFiles",
            Self::Asked(_) => "Asked",
        })
    }
}

/// Why there is no completed bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// It is not believed: as it stood, or with each entry that was found.
    #[error(transparent)]
    Refused(#[from] VerifyError),
    /// No entry was found, or nobody could say.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The entry is about the text of the envelope, and a bundle cannot carry that text.
    #[error(
        "expected an entry that a bundle v0.3 can carry, found one about the text of this envelope, which it cannot"
    )]
    TextLost,
}

impl UpgradeError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Remote(error) => error.code(),
            Self::TextLost => "upgrade-text-lost",
        }
    }

    /// Whether it was decided. Otherwise somebody who was asked gave no answer that can be used.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Refused(_) | Self::TextLost => true,
            Self::Remote(error) => error.is_refusal(),
        }
    }
}

/// Whether a bundle has a certificate and shows nothing that could prove when it signed.
pub fn lacks_proof(bundle: &Bundle) -> bool {
    let shown = !bundle.log_entries.is_empty() || !bundle.timestamps.is_empty();
    !bundle.signer.certificates().is_empty() && !shown
}

/// Completes a bundle and verifies it whole.
///
/// 1. What shows a proof, or fails for anything but the missing one, is not asked about.
/// 2. The log is asked. Its answer is bytes from a stranger.
/// 3. Each entry that came back is put into the bundle by itself, and the one verifier judges the whole. One that holds
///    is enough: an attestation may have been logged twice.
///
/// # Errors
/// [`UpgradeError`]: of several entries the refusal that came furthest.
pub fn complete(
    verifier: &Verifier,
    bundle: &Bundle,
    ask: impl Fn(&Bundle) -> Result<Vec<LogEntry>, RemoteError>,
    now: Timestamp,
) -> Result<(Bundle, Authenticated), UpgradeError> {
    match verifier.authenticate(bundle, now) {
        Ok(authenticated) => return Ok((bundle.clone(), authenticated)),
        Err(VerifyError::TimeUnproven) => verifier.but_for_the_log(bundle, now)?,
        Err(error) => return Err(error.into()),
    }
    let mut furthest: Option<VerifyError> = None;
    for entry in ask(bundle)? {
        let completed = Bundle { log_entries: vec![entry], ..bundle.clone() };
        match verifier.authenticate(&completed, now) {
            Ok(authenticated) => return Ok((completed, authenticated)),
            Err(error) if furthest.as_ref().is_none_or(|best| error.step() > best.step()) => furthest = Some(error),
            Err(_) => {}
        }
    }
    Err(furthest.unwrap_or(VerifyError::TimeUnproven).into())
}

/// The same as a bundle v0.3, which verifies by itself: it has been verified.
///
/// Of the envelope only what DSSE knows is kept. An entry `intoto` 0.0.1 is about the envelope's whole text; where that
/// text is one that its fields alone have, the verifier writes it again, and otherwise there is no such bundle.
///
/// # Errors
/// `upgrade-text-lost`, or what the verifier says of the bundle.
pub fn to_v03(verifier: &Verifier, bundle: &Bundle, now: Timestamp) -> Result<Bundle, UpgradeError> {
    let single = |chain: &[Vec<u8>]| chain.first().cloned().map(Signer::Certificate);
    let signer = single(bundle.signer.certificates()).unwrap_or_else(|| bundle.signer.clone());
    let content = match &bundle.content {
        Content::Envelope(envelope) => Content::Envelope(plain(envelope)),
        plain @ (Content::Message { .. } | Content::SimpleSigning { .. }) => plain.clone(),
    };
    let kept = Bundle { version: Version::V0_3, content, signer, ..bundle.clone() };
    match verifier.authenticate(&kept, now) {
        Ok(_) => Ok(kept),
        Err(VerifyError::EntryMismatch { .. }) if verifier.authenticate(bundle, now).is_ok() => {
            Err(UpgradeError::TextLost)
        }
        Err(error) => Err(error.into()),
    }
}

/// What a bundle carries of an envelope.
fn plain(envelope: &Envelope) -> Envelope {
    let signature = |one: &Signature| Signature { cert: None, ..one.clone() };
    let signatures = envelope.signatures.iter().map(signature).collect();
    Envelope { signatures, source: None, ..envelope.clone() }
}
