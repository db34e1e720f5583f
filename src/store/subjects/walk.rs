//! The files below a directory, and the files that match a pattern.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use glob::MatchOptions;
use glob::Pattern;

use crate::store::subjects::Directories;
use crate::store::subjects::SubjectsError;

/// Counts what is looked at, up to a cap.
pub(super) struct Count {
    limit: usize,
    seen: usize,
}

impl Count {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, seen: 0 }
    }

    pub(super) fn one(&mut self) -> Result<(), SubjectsError> {
        self.seen = self.seen.saturating_add(1);
        if self.seen > self.limit { Err(SubjectsError::TooMany { limit: self.limit }) } else { Ok(()) }
    }
}

/// Every file below `root`: its name relative to `root`, and a path to it.
pub(super) fn files_below(
    root: &Path,
    directories: Directories,
    count: &mut Count,
) -> Result<Vec<(String, PathBuf)>, SubjectsError> {
    let real_root = fs::canonicalize(root).map_err(unreadable(root))?;
    let mut files = Vec::new();
    let mut folders = vec![(String::new(), root.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(unreadable(&folder))? {
            count.one()?;
            let entry = entry.map_err(unreadable(&folder))?;
            let path = entry.path();
            let name = format!("{prefix}{}", name_of(&path)?);
            let kind = entry.file_type().map_err(unreadable(&path))?;
            if kind.is_dir() {
                folders.push((format!("{name}/"), path));
            } else if !kind.is_symlink() {
                files.push((name, path));
            } else if let Some(target) = link_target(&path, &real_root, directories)? {
                files.push((name, target));
            }
        }
    }
    Ok(files)
}

/// The file that a link below a directory leads to, or `None` for one to a folder whose files are taken anyway.
///
/// The target is opened by its own path, so that exchanging the link afterwards changes nothing.
fn link_target(link: &Path, real_root: &Path, directories: Directories) -> Result<Option<PathBuf>, SubjectsError> {
    let refused = |why| SubjectsError::Symlink { path: link.to_owned(), why };
    if directories == Directories::Whole {
        // Go reads through a link, the shell command of its documentation passes it over.
        return Err(refused("has no agreed meaning in a dirHash"));
    }
    let target = fs::canonicalize(link).map_err(|_| refused("leads nowhere"))?;
    if !target.starts_with(real_root) {
        return Err(refused("leads out of the directory"));
    }
    let folder = fs::metadata(&target).map_err(unreadable(&target))?.is_dir();
    Ok(if folder { None } else { Some(target) })
}

/// One component of a pattern.
enum Part {
    /// No wildcard.
    Name(String),
    /// `*`, `?`, `[…]`.
    Wild(Pattern),
    /// `**`: any number of folders, hidden ones and links apart.
    Deep,
}

/// A pattern for paths, components separated by `/`.
///
/// The iterator of the `glob` crate leaves out names that are not UTF-8, or panics on them; so only its matcher of single
/// names is used.
pub(super) struct PathPattern {
    parts: Vec<Part>,
    start: PathBuf,
}

impl PathPattern {
    pub(super) fn parse(text: &str) -> Result<Self, glob::PatternError> {
        let mut parts = Vec::new();
        for part in text.split('/').filter(|part| !part.is_empty()) {
            if part == "**" {
                if !matches!(parts.last(), Some(Part::Deep)) {
                    parts.push(Part::Deep);
                }
            } else if part.contains(['*', '?', '[']) {
                parts.push(Part::Wild(Pattern::new(part)?));
            } else {
                parts.push(Part::Name(part.to_owned()));
            }
        }
        if matches!(parts.last(), Some(Part::Deep)) {
            parts.push(Part::Wild(Pattern::new("*")?));
        }
        let start = if text.starts_with('/') { "/" } else { "" };
        Ok(Self { parts, start: start.into() })
    }

    /// The files that match, links followed; folders that match are passed over.
    pub(super) fn files(&self, count: &mut Count) -> Result<Vec<PathBuf>, SubjectsError> {
        let mut files = Vec::new();
        let mut open = vec![(self.start.clone(), self.parts.as_slice())];
        while let Some((base, parts)) = open.pop() {
            let Some((part, rest)) = parts.split_first() else {
                count.one()?;
                if !fs::metadata(&base).map_err(unreadable(&base))?.is_dir() {
                    files.push(base);
                }
                continue;
            };
            match part {
                Part::Name(name) => {
                    let next = base.join(name);
                    if exists(&next, rest)? {
                        open.push((next, rest));
                    }
                }
                Part::Wild(pattern) => {
                    for next in matching(&base, pattern, count)? {
                        if exists(&next, rest)? {
                            open.push((next, rest));
                        }
                    }
                }
                Part::Deep => {
                    open.push((base.clone(), rest));
                    let below = folders(&base, count)?;
                    open.extend(below.into_iter().map(|folder| (folder, parts)));
                }
            }
        }
        Ok(files)
    }
}

/// Whether there is something at `path`, and a folder if more components follow.
fn exists(path: &Path, rest: &[Part]) -> Result<bool, SubjectsError> {
    let metadata = if rest.is_empty() { fs::symlink_metadata(path) } else { fs::metadata(path) };
    match metadata {
        Ok(metadata) => Ok(rest.is_empty() || metadata.is_dir()),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(unreadable(path)(error)),
    }
}

fn entries(folder: &Path) -> Result<fs::ReadDir, SubjectsError> {
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    fs::read_dir(listed).map_err(unreadable(listed))
}

fn matching(folder: &Path, pattern: &Pattern, count: &mut Count) -> Result<Vec<PathBuf>, SubjectsError> {
    let shell =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let mut found = Vec::new();
    for entry in entries(folder)? {
        count.one()?;
        let name = entry.map_err(unreadable(folder))?.file_name();
        if pattern.matches_with(&name.to_string_lossy(), shell) {
            let path = folder.join(name);
            name_of(&path)?;
            found.push(path);
        }
    }
    Ok(found)
}

fn folders(folder: &Path, count: &mut Count) -> Result<Vec<PathBuf>, SubjectsError> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        count.one()?;
        let entry = entry.map_err(unreadable(folder))?;
        let name = entry.file_name();
        let path = folder.join(&name);
        let is_folder = entry.file_type().map_err(unreadable(&path))?.is_dir();
        if is_folder && !name.as_encoded_bytes().starts_with(b".") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The last component of a path.
pub(super) fn name_of(path: &Path) -> Result<String, SubjectsError> {
    let name = path.file_name().ok_or_else(|| SubjectsError::NoName { path: path.to_owned() })?;
    let name = name.to_str().ok_or_else(|| SubjectsError::NotUtf8 { path: path.to_owned() })?;
    Ok(name.to_owned())
}

pub(super) fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> SubjectsError {
    |source| SubjectsError::Unreadable { path: path.to_owned(), source }
}
