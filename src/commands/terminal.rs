//! Writing to the terminal: results on stdout, everything else on stderr, words instead of symbols.

use std::io::Write;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;

/// Writes a result to stdout.
///
/// # Errors
/// `output-failed` when stdout cannot be written; a closed pipe is one: the reader has not seen the result.
pub(super) fn print(bytes: &[u8]) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| CommandError::undecided("output-failed", error))
}

/// Writes a note to stderr.
pub(super) fn note(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Tells the user what went wrong and what to do about it.
pub(super) fn show_error(error: &CommandError) -> Exit {
    note(&format!("error    {}   {}", error.code, error.message));
    if let Some(hint) = &error.hint {
        note(&format!("  hint   {hint}"));
    }
    error.exit
}
