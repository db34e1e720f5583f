//! The rule by which files and images are named.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use crate::formats::artifact::image::ImageName;
use crate::formats::artifact::purl;
use crate::formats::digest::Digest;
use crate::store::subjects::error::SubjectsError;
use crate::store::subjects::walk::name_of;
use crate::store::subjects::walk::unreadable;

/// How files and images are named; `docs/subjects.md` has the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Naming {
    /// A file by its file name, one of a directory by its path below that directory; an image by registry and repository.
    Basename,
    /// A file by its path below this folder, with `/`; one that lies elsewhere is an error. An image as above.
    Relative(PathBuf),
    /// Package URLs, as far as a file's name says which package it is (`pkg:generic/…` otherwise); an image as `pkg:oci/…`.
    Purl,
}

/// The rule, ready for use.
pub(super) enum Rule {
    Basename,
    Relative { root: PathBuf, real: PathBuf },
    Purl,
}

impl Rule {
    pub(super) fn of(naming: &Naming) -> Result<Self, SubjectsError> {
        Ok(match naming {
            Naming::Basename => Self::Basename,
            Naming::Relative(root) => {
                Self::Relative { real: fs::canonicalize(root).map_err(unreadable(root))?, root: root.clone() }
            }
            Naming::Purl => Self::Purl,
        })
    }

    /// The name of a file at `path`; `below` is its path below the directory that was named, if one was.
    ///
    /// The folder's links are resolved and the file's own is not: a link has the name that it was found by.
    pub(super) fn file(&self, path: &Path, below: Option<String>) -> Result<String, SubjectsError> {
        let plain = || below.map_or_else(|| name_of(path), Ok);
        match self {
            Self::Basename => plain(),
            Self::Purl => Ok(purl::of_file(&plain()?)),
            Self::Relative { root, real } => {
                let last = name_of(path)?;
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.unwrap_or(Path::new("."));
                let folder = fs::canonicalize(folder).map_err(unreadable(folder))?;
                let outside = || SubjectsError::OutsideRoot { path: path.to_owned(), root: root.clone() };
                let mut parts = Vec::new();
                for part in folder.strip_prefix(real).map_err(|_| outside())?.components() {
                    let part = part.as_os_str().to_str();
                    parts.push(part.ok_or_else(|| SubjectsError::NotUtf8 { path: path.to_owned() })?);
                }
                parts.push(&last);
                Ok(parts.join("/"))
            }
        }
    }

    pub(super) fn image(&self, name: &ImageName, digest: &Digest) -> String {
        match self {
            Self::Basename | Self::Relative { .. } => name.to_string(),
            Self::Purl => purl::oci(name, digest),
        }
    }
}
