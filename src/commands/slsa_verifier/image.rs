//! `verify-image`: container images, in layouts on disk or by the provenance beside them.

use std::path::Path;

use crate::builders::google_cloud_build::HOSTED_WORKER;
use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::images;
use crate::commands::registries::RegistryArgs;
use crate::commands::slsa_verifier::BuildArgs;
use crate::commands::slsa_verifier::Extra;
use crate::commands::slsa_verifier::Failure;
use crate::commands::slsa_verifier::artifact;
use crate::commands::slsa_verifier::attestations;
use crate::commands::slsa_verifier::finish;
use crate::commands::slsa_verifier::passed;
use crate::commands::slsa_verifier::print;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::image::ImageReference;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::gcloud;
use crate::policy::slsa_verifier::Command;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::judge;
use crate::policy::slsa_verifier::judge_google_cloud_build;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::layout::LayoutFolder;
use crate::store::oci::resolve::resolve;
use crate::trust::rings;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct ImageArgs {
    /// An image by its digest: REGISTRY/IMAGE@sha256:…, or oci-layout:DIR[@sha256:…]
    #[arg(value_name = "IMAGE")]
    image: String,

    /// File with the provenance; without it, the attestations that are attached to the image count
    #[arg(long, value_name = "FILE")]
    provenance_path: Option<String>,

    #[command(flatten)]
    build: BuildArgs,

    /// Where the attestations are, if not beside the image: REGISTRY/REPOSITORY or oci-layout:DIR
    #[arg(long, value_name = "REPOSITORY")]
    provenance_repository: Option<String>,

    #[command(flatten)]
    extra: Extra,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Verifies an image.
pub(in crate::commands) fn run(args: &ImageArgs) -> Outcome {
    finish(verify(args))
}

fn verify(args: &ImageArgs) -> Result<(), Failure> {
    let expected = args.build.expectations(&args.extra)?;
    let google = expected.builder_id.as_ref().is_some_and(|builder| builder.name() == HOSTED_WORKER);
    if !google {
        artifact::supported(&expected)?;
    }
    let image = Image::parse(&args.image)?;
    let artifact = Artifact::new(args.image.clone(), vec![image.digest.clone()]);
    let artifact = artifact.map_err(|error| CommandError::usage(error.code(), error))?;
    let (attestation, builder) = match &args.provenance_path {
        Some(path) if google => google_cloud_build(path, &image.digest, &artifact, &expected, &args.extra)?,
        None if google => {
            let message = "expected --provenance-path, found none: Google Cloud Build stores none with the image";
            return Err(CommandError::usage("bundle-needed", message).into());
        }
        path => {
            let bundles = match path {
                Some(path) => attestations::parse(&attestations::read(path)?)?,
                None => stored(args, &image)?,
            };
            let read = attestations::authenticate(bundles, &args.extra.verifier(Vec::new())?, &args.extra)?;
            attestations::first(&read, &artifact, |attestation| judge(attestation, &expected, Command::Image))
                .map_err(no_match)?
        }
    };
    passed(&attestation, &builder);
    if args.build.print_provenance {
        print(&attestation)?;
    }
    Ok(())
}

/// An image that cannot change under its name.
struct Image {
    digest: Digest,
    /// Where it is, when it is in a layout or a registry.
    place: Option<ImagePlace>,
}

impl Image {
    fn parse(text: &str) -> Result<Self, Failure> {
        let (name, digest) = match text.rsplit_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let digest = digest.map(|digest| {
            let refused = |reason: String| Refusal::new("ErrorInvalidFormat", "reference-bad-digest", reason);
            match Digest::parse(digest) {
                Ok(digest) if digest.algorithm() == Algorithm::Sha256 => Ok(digest),
                Ok(other) => Err(refused(format!("expected a sha256 digest, found {other}"))),
                Err(error) => Err(refused(error.to_string())),
            }
        });
        let digest = digest.transpose()?;
        if let Some(folder) = name.strip_prefix("oci-layout:") {
            let location = ImageLocation { place: ImagePlace::Layout(folder.to_owned()), tag: None, digest };
            let found = LayoutFolder::open(Path::new(folder))
                .and_then(|layout| resolve(&layout, &location)?.read(&layout))
                .map_err(|error| images::refused(&error))?;
            return Ok(Self { digest: found.digest, place: Some(location.place) });
        }
        let digest = digest.ok_or_else(|| {
            let message = format!("expected an image with its digest, NAME@sha256:…, found {text:?}");
            Refusal::new("ErrorMutableImage", "image-mutable", message)
        })?;
        Ok(Self { digest, place: place(name).ok() })
    }
}

type Bundles = Vec<Result<crate::formats::bundle::Bundle, crate::formats::FormatError>>;

/// A layout, or a repository by its name, whatever tag stands behind it.
fn place(text: &str) -> Result<ImagePlace, CommandError> {
    if let Some(folder) = text.strip_prefix("oci-layout:") {
        return Ok(ImagePlace::Layout(folder.to_owned()));
    }
    let parsed = ImageReference::parse(text).map(|image| ImagePlace::Registry(image.name));
    parsed.map_err(|error| CommandError::usage("subject-image-invalid", format!("{text:?}: {error}")))
}

/// What is stored about an image: in the repository or layout that was named for it, else where the image is.
fn stored(args: &ImageArgs, image: &Image) -> Result<Bundles, Failure> {
    let place = match (args.provenance_repository.as_deref(), &image.place) {
        (Some(text), _) => place(text)?,
        (None, Some(place)) => place.clone(),
        (None, None) => {
            let text = format!("expected a registry, oci-layout:DIR or --provenance-path FILE, found {}", image.digest);
            return Err(CommandError::usage("reference-unsupported", text).into());
        }
    };
    let place = args.registry.places()?.open(&place).map_err(|error| images::refused(&error))?;
    let bundles = images::attached(place.as_ref(), &image.digest)?.into_iter().filter_map(|one| match one.content {
        AttachedContent::Attestation(bundle) => Some(bundle),
        AttachedContent::Signature(_) | AttachedContent::Other => None,
    });
    Ok(bundles.collect())
}

/// An image whose attestations are all about something else has none.
fn no_match(refusal: Refusal) -> Refusal {
    match refusal.sentinel {
        "ErrorMismatchHash" => Refusal { sentinel: "ErrorNoValidSignature", ..refusal },
        _ => refusal,
    }
}

/// The first provenance that the service signed counts, and with it what stands around it.
fn google_cloud_build(
    path: &str,
    digest: &Digest,
    artifact: &Artifact,
    expected: &Expectations,
    extra: &Extra,
) -> Result<(crate::verify::VerifiedAttestation, String), Failure> {
    let document = gcloud::Document::parse(&attestations::read(path)?).map_err(|error| Refusal::from(&error))?;
    let keys = rings::google_cloud_build().map_err(|error| CommandError::undecided(error.code(), error))?;
    let verifier = extra.verifier(keys)?;
    let mut refusal = None;
    for provenance in document.provenance {
        let bundle = match &provenance.bundle {
            Ok(bundle) => Ok(bundle.clone()),
            Err(error) => Err(error.clone()),
        };
        let read = attestations::authenticate(vec![bundle], &verifier, extra)?;
        let surroundings = |attestation: &crate::verify::VerifiedAttestation| {
            gcloud::consistent(&document.summary, &provenance, attestation.statement(), digest).map_err(|error| {
                let sentinel = match error.code() {
                    "gcloud-kind" => "ErrorInvalidFormat",
                    "gcloud-copy-mismatch" => "ErrorMismatchIntoto",
                    "gcloud-predicate-type" => "ErrorInvalidDssePayload",
                    _ => "ErrorMismatchHash",
                };
                Refusal::new(sentinel, error.code(), error)
            })
        };
        let judge = |attestation| judge_google_cloud_build(attestation, expected, surroundings);
        match attestations::first(&read, artifact, judge) {
            Ok(found) => return Ok(found),
            Err(found) => refusal = prefer(refusal, found),
        }
    }
    let none =
        || Refusal::new("ErrorNoValidSignature", "attestation-missing", "expected a signed provenance, found none");
    Err(refusal.unwrap_or_else(none).into())
}

/// A refusal that came after the signature says more than one about the signature.
fn prefer(first: Option<Refusal>, second: Refusal) -> Option<Refusal> {
    let unsigned = |refusal: &Refusal| {
        ["ErrorInvalidSignature", "ErrorNoValidSignature", "ErrorInvalidDssePayload"].contains(&refusal.sentinel)
    };
    let second = match second.sentinel {
        // Nothing that was not signed counts, whatever is wrong with it.
        "ErrorInvalidSignature" | "ErrorInvalidDssePayload"
            if second.code.starts_with("json-")
                || second.code.starts_with("base64")
                || second.code.starts_with("sign") =>
        {
            Refusal { sentinel: "ErrorNoValidSignature", ..second }
        }
        _ => second,
    };
    match first {
        Some(first) if !unsigned(&first) || unsigned(&second) => Some(first),
        _ => Some(second),
    }
}
