//! What a bundle holds for its signature to be over: an envelope, a digest, or a text about an image.

use crate::formats::bundle::Version;
use crate::formats::digest::Digest;
use crate::formats::envelope::Envelope;

/// What is signed. Every step judges the same one.
#[derive(Debug)]
pub(super) enum Signed<'a> {
    /// An attestation; signed is its pre-authentication encoding.
    Envelope {
        /// With its signatures.
        envelope: &'a Envelope,
        /// DSSE protocol.md, "signature definition".
        pae: Vec<u8>,
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
