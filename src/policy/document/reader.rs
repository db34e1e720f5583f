//! Taking a located tree apart: every problem is collected, none hides another.

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::policy::PolicyError;
use crate::policy::document::node::Entry;
use crate::policy::document::node::Kind;
use crate::policy::document::node::Node;
use crate::policy::document::node::shown;
use crate::policy::document::problem::Problem;
use crate::policy::document::yaml::escape;

pub(super) use crate::policy::document::yaml::escape as escaped;

/// Longest text of a policy that is no PEM block, expression or condition, in bytes.
const MAX_TEXT: usize = 4096;
/// Longest duration, in days.
const MAX_DAYS: i64 = 36_500;

/// What was found to be wrong so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
}

/// A value with its path.
#[derive(Debug, Clone)]
pub(super) struct Place<'n> {
    pub(super) node: &'n Node,
    pub(super) path: String,
}

/// A map whose keys are all known.
#[derive(Debug)]
pub(super) struct Fields<'n> {
    place: Place<'n>,
    entries: &'n [Entry],
}

impl<'n> Place<'n> {
    /// The root of a file.
    pub(super) fn root(node: &'n Node) -> Self {
        Self { node, path: String::new() }
    }

    fn below(&self, part: &str, node: &'n Node) -> Self {
        Self { node, path: format!("{}/{}", self.path, escape(part)) }
    }
}

impl<'n> Fields<'n> {
    /// The value of a key, if it is there. A key without a value is one whose value is nothing, not an absent one.
    pub(super) fn get(&self, key: &str) -> Option<Place<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(self.place.below(key, &entry.value))
    }

    /// Whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Where the map stands.
    pub(super) fn place(&self) -> &Place<'n> {
        &self.place
    }
}

impl Reader {
    /// Notes a problem at a place.
    pub(super) fn refuse(&mut self, code: &'static str, place: &Place<'_>, expected: &str, found: impl Into<String>) {
        self.problems.push(Problem::new(code, place.node.at, &place.path, expected, found));
    }

    /// Notes an expectation that cannot be one.
    pub(super) fn keep<T>(&mut self, result: Result<T, PolicyError>, place: &Place<'_>) -> Option<T> {
        result.map_err(|error| self.problems.push(Problem::of(&error, place.node.at, &place.path))).ok()
    }

    fn wrong<T>(&mut self, place: &Place<'_>, expected: &str) -> Option<T> {
        self.refuse("policy-wrong-type", place, expected, place.node.words());
        None
    }

    /// A map of known keys. Unknown ones are noted, with the known one that is nearest.
    pub(super) fn fields<'n>(&mut self, place: Place<'n>, known: &[&str]) -> Option<Fields<'n>> {
        let Kind::Map(entries) = &place.node.kind else { return self.wrong(&place, "a map") };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let expected = match nearest(&entry.key, known) {
                Some(near) => format!("{near}, or another of {}", known.join(", ")),
                None => format!("one of {}", known.join(", ")),
            };
            let path = format!("{}/{}", place.path, escape(&entry.key));
            self.problems.push(Problem::new("policy-unknown-key", entry.at, &path, expected, shown(&entry.key)));
        }
        Some(Fields { place, entries })
    }

    /// A value that must be there.
    pub(super) fn need<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<Place<'n>> {
        let found = fields.get(key);
        if found.is_none() {
            self.refuse("policy-key-missing", &fields.place, &format!("the key {key}"), "none");
        }
        found
    }

    /// A map of names that the author chooses.
    pub(super) fn named<'n>(&mut self, place: &Place<'n>, what: &str) -> Vec<(String, Place<'n>)> {
        let Kind::Map(entries) = &place.node.kind else {
            self.wrong::<()>(place, &format!("a map of {what} by name"));
            return Vec::new();
        };
        if entries.is_empty() {
            self.refuse("policy-empty", place, &format!("at least one of {what}"), "none");
        }
        let mut out = Vec::new();
        for entry in entries {
            let below = place.below(&entry.key, &entry.value);
            if !is_name(&entry.key) {
                let problem = Problem::new("policy-name", entry.at, &below.path, NAME, shown(&entry.key));
                self.problems.push(problem);
            }
            out.push((entry.key.clone(), below));
        }
        out
    }

    /// A list of one to `cap` items.
    pub(super) fn list<'n>(&mut self, place: &Place<'n>, what: &str, cap: usize) -> Vec<Place<'n>> {
        let Kind::List(items) = &place.node.kind else {
            self.wrong::<()>(place, &format!("a list of {what}"));
            return Vec::new();
        };
        if items.is_empty() {
            self.refuse("policy-empty", place, &format!("at least one of {what}"), "none");
        }
        if items.len() > cap {
            self.refuse("policy-too-many", place, &format!("at most {cap} of {what}"), items.len().to_string());
        }
        items.iter().take(cap).enumerate().map(|(n, item)| place.below(&n.to_string(), item)).collect()
    }

    /// A text that is not empty.
    pub(super) fn text<'n>(&mut self, place: &Place<'n>) -> Option<&'n str> {
        self.long_text(place, MAX_TEXT)
    }

    /// The same, of at most `cap` bytes.
    pub(super) fn long_text<'n>(&mut self, place: &Place<'n>, cap: usize) -> Option<&'n str> {
        match &place.node.kind {
            Kind::Text(text) if text.trim().is_empty() => {
                self.refuse("policy-empty", place, "a text", "an empty one");
                None
            }
            Kind::Text(text) if text.len() > cap => {
                let (expected, found) = (format!("at most {cap} bytes"), format!("{} bytes", text.len()));
                self.refuse("policy-too-large", place, &expected, found);
                None
            }
            Kind::Text(text) => Some(text),
            Kind::Bool(_) | Kind::Number(_) => self.wrong(place, "a text; put it in quotes"),
            _ => self.wrong(place, "a text"),
        }
    }

    /// A text under a key that must be there.
    pub(super) fn need_text<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        let place = self.need(fields, key)?;
        self.text(&place)
    }

    /// A text under a key that may be absent.
    pub(super) fn maybe_text<'n>(&mut self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        let place = fields.get(key)?;
        self.text(&place)
    }

    /// A name that other parts of the policy refer to.
    pub(super) fn id(&mut self, fields: &Fields<'_>) -> Option<String> {
        let place = self.need(fields, "id")?;
        let text = self.text(&place)?;
        if !is_name(text) {
            self.refuse("policy-name", &place, NAME, shown(text));
            return None;
        }
        Some(text.to_owned())
    }

    /// One of the words of a table.
    pub(super) fn word<T: Copy>(&mut self, place: &Place<'_>, table: &[(&str, T)]) -> Option<T> {
        let text = self.text(place)?;
        let found = table.iter().find(|row| row.0 == text).map(|row| row.1);
        if found.is_none() {
            let words: Vec<_> = table.iter().map(|row| row.0).collect();
            self.refuse("policy-value", place, &words.join(" or "), shown(text));
        }
        found
    }

    /// `true` and nothing else: what is not wanted is left out.
    pub(super) fn only_true(&mut self, place: &Place<'_>) -> bool {
        let yes = place.node.kind == Kind::Bool(true);
        if !yes {
            self.refuse("policy-value", place, "true; leave the key out otherwise", place.node.words());
        }
        yes
    }

    /// A whole number of at least one.
    pub(super) fn count(&mut self, place: &Place<'_>) -> Option<usize> {
        let number = match &place.node.kind {
            Kind::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
            _ => None,
        };
        if number.is_none_or(|number| number == 0) {
            return self.wrong(place, "a whole number of at least 1");
        }
        number
    }

    /// An RFC 3339 time, or a date, which is the start of that day in UTC: the earlier end.
    pub(super) fn time(&mut self, place: &Place<'_>) -> Option<Timestamp> {
        let text = self.text(place)?;
        let whole = text.parse::<Timestamp>();
        let time = whole.or_else(|_| match text.len() {
            10 => format!("{text}T00:00:00Z").parse(),
            _ => text.parse(),
        });
        if time.is_err() {
            self.refuse("policy-time", place, "a time such as 2027-01-31T00:00:00Z, or a date", shown(text));
        }
        time.ok()
    }

    /// A duration: a whole number of days, hours, minutes or seconds, such as `90d`.
    pub(super) fn duration(&mut self, place: &Place<'_>) -> Option<SignedDuration> {
        let text = self.text(place)?;
        let read = duration(text);
        if read.is_none() {
            self.refuse("policy-duration", place, "a duration such as 90d, 12h, 30m or 45s", shown(text));
        }
        read
    }
}

/// What a name is.
const NAME: &str = "a name of small letters, digits and single hyphens, at most 64";

fn is_name(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    text.len() <= 64 && text.split('-').all(part)
}

fn duration(text: &str) -> Option<SignedDuration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return None,
    };
    let number = number.parse::<i64>().ok()?;
    let total = number.checked_mul(seconds)?;
    (number > 0 && total <= MAX_DAYS * 86_400).then(|| SignedDuration::from_secs(total))
}

/// The known key that differs least, when it differs little: letters left out, put in or changed.
fn nearest<'k>(key: &str, known: &[&'k str]) -> Option<&'k str> {
    let flat = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let wanted = flat(key);
    let scored = known.iter().map(|one| (distance(&wanted, &flat(one)), *one)).min()?;
    (scored.0 <= 1.max(wanted.len() / 3)).then_some(scored.1)
}

/// Levenshtein's distance, over at most 64 bytes of each.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<u8>, Vec<u8>) = (one.bytes().take(64).collect(), other.bytes().take(64).collect());
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.iter().enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        let mut next = vec![left];
        for (b, above) in other.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(a != b)).min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_offered() {
        let known = ["predicateTypes", "verifiedBy", "quantifier", "freshness", "slsa", "claims", "cel"];
        for (key, near) in [
            ("predicateType", Some("predicateTypes")),
            ("predicate_types", Some("predicateTypes")),
            ("quantifer", Some("quantifier")),
            ("Freshness", Some("freshness")),
            ("celx", Some("cel")),
            ("whatever", None),
        ] {
            assert_eq!(nearest(key, &known), near, "{key}");
        }
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn durations_have_one_spelling() {
        assert_eq!(duration("90d"), Some(SignedDuration::from_hours(90 * 24)));
        assert_eq!(duration("45s"), Some(SignedDuration::from_secs(45)));
        for bad in ["", "d", "90", "0d", "-1d", "1w", "1.5h", "1h30m", "36501d", "99999999999999999999d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_are_plain() {
        assert!(is_name("release-workflow-2"));
        for bad in ["", "Release", "a_b", "a--b", "-a", "a.b", &"a".repeat(65)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
