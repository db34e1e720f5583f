//! `sealmark vsa`: verify, and issue a signed summary of how it ended.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest::Attested;
use crate::attest::Form;
use crate::attest::summary;
use crate::attest::summary::Builder;
use crate::attest::summary::Ended;
use crate::attest::summary::Summary;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attest;
use crate::commands::build;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::hints;
use crate::commands::private_key;
use crate::commands::terminal;
use crate::commands::verify;
use crate::commands::verify::By;
use crate::commands::verify::Prepared;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::base64;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::predicate_type;
use crate::formats::provenance::ResourceDescriptor;
use crate::policy::Level;
use crate::report::ArtifactResult;
use crate::report::Outcome as CandidateOutcome;
use crate::report::Report;
use crate::report::Verdict;
use crate::report::plain;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::trust::key::sha256;

/// Media type of the expectations that a summary carries as its policy.
const POLICY_MEDIA_TYPE: &str = "application/vnd.sealmark.expectations+json";

/// Follows the options of `--help`.
const ABOUT: &str = "\
Everything that `sealmark verify` takes is taken here. Only when every artifact is allowed, a summary is issued that says \
PASSED; it names the attestations that were used by their digests, and carries what was expected.

Levels: without --level a summary claims SLSA_BUILD_LEVEL_1 for signed provenance, and SLSA_BUILD_LEVEL_2 where the \
certificate says that a workload of the platform signed on a machine that the platform runs. SLSA_BUILD_LEVEL_3 is claimed \
only when --level asks for it, with the builder named by --builder-id or --signer-workflow. A signature by a key supports \
level 1. No other track of SLSA is claimed. A word that does not start with SLSA_ is yours, and means what you say it means.

What was signed is verified and judged before it is given out. Exit codes: 0 issued, 1 denied, 2 wrong usage, 3 could not \
decide.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(after_long_help = ABOUT)]
#[command(mut_arg("output", |arg| arg.help("Write the summary to FILE in place of standard output, whole or not at all")))]
#[command(mut_arg("format", |arg| arg.help("How a verification that is not allowed is reported")))]
pub(super) struct Args {
    #[command(flatten)]
    verify: verify::Args,

    /// Who verifies: a URI of your own
    #[arg(long, value_name = "URI", value_parser = uri, help_heading = "Summary")]
    verifier_id: String,

    /// What the artifacts are meant to be, such as pkg:generic/acme/app@1.4.2
    #[arg(long, value_name = "URI", value_parser = uri, help_heading = "Summary")]
    resource_uri: String,

    /// Name of the policy that the expectations are
    #[arg(long, value_name = "URI", value_parser = uri, help_heading = "Summary")]
    policy_uri: String,

    /// Level to claim, such as SLSA_BUILD_LEVEL_3; repeatable
    #[arg(long, value_name = "LEVEL", help_heading = "Summary")]
    level: Vec<String>,

    /// Private key that signs the summary; --key names public keys of attestations
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new(), help_heading = "Summary")]
    signing_key: String,

    /// What becomes of a denial
    #[arg(long, value_name = "WHAT", default_value = "refuse", help_heading = "Summary")]
    on_failure: OnFailure,

    /// Replace the file if it exists
    #[arg(long, requires = "output", help_heading = "Summary")]
    force: bool,
}

/// What becomes of a denial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OnFailure {
    /// No summary is issued
    Refuse,
    /// A summary about the denied artifacts that says FAILED
    Issue,
}

pub(super) fn run(args: &Args) -> Outcome {
    let asked: Result<Vec<Level>, _> = args.level.iter().map(|text| Level::parse(text)).collect();
    let asked = asked.map_err(|error| CommandError::usage(error.code(), error))?;
    let prepared = Prepared::new(&args.verify)?;
    let (builder, policy) = judged_by(args, prepared.judge())?;
    let files = prepared.files();
    if let Some(path) = args.verify.output.as_deref().map(Path::new)
        && !args.force
        && path.symlink_metadata().is_ok()
    {
        return Err(artifacts::file_refused(&StoreError::Exists { path: path.to_owned() }));
    }
    let key = private_key::read(&args.signing_key)?;
    let before = read_all(&files);
    let report = prepared.report(Timestamp::now())?;
    let (results, ended) = match (report.verdict, args.on_failure) {
        (Verdict::Allowed, _) => {
            let levels = summary::levels(&asked, summary::supported(&report.results, builder));
            let levels = levels.map_err(|error| {
                let refused = CommandError { exit: Exit::Denied, ..CommandError::usage(error.code(), error) };
                match hints::of_error(refused.code) {
                    Some(hint) => refused.hint(hint),
                    None => refused,
                }
            })?;
            (report.results.iter().collect::<Vec<_>>(), Ended::Passed(levels))
        }
        (Verdict::Denied, OnFailure::Issue) => {
            let denied = report.results.iter().filter(|result| result.verdict == Verdict::Denied);
            (denied.collect(), Ended::Failed)
        }
        _ => return not_issued(args, &report),
    };
    if read_all(&files) != before {
        let message = "expected files of attestations that stay as they are, found one that was changed meanwhile";
        return Err(CommandError::undecided("attestation-changed", message));
    }
    let artifacts = results.iter().map(|result| artifact(result)).collect::<Result<Vec<_>, _>>()?;
    let summary = Summary {
        verifier_id: &args.verifier_id,
        resource_uri: &args.resource_uri,
        policy,
        inputs: inputs(&results, &before)?,
        ended,
        verified_at: report.verified_at,
    };
    let attested = summary::summarise(&key, &artifacts, &summary, Form::Bundle);
    let attested = attested.map_err(|error| build::attest(&error))?;
    give_out(args, &files, &artifacts, &summary, &attested)?;
    Ok(verify::exit(&report))
}

/// The verification did not allow: its report is what there is.
fn not_issued(args: &Args, report: &Report) -> Outcome {
    verify::write(report, args.verify.format, None)?;
    let error =
        CommandError::undecided("vsa-not-issued", "expected every artifact to be allowed: no summary was issued");
    terminal::show_error(&match hints::of_error(error.code) {
        Some(hint) if report.verdict == Verdict::Denied => error.hint(hint),
        _ => error,
    });
    Ok(verify::exit(report))
}

/// The bytes of each file of attestations, as they are cited; one that cannot be read has none.
fn read_all(files: &[PathBuf]) -> BTreeMap<PathBuf, Vec<u8>> {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let read = |path: &PathBuf| Some((path.clone(), read_capped(path, cap).ok()?));
    files.iter().filter_map(read).collect()
}

/// The attestations that were used, each once: for a passed verification those that were accepted, for a failed one all
/// that could be read. Only the file's own name is told, never the folder it lies in.
fn inputs(
    results: &[&ArtifactResult],
    files: &BTreeMap<PathBuf, Vec<u8>>,
) -> Result<Vec<ResourceDescriptor>, CommandError> {
    let by_name: BTreeMap<String, (&PathBuf, &Vec<u8>)> =
        files.iter().map(|(path, bytes)| (path.display().to_string(), (path, bytes))).collect();
    let mut seen = BTreeSet::new();
    let mut inputs = Vec::new();
    for result in results {
        let wanted =
            if result.verdict == Verdict::Allowed { CandidateOutcome::Accepted } else { CandidateOutcome::Rejected };
        for candidate in result.candidates.iter().filter(|candidate| candidate.outcome == wanted) {
            let Some((path, bytes)) = by_name.get(&candidate.source.file) else { continue };
            let digest = sha256(attestations::text(bytes, candidate.source.position()));
            if !seen.insert(digest) {
                continue;
            }
            let digest = Digest::new(Algorithm::Sha256, digest.to_vec())
                .map_err(|error| CommandError::undecided("output-failed", error))?;
            let uri = path.file_name().map(|name| name.to_string_lossy().into_owned());
            inputs.push(ResourceDescriptor { uri, digest: [&digest].into_iter().collect(), ..Default::default() });
        }
    }
    Ok(inputs)
}

/// What was expected, by name, by digest and in full.
fn policy(args: &Args) -> Result<ResourceDescriptor, CommandError> {
    let text = args.verify.expectations.canonical()?;
    let digest = hex::encode(sha256(text.as_bytes()));
    Ok(ResourceDescriptor {
        content: Some(base64::encode(text.as_bytes())),
        media_type: Some(POLICY_MEDIA_TYPE.to_owned()),
        ..cited(args, &digest)?
    })
}

/// Whether a builder is named, and the policy as the summary cites it: a policy file by the digest of the whole of it.
fn judged_by(args: &Args, judge: &By) -> Result<(Builder, ResourceDescriptor), CommandError> {
    match judge {
        By::Flags(flags) => Ok((Builder::of(&flags.policy), policy(args)?)),
        By::Policy(document) => {
            let builders: Vec<_> = document.evidence.iter().filter_map(|one| one.slsa.as_ref()).collect();
            let named = !builders.is_empty() && builders.into_iter().all(Builder::is_named);
            let builder = if named { Builder::Named } else { Builder::Unnamed };
            Ok((builder, cited(args, &document.digest)?))
        }
    }
}

fn cited(args: &Args, hex: &str) -> Result<ResourceDescriptor, CommandError> {
    let digest =
        Digest::parse(&format!("sha256:{hex}")).map_err(|error| CommandError::undecided("output-failed", error))?;
    Ok(ResourceDescriptor {
        uri: Some(args.policy_uri.clone()),
        digest: [&digest].into_iter().collect(),
        ..Default::default()
    })
}

/// An artifact with the very digests that were verified, under its own name without its folder.
fn artifact(result: &ArtifactResult) -> Result<Artifact, CommandError> {
    let known = result.artifact.digests.iter().filter_map(|(name, _)| Algorithm::from_name(name));
    let digests = known.filter_map(|algorithm| result.artifact.digests.get(algorithm)).collect();
    let name = Path::new(&result.artifact.name).file_name().and_then(|name| name.to_str());
    let name = name.unwrap_or(&result.artifact.name).to_owned();
    Artifact::new(name, digests).map_err(|error| CommandError::usage(error.code(), error))
}

fn give_out(
    args: &Args,
    files: &[PathBuf],
    artifacts: &[Artifact],
    summary: &Summary<'_>,
    attested: &Attested,
) -> Result<(), CommandError> {
    let line = attested.line.to_bytes().map_err(|error| artifacts::file_refused(&error))?;
    let line = [&*line, b"\n"].concat();
    let Some(path) = args.verify.output.as_deref() else { return terminal::print(&line) };
    let read: Vec<&str> = files.iter().filter_map(|path| path.to_str()).chain([args.signing_key.as_str()]).collect();
    artifacts::refuse_as_output(path, artifacts, &read)?;
    generate::write(path, &line, generate::overwrite(args.force))?;
    let result = match &summary.ended {
        Ended::Passed(levels) if levels.is_empty() => "PASSED, no level".to_owned(),
        Ended::Passed(levels) => {
            format!("PASSED, {}", levels.iter().map(Level::to_string).collect::<Vec<_>>().join(", "))
        }
        Ended::Failed => "FAILED".to_owned(),
    };
    let signer = attest::signer(&attested.signer);
    let about = match artifacts {
        [one] => plain(one.name()).into_owned(),
        several => format!("{} artifacts", several.len()),
    };
    let text = format!(
        "issued   a summary about {about}\n  result     {}\n  for        {}\n  used       {} attestations\n  signed by  {signer}\n  written    {}\n",
        plain(&result),
        plain(&args.resource_uri),
        summary.inputs.len(),
        plain(path)
    );
    terminal::print(text.as_bytes())
}

/// A URI as SLSA asks for it.
fn uri(text: &str) -> Result<String, String> {
    let expected = || format!("expected a URI such as https://example.com/verifier, found {text:?}");
    predicate_type::is_type_uri(text).then(|| text.to_owned()).ok_or_else(expected)
}
