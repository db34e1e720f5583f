//! uv.lock, version 1.

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
use crate::generate::dependencies::registries;

/// Reads one. Folders of the checkout are left out; each file of a package is a dependency of its own.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let lock = reading.toml(text)?;
    if lock.get("version").and_then(Value::as_integer) != Some(1) {
        return Err(reading.invalid("version", "a lock file of uv of version 1", "another"));
    }
    for package in packages(reading, &lock)? {
        let name = text_of(reading, package, "name")?;
        let Some(source) = package.get("source").and_then(Value::as_table) else {
            return Err(reading.invalid(format!("the package {name:?}"), "a source", "none"));
        };
        let place = |key: &str| source.get(key).and_then(Value::as_str);
        if ["virtual", "editable", "directory"].iter().any(|key| source.contains_key(*key)) {
            continue;
        }
        let purl = reading.package(Kind::Pypi, name, text_of(reading, package, "version")?)?;
        let purl = if let Some(address) = place("git") {
            let (address, commit) = address.rsplit_once('#').unwrap_or((address, ""));
            reading.take_commit(purl, address, commit)?;
            continue;
        } else if let Some(registry) = place("registry") {
            if registry == registries::PYTHON {
                Some(purl)
            } else {
                qualified(reading, purl, "repository_url", registry)?
            }
        } else if let Some(address) = place("url") {
            qualified(reading, purl, "download_url", address)?
        } else if source.contains_key("path") {
            Some(purl)
        } else {
            reading.unresolved(purl.to_string(), Why::Place)?;
            continue;
        };
        let Some(purl) = purl else { continue };
        let wheels = package.get("wheels").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let files: Vec<Value> = package.get("sdist").into_iter().chain(wheels).cloned().collect();
        take_files(reading, &purl, &files, file_name)?;
    }
    Ok(())
}

/// The last segment of wherever the file is.
fn file_name(file: &Table) -> Option<&str> {
    let place = ["filename", "url", "path"].iter().find_map(|key| file.get(*key)).and_then(Value::as_str)?;
    place.split(['?', '#']).next()?.rsplit('/').next()
}
