//! YAML and JSON to the located tree, strictly: one document, no aliases, no tags, no key twice, everything capped.

use serde_json::Number;

use saphyr_parser::Event;
use saphyr_parser::Marker;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use saphyr_parser::Tag;

use crate::policy::document::node::Entry;
use crate::policy::document::node::Kind;
use crate::policy::document::node::Node;
use crate::policy::document::node::Position;
use crate::policy::document::node::shown;
use crate::policy::document::problem::Problem;
use crate::policy::document::problem::Problems;

/// Longest policy file that is read, in bytes (256 KiB).
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of lists and maps.
pub const MAX_DEPTH: usize = 32;
/// Most values in one file, keys not counted.
pub const MAX_VALUES: usize = 20_000;

/// Plain words that YAML 1.1 readers take for booleans. Two readers must not see two policies.
const OLD_BOOLEANS: &[&str] = &["y", "n", "yes", "no", "on", "off"];

/// Reads the one document of a file. JSON is read as the YAML that it is.
///
/// # Errors
/// [`Problems`], as [`parse_leniently`] collects them.
pub fn parse(bytes: &[u8]) -> Result<Node, Problems> {
    let (root, problems) = parse_leniently(bytes)?;
    if problems.0.is_empty() { Ok(root) } else { Err(problems) }
}

/// The same, with the tree beside what is wrong with it, so that everything else that is wrong can be told in one go. A
/// tree that comes with problems is good for nothing else.
///
/// # Errors
/// [`Problems`]: `policy-too-large`, `policy-syntax`, `policy-documents`, `policy-alias`, `policy-tag`,
/// `policy-key-not-text`, `policy-duplicate-key`, `policy-too-deep`, `policy-too-many`, `policy-ambiguous-value`. Syntax
/// and caps end the reading; the others are collected.
pub fn parse_leniently(bytes: &[u8]) -> Result<(Node, Problems), Problems> {
    let start = Position { line: 1, column: 1 };
    let refused =
        |code, expected: String, found: String| Problems(vec![Problem::new(code, start, "", expected, found)]);
    if bytes.len() > MAX_BYTES {
        let expected = format!("at most {MAX_BYTES} bytes");
        return Err(refused("policy-too-large", expected, format!("{} bytes", bytes.len())));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| refused("policy-syntax", "YAML or JSON in UTF-8".to_owned(), "other bytes".to_owned()))?;
    let mut builder = Builder { problems: Vec::new(), open: Vec::new(), root: None, values: 0, documents: 0 };
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let found = error.info().to_owned();
            let problem = Problem::new("policy-syntax", position(*error.marker()), "", "YAML or JSON", found);
            Problems::sorted([std::mem::take(&mut builder.problems), vec![problem]].concat())
        })?;
        if let Err(fatal) = builder.event(event, position(span.start)) {
            builder.problems.push(fatal);
            return Err(Problems::sorted(builder.problems));
        }
    }
    match (builder.root, builder.problems.is_empty()) {
        (Some(root), _) => Ok((root, Problems::sorted(builder.problems))),
        (None, false) => Err(Problems::sorted(builder.problems)),
        (None, true) => Err(refused("policy-syntax", "one YAML or JSON document".to_owned(), "none".to_owned())),
    }
}

fn position(marker: Marker) -> Position {
    Position { line: marker.line(), column: marker.col() + 1 }
}

/// A list or map that is not closed yet.
enum Open {
    List { at: Position, items: Vec<Node> },
    Map { at: Position, entries: Vec<Entry>, key: Option<(String, Position)> },
}

struct Builder {
    problems: Vec<Problem>,
    open: Vec<Open>,
    root: Option<Node>,
    values: usize,
    documents: usize,
}

impl Builder {
    /// Takes one event.
    ///
    /// # Errors
    /// The problem behind which nothing is read.
    fn event(&mut self, event: Event<'_>, at: Position) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Problem::new("policy-documents", at, "", "one document", "another one behind ---"));
                }
            }
            Event::Alias(_) => {
                self.refuse("policy-alias", at, "the value itself", "an alias");
                self.value(Node { at, kind: Kind::Null })?;
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.anchor_and_tag(anchor, tag.as_deref(), at);
                if self.awaits_key() {
                    self.key(&text, style, at);
                } else {
                    let kind = self.scalar(&text, style, at);
                    self.value(Node { at, kind })?;
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.anchor_and_tag(anchor, tag.as_deref(), at);
                self.open(Open::List { at, items: Vec::new() }, at)?;
            }
            Event::MappingStart(anchor, tag) => {
                self.anchor_and_tag(anchor, tag.as_deref(), at);
                self.open(Open::Map { at, entries: Vec::new(), key: None }, at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { at, items }) => self.value(Node { at, kind: Kind::List(items) })?,
                Some(Open::Map { at, entries, .. }) => self.value(Node { at, kind: Kind::Map(entries) })?,
                None => {}
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
        Ok(())
    }

    fn refuse(&mut self, code: &'static str, at: Position, expected: &str, found: impl Into<String>) {
        let path = self.path();
        self.problems.push(Problem::new(code, at, &path, expected, found));
    }

    /// The JSON pointer of what is read now.
    fn path(&self) -> String {
        let part = |open: &Open| match open {
            Open::List { items, .. } => format!("/{}", items.len()),
            Open::Map { key: Some((key, _)), .. } => format!("/{}", escape(key)),
            Open::Map { key: None, .. } => String::new(),
        };
        self.open.iter().map(part).collect()
    }

    fn anchor_and_tag(&mut self, anchor: usize, tag: Option<&Tag>, at: Position) {
        if anchor != 0 {
            self.refuse("policy-alias", at, "a value without an anchor", "an anchor");
        }
        if let Some(tag) = tag {
            self.refuse("policy-tag", at, "a value without a tag", format!("the tag {}", shown(&tag.to_string())));
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn key(&mut self, text: &str, style: ScalarStyle, at: Position) {
        if style == ScalarStyle::Plain && !matches!(plain(text), Some(Kind::Text(_))) {
            self.refuse("policy-key-not-text", at, "a text as the key", shown(text));
        }
        if let Some(Open::Map { key, .. }) = self.open.last_mut() {
            *key = Some((text.to_owned(), at));
        }
    }

    fn open(&mut self, open: Open, at: Position) -> Result<(), Problem> {
        if self.awaits_key() {
            self.refuse("policy-key-not-text", at, "a text as the key", "a list or map");
            if let Some(Open::Map { key, .. }) = self.open.last_mut() {
                *key = Some((String::new(), at));
            }
            // What follows would be the key's own value; nothing behind it can be placed.
            return Err(Problem::new("policy-syntax", at, "", "keys that are texts", "a key of several parts"));
        }
        if self.open.len() >= MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} levels of lists and maps");
            return Err(Problem::new("policy-too-deep", at, &self.path(), expected, "one more"));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, at: Position) -> Kind {
        if style != ScalarStyle::Plain {
            return Kind::Text(text.to_owned());
        }
        match plain(text) {
            Some(kind) => kind,
            None => {
                let found = format!("{}, which readers of YAML take for different things", shown(text));
                self.refuse("policy-ambiguous-value", at, "true, false, a decimal number, or a text in quotes", found);
                Kind::Text(text.to_owned())
            }
        }
    }

    /// Puts a finished value where it belongs.
    fn value(&mut self, node: Node) -> Result<(), Problem> {
        self.values += 1;
        if self.values > MAX_VALUES {
            let expected = format!("at most {MAX_VALUES} values");
            return Err(Problem::new("policy-too-many", node.at, &self.path(), expected, "one more"));
        }
        let path = self.path();
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                let Some((key, at)) = key.take() else { return Ok(()) };
                if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                    let found = format!("it again, first in line {}", first.at.line);
                    let expected = format!("the key {} once", shown(&key));
                    self.problems.push(Problem::new("policy-duplicate-key", at, &path, expected, found));
                    return Ok(());
                }
                entries.push(Entry { key, at, value: node });
            }
        }
        Ok(())
    }
}

/// One part of a JSON pointer (RFC 6901 section 3).
pub(super) fn escape(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// What a plain scalar is by YAML 1.2's core schema (section 10.3.2), limited to what JSON can say; None for what other
/// readers take for something else: YAML 1.1's booleans and numbers, octal and hexadecimal, infinity.
fn plain(text: &str) -> Option<Kind> {
    match text {
        "" | "~" | "null" => return Some(Kind::Null),
        "true" => return Some(Kind::Bool(true)),
        "false" => return Some(Kind::Bool(false)),
        _ => {}
    }
    let lower = text.to_ascii_lowercase();
    let word = OLD_BOOLEANS.contains(&lower.as_str()) || ["true", "false", "null"].contains(&lower.as_str());
    let special = [".inf", "-.inf", "+.inf", ".nan"].contains(&lower.as_str());
    if word || special {
        return None;
    }
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    // Digits with the letters and marks that some reader joins to a number: 0o17, 0x1f, 1_000, 1e3, 12:30:00.
    let numeric = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && unsigned.chars().any(|c| c.is_ascii_digit())
        && unsigned.chars().all(|c| c.is_ascii_hexdigit() || "._xob:+-".contains(c));
    if !numeric {
        return Some(Kind::Text(text.to_owned()));
    }
    match serde_json::from_str::<Number>(text) {
        Ok(number) => Some(Kind::Number(number)),
        // Dates, versions of three parts and digests start with digits too; only what is a number somewhere is refused.
        Err(_) if is_text_everywhere(unsigned) => Some(Kind::Text(text.to_owned())),
        Err(_) => None,
    }
}

/// Whether no reader takes a text that starts with a digit for a number.
fn is_text_everywhere(text: &str) -> bool {
    let radix = text.strip_prefix("0x").or_else(|| text.strip_prefix("0o")).or_else(|| text.strip_prefix("0b"));
    let radix = radix.is_some_and(|rest| rest.chars().all(|c| c.is_ascii_hexdigit() || c == '_'));
    let all = |allowed: &str| text.chars().all(|c| c.is_ascii_digit() || allowed.contains(c));
    let number =
        all("_") || (all("._eE+-") && text.parse::<f64>().is_ok()) || (all("._") && text.matches('.').count() < 2);
    !(radix || number || (text.contains(':') && all(":._")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<(&'static str, usize, usize)> {
        match parse(text.as_bytes()) {
            Ok(_) => Vec::new(),
            Err(Problems(problems)) => problems.iter().map(|one| (one.code, one.line, one.column)).collect(),
        }
    }

    fn json(text: &str) -> String {
        parse(text.as_bytes()).unwrap().to_json().to_string()
    }

    #[test]
    fn yaml_and_json_are_one_tree() {
        let yaml = "a:\n  - 1\n  - two\n  - {b: true, c: null}\n'd e': \"x\\n\"\n";
        let expected = r#"{"a":[1,"two",{"b":true,"c":null}],"d e":"x\n"}"#;
        assert_eq!(json(yaml), expected);
        assert_eq!(json(expected), expected);
        let tree = parse(yaml.as_bytes()).unwrap();
        assert_eq!(tree.get("a").unwrap().at, Position { line: 2, column: 3 });
        assert_eq!(tree.get("d e").unwrap().at, Position { line: 5, column: 8 });
    }

    #[test]
    fn texts_are_texts() {
        for (text, expected) in [
            ("v: 2027-06-30", r#"{"v":"2027-06-30"}"#),
            ("v: 2027-06-30T00:00:00Z", r#"{"v":"2027-06-30T00:00:00Z"}"#),
            ("v: 1.2.3", r#"{"v":"1.2.3"}"#),
            ("v: 90d", r#"{"v":"90d"}"#),
            ("v: 3f2c9e1d", r#"{"v":"3f2c9e1d"}"#),
            ("v: sha256:00", r#"{"v":"sha256:00"}"#),
            ("v: 'no'", r#"{"v":"no"}"#),
            ("v: -1.5", r#"{"v":-1.5}"#),
            ("v: .*", r#"{"v":".*"}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
    }

    #[test]
    fn what_readers_disagree_on_is_refused() {
        for value in [
            "yes", "No", "ON", "off", "TRUE", "Null", "0x1f", "0o17", "017", "1_000", "12:30:00", ".inf", ".nan", "+1",
            "1.",
        ] {
            assert_eq!(codes(&format!("v: {value}")), [("policy-ambiguous-value", 1, 4)], "{value}");
        }
    }

    #[test]
    fn refusals_are_named_and_placed() {
        assert_eq!(codes("a: 1\nb: 2\na: 3\n"), [("policy-duplicate-key", 3, 1)]);
        assert_eq!(codes("{\"a\":1,\"\\u0061\":2}"), [("policy-duplicate-key", 1, 8)]);
        assert_eq!(codes("a: &x 1\nb: *x\n"), [("policy-alias", 1, 4), ("policy-alias", 2, 4)]);
        assert_eq!(codes("a: !!str 1\n"), [("policy-tag", 1, 4)]);
        assert_eq!(codes("a: 1\n---\nb: 2\n"), [("policy-documents", 2, 1)]);
        assert_eq!(codes("1: a\n"), [("policy-key-not-text", 1, 1)]);
        assert_eq!(codes("a: [1\n").first().map(|one| one.0), Some("policy-syntax"));
        assert_eq!(codes(""), [("policy-syntax", 1, 1)]);
        assert_eq!(codes("? [a]\n: b\n").first().map(|one| one.0), Some("policy-key-not-text"));
        assert_eq!(parse(b"\xff").unwrap_err().0.first().unwrap().code, "policy-syntax");
    }

    #[test]
    fn work_is_bounded() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert_eq!(codes(&deep(MAX_DEPTH)), []);
        assert_eq!(codes(&deep(MAX_DEPTH + 1)).first().map(|one| one.0), Some("policy-too-deep"));
        // The parser of YAML has a limit of its own.
        assert_eq!(codes(&"[".repeat(MAX_BYTES)).first().map(|one| one.0), Some("policy-syntax"));
        let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert_eq!(codes(&many).first().map(|one| one.0), Some("policy-too-many"));
        assert_eq!(codes(&" ".repeat(MAX_BYTES + 1)).first().map(|one| one.0), Some("policy-too-large"));
        let bomb = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n";
        assert!(codes(bomb).iter().all(|one| one.0 == "policy-alias"));
    }
}
