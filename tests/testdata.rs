//! The bundles in `testdata/bundles`: written by this test, and verified as anybody would, from the files alone.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::TrustedKey;
use sealmark::verify::Verifier;
use serde_json::Value;
use serde_json::json;
use support::virtual_sigstore::Eku;
use support::virtual_sigstore::Entry;
use support::virtual_sigstore::Kind;
use support::virtual_sigstore::MediaType;
use support::virtual_sigstore::NamedLog;
use support::virtual_sigstore::Proof;
use support::virtual_sigstore::Set;
use support::virtual_sigstore::Spec;
use support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"sealmark test artifact\n";
/// The time of every verification here.
const NOW: &str = "2026-11-21T00:00:00Z";

/// A folder: what it says in one line, its attestation, what is trusted, and how it must end.
struct Case {
    name: &'static str,
    about: &'static str,
    bundle: Value,
    trust: Trust,
    expected: Result<(), &'static str>,
}

enum Trust {
    Root(Value),
    Key(String),
}

fn cases() -> Vec<Case> {
    let sigstore = VirtualSigstore::new("testdata");
    let root = || Trust::Root(sigstore.trusted_root());
    let good = sigstore.spec(ARTIFACT);
    let key = Spec { entries: Vec::new(), ..sigstore.spec_key(ARTIFACT) };
    let mint = |spec: &Spec| sigstore.mint(spec);
    let entry = |entry: Entry, spec: &Spec| mint(&Spec { entries: vec![entry], ..spec.clone() });
    let dsse = || sigstore.entry(Kind::Dsse001);
    let v2 = sigstore.spec_v2(ARTIFACT);
    let mut relabelled = entry(Entry { proof: Proof::Absent, ..dsse() }, &good);
    relabelled["mediaType"] = json!(MediaType::V01.text());
    let mut both = mint(&good);
    both["messageSignature"] = mint(&sigstore.spec_message(ARTIFACT))["messageSignature"].clone();
    let idle = Entry { set: Set::Absent, proof: Proof::Absent, leaves_before: 9, ..dsse() };
    let idle = Spec { media_type: MediaType::V01, entries: vec![dsse(), idle], ..good.clone() };
    let mut typed = good.clone();
    typed.statement["_type"] = json!("https://example.com/Anything");
    let mut swapped = mint(&good);
    let other = mint(&sigstore.spec(b"something else"));
    let entries = "/verificationMaterial/tlogEntries";
    *swapped.pointer_mut(entries).unwrap() = other.pointer(entries).unwrap().clone();
    let case = |name, about, bundle, trust, expected| Case { name, about, bundle, trust, expected };
    vec![
        case("github-actions", "provenance of a workflow, in a public log", mint(&good), root(), Ok(())),
        case("rekor-v2", "the same in a Rekor v2 log, with a timestamp", mint(&v2), root(), Ok(())),
        case(
            "timestamp-only",
            "a domain that runs no logs, as GitHub's for private repositories",
            mint(&sigstore.spec_private(ARTIFACT)),
            Trust::Root(sigstore.private_trusted_root()),
            Ok(()),
        ),
        case("key", "signed by a key, in no log", mint(&key), Trust::Key(sigstore.public_key_pem(&key)), Ok(())),
        case(
            "relabelled",
            "a v0.3 bundle that says v0.1 to lose its proof",
            relabelled,
            root(),
            Err("bundle-version-shape"),
        ),
        case("two-contents", "an envelope and a plain signature in one bundle", both, root(), Err("bundle-ambiguous")),
        case("idle-entry", "a second log entry that proves nothing", mint(&idle), root(), Err("log-entry-unproven")),
        case("statement-type", "a payload that is no Statement", mint(&typed), root(), Err("statement-type")),
        case(
            "v2-log-id",
            "a Rekor v2 entry that names another log",
            entry(Entry { log_id: NamedLog::Other, ..sigstore.entry(Kind::HashedRekord002) }, &v2),
            root(),
            Err("log-checkpoint-invalid"),
        ),
        case("swapped-entry", "the valid log entry of another attestation", swapped, root(), Err("log-entry-mismatch")),
        case(
            "not-for-code",
            "a certificate for TLS servers",
            mint(&Spec { eku: Eku::ServerAuth, ..good.clone() }),
            root(),
            Err("certificate-untrusted"),
        ),
        case(
            "foreign-root",
            "valid under another authority of the same name",
            sigstore.foreign().mint(&good),
            root(),
            Err("log-unknown"),
        ),
    ]
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/bundles")
}

/// Name and bytes of each file of a case.
fn files(case: &Case) -> BTreeMap<&'static str, Vec<u8>> {
    let outcome = match case.expected {
        Ok(()) => "outcome = \"verified\"".to_owned(),
        Err(code) => format!("code = \"{code}\""),
    };
    let expect = format!("# {}\nnow = \"{NOW}\"\n{outcome}\n", case.about);
    let pretty = |value: &Value| format!("{}\n", serde_json::to_string_pretty(value).unwrap()).into_bytes();
    let trust = match &case.trust {
        Trust::Root(root) => ("trusted_root.json", pretty(root)),
        Trust::Key(pem) => ("key.pub", pem.clone().into_bytes()),
    };
    let rest = [
        ("artifact", ARTIFACT.to_vec()),
        ("artifact.sigstore.json", pretty(&case.bundle)),
        ("expect.toml", expect.into_bytes()),
    ];
    rest.into_iter().chain([trust]).collect()
}

#[test]
fn the_files_are_what_this_project_makes() {
    let bless = std::env::var_os("SEALMARK_BLESS").is_some();
    let mut differing = Vec::new();
    for case in cases() {
        for (name, bytes) in files(&case) {
            let path = folder().join(case.name).join(name);
            if fs::read(&path).ok().as_ref() != Some(&bytes) {
                if bless {
                    fs::create_dir_all(path.parent().unwrap()).unwrap();
                    fs::write(&path, bytes).unwrap();
                } else {
                    differing.push(path);
                }
            }
        }
    }
    assert!(differing.is_empty(), "run again with SEALMARK_BLESS=1 and look at the change: {differing:#?}");
    let mut found: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap()).collect();
    found.retain(|entry| entry.path().is_dir());
    assert_eq!(found.len(), cases().len(), "a folder for each case and no other");
}

/// The value of `name = "value"`.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'))
}

fn outcome(folder: &Path, now: &str) -> Result<(), String> {
    let read = |name: &str| fs::read(folder.join(name)).ok();
    let roots = read("trusted_root.json").map(|bytes| TrustedRoot::parse_file(&bytes, "trusted_root.json").unwrap());
    let key = |pem: Vec<u8>| TrustedKey::named("key.pub", PublicKey::from_pem(&pem).unwrap());
    let verifier = Verifier::new(roots.unwrap_or_default(), read("key.pub").map(key).into_iter().collect());
    let digest = Digest::new(Algorithm::Sha256, sha256(&read("artifact").unwrap()).to_vec()).unwrap();
    let artifact = Artifact::new("artifact".to_owned(), vec![digest]).unwrap();
    let mut candidates = attestations::parse(&read("artifact.sigstore.json").unwrap()).unwrap();
    assert_eq!(candidates.len(), 1);
    let bundle = candidates.remove(0).bundle.map_err(|error| error.code().to_owned())?;
    let verified = verifier.verify(&bundle, &artifact, now.parse().unwrap());
    verified.map(|_| ()).map_err(|error| error.code().to_owned())
}

#[test]
fn each_folder_ends_as_it_says() {
    let (mut accepted, mut refused) = (0, 0);
    for entry in fs::read_dir(folder()).unwrap() {
        let folder = entry.unwrap().path();
        if !folder.is_dir() {
            continue;
        }
        let expect = fs::read_to_string(folder.join("expect.toml")).unwrap();
        let found = outcome(&folder, value(&expect, "now").unwrap());
        match (value(&expect, "outcome"), value(&expect, "code")) {
            (Some("verified"), None) => assert_eq!(found, Ok(()), "{}", folder.display()),
            (None, Some(code)) => assert_eq!(found, Err(code.to_owned()), "{}", folder.display()),
            other => panic!("{}: {other:?}", folder.display()),
        }
        if found.is_ok() { accepted += 1 } else { refused += 1 }
    }
    println!("testdata: {accepted} accepted, {refused} refused");
    assert!(accepted > 0 && refused > 0);
}
