//! Why a place that holds images could not be read or written.

use std::path::PathBuf;

use crate::formats::FormatError;
use crate::remote::registry::RegistryError;
use crate::store::file::StoreError;

/// Why it could not be looked, read or written. None of them says that something is not there, but the ones that name what
/// was asked for by the user or promised by a descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// A registry.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A layout or an archive.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A document that is malformed.
    #[error("{place}: {what}: {error}")]
    Format {
        /// Where it is.
        place: String,
        /// What is malformed.
        what: String,
        /// What is wrong with it.
        error: Box<FormatError>,
    },
    /// The image that was named is not there.
    #[error("{place}: expected an image {reference}, found none")]
    ImageMissing {
        /// Where it was looked for.
        place: String,
        /// Tag or digest.
        reference: String,
    },
    /// An image is not for the platform that was named, or an index lists none for it.
    #[error("{image}: expected an image for {platform}, found {found}")]
    PlatformMissing {
        /// The image or index, with its place.
        image: String,
        /// What was named.
        platform: String,
        /// What there is.
        found: String,
    },
    /// Several images of an index are, or may be, for the platform that was named.
    #[error("{image}: expected one image for {platform}, found {found}")]
    PlatformAmbiguous {
        /// The index, with its place.
        image: String,
        /// What was named.
        platform: String,
        /// How many there are, and which.
        found: String,
    },
    /// A registry was named, and no socket may be opened.
    #[error("{place}: expected something on this machine beside --offline, found a registry")]
    Offline {
        /// What was named.
        place: String,
    },
    /// Something that a descriptor promises is not there.
    #[error("{place}: expected {what} {digest}, which a descriptor lists, found none")]
    Missing {
        /// Where it was looked for.
        place: String,
        /// Manifest or blob.
        what: &'static str,
        /// Its digest.
        digest: String,
    },
    /// Content that its digest does not name.
    #[error("{place}: expected content of {digest}, found content of {found}")]
    Digest {
        /// Where it is.
        place: String,
        /// The digest that names it.
        digest: String,
        /// The digest of what was found.
        found: String,
    },
    /// Content of another length than its descriptor says.
    #[error("{place}: expected {expected} bytes of {digest}, found {found}")]
    Size {
        /// Where it is.
        place: String,
        /// Its digest.
        digest: String,
        /// What the descriptor says.
        expected: u64,
        /// What was found: a number, or `more`.
        found: String,
    },
    /// More than is read.
    #[error("{place}: expected at most {limit} {what}, found more")]
    TooMany {
        /// Where it is.
        place: String,
        /// What there is too much of.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// What was written was overwritten by somebody else, again and again.
    #[error("{place}: expected {what} to hold what was written, found it overwritten {attempts} times")]
    WriteLost {
        /// Where it was written.
        place: String,
        /// The tag.
        what: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// Nothing can be written there.
    #[error("{place}: expected a place that can be written, found one that is only read")]
    ReadOnly {
        /// The place.
        place: String,
    },
}

/// Whether a code is about a platform that was asked for: the user named it, so it is wrong usage.
pub fn is_about_platform(code: &str) -> bool {
    ["image-platform-missing", "image-platform-ambiguous"].contains(&code)
}

impl OciError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Registry(error) => error.code(),
            Self::Layout(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Format { error, .. } => error.code(),
            Self::ImageMissing { .. } => "image-missing",
            Self::PlatformMissing { .. } => "image-platform-missing",
            Self::PlatformAmbiguous { .. } => "image-platform-ambiguous",
            Self::Offline { .. } => "image-offline",
            Self::Missing { .. } => "image-content-missing",
            Self::Digest { .. } => "image-content-digest",
            Self::Size { .. } => "image-content-size",
            Self::TooMany { .. } => "image-too-large",
            Self::WriteLost { .. } => "tag-write-lost",
            Self::ReadOnly { .. } => "image-place-read-only",
        }
    }
}

/// Why a layout or an archive cannot be used, beyond what may be wrong in any place. Nothing of it is believed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// No layout at all.
    #[error("expected an OCI image layout, a folder with oci-layout and index.json, found {path:?}")]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// A layout of another version.
    #[error("oci-layout: expected imageLayoutVersion 1.0.0, found {found:?}")]
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
            Self::Missing { .. } => "layout-missing",
            Self::Version { .. } => "layout-version",
            Self::ImageMissing => "layout-image-missing",
            Self::ImageAmbiguous { .. } => "layout-image-ambiguous",
            Self::TagAmbiguous { .. } => "layout-tag-ambiguous",
            Self::ArchiveWithoutLayout { .. } => "archive-without-layout",
            Self::Archive { .. } => "archive-invalid",
            Self::TooLarge { .. } => "layout-too-large",
        }
    }
}
