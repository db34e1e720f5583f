//! Private keys: plain and encrypted PEM, generation, signing.

use std::fmt;

use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::encoding::PublicKeyX509Der;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::ECDSA_P256_SHA256_ASN1_SIGNING;
use aws_lc_rs::signature::ECDSA_P384_SHA384_ASN1_SIGNING;
use aws_lc_rs::signature::EcdsaKeyPair;
use aws_lc_rs::signature::EcdsaSigningAlgorithm;
use aws_lc_rs::signature::Ed25519KeyPair;
use aws_lc_rs::signature::KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::Reader;
use der::asn1::AnyRef;
use der::asn1::ContextSpecific;
use der::asn1::ObjectIdentifier;
use der::asn1::OctetStringRef;
use x509_cert::spki::AlgorithmIdentifierRef;
use zeroize::Zeroizing;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::sign::encrypted;
use crate::sign::encrypted::Cost;
use crate::sign::encrypted::Sealed;
use crate::sign::error::SignError;
use crate::sign::pem;
use crate::sign::pem::Headers;

const PKCS8_LABEL: &str = "PRIVATE KEY";
const SEC1_LABEL: &str = "EC PRIVATE KEY";
const SIGSTORE_LABEL: &str = "ENCRYPTED SIGSTORE PRIVATE KEY";
const COSIGN_LABEL: &str = "ENCRYPTED COSIGN PRIVATE KEY";
/// The labels that are read, for error texts.
pub(super) const LABELS: &str =
    "PRIVATE KEY, EC PRIVATE KEY, ENCRYPTED SIGSTORE PRIVATE KEY or ENCRYPTED COSIGN PRIVATE KEY";

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");

/// Kinds of key that people have and that are refused by name; every other one by its object identifier.
const REFUSED: [(ObjectIdentifier, &str); 9] = [
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1"), "RSA"),
    (ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10"), "RSA-PSS"),
    (ObjectIdentifier::new_unwrap("1.2.840.10040.4.1"), "DSA"),
    (ObjectIdentifier::new_unwrap("1.3.101.110"), "X25519"),
    (ObjectIdentifier::new_unwrap("1.3.101.113"), "Ed448"),
    (ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.1"), "ECDSA P-192"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.33"), "ECDSA P-224"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.35"), "ECDSA P-521"),
    (ObjectIdentifier::new_unwrap("1.3.132.0.10"), "ECDSA secp256k1"),
];

/// A kind of key, and with it the one algorithm that it signs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// ECDSA on NIST P-256 with SHA-256; cosign's default.
    EcdsaP256,
    /// ECDSA on NIST P-384 with SHA-384.
    EcdsaP384,
    /// Pure Ed25519 (RFC 8032), no prehash.
    Ed25519,
}

impl KeyKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::EcdsaP256, Self::EcdsaP384, Self::Ed25519];

    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ECDSA P-256",
            Self::EcdsaP384 => "ECDSA P-384",
            Self::Ed25519 => "Ed25519",
        }
    }

    /// The hash that it signs with; none for Ed25519, which signs messages and not digests.
    pub fn hash(self) -> Option<Algorithm> {
        match self {
            Self::EcdsaP256 => Some(Algorithm::Sha256),
            Self::EcdsaP384 => Some(Algorithm::Sha384),
            Self::Ed25519 => None,
        }
    }

    /// The kind of an algorithm identifier (RFC 5480, RFC 8410).
    fn of(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<Self, SignError> {
        match (algorithm.oid, algorithm.parameters) {
            (ED25519, None) => Ok(Self::Ed25519),
            (EC_PUBLIC_KEY, Some(curve)) => Self::of_curve(curve),
            (ED25519 | EC_PUBLIC_KEY, _) => {
                Err(SignError::Malformed { text: "unexpected algorithm parameters".to_owned() })
            }
            (other, _) => Err(refused(other)),
        }
    }

    fn of_curve(curve: AnyRef<'_>) -> Result<Self, SignError> {
        match curve.decode_as::<ObjectIdentifier>() {
            Ok(P256) => Ok(Self::EcdsaP256),
            Ok(P384) => Ok(Self::EcdsaP384),
            Ok(other) => Err(refused(other)),
            Err(_) => Err(SignError::KindUnsupported { found: "ECDSA on a curve without a name".to_owned() }),
        }
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A private key that can sign.
///
/// It cannot be copied, it shows only its public half, and its memory is wiped when it is dropped.
pub struct PrivateKey {
    pair: Pair,
    kind: KeyKind,
    public_key_der: Vec<u8>,
}

enum Pair {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl PrivateKey {
    /// A new key.
    ///
    /// # Errors
    /// `key-generation-failed`.
    pub fn generate(kind: KeyKind) -> Result<Self, SignError> {
        let pair = match ecdsa(kind) {
            Some(algorithm) => Pair::Ecdsa(EcdsaKeyPair::generate(algorithm).map_err(|_| SignError::GenerationFailed)?),
            None => Pair::Ed25519(Ed25519KeyPair::generate().map_err(|_| SignError::GenerationFailed)?),
        };
        Self::new(kind, pair)
    }

    /// Reads one PEM block of at most 64 KiB, with nothing but white space around it.
    ///
    /// Labels: `PRIVATE KEY` (PKCS#8 v1 and v2, RFC 5958), `EC PRIVATE KEY` (SEC1, RFC 5915), `ENCRYPTED SIGSTORE PRIVATE
    /// KEY` and `ENCRYPTED COSIGN PRIVATE KEY` (cosign's JSON: scrypt with N 32768, 65536 or 131072, r 8, p 1).
    /// `password` is called once, only when the key is encrypted and its parameters are permitted. The caller wipes
    /// `pem`.
    ///
    /// # Errors
    /// `key-pem-invalid`, `key-pem-too-large`, `key-not-private`, `key-format-unsupported`, `key-kind-unsupported`,
    /// `key-malformed`, `key-encrypted-invalid`, `key-encrypted-parameters`, `key-password-wrong`, and what `password`
    /// returns.
    pub fn from_pem(
        pem: &[u8],
        password: &mut dyn FnMut() -> Result<Zeroizing<String>, SignError>,
    ) -> Result<Self, SignError> {
        let block = pem::decode(pem)?;
        if block.headers == Headers::Present {
            return Err(SignError::FormatUnsupported { label: format!("{} with headers (RFC 1421)", block.label) });
        }
        match block.label.as_str() {
            PKCS8_LABEL => Self::from_pkcs8(&block.body),
            SEC1_LABEL => Self::from_sec1(&block.body),
            SIGSTORE_LABEL | COSIGN_LABEL => {
                let sealed = Sealed::parse(&block.body)?;
                Self::from_pkcs8(&sealed.open(&password()?)?)
            }
            "RSA PRIVATE KEY" => Err(SignError::KindUnsupported { found: "RSA".to_owned() }),
            "DSA PRIVATE KEY" => Err(SignError::KindUnsupported { found: "DSA".to_owned() }),
            "ENCRYPTED PRIVATE KEY" | "OPENSSH PRIVATE KEY" => Err(SignError::FormatUnsupported { label: block.label }),
            _ => Err(SignError::NotPrivate { label: block.label }),
        }
    }

    /// The key as plain PKCS#8 v1 PEM, which every tool reads.
    ///
    /// # Errors
    /// `key-generation-failed`.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SignError> {
        Ok(pem::encode(PKCS8_LABEL, &self.to_pkcs8()?))
    }

    /// The key encrypted as cosign writes it: label `ENCRYPTED SIGSTORE PRIVATE KEY`, scrypt with N 65536, r 8, p 1.
    ///
    /// The password may be empty; whether that is wise is for the caller to say.
    ///
    /// # Errors
    /// `randomness-unavailable`, `key-generation-failed`.
    pub fn to_encrypted_pem(&self, password: &str) -> Result<Zeroizing<String>, SignError> {
        Ok(pem::encode(SIGSTORE_LABEL, &encrypted::seal(&self.to_pkcs8()?, password, Cost::Standard)?))
    }

    /// The public half as SubjectPublicKeyInfo, DER.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// The public half as PEM, label `PUBLIC KEY`.
    pub fn public_key_pem(&self) -> String {
        pem::encode("PUBLIC KEY", &self.public_key_der).to_string()
    }

    /// What a bundle's `publicKey.hint` says: standard base64 of the SHA-256 of [`Self::public_key_der`].
    pub fn hint(&self) -> String {
        STANDARD.encode(digest::digest(&digest::SHA256, &self.public_key_der))
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Signs a message: ECDSA as ASN.1 DER over SHA-256 (P-256) or SHA-384 (P-384); Ed25519 over the message itself.
    ///
    /// # Errors
    /// `signing-failed`.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let signature = match &self.pair {
            Pair::Ecdsa(pair) => pair.sign(&SystemRandom::new(), message),
            Pair::Ed25519(pair) => pair.try_sign(message),
        };
        Ok(signature.map_err(|_| SignError::SigningFailed)?.as_ref().to_vec())
    }

    /// Signs a message by its digest of the hash that the key signs with ([`KeyKind::hash`]): the same signature as
    /// [`Self::sign`] makes of the message itself.
    ///
    /// # Errors
    /// `key-signs-no-digest` for Ed25519, `signing-failed`, also for a digest of another hash.
    pub fn sign_digest(&self, digest: &Digest) -> Result<Vec<u8>, SignError> {
        let Pair::Ecdsa(pair) = &self.pair else { return Err(SignError::DigestNotSigned { found: self.kind }) };
        let algorithm = match (self.kind, digest.algorithm()) {
            (KeyKind::EcdsaP256, Algorithm::Sha256) => &digest::SHA256,
            (KeyKind::EcdsaP384, Algorithm::Sha384) => &digest::SHA384,
            _ => return Err(SignError::SigningFailed),
        };
        let imported = digest::Digest::import_less_safe(digest.bytes(), algorithm);
        let signature = imported.and_then(|digest| pair.sign_digest(&digest));
        Ok(signature.map_err(|_| SignError::SigningFailed)?.as_ref().to_vec())
    }

    fn new(kind: KeyKind, pair: Pair) -> Result<Self, SignError> {
        let public: Result<PublicKeyX509Der<'_>, _> = match &pair {
            Pair::Ecdsa(pair) => pair.public_key().as_der(),
            Pair::Ed25519(pair) => pair.public_key().as_der(),
        };
        let public_key_der = public.map_err(|_| SignError::GenerationFailed)?.as_ref().to_vec();
        Ok(Self { pair, kind, public_key_der })
    }

    fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        let kind = KeyKind::of(&pkcs8_algorithm(der).map_err(malformed)?)?;
        let pair = match ecdsa(kind) {
            Some(algorithm) => Pair::Ecdsa(EcdsaKeyPair::from_pkcs8(algorithm, der).map_err(malformed)?),
            None => Pair::Ed25519(Ed25519KeyPair::from_pkcs8(der).map_err(malformed)?),
        };
        Self::new(kind, pair)
    }

    fn from_sec1(der: &[u8]) -> Result<Self, SignError> {
        let curve = sec1_curve(der).map_err(malformed)?;
        let curve = curve.ok_or_else(|| SignError::Malformed { text: "the key does not name its curve".to_owned() })?;
        let kind = KeyKind::of_curve(curve)?;
        let algorithm = ecdsa(kind).ok_or_else(|| SignError::KindUnsupported { found: kind.to_string() })?;
        Self::new(kind, Pair::Ecdsa(EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(malformed)?))
    }

    fn to_pkcs8(&self) -> Result<Zeroizing<Vec<u8>>, SignError> {
        let document = match &self.pair {
            Pair::Ecdsa(pair) => pair.to_pkcs8v1(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1(),
        };
        Ok(Zeroizing::new(document.map_err(|_| SignError::GenerationFailed)?.as_ref().to_vec()))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").field("kind", &self.kind).field("hint", &self.hint()).finish_non_exhaustive()
    }
}

fn ecdsa(kind: KeyKind) -> Option<&'static EcdsaSigningAlgorithm> {
    match kind {
        KeyKind::EcdsaP256 => Some(&ECDSA_P256_SHA256_ASN1_SIGNING),
        KeyKind::EcdsaP384 => Some(&ECDSA_P384_SHA384_ASN1_SIGNING),
        KeyKind::Ed25519 => None,
    }
}

/// The algorithm of a `OneAsymmetricKey` (RFC 5958) that fills all of `der`.
///
/// Only what is needed to tell kinds apart; the rest is read by the cryptographic library, which checks versions and
/// values, and would overlook bytes after the end.
fn pkcs8_algorithm(der: &[u8]) -> der::Result<AlgorithmIdentifierRef<'_>> {
    whole_sequence(der, |reader| {
        let _version: u8 = reader.decode()?;
        let algorithm = reader.decode()?;
        let _key: OctetStringRef<'_> = reader.decode()?;
        Ok(algorithm)
    })
}

/// The curve of an `ECPrivateKey` (RFC 5915) that fills all of `der`, if it names one.
fn sec1_curve(der: &[u8]) -> der::Result<Option<AnyRef<'_>>> {
    whole_sequence(der, |reader| {
        let _version: u8 = reader.decode()?;
        let _key: OctetStringRef<'_> = reader.decode()?;
        Ok(ContextSpecific::decode_explicit(reader, der::TagNumber::N0)?.map(|parameters| parameters.value))
    })
}

/// Reads the first fields of the one SEQUENCE that `der` is; the fields after them are skipped.
fn whole_sequence<'a, T>(
    der: &'a [u8],
    fields: impl FnOnce(&mut der::SliceReader<'a>) -> der::Result<T>,
) -> der::Result<T> {
    let mut outer = der::SliceReader::new(der)?;
    let sequence: AnyRef<'a> = outer.decode()?;
    let () = outer.finish(())?;
    der::Tagged::tag(&sequence).assert_eq(der::Tag::Sequence)?;
    fields(&mut der::SliceReader::new(sequence.value())?)
}

fn refused(oid: ObjectIdentifier) -> SignError {
    let name = REFUSED.iter().find(|row| row.0 == oid).map(|row| row.1.to_owned());
    SignError::KindUnsupported { found: name.unwrap_or_else(|| format!("object identifier {oid}")) }
}

fn malformed(error: impl fmt::Display) -> SignError {
    SignError::Malformed { text: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::Verifier;
    use ed25519_dalek::pkcs8::DecodePrivateKey;
    use ed25519_dalek::pkcs8::DecodePublicKey;
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use p256::elliptic_curve::sec1::ToEncodedPoint;
    use p256::pkcs8::EncodePublicKey;
    use p256::pkcs8::LineEnding;
    use sha2::Digest;

    const P256_OID: &str = "1.2.840.10045.3.1.7";
    const MESSAGE: &[u8] = b"DSSEv1 4 test 5 hello";

    fn unasked() -> Result<Zeroizing<String>, SignError> {
        panic!("the password was asked for")
    }

    fn read(pem: &str) -> Result<PrivateKey, SignError> {
        PrivateKey::from_pem(pem.as_bytes(), &mut unasked)
    }

    fn read_with(pem: &str, password: &str) -> Result<PrivateKey, SignError> {
        PrivateKey::from_pem(pem.as_bytes(), &mut || Ok(Zeroizing::new(password.to_owned())))
    }

    fn code(result: Result<PrivateKey, SignError>) -> &'static str {
        result.unwrap_err().code()
    }

    /// Checks a signature with libraries that have nothing to do with the one that made it.
    fn verifies(key: &PrivateKey, message: &[u8], signature: &[u8]) -> bool {
        match key.kind() {
            KeyKind::EcdsaP256 => {
                let public = p256::ecdsa::VerifyingKey::from_public_key_pem(&key.public_key_pem()).unwrap();
                let signature = p256::ecdsa::Signature::from_der(signature).unwrap();
                public.verify(message, &signature).is_ok()
            }
            KeyKind::EcdsaP384 => {
                let public = p384::ecdsa::VerifyingKey::from_public_key_pem(&key.public_key_pem()).unwrap();
                let signature = p384::ecdsa::Signature::from_der(signature).unwrap();
                public.verify(message, &signature).is_ok()
            }
            KeyKind::Ed25519 => {
                let public = ed25519_dalek::VerifyingKey::from_public_key_pem(&key.public_key_pem()).unwrap();
                let signature = ed25519_dalek::Signature::from_slice(signature).unwrap();
                public.verify_strict(message, &signature).is_ok()
            }
        }
    }

    /// One DER element of fewer than 256 bytes.
    fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let length = u8::try_from(content.len()).unwrap();
        let header = if length < 128 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [header, content].concat()
    }

    /// A PKCS#8 file of any algorithm, the key itself being nonsense.
    fn pkcs8_of(oid: &str, parameters: &[u8]) -> String {
        let oid = element(0x06, &[ObjectIdentifier::new(oid).unwrap().as_bytes()]);
        let der = element(0x30, &[&[2, 1, 0], &element(0x30, &[&oid, parameters]), &element(0x04, &[&[1, 2, 3]])]);
        pem::encode(PKCS8_LABEL, &der).to_string()
    }

    fn curve(oid: &str) -> Vec<u8> {
        element(0x06, &[ObjectIdentifier::new(oid).unwrap().as_bytes()])
    }

    /// An `ECPrivateKey` as OpenSSL writes it, with its curve and any public key.
    fn sec1(curve_oid: &str, secret: &[u8], point: &[u8]) -> Vec<u8> {
        let parameters = element(0xa0, &[&curve(curve_oid)]);
        let point = element(0xa1, &[&element(0x03, &[&[0], point])]);
        element(0x30, &[&[2, 1, 1], &element(0x04, &[secret]), &parameters, &point])
    }

    #[test]
    fn every_kind_signs_what_others_verify() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            assert_eq!(key.kind(), kind);
            let signature = key.sign(MESSAGE).unwrap();
            assert!(verifies(&key, MESSAGE, &signature), "{kind}");
            assert!(!verifies(&key, b"another message", &signature), "{kind}");
            assert!(verifies(&key, b"", &key.sign(b"").unwrap()), "{kind}");
        }
    }

    #[test]
    fn what_is_written_is_read_by_us_and_by_others() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let text = key.to_pem().unwrap();
            let again = read(&text).unwrap();
            assert_eq!(again.kind(), kind);
            assert_eq!(again.public_key_der(), key.public_key_der());
            assert!(verifies(&key, MESSAGE, &again.sign(MESSAGE).unwrap()));
            let public = key.public_key_pem();
            match kind {
                KeyKind::EcdsaP256 => {
                    let theirs = p256::SecretKey::from_pkcs8_pem(&text).unwrap().public_key();
                    assert_eq!(theirs, p256::PublicKey::from_public_key_pem(&public).unwrap());
                }
                KeyKind::EcdsaP384 => {
                    let theirs = p384::SecretKey::from_pkcs8_pem(&text).unwrap().public_key();
                    assert_eq!(theirs, p384::PublicKey::from_public_key_pem(&public).unwrap());
                }
                KeyKind::Ed25519 => {
                    let theirs = ed25519_dalek::SigningKey::from_pkcs8_pem(&text).unwrap().verifying_key();
                    assert_eq!(theirs, ed25519_dalek::VerifyingKey::from_public_key_pem(&public).unwrap());
                }
            }
        }
    }

    #[test]
    fn what_others_write_is_read() {
        let p256 = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let p384 = p384::SecretKey::from_slice(&[8; 48]).unwrap();
        let p256_sec1 = sec1(P256_OID, &p256.to_bytes(), &p256.public_key().to_sec1_bytes());
        let p384_sec1 = sec1("1.3.132.0.34", &p384.to_bytes(), &p384.public_key().to_sec1_bytes());
        assert_eq!(p256::SecretKey::from_sec1_der(&p256_sec1).unwrap(), p256);
        assert_eq!(p384::SecretKey::from_sec1_der(&p384_sec1).unwrap(), p384);
        // ed25519-dalek writes PKCS#8 v2, with the public key.
        let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).to_pkcs8_pem(LineEnding::LF).unwrap();
        let cases = [
            (KeyKind::EcdsaP256, p256.to_pkcs8_pem(LineEnding::LF).unwrap()),
            (KeyKind::EcdsaP256, p256.to_pkcs8_pem(LineEnding::CRLF).unwrap()),
            (KeyKind::EcdsaP256, pem::encode(SEC1_LABEL, &p256_sec1)),
            (KeyKind::EcdsaP384, pem::encode(SEC1_LABEL, &p384_sec1)),
            (KeyKind::EcdsaP384, p384.to_pkcs8_pem(LineEnding::LF).unwrap()),
            (KeyKind::Ed25519, ed25519),
        ];
        for (kind, text) in cases {
            let key = read(&text).unwrap();
            assert_eq!(key.kind(), kind);
            assert!(verifies(&key, MESSAGE, &key.sign(MESSAGE).unwrap()));
            // Reading SEC1 and writing gives the PKCS#8 that others read.
            let rewritten = read(&key.to_pem().unwrap()).unwrap();
            assert_eq!(rewritten.public_key_der(), key.public_key_der());
        }
    }

    #[test]
    fn one_key_has_one_hint() {
        // A compressed point, an uncompressed one and none at all are the same public key.
        let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let point = |compress| secret.public_key().to_encoded_point(compress);
        let expected = secret.public_key().to_public_key_der().unwrap();
        let without = element(0x30, &[&[2, 1, 1], &element(0x04, &[&[7; 32]]), &element(0xa0, &[&curve(P256_OID)])]);
        let with = |compress| sec1(P256_OID, &[7; 32], point(compress).as_bytes());
        for der in [with(true), with(false), without] {
            let key = read(&pem::encode(SEC1_LABEL, &der)).unwrap();
            assert_eq!(key.public_key_der(), expected.as_bytes());
        }
    }

    #[test]
    fn encrypted_keys_open_with_their_password_only() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        for (cost, label) in [(Cost::Low, COSIGN_LABEL), (Cost::Standard, SIGSTORE_LABEL), (Cost::High, COSIGN_LABEL)] {
            let json = encrypted::seal(&key.to_pkcs8().unwrap(), "supersecret", cost).unwrap();
            let text = pem::encode(label, &json);
            assert_eq!(read_with(&text, "supersecret").unwrap().public_key_der(), key.public_key_der(), "{label}");
            assert_eq!(code(read_with(&text, "Supersecret")), "key-password-wrong");
            assert_eq!(code(read_with(&text, "")), "key-password-wrong");
        }
    }

    #[test]
    fn encrypted_keys_are_written_as_cosign_does() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let text = key.to_encrypted_pem("").unwrap();
            assert!(text.starts_with("-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n"));
            let block = pem::decode(text.as_bytes()).unwrap();
            let json: serde_json::Value = serde_json::from_slice(&block.body).unwrap();
            assert_eq!(json["kdf"]["params"], serde_json::json!({"N": 65536, "r": 8, "p": 1}));
            assert_eq!(read_with(&text, "").unwrap().public_key_der(), key.public_key_der());
        }
    }

    #[test]
    fn the_password_is_asked_for_last() {
        let key = PrivateKey::generate(KeyKind::Ed25519).unwrap();
        let block = pem::decode(key.to_encrypted_pem("p").unwrap().as_bytes()).unwrap();
        let json = String::from_utf8(block.body.to_vec()).unwrap();
        for n in ["1073741824", "262144", "16384", "0"] {
            let text = pem::encode(SIGSTORE_LABEL, json.replace("65536", n).as_bytes());
            assert_eq!(code(read(&text)), "key-encrypted-parameters", "{n}");
        }
        let text = pem::encode(SIGSTORE_LABEL, json.as_bytes());
        let missing = PrivateKey::from_pem(text.as_bytes(), &mut || Err(SignError::PasswordMissing));
        assert_eq!(code(missing), "key-password-missing");
        assert_eq!(code(read(&pem::encode(SIGSTORE_LABEL, b"not JSON"))), "key-encrypted-invalid");
    }

    #[test]
    fn a_sealed_key_that_is_no_key_is_refused() {
        let json = encrypted::seal(b"reallyimportant", "p", Cost::Low).unwrap();
        assert_eq!(code(read_with(&pem::encode(COSIGN_LABEL, &json), "p")), "key-malformed");
    }

    #[test]
    fn files_that_hold_no_private_key_are_named() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let public = read(&key.public_key_pem()).unwrap_err();
        assert_eq!(public, SignError::NotPrivate { label: "PUBLIC KEY".to_owned() });
        assert_eq!(public.to_string(), "expected a private key, found a PEM block labelled PUBLIC KEY");
        for (label, expected) in [
            ("CERTIFICATE", "key-not-private"),
            ("EC PARAMETERS", "key-not-private"),
            ("RSA PRIVATE KEY", "key-kind-unsupported"),
            ("DSA PRIVATE KEY", "key-kind-unsupported"),
            ("OPENSSH PRIVATE KEY", "key-format-unsupported"),
            ("ENCRYPTED PRIVATE KEY", "key-format-unsupported"),
        ] {
            assert_eq!(code(read(&pem::encode(label, &[0x30, 0]))), expected, "{label}");
        }
        let headers = key.to_pem().unwrap().replacen('\n', "\nProc-Type: 4,ENCRYPTED\n\n", 1);
        assert_eq!(code(read(&headers)), "key-format-unsupported");
    }

    #[test]
    fn other_kinds_are_refused_by_name() {
        let ec = "1.2.840.10045.2.1";
        for (text, found) in [
            (pkcs8_of("1.2.840.113549.1.1.1", &[5, 0]), "RSA"),
            (pkcs8_of("1.2.840.113549.1.1.10", &[5, 0]), "RSA-PSS"),
            (pkcs8_of("1.3.101.113", &[]), "Ed448"),
            (pkcs8_of("1.3.101.110", &[]), "X25519"),
            (pkcs8_of(ec, &curve("1.3.132.0.35")), "ECDSA P-521"),
            (pkcs8_of(ec, &curve("1.3.132.0.10")), "ECDSA secp256k1"),
            (pkcs8_of(ec, &curve("1.3.36.3.3.2.8.1.1.7")), "object identifier 1.3.36.3.3.2.8.1.1.7"),
            (pkcs8_of(ec, &[0x30, 0]), "ECDSA on a curve without a name"),
            (pkcs8_of("1.2.3.4", &[]), "object identifier 1.2.3.4"),
        ] {
            assert_eq!(read(&text).unwrap_err(), SignError::KindUnsupported { found: found.to_owned() });
        }
        let parameters = element(0xa0, &[&curve("1.3.132.0.35")]);
        let sec1 = element(0x30, &[&[2, 1, 1], &element(0x04, &[&[7; 66]]), &parameters]);
        let p521 = read(&pem::encode(SEC1_LABEL, &sec1)).unwrap_err();
        assert_eq!(p521, SignError::KindUnsupported { found: "ECDSA P-521".to_owned() });
    }

    #[test]
    fn damaged_files_are_refused() {
        let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
        let text = key.to_pem().unwrap();
        for end in 0..text.trim_end().len() {
            assert_eq!(code(read(&text[..end])), "key-pem-invalid", "cut at {end}");
        }
        assert_eq!(code(read(&format!("{}{}", *text, *text))), "key-pem-invalid");
        assert_eq!(code(read(&format!("{}{}", *text, key.public_key_pem()))), "key-pem-invalid");
        assert_eq!(code(PrivateKey::from_pem(&[0xff, 0, 0x30], &mut unasked)), "key-pem-invalid");
        assert_eq!(code(PrivateKey::from_pem(&vec![b'A'; 70_000], &mut unasked)), "key-pem-too-large");
    }

    #[test]
    fn damaged_structures_are_refused() {
        for kind in KeyKind::ALL {
            let der = PrivateKey::generate(kind).unwrap().to_pkcs8().unwrap();
            let trailing = [der.as_slice(), &[0]].concat();
            assert_eq!(code(read(&pem::encode(PKCS8_LABEL, &trailing))), "key-malformed");
            let mut version = der.to_vec();
            let at = version.windows(3).position(|window| window == [2, 1, 0]).unwrap();
            version[at + 2] = 2;
            assert_eq!(code(read(&pem::encode(PKCS8_LABEL, &version))), "key-malformed");
            for end in 0..der.len() {
                assert_eq!(code(read(&pem::encode(PKCS8_LABEL, &der[..end]))), "key-malformed", "cut at {end}");
            }
        }
        assert_eq!(code(read(&pkcs8_of("1.3.101.112", &[5, 0]))), "key-malformed");
        assert_eq!(code(read(&pkcs8_of("1.2.840.10045.2.1", &[]))), "key-malformed");
        assert_eq!(code(read(&pkcs8_of("1.3.101.112", &[]))), "key-malformed");
    }

    #[test]
    fn halves_that_do_not_belong_together_are_refused() {
        let secret = p256::SecretKey::from_slice(&[7; 32]).unwrap();
        let other = p256::SecretKey::from_slice(&[8; 32]).unwrap().public_key().to_sec1_bytes();
        let good = sec1(P256_OID, &secret.to_bytes(), &secret.public_key().to_sec1_bytes());
        assert!(read(&pem::encode(SEC1_LABEL, &good)).is_ok());
        let bad = sec1(P256_OID, &secret.to_bytes(), &other);
        assert_eq!(code(read(&pem::encode(SEC1_LABEL, &bad))), "key-malformed");
        let mut ed25519 = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).to_pkcs8_der().unwrap().as_bytes().to_vec();
        *ed25519.last_mut().unwrap() ^= 1;
        assert_eq!(code(read(&pem::encode(PKCS8_LABEL, &ed25519))), "key-malformed");
    }

    #[test]
    fn sec1_keys_must_name_their_curve() {
        // RFC 5915 section 3 demands the curve; some libraries leave it out.
        let theirs = p256::SecretKey::from_slice(&[7; 32]).unwrap().to_sec1_pem(LineEnding::LF).unwrap();
        assert_eq!(code(read(&theirs)), "key-malformed");
        let bare = element(0x30, &[&[2, 1, 1], &element(0x04, &[&[7; 32]])]);
        assert_eq!(code(read(&pem::encode(SEC1_LABEL, &bare))), "key-malformed");
        let zero = element(0x30, &[&[2, 1, 1], &element(0x04, &[&[0; 32]]), &element(0xa0, &[&curve(P256_OID)])]);
        assert_eq!(code(read(&pem::encode(SEC1_LABEL, &zero))), "key-malformed");
        // A label promises a format; PKCS#8 under the SEC1 label is not read.
        let pkcs8 = PrivateKey::generate(KeyKind::EcdsaP256).unwrap().to_pkcs8().unwrap();
        assert_eq!(code(read(&pem::encode(SEC1_LABEL, &pkcs8))), "key-malformed");
    }

    #[test]
    fn hint_is_the_digest_of_the_public_key() {
        let key = PrivateKey::generate(KeyKind::EcdsaP384).unwrap();
        assert_eq!(key.hint(), STANDARD.encode(sha2::Sha256::digest(key.public_key_der())));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let key = read(&p256::SecretKey::from_slice(&[7; 32]).unwrap().to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap();
        assert_eq!(format!("{key:?}"), format!("PrivateKey {{ kind: EcdsaP256, hint: {:?}, .. }}", key.hint()));
    }
}
