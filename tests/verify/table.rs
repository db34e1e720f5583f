//! `docs/adversarial.md`: every lie that the suites mint, by the code that it must end in.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::lies;

const HEAD: &str = "\
# The adversarial suite

Each line is one attestation that `tests/support/virtual_sigstore/` mints: well-formed and well-signed but for the one thing
that is named. `tests/verify/lies.rs` and `tests/verify/seven.rs` verify each and demand the exact code; none is ever accepted.
[checks.md](checks.md) says what each check is, [errors.md](errors.md) what each code means. This page is made from those suites,
and a test compares it with them (`SEALMARK_BLESS=1 cargo test --all-features --test verify table`).

Lies about facts and expectations are in [adversarial-facts.md](adversarial-facts.md), lies of summaries in `tests/cli/vsa.rs`,
and a bundle damaged field by field in `tests/verify/mutations.txt`.
";

/// Which check refuses with a code: the heading of `docs/checks.md` under which it stands.
fn headings(checks: &str) -> BTreeMap<String, String> {
    let mut heading = String::new();
    let mut homes = BTreeMap::new();
    for line in checks.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.to_owned();
        }
        if line.starts_with("Refuses with ") {
            for code in line.split('`').skip(1).step_by(2) {
                homes.entry(code.to_owned()).or_insert_with(|| heading.clone());
            }
        }
    }
    homes
}

#[test]
fn the_table_is_what_the_suites_mint() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let checks = fs::read_to_string(root.join("docs/checks.md")).unwrap();
    let homes = headings(&checks);
    let order: Vec<&str> = checks.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let mut sections: BTreeMap<usize, Vec<(&str, String)>> = BTreeMap::new();
    let cases = lies::all();
    for case in &cases {
        let code = case.expected.unwrap_err();
        let home = homes.get(code).unwrap_or_else(|| panic!("{}: {code} is not in docs/checks.md", case.name));
        let place = order.iter().position(|title| title == home).unwrap();
        sections.entry(place).or_default().push((code, case.name.replace('|', "\\|")));
    }
    let mut page = HEAD.to_owned();
    for (place, mut lies) in sections {
        lies.sort_by_key(|(code, _)| *code);
        write!(page, "\n## {}\n\n| lie | refused with |\n|---|---|\n", order[place]).unwrap();
        for (code, name) in lies {
            writeln!(page, "| {name} | `{code}` |").unwrap();
        }
    }
    write!(page, "\n{} lies in all.\n", cases.len()).unwrap();
    let path = root.join("docs/adversarial.md");
    if std::env::var_os("SEALMARK_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/adversarial.md differs: run again with SEALMARK_BLESS=1 and look at the change");
}
