//! `--trust`: which trusted roots and key rings are believed.

use std::collections::BTreeSet;
use std::path::Path;

use crate::commands::error::CommandError;
use crate::store::file::read_capped;
use crate::trust::TrustError;
use crate::trust::embedded::Domain;
use crate::trust::rings;
use crate::trust::rings::TrustedKey;
use crate::trust::root;
use crate::trust::root::TrustedRoot;

/// Reads the roots of `--trust`, each once; without any, Sigstore's public instance is believed. A word is an embedded
/// root or a key ring ([`rings`]), everything else a file.
///
/// # Errors
/// `file-*`, `trust-root-*`, all of them undecided: without the root there is nothing to decide by.
pub(super) fn load(names: &[String]) -> Result<Vec<TrustedRoot>, CommandError> {
    let default = [Domain::PublicGood.name().to_owned()];
    let names = if names.is_empty() { &default } else { names };
    let mut roots = Vec::new();
    for (n, name) in names.iter().enumerate() {
        if names.iter().take(n).any(|before| before == name) {
            continue;
        }
        if ring(name).is_some() {
            continue;
        }
        match Domain::from_name(name) {
            Some(domain) => roots.push(domain.root().map_err(|error| CommandError::undecided(error.code(), error))?),
            None => roots.extend(from_file(name)?),
        }
    }
    Ok(roots)
}

/// The keys of the rings that `--trust` names: `google-cloud-build`, `npm`. None is believed without being named.
///
/// # Errors
/// `trust-*`, undecided.
pub(super) fn rings(names: &[String]) -> Result<Vec<TrustedKey>, CommandError> {
    let mut keys = Vec::new();
    for name in names.iter().collect::<BTreeSet<_>>() {
        if let Some(ring) = ring(name) {
            keys.extend(ring.map_err(|error| CommandError::undecided(error.code(), error))?);
        }
    }
    Ok(keys)
}

fn ring(name: &str) -> Option<Result<Vec<TrustedKey>, TrustError>> {
    match name {
        "google-cloud-build" => Some(rings::google_cloud_build()),
        "npm" => Some(rings::npm()),
        _ => None,
    }
}

fn from_file(name: &str) -> Result<Vec<TrustedRoot>, CommandError> {
    let cap = u64::try_from(root::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(name), cap).map_err(|error| {
        let hint = "--trust takes public-good, github, google-cloud-build, npm, or the path of a trusted_root.json";
        CommandError::undecided(error.code(), error).hint(hint)
    })?;
    TrustedRoot::parse_file(&bytes, name).map_err(|error| CommandError::undecided(error.code(), error))
}
