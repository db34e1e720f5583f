//! One warm verification beside the sum of its signature checks and beside sigstore-verify. Prints a table; nothing
//! here passes or fails.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::as_conversions, reason = "a benchmark")]

use std::hint::black_box;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use aws_lc_rs::signature;
use aws_lc_rs::signature::ParsedPublicKey;
use der::Decode as _;
use der::Encode as _;
use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::base64;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::certificate::SigningCertificate;
use sealmark::formats::checkpoint::Checkpoint;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::sct;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Verifier;
use serde_json::Value;
use sha2::Digest as _;

#[path = "../tests/support/mod.rs"]
mod support;

use support::virtual_sigstore::IssuedBy;
use support::virtual_sigstore::Key;
use support::virtual_sigstore::KeyKind;
use support::virtual_sigstore::Spec;
use support::virtual_sigstore::StampAuthority;
use support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"artifact bytes";
/// Rounds, of which the fastest counts: the machine may do other work in between.
const ROUNDS: usize = 600;
/// Calls in a round.
const CALLS: u32 = 4;

/// A public key operation that some verification needs.
struct Check {
    key: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Check {
    fn new(key: &Key, message: Vec<u8>, signature: Vec<u8>) -> Self {
        let algorithm: &'static dyn signature::VerificationAlgorithm = match key.kind() {
            KeyKind::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            KeyKind::P384 => &signature::ECDSA_P384_SHA384_ASN1,
            KeyKind::Ed25519 => &signature::ED25519,
        };
        let key = ParsedPublicKey::new(algorithm, key.raw_public()).unwrap();
        let check = Self { key, message, signature };
        check.run();
        check
    }

    /// A certificate's own signature, by the key of its issuer.
    fn certificate(issuer: &Key, der: &[u8]) -> Self {
        let certificate = x509_cert::Certificate::from_der(der).unwrap();
        let signature = certificate.signature.as_bytes().unwrap().to_vec();
        Self::new(issuer, certificate.tbs_certificate.to_der().unwrap(), signature)
    }

    fn run(&self) {
        self.key.verify_sig(&self.message, &self.signature).unwrap();
    }
}

/// Every signature check that a bundle takes.
fn checks(sigstore: &VirtualSigstore, spec: &Spec, bundle: &Bundle) -> Vec<Check> {
    let leaf = bundle.signer.certificates()[0].clone();
    let issuer = sigstore.ca.chain(IssuedBy::Intermediate).swap_remove(0).key;
    let Content::Envelope(envelope) = &bundle.content else { panic!("an attestation") };
    let mut checks = vec![
        Check::certificate(&issuer, &leaf),
        Check::new(&sigstore.signer_key(spec), envelope.pae(), envelope.signatures[0].sig.clone()),
    ];
    let certificate = SigningCertificate::parse(&leaf).unwrap();
    for one in &certificate.scts {
        let tbs = certificate.precertificate_tbs().unwrap();
        let signed = sct::signed_data(one, &sha256(&issuer.spki()), &tbs).unwrap();
        checks.push(Check::new(&sigstore.ct, signed, one.signature.clone()));
    }
    for entry in &bundle.log_entries {
        let log = if entry.kind.is_v2() { &sigstore.rekor_v2.key } else { &sigstore.rekor_v1.key };
        let checkpoint = Checkpoint::parse(&entry.inclusion_proof.as_ref().unwrap().checkpoint).unwrap();
        checks.push(Check::new(log, checkpoint.signed().to_vec(), checkpoint.signatures()[0].signature.clone()));
        if let (Some(set), Some(seconds)) = (&entry.signed_entry_timestamp, entry.integrated_time) {
            let signed = format!(
                r#"{{"body":"{}","integratedTime":{seconds},"logID":"{}","logIndex":{}}}"#,
                base64::encode(&entry.body),
                hex::encode(&entry.log_id),
                entry.log_index
            );
            checks.push(Check::new(log, signed.into_bytes(), set.clone()));
        }
    }
    for stamp in &spec.stamps {
        let chain = sigstore.tsa.chain(stamp.authority);
        for pair in chain.windows(2) {
            checks.push(Check::certificate(&pair[1].key, &pair[0].der));
        }
        // The signed attributes of a token have about 200 bytes.
        let attributes = vec![7; 200];
        let signature = chain[0].key.sign(&attributes);
        checks.push(Check::new(&chain[0].key, attributes, signature));
    }
    checks
}

/// The fastest round of each function, in turns.
fn times<const N: usize>(mut functions: [&mut dyn FnMut(); N]) -> [Duration; N] {
    let mut best = [Duration::MAX; N];
    for _ in 0..ROUNDS {
        for (function, best) in functions.iter_mut().zip(&mut best) {
            let start = Instant::now();
            for _ in 0..CALLS {
                function();
            }
            *best = (*best).min(start.elapsed() / CALLS);
        }
    }
    best
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

struct Subject {
    verifier: Verifier,
    bundle: Bundle,
    artifact: Artifact,
    now: Timestamp,
}

impl Subject {
    fn new(root: &Value, text: &str) -> Self {
        let root = TrustedRoot::parse(root.to_string().as_bytes(), "bench", None).unwrap();
        let bundle = attestations::parse(text.as_bytes()).unwrap().remove(0).bundle.unwrap();
        let digest = Digest::new(Algorithm::Sha256, sha2::Sha256::digest(ARTIFACT).to_vec()).unwrap();
        let artifact = Artifact::new("app".to_owned(), vec![digest]).unwrap();
        let now = "2026-11-21T00:00:00Z".parse().unwrap();
        Self { verifier: Verifier::new(vec![root], Vec::new()), bundle, artifact, now }
    }

    fn verify(&self) {
        black_box(self.verifier.verify(black_box(&self.bundle), &self.artifact, self.now).unwrap());
    }
}

fn compare(name: &str, sigstore: &VirtualSigstore, spec: &Spec, root: &Value) {
    let text = sigstore.mint(spec).to_string();
    let subject = Subject::new(root, &text);
    let checks = checks(sigstore, spec, &subject.bundle);

    let other_root = sigstore_trust_root::TrustedRoot::from_json(&root.to_string()).unwrap();
    let other = sigstore_verify::Verifier::new(&other_root).unwrap();
    let other_bundle = sigstore_types::Bundle::from_json(&text).unwrap();
    let any = sigstore_verify::VerificationPolicy::any_identity();
    let policy = if spec.entries.is_empty() { any.skip_tlog_unsafe().skip_sct() } else { any };

    let [sum, own, parsed, second] = times([
        &mut || checks.iter().for_each(Check::run),
        &mut || subject.verify(),
        &mut || {
            let bundle = attestations::parse(black_box(text.as_bytes())).unwrap().remove(0).bundle.unwrap();
            black_box(subject.verifier.verify(&bundle, &subject.artifact, subject.now).unwrap());
        },
        &mut || drop(black_box(other.verify(ARTIFACT, &other_bundle, &policy).unwrap())),
    ]);
    let ratio = |time: Duration| time.as_secs_f64() / sum.as_secs_f64();
    println!(
        "{name:<28} {:>2} checks {:>7.1} us | sealmark {:>7.1} us {:>5.2}x | with parsing {:>7.1} us {:>5.2}x | sigstore-verify {:>7.1} us {:>5.2}x",
        checks.len(),
        micros(sum),
        micros(own),
        ratio(own),
        micros(parsed),
        ratio(parsed),
        micros(second),
        ratio(second),
    );
}

/// Many bundles on two threads against one.
fn threads(subject: &Subject) {
    const BUNDLES: usize = 1000;
    let run = |threads: usize| {
        let start = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| (0..BUNDLES / threads).for_each(|_| subject.verify()));
            }
        });
        start.elapsed()
    };
    let (mut one, mut two) = (Duration::MAX, Duration::MAX);
    for _ in 0..8 {
        one = one.min(run(1));
        two = two.min(run(2));
    }
    println!(
        "{BUNDLES} bundles: 1 thread {:.0} ms, 2 threads {:.0} ms, {:.2}x",
        one.as_secs_f64() * 1e3,
        two.as_secs_f64() * 1e3,
        one.as_secs_f64() / two.as_secs_f64()
    );
}

fn main() {
    let sigstore = VirtualSigstore::new("bench");
    let (public, private) = (sigstore.trusted_root(), sigstore.private_trusted_root());
    let v1 = sigstore.spec(ARTIFACT);
    let stamped = |authority| Spec { stamps: vec![sigstore.stamp(authority)], ..sigstore.spec_private(ARTIFACT) };
    println!("Budget: sealmark at most 1.20x the sum of its signature checks.");
    compare("v1 dsse", &sigstore, &v1, &public);
    compare("private, first authority", &sigstore, &stamped(StampAuthority::P256), &private);
    compare("private, second authority", &sigstore, &stamped(StampAuthority::P384), &private);
    compare("v2", &sigstore, &sigstore.spec_v2(ARTIFACT), &public);
    threads(&Subject::new(&public, &sigstore.mint(&v1).to_string()));
}
