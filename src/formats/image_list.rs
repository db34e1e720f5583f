//! Lists of images: files with a reference in each line, and Kubernetes manifests.

#[cfg(feature = "policy-file")]
pub mod kubernetes;

/// Longest list or file of manifests that is read, in bytes (8 MiB).
pub const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most images that one call takes.
pub const MAX_IMAGES: usize = 10_000;

/// An image that a list names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The reference, as it is written there; nobody parsed it.
    pub image: String,
    /// Where in the list: `line 3`, or `document 2, Deployment shop/web`.
    pub at: String,
}

/// Why a list is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageListError {
    /// Above [`MAX_BYTES`].
    #[error("expected at most {limit} bytes, found {found}")]
    TooLarge {
        /// The limit.
        limit: usize,
        /// Its length.
        found: usize,
    },
    /// Bytes that are no UTF-8.
    #[error("expected text in UTF-8, found other bytes")]
    NotText,
    /// Above [`MAX_IMAGES`].
    #[error("expected at most {limit} images, found more")]
    TooManyImages {
        /// The limit.
        limit: usize,
    },
    /// A list that names none.
    #[error("expected at least one image, found none")]
    NoImage,
    /// No YAML.
    #[error("line {line}: expected YAML or JSON, found: {found}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        found: String,
    },
    /// An anchor or an alias.
    #[error("line {line}: expected the value itself, found an anchor or an alias")]
    Alias {
        /// Line, from 1.
        line: usize,
    },
    /// A tag.
    #[error("line {line}: expected a value without a tag, found a tag")]
    Tag {
        /// Line, from 1.
        line: usize,
    },
    /// A key that is a list or a map.
    #[error("line {line}: expected a text as the key, found a list or a map")]
    Key {
        /// Line, from 1.
        line: usize,
    },
    /// A key that stands twice in one map.
    #[error("line {line}: expected the key {key:?} once, found it again")]
    DuplicateKey {
        /// Line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// Too deep.
    #[error("line {line}: expected at most {limit} levels of lists and maps, found one more")]
    TooDeep {
        /// Line, from 1.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many values.
    #[error("line {line}: expected at most {limit} values, found one more")]
    TooManyValues {
        /// Line, from 1.
        line: usize,
        /// The limit.
        limit: usize,
    },
    /// The image of a container that is no text.
    #[error("{at}: expected the image of a container as a text, found something else")]
    Image {
        /// Document and object.
        at: String,
    },
}

impl ImageListError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "images-too-large",
            Self::NotText => "images-not-text",
            Self::TooManyImages { .. } => "images-too-many",
            Self::NoImage => "images-empty",
            Self::Syntax { .. } => "manifest-syntax",
            Self::Alias { .. } => "manifest-alias",
            Self::Tag { .. } => "manifest-tag",
            Self::Key { .. } => "manifest-key-not-text",
            Self::DuplicateKey { .. } => "manifest-duplicate-key",
            Self::TooDeep { .. } => "manifest-too-deep",
            Self::TooManyValues { .. } => "manifest-too-many",
            Self::Image { .. } => "manifest-image-not-text",
        }
    }
}

/// Reads a list with one reference in each line. What follows `#` at the start of a line or behind a blank is a comment; blank
/// lines are passed over.
///
/// # Errors
/// `images-too-large`, `images-not-text`, `images-too-many`, `images-empty`.
pub fn lines(bytes: &[u8]) -> Result<Vec<Listed>, ImageListError> {
    let mut listed = Vec::new();
    for (n, line) in text(bytes)?.lines().enumerate() {
        let comment = line.char_indices().find(|(at, c)| {
            *c == '#'
                && line.get(..*at).is_some_and(|before| before.is_empty() || before.ends_with(char::is_whitespace))
        });
        let image = line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or_default().trim();
        if image.is_empty() {
            continue;
        }
        if listed.len() == MAX_IMAGES {
            return Err(ImageListError::TooManyImages { limit: MAX_IMAGES });
        }
        listed.push(Listed { image: image.to_owned(), at: format!("line {}", n + 1) });
    }
    if listed.is_empty() { Err(ImageListError::NoImage) } else { Ok(listed) }
}

fn text(bytes: &[u8]) -> Result<&str, ImageListError> {
    if bytes.len() > MAX_BYTES {
        return Err(ImageListError::TooLarge { limit: MAX_BYTES, found: bytes.len() });
    }
    std::str::from_utf8(bytes).map_err(|_| ImageListError::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, &'static str> {
        let listed = lines(text.as_bytes()).map_err(|error| error.code())?;
        Ok(listed.into_iter().map(|one| (one.image, one.at)).collect())
    }

    #[test]
    fn comments_and_blank_lines_are_passed_over() {
        let pair = |image: &str, at: &str| (image.to_owned(), at.to_owned());
        let text = "# all of them\n\n ghcr.io/acme/app:v1 \t# the first\r\nacme/b@sha256:00\noci-layout:a#b\n";
        let expected = vec![
            pair("ghcr.io/acme/app:v1", "line 3"),
            pair("acme/b@sha256:00", "line 4"),
            pair("oci-layout:a#b", "line 5"),
        ];
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn lists_are_capped() {
        assert_eq!(read("# nothing\n"), Err("images-empty"));
        assert_eq!(lines(b"\xff").unwrap_err().code(), "images-not-text");
        assert_eq!(read(&"a\n".repeat(MAX_IMAGES)).map(|list| list.len()), Ok(MAX_IMAGES));
        assert_eq!(read(&"a\n".repeat(MAX_IMAGES + 1)), Err("images-too-many"));
        assert_eq!(read(&"#".repeat(MAX_BYTES + 1)), Err("images-too-large"));
    }
}
