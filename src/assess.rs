//! Verify, from what the user named to a report, on one page.

mod artifacts;
mod batches;
pub mod document;
mod sources;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::assess::artifacts::Named;
use crate::assess::artifacts::hash_more;
use crate::assess::batches::Batches;
use crate::assess::batches::Read;
use crate::assess::sources::SourceFile;
use crate::assess::sources::check_pairs;
use crate::formats::artifact::Artifact;
use crate::policy::Policy;
use crate::policy::SourceRef;
use crate::policy::Verdict;
use crate::policy::judge;
use crate::report;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Candidate;
use crate::report::CountedSigner;
use crate::report::Evidence;
use crate::report::Finding;
use crate::report::NotChecked;
use crate::report::Notice;
use crate::report::Outcome;
use crate::report::ProofSource;
use crate::report::Report;
use crate::report::ReportedArtifact;
use crate::report::Signers;
use crate::report::Source;
use crate::store::file::StoreError;
use crate::store::hash::HashProgress;
use crate::store::measure::Hold;
use crate::store::parallel::in_parallel;
use crate::store::subjects::Located;
use crate::upgrade::Proofs;
use crate::verify::Authenticated;
use crate::verify::Verifier;

/// Most pairs of artifact and attestation that one call looks at; a pair costs from a microsecond.
pub const MAX_PAIRS: usize = 1_000_000;
/// Most attestations of one call that a log is asked about; each costs a request, and a file may hold thousands.
pub const MAX_ASKED: usize = 100;
/// Pairs that one thread judges at a time.
const PAIRS: usize = 32;

/// Where attestations are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// In these files; each attestation counts for every artifact.
    Files(Vec<PathBuf>),
    /// Beside each artifact, under the usual names ([`crate::store::beside`]).
    Beside,
}

/// What is to be decided, and by what.
#[derive(Debug)]
pub struct Request<'a> {
    /// What is believed.
    pub verifier: &'a Verifier,
    /// What is expected.
    pub policy: &'a Policy,
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

/// Why nothing could be decided about any artifact.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssessError {
    /// A file of attestations that was named cannot be read.
    #[error(transparent)]
    File(#[from] StoreError),
    /// More than [`MAX_PAIRS`].
    #[error("expected at most {MAX_PAIRS} pairs of artifact and attestation, found {pairs} or more")]
    TooMany {
        /// Pairs counted.
        pairs: usize,
    },
    /// More than [`MAX_ASKED`].
    #[error("expected at most {MAX_ASKED} attestations that a log has to be asked about, found {found}")]
    TooManyAsked {
        /// Attestations that show no proof.
        found: usize,
    },
}

impl AssessError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::File(error) => error.code(),
            Self::TooMany { .. } => "assess-too-many",
            Self::TooManyAsked { .. } => "log-too-many",
        }
    }
}

/// Whether attestations that are long may be measured for a verifier and flags: flags look into nothing but provenance, which is
/// always held.
pub fn hold(verifier: &Verifier) -> Hold {
    if verifier.takes_digests() { Hold::Short } else { Hold::All }
}

/// Decides about each artifact whether one attestation satisfies the whole policy by itself, or one of each of as many
/// distinct signers as it demands, and reports every attestation that was looked at. The same files give the same report, whatever the number of threads.
///
/// Attestations are read, verified and judged in batches and then given up: beside the report, memory does not grow with
/// their number, except for those that name other digests than SHA-256.
///
/// # Errors
/// [`AssessError`]. What is wrong with one artifact, one attestation, or one file that was only looked for is in the
/// report.
pub fn assess(request: &Request<'_>, progress: &(dyn Fn(HashProgress) + Sync)) -> Result<Report, AssessError> {
    // 1. Which files of attestations there are, and for which artifacts each counts.
    let files = sources::find(request)?;
    // 2. What the artifacts are: their SHA-256.
    let mut artifacts = artifacts::read(request, progress);
    let mut rows = Rows::default();
    let (mut later, mut also) = (Vec::new(), Vec::new());
    let (mut number, mut pairs) = (0, 0);
    let mut batches = Batches::new(&files, request, hold(request.verifier));
    loop {
        // 3. A batch of attestations is verified, as far as that does not depend on an artifact.
        let batch = batches.next()?;
        if batch.is_empty() {
            break;
        }
        let mut now = Vec::with_capacity(batch.len());
        for read in batch {
            pairs = check_pairs(pairs, files.get(read.file).map_or(0, |file| file.places.len()), 1)?;
            let others = read.authenticated.as_ref().map(artifacts::algorithms).unwrap_or_default();
            if others.is_empty() { &mut now } else { &mut later }.push((number, read));
            also.extend(others);
            number += 1;
        }
        // 4. Each with each artifact: some subject is it, and the whole policy is satisfied by this attestation alone.
        rows.judge(now, &files, &artifacts, request);
    }
    // 5. Those that name other digests follow, once those digests are known.
    if !later.is_empty() {
        let which = counted(&later, &files, artifacts.len());
        also.sort();
        also.dedup();
        hash_more(&mut artifacts, &which, &also, request, progress);
        rows.judge(later, &files, &artifacts, request);
    }
    // 6. The report, with what the roots say about their own age.
    let results = rows.results(artifacts, request.policy);
    let notices = request.verifier.roots().iter().flat_map(|root| root.notices(request.now)).map(Notice::from);
    Ok(Report::new(request.now, results, notices.collect()))
}

/// The artifacts that some attestations count for.
fn counted(reads: &[(usize, Read)], files: &[SourceFile], artifacts: usize) -> Vec<usize> {
    let mut counted = vec![false; artifacts];
    for place in reads.iter().filter_map(|(_, read)| files.get(read.file)).flat_map(|file| &file.places) {
        if let Some(counted) = counted.get_mut(place.artifact) {
            *counted = true;
        }
    }
    counted.iter().enumerate().filter(|(_, counted)| **counted).map(|(n, _)| n).collect()
}

/// What became of each pair of artifact and attestation.
#[derive(Default)]
struct Rows(Vec<Row>);

/// One pair.
struct Row {
    artifact: usize,
    /// Which of the artifact's files, and which attestation of all: the order in which they were read.
    order: (usize, usize),
    candidate: Candidate,
}

impl Rows {
    /// Judges each attestation with each artifact that it counts for.
    fn judge(&mut self, reads: Vec<(usize, Read)>, files: &[SourceFile], artifacts: &[Named], request: &Request<'_>) {
        let mut work = Vec::with_capacity(reads.len());
        for (number, read) in reads {
            let Some(file) = files.get(read.file) else { continue };
            let some = file.places.chunks(PAIRS).map(|places| (number, read.clone(), &file.name, places));
            work.extend(some);
        }
        let rows = in_parallel(work, request.threads, |(number, read, file, places)| {
            let known =
                places.iter().filter_map(|place| Some((place, artifacts.get(place.artifact)?.1.as_ref().ok()?)));
            let row = |(place, artifact): (&sources::Place, &Artifact)| Row {
                artifact: place.artifact,
                order: (place.rank, number),
                candidate: candidate(&read, file, artifact, request.policy),
            };
            known.map(row).collect::<Vec<_>>()
        });
        self.0.extend(rows.into_iter().flatten());
    }

    /// One result for each artifact, its candidates in the order in which they were read.
    fn results(self, artifacts: Vec<Named>, policy: &Policy) -> Vec<ArtifactResult> {
        let mut rows = self.0;
        rows.sort_by_key(|row| (row.artifact, row.order));
        let mut rows = rows.into_iter().peekable();
        let result = |(n, (name, artifact)): (usize, Named)| {
            let mut candidates = Vec::new();
            while let Some(row) = rows.next_if(|row| row.artifact == n) {
                candidates.push(row.candidate);
            }
            match artifact {
                Ok(artifact) => decide(&artifact, candidates, policy),
                Err(finding) => unread(&name, finding),
            }
        };
        artifacts.into_iter().enumerate().map(result).collect()
    }
}

/// An artifact is allowed by accepted attestations of as many distinct signers as the policy demands, mostly one, whatever
/// stands beside them. It is undecided when there are fewer but what could not be read or judged could make up for them: a
/// file may hold attestations of any number of signers, an attestation is of one. In every other case it is denied, also
/// when nothing is attested about it.
fn decide(artifact: &Artifact, candidates: Vec<Candidate>, policy: &Policy) -> ArtifactResult {
    let count = |outcome| candidates.iter().filter(|candidate| candidate.outcome == outcome).count();
    let demanded = policy.marks.threshold.signers();
    let signers = Signers::of(&candidates, demanded);
    let counted = signers.counted.len();
    let open = count(Outcome::Unreadable) > 0 || counted + count(Outcome::Undecided) >= demanded;
    let verdict = match (counted >= demanded, open) {
        (true, _) => report::Verdict::Allowed,
        (false, true) => report::Verdict::Undecided,
        (false, false) => report::Verdict::Denied,
    };
    let missing = || Finding::new(report::ATTESTATION_MISSING, "expected an attestation, found none");
    let findings = match (candidates.is_empty(), counted >= demanded) {
        (true, _) => vec![missing()],
        (false, false) if demanded > 1 => vec![too_few(&signers)],
        (false, _) => Vec::new(),
    };
    let signers = (demanded > 1).then_some(signers);
    let mut accepted = candidates.iter().filter_map(|candidate| candidate.attestation.as_deref());
    let not_checked = accepted.next().map(|first| not_checked(first, policy)).unwrap_or_default();
    ArtifactResult { artifact: ReportedArtifact::known(artifact), verdict, findings, candidates, signers, not_checked }
}

/// Who counted, and that they are not enough.
fn too_few(signers: &Signers) -> Finding {
    let expected = format!("{} distinct signers", signers.demanded);
    let found = match signers.counted.as_slice() {
        [] => "none".to_owned(),
        some => {
            let names: Vec<_> = some.iter().map(CountedSigner::words).collect();
            format!("{}: {}", some.len(), names.join(", "))
        }
    };
    let message = format!("expected {expected}, found {found}");
    let (expected, found) = (Some(expected), Some(found));
    Finding { expected, found, ..Finding::new(report::THRESHOLD_NOT_MET, message) }
}

fn unread(name: &str, finding: Finding) -> ArtifactResult {
    let (artifact, verdict) = (ReportedArtifact::unread(name), report::Verdict::Undecided);
    let (findings, candidates) = (vec![finding], Vec::new());
    ArtifactResult { artifact, verdict, findings, candidates, signers: None, not_checked: Vec::new() }
}

/// One attestation and one artifact.
fn candidate(read: &Read, file: &str, artifact: &Artifact, policy: &Policy) -> Candidate {
    let (outcome, findings, attestation) = match &read.authenticated {
        Err(refused) => (refused.outcome, vec![refused.finding.clone()], None),
        Ok(authenticated) => match accept(authenticated, read.proofs, artifact, policy) {
            Ok(attestation) => (Outcome::Accepted, Vec::new(), Some(Box::new(attestation))),
            Err(findings) => (Outcome::Rejected, findings, None),
        },
    };
    Candidate { source: Source::new(file, read.position), format: read.format, outcome, findings, attestation }
}

/// Verified, about this artifact, and as expected.
fn accept(
    authenticated: &Authenticated,
    proofs: ProofSource,
    artifact: &Artifact,
    policy: &Policy,
) -> Result<Attestation, Vec<Finding>> {
    let attestation = authenticated.bind(artifact).map_err(|error| vec![Finding::from(&error)])?;
    match judge(attestation, policy).map_err(|error| vec![Finding::from(&error)])? {
        Verdict::Allow(accepted) => {
            let attestation = Attestation::of(&accepted);
            // Without an entry nothing was taken from a log.
            let proofs = if attestation.evidence.log_entries.is_empty() { ProofSource::File } else { proofs };
            let evidence = Evidence { proofs, ..attestation.evidence };
            Ok(Attestation { evidence, ..attestation })
        }
        Verdict::Deny(findings) => Err(findings.iter().map(Finding::from).collect()),
    }
}

/// What an accepted attestation leaves open, and what the policy does.
fn not_checked(attestation: &Attestation, policy: &Policy) -> Vec<NotChecked> {
    let mut list = attestation.not_checked();
    if let Some(slsa) = &policy.slsa {
        let mut open = |code, what: &str| list.push(NotChecked { code, message: format!("{what} (any is accepted)") });
        let anybody = matches!(policy.signer, crate::policy::Signer::ByFacts);
        if slsa.builder_id.is_none() && slsa.signer_workflow.is_none() && anybody {
            open("builder", "which builder");
        }
        if slsa.source_uri.is_none() {
            open("source", "which source");
        }
        if matches!(slsa.source_ref, SourceRef::Any) {
            open("source-ref", "which branch or tag");
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::attestations::Position;
    use crate::formats::digest::Digest;
    use crate::policy::Marks;
    use crate::policy::Signer;
    use crate::policy::Threshold;

    /// What cannot be judged is undecided only where it could make up for the signers that are missing.
    #[test]
    fn too_few_signers_are_denied_or_undecided() {
        use report::Verdict::Denied;
        use report::Verdict::Undecided;
        let artifact = Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        let artifact = Artifact::new("x".to_owned(), vec![artifact]).unwrap();
        let judge = |demanded, outcomes: &[Outcome]| {
            let candidate = |outcome: &Outcome| Candidate {
                source: Source::new("x", Position::Whole),
                format: None,
                outcome: *outcome,
                findings: Vec::new(),
                attestation: None,
            };
            let marks = Marks { threshold: Threshold::new(demanded).unwrap(), ..Marks::default() };
            let policy = Policy { predicate_types: Vec::new(), signer: Signer::ByFacts, slsa: None, marks };
            decide(&artifact, outcomes.iter().map(candidate).collect(), &policy).verdict
        };
        let (rejected, unreadable, open) = (Outcome::Rejected, Outcome::Unreadable, Outcome::Undecided);
        assert_eq!((judge(1, &[]), judge(1, &[rejected])), (Denied, Denied));
        assert_eq!((judge(1, &[open, rejected]), judge(1, &[unreadable])), (Undecided, Undecided));
        assert_eq!((judge(3, &[open, open]), judge(3, &[open, open, open])), (Denied, Undecided));
        assert_eq!(judge(32, &[unreadable, rejected]), Undecided);
    }
}
