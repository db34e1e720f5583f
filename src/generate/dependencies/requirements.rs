//! requirements.txt of pip, as far as it pins versions and digests.

use crate::formats::purl::Kind;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::base;
use crate::generate::dependencies::pipenv::take_hashes;
use crate::generate::dependencies::reading::Reading;

/// Whether a file is one: `requirements.txt`, `requirements-dev.txt`, `requirements/dev.txt`.
pub(super) fn matches(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let text = name.ends_with(".txt");
    text && (name.starts_with("requirements") || base(folder) == "requirements")
}

/// Reads one: `name==version --hash=sha256:…`. Whatever is not pinned to a version counts as unresolved; options and what
/// lies in the checkout are left out.
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    // A comment begins at `#` after white space; a `\` at the end joins lines.
    let lines = text.lines().map(|line| if line.trim_start().starts_with('#') { "" } else { line });
    let lines: Vec<&str> = lines.map(|line| line.split(" #").next().unwrap_or(line).trim_end()).collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    for line in joined.lines().map(str::trim) {
        let local = ["-", ".", "/", "file:"].iter().any(|start| line.starts_with(start));
        if line.is_empty() || local {
            continue;
        }
        let mut words = line.split_ascii_whitespace();
        let hashes: Vec<&str> = words.clone().filter_map(|word| word.strip_prefix("--hash=")).collect();
        let requirement = line.split(';').next().unwrap_or(line).split(" --").next().unwrap_or(line);
        let requirement: String = requirement.split_ascii_whitespace().collect();
        let pinned = requirement.split_once("==").filter(|(_, version)| !version.contains([',', '*', '=']));
        match pinned {
            Some((name, version)) => {
                let name = name.split('[').next().unwrap_or(name);
                let purl = reading.package(Kind::Pypi, name, version)?;
                take_hashes(reading, &purl, hashes.into_iter())?;
            }
            None => {
                // The rest of the line may be an address with credentials.
                let word = words.next().unwrap_or_default();
                let end = word.find(['=', '<', '>', '~', '!', '@', ':', ';', '[', '/']).unwrap_or(word.len());
                reading.unresolved(word.get(..end).unwrap_or_default(), Why::Moving)?;
            }
        }
    }
    Ok(())
}
