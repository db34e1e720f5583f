//! The images among the subjects, and what is attached to them.

use std::path::Path;

use crate::commands::error::CommandError;
use crate::commands::hints;
use crate::formats::artifact::Reference;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::image::looks_like_image;
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

/// What is attached, as far as it is an attestation.
pub(super) fn attestation(place: &ImagePlace, one: Attached) -> Option<AttachedAttestation> {
    let AttachedContent::Attestation(bundle) = one.content else { return None };
    let layer = one.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
    Some(AttachedAttestation { source: format!("{place}@{} ({}{layer})", one.manifest, one.form), bundle })
}
