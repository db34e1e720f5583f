//! OCI image layouts on disk: the image in them, and the attestations about it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::formats::FormatError;
use crate::formats::artifact::image::ImageName;
use crate::formats::artifact::image::ImageReference;
use crate::formats::attestations;
use crate::formats::attestations::Candidate;
use crate::formats::attestations::Position;
use crate::formats::bundle::Bundle;
use crate::formats::cosign;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::Kind;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::trust::key::sha256;

/// Most attestations that are read about one image.
pub const MAX_ATTESTATIONS: usize = 1000;
/// Most bytes of attestations that are read about one image (192 MiB).
pub const MAX_BYTES: usize = attestations::MAX_BYTES;
/// Most blobs that are looked at for referrers which no index lists.
pub const MAX_BLOBS: usize = 10_000;
/// Most bytes of JSON blobs that are looked at for the same (256 MiB).
pub const MAX_SCANNED: usize = 256 * 1024 * 1024;

pub(super) const LAYOUT_VERSION: &str = "1.0.0";
/// cosign's annotation of what a descriptor of `index.json` is.
pub(super) const COSIGN_KIND: &str = "kind";
pub(super) const COSIGN_IMAGES: &[&str] = &["dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex"];
/// containerd's annotation of what an image is called, with registry, repository and tag.
pub(super) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// BuildKit's annotation of the entries of an index that are about another entry.
const BUILDKIT_REFERENCE: &str = "vnd.docker.reference.type";
pub(super) const COSIGN_ATTESTATIONS: &str = "dev.cosignproject.cosign/atts";

/// Why a layout cannot be used. Nothing of it is believed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A file of it cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of it is malformed.
    #[error("{file}: {error}")]
    Format {
        /// The file, from the layout's folder.
        file: String,
        /// What is wrong with it.
        error: FormatError,
    },
    /// No layout at all.
    #[error("expected an OCI image layout, a folder with oci-layout and index.json, found {path:?}")]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A layout of another version.
    #[error("oci-layout: expected imageLayoutVersion {LAYOUT_VERSION}, found {found:?}")]
    Version {
        /// The version found.
        found: String,
    },
    /// No image where one is needed.
    #[error("expected an image in the layout, found none")]
    ImageMissing,
    /// Several images where one is needed.
    #[error("expected one image in the layout or a digest that picks one, found {}", found.join(", "))]
    ImageAmbiguous {
        /// Their digests.
        found: Vec<String>,
    },
    /// A tag of several images.
    #[error("expected one manifest under the tag {tag} in the layout, found {}", found.join(", "))]
    TagAmbiguous {
        /// The tag.
        tag: String,
        /// Their digests.
        found: Vec<String>,
    },
    /// An archive that holds images without their manifests, or none.
    #[error(
        "expected an archive with oci-layout and index.json, as docker save (25 and newer) and skopeo write it, found {path:?}"
    )]
    ArchiveWithoutLayout {
        /// The archive.
        path: PathBuf,
    },
    /// A file that is no tar archive, or one that two readers might read differently.
    #[error("{path:?}: expected a plain tar archive of a layout, found {found}")]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What was found.
        found: String,
    },
    /// A blob that is not there.
    #[error("expected a blob {digest} in the layout, found none")]
    BlobMissing {
        /// Its digest.
        digest: String,
    },
    /// A blob that is something else than its name says.
    #[error("blob {digest}: expected content of that digest, found content of {found}")]
    BlobDigest {
        /// The digest that names it.
        digest: String,
        /// The digest of what it holds.
        found: String,
    },
    /// A blob of another length than its descriptor says.
    #[error("blob {digest}: expected {expected} bytes, found {found}")]
    BlobSize {
        /// Its digest.
        digest: String,
        /// Length in the descriptor, in bytes.
        expected: u64,
        /// Length found, in bytes.
        found: u64,
    },
    /// More than is read.
    #[error("expected at most {limit} {what} in the layout, found more")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

impl LayoutError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Store(error) => error.code(),
            Self::Format { error, .. } => error.code(),
            Self::Missing { .. } => "layout-missing",
            Self::Version { .. } => "layout-version",
            Self::ImageMissing => "layout-image-missing",
            Self::ImageAmbiguous { .. } => "layout-image-ambiguous",
            Self::TagAmbiguous { .. } => "layout-tag-ambiguous",
            Self::ArchiveWithoutLayout { .. } => "archive-without-layout",
            Self::Archive { .. } => "archive-invalid",
            Self::BlobMissing { .. } => "layout-blob-missing",
            Self::BlobDigest { .. } => "layout-blob-digest",
            Self::BlobSize { .. } => "layout-blob-size",
            Self::TooLarge { .. } => "layout-too-large",
        }
    }
}

/// An attestation found in a layout.
#[derive(Debug)]
pub struct Stored {
    /// The manifest that holds it.
    pub manifest: Digest,
    /// The attestation, at the position of its layer.
    pub candidate: Candidate,
}

/// An image of a layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredImage {
    /// The digest of its manifest or index.
    pub digest: Digest,
    /// What its annotations call it. A tag alone is no name: tomorrow it is another image's.
    pub name: Option<ImageName>,
    /// The manifests that it lists for platforms; none when it is no index.
    pub platforms: Vec<Digest>,
}

/// An OCI image layout (OCI image spec, `image-layout.md`), as `cosign save`, `skopeo`, `oras` and `buildx` write them.
#[derive(Debug)]
pub struct Layout {
    root: PathBuf,
    index: Document,
}

impl Layout {
    /// Opens a layout: reads `oci-layout` and `index.json`.
    ///
    /// # Errors
    /// `layout-missing`, `layout-version`, `file-*`, `json-*`, `bundle-incomplete`, `too-many`.
    pub fn open(path: &Path) -> Result<Self, LayoutError> {
        let read = |name: &str| match read_capped(&path.join(name), cap(oci::MAX_MANIFEST)) {
            Err(StoreError::NotFound { .. } | StoreError::NotDirectory { .. }) => {
                Err(LayoutError::Missing { path: path.to_owned() })
            }
            other => Ok(other?),
        };
        let malformed = |file: &str, error| LayoutError::Format { file: file.to_owned(), error };
        let marker = json::parse(&read("oci-layout")?).and_then(|value| Fields::new(value, ""));
        let version = marker.and_then(|mut marker| marker.need_string("imageLayoutVersion"));
        match version.map_err(|error| malformed("oci-layout", error))? {
            version if version == LAYOUT_VERSION => {}
            found => return Err(LayoutError::Version { found }),
        }
        let index = Document::parse(&read("index.json")?).map_err(|error| malformed("index.json", error))?;
        if index.kind != Kind::Index {
            let error = FormatError::Missing { path: "/manifests".to_owned() };
            return Err(malformed("index.json", error));
        }
        Ok(Self { root: path.to_owned(), index })
    }

    /// The digest of an image in the layout: the one that is given, once its manifest or index is read and is what its
    /// digest says; or that of the only image that `index.json` lists. Attestations, signatures and referrers are no
    /// images.
    ///
    /// # Errors
    /// `layout-image-missing`, `layout-image-ambiguous`, `layout-blob-*`, `json-*`.
    pub fn resolve(&self, digest: Option<&Digest>) -> Result<Digest, LayoutError> {
        if let Some(digest) = digest {
            let listed = self.index.items.iter().find(|item| item.digest == *digest);
            self.document(digest, listed.map(|item| item.size))?;
            return Ok(digest.clone());
        }
        let mut images = BTreeSet::new();
        for item in &self.index.items {
            if self.is_image(item)? {
                images.insert(&item.digest);
            }
        }
        let mut all = images.iter();
        match (all.next(), all.next()) {
            (Some(only), None) => Ok((*only).clone()),
            (None, _) => Err(LayoutError::ImageMissing),
            _ => Err(LayoutError::ImageAmbiguous { found: images.iter().take(4).map(|d| d.to_string()).collect() }),
        }
    }

    /// The image that [`Layout::resolve`] finds, with its name and the manifests of its platforms. Each manifest is read and
    /// is what its digest says.
    ///
    /// # Errors
    /// As [`Layout::resolve`].
    pub fn image(&self, digest: Option<&Digest>) -> Result<StoredImage, LayoutError> {
        let digest = self.resolve(digest)?;
        let listed = self.index.items.iter().filter(|item| item.digest == digest);
        let name = listed.clone().find_map(|item| {
            let texts = [CONTAINERD_NAME, oci::REF_NAME].map(|key| item.annotation(key));
            let named = texts.into_iter().find(|text| text.contains('/'))?;
            ImageReference::parse(named).ok().map(|image| image.name)
        });
        let document = self.document(&digest, listed.map(|item| item.size).next())?;
        let mut platforms = Vec::new();
        for item in document.items.iter().filter(|_| document.kind == Kind::Index) {
            let manifest = oci::MANIFESTS.contains(&item.media_type.as_str());
            if manifest && item.annotation(BUILDKIT_REFERENCE).is_empty() {
                self.document(&item.digest, Some(item.size))?;
                platforms.push(item.digest.clone());
            }
        }
        Ok(StoredImage { digest, name, platforms })
    }

    fn is_image(&self, item: &Descriptor) -> Result<bool, LayoutError> {
        let known = |list: &[&str]| list.contains(&item.media_type.as_str());
        if !known(oci::MANIFESTS) && !known(oci::INDEXES) {
            return Ok(false);
        }
        let kind = item.annotation(COSIGN_KIND);
        let document = self.document(&item.digest, Some(item.size))?;
        let tagged = tag(item).starts_with("sha256-");
        Ok(COSIGN_IMAGES.contains(&kind) || (kind.is_empty() && !tagged && document.subject.is_none()))
    }

    /// Every attestation that may be about an image; what it is about is decided by what was signed. Three conventions
    /// are read:
    ///
    /// 1. cosign's own: descriptors of `index.json` that are marked as attestations, which `cosign save` writes beside one
    ///    image;
    /// 2. the tag `sha256-<hex>.att`;
    /// 3. manifests whose `subject` is the image (OCI 1.1): listed in `index.json` or under the tag `sha256-<hex>`, or
    ///    lying among the blobs unlisted, as `cosign save` leaves them.
    ///
    /// Each blob is held against its digest and its descriptor's size as it is read.
    ///
    /// # Errors
    /// `layout-blob-*`, `layout-too-large`, `file-*`, `json-*` of manifests. What is wrong inside an attestation is that
    /// candidate's own.
    pub fn attestations(&self, image: &Digest) -> Result<Vec<Stored>, LayoutError> {
        let (attestation_tag, fallback_tag) = (oci::attestation_tag(image), oci::fallback_tag(image));
        // Digest to size and whether every layer must be an attestation; sorted, so that the order is always the same.
        let mut manifests: BTreeMap<Digest, Found> = BTreeMap::new();
        for item in &self.index.items {
            let marked = item.annotation(COSIGN_KIND) == COSIGN_ATTESTATIONS;
            if marked || tag(item) == attestation_tag {
                manifests
                    .insert(item.digest.clone(), Found { size: Some(item.size), expected: Expected::Attestations });
            } else if item.digest == *image {
                // Also where `cosign copy` put the image itself under the fallback tag: it lists nothing about itself.
            } else if tag(item) == fallback_tag {
                let listed = self.document(&item.digest, Some(item.size))?;
                for item in listed.items.iter().filter(|_| listed.kind == Kind::Index) {
                    self.add_referrer(image, &item.digest, Some(item.size), &mut manifests)?;
                }
            } else if oci::MANIFESTS.contains(&item.media_type.as_str()) {
                self.add_referrer(image, &item.digest, Some(item.size), &mut manifests)?;
            }
        }
        for digest in self.unlisted(image)? {
            self.add_referrer(image, &digest, None, &mut manifests)?;
        }
        let mut stored = Vec::new();
        let mut left = MAX_BYTES;
        for (digest, found) in &manifests {
            let manifest = self.document(digest, found.size)?;
            for (n, layer) in manifest.items.iter().enumerate() {
                let Some(bundle) = self.attestation(layer, found.expected, &mut left)? else { continue };
                if stored.len() == MAX_ATTESTATIONS {
                    return Err(LayoutError::TooLarge { what: "attestations", limit: MAX_ATTESTATIONS });
                }
                let candidate = Candidate { position: Position::Item(n), bundle };
                stored.push(Stored { manifest: digest.clone(), candidate });
            }
        }
        Ok(stored)
    }

    /// Adds a manifest if its subject is the image, and it is not there yet.
    fn add_referrer(
        &self,
        image: &Digest,
        digest: &Digest,
        size: Option<u64>,
        manifests: &mut BTreeMap<Digest, Found>,
    ) -> Result<(), LayoutError> {
        if manifests.contains_key(digest) {
            return Ok(());
        }
        let document = self.document(digest, size)?;
        let about = document.subject.is_some_and(|subject| subject.digest == *image);
        if about && document.kind == Kind::Manifest {
            manifests.insert(digest.clone(), Found { size, expected: Expected::Anything });
        }
        Ok(())
    }

    /// One layer as an attestation; None when it is something else and may be.
    fn attestation(
        &self,
        layer: &Descriptor,
        expected: Expected,
        left: &mut usize,
    ) -> Result<Option<Result<Bundle, FormatError>>, LayoutError> {
        let is_layer = layer.media_type == cosign::LAYER_MEDIA_TYPE;
        let is_bundle = layer.media_type.starts_with(oci::BUNDLE_PREFIX);
        if !is_layer && !is_bundle {
            let found = format!("a layer of type {:?}", layer.media_type);
            let refused = || Some(Err(FormatError::NotAnAttestation { found }));
            return Ok(if expected == Expected::Attestations { refused() } else { None });
        }
        let too_large = LayoutError::TooLarge { what: "bytes of attestations", limit: MAX_BYTES };
        let rest = usize::try_from(layer.size).ok().and_then(|size| left.checked_sub(size));
        *left = rest.ok_or(too_large)?;
        let bytes = self.blob(&layer.digest, Some(layer.size), MAX_BYTES)?;
        Ok(Some(if is_layer {
            cosign::parse(&bytes, &layer.annotations)
        } else {
            json::parse(&bytes).and_then(Bundle::from_json)
        }))
    }

    /// Blobs that are manifests about the image, whether or not an index lists them. `cosign save` writes bundles so.
    fn unlisted(&self, image: &Digest) -> Result<Vec<Digest>, LayoutError> {
        let folder = self.root.join("blobs").join(Algorithm::Sha256.name());
        let unreadable =
            |error: std::io::Error| StoreError::Unreadable { path: folder.clone(), text: error.to_string() };
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            names.extend(entry.map_err(unreadable)?.file_name().into_string());
            if names.len() > MAX_BLOBS {
                return Err(LayoutError::TooLarge { what: "blobs", limit: MAX_BLOBS });
            }
        }
        names.sort_unstable();
        let mut left = MAX_SCANNED;
        let mut found = Vec::new();
        for digest in names.iter().filter_map(|name| Digest::from_hex(Algorithm::Sha256, name).ok()) {
            let path = self.path(&digest);
            let small = fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() <= cap(oci::MAX_MANIFEST));
            if !small {
                continue;
            }
            let bytes = read_capped(&path, cap(oci::MAX_MANIFEST))?;
            if !bytes.trim_ascii_start().starts_with(b"{") {
                continue;
            }
            let too_large = LayoutError::TooLarge { what: "bytes of manifests", limit: MAX_SCANNED };
            left = left.checked_sub(bytes.len()).ok_or(too_large)?;
            // What is no manifest is a config or a layer, and nobody's business here.
            let subject = Document::parse(&bytes).ok().and_then(|document| document.subject);
            if subject.is_some_and(|subject| subject.digest == *image) {
                found.push(digest);
            }
        }
        Ok(found)
    }

    fn document(&self, digest: &Digest, size: Option<u64>) -> Result<Document, LayoutError> {
        let bytes = self.blob(digest, size, oci::MAX_MANIFEST)?;
        Document::parse(&bytes).map_err(|error| LayoutError::Format { file: format!("blob {digest}"), error })
    }

    /// A blob, once its length and its digest are what they must be.
    fn blob(&self, digest: &Digest, size: Option<u64>, limit: usize) -> Result<Vec<u8>, LayoutError> {
        let bytes = match read_capped(&self.path(digest), cap(limit)) {
            Err(StoreError::NotFound { .. }) => {
                return Err(LayoutError::BlobMissing { digest: digest.to_string() });
            }
            other => other?,
        };
        let found = cap(bytes.len());
        if let Some(expected) = size.filter(|size| *size != found) {
            return Err(LayoutError::BlobSize { digest: digest.to_string(), expected, found });
        }
        let content = sha256(&bytes);
        if digest.algorithm() != Algorithm::Sha256 || digest.bytes() != content {
            let found = format!("sha256:{}", hex::encode(content));
            return Err(LayoutError::BlobDigest { digest: digest.to_string(), found });
        }
        Ok(bytes)
    }

    /// A digest is hexadecimal, so the path cannot lead elsewhere.
    fn path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }
}

/// A manifest that was found.
struct Found {
    /// Its length, where a descriptor says it.
    size: Option<u64>,
    expected: Expected,
}

/// What the layers of a manifest must be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Attestations, each of them.
    Attestations,
    /// Anything may refer to an image.
    Anything,
}

/// The tag of a descriptor. Some writers put the whole reference there, of which only the tag counts.
fn tag(item: &Descriptor) -> &str {
    let name = item.annotation(oci::REF_NAME);
    name.rsplit_once(':').map_or(name, |(_, tag)| tag)
}

fn cap(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX)
}
