//! Many images of one registry on this machine: requests, time and memory of `sealmark verify`. Prints a table; what fails is the
//! number of requests, which is the budget exactly or a defect. `SEALMARK_PROGRAM` names another build of the program to measure.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::as_conversions, reason = "a benchmark")]

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use sealmark::formats::artifact::image::ImageReference;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::referrer::About;
use sealmark::formats::oci::referrer::BundleContent;
use sealmark::remote::registry::Access;
use sealmark::remote::registry::Credential;
use sealmark::remote::registry::Keyring;
use sealmark::remote::registry::Registries;
use sealmark::remote::registry::RegistryError;
use sealmark::store::oci::Images;
use sealmark::store::oci::attach::BundleText;
use sealmark::store::oci::attach::attach_bundle;
use sealmark::store::oci::registry::Repository;
use serde_json::json;

#[path = "support/signatures.rs"]
mod signatures;
#[path = "../tests/support/mod.rs"]
mod support;

use signatures::Check;
use signatures::checks;
use support::registry_server::Options;
use support::registry_server::RegistryServer;
use support::virtual_sigstore::GitHub;
use support::virtual_sigstore::VirtualSigstore;

/// Images.
const IMAGES: usize = 200;
/// Attestations of each.
const EACH: usize = 5;
/// Runs, of which the fastest counts.
const RUNS: usize = 5;

struct Nobody;

impl Keyring for Nobody {
    fn credential(&self, _: &str, _: &str) -> Result<Credential, RegistryError> {
        Ok(Credential::Anonymous)
    }
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let sigstore = VirtualSigstore::new("bench");
    let registry = RegistryServer::start(Options::default());
    std::fs::write(folder.path().join("root.json"), sigstore.trusted_root().to_string()).unwrap();
    let list = fill(&registry, &sigstore);
    std::fs::write(folder.path().join("images.txt"), list).unwrap();
    let spec = sigstore.spec(b"artifact bytes");
    let bundle = Bundle::from_json(sigstore.mint(&spec)).unwrap();
    let checks = checks(&sigstore, &spec, &bundle);
    let round = || {
        let start = Instant::now();
        checks.iter().for_each(Check::run);
        start.elapsed()
    };
    let one = (0..2000).map(|_| round()).min().unwrap();
    let all = one * u32::try_from(IMAGES * EACH).unwrap();
    println!(
        "{IMAGES} images of {EACH} attestations each, bundles of {} bytes, best of {RUNS} runs",
        bundle.to_text().len()
    );
    println!("  signature checks of all  {:>9.1} ms, one after the other", ms(all));
    for cores in ["0", "0,1"] {
        let (wall, requests, memory) = run(folder.path(), &registry, cores);
        println!(
            "  on processors {cores:<4} {:>9.1} ms   {:.2} times the checks | {requests} requests, {} budgeted | peak {:.1} MiB",
            ms(wall),
            wall.as_secs_f64() / all.as_secs_f64(),
            IMAGES * (EACH + 1),
            memory as f64 / 1024.0,
        );
        assert_eq!(requests, IMAGES * (EACH + 1));
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Puts the images with their attestations into the registry, and gives the list of them.
fn fill(registry: &RegistryServer, sigstore: &VirtualSigstore) -> String {
    let mut list = String::new();
    for n in 0..IMAGES {
        let name = format!("acme/app-{n}");
        let image = registry.image(&name, "v1");
        let hex = image.strip_prefix("sha256:").unwrap();
        let reference = ImageReference::parse(&format!("{}/{name}", registry.host())).unwrap().name;
        let total = Duration::from_secs(10);
        let access = Access { keyring: Arc::new(Nobody), authorities: Vec::new(), total, per_second: None };
        let place = Repository::new(&Registries::new(access).unwrap(), &reference).unwrap();
        let digest = Digest::from_hex(Algorithm::Sha256, hex).unwrap();
        let subject = place.manifest(&digest, None).unwrap().unwrap();
        for build in 0..EACH {
            let run = GitHub { commit: format!("{build:040x}"), ..GitHub::default() };
            let subjects = json!([{"name": name, "digest": {"sha256": hex}}]);
            let bundle = sigstore.mint(&sigstore.spec_of(&subjects, &run)).to_string();
            let about = About {
                predicate_type: Some("https://slsa.dev/provenance/v1"),
                content: BundleContent::Envelope,
                created: Timestamp::UNIX_EPOCH,
            };
            attach_bundle(&place, &subject, BundleText::Held(bundle.as_bytes()), &about).unwrap();
        }
        writeln!(list, "{}/{name}@{image}", registry.host()).unwrap();
    }
    list
}

/// Wall time, requests of one run, and the peak of all runs so far in KiB.
fn run(folder: &Path, registry: &RegistryServer, cores: &str) -> (Duration, usize, i64) {
    let (mut best, mut requests) = (Duration::MAX, 0);
    let other = std::env::var_os("SEALMARK_PROGRAM");
    let program = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_sealmark").into());
    for _ in 0..RUNS {
        registry.reset_requests();
        let start = Instant::now();
        let mut command = Command::new("taskset");
        command.args(["-c", cores]).arg(&program).args(["verify", "--images-from", "images.txt"]);
        command.args(["--trust", "root.json", "--source-uri", "github.com/acme/app", "--referrers-only"]);
        command.args(["--format", "jsonl"]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
        let status = command.status().unwrap();
        assert!(status.success(), "{status}");
        best = best.min(start.elapsed());
        requests = registry.requests().len();
    }
    (best, requests, getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss())
}
