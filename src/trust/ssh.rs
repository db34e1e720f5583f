//! The fingerprint by which OpenSSH names a public key.

use der::Decode;
use der::Reader;
use der::SliceReader;
use der::asn1::AnyRef;
use der::asn1::BitStringRef;
use der::asn1::UintRef;
use x509_cert::spki::SubjectPublicKeyInfo;

use crate::formats::base64;
use crate::trust::TrustError;
use crate::trust::key::KeyKind;
use crate::trust::key::PublicKey;
use crate::trust::key::sha256;

/// `SHA256:` and the unpadded base64 of the SHA-256 of the key's SSH wire form, as `ssh-keygen -l` prints it. DSSE
/// libraries name a key so where nobody gave it a name (secure-systems-lab/go-securesystemslib, `SHA256KeyID`).
///
/// # Errors
/// `key-invalid`, which no key that was parsed from a SubjectPublicKeyInfo has.
pub fn fingerprint(key: &PublicKey) -> Result<String, TrustError> {
    let hash = base64::encode(&sha256(&wire(key)?));
    Ok(format!("SHA256:{}", hash.trim_end_matches('=')))
}

/// The wire form: RFC 4253 section 6.6 (RSA), RFC 5656 section 3.1 (ECDSA), RFC 8709 section 4 (Ed25519).
fn wire(key: &PublicKey) -> Result<Vec<u8>, TrustError> {
    let invalid = |error: der::Error| TrustError::KeyInvalid { reason: error.to_string() };
    let info = SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(key.spki()).map_err(invalid)?;
    let raw = info.subject_public_key.raw_bytes();
    let curve = |name: &str| fields(&[format!("ecdsa-sha2-{name}").as_bytes(), name.as_bytes(), raw]);
    Ok(match key.kind() {
        KeyKind::EcdsaP256 => curve("nistp256"),
        KeyKind::EcdsaP384 => curve("nistp384"),
        KeyKind::EcdsaP521 => curve("nistp521"),
        KeyKind::Ed25519 => fields(&[b"ssh-ed25519", raw]),
        KeyKind::Rsa => {
            let (modulus, exponent) = rsa(raw).map_err(invalid)?;
            fields(&[b"ssh-rsa", &positive(exponent.as_bytes()), &positive(modulus.as_bytes())])
        }
    })
}

/// Modulus and public exponent of a PKCS #1 RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa(raw: &[u8]) -> der::Result<(UintRef<'_>, UintRef<'_>)> {
    let mut reader = SliceReader::new(raw)?;
    let pair = reader.sequence(|inner| Ok((UintRef::decode(inner)?, UintRef::decode(inner)?)))?;
    reader.finish(pair)
}

/// A positive `mpint` (RFC 4251 section 5): a zero byte in front where the first bit is set.
fn positive(bytes: &[u8]) -> Vec<u8> {
    let sign: &[u8] = if bytes.first().is_some_and(|byte| *byte >= 0x80) { &[0] } else { &[] };
    [sign, bytes].concat()
}

/// Each field with its length in four bytes before it (RFC 4251 section 5, "string").
fn fields(list: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in list {
        // No public key that is read is longer than its PEM file, 64 KiB.
        out.extend_from_slice(&u32::try_from(field.len()).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(field);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SubjectPublicKeyInfo in base64, and what `ssh-keygen -l` of OpenSSH 9 prints for it.
    const KEYS: [(&str, &str); 5] = [
        (
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEjlM7b6C/e0YluzBmfAH7YH75+LioD+9bMAYocDGHsqNz6x294DMYNm0Gn4Om9ZAAU8c2M8sEGyHFXhqGwfQAtA==",
            "SHA256:Tj3pEEgywOic7EHx925KcrkGZ1GuKRGkCNDMtQP36ls",
        ),
        (
            "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEKDwdc2XOR4jyn46/I07f/q1v6Zf76l/6LVjMnfp7HFCLBVJvVbnrsgQPBbSPttDhlHXJkGHkG4i6Uu/bjBaQRxph2GfteZcp2cks0B29IlYw2E7eMqePnmRmTNrFEu+M",
            "SHA256:6MD4KXIBALxv82Gx1JZ5pYJMWf3C7jSxbO+7AU0nAog",
        ),
        (
            "MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAVtXR2Z1bf2NG7rZf2gsHOgxfIuDo9UgyKPAY0sL3EUxdjDCNCr/GmNjJpt8w3OO7xG+VP1D9wmGaAc6tiCgW7NQAPS0bfZuqoqEQ0dgxejnWhHi1xYLQKCTw3XHb2Yomy95Va9Dyk83sniuVI6NFkc4aX552cSpd3vx7XGuLyQUlJRs=",
            "SHA256:YsD73MPOgF4UuB0lhMjnf9HdzPiBrHDDmHuiTkqt5HM",
        ),
        (
            "MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=",
            "SHA256:z/fSv0Z0RZS+Lccbc6ZoOWwt/fbj1VFJGSBKQbo4icE",
        ),
        (
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAr2tNJMKw1YVenVT9VeuHqKPEez13+h/q6ld3QZgZ8hCqo+nVOZrfX0iD3CqRJS93IZna/a3pR0blpxFLcqdrBygf5/qIvhHDYcIn4VFoDoEjgAXK3UL50ng42SVV2dYWBRYWGhymjs7m09yikFqa7lSvHCU1Jv0GjURmJLkHYZoEg20g2ao7Q53cKtjuYuD8XIkmM0WvmCfE6+vvDqFjEPnGBTCJMWM8KxIw9tcYOjubzF4lwvwYesuqgYPdMARnf7Kh1YriSwxF7zV52BZ9dLcl9enOpyMCfoxj4bfqF1A8ZKAftYTmR+5ubjmA8CaUcAQ6VpdRwUKyIS3WYC1SFQIDAQAB",
            "SHA256:J9wnTt+oO+k2eHNtkmT1xRNJR7FrA2BpZrVVgFSiW2c",
        ),
    ];

    #[test]
    fn fingerprints_are_those_of_openssh() {
        for (spki, expected) in KEYS {
            let key = PublicKey::from_spki(&base64::decode(spki).unwrap()).unwrap();
            assert_eq!(fingerprint(&key).unwrap(), expected, "{key:?}");
        }
    }
}
