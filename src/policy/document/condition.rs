//! Conditions written in CEL: compiled once, judged over the Statement with a budget that an attestation cannot exceed.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use cel::Context;
use cel::Env;
use cel::ExecutionError;
use cel::IdedExpr;
use cel::Value;
use regex::Regex;

use crate::policy::document::budget;

/// Longest condition, in bytes.
pub const MAX_BYTES: usize = 4096;
/// Deepest nesting of a condition, in nodes of its tree.
pub const MAX_DEPTH: usize = 48;
/// What one judgement may cost: one for each value that is compared, copied or looped over, and one for each 64 bytes of
/// its text. A million take well under a second.
pub const BUDGET: u64 = 1_000_000;
/// The function that charges; no condition can write its name.
pub(super) const CHARGE: &str = "@charge";
/// The function that charges for compiling an expression too.
pub(super) const COMPILE: &str = "@compile";

/// The names that a condition may use.
pub const VARIABLES: &[&str] = &["statement", "predicate", "subject", "signer", "signedAt", "now", "artifact"];

/// A condition, compiled.
#[derive(Clone)]
pub struct Condition {
    source: String,
    /// As written.
    tree: Arc<IdedExpr>,
    /// With charges.
    charged: Arc<IdedExpr>,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Condition({:?})", self.source)
    }
}

/// Why a text is no condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConditionError {
    /// It does not compile, or names what there is not.
    Source(String),
    /// It is too long or too deep.
    Limit(String),
}

/// What a condition came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It holds.
    Holds,
    /// It does not.
    Not,
    /// It could not be judged: a field is absent, types do not fit, the result is no boolean.
    Error(String),
    /// It would have cost more than [`BUDGET`].
    TooCostly,
}

impl Condition {
    /// Compiles a condition. Every name in it must be one of [`VARIABLES`] or a loop's own, every function one of CEL's,
    /// and the expression of `matches` a text that stands there, so that no attestation chooses it.
    ///
    /// # Errors
    /// [`ConditionError`].
    pub fn compile(source: &str) -> Result<Self, ConditionError> {
        if source.len() > MAX_BYTES {
            return Err(ConditionError::Limit(format!("a condition of {} bytes, at most {MAX_BYTES}", source.len())));
        }
        if nesting(source) > MAX_DEPTH {
            return Err(ConditionError::Limit(format!("brackets nested more than {MAX_DEPTH} levels deep")));
        }
        let program = ENVIRONMENT.compile(source).map_err(|error| {
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| line.starts_with("ERROR")).collect();
            ConditionError::Source(lines.first().map_or(text.trim(), |line| line).to_owned())
        })?;
        let tree = program.expression().clone();
        if budget::depth(&tree) > MAX_DEPTH {
            return Err(ConditionError::Limit(format!("a condition nested more than {MAX_DEPTH} levels deep")));
        }
        budget::names(&tree, VARIABLES).map_err(ConditionError::Source)?;
        for literal in budget::expressions(&tree).map_err(ConditionError::Source)? {
            Regex::new(&literal).map_err(|error| {
                let text = error.to_string();
                ConditionError::Source(format!(
                    "the expression {literal:?}: {}",
                    text.lines().last().unwrap_or_default()
                ))
            })?;
        }
        let charged = budget::charged(&tree);
        Ok(Self { source: source.to_owned(), tree: Arc::new(tree), charged: Arc::new(charged) })
    }

    /// As written.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its tree, for lints.
    pub(super) fn tree(&self) -> &IdedExpr {
        &self.tree
    }

    /// Judges it over `variables`. A name that has no value is an error, which is never a pass.
    pub fn judge(&self, variables: &Variables) -> Judged {
        let spent = Arc::new(AtomicU64::new(0));
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for (name, value) in &variables.values {
            context.add_variable_from_value(*name, value.clone());
        }
        let charge = |more: u64| {
            let counter = Arc::clone(&spent);
            move |value: Value| -> Result<Value, ExecutionError> {
                if counter.load(Relaxed) <= BUDGET {
                    counter.fetch_add(more.saturating_add(budget::weight(&value, BUDGET)), Relaxed);
                }
                if counter.load(Relaxed) > BUDGET {
                    return Err(ExecutionError::function_error("cost", "the budget is spent"));
                }
                Ok(value)
            }
        };
        let added = context
            .add_function(CHARGE, charge(0))
            .and_then(|()| context.add_function(COMPILE, charge(budget::EXPRESSION)));
        if let Err(error) = added {
            return Judged::Error(error.to_string());
        }
        let result = Value::resolve(&self.charged, &context);
        // Looked at first: an error may be absorbed by `||` and loops, a spent budget never is.
        if spent.load(Relaxed) > BUDGET {
            return Judged::TooCostly;
        }
        match result {
            Ok(Value::Bool(true)) => Judged::Holds,
            Ok(Value::Bool(false)) => Judged::Not,
            Ok(other) => Judged::Error(format!("a result of type {}, which is no boolean", other.type_of())),
            Err(error) => Judged::Error(explained(&error)),
        }
    }
}

/// Values of the names, made once for an attestation and used by all its conditions.
pub struct Variables {
    values: Vec<(&'static str, Value)>,
}

impl Variables {
    /// No name has a value.
    pub fn none() -> Self {
        Self { values: Vec::new() }
    }

    /// Gives a name a value.
    pub fn set(&mut self, name: &'static str, value: &serde_json::Value) {
        self.values.push((name, from_json(value)));
    }

    /// Gives a name a time.
    pub fn set_time(&mut self, name: &'static str, time: jiff::Timestamp) {
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        context.add_variable_from_value("text", time.to_string());
        let made = TIMESTAMP.as_ref().and_then(|tree| Value::resolve(tree, &context).ok());
        if let Some(value) = made {
            self.values.push((name, value));
        }
    }
}

/// CEL's standard functions and nothing else: no optional values, which would turn an absent field into a value.
static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib().with_optional_support(false)));

/// Makes a time out of its text; the crate's own type of times is not named here.
static TIMESTAMP: LazyLock<Option<IdedExpr>> = LazyLock::new(|| {
    let program = ENVIRONMENT.compile("timestamp(text)").ok()?;
    Some(program.expression().clone())
});

/// The deepest nesting of brackets, counted before the parser runs; brackets in texts count too.
fn nesting(source: &str) -> usize {
    let mut open: usize = 0;
    let mut deepest = 0;
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(open);
    }
    deepest
}

/// JSON as CEL sees it: whole numbers are `int` where they fit, all others `double`.
fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(value) => Value::Bool(*value),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::UInt(number),
            (None, None) => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => Value::List(Arc::new(items.iter().map(from_json).collect())),
        serde_json::Value::Object(map) => {
            let pairs = map.iter().map(|(key, value)| (key.clone(), from_json(value)));
            Value::from(pairs.collect::<HashMap<String, Value>>())
        }
    }
}

/// The crate's errors print whole values; this names the kind and the field alone.
fn explained(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("no field {key}"),
        ExecutionError::UndeclaredReference(name) => format!("no value for {name}"),
        ExecutionError::NoSuchOverload(error) => {
            format!("{} on {}", error.function(), error.argument_types().join(" and "))
        }
        ExecutionError::IndexOutOfBounds(_) => "an index outside its list".to_owned(),
        ExecutionError::FunctionError { function, .. } => format!("the function {function} refused its argument"),
        ExecutionError::UnexpectedType { got, want } => format!("a value of type {got} in place of {want}"),
        _ => "values of types that do not fit".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn variables(predicate: &serde_json::Value) -> Variables {
        let mut variables = Variables::none();
        variables.set("predicate", predicate);
        variables.set_time("now", "2026-11-21T00:00:00Z".parse().unwrap());
        variables
    }

    fn judge(source: &str, predicate: &serde_json::Value) -> Judged {
        Condition::compile(source).unwrap().judge(&variables(predicate))
    }

    fn refused(source: &str) -> &'static str {
        match Condition::compile(source).expect_err(source) {
            ConditionError::Source(found) => {
                println!("{source:.40}: {found}");
                "source"
            }
            ConditionError::Limit(_) => "limit",
        }
    }

    #[test]
    fn conditions_hold_or_do_not() {
        let data = json!({"a": {"b": 1, "list": ["x", "y"], "when": "2026-11-20T00:00:00Z"}, "vulns": [{"s": "HIGH"}]});
        for (source, expected) in [
            ("predicate.a.b == 1", true),
            ("predicate.a.b == 1.0", true),
            ("predicate.a.b > 1", false),
            ("'x' in predicate.a.list", true),
            ("predicate.a.list.all(one, one != 'z')", true),
            ("predicate.vulns.exists(v, v.s == 'CRITICAL')", false),
            ("predicate.vulns.map(v, v.s) == ['HIGH']", true),
            ("predicate.vulns.filter(v, v.s == 'LOW').size() == 0", true),
            ("now - timestamp(predicate.a.when) < duration('25h')", true),
            ("has(predicate.a.c)", false),
            ("predicate.a.list[0].matches('^x$') ? true : false", true),
        ] {
            let judged = judge(source, &data);
            assert_eq!(judged, if expected { Judged::Holds } else { Judged::Not }, "{source}");
        }
    }

    /// What cannot be said is an error, never a pass.
    #[test]
    fn absent_fields_and_other_types_are_errors() {
        let data = json!({"a": {"b": 1}});
        for source in [
            "predicate.c == 1",
            "predicate.c != 1",
            "!(predicate.c == 1)",
            "predicate.a.b.c == 1",
            "predicate.a.b + 'x' == 'x'",
            "predicate.a.b < 'x'",
            "predicate.a.b",
            "predicate.a",
            "signedAt < now",
            "signer.kind == 'key'",
        ] {
            assert!(matches!(judge(source, &data), Judged::Error(_)), "{source}: {:?}", judge(source, &data));
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for source in [
            "",
            "predicate.",
            "predicate.a ==",
            "nobody.a == 1",
            "predicate.exists(now, now == 1)",
            "getenv('HOME') == ''",
            "predicate.a.matches(predicate.b)",
            "predicate.a.matches('(')",
            "predicate.?a.hasValue()",
            "optional.of(1).hasValue()",
            "Thing{a: 1} == 1",
            "@charge(predicate)",
            "google.protobuf.Timestamp{seconds: 1} == now",
        ] {
            assert_eq!(refused(source), "source", "{source}");
        }
        assert_eq!(refused(&format!("predicate.a == '{}'", "x".repeat(MAX_BYTES))), "limit");
        assert_eq!(refused(&format!("{}true{}", "(".repeat(60), ")".repeat(60))), "limit");
        assert_eq!(refused(&format!("{}true", "true ? true : ".repeat(60))), "limit");
        assert_eq!(refused(&format!("predicate{} == 1", ".a".repeat(60))), "limit");
    }

    /// A program that ends in a panic judges nothing; whatever an attestation says, judging ends with an answer.
    #[test]
    fn hostile_values_are_errors() {
        let data = json!({
            "time": "9999-12-31T23:59:59Z", "early": "0001-01-01T00:00:00Z", "odd": "99999-01-01T00:00:00Z",
            "long": "2562047h", "longer": "99999999999999h", "negative": "-2562047h", "big": i64::MAX, "small": i64::MIN,
            "huge": 1e308, "unsigned": u64::MAX, "empty": "", "text": "x", "zone": "Mars/Olympus", "list": [], "map": {},
            "nested": [[[[[[1]]]]]],
        });
        for source in [
            "timestamp(predicate.time) + duration(predicate.long) > now",
            "timestamp(predicate.early) - duration(predicate.long) > now",
            "timestamp(predicate.odd) > now",
            "timestamp(predicate.empty) > now",
            "duration(predicate.longer) > duration('1s')",
            "duration(predicate.empty) > duration('1s')",
            "duration(predicate.long) + duration(predicate.long) + duration(predicate.long) > duration('1s')",
            "duration(predicate.negative) + duration(predicate.negative) < duration('1s')",
            "timestamp(predicate.time) - timestamp(predicate.early) > duration('1s')",
            "now.getHours(predicate.zone) > 0",
            "timestamp(predicate.time).getFullYear(predicate.text) > 0",
            "predicate.big + 1 > 0",
            "predicate.small - 1 < 0",
            "-predicate.small > 0",
            "predicate.big * predicate.big > 0",
            "predicate.small / -1 > 0",
            "predicate.small % -1 == 0",
            "predicate.big / 0 > 0",
            "predicate.big % 0 > 0",
            "int(predicate.huge) > 0",
            "uint(-1) > 0u",
            "int(predicate.unsigned) > 0",
            "double(predicate.text) > 0.0",
            "int(predicate.text) > 0",
            "bool(predicate.text)",
            "predicate.list[0] == 1",
            "predicate.list[-1] == 1",
            "predicate.list[predicate.big] == 1",
            "predicate.map['x'] == 1",
            "predicate.nested[0][0][0][0][0][0] == 1",
            "predicate.text[0] == 'x'",
            "predicate.text.size() / predicate.list.size() == 1",
            "string(bytes(predicate.text)) == 'x'",
            "{predicate.text: 1, 'x': 2}.x == 1",
            "predicate.map == predicate.list",
            "predicate.map < predicate.list",
            "type(predicate.map) == type(predicate.list)",
            "string(predicate.map) == ''",
            "timestamp(predicate.big) > now",
            "duration(predicate.big) > duration('1s')",
        ] {
            // What it comes to is CEL's; that it comes to something is ours.
            println!("{source}: {:?}", judge(source, &data));
        }
    }

    /// An attestation chooses how long its lists are; no condition may be made to run for long by that.
    #[test]
    fn work_is_bounded_by_what_it_costs() {
        let long: Vec<u32> = (0..2000).collect();
        let data = json!({"a": long, "b": long, "text": "x".repeat(1 << 20), "few": [1, 2, 3]});
        let started = std::time::Instant::now();
        for source in [
            "predicate.a.all(x, predicate.b.all(y, x == x))",
            "predicate.a.all(x, predicate.b.exists(y, false) || true)",
            "predicate.a.exists(x, predicate.b.all(y, true) && x == 1999) || true",
            "predicate.a.all(x, predicate.a == predicate.b)",
            "predicate.a.all(x, !(-1 in predicate.b))",
            "predicate.a.map(x, predicate.a).size() == 2000",
            "predicate.a.map(x, predicate.text + predicate.text).size() == 2000",
            "predicate.a.filter(x, predicate.text.contains('y')).size() == 0",
            "predicate.a.all(x, predicate.text.matches('x+$'))",
            "predicate.a.all(x, predicate.b.all(y, {'k': y}.k == y))",
        ] {
            assert_eq!(judge(source, &data), Judged::TooCostly, "{source}");
        }
        println!("ten that cost too much: {:?}", started.elapsed());
        assert_eq!(judge("predicate.a.all(x, x in predicate.few || x > 3 || x == 0)", &data), Judged::Holds);
        assert_eq!(judge("predicate.a.map(x, x + 1).filter(x, x > 1000).size() == 1000", &data), Judged::Holds);
        assert_eq!(judge("predicate.a.all(x, string(x).matches('[0-9]+'))", &data), Judged::Holds);
    }
}
