//! Step 5: the signature, by a key that may have made it.

use std::sync::Arc;

use crate::formats::base64;
use crate::formats::bundle::Signer;
use crate::formats::envelope::Envelope;
use crate::trust::key::PublicKey;
use crate::trust::key::Spelling;
use crate::trust::rings::Covers;
use crate::trust::rings::Ring;
use crate::trust::rings::TrustedKey;
use crate::verify::VerifyError;
use crate::verify::certificate::ChainVerified;
use crate::verify::message::Message;
use crate::verify::signed::Encoded;
use crate::verify::signed::Signed;
use crate::verify::time::TimesVerified;

/// Most keys times signatures that are tried for one envelope.
const MAX_TRIES: usize = 256;
/// Most keys that a refusal lists.
const SHOWN: usize = 4;

/// A signature of the envelope verified.
#[derive(Debug)]
pub(super) struct SignatureVerified {
    /// What made it, as a log would record it: the certificate's DER or the key's SubjectPublicKeyInfo.
    verifier: Vec<u8>,
    /// Which signature of the envelope.
    index: usize,
    /// The key, if it was no certificate's.
    trusted_key: Option<TrustedKey>,
}

impl SignatureVerified {
    pub(super) fn verifier(&self) -> &[u8] {
        &self.verifier
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    pub(super) fn trusted_key(&self) -> Option<&TrustedKey> {
        self.trusted_key.as_ref()
    }
}

/// With a certificate, the one signature must verify with its key. Without, one signature must verify with one of the
/// trusted keys; signatures of others beside it say nothing (DSSE protocol.md, "verification", threshold 1).
///
/// A key that has a key id is tried only where the signature or the bundle names it. A key that has a window must have
/// been in use at every proven time, never at the time of verification.
///
/// # Errors
/// `signature-invalid`, `signature-key-unknown`, `signature-count`, `signer-kind`, `key-window`, `key-time-missing`,
/// `message-bytes-needed`.
pub(super) fn check(
    signed: &Signed<'_>,
    chain: &ChainVerified,
    times: &TimesVerified,
    keys: &[TrustedKey],
    signer: &Signer,
) -> Result<SignatureVerified, VerifyError> {
    match signed {
        Signed::Envelope { envelope, encoded } => check_envelope(envelope, encoded, chain, times, keys, signer),
        Signed::Digest { digest, signature } => {
            check_message(&Message::Digest(digest), signature, chain, times, keys, signer)
        }
        Signed::Text { text, signature } => check_message(&Message::Bytes(text), signature, chain, times, keys, signer),
    }
}

fn check_envelope(
    envelope: &Envelope,
    encoded: &Encoded<'_>,
    chain: &ChainVerified,
    times: &TimesVerified,
    keys: &[TrustedKey],
    signer: &Signer,
) -> Result<SignatureVerified, VerifyError> {
    if let ChainVerified::Certificate(leaf) = chain {
        let [one] = envelope.signatures.as_slice() else {
            return Err(VerifyError::SignatureCount { found: envelope.signatures.len() });
        };
        let invalid = |_| {
            let invalid = || VerifyError::Signature { key: "the certificate's key".to_owned() };
            encoded.needs_bytes(leaf.key()).unwrap_or_else(invalid)
        };
        encoded.signed_by(leaf.key(), &one.sig).map_err(invalid)?;
        return Ok(SignatureVerified { verifier: leaf.der().to_vec(), index: 0, trusted_key: None });
    }
    let signatures: Vec<_> = envelope.signatures.iter().map(|one| (one.keyid.as_str(), one.sig.as_slice())).collect();
    let signed = |trusted: &TrustedKey, signature: &[u8]| signed_by(trusted, envelope, encoded, signature);
    by_key(&signatures, signed, times, keys, signer).map_err(|error| match error {
        VerifyError::Signature { .. } => keys.iter().find_map(|one| encoded.needs_bytes(&one.key)).unwrap_or(error),
        other => other,
    })
}

/// The same of a plain signature over a message.
///
/// # Errors
/// As [`check`].
fn check_message(
    message: &Message<'_>,
    signature: &[u8],
    chain: &ChainVerified,
    times: &TimesVerified,
    keys: &[TrustedKey],
    signer: &Signer,
) -> Result<SignatureVerified, VerifyError> {
    if let ChainVerified::Certificate(leaf) = chain {
        let invalid = |_| {
            let invalid = || VerifyError::Signature { key: "the certificate's key".to_owned() };
            needs_bytes(message, leaf.key()).unwrap_or_else(invalid)
        };
        message.signed_by(leaf.key(), signature).map_err(invalid)?;
        return Ok(SignatureVerified { verifier: leaf.der().to_vec(), index: 0, trusted_key: None });
    }
    // The keys of platforms sign attestations alone.
    let signed = |trusted: &TrustedKey, signature: &[u8]| match (trusted.ring, trusted.covers) {
        (Ring::Named, Covers::PreAuthentication) => message.signed_by(&trusted.key, signature).is_ok(),
        (Ring::Named, Covers::Payload) | (Ring::GoogleCloudBuild | Ring::NpmRegistry, _) => false,
    };
    let named = |trusted: &&TrustedKey| match signer {
        Signer::PublicKey { hint } if is_hint(hint) => trusted.key.hint() == *hint,
        _ => true,
    };
    by_key(&[("", signature)], signed, times, keys, signer).map_err(|error| match error {
        VerifyError::Signature { .. } => {
            keys.iter().filter(named).find_map(|one| needs_bytes(message, &one.key)).unwrap_or(error)
        }
        other => other,
    })
}

/// That a key makes signatures which the digest of a message is not enough to check: the hash that it signs with is
/// another one, or it signs messages and no digests.
fn needs_bytes(message: &Message<'_>, key: &PublicKey) -> Option<VerifyError> {
    let Message::Digest(digest) = message else { return None };
    let other = key.kind().hash() != Some(digest.algorithm());
    other.then(|| VerifyError::MessageBytes { kind: key.kind().name(), found: digest.algorithm() })
}

/// One of these signatures, each with its key id, is by one of the keys.
fn by_key(
    signatures: &[(&str, &[u8])],
    signed_by: impl Fn(&TrustedKey, &[u8]) -> bool,
    times: &TimesVerified,
    keys: &[TrustedKey],
    signer: &Signer,
) -> Result<SignatureVerified, VerifyError> {
    if keys.is_empty() {
        return Err(VerifyError::SignerKind { expected: "a signature with a certificate", found: "one by a key" });
    }
    let tries = keys.iter().flat_map(|key| signatures.iter().enumerate().map(move |signature| (key, signature)));
    let tries = tries.filter(|(key, (_, (keyid, _)))| is_named(key, keyid, signer));
    let mut out_of_use = None;
    for (trusted, (index, (_, signature))) in tries.take(MAX_TRIES) {
        if !signed_by(trusted, signature) {
            continue;
        }
        match in_use(trusted, times) {
            Ok(()) => {
                let verifier = trusted.key.spki().to_vec();
                return Ok(SignatureVerified { verifier, index, trusted_key: Some(trusted.clone()) });
            }
            Err(error) => out_of_use = out_of_use.or(Some(error)),
        }
    }
    Err(out_of_use.unwrap_or_else(|| refusal(signatures, keys, signer)))
}

/// Whether a key may be tried: it has no key id, or the signature and the bundle name no other key and at least one
/// names it.
fn is_named(trusted: &TrustedKey, keyid: &str, signer: &Signer) -> bool {
    let Some(own) = &trusted.keyid else { return true };
    let hint = match signer {
        Signer::PublicKey { hint } => hint.as_str(),
        _ => "",
    };
    let mut names = [keyid, hint].into_iter().filter(|name| !name.is_empty()).peekable();
    names.peek().is_some() && names.all(|name| name == own)
}

/// Whether a signature is by this key over what it covers. Only a ring that says so may cover the payload alone: it lacks
/// the separation from other uses of a key that the pre-authentication encoding gives.
fn signed_by(trusted: &TrustedKey, envelope: &Envelope, encoded: &Encoded<'_>, signature: &[u8]) -> bool {
    match (trusted.covers, trusted.ring) {
        (Covers::PreAuthentication, _) => encoded.signed_by(&trusted.key, signature).is_ok(),
        (Covers::Payload, Ring::GoogleCloudBuild) => {
            let verifies = |payload: &Arc<[u8]>| trusted.key.verify(payload, signature, Spelling::Exact).is_ok();
            envelope.payload.held().is_some_and(verifies)
        }
        (Covers::Payload, Ring::Named | Ring::NpmRegistry) => false,
    }
}

/// A key with a window was in use at every proven time: one backdated timestamp must not vouch for a key that another
/// proven time excludes.
fn in_use(trusted: &TrustedKey, times: &TimesVerified) -> Result<(), VerifyError> {
    let Some(window) = trusted.window else { return Ok(()) };
    let key = || describe(trusted);
    if times.times().is_empty() {
        return Err(VerifyError::KeyTimeMissing { key: key() });
    }
    match times.times().iter().find(|signed| !window.contains(signed.time)) {
        None => Ok(()),
        Some(outside) => {
            let (start, end) = (window.start, window.end);
            Err(VerifyError::KeyWindow { key: key(), start, end, signed: outside.time })
        }
    }
}

/// Which of two refusals it is. Key ids and hints are not signed; they decide nothing else.
fn refusal(signatures: &[(&str, &[u8])], keys: &[TrustedKey], signer: &Signer) -> VerifyError {
    let expected: Vec<String> = keys.iter().take(SHOWN).map(describe).collect();
    let expected = match keys.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} or {more} more", expected.join(", ")),
        _ => expected.join(", "),
    };
    let hint = match signer {
        Signer::PublicKey { hint } => Some(hint),
        _ => None,
    };
    let named = |trusted: &TrustedKey| match (&trusted.keyid, hint) {
        (Some(_), _) => signatures.iter().any(|(keyid, _)| is_named(trusted, keyid, signer)),
        (None, Some(hint)) if is_hint(hint) => trusted.key.hint() == *hint,
        (None, _) => true,
    };
    if keys.iter().any(named) {
        return VerifyError::Signature { key: expected };
    }
    let ids = signatures.iter().map(|(keyid, _)| *keyid);
    let name = hint.map(String::as_str).into_iter().chain(ids).find(|name| !name.is_empty());
    let found = match (hint, name) {
        (Some(hint), _) if is_hint(hint) => format!("one by a key with hint {hint}"),
        (_, Some(name)) => format!("one by a key that is called {name:?}"),
        (_, None) => "one that names no key".to_owned(),
    };
    VerifyError::KeyUnknown { expected, found }
}

/// Whether a hint is of the form that names a key: base64 of a SHA-256.
fn is_hint(hint: &str) -> bool {
    base64::decode(hint).is_some_and(|bytes| bytes.len() == 32)
}

fn describe(trusted: &TrustedKey) -> String {
    let key = &trusted.key;
    match &trusted.keyid {
        Some(keyid) => format!("{} ({keyid})", trusted.voucher),
        None => format!("{} ({}, {})", trusted.voucher, key.kind().name(), key.fingerprint()),
    }
}
