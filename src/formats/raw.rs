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
    let members = json::members(text)?.unwrap_or_default();
    let place = members.into_iter().find(|(found, _)| found == name).map(|(_, place)| place);
    Ok(place.and_then(|place| text.get(place)))
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
