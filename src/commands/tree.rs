//! `sealmark tree`: an image, its platforms, and what is attached to them, nothing believed.

use std::num::NonZeroUsize;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::images;
use crate::commands::images::Opened;
use crate::commands::registries::RegistryArgs;
use crate::commands::terminal;
use crate::commands::verify::Format;
use crate::formats::oci::platform::Platform;
use crate::report::json;
use crate::report::tree::TreeReport;
use crate::store::oci::AT_ONCE;
use crate::store::oci::tree::tree;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Shown are the image, what its index lists, and what is attached to each of them and to what is \
    attached: what refers to it, and what cosign stored under tags before. Indexes and referrers are followed for 4 levels, \
    and at most 5,000 nodes are shown. Nothing is verified: the types, names and times are what whoever attached it wrote; \
    the predicate type is that of the payload, and where an annotation says something else, that is said. sealmark verify \
    decides whether to believe it. Exit codes: 0 shown, also where nothing is attached, 2 wrong usage, 3 the registry, \
    layout or archive could not be read whole."
)]
pub(super) struct Args {
    /// REGISTRY/IMAGE[:TAG][@DIGEST], oci-layout:DIR[:TAG][@DIGEST], oci-archive:FILE[@DIGEST]
    #[arg(value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    image: String,

    /// Show one platform of an index alone, beside the index itself: linux/arm64, or linux/arm/v7
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = images::platform)]
    platform: Option<Platform>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,

    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &Args) -> Outcome {
    let Opened { location, place, digest } = images::open(&args.image, &args.registry.places()?)?;
    let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
    let found = tree(place.as_ref(), &digest, args.platform.as_ref(), threads);
    let found = found.map_err(|error| images::refused(&error))?;
    found.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
    let tag = location.tag.as_deref().filter(|_| location.digest.is_none());
    let report = TreeReport::new(&location.place.to_string(), tag, &found);
    let mut text = Vec::new();
    let written = match args.format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(&report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    terminal::print(&text)?;
    Ok(Exit::Done)
}
