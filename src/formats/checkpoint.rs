//! Checkpoints of transparency logs: signed notes (C2SP signed-note and tlog-checkpoint).

use crate::formats::FormatError;
use crate::formats::base64;

/// Longest checkpoint that is read, in bytes. Real ones have about 300.
pub const MAX_BYTES: usize = 16 * 1024;
/// Most signature lines; a log, its older key, and witnesses.
pub const MAX_SIGNATURES: usize = 64;

/// A parsed checkpoint. The fields agree with [`Checkpoint::signed`], the bytes that signatures cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    signed: String,
    origin: String,
    tree_size: u64,
    root_hash: [u8; 32],
    signatures: Vec<NoteSignature>,
}

/// One signature line of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who says to have signed.
    pub name: String,
    /// The first four bytes of the key's id: a hint that may collide.
    pub key_hint: [u8; 4],
    /// The signature.
    pub signature: Vec<u8>,
}

fn expected(expected: &'static str) -> FormatError {
    FormatError::Checkpoint { expected }
}

impl Checkpoint {
    /// Reads a signed note whose text is a tree head: origin, size, root hash, other lines; an empty line; signatures.
    ///
    /// # Errors
    /// `checkpoint-invalid` with what was expected, `input-too-large`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        if text.len() > MAX_BYTES {
            return Err(FormatError::TooLarge { what: "checkpoint", limit: MAX_BYTES, found: text.len() });
        }
        if text.chars().any(|c| c != '\n' && c.is_control()) {
            return Err(expected("no control characters but line feeds"));
        }
        // The last empty line parts text from signatures, so that no text can hide behind an earlier one.
        let (body, lines) = text.rsplit_once("\n\n").ok_or_else(|| expected("an empty line before the signatures"))?;
        let mut head = body.split('\n');
        let origin = head.next().filter(|line| !line.is_empty()).ok_or_else(|| expected("an origin line"))?;
        let size = head.next().unwrap_or_default();
        let tree_size =
            size.parse().ok().filter(|n: &u64| n.to_string() == size).ok_or_else(|| expected("a decimal tree size"))?;
        let root = head.next().and_then(base64::decode).ok_or_else(|| expected("a base64 root hash"))?;
        let root_hash = root.try_into().map_err(|_| expected("a root hash of 32 bytes"))?;
        if head.any(str::is_empty) {
            return Err(expected("no empty line within the text"));
        }
        let lines = lines.strip_suffix('\n').ok_or_else(|| expected("a line feed at the end"))?;
        let signatures = lines.split('\n').map(NoteSignature::parse).collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            let found = signatures.len();
            return Err(FormatError::TooMany {
                what: "checkpoint signatures".to_owned(),
                limit: MAX_SIGNATURES,
                found,
            });
        }
        Ok(Self { signed: format!("{body}\n"), origin: origin.to_owned(), tree_size, root_hash, signatures })
    }

    /// The bytes that signatures cover: the text with its final line feed.
    pub fn signed(&self) -> &[u8] {
        self.signed.as_bytes()
    }

    /// The log's name for itself.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Leaves in the tree.
    pub fn tree_size(&self) -> u64 {
        self.tree_size
    }

    /// Root of the tree.
    pub fn root_hash(&self) -> &[u8; 32] {
        &self.root_hash
    }

    /// At least one signature line.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, FormatError> {
        let rest =
            line.strip_prefix("\u{2014} ").ok_or_else(|| expected("a signature line that starts with an em dash"))?;
        let (name, blob) = rest.split_once(' ').ok_or_else(|| expected("a signature line of name and base64"))?;
        if name.is_empty() || name.contains('+') || name.chars().any(char::is_whitespace) {
            return Err(expected("a signer name without spaces or plus signs"));
        }
        let blob = base64::decode(blob).ok_or_else(|| expected("a base64 signature"))?;
        let (key_hint, signature) =
            blob.split_first_chunk::<4>().ok_or_else(|| expected("a key hint of four bytes"))?;
        if signature.is_empty() {
            return Err(expected("a signature behind the key hint"));
        }
        Ok(Self { name: name.to_owned(), key_hint: *key_hint, signature: signature.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

    fn note(body: &str, lines: &str) -> Result<Checkpoint, FormatError> {
        Checkpoint::parse(&format!("{body}\n\n{lines}"))
    }

    #[test]
    fn reads_size_root_and_hints() {
        let checkpoint = note(
            &format!("log.test - 1\n7\n{ROOT}\nTimestamp: 1"),
            "\u{2014} log.test AQIDBAU=\n\u{2014} w AQIDBAU=\n",
        )
        .unwrap();
        assert_eq!((checkpoint.origin(), checkpoint.tree_size()), ("log.test - 1", 7));
        assert_eq!(checkpoint.signed(), format!("log.test - 1\n7\n{ROOT}\nTimestamp: 1\n").as_bytes());
        assert_eq!(checkpoint.signatures()[1].key_hint, [1, 2, 3, 4]);
        assert_eq!(checkpoint.signatures()[1].signature, [5]);
    }

    #[test]
    fn one_spelling_only() {
        let good = format!("l\n7\n{ROOT}");
        let line = "\u{2014} l AQIDBAU=\n";
        assert!(note(&good, line).is_ok());
        for (body, lines) in [
            (format!("\n7\n{ROOT}"), line),
            (format!("l\n07\n{ROOT}"), line),
            (format!("l\n+7\n{ROOT}"), line),
            ("l\n7\nAAAA".to_owned(), line),
            (format!("l\n7\n{ROOT}\n\nhidden"), line),
            (format!("l\r\n7\n{ROOT}"), line),
            (good.clone(), "\u{2014} l AQIDBAU="),
            (good.clone(), "- l AQIDBAU=\n"),
            (good.clone(), "\u{2014} l  AQIDBAU=\n"),
            (good.clone(), "\u{2014} l AQIDBA==\n"),
            (good.clone(), ""),
        ] {
            assert_eq!(note(&body, lines).unwrap_err().code(), "checkpoint-invalid", "{body:?} {lines:?}");
        }
        assert_eq!(Checkpoint::parse(&"x".repeat(MAX_BYTES + 1)).unwrap_err().code(), "input-too-large");
    }
}
