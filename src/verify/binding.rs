//! Step 9: some subject of the Statement is this artifact.

use crate::formats::artifact::Artifact;
use crate::formats::digest::Digest;
use crate::formats::digest::Strength;
use crate::formats::statement::Statement;
use crate::formats::statement::Subject;
use crate::verify::VerifyError;

/// Most subjects that a refusal lists.
const SHOWN: usize = 3;

/// A subject of the Statement is the artifact.
#[derive(Debug)]
pub(super) struct ArtifactBound {
    subject: usize,
}

impl ArtifactBound {
    /// Which subject, from 0.
    pub(super) fn subject(&self) -> usize {
        self.subject
    }
}

/// Finds the subject (in-toto attestation spec v1, "DigestSet": any acceptable match; names never decide). One strong
/// digest must agree and no other digest known for both may differ, since then the subject is not one thing. A digest
/// that names a git object binds only when the user named the artifact by it.
///
/// # Errors
/// `subject-mismatch`, `subject-contradiction`, `subject-weak`.
pub(super) fn check(statement: &Statement, artifact: &Artifact) -> Result<ArtifactBound, VerifyError> {
    let mut weak = None;
    for (n, subject) in statement.subjects.iter().enumerate() {
        let both: Vec<(&Digest, Digest)> =
            artifact.digests().iter().filter_map(|own| Some((own, subject.digest.get(own.algorithm())?))).collect();
        let agrees = both.iter().find(|(own, found)| *own == found && binds(own)).map(|(own, _)| own.algorithm());
        let differs = both.iter().find(|(own, found)| *own != found).map(|(own, _)| own.algorithm());
        match (agrees, differs) {
            (Some(_), None) => return Ok(ArtifactBound { subject: n }),
            (Some(agrees), Some(differs)) => {
                let name = subject.name.clone().unwrap_or_default();
                let (agrees, differs) = (agrees.name(), differs.name());
                return Err(VerifyError::SubjectContradiction { name, agrees, differs });
            }
            (None, _) if !has_strong(subject) => weak = Some(subject),
            (None, _) => {}
        }
    }
    if let (Some(subject), 1) = (weak, statement.subjects.len()) {
        return Err(VerifyError::SubjectWeak { found: subject.digest.to_string() });
    }
    let own: Vec<String> = artifact.digests().iter().map(Digest::to_string).collect();
    Err(VerifyError::SubjectMismatch { expected: own.join(", "), found: shown(&statement.subjects) })
}

fn binds(digest: &Digest) -> bool {
    digest.algorithm().strength() != Strength::Weak
}

fn has_strong(subject: &Subject) -> bool {
    crate::formats::digest::Algorithm::all()
        .filter(|algorithm| algorithm.strength() != Strength::Weak)
        .any(|algorithm| subject.digest.get(algorithm).is_some())
}

fn shown(subjects: &[Subject]) -> String {
    let first: Vec<String> = subjects.iter().take(SHOWN).map(describe).collect();
    match subjects.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{} and {more} more", first.join("; ")),
        _ => first.join("; "),
    }
}

fn describe(subject: &Subject) -> String {
    match &subject.name {
        Some(name) => format!("{} ({name})", subject.digest),
        None => subject.digest.to_string(),
    }
}
