//! Runs recorded cases of slsa-verifier through the program, and compares verdict and name of the error.
//!
//! `cargo test --test slsa_verifier -- CASES.jsonl TESTDATA` takes other cases; without arguments those of the corpus run.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::exit, reason = "a test")]

mod case;
mod deviations;
mod registries;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use case::Case;
use case::Cut;
use case::Verdict;

/// What one function of slsa-verifier's suite came to.
#[derive(Default)]
struct Count {
    accepted: usize,
    refused: usize,
    deviating: usize,
    waived: usize,
    wrong: usize,
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|text| !text.starts_with("--"));
    let (cases, data) = match (arguments.next(), arguments.next()) {
        (Some(cases), Some(data)) => (PathBuf::from(cases), PathBuf::from(data)),
        (None, _) => match std::env::var_os("SEALMARK_CORPUS") {
            Some(corpus) => {
                let corpus = Path::new(&corpus).join("slsa-verifier");
                (corpus.join("cases.jsonl"), corpus.join("testdata"))
            }
            None => return skipped("SEALMARK_CORPUS is not set"),
        },
        // A filter of cargo test.
        (Some(filter), None) if "slsa_verifier".contains(&filter) => return skipped("give CASES.jsonl and TESTDATA"),
        (Some(_), None) => return,
    };
    if std::env::args().any(|text| text == "--list") {
        println!("slsa_verifier: test");
        return;
    }
    let text = std::fs::read_to_string(&cases).unwrap();
    let cases: Vec<Case> = text.lines().filter(|line| !line.trim().is_empty()).map(Case::read).collect();
    let wrong = run(&cases, &data);
    if wrong + registries::run(&cases, &data) > 0 {
        std::process::exit(1);
    }
}

fn skipped(why: &str) {
    assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "slsa-verifier's cases cannot run: {why}");
    println!("skipped: slsa-verifier's cases: {why}");
}

/// Runs all cases on two threads, prints the counts, and gives how many were wrong.
fn run(cases: &[Case], data: &Path) -> usize {
    let foreign = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(foreign.path(), "no provenance is about this").unwrap();
    let cut = Cut::find();
    let counts: Mutex<BTreeMap<&str, Count>> = Mutex::default();
    let lines: Mutex<Vec<String>> = Mutex::default();
    let next = AtomicUsize::new(0);
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Relaxed)) {
            let found = examine(case, data, foreign.path(), cut);
            let mut counts = counts.lock().unwrap();
            let count = counts.entry(&case.function).or_default();
            match found {
                Examined::AsExpected { waived } => {
                    count.waived += usize::from(waived);
                    *if case.accepted() { &mut count.accepted } else { &mut count.refused } += 1;
                }
                Examined::Deviates(why) => {
                    count.deviating += 1;
                    lines.lock().unwrap().push(format!("deviation  {}   {why}", case.id));
                }
                Examined::Wrong(why) => {
                    count.wrong += 1;
                    lines.lock().unwrap().push(format!("WRONG      {}   {why}", case.id));
                }
            }
        }
    };
    thread::scope(|scope| {
        scope.spawn(work);
        work();
    });
    let mut lines = lines.into_inner().unwrap();
    lines.sort();
    lines.iter().for_each(|line| println!("{line}"));
    report(&counts.into_inner().unwrap(), cut)
}

fn report(counts: &BTreeMap<&str, Count>, cut: Cut) -> usize {
    println!("network: {}", cut.words());
    let sum = |field: fn(&Count) -> usize| counts.values().map(field).sum::<usize>();
    for (function, count) in counts {
        println!(
            "{function}: {} accepted and {} refused as expected, by the same name; of these {} with the log waived, and \
             refused without; {} deviations; {} wrong",
            count.accepted, count.refused, count.waived, count.deviating, count.wrong
        );
    }
    let (accepted, refused, wrong) = (sum(|c| c.accepted), sum(|c| c.refused), sum(|c| c.wrong));
    assert!(
        accepted > 0 && refused > 0,
        "expected cases of both kinds, found {accepted} accepted and {refused} refused"
    );
    println!("{} passed, {} failed, {} deviations named", accepted + refused, wrong, sum(|c| c.deviating));
    wrong
}

enum Examined {
    AsExpected { waived: bool },
    Deviates(&'static str),
    Wrong(String),
}

fn examine(case: &Case, data: &Path, foreign: &Path, cut: Cut) -> Examined {
    let found = case.run(data, foreign, cut, &[]);
    if case.needs_log {
        // Without the waiver nothing proves when it was signed, whatever else is so.
        let named = matches!(&found, Verdict::Refused { text, .. } if text.contains("signing-time-unproven"));
        let about_files = matches!(&found, Verdict::Refused { text, .. } if text.contains("ErrorInvalidFormat"));
        if !named && !about_files {
            return Examined::Wrong(format!("without a log: expected signing-time-unproven, found {found}"));
        }
        let waived = case.run(data, foreign, cut, &["--accept-without-log"]);
        return compare(case, &case.waived, &waived, true);
    }
    compare(case, &case.expected, &found, false)
}

fn compare(case: &Case, expected: &str, found: &Verdict, waived: bool) -> Examined {
    if found.name() == expected {
        return Examined::AsExpected { waived };
    }
    match deviations::of(case, found) {
        Some(why) => Examined::Deviates(why),
        None => Examined::Wrong(format!("expected {expected}, found {found}")),
    }
}
