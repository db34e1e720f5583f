//! Why a key cannot be read or a signature cannot be made.

use thiserror::Error;

use crate::generate::agreement::token::NotOfToken;
use crate::remote::RemoteError;
use crate::remote::token::TokenError;
use crate::sign::key::KeyKind;

/// Why a key cannot be read or a signature cannot be made.
///
/// No text holds any part of a key, a password or a file's body.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignError {
    /// A JSON text under an `ENCRYPTED … PRIVATE KEY` label does not have the documented shape.
    #[error("the encrypted private key is not the expected JSON: {text}")]
    EncryptedInvalid {
        /// What the JSON reader said.
        text: String,
    },
    /// An encrypted key asks for an algorithm or a cost that is not one of the known ones.
    #[error("unsupported parameters of an encrypted private key: {field} must be {expected}, found {found}")]
    EncryptedParameters {
        /// Name of the JSON field.
        field: &'static str,
        /// What the field may hold.
        expected: &'static str,
        /// What it holds.
        found: String,
    },
    /// The PEM block holds a private key in a wrapping that is not read.
    #[error("a PEM block labelled {label} cannot be read; expected a plain {accepted}", accepted = crate::sign::key::LABELS)]
    FormatUnsupported {
        /// The block's label, and the reason where the label alone does not tell.
        label: String,
    },
    /// A key pair could not be generated or written down.
    #[error("the private key could not be generated or encoded")]
    GenerationFailed,
    /// A file is signed by its digest, and such a key signs no digests.
    #[error(
        "expected an ECDSA key to sign a file, found {found}, whose signature nobody can check by the file's digest"
    )]
    DigestNotSigned {
        /// Kind of the key.
        found: KeyKind,
    },
    /// A log takes no signature of such a key.
    #[error("expected an ECDSA P-256 key to sign into a log of Rekor v2, found {found}")]
    KeyNotLogged {
        /// Kind of the key.
        found: KeyKind,
    },
    /// The private key is well-formed, and of a kind that is not used here.
    #[error("expected an ECDSA P-256, ECDSA P-384 or Ed25519 private key, found {found}")]
    KindUnsupported {
        /// Name of the kind, or its object identifier.
        found: String,
    },
    /// The bytes inside the PEM block or the encryption are not a valid private key.
    #[error("the private key is malformed: {text}")]
    Malformed {
        /// What the ASN.1 reader or the cryptographic library said.
        text: String,
    },
    /// The PEM block is well-formed and holds no private key.
    #[error("expected a private key, found a PEM block labelled {label}")]
    NotPrivate {
        /// The block's label.
        label: String,
    },
    /// The key is encrypted and nobody could say its password.
    #[error("the private key is encrypted and no password was given")]
    PasswordMissing,
    /// The key does not open with this password, or its ciphertext was damaged; the two cannot be told apart.
    #[error("the password does not open the private key")]
    PasswordWrong,
    /// The file is not one whole PEM block.
    #[error("expected one PEM block with a private key: {0}")]
    PemInvalid(PemFault),
    /// The file is larger than any private key.
    #[error("a private key file has at most {cap} bytes, found {found}")]
    PemTooLarge {
        /// Most bytes read.
        cap: usize,
        /// Bytes found.
        found: usize,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes could be had")]
    RandomnessUnavailable,
    /// A service that takes part in signing could not, or lied.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// Signing would publish the names of a source that is not known to be public.
    #[error("expected a public source, or leave to publish its names, found a source that is {visibility}")]
    SourceNotPublic {
        /// What the token says of it.
        visibility: &'static str,
    },
    /// The certificate is for somebody else than the token.
    #[error("expected a certificate for {:?} of the token, found {:?} in its {}", .0.token, .0.certificate, .0.field)]
    CertificateNotOfToken(NotOfToken),
    /// The cryptographic library refused to sign.
    #[error("signing failed")]
    SigningFailed,
    /// Nobody would say when it was signed, and a certificate of ten minutes proves nothing without that.
    #[error("expected a timestamp authority or a log of Rekor v1, found nobody who proves when it is signed")]
    TimeUnprovable,
    /// The identity token cannot be used.
    #[error(transparent)]
    Token(#[from] TokenError),
}

impl SignError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DigestNotSigned { .. } => "key-signs-no-digest",
            Self::EncryptedInvalid { .. } => "key-encrypted-invalid",
            Self::EncryptedParameters { .. } => "key-encrypted-parameters",
            Self::FormatUnsupported { .. } => "key-format-unsupported",
            Self::GenerationFailed => "key-generation-failed",
            Self::KeyNotLogged { .. } => "key-not-logged",
            Self::KindUnsupported { .. } => "key-kind-unsupported",
            Self::Malformed { .. } => "key-malformed",
            Self::NotPrivate { .. } => "key-not-private",
            Self::PasswordMissing => "key-password-missing",
            Self::PasswordWrong => "key-password-wrong",
            Self::PemInvalid(_) => "key-pem-invalid",
            Self::PemTooLarge { .. } => "key-pem-too-large",
            Self::RandomnessUnavailable => "randomness-unavailable",
            Self::Remote(error) => error.code(),
            Self::CertificateNotOfToken(_) => "certificate-not-of-token",
            Self::SigningFailed => "signing-failed",
            Self::SourceNotPublic { .. } => "source-not-public",
            Self::TimeUnprovable => "signing-time-unprovable",
            Self::Token(error) => error.code(),
        }
    }

    /// Whether it was decided: a service answered something that is not so. Everything else could not be done.
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Remote(error) => error.is_refusal(),
            Self::Token(error) => error.is_refusal(),
            Self::CertificateNotOfToken(_) => true,
            _ => false,
        }
    }
}

/// What is wrong with a PEM file (RFC 7468).
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PemFault {
    /// The text between the boundaries is not padded standard base64.
    #[error("the text between the boundaries is not base64")]
    Base64,
    /// More than one block.
    #[error("found {} blocks ({})", .0.len(), .0.join(", "))]
    Blocks(Vec<String>),
    /// A line starts like a boundary and is none.
    #[error("line {line} is a damaged boundary")]
    Boundary {
        /// Line number, from 1.
        line: usize,
    },
    /// Nothing but white space.
    #[error("the file is empty")]
    Empty,
    /// The label at the end is not the one at the beginning.
    #[error("the block begins as {begin} and ends as {end}")]
    LabelsDiffer {
        /// Label of the BEGIN line.
        begin: String,
        /// Label of the END line.
        end: String,
    },
    /// No BEGIN line.
    #[error("no BEGIN line was found")]
    NoBlock,
    /// Bytes that are not ASCII.
    #[error("the file is not text")]
    NotText,
    /// Text before or after the block.
    #[error("line {line} stands outside of the block")]
    Outside {
        /// Line number, from 1.
        line: usize,
    },
    /// No END line.
    #[error("the block {label} has no END line")]
    Truncated {
        /// Label of the BEGIN line.
        label: String,
    },
}
