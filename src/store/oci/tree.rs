//! An image, its platforms, and what is attached to each of them and to what is attached; nothing of it is believed.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Kind;
use crate::formats::oci::platform::Platform;
use crate::formats::oci::referrer::CREATED;
use crate::store::measure::Hold;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::claims::Claims;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::evidence::Evidence;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::Look;
use crate::store::oci::evidence::each;
use crate::store::oci::evidence::evidence;
use crate::store::oci::platforms::Chosen;
use crate::store::oci::platforms::choose;
use crate::store::oci::resolve::need_image;

/// Most nodes of a tree: images, attached manifests and what is in them.
pub const MAX_NODES: usize = 5000;
/// Most levels of indexes in indexes, and of what is attached to what is attached.
pub const MAX_DEPTH: usize = 4;
/// Most bytes of attestations that are read for one tree (512 MiB).
pub const MAX_TREE_BYTES: u64 = 512 * 1024 * 1024;

/// An image with everything below it.
#[derive(Debug)]
pub struct Tree {
    /// The image.
    pub image: ImageNode,
    /// What was passed over, and why.
    pub notices: Vec<String>,
}

/// An image or an index.
#[derive(Debug)]
pub struct ImageNode {
    /// Its digest.
    pub digest: Digest,
    /// Its media type.
    pub media_type: String,
    /// Length of its manifest, in bytes.
    pub size: u64,
    /// The platform that the index above gives it.
    pub platform: Option<String>,
    /// Which of the two it is; None where it was not read: it is not there, or stands in the tree before.
    pub kind: Option<Kind>,
    /// What is attached to it, by predicate type and digest.
    pub attached: Vec<AttachedNode>,
    /// What it lists, where it is an index, in its order.
    pub platforms: Vec<Self>,
}

/// A manifest that is attached.
#[derive(Debug)]
pub struct AttachedNode {
    /// Its digest.
    pub manifest: Digest,
    /// By which convention it is attached.
    pub form: Form,
    /// What kind of artifact it says to be.
    pub artifact_type: Option<String>,
    /// When an annotation says that it was made.
    pub created: Option<String>,
    /// What is in it.
    pub contents: Vec<ContentNode>,
    /// What is attached to it.
    pub attached: Vec<Self>,
}

/// Something in a manifest that is attached.
#[derive(Debug)]
pub struct ContentNode {
    /// Which layer it is, from 0; None when it is the manifest as a whole.
    pub layer: Option<usize>,
    /// That layer's media type and its length in bytes.
    pub item: Option<(String, u64)>,
    /// The predicate type that an annotation gives, which nobody signed.
    pub annotated_type: Option<String>,
    /// What it says of itself.
    pub claims: Claims,
}

/// Looks at an image and everything below it, by up to `threads` threads. With a platform, only the one image is followed
/// that an index lists for it ([`choose`]).
///
/// It costs two requests for each image, three more for the tags of cosign, what [`everything`] costs, and one request for
/// each manifest that is attached. Under those tags it is looked for images alone.
///
/// # Errors
/// [`OciError`] of the place: not being able to look is never absence. `image-missing`, `image-platform-missing`,
/// `image-platform-ambiguous`; `image-too-large` above [`MAX_NODES`] or [`MAX_TREE_BYTES`].
pub fn tree(
    place: &dyn Images,
    image: &Digest,
    platform: Option<&Platform>,
    threads: NonZeroUsize,
) -> Result<Tree, OciError> {
    let (left, seen, notices) = (MAX_NODES, BTreeSet::new(), Vec::new());
    let mut walk = Walk { place, threads, left, seen, notices, bytes: AtomicU64::new(0) };
    let mut manifest = need_image(place, image)?;
    if let Some(platform) = platform
        && let Chosen::Listed(item) = choose(place, &manifest, platform)?
    {
        manifest.document.items = vec![item.clone()];
    }
    let image = walk.image(&manifest, None, 0)?;
    Ok(Tree { image, notices: walk.notices })
}

/// As [`evidence`], with the manifests read as well that only the list spoke of: each says itself that it is about the
/// image, and is told apart into its layers. That is one more request for each of them.
///
/// # Errors
/// Those of [`evidence`].
pub fn everything(place: &dyn Images, image: &Digest, look: Look, threads: NonZeroUsize) -> Result<Evidence, OciError> {
    let found = evidence(place, image, look, threads)?;
    let mut notices = found.notices;
    let read = each(found.attached, threads, |one| {
        let listed = matches!(one.content, AttachedContent::Other) && one.item.is_none();
        if !listed {
            return Ok((vec![one], None));
        }
        let digest = one.manifest.clone();
        let notice =
            |what: String| Ok((Vec::new(), Some(format!("{digest} is listed as attached to {image}, and {what}"))));
        let Some(manifest) = place.manifest(&digest, None)? else { return notice("is not there".to_owned()) };
        match manifest.document.subject.as_ref().map(|subject| &subject.digest) {
            None if one.form == Form::CosignSave => {}
            Some(subject) if subject == image => {}
            Some(subject) => return notice(format!("is about {subject}")),
            None => return notice("is about nothing".to_owned()),
        }
        Ok((layers(one, &manifest), None))
    })?;
    let mut attached = Vec::new();
    for (some, notice) in read {
        attached.extend(some);
        notices.extend(notice);
    }
    Ok(Evidence { attached, notices })
}

/// One for each layer of a manifest of which nothing is evidence; one for the whole where it has none.
fn layers(one: Attached, manifest: &Manifest) -> Vec<Attached> {
    let document = &manifest.document;
    let artifact_type = document.artifact_type.clone();
    let created = document.annotations.get(CREATED).filter(|text| !text.is_empty()).cloned();
    let whole = Attached { artifact_type, created, ..one };
    if document.kind == Kind::Index || document.items.is_empty() {
        return vec![whole];
    }
    let layer = |(n, item): (usize, &Descriptor)| Attached {
        manifest: whole.manifest.clone(),
        layer: Some(n),
        item: Some(item.clone()),
        form: whole.form,
        artifact_type: whole.artifact_type.clone(),
        predicate_type: None,
        created: whole.created.clone(),
        content: AttachedContent::Other,
        long: None,
    };
    document.items.iter().enumerate().map(layer).collect()
}

fn is_image(item: &Descriptor) -> bool {
    [oci::MANIFESTS, oci::INDEXES].iter().any(|list| list.contains(&item.media_type.as_str()))
}

/// What is looked at and how far.
struct Walk<'a> {
    place: &'a dyn Images,
    threads: NonZeroUsize,
    left: usize,
    bytes: AtomicU64,
    seen: BTreeSet<Digest>,
    notices: Vec<String>,
}

impl Walk<'_> {
    /// Takes room for so many nodes.
    fn take(&mut self, nodes: usize) -> Result<(), OciError> {
        let (place, what, limit) = (self.place.name(), "images and attached things", MAX_NODES);
        self.left = self.left.checked_sub(nodes).ok_or(OciError::TooMany { place, what, limit })?;
        Ok(())
    }

    fn image(&mut self, manifest: &Manifest, platform: Option<String>, depth: usize) -> Result<ImageNode, OciError> {
        self.take(1)?;
        self.seen.insert(manifest.digest.clone());
        let mut node = ImageNode {
            digest: manifest.digest.clone(),
            media_type: manifest.media_type.clone(),
            size: u64::try_from(manifest.bytes.len()).unwrap_or(u64::MAX),
            platform,
            kind: Some(manifest.document.kind),
            attached: self.attached(&manifest.digest)?,
            platforms: Vec::new(),
        };
        if manifest.document.kind == Kind::Manifest {
            return Ok(node);
        }
        if depth == MAX_DEPTH {
            let digest = &manifest.digest;
            self.notices.push(format!("{digest} lists more, below {MAX_DEPTH} levels of indexes, which is not shown"));
            return Ok(node);
        }
        for item in &manifest.document.items {
            let child = self.child(item, depth)?;
            node.platforms.push(child);
        }
        Ok(node)
    }

    /// What an index lists. What is not there, stands in the tree before, or is no image is named and not followed.
    fn child(&mut self, item: &Descriptor, depth: usize) -> Result<ImageNode, OciError> {
        let platform = item.platform.clone();
        if is_image(item) && !self.seen.contains(&item.digest) {
            if let Some(manifest) = self.place.manifest(&item.digest, Some(item.size))? {
                return self.image(&manifest, platform, depth + 1);
            }
            self.notices.push(format!("{} is listed by an index, and is not there", item.digest));
        }
        self.take(1)?;
        let (digest, media_type) = (item.digest.clone(), item.media_type.clone());
        let (kind, attached, platforms) = (None, Vec::new(), Vec::new());
        Ok(ImageNode { digest, media_type, size: item.size, platform, kind, attached, platforms })
    }

    /// What is attached to an image, and what to that, level by level.
    fn attached(&mut self, image: &Digest) -> Result<Vec<AttachedNode>, OciError> {
        let (mut nodes, notices) = self.look(image, Legacy::Also, self.threads)?;
        self.notices.extend(notices);
        self.count(&nodes)?;
        let mut level: Vec<&mut AttachedNode> = nodes.iter_mut().collect();
        for _ in 1..MAX_DEPTH {
            level.retain(|node| self.seen.insert(node.manifest.clone()));
            let digests = level.iter().map(|node| node.manifest.clone()).collect();
            let found =
                each(digests, self.threads, |digest: Digest| self.look(&digest, Legacy::No, NonZeroUsize::MIN))?;
            let mut next = Vec::new();
            for (node, (below, notices)) in level.into_iter().zip(found) {
                self.notices.extend(notices);
                self.count(&below)?;
                node.attached = below;
                next.extend(node.attached.iter_mut());
            }
            level = next;
        }
        Ok(nodes)
    }

    fn count(&mut self, nodes: &[AttachedNode]) -> Result<(), OciError> {
        self.take(nodes.iter().map(|node| node.contents.len().max(1)).sum())
    }

    /// What is attached, each manifest once, with the notices about it.
    fn look(
        &self,
        image: &Digest,
        legacy: Legacy,
        threads: NonZeroUsize,
    ) -> Result<(Vec<AttachedNode>, Vec<String>), OciError> {
        let found = everything(self.place, image, Look { legacy, hold: Hold::Short }, threads)?;
        let read = found.attached.iter().filter(|one| !matches!(one.content, AttachedContent::Other));
        let read = read.filter_map(|one| one.item.as_ref()).fold(0, |sum: u64, item| sum.saturating_add(item.size));
        if self.bytes.fetch_add(read, Relaxed).saturating_add(read) > MAX_TREE_BYTES {
            let (place, limit) = (self.place.name(), usize::try_from(MAX_TREE_BYTES).unwrap_or(usize::MAX));
            return Err(OciError::TooMany { place, what: "bytes of attestations in one tree", limit });
        }
        let mut nodes: Vec<AttachedNode> = Vec::new();
        for one in found.attached {
            let content = ContentNode {
                layer: one.layer,
                item: one.item.as_ref().map(|item| (item.media_type.clone(), item.size)),
                claims: Claims::of(&one),
                annotated_type: one.predicate_type,
            };
            // Layers of one manifest come one after another.
            match nodes.last_mut().filter(|last| last.manifest == one.manifest && last.form == one.form) {
                Some(last) => last.contents.push(content),
                None => nodes.push(AttachedNode {
                    manifest: one.manifest,
                    form: one.form,
                    artifact_type: one.artifact_type,
                    created: one.created,
                    contents: vec![content],
                    attached: Vec::new(),
                }),
            }
        }
        let key = |node: &AttachedNode| {
            let first = node.contents.first();
            let predicate_type = first.and_then(|content| content.claims.predicate_type.clone());
            // What has no predicate type comes last.
            (predicate_type.is_none(), predicate_type, node.manifest.clone())
        };
        nodes.sort_by_cached_key(key);
        Ok((nodes, found.notices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::cosign;
    use crate::store::oci::memory::MemoryImages;
    use crate::store::oci::memory::digest_of;
    use crate::store::oci::memory::listed;
    use crate::store::oci::memory::manifest_of;

    const ENVELOPE: &str = r#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AA=="}]}"#;

    fn image(name: &str) -> Manifest {
        manifest_of(&format!(r#"{{"layers":[],"annotations":{{"name":"{name}"}}}}"#))
    }

    fn item(media_type: &str, digest: &Digest, size: u64, more: &str) -> String {
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}"#)
    }

    fn index(of: &[&Manifest]) -> Manifest {
        let platform = r#","platform":{"os":"linux","architecture":"arm","variant":"v7"}"#;
        let items: Vec<_> = of
            .iter()
            .map(|one| item(&one.media_type, &one.digest, one.bytes.len().try_into().unwrap(), platform))
            .collect();
        manifest_of(&format!(r#"{{"mediaType":"{}","manifests":[{}]}}"#, oci::INDEX, items.join(",")))
    }

    fn about(subject: &Manifest, artifact_type: &str, layer: &str) -> Manifest {
        let subject = item("m", &subject.digest, 1, "");
        manifest_of(&format!(r#"{{"artifactType":"{artifact_type}","subject":{subject},"layers":[{layer}]}}"#))
    }

    fn look(place: &MemoryImages, image: &Manifest) -> Result<Tree, OciError> {
        tree(place, &image.digest, None, NonZeroUsize::new(4).unwrap())
    }

    #[test]
    fn what_is_attached_to_what_is_attached_is_followed_four_levels() {
        let place = MemoryImages::default();
        let mut top = image("a");
        place.add(&top, None);
        let first = top.clone();
        for n in 0..6 {
            top = about(&top, &format!("x/{n}"), &item("x/y", &digest_of(b"x"), 1, ""));
            place.add(&top, None);
        }
        let found = look(&place, &first).unwrap();
        let mut level = &found.image.attached;
        let mut depth = 0;
        while let Some(node) = level.first() {
            (level, depth) = (&node.attached, depth + 1);
        }
        assert_eq!(depth, MAX_DEPTH);
    }

    #[test]
    fn what_an_index_lists_and_is_not_there_is_named() {
        let place = MemoryImages::default();
        let (here, gone) = (image("here"), image("gone"));
        let top = index(&[&here, &gone]);
        place.add(&here, None);
        place.add(&top, None);
        let found = look(&place, &top).unwrap();
        let kinds: Vec<_> = found.image.platforms.iter().map(|node| node.kind).collect();
        assert_eq!(kinds, [Some(Kind::Manifest), None]);
        assert_eq!(found.notices.len(), 1);
        let of = |top: &Manifest, platform: &str| {
            let platform = Platform::parse(platform).unwrap();
            let found = tree(&place, &top.digest, Some(&platform), NonZeroUsize::MIN).map_err(|error| error.code())?;
            Ok(found.image.platforms.len())
        };
        assert_eq!(of(&top, "linux/arm"), Err("image-platform-ambiguous"));
        assert_eq!(of(&top, "linux/ar"), Err("image-platform-missing"));
        let top = index(&[&here]);
        place.add(&top, None);
        assert_eq!(of(&top, "linux/arm"), Ok(1));
    }

    #[test]
    fn an_error_of_the_place_is_never_absence() {
        for call in ["referrers", "manifest", "tagged"] {
            let place = MemoryImages::default();
            let top = image("a");
            place.add(&top, None);
            place.fail(call);
            assert_eq!(look(&place, &top).unwrap_err().code(), "image-offline", "{call}");
        }
        assert_eq!(look(&MemoryImages::default(), &image("a")).unwrap_err().code(), "image-missing");
    }

    #[test]
    fn what_a_list_says_of_other_kinds_is_read_before_it_is_shown() {
        let place = MemoryImages::default();
        let (top, other) = (image("a"), image("b"));
        let theirs = about(&other, "x/y", "");
        let nobodys = manifest_of(r#"{"layers":[],"artifactType":"x/z"}"#);
        for manifest in [&top, &theirs, &nobodys] {
            place.add(manifest, None);
        }
        for (manifest, kind) in [(&theirs, "x/y"), (&nobodys, "x/z"), (&image("gone"), "x/w"), (&top, "x/v")] {
            place.list(listed(manifest, Some(kind)));
        }
        let found = look(&place, &top).unwrap();
        assert_eq!((found.image.attached.len(), found.notices.len()), (0, 4), "{:?}", found.notices);
    }

    #[test]
    fn a_thousand_things_are_shown() {
        let place = MemoryImages::default();
        let top = image("a");
        place.add(&top, None);
        for n in 0..1000 {
            place.add(&about(&top, &format!("x/{n}"), &item("x/y", &digest_of(b"x"), 1, "")), None);
        }
        assert_eq!(look(&place, &top).unwrap().image.attached.len(), 1000);
        place.add(&about(&top, "x/1000", ""), None);
        assert_eq!(look(&place, &top).unwrap_err().code(), "image-too-large");
    }

    #[test]
    fn the_bytes_of_a_tree_are_bounded() {
        let place = MemoryImages::default();
        place.add_blob(ENVELOPE.as_bytes());
        let size = 120 * 1024 * 1024;
        let images: Vec<Manifest> = ["a", "b", "c", "d", "e"].map(image).into();
        for image in &images {
            place.add(image, None);
            let layer = item(cosign::LAYER_MEDIA_TYPE, &digest_of(ENVELOPE.as_bytes()), size, "");
            place.add(&about(image, "", &layer), None);
        }
        let all: Vec<&Manifest> = images.iter().collect();
        let (four, five) = (index(&all[..4]), index(&all));
        place.add(&four, None);
        place.add(&five, None);
        assert_eq!(look(&place, &four).unwrap().image.platforms.len(), 4);
        assert_eq!(look(&place, &five).unwrap_err().code(), "image-too-large");
    }
}
