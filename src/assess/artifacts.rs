//! Artifacts and their digests: SHA-256 first, others when a verified attestation names them.

use std::path::Path;
use std::path::PathBuf;

use crate::assess::Request;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::ArtifactError;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::report::Finding;
use crate::store::hash::HashError;
use crate::store::hash::HashProgress;
use crate::store::hash::hash_files;
use crate::store::subjects::Located;
use crate::verify::Authenticated;

/// Algorithms that artifacts are hashed with when an attestation names them; SHA-256 always is.
const ALSO: [Algorithm; 6] = [
    Algorithm::Sha384,
    Algorithm::Sha512,
    Algorithm::Sha512_256,
    Algorithm::Sha3_256,
    Algorithm::Sha3_384,
    Algorithm::Sha3_512,
];

/// An artifact, or why there is none; always with the name that the user gave.
pub(super) type Named = (String, Result<Artifact, Finding>);

/// Which algorithms the subjects of a verified attestation use, beside SHA-256.
pub(super) fn algorithms(authenticated: &Authenticated) -> Vec<Algorithm> {
    let subjects = &authenticated.statement().subjects;
    let named = |algorithm: &Algorithm| subjects.iter().any(|subject| subject.digest.get(*algorithm).is_some());
    ALSO.into_iter().filter(named).collect()
}

/// All artifacts, files by their SHA-256. One that cannot be read is reported, and undecided.
pub(super) fn read(request: &Request<'_>, progress: &(dyn Fn(HashProgress) + Sync)) -> Vec<Named> {
    let paths: Vec<PathBuf> = request.artifacts.iter().filter_map(file).map(Path::to_owned).collect();
    let mut hashed = hash_files(&paths, &[Algorithm::Sha256], progress, request.threads).into_iter();
    let artifact = |one: &Located| match one {
        Located::File(path) => of_file(path, hashed.next()),
        Located::Digests { name, digests } => named(name.clone(), digests.clone()),
        Located::Image { name, digest, .. } => named(name.clone(), vec![digest.clone()]),
    };
    request.artifacts.iter().map(artifact).collect()
}

/// Hashes some of the files among `artifacts` by more algorithms, all in one pass. Whoever reads twice may read two
/// things: SHA-256 is computed again, and a file that changed is reported, and undecided.
pub(super) fn hash_more(
    artifacts: &mut [Named],
    which: &[usize],
    also: &[Algorithm],
    request: &Request<'_>,
    progress: &(dyn Fn(HashProgress) + Sync),
) {
    let path = |n: &usize| Some((*n, request.artifacts.get(*n).and_then(file)?.to_owned()));
    let (which, paths): (Vec<usize>, Vec<PathBuf>) = which.iter().filter_map(path).unzip();
    let algorithms: Vec<Algorithm> = [Algorithm::Sha256].into_iter().chain(also.iter().copied()).collect();
    let hashed = hash_files(&paths, &algorithms, progress, request.threads);
    for ((n, path), hashed) in which.iter().zip(&paths).zip(hashed) {
        let Some((_, before @ Ok(_))) = artifacts.get_mut(*n) else { continue };
        let now = of_file(path, Some(hashed)).1;
        let first = |one: &Result<Artifact, Finding>| {
            one.as_ref().ok().and_then(|artifact| artifact.digest(Algorithm::Sha256).cloned())
        };
        *before = if now.is_err() || first(before) == first(&now) {
            now
        } else {
            let message = format!("{}: expected a file that stays as it is, found another content", path.display());
            Err(Finding::new(CHANGED, message))
        };
    }
}

/// The code of [`HashError::Changed`].
const CHANGED: &str = "hash-file-changed";

fn file(one: &Located) -> Option<&Path> {
    match one {
        Located::File(path) => Some(path),
        Located::Digests { .. } | Located::Image { .. } => None,
    }
}

fn of_file(path: &Path, hashed: Option<Result<Vec<Digest>, HashError>>) -> Named {
    let name = path.display().to_string();
    match hashed {
        Some(Err(error)) => (name, Err(Finding::new(error.code(), error))),
        // One result came for each path; without digests there is no artifact.
        digests => named(name, digests.and_then(Result::ok).unwrap_or_default()),
    }
}

fn named(name: String, digests: Vec<Digest>) -> Named {
    let artifact = Artifact::new(name.clone(), digests);
    (name, artifact.map_err(|error: ArtifactError| Finding::new(error.code(), error)))
}
