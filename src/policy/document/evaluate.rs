//! A policy, the verified attestations about one artifact and a time, to an outcome.

use jiff::Timestamp;

use crate::formats::artifact::Artifact;
use crate::policy::Finding;
use crate::policy::document::checks;
use crate::policy::document::model::ArtifactPattern;
use crate::policy::document::model::Document;
use crate::policy::document::model::Evidence;
use crate::policy::document::model::Exception;
use crate::policy::document::model::Quantifier;
use crate::policy::document::model::Requirement;
use crate::policy::document::outcome::CandidateOutcome;
use crate::policy::document::outcome::Decision;
use crate::policy::document::outcome::EvidenceOutcome;
use crate::policy::document::outcome::ExceptionUse;
use crate::policy::document::outcome::Outcome;
use crate::policy::document::outcome::Status;
use crate::verify::VerifiedAttestation;

/// Codes of evidence as a whole.
pub(super) const CODES: &[&str] = &["evidence-missing", "evidence-order-unknown", "evidence-incomplete"];

/// One attestation about the artifact, as each verifier of the policy sees it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// By the index of the verifier: the attestation when that verifier believes it.
    pub under: Vec<Option<VerifiedAttestation>>,
}

/// Whether every attestation that was found could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completeness {
    /// All of them.
    Complete,
    /// Some could not: there may be others than the candidates.
    Unreadable,
}

/// Decides about one artifact. Pure: the same arguments give the same outcome.
///
/// Each attestation is judged by itself, for each evidence, under the first verifier of that evidence that believes it
/// and names its signer; facts of two attestations are never joined. Whatever cannot be judged does not hold.
pub fn evaluate(
    document: &Document,
    artifact: &Artifact,
    candidates: &[Candidate],
    completeness: Completeness,
    now: Timestamp,
) -> Outcome {
    let exceptions: Vec<&Exception> =
        document.exceptions.iter().filter(|exception| is_for(exception, artifact)).collect();
    let in_force: Vec<&Exception> = exceptions.iter().copied().filter(|exception| exception.expires > now).collect();
    let evidence: Vec<EvidenceOutcome> = document
        .evidence
        .iter()
        .enumerate()
        .map(|(index, evidence)| judge(document, index, evidence, candidates, completeness, &in_force, now))
        .collect();
    let mut findings = Vec::new();
    let mut decision = fold(&document.require, &evidence);
    if let Some(expires) = document.metadata.expires.filter(|expires| *expires <= now) {
        let (expected, found) = ("a policy that is in force".to_owned(), format!("one that expired at {expires}"));
        findings.push(Finding { code: "policy-expired", expected, found, backing: None });
        decision = Decision::Denied;
    }
    let used = |exception: &&Exception| ExceptionUse {
        id: exception.id.clone(),
        reason: exception.reason.clone(),
        expires: exception.expires,
        in_force: exception.expires > now,
    };
    Outcome { decision, findings, evidence, exceptions: exceptions.iter().map(used).collect() }
}

fn is_for(exception: &Exception, artifact: &Artifact) -> bool {
    exception.artifacts.iter().any(|pattern| match pattern {
        ArtifactPattern::Digest(digest) => artifact.digests().contains(digest),
        ArtifactPattern::Name { expression, .. } => expression.matches(artifact.name()),
    })
}

/// The id of the exception that lets a check pass, or the whole evidence when `check` is None.
fn skipped(exceptions: &[&Exception], evidence: usize, check: Option<&str>) -> Option<String> {
    let covers = |exception: &&&Exception| {
        exception.skip.iter().any(|skip| skip.evidence == evidence && skip.check.as_deref() == check)
    };
    exceptions.iter().find(covers).map(|exception| exception.id.clone())
}

fn judge(
    document: &Document,
    index: usize,
    evidence: &Evidence,
    candidates: &[Candidate],
    completeness: Completeness,
    exceptions: &[&Exception],
    now: Timestamp,
) -> EvidenceOutcome {
    let skip = |check: &str| skipped(exceptions, index, Some(check));
    let judged: Vec<(CandidateOutcome, Option<Timestamp>)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(n, candidate)| checks::candidate(document, evidence, n, candidate, &skip, now))
        .collect();
    let counted: Vec<&(CandidateOutcome, Option<Timestamp>)> =
        judged.iter().filter(|(candidate, _)| candidate.status != Status::NotApplicable).collect();
    let (mut status, mut findings, mut satisfied_by) = quantified(evidence.quantifier, &counted);
    let mut undecided = false;
    // One more attestation can make `any` hold and can make `all` and `latest` fail.
    let settled = match evidence.quantifier {
        Quantifier::Any => status.holds(),
        Quantifier::All => status == Status::Fail && !counted.is_empty(),
        Quantifier::Latest => false,
    };
    if completeness == Completeness::Unreadable && !settled {
        let (expected, found) = ("every attestation that was found to be read".to_owned(), "some unread".to_owned());
        findings.push(Finding { code: "evidence-incomplete", expected, found, backing: None });
        (status, undecided, satisfied_by) = (Status::Error, true, Vec::new());
    }
    if let Some(exception) = skipped(exceptions, index, None) {
        (status, undecided) = (Status::Skipped(exception), false);
    }
    let candidates = judged.into_iter().map(|(candidate, _)| candidate).collect();
    let (name, quantifier) = (evidence.name.clone(), evidence.quantifier);
    let required = document.require.evidence().contains(&index);
    EvidenceOutcome { name, quantifier, required, status, undecided, findings, satisfied_by, candidates }
}

/// What the attestations that count come to together, and which of them satisfy the evidence.
fn quantified(
    quantifier: Quantifier,
    counted: &[&(CandidateOutcome, Option<Timestamp>)],
) -> (Status, Vec<Finding>, Vec<usize>) {
    let finding = |code, expected: &str, found: String| {
        vec![Finding { code, expected: expected.to_owned(), found, backing: None }]
    };
    if counted.is_empty() {
        let expected = "an attestation of its predicate types by its verifiers";
        return (Status::Fail, finding("evidence-missing", expected, "none".to_owned()), Vec::new());
    }
    let all = counted.iter().map(|(candidate, _)| candidate);
    let looked_at: Vec<&CandidateOutcome> = match quantifier {
        Quantifier::Any | Quantifier::All => all.collect(),
        Quantifier::Latest => {
            // An attestation that could have been signed at any time could be the latest one.
            let unknown = counted.iter().filter(|(_, time)| time.is_none()).count();
            if unknown > 0 {
                let found = format!("{unknown} without one");
                let expected = "a proven signing time of each attestation";
                return (Status::Error, finding("evidence-order-unknown", expected, found), Vec::new());
            }
            let latest = counted.iter().filter_map(|(_, time)| *time).max();
            counted.iter().filter(|(_, time)| *time == latest).map(|(candidate, _)| candidate).collect()
        }
    };
    let passing = looked_at.iter().filter(|candidate| candidate.status.holds()).map(|candidate| candidate.candidate);
    let passing: Vec<usize> = passing.collect();
    let status = match quantifier {
        Quantifier::Any if !passing.is_empty() => Status::Pass,
        Quantifier::Any if looked_at.iter().any(|candidate| candidate.status == Status::Error) => Status::Error,
        Quantifier::Any => Status::Fail,
        Quantifier::All | Quantifier::Latest => Status::worst(looked_at.iter().map(|candidate| &candidate.status)),
    };
    let satisfied_by = if status.holds() { passing } else { Vec::new() };
    (status, Vec::new(), satisfied_by)
}

/// Kleene's logic: what is unknown decides only where nothing else does.
fn fold(require: &Requirement, evidence: &[EvidenceOutcome]) -> Decision {
    let count = |of: &[Requirement]| {
        let all: Vec<Decision> = of.iter().map(|one| fold(one, evidence)).collect();
        let count = |decision| all.iter().filter(|one| **one == decision).count();
        (count(Decision::Allowed), count(Decision::Undecided), all.len())
    };
    let at_least = |wanted: usize, of: &[Requirement]| match count(of) {
        (held, _, _) if held >= wanted => Decision::Allowed,
        (held, unknown, _) if held + unknown >= wanted => Decision::Undecided,
        _ => Decision::Denied,
    };
    match require {
        Requirement::Evidence(index) => match evidence.get(*index) {
            Some(outcome) if outcome.status.holds() => Decision::Allowed,
            Some(outcome) if outcome.undecided => Decision::Undecided,
            _ => Decision::Denied,
        },
        Requirement::AllOf(of) => at_least(of.len().max(1), of),
        Requirement::AnyOf(of) => at_least(1, of),
        Requirement::AtLeast(wanted, of) => at_least((*wanted).max(1), of),
    }
}
