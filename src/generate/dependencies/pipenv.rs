//! Pipfile.lock.

use serde_json::Value;

use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;

/// The specification that is read.
const SPEC: u64 = 6;

/// Reads one. It names the digests of a package's files and not the files, so each digest is a dependency of its own, told
/// from the others by the qualifier `checksum`.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let lock = reading.json(text)?;
    if lock.get("_meta").and_then(|meta| meta.get("pipfile-spec")).and_then(Value::as_u64) != Some(SPEC) {
        return Err(reading.invalid("_meta", "a pipfile-spec of 6", "another"));
    }
    for (category, packages) in lock.iter().filter(|(key, _)| *key != "_meta") {
        let Some(packages) = packages.as_object() else {
            return Err(reading.invalid(category, "an object", "something else"));
        };
        for (name, package) in packages {
            self::package(reading, name, package)?;
        }
    }
    Ok(())
}

fn package(reading: &mut Reading<'_>, name: &str, package: &Value) -> Result<(), DependencyError> {
    let text = |key: &str| package.get(key).and_then(Value::as_str);
    if !package.is_object() {
        return Err(reading.invalid(name, "an object", "something else"));
    }
    let unnamed = |reading: &Reading<'_>| {
        Purl::new(Kind::Pypi, name).ok_or_else(|| reading.invalid(name, "the name of a package", name))
    };
    if let Some(address) = text("git") {
        let purl = unnamed(reading)?;
        return reading.take_commit(purl, address, text("ref").unwrap_or_default());
    }
    let Some(version) = text("version").and_then(|version| version.strip_prefix("==")) else {
        if text("path").is_some() {
            return Ok(());
        }
        let purl = unnamed(reading)?;
        return reading.unresolved(purl.to_string(), Why::Moving);
    };
    let purl = reading.package(Kind::Pypi, name, version)?;
    let hashes = package.get("hashes").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    take_hashes(reading, &purl, hashes.iter().map(|hash| hash.as_str().unwrap_or_default()))
}

/// Takes one dependency for each digest that a package may have; without any it counts as unresolved.
pub(super) fn take_hashes<'a>(
    reading: &mut Reading<'_>,
    purl: &Purl,
    hashes: impl Iterator<Item = &'a str>,
) -> Result<(), DependencyError> {
    let mut some = false;
    for hash in hashes {
        some = true;
        let digest = reading.tagged(&purl.to_string(), hash)?;
        let of_file = reading.qualified(purl.clone(), "checksum", hash)?;
        reading.take(&of_file, vec![digest])?;
    }
    if some { Ok(()) } else { reading.unresolved(purl.to_string(), Why::NoDigest) }
}
