//! Images in registries: what is attached to them is verified, and a registry that errs is never an empty one.

use std::process::Command;

use serde_json::Value;
use serde_json::json;

use crate::support::registry_server::Auth;
use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;
use crate::support::virtual_sigstore::GitHub;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;

pub(crate) const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
pub(crate) const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];
const BUILDER: &str = "https://github.com/acme/app/.github/workflows/release.yml";

/// A registry with an image in it, and a world that attests it.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) registry: RegistryServer,
    pub(crate) image: String,
}

impl Story {
    pub(crate) fn new(options: Options) -> Self {
        let registry = RegistryServer::start(options);
        let image = registry.image("acme/app", "v1.4.2");
        Self { world: World::new(), registry, image }
    }

    /// The same with provenance attached.
    pub(crate) fn attested(options: Options) -> Self {
        let story = Self::new(options);
        story.attach(&story.image, &story.bundle(&story.image, &GitHub::default()));
        story
    }

    /// A bundle with provenance of an image.
    pub(crate) fn bundle(&self, image: &str, run: &GitHub) -> Value {
        let hex = image.strip_prefix("sha256:").unwrap();
        let subjects = json!([{"name": "acme/app", "digest": {"sha256": hex}}]);
        self.world.sigstore.mint(&self.world.sigstore.spec_of(&subjects, run))
    }

    pub(crate) fn attach(&self, image: &str, bundle: &Value) -> String {
        self.registry.referrer("acme/app", image, BUNDLE, bundle.to_string().as_bytes())
    }

    pub(crate) fn name(&self, tail: &str) -> String {
        format!("{}/acme/app{tail}", self.registry.host())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        // No credentials of whoever runs the tests.
        command.env("HOME", self.world.path("home")).env_remove("DOCKER_CONFIG");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args), args)
    }

    /// `verify IMAGE --trust root.json ARGS`
    pub(crate) fn verify(&self, image: &str, args: &[&str]) -> Ended {
        self.run(&[&["verify", image, "--trust", "root.json", "--registry-timeout", "5"], args].concat())
    }

    /// The verdict of the JSON report and the code of each candidate.
    fn report(&self, image: &str, args: &[&str]) -> (String, Vec<String>) {
        let ended = self.verify(image, &[args, &["--format", "json"]].concat());
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        let result = &report["results"][0];
        let codes = |list: &Value| -> Vec<String> {
            list.as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
        };
        let mut all = codes(&result["findings"]);
        result["candidates"].as_array().unwrap().iter().for_each(|one| all.extend(codes(&one["findings"])));
        (result["verdict"].as_str().unwrap().to_owned(), all)
    }
}

#[test]
fn an_attested_image_is_allowed_by_digest_and_by_tag() {
    let story = Story::attested(Options::default());
    let pinned = story.name(&format!("@{}", story.image));
    let ended = story.verify(&pinned, &SOURCE);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with(&format!("allowed  {pinned}")), "{ended:?}");
    assert_eq!(ended.err, "");
    let ended = story.verify(&story.name(":v1.4.2"), &SOURCE);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains(&format!("is {} now", story.image)), "{ended:?}");
}

#[test]
fn without_a_list_of_referrers_the_fallback_tag_counts() {
    for status in [404, 405] {
        let story = Story::new(Options {
            referrers: ReferrersApi::Refused(status),
            subject_header: false,
            ..Options::default()
        });
        let bundle = story.bundle(&story.image, &GitHub::default());
        let manifest = story.attach(&story.image, &bundle);
        let size = story.registry.manifest("acme/app", &manifest).unwrap().len();
        let listed = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": manifest, "size": size,
             "artifactType": "application/vnd.oci.empty.v1+json"},
        ]});
        let tag = story.image.replace(':', "-");
        let index = "application/vnd.oci.image.index.v1+json";
        story.registry.put_manifest("acme/app", Some(&tag), index, listed.to_string().as_bytes());
        let ended = story.verify(&story.name(&format!("@{}", story.image)), &SOURCE);
        assert_eq!(ended.code, 0, "{status}: {ended:?}");
    }
}

#[test]
fn what_does_not_belong_is_refused_by_its_code() {
    let story = Story::new(Options { foreign_referrers: true, ..Options::default() });
    let pinned = story.name(&format!("@{}", story.image));
    let unsigned = story.report(&pinned, &SOURCE);
    assert_eq!(unsigned, ("denied".to_owned(), vec!["attestation-missing".to_owned()]));
    // Somebody's valid attestation of their own image, which the registry lists here.
    let other = story.registry.image("acme/app", "other");
    story.attach(&other, &story.bundle(&other, &GitHub::default()));
    assert_eq!(story.report(&pinned, &SOURCE).1, ["attestation-missing"]);
    // The same, attached to this image.
    story.attach(&story.image, &story.bundle(&other, &GitHub::default()));
    assert_eq!(story.report(&pinned, &SOURCE), ("denied".to_owned(), vec!["subject-mismatch".to_owned()]));
    // This image, built from another branch.
    let run = GitHub { reference: "refs/heads/evil".to_owned(), ..GitHub::default() };
    story.attach(&story.image, &story.bundle(&story.image, &run));
    let (verdict, mut codes) = story.report(&pinned, &SOURCE);
    codes.sort();
    assert_eq!(
        (verdict.as_str(), codes),
        ("denied", vec!["source-ref-mismatch".to_owned(), "subject-mismatch".to_owned()])
    );
    // The tag moves to an image that nobody attested.
    story.attach(&story.image, &story.bundle(&story.image, &GitHub::default()));
    assert_eq!(story.verify(&story.name(":v1.4.2"), &SOURCE).code, 0);
    let bytes = story.registry.manifest("acme/app", "other").unwrap();
    let manifest = "application/vnd.oci.image.manifest.v1+json";
    story.registry.put_manifest("acme/app", Some("v1.4.2"), manifest, &bytes);
    let moved = story.verify(&story.name(":v1.4.2"), &["--source-uri", "github.com/acme/else"]);
    assert!(moved.code == 1 && moved.err.contains(&format!("is {other} now")), "{moved:?}");
    assert_eq!(story.verify(&pinned, &SOURCE).code, 0);
}

#[test]
fn a_registry_that_errs_is_never_an_empty_one() {
    let rows: [(Fault, &str); 9] = [
        (Fault::Status(401, None), "registry-unauthorized"),
        (Fault::Status(403, None), "registry-denied"),
        (Fault::Status(429, Some(3600)), "registry-throttled"),
        (Fault::Status(429, None), "registry-throttled"),
        (Fault::Status(500, None), "registry-unavailable"),
        (Fault::Hang, "registry-unavailable"),
        (Fault::Drop, "registry-unavailable"),
        (Fault::Redirect("http://127.0.0.1:9/elsewhere".to_owned()), "registry-"),
        (Fault::Body(200, "application/vnd.oci.image.index.v1+json", b"no json".to_vec()), "json-invalid"),
    ];
    for (fault, code) in rows {
        let story = Story::attested(Options::default());
        story.registry.fault("GET", "/referrers/", 100, fault.clone());
        let ended = story.verify(&story.name(&format!("@{}", story.image)), &SOURCE);
        assert!(ended.code == 3 && ended.out.contains(code), "{fault:?}: {ended:?}");
        assert!(ended.out.starts_with("undecided "), "{fault:?}: {ended:?}");
    }
}

#[test]
fn damage_on_the_way_is_named() {
    let rows: [(&str, Fault, &[&str]); 5] = [
        ("/manifests/", Fault::WrongBytes, &["image-content-digest", "json-"]),
        ("/manifests/", Fault::Truncate, &["registry-unavailable", "registry-answer-invalid", "image-content-"]),
        ("/manifests/", Fault::Endless(1 << 30), &["registry-answer-invalid", "image-too-large", "image-content-size"]),
        ("/blobs/", Fault::WrongBytes, &["image-content-digest"]),
        ("/blobs/", Fault::Truncate, &["image-content-size", "registry-unavailable", "registry-answer-invalid"]),
    ];
    for (part, fault, codes) in rows {
        let story = Story::attested(Options::default());
        story.registry.fault("GET", part, 100, fault.clone());
        let ended = story.verify(&story.name(&format!("@{}", story.image)), &SOURCE);
        let named = codes.iter().any(|code| ended.out.contains(code));
        assert!(ended.code == 3 && named, "{part} {fault:?}: {ended:?}");
        assert!(story.registry.bytes_sent() < 256 << 20, "{part} {fault:?}: {}", story.registry.bytes_sent());
    }
}

#[test]
fn credentials_are_sent_where_they_belong() {
    let auth = Auth::Bearer {
        user: "ann".to_owned(),
        password: "secret".to_owned(),
        refresh: "refresh".to_owned(),
        anonymous_pull: false,
    };
    for auth in [Auth::Basic { user: "ann".to_owned(), password: "secret".to_owned() }, auth] {
        let story = Story::attested(Options { auth, ..Options::default() });
        let pinned = story.name(&format!("@{}", story.image));
        let ended = story.verify(&pinned, &SOURCE);
        assert!(ended.code == 3 && ended.out.contains("registry-"), "{ended:?}");
        std::fs::create_dir_all(story.world.path("home/.docker")).unwrap();
        let config = |auth: &str| json!({"auths": {story.registry.host(): {"auth": auth}}}).to_string();
        // ann:wrong
        story.world.write("home/.docker/config.json", config("YW5uOndyb25n"));
        let ended = story.verify(&pinned, &SOURCE);
        assert!(ended.code == 3 && ended.out.contains("registry-"), "{ended:?}");
        assert!(
            ![&ended.out, &ended.err].iter().any(|text| text.contains("wrong") || text.contains("YW5u")),
            "{ended:?}"
        );
        // A registry that repeats what it was sent is not quoted.
        let said = br#"{"errors":[{"code":"DENIED","message":"no ann:wrong YW5uOndyb25n"}]}"#.to_vec();
        story.registry.fault("GET", "/referrers/", 100, Fault::Body(403, "application/json", said));
        let ended = story.verify(&pinned, &SOURCE);
        assert!(
            ![&ended.out, &ended.err].iter().any(|text| text.contains("wrong") || text.contains("YW5u")),
            "{ended:?}"
        );
        story.registry.heal();
        // ann:secret
        story.world.write("home/.docker/config.json", config("YW5uOnNlY3JldA=="));
        assert_eq!(story.verify(&pinned, &SOURCE).code, 0);
        story.world.write("home/.docker/config.json", "{");
        let ended = story.verify(&pinned, &SOURCE);
        assert!(ended.code == 3 && ended.out.contains("registry-credential"), "{ended:?}");
    }
}

#[test]
fn a_private_authority_is_believed_only_where_it_is_named() {
    let story = Story::attested(Options { tls: true, ..Options::default() });
    let pinned = format!("{}/acme/app@{}", story.registry.host(), story.image);
    story.world.write("ca.pem", story.registry.ca_pem());
    // A loopback address is asked in clear unless an authority is named for it.
    assert_eq!(story.verify(&pinned, &SOURCE).code, 3);
    let ended = story.verify(&pinned, &[&SOURCE[..], &["--registry-ca", "ca.pem"]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    story.world.write("none.pem", "no certificate");
    let ended = story.verify(&pinned, &[&SOURCE[..], &["--registry-ca", "none.pem"]].concat());
    assert!(ended.code == 2 && ended.err.contains("registry-setup"), "{ended:?}");
}

#[test]
fn offline_no_registry_is_asked() {
    let story = Story::attested(Options::default());
    let ended = story.verify(&story.name(&format!("@{}", story.image)), &[&SOURCE[..], &["--offline"]].concat());
    assert!(ended.code == 3 && ended.err.contains("image-offline"), "{ended:?}");
    assert!(story.registry.requests().is_empty());
}

#[test]
fn what_is_not_there_is_not_an_error_of_the_registry() {
    let story = Story::new(Options::default());
    let ended = story.verify(&story.name(":none"), &SOURCE);
    assert!(ended.code == 3 && ended.out.contains("image-missing"), "{ended:?}");
}

#[test]
fn slsa_verifiers_command_reads_registries() {
    let story = Story::attested(Options::default());
    let verify = |image: &str, more: &[&str]| {
        let args = [
            "verify-image",
            image,
            "--source-uri",
            "github.com/acme/app",
            "--builder-id",
            BUILDER,
            "--trust",
            "root.json",
        ];
        story.run(&[&args[..], more].concat())
    };
    let tagged = verify(&story.name(":v1.4.2"), &[]);
    assert!(tagged.code == 1 && tagged.err.contains("ErrorMutableImage"), "{tagged:?}");
    let pinned = story.name(&format!("@{}", story.image));
    let elsewhere = format!("{}/acme/evidence", story.registry.host());
    let ended = verify(&pinned, &["--provenance-repository", &elsewhere]);
    assert!(ended.code == 1 && ended.err.contains("ErrorNoValidSignature"), "{ended:?}");
    // A builder that slsa-verifier does not know is refused by its name: the attestation was found and read.
    let found = verify(&pinned, &[]);
    assert!(!found.err.contains("attestation-missing"), "{found:?}");
    story.registry.fault("GET", "/referrers/", 100, Fault::Status(403, None));
    let denied = verify(&pinned, &[]);
    assert!(denied.code == 3 && denied.err.contains("registry-denied"), "{denied:?}");
}
