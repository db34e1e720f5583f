//! Step 1: the bundle has the shape that its version has, and nothing in it is idle or doubled.

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::formats::cosign::SIGNATURE_MEDIA_TYPE;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::envelope::Envelope;
use crate::verify::Message;
use crate::verify::VerifyError;
use crate::verify::signed::Encoded;
use crate::verify::signed::Signed;

/// The bundle's shape was checked.
#[derive(Debug)]
pub(super) struct ShapeChecked(());

/// Checks what no reader of single fields can see (sigstore/protobuf-specs, sigstore_bundle.proto, "Bundle"): which
/// signer a version has, which proof its log entries carry, that no entry is unproven, that Rekor v2 entries carry no
/// time, that nothing stands there twice, and that a plain signature is about something.
///
/// # Errors
/// The `bundle-*` codes of [`VerifyError`], `log-entry-unproven`, `log-time-unsigned`, `signature-count`,
/// `simple-signing-envelope`, `message-digest-missing`.
pub(super) fn check(bundle: &Bundle) -> Result<(ShapeChecked, Signed<'_>), VerifyError> {
    material(bundle)?;
    let signed = match &bundle.content {
        Content::Envelope(envelope) => {
            one_signature(bundle, envelope)?;
            Signed::Envelope { envelope, encoded: Encoded::of(envelope) }
        }
        Content::Message { digest, signature } => Signed::Digest { digest: noted(digest.as_ref())?, signature },
        // The text of a layer is kept as it was; in a bundle nothing like it has a place.
        Content::SimpleSigning { payload, signature } if bundle.version == Version::CosignLayer => {
            Signed::Text { text: payload, signature }
        }
        Content::SimpleSigning { .. } => {
            return Err(shape(bundle, "an envelope or a message", "a text about an image"));
        }
    };
    Ok((ShapeChecked(()), signed))
}

/// The digest that the signer noted. It is what the signature is then verified over, so whoever changes it changes what
/// was signed.
fn noted(digest: Option<&(String, Vec<u8>)>) -> Result<Digest, VerifyError> {
    match digest {
        None => Err(VerifyError::MessageUnnoted { found: "none".to_owned() }),
        Some((algorithm, bytes)) => {
            let known =
                Algorithm::from_sigstore_name(algorithm).and_then(|known| Digest::new(known, bytes.clone()).ok());
            let found = || format!("{} of {} bytes", algorithm.escape_debug(), bytes.len());
            known.ok_or_else(|| VerifyError::MessageUnnoted { found: found() })
        }
    }
}

/// An envelope of the kind that is verified as one.
fn one_signature(bundle: &Bundle, envelope: &Envelope) -> Result<(), VerifyError> {
    if envelope.payload_type == SIGNATURE_MEDIA_TYPE {
        return Err(VerifyError::BareText);
    }
    // One certificate, entry or timestamp vouches for one signature.
    let found = envelope.signatures.len();
    let one = !bundle.signer.certificates().is_empty() || !bundle.timestamps.is_empty();
    if one && found != 1 {
        return Err(VerifyError::SignatureCount { found });
    }
    Ok(())
}

/// The same of a bundle that holds a plain signature over a message which is known. The digest that the signer noted of it, if any,
/// is that of the message.
///
/// # Errors
/// The `bundle-*` codes of [`VerifyError`], `log-entry-unproven`, `log-time-unsigned`, `not-plain-signature`,
/// `message-digest-mismatch`.
pub(super) fn check_message<'a>(
    bundle: &'a Bundle,
    message: &Message<'a>,
) -> Result<(ShapeChecked, Signed<'a>), VerifyError> {
    let Content::Message { digest, signature } = &bundle.content else { return Err(VerifyError::NotPlainSignature) };
    material(bundle)?;
    message.noted(digest.as_ref())?;
    let signed = match *message {
        Message::Bytes(text) => Signed::Text { text, signature },
        Message::Digest(digest) => Signed::Digest { digest: digest.clone(), signature },
    };
    Ok((ShapeChecked(()), signed))
}

/// Signer, log entries and timestamps.
fn material(bundle: &Bundle) -> Result<(), VerifyError> {
    signer_fits(bundle)?;
    for (index, entry) in bundle.log_entries.iter().enumerate() {
        if entry.inclusion_proof.is_none() && entry.signed_entry_timestamp.is_none() {
            return Err(VerifyError::LogEntryUnproven { index });
        }
        let proven = entry.inclusion_proof.as_ref().is_some_and(|proof| !proof.checkpoint.is_empty());
        match bundle.version {
            Version::V0_1 | Version::CosignLayer if entry.signed_entry_timestamp.is_none() => {
                return Err(shape(bundle, "a signed entry timestamp in each log entry", "none"));
            }
            Version::V0_2 | Version::V0_3 if !proven => {
                return Err(shape(bundle, "an inclusion proof with a checkpoint in each log entry", "none"));
            }
            // A proof that no signed tree head belongs to proves nothing.
            _ if entry.inclusion_proof.is_some() && !proven => {
                return Err(shape(bundle, "a checkpoint in each inclusion proof", "none"));
            }
            _ => {}
        }
        if let Some(seconds) = entry.integrated_time.filter(|_| entry.kind.is_v2()) {
            return Err(VerifyError::TimeUnsigned { index, seconds });
        }
        let same = |other: &crate::formats::bundle::LogEntry| {
            other.log_id == entry.log_id && other.log_index == entry.log_index
        };
        if bundle.log_entries.iter().skip(index + 1).any(same) {
            return Err(VerifyError::Duplicate { what: "log entry" });
        }
    }
    for (index, timestamp) in bundle.timestamps.iter().enumerate() {
        if bundle.timestamps.iter().skip(index + 1).any(|other| other == timestamp) {
            return Err(VerifyError::Duplicate { what: "timestamp" });
        }
    }
    Ok(())
}

fn shape(bundle: &Bundle, expected: &'static str, found: &'static str) -> VerifyError {
    VerifyError::VersionShape { version: bundle.version.name(), expected, found }
}

/// v0.3 brought the single certificate in place of the chain. A v0.3 bundle relabelled v0.1 to lose its inclusion proof
/// is found out here.
fn signer_fits(bundle: &Bundle) -> Result<(), VerifyError> {
    match (bundle.version, &bundle.signer) {
        (Version::V0_1 | Version::V0_2 | Version::CosignLayer, Signer::Certificate(_)) => {
            Err(shape(bundle, "a certificate chain or a public key", "a single certificate"))
        }
        (Version::V0_3, Signer::CertificateChain(_)) => {
            Err(shape(bundle, "a single certificate or a public key", "a certificate chain"))
        }
        (Version::V0_1 | Version::V0_2 | Version::V0_3, Signer::Unnamed) => {
            Err(shape(bundle, "a certificate or a public key", "neither"))
        }
        _ => Ok(()),
    }
}
