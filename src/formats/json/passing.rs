//! JSON texts that pass by: value after value is taken from a reader, to be kept, checked, taken apart or left out.
//!
//! Only where values begin and end is found here. Whether they are JSON is judged by the one strict reader, over what was kept.

use std::cell::Cell;
use std::io;
use std::io::BufRead;
use std::io::ErrorKind;
use std::io::Read;
use std::mem;

use memchr::memchr2;

use crate::formats::json;
use crate::formats::json::MAX_DEPTH;
use crate::formats::json::MAX_VALUES;

/// Values up to this long are judged at once, in bytes (64 KiB).
const AT_ONCE: usize = 64 * 1024;
/// Most bytes that are kept of an array or object whose values were judged one by one (32 MiB): two for each of [`MAX_VALUES`],
/// and room for names.
const MAX_KEPT: usize = 32 * 1024 * 1024;

/// A text that is read from its start to its end.
pub struct Input<'a> {
    inner: &'a mut dyn BufRead,
    place: u64,
    /// What was read, and is to be read again.
    again: Vec<u8>,
    /// How much of that was.
    at: usize,
}

impl<'a> Input<'a> {
    /// A text that begins where the reader is.
    pub fn new(inner: &'a mut dyn BufRead) -> Self {
        Self { inner, place: 0, again: Vec::new(), at: 0 }
    }

    /// Goes back to before the bytes that were read last.
    fn back(&mut self, bytes: &[u8]) {
        self.again.splice(..self.at, bytes.iter().copied());
        self.at = 0;
        self.place = self.place.saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    }

    fn peek(&mut self) -> io::Result<Option<u8>> {
        Ok(self.fill_buf()?.first().copied())
    }

    fn next(&mut self) -> io::Result<Option<u8>> {
        let next = self.peek()?;
        if next.is_some() {
            self.consume(1);
        }
        Ok(next)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.again.get(self.at..) {
            Some(again) if !again.is_empty() => Ok(again),
            _ => self.inner.fill_buf(),
        }
    }

    fn consume(&mut self, bytes: usize) {
        let left = self.again.len().saturating_sub(self.at);
        if left > 0 {
            self.at = self.at.saturating_add(bytes.min(left));
        } else {
            self.inner.consume(bytes);
        }
        self.place = self.place.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
    }
}

/// What is beyond a cap.
fn too_much() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "more than is kept of a text that passes by")
}

/// Takes one value of an array or object, and gives the text that stands in its place.
pub type Take<'a> = dyn FnMut(Option<&str>, &mut Input<'_>) -> io::Result<Vec<u8>> + 'a;

/// Takes one value, and gives its text with other texts in place of the values that it holds: `take` is handed the name of each
/// member, none for an element of an array, takes exactly one value, and gives what stands in its place. A number, string or
/// word is given as it is. White space becomes one space.
///
/// When what is given is JSON, and `take` took JSON each time, the value was JSON.
///
/// # Errors
/// Those of the reader and of `take`; [`ErrorKind::InvalidData`] when more than `most` bytes are left;
/// [`ErrorKind::UnexpectedEof`] when the value does not end.
pub fn members(input: &mut Input<'_>, most: usize, take: &mut Take<'_>) -> io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    blank(input, &mut kept)?;
    let object = match input.peek()? {
        Some(b'{') => true,
        Some(b'[') => false,
        _ => return whole(input, most),
    };
    kept.extend(input.next()?);
    let (close, mut comes, mut name) = (if object { b'}' } else { b']' }, !object, None);
    loop {
        if mem::take(&mut comes) {
            blank(input, &mut kept)?;
            if !matches!(input.peek()?, None | Some(b',' | b':' | b'}' | b']')) {
                kept.extend(take(name.take().as_deref(), input)?);
            }
        }
        blank(input, &mut kept)?;
        let byte = input.next()?.ok_or(ErrorKind::UnexpectedEof)?;
        kept.push(byte);
        match byte {
            b'"' if object => name = string(input, &mut kept, most)?,
            b':' => comes = object,
            b',' => comes = !object,
            byte if byte == close => return Ok(kept),
            _ => {}
        }
        if kept.len() > most {
            return Err(too_much());
        }
    }
}

/// Takes one value and gives its text.
///
/// # Errors
/// As [`members`].
pub fn whole(input: &mut Input<'_>, most: usize) -> io::Result<Vec<u8>> {
    let (mut text, mut value) = (Vec::new(), Passing::new(input));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    value.by_ref().take(limit).read_to_end(&mut text)?;
    if text.len() > most { Err(too_much()) } else { Ok(text) }
}

/// What follows the last value: white space, in a JSON text. It is given as it is.
///
/// # Errors
/// As [`members`].
pub fn rest(input: &mut Input<'_>, most: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    input.take(limit).read_to_end(&mut text)?;
    if text.len() > most { Err(too_much()) } else { Ok(text) }
}

/// Takes one value that stands in `depth` arrays and objects already, and judges it as [`json::check`] does, without holding it:
/// beside 64 KiB it takes memory for the names and commas of what is longer.
///
/// # Errors
/// Those of the reader; what is no JSON, or too much of it, is [`ErrorKind::InvalidData`] or [`ErrorKind::UnexpectedEof`].
pub fn check(input: &mut Input<'_>, depth: usize) -> io::Result<&'static str> {
    check_counted(input, depth, &Cell::new(MAX_VALUES))
}

fn check_counted(input: &mut Input<'_>, depth: usize, left: &Cell<usize>) -> io::Result<&'static str> {
    if depth > MAX_DEPTH {
        return Err(too_much());
    }
    let (inner, mut buffer) = (depth.saturating_add(1), Vec::new());
    let kept = members(input, MAX_KEPT, &mut |_, input| {
        buffer.clear();
        let mut value = Passing::new(input);
        value.by_ref().take(u64::try_from(AT_ONCE).unwrap_or(u64::MAX)).read_to_end(&mut buffer)?;
        if value.has_ended()? {
            json::check_at(&buffer, inner, left)?;
        } else {
            input.back(&buffer);
            check_counted(input, inner, left)?;
        }
        Ok(b"0".to_vec())
    })?;
    // What it holds was counted; it is one more.
    left.set(left.get().checked_sub(1).ok_or_else(too_much)?);
    Ok(json::check_at(&kept, depth, &Cell::new(MAX_VALUES))?)
}

/// White space, as one space.
fn blank(input: &mut Input<'_>, kept: &mut Vec<u8>) -> io::Result<()> {
    let mut some = false;
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = input.peek()? {
        input.consume(1);
        some = true;
    }
    if some {
        kept.push(b' ');
    }
    Ok(())
}

/// The rest of a string whose opening quote is kept already, and what it says; None for what says nothing.
fn string(input: &mut Input<'_>, kept: &mut Vec<u8>, most: usize) -> io::Result<Option<String>> {
    let (start, mut escaped) = (kept.len().saturating_sub(1), false);
    loop {
        let byte = input.next()?.ok_or(ErrorKind::UnexpectedEof)?;
        kept.push(byte);
        match byte {
            b'"' if !escaped => break,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
        if kept.len() > most {
            return Err(too_much());
        }
    }
    Ok(serde_json::from_slice(kept.get(start..).unwrap_or_default()).ok())
}

/// The text of one value as a reader, without the white space around it.
pub struct Passing<'a, 'b> {
    input: &'a mut Input<'b>,
    state: State,
    start: Option<u64>,
}

/// How far a value has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space.
    Before,
    /// Inside of a string that is in so many arrays and objects; whether a backslash came last.
    Text { depth: usize, escaped: bool },
    /// Inside of so many arrays and objects.
    Nested { depth: usize },
    /// Inside of a number or a word.
    Word,
    /// It has ended.
    Done,
}

impl State {
    /// The state behind as many bytes as belong to the value, and how many these are.
    fn behind(mut self, bytes: &[u8]) -> (Self, usize) {
        let mut at = 0;
        while let Some(left) = bytes.get(at..).filter(|left| !left.is_empty()) {
            let (next, length) = match self {
                Self::Before => Self::first(left),
                Self::Text { depth, escaped } => Self::text(left, depth, escaped),
                Self::Nested { depth } => Self::nested(left, depth),
                Self::Word => {
                    let end = left.iter().position(|byte| b",:}] \t\n\r".contains(byte));
                    (end.map_or(Self::Word, |_| Self::Done), end.unwrap_or(left.len()))
                }
                Self::Done => break,
            };
            (self, at) = (next, at.saturating_add(length));
        }
        (self, at)
    }

    /// At the first byte that is no white space.
    fn first(bytes: &[u8]) -> (Self, usize) {
        match bytes.first() {
            Some(b'"') => (Self::Text { depth: 0, escaped: false }, 1),
            Some(b'{' | b'[') => (Self::Nested { depth: 1 }, 1),
            Some(b',' | b':' | b'}' | b']') | None => (Self::Done, 0),
            Some(_) => (Self::Word, 1),
        }
    }

    fn text(bytes: &[u8], depth: usize, escaped: bool) -> (Self, usize) {
        if escaped {
            return (Self::Text { depth, escaped: false }, 1);
        }
        match memchr2(b'"', b'\\', bytes) {
            None => (Self::Text { depth, escaped: false }, bytes.len()),
            Some(place) if bytes.get(place) == Some(&b'\\') => (Self::Text { depth, escaped: true }, place + 1),
            Some(place) if depth == 0 => (Self::Done, place + 1),
            Some(place) => (Self::Nested { depth }, place + 1),
        }
    }

    fn nested(bytes: &[u8], mut depth: usize) -> (Self, usize) {
        for (place, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => return (Self::Text { depth, escaped: false }, place + 1),
                b'{' | b'[' => depth = depth.saturating_add(1),
                b'}' | b']' if depth == 1 => return (Self::Done, place + 1),
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        (Self::Nested { depth }, bytes.len())
    }
}

impl<'a, 'b> Passing<'a, 'b> {
    /// The value that comes.
    pub fn new(input: &'a mut Input<'b>) -> Self {
        Self { input, state: State::Before, start: None }
    }

    /// How many bytes of the text came before it, once its first byte was read.
    pub fn start(&self) -> Option<u64> {
        self.start
    }

    /// Whether all of it was read. A number or word is known to have ended by what follows.
    fn has_ended(&mut self) -> io::Result<bool> {
        match self.state {
            State::Done => Ok(true),
            State::Word => Ok(self.input.peek()?.is_none_or(|byte| b",:}] \t\n\r".contains(&byte))),
            State::Before | State::Text { .. } | State::Nested { .. } => Ok(false),
        }
    }
}

impl Read for Passing<'_, '_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() || self.state == State::Done {
            return Ok(0);
        }
        if self.state == State::Before {
            while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.input.peek()? {
                self.input.consume(1);
            }
            self.start = Some(self.input.place);
        }
        let ahead = self.input.fill_buf()?;
        if ahead.is_empty() {
            return if self.state == State::Word { Ok(0) } else { Err(ErrorKind::UnexpectedEof.into()) };
        }
        let ahead = ahead.get(..ahead.len().min(buffer.len())).unwrap_or_default();
        let (state, length) = self.state.behind(ahead);
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), ahead.get(..length)) {
            to.copy_from_slice(from);
        }
        self.input.consume(length);
        self.state = state;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use serde_json::Value;

    use super::*;

    /// What is kept, and each value of these names with where it began; read in small pieces.
    fn taken(text: &str, piece: usize, names: &[&str]) -> io::Result<(String, Vec<(u64, String)>)> {
        let mut reader = BufReader::with_capacity(piece, text.as_bytes());
        let (mut input, mut taken) = (Input::new(&mut reader), Vec::new());
        let mut kept = members(&mut input, 1000, &mut |name, input| {
            if !name.is_some_and(|name| names.contains(&name)) {
                return whole(input, 1000);
            }
            let (mut value, mut text) = (Passing::new(input), String::new());
            value.read_to_string(&mut text)?;
            taken.push((value.start().unwrap(), text));
            Ok(b"0".to_vec())
        })?;
        kept.extend(rest(&mut input, 1000)?);
        Ok((String::from_utf8(kept).unwrap(), taken))
    }

    #[test]
    fn values_are_handed_over_wherever_the_pieces_end() {
        let nested = r#"{"p":"}\"]\\",  "q":[{"a":1},"\\"],"r":{}}"#;
        let text = format!(
            " {{\"x\":[{{\"a\":1}},\"a\"],\"y\":\"a\\\":1,\", \"\\u0061\" : {nested} ,\"b\":-1.5e3 ,\"c\": \"s\\\"\", \n\"d\":[] , \"n\":null }} \n"
        );
        for piece in 1..=text.len() {
            let (kept, taken) = taken(&text, piece, &["a", "b", "c", "n"]).unwrap();
            let values: Vec<&str> = taken.iter().map(|(_, value)| value.as_str()).collect();
            assert_eq!(values, [nested, "-1.5e3", r#""s\"""#, "null"]);
            for (start, value) in &taken {
                assert!(text[usize::try_from(*start).unwrap()..].starts_with(value), "{start}");
            }
            let kept: Value = serde_json::from_str(&kept).unwrap();
            let mut expected: Value = serde_json::from_str(&text).unwrap();
            for name in ["a", "b", "c", "n"] {
                expected[name] = Value::from(0);
            }
            assert_eq!(kept, expected);
        }
    }

    #[test]
    fn what_stands_twice_is_kept_twice_and_what_is_absent_is_not_made_up() {
        assert_eq!(taken(r#"{"a":[1],"a":[2]}"#, 3, &["a"]).unwrap().0, r#"{"a":0,"a":0}"#);
        for broken in [
            r#"{"a":}"#,
            r#"{"a":1:2}"#,
            r#"{"a":1 2}"#,
            r#"{"a":1 .5}"#,
            r#"{"a" "a":1}"#,
            "{,}",
            r#"{"a":1,}"#,
            "[1,]",
        ] {
            let (kept, _) = taken(broken, 3, &["a"]).unwrap();
            assert!(json::check(kept.as_bytes()).is_err(), "{broken} became {kept}");
        }
        assert_eq!(taken(" [ ] ", 3, &[]).unwrap().0, " [ ] ");
        assert_eq!(taken(" 12 x", 3, &[]).unwrap().0, "12 x");
    }

    #[test]
    fn what_does_not_end_or_is_too_much_is_an_error() {
        let kind = |text: &str| taken(text, 4, &["a"]).unwrap_err().kind();
        for text in ["", r#"{"a":"#, r#"{"a":"x"#, r#"{"a":[1,2"#, r#"{"a":"x\""#, r#"{"a"#, "[1"] {
            assert_eq!(kind(text), ErrorKind::UnexpectedEof, "{text}");
        }
        let long = "x".repeat(1000);
        assert_eq!(kind(&format!(r#"{{"b":"{long}"}}"#)), ErrorKind::InvalidData);
        assert_eq!(kind(&format!(r#"{{"{long}":1}}"#)), ErrorKind::InvalidData);
        assert_eq!(kind(&format!("{{{}}}", "1,".repeat(1000))), ErrorKind::InvalidData);
        assert!(taken(&format!(r#"{{"a":"{long}"}}"#), 4, &["a"]).is_ok());
    }

    fn passes(text: &[u8], piece: usize) -> Option<&'static str> {
        let mut reader = BufReader::with_capacity(piece, text);
        let mut input = Input::new(&mut reader);
        let kind = check(&mut input, 0).ok()?;
        rest(&mut input, 100).ok()?.trim_ascii().is_empty().then_some(kind)
    }

    #[test]
    fn what_passes_is_what_is_read() {
        let long = format!("[{}1]", "{\"a\":[1,2.5],\"b\\u0062\":\"\\\"é\"} ,".repeat(5000));
        let name = "n".repeat(AT_ONCE);
        let texts = [
            long.clone(),
            format!(" {{\"x\":{long},\"y\":[{long} , {{\"{name}\":{long}}}],\"z\":\"{name}\"}} "),
            "1".to_owned(),
            "\"a\"".to_owned(),
            "{}".to_owned(),
            " [ [ ] ] ".to_owned(),
        ];
        for text in &texts {
            for piece in [100, 4096, 1 << 20] {
                assert_eq!(passes(text.as_bytes(), piece), json::check(text.as_bytes()).ok());
            }
        }
        let deep = |levels: usize| format!("{}\"{name}\"{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(passes(deep(MAX_DEPTH).as_bytes(), 4096), Some("an array"));
        assert_eq!(passes(deep(MAX_DEPTH + 1).as_bytes(), 4096), None);
        // Deeper than any stack.
        assert_eq!(passes(deep(200_000).as_bytes(), 4096), None);
    }

    #[test]
    fn values_are_counted_as_they_are_when_held() {
        let text = format!("[{}[[{}1]],{{}}]", "{\"a\":[1,2]},".repeat(10_000), "1,".repeat(AT_ONCE));
        let used = |count: &dyn Fn(&Cell<usize>)| {
            let left = Cell::new(MAX_VALUES);
            count(&left);
            MAX_VALUES - left.get()
        };
        let held = used(&|left| assert_eq!(json::check_at(text.as_bytes(), 0, left).unwrap(), "an array"));
        let passed = used(&|left| {
            assert_eq!(check_counted(&mut Input::new(&mut text.as_bytes()), 0, left).unwrap(), "an array")
        });
        assert_eq!((held, passed), (40_000 + AT_ONCE + 5, held));
    }

    /// A reader that counts how often it is looked into.
    struct Looked<R>(R, usize);

    impl<R: BufRead> Read for Looked<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }

    impl<R: BufRead> BufRead for Looked<R> {
        fn fill_buf(&mut self) -> io::Result<&[u8]> {
            self.1 += 1;
            self.0.fill_buf()
        }

        fn consume(&mut self, bytes: usize) {
            self.0.consume(bytes);
        }
    }

    #[test]
    fn levels_around_many_values_do_not_multiply_the_work() {
        let values = "1,".repeat(200_000);
        let looks = |levels: usize| {
            let text = format!("{}{values}1{}", "[".repeat(levels), "]".repeat(levels));
            let mut reader = Looked(BufReader::new(text.as_bytes()), 0);
            let mut input = Input::new(&mut reader);
            assert_eq!(check(&mut input, 0).unwrap(), "an array");
            assert_eq!(usize::try_from(input.place).unwrap(), text.len());
            assert!(input.again.len() <= 2 * AT_ONCE);
            reader.1
        };
        let (one, many) = (looks(1), looks(MAX_DEPTH));
        assert!(one > 200_000 && many < one + one / 10, "{one} {many}");
    }

    #[test]
    fn no_change_of_a_text_passes_that_is_not_read() {
        let one = r#"{"a":[1,-2.5e3,"x\u00e9\"",null,{"b":true,"c":[[],{}]}],"d":"é"},"#;
        // Longer than what is judged at once on every level.
        let good = format!("{{\"p\":[{} {{}}],\"q\":[{} 0]}}", one.repeat(1100), one.repeat(1100)).into_bytes();
        let letters = b"\"\\{}[]:,.0e- \nx\x00\xff";
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % below
        };
        let (mut same, mut refused) = (0, 0);
        for round in 0..400 {
            let mut text = good.clone();
            // Near the ends as often as in the middle.
            let near = [next(120), text.len() - 1 - next(120), next(text.len())];
            let (place, letter) = (near[round % 3], letters[next(letters.len())]);
            match next(3) {
                0 => text[place] = letter,
                1 => drop(text.remove(place)),
                _ => text.insert(place, letter),
            }
            let expected = json::check(&text).ok();
            assert_eq!(passes(&text, 5000), expected, "{place} {letter} {round}");
            if expected.is_some() { same += 1 } else { refused += 1 }
        }
        assert!(same > 20 && refused > 100, "{same} {refused}");
    }
}
