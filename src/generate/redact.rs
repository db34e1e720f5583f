//! What must not be published: values that are masked, and secrets that stop the run.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::formats::base64;
use crate::generate::GenerateError;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::ExplainRow;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;
use crate::generate::facts::pointer;
use crate::generate::redact::shapes::Scanner;

pub use words::looks_secret;

mod shapes;
mod words;

/// What stands where a value was hidden.
pub const MASKED: &str = "[MASKED]";
/// The field of ours in `metadata` that lists where, without its prefix.
pub const EXTENSION: &str = "masked";
/// Shortest value of an environment variable that is looked for elsewhere, in bytes. Shorter ones occur by chance.
pub const MIN_KNOWN: usize = 8;

/// Hides values of `externalParameters` and `internalParameters`: those under a key of `names`, letters of either case, and
/// those under a key that looks as if it named a secret ([`looks_secret`]). What is hidden becomes [`MASKED`]; keys stay.
/// `true`, `false`, `null` and the empty text tell nothing, and stay unless the user named them.
///
/// Where values were hidden is recorded: `facts.extensions["masked"]` lists JSON pointers into the Statement, sorted. A
/// verifier that expects a value there is then told why it finds none.
///
/// # Errors
/// `mask-unused` when no key has a name of `names`. A name that is spelled wrongly would publish what it was to hide, and
/// nothing takes that back. Nothing is changed then.
pub fn mask(facts: &mut BuildFacts, names: &[String]) -> Result<(), GenerateError> {
    let mut masking = Masking { names, used: vec![false; names.len()], pointers: BTreeSet::new() };
    let mut masked = [facts.external_parameters.clone(), facts.internal_parameters.clone()];
    for (tree, name) in masked.iter_mut().zip(["externalParameters", "internalParameters"]) {
        for (path, fact) in tree.iter_mut() {
            let above = path.iter().map(|key| masking.why(key)).max().unwrap_or(Why::Not);
            let at = format!("/predicate/buildDefinition/{name}{}", pointer(path));
            masking.value(&mut fact.value, at, above);
        }
    }
    let unused = names.iter().zip(&masking.used).find(|(_, used)| !**used);
    if let Some((name, _)) = unused {
        return Err(GenerateError::MaskUnused { name: name.clone() });
    }
    [facts.external_parameters, facts.internal_parameters] = masked;
    if !masking.pointers.is_empty() {
        let pointers = masking.pointers.into_iter().map(Value::String).collect();
        facts.extensions.insert(EXTENSION.to_owned(), Fact::word(Value::Array(pointers), Source::Sealmark));
    }
    Ok(())
}

/// Why a value is hidden.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Not,
    /// Its key looks as if it named a secret.
    Looks,
    /// The user named its key.
    Named,
}

struct Masking<'a> {
    names: &'a [String],
    /// Which of them matched a key.
    used: Vec<bool>,
    pointers: BTreeSet<String>,
}

impl Masking<'_> {
    fn why(&mut self, key: &str) -> Why {
        let mut named = false;
        for (name, used) in self.names.iter().zip(&mut self.used) {
            if name.eq_ignore_ascii_case(key) {
                (named, *used) = (true, true);
            }
        }
        match (named, looks_secret(key)) {
            (true, _) => Why::Named,
            (false, true) => Why::Looks,
            (false, false) => Why::Not,
        }
    }

    fn value(&mut self, value: &mut Value, at: String, why: Why) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map.iter_mut() {
                    let why = why.max(self.why(key));
                    self.value(inner, format!("{at}{}", pointer([key])), why);
                }
            }
            // Objects in a list have keys that may be named, whatever the list is called.
            Value::Array(items) if why == Why::Not => {
                for (n, item) in items.iter_mut().enumerate() {
                    self.value(item, format!("{at}/{n}"), why);
                }
            }
            // A source of facts hid it already.
            Value::String(text) if text == MASKED => drop(self.pointers.insert(at)),
            _ if why == Why::Not => {}
            Value::Null | Value::Bool(_) if why == Why::Looks => {}
            Value::String(text) if why == Why::Looks && text.is_empty() => {}
            _ => {
                *value = Value::String(MASKED.to_owned());
                self.pointers.insert(at);
            }
        }
    }
}

/// Looks for secrets in everything that is recorded: each value, each key, subjects' names too. Three things are findings:
/// a text of the shape that some issuer gives its secrets, a password or token inside a URL or an assignment, and a random
/// text under a key that looks as if it named a secret. `docs/redaction.md` lists the shapes.
///
/// # Errors
/// `secret-found` with pointer and kind, never the value; `secret-scanner-unusable`.
pub fn scan(rows: &[ExplainRow]) -> Result<(), GenerateError> {
    let scanner = Scanner::get()?;
    let mut findings = Findings::default();
    for row in rows {
        walk(row, &mut |text| {
            if let Some(kind) = text.kind(scanner) {
                findings.add(text.at, kind.to_owned());
            }
        });
    }
    findings.result()
}

/// Looks for values that are known to be secret: name and value of each environment variable whose name
/// [looks so](looks_secret). None of them may occur inside anything that is recorded: as it is, as one of its lines,
/// percent-encoded, or in base64 whatever stands before it. Values below [`MIN_KNOWN`] bytes are passed over.
///
/// # Errors
/// `secret-found` with pointer and the variable's name, never the value.
pub fn scan_known(rows: &[ExplainRow], known: &[(&str, &str)]) -> Result<(), GenerateError> {
    let mut wanted: Vec<(&str, String)> = Vec::new();
    for (name, value) in known {
        let lines: BTreeSet<&str> = value.lines().chain([*value]).map(str::trim).collect();
        for line in lines.into_iter().filter(|line| line.len() >= MIN_KNOWN) {
            wanted.push((name, line.to_owned()));
            wanted.extend((0..3).map(|shift| (*name, inside_base64(line, shift))));
        }
    }
    let mut findings = Findings::default();
    for row in rows {
        walk(row, &mut |text| {
            let decoded = shapes::percent_decoded(text.text);
            let holds = |value: &str| text.text.contains(value) || decoded.as_ref().is_some_and(|d| d.contains(value));
            if let Some((name, _)) = wanted.iter().find(|(_, value)| holds(value)) {
                findings.add(text.at, format!("the value of the environment variable {name}"));
            }
        });
    }
    findings.result()
}

/// The characters that a text certainly leads to inside base64, `shift` bytes behind a multiple of three.
fn inside_base64(text: &str, shift: usize) -> String {
    let mut bytes = vec![0; shift];
    bytes.extend_from_slice(text.as_bytes());
    let whole = bytes.len().saturating_mul(8) / 6;
    let skip = shift.saturating_mul(8).div_ceil(6);
    base64::encode(&bytes).chars().take(whole).skip(skip).collect()
}

#[derive(Default)]
struct Findings {
    first: Option<(String, String)>,
    more: usize,
}

impl Findings {
    fn add(&mut self, pointer: &str, kind: String) {
        if self.first.is_none() {
            self.first = Some((pointer.to_owned(), kind));
        } else {
            self.more = self.more.saturating_add(1);
        }
    }

    fn result(self) -> Result<(), GenerateError> {
        match self.first {
            None => Ok(()),
            Some((pointer, kind)) => Err(GenerateError::SecretFound { pointer, kind, more: self.more }),
        }
    }
}

/// One text of what is recorded.
struct Text<'a> {
    /// Where it stands. A key that is itself a secret must not be shown: it stands at its parent.
    at: &'a str,
    text: &'a str,
    /// The key that it stands under; empty for a key.
    key: &'a str,
    /// The text before it in the same list, as an option stands before its value in a command.
    before: &'a str,
}

impl Text<'_> {
    fn kind(&self, scanner: &Scanner) -> Option<&'static str> {
        scanner.shape(self.text).or_else(|| {
            let option = self.before.starts_with('-') && !self.before.contains('=') && looks_secret(self.before);
            let named = looks_secret(self.key) || option;
            (named && shapes::is_random(self.text)).then_some("a random text under the name of a secret")
        })
    }
}

/// Calls `see` with every text of a row: the keys of its pointer, and all that its value holds.
fn walk(row: &ExplainRow, see: &mut dyn FnMut(&Text<'_>)) {
    let mut at = 0;
    let mut key = String::new();
    for part in row.pointer.split('/').skip(1) {
        key = part.replace("~1", "/").replace("~0", "~");
        let parent = row.pointer.get(..at).unwrap_or_default();
        see(&Text { at: parent, text: &key, key: "", before: "" });
        at = at.saturating_add(part.len()).saturating_add(1);
    }
    value(&row.pointer, &key, "", &row.value, see);
}

fn value(at: &str, key: &str, before: &str, inner: &Value, see: &mut dyn FnMut(&Text<'_>)) {
    match inner {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => see(&Text { at, text: &number.to_string(), key, before }),
        Value::String(text) => see(&Text { at, text, key, before }),
        Value::Array(items) => {
            let mut before = "";
            for (n, item) in items.iter().enumerate() {
                value(&format!("{at}/{n}"), key, before, item, see);
                before = item.as_str().unwrap_or_default();
            }
        }
        Value::Object(map) => {
            for (name, item) in map {
                see(&Text { at, text: name, key: "", before: "" });
                // Below a key that names a secret everything is its value.
                let key = if looks_secret(key) { key } else { name };
                value(&format!("{at}{}", pointer([name])), key, "", item, see);
            }
        }
    }
}

#[cfg(test)]
mod tests;
