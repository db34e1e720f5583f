//! The images among the subjects, and what is attached to them.

use std::num::NonZeroUsize;
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
use crate::formats::oci::platform::Platform;
use crate::store::measure::Hold;
use crate::store::oci::AT_ONCE;
use crate::store::oci::Images;
use crate::store::oci::OciError;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::Look;
use crate::store::oci::evidence::evidence;
use crate::store::oci::is_about_platform;
use crate::store::oci::resolve::resolve;
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

/// A platform as it is typed.
pub(super) fn platform(text: &str) -> Result<Platform, String> {
    Platform::parse(text).ok_or_else(|| format!("expected a platform such as linux/amd64, found {text:?}"))
}

/// An error of a place as the user is told. A platform that is not there was named by the user.
pub(super) fn refused(error: &OciError) -> CommandError {
    let refused = if is_about_platform(error.code()) {
        CommandError::usage(error.code(), error)
    } else {
        CommandError::undecided(error.code(), error)
    };
    match hints::of_error(error.code()) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}

/// Reads how an image is named. Nothing is asked.
///
/// # Errors
/// `subject-image-invalid`.
pub(super) fn location(text: &str) -> Result<ImageLocation, CommandError> {
    ImageLocation::parse(text)
        .map_err(|error| CommandError::usage("subject-image-invalid", format!("{text:?}: {error}")))
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
    let location = location(text)?;
    let place = places.open(&location.place).map_err(|error| refused(&error))?;
    let digest = resolve(place.as_ref(), &location).map_err(|error| refused(&error))?.digest;
    say_tag(text, &location, &digest);
    Ok(Opened { location, place, digest })
}

/// Says what a tag names now, where a tag was what counted.
pub(super) fn say_tag(text: &str, location: &ImageLocation, digest: &Digest) {
    if location.digest.is_none() && location.tag.is_some() {
        terminal::note(&format!(
            "note     {text} is {digest} now; name it by that digest to mean the same image tomorrow"
        ));
    }
}

/// What is attached to an image, under the tags of cosign too. What was passed over is said.
///
/// # Errors
/// Those of the place.
pub(super) fn attached(place: &dyn Images, image: &Digest) -> Result<Vec<Attached>, CommandError> {
    let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
    let found = evidence(place, image, Look { legacy: Legacy::Also, hold: Hold::Short }, threads)
        .map_err(|error| refused(&error))?;
    found.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
    Ok(found.attached)
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
