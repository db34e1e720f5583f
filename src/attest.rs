//! Attest, from what is to be said to an attestation that verifies, on one page.

use jiff::Timestamp;

use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::ArtifactError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::digest::Algorithm;
use crate::formats::json;
use crate::formats::predicate_type::is_type_uri;
use crate::formats::statement::Subject;
use crate::generate::GenerateError;
use crate::generate::facts::BuildFacts;
use crate::generate::statement::NAMELESS;
use crate::generate::statement::statement_around;
use crate::generate::statement::statement_bytes;
use crate::generate::validate::validate_accepting;
use crate::generate::validate::validate_strict;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::sign::sign_statement;
use crate::trust::TrustError;
use crate::trust::key::PublicKey;
use crate::verify::TrustedKey;
use crate::verify::Verifier;
use crate::verify::VerifyError;

/// What is said about the subjects.
#[derive(Debug, Clone, Copy)]
pub enum Claim<'a> {
    /// How they were built.
    Provenance(&'a BuildFacts),
    /// What a predicate says that somebody else made.
    Predicate {
        /// Its type, a URI.
        predicate_type: &'a str,
        /// Its text: one JSON object. It is signed as it is.
        text: &'a [u8],
    },
    /// What a whole Statement says that somebody else made. It is signed as it is, and names its subjects itself.
    Statement(&'a [u8]),
}

/// The shape of what is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A Sigstore bundle v0.3.
    Bundle,
    /// A bare DSSE envelope.
    Envelope,
}

/// What is to be attested, by whom.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is said.
    pub claim: Claim<'a>,
    /// About what; with [`Claim::Statement`], what it must be about at least.
    pub subjects: &'a [Artifact],
    /// Who signs.
    pub key: &'a PrivateKey,
    /// The shape of what is given out.
    pub form: Form,
    /// The time at which it must verify.
    pub now: Timestamp,
}

/// An attestation that verifies.
#[derive(Debug, Clone)]
pub struct Attested {
    /// The attestation: one line of JSON, without a line break.
    pub line: Vec<u8>,
    /// Type of what is said.
    pub predicate_type: String,
    /// How many subjects it is about.
    pub subjects: usize,
    /// What it verifies with.
    pub signer: PublicKey,
}

/// Why there is no attestation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AttestError {
    /// The Statement could not be made, or is not what its schema describes.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// What somebody else made is not strict JSON.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A predicate type that is no URI.
    #[error("a predicate type is a URI with lower-case scheme and host, found {found:?}")]
    PredicateType {
        /// What it is.
        found: String,
    },
    /// A predicate is something else than an object.
    #[error("a predicate is a JSON object, found {found}")]
    PredicateKind {
        /// What it is.
        found: &'static str,
    },
    /// A subject of somebody else's Statement is no artifact.
    #[error("subject {index} of the statement, counted from 0: {reason}")]
    Subject {
        /// Which subject.
        index: usize,
        /// Why it is none.
        reason: ArtifactError,
    },
    /// It could not be signed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The public half of the signing key is none that a verifier takes.
    #[error(transparent)]
    Key(#[from] TrustError),
    /// What was signed would not be accepted.
    #[error("the attestation is not given out, as it would not be accepted: {0}")]
    Refused(#[from] VerifyError),
}

impl AttestError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Generate(error) => error.code(),
            Self::Format(error) => error.code(),
            Self::PredicateType { .. } => "predicate-type-invalid",
            Self::PredicateKind { .. } => "predicate-not-object",
            Self::Subject { reason, .. } => reason.code(),
            Self::Sign(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Refused(error) => error.code(),
        }
    }
}

/// Makes an attestation and gives it out only if it would be accepted.
///
/// 1. Statement: the claim and its subjects as bytes.
/// 2. Schema: the bytes are what our schemas describe.
/// 3. Signature: over those bytes, as they are.
/// 4. Line: the very bytes that will be written.
/// 5. Verification: those are read and authenticated by [`Verifier`], which is what a consumer runs, under the public
///    half of the key alone, and bound to every subject.
///
/// # Errors
/// [`AttestError`]; then nothing is given out.
pub fn attest(request: &Request<'_>) -> Result<Attested, AttestError> {
    // 1 and 2
    let statement = statement(request.claim, request.subjects)?;
    // 3
    let bundle = sign_statement(request.key, &statement)?;
    drop(statement);
    // 4
    let line = line(bundle, request.form)?;
    // 5
    verified(request, line)
}

/// Steps 1 and 2: the bytes of a Statement that makes the claim about the subjects.
///
/// # Errors
/// [`AttestError::Generate`], [`AttestError::Format`], [`AttestError::PredicateType`], [`AttestError::PredicateKind`].
pub fn statement(claim: Claim<'_>, subjects: &[Artifact]) -> Result<Vec<u8>, AttestError> {
    let named = subjects.iter().map(|artifact| (artifact.name(), artifact.digests()));
    match claim {
        Claim::Provenance(facts) => {
            let bytes = statement_bytes(named, &facts.predicate())?;
            validate_strict(&json::parse(&bytes)?)?;
            Ok(bytes)
        }
        Claim::Predicate { predicate_type, text } => {
            if !is_type_uri(predicate_type) {
                return Err(AttestError::PredicateType { found: predicate_type.to_owned() });
            }
            // By itself first: only a text that is one whole value stays one inside of another.
            let predicate = json::parse(text)?;
            if !predicate.is_object() {
                return Err(AttestError::PredicateKind { found: json::kind(&predicate) });
            }
            drop(predicate);
            let bytes = statement_around(named, predicate_type, text)?;
            validate_accepting(&json::parse(&bytes)?)?;
            Ok(bytes)
        }
        Claim::Statement(bytes) => {
            validate_accepting(&json::parse(bytes)?)?;
            Ok(bytes.to_vec())
        }
    }
}

fn line(bundle: Bundle, form: Form) -> Result<Vec<u8>, AttestError> {
    let bundle = match (form, bundle.content) {
        (Form::Envelope, Content::Envelope(envelope)) => Bundle::from_envelope(envelope)?,
        (_, content) => Bundle { content, ..bundle },
    };
    Ok(bundle.to_json().to_string().into_bytes())
}

fn verified(request: &Request<'_>, line: Vec<u8>) -> Result<Attested, AttestError> {
    let signer = PublicKey::from_spki(request.key.public_key_der())?;
    let trusted = TrustedKey { voucher: "the key that signed".to_owned(), key: signer.clone() };
    let verifier = Verifier::new(Vec::new(), vec![trusted]);
    let mut found = attestations::parse(&line)?;
    let bundle = found.pop().ok_or(FormatError::Empty)?.bundle?;
    let authenticated = verifier.authenticate(&bundle, request.now)?;
    drop(bundle);
    for artifact in request.subjects {
        authenticated.bind(artifact)?;
    }
    let statement = authenticated.statement();
    if let Claim::Statement(_) = request.claim {
        for (index, subject) in statement.subjects.iter().enumerate() {
            let artifact = artifact(subject).map_err(|reason| AttestError::Subject { index, reason })?;
            authenticated.bind(&artifact)?;
        }
    }
    let (predicate_type, subjects) = (statement.predicate_type.clone(), statement.subjects.len());
    Ok(Attested { line, predicate_type, subjects, signer })
}

/// The artifact that a subject of somebody else's Statement stands for.
fn artifact(subject: &Subject) -> Result<Artifact, ArtifactError> {
    let known = subject.digest.iter().filter_map(|(name, _)| Algorithm::from_name(name));
    let digests = known.filter_map(|algorithm| subject.digest.get(algorithm)).collect();
    let name = subject.name.clone().filter(|name| !name.is_empty());
    Artifact::new(name.unwrap_or_else(|| NAMELESS.to_owned()), digests)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::formats::bundle::Signer;
    use crate::formats::digest::Digest;
    use crate::generate::local::LocalBuild;
    use crate::generate::local::Overrides;
    use crate::sign::key::KeyKind;

    fn key() -> PrivateKey {
        PrivateKey::generate(KeyKind::Ed25519).unwrap()
    }

    fn artifacts(names: &[&str]) -> Vec<Artifact> {
        let one = |(n, name): (usize, &&str)| {
            let digest = Digest::from_hex(Algorithm::Sha256, &format!("{:064x}", n + 1)).unwrap();
            Artifact::new((*name).to_owned(), vec![digest]).unwrap()
        };
        names.iter().enumerate().map(one).collect()
    }

    fn facts() -> BuildFacts {
        let build = LocalBuild {
            git: None,
            parameters: &BTreeMap::new(),
            sealmark_version: "0.1.0",
            invocation_id: None,
            started_on: None,
            finished_on: None,
            overrides: &Overrides::default(),
        };
        build.facts().unwrap()
    }

    fn run(claim: Claim<'_>, subjects: &[Artifact], form: Form) -> Result<Attested, AttestError> {
        attest(&Request { claim, subjects, key: &key(), form, now: Timestamp::UNIX_EPOCH })
    }

    fn payload(attested: &Attested) -> Vec<u8> {
        let bundle = attestations::parse(&attested.line).unwrap().remove(0).bundle.unwrap();
        bundle.unverified_payload().unwrap().to_vec()
    }

    #[test]
    fn provenance_is_given_out_in_both_forms() {
        let (facts, subjects) = (facts(), artifacts(&["a", "b"]));
        for form in [Form::Bundle, Form::Envelope] {
            let attested = run(Claim::Provenance(&facts), &subjects, form).unwrap();
            assert_eq!(attested.subjects, 2);
            assert_eq!(attested.predicate_type, "https://slsa.dev/provenance/v1");
            assert!(!attested.line.contains(&b'\n'));
            let bundle = attestations::parse(&attested.line).unwrap().remove(0).bundle.unwrap();
            let named = matches!(&bundle.signer, Signer::PublicKey { hint } if *hint == attested.signer.hint());
            assert_eq!(named, form == Form::Bundle);
            assert_eq!(payload(&attested), statement(Claim::Provenance(&facts), &subjects).unwrap());
        }
    }

    #[test]
    fn a_foreign_predicate_is_signed_as_it_is() {
        fn claim(text: &[u8]) -> Claim<'_> {
            Claim::Predicate { predicate_type: "https://example.com/x/v1", text }
        }
        let text = br#"{ "n": 12345678901234567890123 }"#;
        let attested = run(claim(text), &artifacts(&["a"]), Form::Bundle).unwrap();
        let found = payload(&attested);
        assert!(found.windows(text.len()).any(|part| part == text));
        let code = |text: &[u8]| run(claim(text), &artifacts(&["a"]), Form::Bundle).unwrap_err().code();
        assert_eq!(code(b"[]"), "predicate-not-object");
        assert_eq!(code(b"null"), "predicate-not-object");
        assert_eq!(code(br#"{"a":1,"a":2}"#), "json-duplicate-key");
        assert_eq!(code(br#"{"a":1},"_type":{"x":1}"#), "json-invalid");
        assert_eq!(code(b""), "json-invalid");
        let slsa = Claim::Predicate { predicate_type: "https://slsa.dev/provenance/v1", text: b"{}" };
        assert_eq!(run(slsa, &artifacts(&["a"]), Form::Bundle).unwrap_err().code(), "statement-invalid");
        let untyped = Claim::Predicate { predicate_type: "x", text: b"{}" };
        assert_eq!(run(untyped, &artifacts(&["a"]), Form::Bundle).unwrap_err().code(), "predicate-type-invalid");
    }

    #[test]
    fn a_foreign_statement_is_signed_as_it_is_and_must_be_about_what_was_named() {
        let one = format!("{:064x}", 1);
        let text = |digest: &str| {
            format!(
                "{{ \"_type\": \"https://in-toto.io/Statement/v0.1\", \"subject\": [{{\"name\":\"\",\"digest\":{digest}}}],\
                 \"predicateType\":\"urn:x\", \"predicate\": {{\"n\": 1.0}} }}\n"
            )
        };
        let good = text(&format!("{{\"sha256\":\"{one}\"}}"));
        let about = |subjects: &[Artifact]| run(Claim::Statement(good.as_bytes()), subjects, Form::Bundle);
        assert_eq!(payload(&about(&[]).unwrap()), good.as_bytes());
        assert_eq!(payload(&about(&artifacts(&["a"])).unwrap()), good.as_bytes());
        assert_eq!(about(&artifacts(&["a", "b"])).unwrap_err().code(), "subject-mismatch");
        let code = |text: &str| run(Claim::Statement(text.as_bytes()), &[], Form::Bundle).unwrap_err().code();
        assert_eq!(code(&text(&format!("{{\"sha1\":\"{}\"}}", "ab".repeat(20)))), "artifact-weak-digest");
        assert_eq!(code(&text("{\"sha256\":\"xy\"}")), "artifact-weak-digest");
        assert_eq!(code(&good.replace("v0.1", "v0.9")), "statement-invalid");
        assert_eq!(code("{}"), "statement-invalid");
        assert_eq!(code("not json"), "json-invalid");
    }

    /// Two subjects that are one artifact to a verifier, and not the same: what sealmark would not accept it does not sign.
    #[test]
    fn what_would_not_be_accepted_is_not_given_out() {
        let text = format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v1\",\"subject\":[\
             {{\"name\":\"a\",\"digest\":{{\"sha256\":\"{one}\",\"sha512\":\"{x}\"}}}},\
             {{\"name\":\"b\",\"digest\":{{\"sha256\":\"{one}\",\"sha512\":\"{y}\"}}}}],\
             \"predicateType\":\"urn:x\",\"predicate\":{{}}}}",
            one = "ab".repeat(32),
            x = "01".repeat(64),
            y = "02".repeat(64),
        );
        let error = run(Claim::Statement(text.as_bytes()), &[], Form::Bundle).unwrap_err();
        assert_eq!(error.code(), "subject-contradiction");
        assert!(matches!(error, AttestError::Refused(_)));
    }
}
