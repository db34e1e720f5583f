//! The story of the tutorials at registries that others wrote: an image is published with everything about it, looked at and
//! verified; then each lie about it is told, and refused by its code.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use sealmark::formats::artifact::image::ImageReference;
use sealmark::formats::oci;
use sealmark::formats::oci::referrer::About;
use sealmark::formats::oci::referrer::BundleContent;
use sealmark::remote::registry::Access;
use sealmark::remote::registry::Credential;
use sealmark::remote::registry::Keyring;
use sealmark::remote::registry::Registries;
use sealmark::remote::registry::RegistryError;
use sealmark::store::oci::Images;
use sealmark::store::oci::attach::BundleText;
use sealmark::store::oci::attach::attach_bundle;
use sealmark::store::oci::registry::Repository;
use serde_json::Value;
use serde_json::json;

use crate::support::real_registry::RealRegistry;
use crate::support::registry_server::Auth;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;
use crate::support::registry_server::content;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::statement;
use crate::world::Ended;
use crate::world::World;
use crate::world::ended;
use crate::world::valid;

const PROVENANCE: &str = "https://slsa.dev/provenance/v1";
const SBOM: &str = "https://cyclonedx.org/bom";
const SCAN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
const TAG: &str = "v1.4.2";
const TYPE: &str = "predicate-type-mismatch";
const SOURCE: [&str; 6] = ["--source-uri", "github.com/acme/app", "--source-tag", TAG, "--trust", "server.json"];

/// Somebody who releases: a folder, a key, and a Sigstore for what is signed without one.
pub(crate) struct Job {
    pub(crate) world: World,
    server: SigstoreServer,
    /// What every command is told about registries.
    pub(crate) variables: Vec<(&'static str, PathBuf)>,
    pub(crate) flags: Vec<String>,
}

/// An image in a registry.
pub(crate) struct Image {
    /// `REGISTRY/REPOSITORY`.
    repository: String,
    digest: String,
    /// The digest of its one layer.
    layer: String,
}

impl Image {
    pub(crate) fn pinned(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }

    fn tagged(&self) -> String {
        format!("{}:{TAG}", self.repository)
    }
}

impl Job {
    pub(crate) fn new() -> Self {
        let (world, server) = (World::new(), SigstoreServer::start("story", Instance::Public));
        world.write("server.json", server.trusted_root().to_string());
        world.write("event.json", "{}");
        let sbom = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": []});
        world.write("sbom.json", sbom.to_string());
        let scan = json!({
            "invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
            "scanner": {"uri": "pkg:github/acme/scanner@1.2.3", "version": "1.2.3",
                "db": {"uri": "", "version": "7"}, "result": {"Results": []}},
            "metadata": {"scanStartedOn": "2026-11-20T10:00:00Z", "scanFinishedOn": "2026-11-20T10:01:00Z"},
        });
        world.write("scan.json", scan.to_string());
        let job = Self { world, server, variables: Vec::new(), flags: Vec::new() };
        job.good(&["key", "generate", "--output", "k", "--plain"]);
        job
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command.env("HOME", self.world.path("home"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// A command about images, with the flags that all of them have.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let flags = if args[0] == "key" { &[] } else { flags.as_slice() };
        ended(self.command(&[args, flags].concat()), args)
    }

    pub(crate) fn good(&self, args: &[&str]) -> Ended {
        let ended = self.run(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended
    }

    /// It ends so, with this one error.
    fn error(&self, args: &[&str], exit: i32, code: &str) {
        let ended = self.run(args);
        assert!(ended.code == exit && ended.err.contains(&format!("error    {code} ")), "{args:?}: {ended:?}");
    }

    /// It is not allowed: the exit code, and the codes of the image and of each attestation, sorted.
    pub(crate) fn denied(&self, args: &[&str], exit: i32, codes: &[&str]) {
        let ended = self.run(&[&["verify"], args, &["--format", "json"]].concat());
        let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{args:?}: {ended:?}"));
        valid(&report, "report-v1");
        let mut found = Vec::new();
        for result in report["results"].as_array().unwrap() {
            let candidates = result["candidates"].as_array().unwrap();
            for findings in candidates.iter().chain([result]).map(|one| &one["findings"]) {
                found.extend(findings.as_array().into_iter().flatten().map(|one| one["code"].as_str().unwrap()));
            }
        }
        found.sort_unstable();
        assert_eq!((ended.code, found.as_slice()), (exit, codes), "{args:?}: {report:#}");
    }

    /// Runs a command in a job of GitHub, signing without a key.
    fn released(&self, run: &GitHub, args: &[&str]) -> Ended {
        let (url, stamps) = (self.server.url(), self.server.timestamp_url());
        let claims = tokens::github(run);
        self.server.claims(claims.clone());
        let services = ["--fulcio-url", &url, "--timestamp-url", &stamps, "--rekor-url", &url, "--rekor-version", "1"];
        let flags: Vec<&str> = self.flags.iter().map(String::as_str).collect();
        let args = [args, &services, &["--trust", "server.json", "--timeout", "5"], &flags].concat();
        let mut command = self.command(&args);
        command.envs(self.server.token_environment());
        command.env("GITHUB_ACTIONS", "true").env("GITHUB_SERVER_URL", "https://github.com");
        command.env("RUNNER_ENVIRONMENT", &run.runner).env("GITHUB_EVENT_PATH", self.world.path("event.json"));
        for (name, value) in claims.as_object().unwrap() {
            if !["iss", "sub", "jti"].contains(&name.as_str()) {
                command.env(format!("GITHUB_{}", name.to_uppercase()), value.as_str().unwrap());
            }
        }
        let ended = ended(command, &args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
        ended
    }

    /// Runs the line that a command printed last, to the letter, in a shell.
    pub(crate) fn check_it(&self, told: &Ended) {
        let line = told.out.lines().find_map(|line| line.trim().strip_prefix("check it   ")).unwrap();
        let mut command = Command::new("sh");
        crate::support::hermetic(&mut command);
        let program = Path::new(env!("CARGO_BIN_EXE_sealmark")).parent().unwrap().to_owned();
        let path = env::split_paths(&env::var_os("PATH").unwrap()).collect::<Vec<_>>();
        let path = env::join_paths([program].into_iter().chain(path)).unwrap();
        command.current_dir(self.world.path("")).env("PATH", path).env("HOME", self.world.path("home"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        let checked = ended_of(command, line);
        assert_eq!(checked.code, 0, "{line}: {checked:?}");
        assert!(checked.out.contains("allowed"), "{line}: {checked:?}");
    }

    /// Writes a layout with an image of one layer, which holds a text, and gives its digest and that of the layer.
    pub(crate) fn layout(&self, name: &str, text: &str) -> (String, String) {
        let folder = self.world.path(name);
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        let put = |bytes: &[u8]| {
            let digest = content::digest(bytes);
            fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), bytes).unwrap();
            digest
        };
        let mut packed = GzEncoder::new(Vec::new(), Compression::default());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let layer = put(&packed);
        let config = json!({"architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [content::digest(text.as_bytes())]}})
        .to_string();
        let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
        let manifest = json!({"schemaVersion": 2, "mediaType": content::MANIFEST,
            "config": {"mediaType": content::CONFIG, "digest": put(config.as_bytes()), "size": config.len()},
            "layers": [{"mediaType": kind, "digest": layer, "size": packed.len()}]})
        .to_string();
        let digest = put(manifest.as_bytes());
        let index = json!({"schemaVersion": 2, "manifests": [{"mediaType": content::MANIFEST, "digest": digest,
            "size": manifest.len(), "annotations": {"org.opencontainers.image.ref.name": TAG}}]});
        fs::write(folder.join("index.json"), index.to_string()).unwrap();
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        (digest, layer)
    }

    /// Pushes an image, and gives it by the digest that the push printed.
    pub(crate) fn push(&self, host: &str, repository: &str) -> Image {
        let (digest, layer) = self.layout(&repository.replace('/', "-"), repository);
        let repository_ = format!("{host}/{repository}");
        let from = format!("oci-layout:{}:{TAG}", repository.replace('/', "-"));
        let told = self.good(&["copy", &from, &format!("{repository_}:{TAG}"), "--format", "json"]);
        let told: Value = serde_json::from_str(&told.out).unwrap();
        assert_eq!(told["image"], digest);
        Image { repository: repository_, digest, layer }
    }

    /// Signs and attests an image in the four ways of the tutorials, and checks each as it says.
    fn publish(&self, image: &Image, run: &GitHub) {
        let pinned = image.pinned();
        let told = self.good(&["sign", &pinned, "--key", "k.key"]);
        assert_eq!(told.err, "", "{told:?}");
        self.check_it(&told);
        let sbom = ["attest", &pinned, "--key", "k.key", "--predicate", "sbom.json", "--type", "cyclonedx"];
        self.check_it(&self.good(&sbom));
        self.check_it(&self.released(run, &["attest", &pinned, "--predicate", "scan.json", "--type", "vuln"]));
        let told = self.released(run, &["attest", &pinned]);
        assert!(told.out.contains("SLSA Build L2 at most"), "{told:?}");
        self.check_it(&told);
    }

    /// Verifies each of the four by who signed it and what it is.
    fn verify_all(&self, image: &str, run: &GitHub) {
        let (identity, issuer) = (run.signer_uri(), run.issuer.clone());
        let who = ["--identity", &identity, "--issuer", &issuer, "--trust", "server.json"];
        self.good(&["verify", image, "--type", "signature", "--key", "k.pub"]);
        self.good(&["verify", image, "--type", "cyclonedx", "--key", "k.pub"]);
        self.good(&[&["verify", image, "--type", "vuln"], &who[..]].concat());
        self.good(&[&["verify", image], &SOURCE[..]].concat());
        self.good(&[&["verify", image], &who[..]].concat());
    }

    /// The predicate types of what is attached, sorted.
    pub(crate) fn tree(&self, image: &str) -> Vec<String> {
        let told = self.good(&["tree", image, "--format", "json"]);
        let report: Value = serde_json::from_str(&told.out).unwrap();
        valid(&report, "tree-v1");
        let mut found = Vec::new();
        types(&report, &mut found);
        found.sort_unstable();
        found
    }
}

/// Every predicate type in a document.
fn types(value: &Value, found: &mut Vec<String>) {
    if let Some(object) = value.as_object() {
        found.extend(object.get("predicateType").and_then(Value::as_str).map(str::to_owned));
        object.values().for_each(|one| types(one, found));
    }
    value.as_array().into_iter().flatten().for_each(|one| types(one, found));
}

fn ended_of(mut command: Command, line: &str) -> Ended {
    command.arg("-c").arg(line).stdin(std::process::Stdio::null());
    ended(command, &[line])
}

/// Those that are installed.
fn registries() -> impl Iterator<Item = RealRegistry> {
    [RealRegistry::docker(), RealRegistry::ferro()].into_iter().flatten()
}

/// The file of a registry that holds these very bytes.
fn held(folder: &Path, bytes: &[u8]) -> Option<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).unwrap() == bytes {
                return Some(path);
            }
        }
    }
    None
}

struct Nobody;

impl Keyring for Nobody {
    fn credential(&self, _: &str, _: &str) -> Result<Credential, RegistryError> {
        Ok(Credential::Anonymous)
    }
}

/// A repository, for whoever attaches what `sealmark attach` would not.
fn repository(image: &Image) -> Repository {
    let total = Duration::from_secs(10);
    let access = Access { keyring: Arc::new(Nobody), authorities: Vec::new(), total, per_second: None };
    let name = ImageReference::parse(&image.repository).unwrap().name;
    Repository::new(&Registries::new(access).unwrap(), &name).unwrap()
}

/// Attaches a bundle to an image, whatever it is about, and gives the manifest that holds it.
fn force(image: &Image, bundle: &[u8], predicate_type: &str) -> Vec<u8> {
    let place = repository(image);
    let subject = place.manifest(&oci::digest(&image.digest).unwrap(), None).unwrap().unwrap();
    let about =
        About { predicate_type: Some(predicate_type), content: BundleContent::Envelope, created: Timestamp::now() };
    let digest = attach_bundle(&place, &subject, BundleText::Held(bundle), &about).unwrap();
    place.manifest(&digest, None).unwrap().unwrap().bytes
}

#[test]
fn an_image_is_published_and_verified_by_each_of_its_four_attestations() {
    for registry in registries() {
        let (job, run) = (Job::new(), GitHub::default());
        let image = job.push(&registry.host(), "acme/app");
        job.publish(&image, &run);
        let mut all = [SIGNATURE, SBOM, SCAN, PROVENANCE];
        all.sort_unstable();
        assert_eq!(job.tree(&image.pinned()), all);
        let shown = job.good(&["tree", &image.pinned()]);
        assert!(all.iter().all(|one| shown.out.contains(one)), "{shown:?}");
        job.verify_all(&image.pinned(), &run);
        let by_tag = job.good(&[&["verify", &image.tagged()], &SOURCE[..]].concat());
        assert!(by_tag.err.contains(&format!("is {} now", image.digest)), "{by_tag:?}");
        // One is no other: each by the signer of another, and by a type that nobody attached.
        let pinned = image.pinned();
        let unknown = [TYPE, TYPE, "timestamp-invalid", "timestamp-invalid"];
        job.denied(&[&pinned, "--type", "vuln", "--key", "k.pub"], 1, &unknown);
        job.denied(&[&pinned, "--type", "spdx", "--key", "k.pub"], 1, &unknown);
        let who = ["--identity", "https://x.test", "--issuer", &run.issuer, "--trust", "server.json"];
        let codes = ["identity-mismatch", "identity-mismatch", TYPE, "signer-kind", "signer-kind"];
        job.denied(&[&[&pinned, "--type", "vuln"], &who[..]].concat(), 1, &codes);
        let codes = [TYPE, "signer-kind", "signer-kind", "source-uri-mismatch"];
        job.denied(&[&pinned, "--source-uri", "github.com/acme/other", "--trust", "server.json"], 1, &codes);
    }
}

#[test]
fn every_lie_about_an_image_is_refused_by_its_code() {
    for registry in registries() {
        let (job, run, host) = (Job::new(), GitHub::default(), registry.host());
        unsigned(&job, &host);
        moved(&job, &host, &run);
        other_branch(&job, &host);
        other_signer(&job, &host);
        other_image(&job, &host, &run);
        swapped(&job, &registry);
        tampered(&job, &registry, &run);
    }
}

fn unsigned(job: &Job, host: &str) {
    let pinned = job.push(host, "acme/unsigned").pinned();
    for args in [
        &[&pinned, "--type", "signature", "--key", "k.pub"][..],
        &[&pinned, "--type", "cyclonedx", "--key", "k.pub"],
        &[&[pinned.as_str()], &SOURCE[..]].concat(),
    ] {
        job.denied(args, 1, &["attestation-missing"]);
    }
}

/// The tag names something else tomorrow.
fn moved(job: &Job, host: &str, run: &GitHub) {
    let image = job.push(host, "acme/moved");
    job.publish(&image, run);
    let (digest, _) = job.layout("evil", "something else");
    let evil = format!("oci-layout:evil:{TAG}");
    job.error(&["copy", &evil, &image.tagged()], 1, "copy-tag-taken");
    job.good(&["copy", &evil, &image.tagged(), "--force"]);
    let by_tag = job.run(&[&["verify", &image.tagged()], &SOURCE[..]].concat());
    assert!(by_tag.code == 1 && by_tag.err.contains(&format!("is {digest} now")), "{by_tag:?}");
    job.denied(&[&[image.tagged().as_str()], &SOURCE[..]].concat(), 1, &["attestation-missing"]);
    job.denied(&[&image.tagged(), "--type", "signature", "--key", "k.pub"], 1, &["attestation-missing"]);
    job.verify_all(&image.pinned(), run);
}

/// The same workflow on a branch that everybody may push to.
fn other_branch(job: &Job, host: &str) {
    let branch = GitHub { reference: "refs/heads/feature".to_owned(), ..GitHub::default() };
    let image = job.push(host, "acme/branch");
    let pinned = image.pinned();
    job.check_it(&job.released(&branch, &["sign", &pinned]));
    job.check_it(&job.released(&branch, &["attest", &pinned]));
    job.check_it(&job.released(&branch, &["attest", &pinned, "--predicate", "scan.json", "--type", "vuln"]));
    let run = GitHub::default();
    let identity = run.signer_uri();
    let who = ["--identity", &identity, "--issuer", &run.issuer, "--trust", "server.json"];
    job.denied(&[&[pinned.as_str()], &SOURCE[..]].concat(), 1, &[TYPE, TYPE, "source-ref-mismatch"]);
    let other = "identity-mismatch";
    for word in ["signature", "vuln"] {
        job.denied(&[&[&pinned, "--type", word], &who[..]].concat(), 1, &[other, other, other, TYPE, TYPE]);
    }
}

/// Somebody signs this image with a key of their own.
fn other_signer(job: &Job, host: &str) {
    let pinned = job.push(host, "acme/theirs").pinned();
    job.good(&["key", "generate", "--output", "m", "--plain"]);
    job.check_it(&job.good(&["sign", &pinned, "--key", "m.key"]));
    job.check_it(&job.good(&["attest", &pinned, "--key", "m.key", "--predicate", "sbom.json", "--type", "cyclonedx"]));
    for word in ["signature", "cyclonedx"] {
        let codes = ["signature-key-unknown", "signature-key-unknown"];
        job.denied(&[&pinned, "--type", word, "--key", "k.pub"], 1, &codes);
    }
}

/// What is truly signed, about another image, is attached to this one.
fn other_image(job: &Job, host: &str, run: &GitHub) {
    let (ours, victim) = (job.push(host, "acme/honest"), job.push(host, "acme/victim"));
    job.good(&["sign", &ours.pinned(), "--key", "k.key", "--output", "signature.json"]);
    let sbom = ["--predicate", "sbom.json", "--type", "cyclonedx", "--output", "signed-sbom.json"];
    job.good(&[&["attest", &ours.pinned(), "--key", "k.key"], &sbom[..]].concat());
    job.released(run, &["attest", &ours.pinned(), "--output", "provenance.json"]);
    let files = [("signature.json", SIGNATURE), ("signed-sbom.json", SBOM), ("provenance.json", PROVENANCE)];
    for (file, predicate_type) in files {
        job.error(&["attach", &victim.pinned(), "--bundle", file], 2, "subject-not-in-statement");
        job.good(&["attach", &ours.pinned(), "--bundle", file]);
        let bundle = fs::read(job.world.path(file)).unwrap();
        force(&victim, bundle.trim_ascii(), predicate_type);
    }
    for word in ["signature", "cyclonedx"] {
        job.good(&["verify", &ours.pinned(), "--type", word, "--key", "k.pub"]);
        let codes = ["subject-mismatch", "subject-mismatch", "timestamp-invalid"];
        job.denied(&[&victim.pinned(), "--type", word, "--key", "k.pub"], 1, &codes);
    }
    job.good(&[&["verify", &ours.pinned()], &SOURCE[..]].concat());
    let codes = ["signer-kind", "signer-kind", "subject-mismatch"];
    job.denied(&[&[victim.pinned().as_str()], &SOURCE[..]].concat(), 1, &codes);
}

/// The registry gives an attestation of another image under the digest of the one that was attached.
fn swapped(job: &Job, registry: &RealRegistry) {
    let host = registry.host();
    let text = json!({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "padding": "x".repeat(200_000)});
    job.world.write("large.json", text.to_string());
    let attached = |image: &Image, predicate: &str, name: &str| {
        let sbom = ["--predicate", predicate, "--type", "cyclonedx", "--format", "json"];
        let told = job.good(&[&["attest", &image.pinned(), "--key", "k.key"], &sbom[..]].concat());
        job.good(&["download", "attestation", &image.pinned(), "--output", name, "--force"]);
        let report: Value = serde_json::from_str(&told.out).unwrap();
        let digest = oci::digest(report["results"][0]["attached"].as_str().unwrap()).unwrap();
        (repository(image).manifest(&digest, None).unwrap().unwrap().bytes, fs::read(job.world.path(name)).unwrap())
    };
    // One that stands in its manifest, and one that does not.
    for (repository, predicate, code) in [
        ("acme/swapped-0", "sbom.json", "image-content-digest"),
        ("acme/swapped-1", "large.json", "image-content-digest"),
    ] {
        let (image, other) = (job.push(&host, repository), job.push(&host, &repository.replace("swapped", "another")));
        let (good, bad) = (attached(&image, predicate, "good.json"), attached(&other, predicate, "bad.json"));
        let (good, bad) = if predicate == "large.json" { (trimmed(good.1), trimmed(bad.1)) } else { (good.0, bad.0) };
        let verify = [&image.pinned(), "--type", "cyclonedx", "--key", "k.pub"];
        job.good(&[&["verify"], &verify[..]].concat());
        // One of the two keeps its manifests in memory.
        let Some(file) = held(registry.folder(), &good) else {
            assert_eq!(predicate, "sbom.json");
            continue;
        };
        fs::write(file, resized(bad, good.len())).unwrap();
        job.denied(&verify, 3, &[code]);
    }
}

fn trimmed(bytes: Vec<u8>) -> Vec<u8> {
    bytes.trim_ascii().to_vec()
}

/// Bytes made as long as what they stand for, so that not the length alone gives them away.
fn resized(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.resize(length, b' ');
    bytes
}

/// The registry gives other bytes for a layer. Who signed has said nothing wrong; whoever takes the image finds out.
fn tampered(job: &Job, registry: &RealRegistry, run: &GitHub) {
    let image = job.push(&registry.host(), "acme/tampered");
    job.publish(&image, run);
    let hex = image.layer.strip_prefix("sha256:").unwrap();
    let layer = fs::read(job.world.path("acme-tampered/blobs/sha256").join(hex)).unwrap();
    let mut evil = layer.clone();
    *evil.last_mut().unwrap() ^= 1;
    fs::write(held(registry.folder(), &layer).unwrap(), evil).unwrap();
    job.error(&["copy", &image.pinned(), "oci-layout:taken"], 3, "image-content-digest");
    let left = ["oci-layout:taken", "--type", "signature", "--key", "k.pub"];
    job.denied(&left, 3, &["layout-image-missing"]);
}

#[test]
fn everything_goes_along_to_where_there_is_no_network() {
    for registry in registries() {
        let (job, run) = (Job::new(), GitHub::default());
        let image = job.push(&registry.host(), "acme/app");
        job.publish(&image, &run);
        job.good(&["copy", &image.tagged(), "oci-layout:carried"]);
        drop(registry);
        let carried = job.tree("oci-layout:carried");
        job.verify_all("oci-layout:carried", &run);
        alone(&job, &[&["verify", "oci-layout:carried"], &SOURCE[..]].concat());
        alone(&job, &["verify", "oci-layout:carried", "--type", "signature", "--key", "k.pub"]);
        for inside in registries() {
            let there = Image { repository: format!("{}/inside/app", inside.host()), ..clone(&image) };
            job.good(&["copy", "oci-layout:carried", &there.tagged()]);
            assert_eq!(job.tree(&there.pinned()), carried);
            job.verify_all(&there.pinned(), &run);
            job.good(&[&["verify", &there.tagged()], &SOURCE[..]].concat());
        }
    }
}

fn clone(image: &Image) -> Image {
    Image { repository: image.repository.clone(), digest: image.digest.clone(), layer: image.layer.clone() }
}

/// Runs the program in a network namespace of its own, which has no interface that is up, and it is allowed.
fn alone(job: &Job, args: &[&str]) {
    let tried = Command::new("unshare").args(["-rn", "true"]).output();
    if !tried.is_ok_and(|output| output.status.success()) {
        assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but unshare is not permitted");
        println!("skipped: unshare is not permitted here");
        return;
    }
    let mut command = Command::new("unshare");
    crate::support::hermetic(&mut command);
    command.args(["-rn", env!("CARGO_BIN_EXE_sealmark")]).args(args);
    command.current_dir(job.world.path("")).env("HOME", job.world.path("home"));
    let ended = ended(command, args);
    assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
}

/// What another client pushes and pulls is the same image.
#[test]
fn another_client_pushes_it_and_takes_it_out() {
    if Command::new("skopeo").arg("--version").output().is_err() {
        assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but skopeo is not installed");
        println!("skipped: skopeo is not installed");
        return;
    }
    for registry in registries() {
        let job = Job::new();
        let (digest, _) = job.layout("pushed", "by another client");
        let skopeo = |args: &[&str]| {
            let mut command = Command::new("skopeo");
            crate::support::hermetic(&mut command);
            command.current_dir(job.world.path("")).env("HOME", job.world.path("home"));
            command.args(["--insecure-policy"]).args(args);
            let ended = ended(command, args);
            assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
            ended.out
        };
        let tagged = format!("{}/acme/app:{TAG}", registry.host());
        let there = format!("docker://{tagged}");
        let from = format!("oci:pushed:{TAG}");
        skopeo(&["copy", "--preserve-digests", "--dest-tls-verify=false", "--digestfile", "digest", &from, &there]);
        assert_eq!(fs::read_to_string(job.world.path("digest")).unwrap(), digest);
        let pinned = format!("{}/acme/app@{digest}", registry.host());
        job.check_it(&job.good(&["sign", &pinned, "--key", "k.key"]));
        job.check_it(&job.released(&GitHub::default(), &["attest", &there]));
        job.good(&[&["verify", &there], &SOURCE[..]].concat());
        let to = format!("oci:taken:{TAG}");
        skopeo(&["copy", "--preserve-digests", "--src-tls-verify=false", &there, &to]);
        let index: Value = serde_json::from_slice(&fs::read(job.world.path("taken/index.json")).unwrap()).unwrap();
        assert_eq!(index["manifests"][0]["digest"], digest);
    }
}

/// A registry that wants a token for a password, by TLS with a certificate of an authority that nobody else knows.
#[test]
fn behind_a_password_and_a_private_authority_it_is_the_same_story() {
    let auth = |user: &str, password: &str, anonymous_pull: bool| Auth::Bearer {
        user: user.to_owned(),
        password: password.to_owned(),
        refresh: "refresh".to_owned(),
        anonymous_pull,
    };
    let basic = Auth::Basic { user: "ann".to_owned(), password: "hunter2".to_owned() };
    let (token, unknown) = ("registry-token", "registry-unauthorized");
    for (auth, referrers, nobody, wrong) in [
        (auth("ann", "hunter2", false), ReferrersApi::Present, token, token),
        (auth("ann", "hunter2", true), ReferrersApi::Refused(404), unknown, token),
        (basic, ReferrersApi::Present, unknown, unknown),
    ] {
        let subject_header = referrers == ReferrersApi::Present;
        let registry =
            RegistryServer::start(Options { auth, tls: true, referrers, subject_header, ..Options::default() });
        let (mut job, run) = (Job::new(), GitHub::default());
        job.world.write("ca.pem", registry.ca_pem());
        job.layout("app", "an image");
        let copy = ["copy", &format!("oci-layout:app:{TAG}"), &format!("{}/acme/app", registry.host())];
        // Nobody, then somebody with a wrong password, then without the authority.
        job.flags = ["--registry-ca", "ca.pem", "--registry-timeout", "10"].map(str::to_owned).to_vec();
        job.error(&copy, 3, nobody);
        let file = job.world.path("auth.json");
        job.variables.push(("REGISTRY_AUTH_FILE", file));
        let config = |auth: &str| json!({"auths": {registry.host(): {"auth": auth}}}).to_string();
        // ann:wrong
        job.world.write("auth.json", config("YW5uOndyb25n"));
        job.error(&copy, 3, wrong);
        // ann:hunter2
        job.world.write("auth.json", config("YW5uOmh1bnRlcjI="));
        let flags = std::mem::take(&mut job.flags);
        job.error(&copy, 3, "registry-unavailable");
        job.flags = flags;
        assert!(registry.tags("acme/app").is_empty());
        let image = job.push(&registry.host(), "acme/app");
        job.publish(&image, &run);
        job.verify_all(&image.pinned(), &run);
        assert_eq!(job.tree(&image.pinned()).len(), 4);
        let there = format!("{}/other/app:{TAG}", registry.host());
        job.good(&["copy", &image.tagged(), &there]);
        job.verify_all(&there, &run);
        // Who may read may not write.
        job.variables.clear();
        job.error(&["sign", &image.pinned(), "--key", "k.key"], 3, nobody);
        assert_eq!(registry.requests().iter().filter(|(method, ..)| method == "DELETE").count(), 0);
    }
}

/// What is written in the form before bundles is what slsa-verifier's command takes.
#[test]
fn a_legacy_attestation_passes_the_command_of_slsa_verifier() {
    for registry in registries() {
        let job = Job::new();
        let image = job.push(&registry.host(), "acme/app");
        let generator = "slsa-framework/slsa-github-generator/.github/workflows/generator_container_slsa3.yml";
        let run = GitHub {
            signer_workflow: Some(format!("{generator}@refs/tags/v2.1.0")),
            signer_commit: Some("1".repeat(40)),
            ..GitHub::default()
        };
        let mut predicate = statement::provenance_v02(&json!([]), &run)["predicate"].take();
        predicate["buildType"] = json!("https://github.com/slsa-framework/slsa-github-generator/container@v1");
        predicate["invocation"]["environment"]["github_ref_type"] = json!("tag");
        predicate["invocation"]["environment"]["github_event_payload"] = json!({"base_ref": "refs/heads/main"});
        job.world.write("predicate.json", predicate.to_string());
        let pinned = image.pinned();
        let what = ["--legacy", "--predicate", "predicate.json", "--type", "slsaprovenance02"];
        job.released(&run, &[&["attest", &pinned], &what[..]].concat());
        let place = repository(&image);
        let digest = oci::digest(&image.digest).unwrap();
        assert!(place.referrers(&digest).unwrap().items.is_empty());
        assert!(place.tagged(&oci::attestation_tag(&digest)).unwrap().is_some());
        let verify = |image: &str, args: &[&str]| job.run(&[&["verify-image", image], args].concat());
        let (root, source) = (["--trust", "server.json"], ["--source-uri", "github.com/acme/app"]);
        let builder = format!("https://github.com/{generator}");
        for more in [&[][..], &["--source-tag", TAG], &["--source-versioned-tag", "v1"], &["--builder-id", &builder]] {
            let passed = verify(&pinned, &[&source[..], &root, more].concat());
            assert!(
                passed.code == 0 && passed.err.contains("PASSED: SLSA verification passed"),
                "{more:?}: {passed:?}"
            );
        }
        let refused = |image: &str, args: &[&str], name: &str| {
            let refused = verify(image, args);
            let said = format!("FAILED: SLSA verification failed: {name}");
            assert!(refused.code == 1 && refused.err.contains(&said), "{args:?}: {refused:?}");
        };
        refused(&pinned, &[&["--source-uri", "github.com/acme/other"], &root[..]].concat(), "ErrorMismatchSource");
        refused(&pinned, &[&source[..], &root, &["--source-tag", "v1.4.3"]].concat(), "ErrorMismatchTag");
        refused(&pinned, &[&source[..], &root, &["--source-branch", "feature"]].concat(), "ErrorMismatchBranch");
        refused(&pinned, &source, "ErrorRekorPubKey");
        refused(&image.tagged(), &[&source[..], &root].concat(), "ErrorMutableImage");
        let other = job.push(&registry.host(), "acme/other").pinned();
        refused(&other, &[&source[..], &root].concat(), "ErrorNoValidSignature");
        // The same by somebody who may not say so.
        let run = GitHub::default();
        predicate["builder"]["id"] = json!(run.signer_uri());
        job.world.write("predicate.json", predicate.to_string());
        job.released(&run, &[&["attest", &other], &what[..]].concat());
        refused(&other, &[&source[..], &root].concat(), "ErrorUntrustedReusableWorkflow");
    }
}

/// Google Cloud Build stores nothing with an image, and nobody is asked for what is not there.
#[test]
fn an_image_of_google_cloud_build_needs_the_file_with_its_provenance() {
    let (job, registry) = (Job::new(), RegistryServer::start(Options::default()));
    let image = format!("{}/acme/app@{}", registry.host(), registry.image("acme/app", TAG));
    let builder = "https://cloudbuild.googleapis.com/GoogleHostedWorker";
    for builder in [builder.to_owned(), format!("{builder}@v0.3")] {
        let args = ["verify-image", &image, "--source-uri", "github.com/acme/app", "--builder-id", &builder];
        let ended = job.run(&args);
        assert!(ended.code == 1 && ended.err.contains("FAILED: SLSA verification failed"), "{ended:?}");
        assert!(ended.err.contains("--provenance-path") && ended.err.contains("(bundle-needed)"), "{ended:?}");
    }
    assert!(registry.requests().is_empty());
}
