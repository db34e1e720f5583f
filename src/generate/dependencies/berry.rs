//! yarn.lock of Yarn 2 and later.

use crate::formats::digest::Algorithm;
use crate::formats::purl::Kind;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Item;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::npm;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::reading::public_url;
use crate::generate::dependencies::yaml;
use crate::generate::dependencies::yaml::Node;

/// What Yarn's checksum is of: it packs each package anew.
const ARCHIVE: &str = "the zip archive in Yarn's cache";

/// Reads one. Left out: what lies in the checkout, and patched packages, which are an entry of their own and a patch in
/// the checkout.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let documents = yaml::parse(reading, text)?;
    let [Node::Map(entries)] = documents.as_slice() else {
        return Err(reading.invalid("the whole file", "one map", "something else"));
    };
    let version = entries.get("__metadata").and_then(|metadata| metadata.text_at("version")).unwrap_or_default();
    if !version.parse().is_ok_and(|version: u32| (4..=9).contains(&version)) {
        return Err(reading.invalid("__metadata", "a version from 4 to 9", version));
    }
    for (key, entry) in entries.iter().filter(|(key, _)| *key != "__metadata") {
        let resolution = entry.text_at("resolution").ok_or_else(|| reading.invalid(key, "a resolution", "none"))?;
        let (name, place) = npm::split(resolution)
            .ok_or_else(|| reading.invalid(key, "name@place as the resolution", "another text"))?;
        if entry.text_at("linkType") == Some("soft") || place.starts_with("patch:") {
            continue;
        }
        let written = entry.text_at("version").ok_or_else(|| reading.invalid(key, "a version", "none"))?;
        let Some(checksum) = entry.text_at("checksum") else {
            match place.strip_prefix("npm:") {
                Some(version) => npm::take(reading, name, version, None, Vec::new())?,
                None => npm::take(reading, name, written, Some(place), Vec::new())?,
            }
            continue;
        };
        if place.contains("commit=") {
            npm::take(reading, name, written, Some(place), Vec::new())?;
            continue;
        }
        // `10c0/…`: the key says how the archive is packed.
        let hex = checksum.rsplit('/').next().unwrap_or(checksum);
        let digest = reading.hex(key, Algorithm::Sha512, hex)?;
        let mut purl = reading.package(Kind::Npm, name, written)?;
        // Where the registry is not the one that the name means, the address stands here, escaped.
        if let Some((_, address)) = place.split_once("__archiveUrl=") {
            let address = address.split('&').next().and_then(unescape);
            match address.as_deref().and_then(public_url) {
                Some(address) => purl = reading.qualified(purl, "download_url", &address)?,
                None => {
                    reading.unresolved(purl.to_string(), Why::Place)?;
                    continue;
                }
            }
        }
        let uri = purl.to_string();
        reading.item(Item { uri, name: None, digests: vec![digest], digest_of: Some(ARCHIVE) })?;
    }
    Ok(())
}

/// A text without the escapes of RFC 3986 section 2.1; `None` for one that is not whole.
fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((before, escaped)) = rest.split_once('%') {
        bytes.extend_from_slice(before.as_bytes());
        let (digits, behind) = escaped.split_at_checked(2)?;
        bytes.extend(hex::decode(digits).ok()?);
        rest = behind;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}
