//! `--format jsonl`: a line for each result as soon as it is decided, so that whatever ends the program leaves them.

use std::fs;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::terminal;
use crate::commands::verify;
use crate::report::Report;
use crate::report::lines;
use crate::report::lines::Tally;

/// What follows the name of a file that is not complete.
const PARTIAL: &str = ".partial";

/// Where lines go.
pub(super) struct Sink(Mutex<State>);

struct State {
    out: Out,
    tally: Tally,
    failed: Option<CommandError>,
}

enum Out {
    Stdout,
    File { file: File, partial: PathBuf, path: PathBuf },
}

/// Whether anybody still reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The lines were written.
    Yes,
    /// Nothing can be written any more.
    No,
}

impl Sink {
    /// Standard output, or a file beside the one that is named, which takes its name at the end.
    ///
    /// # Errors
    /// `output-failed`.
    pub(super) fn open(output: Option<&str>) -> Result<Self, CommandError> {
        let out = match output {
            None => Out::Stdout,
            Some(path) => {
                let partial = PathBuf::from(format!("{path}{PARTIAL}"));
                let failed = |error| failed(&partial, &error);
                // Nothing is written through a link that lies there.
                if partial.symlink_metadata().is_ok() {
                    fs::remove_file(&partial).map_err(failed)?;
                }
                Out::File { file: File::create_new(&partial).map_err(failed)?, partial, path: path.into() }
            }
        };
        Ok(Self(Mutex::new(State { out, tally: Tally::default(), failed: None })))
    }

    /// Writes the lines of a report.
    pub(super) fn take(&self, report: &Report) -> Heard {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.failed.is_some() {
            return Heard::No;
        }
        let mut text = Vec::new();
        let written =
            lines::results(report, &mut text).map_err(|error| CommandError::undecided("output-failed", error));
        state.tally.add(report);
        match written.and_then(|()| state.out.write(&text)) {
            Ok(()) => Heard::Yes,
            Err(error) => {
                state.failed = Some(error);
                Heard::No
            }
        }
    }

    /// Writes the last line, and gives the file its name.
    ///
    /// # Errors
    /// `output-failed`, also for what could not be written before.
    pub(super) fn finish(self) -> Result<Exit, CommandError> {
        let mut state = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(error) = state.failed {
            return Err(error);
        }
        let mut text = Vec::new();
        lines::summary(&state.tally, &mut text).map_err(|error| CommandError::undecided("output-failed", error))?;
        state.out.write(&text)?;
        if let Out::File { file, partial, path } = &state.out {
            file.sync_all().and_then(|()| fs::rename(partial, path)).map_err(|error| failed(path, &error))?;
        }
        Ok(verify::exit_of(state.tally.verdict(), state.tally.codes.keys()))
    }
}

impl Out {
    fn write(&mut self, text: &[u8]) -> Result<(), CommandError> {
        match self {
            Self::Stdout => terminal::print(text),
            Self::File { file, partial, .. } => file.write_all(text).map_err(|error| failed(partial, &error)),
        }
    }
}

fn failed(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::undecided("output-failed", format!("{}: {error}", path.display()))
}
