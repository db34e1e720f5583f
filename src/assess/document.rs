//! Verify by a policy file, on the steps that verifying by flags has too.

use std::num::NonZeroUsize;

use jiff::Timestamp;

use crate::assess;
use crate::assess::AssessError;
use crate::assess::File;
use crate::assess::Read;
use crate::assess::Request;
use crate::assess::Where;
use crate::builders::interpret;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::policy;
use crate::policy::Accepted;
use crate::policy::Policy;
use crate::policy::Signer;
use crate::policy::document::evaluate;
use crate::policy::document::evaluate::Completeness;
use crate::policy::document::evaluate::evaluate;
use crate::policy::document::model::Document;
use crate::policy::document::model::Log;
use crate::policy::document::model::NamedVerifier;
use crate::policy::document::model::Signers;
use crate::policy::document::outcome::Decision;
use crate::policy::document::outcome::Outcome;
use crate::report;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Candidate;
use crate::report::Finding;
use crate::report::NotChecked;
use crate::report::Notice;
use crate::report::Report;
use crate::report::ReportedArtifact;
use crate::report::Source;
use crate::report::policy::PolicyReport;
use crate::report::policy::PolicyResult;
use crate::store::hash::HashProgress;
use crate::store::subjects::Located;
use crate::upgrade::Proofs;
use crate::verify::Unlogged;
use crate::verify::VerifiedAttestation;
use crate::verify::Verifier;

/// The steps of verification in their order, by the names that findings have.
const STEPS: &[&str] = &["shape", "time", "certificate", "sct", "signature", "log", "statement", "identity", "binding"];

/// What is to be decided, by which policy.
#[derive(Debug)]
pub struct DocumentRequest<'a> {
    /// What is believed and expected.
    pub document: &'a Document,
    /// About which artifacts.
    pub artifacts: &'a [Located],
    /// From which attestations.
    pub attestations: &'a Where,
    /// Whether a log is asked for what the files do not prove.
    pub proofs: Proofs<'a>,
    /// The time of the verdict.
    pub now: Timestamp,
    /// Most threads that verify and hash.
    pub threads: NonZeroUsize,
}

/// What one artifact came to, for callers that look at more than the report.
#[derive(Debug)]
pub struct Assessed {
    /// The report.
    pub report: Report,
    /// The outcome of each artifact that could be read.
    pub outcomes: Vec<Outcome>,
}

/// Decides about each artifact by a policy, as [`assess::assess`] does by flags.
///
/// # Errors
/// [`AssessError`].
pub fn assess(
    request: &DocumentRequest<'_>,
    progress: &(dyn Fn(HashProgress) + Sync),
) -> Result<Assessed, AssessError> {
    // Judged by nobody: the policy file takes its place.
    let none = Policy { predicate_types: Vec::new(), signer: Signer::ByFacts, slsa: None };
    let verifiers: Vec<Verifier> = request.document.verifiers.iter().map(verifier).collect();
    let by = |verifier| Request {
        verifier,
        policy: &none,
        artifacts: request.artifacts,
        attestations: request.attestations,
        proofs: request.proofs,
        now: request.now,
        threads: request.threads,
    };
    // 1 to 3. As there, once for each verifier of the policy: each believes its own roots and keys alone.
    let mut views = Vec::new();
    let mut sources = Vec::new();
    for verifier in &verifiers {
        let request = by(verifier);
        let (paths, found) = assess::sources(&request);
        let files = assess::read(&paths, &request)?;
        assess::check_pairs(&files, &found)?;
        assess::check_asked(&files, &request)?;
        views.push(assess::authenticate(files, &request));
        sources = found;
    }
    // 4. Artifacts are hashed by every algorithm that some verified attestation names.
    let mut also: Vec<_> = views.iter().flat_map(|files| assess::algorithms(files)).collect();
    also.sort_unstable();
    also.dedup();
    let first = verifiers.first().map(by);
    let artifacts = first.map(|request| assess::artifacts(&request, &also, progress)).unwrap_or_default();
    // 5. Each artifact, by the whole policy.
    let (mut results, mut evaluations, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for ((name, artifact), sources) in artifacts.into_iter().zip(&sources) {
        match artifact {
            Err(finding) => results.push(assess::unread(&name, finding)),
            Ok(artifact) => {
                let (result, evaluation, outcome) = decide(&artifact, sources, &views, request);
                results.push(result);
                evaluations.push(evaluation);
                outcomes.push(outcome);
            }
        }
    }
    // 6. The report.
    let roots = verifiers.iter().flat_map(Verifier::roots);
    let mut notices: Vec<Notice> = Vec::new();
    for notice in roots.flat_map(|root| root.notices(request.now)).map(Notice::from) {
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    let mut report = Report::new(request.now, results, notices);
    report.policy = Some(PolicyReport::new(request.document, evaluations));
    Ok(Assessed { report, outcomes })
}

fn verifier(named: &NamedVerifier) -> Verifier {
    let keys = match &named.signers {
        Signers::Keys(keys) => keys.clone(),
        Signers::Identities(_) => Vec::new(),
    };
    let verifier = Verifier::new(named.roots.clone(), keys);
    match named.log {
        Log::Required => verifier,
        // Named by the policy's author, shown in every report.
        Log::NotRequired => verifier.with_unlogged(Unlogged::Accept),
    }
}

/// One attestation of one artifact, under each verifier.
struct Seen {
    source: Source,
    format: Option<&'static str>,
    under: Vec<Result<VerifiedAttestation, (Finding, report::Outcome)>>,
}

fn decide(
    artifact: &Artifact,
    sources: &[usize],
    views: &[Vec<File>],
    request: &DocumentRequest<'_>,
) -> (ArtifactResult, PolicyResult, Outcome) {
    let mut seen = Vec::new();
    let mut candidates = Vec::new();
    let mut completeness = Completeness::Complete;
    for n in sources {
        let files: Vec<&File> = views.iter().filter_map(|files| files.get(*n)).collect();
        let Some(first) = files.first() else { continue };
        match &first.candidates {
            Ok(read) => seen.extend((0..read.len()).filter_map(|at| see(artifact, &files, at))),
            Err(finding) => {
                completeness = Completeness::Unreadable;
                candidates.push(Candidate {
                    source: Source::new(&first.name, attestations::Position::Whole),
                    format: None,
                    outcome: report::Outcome::Unreadable,
                    findings: vec![finding.clone()],
                    attestation: None,
                });
            }
        }
    }
    // A log that gave no answer leaves open what an attestation that nobody believes would have said.
    let open = |one: &Seen| {
        let unanswered =
            |view: &Result<_, (Finding, report::Outcome)>| matches!(view, Err((_, report::Outcome::Undecided)));
        one.under.iter().all(Result::is_err) && one.under.iter().any(unanswered)
    };
    if seen.iter().any(open) {
        completeness = Completeness::Unreadable;
    }
    let under = |one: &Seen| evaluate::Candidate { under: one.under.iter().map(|one| one.clone().ok()).collect() };
    let judged: Vec<evaluate::Candidate> = seen.iter().map(under).collect();
    let outcome = evaluate(request.document, artifact, &judged, completeness, request.now);
    let places: Vec<Source> = seen.iter().map(|one| one.source.clone()).collect();
    let shown = seen.into_iter().enumerate().map(|(n, one)| candidate(n, one, &outcome, request.document));
    let unread = std::mem::take(&mut candidates);
    candidates.extend(shown);
    candidates.extend(unread);
    let verdict = match outcome.decision {
        Decision::Allowed => report::Verdict::Allowed,
        Decision::Denied => report::Verdict::Denied,
        Decision::Undecided => report::Verdict::Undecided,
    };
    let evaluation = PolicyResult::of(artifact.name(), &outcome, &places);
    let result = ArtifactResult {
        artifact: ReportedArtifact::known(artifact),
        verdict,
        findings: findings(&outcome, candidates.is_empty()),
        not_checked: not_checked(&candidates, verdict),
        candidates,
    };
    (result, evaluation, outcome)
}

/// The same attestation of the same file, as each verifier found it.
fn see(artifact: &Artifact, files: &[&File], at: usize) -> Option<Seen> {
    let reads: Vec<&Read> = files.iter().filter_map(|file| file.candidates.as_ref().ok()?.get(at)).collect();
    let (file, first) = (files.first()?, reads.first()?);
    let bound = |read: &&Read| match &read.authenticated {
        Ok(authenticated) => {
            authenticated.bind(artifact).map_err(|error| (Finding::from(&error), report::Outcome::Rejected))
        }
        Err(refused) => Err((refused.finding.clone(), refused.outcome)),
    };
    let under = reads.iter().map(bound).collect();
    Some(Seen { source: Source::new(&file.name, first.position), format: first.format, under })
}

/// An attestation is accepted when it satisfies some evidence that holds or would hold by it; what it lacks for others is
/// part of the evaluation.
fn candidate(n: usize, seen: Seen, judged: &Outcome, document: &Document) -> Candidate {
    let Seen { source, format, under } = seen;
    let views: Vec<_> = judged.evidence.iter().flat_map(|evidence| &evidence.candidates).collect();
    let views: Vec<_> = views.into_iter().filter(|view| view.candidate == n).collect();
    let (mut verified, mut refused) = (Vec::new(), Vec::new());
    for one in under {
        match one {
            Ok(attestation) => verified.push(attestation),
            Err(finding) => refused.push(finding),
        }
    }
    let accepted = views.iter().any(|view| view.status.holds());
    if let (true, Some(attestation)) = (accepted, verified.first()) {
        let accepted = match interpret(attestation.clone()) {
            Ok(provenance) => Accepted::Provenance(provenance),
            Err(_) => Accepted::Other(attestation.clone()),
        };
        let attestation = Some(Box::new(Attestation::of(&accepted)));
        return Candidate { source, format, outcome: report::Outcome::Accepted, findings: Vec::new(), attestation };
    }
    let mut findings: Vec<Finding> = Vec::new();
    let checks = views.iter().flat_map(|view| &view.checks).filter(|check| !check.status.holds());
    for finding in checks.flat_map(|check| &check.findings).map(Finding::from) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    if let (true, Some(attestation)) = (findings.is_empty(), verified.first()) {
        let mut types: Vec<&str> = Vec::new();
        for uri in document.evidence.iter().flat_map(|evidence| &evidence.predicate_types) {
            if !types.contains(&uri.as_str()) {
                types.push(uri);
            }
        }
        findings.push(Finding::from(&policy::Finding {
            code: "predicate-type-mismatch",
            expected: types.join(" or "),
            found: attestation.statement().predicate_type.clone(),
            backing: None,
        }));
    }
    let mut outcome = report::Outcome::Rejected;
    let step = |finding: &Finding| STEPS.iter().position(|step| finding.step == Some(step));
    // A verifier that has other roots or keys says less than the one that came further.
    if let (true, Some((finding, found))) = (findings.is_empty(), refused.into_iter().max_by_key(|one| step(&one.0))) {
        findings.push(finding);
        outcome = found;
    }
    Candidate { source, format, outcome, findings, attestation: None }
}

/// What is wrong with the artifact as a whole: the policy's own state, and each evidence that nothing satisfies.
fn findings(outcome: &Outcome, none_at_all: bool) -> Vec<Finding> {
    let mut findings: Vec<Finding> = outcome.findings.iter().map(Finding::from).collect();
    if none_at_all && outcome.decision != Decision::Allowed {
        findings.push(Finding::new(report::ATTESTATION_MISSING, "expected an attestation, found none"));
    }
    if outcome.decision == Decision::Allowed {
        return findings;
    }
    for evidence in outcome.evidence.iter().filter(|evidence| !evidence.status.holds()) {
        findings.extend(evidence.findings.iter().map(|finding| Finding {
            message: format!("{}: expected {}, found {}", evidence.name, finding.expected, finding.found),
            ..Finding::from(finding)
        }));
    }
    findings
}

/// What the accepted attestations leave open. What a predicate says is for the policy's own rules.
fn not_checked(candidates: &[Candidate], verdict: report::Verdict) -> Vec<NotChecked> {
    let mut list: Vec<NotChecked> = Vec::new();
    if verdict != report::Verdict::Allowed {
        return list;
    }
    let accepted = candidates.iter().filter_map(|candidate| candidate.attestation.as_deref());
    for one in accepted.flat_map(Attestation::not_checked).filter(|one| one.code != "predicate") {
        if !list.contains(&one) {
            list.push(one);
        }
    }
    list
}
