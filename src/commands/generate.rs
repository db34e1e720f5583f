//! `sealmark generate`: an unsigned Statement, or where each of its fields comes from.

use std::collections::BTreeSet;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use serde_json::json;

use crate::attest::AttestError;
use crate::attest::Claim;
use crate::attest::statement;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::Reference;
use crate::formats::digest::Algorithm;
use crate::generate::GenerateError;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::ExplainRow;
use crate::generate::facts::Source;
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::local::LocalBuild;
use crate::generate::local::Overrides;
use crate::generate::local::parse_parameters;
use crate::report::plain;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::write_atomic;
use crate::workspace::WorkspaceError;
use crate::workspace::git;

const LONG_ABOUT: &str = "\
Write an unsigned Statement about artifacts: SLSA provenance v1 of a build on this machine.

sealmark does not run the build. It hashes what came out and writes down what the git repository and the options say; \
the Statement says of each only what is known, and nothing is taken from the clock. The same inputs give the same \
bytes. Whoever signs it vouches for it: SLSA Build L1.

Exit codes: 0 done, 2 wrong usage, 3 could not be done.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(super) struct Args {
    /// Artifacts: paths, patterns, directories, digests like sha256:…, or @CHECKSUMS-FILE
    #[arg(required = true, value_name = "SUBJECT")]
    subjects: Vec<String>,

    #[command(flatten)]
    hashing: HashingArgs,

    #[command(flatten)]
    build: BuildArgs,

    /// Show where each field of the Statement comes from and what backs it, in place of the Statement
    #[arg(long, conflicts_with_all = ["output", "force"])]
    explain: bool,

    /// How --explain is written
    #[arg(long, value_name = "FORMAT", default_value = "human", requires = "explain")]
    format: Format,

    /// Write the Statement to FILE in place of standard output, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// Replace FILE where it exists
    #[arg(long, requires = "output")]
    force: bool,
}

/// How files become subjects.
#[derive(Debug, clap::Args)]
pub(super) struct HashingArgs {
    /// Algorithms besides sha256, such as sha384,sha512,gitBlob
    #[arg(long, value_name = "ALGORITHM", value_delimiter = ',', value_parser = algorithm)]
    pub(super) digest: Vec<Algorithm>,
}

/// What provenance says, besides what it is about.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Provenance")]
pub(super) struct BuildArgs {
    /// Parameter that the build was given; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    param: Vec<String>,

    /// Directory whose git repository was built [default: the current one]
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,

    /// Read no git repository, though there may be one
    #[arg(long, conflicts_with_all = ["source", "require_clean"])]
    no_source: bool,

    /// Refuse unless the files are those of the commit
    #[arg(long)]
    require_clean: bool,

    /// Repository that was built, in place of the git remote
    #[arg(long, value_name = "URI")]
    source_uri: Option<String>,

    /// Ref that was built, such as refs/tags/v1.2.3, in place of git's
    #[arg(long, value_name = "REF")]
    source_ref: Option<String>,

    /// Commit that was built; must be the one checked out, where there is one
    #[arg(long, value_name = "COMMIT")]
    source_commit: Option<String>,

    /// Builder, in place of the one that stands for any local build; what it means is for those to say who trust the key
    #[arg(long, value_name = "URI")]
    builder_id: Option<String>,

    /// Which run of the build this is
    #[arg(long, value_name = "ID")]
    invocation_id: Option<String>,

    /// When the build began, such as 2026-10-04T11:32:07Z
    #[arg(long, value_name = "RFC3339")]
    started_on: Option<Timestamp>,

    /// When the build ended
    #[arg(long, value_name = "RFC3339")]
    finished_on: Option<Timestamp>,
}

/// How an explanation is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(text).ok_or_else(|| {
        let known: Vec<_> = Algorithm::all().map(Algorithm::name).collect();
        format!("expected a digest algorithm of in-toto: {}", known.join(", "))
    })
}

pub(super) fn run(args: &Args) -> Outcome {
    let facts = args.build.facts()?;
    let subjects = artifacts::expand(&args.subjects, &args.hashing.digest)?;
    if args.explain {
        return explain(args, &facts, &subjects);
    }
    let mut bytes = statement(Claim::Provenance(&facts), &subjects).map_err(|error| refused(&error))?;
    bytes.push(b'\n');
    match &args.output {
        None => terminal::print(&bytes)?,
        Some(path) => {
            let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Refuse };
            write_atomic(Path::new(path), &bytes, overwrite, Mode::Public)
                .map_err(|error| artifacts::file_refused(&error))?;
        }
    }
    Ok(Exit::Done)
}

/// Why no Statement was made or signed.
pub(super) fn refused(error: &AttestError) -> CommandError {
    let code = error.code();
    let ours =
        matches!(error, AttestError::Sign(_) | AttestError::Key(_) | AttestError::Generate(GenerateError::Write(_)));
    // A refusal of what somebody else wrote is theirs to repair; one of what we wrote is a defect.
    let refused = matches!(error, AttestError::Refused(_)) && !code.starts_with("subject-");
    let error = if ours || refused { CommandError::undecided(code, error) } else { CommandError::usage(code, error) };
    match code {
        "subject-mismatch" => {
            error.hint("the statement must name every SUBJECT given; leave them out to sign it as it is")
        }
        "statement-invalid" => error.hint("sealmark verifies nothing else either; repair the file at the place named"),
        "git-object-invalid" => error.hint("give the whole commit, as git rev-parse HEAD prints it"),
        "source-ref-invalid" => error.hint("write the ref in full: refs/tags/TAG or refs/heads/BRANCH"),
        "source-commit-conflict" => error.hint("check that commit out, or use --no-source to take your word for it"),
        _ => error,
    }
}

impl BuildArgs {
    /// The facts of the build. What a reader of the Statement should know beforehand is noted.
    pub(super) fn facts(&self) -> Result<BuildFacts, CommandError> {
        let refused = |error: GenerateError| refused(&AttestError::from(error));
        let parameters = parse_parameters(self.param.iter().map(String::as_str)).map_err(refused)?;
        let git = self.git()?;
        let overrides = Overrides {
            source_uri: self.source_uri.clone(),
            source_ref: self.source_ref.clone(),
            source_commit: self.source_commit.clone(),
            builder_id: self.builder_id.clone(),
        };
        let build = LocalBuild {
            git: git.as_ref(),
            parameters: &parameters,
            sealmark_version: env!("CARGO_PKG_VERSION"),
            invocation_id: self.invocation_id.as_deref(),
            started_on: self.started_on,
            finished_on: self.finished_on,
            overrides: &overrides,
        };
        build.facts().map_err(refused)
    }

    fn git(&self) -> Result<Option<GitFacts>, CommandError> {
        if self.no_source {
            return Ok(None);
        }
        let folder = self.source.as_deref().unwrap_or(Path::new("."));
        let Some(git) = git::read(folder).map_err(|error| unreadable(&error))? else {
            if self.source.is_some() || self.require_clean {
                let message = format!("{}: expected a git repository there or above, found none", folder.display());
                return Err(CommandError::usage("source-missing", message));
            }
            terminal::note("note     no git repository here: the statement names no source but what options name");
            return Ok(None);
        };
        match (&git.commit, git.dirty) {
            (None, _) if self.require_clean => Err(CommandError::usage(
                "source-dirty",
                "expected files of a commit, found a repository without a commit",
            )),
            (_, Dirty::Changed { paths }) if self.require_clean => {
                let message = format!("expected the files of the commit, found {paths} changed or untracked");
                Err(CommandError::usage("source-dirty", message).hint("git status shows them"))
            }
            (_, Dirty::Changed { paths }) => {
                terminal::note(&format!("note     {paths} files are changed or untracked: the statement says dirty"));
                Ok(Some(git))
            }
            (None, Dirty::Clean) => {
                terminal::note("note     the repository has no commit yet: the statement names none");
                Ok(Some(git))
            }
            (Some(_), Dirty::Clean) => Ok(Some(git)),
        }
    }
}

fn unreadable(error: &WorkspaceError) -> CommandError {
    let usage = matches!(error, WorkspaceError::Unreadable { .. } | WorkspaceError::Bare { .. });
    let exit = if usage { Exit::Usage } else { Exit::Undecided };
    let refused = CommandError { exit, code: error.code(), message: error.to_string(), hint: None };
    match error {
        WorkspaceError::NotOwned { .. } => refused.hint("git config --global --add safe.directory DIR, or --no-source"),
        WorkspaceError::Unreadable { .. } => refused,
        _ => refused.hint("--source DIR names another repository, --no-source none"),
    }
}

fn explain(args: &Args, facts: &BuildFacts, subjects: &[Artifact]) -> Outcome {
    let given = given_names(&args.subjects)?;
    let mut rows = Vec::new();
    for (index, subject) in subjects.iter().enumerate() {
        let source = if given.contains(subject.name()) { Source::GivenDigest } else { Source::File };
        rows.extend(ExplainRow::subject(index, subject.name(), subject.digests(), source));
    }
    rows.extend(facts.explain());
    let text = match args.format {
        Format::Human => rows.iter().map(human).collect::<Vec<_>>().join(""),
        Format::Json => format!("{:#}\n", json!({ "fields": rows })),
    };
    terminal::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Names of the subjects whose digests were handed in; what a file of the same name agrees with is among them.
fn given_names(texts: &[String]) -> Result<BTreeSet<String>, CommandError> {
    let given = |text: &&String| matches!(Reference::parse(text), Ok(Reference::Digest(_) | Reference::Checksums(_)));
    let texts: Vec<String> = texts.iter().filter(given).cloned().collect();
    if texts.is_empty() {
        return Ok(BTreeSet::new());
    }
    let artifacts = artifacts::expand(&texts, &[])?;
    Ok(artifacts.iter().map(|artifact| artifact.name().to_owned()).collect())
}

fn human(row: &ExplainRow) -> String {
    let (pointer, value) = (plain(&row.pointer).into_owned(), row.value.to_string());
    format!("{pointer}\n  value    {}\n  source   {}\n  backing  {}\n", plain(&value), row.source, row.backing)
}
