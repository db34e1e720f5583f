//! Files that the user links to a build, read and described.

use std::path::Path;
use std::path::PathBuf;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::generate::facts::Dependency;
use crate::generate::links;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::trust::key::sha256;

/// Longest linked file, in bytes (128 MiB).
pub const MAX_BYTES: u64 = 128 * 1024 * 1024;

/// Why a file cannot be linked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] StoreError),
    /// It has no name that a statement can hold.
    #[error("expected a linked file with a name in UTF-8, found {path:?}")]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Its digest came out in another length than SHA-256 has.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

impl LinkError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(source) => source.code(),
            Self::Name { .. } => "link-name",
            Self::Digest(_) => "link-digest-length",
        }
    }
}

/// The byproduct that a file is: its name without folders, its SHA-256, and what [`links::byproduct`] sees in it. Nothing
/// of it is verified.
///
/// # Errors
/// Every [`LinkError`].
pub fn link(path: &Path) -> Result<Dependency, LinkError> {
    let name = path.file_name().and_then(|name| name.to_str()).filter(|name| !name.chars().any(char::is_control));
    let name = name.ok_or_else(|| LinkError::Name { path: path.to_owned() })?;
    let bytes = read_capped(path, MAX_BYTES)?;
    let digest = Digest::new(Algorithm::Sha256, sha256(&bytes).to_vec())?;
    Ok(links::byproduct(name, &bytes, digest))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_linked_file_is_named_and_hashed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sbom.json");
        fs::write(&path, r#"{"spdxVersion":"SPDX-2.3"}"#).unwrap();
        let found = link(&path).unwrap();
        assert_eq!(found.name.unwrap().value, "sbom.json");
        assert_eq!(found.media_type.unwrap().value, "application/spdx+json");
        let expected = Digest::new(Algorithm::Sha256, sha256(&fs::read(&path).unwrap()).to_vec()).unwrap();
        assert_eq!(found.digests[0].value, expected);
        assert_eq!(link(&folder.path().join("none")).unwrap_err().code(), "file-not-found");
        assert_eq!(link(folder.path()).unwrap_err().code(), "file-is-directory");
        assert_eq!(link(Path::new("/")).unwrap_err().code(), "link-name");
        let odd = folder.path().join("a\nb");
        fs::write(&odd, "x").unwrap();
        assert_eq!(link(&odd).unwrap_err().code(), "link-name");
    }
}
