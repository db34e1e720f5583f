//! The images among the subjects, and what is attached to them.

use std::path::Path;

use crate::commands::error::CommandError;
use crate::commands::hints;
use crate::commands::registries::Places;
use crate::commands::terminal;
use crate::formats::artifact::Reference;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::image::looks_like_image;
use crate::formats::digest::Digest;
use crate::store::oci::Images;
use crate::store::oci::OciError;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;
use crate::store::subjects::AttachedAttestation;

/// Whether a subject is an image in a place that can be looked into: written with the form of the place, or a name with a tag
/// or a digest that no file has.
pub(super) fn is_image(text: &str) -> bool {
    let formed = ["oci-layout:", "oci-archive:", "docker-archive:", "docker://"];
    if formed.iter().any(|form| text.starts_with(form)) {
        return true;
    }
    if Path::new(text).symlink_metadata().is_ok() {
        return false;
    }
    match Reference::parse(text) {
        Ok(Reference::Image(_)) => true,
        Ok(Reference::Path(_)) => looks_like_image(text),
        _ => false,
    }
}

/// An error of a place as the user is told.
pub(super) fn refused(error: &OciError) -> CommandError {
    let undecided = CommandError::undecided(error.code(), error);
    match hints::of_error(error.code()) {
        Some(hint) => undecided.hint(hint),
        None => undecided,
    }
}

/// The digest of an image: the one that was given, else that of what the tag names now, else that of the only one there.
///
/// # Errors
/// `image-missing`, and those of the place.
pub(super) fn resolve(place: &dyn Images, location: &ImageLocation) -> Result<Digest, OciError> {
    let missing = |reference: &str| OciError::ImageMissing { place: place.name(), reference: reference.to_owned() };
    if let Some(digest) = &location.digest {
        return Ok(digest.clone());
    }
    let found = match &location.tag {
        Some(tag) => place.tagged(tag)?.ok_or_else(|| missing(tag)),
        None => place.only()?.ok_or_else(|| missing("of its own")),
    };
    found.map(|manifest| manifest.digest)
}

/// An image of a place that is open.
pub(super) struct Opened {
    /// How it was named.
    pub(super) location: ImageLocation,
    /// The place.
    pub(super) place: Box<dyn Images>,
    /// The image.
    pub(super) digest: Digest,
}

/// Opens the place of an image and resolves its tag, once, and says so.
///
/// # Errors
/// `subject-image-invalid`, `image-*`, `registry-*`, `layout-*`, `archive-*`.
pub(super) fn open(text: &str, places: &Places) -> Result<Opened, CommandError> {
    let location = ImageLocation::parse(text)
        .map_err(|error| CommandError::usage("subject-image-invalid", format!("{text:?}: {error}")))?;
    let place = places.open(&location.place).map_err(|error| refused(&error))?;
    let digest = resolve(place.as_ref(), &location).map_err(|error| refused(&error))?;
    if location.digest.is_none() && location.tag.is_some() {
        terminal::note(&format!(
            "note     {text} is {digest} now; name it by that digest to mean the same image tomorrow"
        ));
    }
    Ok(Opened { location, place, digest })
}

/// Holds that an image is there: what is attached to one that is not would be missed for a digest that was mistyped.
///
/// # Errors
/// `image-missing`, and those of the place.
pub(super) fn require(place: &dyn Images, digest: &Digest) -> Result<(), CommandError> {
    match place.manifest(digest, None) {
        Ok(Some(_)) => Ok(()),
        Ok(None) => Err(refused(&OciError::ImageMissing { place: place.name(), reference: digest.to_string() })),
        Err(error) => Err(refused(&error)),
    }
}

/// The name of something attached, as reports have it.
pub(super) fn source(place: &ImagePlace, one: &Attached) -> String {
    let layer = one.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
    format!("{place}@{} ({}{layer})", one.manifest, one.form)
}

/// What is attached, as far as it is an attestation or a plain signature, which has a type of its own.
pub(super) fn attestation(place: &ImagePlace, one: Attached) -> Option<AttachedAttestation> {
    let source = source(place, &one);
    let (AttachedContent::Attestation(bundle) | AttachedContent::Signature(bundle)) = one.content else { return None };
    Some(AttachedAttestation { source, bundle })
}
