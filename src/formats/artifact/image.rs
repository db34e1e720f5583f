//! Names of container images: registry and repository, without what may point elsewhere tomorrow.

use std::fmt;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;

/// Longest registry and repository, in bytes (the limit of the distribution project's reference grammar).
pub const MAX_REPOSITORY: usize = 255;
/// Longest tag, in bytes (OCI distribution spec, "Pulling manifests").
const MAX_TAG: usize = 128;
/// The registry that names without one belong to, as images are signed there.
const HUB: &str = "index.docker.io";
/// Other spellings of that registry.
const HUB_SPELLINGS: &[&str] = &["docker.io", "registry-1.docker.io", HUB];
/// Where the hub keeps images that are named by one word.
const LIBRARY: &str = "library";
/// Last parts of hosts that registries have, which tell a name from a path when nothing else does.
const REGISTRY_ENDINGS: &[&str] = &["io", "com", "dev", "org", "net"];

/// An image's registry and repository: `ghcr.io/acme/app`, `localhost:5000/app`, `index.docker.io/library/debian`.
///
/// Lower-case, the registry always written, its port kept. There is no tag and no digest in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageName {
    registry: String,
    repository: String,
}

/// Why a text names no image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct ImageNameError {
    /// The part that was expected.
    pub expected: &'static str,
}

/// An image name with the tag and the digest that stood beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageReference {
    /// Registry and repository.
    pub name: ImageName,
    /// The tag, which names nothing for long.
    pub tag: Option<String>,
    /// What stands after `@`, unread.
    pub digest: Option<String>,
}

impl ImageName {
    /// Registry with port.
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// Repository below the registry.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The last component of the repository.
    pub fn last(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)
    }
}

impl ImageReference {
    /// Reads `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]` (the distribution project's reference grammar).
    ///
    /// * Upper-case letters become lower-case ones.
    /// * The first component is a registry when it holds `.` or `:`, or is `localhost`; else the image is of Docker Hub.
    /// * Docker Hub is `index.docker.io` in each of its spellings, and one word there is below `library/`, as the tools
    ///   that sign images name them.
    ///
    /// # Errors
    /// [`ImageNameError`] with the part that is malformed.
    pub fn parse(text: &str) -> Result<Self, ImageNameError> {
        let wrong = |expected| Err(ImageNameError { expected });
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let last = name.rfind('/').map_or(0, |at| at.saturating_add(1));
        let colon = name.rfind(':').filter(|at| *at >= last);
        let (path, tag) = match colon.and_then(|at| name.split_at_checked(at)) {
            Some((path, tag)) => (path, Some(tag.trim_start_matches(':'))),
            None => (name, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return wrong("a tag of letters, digits and _.- after :");
        }
        let path = path.to_ascii_lowercase();
        let (registry, repository) = match path.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
            _ => (HUB, path.as_str()),
        };
        if !is_host(registry) {
            return wrong("a registry like ghcr.io or localhost:5000");
        }
        let hub = HUB_SPELLINGS.contains(&registry);
        let registry = if hub { HUB } else { registry }.to_owned();
        let repository = if hub && !repository.contains('/') && !repository.is_empty() {
            format!("{LIBRARY}/{repository}")
        } else {
            repository.to_owned()
        };
        if !repository.split('/').all(is_component) {
            return wrong("a repository of lower-case letters and digits, joined by . _ __ - and /");
        }
        if registry.len().saturating_add(repository.len()) > MAX_REPOSITORY {
            return wrong("a registry and a repository of at most 255 bytes");
        }
        let name = ImageName { registry, repository };
        Ok(Self { name, tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) })
    }

    /// The digest that pins the image: `sha256:…` or `sha512:…`, the two that OCI registers.
    ///
    /// # Errors
    /// [`ImageNameError`] when there is none, or another.
    pub fn pinned(&self) -> Result<Digest, ImageNameError> {
        let digest = self.digest.as_deref().and_then(|text| Digest::parse(text).ok());
        digest
            .filter(|digest| [Algorithm::Sha256, Algorithm::Sha512].contains(&digest.algorithm()))
            .ok_or(ImageNameError { expected: "a sha256 or sha512 digest after @" })
    }
}

/// Where an image is, and which of those there it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageLocation {
    /// The place.
    pub place: ImagePlace,
    /// The tag, where one was given; it names nothing for long.
    pub tag: Option<String>,
    /// The digest, where one was given; it counts alone.
    pub digest: Option<Digest>,
}

/// A place that images are in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ImagePlace {
    /// A repository of a registry.
    Registry(ImageName),
    /// A layout on disk, by its folder.
    Layout(String),
    /// A layout in a tar archive, as `docker save` and `skopeo` write it, by its file.
    Archive(String),
}

impl ImageLocation {
    /// Reads `[docker://]REGISTRY/REPOSITORY[:TAG][@DIGEST]`, `oci-layout:DIR[:TAG][@DIGEST]`, `oci-archive:FILE[@DIGEST]` or
    /// `docker-archive:FILE[@DIGEST]`. A registry's image without tag and digest has the tag `latest`, as everywhere.
    ///
    /// # Errors
    /// [`ImageNameError`] with the part that is malformed.
    pub fn parse(text: &str) -> Result<Self, ImageNameError> {
        let Some((form @ ("oci-layout" | "oci-archive" | "docker-archive"), rest)) = text.split_once(':') else {
            return Self::registry(text.strip_prefix("docker://").unwrap_or(text));
        };
        let (path, digest) = match rest.rsplit_once('@') {
            Some((path, text)) => (path, Some(pinned(text)?)),
            None => (rest, None),
        };
        // A colon in a folder's name is no tag; `C:\` is neither.
        let (path, tag) = match path.rsplit_once(':').filter(|(_, tag)| form == "oci-layout" && is_tag(tag)) {
            Some((path, tag)) => (path, Some(tag.to_owned())),
            None => (path, None),
        };
        if path.is_empty() {
            return Err(ImageNameError { expected: "a path after oci-layout:, oci-archive: or docker-archive:" });
        }
        let place = match form {
            "oci-layout" => ImagePlace::Layout(path.to_owned()),
            _ => ImagePlace::Archive(path.to_owned()),
        };
        Ok(Self { place, tag, digest })
    }

    fn registry(text: &str) -> Result<Self, ImageNameError> {
        let image = ImageReference::parse(text)?;
        let digest = image.digest.as_deref().map(pinned).transpose()?;
        let tag = image.tag.or_else(|| digest.is_none().then(|| "latest".to_owned()));
        Ok(Self { place: ImagePlace::Registry(image.name), tag, digest })
    }
}

impl fmt::Display for ImagePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(name) => name.fmt(f),
            Self::Layout(path) => write!(f, "oci-layout:{path}"),
            Self::Archive(path) => write!(f, "oci-archive:{path}"),
        }
    }
}

/// A digest that names content in a registry and here: SHA-256 alone.
fn pinned(text: &str) -> Result<Digest, ImageNameError> {
    let digest = Digest::parse(text).ok().filter(|digest| digest.algorithm() == Algorithm::Sha256);
    digest.ok_or(ImageNameError { expected: "a sha256 digest after @" })
}

/// Whether a text that names no file is meant as an image: it parses as one, and has a tag, a port or the host of a
/// registry. `app:1.0` and `ghcr.io/acme/app` are, `app` and `dist/app.tar` are not.
pub fn looks_like_image(text: &str) -> bool {
    if text.starts_with(['.', '/']) {
        return false;
    }
    let Ok(image) = ImageReference::parse(text) else { return false };
    let first = text.split_once('/').map(|(first, _)| first);
    let known = |host: &str| {
        host == "localhost"
            || host.contains(':')
            || host.rsplit_once('.').is_some_and(|(_, end)| REGISTRY_ENDINGS.contains(&end))
    };
    image.tag.is_some() || first.is_some_and(known)
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let first = tag.bytes().next().is_some_and(word);
    first && tag.len() <= MAX_TAG && tag.bytes().all(|b| word(b) || b == b'.' || b == b'-')
}

fn is_host(host: &str) -> bool {
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let label = |part: &str| {
        let ends = !part.starts_with('-') && !part.ends_with('-') && !part.is_empty();
        ends && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.split('.').all(label) && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number > 0))
}

/// Letters and digits, joined by one `.`, one or two `_`, or any number of `-`.
fn is_component(part: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let ends = part.bytes().next().is_some_and(plain) && part.bytes().last().is_some_and(plain);
    let joints = part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends && joints.into_iter().all(|joint| matches!(joint, "" | "." | "_" | "__") || joint.bytes().all(|b| b == b'-'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(text: &str) -> String {
        ImageReference::parse(text).unwrap().name.to_string()
    }

    #[test]
    fn names_are_written_one_way() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            ("ghcr.io/acme/app", "ghcr.io/acme/app"),
            ("GHCR.io/Acme/App:V1", "ghcr.io/acme/app"),
            ("localhost:5000/app:1.0", "localhost:5000/app"),
            ("localhost/app", "localhost/app"),
            ("registry.example.com:443/a/b/c", "registry.example.com:443/a/b/c"),
            ("debian", "index.docker.io/library/debian"),
            ("debian:bookworm-slim", "index.docker.io/library/debian"),
            ("acme/app:1", "index.docker.io/acme/app"),
            ("docker.io/debian", "index.docker.io/library/debian"),
            ("docker.io/acme/app", "index.docker.io/acme/app"),
            ("registry-1.docker.io/acme/app", "index.docker.io/acme/app"),
            ("index.docker.io/library/debian", "index.docker.io/library/debian"),
            ("a__b/c--d.e", "index.docker.io/a__b/c--d.e"),
        ] {
            assert_eq!(name(text), expected, "{text}");
            assert_eq!(name(&format!("{text}@{digest}")), expected, "{text} with a digest");
        }
    }

    #[test]
    fn tag_and_digest_stand_apart() {
        let hex = "0a".repeat(32);
        let image = ImageReference::parse(&format!("reg:5000/app:v1@sha256:{hex}")).unwrap();
        assert_eq!((image.name.registry(), image.name.last(), image.tag.as_deref()), ("reg:5000", "app", Some("v1")));
        assert_eq!(image.pinned().unwrap().hex(), hex);
        for bad in ["app:v1", "app@sha256:00", "app@", &format!("app@gitCommit:{}", &hex[..40])] {
            assert!(ImageReference::parse(bad).unwrap().pinned().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let long = "a".repeat(MAX_REPOSITORY);
        for bad in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "a:",
            "a:-b",
            "a b",
            "..",
            "a/../b",
            "ghcr.io",
            "ghcr.io/",
            "-x.io/a",
            "x.io:0/a",
            "x.io:99999/a",
            "x..io/a",
            "_a",
            "a_",
            "a___b",
            "a._b",
            "é",
            "x.io/é",
            &long,
            "a\n",
            "http://x.io/a",
        ] {
            // A single word with a dot is a repository of the hub, not a registry.
            let expected = bad == "ghcr.io";
            assert_eq!(ImageReference::parse(bad).is_ok(), expected, "{bad:?}");
        }
    }

    #[test]
    fn images_are_told_from_paths() {
        for image in ["app:1.0", "ghcr.io/acme/app", "localhost:5000/app", "localhost/app", "acme/app:latest"] {
            assert!(looks_like_image(image), "{image}");
        }
        for path in ["app", "dist/app", "dist/app.tar", "build.out/app", "./app:1.0", "/app:1.0", "c:\\x", "a b:1"] {
            assert!(!looks_like_image(path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_name_is_its_own_name(text in "[a-zA-Z0-9./:_@-]{0,40}") {
            if let Ok(image) = ImageReference::parse(&text) {
                let again = ImageReference::parse(&image.name.to_string()).unwrap();
                prop_assert_eq!(again, ImageReference { name: image.name, tag: None, digest: None });
            }
        }
    }
}
