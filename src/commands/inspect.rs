//! `sealmark inspect`: what is in a file, nothing believed.

use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::terminal;
use crate::commands::verify::Format;
use crate::formats::attestations;
use crate::report::inspection;
use crate::report::inspection::Inspection;
use crate::report::json;
use crate::store::file::read_capped;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_long_help = "Nothing is verified and nothing is believed. Exit codes: 0 shown, 2 a file holds nothing \
    that is an attestation or a Statement, 3 a file cannot be read."
)]
pub(super) struct Args {
    /// A file of attestations, or an unsigned Statement
    #[arg(value_name = "FILE", required = true, value_parser = NonEmptyStringValueParser::new())]
    files: Vec<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(args: &Args) -> Outcome {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let mut found = Vec::new();
    let mut exit = Exit::Done;
    for file in &args.files {
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
