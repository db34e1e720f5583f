//! The manifests that hold what is attached to an image, as text.

use jiff::Timestamp;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::oci::Descriptor;
use crate::formats::oci::MANIFESTS;
use crate::formats::oci::MAX_DESCRIPTORS;

/// Media type of a configuration that says nothing (OCI image spec, "Guidance for an Empty Descriptor").
pub const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
/// What such a configuration holds.
pub const EMPTY_CONFIG_CONTENT: &[u8] = b"{}";
/// The digest of that.
pub const EMPTY_CONFIG_DIGEST: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
/// Media type of an image's configuration.
pub const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Longest bundle, in bytes (64 KiB), that the manifest carries in its layer's `data` too. Reading it costs one request
/// then, not two. Attestations of provenance have 5 to 30 KiB; a longer one would only make the manifest slow to list.
pub const MAX_EMBEDDED: usize = 64 * 1024;

/// Annotation of a manifest: when it was made.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Annotation of a manifest: what the bundle in it signs. Nobody signed the annotation.
pub const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";
/// Annotation of a manifest: the predicate type of the attestation in it. Nobody signed the annotation.
pub const BUNDLE_PREDICATE_TYPE: &str = "dev.sigstore.bundle.predicateType";

/// What a bundle signs, as its manifest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleContent {
    /// An attestation in an envelope.
    Envelope,
    /// A plain signature over an artifact.
    Message,
}

impl BundleContent {
    /// The text of the annotation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Envelope => "dsse-envelope",
            Self::Message => "message-signature",
        }
    }
}

/// What the manifest around a bundle says about it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The predicate type of the attestation; None leaves the annotation out.
    pub predicate_type: Option<&'a str>,
    /// What the bundle signs.
    pub content: BundleContent,
    /// When it is attached; written to the second.
    pub created: Timestamp,
}

/// The manifest that attaches a bundle to a subject: the one layer is the bundle, the artifact's type and the layer's are
/// the layer's media type, the configuration is empty (the convention "bundle on OCI" of Sigstore, as cosign 3 writes it).
///
/// The configuration's descriptor repeats the artifact type, as cosign's does, whose `clean` looks for it there.
pub fn bundle_manifest(subject: &Descriptor, layer: &Descriptor, about: &About<'_>) -> Vec<u8> {
    let mut config = Map::new();
    config.insert("mediaType".to_owned(), EMPTY_CONFIG.into());
    config.insert("size".to_owned(), EMPTY_CONFIG_CONTENT.len().into());
    config.insert("digest".to_owned(), EMPTY_CONFIG_DIGEST.into());
    config.insert("artifactType".to_owned(), layer.media_type.as_str().into());
    let mut annotations = Map::new();
    annotations.insert(CREATED.to_owned(), about.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into());
    annotations.insert(BUNDLE_CONTENT.to_owned(), about.content.name().into());
    if let Some(predicate_type) = about.predicate_type {
        annotations.insert(BUNDLE_PREDICATE_TYPE.to_owned(), predicate_type.into());
    }
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFESTS.first(),
        "artifactType": layer.media_type,
        "config": config,
        "layers": [descriptor(layer)],
        "subject": descriptor(subject),
        "annotations": annotations,
    });
    manifest.to_string().into_bytes()
}

/// The configuration of an image that has these layers, none of them compressed, and is for no machine: what cosign puts
/// beside attestations that stand under a tag.
pub fn layers_config(layers: &[Digest]) -> Vec<u8> {
    const NEVER: &str = "0001-01-01T00:00:00Z";
    let ids: Vec<Value> = layers.iter().map(|digest| digest.to_string().into()).collect();
    let history: Vec<Value> = layers.iter().map(|_| json!({ "created": NEVER })).collect();
    let config = json!({
        "architecture": "",
        "created": NEVER,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": ids },
        "config": {},
    });
    config.to_string().into_bytes()
}

/// A manifest with one more layer and another configuration. Everything else that stands in `before` stays as it is, in
/// its order, known or not; None starts a manifest.
///
/// # Errors
/// `json-*` of `before`; `too-many` where it has [`MAX_DESCRIPTORS`] layers.
pub fn with_layer(before: Option<&[u8]>, layer: &Descriptor, config: &Descriptor) -> Result<Vec<u8>, FormatError> {
    let new = || {
        let media_type = MANIFESTS.first();
        Ok(json!({ "schemaVersion": 2, "mediaType": media_type, "config": {}, "layers": [] }))
    };
    let mut manifest = before.map_or_else(new, json::parse)?;
    if manifest.get("config").is_none() {
        return Err(FormatError::Missing { path: "/config".to_owned() });
    }
    match manifest.get_mut("layers") {
        Some(Value::Array(layers)) if layers.len() >= MAX_DESCRIPTORS => {
            let (what, found) = ("/layers".to_owned(), layers.len() + 1);
            return Err(FormatError::TooMany { what, limit: MAX_DESCRIPTORS, found });
        }
        Some(Value::Array(layers)) => layers.push(descriptor(layer)),
        Some(other) => return Err(json::wrong("/layers", "an array", other)),
        None => return Err(FormatError::Missing { path: "/layers".to_owned() }),
    }
    manifest["config"] = descriptor(config);
    Ok(manifest.to_string().into_bytes())
}

/// A descriptor as JSON, in the order in which tools in Go write it; what is absent or empty is left out. A platform is
/// not written: nothing attached has one.
fn descriptor(item: &Descriptor) -> Value {
    let mut value = json!({ "mediaType": item.media_type, "size": item.size, "digest": item.digest.to_string() });
    if let Some(data) = &item.data {
        value["data"] = base64::encode(data).into();
    }
    if !item.annotations.is_empty() {
        value["annotations"] = item.annotations.iter().map(|(name, text)| (name.clone(), text.clone())).collect();
    }
    if let Some(artifact_type) = &item.artifact_type {
        value["artifactType"] = artifact_type.as_str().into();
    }
    value
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::formats::oci;
    use crate::formats::oci::Document;

    const LAYER: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

    fn item(media_type: &str, byte: &str) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: oci::digest(&format!("sha256:{}", byte.repeat(32))).unwrap(),
            size: 7,
            artifact_type: None,
            platform: None,
            data: None,
            annotations: BTreeMap::new(),
        }
    }

    #[test]
    fn the_manifest_field_by_field() {
        let created: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let predicate_type = Some("https://slsa.dev/provenance/v1");
        let about = About { predicate_type, content: BundleContent::Envelope, created };
        let layer = Descriptor { data: Some(b"bundle!".to_vec()), ..item(LAYER, "aa") };
        let text = bundle_manifest(&item("application/vnd.oci.image.index.v1+json", "bb"), &layer, &about);
        let expected = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": LAYER,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "size": 2,
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "artifactType": LAYER,
            },
            "layers": [{
                "mediaType": LAYER, "size": 7, "digest": format!("sha256:{}", "aa".repeat(32)), "data": "YnVuZGxlIQ==",
            }],
            "subject": {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "size": 7,
                "digest": format!("sha256:{}", "bb".repeat(32)),
            },
            "annotations": {
                "org.opencontainers.image.created": "2026-01-02T03:04:05Z",
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1",
            },
        });
        assert_eq!(String::from_utf8(text).unwrap(), expected.to_string());
        let about = About { predicate_type: None, content: BundleContent::Message, created };
        let text = bundle_manifest(&item("m", "bb"), &item(LAYER, "aa"), &about);
        let read = Document::parse(&text).unwrap();
        assert_eq!(read.annotations.get(BUNDLE_CONTENT).unwrap(), "message-signature");
        assert_eq!((read.annotations.len(), read.items[0].data.is_none()), (2, true));
    }

    #[test]
    fn a_layer_is_added_and_the_rest_stays() {
        let config = item(IMAGE_CONFIG, "cc");
        let first = with_layer(None, &item("l", "aa"), &config).unwrap();
        let before = String::from_utf8(first).unwrap().replacen('{', r#"{"unknown":[1],"#, 1);
        let layer = Descriptor { annotations: BTreeMap::from([("k".into(), "v".into())]), ..item("l", "dd") };
        let after = with_layer(Some(before.as_bytes()), &layer, &item(IMAGE_CONFIG, "ee")).unwrap();
        let value = json::parse(&after).unwrap();
        assert_eq!((&value["unknown"], &value["schemaVersion"]), (&json!([1]), &json!(2)));
        let read = Document::parse(&after).unwrap();
        assert_eq!((read.items.len(), read.items[1].annotation("k")), (2, "v"));
        assert_eq!(read.config.unwrap().digest.hex(), "ee".repeat(32));
        let code = |text: &str| with_layer(Some(text.as_bytes()), &layer, &config).unwrap_err().code();
        assert_eq!(code(r#"{"config":{},"manifests":[]}"#), "json-field-missing");
        assert_eq!(code(r#"{"layers":[]}"#), "json-field-missing");
        assert_eq!(code(r#"{"config":{},"layers":{}}"#), "json-wrong-type");
        let full = vec!["{}"; MAX_DESCRIPTORS].join(",");
        assert_eq!(code(&format!(r#"{{"config":{{}},"layers":[{full}]}}"#)), "too-many");
    }

    #[test]
    fn a_config_lists_each_layer() {
        let config = layers_config(&[item("l", "aa").digest, item("l", "bb").digest]);
        let value = json::parse(&config).unwrap();
        assert_eq!(value["rootfs"]["diff_ids"][1], format!("sha256:{}", "bb".repeat(32)));
        assert_eq!(value["history"].as_array().unwrap().len(), 2);
    }
}
