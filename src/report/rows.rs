//! Lines of a report for people, their columns below one another.

use std::io;
use std::io::Write;

use crate::report::plain;

/// Widest text that pushes the right column further right, in characters.
const WIDE: usize = 100;

/// Lines of three columns: a label, a text, and what backs it.
pub(super) struct Rows {
    /// Spaces before the label.
    pub(super) indent: usize,
    /// Width of the label.
    pub(super) label: usize,
    /// Least width of the text, so that the right columns of several blocks are in one line.
    pub(super) least: usize,
    pub(super) rows: Vec<(&'static str, String, String)>,
}

impl Default for Rows {
    fn default() -> Self {
        Self { indent: 2, label: 10, least: 0, rows: Vec::new() }
    }
}

impl Rows {
    /// Adds a line; nothing in it acts on a terminal.
    pub(super) fn push(&mut self, label: &'static str, text: impl Into<String>, backing: impl Into<String>) {
        self.rows.push((label, plain(&text.into()).into_owned(), plain(&backing.into()).into_owned()));
    }

    /// Writes the lines, the right column below one another.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let backed = self.rows.iter().filter(|row| !row.2.is_empty());
        let widths = backed.map(|row| row.1.chars().count()).filter(|width| *width <= WIDE);
        let width = widths.max().unwrap_or(0).max(self.least);
        for (label, text, backing) in &self.rows {
            let line = format!("{:indent$}{label:<column$} ", "", indent = self.indent, column = self.label);
            if backing.is_empty() {
                writeln!(out, "{line}{text}")?;
            } else {
                writeln!(out, "{line}{text:<width$}     {backing}")?;
            }
        }
        Ok(())
    }
}
