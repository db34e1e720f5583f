//! Cargo.lock, versions 1 to 4.

use toml::Table;
use toml::Value;

use crate::formats::digest::Algorithm;
use crate::formats::purl::Kind;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::reading::public_url;
use crate::generate::dependencies::registries;

/// Reads one. Packages without a source are of the workspace, or lie at a path beside it: left out.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let lock = reading.toml(text)?;
    match lock.get("version").map_or(Some(1), Value::as_integer) {
        Some(1..=4) => {}
        other => {
            let found = other.map_or_else(|| "no number".to_owned(), |version| version.to_string());
            return Err(reading.invalid("version", "a lock file of Cargo of version 1 to 4", found));
        }
    }
    let nothing = Table::new();
    let metadata = lock.get("metadata").and_then(Value::as_table).unwrap_or(&nothing);
    let packages = match lock.get("package") {
        None => return Ok(()),
        Some(Value::Array(packages)) => packages,
        Some(other) => return Err(reading.invalid("package", "an array of tables", other.type_str())),
    };
    for (n, package) in packages.iter().enumerate() {
        let at = format!("package {}", n + 1);
        let text = |key: &str| match package.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(reading.invalid(format!("{at}, {key}"), "a text", other.type_str())),
        };
        let missing = |key: &str| reading.invalid(&at, "a name and a version", format!("no {key}"));
        let name = text("name")?.ok_or_else(|| missing("name"))?;
        let version = text("version")?.ok_or_else(|| missing("version"))?;
        let Some(source) = text("source")? else { continue };
        // Versions 1 and 2 keep the digests in a table of their own.
        let old = || metadata.get(&format!("checksum {name} {version} ({source})")).and_then(Value::as_str);
        let checksum = text("checksum")?.or_else(old);
        self::package(reading, (name, version), source, checksum)?;
    }
    Ok(())
}

fn package(
    reading: &mut Reading<'_>,
    (name, version): (&str, &str),
    source: &str,
    checksum: Option<&str>,
) -> Result<(), DependencyError> {
    let purl = reading.package(Kind::Cargo, name, version)?;
    let (kind, address) = source.split_once('+').unwrap_or(("", source));
    match kind {
        "git" => {
            let (address, commit) = address.rsplit_once('#').unwrap_or((address, ""));
            reading.take_commit(purl, address, commit)
        }
        "registry" | "sparse" => {
            let Some(address) = public_url(address) else { return reading.unresolved(purl.to_string(), Why::Place) };
            let elsewhere = !registries::CARGO.contains(&address.as_str());
            let purl = if elsewhere { reading.qualified(purl, "repository_url", &address)? } else { purl };
            let digest = checksum.map(|hex| reading.hex(&purl.to_string(), Algorithm::Sha256, hex)).transpose()?;
            reading.take(&purl, digest.into_iter().collect())
        }
        _ => reading.unresolved(purl.to_string(), Why::Place),
    }
}
