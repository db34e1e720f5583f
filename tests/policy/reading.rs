//! What is no policy: every problem at once, each with its code and its place.

use sealmark::policy::document::problem::Problem;
use sealmark::trust::key::sha256;

use crate::support::virtual_sigstore::VirtualSigstore;
use crate::world::document;

fn sigstore() -> VirtualSigstore {
    VirtualSigstore::new("policy reading")
}

fn good() -> String {
    let pin = hex::encode(sha256(sigstore().trusted_root().to_string().as_bytes()));
    format!(
        "apiVersion: sealmark.dev/v1
kind: Policy
metadata:
  name: x
  version: '1'
verifiers:
  ci:
    trust: [{{file: root.json, sha256: {pin}}}, public-good]
    identities:
      - identity: {{exact: a}}
        issuer: {{oneOf: [b, c]}}
    transparency: {{log: required}}
evidence:
  build:
    predicateTypes: [slsaprovenance1]
    verifiedBy: {{anyOf: [ci]}}
    quantifier: any
    freshness: {{maxAge: 90d, from: signedAt}}
    slsa: {{sourceUri: github.com/a/b, inputs: {{k: v=w}}}}
    claims:
      - {{id: one, path: /predicate/x, operator: equals, value: 1}}
    cel:
      - {{id: two, expr: predicate.x == 1, message: m}}
require: {{allOf: [build]}}
exceptions:
  - id: e
    artifacts: [{{name: 'a*'}}]
    skip: [build.one, build.slsa]
    reason: r
    expires: 2027-01-01
"
    )
}

fn problems(text: &str) -> Vec<Problem> {
    document(text, &sigstore()).err().unwrap_or_default()
}

fn codes(text: &str) -> Vec<(&'static str, usize, String)> {
    problems(text).into_iter().map(|one| (one.code, one.line, one.path)).collect()
}

#[test]
fn the_good_one_is_read() {
    assert_eq!(problems(&good()), []);
    let json =
        serde_json::to_string(&sealmark::policy::document::yaml::parse(good().as_bytes()).unwrap().to_json()).unwrap();
    let (yaml, json) = (document(&good(), &sigstore()).unwrap(), document(&json, &sigstore()).unwrap());
    assert_eq!(yaml.digest, json.digest, "YAML and JSON are one policy");
}

/// What is replaced, by what, the code, its line and path.
const MISTAKES: &[(&str, &str, &str, usize, &str)] = &[
    ("sealmark.dev/v1", "sealmark.dev/v2", "policy-api-version", 1, "/apiVersion"),
    ("kind: Policy", "kind: GatePolicy", "policy-api-version", 2, "/kind"),
    ("  version: '1'", "  version: 1", "policy-wrong-type", 5, "/metadata/version"),
    ("  name: x\n", "", "policy-key-missing", 4, "/metadata"),
    ("  name: x", "  name: ' '", "policy-empty", 4, "/metadata/name"),
    ("  name: x", "  name: x\n  expires: soon", "policy-time", 5, "/metadata/expires"),
    ("  ci:\n", "  Ci:\n", "policy-name", 7, "/verifiers/Ci"),
    ("public-good", "public", "policy-unknown-name", 8, "/verifiers/ci/trust/1"),
    ("public-good", "{file: gone.json, sha256: x}", "policy-file", 8, "/verifiers/ci/trust/1/file"),
    ("public-good", "{file: other.json, sha256: x}", "policy-file", 8, "/verifiers/ci/trust/1/file"),
    ("public-good", "{file: root.json}", "policy-file-pin", 8, "/verifiers/ci/trust/1"),
    ("public-good", "{file: root.json, sha256: x}", "policy-file-pin", 8, "/verifiers/ci/trust/1/sha256"),
    ("{exact: a}", "{exact: a, any: true}", "policy-key-conflict", 10, "/verifiers/ci/identities/0/identity"),
    ("{exact: a}", "{}", "policy-key-conflict", 10, "/verifiers/ci/identities/0/identity"),
    ("{exact: a}", "{any: false}", "policy-value", 10, "/verifiers/ci/identities/0/identity/any"),
    ("{exact: a}", "{matches: '('}", "policy-regex", 10, "/verifiers/ci/identities/0/identity/matches"),
    ("{exact: a}", "{regex: a}", "policy-unknown-key", 10, "/verifiers/ci/identities/0/identity/regex"),
    ("{oneOf: [b, c]}", "{oneOf: []}", "policy-empty", 11, "/verifiers/ci/identities/0/issuer/oneOf"),
    ("log: required", "log: optional", "policy-value", 12, "/verifiers/ci/transparency/log"),
    ("    transparency: {log: required}\n", "", "policy-key-missing", 8, "/verifiers/ci"),
    ("    transparency:", "    keys: [{file: key.pub}]\n    transparency:", "policy-key-conflict", 8, "/verifiers/ci"),
    ("[slsaprovenance1]", "[provenance]", "policy-value", 15, "/evidence/build/predicateTypes/0"),
    (
        "[slsaprovenance1]",
        "[slsaprovenance1, slsaprovenance]",
        "policy-duplicate-id",
        15,
        "/evidence/build/predicateTypes/1",
    ),
    ("[slsaprovenance1]", "[vuln]", "policy-key-conflict", 19, "/evidence/build/slsa"),
    ("anyOf: [ci]", "anyOf: [cj]", "policy-unknown-name", 16, "/evidence/build/verifiedBy/anyOf/0"),
    ("quantifier: any", "quantifier: some", "policy-value", 17, "/evidence/build/quantifier"),
    ("    quantifier: any\n", "", "policy-key-missing", 15, "/evidence/build"),
    ("quantifier", "quantifer", "policy-unknown-key", 17, "/evidence/build/quantifer"),
    ("maxAge: 90d", "maxAge: 90 days", "policy-duration", 18, "/evidence/build/freshness/maxAge"),
    ("from: signedAt", "from: /subject/0", "policy-path", 18, "/evidence/build/freshness/from"),
    (", from: signedAt", "", "policy-key-missing", 18, "/evidence/build/freshness"),
    ("github.com/a/b", "b", "policy-source-uri", 19, "/evidence/build/slsa/sourceUri"),
    ("github.com/a/b", "github.com/a/b@main", "policy-source-uri", 19, "/evidence/build/slsa/sourceUri"),
    ("{k: v=w}", "{k: 1}", "policy-wrong-type", 19, "/evidence/build/slsa/inputs/k"),
    ("{sourceUri: github.com/a/b, inputs: {k: v=w}}", "{}", "policy-empty", 19, "/evidence/build/slsa"),
    ("inputs: {k: v=w}", "sourceTag: v1, sourceBranch: x", "policy-key-conflict", 19, "/evidence/build/slsa"),
    ("inputs: {k: v=w}", "sourceVersionedTag: latest", "policy-version", 19, "/evidence/build/slsa/sourceVersionedTag"),
    ("inputs: {k: v=w}", "sourceCommit: abc", "policy-commit", 19, "/evidence/build/slsa/sourceCommit"),
    ("inputs: {k: v=w}", "requireHosted: false", "policy-value", 19, "/evidence/build/slsa/requireHosted"),
    ("/predicate/x", "predicate.x", "policy-path", 21, "/evidence/build/claims/0/path"),
    ("operator: equals", "operator: is", "policy-value", 21, "/evidence/build/claims/0/operator"),
    (
        "operator: equals, value: 1",
        "operator: atLeast, value: '1'",
        "policy-wrong-type",
        21,
        "/evidence/build/claims/0/value",
    ),
    ("operator: equals, value: 1", "operator: equals", "policy-key-missing", 21, "/evidence/build/claims/0"),
    (
        "operator: equals, value: 1",
        "operator: present, value: 1",
        "policy-key-conflict",
        21,
        "/evidence/build/claims/0/value",
    ),
    ("{id: two,", "{id: one,", "policy-duplicate-id", 23, "/evidence/build/cel/0"),
    ("{id: two,", "{id: slsa,", "policy-duplicate-id", 23, "/evidence/build/cel/0"),
    ("expr: predicate.x == 1", "expr: predicate.x ==", "policy-cel", 23, "/evidence/build/cel/0/expr"),
    ("expr: predicate.x == 1", "expr: env.HOME == 'x'", "policy-cel", 23, "/evidence/build/cel/0/expr"),
    ("allOf: [build]", "allOf: [built]", "policy-unknown-name", 24, "/require/allOf/0"),
    ("{allOf: [build]}", "{not: build}", "policy-unknown-key", 24, "/require/not"),
    ("{allOf: [build]}", "{allOf: []}", "policy-empty", 24, "/require/allOf"),
    ("{allOf: [build]}", "{atLeast: 2, of: [build]}", "policy-value", 24, "/require/atLeast"),
    ("{allOf: [build]}", "{atLeast: 2, of: [build, build]}", "policy-duplicate-id", 24, "/require/of"),
    ("    expires: 2027-01-01\n", "", "policy-key-missing", 26, "/exceptions/0"),
    ("build.one", "build.three", "policy-unknown-name", 28, "/exceptions/0/skip/0"),
    (
        "{name: 'a*'}",
        "{digest: 'sha1:da39a3ee5e6b4b0d3255bfef95601890afd80709'}",
        "policy-digest",
        27,
        "/exceptions/0/artifacts/0/digest",
    ),
    ("require:", "mode: warn\nrequire:", "policy-unknown-key", 24, "/mode"),
];

#[test]
fn each_mistake_has_its_code_and_place() {
    for (from, to, code, line, path) in MISTAKES {
        let text = good().replacen(from, to, 1);
        assert_ne!(text, good(), "{from}");
        let found = codes(&text);
        assert!(found.contains(&(*code, *line, (*path).to_owned())), "{to}: {found:?}");
    }
    println!("reading: 1 policy read, {} refused", MISTAKES.len());
}

/// What the reader refuses and a schema can say, the schema refuses too; what the reader takes, it takes.
#[test]
fn the_schema_agrees() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/policy-v1.schema.json");
    let schema = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let valid = |text: &str| {
        let tree = sealmark::policy::document::yaml::parse(text.as_bytes()).unwrap();
        validator.iter_errors(&tree.to_json()).map(|error| error.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(valid(&good()), [""; 0]);
    assert_eq!(valid(include_str!("../../testdata/policies/release/policy.yaml")), [""; 0]);
    // Names, files, expressions and what stands in texts are the reader's.
    let beyond = [
        "policy-unknown-name",
        "policy-file",
        "policy-regex",
        "policy-cel",
        "policy-source-uri",
        "policy-commit",
        "policy-version",
        "policy-duplicate-id",
        "policy-digest",
    ];
    let (mut both, mut reader_alone) = (0, 0);
    for (from, to, code, ..) in MISTAKES {
        let refused = !valid(&good().replacen(from, to, 1)).is_empty();
        assert!(refused || beyond.contains(code) || SAID_IN_WORDS.contains(to), "{to}: the schema takes it");
        if refused { both += 1 } else { reader_alone += 1 }
    }
    println!("schema: {both} mistakes refused by both, {reader_alone} by the reader alone");
    assert!(both > 20);
}

/// Mistakes of a kind that schemas see elsewhere and not here.
const SAID_IN_WORDS: &[&str] = &[
    "[provenance]",
    "[vuln]",
    "    keys: [{file: key.pub}]\n    transparency:",
    "maxAge: 90 days",
    "operator: atLeast, value: '1'",
    "{atLeast: 2, of: [build]}",
];

#[test]
fn all_problems_come_at_once_with_the_nearest_name() {
    let text = good()
        .replace("quantifier: any", "quantifer: any")
        .replace("log: required", "log: maybe")
        .replace("90d", "soon");
    let found = problems(&text);
    let codes: Vec<_> = found.iter().map(|one| (one.code, one.line)).collect();
    assert_eq!(
        codes,
        [("policy-value", 12), ("policy-key-missing", 15), ("policy-unknown-key", 17), ("policy-duration", 18)]
    );
    assert!(found[2].expected.starts_with("quantifier, or another of"), "{}", found[2].expected);
}

/// The digest changes with whatever decides, and with nothing else.
#[test]
fn the_digest_is_of_what_decides() {
    let digest = |text: &str| document(text, &sigstore()).unwrap().digest;
    let own = digest(&good());
    assert_eq!(digest(&format!("# a comment\n{}", good())), own);
    assert_eq!(digest(&good().replace("{maxAge: 90d, from: signedAt}", "{from: signedAt, maxAge: 90d}")), own);
    assert_ne!(digest(&good().replace("90d", "91d")), own);
    assert_ne!(digest(&good().replace("public-good", "github")), own);
    assert_ne!(digest(&good().replace("2027-01-01", "2027-01-02")), own);
}

/// Whatever the bytes, reading ends and refuses or reads.
#[test]
fn damaged_policies_never_panic() {
    let good = good();
    let mut refused = 0;
    for cut in 0..good.len() {
        refused += usize::from(document(&good[..cut], &sigstore()).is_err());
        if cut % 7 == 0 {
            let mut bytes = good.clone().into_bytes();
            bytes[cut] = b"{}[]:,&*!|>'\"%@`#-?"[cut % 19];
            let _ = document(&String::from_utf8_lossy(&bytes), &sigstore());
        }
    }
    assert!(refused > good.len() / 2);
}
