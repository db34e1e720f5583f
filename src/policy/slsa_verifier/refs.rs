//! The branch and the tag of a build, as slsa-verifier finds them in predicates.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::builders::environment::GithubEnvironment;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::version;

/// What a build is of: each is a full ref or empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refs {
    pub(super) branch: String,
    pub(super) tag: String,
}

/// By the kind of ref that the environment names.
///
/// # Errors
/// `ErrorInvalidDssePayload` for a kind that is neither branch nor tag.
pub(super) fn of_environment(environment: GithubEnvironment<'_>) -> Result<Refs, Refusal> {
    let full_ref = environment.text("REF").unwrap_or_default().to_owned();
    match environment.text("REF_TYPE") {
        Some("branch") => Ok(Refs { branch: full_ref, tag: String::new() }),
        Some("tag") => Ok(Refs { branch: environment.branch_of_tag().unwrap_or_default(), tag: full_ref }),
        found => {
            let message = format!("expected a ref type of branch or tag, found {:?}", found.unwrap_or_default());
            Err(Refusal::new("ErrorInvalidDssePayload", "predicate-invalid", message))
        }
    }
}

/// By a full ref; a tag's branch is what the environment says.
///
/// # Errors
/// `ErrorInvalidDssePayload` when there is no ref.
pub(super) fn of_ref(full_ref: &str, environment: Option<GithubEnvironment<'_>>) -> Result<Refs, Refusal> {
    if full_ref.is_empty() {
        let message = "expected a source with a ref, found none";
        return Err(Refusal::new("ErrorInvalidDssePayload", "predicate-field-missing", message));
    }
    if full_ref.starts_with("refs/tags/") {
        let branch = environment.and_then(|environment| environment.branch_of_tag()).unwrap_or_default();
        return Ok(Refs { branch, tag: full_ref.to_owned() });
    }
    if full_ref.starts_with("refs/heads/") {
        return Ok(Refs { branch: full_ref.to_owned(), tag: String::new() });
    }
    let message = format!("expected refs/heads/… or refs/tags/…, found {full_ref:?}");
    Err(Refusal::new("ErrorInvalidDssePayload", "predicate-invalid", message))
}

/// Branch, tag and versioned tag are the expected ones.
///
/// # Errors
/// `ErrorInvalidRef` when there is none of that kind, `ErrorMismatchBranch`, `ErrorMismatchTag`, `ErrorInvalidSemver`,
/// `ErrorMismatchVersionedTag`.
pub(super) fn check(expected: &Expectations, refs: &Refs) -> Result<(), Refusal> {
    let code = "source-ref-mismatch";
    if let Some(branch) = &expected.branch {
        let found = name(&refs.branch, "heads", branch)?;
        if found != branch {
            return Err(Refusal::differs("ErrorMismatchBranch", code, branch, found));
        }
    }
    if let Some(tag) = &expected.tag {
        let found = name(&refs.tag, "tags", tag)?;
        if found != tag {
            return Err(Refusal::differs("ErrorMismatchTag", code, tag, found));
        }
    }
    match &expected.versioned_tag {
        Some(versioned) => version::check(versioned, name(&refs.tag, "tags", versioned)?),
        None => Ok(()),
    }
}

/// The name of a ref of a kind.
fn name<'a>(full_ref: &'a str, kind: &str, expected: &str) -> Result<&'a str, Refusal> {
    let name = full_ref.strip_prefix("refs/").and_then(|rest| rest.strip_prefix(kind)?.strip_prefix('/'));
    name.filter(|name| !name.is_empty()).ok_or_else(|| {
        let found = if full_ref.is_empty() { "none" } else { full_ref };
        let message = format!("expected refs/{kind}/{expected}, found {found}");
        Refusal::new("ErrorInvalidRef", "source-ref-mismatch", message)
    })
}

/// The workflow was dispatched by hand with these inputs.
///
/// # Errors
/// `ErrorMismatchWorkflowInputs`.
pub(super) fn inputs(
    expected: &BTreeMap<String, String>,
    environment: Option<GithubEnvironment<'_>>,
) -> Result<(), Refusal> {
    let refused = |message: String| Refusal::new("ErrorMismatchWorkflowInputs", "input-mismatch", message);
    if expected.is_empty() {
        return Ok(());
    }
    let found = environment.and_then(|environment| environment.inputs());
    let found = found.ok_or_else(|| refused("expected a dispatch with inputs, found none".to_owned()))?;
    for (key, value) in expected {
        match found.get(key) {
            Some(Value::String(found)) if found == value => {}
            Some(other) => return Err(refused(format!("{key}: expected {value:?}, found {other}"))),
            None => return Err(refused(format!("{key}: expected {value:?}, found nothing"))),
        }
    }
    Ok(())
}
