//! Attestations of a file or of an image, each authenticated once, and judged for an artifact.

use std::path::Path;

use crate::commands::error::CommandError;
use crate::commands::online::Logs;
use crate::commands::slsa_verifier::Extra;
use crate::commands::slsa_verifier::Failure;
use crate::commands::slsa_verifier::now;
use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::policy::slsa_verifier::Refusal;
use crate::store::file::read_capped;
use crate::upgrade::UpgradeError;
use crate::upgrade::complete;
use crate::verify::Authenticated;
use crate::verify::VerifiedAttestation;
use crate::verify::Verifier;

/// The bytes of a file of attestations.
pub(super) fn read(path: &str) -> Result<Vec<u8>, CommandError> {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    read_capped(Path::new(path), cap).map_err(|error| CommandError::undecided(error.code(), error))
}

/// Every attestation in a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Result<Bundle, FormatError>>, Refusal> {
    let found = attestations::parse(bytes).map_err(|error| Refusal::from(&error))?;
    Ok(found.into_iter().map(|candidate| candidate.bundle).collect())
}

/// What became of each attestation, whatever artifact it is about.
pub(super) struct Read(Vec<Result<Authenticated, Refusal>>);

/// Authenticates each attestation once; where `--online` was given, with what a log has.
///
/// # Errors
/// Only when nobody could say whether an attestation was logged.
pub(super) fn authenticate(
    bundles: Vec<Result<Bundle, FormatError>>,
    verifier: &Verifier,
    extra: &Extra,
) -> Result<Read, Failure> {
    let logs = Logs::new(&extra.network, verifier.roots())?;
    let now = now();
    let mut read = Vec::with_capacity(bundles.len());
    for bundle in bundles {
        let authenticated = match &bundle {
            Err(error) => Err(Refusal::from(error)),
            Ok(bundle) if extra.online => match complete(verifier, bundle, |bundle| logs.ask(bundle), now) {
                Ok((_, authenticated)) => Ok(authenticated),
                Err(UpgradeError::Refused(error)) => Err(Refusal::from(&error)),
                Err(error) if error.is_refusal() => Err(Refusal::new("ErrorRekorSearch", error.code(), error)),
                Err(error) => return Err(CommandError::undecided(error.code(), error).into()),
            },
            Ok(bundle) => verifier.authenticate(bundle, now).map_err(|error| Refusal::from(&error)),
        };
        read.push(authenticated);
    }
    Ok(Read(read))
}

/// The first attestation that is about an artifact and satisfies every rule by itself; else why the first that is about
/// it does not, else why the first does not.
pub(super) fn first<T>(
    read: &Read,
    artifact: &Artifact,
    judge: impl Fn(VerifiedAttestation) -> Result<T, Refusal>,
) -> Result<(VerifiedAttestation, T), Refusal> {
    let (mut about, mut other) = (None, None);
    for authenticated in &read.0 {
        let bound = authenticated
            .as_ref()
            .map_err(Refusal::clone)
            .and_then(|authenticated| authenticated.bind(artifact).map_err(|error| Refusal::from(&error)));
        match bound {
            Err(refusal) => other = other.or(Some(refusal)),
            Ok(attestation) => match judge(attestation.clone()) {
                Ok(judged) => return Ok((attestation, judged)),
                Err(refusal) => about = about.or(Some(refusal)),
            },
        }
    }
    let none = || Refusal::new("ErrorNoValidSignature", "attestation-missing", "expected an attestation, found none");
    Err(about.or(other).unwrap_or_else(none))
}
