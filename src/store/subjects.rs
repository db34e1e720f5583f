//! What the user named, expanded to artifacts.

use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::Reference;
use crate::formats::artifact::checksums::ChecksumsLimits;
use crate::formats::artifact::checksums::parse_checksums;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::artifact::image::ImageNameError;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::image::ImageReference;
use crate::formats::artifact::image::looks_like_image;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Kind;
use crate::formats::oci::platform;
use crate::store::file::read_capped;
use crate::store::hash::HashProgress;
use crate::store::hash::directory_digest;
use crate::store::hash::hash_files;
use crate::store::oci::layout::LayoutFolder;
use crate::store::oci::resolve::need_listed;
use crate::store::oci::resolve::resolve;
use crate::store::subjects::lists::add_lines;
use crate::store::subjects::named::Named;
use crate::store::subjects::named::Origin;
use crate::store::subjects::naming::Rule;
use crate::store::subjects::walk::Count;
use crate::store::subjects::walk::PathPattern;
use crate::store::subjects::walk::files_below;
use crate::store::subjects::walk::name_of;
use crate::store::subjects::walk::unreadable;

pub use error::SubjectsError;
pub use lists::artifacts_list;
pub use lists::base64_subjects;
pub use lists::base64_subjects_in;
pub use lists::checksums;
pub use named::merge;
pub use naming::Naming;
pub use npm::NpmPackageError;

mod error;
mod lists;
mod named;
mod naming;
mod npm;
mod walk;

/// Most files, folders and entries of checksums files that one call looks at.
pub const MAX_ENTRIES: usize = 1_000_000;

/// Largest checksums file, in bytes (256 MiB).
pub const MAX_CHECKSUMS: u64 = 256 << 20;

/// What a directory stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directories {
    /// Each file below it is an artifact.
    EachFile,
    /// The directory is one artifact, with a dirHash.
    Whole,
}

/// How artifacts are made from what the user named.
#[derive(Debug, Clone)]
pub struct SubjectOptions {
    /// Algorithms besides SHA-256, which every file is hashed with.
    pub also: Vec<Algorithm>,
    /// What a directory stands for.
    pub directories: Directories,
    /// Most threads that hash.
    pub threads: NonZeroUsize,
    /// How files and images are named.
    pub naming: Naming,
    /// What an image index of a layout stands for.
    pub platforms: Platforms,
    /// What standard input held, for `@-`; `None` where nobody read it.
    pub stdin: Option<Vec<u8>>,
}

/// What an image index of a layout stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platforms {
    /// The index alone.
    Index,
    /// The index, and each manifest that it lists for a platform, which is named `NAME@DIGEST`.
    Each,
}

/// Whether one of these references is `@-`, so that standard input has to be read for [`SubjectOptions::stdin`].
pub fn needs_stdin(texts: &[String]) -> bool {
    texts.iter().any(|text| Reference::parse(text) == Ok(Reference::Stdin))
}

/// Expands references ([`Reference::parse`]) to artifacts, sorted by name.
///
/// Names, unless [`Naming`] says otherwise:
/// * A file named by its path, or by a pattern, has its file name, whatever folder it lies in, as every generator of
///   provenance does.
/// * A file of a directory has its path below that directory, with `/`.
/// * A directory as a whole has its own name.
/// * An entry of a checksums file has the name written there; the file itself is not looked for.
/// * A digest is its own name.
/// * An image has its registry and repository, without tag and digest. In a layout they are taken from its annotations, and
///   the folder's name is the image's where there are none.
/// * A package of npm has its package URL.
///
/// Two of one name collapse when a digest of one algorithm says that they are the same, and are an error otherwise.
/// A name twice in one checksums file under different algorithms is one artifact.
///
/// Patterns are those of a shell: `*`, `?` and `[…]` stop at `/` and match no leading dot; `**` is any number of folders,
/// and `DIR/**` all files below DIR, hidden ones apart. They name files; a folder that matches is passed over. A file of a pattern's or image's very spelling is that file; when the
/// pattern matches others too, it is an error.
///
/// A directory is read with all its folders and hidden files. A symbolic link below it to a file of the same directory
/// is a file; one to a folder of the same directory is passed over, since that folder's files are taken by their own
/// names; every other link is an error. Links that the user named are followed. What is neither file nor folder is an error.
///
/// # Errors
/// Every [`SubjectsError`]; nothing that was named is left out.
pub fn expand(
    texts: &[String],
    options: &SubjectOptions,
    progress: &(dyn Fn(HashProgress) + Sync),
) -> Result<Vec<Artifact>, SubjectsError> {
    expand_capped(texts, options, progress, MAX_ENTRIES)
}

fn expand_capped(
    texts: &[String],
    options: &SubjectOptions,
    progress: &(dyn Fn(HashProgress) + Sync),
    limit: usize,
) -> Result<Vec<Artifact>, SubjectsError> {
    find(texts, options, limit)?.hashed(options, progress)?.artifacts()
}

/// One thing that references name, found and not hashed yet.
#[derive(Debug, Clone, PartialEq)]
pub enum Located {
    /// A file, by the path at which it was found.
    File(PathBuf),
    /// Digests that the user typed or a checksums file lists, under their name.
    Digests {
        /// The name.
        name: String,
        /// Its digests.
        digests: Vec<Digest>,
    },
    /// An image that was looked up, with the attestations that are attached to it. [`locate`] makes none of these.
    Image {
        /// The name that it was asked for by.
        name: String,
        /// The digest of its manifest or index.
        digest: Digest,
        /// What is attached to it; nothing of it is believed.
        attached: Vec<AttachedAttestation>,
    },
}

/// An attestation that was found attached to an image.
#[derive(Debug, Clone, PartialEq)]
pub struct AttachedAttestation {
    /// Where it was found, as it is shown.
    pub source: String,
    /// What it is, or why it is none.
    pub bundle: Result<Bundle, FormatError>,
}

/// Finds what references name without reading any artifact, so that a caller can look beside each first. A directory
/// stands for each file below it. Files come sorted by path and once each, then digests sorted by name.
///
/// Unlike [`expand`], two files of one name in two folders are two things: nothing is named by a file name here.
///
/// # Errors
/// Every [`SubjectsError`] that does not come of reading an artifact.
pub fn locate(texts: &[String]) -> Result<Vec<Located>, SubjectsError> {
    let options = SubjectOptions {
        also: Vec::new(),
        directories: Directories::EachFile,
        threads: NonZeroUsize::MIN,
        naming: Naming::Basename,
        platforms: Platforms::Index,
        stdin: None,
    };
    let mut found = find(texts, &options, MAX_ENTRIES)?;
    let mut paths: Vec<PathBuf> = found.files.drain(..).map(|(_, path)| path).chain(found.packages).collect();
    paths.sort();
    paths.dedup();
    let digests = found.named.into_digests().map(|(name, digests)| Located::Digests { name, digests });
    let located: Vec<Located> = paths.into_iter().map(Located::File).chain(digests).collect();
    if located.is_empty() { Err(SubjectsError::Empty) } else { Ok(located) }
}

fn find(texts: &[String], options: &SubjectOptions, limit: usize) -> Result<Found, SubjectsError> {
    let mut found = Found {
        count: Count::new(limit),
        directories: options.directories,
        rule: Rule::of(&options.naming)?,
        files: Vec::new(),
        whole: Vec::new(),
        packages: Vec::new(),
        named: Named::new(),
    };
    for text in texts {
        match Reference::parse(text)? {
            Reference::Path(path) => found.typed_path(text, Path::new(&path))?,
            Reference::Glob(pattern) => found.pattern(&pattern)?,
            Reference::Digest(digest) => {
                found.count.one()?;
                found.named.add(digest.to_string(), vec![digest], Origin::Typed)?;
            }
            Reference::Checksums(path) => {
                found.checksums(&read_capped(Path::new(&path), MAX_CHECKSUMS)?, Path::new(&path))?;
            }
            Reference::Stdin => {
                let bytes = options.stdin.as_deref().ok_or(SubjectsError::Stdin)?;
                found.checksums(bytes, Path::new(STDIN))?;
            }
            Reference::Image(name) if fs::symlink_metadata(&name).is_ok() => found.path(Path::new(&name))?,
            Reference::Image(text) => found.image(&text)?,
            Reference::Layout { path, digest } => found.layout(&path, digest.as_ref(), options.platforms)?,
            Reference::Npm(path) => {
                found.count.one()?;
                found.packages.push(path.into());
            }
        }
    }
    Ok(found)
}

/// What errors call standard input.
const STDIN: &str = "standard input";

/// What the references name, before it is hashed.
struct Found {
    /// Files, folders and entries looked at.
    count: Count,
    directories: Directories,
    rule: Rule,
    /// Names and paths.
    files: Vec<(String, PathBuf)>,
    whole: Vec<Whole>,
    /// Packages of npm, by their paths.
    packages: Vec<PathBuf>,
    named: Named,
}

/// A directory that is one artifact.
struct Whole {
    name: String,
    path: PathBuf,
    files: Vec<(String, PathBuf)>,
}

impl Found {
    /// A path as it was typed; what is not there and looks like an image is refused as one.
    fn typed_path(&mut self, text: &str, path: &Path) -> Result<(), SubjectsError> {
        match self.path(path) {
            Err(SubjectsError::Unreadable { source, .. })
                if source.kind() == io::ErrorKind::NotFound && looks_like_image(text) =>
            {
                Err(SubjectsError::ImageUnpinned { text: text.to_owned() })
            }
            other => other,
        }
    }

    fn path(&mut self, path: &Path) -> Result<(), SubjectsError> {
        self.count.one()?;
        let metadata = fs::metadata(path).map_err(unreadable(path))?;
        if !metadata.is_dir() {
            // A pipe or a device is refused when it is opened.
            self.files.push((self.rule.file(path, None)?, path.to_owned()));
            return Ok(());
        }
        let files = files_below(path, self.directories, &mut self.count)?;
        if files.is_empty() {
            return Err(SubjectsError::EmptyDirectory { path: path.to_owned() });
        }
        match self.directories {
            Directories::EachFile => {
                for (below, file) in files {
                    self.files.push((self.rule.file(&path.join(&below), Some(below))?, file));
                }
            }
            Directories::Whole => {
                let name = name_of(&fs::canonicalize(path).map_err(unreadable(path))?)?;
                self.whole.push(Whole { name, path: path.to_owned(), files });
            }
        }
        Ok(())
    }

    /// `REGISTRY/REPOSITORY[:TAG]@DIGEST`, whose tag says nothing that the digest does not.
    fn image(&mut self, text: &str) -> Result<(), SubjectsError> {
        self.count.one()?;
        let refused = |source: ImageNameError| SubjectsError::Image { text: text.to_owned(), source };
        let image = ImageReference::parse(text).map_err(refused)?;
        let digest = image.pinned().map_err(refused)?;
        self.named.add(self.rule.image(&image.name, &digest), vec![digest], Origin::Typed)
    }

    fn layout(&mut self, path: &str, digest: Option<&Digest>, platforms: Platforms) -> Result<(), SubjectsError> {
        self.count.one()?;
        let folder = Path::new(path);
        let layout = LayoutFolder::open(folder)?;
        let location = ImageLocation { place: ImagePlace::Layout(path.to_owned()), tag: None, digest: digest.cloned() };
        let image = resolve(&layout, &location)?.read(&layout)?;
        let known = layout.name_of(&image.digest)?;
        let name = match &known {
            Some(name) => self.rule.image(name, &image.digest),
            None => name_of(&fs::canonicalize(folder).map_err(unreadable(folder))?)?,
        };
        let index = (platforms == Platforms::Each && image.document.kind == Kind::Index).then_some(&image.document);
        let listed = index.map(platform::images).unwrap_or_default();
        for item in listed.into_iter().filter(|item| oci::MANIFESTS.contains(&item.media_type.as_str())) {
            self.count.one()?;
            let digest = need_listed(&layout, item)?.digest;
            let name = match (&known, &self.rule) {
                (Some(name), Rule::Purl) => self.rule.image(name, &digest),
                _ => format!("{name}@{digest}"),
            };
            self.named.add(name, vec![digest], Origin::Path(folder.to_owned()))?;
        }
        self.named.add(name, vec![image.digest], Origin::Path(folder.to_owned()))
    }

    fn pattern(&mut self, text: &str) -> Result<(), SubjectsError> {
        let literal = Path::new(text);
        let exists = fs::symlink_metadata(literal).is_ok();
        let pattern = match PathPattern::parse(text) {
            Ok(pattern) => pattern,
            Err(_) if exists => return self.path(literal),
            Err(error) => {
                return Err(SubjectsError::Pattern { pattern: text.to_owned(), text: error.to_string() });
            }
        };
        let files = pattern.files(&mut self.count)?;
        if exists {
            let mut others = files.into_iter().filter(|file| !same_spelling(file, literal));
            return match others.next() {
                Some(other) => Err(SubjectsError::Ambiguous { text: text.to_owned(), other }),
                None => self.path(literal),
            };
        }
        if files.is_empty() {
            return Err(SubjectsError::NoMatch { pattern: text.to_owned() });
        }
        for file in files {
            self.files.push((self.rule.file(&file, None)?, file));
        }
        Ok(())
    }

    fn checksums(&mut self, bytes: &[u8], path: &Path) -> Result<(), SubjectsError> {
        let entries = parse_checksums(bytes, ChecksumsLimits::STANDARD)
            .map_err(|source| SubjectsError::Checksums { path: path.to_owned(), source })?;
        if entries.is_empty() {
            return Err(SubjectsError::EmptyChecksums { path: path.to_owned() });
        }
        for _ in &entries {
            self.count.one()?;
        }
        add_lines(&mut self.named, entries, path)
    }

    fn hashed(
        mut self,
        options: &SubjectOptions,
        progress: &(dyn Fn(HashProgress) + Sync),
    ) -> Result<Named, SubjectsError> {
        self.files.sort();
        self.files.dedup();
        let mut algorithms = vec![Algorithm::Sha256];
        algorithms.extend(&options.also);
        algorithms.sort();
        algorithms.dedup();
        let (names, paths): (Vec<_>, Vec<_>) = self.files.into_iter().unzip();
        let results = hash_files(&paths, &algorithms, progress, options.threads);
        for ((name, path), digests) in names.into_iter().zip(paths).zip(results) {
            self.named.add(name, digests?, Origin::Path(path))?;
        }
        for path in self.packages {
            let (name, digests) = npm::subject(&path, &options.also)?;
            self.named.add(name, digests, Origin::Path(path))?;
        }
        for Whole { name, path, files } in self.whole {
            let (names, paths): (Vec<_>, Vec<_>) = files.into_iter().unzip();
            let results = hash_files(&paths, &[Algorithm::Sha256], progress, options.threads);
            let digests = results.into_iter().collect::<Result<Vec<_>, _>>()?;
            let lines = names.iter().map(String::as_str).zip(digests.iter().flatten());
            self.named.add(name, vec![directory_digest(lines)?], Origin::Path(path))?;
        }
        Ok(self.named)
    }
}

/// The same path but for `.` components.
fn same_spelling(a: &Path, b: &Path) -> bool {
    let parts = |path: &Path| -> Vec<PathBuf> {
        path.components()
            .filter(|part| *part != Component::CurDir)
            .map(|part| PathBuf::from(part.as_os_str()))
            .collect()
    };
    parts(a) == parts(b)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;
    use crate::store::hash::HashError;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    /// A folder in which each file holds the text after `=`, or its own path.
    fn folder_with(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let (name, text) = file.split_once('=').unwrap_or((file, file));
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn options(directories: Directories) -> SubjectOptions {
        SubjectOptions {
            also: vec![],
            directories,
            threads: NonZeroUsize::new(2).unwrap(),
            naming: Naming::Basename,
            platforms: Platforms::Index,
            stdin: None,
        }
    }

    fn expand_in(
        folder: &tempfile::TempDir,
        texts: &[&str],
        options: &SubjectOptions,
    ) -> Result<Vec<Artifact>, SubjectsError> {
        let place = |text: &&str| match text.strip_prefix('@') {
            Some(path) => format!("@{}", folder.path().join(path).display()),
            None if text.contains(':') && !text.contains('@') => (*text).to_owned(),
            None => folder.path().join(text).to_str().unwrap().to_owned(),
        };
        expand(&texts.iter().map(place).collect::<Vec<_>>(), options, &|_| {})
    }

    fn names(folder: &tempfile::TempDir, texts: &[&str]) -> Vec<String> {
        let artifacts = expand_in(folder, texts, &options(Directories::EachFile)).unwrap();
        artifacts.iter().map(|a| a.name().to_owned()).collect()
    }

    fn refused(folder: &tempfile::TempDir, texts: &[&str]) -> SubjectsError {
        expand_in(folder, texts, &options(Directories::EachFile)).unwrap_err()
    }

    #[test]
    fn files_are_named_by_their_file_name() {
        let folder = folder_with(&["b/app=abc", "a/lib", "b/zip"]);
        let artifacts = expand_in(&folder, &["b/zip", "b/app", "a/lib"], &options(Directories::EachFile)).unwrap();
        assert_eq!(artifacts.iter().map(Artifact::name).collect::<Vec<_>>(), ["app", "lib", "zip"]);
        assert_eq!(artifacts[0].digests().len(), 1);
        assert_eq!(artifacts[0].digest(Algorithm::Sha256).unwrap().hex(), ABC);
    }

    #[test]
    fn other_algorithms_are_added_to_sha256() {
        let folder = folder_with(&["app=abc"]);
        let mut options = options(Directories::EachFile);
        options.also = vec![Algorithm::Sha512, Algorithm::GitBlob, Algorithm::Sha256];
        let artifacts = expand_in(&folder, &["app"], &options).unwrap();
        let found: Vec<_> = artifacts[0].digests().iter().map(Digest::algorithm).collect();
        assert_eq!(found, [Algorithm::GitBlob, Algorithm::Sha256, Algorithm::Sha512]);
        options.also = vec![Algorithm::DirHash];
        assert_eq!(expand_in(&folder, &["app"], &options).unwrap_err().code(), "digest-not-computable");
    }

    #[test]
    fn directories_are_read_whole() {
        let folder = folder_with(&["d/b", "d/a/x", "d/a.b", "d/.hidden", "d/a/y/z"]);
        let expected = [".hidden", "a.b", "a/x", "a/y/z", "b"];
        assert_eq!(names(&folder, &["d"]), expected);
        assert_eq!(names(&folder, &["d/"]), expected);
        assert_eq!(names(&folder, &["d/a/..", "d"]), expected);
        fs::create_dir_all(folder.path().join("empty/inside")).unwrap();
        assert_eq!(refused(&folder, &["empty"]).code(), "subject-empty-directory");
    }

    #[test]
    fn links_below_a_directory_stay_in_it() {
        let folder = folder_with(&["d/a/x=abc", "outside", "dd/x"]);
        let place = |name: &str| folder.path().join(name);
        symlink("a/x", place("d/link")).unwrap();
        symlink("a", place("d/folder")).unwrap();
        symlink("..", place("d/a/up")).unwrap();
        let artifacts = expand_in(&folder, &["d"], &options(Directories::EachFile)).unwrap();
        assert_eq!(artifacts.iter().map(Artifact::name).collect::<Vec<_>>(), ["a/x", "link"]);
        assert_eq!(artifacts[1].digest(Algorithm::Sha256).unwrap().hex(), ABC);
        // The user named this one.
        symlink("d", place("named")).unwrap();
        assert_eq!(names(&folder, &["named"]), ["a/x", "link"]);
        assert_eq!(names(&folder, &["d/link"]), ["link"]);

        for target in ["../outside", "/etc/passwd", "absent", "loop", "..", "../dd/x"] {
            let link = place("d/loop");
            symlink(target, &link).unwrap();
            assert_eq!(refused(&folder, &["d"]).code(), "subject-symlink", "{target}");
            fs::remove_file(link).unwrap();
        }
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let folder = folder_with(&["d/a"]);
        let pipe = folder.path().join("d/pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(refused(&folder, &["d/pipe"]), SubjectsError::Hash(HashError::File(_))));
        assert!(matches!(refused(&folder, &["d"]), SubjectsError::Hash(HashError::File(_))));
        assert!(matches!(refused(&folder, &["@d/pipe"]), SubjectsError::File(_)));
        assert!(matches!(refused(&folder, &["@d"]), SubjectsError::File(_)));
        assert_eq!(refused(&folder, &["absent"]).code(), "subject-not-found");
        assert_eq!(refused(&folder, &["d/a/b"]).code(), "subject-unreadable");
        fs::remove_file(pipe).unwrap();
        fs::write(folder.path().join("d").join(OsStr::from_bytes(b"\xff")), "x").unwrap();
        assert_eq!(refused(&folder, &["d"]).code(), "subject-not-utf8");
        assert_eq!(refused(&folder, &["d/*"]).code(), "subject-not-utf8");
        assert_eq!(refused(&folder, &["**"]).code(), "subject-not-utf8");
        assert_eq!(names(&folder, &["d/[a-z]"]), ["a"]);
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        let folder = folder_with(&["a.tar", "b.tar", ".c.tar", "x/d.tar", "x/y/e.tar"]);
        assert_eq!(names(&folder, &["*.tar"]), ["a.tar", "b.tar"]);
        assert_eq!(names(&folder, &["*"]), ["a.tar", "b.tar"]);
        assert_eq!(names(&folder, &[".*"]), [".c.tar"]);
        assert_eq!(names(&folder, &["x/**"]), ["d.tar", "e.tar"]);
        assert_eq!(names(&folder, &["x/**/**/y/**/e.tar", "./x/../a*"]), ["a.tar", "e.tar"]);
        assert_eq!(names(&folder, &["**/*.tar"]), ["a.tar", "b.tar", "d.tar", "e.tar"]);
        assert_eq!(names(&folder, &["[ab].tar", "a.ta?", "x/*/e.tar"]), ["a.tar", "b.tar", "e.tar"]);
        assert_eq!(refused(&folder, &["a.tar", "*.zip"]).code(), "subject-no-match");
        assert_eq!(refused(&folder, &["x/[y]"]).code(), "subject-no-match");
        assert_eq!(refused(&folder, &["a[.tar"]).code(), "subject-bad-pattern");
    }

    #[test]
    fn a_file_with_the_spelling_of_a_pattern_is_never_another_file() {
        let folder = folder_with(&["app[1]", "broken[", "d/star*"]);
        assert_eq!(names(&folder, &["app[1]", "broken[", "d/star*"]), ["app[1]", "broken[", "star*"]);
        fs::write(folder.path().join("app1"), "other").unwrap();
        assert_eq!(refused(&folder, &["app[1]"]).code(), "subject-ambiguous");
        fs::write(folder.path().join("d/stars"), "other").unwrap();
        assert_eq!(refused(&folder, &["d/star*"]).code(), "subject-ambiguous");
    }

    #[test]
    fn digests_and_images() {
        let folder = folder_with(&["x@sha256:00"]);
        let upper = format!("sha256:{}", ABC.to_uppercase());
        assert_eq!(names(&folder, &[&upper, &format!("sha256:{ABC}")]), [format!("sha256:{ABC}")]);
        let weak = format!("sha1:{}", &ABC[..40]);
        assert_eq!(refused(&folder, &[&weak]).code(), "artifact-weak-digest");
        let commit = format!("gitCommit:{}", &ABC[..40]);
        assert_eq!(names(&folder, &[&commit]), [commit]);
        assert_eq!(refused(&folder, &["sha256:00"]).code(), "reference-bad-digest");
        assert_eq!(names(&folder, &["x@sha256:00"]), ["x@sha256:00"]);
    }

    #[test]
    fn checksums_files_name_artifacts_that_are_elsewhere() {
        let sums = format!("sums={ABC}  z/app\n{EMPTY} *b\nSHA512 (b) = {}\n", "0".repeat(128));
        let folder = folder_with(&[&sums, "bad=x", "none=# nothing\n"]);
        let artifacts = expand_in(&folder, &["@sums"], &options(Directories::EachFile)).unwrap();
        assert_eq!(artifacts.iter().map(Artifact::name).collect::<Vec<_>>(), ["b", "z/app"]);
        assert_eq!(artifacts[0].digests().len(), 2);
        assert_eq!(refused(&folder, &["@bad"]).code(), "checksums-malformed-line");
        assert_eq!(refused(&folder, &["@none"]).code(), "subject-empty-checksums");
        assert!(matches!(refused(&folder, &["@absent"]), SubjectsError::File(_)));
    }

    #[test]
    fn one_name_is_one_artifact() {
        let sums = format!("sums={ABC}  app\nSHA512 (app) = {}\n", "0".repeat(128));
        let other = format!("other={EMPTY}  app\n");
        let tagged = format!("tagged=SHA384 (app) = {}\n", "0".repeat(96));
        let folder = folder_with(&["a/app=abc", "b/app=abc", "c/app=xyz", &sums, &other, &tagged]);
        assert_eq!(names(&folder, &["a/app", "b/app", "a/app"]), ["app"]);
        let merged = expand_in(&folder, &["a/app", "@sums"], &options(Directories::EachFile)).unwrap();
        assert_eq!(merged[0].digests().len(), 2);
        for texts in [["a/app", "c/app"], ["a/app", "@other"], ["@sums", "@other"], ["a/app", "@tagged"]] {
            assert_eq!(refused(&folder, &texts).code(), "subject-conflict", "{texts:?}");
        }
        let text = refused(&folder, &["*/app"]).to_string();
        assert!(text.contains("a/app and ") && text.contains("c/app, which"), "{text}");
        let text = refused(&folder, &["c/app", "@sums"]).to_string();
        assert!(text.contains("sums line 1 and ") && text.contains("c/app, which"), "{text}");
        assert_eq!(names(&folder, &["."]), { ["a/app", "b/app", "c/app", "other", "sums", "tagged"] });
    }

    #[test]
    fn a_directory_can_be_one_artifact() {
        let folder = folder_with(&["tree/b=abc", "tree/a/c=", "file=abc"]);
        let whole = options(Directories::Whole);
        let artifacts = expand_in(&folder, &["tree/a/..", "file"], &whole).unwrap();
        assert_eq!(artifacts.iter().map(Artifact::name).collect::<Vec<_>>(), ["file", "tree"]);
        let lines = format!("{EMPTY}  a/c\n{ABC}  b\n");
        let expected: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(lines).into();
        assert_eq!(artifacts[1].digests(), [Digest::new(Algorithm::DirHash, expected.to_vec()).unwrap()]);
        symlink("b", folder.path().join("tree/link")).unwrap();
        assert_eq!(expand_in(&folder, &["tree"], &whole).unwrap_err().code(), "subject-symlink");
    }

    #[test]
    fn work_is_capped() {
        let sums = format!("sums={ABC}  x\n{ABC}  y\n{ABC}  z\n");
        let folder = folder_with(&["d/a", "d/b", "d/c/e", &sums]);
        let run = |text: &str, limit| {
            let text = text.replace("PATH", folder.path().to_str().unwrap());
            expand_capped(&[text], &options(Directories::EachFile), &|_| {}, limit).map(|a| a.len())
        };
        // The directory itself, three files and a folder.
        assert_eq!(run("PATH/d", 5).unwrap(), 3);
        assert_eq!(run("PATH/d", 4).unwrap_err().code(), "subject-too-many");
        assert_eq!(run("@PATH/sums", 3).unwrap(), 3);
        assert_eq!(run("@PATH/sums", 2).unwrap_err().code(), "subject-too-many");
        // Three entries listed, three that match.
        assert_eq!(run("PATH/d/?", 6).unwrap(), 2);
        assert_eq!(run("PATH/d/?", 5).unwrap_err().code(), "subject-too-many");
    }

    fn artifacts(folder: &tempfile::TempDir, texts: &[&str], options: &SubjectOptions) -> Vec<(String, String)> {
        let found = expand_in(folder, texts, options).unwrap();
        found.iter().map(|one| (one.name().to_owned(), one.digests()[0].to_string())).collect()
    }

    fn named_by(naming: Naming) -> SubjectOptions {
        SubjectOptions { naming, ..options(Directories::EachFile) }
    }

    #[test]
    fn names_are_relative_to_a_folder() {
        let folder = folder_with(&["out/a/app=abc", "out/b/app=xyz", "out/top=abc", "else/app"]);
        let place = |name: &str| folder.path().join(name);
        let relative = named_by(Naming::Relative(place("out/b/..")));
        let names = |texts: &[&str]| {
            let found = expand_in(&folder, texts, &relative)?;
            Ok::<_, SubjectsError>(found.iter().map(|one| one.name().to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["out/*/app", "out/top"]).unwrap(), ["a/app", "b/app", "top"]);
        assert_eq!(names(&["out/a", "else/../out/b"]).unwrap(), ["a/app", "b/app"]);
        assert_eq!(names(&["out"]).unwrap(), ["a/app", "b/app", "top"]);
        assert_eq!(names(&["else/app"]).unwrap_err().code(), "subject-outside-root");
        assert_eq!(names(&["out/a", "else"]).unwrap_err().code(), "subject-outside-root");
        symlink("../a/app", place("out/b/link")).unwrap();
        symlink("../out/b", place("else/door")).unwrap();
        assert_eq!(names(&["out/b/link", "else/door/app"]).unwrap(), ["b/app", "b/link"]);
        let gone = named_by(Naming::Relative(place("absent")));
        assert_eq!(expand_in(&folder, &["out/top"], &gone).unwrap_err().code(), "subject-not-found");
        // By their file names the two are a conflict.
        assert_eq!(refused(&folder, &["out/*/app"]).code(), "subject-conflict");
    }

    #[test]
    fn names_are_package_urls() {
        let folder = folder_with(&["d/app-1.0.0.crate", "d/bin/tool"]);
        let names = |texts: &[&str]| -> Vec<String> {
            artifacts(&folder, texts, &named_by(Naming::Purl)).into_iter().map(|one| one.0).collect()
        };
        assert_eq!(names(&["d"]), ["pkg:cargo/app@1.0.0", "pkg:generic/bin/tool"]);
        assert_eq!(names(&["d/bin/*"]), ["pkg:generic/tool"]);
        let image = format!("ghcr.io/acme/app:v1@sha256:{ABC}");
        let found = expand(&[image], &named_by(Naming::Purl), &|_| {}).unwrap();
        assert_eq!(found[0].name(), format!("pkg:oci/app@sha256%3A{ABC}?repository_url=ghcr.io/acme/app"));
    }

    #[test]
    fn images_are_named_by_repository_and_pinned() {
        let options = options(Directories::EachFile);
        let of = |text: &str| expand(&[text.to_owned()], &options, &|_| {});
        for text in ["ghcr.io/Acme/App", "ghcr.io/acme/app:v1", "GHCR.IO/acme/app"] {
            let found = of(&format!("{text}@sha256:{ABC}")).unwrap();
            assert_eq!((found[0].name(), found[0].digests()[0].hex().as_str()), ("ghcr.io/acme/app", ABC));
        }
        assert_eq!(of(&format!("debian@sha256:{ABC}")).unwrap()[0].name(), "index.docker.io/library/debian");
        for tag in ["ghcr.io/sealmark-test/app:v1", "ghcr.io/sealmark-test/app", "debian:bookworm", "localhost:5000/x"]
        {
            assert_eq!(of(tag).unwrap_err().code(), "subject-image-unpinned", "{tag}");
        }
        assert_eq!(of("absent/app").unwrap_err().code(), "subject-not-found");
        for bad in ["x y@sha256:00".to_owned(), "x@sha256:00".to_owned(), format!("x@gitCommit:{}", &ABC[..40])] {
            assert_eq!(of(&bad).unwrap_err().code(), "subject-image-invalid", "{bad}");
        }
        // Two tags of one repository are two contents of one name.
        let two = [format!("acme/app:1@sha256:{ABC}"), format!("acme/app:2@sha256:{EMPTY}")];
        assert_eq!(expand(&two, &options, &|_| {}).unwrap_err().code(), "subject-conflict");
        let located = locate(&two[..1]).unwrap();
        assert!(matches!(&located[0], Located::Digests { name, .. } if name == "index.docker.io/acme/app"));
    }

    /// An image layout with an index of two platforms and one attestation about the first; `annotation` names it.
    fn layout(annotation: &str) -> (tempfile::TempDir, String, Vec<String>) {
        let folder = folder_with(&[r#"out/oci-layout={"imageLayoutVersion":"1.0.0"}"#]);
        let blob = |text: &str| {
            let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(text));
            let path = folder.path().join("out/blobs/sha256").join(&digest);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            (format!("sha256:{digest}"), text.len())
        };
        let descriptor = |kind: &str, (digest, size): &(String, usize), annotations: &str| {
            let media = format!("application/vnd.oci.image.{kind}.v1+json");
            let attests = annotations.contains("attestation-manifest");
            let platform = if attests { r#","platform":{"os":"unknown","architecture":"unknown"}"# } else { "" };
            format!(
                r#"{{"mediaType":"{media}","digest":"{digest}","size":{size},"annotations":{{{annotations}}}{platform}}}"#
            )
        };
        let manifests = ["amd64", "arm64", "about"].map(|one| blob(&format!(r#"{{"layers":[],"x":"{one}"}}"#)));
        let about = r#""vnd.docker.reference.type":"attestation-manifest""#;
        let items = manifests.iter().zip(["", "", about]).map(|(one, note)| descriptor("manifest", one, note));
        let index = blob(&format!(r#"{{"manifests":[{}]}}"#, items.collect::<Vec<_>>().join(",")));
        let top = format!(r#"{{"manifests":[{}]}}"#, descriptor("index", &index, annotation));
        fs::write(folder.path().join("out/index.json"), top).unwrap();
        (folder, index.0, manifests.into_iter().map(|one| one.0).collect())
    }

    #[test]
    fn a_layout_is_one_image() {
        let name = |annotation: &str, options: &SubjectOptions| {
            let (folder, index, _) = layout(annotation);
            let text = format!("oci-layout:{}", folder.path().join("out").display());
            let found = expand(std::slice::from_ref(&text), options, &|_| {}).unwrap();
            assert_eq!(found.len(), 1);
            assert_eq!(found[0].digests()[0].to_string(), index);
            assert!(matches!(locate(&[text]).unwrap().as_slice(), [Located::Digests { .. }]));
            found[0].name().to_owned()
        };
        let plain = options(Directories::EachFile);
        let tag = r#""org.opencontainers.image.ref.name":"v1.0""#;
        let full = r#""org.opencontainers.image.ref.name":"ghcr.io/Acme/App:v1.0""#;
        let containerd =
            r#""io.containerd.image.name":"docker.io/library/debian:12","org.opencontainers.image.ref.name":"12""#;
        assert_eq!(name("", &plain), "out");
        assert_eq!(name(tag, &plain), "out");
        assert_eq!(name(full, &plain), "ghcr.io/acme/app");
        assert_eq!(name(containerd, &plain), "index.docker.io/library/debian");
        assert!(name(full, &named_by(Naming::Purl)).starts_with("pkg:oci/app@sha256%3A"));
    }

    #[test]
    fn manifests_of_platforms_are_subjects_when_asked_for() {
        let (folder, index, manifests) = layout(r#""org.opencontainers.image.ref.name":"ghcr.io/acme/app:1""#);
        let text = format!("oci-layout:{}", folder.path().join("out").display());
        let each = SubjectOptions { platforms: Platforms::Each, ..options(Directories::EachFile) };
        let found = expand(std::slice::from_ref(&text), &each, &|_| {}).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.name().to_owned(), one.digests()[0].to_string())).collect();
        let mut expected = vec![("ghcr.io/acme/app".to_owned(), index)];
        expected.extend(manifests.iter().take(2).map(|one| (format!("ghcr.io/acme/app@{one}"), one.clone())));
        expected.sort();
        assert_eq!(found, expected);
        // One of them by its digest.
        let one = [format!("{text}@{}", manifests[1])];
        let found = expand(&one, &options(Directories::EachFile), &|_| {}).unwrap();
        assert_eq!((found[0].name(), found[0].digests()[0].to_string()), ("out", manifests[1].clone()));
        // A manifest that is not what its digest says is no subject.
        let path = folder.path().join("out/blobs/sha256").join(&manifests[0]["sha256:".len()..]);
        fs::write(path, r#"{"layers":[],"x":"AMD64"}"#).unwrap();
        assert_eq!(expand(&[text], &each, &|_| {}).unwrap_err().code(), "image-content-digest");
    }

    #[test]
    fn layouts_with_several_images_list_them() {
        let (folder, index, manifests) = layout("");
        let entry = |media: &str, digest: &str| {
            let hex = &digest["sha256:".len()..];
            let size = fs::metadata(folder.path().join("out/blobs/sha256").join(hex)).unwrap().len();
            format!(r#"{{"mediaType":"application/vnd.oci.image.{media}.v1+json","digest":"{digest}","size":{size}}}"#)
        };
        let top = format!(r#"{{"manifests":[{},{}]}}"#, entry("index", &index), entry("manifest", &manifests[0]));
        fs::write(folder.path().join("out/index.json"), top).unwrap();
        let text = format!("oci-layout:{}", folder.path().join("out").display());
        let expand = |text: String| expand(&[text], &options(Directories::EachFile), &|_| {});
        let error = expand(text.clone()).unwrap_err();
        assert_eq!(error.code(), "layout-image-ambiguous");
        assert!(error.to_string().contains(&index) && error.to_string().contains(&manifests[0]), "{error}");
        assert_eq!(expand(format!("{text}@{index}")).unwrap().len(), 1);
        assert_eq!(expand(format!("{text}@sha256:{ABC}")).unwrap_err().code(), "image-missing");
        assert_eq!(expand(format!("{text}/nowhere")).unwrap_err().code(), "layout-missing");
    }

    #[test]
    fn standard_input_is_handed_in() {
        let text = ["@-".to_owned()];
        let mut options = options(Directories::EachFile);
        assert_eq!(expand(&text, &options, &|_| {}).unwrap_err().code(), "subject-stdin");
        assert_eq!(locate(&text).unwrap_err().code(), "subject-stdin");
        options.stdin = Some(format!("{ABC}  app\n").into_bytes());
        assert_eq!(expand(&text, &options, &|_| {}).unwrap()[0].name(), "app");
        options.stdin = Some(b"x".to_vec());
        let error = expand(&text, &options, &|_| {}).unwrap_err();
        assert_eq!(error.code(), "checksums-malformed-line");
        assert!(error.to_string().starts_with("standard input: line 1"), "{error}");
        options.stdin = Some(Vec::new());
        assert_eq!(expand(&text, &options, &|_| {}).unwrap_err().code(), "subject-empty-checksums");
        assert!(needs_stdin(&["a".to_owned(), "@-".to_owned()]) && !needs_stdin(&["@a".to_owned(), "-".to_owned()]));
    }

    #[test]
    fn nothing_is_an_error() {
        let nothing = expand(&[], &options(Directories::EachFile), &|_| {});
        assert_eq!(nothing.unwrap_err().code(), "subject-empty");
        assert_eq!(
            expand(&[String::new()], &options(Directories::EachFile), &|_| {}).unwrap_err().code(),
            "reference-empty"
        );
    }
}
