//! A report as JSON Lines: one line for each result, and a last one that counts them.

use std::collections::BTreeMap;
use std::io;
use std::io::Write;

use serde::Serialize;

use crate::report::ArtifactResult;
use crate::report::Notice;
use crate::report::Report;
use crate::report::Verdict;
#[cfg(feature = "policy-file")]
use crate::report::policy::PolicyResult;

/// What lines came to so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Lines.
    pub images: usize,
    /// Allowed.
    pub allowed: usize,
    /// Denied.
    pub denied: usize,
    /// Undecided.
    pub undecided: usize,
    /// How many of those that are not allowed have each code.
    pub codes: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// Counts the results of a report.
    pub fn add(&mut self, report: &Report) {
        for result in &report.results {
            self.images += 1;
            match result.verdict {
                Verdict::Allowed => self.allowed += 1,
                Verdict::Denied => self.denied += 1,
                Verdict::Undecided => self.undecided += 1,
            }
            result.codes().into_iter().for_each(|code| *self.codes.entry(code).or_insert(0) += 1);
        }
    }

    /// The verdict on all together, as [`Report::new`] has it.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self { denied: 1.., .. } => Verdict::Denied,
            Self { undecided: 1.., .. } | Self { images: 0, .. } => Verdict::Undecided,
            _ => Verdict::Allowed,
        }
    }
}

/// What such lines are, by their schema.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/lines-v1.json";

/// A line.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Line<'a> {
    /// What one image or artifact came to.
    Result(Box<Judged<'a>>),
    /// The last line, without which the lines are not complete.
    Summary(Last<'a>),
}

/// What one image or artifact came to: a result of the report, with what stands beside results there.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Judged<'a> {
    #[serde(flatten)]
    result: &'a ArtifactResult,
    /// What else should be known.
    notices: &'a [Notice],
    /// What it came to by a policy file; absent where flags decided.
    #[cfg(feature = "policy-file")]
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'a PolicyResult>,
}

/// The last line.
#[derive(Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Last<'a> {
    /// What the lines come to.
    summary: &'a Tally,
}

/// Writes one line for each result of a report, with its notices.
///
/// # Errors
/// Those of `out`.
pub fn results(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for result in &report.results {
        #[cfg(feature = "policy-file")]
        let policy = report.policy.iter().flat_map(|policy| &policy.results);
        let line = Judged {
            result,
            notices: &report.notices,
            #[cfg(feature = "policy-file")]
            policy: policy.into_iter().find(|one| one.artifact == result.artifact.name),
        };
        serde_json::to_writer(&mut *out, &Line::Result(Box::new(line)))?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Writes the last line.
///
/// # Errors
/// Those of `out`.
pub fn summary(tally: &Tally, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Line::Summary(Last { summary: tally }))?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::Finding;
    use crate::report::ReportedArtifact;

    fn report(verdict: Verdict, codes: &[&'static str]) -> Report {
        let findings = codes.iter().map(|code| Finding::new(code, "x\ny")).collect();
        let (artifact, candidates, not_checked) = (ReportedArtifact::unread("a\nb"), Vec::new(), Vec::new());
        let result = ArtifactResult { artifact, verdict, findings, candidates, signers: None, not_checked };
        Report::new(Timestamp::UNIX_EPOCH, vec![result], Vec::new())
    }

    #[test]
    fn a_line_is_a_line_and_the_last_one_counts() {
        let reports = [
            report(Verdict::Allowed, &["passed-over"]),
            report(Verdict::Denied, &["one", "two", "one"]),
            report(Verdict::Undecided, &["one"]),
        ];
        let (mut tally, mut out) = (Tally::default(), Vec::new());
        for report in &reports {
            tally.add(report);
            results(report, &mut out).unwrap();
        }
        summary(&tally, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[1]["artifact"]["name"], "a\nb");
        assert_eq!(lines[1]["verdict"], "denied");
        let last = r#"{"summary":{"images":3,"allowed":1,"denied":1,"undecided":1,"codes":{"one":2,"two":1}}}"#;
        assert_eq!(text.lines().last(), Some(last));
        assert_eq!(tally.verdict(), Verdict::Denied);
        assert_eq!(Tally::default().verdict(), Verdict::Undecided);
        let merged = Report::merged(Timestamp::UNIX_EPOCH, reports.to_vec());
        assert_eq!((merged.verdict, merged.results.len()), (tally.verdict(), 3));
        assert_eq!(merged.codes(), tally.codes);
    }
}
