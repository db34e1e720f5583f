//! The text that cosign signed for an image before bundles: "simple signing", read strictly.

use serde_json::Map;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// The one `critical.type` that is read (cosign, `specs/SIGNATURE_SPEC.md`).
pub const TYPE: &str = "cosign container image signature";

/// What such a text says. Nothing of it is believed before its signature is.
#[derive(Debug, Clone, PartialEq)]
pub struct SimpleSigning {
    /// The image as the signer called it. It decides nothing.
    pub docker_reference: String,
    /// The SHA-256 of the image's manifest.
    pub digest: Digest,
    /// What the signer added: members of `optional` that are texts. Others say nothing here.
    pub annotations: Map<String, Value>,
}

/// Reads the text (cosign, `specs/SIGNATURE_SPEC.md`, "simple signing"). Everything outside `optional` is known, and is
/// there once.
///
/// # Errors
/// `json-*`, `simple-signing-type` for any other `critical.type`.
pub fn parse(text: &[u8]) -> Result<SimpleSigning, FormatError> {
    let mut top = Fields::new(json::parse(text)?, "")?;
    let mut critical = top.need_object("critical")?;
    let optional = top.object("optional")?;
    top.finish()?;
    let mut identity = critical.need_object("identity")?;
    let docker_reference = identity.need_string("docker-reference")?;
    identity.finish()?;
    let mut image = critical.need_object("image")?;
    let path = image.at("docker-manifest-digest");
    let digest = image.need_string("docker-manifest-digest")?;
    image.finish()?;
    let found = critical.need_string("type")?;
    critical.finish()?;
    if found != TYPE {
        return Err(FormatError::SimpleSigningType { found });
    }
    let expected = "sha256: and 64 digits of lower-case hexadecimal";
    let digest = digest.strip_prefix("sha256:").and_then(|hex| Digest::from_hex(Algorithm::Sha256, hex).ok());
    let digest = digest.ok_or(FormatError::WrongType { path, expected, found: "another text" })?;
    let members = optional.map(Fields::rest).unwrap_or_default();
    let annotations = members.into_iter().filter(|(_, value)| value.is_string()).collect();
    Ok(SimpleSigning { docker_reference, digest, annotations })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text() -> Value {
        json!({
            "critical": {
                "identity": {"docker-reference": "ghcr.io/acme/app"},
                "image": {"docker-manifest-digest": format!("sha256:{}", "ab".repeat(32))},
                "type": TYPE,
            },
            "optional": {"env": "prod", "n": 1},
        })
    }

    fn code(change: impl Fn(&mut Value)) -> &'static str {
        let mut text = text();
        change(&mut text);
        parse(text.to_string().as_bytes()).map_or_else(|error| error.code(), |_| "")
    }

    #[test]
    fn texts_of_cosign_are_read() {
        let read = parse(text().to_string().as_bytes()).unwrap();
        assert_eq!((read.docker_reference.as_str(), read.digest.hex()), ("ghcr.io/acme/app", "ab".repeat(32)));
        assert_eq!(Value::Object(read.annotations), json!({"env": "prod"}));
        assert_eq!(code(|text| text["optional"] = Value::Null), "");
    }

    #[test]
    fn refusals_are_named() {
        let image = |digest: &str| {
            let digest = json!(digest);
            code(move |text| text["critical"]["image"]["docker-manifest-digest"] = digest.clone())
        };
        assert_eq!(code(|text| text["critical"]["more"] = json!(1)), "json-field-unknown");
        assert_eq!(code(|text| text["critical"]["identity"]["more"] = json!(1)), "json-field-unknown");
        assert_eq!(code(|text| text["critical"]["image"]["more"] = json!(1)), "json-field-unknown");
        assert_eq!(code(|text| text["more"] = json!(1)), "json-field-unknown");
        assert_eq!(code(|text| text["optional"] = json!([])), "json-wrong-type");
        assert_eq!(code(|text| text["critical"]["identity"]["docker-reference"] = json!(1)), "json-wrong-type");
        assert_eq!(code(|text| text["critical"]["identity"] = json!({})), "json-field-missing");
        assert_eq!(code(|text| text["critical"]["type"] = json!("atomic container signature")), "simple-signing-type");
        assert_eq!(image("sha256:ab"), "json-wrong-type");
        assert_eq!(image(&format!("sha256:{}", "AB".repeat(32))), "json-wrong-type");
        assert_eq!(image(&format!("sha512:{}", "ab".repeat(64))), "json-wrong-type");
        let twice = text().to_string().replacen("{", "{\"optional\":null,", 1);
        assert_eq!(parse(twice.as_bytes()).unwrap_err().code(), "json-duplicate-key");
    }
}
