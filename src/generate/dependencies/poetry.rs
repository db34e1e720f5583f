//! poetry.lock, versions 1 and 2.

use toml::Table;
use toml::Value;

use crate::formats::purl::Kind;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::python::packages;
use crate::generate::dependencies::python::qualified;
use crate::generate::dependencies::python::take_files;
use crate::generate::dependencies::python::text_of;
use crate::generate::dependencies::reading::Reading;

/// Reads one. Each file of a package is a dependency of its own: a lock file holds those of all systems.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let lock = reading.toml(text)?;
    let nothing = Table::new();
    let metadata = lock.get("metadata").and_then(Value::as_table).unwrap_or(&nothing);
    let version = metadata.get("lock-version").and_then(Value::as_str).unwrap_or_default();
    if !version.starts_with("1.") && !version.starts_with("2.") {
        return Err(reading.invalid("metadata", "a lock-version of 1 or 2", version));
    }
    for package in packages(reading, &lock)? {
        let (name, version) = (text_of(reading, package, "name")?, text_of(reading, package, "version")?);
        let source = package.get("source").and_then(Value::as_table);
        let place = |key: &str| source.and_then(|source| source.get(key)).and_then(Value::as_str);
        let purl = reading.package(Kind::Pypi, name, version)?;
        let purl = match place("type") {
            Some("directory") => continue,
            Some("git") => {
                let commit = place("resolved_reference").unwrap_or_default();
                reading.take_commit(purl, place("url").unwrap_or_default(), commit)?;
                continue;
            }
            Some("url") => qualified(reading, purl, "download_url", place("url").unwrap_or_default())?,
            Some("legacy") => qualified(reading, purl, "repository_url", place("url").unwrap_or_default())?,
            None | Some("file") => Some(purl),
            Some(_) => {
                reading.unresolved(purl.to_string(), Why::Place)?;
                continue;
            }
        };
        let Some(purl) = purl else { continue };
        // Lock files of Poetry before 1.3 keep the digests in a table of their own.
        let old = || metadata.get("files").and_then(|files| files.get(name)).and_then(Value::as_array);
        let files = package.get("files").and_then(Value::as_array).or_else(old);
        take_files(reading, &purl, files.map_or(&[], Vec::as_slice), |file| file.get("file").and_then(Value::as_str))?;
    }
    Ok(())
}
