//! The image that a text names in its place: by digest, by tag, or as the only one there.

use crate::formats::artifact::image::ImageLocation;
use crate::formats::digest::Digest;
use crate::formats::oci::Descriptor;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;

/// An image whose digest is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// Its digest.
    pub digest: Digest,
    /// Its manifest, where that was read to know the digest. None where the digest was given: nobody looked then whether it
    /// is there.
    pub manifest: Option<Manifest>,
}

/// The image that is named: by the digest that was given, else by its tag at this moment, else the only one there. Of a digest
/// nothing is asked.
///
/// # Errors
/// `image-missing`; [`OciError`] of the place.
pub fn resolve(place: &dyn Images, location: &ImageLocation) -> Result<Resolved, OciError> {
    let (found, reference) = match (&location.digest, &location.tag) {
        (Some(digest), _) => return Ok(Resolved { digest: digest.clone(), manifest: None }),
        (None, Some(tag)) => (place.tagged(tag)?, tag.as_str()),
        (None, None) => (place.only()?, "of its own"),
    };
    let manifest = found.ok_or_else(|| missing(place, reference.to_owned()))?;
    Ok(Resolved { digest: manifest.digest.clone(), manifest: Some(manifest) })
}

/// The manifest or index with a digest that was named, which must be there.
///
/// # Errors
/// `image-missing`; [`OciError`] of the place.
pub fn need_image(place: &dyn Images, digest: &Digest) -> Result<Manifest, OciError> {
    place.manifest(digest, None)?.ok_or_else(|| missing(place, digest.to_string()))
}

/// A manifest that a descriptor lists, which must be there.
///
/// # Errors
/// `image-content-missing`; [`OciError`] of the place.
pub fn need_listed(place: &dyn Images, item: &Descriptor) -> Result<Manifest, OciError> {
    let missing = || OciError::Missing { place: place.name(), what: "a manifest", digest: item.digest.to_string() };
    place.manifest(&item.digest, Some(item.size))?.ok_or_else(missing)
}

impl Resolved {
    /// The manifest, read now where it was not.
    ///
    /// # Errors
    /// As [`need_image`].
    pub fn read(self, place: &dyn Images) -> Result<Manifest, OciError> {
        self.manifest.map_or_else(|| need_image(place, &self.digest), Ok)
    }
}

fn missing(place: &dyn Images, reference: String) -> OciError {
    OciError::ImageMissing { place: place.name(), reference }
}
