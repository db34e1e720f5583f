//! The checkout a build runs in, read into build facts.

use std::io;
use std::path::PathBuf;

use crate::generate::dependencies::DependencyError;

pub mod dependencies;
pub mod git;
pub mod sample;

/// Why the checkout cannot be described.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkspaceError {
    /// The folder to start from cannot be looked at.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The repository belongs to another user, and the user's git configuration does not name it in `safe.directory`.
    ///
    /// Its configuration could steer whoever reads it (CVE-2022-24765).
    #[error("{}: expected a git repository that belongs to this user or is listed in safe.directory, found another owner", path.display())]
    NotOwned {
        /// Where the search started.
        path: PathBuf,
    },
    /// There is a `.git`, but no repository behind it.
    #[error("{}: expected a git repository, found something else", path.display())]
    Broken {
        /// The `.git` found.
        path: PathBuf,
    },
    /// A repository without a working tree, which no build can run in.
    #[error("{}: expected a git repository with a working tree, found a bare one", path.display())]
    Bare {
        /// The repository.
        path: PathBuf,
    },
    /// A name that a statement cannot hold.
    #[error("expected the name of a {what} in UTF-8, found {found:?}")]
    NotUtf8 {
        /// `branch`, `tag`, `remote`, `submodule` or `file`.
        what: &'static str,
        /// The name, foreign bytes replaced.
        found: String,
    },
    /// More of something than is looked at.
    #[error("expected at most {limit} {what}, found more")]
    TooMany {
        /// `references`, `submodules`, `files in the checkout` or the like.
        what: &'static str,
        /// The cap.
        limit: usize,
    },
    /// A file that lists dependencies cannot be used.
    #[error(transparent)]
    Dependency(#[from] DependencyError),
    /// libgit2 cannot read the repository.
    #[error("expected a readable git repository, found: {text}")]
    Git {
        /// What libgit2 said.
        text: String,
    },
}

impl WorkspaceError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "workspace-unreadable",
            Self::NotOwned { .. } => "git-not-owned",
            Self::Broken { .. } => "git-broken",
            Self::Bare { .. } => "git-bare",
            Self::NotUtf8 { .. } => "git-not-utf8",
            Self::TooMany { .. } => "git-too-many",
            Self::Dependency(source) => source.code(),
            Self::Git { .. } => "git-unreadable",
        }
    }
}
