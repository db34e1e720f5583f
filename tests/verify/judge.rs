//! The second judge, sigstore-verify 0.15.1: what it refuses we refuse, what we accept it accepts, but for named exceptions.

use std::collections::BTreeMap;

use sigstore_trust_root::TrustedRoot;
use sigstore_types::Artifact;
use sigstore_types::ArtifactDigest;
use sigstore_types::Bundle;
use sigstore_types::DerPublicKey;
use sigstore_types::HashAlgorithm;
use sigstore_verify::PublicKeyVerificationPolicy;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::Verifier;

use sealmark::formats::bundle::Content;
use sealmark::formats::bundle::Version;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::log_entry::EntryKind;
use sealmark::formats::statement::Statement;

use crate::corpus;
use crate::fixtures;
use crate::fixtures::About;
use crate::fixtures::Case;
use crate::fixtures::domain;
use crate::lies;
use crate::mutations;
use crate::truths;

/// What the second judge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It believes the attestation.
    Accepts,
    /// It does not, for this reason.
    Refuses(String),
}

impl Outcome {
    fn of(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Accepts,
            Err(reason) => Self::Refuses(reason),
        }
    }
}

/// Asks the second judge about a case: it accepts when it does so under one of the roots and keys.
pub(crate) fn outcome(case: &Case) -> Outcome {
    Outcome::of(judge(case))
}

fn judge(case: &Case) -> Result<(), String> {
    let bundle = Bundle::from_json(&case.text).map_err(|error| error.to_string())?;
    let certificate = bundle.signing_certificate().is_some();
    let logged = !bundle.verification_material.tlog_entries.is_empty();
    let empty = [domain().private_trusted_root()];
    let roots = match case.trust.roots.as_slice() {
        // It takes no bundle without a root; one without logs lends nothing to a key.
        [] if !certificate => &empty,
        roots => roots,
    };
    let mut reasons = vec!["nothing is believed".to_owned()];
    for root in roots {
        let domain_logs = ["tlogs", "ctlogs"].iter().any(|list| root.get(list).is_some());
        let root = TrustedRoot::from_json(&root.to_string()).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
        let mut ask = |policy: &dyn sigstore_verify::Policy| match with_artifact(&verifier, &bundle, policy, case) {
            Ok(()) => true,
            Err(reason) => {
                reasons.push(reason);
                false
            }
        };
        if certificate {
            let any = VerificationPolicy::any_identity();
            if ask(&if domain_logs { any } else { any.skip_tlog_unsafe().skip_sct() }) {
                return Ok(());
            }
            continue;
        }
        for key in &case.trust.keys {
            let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.clone()));
            if ask(&if logged { policy } else { policy.skip_tlog_unsafe() }) {
                return Ok(());
            }
        }
    }
    Err(reasons.pop().unwrap_or_default())
}

fn with_artifact(
    verifier: &Verifier,
    bundle: &Bundle,
    policy: &dyn sigstore_verify::Policy,
    case: &Case,
) -> Result<(), String> {
    let verify = |artifact: Artifact<'_>| {
        verifier.verify(artifact, bundle, policy).map(|_| ()).map_err(|error| error.to_string())
    };
    match &case.about {
        About::Blob(bytes) => verify(Artifact::from_blob(bytes)),
        About::Digests(digests) => {
            let mut last = Err(NO_DIGEST.to_owned());
            for digest in digests {
                let algorithm = match digest.algorithm() {
                    Algorithm::Sha256 => HashAlgorithm::Sha2256,
                    Algorithm::Sha384 => HashAlgorithm::Sha2384,
                    Algorithm::Sha512 => HashAlgorithm::Sha2512,
                    _ => continue,
                };
                let digest = ArtifactDigest::new(algorithm, digest.bytes().to_vec()).unwrap();
                last = verify(Artifact::from_digest(digest));
                if last.is_ok() {
                    break;
                }
            }
            last
        }
    }
}

/// How two verdicts over many cases compare.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) both_accept: usize,
    pub(crate) both_refuse: usize,
    /// We accept, it refuses: by the name of the exception.
    more: BTreeMap<&'static str, usize>,
    /// We refuse, it accepts: by our code.
    stricter: BTreeMap<&'static str, usize>,
    wrong: Vec<String>,
}

/// Why we may accept what it refuses: the reason that it gives, and the property of the case that must be there.
fn exception(case: &Case, reason: &str) -> Option<&'static str> {
    let bundle = fixtures::bundle(&case.text).ok()?;
    let Content::Envelope(envelope) = &bundle.content else { return None };
    if bundle.version == Version::BareEnvelope && reason.contains("missing field `verificationMaterial`") {
        return Some("a bare envelope");
    }
    if envelope.signatures.len() > 1 && reason.contains("must contain exactly one signature") {
        return Some("several signatures");
    }
    if case.text.contains(":null") && reason.contains("invalid type: null") {
        return Some("null for a field that is absent, as the protobuf JSON mapping says");
    }
    let hashed = bundle.log_entries.iter().any(|entry| entry.kind == EntryKind::HashedRekord001);
    if hashed && reason.contains("hashedrekord/0.0.1 is incompatible with a DSSE envelope") {
        return Some("a hashedrekord 0.0.1 of what is signed, as the client specification has it");
    }
    let key = bundle.signer.certificates().is_empty();
    if key && reason.contains("must have at least one tlog entry or timestamp verification data") {
        return Some("a key without a log");
    }
    let known = |digest: &Digest| matches!(digest.algorithm(), Algorithm::Sha256 | Algorithm::Sha512);
    let statement = Statement::of(&envelope.payload).ok()?;
    let named = statement
        .subjects
        .iter()
        .any(|subject| Algorithm::all().filter_map(|a| subject.digest.get(a)).any(|d| known(&d)));
    if !named && (reason.contains("no supported subject digest algorithms") || reason == NO_DIGEST) {
        return Some("a subject in sha384, gitCommit or dirHash");
    }
    None
}

const NO_DIGEST: &str = "no digest that it knows";

/// The codes with which we may refuse what it accepts, each with the reason.
const STRICTER: &[(&str, &str)] = &[
    ("base64-invalid", "thing seven: one spelling of base64"),
    ("json-wrong-type", "thing seven: an array is no object"),
    ("json-field-unknown", "a bundle has the fields of its format and no others"),
    ("json-field-missing", "what the format requires is there, even where the checkpoint says it again"),
    ("json-integer-invalid", "thing seven: one spelling of integers"),
    ("json-duplicate-key", "two readers could see two things"),
    ("too-many", "every list has a cap"),
    ("bundle-ambiguous", "thing two: one arm of a choice"),
    ("bundle-duplicate", "nothing stands there twice"),
    ("bundle-version-shape", "thing one: the label is true"),
    ("log-entry-unproven", "thing three: no idle entry"),
    ("log-time-unsigned", "thing five: no time that nothing signs"),
    ("log-unknown", "thing five: the log that an entry names is one of the root's, in domains without logs too"),
    ("log-checkpoint-invalid", "thing five: the entry's own log signed the checkpoint"),
    ("log-checkpoint-mismatch", "thing six: proof and checkpoint say the same, in v1 too"),
    ("log-inclusion-mismatch", "thing six: a proof says where its leaf is, in v2 too"),
    ("log-entry-mismatch", "an entry names the signer as the bundle does: a certificate of a key is not the key"),
    ("checkpoint-invalid", "a signed note has one spelling and no line that is none"),
    ("statement-type", "thing four: known types of Statement"),
    ("certificate-invalid", "one name, and claims that are text and agree"),
    ("issuer-missing", "an identity is a name and who vouches for it"),
    ("time-in-future", "a timestamp of the future proves nothing"),
    ("timestamp-attribute", "a token is signed as a statement of time, by the certificate that it names"),
    ("subject-weak", "in-toto writes digests in lower case"),
    ("subject-contradiction", "a subject is one thing"),
];

impl Tally {
    fn add(&mut self, case: &Case) {
        match (case.outcome(), outcome(case)) {
            (Ok(_), Outcome::Accepts) => self.both_accept += 1,
            (Err(_), Outcome::Refuses(_)) => self.both_refuse += 1,
            (Ok(_), Outcome::Refuses(reason)) => match exception(case, &reason) {
                Some(name) => *self.more.entry(name).or_default() += 1,
                None => self.wrong.push(format!("{}: we accept, it refuses: {reason}", case.name)),
            },
            (Err(code), Outcome::Accepts) => {
                *self.stricter.entry(code).or_default() += 1;
                if !STRICTER.iter().any(|row| row.0 == code) {
                    self.wrong.push(format!("{}: we refuse with {code}, it accepts", case.name));
                }
            }
        }
    }

    fn close(&self, suite: &str) {
        println!(
            "judge, {suite}: both accept {}, both refuse {}, we alone accept {:?}, we alone refuse {:?}",
            self.both_accept, self.both_refuse, self.more, self.stricter
        );
        assert!(self.wrong.is_empty(), "{suite}: {} unexplained:\n{}", self.wrong.len(), self.wrong.join("\n"));
    }
}

/// Asks both about every case, prints how they compare, and fails with every difference that has no name.
pub(crate) fn compare(suite: &str, cases: impl IntoIterator<Item = Case>) -> Tally {
    let mut tally = Tally::default();
    cases.into_iter().for_each(|case| tally.add(&case));
    tally.close(suite);
    tally
}

#[test]
fn agrees_on_truths() {
    let tally = compare("truths", truths::all());
    assert!(tally.both_accept > 30);
}

#[test]
fn agrees_on_lies() {
    let tally = compare("lies", lies::all());
    assert!(tally.both_refuse > 150);
}

#[test]
fn agrees_on_mutations() {
    let tally = compare("mutations", mutations::cases());
    assert!(tally.both_accept > 10 && tally.both_refuse > 2000);
}

#[test]
fn agrees_on_the_corpus() {
    let cases = [corpus::catalogue(), corpus::slsa_verifier(), corpus::judges_own()].concat();
    let empty = cases.is_empty();
    let tally = compare("corpus", cases);
    assert!(empty || tally.both_accept > 0 && tally.both_refuse > 0);
}
