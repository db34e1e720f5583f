//! STAND-IN for the module that another branch brings: drop this commit when that one is merged.

use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "stand-in")]
pub enum StoreError {
    #[error("{}: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{}: expected a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("{}: expected at most {cap} bytes", path.display())]
    TooLarge { path: PathBuf, cap: u64 },
}

#[expect(missing_docs, reason = "stand-in")]
impl StoreError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "file-unreadable",
            Self::NotRegular { .. } => "file-not-regular",
            Self::TooLarge { .. } => "file-too-large",
        }
    }
}

#[expect(missing_docs, reason = "stand-in")]
pub fn open_regular(path: &Path) -> Result<File, StoreError> {
    let io = |source| StoreError::Io { path: path.to_owned(), source };
    let file = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return Err(StoreError::NotRegular { path: path.to_owned() });
    }
    Ok(file)
}

#[expect(missing_docs, reason = "stand-in")]
pub fn read_capped(path: &Path, cap: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    let read = open_regular(path)?.take(cap.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|source| StoreError::Io { path: path.to_owned(), source })?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > cap {
        return Err(StoreError::TooLarge { path: path.to_owned(), cap });
    }
    Ok(bytes)
}
