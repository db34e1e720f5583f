//! What is attached to an image: found, held against its digests, and read; nothing of it is believed.

use std::collections::BTreeMap;
use std::io;
use std::io::Cursor;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::cosign;
use crate::formats::cosign::layer::PREDICATE_TYPE;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::Kind;
use crate::formats::oci::referrer;
use crate::store::measure;
use crate::store::measure::HELD;
use crate::store::measure::Hold;
use crate::store::measure::Long;
use crate::store::measure::Text;
use crate::store::oci::AT_ONCE;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::MAX_REFERRERS;
use crate::store::oci::OciError;
use crate::store::parallel::in_parallel;
use crate::store::spool::Spooled;
use crate::store::spool::failure;
use crate::trust::key::sha256;

/// Most layers that are told apart for one image, over everything attached to it.
pub const MAX_ATTACHED: usize = 4000;
/// Most bytes of attestations that are read about one image (192 MiB).
pub const MAX_BYTES: usize = attestations::MAX_BYTES;
/// Most bytes of manifests that are read for the same (128 MiB).
pub const MAX_MANIFEST_BYTES: usize = 128 * 1024 * 1024;

/// What an artifact type starts with that may hold an attestation or signature.
const EVIDENCE: &[&str] = &[
    "application/vnd.dev.sigstore.",
    "application/vnd.dev.cosign.",
    "application/vnd.in-toto",
    "application/vnd.dsse.",
];
/// Artifact types that say nothing: they stand where a client wrote the configuration's media type into the list.
const SAYS_NOTHING: &[&str] = &[
    "",
    referrer::EMPTY_CONFIG,
    referrer::IMAGE_CONFIG,
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.unknown.config.v1+json",
    "application/vnd.unknown.artifact.v1",
    "application/json",
    "application/octet-stream",
];

/// Where to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether under the tags of cosign before bundles.
    pub legacy: Legacy,
    /// Whether what is long may be measured.
    pub hold: Hold,
}

/// Whether it is looked under the tags `sha256-<hex>.att`, `.sig` and `.sbom`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Legacy {
    /// They are, which costs three more requests.
    Also,
    /// They are not.
    No,
}

/// What is attached to an image.
#[derive(Debug)]
pub struct Evidence {
    /// One for each layer, in the order of the list, then of the tags; one for a manifest that is not taken apart.
    pub attached: Vec<Attached>,
    /// What was passed over, and why.
    pub notices: Vec<String>,
}

/// Something attached to an image.
#[derive(Debug)]
pub struct Attached {
    /// The manifest that holds it.
    pub manifest: Digest,
    /// Which of its layers it is, from 0; None when it is the manifest as a whole.
    pub layer: Option<usize>,
    /// That layer's descriptor, by which its bytes can be had again; None when it is the manifest as a whole.
    pub item: Option<Descriptor>,
    /// By which convention it is attached.
    pub form: Form,
    /// What kind of artifact the manifest says to be; the list's word where the manifest was not read.
    pub artifact_type: Option<String>,
    /// What an annotation says that the attestation is about. Nobody signed it.
    pub predicate_type: Option<String>,
    /// When an annotation of the manifest says that it was made. Nobody signed it.
    pub created: Option<String>,
    /// What it is.
    pub content: AttachedContent,
    /// Its text, where it was too long to be held and was measured.
    pub long: Option<Box<Long>>,
}

/// What something attached is.
#[derive(Debug)]
pub enum AttachedContent {
    /// An attestation or a signature in a bundle, or why it cannot be read as one.
    Attestation(Result<Bundle, FormatError>),
    /// A plain signature of cosign before bundles, or why it cannot be read as one.
    Signature(Result<Bundle, FormatError>),
    /// Something else. Where the list alone said so, its manifest was not read, and not even its subject is known.
    Other,
}

/// Something attached, and what must be read for it still.
struct Found {
    attached: Attached,
    fetch: Option<(Descriptor, Reading)>,
}

/// How a layer is read.
#[derive(Clone, Copy)]
enum Reading {
    Bundle,
    CosignLayer,
    SimpleSigning,
}

/// A manifest that may hold evidence.
struct Holder<'a> {
    digest: &'a Digest,
    form: Form,
    document: &'a Document,
}

/// What is attached to an image, by up to `threads` threads, and never more than [`AT_ONCE`].
///
/// A manifest counts when it says itself that the image is its subject; the list's word is none. What a place lists and
/// does not have, and what is about something else, is a notice. `K` manifests cost `K + 1` requests where their layers carry
/// their `data`, `2K + 1` else; the three tags of [`Legacy::Also`] cost three, and one more for each attestation there.
/// What the list says to be an artifact of a kind that cannot hold evidence costs none, and is [`AttachedContent::Other`].
///
/// # Errors
/// [`OciError`] of the place, whatever was asked for: not being able to look is never absence. `image-too-large` above
/// [`MAX_REFERRERS`], [`MAX_ATTACHED`], [`MAX_BYTES`] or [`MAX_MANIFEST_BYTES`]; `image-content-digest` and
/// `image-content-size` for `data` that is not what its descriptor says.
pub fn evidence(place: &dyn Images, image: &Digest, look: Look, threads: NonZeroUsize) -> Result<Evidence, OciError> {
    let threads = threads.min(NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN));
    let mut notices = Vec::new();
    let mut found = referrers(place, image, threads, &mut notices)?;
    if look.legacy == Legacy::Also {
        found.extend(legacy(place, image, threads, &mut notices)?);
    }
    if found.len() > MAX_ATTACHED {
        return Err(too_many(place, "attached layers", MAX_ATTACHED));
    }
    let sizes = found.iter().filter_map(|one| one.fetch.as_ref()).map(|(item, _)| item.size);
    within(place, sizes, "bytes of attestations", MAX_BYTES)?;
    let attached = each(found, threads, |one| {
        let Some((item, reading)) = one.fetch else { return Ok(one.attached) };
        let bytes = match long(place, &item, reading, look.hold)? {
            Fetched::Long(long) => {
                let content = AttachedContent::Attestation(Ok(long.bundle.clone()));
                return Ok(Attached { content, long: Some(long), ..one.attached });
            }
            Fetched::Whole(bytes) => bytes,
        };
        let content = match reading {
            Reading::Bundle => AttachedContent::Attestation(json::parse(&bytes).and_then(Bundle::from_json)),
            Reading::CosignLayer => AttachedContent::Attestation(cosign::parse(&bytes, &item.annotations)),
            Reading::SimpleSigning => AttachedContent::Signature(cosign::parse_signature(&bytes, &item.annotations)),
        };
        Ok(Attached { content, ..one.attached })
    })?;
    Ok(Evidence { attached, notices })
}

/// A layer that was fetched.
enum Fetched {
    Whole(Vec<u8>),
    Long(Box<Long>),
}

/// A layer's content, measured where it is long and that is enough.
fn long(place: &dyn Images, item: &Descriptor, reading: Reading, hold: Hold) -> Result<Fetched, OciError> {
    let kind = match reading {
        Reading::Bundle => Text::Bundle,
        Reading::CosignLayer => Text::Layer(&item.annotations),
        Reading::SimpleSigning => return content(place, item).map(Fetched::Whole),
    };
    if hold == Hold::All || item.size <= HELD || item.data.is_some() {
        return content(place, item).map(Fetched::Whole);
    }
    let failed = |error: io::Error| match error.downcast::<OciError>() {
        Ok(carried) => carried,
        Err(error) => OciError::Store(failure(error, Path::new("a temporary file"))),
    };
    let text = Spooled::copy(place.open_blob(item)?).map_err(failed)?;
    match measure::long(&text, kind).map_err(failed)? {
        Some(long) => Ok(Fetched::Long(Box::new(long))),
        None => text.to_bytes().map(Fetched::Whole).map_err(OciError::Store),
    }
}

/// What the list leads to.
fn referrers(
    place: &dyn Images,
    image: &Digest,
    threads: NonZeroUsize,
    notices: &mut Vec<String>,
) -> Result<Vec<Found>, OciError> {
    let listed = place.referrers(image)?;
    if listed.items.len() > MAX_REFERRERS {
        return Err(too_many(place, "referrers", MAX_REFERRERS));
    }
    notices.extend(listed.oddities);
    let form = listed.form;
    let read = listed.items.iter().filter(|item| may_hold_evidence(item)).map(|item| item.size);
    within(place, read, "bytes of manifests", MAX_MANIFEST_BYTES)?;
    let documents = each(listed.items, threads, |item| {
        if !may_hold_evidence(&item) {
            return Ok((item, None));
        }
        let manifest = place.manifest(&item.digest, Some(item.size))?;
        Ok((item, Some(manifest.map(|manifest| manifest.document))))
    })?;
    let mut found = Vec::new();
    for (item, document) in documents {
        let digest = &item.digest;
        match document {
            None => found.push(whole(&item.digest, form, item.artifact_type.clone())),
            Some(None) => notices.push(format!("{digest} is listed as attached to {image}, and is not there")),
            Some(Some(document)) => match document.subject.as_ref().map(|subject| &subject.digest) {
                Some(subject) if subject == image => {
                    found.extend(taken_apart(&Holder { digest, form, document: &document }));
                }
                // What cosign marked in a layout names no subject: the layout is about one image.
                None if form == Form::CosignSave => {
                    found.extend(taken_apart(&Holder { digest, form, document: &document }));
                }
                Some(subject) => {
                    notices.push(format!("{digest} is listed as attached to {image}, and is about {subject}"));
                }
                None => notices.push(format!("{digest} is listed as attached to {image}, and is about nothing")),
            },
        }
    }
    Ok(found)
}

/// Whether a manifest has to be read to know. Clients write all sorts of things into lists (go-containerregistry writes
/// the configuration's media type), so only a type that is clearly another's decides.
fn may_hold_evidence(item: &Descriptor) -> bool {
    let named = item.artifact_type.as_deref().unwrap_or_default().trim().to_ascii_lowercase();
    SAYS_NOTHING.contains(&named.as_str()) || EVIDENCE.iter().any(|prefix| named.starts_with(prefix))
}

/// What stands under the tags of cosign before bundles.
fn legacy(
    place: &dyn Images,
    image: &Digest,
    threads: NonZeroUsize,
    notices: &mut Vec<String>,
) -> Result<Vec<Found>, OciError> {
    let tag = oci::fallback_tag(image);
    let tags = vec![oci::attestation_tag(image), format!("{tag}.sig"), format!("{tag}.sbom")];
    let manifests = each(tags, threads, |tag| Ok(place.tagged(&tag)?.map(|manifest| (tag, manifest))))?;
    let mut found = Vec::new();
    for (tag, manifest) in manifests.into_iter().flatten() {
        if manifest.document.kind == Kind::Index {
            notices.push(format!("the tag {tag} holds an index, and is passed over"));
            continue;
        }
        let digest = &manifest.digest;
        let holder = Holder { digest, form: Form::LegacyTag, document: &manifest.document };
        let layers = manifest.document.items.iter().enumerate();
        found.extend(layers.map(|(n, item)| {
            let mut one = layer(&holder, n, item);
            if tag.ends_with(".att") && one.fetch.is_none() {
                let kind = format!("a layer of type {:?}", item.media_type);
                let refused = FormatError::NotAnAttestation { found: kind };
                one.attached.content = AttachedContent::Attestation(Err(refused));
            }
            one
        }));
    }
    Ok(found)
}

/// What a manifest holds: one bundle, or one thing in each layer.
fn taken_apart(holder: &Holder<'_>) -> Vec<Found> {
    let document = holder.document;
    let bundle = |name: &str| name.starts_with(oci::BUNDLE_PREFIX);
    let whole = read_whole(holder);
    if document.kind == Kind::Index || document.items.is_empty() {
        return vec![whole];
    }
    let is_bundle = document.artifact_type.as_deref().is_some_and(bundle);
    if !is_bundle && !document.items.iter().any(|item| bundle(&item.media_type)) {
        return document.items.iter().enumerate().map(|(n, item)| layer(holder, n, item)).collect();
    }
    let predicate_type = hint(&document.annotations, referrer::BUNDLE_PREDICATE_TYPE);
    let attached = Attached { predicate_type, ..whole.attached };
    if let [only] = document.items.as_slice() {
        let attached = Attached { layer: Some(0), item: Some(only.clone()), ..attached };
        return vec![Found { attached, fetch: Some((only.clone(), Reading::Bundle)) }];
    }
    let (what, found) = ("/layers".to_owned(), document.items.len());
    let refused = FormatError::TooMany { what, limit: 1, found };
    let content = AttachedContent::Attestation(Err(refused));
    vec![Found { attached: Attached { content, ..attached }, fetch: None }]
}

/// A layer that is what its media type says.
fn layer(holder: &Holder<'_>, n: usize, item: &Descriptor) -> Found {
    let whole = read_whole(holder);
    let predicate_type = hint(&item.annotations, PREDICATE_TYPE);
    let attached = Attached { layer: Some(n), item: Some(item.clone()), predicate_type, ..whole.attached };
    match item.media_type.as_str() {
        cosign::LAYER_MEDIA_TYPE => Found { attached, fetch: Some((item.clone(), Reading::CosignLayer)) },
        cosign::SIGNATURE_MEDIA_TYPE => Found { attached, fetch: Some((item.clone(), Reading::SimpleSigning)) },
        _ => Found { attached, fetch: None },
    }
}

/// A manifest that was read, before it is taken apart.
fn read_whole(holder: &Holder<'_>) -> Found {
    let found = whole(holder.digest, holder.form, holder.document.artifact_type.clone());
    let created = hint(&holder.document.annotations, referrer::CREATED);
    Found { attached: Attached { created, ..found.attached }, fetch: None }
}

/// A manifest that is not taken apart.
fn whole(digest: &Digest, form: Form, artifact_type: Option<String>) -> Found {
    let manifest = digest.clone();
    let (layer, item, predicate_type, created, long) = (None, None, None, None, None);
    let content = AttachedContent::Other;
    let attached = Attached { manifest, layer, item, form, artifact_type, predicate_type, created, content, long };
    Found { attached, fetch: None }
}

fn hint(annotations: &BTreeMap<String, String>, name: &str) -> Option<String> {
    annotations.get(name).filter(|text| !text.is_empty()).cloned()
}

/// A layer's content: what its descriptor carries, once that is what digest and size say, or the blob.
fn content(place: &dyn Images, item: &Descriptor) -> Result<Vec<u8>, OciError> {
    let Some(data) = &item.data else { return place.blob(item, MAX_BYTES) };
    if u64::try_from(data.len()) != Ok(item.size) {
        let (place, digest, found) = (place.name(), item.digest.to_string(), data.len().to_string());
        return Err(OciError::Size { place, digest, expected: item.size, found });
    }
    let found = sha256(data);
    if item.digest.bytes() != found {
        let (place, digest, found) = (place.name(), item.digest.to_string(), format!("sha256:{}", hex::encode(found)));
        return Err(OciError::Digest { place, digest, found });
    }
    Ok(data.clone())
}

/// A layer's content as a stream: what its descriptor carries, once that is what digest and size say, or the blob. Whoever
/// reads to the end without an error has read what digest and size say.
///
/// # Errors
/// [`OciError`] now, and an [`std::io::Error`] with one inside while it is read.
pub fn open_content<'a>(place: &'a dyn Images, item: &Descriptor) -> Result<Box<dyn Read + Send + 'a>, OciError> {
    match &item.data {
        Some(_) => Ok(Box::new(Cursor::new(content(place, item)?))),
        None => place.open_blob(item),
    }
}

/// Refuses sizes that are too much together, before anything is fetched.
fn within(
    place: &dyn Images,
    mut sizes: impl Iterator<Item = u64>,
    what: &'static str,
    limit: usize,
) -> Result<(), OciError> {
    let left = u64::try_from(limit).unwrap_or(u64::MAX);
    match sizes.try_fold(left, u64::checked_sub) {
        Some(_) => Ok(()),
        None => Err(too_many(place, what, limit)),
    }
}

fn too_many(place: &dyn Images, what: &'static str, limit: usize) -> OciError {
    OciError::TooMany { place: place.name(), what, limit }
}

/// Does `work` on each item in parallel. After an error nothing more is begun.
pub(super) fn each<T: Send, R: Send>(
    items: Vec<T>,
    threads: NonZeroUsize,
    work: impl Fn(T) -> Result<R, OciError> + Sync,
) -> Result<Vec<R>, OciError> {
    let failed = AtomicBool::new(false);
    let results = in_parallel(items, threads, |item| {
        if failed.load(Relaxed) {
            return None;
        }
        let result = work(item);
        failed.fetch_or(result.is_err(), Relaxed);
        Some(result)
    });
    // What was not begun is missing only where an error stands.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::base64;
    use crate::store::oci::Manifest;
    use crate::store::oci::memory::MemoryImages;
    use crate::store::oci::memory::digest_of;
    use crate::store::oci::memory::listed;
    use crate::store::oci::memory::manifest_of;

    const TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    const OLD_TYPE: &str = "application/vnd.dev.sigstore.bundle+json;version=0.3";
    const ENVELOPE: &str = r#"{"payloadType":"t","payload":"AA==","signatures":[{"keyid":"","sig":"AA=="}]}"#;
    const SIGNED: &str = r#","annotations":{"dev.cosignproject.cosign/signature":"AA=="}"#;
    const BOTH: Look = Look { legacy: Legacy::Also, hold: Hold::Short };
    const BUNDLES: Look = Look { legacy: Legacy::No, hold: Hold::Short };

    fn bundle(hint: &str) -> String {
        let material = format!(r#"{{"publicKey":{{"hint":"{hint}"}}}}"#);
        format!(r#"{{"mediaType":"{TYPE}","verificationMaterial":{material},"dsseEnvelope":{ENVELOPE}}}"#)
    }

    fn item(media_type: &str, bytes: &str, more: &str) -> String {
        let (digest, size) = (digest_of(bytes.as_bytes()), bytes.len());
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{size}{more}}}"#)
    }

    fn carried(bytes: &str) -> String {
        format!(r#","data":"{}""#, base64::encode(bytes.as_bytes()))
    }

    fn image() -> Digest {
        digest_of(b"image")
    }

    /// A manifest about something, of an artifact type, with layers that are in the place.
    fn about(subject: &str, artifact_type: &str, layers: &[String]) -> Manifest {
        let (subject, layers) = (item("m", subject, ""), layers.join(","));
        let config = item(referrer::EMPTY_CONFIG, "{}", "");
        manifest_of(&format!(
            r#"{{"artifactType":"{artifact_type}","config":{config},"layers":[{layers}],"subject":{subject},
            "annotations":{{"dev.sigstore.bundle.predicateType":"p"}}}}"#
        ))
    }

    fn look(place: &MemoryImages, look: Look) -> Result<Evidence, OciError> {
        evidence(place, &image(), look, NonZeroUsize::new(4).unwrap())
    }

    fn code(place: &MemoryImages, how: Look) -> &'static str {
        look(place, how).unwrap_err().code()
    }

    /// Form, layer and what each is.
    fn kinds(found: &Evidence) -> Vec<(Form, Option<usize>, String)> {
        let kind = |one: &Attached| match &one.content {
            AttachedContent::Attestation(Ok(bundle)) => bundle.version.name().to_owned(),
            AttachedContent::Attestation(Err(error)) => error.code().to_owned(),
            AttachedContent::Signature(Ok(_)) => "signature".to_owned(),
            AttachedContent::Signature(Err(error)) => error.code().to_owned(),
            AttachedContent::Other => "other".to_owned(),
        };
        found.attached.iter().map(|one| (one.form, one.layer, kind(one))).collect()
    }

    fn with_bundles(count: usize, more: impl Fn(&str) -> String) -> MemoryImages {
        let place = MemoryImages::default();
        for n in 0..count {
            let bundle = bundle(&n.to_string());
            place.add_blob(bundle.as_bytes());
            place.add(&about("image", TYPE, &[item(TYPE, &bundle, &more(&bundle))]), None);
        }
        place
    }

    #[test]
    fn a_bundle_costs_one_request_where_the_descriptor_carries_it_and_two_else() {
        for k in [0, 1, 5, 40] {
            let place = with_bundles(k, carried);
            assert_eq!(look(&place, BUNDLES).unwrap().attached.len(), k);
            let calls = place.take_calls();
            assert_eq!((calls.len(), calls.contains(&"blob")), (k + 1, false));
            let place = with_bundles(k, |_| String::new());
            assert_eq!(look(&place, BUNDLES).unwrap().attached.len(), k);
            assert_eq!(place.take_calls().len(), 2 * k + 1);
            look(&place, BOTH).unwrap();
            assert_eq!(place.take_calls().len(), 2 * k + 4);
        }
    }

    #[test]
    fn both_spellings_of_a_bundle_are_found_wherever_they_stand() {
        let text = bundle("k");
        for (artifact, layer) in [(TYPE, TYPE), (OLD_TYPE, OLD_TYPE), (TYPE, "x"), (referrer::EMPTY_CONFIG, OLD_TYPE)] {
            let place = MemoryImages::default();
            let manifest = about("image", artifact, &[item(layer, &text, &carried(&text))]);
            place.add(&manifest, None);
            let found = look(&place, BUNDLES).unwrap();
            assert_eq!(kinds(&found), [(Form::Referrer, Some(0), "bundle v0.3".to_owned())], "{artifact} {layer}");
            assert_eq!(found.attached[0].manifest, manifest.digest);
            assert_eq!(found.attached[0].predicate_type.as_deref(), Some("p"));
            assert_eq!(found.attached[0].artifact_type.as_deref(), Some(artifact));
        }
        let place = MemoryImages::default();
        let layer = item(TYPE, &text, &carried(&text));
        place.add(&about("image", TYPE, &[layer.clone(), layer]), None);
        let refused = look(&place, BUNDLES).unwrap();
        assert_eq!(kinds(&refused), [(Form::Referrer, None, "too-many".to_owned())]);
        let place = MemoryImages::default();
        place.add(&about("image", TYPE, &[item(TYPE, "{}", &carried("{}"))]), None);
        let refused = look(&place, BUNDLES).unwrap();
        assert_eq!(kinds(&refused), [(Form::Referrer, Some(0), "json-field-missing".to_owned())]);
    }

    #[test]
    fn a_referrer_of_cosign_layers_is_one_attestation_for_each() {
        let place = MemoryImages::default();
        place.set_form(Form::FallbackTag);
        place.add_blob(ENVELOPE.as_bytes());
        place.add_blob(b"x");
        let dsse = item(cosign::LAYER_MEDIA_TYPE, ENVELOPE, r#","annotations":{"predicateType":"q"}"#);
        let layers = [dsse.clone(), item(cosign::SIGNATURE_MEDIA_TYPE, "x", SIGNED), item("text/spdx", "y", ""), dsse];
        place.add(&about("image", "application/vnd.in-toto+json", &layers), None);
        let found = look(&place, BUNDLES).unwrap();
        let row = |n, kind: &str| (Form::FallbackTag, Some(n), kind.to_owned());
        let expected = [row(0, "cosign layer"), row(1, "signature"), row(2, "other"), row(3, "cosign layer")];
        assert_eq!(kinds(&found), expected);
        assert_eq!(found.attached[0].predicate_type.as_deref(), Some("q"));
        assert_eq!(place.take_calls(), ["blob", "blob", "blob", "manifest", "referrers"]);
    }

    #[test]
    fn legacy_tags_are_looked_up_where_that_is_wanted() {
        let place = MemoryImages::default();
        place.add_blob(ENVELOPE.as_bytes());
        place.add_blob(b"x");
        let manifest = |media_type: &str, bytes: &str, n: usize| {
            let layers = vec![item(media_type, bytes, ""); n].join(",");
            manifest_of(&format!(r#"{{"config":{{"mediaType":"c"}},"layers":[{layers}]}}"#))
        };
        let tag = oci::fallback_tag(&image());
        place.add(&manifest(cosign::LAYER_MEDIA_TYPE, ENVELOPE, 2), Some(&format!("{tag}.att")));
        let signed = item(cosign::SIGNATURE_MEDIA_TYPE, "x", SIGNED);
        let signature = manifest_of(&format!(r#"{{"config":{{"mediaType":"c"}},"layers":[{signed}]}}"#));
        place.add(&signature, Some(&format!("{tag}.sig")));
        place.add(&manifest("text/spdx", "x", 1), Some(&format!("{tag}.sbom")));
        let found = look(&place, BOTH).unwrap();
        let row = |n, kind: &str| (Form::LegacyTag, Some(n), kind.to_owned());
        let expected = [row(0, "cosign layer"), row(1, "cosign layer"), row(0, "signature"), row(0, "other")];
        assert_eq!(kinds(&found), expected);
        assert_eq!(place.take_calls(), ["blob", "blob", "blob", "referrers", "tagged", "tagged", "tagged"]);
        assert_eq!(look(&place, BUNDLES).unwrap().attached.len(), 0);
        assert_eq!(place.take_calls(), ["referrers"]);
        place.add(&manifest("text/plain", "x", 1), Some(&format!("{tag}.att")));
        assert_eq!(kinds(&look(&place, BOTH).unwrap())[0], row(0, "not-an-attestation"));
        place.add(&manifest_of(r#"{"manifests":[]}"#), Some(&format!("{tag}.att")));
        assert_eq!(look(&place, BOTH).unwrap().notices.len(), 1);
    }

    #[test]
    fn what_a_manifest_does_not_say_itself_is_not_believed() {
        let text = bundle("k");
        let other = about("another image", TYPE, &[item(TYPE, &text, &carried(&text))]);
        let place = MemoryImages::default();
        place.add(&other, None);
        place.list(listed(&other, Some(TYPE)));
        let none = manifest_of(&format!(r#"{{"artifactType":"{TYPE}","layers":[{}]}}"#, item(TYPE, &text, "")));
        place.add(&none, None);
        place.list(listed(&none, Some(TYPE)));
        place.list(listed(&manifest_of(r#"{"layers":[]}"#), None));
        let found = look(&place, BUNDLES).unwrap();
        assert_eq!(found.attached.len(), 0);
        let [wrong, nothing, absent] = found.notices.as_slice() else { panic!("{:?}", found.notices) };
        assert!(wrong.contains(&format!("is about {}", digest_of(b"another image"))), "{wrong}");
        assert!(nothing.ends_with("is about nothing") && absent.ends_with("is not there"), "{nothing} {absent}");
        assert!(!place.take_calls().contains(&"blob"));
    }

    #[test]
    fn in_what_cosign_saved_a_manifest_needs_no_subject_and_another_is_refused() {
        let text = bundle("k");
        let layer = item(TYPE, &text, &carried(&text));
        let place = MemoryImages::default();
        place.set_form(Form::CosignSave);
        let none = manifest_of(&format!(r#"{{"artifactType":"{TYPE}","layers":[{layer}]}}"#));
        let other = about("another image", TYPE, &[layer]);
        for one in [&none, &other] {
            place.add(one, None);
            place.list(listed(one, None));
        }
        let found = look(&place, BUNDLES).unwrap();
        assert_eq!((found.attached.len(), found.notices.len()), (1, 1));
        assert_eq!(found.attached[0].manifest, none.digest);
    }

    #[test]
    fn a_listed_artifact_type_hides_nothing_that_may_be_evidence() {
        let text = bundle("k");
        let manifest = about("image", TYPE, &[item(TYPE, &text, &carried(&text))]);
        let rows = SAYS_NOTHING.iter().copied().map(Some).chain([None, Some(TYPE), Some(OLD_TYPE)]);
        let rows = rows.chain([Some("application/vnd.in-toto+json"), Some("Application/vnd.OCI.empty.v1+json ")]);
        for named in rows {
            let place = MemoryImages::default();
            place.list(listed(&manifest, named));
            place.add(&manifest, None);
            let kinds = kinds(&look(&place, BUNDLES).unwrap());
            assert!(kinds.iter().all(|one| one.2 == "bundle v0.3") && !kinds.is_empty(), "{named:?}");
        }
        let place = MemoryImages::default();
        place.list(listed(&manifest_of(r#"{"layers":[]}"#), Some("application/vnd.cncf.helm.config.v1+json")));
        let found = look(&place, BUNDLES).unwrap();
        assert_eq!(kinds(&found), [(Form::Referrer, None, "other".to_owned())]);
        assert_eq!(place.take_calls(), ["referrers"]);
    }

    #[test]
    fn carried_data_is_held_against_digest_and_size() {
        let text = bundle("k");
        let swapped = text.replace("\"k\"", "\"K\"");
        let place = MemoryImages::default();
        place.add(&about("image", TYPE, &[item(TYPE, &text, &carried(&swapped))]), None);
        assert_eq!(code(&place, BUNDLES), "image-content-digest");
        let place = MemoryImages::default();
        let cut = item(TYPE, &text, &carried(&text)).replace(&format!(":{}", text.len()), ":9");
        place.add(&about("image", TYPE, &[cut]), None);
        assert_eq!(code(&place, BUNDLES), "image-content-size");
    }

    #[test]
    fn an_error_of_the_place_is_never_absence() {
        for call in ["referrers", "manifest", "blob", "tagged"] {
            let place = with_bundles(3, |_| String::new());
            place.fail(call);
            assert_eq!(code(&place, BOTH), "image-offline", "{call}");
        }
        let place = with_bundles(0, carried);
        place.fail("tagged");
        assert_eq!(look(&place, BUNDLES).unwrap().attached.len(), 0);
        let text = bundle("k");
        place.add(&about("image", TYPE, &[item(TYPE, &text, "")]), None);
        assert_eq!(code(&place, BUNDLES), "image-content-missing");
    }

    #[test]
    fn too_much_is_refused_before_it_is_fetched() {
        let place = MemoryImages::default();
        let one = listed(&manifest_of(r#"{"layers":[]}"#), Some("x/y"));
        (0..=MAX_REFERRERS).for_each(|_| place.list(one.clone()));
        assert_eq!(code(&place, BUNDLES), "image-too-large");
        let place = MemoryImages::default();
        let half = format!(":{}", MAX_BYTES / 2 + 1);
        let layer = item(cosign::LAYER_MEDIA_TYPE, ENVELOPE, "").replace(&format!(":{}", ENVELOPE.len()), &half);
        place.add(&about("image", "", &[layer.clone(), layer]), None);
        assert_eq!(code(&place, BUNDLES), "image-too-large");
        assert_eq!(place.take_calls(), ["manifest", "referrers"]);
        let place = MemoryImages::default();
        let large = Descriptor { size: u64::MAX, ..listed(&manifest_of(r#"{"layers":[]}"#), None) };
        place.list(large);
        assert_eq!(code(&place, BUNDLES), "image-too-large");
        assert_eq!(place.take_calls(), ["referrers"]);
        let place = MemoryImages::default();
        let layers = vec![item("x", "x", ""); 999];
        ["a", "b", "c", "d", "e"].iter().for_each(|kind| place.add(&about("image", kind, &layers), None));
        // Their types are nobody's, so that the list alone decides.
        assert_eq!(look(&place, BUNDLES).unwrap().attached.len(), 5);
        let types = &SAYS_NOTHING[..5];
        types.iter().for_each(|kind| place.add(&about("image", kind, &layers), None));
        assert_eq!(code(&place, BUNDLES), "image-too-large");
    }
}
