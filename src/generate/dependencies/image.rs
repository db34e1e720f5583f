//! References to container images: pinned by digest, or not.

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Item;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::reading::Reading;

/// Names of the registry that a package URL of Docker means when it names none.
const DEFAULT: &[&str] = &["docker.io", "index.docker.io", "registry-1.docker.io"];

/// Takes an image as Docker names it: `[registry/]path[:tag]@sha256:…`. Without a digest it counts as unresolved. Its name
/// keeps the tag, which only says what the digest was looked up by.
pub(super) fn take(reading: &mut Reading<'_>, at: &str, image: &str) -> Result<(), DependencyError> {
    if image.contains('$') {
        return reading.unresolved(image, Why::Computed);
    }
    let refused = |reading: &Reading<'_>| reading.invalid(at, "an image as registry/path:tag@sha256:…", image);
    if image.is_empty() || image.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(refused(reading));
    }
    let Some((name, pinned)) = image.split_once('@') else { return reading.unresolved(image, Why::Moving) };
    let (algorithm, hex) = match pinned.split_once(':') {
        Some(("sha256", hex)) => (Algorithm::Sha256, hex),
        Some(("sha512", hex)) => (Algorithm::Sha512, hex),
        _ => return Err(refused(reading)),
    };
    let digest: Digest = reading.hex(at, algorithm, hex)?;
    // A tag stands behind the last colon, unless that is the one of a port.
    let path = name.rsplit_once(':').filter(|(_, tag)| !tag.contains('/')).map_or(name, |(path, _)| path);
    let first = path.split_once('/').filter(|(first, _)| first.contains(['.', ':']) || *first == "localhost");
    let (registry, path) = first.map_or((None, path), |(registry, path)| (Some(registry), path));
    let registry = registry.filter(|registry| !DEFAULT.contains(registry));
    let path = if registry.is_none() { path.strip_prefix("library/").unwrap_or(path) } else { path };
    let host = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:".contains(&b))
    };
    if registry.is_some_and(|name| !host(name)) {
        return Err(refused(reading));
    }
    let purl = Purl::new(Kind::Docker, path).and_then(|purl| purl.version(pinned));
    let mut purl = purl.ok_or_else(|| refused(reading))?;
    if let Some(registry) = registry {
        purl = reading.qualified(purl, "repository_url", registry)?;
    }
    let name = Some(name.to_owned());
    reading.item(Item { uri: purl.to_string(), name, digests: vec![digest], digest_of: None })
}
