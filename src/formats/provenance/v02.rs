//! SLSA provenance v0.2, field by field as <https://slsa.dev/spec/v0.2/provenance> names them.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::DigestSet;
use crate::formats::provenance::Required;
use crate::formats::provenance::null_as_empty;

/// The predicate type of SLSA provenance v0.2.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/provenance/v0.2";

/// The two fields that v0.2 requires.
pub(crate) const REQUIRED: &[(&str, Required)] = &[("/builder/id", Required::Text), ("/buildType", Required::Text)];

/// The predicate: who built, from what, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ProvenanceV02 {
    /// Who executed the build.
    pub builder: Builder,
    /// URI that says how the build was done and how to read the rest.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub build_type: String,
    /// What started the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<Invocation>,
    /// The steps, in a shape that `build_type` defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_config: Option<Value>,
    /// When, which run, and how complete the record is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Metadata>,
    /// Artifacts that the build took in.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<Material>>"))]
    pub materials: Vec<Material>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Who executed the build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Builder {
    /// URI of the builder.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub id: String,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What started the build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Invocation {
    /// Where the instructions of the build came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_source: Option<ConfigSource>,
    /// What the tenant could set, in a shape that the build type defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// What the builder set, in a shape that the build type defines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Value>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Where the instructions of a build came from.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ConfigSource {
    /// Of what, with its version: `git+https://host/owner/repo@refs/heads/main`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests of what `uri` named at the time; git commits stand under `sha1` here.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "DigestSet::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<DigestSet>"))]
    pub digest: DigestSet,
    /// Which file or target within the source was run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_point: Option<String>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Facts about the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Which run it was. Builders on in-toto-golang and BuildKit write `buildInvocationID`.
    #[serde(alias = "buildInvocationID", skip_serializing_if = "Option::is_none")]
    pub build_invocation_id: Option<String>,
    /// When the build began, as written; RFC 3339 in UTC by the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_started_on: Option<String>,
    /// When the build ended, as written; RFC 3339 in UTC by the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_finished_on: Option<String>,
    /// What the builder claims to have recorded completely.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
    /// Whether running it again is claimed to give the same bytes; `None` where the builder says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproducible: Option<bool>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a builder claims to have recorded completely; `None` where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Completeness {
    /// `invocation.parameters`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<bool>,
    /// `invocation.environment`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<bool>,
    /// `materials`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub materials: Option<bool>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// An artifact that the build took in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Material {
    /// Where it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests; git commits stand under `sha1` here.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "DigestSet::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<DigestSet>"))]
    pub digest: DigestSet,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}
