//! SLSA provenance of the versions in use, read into one enum.
//!
//! Reading is tolerant where the specification tells consumers to be: unset, `null` and empty mean the same, unknown
//! fields are kept, timestamps stay text. It is strict about what SLSA Build L1 requires: a predicate that does not say
//! who built, how, and (v1) from which parameters is no provenance.

pub mod v01;
pub mod v02;
pub mod v1;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::DigestSet;
use crate::formats::provenance::v01::ProvenanceV01;
use crate::formats::provenance::v1::ProvenanceV1;
use crate::formats::provenance::v02::ProvenanceV02;
use crate::formats::statement::Statement;

/// A reference to some artifact (in-toto attestation spec v1, "ResourceDescriptor").
///
/// The specification asks for at least one of `uri`, `digest` and `content`; real builders also write empty ones.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ResourceDescriptor {
    /// Tells this descriptor from the others of its list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where the artifact is, or what identifies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Digests of its content; any one that is accepted identifies it.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "DigestSet::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<DigestSet>"))]
    pub digest: DigestSet,
    /// The content itself, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Where the bytes can be had, if that is not `uri`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// Media type of the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Anything else the producer wanted to say.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Map<String, Value>>"))]
    pub annotations: Map<String, Value>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Reads `null` as the empty value: SLSA v1, "unset, null and empty are equivalent".
pub(crate) fn null_as_empty<'de, D, T>(input: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::<T>::deserialize(input).map(Option::unwrap_or_default)
}

/// Provenance of a version that is understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Provenance {
    /// `https://slsa.dev/provenance/v0.1`
    V01(ProvenanceV01),
    /// `https://slsa.dev/provenance/v0.2`
    V02(ProvenanceV02),
    /// `https://slsa.dev/provenance/v1`
    V1(ProvenanceV1),
}

/// Why a predicate is no provenance of the type it claims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceError {
    /// A field has another shape than the predicate type gives it.
    #[error("the predicate is not of type {predicate_type}: {detail}")]
    PredicateInvalid {
        /// The type it was read as.
        predicate_type: &'static str,
        /// What the JSON reader says.
        detail: String,
    },
    /// A field that SLSA Build L1 requires is absent, null or empty.
    #[error("a predicate of type {predicate_type} must have a value at {pointer}, found none")]
    FieldMissing {
        /// The type it was read as.
        predicate_type: &'static str,
        /// JSON pointer (RFC 6901) below the predicate.
        pointer: &'static str,
    },
}

impl ProvenanceError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PredicateInvalid { .. } => "predicate-invalid",
            Self::FieldMissing { .. } => "predicate-field-missing",
        }
    }
}

impl Provenance {
    /// Reads a predicate, or gives `None` when `predicate_type` is not a provenance type we know.
    ///
    /// # Errors
    /// Every [`ProvenanceError`].
    pub fn from_predicate(predicate_type: &str, predicate: &Value) -> Option<Result<Self, ProvenanceError>> {
        match predicate_type {
            v01::PREDICATE_TYPE => Some(read(v01::PREDICATE_TYPE, v01::REQUIRED, predicate).map(Self::V01)),
            v02::PREDICATE_TYPE => Some(read(v02::PREDICATE_TYPE, v02::REQUIRED, predicate).map(Self::V02)),
            v1::PREDICATE_TYPE => Some(read(v1::PREDICATE_TYPE, v1::REQUIRED, predicate).map(Self::V1)),
            _ => None,
        }
    }

    /// Reads the predicate of a Statement, or gives `None` when it is of no provenance type we know.
    ///
    /// # Errors
    /// Every [`ProvenanceError`]; `predicate-invalid` also where the predicate is not held.
    pub fn of(statement: &Statement) -> Option<Result<Self, ProvenanceError>> {
        let predicate_type = [v01::PREDICATE_TYPE, v02::PREDICATE_TYPE, v1::PREDICATE_TYPE]
            .into_iter()
            .find(|known| *known == statement.predicate_type)?;
        match statement.predicate() {
            Ok(predicate) => Self::from_predicate(predicate_type, predicate),
            Err(error) => Some(Err(ProvenanceError::PredicateInvalid { predicate_type, detail: error.to_string() })),
        }
    }

    /// Who says to have built it; never empty when made by [`Provenance::from_predicate`].
    pub fn builder_id(&self) -> &str {
        match self {
            Self::V01(p) => &p.builder.id,
            Self::V02(p) => &p.builder.id,
            Self::V1(p) => &p.run_details.builder.id,
        }
    }

    /// How the parameters are to be read (v0.1 calls it the recipe's type); never empty when made by [`Provenance::from_predicate`].
    pub fn build_type(&self) -> &str {
        match self {
            Self::V01(p) => &p.recipe.kind,
            Self::V02(p) => &p.build_type,
            Self::V1(p) => &p.build_definition.build_type,
        }
    }

    /// Which run of the builder it was, in the builder's own words.
    pub fn invocation_id(&self) -> Option<&str> {
        let id = match self {
            Self::V01(p) => p.metadata.as_ref().and_then(|m| m.build_invocation_id.as_deref()),
            Self::V02(p) => p.metadata.as_ref().and_then(|m| m.build_invocation_id.as_deref()),
            Self::V1(p) => p.run_details.metadata.as_ref().and_then(|m| m.invocation_id.as_deref()),
        };
        id.filter(|text| !text.is_empty())
    }
}

/// What a required field must hold.
#[derive(Clone, Copy)]
pub(crate) enum Required {
    /// A text that is not empty.
    Text,
    /// An object, which may be empty: a build type may have no parameters.
    Object,
}

fn read<T: for<'de> Deserialize<'de>>(
    predicate_type: &'static str,
    required: &[(&'static str, Required)],
    predicate: &Value,
) -> Result<T, ProvenanceError> {
    for &(pointer, kind) in required {
        let missing = match (kind, predicate.pointer(pointer)) {
            (_, None | Some(Value::Null)) => true,
            (Required::Text, Some(value)) => value.as_str() == Some(""),
            (Required::Object, Some(_)) => false,
        };
        if missing {
            return Err(ProvenanceError::FieldMissing { predicate_type, pointer });
        }
    }
    T::deserialize(predicate)
        .map_err(|error| ProvenanceError::PredicateInvalid { predicate_type, detail: error.to_string() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn v1_minimal() -> Value {
        json!({
            "buildDefinition": {"buildType": "https://example.com/build/v1", "externalParameters": {}},
            "runDetails": {"builder": {"id": "https://example.com/builder"}},
        })
    }

    fn v02_minimal() -> Value {
        json!({"builder": {"id": "https://example.com/builder"}, "buildType": "https://example.com/build@v1"})
    }

    fn code(predicate_type: &str, predicate: &Value) -> &'static str {
        Provenance::from_predicate(predicate_type, predicate).unwrap().map_or_else(|e| e.code(), |_| "ok")
    }

    #[test]
    fn only_known_types_are_read() {
        for name in [
            "https://slsa.dev/provenance/v1.0",
            "https://slsa.dev/provenance/v0.0",
            "https://slsa.dev/provenance/V1",
            "",
        ] {
            assert!(Provenance::from_predicate(name, &v1_minimal()).is_none(), "{name}");
        }
        let v1 = Provenance::from_predicate(v1::PREDICATE_TYPE, &v1_minimal()).unwrap().unwrap();
        assert_eq!(v1.builder_id(), "https://example.com/builder");
        assert_eq!(v1.build_type(), "https://example.com/build/v1");
        assert_eq!(v1.invocation_id(), None);
        let v02 = Provenance::from_predicate(v02::PREDICATE_TYPE, &v02_minimal()).unwrap().unwrap();
        assert_eq!(v02.builder_id(), "https://example.com/builder");
        assert_eq!(v02.build_type(), "https://example.com/build@v1");
    }

    #[test]
    fn a_missing_required_field_is_named() {
        for (pointer, _) in v1::REQUIRED {
            for damage in [None, Some(Value::Null)] {
                assert_eq!(damaged(v1::PREDICATE_TYPE, v1_minimal(), pointer, damage), *pointer);
            }
        }
        for (pointer, _) in v02::REQUIRED {
            for damage in [None, Some(Value::Null), Some(json!(""))] {
                assert_eq!(damaged(v02::PREDICATE_TYPE, v02_minimal(), pointer, damage), *pointer);
            }
        }
        let empty = Some(json!(""));
        assert_eq!(
            damaged(v1::PREDICATE_TYPE, v1_minimal(), "/runDetails/builder/id", empty),
            "/runDetails/builder/id"
        );
    }

    fn damaged(predicate_type: &str, mut predicate: Value, pointer: &str, value: Option<Value>) -> &'static str {
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let object = predicate.pointer_mut(parent).unwrap().as_object_mut().unwrap();
        match value {
            Some(value) => object.insert(key.to_owned(), value),
            None => object.remove(key),
        };
        match Provenance::from_predicate(predicate_type, &predicate).unwrap() {
            Err(ProvenanceError::FieldMissing { pointer, .. }) => pointer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_field_of_the_wrong_shape_is_refused() {
        let mut predicate = v1_minimal();
        predicate["buildDefinition"]["externalParameters"] = json!([]);
        assert_eq!(code(v1::PREDICATE_TYPE, &predicate), "predicate-invalid");
        let mut predicate = v1_minimal();
        predicate["runDetails"]["builder"]["id"] = json!(7);
        assert_eq!(code(v1::PREDICATE_TYPE, &predicate), "predicate-invalid");
        for whole in [json!(null), json!([]), json!("x"), json!({})] {
            assert_eq!(code(v1::PREDICATE_TYPE, &whole), "predicate-field-missing");
            assert_eq!(code(v02::PREDICATE_TYPE, &whole), "predicate-field-missing");
        }
    }

    #[test]
    fn null_reads_as_unset() {
        let mut predicate = v1_minimal();
        predicate["buildDefinition"]["internalParameters"] = Value::Null;
        predicate["buildDefinition"]["resolvedDependencies"] = Value::Null;
        predicate["runDetails"]["metadata"] = Value::Null;
        predicate["runDetails"]["byproducts"] = Value::Null;
        predicate["runDetails"]["builder"]["version"] = Value::Null;
        let read = |p: &Value| Provenance::from_predicate(v1::PREDICATE_TYPE, p).unwrap().unwrap();
        assert_eq!(read(&predicate), read(&v1_minimal()));
        let descriptor: ResourceDescriptor =
            serde_json::from_value(json!({"uri": null, "digest": null, "annotations": null})).unwrap();
        assert_eq!(descriptor, ResourceDescriptor::default());
    }

    #[test]
    fn the_two_spellings_of_an_invocation_id_are_read_but_not_both() {
        for name in ["buildInvocationId", "buildInvocationID"] {
            let mut predicate = v02_minimal();
            predicate["metadata"] = json!({name: "run-1"});
            let read = Provenance::from_predicate(v02::PREDICATE_TYPE, &predicate).unwrap().unwrap();
            assert_eq!(read.invocation_id(), Some("run-1"));
        }
        let mut predicate = v02_minimal();
        predicate["metadata"] = json!({"buildInvocationId": "run-1", "buildInvocationID": "run-2"});
        assert_eq!(code(v02::PREDICATE_TYPE, &predicate), "predicate-invalid");
        let mut predicate = v1_minimal();
        predicate["runDetails"]["metadata"] = json!({"invocationID": "job-7"});
        let read = Provenance::from_predicate(v1::PREDICATE_TYPE, &predicate).unwrap().unwrap();
        assert_eq!(read.invocation_id(), Some("job-7"));
    }

    #[test]
    fn unknown_fields_survive_a_round_trip() {
        let mut predicate = v1_minimal();
        predicate["vendor_top"] = json!({"a": [1]});
        predicate["buildDefinition"]["vendor_x"] = json!(1);
        predicate["buildDefinition"]["resolvedDependencies"] =
            json!([{"uri": "git+https://h/r", "vendor_y": true}, {}]);
        predicate["runDetails"]["metadata"] = json!({"buildkit_hermetic": false});
        let Provenance::V1(read) = Provenance::from_predicate(v1::PREDICATE_TYPE, &predicate).unwrap().unwrap() else {
            panic!("not v1")
        };
        assert_eq!(serde_json::to_value(&read).unwrap(), predicate);
    }
}
