//! Where downloads go: a file or standard output, whole or not at all.

use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::generate;
use crate::commands::images;
use crate::commands::terminal;
use crate::formats::raw::OneLine;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::StoreError;
use crate::store::file::fill_atomic;
use crate::store::measure;
use crate::store::measure::Long;
use crate::store::oci::OciError;
use crate::store::spool::spool;

/// Bytes that are moved at once.
const CHUNK: usize = 64 * 1024;

/// Where it is written.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Write to FILE in place of standard output, whole or not at all; a file that exists is not replaced without --force
    #[arg(long, value_name = "FILE", help_heading = "Output", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// Replace what exists
    #[arg(long, help_heading = "Output")]
    pub(super) force: bool,
}

impl OutputArgs {
    /// Writes what `fill` writes. Nothing is printed before all of it was held against its digest.
    ///
    /// # Errors
    /// Those of `fill`, `file-*`, `output-failed`.
    pub(super) fn deliver(&self, fill: &mut Fill<'_>) -> Result<(), CommandError> {
        let Some(output) = &self.output else {
            let path = PathBuf::from("standard output");
            let file = spool(&mut |file: &mut File| fill(&mut Sink { file, path: &path }));
            return print(file.map_err(refused)?);
        };
        write_file(Path::new(output), generate::overwrite(self.force), fill)
    }
}

/// Writes what `fill` writes to a file, whole or not at all.
///
/// # Errors
/// Those of `fill`, `file-*`.
pub(super) fn write_file(path: &Path, overwrite: Overwrite, fill: &mut Fill<'_>) -> Result<(), CommandError> {
    let filled = fill_atomic(path, overwrite, Mode::Public, &mut |file: &mut File| fill(&mut Sink { file, path }));
    filled.map_err(refused)
}

/// Writes to a sink.
pub(super) type Fill<'a> = dyn FnMut(&mut Sink<'_>) -> Result<(), OciError> + 'a;

/// How a JSON text is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// As it is.
    AsItIs,
    /// Without line breaks and the white space after them.
    OneLine,
}

/// A file that is being written.
pub(super) struct Sink<'a> {
    file: &'a mut File,
    path: &'a Path,
}

impl Sink<'_> {
    /// Writes bytes.
    ///
    /// # Errors
    /// `file-unwritable`.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<(), OciError> {
        let failed = |error: io::Error| {
            OciError::Store(StoreError::Unwritable { path: self.path.to_owned(), text: error.to_string() })
        };
        self.file.write_all(bytes).map_err(failed)
    }

    /// Writes the predicate of a long attestation, byte for byte; of [`Shape::OneLine`] without its line breaks.
    ///
    /// # Errors
    /// `file-*`.
    pub(super) fn predicate(&mut self, long: &Long, shape: Shape) -> Result<(), OciError> {
        let poured = measure::predicate(long, &mut |value| {
            let poured = match shape {
                Shape::AsItIs => self.pour(value),
                Shape::OneLine => self.pour(OneLine::new(value)),
            };
            poured.map_err(io::Error::other)
        });
        poured.map_err(reading)
    }

    /// Writes everything that a reader gives.
    ///
    /// # Errors
    /// The reader's, `file-unwritable`.
    pub(super) fn pour(&mut self, mut from: impl Read) -> Result<(), OciError> {
        let mut buffer = vec![0; CHUNK];
        loop {
            let length = from.read(&mut buffer).map_err(reading)?;
            match buffer.get(..length) {
                None | Some([]) => return Ok(()),
                Some(piece) => self.put(piece)?,
            }
        }
    }
}

/// Why what is attached cannot be read: the error of its place, where it carries one.
fn reading(error: io::Error) -> OciError {
    match error.downcast::<OciError>() {
        Ok(carried) => carried,
        Err(error) => {
            let (path, text) = (PathBuf::from("what is attached"), error.to_string());
            OciError::Store(StoreError::Unreadable { path, text })
        }
    }
}

fn print(mut file: File) -> Result<(), CommandError> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = file.read(&mut buffer).map_err(|error| CommandError::undecided("output-failed", error))?;
        match buffer.get(..length) {
            None | Some([]) => return Ok(()),
            Some(piece) => terminal::print(piece)?,
        }
    }
}

fn refused(error: OciError) -> CommandError {
    match error {
        OciError::Store(error) => artifacts::file_refused(&error),
        error => images::refused(&error),
    }
}
