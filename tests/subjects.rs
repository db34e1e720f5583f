//! Many subjects through every form in which they can be given: each form leads to the same Statement.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Write;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use sealmark::formats::artifact::Artifact;
use sealmark::formats::base64;
use sealmark::formats::provenance::v1::ProvenanceV1;
use sealmark::formats::statement::Statement;
use sealmark::generate::facts::ExplainRow;
use sealmark::generate::facts::Source;
use sealmark::generate::redact;
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
const BUDGET: Duration = Duration::from_secs(120);

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

fn hex_of(n: usize) -> &'static str {
    static ALL: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..MANY).map(|n| hex::encode(Sha256::digest(content(n)))).collect());
    &ALL[n]
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
    let listed = list();
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

    let expected = statement(&subjects::checksums(gnu(' ').as_bytes(), "expected").unwrap());
    let read = Statement::parse(expected.as_slice().into()).unwrap();
    assert_eq!(read.subjects.len(), MANY);
    let mut forms = 0;
    let mut check = |form: &str, artifacts: &dyn Fn() -> Vec<Artifact>| {
        let began = Instant::now();
        let found = artifacts();
        let took = began.elapsed();
        assert_eq!(found.len(), MANY, "{form}");
        // Not assert_eq: nobody wants to read two Statements of that size.
        assert!(statement(&found) == expected, "{form}: another Statement");
        println!("{form}: {MANY} subjects in {took:.1?}");
        forms += 1;
    };
    check("files in a folder", &|| expand(&place("deep"), &options()));
    check("a folder, names relative", &|| expand(&place("deep/site"), &relative));
    check("a pattern", &|| expand(&place("deep/*/*.html"), &relative));
    check("each file by its path", &|| subjects::expand(&each, &relative, &|_| {}).unwrap());
    check("two lists, merged", &merged);
    check("checksums of standard input", &|| expand("@-", &stdin));
    check("base64 text", &|| subjects::base64_subjects(encoded.as_bytes()).unwrap());
    check("base64 text in lines", &|| subjects::base64_subjects(wrapped.as_bytes()).unwrap());
    check("base64 handle of a file", &|| subjects::base64_subjects_in(handle.as_bytes(), root).unwrap());
    check("the list of a GitHub job", &|| subjects::artifacts_list(listed.as_bytes()).unwrap());
    for (form, reference) in &files {
        check(form, &|| expand(reference, &options()));
    }
    println!("{forms} forms, one Statement of {} bytes, {:.1?} in all", expected.len(), began.elapsed());
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

#[test]
fn many_subjects_are_scanned_for_secrets() {
    let began = Instant::now();
    let artifacts = subjects::checksums(gnu(' ').as_bytes(), "a list").unwrap();
    let rows: Vec<ExplainRow> = artifacts
        .iter()
        .enumerate()
        .flat_map(|(n, one)| ExplainRow::subject(n, one.name(), one.digests(), Source::GivenDigest))
        .collect();
    let values: Vec<String> = (0..20).map(|n| format!("a secret of many {n}")).collect();
    let known: Vec<(&str, &str)> = values.iter().map(|value| ("SOME_TOKEN", value.as_str())).collect();
    redact::scan(&rows).unwrap();
    redact::scan_known(&rows, &known).unwrap();
    let name = artifacts[MANY / 2].name();
    let error = redact::scan_known(&rows, &[("SITE_SECRET", name)]).unwrap_err();
    assert_eq!(error.code(), "secret-found");
    println!("{} values, {} known secrets, 1 finding: {:.1?}", rows.len(), known.len(), began.elapsed());
    assert!(began.elapsed() < BUDGET);
}

/// Names that are hard to write in a list: spaces, escapes, what looks like a flag, a tag or a comment.
const HARD: &[&str] = &[
    "a b",
    " lead",
    "back\\slash",
    "new\nline",
    "cr\rhere",
    "*star",
    "x) = y",
    "#no comment",
    "ünï",
    "-dash",
    "SHA256 (q)",
];

#[test]
fn what_the_tools_of_the_system_write_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for name in HARD {
        fs::write(folder.path().join(name), name).unwrap();
        expected.push(((*name).to_owned(), format!("sha256:{}", hex::encode(Sha256::digest(name)))));
    }
    expected.sort();
    let (mut read, mut skipped) = (0, 0);
    for flags in [&["-t"][..], &["-b"], &["--tag"]] {
        let mut command = Command::new("sha256sum");
        let Ok(output) = command.args(flags).arg("--").args(HARD).current_dir(folder.path()).output() else {
            skipped += 1;
            println!("skipped: sha256sum {flags:?} is not on this machine");
            continue;
        };
        assert!(output.status.success(), "{flags:?}: {}", String::from_utf8_lossy(&output.stderr));
        let encoded = base64::encode(&output.stdout);
        let forms = [
            subjects::checksums(&output.stdout, "sha256sum").unwrap(),
            subjects::base64_subjects(encoded.as_bytes()).unwrap(),
        ];
        for (n, artifacts) in forms.iter().enumerate() {
            let mut found: Vec<_> =
                artifacts.iter().map(|one| (one.name().to_owned(), one.digests()[0].to_string())).collect();
            found.sort();
            let mut expected = expected.clone();
            if n == 1 {
                // The base64 form takes space before a name for none of it, as slsa-github-generator does.
                expected.iter_mut().filter(|_| flags == ["-t"]).for_each(|one| one.0 = one.0.trim().to_owned());
                expected.sort();
            }
            assert_eq!(found, expected, "{flags:?}, form {n}");
            read += 1;
        }
    }
    println!("{} names, {read} lists read, {skipped} skipped", HARD.len());
    assert!(read > 0 || skipped > 0);
}
