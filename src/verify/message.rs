//! The way from a bundle with a plain signature to a verified signature, which attests nothing.

use jiff::Timestamp;

use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::trust::key::PublicKey;
use crate::trust::key::SignatureInvalid;
use crate::trust::key::Spelling;
use crate::trust::key::digest_of;
use crate::trust::root::TrustedRoot;
use crate::verify::Evidence;
use crate::verify::Identity;
use crate::verify::Verifier;
use crate::verify::VerifyError;
use crate::verify::identity;
use crate::verify::needs_root;
use crate::verify::shape;

/// What a plain signature is over, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// The bytes themselves.
    Bytes(&'a [u8]),
    /// Their digest alone. Signatures by keys that sign with another hash, or by Ed25519, cannot be verified with it.
    Digest(&'a Digest),
}

impl Message<'_> {
    /// Whether a key made the signature over it.
    pub(super) fn signed_by(&self, key: &PublicKey, signature: &[u8]) -> Result<(), SignatureInvalid> {
        match self {
            Self::Bytes(bytes) => key.verify(bytes, signature, Spelling::Lenient),
            Self::Digest(digest) => key.verify_digest(digest, signature),
        }
    }

    /// Its digest by an algorithm that signatures are made with, where it is known.
    pub fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        match self {
            Self::Bytes(bytes) => digest_of(algorithm, bytes),
            Self::Digest(digest) => (digest.algorithm() == algorithm).then(|| (*digest).clone()),
        }
    }

    /// The digest that the signer noted is that of the message. It is not signed: it says which artifact is meant, and one
    /// that cannot be compared is refused.
    pub(super) fn noted(&self, noted: Option<&(String, Vec<u8>)>) -> Result<(), VerifyError> {
        let Some((algorithm, found)) = noted else { return Ok(()) };
        let own = Algorithm::from_sigstore_name(algorithm).and_then(|algorithm| self.digest(algorithm));
        if own.as_ref().is_some_and(|own| own.bytes() == found) {
            return Ok(());
        }
        let own = own.or_else(|| match self {
            Self::Bytes(_) => self.digest(Algorithm::Sha256),
            Self::Digest(digest) => Some((*digest).clone()),
        });
        Err(VerifyError::MessageDigest {
            expected: own.map(|own| own.to_string()).unwrap_or_default(),
            found: format!("{}:{}", algorithm.escape_debug(), hex::encode(found)),
        })
    }
}

/// A signature over an artifact of which everything holds. It says who signed, and nothing about the artifact: no
/// attestation comes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedSignature {
    identity: Identity,
    evidence: Evidence,
}

impl VerifiedSignature {
    /// Who signed.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// How it is known.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

impl Verifier {
    /// Verifies a bundle that holds a plain signature over a message, at the time `now`: steps 1 to 6 and 8 of
    /// [`Verifier::authenticate`], with the message in place of the envelope.
    ///
    /// # Errors
    /// [`VerifyError`] with the step that refused.
    pub fn verify_message(
        &self,
        bundle: &Bundle,
        message: &Message<'_>,
        now: Timestamp,
    ) -> Result<VerifiedSignature, VerifyError> {
        self.under_some_root(needs_root(bundle), |root| self.message_under(bundle, message, root, now))
    }

    fn message_under(
        &self,
        bundle: &Bundle,
        message: &Message<'_>,
        root: Option<&TrustedRoot>,
        now: Timestamp,
    ) -> Result<VerifiedSignature, VerifyError> {
        let (_shape, signed) = shape::check_message(bundle, message)?;
        let (time, chain, sct, signature, log) = self.signed_under(bundle, &signed, root, self.unlogged, now)?;
        let evidence = Evidence::new(bundle, root, &time, &sct, &log);
        let identity = identity::check(chain, &signature)?.into_identity();
        Ok(VerifiedSignature { identity, evidence })
    }
}
