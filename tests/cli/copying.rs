//! Images on the move: through a network without internet, past a killed program, and with everything that belongs to them.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;

use crate::support::real_registry::RealRegistry;
use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;
use crate::support::registry_server::content;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;
use crate::world::valid;

const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const SOURCE: [&str; 6] = ["--trust", "root.json", "--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];
const REPO: &str = "acme/app";
const TAG: &str = "v1.4.2";

/// A registry with an attested image in it.
struct Story {
    world: World,
    registry: RegistryServer,
    image: String,
    attestation: String,
}

impl Story {
    fn new() -> Self {
        let (world, registry) = (World::new(), RegistryServer::start(Options::default()));
        let image = registry.image(REPO, TAG);
        let hex = image.strip_prefix("sha256:").unwrap();
        let subjects = json!([{"name": REPO, "digest": {"sha256": hex}}]);
        let bundle = world.sigstore.mint(&world.sigstore.spec_of(&subjects, &GitHub::default()));
        let attestation = registry.referrer(REPO, &image, BUNDLE, bundle.to_string().as_bytes());
        Self { world, registry, image, attestation }
    }

    fn name(&self, tail: &str) -> String {
        name(&self.registry, tail)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        // No credentials of whoever runs the tests.
        command.env("HOME", self.world.path("home")).env_remove("DOCKER_CONFIG");
        command
    }

    fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args), args)
    }

    fn copy(&self, from: &str, to: &str, args: &[&str]) -> Ended {
        self.run(&[&["copy", from, to, "--registry-timeout", "5"], args].concat())
    }

    fn verify(&self, image: &str) -> Ended {
        self.run(&[&["verify", image], &SOURCE[..]].concat())
    }
}

fn name(registry: &RegistryServer, tail: &str) -> String {
    format!("{}/{REPO}{tail}", registry.host())
}

/// A registry without the list of referrers.
fn plain() -> Options {
    Options { referrers: ReferrersApi::Refused(404), subject_header: false, ..Options::default() }
}

#[test]
fn the_air_gapped_path() {
    let story = Story::new();
    let copied = story.copy(&story.name(":v1.4.2"), "oci-layout:app", &[]);
    assert_eq!(copied.code, 0, "{copied:?}");
    assert!(copied.out.starts_with(&format!("copied   {}@{}\n", story.name(""), story.image)), "{copied:?}");
    assert!(copied.out.contains(&format!("oci-layout:app:v1.4.2@{}", story.image)), "{copied:?}");
    assert!(copied.out.contains("manifests  2 copied, 0 already there"), "{copied:?}");
    assert!(copied.out.contains(&format!("{}  referrer  {BUNDLE}", story.attestation)), "{copied:?}");
    assert!(copied.err.contains(&format!("is {} now", story.image)), "{copied:?}");
    story.registry.fault("", "", usize::MAX, Fault::Status(500, None));
    let verified = story.verify("oci-layout:app");
    assert_eq!(verified.code, 0, "{verified:?}");
    for options in [Options::default(), plain()] {
        let inside = RegistryServer::start(options);
        let copied = story.copy("oci-layout:app:v1.4.2", &name(&inside, ""), &["--format", "json"]);
        assert_eq!(copied.code, 0, "{copied:?}");
        let told: Value = serde_json::from_str(&copied.out).unwrap();
        valid(&told, "copied-v1");
        assert_eq!((&told["image"], &told["tag"], &told["dryRun"]), (&json!(story.image), &json!(TAG), &json!(false)));
        assert_eq!(told["manifests"], json!({"copied": 2, "present": 0}));
        assert_eq!(
            told["attached"],
            json!([{"manifest": story.attestation, "form": "layout-referrer", "subject": story.image, "artifactType": BUNDLE}])
        );
        assert_eq!(story.verify(&name(&inside, ":v1.4.2")).code, 0);
        // What has no tag where it comes from gets none, but for the one that is given.
        inside.reset_requests();
        assert_eq!(story.copy("oci-layout:app", &name(&inside, ""), &[]).code, 0);
        assert!(inside.requests().iter().all(|(method, _, _)| method != "PUT"), "{:?}", inside.requests());
        assert_eq!(story.copy("oci-layout:app", &name(&inside, ":stable"), &[]).code, 0);
        assert_eq!(inside.manifest(REPO, "stable"), inside.manifest(REPO, TAG));
        assert!(!inside.tags(REPO).contains(&"latest".to_owned()));
    }
}

#[test]
fn refusals_have_their_codes_and_exits() {
    let story = Story::new();
    let inside = RegistryServer::start(Options::default());
    inside.image(REPO, "taken");
    let (from, reserved) = (story.name(":v1.4.2"), format!(":{}", story.image.replace(':', "-")));
    let rows: [(&str, String, &[&str], i32, &str); 10] = [
        (&from, name(&inside, ":taken"), &[], 1, "copy-tag-taken"),
        (&from, name(&inside, &reserved), &[], 2, "copy-tag-reserved"),
        (&from, name(&inside, &format!("@{}", story.image)), &[], 2, "subject-image-invalid"),
        (&from, "oci-archive:app.tar".to_owned(), &[], 2, "image-place-read-only"),
        (&from, name(&inside, ":v1"), &["--platform", "linux"], 2, "linux/amd64"),
        (&from, name(&inside, ":v1"), &["--platform", "linux/riscv64"], 2, "image-platform-missing"),
        (&from, name(&inside, ":v1"), &["--only", "image", "--no-attached"], 2, "cannot be used with"),
        (&from, "oci-layout:app.tar.gz".to_owned(), &[], 3, "layout-missing"),
        ("oci-layout:nowhere", name(&inside, ":v1"), &[], 3, "layout-missing"),
        (&story.name(":none"), name(&inside, ":v1"), &[], 3, "image-missing"),
    ];
    for (from, to, args, exit, code) in rows {
        let ended = story.copy(from, &to, args);
        assert!(ended.code == exit && ended.err.contains(code), "{to} {args:?}: {ended:?}");
        assert_eq!(ended.out, "", "{to}");
    }
    assert_eq!(inside.tags(REPO), ["taken"]);
    let forced = story.copy(&from, &name(&inside, ":taken"), &["--force", "--only", "image"]);
    assert_eq!(forced.code, 0, "{forced:?}");
    assert_eq!(inside.manifest(REPO, "taken"), story.registry.manifest(REPO, TAG));
    assert_eq!(inside.manifest(REPO, &story.attestation), None);
    assert_eq!(story.copy(&from, &name(&inside, ":v1"), &["--only", "attestations"]).code, 0);
    assert!(inside.manifest(REPO, &story.attestation).is_some());
    for status in [401, 403] {
        inside.fault("", "/manifests/v2", 100, Fault::Status(status, None));
        let ended = story.copy(&from, &name(&inside, ":v2"), &[]);
        assert!(ended.code == 3 && ended.err.contains("registry-"), "{ended:?}");
    }
}

#[test]
fn a_dry_run_writes_nothing() {
    let story = Story::new();
    let inside = RegistryServer::start(Options::default());
    for to in ["oci-layout:new".to_owned(), name(&inside, "")] {
        let planned = story.copy(&story.name(":v1.4.2"), &to, &["--dry-run"]);
        assert!(planned.code == 0 && planned.out.contains("2 to copy"), "{planned:?}");
        let told = story.copy(&story.name(":v1.4.2"), &to, &["--dry-run", "--format", "json"]);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        valid(&told, "copied-v1");
        assert_eq!((&told["dryRun"], &told["blobs"]["copied"]), (&json!(true), &json!(4)));
    }
    assert!(!story.world.path("new").exists());
    assert!(inside.requests().iter().all(|(method, _, _)| method == "GET" || method == "HEAD"));
}

/// Starts a copy, waits until some request hangs, and kills the program by its id.
fn killed(story: &Story, at: &RegistryServer, part: (&str, &str), to: &str) {
    at.reset_requests();
    at.fault(part.0, part.1, 1, Fault::Hang);
    let from = story.name(":v1.4.2");
    let mut command = story.command(&["copy", &from, to, "--registry-timeout", "60"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    let hangs = |(method, target, _): &(String, String, bool)| method == part.0 && target.contains(part.1);
    while !at.requests().iter().any(hangs) {
        assert!(start.elapsed() < Duration::from_secs(30), "{part:?}: {:?}", at.requests());
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    at.heal();
}

#[test]
fn a_killed_program_leaves_nothing_half_done() {
    let story = Story::new();
    let attestation = format!("/manifests/{}", story.attestation);
    let image = format!("/manifests/{}", story.image);
    let fallback = format!("/manifests/{}", story.image.replace(':', "-"));
    let parts = [("POST", "/uploads/"), ("PUT", "digest="), ("PUT", &image), ("PUT", &attestation), ("PUT", &fallback)];
    for part in parts.into_iter().chain([("PUT", "/manifests/v1.4.2")]) {
        let inside = RegistryServer::start(plain());
        killed(&story, &inside, part, &name(&inside, ""));
        assert!(!inside.tags(REPO).contains(&TAG.to_owned()), "{part:?}");
        let unknown = story.verify(&name(&inside, ":v1.4.2"));
        assert!(unknown.code == 3 && unknown.out.contains("image-missing"), "{part:?}: {unknown:?}");
        let copied = story.copy(&story.name(":v1.4.2"), &name(&inside, ""), &[]);
        assert_eq!(copied.code, 0, "{part:?}: {copied:?}");
        assert_eq!(story.verify(&name(&inside, ":v1.4.2")).code, 0, "{part:?}");
    }
    for part in [("GET", "/blobs/"), ("GET", &attestation)] {
        let _ = fs::remove_dir_all(story.world.path("app"));
        killed(&story, &story.registry, part, "oci-layout:app");
        let unknown = story.verify("oci-layout:app");
        assert!(unknown.code == 3 && unknown.out.contains("layout-image-missing"), "{part:?}: {unknown:?}");
        assert_eq!(story.copy(&story.name(":v1.4.2"), "oci-layout:app", &[]).code, 0, "{part:?}");
        assert_eq!(story.verify("oci-layout:app").code, 0, "{part:?}");
    }
}

/// Layouts as `cosign save` wrote them: what it marked as attestations becomes the tag that registries have.
#[test]
fn what_cosign_saved_is_verified_where_it_was_copied_to() {
    let Some(corpus) = std::env::var_os("SEALMARK_CORPUS") else {
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but there is no corpus");
        println!("skipped: no corpus");
        return;
    };
    let root = PathBuf::from(corpus).join("slsa-verifier/testdata/gha_generic_container");
    let story = Story::new();
    let docker = RealRegistry::docker();
    let inside = RegistryServer::start(Options::default());
    let mut seen = 0;
    for version in fs::read_dir(&root).unwrap() {
        let path = version.unwrap().path().join("container_workflow_dispatch");
        if !path.join("oci-layout").exists() {
            continue;
        }
        seen += 1;
        let layout = format!("oci-layout:{}", path.display());
        let index: Value = serde_json::from_slice(&fs::read(path.join("index.json")).unwrap()).unwrap();
        let marked = |mark: &str| {
            let items = index["manifests"].as_array().unwrap().iter();
            let mut found = items.filter(|item| item["annotations"]["kind"].as_str().unwrap().ends_with(mark));
            found.next().unwrap()["digest"].as_str().unwrap().to_owned()
        };
        let attestations = marked("/atts");
        for host in docker.iter().map(RealRegistry::host).chain([inside.host()]) {
            let repository = format!("{host}/{REPO}");
            let copied = story.copy(&layout, &repository, &["--format", "json"]);
            assert_eq!(copied.code, 0, "{copied:?}");
            let told: Value = serde_json::from_str(&copied.out).unwrap();
            let image = told["image"].as_str().unwrap().to_owned();
            let legacy = told["attached"].as_array().unwrap().iter().find(|one| one["form"] == "legacy-tag").unwrap();
            assert_eq!((&legacy["manifest"], &legacy["subject"]), (&json!(attestations), &json!(image)));
            let verify = |image: &str| {
                story.run(&["verify-image", image, "--source-uri", "github.com/slsa-framework/example-package"])
            };
            let here = verify(&format!("{layout}@{image}"));
            assert_eq!(here.code, 0, "{here:?}");
            let there = verify(&format!("{repository}@{image}"));
            assert_eq!(there.code, 0, "{there:?}");
            if host == inside.host() {
                let tag = format!("{}.att", image.replace(':', "-"));
                let blob = path.join("blobs").join(attestations.replace(':', "/"));
                assert_eq!(inside.manifest(REPO, &tag), Some(fs::read(blob).unwrap()));
            }
        }
    }
    assert!(seen > 0);
}

/// A layout with an image of one layer of so many bytes.
fn large_layout(folder: &Path, size: usize) -> String {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = content::digest(bytes);
        fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
        digest
    };
    let (block, mut sum) = (vec![7; 1 << 20], Sha256::new());
    let mut file = File::create(folder.join("layer")).unwrap();
    for _ in 0..size >> 20 {
        file.write_all(&block).unwrap();
        sum.update(&block);
    }
    let layer = hex::encode(sum.finalize());
    fs::rename(folder.join("layer"), blobs.join(&layer)).unwrap();
    let config = put(b"{}");
    let image = json!({"schemaVersion": 2, "mediaType": content::MANIFEST,
        "config": {"mediaType": content::CONFIG, "digest": config, "size": 2},
        "layers": [{"mediaType": content::LAYER, "digest": format!("sha256:{layer}"), "size": size}]})
    .to_string();
    let digest = put(image.as_bytes());
    let index = json!({"schemaVersion": 2, "manifests": [
        {"mediaType": content::MANIFEST, "digest": digest, "size": image.len()}]});
    fs::write(folder.join("index.json"), index.to_string()).unwrap();
    fs::write(folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    digest
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_layer_is_not_held_in_memory() {
    const SIZE: usize = 200 << 20;
    let story = Story::new();
    let Some(docker) = RealRegistry::docker() else { return };
    let digest = large_layout(&story.world.path("large"), SIZE);
    let there = format!("{}/{REPO}", docker.host());
    for (from, to) in [("oci-layout:large", there.as_str()), (&format!("{there}@{digest}"), "oci-layout:back")] {
        let copied = ended(story.command(&["copy", from, to]), &["copy"]);
        assert_eq!(copied.code, 0, "{copied:?}");
        let most = copied.peak;
        assert!(most > 0 && most < 64 << 10, "{from}: {most} KiB");
    }
    let blobs = fs::read_dir(story.world.path("back/blobs/sha256")).unwrap();
    let sizes: Vec<u64> = blobs.map(|entry| entry.unwrap().metadata().unwrap().len()).collect();
    assert!(sizes.contains(&SIZE.try_into().unwrap()), "{sizes:?}");
}
