//! A report as one JSON document.

use std::io;
use std::io::Write;

use crate::report::Report;

/// Writes the whole report, indented, with a line break at the end.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
