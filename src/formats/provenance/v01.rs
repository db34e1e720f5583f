//! SLSA provenance v0.1, field by field as <https://slsa.dev/provenance/v0.1> names them, read only.

use serde::Deserialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::provenance::Required;
use crate::formats::provenance::null_as_empty;
use crate::formats::provenance::v02::Builder;
use crate::formats::provenance::v02::Material;

/// The predicate type of SLSA provenance v0.1. Google Cloud Build still writes it.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v0.1";

/// The two fields that v0.1 requires.
pub(crate) const REQUIRED: &[(&str, Required)] = &[("/builder/id", Required::Text), ("/recipe/type", Required::Text)];

/// The predicate: who built, from what, and how.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProvenanceV01 {
    /// Who executed the build.
    pub builder: Builder,
    /// How the build was done.
    pub recipe: Recipe,
    /// When, which run, and how complete the record is.
    pub metadata: Option<Metadata>,
    /// Artifacts that the build took in.
    #[serde(default, deserialize_with = "null_as_empty")]
    pub materials: Vec<Material>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How the build was done.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Recipe {
    /// URI that says how to read the rest.
    #[serde(rename = "type")]
    pub kind: String,
    /// Which material holds the recipe: an index by the specification, a text from Google Cloud Build.
    pub defined_in_material: Option<Value>,
    /// Where in that material the recipe starts.
    pub entry_point: Option<String>,
    /// What was passed to it, in a shape that `kind` defines.
    pub arguments: Option<Value>,
    /// What it saw of its surroundings, in a shape that `kind` defines.
    pub environment: Option<Value>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Facts about the run.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Which run it was. The specification has no such field; Google Cloud Build writes it.
    #[serde(alias = "buildInvocationID")]
    pub build_invocation_id: Option<String>,
    /// When the build began, as written; RFC 3339 in UTC by the specification.
    pub build_started_on: Option<String>,
    /// When the build ended, as written; RFC 3339 in UTC by the specification.
    pub build_finished_on: Option<String>,
    /// What the builder claims to have recorded completely.
    pub completeness: Option<Completeness>,
    /// Whether running it again is claimed to give the same bytes; `None` where the builder says nothing.
    pub reproducible: Option<bool>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a builder claims to have recorded completely; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Completeness {
    /// `recipe.arguments`
    pub arguments: Option<bool>,
    /// `recipe.environment`
    pub environment: Option<bool>,
    /// `materials`
    pub materials: Option<bool>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::formats::provenance::Provenance;

    use super::*;

    fn read(predicate: &Value) -> Result<Provenance, &'static str> {
        Provenance::from_predicate(PREDICATE_TYPE, predicate).unwrap().map_err(|error| error.code())
    }

    fn minimal() -> Value {
        json!({"builder": {"id": "https://example.com/builder@v1"}, "recipe": {"type": "https://example.com/recipe@v1"}})
    }

    #[test]
    fn a_recipe_is_the_build_type() {
        let mut predicate = minimal();
        predicate["recipe"]["definedInMaterial"] = json!("0");
        predicate["recipe"]["arguments"] = json!({"substitutions": {"TAG_NAME": "v1"}});
        predicate["metadata"] = json!({"buildInvocationId": "run-1"});
        predicate["materials"] = Value::Null;
        let read = read(&predicate).unwrap();
        assert_eq!(read.builder_id(), "https://example.com/builder@v1");
        assert_eq!(read.build_type(), "https://example.com/recipe@v1");
        assert_eq!(read.invocation_id(), Some("run-1"));
        let Provenance::V01(read) = read else { panic!("{read:?}") };
        assert_eq!(read.recipe.arguments, Some(json!({"substitutions": {"TAG_NAME": "v1"}})));
        assert_eq!(read.materials, []);
    }

    #[test]
    fn what_is_required_is_required() {
        assert!(read(&minimal()).is_ok());
        for pointer in ["/builder/id", "/recipe/type"] {
            for value in [Value::Null, json!("")] {
                let mut predicate = minimal();
                *predicate.pointer_mut(pointer).unwrap() = value;
                assert_eq!(read(&predicate), Err("predicate-field-missing"), "{pointer}");
            }
        }
        assert_eq!(read(&json!({"builder": {"id": "x"}, "buildType": "y"})), Err("predicate-field-missing"));
        let mut predicate = minimal();
        predicate["recipe"]["entryPoint"] = json!(7);
        assert_eq!(read(&predicate), Err("predicate-invalid"));
    }
}
