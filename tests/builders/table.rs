//! `docs/adversarial-facts.md`: every lie about a build that the suites mint, by the code that it must end in.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use sealmark::builders::BuilderError;
use sealmark::policy::FINDING_CODES;

use crate::delegated;
use crate::fixtures::Case;
use crate::generator;
use crate::google_cloud_build;
use crate::npm;
use crate::platforms;
use crate::policy;
use crate::slsa_verifier;
use crate::workflow;

const HEAD: &str = "\
# The adversarial suite: facts and expectations

Each line is one attestation that `tests/support/virtual_sigstore/` mints, or one expectation of it: every signature, certificate and
log entry is good, and the one thing that is named is a lie or is not what was expected. The files of `tests/builders/` judge each and
demand the exact code; none is ever accepted. [adversarial.md](adversarial.md) has the lies that come before the facts. This page is
made from those suites, and a test compares it with them (`SEALMARK_BLESS=1 cargo test --all-features --test builders table`).

A line of `verify-artifact`, `verify-image`, `verify-npm-package`, `verify-github-attestation` or `slsa-verifier` also demands the name
of slsa-verifier's error, which stands before the code.
";

fn suites() -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("slsa-github-generator", generator::all()),
        ("Builders behind a delegator", delegated::all()),
        ("Workflows on GitHub Actions", workflow::all()),
        ("The npm command line", npm::all()),
        ("Google Cloud Build", google_cloud_build::all()),
        ("Other platforms, people and keys", platforms::all()),
        ("Expectations", policy::all()),
        ("The rules of slsa-verifier", slsa_verifier::all()),
    ]
}

#[test]
fn the_table_is_what_the_suites_mint() {
    let mut page = HEAD.to_owned();
    let (mut count, mut codes) = (0, BTreeSet::new());
    for (title, cases) in suites() {
        let mut lies: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for case in &cases {
            if let Err(code) = case.expected {
                lies.entry(code).or_default().push(&case.name);
                codes.extend(code.split(' '));
                count += 1;
            }
        }
        write!(page, "\n## {title}\n\n| lie | refused with |\n|---|---|\n").unwrap();
        for (code, names) in lies {
            for name in names {
                writeln!(page, "| {} | `{}` |", name.replace('|', "\\|"), code.replace(' ', "` `")).unwrap();
            }
        }
    }
    write!(page, "\n{count} lies in all.\n").unwrap();
    // Every code of a builder and of a policy has a lie.
    let builders = BuilderError::samples();
    assert!(builders.len() > 8);
    let known = builders.iter().map(BuilderError::code).chain(FINDING_CODES.iter().copied());
    let missing: Vec<&str> = known.filter(|code| !codes.contains(code) && *code != "not-provenance").collect();
    assert_eq!(missing, Vec::<&str>::new(), "codes without a lie");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/adversarial-facts.md");
    if std::env::var_os("SEALMARK_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/adversarial-facts.md differs: run again with SEALMARK_BLESS=1 and look at the change");
}
