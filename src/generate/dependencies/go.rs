//! go.sum and go.work.sum.

use std::collections::BTreeMap;

use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::purl::Kind;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Item;
use crate::generate::dependencies::reading::Reading;

/// The file whose hash stands on a line of its own.
const MANIFEST: &str = "go.mod";

/// What stands there for one version of a module.
#[derive(Default)]
struct Hashes {
    /// Of all its files.
    whole: Option<Digest>,
    /// Of its go.mod alone.
    manifest: Option<Digest>,
}

/// Reads one: `module version h1:…` for a module's files, `module version/go.mod h1:…` for its go.mod alone. The second is
/// taken only where the first is missing: go.mod is one of the files.
///
/// `h1` is the in-toto algorithm `dirHash`, in base64 (golang.org/x/mod/sumdb/dirhash, `Hash1`).
pub(super) fn read(reading: &mut Reading<'_>, text: &str) -> Result<(), DependencyError> {
    let mut modules: BTreeMap<(&str, &str), Hashes> = BTreeMap::new();
    for (n, line) in text.lines().enumerate().map(|(n, line)| (n + 1, line)) {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (module, version, hash) = match fields.as_slice() {
            [] => continue,
            [module, version, hash] => (*module, *version, *hash),
            _ => return Err(reading.invalid_line(n, "a module, a version and a hash")),
        };
        let bytes = hash.strip_prefix("h1:").and_then(base64::decode);
        let digest = bytes.and_then(|bytes| Digest::new(Algorithm::DirHash, bytes).ok());
        let digest = digest.ok_or_else(|| reading.invalid_line(n, "h1: and 32 bytes in base64"))?;
        let manifest = version.strip_suffix("/go.mod");
        let hashes = modules.entry((module, manifest.unwrap_or(version))).or_default();
        let place = if manifest.is_some() { &mut hashes.manifest } else { &mut hashes.whole };
        if place.as_ref().is_some_and(|known| *known != digest) {
            return Err(reading.invalid_line(n, "one hash for a module"));
        }
        *place = Some(digest);
    }
    for ((module, version), hashes) in modules {
        let purl = reading.package(Kind::Golang, module, version)?;
        // Package URLs fold the case of a module, Go does not.
        let name = module.chars().any(char::is_uppercase).then(|| module.to_owned());
        let (uri, digest) = match (hashes.whole, hashes.manifest) {
            (Some(digest), _) => (purl.to_string(), digest),
            (None, Some(digest)) => (format!("{purl}#{MANIFEST}"), digest),
            (None, None) => continue,
        };
        reading.item(Item { uri, name, digests: vec![digest], digest_of: None })?;
    }
    Ok(())
}
