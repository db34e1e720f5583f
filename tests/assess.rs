//! Many attestations and artifacts at once: one report whatever the number of threads, in order, within its caps.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod support;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use sealmark::assess::AssessError;
use sealmark::assess::Request;
use sealmark::assess::Where;
use sealmark::assess::assess;
use sealmark::builders::source::SourceUri;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::policy::Policy;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::report::Outcome;
use sealmark::report::Report;
use sealmark::report::Verdict;
use sealmark::store::hash::HashProgress;
use sealmark::store::subjects::Located;
use sealmark::trust::root::TrustedRoot;
use sealmark::upgrade::Proofs;
use sealmark::verify::Verifier;
use serde_json::json;
use support::virtual_sigstore::GitHub;
use support::virtual_sigstore::HashKind;
use support::virtual_sigstore::VirtualSigstore;
use tempfile::TempDir;

const ARTIFACT: &[u8] = b"artifact bytes";

struct World {
    folder: TempDir,
    sigstore: VirtualSigstore,
    verifier: Verifier,
    policy: Policy,
}

impl World {
    fn new() -> Self {
        let sigstore = VirtualSigstore::new("assess");
        let root = TrustedRoot::parse(sigstore.trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
        let source_uri = SourceUri::parse("github.com/acme/app");
        let slsa = Slsa { source_uri, ..Slsa::open() };
        let predicate_types = vec!["https://slsa.dev/provenance/v1".to_owned()];
        let policy = Policy { predicate_types, signer: Signer::ByFacts, slsa: Some(slsa), marks: Default::default() };
        let folder = tempfile::tempdir().unwrap();
        Self { folder, sigstore, verifier: Verifier::new(vec![root], Vec::new()), policy }
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A good attestation about subjects of these names, contents and algorithms.
    fn bundle(&self, subjects: &[(&str, &[u8], HashKind)]) -> String {
        let subject = |(name, content, kind): &(&str, &[u8], HashKind)| {
            let algorithm = if *kind == HashKind::Sha512 { "sha512" } else { "sha256" };
            json!({"name": name, "digest": {algorithm: kind.hex(content)}})
        };
        let subjects = json!(subjects.iter().map(subject).collect::<Vec<_>>());
        self.sigstore.mint(&self.sigstore.spec_of(&subjects, &GitHub::default())).to_string()
    }

    fn assess(&self, artifacts: &[Located], attestations: &Where, threads: usize) -> Result<Report, AssessError> {
        self.watched(artifacts, attestations, threads, &|_| {})
    }

    fn watched(
        &self,
        artifacts: &[Located],
        attestations: &Where,
        threads: usize,
        progress: &(dyn Fn(HashProgress) + Sync),
    ) -> Result<Report, AssessError> {
        let request = Request {
            proofs: Proofs::InFiles,
            verifier: &self.verifier,
            policy: &self.policy,
            artifacts,
            attestations,
            now: "2026-11-21T00:00:00Z".parse().unwrap(),
            threads: NonZeroUsize::new(threads).unwrap(),
        };
        assess(&request, progress)
    }
}

fn digests(count: usize) -> Vec<Located> {
    let digest = |n: usize| Digest::new(Algorithm::Sha256, vec![u8::try_from(n % 256).unwrap(); 32]).unwrap();
    (0..count).map(|n| Located::Digests { name: format!("d{n}"), digests: vec![digest(n)] }).collect()
}

/// Where each candidate of an artifact stood, and the code it was refused with.
fn places(report: &Report, artifact: usize) -> Vec<(String, Option<usize>, &'static str)> {
    let candidates = report.results[artifact].candidates.iter();
    let place = |file: &str| file.rsplit('/').next().unwrap().to_owned();
    let code = |one: &sealmark::report::Candidate| match one.outcome {
        Outcome::Accepted => "accepted",
        _ => one.findings[0].code,
    };
    candidates.map(|one| (place(&one.source.file), one.source.line.or(one.source.item), code(one))).collect()
}

#[test]
fn one_report_whatever_the_number_of_threads() {
    let world = World::new();
    let good = world.bundle(&[("app", ARTIFACT, HashKind::Sha256)]);
    let later = world.bundle(&[("app", ARTIFACT, HashKind::Sha512)]);
    let other = world.bundle(&[("other", b"other", HashKind::Sha256)]);
    let kinds = [good.as_str(), "{}", other.as_str(), "", "not json", later.as_str()];
    let codes = ["accepted", "not-an-attestation", "subject-mismatch", "", "json-invalid", "accepted"];
    // More than one batch, and the end of a batch within a file.
    let lines: Vec<&str> = kinds.iter().copied().cycle().take(1300).collect();
    let files = vec![
        world.write("many.jsonl", lines.join("\n")),
        world.write("array.json", format!("[{good},3,{other}]")),
        world.write("one.json", &good),
        world.write("torn.jsonl", format!("{{\n{good}\n{other}\n")),
    ];
    let artifacts = [
        Located::File(world.write("app", ARTIFACT)),
        Located::File(world.write("other", "other")),
        Located::File(world.folder.path().join("missing")),
    ];
    let where_from = Where::Files(files);
    let report = world.assess(&artifacts, &where_from, 1).unwrap();
    for threads in [2, 3, 9] {
        let other = world.assess(&artifacts, &where_from, threads).unwrap();
        assert!(other == report, "{threads} threads give another report");
    }
    let mut expected: Vec<(String, Option<usize>, &str)> =
        (0..1300).filter(|n| n % 6 != 3).map(|n| ("many.jsonl".to_owned(), Some(n + 1), codes[n % 6])).collect();
    let rest = [
        ("array.json", Some(0), "accepted"),
        ("array.json", Some(1), "not-an-attestation"),
        ("array.json", Some(2), "subject-mismatch"),
        ("one.json", None, "accepted"),
        ("torn.jsonl", Some(1), "json-invalid"),
        ("torn.jsonl", Some(2), "accepted"),
        ("torn.jsonl", Some(3), "subject-mismatch"),
    ];
    expected.extend(rest.map(|(file, at, code)| (file.to_owned(), at, code)));
    assert_eq!(places(&report, 0), expected);
    assert_eq!(report.results[1].verdict, Verdict::Allowed);
    assert_eq!((report.results[2].verdict, report.results[2].candidates.len()), (Verdict::Undecided, 0));
}

#[test]
fn many_artifacts_of_one_attestation() {
    let world = World::new();
    let names: Vec<String> = (0..300).map(|n| format!("a{n}")).collect();
    let subjects: Vec<_> = names.iter().map(|name| (name.as_str(), name.as_bytes(), HashKind::Sha256)).collect();
    let file = world.write("all.json", world.bundle(&subjects));
    let artifacts: Vec<Located> = names.iter().map(|name| Located::File(world.write(name, name))).collect();
    let mut reports =
        [1, 2, 5].map(|threads| world.assess(&artifacts, &Where::Files(vec![file.clone()]), threads).unwrap());
    assert_eq!(reports[0].summary.allowed, 300);
    let subjects = reports[0].results.iter().map(|one| {
        let attestation = one.candidates[0].attestation.as_ref().unwrap();
        (one.artifact.name.clone(), attestation.subject.name.clone().unwrap())
    });
    assert!(subjects.into_iter().all(|(artifact, subject)| artifact.ends_with(&format!("/{subject}"))));
    let last = reports[2].clone();
    assert!(reports.iter_mut().all(|report| *report == last));
}

/// A file that lies beside several artifacts is read once, and stands for each where it was looked for.
#[test]
fn candidates_beside_stand_in_the_order_of_their_names() {
    let world = World::new();
    let (a, b) = (world.write("a", "a"), world.write("b", "b"));
    world.write("multiple.intoto.jsonl", world.bundle(&[("a", b"a", HashKind::Sha256)]));
    world.write("b.intoto.jsonl", world.bundle(&[("b", b"b", HashKind::Sha256)]));
    let report = world.assess(&[Located::File(a), Located::File(b)], &Where::Beside, 2).unwrap();
    assert_eq!(places(&report, 0), [("multiple.intoto.jsonl".to_owned(), None, "accepted")]);
    assert_eq!(
        places(&report, 1),
        [
            ("b.intoto.jsonl".to_owned(), None, "accepted"),
            ("multiple.intoto.jsonl".to_owned(), None, "subject-mismatch")
        ]
    );
}

#[test]
fn too_many_lines_are_refused_and_none_is_used() {
    let world = World::new();
    let good = world.bundle(&[("app", ARTIFACT, HashKind::Sha256)]);
    let file = world.write("many.jsonl", format!("{good}\n{}", "{}\n".repeat(10_000)));
    let app = Located::File(world.write("app", ARTIFACT));
    let report = world.assess(&[app], &Where::Files(vec![file]), 2).unwrap();
    assert_eq!(places(&report, 0), [("many.jsonl".to_owned(), None, "too-many")]);
    assert_eq!(report.verdict, Verdict::Denied);
}

#[test]
fn pairs_are_capped_before_and_while_files_are_read() {
    let world = World::new();
    let lines = world.write("lines.jsonl", "{}\n".repeat(1000));
    let array = world.write("array.json", format!("[{}{{}}]", "{},".repeat(999)));
    for file in [lines, array] {
        let one = Where::Files(vec![file]);
        assert_eq!(world.assess(&digests(1001), &one, 2).unwrap_err().code(), "assess-too-many");
        assert_eq!(world.assess(&digests(10), &one, 2).unwrap().summary.rejected, 10_000);
    }
    let files = (0..1001).map(|n| PathBuf::from(format!("none-{n}"))).collect();
    assert_eq!(world.assess(&digests(1000), &Where::Files(files), 2).unwrap_err().code(), "assess-too-many");
}

/// Whoever replaces an artifact between two readings of it gets no verdict.
#[test]
fn an_artifact_that_changes_between_two_hashes_is_undecided() {
    let world = World::new();
    let app = world.write("app", ARTIFACT);
    let subjects = [("app", ARTIFACT, HashKind::Sha256)];
    let both = format!("{}\n{}\n", world.bundle(&subjects), world.bundle(&[("app", b"evil bytes", HashKind::Sha512)]));
    let files = Where::Files(vec![world.write("both.jsonl", both)]);
    let artifacts = [Located::File(app.clone())];
    let swapped = AtomicBool::new(false);
    let swap = |progress: HashProgress| {
        if progress.files_done == 1 && !swapped.swap(true, Ordering::Relaxed) {
            std::fs::write(&app, "evil bytes").unwrap();
        }
    };
    let report = world.watched(&artifacts, &files, 1, &swap).unwrap();
    assert_eq!(report.verdict, Verdict::Undecided);
    assert_eq!(report.results[0].findings[0].code, "hash-file-changed");
    assert_eq!(report.results[0].candidates, []);
    // Left alone, each is judged by its own digest.
    std::fs::write(&app, ARTIFACT).unwrap();
    let report = world.assess(&artifacts, &files, 1).unwrap();
    let codes: Vec<_> = places(&report, 0).into_iter().map(|place| place.2).collect();
    assert_eq!(codes, ["accepted", "subject-mismatch"]);
    let digests = &report.results[0].artifact.digests;
    assert!(digests.get(Algorithm::Sha512).is_some() && digests.get(Algorithm::Sha256).is_some());
}
