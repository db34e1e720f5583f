//! Provenance that the npm command line writes on GitHub: made in the user's own job, so every word is checked.

use serde_json::Value;

use crate::builders::Backing;
use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::predicate;
use crate::formats::digest::Algorithm;
use crate::formats::provenance::Provenance;
use crate::formats::provenance::v1::ProvenanceV1;
use crate::formats::provenance::v02::ProvenanceV02;
use crate::verify::VerifiedAttestation;

/// The builder id that the npm command line writes, with `/github-hosted` or `/self-hosted` behind it since v1.
pub const RUNNER: &str = "https://github.com/actions/runner";

/// Build types of its v0.2 predicates.
const V02_BUILD_TYPES: &[&str] = &["https://github.com/npm/cli/gha@v1", "https://github.com/npm/cli/gha/v2"];

/// Variables that the certificate can confirm; any other would be the job's own word.
const VARIABLES: &[&str] = &[
    "GITHUB_EVENT_NAME",
    "GITHUB_REF",
    "GITHUB_REPOSITORY",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_REPOSITORY_OWNER_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_RUN_ID",
    "GITHUB_SHA",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_WORKFLOW_SHA",
];

/// What v1 may say about the run, for the same reason.
const INTERNAL: &[&str] = &["event_name", "repository_id", "repository_owner_id", "runner_environment"];

/// Whether the npm command line writes a build type.
pub(super) fn is_build_type(build_type: &str) -> bool {
    V02_BUILD_TYPES.contains(&build_type) || build_type == predicate::COMMUNITY_BUILD_TYPE
}

/// Nothing in the predicate is a claim that the certificate could not confirm, and it is about one package and one
/// source (slsa-verifier, "non-verifiable claims").
///
/// # Errors
/// `claim-unverifiable`.
pub(super) fn check(attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<(), BuilderError> {
    match provenance {
        Provenance::V02(predicate) => v02(predicate)?,
        Provenance::V1(predicate) => v1(predicate)?,
        Provenance::V01(_) => return Err(unverifiable("predicate", "SLSA provenance v0.2 or v1")),
    }
    match attestation.statement().subjects.as_slice() {
        [one] if one.digest.get(Algorithm::Sha512).is_some() => Ok(()),
        _ => Err(unverifiable("subject", "exactly one, with a sha512 digest")),
    }
}

fn unverifiable(field: &str, expected: &'static str) -> BuilderError {
    BuilderError::Unverifiable { field: field.to_owned(), expected }
}

/// Nothing, in any of the ways to write it.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null) => true,
        Some(Value::Object(map)) => map.is_empty(),
        Some(Value::Array(list)) => list.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(_) => false,
    }
}

fn v02(predicate: &ProvenanceV02) -> Result<(), BuilderError> {
    let nothing = |field, value| {
        if is_nothing(value) { Ok(()) } else { Err(unverifiable(field, "nothing")) }
    };
    nothing("buildConfig", predicate.build_config.as_ref())?;
    if predicate.materials.len() != 1 {
        return Err(unverifiable("materials", "exactly one"));
    }
    if let Some(invocation) = &predicate.invocation {
        nothing("invocation.parameters", invocation.parameters.as_ref())?;
        let variables = invocation.environment.as_ref().and_then(Value::as_object);
        let foreign = variables.into_iter().flatten().find(|(name, _)| !VARIABLES.contains(&name.as_str()));
        if let Some((name, _)) = foreign {
            return Err(unverifiable(&format!("invocation.environment.{name}"), "only what the certificate confirms"));
        }
    }
    let Some(metadata) = &predicate.metadata else { return Ok(()) };
    if metadata.build_started_on.is_some() || metadata.build_finished_on.is_some() {
        return Err(unverifiable("metadata.buildStartedOn", "no times"));
    }
    if metadata.reproducible == Some(true) {
        return Err(unverifiable("metadata.reproducible", "nothing or false"));
    }
    let complete = metadata.completeness.as_ref();
    let claims = complete.map(|one| [one.parameters, one.environment, one.materials]).unwrap_or_default();
    if claims.contains(&Some(true)) {
        return Err(unverifiable("metadata.completeness", "nothing or false"));
    }
    Ok(())
}

fn v1(predicate: &ProvenanceV1) -> Result<(), BuilderError> {
    let definition = &predicate.build_definition;
    if definition.resolved_dependencies.len() != 1 {
        return Err(unverifiable("resolvedDependencies", "exactly one"));
    }
    let internal = &definition.internal_parameters;
    let github = internal.get("github").and_then(Value::as_object);
    let outside = internal.keys().find(|key| key.as_str() != "github");
    let inside = github.into_iter().flat_map(|github| github.keys()).find(|key| !INTERNAL.contains(&key.as_str()));
    if let Some(key) = outside.or(inside) {
        return Err(unverifiable(&format!("internalParameters: {key}"), "only what the certificate confirms"));
    }
    let metadata = predicate.run_details.metadata.as_ref();
    if metadata.is_some_and(|metadata| metadata.started_on.is_some() || metadata.finished_on.is_some()) {
        return Err(unverifiable("metadata.startedOn", "no times"));
    }
    Ok(())
}

/// The predicate calls the builder GitHub's runner; the certificate must say that it ran on that kind of runner.
///
/// # Errors
/// `predicate-certificate-mismatch`.
pub(super) fn name_builder(facts: Facts, runner: Option<&str>) -> Result<Facts, BuilderError> {
    let Some(named) = &facts.predicate_builder_id else { return Ok(facts) };
    let whole = runner.map(|runner| format!("{RUNNER}/{runner}"));
    if named.value != RUNNER && Some(&named.value) != whole.as_ref() {
        return Err(BuilderError::Disagreement {
            field: "builder.id",
            certificate: whole.unwrap_or_else(|| RUNNER.to_owned()),
            predicate: named.value.clone(),
        });
    }
    let backing = if runner.is_some() { Backing::CertificateAndPredicate } else { Backing::Predicate };
    let named = Fact { value: named.value.clone(), backing };
    Ok(Facts { predicate_builder_id: Some(named), ..facts })
}
