//! What a bundle shall contain; each field can be bent by itself.

use jiff::Timestamp;
use serde_json::Value;

use super::ca::Eku;
use super::ca::IssuedBy;
use super::ca::KeyUsage;
use super::ca::San;
use super::claims::Claims;
use super::ct::Sct;
use super::digest::HashKind;
use super::keys::KeyKind;
use super::log::Entry;
use super::tsa::Stamp;

/// A bundle to be minted. `VirtualSigstore::spec` and its siblings give good ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Shape and version of the bundle.
    pub media_type: MediaType,
    /// What is signed.
    pub content: Content,
    /// The in-toto statement of a DSSE bundle.
    pub statement: Value,
    /// Payload bytes in place of the statement.
    pub payload: Option<Vec<u8>>,
    /// DSSE payload type.
    pub payload_type: String,
    /// The signer's key.
    pub key: KeyKind,
    /// Name of the signer's key under the seed.
    pub key_label: String,
    /// How the bundle names the signer's key.
    pub signer: Signer,
    /// The signature.
    pub signature: Signature,
    /// `keyid` of the DSSE signature.
    pub key_id: Option<String>,
    /// Further DSSE signatures by bare keys.
    pub cosigners: Vec<Cosigner>,
    /// Hash of `messageDigest` and of `hashedrekord` entries; by default the key's own, or SHA-256 for Ed25519.
    pub hash: Option<HashKind>,
    /// `messageDigest` in place of the artifact's.
    pub message_digest: Option<Vec<u8>>,

    /// Subject alternative names of the certificate; no such extension when empty.
    pub san: Vec<San>,
    /// Claims in the certificate.
    pub claims: Claims,
    /// Extended key usage of the certificate.
    pub eku: Eku,
    /// Key usage of the certificate.
    pub key_usage: KeyUsage,
    /// Extensions by object identifier, replaced or added (bytes) or left out (`None`).
    pub extensions: Vec<(String, Option<Vec<u8>>)>,
    /// Start of the certificate's validity.
    pub not_before: Timestamp,
    /// End of the certificate's validity.
    pub not_after: Timestamp,
    /// Who signs the certificate.
    pub issued_by: IssuedBy,
    /// Its signed certificate timestamps.
    pub scts: Vec<Sct>,
    /// The certificate's own signature.
    pub certificate_signature: CertificateSignature,

    /// Log entries.
    pub entries: Vec<Entry>,
    /// Timestamps over the first signature.
    pub stamps: Vec<Stamp>,
}

/// Media type of a bundle, which also decides its shape.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// Version 0.1, with a certificate chain.
    V01,
    /// Version 0.2, with a certificate chain.
    V02,
    /// Version 0.3, with one certificate.
    V03,
    /// Version 0.3 in the older spelling.
    V03Old,
    /// Any text, with the shape of the version given.
    Custom(String, CertificateShape),
}

/// How a bundle carries its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateShape {
    /// `certificate`
    Single,
    /// `x509CertificateChain`
    Chain,
}

impl MediaType {
    /// The text.
    pub fn text(&self) -> &str {
        match self {
            Self::V01 => "application/vnd.dev.sigstore.bundle+json;version=0.1",
            Self::V02 => "application/vnd.dev.sigstore.bundle+json;version=0.2",
            Self::V03 => "application/vnd.dev.sigstore.bundle.v0.3+json",
            Self::V03Old => "application/vnd.dev.sigstore.bundle+json;version=0.3",
            Self::Custom(text, _) => text,
        }
    }

    /// How such a bundle carries its certificate.
    pub fn shape(&self) -> CertificateShape {
        match self {
            Self::V01 | Self::V02 => CertificateShape::Chain,
            Self::V03 | Self::V03Old => CertificateShape::Single,
            Self::Custom(_, shape) => *shape,
        }
    }
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A DSSE envelope.
    Dsse,
    /// These bytes themselves.
    Message(Vec<u8>),
}

/// How a bundle names the signer's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signer {
    /// By a certificate for it.
    Certificate,
    /// By a hint; the default is the base64 SHA-256 of the key.
    Key {
        /// The hint, when not the default.
        hint: Option<String>,
    },
}

/// The signature of a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signature {
    /// As it should be.
    Good,
    /// Good, but ECDSA's `r || s` in place of DER.
    P1363,
    /// One bit is flipped; log entries and timestamps hold the flipped one.
    Bad,
    /// Made by another key.
    ForeignKey,
    /// Made over another payload or message.
    OtherPayload,
    /// Made over the bare payload, not its pre-authentication encoding.
    WithoutPae,
}

/// The signature of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateSignature {
    /// As it should be.
    Good,
    /// One bit is flipped.
    Bad,
}

/// A further DSSE signature by a bare key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigner {
    /// Algorithm of the key.
    pub key: KeyKind,
    /// Name of the key under the seed.
    pub label: String,
    /// `keyid` of the signature.
    pub key_id: Option<String>,
    /// The signature.
    pub signature: Signature,
    /// Before or after the signer's own signature.
    pub place: Place,
}

/// Place of a further signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Before the signer's.
    Before,
    /// After the signer's.
    After,
}
