//! cosign's layers and image layouts, minted: the good ones are accepted, each lie ends in an exact code.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use sealmark::formats::bundle::Bundle;
use sealmark::formats::cosign;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::store::measure::Hold;
use sealmark::store::oci::Images;
use sealmark::store::oci::OciError;
use sealmark::store::oci::evidence::AttachedContent;
use sealmark::store::oci::evidence::Legacy;
use sealmark::store::oci::evidence::Look;
use sealmark::store::oci::evidence::evidence;
use sealmark::store::oci::layout::LayoutFolder;
use sealmark::store::oci::resolve::need_image;
use sealmark::verify::VerifiedAttestation;
use serde_json::Value;
use serde_json::json;

use crate::fixtures::ARTIFACT;
use crate::fixtures::About;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::now;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::asn1;
use crate::support::virtual_sigstore::b64;

const BUNDLE: &str = "dev.sigstore.cosign/bundle";
const CERTIFICATE: &str = "dev.sigstore.cosign/certificate";
const CHAIN: &str = "dev.sigstore.cosign/chain";
const TIMESTAMP: &str = "dev.sigstore.cosign/rfc3161timestamp";

/// A layer as cosign stored it: the envelope's text and its annotations.
#[derive(Clone)]
struct Layer {
    text: Vec<u8>,
    annotations: BTreeMap<String, String>,
}

fn spec(kind: Kind) -> Spec {
    let entry = Entry { proof: crate::support::virtual_sigstore::Proof::Absent, ..domain().entry(kind) };
    Spec { media_type: MediaType::V01, entries: vec![entry], ..domain().spec(ARTIFACT) }
}

fn standard(text: &str) -> Vec<u8> {
    sealmark::formats::base64::decode(text).unwrap()
}

impl Layer {
    fn new(spec: &Spec) -> Self {
        let parts = domain().mint_parts(spec);
        let mut annotations = BTreeMap::new();
        let mut add = |name: &str, text: String| annotations.insert(name.to_owned(), text);
        add("dev.cosignproject.cosign/signature", String::new());
        if let Some((leaf, above)) = parts.chain.split_first() {
            add(CERTIFICATE, asn1::pem("CERTIFICATE", leaf));
            add(CHAIN, above.iter().map(|der| asn1::pem("CERTIFICATE", der)).collect());
        }
        if let Some(entry) = parts.bundle["verificationMaterial"]["tlogEntries"].get(0) {
            add(BUNDLE, bundle_annotation(entry).to_string());
        }
        Self { text: parts.envelope.to_string().into_bytes(), annotations }
    }

    fn with(mut self, name: &str, text: &str) -> Self {
        self.annotations.insert(name.to_owned(), text.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.annotations.remove(name);
        self
    }

    fn stamped(self, over: &[u8]) -> Self {
        let stamp: Stamp = domain().stamp(StampAuthority::P256);
        let token = domain().tsa.stamp(&stamp, &domain().foreign().tsa, over);
        self.with(TIMESTAMP, &json!({"SignedRFC3161Timestamp": b64(&token)}).to_string())
    }

    fn bundle(&self) -> Result<Bundle, &'static str> {
        cosign::parse(&self.text, &self.annotations).map_err(|error| error.code())
    }

    fn judge(&self, trust: &Trust) -> Result<VerifiedAttestation, &'static str> {
        let artifact = About::Blob(ARTIFACT.to_vec()).artifact();
        trust.verifier().verify(&self.bundle()?, &artifact, now()).map_err(|error| error.code())
    }
}

/// An entry of a bundle as cosign's annotation spells it.
fn bundle_annotation(entry: &Value) -> Value {
    let number = |name: &str| entry[name].as_str().unwrap_or("0").parse::<u64>().unwrap();
    let promise = entry["inclusionPromise"]["signedEntryTimestamp"].clone();
    json!({
        "SignedEntryTimestamp": promise,
        "Payload": {
            "body": entry["canonicalizedBody"],
            "integratedTime": number("integratedTime"),
            "logIndex": number("logIndex"),
            "logID": hex::encode(standard(entry["logId"]["keyId"].as_str().unwrap())),
        },
    })
}

/// The log entry of a good layer, as its annotation spells it.
pub(crate) fn annotation(kind: Kind) -> String {
    Layer::new(&spec(kind)).annotations[BUNDLE].clone()
}

/// A manifest that refers to an image.
pub(crate) fn manifest() -> Vec<u8> {
    let digest = format!("sha256:{}", sha256(b""));
    let one = json!({"mediaType": MANIFEST, "digest": digest, "size": 0, "annotations": {"a": "b"}});
    json!({"mediaType": MANIFEST, "layers": [one], "subject": one, "artifactType": "t"}).to_string().into_bytes()
}

#[test]
fn layers_of_cosign() {
    let kinds = [Kind::Intoto001, Kind::Intoto002, Kind::Dsse001];
    let good = Layer::new(&spec(Kind::Dsse001));
    let oldest = Layer::new(&spec(Kind::Intoto001));
    let other_text = |layer: &Layer| Layer { text: [layer.text.as_slice(), b"\n"].concat(), ..layer.clone() };
    let other_spec = |kind| Spec { statement: json!({"_type": "x"}), ..spec(kind) };
    let entry_of = |kind, about: &Layer| about.clone().with(BUNDLE, &Layer::new(&other_spec(kind)).annotations[BUNDLE]);
    let set_of = |about: &Layer, other: &Layer| {
        let mut own: Value = serde_json::from_str(&about.annotations[BUNDLE]).unwrap();
        let other: Value = serde_json::from_str(&other.annotations[BUNDLE]).unwrap();
        own["SignedEntryTimestamp"] = other["SignedEntryTimestamp"].clone();
        about.clone().with(BUNDLE, &own.to_string())
    };
    let lied_set = |set| {
        let entry = Entry { set, ..spec(Kind::Dsse001).entries.remove(0) };
        Layer::new(&Spec { entries: vec![entry], ..spec(Kind::Dsse001) })
    };
    let key = Spec { entries: Vec::new(), ..domain().spec_key(ARTIFACT) };
    let keyed = Layer::new(&key);
    let leaf = standard_pem(&good.annotations[CERTIFICATE]);
    let envelope: Value = serde_json::from_slice(&good.text).unwrap();
    let signature = standard(envelope["signatures"][0]["sig"].as_str().unwrap());
    let text = good.text.clone();
    let public = Trust::public;
    let mut rows = vec![
        ("without its chain: the root lists every authority", good.clone().without(CHAIN), public(), Ok(())),
        ("a timestamp over the layer", good.clone().stamped(&text), public(), Ok(())),
        ("a timestamp over the signature", good.clone().stamped(&signature), public(), Err("timestamp-invalid")),
        ("a timestamp over another layer", good.clone().stamped(&oldest.text[1..]), public(), Err("timestamp-invalid")),
        ("another text of the same envelope, by its payload", other_text(&good), public(), Ok(())),
        ("another text of the same envelope, by its text", other_text(&oldest), public(), Err("log-entry-mismatch")),
        ("an entry of another envelope", entry_of(Kind::Dsse001, &good), public(), Err("log-entry-mismatch")),
        ("an entry of another text", entry_of(Kind::Intoto001, &oldest), public(), Err("log-entry-mismatch")),
        ("the promise of another entry", set_of(&good, &oldest), public(), Err("log-set-invalid")),
        ("a promise with a flipped bit", lied_set(Set::BadSignature), public(), Err("log-set-invalid")),
        ("a promise by another log", lied_set(Set::ForeignKey), public(), Err("log-set-invalid")),
        ("a promise for another time", lied_set(Set::OtherTime), public(), Err("log-set-invalid")),
        ("no entry", good.clone().without(BUNDLE), public(), Err("signing-time-unproven")),
        ("no entry, but a timestamp", good.clone().without(BUNDLE).stamped(&text), public(), Err("log-missing")),
        ("no certificate", good.clone().without(CERTIFICATE).without(CHAIN), public(), Err("signer-kind")),
        ("a chain without a certificate", good.clone().without(CERTIFICATE), public(), Err("bundle-incomplete")),
        ("another leaf", good.clone().with(CERTIFICATE, &damaged(&leaf)), public(), Err("certificate-untrusted")),
        ("no root", good.clone(), Trust::default(), Err("log-unknown")),
        ("a key", keyed.clone(), Trust::key(&key), Ok(())),
        ("a key that nobody named", keyed, Trust::public(), Err("signer-kind")),
    ];
    for kind in kinds {
        rows.push(("a good layer of each kind", Layer::new(&spec(kind)), public(), Ok(())));
    }
    for signature in [Signature::Bad, Signature::OtherPayload, Signature::WithoutPae] {
        let layer = Layer::new(&Spec { signature, ..spec(Kind::Dsse001) });
        rows.push(("a signature of something else", layer, public(), Err("signature-invalid")));
    }
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for (name, layer, trust, expected) in rows {
        let found = layer.judge(&trust).map(|_| ());
        match found {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    println!("layers of cosign: {accepted} accepted, {refused} refused");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(accepted > 0 && refused > 0);
}

fn standard_pem(text: &str) -> Vec<u8> {
    sealmark::formats::log_entry::pem_der(text).unwrap()
}

/// A certificate with one bit of its signature flipped.
fn damaged(leaf: &[u8]) -> String {
    let mut der = leaf.to_vec();
    *der.last_mut().unwrap() ^= 1;
    asn1::pem("CERTIFICATE", &der)
}

/// A layout being written.
struct Writer {
    folder: tempfile::TempDir,
    manifests: Vec<Value>,
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(HashKind::Sha256.of(bytes))
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

impl Writer {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("blobs/sha256")).unwrap();
        fs::write(folder.path().join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { folder, manifests: Vec::new() }
    }

    fn blob(&self, media_type: &str, bytes: &[u8]) -> Value {
        let hex = sha256(bytes);
        fs::write(self.folder.path().join("blobs/sha256").join(&hex), bytes).unwrap();
        json!({"mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len()})
    }

    /// The image: ARTIFACT is its manifest in the eyes of the attestations, so the tests bind nothing here.
    fn image(&mut self, name: &str) -> Digest {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": [], "annotations": {"name": name}});
        let descriptor = self.blob(MANIFEST, manifest.to_string().as_bytes());
        let digest = descriptor["digest"].as_str().unwrap().to_owned();
        self.manifests.push(descriptor);
        Digest::parse(&digest).unwrap()
    }

    fn list(&mut self, mut descriptor: Value, annotations: Value) {
        descriptor["annotations"] = annotations;
        self.manifests.push(descriptor);
    }

    fn attestations(&self, layers: &[&Layer], subject: Option<&Digest>) -> Value {
        let layer = |layer: &&Layer| {
            let mut descriptor = self.blob(cosign::LAYER_MEDIA_TYPE, &layer.text);
            descriptor["annotations"] = json!(layer.annotations);
            descriptor
        };
        self.manifest(layers.iter().map(layer).collect(), subject)
    }

    fn manifest(&self, layers: Vec<Value>, subject: Option<&Digest>) -> Value {
        let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "layers": layers});
        if let Some(subject) = subject {
            manifest["subject"] = json!({"mediaType": MANIFEST, "digest": subject.to_string(), "size": 1});
        }
        self.blob(MANIFEST, manifest.to_string().as_bytes())
    }

    fn open(&self) -> Result<LayoutFolder, OciError> {
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests});
        fs::write(self.folder.path().join("index.json"), index.to_string()).unwrap();
        LayoutFolder::open(self.folder.path())
    }

    fn found(&self, image: &Digest) -> Result<Vec<Result<(), &'static str>>, &'static str> {
        let layout = self.open().map_err(|error| error.code())?;
        let look = Look { legacy: Legacy::Also, hold: Hold::Short };
        let found = evidence(&layout, image, look, NonZeroUsize::MIN).map_err(|error| error.code())?;
        let attestations = found.attached.into_iter().filter_map(|one| match one.content {
            AttachedContent::Attestation(bundle) => Some(bundle.map(|_| ()).map_err(|error| error.code())),
            AttachedContent::Signature(_) | AttachedContent::Other => None,
        });
        Ok(attestations.collect())
    }

    /// The only image, or the one with a digest.
    fn resolved(&self, digest: Option<&Digest>) -> Result<Digest, &'static str> {
        let layout = self.open().map_err(|error| error.code())?;
        let found = match digest {
            Some(digest) => need_image(&layout, digest),
            None => layout.only().map(Option::unwrap),
        };
        found.map(|image| image.digest).map_err(|error| error.code())
    }

    fn path(&self, descriptor: &Value) -> std::path::PathBuf {
        let hex = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
        self.folder.path().join("blobs/sha256").join(hex)
    }
}

/// Name of a convention, and how a manifest is listed by it for an image.
type Convention = (&'static str, fn(&mut Writer, Value, &Digest));

#[test]
fn attestations_are_found_in_every_convention() {
    let layer = Layer::new(&spec(Kind::Dsse001));
    let bundle = domain().mint(&domain().spec(ARTIFACT)).to_string();
    let conventions: [Convention; 5] = [
        ("marked by cosign", |w, d, _| w.list(d, json!({"kind": "dev.cosignproject.cosign/atts"}))),
        ("tagged", |w, d, i| {
            w.list(d, json!({"org.opencontainers.image.ref.name": format!("sha256-{}.att", i.hex())}))
        }),
        ("tagged in full", |w, d, i| {
            let name = format!("example.com:5000/app:sha256-{}.att", i.hex());
            w.list(d, json!({"org.opencontainers.image.ref.name": name}));
        }),
        ("marked and tagged", |w, d, i| {
            w.list(d.clone(), json!({"kind": "dev.cosignproject.cosign/atts"}));
            w.list(d, json!({"org.opencontainers.image.ref.name": format!("sha256-{}.att", i.hex())}));
        }),
        ("not listed at all", |_, _, _| ()),
    ];
    for (name, list) in conventions {
        let mut writer = Writer::new();
        let image = writer.image("app");
        let attestations = writer.attestations(&[&layer, &layer], None);
        list(&mut writer, attestations, &image);
        let expected = if name == "not listed at all" { vec![] } else { vec![Ok(()), Ok(())] };
        assert_eq!(writer.found(&image), Ok(expected), "{name}");
        assert_eq!(writer.resolved(None), Ok(image), "{name}");
    }
    let referrers: [Convention; 3] = [
        ("listed", |w, d, _| w.list(d, json!({}))),
        ("under the fallback tag", |w, d, i| {
            let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [d]});
            let index = w.blob(INDEX, index.to_string().as_bytes());
            w.list(index, json!({"org.opencontainers.image.ref.name": format!("sha256-{}", i.hex())}));
        }),
        ("not listed at all", |_, _, _| ()),
    ];
    for (name, list) in referrers {
        let mut writer = Writer::new();
        let image = writer.image("app");
        let [stranger, two_layers] = [7, 8].map(|byte| Digest::new(Algorithm::Sha256, vec![byte; 32]).unwrap());
        let one = writer.blob("application/vnd.dev.sigstore.bundle.v0.3+json", bundle.as_bytes());
        let text = writer.blob("text/plain", b"not an attestation");
        let about = writer.manifest(vec![one.clone()], Some(&image));
        // A bundle's manifest has one layer; which of two it is, nobody says.
        let two = writer.manifest(vec![one.clone(), text.clone()], Some(&two_layers));
        writer.manifest(vec![text], Some(&image));
        let elsewhere = writer.manifest(vec![one], Some(&stranger));
        list(&mut writer, about, &image);
        list(&mut writer, two, &two_layers);
        writer.list(elsewhere, json!({}));
        assert_eq!(writer.found(&image), Ok(vec![Ok(())]), "{name}");
        assert_eq!(writer.found(&two_layers), Ok(vec![Err("too-many")]), "{name}");
        assert_eq!(writer.resolved(None), Ok(image), "{name}");
    }
}

/// `cosign copy` writes the image itself under the tag where referrers would be listed.
#[test]
fn an_image_under_the_fallback_tag_lists_nothing_about_itself() {
    let mut writer = Writer::new();
    let child = json!({"mediaType": MANIFEST, "digest": format!("sha256:{}", "7".repeat(64)), "size": 1});
    let image = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [child]});
    let image = writer.blob(INDEX, image.to_string().as_bytes());
    let digest = Digest::parse(image["digest"].as_str().unwrap()).unwrap();
    writer.list(image, json!({"org.opencontainers.image.ref.name": format!("sha256-{}", digest.hex())}));
    assert_eq!(writer.found(&digest), Ok(vec![]));
}

#[test]
fn what_is_wrong_inside_an_attestation_is_its_own() {
    let mut writer = Writer::new();
    let image = writer.image("app");
    let good = Layer::new(&spec(Kind::Dsse001));
    let mut bad = good.clone().with(BUNDLE, "{}");
    bad.text.push(b' ');
    let text = writer.blob("text/plain", b"not an attestation");
    let mut layers: Vec<Value> = Vec::new();
    for layer in [&bad, &good] {
        let mut descriptor = writer.blob(cosign::LAYER_MEDIA_TYPE, &layer.text);
        descriptor["annotations"] = json!(layer.annotations);
        layers.push(descriptor);
    }
    layers.push(text);
    let manifest = writer.manifest(layers, None);
    writer.list(manifest, json!({"kind": "dev.cosignproject.cosign/atts"}));
    let expected = vec![Err("json-field-missing"), Ok(()), Err("not-an-attestation")];
    assert_eq!(writer.found(&image), Ok(expected));
}

#[test]
fn a_blob_is_what_its_digest_says() {
    let layer = Layer::new(&spec(Kind::Dsse001));
    let prepare = || {
        let mut writer = Writer::new();
        let image = writer.image("app");
        let manifest = writer.attestations(&[&layer], None);
        writer.list(manifest.clone(), json!({"kind": "dev.cosignproject.cosign/atts"}));
        let blob = json!({"digest": format!("sha256:{}", sha256(&layer.text))});
        (writer, image, manifest, blob)
    };
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let last = bytes.len() - 2;
        bytes[last] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let (writer, image, ..) = prepare();
    assert_eq!(writer.found(&image), Ok(vec![Ok(())]));
    let (writer, image, manifest, blob) = prepare();
    flip(&writer.path(&blob));
    assert_eq!(writer.found(&image), Err("image-content-digest"));
    fs::write(writer.path(&blob), [layer.text.as_slice(), b" "].concat()).unwrap();
    assert_eq!(writer.found(&image), Err("image-content-size"));
    fs::remove_file(writer.path(&blob)).unwrap();
    assert_eq!(writer.found(&image), Err("image-content-missing"));
    flip(&writer.path(&manifest));
    assert_eq!(writer.found(&image), Err("image-content-digest"));
    // The image itself.
    let (writer, image, ..) = prepare();
    let path = writer.path(&json!({"digest": image.to_string()}));
    flip(&path);
    assert_eq!(writer.resolved(None), Err("image-content-digest"));
    assert_eq!(writer.resolved(Some(&image)), Err("image-content-digest"));
    // An unlisted manifest that says it is about the image, under a name that is not its digest.
    let (writer, image, ..) = prepare();
    let unlisted = writer.manifest(Vec::new(), Some(&image));
    let moved = format!("sha256:{}", "0".repeat(64));
    fs::rename(writer.path(&unlisted), writer.path(&json!({"digest": moved}))).unwrap();
    assert_eq!(writer.found(&image), Err("image-content-digest"));
}

#[test]
fn the_image_is_the_only_one_or_the_one_named() {
    let mut writer = Writer::new();
    assert_eq!(writer.resolved(None), Err("layout-image-missing"));
    let first = writer.image("one");
    assert_eq!(writer.resolved(None), Ok(first.clone()));
    let again = writer.manifests[0].clone();
    writer.list(again, json!({"org.opencontainers.image.ref.name": "latest"}));
    assert_eq!(writer.resolved(None), Ok(first.clone()));
    let second = writer.image("two");
    assert_eq!(writer.resolved(None), Err("layout-image-ambiguous"));
    assert_eq!(writer.resolved(Some(&second)), Ok(second));
    let absent = Digest::new(Algorithm::Sha256, vec![9; 32]).unwrap();
    assert_eq!(writer.resolved(Some(&absent)), Err("image-missing"));
    let text = writer.blob("text/plain", b"{}");
    let text = Digest::parse(text["digest"].as_str().unwrap()).unwrap();
    assert_eq!(writer.resolved(Some(&text)), Err("bundle-incomplete"));
}

#[test]
fn a_folder_that_is_no_layout_is_refused() {
    let writer = Writer::new();
    let code = |error: OciError| error.code();
    let open = || LayoutFolder::open(writer.folder.path()).map(|_| ()).map_err(code);
    assert_eq!(open(), Err("layout-missing"));
    let write = |name: &str, text: &str| fs::write(writer.folder.path().join(name), text).unwrap();
    write("index.json", r#"{"layers":[]}"#);
    assert_eq!(open(), Err("json-field-missing"));
    write("index.json", r#"{"manifests":[]}"#);
    assert_eq!(open(), Ok(()));
    write("oci-layout", r#"{"imageLayoutVersion":"2.0.0"}"#);
    assert_eq!(open(), Err("layout-version"));
    write("oci-layout", "{}");
    assert_eq!(open(), Err("json-field-missing"));
    fs::remove_file(writer.folder.path().join("oci-layout")).unwrap();
    assert_eq!(open(), Err("layout-missing"));
    assert_eq!(
        LayoutFolder::open(&writer.folder.path().join("index.json")).map(|_| ()).map_err(code),
        Err("layout-missing")
    );
    assert_eq!(LayoutFolder::open(Path::new("/nowhere/at/all")).map(|_| ()).map_err(code), Err("layout-missing"));
}
