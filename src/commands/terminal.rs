//! Writing to the terminal: results on stdout, everything else on stderr, words instead of symbols.

use std::env;
use std::io::IsTerminal;
use std::io::Write;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::report::plain;

/// Writes a result to stdout.
///
/// # Errors
/// `output-failed` when stdout cannot be written; a closed pipe is one: the reader has not seen the result.
pub(super) fn print(bytes: &[u8]) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| CommandError::undecided("output-failed", error))
}

/// Writes a text whose lines start with a verdict to stdout, the verdicts coloured where somebody can see it: on a
/// terminal, unless NO_COLOR is set (no-color.org) or TERM is `dumb`.
///
/// # Errors
/// `output-failed`.
pub(super) fn print_verdicts(text: &str) -> Result<(), CommandError> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    let dumb = set("TERM").is_none_or(|term| term == "dumb");
    if std::io::stdout().is_terminal() && set("NO_COLOR").is_none() && !dumb {
        print(coloured(text).as_bytes())
    } else {
        print(text.as_bytes())
    }
}

/// word, colour
const COLOURS: [(&str, &str); 4] = [
    ("allowed", "\u{1b}[1;32m"),
    ("denied", "\u{1b}[1;31m"),
    ("undecided", "\u{1b}[1;33m"),
    ("notice", "\u{1b}[1;33m"),
];

/// Colours the first word of each line that starts with one of [`COLOURS`]; an indented line never does.
fn coloured(text: &str) -> String {
    let paint = |line: &str| {
        let found = COLOURS.iter().find_map(|(word, colour)| {
            let rest = line.strip_prefix(word).filter(|rest| rest.starts_with(' '))?;
            Some(format!("{colour}{word}\u{1b}[0m{rest}"))
        });
        found.unwrap_or_else(|| line.to_owned())
    };
    text.split_inclusive('\n').map(paint).collect()
}

/// Writes a note to stderr; nothing in it acts on the terminal.
pub(super) fn note(text: &str) {
    // Where stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr().lock(), "{}", plain(text));
}

/// Tells the user what went wrong and what to do about it.
pub(super) fn show_error(error: &CommandError) -> Exit {
    note(&format!("error    {}   {}", error.code, error.message));
    if let Some(hint) = &error.hint {
        note(&format!("  hint   {hint}"));
    }
    error.exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_verdicts_at_the_start_of_a_line_are_coloured() {
        let text = "allowed  app\n  from       denied x\ndenied   b\nallowedly\n";
        let expected =
            "\u{1b}[1;32mallowed\u{1b}[0m  app\n  from       denied x\n\u{1b}[1;31mdenied\u{1b}[0m   b\nallowedly\n";
        assert_eq!(coloured(text), expected);
    }
}
