//! Images: each is looked up, judged and given up before the next, and what one of them fails at ends nothing else.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use jiff::Timestamp;

use crate::commands::error::CommandError;
use crate::commands::hints;
use crate::commands::images;
use crate::commands::registries::Places;
use crate::commands::terminal;
use crate::commands::verify::lines::Heard;
use crate::commands::verify::platforms;
use crate::commands::verify::sources::Asked;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::digest::Digest;
use crate::formats::oci::platform::Platform;
use crate::report::ArtifactResult;
use crate::report::Finding;
use crate::report::ImageOrigin;
use crate::report::Report;
use crate::report::ReportedArtifact;
use crate::report::Verdict;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::evidence::Look;
use crate::store::oci::evidence::evidence;
use crate::store::oci::resolve::resolve;
use crate::store::parallel::in_parallel;
use crate::store::subjects::Located;

/// Which image of an index is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// What was named.
    AsNamed,
    /// The one for a platform.
    One(Platform),
    /// The index, and each of its images.
    Each,
}

/// By what images are judged.
pub(super) type Judge<'a> = dyn Fn(&Located) -> Result<Report, CommandError> + Sync + 'a;

/// How images are judged, and what is shared between them.
pub(super) struct Court<'a> {
    pub(super) places: &'a Places,
    pub(super) judge: &'a Judge<'a>,
    pub(super) choice: Choice,
    pub(super) look: Look,
    pub(super) now: Timestamp,
    /// Most images at a time.
    pub(super) at_once: NonZeroUsize,
    /// Where it is said what a tag names.
    pub(super) tags: Tags,
    pub(super) shared: Shared,
}

/// Where it is said what a tag names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tags {
    /// On standard error.
    Said,
    /// In the report alone, where there are many.
    Reported,
}

/// What several references have in common: a place is opened once, and a digest in it looked up once. Behind the last reference to a
/// place nothing of it is kept.
pub(super) struct Shared(Mutex<BTreeMap<ImagePlace, (usize, Arc<Held>)>>);

/// A place, and what was judged there.
#[derive(Default)]
pub(super) struct Held {
    opened: OnceLock<Result<Box<dyn Images>, OciError>>,
    judged: Mutex<BTreeMap<Digest, Arc<OnceLock<Report>>>>,
}

/// A place with the name that results have.
pub(super) struct Place<'a> {
    pub(super) name: &'a ImagePlace,
    pub(super) images: &'a dyn Images,
    held: &'a Held,
}

/// An image whose digest is known, and its manifest where that was read for it.
pub(super) struct Image<'a> {
    pub(super) asked: &'a Asked,
    pub(super) digest: Digest,
    pub(super) manifest: Option<Manifest>,
    /// Most requests at a time for this image.
    pub(super) threads: NonZeroUsize,
}

impl Court<'_> {
    /// Judges images, at most `at_once` at a time. Each report is handed to `take` as soon as it is there; what that makes of
    /// it is given back in the order of the images. When it says that nobody listens any more, no image is begun.
    pub(super) fn each<R: Send>(&self, asked: &[Asked], take: impl Fn(Report) -> (R, Heard) + Sync) -> Vec<R> {
        let silent = AtomicBool::new(false);
        let images = asked.len().clamp(1, self.at_once.get());
        let threads = NonZeroUsize::new(self.at_once.get() / images).unwrap_or(NonZeroUsize::MIN);
        let done = in_parallel(asked.iter().collect(), self.at_once, |asked| {
            if silent.load(Relaxed) {
                return None;
            }
            let (made, heard) = take(self.report(asked, threads));
            if heard == Heard::No {
                silent.store(true, Relaxed);
            }
            Some(made)
        });
        done.into_iter().flatten().collect()
    }

    /// What an image comes to: one result, or one for each platform and the index. What it fails at is its result.
    fn report(&self, asked: &Asked, threads: NonZeroUsize) -> Report {
        let location = &asked.location;
        let held = self.shared.of(&location.place);
        let report = match held.opened.get_or_init(|| self.places.open(&location.place)) {
            Ok(images) => {
                let place = Place { name: &location.place, images: images.as_ref(), held: &held };
                self.resolve(&place, asked, threads).map(|image| platforms::report(self, &place, &image))
            }
            Err(error) => Err(error.clone()),
        };
        self.shared.leave(&location.place);
        let mut report = report.unwrap_or_else(|error| self.failed(asked, Finding::new(error.code(), error)));
        hints::advise(&mut report);
        report
    }

    /// The digest of an image, and with a choice of platforms its manifest too.
    fn resolve<'a>(&self, place: &Place<'_>, asked: &'a Asked, threads: NonZeroUsize) -> Result<Image<'a>, OciError> {
        let found = resolve(place.images, &asked.location)?;
        let digest = found.digest.clone();
        if self.tags == Tags::Said {
            images::say_tag(&asked.reference, &asked.location, &digest);
        }
        let manifest = match self.choice {
            Choice::AsNamed => found.manifest,
            Choice::One(_) | Choice::Each => Some(found.read(place.images)?),
        };
        Ok(Image { asked, digest, manifest, threads })
    }

    /// What one digest of a place comes to, looked up and judged once.
    pub(super) fn judged(&self, place: &Place<'_>, digest: &Digest, threads: NonZeroUsize) -> Report {
        let cell = {
            let mut judged = place.held.judged.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(judged.entry(digest.clone()).or_default())
        };
        cell.get_or_init(|| self.judge(place, digest, threads)).clone()
    }

    fn judge(&self, place: &Place<'_>, digest: &Digest, threads: NonZeroUsize) -> Report {
        let name = format!("{}@{digest}", place.name);
        let undecided = |finding| {
            let mut result = undecided(&name, finding);
            result.artifact.digests = [digest].into_iter().collect();
            Report::new(self.now, vec![result], Vec::new())
        };
        let found = match evidence(place.images, digest, self.look, threads) {
            Ok(found) => found,
            Err(error) => return undecided(Finding::new(error.code(), error)),
        };
        found.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
        let attached = found.attached.into_iter().filter_map(|one| images::attestation(place.name, one)).collect();
        let located = Located::Image { name: name.clone(), digest: digest.clone(), attached };
        match (self.judge)(&located) {
            Ok(report) => report,
            Err(error) => undecided(Finding::new(error.code, error.message)),
        }
    }

    fn failed(&self, asked: &Asked, finding: Finding) -> Report {
        let mut result = undecided(&asked.reference, finding);
        result.artifact.digests = asked.location.digest.iter().collect();
        result.artifact.image = Some(Box::new(origin(asked)));
        Report::new(self.now, vec![result], Vec::new())
    }
}

impl Shared {
    /// Room for the places of these images.
    pub(super) fn new(asked: &[Asked]) -> Self {
        let mut places: BTreeMap<ImagePlace, (usize, Arc<Held>)> = BTreeMap::new();
        asked.iter().for_each(|asked| places.entry(asked.location.place.clone()).or_default().0 += 1);
        Self(Mutex::new(places))
    }

    fn of(&self, place: &ImagePlace) -> Arc<Held> {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&places.entry(place.clone()).or_default().1)
    }

    /// One reference to a place is done with.
    fn leave(&self, place: &ImagePlace) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((left, _)) = places.get_mut(place) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                places.remove(place);
            }
        }
    }
}

/// How an image was asked for.
pub(super) fn origin(asked: &Asked) -> ImageOrigin {
    let (reference, named_by) = (asked.reference.clone(), asked.named_by.clone());
    ImageOrigin { reference, named_by, platform: None, index: None }
}

/// A result about something that could not be looked at.
pub(super) fn undecided(name: &str, finding: Finding) -> ArtifactResult {
    let (artifact, verdict) = (ReportedArtifact::unread(name), Verdict::Undecided);
    let (findings, candidates, not_checked) = (vec![finding], Vec::new(), Vec::new());
    ArtifactResult { artifact, verdict, findings, candidates, signers: None, not_checked }
}
