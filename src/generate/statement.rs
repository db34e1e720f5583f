//! Subjects and a predicate to the bytes of a Statement: the same inputs always give the same bytes.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde::Serializer;

use crate::formats::digest::Digest;
use crate::formats::digest::DigestSet;
use crate::formats::digest::Strength;
use crate::formats::predicate_type;
use crate::formats::provenance::v1::PREDICATE_TYPE;
use crate::formats::provenance::v1::ProvenanceV1;
use crate::formats::provenance::v02;
use crate::formats::provenance::v02::ProvenanceV02;
use crate::formats::statement::MAX_SUBJECTS;
use crate::formats::statement::STATEMENT_V0_1;
use crate::formats::statement::STATEMENT_V1;
use crate::generate::GenerateError;

/// The name of a subject that has none worth saying (in-toto attestation spec v1, "subject.name"); it may occur again.
pub const NAMELESS: &str = "_";

/// A Statement v1 about these subjects: compact JSON, keys in the order `_type`, `subject`, `predicateType`, `predicate`;
/// subjects sorted by name and digests, repeated ones written once.
///
/// # Errors
/// Every [`GenerateError`] about subjects.
pub fn statement_bytes<'a>(
    subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>,
    predicate: &ProvenanceV1,
) -> Result<Vec<u8>, GenerateError> {
    let mut bytes = Vec::new();
    write_statement(&mut bytes, subjects, predicate)?;
    Ok(bytes)
}

/// Writes what [`statement_bytes`] gives; beyond the subjects it borrows, it holds 64 bytes for each.
///
/// # Errors
/// Every [`GenerateError`] about subjects, found before the first byte is written; [`GenerateError::Write`].
pub fn write_statement<'a>(
    out: &mut impl io::Write,
    subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>,
    predicate: &ProvenanceV1,
) -> Result<(), GenerateError> {
    let subject = Subjects(ordered(subjects)?);
    let statement =
        Statement { statement_type: STATEMENT_V1, subject, predicate_type: PREDICATE_TYPE, predicate: Some(predicate) };
    serde_json::to_writer(out, &statement).map_err(|error| GenerateError::Write(error.into()))
}

/// A Statement v0.1 with provenance v0.2, for verifiers that read nothing newer; otherwise as [`statement_bytes`].
///
/// # Errors
/// Every [`GenerateError`] about subjects.
pub fn statement_v01_bytes<'a>(
    subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>,
    predicate: &ProvenanceV02,
) -> Result<Vec<u8>, GenerateError> {
    let subject = Subjects(ordered(subjects)?);
    let predicate_type = v02::PREDICATE_TYPE;
    let statement = Statement { statement_type: STATEMENT_V0_1, subject, predicate_type, predicate: Some(predicate) };
    serde_json::to_vec(&statement).map_err(|error| GenerateError::Write(error.into()))
}

/// A Statement v1 about these subjects with a predicate of any type, whose JSON text is carried byte for byte.
///
/// # Errors
/// Every [`GenerateError`] about subjects.
pub fn statement_with<'a>(
    subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>,
    predicate_type: &str,
    predicate: &[u8],
) -> Result<Vec<u8>, GenerateError> {
    let (mut bytes, after) = statement_around(subjects, predicate_type)?;
    bytes.extend_from_slice(predicate.trim_ascii());
    bytes.extend_from_slice(after);
    Ok(bytes)
}

/// What stands before and after the predicate in what [`statement_with`] gives.
///
/// # Errors
/// Every [`GenerateError`] about subjects.
pub fn statement_around<'a>(
    subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>,
    predicate_type: &str,
) -> Result<(Vec<u8>, &'static [u8]), GenerateError> {
    let subject = Subjects(ordered(subjects)?);
    let head = Statement::<()> { statement_type: STATEMENT_V1, subject, predicate_type, predicate: None };
    let mut bytes = serde_json::to_vec(&head).map_err(|error| GenerateError::Write(error.into()))?;
    // What is written is an object; its last byte closes it.
    bytes.pop();
    bytes.extend_from_slice(b",\"predicate\":");
    Ok((bytes, b"}"))
}

/// A Statement v1 that signs one artifact and says nothing about it, as cosign 3 signs images: one subject without a name, an
/// empty predicate. Where there are annotations, they stand beside the subject's digest.
///
/// # Errors
/// [`GenerateError::SubjectDigestWeak`] without a digest that binds, [`GenerateError::SubjectConflict`].
pub fn signature_statement(
    digests: &[Digest],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, GenerateError> {
    #[derive(Serialize)]
    struct Row<'a> {
        digest: DigestSet,
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        annotations: &'a BTreeMap<String, String>,
    }
    #[derive(Serialize)]
    struct Signed<'a> {
        #[serde(rename = "_type")]
        statement_type: &'static str,
        subject: [Row<'a>; 1],
        #[serde(rename = "predicateType")]
        predicate_type: &'static str,
        predicate: BTreeMap<&'static str, ()>,
    }
    let digest = subject(NAMELESS, digests)?.digests.into_iter().collect();
    let signed = Signed {
        statement_type: STATEMENT_V1,
        subject: [Row { digest, annotations }],
        predicate_type: predicate_type::SIGNATURE,
        predicate: BTreeMap::new(),
    };
    serde_json::to_vec(&signed).map_err(|error| GenerateError::Write(error.into()))
}

#[derive(Serialize)]
struct Statement<'a, P> {
    #[serde(rename = "_type")]
    statement_type: &'static str,
    subject: Subjects<'a>,
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    predicate: Option<&'a P>,
}

struct Subjects<'a>(Vec<Subject<'a>>);

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'a> {
    name: &'a str,
    /// Sorted, one of each algorithm.
    digests: Vec<&'a Digest>,
}

impl Serialize for Subjects<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            name: &'a str,
            digest: DigestSet,
        }
        out.collect_seq(self.0.iter().map(|s| Row { name: s.name, digest: s.digests.iter().copied().collect() }))
    }
}

fn ordered<'a>(subjects: impl IntoIterator<Item = (&'a str, &'a [Digest])>) -> Result<Vec<Subject<'a>>, GenerateError> {
    let mut sorted = Vec::new();
    for (name, digests) in subjects {
        if sorted.len() == MAX_SUBJECTS {
            return Err(GenerateError::TooManySubjects { limit: MAX_SUBJECTS });
        }
        sorted.push(subject(name, digests)?);
    }
    sorted.sort_unstable();
    sorted.dedup();
    for (one, next) in sorted.iter().zip(sorted.iter().skip(1)) {
        if one.name == next.name && one.name != NAMELESS {
            return Err(conflict(one.name, &one.digests, &next.digests));
        }
    }
    if sorted.is_empty() { Err(GenerateError::NoSubject) } else { Ok(sorted) }
}

fn subject<'a>(name: &'a str, digests: &'a [Digest]) -> Result<Subject<'a>, GenerateError> {
    if name.is_empty() {
        return Err(GenerateError::SubjectNameEmpty);
    }
    let mut digests: Vec<&Digest> = digests.iter().collect();
    digests.sort_unstable();
    digests.dedup();
    for (one, next) in digests.iter().zip(digests.iter().skip(1)) {
        if one.algorithm() == next.algorithm() {
            return Err(conflict(name, &[one], &[next]));
        }
    }
    if digests.iter().all(|d| d.algorithm().strength() == Strength::Weak) {
        let names: Vec<&str> = digests.iter().map(|d| d.algorithm().name()).collect();
        let found = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(GenerateError::SubjectDigestWeak { name: name.to_owned(), found });
    }
    Ok(Subject { name, digests })
}

fn conflict(name: &str, first: &[&Digest], second: &[&Digest]) -> GenerateError {
    let set = |digests: &[&Digest]| digests.iter().copied().collect();
    GenerateError::SubjectConflict { name: name.to_owned(), first: set(first), second: set(second) }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::generate::local::LocalBuild;
    use crate::generate::local::Overrides;

    fn predicate() -> ProvenanceV1 {
        let build = LocalBuild {
            git: None,
            parameters: &BTreeMap::new(),
            sealmark_version: "1.2.3",
            invocation_id: None,
            started_on: None,
            finished_on: None,
            overrides: &Overrides::default(),
        };
        build.facts().unwrap().predicate()
    }

    fn digest(algorithm: &str, byte: &str, length: usize) -> Digest {
        Digest::parse(&format!("{algorithm}:{}", byte.repeat(length))).unwrap()
    }

    fn write(subjects: &[(&str, &[Digest])]) -> Result<String, GenerateError> {
        statement_bytes(subjects.iter().copied(), &predicate()).map(|b| String::from_utf8(b).unwrap())
    }

    #[test]
    fn the_bytes_are_these() {
        let (a, b) = (digest("sha256", "aa", 32), digest("sha512", "bb", 64));
        let text = write(&[("b", std::slice::from_ref(&a)), ("a", &[b, a.clone()])]).unwrap();
        let (aa, bb) = ("aa".repeat(32), "bb".repeat(64));
        assert_eq!(
            text,
            format!(
                concat!(
                    r#"{{"_type":"https://in-toto.io/Statement/v1","subject":["#,
                    r#"{{"name":"a","digest":{{"sha256":"{aa}","sha512":"{bb}"}}}},{{"name":"b","digest":{{"sha256":"{aa}"}}}}],"#,
                    r#""predicateType":"https://slsa.dev/provenance/v1","predicate":{{"buildDefinition":{{"#,
                    r#""buildType":"https://sealmark.dev/buildtypes/local/v1","externalParameters":{{}}}},"#,
                    r#""runDetails":{{"builder":{{"id":"https://sealmark.dev/builders/local/v1","version":{{"sealmark":"1.2.3"}}}}}}}}}}"#,
                ),
                aa = aa,
                bb = bb,
            )
        );
    }

    #[test]
    fn a_signature_says_nothing_but_the_digest_and_the_annotations() {
        let aa = "aa".repeat(32);
        let annotations = BTreeMap::from([("b".to_owned(), "2".to_owned()), ("a".to_owned(), "\"1".to_owned())]);
        let text = |annotations: &BTreeMap<String, String>| {
            let text = signature_statement(&[digest("sha256", "aa", 32)], annotations).unwrap();
            String::from_utf8(text).unwrap()
        };
        let rest = r#""predicateType":"https://sigstore.dev/cosign/sign/v1","predicate":{}}"#;
        let head = format!(r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{aa}"}}"#);
        assert_eq!(text(&BTreeMap::new()), format!("{head}}}],{rest}"));
        assert_eq!(text(&annotations), format!(r#"{head},"annotations":{{"a":"\"1","b":"2"}}}}],{rest}"#));
        let weak = signature_statement(&[digest("sha1", "aa", 20)], &annotations).unwrap_err();
        assert_eq!(weak.code(), "subject-digest-weak");
    }

    #[test]
    fn order_and_repetition_do_not_matter() {
        let (a, b) = ([digest("sha256", "aa", 32)], [digest("sha256", "bb", 32)]);
        let both = [digest("sha256", "aa", 32), digest("sha1", "cc", 20)];
        let swapped = [digest("sha1", "cc", 20), digest("sha256", "aa", 32), digest("sha1", "cc", 20)];
        let once = write(&[("x", &a), ("y", &b), ("z", &both)]).unwrap();
        assert_eq!(write(&[("z", &swapped), ("y", &b), ("x", &a), ("y", &b)]).unwrap(), once);
        let value: Value = serde_json::from_str(&once).unwrap();
        assert_eq!(value["subject"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn bad_subjects_are_refused_by_code() {
        let (a, b) = ([digest("sha256", "aa", 32)], [digest("sha256", "bb", 32)]);
        let twice = [digest("sha256", "aa", 32), digest("sha256", "bb", 32)];
        let weak = [digest("sha1", "aa", 20), digest("md5", "aa", 16)];
        let code = |subjects: &[(&str, &[Digest])]| write(subjects).map_or_else(|e| e.code(), |_| "ok");
        assert_eq!(code(&[("x", &a), ("x", &b)]), "subject-conflict");
        assert_eq!(code(&[("x", &b), ("y", &b), ("x", &a)]), "subject-conflict");
        assert_eq!(code(&[("x", &twice)]), "subject-conflict");
        assert_eq!(code(&[("_", &a), ("_", &b)]), "ok");
        assert_eq!(code(&[("x", &a), ("y", &a)]), "ok");
        assert_eq!(code(&[]), "no-subject");
        assert_eq!(code(&[("", &a)]), "subject-name-empty");
        assert_eq!(code(&[("x", &[])]), "subject-digest-weak");
        assert_eq!(code(&[("x", &weak)]), "subject-digest-weak");
        assert_eq!(code(&[("x", &[digest("gitCommit", "ab", 20)])]), "ok");
        let many = std::iter::repeat_n(("x", a.as_slice()), MAX_SUBJECTS + 1);
        assert_eq!(statement_bytes(many, &predicate()).unwrap_err().code(), "too-many-subjects");
    }

    #[test]
    fn a_full_disk_is_an_error() {
        struct Full;
        impl io::Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let a = [digest("sha256", "aa", 32)];
        let error = write_statement(&mut Full, [("x", a.as_slice())], &predicate()).unwrap_err();
        assert_eq!(error.code(), "statement-not-written");
        assert!(matches!(error, GenerateError::Write(e) if e.kind() == io::ErrorKind::StorageFull));
    }
}
