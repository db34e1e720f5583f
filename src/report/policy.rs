//! What a policy file came to, check by check, as part of a report.

use std::io;
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::policy::document::model::Document;
use crate::policy::document::outcome;
use crate::policy::document::outcome::Outcome;
use crate::policy::document::outcome::Status;
use crate::report::Finding;
use crate::report::Source;
use crate::report::human::place;
use crate::report::rows::Rows;

/// The policy that a report is about, and what each artifact came to by it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PolicyReport {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the policy with everything that it rests on, lower-case hexadecimal.
    pub sha256: String,
    /// One for each artifact that could be read, in the order of the results.
    pub results: Vec<PolicyResult>,
}

/// What one artifact came to by a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct PolicyResult {
    /// The artifact, as the user named it.
    pub artifact: String,
    /// Each evidence, in the order of the policy.
    pub evidence: Vec<EvidenceResult>,
    /// Exceptions that are for this artifact.
    pub exceptions: Vec<ExceptionResult>,
}

/// What one evidence came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct EvidenceResult {
    /// Its name.
    pub name: String,
    /// `any`, `all` or `latest`.
    pub quantifier: &'static str,
    /// `pass`, `fail`, `error` or `skipped`.
    pub status: &'static str,
    /// The exception that lets it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// What is wrong with it beyond single attestations.
    pub findings: Vec<Finding>,
    /// The attestations that satisfy it.
    pub satisfied_by: Vec<Source>,
    /// Every attestation of its types that one of its verifiers believes.
    pub candidates: Vec<CandidateResult>,
}

/// What one attestation came to as one evidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CandidateResult {
    /// Where it was read.
    pub source: Source,
    /// The verifier of the policy that vouches for it.
    pub verifier: String,
    /// `pass`, `fail` or `error`; `not-applicable` when its signer is none of those that count.
    pub status: &'static str,
    /// Whether an entry of a transparency log was verified.
    pub logged: bool,
    /// Each check.
    pub checks: Vec<CheckResult>,
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CheckResult {
    /// Its name in the policy.
    pub id: String,
    /// `pass`, `fail`, `error` or `skipped`.
    pub status: &'static str,
    /// The exception that lets it pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exception: Option<String>,
    /// Why it does not hold.
    pub findings: Vec<Finding>,
    /// What the policy says to do then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<String>,
}

/// An exception that is for an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ExceptionResult {
    /// Its id.
    pub id: String,
    /// Why it was granted.
    pub reason: String,
    /// Until when it counts.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub expires: Timestamp,
    /// Whether it counts still.
    pub in_force: bool,
}

impl PolicyReport {
    /// A report on what artifacts came to by a policy.
    pub fn new(document: &Document, results: Vec<PolicyResult>) -> Self {
        let metadata = &document.metadata;
        let (name, version) = (metadata.name.clone(), metadata.version.clone());
        Self { name, version, sha256: document.digest.clone(), results }
    }
}

impl PolicyResult {
    /// The view of an outcome; `sources` says where each candidate was read.
    pub fn of(artifact: &str, outcome: &Outcome, sources: &[Source]) -> Self {
        let source = |index: &usize| sources.get(*index).cloned();
        let evidence = |one: &outcome::EvidenceOutcome| EvidenceResult {
            name: one.name.clone(),
            quantifier: one.quantifier.word(),
            status: one.status.word(),
            exception: exception(&one.status),
            findings: one.findings.iter().map(Finding::from).collect(),
            satisfied_by: one.satisfied_by.iter().filter_map(source).collect(),
            candidates: one
                .candidates
                .iter()
                .filter_map(|candidate| Some(CandidateResult::of(candidate, source(&candidate.candidate)?)))
                .collect(),
        };
        let used = |one: &outcome::ExceptionUse| ExceptionResult {
            id: one.id.clone(),
            reason: one.reason.clone(),
            expires: one.expires,
            in_force: one.in_force,
        };
        Self {
            artifact: artifact.to_owned(),
            evidence: outcome.evidence.iter().map(evidence).collect(),
            exceptions: outcome.exceptions.iter().map(used).collect(),
        }
    }
}

impl CandidateResult {
    fn of(candidate: &outcome::CandidateOutcome, source: Source) -> Self {
        let check = |one: &outcome::CheckOutcome| CheckResult {
            id: one.id.clone(),
            status: one.status.word(),
            exception: exception(&one.status),
            findings: one.findings.iter().map(Finding::from).collect(),
            guidance: one.guidance.clone(),
        };
        Self {
            source,
            verifier: candidate.verifier.clone(),
            status: candidate.status.word(),
            logged: candidate.logged,
            checks: candidate.checks.iter().map(check).collect(),
        }
    }
}

fn exception(status: &Status) -> Option<String> {
    match status {
        Status::Skipped(id) => Some(id.clone()),
        _ => None,
    }
}

/// Writes which policy it was and what one artifact came to by it: each evidence with the attestations that satisfy it.
pub(super) fn write(report: &PolicyReport, artifact: &str, out: &mut dyn Write) -> io::Result<()> {
    let Some(result) = report.results.iter().find(|result| result.artifact == artifact) else { return Ok(()) };
    let mut rows = Rows::default();
    let short = report.sha256.get(..12).unwrap_or_default();
    rows.push("policy", format!("{}, version {}, sha256:{short}…", report.name, report.version), "");
    for evidence in &result.evidence {
        let by: Vec<_> = evidence.satisfied_by.iter().map(place).collect();
        let how = match (&evidence.exception, by.as_slice()) {
            (Some(id), _) => format!("by the exception {id}"),
            (None, []) => format!("{} of {}", evidence.quantifier, evidence.candidates.len()),
            (None, _) => format!("{}, by {}", evidence.quantifier, by.join(", ")),
        };
        rows.push("evidence", format!("{}: {}", evidence.name, evidence.status), how);
        let satisfying = evidence.candidates.iter().filter(|one| evidence.satisfied_by.contains(&one.source));
        for candidate in satisfying.filter(|candidate| !candidate.logged) {
            rows.push("", format!("{} is in no transparency log", place(&candidate.source)), "");
        }
        let checks = evidence.candidates.iter().flat_map(|candidate| &candidate.checks);
        for guidance in checks.filter_map(|check| Some((&check.id, check.guidance.as_ref()?))) {
            rows.push("", format!("{}: {}", guidance.0, guidance.1), "");
        }
    }
    for exception in &result.exceptions {
        let state = if exception.in_force { "until" } else { "expired at" };
        rows.push("exception", format!("{} {state} {}", exception.id, exception.expires), exception.reason.clone());
    }
    rows.write(out)
}
