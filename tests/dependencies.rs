//! What a checkout lists as dependencies, held against an independent reading of this project's own lock file.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::generate::dependencies::Collected;
use sealmark::generate::dependencies::MAX_BYTES;
use sealmark::generate::facts::Backing;
use sealmark::generate::facts::Dependency;
use sealmark::generate::facts::Source;
use sealmark::generate::local::LocalBuild;
use sealmark::generate::local::Overrides;
use sealmark::generate::statement::statement_bytes;
use sealmark::generate::validate::validate_strict;
use sealmark::store::links::link;
use sealmark::workspace::dependencies::Limits;
use sealmark::workspace::dependencies::collect;
use serde_json::Value;
use sha2::Digest as _;
use sha2::Sha256;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn gathered(folder: &Path) -> Collected {
    collect(folder, &Limits::USUAL).unwrap_or_else(|error| panic!("{error}"))
}

fn code(folder: &Path, limits: &Limits) -> &'static str {
    collect(folder, limits).map_or_else(|error| error.code(), |_| "collected")
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Name, version and checksum of each package that has one, read line by line.
fn scanned(lock: &str) -> BTreeSet<(String, String, String)> {
    let mut found = BTreeSet::new();
    for block in lock.split("[[package]]").skip(1) {
        let field = |key: &str| {
            let start = format!("{key} = \"");
            block.lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix('"')).map(str::to_owned)
        };
        if let Some(checksum) = field("checksum") {
            found.insert((field("name").unwrap(), field("version").unwrap(), checksum));
        }
    }
    found
}

/// The same of what was collected.
fn read_back(dependencies: &[Dependency]) -> BTreeSet<(String, String, String)> {
    let crates = dependencies.iter().filter_map(|one| Some((one, one.uri.as_ref()?.value.strip_prefix("pkg:cargo/")?)));
    let row = |(one, path): (&Dependency, &str)| {
        let (name, version) = path.split_once('@').unwrap();
        let [digest] = one.digests.as_slice() else { panic!("{one:?}") };
        assert_eq!(digest.value.algorithm(), Algorithm::Sha256);
        assert_eq!((digest.source, digest.backing), (Source::Collected("Cargo.lock"), Backing::Listed));
        // No version and no name in the lock file needs another escape.
        (name.to_owned(), version.replace("%2B", "+"), digest.value.hex())
    };
    crates.map(row).collect()
}

#[test]
fn our_own_lock_file_is_read_as_it_stands() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "Cargo.lock", &lock);
    write(folder.path(), "Cargo.toml", &fs::read_to_string(root().join("Cargo.toml")).unwrap());
    let found = gathered(folder.path());

    let expected = scanned(&lock);
    assert!(expected.len() > 100, "{}", expected.len());
    assert_eq!(read_back(&found.dependencies), expected);
    assert_eq!(found.dependencies.len(), expected.len() + 1, "the lock file itself is the one more");
    assert!(lock.contains("name = \"sealmark\""));
    let uris = found.dependencies.iter().filter_map(|one| one.uri.as_ref());
    assert!(uris.map(|uri| &uri.value).all(|uri| !uri.contains("pkg:cargo/sealmark@")));

    let itself = found.dependencies.iter().find(|one| one.uri.is_none()).unwrap();
    assert_eq!(itself.name.as_ref().unwrap().value, "Cargo.lock");
    assert_eq!(itself.digests[0].value.hex(), hex::encode(Sha256::digest(lock.as_bytes())));
    let count = found.completeness().value["collectors"][0]["count"].as_u64().unwrap();
    assert_eq!(usize::try_from(count).unwrap(), expected.len());
    found.require_complete().unwrap();
    println!("{} packages of our own lock file, 1 left out", expected.len());
}

#[test]
fn what_is_collected_makes_a_statement_that_its_schema_knows() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["Cargo.lock", "Cargo.toml", ".github/workflows/ci.yml"] {
        write(folder.path(), name, &fs::read_to_string(root().join(name)).unwrap());
    }
    write(folder.path(), "go.sum", "example.com/B v1.0.0 h1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n");
    write(folder.path(), "Dockerfile", &format!("FROM alpine:3.20@sha256:{}\nFROM debian:12\n", "01".repeat(32)));
    write(folder.path(), "sbom.json", r#"{"bomFormat":"CycloneDX","specVersion":"1.6"}"#);
    let found = gathered(folder.path());
    assert_eq!(found.unresolved.len(), 1, "{:?}", found.unresolved);

    let build = LocalBuild {
        git: None,
        parameters: &BTreeMap::new(),
        sealmark_version: "0.0.0",
        invocation_id: None,
        started_on: None,
        finished_on: None,
        overrides: &Overrides::default(),
    };
    let mut facts = build.facts().unwrap();
    facts.extensions.insert("dependencies".to_owned(), found.completeness());
    facts.dependencies.extend(found.dependencies.clone());
    facts.byproducts.push(link(&folder.path().join("sbom.json")).unwrap());
    let digest = [Digest::new(Algorithm::Sha256, vec![1; 32]).unwrap()];
    let bytes = statement_bytes([("app", digest.as_slice())], &facts.predicate()).unwrap();
    let statement: Value = serde_json::from_slice(&bytes).unwrap();
    validate_strict(&statement).unwrap();

    let definition = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(definition.as_array().unwrap().len(), found.dependencies.len());
    let metadata = &statement["predicate"]["runDetails"]["metadata"]["sealmark_dependencies"];
    assert_eq!(metadata["unresolved"], 1);
    assert_eq!(metadata["collectors"].as_array().unwrap().len(), 4);
    let byproduct = &statement["predicate"]["runDetails"]["byproducts"][0];
    assert_eq!(byproduct["mediaType"], "application/vnd.cyclonedx+json");
    // Whatever stands in a descriptor is explained.
    let rows = facts.explain();
    let explained: BTreeSet<&str> = rows.iter().map(|row| row.pointer.as_str()).collect();
    let at = "/predicate/buildDefinition/resolvedDependencies";
    for (n, one) in definition.as_array().unwrap().iter().enumerate() {
        for key in ["name", "uri"].iter().filter(|key| one.get(**key).is_some()) {
            assert!(explained.contains(format!("{at}/{n}/{key}").as_str()), "{one}");
        }
        assert!(one["uri"].is_null() || explained.contains(format!("{at}/{n}/annotations/lockedBy").as_str()), "{one}");
    }
}

#[test]
fn our_own_checkout_can_be_read() {
    let found = gathered(root());
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap();
    assert!(read_back(&found.dependencies).is_superset(&scanned(&lock)));
    assert!(found.collectors.iter().any(|one| one.path == "Cargo.lock"));
    assert_eq!(found, gathered(root()));
}

#[test]
fn the_walk_stays_inside_and_skips_what_is_not_source() {
    let lock = "a.example/b v1.0.0 h1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n";
    let outside = tempfile::tempdir().unwrap();
    write(outside.path(), "go.sum", lock);
    let folder = tempfile::tempdir().unwrap();
    for name in ["node_modules/x/go.sum", "vendor/go.sum", "target/go.sum", ".git/go.sum", "sub/.venv/go.sum"] {
        write(folder.path(), name, "not a go.sum at all");
    }
    write(folder.path(), "README.md", "text");
    symlink(outside.path(), folder.path().join("link")).unwrap();
    symlink(outside.path().join("go.sum"), folder.path().join("go.sum")).unwrap();
    symlink(folder.path(), folder.path().join("loop")).unwrap();
    assert_eq!(gathered(folder.path()), Collected::default());
    write(folder.path(), "sub/deep/go.sum", lock);
    let paths: Vec<_> = gathered(folder.path()).collectors.into_iter().map(|one| one.path).collect();
    assert_eq!(paths, ["sub/deep/go.sum"]);
}

#[test]
fn a_malformed_file_stops_everything() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "Cargo.lock", "version = 4\n");
    write(folder.path(), "sub/package-lock.json", "{");
    let error = collect(folder.path(), &Limits::USUAL).unwrap_err();
    assert_eq!(error.code(), "dependency-file-invalid");
    assert!(error.to_string().starts_with("sub/package-lock.json, "), "{error}");
    assert_eq!(code(&folder.path().join("none"), &Limits::USUAL), "workspace-unreadable");
}

#[test]
fn every_limit_holds() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["go.sum", "a/go.sum", "a/b/go.sum"] {
        write(folder.path(), name, "\n\n\n\n");
    }
    let exact = Limits { entries: 5, depth: 2, files: 3, bytes: 4 };
    assert_eq!(code(folder.path(), &exact), "collected");
    for limits in [
        Limits { entries: 4, ..exact },
        Limits { depth: 1, ..exact },
        Limits { files: 2, ..exact },
        Limits { bytes: 3, ..exact },
    ] {
        assert_eq!(code(folder.path(), &limits), "git-too-many", "{limits:?}");
    }
    const { assert!(Limits::USUAL.bytes <= MAX_BYTES) }
}
