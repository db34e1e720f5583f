//! `sealmark generate`: an unsigned Statement.

use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::attest::Claim;
use crate::attest::statement;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::build;
use crate::commands::build::BuildArgs;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::identity;
use crate::commands::subjects::SubjectArgs;
use crate::commands::subjects::Subjects;
use crate::commands::terminal;
use crate::generate::facts::ExplainRow;
use crate::generate::facts::Source;
use crate::remote::token::IdToken;
use crate::report::plain;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::write_atomic;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    subjects: SubjectArgs,

    #[command(flatten)]
    build: BuildArgs,

    /// Identity token of the job, or @FILE with one, for the claims in it [default: the variable SIGSTORE_ID_TOKEN]
    #[arg(long, value_name = "TOKEN", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    identity_token: Option<String>,

    /// Show each field of the Statement, where it comes from and what backs it, in place of the Statement
    #[arg(long)]
    explain: bool,

    /// How --explain is written
    #[arg(long, value_name = "FORMAT", default_value = "human", requires = "explain")]
    format: super::verify::Format,

    /// Write to FILE in place of standard output, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// Replace FILE if it exists
    #[arg(long, requires = "output")]
    force: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let environment = build::environment();
    let platform = args.build.platform(&environment)?;
    let token = identity::given(args.identity_token.as_deref(), platform, &environment)?;
    let facts =
        args.build.facts(args.build.look(platform)?, &environment, token.as_ref().map(IdToken::claims), None)?;
    let subjects = args.subjects.artifacts(&environment, &[])?;
    let mut rows = subject_rows(&subjects);
    let artifacts = subjects.artifacts;
    rows.extend(facts.explain());
    build::refuse_secrets(&rows)?;
    let text = if args.explain {
        explain(&rows, args.format)?
    } else {
        let claim = Claim::Provenance(&facts, args.build.edition());
        let mut bytes = statement(&artifacts, claim).map_err(|error| build::attest(&error))?;
        bytes.push(b'\n');
        bytes
    };
    let output = args.output.as_deref();
    output.map_or(Ok(()), |path| artifacts::refuse_as_output(path, &artifacts, &[]))?;
    match &args.output {
        None => terminal::print(&text)?,
        Some(path) => write(path, &text, overwrite(args.force))?,
    }
    Ok(Exit::Done)
}

/// Whether an existing file is replaced.
pub(super) fn overwrite(force: bool) -> Overwrite {
    if force { Overwrite::Replace } else { Overwrite::Refuse }
}

/// Writes a public file.
pub(super) fn write(path: &str, bytes: &[u8], overwrite: Overwrite) -> Result<(), CommandError> {
    write_atomic(Path::new(path), bytes, overwrite, Mode::Public).map_err(|error| artifacts::file_refused(&error))
}

/// Each subject with where its digests come from.
pub(super) fn subject_rows(subjects: &Subjects) -> Vec<ExplainRow> {
    let rows = subjects.artifacts.iter().enumerate().flat_map(|(index, subject)| {
        let source = if subjects.given.contains(subject.name()) { Source::GivenDigest } else { Source::File };
        ExplainRow::subject(index, subject.name(), subject.digests(), source)
    });
    rows.collect()
}

fn explain(rows: &[ExplainRow], format: super::verify::Format) -> Result<Vec<u8>, CommandError> {
    if format == super::verify::Format::Json {
        let mut bytes =
            serde_json::to_vec_pretty(rows).map_err(|error| CommandError::undecided("output-failed", error))?;
        bytes.push(b'\n');
        return Ok(bytes);
    }
    let mut text = String::new();
    for row in rows {
        let value = row.value.as_str().map_or_else(|| row.value.to_string(), str::to_owned);
        text += &format!("{}\n", plain(&row.pointer));
        text += &format!("  value    {}\n  source   {}\n  backing  {}\n", plain(&value), row.source, row.backing);
    }
    Ok(text.into_bytes())
}
