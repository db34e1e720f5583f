//! Attesting images where they are: each has an attestation of its own, attached to it.

use std::collections::BTreeSet;

use crate::attest::Attested;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attaching;
use crate::commands::attaching::Attachment;
use crate::commands::attaching::Manner;
use crate::commands::attaching::Named;
use crate::commands::attaching::Purpose;
use crate::commands::attaching::Target;
use crate::commands::attaching::What;
use crate::commands::attest::Args;
use crate::commands::attest::output::Plan;
use crate::commands::attest::told;
use crate::commands::error::CommandError;
use crate::commands::shell;
use crate::commands::subjects::Subjects;
use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::cosign::layer::Layer;
use crate::report::attached::AttachResult;
use crate::report::plain;

/// What to do where images stand beside something else.
const MIXED: &str = "attest the images by themselves, and each attestation is attached to its image; or write one about \
                     everything with --output FILE, images named by digest";

/// The images that are attested where they are; None where what is attested is written to files alone.
///
/// # Errors
/// `subjects-mixed`, `flag-needs-image`, `subject-image-invalid`, `image-place-read-only`, `output-conflict`.
pub(super) fn named(args: &Args) -> Result<Option<Vec<Named>>, CommandError> {
    let written = args.output.is_named() && !args.images.attach;
    let texts = &args.subjects.subjects;
    if written || texts.is_empty() || !args.subjects.only_typed() || !attaching::all_images(texts, MIXED)? {
        args.images.refuse()?;
        return Ok(None);
    }
    args.subjects.check_images()?;
    args.output.check_attached(1)?;
    attaching::named(texts, Purpose::Attach).map(Some)
}

/// Each image, and what is below it where that is asked for.
pub(super) fn resolve(args: &Args, images: &[Named]) -> Result<Vec<Target>, CommandError> {
    attaching::resolve(images, &args.images.registries, Purpose::Attach, args.images.scope())
}

/// The images as subjects, in their order.
pub(super) fn subjects(args: &Args, targets: &[Target]) -> Result<Subjects, CommandError> {
    let subject = |one: &Target| args.subjects.image(one.at(), &one.repository, one.digest());
    let artifacts = targets.iter().map(subject).collect::<Result<Vec<_>, _>>()?;
    let given: BTreeSet<String> = artifacts.iter().map(|one| one.name().to_owned()).collect();
    Ok(Subjects { artifacts, given })
}

/// Attaches each attestation to its image, and one that is about all of them to each.
pub(super) fn attach(args: &Args, targets: &[Target], attested: &[Attested], plan: Option<&Plan<'_>>) -> Outcome {
    // Everything that can be refused is, before the first is attached.
    let pairs = targets.iter().zip(attested.iter().cycle());
    let all = pairs.map(|(target, one)| {
        let predicate_type = Some(one.statement.predicate_type.as_str());
        Ok(Attachment { target, what: what(one, args.images.manner())?, predicate_type, signer: Some(&one.signer) })
    });
    let all: Vec<Attachment<'_>> = all.collect::<Result<_, CommandError>>()?;
    attaching::attach(&all).tell(args.images.format, |results| summary(args, targets, attested, plan, results))
}

fn what(one: &Attested, manner: Manner) -> Result<What<'_>, CommandError> {
    match manner {
        Manner::Referrer => Ok(What::Bundle(one.line.text())),
        Manner::Legacy => {
            let line = one.line.to_bytes().map_err(|error| artifacts::file_refused(&error))?;
            let layer = layer(&line, &one.statement.predicate_type);
            layer.map(What::Attestation).map_err(|error| attaching::legacy_refused(&error))
        }
    }
}

fn layer(line: &[u8], predicate_type: &str) -> Result<Layer, FormatError> {
    let bundle = attestations::parse(line)?.pop().ok_or(FormatError::Empty)?.bundle?;
    Layer::new(&bundle, Some(predicate_type))
}

fn summary(
    args: &Args,
    targets: &[Target],
    attested: &[Attested],
    plan: Option<&Plan<'_>>,
    results: &[AttachResult],
) -> String {
    let ([target, others @ ..], Some(first)) = (targets, attested.first()) else { return String::new() };
    let name = match others {
        [] => target.name(),
        _ => format!("{} images", targets.len()),
    };
    let mut text = format!("attested {}\n  says       {}\n", plain(&name), plain(&first.statement.predicate_type));
    text += &format!("  signed by  {}\n", told::signer(&first.signer));
    text += &attaching::lines(results);
    for path in plan.into_iter().flat_map(|plan| &plan.paths) {
        text += &format!("  written    {}\n", plain(&path.to_string_lossy()));
    }
    text += told::verified(&first.signer);
    if args.statement.is_none() && args.predicate.is_none() {
        text += &format!("  level      {}\n", told::level(&first.signer));
    }
    let mut words: Vec<String> = vec!["sealmark".to_owned(), "verify".to_owned()];
    // The last is the index, where there is one; the others are verified alike.
    words.extend(targets.last().map(Target::name));
    words.extend(told::expecting(args, first));
    words.extend(args.images.registries.words());
    text + &format!("  check it   {}\n", shell::line(words.iter().map(String::as_str)))
}
