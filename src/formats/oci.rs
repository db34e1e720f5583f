//! OCI manifests, indexes and descriptors, as far as finding attestations needs them.

pub mod platform;
pub mod referrer;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// Longest manifest or index that is read, in bytes (4 MiB, the limit that registries have).
pub const MAX_MANIFEST: usize = 4 * 1024 * 1024;
/// Most descriptors in one manifest or index; cosign refuses more layers than this.
pub const MAX_DESCRIPTORS: usize = 1000;
/// Most annotations on one descriptor or manifest.
pub const MAX_ANNOTATIONS: usize = 128;

/// An image index (OCI image spec, `image-index.md`).
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media types of indexes; the second is Docker's.
pub const INDEXES: &[&str] = &[INDEX, "application/vnd.docker.distribution.manifest.list.v2+json"];
/// Media types of manifests; the second is Docker's.
pub const MANIFESTS: &[&str] =
    &["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// What the media type of a Sigstore bundle starts with, as an artifact's and a layer's type.
pub const BUNDLE_PREFIX: &str = "application/vnd.dev.sigstore.bundle";
/// Annotation that names a descriptor of a layout: a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What one document says about another: type, digest and size (OCI image spec, `descriptor.md`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// Media type of what is described.
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length, in bytes.
    pub size: u64,
    /// What kind of artifact it is, where the writer said so.
    pub artifact_type: Option<String>,
    /// The platform of an image in an index: `os/architecture[/variant]`.
    pub platform: Option<String>,
    /// The content itself, where the descriptor carries it. It is not held against the digest yet.
    pub data: Option<Vec<u8>>,
    /// Free text by name.
    pub annotations: BTreeMap<String, String>,
}

/// A manifest or an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Which of the two.
    pub kind: Kind,
    /// What kind of artifact it is: `artifactType`, else the media type of `config`.
    pub artifact_type: Option<String>,
    /// The configuration of a manifest; None in an index, and where it is no descriptor that could be fetched.
    pub config: Option<Descriptor>,
    /// The document that this one is about.
    pub subject: Option<Descriptor>,
    /// Layers of a manifest, manifests of an index.
    pub items: Vec<Descriptor>,
    /// Free text by name.
    pub annotations: BTreeMap<String, String>,
}

/// Manifest or index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has layers.
    Manifest,
    /// It has manifests.
    Index,
}

impl Descriptor {
    /// Takes a descriptor out of parsed JSON. Fields that are not listed here decide nothing.
    ///
    /// # Errors
    /// `json-*`, `too-many`; a digest that is no SHA-256 is `json-wrong-type`.
    pub fn from_json(value: Value, path: &str) -> Result<Self, FormatError> {
        let mut fields = Fields::new(value, path)?;
        let at = fields.at("digest");
        let text = fields.need_string("digest")?;
        Ok(Self {
            media_type: fields.need_string("mediaType")?,
            digest: digest(&text).ok_or(FormatError::WrongType {
                path: at,
                expected: "a SHA-256 digest in lower-case hexadecimal",
                found: "something else",
            })?,
            size: fields.need_integer("size")?,
            artifact_type: fields.string("artifactType")?,
            platform: platform(&mut fields)?,
            data: fields.bytes("data")?,
            annotations: annotations(&mut fields)?,
        })
    }

    /// The text of an annotation; empty when absent.
    pub fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).map_or("", String::as_str)
    }
}

/// A SHA-256 digest in the one spelling that OCI permits. The other algorithm that the specification registers, SHA-512, is
/// in no use.
pub fn digest(text: &str) -> Option<Digest> {
    Digest::from_hex(Algorithm::Sha256, text.strip_prefix("sha256:")?).ok()
}

impl Document {
    /// Reads a manifest or an index. Whether it is one is decided by what it holds, never by its media type alone: a text
    /// that holds layers and manifests is refused, since two readers could see two things (CVE-2021-41190).
    ///
    /// # Errors
    /// `json-*`, `input-too-large`, `too-many`, `bundle-ambiguous` with both lists, `bundle-incomplete` with neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(FormatError::TooLarge { what: "manifest", limit: MAX_MANIFEST, found: bytes.len() });
        }
        let mut top = Fields::new(json::parse(bytes)?, "")?;
        let media_type = top.string("mediaType")?;
        let (layers, manifests) = (top.take("layers"), top.take("manifests"));
        let (first, second) = ("layers", "manifests");
        let (kind, name, list) = match (layers, manifests) {
            (Some(_), Some(_)) => return Err(FormatError::Ambiguous { path: String::new(), first, second }),
            (None, None) => {
                return Err(FormatError::NoChoice { path: String::new(), expected: "layers, manifests" });
            }
            (Some(list), None) => (Kind::Manifest, first, list),
            (None, Some(list)) => (Kind::Index, second, list),
        };
        let other = match kind {
            Kind::Manifest => INDEXES,
            Kind::Index => MANIFESTS,
        };
        if media_type.is_some_and(|text| other.contains(&text.as_str())) {
            return Err(FormatError::Ambiguous { path: "/mediaType".to_owned(), first, second });
        }
        let at = top.at("config");
        let config = top.take("config");
        let described = config.clone().and_then(|value| Descriptor::from_json(value, &at).ok());
        let config = config.map(|value| Fields::new(value, &at)?.string("mediaType")).transpose()?.flatten();
        let subject = top.take("subject").map(|value| Descriptor::from_json(value, "/subject")).transpose()?;
        let path = top.at(name);
        let items = match list {
            Value::Array(items) if items.len() > MAX_DESCRIPTORS => {
                return Err(FormatError::TooMany { what: path, limit: MAX_DESCRIPTORS, found: items.len() });
            }
            Value::Array(items) => items,
            other => return Err(json::wrong(&path, "an array", &other)),
        };
        let items =
            items.into_iter().enumerate().map(|(n, value)| Descriptor::from_json(value, &format!("{path}/{n}")));
        Ok(Self {
            kind,
            artifact_type: top.string("artifactType")?.or(config),
            config: described,
            subject,
            items: items.collect::<Result<_, _>>()?,
            annotations: annotations(&mut top)?,
        })
    }
}

/// `os/architecture[/variant]`, as tools that pick a platform write it.
fn platform(fields: &mut Fields) -> Result<Option<String>, FormatError> {
    let Some(mut platform) = fields.object("platform")? else { return Ok(None) };
    let parts = ["os", "architecture", "variant"].map(|name| platform.string(name));
    let mut text = String::new();
    for part in parts {
        if let Some(part) = part?.filter(|part| !part.is_empty()) {
            if !text.is_empty() {
                text.push('/');
            }
            text.push_str(&part);
        }
    }
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn annotations(fields: &mut Fields) -> Result<BTreeMap<String, String>, FormatError> {
    let path = fields.at("annotations");
    let Some(read) = fields.object("annotations")? else { return Ok(BTreeMap::new()) };
    let read = read.rest();
    if read.len() > MAX_ANNOTATIONS {
        return Err(FormatError::TooMany { what: path, limit: MAX_ANNOTATIONS, found: read.len() });
    }
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        other => Err(json::wrong(&format!("{path}/{name}"), "a string", &other)),
    };
    read.into_iter().map(text).collect()
}

/// The tag under which cosign keeps the attestations of an image: `sha256-<hex>.att`.
pub fn attestation_tag(image: &Digest) -> String {
    format!("{}.att", fallback_tag(image))
}

/// The tag under which referrers of an image are listed where a registry cannot (OCI distribution spec, "Referrers Tag
/// Schema"): `sha256-<hex>`.
pub fn fallback_tag(image: &Digest) -> String {
    format!("{}-{}", image.algorithm(), image.hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "f472ca4b68898c951ac3b476cba919d0d56fca4ced631fabcead51e4b2b690e7";

    fn item() -> String {
        format!(r#"{{"mediaType":"m","digest":"sha256:{HEX}","size":3,"annotations":{{"a":"b"}},"platform":{{}}}}"#)
    }

    fn code(text: &str) -> &'static str {
        Document::parse(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn manifests_and_indexes_are_told_apart_by_what_they_hold() {
        let item = item();
        let manifest = Document::parse(
            format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"c"}},"layers":[{item}],"subject":{item}}}"#)
                .as_bytes(),
        )
        .unwrap();
        assert_eq!((manifest.kind, manifest.artifact_type.as_deref()), (Kind::Manifest, Some("c")));
        assert_eq!(manifest.items[0].annotation("a"), "b");
        assert_eq!(manifest.subject.unwrap().digest.hex(), HEX);
        let index = format!(r#"{{"mediaType":"{INDEX}","manifests":[{item}],"artifactType":"t"}}"#);
        let index = Document::parse(index.as_bytes()).unwrap();
        assert_eq!((index.kind, index.artifact_type.as_deref(), index.items[0].size), (Kind::Index, Some("t"), 3));
    }

    #[test]
    fn refusals_are_named() {
        let item = item();
        assert_eq!(code(&format!(r#"{{"layers":[{item}],"manifests":[{item}]}}"#)), "bundle-ambiguous");
        assert_eq!(code(&format!(r#"{{"mediaType":"{INDEX}","layers":[{item}]}}"#)), "bundle-ambiguous");
        assert_eq!(code(&format!(r#"{{"mediaType":"{}","manifests":[]}}"#, MANIFESTS[0])), "bundle-ambiguous");
        assert_eq!(code("{}"), "bundle-incomplete");
        assert_eq!(code(r#"{"layers":{}}"#), "json-wrong-type");
        for bad in ["md5:00", "sha256:00", &format!("sha256:{}", HEX.to_uppercase()), HEX, "sha256:../../etc"] {
            let item = format!(r#"{{"mediaType":"m","digest":"{bad}","size":3}}"#);
            assert_eq!(code(&format!(r#"{{"layers":[{item}]}}"#)), "json-wrong-type", "{bad}");
        }
        assert_eq!(code(&format!(r#"{{"layers":[{}]}}"#, item.replace("\"b\"", "1"))), "json-wrong-type");
        assert_eq!(code(&format!(r#"{{"layers":[{}]}}"#, item.replace("\"size\":3,", ""))), "json-field-missing");
        assert_eq!(code(&format!(r#"{{"layers":[{}]}}"#, item.replace(":3", ":-3"))), "json-integer-invalid");
        let many = vec![item; MAX_DESCRIPTORS + 1].join(",");
        assert_eq!(code(&format!(r#"{{"layers":[{many}]}}"#)), "too-many");
    }

    #[test]
    fn tags_hold_the_whole_digest() {
        let image = digest(&format!("sha256:{HEX}")).unwrap();
        assert_eq!(fallback_tag(&image), format!("sha256-{HEX}"));
        assert_eq!(attestation_tag(&image), format!("sha256-{HEX}.att"));
    }
}
