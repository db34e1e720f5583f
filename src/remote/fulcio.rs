//! Asking a Fulcio certificate authority for a certificate.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;
use zeroize::Zeroizing;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::bundle::MAX_CERTIFICATES;
use crate::formats::certificate;
use crate::formats::certificate::SigningCertificate;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::log_entry::pem_block;
use crate::formats::log_entry::pem_text;
use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::http;
use crate::remote::http::Question;
use crate::remote::http::Service;
use crate::remote::token::IdToken;

/// Longest answer that is read, in bytes: a chain of three has about 4 KiB.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// By how much the clock of this machine may be behind the authority's: a certificate that begins that much later than now
/// is taken. Whoever verifies compares with times that others prove.
pub const MAX_SKEW: SignedDuration = SignedDuration::from_secs(60);

/// A certificate authority with the interface of Fulcio v2.
#[derive(Debug, Clone)]
pub struct CertificateAuthority(Service);

/// A certificate that was asked for. The authority is not believed: that its chain leads to a trusted root is for the
/// verifier to say.
#[derive(Debug, Clone)]
pub struct Issued {
    /// Leaf first, DER; at most eight.
    pub chain: Vec<Vec<u8>>,
    /// The leaf. It holds the key that was sent.
    pub leaf: SigningCertificate,
}

impl CertificateAuthority {
    /// The authority at an address, given `total` for each request with all its attempts.
    ///
    /// # Errors
    /// `ca-url-invalid`.
    pub fn new(address: &str, total: Duration) -> Result<Self, RemoteError> {
        Service::signing(Role::CertificateAuthority, address, total).map(Self)
    }

    /// The address.
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// Asks for a certificate that binds a key (SubjectPublicKeyInfo of ECDSA P-256, DER) to the identity of the token
    /// (sigstore/fulcio, fulcio.proto, `CreateSigningCertificate`). `proof` is the signature by that key over
    /// [`IdToken::identity`]. What comes back is looked at: the leaf must hold the very key, and be valid now.
    ///
    /// # Errors
    /// `ca-unavailable`, `ca-status`, `ca-answer-invalid`, `ca-answer-mismatch`.
    pub fn certify(
        &self,
        token: &IdToken,
        public_key: &[u8],
        proof: &[u8],
        now: Timestamp,
    ) -> Result<Issued, RemoteError> {
        let request = json!({
            "publicKey": { "algorithm": "ECDSA", "content": pem_text("PUBLIC KEY", public_key) },
            "proofOfPossession": base64::encode(proof),
        });
        // A token has no character that JSON would escape.
        let credentials = format!(r#"{{"oidcIdentityToken":"{}"}}"#, token.secret());
        let body = Zeroizing::new(format!(r#"{{"credentials":{credentials},"publicKeyRequest":{request}}}"#));
        drop(Zeroizing::new(credentials));
        let question = Question {
            secret: Some(token.secret()),
            cap: MAX_ANSWER,
            ..Question::post("api/v2/signingCert", body.as_bytes())
        };
        let answer = self.0.ask(&question)?.body;
        // Whoever answers knows the token, and may have put it where an error quotes the answer.
        let invalid = |reason: &str| self.0.answer_invalid(http::without(reason, token.secret()));
        let chain = chain(&answer).map_err(|reason| invalid(&reason))?;
        let leaf = chain.first().map(|leaf| SigningCertificate::parse(leaf)).transpose();
        let leaf = leaf.map_err(|error| invalid(&error.to_string()))?;
        let leaf = leaf.ok_or_else(|| invalid("an empty chain"))?;
        if leaf.public_key != public_key {
            return Err(self.0.answer_mismatch("a certificate for the key that was sent", "one for another key"));
        }
        let latest = now.checked_add(MAX_SKEW).unwrap_or(Timestamp::MAX);
        if leaf.not_before > latest || leaf.not_after < now {
            let found = format!("one that is valid from {} to {}, where it is {now}", leaf.not_before, leaf.not_after);
            return Err(self.0.answer_mismatch("a certificate that is valid now", found));
        }
        Ok(Issued { chain, leaf })
    }
}

/// The chain of an answer: `{"signedCertificateEmbeddedSct":{"chain":{"certificates":[PEM…]}}}`.
fn chain(answer: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let text = |error: FormatError| error.to_string();
    let mut top = Fields::new(json::parse(answer).map_err(text)?, "").map_err(text)?;
    if top.take("signedCertificateDetachedSct").is_some() {
        return Err("signedCertificateDetachedSct, an SCT beside the certificate, which no bundle carries".to_owned());
    }
    let read = |top: &mut Fields| {
        let mut chain = top.need_object("signedCertificateEmbeddedSct")?.need_object("chain")?;
        let (path, list) = (chain.at("certificates"), chain.array("certificates", MAX_CERTIFICATES)?);
        list.into_iter().map(|one| der(one, &path)).collect::<Result<Vec<_>, _>>()
    };
    read(&mut top).map_err(text)
}

fn der(value: Value, path: &str) -> Result<Vec<u8>, FormatError> {
    let Value::String(text) = &value else { return Err(json::wrong(path, "a string", &value)) };
    let block = pem_block(text).filter(|(label, der)| *label == "CERTIFICATE" && der.len() <= certificate::MAX_BYTES);
    let wrong = || FormatError::WrongType {
        path: path.to_owned(),
        expected: "one PEM block of a certificate",
        found: "something else",
    };
    block.map(|block| block.1).ok_or_else(wrong)
}
