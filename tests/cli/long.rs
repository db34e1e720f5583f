//! Bills of materials that are longer than the program may have memory for: signed, attached, verified, shown and given back.

use std::fmt::Write as _;
use std::fs;

use serde_json::json;

use crate::support::registry_server::Options;
use crate::support::registry_server::RegistryServer;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::SERVICES;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;

/// How long the document is at least, in bytes.
const LENGTH: usize = 40 << 20;
/// The most memory that anything about it may take, in KiB: less than the document alone.
const MEMORY: u64 = 39 << 10;
/// How long one is that is held nowhere it need not be, and not long enough for anything else.
const SHORT: usize = 9 << 20;

const TYPE: [&str; 2] = ["--type", "cyclonedx"];
const PREDICATE: [&str; 4] = ["--predicate", "sbom.json", "--type", "cyclonedx"];

/// A registry with an image, a key, and a document.
struct Story {
    world: World,
    registry: RegistryServer,
    image: String,
    document: String,
}

/// A CycloneDX document with long texts and many short ones, and a way of writing that nobody else has.
fn document(length: usize) -> String {
    let mut text =
        String::from("{ \"bomFormat\" : \"CycloneDX\",\n  \"specVersion\": \"1.6\", \"n\": 1.0, \"components\": [\n");
    let description = "a \\\"description\\\" with \\u00e9 and é, ".repeat(1000);
    let mut n = 0;
    while text.len() < length {
        writeln!(text, "    {{\"name\": \"component-{n}\", \"description\": \"{description}\", \"hashes\": [{{}}]}},")
            .unwrap();
        n += 1;
    }
    text + "    {}\n  ]\n}"
}

impl Story {
    fn new(length: usize) -> Self {
        let registry = RegistryServer::start(Options::default());
        let (image, world, document) = (registry.image("acme/app", "v1"), World::new(), document(length));
        world.write("sbom.json", format!("\n{document}\n"));
        let story = Self { world, registry, image, document };
        story.good(&["key", "generate", "--output", "k", "--plain"]);
        story
    }

    fn pinned(&self) -> String {
        format!("{}/acme/app@{}", self.registry.host(), self.image)
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command = self.world.command(args);
        command.env("HOME", self.world.path("home"));
        ended(command, args)
    }

    fn good(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended
    }

    /// It ends well, and takes no more memory than it may.
    fn passes(&self, args: &[&str]) -> Ended {
        let ended = self.good(args);
        if cfg!(target_os = "linux") {
            println!("{} KiB   {}", ended.peak, args.join(" "));
            assert!((1..MEMORY).contains(&ended.peak), "{} KiB: {args:?}", ended.peak);
        }
        ended
    }

    fn refused(&self, args: &[&str], exit: i32, code: &str) {
        let ended = self.run(args);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(ended.code == exit && said.contains(code), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_long_document_passes_by_from_file_to_file() {
    let story = Story::new(LENGTH);
    let made =
        story.passes(&[&["attest", "app.tar.gz", "--key", "k.key", "--output", "out.json"], &PREDICATE[..]].concat());
    assert!(made.out.contains("  verified   as written"), "{made:?}");
    let verify = ["verify", "app.tar.gz", "--key", "k.pub", "--bundle"];
    let judged = story.passes(&[&verify[..], &["out.json"], &TYPE].concat());
    assert!(judged.out.starts_with("allowed"), "{judged:?}");
    let text = fs::read_to_string(story.world.path("out.json")).unwrap();
    assert!(text.ends_with("}\n") && text.lines().count() == 1);
    story.refused(&[&verify[..], &["out.json"]].concat(), 1, "predicate-type-mismatch");
    story.refused(
        &["verify", "sbom.json", "--key", "k.pub", "--bundle", "out.json", TYPE[0], TYPE[1]],
        1,
        "subject-mismatch",
    );
    // One letter of the payload, and one of the signature.
    let damaged = |place: usize, name: &str| {
        let mut bytes = text.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        story.world.write(name, bytes);
    };
    damaged(text.len() / 2, "payload.json");
    damaged(text.find("\"sig\":\"").unwrap() + 60, "signature.json");
    story.refused(&[&verify[..], &["signature.json"], &TYPE].concat(), 1, "signature-invalid");
    let ended = story.run(&[&verify[..], &["payload.json"], &TYPE].concat());
    assert!(ended.code == 1 && (ended.out.contains("signature-invalid") || ended.out.contains("json-")), "{ended:?}");
    // The same signature over another document.
    let other = story.document.replacen("1.0", "2.0", 1);
    story.world.write("other.json", other);
    story.good(&[
        "attest",
        "app.tar.gz",
        "--key",
        "k.key",
        "--output",
        "second.json",
        "--predicate",
        "other.json",
        TYPE[0],
        TYPE[1],
    ]);
    let second = fs::read_to_string(story.world.path("second.json")).unwrap();
    let signature = |text: &str| text.split("\"sig\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    story.world.write("swapped.json", text.replacen(&signature(&text), &signature(&second), 1));
    story.refused(&[&verify[..], &["swapped.json"], &TYPE].concat(), 1, "signature-invalid");
}

#[test]
fn a_long_document_passes_by_from_registry_to_registry() {
    let story = Story::new(LENGTH);
    let pinned = story.pinned();
    story
        .passes(&[&["attest", &pinned, "--key", "k.key", "--output", "out.json", "--attach"], &PREDICATE[..]].concat());
    story.passes(&[&["verify", &pinned, "--key", "k.pub"], &TYPE[..]].concat());
    let tree = story.passes(&["tree", &pinned]);
    assert!(tree.out.contains("https://cyclonedx.org/bom"), "{tree:?}");
    story.passes(&["download", "sbom", &pinned, "--output", "got.json"]);
    assert!(fs::read_to_string(story.world.path("got.json")).unwrap() == story.document);
    story.passes(&["download", "predicate", &pinned, "--all", "--output", "lines.json"]);
    let line = fs::read_to_string(story.world.path("lines.json")).unwrap();
    assert!(
        line.lines().count() == 1
            && line.starts_with("{ \"bomFormat\" : \"CycloneDX\",\"specVersion\": \"1.6\", \"n\": 1.0,")
    );
    story.passes(&["download", "attestation", &pinned, "--output", "stored.json"]);
    let written = fs::read(story.world.path("out.json")).unwrap();
    assert!(fs::read(story.world.path("stored.json")).unwrap() == written);
    // Attached already, whatever white space a file has around it.
    story.world.write("spaced.json", [b" \n".as_slice(), &written, b"\n"].concat());
    let again = story.passes(&["attach", &pinned, "--bundle", "spaced.json", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!(report["complete"], true, "{report}");
    let tree = story.good(&["tree", &pinned, "--format", "json"]);
    assert_eq!(tree.out.matches("https://cyclonedx.org/bom").count(), 1, "{tree:?}");
    story.passes(&["copy", &pinned, "oci-layout:moved"]);
    story.passes(&["verify", "oci-layout:moved", "--key", "k.pub", TYPE[0], TYPE[1]]);
    story.passes(&["download", "sbom", "oci-layout:moved", "--output", "again.json"]);
    assert!(fs::read_to_string(story.world.path("again.json")).unwrap() == story.document);
}

#[test]
fn what_cannot_pass_by_is_held() {
    let story = Story::new(SHORT);
    let pinned = story.pinned();
    // Ed25519 signs messages, the form before bundles is made of the whole text, and a policy that looks into predicates holds them.
    story.good(&["key", "generate", "--output", "ed", "--plain", "--kind", "ed25519"]);
    story.good(&["key", "generate", "--output", "wide", "--plain", "--kind", "p384"]);
    for key in ["ed", "wide"] {
        let (private, public, out) = (format!("{key}.key"), format!("{key}.pub"), format!("{key}.json"));
        story.good(&[&["attest", "app.tar.gz", "--key", &private, "--output", &out], &PREDICATE[..]].concat());
        story.good(&["verify", "app.tar.gz", "--key", &public, "--bundle", &out, TYPE[0], TYPE[1]]);
        story.refused(
            &["verify", "app.tar.gz", "--key", "k.pub", "--bundle", &out, TYPE[0], TYPE[1]],
            1,
            "signature-key-unknown",
        );
    }
    story.good(&[&["attest", &pinned, "--key", "k.key", "--legacy"], &PREDICATE[..]].concat());
    story.passes(&[&["verify", &pinned, "--key", "k.pub"], &TYPE[..]].concat());
    let key = fs::read_to_string(story.world.path("k.pub")).unwrap();
    let policy = |value: &str| {
        let claim = json!({"id": "version", "path": "/predicate/specVersion", "operator": "equals", "value": value});
        json!({
            "apiVersion": "sealmark.dev/v1", "kind": "Policy",
            "metadata": {"name": "long", "version": "1", "owner": "us", "expires": "2099-01-01"},
            "verifiers": {"us": {"keys": [{"pem": key}], "transparency": {"log": "not-required"}}},
            "evidence": {"sbom": {"predicateTypes": ["cyclonedx"], "verifiedBy": "us", "quantifier": "any", "claims": [claim]}},
            "require": "sbom",
        })
        .to_string()
    };
    story.world.write("good.yaml", policy("1.6"));
    story.world.write("bad.yaml", policy("1.7"));
    story.good(&["policy", "check", "good.yaml"]);
    let judged = story.good(&["verify", &pinned, "--policy", "good.yaml"]);
    assert!(judged.out.starts_with("allowed"), "{judged:?}");
    story.refused(&["verify", &pinned, "--policy", "bad.yaml"], 1, "denied");
}

#[test]
fn without_room_for_temporary_files_nothing_is_decided() {
    let story = Story::new(SHORT);
    let pinned = story.pinned();
    let attest = [&["attest", &pinned, "--key", "k.key"], &PREDICATE[..]].concat();
    story.good(&attest);
    let before = story.registry.requests().len();
    for (args, exit) in [(&attest[..], 3), (&[&["verify", &pinned, "--key", "k.pub"], &TYPE[..]].concat(), 3)] {
        let mut command = story.world.command(args);
        command.env("HOME", story.world.path("home")).env("TMPDIR", story.world.path("nowhere"));
        let ended = ended(command, args);
        let said = format!("{}{}", ended.out, ended.err);
        assert!(ended.code == exit && said.contains("file-unwritable"), "{args:?}: {ended:?}");
    }
    let asked = story.registry.requests().split_off(before);
    assert!(asked.iter().all(|(method, ..)| method == "GET" || method == "HEAD"), "{asked:?}");
}

#[test]
fn what_is_wrong_with_a_long_document_is_found_before_it_is_signed() {
    let story = Story::new(SHORT);
    let refused = |text: String, kind: &str, code: &str| {
        story.world.write("wrong.json", text);
        story.refused(
            &["attest", "app.tar.gz", "--key", "k.key", "--predicate", "wrong.json", "--type", kind],
            2,
            code,
        );
        assert!(!story.world.path("app.tar.gz.sigstore.json").exists());
    };
    let document = &story.document;
    refused(document[..document.len() - 1].to_owned(), "cyclonedx", "json-invalid");
    refused(document.replacen("{}", "{\"a\":1,\"a\":2}", 1), "cyclonedx", "json-duplicate-key");
    refused(format!("{document} x"), "cyclonedx", "json-invalid");
    refused(document.clone(), "spdxjson", "predicate-shape");
    refused(format!("[{document}]"), "https://example.com/x", "predicate-not-object");
}

#[test]
fn without_a_key_a_long_document_takes_a_log_of_hashes() {
    let server = SigstoreServer::start("long", Instance::Public);
    let story = Story::new(LENGTH);
    story.world.write("server.json", server.trusted_root().to_string());
    let (url, stamps) = (server.url(), server.timestamp_url());
    let attest = |log: &str, out: &str| {
        let services = ["--fulcio-url", &url, "--timestamp-url", &stamps, "--rekor-url", &url, "--rekor-version", log];
        let args =
            [&["attest", "app.tar.gz", "--output", out, "--trust", "server.json"], &PREDICATE[..], &services].concat();
        let mut command = story.world.command(&args);
        command.env("HOME", story.world.path("home"));
        command.env("SIGSTORE_ID_TOKEN", server.token(&tokens::github(&GitHub::default())));
        ended(command, &args)
    };
    let asked = || SERVICES.map(|service| server.count(service)).iter().sum::<usize>();
    // Rekor v1 is sent all of an envelope: too much of it is refused before anybody is asked.
    let first = attest("1", "first.json");
    assert!(first.code == 2 && first.err.contains("error    log-entry-too-large "), "{first:?}");
    assert_eq!(asked(), 0);
    let second = attest("2", "second.json");
    assert_eq!(second.code, 0, "{second:?}");
    assert!(!cfg!(target_os = "linux") || (1..MEMORY).contains(&second.peak), "{} KiB", second.peak);
    let identity = GitHub::default().signer_uri();
    let judged = story.passes(&[
        "verify",
        "app.tar.gz",
        "--bundle",
        "second.json",
        "--trust",
        "server.json",
        TYPE[0],
        TYPE[1],
        "--certificate-identity",
        &identity,
        "--certificate-oidc-issuer",
        "https://token.actions.githubusercontent.com",
    ]);
    assert!(judged.out.starts_with("allowed"), "{judged:?}");
}
