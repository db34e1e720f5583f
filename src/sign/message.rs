//! A plain signature over a message, which attests nothing.

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::formats::digest::Algorithm;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::verify::Message;

/// Signs a message: a bundle v0.3 that names the key by its hint and notes the message's digest, of the hash that the key
/// signs with, or SHA-256 beside a key that signs the bytes themselves.
///
/// # Errors
/// `key-signs-no-digest` where only a digest is known and the key is Ed25519; `signing-failed`, also for a digest of another
/// hash than the key's.
pub fn sign_message(key: &PrivateKey, message: &Message<'_>) -> Result<Bundle, SignError> {
    let signature = match message {
        Message::Bytes(bytes) => key.sign(bytes)?,
        Message::Digest(digest) => key.sign_digest(digest)?,
    };
    let algorithm = key.kind().hash().unwrap_or(Algorithm::Sha256);
    let name = algorithm.sigstore_name().ok_or(SignError::SigningFailed)?;
    let digest = message.digest(algorithm).ok_or(SignError::SigningFailed)?;
    Ok(Bundle {
        version: Version::V0_3,
        content: Content::Message { digest: Some((name.to_owned(), digest.bytes().to_vec())), signature },
        signer: Signer::PublicKey { hint: key.hint() },
        log_entries: Vec::new(),
        timestamps: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sign::key::KeyKind;
    use crate::trust::key::PublicKey;
    use crate::trust::key::Spelling;
    use crate::trust::key::digest_of;

    #[test]
    fn the_bytes_are_signed_as_they_are_and_by_their_digest_alike() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let (name, own) = match kind {
                KeyKind::EcdsaP256 => ("SHA2_256", Some(Algorithm::Sha256)),
                KeyKind::EcdsaP384 => ("SHA2_384", Some(Algorithm::Sha384)),
                KeyKind::Ed25519 => ("SHA2_256", None),
            };
            let noted = digest_of(own.unwrap_or(Algorithm::Sha256), b"bytes").unwrap();
            let judge = |bundle: Bundle| {
                assert_eq!(Bundle::from_json(bundle.to_json()).unwrap(), bundle);
                let Content::Message { digest, signature } = &bundle.content else { panic!("{bundle:?}") };
                assert_eq!(digest, &Some((name.to_owned(), noted.bytes().to_vec())));
                let public = PublicKey::from_spki(key.public_key_der()).unwrap();
                public.verify(b"bytes", signature, Spelling::Exact).unwrap();
                assert!(public.verify(b"bytez", signature, Spelling::Lenient).is_err());
            };
            judge(sign_message(&key, &Message::Bytes(b"bytes")).unwrap());
            for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
                let digest = digest_of(algorithm, b"bytes").unwrap();
                let signed = sign_message(&key, &Message::Digest(&digest)).map_err(|error| error.code());
                match (own, own == Some(algorithm)) {
                    (None, _) => assert_eq!(signed, Err("key-signs-no-digest")),
                    (Some(_), false) => assert_eq!(signed, Err("signing-failed")),
                    (Some(_), true) => judge(signed.unwrap()),
                }
            }
        }
    }
}
