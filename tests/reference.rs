//! `docs/cli.md` is what the program says about itself.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Every command, in the order of `sealmark --help`.
const COMMANDS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["generate"],
    &["attest"],
    &["sign"],
    &["attach"],
    &["verify"],
    &["verify-vsa"],
    &["vsa"],
    &["tree"],
    &["download", "attestation"],
    &["download", "signature"],
    &["download", "sbom"],
    &["download", "predicate"],
    &["download", "bundle"],
    &["inspect"],
    &["copy"],
    &["policy", "check"],
    &["policy", "lint"],
    &["policy", "test"],
    &["key", "generate"],
    &["key", "public"],
    &["trust", "show"],
    &["completions"],
];

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sealmark"))
        .args(command)
        .arg("--help")
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_is_what_the_program_says() {
    let mut page = "# Command line\n\nMade from the program's own help; a test keeps it so.\n".to_owned();
    for command in COMMANDS {
        let name = ["sealmark"].iter().chain(*command).copied().collect::<Vec<_>>().join(" ");
        let text = help(command).lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        page += &format!("\n## `{name}`\n\n```text\n{text}\n```\n");
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    if std::env::var_os("SEALMARK_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/cli.md differs: run again with SEALMARK_BLESS=1 and look at the change");
}
