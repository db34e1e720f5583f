//! Many subjects through every form in which they can be given: each form leads to the same Statement.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use sealmark::formats::artifact::Artifact;
use sealmark::formats::base64;
use sealmark::formats::provenance::v1::ProvenanceV1;
use sealmark::formats::statement::Statement;
use sealmark::generate::statement::statement_bytes;
use sealmark::store::subjects;
use sealmark::store::subjects::Directories;
use sealmark::store::subjects::Naming;
use sealmark::store::subjects::Platforms;
use sealmark::store::subjects::SubjectOptions;
use sha2::Digest as _;
use sha2::Sha256;

/// As many files as the site had that broke another project's limits.
const MANY: usize = 10_320;
/// Lines of the large checksums file.
const LINES: usize = 50_000;
/// What all of it may take, generously.
const BUDGET: Duration = Duration::from_secs(60);

fn options() -> SubjectOptions {
    SubjectOptions {
        also: vec![],
        directories: Directories::EachFile,
        threads: NonZeroUsize::new(2).unwrap(),
        naming: Naming::Basename,
        platforms: Platforms::Index,
        stdin: None,
    }
}

fn name(n: usize) -> String {
    format!("site/page {n:05}.html")
}

fn hex_of(n: usize) -> String {
    hex::encode(Sha256::digest(content(n)))
}

fn content(n: usize) -> String {
    format!("page {n}\n")
}

fn predicate() -> ProvenanceV1 {
    serde_json::from_str(
        r#"{"buildDefinition":{"buildType":"https://example.com/t","externalParameters":{}},
            "runDetails":{"builder":{"id":"https://example.com/b"}}}"#,
    )
    .unwrap()
}

fn statement(artifacts: &[Artifact]) -> Vec<u8> {
    let subjects = artifacts.iter().map(|one| (one.name(), one.digests()));
    statement_bytes(subjects, &predicate()).unwrap()
}

fn expand(text: &str, options: &SubjectOptions) -> Vec<Artifact> {
    subjects::expand(&[text.to_owned()], options, &|_| {}).unwrap()
}

/// The files, flat in `flat` and two folders deep in `deep/site`.
fn make_files(root: &Path) {
    fs::create_dir_all(root.join("deep/site")).unwrap();
    for n in 0..MANY {
        fs::write(root.join("deep").join(name(n)), content(n)).unwrap();
    }
}

fn gnu(flag: char) -> String {
    (0..MANY).fold(String::new(), |mut text, n| {
        writeln!(text, "{} {flag}{}", hex_of(n), name(n)).unwrap();
        text
    })
}

fn bsd() -> String {
    (0..MANY).fold(String::new(), |mut text, n| {
        writeln!(text, "SHA256 ({}) = {}", name(n), hex_of(n)).unwrap();
        text
    })
}

fn list() -> String {
    let entries: Vec<_> = (0..MANY)
        .map(|n| serde_json::json!({"name": name(n), "digest": format!("sha256:{}", hex_of(n)), "kind": "file"}))
        .collect();
    serde_json::json!({"version": 1, "subjects": entries}).to_string()
}

#[test]
fn every_form_gives_the_same_statement() {
    let began = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    make_files(root);
    let place = |name: &str| root.join(name).to_str().unwrap().to_owned();
    let write = |name: &str, text: &str| {
        fs::write(root.join(name), text).unwrap();
        format!("@{}", place(name))
    };
    let relative = SubjectOptions { naming: Naming::Relative(root.join("deep")), ..options() };
    let stdin = SubjectOptions { stdin: Some(gnu(' ').into_bytes()), ..options() };
    let encoded = base64::encode(gnu(' ').as_bytes());
    let wrapped =
        encoded.as_bytes().chunks(76).map(|line| str::from_utf8(line).unwrap()).collect::<Vec<_>>().join("\n");
    fs::write(root.join("digests.text"), &encoded).unwrap();
    let handle = serde_json::json!({
        "artifact_name": "subjects-7", "filename": "digests.text", "sha256": hex::encode(Sha256::digest(&encoded)),
    });
    let handle = base64::encode(handle.to_string().as_bytes());
    let each: Vec<String> = (0..MANY).map(|n| place(&format!("deep/{}", name(n)))).collect();
    let half = MANY / 2;
    let merged = || {
        let one = |texts: &[String]| subjects::expand(texts, &relative, &|_| {}).unwrap();
        subjects::merge(vec![one(&each[..half]), one(&each[half - 10..])]).unwrap()
    };

    let files = [
        ("checksums, GNU", write("gnu", &gnu(' '))),
        ("checksums, GNU, binary flag", write("binary", &gnu('*'))),
        ("checksums, CR LF", write("crlf", &gnu(' ').replace('\n', "\r\n"))),
        ("checksums, BSD and --tag", write("bsd", &bsd())),
        ("checksums, both shapes", write("both", &format!("{}{}", gnu(' '), bsd()))),
    ];

    let mut forms: Vec<(&str, Box<dyn Fn() -> Vec<Artifact> + '_>)> = vec![
        ("files in a folder", Box::new(|| expand(&place("deep"), &options()))),
        ("a folder, names relative", Box::new(|| expand(&place("deep/site"), &relative))),
        ("a pattern", Box::new(|| expand(&place("deep/*/*.html"), &relative))),
        ("each file by its path", Box::new(|| subjects::expand(&each, &relative, &|_| {}).unwrap())),
        ("two lists, merged", Box::new(merged)),
        ("checksums of standard input", Box::new(|| expand("@-", &stdin))),
        ("base64 text", Box::new(|| subjects::base64_subjects(encoded.as_bytes()).unwrap())),
        ("base64 text in lines", Box::new(|| subjects::base64_subjects(wrapped.as_bytes()).unwrap())),
        ("base64 handle of a file", Box::new(|| subjects::base64_subjects_in(handle.as_bytes(), root).unwrap())),
        ("the list of a GitHub job", Box::new(|| subjects::artifacts_list(list().as_bytes()).unwrap())),
    ];
    for (form, reference) in &files {
        forms.push((form, Box::new(|| expand(reference, &options()))));
    }

    let expected = statement(&subjects::checksums(gnu(' ').as_bytes(), "expected").unwrap());
    let read = Statement::parse(expected.as_slice().into()).unwrap();
    assert_eq!(read.subjects.len(), MANY);
    for (form, artifacts) in &forms {
        let began = Instant::now();
        let found = artifacts();
        let took = began.elapsed();
        assert_eq!(found.len(), MANY, "{form}");
        // Not assert_eq: nobody wants to read two Statements of that size.
        assert!(statement(&found) == expected, "{form}: another Statement");
        println!("{form}: {MANY} subjects in {took:.1?}");
    }
    println!("{} forms, one Statement of {} bytes, {:.1?} in all", forms.len(), expected.len(), began.elapsed());
    assert!(began.elapsed() < BUDGET);
}

#[test]
fn large_checksums_files_are_read_line_by_line() {
    let began = Instant::now();
    let line = |n: usize| format!("{:064x}  dir/file-{n:06}\n", n + 1);
    // Backwards, so that nothing is found sorted.
    let text: String = (0..LINES).rev().map(line).collect();
    let found = subjects::checksums(text.as_bytes(), "a list").unwrap();
    assert_eq!(found.len(), LINES);
    let bytes = statement(&found);
    assert_eq!(Statement::parse(bytes.as_slice().into()).unwrap().subjects.len(), LINES);
    // One line that contradicts another is found wherever it stands.
    let wrong = format!("{text}{:064x}  dir/file-000000\n", 7);
    let error = subjects::checksums(wrong.as_bytes(), "a list").unwrap_err();
    assert_eq!(error.code(), "checksums-conflict");
    println!("{LINES} lines, 1 refused: {:.1?}", began.elapsed());
    assert!(began.elapsed() < BUDGET);
}
