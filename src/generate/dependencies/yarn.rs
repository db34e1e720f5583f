//! yarn.lock of Yarn 1; those of later versions are YAML.

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::berry;
use crate::generate::dependencies::npm;
use crate::generate::dependencies::reading::Reading;

/// The line that every file of Yarn 1 has.
const MARK: &str = "# yarn lockfile v1";

/// One entry in the making.
#[derive(Default)]
struct Entry {
    line: usize,
    name: String,
    version: Option<String>,
    resolved: Option<String>,
    integrity: Option<String>,
}

/// Reads one. What lies in the checkout has no address there, and is left out.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    if text.lines().any(|line| line.trim_end() == "__metadata:") {
        return berry::read(reading, text);
    }
    if !text.lines().any(|line| line.trim_end() == MARK) {
        return Err(reading.invalid("the whole file", "a lock file of Yarn", "another file"));
    }
    let mut entry: Option<Entry> = None;
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line.trim_end())) {
        let body = line.trim_start();
        let refused = |expected| reading.invalid_line(n, expected);
        match line.len() - body.len() {
            _ if body.is_empty() || body.starts_with('#') => {}
            0 => {
                let keys = body.strip_suffix(':').ok_or_else(|| refused("the head of an entry, with a colon"))?;
                let name = name(keys).ok_or_else(|| refused("the name and range of a package"))?.to_owned();
                if let Some(entry) = entry.replace(Entry { line: n, name, ..Entry::default() }) {
                    take(reading, entry)?;
                }
            }
            2 => {
                let entry = entry.as_mut().ok_or_else(|| refused("the head of an entry"))?;
                let (key, value) = body.split_once(' ').unwrap_or((body, ""));
                let field = match key {
                    "version" => &mut entry.version,
                    "resolved" => &mut entry.resolved,
                    "integrity" => &mut entry.integrity,
                    _ => continue,
                };
                if field.replace(value.trim_matches('"').to_owned()).is_some() {
                    return Err(refused("each field once"));
                }
            }
            4 if entry.is_some() => {}
            _ => return Err(refused("a line indented by 0, 2 or 4")),
        }
    }
    entry.map_or(Ok(()), |entry| take(reading, entry))
}

/// The package that the head of an entry asks for: `"@acme/app@^1.0", other@npm:real@^2`.
fn name(keys: &str) -> Option<&str> {
    let first = keys.split(',').next()?.trim().trim_matches('"');
    let (name, range) = npm::split(first)?;
    match range.strip_prefix("npm:") {
        Some(real) => Some(npm::split(real).map_or(real, |(name, _)| name)),
        None => Some(name),
    }
}

fn take(reading: &mut Reading<'_>, entry: Entry) -> Result<(), DependencyError> {
    let at = format!("line {}", entry.line);
    let version = entry.version.ok_or_else(|| reading.invalid(&at, "a version", "none"))?;
    let Some(resolved) = entry.resolved else { return Ok(()) };
    let mut digests: Vec<Digest> =
        entry.integrity.map(|text| reading.integrity(&at, &text)).transpose()?.unwrap_or_default();
    // Behind the address of a package stands its SHA-1, behind that of a repository its commit.
    let sha1 = resolved.split_once('#').map(|(_, fragment)| fragment).filter(|text| text.len() == 40);
    if let Some(sha1) = sha1.filter(|_| resolved.starts_with("http")) {
        let digest = reading.hex(&at, Algorithm::Sha1, sha1)?;
        if !digests.iter().any(|one| one.algorithm() == Algorithm::Sha1) {
            digests.push(digest);
        }
    }
    npm::take(reading, &entry.name, &version, Some(&resolved), digests)
}
