//! `sealmark trust`: what is believed.

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::hints;
use crate::commands::roots;
use crate::commands::terminal;
use crate::commands::verify::Format;
use crate::report::json;
use crate::report::trust::TrustReport;

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show each trusted root: its date, its authorities and logs, and which of them count today
    Show(ShowArgs),
}

/// Arguments of `trust show`.
#[derive(Debug, clap::Args)]
pub(super) struct ShowArgs {
    /// What to show: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(command: &Command) -> Outcome {
    let Command::Show(args) = command;
    let mut report = TrustReport::new(&roots::load(&args.trust)?, Timestamp::now());
    report.roots.iter_mut().flat_map(|root| &mut root.notices).for_each(hints::advise_notice);
    let mut text = Vec::new();
    let written = match args.format {
        Format::Human => report.human(&mut text),
        Format::Json => json::write(&report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    terminal::print(&text)?;
    Ok(Exit::Done)
}
