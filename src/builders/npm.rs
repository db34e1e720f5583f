//! Provenance that the npm command line writes on GitHub: made in the user's own job, so every word is checked.

use serde_json::Map;
use serde_json::Value;

use crate::builders::Backing;
use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::github::GithubClaims;
use crate::builders::predicate;
use crate::builders::predicate::Stated;
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

/// What v1 may say about the workflow.
const WORKFLOW: &[&str] = &["path", "ref", "repository"];

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

/// An object holds nothing but texts under known names: only those are compared with the certificate.
fn texts(field: &str, names: &[&str], found: Option<&Value>) -> Result<(), BuilderError> {
    let expected = "only what the certificate confirms, as texts";
    let object = match found {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(object)) => object,
        Some(_) => return Err(unverifiable(field, expected)),
    };
    let text = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    match object.iter().find(|(name, value)| !names.contains(&name.as_str()) || !text(value)) {
        Some((name, _)) => Err(unverifiable(&format!("{field}.{name}"), expected)),
        None => Ok(()),
    }
}

/// A part of the predicate has no field that the specification does not know.
fn unknown(part: &str, extra: &Map<String, Value>) -> Result<(), BuilderError> {
    match extra.keys().next() {
        Some(name) => Err(unverifiable(&format!("{part}.{name}"), "only what the specification knows")),
        None => Ok(()),
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
        texts("invocation.environment", VARIABLES, invocation.environment.as_ref())?;
        let environment = invocation.environment.as_ref();
        let says = |name: &str| environment.is_some_and(|environment| environment.get(name).is_some());
        // The certificate names a run by both numbers.
        if says("GITHUB_RUN_ID") != says("GITHUB_RUN_ATTEMPT") {
            return Err(unverifiable("invocation.environment.GITHUB_RUN_ID", "the run with its attempt"));
        }
        unknown("invocation", &invocation.extra)?;
        unknown(
            "invocation.configSource",
            &invocation.config_source.iter().flat_map(|one| one.extra.clone()).collect(),
        )?;
    }
    unknown("predicate", &predicate.extra)?;
    unknown("builder", &predicate.builder.extra)?;
    unknown("materials", &predicate.materials.iter().flat_map(|one| one.extra.clone()).collect())?;
    let Some(metadata) = &predicate.metadata else { return Ok(()) };
    unknown("metadata", &metadata.extra)?;
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
    if let Some(key) = internal.keys().find(|key| key.as_str() != "github") {
        return Err(unverifiable(&format!("internalParameters.{key}"), "only what the certificate confirms"));
    }
    texts("internalParameters.github", INTERNAL, internal.get("github"))?;
    let external = &definition.external_parameters;
    if let Some(key) = external.keys().find(|key| key.as_str() != "workflow") {
        return Err(unverifiable(&format!("externalParameters.{key}"), "only what the certificate confirms"));
    }
    texts("externalParameters.workflow", WORKFLOW, external.get("workflow"))?;
    let run = &predicate.run_details;
    let builder = &run.builder;
    if !run.byproducts.is_empty() || !builder.builder_dependencies.is_empty() || !builder.version.is_empty() {
        return Err(unverifiable("runDetails", "no byproducts, no parts of the builder"));
    }
    for (field, extra) in [("predicate", &predicate.extra), ("buildDefinition", &definition.extra)] {
        unknown(field, extra)?;
    }
    for (field, extra) in [("runDetails", &run.extra), ("builder", &builder.extra)] {
        unknown(field, extra)?;
    }
    let metadata = run.metadata.as_ref();
    unknown("metadata", &metadata.iter().flat_map(|one| one.extra.clone()).collect())?;
    if metadata.is_some_and(|metadata| metadata.started_on.is_some() || metadata.finished_on.is_some()) {
        return Err(unverifiable("metadata.startedOn", "no times"));
    }
    Ok(())
}

/// Everything that the predicate says about the run is also in the certificate, so that it was compared.
///
/// # Errors
/// `claim-unverifiable`.
pub(super) fn confirmed(facts: Facts, claims: &GithubClaims, stated: &Stated) -> Result<Facts, BuilderError> {
    for (field, said, claim) in [
        ("source repository", &stated.uris, &claims.repository),
        ("source commit", &stated.commits, &claims.commit),
        ("source ref", &stated.refs, &claims.git_ref),
        ("trigger", &stated.triggers, &claims.trigger),
        ("runner", &stated.runners, &claims.runner),
        ("workflow", &stated.configs, &claims.config),
        ("workflow commit", &stated.config_commits, &claims.config_commit),
        ("workflow path", &stated.workflow_paths, &claims.workflow_path),
        ("repository id", &stated.repository_ids, &claims.repository_id),
        ("owner id", &stated.owner_ids, &claims.owner_id),
        ("run", &stated.runs, &claims.run),
    ] {
        if !said.is_empty() && claim.is_none() {
            return Err(unverifiable(field, "a certificate that says it too"));
        }
    }
    Ok(facts)
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
