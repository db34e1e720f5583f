//! The files of a checkout that list dependencies, found and read.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::dependencies::Collected;
use crate::generate::dependencies::Collection;
use crate::generate::dependencies::Format;
use crate::generate::dependencies::MAX_BYTES;
use crate::trust::key::sha256;
use crate::workspace::WorkspaceError;

/// Folders that hold no sources of the checkout: git's own, and what package managers and builds put there.
const SKIPPED: &[&str] = &[
    ".git",
    ".gradle",
    ".hg",
    ".svn",
    ".terraform",
    ".tox",
    ".venv",
    "__pycache__",
    "node_modules",
    "target",
    "vendor",
    "venv",
];

/// How much of a checkout is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most files and folders looked at.
    pub entries: usize,
    /// Deepest nesting of folders.
    pub depth: usize,
    /// Most files that list dependencies.
    pub files: usize,
    /// Longest of them, in bytes; never more than [`MAX_BYTES`].
    pub bytes: usize,
}

impl Limits {
    /// What fits the largest checkouts seen (500,000 files), four times over.
    pub const USUAL: Self = Self { entries: 2_000_000, depth: 128, files: 10_000, bytes: MAX_BYTES };
}

/// Reads what the files below `root` say of dependencies ([`Format`] names the files).
///
/// Symbolic links are not followed, and neither are folders entered that hold no sources of the checkout, such as
/// `node_modules`, `vendor` and `target`. The same checkout gives the same answer.
///
/// # Errors
/// [`WorkspaceError::Unreadable`], [`WorkspaceError::NotUtf8`] for the name of a file that is read,
/// [`WorkspaceError::TooMany`], and [`WorkspaceError::Dependency`] for a file that is not what its name says: nothing
/// is passed over quietly.
pub fn collect(root: &Path, limits: &Limits) -> Result<Collected, WorkspaceError> {
    let mut files = find(root, limits)?;
    files.sort();
    let mut collection = Collection::default();
    for (name, path) in files {
        let bytes = read(&path, limits.bytes.min(MAX_BYTES))?;
        let digest = Digest::new(Algorithm::Sha256, sha256(&bytes).to_vec());
        // SHA-256 yields as many bytes as a digest of it has.
        let digest = digest.map_err(|error| unreadable(&path)(io::Error::other(error)))?;
        collection.add(&name, &bytes, digest)?;
    }
    Ok(collection.finish())
}

/// The files that list dependencies: name relative to the root, separated by `/`, and path.
fn find(root: &Path, limits: &Limits) -> Result<Vec<(String, PathBuf)>, WorkspaceError> {
    let mut found = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned(), 0_usize)];
    let mut seen = 0_usize;
    while let Some((prefix, folder, depth)) = folders.pop() {
        if depth > limits.depth {
            return Err(WorkspaceError::TooMany { what: "levels of folders", limit: limits.depth });
        }
        for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            seen += 1;
            if seen > limits.entries {
                return Err(WorkspaceError::TooMany { what: "files in the checkout", limit: limits.entries });
            }
            let entry = entry.map_err(unreadable(&folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(unreadable(&path))?;
            let lossy = entry.file_name().to_string_lossy().into_owned();
            let name = format!("{prefix}{lossy}");
            if kind.is_dir() {
                if !SKIPPED.contains(&lossy.as_str()) {
                    folders.push((format!("{name}/"), path, depth + 1));
                }
            } else if kind.is_file() && Format::of(&name).is_some() {
                if name.contains('\u{fffd}') {
                    return Err(WorkspaceError::NotUtf8 { what: "file", found: name });
                }
                found.push((name, path));
            }
        }
        if found.len() > limits.files {
            return Err(WorkspaceError::TooMany { what: "files that list dependencies", limit: limits.files });
        }
    }
    Ok(found)
}

/// A whole file of at most `limit` bytes. The limit holds for what is read, not for what the file system says.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, WorkspaceError> {
    let file = File::open(path).map_err(unreadable(path))?;
    let mut bytes = Vec::new();
    let cap = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(cap).read_to_end(&mut bytes).map_err(unreadable(path))?;
    if bytes.len() > limit {
        return Err(WorkspaceError::TooMany { what: "bytes in a file that lists dependencies", limit });
    }
    Ok(bytes)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> WorkspaceError {
    |source| WorkspaceError::Unreadable { path: path.to_owned(), source }
}
