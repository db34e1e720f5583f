//! Which files of attestations there are, how each is taken apart, and for which artifacts each counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use crate::assess::AssessError;
use crate::assess::MAX_PAIRS;
use crate::assess::Request;
use crate::assess::Where;
use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::store::beside;
use crate::store::file::StoreError;
use crate::store::lines::First;
use crate::store::lines::Survey;
use crate::store::lines::survey;
use crate::store::parallel::in_parallel;
use crate::store::subjects::AttachedAttestation;
use crate::store::subjects::Located;

/// A file of attestations.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Where it lies; empty for what is held already.
    pub(super) path: PathBuf,
    /// The path, or the place in a registry, as it is shown.
    pub(super) name: String,
    pub(super) layout: Layout,
    /// For which artifacts it counts.
    pub(super) places: Vec<Place>,
}

/// That a file counts for an artifact.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Which artifact, from 0.
    pub(super) artifact: usize,
    /// Which of that artifact's files this is, from 0.
    pub(super) rank: usize,
}

/// How a file is taken apart.
#[derive(Debug)]
pub(super) enum Layout {
    /// At once.
    Whole,
    /// Line by line, so that memory does not grow with it: this many are not blank.
    Lines(usize),
    /// Not at all: it was fetched as one attestation.
    Held(Box<Result<Bundle, FormatError>>),
    /// Not at all, since nothing of it may be used.
    Refused(FormatError),
    /// Not at all, since it cannot be read.
    Unreadable(StoreError),
}

/// Most bytes of a file of attestations.
pub(super) fn cap() -> u64 {
    u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX)
}

/// The files, each once. One that was named must be readable; one that was only found is reported.
pub(super) fn find(request: &Request<'_>) -> Result<Vec<SourceFile>, AssessError> {
    let found = match request.attestations {
        Where::Files(paths) => named(paths, request.artifacts.len())?,
        Where::Beside => beside_each(request.artifacts),
    };
    let layouts = in_parallel(found.iter().map(|(path, _)| path).collect(), request.threads, |path| layout(path));
    let mut files = Vec::with_capacity(found.len());
    let mut pairs = 0;
    for ((path, places), layout) in found.into_iter().zip(layouts) {
        let layout = match (layout, request.attestations) {
            (Ok(layout), _) => layout,
            (Err(error), Where::Files(_)) => return Err(error.into()),
            (Err(error), Where::Beside) => Layout::Unreadable(error),
        };
        let attestations = if let Layout::Lines(count) = layout { count } else { 1 };
        pairs = check_pairs(pairs, places.len(), attestations)?;
        files.push(SourceFile { name: path.display().to_string(), path, layout, places });
    }
    if matches!(request.attestations, Where::Beside) {
        for (artifact, one) in request.artifacts.iter().enumerate() {
            let Located::Image { attached, .. } = one else { continue };
            pairs = check_pairs(pairs, 1, attached.len())?;
            files.extend(attached.iter().enumerate().map(|(rank, one)| held(artifact, rank, one)));
        }
    }
    Ok(files)
}

/// Adds pairs to those that were counted before.
///
/// # Errors
/// `assess-too-many` when they are more than [`MAX_PAIRS`].
pub(super) fn check_pairs(before: usize, artifacts: usize, attestations: usize) -> Result<usize, AssessError> {
    let pairs = artifacts.saturating_mul(attestations).saturating_add(before);
    if pairs > MAX_PAIRS { Err(AssessError::TooMany { pairs }) } else { Ok(pairs) }
}

/// What is attached to an image counts for that image.
fn held(artifact: usize, rank: usize, one: &AttachedAttestation) -> SourceFile {
    SourceFile {
        path: PathBuf::new(),
        name: one.source.clone(),
        layout: Layout::Held(Box::new(one.bundle.clone())),
        places: vec![Place { artifact, rank }],
    }
}

/// Each file counts for every artifact.
fn named(paths: &[PathBuf], artifacts: usize) -> Result<Vec<(PathBuf, Vec<Place>)>, AssessError> {
    let mut once: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !once.contains(path) {
            once.push(path.clone());
        }
    }
    check_pairs(0, artifacts, once.len())?;
    let places = |rank| (0..artifacts).map(|artifact| Place { artifact, rank }).collect();
    Ok(once.into_iter().enumerate().map(|(rank, path)| (path, places(rank))).collect())
}

/// Each file counts for the artifacts that it lies beside.
fn beside_each(artifacts: &[Located]) -> Vec<(PathBuf, Vec<Place>)> {
    let mut known = BTreeMap::new();
    let mut files: Vec<(PathBuf, Vec<Place>)> = Vec::new();
    for (artifact, one) in artifacts.iter().enumerate() {
        let Located::File(path) = one else { continue };
        for (rank, found) in beside::find(path).into_iter().enumerate() {
            let place = Place { artifact, rank };
            let number = *known.entry(found.clone()).or_insert(files.len());
            match files.get_mut(number) {
                Some((_, places)) => places.push(place),
                None => files.push((found, vec![place])),
            }
        }
    }
    files
}

/// Looks a file through without keeping it. What it decides is what [`attestations::parse`] would.
fn layout(path: &Path) -> Result<Layout, StoreError> {
    let Survey { count, first } = survey(path, cap())?;
    if count <= 1 || first != First::Json {
        return Ok(Layout::Whole);
    }
    if count > attestations::MAX_ATTESTATIONS {
        let (what, limit) = ("attestations".to_owned(), attestations::MAX_ATTESTATIONS);
        return Ok(Layout::Refused(FormatError::TooMany { what, limit, found: count }));
    }
    Ok(Layout::Lines(count))
}
