//! SLSA verification summaries (VSA v1), field by field as <https://slsa.dev/spec/v1.2/verification_summary> names them.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::provenance::ResourceDescriptor;
use crate::formats::provenance::null_as_empty;
use crate::formats::statement::Statement;

/// The predicate type of verification summaries v1.
pub const PREDICATE_TYPE: &str = "https://slsa.dev/verification_summary/v1";

/// The predicate: somebody verified an artifact against a policy, and says how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Vsa {
    /// Who verified.
    pub verifier: VsaVerifier,
    /// When, as written; RFC 3339 in UTC by the specification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_verified: Option<String>,
    /// What the artifact was meant to be; compare it, do not trust it.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub resource_uri: String,
    /// The policy it was judged by; its `uri` is required, its `digest` recommended.
    pub policy: ResourceDescriptor,
    /// The attestations that were used: all of them with a digest each, or none.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<Vec<ResourceDescriptor>>"))]
    pub input_attestations: Vec<ResourceDescriptor>,
    /// How it ended.
    pub verification_result: VerificationResult,
    /// Levels and properties reached: at most one level of each track, or `FAILED`.
    pub verified_levels: Vec<String>,
    /// How many dependencies have each level. `None` claims nothing; empty claims that there are no dependencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dependency_levels: Option<BTreeMap<String, u64>>,
    /// SLSA version that the levels are of, `MAJOR.MINOR`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slsa_version: Option<String>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Who verified.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct VsaVerifier {
    /// URI of the verifier.
    #[cfg_attr(feature = "schema", schemars(length(min = 1)))]
    pub id: String,
    /// Versions of the verifier's components, by name.
    #[serde(default, deserialize_with = "null_as_empty", skip_serializing_if = "BTreeMap::is_empty")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<BTreeMap<String, String>>"))]
    pub version: BTreeMap<String, String>,
    /// Fields that are not in the specification.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// How a verification ended; any other word is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum VerificationResult {
    /// The artifact satisfied the policy.
    Passed,
    /// It did not.
    Failed,
}

/// Why a predicate is no verification summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VsaError {
    /// A field is absent or has another shape than the specification gives it.
    #[error("the predicate is not of type {PREDICATE_TYPE}: {detail}")]
    PredicateInvalid {
        /// What the JSON reader says.
        detail: String,
    },
    /// A result that the specification does not have.
    #[error("expected verificationResult PASSED or FAILED, found {found:?}")]
    ResultUnknown {
        /// The word found.
        found: String,
    },
    /// A required field is absent, null or empty.
    #[error("a predicate of type {PREDICATE_TYPE} must have a value at {pointer}, found none")]
    FieldMissing {
        /// JSON pointer (RFC 6901) below the predicate.
        pointer: &'static str,
    },
}

impl VsaError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::PredicateInvalid { .. } => "predicate-invalid",
            Self::ResultUnknown { .. } => "vsa-result-unknown",
            Self::FieldMissing { .. } => "predicate-field-missing",
        }
    }
}

impl Vsa {
    /// Reads a predicate, or gives `None` when `predicate_type` is not that of VSA v1.
    ///
    /// # Errors
    /// Every [`VsaError`].
    pub fn from_predicate(predicate_type: &str, predicate: &Value) -> Option<Result<Self, VsaError>> {
        (predicate_type == PREDICATE_TYPE).then(|| Self::read(predicate))
    }

    /// Reads the predicate of a Statement, or gives `None` when it is of another type.
    ///
    /// # Errors
    /// Every [`VsaError`]; `predicate-invalid` also where the predicate is not held.
    pub fn of(statement: &Statement) -> Option<Result<Self, VsaError>> {
        (statement.predicate_type == PREDICATE_TYPE).then(|| match statement.predicate() {
            Ok(predicate) => Self::read(predicate),
            Err(error) => Err(VsaError::PredicateInvalid { detail: error.to_string() }),
        })
    }

    fn read(predicate: &Value) -> Result<Self, VsaError> {
        const REQUIRED: [&str; 5] =
            ["/verifier/id", "/resourceUri", "/policy/uri", "/verificationResult", "/verifiedLevels"];
        // Unset, null and empty are one thing; an empty list of levels is a list.
        let missing =
            |value: Option<&Value>| matches!(value, None | Some(Value::Null)) || value == Some(&Value::from(""));
        if let Some(pointer) = REQUIRED.into_iter().find(|pointer| missing(predicate.pointer(pointer))) {
            return Err(VsaError::FieldMissing { pointer });
        }
        match predicate.get("verificationResult").and_then(Value::as_str) {
            None | Some("PASSED" | "FAILED") => {}
            Some(found) => return Err(VsaError::ResultUnknown { found: found.to_owned() }),
        }
        Self::deserialize(predicate).map_err(|error| VsaError::PredicateInvalid { detail: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn minimal() -> Value {
        json!({
            "verifier": {"id": "https://example.com/verifier"},
            "resourceUri": "git+https://example.com/acme/app",
            "policy": {"uri": "https://example.com/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_3"],
        })
    }

    fn code(predicate: &Value) -> &'static str {
        Vsa::from_predicate(PREDICATE_TYPE, predicate).unwrap().map_or_else(|e| e.code(), |_| "ok")
    }

    #[test]
    fn a_summary_needs_its_required_fields() {
        assert!(Vsa::from_predicate("https://slsa.dev/verification_summary/v0.2", &minimal()).is_none());
        assert_eq!(code(&minimal()), "ok");
        for key in ["verifier", "resourceUri", "policy", "verificationResult", "verifiedLevels"] {
            let mut predicate = minimal();
            predicate.as_object_mut().unwrap().remove(key);
            assert_eq!(code(&predicate), "predicate-field-missing", "{key}");
        }
        for pointer in ["/verifier/id", "/resourceUri", "/policy/uri", "/verificationResult", "/verifiedLevels"] {
            let mut predicate = minimal();
            *predicate.pointer_mut(pointer).unwrap() = json!(7);
            assert_eq!(code(&predicate), "predicate-invalid", "{pointer}");
        }
        for pointer in ["/verifier/id", "/resourceUri", "/policy/uri"] {
            let mut predicate = minimal();
            *predicate.pointer_mut(pointer).unwrap() = json!("");
            assert_eq!(code(&predicate), "predicate-field-missing", "{pointer}");
        }
    }

    #[test]
    fn only_the_two_results_are_read() {
        for (word, expected) in
            [("PASSED", "ok"), ("FAILED", "ok"), ("passed", "vsa-result-unknown"), ("", "predicate-field-missing")]
        {
            let mut predicate = minimal();
            predicate["verificationResult"] = json!(word);
            assert_eq!(code(&predicate), expected, "{word}");
        }
    }

    #[test]
    fn no_claim_about_dependencies_differs_from_no_dependencies() {
        let read = |value: Value| {
            let mut predicate = minimal();
            predicate["dependencyLevels"] = value;
            Vsa::from_predicate(PREDICATE_TYPE, &predicate).unwrap().unwrap().dependency_levels
        };
        assert_eq!(read(Value::Null), None);
        assert_eq!(read(json!({})), Some(BTreeMap::new()));
        assert_eq!(read(json!({"SLSA_BUILD_LEVEL_2": 3})).unwrap().get("SLSA_BUILD_LEVEL_2"), Some(&3));
    }
}
