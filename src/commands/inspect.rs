//! `sealmark inspect`: what is in a file, nothing believed.

use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::Outcome;
use crate::commands::convert;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::images;
use crate::commands::images::Opened;
use crate::commands::online;
use crate::commands::registries::Places;
use crate::commands::registries::RegistryArgs;
use crate::commands::terminal;
use crate::commands::upgrade;
use crate::commands::verify::Format;
use crate::formats::attestations;
use crate::formats::attestations::Position;
use crate::report::Source;
use crate::report::inspection;
use crate::report::inspection::Inspected;
use crate::report::inspection::Inspection;
use crate::report::json;
use crate::store::file::read_capped;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::resolve::need_image;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    group = clap::ArgGroup::new("mode").args(["online", "convert"]),
    after_long_help = "Nothing is verified and nothing is believed, but with --upgrade. Of an image, everything that is attached \
    to it is shown. With --upgrade every attestation of the file is completed with its entry in a public log, verified whole, and written as a bundle v0.3 that verifies without \
    a network ever after. Nothing is written unless all of them verify. --convert shows provenance of any version as v1: \
    nobody vouches for that text, and it cannot be signed. --expectations is the one part of it that verifies: it writes a \
    policy by which this very attestation is believed. Exit codes: 0 shown or written, 1 an attestation \
    is refused, 2 a file holds nothing that is an attestation or a Statement, 3 a file or an image cannot be read, or the log \
    gives no answer."
)]
pub(super) struct Args {
    /// A file of attestations, an unsigned Statement, or an image: REGISTRY/IMAGE[:TAG][@DIGEST], oci-layout:DIR,
    /// oci-archive:FILE
    #[arg(value_name = "FILE|IMAGE", required = true, value_parser = NonEmptyStringValueParser::new())]
    files: Vec<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,

    /// Fetch the log entry that the attestations lack, verify them, and write bundles v0.3; opens a connection
    #[arg(id = "online", long = "upgrade", help_heading = "Upgrade", conflicts_with = "format")]
    upgrade: bool,

    /// Show provenance of any version as SLSA v1, with all that was changed; never signed, and nothing is believed
    #[arg(long, help_heading = "Convert", conflicts_with = "format")]
    convert: bool,

    /// Write a policy by which this attestation is believed, for verify --policy; it is verified first
    #[arg(long, value_name = "FILE", requires = "convert", help_heading = "Convert",
          value_parser = NonEmptyStringValueParser::new())]
    expectations: Option<String>,

    /// Public key that the attestation may be signed with, for --expectations; repeatable
    #[arg(long, value_name = "FILE", requires = "expectations", help_heading = "Convert",
          value_parser = NonEmptyStringValueParser::new())]
    key: Vec<String>,

    /// Write the bundles, or the conversion, to FILE in place of standard output; a file that exists is not replaced
    #[arg(long, value_name = "FILE", requires = "mode", help_heading = "Upgrade",
          value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// What to believe: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", requires = "mode", help_heading = "Upgrade",
          value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    #[command(flatten)]
    network: online::Args,

    #[command(flatten)]
    registry: RegistryArgs,
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.convert {
        let wanted = args.expectations.as_deref().map(|file| convert::Expectations {
            file,
            trust: &args.trust,
            keys: &args.key,
        });
        return convert::run(&args.files, args.output.as_deref(), wanted.as_ref());
    }
    if args.upgrade {
        return match args.files.as_slice() {
            [file] => upgrade::run(file, &args.trust, &args.network, args.output.as_deref()),
            several => {
                let message = format!("expected one file with --upgrade, found {}", several.len());
                Err(CommandError::usage("upgrade-one-file", message))
            }
        };
    }
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    let mut exit = Exit::Done;
    let mut places = None;
    for file in &args.files {
        if images::is_image(file) {
            let places = match &places {
                Some(places) => places,
                None => places.insert(args.registry.places()?),
            };
            found.extend(attached(file, places)?);
            continue;
        }
        let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
        let inspected = inspection::of_file(file, &bytes);
        if inspected.iter().all(|one| one.format.is_none()) {
            exit = Exit::Usage;
        }
        found.extend(inspected);
    }
    let report = Inspection::new(found);
    let mut text = Vec::new();
    let written = match args.format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(&report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    terminal::print(&text)?;
    Ok(exit)
}

/// Everything that is attached to an image, as far as it is an attestation or a signature.
fn attached(text: &str, places: &Places) -> Result<Vec<Inspected>, CommandError> {
    let Opened { location, place, digest } = images::open(text, places)?;
    let found = images::attached(place.as_ref(), &digest)?;
    let mut inspected = Vec::new();
    let mut others = 0usize;
    for one in &found {
        match &one.content {
            AttachedContent::Attestation(bundle) | AttachedContent::Signature(bundle) => {
                let source = Source::new(&images::source(&location.place, one), Position::Whole);
                inspected.push(Inspected::of(source, bundle));
            }
            AttachedContent::Other => others += 1,
        }
    }
    let image = format!("{}@{digest}", location.place);
    if found.is_empty() {
        need_image(place.as_ref(), &digest).map_err(|error| images::refused(&error))?;
        terminal::note(&format!("note     nothing is attached to {image}"));
    }
    if others > 0 {
        terminal::note(&format!(
            "note     {others} attached to {image} and neither attestation nor signature; sealmark tree shows them"
        ));
    }
    Ok(inspected)
}
