//! Images that something is attached to: each resolved once, attached to in order, and what was done said.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::attest::SignedBy;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::images;
use crate::commands::registries::RegistryArgs;
use crate::commands::terminal;
use crate::commands::verify::Format;
use crate::formats::FormatError;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::cosign::layer::Layer;
use crate::formats::digest::Digest;
use crate::formats::oci::Kind;
use crate::formats::oci::referrer::About;
use crate::formats::oci::referrer::BundleContent;
use crate::report::attached::AttachReport;
use crate::report::attached::AttachResult;
use crate::report::attached::AttachSigner;
use crate::report::json;
use crate::report::plain;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::attach;
use crate::store::oci::attach::BundleText;
use crate::store::oci::resolve;
use crate::store::oci::resolve::need_listed;
use crate::trust::signing_config::LogVersion;
use crate::trust::signing_config::Selected;

/// Deepest nesting of indexes that `--recursive` follows.
const MAX_DEPTH: usize = 4;
/// Most manifests that one command signs or attests.
const MAX_MANIFESTS: usize = 1000;

/// Flags of what is done with images.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ImageArgs {
    /// Attach it to the image also where --output writes it to a file
    #[arg(long, requires = "output", help_heading = "Images")]
    pub(super) attach: bool,

    /// Of an image index, also each manifest below it, by itself; the index comes last
    #[arg(long, help_heading = "Images")]
    recursive: bool,

    /// Attach it in the form of cosign before bundles: a layer under the tag sha256-….sig or sha256-….att
    #[arg(long, help_heading = "Images")]
    legacy: bool,

    /// How it is said what was attached
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Images")]
    pub(super) format: Format,

    #[command(flatten)]
    pub(super) registries: RegistryArgs,
}

/// In which form something is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// A manifest whose subject is the image.
    Referrer,
    /// A layer under a tag, as cosign wrote it before bundles.
    Legacy,
}

/// What is done with the places of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Something is written there.
    Attach,
    /// They are only read.
    Read,
}

/// What of an index is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// It alone.
    Alone,
    /// It and every manifest below it.
    Recursive,
}

/// An image that was named, in the place that it is in.
pub(super) struct Named {
    text: String,
    location: ImageLocation,
}

/// An image that was resolved.
pub(super) struct Target {
    place: Arc<dyn Images>,
    at: ImagePlace,
    /// Its manifest or index.
    manifest: Manifest,
    /// Registry and repository; of a layout the name that stands in it, else that of its folder.
    pub(super) repository: String,
}

/// Something to be attached.
pub(super) struct Attachment<'a> {
    pub(super) target: &'a Target,
    pub(super) what: What<'a>,
    pub(super) predicate_type: Option<&'a str>,
    /// Who signed, where it was verified.
    pub(super) signer: Option<&'a SignedBy>,
}

/// The form and content of an attachment.
pub(super) enum What<'a> {
    /// A bundle with an envelope in it.
    Bundle(BundleText<'a>),
    /// An attestation's layer.
    Attestation(Layer),
    /// A plain signature's layer.
    Signature(Layer),
}

/// What was attached, and why the rest was not.
pub(super) struct Done {
    pub(super) results: Vec<AttachResult>,
    failure: Option<OciError>,
}

impl ImageArgs {
    pub(super) fn manner(&self) -> Manner {
        if self.legacy { Manner::Legacy } else { Manner::Referrer }
    }

    pub(super) fn scope(&self) -> Scope {
        if self.recursive { Scope::Recursive } else { Scope::Alone }
    }

    /// Refuses flags that say something of images where there are none.
    ///
    /// # Errors
    /// `flag-needs-image`.
    pub(super) fn refuse(&self) -> Result<(), CommandError> {
        let json = self.format == Format::Json;
        let flags =
            [("--attach", self.attach), ("--recursive", self.recursive), ("--legacy", self.legacy), ("--format", json)];
        match flags.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(needs_image(flag)),
            None => Ok(()),
        }
    }
}

/// A flag that says something of images, where there are none.
pub(super) fn needs_image(flag: &str) -> CommandError {
    let message = format!("expected only images that something is attached to beside {flag}, found something else");
    CommandError::usage("flag-needs-image", message)
        .hint("an image is REGISTRY/IMAGE[:TAG][@sha256:…] or oci-layout:DIR; see docs/images.md")
}

/// Whether every subject is an image, or none is: what is done with the two is not the same.
///
/// # Errors
/// `subjects-mixed`.
pub(super) fn all_images(subjects: &[String], hint: &str) -> Result<bool, CommandError> {
    let images = subjects.iter().filter(|text| images::is_image(text)).count();
    if images > 0 && images < subjects.len() {
        let others = subjects.len().saturating_sub(images);
        let message = format!("expected images alone or none, found {images} and {others} other subjects");
        return Err(CommandError::usage("subjects-mixed", message).hint(hint));
    }
    Ok(images > 0)
}

/// Reads where images are. Nothing is asked yet.
///
/// # Errors
/// `subject-image-invalid`, `image-place-read-only`.
pub(super) fn named(texts: &[String], purpose: Purpose) -> Result<Vec<Named>, CommandError> {
    let one = |text: &String| {
        let location = images::location(text)?;
        if let (ImagePlace::Archive(_), Purpose::Attach) = (&location.place, purpose) {
            return Err(read_only(location.place.to_string()));
        }
        Ok(Named { text: text.clone(), location })
    };
    texts.iter().map(one).collect()
}

fn read_only(place: String) -> CommandError {
    let error = OciError::ReadOnly { place };
    CommandError::usage(error.code(), &error).hint("unpack the archive and name the folder with oci-layout:DIR")
}

/// Resolves images, each place and digest once: children first, an index after them. A tag is resolved once, and a warning
/// says what it was.
///
/// # Errors
/// `registry-*`, `layout-*`, `archive-*`, `image-*`: it could not be looked.
pub(super) fn resolve(
    all: &[Named],
    registries: &RegistryArgs,
    purpose: Purpose,
    scope: Scope,
) -> Result<Vec<Target>, CommandError> {
    let refused = |error: OciError| images::refused(&error);
    let places = registries.places()?;
    let mut opened: BTreeMap<ImagePlace, Arc<dyn Images>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut targets = Vec::new();
    for Named { text, location } in all {
        let at = &location.place;
        let place = match opened.get(at) {
            Some(place) => Arc::clone(place),
            None => Arc::from(places.open(at).map_err(refused)?),
        };
        opened.insert(at.clone(), Arc::clone(&place));
        if purpose == Purpose::Attach && place.writable().is_none() {
            return Err(read_only(place.name()));
        }
        let found = resolve::resolve(place.as_ref(), location);
        let top = found.and_then(|found| found.read(place.as_ref())).map_err(refused)?;
        if location.digest.is_none() && location.tag.is_some() {
            terminal::note(&format!(
                "warning  {text} names {} now, and that is what counts here; a tag can be moved between a push and this \
                 command, so name the digest that the push printed",
                top.digest
            ));
        }
        let children = top.document.items.len();
        if scope == Scope::Alone && top.document.kind == Kind::Index && children > 0 {
            terminal::note(&format!(
                "note     {text} is an index of {children} manifests, and what is done is about the index alone; \
                 --recursive does it for them too"
            ));
        }
        let repository = repository(at, &top.digest);
        let mut found = Vec::new();
        match scope {
            Scope::Alone => found.push(top),
            Scope::Recursive => below(place.as_ref(), top, 0, &mut found).map_err(refused)?,
        }
        for manifest in found {
            if seen.insert((at.clone(), manifest.digest.clone())) {
                let (place, at, repository) = (Arc::clone(&place), at.clone(), repository.clone());
                targets.push(Target { place, at, manifest, repository });
            }
        }
        if targets.len() > MAX_MANIFESTS {
            return Err(refused(too_many(place.as_ref(), "manifests to attach to", MAX_MANIFESTS)));
        }
    }
    Ok(targets)
}

/// A manifest with everything below it, which comes first.
fn below(place: &dyn Images, top: Manifest, depth: usize, found: &mut Vec<Manifest>) -> Result<(), OciError> {
    if found.iter().any(|one| one.digest == top.digest) {
        return Ok(());
    }
    if top.document.kind == Kind::Index {
        if depth == MAX_DEPTH {
            return Err(too_many(place, "levels of indexes", MAX_DEPTH));
        }
        for item in &top.document.items {
            below(place, need_listed(place, item)?, depth.saturating_add(1), found)?;
        }
    }
    if found.len() >= MAX_MANIFESTS {
        return Err(too_many(place, "manifests to attach to", MAX_MANIFESTS));
    }
    found.push(top);
    Ok(())
}

fn too_many(place: &dyn Images, what: &'static str, limit: usize) -> OciError {
    OciError::TooMany { place: place.name(), what, limit }
}

/// The name of an image without tag and digest.
fn repository(at: &ImagePlace, digest: &Digest) -> String {
    match at {
        ImagePlace::Registry(name) => name.to_string(),
        ImagePlace::Layout(path) => {
            let found = artifacts::expand(&[format!("oci-layout:{path}@{digest}")], &[]);
            let named = found.ok().and_then(|all| all.first().map(|one| one.name().to_owned()));
            named.unwrap_or_else(|| last(path))
        }
        ImagePlace::Archive(path) => last(path),
    }
}

fn last(path: &str) -> String {
    Path::new(path).file_name().map_or_else(|| path.to_owned(), |name| name.to_string_lossy().into_owned())
}

impl Target {
    /// Its place and its digest, as it is named on a command line.
    pub(super) fn name(&self) -> String {
        format!("{}@{}", self.at, self.manifest.digest)
    }

    /// Its place.
    pub(super) fn at(&self) -> &ImagePlace {
        &self.at
    }

    /// Its digest.
    pub(super) fn digest(&self) -> &Digest {
        &self.manifest.digest
    }
}

/// Whether these logs give what the form of cosign before bundles holds: exactly one entry, with a promise of Rekor v1. It
/// is asked before anything is signed.
///
/// # Errors
/// The code that the layer itself would have: `json-field-missing`, `too-many`.
pub(super) fn legacy_carries(selected: &Selected) -> Result<(), CommandError> {
    let path = "/verificationMaterial/tlogEntries".to_owned();
    let error = match selected.logs.as_slice() {
        [(_, LogVersion::V1)] => return Ok(()),
        [] => FormatError::Missing { path: format!("{path}/0") },
        [_] => FormatError::Missing { path: format!("{path}/0/inclusionPromise") },
        several => FormatError::TooMany { what: path, limit: 1, found: several.len() },
    };
    Err(legacy_refused(&error))
}

/// What a layer of cosign before bundles cannot hold.
pub(super) fn legacy_refused(error: &FormatError) -> CommandError {
    CommandError::usage(error.code(), error)
        .hint("the form before bundles holds one entry of Rekor v1 and no other; without --legacy a bundle is attached")
}

/// Attaches one after another, and stops at the first failure.
pub(super) fn attach(all: &[Attachment<'_>]) -> Done {
    let mut done = Done { results: Vec::with_capacity(all.len()), failure: None };
    for one in all {
        let attached = match done.failure {
            None => attach_one(one).map_err(|error| done.failure = Some(error)).ok(),
            Some(_) => None,
        };
        let form = match one.what {
            What::Bundle(_) => Form::Referrer,
            What::Attestation(_) | What::Signature(_) => Form::LegacyTag,
        };
        done.results.push(AttachResult {
            image: one.target.name(),
            digest: one.target.digest().to_string(),
            attached: attached.map(|digest| digest.to_string()),
            form: form.name(),
            predicate_type: one.predicate_type.map(str::to_owned),
            signer: one.signer.map(signer),
        });
    }
    done
}

fn attach_one(one: &Attachment<'_>) -> Result<Digest, OciError> {
    let Target { place, manifest, .. } = one.target;
    let place = place.writable().ok_or_else(|| OciError::ReadOnly { place: place.name() })?;
    match &one.what {
        What::Bundle(text) => {
            let (predicate_type, content) = (one.predicate_type, BundleContent::Envelope);
            let about = About { predicate_type, content, created: Timestamp::now() };
            attach::attach_bundle(place, manifest, *text, &about)
        }
        What::Attestation(layer) => attach::attach_legacy(place, &manifest.digest, layer),
        What::Signature(layer) => {
            let key = match one.signer {
                Some(SignedBy::Key(key)) => Some(key),
                Some(SignedBy::Certificate(_)) | None => None,
            };
            attach::attach_legacy_signature(place, &manifest.digest, layer, key)
        }
    }
}

fn signer(signer: &SignedBy) -> AttachSigner {
    match signer {
        SignedBy::Key(key) => AttachSigner::Key { fingerprint: key.fingerprint() },
        SignedBy::Certificate(certificate) => AttachSigner::Certificate {
            identity: certificate.san.as_str().to_owned(),
            issuer: certificate.issuer().map(str::to_owned),
        },
    }
}

impl Done {
    /// Says what was done; `human` is the text of success. What was not attached is an error, and it is said of each.
    ///
    /// # Errors
    /// Why something was not attached; `output-failed`.
    pub(super) fn tell(self, format: Format, human: impl FnOnce(&[AttachResult]) -> String) -> Outcome {
        let (count, total) = (self.results.iter().filter(|one| one.attached.is_some()).count(), self.results.len());
        let mut text = Vec::new();
        match (format, &self.failure) {
            (Format::Json, _) => json::write(&AttachReport::new(self.results), &mut text)
                .map_err(|error| CommandError::undecided("output-failed", error))?,
            (Format::Human, None) => text.extend(human(&self.results).into_bytes()),
            (Format::Human, Some(_)) => text.extend(lines(&self.results).into_bytes()),
        }
        terminal::print(&text)?;
        let Some(error) = self.failure else { return Ok(Exit::Done) };
        let error = CommandError { exit: Exit::Undecided, ..images::refused(&error) };
        let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        Err(error.hint(format!("{count} of {total} were attached, as said above; what is attached stays{hint}")))
    }
}

/// A line for each thing that was or was not attached.
pub(super) fn lines(results: &[AttachResult]) -> String {
    let line = |one: &AttachResult| match &one.attached {
        Some(manifest) => format!("  attached   {} as {manifest}\n", plain(&one.image)),
        None => format!("  not attached  {}\n", plain(&one.image)),
    };
    results.iter().map(line).collect()
}
