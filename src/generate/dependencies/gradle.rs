//! Lock files of Gradle, which hold versions, and its verification-metadata.xml, which holds digests.

use std::collections::BTreeMap;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::xml;
use crate::generate::dependencies::xml::Event;

/// Reads a lock file: `group:name:version=configurations`. It has no digests; verification-metadata.xml may.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let module = line.split_once('=').map(|(module, _)| module.split(':').collect::<Vec<_>>());
        let Some([group, name, version]) = module.as_deref() else {
            return Err(reading.invalid_line(n, "group:name:version=configurations"));
        };
        let purl = reading.package(Kind::Maven, &format!("{group}/{name}"), version)?;
        reading.unresolved(purl.to_string(), Why::NoDigest)?;
    }
    Ok(())
}

/// Where the reading of verification-metadata.xml is.
#[derive(Default)]
struct Place {
    /// Names of the open elements.
    open: Vec<String>,
    component: Option<Component>,
    artifact: Option<(String, Vec<Digest>)>,
    /// Another content is trusted too.
    several: bool,
}

struct Component {
    group: String,
    name: String,
    version: String,
}

/// Reads gradle/verification-metadata.xml: every artifact with its digests. Signatures are passed over: they name a key, and
/// no content.
pub(super) fn read_verification(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let events = xml::events(text).map_err(|(line, expected)| reading.invalid_line(line, expected))?;
    let mut place = Place::default();
    for event in events {
        match event {
            Event::Open { name, attributes, line } => {
                let path: Vec<&str> = place.open.iter().map(String::as_str).collect();
                match (path.as_slice(), name.as_str()) {
                    ([], "verification-metadata") => {}
                    ([], _) => return Err(reading.invalid_line(line, "the element verification-metadata")),
                    (["verification-metadata", "components"], "component") => {
                        place.component = Some(component(reading, line, &attributes)?);
                    }
                    ([.., "component"], "artifact") => {
                        place.artifact = Some((attribute(reading, line, &attributes, "name")?, Vec::new()));
                    }
                    ([.., "artifact"], "md5" | "sha1" | "sha256" | "sha512") => {
                        let value = attribute(reading, line, &attributes, "value")?;
                        let algorithm = Algorithm::from_name(&name);
                        let algorithm = algorithm.ok_or_else(|| reading.invalid_line(line, "an algorithm"))?;
                        let digest = reading.hex(&format!("line {line}"), algorithm, &value)?;
                        place.artifact.iter_mut().for_each(|(_, digests)| digests.push(digest.clone()));
                    }
                    ([.., "artifact", _], "also-trust") => place.several = true,
                    _ => {}
                }
                place.open.push(name);
            }
            Event::Close => close(reading, &mut place)?,
        }
    }
    Ok(())
}

fn close(reading: &mut Reading<'_>, place: &mut Place) -> Result<(), DependencyError> {
    if place.open.pop().as_deref() != Some("artifact") {
        return Ok(());
    }
    let several = std::mem::take(&mut place.several);
    let (Some(component), Some((file, digests))) = (&place.component, place.artifact.take()) else { return Ok(()) };
    let purl = artifact(reading, component, &file)?;
    if several { reading.unresolved(purl.to_string(), Why::Several) } else { reading.take(&purl, digests) }
}

fn component(
    reading: &Reading<'_>,
    line: usize,
    attributes: &BTreeMap<String, String>,
) -> Result<Component, DependencyError> {
    let text = |key| attribute(reading, line, attributes, key);
    Ok(Component { group: text("group")?, name: text("name")?, version: text("version")? })
}

fn attribute(
    reading: &Reading<'_>,
    line: usize,
    attributes: &BTreeMap<String, String>,
    key: &str,
) -> Result<String, DependencyError> {
    attributes
        .get(key)
        .cloned()
        .ok_or_else(|| reading.invalid(format!("line {line}"), "an attribute", format!("no {key}")))
}

/// The package URL of one file: `name-version[-classifier].type`.
fn artifact(reading: &Reading<'_>, of: &Component, file: &str) -> Result<Purl, DependencyError> {
    let purl = reading.package(Kind::Maven, &format!("{}/{}", of.group, of.name), &of.version)?;
    let rest = file.strip_prefix(&format!("{}-{}", of.name, of.version));
    let parts = rest.and_then(|rest| match rest.strip_prefix('-') {
        Some(rest) => rest.split_once('.').map(|(classifier, kind)| (Some(classifier), kind)),
        None => rest.strip_prefix('.').map(|kind| (None, kind)),
    });
    match parts {
        Some((Some(classifier), kind)) => {
            let purl = reading.qualified(purl, "classifier", classifier)?;
            reading.qualified(purl, "type", kind)
        }
        Some((None, "jar")) => Ok(purl),
        Some((None, kind)) => reading.qualified(purl, "type", kind),
        // Snapshots and some repositories name their files otherwise.
        None => reading.qualified(purl, "file_name", file),
    }
}
