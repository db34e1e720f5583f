//! `sealmark download`: what is attached to an image, as it is; nothing is believed.

mod output;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use serde_json::Map;
use serde_json::Value;

use crate::commands::Outcome;
use crate::commands::download::output::OutputArgs;
use crate::commands::download::output::Shape;
use crate::commands::download::output::Sink;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::expectations;
use crate::commands::generate;
use crate::commands::images;
use crate::commands::images::Opened;
use crate::commands::registries::RegistryArgs;
use crate::commands::terminal;
use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Version;
use crate::formats::cosign;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::oci::Descriptor;
use crate::formats::oci::platform::Platform;
use crate::formats::raw;
use crate::formats::raw::OneLine;
use crate::store::measure::Hold;
use crate::store::measure::Long;
use crate::store::oci::AT_ONCE;
use crate::store::oci::Images;
use crate::store::oci::OciError;
use crate::store::oci::claims::Claims;
use crate::store::oci::claims::What;
use crate::store::oci::claims::is_sbom_predicate;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;
use crate::store::oci::evidence::Evidence;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::Look;
use crate::store::oci::evidence::evidence;
use crate::store::oci::evidence::open_content;
use crate::store::oci::platforms::Chosen;
use crate::store::oci::platforms::choose;
use crate::store::oci::resolve::need_image;
use crate::store::oci::tree::everything;

/// Follows the options of each `--help`.
const ABOUT: &str = "Nothing is verified: anybody who may write to the repository can attach anything. sealmark verify IMAGE \
decides whether to believe it. What is written was held against its digest, so that it is what the manifest names. Exit \
codes: 0 written, 1 nothing of that kind is attached, 2 wrong usage, or several where one is written, 3 it could not be read \
or written.";

/// What is downloaded.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Write attestations, one to a line: bundles as they are stored, envelopes of cosign before bundles
    #[command(after_long_help = ABOUT)]
    Attestation(Box<LinesArgs>),
    /// Write signatures, one to a line: bundles as they are stored, and plain ones of cosign before bundles
    #[command(after_long_help = ABOUT)]
    Signature(Box<SignatureArgs>),
    /// Write the one bill of materials: the predicate of an SPDX or CycloneDX attestation, or an attachment nobody signed
    #[command(after_long_help = ABOUT)]
    Sbom(Box<SbomArgs>),
    /// Write the predicate of an attestation, byte for byte as it was signed
    #[command(after_long_help = ABOUT)]
    Predicate(Box<PredicateArgs>),
    /// Write Sigstore bundles, of attestations and of signatures, one to a line, as they are stored
    #[command(after_long_help = ABOUT)]
    Bundle(Box<LinesArgs>),
}

/// Which image.
#[derive(Debug, clap::Args)]
pub(super) struct ImageArgs {
    /// REGISTRY/IMAGE[:TAG][@DIGEST], oci-layout:DIR[:TAG][@DIGEST], oci-archive:FILE[@DIGEST]
    #[arg(value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    image: String,

    /// What is attached to the image of one platform of an index, in place of the index: linux/arm64, or linux/arm/v7
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", value_parser = images::platform)]
    platform: Option<Platform>,

    #[command(flatten)]
    registry: RegistryArgs,
}

/// Which of several.
#[derive(Debug, clap::Args)]
pub(super) struct TypeArgs {
    /// Only what has this predicate type in its payload: slsaprovenance, spdxjson, cyclonedx, vuln, openvex, custom, or a URI
    #[arg(long = "type", value_name = "TYPE", value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct LinesArgs {
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    predicate: TypeArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct SignatureArgs {
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct SbomArgs {
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    predicate: TypeArgs,
    /// Only what is in the manifest of this digest
    #[arg(long, value_name = "DIGEST", value_parser = NonEmptyStringValueParser::new())]
    manifest: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct PredicateArgs {
    #[command(flatten)]
    image: ImageArgs,
    #[command(flatten)]
    predicate: TypeArgs,
    /// Only what is in the manifest of this digest
    #[arg(long, value_name = "DIGEST", value_parser = NonEmptyStringValueParser::new())]
    manifest: Option<String>,
    /// Write all of them, one to a line: line breaks in them, with the white space after them, are left out
    #[arg(long, conflicts_with = "output_dir")]
    all: bool,
    /// Write each to a file of DIR that is called by the digest of its attestation: sha256-….json
    #[arg(long, value_name = "DIR", help_heading = "Output", conflicts_with = "output",
          value_parser = NonEmptyStringValueParser::new())]
    output_dir: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Attestation(args) => lines(args, "attestation", |_, claims| claims.what == What::Attestation),
        Command::Bundle(args) => lines(args, "bundle", |one, _| is_bundle(one)),
        Command::Signature(args) => signatures(args),
        Command::Sbom(args) => sbom(args),
        Command::Predicate(args) => predicates(args),
    }?;
    Ok(Exit::Done)
}

/// What is not attached.
#[derive(Debug, Clone, Copy)]
enum Lacking {
    Attestation,
    Signature,
    Sbom,
}

impl Lacking {
    /// The stable name of the error.
    fn code(&self) -> &'static str {
        match self {
            Self::Attestation => "attestation-missing",
            Self::Signature => "signature-missing",
            Self::Sbom => "sbom-missing",
        }
    }
}

/// The digest of what is for a platform.
fn of_platform(place: &dyn Images, image: Digest, platform: &Platform) -> Result<Digest, OciError> {
    Ok(match choose(place, &need_image(place, &image)?, platform)? {
        Chosen::Listed(item) => item.digest.clone(),
        Chosen::Itself(_) => image,
    })
}

/// How it is looked: [`evidence`], or [`everything`].
type Way = fn(&dyn Images, &Digest, Look, NonZeroUsize) -> Result<Evidence, OciError>;

/// What is attached to an image.
struct Looked {
    name: String,
    place: Box<dyn Images>,
    digest: Digest,
    attached: Vec<(Attached, Claims)>,
}

impl Looked {
    /// Looks, by one way to look.
    fn new(args: &ImageArgs, look: Way) -> Result<Self, CommandError> {
        let Opened { location, place, digest } = images::open(&args.image, &args.registry.places()?)?;
        let digest = match &args.platform {
            Some(platform) => of_platform(place.as_ref(), digest, platform).map_err(|error| images::refused(&error))?,
            None => digest,
        };
        let threads = NonZeroUsize::new(AT_ONCE).unwrap_or(NonZeroUsize::MIN);
        let found = look(place.as_ref(), &digest, Look { legacy: Legacy::Also, hold: Hold::Short }, threads);
        let found = found.map_err(|error| images::refused(&error))?;
        found.notices.iter().for_each(|notice| terminal::note(&format!("note     {notice}")));
        let read = |one: Attached| {
            let claims = Claims::of(&one);
            (one, claims)
        };
        let attached: Vec<_> = found.attached.into_iter().map(read).collect();
        for (one, claims) in attached.iter().filter(|(_, claims)| claims.format.is_none()) {
            if let Some(error) = &claims.error {
                let source = images::source(&location.place, one);
                terminal::note(&format!(
                    "note     {source} cannot be read and is passed over: {}   {error}",
                    error.code()
                ));
            }
        }
        Ok(Self { name: format!("{}@{digest}", location.place), place, digest, attached })
    }

    /// The error that nothing of a kind is attached, with what there is.
    fn missing(&self, kind: Lacking, wanted: &str) -> CommandError {
        // What is attached to an image that is not there would be missed for a digest that was mistyped.
        if let Err(error) = need_image(self.place.as_ref(), &self.digest) {
            return images::refused(&error);
        }
        let name = |(one, claims): &(Attached, Claims)| match (&claims.predicate_type, &one.item) {
            (Some(predicate_type), _) => format!("{} {predicate_type}", claims.what.name()),
            (None, Some(item)) => format!("{} {}", claims.what.name(), item.media_type),
            (None, None) => {
                format!("{} {}", claims.what.name(), one.artifact_type.as_deref().unwrap_or_default())
            }
        };
        let found: BTreeSet<String> = self.attached.iter().map(name).collect();
        let found = found.into_iter().take(10).collect::<Vec<_>>().join(", ");
        let found = if found.is_empty() { "nothing".to_owned() } else { found };
        let message = format!("{}: expected {wanted}, found {found}", self.name);
        let error = CommandError { exit: Exit::Denied, code: kind.code(), message, hint: None };
        error.hint("sealmark tree shows everything that is attached, also to the platforms of an index")
    }

    fn unverified(&self) {
        terminal::note(&format!("note     nothing here is verified; sealmark verify {} decides", self.name));
    }

    /// Writes each on a line of its own.
    fn write_lines(&self, lines: &[Line<'_>], output: &OutputArgs) -> Result<(), CommandError> {
        self.unverified();
        output.deliver(&mut |sink| {
            for line in lines {
                match line {
                    Line::Stored(item) => sink.pour(OneLine::new(open_content(self.place.as_ref(), item)?))?,
                    Line::Predicate(found) => found.pour(sink, Shape::OneLine)?,
                    Line::Text(text) => sink.pour(OneLine::new(text.as_slice()))?,
                }
                sink.put(b"\n")?;
            }
            Ok(())
        })
    }
}

/// A line of output.
enum Line<'a> {
    /// What is stored, as it is.
    Stored(&'a Descriptor),
    /// A predicate.
    Predicate(Predicate<'a>),
    /// A text.
    Text(Vec<u8>),
}

impl TypeArgs {
    /// The predicate types that are meant; None for any.
    fn wanted(&self) -> Result<Option<Vec<String>>, CommandError> {
        let wanted = self.predicate_type.as_deref().map(|text| expectations::predicate_types(Some(text))).transpose();
        wanted.map_err(|error| CommandError::usage(error.code(), error))
    }

    fn words(&self, kind: &str) -> String {
        match &self.predicate_type {
            Some(text) => format!("one {kind} or more of the type {text}"),
            None => format!("one {kind} or more"),
        }
    }
}

fn is_of(wanted: Option<&Vec<String>>, claims: &Claims) -> bool {
    let named = |list: &Vec<String>| claims.predicate_type.as_ref().is_some_and(|found| list.contains(found));
    wanted.is_none_or(named)
}

fn is_bundle(one: &Attached) -> bool {
    bundle(one).is_some_and(|bundle| !matches!(bundle.version, Version::CosignLayer | Version::BareEnvelope))
}

fn bundle(one: &Attached) -> Option<&Bundle> {
    match &one.content {
        AttachedContent::Attestation(Ok(bundle)) | AttachedContent::Signature(Ok(bundle)) => Some(bundle),
        _ => None,
    }
}

/// Whether it is in the manifest that was named, if one was.
fn is_in(manifest: Option<&String>, one: &Attached) -> bool {
    manifest.is_none_or(|wanted| one.manifest.to_string() == *wanted)
}

fn lines(args: &LinesArgs, what: &str, takes: impl Fn(&Attached, &Claims) -> bool) -> Result<(), CommandError> {
    let wanted = args.predicate.wanted()?;
    let looked = Looked::new(&args.image, evidence)?;
    let taken = looked
        .attached
        .iter()
        .filter(|(one, claims)| bundle(one).is_some() && takes(one, claims) && is_of(wanted.as_ref(), claims));
    let lines: Vec<Line<'_>> = taken.filter_map(|(one, _)| one.item.as_ref()).map(Line::Stored).collect();
    if lines.is_empty() {
        return Err(looked.missing(Lacking::Attestation, &args.predicate.words(what)));
    }
    looked.write_lines(&lines, &args.output)
}

fn signatures(args: &SignatureArgs) -> Result<(), CommandError> {
    let looked = Looked::new(&args.image, evidence)?;
    let taken = looked.attached.iter().filter(|(_, claims)| claims.what == What::Signature);
    let lines: Vec<Line<'_>> = taken.filter_map(|(one, _)| signature(one)).collect();
    if lines.is_empty() {
        return Err(looked.missing(Lacking::Signature, "a signature"));
    }
    looked.write_lines(&lines, &args.output)
}

/// A signature as a line: its bundle, or for one of cosign before bundles its text with what stands in its annotations.
fn signature(one: &Attached) -> Option<Line<'_>> {
    let item = one.item.as_ref()?;
    let Content::SimpleSigning { payload, signature } = &bundle(one)?.content else {
        return Some(Line::Stored(item));
    };
    let mut line = Map::new();
    line.insert("base64Signature".to_owned(), Value::from(base64::encode(signature)));
    line.insert("payload".to_owned(), Value::from(base64::encode(payload)));
    for (name, annotation) in [
        ("cert", cosign::CERTIFICATE),
        ("chain", cosign::CHAIN),
        ("bundle", cosign::BUNDLE),
        ("rfc3161Timestamp", cosign::TIMESTAMP),
    ] {
        let text = item.annotation(annotation).trim();
        let value = match name {
            _ if text.is_empty() => continue,
            "cert" | "chain" => Value::from(text),
            _ => json::parse(text.as_bytes()).unwrap_or_else(|_| Value::from(text)),
        };
        line.insert(name.to_owned(), value);
    }
    Some(Line::Text(Value::Object(line).to_string().into_bytes()))
}

/// A predicate, byte for byte.
#[derive(Clone, Copy)]
enum Predicate<'a> {
    Held(&'a [u8]),
    Long(&'a Long),
}

impl Predicate<'_> {
    fn pour(&self, sink: &mut Sink<'_>, shape: Shape) -> Result<(), OciError> {
        match (self, shape) {
            (Self::Held(bytes), Shape::AsItIs) => sink.put(bytes),
            (Self::Held(bytes), Shape::OneLine) => sink.pour(OneLine::new(*bytes)),
            (Self::Long(long), shape) => sink.predicate(long, shape),
        }
    }
}

/// The predicate in a payload.
fn predicate(one: &Attached) -> Result<Predicate<'_>, CommandError> {
    if let Some(long) = &one.long {
        return Ok(Predicate::Long(long));
    }
    let payload = bundle(one).and_then(Bundle::unverified_payload).unwrap_or_default();
    let missing = FormatError::Missing { path: "/predicate".to_owned() };
    let found = raw::field(payload, "predicate").and_then(|found| found.ok_or(missing));
    found.map(Predicate::Held).map_err(|error| {
        let message = format!("the attestation in {}: {error}", one.manifest);
        CommandError { exit: Exit::Denied, code: error.code(), message, hint: None }
    })
}

fn sbom(args: &SbomArgs) -> Result<(), CommandError> {
    let wanted = args.predicate.wanted()?;
    let looked = Looked::new(&args.image, everything)?;
    let of_kind = |claims: &Claims| match claims.what {
        What::Sbom => wanted.is_none(),
        What::Attestation => {
            claims.predicate_type.as_deref().is_some_and(is_sbom_predicate) && is_of(wanted.as_ref(), claims)
        }
        What::Signature | What::Other => false,
    };
    let taken = looked.attached.iter().filter(|(one, claims)| of_kind(claims) && is_in(args.manifest.as_ref(), one));
    let taken: Vec<_> = taken.collect();
    let (one, claims) = match taken.as_slice() {
        [only] => only,
        [] => return Err(looked.missing(Lacking::Sbom, &args.predicate.words("bill of materials"))),
        several => return Err(ambiguous(CommandError::usage("sbom-ambiguous", "one bill of materials"), several)),
    };
    if claims.what == What::Sbom {
        let Some(item) = &one.item else {
            return Err(looked.missing(Lacking::Sbom, "a bill of materials in a layer"));
        };
        terminal::note("note     nobody signed this bill of materials: it is no attestation, and cannot be verified");
        return args.output.deliver(&mut |sink| sink.pour(open_content(looked.place.as_ref(), item)?));
    }
    looked.unverified();
    let found = predicate(one)?;
    // SPDX in its tag-value form stands in the predicate as a string.
    if let Predicate::Held(bytes) = found
        && let Ok(text) = serde_json::from_slice::<String>(bytes)
    {
        return args.output.deliver(&mut |sink| sink.put(text.as_bytes()));
    }
    args.output.deliver(&mut |sink| found.pour(sink, Shape::AsItIs))
}

fn predicates(args: &PredicateArgs) -> Result<(), CommandError> {
    let wanted = args.predicate.wanted()?;
    let looked = Looked::new(&args.image, evidence)?;
    let takes = |one: &Attached, claims: &Claims| {
        claims.what == What::Attestation
            && claims.predicate_type.is_some()
            && is_of(wanted.as_ref(), claims)
            && is_in(args.manifest.as_ref(), one)
    };
    let taken: Vec<_> = looked.attached.iter().filter(|(one, claims)| takes(one, claims)).collect();
    if taken.is_empty() {
        return Err(looked.missing(Lacking::Attestation, &args.predicate.words("attestation")));
    }
    if let Some(folder) = &args.output_dir {
        looked.unverified();
        let mut files = BTreeMap::new();
        for one in &taken {
            let name = one.0.item.as_ref().map_or(&one.0.manifest, |item| &item.digest).to_string();
            files.insert(format!("{}.json", name.replace(':', "-")), predicate(&one.0)?);
        }
        for (name, found) in files {
            let (path, overwrite) = (Path::new(folder).join(name), generate::overwrite(args.output.force));
            output::write_file(&path, overwrite, &mut |sink| found.pour(sink, Shape::AsItIs))?;
        }
        return Ok(());
    }
    match taken.as_slice() {
        [only] if !args.all => {
            looked.unverified();
            let found = predicate(&only.0)?;
            args.output.deliver(&mut |sink| found.pour(sink, Shape::AsItIs))
        }
        several if !args.all => Err(ambiguous(CommandError::usage("predicate-ambiguous", "one attestation"), several)),
        all => {
            let lines = all.iter().map(|one| predicate(&one.0).map(Line::Predicate));
            looked.write_lines(&lines.collect::<Result<Vec<_>, _>>()?, &args.output)
        }
    }
}

/// Several where one is written, with what was expected as the message so far.
fn ambiguous(error: CommandError, several: &[&(Attached, Claims)]) -> CommandError {
    let list = several.iter().take(10).map(|(one, claims)| {
        let kind = claims.predicate_type.clone().or_else(|| Some(one.item.as_ref()?.media_type.clone()));
        format!("{} ({})", one.manifest, kind.unwrap_or_default())
    });
    let list = list.collect::<Vec<_>>().join(", ");
    let message = format!("expected {}, found {}: {list}", error.message, several.len());
    CommandError { message, ..error }.hint("name one with --type TYPE or --manifest DIGEST; sealmark tree shows them")
}
