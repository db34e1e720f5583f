//! SLSA provenance v1, field by field as <https://slsa.dev/spec/v1.2/build-provenance> names them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::provenance::Required;
use crate::formats::provenance::ResourceDescriptor;
use crate::formats::provenance::null_as_empty;

/// The predicate type of SLSA provenance v1.x.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v1";

/// What Build L1 requires (SLSA v1, "Provenance: fields marked REQUIRED for SLSA Build L1").
pub(crate) const REQUIRED: &[(&str, Required)] = &[
    ("/buildDefinition/buildType", Required::Text),
    ("/buildDefinition/externalParameters", Required::Object),
    ("/runDetails/builder/id", Required::Text),
];

/// The predicate: what was to be done, and the particular run that did it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProvenanceV1 {
    /// All the inputs of the build.
    pub build_definition: BuildDefinition,
    /// This one execution of the build.
    pub run_details: RunDetails,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// All the inputs of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct BuildDefinition {
    /// URI that says how the build was done and how to read the parameters.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub build_type: String,
    /// What the tenant controls. Untrusted; a consumer must recognise every key.
    pub external_parameters: Map<String, Value>,
    /// What the builder controls.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Map<String, Value>>"))]
    pub internal_parameters: Map<String, Value>,
    /// Artifacts that the build took in, in no order, as completely as the builder can say.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<ResourceDescriptor>>"))]
    pub resolved_dependencies: Vec<ResourceDescriptor>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One execution of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RunDetails {
    /// Who executed it.
    pub builder: Builder,
    /// When, and which run it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Artifacts that came out beside the subjects, such as logs.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<ResourceDescriptor>>"))]
    pub byproducts: Vec<ResourceDescriptor>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The build platform.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    /// URI of the transitive closure of everything trusted to run the build and to record this provenance.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub id: String,
    /// Artifacts of the build platform itself.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<ResourceDescriptor>>"))]
    pub builder_dependencies: Vec<ResourceDescriptor>,
    /// Versions of the platform's components, by name.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, String>>"))]
    pub version: BTreeMap<String, String>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Facts about the run that do not matter to its result.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Which run it was. Some GitLab runners write `invocationID`.
    #[serde(alias = "invocationID", skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// When the build began, as written; RFC 3339 in UTC by the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_on: Option<String>,
    /// When the build ended, as written; RFC 3339 in UTC by the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<String>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
