//! The images among the subjects, looked up with what is attached to them.

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
use crate::store::oci::AT_ONCE;
use crate::store::oci::Images;
use crate::store::oci::OciError;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::Look;
use crate::store::oci::evidence::evidence;
use crate::store::parallel::in_parallel;
use crate::store::subjects::AttachedAttestation;
use crate::store::subjects::Located;

/// Whether a registry may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Network {
    /// It may.
    Allowed,
    /// No socket may be opened.
    Forbidden,
}

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

/// Looks up each image: its digest, and every attestation that is attached to it. A tag is resolved once, and said.
///
/// # Errors
/// `registry-*`, `layout-*`, `archive-*`, `image-*`: it could not be looked, so nothing is known.
pub(super) fn look_up(texts: &[String], places: &Places, network: Network) -> Result<Vec<Located>, CommandError> {
    let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
    let looked = in_parallel(texts.iter().collect(), threads, |text: &String| look(text, places, network));
    looked.into_iter().collect()
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

/// An error of a place as the user is told.
pub(super) fn refused(error: &OciError) -> CommandError {
    let undecided = CommandError::undecided(error.code(), error);
    match hints::of_error(error.code()) {
        Some(hint) => undecided.hint(hint),
        None => undecided,
    }
}

fn look(text: &str, places: &Places, network: Network) -> Result<Located, CommandError> {
    let location = ImageLocation::parse(text)
        .map_err(|error| CommandError::usage("subject-image-invalid", format!("{text:?}: {error}")))?;
    if let (ImagePlace::Registry(name), Network::Forbidden) = (&location.place, network) {
        return Err(refused(&OciError::Offline { place: name.to_string() }));
    }
    let place = places.open(&location.place).map_err(|error| refused(&error))?;
    let digest = resolve(place.as_ref(), &location).map_err(|error| refused(&error))?;
    if location.digest.is_none() && location.tag.is_some() {
        terminal::note(&format!(
            "note     {text} is {digest} now; name it by that digest to mean the same image tomorrow"
        ));
    }
    let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
    let look = Look { legacy: Legacy::Also };
    let found = evidence(place.as_ref(), &digest, look, threads).map_err(|error| refused(&error))?;
    found.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
    let name = format!("{}@{digest}", location.place);
    let attached = found.attached.into_iter().filter_map(|one| attestation(&location.place, one)).collect();
    Ok(Located::Image { name, digest, attached })
}

/// What is attached, as far as it is an attestation or a plain signature, which has a type of its own.
fn attestation(place: &ImagePlace, one: Attached) -> Option<AttachedAttestation> {
    let (AttachedContent::Attestation(bundle) | AttachedContent::Signature(bundle)) = one.content else { return None };
    let layer = one.layer.map(|layer| format!(", layer {layer}")).unwrap_or_default();
    Some(AttachedAttestation { source: format!("{place}@{} ({}{layer})", one.manifest, one.form), bundle })
}
