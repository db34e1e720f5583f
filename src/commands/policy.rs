//! `sealmark policy`: policy files themselves.

mod check;
pub(super) mod load;
mod test;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::terminal;
use crate::commands::verify::Format;

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Read policy files and show everything that is wrong with them
    #[command(after_long_help = "Exit codes: 0 each is a policy, 2 one is none, 3 one cannot be read.")]
    Check(Args),
    /// Show shapes that are well-formed and hardly meant so
    #[command(
        after_long_help = "Exit codes: 0 nothing worse than warnings, 1 at least one error, 2 a file is no policy, 3 \
        one cannot be read."
    )]
    Lint(Args),
    /// Run the cases beside policy files: POLICY.test.yaml beside POLICY.yaml
    #[command(
        after_long_help = "Exit codes: 0 each case came out as it must, 1 one did not, 2 a file is no policy or has no \
        cases, 3 one cannot be read."
    )]
    Test(Args),
}

/// Arguments of each.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A policy file, YAML or JSON
    #[arg(value_name = "FILE", required = true, value_parser = NonEmptyStringValueParser::new())]
    files: Vec<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

pub(super) fn run(command: &Command) -> Outcome {
    match command {
        Command::Check(args) => check::check(args),
        Command::Lint(args) => check::lint(args),
        Command::Test(args) => test::run(args),
    }
}

/// Prints what was written into a buffer.
fn print(text: &[u8], written: std::io::Result<()>) -> Result<(), CommandError> {
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    terminal::print(text)
}
