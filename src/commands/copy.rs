//! `sealmark copy`: an image with everything attached to it, from one place to another.

use std::fmt::Write;
use std::num::NonZeroUsize;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::images;
use crate::commands::images::Opened;
use crate::commands::progress;
use crate::commands::registries::Absent;
use crate::commands::registries::RegistryArgs;
use crate::commands::terminal;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::image::ImageReference;
use crate::formats::digest::Digest;
use crate::formats::oci::platform::Platform;
use crate::report;
use crate::report::Tool;
use crate::report::copied::CopiedAttachment;
use crate::report::copied::CopiedPlatform;
use crate::report::copied::CopyCounts;
use crate::report::copied::CopyReport;
use crate::report::copied::SCHEMA;
use crate::report::plain;
use crate::store::oci::AT_ONCE;
use crate::store::oci::OciError;
use crate::store::oci::copy;
use crate::store::oci::copy::Along;
use crate::store::oci::copy::Copied;
use crate::store::oci::copy::CopyError;
use crate::store::oci::copy::Existing;
use crate::store::oci::copy::Kind;
use crate::store::oci::copy::Platforms;
use crate::store::oci::copy::Take;
use crate::store::oci::copy::Wanted;
use crate::store::oci::evidence::Legacy;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every byte is held against its digest. Copying believes nothing of it: verify where it arrives.

To a network without internet:
  sealmark copy ghcr.io/acme/app:1.4 oci-layout:app
  (carry the folder app across)
  sealmark verify oci-layout:app --source-uri github.com/acme/app
  sealmark copy oci-layout:app registry.internal/acme/app:1.4"
)]
pub(super) struct Args {
    /// REGISTRY/REPOSITORY[:TAG][@sha256:…], oci-layout:DIR, oci-archive:FILE or docker-archive:FILE
    #[arg(value_name = "SOURCE", value_parser = NonEmptyStringValueParser::new())]
    source: String,

    /// REGISTRY/REPOSITORY[:TAG] or oci-layout:DIR[:TAG], which is made where there is none; the tag is the source's unless
    /// one is given
    #[arg(value_name = "DESTINATION", value_parser = NonEmptyStringValueParser::new())]
    destination: String,

    /// Of an index, copy only the image for this platform, OS/ARCHITECTURE[/VARIANT]; repeatable. The index stays behind, and
    /// what is attached to it
    #[arg(long, value_name = "PLATFORM", value_parser = images::platform)]
    platform: Vec<Platform>,

    /// Besides the image, copy only what is of this kind; repeatable
    #[arg(long, value_name = "KIND", conflicts_with = "no_attached")]
    only: Vec<Only>,

    /// Copy nothing that is attached
    #[arg(long)]
    no_attached: bool,

    /// Move tags of the destination that name something else
    #[arg(long)]
    force: bool,

    /// Say what would be copied, and write nothing
    #[arg(long)]
    dry_run: bool,

    /// How the result is printed
    #[arg(long, value_name = "FORMAT", default_value = "human", help_heading = "Output")]
    format: Format,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// What is copied, by what is written on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    /// The image and nothing else
    Image,
    /// Attestations
    Attestations,
    /// Signatures
    Signatures,
    /// Lists of components that nobody signed
    Sboms,
    /// What is none of these
    Other,
}

/// How the result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Plain lines
    Human,
    /// One JSON document
    Json,
}

pub(super) fn run(args: &Args) -> Outcome {
    let places = args.registry.places()?;
    let target = images::location(&args.destination)?;
    if target.digest.is_some() {
        let message = format!("{:?}: expected a place with or without a tag, found a digest", args.destination);
        return Err(CommandError::usage("subject-image-invalid", message));
    }
    let Opened { location: source, place: from, digest: image } = images::open(&args.source, &places)?;
    let tag = own_tag(&args.destination, &target).or_else(|| source.tag.clone().filter(|_| source.digest.is_none()));
    let tag = tag.filter(|_| args.platform.len() < 2 || own_tag(&args.destination, &target).is_some());
    let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
    let wanted = args.wanted(image.clone(), tag);
    let absent = if args.dry_run { Absent::Leave } else { Absent::Create };
    if let ImagePlace::Archive(_) = target.place {
        let error = OciError::ReadOnly { place: target.place.to_string() };
        return Err(CommandError::usage(error.code(), error).hint("copy to a layout, oci-layout:DIR"));
    }
    let to = places.destination(&target.place, absent).map_err(|error| images::refused(&error))?;
    let copied = match to.as_deref() {
        Some(to) if !args.dry_run => {
            progress::while_copying(|tell| copy::copy(from.as_ref(), to, &wanted, threads, tell))
        }
        to => copy::plan(from.as_ref(), to, &wanted, threads),
    };
    let copied = copied.map_err(|error| refused(&error))?;
    let told = Told { args, source: format!("{}@{image}", source.place), destination: &target.place, copied: &copied };
    match args.format {
        Format::Human => {
            copied.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
            terminal::print(told.human().as_bytes())?;
        }
        Format::Json => {
            let mut text = Vec::new();
            report::json::write(&told.json(), &mut text)
                .map_err(|error| CommandError::undecided("output-failed", error))?;
            terminal::print(&text)?;
        }
    }
    Ok(Exit::Done)
}

impl Args {
    fn wanted(&self, image: Digest, tag: Option<String>) -> Wanted {
        let kinds = self.only.iter().filter_map(|only| match only {
            Only::Image => None,
            Only::Attestations => Some(Kind::Attestation),
            Only::Signatures => Some(Kind::Signature),
            Only::Sboms => Some(Kind::Sbom),
            Only::Other => Some(Kind::Other),
        });
        let kinds: Vec<Kind> = kinds.collect();
        let attached = match (self.no_attached, self.only.is_empty(), kinds.is_empty()) {
            (true, _, _) | (false, false, true) => Take::Nothing,
            (false, true, _) => Take::All,
            (false, false, false) => Take::Only(kinds),
        };
        let platforms = if self.platform.is_empty() { Platforms::All } else { Platforms::Only(self.platform.clone()) };
        let existing = if self.force { Existing::Replace } else { Existing::Refuse };
        Wanted { image, tag, platforms, attached, legacy: Legacy::Also, existing }
    }
}

/// The tag that was typed; `latest` stands for none only where an image is asked for.
fn own_tag(text: &str, location: &ImageLocation) -> Option<String> {
    match location.place {
        ImagePlace::Registry(_) => ImageReference::parse(text.strip_prefix("docker://").unwrap_or(text)).ok()?.tag,
        ImagePlace::Layout(_) | ImagePlace::Archive(_) => location.tag.clone(),
    }
}

/// An error as the user is told.
fn refused(error: &CopyError) -> CommandError {
    let code = error.code();
    match error {
        CopyError::Place(error) => images::refused(error),
        CopyError::TagTaken { .. } | CopyError::LegacyDiffers { .. } => {
            CommandError { exit: Exit::Denied, ..CommandError::usage(code, error) }
                .hint("nothing was written under it; --force moves the tag")
        }
        CopyError::TagReserved { .. } => CommandError::usage(code, error).hint("give the destination another tag"),
        CopyError::OneTag { .. } => CommandError::usage(code, error)
            .hint("without a tag they are copied by digest; or copy them one by one, with a tag each"),
    }
}

/// What is printed.
struct Told<'a> {
    args: &'a Args,
    source: String,
    destination: &'a ImagePlace,
    copied: &'a Copied,
}

impl Told<'_> {
    fn json(&self) -> CopyReport {
        let copied = self.copied;
        let platform = |(platform, digest): &(String, Digest)| CopiedPlatform {
            platform: platform.clone(),
            digest: digest.to_string(),
        };
        let attached = |one: &Along| CopiedAttachment {
            manifest: one.manifest.to_string(),
            form: one.form.name(),
            subject: one.subject.to_string(),
            artifact_type: one.artifact_type.clone(),
        };
        CopyReport {
            schema: SCHEMA,
            tool: Tool::THIS,
            source: self.source.clone(),
            destination: self.destination.to_string(),
            dry_run: self.args.dry_run,
            image: match copied.images.as_slice() {
                [only] => Some(only.to_string()),
                _ => None,
            },
            tag: copied.tag.clone(),
            platforms: copied.platforms.iter().map(platform).collect(),
            manifests: CopyCounts { copied: copied.manifests_sent, present: copied.manifests_there },
            blobs: CopyCounts { copied: copied.blobs_sent, present: copied.blobs_there },
            bytes_sent: copied.bytes_sent,
            attached: copied.attached.iter().map(attached).collect(),
            notices: copied.notices.clone(),
        }
    }

    fn human(&self) -> String {
        let copied = self.copied;
        let (verb, sent) = if self.args.dry_run { ("planned", "to copy") } else { ("copied ", "copied") };
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  {name:<10} {}", plain(value));
        };
        for image in &copied.images {
            let name = match &copied.tag {
                Some(tag) => format!("{}:{tag}@{image}", self.destination),
                None => format!("{}@{image}", self.destination),
            };
            line("to", &name);
        }
        for (platform, digest) in &copied.platforms {
            line("platform", &format!("{platform}  {digest}"));
        }
        let counts = |copied: usize, there: usize| format!("{copied} {sent}, {there} already there");
        line("manifests", &counts(copied.manifests_sent, copied.manifests_there));
        line("blobs", &counts(copied.blobs_sent, copied.blobs_there));
        line("bytes", &copied.bytes_sent.to_string());
        for one in &copied.attached {
            let kind = one.artifact_type.as_deref().unwrap_or("no type");
            line("attached", &format!("{}  {}  {kind}  about {}", one.manifest, one.form, one.subject));
        }
        format!("{verb}  {}\n{text}", plain(&self.source))
    }
}
