//! What a bundle holds for its signature to be over: an envelope, a digest, or a text about an image.

use crate::formats::bundle::Version;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::envelope;
use crate::formats::envelope::Envelope;
use crate::formats::payload::Payload;
use crate::trust::key::PublicKey;
use crate::trust::key::SignatureInvalid;
use crate::trust::key::Spelling;
use crate::trust::key::digest_of;
use crate::verify::VerifyError;

/// What is signed. Every step judges the same one.
#[derive(Debug)]
pub(super) enum Signed<'a> {
    /// An attestation; signed is its pre-authentication encoding.
    Envelope {
        /// With its signatures.
        envelope: &'a Envelope,
        /// What its signatures are over.
        encoded: Encoded<'a>,
    },
    /// A file, of which the signer noted the digest.
    Digest {
        /// Digest of the file.
        digest: Digest,
        /// The signature.
        signature: &'a [u8],
    },
    /// A text that names an image.
    Text {
        /// The very bytes that are signed.
        text: &'a [u8],
        /// The signature.
        signature: &'a [u8],
    },
}

/// The pre-authentication encoding of an envelope (DSSE protocol.md, "signature definition").
#[derive(Debug)]
pub(super) enum Encoded<'a> {
    /// Of a payload that is held.
    Bytes(Vec<u8>),
    /// Its digests, of a payload that was measured.
    Digests(&'a [Digest]),
}

impl<'a> Encoded<'a> {
    /// That of an envelope.
    pub(super) fn of(envelope: &'a Envelope) -> Self {
        match &envelope.payload {
            Payload::Held(payload) => Self::Bytes(envelope::pae(&envelope.payload_type, payload)),
            Payload::Measured(measured) => Self::Digests(&measured.encoded),
        }
    }

    /// Whether a key made the signature over it.
    pub(super) fn signed_by(&self, key: &PublicKey, signature: &[u8]) -> Result<(), SignatureInvalid> {
        match self {
            Self::Bytes(bytes) => key.verify(bytes, signature, Spelling::Lenient),
            Self::Digests(digests) => {
                let verifies = |digest: &Digest| key.verify_digest(digest, signature).is_ok();
                if digests.iter().any(verifies) { Ok(()) } else { Err(SignatureInvalid) }
            }
        }
    }

    /// Its digest by an algorithm that signatures are made with.
    pub(super) fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        match self {
            Self::Bytes(bytes) => digest_of(algorithm, bytes),
            Self::Digests(digests) => digests.iter().find(|one| one.algorithm() == algorithm).cloned(),
        }
    }

    /// That its digests are not enough to check what a key signs.
    pub(super) fn needs_bytes(&self, key: &PublicKey) -> Option<VerifyError> {
        match self {
            Self::Digests(_) if key.kind().hash().is_none() => {
                Some(VerifyError::MessageBytes { kind: key.kind().name(), found: Algorithm::Sha256 })
            }
            Self::Bytes(_) | Self::Digests(_) => None,
        }
    }
}

impl Signed<'_> {
    /// What an RFC 3161 timestamp beside it is over: the signature, of which step 1 made sure that there is one
    /// (sigstore/protobuf-specs, `RFC3161SignedTimestamp`); beside a cosign layer that holds an attestation the whole
    /// envelope's text, signature included.
    pub(super) fn stamped(&self, version: Version) -> &[u8] {
        match (self, version) {
            (Self::Digest { signature, .. } | Self::Text { signature, .. }, _) => signature,
            (Self::Envelope { envelope, .. }, Version::CosignLayer) => envelope.source.as_deref().unwrap_or_default(),
            (
                Self::Envelope { envelope, .. },
                Version::V0_1 | Version::V0_2 | Version::V0_3 | Version::BareEnvelope,
            ) => envelope.signatures.first().map(|one| one.sig.as_slice()).unwrap_or_default(),
        }
    }
}
