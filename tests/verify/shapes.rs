//! Real attestations of older shapes: npm's registry, Google Cloud Build, images on disk. Each ends in an exact code.

use std::collections::BTreeMap;
use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;

use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::bundle::Version;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::gcloud;
use sealmark::formats::npm;
use sealmark::formats::statement::Statement;
use sealmark::store::measure::Hold;
use sealmark::store::oci::Images;
use sealmark::store::oci::evidence::AttachedContent;
use sealmark::store::oci::evidence::Legacy;
use sealmark::store::oci::evidence::Look;
use sealmark::store::oci::evidence::evidence;
use sealmark::store::oci::layout::LayoutFolder;
use sealmark::trust::embedded::Domain;
use sealmark::trust::rings;
use sealmark::trust::rings::Covers;
use sealmark::trust::rings::Ring;
use sealmark::trust::rings::TrustedKey;
use sealmark::verify::Identity;
use sealmark::verify::Verifier;

use crate::corpus::corpus;
use crate::corpus::files;
use crate::fixtures::now;

type Counts = BTreeMap<String, usize>;

fn verifier(keys: Vec<TrustedKey>) -> Verifier {
    Verifier::new(vec![Domain::PublicGood.root().unwrap()], keys)
}

/// The folder, and every file below it with this ending.
fn below(folder: &str, ending: &str) -> Option<Vec<PathBuf>> {
    let folder = corpus()?.join("slsa-verifier/testdata").join(folder);
    let found: Vec<_> = files(&folder).into_iter().filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    assert!(!found.is_empty(), "{}", folder.display());
    Some(found)
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

/// Prints the counts, and fails unless they are these and both kinds are there.
fn counted(suite: &str, found: &Counts, expected: &[(&str, usize)]) {
    println!("{suite}: {found:#?}");
    let expected: Counts = expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
    assert_eq!(*found, expected, "{suite}");
    assert!(found.keys().any(|key| key.ends_with("accepted")) && found.keys().any(|key| !key.ends_with("accepted")));
}

fn code<T>(result: Result<T, &'static str>) -> &'static str {
    result.map_or_else(|code| code, |_| "accepted")
}

#[test]
fn npm_registry_documents() {
    let Some(paths) = below("npm", ".json") else { return };
    let verifier = verifier(rings::npm().unwrap());
    let mut counts = Counts::new();
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        let labels = npm::from_json(serde_json::from_slice(&bytes).unwrap()).unwrap();
        let candidates = attestations::parse(&bytes).unwrap();
        assert_eq!(candidates.len(), labels.len(), "{}", path.display());
        for (candidate, label) in candidates.into_iter().zip(labels) {
            let kind = if label.predicate_type.contains("/publish/") { "publish" } else { "provenance" };
            let found = verifier.authenticate(&candidate.bundle.unwrap(), now());
            let artifact = |statement: &Statement| {
                let digest = &statement.subjects[0].digest;
                Artifact::new("package".to_owned(), vec![digest.get(Algorithm::Sha512).unwrap()]).unwrap()
            };
            let found = found.and_then(|found| found.bind(&artifact(found.statement())));
            if let Ok(verified) = &found {
                assert_eq!(verified.statement().predicate_type, label.predicate_type);
                let ring = match verified.identity() {
                    Identity::Key { ring, .. } => Some(*ring),
                    _ => None,
                };
                assert_eq!(ring, (kind == "publish").then_some(Ring::NpmRegistry), "{}", path.display());
            }
            let damaged = match name(path) {
                name if name.contains("invalidsigpub") => "publish",
                name if name.contains("invalidsigprov") => "provenance",
                _ => "neither",
            };
            let code = code(found.map_err(|error| error.code()));
            let expected = if damaged == kind { "signature-invalid" } else { "accepted" };
            assert_eq!(code, expected, "{} {kind}", path.display());
            *counts.entry(format!("{kind}: {code}")).or_default() += 1;
        }
    }
    counted(
        "npm",
        &counts,
        &[
            ("provenance: accepted", 6),
            ("provenance: signature-invalid", 3),
            ("publish: accepted", 6),
            ("publish: signature-invalid", 3),
        ],
    );
}

#[test]
fn npm_keys_are_those_of_the_time_of_signing() {
    let Some(paths) = below("npm", "-ossf.tgz.json") else { return };
    let publish = attestations::parse(&fs::read(&paths[0]).unwrap()).unwrap().remove(0).bundle.unwrap();
    let under =
        |keys: Vec<TrustedKey>| code(verifier(keys).authenticate(&publish, now()).map_err(|error| error.code()));
    let [old, new] = rings::npm().unwrap().try_into().unwrap();
    // The key was withdrawn in January 2025, two years after it signed this.
    assert_eq!(under(vec![old.clone()]), "accepted");
    assert_eq!(under(vec![new.clone()]), "signature-key-unknown");
    assert_eq!(under(vec![TrustedKey { window: new.window, ..old.clone() }]), "key-window");
    assert_eq!(under(vec![TrustedKey { keyid: new.keyid.clone(), ..old.clone() }]), "signature-key-unknown");
    assert_eq!(under(vec![TrustedKey { keyid: old.keyid.clone(), ..new }]), "signature-invalid");
    assert_eq!(under(vec![TrustedKey::named("the user", old.key)]), "accepted");
}

/// The outcome of each document: its provenances in order, and what stands around the first one that is believed.
const GCB: &[(&str, &[&str], &str)] = &[
    ("gcloud-container-empty-keyid.json", &["signature-key-unknown"], "-"),
    ("gcloud-container-empty-signature-region.json", &["signature-key-unknown"], "-"),
    ("gcloud-container-empty-signature.json", &["signature-invalid"], "-"),
    ("gcloud-container-gcs.json", &["accepted"], "accepted"),
    ("gcloud-container-github-tag.json", &["accepted"], "accepted"),
    ("gcloud-container-github.json", &["accepted"], "accepted"),
    ("gcloud-container-invalid-keyid.json", &["signature-key-unknown"], "-"),
    ("gcloud-container-invalid-signature-encoding.json", &["base64-invalid"], "-"),
    ("gcloud-container-invalid-signature-region.json", &["signature-key-unknown"], "-"),
    ("gcloud-container-mismatch-metadata-kind.json", &["accepted"], "gcloud-kind"),
    ("gcloud-container-mismatch-metadata-urisha256.json", &["accepted"], "gcloud-resource-uri"),
    ("gcloud-container-mismatch-payload-builderid.json", &["signature-invalid"], "-"),
    ("gcloud-container-mismatch-payload-digest.json", &["signature-invalid"], "-"),
    ("gcloud-container-mismatch-summary-digest.json", &["accepted"], "gcloud-summary-digest"),
    ("gcloud-container-mismatch-text-digest.json", &["accepted"], "gcloud-copy-mismatch"),
    ("gcloud-container-mismatch-text-steps.json", &["accepted"], "gcloud-copy-mismatch"),
    ("gcloud-container-multiple-invalid-provenance.json", &["signature-invalid"; 3], "-"),
    ("gcloud-container-multiple-invalid-signatures.json", &["signature-invalid"], "-"),
    (
        "gcloud-container-multiple-provenance-2ndvalid.json",
        &["signature-invalid", "accepted", "signature-invalid"],
        "accepted",
    ),
    (
        "gcloud-container-multiple-provenance-3rdvalid.json",
        &["signature-invalid", "signature-invalid", "accepted"],
        "accepted",
    ),
    ("gcloud-container-multiple-signatures-2ndvalid.json", &["accepted"], "accepted"),
    ("gcloud-container-multiple-signatures-3rdvalid.json", &["accepted"], "accepted"),
    ("gcloud-container-no-keyid.json", &["signature-key-unknown"], "-"),
];

/// The image that each document was asked about.
fn image(path: &Path) -> Digest {
    let file = match name(path) {
        "gcloud-container-gcs.json" => "gcloud-container-gcs.digest",
        "gcloud-container-github-tag.json" => "gcloud-container-github-tag.digest",
        _ => "gcloud-container-github.digest",
    };
    Digest::parse(fs::read_to_string(path.with_file_name(file)).unwrap().trim()).unwrap()
}

#[test]
fn google_cloud_build_documents() {
    let Some(paths) = below("gcb_container/v0.3", ".json") else { return };
    let verifier = verifier(rings::google_cloud_build().unwrap());
    let (mut counts, mut around, mut wrong) = (Counts::new(), Counts::new(), Vec::new());
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        let image = image(path);
        let artifact = Artifact::new("image".to_owned(), vec![image.clone()]).unwrap();
        let candidates = attestations::parse(&bytes).unwrap();
        if name(path) == "gcloud-container-no-signature.json" {
            // A comma too many: no JSON, and no line of it is an attestation either.
            assert_eq!(gcloud::Document::parse(&bytes).unwrap_err().code(), "json-invalid");
            assert!(candidates.iter().all(|candidate| candidate.bundle.is_err()));
            *counts.entry("json-invalid".to_owned()).or_default() += 1;
            continue;
        }
        let found: Vec<_> = candidates
            .into_iter()
            .map(|candidate| candidate.bundle.map_err(|error| error.code()))
            .map(|bundle| bundle.and_then(|one| verifier.authenticate(&one, now()).map_err(|error| error.code())))
            .map(|found| found.and_then(|one| one.bind(&artifact).map_err(|error| error.code())))
            .collect();
        let first = found.iter().enumerate().find_map(|(n, found)| Some((n, found.as_ref().ok()?)));
        let surroundings = match first {
            None => "-",
            Some((n, verified)) => {
                let Identity::Key { ring: Ring::GoogleCloudBuild, .. } = verified.identity() else { panic!() };
                let document = gcloud::Document::parse(&bytes).unwrap();
                let one = &document.provenance[n];
                code(gcloud::consistent(&document.summary, one, verified.statement(), &image).map_err(|e| e.code()))
            }
        };
        let codes: Vec<_> = found.into_iter().map(code).collect();
        for code in &codes {
            *counts.entry((*code).to_owned()).or_default() += 1;
        }
        *around.entry(surroundings.to_owned()).or_default() += 1;
        match GCB.iter().find(|row| row.0 == name(path)) {
            Some((_, expected, text)) if *expected == codes.as_slice() && *text == surroundings => {}
            _ => wrong.push(format!("{}: {codes:?}, then {surroundings}", name(path))),
        }
    }
    assert_eq!((wrong, paths.len()), (Vec::<String>::new(), GCB.len() + 1));
    counted(
        "Google Cloud Build",
        &counts,
        &[
            ("accepted", 12),
            ("base64-invalid", 1),
            ("json-invalid", 1),
            ("signature-invalid", 11),
            ("signature-key-unknown", 5),
        ],
    );
    counted(
        "around it",
        &around,
        &[
            ("-", 11),
            ("accepted", 7),
            ("gcloud-copy-mismatch", 2),
            ("gcloud-kind", 1),
            ("gcloud-resource-uri", 1),
            ("gcloud-summary-digest", 1),
        ],
    );
}

#[test]
fn a_regional_signature_is_the_rings_alone() {
    let Some(paths) = below("gcb_container/v0.3", "gcloud-container-github.json") else { return };
    let bundle = attestations::parse(&fs::read(&paths[0]).unwrap()).unwrap().remove(0).bundle.unwrap();
    let under = |keys: Vec<TrustedKey>| code(verifier(keys).authenticate(&bundle, now()).map_err(|error| error.code()));
    let ring = rings::google_cloud_build().unwrap();
    let region = |name: &str| ring.iter().find(|key| key.keyid.as_ref().unwrap().contains(name)).unwrap().clone();
    let own = region("/us-west2/");
    assert_eq!(under(vec![own.clone()]), "accepted");
    assert_eq!(under(vec![TrustedKey { keyid: None, ..own.clone() }]), "accepted");
    assert_eq!(under(vec![region("/us-west1/")]), "signature-key-unknown");
    assert_eq!(under(vec![TrustedKey { keyid: own.keyid.clone(), ..region("/us-west1/") }]), "signature-invalid");
    assert_eq!(under(vec![TrustedKey { covers: Covers::PreAuthentication, ..own.clone() }]), "signature-invalid");
    assert_eq!(under(vec![TrustedKey { ring: Ring::Named, ..own.clone() }]), "signature-invalid");
    assert_eq!(under(vec![TrustedKey { ring: Ring::NpmRegistry, ..own.clone() }]), "signature-invalid");
    assert_eq!(under(vec![TrustedKey::named("the user", own.key)]), "signature-invalid");
}

#[test]
fn images_on_disk() {
    let Some(paths) = below("gha_generic_container", ".digest") else { return };
    let verifier = verifier(Vec::new());
    let mut counts = Counts::new();
    for path in &paths {
        let layout = LayoutFolder::open(&path.with_extension("")).unwrap();
        let image = Digest::parse(fs::read_to_string(path).unwrap().trim()).unwrap();
        assert_eq!(layout.only().unwrap().unwrap().digest, image);
        assert_eq!(layout.manifest(&image, None).unwrap().unwrap().digest, image);
        let attached = |digest: &Digest| {
            evidence(&layout, digest, Look { legacy: Legacy::Also, hold: Hold::Short }, NonZeroUsize::MIN)
                .unwrap()
                .attached
        };
        assert!(attached(&other()).is_empty());
        let bundles = attached(&image).into_iter().filter_map(|one| match one.content {
            AttachedContent::Attestation(bundle) => Some(bundle.unwrap()),
            AttachedContent::Signature(_) | AttachedContent::Other => None,
        });
        let bundles: Vec<_> = bundles.collect();
        for (about, digest) in [("the image", image), ("another", other())] {
            let artifact = Artifact::new("image".to_owned(), vec![digest]).unwrap();
            for bundle in &bundles {
                assert_eq!(bundle.version, Version::CosignLayer);
                let found = verifier.authenticate(bundle, now()).and_then(|found| found.bind(&artifact));
                let code = code(found.map_err(|error| error.code()));
                *counts.entry(format!("{about}: {code}")).or_default() += 1;
            }
        }
    }
    counted("images", &counts, &[("another: subject-mismatch", 3), ("the image: accepted", 3)]);
}

fn other() -> Digest {
    Digest::parse(&format!("sha256:{}", "0".repeat(64))).unwrap()
}
