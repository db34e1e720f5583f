//! Manifests that declare dependencies, for when nothing locks them.

use serde_json::Value;

use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::base;
use crate::generate::dependencies::reading::Reading;

/// A kind of manifest.
struct Row {
    name: &'static str,
    /// One of them locks it, in its folder or one above it.
    locks: &'static [&'static str],
    /// It has one of these texts when it declares anything.
    words: &'static [&'static str],
}

const TABLE: &[Row] = &[
    Row { name: "Cargo.toml", locks: &["Cargo.lock"], words: &["dependencies]", "dependencies."] },
    Row {
        name: "package.json",
        locks: &["package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock"],
        words: &[],
    },
    Row { name: "go.mod", locks: &["go.sum"], words: &["require"] },
    Row {
        name: "pyproject.toml",
        locks: &["poetry.lock", "uv.lock", "Pipfile.lock"],
        words: &["dependencies", "requires"],
    },
    Row { name: "Pipfile", locks: &["Pipfile.lock"], words: &["packages]"] },
    Row { name: "Gemfile", locks: &["Gemfile.lock"], words: &["gem "] },
    Row { name: "build.gradle", locks: GRADLE, words: &["dependencies", "plugins"] },
    Row { name: "build.gradle.kts", locks: GRADLE, words: &["dependencies", "plugins"] },
    // Maven has no lock file.
    Row { name: "pom.xml", locks: &[], words: &["<dependency>", "<plugin>", "<parent>"] },
];

const GRADLE: &[&str] = &["gradle.lockfile", "verification-metadata.xml"];

fn row(path: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == base(path))
}

/// Whether a file is one.
pub(super) fn matches(path: &str) -> bool {
    row(path).is_some()
}

/// Whether one of the files that were found locks a manifest.
pub(super) fn is_locked(manifest: &str, files: &[&str]) -> bool {
    let Some(row) = row(manifest) else { return false };
    let folder = folder_of(manifest);
    files.iter().filter(|file| row.locks.contains(&base(file))).any(|file| {
        let mut above = folder_of(file);
        if base(file) == "verification-metadata.xml" {
            above = folder_of(above);
        }
        above.is_empty() || folder == above || folder.starts_with(&format!("{above}/"))
    })
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Reads one: it counts as unresolved when it declares anything.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let Some(row) = row(reading.file()) else { return Ok(()) };
    let declares = match row.name {
        // What cannot be read declares nobody knows what.
        "package.json" => reading.json(text).map_or(true, |manifest| {
            let some = |key: &str| manifest.get(key).and_then(Value::as_object).is_some_and(|map| !map.is_empty());
            ["dependencies", "devDependencies", "optionalDependencies"].iter().any(|key| some(key))
        }),
        _ => row.words.iter().any(|word| text.contains(word)),
    };
    if declares { reading.unresolved(row.name, Why::NoLock) } else { Ok(()) }
}
