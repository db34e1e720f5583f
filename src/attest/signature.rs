//! Plain signatures: sign bytes, verify what was signed, on one page.

use jiff::Timestamp;

use crate::attest;
use crate::attest::AttestError;
use crate::attest::SKEW;
use crate::attest::SignedBy;
use crate::attest::Signer;
use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::sign::message;
use crate::verify::Message;

/// A plain signature that was verified, and may be given out. It attests nothing.
#[derive(Debug)]
pub struct SignedMessage {
    /// The bundle: one line of JSON without its line break, the very bytes that were verified.
    pub line: Vec<u8>,
    /// What stands in it.
    pub bundle: Bundle,
    /// What it verifies with.
    pub signer: SignedBy,
}

/// Signs bytes as they are, or what has a digest, and verifies the finished bundle as a user would who trusts this signer and nothing else.
/// Nothing that would be refused is given out. `name` is what errors call them; `clock` is read when it is verified.
///
/// # Errors
/// [`AttestError`]; nothing was signed, or what was signed is withheld.
pub fn sign_message(
    signer: Signer<'_>,
    name: &str,
    message: &Message<'_>,
    clock: impl Fn() -> Timestamp,
) -> Result<SignedMessage, AttestError> {
    attest::still_valid(signer, clock())?;
    let bundle = match signer {
        Signer::Key(key) => message::sign_message(key, message)?,
        Signer::Keyless { certified, services, .. } => certified.sign_message(message, services)?,
    };
    let line = bundle.to_text();
    let bundle = attestations::parse(&line)?.pop().ok_or(FormatError::Empty)?.bundle?;
    let (verifier, signer) = attest::verifier(signer)?;
    verifier
        .verify_message(&bundle, message, clock() + SKEW)
        .map_err(|error| AttestError::SelfCheck { artifact: name.to_owned(), error })?;
    Ok(SignedMessage { line, bundle, signer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bundle::Content;
    use crate::sign::key::KeyKind;
    use crate::sign::key::PrivateKey;

    #[test]
    fn bytes_are_signed_and_verified_by_every_kind_of_key() {
        for kind in KeyKind::ALL {
            let key = PrivateKey::generate(kind).unwrap();
            let signed = sign_message(Signer::Key(&key), "m", &Message::Bytes(b"message"), Timestamp::now).unwrap();
            assert!(matches!(signed.bundle.content, Content::Message { digest: Some(_), .. }), "{kind:?}");
            let read = attestations::parse(&signed.line).unwrap().pop().unwrap().bundle.unwrap();
            assert_eq!(read, signed.bundle);
            let (verifier, _) = attest::verifier(Signer::Key(&key)).unwrap();
            let other = verifier.verify_message(&read, &Message::Bytes(b"messagf"), Timestamp::now());
            assert!(other.is_err(), "{kind:?}");
        }
    }
}
