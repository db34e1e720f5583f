//! Descriptors of artifacts in their one spelling: URIs of git and of images, digests.

use serde_json::Map;
use serde_json::Value;

use crate::builders::convert::quirks::Notes;
use crate::builders::convert::quirks::Quirk;
use crate::builders::source::SourceUri;
use crate::formats::base64;

/// What a digest is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// A git repository: `sha1` is the name of a commit.
    Git,
    /// Anything else.
    Artifact,
}

/// A list of descriptors; `at` is its JSON pointer.
pub(super) fn list(descriptors: &mut [Value], at: &str, notes: &mut Notes) {
    for (n, descriptor) in descriptors.iter_mut().enumerate() {
        if let Value::Object(fields) = descriptor {
            self::descriptor(fields, &format!("{at}/{n}"), notes);
        }
    }
}

pub(super) fn descriptor(fields: &mut Map<String, Value>, at: &str, notes: &mut Notes) {
    let commit = fields.get("digest").and_then(Value::as_object).is_some_and(names_commit);
    let mut of = Of::Artifact;
    if let Some(Value::String(uri)) = fields.get_mut("uri") {
        let pointer = format!("{at}/uri");
        if let Some(found) = git(uri, commit) {
            of = Of::Git;
            replace(uri, found, Quirk::SourceUriSpelling, &pointer, notes);
        } else if let Some(image) = uri.strip_prefix("oci://").and_then(image) {
            replace(uri, image, Quirk::OciPrefix, &pointer, notes);
        }
    }
    if let Some(Value::Object(digests)) = fields.get_mut("digest") {
        digest(digests, of, &format!("{at}/digest"), notes);
    }
}

fn replace(text: &mut String, new: String, quirk: Quirk, pointer: &str, notes: &mut Notes) {
    if *text != new {
        notes.changed(quirk, pointer, text, &new);
        *text = new;
    }
}

/// A git repository as `git+https://host/path@ref`; None for what is none. A plain https URI is one when a commit stands
/// beside it, or when its path ends in `.git`.
pub(super) fn git(uri: &str, commit: bool) -> Option<String> {
    let scheme = ["git+", "git://", "ssh://"].iter().any(|prefix| uri.starts_with(prefix));
    let path = uri.split(['#', '@']).next().unwrap_or_default();
    if !scheme && !commit && !path.ends_with(".git") {
        return None;
    }
    let parsed = SourceUri::parse(uri)?;
    let canonical = parsed.canonical();
    Some(match parsed.git_ref {
        Some(git_ref) => format!("{canonical}@{git_ref}"),
        None => canonical,
    })
}

/// An image `host/path/name[:tag][@algorithm:hex]` as a package URL of type `oci` (purl specification, "oci").
fn image(reference: &str) -> Option<String> {
    let (rest, digest) = match reference.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (reference, None),
    };
    let (repository, tag) = match rest.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (rest, None),
    };
    let name = repository.rsplit('/').next().filter(|name| !name.is_empty())?;
    let spelt = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "._-/:".contains(c));
    if !spelt(repository) || !tag.is_none_or(spelt) || !digest.is_none_or(spelt) {
        return None;
    }
    let version = digest.map(|digest| format!("@{}", digest.replace(':', "%3A"))).unwrap_or_default();
    let tag = tag.map(|tag| format!("&tag={tag}")).unwrap_or_default();
    Some(format!("pkg:oci/{}{version}?repository_url={repository}{tag}", name.to_ascii_lowercase()))
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a digest set names a git commit. 40 digits under `sha256` are one too: no SHA-256 has them.
pub(super) fn names_commit(digests: &Map<String, Value>) -> bool {
    let under = |key: &str| digests.get(key).and_then(Value::as_str).is_some_and(|text| is_hex(text, 40));
    digests.contains_key("gitCommit") || under("sha256") || under("sha1") && digests.len() == 1
}

/// Digests under the names that they have in v1, as lower-case hexadecimal.
pub(super) fn digest(digests: &mut Map<String, Value>, of: Of, at: &str, notes: &mut Notes) {
    let mut out = Map::new();
    for (key, value) in std::mem::take(digests) {
        let pointer = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        let Value::String(text) = value else {
            out.insert(key, value);
            continue;
        };
        let (hex, quirk) = spelt(&key, &text);
        if let Some(quirk) = quirk {
            notes.changed(quirk, &pointer, &text, &hex);
        }
        let name = match key.as_str() {
            "sha256" if is_hex(&hex, 40) => Some((Quirk::CommitAsSha256, "gitCommit")),
            "sha1" if of == Of::Git && is_hex(&hex, 40) => Some((Quirk::GitDigestKey, "gitCommit")),
            _ => None,
        };
        match name.filter(|(_, name)| !out.contains_key(*name)) {
            Some((quirk, name)) => {
                notes.changed(quirk, &pointer, &key, name);
                out.insert(name.to_owned(), Value::String(hex));
            }
            None => drop(out.insert(key, Value::String(hex))),
        }
    }
    *digests = out;
}

/// A digest as hexadecimal: out of Subresource Integrity (`sha512-BASE64`), or of upper case.
fn spelt(key: &str, text: &str) -> (String, Option<Quirk>) {
    let sri = text.strip_prefix(key).and_then(|rest| rest.strip_prefix('-'));
    if let Some(bytes) = sri.and_then(base64::decode) {
        return (hex::encode(bytes), Some(Quirk::DigestSri));
    }
    let upper = text.bytes().any(|byte| byte.is_ascii_uppercase()) && is_hex(text, text.len());
    if upper { (text.to_ascii_lowercase(), Some(Quirk::DigestCase)) } else { (text.to_owned(), None) }
}
