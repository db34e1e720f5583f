//! Rules that the text of every workflow keeps, as functions, so that each can be shown to refuse something.

use serde_json::Value;

use crate::yaml;

/// The two workflows that others call.
const REUSABLE: [&str; 2] = [".github/workflows/generate-provenance.yml", ".github/workflows/container-provenance.yml"];

/// What the signing job may use besides its own scripts.
const USED_WHEN_SIGNING: [&str; 4] = [
    "actions/checkout",
    "actions/download-artifact",
    "actions/upload-artifact",
    "./sealmark-self/.github/actions/install",
];

/// Every rule that a text breaks, in the order of the rules.
fn offences(path: &str, workflow: &Value) -> Vec<&'static str> {
    let mut found = Vec::new();
    let mut hold = |rule, holds: bool| {
        if !holds && !found.contains(&rule) {
            found.push(rule);
        }
    };
    let action = &workflow["runs"]["steps"];
    if !action.is_null() {
        for step in action.as_array().unwrap() {
            hold("an expression in a script", !inlined(step));
            hold("an action that is not pinned by its commit", pinned(step));
        }
        return found;
    }
    let reusable = REUSABLE.contains(&path);
    hold(
        "permissions for every job at once",
        workflow["permissions"].as_object().is_some_and(serde_json::Map::is_empty),
    );
    hold(
        "variables for every job at once",
        !reusable || workflow.get("env").is_none() && workflow.get("defaults").is_none(),
    );
    for (name, job) in workflow["jobs"].as_object().unwrap() {
        let permissions = &job["permissions"];
        hold("a job without permissions of its own", permissions.is_object());
        let signs = permissions.get("id-token").is_some();
        let Some(steps) = job["steps"].as_array() else {
            hold("an action that is not pinned by its commit", pinned(job));
            continue;
        };
        hold("a job without an end", job["timeout-minutes"].is_number());
        hold("another job than sign with a token", !signs || reusable && name == "sign");
        hold(
            "a signing job that may write",
            !signs || permissions["contents"] == "read" && permissions.as_object().unwrap().len() == 2,
        );
        hold("a job on a machine that its caller names", runs_on_ours(&job["runs-on"]));
        for step in steps {
            hold("an expression in a script", !inlined(step));
            hold("an action that is not pinned by its commit", pinned(step));
            let uses = step["uses"].as_str().unwrap_or_default();
            let used = uses.split('@').next().unwrap();
            if used == "actions/checkout" {
                hold("a checkout that leaves its credentials", step["with"]["persist-credentials"] == false);
            }
            if !signs {
                continue;
            }
            hold("a foreign action beside the token", uses.is_empty() || USED_WHEN_SIGNING.contains(&used));
            let of_ours = step["with"]["repository"] == "${{ steps.self.outputs.repository }}"
                && step["with"]["ref"] == "${{ steps.self.outputs.commit }}"
                && step["with"]["path"] == "sealmark-self";
            hold("a checkout of the caller's beside the token", used != "actions/checkout" || of_ours);
            let apart = step["with"]["path"].as_str().is_some_and(|path| path.starts_with("${{ runner.temp }}/"));
            hold("files of the caller's where scripts lie", used != "actions/download-artifact" || apart);
            let script = step["run"].as_str().unwrap_or_default();
            let ours = script.starts_with("set -euo pipefail\n")
                || script.starts_with("bash sealmark-self/.github/scripts/")
                || ["", "echo signed=true >>\"$GITHUB_OUTPUT\""].contains(&script);
            hold("a script beside the token that is not ours", ours && (script.is_empty() || step["shell"] == "bash"));
        }
    }
    found
}

fn inlined(step: &Value) -> bool {
    step["run"].as_str().is_some_and(|script| script.contains("${{"))
}

fn pinned(step: &Value) -> bool {
    let Some(uses) = step["uses"].as_str() else { return true };
    uses.starts_with("./")
        || uses.split_once('@').is_some_and(|(_, commit)| {
            commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
        })
}

/// A label of GitHub's own, one of a table of them, or one of a matrix that the workflow writes down.
fn runs_on_ours(label: &Value) -> bool {
    let label = label.as_str().unwrap_or_default();
    let ours = ["ubuntu-24.04", "ubuntu-24.04-arm", "macos-15"];
    ours.contains(&label)
        || label == "${{ matrix.os }}"
        || label.strip_prefix("${{ fromJSON('").and_then(|rest| rest.strip_suffix("')[inputs.runner] }}")).is_some_and(
            |table| {
                let table: Value = serde_json::from_str(table).unwrap();
                table.as_object().unwrap().values().all(|label| ours.contains(&label.as_str().unwrap()))
            },
        )
}

/// Every workflow and action in the repository, examples too.
fn files() -> Vec<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in [".github/workflows", ".github/actions/install", ".github/actions/verify", "examples/github"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yml") || name.ends_with(".yaml") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn every_workflow_keeps_the_rules() {
    let files = files();
    for path in REUSABLE {
        assert!(files.iter().any(|file| file == path), "{path}");
    }
    for file in &files {
        assert_eq!(offences(file, &yaml::read(file)), [""; 0], "{file}");
    }
    println!("{} files keep the rules", files.len());
}

#[test]
fn each_rule_refuses_something() {
    let text = std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(REUSABLE[0])).unwrap();
    let cases = [
        ("permissions for every job at once", "permissions: {}\n\njobs:", "permissions:\n  contents: read\n\njobs:"),
        ("permissions for every job at once", "permissions: {}\n\njobs:", "jobs:"),
        ("variables for every job at once", "permissions: {}\n\njobs:", "permissions: {}\nenv: {BASH_ENV: x}\n\njobs:"),
        (
            "a job without permissions of its own",
            "    timeout-minutes: 5\n    permissions: {}\n",
            "    timeout-minutes: 5\n",
        ),
        ("a job without an end", "    timeout-minutes: 10\n", ""),
        (
            "another job than sign with a token",
            "    permissions: {}\n    outputs:\n",
            "    permissions: {contents: read, id-token: write}\n    outputs:\n",
        ),
        ("a signing job that may write", "      contents: read # the", "      contents: write # the"),
        (
            "a signing job that may write",
            "      contents: read # the",
            "      packages: write\n      contents: read # the",
        ),
        ("a job on a machine that its caller names", "\"macos-15\"", "\"self-hosted\""),
        ("a job on a machine that its caller names", "runs-on: ubuntu-24.04", "runs-on: ${{ inputs.runner }}"),
        ("an expression in a script", "outcome=failure\n", "outcome=${{ inputs.mask }}\n"),
        ("an action that is not pinned by its commit", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6"),
        ("a checkout that leaves its credentials", "          persist-credentials: false\n", ""),
        ("a foreign action beside the token", "uses: ./sealmark-self/", "uses: ./"),
        (
            "a checkout of the caller's beside the token",
            "          repository: ${{ steps.self.outputs.repository }}\n          ref",
            "          ref",
        ),
        ("a checkout of the caller's beside the token", "ref: ${{ steps.self.outputs.commit }}", "ref: main"),
        (
            "files of the caller's where scripts lie",
            "path: ${{ runner.temp }}/sealmark-subjects",
            "path: sealmark-self",
        ),
        (
            "a script beside the token that is not ours",
            "run: bash sealmark-self/.github/scripts/sign",
            "run: bash scripts/sign",
        ),
        ("a script beside the token that is not ours", "        shell: bash\n", "        shell: sh\n"),
    ];
    for (rule, from, to) in cases {
        assert!(text.contains(from), "{from}");
        assert_eq!(offences(REUSABLE[0], &yaml::parse(&text.replacen(from, to, 1))), [rule], "{from} to {to}");
    }
}

#[test]
fn both_identify_themselves_in_the_same_way() {
    let step = |path: &str| yaml::read(path)["jobs"]["sign"]["steps"][0].clone();
    let [mut one, mut other] = REUSABLE.map(step);
    for (step, path) in [(&mut one, REUSABLE[0]), (&mut other, REUSABLE[1])] {
        assert_eq!(step["env"]["WORKFLOW"].take(), path);
    }
    assert_eq!(one, other);
}
