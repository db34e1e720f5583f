//! Whole processes and hashing, against what each could cost at best. Prints a table; nothing here passes or fails.
#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used, clippy::as_conversions, reason = "a benchmark")]

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use sealmark::formats::digest::Algorithm;
use sealmark::store::hash::hash_files;

#[path = "support/signatures.rs"]
mod signatures;
#[path = "../tests/support/mod.rs"]
mod support;

use signatures::Check;
use signatures::checks;
use support::virtual_sigstore::GitHub;
use support::virtual_sigstore::VirtualSigstore;
use support::virtual_sigstore::statement;

/// Runs of each process.
const RUNS: usize = 200;
/// Size of each hashed file, in bytes.
const FILE: usize = 256 << 20;

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Median wall time of a process, which must end well.
fn process(program: &str, args: &[&str], dir: &Path) -> Duration {
    let once = || {
        let start = Instant::now();
        let status = Command::new(program).args(args).current_dir(dir).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{program} {args:?}: {status}");
        start.elapsed()
    };
    for _ in 0..10 {
        once();
    }
    median((0..RUNS).map(|_| once()).collect())
}

fn verify_process(dir: &Path) {
    let sigstore = VirtualSigstore::new("bench");
    let artifact = b"artifact bytes";
    std::fs::write(dir.join("app.tar.gz"), artifact).unwrap();
    std::fs::write(dir.join("root.json"), sigstore.trusted_root().to_string()).unwrap();
    let bundle = sigstore.mint(&sigstore.spec(artifact)).to_string();
    std::fs::write(dir.join("app.tar.gz.sigstore.json"), &bundle).unwrap();
    let sealmark = env!("CARGO_BIN_EXE_sealmark");
    let verify = ["verify", "app.tar.gz", "--trust", "root.json", "--source-uri", "github.com/acme/app"];
    let bare = process("true", &[], dir);
    let version = process(sealmark, &["--version"], dir);
    let before = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    let whole = process(sealmark, &verify, dir);
    let peak = getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss();
    println!("whole process, offline verify of a {} byte bundle, median of {RUNS} runs", bundle.len());
    println!("  bare process (true)      {:>9.3} ms", ms(bare));
    println!("  sealmark --version       {:>9.3} ms", ms(version));
    println!(
        "  sealmark verify          {:>9.3} ms   {:.3} ms beyond the bare process",
        ms(whole),
        ms(whole) - ms(bare)
    );
    println!("  peak memory              {:>9.1} MiB  ({:.1} MiB for the processes before)", mib(peak), mib(before));
}

fn mib(kib: i64) -> f64 {
    kib as f64 / 1024.0
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What hashing costs at best: SHA-256 over memory, and over a file by the plainest loop.
fn raw(path: &Path) -> (Duration, Duration) {
    let mut buffer = vec![0; 1 << 20];
    let mut file = std::fs::File::open(path).unwrap();
    let start = Instant::now();
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    loop {
        let n = file.read(&mut buffer).unwrap();
        if n == 0 {
            break;
        }
        context.update(&buffer[..n]);
    }
    let _ = context.finish();
    let looped = start.elapsed();
    let bytes = std::fs::read(path).unwrap();
    let start = Instant::now();
    let _ = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    (looped, start.elapsed())
}

fn hashing(dir: &Path) {
    let paths: Vec<PathBuf> = (0..4).map(|n| dir.join(format!("file-{n}"))).collect();
    for path in &paths {
        std::fs::write(path, vec![7; FILE]).unwrap();
    }
    let ours = |paths: &[PathBuf], algorithms: &[Algorithm], threads: usize| {
        let start = Instant::now();
        let results = hash_files(paths, algorithms, &|_| {}, NonZeroUsize::new(threads).unwrap());
        assert!(results.iter().all(Result::is_ok));
        start.elapsed()
    };
    let best = |run: &dyn Fn() -> Duration| (0..5).map(|_| run()).min().unwrap();
    let speed = |time: Duration, files: usize| (files * FILE) as f64 / time.as_secs_f64() / 1e9;
    let one = &paths[..1];
    let looped = best(&|| raw(&paths[0]).0);
    let memory = best(&|| raw(&paths[0]).1);
    let single = best(&|| ours(one, &[Algorithm::Sha256], 1));
    let pipelined = best(&|| ours(one, &[Algorithm::Sha256], 2));
    let files_1 = best(&|| ours(&paths, &[Algorithm::Sha256], 1));
    let files_2 = best(&|| ours(&paths, &[Algorithm::Sha256], 2));
    let three = best(&|| ours(one, &[Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512], 1));
    println!("hashing files of {} MiB from the page cache, best of 5", FILE >> 20);
    println!("  SHA-256 over memory      {:>9.2} GB/s", speed(memory, 1));
    println!("  read loop and SHA-256    {:>9.2} GB/s", speed(looped, 1));
    println!(
        "  sealmark, 1 thread       {:>9.2} GB/s   {:.1} % of memory",
        speed(single, 1),
        100.0 * speed(single, 1) / speed(memory, 1)
    );
    println!(
        "  sealmark, 2 threads      {:>9.2} GB/s   {:.1} % of memory",
        speed(pipelined, 1),
        100.0 * speed(pipelined, 1) / speed(memory, 1)
    );
    println!("  4 files, 1 thread        {:>9.2} GB/s", speed(files_1, 4));
    println!(
        "  4 files, 2 threads       {:>9.2} GB/s   {:.2} times one thread",
        speed(files_2, 4),
        files_1.as_secs_f64() / files_2.as_secs_f64()
    );
    println!("  three algorithms, 1 thread {:>7.2} GB/s", speed(three, 1));
}

/// Runs of each batch, of which the fastest counts: the machine may do other work in between.
const BATCH_RUNS: usize = 7;
/// Bundles that differ; larger batches repeat them, which spares no work.
const DISTINCT: usize = 250;

/// What a whole process takes on these processors: wall time, and the peak memory of all processes so far in KiB.
fn batch(dir: &Path, cores: &str, args: &[&str]) -> (Duration, i64) {
    let sealmark = env!("CARGO_BIN_EXE_sealmark");
    let once = || {
        let start = Instant::now();
        let mut command = Command::new("taskset");
        let status = command.args(["-c", cores, sealmark]).args(args).current_dir(dir).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{args:?}");
        start.elapsed()
    };
    let best = (0..BATCH_RUNS).map(|_| once()).min().unwrap();
    (best, getrusage(UsageWho::RUSAGE_CHILDREN).unwrap().max_rss())
}

fn compare(name: &str, dir: &Path, args: &[&str], signatures: Duration) {
    let (one, memory) = batch(dir, "0", args);
    let (two, memory_two) = batch(dir, "0,1", args);
    println!(
        "  {name:<34} 1 core {:>9.1} ms {:>5.2}x signatures | 2 cores {:>9.1} ms {:.2} times faster | peak {:.1}, {:.1} MiB",
        ms(one),
        one.as_secs_f64() / signatures.as_secs_f64(),
        ms(two),
        one.as_secs_f64() / two.as_secs_f64(),
        mib(memory),
        mib(memory_two),
    );
}

/// Many artifacts of one attestation, and many attestations, against one policy. Peaks are of all processes so far, so
/// each batch is larger than the one before.
fn batches(dir: &Path) {
    let sigstore = VirtualSigstore::new("bench");
    let spec = sigstore.spec(b"artifact bytes");
    let bundle = sigstore.mint(&spec);
    let checks = checks(&sigstore, &spec, &sealmark::formats::bundle::Bundle::from_json(bundle).unwrap());
    let round = || {
        let start = Instant::now();
        checks.iter().for_each(Check::run);
        start.elapsed()
    };
    let signatures = (0..2000).map(|_| round()).min().unwrap();
    println!(
        "batches, best of {BATCH_RUNS} runs; the {} signature checks of a bundle take {:.1} us",
        checks.len(),
        ms(signatures) * 1e3
    );
    let policy = ["--trust", "root.json", "--source-uri", "github.com/acme/app"];
    let many = dir.join("many");
    std::fs::create_dir(&many).unwrap();
    let subject = |n: usize| {
        let content = format!("artifact {n}");
        std::fs::write(many.join(format!("a{n}")), &content).unwrap();
        statement::subject(&format!("a{n}"), content.as_bytes())
    };
    let subjects = serde_json::json!((0..1000).map(subject).collect::<Vec<_>>());
    let provenance = sigstore.mint(&sigstore.spec_of(&subjects, &GitHub::default())).to_string();
    std::fs::write(dir.join("provenance.jsonl"), provenance).unwrap();
    let args = [&["verify", "many", "--bundle", "provenance.jsonl"], &policy[..]].concat();
    compare("1,000 artifacts, 1 bundle", dir, &args, signatures);
    let distinct: Vec<String> = (0..DISTINCT)
        .map(|n| {
            let run = GitHub { run_id: n.to_string(), ..GitHub::default() };
            let subjects = serde_json::json!([statement::subject("app.tar.gz", b"artifact bytes")]);
            sigstore.mint(&sigstore.spec_of(&subjects, &run)).to_string()
        })
        .collect();
    for (name, count) in [("1,000", 1000), ("10,000", 10_000)] {
        let lines: Vec<&str> = distinct.iter().map(String::as_str).cycle().take(count).collect();
        std::fs::write(dir.join("bundles.jsonl"), lines.join("\n")).unwrap();
        let all = signatures * u32::try_from(count).unwrap();
        for format in ["human", "json"] {
            let args = ["verify", "app.tar.gz", "--bundle", "bundles.jsonl", "--format", format];
            compare(&format!("{name} bundles, 1 artifact, {format}"), dir, &[&args[..], &policy].concat(), all);
        }
    }
    for n in 0..10_000 {
        std::fs::write(many.join(format!("a{n}")), "artifact bytes").unwrap();
        std::fs::write(many.join(format!("a{n}.sigstore.json")), &distinct[n % DISTINCT]).unwrap();
    }
    let args = [&["verify", "many"], &policy[..]].concat();
    compare("10,000 artifacts, a bundle each", dir, &args, signatures * 10_000);
}

fn main() {
    let dir = tempfile::tempdir().unwrap();
    verify_process(dir.path());
    batches(dir.path());
    hashing(dir.path());
}
