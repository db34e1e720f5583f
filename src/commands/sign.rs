//! `sealmark sign`: a signature that says who signed and nothing else, attached to images or written beside files.

mod files;

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::Form;
use crate::attest::SignedBy;
use crate::attest::signature;
use crate::attest::signature::SignedMessage;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attaching;
use crate::commands::attaching::Attachment;
use crate::commands::attaching::ImageArgs;
use crate::commands::attaching::Manner;
use crate::commands::attaching::Purpose;
use crate::commands::attaching::Target;
use crate::commands::attaching::What;
use crate::commands::attest as attesting;
use crate::commands::attest::Credentials;
use crate::commands::attest::keyless::KeylessArgs;
use crate::commands::build;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::shell;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::cosign::layer;
use crate::formats::cosign::layer::Layer;
use crate::formats::oci::MAX_ANNOTATIONS;
use crate::formats::predicate_type;
use crate::generate::GenerateError;
use crate::generate::ci;
use crate::generate::ci::Environment;
use crate::generate::ci::Platform;
use crate::report::attached::AttachResult;
use crate::report::plain;
use crate::store::file::StoreError;
use crate::verify::Message;

/// What to do where images stand beside files.
const MIXED: &str =
    "sign the images by themselves: their signatures are attached, those of files are written beside them";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "A signature says that somebody signed, and nothing about how it was built: that is what attest \
    is for. An image is signed by its digest, and the signature attached to it; a file has its signature beside it in \
    FILE.sigstore.json. Everything is signed and verified before anything is attached or written. Exit codes: 0 signed, 1 a \
    check refused it, 2 the command line or an input is wrong, 3 a registry, a service or a file could not be used."
)]
pub(super) struct Args {
    /// REGISTRY/IMAGE[:TAG][@sha256:…], oci-layout:DIR[:TAG][@sha256:…], a file, a pattern or a folder
    #[arg(value_name = "SUBJECT", required = true, value_parser = NonEmptyStringValueParser::new())]
    subjects: Vec<String>,

    /// Private key in PEM, plain or encrypted; a password is read from SEALMARK_PASSWORD, COSIGN_PASSWORD or the terminal.
    /// Without it, the identity of this job or person is certified for a key that is used once
    #[arg(long, value_name = "FILE", conflicts_with = "KeylessArgs", value_parser = NonEmptyStringValueParser::new())]
    key: Option<String>,

    /// Sign this beside the digest of the image; repeatable
    #[arg(short = 'a', long = "annotation", value_name = "NAME=TEXT", value_parser = annotation, help_heading = "Images")]
    annotations: Vec<(String, String)>,

    #[command(flatten)]
    images: ImageArgs,

    #[command(flatten)]
    keyless: KeylessArgs,

    /// Where to write the signature of one subject; of an image it is not attached then, unless --attach is given
    #[arg(long, value_name = "FILE", help_heading = "Output", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// Replace the file if it exists
    #[arg(long, help_heading = "Output")]
    force: bool,

    /// Say what would be signed, sent, written and attached, and stop before that
    #[arg(long, help_heading = "Output")]
    dry_run: bool,
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let (name, value) = pair.ok_or_else(|| format!("expected NAME=TEXT, found {text:?}"))?;
    Ok((name.to_owned(), value.to_owned()))
}

pub(super) fn run(args: &Args) -> Outcome {
    if !attaching::all_images(&args.subjects, MIXED)? {
        args.images.refuse()?;
        if !args.annotations.is_empty() {
            return Err(attaching::needs_image("--annotation"));
        }
        return files::run(args);
    }
    let annotations = annotations(&args.annotations)?;
    let attached = args.output.is_none() || args.images.attach;
    let purpose = if attached { Purpose::Attach } else { Purpose::Read };
    if args.images.manner() == Manner::Legacy && args.output.is_some() {
        let message = "expected --legacy without --output, since that form is of registries alone, found both";
        return Err(CommandError::usage("output-conflict", message));
    }
    let named = attaching::named(&args.subjects, purpose)?;
    let targets = attaching::resolve(&named, &args.images.registries, purpose, args.images.scope())?;
    if let (Some(path), several) = (&args.output, targets.len()) {
        one_output(several)?;
        look(path, args)?;
    }
    let credentials = credentials(args)?;
    if let (Some(session), Manner::Legacy) = (credentials.session(), args.images.manner()) {
        attaching::legacy_carries(session.selected())?;
    }
    if args.dry_run {
        return dry_run(args, &targets, attached, &annotations, &credentials);
    }
    match args.images.manner() {
        Manner::Referrer => as_bundles(args, &targets, attached, &annotations, &credentials),
        Manner::Legacy => as_layers(args, &targets, &annotations, &credentials),
    }
}

/// Annotations by name.
fn annotations(pairs: &[(String, String)]) -> Result<BTreeMap<String, String>, CommandError> {
    let mut all = BTreeMap::new();
    for (name, text) in pairs {
        if let Some(other) = all.insert(name.clone(), text.clone()).filter(|other| other != text) {
            let message = format!("expected one text for the annotation {name:?}, found {other:?} and {text:?}");
            return Err(CommandError::usage("annotation-repeated", message));
        }
    }
    if all.len() > MAX_ANNOTATIONS {
        let message = format!("expected at most {MAX_ANNOTATIONS} annotations, found {}", all.len());
        return Err(CommandError::usage("too-many", message));
    }
    Ok(all)
}

/// One file takes one signature.
fn one_output(subjects: usize) -> Result<(), CommandError> {
    if subjects == 1 {
        return Ok(());
    }
    let message = format!("expected --output with one subject, found {subjects}");
    Err(CommandError::usage("output-conflict", message))
}

/// Looks before a password is asked for and anything is signed; writing looks again.
fn look(path: &str, args: &Args) -> Result<(), CommandError> {
    let read: Vec<&str> = args.key.as_deref().into_iter().collect();
    if !args.force && Path::new(path).symlink_metadata().is_ok() {
        return Err(artifacts::file_refused(&StoreError::Exists { path: PathBuf::from(path) }));
    }
    artifacts::refuse_as_output(path, &[], &read)
}

/// Who signs. Nothing public is asked yet.
fn credentials(args: &Args) -> Result<Credentials<'_>, CommandError> {
    let Some(path) = &args.key else {
        let environment = build::environment();
        let session = args.keyless.open(platform(&environment)?, &environment)?;
        return Ok(Credentials::Keyless(Box::new(session)));
    };
    Ok(Credentials::Key(path))
}

/// The platform that gives a job its identity; a CI that nobody knows is one that gives no token of its own.
fn platform(environment: &Environment) -> Result<Platform, CommandError> {
    match ci::detect(environment) {
        Err(GenerateError::PlatformUnknown { variable: "CI", .. }) => Ok(Platform::Generic),
        other => other.map_err(|error| build::generate(&error)),
    }
}

fn artifact(target: &Target) -> Result<Artifact, CommandError> {
    let artifact = Artifact::new(target.repository.clone(), vec![target.digest().clone()]);
    artifact.map_err(|error| CommandError::usage(error.code(), error))
}

fn dry_run(
    args: &Args,
    targets: &[Target],
    attached: bool,
    annotations: &BTreeMap<String, String>,
    credentials: &Credentials<'_>,
) -> Outcome {
    let mut text = Vec::new();
    for target in targets {
        text.extend(match args.images.manner() {
            Manner::Referrer => attest::statement(&[artifact(target)?], Claim::Signature(annotations))
                .map_err(|error| build::attest(&error))?,
            Manner::Legacy => layer::signed_text(&target.repository, target.digest(), annotations),
        });
        text.push(b'\n');
    }
    terminal::print(&text)?;
    would(credentials, targets.len(), args.output.iter().map(String::as_str));
    for target in targets.iter().filter(|_| attached) {
        terminal::note(&format!("would attach to  {}", target.name()));
    }
    credentials.session().map_or(Ok(()), |session| session.ask().map(|_| ()))?;
    Ok(Exit::Done)
}

/// Says what would be sent and written.
fn would<'a>(credentials: &Credentials<'_>, signatures: usize, paths: impl Iterator<Item = &'a str>) {
    for line in attesting::sent(credentials.session(), signatures) {
        terminal::note(&line);
    }
    for path in paths {
        terminal::note(&format!("would write  {}", plain(path)));
    }
}

fn as_bundles(
    args: &Args,
    targets: &[Target],
    attached: bool,
    annotations: &BTreeMap<String, String>,
    credentials: &Credentials<'_>,
) -> Outcome {
    let claim = Claim::Signature(annotations);
    let subjects = targets.iter().map(artifact).collect::<Result<Vec<_>, _>>()?;
    let signed: Vec<Attested> = credentials.sign(subjects, |signer, subject| {
        attest::attest(signer, std::slice::from_ref(&subject), claim, Form::Bundle, Timestamp::now)
    })?;
    if let (Some(path), Some(one)) = (&args.output, signed.first()) {
        attesting::write_line(Path::new(path), &one.line, generate::overwrite(args.force))?;
    }
    let by = signed.first().map(|one| &one.signer);
    if !attached {
        terminal::print(summary(args, targets, by, &[]).as_bytes())?;
        return Ok(Exit::Done);
    }
    let all = targets.iter().zip(&signed).map(|(target, one)| Attachment {
        target,
        what: What::Bundle(one.line.text()),
        predicate_type: Some(predicate_type::SIGNATURE),
        signer: Some(&one.signer),
    });
    let all: Vec<_> = all.collect();
    attaching::attach(&all).tell(args.images.format, |results| summary(args, targets, by, results))
}

fn as_layers(
    args: &Args,
    targets: &[Target],
    annotations: &BTreeMap<String, String>,
    credentials: &Credentials<'_>,
) -> Outcome {
    let signed: Vec<(Vec<u8>, SignedMessage)> = credentials.sign(targets.iter().collect(), |signer, target| {
        let text = layer::signed_text(&target.repository, target.digest(), annotations);
        let signed = signature::sign_message(signer, &target.name(), &Message::Bytes(&text), Timestamp::now)?;
        Ok((text, signed))
    })?;
    let all = targets.iter().zip(&signed).map(|(target, (text, one))| {
        let layer = Layer::of_signature(text, &one.bundle).map_err(|error| attaching::legacy_refused(&error))?;
        Ok(Attachment { target, what: What::Signature(layer), predicate_type: None, signer: Some(&one.signer) })
    });
    let all: Vec<_> = all.collect::<Result<_, CommandError>>()?;
    let by = signed.first().map(|(_, one)| &one.signer);
    attaching::attach(&all).tell(args.images.format, |results| summary(args, targets, by, results))
}

fn summary(args: &Args, targets: &[Target], by: Option<&SignedBy>, results: &[AttachResult]) -> String {
    let ([target, others @ ..], Some(by)) = (targets, by) else { return String::new() };
    let name = match others {
        [] => target.name(),
        _ => format!("{} images", targets.len()),
    };
    let mut text = format!("signed {}\n  signed by  {}\n", plain(&name), attesting::signer(by));
    text += &attaching::lines(results);
    if let Some(path) = &args.output {
        text += &format!("  written    {}\n", plain(path));
    }
    text += attesting::verified(by);
    let mut words: Vec<String> = vec!["sealmark".to_owned(), "verify".to_owned()];
    words.extend(targets.last().map(Target::name));
    words.extend(["--type".to_owned(), "signature".to_owned()]);
    if let (Some(path), []) = (&args.output, results) {
        words.extend(["--bundle".to_owned(), path.clone()]);
    }
    words.extend(attesting::trusting(by, args.key.as_deref(), &args.keyless.trust));
    words.extend(args.images.registries.words());
    text + &format!("  check it   {}\n", shell::line(words.iter().map(String::as_str)))
}
