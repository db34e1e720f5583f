//! Paths to a field of a Statement: JSON pointers (RFC 6901) from the Statement's root.

use std::fmt;

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::statement::Statement;

/// Most parts of a path.
pub const MAX_PARTS: usize = 32;
/// Longest path, in bytes.
pub const MAX_BYTES: usize = 1024;

/// A path such as `/predicate/runDetails/builder/id`. A part that is a number picks an item of a list, from 0; `~1` stands
/// for `/` and `~0` for `~`. There are no wildcards: a path names one field or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer {
    text: String,
    parts: Vec<String>,
}

impl Pointer {
    /// Reads a path; None when it is none, or does not start at `/predicate` or `/predicateType`. The subjects are no
    /// field to ask for: which of them is the artifact is decided elsewhere.
    pub fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let parts: Vec<String> = rest.split('/').map(unescape).collect::<Option<_>>()?;
        let first = parts.first().map(String::as_str);
        let whole = first == Some("predicateType") && parts.len() == 1;
        if !(whole || first == Some("predicate")) || parts.len() > MAX_PARTS || text.len() > MAX_BYTES {
            return None;
        }
        Some(Self { text: text.to_owned(), parts })
    }

    /// The field, or None when it is absent. One that is null is absent (in-toto attestation spec v1, "Parsing rules").
    ///
    /// # Errors
    /// `predicate-not-held`: it is not known whether it is there.
    pub fn find(&self, statement: &Statement) -> Result<Option<Value>, FormatError> {
        let Some((first, rest)) = self.parts.split_first() else { return Ok(None) };
        if first == "predicateType" {
            return Ok(Some(Value::String(statement.predicate_type.clone())));
        }
        let mut value = Some(statement.predicate()?);
        for part in rest {
            value = match value {
                Some(Value::Object(map)) => map.get(part),
                Some(Value::Array(items)) => index(part).and_then(|index| items.get(index)),
                _ => None,
            };
        }
        Ok(value.filter(|value| !value.is_null()).cloned())
    }

    /// Its parts.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// RFC 6901 section 4: `~` is followed by 0 or 1.
fn unescape(part: &str) -> Option<String> {
    let mut rest = part.split('~');
    let mut out = rest.next().unwrap_or_default().to_owned();
    for piece in rest {
        out.push(match piece.chars().next()? {
            '0' => '~',
            '1' => '/',
            _ => return None,
        });
        out.push_str(piece.get(1..)?);
    }
    Some(out)
}

/// An index has no leading zero (RFC 6901 section 4).
fn index(part: &str) -> Option<usize> {
    part.parse().ok().filter(|number: &usize| number.to_string() == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(path: &str) -> Option<Value> {
        let text = r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"x":"1"}}],"predicateType":"t",
            "predicate":{"a":{"b/c":[10,{"~":null}]},"":1}}"#;
        Pointer::parse(path).unwrap().find(&Statement::parse(text.as_bytes().into()).unwrap()).unwrap()
    }

    #[test]
    fn a_predicate_that_is_not_held_is_not_absent() {
        let text =
            br#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"x":"1"}}],"predicateType":"t"}"#;
        let outline = Statement::outline(text, 1).unwrap();
        let find = |path: &str| Pointer::parse(path).unwrap().find(&outline);
        assert_eq!(find("/predicate/a").unwrap_err().code(), "predicate-not-held");
        assert_eq!(find("/predicateType"), Ok(Some(Value::from("t"))));
    }

    #[test]
    fn paths_name_one_field_or_none() {
        assert_eq!(find("/predicateType"), Some(Value::from("t")));
        assert_eq!(find("/predicate/a/b~1c/0"), Some(Value::from(10)));
        assert_eq!(find("/predicate/a/b~1c/1/~0"), None, "null is absent");
        assert_eq!(find("/predicate/"), Some(Value::from(1)));
        for absent in [
            "/predicate/A",
            "/predicate/a/b",
            "/predicate/a/b~1c/00",
            "/predicate/a/b~1c/-",
            "/predicate/a/b~1c/2",
            "/predicate/a/b~1c/0/x",
        ] {
            assert_eq!(find(absent), None, "{absent}");
        }
        for bad in ["", "predicate/a", "/subject/0/name", "/_type", "/predicateType/x", "/predicate/~2", "/predicate/~"]
        {
            assert_eq!(Pointer::parse(bad), None, "{bad}");
        }
        assert_eq!(Pointer::parse(&format!("/predicate{}", "/a".repeat(MAX_PARTS))), None);
    }
}
