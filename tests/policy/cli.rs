//! What is typed about policy files, what is printed, how the program ends.

use std::path::Path;
use std::path::PathBuf;

use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;

use crate::world::ARTIFACT;

/// A folder with the release policy, whose root and attestations are long fresh: the clock of this machine decides.
struct Folder(TempDir);

fn release() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/policies/release")
}

impl Folder {
    fn new() -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for entry in std::fs::read_dir(release()).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, folder.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
        // The story must not depend on the day on which it is run.
        let policy = std::fs::read_to_string(folder.path("policy.yaml")).unwrap();
        let policy = policy.replace("maxAge: 90d", "maxAge: 36500d").replace("maxAge: 7d", "maxAge: 36500d");
        folder.write("policy.yaml", policy.replace("2027-06-30", "2126-01-01").replace("2026-12-15", "2026-10-06"));
        folder.write("app.tar.gz", ARTIFACT);
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    fn run(&self, args: &[&str]) -> (i32, String, String) {
        let mut command = crate::support::sealmark();
        let output = command.args(args).current_dir(self.0.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    fn verify(&self, bundles: &[&str], more: &[&str]) -> (i32, String, String) {
        let mut args = vec!["verify", "app.tar.gz", "--policy", "policy.yaml"];
        bundles.iter().for_each(|bundle| args.extend(["--bundle", bundle]));
        args.extend(more);
        self.run(&args)
    }
}

const GOOD: &[&str] = &["provenance.sigstore.json", "scan-clean.sigstore.json"];
const CRITICAL: &[&str] = &["provenance.sigstore.json", "scan-clean.sigstore.json", "scan-critical.sigstore.json"];

#[test]
fn allowed_says_which_evidence_by_what() {
    let (code, out, err) = Folder::new().verify(GOOD, &[]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert_snapshot!(out);
}

#[test]
fn denied_says_which_check_of_which_attestation() {
    let (code, out, err) = Folder::new().verify(CRITICAL, &[]);
    assert_eq!((code, err.as_str()), (1, ""), "{out}");
    assert_snapshot!(out);
}

#[test]
fn evidence_that_is_missing_is_named() {
    let (code, out, _) = Folder::new().verify(&["branch.sigstore.json"], &[]);
    assert_eq!(code, 1);
    assert_snapshot!(out);
    let (code, out, _) = Folder::new().verify(&[], &[]);
    assert_eq!(code, 1);
    assert_snapshot!(out);
}

#[test]
fn every_format_has_it() {
    let folder = Folder::new();
    let (code, out, _) = folder.verify(CRITICAL, &["--format", "json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/report-v1.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let errors: Vec<_> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(&report).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    let policy = &report["policy"];
    assert_eq!((policy["name"].as_str(), policy["version"].as_str()), (Some("release"), Some("3")));
    assert_eq!(policy["sha256"].as_str().unwrap().len(), 64);
    let scan = &policy["results"][0]["evidence"][1];
    assert_eq!((scan["name"].as_str(), scan["status"].as_str()), (Some("scan"), Some("fail")));
    let check = scan["candidates"][1]["checks"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(check["findings"][0]["code"], "cel-not-met");
    assert!(check["guidance"].as_str().unwrap().starts_with("update"));
    for format in ["sarif", "markdown"] {
        let (code, out, _) = folder.verify(CRITICAL, &["--format", format]);
        assert_eq!(code, 1);
        assert!(out.contains("cel-not-met"), "{format}: {out}");
    }
}

#[test]
fn what_is_no_policy_ends_with_2() {
    let folder = Folder::new();
    let policy = std::fs::read_to_string(folder.path("policy.yaml")).unwrap();
    folder.write(
        "policy.yaml",
        policy.replace("quantifier: any", "quantifer: any").replace("log: required", "log: maybe"),
    );
    let (code, out, err) = folder.verify(GOOD, &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_snapshot!(err);
    let (code, out, err) = folder.run(&["policy", "check", "policy.yaml"]);
    assert_eq!((code, err.as_str()), (2, ""));
    assert_snapshot!(out);
    let (code, ..) = folder.run(&["policy", "lint", "policy.yaml"]);
    assert_eq!(code, 2);
    let (code, ..) = folder.run(&["policy", "test", "policy.yaml"]);
    assert_eq!(code, 2);
    let (code, _, err) = folder.verify(GOOD, &["--policy", "gone.yaml"]);
    assert_eq!(code, 2, "{err}");
}

/// A policy is the whole expectation: no flag adds to it or takes from it.
#[test]
fn flags_of_expectation_are_refused_beside_a_policy() {
    let folder = Folder::new();
    for more in [
        &["--source-uri", "github.com/acme/app"][..],
        &["--key", "x.pub"],
        &["--type", "vuln"],
        &["--trust", "github"],
        &["--require-hosted"],
        &["--identity", "a", "--issuer", "b"],
    ] {
        let (code, out, err) = folder.verify(GOOD, more);
        assert_eq!((code, out.as_str()), (2, ""), "{more:?}: {err}");
    }
}

#[test]
fn a_changed_root_is_refused_by_its_pin() {
    let folder = Folder::new();
    let root = std::fs::read_to_string(folder.path("trusted_root.json")).unwrap();
    folder.write("trusted_root.json", root + "\n");
    let (code, _, err) = folder.verify(GOOD, &[]);
    assert_eq!(code, 2);
    assert!(err.contains("policy-file-pin"), "{err}");
}

#[test]
fn lint_ends_with_1_on_errors_alone() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["policy", "lint", "policy.yaml"]).0, 0);
    let policy = std::fs::read_to_string(folder.path("policy.yaml")).unwrap();
    let exact = "exact: https://token.actions.githubusercontent.com";
    folder.write("policy.yaml", policy.replacen(exact, "matches: .*", 1));
    let (code, out, _) = folder.run(&["policy", "lint", "policy.yaml"]);
    assert_eq!(code, 1);
    assert!(out.contains("error   policy-open-issuer"), "{out}");
}

#[test]
fn cases_that_come_out_otherwise_are_shown() {
    let folder = Folder::new();
    let cases = "apiVersion: sealmark.dev/v1\nkind: PolicyTest\ncases:\n";
    let case = |attestations: &str, expect: &str| {
        let digest = hex::encode(sealmark::trust::key::sha256(ARTIFACT));
        format!(
            "  - name: one\n    artifact: {{name: a, digest: 'sha256:{digest}'}}\n    attestations: [{attestations}]\n    now: 2026-10-08\n    expect: {expect}\n"
        )
    };
    let end = |text: String| {
        folder.write("policy.test.yaml", text);
        let (code, out, err) = folder.run(&["policy", "test", "policy.yaml"]);
        (code, out + &err)
    };
    let good = GOOD.join(", ");
    assert_eq!(end(format!("{cases}{}", case(&good, "{verdict: allowed}"))).0, 0);
    let (code, out) = end(format!("{cases}{}", case(&good, "{verdict: denied, codes: [claim-mismatch]}")));
    assert_eq!(code, 1);
    assert!(out.contains("expected  denied with claim-mismatch\n    found     allowed"), "{out}");
    // Denied for another reason than the one that is meant is no pass.
    let none = case("scan-clean.sigstore.json", "{verdict: denied, codes: [claim-mismatch]}");
    assert_eq!(end(format!("{cases}{none}")).0, 1);
    for (text, code) in [
        (cases.replace("cases:\n", "cases: []\n"), "policy-empty"),
        (format!("{cases}{}", case(&good, "{verdict: denied}")), "policy-key-missing"),
        (format!("{cases}{}", case(&good, "{verdict: allowed, codes: [x-y]}")), "policy-key-conflict"),
        (format!("{cases}{}", case(&good, "{verdict: passed}")), "policy-value"),
    ] {
        let (exit, out) = end(text);
        assert_eq!(exit, 2);
        assert!(out.contains(code), "{code}: {out}");
    }
    std::fs::remove_file(folder.path("policy.test.yaml")).unwrap();
    let (code, _, err) = folder.run(&["policy", "test", "policy.yaml"]);
    assert_eq!(code, 2);
    assert!(err.contains("policy-cases-missing"), "{err}");
}
