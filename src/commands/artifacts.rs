//! What the user named as artifacts, with progress while it is hashed and advice when it cannot be.

use std::fs;
use std::num::NonZeroUsize;
use std::thread;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::progress;
use crate::formats::artifact::Artifact;
use crate::formats::digest::Algorithm;
use crate::store::file::StoreError;
use crate::store::hash::HashError;
use crate::store::hash::hash_files;
use crate::store::oci::OciError;
use crate::store::subjects;
use crate::store::subjects::Directories;
use crate::store::subjects::Naming;
use crate::store::subjects::Platforms;
use crate::store::subjects::SubjectOptions;
use crate::store::subjects::SubjectsError;

/// Expands what the user named, hashing each file by SHA-256 and the algorithms of `also`.
pub(super) fn expand(texts: &[String], also: &[Algorithm]) -> Result<Vec<Artifact>, CommandError> {
    let threads = threads();
    let options = SubjectOptions {
        also: also.to_vec(),
        directories: Directories::EachFile,
        threads,
        naming: Naming::Basename,
        platforms: Platforms::Index,
        stdin: None,
    };
    progress::while_hashing(|tell| subjects::expand(texts, &options, tell)).map_err(|error| refused(&error))
}

/// As many threads as the machine runs at once.
pub(super) fn threads() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What the user named as artifacts is none.
pub(super) fn refused(error: &SubjectsError) -> CommandError {
    let refused = CommandError { exit: exit(error), code: error.code(), message: error.to_string(), hint: None };
    match hint(error) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// What the user named wrongly is a usage error; what the machine failed at is not.
fn exit(error: &SubjectsError) -> Exit {
    match error {
        SubjectsError::Unreadable { .. } if error.code() != "subject-not-found" => Exit::Undecided,
        SubjectsError::Hash(error) => exit_of_hash(error),
        SubjectsError::File(error) => exit_of_file(error),
        // Somebody changed what another job made.
        SubjectsError::HandleFile { .. } | SubjectsError::Layout(OciError::Digest { .. } | OciError::Size { .. }) => {
            Exit::Denied
        }
        SubjectsError::Layout(OciError::Store(error)) => exit_of_file(error),
        _ => Exit::Usage,
    }
}

/// Refuses to write over an artifact, or over a file that was just read: the attestation would be about nothing, or
/// the key be lost, and --force was hardly meant for that.
pub(super) fn refuse_as_output(path: &str, artifacts: &[Artifact], read: &[&str]) -> Result<(), CommandError> {
    let Ok(output) = fs::canonicalize(path) else { return Ok(()) };
    let refused = |what: &str| {
        let message = format!("{path}: expected a file to be written, found {what}");
        Err(CommandError::usage("output-is-input", message).hint("name another --output"))
    };
    if read.iter().any(|path| fs::canonicalize(path).is_ok_and(|read| read == output)) {
        return refused("one that was just read");
    }
    let digests = hash_files(&[output], &[Algorithm::Sha256], &|_| {}, NonZeroUsize::MIN);
    let Some(Ok(digests)) = digests.first() else { return Ok(()) };
    match artifacts.iter().find(|one| digests.iter().any(|digest| one.digests().contains(digest))) {
        Some(artifact) => refused(&format!("the subject {:?}", artifact.name())),
        None => Ok(()),
    }
}

/// How the program ends when a file that the user named cannot be read or written.
pub(super) fn exit_of_file(error: &StoreError) -> Exit {
    match error {
        StoreError::Permission { .. }
        | StoreError::Locked { .. }
        | StoreError::Unreadable { .. }
        | StoreError::Unwritable { .. } => Exit::Undecided,
        _ => Exit::Usage,
    }
}

/// A file that the user named cannot be read or written.
pub(super) fn file_refused(error: &StoreError) -> CommandError {
    let refused =
        CommandError { exit: exit_of_file(error), code: error.code(), message: error.to_string(), hint: None };
    match error {
        StoreError::Exists { .. } => refused.hint("give another name, or --force to replace it"),
        StoreError::DirectoryMissing { .. } => refused.hint("make the directory first"),
        _ => refused,
    }
}

/// A file that has no digest.
pub(super) fn hash_refused(error: &HashError) -> CommandError {
    match error {
        HashError::File(error) => file_refused(error),
        _ => CommandError { exit: exit_of_hash(error), code: error.code(), message: error.to_string(), hint: None },
    }
}

fn exit_of_hash(error: &HashError) -> Exit {
    match error {
        HashError::Read { .. } | HashError::Changed { .. } | HashError::Digest(_) => Exit::Undecided,
        HashError::File(error) => exit_of_file(error),
        HashError::NotComputable(_) | HashError::DirectoryName(_) => Exit::Usage,
    }
}

fn hint(error: &SubjectsError) -> Option<&'static str> {
    match error.code() {
        "subject-not-found" => {
            Some("a subject is a path, a pattern, a directory, a digest like sha256:…, or @CHECKSUMS-FILE")
        }
        "subject-no-match" => Some("quote a pattern, so that it reaches sealmark and not the shell"),
        "subject-ambiguous" => Some("put the other file elsewhere, or name the files one by one"),
        "subject-conflict" => Some(
            "tell files of one name apart with --subject-name relative, or name the folder: DIR names them by path",
        ),
        "subject-handle" => Some("name the file in that workflow artifact, after the job downloaded it"),
        "base64-subjects-json" | "base64-subjects-invalid" => Some("give what `sha256sum FILES | base64 -w0` prints"),
        "base64-subjects-masked" => {
            Some("hand the list over as a file: the runner masks outputs that look like secrets")
        }
        "layout-image-ambiguous" => Some("name one as oci-layout:DIR@sha256:…"),
        "subject-image-unpinned" => {
            Some("name the image by its digest, NAME@sha256:…, as the registry told it when it was pushed")
        }
        "hash-file-changed" => Some("wait until whatever writes the file is done"),
        "artifact-weak-digest" => Some("give a sha256 digest"),
        _ => None,
    }
}
