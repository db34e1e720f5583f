//! What the lock files of Poetry and uv share: tables of packages, each with the files that it may be installed from.

use toml::Table;
use toml::Value;

use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::reading::public_url;

/// The tables named `package`.
pub(super) fn packages<'a>(reading: &Reading<'_>, lock: &'a Table) -> Result<Vec<&'a Table>, DependencyError> {
    let wrong = |found: &Value| reading.invalid("package", "an array of tables", found.type_str());
    match lock.get("package") {
        None => Ok(Vec::new()),
        Some(Value::Array(all)) => all.iter().map(|one| one.as_table().ok_or_else(|| wrong(one))).collect(),
        Some(other) => Err(wrong(other)),
    }
}

/// A text that must be there.
pub(super) fn text_of<'a>(reading: &Reading<'_>, table: &'a Table, key: &str) -> Result<&'a str, DependencyError> {
    let text = table.get(key).and_then(Value::as_str);
    text.ok_or_else(|| reading.invalid(format!("an entry of {key}"), "a text", "none"))
}

/// Adds a place to a package; `None` when it cannot be named, and the package counts as unresolved.
pub(super) fn qualified(
    reading: &mut Reading<'_>,
    purl: Purl,
    key: &'static str,
    place: &str,
) -> Result<Option<Purl>, DependencyError> {
    match public_url(place) {
        Some(address) => reading.qualified(purl, key, &address).map(Some),
        None => reading.unresolved(purl.to_string(), Why::Place).map(|()| None),
    }
}

/// Takes each file of a package, by its name and its `hash`; a package without files counts as unresolved.
pub(super) fn take_files(
    reading: &mut Reading<'_>,
    purl: &Purl,
    files: &[Value],
    name: impl Fn(&Table) -> Option<&str>,
) -> Result<(), DependencyError> {
    if files.is_empty() {
        return reading.unresolved(purl.to_string(), Why::NoDigest);
    }
    for file in files {
        let named = file.as_table().and_then(|file| name(file).map(|name| (file, name)));
        let (file, name) =
            named.ok_or_else(|| reading.invalid(purl.to_string(), "a file with its name", "something else"))?;
        let of_file = reading.qualified(purl.clone(), "file_name", name)?;
        let hash = file.get("hash").and_then(Value::as_str);
        let digest = hash.map(|hash| reading.tagged(&of_file.to_string(), hash)).transpose()?;
        reading.take(&of_file, digest.into_iter().collect())?;
    }
    Ok(())
}
