//! Signing keys grown from a seed; their signatures are deterministic too (RFC 6979, RFC 8032).

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::Mutex;

use ed25519_dalek::pkcs8::EncodePrivateKey as _;
use p256::pkcs8::EncodePublicKey as _;
use p256::pkcs8::LineEnding;
use sha2::Digest as _;
use sha2::Sha256;
use sha2::Sha384;

use super::asn1;

/// The algorithm of a key; each signs with its natural hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA over P-256 with SHA-256.
    P256,
    /// ECDSA over P-384 with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
}

#[derive(Clone)]
enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
}

// P-384 is slow without optimization. Keys and signatures are deterministic, so remembering them changes no byte.
type Remembered<K, V> = LazyLock<Mutex<HashMap<K, V>>>;
static DERIVED: Remembered<(String, String, KeyKind), Key> = LazyLock::new(Mutex::default);
static SIGNED: Remembered<[u8; 32], Vec<u8>> = LazyLock::new(Mutex::default);

/// A key pair.
#[derive(Clone)]
pub struct Key {
    secret: Secret,
}

impl Key {
    /// The key that `seed` and `label` name; the same names give the same key.
    pub fn derive(seed: &str, label: &str, kind: KeyKind) -> Self {
        let name = (seed.to_owned(), label.to_owned(), kind);
        DERIVED.lock().unwrap().entry(name).or_insert_with(|| Self::grow(seed, label, kind)).clone()
    }

    fn grow(seed: &str, label: &str, kind: KeyKind) -> Self {
        let material = |counter: u32| format!("{seed}\n{label}\n{kind:?}\n{counter}");
        let secret = match kind {
            KeyKind::P256 => (0..)
                .find_map(|n| p256::ecdsa::SigningKey::from_slice(&Sha256::digest(material(n))).ok())
                .map(Secret::P256),
            KeyKind::P384 => (0..)
                .find_map(|n| p384::ecdsa::SigningKey::from_slice(&Sha384::digest(material(n))).ok())
                .map(Secret::P384),
            KeyKind::Ed25519 => {
                let bytes = Sha256::digest(material(0)).into();
                Some(Secret::Ed25519(ed25519_dalek::SigningKey::from_bytes(&bytes)))
            }
        };
        Self { secret: secret.unwrap() }
    }

    /// Its algorithm.
    pub fn kind(&self) -> KeyKind {
        match &self.secret {
            Secret::P256(_) => KeyKind::P256,
            Secret::P384(_) => KeyKind::P384,
            Secret::Ed25519(_) => KeyKind::Ed25519,
        }
    }

    /// A signature over `message`: DER for ECDSA, 64 raw bytes for Ed25519.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer as _;
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_der().as_bytes().to_vec()
            }
            Secret::P384(key) => {
                let name = Sha256::new().chain_update(key.to_bytes()).chain_update(message).finalize().into();
                let sign = || {
                    let signature: p384::ecdsa::Signature = key.sign(message);
                    signature.to_der().as_bytes().to_vec()
                };
                SIGNED.lock().unwrap().entry(name).or_insert_with(sign).clone()
            }
            Secret::Ed25519(key) => key.sign(message).to_bytes().to_vec(),
        }
    }

    /// The same signature with ECDSA's fixed-width `r || s` (IEEE P1363) in place of DER.
    pub fn sign_p1363(&self, message: &[u8]) -> Vec<u8> {
        use p256::ecdsa::signature::Signer as _;
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            Secret::Ed25519(_) => self.sign(message),
        }
    }

    /// DER `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> Vec<u8> {
        let der = match &self.secret {
            Secret::P256(key) => key.verifying_key().to_public_key_der(),
            Secret::P384(key) => key.verifying_key().to_public_key_der(),
            Secret::Ed25519(key) => key.verifying_key().to_public_key_der(),
        };
        der.unwrap().as_bytes().to_vec()
    }

    /// The public key as PEM.
    pub fn public_pem(&self) -> String {
        asn1::pem("PUBLIC KEY", &self.spki())
    }

    /// The private key as PKCS#8 PEM.
    pub fn private_pem(&self) -> String {
        let pem = match &self.secret {
            Secret::P256(key) => p256::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
            Secret::P384(key) => p384::SecretKey::from(key).to_pkcs8_pem(LineEnding::LF),
            Secret::Ed25519(key) => key.to_pkcs8_pem(LineEnding::LF),
        };
        pem.unwrap().to_string()
    }

    /// The public point (uncompressed, as in the SPKI's bit string) or the 32 bytes of Ed25519.
    pub fn raw_public(&self) -> Vec<u8> {
        let length = match self.kind() {
            KeyKind::P256 => 65,
            KeyKind::P384 => 97,
            KeyKind::Ed25519 => 32,
        };
        let spki = self.spki();
        spki[spki.len() - length..].to_vec()
    }

    /// The DER `AlgorithmIdentifier` of its signatures.
    pub fn signature_algorithm(&self) -> Vec<u8> {
        asn1::seq(&[&asn1::oid(match self.kind() {
            KeyKind::P256 => "1.2.840.10045.4.3.2",
            KeyKind::P384 => "1.2.840.10045.4.3.3",
            KeyKind::Ed25519 => "1.3.101.112",
        })])
    }

    /// The name of the algorithm in Sigstore's `PublicKeyDetails`.
    pub fn details(&self) -> &'static str {
        match self.kind() {
            KeyKind::P256 => "PKIX_ECDSA_P256_SHA_256",
            KeyKind::P384 => "PKIX_ECDSA_P384_SHA_384",
            KeyKind::Ed25519 => "PKIX_ED25519",
        }
    }
}
