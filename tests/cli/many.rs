//! Many images at once, indexes and their platforms: what one fails at ends nothing else, and nothing covers more than it says.

use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::images::BUNDLE;
use crate::images::SOURCE;
use crate::images::Story;
use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::content;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::valid;

const REPO: &str = "acme/app";

impl Story {
    /// An image with a tag, attested.
    fn attested_image(&self, tag: &str) -> String {
        let image = self.registry.image(REPO, tag);
        self.attach(&image, &self.bundle(&image, &GitHub::default()));
        image
    }

    /// `verify ARGS` with the expectations of every story.
    fn many(&self, args: &[&str]) -> Ended {
        self.run(&[&["verify", "--trust", "root.json"], &SOURCE[..], args].concat())
    }

    /// The JSON report of the same.
    fn many_report(&self, args: &[&str]) -> (i32, Value) {
        let ended = self.many(&[args, &["--format", "json"]].concat());
        let report = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        valid(&report, "report-v1");
        (ended.code, report)
    }

    fn asked(&self, part: &str) -> usize {
        self.registry.requests().iter().filter(|(_, path, _)| path.contains(part)).count()
    }

    /// An index of these entries, under a tag.
    fn put_index(&self, tag: &str, entries: &[Value]) -> String {
        let index = json!({"schemaVersion": 2, "mediaType": content::INDEX, "manifests": entries}).to_string();
        self.registry.put_manifest(REPO, Some(tag), content::INDEX, index.as_bytes())
    }

    /// An entry of an index about an image that is there.
    fn entry(&self, digest: &str, os: &str, architecture: &str) -> Value {
        let size = self.registry.manifest(REPO, digest).unwrap().len();
        json!({"mediaType": content::MANIFEST, "digest": digest, "size": size,
            "platform": {"os": os, "architecture": architecture}})
    }
}

fn lines(text: &str) -> Vec<Value> {
    let read = |line: &str| {
        let value = serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
        valid(&value, "lines-v1");
        value
    };
    text.lines().map(read).collect()
}

/// Verdict and codes of each result.
fn results(report: &Value) -> Vec<String> {
    let codes = |result: &Value| -> Vec<String> {
        result["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    let results = report["results"].as_array().unwrap();
    results
        .iter()
        .map(|one| [vec![one["verdict"].as_str().unwrap().to_owned()], codes(one)].concat().join(" "))
        .collect()
}

fn notices(report: &Value) -> Vec<&str> {
    report["notices"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect()
}

#[test]
fn what_one_image_fails_at_ends_nothing_else() {
    let story = Story::new(Options::default());
    let mut list = String::from("# all\n");
    for n in 0..30 {
        let tag = format!("v{n:02}");
        if n == 7 {
            story.registry.image(REPO, &tag)
        } else {
            story.attested_image(&tag)
        };
        list.push_str(&format!("{}\n", story.name(&format!(":{tag}"))));
    }
    list.push_str(&format!("{} # not there\n", story.name(":gone")));
    story.world.write("list", list);
    story.registry.fault("GET", "/manifests/v03", 1000, Fault::Status(500, None));
    story.registry.fault("GET", "/manifests/v11", 1000, Fault::Hang);
    let args = ["--images-from", "list", "--registry-timeout", "6", "--format", "jsonl"];
    let ended = story.many(&args);
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines = lines(&ended.out);
    assert_eq!(lines.len(), 32, "{ended:?}");
    let (last, lines) = lines.split_last().unwrap();
    let codes = json!({"attestation-missing": 1, "image-missing": 1, "registry-unavailable": 2});
    let summary = json!({"images": 31, "allowed": 27, "denied": 1, "undecided": 3, "codes": codes});
    assert_eq!(last, &json!({"summary": summary}));
    let mut seen: Vec<_> = lines.iter().map(|line| line["artifact"]["image"]["reference"].as_str().unwrap()).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 31);
    let of = |tag: &str| {
        let name = story.name(tag);
        lines.iter().find(|line| line["artifact"]["image"]["reference"] == json!(name)).unwrap()
    };
    for (tag, verdict, code) in [
        (":v03", "undecided", "registry-unavailable"),
        (":v11", "undecided", "registry-unavailable"),
        (":gone", "undecided", "image-missing"),
        (":v07", "denied", "attestation-missing"),
    ] {
        let line = of(tag);
        assert_eq!((&line["verdict"], &line["findings"][0]["code"]), (&json!(verdict), &json!(code)), "{tag}");
        assert!(line["findings"][0]["hint"].is_string(), "{tag}");
    }
    assert_eq!(of(":v03")["artifact"]["image"]["namedBy"], json!(["list, line 5"]));
    // The one that hangs kept the run waiting, and that was said.
    assert!(ended.err.contains("verified ") && ended.err.contains(" of 31 images, 1 denied"), "{ended:?}");
    // Without the denied one it is undecided.
    let (code, report) = story.many_report(&[&story.name(":v00"), &story.name(":gone")]);
    assert_eq!((code, results(&report)), (3, vec!["allowed".to_owned(), "undecided image-missing".to_owned()]));
    let human = story.many(&[&story.name(":v00"), &story.name(":gone"), &story.name(":v07")]);
    assert!(
        human.code == 1 && human.out.starts_with("denied   3 artifacts: 1 allowed, 1 denied, 1 undecided"),
        "{human:?}"
    );
    assert!(
        human.out.contains("1 with image-missing") && human.out.contains("1 with attestation-missing"),
        "{human:?}"
    );
}

#[test]
fn what_is_typed_wrongly_is_found_before_anything_is_asked() {
    let story = Story::attested(Options::default());
    let good = story.name(":v1.4.2");
    story.world.write("list", format!("{good}\nno image\n"));
    story.world.write("empty", "# nothing\n");
    story.world.write("alias.yaml", "a: &x {image: a}\ncontainers: [*x]\n");
    story.world.write("files.yaml", "apiVersion: v1\nkind: Pod\nspec: {containers: [{image: 'oci-layout:/etc'}]}\n");
    story.world.write("none.yaml", "apiVersion: v1\nkind: ConfigMap\ndata: {image: a}\n");
    for (args, code) in [
        (&["--images-from", "list"][..], "subject-image-invalid"),
        (&["--images-from", "empty"], "images-empty"),
        (&["--images-from", "-", "--manifests", "-"], "images-stdin-twice"),
        (&["--images-from", "absent"], "file-"),
        (&["--manifests", "alias.yaml"], "manifest-alias"),
        (&["--manifests", "files.yaml"], "subject-image-invalid"),
        (&["--manifests", "none.yaml"], "images-empty"),
        (&["--images-from", "list", "--bundle", "root.json"], "subject-image-invalid"),
    ] {
        let ended = story.many(&[&[good.as_str()][..], args].concat());
        assert!(ended.code == 2 && ended.err.contains(code), "{args:?}: {ended:?}");
    }
    let ended = story.many(&["app.tar.gz", "--platform", "linux/amd64"]);
    assert!(ended.code == 2 && ended.err.contains("platform-without-image"), "{ended:?}");
    story.world.write("tag", &good);
    let ended = story.many(&["--images-from", "tag", "--bundle", "root.json"]);
    assert!(ended.code == 2 && ended.err.contains("subject-image-unpinned"), "{ended:?}");
    assert_eq!(story.registry.requests(), []);
}

#[test]
fn each_digest_is_looked_up_once() {
    let story = Story::attested(Options::default());
    let bytes = story.registry.manifest(REPO, "v1.4.2").unwrap();
    story.registry.put_manifest(REPO, Some("latest"), content::MANIFEST, &bytes);
    let (tag, pinned) = (story.name(":v1.4.2"), story.name(&format!("@{}", story.image)));
    let both = story.name(&format!(":v1.4.2@{}", story.image));
    story.world.write("list", format!("{tag}\n{pinned}\n{}\n{both}\ndocker://{tag}\n", story.name("")));
    let (code, report) = story.many_report(&[&tag, "--images-from", "list"]);
    assert_eq!((code, results(&report)), (0, vec!["allowed".to_owned(); 3]));
    assert_eq!(report["results"][0]["artifact"]["image"]["namedBy"], json!(["list, line 1", "list, line 5"]));
    assert_eq!(story.asked("/referrers/"), 1);
    assert_eq!((story.asked("/manifests/v1.4.2"), story.asked("/manifests/latest")), (1, 1));
    // Nothing asks for the manifest of what is named by its digest.
    assert_eq!(story.asked(&format!("/manifests/{}", story.image)), 0);
}

#[test]
fn bundles_cost_one_request_each_and_one_for_the_list() {
    let story = Story::new(Options::default());
    for n in 0..3 {
        let bundle = story.bundle(&story.image, &GitHub { run_id: format!("{n}"), ..GitHub::default() }).to_string();
        let layer = json!({"mediaType": BUNDLE, "digest": content::digest(bundle.as_bytes()), "size": bundle.len(),
            "data": STANDARD.encode(&bundle)});
        let manifest = json!({"schemaVersion": 2, "mediaType": content::MANIFEST, "artifactType": BUNDLE,
            "config": {"mediaType": content::EMPTY, "digest": content::digest(b"{}"), "size": 2}, "layers": [layer],
            "subject": {"mediaType": content::MANIFEST, "digest": story.image, "size": 7}});
        story.registry.put_manifest(REPO, None, content::MANIFEST, manifest.to_string().as_bytes());
    }
    let pinned = story.name(&format!("@{}", story.image));
    let ended = story.many(&[&pinned, "--referrers-only"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(story.registry.requests().len(), 4);
    story.registry.reset_requests();
    assert_eq!(story.many(&[&pinned]).code, 0);
    assert_eq!(story.registry.requests().len(), 7);
}

#[test]
fn registries_are_asked_as_often_as_it_was_said() {
    let story = Story::new(Options::default());
    let images: Vec<String> =
        (0..12).map(|n| story.name(&format!("@{}", story.registry.image(REPO, &format!("r{n}"))))).collect();
    story.world.write("list", images.join("\n"));
    story.registry.fault("GET", "", 1000, Fault::Late(Duration::from_millis(150)));
    let args = ["--images-from", "list", "--referrers-only", "--at-once", "3"];
    assert_eq!(story.many(&args).code, 1);
    assert_eq!(story.registry.requests().len(), 12);
    let most = story.registry.most_at_once();
    assert!((2..=3).contains(&most), "{most}");
    story.registry.heal();
    story.registry.reset_requests();
    let start = Instant::now();
    assert_eq!(story.many(&[&args[..], &["--registry-rate", "10"]].concat()).code, 1);
    assert_eq!(story.registry.requests().len(), 12);
    assert!(start.elapsed() >= Duration::from_millis(1100), "{:?}", start.elapsed());
}

#[test]
fn manifests_of_kubernetes_name_images() {
    let story = Story::attested(Options::default());
    let job = story.registry.image(REPO, "job");
    let (web, init) = (story.name(":v1.4.2"), story.name(&format!("@{}", story.image)));
    let yaml = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  template:\n    spec:\n      \
         containers:\n      - {{name: a, image: '{web}'}}\n      initContainers:\n      - {{name: i, image: '{init}'}}\n---\n\
         apiVersion: v1\nkind: List\nitems:\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {{name: night, namespace: ops}}\n  \
         spec: {{jobTemplate: {{spec: {{template: {{spec: {{containers: [{{image: '{}'}}]}}}}}}}}}}\n",
        story.name(":job")
    );
    story.world.write("all.yaml", yaml);
    let (code, report) = story.many_report(&["--manifests", "all.yaml"]);
    assert_eq!(code, 1);
    let expected = ["allowed", "allowed", "denied attestation-missing"];
    assert_eq!(results(&report), expected);
    let by = |n: usize| report["results"][n]["artifact"]["image"]["namedBy"][0].as_str().unwrap().to_owned();
    let expected = ["document 1, Deployment web", "document 1, Deployment web", "document 2, CronJob ops/night"];
    assert_eq!([0, 1, 2].map(by), expected.map(|at| format!("all.yaml, {at}")));
    assert_eq!(report["results"][2]["artifact"]["digests"]["sha256"], json!(job.strip_prefix("sha256:").unwrap()));
    let human = story.many(&["--manifests", "all.yaml"]);
    assert!(human.out.contains("named by   all.yaml, document 2, CronJob ops/night"), "{human:?}");
}

#[test]
fn a_kill_leaves_whole_lines() {
    let story = Story::new(Options::default());
    let names: Vec<String> = (0..9)
        .map(|n| {
            story.attested_image(&format!("v{n}"));
            story.name(&format!(":v{n}"))
        })
        .collect();
    for n in 6..9 {
        story.registry.fault("GET", &format!("/manifests/v{n}"), 1000, Fault::Hang);
    }
    story.world.write("list", names.join("\n"));
    story.world.write("report", "of yesterday");
    let args = ["verify", "--images-from", "list", "--trust", "root.json", "--format", "jsonl", "--output", "report"];
    let mut command = story.command(&[&args[..], &SOURCE].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let partial = story.world.path("report.partial");
    let start = Instant::now();
    while fs::read_to_string(&partial).unwrap_or_default().lines().count() < 6 {
        assert!(start.elapsed() < Duration::from_secs(40), "{:?}", fs::read_to_string(&partial));
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let text = fs::read_to_string(&partial).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    assert_eq!(lines(&text).len(), 6);
    assert_eq!(fs::read_to_string(story.world.path("report")).unwrap(), "of yesterday");
    // A run that ends gives the file its name.
    story.registry.heal();
    let ended = story.many(&["--images-from", "list", "--format", "jsonl", "--output", "report"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{ended:?}");
    assert_eq!(lines(&fs::read_to_string(story.world.path("report")).unwrap()).len(), 10);
    assert!(!partial.exists());
}

#[test]
fn an_index_covers_its_platforms_and_they_cover_nothing() {
    let story = Story::new(Options::default());
    let (index, children) = story.registry.index(REPO, "v2");
    let attest = |image: &str| story.attach(image, &story.bundle(image, &GitHub::default()));
    let name = story.name(":v2");
    let each = |expected: &[&str]| {
        let (_, report) = story.many_report(&[&name, "--each-platform"]);
        assert_eq!(results(&report), expected);
        report
    };
    each(&["denied attestation-missing"; 3]);
    // One platform.
    attest(&children[0]);
    assert_eq!(story.many(&[&name, "--platform", "linux/amd64"]).code, 0);
    let (code, report) = story.many_report(&[&name, "--platform", "linux/arm64/v8"]);
    assert_eq!((code, results(&report)), (1, vec!["denied attestation-missing".to_owned()]));
    let image = &report["results"][0]["artifact"]["image"];
    assert_eq!((&image["platform"], &image["index"]), (&json!("linux/arm64"), &json!(index)));
    let (code, report) = story.many_report(&[&name]);
    assert_eq!((code, notices(&report)), (1, vec!["image-index"]));
    each(&["denied attestation-missing", "allowed", "denied attestation-missing"]);
    // All of them, and not the index.
    attest(&children[1]);
    each(&["denied attestation-missing index-not-attested", "allowed", "allowed"]);
    // Another index, which is attested and lists another image, covers none of these.
    let (other, others) = story.registry.index(REPO, "other");
    attest(&other);
    let (code, report) = story.many_report(&[&story.name(":other"), "--platform", "linux/arm64"]);
    assert_eq!((code, notices(&report)), (0, vec!["covered-by-index"]));
    assert_eq!(
        report["results"][0]["artifact"]["digests"]["sha256"],
        json!(others[1].strip_prefix("sha256:").unwrap())
    );
    let report = story.many_report(&[&story.name(":other"), "--each-platform"]).1;
    assert_eq!(results(&report), ["allowed"; 3]);
    let mut codes = notices(&report);
    codes.sort_unstable();
    assert_eq!(codes, ["covered-by-index", "covered-by-index", "image-index"]);
    let borrowed = story.put_index("borrowed", &[story.entry(&others[1], "linux", "arm64")]);
    assert_eq!(story.many(&[&story.name(":borrowed"), "--platform", "linux/arm64"]).code, 1);
    assert_eq!(story.many(&[&story.name(&format!("@{borrowed}")), "--each-platform"]).code, 1);
    // An attestation of the index that is not accepted covers nothing.
    let run = GitHub { reference: "refs/heads/evil".to_owned(), ..GitHub::default() };
    story.attach(&borrowed, &story.bundle(&borrowed, &run));
    assert_eq!(story.many(&[&story.name(":borrowed"), "--platform", "linux/arm64"]).code, 1);
}

#[test]
fn a_list_of_platforms_is_believed_only_as_far_as_it_goes() {
    let story = Story::new(Options::default());
    let attest = |image: &str| story.attach(image, &story.bundle(image, &GitHub::default()));
    let (_, children) = story.registry.index(REPO, "base");
    let good = story.entry(&children[0], "linux", "amd64");
    let mut absent = story.entry(&children[1], "linux", "arm64");
    absent["digest"] = json!(format!("sha256:{}", "0".repeat(64)));
    let mut wrong = story.entry(&children[1], "linux", "arm64");
    wrong["size"] = json!(1);
    let marked = |mut entry: Value| {
        entry["annotations"] = json!({"vnd.docker.reference.type": "attestation-manifest"});
        entry
    };
    let missing = "undecided image-content-missing";
    let unknown = |mut entry: Value| {
        entry["platform"] = json!({"os": "unknown", "architecture": "unknown"});
        entry
    };
    for (tag, second, expected) in [
        ("absent", absent.clone(), vec!["allowed", "allowed", missing]),
        ("wrong", wrong, vec!["allowed", "allowed", "undecided image-content-size"]),
        // What BuildKit attests is no image for any machine; the mark alone hides nothing.
        ("buildkit", marked(unknown(absent.clone())), vec!["allowed", "allowed"]),
        ("marked", marked(absent.clone()), vec!["allowed", "allowed", missing]),
        ("unknown", unknown(absent.clone()), vec!["allowed", "allowed", missing]),
    ] {
        attest(&story.put_index(tag, &[good.clone(), second]));
        let (code, report) = story.many_report(&[&story.name(&format!(":{tag}")), "--each-platform"]);
        assert_eq!(results(&report), expected, "{tag}");
        assert_eq!(code, if expected.len() == 2 || expected[2] == "allowed" { 0 } else { 3 }, "{tag}");
    }
    let arm = ["--platform", "linux/arm64"];
    let ended = story.many(&[&[story.name(":absent").as_str()], &arm[..]].concat());
    assert!(ended.code == 3 && ended.out.contains("image-content-missing"), "{ended:?}");
    // A platform that is not there, and one that is there twice, or may be.
    let base = story.name(":base");
    let ended = story.many(&[&base, "--platform", "linux/s390x"]);
    assert!(ended.code == 2 && ended.out.contains("image-platform-missing"), "{ended:?}");
    assert!(ended.out.contains("linux/amd64, linux/arm64"), "{ended:?}");
    let mut bare = story.entry(&children[1], "", "");
    bare.as_object_mut().unwrap().remove("platform");
    for (tag, second) in [("twice", story.entry(&children[1], "linux", "amd64")), ("bare", bare)] {
        attest(&story.put_index(tag, &[good.clone(), second]));
        let ended = story.many(&[&story.name(&format!(":{tag}")), "--platform", "linux/amd64"]);
        assert!(ended.code == 2 && ended.out.contains("image-platform-ambiguous"), "{tag}: {ended:?}");
    }
    // An index that is not what its digest says is not read.
    let digest = story.put_index("v9", &[good]);
    story.registry.fault("GET", &format!("/manifests/{digest}"), 100, Fault::WrongBytes);
    let ended = story.many(&[&story.name(&format!("@{digest}")), "--platform", "linux/amd64"]);
    assert!(ended.code == 3 && ended.out.contains("image-content-digest"), "{ended:?}");
    // A single image is for the platform that its configuration says.
    let single = story.attested_image("single");
    let single = story.name(&format!("@{single}"));
    assert_eq!(story.many(&[&single, "--platform", "linux/amd64"]).code, 0);
    let ended = story.many(&[&single, "--platform", "linux/arm64"]);
    assert!(ended.code == 2 && ended.out.contains("image-platform-missing"), "{ended:?}");
    assert_eq!(story.many(&[&single, "--each-platform"]).code, 0);
}

#[test]
fn an_index_that_cannot_be_looked_up_leaves_its_platforms_undecided() {
    let story = Story::new(Options::default());
    let (index, children) = story.registry.index(REPO, "v2");
    let name = story.name(":v2");
    story.attach(&children[0], &story.bundle(&children[0], &GitHub::default()));
    story.registry.fault("GET", &format!("/referrers/{index}"), 1000, Fault::Status(403, None));
    // Its own attestation is enough.
    assert_eq!(story.many(&[&name, "--platform", "linux/amd64"]).code, 0);
    let ended = story.many(&[&name, "--platform", "linux/arm64"]);
    assert!(ended.code == 3 && ended.out.contains("registry-denied"), "{ended:?}");
    story.registry.heal();
    // Where the image itself cannot be looked up, its index does not help.
    story.attach(&index, &story.bundle(&index, &GitHub::default()));
    assert_eq!(story.many(&[&name, "--platform", "linux/arm64"]).code, 0);
    story.registry.fault("GET", &format!("/referrers/{}", children[1]), 1000, Fault::Status(403, None));
    assert_eq!(story.many(&[&name, "--platform", "linux/arm64"]).code, 3);
    assert_eq!(story.many(&[&name, "--each-platform"]).code, 3);
}

#[test]
fn a_policy_file_judges_each_image_and_what_its_index_covers() {
    let story = Story::new(Options::default());
    let (index, children) = story.registry.index(REPO, "v2");
    story.attach(&index, &story.bundle(&index, &GitHub::default()));
    let denied = story.registry.image(REPO, "denied");
    let root = fs::read(story.world.path("root.json")).unwrap();
    let policy = json!({
        "apiVersion": "sealmark.dev/v1", "kind": "Policy", "metadata": {"name": "p", "version": "1"},
        "verifiers": {"release": {
            "trust": [{"file": "root.json", "sha256": content::digest(&root).strip_prefix("sha256:").unwrap()}],
            "identities": [{"identity": {"any": true}, "issuer": {"any": true}}],
            "transparency": {"log": "required"},
        }},
        "evidence": {"built": {"predicateTypes": ["slsaprovenance1"], "verifiedBy": "release", "quantifier": "any",
            "slsa": {"sourceUri": "github.com/acme/app", "sourceTag": "v1.4.2"}}},
        "require": "built",
    });
    story.world.write("policy.json", policy.to_string());
    let (name, pinned) = (story.name(":v2"), story.name(&format!("@{denied}")));
    let args = ["verify", &name, &pinned, "--policy", "policy.json", "--platform", "linux/arm64", "--format"];
    let ended = story.run(&[&args[..], &["json"]].concat());
    // The other one is for amd64.
    assert_eq!(ended.code, 2, "{ended:?}");
    let report: Value = serde_json::from_str(&ended.out).unwrap();
    valid(&report, "report-v1");
    assert_eq!((results(&report)[0].as_str(), notices(&report)), ("allowed", vec!["covered-by-index"]), "{ended:?}");
    // The policy's own part of the report is about the image that was asked for, once.
    let child = story.name(&format!("@{}", children[1]));
    let about = &report["policy"]["results"];
    assert_eq!(
        (&about[0]["artifact"], &about[0]["evidence"][0]["status"]),
        (&json!(child), &json!("pass")),
        "{ended:?}"
    );
    assert_eq!(about.as_array().unwrap().len(), 1, "{about}");
    let ended = story.run(&[&args[..], &["jsonl"]].concat());
    let lines = lines(&ended.out);
    let line = lines.iter().find(|line| line["artifact"]["name"] == json!(child)).unwrap();
    assert_eq!((&line["policy"]["artifact"], &line["verdict"]), (&json!(child), &json!("allowed")), "{ended:?}");
    assert_eq!(lines.last().unwrap()["summary"]["images"], json!(2));
}
