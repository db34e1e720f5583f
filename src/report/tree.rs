//! An image with its platforms and what is attached to them, nothing of it believed, as data.

mod human;

use serde::Serialize;

use crate::formats::oci::Kind;
use crate::report::Finding;
use crate::report::Tool;
use crate::store::oci::claims;
use crate::store::oci::tree;
use crate::store::oci::tree::Tree;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/tree-v1.json";

/// An image and everything below it. Nothing was verified: every word is its author's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TreeReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// Always false.
    pub verified: bool,
    /// The place that the image is in: registry and repository, a layout, an archive.
    pub name: String,
    /// The tag that its digest was resolved from; absent where the digest was given, or the place holds one image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The image.
    pub image: ImageNode,
    /// What was passed over, and why.
    pub notices: Vec<String>,
}

/// An image or an index.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageNode {
    /// `image` or `index`; `unread` for what an index lists and that is not there, is no image, or stands in the tree before.
    pub kind: &'static str,
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Length of its manifest, in bytes.
    pub size: u64,
    /// The platform that the index above gives it: `os/architecture[/variant]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// What is attached to it, by predicate type and digest.
    pub attached: Vec<AttachedNode>,
    /// What an index lists, in its order.
    pub platforms: Vec<Self>,
}

/// A manifest that is attached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct AttachedNode {
    /// By which convention: `referrer`, `fallback-tag`, `layout-referrer`, `legacy-tag`, `cosign-save`.
    pub form: &'static str,
    /// Its digest.
    pub manifest: String,
    /// What kind of artifact it says to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// When an annotation says that it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// What is in it: each of its layers, or the manifest as a whole.
    pub contents: Vec<ContentNode>,
    /// What is attached to it.
    pub attached: Vec<Self>,
}

/// Something in a manifest that is attached.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ContentNode {
    /// `attestation`, `signature`, `sbom` or `other`.
    pub what: &'static str,
    /// Which layer it is, from 0; absent for the manifest as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<usize>,
    /// The layer's media type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Its length, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// What kind of bundle it is; absent when it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// The predicate type in the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// The predicate type that an annotation gives, where the payload gives another or cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotated_predicate_type: Option<String>,
    /// Who says to have signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signer: Option<ClaimedBy>,
    /// What is malformed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finding: Option<Finding>,
}

/// Who says to have signed: a name with an issuer, or a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClaimedBy {
    /// `certificate` or `key`.
    pub kind: &'static str,
    /// The subject alternative name of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The OIDC issuer in the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// A hint at a key that is known elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_hint: Option<String>,
}

impl TreeReport {
    /// A report on what was found below an image of a place.
    pub fn new(name: &str, tag: Option<&str>, found: &Tree) -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            verified: false,
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            image: image(&found.image),
            notices: found.notices.clone(),
        }
    }
}

fn image(node: &tree::ImageNode) -> ImageNode {
    ImageNode {
        kind: match node.kind {
            Some(Kind::Manifest) => "image",
            Some(Kind::Index) => "index",
            None => "unread",
        },
        digest: node.digest.to_string(),
        media_type: node.media_type.clone(),
        size: node.size,
        platform: node.platform.clone(),
        attached: node.attached.iter().map(attached).collect(),
        platforms: node.platforms.iter().map(image).collect(),
    }
}

fn attached(node: &tree::AttachedNode) -> AttachedNode {
    AttachedNode {
        form: node.form.name(),
        manifest: node.manifest.to_string(),
        artifact_type: node.artifact_type.clone(),
        created: node.created.clone(),
        contents: node.contents.iter().map(content).collect(),
        attached: node.attached.iter().map(attached).collect(),
    }
}

fn content(node: &tree::ContentNode) -> ContentNode {
    let claims = &node.claims;
    let annotated = node.annotated_type.as_ref().filter(|annotated| claims.predicate_type.as_ref() != Some(annotated));
    let (media_type, size) = node.item.clone().unzip();
    ContentNode {
        what: claims.what.name(),
        layer: node.layer,
        media_type,
        size,
        format: claims.format,
        predicate_type: claims.predicate_type.clone(),
        annotated_predicate_type: annotated.cloned(),
        signer: claims.signer.as_ref().map(signer),
        finding: claims.error.as_ref().map(Finding::from),
    }
}

fn signer(signer: &claims::ClaimedSigner) -> ClaimedBy {
    match signer {
        claims::ClaimedSigner::Certificate { name, issuer } => {
            ClaimedBy { kind: "certificate", name: Some(name.clone()), issuer: issuer.clone(), key_hint: None }
        }
        claims::ClaimedSigner::Key { hint } => {
            ClaimedBy { kind: "key", name: None, issuer: None, key_hint: hint.clone() }
        }
    }
}
