//! Images copied between registries, layouts and archives: all of it arrives, and whoever stops it leaves nothing half done.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use sealmark::formats::artifact::image::ImageReference;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::Descriptor;
use sealmark::formats::oci::platform::Platform;
use sealmark::remote::registry::Access;
use sealmark::remote::registry::Credential;
use sealmark::remote::registry::Keyring;
use sealmark::remote::registry::Registries;
use sealmark::remote::registry::RegistryError;
use sealmark::store::measure::Hold;
use sealmark::store::oci::Images;
use sealmark::store::oci::Manifest;
use sealmark::store::oci::OciError;
use sealmark::store::oci::Referrers;
use sealmark::store::oci::WritableImages;
use sealmark::store::oci::archive::Archive;
use sealmark::store::oci::copy::Copied;
use sealmark::store::oci::copy::CopyError;
use sealmark::store::oci::copy::Existing;
use sealmark::store::oci::copy::Kind;
use sealmark::store::oci::copy::Platforms;
use sealmark::store::oci::copy::Take;
use sealmark::store::oci::copy::Wanted;
use sealmark::store::oci::copy::copy;
use sealmark::store::oci::copy::plan;
use sealmark::store::oci::evidence::Legacy;
use sealmark::store::oci::evidence::Look;
use sealmark::store::oci::evidence::evidence;
use sealmark::store::oci::layout::LayoutFolder;
use sealmark::store::oci::registry::Repository;
use serde_json::Value;
use serde_json::json;
use support::real_registry::RealRegistry;
use support::registry_server::Auth;
use support::registry_server::Fault;
use support::registry_server::Options;
use support::registry_server::ReferrersApi;
use support::registry_server::RegistryServer;
use support::registry_server::content;
use support::registry_server::content::CONFIG;
use support::registry_server::content::INDEX;
use support::registry_server::content::MANIFEST;

const REPO: &str = "acme/app";
const TAG: &str = "v1";
const ONE: NonZeroUsize = NonZeroUsize::MIN;
const FOUR: NonZeroUsize = NonZeroUsize::new(4).unwrap();

struct Keys(Credential);

impl Keyring for Keys {
    fn credential(&self, _: &str, _: &str) -> Result<Credential, RegistryError> {
        Ok(self.0.clone())
    }
}

fn repository_as(host: &str, credential: Credential) -> Repository {
    let access = Access {
        keyring: Arc::new(Keys(credential)),
        authorities: Vec::new(),
        total: Duration::from_secs(10),
        per_second: None,
    };
    let name = ImageReference::parse(&format!("{host}/{REPO}")).unwrap().name;
    Repository::new(&Registries::new(access).unwrap(), &name).unwrap()
}

fn repository(host: &str) -> Repository {
    repository_as(host, Credential::Anonymous)
}

/// A registry without the list of referrers.
fn plain_options() -> Options {
    Options { referrers: ReferrersApi::Refused(404), subject_header: false, ..Options::default() }
}

/// An index of two platforms, with things attached to it, to a platform and to something attached.
struct Source {
    server: RegistryServer,
    index: String,
    platforms: Vec<String>,
    /// What is attached to the index, and to what is attached to it.
    attached: Vec<String>,
    /// The manifest under the tag `.att` of the index.
    legacy: String,
    /// Every manifest.
    manifests: Vec<String>,
}

impl Source {
    fn new(options: Options) -> Self {
        let server = RegistryServer::start(options);
        let (index, platforms) = server.index(REPO, TAG);
        let bundle = server.referrer(REPO, &index, "application/vnd.dev.sigstore.bundle.v0.3+json", b"{}");
        let about_it = server.referrer(REPO, &bundle, "application/vnd.example.note", b"a note about a bundle");
        let sbom = server.referrer(REPO, &platforms[1], "application/spdx+json", b"{\"spdxVersion\":\"2\"}");
        let legacy = legacy(&server, &index, &[b"{\"payload\":\"\"}"]);
        let mut manifests = vec![index.clone(), bundle.clone(), about_it.clone(), sbom.clone(), legacy.clone()];
        manifests.extend(platforms.iter().cloned());
        Self { server, index, platforms, attached: vec![bundle, about_it, sbom], legacy, manifests }
    }

    fn place(&self) -> Repository {
        repository(&self.server.host())
    }

    fn digest(&self) -> Digest {
        Digest::parse(&self.index).unwrap()
    }

    fn wanted(&self) -> Wanted {
        wanted(&self.index)
    }

    /// What each of its manifests needs.
    fn blobs(&self) -> BTreeSet<String> {
        self.manifests.iter().flat_map(|digest| needs(&self.server.manifest(REPO, digest).unwrap())).collect()
    }

    /// Everything is in another registry, byte for byte.
    fn require_all_in(&self, server: &RegistryServer) {
        for digest in &self.manifests {
            assert_eq!(server.manifest(REPO, digest), self.server.manifest(REPO, digest), "{digest}");
        }
        for digest in self.blobs() {
            assert_eq!(server.blob(REPO, &digest), self.server.blob(REPO, &digest), "{digest}");
        }
        assert_eq!(server.manifest(REPO, TAG), self.server.manifest(REPO, &self.index));
        let tag = format!("{}.att", self.index.replace(':', "-"));
        assert_eq!(server.manifest(REPO, &tag), self.server.manifest(REPO, &self.legacy));
    }

    /// Everything can be found in some place, as one who never heard of the source finds it.
    fn require_found_in(&self, place: &dyn Images) {
        assert_eq!(place.tagged(TAG).unwrap().unwrap().digest, self.digest());
        let listed = |image: &str| -> BTreeSet<String> {
            let items = place.referrers(&Digest::parse(image).unwrap()).unwrap().items;
            items.into_iter().map(|item| item.digest.to_string()).collect()
        };
        assert_eq!(listed(&self.index), BTreeSet::from([self.attached[0].clone()]));
        assert_eq!(listed(&self.attached[0]), BTreeSet::from([self.attached[1].clone()]));
        assert_eq!(listed(&self.platforms[1]), BTreeSet::from([self.attached[2].clone()]));
        let tag = format!("{}.att", self.index.replace(':', "-"));
        assert_eq!(place.tagged(&tag).unwrap().unwrap().digest.to_string(), self.legacy);
        for digest in &self.manifests {
            let manifest = place.manifest(&Digest::parse(digest).unwrap(), None).unwrap().unwrap();
            if manifest.document.subject.is_none() && digest == &self.index {
                continue;
            }
            for item in manifest.document.config.iter().chain(&manifest.document.items) {
                place.blob(item, 1 << 20).unwrap();
            }
        }
    }
}

fn wanted(image: &str) -> Wanted {
    Wanted {
        image: Digest::parse(image).unwrap(),
        tag: Some(TAG.to_owned()),
        platforms: Platforms::All,
        attached: Take::All,
        legacy: Legacy::Also,
        existing: Existing::Refuse,
    }
}

fn needs(manifest: &[u8]) -> Vec<String> {
    let manifest: Value = serde_json::from_slice(manifest).unwrap();
    let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
    let items = layers.into_iter().chain(manifest.get("config").cloned());
    items.map(|item| item["digest"].as_str().unwrap().to_owned()).collect()
}

/// Puts layers under the tag `.att` of an image.
fn legacy(server: &RegistryServer, image: &str, layers: &[&[u8]]) -> String {
    let item = |kind: &str, bytes: &[u8]| {
        let digest = server.put_blob(REPO, bytes);
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    };
    let layers: Vec<Value> = layers.iter().map(|bytes| item("application/vnd.dsse.envelope.v1+json", bytes)).collect();
    let config = item(CONFIG, b"{\"rootfs\":{}}");
    let text = json!({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).to_string();
    server.put_manifest(REPO, Some(&format!("{}.att", image.replace(':', "-"))), MANIFEST, text.as_bytes())
}

fn run(from: &dyn Images, to: &dyn WritableImages, wanted: &Wanted) -> Result<Copied, CopyError> {
    copy(from, to, wanted, FOUR, &|_| {})
}

fn code<T>(result: Result<T, CopyError>) -> &'static str {
    result.map(drop).unwrap_err().code()
}

/// What was sent in some requests: digests of blobs, names of manifests.
fn sent(server: &RegistryServer) -> (Vec<String>, Vec<String>) {
    let (mut blobs, mut manifests) = (Vec::new(), Vec::new());
    for (method, target, _) in server.requests() {
        if method != "PUT" {
            continue;
        }
        match target.split_once("/manifests/") {
            Some((_, name)) => manifests.push(name.to_owned()),
            None => blobs.push(target.rsplit_once("digest=").unwrap().1.replace("%3A", ":")),
        }
    }
    (blobs, manifests)
}

#[test]
fn everything_arrives_from_place_to_place() {
    let source = Source::new(Options { page_size: 1, ..Options::default() });
    let folder = tempfile::tempdir().unwrap();
    let plain = RegistryServer::start(Options { etags: true, ..plain_options() });
    let told = run(&source.place(), &repository(&plain.host()), &source.wanted()).unwrap();
    source.require_all_in(&plain);
    source.require_found_in(&repository(&plain.host()));
    assert_eq!((told.manifests_sent, told.manifests_there), (7, 0));
    assert_eq!((told.blobs_sent, told.blobs_there), (source.blobs().len(), 0));
    assert_eq!(told.notices, Vec::<String>::new());
    let attached: BTreeSet<String> = told.attached.iter().map(|one| one.manifest.to_string()).collect();
    assert_eq!(attached, source.attached.iter().chain([&source.legacy]).cloned().collect());
    let platforms: Vec<_> = told.platforms.iter().map(|(name, digest)| (name.as_str(), digest.to_string())).collect();
    assert_eq!(platforms[0], ("linux/amd64", source.platforms[0].clone()));
    let layout = LayoutFolder::create(&folder.path().join("layout")).unwrap();
    run(&repository(&plain.host()), &layout, &source.wanted()).unwrap();
    source.require_found_in(&layout);
    assert_eq!(layout.only().unwrap().unwrap().digest, source.digest());
    let file = folder.path().join("layout.tar");
    let packed =
        Command::new("tar").arg("-cf").arg(&file).arg("-C").arg(folder.path().join("layout")).arg(".").status();
    assert!(packed.unwrap().success());
    let archive = Archive::open(&file).unwrap();
    source.require_found_in(&archive);
    let auth = Auth::Bearer {
        user: "ann".to_owned(),
        password: "secret".to_owned(),
        refresh: "refresh".to_owned(),
        anonymous_pull: false,
    };
    let last = RegistryServer::start(Options { auth, single_post: false, ..Options::default() });
    let ann = Credential::Password { username: "ann".to_owned(), password: "secret".to_owned() };
    assert_eq!(code(run(&archive, &repository(&last.host()), &source.wanted())), "registry-token");
    run(&archive, &repository_as(&last.host(), ann.clone()), &source.wanted()).unwrap();
    source.require_all_in(&last);
    source.require_found_in(&repository_as(&last.host(), ann));
}

#[test]
fn a_second_run_sends_nothing() {
    let source = Source::new(Options::default());
    for options in [Options::default(), plain_options()] {
        let server = RegistryServer::start(options);
        let to = repository(&server.host());
        run(&source.place(), &to, &source.wanted()).unwrap();
        server.reset_requests();
        let planned = plan(&source.place(), Some(&to), &source.wanted(), ONE).unwrap();
        let told = run(&source.place(), &to, &source.wanted()).unwrap();
        assert_eq!(told, planned);
        assert_eq!((told.manifests_sent, told.blobs_sent, told.bytes_sent), (0, 0, 0));
        assert_eq!((told.manifests_there, told.blobs_there), (7, source.blobs().len()));
        assert_eq!(sent(&server), (vec![], vec![]));
        assert!(server.requests().iter().all(|(method, _, _)| method == "GET" || method == "HEAD"));
    }
    let folder = tempfile::tempdir().unwrap();
    let layout = LayoutFolder::create(folder.path()).unwrap();
    let planned = plan(&source.place(), None, &source.wanted(), ONE).unwrap();
    assert_eq!(run(&source.place(), &layout, &source.wanted()).unwrap(), planned);
    let before = fs::read(folder.path().join("index.json")).unwrap();
    // A blob that was damaged is sent again.
    let blob = source.blobs().into_iter().next().unwrap().replace(':', "/");
    fs::write(folder.path().join("blobs").join(&blob), b"damage").unwrap();
    assert_eq!(run(&source.place(), &layout, &source.wanted()).unwrap().blobs_sent, 1);
    assert_eq!(fs::read(folder.path().join("index.json")).unwrap(), before);
    source.require_found_in(&layout);
}

#[test]
fn whoever_stops_it_leaves_nothing_half_done() {
    let source = Source::new(Options::default());
    let etags = Options { etags: true, ..plain_options() };
    for (options, step) in [(plain_options(), 1), (etags, 4), (Options::default(), 4)] {
        let mut done = 0;
        for n in (0..).step_by(step) {
            let server = RegistryServer::start(options.clone());
            let to = repository(&server.host());
            server.fault("", "", n, Fault::Late(Duration::ZERO));
            server.fault("", "", usize::MAX, Fault::Status(403, None));
            let stopped = copy(&source.place(), &to, &source.wanted(), ONE, &|_| {});
            server.heal();
            let reader = repository(&server.host());
            let tagged = reader.tagged(TAG).unwrap();
            if let Some(image) = &tagged {
                assert_eq!(image.digest, source.digest());
                source.require_all_in(&server);
                source.require_found_in(&reader);
            }
            // What is found is whole.
            evidence(&reader, &source.digest(), Look { legacy: Legacy::Also, hold: Hold::Short }, ONE).unwrap();
            if stopped.is_ok() {
                assert!(tagged.is_some());
                done = n;
                break;
            }
            let there: BTreeSet<String> =
                source.blobs().into_iter().filter(|digest| server.blob(REPO, digest).is_some()).collect();
            let attached: BTreeSet<&String> = source.attached.iter().collect();
            let manifests: BTreeSet<String> =
                source.manifests.iter().filter(|digest| server.manifest(REPO, digest).is_some()).cloned().collect();
            server.reset_requests();
            copy(&source.place(), &repository(&server.host()), &source.wanted(), ONE, &|_| {}).unwrap();
            let (blobs, written) = sent(&server);
            assert!(blobs.iter().all(|digest| !there.contains(digest)), "{n}: {blobs:?}");
            // One that is there may still have to be listed.
            let again = |digest: &&String| manifests.contains(*digest) && !attached.contains(digest);
            assert_eq!(written.iter().find(again), None, "{n}");
            source.require_all_in(&server);
            source.require_found_in(&repository(&server.host()));
        }
        assert!(done > 30, "{done}");
    }
}

#[test]
fn a_layout_stays_valid_wherever_the_source_fails() {
    let source = Source::new(Options::default());
    for n in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::create(folder.path()).unwrap();
        source.server.fault("", "", n, Fault::Late(Duration::ZERO));
        source.server.fault("", "", usize::MAX, Fault::Status(403, None));
        let stopped = copy(&source.place(), &layout, &source.wanted(), ONE, &|_| {});
        source.server.heal();
        let reader = LayoutFolder::open(folder.path()).unwrap();
        if stopped.is_ok() {
            assert!(n > 20);
            break;
        }
        assert_eq!(code(stopped), "registry-denied", "{n}");
        assert_eq!(reader.tagged(TAG).unwrap(), None, "{n}");
        assert_eq!(reader.only().unwrap_err().code(), "layout-image-missing", "{n}");
        run(&source.place(), &reader, &source.wanted()).unwrap();
        source.require_found_in(&LayoutFolder::open(folder.path()).unwrap());
    }
}

/// A layout that fails after some calls that write.
struct Failing {
    layout: LayoutFolder,
    left: Mutex<usize>,
}

impl Failing {
    fn step(&self) -> Result<(), OciError> {
        let mut left = self.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or(OciError::ReadOnly { place: "stopped".to_owned() })?;
        Ok(())
    }
}

type Oci<T> = Result<T, OciError>;

impl Images for Failing {
    fn name(&self) -> String {
        self.layout.name()
    }
    fn tagged(&self, tag: &str) -> Oci<Option<Manifest>> {
        self.layout.tagged(tag)
    }
    fn manifest(&self, digest: &Digest, size: Option<u64>) -> Oci<Option<Manifest>> {
        self.layout.manifest(digest, size)
    }
    fn blob(&self, item: &Descriptor, limit: usize) -> Oci<Vec<u8>> {
        self.layout.blob(item, limit)
    }
    fn open_blob(&self, item: &Descriptor) -> Oci<Box<dyn Read + Send + '_>> {
        self.layout.open_blob(item)
    }
    fn referrers(&self, image: &Digest) -> Oci<Referrers> {
        self.layout.referrers(image)
    }
}

impl WritableImages for Failing {
    fn has_blob(&self, digest: &Digest) -> Oci<bool> {
        self.layout.has_blob(digest)
    }
    fn put_blob(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Oci<()> {
        self.step()?;
        self.layout.put_blob(digest, size, content)
    }
    fn put_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Oci<()> {
        self.step()?;
        self.layout.put_manifest(manifest, tag)
    }
    fn stage_manifest(&self, manifest: &Manifest) -> Oci<()> {
        self.step()?;
        self.layout.stage_manifest(manifest)
    }
    fn lists_images(&self) -> bool {
        self.layout.lists_images()
    }
    fn change_tag(&self, tag: &str, change: &mut dyn FnMut(Option<&Manifest>) -> Oci<Option<Manifest>>) -> Oci<()> {
        self.step()?;
        self.layout.change_tag(tag, change)
    }
}

#[test]
fn a_layout_lists_the_image_last() {
    let source = Source::new(Options::default());
    for tag in [Some(TAG.to_owned()), None] {
        let wanted = Wanted { tag, ..source.wanted() };
        let mut steps = 0;
        for n in 0.. {
            let folder = tempfile::tempdir().unwrap();
            let layout = LayoutFolder::create(folder.path()).unwrap();
            let stopped = copy(&source.place(), &Failing { layout, left: Mutex::new(n) }, &wanted, ONE, &|_| {});
            let reader = LayoutFolder::open(folder.path()).unwrap();
            if stopped.is_ok() {
                assert_eq!(reader.only().unwrap().unwrap().digest, source.digest());
                steps = n;
                break;
            }
            assert_eq!(code(stopped), "image-place-read-only");
            assert_eq!(reader.only().unwrap_err().code(), "layout-image-missing", "{n}");
            assert_eq!(reader.tagged(TAG).unwrap(), None, "{n}");
        }
        assert!(steps > 10, "{steps}");
    }
}

#[test]
fn what_was_swapped_at_the_source_is_refused() {
    let source = Source::new(Options::default());
    let blob = needs(&source.server.manifest(REPO, &source.platforms[0]).unwrap()).remove(0);
    let rows = [
        (format!("/blobs/{blob}"), Fault::WrongBytes, "image-content-digest"),
        (format!("/blobs/{blob}"), Fault::Truncate, "registry-answer-invalid"),
        (format!("/manifests/{}", source.platforms[0]), Fault::WrongBytes, "image-content-digest"),
        (format!("/manifests/{}", source.index), Fault::WrongBytes, "image-content-digest"),
        (format!("/manifests/{}", source.attached[0]), Fault::WrongBytes, "image-content-digest"),
        (format!("/manifests/{}", source.platforms[0]), Fault::Status(404, None), "image-content-missing"),
    ];
    for (part, fault, expected) in rows {
        source.server.fault("GET", &part, usize::MAX, fault.clone());
        let server = RegistryServer::start(Options::default());
        let folder = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::create(folder.path()).unwrap();
        let places: [&dyn WritableImages; 2] = [&repository(&server.host()), &layout];
        for to in places {
            assert_eq!(code(run(&source.place(), to, &source.wanted())), expected, "{part} {fault:?}");
            assert_eq!(to.tagged(TAG).unwrap(), None, "{part} {fault:?}");
        }
        assert!(!part.contains(&blob) || server.blob(REPO, &blob).is_none(), "{part}");
        assert_eq!(server.tags(REPO), Vec::<String>::new());
        source.server.heal();
    }
}

#[test]
fn tags_that_name_something_else_stay() {
    let source = Source::new(Options::default());
    let server = RegistryServer::start(Options::default());
    let to = repository(&server.host());
    let other = server.image(REPO, TAG);
    let own = server.referrer(REPO, &source.index, "application/vnd.example.own", b"of this place");
    server.reset_requests();
    assert_eq!(code(run(&source.place(), &to, &source.wanted())), "copy-tag-taken");
    assert_eq!(code(plan(&source.place(), Some(&to), &source.wanted(), ONE)), "copy-tag-taken");
    assert_eq!(sent(&server), (vec![], vec![]));
    assert_eq!(server.manifest(REPO, TAG), server.manifest(REPO, &other));
    let force = Wanted { existing: Existing::Replace, ..source.wanted() };
    run(&source.place(), &to, &force).unwrap();
    source.require_all_in(&server);
    let listed = to.referrers(&source.digest()).unwrap().items;
    assert!(listed.iter().any(|item| item.digest.to_string() == own) && listed.len() == 2);
    // A layer more is no other content; another layer is.
    legacy(&server, &source.index, &[b"{\"more\":1}", b"{\"payload\":\"\"}"]);
    run(&source.place(), &to, &source.wanted()).unwrap();
    let foreign = legacy(&server, &source.index, &[b"{\"foreign\":1}"]);
    server.reset_requests();
    assert_eq!(code(run(&source.place(), &to, &source.wanted())), "copy-legacy-differs");
    assert_eq!(sent(&server), (vec![], vec![]));
    let tag = format!("{}.att", source.index.replace(':', "-"));
    assert_eq!(server.manifest(REPO, &tag), server.manifest(REPO, &foreign));
    run(&source.place(), &to, &force).unwrap();
    source.require_all_in(&server);
    // Somebody who takes the tag meanwhile is not overwritten.
    let server = RegistryServer::start(Options::default());
    let to = repository(&server.host());
    let taken = |progress: sealmark::store::oci::copy::Progress| {
        if progress.blobs_done == progress.blobs_total {
            server.image(REPO, TAG);
        }
    };
    assert_eq!(code(copy(&source.place(), &to, &source.wanted(), ONE, &taken)), "copy-tag-taken");
    assert_ne!(server.manifest(REPO, TAG), source.server.manifest(REPO, TAG));
}

#[test]
fn reserved_tags_are_no_images_tags() {
    let source = Source::new(Options::default());
    let server = RegistryServer::start(Options::default());
    let hex = source.index.replace(':', "-");
    for tag in [hex.clone(), format!("{hex}.att"), format!("sha256-{}", "A".repeat(64))] {
        let wanted = Wanted { tag: Some(tag), ..source.wanted() };
        assert_eq!(code(run(&source.place(), &repository(&server.host()), &wanted)), "copy-tag-reserved");
    }
    assert_eq!(server.requests(), vec![]);
}

#[test]
fn one_platform_is_an_image_of_its_own() {
    let source = Source::new(Options::default());
    let server = RegistryServer::start(Options::default());
    let to = repository(&server.host());
    let only = |names: &[&str]| Wanted {
        platforms: Platforms::Only(names.iter().map(|name| Platform::parse(name).unwrap()).collect()),
        ..source.wanted()
    };
    let told = run(&source.place(), &to, &only(&["linux/arm64"])).unwrap();
    assert_eq!(to.tagged(TAG).unwrap().unwrap().digest.to_string(), source.platforms[1]);
    assert!(told.notices.iter().any(|text| text.contains(&source.index) && text.contains("stays behind")));
    assert_eq!(told.attached.len(), 1);
    assert_eq!(told.attached[0].manifest.to_string(), source.attached[2]);
    assert_eq!(server.manifest(REPO, &source.index), None);
    assert_eq!(server.manifest(REPO, &source.platforms[0]), None);
    assert_eq!(code(run(&source.place(), &to, &only(&["linux/arm"]))), "image-platform-missing");
    assert_eq!(code(run(&source.place(), &to, &only(&["linux/arm64", "linux/amd64"]))), "copy-one-tag");
    let untagged = Wanted { tag: None, ..only(&["linux/arm64", "linux/amd64"]) };
    assert_eq!(run(&source.place(), &to, &untagged).unwrap().images.len(), 2);
    assert!(server.manifest(REPO, &source.platforms[0]).is_some());
    // An image that is no index has the platform that its configuration says.
    let image = Digest::parse(&source.platforms[0]).unwrap();
    let of = |name: &str| Wanted { image: image.clone(), existing: Existing::Replace, ..only(&[name]) };
    assert_eq!(code(run(&source.place(), &to, &of("linux/arm64"))), "image-platform-missing");
    assert_eq!(run(&source.place(), &to, &of("linux/amd64")).unwrap().images, std::slice::from_ref(&image));
}

#[test]
fn kinds_of_attached_things_are_chosen() {
    let source = Source::new(Options::default());
    let signature = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "annotations": {"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"},
        "config": {"mediaType": content::EMPTY, "digest": content::digest(b"{}"), "size": 2}, "layers": [],
        "subject": {"mediaType": INDEX, "digest": source.index, "size": 1}});
    let signature = source.server.put_manifest(REPO, None, MANIFEST, signature.to_string().as_bytes());
    let rows: [(Take, Vec<&String>); 6] = [
        (Take::Nothing, vec![]),
        (Take::Only(vec![]), vec![]),
        (Take::Only(vec![Kind::Attestation]), vec![&source.attached[0], &source.attached[1], &source.legacy]),
        (Take::Only(vec![Kind::Sbom]), vec![&source.attached[2]]),
        (Take::Only(vec![Kind::Signature]), vec![&signature]),
        (Take::All, vec![&source.attached[0], &source.attached[1], &source.attached[2], &source.legacy, &signature]),
    ];
    for (attached, expected) in rows {
        let server = RegistryServer::start(Options::default());
        let other = matches!(&attached, Take::Only(kinds) if kinds.contains(&Kind::Attestation));
        let attached = if other { Take::Only(vec![Kind::Attestation, Kind::Other]) } else { attached };
        let told = run(&source.place(), &repository(&server.host()), &Wanted { attached, ..source.wanted() }).unwrap();
        let found: BTreeSet<String> = told.attached.iter().map(|one| one.manifest.to_string()).collect();
        assert_eq!(found, expected.into_iter().cloned().collect());
        for digest in source.attached.iter().chain([&source.legacy, &signature]) {
            assert_eq!(server.manifest(REPO, digest).is_some(), found.contains(digest));
        }
    }
}

#[test]
fn what_lists_say_is_not_believed() {
    let source = Source::new(Options { foreign_referrers: true, ..Options::default() });
    let foreign = source.server.referrer(REPO, &content::digest(b"another image"), "application/x", b"foreign");
    let server = RegistryServer::start(Options::default());
    let told = run(&source.place(), &repository(&server.host()), &source.wanted()).unwrap();
    assert!(told.notices.iter().any(|text| text.contains(&foreign) && text.contains("is about")), "{told:?}");
    assert_eq!(server.manifest(REPO, &foreign), None);
    source.require_all_in(&server);
    for status in [401, 403] {
        source.server.fault("GET", "/referrers/", 100, Fault::Status(status, None));
        let server = RegistryServer::start(Options::default());
        assert!(run(&source.place(), &repository(&server.host()), &source.wanted()).is_err());
        assert_eq!(server.tags(REPO), Vec::<String>::new());
        source.server.heal();
    }
}

#[test]
fn depth_and_count_are_bounded() {
    let source = Source::new(Options::default());
    let mut about = source.attached[1].clone();
    for n in 0..2 {
        about = source.server.referrer(REPO, &about, "application/x", format!("level {n}").as_bytes());
    }
    let server = RegistryServer::start(Options::default());
    let to = repository(&server.host());
    run(&source.place(), &to, &source.wanted()).unwrap();
    source.server.referrer(REPO, &about, "application/x", b"one too deep");
    assert_eq!(code(run(&source.place(), &to, &source.wanted())), "image-too-large");
    // Indexes of indexes.
    let mut digest = source.platforms[0].clone();
    for level in 1..=5 {
        let bytes = source.server.manifest(REPO, &digest).unwrap();
        let kind = if level == 1 { MANIFEST } else { INDEX };
        let index = json!({"schemaVersion": 2, "mediaType": INDEX,
            "manifests": [{"mediaType": kind, "digest": digest, "size": bytes.len()}]});
        digest = source.server.put_manifest(REPO, None, INDEX, index.to_string().as_bytes());
        let result = run(&source.place(), &to, &Wanted { tag: None, ..wanted(&digest) });
        if level <= 4 {
            assert_eq!(result.unwrap().images[0].to_string(), digest);
        } else {
            assert_eq!(code(result), "image-too-large");
        }
    }
}

#[test]
fn foreign_layers_are_passed_over_where_they_are_not() {
    let server = RegistryServer::start(Options::default());
    let config = server.put_blob(REPO, b"{}");
    let (here, gone) = (server.put_blob(REPO, b"a layer that is there"), content::digest(b"elsewhere"));
    let kind = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
    let text = json!({"schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config, "size": 2},
        "layers": [{"mediaType": kind, "digest": here, "size": 21},
            {"mediaType": kind, "digest": gone, "size": 9, "urls": ["https://example.com/layer"]}]});
    let image = server.put_manifest(REPO, Some(TAG), MANIFEST, text.to_string().as_bytes());
    let folder = tempfile::tempdir().unwrap();
    let layout = LayoutFolder::create(folder.path()).unwrap();
    let told = run(&repository(&server.host()), &layout, &wanted(&image)).unwrap();
    assert!(told.notices.iter().any(|text| text.contains(&gone)) && told.blobs_sent == 2, "{told:?}");
    assert_eq!(layout.only().unwrap().unwrap().digest.to_string(), image);
    let plain = text.to_string().replace("foreign.diff", "diff");
    let image = server.put_manifest(REPO, Some(TAG), MANIFEST, plain.as_bytes());
    let wanted = Wanted { tag: None, ..wanted(&image) };
    assert_eq!(code(run(&repository(&server.host()), &layout, &wanted)), "image-content-missing");
}

/// The digest of everything below a layout that is content.
fn blobs_of(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder.join("blobs/sha256")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn real_registries_take_and_give_everything() {
    let source = Source::new(Options::default());
    let folder = tempfile::tempdir().unwrap();
    let first = LayoutFolder::create(&folder.path().join("first")).unwrap();
    run(&source.place(), &first, &source.wanted()).unwrap();
    let registries: Vec<RealRegistry> = [RealRegistry::docker(), RealRegistry::ferro()].into_iter().flatten().collect();
    for (n, registry) in registries.iter().enumerate() {
        let to = repository(&registry.host());
        run(&first, &to, &source.wanted()).unwrap();
        source.require_found_in(&repository(&registry.host()));
        assert_eq!(run(&first, &to, &source.wanted()).unwrap().bytes_sent, 0);
        let path = folder.path().join(format!("from{n}"));
        let back = LayoutFolder::create(&path).unwrap();
        run(&to, &back, &source.wanted()).unwrap();
        assert_eq!(blobs_of(&path), blobs_of(&folder.path().join("first")));
        source.require_found_in(&back);
        let image = format!("docker://{}/{REPO}:{TAG}", registry.host());
        match Command::new("skopeo").args(["inspect", "--raw", "--tls-verify=false", &image]).output() {
            Ok(read) => assert_eq!(Some(read.stdout), source.server.manifest(REPO, TAG), "{:?}", read.stderr),
            Err(_) => {
                assert!(
                    std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(),
                    "nothing may be skipped, but there is no skopeo"
                );
                println!("skipped: no skopeo");
            }
        }
    }
    if let [docker, ferro] = registries.as_slice() {
        let tag = Some("again".to_owned());
        let again = Wanted { tag, ..source.wanted() };
        assert_eq!(run(&repository(&docker.host()), &repository(&ferro.host()), &again).unwrap().blobs_sent, 0);
    }
}
