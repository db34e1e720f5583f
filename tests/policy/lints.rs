//! Each dangerous shape is found, by its code and level, and not where it is absent.

use sealmark::policy::document::lint::CODES;
use sealmark::policy::document::lint::Level;
use sealmark::policy::document::lint::lint;
use sealmark::trust::key::sha256;

use crate::support::virtual_sigstore::VirtualSigstore;
use crate::world::document;

fn good(sigstore: &VirtualSigstore) -> String {
    let pin = hex::encode(sha256(sigstore.trusted_root().to_string().as_bytes()));
    format!(
        "apiVersion: sealmark.dev/v1
kind: Policy
metadata: {{name: x, version: '1', expires: 2027-01-01}}
verifiers:
  ci:
    trust: [{{file: root.json, sha256: {pin}}}]
    identities:
      - identity: {{matches: 'https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/.*'}}
        issuer: {{exact: 'https://token.actions.githubusercontent.com'}}
    transparency: {{log: required}}
evidence:
  build:
    predicateTypes: [slsaprovenance1]
    verifiedBy: ci
    quantifier: any
    slsa: {{sourceUri: github.com/acme/app, sourceVersionedTag: v1}}
    claims: [{{id: one, path: /predicate/buildDefinition/buildType, operator: equals, value: x}}]
  scan:
    predicateTypes: [vuln]
    verifiedBy: ci
    quantifier: latest
    freshness: {{maxAge: 7d, from: signedAt}}
    cel: [{{id: two, expr: \"size(predicate.x) > 0 && predicate.x.all(y, y.s.matches('^(a|b)$'))\", message: m}}]
require: {{allOf: [build, scan]}}
exceptions:
  - {{id: e, artifacts: [{{digest: 'sha256:{pin}'}}], skip: [scan.two], reason: r, expires: 2026-12-01}}
"
    )
}

#[test]
fn each_shape_is_found() {
    use Level::Error;
    use Level::Note;
    use Level::Warning;
    let sigstore = VirtualSigstore::new("policy lints");
    let find = |text: &str| {
        let document = document(text, &sigstore).unwrap_or_else(|problems| panic!("{problems:#?}"));
        let found = lint(&document, "2026-11-21T00:00:00Z".parse().unwrap());
        found.into_iter().map(|lint| (lint.code, lint.level)).collect::<Vec<_>>()
    };
    assert_eq!(find(&good(&sigstore)), []);
    let identity = "{matches: 'https://github\\.com/acme/app/\\.github/workflows/release\\.yml@refs/tags/.*'}";
    let issuer = "{exact: 'https://token.actions.githubusercontent.com'}";
    let matches = "predicate.x.all(y, y.s.matches('^(a|b)$'))";
    let digest = "artifacts: [{digest: ";
    let rows: &[(&str, &str, &str, Level)] = &[
        (identity, "{any: true}", "policy-open-identity", Error),
        (identity, "{matches: '.*'}", "policy-open-identity", Error),
        (identity, "{matches: 'https://github\\.com/.*'}", "policy-open-identity", Error),
        (issuer, "{any: true}", "policy-open-issuer", Error),
        (issuer, "{matches: 'https://.*'}", "policy-open-issuer", Error),
        (issuer, "{matches: 'https://token\\.actions\\.githubusercontent\\.com.*'}", "policy-open-issuer", Error),
        (issuer, "{matches: 'https://token.actions.githubusercontent.com'}", "policy-unescaped-dot", Error),
        (issuer, "{exact: '*'}", "policy-literal-star", Error),
        ("log: required", "log: not-required", "policy-log-not-required", Warning),
        (
            "evidence:\n",
            "  idle: {keyRings: [npm-registry], transparency: {log: not-required}}\nevidence:\n",
            "policy-verifier-unused",
            Warning,
        ),
        ("[build, scan]", "[build]", "policy-evidence-unused", Error),
        ("quantifier: latest", "quantifier: any", "policy-any-masks", Warning),
        ("    freshness: {maxAge: 7d, from: signedAt}\n", "", "policy-latest-undated", Warning),
        ("from: signedAt", "from: /predicate/at", "policy-freshness-stated", Note),
        ("sourceUri: github.com/acme/app, ", "", "policy-source-open", Warning),
        (", sourceVersionedTag: v1", "", "policy-ref-open", Note),
        ("/predicate/buildDefinition/buildType", "/predicate/builder/id", "policy-claim-other-type", Error),
        ("[slsaprovenance1]", "[slsaprovenance]", "policy-claim-other-type", Warning),
        ("'^(a|b)$'", "'a'", "policy-cel-unanchored", Error),
        ("'^(a|b)$'", "'^a|b$'", "policy-cel-unanchored", Error),
        (matches, "!has(predicate.y)", "policy-cel-absent-passes", Warning),
        ("size(predicate.x) > 0 && ", "", "policy-cel-empty-list", Warning),
        (matches, "predicate.version > '9'", "policy-cel-text-order", Warning),
        (
            "size(predicate.x) > 0 && predicate.x.all(y, y.s.matches('^(a|b)$'))",
            "timestamp('2026-01-01T00:00:00Z') < now",
            "policy-cel-constant",
            Error,
        ),
        (digest, "artifacts: [{name: '**'}, {digest: ", "policy-exception-everything", Error),
        (digest, "artifacts: [{name: 'app*'}, {digest: ", "policy-exception-by-name", Warning),
        ("skip: [scan.two]", "skip: [scan]", "policy-exception-evidence", Warning),
        ("expires: 2026-12-01", "expires: 2027-12-01", "policy-exception-long", Warning),
        ("expires: 2026-12-01", "expires: 2026-11-20", "policy-exception-expired", Warning),
        (", expires: 2027-01-01}", "}", "policy-no-expiry", Note),
    ];
    let mut seen = Vec::new();
    for (from, to, code, level) in rows {
        let text = good(&sigstore).replacen(from, to, 1);
        assert_ne!(text, good(&sigstore), "{from}");
        let found = find(&text);
        assert!(found.contains(&(*code, *level)), "{to}: {found:?}");
        seen.push(*code);
    }
    let unseen: Vec<_> = CODES.iter().filter(|code| !seen.contains(code)).collect();
    assert!(unseen.is_empty(), "no test finds {unseen:?}");
    println!("lints: 1 policy without, {} shapes found", rows.len());
}
