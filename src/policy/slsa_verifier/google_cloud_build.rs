//! Images that Google Cloud Build built: builder, source, tag.

use serde_json::Value;

use crate::builders::google_cloud_build;
use crate::builders::google_cloud_build::ARGUMENTS_TYPE;
use crate::builders::google_cloud_build::HOSTED_WORKER;
use crate::builders::google_cloud_build::V1_BUILD_TYPE;
use crate::builders::interpret;
use crate::formats::provenance::Provenance;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::builder_id::BuilderId;
use crate::policy::slsa_verifier::builder_id::Versions;
use crate::policy::slsa_verifier::provenance;
use crate::policy::slsa_verifier::version;
use crate::trust::rings::Ring;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Judges provenance that the service signed; gives the builder that is trusted. What stands around it unsigned is
/// compared elsewhere ([`crate::formats::gcloud::consistent`]), between source and refs.
///
/// # Errors
/// [`Refusal`] with the first rule that is not met.
pub fn judge(
    attestation: VerifiedAttestation,
    expected: &Expectations,
    surroundings: impl FnOnce(&VerifiedAttestation) -> Result<(), Refusal>,
) -> Result<String, Refusal> {
    if !matches!(attestation.identity(), Identity::Key { ring: Ring::GoogleCloudBuild, .. }) {
        let message = "expected a signature of Google Cloud Build";
        return Err(Refusal::new("ErrorNoValidSignature", "signer-not-key", message));
    }
    let predicate = provenance(&attestation)?;
    let builder = builder(&predicate, expected)?;
    source(&predicate, expected)?;
    surroundings(&attestation)?;
    if expected.branch.is_some() {
        let message = "expected no --source-branch: Google Cloud Build names no branch";
        return Err(Refusal::new("ErrorNotSupported", "source-ref-mismatch", message));
    }
    tag(&predicate, expected)?;
    interpret(attestation).map_err(|error| Refusal::from(&error))?;
    Ok(builder.to_string())
}

/// The builder is the expected one, at a version whose recipes it writes.
fn builder(predicate: &Provenance, expected: &Expectations) -> Result<BuilderId, Refusal> {
    let builder = BuilderId::parse(predicate.builder_id())?;
    if builder.name() != HOSTED_WORKER {
        let found = builder.to_string();
        return Err(Refusal::differs("ErrorInvalidBuilderID", "builder-id-foreign", HOSTED_WORKER, &found));
    }
    if let Some(wanted) = &expected.builder_id
        && !builder.is(wanted, Versions::AsWritten)
    {
        let (wanted, found) = (wanted.to_string(), builder.to_string());
        return Err(Refusal::differs("ErrorMismatchBuilderID", "builder-id-mismatch", &wanted, &found));
    }
    let predicate = match predicate {
        Provenance::V01(predicate) => predicate,
        Provenance::V1(_) if builder.version().is_some() => {
            let message = format!("expected {HOSTED_WORKER} without a version, found {builder}");
            return Err(Refusal::new("ErrorInvalidBuilderID", "builder-id-foreign", message));
        }
        other if other.build_type() == V1_BUILD_TYPE => return Ok(builder),
        other => {
            let found = other.build_type();
            return Err(Refusal::differs("ErrorInvalidBuildType", "build-type-foreign", V1_BUILD_TYPE, found));
        }
    };
    let recipe = predicate.recipe.kind.as_str();
    let fits = match builder.version() {
        Some("v0.2") => recipe == builder.to_string(),
        Some("v0.3") => {
            let kinds = ["CloudBuildYaml@", "CloudBuildSteps@"];
            let name = recipe.strip_prefix("https://cloudbuild.googleapis.com/").unwrap_or_default();
            kinds.iter().any(|kind| name.starts_with(kind))
        }
        _ => {
            let message = format!("expected version v0.2 or v0.3, found {builder}");
            return Err(Refusal::new("ErrorInvalidBuilderID", "builder-id-foreign", message));
        }
    };
    if !fits {
        let message = format!("expected a recipe of {builder}, found {recipe:?}");
        return Err(Refusal::new("ErrorInvalidRecipe", "build-type-foreign", message));
    }
    let kind = predicate.recipe.arguments.as_ref().and_then(|all| all.get("@type")).and_then(Value::as_str);
    match kind {
        Some(ARGUMENTS_TYPE) => Ok(builder),
        Some(other) => Err(Refusal::differs("ErrorMismatchBuilderID", "build-type-foreign", ARGUMENTS_TYPE, other)),
        None => {
            let message = format!("recipe.arguments: expected {ARGUMENTS_TYPE}, found nothing");
            Err(Refusal::new("ErrorInvalidDssePayload", "build-type-foreign", message))
        }
    }
}

/// The source, as each version of the builder writes it.
fn source(predicate: &Provenance, expected: &Expectations) -> Result<(), Refusal> {
    let mut wanted = expected.source_uri.strip_prefix("git+").unwrap_or(&expected.source_uri).to_owned();
    if !wanted.contains("://") {
        wanted = format!("https://{wanted}");
    }
    let found = match predicate {
        Provenance::V01(predicate) => predicate.materials.first().and_then(|material| material.uri.clone()),
        Provenance::V1(predicate) => {
            let external = &predicate.build_definition.external_parameters;
            let field =
                |name: &str| external.get(name).and_then(|source| source.get("repository")).and_then(Value::as_str);
            field("buildConfigSource").or_else(|| field("sourceToBuild")).map(str::to_owned)
        }
        Provenance::V02(_) => None,
    };
    let found = found.unwrap_or_default();
    let found = found.strip_prefix("git+").unwrap_or(&found);
    let same = match predicate {
        Provenance::V01(p) if p.builder.id.ends_with("@v0.2") => {
            found.starts_with(&format!("{wanted}/commit/")) || found.starts_with(&format!("{wanted}#"))
        }
        Provenance::V01(_) => found == wanted || found.starts_with(&format!("{wanted}#")),
        Provenance::V1(_) | Provenance::V02(_) => found.split('@').next() == Some(wanted.as_str()),
    };
    if same {
        return Ok(());
    }
    Err(Refusal::differs("ErrorMismatchSource", "source-uri-mismatch", &wanted, found))
}

/// Tag and versioned tag are the expected ones.
fn tag(predicate: &Provenance, expected: &Expectations) -> Result<(), Refusal> {
    if expected.tag.is_none() && expected.versioned_tag.is_none() {
        return Ok(());
    }
    let found = google_cloud_build::tag(predicate).map_err(|error| Refusal::from(&error))?.unwrap_or_default();
    if let Some(wanted) = expected.tag.as_deref().filter(|wanted| *wanted != found) {
        return Err(Refusal::differs("ErrorMismatchTag", "source-ref-mismatch", wanted, found));
    }
    match &expected.versioned_tag {
        Some(wanted) if found.is_empty() => {
            Err(Refusal::differs("ErrorMismatchVersionedTag", "source-version-mismatch", wanted, found))
        }
        Some(wanted) => version::check(wanted, found),
        None => Ok(()),
    }
}
