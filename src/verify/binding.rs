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

/// Statements with more subjects than this are searched through an [`Index`].
const SCANNED: usize = 32;

/// For each digest that binds, the first subject that has it. Without it, binding n artifacts to a Statement of n
/// subjects would take n² comparisons, which for 50,000 are minutes.
#[derive(Debug)]
pub(super) struct Index(HashMap<Digest, usize>);

impl Index {
    /// The index of a Statement, where it is worth one.
    pub(super) fn of(statement: &Statement) -> Option<Self> {
        if statement.subjects.len() <= SCANNED {
            return None;
        }
        let mut first = HashMap::with_capacity(statement.subjects.len());
        for (n, subject) in statement.subjects.iter().enumerate() {
            for digest in binding_digests(subject) {
                first.entry(digest).or_insert(n);
            }
        }
        Some(Self(first))
    }

    /// The first subject that agrees with the artifact in a digest that binds: the one that a scan would stop at.
    fn first(&self, artifact: &Artifact) -> Option<usize> {
        artifact.digests().iter().filter_map(|own| self.0.get(own)).min().copied()
    }
}

/// Finds the subject (in-toto attestation spec v1, "DigestSet": any acceptable match; names never decide). One strong
/// digest must agree and no other digest known for both may differ, since then the subject is not one thing. A digest
/// that names a git object binds only when the user named the artifact by it.
///
/// # Errors
/// `subject-mismatch`, `subject-contradiction`, `subject-weak`.
pub(super) fn check(
    statement: &Statement,
    index: Option<&Index>,
    artifact: &Artifact,
) -> Result<ArtifactBound, VerifyError> {
    let from = match index {
        Some(index) => index.first(artifact).unwrap_or(statement.subjects.len()),
        None => 0,
    };
    for (n, subject) in statement.subjects.iter().enumerate().skip(from) {
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
            (None, _) => {}
        }
    }
    if let [subject] = statement.subjects.as_slice()
        && binding_digests(subject).next().is_none()
    {
        return Err(VerifyError::SubjectWeak { found: subject.digest.to_string() });
    }
    let own: Vec<String> = artifact.digests().iter().map(Digest::to_string).collect();
    Err(VerifyError::SubjectMismatch { expected: own.join(", "), found: shown(&statement.subjects) })
}

fn binds(digest: &Digest) -> bool {
    digest.algorithm().strength() != Strength::Weak
}

fn binding_digests(subject: &Subject) -> impl Iterator<Item = Digest> {
    let known = subject.digest.iter().filter_map(|(name, _)| Algorithm::from_name(name));
    known.filter_map(|algorithm| subject.digest.get(algorithm)).filter(binds)
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;

    /// A Statement of these subjects, each `algorithm:byte,…`, behind as many others as make it worth an index.
    fn statement(subjects: &[&str]) -> Statement {
        let mut text = String::from(r#"{"_type":"https://in-toto.io/Statement/v1","subject":["#);
        let other = |n: usize| format!("{{\"name\":\"o{n}\",\"digest\":{{\"sha256\":\"{:064x}\"}}}}", n + 1);
        let mut rows: Vec<String> = (0..=SCANNED).map(other).collect();
        for (n, subject) in subjects.iter().enumerate() {
            let digests: Vec<String> = subject
                .split(',')
                .map(|one| {
                    let digest = digest(one);
                    format!("\"{}\":\"{}\"", digest.algorithm(), digest.hex())
                })
                .collect();
            rows.push(format!("{{\"name\":\"s{n}\",\"digest\":{{{}}}}}", digests.join(",")));
        }
        write!(text, "{}],\"predicateType\":\"urn:x\",\"predicate\":{{}}}}", rows.join(",")).unwrap();
        Statement::parse(text.as_bytes().into()).unwrap()
    }

    fn digest(text: &str) -> Digest {
        let (name, byte) = text.split_once(':').unwrap();
        let algorithm = Algorithm::from_name(name).unwrap();
        Digest::from_hex(algorithm, &byte.repeat(algorithm.lengths()[0])).unwrap()
    }

    /// What a scan and a look into the index say, which must be the same.
    fn outcome(statement: &Statement, artifact: &str) -> Result<usize, &'static str> {
        let artifact = Artifact::new("a".to_owned(), artifact.split(',').map(digest).collect()).unwrap();
        let told = |index: Option<&Index>| check(statement, index, &artifact).map(|bound| bound.subject());
        let index = Index::of(statement);
        assert!(index.is_some());
        let (scanned, looked_up) = (told(None), told(index.as_ref()));
        assert_eq!(scanned, looked_up);
        scanned.map(|n| n - SCANNED - 1).map_err(|error| error.code())
    }

    #[test]
    fn an_index_decides_as_a_scan_does() {
        let many = statement(&[
            "sha256:aa,sha512:bb",
            "sha256:aa",
            "sha512:cc",
            "sha1:dd",
            "sha1:dd,sha256:ee",
            "gitCommit:ff",
            "sha256:11,gitCommit:22",
        ]);
        assert_eq!(outcome(&many, "sha256:aa"), Ok(0));
        assert_eq!(outcome(&many, "sha256:aa,sha512:bb"), Ok(0));
        assert_eq!(outcome(&many, "sha512:cc"), Ok(2));
        assert_eq!(outcome(&many, "sha256:aa,sha512:cc"), Err("subject-contradiction"));
        assert_eq!(outcome(&many, "sha256:ee,sha512:cc"), Ok(2));
        assert_eq!(outcome(&many, "sha256:99,sha512:cc"), Ok(2));
        assert_eq!(outcome(&many, "sha1:dd,sha256:99"), Err("subject-mismatch"));
        assert_eq!(outcome(&many, "sha1:dd,sha256:ee"), Ok(4));
        assert_eq!(outcome(&many, "sha1:00,sha256:ee"), Err("subject-contradiction"));
        assert_eq!(outcome(&many, "gitCommit:ff"), Ok(5));
        assert_eq!(outcome(&many, "gitCommit:22,sha256:12"), Err("subject-contradiction"));
    }

    #[test]
    fn few_subjects_have_no_index() {
        let mut few = statement(&["sha256:aa"]);
        few.subjects.truncate(SCANNED);
        assert!(Index::of(&few).is_none());
    }
}
