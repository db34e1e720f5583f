//! Gemfile.lock of Bundler.

use std::collections::BTreeMap;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;
use crate::generate::dependencies::reading::public_url;
use crate::generate::dependencies::registries;

/// Where the reading is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Gem,
    Git,
    Checksums,
    /// `PATH` is the checkout; the others name nothing that is fetched.
    Other,
}

/// Where the gems of a section come from.
#[derive(Default, Clone)]
struct Remote {
    addresses: Vec<String>,
    revision: String,
}

/// Reads one. The digests are in the section `CHECKSUMS`, which Bundler writes since 2.6 and only when it is asked to.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let mut section = Section::Other;
    let mut remote = Remote::default();
    let mut gems: Vec<(Section, Remote, &str, &str)> = Vec::new();
    let mut digests: BTreeMap<(&str, &str), Vec<Digest>> = BTreeMap::new();
    let mut known = false;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim_end())) {
        let body = line.trim_start();
        match (line.len() - body.len(), section) {
            (0, _) if body.is_empty() => {}
            (0, _) => {
                known |= body == "GEM" || body == "DEPENDENCIES";
                remote = Remote::default();
                section = match body {
                    "GEM" => Section::Gem,
                    "GIT" => Section::Git,
                    "CHECKSUMS" => Section::Checksums,
                    word if word.bytes().all(|b| b.is_ascii_uppercase() || b == b' ') => Section::Other,
                    _ => return Err(reading.invalid_line(n, "the name of a section, in capitals")),
                };
            }
            (2, Section::Gem | Section::Git) => match body.split_once(": ") {
                Some(("remote", address)) => remote.addresses.push(address.to_owned()),
                Some(("revision", commit)) => commit.clone_into(&mut remote.revision),
                _ => {}
            },
            (4, Section::Gem | Section::Git) => {
                let (name, version) = gem(body).ok_or_else(|| reading.invalid_line(n, "name (version)"))?;
                gems.push((section, remote.clone(), name, version));
            }
            (2, Section::Checksums) => {
                let (gem_text, hashes) = body.rfind(')').map_or((body, ""), |end| body.split_at(end + 1));
                let key = gem(gem_text).ok_or_else(|| reading.invalid_line(n, "name (version) and digests"))?;
                let of_gem = digests.entry(key).or_default();
                for hash in hashes.split([',', ' ']).filter(|hash| !hash.is_empty()) {
                    let hex = hash.strip_prefix("sha256=");
                    let hex = hex.ok_or_else(|| reading.invalid_line(n, "a digest as sha256=hexadecimal"))?;
                    of_gem.push(reading.hex(&format!("line {n}"), Algorithm::Sha256, hex)?);
                }
            }
            _ => {}
        }
    }
    if !known {
        return Err(reading.invalid("the whole file", "a section GEM or DEPENDENCIES", "none"));
    }
    for (section, remote, name, version) in gems {
        take(reading, section, &remote, (name, version), digests.get(&(name, version)).cloned().unwrap_or_default())?;
    }
    Ok(())
}

/// `name (version)`.
fn gem(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(')')?.split_once(" (").filter(|(name, version)| !name.is_empty() && !version.is_empty())
}

fn take(
    reading: &mut Reading<'_>,
    section: Section,
    remote: &Remote,
    (name, written): (&str, &str),
    digests: Vec<Digest>,
) -> Result<(), DependencyError> {
    // Versions of gems hold no `-`; behind it stands the platform.
    let (version, platform) = written.split_once('-').map_or((written, None), |(version, rest)| (version, Some(rest)));
    let purl = reading.package(Kind::Gem, name, version)?;
    let purl = match platform {
        Some(platform) => reading.qualified(purl, "platform", platform)?,
        None => purl,
    };
    if section == Section::Git {
        let address = remote.addresses.first().map(String::as_str).unwrap_or_default();
        return reading.take_commit(purl, address, &remote.revision);
    }
    match elsewhere(reading, purl.clone(), &remote.addresses)? {
        Some(purl) => reading.take(&purl, digests),
        None => reading.unresolved(purl.to_string(), Why::Place),
    }
}

/// The gem with its registry, when that is another than the default one; `None` when it cannot be said which it is.
fn elsewhere(reading: &Reading<'_>, purl: Purl, remotes: &[String]) -> Result<Option<Purl>, DependencyError> {
    let [remote] = remotes else { return Ok(None) };
    match public_url(remote) {
        Some(address) if address == registries::RUBY => Ok(Some(purl)),
        Some(address) => reading.qualified(purl, "repository_url", &address).map(Some),
        None => Ok(None),
    }
}
