//! Generate, sign and verify what was signed, on one page.

pub mod signature;
pub mod summary;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::ArtifactError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::certificate::SigningCertificate;
use crate::formats::digest::Algorithm;
use crate::formats::json;
use crate::formats::statement::Statement;
use crate::formats::statement::Subject;
use crate::generate::GenerateError;
use crate::generate::agreement;
use crate::generate::facts::BuildFacts;
use crate::generate::shapes;
use crate::generate::shapes::ShapeError;
use crate::generate::statement;
use crate::generate::v02;
use crate::generate::validate;
use crate::generate::validate::validate_accepting;
use crate::generate::validate::validate_strict;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::sign::keyless::Certified;
use crate::sign::keyless::Services;
use crate::sign::sign_statement;
use crate::trust::TrustError;
use crate::trust::key::PublicKey;
use crate::trust::root::TrustedRoot;
use crate::verify::Authenticated;
use crate::verify::TrustedKey;
use crate::verify::Verifier;
use crate::verify::VerifyError;

/// What is to be attested.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// SLSA provenance of a build.
    Provenance(&'a BuildFacts, Edition),
    /// A predicate that somebody else made; its JSON text is carried byte for byte.
    Predicate {
        /// Predicate type URI.
        predicate_type: &'a str,
        /// A JSON object.
        predicate: &'a [u8],
    },
    /// A whole Statement that somebody else made, signed byte for byte.
    Statement(&'a [u8]),
    /// Nothing but that it was signed, with annotations by name; about one artifact.
    Signature(&'a BTreeMap<String, String>),
}

/// Which edition of SLSA provenance is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// v1, in a Statement v1.
    V1,
    /// v0.2, in a Statement v0.1, for verifiers that read nothing newer.
    V02,
}

/// How far the clock of a log or a timestamp authority may be ahead of this machine's, so that what was signed a moment ago is
/// not taken for something out of the future.
const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// Who signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer<'a> {
    /// A private key, which its users know by its public half.
    Key(&'a PrivateKey),
    /// A workload or a person, whom a certificate authority knows by an identity token.
    Keyless {
        /// The key in memory and its certificate.
        certified: &'a Certified,
        /// Where the signature is logged and timestamped.
        services: &'a Services,
        /// The roots of which one must accept the finished bundle, as its users' verifiers will.
        roots: &'a [TrustedRoot],
    },
}

impl Signer<'_> {
    /// The hash by which messages are signed.
    ///
    /// # Errors
    /// `key-signs-no-digest`.
    pub fn hash(&self) -> Result<Algorithm, SignError> {
        match self {
            Self::Key(key) => key.kind().hash().ok_or(SignError::DigestNotSigned { found: key.kind() }),
            Self::Keyless { .. } => Ok(Certified::HASH),
        }
    }
}

/// Who signed.
#[derive(Debug)]
pub enum SignedBy {
    /// The holder of this key.
    Key(PublicKey),
    /// Whom this certificate names.
    Certificate(Box<SigningCertificate>),
}

/// The shape of what is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Sigstore bundle v0.3.
    Bundle,
    /// A bare DSSE envelope.
    Envelope,
}

/// What was signed, verified, and may be given out.
#[derive(Debug)]
pub struct Attested {
    /// The attestation: one line of JSON without its line break, the very bytes that were verified.
    pub line: Vec<u8>,
    /// The Statement in it.
    pub statement: Statement,
    /// What it verifies with.
    pub signer: SignedBy,
}

/// Why nothing was attested.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The Statement cannot be made, or is not what its schema says.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// What is to be signed is no Statement, or its predicate no JSON.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A predicate of another JSON type.
    #[error("expected a predicate that is a JSON object, found {found}")]
    PredicateNotObject {
        /// What was found.
        found: &'static str,
    },
    /// A predicate of another shape than its type promises.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A signature is about one artifact.
    #[error("expected one artifact to sign, found {found}")]
    NotOne {
        /// How many were given.
        found: usize,
    },
    /// A subject of somebody else's Statement is no artifact: no digest binds it, so that it could never be verified.
    #[error("subject {index} of the statement, counted from 0: {error}")]
    Subject {
        /// Which subject.
        index: usize,
        /// Why it is none.
        error: ArtifactError,
    },
    /// An artifact that the user named is no subject of somebody else's Statement.
    #[error("expected a statement about {artifact}, found another: {error}")]
    NotASubject {
        /// Which artifact.
        artifact: String,
        /// What the verifier says.
        error: VerifyError,
    },
    /// The key does not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The key's public half is of no kind that is verified.
    #[error(transparent)]
    Key(#[from] TrustError),
    /// So many were signed that the certificate ended before the last.
    #[error("expected a certificate that is valid while everything is signed, found one that ended at {at}")]
    CertificateEnded {
        /// When it ended.
        at: Timestamp,
    },
    /// What was signed is not accepted by the verifier that its users run; it is not given out.
    #[error("what was signed does not verify for {artifact}: {error}")]
    SelfCheck {
        /// For which artifact.
        artifact: String,
        /// What the verifier says.
        error: VerifyError,
    },
    /// A summary that was signed does not say what it should; it is not given out.
    #[error("the summary that was signed is not accepted for {artifact}: {found}")]
    SummaryRefused {
        /// For which artifact.
        artifact: String,
        /// The codes of the refusal.
        found: String,
    },
}

impl AttestError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Generate(error) => error.code(),
            Self::Format(error) => error.code(),
            Self::PredicateNotObject { .. } => "predicate-not-object",
            Self::Shape(error) => error.code(),
            Self::NotOne { .. } => "signature-not-of-one",
            Self::Subject { error, .. } => error.code(),
            Self::NotASubject { .. } => "subject-not-in-statement",
            Self::Sign(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::CertificateEnded { .. } => "certificate-ended",
            Self::SelfCheck { .. } | Self::SummaryRefused { .. } => "self-check-failed",
        }
    }
}

/// The bytes of the Statement to be signed: the same inputs give the same bytes. They were read back strictly and held
/// against the schema.
///
/// # Errors
/// [`AttestError`] of generating and reading.
pub fn statement(artifacts: &[Artifact], claim: Claim<'_>) -> Result<Vec<u8>, AttestError> {
    prepare(artifacts, claim).map(|prepared| prepared.bytes)
}

/// A Statement that may be signed, as bytes and as they read.
struct Prepared {
    bytes: Vec<u8>,
    value: Value,
}

fn prepare(artifacts: &[Artifact], claim: Claim<'_>) -> Result<Prepared, AttestError> {
    let subjects = artifacts.iter().map(|artifact| (artifact.name(), artifact.digests()));
    let bytes = match claim {
        Claim::Provenance(facts, Edition::V1) => statement::statement_bytes(subjects, &facts.predicate())?,
        Claim::Provenance(facts, Edition::V02) => statement::statement_v01_bytes(subjects, &v02::predicate(facts))?,
        Claim::Predicate { predicate_type, predicate } => {
            let value = match (shapes::read(predicate_type, predicate), shapes::of_text(predicate_type, predicate)) {
                (Err(_), Some(shape)) => return Err(shape.into()),
                (parsed, _) => parsed?,
            };
            if !value.is_object() {
                return Err(AttestError::PredicateNotObject { found: json::kind(&value) });
            }
            shapes::check(predicate_type, &value)?;
            statement::statement_with(subjects, predicate_type, predicate)?
        }
        Claim::Statement(bytes) => bytes.to_vec(),
        Claim::Signature(annotations) => match artifacts {
            [one] => statement::signature_statement(one.digests(), annotations)?,
            several => return Err(AttestError::NotOne { found: several.len() }),
        },
    };
    let value = validate::read(&bytes)?;
    match claim {
        Claim::Provenance(..) => validate_strict(&value)?,
        Claim::Predicate { .. } | Claim::Statement(_) | Claim::Signature(_) => validate_accepting(&value)?,
    }
    Ok(Prepared { bytes, value })
}

/// Makes the Statement, signs it, and verifies what was signed with the verifier that its users run. Nothing that would
/// be refused is given out. `clock` is read when it is verified, since services take their time.
///
/// # Errors
/// [`AttestError`]; nothing was signed, or what was signed is withheld.
pub fn attest(
    signer: Signer<'_>,
    artifacts: &[Artifact],
    claim: Claim<'_>,
    form: Form,
    clock: impl Fn() -> Timestamp,
) -> Result<Attested, AttestError> {
    // 1. Facts to the bytes of a Statement, held against the schema.
    let Prepared { bytes, value } = prepare(artifacts, claim)?;
    // 2. What it says of the build is what the certificate says, before anything is signed.
    still_valid(signer, clock())?;
    if let Signer::Keyless { certified, .. } = signer {
        agree(&value, certified.certificate())?;
    }
    drop(value);
    // 3. Sign those very bytes; log and timestamp the signature.
    let bundle = match signer {
        Signer::Key(key) => sign_statement(key, &bytes)?,
        Signer::Keyless { certified, services, .. } => certified.sign_statement(&bytes, services)?,
    };
    drop(bytes);
    // 4. Write what will be given out.
    let line = line(bundle, form)?;
    // 5. Read and verify it as a user would who trusts the signer and nothing else.
    let (authenticated, signer) = verify_own(&line, signer, clock() + SKEW)?;
    let failed = |artifact: &str| {
        let artifact = artifact.to_owned();
        move |error| AttestError::SelfCheck { artifact, error }
    };
    // 6. Each artifact must be a subject, and each subject that somebody else named must be one to a verifier.
    for artifact in artifacts {
        authenticated.bind(artifact).map_err(|error| match claim {
            Claim::Statement(_) => AttestError::NotASubject { artifact: artifact.name().to_owned(), error },
            Claim::Provenance(..) | Claim::Predicate { .. } | Claim::Signature(_) => failed(artifact.name())(error),
        })?;
    }
    let statement = authenticated.statement().clone();
    if let Claim::Statement(_) = claim {
        for (index, subject) in statement.subjects.iter().enumerate() {
            let artifact = artifact(subject).map_err(|error| AttestError::Subject { index, error })?;
            authenticated.bind(&artifact).map_err(failed(artifact.name()))?;
        }
    }
    Ok(Attested { line, statement, signer })
}

/// The predicate and the certificate name one build.
fn agree(statement: &Value, certificate: &SigningCertificate) -> Result<(), AttestError> {
    let predicate_type = statement.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    Ok(agreement::check(predicate_type, statement.get("predicate").unwrap_or(&Value::Null), certificate)?)
}

/// Reads what was written and verifies it as a user would who trusts this signer and nothing else: the public half of the
/// key, or the roots that the services belong to.
fn verify_own(line: &[u8], signer: Signer<'_>, now: Timestamp) -> Result<(Authenticated, SignedBy), AttestError> {
    let bundle = attestations::parse(line)?.pop().ok_or(FormatError::Empty)?.bundle?;
    let (verifier, signer) = verifier(signer)?;
    let failed = |error| AttestError::SelfCheck { artifact: "any artifact".to_owned(), error };
    Ok((verifier.authenticate(&bundle, now).map_err(failed)?, signer))
}

/// The verifier of a user who trusts this signer and nothing else.
fn verifier(signer: Signer<'_>) -> Result<(Verifier, SignedBy), AttestError> {
    Ok(match signer {
        Signer::Key(key) => {
            let public = PublicKey::from_spki(key.public_key_der())?;
            let trusted = TrustedKey::named("the signing key", public.clone());
            (Verifier::new(Vec::new(), vec![trusted]), SignedBy::Key(public))
        }
        Signer::Keyless { certified, roots, .. } => {
            let certificate = Box::new(certified.certificate().clone());
            (Verifier::new(roots.to_vec(), Vec::new()), SignedBy::Certificate(certificate))
        }
    })
}

/// Refuses a certificate that has ended: what it signed would be refused by every verifier.
fn still_valid(signer: Signer<'_>, now: Timestamp) -> Result<(), AttestError> {
    match signer {
        Signer::Keyless { certified, .. } if !certified.still_valid(now) => {
            Err(AttestError::CertificateEnded { at: certified.certificate().not_after })
        }
        _ => Ok(()),
    }
}

fn line(bundle: Bundle, form: Form) -> Result<Vec<u8>, AttestError> {
    let bundle = match (form, bundle.content) {
        (Form::Envelope, Content::Envelope(envelope)) => Bundle::from_envelope(envelope)?,
        (_, content) => Bundle { content, ..bundle },
    };
    Ok(bundle.to_text())
}

/// The artifact that a subject of somebody else's Statement stands for.
fn artifact(subject: &Subject) -> Result<Artifact, ArtifactError> {
    let known = subject.digest.iter().filter_map(|(name, _)| Algorithm::from_name(name));
    let digests = known.filter_map(|algorithm| subject.digest.get(algorithm)).collect();
    let name = subject.name.clone().filter(|name| !name.is_empty());
    Artifact::new(name.unwrap_or_else(|| statement::NAMELESS.to_owned()), digests)
}
