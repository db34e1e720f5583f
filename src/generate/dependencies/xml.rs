//! As much of XML as a file of digests needs: elements with attributes, no document type, no entities of its own.

use std::collections::BTreeMap;

/// Deepest nesting.
const MAX_DEPTH: usize = 32;

/// What stands in the file, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// An element opens.
    Open { name: String, attributes: BTreeMap<String, String>, line: usize },
    /// The innermost open element ends.
    Close,
}

/// Every element of a text; text between elements is passed over.
///
/// # Errors
/// The line, from 1, and what was expected there.
pub(super) fn events(text: &str) -> Result<Vec<Event>, (usize, &'static str)> {
    let mut events = Vec::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        rest = rest.get(start..).unwrap_or_default();
        let before = text.len().checked_sub(rest.len()).and_then(|at| text.get(..at)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        if let Some(behind) = ["<?", "<!--"].iter().find_map(|mark| rest.strip_prefix(mark)) {
            let end = if rest.starts_with("<?") { "?>" } else { "-->" };
            rest = behind.split_once(end).ok_or((line, "the end of a comment or instruction"))?.1;
            continue;
        }
        if rest.starts_with("<!") {
            return Err((line, "no document type and no CDATA"));
        }
        let (tag, behind) = tag(rest).ok_or((line, "the end of a tag"))?;
        rest = behind;
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name.trim_end()) {
                return Err((line, "the end of the element that is open"));
            }
            events.push(Event::Close);
            continue;
        }
        let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_at(tag.find(char::is_whitespace).unwrap_or(tag.len()));
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b)) {
            return Err((line, "the name of an element"));
        }
        let attributes = self::attributes(attributes).ok_or((line, "attributes in quotes, each once"))?;
        events.push(Event::Open { name: name.to_owned(), attributes, line });
        if empty {
            events.push(Event::Close);
        } else if open.len() >= MAX_DEPTH {
            return Err((line, "at most 32 levels"));
        } else {
            open.push(name);
        }
    }
    if open.is_empty() { Ok(events) } else { Err((text.lines().count(), "the end of every element")) }
}

/// What stands between `<` and the `>` that ends it, and what follows; a `>` in quotes ends nothing.
fn tag(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('<')?;
    let mut quote = None;
    for (at, c) in inner.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((inner.get(..at)?, inner.get(at + 1..)?)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    None
}

fn attributes(text: &str) -> Option<BTreeMap<String, String>> {
    let mut found = BTreeMap::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, behind) = rest.split_once('=')?;
        let behind = behind.trim_start();
        let quote = behind.chars().next().filter(|c| ['"', '\''].contains(c))?;
        let (value, after) = behind.strip_prefix(quote)?.split_once(quote)?;
        if found.insert(name.trim().to_owned(), unescape(value)?).is_some() {
            return None;
        }
        rest = after.trim_start();
    }
    Some(found)
}

/// A value without the five entities of XML 1.0 section 4.6; `None` for any other.
fn unescape(value: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = value;
    while let Some((before, behind)) = rest.split_once('&') {
        let (entity, after) = behind.split_once(';')?;
        out.push_str(before);
        out.push(match entity {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            "apos" => '\'',
            _ => return None,
        });
        rest = after;
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_and_attributes_are_read() {
        let text = "<?xml version='1.0'?>\n<!-- <no> -->\n<a>\n <b c=\"1 &gt; 0\" d='x>y'/>text</a>\n";
        let read = events(text).unwrap();
        let [Event::Open { .. }, Event::Open { name, attributes, line }, Event::Close, Event::Close] = read.as_slice()
        else {
            panic!("{read:?}")
        };
        assert_eq!((name.as_str(), *line), ("b", 4));
        assert_eq!((attributes["c"].as_str(), attributes["d"].as_str()), ("1 > 0", "x>y"));
    }

    #[test]
    fn what_is_not_read_is_refused() {
        for text in [
            "<a>",
            "<a></b>",
            "</a>",
            "<a",
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a/>",
            "<a b='&c;'/>",
            "<a b=1/>",
            "<a b='1' b='2'/>",
            "<!-- ",
            "< a/>",
            &("<a>".repeat(33) + &"</a>".repeat(33)),
        ] {
            assert!(events(text).is_err(), "{text}");
        }
    }
}
