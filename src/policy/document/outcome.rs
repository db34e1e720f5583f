//! What a policy came to for one artifact, check by check.

use jiff::Timestamp;

use crate::policy::Finding;
use crate::policy::document::model::Quantifier;

/// What an artifact came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The requirement holds.
    Allowed,
    /// It does not.
    Denied,
    /// It would depend on what could not be read.
    Undecided,
}

/// What one artifact came to, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The decision.
    pub decision: Decision,
    /// What is wrong with the policy itself at that time.
    pub findings: Vec<Finding>,
    /// Each evidence, in the order of the policy.
    pub evidence: Vec<EvidenceOutcome>,
    /// Exceptions that are for this artifact, in the order of the policy.
    pub exceptions: Vec<ExceptionUse>,
}

/// What one evidence came to.
#[derive(Debug, Clone, PartialEq)]
pub struct EvidenceOutcome {
    /// Its name.
    pub name: String,
    /// Its quantifier.
    pub quantifier: Quantifier,
    /// Whether the requirement names it; otherwise it decides nothing.
    pub required: bool,
    /// What it came to.
    pub status: Status,
    /// Whether what could not be read might have changed that.
    pub undecided: bool,
    /// What is wrong with it beyond single attestations: there is none, they have no order.
    pub findings: Vec<Finding>,
    /// The attestations that satisfy it; empty unless it holds.
    pub satisfied_by: Vec<usize>,
    /// Every attestation of its predicate types that some verifier of it believed.
    pub candidates: Vec<CandidateOutcome>,
}

/// What one attestation came to as one evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateOutcome {
    /// Which, by its index.
    pub candidate: usize,
    /// Who vouches for it: the name of the verifier.
    pub verifier: String,
    /// What it came to; [`Status::NotApplicable`] when its signer is none of those that count.
    pub status: Status,
    /// Whether it is believed without an entry of a transparency log.
    pub logged: bool,
    /// Each check.
    pub checks: Vec<CheckOutcome>,
}

/// What one check came to.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckOutcome {
    /// Its name: `signer`, `freshness`, `slsa`, or the id of a claim or condition.
    pub id: String,
    /// What it came to.
    pub status: Status,
    /// Why, when it did not hold.
    pub findings: Vec<Finding>,
    /// What the policy says to do then.
    pub guidance: Option<String>,
}

/// What a check, an attestation or an evidence came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be judged, which never counts as held.
    Error,
    /// It was not looked at, by the exception of this id.
    Skipped(String),
    /// It is not about this.
    NotApplicable,
}

impl Status {
    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
            Self::Skipped(_) => "skipped",
            Self::NotApplicable => "not-applicable",
        }
    }

    /// Whether it counts as held.
    pub fn holds(&self) -> bool {
        matches!(self, Self::Pass | Self::Skipped(_))
    }

    /// The worst of several: a failure, then an error; all else holds.
    pub(super) fn worst<'s>(all: impl Iterator<Item = &'s Self> + Clone) -> Self {
        match (all.clone().any(|one| *one == Self::Fail), all.clone().any(|one| !one.holds())) {
            (true, _) => Self::Fail,
            (false, true) => Self::Error,
            (false, false) => Self::Pass,
        }
    }
}

/// An exception that is for this artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExceptionUse {
    /// Its id.
    pub id: String,
    /// Why it was granted.
    pub reason: String,
    /// Until when it counts.
    pub expires: Timestamp,
    /// Whether it counts still.
    pub in_force: bool,
}

impl Outcome {
    /// The evidence that is required and does not hold.
    pub fn failed(&self) -> impl Iterator<Item = &EvidenceOutcome> {
        self.evidence.iter().filter(|evidence| evidence.required && !evidence.status.holds())
    }

    /// Every code of every finding of the required evidence that does not hold, sorted, each once.
    pub fn codes(&self) -> Vec<&'static str> {
        let of = |evidence: &EvidenceOutcome| -> Vec<&'static str> {
            let checks = evidence.candidates.iter().flat_map(|candidate| &candidate.checks);
            let checks = checks.filter(|check| !check.status.holds()).flat_map(|check| &check.findings);
            evidence.findings.iter().chain(checks).map(|finding| finding.code).collect()
        };
        let mut codes: Vec<_> = self.findings.iter().map(|finding| finding.code).collect();
        codes.extend(self.failed().flat_map(of));
        codes.sort_unstable();
        codes.dedup();
        codes
    }
}
