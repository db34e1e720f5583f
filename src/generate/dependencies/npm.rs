//! package-lock.json and npm-shrinkwrap.json, versions 1 to 3.

use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::reading::public_url;
use crate::generate::dependencies::registries;

/// Deepest nesting of version 1.
const MAX_DEPTH: usize = 64;

/// Reads one. Links and workspace members are the source itself; what is bundled inside another package is covered by the
/// digest of that: both are left out.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let lock = reading.json(text)?;
    match lock.get("lockfileVersion").map(|version| version.as_u64().unwrap_or(0)) {
        Some(1) | None => nested(reading, &lock, 0),
        Some(2 | 3) => match lock.get("packages") {
            Some(Value::Object(packages)) => flat(reading, packages),
            _ => Err(reading.invalid("packages", "an object", "something else")),
        },
        Some(_) => {
            let found = lock.get("lockfileVersion").map(Value::to_string).unwrap_or_default();
            Err(reading.invalid("lockfileVersion", "1, 2 or 3", found))
        }
    }
}

/// One entry of a lock file: where it stands, and its fields.
#[derive(Clone, Copy)]
struct Entry<'a> {
    at: &'a str,
    map: &'a Map<String, Value>,
}

impl<'a> Entry<'a> {
    fn new(reading: &Reading<'_>, at: &'a str, value: &'a Value) -> Result<Self, DependencyError> {
        match value {
            Value::Object(map) => Ok(Self { at, map }),
            other => Err(reading.invalid(at, "an object", json::kind(other))),
        }
    }

    fn text(self, reading: &Reading<'_>, key: &str) -> Result<Option<&'a str>, DependencyError> {
        match self.map.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(reading.invalid(format!("{}, {key}", self.at), "a text", json::kind(other))),
        }
    }

    fn is(self, key: &str) -> bool {
        self.map.get(key) == Some(&Value::Bool(true))
    }

    fn version(self, reading: &Reading<'_>) -> Result<&'a str, DependencyError> {
        self.text(reading, "version")?.ok_or_else(|| reading.invalid(self.at, "a version", "none"))
    }

    fn digests(self, reading: &Reading<'_>) -> Result<Vec<Digest>, DependencyError> {
        let integrity = self.text(reading, "integrity")?.filter(|text| !text.is_empty());
        Ok(integrity.map(|text| reading.integrity(self.at, text)).transpose()?.unwrap_or_default())
    }
}

/// Versions 2 and 3: `packages`, by the folder in which each is installed.
fn flat(reading: &mut Reading<'_>, packages: &Map<String, Value>) -> Result<(), DependencyError> {
    for (path, value) in packages {
        let entry = Entry::new(reading, path, value)?;
        let installed = path.rsplit_once("node_modules/").map(|(_, name)| name);
        let Some(installed) = installed else { continue };
        if entry.is("link") || entry.is("inBundle") {
            continue;
        }
        let name = entry.text(reading, "name")?.unwrap_or(installed);
        let (version, place) = (entry.version(reading)?, entry.text(reading, "resolved")?);
        let digests = entry.digests(reading)?;
        take(reading, name, version, place, digests)?;
    }
    Ok(())
}

/// Version 1: `dependencies`, each with its own below.
fn nested(reading: &mut Reading<'_>, parent: &Map<String, Value>, depth: usize) -> Result<(), DependencyError> {
    let dependencies = match parent.get("dependencies") {
        None => return Ok(()),
        Some(Value::Object(dependencies)) if depth < MAX_DEPTH => dependencies,
        Some(_) => {
            return Err(reading.invalid("dependencies", "an object, nested less than 64 times", "another value"));
        }
    };
    for (key, value) in dependencies {
        let entry = Entry::new(reading, key, value)?;
        if entry.is("bundled") {
            continue;
        }
        let (written, resolved) = (entry.version(reading)?, entry.text(reading, "resolved")?);
        let digests = entry.digests(reading)?;
        if let Some(real) = written.strip_prefix("npm:") {
            let (name, version) = split(real).ok_or_else(|| reading.invalid(key, "npm:name@version", written))?;
            take(reading, name, version, resolved, digests)?;
        } else if is_place(written) {
            // A repository, a file or an address stands where the version should.
            take_place(reading, key, written, digests)?;
        } else {
            take(reading, key, written, resolved, digests)?;
        }
        nested(reading, entry.map, depth + 1)?;
    }
    Ok(())
}

/// `name@version`, the name perhaps with a scope.
pub(super) fn split(text: &str) -> Option<(&str, &str)> {
    let at = text.get(1..)?.find('@')? + 1;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Whether this names a place, and no version.
fn is_place(text: &str) -> bool {
    text.contains(':') || text.contains('/')
}

/// A package whose version its lock file does not say, only its place.
fn take_place(reading: &mut Reading<'_>, name: &str, place: &str, digests: Vec<Digest>) -> Result<(), DependencyError> {
    if is_local(place) && digests.is_empty() {
        return Ok(());
    }
    let purl = Purl::new(Kind::Npm, name).ok_or_else(|| reading.invalid(name, "the name of a package", name))?;
    placed(reading, purl, name, Some(place), digests)
}

/// Takes a package of npm: name, version, where it was found, and its digests.
pub(super) fn take(
    reading: &mut Reading<'_>,
    name: &str,
    version: &str,
    place: Option<&str>,
    digests: Vec<Digest>,
) -> Result<(), DependencyError> {
    if place.is_some_and(is_local) && digests.is_empty() {
        return Ok(());
    }
    let purl = reading.package(Kind::Npm, name, version)?;
    placed(reading, purl, name, place, digests)
}

/// A file or folder of the checkout.
fn is_local(place: &str) -> bool {
    ["file:", "link:", "portal:", "workspace:"].iter().any(|scheme| place.starts_with(scheme))
}

fn placed(
    reading: &mut Reading<'_>,
    purl: Purl,
    name: &str,
    place: Option<&str>,
    digests: Vec<Digest>,
) -> Result<(), DependencyError> {
    let Some(place) = place.filter(|place| !is_local(place)) else { return reading.take(&purl, digests) };
    if let Some((address, commit)) = commit(place) {
        return reading.take_commit(purl, &address, commit);
    }
    if registries::NPM.iter().any(|registry| place.starts_with(registry)) {
        return reading.take(&purl, digests);
    }
    let registry = place.split_once(&format!("/{name}/-/")).map(|(registry, _)| registry);
    let (key, address) = match registry {
        Some(registry) => ("repository_url", public_url(registry)),
        None => ("download_url", public_url(place)),
    };
    match address {
        Some(address) => {
            let purl = reading.qualified(purl, key, &address)?;
            reading.take(&purl, digests)
        }
        None => reading.unresolved(purl.to_string(), Why::Place),
    }
}

/// The repository and the commit that a place names; the commit is empty when the place has none.
fn commit(place: &str) -> Option<(String, &str)> {
    let git = ["git+", "git:", "git@", "ssh:", "github:", "gitlab:", "bitbucket:"];
    let (address, fragment) = place.split_once('#').unwrap_or((place, ""));
    // Berry writes `#commit=…`.
    let commit = fragment.rsplit_once("commit=").map_or(fragment, |(_, commit)| commit);
    if git.iter().any(|start| place.starts_with(start)) || address.ends_with(".git") {
        return Some((address.to_owned(), commit));
    }
    // GitHub packs the files of a commit here.
    let packed = address.strip_prefix("https://codeload.github.com/")?;
    let (repository, commit) = packed.split_once("/tar.gz/")?;
    Some((format!("https://github.com/{repository}"), commit))
}
