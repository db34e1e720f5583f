//! The list of artifacts that a GitHub job's steps declared, in the file that `GITHUB_ARTIFACTS_LIST` names.

use crate::formats::FormatError;
use crate::formats::artifact::image::ImageReference;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// Most subjects in one list.
pub const MAX_LISTED: usize = 1_000_000;
/// The version of the format that is read.
const VERSION: u64 = 1;

/// What kind of thing a listed artifact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedKind {
    /// A file.
    File,
    /// An image in a registry.
    Image,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The name; an image's is its registry and repository.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
    /// What it is.
    pub kind: ListedKind,
}

/// Why the list is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The file holds nothing, as it does until a step declares an artifact.
    #[error("expected a list of artifacts, found an empty file")]
    Empty,
    /// A byte order mark before the text, which GitHub's own reader refuses too.
    #[error("expected JSON, found a byte order mark before it")]
    ByteOrderMark,
    /// The text is malformed.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Another version of the format.
    #[error("expected version {VERSION} of the list, found {found}")]
    Version {
        /// The version found.
        found: u64,
    },
    /// An entry cannot be used.
    #[error("/subjects/{index}: expected {expected}, found {found:?}")]
    Entry {
        /// The entry, from 0.
        index: usize,
        /// What was expected.
        expected: &'static str,
        /// What stands there, at most 80 characters.
        found: String,
    },
}

impl ListError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "artifacts-list-empty",
            Self::ByteOrderMark => "artifacts-list-byte-order-mark",
            Self::Format(error) => error.code(),
            Self::Version { .. } => "artifacts-list-version",
            Self::Entry { .. } => "artifacts-list-entry",
        }
    }
}

/// Reads `{"version":1,"subjects":[{"name","digest","kind"}]}`; `kind` is `file` or `oci`, `digest` is `ALGORITHM:HEX`.
///
/// A field that is not listed here is refused: the version would be another if it had a meaning.
///
/// # Errors
/// Every [`ListError`].
pub fn parse_list(bytes: &[u8]) -> Result<Vec<Listed>, ListError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(ListError::ByteOrderMark);
    }
    if bytes.trim_ascii().is_empty() {
        return Err(ListError::Empty);
    }
    let mut top = Fields::new(json::parse(bytes)?, "")?;
    match top.need_integer("version")? {
        VERSION => {}
        found => return Err(ListError::Version { found }),
    }
    let subjects = top.array("subjects", MAX_LISTED)?;
    top.finish()?;
    if subjects.is_empty() {
        return Err(ListError::Empty);
    }
    subjects.into_iter().enumerate().map(|(index, value)| entry(index, value)).collect()
}

fn entry(index: usize, value: serde_json::Value) -> Result<Listed, ListError> {
    let mut fields = Fields::new(value, &format!("/subjects/{index}"))?;
    let (name, text, kind) = (fields.need_string("name")?, fields.need_string("digest")?, fields.need_string("kind")?);
    fields.finish()?;
    let wrong = |expected, found: &str| ListError::Entry { index, expected, found: found.chars().take(80).collect() };
    let digest = Digest::parse(&text).map_err(|_| wrong("a digest like sha256:…", &text))?;
    let (name, kind) = match kind.as_str() {
        "file" => (name, ListedKind::File),
        "oci" => {
            let image = ImageReference::parse(&name).map_err(|_| wrong("an image's registry and repository", &name))?;
            if image.digest.as_ref().is_some_and(|inside| *inside != text) {
                return Err(wrong("the same digest in name and digest", &name));
            }
            (image.name.to_string(), ListedKind::Image)
        }
        _ => return Err(wrong("a kind, file or oci", &kind)),
    };
    Ok(Listed { name, digest, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn list(entries: &str) -> String {
        format!(r#"{{"version":1,"subjects":[{entries}]}}"#)
    }

    fn one(name: &str, digest: &str, kind: &str) -> String {
        format!(r#"{{"name":"{name}","digest":"{digest}","kind":"{kind}"}}"#)
    }

    fn code(text: &str) -> &'static str {
        parse_list(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn files_and_images_are_listed() {
        let text = list(&[one("app", ABC, "file"), one("GHCR.io/Acme/App:v1", ABC, "oci")].join(","));
        let read = parse_list(text.as_bytes()).unwrap();
        let found: Vec<_> = read.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(found, [("app", ListedKind::File), ("ghcr.io/acme/app", ListedKind::Image)]);
        assert_eq!(read[0].digest.to_string(), ABC);
    }

    #[test]
    fn refusals_are_named() {
        let good = one("app", ABC, "file");
        assert_eq!(code(&format!("\u{feff}{}", list(&good))), "artifacts-list-byte-order-mark");
        assert_eq!(code(" \n"), "artifacts-list-empty");
        assert_eq!(code(&list("")), "artifacts-list-empty");
        assert_eq!(code(&list(&good).replace(":1,", ":2,")), "artifacts-list-version");
        assert_eq!(code(&list(&good).replace("\"version\":1,", "")), "json-field-missing");
        assert_eq!(code(&list(&good).replace(":1,", ":1,\"more\":1,")), "json-field-unknown");
        assert_eq!(code(&list(&good.replace("{", "{\"path\":\"/\","))), "json-field-unknown");
        assert_eq!(code(&list("1")), "json-wrong-type");
        for (name, digest, kind) in [
            ("app", "sha256:00", "file"),
            ("app", "latest", "file"),
            ("app", ABC, "image"),
            ("no image", ABC, "oci"),
            (&format!("ghcr.io/a/b@{}", ABC.replace('b', "c")), ABC, "oci"),
        ] {
            assert_eq!(code(&list(&one(name, digest, kind))), "artifacts-list-entry", "{name} {digest} {kind}");
        }
    }
}
