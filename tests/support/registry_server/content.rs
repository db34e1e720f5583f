//! What a registry holds: manifests, tags, blobs and unfinished uploads; and images to begin with.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use sha2::Sha512;

/// Media type of an image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of an image's configuration.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of the configuration of what is no image.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// Media type of a layer.
pub const LAYER: &str = "application/vnd.oci.image.layer.v1.tar";

/// `sha256:…` of bytes.
pub fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// Whether a digest, by either algorithm that registries know, is that of bytes.
pub fn is_digest_of(found: &str, bytes: &[u8]) -> bool {
    found == digest(bytes) || found == format!("sha512:{}", hex::encode(Sha512::digest(bytes)))
}

/// A manifest or an index.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// One repository.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    /// In the order in which they came.
    pub manifests: Vec<Stored>,
    /// Digests by tags.
    pub tags: BTreeMap<String, String>,
    /// Bytes by digests.
    pub blobs: BTreeMap<String, Vec<u8>>,
    /// Bytes so far by names of uploads.
    pub uploads: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// What a tag or a digest names.
    pub fn find(&self, reference: &str) -> Option<&Stored> {
        let digest = self.tags.get(reference).map_or(reference, String::as_str);
        self.manifests.iter().find(|stored| stored.digest == digest)
    }

    /// Stores a manifest under its digest, and a tag where one is given.
    pub fn put(&mut self, tag: Option<&str>, digest: &str, media_type: &str, bytes: &[u8]) {
        if self.find(digest).is_none() {
            let (digest, media_type) = (digest.to_owned(), media_type.to_owned());
            self.manifests.push(Stored { digest, media_type, bytes: bytes.to_vec() });
        }
        if let Some(tag) = tag {
            self.tags.insert(tag.to_owned(), digest.to_owned());
        }
    }

    /// Stores a blob.
    pub fn put_blob(&mut self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.blobs.insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// The first thing that a manifest needs and that is not there.
    pub fn lacks(&self, manifest: &Value) -> Option<String> {
        let entry = |item: &Value| item["digest"].as_str().map(str::to_owned);
        let list = |name: &str| manifest[name].as_array().cloned().unwrap_or_default();
        let blobs = list("layers").into_iter().chain(manifest.get("config").cloned());
        let no_blob = blobs.filter_map(|item| entry(&item)).find(|digest| !self.blobs.contains_key(digest));
        no_blob.or_else(|| {
            list("manifests")
                .iter()
                .filter_map(entry)
                .find(|digest| !self.manifests.iter().any(|m| m.digest == *digest))
        })
    }

    /// Descriptors of what refers to a digest; to any, where `any` says so.
    pub fn referrers(&self, subject: &str, any: bool) -> Vec<Value> {
        let descriptor = |stored: &Stored| {
            let manifest: Value = serde_json::from_slice(&stored.bytes).ok()?;
            let found = manifest["subject"]["digest"].as_str()?;
            if found != subject && !any {
                return None;
            }
            let mut item = json!({"mediaType": stored.media_type, "digest": stored.digest, "size": stored.bytes.len()});
            let kind = manifest["artifactType"].as_str().or(manifest["config"]["mediaType"].as_str());
            if let Some(kind) = kind {
                item["artifactType"] = json!(kind);
            }
            if let Some(annotations) = manifest.get("annotations") {
                item["annotations"] = annotations.clone();
            }
            Some(item)
        };
        self.manifests.iter().filter_map(descriptor).collect()
    }

    /// An image of one layer with one file of this content.
    pub fn image(&mut self, tag: Option<&str>, architecture: &str, content: &str) -> (String, usize) {
        let layer = tar("content", content.as_bytes());
        let layer_digest = self.put_blob(&layer);
        let config = json!({"architecture": architecture, "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]}})
        .to_string();
        let config_digest = self.put_blob(config.as_bytes());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": config_digest, "size": config.len()},
            "layers": [{"mediaType": LAYER, "digest": layer_digest, "size": layer.len()}]})
        .to_string();
        let digest = digest(manifest.as_bytes());
        self.put(tag, &digest, MANIFEST, manifest.as_bytes());
        (digest, manifest.len())
    }

    /// An index of two images, for linux/amd64 and linux/arm64.
    pub fn index(&mut self, tag: &str, content: &str) -> (String, Vec<String>) {
        let images = ["amd64", "arm64"].map(|name| (name, self.image(None, name, &format!("{content} {name}"))));
        let entry = |(name, (digest, size)): &(&str, (String, usize))| {
            json!({"mediaType": MANIFEST, "digest": digest, "size": size,
                "platform": {"architecture": name, "os": "linux"}})
        };
        let entries: Vec<Value> = images.iter().map(entry).collect();
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).to_string();
        let digest = digest(index.as_bytes());
        self.put(Some(tag), &digest, INDEX, index.as_bytes());
        (digest, images.into_iter().map(|(_, (digest, _))| digest).collect())
    }

    /// A manifest of one layer that refers to what a digest names. What it names need not be there.
    pub fn referrer(&mut self, subject: &str, artifact_type: &str, layer: &[u8]) -> String {
        let layer_digest = self.put_blob(layer);
        let config_digest = self.put_blob(b"{}");
        let (media_type, size) = self.find(subject).map_or((MANIFEST, 7), |s| (s.media_type.as_str(), s.bytes.len()));
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
            "config": {"mediaType": EMPTY, "digest": config_digest, "size": 2},
            "layers": [{"mediaType": artifact_type, "digest": layer_digest, "size": layer.len()}],
            "subject": {"mediaType": media_type, "digest": subject, "size": size}})
        .to_string();
        let digest = digest(manifest.as_bytes());
        self.put(None, &digest, MANIFEST, manifest.as_bytes());
        digest
    }
}

/// A tar archive of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut head = [0; 512];
    let mut field = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    field(0, name);
    field(100, "0000644\0");
    field(108, "0000000\0");
    field(116, "0000000\0");
    field(124, &format!("{:011o}\0", content.len()));
    field(136, "00000000000\0");
    field(148, "        0");
    field(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = head.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}
