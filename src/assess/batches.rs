//! Attestations in batches, each read, taken apart and authenticated by all threads and then given up.

use std::path::Path;

use crate::assess::AssessError;
use crate::assess::MAX_ASKED;
use crate::assess::Request;
use crate::assess::Where;
use crate::assess::sources::Layout;
use crate::assess::sources::SourceFile;
use crate::assess::sources::cap;
use crate::formats::attestations;
use crate::formats::attestations::Candidate;
use crate::formats::attestations::Position;
use crate::formats::bundle::Bundle;
use crate::report::Finding;
use crate::report::Outcome;
use crate::report::ProofSource;
use crate::report::step_name;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::store::lines::Lines;
use crate::store::measure;
use crate::store::measure::Hold;
use crate::store::parallel::in_parallel;
use crate::store::spool::Spooled;
use crate::upgrade::Proofs;
use crate::upgrade::UpgradeError;
use crate::upgrade::complete;
use crate::upgrade::lacks_proof;
use crate::verify::Authenticated;
use crate::verify::Step;

/// Most files and lines of a batch.
const UNITS: usize = 512;
/// A batch with this many bytes of lines takes no more.
const BYTES: usize = 16 << 20;

/// An attestation, as far as it was verified. A copy costs little.
#[derive(Debug, Clone)]
pub(super) struct Read {
    /// Which file, from 0.
    pub(super) file: usize,
    pub(super) position: Position,
    /// What kind of bundle it came in.
    pub(super) format: Option<&'static str>,
    pub(super) authenticated: Result<Authenticated, Box<Refused>>,
    /// Where the proofs that it rests on were.
    pub(super) proofs: ProofSource,
}

/// What is no attestation that is believed.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    pub(super) outcome: Outcome,
    pub(super) finding: Finding,
}

/// All attestations of some files, a batch at a time, in the order of the files and of their lines.
pub(super) struct Batches<'a> {
    files: &'a [SourceFile],
    request: &'a Request<'a>,
    /// Whether what is long may be measured.
    hold: Hold,
    /// The file that comes next.
    next: usize,
    /// The one before it, while lines of it are left.
    open: Option<Lines>,
    /// Attestations that a log was asked about.
    asked: usize,
}

/// What one thread reads at a time.
enum Unit {
    Whole(usize),
    Line { file: usize, number: usize, text: Vec<u8> },
    Failed { file: usize, error: StoreError },
}

impl<'a> Batches<'a> {
    pub(super) fn new(files: &'a [SourceFile], request: &'a Request<'a>, hold: Hold) -> Self {
        // A log is asked by the text of an envelope.
        let hold = if matches!(request.proofs, Proofs::Asked(_)) { Hold::All } else { hold };
        Self { files, request, hold, next: 0, open: None, asked: 0 }
    }

    /// The next batch; empty at the end. All of it is independent of the artifacts.
    ///
    /// # Errors
    /// A file that was named can no longer be read; `log-too-many`.
    pub(super) fn next(&mut self) -> Result<Vec<Read>, AssessError> {
        let files = self.files;
        let hold = self.hold;
        let parsed = in_parallel(self.units(), self.request.threads, |unit| parse(unit, files, hold));
        let mut candidates = Vec::with_capacity(parsed.len());
        for (file, found) in parsed {
            match (found, self.request.attestations) {
                (Ok(found), _) => candidates.extend(found.into_iter().map(|one| (file, Ok(one)))),
                (Err(error), Where::Files(_)) => return Err(error.into()),
                (Err(error), Where::Beside) => candidates.push((file, Err(error))),
            }
        }
        if matches!(self.request.proofs, Proofs::Asked(_)) {
            let lacking = |(_, found): &&(usize, Result<Candidate, StoreError>)| {
                found.as_ref().is_ok_and(|one| one.bundle.as_ref().is_ok_and(lacks_proof))
            };
            self.asked += candidates.iter().filter(lacking).count();
            if self.asked > MAX_ASKED {
                return Err(AssessError::TooManyAsked { found: self.asked });
            }
        }
        Ok(in_parallel(candidates, self.request.threads, |(file, found)| authenticate(file, found, self.request)))
    }

    fn units(&mut self) -> Vec<Unit> {
        let (mut units, mut bytes) = (Vec::new(), 0);
        while units.len() < UNITS && bytes < BYTES {
            if let Some(lines) = &mut self.open {
                let (file, mut text) = (self.next.saturating_sub(1), Vec::new());
                match lines.next(&mut text) {
                    Ok(Some(number)) => {
                        bytes += text.len();
                        units.push(Unit::Line { file, number, text });
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => units.push(Unit::Failed { file, error }),
                }
                self.open = None;
            }
            let Some(file) = self.files.get(self.next) else { break };
            let number = self.next;
            self.next += 1;
            match &file.layout {
                Layout::Whole | Layout::Held(_) | Layout::Refused(_) => units.push(Unit::Whole(number)),
                Layout::Unreadable(error) => units.push(Unit::Failed { file: number, error: error.clone() }),
                Layout::Lines(_) => match Lines::open(&file.path, cap()) {
                    Ok(lines) => self.open = Some(lines),
                    Err(error) => units.push(Unit::Failed { file: number, error }),
                },
            }
        }
        units
    }
}

/// The file of a unit and what stands there. What is malformed stays a candidate.
fn parse(unit: Unit, files: &[SourceFile], hold: Hold) -> (usize, Result<Vec<Candidate>, StoreError>) {
    match unit {
        Unit::Line { file, number, text } => (file, Ok(vec![attestations::line(number, &text)])),
        Unit::Failed { file, error } => (file, Err(error)),
        Unit::Whole(file) => {
            let malformed = |error| vec![Candidate { position: Position::Whole, bundle: Err(error) }];
            let found = match files.get(file) {
                Some(SourceFile { layout: Layout::Refused(error), .. }) => Ok(malformed(error.clone())),
                Some(SourceFile { layout: Layout::Held(bundle), .. }) => {
                    Ok(vec![Candidate { position: Position::Whole, bundle: bundle.as_ref().clone() }])
                }
                Some(one) => match measured(&one.path, hold) {
                    Ok(Some(candidate)) => Ok(vec![candidate]),
                    Ok(None) => {
                        read_capped(&one.path, cap()).map(|bytes| attestations::parse(&bytes).unwrap_or_else(malformed))
                    }
                    Err(error) => Err(error),
                },
                None => Ok(Vec::new()),
            };
            (file, found)
        }
    }
}

/// A file of one attestation that is too long to be held, where measuring it is enough; None for every other.
fn measured(path: &Path, hold: Hold) -> Result<Option<Candidate>, StoreError> {
    if hold == Hold::All {
        return Ok(None);
    }
    measure::candidate(&Spooled::open(path, cap())?).map_err(|error| StoreError::reading(path, &error))
}

/// Everything about an attestation that does not depend on an artifact. Where the caller gave a way to ask a log, what
/// shows no proof is completed with the log's entry first ([`complete`]).
fn authenticate(file: usize, found: Result<Candidate, StoreError>, request: &Request<'_>) -> Read {
    let refused = |outcome, finding| Box::new(Refused { outcome, finding });
    let proofs = ProofSource::File;
    match found {
        Ok(Candidate { position, bundle: Ok(bundle) }) => {
            let asked = matches!(request.proofs, Proofs::Asked(_)) && lacks_proof(&bundle);
            let proofs = if asked { ProofSource::Log } else { ProofSource::File };
            let authenticated = authenticate_one(&bundle, request);
            Read { file, position, format: Some(bundle.version.name()), authenticated, proofs }
        }
        Ok(Candidate { position, bundle: Err(error) }) => {
            let authenticated = Err(refused(Outcome::Rejected, Finding::from(&error)));
            Read { file, position, format: None, authenticated, proofs }
        }
        Err(error) => {
            let authenticated = Err(refused(Outcome::Unreadable, Finding::new(error.code(), error)));
            Read { file, position: Position::Whole, format: None, authenticated, proofs }
        }
    }
}

fn authenticate_one(bundle: &Bundle, request: &Request<'_>) -> Result<Authenticated, Box<Refused>> {
    let ask = match request.proofs {
        Proofs::InFiles => {
            let refused = |error| Box::new(Refused { outcome: Outcome::Rejected, finding: Finding::from(&error) });
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
