//! Attaching a bundle to an image.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::Path;

use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::cosign;
use crate::formats::cosign::layer::Layer;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::referrer;
use crate::formats::oci::referrer::About;
use crate::store::file::StoreError;
use crate::store::measure::Long;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::WritableImages;
use crate::trust::key::PublicKey;
use crate::trust::key::Spelling;
use crate::trust::key::sha256;

/// The text of a bundle.
#[derive(Debug, Clone, Copy)]
pub enum BundleText<'a> {
    /// In memory.
    Held(&'a [u8]),
    /// In a file, measured.
    Long(&'a Long),
}

/// Attaches a bundle to an image or an index, as cosign 3 does (see [`referrer::bundle_manifest`]), and gives the digest of
/// the manifest that holds it. The very same bundle is attached once: where a manifest about the subject holds it already,
/// that one's digest is given and nothing is written.
///
/// The layer has the media type that the bundle itself names. Blobs are written before the manifest, so that whoever is
/// stopped in between has attached nothing.
///
/// # Errors
/// [`OciError`] of the place; `input-too-large` above [`attestations::MAX_BYTES`], and `json-*`, `bundle-*` and the like
/// for what is no bundle.
pub fn attach_bundle(
    place: &dyn WritableImages,
    subject: &Manifest,
    bundle: BundleText<'_>,
    about: &About<'_>,
) -> Result<Digest, OciError> {
    let media_type = media_type(bundle).map_err(|error| malformed(place, "bundle", error))?;
    let layer = match bundle {
        BundleText::Held(bundle) => {
            let data = (bundle.len() <= referrer::MAX_EMBEDDED).then(|| bundle.to_vec());
            Descriptor { data, ..describe(place, &media_type, bundle)? }
        }
        BundleText::Long(Long { text, .. }) => {
            let failed = |error| OciError::Store(StoreError::reading(Path::new("the bundle to attach"), &error));
            described(&media_type, text.sha256().map_err(failed)?, text.length())
        }
    };
    if place.has_blob(&layer.digest)? {
        if let Some(there) = attached_already(place, &subject.digest, &layer.digest)? {
            return Ok(there);
        }
    } else {
        match bundle {
            BundleText::Held(bundle) => place.put_blob(&layer.digest, layer.size, &mut Cursor::new(bundle))?,
            BundleText::Long(long) => place.put_blob(&layer.digest, layer.size, &mut long.text.reader())?,
        }
    }
    put(
        place,
        &describe(place, referrer::EMPTY_CONFIG, referrer::EMPTY_CONFIG_CONTENT)?,
        referrer::EMPTY_CONFIG_CONTENT,
    )?;
    let subject =
        Descriptor { digest: subject.digest.clone(), ..describe(place, &subject.media_type, &subject.bytes)? };
    let manifest = manifest(place, referrer::bundle_manifest(&subject, &layer, about))?;
    place.put_manifest(&manifest, None)?;
    Ok(manifest.digest)
}

/// Attaches an attestation as cosign did before bundles: as one more layer of the manifest under the tag
/// `sha256-<hex>.att`, and gives the digest of that manifest. The layers that stand there stay. A layer that stands there
/// already, with the same annotations, is not added again.
///
/// # Errors
/// [`OciError`] of the place, `tag-write-lost` among them; `too-many` where the manifest has as many layers as are read,
/// `json-field-missing` where an index stands under the tag.
pub fn attach_legacy(place: &dyn WritableImages, subject: &Digest, layer: &Layer) -> Result<Digest, OciError> {
    let to = Shelf { tag: &oci::attestation_tag(subject), media_type: cosign::LAYER_MEDIA_TYPE };
    attach_layer(place, to, layer, &|_| false)
}

/// Attaches a plain signature as cosign did before bundles: as one more layer of the manifest under the tag
/// `sha256-<hex>.sig`; else as [`attach_legacy`]. Where the signer is a key, a signature by that key over the same text that
/// stands there already is as good as this one, and nothing is written.
///
/// # Errors
/// As [`attach_legacy`].
pub fn attach_legacy_signature(
    place: &dyn WritableImages,
    subject: &Digest,
    layer: &Layer,
    key: Option<&PublicKey>,
) -> Result<Digest, OciError> {
    let to = Shelf { tag: &format!("{}.sig", oci::fallback_tag(subject)), media_type: cosign::SIGNATURE_MEDIA_TYPE };
    attach_layer(place, to, layer, &|found| key.is_some_and(|key| signed_by(found, &layer.text, key)))
}

/// Whether annotations hold a signature by a key over a text, and no certificate.
fn signed_by(annotations: &BTreeMap<String, String>, text: &[u8], key: &PublicKey) -> bool {
    let read = cosign::parse_signature(text, annotations);
    matches!(read, Ok(Bundle { content: Content::SimpleSigning { signature, .. }, signer: Signer::Unnamed, .. })
        if key.verify(text, &signature, Spelling::Lenient).is_ok())
}

/// Where layers of one kind stand.
#[derive(Clone, Copy)]
struct Shelf<'a> {
    tag: &'a str,
    media_type: &'a str,
}

/// Adds a layer to the manifest under a tag, unless it stands there with the same annotations, or with such that are as good.
fn attach_layer(
    place: &dyn WritableImages,
    to: Shelf<'_>,
    layer: &Layer,
    as_good: &dyn Fn(&BTreeMap<String, String>) -> bool,
) -> Result<Digest, OciError> {
    let annotations = layer.annotations.clone();
    let item = Descriptor { annotations, ..describe(place, to.media_type, &layer.text)? };
    put(place, &item, &layer.text)?;
    let mut written = None;
    place.change_tag(to.tag, &mut |before| {
        let layers = before.map(|before| before.document.items.as_slice()).unwrap_or_default();
        let same = |one: &Descriptor| {
            one.digest == item.digest && (one.annotations == item.annotations || as_good(&one.annotations))
        };
        if let Some(before) = before.filter(|_| layers.iter().any(same)) {
            written = Some(before.digest.clone());
            return Ok(None);
        }
        let digests: Vec<Digest> = layers.iter().map(|one| one.digest.clone()).chain([item.digest.clone()]).collect();
        let config = referrer::layers_config(&digests);
        let described = describe(place, referrer::IMAGE_CONFIG, &config)?;
        let text = referrer::with_layer(before.map(|before| before.bytes.as_slice()), &item, &described)
            .map_err(|error| malformed(place, "attestations", error))?;
        let after = manifest(place, text)?;
        put(place, &described, &config)?;
        written = Some(after.digest.clone());
        Ok(Some(after))
    })?;
    written.ok_or_else(|| OciError::WriteLost { place: place.name(), what: to.tag.to_owned(), attempts: 0 })
}

/// The media type that a bundle says it has, once it is a bundle.
fn media_type(bundle: BundleText<'_>) -> Result<String, FormatError> {
    let bundle = match bundle {
        BundleText::Held(bundle) => bundle,
        // Who measured it read it as a bundle, unless it has no media type at all.
        BundleText::Long(long) => {
            let none = || FormatError::Missing { path: "/mediaType".to_owned() };
            return long.media_type.clone().ok_or_else(none);
        }
    };
    if bundle.len() > attestations::MAX_BYTES {
        let (limit, found) = (attestations::MAX_BYTES, bundle.len());
        return Err(FormatError::TooLarge { what: "bundle", limit, found });
    }
    let value = json::parse(bundle)?;
    let named = value.get("mediaType").and_then(|name| name.as_str()).unwrap_or_default().to_owned();
    Bundle::from_json(value)?;
    Ok(named)
}

/// The manifest about the subject that holds a bundle.
fn attached_already(place: &dyn Images, subject: &Digest, bundle: &Digest) -> Result<Option<Digest>, OciError> {
    for item in place.referrers(subject)?.items {
        let Some(manifest) = place.manifest(&item.digest, Some(item.size))? else { continue };
        let about = manifest.document.subject.is_some_and(|about| about.digest == *subject);
        let holds = |layers: &[Descriptor]| matches!(layers, [only] if only.digest == *bundle);
        let named = manifest.document.artifact_type.is_some_and(|name| name.starts_with(oci::BUNDLE_PREFIX));
        if about && named && holds(&manifest.document.items) {
            return Ok(Some(manifest.digest));
        }
    }
    Ok(None)
}

/// Writes a blob unless it is there.
fn put(place: &dyn WritableImages, item: &Descriptor, content: &[u8]) -> Result<(), OciError> {
    if place.has_blob(&item.digest)? {
        return Ok(());
    }
    place.put_blob(&item.digest, item.size, &mut Cursor::new(content))
}

fn manifest(place: &dyn Images, bytes: Vec<u8>) -> Result<Manifest, OciError> {
    let document = Document::parse(&bytes).map_err(|error| malformed(place, "manifest", error))?;
    let media_type = json::parse(&bytes).ok().and_then(|value| Some(value.get("mediaType")?.as_str()?.to_owned()));
    let media_type = media_type.or_else(|| oci::MANIFESTS.first().map(|name| (*name).to_owned())).unwrap_or_default();
    Ok(Manifest { digest: describe(place, &media_type, &bytes)?.digest, media_type, bytes, document })
}

fn describe(place: &dyn Images, media_type: &str, content: &[u8]) -> Result<Descriptor, OciError> {
    let found = sha256(content);
    let impossible = |_| OciError::Digest {
        place: place.name(),
        digest: Algorithm::Sha256.name().to_owned(),
        found: hex::encode(found),
    };
    let digest = Digest::new(Algorithm::Sha256, found.to_vec()).map_err(impossible)?;
    Ok(described(media_type, digest, u64::try_from(content.len()).unwrap_or(u64::MAX)))
}

fn described(media_type: &str, digest: Digest, size: u64) -> Descriptor {
    let (media_type, annotations) = (media_type.to_owned(), BTreeMap::new());
    Descriptor { media_type, digest, size, artifact_type: None, platform: None, data: None, annotations }
}

fn malformed(place: &dyn Images, what: &str, error: FormatError) -> OciError {
    OciError::Format { place: place.name(), what: what.to_owned(), error: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use super::*;
    use crate::formats::oci::referrer::BundleContent;
    use crate::store::measure::Hold;
    use crate::store::oci::evidence::AttachedContent;
    use crate::store::oci::evidence::Evidence;
    use crate::store::oci::evidence::Legacy;
    use crate::store::oci::evidence::Look;
    use crate::store::oci::evidence::evidence;
    use crate::store::oci::memory::MemoryImages;
    use crate::store::oci::memory::digest_of;
    use crate::store::oci::memory::listed;
    use crate::store::oci::memory::manifest_of;

    const TYPE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
    const ENVELOPE: &str = r#"{"payloadType":"t","payload":"AA==","signatures":[{"keyid":"","sig":"AA=="}]}"#;

    fn bundle(hint: &str) -> String {
        let material = format!(r#"{{"publicKey":{{"hint":"{hint}"}}}}"#);
        format!(r#"{{"mediaType":"{TYPE}","verificationMaterial":{material},"dsseEnvelope":{ENVELOPE}}}"#)
    }

    fn about(second: i64) -> About<'static> {
        let created = jiff::Timestamp::from_second(second).unwrap();
        About { predicate_type: Some("p"), content: BundleContent::Envelope, created }
    }

    fn image() -> Manifest {
        manifest_of(r#"{"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#)
    }

    fn look(place: &MemoryImages) -> Evidence {
        evidence(place, &image().digest, Look { legacy: Legacy::Also, hold: Hold::Short }, NonZeroUsize::MIN).unwrap()
    }

    #[test]
    fn what_is_attached_is_found_with_one_request() {
        let (place, text) = (MemoryImages::default(), bundle("k"));
        let digest = attach_bundle(&place, &image(), BundleText::Held(text.as_bytes()), &about(1)).unwrap();
        place.take_calls();
        let found = look(&place);
        assert_eq!(place.take_calls(), ["manifest", "referrers", "tagged", "tagged", "tagged"]);
        assert_eq!((found.attached.len(), &found.attached[0].manifest), (1, &digest));
        assert_eq!(found.attached[0].predicate_type.as_deref(), Some("p"));
        let AttachedContent::Attestation(Ok(read)) = &found.attached[0].content else { panic!() };
        assert_eq!(read.to_json(), Bundle::from_json(json::parse(text.as_bytes()).unwrap()).unwrap().to_json());
        let manifest = place.manifest(&digest, None).unwrap().unwrap();
        let value = json::parse(&manifest.bytes).unwrap();
        assert_eq!((&value["artifactType"], &value["layers"][0]["mediaType"]), (&TYPE.into(), &TYPE.into()));
        assert_eq!(value["layers"][0]["digest"], digest_of(text.as_bytes()).to_string());
        assert_eq!(value["subject"]["mediaType"], "application/vnd.oci.image.index.v1+json");
        assert_eq!(value["subject"]["size"], image().bytes.len());
        assert_eq!(value["config"]["digest"], digest_of(b"{}").to_string());
        assert_eq!(referrer::EMPTY_CONFIG_DIGEST, digest_of(referrer::EMPTY_CONFIG_CONTENT).to_string());
    }

    #[test]
    fn the_very_same_bundle_is_attached_once() {
        let place = MemoryImages::default();
        let attach = |text: &str, second| {
            attach_bundle(&place, &image(), BundleText::Held(text.as_bytes()), &about(second)).unwrap()
        };
        let first = attach(&bundle("k"), 1);
        place.take_calls();
        assert_eq!(attach(&bundle("k"), 2), first);
        assert!(!place.take_calls().contains(&"put_manifest"));
        assert_ne!(attach(&bundle("l"), 2), first);
        assert_eq!(look(&place).attached.len(), 2);
        // The same bundle about another image is another thing, whatever is listed.
        place.list(listed(&place.manifest(&first, None).unwrap().unwrap(), Some(TYPE)));
        let other = manifest_of(r#"{"layers":[]}"#);
        assert_ne!(attach_bundle(&place, &other, BundleText::Held(bundle("k").as_bytes()), &about(2)).unwrap(), first);
        // After a kill between blob and manifest it is attached.
        let place = MemoryImages::default();
        place.add_blob(bundle("k").as_bytes());
        attach_bundle(&place, &image(), BundleText::Held(bundle("k").as_bytes()), &about(1)).unwrap();
        assert_eq!(look(&place).attached.len(), 1);
    }

    #[test]
    fn a_long_bundle_is_a_blob_alone() {
        let place = MemoryImages::default();
        let pad = referrer::MAX_EMBEDDED - bundle("").len();
        for (hint, requests) in [("x".repeat(pad), 5), ("x".repeat(pad + 1), 6 + 1)] {
            let text = bundle(&hint);
            attach_bundle(&place, &image(), BundleText::Held(text.as_bytes()), &about(1)).unwrap();
            place.take_calls();
            look(&place);
            assert_eq!(place.take_calls().len(), requests);
        }
    }

    #[test]
    fn what_is_no_bundle_is_not_attached() {
        let place = MemoryImages::default();
        let code = |text: &str| {
            attach_bundle(&place, &image(), BundleText::Held(text.as_bytes()), &about(1)).unwrap_err().code()
        };
        assert_eq!(code(ENVELOPE), "json-field-missing");
        assert_eq!(code("text"), "json-invalid");
        assert_eq!(code(&bundle("k").replace("v0.3+", "v0.9+")), "bundle-media-type");
        assert!(place.take_calls().is_empty());
        let old = bundle("k").replace(TYPE, "application/vnd.dev.sigstore.bundle+json;version=0.3");
        attach_bundle(&place, &image(), BundleText::Held(old.as_bytes()), &about(1)).unwrap();
        assert!(look(&place).attached[0].artifact_type.as_deref().unwrap().ends_with("version=0.3"));
    }

    #[test]
    fn an_error_while_attaching_leaves_nothing_attached() {
        let layer = || Layer { text: ENVELOPE.into(), annotations: BTreeMap::new() };
        for call in ["has_blob", "put_blob", "put_manifest"] {
            let place = MemoryImages::default();
            place.fail(call);
            let error =
                attach_bundle(&place, &image(), BundleText::Held(bundle("k").as_bytes()), &about(1)).unwrap_err();
            assert_eq!(error.code(), "image-offline", "{call}");
            assert_eq!(attach_legacy(&place, &image().digest, &layer()).unwrap_err().code(), "image-offline", "{call}");
            assert_eq!(look(&place).attached.len(), 0, "{call}");
        }
        for call in ["referrers", "manifest"] {
            let place = MemoryImages::default();
            attach_bundle(&place, &image(), BundleText::Held(bundle("k").as_bytes()), &about(1)).unwrap();
            place.fail(call);
            let again = attach_bundle(&place, &image(), BundleText::Held(bundle("k").as_bytes()), &about(2));
            assert_eq!(again.unwrap_err().code(), "image-offline", "{call}");
        }
        let place = MemoryImages::default();
        place.fail("tagged");
        assert_eq!(attach_legacy(&place, &image().digest, &layer()).unwrap_err().code(), "image-offline");
    }

    #[test]
    fn legacy_layers_are_added_one_after_another_and_each_once() {
        let place = MemoryImages::default();
        let layer = |name: &str| {
            let annotations = BTreeMap::from([("predicateType".to_owned(), name.to_owned())]);
            Layer { text: ENVELOPE.into(), annotations }
        };
        let attach = |name: &str| attach_legacy(&place, &image().digest, &layer(name)).unwrap();
        let first = attach("p");
        assert_eq!(attach("p"), first);
        let second = attach("q");
        let tagged = place.tagged(&oci::attestation_tag(&image().digest)).unwrap().unwrap();
        assert_eq!((tagged.digest, tagged.document.items.len()), (second.clone(), 2));
        let config = place.blob(&tagged.document.config.unwrap(), usize::MAX).unwrap();
        let ids = json::parse(&config).unwrap()["rootfs"]["diff_ids"].clone();
        assert_eq!(ids[1], digest_of(ENVELOPE.as_bytes()).to_string());
        let found = look(&place);
        assert_eq!(found.attached.len(), 2);
        for (one, name) in found.attached.iter().zip(["p", "q"]) {
            assert!(matches!(&one.content, AttachedContent::Attestation(Ok(_))));
            assert_eq!((one.predicate_type.as_deref(), &one.manifest), (Some(name), &second));
        }
    }

    #[test]
    fn a_tag_that_is_full_or_holds_an_index_is_left() {
        let layer = Layer { text: ENVELOPE.into(), annotations: BTreeMap::new() };
        let (place, tag) = (MemoryImages::default(), oci::attestation_tag(&image().digest));
        place.add(&manifest_of(r#"{"config":{},"manifests":[]}"#), Some(&tag));
        let code = || attach_legacy(&place, &image().digest, &layer).unwrap_err().code();
        assert_eq!(code(), "json-field-missing");
        let other = format!(r#"{{"mediaType":"m","size":1,"digest":"{}"}}"#, digest_of(b"x"));
        let full = vec![other; oci::MAX_DESCRIPTORS].join(",");
        place.add(&manifest_of(&format!(r#"{{"config":{{}},"layers":[{full}]}}"#)), Some(&tag));
        assert_eq!(code(), "too-many");
    }

    #[test]
    fn a_signature_by_a_key_that_stands_there_is_not_added_again() {
        use crate::sign::key::KeyKind;
        use crate::sign::key::PrivateKey;
        use crate::verify::Message;
        let layer = |key: &PrivateKey, text: &str| {
            let signed = crate::sign::message::sign_message(key, &Message::Bytes(text.as_bytes())).unwrap();
            Layer::of_signature(text.as_bytes(), &signed).unwrap()
        };
        let public = |key: &PrivateKey| PublicKey::from_spki(key.public_key_der()).unwrap();
        let place = MemoryImages::default();
        let (one, other) =
            (PrivateKey::generate(KeyKind::EcdsaP256).unwrap(), PrivateKey::generate(KeyKind::EcdsaP256).unwrap());
        let attach = |key: &PrivateKey, text: &str| {
            let public = public(key);
            attach_legacy_signature(&place, &image().digest, &layer(key, text), Some(&public)).unwrap()
        };
        let first = attach(&one, "text");
        assert_eq!(attach(&one, "text"), first);
        assert_ne!(attach(&other, "text"), first);
        attach(&one, "another text");
        let found = look(&place);
        assert_eq!(found.attached.len(), 3);
        for one in &found.attached {
            assert!(matches!(&one.content, AttachedContent::Signature(Ok(read)) if read.log_entries.is_empty()));
        }
        // Nobody's signature, or one beside a certificate, is as good as none.
        let forged = Layer { annotations: BTreeMap::new(), ..layer(&one, "third") };
        attach_legacy_signature(&place, &image().digest, &forged, None).unwrap();
        attach(&one, "third");
        assert_eq!(look(&place).attached.len(), 5);
    }
}
