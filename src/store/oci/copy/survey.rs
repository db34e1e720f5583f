//! What copying an image takes: manifests and lists, read at the source by digest before anything is written.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;

use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::platform;
use crate::formats::oci::platform::Platform;
use crate::formats::oci::referrer;
use crate::formats::oci::referrer::BundleContent;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::copy::CopyError;
use crate::store::oci::copy::Kind;
use crate::store::oci::copy::MAX_DEPTH;
use crate::store::oci::copy::MAX_MANIFESTS;
use crate::store::oci::copy::Platforms;
use crate::store::oci::copy::Take;
use crate::store::oci::copy::Wanted;
use crate::store::oci::copy::is_reserved;
use crate::store::oci::copy::legacy_tags;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::MAX_MANIFEST_BYTES;
use crate::store::oci::evidence::each;
use crate::store::oci::platforms::Chosen;
use crate::store::oci::platforms::choose;
use crate::store::oci::resolve::need_image;
use crate::store::oci::resolve::need_listed;

/// The predicate of a signature in a bundle, as cosign 3 writes it.
const SIGNED: &str = "https://sigstore.dev/cosign/sign/v1";
/// Parts of media types, and what they are types of. The first that fits counts.
const KINDS: &[(&str, Kind)] = &[
    ("cosign.artifact.sig", Kind::Signature),
    ("cosign.artifact.att", Kind::Attestation),
    ("cosign.artifact.sbom", Kind::Sbom),
    ("cosign.simplesigning", Kind::Signature),
    ("cncf.notary.signature", Kind::Signature),
    ("dev.sigstore.bundle", Kind::Attestation),
    ("vnd.in-toto", Kind::Attestation),
    ("vnd.dsse", Kind::Attestation),
    ("spdx", Kind::Sbom),
    ("cyclonedx", Kind::Sbom),
    ("syft", Kind::Sbom),
];

/// What a manifest is to the image that is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// It is the image, or one of its platforms.
    Image,
    /// It is attached.
    Attached {
        /// By which convention it was found.
        form: Form,
        /// What it is attached to.
        subject: Digest,
    },
    /// It is listed by an index that is attached.
    Below,
}

/// A manifest to copy.
pub(super) struct Piece {
    pub(super) manifest: Manifest,
    pub(super) role: Role,
}

/// A manifest under a tag of cosign.
pub(super) struct Tagged {
    pub(super) tag: String,
    pub(super) manifest: Manifest,
    pub(super) subject: Digest,
}

/// Everything to copy.
pub(super) struct Survey {
    /// The manifests in the order in which they are written: what is listed before what lists it, what is attached after
    /// what it is attached to.
    pub(super) pieces: Vec<Piece>,
    pub(super) legacy: Vec<Tagged>,
    pub(super) platforms: Vec<(String, Digest)>,
    pub(super) notices: Vec<String>,
    roots: Vec<Digest>,
}

impl Survey {
    /// What is an image of its own.
    pub(super) fn images(&self) -> impl Iterator<Item = &Manifest> {
        let manifests = self.pieces.iter().map(|piece| &piece.manifest);
        manifests.filter(|manifest| self.roots.contains(&manifest.digest))
    }
}

/// Reads what is to be copied.
///
/// # Errors
/// [`CopyError`] but for those about the destination.
pub(super) fn survey(from: &dyn Images, wanted: &Wanted, threads: NonZeroUsize) -> Result<Survey, CopyError> {
    if let Some(tag) = wanted.tag.as_ref().filter(|tag| is_reserved(tag)) {
        return Err(CopyError::TagReserved { tag: tag.clone() });
    }
    let survey = Survey {
        pieces: Vec::new(),
        legacy: Vec::new(),
        platforms: Vec::new(),
        notices: Vec::new(),
        roots: Vec::new(),
    };
    let mut walk = Walk { from, threads, seen: BTreeSet::new(), bytes: 0, survey };
    let image = need_image(from, &wanted.image)?;
    let roots = match &wanted.platforms {
        Platforms::All => vec![image],
        Platforms::Only(names) => walk.chosen(image, names)?,
    };
    if let (Some(tag), found @ 2..) = (&wanted.tag, roots.len()) {
        return Err(CopyError::OneTag { tag: tag.clone(), found });
    }
    walk.survey.roots = roots.iter().map(|root| root.digest.clone()).collect();
    walk.add(roots.into_iter().map(|root| (root, Role::Image)).collect(), Role::Image)?;
    walk.name_platforms();
    let subjects: Vec<Digest> = walk.survey.pieces.iter().map(|piece| piece.manifest.digest.clone()).collect();
    if wanted.legacy == Legacy::Also {
        walk.legacy(&subjects, &wanted.attached)?;
    }
    if wanted.attached != Take::Nothing {
        walk.attached(subjects, &wanted.attached)?;
    }
    Ok(walk.survey)
}

struct Walk<'a> {
    from: &'a dyn Images,
    threads: NonZeroUsize,
    seen: BTreeSet<Digest>,
    /// Bytes of the manifests so far.
    bytes: u64,
    survey: Survey,
}

impl Walk<'_> {
    /// The manifests for some platforms.
    fn chosen(&mut self, image: Manifest, asked: &[Platform]) -> Result<Vec<Manifest>, OciError> {
        let mut picked: Vec<&Descriptor> = Vec::new();
        for one in asked {
            if let Chosen::Listed(item) = choose(self.from, &image, one)? {
                picked.push(item);
            }
        }
        if picked.is_empty() {
            return Ok(vec![image]);
        }
        let mut known = BTreeSet::new();
        picked.retain(|item| known.insert(&item.digest));
        self.survey.platforms =
            picked.iter().filter_map(|item| Some((item.platform.clone()?, item.digest.clone()))).collect();
        self.survey.notices.push(format!(
            "the index {} stays behind, and with it what is attached to it and what only it lists",
            image.digest
        ));
        let picked: Vec<Descriptor> = picked.into_iter().cloned().collect();
        each(picked, self.threads, |item| need_listed(self.from, &item))
    }

    /// Names the platforms that indexes list.
    fn name_platforms(&mut self) {
        if !self.survey.platforms.is_empty() {
            return;
        }
        let indexes = self.survey.pieces.iter().map(|piece| &piece.manifest.document);
        let items = indexes.filter(|document| document.kind == oci::Kind::Index).flat_map(platform::images);
        let named = items.filter_map(|item| Some((item.platform.clone()?, item.digest.clone())));
        self.survey.platforms = named.collect();
    }

    /// Adds manifests with everything that they list, each once, and says which are new. What is listed has the role
    /// `below`, and stands before what lists it.
    fn add(&mut self, tops: Vec<(Manifest, Role)>, below: Role) -> Result<Vec<Digest>, OciError> {
        let mut read: BTreeMap<Digest, (Manifest, Role)> = BTreeMap::new();
        let mut order: Vec<Digest> = Vec::new();
        let mut level: Vec<Descriptor> = Vec::new();
        for (manifest, role) in tops {
            self.count(length(&manifest))?;
            level.extend(listed(&manifest));
            order.push(manifest.digest.clone());
            read.insert(manifest.digest.clone(), (manifest, role));
        }
        for depth in 0.. {
            let mut known = BTreeSet::new();
            level.retain(|item| {
                let there = read.contains_key(&item.digest) || self.seen.contains(&item.digest);
                !there && known.insert(item.digest.clone())
            });
            if level.is_empty() {
                break;
            }
            if depth == MAX_DEPTH {
                return Err(self.too_many("levels of indexes", MAX_DEPTH));
            }
            level.iter().try_for_each(|item| self.count(item.size))?;
            let found = each(std::mem::take(&mut level), self.threads, |item| need_listed(self.from, &item))?;
            for manifest in found {
                level.extend(listed(&manifest));
                read.insert(manifest.digest.clone(), (manifest, below.clone()));
            }
        }
        let mut new = Vec::new();
        for top in order {
            self.take(&top, &mut read, &mut new);
        }
        Ok(new)
    }

    /// Moves a manifest into the order of writing, after what it lists.
    fn take(&mut self, digest: &Digest, read: &mut BTreeMap<Digest, (Manifest, Role)>, new: &mut Vec<Digest>) {
        // Nobody can make an index that lists itself; taking it out first ends it even so.
        let Some((manifest, role)) = read.remove(digest) else { return };
        for item in listed(&manifest) {
            self.take(&item.digest, read, new);
        }
        self.seen.insert(digest.clone());
        new.push(digest.clone());
        self.survey.pieces.push(Piece { manifest, role });
    }

    /// Adds what is attached, and what is attached to that.
    fn attached(&mut self, mut subjects: Vec<Digest>, take: &Take) -> Result<(), OciError> {
        for depth in 0.. {
            let tops = self.referrers(&subjects, take)?;
            if tops.is_empty() {
                return Ok(());
            }
            if depth == MAX_DEPTH {
                return Err(self.too_many("levels of things attached to each other", MAX_DEPTH));
            }
            subjects = self.add(tops, Role::Below)?;
        }
        Ok(())
    }

    /// What refers to some manifests, once it is read and says so itself.
    fn referrers(&mut self, subjects: &[Digest], take: &Take) -> Result<Vec<(Manifest, Role)>, OciError> {
        let lists = each(subjects.iter().collect(), self.threads, |subject: &Digest| self.from.referrers(subject))?;
        // A place may list one thing for several manifests; whose it is, it says itself.
        let mut listed: BTreeMap<Digest, (Descriptor, BTreeMap<&Digest, Form>)> = BTreeMap::new();
        let mut order = Vec::new();
        let mut bytes = self.bytes;
        for (subject, list) in subjects.iter().zip(lists) {
            self.survey.notices.extend(list.oddities);
            for item in list.items.into_iter().filter(|item| !self.seen.contains(&item.digest)) {
                if !listed.contains_key(&item.digest) {
                    bytes = self.within(bytes, item.size)?;
                    order.push(item.digest.clone());
                }
                let entry = listed.entry(item.digest.clone()).or_insert_with(|| (item, BTreeMap::new()));
                entry.1.insert(subject, list.form);
            }
        }
        if self.survey.pieces.len().saturating_add(order.len()) > MAX_MANIFESTS {
            return Err(self.too_many("manifests", MAX_MANIFESTS));
        }
        let asked: Vec<_> = order.iter().filter_map(|digest| listed.remove(digest)).collect();
        let read = each(asked, self.threads, |(item, listed)| {
            let manifest = self.from.manifest(&item.digest, Some(item.size))?;
            Ok((item.digest, listed, manifest))
        })?;
        let mut tops = Vec::new();
        for (digest, listed, manifest) in read {
            let Some(first) = listed.keys().next() else { continue };
            let Some(manifest) = manifest else {
                self.notice(format!("{digest} is listed as attached to {first}, and is not there"));
                continue;
            };
            let about = manifest.document.subject.as_ref().map(|about| about.digest.clone());
            let own = about.as_ref().and_then(|about| Some((about.clone(), *listed.get(about)?)));
            match (own, about) {
                (Some((subject, form)), _) => {
                    if takes(take, kind(&manifest.document)) {
                        tops.push((manifest, Role::Attached { form, subject }));
                    }
                }
                (None, Some(about)) => {
                    self.notice(format!("{digest} is listed as attached to {first}, and is about {about}"));
                }
                (None, None) => self.notice(format!("{digest} is listed as attached to {first}, and is about nothing")),
            }
        }
        Ok(tops)
    }

    /// What stands under the tags of cosign.
    fn legacy(&mut self, subjects: &[Digest], take: &Take) -> Result<(), OciError> {
        let tags = subjects.iter().flat_map(|subject| legacy_tags(subject).map(|(tag, kind)| (subject, tag, kind)));
        let tags: Vec<_> = tags.filter(|(_, _, kind)| takes(take, *kind)).collect();
        let found = each(tags, self.threads, |(subject, tag, _)| {
            let manifest = self.from.tagged(&tag)?;
            Ok(manifest.map(|manifest| Tagged { tag, manifest, subject: subject.clone() }))
        })?;
        for tagged in found.into_iter().flatten() {
            if tagged.manifest.document.kind == oci::Kind::Index {
                self.notice(format!("the tag {} holds an index, and is passed over", tagged.tag));
                continue;
            }
            self.count(length(&tagged.manifest))?;
            self.survey.legacy.push(tagged);
        }
        Ok(())
    }

    fn notice(&mut self, text: String) {
        self.survey.notices.push(text);
    }

    fn count(&mut self, size: u64) -> Result<(), OciError> {
        self.bytes = self.within(self.bytes, size)?;
        if self.survey.pieces.len().saturating_add(self.survey.legacy.len()) >= MAX_MANIFESTS {
            return Err(self.too_many("manifests", MAX_MANIFESTS));
        }
        Ok(())
    }

    fn within(&self, bytes: u64, size: u64) -> Result<u64, OciError> {
        let sum = bytes.saturating_add(size);
        match usize::try_from(sum) {
            Ok(fits) if fits <= MAX_MANIFEST_BYTES => Ok(sum),
            _ => Err(self.too_many("bytes of manifests", MAX_MANIFEST_BYTES)),
        }
    }

    fn too_many(&self, what: &'static str, limit: usize) -> OciError {
        OciError::TooMany { place: self.from.name(), what, limit }
    }
}

/// The manifests that an index lists.
fn listed(manifest: &Manifest) -> Vec<Descriptor> {
    match manifest.document.kind {
        oci::Kind::Index => manifest.document.items.clone(),
        oci::Kind::Manifest => Vec::new(),
    }
}

fn length(manifest: &Manifest) -> u64 {
    u64::try_from(manifest.bytes.len()).unwrap_or(u64::MAX)
}

fn takes(take: &Take, kind: Kind) -> bool {
    match take {
        Take::All => true,
        Take::Nothing => false,
        Take::Only(kinds) => kinds.contains(&kind),
    }
}

/// What something attached is, by its types and annotations.
fn kind(document: &Document) -> Kind {
    let types = document.artifact_type.iter().chain(document.items.iter().map(|item| &item.media_type));
    let known = |name: &String| KINDS.iter().find(|(part, _)| name.contains(part)).map(|(_, kind)| *kind);
    let annotation = |name: &str| document.annotations.get(name).map(String::as_str).unwrap_or_default();
    let signed = annotation(referrer::BUNDLE_PREDICATE_TYPE) == SIGNED
        || annotation(referrer::BUNDLE_CONTENT) == BundleContent::Message.name();
    match types.filter_map(known).next() {
        Some(Kind::Attestation) if signed => Kind::Signature,
        Some(kind) => kind,
        None => Kind::Other,
    }
}
