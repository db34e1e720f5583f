//! Copying an image with its platforms and everything attached to it from one place to another.
//!
//! Nothing is believed, and everything is read by digest. What is written comes in an order in which nothing is ever half there: blobs, manifests of
//! platforms, the image, what is attached to it, tags of cosign, and last the tag of the image itself. Whoever is stopped
//! leaves no tag that names less than all; the next run sends what lacks.

mod lacks;
mod survey;

use std::io;
use std::io::Read;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::platform::Platform;
use crate::store::oci::AT_ONCE;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::WritableImages;
use crate::store::oci::copy::lacks::Lacks;
use crate::store::oci::copy::survey::Role;
use crate::store::oci::copy::survey::Survey;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::each;

/// Most levels of indexes below each other, and of what is attached to something attached.
pub const MAX_DEPTH: usize = 4;
/// Most manifests that are copied at once: the image, its platforms, and what is attached.
pub const MAX_MANIFESTS: usize = 4000;

/// What is to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The image or index.
    pub image: Digest,
    /// The tag that it gets.
    pub tag: Option<String>,
    /// Which platforms of an index.
    pub platforms: Platforms,
    /// Which of the things attached.
    pub attached: Take,
    /// Whether what stands under the tags of cosign goes along.
    pub legacy: Legacy,
    /// What becomes of tags that name something else.
    pub existing: Existing,
}

/// Which platforms of an index are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platforms {
    /// The index with all of them.
    All,
    /// The manifests of these, without the index: a registry takes no index whose manifests it does not have.
    Only(Vec<Platform>),
}

/// Which of the things attached to an image are copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Take {
    /// Every one.
    All,
    /// None.
    Nothing,
    /// Those of some kinds.
    Only(Vec<Kind>),
}

/// What something attached is, by what is written on it. Nobody signed that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Attestations, in bundles or under the tag `.att`.
    Attestation,
    /// Signatures, in bundles or under the tag `.sig`.
    Signature,
    /// Lists of components that nobody signed, by their types or under the tag `.sbom`.
    Sbom,
    /// Everything else.
    Other,
}

/// What becomes of a tag at the destination that names something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Nothing is copied.
    Refuse,
    /// It is moved.
    Replace,
}

/// How far copying has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of blobs that were sent.
    pub bytes_done: u64,
    /// Bytes of blobs to send.
    pub bytes_total: u64,
    /// Blobs that were sent.
    pub blobs_done: usize,
    /// Blobs to send.
    pub blobs_total: usize,
}

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// What is an image of its own at the destination: the index or image, or the manifests of the platforms asked for.
    pub images: Vec<Digest>,
    /// The tag that names it.
    pub tag: Option<String>,
    /// Platforms with their manifests, as far as an index names them.
    pub platforms: Vec<(String, Digest)>,
    /// Manifests that were sent.
    pub manifests_sent: usize,
    /// Manifests that were there.
    pub manifests_there: usize,
    /// Blobs that were sent.
    pub blobs_sent: usize,
    /// Blobs that were there.
    pub blobs_there: usize,
    /// Bytes of the manifests and blobs that were sent.
    pub bytes_sent: u64,
    /// What is attached, whether it was sent or was there.
    pub attached: Vec<Along>,
    /// What was passed over, and what else should be known.
    pub notices: Vec<String>,
}

/// Something attached that went along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Along {
    /// Its manifest.
    pub manifest: Digest,
    /// By which convention it was attached where it came from.
    pub form: Form,
    /// What it is attached to.
    pub subject: Digest,
    /// What kind of artifact its manifest says to be.
    pub artifact_type: Option<String>,
}

/// Why nothing was copied, or not all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// A place could not be read or written.
    #[error(transparent)]
    Place(#[from] OciError),
    /// The tag names something else at the destination.
    #[error("{place}: expected the tag {tag} to be free or to name {expected}, found it names {found}")]
    TagTaken {
        /// The destination.
        place: String,
        /// The tag.
        tag: String,
        /// What is copied.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A tag of cosign holds other things at the destination. They are not merged: nobody knows who put them there.
    #[error("{place}: expected the tag {tag} to be free or to hold what {expected} holds, found {found}")]
    LegacyDiffers {
        /// The destination.
        place: String,
        /// The tag.
        tag: String,
        /// What is copied.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// A tag that is kept for what refers to an image.
    #[error("expected a tag for an image, found {tag}, which lists what is attached to another")]
    TagReserved {
        /// The tag.
        tag: String,
    },
    /// One tag for several images.
    #[error("expected one platform for the tag {tag}, found {found}")]
    OneTag {
        /// The tag.
        tag: String,
        /// How many images would have it.
        found: usize,
    },
}

impl CopyError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Place(error) => error.code(),
            Self::TagTaken { .. } => "copy-tag-taken",
            Self::LegacyDiffers { .. } => "copy-legacy-differs",
            Self::TagReserved { .. } => "copy-tag-reserved",
            Self::OneTag { .. } => "copy-one-tag",
        }
    }
}

/// Copies an image by up to `threads` threads, and never more than [`AT_ONCE`]; what is at the destination is not sent.
/// What is attached there already stays.
///
/// The source is read first, as far as it is manifests and lists; then the destination is asked what lacks, and tags that
/// name something else end it before anything is written. Blobs are streamed. `progress` is told how far they have come.
///
/// # Errors
/// [`CopyError`]. The tag was not written then, except that `tag-write-lost` says that somebody else keeps writing it.
pub fn copy(
    from: &dyn Images,
    to: &dyn WritableImages,
    wanted: &Wanted,
    threads: NonZeroUsize,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Copied, CopyError> {
    let threads = at_most(threads);
    let survey = survey::survey(from, wanted, threads)?;
    let lacks = Lacks::of(from, Some(to), &survey, wanted, threads)?;
    let sending = Sending::new(from, to, &lacks, threads, progress);
    sending.blobs(&lacks.blobs)?;
    for piece in survey.pieces.iter().filter(|piece| piece.role == Role::Image) {
        if lacks.manifests.contains(&piece.manifest.digest) {
            to.stage_manifest(&piece.manifest)?;
        }
    }
    sending.blobs(&lacks.attached_blobs)?;
    for piece in survey.pieces.iter().filter(|piece| piece.role != Role::Image) {
        if !lacks.manifests.contains(&piece.manifest.digest) {
            continue;
        }
        match piece.role {
            Role::Attached { .. } => to.put_manifest(&piece.manifest, None)?,
            Role::Image | Role::Below => to.stage_manifest(&piece.manifest)?,
        }
    }
    for legacy in survey.legacy.iter().filter(|legacy| lacks.tags.contains(&legacy.tag)) {
        write_tag(to, &legacy.tag, &legacy.manifest, wanted.existing, |place, tag, found| {
            let expected = legacy.manifest.digest.to_string();
            CopyError::LegacyDiffers { place, tag, expected, found }
        })?;
    }
    publish(to, &survey, &lacks, wanted)?;
    Ok(told(&survey, lacks, wanted))
}

/// What [`copy`] would do, without writing. Without a destination nothing is there.
///
/// # Errors
/// As [`copy`].
pub fn plan(
    from: &dyn Images,
    to: Option<&dyn WritableImages>,
    wanted: &Wanted,
    threads: NonZeroUsize,
) -> Result<Copied, CopyError> {
    let survey = survey::survey(from, wanted, at_most(threads))?;
    let lacks = Lacks::of(from, to, &survey, wanted, at_most(threads))?;
    Ok(told(&survey, lacks, wanted))
}

/// Whether a tag is kept for what refers to an image: `sha256-<hex>`, with or without an ending of cosign's.
pub fn is_reserved(tag: &str) -> bool {
    let hex = tag.strip_prefix("sha256-").and_then(|rest| rest.get(..64));
    hex.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn at_most(threads: NonZeroUsize) -> NonZeroUsize {
    threads.min(NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN))
}

/// Makes the image found, after everything else is there.
fn publish(to: &dyn WritableImages, survey: &Survey, lacks: &Lacks, wanted: &Wanted) -> Result<(), CopyError> {
    for image in survey.images() {
        match &wanted.tag {
            Some(tag) if lacks.tags.contains(tag) => {
                write_tag(to, tag, image, wanted.existing, |place, tag, found| {
                    let expected = image.digest.to_string();
                    CopyError::TagTaken { place, tag, expected, found }
                })?;
            }
            None if to.lists_images() => to.put_manifest(image, None)?,
            Some(_) | None => {}
        }
    }
    Ok(())
}

/// Points a tag at a manifest, unless it names something else by now that must stay.
fn write_tag(
    to: &dyn WritableImages,
    tag: &str,
    manifest: &Manifest,
    existing: Existing,
    refused: impl Fn(String, String, String) -> CopyError,
) -> Result<(), CopyError> {
    let mut taken = None;
    to.change_tag(tag, &mut |before| {
        taken = None;
        match before {
            Some(before) if before.digest == manifest.digest => Ok(None),
            Some(before) if existing == Existing::Refuse => {
                taken = Some(before.digest.to_string());
                Ok(None)
            }
            _ => Ok(Some(manifest.clone())),
        }
    })?;
    match taken {
        Some(found) => Err(refused(to.name(), tag.to_owned(), found)),
        None => Ok(()),
    }
}

fn told(survey: &Survey, lacks: Lacks, wanted: &Wanted) -> Copied {
    let legacy = survey.legacy.iter().map(|legacy| (&legacy.manifest, lacks.tags.contains(&legacy.tag)));
    let pieces = survey.pieces.iter().map(|piece| &piece.manifest);
    let pieces = pieces.map(|manifest| (manifest, lacks.manifests.contains(&manifest.digest)));
    let all: Vec<(&Manifest, bool)> = pieces.chain(legacy).collect();
    let sent = all.iter().filter(|(_, lacks)| *lacks).map(|(manifest, _)| length(&manifest.bytes));
    let blobs = lacks.blobs.iter().chain(&lacks.attached_blobs).map(|item| item.size);
    let sums = (sent.clone().count(), blobs.clone().count());
    let attached = survey.pieces.iter().filter_map(|piece| match &piece.role {
        Role::Attached { form, subject } => Some(along(&piece.manifest, *form, subject)),
        Role::Image | Role::Below => None,
    });
    let legacy = survey.legacy.iter().map(|one| along(&one.manifest, Form::LegacyTag, &one.subject));
    Copied {
        images: survey.images().map(|image| image.digest.clone()).collect(),
        tag: wanted.tag.clone(),
        platforms: survey.platforms.clone(),
        manifests_sent: sums.0,
        manifests_there: all.len().saturating_sub(sums.0),
        blobs_sent: sums.1,
        blobs_there: lacks.blobs_there,
        bytes_sent: sent.chain(blobs).fold(0, u64::saturating_add),
        attached: attached.chain(legacy).collect(),
        notices: survey.notices.iter().cloned().chain(lacks.notices).collect(),
    }
}

fn along(manifest: &Manifest, form: Form, subject: &Digest) -> Along {
    let artifact_type = manifest.document.artifact_type.clone();
    Along { manifest: manifest.digest.clone(), form, subject: subject.clone(), artifact_type }
}

/// Whether a layer may not be passed on: whoever needs it fetches it from elsewhere (OCI image spec, `layer.md`).
fn is_foreign(item: &Descriptor) -> bool {
    ["nondistributable", "foreign"].iter().any(|part| item.media_type.contains(part))
}

/// Blobs on their way.
struct Sending<'a> {
    from: &'a dyn Images,
    to: &'a dyn WritableImages,
    threads: NonZeroUsize,
    progress: &'a (dyn Fn(Progress) + Sync),
    bytes_total: u64,
    blobs_total: usize,
    bytes_done: AtomicU64,
    blobs_done: AtomicUsize,
}

impl<'a> Sending<'a> {
    fn new(
        from: &'a dyn Images,
        to: &'a dyn WritableImages,
        lacks: &Lacks,
        threads: NonZeroUsize,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Self {
        let sizes = lacks.blobs.iter().chain(&lacks.attached_blobs).map(|item| item.size);
        let (blobs_total, bytes_total) = (sizes.clone().count(), sizes.fold(0, u64::saturating_add));
        let (bytes_done, blobs_done) = (AtomicU64::new(0), AtomicUsize::new(0));
        Self { from, to, threads, progress, bytes_total, blobs_total, bytes_done, blobs_done }
    }

    fn blobs(&self, items: &[Descriptor]) -> Result<(), OciError> {
        each(items.iter().collect(), self.threads, |item: &Descriptor| {
            let content = self.from.open_blob(item)?;
            self.to.put_blob(&item.digest, item.size, &mut Counted { content, sending: self })?;
            self.blobs_done.fetch_add(1, Relaxed);
            self.tell();
            Ok(())
        })
        .map(drop)
    }

    fn tell(&self) {
        (self.progress)(Progress {
            bytes_done: self.bytes_done.load(Relaxed),
            bytes_total: self.bytes_total,
            blobs_done: self.blobs_done.load(Relaxed),
            blobs_total: self.blobs_total,
        });
    }
}

/// A blob whose bytes are counted as they are read.
struct Counted<'a> {
    content: Box<dyn Read + Send + 'a>,
    sending: &'a Sending<'a>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(buffer)?;
        self.sending.bytes_done.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Relaxed);
        self.sending.tell();
        Ok(length)
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// The tags under which cosign keeps things about an image, with their kinds.
fn legacy_tags(image: &Digest) -> [(String, Kind); 3] {
    let tag = oci::fallback_tag(image);
    [
        (oci::attestation_tag(image), Kind::Attestation),
        (format!("{tag}.sig"), Kind::Signature),
        (format!("{tag}.sbom"), Kind::Sbom),
    ]
}
