//! Step 5: the signature over the pre-authentication encoding.

use crate::formats::base64;
use crate::formats::bundle::Signer;
use crate::formats::envelope::Envelope;
use crate::trust::key::PublicKey;
use crate::trust::key::Spelling;
use crate::verify::TrustedKey;
use crate::verify::VerifyError;
use crate::verify::certificate::ChainVerified;

/// Most keys times signatures that are tried for one envelope.
const MAX_TRIES: usize = 256;

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
/// # Errors
/// `signature-invalid`, `signature-key-unknown`, `signature-count`, `signer-kind`.
pub(super) fn check(
    envelope: &Envelope,
    pae: &[u8],
    chain: &ChainVerified,
    keys: &[TrustedKey],
    signer: &Signer,
) -> Result<SignatureVerified, VerifyError> {
    if let ChainVerified::Certificate(leaf) = chain {
        let [one] = envelope.signatures.as_slice() else {
            return Err(VerifyError::SignatureCount { found: envelope.signatures.len() });
        };
        let invalid = |_| VerifyError::Signature { key: "the certificate's key".to_owned() };
        leaf.key().verify(pae, &one.sig, Spelling::Lenient).map_err(invalid)?;
        return Ok(SignatureVerified { verifier: leaf.der().to_vec(), index: 0, trusted_key: None });
    }
    if keys.is_empty() {
        return Err(VerifyError::SignerKind { expected: "a signature with a certificate", found: "one by a key" });
    }
    let tries =
        keys.iter().flat_map(|key| envelope.signatures.iter().enumerate().map(move |signature| (key, signature)));
    for (trusted, (index, signature)) in tries.take(MAX_TRIES) {
        if trusted.key.verify(pae, &signature.sig, Spelling::Lenient).is_ok() {
            let verifier = trusted.key.spki().to_vec();
            return Ok(SignatureVerified { verifier, index, trusted_key: Some(trusted.clone()) });
        }
    }
    let names: Vec<String> = keys.iter().take(4).map(|trusted| describe(&trusted.voucher, &trusted.key)).collect();
    let names = names.join(", ");
    // The hint decides nothing but which of two refusals this is.
    match signer {
        Signer::PublicKey { hint } if is_hint(hint) && keys.iter().all(|trusted| trusted.key.hint() != *hint) => {
            Err(VerifyError::KeyUnknown { expected: names, found: hint.clone() })
        }
        _ => Err(VerifyError::Signature { key: names }),
    }
}

/// Whether a hint is of the form that names a key: base64 of a SHA-256.
fn is_hint(hint: &str) -> bool {
    base64::decode(hint).is_some_and(|bytes| bytes.len() == 32)
}

fn describe(voucher: &str, key: &PublicKey) -> String {
    format!("{voucher} ({}, {})", key.kind().name(), key.fingerprint())
}
