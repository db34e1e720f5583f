//! Step 9: some subject of the Statement is this artifact.

use std::collections::HashMap;

use crate::formats::artifact::Artifact;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::Strength;
use crate::formats::statement::Statement;
use crate::formats::statement::Subject;
use crate::verify::VerifyError;

/// Most subjects that a refusal lists.
const SHOWN: usize = 3;
/// Most subjects whose names are compared with the artifact's for a refusal.
const NAMES: usize = 1000;

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

/// Which subjects have which digest, so that an artifact is found among a million subjects at once.
#[derive(Debug)]
pub(super) struct SubjectIndex(HashMap<Digest, Vec<usize>>);

impl SubjectIndex {
    /// Every digest of the Statement that can bind.
    pub(super) fn new(statement: &Statement) -> Self {
        let mut index: HashMap<Digest, Vec<usize>> = HashMap::with_capacity(statement.subjects.len());
        for (n, subject) in statement.subjects.iter().enumerate() {
            for digest in binding_digests(subject) {
                index.entry(digest).or_default().push(n);
            }
        }
        Self(index)
    }
}

/// The well-formed digests of a subject that can bind an artifact.
fn binding_digests(subject: &Subject) -> impl Iterator<Item = Digest> {
    let known = subject.digest.iter().filter_map(|(name, _)| Algorithm::from_name(name));
    known.filter_map(|algorithm| subject.digest.get(algorithm)).filter(binds)
}

/// Finds the subject (in-toto attestation spec v1, "DigestSet": any acceptable match; names never decide). One strong
/// digest must agree and no other digest known for both may differ, since then the subject is not one thing. A digest
/// that names a git object binds only when the user named the artifact by it. An artifact that is known by the text of its
/// digests ([`Artifact::by_text`]) is the subject that has all of them.
///
/// # Errors
/// `subject-mismatch`, `subject-contradiction`, `subject-weak`.
pub(super) fn check(
    statement: &Statement,
    index: &SubjectIndex,
    artifact: &Artifact,
) -> Result<ArtifactBound, VerifyError> {
    if !artifact.texts().is_empty() {
        return by_text(statement, artifact);
    }
    let own = artifact.digests();
    let hit = own.iter().filter(|digest| binds(digest)).filter_map(|digest| {
        let first = index.0.get(digest)?.first()?;
        Some((*first, digest.algorithm()))
    });
    if let Some((subject, agrees)) = hit.min() {
        let found = statement.subjects.get(subject);
        let differs = own.iter().find(|digest| {
            let other = found.and_then(|subject| subject.digest.get(digest.algorithm()));
            other.is_some_and(|other| other != **digest)
        });
        let Some(differs) = differs else { return Ok(ArtifactBound { subject }) };
        let name = found.and_then(|subject| subject.name.clone()).unwrap_or_default();
        let (agrees, differs) = (agrees.name(), differs.algorithm().name());
        return Err(VerifyError::SubjectContradiction { name, agrees, differs });
    }
    if let [only] = statement.subjects.as_slice()
        && binding_digests(only).next().is_none()
    {
        return Err(VerifyError::SubjectWeak { found: only.digest.to_string() });
    }
    let own: Vec<String> = own.iter().map(Digest::to_string).collect();
    Err(VerifyError::SubjectMismatch { expected: own.join(", "), found: shown(&statement.subjects, artifact.name()) })
}

/// All of the digests stand in one subject, as they are written. Two subjects that have half of them each are two things.
fn by_text(statement: &Statement, artifact: &Artifact) -> Result<ArtifactBound, VerifyError> {
    let texts = artifact.texts();
    let has_all =
        |subject: &Subject| texts.iter().all(|(kind, value)| subject.digest.raw(kind) == Some(value.as_str()));
    if let Some(subject) = statement.subjects.iter().position(has_all) {
        return Ok(ArtifactBound { subject });
    }
    let expected: Vec<String> = texts.iter().map(|(kind, value)| format!("{kind}:{value}")).collect();
    Err(VerifyError::SubjectMismatch {
        expected: expected.join(", "),
        found: shown(&statement.subjects, artifact.name()),
    })
}

fn binds(digest: &Digest) -> bool {
    digest.algorithm().strength() != Strength::Weak
}

/// The first subjects, and before them one that is called like the artifact: a name decides nothing, and tells a reader
/// that the artifact is another version of that file.
fn shown(subjects: &[Subject], artifact: &str) -> String {
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let own = base(artifact);
    let alike = |subject: &&Subject| subject.name.as_deref().is_some_and(|name| base(name) == own);
    let alike = subjects.iter().take(NAMES).find(alike);
    let others = subjects.iter().filter(|one| !alike.is_some_and(|alike| std::ptr::eq(alike, *one)));
    let first: Vec<String> = alike.into_iter().chain(others).take(SHOWN).map(describe).collect();
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
