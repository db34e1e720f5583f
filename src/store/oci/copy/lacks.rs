//! What a destination lacks of what is to be copied, and whether its tags stand in the way.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::WritableImages;
use crate::store::oci::copy::CopyError;
use crate::store::oci::copy::Existing;
use crate::store::oci::copy::Wanted;
use crate::store::oci::copy::is_foreign;
use crate::store::oci::copy::survey::Role;
use crate::store::oci::copy::survey::Survey;
use crate::store::oci::evidence::each;

/// What is to be sent.
pub(super) struct Lacks {
    /// Blobs of the image and its platforms.
    pub(super) blobs: Vec<Descriptor>,
    /// Blobs of what is attached.
    pub(super) attached_blobs: Vec<Descriptor>,
    /// How many blobs are there.
    pub(super) blobs_there: usize,
    /// Manifests; those that are about another also where they are there and not listed.
    pub(super) manifests: BTreeSet<Digest>,
    /// Tags: of cosign, and of the image.
    pub(super) tags: BTreeSet<String>,
    /// What is passed over.
    pub(super) notices: Vec<String>,
}

impl Lacks {
    /// Asks a destination; nothing is there where there is none yet.
    ///
    /// # Errors
    /// `copy-tag-taken`, `copy-legacy-differs`, and those of the places.
    pub(super) fn of(
        from: &dyn Images,
        to: Option<&dyn WritableImages>,
        survey: &Survey,
        wanted: &Wanted,
        threads: NonZeroUsize,
    ) -> Result<Self, CopyError> {
        let tags = tags(to, survey, wanted, threads)?;
        let manifests = manifests(to, survey, threads)?;
        let mut lacks = Self {
            blobs: Vec::new(),
            attached_blobs: Vec::new(),
            blobs_there: 0,
            manifests,
            tags,
            notices: Vec::new(),
        };
        let mut known = BTreeSet::new();
        let (images, others): (Vec<_>, Vec<_>) = survey.pieces.iter().partition(|piece| piece.role == Role::Image);
        let legacy = survey.legacy.iter().map(|one| &one.manifest);
        let images = blobs(images.into_iter().map(|piece| &piece.manifest), &mut known);
        let others = blobs(others.into_iter().map(|piece| &piece.manifest).chain(legacy), &mut known);
        lacks.blobs = lacks.sorted_out(from, to, images, threads)?;
        lacks.attached_blobs = lacks.sorted_out(from, to, others, threads)?;
        Ok(lacks)
    }

    /// Those of some blobs that are to be sent.
    fn sorted_out(
        &mut self,
        from: &dyn Images,
        to: Option<&dyn WritableImages>,
        items: Vec<Descriptor>,
        threads: NonZeroUsize,
    ) -> Result<Vec<Descriptor>, OciError> {
        let found = each(items, threads, |item| {
            let there = to.map_or(Ok(false), |to| to.has_blob(&item.digest))?;
            let elsewhere = !there && is_foreign(&item) && is_absent(from, &item)?;
            Ok((item, there, elsewhere))
        })?;
        let mut lacking = Vec::new();
        for (item, there, elsewhere) in found {
            if there {
                self.blobs_there = self.blobs_there.saturating_add(1);
            } else if elsewhere {
                let Descriptor { digest, media_type, .. } = item;
                self.notices.push(format!("the layer {digest} of type {media_type} is not there, and is passed over"));
            } else {
                lacking.push(item);
            }
        }
        Ok(lacking)
    }
}

/// Whether the source does not have a blob.
fn is_absent(from: &dyn Images, item: &Descriptor) -> Result<bool, OciError> {
    match from.open_blob(item) {
        Ok(_) => Ok(false),
        Err(OciError::Missing { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

/// The blobs of manifests, each once.
fn blobs<'a>(manifests: impl Iterator<Item = &'a Manifest>, known: &mut BTreeSet<Digest>) -> Vec<Descriptor> {
    let documents = manifests.map(|manifest| &manifest.document);
    let items = documents.flat_map(|document| {
        let layers: &[Descriptor] = if document.kind == oci::Kind::Manifest { &document.items } else { &[] };
        document.config.iter().chain(layers)
    });
    items.filter(|item| known.insert(item.digest.clone())).cloned().collect()
}

/// The tags that have to be written.
fn tags(
    to: Option<&dyn WritableImages>,
    survey: &Survey,
    wanted: &Wanted,
    threads: NonZeroUsize,
) -> Result<BTreeSet<String>, CopyError> {
    let legacy = survey.legacy.iter().map(|one| (one.tag.as_str(), &one.manifest));
    let image = wanted.tag.as_deref().into_iter().flat_map(|tag| survey.images().map(move |image| (tag, image)));
    let all: Vec<(&str, &Manifest)> = legacy.chain(image).collect();
    let Some(to) = to else { return Ok(all.into_iter().map(|(tag, _)| tag.to_owned()).collect()) };
    let found = each(all, threads, |(tag, manifest)| Ok((tag, manifest, to.tagged(tag)?)))?;
    let mut lacking = BTreeSet::new();
    for (tag, manifest, there) in found {
        let own = wanted.tag.as_deref() == Some(tag);
        match there {
            Some(there) if there.digest == manifest.digest || (!own && holds(&there, manifest)) => continue,
            Some(there) if wanted.existing == Existing::Refuse => {
                let (place, tag, expected) = (to.name(), tag.to_owned(), manifest.digest.to_string());
                let found = there.digest.to_string();
                return Err(match own {
                    true => CopyError::TagTaken { place, tag, expected, found },
                    false => CopyError::LegacyDiffers { place, tag, expected, found },
                });
            }
            _ => lacking.insert(tag.to_owned()),
        };
    }
    Ok(lacking)
}

/// Whether a manifest has every layer of another, with the same annotations.
fn holds(there: &Manifest, wanted: &Manifest) -> bool {
    let same =
        |one: &Descriptor, other: &Descriptor| one.digest == other.digest && one.annotations == other.annotations;
    there.document.kind == wanted.document.kind
        && wanted.document.items.iter().all(|one| there.document.items.iter().any(|other| same(one, other)))
}

/// The manifests that have to be written.
fn manifests(
    to: Option<&dyn WritableImages>,
    survey: &Survey,
    threads: NonZeroUsize,
) -> Result<BTreeSet<Digest>, OciError> {
    let Some(to) = to else {
        return Ok(survey.pieces.iter().map(|piece| piece.manifest.digest.clone()).collect());
    };
    let subjects: BTreeSet<&Digest> = survey.pieces.iter().filter_map(|piece| subject(&piece.manifest)).collect();
    let lists = each(subjects.into_iter().collect(), threads, |subject: &Digest| {
        let listed: BTreeSet<Digest> = to.referrers(subject)?.items.into_iter().map(|item| item.digest).collect();
        Ok((subject, listed))
    })?;
    let lists: BTreeMap<&Digest, BTreeSet<Digest>> = lists.into_iter().collect();
    let lacking = each(survey.pieces.iter().collect(), threads, |piece| {
        let digest = &piece.manifest.digest;
        let listed =
            subject(&piece.manifest).is_none_or(|subject| lists.get(subject).is_some_and(|one| one.contains(digest)));
        let there = listed && has_manifest(to, &piece.manifest)?;
        Ok((!there).then(|| digest.clone()))
    })?;
    Ok(lacking.into_iter().flatten().collect())
}

/// What a manifest says to be attached to, whether or not it is copied for that.
fn subject(manifest: &Manifest) -> Option<&Digest> {
    manifest.document.subject.as_ref().map(|subject| &subject.digest)
}

/// Whether a manifest is there, and whole. A damaged one is written again.
fn has_manifest(to: &dyn WritableImages, manifest: &Manifest) -> Result<bool, OciError> {
    let size = u64::try_from(manifest.bytes.len()).ok();
    match to.manifest(&manifest.digest, size) {
        Ok(found) => Ok(found.is_some_and(|found| found.media_type == manifest.media_type)),
        Err(OciError::Digest { .. } | OciError::Size { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}
