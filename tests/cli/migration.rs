//! `sealmark inspect --convert`: old provenance as v1 that nobody can sign, and a policy that verifies at once.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Spec;
use crate::world::ARTIFACT;
use crate::world::Ended;
use crate::world::World;
use crate::world::valid;

/// What is larger is an artifact, in bytes.
const LARGEST: u64 = 1 << 20;
const BUNDLE: &str = "app.tar.gz.sigstore.json";

fn conversion(ended: &Ended) -> Value {
    assert_eq!(ended.code, 0, "{ended:?}");
    let json = serde_json::from_str(&ended.out).unwrap();
    valid(&json, "conversion-v1");
    assert_eq!(json["verified"], false);
    json
}

/// A statement of v0.2 provenance, as older generators write it.
fn old(world: &World) -> Spec {
    let mut spec = world.sigstore.spec(ARTIFACT);
    spec.statement["_type"] = json!("https://in-toto.io/Statement/v0.1");
    spec.statement["predicateType"] = json!("https://slsa.dev/provenance/v0.2");
    let commit = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
    spec.statement["predicate"] = json!({
        "builder": {"id": "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2"},
        "buildType": "https://example.com/build@v1",
        "invocation": {"configSource": {"uri": "git+https://github.com/acme/app@refs/tags/v1.4.2", "digest": {"sha1": commit}}},
        "metadata": {"buildInvocationID": "9876543210-1"},
    });
    spec
}

#[test]
fn old_provenance_is_shown_as_v1_and_cannot_be_signed() {
    let world = World::new();
    world.attest("old.json", &old(&world));
    let json = conversion(&world.run(&["inspect", "--convert", "old.json"]));
    let item = &json["converted"][0];
    assert_eq!(item["from"]["predicateType"], "https://slsa.dev/provenance/v0.2");
    assert_eq!(item["provenance"]["runDetails"]["metadata"], json!({"invocationId": "9876543210-1"}));
    let names: Vec<_> = item["deviations"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["config-source-moved", "git-digest-key", "invocation-id-spelling"]);
    // The document is no Statement, and no predicate of provenance.
    assert_eq!(world.run(&["inspect", "--convert", "old.json", "--output", "new.json"]).code, 0);
    assert_eq!(world.run(&["key", "generate", "--output", "release", "--plain"]).code, 0);
    let sign = |args: &[&str]| world.run(&[&["attest", "app.tar.gz", "--key", "release.key"], args].concat());
    let ended = sign(&["--statement", "new.json"]);
    assert!(ended.code == 2 && ended.err.contains("error    json-field-missing   "), "{ended:?}");
    let ended = sign(&["--predicate", "new.json", "--type", "slsaprovenance1"]);
    assert!(ended.code == 2 && ended.err.contains("error    predicate-shape   "), "{ended:?}");
    assert!(!world.path(BUNDLE).exists());
    let ended = world.run(&["inspect", "--convert", "old.json", "--output", "new.json"]);
    assert!(ended.code == 2 && ended.err.contains("file-exists"), "{ended:?}");
}

#[test]
fn odd_spellings_of_whole_files_are_read_and_named() {
    let world = World::new();
    let statement = world.sigstore.spec(ARTIFACT).statement;
    let named = |file: &str, content: String| {
        world.write(file, content);
        let json = conversion(&world.run(&["inspect", "--convert", file]));
        let deviations = json["converted"][0]["deviations"].as_array().unwrap().clone();
        deviations.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(named("statement.json", statement.to_string()), ["unsigned", "build-type-twin"]);
    assert_eq!(named("predicate.json", statement["predicate"].to_string()), ["unsigned", "build-type-twin"]);
    let mut statement = statement;
    statement["predicate"]["runDetails"]["metadata"]["note"] = json!("~~~???>>>");
    use base64::Engine as _;
    let payload = base64::engine::general_purpose::URL_SAFE.encode(statement.to_string());
    assert!(payload.contains(['-', '_']));
    let envelope =
        json!({"payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{"sig": "AA=="}]});
    assert_eq!(named("envelope.json", envelope.to_string()), ["payload-url-safe", "build-type-twin"]);
    world.write("garbage", [0xff; 100]);
    assert_eq!(world.run(&["inspect", "--convert", "garbage"]).code, 2);
    assert_eq!(world.run(&["inspect", "--convert", "missing"]).code, 3);
    assert_eq!(world.run(&["inspect", "--convert", "--upgrade", "statement.json"]).code, 2);
    assert_eq!(world.run(&["inspect", "--expectations", "x", "statement.json"]).code, 2);
}

#[test]
fn expectations_verify_at_once_and_nothing_else() {
    let world = World::attested();
    let ended = world.run(&["inspect", "--convert", BUNDLE, "--expectations", "policy.yaml", "--trust", "root.json"]);
    conversion(&ended);
    let policy = fs::read_to_string(world.path("policy.yaml")).unwrap();
    let digest = policy.split("sha256: ").nth(1).unwrap().split('}').next().unwrap();
    insta::assert_snapshot!(policy.replace(digest, "HEX"), @r#"
    # Expectations of one attestation that was believed. Read every line before others rely on it.
    apiVersion: sealmark.dev/v1
    kind: Policy
    metadata: {name: expectations, version: "1"}
    verifiers:
      signer:
        trust: [{file: "root.json", sha256: HEX}]
        identities:
          - identity: {exact: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2"}
          # of any version: {matches: "https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/v[0-9].*"}
            issuer: {exact: "https://token.actions.githubusercontent.com"}
        transparency: {log: required}
    evidence:
      provenance:
        predicateTypes: ["https://slsa.dev/provenance/v1"]
        verifiedBy: signer
        quantifier: any
        slsa:
          builderId: "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2"
          # at any ref: builderId: "https://github.com/acme/app/.github/workflows/release.yml"
          buildType: "https://actions.github.io/buildtypes/workflow/v1"
          sourceUri: "git+https://github.com/acme/app"
          sourceRef: "refs/tags/v1.4.2"
          # every release of this major version, in place of sourceRef: sourceVersionedTag: v1
          workflow: ".github/workflows/release.yml"
          # trigger: ["push"]
          requireHosted: true
    require: {allOf: [provenance]}
    "#);
    let verify = |args: &[&str]| world.run(&[&["verify", "app.tar.gz", "--policy", "policy.yaml"], args].concat());
    assert_eq!(verify(&[]).code, 0);
    assert_eq!(world.run(&["policy", "check", "policy.yaml"]).code, 0);
    world.attest("branch.json", &world.of_branch("main"));
    assert_eq!(verify(&["--bundle", "branch.json"]).code, 1);
    world.attest("other.json", &world.of_other());
    assert_eq!(verify(&["--bundle", "other.json"]).code, 1);
    // What the comments say for the next releases is a policy too.
    let lines = policy
        .lines()
        .filter(|line| !["- identity", "  builderId", "  sourceRef"].iter().any(|old| line.contains(old)));
    let next: String = lines
        .map(|line| {
            let line = line.replace("# of any version:", "- identity:").replace("# at any ref: ", "");
            let line = line.replace("# every release of this major version, in place of sourceRef: ", "");
            format!("{}\n", line.replace("# trigger", "trigger"))
        })
        .collect();
    world.write("next.yaml", &next);
    let ended = world.run(&["verify", "app.tar.gz", "--policy", "next.yaml"]);
    assert_eq!(ended.code, 0, "{next}{ended:?}");
    assert_eq!(next.matches('#').count(), 1, "{next}");
    world.write("other.tar.gz", "other");
    assert_eq!(world.run(&["verify", "other.tar.gz", "--policy", "policy.yaml", "--bundle", BUNDLE]).code, 1);
}

#[test]
fn expectations_of_a_key_carry_the_key() {
    let world = World::new();
    assert_eq!(world.run(&["key", "generate", "--output", "release", "--plain"]).code, 0);
    assert_eq!(world.run(&["attest", "app.tar.gz", "--key", "release.key", "--no-source"]).code, 0);
    let convert =
        |args: &[&str]| world.run(&[&["inspect", "--convert", BUNDLE, "--expectations", "policy.yaml"], args].concat());
    let ended = convert(&[]);
    assert!(ended.code == 1 && ended.err.contains("error    signer-kind   "), "{ended:?}");
    assert!(ended.out.is_empty() && !world.path("policy.yaml").exists());
    conversion(&convert(&["--key", "release.pub"]));
    assert_eq!(world.run(&["verify", "app.tar.gz", "--policy", "policy.yaml"]).code, 0);
    assert_eq!(world.run(&["key", "generate", "--output", "other", "--plain"]).code, 0);
    let args = ["attest", "app.tar.gz", "--key", "other.key", "--no-source", "--force"];
    assert_eq!(world.run(&args).code, 0);
    assert_eq!(world.run(&["verify", "app.tar.gz", "--policy", "policy.yaml"]).code, 1);
}

#[test]
fn nothing_is_expected_of_what_is_not_believed() {
    let world = World::attested();
    let convert = |file: &str| world.run(&["inspect", "--convert", file, "--expectations", "policy.yaml"]);
    let ended = convert(BUNDLE);
    assert_eq!(ended.code, 1, "signed under another root: {ended:?}");
    world.write("statement.json", world.sigstore.spec(ARTIFACT).statement.to_string());
    let ended = convert("statement.json");
    assert!(ended.code == 2 && ended.err.contains("error    expectations-unsigned   "), "{ended:?}");
    fs::create_dir(world.path("below")).unwrap();
    let args = ["inspect", "--convert", BUNDLE, "--expectations", "below/policy.yaml", "--trust", "root.json"];
    let ended = world.run(&args);
    assert!(ended.code == 2 && ended.err.contains("error    expectations-root-elsewhere   "), "{ended:?}");
    assert!(!world.path("policy.yaml").exists() && !world.path("below/policy.yaml").exists());
}

/// Every attestation of provenance in the corpus that verifies: converted, expected, verified by that; and denied for
/// another artifact and for another's attestation.
#[test]
fn real_provenance_is_converted_expected_and_verified() {
    let Some(corpus) = std::env::var_os("SEALMARK_CORPUS").map(PathBuf::from) else {
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "SEALMARK_CORPUS is not set");
        println!("skipped: SEALMARK_CORPUS is not set");
        return;
    };
    let world = World::new();
    let mut files = Vec::new();
    files_below(&corpus, &mut files);
    files.sort();
    let (mut converted, mut other_kinds) = (BTreeMap::<String, usize>::new(), 0);
    let mut refused = BTreeMap::<String, usize>::new();
    let (mut allowed, mut denied, mut before) = (0, 0, None::<(PathBuf, Vec<String>)>);
    for (n, file) in files.iter().enumerate() {
        let name = file.to_str().unwrap();
        let root = file.with_file_name("trusted_root.json");
        let policy = format!("policy-{n}.yaml");
        let ended = world.run(&["inspect", "--convert", name]);
        let Ok(json) = serde_json::from_str::<Value>(&ended.out) else { continue };
        valid(&json, "conversion-v1");
        let items: Vec<&Value> =
            json["converted"].as_array().unwrap().iter().filter(|item| item["provenance"].is_object()).collect();
        if items.is_empty() {
            other_kinds += 1;
            continue;
        }
        for item in &items {
            *converted.entry(item["from"]["predicateType"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let mut args = vec!["inspect", "--convert", name, "--expectations", &policy];
        args.extend(["--trust", "public-good", "--trust", "github", "--trust", "npm", "--trust", "google-cloud-build"]);
        if root.exists() {
            fs::copy(&root, world.path("sibling.json")).unwrap();
            args.extend(["--trust", "sibling.json"]);
        }
        let ended = world.run(&args);
        if ended.code != 0 {
            let code = ended.err.split_whitespace().nth(1).unwrap_or_default().to_owned();
            assert_ne!(code, "expectations-not-accepted", "{name}: {ended:?}");
            *refused.entry(code).or_default() += 1;
            continue;
        }
        let subjects = items.iter().flat_map(|item| item["subjects"].as_array().unwrap());
        let digest = |subject: &Value| {
            ["sha256", "sha512"].iter().find_map(|name| Some(format!("{name}:{}", subject["digest"][name].as_str()?)))
        };
        let digests: Vec<String> = subjects.filter_map(digest).collect();
        let verify = |digest: &str, bundle: &str| {
            let ended = world.run(&["verify", digest, "--policy", &policy, "--bundle", bundle]);
            assert!(ended.code < 2, "{name}: {ended:?}");
            ended.code
        };
        assert!(
            digests.iter().any(|digest| verify(digest, name) == 0),
            "{name}: {}",
            fs::read_to_string(world.path(&policy)).unwrap()
        );
        allowed += 1;
        assert_eq!(verify(&format!("sha256:{}", "00".repeat(32)), name), 1, "{name}");
        denied += 1;
        let other = before.replace((file.clone(), digests.clone()));
        if let Some((other, _)) = other.filter(|(_, others)| !digests.iter().any(|digest| others.contains(digest))) {
            assert_eq!(verify(&digests[0], other.to_str().unwrap()), 1, "{name} by {}", other.display());
            denied += 1;
        }
    }
    println!("converted: {converted:#?}; files of other kinds {other_kinds}");
    println!("expectations of {allowed} verified, {denied} denied for others; not believed, so none: {refused:#?}");
    assert!(allowed > 0 && denied > 0 && !refused.is_empty());
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else if path.metadata().unwrap().len() <= LARGEST && fs::read(&path).unwrap().starts_with(b"{") {
            files.push(path);
        }
    }
}
