//! `sealmark tree`, `download` and `inspect` of images: what is attached is shown and written as it is, and never believed.

use std::collections::BTreeMap;
use std::process::Command;

use insta::assert_snapshot;
use regex::Regex;
use sealmark::formats::base64;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::Document;
use sealmark::store::oci::Images;
use sealmark::store::oci::Manifest;
use sealmark::store::oci::layout::LayoutFolder;
use serde_json::Value;
use serde_json::json;

use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;
use crate::support::registry_server::content::EMPTY;
use crate::support::registry_server::content::INDEX;
use crate::support::registry_server::content::MANIFEST;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;
use crate::world::valid;

const REPO: &str = "acme/app";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SPDX: &str = "https://spdx.dev/Document/v2.3";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

struct Story {
    world: World,
    registry: RegistryServer,
}

/// A Statement about an image, its predicate as this very text.
fn statement(image: &str, predicate_type: &str, predicate: &str) -> String {
    let hex = image.strip_prefix("sha256:").unwrap();
    format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{hex}"}}}}],"predicateType":"{predicate_type}","predicate": {predicate} }}"#
    )
}

fn envelope(payload: &str) -> Value {
    json!({"payload": base64::encode(payload.as_bytes()), "payloadType": "application/vnd.in-toto+json",
        "signatures": [{"sig": "AA==", "keyid": "acme-2026"}]})
}

/// A bundle that says to be signed by a key. Nothing here verifies it.
fn bundle(payload: &str) -> String {
    json!({"mediaType": BUNDLE, "verificationMaterial": {"publicKey": {"hint": "acme-2026"}},
        "dsseEnvelope": envelope(payload)})
    .to_string()
}

impl Story {
    fn new(options: Options) -> Self {
        Self { world: World::new(), registry: RegistryServer::start(options) }
    }

    fn image(&self) -> String {
        self.registry.image(REPO, "v1")
    }

    /// Attaches a layer by a manifest with annotations; where the registry lists nothing by itself, in the fallback tag.
    fn attach(&self, subject: &str, artifact_type: &str, layer: &[u8], annotations: &Value) -> String {
        let layer_digest = self.registry.put_blob(REPO, layer);
        let config = self.registry.put_blob(REPO, b"{}");
        let size = self.registry.manifest(REPO, subject).map_or(7, |bytes| bytes.len());
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": artifact_type,
            "config": {"mediaType": EMPTY, "digest": config, "size": 2},
            "layers": [{"mediaType": artifact_type, "digest": layer_digest, "size": layer.len()}],
            "subject": {"mediaType": MANIFEST, "digest": subject, "size": size}, "annotations": annotations})
        .to_string();
        let digest = self.registry.put_manifest(REPO, None, MANIFEST, manifest.as_bytes());
        let tag = subject.replace(':', "-");
        let before = self.registry.manifest(REPO, &tag);
        let before: Option<Value> = before.map(|bytes| serde_json::from_slice(&bytes).unwrap());
        let mut listed = before.map(|index| index["manifests"].as_array().unwrap().clone()).unwrap_or_default();
        listed.push(json!({"mediaType": MANIFEST, "digest": digest, "size": manifest.len(), "artifactType": EMPTY}));
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed}).to_string();
        self.registry.put_manifest(REPO, Some(&tag), INDEX, index.as_bytes());
        digest
    }

    fn attest(&self, subject: &str, predicate_type: &str, predicate: &str) -> String {
        let annotations = json!({"dev.sigstore.bundle.predicateType": predicate_type,
            "org.opencontainers.image.created": "2026-11-21T10:00:00Z"});
        self.attach(subject, BUNDLE, bundle(&statement(subject, predicate_type, predicate)).as_bytes(), &annotations)
    }

    /// What cosign keeps under a tag: `.att`, `.sig` or `.sbom`.
    fn tagged(&self, image: &str, ending: &str, layers: &[(&str, &[u8], Value)]) -> String {
        let layer = |(media_type, bytes, annotations): &(&str, &[u8], Value)| {
            let digest = self.registry.put_blob(REPO, bytes);
            json!({"mediaType": media_type, "digest": digest, "size": bytes.len(), "annotations": annotations})
        };
        let layers: Vec<Value> = layers.iter().map(layer).collect();
        let config = self.registry.put_blob(REPO, b"{}");
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": layers})
        .to_string();
        let tag = format!("{}{ending}", image.replace(':', "-"));
        self.registry.put_manifest(REPO, Some(&tag), MANIFEST, manifest.as_bytes())
    }

    /// A plain signature of cosign before bundles.
    fn sign(&self, image: &str) -> String {
        let text = json!({"critical": {"image": {"docker-manifest-digest": image}}}).to_string();
        let annotations = json!({"dev.cosignproject.cosign/signature": "AQID"});
        self.tagged(image, ".sig", &[(SIMPLE, text.as_bytes(), annotations)])
    }

    fn name(&self, tail: &str) -> String {
        format!("{}/{REPO}{tail}", self.registry.host())
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command: Command = self.world.command(args);
        // No credentials of whoever runs the tests.
        command.env("HOME", self.world.path("home")).env_remove("DOCKER_CONFIG");
        ended(command, args)
    }

    /// `download ARGS IMAGE MORE`
    fn download(&self, what: &str, image: &str, more: &[&str]) -> Ended {
        self.run(&[&["download", what, &self.name(&format!("@{image}"))], more].concat())
    }

    fn tree(&self, image: &str, more: &[&str]) -> Ended {
        self.run(&[&["tree", &self.name(&format!("@{image}"))], more].concat())
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.run(&[args, &["--format", "json"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        let report = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        valid(&report, "tree-v1");
        report
    }

    /// An output without what is another one each time: the port, and digests, which are called by the order in which they
    /// are first seen.
    fn same(&self, out: &str) -> String {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let digests = Regex::new("sha256:[0-9a-f]{12}(?:[0-9a-f]{52}|…)").unwrap();
        let out = digests.replace_all(out, |found: &regex::Captures<'_>| {
            let n = seen.len() + 1;
            let tail = if found[0].ends_with('…') { "…" } else { "" };
            format!("{}{tail}", seen.entry(found[0][7..19].to_owned()).or_insert(format!("sha256:({n})")))
        });
        // Signatures by certificates have no one length.
        let sizes = Regex::new("[0-9]{4,} bytes").unwrap();
        sizes.replace_all(&out.replace(&self.registry.host(), "HOST"), "N bytes").into_owned()
    }
}

/// An index of two platforms with about everything that can be attached.
fn rich(options: Options) -> (Story, String, Vec<String>) {
    let story = Story::new(options);
    let (index, images) = story.registry.index(REPO, "v1");
    let hex = images[0].strip_prefix("sha256:").unwrap();
    let subjects = json!([{"name": "acme/app", "digest": {"sha256": hex}}]);
    let minted = story.world.sigstore.mint(&story.world.sigstore.spec_of(&subjects, &GitHub::default()));
    story.attach(&images[0], BUNDLE, minted.to_string().as_bytes(), &json!({}));
    story.attest(&index, SIGN, "{}");
    let lie = json!({"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"});
    let sbom = bundle(&statement(&index, SPDX, "{\"spdxVersion\":\"SPDX-2.3\"}"));
    story.attach(&index, BUNDLE, sbom.as_bytes(), &lie);
    let plain = story.attach(&images[1], "application/spdx+json", b"{\"plain\":true}", &json!({}));
    story.attest(&plain, SIGN, "{}");
    story.sign(&images[1]);
    let line = envelope(&statement(&images[1], "https://cyclonedx.org/bom", "{}")).to_string();
    let annotations = json!({"predicateType": "https://cyclonedx.org/bom"});
    story.tagged(&images[1], ".att", &[(DSSE, line.as_bytes(), annotations.clone()), (DSSE, b"{}", annotations)]);
    (story, index, images)
}

#[test]
fn a_tree_shows_platforms_and_what_is_attached_at_each_level() {
    let (story, ..) = rich(Options::default());
    let ended = story.run(&["tree", &story.name(":v1")]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.starts_with("note     ") && ended.err.lines().count() == 1, "{ended:?}");
    assert!(ended.out.lines().all(|line| line.chars().count() <= 100), "{}", ended.out);
    assert_snapshot!(story.same(&ended.out));
    let report = story.json(&["tree", &story.name(":v1")]);
    assert_eq!(
        (&report["verified"], &report["tag"], &report["image"]["kind"]),
        (&json!(false), &json!("v1"), &json!("index"))
    );
    assert_snapshot!(story.same(&serde_json::to_string_pretty(&report["image"]["attached"]).unwrap()));
    let leaf = &report["image"]["platforms"][1];
    let plain = leaf["attached"].as_array().unwrap().iter().find(|one| one["contents"][0]["what"] == "sbom").unwrap();
    assert_eq!(plain["attached"][0]["contents"][0]["what"], "signature");
    assert_eq!(plain["contents"][0]["size"], 14);
    // Twice the same.
    assert_eq!(story.run(&["tree", &story.name(":v1")]).out, ended.out);
}

#[test]
fn without_a_list_of_referrers_the_same_is_shown() {
    let shown = |options| {
        let (story, index, _) = rich(options);
        let out = story.json(&["tree", &story.name(&format!("@{index}"))])["image"].to_string();
        out.replace("fallback-tag", "referrer")
    };
    let refused = Options { referrers: ReferrersApi::Refused(404), subject_header: false, ..Options::default() };
    assert_eq!(shown(refused), shown(Options::default()));
}

#[test]
fn one_platform_is_followed_where_it_is_named() {
    let (story, index, images) = rich(Options::default());
    let image = story.name(&format!("@{index}"));
    let report = story.json(&["tree", &image, "--platform", "linux/arm64"]);
    assert_eq!(report["image"]["platforms"].as_array().unwrap().len(), 1);
    assert_eq!(report["image"]["platforms"][0]["digest"], images[1].as_str());
    let none = story.run(&["tree", &image, "--platform", "linux/arm"]);
    assert!(none.code == 2 && none.err.contains("image-platform-missing") && none.out.is_empty(), "{none:?}");
    let ended =
        story.run(&["download", "attestation", &image, "--platform", "linux/amd64", "--type", "slsaprovenance"]);
    assert_eq!((ended.code, ended.out.lines().count()), (0, 1), "{ended:?}");
    let none = story.run(&["download", "attestation", &images[0], "--platform", "linux/amd64"]);
    assert_ne!(none.code, 0);
    let none = story.run(&["download", "attestation", &image, "--platform", "windows/amd64"]);
    assert!(none.code == 2 && none.err.contains("image-platform-missing"), "{none:?}");
}

#[test]
fn two_images_of_a_platform_are_not_chosen_from() {
    let story = Story::new(Options::default());
    let (one, two) = (story.image(), story.registry.image(REPO, "v2"));
    let entry = |digest: &str| {
        let size = story.registry.manifest(REPO, digest).unwrap().len();
        json!({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": {"os": "linux", "architecture": "arm"}})
    };
    let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry(&one), entry(&two)]}).to_string();
    let index = story.registry.put_manifest(REPO, None, INDEX, index.as_bytes());
    let ended = story.download("bundle", &index, &["--platform", "linux/arm"]);
    assert!(ended.code == 2 && ended.err.contains("image-platform-ambiguous"), "{ended:?}");
}

#[test]
fn nothing_attached_is_said_and_no_error() {
    let story = Story::new(Options::default());
    let image = story.image();
    let ended = story.tree(&image, &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(story.same(&ended.out), @r"
    nothing is attached, and nothing is verified
    HOST/acme/app
    sha256:(1)…  image, 397 bytes
    ");
    let ended = story.run(&["inspect", &story.name(&format!("@{image}"))]);
    assert!(ended.code == 0 && ended.err.contains("nothing is attached"), "{ended:?}");
    for (what, code) in [
        ("attestation", "attestation-missing"),
        ("bundle", "attestation-missing"),
        ("predicate", "attestation-missing"),
        ("signature", "signature-missing"),
        ("sbom", "sbom-missing"),
    ] {
        let ended = story.download(what, &image, &[]);
        assert!(ended.code == 1 && ended.err.contains(code) && ended.out.is_empty(), "{what}: {ended:?}");
        assert!(ended.err.contains("found nothing"), "{what}: {ended:?}");
    }
}

/// Copies all that a registry has of an image into a layout.
fn layout(story: &Story, folder: &str, tags: &[(&str, Option<&str>)]) {
    let layout = LayoutFolder::create(&story.world.path(folder)).unwrap();
    let place = layout.writable().unwrap();
    for (digest, tag) in tags {
        let bytes = story.registry.manifest(REPO, digest).unwrap();
        let document = Document::parse(&bytes).unwrap();
        for item in document.items.iter().chain(&document.config) {
            if let Some(blob) = story.registry.blob(REPO, &item.digest.to_string()) {
                place.put_blob(&item.digest, item.size, &mut blob.as_slice()).unwrap();
            }
        }
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        let media_type = value["mediaType"].as_str().unwrap().to_owned();
        place
            .put_manifest(&Manifest { digest: Digest::parse(digest).unwrap(), media_type, bytes, document }, *tag)
            .unwrap();
    }
}

#[test]
fn layouts_and_archives_are_looked_into() {
    let story = Story::new(Options::default());
    let image = story.image();
    let attested = story.attest(&image, SPDX, "{\"a\":1}");
    let signature = story.sign(&image);
    let tag = format!("{}.sig", image.replace(':', "-"));
    layout(&story, "layout", &[(&image, Some("v1")), (&attested, None), (&signature, Some(&tag))]);
    let path = story.world.path("layout");
    let tar = Command::new("tar").arg("-cf").arg(story.world.path("image.tar")).arg("-C").arg(&path).arg(".").status();
    assert!(tar.unwrap().success());
    for place in [format!("oci-layout:layout@{image}"), format!("oci-archive:image.tar@{image}")] {
        let ended = story.run(&["tree", &place]);
        assert_eq!(ended.code, 0, "{ended:?}");
        for part in ["layout-referrer", "legacy-tag", SPDX, "2 attached"] {
            assert!(ended.out.contains(part), "{part}: {ended:?}");
        }
        let ended = story.run(&["download", "predicate", &place]);
        assert_eq!((ended.code, ended.out.as_str()), (0, "{\"a\":1}"), "{ended:?}");
        assert_eq!(story.run(&["download", "signature", &place]).out.lines().count(), 1);
        let ended = story.run(&["inspect", &place]);
        assert!(ended.code == 0 && ended.out.contains("2 attestations read"), "{ended:?}");
    }
    assert_eq!(story.run(&["tree", "oci-layout:layout:v1"]).code, 0);
    let none = story.run(&["tree", "oci-layout:nowhere"]);
    assert!(none.code == 3 && none.err.contains("layout-missing"), "{none:?}");
    let none = story.run(&["tree", "oci-archive:app.tar.gz"]);
    assert!(none.code == 3 && none.err.contains("archive-"), "{none:?}");
}

#[test]
fn a_registry_that_errs_is_never_an_empty_one() {
    let rows: [(Fault, &str); 6] = [
        (Fault::Status(401, None), "registry-unauthorized"),
        (Fault::Status(403, None), "registry-denied"),
        (Fault::Status(429, Some(3600)), "registry-throttled"),
        (Fault::Status(500, None), "registry-unavailable"),
        (Fault::Hang, "registry-unavailable"),
        (Fault::Body(200, INDEX, b"no json".to_vec()), "json-invalid"),
    ];
    let commands: [&[&str]; 5] =
        [&["tree"], &["inspect"], &["download", "attestation"], &["download", "signature"], &["download", "sbom"]];
    for (fault, code) in rows {
        let story = Story::new(Options::default());
        let image = story.image();
        story.attest(&image, SPDX, "{}");
        story.registry.fault("GET", "/referrers/", 100, fault.clone());
        for command in commands {
            let image = story.name(&format!("@{image}"));
            let ended = story.run(&[command, &[&image, "--registry-timeout", "1"]].concat());
            assert!(ended.code == 3 && ended.err.contains(code), "{command:?} {fault:?}: {ended:?}");
            assert_eq!(ended.out, "", "{command:?} {fault:?}");
        }
    }
    let story = Story::new(Options::default());
    let image = story.image();
    let absent = image.replace("sha256:", "").chars().rev().collect::<String>();
    for command in commands {
        for name in [story.name(":none"), story.name(&format!("@sha256:{absent}"))] {
            let ended = story.run(&[command, &[&name]].concat());
            assert!(ended.code == 3 && ended.err.contains("image-missing"), "{command:?} {name}: {ended:?}");
        }
    }
    // What is attached to what is attached is looked up by the same rule.
    let attested = story.attest(&image, SPDX, "{}");
    story.registry.fault("GET", &format!("/referrers/{attested}"), 100, Fault::Status(403, None));
    let ended = story.tree(&image, &[]);
    assert!(ended.code == 3 && ended.err.contains("registry-denied") && ended.out.is_empty(), "{ended:?}");
}

#[test]
fn nothing_is_printed_before_it_was_held_against_its_digest() {
    let story = Story::new(Options::default());
    let image = story.image();
    story.tagged(&image, ".sbom", &[("text/spdx", &[b'x'; 300_000], json!({}))]);
    let ended = story.download("sbom", &image, &[]);
    assert_eq!((ended.code, ended.out.len()), (0, 300_000));
    assert!(ended.err.contains("nobody signed"), "{ended:?}");
    for (fault, code) in [(Fault::WrongBytes, "image-content-digest"), (Fault::Truncate, "registry-answer-invalid")] {
        story.registry.heal();
        story.registry.fault("GET", "/blobs/", 100, fault);
        for more in [&[][..], &["--output", "sbom.spdx"]] {
            let ended = story.download("sbom", &image, more);
            assert_eq!((ended.code, ended.out.as_str()), (3, ""), "{more:?}: {}", ended.err);
            assert!(ended.err.contains(code), "{more:?}: {}", ended.err);
            assert!(!story.world.path("sbom.spdx").exists());
        }
    }
}

#[test]
fn what_a_descriptor_carries_is_held_against_its_digest() {
    let story = Story::new(Options::default());
    let image = story.image();
    let blob = story.registry.put_blob(REPO, b"{\"honest\":1}");
    let config = story.registry.put_blob(REPO, b"{}");
    let carried = base64::encode(b"{\"forged\":1}");
    let kind = "application/spdx+json";
    let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": kind,
        "config": {"mediaType": EMPTY, "digest": config, "size": 2},
        "layers": [{"mediaType": kind, "digest": blob, "size": 12, "data": carried}],
        "subject": {"mediaType": MANIFEST, "digest": image, "size": 7}});
    story.registry.put_manifest(REPO, None, MANIFEST, manifest.to_string().as_bytes());
    let ended = story.download("sbom", &image, &[]);
    assert!(ended.code == 3 && ended.err.contains("image-content-digest") && ended.out.is_empty(), "{ended:?}");
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let story = Story::new(Options::default());
    let image = story.image();
    let evil = "https://x/\u{1b}[2J\nallowed  \u{202e}gpj";
    let annotations = json!({"dev.sigstore.bundle.predicateType": evil, "org.opencontainers.image.created": evil});
    let payload = statement(&image, "https://x/\\u001b[31m\\nallowed\\u202e", "{}");
    story.attach(&image, BUNDLE, bundle(&payload).as_bytes(), &annotations);
    story.attach(&image, "text/spdx\u{1b}]0;x\u{7}\n", b"x", &annotations);
    story.tagged(&image, ".att", &[("x/\u{9b}2J", b"x", annotations)]);
    for args in [&["tree"][..], &["inspect"], &["download", "signature"], &["download", "predicate", "--type", "vuln"]]
    {
        let ended = story.run(&[args, &[&story.name(&format!("@{image}"))]].concat());
        for text in [&ended.out, &ended.err] {
            assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{9b}', '\u{7}', '\r']), "{args:?}: {text:?}");
            assert!(!text.lines().any(|line| line.starts_with("allowed")), "{args:?}: {text:?}");
        }
    }
}

#[test]
fn what_is_about_another_image_is_not_shown() {
    let story = Story::new(Options { foreign_referrers: true, ..Options::default() });
    let (image, other) = (story.image(), story.registry.image(REPO, "other"));
    let theirs = story.attest(&other, SPDX, "{\"theirs\":1}");
    let plain = story.attach(&other, "application/spdx+json", b"{}", &json!({}));
    // Each list names everything, so that following it would go round for ever.
    let ended = story.tree(&image, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("nothing is attached"), "{ended:?}");
    for digest in [&theirs, &plain] {
        assert!(
            ended.err.contains(&format!("{digest} is listed as attached to {image}, and is about {other}")),
            "{ended:?}"
        );
    }
    for what in ["sbom", "predicate", "attestation"] {
        let ended = story.download(what, &image, &[]);
        assert!(ended.code == 1 && ended.out.is_empty(), "{what}: {ended:?}");
    }
    let ours = story.attest(&image, "https://x/y", "{}");
    let report = story.json(&["tree", &story.name(&format!("@{image}"))]);
    let attached = report["image"]["attached"].as_array().unwrap();
    assert_eq!((attached.len(), &attached[0]["manifest"]), (1, &json!(ours)));
    assert_eq!(attached[0]["attached"], json!([]));
}

#[test]
fn predicates_are_the_bytes_that_were_signed() {
    let story = Story::new(Options::default());
    let image = story.image();
    let odd = "{ \"z\" : 12345678901234567890123.450 ,\n\t\"a\":\"\\u00e9 } \\\" \",  \"b\": [ 1e5 , {} ]\r\n }";
    let first = story.attest(&image, "https://x/y", odd);
    let ended = story.download("predicate", &image, &[]);
    assert_eq!((ended.code, ended.out.as_str()), (0, odd), "{ended:?}");
    assert!(ended.err.contains("nothing here is verified"), "{ended:?}");
    story.attest(&image, SPDX, "{\"other\":1}");
    assert_eq!(story.download("predicate", &image, &["--type", "https://x/y"]).out, odd);
    assert_eq!(story.download("predicate", &image, &["--type", "spdxjson"]).out, "{\"other\":1}");
    assert_eq!(story.download("predicate", &image, &["--manifest", &first]).out, odd);
    let several = story.download("predicate", &image, &[]);
    assert!(
        several.code == 2 && several.err.contains("predicate-ambiguous") && several.err.contains(&first),
        "{several:?}"
    );
    let all = story.download("predicate", &image, &["--all"]);
    let lines: Vec<&str> = all.out.lines().collect();
    let joined = "{ \"z\" : 12345678901234567890123.450 ,\"a\":\"\\u00e9 } \\\" \",  \"b\": [ 1e5 , {} ]}";
    assert_eq!(lines, [joined, "{\"other\":1}"]);
    std::fs::create_dir(story.world.path("out")).unwrap();
    let ended = story.download("predicate", &image, &["--output-dir", "out"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{ended:?}");
    let files = std::fs::read_dir(story.world.path("out")).unwrap();
    let mut written: Vec<String> = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    written.sort();
    assert_eq!(written, [odd, "{\"other\":1}"]);
    let again = story.download("predicate", &image, &["--output-dir", "out"]);
    assert!(again.code == 2 && again.err.contains("file-exists"), "{again:?}");
    let none = story.download("predicate", &image, &["--type", "vuln"]);
    assert!(none.code == 1 && none.err.contains("attestation-missing") && none.err.contains(SPDX), "{none:?}");
    let wrong = story.download("predicate", &image, &["--type", "no type"]);
    assert!(wrong.code == 2 && wrong.err.contains("policy-predicate-type"), "{wrong:?}");
}

#[test]
fn attestations_are_lines_as_they_are_stored() {
    let story = Story::new(Options::default());
    let image = story.image();
    let payload = statement(&image, SPDX, "{}");
    let stored = bundle(&payload).replacen('{', "{ ", 1);
    story.attach(&image, BUNDLE, stored.as_bytes(), &json!({}));
    let value: Value = serde_json::from_str(&bundle(&statement(&image, "https://x/y", "{}"))).unwrap();
    story.attach(&image, BUNDLE, serde_json::to_string_pretty(&value).unwrap().as_bytes(), &json!({}));
    story.attach(&image, BUNDLE, bundle(&statement(&image, SIGN, "{}")).as_bytes(), &json!({}));
    story.attach(&image, BUNDLE, b"{}", &json!({}));
    let line = envelope(&statement(&image, "https://cyclonedx.org/bom", "{}")).to_string();
    story.tagged(&image, ".att", &[(DSSE, line.as_bytes(), json!({}))]);
    let ended = story.download("attestation", &image, &[]);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!((ended.code, lines.len()), (0, 3), "{ended:?}");
    assert_eq!((lines[0], lines[2]), (stored.as_str(), line.as_str()));
    assert_eq!(serde_json::from_str::<Value>(lines[1]).unwrap(), value);
    assert!(ended.err.contains("json-field-missing"), "what cannot be read is said: {ended:?}");
    assert_eq!(story.download("attestation", &image, &["--type", "spdx"]).out, format!("{stored}\n"));
    assert_eq!(story.download("bundle", &image, &[]).out.lines().count(), 3);
    let signatures = story.download("signature", &image, &[]).out;
    assert_eq!(signatures, format!("{}\n", bundle(&statement(&image, SIGN, "{}"))));
    // A file is written whole, and not over another.
    let to = |more: &[&str]| story.download("attestation", &image, &[&["--output", "all.jsonl"], more].concat());
    assert_eq!(to(&[]).code, 0);
    assert_eq!(std::fs::read_to_string(story.world.path("all.jsonl")).unwrap(), ended.out);
    story.world.write("all.jsonl", "mine");
    let refused = to(&[]);
    assert!(refused.code == 2 && refused.err.contains("file-exists"), "{refused:?}");
    assert_eq!(std::fs::read_to_string(story.world.path("all.jsonl")).unwrap(), "mine");
    assert_eq!(to(&["--force"]).code, 0);
    assert_eq!(std::fs::read_to_string(story.world.path("all.jsonl")).unwrap(), ended.out);
}

#[test]
fn a_plain_signature_is_its_text_and_its_annotations() {
    let story = Story::new(Options::default());
    let image = story.image();
    story.attest(&image, SPDX, "{}");
    let none = story.download("signature", &image, &[]);
    assert!(none.code == 1 && none.err.contains("signature-missing"), "{none:?}");
    assert!(none.err.contains(&format!("attestation {SPDX}")), "{none:?}");
    let time = json!({"SignedRFC3161Timestamp": "Ag=="});
    let annotations = json!({"dev.cosignproject.cosign/signature": "AQID", "dev.sigstore.cosign/certificate": " ",
        "dev.sigstore.cosign/rfc3161timestamp": time.to_string()});
    story.tagged(&image, ".sig", &[(SIMPLE, b"text", annotations)]);
    let ended = story.download("signature", &image, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let line: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(line, json!({"base64Signature": "AQID", "payload": "dGV4dA==", "rfc3161Timestamp": time}));
}

#[test]
fn one_bill_of_materials_is_written_and_several_are_named() {
    let story = Story::new(Options::default());
    let image = story.image();
    story.attest(&image, "https://x/y", "{}");
    let none = story.download("sbom", &image, &[]);
    assert!(none.code == 1 && none.err.contains("sbom-missing") && none.err.contains("https://x/y"), "{none:?}");
    let attested = story.attest(&image, SPDX, "{ \"spdx\":1}");
    let ended = story.download("sbom", &image, &[]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "{ \"spdx\":1}"), "{ended:?}");
    let plain = story.attach(&image, "application/vnd.cyclonedx+json", b"{\"bomFormat\" :1}\n", &json!({}));
    let several = story.download("sbom", &image, &[]);
    assert!(several.code == 2 && several.err.contains("sbom-ambiguous") && several.out.is_empty(), "{several:?}");
    for digest in [&attested, &plain] {
        assert!(several.err.contains(digest), "{several:?}");
    }
    let ended = story.download("sbom", &image, &["--manifest", &plain]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "{\"bomFormat\" :1}\n"), "{ended:?}");
    assert!(ended.err.contains("nobody signed"), "{ended:?}");
    assert_eq!(story.download("sbom", &image, &["--type", "spdxjson"]).out, "{ \"spdx\":1}");
    // What cosign writes for --type spdx: tag-value text as a string.
    let text = story.attest(&image, "https://spdx.dev/Document", "\"SPDXVersion: SPDX-2.3\\n\"");
    assert_eq!(story.download("sbom", &image, &["--manifest", &text]).out, "SPDXVersion: SPDX-2.3\n");
}

#[test]
fn what_is_attached_is_inspected_under_the_name_that_verify_gives_it() {
    let (story, _, images) = rich(Options::default());
    let image = story.name(&format!("@{}", images[0]));
    let ended = story.run(&["inspect", &image]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let report = story.run(&["inspect", &image, "--format", "json"]);
    let report: Value = serde_json::from_str(&report.out).unwrap();
    valid(&report, "inspection-v1");
    let source = report["found"][0]["source"]["file"].as_str().unwrap();
    assert!(source.starts_with(&story.name("@sha256:")) && source.ends_with(" (referrer, layer 0)"), "{source}");
    assert_eq!(report["found"][0]["statement"]["subjectCount"], 1);
    let expected = ["--trust", "root.json", "--source-uri", "github.com/acme/app", "--format", "json"];
    let verified = story.run(&[&["verify", &image], &expected[..]].concat());
    let verified: Value = serde_json::from_str(&verified.out).unwrap();
    assert_eq!(
        (&verified["verdict"], &verified["results"][0]["candidates"][0]["source"]["file"]),
        (&json!("allowed"), &json!(source))
    );
    // The other has a signature, two envelopes of which one is none, and a bill of materials beside.
    let ended = story.run(&["inspect", &story.name(&format!("@{}", images[1]))]);
    assert!(
        ended.code == 0 && ended.out.contains("3 attestations read") && ended.err.contains("1 attached"),
        "{ended:?}"
    );
    // Files and images together.
    story.world.write("one.json", bundle(&statement(&images[0], SPDX, "{}")));
    let both = story.run(&["inspect", "one.json", &image]);
    assert!(both.code == 0 && both.out.contains("2 attestations read"), "{both:?}");
}

#[test]
fn too_much_is_refused_and_a_thousand_is_not() {
    let story = Story::new(Options::default());
    let image = story.image();
    let layer = story.registry.put_blob(REPO, b"x");
    let config = story.registry.put_blob(REPO, b"{}");
    let attach = |n: usize| {
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": "x/y",
            "config": {"mediaType": EMPTY, "digest": config, "size": 2},
            "layers": [{"mediaType": "x/y", "digest": layer, "size": 1}],
            "subject": {"mediaType": MANIFEST, "digest": image, "size": 7}, "annotations": {"n": n.to_string()}});
        story.registry.put_manifest(REPO, None, MANIFEST, manifest.to_string().as_bytes());
    };
    (0..1000).for_each(attach);
    let ended = story.run(&["inspect", &story.name(&format!("@{image}"))]);
    assert!(ended.code == 0 && ended.err.contains("1000 attached"), "{ended:?}");
    assert!(story.download("attestation", &image, &[]).err.contains("attestation-missing"));
    attach(1000);
    for args in [&["tree"][..], &["inspect"], &["download", "attestation"]] {
        let ended = story.run(&[args, &[&story.name(&format!("@{image}"))]].concat());
        assert!(
            ended.code == 3 && ended.err.contains("image-too-large") && ended.out.is_empty(),
            "{args:?}: {ended:?}"
        );
    }
}

#[test]
fn a_tree_has_an_end() {
    let story = Story::new(Options::default());
    let (index, images) = story.registry.index(REPO, "v1");
    let layers: Vec<(&str, &[u8], Value)> = vec![("x/y", b"x", json!({})); 1000];
    for image in &images {
        [".att", ".sig", ".sbom"].iter().for_each(|ending| drop(story.tagged(image, ending, &layers)));
    }
    let ended = story.tree(&index, &[]);
    assert!(ended.code == 3 && ended.err.contains("image-too-large") && ended.out.is_empty(), "{ended:?}");
    let ended = story.tree(&index, &["--platform", "linux/arm64"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    // Indexes of indexes.
    let mut top = index;
    for _ in 0..5 {
        let size = story.registry.manifest(REPO, &top).unwrap().len();
        let text = json!({"schemaVersion": 2, "mediaType": INDEX,
            "manifests": [{"mediaType": INDEX, "digest": top, "size": size}, {"mediaType": INDEX, "digest": top, "size": size}]})
        .to_string();
        top = story.registry.put_manifest(REPO, None, INDEX, text.as_bytes());
    }
    let ended = story.tree(&top, &[]);
    assert!(ended.code == 0 && ended.err.contains("which is not shown"), "{ended:?}");
    assert_eq!(ended.out.matches("unread").count(), 4, "{}", ended.out);
}
