//! A small repository to show with: one commit, one tag, one remote.

use std::path::Path;

use git2::Repository;
use git2::Signature;
use git2::Time;

use crate::workspace::WorkspaceError;

/// Makes a repository in `folder` with one commit of the file `name`, the tag `tag`, and the remote `remote`. The same
/// file gives the same commit. The user's git configuration is not read.
///
/// # Errors
/// [`WorkspaceError::Git`].
pub fn make(folder: &Path, name: &str, tag: &str, remote: &str) -> Result<(), WorkspaceError> {
    let repository = Repository::init(folder)?;
    repository.remote("origin", remote)?;
    let mut index = repository.index()?;
    index.add_path(Path::new(name))?;
    index.write()?;
    let tree = repository.find_tree(index.write_tree()?)?;
    let author = Signature::new("sealmark demo", "demo@sealmark.dev", &Time::new(0, 0))?;
    let commit = repository.commit(Some("HEAD"), &author, &author, "Release", &tree, &[])?;
    let commit = repository.find_object(commit, None)?;
    repository.tag_lightweight(tag, &commit, false)?;
    Ok(())
}
