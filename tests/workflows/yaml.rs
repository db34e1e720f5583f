//! YAML of workflows as JSON values: one document, no aliases, words as YAML 1.2 has them.

use std::path::Path;

use saphyr_parser::Event;
use saphyr_parser::Parser;
use saphyr_parser::ScalarStyle;
use serde_json::Map;
use serde_json::Value;

/// A file of the repository, by its path in it.
pub(crate) fn read(path: &str) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    parse(&std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}")))
}

pub(crate) fn parse(text: &str) -> Value {
    enum Open {
        List(Vec<Value>),
        Map(Map<String, Value>, Option<String>),
    }
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.unwrap();
        let value = match event {
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop().unwrap() {
                Open::List(items) => Value::Array(items),
                Open::Map(entries, key) => {
                    assert_eq!(key, None, "a key without a value");
                    Value::Object(entries)
                }
            },
            Event::Alias(_) => panic!("line {}: an alias", span.start.line()),
            _ => continue,
        };
        match open.last_mut() {
            None => assert!(root.replace(value).is_none(), "two documents"),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(entries, key)) => match key.take() {
                Some(name) => {
                    assert!(entries.insert(name, value).is_none(), "line {}: a key twice", span.start.line());
                }
                None => *key = Some(value.as_str().expect("a key that is text").to_owned()),
            },
        }
    }
    root.expect("a document")
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null") => Value::Null,
        (ScalarStyle::Plain, "true") => Value::Bool(true),
        (ScalarStyle::Plain, "false") => Value::Bool(false),
        (ScalarStyle::Plain, _) => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => text.into(),
        },
        _ => text.into(),
    }
}
