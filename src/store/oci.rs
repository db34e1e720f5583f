//! Images and what is attached to them, wherever they are: a repository of a registry, a layout on disk, an archive.
//!
//! Everything that reads, attaches, shows or moves is written once, over [`Images`] and [`WritableImages`]. Absence is a
//! value (`Ok(None)`, an empty list); not being able to look is an error and never becomes absence.

pub mod archive;
pub mod attach;
mod checked;
pub mod claims;
pub mod copy;
mod error;
pub mod evidence;
pub mod layout;
#[cfg(test)]
pub mod memory;
pub mod platforms;
pub mod registry;
pub mod resolve;
mod shelf;
pub mod tree;

use std::fmt;
use std::io::Read;

use crate::formats::digest::Digest;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;

pub use error::LayoutError;
pub use error::OciError;
pub use error::is_about_platform;

/// Most things attached to one image that are looked at.
pub const MAX_REFERRERS: usize = 1000;
/// Most blobs of a layout that are looked at for referrers which no index lists.
pub const MAX_BLOBS: usize = 10_000;
/// Most bytes of JSON blobs that are looked at for the same (256 MiB).
pub const MAX_SCANNED: usize = 256 * 1024 * 1024;
/// Most requests to one registry at a time.
pub const AT_ONCE: usize = 8;

/// A manifest or an index as it is stored, once its bytes are what its digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// The very bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub document: Document,
}

/// By which convention something is attached to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Form {
    /// A manifest whose `subject` is the image, listed by the referrers API of the registry (OCI distribution spec 1.1).
    Referrer,
    /// The same, listed by the index under the tag `sha256-<hex>`, which clients keep where the registry has no such API.
    FallbackTag,
    /// A manifest whose `subject` is the image, in a layout or an archive.
    LayoutReferrer,
    /// A layer of the manifest under the tag `sha256-<hex>.att`, `.sig` or `.sbom`, as cosign wrote it before bundles.
    LegacyTag,
    /// A manifest that `cosign save` marked in a layout.
    CosignSave,
}

impl Form {
    /// The name in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Referrer => "referrer",
            Self::FallbackTag => "fallback-tag",
            Self::LayoutReferrer => "layout-referrer",
            Self::LegacyTag => "legacy-tag",
            Self::CosignSave => "cosign-save",
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a place lists as referring to an image. The list is a stranger's word: neither that an entry refers to the image
/// nor its artifact type is so before its manifest was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referrers {
    /// By which convention they were found.
    pub form: Form,
    /// The entries, each digest once, in the order in which they were listed.
    pub items: Vec<Descriptor>,
    /// What is odd about the list and was passed over, for a notice: for one, a fallback tag that holds an image.
    pub oddities: Vec<String>,
}

/// A place that holds images.
pub trait Images: Send + Sync {
    /// What people call it: `ghcr.io/acme/app`, `oci-layout:DIR`, `oci-archive:FILE`.
    fn name(&self) -> String;

    /// The manifest or index that a tag names at this moment; None when there is no such tag.
    ///
    /// # Errors
    /// [`OciError`]: it could not be looked.
    fn tagged(&self, tag: &str) -> Result<Option<Manifest>, OciError>;

    /// The one image that the place holds, for places that are about one image; None where a tag or digest has to say which.
    ///
    /// # Errors
    /// [`OciError`].
    fn only(&self) -> Result<Option<Manifest>, OciError> {
        Ok(None)
    }

    /// The manifest or index with a digest; None when it is not there. Where its size is known it must be that.
    ///
    /// # Errors
    /// [`OciError`].
    fn manifest(&self, digest: &Digest, size: Option<u64>) -> Result<Option<Manifest>, OciError>;

    /// A blob of at most `limit` bytes, held against digest and size.
    ///
    /// # Errors
    /// [`OciError`]; a blob that is not there is one, since a descriptor said that it would be.
    fn blob(&self, item: &Descriptor, limit: usize) -> Result<Vec<u8>, OciError>;

    /// A blob as a stream. Whoever reads to the end without an error has read what digest and size say; what came before an
    /// error must be thrown away.
    ///
    /// # Errors
    /// [`OciError`] now, and an [`std::io::Error`] with one inside while it is read.
    fn open_blob(&self, item: &Descriptor) -> Result<Box<dyn Read + Send + '_>, OciError>;

    /// What the place lists as referring to an image: at most [`MAX_REFERRERS`].
    ///
    /// # Errors
    /// [`OciError`]; a place that has no such list says so with an empty one.
    fn referrers(&self, image: &Digest) -> Result<Referrers, OciError>;

    /// The place to write to; None where nothing can be written.
    fn writable(&self) -> Option<&dyn WritableImages> {
        None
    }
}

/// A place that images can be written to. Content comes before what names it, so that a reader never sees half of
/// anything: blobs, then the manifest, then the list or tag that leads to it.
pub trait WritableImages: Images {
    /// Whether a blob is there, so that it need not be sent.
    ///
    /// # Errors
    /// [`OciError`].
    fn has_blob(&self, digest: &Digest) -> Result<bool, OciError>;

    /// Writes a blob. Content that is not what digest and size say is refused and leaves nothing behind.
    ///
    /// # Errors
    /// [`OciError`].
    fn put_blob(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Result<(), OciError>;

    /// Writes a manifest by its digest, and under a tag where one is given. What it refers to must be there. A manifest with
    /// a `subject` is found by [`Images::referrers`] afterwards: where the place does not list it by itself, the list is
    /// kept, read again after it was written, and written again when somebody else's writing lost it.
    ///
    /// # Errors
    /// [`OciError`].
    fn put_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<(), OciError>;

    /// Writes a manifest by its digest without listing it as an image: who asks for its digest finds it, and who asks what
    /// images there are does not. What it refers to must be there.
    ///
    /// # Errors
    /// [`OciError`].
    fn stage_manifest(&self, manifest: &Manifest) -> Result<(), OciError> {
        self.put_manifest(manifest, None)
    }

    /// Whether the place has a list of its images, so that one without a tag is found by [`Images::only`] once
    /// [`WritableImages::put_manifest`] has listed it.
    fn lists_images(&self) -> bool {
        false
    }

    /// Points a tag at another manifest if it still points at what was read: `change` is handed the manifest under the tag
    /// and gives the new one, or None to leave it. Where the place cannot compare and write in one step, it is read again
    /// afterwards and tried again, a bounded number of times.
    ///
    /// # Errors
    /// [`OciError`]; `tag-write-lost` when others kept writing.
    #[allow(clippy::type_complexity, reason = "a name for the closure would say less than its signature")]
    fn change_tag(
        &self,
        tag: &str,
        change: &mut dyn FnMut(Option<&Manifest>) -> Result<Option<Manifest>, OciError>,
    ) -> Result<(), OciError>;
}
