//! What was attached to images, and what was not.

use serde::Serialize;

use crate::report::Tool;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/attached-v1.json";

/// What was attached to each image, in the order in which it was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttachReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// Whether everything was attached.
    pub complete: bool,
    /// One for each thing that was to be attached.
    pub results: Vec<AttachResult>,
}

/// One thing that was to be attached to one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttachResult {
    /// The image: its place and its digest.
    pub image: String,
    /// Its digest.
    pub digest: String,
    /// The digest of the manifest that holds what was attached; absent when it was not attached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attached: Option<String>,
    /// How it is attached: `referrer` or `legacy-tag`.
    pub form: &'static str,
    /// The type of the predicate; absent for a plain signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// Who signed; absent where nobody verified it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<AttachSigner>,
}

/// Who signed what was attached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum AttachSigner {
    /// The holder of a key.
    Key {
        /// The key's fingerprint.
        fingerprint: String,
    },
    /// Whom a certificate names.
    Certificate {
        /// The subject alternative name.
        identity: String,
        /// Who said so; absent where the certificate does not tell.
        #[serde(skip_serializing_if = "Option::is_none")]
        issuer: Option<String>,
    },
}

impl AttachReport {
    /// A report on these.
    pub fn new(results: Vec<AttachResult>) -> Self {
        let complete = results.iter().all(|one| one.attached.is_some());
        Self { schema: SCHEMA, tool: Tool::THIS, complete, results }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_attached_makes_it_incomplete() {
        let one = AttachResult {
            image: "ghcr.io/acme/app@sha256:00".to_owned(),
            digest: "sha256:00".to_owned(),
            attached: Some("sha256:01".to_owned()),
            form: "referrer",
            predicate_type: None,
            signer: Some(AttachSigner::Key { fingerprint: "f".to_owned() }),
        };
        let report = AttachReport::new(vec![one.clone()]);
        assert!(report.complete);
        let value = serde_json::to_value(&report).unwrap();
        assert_eq!(value["results"][0]["signer"], serde_json::json!({"kind": "key", "fingerprint": "f"}));
        assert!(!AttachReport::new(vec![one.clone(), AttachResult { attached: None, ..one }]).complete);
    }
}
