//! Holds a Statement against the schemas in `schemas/` before anybody signs it.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::json;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::formats::statement::STATEMENT_V0_1;
use crate::formats::vsa;
use crate::generate::GenerateError;
use crate::generate::MAX_VIOLATIONS;
use crate::generate::Violation;

/// A schema of `schemas/`, compiled when it is first needed.
type Schema = LazyLock<Result<Validator, String>>;

/// Longest violation message, in characters; a longer one quotes most of the document.
const MAX_MESSAGE: usize = 300;

static STATEMENT_V1_STRICT: Schema =
    LazyLock::new(|| compile(include_str!("../../schemas/statement-v1.strict.schema.json")));
static STATEMENT_V1: Schema = LazyLock::new(|| compile(include_str!("../../schemas/statement-v1.schema.json")));
static STATEMENT_V01: Schema = LazyLock::new(|| compile(include_str!("../../schemas/statement-v0.1.schema.json")));
static PROVENANCE_V1_STRICT: Schema =
    LazyLock::new(|| compile(include_str!("../../schemas/provenance-v1.strict.schema.json")));
static PROVENANCE_V1: Schema = LazyLock::new(|| compile(include_str!("../../schemas/provenance-v1.schema.json")));
static PROVENANCE_V02: Schema = LazyLock::new(|| compile(include_str!("../../schemas/provenance-v0.2.schema.json")));
static PROVENANCE_V02_STRICT: Schema =
    LazyLock::new(|| compile(include_str!("../../schemas/provenance-v0.2.strict.schema.json")));
static VSA_V1: Schema = LazyLock::new(|| compile(include_str!("../../schemas/vsa-v1.schema.json")));

/// Predicate types and the schema that holds for what sealmark itself writes.
const STRICT: &[(&str, &Schema)] = &[
    (v02::PREDICATE_TYPE, &PROVENANCE_V02_STRICT),
    (v1::PREDICATE_TYPE, &PROVENANCE_V1_STRICT),
    (vsa::PREDICATE_TYPE, &VSA_V1),
];

/// Predicate types and the schema that holds for what anybody writes.
/// What every predicate type of SLSA starts with.
const SLSA: &str = "https://slsa.dev/";

const ACCEPTING: &[(&str, &Schema)] =
    &[(v02::PREDICATE_TYPE, &PROVENANCE_V02), (v1::PREDICATE_TYPE, &PROVENANCE_V1), (vsa::PREDICATE_TYPE, &VSA_V1)];

/// Checks a Statement that sealmark generated: Statement v1 (v0.1 around provenance v0.2), every field known, every value
/// well-formed.
///
/// The predicate is checked too when it is SLSA provenance v0.2 or v1 or a VSA v1; of any other type only the Statement around it
/// is checked, as sealmark does not know what such a predicate must hold.
///
/// # Errors
/// [`GenerateError::StatementInvalid`] with each violation, [`GenerateError::SchemaUnusable`].
pub fn validate_strict(statement: &Value) -> Result<(), GenerateError> {
    let old = statement.get("predicateType").and_then(Value::as_str) == Some(v02::PREDICATE_TYPE);
    check(if old && is_v01(statement) { &STATEMENT_V01 } else { &STATEMENT_V1_STRICT }, STRICT, statement)
}

/// Checks a Statement that somebody else made: Statement v0.1 or v1 with what the specifications require, unknown
/// fields permitted; the predicate too when it is SLSA provenance v0.2 or v1 or a VSA v1.
///
/// # Errors
/// [`GenerateError::StatementInvalid`] with each violation, [`GenerateError::SchemaUnusable`].
pub fn validate_accepting(statement: &Value) -> Result<(), GenerateError> {
    // What is neither is held against v1, whose schema then names the `_type`.
    check(if is_v01(statement) { &STATEMENT_V01 } else { &STATEMENT_V1 }, ACCEPTING, statement)
}

/// As much of a Statement as is held against a schema or a certificate: a predicate of another type than SLSA's is read as
/// empty. All of the text is held to be JSON.
///
/// # Errors
/// `json-*`, `too-many`.
pub fn read(statement: &[u8]) -> Result<Value, FormatError> {
    let around = json::outline(statement, |name, _| name == "predicate")?;
    let predicate_type = around.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    if predicate_type.starts_with(SLSA) { json::parse(statement) } else { Ok(around) }
}

fn is_v01(statement: &Value) -> bool {
    statement.get("_type").and_then(Value::as_str) == Some(STATEMENT_V0_1)
}

fn check(schema: &Schema, predicates: &[(&str, &Schema)], statement: &Value) -> Result<(), GenerateError> {
    let mut found = Found { violations: Vec::new(), total: 0 };
    found.collect(schema, "", statement)?;
    let predicate_type = statement.get("predicateType").and_then(Value::as_str).unwrap_or_default();
    if let Some((_, schema)) = predicates.iter().find(|(name, _)| *name == predicate_type) {
        found.collect(schema, "/predicate", statement.get("predicate").unwrap_or(&Value::Null))?;
    }
    match found {
        Found { total: 0, .. } => Ok(()),
        Found { violations, total } => Err(GenerateError::StatementInvalid { violations, total }),
    }
}

struct Found {
    violations: Vec<Violation>,
    total: usize,
}

impl Found {
    fn collect(&mut self, schema: &Schema, at: &str, value: &Value) -> Result<(), GenerateError> {
        let validator = LazyLock::force(schema);
        let validator =
            validator.as_ref().map_err(|detail| GenerateError::SchemaUnusable { detail: detail.clone() })?;
        // Finding all errors costs more than finding none.
        if validator.is_valid(value) {
            return Ok(());
        }
        for error in validator.iter_errors(value) {
            self.total += 1;
            if self.violations.len() < MAX_VIOLATIONS {
                let pointer = format!("{at}{}", error.instance_path());
                let message = error.to_string().chars().take(MAX_MESSAGE).collect();
                self.violations.push(Violation { pointer, message });
            }
        }
        Ok(())
    }
}

fn compile(text: &str) -> Result<Validator, String> {
    let schema: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    jsonschema::draft202012::new(&schema).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::formats::digest::Digest;
    use crate::generate::git::Dirty;
    use crate::generate::git::GitFacts;
    use crate::generate::git::Submodule;
    use crate::generate::local::LocalBuild;
    use crate::generate::local::Overrides;
    use crate::generate::statement::statement_bytes;

    fn statement(subjects: usize) -> Value {
        let git = GitFacts {
            commit: Some("ab".repeat(20)),
            tree: Some("cd".repeat(20)),
            branch: Some("refs/heads/main".to_owned()),
            tags: vec!["refs/tags/v1.2.3".to_owned()],
            remote: Some("git+https://git.example.com:8443/acme/app".to_owned()),
            dirty: Dirty::Changed { paths: 1 },
            shallow: true,
            submodules: vec![Submodule { path: "lib".to_owned(), uri: None, commit: Some("ef".repeat(32)) }],
        };
        let build = LocalBuild {
            git: Some(&git),
            parameters: &BTreeMap::from([("profile".to_owned(), "release".to_owned())]),
            sealmark_version: "0.1.0",
            invocation_id: Some("run-1"),
            started_on: Some("2026-10-04T11:32:07.25Z".parse().unwrap()),
            finished_on: Some("2026-10-04T11:32:08Z".parse().unwrap()),
            overrides: &Overrides::default(),
        };
        let digest = [Digest::parse(&format!("sha256:{}", "aa".repeat(32))).unwrap()];
        let names: Vec<String> = (0..subjects).map(|n| format!("dist/file-{n:06}.tar.gz")).collect();
        let subjects = names.iter().map(|name| (name.as_str(), digest.as_slice()));
        let bytes = statement_bytes(subjects, &build.facts().unwrap().predicate()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn pointers(result: Result<(), GenerateError>) -> Vec<String> {
        match result {
            Ok(()) => vec![],
            Err(GenerateError::StatementInvalid { violations, total }) => {
                assert_eq!(violations.len(), total);
                violations.into_iter().map(|v| v.pointer).collect()
            }
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_we_generate_passes_both() {
        let good = statement(3);
        assert_eq!(pointers(validate_strict(&good)), [""; 0]);
        assert_eq!(pointers(validate_accepting(&good)), [""; 0]);
    }

    /// Where to damage a good Statement, with what, and where the violation must be reported.
    #[test]
    fn each_damage_is_reported_where_it_is() {
        let definition = "/predicate/buildDefinition";
        let run = "/predicate/runDetails";
        let source = &format!("{definition}/externalParameters/source");
        let internal = &format!("{definition}/internalParameters");
        let dependency = &format!("{definition}/resolvedDependencies/0");
        let table: Vec<(String, Value)> = vec![
            ("/_type".into(), json!("https://in-toto.io/Statement/v0.1")),
            ("/subject".into(), json!([])),
            ("/subject/0/name".into(), json!("")),
            ("/subject/0/digest".into(), json!({})),
            ("/subject/0/digest/sha256".into(), json!("AA".repeat(32))),
            ("/subject/0/digest/sha256".into(), json!("aa".repeat(20))),
            ("/predicateType".into(), json!("provenance")),
            ("/predicateType".into(), json!("HTTPS://slsa.dev/x")),
            (format!("{definition}/buildType"), json!("https://sealmark.dev/buildtypes/other/v1")),
            (format!("{definition}/buildType"), json!("https://actions.github.io/buildtypes/workflow/v2")),
            (format!("{definition}/buildType"), json!("local")),
            (format!("{definition}/externalParameters"), json!([])),
            (source.clone(), json!({})),
            (format!("{source}/uri"), json!("git+https://me:pw@git.example.com/acme/app")),
            (format!("{source}/uri"), json!("/home/me/app")),
            (format!("{source}/ref"), json!("main")),
            (format!("{definition}/externalParameters/parameters"), json!({})),
            (format!("{definition}/externalParameters/parameters/profile"), json!(1)),
            (format!("{internal}/git/dirty"), json!("no")),
            (format!("{internal}/git/tree"), json!("")),
            (format!("{internal}/git/branch"), json!(null)),
            (format!("{internal}/git/tags"), json!([])),
            (format!("{internal}/git/tags/0"), json!("v1")),
            (format!("{definition}/resolvedDependencies"), json!([])),
            (dependency.clone(), json!({"name": "source"})),
            (format!("{dependency}/digest/gitCommit"), json!("ab")),
            (format!("{dependency}/uri"), json!("app")),
            (format!("{run}/builder/id"), json!("")),
            (format!("{run}/builder/version"), json!({})),
            (format!("{run}/metadata"), json!({})),
            (format!("{run}/metadata/invocationId"), json!("")),
            (format!("{run}/metadata/startedOn"), json!("2026-10-04T11:32:07+00:00")),
            (format!("{run}/metadata/finishedOn"), json!("2026-13-04T11:32:07Z")),
        ];
        for (pointer, damage) in table {
            let mut bad = statement(1);
            *bad.pointer_mut(&pointer).unwrap() = damage.clone();
            let found = pointers(validate_strict(&bad));
            assert!(found.contains(&pointer), "{pointer} = {damage}: {found:?}");
        }
    }

    #[test]
    fn an_unknown_field_is_refused_wherever_it_stands() {
        let objects = [
            "",
            "/subject/0",
            "/subject/0/digest",
            "/predicate",
            "/predicate/buildDefinition",
            "/predicate/buildDefinition/externalParameters",
            "/predicate/buildDefinition/externalParameters/source",
            "/predicate/buildDefinition/internalParameters",
            "/predicate/buildDefinition/internalParameters/git",
            "/predicate/buildDefinition/resolvedDependencies/0",
            "/predicate/buildDefinition/resolvedDependencies/0/digest",
            "/predicate/runDetails",
            "/predicate/runDetails/builder",
            "/predicate/runDetails/metadata",
        ];
        for pointer in objects {
            let mut bad = statement(1);
            bad.pointer_mut(pointer).unwrap()["sealmark_unknown"] = json!("x");
            assert_eq!(pointers(validate_strict(&bad)), [pointer], "{pointer}");
        }
    }

    #[test]
    fn a_required_field_cannot_be_left_out() {
        for (parent, key) in [
            ("", "_type"),
            ("", "subject"),
            ("", "predicateType"),
            ("", "predicate"),
            ("/subject/0", "name"),
            ("/subject/0", "digest"),
            ("/predicate", "buildDefinition"),
            ("/predicate", "runDetails"),
            ("/predicate/buildDefinition", "buildType"),
            ("/predicate/buildDefinition", "externalParameters"),
            ("/predicate/buildDefinition/internalParameters/git", "dirty"),
            ("/predicate/buildDefinition/internalParameters/git", "shallow"),
            ("/predicate/runDetails", "builder"),
            ("/predicate/runDetails/builder", "id"),
        ] {
            let mut bad = statement(1);
            bad.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
            assert!(pointers(validate_strict(&bad)).contains(&parent.to_owned()), "{parent} {key}");
        }
    }

    #[test]
    fn every_violation_is_counted_and_most_are_listed() {
        let mut bad = statement(MAX_VIOLATIONS + 5);
        bad["subject"].as_array_mut().unwrap().iter_mut().for_each(|s| s["name"] = json!(""));
        let Err(GenerateError::StatementInvalid { violations, total }) = validate_strict(&bad) else {
            panic!("passed")
        };
        assert_eq!((violations.len(), total), (MAX_VIOLATIONS, MAX_VIOLATIONS + 5));
        assert_eq!(violations[7].pointer, "/subject/7/name");
    }

    #[test]
    fn other_peoples_statements_are_held_against_their_own_type() {
        let mut foreign = json!({
            "_type": "https://in-toto.io/Statement/v0.1",
            "subject": [{"digest": {"unknown": "x"}, "vendor_field": 1}],
            "predicateType": "https://example.com/anything/v1",
            "predicate": {"x": 1},
        });
        assert_eq!(pointers(validate_accepting(&foreign)), [""; 0]);
        foreign["predicateType"] = json!(v02::PREDICATE_TYPE);
        assert_eq!(pointers(validate_accepting(&foreign)), ["/predicate", "/predicate"]);
        foreign["predicateType"] = json!(vsa::PREDICATE_TYPE);
        assert_eq!(pointers(validate_accepting(&foreign)).len(), 5);
        foreign["_type"] = json!("https://in-toto.io/Statement/v2");
        assert!(pointers(validate_accepting(&foreign)).contains(&"/_type".to_owned()));
        assert_eq!(pointers(validate_accepting(&json!(null))), [""]);
    }
}
