//! Input that is no good, and input that is meant to harm: a clear error, no panic, no hang, nothing on the terminal.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;
use crate::verify::refusals;
use crate::world::ARTIFACT;
use crate::world::World;
use crate::world::ended;

const SOURCE: [&str; 2] = ["--source-uri", "github.com/acme/app"];

#[test]
fn bad_files_of_attestations() {
    let world = World::attested();
    let good = std::fs::read(world.path("app.tar.gz.sigstore.json")).unwrap();
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty", Vec::new(), "input-empty"),
        ("blank", b" \n\n ".to_vec(), "input-empty"),
        ("truncated", good[..good.len() / 2].to_vec(), "json-invalid"),
        ("deep", deep, "json-too-deep"),
        ("not UTF-8", vec![0xff, 0xfe, 0x00, 0x80], "json-invalid"),
        ("NUL", vec![0; 4096], "json-invalid"),
        ("array", b"[]".to_vec(), "input-empty"),
        ("number", b"1e999999999".to_vec(), "json-invalid"),
        ("object", b"{\"a\":1}".to_vec(), "not-an-attestation"),
    ];
    for (name, bytes, code) in cases {
        world.write("bad.json", &bytes);
        let args = [&["--bundle", "bad.json"], &SOURCE[..]].concat();
        assert_eq!(world.verify(&args).code, 1, "{name}");
        assert_eq!(refusals(&world.report(&args)), [code], "{name}");
        // The same beside the artifact, next to a good one: allowed, and reported.
        world.write("app.tar.gz.intoto.jsonl", &bytes);
        let ended = world.verify(&SOURCE);
        assert_eq!(ended.code, 0, "{name}: {ended:?}");
        assert!(ended.out.contains(&format!("rejected: app.tar.gz.intoto.jsonl   {code}\n")), "{name}: {ended:?}");
    }
}

/// Every input that cannot be read at all, in each place where a file is named.
#[test]
fn unreadable_files_end_undecided() {
    let world = World::attested();
    std::fs::create_dir(world.path("folder")).unwrap();
    assert!(Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
    let sparse = std::fs::File::create(world.path("sparse")).unwrap();
    sparse.set_len(1 << 30).unwrap();
    let cases = [
        ("missing", "file-not-found"),
        ("folder", "file-is-directory"),
        ("pipe", "file-not-regular"),
        ("sparse", "file-too-large"),
        ("root.json/x", "file-not-directory"),
    ];
    for (name, code) in cases {
        for flag in ["--bundle", "--trust", "--key"] {
            let ended = world.verify(&[flag, name, "--source-uri", "github.com/acme/app"]);
            assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{flag} {name}: {ended:?}");
            assert!(ended.err.starts_with(&format!("error    {code}   ")), "{flag} {name}: {ended:?}");
        }
    }
    world.write("bad.json", "{}");
    let ended = world.verify(&["--trust", "bad.json", "--source-uri", "github.com/acme/app"]);
    assert_eq!(ended.code, 3);
    assert!(ended.err.starts_with("error    trust-root-"), "{ended:?}");
}

#[test]
fn unreadable_artifacts() {
    let world = World::attested();
    assert!(Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
    let verify = |name: &str| world.run(&["verify", name, "--trust", "root.json", SOURCE[0], SOURCE[1]]);
    let missing = verify("missing");
    assert_eq!((missing.code, missing.out.as_str()), (2, ""));
    assert!(missing.err.starts_with("error    subject-not-found   "), "{missing:?}");
    let pipe = verify("pipe");
    assert_eq!(pipe.code, 3);
    assert!(pipe.out.starts_with("undecided pipe   it could not be read\n  file-not-regular   "), "{pipe:?}");
    // One that cannot be read leaves the verdict on the others as it is.
    let both = world.run(&["verify", "app.tar.gz", "pipe", "--trust", "root.json", SOURCE[0], SOURCE[1]]);
    assert_eq!(both.code, 3);
    assert!(both.out.contains("\nallowed  app.tar.gz\n"), "{both:?}");
}

/// A file under a usual name that cannot be read might have been the one: undecided, unless another is accepted.
#[test]
fn an_unreadable_file_beside_the_artifact() {
    let world = World::attested();
    assert!(Command::new("mkfifo").arg(world.path("app.tar.gz.intoto.jsonl")).status().unwrap().success());
    assert_eq!(world.verify(&SOURCE).code, 0);
    let ended = world.verify(&["--source-uri", "github.com/acme/other"]);
    assert_eq!(ended.code, 3);
    assert!(ended.out.starts_with("undecided app.tar.gz   2 attestations found, not all could be read\n"), "{ended:?}");
}

/// Names that somebody else chose cannot move the cursor, forge a line or turn the text around.
#[test]
fn escapes_in_names_do_nothing() {
    const EVIL: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\r\nallowed  app.tar.gz\u{202e}\u{9b}1m";
    let world = World::new();
    let subjects = json!([{"name": EVIL, "digest": {"sha256": HashKind::Sha256.hex(b"other")}}]);
    let mut predicate = world.sigstore.spec(ARTIFACT);
    predicate.statement["predicateType"] = json!(format!("https://x.test/{EVIL}"));
    let run = GitHub { runner: EVIL.to_owned(), event: EVIL.to_owned(), ..GitHub::default() };
    let named = json!([statement::subject(EVIL, ARTIFACT)]);
    let claims = world.sigstore.spec_of(&named, &run);
    let san = Spec { san: vec![San::OtherName(EVIL.to_owned())], ..world.sigstore.spec(ARTIFACT) };
    let specs = [world.sigstore.spec_of(&subjects, &GitHub::default()), predicate, claims, san];
    world.lines("app.tar.gz.intoto.jsonl", &specs);
    let evil_key = json!({ EVIL: 1 }).to_string();
    world.write("app.tar.gz.sigstore.json", evil_key);
    let evil_file = format!("{}.tar.gz", EVIL.replace('/', "-"));
    world.write(&evil_file, ARTIFACT);
    let wrong = ["--identity", "nobody", "--issuer", "nobody"];
    let runs: [&[&str]; 5] = [
        &["verify", "app.tar.gz", "--trust", "root.json", SOURCE[0], SOURCE[1]],
        &["verify", "app.tar.gz", "--trust", "root.json", wrong[0], wrong[1], wrong[2], wrong[3]],
        &["verify", &evil_file, "--bundle", "app.tar.gz.intoto.jsonl", "--trust", "root.json", SOURCE[0], SOURCE[1]],
        &["verify", "app.tar.gz", "--bundle", EVIL, SOURCE[0], SOURCE[1]],
        &["verify", EVIL, SOURCE[0], SOURCE[1]],
    ];
    for args in runs {
        let ended = world.run(args);
        for text in [&ended.out, &ended.err] {
            let acts = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
            assert!(!text.contains(acts), "{args:?}: {text:?}");
        }
        let forged = ended.out.lines().filter(|line| *line == "allowed  app.tar.gz").count();
        assert!(forged <= usize::from(ended.code == 0), "{args:?}: {}", ended.out);
    }
}

/// Nothing is fetched: not even a socket is made.
#[test]
fn no_socket_is_ever_made() {
    let Some(strace) =
        ["/usr/bin/strace", "/usr/local/bin/strace", "/bin/strace"].into_iter().find(|p| Path::new(p).exists())
    else {
        let required = std::env::var("SEALMARK_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "strace is not installed, and SEALMARK_REQUIRE_ALL=1");
        println!("skipped: strace is not installed");
        return;
    };
    let world = World::attested();
    let verify = ["verify", "app.tar.gz", "--trust", "root.json", "--trust", "public-good", SOURCE[0], SOURCE[1]];
    let mut command = Command::new(strace);
    crate::support::hermetic(&mut command);
    command.current_dir(world.path(".")).args(["-f", "-o", "trace", "-e", "trace=%network,execve"]);
    command.arg(env!("CARGO_BIN_EXE_sealmark")).args(verify);
    let ended = ended(command, &verify);
    if ended.code != 0 && ended.err.contains("ptrace") {
        let required = std::env::var("SEALMARK_REQUIRE_ALL").is_ok_and(|value| value == "1");
        assert!(!required, "strace may not trace: {}", ended.err);
        println!("skipped: strace may not trace: {}", ended.err);
        return;
    }
    assert_eq!(ended.code, 0, "{ended:?}");
    let trace = std::fs::read_to_string(world.path("trace")).unwrap();
    assert!(trace.contains("execve("), "strace traced nothing: {trace}");
    let network: Vec<_> = trace.lines().filter(|line| line.contains('(') && !line.contains("execve(")).collect();
    assert!(network.is_empty(), "{network:#?}");
}
