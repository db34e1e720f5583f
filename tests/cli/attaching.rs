//! Signing, attesting and attaching to images: in registries with and without a list of referrers, and in layouts.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;

use sealmark::formats::base64;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::oci;
use sealmark::store::measure::Hold;
use sealmark::store::oci::evidence::AttachedContent;
use sealmark::store::oci::evidence::Legacy;
use sealmark::store::oci::evidence::Look;
use sealmark::store::oci::evidence::evidence;
use sealmark::store::oci::layout::LayoutFolder;
use serde_json::Value;
use serde_json::json;

use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::SERVICES;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SIGN: &str = "https://sigstore.dev/cosign/sign/v1";
const SBOM: &str = "{\"bomFormat\" : \"CycloneDX\", \"specVersion\": \"1.6\", \"n\": 1.0}\n";
const SBOM_FLAGS: [&str; 6] = ["--key", "k.key", "--predicate", "sbom.json", "--type", "cyclonedx"];

/// A registry with an image in it, a key, and a predicate.
struct Story {
    world: World,
    registry: RegistryServer,
    image: String,
}

/// Registries with a list of referrers, and without.
fn kinds() -> [Options; 2] {
    let without = Options { referrers: ReferrersApi::Refused(404), subject_header: false, ..Options::default() };
    [Options::default(), without]
}

impl Story {
    fn new(options: Options) -> Self {
        let registry = RegistryServer::start(options);
        let image = registry.image("acme/app", "v1");
        let world = World::new();
        world.write("sbom.json", SBOM);
        let ended = world.run(&["key", "generate", "--output", "k", "--plain"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        Self { world, registry, image }
    }

    fn name(&self, tail: &str) -> String {
        format!("{}/acme/app{tail}", self.registry.host())
    }

    fn pinned(&self) -> String {
        self.name(&format!("@{}", self.image))
    }

    fn run(&self, args: &[&str]) -> Ended {
        let mut command = self.world.command(args);
        command.env("HOME", self.world.path("home"));
        ended(command, args)
    }

    fn good(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended
    }

    /// It ends so, with this code, and nothing was sent to the registry.
    fn refused(&self, args: &[&str], exit: i32, code: &str) {
        let ended = self.run(args);
        assert!(ended.code == exit && ended.err.contains(&format!("error    {code} ")), "{args:?}: {ended:?}");
        assert_eq!(self.writes(), 0, "{args:?}");
    }

    fn json(&self, args: &[&str]) -> Value {
        let ended = self.good(&[args, &["--format", "json"]].concat());
        let report = serde_json::from_str(&ended.out).unwrap();
        crate::world::valid(&report, "attached-v1");
        report
    }

    /// Requests that change something.
    fn writes(&self) -> usize {
        let asked = self.registry.requests();
        asked.iter().filter(|(method, ..)| method != "GET" && method != "HEAD").count()
    }

    fn manifest(&self, reference: &str) -> Value {
        let bytes = self.registry.manifest("acme/app", reference).unwrap_or_else(|| panic!("no {reference}"));
        serde_json::from_slice(&bytes).unwrap()
    }

    fn blob(&self, item: &Value) -> Vec<u8> {
        self.registry.blob("acme/app", item["digest"].as_str().unwrap()).unwrap()
    }

    /// The payload of the bundle that a manifest holds.
    fn payload(&self, manifest: &str) -> String {
        let bundle: Value = serde_json::from_slice(&self.blob(&self.manifest(manifest)["layers"][0])).unwrap();
        payload(&bundle)
    }
}

fn payload(bundle: &Value) -> String {
    let text = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    String::from_utf8(base64::decode(text).unwrap()).unwrap()
}

/// The last line of what was said, as words; the program's name is the first.
fn check_it(ended: &Ended) -> Vec<String> {
    let line = ended.out.lines().find_map(|line| line.trim().strip_prefix("check it   ")).unwrap();
    line.split(' ').skip(1).map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn a_signature_is_a_referrer_field_by_field() {
    for options in kinds() {
        let story = Story::new(options.clone());
        let report = story.json(&["sign", &story.name(":v1"), "--key", "k.key", "-a", "b=2", "-a", "a=1"]);
        assert_eq!((&report["complete"], report["results"].as_array().unwrap().len()), (&json!(true), 1));
        let result = &report["results"][0];
        let expected = [story.pinned(), story.image.clone(), "referrer".to_owned(), SIGN.to_owned(), "key".to_owned()];
        let found = ["/image", "/digest", "/form", "/predicateType", "/signer/kind"];
        assert_eq!(found.map(|field| result.pointer(field).unwrap().as_str().unwrap().to_owned()), expected);
        let attached = result["attached"].as_str().unwrap();
        let manifest = story.manifest(attached);
        let image = story.registry.manifest("acme/app", &story.image).unwrap();
        let layer = &manifest["layers"][0];
        let bytes = story.blob(layer);
        let expected = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": BUNDLE,
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "size": 2,
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "artifactType": BUNDLE,
            },
            "layers": [{
                "mediaType": BUNDLE, "size": bytes.len(), "digest": layer["digest"], "data": base64::encode(&bytes),
            }],
            "subject": {
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "size": image.len(),
                "digest": story.image,
            },
            "annotations": {
                "org.opencontainers.image.created": manifest["annotations"]["org.opencontainers.image.created"],
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": SIGN,
            },
        });
        assert_eq!(manifest, expected);
        let created = manifest["annotations"]["org.opencontainers.image.created"].as_str().unwrap();
        assert!(created.parse::<jiff::Timestamp>().is_ok() && created.ends_with('Z'), "{created}");
        let hex = story.image.strip_prefix("sha256:").unwrap();
        let subject = format!(r#"{{"digest":{{"sha256":"{hex}"}},"annotations":{{"a":"1","b":"2"}}}}"#);
        let statement = format!(
            r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{subject}],"predicateType":"{SIGN}","predicate":{{}}}}"#
        );
        assert_eq!(story.payload(attached), statement);
        let fallback = story.registry.manifest("acme/app", &story.image.replace(':', "-"));
        assert_eq!(fallback.is_some(), options.referrers != ReferrersApi::Present);
        if let Some(index) = fallback {
            let index: Value = serde_json::from_slice(&index).unwrap();
            assert_eq!(
                (&index["manifests"][0]["digest"], &index["manifests"][0]["artifactType"]),
                (&json!(attached), &json!(BUNDLE))
            );
        }
    }
}

#[test]
fn a_tag_is_resolved_once_and_a_digest_is_not_warned_of() {
    let story = Story::new(Options::default());
    let ended = story.good(&["sign", &story.name(":v1"), "--key", "k.key"]);
    assert_eq!(check_it(&ended), ["verify", &story.pinned(), "--type", "signature", "--key", "k.pub"]);
    assert!(ended.err.contains("warning  ") && ended.err.contains(&story.image), "{ended:?}");
    let asked = story.registry.requests().iter().filter(|(_, path, _)| path.ends_with("/manifests/v1")).count();
    assert_eq!(asked, 1);
    for name in [story.pinned(), story.name(&format!(":v1@{}", story.image))] {
        let ended = story.good(&["sign", &name, "--key", "k.key"]);
        assert_eq!(ended.err, "", "{ended:?}");
    }
}

#[test]
fn an_attested_image_is_verified_as_the_last_line_says() {
    for options in kinds() {
        let story = Story::new(options);
        let told = story.good(&[&["attest", &story.name(":v1")], &SBOM_FLAGS[..]].concat());
        let words = check_it(&told);
        assert_eq!(words[1], story.pinned());
        story.good(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let report = story.json(&[&["attest", &story.pinned()], &SBOM_FLAGS[..]].concat());
        let attached = report["results"][0]["attached"].as_str().unwrap();
        let statement = story.payload(attached);
        assert!(statement.ends_with(&format!("\"predicate\":{}}}", SBOM.trim())), "{statement}");
        let value: Value = serde_json::from_str(&statement).unwrap();
        assert_eq!(value["subject"][0]["name"], story.name(""));
        let provenance = ["attest", &story.pinned(), "--key", "k.key", "--no-source", "--platform", "local"];
        let told = story.good(&provenance);
        assert!(told.out.contains("  level  "), "{told:?}");
        let words = check_it(&told);
        story.good(&words.iter().map(String::as_str).collect::<Vec<_>>());
        // Another type is not what was asked for.
        let other = story.run(&["verify", &story.pinned(), "--key", "k.pub", "--type", "vuln"]);
        assert_eq!(other.code, 1, "{other:?}");
    }
}

#[test]
fn an_index_and_its_platforms_are_signed_children_first() {
    let story = Story::new(Options::default());
    let (index, children) = story.registry.index("acme/app", "multi");
    let name = story.name(&format!("@{index}"));
    let ended = story.good(&["sign", &name, "--key", "k.key"]);
    assert!(ended.err.contains("an index of 2 manifests") && ended.err.contains("--recursive"), "{ended:?}");
    assert_eq!(ended.out.matches("  attached   ").count(), 1);
    for command in [vec!["sign", &name, "--key", "k.key"], [&["attest", &name], &SBOM_FLAGS[..]].concat()] {
        let report = story.json(&[&command[..], &["--recursive"]].concat());
        let found: Vec<&str> =
            report["results"].as_array().unwrap().iter().map(|one| one["digest"].as_str().unwrap()).collect();
        assert_eq!(found, [children[0].as_str(), &children[1], &index]);
        for result in report["results"].as_array().unwrap() {
            let subject = &story.manifest(result["attached"].as_str().unwrap())["subject"];
            assert_eq!(subject["digest"], result["digest"]);
        }
    }
    for digest in [&index, &children[0], &children[1]] {
        story.good(&["verify", &story.name(&format!("@{digest}")), "--key", "k.pub", "--type", "cyclonedx"]);
    }
}

#[test]
fn indexes_in_indexes_are_followed_so_far() {
    let story = Story::new(Options::default());
    let media_type = "application/vnd.oci.image.index.v1+json";
    let (mut digest, _) = story.registry.index("acme/app", "multi");
    for (level, exit) in [(1, 0), (2, 0), (3, 0), (4, 3)] {
        let size = story.registry.manifest("acme/app", &digest).unwrap().len();
        let text = json!({"schemaVersion": 2, "mediaType": media_type, "annotations": {"level": level.to_string()},
            "manifests": [{"mediaType": media_type, "digest": digest, "size": size}]});
        digest = story.registry.put_manifest("acme/app", None, media_type, text.to_string().as_bytes());
        let name = story.name(&format!("@{digest}"));
        let ended = story.run(&["sign", &name, "--key", "k.key", "--recursive"]);
        assert_eq!(ended.code, exit, "{level}: {ended:?}");
        assert!(exit == 0 || ended.err.contains("image-too-large"), "{level}: {ended:?}");
    }
}

#[test]
fn the_forms_before_bundles_are_written_and_read_back() {
    let story = Story::new(Options::default());
    let tag = story.image.replace(':', "-");
    let sign = ["sign", &story.pinned(), "--key", "k.key", "--legacy", "-a", "a=1"];
    let report = story.json(&sign);
    assert_eq!(
        (&report["results"][0]["form"], report["results"][0].get("predicateType")),
        (&json!("legacy-tag"), None)
    );
    let manifest = story.manifest(&format!("{tag}.sig"));
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.dev.cosign.simplesigning.v1+json");
    let text = format!(
        r#"{{"critical":{{"identity":{{"docker-reference":"{}"}},"image":{{"docker-manifest-digest":"{}"}},"type":"cosign container image signature"}},"optional":{{"a":"1"}}}}"#,
        story.name(""),
        story.image
    );
    assert_eq!(String::from_utf8(story.blob(layer)).unwrap(), text);
    assert!(layer["annotations"]["dev.cosignproject.cosign/signature"].as_str().unwrap().len() > 60);
    // The key signs otherwise each time, and its signature stands there already.
    assert_eq!(story.json(&sign)["results"], report["results"]);
    assert_eq!(story.manifest(&format!("{tag}.sig")), manifest);
    let pinned = story.pinned();
    let attest = [&["attest", &pinned], &SBOM_FLAGS[..], &["--legacy"]].concat();
    story.good(&attest);
    let manifest = story.manifest(&format!("{tag}.att"));
    let layer = &manifest["layers"][0];
    assert_eq!(layer["mediaType"], "application/vnd.dsse.envelope.v1+json");
    assert_eq!(layer["annotations"]["predicateType"], "https://cyclonedx.org/bom");
    assert_eq!(layer["annotations"]["dev.cosignproject.cosign/signature"], "");
    let envelope: Value = serde_json::from_slice(&story.blob(layer)).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    story.good(&["verify", &story.pinned(), "--key", "k.pub", "--type", "cyclonedx"]);
}

/// Writes an image of the registry as a layout, and gives how it is named.
fn layout(story: &Story) -> String {
    let folder = story.world.path("out");
    fs::create_dir_all(folder.join("blobs/sha256")).unwrap();
    let manifest = story.registry.manifest("acme/app", &story.image).unwrap();
    let write = |digest: &str, bytes: &[u8]| {
        fs::write(folder.join("blobs/sha256").join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
    };
    write(&story.image, &manifest);
    let value: Value = serde_json::from_slice(&manifest).unwrap();
    for item in [&value["config"], &value["layers"][0]] {
        write(item["digest"].as_str().unwrap(), &story.blob(item));
    }
    let item = json!({"mediaType": value["mediaType"], "digest": story.image, "size": manifest.len()});
    let index = json!({"schemaVersion": 2, "manifests": [item]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    "oci-layout:out".to_owned()
}

#[test]
fn layouts_are_signed_and_attested_without_a_registry() {
    let story = Story::new(Options::default());
    let name = layout(&story);
    let told = story.good(&[&["attest", &name], &SBOM_FLAGS[..]].concat());
    let words = check_it(&told);
    assert_eq!(words[1], format!("{name}@{}", story.image));
    story.good(&words.iter().map(String::as_str).collect::<Vec<_>>());
    for flags in [&["--legacy"][..], &[]] {
        story.good(&[&["sign", &name, "--key", "k.key"], flags].concat());
    }
    let place = LayoutFolder::open(&story.world.path("out")).unwrap();
    let image = oci::digest(&story.image).unwrap();
    let found = evidence(&place, &image, Look { legacy: Legacy::Also, hold: Hold::Short }, NonZeroUsize::MIN).unwrap();
    let mut kinds: Vec<&str> = found
        .attached
        .iter()
        .map(|one| match &one.content {
            AttachedContent::Attestation(Ok(_)) => one.predicate_type.as_deref().unwrap(),
            AttachedContent::Signature(Ok(_)) => "signature",
            other => panic!("{other:?}"),
        })
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["https://cyclonedx.org/bom", SIGN, "signature"]);
    assert!(story.registry.requests().is_empty());
}

#[test]
fn what_exists_is_attached_where_it_belongs() {
    for options in kinds() {
        let story = Story::new(options);
        let other = story.registry.image("acme/app", "other");
        let attest = |image: &str, more: &[&str]| {
            story.good(&[&["attest", &story.name(&format!("@{image}"))], &SBOM_FLAGS[..], more].concat())
        };
        attest(&story.image, &["--output", "b.json"]);
        attest(&story.image, &["--output", "e.json", "--output-format", "envelope"]);
        for image in [&story.image, &story.image, &other] {
            attest(image, &["--output", "l.jsonl", "--output-format", "jsonl"]);
        }
        story.good(&["sign", "sbom.json", "--key", "k.key"]);
        // A file that is written asks no registry.
        assert!(story.registry.requests().is_empty());
        let attach = |file: &'static str| ["attach", "IMAGE", "--bundle", file].map(str::to_owned);
        let to = |args: [String; 4], more: &[&str]| -> Vec<String> {
            let [command, _, flag, file] = args;
            [command, story.pinned(), flag, file].into_iter().chain(more.iter().map(|one| (*one).to_owned())).collect()
        };
        let words = |args: &[String]| args.iter().map(String::as_str).map(str::to_owned).collect::<Vec<_>>();
        let refused = |args: Vec<String>, code: &str| {
            story.refused(&words(&args).iter().map(String::as_str).collect::<Vec<_>>(), 2, code);
        };
        refused(to(attach("e.json"), &[]), "attach-needs-bundle");
        refused(to(attach("sbom.json.sigstore.json"), &[]), "not-an-attestation");
        refused(to(attach("l.jsonl"), &[]), "subject-not-in-statement");
        refused(to(attach("sbom.json"), &[]), "not-an-attestation");
        let of_type =
            fs::read_to_string(story.world.path("b.json")).unwrap().replace("vnd.in-toto+json", "vnd.other+json");
        story.world.write("other.json", of_type);
        refused(to(attach("other.json"), &[]), "not-an-attestation");
        let moved = story.name(":other");
        story.refused(&["attach", &moved, "--bundle", "b.json"], 2, "subject-not-in-statement");
        let report = story.json(&["attach", &story.name(":v1"), "--bundle", "b.json"]);
        let attached = report["results"][0]["attached"].as_str().unwrap().to_owned();
        assert_eq!(report["results"][0].get("signer"), None);
        let bytes = fs::read(story.world.path("b.json")).unwrap();
        assert_eq!(story.blob(&story.manifest(&attached)["layers"][0]), bytes.trim_ascii());
        story.good(&["verify", &story.pinned(), "--key", "k.pub", "--type", "cyclonedx"]);
        let before = story.writes();
        let again = story.json(&["attach", &story.pinned(), "--bundle", "b.json"]);
        assert_eq!((&again["results"][0]["attached"], story.writes()), (&json!(attached), before));
        let lines = fs::read_to_string(story.world.path("l.jsonl")).unwrap();
        story.world.write("two.jsonl", lines.lines().take(2).collect::<Vec<_>>().join("\n"));
        let both = story.json(&["attach", &story.pinned(), "--bundle", "two.jsonl"]);
        assert_eq!(both["results"].as_array().unwrap().len(), 2);
        story.good(&["attach", &story.pinned(), "--bundle", "e.json", "--legacy"]);
        let legacy = story.manifest(&format!("{}.att", story.image.replace(':', "-")));
        assert_eq!(legacy["layers"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn a_fault_at_any_request_attaches_nothing() {
    let parts = [
        ("GET", "/manifests/"),
        ("HEAD", "/blobs/"),
        ("POST", "/blobs/uploads/"),
        ("PUT", "/blobs/uploads/"),
        ("PUT", "/manifests/"),
    ];
    let faults = [(Fault::Status(403, None), "registry-denied"), (Fault::Status(500, None), "registry-unavailable")];
    let options = Options { single_post: false, ..Options::default() };
    for (method, part) in parts {
        for (fault, code) in &faults {
            for legacy in [&["--legacy"][..], &[]] {
                let story = Story::new(options.clone());
                story.registry.fault(method, part, 100, fault.clone());
                let pinned = story.pinned();
                let args = [&["sign", &pinned, "--key", "k.key", "--registry-timeout", "2"], legacy].concat();
                let ended = story.run(&args);
                let met = story.registry.requests().iter().any(|(one, path, _)| one == method && path.contains(part));
                assert!(met || method == "PUT", "{method} {part} is never asked");
                if !met {
                    continue;
                }
                assert!(ended.code == 3 && ended.err.contains(code), "{method} {part} {legacy:?}: {ended:?}");
                story.registry.heal();
                let tag = story.image.replace(':', "-");
                assert_eq!(story.registry.tags("acme/app"), ["v1"], "{method} {part}");
                assert!(story.registry.manifest("acme/app", &tag).is_none());
                let found = story.run(&["verify", &story.pinned(), "--key", "k.pub", "--type", "cyclonedx"]);
                assert!(found.code == 1 && found.out.contains("no attestation found"), "{method} {part}: {found:?}");
            }
        }
    }
}

#[test]
fn a_failure_in_the_middle_says_what_is_attached() {
    let story = Story::new(Options::default());
    let other = story.registry.image("acme/other", "v1");
    let second = format!("{}/acme/other@{other}", story.registry.host());
    story.registry.fault("PUT", "/acme/other/manifests/", 100, Fault::Status(403, None));
    let args = ["sign", &story.pinned(), &second, "--key", "k.key"];
    let ended = story.run(&args);
    assert!(ended.code == 3 && ended.err.contains("error    registry-denied "), "{ended:?}");
    assert!(ended.err.contains("1 of 2 were attached"), "{ended:?}");
    assert!(ended.out.contains(&format!("  attached   {} as sha256:", story.pinned())), "{ended:?}");
    assert!(ended.out.contains(&format!("  not attached  {second}\n")), "{ended:?}");
    let ended = story.run(&[&args[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!((ended.code, &report["complete"], report["results"][1].get("attached")), (3, &json!(false), None));
}

#[test]
fn usage_errors_come_before_everything() {
    let story = Story::new(Options::default());
    let pinned = story.pinned();
    let sbom = |more: &[&'static str]| [&["attest"], &SBOM_FLAGS[..], more].concat();
    let with = |args: Vec<&str>, subjects: &[&str], code: &str| {
        story.refused(&[&args[..], subjects].concat(), 2, code);
        assert!(story.registry.requests().is_empty(), "{args:?}");
    };
    with(sbom(&[]), &[&pinned, "app.tar.gz"], "subjects-mixed");
    with(vec!["sign", "--key", "k.key"], &[&pinned, "app.tar.gz"], "subjects-mixed");
    with(sbom(&["--legacy"]), &["app.tar.gz"], "flag-needs-image");
    with(sbom(&["--recursive", "--output", "o"]), &[&pinned], "flag-needs-image");
    with(vec!["sign", "--key", "k.key", "--recursive"], &["app.tar.gz"], "flag-needs-image");
    with(vec!["sign", "--key", "k.key", "-a", "a=1"], &["app.tar.gz"], "flag-needs-image");
    with(vec!["sign", "--key", "k.key", "-a", "a=1", "-a", "a=2"], &[&pinned], "annotation-repeated");
    with(vec!["sign", "--key", "k.key"], &["oci-archive:app.tar"], "image-place-read-only");
    with(sbom(&[]), &["docker-archive:app.tar"], "image-place-read-only");
    with(vec!["attach", "--bundle", "sbom.json"], &["oci-archive:app.tar"], "image-place-read-only");
    with(sbom(&["--output-format", "envelope"]), &[&pinned], "output-conflict");
    with(sbom(&["--each-platform"]), &[&pinned], "output-conflict");
    with(vec!["sign", "--key", "k.key", "--legacy", "--output", "o"], &[&pinned], "output-conflict");
    with(
        vec!["sign", "--key", "k.key"],
        &["sha256:0000000000000000000000000000000000000000000000000000000000000000"],
        "signature-not-of-file",
    );
    // Every image is resolved before anything is signed.
    story.refused(&["sign", &pinned, &story.name(":none"), "--key", "k.key"], 3, "image-missing");
    story.refused(&["sign", &pinned, "--key", "none.key"], 2, "file-not-found");
}

#[test]
fn a_predicate_of_another_shape_is_not_signed() {
    let story = Story::new(Options::default());
    let spdx = r#"{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"n","creationInfo":{}}"#;
    let rows: [(&str, &str, &str); 12] = [
        ("spdxjson", SBOM, "/spdxVersion"),
        ("spdxjson", "SPDXVersion: SPDX-2.3\nDataLicense: CC0-1.0\n", "convert it to JSON"),
        ("https://spdx.dev/Document/v2.3", SBOM, "--type cyclonedx"),
        ("cyclonedx", spdx, "--type spdxjson"),
        ("cyclonedx", "<bom/>", "in XML"),
        (
            "vuln",
            r#"{"scanner":{"uri":"u","result":{}},"invocation":{},"metadata":{"scanStartedOn":"now"}}"#,
            "/metadata/scanStartedOn",
        ),
        (
            "openvex",
            r#"{"@context":"https://openvex.dev/ns/v0.2.0","@id":"i","author":"a","timestamp":"2026-01-02T03:04:05Z","version":1,"statements":[{"vulnerability":{},"status":"gone"}]}"#,
            "/statements/0/status",
        ),
        ("slsaprovenance1", "{}", "/buildDefinition"),
        ("slsaprovenance", "{}", "/builder/id"),
        ("slsaprovenance02", r#"{"builder":{"id":"https://b"}}"#, "/buildType"),
        ("link", "{}", "/name"),
        ("vsa", "{}", "/verifier/id"),
    ];
    for (word, text, said) in rows {
        story.world.write("p.json", text);
        let args = ["attest", &story.pinned(), "--key", "k.key", "--predicate", "p.json", "--type", word];
        let ended = story.run(&args);
        assert!(ended.code == 2 && ended.err.contains("error    predicate-shape "), "{word}: {ended:?}");
        assert!(ended.err.contains(said), "{word}: {ended:?}");
        assert_eq!(story.writes(), 0, "{word}");
    }
    story.world.write("p.json", spdx);
    story.good(&["attest", &story.pinned(), "--key", "k.key", "--predicate", "p.json", "--type", "spdxjson"]);
    story.world.write("p.json", "{\"x\":1}");
    story.good(&["attest", &story.pinned(), "--key", "k.key", "--predicate", "p.json", "--type", "custom"]);
}

#[test]
fn an_output_is_written_in_place_of_attaching_or_beside_it() {
    let story = Story::new(Options::default());
    let sign = ["sign", &story.name(":v1"), "--key", "k.key", "--output", "s.json"];
    story.good(&sign);
    assert_eq!(story.writes(), 0);
    let bundle: Value = serde_json::from_slice(&fs::read(story.world.path("s.json")).unwrap()).unwrap();
    assert!(payload(&bundle).contains(SIGN));
    story.refused(&sign, 2, "file-exists");
    story.good(&[&sign[..], &["--force", "--attach"]].concat());
    assert!(story.writes() > 0);
    let pinned = story.pinned();
    let attest = [&["attest", &pinned], &SBOM_FLAGS[..], &["--output", "a.json", "--attach"]].concat();
    let told = story.good(&attest);
    assert!(told.out.contains("  written    a.json\n") && told.out.contains("  attached   "), "{told:?}");
    story.good(&["verify", &story.pinned(), "--key", "k.pub", "--type", "cyclonedx"]);
    story.good(&["verify", &story.pinned(), "--key", "k.pub", "--type", "cyclonedx", "--bundle", "a.json"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let story = Story::new(Options::default());
    let tagged = story.name(":v1");
    let rows: [&[&str]; 3] = [
        &["sign", &tagged, "--key", "k.key"],
        &["sign", &tagged, "--key", "k.key", "--legacy"],
        &[&["attest", &tagged], &SBOM_FLAGS[..]].concat(),
    ];
    for args in rows {
        let ended = story.good(&[args, &["--dry-run"]].concat());
        assert!(ended.err.contains(&format!("would attach to  {}", story.pinned())), "{ended:?}");
        assert!(ended.err.contains("would send   nothing") && ended.out.contains(&story.image[7..]), "{ended:?}");
        assert_eq!(story.writes(), 0);
    }
    let ended = story.good(&["sign", "app.tar.gz", "--key", "k.key", "--dry-run"]);
    assert!(
        ended.out.contains("would sign  app.tar.gz") && ended.err.contains("app.tar.gz.sigstore.json"),
        "{ended:?}"
    );
    assert!(!story.world.path("app.tar.gz.sigstore.json").exists());
}

#[test]
fn files_have_their_signature_beside_them() {
    let story = Story::new(Options::default());
    let told = story.good(&["sign", "app.tar.gz", "--key", "k.key"]);
    assert_eq!(check_it(&told), ["verify", "app.tar.gz", "--type", "signature", "--key", "k.pub"]);
    let read = |path: &Path| Bundle::from_json(serde_json::from_slice(&fs::read(path).unwrap()).unwrap()).unwrap();
    let bundle = read(&story.world.path("app.tar.gz.sigstore.json"));
    let Content::Message { digest: Some((algorithm, _)), .. } = bundle.content else { panic!("{bundle:?}") };
    assert_eq!(algorithm, "SHA2_256");
    story.refused(&["sign", "app.tar.gz", "--key", "k.key"], 2, "file-exists");
    story.good(&["sign", "app.tar.gz", "--key", "k.key", "--output", "o.json"]);
    story.refused(&["sign", "app.tar.gz", "--key", "k.key", "--output", "app.tar.gz", "--force"], 2, "output-is-input");
    story.refused(&["sign", "app.tar.gz", "--key", "k.key", "--output", "k.key", "--force"], 2, "output-is-input");
    story.refused(&["sign", "app.tar.gz", "sbom.json", "--key", "k.key", "--output", "p"], 2, "output-conflict");
    fs::create_dir(story.world.path("dist")).unwrap();
    story.world.write("dist/a", "a");
    story.world.write("dist/b", "b");
    story.good(&["sign", "dist", "--key", "k.key"]);
    let ended = story.good(&["sign", "dist", "--key", "k.key", "--force"]);
    assert!(ended.err.contains("dist/a.sigstore.json is a signature beside its file"), "{ended:?}");
    assert_eq!(fs::read_dir(story.world.path("dist")).unwrap().count(), 4);
}

/// What every kind of key signs, `verify` believes by that key alone, and by no other of its kind.
#[test]
fn every_kind_of_key_signs_what_can_be_verified() {
    for (kind, algorithm) in [("p256", Some("SHA2_256")), ("p384", Some("SHA2_384")), ("ed25519", None)] {
        let story = Story::new(Options::default());
        for name in ["own", "other"] {
            story.good(&["key", "generate", "--output", name, "--plain", "--kind", kind]);
        }
        let judge = |subject: &str, key: &str| story.run(&["verify", subject, "--type", "signature", "--key", key]);
        let file = ["sign", "app.tar.gz", "--key", "own.key"];
        match algorithm {
            None => {
                story.refused(&file, 2, "key-signs-no-digest");
                assert!(!story.world.path("app.tar.gz.sigstore.json").exists());
            }
            Some(algorithm) => {
                story.good(&file);
                let text = fs::read(story.world.path("app.tar.gz.sigstore.json")).unwrap();
                let bundle: Value = serde_json::from_slice(&text).unwrap();
                assert_eq!(bundle["messageSignature"]["messageDigest"]["algorithm"], algorithm);
                assert_eq!(judge("app.tar.gz", "own.pub").code, 0, "{kind}");
                assert_eq!(judge("app.tar.gz", "other.pub").code, 1, "{kind}");
                let before = fs::read(story.world.path("app.tar.gz")).unwrap();
                story.world.write("app.tar.gz", "other bytes");
                assert_eq!(judge("app.tar.gz", "own.pub").code, 1, "{kind}");
                story.world.write("app.tar.gz", before);
            }
        }
        for form in [&["--legacy"][..], &[]] {
            let story = Story::new(Options::default());
            story.good(&["key", "generate", "--output", "own", "--plain", "--kind", kind]);
            story.good(&["key", "generate", "--output", "other", "--plain", "--kind", kind]);
            story.good(&[&["sign", &story.pinned(), "--key", "own.key"], form].concat());
            let judge = |key| story.run(&["verify", &story.pinned(), "--type", "signature", "--key", key]).code;
            assert_eq!((judge("own.pub"), judge("other.pub")), (0, 1), "{kind} {form:?}");
        }
    }
}

/// A file is signed by its digest and never held in memory: one of 1.25 GiB, a hole, in a process that may have 512 MiB.
#[test]
#[cfg(target_os = "linux")]
fn a_file_of_any_size_is_signed() {
    let story = Story::new(Options::default());
    let file = fs::File::create(story.world.path("large.img")).unwrap();
    file.set_len(5 << 28).unwrap();
    let inner = story.world.command(&["sign", "large.img", "--key", "k.key"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "ulimit -v 524288 && exec \"$@\"", "sh"]).arg(inner.get_program()).args(inner.get_args());
    limited.current_dir(inner.get_current_dir().unwrap());
    let signed = ended(limited, &["sign", "large.img"]);
    assert_eq!(signed.code, 0, "{signed:?}");
    story.good(&["verify", "large.img", "--type", "signature", "--key", "k.pub"]);
}

/// Signs without a key; `log` is the version of the log.
fn keyless(story: &Story, server: &SigstoreServer, log: &str, args: &[&str]) -> Ended {
    let (url, stamps) = (server.url(), server.timestamp_url());
    let services = ["--fulcio-url", &url, "--timestamp-url", &stamps, "--rekor-url", &url, "--rekor-version", log];
    let args = [args, &services, &["--trust", "server.json", "--timeout", "5"]].concat();
    let mut command = story.world.command(&args);
    command.env("HOME", story.world.path("home"));
    command.env("SIGSTORE_ID_TOKEN", server.token(&tokens::github(&GitHub::default())));
    ended(command, &args)
}

#[test]
fn without_a_key_images_are_signed_and_attested_alike() {
    let server = SigstoreServer::start("attaching", Instance::Public);
    let story = Story::new(Options::default());
    story.world.write("server.json", server.trusted_root().to_string());
    let (pinned, tag) = (story.pinned(), story.image.replace(':', "-"));
    let asked = || SERVICES.map(|service| server.count(service)).iter().sum::<usize>();
    let predicate = ["--predicate", "sbom.json", "--type", "cyclonedx"];
    // What a layer cannot hold is refused before anybody is asked.
    for args in [vec!["sign", &pinned, "--legacy"], [&["attest", &pinned, "--legacy"], &predicate[..]].concat()] {
        let ended = keyless(&story, &server, "2", &args);
        assert!(ended.code == 2 && ended.err.contains("error    json-field-missing "), "{ended:?}");
        assert_eq!((asked(), story.writes()), (0, 0));
    }
    let signed = keyless(&story, &server, "1", &["sign", &pinned, "--format", "json"]);
    assert_eq!(signed.code, 0, "{signed:?}");
    let report: Value = serde_json::from_str(&signed.out).unwrap();
    assert_eq!(report["results"][0]["signer"]["identity"], GitHub::default().signer_uri());
    let told = keyless(&story, &server, "1", &[&["attest", &pinned], &predicate[..]].concat());
    assert_eq!(told.code, 0, "{told:?}");
    let words = check_it(&told);
    story.good(&words.iter().map(String::as_str).collect::<Vec<_>>());
    for args in [vec!["sign", &pinned, "--legacy"], [&["attest", &pinned, "--legacy"], &predicate[..]].concat()] {
        let ended = keyless(&story, &server, "1", &args);
        assert_eq!(ended.code, 0, "{ended:?}");
    }
    for (ending, kind) in [("sig", "hashedrekord"), ("att", "dsse")] {
        let layer = story.manifest(&format!("{tag}.{ending}"))["layers"][0].clone();
        let annotations = &layer["annotations"];
        assert!(annotations["dev.sigstore.cosign/certificate"].as_str().unwrap().starts_with("-----BEGIN CERT"));
        let entry: Value = serde_json::from_str(annotations["dev.sigstore.cosign/bundle"].as_str().unwrap()).unwrap();
        assert!(!entry["SignedEntryTimestamp"].as_str().unwrap().is_empty());
        let body = base64::decode(entry["Payload"]["body"].as_str().unwrap()).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["kind"], kind);
    }
    let file = keyless(&story, &server, "2", &["sign", "app.tar.gz"]);
    assert_eq!(file.code, 0, "{file:?}");
    // A dry run asks nobody public.
    let before = asked();
    let dry = keyless(&story, &server, "1", &["sign", &pinned, "--dry-run"]);
    assert!(dry.code == 0 && dry.err.contains("would send   1 signatures"), "{dry:?}");
    assert_eq!(asked(), before);
}
