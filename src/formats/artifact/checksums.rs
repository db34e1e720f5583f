//! Checksums files, as GNU coreutils and the BSD tools write them.

use std::collections::HashMap;

use crate::formats::artifact::MAX_NAME;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::formats::digest::Strength;

/// Caps on a checksums file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChecksumsLimits {
    /// Most lines, blank ones and comments included.
    pub lines: usize,
    /// Longest name, in bytes, after escapes are resolved.
    pub name: usize,
}

impl ChecksumsLimits {
    /// 1,000,000 lines, names of 4096 bytes.
    pub const STANDARD: Self = Self { lines: 1_000_000, name: MAX_NAME };
}

/// One entry of a checksums file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChecksumLine {
    /// The digest; its algorithm binds.
    pub digest: Digest,
    /// The name as written, escapes resolved.
    pub name: String,
    /// Line number, from 1.
    pub line: usize,
}

/// Why a checksums file is refused. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChecksumsError {
    /// More lines than [`ChecksumsLimits::lines`].
    #[error("expected at most {limit} lines, found more")]
    TooManyLines {
        /// The cap.
        limit: usize,
    },
    /// The line is not UTF-8.
    #[error("line {line}: expected UTF-8, found other bytes")]
    NotUtf8 {
        /// Line number.
        line: usize,
    },
    /// Neither shape of a checksums line.
    #[error("line {line}: expected {expected}, found {found:?}")]
    Malformed {
        /// Line number.
        line: usize,
        /// The part that was expected.
        expected: &'static str,
        /// What stands there, at most 80 characters.
        found: String,
    },
    /// A tag whose algorithm in-toto does not know in that length.
    #[error("line {line}: expected the tag of an in-toto algorithm (such as SHA256), found {found:?}")]
    UnknownTag {
        /// Line number.
        line: usize,
        /// The tag, at most 80 characters.
        found: String,
    },
    /// No checksum has so many hexadecimal characters.
    #[error("line {line}: expected a checksum of 64, 96 or 128 hexadecimal characters, found {found}")]
    Length {
        /// Line number.
        line: usize,
        /// Characters found.
        found: usize,
    },
    /// The checksum has another length than its tag says.
    #[error("line {line}: {source}")]
    Digest {
        /// Line number.
        line: usize,
        /// What was expected and found.
        source: DigestError,
    },
    /// An algorithm that does not bind an artifact.
    #[error("line {line}: expected an algorithm that is collision resistant, found {algorithm}")]
    Weak {
        /// Line number.
        line: usize,
        /// The algorithm of the line.
        algorithm: Algorithm,
    },
    /// An escape other than `\\`, `\n` and `\r` in an escaped name.
    #[error("line {line}: expected \\\\, \\n or \\r in an escaped name, found {found:?}")]
    Escape {
        /// Line number.
        line: usize,
        /// The escape.
        found: String,
    },
    /// The name is longer than [`ChecksumsLimits::name`].
    #[error("line {line}: expected a name of at most {limit} bytes, found {found}")]
    LongName {
        /// Line number.
        line: usize,
        /// The cap, in bytes.
        limit: usize,
        /// Length found, in bytes.
        found: usize,
    },
    /// One name with two digests of one algorithm.
    #[error("line {line}: {name:?} has another {algorithm} digest on line {first}")]
    Conflict {
        /// Line number of the later entry.
        line: usize,
        /// Line number of the earlier entry.
        first: usize,
        /// The name.
        name: String,
        /// The algorithm of both.
        algorithm: Algorithm,
    },
}

impl ChecksumsError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyLines { .. } => "checksums-too-many-lines",
            Self::NotUtf8 { .. } => "checksums-not-utf8",
            Self::Malformed { .. } => "checksums-malformed-line",
            Self::UnknownTag { .. } => "checksums-unknown-tag",
            Self::Length { .. } => "checksums-bad-length",
            Self::Digest { .. } => "checksums-bad-digest",
            Self::Weak { .. } => "checksums-weak-algorithm",
            Self::Escape { .. } => "checksums-bad-escape",
            Self::LongName { .. } => "checksums-long-name",
            Self::Conflict { .. } => "checksums-conflict",
        }
    }
}

/// Tags of `cksum --tag`, `b2sum --tag` and the BSD tools, and what they mean.
const TAGS: &[(&str, Algorithm)] = &[
    ("BLAKE2b", Algorithm::Blake2b),
    ("BLAKE2b-512", Algorithm::Blake2b),
    ("MD5", Algorithm::Md5),
    ("RMD160", Algorithm::Ripemd160),
    ("SHA1", Algorithm::Sha1),
    ("SHA224", Algorithm::Sha224),
    ("SHA256", Algorithm::Sha256),
    ("SHA3-224", Algorithm::Sha3_224),
    ("SHA3-256", Algorithm::Sha3_256),
    ("SHA3-384", Algorithm::Sha3_384),
    ("SHA3-512", Algorithm::Sha3_512),
    ("SHA384", Algorithm::Sha384),
    ("SHA512", Algorithm::Sha512),
    ("SHA512/224", Algorithm::Sha512_224),
    ("SHA512/256", Algorithm::Sha512_256),
    ("SHA512t256", Algorithm::Sha512_256),
    ("SM3", Algorithm::Sm3),
];

/// Reads a checksums file as GNU coreutils (`HEX␠␠NAME`, `HEX␠*NAME`) and the BSD tools (`SHA256 (NAME) = HEX`) write it.
///
/// * Both shapes may stand in one file. A leading backslash says that `\\`, `\n` and `\r` in the name are escapes.
/// * A GNU line does not name its algorithm: 64, 96 and 128 characters are SHA-256, SHA-384 and SHA-512. The output of
///   `b2sum` or `cksum -a sha3` therefore needs `--tag`.
/// * Lines of an algorithm that does not bind (MD5, SHA-1, SHA-224 …) are refused, not skipped.
/// * Hexadecimal of either case is taken. Names are kept as written; a leading `./` stays.
/// * Blank lines and lines that start with `#` are skipped, a UTF-8 byte order mark before the first line too. Lines end
///   in LF or CR LF; the last may end without.
/// * An entry that repeats an earlier one is dropped; one name with two digests of one algorithm is an error.
///
/// # Errors
/// Every [`ChecksumsError`]; no line is skipped because it is malformed.
pub fn parse_checksums(bytes: &[u8], limits: ChecksumsLimits) -> Result<Vec<ChecksumLine>, ChecksumsError> {
    parse(bytes, limits, Separator::Two)
}

/// Reads what [`parse_checksums`] reads, and also lines in which a single space, a tab, or any number of them stand between
/// checksum and name, as people write such lists by hand. Space around a line and before a name is no part of it then, so
/// this is only for lists that are defined so.
///
/// # Errors
/// As [`parse_checksums`].
pub fn parse_separated(bytes: &[u8], limits: ChecksumsLimits) -> Result<Vec<ChecksumLine>, ChecksumsError> {
    parse(bytes, limits, Separator::Any)
}

/// What stands between a checksum and its name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Separator {
    /// Two characters: a space, and a space or `*`.
    Two,
    /// One space and `*`, or any space and tabs.
    Any,
}

fn parse(bytes: &[u8], limits: ChecksumsLimits, separator: Separator) -> Result<Vec<ChecksumLine>, ChecksumsError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = str::from_utf8(bytes).map_err(|error| {
        let before = bytes.iter().take(error.valid_up_to()).filter(|b| **b == b'\n').count();
        ChecksumsError::NotUtf8 { line: before.saturating_add(1) }
    })?;
    let mut entries: Vec<ChecksumLine> = Vec::new();
    for (index, text) in text.split('\n').enumerate() {
        let line = index.saturating_add(1);
        // What follows the last line feed is no line when it is empty.
        if index >= limits.lines && !(text.is_empty() && index == limits.lines) {
            return Err(ChecksumsError::TooManyLines { limit: limits.lines });
        }
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if separator == Separator::Any { text.trim_ascii() } else { text };
        if text.trim_ascii().is_empty() || text.starts_with('#') {
            continue;
        }
        entries.push(parse_line(text, line, limits, separator)?);
    }
    without_repeats(entries)
}

fn without_repeats(entries: Vec<ChecksumLine>) -> Result<Vec<ChecksumLine>, ChecksumsError> {
    // Most files are sorted by name, and then nothing repeats.
    if entries.is_sorted_by(|a, b| a.name < b.name) {
        return Ok(entries);
    }
    let mut seen: HashMap<(&str, Algorithm), &ChecksumLine> = HashMap::with_capacity(entries.len());
    let mut repeats = Vec::new();
    for entry in &entries {
        let algorithm = entry.digest.algorithm();
        let first = *seen.entry((&entry.name, algorithm)).or_insert(entry);
        if first.digest != entry.digest {
            let (line, first, name) = (entry.line, first.line, entry.name.clone());
            return Err(ChecksumsError::Conflict { line, first, name, algorithm });
        }
        if first.line != entry.line {
            repeats.push(entry.line);
        }
    }
    if repeats.is_empty() {
        return Ok(entries);
    }
    // Both are in the order of lines.
    Ok(entries.into_iter().filter(|entry| repeats.binary_search(&entry.line).is_err()).collect())
}

fn parse_line(
    text: &str,
    line: usize,
    limits: ChecksumsLimits,
    separator: Separator,
) -> Result<ChecksumLine, ChecksumsError> {
    let (escaped, body) = text.strip_prefix('\\').map_or((false, text), |rest| (true, rest));
    let splits: &[char] = if separator == Separator::Any { &[' ', '\t'] } else { &[' '] };
    let (first, rest) =
        body.split_once(splits).ok_or_else(|| malformed(line, "\"HEX  NAME\" or \"ALGORITHM (NAME) = HEX\"", text))?;
    let (algorithm, bytes, name) = if rest.starts_with('(') && !is_hex(first) {
        tagged(first, rest, line)?
    } else {
        untagged(first, rest, line, separator)?
    };
    if name.is_empty() {
        return Err(malformed(line, "a name", text));
    }
    if algorithm.strength() != Strength::Strong {
        return Err(ChecksumsError::Weak { line, algorithm });
    }
    let digest = Digest::new(algorithm, bytes).map_err(|source| ChecksumsError::Digest { line, source })?;
    let name = if escaped { unescape(name, line)? } else { name.to_owned() };
    if name.len() > limits.name {
        return Err(ChecksumsError::LongName { line, limit: limits.name, found: name.len() });
    }
    Ok(ChecksumLine { digest, name, line })
}

/// `SHA256` and `(NAME) = HEX`; a name may hold `) = ` too, so the last one ends it.
fn tagged<'a>(tag: &str, rest: &'a str, line: usize) -> Result<(Algorithm, Vec<u8>, &'a str), ChecksumsError> {
    let algorithm = TAGS
        .iter()
        .find(|row| row.0 == tag)
        .map(|row| row.1)
        .ok_or_else(|| ChecksumsError::UnknownTag { line, found: shown(tag) })?;
    let (name, hex) = rest
        .strip_prefix('(')
        .and_then(|inner| inner.rsplit_once(") = "))
        .ok_or_else(|| malformed(line, "\"(NAME) = HEX\" after the algorithm", rest))?;
    let bytes = decoded(hex).ok_or_else(|| malformed(line, "a hexadecimal checksum", hex))?;
    Ok((algorithm, bytes, name))
}

/// `HEX`, then ` NAME` (read as text) or `*NAME` (read as binary; the same today).
fn untagged<'a>(
    hex: &str,
    rest: &'a str,
    line: usize,
    separator: Separator,
) -> Result<(Algorithm, Vec<u8>, &'a str), ChecksumsError> {
    let no_hex = || malformed(line, "a hexadecimal checksum or a tag such as \"SHA256 (NAME) = HEX\"", hex);
    if !is_hex(hex) {
        return Err(no_hex());
    }
    let name = match separator {
        Separator::Two => rest
            .strip_prefix([' ', '*'])
            .ok_or_else(|| malformed(line, "two spaces, or a space and *, after the checksum", rest))?,
        Separator::Any => {
            // The flag stands right behind one space; behind two, `*` is the first character of the name.
            rest.strip_prefix('*').unwrap_or_else(|| rest.trim_ascii_start())
        }
    };
    let algorithm = match hex.len() {
        32 => Algorithm::Md5,
        40 => Algorithm::Sha1,
        56 => Algorithm::Sha224,
        64 => Algorithm::Sha256,
        96 => Algorithm::Sha384,
        128 => Algorithm::Sha512,
        found => return Err(ChecksumsError::Length { line, found }),
    };
    Ok((algorithm, decoded(hex).ok_or_else(no_hex)?, name))
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().fold(true, |all, b| all & b.is_ascii_hexdigit())
}

/// The bytes of hexadecimal of either case.
fn decoded(hex: &str) -> Option<Vec<u8>> {
    let (pairs, odd) = hex.as_bytes().as_chunks::<2>();
    let mut bytes = Vec::with_capacity(pairs.len());
    for [high, low] in pairs {
        let (high, low) = (char::from(*high).to_digit(16)?, char::from(*low).to_digit(16)?);
        bytes.push(u8::try_from(high << 4 | low).ok()?);
    }
    if odd.is_empty() && !bytes.is_empty() { Some(bytes) } else { None }
}

fn unescape(name: &str, line: usize) -> Result<String, ChecksumsError> {
    let mut plain = String::with_capacity(name.len());
    let mut rest = name.chars();
    while let Some(c) = rest.next() {
        plain.push(match c {
            '\\' => match rest.next() {
                Some('\\') => '\\',
                Some('n') => '\n',
                Some('r') => '\r',
                other => {
                    let found = other.map_or_else(|| "\\".to_owned(), |c| format!("\\{c}"));
                    return Err(ChecksumsError::Escape { line, found });
                }
            },
            c => c,
        });
    }
    Ok(plain)
}

fn malformed(line: usize, expected: &'static str, found: &str) -> ChecksumsError {
    ChecksumsError::Malformed { line, expected, found: shown(found) }
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn parse(text: &str) -> Result<Vec<ChecksumLine>, ChecksumsError> {
        parse_checksums(text.as_bytes(), ChecksumsLimits::STANDARD)
    }

    fn names(text: &str) -> Vec<(String, Algorithm, usize)> {
        let entries = parse(text).unwrap();
        entries.into_iter().map(|e| (e.name, e.digest.algorithm(), e.line)).collect()
    }

    #[test]
    fn gnu_lines() {
        let text = format!(
            "\u{feff}# made by hand\n{EMPTY}  a b\n\n{EMPTY} *c\r\n{}  d\n{}  e\n\\{EMPTY}  x\\\\y\\nz\\r\n{EMPTY}  last",
            "AB".repeat(48),
            "0".repeat(128),
        );
        let expected = [
            ("a b", Algorithm::Sha256, 2),
            ("c", Algorithm::Sha256, 4),
            ("d", Algorithm::Sha384, 5),
            ("e", Algorithm::Sha512, 6),
            ("x\\y\nz\r", Algorithm::Sha256, 7),
            ("last", Algorithm::Sha256, 8),
        ];
        assert_eq!(names(&text), expected.map(|(n, a, l)| (n.to_owned(), a, l)));
        assert_eq!(parse(&text).unwrap()[0].digest.hex(), EMPTY);
        assert_eq!(parse(&text).unwrap()[2].digest.hex(), "ab".repeat(48));
        // Without the leading backslash nothing is an escape.
        assert_eq!(names(&format!("{EMPTY}  a\\nb"))[0].0, "a\\nb");
        assert_eq!(names(&format!("{EMPTY}   a "))[0].0, " a ");
        assert_eq!(parse("# nothing\n\n"), Ok(vec![]));
    }

    #[test]
    fn tagged_lines() {
        let all = TAGS.iter().filter(|row| row.1.strength() == Strength::Strong);
        for (tag, algorithm) in all {
            let hex = "0f".repeat(algorithm.lengths()[0]);
            assert_eq!(names(&format!("{tag} (a) = {hex}\n")), [("a".to_owned(), *algorithm, 1)]);
        }
        let text = format!("SHA256 (a (b) = c) = {EMPTY}\n\\SHA256 (d\\ne) = {EMPTY}\r\n");
        let found: Vec<_> = names(&text).into_iter().map(|row| row.0).collect();
        assert_eq!(found, ["a (b) = c", "d\ne"]);
    }

    #[test]
    fn what_the_tools_print() {
        let text = "\
            SHA3-256 (empty) = a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a\n\
            BLAKE2b (empty) = 786a02f742015903c6c6fd852552d272912f4740e15847618a86e217f71f5419d25e1031afee585313896444934eb04b903a685b1448b755d56f701afe9be2ce\n\
            \\e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  new\\nline\n\
            \\SHA256 (new\\nline) = e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
        let found = names(text);
        assert_eq!(found.len(), 3, "the two spellings of one entry are one: {found:?}");
        assert_eq!(found[1].1, Algorithm::Blake2b);
        assert_eq!(found[2].0, "new\nline");
    }

    #[test]
    fn malformed_lines_are_named() {
        let s64 = EMPTY;
        let cases = [
            (format!("{s64}  a\nhello\n"), "checksums-malformed-line", 2),
            (format!("{s64}\n"), "checksums-malformed-line", 1),
            (format!("{s64}  \n"), "checksums-malformed-line", 1),
            (format!("{s64} a\n"), "checksums-malformed-line", 1),
            (format!("{s64} ?a\n"), "checksums-malformed-line", 1),
            (format!("{s64}\ta\n"), "checksums-malformed-line", 1),
            (format!(" {s64}  a\n"), "checksums-malformed-line", 1),
            (format!("SHA256 (a) {s64}"), "checksums-malformed-line", 1),
            (format!("SHA256(a)= {s64}"), "checksums-malformed-line", 1),
            (format!("SHA256 () = {s64}"), "checksums-malformed-line", 1),
            ("SHA256 (a) = ".to_owned(), "checksums-malformed-line", 1),
            (format!("SHA256 (a) = {s64} "), "checksums-malformed-line", 1),
            (format!("SHA999 (a) = {s64}"), "checksums-unknown-tag", 1),
            (format!("BLAKE2b-256 (a) = {s64}"), "checksums-unknown-tag", 1),
            (format!("SHA512 (a) = {s64}"), "checksums-bad-digest", 1),
            (format!("{}0  a", &s64), "checksums-bad-length", 1),
            (format!("{}  a", &s64[..32]), "checksums-weak-algorithm", 1),
            (format!("\n{}  a", &s64[..40]), "checksums-weak-algorithm", 2),
            (format!("{}  a", &s64[..56]), "checksums-weak-algorithm", 1),
            (format!("MD5 (a) = {}", &s64[..32]), "checksums-weak-algorithm", 1),
            (format!("SHA1 (a) = {}", &s64[..40]), "checksums-weak-algorithm", 1),
            (format!("\\{s64}  a\\tb"), "checksums-bad-escape", 1),
            (format!("\\{s64}  a\\"), "checksums-bad-escape", 1),
            (format!("{s64}  {}", "n".repeat(4097)), "checksums-long-name", 1),
        ];
        for (text, code, line) in cases {
            let error = parse(&text).unwrap_err();
            assert_eq!(error.code(), code, "{text:?}: {error}");
            assert!(
                error.to_string().starts_with(&format!("line {line}: expected"))
                    || error.to_string().starts_with(&format!("line {line}: a ")),
                "{error}"
            );
        }
        let error = parse_checksums(b"# \xc3\xa9\n\xff", ChecksumsLimits::STANDARD).unwrap_err();
        assert_eq!(error, ChecksumsError::NotUtf8 { line: 2 });
        let utf16: Vec<_> = format!("\u{feff}{EMPTY}  a").encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(parse_checksums(&utf16, ChecksumsLimits::STANDARD).unwrap_err().code(), "checksums-not-utf8");
    }

    #[test]
    fn one_name_has_one_digest_of_an_algorithm() {
        let other = "0".repeat(64);
        let error = parse(&format!("{EMPTY}  a\n{EMPTY}  b\n{other}  a\n")).unwrap_err();
        let expected =
            ChecksumsError::Conflict { line: 3, first: 1, name: "a".to_owned(), algorithm: Algorithm::Sha256 };
        assert_eq!(error, expected);
        assert_eq!(names(&format!("{EMPTY}  a\n{EMPTY} *a\n{EMPTY}  b\n")).len(), 2);
        assert_eq!(names(&format!("{EMPTY}  a\nSHA512 (a) = {}", "0".repeat(128))).len(), 2);
    }

    #[test]
    fn lines_are_capped() {
        let limits = ChecksumsLimits { lines: 2, name: 3 };
        let text = |n| format!("{EMPTY}  abc\n").repeat(n);
        assert_eq!(parse_checksums(text(2).as_bytes(), limits).map(|e| e.len()), Ok(1));
        assert_eq!(parse_checksums(text(3).as_bytes(), limits), Err(ChecksumsError::TooManyLines { limit: 2 }));
        let third = format!("{}x", text(2));
        assert_eq!(parse_checksums(third.as_bytes(), limits).unwrap_err().code(), "checksums-too-many-lines");
        let long = format!("\\{EMPTY}  ab\\\\");
        assert_eq!(parse_checksums(long.as_bytes(), limits).map(|e| e.len()), Ok(1));
        let longer = format!("{EMPTY}  abcd");
        assert_eq!(parse_checksums(longer.as_bytes(), limits).unwrap_err().code(), "checksums-long-name");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_checksums(&bytes, ChecksumsLimits::STANDARD);
        }

        #[test]
        fn near_misses_are_read_or_refused(text in "\\\\?(SHA256 |[0-9a-f]{64}|[0-9a-f]{40})[ *(]{0,2}[a-c)\\\\n\n\r]{0,6}( = [0-9a-f]{64})?") {
            let _ = parse(&text);
        }

        #[test]
        fn written_lines_are_read_back(name in "[^\\x00]{1,40}", bytes in any::<[u8; 32]>()) {
            let digest = Digest::new(Algorithm::Sha256, bytes.to_vec()).unwrap();
            let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
            let mark = if escaped == name { "" } else { "\\" };
            for text in [
                format!("{mark}{}  {escaped}\n", digest.hex()),
                format!("{mark}SHA256 ({escaped}) = {}\r\n", digest.hex()),
            ] {
                let expected = ChecksumLine { digest: digest.clone(), name: name.clone(), line: 1 };
                prop_assert_eq!(parse(&text), Ok(vec![expected]));
            }
        }
    }
}
