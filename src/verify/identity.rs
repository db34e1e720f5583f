//! Step 8: who signed.

use crate::formats::certificate::Claims;
use crate::formats::certificate::San;
use crate::trust::key::KeyKind;
use crate::trust::rings::Ring;
use crate::verify::VerifyError;
use crate::verify::certificate::ChainVerified;
use crate::verify::signature::SignatureVerified;

/// Who signed. Only verification makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// A workload: its certificate names a URI, usually a workflow at a ref.
    #[non_exhaustive]
    Workload(CertificateIdentity),
    /// A person: the certificate names an e-mail address or a user.
    #[non_exhaustive]
    Person(CertificateIdentity),
    /// Whoever holds a key.
    #[non_exhaustive]
    Key {
        /// Who vouches for the key.
        voucher: String,
        /// Where the key comes from.
        ring: Ring,
        /// The name that the signature had to give, if the key has one.
        keyid: Option<String>,
        /// What kind of key.
        kind: KeyKind,
        /// `sha256:` of the SubjectPublicKeyInfo.
        fingerprint: String,
    },
}

/// What a verified certificate says about its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateIdentity {
    /// The subject alternative name.
    pub san: San,
    /// The OIDC issuer that vouched for it.
    pub issuer: String,
    /// The Fulcio extensions.
    pub claims: Claims,
}

impl Identity {
    /// What the certificate says, if there is one.
    pub fn certificate(&self) -> Option<&CertificateIdentity> {
        match self {
            Self::Workload(identity) | Self::Person(identity) => Some(identity),
            Self::Key { .. } => None,
        }
    }
}

/// The identity was read from verified material.
#[derive(Debug)]
pub(super) struct IdentityChecked {
    identity: Identity,
}

impl IdentityChecked {
    /// Gives the identity up.
    pub(super) fn into_identity(self) -> Identity {
        self.identity
    }
}

/// Reads the identity out of the verified certificate or key. An identity is a pair of name and issuer: a certificate
/// without an issuer names nobody.
///
/// # Errors
/// `issuer-missing`.
pub(super) fn check(chain: ChainVerified, signature: &SignatureVerified) -> Result<IdentityChecked, VerifyError> {
    let identity = match (chain, signature.trusted_key()) {
        (ChainVerified::Certificate(leaf), _) => {
            let certificate = leaf.into_certificate();
            let issuer = certificate.issuer().ok_or(VerifyError::IssuerMissing)?.to_owned();
            let identity = CertificateIdentity { san: certificate.san, issuer, claims: certificate.claims };
            match identity.san {
                San::Uri(_) => Identity::Workload(identity),
                San::Email(_) | San::Username(_) => Identity::Person(identity),
            }
        }
        (ChainVerified::NoCertificate, Some(trusted)) => Identity::Key {
            voucher: trusted.voucher.clone(),
            ring: trusted.ring,
            keyid: trusted.keyid.clone(),
            kind: trusted.key.kind(),
            fingerprint: trusted.key.fingerprint(),
        },
        (ChainVerified::NoCertificate, None) => {
            return Err(VerifyError::SignerKind { expected: "a certificate or a trusted key", found: "neither" });
        }
    };
    Ok(IdentityChecked { identity })
}
