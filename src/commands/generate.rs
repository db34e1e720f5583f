//! `sealmark generate`: an unsigned Statement.

use crate::commands::Outcome;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Outcome {
    Ok(crate::commands::exit::Exit::Done)
}
