//! `sealmark attach`: bundles that exist, attached to an image; nothing of them is believed.

use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::attest::Line;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attaching;
use crate::commands::attaching::Attachment;
use crate::commands::attaching::Manner;
use crate::commands::attaching::Purpose;
use crate::commands::attaching::Scope;
use crate::commands::attaching::Target;
use crate::commands::attaching::What;
use crate::commands::error::CommandError;
use crate::commands::registries::RegistryArgs;
use crate::commands::verify::Format;
use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::attestations::Position;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Version;
use crate::formats::cosign::layer::Layer;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::statement::Statement;
use crate::report::attached::AttachResult;
use crate::report::plain;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::store::measure;
use crate::store::measure::Long;
use crate::store::measure::Text;
use crate::store::spool::Spooled;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "No signature is verified: whoever verifies the image decides whether to believe what is \
    attached. Each attestation must name the digest of the image as one of its subjects, so that nothing is attached where \
    it could never count. A tag is resolved once. What is attached already is not attached again. Exit codes: 0 attached, \
    2 a file is no bundle, or not about the image, 3 a registry or file cannot be read or written.")]
pub(super) struct Args {
    /// REGISTRY/IMAGE[:TAG][@sha256:…] or oci-layout:DIR[:TAG][@sha256:…]
    #[arg(value_name = "IMAGE", value_parser = NonEmptyStringValueParser::new())]
    image: String,

    /// Bundle, or JSON Lines of bundles; repeatable. With --legacy also bare envelopes
    #[arg(long = "bundle", value_name = "FILE", required = true, value_parser = NonEmptyStringValueParser::new())]
    bundles: Vec<String>,

    /// Attach it in the form of cosign before bundles: a layer under the tag sha256-….att
    #[arg(long)]
    legacy: bool,

    /// How it is said what was attached
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,

    #[command(flatten)]
    registries: RegistryArgs,
}

/// An attestation that was read, and is not believed.
struct Unverified {
    /// Where it was read.
    source: String,
    /// Its text.
    text: Line,
    bundle: Bundle,
    statement: Statement,
}

pub(super) fn run(args: &Args) -> Outcome {
    let manner = if args.legacy { Manner::Legacy } else { Manner::Referrer };
    let named = attaching::named(std::slice::from_ref(&args.image), Purpose::Attach)?;
    let mut all = Vec::new();
    for file in &args.bundles {
        all.extend(read(file, manner)?);
    }
    let targets = attaching::resolve(&named, &args.registries, Purpose::Attach, Scope::Alone)?;
    let mut attachments = Vec::new();
    for target in &targets {
        for one in &all {
            about(one, target.digest())?;
            attachments.push(attachment(one, target, manner)?);
        }
    }
    attaching::attach(&attachments).tell(args.format, |results| summary(&targets, results))
}

/// Every attestation of a file, each read strictly.
fn read(file: &str, manner: Manner) -> Result<Vec<Unverified>, CommandError> {
    let most = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let stored = |error: StoreError| artifacts::file_refused(&error);
    if manner == Manner::Referrer
        && let Some(long) = long(Path::new(file), most).map_err(stored)?
    {
        let bundle = long.bundle.clone();
        return Ok(vec![one(file.to_owned(), bundle, manner, |_| Line::Long(Box::new(long)))?]);
    }
    let bytes = read_capped(Path::new(file), most).map_err(stored)?;
    let candidates = attestations::parse(&bytes).map_err(|error| refused(file, &error))?;
    let read = |candidate: attestations::Candidate| {
        let source = match candidate.position {
            Position::Whole => file.to_owned(),
            Position::Line(line) => format!("{file} line {line}"),
            Position::Item(item) => format!("{file} item {item}"),
        };
        let bundle = candidate.bundle.map_err(|error| refused(&source, &error))?;
        one(source, bundle, manner, |bundle| {
            Line::Held(match candidate.position {
                // An item of an array has no text of its own.
                Position::Item(_) => bundle.to_json().to_string().into_bytes(),
                position => attestations::text(&bytes, position).trim_ascii().to_vec(),
            })
        })
    };
    candidates.into_iter().map(read).collect()
}

/// A file of one attestation that is too long to be held.
fn long(path: &Path, most: u64) -> Result<Option<Long>, StoreError> {
    let failed = |error| StoreError::reading(path, &error);
    measure::long(&Spooled::open(path, most)?.trimmed().map_err(failed)?, Text::File).map_err(failed)
}

fn refused(at: &str, error: &FormatError) -> CommandError {
    CommandError::usage(error.code(), format!("{at}: {error}"))
}

/// An attestation that can be attached.
fn one(
    source: String,
    bundle: Bundle,
    manner: Manner,
    text: impl FnOnce(&Bundle) -> Line,
) -> Result<Unverified, CommandError> {
    let Content::Envelope(envelope) = &bundle.content else {
        let found = "a signature without an envelope".to_owned();
        let error = refused(&source, &FormatError::NotAnAttestation { found });
        return Err(error.hint("a signature over a file lies beside the file; sealmark sign signs an image"));
    };
    if envelope.payload_type != IN_TOTO_PAYLOAD_TYPE {
        let found = format!("an envelope of type {:?}", envelope.payload_type);
        return Err(refused(&source, &FormatError::NotAnAttestation { found }));
    }
    let known = matches!(bundle.version, Version::V0_1 | Version::V0_2 | Version::V0_3);
    if !known && manner == Manner::Referrer {
        let message = format!("{source}: expected a bundle, found an envelope by itself");
        return Err(CommandError::usage("attach-needs-bundle", message)
            .hint("--legacy attaches an envelope, as cosign did before bundles"));
    }
    let statement = Statement::of(&envelope.payload).map_err(|error| refused(&source, &error))?;
    let text = text(&bundle);
    Ok(Unverified { source, text, bundle, statement })
}

/// The image is a subject, as far as anybody who verified nothing can say.
fn about(one: &Unverified, image: &Digest) -> Result<(), CommandError> {
    let subjects = one.statement.subjects.iter();
    let found: Vec<Digest> = subjects.filter_map(|subject| subject.digest.get(Algorithm::Sha256)).collect();
    if found.contains(image) {
        return Ok(());
    }
    let first = found.first().map_or_else(|| "no SHA-256 at all".to_owned(), Digest::to_string);
    let message = format!("{}: expected a statement about {image}, found one about {first}", one.source);
    Err(CommandError::usage("subject-not-in-statement", message)
        .hint("it would never count for this image; attach it to the image that it is about"))
}

fn attachment<'a>(one: &'a Unverified, target: &'a Target, manner: Manner) -> Result<Attachment<'a>, CommandError> {
    let predicate_type = Some(one.statement.predicate_type.as_str());
    let what = match manner {
        Manner::Referrer => What::Bundle(one.text.text()),
        Manner::Legacy => Layer::new(&one.bundle, predicate_type)
            .map(What::Attestation)
            .map_err(|error| attaching::legacy_refused(&error))?,
    };
    Ok(Attachment { target, what, predicate_type, signer: None })
}

fn summary(targets: &[Target], results: &[AttachResult]) -> String {
    let name = targets.first().map(Target::name).unwrap_or_default();
    let lines = attaching::lines(results);
    format!("attached to {}\n{lines}  believed   nothing: no signature was verified\n", plain(&name))
}
