//! The parameters of a GitHub build that GitHub's own provenance leaves out: dispatch inputs, variables, release.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::json;
use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::github::run;
use crate::generate::ci::github::run::Run;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;
use crate::generate::local::MAX_TEXT;
use crate::generate::local::check_parameters;

/// `externalParameters` of `https://sealmark.dev/buildtypes/github-workflow/v1`; a key that is not here is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExternalParameters {
    /// The workflow that was started.
    pub workflow: WorkflowParameters,
    /// What somebody typed when they dispatched the workflow (`github.event.inputs`). Absent for other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inputs: Option<BTreeMap<String, String>>,
    /// The configuration variables that the workflow handed over (`toJSON(vars)`). Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vars: Option<BTreeMap<String, String>>,
    /// The release whose event started the run. Absent for other events.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseParameters>,
    /// What the workflow passed with `--param`. Absent when nothing was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, String>>,
}

/// `externalParameters.workflow`, of GitHub's own build type too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkflowParameters {
    /// The ref that the workflow was read at, in full.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// The repository that it lies in: `https://github.com/owner/name`.
    pub repository: String,
    /// Its path there.
    pub path: String,
}

/// `externalParameters.release`: of the release in the event payload, what a workflow can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReleaseParameters {
    /// GitHub's number of the release.
    pub id: u64,
    /// Its tag, without `refs/tags/`.
    pub tag_name: String,
    /// The branch or commit that the tag was made from.
    pub target_commitish: String,
    /// Whether it was a draft.
    pub draft: bool,
    /// Whether it was marked as a preview.
    pub prerelease: bool,
}

/// A field of a release.
struct Field {
    name: &'static str,
    is_good: fn(&Value) -> bool,
}

/// The fields of a release that are read.
const RELEASE: &[Field] = &[
    Field { name: "draft", is_good: Value::is_boolean },
    Field { name: "id", is_good: Value::is_u64 },
    Field { name: "prerelease", is_good: Value::is_boolean },
    Field { name: "tag_name", is_good: is_line },
    Field { name: "target_commitish", is_good: is_line },
];

/// Adds to `workflow` what else the tenant could set.
///
/// # Errors
/// `platform-fact-missing` when the event that started the run is not at hand, `platform-fact-invalid`,
/// `platform-claim-conflict`, and those of parameters.
pub(super) fn complete(inputs: &Inputs<'_>, run: &Run<'_>, tree: &mut Parameters) -> Result<(), GenerateError> {
    let event = run.required(&run::EVENT_NAME)?.value;
    if event == "workflow_dispatch" || event == "release" {
        let payload = payload(inputs, run)?;
        if event == "release" {
            release(payload, run, tree)?;
        } else {
            for (name, value) in texts("inputs", payload.get("inputs"))? {
                tree.insert(["inputs", &name], Fact::word(Value::from(value), Source::EventPayload));
            }
        }
    }
    for (name, value) in texts("vars", inputs.vars)? {
        tree.insert(["vars", &name], Fact::word(Value::from(value), Source::Vars));
    }
    for (name, value) in inputs.parameters {
        tree.insert(["parameters", name], Fact::word(Value::from(value.as_str()), Source::Option("--param")));
    }
    Ok(())
}

/// The event payload, which must be one of this repository.
fn payload<'a>(inputs: &Inputs<'a>, run: &Run<'_>) -> Result<&'a Map<String, Value>, GenerateError> {
    let missing = || GenerateError::PlatformFactMissing {
        field: "the parameters of the event".to_owned(),
        expected: "the event payload (GITHUB_EVENT_PATH)".to_owned(),
    };
    let payload = inputs.event.ok_or_else(missing)?;
    let payload =
        payload.as_object().ok_or_else(|| invalid("the event payload", "a JSON object", json::kind(payload)))?;
    let number = payload.get("repository").and_then(|repository| repository.get("id")).and_then(Value::as_u64);
    let known = run.required(&run::REPOSITORY_ID)?.value;
    match number.map(|number| number.to_string()) {
        Some(found) if found != known => Err(conflict("repository_id", known, found)),
        _ => Ok(payload),
    }
}

fn release(payload: &Map<String, Value>, run: &Run<'_>, tree: &mut Parameters) -> Result<(), GenerateError> {
    for &Field { name, is_good } in RELEASE {
        let field = format!("release.{name}");
        let value = payload.get("release").and_then(|release| release.get(name));
        let expected = "the event payload (GITHUB_EVENT_PATH)".to_owned();
        let value = value.ok_or_else(|| GenerateError::PlatformFactMissing { field: field.clone(), expected })?;
        if !is_good(value) {
            return Err(invalid(
                &field,
                "what GitHub writes there: a number, a truth value, one line",
                json::kind(value),
            ));
        }
        // The event of a release runs at its tag.
        if let ("tag_name", Some(tag)) = (name, value.as_str())
            && run.git_ref.value != format!("refs/tags/{tag}")
        {
            return Err(conflict("ref", run.git_ref.value.clone(), format!("refs/tags/{tag}")));
        }
        tree.insert(["release", name], Fact::word(value.clone(), Source::EventPayload));
    }
    Ok(())
}

/// An object of texts, which may be absent. Truth values and numbers are written as the workflow's expressions show them.
fn texts(field: &str, value: Option<&Value>) -> Result<BTreeMap<String, String>, GenerateError> {
    let object = match value {
        None | Some(Value::Null) => return Ok(BTreeMap::new()),
        Some(Value::Object(object)) => object,
        Some(other) => return Err(invalid(field, "a JSON object of texts", json::kind(other))),
    };
    let mut texts = BTreeMap::new();
    for (name, value) in object {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Null => String::new(),
            other => return Err(invalid(field, "a JSON object of texts", json::kind(other))),
        };
        texts.insert(name.clone(), text);
    }
    check_parameters(&texts)?;
    Ok(texts)
}

fn is_line(value: &Value) -> bool {
    let line = |text: &str| !text.is_empty() && text.len() <= MAX_TEXT && !text.chars().any(char::is_control);
    value.as_str().is_some_and(line)
}

/// The payload's own text is not repeated: it may hold anything.
fn invalid(field: &str, expected: &str, found: &str) -> GenerateError {
    let (field, expected, found) = (field.to_owned(), expected.to_owned(), found.to_owned());
    GenerateError::PlatformFactInvalid { field, expected, found }
}

fn conflict(claim: &'static str, claimed: String, found: String) -> GenerateError {
    let (field, variable) = (claim.to_owned(), "GITHUB_EVENT_PATH");
    GenerateError::PlatformClaimConflict { field, claim, claimed, variable, found }
}
