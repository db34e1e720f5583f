//! What is believed: keys, certificate authorities and logs, each with its validity window.

pub mod embedded;
pub mod key;
pub mod rings;
pub mod root;
pub mod signing_config;
pub mod ssh;

use crate::formats::FormatError;

/// Why some trust material cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// Malformed key.
    #[error("public key: {reason}")]
    KeyInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// A key of an algorithm that is not supported.
    #[error("public key: expected P-256, P-384, P-521, Ed25519 or RSA, found algorithm {algorithm}")]
    KeyUnsupported {
        /// Object identifier found.
        algorithm: String,
    },
    /// Not JSON, or JSON with an ambiguity.
    #[error("trusted root: {0}")]
    Json(#[from] FormatError),
    /// JSON that is no trusted root.
    #[error("trusted root: expected the fields of trusted_root.json, found: {reason}")]
    Shape {
        /// What the reader said.
        reason: String,
    },
    /// A media type that is no trusted root's.
    #[error("trusted root: expected a media type of application/vnd.dev.sigstore.trustedroot, found {found:?}")]
    MediaType {
        /// Media type found.
        found: String,
    },
    /// A certificate that cannot anchor trust.
    #[error("trusted root: certificate of {authority}: {reason}")]
    Certificate {
        /// Whose certificate.
        authority: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An authority without certificates, or two logs of one id: the root does not say one thing.
    #[error("trusted root: {reason}")]
    Inconsistent {
        /// What is wrong.
        reason: String,
    },
}

impl TrustError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyInvalid { .. } => "key-invalid",
            Self::KeyUnsupported { .. } => "key-unsupported",
            Self::Json(_) | Self::Shape { .. } => "trust-root-invalid",
            Self::MediaType { .. } => "trust-root-media-type",
            Self::Certificate { .. } => "trust-root-certificate",
            Self::Inconsistent { .. } => "trust-root-inconsistent",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let s = || String::from("x");
        vec![
            Self::KeyInvalid { reason: s() },
            Self::KeyUnsupported { algorithm: s() },
            Self::Shape { reason: s() },
            Self::MediaType { found: s() },
            Self::Certificate { authority: s(), reason: s() },
            Self::Inconsistent { reason: s() },
        ]
    }
}
