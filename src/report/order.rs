//! Which of the attestations that were not accepted came closest, so that a reader sees that one first.

use crate::report::ArtifactResult;
use crate::report::Candidate;
use crate::report::Finding;
use crate::report::Outcome;

/// Steps of verification, the last one first.
const STEPS: &[&str] = &["identity", "statement", "log", "signature", "sct", "certificate", "time", "shape"];
/// It is about another artifact.
const ELSEWHERE: &str = "subject-mismatch";

/// Every candidate of an artifact that was not accepted, the closest first, otherwise in the order in which they were
/// read.
pub(super) fn closest_first(result: &ArtifactResult) -> Vec<&Candidate> {
    let mut rejected: Vec<_> = result.candidates.iter().filter(|one| one.outcome != Outcome::Accepted).collect();
    rejected.sort_by_key(|one| distance(one, &result.artifact.name));
    rejected
}

/// Whether an attestation about other digests names a file like the artifact. A name decides nothing; it is a hint that
/// the artifact was changed or built again.
pub fn names_alike(finding: &Finding, artifact: &str) -> bool {
    let base = artifact.rsplit('/').next().unwrap_or(artifact);
    let found = finding.found.as_deref().unwrap_or_default();
    finding.code == ELSEWHERE && [format!("({base})"), format!("/{base})")].iter().any(|name| found.contains(name))
}

/// Whether all that is wrong with a candidate is that it is about another artifact.
pub(super) fn elsewhere(candidate: &Candidate) -> bool {
    candidate.findings.iter().all(|finding| finding.code == ELSEWHERE)
}

/// How far a candidate is from being accepted. What could not be read might have been the one, so it comes first. Then
/// come those that are about the artifact, the fewer unmet expectations the closer; then those that were refused earlier,
/// the later the closer; then those about other artifacts, since nothing but a digest ties them to this one.
fn distance(candidate: &Candidate, artifact: &str) -> (u8, usize) {
    let first = candidate.findings.first();
    match (candidate.outcome, first.and_then(|finding| finding.step)) {
        (Outcome::Unreadable, _) => (0, 0),
        (_, Some("policy")) => (1, candidate.findings.len()),
        (_, Some("binding")) if !elsewhere(candidate) => (2, 0),
        (_, Some("binding")) if first.is_some_and(|finding| names_alike(finding, artifact)) => (3, 0),
        (_, Some("binding")) => (5, 0),
        (_, step) => (4, STEPS.iter().position(|one| Some(*one) == step).unwrap_or(STEPS.len())),
    }
}
