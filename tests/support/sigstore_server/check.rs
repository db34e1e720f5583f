//! What the services check of what a client sends: keys, certificates and signatures.

use der::Decode as _;
use der::Encode as _;
use ed25519_dalek::pkcs8::DecodePublicKey as _;
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::Digest as _;
use sha2::Sha256;
use sha2::Sha384;

use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::asn1;

/// A public key that a client names.
#[derive(Clone)]
pub struct PublicKey {
    /// DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// What its bit string holds.
    pub raw: Vec<u8>,
    /// Its algorithm.
    pub kind: KeyKind,
}

impl PublicKey {
    /// Out of DER.
    pub fn of_spki(spki: &[u8]) -> Option<Self> {
        let info = x509_cert::spki::SubjectPublicKeyInfoOwned::from_der(spki).ok()?;
        let raw = info.subject_public_key.as_bytes()?.to_vec();
        let kind = match raw.len() {
            65 => p256::ecdsa::VerifyingKey::from_public_key_der(spki).ok().map(|_| KeyKind::P256)?,
            97 => p384::ecdsa::VerifyingKey::from_public_key_der(spki).ok().map(|_| KeyKind::P384)?,
            32 => ed25519_dalek::VerifyingKey::from_public_key_der(spki).ok().map(|_| KeyKind::Ed25519)?,
            _ => return None,
        };
        Some(Self { spki: spki.to_vec(), raw, kind })
    }

    /// The key of a DER certificate.
    pub fn of_certificate(der: &[u8]) -> Option<Self> {
        let certificate = x509_cert::Certificate::from_der(der).ok()?;
        Self::of_spki(&certificate.tbs_certificate.subject_public_key_info.to_der().ok()?)
    }

    /// Whether it made the signature over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            KeyKind::P256 => self.verifies_digest(&Sha256::digest(message), signature),
            KeyKind::P384 => self.verifies_digest(&Sha384::digest(message), signature),
            KeyKind::Ed25519 => {
                let key = ed25519_dalek::VerifyingKey::from_public_key_der(&self.spki).unwrap();
                let signature = ed25519_dalek::Signature::from_slice(signature);
                signature.is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }

    /// The same over a digest; Ed25519 cannot.
    pub fn verifies_digest(&self, digest: &[u8], signature: &[u8]) -> bool {
        match self.kind {
            KeyKind::P256 => {
                let key = p256::ecdsa::VerifyingKey::from_public_key_der(&self.spki).unwrap();
                let signature = p256::ecdsa::Signature::from_der(signature);
                signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
            }
            KeyKind::P384 => {
                let key = p384::ecdsa::VerifyingKey::from_public_key_der(&self.spki).unwrap();
                let signature = p384::ecdsa::Signature::from_der(signature);
                signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
            }
            KeyKind::Ed25519 => false,
        }
    }

    /// The name of the algorithm in Sigstore's `PublicKeyDetails`.
    pub fn details(&self) -> &'static str {
        match self.kind {
            KeyKind::P256 => "PKIX_ECDSA_P256_SHA_256",
            KeyKind::P384 => "PKIX_ECDSA_P384_SHA_384",
            KeyKind::Ed25519 => "PKIX_ED25519",
        }
    }

    /// The hash that it signs over, in a log that holds digests.
    pub fn hash(&self) -> HashKind {
        if self.kind == KeyKind::P384 { HashKind::Sha384 } else { HashKind::Sha256 }
    }
}

/// The label and the bytes of one PEM block.
pub fn pem(text: &str) -> Option<(String, Vec<u8>)> {
    let (label, rest) = text.trim().strip_prefix("-----BEGIN ")?.split_once("-----")?;
    let body = rest.strip_suffix(&format!("-----END {label}-----"))?;
    let body: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Some((label.to_owned(), unb64(&body)?))
}

/// The key in PEM, as itself or in a certificate, and the text in the spelling of Rekor.
pub fn verifier(text: &str) -> Option<(PublicKey, String)> {
    let (label, bytes) = pem(text)?;
    let key = match label.as_str() {
        "CERTIFICATE" => PublicKey::of_certificate(&bytes)?,
        "PUBLIC KEY" => PublicKey::of_spki(&bytes)?,
        _ => return None,
    };
    Some((key, asn1::pem(&label, &bytes)))
}

/// Bytes out of standard base64.
pub fn unb64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
