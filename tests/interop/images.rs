//! What is attached to images here, read by outsiders; and what outsiders attach, found here.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use jiff::Timestamp;
use sealmark::formats::artifact::image::ImageReference;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::cosign::layer::Layer;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::Document;
use sealmark::formats::oci::MANIFESTS;
use sealmark::formats::oci::referrer::About;
use sealmark::formats::oci::referrer::BundleContent;
use sealmark::remote::registry::Access;
use sealmark::remote::registry::Credential;
use sealmark::remote::registry::Keyring;
use sealmark::remote::registry::Registries;
use sealmark::remote::registry::RegistryError;
use sealmark::sign::keyless::Certified;
use sealmark::store::measure::Hold;
use sealmark::store::oci::Manifest;
use sealmark::store::oci::WritableImages;
use sealmark::store::oci::attach::BundleText;
use sealmark::store::oci::attach::attach_bundle;
use sealmark::store::oci::attach::attach_legacy;
use sealmark::store::oci::evidence::AttachedContent;
use sealmark::store::oci::evidence::Legacy;
use sealmark::store::oci::evidence::Look;
use sealmark::store::oci::evidence::evidence;
use sealmark::store::oci::registry::Repository;
use sealmark::trust::key::sha256;
use serde_json::Value;
use serde_json::json;

use crate::client;
use crate::client::TOTAL;
use crate::judges::Case;
use crate::judges::Judges;
use crate::support::real_registry::RealRegistry;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::virtual_sigstore::GitHub;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SBOM: &str = "https://cyclonedx.org/bom";

struct Nobody;

impl Keyring for Nobody {
    fn credential(&self, _: &str, _: &str) -> Result<Credential, RegistryError> {
        Ok(Credential::Anonymous)
    }
}

/// A registry with an image in it, and somebody who signs.
struct Story {
    _registry: RealRegistry,
    host: String,
    place: Repository,
    image: Manifest,
    server: SigstoreServer,
}

impl Story {
    fn new(registry: RealRegistry) -> Self {
        let host = registry.host();
        let access = Access { keyring: Arc::new(Nobody), authorities: Vec::new(), total: TOTAL, per_second: None };
        let name = ImageReference::parse(&format!("{host}/acme/app")).unwrap().name;
        let place = Repository::new(&Registries::new(access).unwrap(), &name).unwrap();
        let image = image(&place);
        Self { _registry: registry, host, place, image, server: SigstoreServer::start("images", Instance::Public) }
    }

    /// A signed Statement about the image.
    fn signed(&self, predicate_type: &str, offer: Offer) -> Bundle {
        let services = client::services(&self.server, offer);
        let token = client::token(&self.server).unwrap();
        let certified = Certified::new(&client::permit(), &token, &services.ca, Timestamp::now()).unwrap();
        let mut statement = client::provenance(&GitHub::default());
        statement["subject"] = json!([{"name": "acme/app", "digest": {"sha256": self.image.digest.hex()}}]);
        if predicate_type != PROVENANCE {
            statement["predicateType"] = predicate_type.into();
            statement["predicate"] = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1});
        }
        certified.sign_statement(statement.to_string().as_bytes(), &services).unwrap()
    }

    fn attach(&self, bundle: &Bundle, predicate_type: &str) {
        let about =
            About { predicate_type: Some(predicate_type), content: BundleContent::Envelope, created: Timestamp::now() };
        attach_bundle(&self.place, &self.image, BundleText::Held(bundle.to_json().to_string().as_bytes()), &about)
            .unwrap();
    }

    /// What the outsider reads, a line for each, or why it is not as it should be.
    fn read_outside(&self, judges: &Judges, folder: &Path) -> Result<Vec<Value>, String> {
        let mut python = Command::new(judges.python());
        python.arg(judges.script("images.py")).args([&self.host, "acme/app", &self.image.digest.to_string()]);
        let ran = python.arg(folder).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        match ran.status.code() {
            Some(0) => Ok(said.lines().map(|line| serde_json::from_str(line).unwrap()).collect()),
            Some(1) if !said.is_empty() => Err(said),
            _ => panic!("{ran:?}"),
        }
    }

    fn case(&self, bundle: &Path) -> Case {
        let run = GitHub::default();
        Case {
            name: bundle.display().to_string(),
            root: self.server.trusted_root(),
            bundle: serde_json::from_slice(&fs::read(bundle).unwrap()).unwrap(),
            artifact: self.image.bytes.clone(),
            identity: run.signer_uri(),
            issuer: run.issuer,
        }
    }
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).unwrap()
}

/// An image of no layers, pushed under a tag.
fn image(place: &dyn WritableImages) -> Manifest {
    let config = br#"{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[]}}"#;
    let size = config.len();
    place.put_blob(&digest(config), size.try_into().unwrap(), &mut &config[..]).unwrap();
    let media_type = MANIFESTS[0].to_owned();
    let kind = "application/vnd.oci.image.config.v1+json";
    let item = json!({"mediaType": kind, "digest": digest(config).to_string(), "size": size});
    let text = json!({"schemaVersion": 2, "mediaType": media_type, "config": item, "layers": []}).to_string();
    let (bytes, document) = (text.clone().into_bytes(), Document::parse(text.as_bytes()).unwrap());
    let image = Manifest { digest: digest(&bytes), media_type, bytes, document };
    place.put_manifest(&image, Some("v1")).unwrap();
    image
}

fn stories() -> Vec<(&'static str, Story)> {
    let found = [("fallback-tag", RealRegistry::docker()), ("referrers", RealRegistry::ferro())];
    found.into_iter().filter_map(|(form, registry)| Some((form, Story::new(registry?)))).collect()
}

/// Two bundles and a legacy attestation in each kind of registry: the outsider finds them, each field of the manifests is
/// what the convention says, and the verifiers of others accept what they hold.
#[test]
fn outsiders_read_what_is_attached_here() {
    let Some(judges) = Judges::find() else { return };
    for (form, story) in stories() {
        for (predicate_type, offer) in [(PROVENANCE, Offer::V1), (SBOM, Offer::V2)] {
            story.attach(&story.signed(predicate_type, offer), predicate_type);
        }
        let layer = Layer::new(&story.signed(PROVENANCE, Offer::V1), Some(PROVENANCE)).unwrap();
        attach_legacy(&story.place, &story.image.digest, &layer).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let read = story.read_outside(&judges, folder.path()).unwrap();
        let mut found: Vec<_> =
            read.iter().map(|line| (line["form"].as_str().unwrap(), line["predicateType"].as_str().unwrap())).collect();
        found.sort_unstable();
        let mut expected = [(form, PROVENANCE), (form, SBOM), ("legacy-tag", PROVENANCE)];
        expected.sort_unstable();
        assert_eq!(found, expected);
        for name in ["0.json", "1.json", "legacy-0.json"] {
            let case = story.case(&folder.path().join(name));
            for (judge, verdict) in judges.ask(&case) {
                // sigstore-python takes no bundle without an inclusion proof, and a legacy layer has no place for one.
                if (judge, name) == ("sigstore-python", "legacy-0.json") {
                    assert!(verdict.is_err(), "{judge} takes a bundle without a proof");
                    continue;
                }
                assert_eq!(verdict, Ok(()), "{form}: {name}: {judge}");
            }
        }
    }
}

/// That the outsider says no to a manifest that is not as the convention has it.
#[test]
fn outsiders_refuse_a_manifest_that_says_something_else() {
    let Some(judges) = Judges::find() else { return };
    for (form, story) in stories() {
        story.attach(&story.signed(SBOM, Offer::V2), PROVENANCE);
        let folder = tempfile::tempdir().unwrap();
        let refused = story.read_outside(&judges, folder.path()).unwrap_err();
        assert!(refused.contains("predicateType: expected 'https://cyclonedx.org/bom'"), "{form}: {refused}");
    }
}

/// What sigstore-js attaches, as workflows that attest with it do, is found here as what it is.
#[test]
fn what_outsiders_attach_is_found_here() {
    let Some(judges) = Judges::find() else { return };
    for (form, story) in stories() {
        let folder = tempfile::tempdir().unwrap();
        let bundles = [story.signed(PROVENANCE, Offer::V1), story.signed(SBOM, Offer::V2)];
        for (bundle, predicate_type) in bundles.iter().zip([PROVENANCE, SBOM]) {
            let file = folder.path().join("bundle.json");
            fs::write(&file, bundle.to_json().to_string()).unwrap();
            let mut node = Command::new("node");
            node.current_dir(judges.node()).arg(judges.script("attach.cjs"));
            node.args([&format!("{}/acme/app", story.host), &story.image.digest.to_string()]);
            let ran = node.arg(&file).arg(predicate_type).output().unwrap();
            assert!(ran.status.success(), "{form}: {ran:?}");
        }
        // One of ours beside them, so that both keep one list.
        story.attach(&story.signed(PROVENANCE, Offer::V2), PROVENANCE);
        let threads = 4.try_into().unwrap();
        let found =
            evidence(&story.place, &story.image.digest, Look { legacy: Legacy::No, hold: Hold::Short }, threads)
                .unwrap();
        assert_eq!((found.attached.len(), found.notices.as_slice()), (3, [].as_slice()), "{form}");
        let read: Vec<&Bundle> = found
            .attached
            .iter()
            .map(|one| match &one.content {
                AttachedContent::Attestation(Ok(bundle)) => bundle,
                other => panic!("{form}: {other:?}"),
            })
            .collect();
        assert!(bundles.iter().all(|bundle| read.contains(&bundle)), "{form}");
    }
}
