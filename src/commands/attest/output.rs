//! Where attestations are written: one file, a file for each, or lines of one file; whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use crate::attest::Attested;
use crate::attest::Form;
use crate::attest::Line;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::generate;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::Reference;
use crate::formats::attestations;
use crate::formats::attestations::MAX_ATTESTATIONS;
use crate::formats::attestations::Position;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::StoreError;
use crate::store::file::append_lines_atomic;
use crate::store::file::fill_atomic;
use crate::store::file::read_capped;
use crate::store::subjects;
use crate::store::subjects::Located;

/// The name of an attestation about several artifacts; `verify` looks for it beside each.
const SHARED_NAME: &str = "attestation.intoto.jsonl";

/// Where and how it is written.
#[derive(Debug, clap::Args)]
pub(super) struct OutputArgs {
    /// Where to write; without it attached to each image, NAME.sigstore.json beside a single file, otherwise attestation.intoto.jsonl in the folder
    /// that the files share, or in the current one. With --single-subject a folder
    #[arg(long, value_name = "FILE", help_heading = "Output", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "bundle", help_heading = "Output")]
    output_format: OutputFormat,

    /// Replace the file if it exists
    #[arg(long, help_heading = "Output")]
    force: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum OutputFormat {
    /// A Sigstore bundle v0.3
    Bundle,
    /// A bare DSSE envelope
    Envelope,
    /// A bundle on a line of its own, appended
    Jsonl,
}

impl OutputArgs {
    /// Refuses what cannot go together.
    pub(super) fn check(&self) -> Result<(), CommandError> {
        if self.force && self.output_format == OutputFormat::Jsonl {
            let message = "expected one of --force and --output-format jsonl, which replaces nothing, found both";
            return Err(CommandError::usage("output-conflict", message));
        }
        Ok(())
    }

    /// Whether a file is named.
    pub(super) fn is_named(&self) -> bool {
        self.output.is_some()
    }

    /// Refuses what cannot go together where so many attestations are attached to images, and perhaps written.
    ///
    /// # Errors
    /// `output-conflict`.
    pub(super) fn check_attached(&self, count: usize) -> Result<(), CommandError> {
        let conflict = |message: &str| Err(CommandError::usage("output-conflict", message));
        match self.output_format {
            OutputFormat::Envelope => conflict(
                "expected --output-format bundle where images are attested, found an envelope, which is not attached",
            ),
            OutputFormat::Bundle if self.is_named() && count > 1 => {
                conflict("expected --output-format jsonl for the attestations of several images, found bundle")
            }
            OutputFormat::Bundle | OutputFormat::Jsonl => Ok(()),
        }
    }

    /// The shape of what is signed.
    pub(super) fn form(&self) -> Form {
        match self.output_format {
            OutputFormat::Bundle | OutputFormat::Jsonl => Form::Bundle,
            OutputFormat::Envelope => Form::Envelope,
        }
    }
}

/// Where each attestation will go.
pub(super) struct Plan<'a> {
    args: &'a OutputArgs,
    /// What the user named, as far as it is files.
    pub(super) located: Vec<Located>,
    /// One path for each attestation; with `jsonl` one path for all.
    pub(super) paths: Vec<PathBuf>,
    /// How many attestations there will be.
    count: usize,
}

impl<'a> Plan<'a> {
    /// The plan for attestations about these groups of subjects.
    ///
    /// # Errors
    /// Usage errors about where to write.
    pub(super) fn new(
        args: &'a OutputArgs,
        subjects: &[String],
        groups: &[&[Artifact]],
        each: Each,
    ) -> Result<Self, CommandError> {
        // What comes by standard input lies nowhere.
        let on_disk: Vec<String> =
            subjects.iter().filter(|text| Reference::parse(text) != Ok(Reference::Stdin)).cloned().collect();
        let located = if on_disk.is_empty() { Vec::new() } else { located(&on_disk)? };
        let paths = match (each, args.output_format) {
            (Each::Group, OutputFormat::Bundle | OutputFormat::Envelope) => beside_each(args, &located, groups)?,
            _ => vec![PathBuf::from(one_path(args, subjects, &located)?)],
        };
        Ok(Self { args, located, paths, count: groups.len() })
    }

    /// Looks before a password is asked for and anything is signed; writing looks again.
    ///
    /// # Errors
    /// `file-exists`, `output-is-input`, `output-not-jsonl`.
    pub(super) fn look(&self, artifacts: &[Artifact], read: &[&str]) -> Result<(), CommandError> {
        for path in &self.paths {
            let exists = path.symlink_metadata().is_ok();
            match self.args.output_format {
                OutputFormat::Bundle | OutputFormat::Envelope if exists && !self.args.force => {
                    return Err(artifacts::file_refused(&StoreError::Exists { path: path.clone() }));
                }
                OutputFormat::Jsonl => appendable(path, self.count)?,
                _ => {}
            }
            if exists {
                artifacts::refuse_as_output(&path.to_string_lossy(), artifacts, read)?;
            }
        }
        Ok(())
    }

    /// Writes every attestation. Lines of one file are written together; each other file whole.
    ///
    /// # Errors
    /// `file-*`.
    pub(super) fn write(&self, attested: &[Attested]) -> Result<(), CommandError> {
        if self.args.output_format == OutputFormat::Jsonl {
            let [path] = self.paths.as_slice() else { return Ok(()) };
            let lines = attested.iter().map(|one| one.line.to_bytes()).collect::<Result<Vec<_>, StoreError>>();
            let appended = lines.and_then(|lines| {
                append_lines_atomic(path, &lines.iter().map(|line| &**line).collect::<Vec<_>>(), max_bytes())
            });
            return appended.map_err(|error| artifacts::file_refused(&error));
        }
        for (path, one) in self.paths.iter().zip(attested) {
            write_line(path, &one.line, generate::overwrite(self.args.force))?;
        }
        Ok(())
    }
}

/// Writes an attestation to a file of its own.
///
/// # Errors
/// `file-*`.
pub(in crate::commands) fn write_line(path: &Path, line: &Line, overwrite: Overwrite) -> Result<(), CommandError> {
    let written = fill_atomic(path, overwrite, Mode::Public, &mut |file: &mut File| {
        let failed = |error: io::Error| StoreError::Unwritable { path: path.to_owned(), text: error.to_string() };
        line.write(file).map_err(failed)
    });
    written.map_err(|error| artifacts::file_refused(&error))
}

/// What has an attestation of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Each {
    /// Everything together.
    All,
    /// Each group of subjects.
    Group,
}

fn located(subjects: &[String]) -> Result<Vec<Located>, CommandError> {
    subjects::locate(subjects).map_err(|error| artifacts::refused(&error))
}

/// Longest file of attestations.
pub(super) fn max_bytes() -> u64 {
    u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX)
}

/// A path for each subject: beside its file, or in the folder that was named.
fn beside_each(args: &OutputArgs, located: &[Located], groups: &[&[Artifact]]) -> Result<Vec<PathBuf>, CommandError> {
    let ending = if args.output_format == OutputFormat::Bundle { "sigstore.json" } else { "intoto.jsonl" };
    let names = groups.iter().filter_map(|group| group.first()).map(Artifact::name);
    let mut files: BTreeMap<&str, Option<&Path>> = BTreeMap::new();
    for one in located {
        if let Located::File(path) = one
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            // Of a name that two files have, neither is meant.
            files.entry(name).and_modify(|path| *path = None).or_insert(Some(path));
        }
    }
    let path = |name: &str| {
        let plain = !name.contains(['/', '\\', ':']) && name != "." && name != "..";
        match (&args.output, files.get(name)) {
            (Some(folder), _) if plain => Ok(Path::new(folder).join(format!("{name}.{ending}"))),
            (None, Some(Some(path))) => Ok(PathBuf::from(format!("{}.{ending}", path.display()))),
            _ => {
                let message = format!("expected a file name to write the attestation of {name:?} under, found none");
                let refused = CommandError::usage("output-missing", message);
                Err(refused.hint("--output-format jsonl --output FILE takes attestations of any subjects"))
            }
        }
    };
    names.map(path).collect()
}

/// The one path: a name that `verify` finds, as far as there is one.
fn one_path(args: &OutputArgs, subjects: &[String], located: &[Located]) -> Result<String, CommandError> {
    if let Some(path) = &args.output {
        return Ok(path.clone());
    }
    let files = located.iter().map(|one| match one {
        Located::File(path) => path.to_str(),
        Located::Digests { .. } | Located::Image { .. } => None,
    });
    // A folder that is attested again must not find the attestation in it.
    let folders = subjects.iter().any(|text| Path::new(text).is_dir());
    let files = files.collect::<Option<Vec<&str>>>().filter(|_| !folders).unwrap_or_default();
    let folder = |path: &str| Path::new(path).parent().map(Path::to_owned);
    match files.as_slice() {
        [] if subjects.is_empty() => {
            Err(CommandError::usage("output-missing", "expected --output FILE where no subject is a file, found none"))
        }
        [one] => Ok(match args.output_format {
            OutputFormat::Bundle => format!("{one}.sigstore.json"),
            OutputFormat::Envelope | OutputFormat::Jsonl => format!("{one}.intoto.jsonl"),
        }),
        [first, others @ ..] if others.iter().all(|other| folder(other) == folder(first)) => {
            let name = folder(first).unwrap_or_default().join(SHARED_NAME);
            Ok(name.to_string_lossy().into_owned())
        }
        _ => Ok(SHARED_NAME.to_owned()),
    }
}

/// So many lines can follow: the file holds one attestation a line, and a reader takes as many.
fn appendable(path: &Path, count: usize) -> Result<(), CommandError> {
    let refused = |found: String| {
        let message = format!("{}: expected one attestation a line, found {found}", path.display());
        Err(CommandError::usage("output-not-jsonl", message).hint("name another --output"))
    };
    if count > MAX_ATTESTATIONS {
        return refused(format!("{count} to be written, and {MAX_ATTESTATIONS} is the most that a reader takes"));
    }
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let bytes = read_capped(path, max_bytes()).map_err(|error| artifacts::file_refused(&error))?;
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let found = match attestations::parse(&bytes) {
        Ok(found) => found,
        Err(error) => return refused(error.to_string()),
    };
    if found.len().saturating_add(count) > MAX_ATTESTATIONS {
        let there = found.len();
        return refused(format!("{there} and {count} to add, and {MAX_ATTESTATIONS} is the most that a reader takes"));
    }
    let lines = bytes.trim_ascii().contains(&b'\n');
    for candidate in &found {
        match (&candidate.bundle, candidate.position) {
            (Err(error), Position::Line(line)) => return refused(format!("on line {line}: {error}")),
            (Err(error), _) => return refused(error.to_string()),
            (Ok(_), Position::Item(_)) => return refused("an array".to_owned()),
            (Ok(_), Position::Whole) if lines => return refused("one attestation on several lines".to_owned()),
            (Ok(_), _) => {}
        }
    }
    Ok(())
}
