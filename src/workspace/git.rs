//! Facts about the git repository a build runs in.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use git2::Config;
use git2::ConfigEntry;
use git2::ErrorCode;
use git2::IndexEntry;
use git2::IndexEntryExtendedFlag;
use git2::IndexEntryFlag;
use git2::ObjectType;
use git2::Oid;
use git2::Repository;
use git2::RepositoryOpenFlags;
use git2::Status;
use git2::StatusOptions;
use git2::SubmoduleIgnore;
use git2::SubmoduleStatus;

use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::git::Submodule;
use crate::generate::git::normalise_remote;
use crate::workspace::WorkspaceError;

/// Most references looked through for tags.
const MAX_REFERENCES: usize = 1_000_000;

/// Most submodules.
const MAX_SUBMODULES: usize = 10_000;

/// Mode of an index entry that is a submodule (gitformat-index(5)).
const GITLINK: u32 = 0o160_000;

/// Mode of an index entry that is a symbolic link.
const SYMLINK: u32 = 0o120_000;

/// States of a submodule that are no change: where it is known, and that it was never checked out.
const SUBMODULE_AT_REST: SubmoduleStatus = SubmoduleStatus::IN_HEAD
    .union(SubmoduleStatus::IN_INDEX)
    .union(SubmoduleStatus::IN_CONFIG)
    .union(SubmoduleStatus::IN_WD)
    .union(SubmoduleStatus::WD_UNINITIALIZED);

/// Reads the repository that holds the folder `start`; `None` when there is none there or above, up to the file
/// system's border.
///
/// `GIT_DIR` and the other variables of git are not read. The user's git configuration is, since it says which files are
/// ignored and which foreign repositories are safe. Nothing is written or executed: libgit2 runs no hook, filter, file system
/// monitor or credential helper for what is done here, and opens no connection.
///
/// * `remote` is the remote that the current branch follows, else `origin`, else the only one. Its first `url` counts
///   as it is written; `insteadOf` and `pushurl` do not. One that names no server ([`normalise_remote`]) gives `None`, and
///   no other is tried.
/// * A submodule's address is the one in `.gitmodules`, resolved against the remote when relative; its commit is what
///   HEAD pins. Submodules of submodules are not looked at.
/// * Dirty is what `git status` shows, whatever the configuration hides from it: untracked files, changed submodules with
///   `ignore = all`, and files marked assume-unchanged or skip-worktree that are there with other content. A file under a
///   filter that libgit2 does not know (such as LFS) may count as changed; a changed one never as clean.
///
/// # Errors
/// Every [`WorkspaceError`]. A repository that cannot be read is never taken for no repository.
pub fn read(start: &Path) -> Result<Option<GitFacts>, WorkspaceError> {
    let Some(repository) = open(start)? else { return Ok(None) };
    if repository.is_bare() {
        return Err(WorkspaceError::Bare { path: repository.path().to_owned() });
    }
    let branch = branch(&repository)?;
    let commit = match repository.head() {
        Ok(head) => Some(head.peel_to_commit()?),
        Err(error) if error.code() == ErrorCode::UnbornBranch => None,
        Err(error) => return Err(error.into()),
    };
    let remote = remote(&repository, branch.as_deref())?;
    let submodules = submodules(&repository, remote.as_deref())?;
    Ok(Some(GitFacts {
        tags: commit.as_ref().map_or(Ok(Vec::new()), |commit| tags(&repository, commit.id()))?,
        tree: commit.as_ref().map(|commit| commit.tree_id().to_string()),
        commit: commit.map(|commit| commit.id().to_string()),
        branch,
        remote: remote.as_deref().and_then(normalise_remote),
        dirty: dirty(&repository)?,
        shallow: shallow(&repository),
        submodules,
    }))
}

impl From<git2::Error> for WorkspaceError {
    fn from(error: git2::Error) -> Self {
        Self::Git { text: error.message().to_owned() }
    }
}

fn open(start: &Path) -> Result<Option<Repository>, WorkspaceError> {
    let unreadable = |source| WorkspaceError::Unreadable { path: start.to_owned(), source };
    let start = fs::canonicalize(start).map_err(unreadable)?;
    let ceilings: [&OsStr; 0] = [];
    match Repository::open_ext(&start, RepositoryOpenFlags::empty(), ceilings) {
        Ok(repository) => Ok(Some(repository)),
        Err(error) if error.code() == ErrorCode::Owner => Err(WorkspaceError::NotOwned { path: start }),
        Err(error) if error.code() == ErrorCode::NotFound => {
            let broken =
                start.ancestors().map(|folder| folder.join(".git")).find(|path| path.symlink_metadata().is_ok());
            broken.map_or(Ok(None), |path| Err(WorkspaceError::Broken { path }))
        }
        Err(error) => Err(error.into()),
    }
}

/// The branch that HEAD names, whether it has a commit or not.
fn branch(repository: &Repository) -> Result<Option<String>, WorkspaceError> {
    let head = repository.find_reference("HEAD")?;
    let branch = head.symbolic_target_bytes().filter(|name| name.starts_with(b"refs/heads/"));
    branch.map(|name| text("branch", name)).transpose()
}

fn text(what: &'static str, bytes: &[u8]) -> Result<String, WorkspaceError> {
    let not_utf8 = |_| WorkspaceError::NotUtf8 { what, found: String::from_utf8_lossy(bytes).into_owned() };
    str::from_utf8(bytes).map(str::to_owned).map_err(not_utf8)
}

/// The tags that are `head`, or an annotation of it.
fn tags(repository: &Repository, head: Oid) -> Result<Vec<String>, WorkspaceError> {
    let mut tags = Vec::new();
    for (seen, reference) in repository.references()?.enumerate() {
        if seen >= MAX_REFERENCES {
            return Err(WorkspaceError::TooMany { what: "references", limit: MAX_REFERENCES });
        }
        let reference = reference?;
        // A tag of a tree or a blob peels to no commit.
        let here = |name: &[u8]| {
            name.starts_with(b"refs/tags/") && reference.peel_to_commit().is_ok_and(|commit| commit.id() == head)
        };
        if here(reference.name_bytes()) {
            tags.push(text("tag", reference.name_bytes())?);
        }
    }
    tags.sort();
    Ok(tags)
}

/// A repository is shallow when git lists commits whose parents were left out. Worktrees share that list, and libgit2
/// does not look for it there.
fn shallow(repository: &Repository) -> bool {
    repository.commondir().join("shallow").metadata().is_ok_and(|list| list.len() > 0)
}

/// The address of the remote, as it is written in the configuration.
fn remote(repository: &Repository, branch: Option<&str>) -> Result<Option<String>, WorkspaceError> {
    let config = repository.config()?.snapshot()?;
    if let Some(short) = branch.and_then(|name| name.strip_prefix("refs/heads/")) {
        // A branch that follows one of the same repository has the remote `.`.
        if let Some(name) = last_value(&config, &format!("branch.{short}.remote"))?.filter(|name| name != ".") {
            let url = first_value(&config, &format!("remote.{name}.url"))?;
            // Git takes a name that is no remote for an address.
            return Ok(Some(url.unwrap_or(name)));
        }
    }
    if let Some(url) = first_value(&config, "remote.origin.url")? {
        return Ok(Some(url));
    }
    let names = repository.remotes()?;
    let mut names = names.iter_bytes();
    match (names.next(), names.next()) {
        (Some(only), None) => first_value(&config, &format!("remote.{}.url", text("remote", only)?)),
        _ => Ok(None),
    }
}

/// Of several values the first; that is the one git fetches from.
fn first_value(config: &Config, name: &str) -> Result<Option<String>, WorkspaceError> {
    let mut values = match config.multivar(name, None) {
        Ok(values) => values,
        Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    values.next().map_or(Ok(None), |value| value_of(value?))
}

/// Of several values the last; that is the one that counts where there can be only one.
fn last_value(config: &Config, name: &str) -> Result<Option<String>, WorkspaceError> {
    match config.get_entry(name) {
        Ok(value) => value_of(&value),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn value_of(entry: &ConfigEntry<'_>) -> Result<Option<String>, WorkspaceError> {
    if !entry.has_value() || entry.value_bytes().is_empty() {
        return Ok(None);
    }
    text("remote", entry.value_bytes()).map(Some)
}

fn submodules(repository: &Repository, remote: Option<&str>) -> Result<Vec<Submodule>, WorkspaceError> {
    let found = repository.submodules()?;
    if found.len() > MAX_SUBMODULES {
        return Err(WorkspaceError::TooMany { what: "submodules", limit: MAX_SUBMODULES });
    }
    let mut submodules = Vec::new();
    for submodule in found {
        let url = submodule.opt_url_bytes().map(|url| text("submodule", url)).transpose()?;
        let relative = |url: &str| url.starts_with("./") || url.starts_with("../");
        let url = match url {
            Some(url) if relative(&url) => remote.and_then(|remote| resolved(remote, &url)),
            url => url,
        };
        submodules.push(Submodule {
            path: text("submodule", submodule.path().as_os_str().as_encoded_bytes())?,
            uri: url.as_deref().and_then(normalise_remote),
            commit: submodule.head_id().map(|id| id.to_string()),
        });
    }
    submodules.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(submodules)
}

/// A relative address of git-submodule(1) on top of the remote's; `None` when it climbs above the remote's host.
fn resolved(remote: &str, relative: &str) -> Option<String> {
    let (mut base, mut rest, mut separator) = (remote.trim_end_matches('/'), relative, '/');
    loop {
        if let Some(up) = rest.strip_prefix("../") {
            if base.split_once("://").is_some_and(|(_, authority)| !authority.contains('/')) {
                return None;
            }
            let (above, last) = base.split_at(base.rfind(['/', ':'])?);
            separator = if last.starts_with(':') { ':' } else { '/' };
            (base, rest) = (above, up);
        } else if let Some(here) = rest.strip_prefix("./") {
            rest = here;
        } else {
            return Some(format!("{base}{separator}{rest}"));
        }
    }
}

fn dirty(repository: &Repository) -> Result<Dirty, WorkspaceError> {
    let unwatched: Vec<_> = repository.index()?.iter().filter(is_unwatched).collect();
    let sparse: BTreeSet<&[u8]> = unwatched.iter().filter(|e| is_sparse(e)).map(|e| e.path.as_slice()).collect();
    let mut paths: BTreeSet<Vec<u8>> = BTreeSet::new();
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_unreadable(true).include_ignored(false);
    for entry in repository.statuses(Some(&mut options))?.iter() {
        // libgit2 knows no sparse checkouts and takes what they leave out for deleted.
        let left_out = entry.status() == Status::WT_DELETED && sparse.contains(entry.path_bytes());
        if !left_out && !matches!(entry.status(), Status::CURRENT | Status::IGNORED) {
            paths.insert(entry.path_bytes().to_vec());
        }
    }
    for submodule in repository.submodules()? {
        let name = text("submodule", submodule.name_bytes())?;
        let status = repository.submodule_status(&name, SubmoduleIgnore::None)?;
        if !SUBMODULE_AT_REST.contains(status) {
            paths.insert(submodule.path().as_os_str().as_encoded_bytes().to_vec());
        }
    }
    for entry in &unwatched {
        if differs(repository, entry)? {
            paths.insert(entry.path.clone());
        }
    }
    Ok(if paths.is_empty() { Dirty::Clean } else { Dirty::Changed { paths: paths.len() } })
}

/// A status does not look at this file, because the user said so (`git update-index`) or checked it out sparsely.
fn is_unwatched(entry: &IndexEntry) -> bool {
    // Submodules are asked about themselves.
    entry.mode != GITLINK && (IndexEntryFlag::from_bits_truncate(entry.flags).is_valid() || is_sparse(entry))
}

fn is_sparse(entry: &IndexEntry) -> bool {
    IndexEntryExtendedFlag::from_bits_truncate(entry.flags_extended).is_skip_worktree()
}

/// Whether a file that no status looks at is there with other content than the index says.
fn differs(repository: &Repository, entry: &IndexEntry) -> Result<bool, WorkspaceError> {
    let name = text("file", &entry.path)?;
    let Some(path) = repository.workdir().map(|folder| folder.join(name)) else { return Ok(false) };
    let Ok(metadata) = fs::symlink_metadata(&path) else {
        // A file that is assumed unchanged must be there.
        return Ok(!is_sparse(entry));
    };
    if metadata.is_symlink() != (entry.mode == SYMLINK) {
        return Ok(true);
    }
    let found = if metadata.is_symlink() {
        let target = fs::read_link(&path).map_err(|source| WorkspaceError::Unreadable { path, source })?;
        Oid::hash_object(ObjectType::Blob, target.as_os_str().as_encoded_bytes())?
    } else if metadata.is_file() {
        Oid::hash_file(ObjectType::Blob, &path)?
    } else {
        return Ok(true);
    };
    Ok(found != entry.id)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::chown;
    use std::os::unix::fs::symlink;

    use git2::RepositoryInitOptions;
    use git2::Signature;

    use super::*;

    struct Checkout {
        folder: tempfile::TempDir,
        repository: Repository,
    }

    impl Checkout {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut options = RepositoryInitOptions::new();
            let repository = Repository::init_opts(folder.path(), options.initial_head("main")).unwrap();
            Self { folder, repository }
        }

        fn with_commit() -> Self {
            let checkout = Self::new();
            checkout.write("a.txt", "a");
            checkout.commit();
            checkout
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn commit(&self) -> Oid {
            commit_all(&self.repository)
        }

        fn set(&self, name: &str, value: &str) {
            self.repository.config().unwrap().set_str(name, value).unwrap();
        }

        fn facts(&self) -> GitFacts {
            read(self.folder.path()).unwrap().unwrap()
        }

        fn changed(&self) -> usize {
            match self.facts().dirty {
                Dirty::Clean => 0,
                Dirty::Changed { paths } => paths,
            }
        }

        fn code(&self) -> &'static str {
            read(self.folder.path()).unwrap_err().code()
        }
    }

    fn signature() -> Signature<'static> {
        Signature::new("tester", "tester@example.com", &git2::Time::new(1_700_000_000, 0)).unwrap()
    }

    fn commit_all(repository: &Repository) -> Oid {
        let mut index = repository.index().unwrap();
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = repository.head().ok().map(|head| head.peel_to_commit().unwrap());
        let parents: Vec<_> = parent.iter().collect();
        repository.commit(Some("HEAD"), &signature(), &signature(), "message", &tree, &parents).unwrap()
    }

    #[test]
    fn a_plain_checkout() {
        let checkout = Checkout::with_commit();
        checkout.repository.remote("origin", "https://github.com/acme/app.git").unwrap();
        let head = checkout.repository.head().unwrap().peel_to_commit().unwrap();
        let expected = GitFacts {
            commit: Some(head.id().to_string()),
            tree: Some(head.tree_id().to_string()),
            branch: Some("refs/heads/main".to_owned()),
            tags: vec![],
            remote: Some("git+https://github.com/acme/app".to_owned()),
            dirty: Dirty::Clean,
            shallow: false,
            submodules: vec![],
        };
        assert_eq!(checkout.facts(), expected);
        // What `git write-tree` prints.
        assert_eq!(expected.tree.as_deref(), Some("1a602d9bd07ce5272ddaa64e21da12dbca2b8c9f"));
        fs::create_dir(checkout.folder.path().join("below")).unwrap();
        for below in ["below", ".git", ".git/refs"] {
            assert_eq!(read(&checkout.folder.path().join(below)).unwrap(), Some(expected.clone()));
        }
    }

    #[test]
    fn no_repository_and_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap(), None);
        assert_eq!(read(&folder.path().join("absent")).unwrap_err().code(), "workspace-unreadable");
    }

    #[test]
    fn a_broken_repository_is_not_taken_for_none() {
        for text in ["gitdir: /nonexistent\n", "hello", ""] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(".git"), text).unwrap();
            let code = read(folder.path()).unwrap_err().code();
            assert!(matches!(code, "git-broken" | "git-unreadable"), "{text:?}: {code}");
        }
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        fs::create_dir_all(folder.path().join("below")).unwrap();
        assert_eq!(read(&folder.path().join("below")).unwrap_err().code(), "git-broken");

        let checkout = Checkout::with_commit();
        let head = checkout.facts().commit.unwrap();
        let object = checkout.repository.path().join("objects").join(&head[..2]).join(&head[2..]);
        fs::remove_file(object).unwrap();
        assert_eq!(checkout.code(), "git-unreadable");
    }

    #[test]
    fn before_the_first_commit() {
        let checkout = Checkout::new();
        let facts = checkout.facts();
        assert_eq!((facts.commit, facts.tree, facts.tags), (None, None, vec![]));
        assert_eq!((facts.branch.as_deref(), facts.dirty), (Some("refs/heads/main"), Dirty::Clean));
        checkout.write("a", "a");
        assert_eq!(checkout.changed(), 1);
    }

    #[test]
    fn a_detached_head_has_no_branch() {
        let checkout = Checkout::with_commit();
        let head = checkout.repository.head().unwrap().target().unwrap();
        checkout.repository.set_head_detached(head).unwrap();
        let facts = checkout.facts();
        assert_eq!((facts.branch, facts.commit), (None, Some(head.to_string())));
    }

    #[test]
    fn tags_of_head_only() {
        let checkout = Checkout::with_commit();
        let tag = |name: &str, annotated| {
            let head = checkout.repository.head().unwrap().peel(ObjectType::Commit).unwrap();
            if annotated {
                checkout.repository.tag(name, &head, &signature(), "message", false).unwrap()
            } else {
                checkout.repository.tag_lightweight(name, &head, false).unwrap()
            }
        };
        tag("old-light", false);
        tag("old-annotated", true);
        checkout.write("b", "b");
        checkout.commit();
        tag("v2", true);
        tag("v1", false);
        tag("release/v1", false);
        let first = checkout.repository.find_reference("refs/tags/v2").unwrap().peel_to_tag().unwrap();
        checkout.repository.tag("tag-of-tag", first.as_object(), &signature(), "message", false).unwrap();
        let tree = checkout.repository.head().unwrap().peel(ObjectType::Tree).unwrap();
        checkout.repository.tag_lightweight("tree", &tree, false).unwrap();
        let expected = ["release/v1", "tag-of-tag", "v1", "v2"].map(|name| format!("refs/tags/{name}"));
        assert_eq!(checkout.facts().tags, expected);
        let odd = OsStr::from_bytes(b"\xff");
        let tags = checkout.repository.path().join("refs/tags");
        fs::copy(tags.join("v1"), tags.join(odd)).unwrap();
        assert_eq!(checkout.code(), "git-not-utf8");
        fs::copy(tags.join("old-light"), tags.join(odd)).unwrap();
        assert_eq!(checkout.facts().tags, expected);
    }

    #[test]
    fn the_remote_is_the_upstream_then_origin_then_the_only_one() {
        let checkout = Checkout::with_commit();
        let remote = || checkout.facts().remote;
        let uri = |name: &str| Some(format!("git+https://example.com/{name}"));
        assert_eq!(remote(), None);
        checkout.set("remote.only.url", "https://example.com/only");
        assert_eq!(remote(), uri("only"));
        checkout.set("remote.fork.url", "https://example.com/fork");
        assert_eq!(remote(), None);
        checkout.set("remote.origin.pushurl", "https://example.com/push");
        assert_eq!(remote(), None);
        checkout.set("remote.origin.url", "https://example.com/origin");
        assert_eq!(remote(), uri("origin"));
        checkout.set("branch.other.remote", "fork");
        checkout.set("branch.main.remote", ".");
        assert_eq!(remote(), uri("origin"));
        checkout.set("branch.main.remote", "fork");
        assert_eq!(remote(), uri("fork"));
        let config = || checkout.repository.config().unwrap();
        config().set_multivar("remote.fork.url", "^$", "https://example.com/second").unwrap();
        assert_eq!(remote(), uri("fork"));
        checkout.set("branch.main.remote", "https://example.com/direct");
        assert_eq!(remote(), uri("direct"));
        // A remote on this machine is a remote; no other stands in for it.
        checkout.set("branch.main.remote", "/srv/git/app");
        assert_eq!(remote(), None);
        let head = checkout.repository.head().unwrap().target().unwrap();
        checkout.repository.set_head_detached(head).unwrap();
        assert_eq!(remote(), uri("origin"));
    }

    #[test]
    fn instead_of_is_ignored() {
        let checkout = Checkout::with_commit();
        checkout.repository.remote("origin", "https://example.com/app").unwrap();
        checkout.set("url.https://mirror.example.net/.insteadof", "https://example.com/");
        checkout.set("url.https://push.example.net/.pushinsteadof", "https://example.com/");
        assert_eq!(checkout.facts().remote.as_deref(), Some("git+https://example.com/app"));
    }

    #[test]
    fn whatever_differs_from_head_counts() {
        let checkout = Checkout::new();
        for name in ["a", "b", "c", "d/e"] {
            checkout.write(name, name);
        }
        checkout.write(".gitignore", "*.log\n");
        checkout.commit();
        assert_eq!(checkout.changed(), 0);
        checkout.write("x.log", "ignored");
        assert_eq!(checkout.changed(), 0);
        checkout.write("a", "other");
        assert_eq!(checkout.changed(), 1);
        fs::remove_file(checkout.folder.path().join("b")).unwrap();
        assert_eq!(checkout.changed(), 2);
        checkout.write("new/1", "1");
        checkout.write("new/2", "2");
        assert_eq!(checkout.changed(), 4);
        let mut index = checkout.repository.index().unwrap();
        checkout.write("c", "staged");
        index.add_path(Path::new("c")).unwrap();
        index.write().unwrap();
        assert_eq!(checkout.changed(), 5);
        checkout.write("c", "c");
        assert_eq!(checkout.changed(), 5, "staged and then put back");
        fs::create_dir(checkout.folder.path().join("nested")).unwrap();
        let nested = Repository::init(checkout.folder.path().join("nested")).unwrap();
        fs::write(nested.workdir().unwrap().join("f"), "f").unwrap();
        assert_eq!(checkout.changed(), 6);
    }

    #[test]
    fn configuration_cannot_hide_changes() {
        let checkout = Checkout::with_commit();
        checkout.set("status.showUntrackedFiles", "no");
        checkout.set("core.fsmonitor", "touch executed");
        checkout.write("new", "new");
        assert_eq!(checkout.changed(), 1);
        assert!(!checkout.folder.path().join("executed").exists());
    }

    fn mark(checkout: &Checkout, change: impl Fn(&mut IndexEntry)) {
        let mut index = checkout.repository.index().unwrap();
        let mut entry = index.get_path(Path::new("a.txt"), 0).unwrap();
        change(&mut entry);
        index.add(&entry).unwrap();
        index.write().unwrap();
    }

    #[test]
    fn marks_in_the_index_cannot_hide_changes() {
        let sparse = IndexEntryExtendedFlag::SKIP_WORKTREE;
        let marks =
            [(IndexEntryFlag::VALID, IndexEntryExtendedFlag::empty(), 1), (IndexEntryFlag::EXTENDED, sparse, 0)];
        for (flags, extended, missing) in marks {
            let checkout = Checkout::with_commit();
            mark(&checkout, |entry| {
                entry.flags |= flags.bits();
                entry.flags_extended |= extended.bits();
            });
            let path = checkout.folder.path().join("a.txt");
            assert_eq!(checkout.changed(), 0);
            checkout.write("a.txt", "other");
            assert_eq!(checkout.changed(), 1);
            fs::remove_file(&path).unwrap();
            assert_eq!(checkout.changed(), missing);
            symlink("a", &path).unwrap();
            assert_eq!(checkout.changed(), 1, "a link whose target spells the content");
            fs::remove_file(&path).unwrap();
            fs::create_dir(&path).unwrap();
            checkout.write("a.txt/x", "x");
            assert!(checkout.changed() >= 1);
        }
    }

    #[test]
    fn worktrees_know_their_own_branch_and_the_common_rest() {
        let checkout = Checkout::with_commit();
        checkout.repository.remote("origin", "https://example.com/app").unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("feature");
        checkout.repository.worktree("feature", &path, None).unwrap();
        let list = checkout.repository.path().join("shallow");
        fs::write(list, format!("{}\n", checkout.facts().commit.unwrap())).unwrap();
        let facts = read(&path).unwrap().unwrap();
        assert_eq!(facts.branch.as_deref(), Some("refs/heads/feature"));
        assert_eq!(facts.remote.as_deref(), Some("git+https://example.com/app"));
        assert_eq!((facts.commit, facts.dirty, facts.shallow), (checkout.facts().commit, Dirty::Clean, true));
    }

    #[test]
    fn shallow_checkouts_say_so() {
        let checkout = Checkout::with_commit();
        let head = checkout.commit();
        let list = checkout.repository.path().join("shallow");
        fs::write(&list, "").unwrap();
        assert!(!checkout.facts().shallow);
        fs::write(&list, format!("{head}\n")).unwrap();
        let facts = checkout.facts();
        assert!(facts.shallow);
        assert_eq!(facts.commit, Some(head.to_string()));
    }

    /// A repository with a submodule at `lib` of the address given.
    fn with_submodule(url: &str) -> (Checkout, Oid) {
        let checkout = Checkout::with_commit();
        checkout.repository.remote("origin", "https://example.com/acme/app.git").unwrap();
        let mut submodule = checkout.repository.submodule(url, Path::new("lib"), true).unwrap();
        let inner = submodule.open().unwrap();
        fs::write(inner.workdir().unwrap().join("inner.txt"), "inner").unwrap();
        let pinned = commit_all(&inner);
        submodule.add_finalize().unwrap();
        drop(submodule);
        checkout.commit();
        (checkout, pinned)
    }

    #[test]
    fn submodules_have_an_address_and_a_pinned_commit() {
        let (checkout, pinned) = with_submodule("https://example.com/acme/lib.git");
        let expected = Submodule {
            path: "lib".to_owned(),
            uri: Some("git+https://example.com/acme/lib".to_owned()),
            commit: Some(pinned.to_string()),
        };
        assert_eq!(checkout.facts().submodules, std::slice::from_ref(&expected));
        assert_eq!(checkout.changed(), 0);

        checkout.write("lib/new.txt", "untracked in the submodule");
        assert_eq!(checkout.changed(), 1);
        fs::remove_file(checkout.folder.path().join("lib/new.txt")).unwrap();
        let modules = fs::read_to_string(checkout.folder.path().join(".gitmodules")).unwrap();
        checkout.write(".gitmodules", &format!("{modules}\tignore = all\n"));
        checkout.set("submodule.lib.ignore", "all");
        checkout.commit();
        assert_eq!(checkout.changed(), 0);
        checkout.write("lib/new.txt", "untracked in the submodule");
        assert_eq!(checkout.changed(), 1, "ignore = all hides nothing");
        let inner = Repository::open(checkout.folder.path().join("lib")).unwrap();
        assert_ne!(commit_all(&inner), pinned);
        assert_eq!(checkout.changed(), 1, "another commit than the pinned one");
        assert_eq!(checkout.facts().submodules, [expected]);
    }

    #[test]
    fn submodules_that_were_never_checked_out_are_clean() {
        let (checkout, pinned) = with_submodule("../lib.git");
        let place = tempfile::tempdir().unwrap();
        let clone = Repository::clone(checkout.folder.path().to_str().unwrap(), place.path()).unwrap();
        clone.remote_set_url("origin", "git@example.com:acme/app.git").unwrap();
        let facts = read(place.path()).unwrap().unwrap();
        assert_eq!(facts.dirty, Dirty::Clean);
        assert_eq!(facts.submodules[0].uri.as_deref(), Some("git+https://example.com/acme/lib"));
        assert_eq!(facts.submodules[0].commit, Some(pinned.to_string()));
    }

    #[test]
    fn relative_addresses_are_resolved_as_git_does() {
        let cases = [
            ("https://h/a/b.git", "../c.git", Some("https://h/a/c.git")),
            ("https://h/a/b/", "../../c", Some("https://h/c")),
            ("https://h/a/b", "./c", Some("https://h/a/b/c")),
            ("git@h:a/b", "../c", Some("git@h:a/c")),
            ("git@h:a", "../c", Some("git@h:c")),
            ("https://h/a", "../../evil.example/c", None),
            ("ssh://h", "../c", None),
            ("b", "../c", None),
        ];
        for (remote, relative, expected) in cases {
            assert_eq!(resolved(remote, relative).as_deref(), expected, "{remote} {relative}");
        }
    }

    #[test]
    fn bare_repositories_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        Repository::init_bare(folder.path()).unwrap();
        assert_eq!(read(folder.path()).unwrap_err().code(), "git-bare");
    }

    #[test]
    fn repositories_of_other_users_are_refused_by_name() {
        let checkout = Checkout::with_commit();
        let config = Config::open_default().unwrap();
        if config.multivar("safe.directory", None).is_ok_and(|mut values| values.next().is_some()) {
            println!("skipped: this user's configuration lists safe directories");
            return;
        }
        for path in [checkout.folder.path().to_owned(), checkout.repository.path().to_owned()] {
            if chown(path, Some(54_321), None).is_err() {
                println!("skipped: only root can give a folder to another user");
                return;
            }
        }
        assert_eq!(checkout.code(), "git-not-owned");
    }
}
