//! What layouts and archives have in common: an index of manifests above blobs that are named by their digests.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use crate::formats::FormatError;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::Kind;
use crate::store::file::StoreError;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::LayoutError;
use crate::store::oci::MAX_REFERRERS;
use crate::store::oci::MAX_SCANNED;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::Referrers;
use crate::store::oci::WritableImages;
use crate::store::oci::checked::Checked;
use crate::store::oci::checked::carried;

/// The file that says that a folder is a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file that lists the manifests of a layout.
pub(super) const INDEX_FILE: &str = "index.json";
const LAYOUT_VERSION: &str = "1.0.0";
/// cosign's annotation of what a descriptor of `index.json` is.
pub(super) const COSIGN_KIND: &str = "kind";
const COSIGN_IMAGES: &[&str] = &["dev.cosignproject.cosign/image", "dev.cosignproject.cosign/imageIndex"];
/// Endings of the tags that cosign's marks in a layout stand for.
const MARKS: &[(&str, &str)] = &[(".att", "dev.cosignproject.cosign/atts"), (".sig", "dev.cosignproject.cosign/sigs")];
/// How far into a blob its first character is looked for, in bytes.
const PEEK: u64 = 64;

/// A blob that is there, unread.
pub(super) struct Opened<'a> {
    pub(super) content: Box<dyn Read + Send + 'a>,
    /// Its length, in bytes.
    pub(super) length: u64,
}

/// Where the index and the blobs come from.
pub(super) trait Shelf: Send + Sync {
    /// What people call it.
    fn place(&self) -> String;

    /// The file or folder.
    fn path(&self) -> &Path;

    /// `index.json`, as it is at this moment.
    fn index(&self) -> Result<Document, OciError>;

    /// A blob; None when it is not there.
    fn open(&self, digest: &Digest) -> Result<Option<Opened<'_>>, OciError>;

    /// The digests of the SHA-256 blobs that are no longer than a manifest may be, sorted.
    fn small(&self) -> Result<Vec<Digest>, OciError>;

    /// The same place to write to.
    fn writer(&self) -> Option<&dyn WritableImages> {
        None
    }
}

impl<S: Shelf> Images for S {
    fn name(&self) -> String {
        self.place()
    }

    fn tagged(&self, tag: &str) -> Result<Option<Manifest>, OciError> {
        let index = self.index()?;
        named(self, &index, tag)?.map(|item| need(self, item)).transpose()
    }

    fn only(&self) -> Result<Option<Manifest>, OciError> {
        only(self).map(Some)
    }

    fn manifest(&self, digest: &Digest, size: Option<u64>) -> Result<Option<Manifest>, OciError> {
        manifest(self, digest, size)
    }

    fn blob(&self, item: &Descriptor, limit: usize) -> Result<Vec<u8>, OciError> {
        let opened = self.open(&item.digest)?.ok_or_else(|| missing(self, "a blob", &item.digest))?;
        read_all(self, opened, &item.digest, Some(item.size), limit, "bytes of a blob")
    }

    fn open_blob(&self, item: &Descriptor) -> Result<Box<dyn Read + Send + '_>, OciError> {
        let opened = self.open(&item.digest)?.ok_or_else(|| missing(self, "a blob", &item.digest))?;
        require_size(self, &opened, &item.digest, Some(item.size))?;
        Ok(Box::new(Checked::new(opened.content, self.place(), &item.digest, Some(item.size))?))
    }

    fn referrers(&self, image: &Digest) -> Result<Referrers, OciError> {
        referrers(self, image)
    }

    fn writable(&self) -> Option<&dyn WritableImages> {
        self.writer()
    }
}

/// Holds the text of `oci-layout` against the one version that there is.
pub(super) fn require_version(place: &str, bytes: &[u8]) -> Result<(), OciError> {
    let marker = json::parse(bytes).and_then(|value| Fields::new(value, ""));
    let version = marker.and_then(|mut marker| marker.need_string("imageLayoutVersion"));
    match version.map_err(|error| malformed(place, MARKER.to_owned(), error))? {
        version if version == LAYOUT_VERSION => Ok(()),
        found => Err(LayoutError::Version { found }.into()),
    }
}

/// Reads the text of `index.json`.
pub(super) fn parse_index(place: &str, bytes: &[u8]) -> Result<Document, OciError> {
    let refused = |error| malformed(place, INDEX_FILE.to_owned(), error);
    let index = Document::parse(bytes).map_err(refused)?;
    match index.kind {
        Kind::Index => Ok(index),
        Kind::Manifest => Err(refused(FormatError::Missing { path: "/manifests".to_owned() })),
    }
}

pub(super) fn malformed(place: &str, what: String, error: FormatError) -> OciError {
    OciError::Format { place: place.to_owned(), what, error: Box::new(error) }
}

/// Whether a descriptor has a tag. Some writers put the whole reference there, of which only the tag counts.
pub(super) fn is_tagged(item: &Descriptor, tag: &str) -> bool {
    let name = item.annotation(oci::REF_NAME);
    name == tag || name.strip_suffix(tag).is_some_and(|rest| rest.ends_with(':'))
}

/// The mark of cosign's that stands for a tag in this layout: `sha256-<hex>.att` and `.sig` of its only image.
pub(super) fn mark_of(shelf: &dyn Shelf, index: &Document, tag: &str) -> Result<Option<&'static str>, OciError> {
    let found = MARKS.iter().find_map(|(ending, mark)| {
        let hex = tag.strip_prefix("sha256-")?.strip_suffix(ending)?;
        Some((*mark, Digest::from_hex(Algorithm::Sha256, hex).ok()?))
    });
    let Some((mark, image)) = found else { return Ok(None) };
    if !index.items.iter().any(|item| item.annotation(COSIGN_KIND) == mark) {
        return Ok(None);
    }
    let images = images(shelf, index)?;
    match images.len() {
        0 | 1 => Ok(images.contains(&image).then_some(mark)),
        // It is not known which of them it is about.
        _ => Err(ambiguous(&images)),
    }
}

/// The descriptor that a tag names.
pub(super) fn named<'a>(shelf: &dyn Shelf, index: &'a Document, tag: &str) -> Result<Option<&'a Descriptor>, OciError> {
    let mark = mark_of(shelf, index, tag)?;
    let mut found: Option<&Descriptor> = None;
    for item in &index.items {
        if !is_tagged(item, tag) && mark.is_none_or(|mark| item.annotation(COSIGN_KIND) != mark) {
            continue;
        }
        match found {
            Some(first) if first.digest != item.digest => {
                let found = vec![first.digest.to_string(), item.digest.to_string()];
                return Err(LayoutError::TagAmbiguous { tag: tag.to_owned(), found }.into());
            }
            _ => found = Some(item),
        }
    }
    Ok(found)
}

/// The only image. Attestations, signatures and referrers are no images.
fn only(shelf: &dyn Shelf) -> Result<Manifest, OciError> {
    let index = shelf.index()?;
    let images = images(shelf, &index)?;
    let mut all = images.iter();
    match (all.next(), all.next()) {
        (Some(only), None) => {
            let listed = index.items.iter().find(|item| item.digest == *only);
            listed.map_or(Err(LayoutError::ImageMissing.into()), |item| need(shelf, item))
        }
        (None, _) => Err(LayoutError::ImageMissing.into()),
        _ => Err(ambiguous(&images)),
    }
}

fn ambiguous(images: &BTreeSet<Digest>) -> OciError {
    LayoutError::ImageAmbiguous { found: images.iter().take(4).map(|digest| digest.to_string()).collect() }.into()
}

fn images(shelf: &dyn Shelf, index: &Document) -> Result<BTreeSet<Digest>, OciError> {
    let mut images = BTreeSet::new();
    for item in index.items.iter().filter(|item| is_manifest(item)) {
        let kind = item.annotation(COSIGN_KIND);
        let subject = need(shelf, item)?.document.subject;
        let name = item.annotation(oci::REF_NAME);
        let tag = name.rsplit_once(':').map_or(name, |(_, tag)| tag);
        if COSIGN_IMAGES.contains(&kind) || (kind.is_empty() && !tag.starts_with("sha256-") && subject.is_none()) {
            images.insert(item.digest.clone());
        }
    }
    Ok(images)
}

fn is_manifest(item: &Descriptor) -> bool {
    [oci::MANIFESTS, oci::INDEXES].iter().any(|list| list.contains(&item.media_type.as_str()))
}

/// A manifest that a descriptor lists.
fn need(shelf: &dyn Shelf, item: &Descriptor) -> Result<Manifest, OciError> {
    manifest(shelf, &item.digest, Some(item.size))?.ok_or_else(|| missing(shelf, "a manifest", &item.digest))
}

pub(super) fn missing(shelf: &dyn Shelf, what: &'static str, digest: &Digest) -> OciError {
    OciError::Missing { place: shelf.place(), what, digest: digest.to_string() }
}

/// The manifest with a digest.
fn manifest(shelf: &dyn Shelf, digest: &Digest, size: Option<u64>) -> Result<Option<Manifest>, OciError> {
    let Some(opened) = shelf.open(digest)? else { return Ok(None) };
    let bytes = read_all(shelf, opened, digest, size, oci::MAX_MANIFEST, "bytes of a manifest")?;
    let refused = |error| malformed(&shelf.place(), format!("manifest {digest}"), error);
    let document = Document::parse(&bytes).map_err(refused)?;
    let said = json::parse(&bytes).and_then(|value| Fields::new(value, "")?.string("mediaType")).map_err(refused)?;
    let media_type = said.unwrap_or_else(|| match document.kind {
        Kind::Index => oci::INDEX.to_owned(),
        Kind::Manifest => oci::MANIFESTS.first().copied().unwrap_or_default().to_owned(),
    });
    Ok(Some(Manifest { digest: digest.clone(), media_type, bytes, document }))
}

fn require_size(shelf: &dyn Shelf, opened: &Opened<'_>, digest: &Digest, size: Option<u64>) -> Result<(), OciError> {
    let Some(expected) = size.filter(|size| *size != opened.length) else { return Ok(()) };
    let found = opened.length.to_string();
    Err(OciError::Size { place: shelf.place(), digest: digest.to_string(), expected, found })
}

fn read_all(
    shelf: &dyn Shelf,
    opened: Opened<'_>,
    digest: &Digest,
    size: Option<u64>,
    limit: usize,
    what: &'static str,
) -> Result<Vec<u8>, OciError> {
    require_size(shelf, &opened, digest, size)?;
    if usize::try_from(opened.length).map_or(true, |length| length > limit) {
        return Err(OciError::TooMany { place: shelf.place(), what, limit });
    }
    // A file that grows meanwhile is no longer than its length was.
    let mut content = Checked::new(opened.content, shelf.place(), digest, Some(opened.length))?;
    let mut bytes = Vec::new();
    let read = content.read_to_end(&mut bytes);
    read.map_err(|error| carried(error, |error| StoreError::reading(shelf.path(), error).into()))?;
    Ok(bytes)
}

/// Manifests whose subject is an image: listed in `index.json` or under the fallback tag, or lying among the blobs
/// unlisted, as `cosign save` leaves them.
fn referrers(shelf: &dyn Shelf, image: &Digest) -> Result<Referrers, OciError> {
    let index = shelf.index()?;
    let tag = oci::fallback_tag(image);
    let mut found = Found { shelf, image, seen: BTreeSet::new(), items: Vec::new() };
    let mut oddities = Vec::new();
    for item in index.items.iter().filter(|item| is_manifest(item)) {
        let listing = is_tagged(item, &tag);
        if item.digest == *image {
            // `cosign copy` puts the image itself under that tag.
            if listing {
                oddities.push(format!("the tag {tag} holds the image itself, no list of what refers to it"));
            }
            continue;
        }
        let manifest = need(shelf, item)?;
        if listing && manifest.document.kind == Kind::Index {
            for item in &manifest.document.items {
                let refers = found.add(need(shelf, item)?)?;
                if !refers {
                    oddities.push(format!("the tag {tag} lists {}, whose subject is not the image", item.digest));
                }
            }
        } else if listing {
            oddities.push(format!("the tag {tag} holds the manifest {}, no list", item.digest));
        }
        found.add(manifest)?;
    }
    for digest in unlisted(shelf, image, &found.seen)? {
        if let Some(manifest) = manifest(shelf, &digest, None)? {
            found.add(manifest)?;
        }
    }
    oddities.truncate(MAX_REFERRERS);
    Ok(Referrers { form: Form::LayoutReferrer, items: found.items, oddities })
}

struct Found<'a> {
    shelf: &'a dyn Shelf,
    image: &'a Digest,
    seen: BTreeSet<Digest>,
    items: Vec<Descriptor>,
}

impl Found<'_> {
    /// Adds a manifest if it refers to the image and is not there yet, and says whether it refers to it.
    fn add(&mut self, manifest: Manifest) -> Result<bool, OciError> {
        let Manifest { digest, media_type, bytes, document } = manifest;
        if document.subject.is_none_or(|subject| subject.digest != *self.image) {
            return Ok(false);
        }
        if !self.seen.insert(digest.clone()) {
            return Ok(true);
        }
        if self.items.len() == MAX_REFERRERS {
            let (place, what, limit) = (self.shelf.place(), "manifests that refer to one image", MAX_REFERRERS);
            return Err(OciError::TooMany { place, what, limit });
        }
        self.items.push(Descriptor {
            media_type,
            digest,
            size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            artifact_type: document.artifact_type,
            platform: None,
            data: None,
            annotations: document.annotations,
        });
        Ok(true)
    }
}

/// Blobs that say that they are about the image. What is no manifest is a config or a layer, and nobody's business here.
fn unlisted(shelf: &dyn Shelf, image: &Digest, seen: &BTreeSet<Digest>) -> Result<Vec<Digest>, OciError> {
    let mut left = MAX_SCANNED;
    let mut found = Vec::new();
    for digest in shelf.small()?.into_iter().filter(|digest| !seen.contains(digest)) {
        let Some(mut opened) = shelf.open(&digest)? else { continue };
        let unreadable = |error: std::io::Error| OciError::from(StoreError::reading(shelf.path(), &error));
        let mut bytes = Vec::new();
        opened.content.by_ref().take(PEEK).read_to_end(&mut bytes).map_err(unreadable)?;
        if !bytes.trim_ascii_start().starts_with(b"{") {
            continue;
        }
        let most = u64::try_from(oci::MAX_MANIFEST).unwrap_or(u64::MAX);
        opened.content.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
        let too_large = LayoutError::TooLarge { what: "bytes of manifests", limit: MAX_SCANNED };
        left = left.checked_sub(bytes.len()).ok_or(too_large)?;
        let subject = Document::parse(&bytes).ok().and_then(|document| document.subject);
        if subject.is_some_and(|subject| subject.digest == *image) {
            found.push(digest);
        }
    }
    Ok(found)
}
