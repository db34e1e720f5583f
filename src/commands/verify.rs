//! `sealmark verify`: the verdict on artifacts.

mod images;
mod lines;
mod platforms;
mod sources;

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;
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
use crate::commands::images::is_image;
use crate::commands::images::refused;
use crate::commands::online;
use crate::commands::online::Logs;
use crate::commands::policy;
use crate::commands::progress;
use crate::commands::registries::Places;
use crate::commands::registries::RegistryArgs;
use crate::commands::roots;
use crate::commands::terminal;
use crate::commands::verify::images::Choice;
use crate::commands::verify::images::Court;
use crate::commands::verify::images::Shared;
use crate::commands::verify::images::Tags;
use crate::commands::verify::lines::Heard;
use crate::commands::verify::lines::Sink;
use crate::commands::verify::sources::Asked;
use crate::commands::verify::sources::ImageArgs;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::bundle::Bundle;
use crate::policy::Policy;
use crate::policy::document::model::Document;
use crate::report;
use crate::report::ATTESTATIONS_LEFT_OUT;
use crate::report::Notice;
use crate::report::Report;
use crate::report::Verdict;
use crate::report::human;
use crate::report::json;
use crate::report::lines::Tally;
use crate::report::markdown;
use crate::report::sarif;
use crate::store::beside;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::write_atomic;
use crate::store::hash::HashProgress;
use crate::store::measure::Hold;
use crate::store::oci::OciError;
use crate::store::oci::is_about_platform;
use crate::store::subjects;
use crate::store::subjects::Located;
use crate::trust::root::TrustedRoot;
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
to it, and what cosign stored under tags before. A registry that does not answer, or does not let anybody look, leaves the image \
undecided, never \"nothing there\", and ends nothing else. What is attached to an index covers the images that it lists; what is \
attached to one of them covers nothing else.

With --format jsonl there is a line for each image as soon as it is decided, and a last one that counts them. With --output FILE they \
are written to FILE.partial, which takes the name at the end.

Nothing else is fetched and no socket is opened, but with --online: then a public log is asked for the entry of each \
attestation that shows no proof of when it was signed, and what it answers is verified like everything else. Exit codes: 0 all are allowed, 1 one is denied, 2 wrong usage, 3 could not \
decide.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ABOUT)]
pub(super) struct Args {
    /// A file, a pattern, a folder, a digest such as sha256:…, @FILE with checksums, or an image: REGISTRY/IMAGE[:TAG][@DIGEST],
    /// oci-layout:DIR, oci-archive:FILE
    #[arg(value_name = "SUBJECT", required_unless_present_any = ["images_from", "manifests"], value_parser = NonEmptyStringValueParser::new())]
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
    images: ImageArgs,

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
    /// One JSON document in each line as soon as an image is decided, and a last one that counts them
    Jsonl,
}

pub(super) fn run(args: &Args) -> Outcome {
    let prepared = Prepared::new(args)?;
    if args.format == ReportFormat::Jsonl {
        let sink = Sink::open(args.output.as_deref())?;
        prepared.each(Timestamp::now(), |report| ((), sink.take(&report)))?;
        return sink.finish();
    }
    let report = prepared.report(Timestamp::now())?;
    write(&report, args.format, args.output.as_deref())?;
    Ok(exit(&report))
}

/// How the program ends after a report.
pub(super) fn exit(report: &Report) -> Exit {
    exit_of(report.verdict, report.codes().keys())
}

/// The same, by the codes of what is not allowed: where all that is wrong is a platform that was asked for, so was the usage.
fn exit_of<'a>(verdict: Verdict, mut codes: impl Iterator<Item = &'a &'static str>) -> Exit {
    match verdict {
        Verdict::Allowed => Exit::Done,
        Verdict::Denied => Exit::Denied,
        Verdict::Undecided => {
            let platform = |code: &&str| is_about_platform(code);
            let first = codes.next().is_some_and(platform);
            if first && codes.all(platform) { Exit::Usage } else { Exit::Undecided }
        }
    }
}

/// Everything that was typed, read and found; nothing is verified yet.
pub(super) struct Prepared<'a> {
    args: &'a Args,
    judge: By,
    located: Vec<Located>,
    images: Vec<Asked>,
    places: Option<Places>,
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
        let (typed, others): (Vec<String>, Vec<String>) =
            args.subjects.iter().cloned().partition(|text| args.bundle.is_empty() && is_image(text));
        let mut images = args.images.asked(&typed)?;
        let mut located = Vec::new();
        if !others.is_empty() {
            located = subjects::locate(&others).map_err(|error| artifacts::refused(&error))?;
        }
        if !args.bundle.is_empty() {
            located.extend(images.drain(..).map(pinned).collect::<Result<Vec<_>, _>>()?);
        }
        check(args, &images)?;
        let places = if images.is_empty() { None } else { Some(args.registry.places()?) };
        let attestations = attestations(args, &located)?;
        let (located, left_out) = without_attestations(located, &others, &attestations);
        if located.is_empty() && images.is_empty() {
            return Err(artifacts::refused(&subjects::SubjectsError::Empty));
        }
        Ok(Self { args, judge, located, images, places, attestations, left_out })
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
    /// [`assess::AssessError`]. What is wrong with an image is in the report.
    pub(super) fn report(self, now: Timestamp) -> Result<Report, CommandError> {
        Ok(Report::merged(now, self.each(now, |report| (report, Heard::Yes))?))
    }

    /// Verifies and judges the files, then each image, and hands each report to `take` as soon as it is there.
    ///
    /// # Errors
    /// The same.
    fn each<R: Send>(self, now: Timestamp, take: impl Fn(Report) -> (R, Heard) + Sync) -> Result<Vec<R>, CommandError> {
        let own: Vec<TrustedRoot>;
        let roots = match &self.judge {
            By::Flags(flags) => flags.verifier.roots(),
            By::Policy(document) => {
                own = document.verifiers.iter().flat_map(|verifier| verifier.roots.clone()).collect();
                &own
            }
        };
        let logs = Logs::new(&self.args.network, roots)?;
        let mut made = Vec::new();
        if !self.located.is_empty() {
            let work = |tell: &(dyn Fn(HashProgress) + Sync)| {
                self.assess(&self.located, &self.attestations, artifacts::threads(), (&logs, now), tell)
            };
            let mut report = progress::while_hashing(work)?;
            report.notices.extend(self.left_out.clone());
            hints::advise(&mut report);
            let (first, heard) = take(report);
            made.push(first);
            if heard == Heard::No {
                return Ok(made);
            }
        }
        let Some(places) = &self.places else { return Ok(made) };
        let threads = if self.images.len() == 1 { artifacts::threads() } else { NonZeroUsize::MIN };
        let judge =
            |image: &Located| self.assess(std::slice::from_ref(image), &Where::Beside, threads, (&logs, now), &|_| {});
        let court = Court {
            places,
            judge: &judge,
            choice: self.args.images.choice(),
            look: self.args.images.look(self.hold()),
            now,
            at_once: self.args.images.at_once(),
            tags: if self.images.len() == 1 { Tags::Said } else { Tags::Reported },
            shared: Shared::new(&self.images),
        };
        made.extend(progress::while_verifying(self.images.len(), |tell| {
            court.each(&self.images, |report| {
                tell(report.verdict);
                take(report)
            })
        }));
        Ok(made)
    }

    /// Whether what is long may be measured.
    fn hold(&self) -> Hold {
        match &self.judge {
            _ if self.args.online => Hold::All,
            By::Flags(flags) => assess::hold(&flags.verifier),
            By::Policy(document) => assess::document::hold(document),
        }
    }

    fn assess(
        &self,
        artifacts: &[Located],
        attestations: &Where,
        threads: NonZeroUsize,
        (logs, now): (&Logs<'_>, Timestamp),
        tell: &(dyn Fn(HashProgress) + Sync),
    ) -> Result<Report, CommandError> {
        let ask = |bundle: &Bundle| logs.ask(bundle);
        let proofs = if self.args.online { Proofs::Asked(&ask) } else { Proofs::InFiles };
        let report = match &self.judge {
            By::Flags(flags) => {
                let (verifier, policy) = (&flags.verifier, &flags.policy);
                assess(&Request { verifier, policy, artifacts, attestations, proofs, now, threads }, tell)
            }
            By::Policy(document) => {
                let request = DocumentRequest { document, artifacts, attestations, proofs, now, threads };
                assess::document::assess(&request, tell).map(|assessed| assessed.report)
            }
        };
        report.map_err(|error: assess::AssessError| CommandError::undecided(error.code(), error))
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
        ReportFormat::Jsonl => {
            let mut tally = Tally::default();
            tally.add(report);
            report::lines::results(report, &mut text).and_then(|()| report::lines::summary(&tally, &mut text))
        }
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    match (output, format) {
        (Some(path), _) => write_atomic(Path::new(path), &text, Overwrite::Replace, Mode::Public)
            .map_err(|error| CommandError::undecided(error.code(), error)),
        (None, ReportFormat::Human) => terminal::print_verdicts(&String::from_utf8_lossy(&text)),
        (None, ReportFormat::Json | ReportFormat::Sarif | ReportFormat::Markdown | ReportFormat::Jsonl) => {
            terminal::print(&text)
        }
    }
}

/// An image that attestations in files are about: nothing is looked up, so its digest must be there.
fn pinned(asked: Asked) -> Result<Located, CommandError> {
    match asked.location.digest {
        Some(digest) => Ok(Located::Digests { name: asked.location.place.to_string(), digests: vec![digest] }),
        None => {
            let message =
                format!("{:?}: expected an image with its digest beside --bundle, found none", asked.reference);
            Err(CommandError::usage("subject-image-unpinned", message))
        }
    }
}

/// Refuses what cannot be done, before anything is asked.
fn check(args: &Args, images: &[Asked]) -> Result<(), CommandError> {
    if images.is_empty() && args.images.choice() != Choice::AsNamed {
        let message = "expected an image beside --platform and --each-platform, found none";
        return Err(CommandError::usage("platform-without-image", message));
    }
    let registries = images.iter().filter_map(|image| match &image.location.place {
        ImagePlace::Registry(name) => Some(name),
        ImagePlace::Layout(_) | ImagePlace::Archive(_) => None,
    });
    match registries.into_iter().next().filter(|_| args.offline) {
        Some(name) => Err(refused(&OciError::Offline { place: name.to_string() })),
        None => Ok(()),
    }
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
