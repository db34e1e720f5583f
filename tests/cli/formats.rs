//! `sealmark verify --format sarif|markdown`: what code scanning and the summary of a job read.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;
use crate::world::ARTIFACT;
use crate::world::World;

const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];

fn sarif(world: &World, args: &[&str]) -> Value {
    let ended = world.verify(&[args, &["--format", "sarif"]].concat());
    assert_eq!(ended.err, "");
    let document: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    well_formed(&document);
    document
}

/// What SARIF 2.1.0 demands of the objects that we write, by section.
fn well_formed(document: &Value) {
    let keys = |value: &Value, allowed: &[&str]| {
        let object = value.as_object().unwrap_or_else(|| panic!("expected an object, found {value}"));
        object.keys().for_each(|key| assert!(allowed.contains(&key.as_str()), "{key} in {value:#}"));
    };
    let text = |value: &Value| {
        let text = value["text"].as_str().unwrap_or_else(|| panic!("expected a message, found {value}"));
        assert!(!text.is_empty() && !text.chars().any(|c| c.is_control() || c == '\u{202e}'), "{text:?}");
        // 3.11.5 and 3.11.6: no placeholder, no link.
        let bare = text.replace("{{", "").replace("}}", "").replace(r"\\", "").replace(r"\[", "").replace(r"\]", "");
        assert!(!bare.contains(['{', '}', '[', ']', '\\']), "{text:?}");
    };
    // 3.13 sarifLog
    keys(document, &["$schema", "version", "runs"]);
    assert_eq!(document["version"], "2.1.0");
    let [run] = document["runs"].as_array().unwrap().as_slice() else { panic!("expected one run") };
    // 3.14 run, 3.18 tool, 3.19 toolComponent
    keys(run, &["tool", "invocations", "results", "properties"]);
    let driver = &run["tool"]["driver"];
    keys(driver, &["name", "version", "semanticVersion", "rules"]);
    assert_eq!(driver["name"], "sealmark");
    // 3.49 reportingDescriptor: identifiers are unique
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        keys(rule, &["id", "shortDescription", "fullDescription", "help", "defaultConfiguration"]);
        ["shortDescription", "fullDescription", "help"].iter().for_each(|name| text(&rule[name]));
        assert_eq!(rules.iter().filter(|one| one["id"] == rule["id"]).count(), 1);
        assert_ne!(rule["fullDescription"]["text"], rule["id"], "a rule without a page: {rule}");
    }
    // 3.20 invocation: executionSuccessful shall be there
    let [invocation] = run["invocations"].as_array().unwrap().as_slice() else { panic!("expected one invocation") };
    keys(invocation, &["executionSuccessful", "toolExecutionNotifications"]);
    assert!(invocation["executionSuccessful"].is_boolean());
    for notification in invocation["toolExecutionNotifications"].as_array().unwrap() {
        keys(notification, &["level", "message", "associatedRule"]);
        text(&notification["message"]);
    }
    for result in run["results"].as_array().unwrap() {
        // 3.27 result: where kind is not "fail", level is "none"; ruleIndex leads to the rule of ruleId
        let names =
            ["ruleId", "ruleIndex", "kind", "level", "message", "locations", "partialFingerprints", "properties"];
        keys(result, &names);
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert_eq!((&result["kind"], &result["level"]), (&json!("fail"), &json!("error")));
        text(&result["message"]);
        let fingerprint = result["partialFingerprints"]["artifactAndReason/v1"].as_str().unwrap();
        assert!(fingerprint.len() == 64 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()), "{fingerprint}");
        // 3.28 location, 3.29 physicalLocation, 3.4 artifactLocation, 3.33 logicalLocation
        let [location] = result["locations"].as_array().unwrap().as_slice() else { panic!("expected one location") };
        keys(location, &["physicalLocation", "logicalLocations"]);
        keys(&location["physicalLocation"], &["artifactLocation", "region"]);
        let uri = location["physicalLocation"]["artifactLocation"]["uri"].as_str().unwrap();
        let path = uri.strip_prefix("file://").unwrap_or(uri);
        assert!(path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)), "{uri}");
        assert!(!path.starts_with("//") && !path.is_empty(), "{uri}");
        // 3.30.5: lines are counted from 1
        assert!(location["physicalLocation"].get("region").is_none_or(|one| one["startLine"].as_u64() > Some(0)));
        keys(&location["logicalLocations"][0], &["name", "fullyQualifiedName", "kind"]);
    }
}

#[test]
fn sarif_has_a_result_for_each_reason() {
    let world = World::new();
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_other(), world.of_branch("main")]);
    world.write("app.tar.gz.sigstore.json", "{}");
    let document = sarif(&world, &SOURCE);
    let run = &document["runs"][0];
    assert_eq!(run["invocations"][0]["executionSuccessful"], true);
    assert_eq!(run["properties"]["verdict"], "denied");
    let results = run["results"].as_array().unwrap();
    let found: Vec<_> = results
        .iter()
        .map(|one| {
            let physical = &one["locations"][0]["physicalLocation"];
            let place =
                (physical["artifactLocation"]["uri"].as_str().unwrap(), physical["region"]["startLine"].as_u64());
            (one["ruleId"].as_str().unwrap(), place)
        })
        .collect();
    // The closest first.
    assert_eq!(
        found,
        [
            ("source-ref-mismatch", ("app.tar.gz.intoto.jsonl", Some(2))),
            ("not-an-attestation", ("app.tar.gz.sigstore.json", None)),
            ("subject-mismatch", ("app.tar.gz.intoto.jsonl", Some(1))),
        ]
    );
    let first = &results[0];
    let digest = HashKind::Sha256.hex(ARTIFACT);
    let logical = &first["locations"][0]["logicalLocations"][0];
    assert_eq!(
        logical,
        &json!({"name": "app.tar.gz", "fullyQualifiedName": format!("app.tar.gz@sha256:{digest}"), "kind": "resource"})
    );
    assert_snapshot!(first["message"]["text"].as_str().unwrap(), @"denied app.tar.gz: expected refs/tags/v1.4.2, found refs/heads/main (certificate, predicate agrees); hint: this build was run on a branch; run the release workflow on the tag, or expect --source-branch main");
    assert_eq!(first["properties"]["expected"], "refs/tags/v1.4.2");
    assert_eq!(first["properties"]["found"], "refs/heads/main");
    // The same problem keeps its fingerprint on another line, and another one has another.
    let print = |document: &Value, n: usize| document["runs"][0]["results"][n]["partialFingerprints"].clone();
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_branch("main"), world.of_branch("dev")]);
    let other = sarif(&world, &SOURCE);
    assert_eq!(print(&other, 0), print(&document, 0));
    assert_ne!(print(&other, 1), print(&document, 0));
}

#[test]
fn sarif_of_allowed_missing_and_undecided() {
    let world = World::attested();
    let document = sarif(&world, &SOURCE);
    assert_eq!(document["runs"][0]["results"], json!([]));
    assert_eq!(document["runs"][0]["properties"]["summary"]["allowed"], 1);
    // The same report gives the same bytes, but for its time.
    let strip = |mut document: Value| {
        document["runs"][0]["properties"]["verifiedAt"] = Value::Null;
        document.to_string()
    };
    assert_eq!(strip(document), strip(sarif(&world, &SOURCE)));
    std::fs::remove_file(world.path("app.tar.gz.sigstore.json")).unwrap();
    let document = sarif(&world, &SOURCE);
    let [missing] = document["runs"][0]["results"].as_array().unwrap().as_slice() else { panic!("{document:#}") };
    assert_eq!(missing["ruleId"], "attestation-missing");
    assert_eq!(missing["locations"][0]["physicalLocation"]["artifactLocation"]["uri"], "app.tar.gz");
    assert!(std::process::Command::new("mkfifo").arg(world.path("pipe")).status().unwrap().success());
    let ended = world.run(&[&["verify", "pipe", "--trust", "root.json", "--format", "sarif"], &SOURCE[..]].concat());
    let document: Value = serde_json::from_str(&ended.out).unwrap();
    well_formed(&document);
    assert_eq!(ended.code, 3);
    assert_eq!(document["runs"][0]["invocations"][0]["executionSuccessful"], false);
    assert_eq!(document["runs"][0]["results"][0]["ruleId"], "file-not-regular");
}

#[test]
fn markdown_is_a_summary() {
    let world = World::new();
    world.write("lib.tar.gz", "other");
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_other(), world.of_branch("main")]);
    world.attest("good.json", &world.sigstore.spec(ARTIFACT));
    let ended = world.verify(&[&SOURCE[..], &["--format", "markdown"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_snapshot!(ended.out);
    let args =
        ["verify", "lib.tar.gz", "app.tar.gz", "--bundle", "good.json", "--trust", "root.json", "--format", "markdown"];
    let ended = world.run(&[&args[..], &SOURCE].concat());
    assert_eq!(ended.code, 1);
    assert_snapshot!(ended.out);
    let ended = world.verify(&[&SOURCE[..], &["--bundle", "good.json", "--format", "markdown"]].concat());
    assert_eq!(ended.code, 0);
    assert!(ended.out.starts_with("## sealmark: allowed\n\n1 artifact: 1 allowed\n"), "{}", ended.out);
}

/// Whatever somebody else chose cannot leave its cell, and is no link, image, mention, HTML or line of its own.
#[test]
fn nothing_in_an_attestation_acts_in_markdown_or_sarif() {
    const EVIL: &str = "x` | allowed |\r\n| allowed | `y` |\n\n# allowed\n<img src=x onerror=alert(1)>\
        ![i](https://evil.test/i.png)[l](javascript:x){0}@everyone #1 https://evil.test\u{1b}[2J\u{202e}\u{200b}";
    let world = World::new();
    let named = json!([{"name": EVIL, "digest": {"sha256": HashKind::Sha256.hex(b"other")}}]);
    let mut predicate = world.sigstore.spec(ARTIFACT);
    predicate.statement["predicateType"] = json!(format!("https://x.test/{EVIL}"));
    let run = GitHub { reference: format!("refs/heads/{EVIL}"), runner: EVIL.to_owned(), ..GitHub::default() };
    let san = Spec { san: vec![San::OtherName(EVIL.to_owned())], ..world.sigstore.spec(ARTIFACT) };
    let branch = world.sigstore.spec_of(&json!([statement::subject(EVIL, ARTIFACT)]), &run);
    world.lines("lies.jsonl", &[world.sigstore.spec_of(&named, &GitHub::default()), predicate, san, branch.clone()]);
    let evil_file = format!("{}.tar.gz", EVIL.replace('/', "-"));
    world.write(&evil_file, ARTIFACT);
    let evil_bundle = format!("{}.json", EVIL.replace('/', "-"));
    world.lines(&evil_bundle, &[branch]);
    world.write("key.json", json!({ EVIL: 1 }).to_string());
    let source = ["--source-uri", "github.com/acme/app"];
    let files = ["--bundle", "lies.jsonl", "--bundle", "key.json", "--bundle", &evil_bundle, "--trust", "root.json"];
    let expectations: [&[&str]; 3] = [&SOURCE, &source, &["--identity", "nobody", "--issuer", "nobody"]];
    for expected in expectations {
        let args = [&["verify", "app.tar.gz", &evil_file], &files[..], expected].concat();
        let markdown = world.run(&[&args[..], &["--format", "markdown"]].concat()).out;
        inert(&markdown);
        let document: Value =
            serde_json::from_str(&world.run(&[&args[..], &["--format", "sarif"]].concat()).out).unwrap();
        well_formed(&document);
    }
}

/// Outside code spans there are only our own words, and every line of a table has its four cells.
fn inert(markdown: &str) {
    for line in markdown.lines() {
        assert!(!line.chars().any(|c| c.is_control() || matches!(c, '\u{202e}' | '\u{200b}')), "{line:?}");
        let parts: Vec<&str> = line.split('`').collect();
        assert_eq!(parts.len() % 2, 1, "a code span without an end: {line}");
        let (outside, inside): (Vec<_>, Vec<_>) = parts.iter().enumerate().partition(|(n, _)| n % 2 == 0);
        for (_, text) in &outside {
            let ours = |c: char| c.is_ascii_alphanumeric() || " |-:,.*#…()".contains(c);
            assert!(text.chars().all(ours) && !text.contains("evil"), "{text:?} in {line}");
        }
        assert!(inside.iter().all(|(_, text)| !text.contains('|')), "{line}");
        if line.starts_with('|') {
            assert_eq!(line.matches('|').count(), 5, "{line}");
        }
        assert!(!line.starts_with("# "), "{line}");
    }
}
