//! `sealmark trust`: what is believed.

use crate::commands::Outcome;

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Placeholder
    Show,
}

pub(super) fn run(_command: &Command) -> Outcome {
    Ok(crate::commands::exit::Exit::Done)
}
