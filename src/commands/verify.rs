//! `sealmark verify`: the verdict on artifacts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::assess;
use crate::assess::Request;
use crate::assess::Where;
use crate::assess::assess;
use crate::assess::document::DocumentRequest;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::expectations::Expectations;
use crate::commands::hints;
use crate::commands::images;
use crate::commands::images::Network;
use crate::commands::online;
use crate::commands::online::Logs;
use crate::commands::policy;
use crate::commands::progress;
use crate::commands::registries::RegistryArgs;
use crate::commands::roots;
use crate::commands::terminal;
use crate::formats::bundle::Bundle;
use crate::policy::Policy;
use crate::policy::document::model::Document;
use crate::report::ATTESTATIONS_LEFT_OUT;
use crate::report::Notice;
use crate::report::Report;
use crate::report::Verdict;
use crate::report::human;
use crate::report::json;
use crate::report::markdown;
use crate::report::sarif;
use crate::store::beside;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::write_atomic;
use crate::store::subjects;
use crate::store::subjects::Located;
use crate::upgrade::Proofs;
use crate::verify::Verifier;

/// Follows the options of `--help`.
const ABOUT: &str = "\
Every attestation found is verified completely: shape, signing time, certificate, signature, transparency log, \
statement, signer, and that it is about this very artifact. An artifact is allowed when at least one attestation \
satisfies every expectation by itself; all of them are reported.

At least one of an identity, a key, a builder or a source repository must be expected: otherwise anybody's attestation \
would do. A --policy file says all of that, for several attestations together.

Without --bundle, attestations are looked for beside each artifact FILE: FILE.intoto.jsonl, FILE.sigstore.json, \
FILE.sigstore, FILE.bundle, FILE.provenance.json, and in the same folder multiple.intoto.jsonl, \
provenance.intoto.jsonl, attestation.intoto.jsonl.

An image is looked up in its registry, layout or archive, and every attestation that is attached to it counts: bundles that refer \
to it, and what cosign stored under tags before. A registry that does not answer, or does not let anybody look, ends in exit code 3, \
never in \"nothing there\".

Nothing else is fetched and no socket is opened, but with --online: then a public log is asked for the entry of each \
attestation that shows no proof of when it was signed, and what it answers is verified like everything else. Exit codes: 0 all are allowed, 1 one is denied, 2 wrong usage, 3 could not \
decide.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ABOUT)]
pub(super) struct Args {
    /// A file, a pattern, a folder, a digest such as sha256:…, @FILE with checksums, or an image: REGISTRY/IMAGE[:TAG][@DIGEST],
    /// oci-layout:DIR, oci-archive:FILE
    #[arg(value_name = "SUBJECT", required = true, value_parser = NonEmptyStringValueParser::new())]
    subjects: Vec<String>,

    /// File of attestations: a bundle, an envelope, an array or JSON Lines of them; repeatable
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    bundle: Vec<String>,

    #[command(flatten)]
    pub(super) expectations: Expectations,

    /// Judge by a policy file, which says whom to believe and what to expect, in place of all those flags
    #[arg(long, value_name = "FILE", conflicts_with_all = ["Expectations", "trust"],
          value_parser = NonEmptyStringValueParser::new())]
    policy: Option<String>,

    /// What to believe: public-good (the default), github, google-cloud-build, npm, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    /// Open no socket: a registry that is named is an error
    #[arg(long, conflicts_with = "online")]
    offline: bool,

    /// Ask a public log for the entry of each attestation that shows no proof of its time; only hashes are sent
    #[arg(long, help_heading = "Network")]
    online: bool,

    #[command(flatten)]
    network: online::Args,

    #[command(flatten)]
    registry: RegistryArgs,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(super) format: ReportFormat,

    /// Write the report to FILE in place of standard output, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    pub(super) output: Option<String>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
}

/// How a report on artifacts is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitHub-flavoured Markdown, for the summary of a job
    Markdown,
}

pub(super) fn run(args: &Args) -> Outcome {
    let report = Prepared::new(args)?.report(Timestamp::now())?;
    write(&report, args.format, args.output.as_deref())?;
    Ok(exit(&report))
}

/// How the program ends after a report.
pub(super) fn exit(report: &Report) -> Exit {
    match report.verdict {
        Verdict::Allowed => Exit::Done,
        Verdict::Denied => Exit::Denied,
        Verdict::Undecided => Exit::Undecided,
    }
}

/// Everything that was typed, read and found; nothing is verified yet.
pub(super) struct Prepared<'a> {
    args: &'a Args,
    judge: By,
    located: Vec<Located>,
    attestations: Where,
    left_out: Option<Notice>,
}

impl<'a> Prepared<'a> {
    /// Reads what was typed.
    ///
    /// # Errors
    /// Wrong usage, and files that cannot be read.
    pub(super) fn new(args: &'a Args) -> Result<Self, CommandError> {
        let judge = match &args.policy {
            Some(file) => By::Policy(Box::new(policy::load::whole(file)?)),
            None => By::Flags(Box::new(Flags {
                policy: args.expectations.policy()?,
                verifier: {
                    let mut keys = args.expectations.keys()?;
                    keys.extend(roots::rings(&args.trust)?);
                    Verifier::new(roots::load(&args.trust)?, keys)
                },
            })),
        };
        let located = located(args)?;
        let attestations = attestations(args, &located)?;
        let (located, left_out) = without_attestations(located, &args.subjects, &attestations);
        if located.is_empty() {
            return Err(artifacts::refused(&subjects::SubjectsError::Empty));
        }
        Ok(Self { args, judge, located, attestations, left_out })
    }

    /// What is judged by.
    pub(super) fn judge(&self) -> &By {
        &self.judge
    }

    /// The files that attestations are read from.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        match &self.attestations {
            Where::Files(paths) => paths.clone(),
            Where::Beside => {
                let files = self.located.iter().filter_map(|one| match one {
                    Located::File(path) => Some(beside::find(path)),
                    Located::Digests { .. } | Located::Image { .. } => None,
                });
                files.flatten().collect()
            }
        }
    }

    /// Verifies and judges.
    ///
    /// # Errors
    /// [`assess::AssessError`].
    pub(super) fn report(self, now: Timestamp) -> Result<Report, CommandError> {
        let mut report = match &self.judge {
            By::Policy(document) => by_policy(document, self.args, &self.located, &self.attestations, now)?,
            By::Flags(flags) => by_flags(flags, self.args, &self.located, &self.attestations, now)?,
        };
        report.notices.extend(self.left_out);
        hints::advise(&mut report);
        Ok(report)
    }
}

/// What is judged by.
pub(super) enum By {
    /// A policy file, with roots and keys of its own.
    Policy(Box<Document>),
    /// The flags.
    Flags(Box<Flags>),
}

/// What the flags come to.
pub(super) struct Flags {
    /// What is expected.
    pub(super) policy: Policy,
    verifier: Verifier,
}

fn by_flags(
    flags: &Flags,
    args: &Args,
    located: &[Located],
    attestations: &Where,
    now: Timestamp,
) -> Result<Report, CommandError> {
    let logs = Logs::new(&args.network, flags.verifier.roots())?;
    let ask = |bundle: &Bundle| logs.ask(bundle);
    let request = Request {
        proofs: if args.online { Proofs::Asked(&ask) } else { Proofs::InFiles },
        verifier: &flags.verifier,
        policy: &flags.policy,
        artifacts: located,
        attestations,
        now,
        threads: artifacts::threads(),
    };
    let report = progress::while_hashing(|tell| assess(&request, tell));
    report.map_err(|error: assess::AssessError| CommandError::undecided(error.code(), error))
}

/// The roots and keys are the policy's own.
fn by_policy(
    document: &Document,
    args: &Args,
    located: &[Located],
    attestations: &Where,
    now: Timestamp,
) -> Result<Report, CommandError> {
    let roots: Vec<_> = document.verifiers.iter().flat_map(|verifier| verifier.roots.clone()).collect();
    let logs = Logs::new(&args.network, &roots)?;
    let ask = |bundle: &Bundle| logs.ask(bundle);
    let request = DocumentRequest {
        proofs: if args.online { Proofs::Asked(&ask) } else { Proofs::InFiles },
        document,
        artifacts: located,
        attestations,
        now,
        threads: artifacts::threads(),
    };
    let assessed = progress::while_hashing(|tell| assess::document::assess(&request, tell));
    let assessed = assessed.map_err(|error: assess::AssessError| CommandError::undecided(error.code(), error))?;
    Ok(assessed.report)
}

/// Writes a report where and how it was asked for.
///
/// # Errors
/// `output-failed`, `file-*`.
pub(super) fn write(report: &Report, format: ReportFormat, output: Option<&str>) -> Result<(), CommandError> {
    let mut text = Vec::new();
    let written = match format {
        ReportFormat::Human => human::write(report, &mut text),
        ReportFormat::Json => json::write(report, &mut text),
        ReportFormat::Sarif => sarif::write(report, &mut text),
        ReportFormat::Markdown => markdown::write(report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    match (output, format) {
        (Some(path), _) => write_atomic(Path::new(path), &text, Overwrite::Replace, Mode::Public)
            .map_err(|error| CommandError::undecided(error.code(), error)),
        (None, ReportFormat::Human) => terminal::print_verdicts(&String::from_utf8_lossy(&text)),
        (None, ReportFormat::Json | ReportFormat::Sarif | ReportFormat::Markdown) => terminal::print(&text),
    }
}

/// What the subjects name. Images are looked up with what is attached to them, unless the attestations are in files.
fn located(args: &Args) -> Result<Vec<Located>, CommandError> {
    let (images, others): (Vec<String>, Vec<String>) =
        args.subjects.iter().cloned().partition(|text| args.bundle.is_empty() && images::is_image(text));
    let mut located = Vec::new();
    if !others.is_empty() {
        located = subjects::locate(&others).map_err(|error| artifacts::refused(&error))?;
    }
    if !images.is_empty() {
        let network = if args.offline { Network::Forbidden } else { Network::Allowed };
        located.extend(images::look_up(&images, &args.registry.places()?, network)?);
    }
    Ok(located)
}

fn attestations(args: &Args, located: &[Located]) -> Result<Where, CommandError> {
    if !args.bundle.is_empty() {
        return Ok(Where::Files(args.bundle.iter().map(PathBuf::from).collect()));
    }
    match located.iter().find(|one| matches!(one, Located::Digests { .. })) {
        None => Ok(Where::Beside),
        Some(_) => {
            let message = "expected --bundle FILE beside a digest, found none: there is no file to look beside";
            Err(CommandError::usage("bundle-needed", message))
        }
    }
}

/// A folder or a pattern takes in the attestations that lie beside the artifacts. They are attestations here, not
/// artifacts, unless the user named one by its own path; what is left out for it is said.
fn without_attestations(
    located: Vec<Located>,
    typed: &[String],
    attestations: &Where,
) -> (Vec<Located>, Option<Notice>) {
    if located.len() <= typed.len() {
        return (located, None);
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let files = located.iter().filter_map(|one| match one {
        Located::File(path) => Some(path.as_path()),
        Located::Digests { .. } | Located::Image { .. } => None,
    });
    let used: Vec<PathBuf> = match attestations {
        Where::Files(paths) => paths.iter().map(|path| real(path)).collect(),
        Where::Beside => files.flat_map(beside::find).map(|path| real(&path)).collect(),
    };
    let used: BTreeSet<PathBuf> = used.into_iter().collect();
    let is_typed = |path: &Path| typed.iter().any(|text| Path::new(text) == path);
    let (kept, left): (Vec<_>, Vec<_>) = located.into_iter().partition(|one| match one {
        Located::File(path) => is_typed(path) || !used.contains(&real(path)),
        Located::Digests { .. } | Located::Image { .. } => true,
    });
    let names = left.iter().take(5).filter_map(|one| match one {
        Located::File(path) => Some(path.display().to_string()),
        Located::Digests { .. } | Located::Image { .. } => None,
    });
    let names = names.collect::<Vec<_>>().join(", ");
    let more = if left.len() > 5 { ", …" } else { "" };
    let message = format!("{} not taken for artifacts, being attestations of the others: {names}{more}", left.len());
    let notice = (!left.is_empty()).then_some(Notice { code: ATTESTATIONS_LEFT_OUT, message, hint: None });
    (kept, notice)
}
