//! Verify, from what the user named to a report, on one page.

pub mod document;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::panic;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use jiff::Timestamp;

use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::ArtifactError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::policy::Policy;
use crate::policy::SourceRef;
use crate::policy::Verdict;
use crate::policy::judge;
use crate::report;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Candidate;
use crate::report::Evidence;
use crate::report::Finding;
use crate::report::NotChecked;
use crate::report::Notice;
use crate::report::Outcome;
use crate::report::ProofSource;
use crate::report::Report;
use crate::report::ReportedArtifact;
use crate::report::Source;
use crate::report::step_name;
use crate::store::beside;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::store::hash::HashError;
use crate::store::hash::HashProgress;
use crate::store::hash::hash_files;
use crate::store::subjects::Located;
use crate::upgrade::Proofs;
use crate::upgrade::UpgradeError;
use crate::upgrade::complete;
use crate::upgrade::lacks_proof;
use crate::verify::Authenticated;
use crate::verify::Step;
use crate::verify::Verifier;
use crate::verify::VerifyError;

/// Most pairs of artifact and attestation that one call looks at; a pair costs from a microsecond.
pub const MAX_PAIRS: usize = 1_000_000;

/// Most attestations of one call that a log is asked about; each costs a request, and a file may hold thousands.
pub const MAX_ASKED: usize = 100;

/// Algorithms that artifacts are hashed with when an attestation names them; SHA-256 always is.
const ALSO: [Algorithm; 6] = [
    Algorithm::Sha384,
    Algorithm::Sha512,
    Algorithm::Sha512_256,
    Algorithm::Sha3_256,
    Algorithm::Sha3_384,
    Algorithm::Sha3_512,
];

/// Where attestations are looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Where {
    /// In these files; each attestation counts for every artifact.
    Files(Vec<PathBuf>),
    /// Beside each artifact, under the usual names ([`beside`]).
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
    #[error("expected at most {MAX_PAIRS} pairs of artifact and attestation, found {artifacts} times {attestations}")]
    TooMany {
        /// Artifacts.
        artifacts: usize,
        /// Attestations.
        attestations: usize,
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

/// Decides about each artifact whether one attestation satisfies the whole policy by itself, and reports every
/// attestation that was looked at. The same files give the same report, whatever the number of threads.
///
/// # Errors
/// [`AssessError`]. What is wrong with one artifact, one attestation, or one file that was only looked for is in the
/// report.
pub fn assess(request: &Request<'_>, progress: &(dyn Fn(HashProgress) + Sync)) -> Result<Report, AssessError> {
    // 1. Which files of attestations there are, and for which artifacts each counts.
    let (paths, sources) = sources(request);
    // 2. Every file is read and taken apart once. What is malformed stays a candidate.
    let files = read(&paths, request)?;
    check_pairs(&files, &sources)?;
    check_asked(&files, request)?;
    // 3. Everything about an attestation that does not depend on the artifact is verified once, in parallel. Where the
    //    caller gave a way to ask a log, what shows no proof is completed with the log's entry first ([`complete`]).
    let files = authenticate(files, request);
    // 4. Artifacts are hashed in one pass, by every algorithm that a verified attestation names.
    let artifacts = artifacts(request, &algorithms(&files), progress);
    // 5. Each artifact: some subject is it, and the whole policy is satisfied by one attestation alone.
    let look = |((name, artifact), sources): ((String, Result<Artifact, Finding>), &Vec<usize>)| {
        let files: Vec<&File> = sources.iter().filter_map(|n| files.get(*n)).collect();
        match artifact {
            Ok(artifact) => decide(&artifact, &files, request),
            Err(finding) => unread(&name, finding),
        }
    };
    let results = artifacts.into_iter().zip(&sources).map(look).collect();
    // 6. The report, with what the roots say about their own age.
    let notices = request.verifier.roots().iter().flat_map(|root| root.notices(request.now)).map(Notice::from);
    Ok(Report::new(request.now, results, notices.collect()))
}

/// A file of attestations.
struct File {
    name: String,
    candidates: Result<Vec<Read>, Finding>,
}

/// An attestation of a file, as far as it was verified.
struct Read {
    position: attestations::Position,
    format: Option<&'static str>,
    authenticated: Result<Authenticated, Box<Refused>>,
    proofs: ProofSource,
}

/// Why an attestation is not believed, and whether that was decided.
struct Refused {
    finding: Finding,
    outcome: Outcome,
}

impl Refused {
    fn new(finding: Finding) -> Box<Self> {
        Box::new(Self { finding, outcome: Outcome::Rejected })
    }
}

/// Step 1: the files, each once, and for each artifact which of them count.
fn sources(request: &Request<'_>) -> (Vec<PathBuf>, Vec<Vec<usize>>) {
    match request.attestations {
        Where::Files(paths) => {
            let mut once: Vec<PathBuf> = Vec::new();
            paths.iter().for_each(|path| {
                if !once.contains(path) {
                    once.push(path.clone())
                }
            });
            let all: Vec<usize> = (0..once.len()).collect();
            (once, request.artifacts.iter().map(|_| all.clone()).collect())
        }
        Where::Beside => {
            let mut known = BTreeMap::new();
            let mut paths = Vec::new();
            let mut number = |path: PathBuf| {
                *known.entry(path.clone()).or_insert_with(|| {
                    paths.push(path);
                    paths.len() - 1
                })
            };
            let found = |one: &Located| match one {
                Located::File(path) => beside::find(path),
                Located::Digests { .. } => Vec::new(),
            };
            let sources =
                request.artifacts.iter().map(|one| found(one).into_iter().map(&mut number).collect()).collect();
            (paths, sources)
        }
    }
}

/// Step 2. A file that was named must be readable; one that was only found is reported.
fn read(paths: &[PathBuf], request: &Request<'_>) -> Result<Vec<Parsed>, AssessError> {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        let candidates = match (read_capped(path, cap), request.attestations) {
            (Ok(bytes), _) => attestations::parse(&bytes).map_err(NotParsed::Malformed),
            (Err(error), Where::Files(_)) => return Err(error.into()),
            (Err(error), Where::Beside) => Err(NotParsed::Unreadable(error)),
        };
        files.push(Parsed { name: path.display().to_string(), candidates });
    }
    Ok(files)
}

/// Each artifact is compared with each attestation that counts for it.
fn check_pairs(files: &[Parsed], sources: &[Vec<usize>]) -> Result<(), AssessError> {
    let count = |file: &Parsed| file.candidates.as_ref().map_or(1, Vec::len);
    let pairs = sources.iter().flatten().filter_map(|n| files.get(*n)).map(count).fold(0, usize::saturating_add);
    if pairs > MAX_PAIRS {
        let (artifacts, attestations) = (sources.len(), files.iter().map(count).sum());
        return Err(AssessError::TooMany { artifacts, attestations });
    }
    Ok(())
}

/// Asking a log takes a while, so the number is known before the first request.
fn check_asked(files: &[Parsed], request: &Request<'_>) -> Result<(), AssessError> {
    let bundles = files.iter().filter_map(|file| file.candidates.as_ref().ok()).flatten();
    let found = bundles.filter(|one| one.bundle.as_ref().is_ok_and(lacks_proof)).count();
    match request.proofs {
        Proofs::Asked(_) if found > MAX_ASKED => Err(AssessError::TooManyAsked { found }),
        Proofs::Asked(_) | Proofs::InFiles => Ok(()),
    }
}

struct Parsed {
    name: String,
    candidates: Result<Vec<attestations::Candidate>, NotParsed>,
}

enum NotParsed {
    Malformed(FormatError),
    Unreadable(StoreError),
}

/// Step 3. Results come in the order of the files and of their lines.
fn authenticate(files: Vec<Parsed>, request: &Request<'_>) -> Vec<File> {
    let bundles: Vec<_> = files.iter().filter_map(|file| file.candidates.as_ref().ok()).flatten().collect();
    let mut done = in_parallel(&bundles, request.threads, |candidate| match &candidate.bundle {
        Ok(bundle) => authenticate_one(bundle, request),
        Err(error) => Err(Refused::new(Finding::from(error))),
    })
    .into_iter();
    let mut read = |candidate: attestations::Candidate| {
        let format = candidate.bundle.as_ref().ok().map(|bundle| bundle.version.name());
        // One result came for each candidate.
        let authenticated = done.next()?;
        let asked = matches!(request.proofs, Proofs::Asked(_)) && candidate.bundle.as_ref().is_ok_and(lacks_proof);
        let proofs = if asked { ProofSource::Log } else { ProofSource::File };
        Some(Read { position: candidate.position, format, authenticated, proofs })
    };
    let file = |Parsed { name, candidates }| match candidates {
        Ok(candidates) => File { name, candidates: Ok(candidates.into_iter().filter_map(&mut read).collect()) },
        Err(NotParsed::Malformed(error)) => {
            let authenticated = Err(Refused::new(Finding::from(&error)));
            let (position, proofs) = (attestations::Position::Whole, ProofSource::File);
            let whole = Read { position, format: None, authenticated, proofs };
            File { name, candidates: Ok(vec![whole]) }
        }
        Err(NotParsed::Unreadable(error)) => File { name, candidates: Err(Finding::new(error.code(), error)) },
    };
    files.into_iter().map(file).collect()
}

fn authenticate_one(bundle: &Bundle, request: &Request<'_>) -> Result<Authenticated, Box<Refused>> {
    let ask = match request.proofs {
        Proofs::InFiles => {
            let refused = |error: VerifyError| Refused::new(Finding::from(&error));
            return request.verifier.authenticate(bundle, request.now).map_err(refused);
        }
        Proofs::Asked(ask) => ask,
    };
    complete(request.verifier, bundle, ask, request.now).map(|(_, authenticated)| authenticated).map_err(|error| {
        let outcome = if error.is_refusal() { Outcome::Rejected } else { Outcome::Undecided };
        let finding = match &error {
            UpgradeError::Refused(error) => Finding::from(error),
            other => Finding { step: Some(step_name(Step::Time)), ..Finding::new(other.code(), other) },
        };
        Box::new(Refused { finding, outcome })
    })
}

/// Results in the order of `items`. One item, or one thread, starts none.
fn in_parallel<T: Sync, R: Send>(items: &[T], threads: NonZeroUsize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = threads.get().min(items.len());
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let run = || {
        let mut results = Vec::new();
        loop {
            let index = next.fetch_add(1, Relaxed);
            let Some(item) = items.get(index) else { return results };
            results.push((index, work(item)));
        }
    };
    let mut results = thread::scope(|scope| {
        // This thread is one of them.
        let running: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let mut results = run();
        for thread in running {
            results.extend(thread.join().unwrap_or_else(|cause| panic::resume_unwind(cause)));
        }
        results
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Which algorithms the subjects of verified attestations use, beside SHA-256.
fn algorithms(files: &[File]) -> Vec<Algorithm> {
    let read = files.iter().filter_map(|file| file.candidates.as_ref().ok()).flatten();
    let statements = read.filter_map(|read| read.authenticated.as_ref().ok()).map(Authenticated::statement);
    let mut found = Vec::new();
    for subject in statements.flat_map(|statement| &statement.subjects) {
        let new = |algorithm: &Algorithm| !found.contains(algorithm) && subject.digest.get(*algorithm).is_some();
        let new: Vec<_> = ALSO.into_iter().filter(new).collect();
        found.extend(new);
        if found.len() == ALSO.len() {
            break;
        }
    }
    found
}

/// Step 4. An artifact that cannot be read is reported, and undecided.
fn artifacts(
    request: &Request<'_>,
    also: &[Algorithm],
    progress: &(dyn Fn(HashProgress) + Sync),
) -> Vec<(String, Result<Artifact, Finding>)> {
    let path = |one: &Located| match one {
        Located::File(path) => Some(path.clone()),
        Located::Digests { .. } => None,
    };
    let paths: Vec<PathBuf> = request.artifacts.iter().filter_map(path).collect();
    let algorithms: Vec<Algorithm> = [Algorithm::Sha256].into_iter().chain(also.iter().copied()).collect();
    let mut hashed = hash_files(&paths, &algorithms, progress, request.threads).into_iter();
    let named = |name: String, digests: Vec<Digest>| {
        let artifact = Artifact::new(name.clone(), digests);
        (name, artifact.map_err(|error: ArtifactError| Finding::new(error.code(), error)))
    };
    let artifact = |one: &Located| match one {
        Located::File(path) => match hashed.next() {
            Some(Err(error)) => (name(path), Err(Finding::new(HashError::code(&error), error))),
            // One result came for each path; without digests there is no artifact.
            digests => named(name(path), digests.and_then(Result::ok).unwrap_or_default()),
        },
        Located::Digests { name, digests } => named(name.clone(), digests.clone()),
    };
    request.artifacts.iter().map(artifact).collect()
}

fn name(path: &Path) -> String {
    path.display().to_string()
}

/// Step 5. An artifact is allowed by one accepted attestation, whatever stands beside it. It is undecided when there is
/// none but something could not be read, or a log gave no answer; in every other case it is denied, also when nothing is attested about it.
fn decide(artifact: &Artifact, files: &[&File], request: &Request<'_>) -> ArtifactResult {
    let mut candidates = Vec::new();
    for file in files {
        match &file.candidates {
            Ok(read) => candidates.extend(read.iter().map(|read| candidate(read, &file.name, artifact, request))),
            Err(finding) => candidates.push(Candidate {
                source: Source::new(&file.name, attestations::Position::Whole),
                format: None,
                outcome: Outcome::Unreadable,
                findings: vec![finding.clone()],
                attestation: None,
            }),
        }
    }
    let any = |outcome| candidates.iter().any(|candidate| candidate.outcome == outcome);
    let verdict = match (any(Outcome::Accepted), any(Outcome::Unreadable) || any(Outcome::Undecided)) {
        (true, _) => report::Verdict::Allowed,
        (false, true) => report::Verdict::Undecided,
        (false, false) => report::Verdict::Denied,
    };
    let missing = || Finding::new(report::ATTESTATION_MISSING, "expected an attestation, found none");
    let findings = if candidates.is_empty() { vec![missing()] } else { Vec::new() };
    let mut accepted = candidates.iter().filter_map(|candidate| candidate.attestation.as_deref());
    let not_checked = accepted.next().map(|first| not_checked(first, request.policy)).unwrap_or_default();
    ArtifactResult { artifact: ReportedArtifact::known(artifact), verdict, findings, candidates, not_checked }
}

fn unread(name: &str, finding: Finding) -> ArtifactResult {
    let (artifact, verdict) = (ReportedArtifact::unread(name), report::Verdict::Undecided);
    ArtifactResult { artifact, verdict, findings: vec![finding], candidates: Vec::new(), not_checked: Vec::new() }
}

/// One attestation and one artifact.
fn candidate(read: &Read, file: &str, artifact: &Artifact, request: &Request<'_>) -> Candidate {
    let (outcome, findings, attestation) = match accept(read, artifact, request.policy) {
        Ok(attestation) => (Outcome::Accepted, Vec::new(), Some(Box::new(attestation))),
        Err(findings) => {
            let outcome = read.authenticated.as_ref().err().map_or(Outcome::Rejected, |refused| refused.outcome);
            (outcome, findings, None)
        }
    };
    Candidate { source: Source::new(file, read.position), format: read.format, outcome, findings, attestation }
}

/// Verified, about this artifact, and as expected.
fn accept(read: &Read, artifact: &Artifact, policy: &Policy) -> Result<Attestation, Vec<Finding>> {
    let authenticated = read.authenticated.as_ref().map_err(|refused| vec![refused.finding.clone()])?;
    let attestation = authenticated.bind(artifact).map_err(|error| vec![Finding::from(&error)])?;
    match judge(attestation, policy).map_err(|error| vec![Finding::from(&error)])? {
        Verdict::Allow(accepted) => {
            let attestation = Attestation::of(&accepted);
            let fetched = !attestation.evidence.log_entries.is_empty();
            let proofs = if fetched { read.proofs } else { ProofSource::File };
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
        if slsa.builder_id.is_none() && anybody {
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
