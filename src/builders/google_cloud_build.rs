//! Google Cloud Build: its own keys sign, and its word is the platform's.

use serde_json::Value;

use crate::builders::Backing;
use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::facts;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::trust::rings::Ring;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// The builder, without the version that v0.1 predicates put behind `@`.
pub const HOSTED_WORKER: &str = "https://cloudbuild.googleapis.com/GoogleHostedWorker";
/// The build type of its v1 predicates.
pub const V1_BUILD_TYPE: &str = "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1";
/// The key that signs them, and nothing else.
const V1_KEY: &str =
    "projects/verified-builder/locations/global/keyRings/attestor/cryptoKeys/google-hosted-worker/cryptoKeyVersions/1";
/// Recipe types of builders v0.3, which v0.1 predicates hold, without their version.
const V03_RECIPES: &[&str] =
    &["https://cloudbuild.googleapis.com/CloudBuildYaml@", "https://cloudbuild.googleapis.com/CloudBuildSteps@"];
/// The type of the recipe's arguments.
pub const ARGUMENTS_TYPE: &str = "type.googleapis.com/google.devtools.cloudbuild.v1.Build";

pub(super) struct GoogleCloudBuild;

impl Builder for GoogleCloudBuild {
    fn id(&self) -> &'static str {
        "google-cloud-build"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        matches!(identity, Identity::Key { ring: Ring::GoogleCloudBuild, .. })
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        written_by(provenance)?;
        signed_by(attestation.identity(), provenance)?;
        let facts = facts::from_predicate(provenance, &predicate::read(provenance))?;
        let Some(tag) = tag(provenance)? else { return Ok(facts) };
        let full = format!("refs/tags/{tag}");
        // The service may write the name that started the build as a branch.
        let as_branch = format!("refs/heads/{tag}");
        let source_ref = match facts.source_ref {
            Some(found) if found.value != full && found.value != as_branch => {
                let (first, second) = (found.value, format!("{full} (TAG_NAME)"));
                return Err(BuilderError::Inconsistent { field: "source ref", first, second });
            }
            _ => Fact { value: full, backing: Backing::Predicate },
        };
        Ok(Facts { source_ref: Some(source_ref), source_branch: None, ..facts })
    }
}

/// The predicate is of a builder version and recipe that the service has.
///
/// # Errors
/// `builder-id-foreign`, `build-type-foreign`.
fn written_by(provenance: &Provenance) -> Result<(), BuilderError> {
    let id = provenance.builder_id();
    let found = provenance.build_type().to_owned();
    let expected = match provenance {
        Provenance::V01(predicate) => {
            let arguments =
                predicate.recipe.arguments.as_ref().and_then(|all| all.get("@type")).and_then(Value::as_str);
            if arguments != Some(ARGUMENTS_TYPE) {
                let found = arguments.unwrap_or("nothing").to_owned();
                return Err(BuilderError::BuildType { expected: ARGUMENTS_TYPE.to_owned(), found });
            }
            match id.strip_prefix(HOSTED_WORKER) {
                Some("@v0.2") if found == id => return Ok(()),
                Some("@v0.2") => id.to_owned(),
                Some("@v0.3") if V03_RECIPES.iter().any(|recipe| found.starts_with(recipe)) => return Ok(()),
                Some("@v0.3") => V03_RECIPES.join(" or "),
                _ => return Err(BuilderError::BuilderId { expected: HOSTED_WORKER, found: id.to_owned() }),
            }
        }
        Provenance::V1(_) if id != HOSTED_WORKER => {
            return Err(BuilderError::BuilderId { expected: HOSTED_WORKER, found: id.to_owned() });
        }
        Provenance::V1(_) if found == V1_BUILD_TYPE => return Ok(()),
        Provenance::V1(_) | Provenance::V02(_) => V1_BUILD_TYPE.to_owned(),
    };
    Err(BuilderError::BuildType { expected, found })
}

/// The key of v1 predicates signs no other, and no other key signs them.
///
/// # Errors
/// `build-type-foreign`.
fn signed_by(identity: &Identity, provenance: &Provenance) -> Result<(), BuilderError> {
    let Identity::Key { keyid, .. } = identity else { return Ok(()) };
    let key_of_v1 = keyid.as_deref() == Some(V1_KEY);
    if key_of_v1 == matches!(provenance, Provenance::V1(_)) {
        return Ok(());
    }
    let expected = if key_of_v1 { "a v1 predicate, as this key signs" } else { "a v0.1 predicate, as this key signs" };
    Err(BuilderError::BuildType { expected: expected.to_owned(), found: provenance.build_type().to_owned() })
}

/// The tag that started the build: `TAG_NAME` among the substitutions that the service itself sets.
///
/// # Errors
/// `predicate-inconsistent` when it is no text.
pub fn tag(provenance: &Provenance) -> Result<Option<&str>, BuilderError> {
    let substitutions = match provenance {
        Provenance::V01(predicate) => predicate.recipe.arguments.as_ref().and_then(|all| all.get("substitutions")),
        Provenance::V1(predicate) => predicate.build_definition.internal_parameters.get("systemSubstitutions"),
        Provenance::V02(_) => None,
    };
    match substitutions.and_then(|all| all.get("TAG_NAME")) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(tag)) => Ok(Some(tag).filter(|tag| !tag.is_empty()).map(String::as_str)),
        Some(other) => Err(BuilderError::Inconsistent {
            field: "source ref",
            first: "a text".to_owned(),
            second: format!("{other} (TAG_NAME)"),
        }),
    }
}
