//! Public keys and raw signature checks.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::signature;
use aws_lc_rs::signature::ParsedPublicKey;
use aws_lc_rs::signature::VerificationAlgorithm;
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912::ID_EC_PUBLIC_KEY;
use const_oid::db::rfc5912::RSA_ENCRYPTION;
use const_oid::db::rfc5912::SECP_256_R_1;
use const_oid::db::rfc5912::SECP_384_R_1;
use const_oid::db::rfc5912::SECP_521_R_1;
use const_oid::db::rfc8410::ID_ED_25519;
use der::Decode;
use der::asn1::AnyRef;
use der::asn1::BitStringRef;
use x509_cert::spki::SubjectPublicKeyInfo;

use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::envelope;
use crate::formats::envelope::Envelope;
use crate::formats::log_entry::pem_block;
use crate::formats::payload::Payload;
use crate::trust::TrustError;

/// Longest PEM file of a public key that is read, in bytes.
pub const MAX_PEM_BYTES: usize = 64 * 1024;

/// What kind of key, which also says how it signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384,
    /// ECDSA on P-521 with SHA-512.
    EcdsaP521,
    /// Ed25519, not prehashed.
    Ed25519,
    /// RSA PKCS #1 v1.5 with SHA-256, 2048 to 8192 bits.
    Rsa,
}

impl KeyKind {
    /// The name used in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::EcdsaP521 => "ECDSA P-521",
            Self::Ed25519 => "Ed25519",
            Self::Rsa => "RSA",
        }
    }

    /// The hash that it signs with; none for Ed25519, which signs messages and not digests.
    pub fn hash(self) -> Option<Algorithm> {
        match self {
            Self::EcdsaP256 | Self::Rsa => Some(Algorithm::Sha256),
            Self::EcdsaP384 => Some(Algorithm::Sha384),
            Self::EcdsaP521 => Some(Algorithm::Sha512),
            Self::Ed25519 => None,
        }
    }
}

/// How a signature may be spelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// As the key's kind says: its hash, ECDSA in DER.
    Exact,
    /// Also the other spellings that signers of envelopes use: ECDSA as r||s (IEEE P1363), and SHA-256 with P-384 or
    /// P-521 (older cosign). Each is as hard to forge.
    Lenient,
}

/// The signature is not by this key over these bytes. There is nothing more to say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct SignatureInvalid;

/// A public key, parsed once.
#[derive(Clone)]
pub struct PublicKey {
    spki: Vec<u8>,
    kind: KeyKind,
    /// The subjectPublicKey bits, for the lenient spellings.
    raw: Vec<u8>,
    parsed: ParsedPublicKey,
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({} {})", self.kind.name(), self.fingerprint())
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.spki == other.spki
    }
}

fn algorithm(kind: KeyKind) -> &'static dyn VerificationAlgorithm {
    match kind {
        KeyKind::EcdsaP256 => &signature::ECDSA_P256_SHA256_ASN1,
        KeyKind::EcdsaP384 => &signature::ECDSA_P384_SHA384_ASN1,
        KeyKind::EcdsaP521 => &signature::ECDSA_P521_SHA512_ASN1,
        KeyKind::Ed25519 => &signature::ED25519,
        KeyKind::Rsa => &signature::RSA_PKCS1_2048_8192_SHA256,
    }
}

fn lenient(kind: KeyKind) -> &'static [&'static dyn VerificationAlgorithm] {
    match kind {
        KeyKind::EcdsaP256 => &[&signature::ECDSA_P256_SHA256_FIXED],
        KeyKind::EcdsaP384 => &[&signature::ECDSA_P384_SHA384_FIXED, &signature::ECDSA_P384_SHA256_ASN1],
        KeyKind::EcdsaP521 => &[&signature::ECDSA_P521_SHA512_FIXED, &signature::ECDSA_P521_SHA256_ASN1],
        KeyKind::Ed25519 | KeyKind::Rsa => &[],
    }
}

impl PublicKey {
    /// A key from a DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).
    ///
    /// # Errors
    /// `key-invalid` when malformed, an elliptic point is compressed or off its curve, or RSA is shorter than 2048 bits;
    /// `key-unsupported` for another algorithm.
    pub fn from_spki(spki: &[u8]) -> Result<Self, TrustError> {
        let invalid = |reason: String| TrustError::KeyInvalid { reason };
        let info = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(spki)
            .map_err(|error| invalid(error.to_string()))?;
        let curve = || info.algorithm.parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
        let kind = match info.algorithm.oid {
            ID_EC_PUBLIC_KEY if curve() == Some(SECP_256_R_1) => KeyKind::EcdsaP256,
            ID_EC_PUBLIC_KEY if curve() == Some(SECP_384_R_1) => KeyKind::EcdsaP384,
            ID_EC_PUBLIC_KEY if curve() == Some(SECP_521_R_1) => KeyKind::EcdsaP521,
            ID_ED_25519 => KeyKind::Ed25519,
            RSA_ENCRYPTION => KeyKind::Rsa,
            other => return Err(TrustError::KeyUnsupported { algorithm: other.to_string() }),
        };
        let raw = info.subject_public_key.as_bytes().ok_or_else(|| invalid("it has unused bits".to_owned()))?;
        let elliptic = matches!(kind, KeyKind::EcdsaP256 | KeyKind::EcdsaP384 | KeyKind::EcdsaP521);
        if elliptic && raw.first() != Some(&4) {
            return Err(invalid("its elliptic curve point is not in the uncompressed form".to_owned()));
        }
        // RSA is parsed from its subjectPublicKey too, so that one path serves all.
        let parsed =
            ParsedPublicKey::new(algorithm(kind), raw).map_err(|error| invalid(error.description_().to_owned()))?;
        Ok(Self { spki: spki.to_vec(), kind, raw: raw.to_vec(), parsed })
    }

    /// A key from the bytes that a trusted root lists: a SubjectPublicKeyInfo, or a bare PKCS #1 RSAPublicKey as some
    /// roots have for older CT logs.
    ///
    /// # Errors
    /// As [`PublicKey::from_spki`].
    pub fn from_root(bytes: &[u8]) -> Result<Self, TrustError> {
        Self::from_spki(bytes).or_else(|error| {
            let parsed = ParsedPublicKey::new(algorithm(KeyKind::Rsa), bytes).map_err(|_| error)?;
            Ok(Self { spki: bytes.to_vec(), kind: KeyKind::Rsa, raw: bytes.to_vec(), parsed })
        })
    }

    /// A key from a PEM file: exactly one block, labelled `PUBLIC KEY` (RFC 7468 section 13).
    ///
    /// # Errors
    /// `key-invalid` with what was found instead, `key-unsupported`.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, TrustError> {
        let invalid = |reason: &str| TrustError::KeyInvalid { reason: reason.to_owned() };
        if bytes.len() > MAX_PEM_BYTES {
            return Err(invalid("expected a PEM public key, found a file of more than 64 KiB"));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| invalid("expected a PEM public key, found no text"))?;
        let text = text.trim();
        let blocks = text.matches("-----BEGIN ").count();
        if blocks != 1 {
            return Err(TrustError::KeyInvalid { reason: format!("expected one PEM block, found {blocks}") });
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(invalid("expected a public key, found a private key"));
        }
        match pem_block(text) {
            Some(("PUBLIC KEY", spki)) => Self::from_spki(&spki),
            Some((label, _)) => {
                Err(TrustError::KeyInvalid { reason: format!("expected a PUBLIC KEY block, found {label}") })
            }
            None => Err(invalid("expected one PEM block, found text around it or a body that is no base64")),
        }
    }

    /// Checks one signature.
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify(&self, message: &[u8], signature: &[u8], spelling: Spelling) -> Result<(), SignatureInvalid> {
        if self.parsed.verify_sig(message, signature).is_ok() {
            return Ok(());
        }
        let others = match spelling {
            Spelling::Exact => &[][..],
            Spelling::Lenient => lenient(self.kind),
        };
        let verifies = |algorithm: &&'static dyn VerificationAlgorithm| {
            signature::UnparsedPublicKey::new(*algorithm, &self.raw).verify(message, signature).is_ok()
        };
        if others.iter().any(verifies) { Ok(()) } else { Err(SignatureInvalid) }
    }

    /// Checks one signature over a message of which only a digest is known, in every spelling of [`Spelling::Lenient`] that
    /// signs this digest.
    ///
    /// # Errors
    /// [`SignatureInvalid`].
    pub fn verify_digest(&self, digest: &Digest, signature: &[u8]) -> Result<(), SignatureInvalid> {
        type Spelled = &'static dyn VerificationAlgorithm;
        let algorithms: &[Spelled] = match (self.kind, digest.algorithm()) {
            (KeyKind::EcdsaP256, Algorithm::Sha256) => {
                &[&signature::ECDSA_P256_SHA256_ASN1, &signature::ECDSA_P256_SHA256_FIXED]
            }
            (KeyKind::EcdsaP384, Algorithm::Sha384) => {
                &[&signature::ECDSA_P384_SHA384_ASN1, &signature::ECDSA_P384_SHA384_FIXED]
            }
            (KeyKind::EcdsaP384, Algorithm::Sha256) => &[&signature::ECDSA_P384_SHA256_ASN1],
            (KeyKind::EcdsaP521, Algorithm::Sha512) => {
                &[&signature::ECDSA_P521_SHA512_ASN1, &signature::ECDSA_P521_SHA512_FIXED]
            }
            (KeyKind::EcdsaP521, Algorithm::Sha256) => &[&signature::ECDSA_P521_SHA256_ASN1],
            (KeyKind::Rsa, Algorithm::Sha256) => &[&signature::RSA_PKCS1_2048_8192_SHA256],
            _ => &[],
        };
        let hash = match digest.algorithm() {
            Algorithm::Sha384 => &digest::SHA384,
            Algorithm::Sha512 => &digest::SHA512,
            _ => &digest::SHA256,
        };
        let digest = digest::Digest::import_less_safe(digest.bytes(), hash).map_err(|_| SignatureInvalid)?;
        let verifies = |algorithm: &Spelled| algorithm.verify_digest_sig(&self.raw, &digest, signature).is_ok();
        if algorithms.iter().any(verifies) { Ok(()) } else { Err(SignatureInvalid) }
    }

    /// What kind of key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn id(&self) -> [u8; 32] {
        sha256(&self.spki)
    }

    /// `sha256:` and the id in hexadecimal.
    pub fn fingerprint(&self) -> String {
        format!("sha256:{}", hex::encode(self.id()))
    }

    /// The hint that a bundle signed by this key carries: base64 of the id, as cosign writes it.
    pub fn hint(&self) -> String {
        base64::encode(&self.id())
    }
}

/// A hash algorithm of signed structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1, only where a format fixes it and something else pins what is hashed.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// The hash of some bytes.
pub fn hash(kind: Hash, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match kind {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

/// The digest of some bytes by an algorithm that signatures are made with; none by any other.
pub fn digest_of(algorithm: Algorithm, bytes: &[u8]) -> Option<Digest> {
    let kind = match algorithm {
        Algorithm::Sha256 => Hash::Sha256,
        Algorithm::Sha384 => Hash::Sha384,
        Algorithm::Sha512 => Hash::Sha512,
        _ => return None,
    };
    Digest::new(algorithm, hash(kind, bytes)).ok()
}

/// The digest of a payload by an algorithm that signatures are made with; none by any other, and by none but SHA-256 of one that
/// is not held.
pub fn payload_digest(algorithm: Algorithm, payload: &Payload) -> Option<Digest> {
    match payload {
        Payload::Held(bytes) => digest_of(algorithm, bytes),
        Payload::Measured(measured) => Some(&measured.digest).filter(|one| one.algorithm() == algorithm).cloned(),
    }
}

/// The digest of an envelope's pre-authentication encoding by an algorithm that signatures are made with; none by any other.
pub fn encoded_digest(algorithm: Algorithm, envelope: &Envelope) -> Option<Digest> {
    match &envelope.payload {
        Payload::Held(payload) => digest_of(algorithm, &envelope::pae(&envelope.payload_type, payload)),
        Payload::Measured(measured) => measured.encoded.iter().find(|one| one.algorithm() == algorithm).cloned(),
    }
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    out
}
