//! JSON texts kept as they are: the very bytes of a field, and a text of several lines on one.

use std::io;
use std::io::Read;

use crate::formats::FormatError;
use crate::formats::json;

/// The bytes of the value of a field of the outermost object, without the white space around them; None for a text that is
/// no object, or has no such field. Numbers, keys and white space in it are as they were written.
///
/// # Errors
/// Those of [`json::parse`].
pub fn field<'a>(text: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, FormatError> {
    json::parse(text)?;
    Ok(find(text, name))
}

/// Looks through a text that is JSON.
fn find<'a>(text: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut rest = text.trim_ascii_start().strip_prefix(b"{")?;
    loop {
        rest = rest.trim_ascii_start();
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        if !rest.starts_with(b"\"") {
            return None;
        }
        let (key, after) = value(rest)?;
        let key: String = serde_json::from_slice(key).ok()?;
        let (value, after) = value(after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start())?;
        if key == name {
            return Some(value);
        }
        rest = after;
    }
}

/// The value that a text starts with, and what stands behind it.
fn value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in text.iter().enumerate() {
        let mut ends = false;
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => {
                quoted = !quoted;
                ends = !quoted && depth == 0;
            }
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' | b',' if depth == 0 => return text.split_at_checked(at),
            b'}' | b']' => {
                depth -= 1;
                ends = depth == 0;
            }
            // A number or a word.
            byte if depth == 0 && byte.is_ascii_whitespace() => return text.split_at_checked(at),
            _ => {}
        }
        if ends {
            return text.split_at_checked(at + 1);
        }
    }
    Some((text, &[]))
}

/// A JSON text on one line: line breaks, and the white space that follows them, are left out. JSON has none in its strings,
/// so that nothing is lost; a text of one line comes as it is.
#[derive(Debug)]
pub struct OneLine<R> {
    inner: R,
    broken: bool,
}

impl<R: Read> OneLine<R> {
    /// Reads a text of one JSON value. What is no JSON may lose white space inside of strings.
    pub fn new(inner: R) -> Self {
        Self { inner, broken: false }
    }

    fn keeps(&mut self, byte: u8) -> bool {
        self.broken = matches!(byte, b'\n' | b'\r') || (self.broken && matches!(byte, b' ' | b'\t'));
        !self.broken
    }
}

impl<R: Read> Read for OneLine<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.inner.read(buffer)?;
            let read = buffer.get(..length).unwrap_or_default();
            let kept: Vec<u8> = read.iter().copied().filter(|byte| self.keeps(*byte)).collect();
            if length > 0 && kept.is_empty() {
                continue;
            }
            if let Some(place) = buffer.get_mut(..kept.len()) {
                place.copy_from_slice(&kept);
            }
            return Ok(kept.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_field_are_those_that_were_written() {
        let big = "{ \"b\" : 123456789012345678901234567890.10 ,\n\t\"a\":\"}\\\"]\\\\\" ,\"c\":[ {} , 1e5 ] }";
        let text = format!(
            " {{\"x\":\"predicate\",\"y\":[1,{{\"predicate\":2}}],\n \"predi\\u0063ate\" : {big} , \"z\":null}}\n"
        );
        let found =
            |name| field(text.as_bytes(), name).unwrap().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        assert_eq!(found("predicate").as_deref(), Some(big));
        assert_eq!(found("x").as_deref(), Some("\"predicate\""));
        assert_eq!(found("z").as_deref(), Some("null"));
        assert_eq!(found("w"), None);
        for (text, expected) in
            [("{}", None), ("[1]", None), ("{\"a\": -1.50 }", Some("-1.50")), ("{\"a\":\"\"}", Some("\"\""))]
        {
            assert_eq!(field(text.as_bytes(), "a").unwrap(), expected.map(str::as_bytes), "{text}");
        }
        assert_eq!(field(b"{\"a\":1,\"a\":2}", "a").unwrap_err().code(), "json-duplicate-key");
        assert_eq!(field(b"{\"a\":1", "a").unwrap_err().code(), "json-invalid");
    }

    #[test]
    fn lines_are_joined_and_nothing_else_changes() {
        for (text, expected) in [
            ("{\"a\": 1,  \"b\": \" \\n  x\"}", "{\"a\": 1,  \"b\": \" \\n  x\"}"),
            ("{\r\n\t\"a\": \"  \",\n   \n  \"b\": 2\n}\n", "{\"a\": \"  \",\"b\": 2}"),
            ("", ""),
        ] {
            for size in [1, 2, 3, 64] {
                let mut out = Vec::new();
                let mut line = OneLine::new(text.as_bytes());
                let mut buffer = vec![0; size];
                loop {
                    match line.read(&mut buffer).unwrap() {
                        0 => break,
                        length => out.extend_from_slice(&buffer[..length]),
                    }
                }
                assert_eq!(String::from_utf8(out).unwrap(), expected, "{size}");
            }
        }
    }
}
