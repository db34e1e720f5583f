//! Stories of `generate`, `attest`, `key` and `demo`, told by the program itself.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;

/// A folder with an artifact and a key pair without a password.
struct Story {
    folder: TempDir,
}

/// What a run came to: exit code, stdout, stderr.
struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Story {
    fn new() -> Self {
        let story = Self { folder: tempfile::tempdir().unwrap() };
        story.write("app.tar.gz", b"artifact bytes");
        story.good(&["key", "generate", "--output", "k", "--plain"]);
        story
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    fn run_with(&self, args: &[&str], env: &[(&str, &str)]) -> Ran {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_sealmark"))
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", path)
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }

    fn good(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {} {}", ran.out, ran.err);
        ran.out
    }

    /// Ends with this exit code and names this error.
    fn bad(&self, args: &[&str], exit: i32, code: &str) {
        let ran = self.run(args);
        assert_eq!(ran.code, exit, "{args:?}: {} {}", ran.out, ran.err);
        let words = format!("{} {}", ran.out, ran.err);
        assert!(words.split_whitespace().any(|word| word == code), "{args:?}: expected {code}, found {words}");
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn the_demo_ends_as_expected() {
    let story = Story::new();
    let ran = story.run(&["demo", "app.tar.gz"]);
    assert_eq!(ran.code, 0, "{} {}", ran.out, ran.err);
    assert!(ran.out.ends_with("10 steps, all as expected\n"), "{}", ran.out);
    for code in ["source-uri-mismatch", "signature-key-unknown", "signature-invalid", "subject-mismatch"] {
        assert_eq!(ran.out.matches(code).count(), 1, "{code}: {}", ran.out);
    }
}

#[test]
fn what_is_attested_is_verified_by_whoever_has_the_key() {
    let story = Story::new();
    let said =
        story.good(&["attest", "app.tar.gz", "--key", "k.key", "--source-uri", "https://github.com/acme/app.git"]);
    assert!(said.contains("SLSA Build L1 at most") && said.contains("app.tar.gz.sigstore.json"), "{said}");
    story.good(&["verify", "app.tar.gz", "--key", "k.pub", "--source-uri", "github.com/Acme/App"]);
    story.bad(&["verify", "app.tar.gz", "--key", "k.pub", "--source-tag", "v1"], 1, "source-ref-mismatch");
    let json = story.good(&["verify", "app.tar.gz", "--key", "k.pub", "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["verdict"], "allowed");
}

#[test]
fn two_runs_give_the_same_bytes() {
    let story = Story::new();
    story.write("b", b"b");
    let one = story.good(&["generate", "app.tar.gz", "b", "--param", "target=a=b", "--digest", "sha512"]);
    let two = story.good(&["generate", "b", "app.tar.gz", "--param", "target=a=b", "--digest", "sha512"]);
    assert_eq!(one, two);
    let statement: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(statement["subject"][0]["name"], "app.tar.gz");
    assert_eq!(statement["predicate"]["buildDefinition"]["externalParameters"]["parameters"]["target"], "a=b");
    assert!(statement["subject"][1]["digest"]["sha512"].is_string());
}

#[test]
fn fifty_thousand_lines_become_one_statement() {
    let story = Story::new();
    let line = |n: usize| format!("{n:064x}  file-{n}\n");
    story.write("SHA256SUMS", (0..50_000).map(line).collect::<String>().as_bytes());
    let one = story.good(&["generate", "@SHA256SUMS"]);
    assert_eq!(one, story.good(&["generate", "@SHA256SUMS"]));
    let statement: Value = serde_json::from_str(&one).unwrap();
    assert_eq!(statement["subject"].as_array().unwrap().len(), 50_000);
    story.good(&["attest", "@SHA256SUMS", "--key", "k.key"]);
    let digest = format!("sha256:{:064x}", 49_999);
    story.good(&["verify", &digest, "--key", "k.pub", "--bundle", "attestation.intoto.jsonl"]);
}

#[test]
fn encrypted_keys_ask_for_their_password() {
    let story = Story::new();
    let password = [("COSIGN_PASSWORD", "secret")];
    let made = story.run_with(&["key", "generate", "--output", "e", "--kind", "ed25519"], &password);
    assert_eq!(made.code, 0, "{}", made.err);
    let mode = fs::metadata(story.path("e.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(fs::read_to_string(story.path("e.key")).unwrap().contains("ENCRYPTED SIGSTORE PRIVATE KEY"));
    let attest = ["attest", "app.tar.gz", "--key", "e.key"];
    let wrong = story.run_with(&attest, &[("SEALMARK_PASSWORD", "wrong")]);
    assert!(wrong.code == 2 && wrong.err.contains("key-password-wrong"), "{}", wrong.err);
    story.bad(&attest, 2, "key-password-missing");
    assert_eq!(story.run_with(&attest, &password).code, 0);
    story.good(&["verify", "app.tar.gz", "--key", "e.pub"]);
    let public = story.run_with(&["key", "public", "e.key"], &password);
    assert_eq!(public.out, fs::read_to_string(story.path("e.pub")).unwrap());
}

#[test]
fn every_output_is_read_again() {
    let story = Story::new();
    let verify = ["verify", "app.tar.gz", "--key", "k.pub"];
    story.good(&["attest", "app.tar.gz", "--key", "k.key", "--output-format", "envelope"]);
    story.good(&verify);
    // A bare envelope names no key, so a wrong one is only a wrong signature.
    story.good(&["key", "generate", "--output", "other", "--plain", "--kind", "p384"]);
    story.bad(&["verify", "app.tar.gz", "--key", "other.pub"], 1, "signature-invalid");
    fs::remove_file(story.path("app.tar.gz.intoto.jsonl")).unwrap();
    for key in ["k.key", "other.key"] {
        story.good(&["attest", "app.tar.gz", "--key", key, "--output-format", "jsonl"]);
    }
    let lines = fs::read_to_string(story.path("app.tar.gz.intoto.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2);
    story.good(&verify);
    story.good(&["verify", "app.tar.gz", "--key", "other.pub"]);
}

#[test]
fn on_a_ci_that_nobody_knows_other_claims_are_signed_and_provenance_is_not() {
    let story = Story::new();
    story.write("sbom.json", br#"{"bomFormat": "CycloneDX", "specVersion": "1.6"}"#);
    let provenance = ["attest", "app.tar.gz", "--key", "k.key"];
    let ci = [("CI", "true")];
    let ran = story.run_with(&provenance, &ci);
    assert!(ran.code == 2 && ran.err.contains("platform-unknown"), "{}", ran.err);
    let predicate = [&provenance[..], &["--predicate", "sbom.json", "--type", "cyclonedx"]].concat();
    assert_eq!(story.run_with(&predicate, &ci).code, 0);
    let keyless = ["attest", "app.tar.gz", "--predicate", "sbom.json", "--type", "cyclonedx", "--force"];
    let ran = story.run_with(&keyless, &ci);
    assert!(ran.code == 3 && ran.err.contains("token-missing"), "{}", ran.err);
}

#[test]
fn predicates_and_statements_are_carried_byte_for_byte() {
    let story = Story::new();
    story.write("sbom.json", b"{\"bomFormat\" : \"CycloneDX\", \"specVersion\": \"1.6\", \"n\": 1.0}\n");
    let attest = ["attest", "app.tar.gz", "--key", "k.key", "--predicate", "sbom.json", "--type", "cyclonedx"];
    story.good(&attest);
    let bundle: Value = serde_json::from_slice(&fs::read(story.path("app.tar.gz.sigstore.json")).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let payload = String::from_utf8(sealmark::formats::base64::decode(payload).unwrap()).unwrap();
    assert!(
        payload.contains("\"predicate\":{\"bomFormat\" : \"CycloneDX\", \"specVersion\": \"1.6\", \"n\": 1.0}}"),
        "{payload}"
    );
    story.good(&["verify", "app.tar.gz", "--key", "k.pub", "--type", "cyclonedx"]);
    story.bad(&["verify", "app.tar.gz", "--key", "k.pub"], 1, "predicate-type-mismatch");
    story.write("list.json", b"[]");
    let list =
        ["attest", "app.tar.gz", "--key", "k.key", "--predicate", "list.json", "--type", "custom", "--output", "l"];
    story.bad(&list, 2, "predicate-not-object");
    let word =
        ["attest", "app.tar.gz", "--key", "k.key", "--predicate", "sbom.json", "--type", "no word", "--output", "l"];
    story.bad(&word, 2, "policy-predicate-type");
    story.write("s.json", payload.as_bytes());
    story.good(&["attest", "--statement", "s.json", "--key", "k.key", "--output", "s.sigstore.json"]);
    // A Statement about something else is not given out for this artifact.
    story.write("other", b"other");
    let other = ["attest", "other", "--statement", "s.json", "--key", "k.key", "--output", "o.sigstore.json"];
    story.bad(&other, 2, "subject-not-in-statement");
    story.write("e.json", payload.replace("in-toto.io/Statement/v1", "evil.example/v1").as_bytes());
    let evil = ["attest", "--statement", "e.json", "--key", "k.key", "--output", "e.sigstore.json"];
    assert_eq!(story.run(&evil).code, 2);
    assert!(!story.names().iter().any(|name| ["l", "o.sigstore.json", "e.sigstore.json"].contains(&name.as_str())));
}

#[test]
fn nothing_is_overwritten_or_left_behind() {
    let story = Story::new();
    story.good(&["attest", "app.tar.gz", "--key", "k.key"]);
    let before = (story.names(), fs::read(story.path("app.tar.gz.sigstore.json")).unwrap());
    story.bad(&["attest", "app.tar.gz", "--key", "k.key"], 2, "file-exists");
    story.bad(&["key", "generate", "--output", "k", "--plain"], 2, "file-exists");
    story.bad(&["attest", "app.tar.gz", "--key", "k.key", "--output", "no/such/folder"], 2, "file-directory-missing");
    story.bad(&["generate", "missing"], 2, "subject-not-found");
    story.bad(&["generate", "app.tar.gz", "--param", "novalue"], 2, "parameter-invalid");
    story.bad(&["generate", "app.tar.gz", "--source-uri", "/home/me/app"], 2, "source-uri-invalid");
    story.bad(&["attest", "app.tar.gz", "--key", "k.pub", "--force"], 2, "key-not-private");
    story.bad(&["attest", "app.tar.gz", "--key", "app.tar.gz", "--force"], 2, "key-pem-invalid");
    story.bad(&["attest", "app.tar.gz", "--key", ".", "--force"], 2, "file-is-directory");
    assert_eq!(story.run(&["attest", "app.tar.gz"]).code, 2);
    assert_eq!((story.names(), fs::read(story.path("app.tar.gz.sigstore.json")).unwrap()), before);
    story.good(&["attest", "app.tar.gz", "--key", "k.key", "--force"]);
}

#[test]
fn the_checkout_is_told_as_it_is() {
    let story = Story::new();
    let outside = story.run(&["generate", "app.tar.gz"]);
    assert!(outside.err.contains("no git repository"), "{}", outside.err);
    let statement: Value = serde_json::from_str(&outside.out).unwrap();
    assert_eq!(statement["predicate"]["buildDefinition"].get("resolvedDependencies"), None);
    story.write(".gitignore", b"*\n!app.tar.gz\n");
    sealmark::workspace::sample::make(story.folder.path(), "app.tar.gz", "v1.2.3", "git@github.com:Acme/App.git")
        .unwrap();
    let clean = story.good(&["generate", "app.tar.gz", "--require-clean"]);
    let statement: Value = serde_json::from_str(&clean).unwrap();
    let source = &statement["predicate"]["buildDefinition"]["externalParameters"]["source"];
    assert_eq!(
        (source["uri"].as_str(), source["ref"].as_str()),
        (Some("git+https://github.com/Acme/App"), Some("refs/tags/v1.2.3"))
    );
    story.write("app.tar.gz", b"changed");
    story.bad(&["generate", "app.tar.gz", "--require-clean"], 2, "source-dirty");
    let dirty = story.run(&["generate", "app.tar.gz"]);
    assert!(dirty.err.contains("changes that are not committed"), "{}", dirty.err);
    let statement: Value = serde_json::from_str(&dirty.out).unwrap();
    assert_eq!(statement["predicate"]["buildDefinition"]["internalParameters"]["git"]["dirty"], true);
    let explained = story.good(&["generate", "app.tar.gz", "--explain", "--format", "json"]);
    let rows: Value = serde_json::from_str(&explained).unwrap();
    assert!(rows.as_array().unwrap().iter().any(|row| row["source"] == "git tags at HEAD"), "{explained}");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let story = Story::new();
    let mount = story.path("small");
    fs::create_dir(&mount).unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4k", "tmpfs"]).arg(&mount).output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        println!("skipped: a small file system cannot be mounted here");
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "must not be skipped");
        return;
    }
    let ran = story.run(&[
        "attest",
        "app.tar.gz",
        "--key",
        "k.key",
        "--output",
        "small/a",
        "--param",
        &format!("x={}", "y".repeat(9000)),
    ]);
    let left = fs::read_dir(Path::new(&mount)).unwrap().count();
    let unmounted = Command::new("umount").arg(&mount).status().unwrap();
    assert!(unmounted.success());
    assert_eq!((ran.code, left), (3, 0), "{} {}", ran.out, ran.err);
    assert!(ran.err.contains("file-unwritable"), "{}", ran.err);
}

impl Story {
    /// Runs, and must end with this error and change no file.
    fn refused(&self, args: &[&str], exit: i32, code: &str) {
        let state = || self.names().into_iter().map(|name| (fs::read(self.path(&name)).ok(), name)).collect::<Vec<_>>();
        let before = state();
        self.bad(args, exit, code);
        assert!(state() == before, "{args:?} changed files");
    }
}

#[test]
fn no_flag_goes_unread() {
    let story = Story::new();
    story.write("p.json", b"{}");
    story.write("s.json", story.good(&["generate", "app.tar.gz"]).as_bytes());
    for flags in [&["--require-clean"][..], &["--param", "a=b"], &["--source-uri", "https://a.example/b/c"]] {
        for input in [&["--statement", "s.json"][..], &["--predicate", "p.json", "--type", "custom"]] {
            let args = [&["attest", "app.tar.gz", "--key", "k.key"], input, flags].concat();
            let ran = story.run(&args);
            assert!(ran.code == 2 && ran.err.contains("cannot be used with"), "{args:?}: {}", ran.err);
        }
    }
    let jsonl = ["attest", "app.tar.gz", "--key", "k.key", "--output-format", "jsonl", "--force"];
    story.refused(&jsonl, 2, "output-conflict");
    // Asked for and not there is not the same as not there.
    story.refused(&["generate", "app.tar.gz", "--require-clean"], 2, "source-missing");
    story.refused(&["generate", "app.tar.gz", "--source", "."], 2, "source-missing");
    let silent = story.run(&["generate", "app.tar.gz", "--no-source"]);
    assert_eq!((silent.code, silent.err.as_str()), (0, ""));
    story.refused(&["generate", "missing", "--explain"], 2, "subject-not-found");
    let explained = story.good(&["generate", "app.tar.gz", "--explain", "--digest", "sha384,sha512"]);
    for field in ["/subject/0/name\n", "/subject/0/digest/sha512\n", "/predicate/runDetails/builder/id\n"] {
        assert!(explained.contains(field), "{field}: {explained}");
    }
}

#[test]
fn what_was_read_is_never_written_over() {
    let story = Story::new();
    story.write("p.json", b"{}");
    let attest = |output| {
        [
            "attest",
            "app.tar.gz",
            "--key",
            "k.key",
            "--predicate",
            "p.json",
            "--type",
            "custom",
            "--force",
            "--output",
            output,
        ]
    };
    for output in ["app.tar.gz", "./app.tar.gz", "k.key", "p.json"] {
        story.refused(&attest(output), 2, "output-is-input");
    }
    story.refused(&["generate", "app.tar.gz", "--output", "app.tar.gz", "--force"], 2, "output-is-input");
    story.good(&attest("k.pub"));
}

#[test]
fn a_failure_loses_no_key() {
    let story = Story::new();
    fs::create_dir(story.path("half.pub")).unwrap();
    story.refused(&["key", "generate", "--output", "half", "--plain", "--force"], 2, "file-is-directory");
    // An older pair of which one half cannot be replaced stays a pair.
    fs::rename(story.path("k.pub"), story.path("old.pub")).unwrap();
    fs::create_dir(story.path("k.pub")).unwrap();
    story.refused(&["key", "generate", "--output", "k", "--plain", "--force"], 2, "file-is-directory");
    fs::remove_dir(story.path("k.pub")).unwrap();
    fs::rename(story.path("old.pub"), story.path("k.pub")).unwrap();
    fs::rename(story.path("k.key"), story.path("old.key")).unwrap();
    fs::create_dir(story.path("k.key")).unwrap();
    story.refused(&["key", "generate", "--output", "k", "--plain", "--force"], 2, "file-is-directory");
    story.refused(&["key", "generate", "--output", "none", "--plain", "--force", "--kind", "rsa"], 2, "'rsa'");
    let ran = story.run_with(&["key", "generate", "--output", "e"], &[("COSIGN_PASSWORD", "")]);
    assert!(ran.code == 2 && ran.err.contains("password-empty"), "{}", ran.err);
    story.refused(&["key", "generate", "--output", "e"], 2, "key-password-missing");
    assert!(!story.names().iter().any(|name| name.starts_with("e.")));
}

#[test]
fn lines_are_appended_to_lines_alone() {
    let story = Story::new();
    let attest = ["attest", "app.tar.gz", "--key", "k.key", "--output-format", "jsonl", "--output", "a.jsonl"];
    story.good(&attest);
    let one = fs::read_to_string(story.path("a.jsonl")).unwrap();
    let pretty = serde_json::to_string_pretty(&serde_json::from_str::<Value>(&one).unwrap()).unwrap();
    for text in [pretty.as_str(), &format!("[{one}]"), "not json", &format!("{one}{{}}\n"), &one.repeat(10_000)] {
        story.write("a.jsonl", text.as_bytes());
        story.refused(&attest, 2, "output-not-jsonl");
    }
    for text in ["", "\n", one.trim_end()] {
        story.write("a.jsonl", text.as_bytes());
        story.good(&attest);
        assert!(fs::read_to_string(story.path("a.jsonl")).unwrap().ends_with("}\n"));
        story.good(&["verify", "app.tar.gz", "--key", "k.pub", "--bundle", "a.jsonl"]);
    }
}

#[test]
fn a_statement_that_nobody_could_verify_is_not_signed() {
    let story = Story::new();
    let statement = |subjects: &str| {
        format!(
            "{{\"_type\":\"https://in-toto.io/Statement/v0.1\",\"subject\":[{subjects}],\"predicateType\":\"urn:x\",\"predicate\":{{}}}}"
        )
    };
    let attest = ["attest", "--statement", "s.json", "--key", "k.key", "--output", "s.sigstore.json"];
    story.write(
        "s.json",
        statement(&format!("{{\"name\":\"a\",\"digest\":{{\"sha1\":\"{}\"}}}}", "ab".repeat(20))).as_bytes(),
    );
    story.refused(&attest, 2, "artifact-weak-digest");
    // One artifact by its sha256, two by their sha512.
    let subject = |byte: &str| {
        format!("{{\"digest\":{{\"sha256\":\"{}\",\"sha512\":\"{}\"}}}}", "ab".repeat(32), byte.repeat(64))
    };
    story.write("s.json", statement(&format!("{},{}", subject("01"), subject("02"))).as_bytes());
    story.refused(&attest, 3, "self-check-failed");
    // A Statement that names its subject by sha512 alone is about the file that has it.
    let sha512 = {
        let text = story.good(&["generate", "app.tar.gz", "--digest", "sha512"]);
        let value: Value = serde_json::from_str(&text).unwrap();
        value["subject"][0]["digest"]["sha512"].as_str().unwrap().to_owned()
    };
    story.write("s.json", statement(&format!("{{\"digest\":{{\"sha512\":\"{sha512}\"}}}}")).as_bytes());
    story.good(&["attest", "app.tar.gz", "--statement", "s.json", "--key", "k.key"]);
    story.good(&["verify", "app.tar.gz", "--key", "k.pub", "--type", "urn:x"]);
}

/// The last line of `attest` is a command that works as it stands.
#[test]
fn the_command_that_is_shown_verifies() {
    let story = Story::new();
    fs::create_dir_all(story.path("dist dir/sub")).unwrap();
    story.write("dist dir/a", b"a");
    story.write("dist dir/b", b"b");
    story.write("dist dir/sub/c", b"c");
    story.write("SUMS", format!("{:064x}  x\n", 1).as_bytes());
    let cases: &[(&[&str], &str)] = &[
        (&["app.tar.gz"], "app.tar.gz.sigstore.json"),
        (&["dist dir/a"], "dist dir/a.sigstore.json"),
        (&["dist dir/a", "dist dir/b"], "dist dir/attestation.intoto.jsonl"),
        (&["app.tar.gz", "dist dir/b"], "attestation.intoto.jsonl"),
        (&["dist dir"], "attestation.intoto.jsonl"),
        (&["@SUMS"], "attestation.intoto.jsonl"),
    ];
    for (subjects, output) in cases {
        let said = story.good(&[&["attest", "--key", "k.key"], *subjects].concat());
        let command = said.lines().last().unwrap().trim().strip_prefix("check it   sealmark ").unwrap().to_owned();
        let script = format!("{} {command}", env!("CARGO_BIN_EXE_sealmark"));
        let shell = Command::new("sh").args(["-c", &script]).current_dir(story.folder.path()).output().unwrap();
        assert!(shell.status.success(), "{command}: {}", String::from_utf8_lossy(&shell.stderr));
        fs::remove_file(story.path(output)).unwrap();
    }
}

#[test]
fn what_is_no_file_does_not_hang() {
    let story = Story::new();
    assert!(Command::new("mkfifo").arg(story.path("pipe")).status().unwrap().success());
    for args in [
        &["generate", "pipe"][..],
        &["generate", "@pipe"],
        &["attest", "app.tar.gz", "--key", "pipe"],
        &["attest", "app.tar.gz", "--key", "k.key", "--predicate", "pipe", "--type", "custom"],
        &["attest", "--key", "k.key", "--statement", "pipe", "--output", "x"],
        &["attest", "app.tar.gz", "--key", "k.key", "--output", "pipe", "--force"],
        &["key", "public", "pipe"],
    ] {
        story.bad(args, 2, "file-not-regular");
    }
    for (args, code) in [
        (&["generate", "app.tar.gz", "--output", "."][..], "file-is-directory"),
        (&["key", "public", "missing"], "file-not-found"),
        (&["key", "public", "k.pub"], "key-not-private"),
        (&["attest", "app.tar.gz", "--key", "k.key", "--type", "x", "--predicate", "k.pub"], "policy-predicate-type"),
        (&["generate", "app.tar.gz", "--digest", "dirHash"], "digest-not-computable"),
        (&["generate", "sha1:0000000000000000000000000000000000000000"], "artifact-weak-digest"),
    ] {
        story.bad(args, 2, code);
    }
}
