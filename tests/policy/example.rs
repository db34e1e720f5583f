//! The policies in `testdata/policies`: their attestations are made by this test, their cases are run by the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::world::ARTIFACT;
use crate::world::VULN;
use crate::world::at;
use crate::world::provenance;
use crate::world::scan_predicate;
use crate::world::scan_run;
use crate::world::stated;

const DEBUG: &[u8] = b"artifact bytes with symbols";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/policies/release")
}

fn files() -> BTreeMap<&'static str, Value> {
    let sigstore = VirtualSigstore::new("policies");
    let app = ("app.tar.gz", ARTIFACT);
    let debug = ("app-debug.tar.gz", DEBUG);
    let release = GitHub::default();
    let branch = GitHub { reference: "refs/heads/main".to_owned(), ..GitHub::default() };
    let own = GitHub { runner: "self-hosted".to_owned(), ..GitHub::default() };
    let build = |(name, bytes): (&str, &[u8]), run: &GitHub| provenance(&sigstore, name, bytes, run);
    let scan = |of, severities: &[&str], when: &str| {
        at(&sigstore, stated(&sigstore, of, &scan_run(), VULN, scan_predicate(severities)), when)
    };
    let with = |change: &dyn Fn(&mut Value)| {
        let mut predicate = scan_predicate(&[]);
        change(&mut predicate["scanner"]["result"]);
        at(&sigstore, stated(&sigstore, app, &scan_run(), VULN, predicate), "2026-10-05T06:00:00Z")
    };
    let day = "2026-10-05T06:00:00Z";
    let specs: Vec<(&str, Spec)> = vec![
        ("provenance", build(app, &release)),
        ("branch", build(app, &branch)),
        ("self-hosted", build(app, &own)),
        ("scan-clean", scan(app, &["LOW", "HIGH"], day)),
        ("scan-critical", scan(app, &["LOW", "CRITICAL"], "2026-10-06T06:00:00Z")),
        ("scan-by-release", stated(&sigstore, app, &release, VULN, scan_predicate(&[]))),
        ("scan-empty", with(&|result| *result = json!({"Results": []}))),
        ("scan-unread", with(&|result| *result = json!({}))),
        ("debug-provenance", at(&sigstore, build(debug, &release), "2026-10-04T11:32:07Z")),
        ("debug-scan", scan(debug, &["CRITICAL"], day)),
        ("debug-scan-later", scan(debug, &["CRITICAL"], "2026-12-19T06:00:00Z")),
    ];
    let mut files: BTreeMap<&str, Value> = specs.into_iter().map(|(name, spec)| (name, sigstore.mint(&spec))).collect();
    files.insert("trusted_root", sigstore.trusted_root());
    files
}

#[test]
fn the_attestations_are_what_this_project_makes() {
    let bless = std::env::var_os("SEALMARK_BLESS").is_some();
    let mut differing = Vec::new();
    for (name, value) in files() {
        let name =
            if name == "trusted_root" { "trusted_root.json".to_owned() } else { format!("{name}.sigstore.json") };
        let (path, text) = (folder().join(name), format!("{}\n", serde_json::to_string_pretty(&value).unwrap()));
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            if bless {
                fs::write(&path, text).unwrap();
            } else {
                differing.push(path);
            }
        }
    }
    assert!(differing.is_empty(), "run again with SEALMARK_BLESS=1 and look at the change: {differing:#?}");
}

pub(crate) fn run(args: &[&str]) -> (i32, String) {
    let mut command = crate::support::sealmark();
    let output = command.args(args).current_dir(folder()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

#[test]
fn every_case_passes() {
    let (code, text) = run(&["policy", "test", "policy.yaml"]);
    println!("{text}");
    assert_eq!(code, 0);
    assert!(text.ends_with("13 passed, 0 failed\n"));
}

#[test]
fn it_is_read_and_lint_finds_what_is_worth_knowing() {
    let (code, text) = run(&["policy", "check", "policy.yaml"]);
    println!("{text}");
    assert_eq!(code, 0);
    let (code, text) = run(&["policy", "lint", "policy.yaml", "--format", "json"]);
    let report: Value = serde_json::from_str(&text).unwrap();
    let lints = report["files"][0]["lints"].as_array().unwrap();
    let codes: Vec<&str> = lints.iter().map(|lint| lint["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["policy-cel-absent-passes"]);
    assert_eq!(code, 0);
}
