//! Why what the user named is no list of artifacts.

use std::io;
use std::path::PathBuf;

use crate::formats::artifact::ArtifactError;
use crate::formats::artifact::ReferenceError;
use crate::formats::artifact::base64_subjects::Base64SubjectsError;
use crate::formats::artifact::checksums::ChecksumsError;
use crate::formats::artifact::image::ImageNameError;
use crate::formats::artifact::list::ListError;
use crate::formats::digest::Digest;
use crate::store::file::StoreError;
use crate::store::hash::HashError;
use crate::store::oci::OciError;
use crate::store::subjects::npm::NpmPackageError;

/// Why what the user named is no list of artifacts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectsError {
    /// The text names nothing.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// A path cannot be looked at.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The pattern is none.
    #[error("expected a pattern, found {pattern:?}: {text}")]
    Pattern {
        /// What was typed.
        pattern: String,
        /// What the pattern library said.
        text: String,
    },
    /// No file matches the pattern.
    #[error("expected files that match {pattern:?}, found none")]
    NoMatch {
        /// The pattern.
        pattern: String,
    },
    /// A file has the very name that was typed, and other files match it as a pattern.
    #[error("expected {text:?} to name one file or a pattern, found both a file of that name and {}, which matches it", other.display())]
    Ambiguous {
        /// What was typed.
        text: String,
        /// One of the other files.
        other: PathBuf,
    },
    /// The directory holds no file.
    #[error("{}: expected files in the directory, found none", path.display())]
    EmptyDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// A symbolic link that is dangling, leads out of the directory, or stands in a directory that is hashed whole.
    #[error("{}: expected a file of the directory, found a symbolic link that {why}", path.display())]
    Symlink {
        /// The link.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file name that a statement cannot hold.
    #[error("{}: expected a name in UTF-8, found other bytes", path.display())]
    NotUtf8 {
        /// The path.
        path: PathBuf,
    },
    /// A path that ends in no name, such as `/`.
    #[error("{}: expected a path that ends in a name, found none", path.display())]
    NoName {
        /// The path.
        path: PathBuf,
    },
    /// More than [`crate::store::subjects::MAX_ENTRIES`].
    #[error("expected at most {limit} files, folders and entries, found more")]
    TooMany {
        /// The cap.
        limit: usize,
    },
    /// A checksums file cannot be read.
    #[error(transparent)]
    File(#[from] StoreError),
    /// A checksums file is malformed.
    #[error("{}: {source}", path.display())]
    Checksums {
        /// The checksums file.
        path: PathBuf,
        /// What is wrong with it.
        source: ChecksumsError,
    },
    /// A checksums file lists nothing.
    #[error("{}: expected checksums, found none", path.display())]
    EmptyChecksums {
        /// The checksums file.
        path: PathBuf,
    },
    /// `@-` where nobody reads standard input.
    #[error("expected checksums on standard input, which is not read here")]
    Stdin,
    /// Checksums that came without a file.
    #[error("{origin}: {source}")]
    Listed {
        /// Where they came from.
        origin: String,
        /// What is wrong with them.
        source: ChecksumsError,
    },
    /// A file lies outside the folder that names are to be relative to.
    #[error("{}: expected a file below {}, which names are relative to, found one elsewhere", path.display(), root.display())]
    OutsideRoot {
        /// The file.
        path: PathBuf,
        /// The folder.
        root: PathBuf,
    },
    /// An image without a digest.
    #[error(
        "expected an image with its digest, {text}@sha256:…, found a tag or a bare name, which may be another image tomorrow"
    )]
    ImageUnpinned {
        /// What was typed.
        text: String,
    },
    /// An image's name or digest is malformed.
    #[error("{text:?}: {source}")]
    Image {
        /// What was typed.
        text: String,
        /// What was expected.
        source: ImageNameError,
    },
    /// An image layout cannot be used.
    #[error(transparent)]
    Layout(#[from] OciError),
    /// A file is no npm package.
    #[error("{}: {source}", path.display())]
    Npm {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: NpmPackageError,
    },
    /// The base64 form of slsa-github-generator is malformed.
    #[error(transparent)]
    Base64(#[from] Base64SubjectsError),
    /// The file that a handle names is something else.
    #[error("{}: expected {expected}, found {found}", path.display())]
    HandleFile {
        /// The file.
        path: PathBuf,
        /// The digest in the handle.
        expected: Digest,
        /// The digest of the file.
        found: Digest,
    },
    /// The base64 form names a file where the subjects themselves were expected, or a file names another.
    #[error("expected subjects, found the handle of the file {filename:?} of the workflow artifact {artifact_name:?}")]
    Handle {
        /// The workflow artifact.
        artifact_name: String,
        /// The file in it.
        filename: String,
    },
    /// The list of artifacts of a GitHub job is malformed.
    #[error("the list of artifacts: {0}")]
    List(#[from] ListError),
    /// A file has no digest.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// Two different things of one name.
    #[error(
        "expected one artifact of the name {name:?}, found {first} and {second}, which are not known to be the same"
    )]
    Conflict {
        /// The name.
        name: String,
        /// Where the first comes from: a path, or a line of a checksums file.
        first: String,
        /// Where the second comes from.
        second: String,
    },
    /// Name and digests are no artifact.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// Nothing was named.
    #[error("expected at least one artifact, found none")]
    Empty,
}

impl SubjectsError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Reference(source) => source.code(),
            Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound => "subject-not-found",
            Self::Unreadable { .. } => "subject-unreadable",
            Self::Pattern { .. } => "subject-bad-pattern",
            Self::NoMatch { .. } => "subject-no-match",
            Self::Ambiguous { .. } => "subject-ambiguous",
            Self::EmptyDirectory { .. } => "subject-empty-directory",
            Self::Symlink { .. } => "subject-symlink",
            Self::NotUtf8 { .. } => "subject-not-utf8",
            Self::NoName { .. } => "subject-no-name",
            Self::TooMany { .. } => "subject-too-many",
            Self::File(source) => source.code(),
            Self::Checksums { source, .. } => source.code(),
            Self::EmptyChecksums { .. } => "subject-empty-checksums",
            Self::Stdin => "subject-stdin",
            Self::Listed { source, .. } => source.code(),
            Self::OutsideRoot { .. } => "subject-outside-root",
            Self::ImageUnpinned { .. } => "subject-image-unpinned",
            Self::Image { .. } => "subject-image-invalid",
            Self::Layout(source) => source.code(),
            Self::Npm { source, .. } => source.code(),
            Self::Base64(source) => source.code(),
            Self::HandleFile { .. } => "subject-handle-digest",
            Self::Handle { .. } => "subject-handle",
            Self::List(source) => source.code(),
            Self::Hash(source) => source.code(),
            Self::Conflict { .. } => "subject-conflict",
            Self::Artifact(source) => source.code(),
            Self::Empty => "subject-empty",
        }
    }
}
