//! Statement to signed bundle.

pub mod error;
pub mod key;
pub mod keyless;
pub mod message;
pub mod privacy;

mod encrypted;
mod pem;

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::bundle::Version;
use crate::formats::envelope;
use crate::formats::envelope::Envelope;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::envelope::Signature;
use crate::formats::payload::Payload;
use crate::sign::key::PrivateKey;

pub use error::SignError;

/// Signs a Statement's bytes as they are: a DSSE envelope in a bundle v0.3 that names the key by its hint.
///
/// The envelope's `keyid` stays empty, as cosign leaves it: it would say again what the hint says, and be as
/// unauthenticated. There is no certificate, no log entry and no timestamp.
///
/// # Errors
/// `signing-failed`.
pub fn sign_statement(key: &PrivateKey, statement: &[u8]) -> Result<Bundle, SignError> {
    sign_payload(key, &Payload::from(statement))
}

/// The same with a Statement that may have been measured alone.
///
/// # Errors
/// `signing-failed`; `key-signs-no-digest` for Ed25519 and a payload that is not held.
pub fn sign_payload(key: &PrivateKey, statement: &Payload) -> Result<Bundle, SignError> {
    let sig = match statement {
        Payload::Held(bytes) => key.sign(&envelope::pae(IN_TOTO_PAYLOAD_TYPE, bytes))?,
        Payload::Measured(measured) => {
            let hash = key.kind().hash().ok_or(SignError::DigestNotSigned { found: key.kind() })?;
            let digest = measured.encoded.iter().find(|one| one.algorithm() == hash);
            key.sign_digest(digest.ok_or(SignError::SigningFailed)?)?
        }
    };
    let envelope = Envelope {
        payload_type: IN_TOTO_PAYLOAD_TYPE.to_owned(),
        payload: statement.clone(),
        signatures: vec![Signature { keyid: String::new(), sig, cert: None }],
        source: None,
    };
    Ok(Bundle {
        version: Version::V0_3,
        content: Content::Envelope(envelope),
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
        // Neither minimal JSON nor even a Statement: what it is, is for the caller to say.
        let statement = b" {\"_type\" : 1.0}\n";
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let bundle = sign_statement(&key, statement).unwrap();
            assert_eq!(bundle.unverified_payload(), Some(&statement[..]));
            assert_eq!(bundle.signer, Signer::PublicKey { hint: key.hint() });
            let read = Bundle::from_json(bundle.to_json()).unwrap();
            assert_eq!(read, bundle);
            let Content::Envelope(envelope) = &read.content else { panic!("{read:?}") };
            let public = PublicKey::from_spki(key.public_key_der()).unwrap();
            let [signature] = envelope.signatures.as_slice() else { panic!("{envelope:?}") };
            assert_eq!(signature.keyid, "");
            public.verify(&envelope.pae().unwrap(), &signature.sig, Spelling::Exact).unwrap();
            assert_eq!(public.hint(), key.hint());
        }
    }
}
