//! Real attestations: every good one is accepted, every other one ends in an exact code.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;

use sealmark::formats::attestations;
use sealmark::formats::attestations::Candidate;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Signer;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::digest::Strength;
use sealmark::formats::statement::Statement;
use sealmark::trust::embedded::Domain;

use crate::fixtures::About;
use crate::fixtures::Case;
use crate::fixtures::Trust;

/// npm's registry key for attestations until January 2025, as npm's TUF repository publishes it
/// (the `keys.json` that npm publishes, key id `SHA256:jl3bwswu80PjjokCgh0o2w5c2U4LhQAE57gj9cz1kzA`).
const NPM_KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==";

/// What must become of the rows of the catalogue that no verifier accepts offline.
const REFUSED: &[(&str, &str)] = &[
    ("sigstoreBundle-invalid-signature.json", "signature-invalid"),
    ("github_provenance_demo-0.0.12-py3-none-any-bundle-missing-verification-material.jsonl", "json-field-missing"),
    ("github_provenance_demo-0.0.12-py3-none-any-bundle-missing-cert.jsonl", "bundle-incomplete"),
    ("public-key-validity.sigstore.json", "timestamp-invalid"),
    ("clone.fe1c6281.json", "signature-invalid"),
    ("test.fe1c6281.json", "signature-invalid"),
    ("publish.fe1c6281.json", "signature-invalid"),
    ("build.fe1c6281.json", "signature-invalid"),
];

/// The corpus, or None after saying why not. With `SEALMARK_REQUIRE_ALL=1` nothing may be skipped.
pub(crate) fn corpus() -> Option<PathBuf> {
    match env::var_os("SEALMARK_CORPUS") {
        Some(folder) => Some(folder.into()),
        None => skip("SEALMARK_CORPUS is not set (the folder of real attestations)"),
    }
}

fn skip(reason: &str) -> Option<PathBuf> {
    assert!(env::var("SEALMARK_REQUIRE_ALL").as_deref() != Ok("1"), "nothing may be skipped, but {reason}");
    println!("skipped: {reason}");
    None
}

fn embedded(domain: Domain) -> Value {
    serde_json::from_str(domain.json()).unwrap()
}

fn npm_key() -> Vec<u8> {
    sealmark::formats::base64::decode(NPM_KEY).unwrap()
}

pub(crate) fn public_good() -> Trust {
    Trust { roots: vec![embedded(Domain::PublicGood)], keys: vec![npm_key()] }
}

/// What the bundle says it is about: its first subject's digests.
fn own_subject(bundle: &Bundle) -> Option<About> {
    let statement = Statement::parse(bundle.unverified_payload()?.into()).ok()?;
    let digest = &statement.subjects.first()?.digest;
    let digests: Vec<Digest> = Algorithm::all().filter_map(|algorithm| digest.get(algorithm)).collect();
    // Not one of them binds: no artifact can be this subject.
    let strong = digests.iter().any(|digest| digest.algorithm().strength() != Strength::Weak);
    strong.then_some(About::Digests(digests))
}

/// Where a bundle says nothing that can be read, any artifact does.
fn some_artifact() -> About {
    About::Blob(b"no attestation here is about this".to_vec())
}

fn first(text: &str) -> Option<Bundle> {
    attestations::parse(text.as_bytes()).ok()?.into_iter().next()?.bundle.ok()
}

fn case(path: &Path, text: String, trust: Trust) -> Case {
    let about = first(&text).as_ref().and_then(own_subject).unwrap_or_else(some_artifact);
    Case { name: path.display().to_string(), text, trust, about, expected: Ok(()) }
}

/// The rows of the catalogue, each with its outcome.
pub(crate) fn catalogue() -> Vec<Case> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let folder = corpus.join("bundles");
    let rows = fs::read_to_string(folder.join("catalogue.jsonl")).unwrap();
    let mut cases = Vec::new();
    for row in rows.lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        let path = folder.join(row["file"].as_str().unwrap());
        let trust = match row["trustRoot"].as_str() {
            Some("github") => Trust::root(embedded(Domain::Github)),
            Some("sibling") => {
                let root = fs::read_to_string(path.with_file_name("trusted_root.json")).unwrap();
                Trust::root(serde_json::from_str(&root).unwrap())
            }
            _ => public_good(),
        };
        let mut case = case(&path, fs::read_to_string(&path).unwrap(), trust);
        if row["verifies_offline"] != "yes" {
            let name = path.file_name().unwrap().to_str().unwrap();
            let code = REFUSED.iter().find(|row| row.0 == name).map(|row| row.1);
            case.expected = Err(code.unwrap_or_else(|| panic!("{name} has no code in the table")));
        }
        cases.push(case);
    }
    cases
}

#[test]
fn the_catalogue_ends_as_it_says() {
    let cases = catalogue();
    if cases.is_empty() {
        return;
    }
    let (accepted, refused) = crate::fixtures::run("catalogue", &cases);
    assert!(accepted > 0 && refused > 0);
    assert_eq!((accepted, refused), (16, 9));
}

#[test]
fn artifacts_in_the_corpus_are_the_ones_attested() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("bundles/cli+cli/pkg/cmd/attestation/test/data");
    let blob = |name: &str| About::Blob(fs::read(folder.join(name)).unwrap());
    let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let sibling = Trust::root(serde_json::from_str(&text("trusted_root.json")).unwrap());
    let github = Trust::root(embedded(Domain::Github));
    for (bundle, artifact, trust) in [
        ("sigstore-js-2.1.0-bundle.json", "sigstore-js-2.1.0.tgz", public_good()),
        ("custom-issuer.sigstore.json", "custom-issuer-artifact", sibling.clone()),
        ("reusable-workflow-attestation.sigstore.json", "reusable-workflow-artifact", sibling),
        (
            "github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl",
            "github_provenance_demo-0.0.12-py3-none-any.whl",
            github,
        ),
    ] {
        let good = case(Path::new(bundle), text(bundle), trust).about(blob(artifact));
        assert_eq!(good.outcome().map(|_| ()), Ok(()), "{bundle}");
        let mut bytes = fs::read(folder.join(artifact)).unwrap();
        bytes.push(0);
        let other = good.about(About::Blob(bytes));
        assert_eq!(other.outcome().map(|_| ()), Err("subject-mismatch"), "{bundle}");
    }
}

#[test]
fn githubs_private_instance_is_believed_under_its_own_root_alone() {
    let Some(corpus) = corpus() else { return };
    let path = corpus
        .join("bundles/cli+cli/pkg/cmd/attestation/test/data/github_provenance_demo-0.0.12-py3-none-any-bundle.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let (github, public) = (embedded(Domain::Github), embedded(Domain::PublicGood));
    let under = |roots: Vec<Value>| case(&path, text.clone(), Trust { roots, keys: Vec::new() }).outcome().map(|_| ());
    assert_eq!(under(vec![github.clone()]), Ok(()));
    assert_eq!(under(vec![public.clone()]), Err("timestamp-invalid"));
    assert_eq!(under(vec![public, github]), Ok(()));
}

/// Every file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Each attestation of a file as a text of its own: JSON Lines as they are, npm's list of attestations taken apart.
fn texts(path: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(path) else { return Vec::new() };
    if let Ok(Value::Object(map)) = serde_json::from_str(&text)
        && let Some(Value::Array(list)) = map.get("attestations")
    {
        return list.iter().map(|one| one["bundle"].to_string()).collect();
    }
    // What gcloud prints is told apart in `shapes.rs`.
    if text.contains("provenance_summary") {
        return Vec::new();
    }
    let Ok(candidates) = attestations::parse(text.as_bytes()) else { return Vec::new() };
    let readable = |candidate: &Candidate| candidate.bundle.is_ok();
    match candidates.as_slice() {
        [one] if readable(one) => vec![text],
        several if several.iter().any(readable) => text.lines().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Every attestation in slsa-verifier's test data. Bare envelopes prove no time, so none of them is believed alone.
pub(crate) fn slsa_verifier() -> Vec<Case> {
    let Some(corpus) = corpus() else { return Vec::new() };
    let folder = corpus.join("slsa-verifier/testdata");
    let mut cases = Vec::new();
    for path in files(&folder) {
        for (n, text) in texts(&path).into_iter().enumerate() {
            let mut case = case(&path, text, public_good());
            case.name = format!("{}:{n}", path.strip_prefix(&folder).unwrap().display());
            cases.push(case);
        }
    }
    cases
}

fn by_code(suite: &str, cases: &[Case]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for case in cases {
        let shape = match first(&case.text) {
            Some(Bundle { signer: Signer::PublicKey { .. }, .. }) => "key",
            Some(bundle) => bundle.version.name(),
            None => "unreadable",
        };
        let code = case.outcome().map_or_else(str::to_owned, |_| "accepted".to_owned());
        if env::var_os("SEALMARK_VERBOSE").is_some() {
            println!("{suite} {}: {shape} {code}", case.name);
        }
        *counts.entry(format!("{shape}: {code}")).or_default() += 1;
    }
    println!("{suite}: {counts:#?}");
    counts
}

fn counts(rows: &[(&str, usize)]) -> BTreeMap<String, usize> {
    rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[test]
fn slsa_verifiers_test_data_is_counted_by_code() {
    let cases = slsa_verifier();
    if cases.is_empty() {
        return;
    }
    // The envelopes prove no time or carry no certificate; the bundles with a bad signature are called so in their names.
    let expected = [
        ("DSSE envelope: signature-invalid", 4),
        ("DSSE envelope: signing-time-unproven", 14),
        ("bundle v0.1: accepted", 24),
        ("bundle v0.1: signature-invalid", 2),
        ("bundle v0.2: accepted", 18),
        ("bundle v0.2: signature-invalid", 1),
        ("bundle v0.3: accepted", 6),
        ("key: accepted", 6),
        ("key: signature-invalid", 3),
    ];
    assert_eq!(by_code("slsa-verifier", &cases), counts(&expected));
}

/// The test data that sigstore-verify 0.15.1 ships, where cargo keeps its sources.
fn judge_data() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let registries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let found = registries.into_iter().flatten().flatten().map(|entry| entry.path());
    let found = found.map(|path| path.join("sigstore-verify-0.15.1/test_data")).find(|path| path.is_dir());
    found.or_else(|| skip("cargo keeps no source of sigstore-verify 0.15.1 in $CARGO_HOME/registry/src"))
}

/// The attestations among them, each under the roots that could vouch for it.
pub(crate) fn judges_own() -> Vec<Case> {
    let Some(folder) = judge_data() else { return Vec::new() };
    let mut trust = public_good();
    trust.roots.push(embedded(Domain::Github));
    trust.roots.push(serde_json::from_str(sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT).unwrap());
    let mut cases = Vec::new();
    for path in files(&folder) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if !name.ends_with(".json") && !name.ends_with(".sigstore") || name.contains("trusted_root") {
            continue;
        }
        if path.parent().is_some_and(|parent| parent.ends_with("trusted_roots")) {
            continue;
        }
        let mut trust = trust.clone();
        for sibling in ["trusted_root.json", "staging_trusted_root.json", "valid_trusted_root.json"] {
            if let Ok(root) = fs::read_to_string(path.with_file_name(sibling)) {
                trust.roots.push(serde_json::from_str(&root).unwrap());
            }
        }
        let mut case = case(&path, fs::read_to_string(&path).unwrap(), trust);
        case.name = path.strip_prefix(&folder).unwrap().display().to_string();
        cases.push(case);
    }
    cases
}

#[test]
fn the_judges_own_test_data_is_counted_by_code() {
    let cases = judges_own();
    if cases.is_empty() {
        return;
    }
    // Two are GitHub's attestations of releases, whose certificates name no OIDC issuer. Plain signatures are about the
    // files that lie beside them, and are compared with something else here.
    let expected = [
        ("bundle v0.1: accepted", 2),
        ("bundle v0.1: signature-count", 1),
        ("bundle v0.1: signing-time-unproven", 1),
        ("bundle v0.1: subject-mismatch", 1),
        ("bundle v0.2: bundle-version-shape", 1),
        ("bundle v0.2: subject-mismatch", 1),
        ("bundle v0.3: accepted", 3),
        ("bundle v0.3: issuer-missing", 2),
        ("bundle v0.3: log-unknown", 2),
        ("bundle v0.3: subject-mismatch", 4),
        ("bundle v0.3: time-missing", 1),
        ("key: signature-key-unknown", 1),
        ("unreadable: bundle-media-type", 1),
        ("unreadable: json-field-missing", 1),
    ];
    assert_eq!(by_code("sigstore-verify", &cases), counts(&expected));
}
