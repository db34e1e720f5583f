//! Package URLs as names of artifacts.

use crate::formats::FormatError;
use crate::formats::artifact::image::ImageName;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// Longest `package.json` that is read, in bytes (4 MiB).
pub const MAX_PACKAGE_JSON: usize = 4 * 1024 * 1024;
/// Longest name of an npm package, in bytes (npm's own limit).
const MAX_NPM_NAME: usize = 214;
/// Longest version, in bytes (what node's semver takes).
const MAX_VERSION: usize = 256;

/// Percent-encodes a part of a package URL: everything but letters, digits and `.-_~` (purl specification, "Character
/// encoding").
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// `pkg:npm/%40scope/name@version` out of the text of a `package.json`, as npm's own provenance names a package.
///
/// # Errors
/// `json-*`; `npm-package-json` when name or version is none.
pub fn npm(package_json: &[u8]) -> Result<String, PurlError> {
    let mut fields = Fields::new(json::parse(package_json)?, "")?;
    let (name, version) = (fields.need_string("name")?, fields.need_string("version")?);
    let wrong = |field, found: &str| PurlError::PackageJson { field, found: found.chars().take(80).collect() };
    let part = |text: &str| {
        !text.is_empty()
            && !text.starts_with(['.', '_'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~!'()*".contains(&b))
    };
    if name.len() > MAX_NPM_NAME {
        return Err(wrong("name", &name));
    }
    let path = match name.strip_prefix('@') {
        Some(scoped) => {
            let both = scoped.split_once('/').filter(|(scope, name)| part(scope) && part(name));
            let (scope, name) = both.ok_or_else(|| wrong("name", &name))?;
            format!("%40{}/{}", encoded(scope), encoded(name))
        }
        None if part(&name) => encoded(&name),
        None => return Err(wrong("name", &name)),
    };
    if version.len() > MAX_VERSION || !is_version(&version) {
        return Err(wrong("version", &version));
    }
    Ok(format!("pkg:npm/{path}@{}", encoded(&version)))
}

/// Why there is no package URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PurlError {
    /// `package.json` is malformed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A field of `package.json` is none.
    #[error("package.json: expected the {field} of a published package, found {found:?}")]
    PackageJson {
        /// The field.
        field: &'static str,
        /// What stands there, at most 80 characters.
        found: String,
    },
}

impl PurlError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(error) => error.code(),
            Self::PackageJson { .. } => "npm-package-json",
        }
    }
}

/// `pkg:oci/NAME@DIGEST?repository_url=REGISTRY/REPOSITORY` (purl type definition `oci`).
pub fn oci(name: &ImageName, digest: &Digest) -> String {
    let url = encoded(&name.to_string()).replace("%2F", "/");
    format!("pkg:oci/{}@{}?repository_url={url}", encoded(name.last()), encoded(&digest.to_string()))
}

/// The package URL that a file's name says, by the rules of its kind alone; nothing of the file is read.
///
/// * `NAME-VERSION.crate`: `pkg:cargo/NAME@VERSION`.
/// * `NAME-VERSION(-BUILD)-PYTHON-ABI-PLATFORM.whl` (PEP 427): `pkg:pypi/NAME@VERSION?file_name=FILE`; several wheels
///   of one version are several files.
/// * Everything else: `pkg:generic/NAME`, the folders before it as namespace.
///
/// An npm package says its name inside, not outside; it is named as `npm:FILE`.
pub fn of_file(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let by_kind = file
        .strip_suffix(".crate")
        .and_then(cargo)
        .or_else(|| file.strip_suffix(".whl").and_then(|stem| wheel(stem, file)));
    by_kind.unwrap_or_else(|| {
        let parts: Vec<String> = path.split('/').map(encoded).collect();
        format!("pkg:generic/{}", parts.join("/"))
    })
}

fn cargo(stem: &str) -> Option<String> {
    let parts = stem.match_indices('-').filter_map(|(at, _)| stem.split_at_checked(at));
    let named = |(name, rest): (&str, &str)| {
        let version = rest.strip_prefix('-')?;
        let fits = !name.is_empty() && is_version(version);
        fits.then(|| format!("pkg:cargo/{}@{}", encoded(name), encoded(version)))
    };
    parts.into_iter().find_map(named)
}

fn wheel(stem: &str, file: &str) -> Option<String> {
    let parts: Vec<&str> = stem.split('-').collect();
    let (name, version) = match parts.as_slice() {
        [name, version, _, _, _] | [name, version, _, _, _, _] => (*name, *version),
        _ => return None,
    };
    if parts.iter().any(|part| part.is_empty()) || !version.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // The name as PyPI compares it (PEP 503).
    let words: Vec<String> = name.split(['_', '.']).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    Some(format!("pkg:pypi/{}@{}?file_name={}", encoded(&words.join("-")), encoded(version), encoded(file)))
}

/// `MAJOR.MINOR.PATCH` with what semantic versions may have behind it (semver.org, version 2.0.0).
fn is_version(text: &str) -> bool {
    let (core, build) = text.split_once('+').map_or((text, None), |(core, build)| (core, Some(build)));
    let (core, pre) = core.split_once('-').map_or((core, None), |(core, pre)| (core, Some(pre)));
    let words = |list: &str| {
        list.split('.').all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    };
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    core.split('.').count() == 3 && core.split('.').all(number) && pre.is_none_or(words) && build.is_none_or(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::artifact::image::ImageReference;

    #[test]
    fn npm_packages_are_named_as_npm_names_them() {
        let of = |name: &str, version: &str| npm(format!(r#"{{"name":"{name}","version":"{version}"}}"#).as_bytes());
        assert_eq!(of("@acme/app", "1.2.3").unwrap(), "pkg:npm/%40acme/app@1.2.3");
        assert_eq!(of("left-pad", "1.0.0-rc.1+b7").unwrap(), "pkg:npm/left-pad@1.0.0-rc.1%2Bb7");
        assert_eq!(of("JSONStream", "1.3.5").unwrap(), "pkg:npm/JSONStream@1.3.5");
        let long = "a".repeat(MAX_NPM_NAME + 1);
        for bad in ["", ".", "..", "_a", "a/b", "@a", "@/b", "@a/", "@a/b/c", "a b", "a@1", "a?x", "é", &long] {
            assert_eq!(of(bad, "1.0.0").unwrap_err().code(), "npm-package-json", "{bad}");
        }
        for bad in ["", "1", "1.0", "v1.0.0", "1.0.0.0", "1.0.0-", "1.0.0+", "latest", "1.0.x", "1.0.0 "] {
            assert_eq!(of("a", bad).unwrap_err().code(), "npm-package-json", "{bad}");
        }
        assert_eq!(npm(br#"{"name":"a"}"#).unwrap_err().code(), "json-field-missing");
        assert_eq!(npm(br#"{"name":"a","name":"b","version":"1.0.0"}"#).unwrap_err().code(), "json-duplicate-key");
        assert_eq!(npm(br#"{"name":1,"version":"1.0.0"}"#).unwrap_err().code(), "json-wrong-type");
    }

    #[test]
    fn files_are_named_by_the_rules_of_their_kind() {
        for (file, expected) in [
            ("sha2-0.10.8.crate", "pkg:cargo/sha2@0.10.8"),
            ("sha-1-0.10.1.crate", "pkg:cargo/sha-1@0.10.1"),
            ("app-1.0.0-rc.1+x.crate", "pkg:cargo/app@1.0.0-rc.1%2Bx"),
            ("app.crate", "pkg:generic/app.crate"),
            (
                "Flask_Login.x-3.0.2-py3-none-any.whl",
                "pkg:pypi/flask-login-x@3.0.2?file_name=Flask_Login.x-3.0.2-py3-none-any.whl",
            ),
            ("a-1.0-2-cp312-cp312-linux_x86_64.whl", "pkg:pypi/a@1.0?file_name=a-1.0-2-cp312-cp312-linux_x86_64.whl"),
            ("a-1.whl", "pkg:generic/a-1.whl"),
            ("app linux+x.tar.gz", "pkg:generic/app%20linux%2Bx.tar.gz"),
            ("bin/linux/app", "pkg:generic/bin/linux/app"),
        ] {
            assert_eq!(of_file(file), expected);
        }
    }

    #[test]
    fn images_are_named_with_their_repository() {
        let image = ImageReference::parse("localhost:5000/acme/app:1").unwrap();
        let digest = Digest::parse(&format!("sha256:{}", "0a".repeat(32))).unwrap();
        let expected = format!("pkg:oci/app@sha256%3A{}?repository_url=localhost%3A5000/acme/app", "0a".repeat(32));
        assert_eq!(oci(&image.name, &digest), expected);
    }
}
