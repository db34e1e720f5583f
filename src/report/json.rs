//! A report of any kind as one JSON document.

use std::io;
use std::io::Write;

use serde::Serialize;

/// Writes the whole report, indented, with a line break at the end.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    out.write_all(b"\n")
}
