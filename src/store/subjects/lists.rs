//! Lists of artifacts that come as bytes: checksums, slsa-github-generator's base64 form, the list of a GitHub job.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::formats::artifact::Artifact;
use crate::formats::artifact::base64_subjects::Base64Subjects;
use crate::formats::artifact::base64_subjects::Handle;
use crate::formats::artifact::base64_subjects::MAX_TEXT;
use crate::formats::artifact::base64_subjects::parse_base64_subjects;
use crate::formats::artifact::checksums::ChecksumLine;
use crate::formats::artifact::checksums::ChecksumsLimits;
use crate::formats::artifact::checksums::parse_checksums;
use crate::formats::artifact::list::parse_list;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::store::file::read_capped;
use crate::store::subjects::error::SubjectsError;
use crate::store::subjects::named::Named;
use crate::store::subjects::named::Origin;
use crate::trust::key::sha256;

/// The artifacts of a checksums file that came as bytes; `origin` says in errors where from.
///
/// # Errors
/// `checksums-*`, `subject-empty`, `subject-conflict`.
pub fn checksums(bytes: &[u8], origin: &str) -> Result<Vec<Artifact>, SubjectsError> {
    let lines = parse_checksums(bytes, ChecksumsLimits::STANDARD)
        .map_err(|source| SubjectsError::Listed { origin: origin.to_owned(), source })?;
    of_lines(lines, origin)
}

/// The subjects as slsa-github-generator is told them: base64 of what `sha256sum` prints
/// ([`parse_base64_subjects`]). A handle of a file is refused: there is no file here.
///
/// # Errors
/// `base64-subjects-*`, `checksums-*`, `subject-handle`, `subject-conflict`.
pub fn base64_subjects(text: &[u8]) -> Result<Vec<Artifact>, SubjectsError> {
    match parse_base64_subjects(text)? {
        Base64Subjects::Lines(lines) => of_lines(lines, "the decoded text"),
        Base64Subjects::Handle(Handle { artifact_name, filename, .. }) => {
            Err(SubjectsError::Handle { artifact_name, filename })
        }
    }
}

/// As [`base64_subjects`], and the handle that slsa-github-generator's `create-base64-subjects-from-file` returns is
/// followed: the file of that name in `folder`, into which the workflow artifact was downloaded, must have the digest in the
/// handle. It holds the base64 form again, and no handle.
///
/// # Errors
/// As [`base64_subjects`]; `file-*`, `subject-handle-digest`.
pub fn base64_subjects_in(text: &[u8], folder: &Path) -> Result<Vec<Artifact>, SubjectsError> {
    let handle = match parse_base64_subjects(text)? {
        Base64Subjects::Lines(lines) => return of_lines(lines, "the decoded text"),
        Base64Subjects::Handle(handle) => handle,
    };
    let path = folder.join(&handle.filename);
    let bytes = read_capped(&path, u64::try_from(MAX_TEXT).unwrap_or(u64::MAX))?;
    let found = Digest::new(Algorithm::Sha256, sha256(&bytes).to_vec()).map_err(crate::store::hash::HashError::from)?;
    if found != handle.sha256 {
        return Err(SubjectsError::HandleFile { path, expected: handle.sha256, found });
    }
    base64_subjects(&bytes)
}

/// The artifacts that a GitHub job's steps declared, out of the file that `GITHUB_ARTIFACTS_LIST` names ([`parse_list`]).
///
/// # Errors
/// `artifacts-list-*`, `json-*`, `subject-conflict`, `artifact-*`.
pub fn artifacts_list(bytes: &[u8]) -> Result<Vec<Artifact>, SubjectsError> {
    let mut named = Named::new();
    for (n, listed) in parse_list(bytes)?.into_iter().enumerate() {
        named.add(listed.name, vec![listed.digest], Origin::Entry("/subjects entry", n))?;
    }
    named.artifacts()
}

fn of_lines(lines: Vec<ChecksumLine>, origin: &str) -> Result<Vec<Artifact>, SubjectsError> {
    let mut named = Named::new();
    add_lines(&mut named, lines, Path::new(origin))?;
    named.artifacts()
}

/// Adds the entries of one checksums file; a name twice under different algorithms is one artifact.
pub(super) fn add_lines(named: &mut Named, lines: Vec<ChecksumLine>, file: &Path) -> Result<(), SubjectsError> {
    let file: Arc<Path> = file.into();
    let mut names: BTreeMap<String, (usize, Vec<Digest>)> = BTreeMap::new();
    for entry in lines {
        names.entry(entry.name).or_insert((entry.line, Vec::new())).1.push(entry.digest);
    }
    for (name, (line, digests)) in names {
        named.add(name, digests, Origin::Line { file: Arc::clone(&file), line })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::formats::base64::encode;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn names(artifacts: &[Artifact]) -> Vec<&str> {
        artifacts.iter().map(Artifact::name).collect()
    }

    #[test]
    fn base64_is_decoded_and_a_handle_followed() {
        let text = encode(format!("{ABC}  b\n{EMPTY} *a\n").as_bytes());
        assert_eq!(names(&base64_subjects(text.as_bytes()).unwrap()), ["a", "b"]);
        let folder = tempfile::tempdir().unwrap();
        let digest = hex::encode(sha256(text.as_bytes()));
        fs::write(folder.path().join("digests.text"), &text).unwrap();
        let handle = |file: &str, digest: &str| {
            encode(format!(r#"{{"artifact_name":"s-1","filename":"{file}","sha256":"{digest}"}}"#).as_bytes())
        };
        let follow = |file: &str, digest: &str| base64_subjects_in(handle(file, digest).as_bytes(), folder.path());
        assert_eq!(names(&follow("digests.text", &digest).unwrap()), ["a", "b"]);
        assert_eq!(follow("digests.text", ABC).unwrap_err().code(), "subject-handle-digest");
        assert_eq!(follow("absent", &digest).unwrap_err().code(), "file-not-found");
        assert_eq!(base64_subjects(handle("digests.text", &digest).as_bytes()).unwrap_err().code(), "subject-handle");
        // A file that is a handle again leads nowhere.
        let again = handle("digests.text", &digest);
        fs::write(folder.path().join("again"), &again).unwrap();
        let error = follow("again", &hex::encode(sha256(again.as_bytes()))).unwrap_err();
        assert_eq!(error.code(), "subject-handle");
        assert_eq!(names(&base64_subjects_in(text.as_bytes(), folder.path()).unwrap()), ["a", "b"]);
    }

    #[test]
    fn lists_refuse_two_contents_of_one_name() {
        let list = |second: &str| {
            let entry = |hex: &str| format!(r#"{{"name":"app","digest":"sha256:{hex}","kind":"file"}}"#);
            format!(r#"{{"version":1,"subjects":[{},{}]}}"#, entry(ABC), entry(second))
        };
        assert_eq!(names(&artifacts_list(list(ABC).as_bytes()).unwrap()), ["app"]);
        let error = artifacts_list(list(EMPTY).as_bytes()).unwrap_err();
        assert_eq!(error.code(), "subject-conflict");
        assert!(error.to_string().contains("/subjects entry 0 and /subjects entry 1"), "{error}");
        let weak = list(ABC).replace("sha256", "sha1").replace(ABC, &ABC[..40]);
        assert_eq!(artifacts_list(weak.as_bytes()).unwrap_err().code(), "artifact-weak-digest");
    }

    #[test]
    fn checksums_name_where_they_come_from() {
        assert_eq!(names(&checksums(format!("{ABC}  app\n").as_bytes(), "standard input").unwrap()), ["app"]);
        let error = checksums(b"x", "standard input").unwrap_err();
        assert_eq!(error.code(), "checksums-malformed-line");
        assert!(error.to_string().starts_with("standard input: line 1"), "{error}");
        assert_eq!(checksums(b"# nothing\n", "standard input").unwrap_err().code(), "subject-empty");
    }
}
