//! The action that verifies.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;
use crate::world::SEALMARK;
use crate::world::equipped;
use crate::yaml;

/// Runs the action's script with these inputs in a folder; its exit code and outputs.
fn verify(folder: &Path, inputs: &[(&str, &str)]) -> (i32, BTreeMap<String, String>) {
    let action = yaml::read(".github/actions/verify/action.yml");
    let step = &action["runs"]["steps"][1];
    assert_eq!(step["run"], "bash \"$SCRIPT\"");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = format!("{}:{}", Path::new(SEALMARK).parent().unwrap().display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command.arg(root.join(".github/actions/verify/verify.sh")).current_dir(folder).env_clear().env("PATH", path);
    for (variable, value) in step["env"].as_object().unwrap() {
        let Some(input) = value.as_str().unwrap().strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"))
        else {
            assert_eq!(variable, "SCRIPT");
            continue;
        };
        let given = inputs.iter().find(|(name, _)| *name == input).map(|(_, value)| *value);
        command.env(variable, given.or(action["inputs"][input]["default"].as_str()).unwrap_or_default());
    }
    let files = tempfile::tempdir().unwrap();
    for name in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"] {
        fs::write(files.path().join(name), "").unwrap();
        command.env(name, files.path().join(name));
    }
    let ended = command.env("RUNNER_TEMP", folder).output().unwrap();
    let outputs = fs::read_to_string(files.path().join("GITHUB_OUTPUT")).unwrap();
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).unwrap();
    (ended.status.code().unwrap(), outputs.lines().map(pair).collect())
}

#[test]
fn a_verdict_and_reports() {
    if !equipped() {
        return;
    }
    let sigstore = VirtualSigstore::new("seed");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: String| fs::write(folder.path().join(name), content).unwrap();
    write("app.tar.gz", "artifact bytes".to_owned());
    write("root.json", sigstore.trusted_root().to_string());
    let subjects = serde_json::json!([statement::subject("app.tar.gz", b"artifact bytes")]);
    let spec = sigstore.spec_of(&subjects, &GitHub::default());
    write("app.tar.gz.sigstore.json", sigstore.mint(&spec).to_string());
    let good = [
        ("subjects", "app.tar.gz\n"),
        ("trust", "root.json\n"),
        ("source-uri", "github.com/acme/app"),
        ("source-tag", "v1.4.2"),
        ("require-hosted", "true"),
        ("sarif", "report.sarif"),
    ];
    let (code, outputs) = verify(folder.path(), &good);
    assert_eq!((code, outputs["verdict"].as_str()), (0, "allowed"));
    let report: serde_json::Value = serde_json::from_slice(&fs::read(&outputs["report"]).unwrap()).unwrap();
    assert!(report.is_object());
    let sarif: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.path().join("report.sarif")).unwrap()).unwrap();
    assert_eq!(sarif["version"], "2.1.0");

    let with = |name: &'static str, value: &'static str| {
        let mut inputs: Vec<_> = good.iter().filter(|(input, _)| *input != name).copied().collect();
        inputs.push((name, value));
        inputs
    };
    let (code, outputs) = verify(folder.path(), &with("source-tag", "v2"));
    assert_eq!((code, outputs["verdict"].as_str()), (1, "denied"));
    let mut quiet = with("source-tag", "v2");
    quiet.push(("fail", "false"));
    let (code, outputs) = verify(folder.path(), &quiet);
    assert_eq!((code, outputs["verdict"].as_str()), (0, "denied"));
    let (code, outputs) = verify(folder.path(), &with("bundle", "absent.json"));
    assert_ne!(code, 0);
    assert_ne!(outputs["verdict"], "allowed");
    // What is neither true nor false is not taken for false, and an input is one argument whatever is in it.
    for broken in [with("require-hosted", "yes"), with("subjects", ""), with("fail", "no")] {
        let (code, outputs) = verify(folder.path(), &broken);
        assert_eq!((code, outputs.get("verdict")), (2, None));
    }
    for attack in [
        with("source-uri", "$(touch pwned)"),
        with("source-tag", "v1.4.2 --trust public-good"),
        with("subjects", "--help"),
    ] {
        assert_ne!(verify(folder.path(), &attack).1["verdict"], "allowed");
    }
    assert!(!folder.path().join("pwned").exists());
}
