//! The text in which slsa-github-generator is told its subjects: checksums in base64, or a handle of a file with them.

use crate::formats::FormatError;
use crate::formats::artifact::checksums::ChecksumLine;
use crate::formats::artifact::checksums::ChecksumsError;
use crate::formats::artifact::checksums::ChecksumsLimits;
use crate::formats::artifact::checksums::parse_separated;
use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;

/// Longest text, in bytes (512 MiB): what a million checksums take.
pub const MAX_TEXT: usize = 512 << 20;
/// Longest name in a handle, in bytes.
const MAX_HANDLE_NAME: usize = 1024;

/// What the text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base64Subjects {
    /// The subjects themselves.
    Lines(Vec<ChecksumLine>),
    /// Where they are.
    Handle(Handle),
}

/// A file that a workflow uploaded, with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handle {
    /// The workflow artifact that holds the file.
    pub artifact_name: String,
    /// The file's name in it: one component, so that it leads nowhere else.
    pub filename: String,
    /// What the file must be.
    pub sha256: Digest,
}

/// What stands where base64 of checksums was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// The runner masked the text.
    Masked,
    /// Checksums as they are.
    Plain,
    /// JSON.
    Json,
    /// Base64 of base64.
    Twice,
    /// Something else.
    Other,
}

impl Instead {
    fn text(self) -> &'static str {
        match self {
            Self::Masked => "asterisks: the runner took the text for a secret and masked it",
            Self::Plain => "checksums that are not encoded",
            Self::Json => "JSON",
            Self::Twice => "base64 that was encoded twice",
            Self::Other => "another text",
        }
    }
}

/// Why the text names no subjects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Base64SubjectsError {
    /// There is no text.
    #[error("expected base64 of checksums, found an empty text")]
    Empty,
    /// The text is too long.
    #[error("expected base64 of at most {limit} bytes, found {found}")]
    TooLarge {
        /// The cap, in bytes.
        limit: usize,
        /// Length found, in bytes.
        found: usize,
    },
    /// The text is something else.
    #[error("expected base64 of what sha256sum prints, found {}", found.text())]
    Unexpected {
        /// What it is.
        found: Instead,
    },
    /// A line of the decoded text is no checksum.
    #[error("the decoded text, {0}")]
    Checksums(#[from] ChecksumsError),
    /// The handle is malformed.
    #[error("the handle of the file with subjects: {0}")]
    Handle(FormatError),
    /// A field of the handle cannot be used.
    #[error("the handle of the file with subjects: expected {expected}, found {found:?}")]
    HandleField {
        /// What was expected.
        expected: &'static str,
        /// What stands there, at most 80 characters.
        found: String,
    },
}

impl Base64SubjectsError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty => "base64-subjects-empty",
            Self::TooLarge { .. } => "base64-subjects-too-large",
            Self::Unexpected { found: Instead::Json } => "base64-subjects-json",
            Self::Unexpected { found: Instead::Masked } => "base64-subjects-masked",
            Self::Unexpected { .. } => "base64-subjects-invalid",
            Self::Checksums(error) => error.code(),
            Self::Handle(error) => error.code(),
            Self::HandleField { .. } => "base64-subjects-handle",
        }
    }
}

/// Reads the text: standard base64, with padding; space and line ends between its characters are passed over, as
/// `base64` without `-w0` writes them.
///
/// Decoded, it is a checksums file ([`parse_separated`]), or a JSON object with `artifact_name`, `filename` and `sha256`,
/// the handle that slsa-github-generator's action for long lists returns. Unlike slsa-github-generator, the binary flag `*`
/// of `sha256sum -b` is no part of the name, escaped lines and those of `--tag` are read, and longer digests too.
///
/// # Errors
/// Every [`Base64SubjectsError`].
pub fn parse_base64_subjects(text: &[u8]) -> Result<Base64Subjects, Base64SubjectsError> {
    if text.len() > MAX_TEXT {
        return Err(Base64SubjectsError::TooLarge { limit: MAX_TEXT, found: text.len() });
    }
    let compact: Vec<u8> = text.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    if compact.is_empty() {
        return Err(Base64SubjectsError::Empty);
    }
    let unexpected = |found| Err(Base64SubjectsError::Unexpected { found });
    let Some(decoded) = str::from_utf8(&compact).ok().and_then(base64::decode) else {
        return unexpected(instead(text));
    };
    let start = decoded.trim_ascii_start();
    if start.starts_with(b"{") {
        return handle(&decoded);
    }
    if is_json(start) {
        return unexpected(Instead::Json);
    }
    match parse_separated(&decoded, ChecksumsLimits::STANDARD) {
        Ok(lines) if lines.is_empty() => Err(Base64SubjectsError::Empty),
        Ok(lines) => Ok(Base64Subjects::Lines(lines)),
        Err(_) if is_base64(&decoded) => unexpected(Instead::Twice),
        Err(error) => Err(error.into()),
    }
}

fn is_json(start: &[u8]) -> bool {
    start.starts_with(b"[") || start.starts_with(b"\"") || start.starts_with(b"{")
}

fn is_base64(decoded: &[u8]) -> bool {
    let text: Vec<u8> = decoded.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
    // A bare digest is base64 by accident.
    text.iter().any(|b| !b.is_ascii_hexdigit()) && str::from_utf8(&text).ok().and_then(base64::decode).is_some()
}

/// What a text is that is no base64.
fn instead(text: &[u8]) -> Instead {
    let text = text.trim_ascii();
    if text.iter().all(|b| *b == b'*') {
        Instead::Masked
    } else if is_json(text) {
        Instead::Json
    } else if parse_separated(text, ChecksumsLimits::STANDARD).is_ok_and(|lines| !lines.is_empty()) {
        Instead::Plain
    } else {
        Instead::Other
    }
}

fn handle(decoded: &[u8]) -> Result<Base64Subjects, Base64SubjectsError> {
    let read = || -> Result<_, FormatError> {
        let mut fields = Fields::new(json::parse(decoded)?, "")?;
        let [artifact, file, hex] = ["artifact_name", "filename", "sha256"].map(|name| fields.string(name));
        Ok((artifact?, file?, hex?))
    };
    // Somebody who encoded a JSON list of digests by mistake is told so, rather than which field a handle lacks.
    let (Some(artifact_name), Some(filename), Some(hex)) = read().map_err(Base64SubjectsError::Handle)? else {
        return Err(Base64SubjectsError::Unexpected { found: Instead::Json });
    };
    let wrong =
        |expected, found: &str| Base64SubjectsError::HandleField { expected, found: found.chars().take(80).collect() };
    for name in [&artifact_name, &filename] {
        let one = !name.is_empty() && name.len() <= MAX_HANDLE_NAME && !name.contains(['/', '\\', '\0']);
        if !one || name == "." || name == ".." {
            return Err(wrong("a name without a folder", name));
        }
    }
    let sha256 = Digest::from_hex(Algorithm::Sha256, &hex).map_err(|_| wrong("a lower-case sha256", &hex))?;
    Ok(Base64Subjects::Handle(Handle { artifact_name, filename, sha256 }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn code(text: &str) -> &'static str {
        parse_base64_subjects(text.as_bytes()).unwrap_err().code()
    }

    fn lines(plain: &str) -> Vec<(String, String)> {
        match parse_base64_subjects(base64::encode(plain.as_bytes()).as_bytes()).unwrap() {
            Base64Subjects::Lines(lines) => lines.into_iter().map(|l| (l.name, l.digest.to_string())).collect(),
            Base64Subjects::Handle(handle) => panic!("{handle:?}"),
        }
    }

    #[test]
    fn every_line_that_the_generator_takes_is_read() {
        let expected = |name: &str| (name.to_owned(), format!("sha256:{ABC}"));
        assert_eq!(lines(&format!("{ABC}  app\n")), [expected("app")]);
        assert_eq!(lines(&format!("  {ABC} app one \n\n{ABC}\tb\r\n")), [expected("app one"), expected("b")]);
        assert_eq!(lines(&format!("{}  app", ABC.to_uppercase())), [expected("app")]);
        // What the generator gets wrong or refuses.
        assert_eq!(lines(&format!("{ABC} *app\n{ABC}  *b\n")), [expected("app"), expected("*b")]);
        assert_eq!(lines(&format!("\\{ABC}  a\\\\b\n")), [expected("a\\b")]);
        assert_eq!(lines(&format!("SHA256 (app) = {ABC}\n")), [expected("app")]);
    }

    #[test]
    fn line_ends_in_the_base64_do_not_matter() {
        let encoded = base64::encode(format!("{ABC}  app\n{ABC}  b\n").as_bytes());
        let wrapped: Vec<&str> = [encoded.split_at(76).0, encoded.split_at(76).1].to_vec();
        let wrapped = format!("\n{}\r\n", wrapped.join("\n"));
        assert_eq!(parse_base64_subjects(wrapped.as_bytes()), parse_base64_subjects(encoded.as_bytes()));
    }

    #[test]
    fn what_people_give_by_mistake_is_named() {
        let encode = |text: &str| base64::encode(text.as_bytes());
        let plain = format!("{ABC}  app\n");
        assert_eq!(code(""), "base64-subjects-empty");
        assert_eq!(code(" \n"), "base64-subjects-empty");
        assert_eq!(code(&encode("\n\n")), "base64-subjects-empty");
        assert_eq!(code("***"), "base64-subjects-masked");
        for json in ["[\"a\"]", "{\"app\":\"sha256:00\"}", "\"text\""] {
            assert_eq!(code(json), "base64-subjects-json", "{json}");
            assert_eq!(code(&encode(json)), "base64-subjects-json", "{json}");
        }
        let found = |text: &str| match parse_base64_subjects(text.as_bytes()).unwrap_err() {
            Base64SubjectsError::Unexpected { found } => found,
            other => panic!("{other}"),
        };
        assert_eq!(found(&plain), Instead::Plain);
        assert_eq!(found(&encode(&encode(&plain))), Instead::Twice);
        assert_eq!(found("nothing of the kind!"), Instead::Other);
        assert_eq!(code(&encode("no checksum  app")), "checksums-malformed-line");
        assert_eq!(code(&encode(&format!("{ABC}  a\n{}  a\n", "0".repeat(64)))), "checksums-conflict");
        assert_eq!(code(&encode(ABC)), "checksums-malformed-line");
    }

    #[test]
    fn a_handle_names_one_file() {
        let handle = |name: &str, hex: &str| {
            let text = format!(r#"{{"artifact_name":"subjects-7","filename":"{name}","sha256":"{hex}"}}"#);
            parse_base64_subjects(base64::encode(text.as_bytes()).as_bytes())
        };
        let Ok(Base64Subjects::Handle(read)) = handle("digests.text", ABC) else { panic!("no handle") };
        assert_eq!((read.filename.as_str(), read.sha256.hex().as_str()), ("digests.text", ABC));
        for bad in ["", ".", "..", "../x", "a/b", "a\\\\b"] {
            assert_eq!(handle(bad, ABC).unwrap_err().code(), "base64-subjects-handle", "{bad}");
        }
        assert_eq!(handle("x", "00").unwrap_err().code(), "base64-subjects-handle");
        assert_eq!(code(&base64::encode(b"{\"artifact_name\":1}")), "json-wrong-type");
        assert_eq!(code(&base64::encode(b"{\"a\":1,\"a\":2}")), "json-duplicate-key");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = parse_base64_subjects(text.as_bytes());
            let _ = parse_base64_subjects(base64::encode(text.as_bytes()).as_bytes());
        }
    }
}
