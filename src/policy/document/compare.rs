//! Whether a field is what a claim says it must be.

use serde_json::Number;
use serde_json::Value;

use crate::builders::Backing;
use crate::formats::json;
use crate::policy::Finding;
use crate::policy::document::model::Test;
use crate::policy::document::node::shown;
use crate::policy::document::outcome::Status;
use crate::policy::document::pointer::Pointer;

/// Codes of claims.
pub(super) const CODES: &[&str] = &["claim-absent", "claim-mismatch", "claim-type"];

impl Test {
    /// Judges what was found at `path`; None is an absent field, which passes no test, not even a negative one.
    ///
    /// # Errors
    /// What it came to and why.
    pub(super) fn judge(&self, found: Option<Value>, path: &Pointer) -> Result<(), (Status, Finding)> {
        let finding = |code, expected: String, found: String| {
            let expected = format!("{path} {expected}");
            Finding { code, expected, found, backing: Some(Backing::Predicate) }
        };
        let Some(found) = found else {
            let finding = finding("claim-absent", self.words(), "no such field".to_owned());
            return Err((Status::Fail, finding));
        };
        let holds = match self {
            Self::Equals(value) => Some(equal(&found, value)),
            Self::NotEquals(value) => Some(!equal(&found, value)),
            Self::OneOf(values) => Some(values.iter().any(|value| equal(&found, value))),
            Self::NoneOf(values) => Some(!values.iter().any(|value| equal(&found, value))),
            Self::Matches(expression) => found.as_str().map(|text| expression.matches(text)),
            Self::AtLeast(least) => found.as_number().and_then(Number::as_f64).map(|number| number >= *least),
            Self::AtMost(most) => found.as_number().and_then(Number::as_f64).map(|number| number <= *most),
            Self::Contains(value) => found.as_array().map(|items| items.iter().any(|item| equal(item, value))),
            Self::Present => Some(true),
        };
        match holds {
            Some(true) => Ok(()),
            Some(false) => Err((Status::Fail, finding("claim-mismatch", self.words(), short(&found)))),
            None => Err((Status::Error, finding("claim-type", self.words(), json::kind(&found).to_owned()))),
        }
    }

    /// What it expects, in words.
    fn words(&self) -> String {
        let list = |values: &[Value]| values.iter().map(short).collect::<Vec<_>>().join(" or ");
        match self {
            Self::Equals(value) => format!("to be {}", short(value)),
            Self::NotEquals(value) => format!("to be there and not {}", short(value)),
            Self::OneOf(values) => format!("to be {}", list(values)),
            Self::NoneOf(values) => format!("to be there and not {}", list(values)),
            Self::Matches(expression) => format!("to be a match of {expression}"),
            Self::AtLeast(number) => format!("to be a number of at least {number}"),
            Self::AtMost(number) => format!("to be a number of at most {number}"),
            Self::Contains(value) => format!("to be a list with {}", short(value)),
            Self::Present => "to be there".to_owned(),
        }
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        other => shown(&other.to_string()).trim_matches('"').replace("\\\"", "\""),
    }
}

/// Equal as JSON, numbers by value: 1 and 1.0 are one number. Keys of objects have no order.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => same_number(one, other),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| equal(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, one)| other.get(key).is_some_and(|other| equal(one, other)))
        }
        _ => one == other,
    }
}

/// Whole numbers are compared as such, so that two large ones are not rounded to one.
fn same_number(one: &Number, other: &Number) -> bool {
    let whole = |number: &Number| number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    match (whole(one), whole(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one.as_f64().zip(other.as_f64()).is_some_and(|(one, other)| one == other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::policy::Anchored;

    fn judge(test: &Test, found: Option<Value>) -> Result<(), &'static str> {
        let path = Pointer::parse("/predicate/a").unwrap();
        test.judge(found, &path).map_err(|(status, finding)| {
            assert_eq!(status == Status::Error, finding.code == "claim-type");
            finding.code
        })
    }

    fn all() -> Vec<Test> {
        vec![
            Test::Equals(json!("x")),
            Test::NotEquals(json!("x")),
            Test::OneOf(vec![json!("x"), json!("y")]),
            Test::NoneOf(vec![json!("x"), json!("y")]),
            Test::Matches(Anchored::new("x+").unwrap()),
            Test::AtLeast(2.0),
            Test::AtMost(2.0),
            Test::Contains(json!("x")),
            Test::Present,
        ]
    }

    #[test]
    fn an_absent_field_passes_nothing() {
        let words: Vec<_> = all().iter().map(Test::operator).collect();
        assert_eq!(words, Test::OPERATORS);
        for test in all() {
            assert_eq!(judge(&test, None), Err("claim-absent"), "{}", test.operator());
        }
    }

    #[test]
    fn each_operator_says_yes_and_no() {
        let rows = [
            (json!("x"), json!("z")),
            (json!("z"), json!("x")),
            (json!("y"), json!("z")),
            (json!("z"), json!("y")),
            (json!("xx"), json!("xxz")),
            (json!(2), json!(1.9)),
            (json!(2.0), json!(3)),
            (json!(["a", "x"]), json!(["a"])),
        ];
        for (test, (yes, no)) in all().iter().zip(rows) {
            assert_eq!(judge(test, Some(yes)), Ok(()), "{}", test.operator());
            assert_eq!(judge(test, Some(no)), Err("claim-mismatch"), "{}", test.operator());
        }
        assert_eq!(judge(&Test::Present, Some(json!(false))), Ok(()));
    }

    #[test]
    fn types_are_not_converted() {
        for (test, found) in [
            (Test::AtLeast(2.0), json!("3")),
            (Test::AtMost(2.0), json!("1")),
            (Test::Matches(Anchored::new(".*").unwrap()), json!(1)),
            (Test::Contains(json!("x")), json!("x")),
        ] {
            assert_eq!(judge(&test, Some(found)), Err("claim-type"), "{}", test.operator());
        }
        assert_eq!(judge(&Test::Equals(json!(1)), Some(json!("1"))), Err("claim-mismatch"));
    }

    #[test]
    fn numbers_are_equal_by_value() {
        assert!(equal(&json!({"a": [1, 2.0]}), &json!({"a": [1.0, 2]})));
        assert!(!equal(&json!(9_007_199_254_740_993_i64), &json!(9_007_199_254_740_992_i64)));
        assert!(!equal(&json!({"a": 1}), &json!({"b": 1})));
        assert!(!equal(&json!([1]), &json!([1, 1])));
    }
}
