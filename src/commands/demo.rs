//! `sealmark demo`: the whole main job in a temporary folder.

use crate::commands::Outcome;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> Outcome {
    Ok(crate::commands::exit::Exit::Done)
}
