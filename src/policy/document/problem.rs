//! What is wrong with a policy file: every problem at once, each with its place.

use std::fmt;

use serde::Serialize;

use crate::policy::PolicyError;
use crate::policy::document::node::Position;

/// Most problems that are listed for one file; further ones are counted under the last.
pub const MAX_PROBLEMS: usize = 100;

/// Every code of a [`Problem`] that is not a [`PolicyError`]'s.
pub const CODES: &[&str] = &[
    "policy-too-large",
    "policy-syntax",
    "policy-duplicate-key",
    "policy-alias",
    "policy-tag",
    "policy-documents",
    "policy-key-not-text",
    "policy-too-deep",
    "policy-too-many",
    "policy-ambiguous-value",
    "policy-api-version",
    "policy-unknown-key",
    "policy-key-missing",
    "policy-key-conflict",
    "policy-wrong-type",
    "policy-value",
    "policy-empty",
    "policy-name",
    "policy-duplicate-id",
    "policy-unknown-name",
    "policy-time",
    "policy-duration",
    "policy-path",
    "policy-digest",
    "policy-cel",
    "policy-cel-limit",
    "policy-file",
    "policy-file-pin",
    "policy-trust",
];

/// One thing that is wrong with a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The stable name of the problem.
    pub code: &'static str,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Where in the tree: a JSON pointer (RFC 6901).
    pub path: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl Problem {
    /// A problem at a place.
    pub fn new(
        code: &'static str,
        at: Position,
        path: &str,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let Position { line, column } = at;
        Self { code, line, column, path: path.to_owned(), expected: expected.into(), found: found.into() }
    }

    /// An expectation that cannot be one, at a place.
    pub(super) fn of(error: &PolicyError, at: Position, path: &str) -> Self {
        let text = error.to_string();
        let plain = text.strip_prefix("expected ").unwrap_or(&text);
        let (expected, found) = plain.split_once(", found ").unwrap_or((plain, "something else"));
        // The compiler of expressions draws a picture of several lines; its last says what is wrong.
        let found = match error {
            PolicyError::Regex { found, reason } => {
                format!("{found:?}: {}", reason.lines().last().unwrap_or_default())
            }
            _ => found.to_owned(),
        };
        Self::new(error.code(), at, path, expected, found)
    }

    /// Where it stands.
    pub fn position(&self) -> Position {
        Position { line: self.line, column: self.column }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, path, expected, found, .. } = self;
        let path = if path.is_empty() { "the whole file" } else { path };
        write!(f, "{line}:{column}: {path}: expected {expected}, found {found}")
    }
}

/// A file that is no policy: everything that is wrong with it, in the order of the file; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a policy file, found {} problems; the first: {}", .0.len(), .0.first().map(Problem::to_string).unwrap_or_default())]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// These and others, as one list.
    pub fn and(self, others: Self) -> Self {
        Self::sorted([self.0, others.0].concat())
    }

    /// What was collected, sorted by place and cut at [`MAX_PROBLEMS`].
    pub(super) fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(Problem::position);
        if problems.len() > MAX_PROBLEMS {
            let more = problems.len() - MAX_PROBLEMS;
            problems.truncate(MAX_PROBLEMS);
            if let Some(last) = problems.last_mut() {
                last.found = format!("{} (and {more} more problems below)", last.found);
            }
        }
        Self(problems)
    }
}
