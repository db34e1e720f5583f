//! `sealmark completions`: completions for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::commands::Cli;
use crate::commands::Outcome;
use crate::commands::exit::Exit;
use crate::commands::terminal;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sealmark", &mut text);
    terminal::print(&text)?;
    Ok(Exit::Done)
}
