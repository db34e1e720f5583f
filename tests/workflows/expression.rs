//! The part of GitHub's expressions that the workflows use; anything else ends the test.

use serde_json::Value;

/// A text in which each `${{ … }}` is replaced; what is one expression as a whole keeps its type.
pub(crate) fn expand(text: &str, contexts: &Value) -> Value {
    if let Some(inner) = text.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"))
        && !inner.contains("${{")
    {
        return evaluate(inner, contexts);
    }
    let mut expanded = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${{") {
        let (inner, after) = after.split_once("}}").expect("the end of an expression");
        expanded.push_str(before);
        expanded.push_str(&shown(&evaluate(inner, contexts)));
        rest = after;
    }
    expanded.push_str(rest);
    expanded.into()
}

/// A condition, with or without the braces.
pub(crate) fn condition(value: &Value, contexts: &Value) -> bool {
    match value {
        Value::String(text) if text.contains("${{") => truth(&expand(text, contexts)),
        Value::String(text) => truth(&evaluate(text, contexts)),
        other => truth(other),
    }
}

/// As GitHub writes a value into a text.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(_) | Value::Object(_) => panic!("a list or an object in a text"),
    }
}

fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(flag) => *flag,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn evaluate(text: &str, contexts: &Value) -> Value {
    let mut reader = Reader { tokens: tokens(text), at: 0, contexts };
    let value = reader.or();
    assert_eq!(reader.at, reader.tokens.len(), "more behind an expression: {text}");
    value
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Text(String),
    Mark(&'static str),
}

fn tokens(text: &str) -> Vec<Token> {
    const MARKS: [&str; 11] = ["&&", "||", "==", "!=", "!", "(", ")", "[", "]", ".", ","];
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('\'') {
            let (inner, after) = after.split_once('\'').expect("the end of a text");
            assert!(!after.starts_with('\''), "a quote in a text");
            found.push(Token::Text(inner.to_owned()));
            rest = after;
        } else if let Some(mark) = MARKS.into_iter().find(|mark| rest.starts_with(mark)) {
            found.push(Token::Mark(mark));
            rest = &rest[mark.len()..];
        } else {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "_-".contains(c))).unwrap_or(rest.len());
            assert!(end > 0, "an expression that is not understood: {text}");
            found.push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    found
}

struct Reader<'a> {
    tokens: Vec<Token>,
    at: usize,
    contexts: &'a Value,
}

impl Reader<'_> {
    fn takes(&mut self, mark: &'static str) -> bool {
        let found = self.tokens.get(self.at) == Some(&Token::Mark(mark));
        self.at += usize::from(found);
        found
    }

    fn or(&mut self) -> Value {
        let mut value = self.and();
        while self.takes("||") {
            let other = self.and();
            value = if truth(&value) { value } else { other };
        }
        value
    }

    fn and(&mut self) -> Value {
        let mut value = self.equality();
        while self.takes("&&") {
            let other = self.equality();
            value = if truth(&value) { other } else { value };
        }
        value
    }

    fn equality(&mut self) -> Value {
        let value = self.not();
        if self.takes("==") {
            same(&value, &self.not()).into()
        } else if self.takes("!=") {
            (!same(&value, &self.not())).into()
        } else {
            value
        }
    }

    fn not(&mut self) -> Value {
        if self.takes("!") { (!truth(&self.not())).into() } else { self.postfix() }
    }

    fn postfix(&mut self) -> Value {
        let mut value = self.primary();
        loop {
            if self.takes(".") {
                let Some(Token::Word(name)) = self.tokens.get(self.at).cloned() else { panic!("a name behind a dot") };
                self.at += 1;
                value = value.get(name).cloned().unwrap_or_default();
            } else if self.takes("[") {
                let index = shown(&self.or());
                assert!(self.takes("]"), "a closing bracket");
                value = value.get(index).cloned().unwrap_or_default();
            } else {
                return value;
            }
        }
    }

    fn primary(&mut self) -> Value {
        let token = self.tokens.get(self.at).cloned().expect("a value");
        self.at += 1;
        match token {
            Token::Text(text) => text.into(),
            Token::Mark("(") => {
                let value = self.or();
                assert!(self.takes(")"), "a closing parenthesis");
                value
            }
            Token::Mark(mark) => panic!("a value, found {mark}"),
            Token::Word(word) if self.takes("(") => {
                let argument = if self.takes(")") { None } else { Some(self.or()) };
                assert!(argument.is_none() || self.takes(")"), "one argument");
                match (word.as_str(), argument) {
                    ("always", None) => true.into(),
                    ("toJSON", Some(value)) => serde_json::to_string_pretty(&value).unwrap().into(),
                    ("fromJSON", Some(value)) => serde_json::from_str(&shown(&value)).unwrap(),
                    (name, _) => panic!("the function {name}"),
                }
            }
            Token::Word(word) => match word.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                "null" => Value::Null,
                name => self.contexts.get(name).unwrap_or_else(|| panic!("the context {name}")).clone(),
            },
        }
    }
}

/// GitHub compares texts without looking at case, and nothing here of different types.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::String(one), Value::String(other)) => one.eq_ignore_ascii_case(other),
        (Value::Null, Value::String(text)) | (Value::String(text), Value::Null) => text.is_empty(),
        _ => one == other,
    }
}

#[test]
fn expressions() {
    let contexts = serde_json::json!({
        "inputs": {"runner": "linux-x64", "flag": false, "none": ""},
        "steps": {"self": {"outputs": {"commit": "abc"}}},
        "vars": {"A": "1"},
    });
    let cases = [
        ("x${{ steps.self.outputs.commit }}y", serde_json::json!("xabcy")),
        ("${{ inputs.flag }}", serde_json::json!(false)),
        ("${{ inputs.absent }}", Value::Null),
        ("${{ inputs.runner == 'LINUX-X64' && 'yes' || 'no' }}", serde_json::json!("yes")),
        ("${{ inputs.none != '' || inputs.flag }}", serde_json::json!(false)),
        ("${{ fromJSON('{\"linux-x64\":\"here\"}')[inputs.runner] }}", serde_json::json!("here")),
        ("${{ fromJSON('{\"linux-x64\":\"here\"}')[inputs.none] }}", Value::Null),
        ("${{ !(inputs.flag) }}", serde_json::json!(true)),
        ("${{ toJSON(vars) }}", serde_json::json!("{\n  \"A\": \"1\"\n}")),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text, &contexts), expected, "{text}");
    }
}
