//! What real provenance has that the specification has not, each by its stable name; `docs/migration.md` describes them.

use serde_json::Value;

/// Most deviations of one statement that are listed; the rest is counted.
pub const MAX_DEVIATIONS: usize = 1_000;

/// Longest text of a value in a deviation, in characters.
const MAX_SHOWN: usize = 200;

/// A way in which real provenance is not what the specification of v1 says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are described in docs/migration.md")]
pub enum Quirk {
    BuildConfig,
    BuildTypeTwin,
    BuilderIdEmpty,
    ByproductEmpty,
    CommitAsSha256,
    Completeness,
    ConfigSource,
    DigestCase,
    DigestSri,
    EventName,
    GitDigestKey,
    InvocationIdSpelling,
    OciPrefix,
    ParametersNotObject,
    ParametersCollide,
    PayloadUrlSafe,
    PredicateType,
    Reproducible,
    SnakeCase,
    SourceUriSpelling,
    StatementType,
    TimestampShape,
    TriggerUri,
    Unsigned,
}

/// Every quirk with its name.
pub const QUIRKS: &[(Quirk, &str)] = &[
    (Quirk::BuildConfig, "build-config-moved"),
    (Quirk::BuildTypeTwin, "build-type-twin"),
    (Quirk::BuilderIdEmpty, "builder-id-empty"),
    (Quirk::ByproductEmpty, "byproduct-empty"),
    (Quirk::CommitAsSha256, "commit-as-sha256"),
    (Quirk::Completeness, "completeness-dropped"),
    (Quirk::ConfigSource, "config-source-moved"),
    (Quirk::DigestCase, "digest-upper-case"),
    (Quirk::DigestSri, "digest-sri"),
    (Quirk::EventName, "event-name-camel-case"),
    (Quirk::GitDigestKey, "git-digest-key"),
    (Quirk::InvocationIdSpelling, "invocation-id-spelling"),
    (Quirk::OciPrefix, "oci-prefix"),
    (Quirk::ParametersNotObject, "parameters-not-object"),
    (Quirk::ParametersCollide, "parameters-collide"),
    (Quirk::PayloadUrlSafe, "payload-url-safe"),
    (Quirk::PredicateType, "predicate-type-spelling"),
    (Quirk::Reproducible, "reproducible-dropped"),
    (Quirk::SnakeCase, "snake-case-field"),
    (Quirk::SourceUriSpelling, "source-uri-spelling"),
    (Quirk::StatementType, "statement-type-mixed"),
    (Quirk::TimestampShape, "timestamp-shape"),
    (Quirk::TriggerUri, "trigger-uri-empty-part"),
    (Quirk::Unsigned, "unsigned"),
];

impl Quirk {
    /// The stable name.
    pub fn name(self) -> &'static str {
        QUIRKS.iter().find(|(quirk, _)| *quirk == self).map_or("unknown", |(_, name)| name)
    }
}

/// One place where a statement is not what v1 says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// Which way.
    pub quirk: Quirk,
    /// JSON pointer (RFC 6901) into the Statement as it was written.
    pub pointer: String,
    /// What stood there, cut short.
    pub found: String,
    /// What stands in the conversion instead; None where it was left or dropped.
    pub became: Option<String>,
}

impl Deviation {
    /// A deviation of the whole file.
    pub fn of_file(quirk: Quirk, found: &str) -> Self {
        Self { quirk, pointer: String::new(), found: found.to_owned(), became: None }
    }
}

/// The deviations met so far.
#[derive(Debug, Default)]
pub(super) struct Notes {
    listed: Vec<Deviation>,
    total: usize,
}

impl Notes {
    /// Something became something else.
    pub(super) fn changed(&mut self, quirk: Quirk, pointer: &str, found: &str, became: &str) {
        self.push(quirk, pointer, found, Some(short(became)));
    }

    /// Something was dropped, or was left as it is.
    pub(super) fn left(&mut self, quirk: Quirk, pointer: &str, found: &Value) {
        let found = found.as_str().map_or_else(|| found.to_string(), str::to_owned);
        self.push(quirk, pointer, &found, None);
    }

    fn push(&mut self, quirk: Quirk, pointer: &str, found: &str, became: Option<String>) {
        self.total += 1;
        if self.listed.len() < MAX_DEVIATIONS {
            self.listed.push(Deviation { quirk, pointer: pointer.to_owned(), found: short(found), became });
        }
    }

    pub(super) fn into_parts(self) -> (Vec<Deviation>, usize) {
        (self.listed, self.total)
    }
}

fn short(text: &str) -> String {
    let cut: String = text.chars().take(MAX_SHOWN).collect();
    if cut.len() == text.len() { cut } else { format!("{cut}…") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both directions: what is on the page exists, and what exists is on the page.
    #[test]
    fn the_page_lists_every_deviation() {
        let page = include_str!("../../../docs/migration.md");
        let listed = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let mut listed: Vec<&str> = listed.map(|(name, _)| name).collect();
        let mut known: Vec<&str> = QUIRKS.iter().map(|(_, name)| *name).collect();
        listed.sort_unstable();
        known.sort_unstable();
        assert_eq!(listed, known);
    }
}
