//! What the readers of all formats share: errors with their place, and spellings of digests, packages and places.

use serde_json::Map;
use serde_json::Value;

use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::Strength;
use crate::formats::json;
use crate::formats::purl::Kind;
use crate::formats::purl::Purl;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Found;
use crate::generate::dependencies::Item;
use crate::generate::dependencies::MAX_DEPENDENCIES;
use crate::generate::dependencies::Unresolved;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::shown;
use crate::generate::git::normalise_remote;

/// One file being read.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    file: &'a str,
    found: Found,
}

impl<'a> Reading<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, found: Found::default() }
    }

    pub(super) fn file(&self) -> &'a str {
        self.file
    }

    pub(super) fn found(self) -> Found {
        self.found
    }

    /// The error for a place that holds something else.
    pub(super) fn invalid(
        &self,
        at: impl Into<String>,
        expected: &'static str,
        found: impl AsRef<str>,
    ) -> DependencyError {
        let (at, found) = (shown(&at.into()), shown(found.as_ref()));
        DependencyError::Invalid { file: self.file.to_owned(), at, expected, found }
    }

    /// The same for a line, from 1, whose text is not repeated: it may hold credentials.
    pub(super) fn invalid_line(&self, line: usize, expected: &'static str) -> DependencyError {
        self.invalid(format!("line {line}"), expected, "something else")
    }

    pub(super) fn json(&self, text: &str) -> Result<Map<String, Value>, DependencyError> {
        match json::parse(text.as_bytes()) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(other) => Err(self.invalid("the whole file", "a JSON object", json::kind(&other))),
            Err(error) => Err(self.invalid("the whole file", "JSON", error.to_string())),
        }
    }

    pub(super) fn toml(&self, text: &str) -> Result<toml::Table, DependencyError> {
        text.parse::<toml::Table>().map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            self.invalid(format!("line {line}"), "TOML", error.message())
        })
    }

    /// A package of one version.
    pub(super) fn package(&self, kind: Kind, name: &str, version: &str) -> Result<Purl, DependencyError> {
        let purl = Purl::new(kind, name).and_then(|purl| purl.version(version));
        purl.ok_or_else(|| {
            self.invalid(format!("the entry {name:?}"), "the name of a package and its version", version)
        })
    }

    /// Adds a qualifier to it.
    pub(super) fn qualified(&self, purl: Purl, key: &'static str, value: &str) -> Result<Purl, DependencyError> {
        let at = purl.to_string();
        purl.qualifier(key, value).ok_or_else(|| self.invalid(at, "a text of 1 to 1024 bytes", format!("{value:?}")))
    }

    /// A digest in hexadecimal.
    pub(super) fn hex(&self, at: &str, algorithm: Algorithm, text: &str) -> Result<Digest, DependencyError> {
        Digest::from_hex(algorithm, text)
            .map_err(|error| self.invalid(at, "a digest in hexadecimal", error.to_string()))
    }

    /// A digest as `algorithm:hexadecimal`.
    pub(super) fn tagged(&self, at: &str, text: &str) -> Result<Digest, DependencyError> {
        let known = text.split_once(':').and_then(|(name, hex)| Some((Algorithm::from_name(name)?, hex)));
        let Some((algorithm, hex)) = known else { return Err(self.invalid(at, "algorithm:hexadecimal", text)) };
        self.hex(at, algorithm, hex)
    }

    /// Digests as the web writes them (W3C Subresource Integrity): `algorithm-base64`, options behind `?`, several with
    /// spaces between.
    pub(super) fn integrity(&self, at: &str, text: &str) -> Result<Vec<Digest>, DependencyError> {
        let mut digests = Vec::new();
        for one in text.split_ascii_whitespace() {
            let refused = |found: &str| self.invalid(at, "integrity as algorithm-base64", found);
            let (name, value) = one.split_once('-').ok_or_else(|| refused(one))?;
            let known = ["md5", "sha1", "sha256", "sha384", "sha512"].contains(&name);
            let algorithm = Algorithm::from_name(name).filter(|_| known).ok_or_else(|| refused(one))?;
            let value = value.split('?').next().unwrap_or_default();
            let bytes = base64::decode(value).ok_or_else(|| refused(one))?;
            digests.push(Digest::new(algorithm, bytes).map_err(|error| refused(&error.to_string()))?);
        }
        if digests.is_empty() { Err(self.invalid(at, "integrity as algorithm-base64", "nothing")) } else { Ok(digests) }
    }

    /// Takes a package with its digests; without any, or with weak ones only, it counts as unresolved.
    pub(super) fn take(&mut self, purl: &Purl, digests: Vec<Digest>) -> Result<(), DependencyError> {
        self.item(Item { uri: purl.to_string(), name: None, digests, digest_of: None })
    }

    pub(super) fn item(&mut self, item: Item) -> Result<(), DependencyError> {
        if item.digests.is_empty() {
            return self.unresolved(item.uri, Why::NoDigest);
        }
        if item.digests.iter().all(|digest| digest.algorithm().strength() == Strength::Weak) {
            self.unresolved(item.uri.clone(), Why::WeakDigest)?;
        }
        self.found.items.push(item);
        self.count(self.found.items.len())
    }

    pub(super) fn unresolved(&mut self, what: impl AsRef<str>, why: Why) -> Result<(), DependencyError> {
        // A package URL is shown whole: cut, it would name something else.
        let what = what.as_ref();
        let what = if what.starts_with("pkg:") { what.to_owned() } else { shown(what) };
        self.found.unresolved.push(Unresolved { file: self.file.to_owned(), what, why });
        self.count(self.found.unresolved.len())
    }

    fn count(&self, found: usize) -> Result<(), DependencyError> {
        let (file, limit) = (self.file.to_owned(), MAX_DEPENDENCIES);
        if found > limit { Err(DependencyError::TooMany { file, limit }) } else { Ok(()) }
    }

    /// Takes a package that is a commit of a repository; the address loses its credentials.
    pub(super) fn take_commit(&mut self, purl: Purl, address: &str, commit: &str) -> Result<(), DependencyError> {
        let Ok(digest) = Digest::from_hex(Algorithm::GitCommit, commit) else {
            return self.unresolved(purl.to_string(), Why::Moving);
        };
        match repository(address) {
            Some(repository) => {
                let purl = self.qualified(purl, "vcs_url", &format!("{repository}@{commit}"))?;
                self.take(&purl, vec![digest])
            }
            None => self.unresolved(purl.to_string(), Why::Place),
        }
    }
}

/// The one spelling of a repository's address; `github:owner/name` and its like are npm's.
fn repository(address: &str) -> Option<String> {
    for (short, host) in [("github:", "github.com"), ("gitlab:", "gitlab.com"), ("bitbucket:", "bitbucket.org")] {
        if let Some(path) = address.strip_prefix(short) {
            return normalise_remote(&format!("https://{host}/{path}"));
        }
    }
    normalise_remote(address)
}

/// A web address without user name, password, query, fragment and last `/`. None for whatever is no web address, or
/// cannot be read without doubt, such as an `@` that may be the end of a password.
pub(super) fn public_url(text: &str) -> Option<String> {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = text.split_once("://").filter(|(scheme, _)| ["http", "https"].contains(scheme))?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let place = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = place.split_once(':').unwrap_or((place, "443"));
    let named = !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let numbered = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let odd = |c: char| c.is_control() || c == ' ' || c == '\\';
    // Scopes of npm begin with `@`.
    if !named || !numbered || path.chars().any(odd) || path.replace("/@", "").contains('@') {
        return None;
    }
    Some(format!("{scheme}://{}{}", place.to_ascii_lowercase(), path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_what_is_secret() {
        for (raw, expected) in [
            ("https://user:secret@Npm.Example.com:8443/a/?token=secret#secret", "https://npm.example.com:8443/a"),
            ("https://npm.example.com/@acme/app/-/app-1.tgz", "https://npm.example.com/@acme/app/-/app-1.tgz"),
            ("http://npm.example.com", "http://npm.example.com"),
        ] {
            assert_eq!(public_url(raw).as_deref(), Some(expected), "{raw}");
        }
        for raw in [
            "",
            "npm.example.com/a",
            "file:///home/me/a.tgz",
            "https://",
            "https:///a",
            "https://user:1/secret@npm.example.com/a",
            "https://user:secret/@npm.example.com/a",
            "https://npm.example.com/a b",
            "https://npm.example.com:x/a",
        ] {
            assert_eq!(public_url(raw), None, "{raw}");
        }
    }

    #[test]
    fn integrity_is_strict() {
        let reading = Reading::new("f");
        let read = |text: &str| reading.integrity("x", text).map_err(|error| error.code());
        let sha1 = "sha1-2jmj7l5rSw0yVb/vlWAYkK/YBwk=";
        assert_eq!(read(sha1).unwrap()[0].hex(), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        assert_eq!(read(&format!("{sha1}?opt  {sha1}")).unwrap().len(), 2);
        for text in [
            "",
            "sha1",
            "sha1-",
            "sha1-2jmj",
            "sha1-2jmj7l5rSw0yVb_vlWAYkK_YBwk=",
            "crc-AAAA",
            "gitCommit-AAAA",
            "sha256-2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
        ] {
            assert_eq!(read(text), Err("dependency-file-invalid"), "{text}");
        }
    }
}
