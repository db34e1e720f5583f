//! What became of policy files themselves: their problems, their lints, their cases.

use std::io;
use std::io::Write;

use serde::Serialize;

use crate::policy::document::lint::Level;
use crate::policy::document::lint::Lint;
use crate::policy::document::model::Document;
use crate::policy::document::problem::Problem;
use crate::report::Tool;
use crate::report::Verdict;
use crate::report::plain;

/// What a report of `policy check` and `policy lint` says it is.
pub const CHECK_SCHEMA: &str = "https://sealmark.dev/schemas/policy-check-v1.json";
/// What a report of `policy test` says it is.
pub const TEST_SCHEMA: &str = "https://sealmark.dev/schemas/policy-test-v1.json";

/// What became of policy files that were read.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// [`CHECK_SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// One for each file.
    pub files: Vec<CheckedFile>,
}

/// What became of one policy file.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckedFile {
    /// The file, as the user named it.
    pub file: String,
    /// What it is; absent when it is no policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Everything that is wrong with it.
    pub problems: Vec<Problem>,
    /// Dangerous shapes in it; only of `policy lint`.
    pub lints: Vec<Lint>,
}

/// What a policy is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PolicyName {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the policy with everything that it rests on, lower-case hexadecimal.
    pub sha256: String,
}

impl PolicyName {
    /// What a policy is called.
    pub fn of(document: &Document) -> Self {
        let metadata = &document.metadata;
        Self { name: metadata.name.clone(), version: metadata.version.clone(), sha256: document.digest.clone() }
    }
}

impl CheckReport {
    /// A report on these files.
    pub fn new(files: Vec<CheckedFile>) -> Self {
        Self { schema: CHECK_SCHEMA, tool: Tool::THIS, files }
    }

    /// Whether some file is no policy.
    pub fn has_problems(&self) -> bool {
        self.files.iter().any(|file| !file.problems.is_empty())
    }

    /// Whether some lint is an error.
    pub fn has_errors(&self) -> bool {
        self.files.iter().flat_map(|file| &file.lints).any(|lint| lint.level == Level::Error)
    }

    /// Writes each file with everything that was found in it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            head(&file.file, file.policy.as_ref(), &file.problems, out)?;
            for lint in &file.lints {
                let (line, column, level) = (lint.line, lint.column, lint.level.word());
                writeln!(out, "  {line}:{column}   {level}   {}", lint.code)?;
                writeln!(out, "    {}", plain(&lint.message))?;
            }
        }
        Ok(())
    }
}

/// The first line on a file, and its problems.
fn head(file: &str, policy: Option<&PolicyName>, problems: &[Problem], out: &mut dyn Write) -> io::Result<()> {
    let file = plain(file);
    match (policy, problems.len()) {
        (Some(policy), 0) => {
            let (name, version) = (plain(&policy.name), plain(&policy.version));
            writeln!(out, "read     {file}   {name}, version {version}, sha256:{}", policy.sha256)?;
        }
        (_, 1) => writeln!(out, "refused  {file}   1 problem")?,
        (_, many) => writeln!(out, "refused  {file}   {many} problems")?,
    }
    for problem in problems {
        let path = if problem.path.is_empty() { "the whole file" } else { &problem.path };
        writeln!(out, "  {}:{}   {}   {}", problem.line, problem.column, problem.code, plain(path))?;
        writeln!(out, "    expected  {}", plain(&problem.expected))?;
        writeln!(out, "    found     {}", plain(&problem.found))?;
    }
    Ok(())
}

/// What became of the cases of policies.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestReport {
    /// [`TEST_SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// Cases that came out as they must.
    pub passed: usize,
    /// Cases that did not.
    pub failed: usize,
    /// One for each policy.
    pub files: Vec<TestedFile>,
}

/// What became of the cases of one policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestedFile {
    /// The file of the cases, or of the policy when that is no policy.
    pub file: String,
    /// What the policy is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyName>,
    /// Everything that is wrong with that file; then no case was run.
    pub problems: Vec<Problem>,
    /// Each case.
    pub cases: Vec<TestedCase>,
}

/// What became of one case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TestedCase {
    /// Its name.
    pub name: String,
    /// Line of the file, from 1.
    pub line: usize,
    /// Whether it came out as it must.
    pub passed: bool,
    /// What must come out.
    pub expected: CaseEnd,
    /// What came out.
    pub found: CaseEnd,
}

/// How a case ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CaseEnd {
    /// The verdict.
    pub verdict: Verdict,
    /// The codes of what does not hold; empty when allowed.
    pub codes: Vec<String>,
}

impl CaseEnd {
    fn words(&self) -> String {
        match self.codes.as_slice() {
            [] => self.verdict.word().to_owned(),
            codes => format!("{} with {}", self.verdict.word(), codes.join(", ")),
        }
    }
}

impl TestReport {
    /// A report on these policies.
    pub fn new(files: Vec<TestedFile>) -> Self {
        let count = |passed| files.iter().flat_map(|file| &file.cases).filter(|case| case.passed == passed).count();
        Self { schema: TEST_SCHEMA, tool: Tool::THIS, passed: count(true), failed: count(false), files }
    }

    /// Whether some file is no policy or no file of cases.
    pub fn has_problems(&self) -> bool {
        self.files.iter().any(|file| !file.problems.is_empty())
    }

    /// Writes each case, and how many of them passed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for file in &self.files {
            head(&file.file, file.policy.as_ref(), &file.problems, out)?;
            for case in &file.cases {
                let word = if case.passed { "passed" } else { "failed" };
                writeln!(out, "  {word}   {}   {}", plain(&case.name), plain(&case.found.words()))?;
                if !case.passed {
                    writeln!(out, "    expected  {}", plain(&case.expected.words()))?;
                    writeln!(out, "    found     {}", plain(&case.found.words()))?;
                }
            }
        }
        writeln!(out, "{} passed, {} failed", self.passed, self.failed)
    }
}
