//! Plain signatures of files and images, what may be expected of them, and how many signers there must be.

use serde_json::Value;
use serde_json::json;

use crate::support::registry_server::Options;
use crate::support::registry_server::RegistryServer;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::cosign::SignedLayer;
use crate::support::virtual_sigstore::cosign::payload;
use crate::support::virtual_sigstore::statement;
use crate::world::ARTIFACT;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;
use crate::world::valid;

const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2";
const ISSUER: &str = "https://token.actions.githubusercontent.com";
const WHO: [&str; 4] = ["--identity", IDENTITY, "--issuer", ISSUER];
const SIGNED: [&str; 6] = ["--type", "signature", "--identity", IDENTITY, "--issuer", ISSUER];
const BESIDE: &str = "app.tar.gz.sigstore.json";
const TYPE: &str = "predicate-type-mismatch";

/// The codes of the artifact, then of each candidate.
fn codes(report: &Value) -> Vec<String> {
    let result = &report["results"][0];
    let codes = |list: &Value| -> Vec<String> {
        list.as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
    };
    let mut all = codes(&result["findings"]);
    result["candidates"].as_array().unwrap().iter().for_each(|one| all.extend(codes(&one["findings"])));
    all
}

/// Verdict and codes of the artifact beside which attestations lie.
fn judged(world: &World, args: &[&str]) -> (String, Vec<String>) {
    let report = world.report(args);
    (report["verdict"].as_str().unwrap().to_owned(), codes(&report))
}

fn denied(codes: &[&str]) -> (String, Vec<String>) {
    ("denied".to_owned(), codes.iter().map(|code| (*code).to_owned()).collect())
}

fn allowed() -> (String, Vec<String>) {
    ("allowed".to_owned(), Vec::new())
}

fn subject(annotations: &Value) -> Value {
    let mut subject = statement::subject("app.tar.gz", ARTIFACT);
    subject["annotations"] = annotations.clone();
    subject
}

fn of_key(spec: Spec, label: &str) -> Spec {
    Spec { signer: Signer::Key { hint: None }, key_label: label.to_owned(), entries: Vec::new(), ..spec }
}

#[test]
fn a_signature_of_a_file_is_no_attestation_of_it_and_no_attestation_a_signature() {
    let world = World::new();
    world.attest(BESIDE, &world.sigstore.spec_message(ARTIFACT));
    assert_eq!(judged(&world, &SIGNED), allowed());
    let ended = world.verify(&SIGNED);
    assert!(ended.code == 0 && ended.out.contains("a signature does not say"), "{ended:?}");
    let other = ["--type", "signature", "--identity", "https://x.test", "--issuer", ISSUER];
    assert_eq!(judged(&world, &other), denied(&["identity-mismatch"]));
    for more in [&[][..], &["--type", "spdx"], &["--type", "custom"], &["--source-uri", "github.com/acme/app"]] {
        assert_eq!(judged(&world, &[&WHO[..], more].concat()), denied(&[TYPE]), "{more:?}");
    }
    let ended = world.verify(&WHO);
    assert!(ended.code == 1 && ended.out.contains("expect --type signature"), "{ended:?}");
    // By --bundle, for a digest alone.
    let digest = format!("sha256:{}", statement::subject("", ARTIFACT)["digest"]["sha256"].as_str().unwrap());
    let args = [&["verify", &digest, "--trust", "root.json", "--bundle", BESIDE], &SIGNED[..]].concat();
    assert_eq!(world.run(&args).code, 0);
    // An attestation of the same signer is none.
    world.attest(BESIDE, &world.sigstore.spec(ARTIFACT));
    assert_eq!(judged(&world, &SIGNED), denied(&[TYPE]));
    // A bundle that notes the digest of this file, and signs another.
    let noted = sealmark::trust::key::sha256(ARTIFACT).to_vec();
    let spec = Spec { message_digest: Some(noted), ..world.sigstore.spec_message(b"other bytes") };
    world.attest(BESIDE, &spec);
    assert_eq!(judged(&world, &SIGNED), denied(&["signature-invalid"]));
    world.attest(BESIDE, &world.sigstore.spec_message(b"other bytes"));
    assert_eq!(judged(&world, &SIGNED), denied(&["subject-mismatch"]));
}

#[test]
fn wrong_usage_is_named() {
    let world = World::attested();
    let two = ["--identity", "a", "--identity", "b", "--identity", "c", "--issuer", "x", "--issuer", "y"];
    let rows: [(&[&str], &str); 11] = [
        (&["--type", "signature"], "policy-nobody"),
        (&["--type", "signature", "--annotation", "a=b"], "policy-nobody"),
        (&["--certificate-claim", "build-trigger=push"], "policy-nobody"),
        (&[&SIGNED[..], &["--source-uri", "github.com/acme/app"]].concat(), "policy-signature-build"),
        (&["--type", "signature", "--builder-id", "https://x.test/b"], "policy-signature-build"),
        (&[&SIGNED[..], &["--annotation", "key"]].concat(), "policy-input"),
        (&[&SIGNED[..], &["--certificate-claim", "nothing=x"]].concat(), "policy-claim"),
        (
            &[&SIGNED[..], &["--certificate-claim", "github-workflow-ref=x", "--certificate-github-workflow-ref", "x"]]
                .concat(),
            "policy-claim",
        ),
        (&two, "policy-issuer-count"),
        (&[&SIGNED[..], &["--key", "none.pub", "--threshold", "2"]].concat(), "policy-signer-kinds"),
        (&["--identity", "a", "--issuer", "x", "--issuer", "y"], "policy-issuer-count"),
    ];
    for (args, code) in rows {
        let ended = world.verify(args);
        assert!(ended.code == 2 && ended.err.contains(code), "{args:?}: {ended:?}");
    }
    for n in ["0", "33", "-1", "x"] {
        assert_eq!(world.verify(&[&SIGNED[..], &["--threshold", n]].concat()).code, 2, "{n}");
    }
    world.write("predicate.json", "{}");
    for word in ["signature", "https://sigstore.dev/cosign/sign/v1"] {
        let args = ["attest", "app.tar.gz", "--predicate", "predicate.json", "--type", word, "--key", "none.key"];
        let ended = world.run(&args);
        assert!(ended.code == 2 && ended.err.contains("policy-predicate-type"), "{ended:?}");
        assert!(ended.err.contains("sealmark sign"), "{ended:?}");
    }
}

#[test]
fn annotations_are_those_of_the_very_subject() {
    let world = World::new();
    let expect = |args: &[&str]| judged(&world, &[&SIGNED[..], args].concat());
    let attest = |subjects: &Value| world.attest(BESIDE, &world.sigstore.spec_sign(subjects, Some(json!({}))));
    let lacks = denied(&["annotation-mismatch"]);
    attest(&json!([subject(&json!({"env": "prod", "team": "a=b", "n": 1}))]));
    assert_eq!(expect(&["--annotation", "env=prod", "--annotation", "team=a=b"]), allowed());
    assert_eq!(expect(&["--annotation", "env=prod", "--annotation", "more=x"]), lacks);
    assert_eq!(expect(&["--annotation", "env=pro"]), lacks);
    assert_eq!(expect(&["--annotation", "n=1"]), lacks);
    // Another subject has it.
    let mut other = statement::subject("other", b"other bytes");
    other["annotations"] = json!({"env": "prod"});
    attest(&json!([other, subject(&json!({"env": "stage"}))]));
    assert_eq!(expect(&["--annotation", "env=prod"]), lacks);
    assert_eq!(expect(&["--annotation", "env=stage"]), allowed());
    attest(&json!([other, statement::subject("app.tar.gz", ARTIFACT)]));
    assert_eq!(expect(&["--annotation", "env=prod"]), lacks);
    // Signatures over bytes have none, and attestations of other types may have some.
    world.attest(BESIDE, &world.sigstore.spec_message(ARTIFACT));
    assert_eq!(expect(&["--annotation", "env=prod"]), lacks);
    let mut spec = world.sigstore.spec(ARTIFACT);
    spec.statement["subject"] = json!([subject(&json!({"env": "prod"}))]);
    world.attest(BESIDE, &spec);
    assert_eq!(judged(&world, &[&WHO[..], &["--annotation", "env=prod"]].concat()), allowed());
    assert_eq!(judged(&world, &[&WHO[..], &["--annotation", "env=x"]].concat()), lacks);
}

#[test]
fn claims_are_what_the_certificate_says() {
    let world = World::attested();
    let expect = |args: &[&str]| judged(&world, &[&WHO[..], args].concat());
    let lacks = denied(&["certificate-claim-mismatch"]);
    let commit = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
    let all = [
        "--certificate-claim",
        "source-repository-uri=https://github.com/acme/app",
        "--certificate-claim",
        "build-trigger=push",
        "--certificate-github-workflow-trigger",
        "push",
        "--certificate-github-workflow-sha",
        commit,
        "--certificate-github-workflow-name",
        "Release",
        "--certificate-github-workflow-repository",
        "acme/app",
        "--certificate-github-workflow-ref",
        "refs/tags/v1.4.2",
    ];
    assert_eq!(expect(&all), allowed());
    assert_eq!(expect(&["--certificate-claim", "source-repository-uri=https://github.com/acme/ap"]), lacks);
    assert_eq!(expect(&["--certificate-claim", "deployment-environment=prod"]), lacks);
    for (name, value) in
        [("trigger", "pull_request"), ("sha", "3f2c"), ("name", "x"), ("repository", "a/b"), ("ref", "main")]
    {
        assert_eq!(expect(&[&format!("--certificate-github-workflow-{name}"), value]), lacks, "{name}");
    }
    let ended = world.verify(&[&WHO[..], &["--certificate-claim", "build-trigger=schedule"]].concat());
    assert!(ended.out.contains("build-trigger=schedule") && ended.out.contains("build-trigger=push"), "{ended:?}");
    // The new names say the same, and are not taken for the deprecated ones.
    let mut spec = world.sigstore.spec(ARTIFACT);
    spec.claims.legacy_reference = None;
    world.attest(BESIDE, &spec);
    assert_eq!(expect(&["--certificate-claim", "source-repository-ref=refs/tags/v1.4.2"]), allowed());
    assert_eq!(expect(&["--certificate-github-workflow-ref", "refs/tags/v1.4.2"]), lacks);
    // A key has no certificate.
    let spec = of_key(world.sigstore.spec_message(ARTIFACT), "a");
    world.attest(BESIDE, &spec);
    world.write("a.pub", world.sigstore.public_key_pem(&spec));
    let keyed = ["--type", "signature", "--key", "a.pub"];
    assert_eq!(judged(&world, &keyed), allowed());
    let claimed = [&keyed[..], &["--certificate-claim", "build-trigger=push"]].concat();
    assert_eq!(judged(&world, &claimed), lacks);
}

/// A signature of the file by whoever this is.
fn person(world: &World, name: &str) -> Spec {
    let run = GitHub { issuer: "https://accounts.test".to_owned(), ..GitHub::default() };
    Spec { san: vec![San::Email(name.to_owned())], claims: run.claims(), ..world.sigstore.spec_message(ARTIFACT) }
}

fn people(names: &[&'static str]) -> Vec<&'static str> {
    let mut args = vec!["--type", "signature", "--issuer", "https://accounts.test"];
    names.iter().for_each(|name| args.extend(["--identity", name]));
    args
}

#[test]
fn as_many_distinct_signers_as_are_demanded() {
    let world = World::new();
    let lines = |specs: &[Spec]| world.lines("app.tar.gz.intoto.jsonl", specs);
    let judge = |n: &str, names: &[&'static str]| judged(&world, &[&people(names)[..], &["--threshold", n]].concat());
    let short = denied(&["threshold-not-met"]);
    let (ann, bob) = (person(&world, "ann@x.test"), person(&world, "bob@x.test"));
    lines(&[ann.clone(), bob.clone()]);
    assert_eq!(judge("2", &["ann@x.test", "bob@x.test"]), allowed());
    assert_eq!(judge("3", &["ann@x.test", "bob@x.test"]), short);
    let report = world.report(&[&people(&["ann@x.test", "bob@x.test"])[..], &["--threshold", "2"]].concat());
    let counted = json!({"demanded": 2, "counted": [
        {"name": "ann@x.test", "issuer": "https://accounts.test"},
        {"name": "bob@x.test", "issuer": "https://accounts.test"},
    ]});
    assert_eq!(report["results"][0]["signers"], counted);
    let ended = world.verify(&[&people(&["ann@x.test", "bob@x.test"])[..], &["--threshold", "2"]].concat());
    assert!(ended.out.contains("counted") && ended.out.contains("bob@x.test by https://accounts.test"), "{ended:?}");
    // Somebody who was not named does not count.
    assert_eq!(judge("2", &["ann@x.test"]), denied(&["threshold-not-met", "identity-mismatch"]));
    let ended = world.verify(&[&people(&["ann@x.test"])[..], &["--threshold", "2"]].concat());
    assert!(ended.out.contains("expected 2 distinct signers, found 1: ann@x.test"), "{ended:?}");
    // One twice: two certificates, two keys, the same name.
    let renewed = Spec { key_label: "another".to_owned(), ..ann.clone() };
    lines(&[ann.clone(), renewed, ann.clone()]);
    assert_eq!(judge("2", &["ann@x.test"]), short);
    assert_eq!(judge("1", &["ann@x.test"]), allowed());
    // The same name by another issuer is another signer.
    let run = GitHub { issuer: "https://else.test".to_owned(), ..GitHub::default() };
    lines(&[ann.clone(), Spec { claims: run.claims(), ..ann.clone() }]);
    let both = ["--identity", "ann@x.test", "--identity", "ann@x.test", "--issuer", "https://accounts.test"];
    let both = [&["--type", "signature", "--threshold", "2", "--issuer", "https://else.test"], &both[..]].concat();
    assert_eq!(judged(&world, &both), allowed());
    // Too few, and something that cannot be read.
    lines(&[ann.clone(), ann.clone()]);
    world.write(BESIDE, vec![b' '; 193 << 20]);
    let (verdict, codes) = judge("2", &["ann@x.test", "bob@x.test"]);
    assert_eq!((verdict.as_str(), codes[0].as_str()), ("undecided", "threshold-not-met"), "{codes:?}");
    lines(&[ann, bob]);
    assert_eq!(judge("2", &["ann@x.test", "bob@x.test"]).0, "allowed");
}

#[test]
fn a_key_counts_once_whatever_its_file_is_called() {
    let world = World::new();
    let (a, b) =
        (of_key(world.sigstore.spec_message(ARTIFACT), "a"), of_key(world.sigstore.spec_message(ARTIFACT), "b"));
    world.write("a.pub", world.sigstore.public_key_pem(&a));
    world.write("a-again.pub", world.sigstore.public_key_pem(&a));
    world.write("b.pub", world.sigstore.public_key_pem(&b));
    let all = ["--type", "signature", "--key", "a.pub", "--key", "a-again.pub", "--key", "b.pub", "--threshold", "2"];
    let lines = |specs: &[Spec]| world.lines("app.tar.gz.intoto.jsonl", specs);
    // ECDSA signs anew each time: two lines that differ, by one key.
    let stamped = Spec { key_id: None, ..of_key(world.sigstore.spec_sign(&json!([subject(&json!({}))]), None), "a") };
    lines(&[a.clone(), stamped]);
    assert_eq!(judged(&world, &all), denied(&["threshold-not-met"]));
    lines(&[a, b]);
    assert_eq!(judged(&world, &all), allowed());
}

#[test]
fn each_identity_has_its_own_issuer() {
    let world = World::new();
    world.attest(BESIDE, &person(&world, "ann@x.test"));
    let judge = |args: &[&str]| judged(&world, &[&["--type", "signature"], args].concat());
    let pairs = |first: &'static str, second: &'static str| {
        ["--identity", "ann@x.test", "--identity", "bob@x.test", "--issuer", first, "--issuer", second]
    };
    assert_eq!(judge(&pairs("https://accounts.test", "https://else.test")), allowed());
    let swapped = judge(&pairs("https://else.test", "https://accounts.test"));
    assert_eq!(swapped.0, "denied");
    assert!(swapped.1.contains(&"issuer-mismatch".to_owned()), "{swapped:?}");
    let patterns = ["--identity-regexp", "bob@.*", "--identity-regexp", "ann@.*", "--issuer", "https://accounts.test"];
    assert_eq!(judge(&patterns), allowed());
    let patterns = ["--identity-regexp", "bob@.*", "--identity-regexp", "ann", "--issuer", "https://accounts.test"];
    assert_eq!(judge(&patterns), denied(&["identity-mismatch"]));
}

/// An image in a registry.
struct Image {
    world: World,
    registry: RegistryServer,
    digest: String,
}

impl Image {
    fn new() -> Self {
        let registry = RegistryServer::start(Options::default());
        let digest = registry.image("acme/app", "v1");
        Self { world: World::new(), registry, digest }
    }

    /// Stores a layer under the tag that cosign uses; `kind` is `sig` or `att`.
    fn legacy(&self, kind: &str, media_type: &str, layer: &SignedLayer) {
        let blob = self.registry.put_blob("acme/app", &layer.text);
        let config = self.registry.put_blob("acme/app", b"{}");
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2},
            "layers": [{
                "mediaType": media_type, "digest": blob, "size": layer.text.len(), "annotations": layer.annotations,
            }],
        });
        let tag = format!("{}.{kind}", self.digest.replace(':', "-"));
        let oci = "application/vnd.oci.image.manifest.v1+json";
        self.registry.put_manifest("acme/app", Some(&tag), oci, manifest.to_string().as_bytes());
    }

    /// Signs a text as cosign did and stores it.
    fn sign(&self, text: &Value) {
        let spec = self.world.sigstore.spec_signature(text.to_string().as_bytes());
        let layer = self.world.sigstore.signed_layer(&spec);
        self.legacy("sig", "application/vnd.dev.cosign.simplesigning.v1+json", &layer);
    }

    fn refer(&self, spec: &Spec) {
        let bundle = self.world.sigstore.mint(spec).to_string();
        let media_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
        self.registry.referrer("acme/app", &self.digest, media_type, bundle.as_bytes());
    }

    fn subjects(&self) -> Value {
        json!([{"digest": {"sha256": self.digest.strip_prefix("sha256:").unwrap()}, "annotations": {"env": "prod"}}])
    }

    fn run(&self, args: &[&str]) -> Ended {
        let name = format!("{}/acme/app@{}", self.registry.host(), self.digest);
        let args = [&["verify", &name, "--trust", "root.json", "--registry-timeout", "5"], args].concat();
        let mut command = self.world.command(&args);
        command.env("HOME", self.world.path("home")).env_remove("DOCKER_CONFIG");
        ended(command, &args)
    }

    fn judged(&self, args: &[&str]) -> (String, Vec<String>) {
        let ended = self.run(&[args, &["--format", "json"]].concat());
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        valid(&report, "report-v1");
        (report["verdict"].as_str().unwrap().to_owned(), codes(&report))
    }
}

#[test]
fn signatures_of_images_in_every_form() {
    let good = |image: &Image| payload(&image.digest, &json!({"env": "prod", "n": 1}));
    let provenance = ["--source-uri", "github.com/acme/app"];
    let env = [&SIGNED[..], &["--annotation", "env=prod"]].concat();
    let legacy = Image::new();
    legacy.sign(&good(&legacy));
    let referrer = Image::new();
    referrer.refer(&referrer.world.sigstore.spec_sign(&referrer.subjects(), None));
    for image in [&legacy, &referrer] {
        assert_eq!(image.judged(&SIGNED), allowed());
        assert_eq!(image.judged(&env), allowed());
        assert_eq!(image.judged(&[&SIGNED[..], &["--annotation", "env=x"]].concat()), denied(&["annotation-mismatch"]));
        assert_eq!(image.judged(&provenance), denied(&[TYPE]));
    }
    // A signature over the bytes of the manifest.
    let bytes = Image::new();
    let manifest = bytes.registry.manifest("acme/app", &bytes.digest).unwrap();
    bytes.refer(&bytes.world.sigstore.spec_message(&manifest));
    assert_eq!(bytes.judged(&SIGNED), allowed());
    // Provenance is no signature, and beside a signature it still is provenance.
    legacy.refer(&legacy.world.sigstore.spec_of(&legacy.subjects(), &GitHub::default()));
    assert_eq!(legacy.judged(&SIGNED).0, "allowed");
    assert_eq!(legacy.judged(&provenance).0, "allowed");
    referrer.refer(&referrer.world.sigstore.spec_of(&referrer.subjects(), &GitHub::default()));
    let unsigned = Image::new();
    unsigned.refer(&unsigned.world.sigstore.spec_of(&unsigned.subjects(), &GitHub::default()));
    assert_eq!(unsigned.judged(&SIGNED), denied(&[TYPE]));
    assert_eq!(Image::new().judged(&SIGNED), denied(&["attestation-missing"]));
    // Two forms by one signer are one signer.
    assert_eq!(referrer.judged(&[&SIGNED[..], &["--threshold", "2"]].concat()), denied(&["threshold-not-met", TYPE]));
}

#[test]
fn lies_about_images_are_refused() {
    let other = format!("sha256:{}", "ab".repeat(32));
    let lie = |change: &dyn Fn(&mut Value)| {
        let image = Image::new();
        let mut text = payload(&image.digest, &Value::Null);
        change(&mut text);
        image.sign(&text);
        image.judged(&SIGNED)
    };
    let digest = |text: &mut Value| text["critical"]["image"]["docker-manifest-digest"] = json!(other);
    assert_eq!(lie(&digest), denied(&["subject-mismatch"]));
    assert_eq!(lie(&|text| text["critical"]["more"] = json!(1)), denied(&["json-field-unknown"]));
    assert_eq!(lie(&|text| text["critical"]["type"] = json!("x")), denied(&["simple-signing-type"]));
    let kind = "application/vnd.dev.cosign.simplesigning.v1+json";
    let layer = |image: &Image, text: &Value| {
        let spec = image.world.sigstore.spec_signature(text.to_string().as_bytes());
        image.world.sigstore.signed_layer(&spec)
    };
    // This image's text, with the signature over another one's.
    let image = Image::new();
    let text = payload(&image.digest, &Value::Null);
    let mut swapped = layer(&image, &payload(&other, &Value::Null));
    swapped.text = text.to_string().into_bytes();
    image.legacy("sig", kind, &swapped);
    assert_eq!(image.judged(&SIGNED), denied(&["signature-invalid"]));
    // The log entry of another one's.
    let mut logged = layer(&image, &text);
    let log = "dev.sigstore.cosign/bundle";
    logged.annotations.insert(log.to_owned(), layer(&image, &payload(&other, &Value::Null)).annotations[log].clone());
    image.legacy("sig", kind, &logged);
    assert_eq!(image.judged(&SIGNED), denied(&["log-entry-mismatch"]));
    // A signature where attestations are, and an envelope where signatures are.
    let image = Image::new();
    image.legacy("att", "application/vnd.dsse.envelope.v1+json", &layer(&image, &payload(&image.digest, &Value::Null)));
    assert_eq!(image.judged(&SIGNED).0, "denied");
    assert_eq!(image.judged(&["--source-uri", "github.com/acme/app"]).0, "denied");
    let image = Image::new();
    let parts = image.world.sigstore.mint_parts(&image.world.sigstore.spec_sign(&image.subjects(), None));
    let mut envelope = layer(&image, &payload(&image.digest, &Value::Null));
    envelope.text = parts.envelope.to_string().into_bytes();
    image.legacy("sig", kind, &envelope);
    assert_eq!(image.judged(&SIGNED), denied(&["signature-invalid"]));
    // As Tekton Chains stores it.
    let image = Image::new();
    let spec = Spec {
        payload: Some(payload(&image.digest, &Value::Null).to_string().into_bytes()),
        payload_type: kind.to_owned(),
        signature: crate::support::virtual_sigstore::Signature::WithoutPae,
        ..image.world.sigstore.spec(ARTIFACT)
    };
    image.refer(&spec);
    assert_eq!(image.judged(&SIGNED), denied(&["simple-signing-envelope"]));
}
