//! YAML as a tree whose leaves are texts, for lock files and workflows.

use std::collections::BTreeMap;

use saphyr_parser::Event;
use saphyr_parser::Parser;

use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::reading::Reading;

/// Deepest nesting of lists and maps.
const MAX_DEPTH: usize = 64;

/// Most values in one file, keys not counted.
const MAX_VALUES: usize = 1_000_000;

/// A value. What a plain word means is not asked: nothing that is read here is a number or a boolean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Text(String),
    List(Vec<Self>),
    Map(BTreeMap<String, Self>),
    /// What stands at its anchor, which is read there.
    Alias,
}

impl Node {
    /// The value of a key, when this is a map that has it.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.map().and_then(|map| map.get(key))
    }

    pub(super) fn map(&self) -> Option<&BTreeMap<String, Self>> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    /// The text of a key, when this is a map that has one there.
    pub(super) fn text_at(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::text)
    }

    /// The items, when this is a list; nothing otherwise.
    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }
}

enum Open {
    List(Vec<Node>),
    Map(BTreeMap<String, Node>, Option<String>),
}

/// The documents of a file. No key twice, no key but a text, at most 64 levels and 1,000,000 values.
pub(super) fn parse(reading: &Reading<'_>, text: &str) -> Result<Vec<Node>, DependencyError> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut values = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, span) =
            event.map_err(|error| reading.invalid(format!("line {}", error.marker().line()), "YAML", error.info()))?;
        let refused = |expected| reading.invalid_line(span.start.line(), expected);
        let node = match event {
            Event::Scalar(text, ..) => match open.last_mut() {
                Some(Open::Map(_, key @ None)) => {
                    *key = Some(text.into_owned());
                    continue;
                }
                _ => Node::Text(text.into_owned()),
            },
            Event::Alias(_) => Node::Alias,
            Event::SequenceStart(..) | Event::MappingStart(..) if open.len() >= MAX_DEPTH => {
                return Err(refused("at most 64 levels"));
            }
            Event::SequenceStart(..) | Event::MappingStart(..) if matches!(open.last(), Some(Open::Map(_, None))) => {
                return Err(refused("a text as the key"));
            }
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(BTreeMap::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Node::List(items),
                Some(Open::Map(map, _)) => Node::Map(map),
                None => continue,
            },
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                continue;
            }
        };
        values += 1;
        if values > MAX_VALUES {
            return Err(refused("at most 1000000 values"));
        }
        match open.last_mut() {
            None => documents.push(node),
            Some(Open::List(items)) => items.push(node),
            Some(Open::Map(map, key)) => match key.take() {
                None => return Err(refused("a text as the key")),
                // The key of a merge; what it merges is read where it stands.
                Some(key) if key == "<<" => drop(map.insert(key, node)),
                Some(key) => {
                    if map.insert(key, node).is_some() {
                        return Err(refused("each key once"));
                    }
                }
            },
        }
    }
    Ok(documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Node>, &'static str> {
        parse(&Reading::new("f.yaml"), text).map_err(|error| error.code())
    }

    #[test]
    fn leaves_are_texts_as_written() {
        let documents = read("on: 1.10\n'a b': [no, {c: ~}]\n---\nx\n").unwrap();
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].text_at("on"), Some("1.10"));
        assert_eq!(documents[0].get("a b").unwrap().items()[0], Node::Text("no".to_owned()));
        assert_eq!(documents[0].get("a b").unwrap().items()[1].text_at("c"), Some("~"));
        assert_eq!(documents[1].text(), Some("x"));
        assert_eq!(read("a: &x 1\nb: *x\n").unwrap()[0].get("b"), Some(&Node::Alias));
    }

    #[test]
    fn what_is_ambiguous_or_too_much_is_refused() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(read(&deep(MAX_DEPTH)).is_ok());
        for text in ["a: 1\na: 2\n", "? [a]\n: b\n", "a: [1\n", "\ta: b: c", &deep(MAX_DEPTH + 1)] {
            assert_eq!(read(text), Err("dependency-file-invalid"), "{text}");
        }
        let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
        assert_eq!(read(&many), Err("dependency-file-invalid"));
    }
}
