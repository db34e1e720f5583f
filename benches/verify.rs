//! One warm verification beside the sum of its signature checks and beside sigstore-verify. Prints a table; nothing
//! here passes or fails.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::as_conversions, reason = "a benchmark")]

use std::hint::black_box;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Verifier;
use serde_json::Value;
use sha2::Digest as _;

#[path = "support/signatures.rs"]
mod signatures;
#[path = "../tests/support/mod.rs"]
mod support;

use signatures::Check;
use signatures::checks;
use support::virtual_sigstore::Spec;
use support::virtual_sigstore::StampAuthority;
use support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"artifact bytes";
/// Rounds, of which the fastest counts: the machine may do other work in between.
const ROUNDS: usize = 600;
/// Calls in a round.
const CALLS: u32 = 4;

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
