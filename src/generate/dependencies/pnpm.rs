//! pnpm-lock.yaml, versions 5 to 9.

use crate::formats::digest::Digest;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::npm;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::yaml;
use crate::generate::dependencies::yaml::Node;

/// Reads one; newer versions of pnpm write two documents into the file. Folders of the checkout are left out.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let documents = yaml::parse(reading, text)?;
    if documents.is_empty() {
        return Err(reading.invalid("the whole file", "a lock file of pnpm", "nothing"));
    }
    for document in &documents {
        let version = document.text_at("lockfileVersion").unwrap_or_default();
        let major = version.split('.').next().unwrap_or_default();
        if !["5", "6", "7", "9"].contains(&major) {
            return Err(reading.invalid("lockfileVersion", "a version from 5 to 9", version));
        }
        match document.get("packages") {
            None => {}
            Some(Node::Map(packages)) => {
                for (key, entry) in packages {
                    package(reading, key, entry)?;
                }
            }
            Some(_) => return Err(reading.invalid("packages", "a map", "something else")),
        }
    }
    Ok(())
}

fn package(reading: &mut Reading<'_>, key: &str, entry: &Node) -> Result<(), DependencyError> {
    let Some(resolution @ Node::Map(_)) = entry.get("resolution") else {
        return Err(reading.invalid(key, "a map named resolution", "none"));
    };
    if resolution.text_at("type") == Some("directory") || resolution.get("directory").is_some() {
        return Ok(());
    }
    let named = entry.text_at("name").zip(entry.text_at("version"));
    let (name, version) = named
        .or_else(|| name_and_version(key, entry.text_at("version")))
        .ok_or_else(|| reading.invalid(key, "the name and version of a package", key))?;
    let integrity = resolution.text_at("integrity");
    let digests: Vec<Digest> = integrity.map(|text| reading.integrity(key, text)).transpose()?.unwrap_or_default();
    match (resolution.text_at("repo"), resolution.text_at("commit")) {
        (Some(repository), commit) => {
            let place = format!("git+{}#{}", repository.trim_start_matches("git+"), commit.unwrap_or_default());
            npm::take(reading, name, version, Some(&place), digests)
        }
        (None, _) => npm::take(reading, name, version, resolution.text_at("tarball"), digests),
    }
}

/// What a key says: `/name/1.0.0_peer@1` in version 5, `/name@1.0.0(peer@1)` in version 6, `name@1.0.0` in version 9;
/// `version` is what the entry says beside it.
fn name_and_version<'a>(key: &'a str, version: Option<&'a str>) -> Option<(&'a str, &'a str)> {
    let bare = key.split('(').next()?.trim_start_matches('/');
    if let Some((name, written)) = npm::split(bare).filter(|(name, _)| segments_fit(name)) {
        return Some((name, version.unwrap_or(written)));
    }
    let (name, written) = bare.rsplit_once('/')?;
    segments_fit(name).then(|| (name, version.unwrap_or_else(|| written.split('_').next().unwrap_or(written))))
}

/// Whether this is `name` or `@scope/name`.
fn segments_fit(name: &str) -> bool {
    let slashes = name.matches('/').count();
    !name.is_empty() && slashes == usize::from(name.starts_with('@'))
}
