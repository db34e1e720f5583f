//! Strict JSON: no duplicate keys, no trailing bytes, bounded depth; and objects read field by field, or left as text.

pub mod passing;

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_json::Map;
use serde_json::Number;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::formats::FormatError;
use crate::formats::base64;

/// Deepest nesting of arrays and objects that is read. The deepest real attestation seen nests 12 levels.
pub const MAX_DEPTH: usize = 64;

/// Most values in one text. A value takes up to 72 bytes of memory and as little as two of text, so a cap on bytes alone
/// would not bound memory. A Statement of a million subjects has four million.
pub const MAX_VALUES: usize = 8_000_000;

const DUPLICATE: &str = "duplicate key ";
const DEEP: &str = "nested too deeply";
const MANY: &str = "too many values";

/// Reads one JSON text: UTF-8, RFC 8259, no duplicate keys, at most [`MAX_DEPTH`] levels and [`MAX_VALUES`] values,
/// nothing behind it but space.
///
/// # Errors
/// `json-duplicate-key`, `json-too-deep`, `too-many`, `json-invalid`.
pub fn parse(bytes: &[u8]) -> Result<Value, FormatError> {
    parse_capped(bytes, MAX_VALUES)
}

fn parse_capped(bytes: &[u8], max_values: usize) -> Result<Value, FormatError> {
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let left = Cell::new(max_values);
    let value = Strict { depth: 0, left: &left }.deserialize(&mut input);
    let value = value.and_then(|value| input.end().map(|()| value));
    value.map_err(|error| refusal(&error))
}

/// Whether a text is JSON that [`parse`] would read, and what kind of value it is. No value is built: beside the text it takes
/// memory for the keys of the objects that are open.
///
/// # Errors
/// Those of [`parse`], for the same texts.
pub fn check(bytes: &[u8]) -> Result<&'static str, FormatError> {
    check_at(bytes, 0, &Cell::new(MAX_VALUES)).map_err(|error| refusal(&error))
}

/// As [`check`], of a text that already stands in `depth` arrays and objects, and of which so many values are left.
fn check_at(bytes: &[u8], depth: usize, left: &Cell<usize>) -> Result<&'static str, serde_json::Error> {
    let mut input = serde_json::Deserializer::from_slice(bytes);
    let found = (&Skimmed { depth, left }).deserialize(&mut input)?;
    input.end().map(|()| found)
}

/// A member of an object: its name, and where its value stands in the text.
pub type Member = (String, Range<usize>);

/// The members of an object, each with where its value stands in the text, which is checked as [`check`] does. None when the
/// text is another value than an object.
///
/// # Errors
/// Those of [`parse`].
pub fn members(bytes: &[u8]) -> Result<Option<Vec<Member>>, FormatError> {
    /// Keeps where each value stands.
    struct Places(usize);

    impl<'de> Visitor<'de> for Places {
        type Value = Vec<Member>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some((name, value)) = entries.next_entry::<String, &RawValue>()? {
                let start = value.get().as_ptr().addr().wrapping_sub(self.0);
                members.push((name, start..start.saturating_add(value.get().len())));
            }
            Ok(members)
        }
    }

    if check(bytes)? != kind(&Value::Object(Map::new())) {
        return Ok(None);
    }
    let mut input = serde_json::Deserializer::from_slice(bytes);
    input.deserialize_map(Places(bytes.as_ptr().addr())).map(Some).map_err(|error| refusal(&error))
}

/// As [`parse`], but of an object each member that `left_out` holds for, by its name and the length of its text, is read as an empty
/// array or object if it is one: what only the rest of a large text is looked at for need not be built.
///
/// # Errors
/// Those of [`parse`], wherever in the text.
pub fn outline(bytes: &[u8], left_out: impl Fn(&str, usize) -> bool) -> Result<Value, FormatError> {
    let Some(members) = members(bytes)? else { return parse(bytes) };
    let member = |(name, place): Member| {
        let text = bytes.get(place).unwrap_or_default();
        let value = match (left_out(&name, text.len()), text.first()) {
            (true, Some(b'[')) => Value::Array(Vec::new()),
            (true, Some(b'{')) => Value::Object(Map::new()),
            _ => parse(text)?,
        };
        Ok((name, value))
    };
    members.into_iter().map(member).collect::<Result<Map<_, _>, _>>().map(Value::Object)
}

fn refusal(error: &serde_json::Error) -> FormatError {
    let text = error.to_string();
    let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned();
    let (line, column) = (error.line(), error.column());
    if let Some(key) = reason.strip_prefix(DUPLICATE) {
        return FormatError::DuplicateKey { key: key.to_owned(), line, column };
    }
    if reason == DEEP || reason.starts_with("recursion limit") {
        return FormatError::TooDeep { limit: MAX_DEPTH, line, column };
    }
    if reason == MANY {
        return FormatError::TooMany { what: "JSON values".to_owned(), limit: MAX_VALUES, found: MAX_VALUES + 1 };
    }
    FormatError::Json { reason, line, column }
}

/// Builds a [`Value`], refusing what serde_json would quietly accept.
struct Strict<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: Error>(&self) -> Result<usize, E> {
        if self.depth < MAX_DEPTH { Ok(self.depth + 1) } else { Err(E::custom(DEEP)) }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Value, D::Error> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom(MANY))?);
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Strict { depth, left: self.left })? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let depth = self.deeper()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}{key}")));
            }
            let value = entries.next_value_seed(Strict { depth, left: self.left })?;
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

/// Looks a text through as [`Strict`] does, and gives the kind of value.
struct Skimmed<'a> {
    depth: usize,
    left: &'a Cell<usize>,
}

impl Skimmed<'_> {
    fn deeper<E: Error>(&self) -> Result<Self, E> {
        if self.depth < MAX_DEPTH { Ok(Self { depth: self.depth + 1, left: self.left }) } else { Err(E::custom(DEEP)) }
    }
}

impl<'de> DeserializeSeed<'de> for &Skimmed<'_> {
    type Value = &'static str;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<&'static str, D::Error> {
        self.left.set(self.left.get().checked_sub(1).ok_or_else(|| D::Error::custom(MANY))?);
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &Skimmed<'_> {
    type Value = &'static str;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<&'static str, E> {
        Ok(kind(&Value::Null))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<&'static str, E> {
        Ok(kind(&Value::Bool(value)))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<&'static str, E> {
        Ok(kind(&value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<&'static str, E> {
        Ok(kind(&value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<&'static str, E> {
        Number::from_f64(value).map(|number| kind(&number.into())).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<&'static str, E> {
        Ok(kind(&Value::String(String::new())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<&'static str, A::Error> {
        let deeper = self.deeper()?;
        while items.next_element_seed(&deeper)?.is_some() {}
        Ok(kind(&Value::Array(Vec::new())))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<&'static str, A::Error> {
        let deeper = self.deeper()?;
        let mut keys = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if keys.contains(&key) {
                return Err(A::Error::custom(format_args!("{DUPLICATE}{key}")));
            }
            entries.next_value_seed(&deeper)?;
            keys.insert(key);
        }
        Ok(kind(&Value::Object(Map::new())))
    }
}

/// What kind of JSON value this is, for error texts.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// An object being taken apart: each field is removed as it is read, and [`Fields::finish`] refuses what is left.
///
/// `null` is read as absent, as the protobuf JSON mapping and the in-toto specification say.
#[derive(Debug)]
pub struct Fields {
    path: String,
    map: Map<String, Value>,
}

impl Fields {
    /// Takes an object apart; `path` is its JSON pointer, for error texts.
    ///
    /// # Errors
    /// `json-wrong-type` for anything but an object.
    pub fn new(value: Value, path: &str) -> Result<Self, FormatError> {
        match value {
            Value::Object(map) => Ok(Self { path: path.to_owned(), map }),
            other => Err(wrong(path, "an object", &other)),
        }
    }

    /// The JSON pointer of a field.
    pub fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// Any value, or None when absent or null.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.map.shift_remove(name).filter(|value| !value.is_null())
    }

    /// A string, or None when absent.
    ///
    /// # Errors
    /// `json-wrong-type`.
    pub fn string(&mut self, name: &str) -> Result<Option<String>, FormatError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.at(name), "a string", &other)),
        }
    }

    /// A string that must be there.
    ///
    /// # Errors
    /// `json-field-missing`, `json-wrong-type`.
    pub fn need_string(&mut self, name: &str) -> Result<String, FormatError> {
        self.string(name)?.ok_or_else(|| self.missing(name))
    }

    /// An object that must be there.
    ///
    /// # Errors
    /// `json-field-missing`, `json-wrong-type`.
    pub fn need_object(&mut self, name: &str) -> Result<Self, FormatError> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// An object, or None when absent.
    ///
    /// # Errors
    /// `json-wrong-type`.
    pub fn object(&mut self, name: &str) -> Result<Option<Self>, FormatError> {
        let path = self.at(name);
        self.take(name).map(|value| Self::new(value, &path)).transpose()
    }

    /// An array of at most `cap` items; empty when absent.
    ///
    /// # Errors
    /// `json-wrong-type`, `too-many`.
    pub fn array(&mut self, name: &str, cap: usize) -> Result<Vec<Value>, FormatError> {
        match self.take(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() <= cap => Ok(items),
            Some(Value::Array(items)) => {
                Err(FormatError::TooMany { what: self.at(name), limit: cap, found: items.len() })
            }
            Some(other) => Err(wrong(&self.at(name), "an array", &other)),
        }
    }

    /// Bytes in standard padded base64, or None when absent.
    ///
    /// # Errors
    /// `json-wrong-type`, `base64-invalid`.
    pub fn bytes(&mut self, name: &str) -> Result<Option<Vec<u8>>, FormatError> {
        let path = self.at(name);
        self.string(name)?.map(|text| base64::decode(&text).ok_or(FormatError::Base64 { path })).transpose()
    }

    /// Bytes in standard padded base64 that must be there.
    ///
    /// # Errors
    /// `json-field-missing`, `json-wrong-type`, `base64-invalid`.
    pub fn need_bytes(&mut self, name: &str) -> Result<Vec<u8>, FormatError> {
        self.bytes(name)?.ok_or_else(|| self.missing(name))
    }

    /// A non-negative 64-bit integer, as a number or as a decimal string without sign or leading zero (the protobuf JSON
    /// mapping writes int64 as a string); None when absent.
    ///
    /// # Errors
    /// `json-integer-invalid`.
    pub fn integer(&mut self, name: &str) -> Result<Option<u64>, FormatError> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let read = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok().filter(|number: &u64| number.to_string() == *text),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        };
        let path = self.at(name);
        // Every signed integer of the formats is an int64.
        read.filter(|number| i64::try_from(*number).is_ok())
            .map(Some)
            .ok_or_else(|| FormatError::Integer { path, found: value.to_string() })
    }

    /// An integer that must be there.
    ///
    /// # Errors
    /// `json-field-missing`, `json-integer-invalid`.
    pub fn need_integer(&mut self, name: &str) -> Result<u64, FormatError> {
        self.integer(name)?.ok_or_else(|| self.missing(name))
    }

    /// The error for a field that had to be there.
    pub fn missing(&self, name: &str) -> FormatError {
        FormatError::Missing { path: self.at(name) }
    }

    /// Refuses any field that nobody read.
    ///
    /// # Errors
    /// `json-field-unknown`.
    pub fn finish(self) -> Result<(), FormatError> {
        match self.map.keys().next() {
            None => Ok(()),
            Some(name) => Err(FormatError::UnknownField { path: self.at(name) }),
        }
    }

    /// The fields that nobody read.
    pub fn rest(self) -> Map<String, Value> {
        self.map
    }
}

/// The error for a value of the wrong type.
pub fn wrong(path: &str, expected: &'static str, found: &Value) -> FormatError {
    FormatError::WrongType { path: path.to_owned(), expected, found: kind(found) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text.as_bytes()).unwrap_err().code()
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        assert_eq!(code(r#"{"a":1,"a":2}"#), "json-duplicate-key");
        assert_eq!(code(r#"[{"b":{"a":1,"\u0061":2}}]"#), "json-duplicate-key");
        assert_eq!(code("{} {}"), "json-invalid");
        assert_eq!(code(""), "json-invalid");
        assert_eq!(code("{\"a\":"), "json-invalid");
        assert_eq!(code("\u{feff}{}"), "json-invalid");
        assert_eq!(code(r#""\ud800""#), "json-invalid");
        assert_eq!(code("01"), "json-invalid");
        assert_eq!(code("NaN"), "json-invalid");
        assert_eq!(parse(b"\"\xff\"").unwrap_err().code(), "json-invalid");
    }

    #[test]
    fn what_is_looked_through_is_what_is_read() {
        let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
        let texts = [
            r#"{"a":1,"b":[{"c":null,"d":"\u00e9"}]}"#,
            r#"{"a":1,"a":2}"#,
            r#"[{"b":{"a":1,"\u0061":2}}]"#,
            "{} {}",
            "",
            "01",
            "{\"a\":",
            "\u{feff}{}",
            r#""\ud800""#,
            "NaN",
            "1e999",
            "-1",
            "1.5",
            "true",
            "null",
            " [ ] ",
            "\"x\"",
            "[1,]",
        ];
        let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
        for text in texts.iter().chain([&deep(MAX_DEPTH), &deep(MAX_DEPTH + 1), &deep(1_000_000)]) {
            let read = parse(text.as_bytes()).map(|value| kind(&value)).map_err(|error| error.to_string());
            assert_eq!(check(text.as_bytes()).map_err(|error| error.to_string()), read, "{text:.40}");
        }
        assert_eq!(check(b"\"\xff\"").unwrap_err().code(), "json-invalid");
        assert_eq!(check(format!("[{}1]", "1,".repeat(MAX_VALUES)).as_bytes()).unwrap_err().code(), "too-many");
    }

    #[test]
    fn members_are_found_where_they_stand() {
        let text = br#" { "a" : [ 1, {"b":2} ] ,"\u0062":"x" , "c":{} } "#;
        let members = members(text).unwrap().unwrap();
        let found: Vec<_> = members.iter().map(|(name, place)| (name.as_str(), &text[place.clone()])).collect();
        assert_eq!(found, [("a", &b"[ 1, {\"b\":2} ]"[..]), ("b", b"\"x\""), ("c", b"{}")]);
        assert_eq!(super::members(b"[1]").unwrap(), None);
        assert_eq!(super::members(b"{\"a\":{\"b\":1,\"b\":2}}").unwrap_err().code(), "json-duplicate-key");
    }

    #[test]
    fn an_outline_leaves_large_members_out() {
        let text = br#"{"a":[1,2,3],"b":{"c":"dddd"},"e":"ffffffff","g":[1]}"#;
        let large = |_: &str, length: usize| length > 6;
        assert_eq!(outline(text, large).unwrap(), serde_json::json!({"a": [], "b": {}, "e": "ffffffff", "g": [1]}));
        assert_eq!(outline(b"[1,2,3,4,5]", large).unwrap(), serde_json::json!([1, 2, 3, 4, 5]));
        assert_eq!(outline(br#"{"a":[{"b":1,"b":2}]}"#, large).unwrap_err().code(), "json-duplicate-key");
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| "[".repeat(n) + &"]".repeat(n);
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(code(&nested(MAX_DEPTH + 1)), "json-too-deep");
        assert_eq!(code(&"[".repeat(1_000_000)), "json-too-deep");
    }

    #[test]
    fn values_are_counted() {
        let code = |text: &str, cap| parse_capped(text.as_bytes(), cap).map_err(|error| error.code());
        assert!(code("[0,{\"a\":0}]", 4).is_ok());
        assert_eq!(code("[0,{\"a\":0}]", 3), Err("too-many"));
    }

    #[test]
    fn integers_have_one_spelling() {
        let read = |text: &str| Fields::new(parse(text.as_bytes()).unwrap(), "").unwrap().integer("n");
        assert_eq!(read(r#"{"n":"12"}"#).unwrap(), Some(12));
        assert_eq!(read(r#"{"n":12}"#).unwrap(), Some(12));
        assert_eq!(read(r#"{"n":null}"#).unwrap(), None);
        for bad in ["\"+12\"", "\"012\"", "\"\"", "-1", "\"-1\"", "1.0", "1e3", "[1]", "9223372036854775808"] {
            assert_eq!(read(&format!("{{\"n\":{bad}}}")).unwrap_err().code(), "json-integer-invalid", "{bad}");
        }
    }

    #[test]
    fn unread_fields_are_refused() {
        let mut fields = Fields::new(parse(br#"{"a":"x","b":1}"#).unwrap(), "/top").unwrap();
        assert_eq!(fields.need_string("a").unwrap(), "x");
        let error = fields.finish().unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("/top/b")), ("json-field-unknown", true));
        assert_eq!(Fields::new(Value::Array(vec![]), "").unwrap_err().code(), "json-wrong-type");
    }
}
