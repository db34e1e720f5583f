//! A plain signature over a message, which attests nothing.

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::trust::key::sha256;

/// The name of SHA-256 in a bundle (sigstore/protobuf-specs, sigstore_common.proto, "HashAlgorithm").
pub(super) const HASH: &str = "SHA2_256";

/// Signs a message's bytes: a bundle v0.3 that names the key by its hint and notes the message's SHA-256.
///
/// # Errors
/// `signing-failed`.
pub fn sign_message(key: &PrivateKey, message: &[u8]) -> Result<Bundle, SignError> {
    let signature = key.sign(message)?;
    Ok(Bundle {
        version: Version::V0_3,
        content: Content::Message { digest: Some((HASH.to_owned(), sha256(message).to_vec())), signature },
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

    #[test]
    fn the_bytes_are_signed_as_they_are() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let bundle = sign_message(&key, b"bytes").unwrap();
            assert_eq!(Bundle::from_json(bundle.to_json()).unwrap(), bundle);
            let Content::Message { digest, signature } = &bundle.content else { panic!("{bundle:?}") };
            assert_eq!(digest, &Some(("SHA2_256".to_owned(), sha256(b"bytes").to_vec())));
            let public = PublicKey::from_spki(key.public_key_der()).unwrap();
            public.verify(b"bytes", signature, Spelling::Exact).unwrap();
        }
    }
}
