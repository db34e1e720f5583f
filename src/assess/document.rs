//! Verify by a policy file, on the steps that verifying by flags has too.

use std::num::NonZeroUsize;

use jiff::Timestamp;

use crate::assess;
use crate::assess::AssessError;
use crate::assess::Request;
use crate::assess::Where;
use crate::assess::artifacts;
use crate::assess::batches::Batches;
use crate::assess::batches::Read;
use crate::assess::batches::Refused;
use crate::assess::sources;
use crate::assess::sources::SourceFile;
use crate::assess::sources::check_pairs;
use crate::builders::interpret;
use crate::formats::artifact::Artifact;
use crate::policy;
use crate::policy::Accepted;
use crate::policy::Marks;
use crate::policy::Policy;
use crate::policy::Signer;
use crate::policy::document::evaluate;
use crate::policy::document::evaluate::Completeness;
use crate::policy::document::evaluate::evaluate;
use crate::policy::document::model::Document;
use crate::policy::document::model::Log;
use crate::policy::document::model::NamedVerifier;
use crate::policy::document::model::Signers;
use crate::policy::document::outcome::CandidateOutcome;
use crate::policy::document::outcome::Decision;
use crate::policy::document::outcome::Outcome;
use crate::report;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Candidate;
use crate::report::Evidence;
use crate::report::Finding;
use crate::report::NotChecked;
use crate::report::Notice;
use crate::report::ProofSource;
use crate::report::Report;
use crate::report::ReportedArtifact;
use crate::report::Source;
use crate::report::policy::PolicyReport;
use crate::report::policy::PolicyResult;
use crate::store::hash::HashProgress;
use crate::store::measure::Hold;
use crate::store::parallel::in_parallel;
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

/// Whether attestations that are long may be measured for a policy: not where it looks into predicates of any type.
pub fn hold(document: &Document) -> Hold {
    let verifiers = || document.verifiers.iter().map(verifier);
    if document.looks_into_predicates() || verifiers().any(|one| assess::hold(&one) == Hold::All) {
        return Hold::All;
    }
    Hold::Short
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
    let none = Policy { predicate_types: Vec::new(), signer: Signer::ByFacts, slsa: None, marks: Marks::default() };
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
    let Some(first) = verifiers.first().map(by) else {
        return Ok(Assessed { report: Report::new(request.now, Vec::new(), Vec::new()), outcomes: Vec::new() });
    };
    // 1. Which files of attestations there are, and for which artifacts each counts.
    let files = sources::find(&first)?;
    // 2. What the artifacts are: their SHA-256.
    let mut named = artifacts::read(&first, progress);
    // 3. Every attestation is verified by each verifier of the policy: each believes its own roots and keys alone. None
    //    is given up, since `all` and `latest` are about all of them together.
    let mut views = Vec::with_capacity(verifiers.len());
    let hold = hold(request.document);
    for verifier in &verifiers {
        views.push(read(&files, &by(verifier), hold)?);
    }
    // 4. Artifacts are hashed by the other algorithms that a verified attestation names.
    let authenticated = views.iter().flatten().filter_map(|read| read.authenticated.as_ref().ok());
    let mut also: Vec<_> = authenticated.flat_map(artifacts::algorithms).collect();
    also.sort();
    also.dedup();
    if !also.is_empty() {
        let all: Vec<usize> = (0..named.len()).collect();
        artifacts::hash_more(&mut named, &all, &also, &first, progress);
    }
    // 5. Each artifact with all that counts for it, by the whole policy.
    let mut work = Vec::with_capacity(named.len());
    for ((n, (name, artifact)), counted) in named.into_iter().enumerate().zip(counted(&files, &views, request)) {
        work.push((n, name, artifact, counted));
    }
    let decided = in_parallel(work, request.threads, |(_, name, artifact, counted)| match artifact {
        Err(finding) => (assess::unread(&name, finding), None),
        Ok(artifact) => decide(&artifact, &counted, &files, &views, request),
    });
    // 6. The report.
    let (mut results, mut evaluations, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
    for (result, evaluated) in decided {
        results.push(result);
        if let Some((evaluation, outcome)) = evaluated {
            evaluations.push(evaluation);
            outcomes.push(outcome);
        }
    }
    let mut notices: Vec<Notice> = Vec::new();
    let roots = verifiers.iter().flat_map(Verifier::roots);
    for notice in roots.flat_map(|root| root.notices(request.now)).map(Notice::from) {
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    let mut report = Report::new(request.now, results, notices);
    report.policy = Some(PolicyReport::new(request.document, evaluations));
    Ok(Assessed { report, outcomes })
}

/// Every attestation, as one verifier finds it.
fn read(files: &[SourceFile], request: &Request<'_>, hold: Hold) -> Result<Vec<Read>, AssessError> {
    let mut batches = Batches::new(files, request, hold);
    let (mut all, mut pairs) = (Vec::new(), 0);
    loop {
        let batch = batches.next()?;
        if batch.is_empty() {
            return Ok(all);
        }
        for read in &batch {
            pairs = check_pairs(pairs, files.get(read.file).map_or(0, |file| file.places.len()), 1)?;
        }
        all.extend(batch);
    }
}

/// For each artifact, which attestations count, in the order in which they were read.
fn counted(files: &[SourceFile], views: &[Vec<Read>], request: &DocumentRequest<'_>) -> Vec<Vec<usize>> {
    let mut counted: Vec<Vec<(usize, usize)>> = vec![Vec::new(); request.artifacts.len()];
    for (n, read) in views.first().into_iter().flatten().enumerate() {
        for place in files.get(read.file).into_iter().flat_map(|file| &file.places) {
            if let Some(list) = counted.get_mut(place.artifact) {
                list.push((place.rank, n));
            }
        }
    }
    let sorted = |mut list: Vec<(usize, usize)>| {
        list.sort_unstable();
        list.into_iter().map(|(_, n)| n).collect()
    };
    counted.into_iter().map(sorted).collect()
}

/// A verifier that believes what a verifier of a policy does, and nothing else.
pub fn verifier(named: &NamedVerifier) -> Verifier {
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
    proofs: ProofSource,
    under: Vec<Result<VerifiedAttestation, Box<Refused>>>,
}

fn decide(
    artifact: &Artifact,
    counted: &[usize],
    files: &[SourceFile],
    reads: &[Vec<Read>],
    request: &DocumentRequest<'_>,
) -> (ArtifactResult, Option<(PolicyResult, Outcome)>) {
    let seen: Vec<Seen> = counted.iter().filter_map(|n| see(artifact, *n, files, reads)).collect();
    // What was not read, or what a log gave no answer about, might have said something else.
    let unknown = |view: &Result<_, Box<Refused>>| {
        let outcome = view.as_ref().err().map(|refused| refused.outcome);
        matches!(outcome, Some(report::Outcome::Undecided | report::Outcome::Unreadable))
    };
    let open = |one: &Seen| one.under.iter().all(Result::is_err) && one.under.iter().any(unknown);
    let completeness = if seen.iter().any(open) { Completeness::Unreadable } else { Completeness::Complete };
    let under = |one: &Seen| evaluate::Candidate { under: one.under.iter().map(|one| one.clone().ok()).collect() };
    let judged: Vec<evaluate::Candidate> = seen.iter().map(under).collect();
    let outcome = evaluate(request.document, artifact, &judged, completeness, request.now);
    let places: Vec<Source> = seen.iter().map(|one| one.source.clone()).collect();
    let mut views: Vec<Vec<&CandidateOutcome>> = vec![Vec::new(); seen.len()];
    for view in outcome.evidence.iter().flat_map(|evidence| &evidence.candidates) {
        if let Some(list) = views.get_mut(view.candidate) {
            list.push(view);
        }
    }
    let shown = seen.into_iter().zip(&views).map(|(one, views)| candidate(one, views, request.document));
    let candidates: Vec<Candidate> = shown.collect();
    let verdict = match outcome.decision {
        Decision::Allowed => report::Verdict::Allowed,
        Decision::Denied => report::Verdict::Denied,
        Decision::Undecided => report::Verdict::Undecided,
    };
    let result = ArtifactResult {
        artifact: ReportedArtifact::known(artifact),
        verdict,
        findings: findings(&outcome, candidates.is_empty()),
        not_checked: not_checked(&candidates, verdict),
        candidates,
        signers: None,
    };
    (result, Some((PolicyResult::of(artifact.name(), &outcome, &places), outcome)))
}

/// The same attestation of the same file, as each verifier found it.
fn see(artifact: &Artifact, n: usize, files: &[SourceFile], views: &[Vec<Read>]) -> Option<Seen> {
    let reads: Vec<&Read> = views.iter().filter_map(|view| view.get(n)).collect();
    let first = reads.first()?;
    let bound = |read: &&Read| match &read.authenticated {
        Ok(authenticated) => authenticated
            .bind(artifact)
            .map_err(|error| Box::new(Refused { outcome: report::Outcome::Rejected, finding: Finding::from(&error) })),
        Err(refused) => Err(refused.clone()),
    };
    Some(Seen {
        source: Source::new(&files.get(first.file)?.name, first.position),
        format: first.format,
        proofs: first.proofs,
        under: reads.iter().map(bound).collect(),
    })
}

/// An attestation is accepted when it satisfies some evidence that holds or would hold by it; what it lacks for others is
/// part of the evaluation.
fn candidate(seen: Seen, views: &[&CandidateOutcome], document: &Document) -> Candidate {
    let Seen { source, format, proofs, under } = seen;
    let (mut verified, mut refused) = (Vec::new(), Vec::new());
    for (verifier, one) in document.verifiers.iter().zip(under) {
        match one {
            Ok(attestation) => verified.push((&verifier.name, attestation)),
            Err(one) => refused.push(one),
        }
    }
    let accepted = views.iter().find(|view| view.status.holds());
    // As the verifier found it that vouches for it.
    let vouched = accepted.and_then(|view| verified.iter().find(|(name, _)| **name == view.verifier));
    if let Some((_, attestation)) = vouched {
        let accepted = match interpret(attestation.clone()) {
            Ok(provenance) => Accepted::Provenance(provenance),
            Err(_) => Accepted::Other(attestation.clone()),
        };
        let attestation = Attestation::of(&accepted);
        let proofs = if attestation.evidence.log_entries.is_empty() { ProofSource::File } else { proofs };
        let evidence = Evidence { proofs, ..attestation.evidence };
        let attestation = Some(Box::new(Attestation { evidence, ..attestation }));
        return Candidate { source, format, outcome: report::Outcome::Accepted, findings: Vec::new(), attestation };
    }
    let mut findings: Vec<Finding> = Vec::new();
    let checks = views.iter().flat_map(|view| &view.checks).filter(|check| !check.status.holds());
    for finding in checks.flat_map(|check| &check.findings).map(Finding::from) {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    if let (true, Some((_, attestation))) = (findings.is_empty(), verified.first()) {
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
    if let (true, Some(one)) = (findings.is_empty(), refused.into_iter().max_by_key(|one| step(&one.finding))) {
        findings.push(one.finding);
        outcome = one.outcome;
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
    for evidence in outcome.failed() {
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
