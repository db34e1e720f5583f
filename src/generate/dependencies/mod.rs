//! What went into a build, as the files of its checkout lock it: lock files, workflows, container files.
//!
//! One file for each format reads text into [`Found`]: what it pins by digest, and what it names without one.
//! [`Collection`] joins the files of a checkout. What a lock file says is what was locked, not what was fetched; the
//! file itself is listed with its digest, so that a reader can hold the list against it.

mod actions;
mod berry;
mod cargo;
mod collection;
mod dockerfile;
mod gems;
mod go;
mod gradle;
mod image;
mod manifests;
mod npm;
mod pipenv;
mod pnpm;
mod poetry;
mod python;
mod reading;
mod registries;
mod requirements;
mod uv;
mod xml;
mod yaml;
mod yarn;

use std::fmt;

use serde::Serialize;

pub use collection::Collected;
pub use collection::Collection;
pub use collection::Collector;

use crate::formats::digest::Digest;
use crate::generate::dependencies::reading::Reading;

/// Longest file that is read, in bytes (64 MiB). Large lock files of npm have about 5 MiB.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Most dependencies of one checkout, and most names without a digest.
pub const MAX_DEPENDENCIES: usize = 200_000;

/// Longest piece of a file that an error or a report repeats, in characters.
const MAX_SHOWN: usize = 100;

/// Why a file that lists dependencies cannot be used. Nothing is left out quietly: a list that is partly read would pass for
/// the whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DependencyError {
    /// It is not what its name says.
    #[error("{file}, {at}: expected {expected}, found {found}")]
    Invalid {
        /// Path in the checkout.
        file: String,
        /// Where in the file: a line, or the entry.
        at: String,
        /// What should be there.
        expected: &'static str,
        /// What is there, cut to 100 characters.
        found: String,
    },
    /// One package of one version, two contents.
    #[error(transparent)]
    Conflict(Box<Conflict>),
    /// More than is collected.
    #[error("{file}: expected at most {limit} dependencies in one checkout, found more")]
    TooMany {
        /// The file that has one too many.
        file: String,
        /// The cap.
        limit: usize,
    },
}

/// Two contents of what can have only one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected one content, found {first} in {first_file} and {second} in {second_file}")]
pub struct Conflict {
    /// The package.
    pub what: String,
    /// The one digest.
    pub first: Digest,
    /// Where it stands.
    pub first_file: String,
    /// The other digest, of the same algorithm.
    pub second: Digest,
    /// Where that stands.
    pub second_file: String,
}

impl DependencyError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { .. } => "dependency-file-invalid",
            Self::Conflict(_) => "dependency-conflict",
            Self::TooMany { .. } => "dependency-too-many",
        }
    }
}

/// Something that a file names and that no digest pins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Unresolved {
    /// Path of the file in the checkout.
    pub file: String,
    /// What it names: a package URL where there is one, else as the file writes it, at most 100 characters.
    pub what: String,
    /// Why it is not pinned.
    pub why: Why,
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}: {}", self.what, self.file, self.why)
    }
}

/// Why something is not pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Why {
    /// The file has no digest for it.
    NoDigest,
    /// It has none but what is too weak to bind, such as SHA-1. The dependency is listed with it all the same.
    WeakDigest,
    /// It is named by something that can move: a tag, a branch, a range of versions.
    Moving,
    /// Its name is computed when the build runs.
    Computed,
    /// It comes from somewhere that cannot be named without doubt, such as an address with credentials inside.
    Place,
    /// The file accepts several contents for it.
    Several,
    /// The file declares dependencies, and nothing beside it locks them.
    NoLock,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoDigest => "the file has no digest for it",
            Self::WeakDigest => "its only digest is too weak to bind it",
            Self::Moving => "a name that can move to another content",
            Self::Computed => "its name is computed when the build runs",
            Self::Place => "it comes from a place that cannot be named without doubt",
            Self::Several => "the file accepts several contents",
            Self::NoLock => "no lock file pins what it declares",
        })
    }
}

impl Serialize for Why {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

/// A format of files that list dependencies.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    name: &'static str,
    matches: fn(&str) -> bool,
    read: fn(&mut Reading<'_>, &str) -> Result<(), DependencyError>,
}

/// Every format, in no order: no two match one path.
const FORMATS: &[Format] = &[
    Format { name: "Cargo.lock", matches: |path| base(path) == "Cargo.lock", read: cargo::read },
    Format {
        name: "package-lock.json",
        matches: |path| ["package-lock.json", "npm-shrinkwrap.json"].contains(&base(path)),
        read: npm::read,
    },
    Format { name: "pnpm-lock.yaml", matches: |path| base(path) == "pnpm-lock.yaml", read: pnpm::read },
    Format { name: "yarn.lock", matches: |path| base(path) == "yarn.lock", read: yarn::read },
    Format { name: "go.sum", matches: |path| ["go.sum", "go.work.sum"].contains(&base(path)), read: go::read },
    Format { name: "poetry.lock", matches: |path| base(path) == "poetry.lock", read: poetry::read },
    Format { name: "uv.lock", matches: |path| base(path) == "uv.lock", read: uv::read },
    Format { name: "Pipfile.lock", matches: |path| base(path) == "Pipfile.lock", read: pipenv::read },
    Format { name: "requirements.txt", matches: requirements::matches, read: requirements::read },
    Format {
        name: "Gemfile.lock",
        matches: |path| ["Gemfile.lock", "gems.locked"].contains(&base(path)),
        read: gems::read,
    },
    Format {
        name: "gradle.lockfile",
        matches: |path| ["gradle.lockfile", "buildscript-gradle.lockfile"].contains(&base(path)),
        read: gradle::read,
    },
    Format {
        name: "verification-metadata.xml",
        matches: |path| {
            path == "gradle/verification-metadata.xml" || path.ends_with("/gradle/verification-metadata.xml")
        },
        read: gradle::read_verification,
    },
    Format { name: "workflow of GitHub Actions", matches: actions::matches_workflow, read: actions::read_workflow },
    Format {
        name: "action of GitHub Actions",
        matches: |path| ["action.yml", "action.yaml"].contains(&base(path)) && !actions::matches_workflow(path),
        read: actions::read_action,
    },
    Format { name: "Dockerfile", matches: dockerfile::matches, read: dockerfile::read },
    Format { name: "manifest without a lock file", matches: manifests::matches, read: manifests::read },
];

impl Format {
    /// The format of the file at a path in the checkout (separated by `/`), when it is one that is collected.
    pub fn of(path: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| (format.matches)(path))
    }

    /// Its name, as it stands in provenance.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Reads one file; `file` is its path in the checkout.
    ///
    /// # Errors
    /// `dependency-file-invalid`, and `dependency-too-many` when it alone holds more than [`MAX_DEPENDENCIES`].
    pub fn read(&self, file: &str, bytes: &[u8]) -> Result<Found, DependencyError> {
        let mut reading = Reading::new(file);
        if bytes.len() > MAX_BYTES {
            return Err(reading.invalid("the whole file", "at most 64 MiB", format!("{} bytes", bytes.len())));
        }
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = bytes.iter().take(error.valid_up_to()).filter(|byte| **byte == b'\n').count() + 1;
            reading.invalid(format!("line {line}"), "UTF-8", "other bytes")
        })?;
        (self.read)(&mut reading, text.strip_prefix('\u{feff}').unwrap_or(text))?;
        Ok(reading.found())
    }
}

/// What one file names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// What it pins, in the order of the file; one thing may stand there twice.
    pub items: Vec<Item>,
    /// What it does not pin.
    pub unresolved: Vec<Unresolved>,
}

/// One thing that a file pins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its package URL.
    pub uri: String,
    /// Its own name, where the package URL does not say it exactly.
    pub name: Option<String>,
    /// Its digests, at least one.
    pub digests: Vec<Digest>,
    /// What the digests are of, when that is not the package as its registry serves it.
    pub digest_of: Option<&'static str>,
}

/// The last segment of a path.
fn base(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A text as errors and reports show it: at most [`MAX_SHOWN`] characters.
fn shown(text: &str) -> String {
    if text.chars().nth(MAX_SHOWN).is_none() {
        return text.to_owned();
    }
    text.chars().take(MAX_SHOWN).chain("…".chars()).collect()
}

#[cfg(test)]
mod tests;
