//! A bill of materials of 128 MiB, signed, attached, verified and given back by `sealmark`: time and memory of each, and memory that
//! does not grow with the document or it fails. `SEALMARK_PROGRAM` names another build of the program to measure.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::as_conversions, reason = "a benchmark")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

/// Runs, of which the fastest counts.
const RUNS: usize = 3;
/// Lengths of the documents, in MiB.
const LENGTHS: [usize; 2] = [16, 128];
/// The most memory that anything may take, in KiB.
const MEMORY: u64 = 48 * 1024;

fn main() {
    for length in LENGTHS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let write = |name: &str, text: &str| std::fs::write(path.join(name), text).unwrap();
        write("sbom.json", &document(length << 20));
        write("app.bin", "app");
        layout(path);
        run(path, &["key", "generate", "--output", "k", "--plain"]);
        println!("an SPDX document of {length} MiB, best of {RUNS} runs");
        let predicate = ["--key", "k.key", "--type", "spdxjson", "--predicate", "sbom.json"];
        let trust = ["--key", "k.pub", "--type", "spdxjson"];
        let rows = [
            ("attest to a file", [&["attest", "app.bin", "--output", "out.json", "--force"], &predicate[..]].concat()),
            ("verify from the file", [&["verify", "app.bin", "--bundle", "out.json"], &trust[..]].concat()),
            ("attest to a layout", [&["attest", "oci-layout:image"], &predicate[..]].concat()),
            ("verify from the layout", [&["verify", "oci-layout:image"], &trust[..]].concat()),
            (
                "download sbom",
                vec!["download", "predicate", "oci-layout:image", "--all", "--output", "got.json", "--force"],
            ),
        ];
        for (name, args) in rows {
            // What is attached once more is one more to look at.
            let runs = if name.starts_with("attest to a layout") { 1 } else { RUNS };
            let (time, peak) = (0..runs).map(|_| run(path, &args)).min().unwrap();
            println!("  {name:<24} {:>6.2} s   peak {:>5.1} MiB", time.as_secs_f64(), peak as f64 / 1024.0);
            assert!(peak < MEMORY, "{name}: {peak} KiB");
        }
    }
}

/// Packages as generators write them, with two spaces for each level.
fn document(length: usize) -> String {
    let mut text = String::from(
        "{\n  \"spdxVersion\": \"SPDX-2.3\",\n  \"SPDXID\": \"SPDXRef-DOCUMENT\",\n  \"name\": \"app\",\n  \"creationInfo\": {},\n  \"packages\": [\n",
    );
    let mut n = 0;
    while text.len() < length {
        writeln!(
            text,
            "    {{\n      \"name\": \"package-{n}\",\n      \"SPDXID\": \"SPDXRef-Package-{n}\",\n      \"versionInfo\": \"1.{n}.0\",\n      \
             \"downloadLocation\": \"NOASSERTION\",\n      \"filesAnalyzed\": false,\n      \"licenseConcluded\": \"Apache-2.0\",\n      \
             \"checksums\": [{{\"algorithm\": \"SHA256\", \"checksumValue\": \"{n:064x}\"}}]\n    }},"
        )
        .unwrap();
        n += 1;
    }
    text + "    {}\n  ]\n}\n"
}

/// A layout with an image of no layers.
fn layout(folder: &Path) {
    let blobs = folder.join("image/blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |text: &str| {
        let digest = hex::encode(sealmark::trust::key::sha256(text.as_bytes()));
        std::fs::write(blobs.join(&digest), text).unwrap();
        digest
    };
    let config = put("{}");
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{kind}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{config}","size":2}},"layers":[]}}"#
    );
    let (digest, size) = (put(&manifest), manifest.len());
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"{kind}","digest":"sha256:{digest}","size":{size}}}]}}"#
    );
    std::fs::write(folder.join("image/index.json"), index).unwrap();
    std::fs::write(folder.join("image/oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

/// Runs the program to its end, and gives the time that it took and the most memory that it had, in KiB.
fn run(folder: &Path, args: &[&str]) -> (Duration, u64) {
    let program = std::env::var("SEALMARK_PROGRAM").unwrap_or_else(|_| env!("CARGO_BIN_EXE_sealmark").to_owned());
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        peak = peak.max(line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    assert!(status.success(), "{args:?}: {status}");
    (start.elapsed(), peak)
}
