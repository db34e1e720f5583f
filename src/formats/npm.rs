//! The attestations document of npm's registry: bundles, each under the predicate type that it is labelled with.

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::bundle::Bundle;
use crate::formats::json::Fields;

/// Most attestations in one document; the registry serves two or three.
pub const MAX_ATTESTATIONS: usize = 64;

/// One attestation of the document.
#[derive(Debug)]
pub struct Labelled {
    /// The predicate type that stands beside the bundle. Nobody signed it; what was signed may say another.
    pub predicate_type: String,
    /// The bundle, or why it is none.
    pub bundle: Result<Bundle, FormatError>,
}

/// Whether a JSON value has the shape of such a document.
pub fn looks_like_document(value: &Value) -> bool {
    value.get("attestations").is_some_and(Value::is_array)
}

/// Takes a document apart: `{"attestations": [{"predicateType", "bundle"}, …]}`, as the registry's
/// `/-/npm/v1/attestations/` serves it. The document and its labels are unsigned, so fields beside those two are left
/// alone; each bundle is read as strictly as any. One that cannot be read does not hide the others.
///
/// # Errors
/// `json-wrong-type`, `json-field-missing`, `too-many`, and `input-empty` when there is no attestation.
pub fn from_json(value: Value) -> Result<Vec<Labelled>, FormatError> {
    let mut top = Fields::new(value, "")?;
    let list = top.array("attestations", MAX_ATTESTATIONS)?;
    if list.is_empty() {
        return Err(FormatError::Empty);
    }
    list.into_iter().enumerate().map(|(n, value)| labelled(value, n)).collect()
}

fn labelled(value: Value, index: usize) -> Result<Labelled, FormatError> {
    let mut fields = Fields::new(value, &format!("/attestations/{index}"))?;
    let predicate_type = fields.need_string("predicateType")?;
    let bundle = fields.take("bundle").ok_or_else(|| fields.missing("bundle"))?;
    Ok(Labelled { predicate_type, bundle: Bundle::from_json(bundle) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bundle() -> Value {
        json!({
            "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.2",
            "verificationMaterial": {"publicKey": {"hint": "SHA256:k"}, "tlogEntries": []},
            "dsseEnvelope": {"payloadType": "t", "payload": "AA==", "signatures": [{"sig": "AA==", "keyid": "SHA256:k"}]},
        })
    }

    fn code(value: Value) -> &'static str {
        from_json(value).unwrap_err().code()
    }

    #[test]
    fn each_attestation_keeps_its_label_and_its_own_refusal() {
        let mut bad = bundle();
        bad["mediaType"] = json!("text/plain");
        let labelled = |label: &str, bundle: Value| json!({"predicateType": label, "bundle": bundle, "extra": 1});
        let read = from_json(json!({"attestations": [labelled("a", bad), labelled("b", bundle())], "x": 1})).unwrap();
        let found: Vec<_> = read
            .iter()
            .map(|one| (one.predicate_type.as_str(), one.bundle.as_ref().map_err(|e| e.code()).err()))
            .collect();
        assert_eq!(found, [("a", Some("bundle-media-type")), ("b", None)]);
    }

    #[test]
    fn refusals_are_named() {
        assert_eq!(code(json!({"attestations": []})), "input-empty");
        assert_eq!(code(json!({"attestations": {}})), "json-wrong-type");
        assert_eq!(code(json!({"attestations": ["x"]})), "json-wrong-type");
        assert_eq!(code(json!({"attestations": [{"bundle": {}}]})), "json-field-missing");
        assert_eq!(code(json!({"attestations": [{"predicateType": "a"}]})), "json-field-missing");
        assert_eq!(code(json!({"attestations": vec![json!({}); MAX_ATTESTATIONS + 1]})), "too-many");
    }
}
