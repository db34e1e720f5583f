//! Generate, sign and verify what was signed, on one page.

pub mod document;
mod line;
pub mod signature;
pub mod summary;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

use crate::attest::document::Around;
use crate::attest::document::Document;
use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::ArtifactError;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::certificate::SigningCertificate;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::payload::Payload;
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
use crate::sign::sign_payload;
use crate::store::file::StoreError;
use crate::trust::TrustError;
use crate::trust::key::PublicKey;
use crate::trust::root::TrustedRoot;
use crate::verify::Authenticated;
use crate::verify::TrustedKey;
use crate::verify::Verifier;
use crate::verify::VerifyError;

pub use line::Line;

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
    /// The same of a predicate that is not held. Where everything about it can be done while it passes by, it is.
    Document {
        /// Predicate type URI.
        predicate_type: &'a str,
        /// The predicate.
        document: &'a Document,
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

    /// Signs a Statement, and has it logged and timestamped by the services that there are.
    fn sign(&self, statement: &Payload) -> Result<Bundle, SignError> {
        match self {
            Self::Key(key) => sign_payload(key, statement),
            Self::Keyless { certified, services, .. } => certified.sign_payload(statement, services),
        }
    }

    /// Whether digests of a Statement are enough to sign and log it.
    fn takes_digests(&self) -> bool {
        match self {
            Self::Key(key) => key.kind().hash().is_some(),
            Self::Keyless { services, .. } => services.take_digests(),
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
    /// The attestation.
    pub line: Line,
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
    /// A predicate that is not held cannot be read any more, or the attestation about it cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
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
            Self::Store(error) => error.code(),
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

/// Whether [`statement()`] would give one that these services take, as far as that is known without its predicate where that is not
/// held. For whoever wants to know before anything public is asked.
///
/// # Errors
/// As [`statement()`]; `log-entry-too-large`.
pub fn check(artifacts: &[Artifact], claim: Claim<'_>, services: &Services) -> Result<(), AttestError> {
    let length = match claim {
        Claim::Document { predicate_type, document } => {
            let (before, after) = statement::statement_around(named(artifacts), predicate_type)?;
            let around = Around::new(&before, document, after);
            outline(&around)?;
            around.length()
        }
        _ => u64::try_from(prepare(artifacts, claim)?.bytes.len()).unwrap_or(u64::MAX),
    };
    Ok(services.take(length)?)
}

fn named(artifacts: &[Artifact]) -> impl Iterator<Item = (&str, &[Digest])> {
    artifacts.iter().map(|artifact| (artifact.name(), artifact.digests()))
}

/// A Statement without its predicate, held against the schema.
fn outline(around: &Around<'_>) -> Result<Value, AttestError> {
    let value = validate::read(&around.outline())?;
    validate_accepting(&value)?;
    Ok(value)
}

/// A Statement that may be signed, as bytes and as they read.
struct Prepared {
    bytes: Vec<u8>,
    value: Value,
}

fn prepare(artifacts: &[Artifact], claim: Claim<'_>) -> Result<Prepared, AttestError> {
    let subjects = named(artifacts);
    let bytes = match claim {
        Claim::Document { predicate_type, document } => {
            return prepare(artifacts, Claim::Predicate { predicate_type, predicate: &document.read()? });
        }
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
        Claim::Predicate { .. } | Claim::Document { .. } | Claim::Statement(_) | Claim::Signature(_) => {
            validate_accepting(&value)?;
        }
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
    // 1. Facts to the bytes of a Statement; 2. signed; 3. written as it will be given out; 4. and read again.
    let (line, bundle) = match (claim, form) {
        (Claim::Document { predicate_type, document }, Form::Bundle) if signer.takes_digests() => {
            sign_passing(signer, artifacts, (predicate_type, document), clock())?
        }
        _ => sign_held(signer, artifacts, claim, form, clock())?,
    };
    // 5. Verify it as a user would who trusts the signer and nothing else.
    let (authenticated, signer) = verify_own(&bundle, signer, clock() + SKEW)?;
    let failed = |artifact: &str| {
        let artifact = artifact.to_owned();
        move |error| AttestError::SelfCheck { artifact, error }
    };
    // 6. Each artifact must be a subject, and each subject that somebody else named must be one to a verifier.
    for artifact in artifacts {
        authenticated.bind(artifact).map_err(|error| match claim {
            Claim::Statement(_) => AttestError::NotASubject { artifact: artifact.name().to_owned(), error },
            _ => failed(artifact.name())(error),
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

/// Signs a Statement that is held.
fn sign_held(
    signer: Signer<'_>,
    artifacts: &[Artifact],
    claim: Claim<'_>,
    form: Form,
    now: Timestamp,
) -> Result<(Line, Bundle), AttestError> {
    let Prepared { bytes, value } = prepare(artifacts, claim)?;
    may_sign(signer, &value, now)?;
    drop(value);
    let bundle = signer.sign(&Payload::from(bytes))?;
    let line = Line::Held(line(bundle, form)?);
    let bundle = line.bundle()?;
    Ok((line, bundle))
}

/// Signs a Statement whose predicate passes by: once to be hashed, once to be written, and once more when what was written is
/// read. What is written is what was signed, or it does not verify.
fn sign_passing(
    signer: Signer<'_>,
    artifacts: &[Artifact],
    (predicate_type, document): (&str, &Document),
    now: Timestamp,
) -> Result<(Line, Bundle), AttestError> {
    let (before, after) = statement::statement_around(named(artifacts), predicate_type)?;
    let around = Around::new(&before, document, after);
    may_sign(signer, &outline(&around)?, now)?;
    let payload = around.payload(signer.hash()?).map_err(|error| document.failed(error))?;
    let bundle = signer.sign(&payload)?;
    let text = around.write(&bundle).map_err(|error| document.failed(error))?;
    let line = document::read_back(&text, document)?;
    let bundle = line.bundle()?;
    Ok((line, bundle))
}

/// What a Statement says of the build is what the certificate says, which has not ended: asked before anything is signed.
fn may_sign(signer: Signer<'_>, statement: &Value, now: Timestamp) -> Result<(), AttestError> {
    still_valid(signer, now)?;
    match signer {
        Signer::Keyless { certified, .. } => agree(statement, certified.certificate()),
        Signer::Key(_) => Ok(()),
    }
}

/// The predicate and the certificate name one build.
fn agree(statement: &Value, certificate: &SigningCertificate) -> Result<(), AttestError> {
    let predicate_type = statement.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    Ok(agreement::check(predicate_type, statement.get("predicate").unwrap_or(&Value::Null), certificate)?)
}

/// Verifies what was written as a user would who trusts this signer and nothing else: the public half of the key, or the roots
/// that the services belong to.
fn verify_own(bundle: &Bundle, signer: Signer<'_>, now: Timestamp) -> Result<(Authenticated, SignedBy), AttestError> {
    let (verifier, signer) = verifier(signer)?;
    let failed = |error| AttestError::SelfCheck { artifact: "any artifact".to_owned(), error };
    Ok((verifier.authenticate(bundle, now).map_err(failed)?, signer))
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
