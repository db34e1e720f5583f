//! The checks of one attestation as one evidence, one function each.

use jiff::Timestamp;
use serde_json::Value;

use crate::builders::Backing;
use crate::builders::BuilderError;
use crate::formats::FormatError;
use crate::policy::Finding;
use crate::policy::Marks;
use crate::policy::Policy;
use crate::policy::Require;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::Verdict;
use crate::policy::document::condition::Judged;
use crate::policy::document::condition::Variables;
use crate::policy::document::evaluate::Candidate;
use crate::policy::document::model::CelRule;
use crate::policy::document::model::Document;
use crate::policy::document::model::Evidence;
use crate::policy::document::model::FreshFrom;
use crate::policy::document::model::Freshness;
use crate::policy::document::model::IdentityRule;
use crate::policy::document::model::Log;
use crate::policy::document::model::NamedVerifier;
use crate::policy::document::model::Signers;
use crate::policy::document::outcome::CandidateOutcome;
use crate::policy::document::outcome::CheckOutcome;
use crate::policy::document::outcome::Status;
use crate::policy::document::pointer::Pointer;
use crate::policy::document::read::FRESHNESS;
use crate::policy::document::read::SLSA;
use crate::policy::document::variables;
use crate::policy::judge;
use crate::verify::VerifiedAttestation;

/// Codes of the checks of a policy file.
pub(super) const CODES: &[&str] = &[
    "policy-expired",
    "extension-mismatch",
    "log-required",
    "freshness-exceeded",
    "freshness-future",
    "freshness-unknown",
    "cel-not-met",
    "cel-error",
    "cel-cost",
    "cel-data",
];

/// The check of the signer, which nothing skips but an exception for the whole evidence.
const SIGNER: &str = "signer";

/// What backs a field of a Statement.
const PREDICATE: Option<Backing> = Some(Backing::Predicate);

/// One attestation as one evidence, with its earliest proven time; None when it is of another predicate type, or none of
/// the evidence's verifiers believes it.
pub(super) fn candidate(
    document: &Document,
    evidence: &Evidence,
    index: usize,
    candidate: &Candidate,
    skip: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Option<(CandidateOutcome, Option<Timestamp>)> {
    let believed = evidence.verified_by.iter().filter_map(|n| {
        let attestation = candidate.under.get(*n)?.as_ref()?;
        Some((document.verifiers.get(*n)?, attestation))
    });
    let mut refused: Option<CandidateOutcome> = None;
    for (verifier, attestation) in believed {
        if !evidence.predicate_types.contains(&attestation.statement().predicate_type) {
            return None;
        }
        let outcome = |status, checks| CandidateOutcome {
            candidate: index,
            verifier: verifier.name.clone(),
            status,
            logged: !attestation.evidence().log.is_empty(),
            checks,
        };
        match signer(verifier, attestation, evidence) {
            Ok(signer) => {
                let checks = checks(evidence, verifier, attestation, signer, skip, now);
                let status = Status::worst(checks.iter().map(|check| &check.status));
                return Some((outcome(status, checks), earliest(attestation)));
            }
            Err(findings) if refused.is_none() => {
                let check = CheckOutcome { id: SIGNER.to_owned(), status: Status::Fail, findings, guidance: None };
                refused = Some(outcome(Status::NotApplicable, vec![check]));
            }
            Err(_) => {}
        }
    }
    refused.map(|outcome| (outcome, None))
}

/// The signature existed at the earliest proven time. A later timestamp may be put on an old signature by anybody, so it
/// makes nothing fresh.
pub(super) fn earliest(attestation: &VerifiedAttestation) -> Option<Timestamp> {
    attestation.evidence().signed_at.iter().map(|signed| signed.time).min()
}

/// Who the signer is by the verifier's rules.
///
/// # Errors
/// Why it is none of them: the findings of the rule that fits best.
fn signer(
    verifier: &NamedVerifier,
    attestation: &VerifiedAttestation,
    evidence: &Evidence,
) -> Result<Signer, Vec<Finding>> {
    if verifier.log == Log::Required && attestation.evidence().log.is_empty() {
        let (expected, found) = ("an entry of a transparency log".to_owned(), "none".to_owned());
        return Err(vec![Finding { code: "log-required", expected, found, backing: None }]);
    }
    let by = |signer: Signer, rule: Option<&IdentityRule>| -> Result<Signer, Vec<Finding>> {
        let predicate_types = evidence.predicate_types.clone();
        let policy = Policy { predicate_types, signer: signer.clone(), slsa: None, marks: Marks::default() };
        let mut findings = match judge(attestation.clone(), &policy) {
            Ok(Verdict::Allow(_)) => Vec::new(),
            Ok(Verdict::Deny(findings)) => findings,
            Err(error) => vec![of_builder(&error)],
        };
        if let Some(rule) = rule {
            findings.extend(extensions(rule, attestation));
        }
        if findings.is_empty() { Ok(signer) } else { Err(findings) }
    };
    match &verifier.signers {
        Signers::Keys(_) => by(Signer::ListedKey, None),
        Signers::Identities(rules) => {
            let mut best: Option<Vec<Finding>> = None;
            for rule in rules {
                let (identity, issuer) = (rule.identity.clone(), rule.issuer.clone());
                match by(Signer::Certificate { identity, issuer }, Some(rule)) {
                    Ok(signer) => return Ok(signer),
                    Err(findings) if best.as_ref().is_none_or(|best| findings.len() < best.len()) => {
                        best = Some(findings);
                    }
                    Err(_) => {}
                }
            }
            Err(best.unwrap_or_default())
        }
    }
}

/// Each further claim of the certificate is there and is what it must be.
fn extensions(rule: &IdentityRule, attestation: &VerifiedAttestation) -> Vec<Finding> {
    let certificate = attestation.identity().certificate();
    let mut findings = Vec::new();
    for (claim, require) in &rule.extensions {
        let found = certificate.and_then(|certificate| certificate.claims.get(*claim));
        if !found.is_some_and(|found| require.accepts(found)) {
            findings.push(Finding {
                code: "extension-mismatch",
                expected: format!("{} {require}", claim.name()),
                found: found.unwrap_or("nothing").to_owned(),
                backing: found.map(|_| Backing::Certificate),
            });
        }
    }
    findings
}

/// Every check of the evidence.
fn checks(
    evidence: &Evidence,
    verifier: &NamedVerifier,
    attestation: &VerifiedAttestation,
    signer: Signer,
    skip: &dyn Fn(&str) -> Option<String>,
    now: Timestamp,
) -> Vec<CheckOutcome> {
    let passed = CheckOutcome { id: SIGNER.to_owned(), status: Status::Pass, findings: Vec::new(), guidance: None };
    let mut out = vec![passed];
    let mut add = |id: &str, guidance: Option<&String>, look: &mut dyn FnMut() -> (Status, Vec<Finding>)| {
        let (status, findings) = match skip(id) {
            Some(exception) => (Status::Skipped(exception), Vec::new()),
            None => look(),
        };
        let guidance = guidance.filter(|_| !status.holds()).cloned();
        out.push(CheckOutcome { id: id.to_owned(), status, findings, guidance });
    };
    if let Some(rule) = &evidence.freshness {
        add(FRESHNESS, None, &mut || freshness(rule, attestation, now));
    }
    if let Some(expected) = &evidence.slsa {
        add(SLSA, None, &mut || slsa(expected, &evidence.predicate_types, &signer, attestation));
    }
    for rule in &evidence.claims {
        add(&rule.id, None, &mut || match rule.path.find(attestation.statement()) {
            Ok(found) => match rule.test.judge(found, &rule.path) {
                Ok(()) => (Status::Pass, Vec::new()),
                Err((status, finding)) => (status, vec![finding]),
            },
            Err(error) => not_held(&error, &rule.path),
        });
    }
    if !evidence.cel.is_empty() {
        let variables = variables::of(verifier, attestation, now);
        for rule in &evidence.cel {
            add(&rule.id, rule.guidance.as_ref(), &mut || condition(rule, &variables));
        }
    }
    out
}

/// What provenance says, by the one set of checks that the command line uses too. A signer who is anybody may write
/// anything into a predicate, so only what the certificate backs counts then.
fn slsa(
    expected: &Slsa,
    predicate_types: &[String],
    signer: &Signer,
    attestation: &VerifiedAttestation,
) -> (Status, Vec<Finding>) {
    let signer = match signer {
        Signer::Certificate { identity: Require::Any, .. } => Signer::ByFacts,
        other => other.clone(),
    };
    let (predicate_types, slsa) = (predicate_types.to_vec(), Some(expected.clone()));
    let policy = Policy { predicate_types, signer, slsa, marks: Marks::default() };
    match judge(attestation.clone(), &policy) {
        Ok(Verdict::Allow(_)) => (Status::Pass, Vec::new()),
        Ok(Verdict::Deny(findings)) => (Status::Fail, findings),
        Err(error) => (Status::Fail, vec![of_builder(&error)]),
    }
}

fn of_builder(error: &BuilderError) -> Finding {
    match error {
        BuilderError::Disagreement { field, certificate, predicate } => Finding {
            code: error.code(),
            expected: format!("{field} {certificate} (certificate)"),
            found: predicate.clone(),
            backing: PREDICATE,
        },
        _ => Finding {
            code: error.code(),
            expected: "provenance of a known builder".to_owned(),
            found: error.to_string(),
            backing: PREDICATE,
        },
    }
}

/// A field of a predicate that nobody held cannot be judged.
fn not_held(error: &FormatError, path: &Pointer) -> (Status, Vec<Finding>) {
    let (code, expected, found) = (error.code(), format!("a predicate to find {path} in"), error.to_string());
    (Status::Error, vec![Finding { code, expected, found, backing: PREDICATE }])
}

/// Not older than the policy says, and not of the future.
fn freshness(rule: &Freshness, attestation: &VerifiedAttestation, now: Timestamp) -> (Status, Vec<Finding>) {
    let (time, backing) = match &rule.from {
        FreshFrom::SignedAt => (earliest(attestation), None),
        FreshFrom::Field(path) => {
            let value = match path.find(attestation.statement()) {
                Ok(value) => value,
                Err(error) => return not_held(&error, path),
            };
            (value.as_ref().and_then(Value::as_str).and_then(|text| text.parse().ok()), PREDICATE)
        }
    };
    let from = match &rule.from {
        FreshFrom::SignedAt => "a proven signing time".to_owned(),
        FreshFrom::Field(path) => format!("an RFC 3339 time at {path}"),
    };
    let fail = |code, expected: String, found: String| (Status::Fail, vec![Finding { code, expected, found, backing }]);
    let Some(time) = time else { return fail("freshness-unknown", from, "none".to_owned()) };
    let age = now.duration_since(time);
    if age.is_negative() {
        return fail("freshness-future", format!("{from} before {now}"), time.to_string());
    }
    if age > rule.max_age {
        let expected = format!("an age of at most {}", words(rule.max_age));
        return fail("freshness-exceeded", expected, format!("{}, from {time}", words(age)));
    }
    (Status::Pass, Vec::new())
}

/// A duration in its largest whole units.
pub(super) fn words(duration: jiff::SignedDuration) -> String {
    let count = |n: i64, unit: &str| if n == 1 { format!("1 {unit}") } else { format!("{n} {unit}s") };
    match (duration.as_hours() / 24, duration.as_hours(), duration.as_mins()) {
        (days @ 2.., _, _) => count(days, "day"),
        (_, hours @ 1.., _) => count(hours, "hour"),
        (_, _, minutes @ 1..) => count(minutes, "minute"),
        _ => count(duration.as_secs(), "second"),
    }
}

/// A condition holds only when it is true; what it cannot say is an error.
fn condition(rule: &CelRule, variables: &Result<Variables, String>) -> (Status, Vec<Finding>) {
    let one = |status, code, found: String| {
        (status, vec![Finding { code, expected: rule.message.clone(), found, backing: PREDICATE }])
    };
    // Written over several lines, shown on one.
    let source = rule.condition.source().split_whitespace().collect::<Vec<_>>().join(" ");
    let variables = match variables {
        Ok(variables) => variables,
        Err(found) => return one(Status::Error, "cel-data", found.clone()),
    };
    match rule.condition.judge(variables) {
        Judged::Holds => (Status::Pass, Vec::new()),
        Judged::Not => one(Status::Fail, "cel-not-met", format!("{source} is false")),
        Judged::Error(reason) => one(Status::Error, "cel-error", format!("{source} cannot be judged: {reason}")),
        Judged::TooCostly => one(Status::Error, "cel-cost", format!("{source} costs more than is spent on it")),
    }
}
