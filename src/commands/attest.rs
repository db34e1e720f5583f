//! `sealmark attest`: sign, verify what was signed, write.

use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::Form;
use crate::attest::Request;
use crate::attest::attest;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::generate::BuildArgs;
use crate::commands::generate::HashingArgs;
use crate::commands::key;
use crate::commands::shell;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::attestations::MAX_ATTESTATIONS;
use crate::formats::attestations::Position;
use crate::formats::digest::Algorithm;
use crate::formats::predicate_type;
use crate::formats::provenance::v1;
use crate::formats::statement::Statement;
use crate::generate::facts::BuildFacts;
use crate::report::plain;
use crate::store::beside;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::StoreError;
use crate::store::file::append_line_atomic;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::store::hash::hash_files;
use crate::store::subjects;
use crate::store::subjects::Located;

/// The name of an attestation about several artifacts; `verify` looks for it beside each.
const SHARED_NAME: &str = "attestation.intoto.jsonl";

/// Most subjects and arguments that are listed by name.
const SHOWN: usize = 5;

const LONG_ABOUT: &str = "\
Attest artifacts: make a Statement about them, sign it with a key, verify what was signed as sealmark verify does, and \
only then write it.

The Statement is SLSA provenance v1 of a build on this machine, as sealmark generate makes it; or --predicate FILE \
about the artifacts; or --statement FILE, signed as it is.

Without --output, the attestation of one file lies beside it as FILE.sigstore.json (FILE.intoto.jsonl in the formats \
envelope and jsonl); that of several is attestation.intoto.jsonl in the directory they share, or in the current one. \
sealmark verify looks there.

The password of an encrypted key is asked for, or taken from SEALMARK_PASSWORD or COSIGN_PASSWORD.

Exit codes: 0 done, 2 wrong usage, 3 could not be done.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(long_about = LONG_ABOUT)]
pub(super) struct Args {
    /// Artifacts: paths, patterns, directories, digests like sha256:…, or @CHECKSUMS-FILE
    #[arg(required_unless_present = "statement", value_name = "SUBJECT")]
    subjects: Vec<String>,

    /// PEM private key, plain or encrypted (sealmark's or cosign's)
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    key: String,

    #[command(flatten)]
    hashing: HashingArgs,

    /// JSON object to sign as the predicate, in place of provenance
    #[arg(long, value_name = "FILE", requires = "predicate_type", conflicts_with_all = ["statement", "BuildArgs"],
          value_parser = NonEmptyStringValueParser::new())]
    predicate: Option<String>,

    /// What the predicate is: slsaprovenance (v0.2), slsaprovenance02, slsaprovenance1, vsa, spdxjson, cyclonedx, vuln,
    /// openvex, link, custom, or a predicate type URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// in-toto Statement to sign as it is; it must name every SUBJECT given
    #[arg(long, value_name = "FILE", conflicts_with = "BuildArgs", value_parser = NonEmptyStringValueParser::new())]
    statement: Option<String>,

    #[command(flatten)]
    build: BuildArgs,

    /// Where to write
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "bundle")]
    output_format: OutputFormat,

    /// Replace FILE where it exists
    #[arg(long)]
    force: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum OutputFormat {
    /// A Sigstore bundle v0.3
    Bundle,
    /// A bare DSSE envelope
    Envelope,
    /// A Sigstore bundle appended to a file of one attestation a line
    Jsonl,
}

/// What is signed, read from where the user said.
enum Material {
    Provenance(Box<BuildFacts>),
    Predicate(String, Vec<u8>),
    Statement(Vec<u8>),
}

impl Material {
    fn claim(&self) -> Claim<'_> {
        match self {
            Self::Provenance(facts) => Claim::Provenance(facts),
            Self::Predicate(predicate_type, text) => Claim::Predicate { predicate_type, text },
            Self::Statement(bytes) => Claim::Statement(bytes),
        }
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    terminal::print(written(args)?.as_bytes())?;
    Ok(Exit::Done)
}

/// Does it all and says what was written.
pub(super) fn written(args: &Args) -> Result<String, CommandError> {
    if args.force && args.output_format == OutputFormat::Jsonl {
        let message = "expected one of --force and --output-format jsonl, which replaces nothing, found both";
        return Err(CommandError::usage("output-conflict", message));
    }
    let material = material(args)?;
    let located = located(args)?;
    let output = output(args, &located);
    look_at(&output, args)?;
    let key = key::load(&args.key)?;
    let subjects = subjects(args, &material)?;
    refuse_subject(&output, &subjects)?;
    let form = match args.output_format {
        OutputFormat::Bundle | OutputFormat::Jsonl => Form::Bundle,
        OutputFormat::Envelope => Form::Envelope,
    };
    let request = Request { claim: material.claim(), subjects: &subjects, key: &key, form, now: Timestamp::now() };
    let attested = attest(&request).map_err(|error| generate::refused(&error))?;
    write(&output, &attested.line, args)?;
    Ok(told(args, &material, &subjects, &attested, (&output, &located)))
}

fn material(args: &Args) -> Result<Material, CommandError> {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let read = |file: &str| read_capped(Path::new(file), cap).map_err(|error| artifacts::file_refused(&error));
    match (&args.predicate, &args.predicate_type, &args.statement) {
        (Some(file), Some(word), _) => {
            let Some(uri) = predicate_type::written(word) else {
                let message = format!("expected a predicate type, found {word:?}");
                let words: Vec<_> = predicate_type::TABLE.iter().map(|row| row.word).collect();
                let hint = format!("a type is a URI, or one of {}", words.join(", "));
                return Err(CommandError::usage("predicate-type-invalid", message).hint(hint));
            };
            Ok(Material::Predicate(uri.to_owned(), read(file)?))
        }
        (_, _, Some(file)) => Ok(Material::Statement(read(file)?)),
        _ => Ok(Material::Provenance(Box::new(args.build.facts()?))),
    }
}

fn located(args: &Args) -> Result<Vec<Located>, CommandError> {
    if args.subjects.is_empty() {
        return Ok(Vec::new());
    }
    subjects::locate(&args.subjects).map_err(|error| artifacts::refused(&error))
}

/// The artifacts. For somebody else's Statement they are hashed with whatever it names them by.
fn subjects(args: &Args, material: &Material) -> Result<Vec<Artifact>, CommandError> {
    /// What sealmark computes and a Statement may name a file by.
    const COMPUTED: [Algorithm; 7] = [
        Algorithm::Sha384,
        Algorithm::Sha512,
        Algorithm::Sha512_256,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
        Algorithm::GitBlob,
    ];
    if args.subjects.is_empty() {
        return Ok(Vec::new());
    }
    let mut also = args.hashing.digest.clone();
    if let Material::Statement(bytes) = material {
        let refused = |error| generate::refused(&crate::attest::AttestError::Format(error));
        let statement = Statement::parse(bytes.as_slice().into()).map_err(refused)?;
        let named = |one: &Algorithm| statement.subjects.iter().any(|subject| subject.digest.get(*one).is_some());
        also.extend(COMPUTED.into_iter().filter(named));
    }
    artifacts::expand(&args.subjects, &also)
}

/// Where the attestation goes.
fn output(args: &Args, located: &[Located]) -> PathBuf {
    if let Some(output) = &args.output {
        return PathBuf::from(output);
    }
    let directory = |text: &String| Path::new(text).is_dir();
    let mut files = Vec::new();
    for one in located {
        match one {
            Located::File(path) => files.push(path.as_path()),
            Located::Digests { .. } => return PathBuf::from(SHARED_NAME),
        }
    }
    match files.as_slice() {
        _ if args.subjects.iter().any(directory) => PathBuf::from(SHARED_NAME),
        [only] => {
            let mut name = only.as_os_str().to_owned();
            name.push(if args.output_format == OutputFormat::Bundle { ".sigstore.json" } else { ".intoto.jsonl" });
            PathBuf::from(name)
        }
        [first, others @ ..] if others.iter().all(|other| other.parent() == first.parent()) => {
            first.with_file_name(SHARED_NAME)
        }
        _ => PathBuf::from(SHARED_NAME),
    }
}

/// What can be refused before a password is asked for and anything is hashed. Writing looks again.
fn look_at(output: &Path, args: &Args) -> Result<(), CommandError> {
    let exists = output.symlink_metadata().is_ok();
    match args.output_format {
        OutputFormat::Bundle | OutputFormat::Envelope if exists && !args.force => {
            Err(artifacts::file_refused(&StoreError::Exists { path: output.to_owned() }))
        }
        OutputFormat::Jsonl if exists => appendable(output),
        _ => Ok(()),
    }
}

/// A line can follow: the file holds one attestation a line, and not so many that no reader would take it.
fn appendable(output: &Path) -> Result<(), CommandError> {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(output, cap).map_err(|error| artifacts::file_refused(&error))?;
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let refused = |found: String| {
        let message = format!("{}: expected one attestation a line, found {found}", output.display());
        Err(CommandError::usage("output-not-jsonl", message).hint("name another --output"))
    };
    let found = match attestations::parse(&bytes) {
        Ok(found) => found,
        Err(error) => return refused(error.to_string()),
    };
    if found.len() >= MAX_ATTESTATIONS {
        return refused(format!("{MAX_ATTESTATIONS} already, which is the most that a reader takes"));
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

/// Writing over an artifact would make the attestation about nothing.
fn refuse_subject(output: &Path, subjects: &[Artifact]) -> Result<(), CommandError> {
    if output.symlink_metadata().is_err() {
        return Ok(());
    }
    let digests = hash_files(&[output.to_owned()], &[Algorithm::Sha256], &|_| {}, artifacts::threads());
    let Some(Ok(digests)) = digests.first() else { return Ok(()) };
    let Some(subject) = subjects.iter().find(|one| digests.iter().any(|digest| one.digests().contains(digest))) else {
        return Ok(());
    };
    let message = format!("{}: expected a file that is no subject, found {:?}", output.display(), subject.name());
    Err(CommandError::usage("output-is-subject", message).hint("name another --output, or the subjects one by one"))
}

fn write(output: &Path, line: &[u8], args: &Args) -> Result<(), CommandError> {
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Refuse };
    let written = match args.output_format {
        OutputFormat::Jsonl => {
            append_line_atomic(output, line, u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX))
        }
        OutputFormat::Bundle | OutputFormat::Envelope => {
            write_atomic(output, &[line, b"\n"].concat(), overwrite, Mode::Public)
        }
    };
    written.map_err(|error| artifacts::file_refused(&error))
}

/// What was done, and how a consumer checks it.
fn told(
    args: &Args,
    material: &Material,
    subjects: &[Artifact],
    attested: &Attested,
    (output, located): (&Path, &[Located]),
) -> String {
    let how = if args.output_format == OutputFormat::Jsonl { "appended to" } else { "attested" };
    let mut lines = vec![format!("{how} {}", shell::line([&*output.to_string_lossy()]))];
    let names: Vec<_> = subjects.iter().take(SHOWN).map(|subject| plain(subject.name())).collect();
    let more = if subjects.len() > SHOWN { ", …" } else { "" };
    let names = if names.is_empty() { String::new() } else { format!(": {}{more}", names.join(", ")) };
    lines.push(format!("  subjects   {}{names}", attested.subjects));
    lines.push(format!("  type       {}", plain(&attested.predicate_type)));
    if let Material::Provenance(facts) = material {
        lines.push(format!("  source     {}", source(facts)));
    }
    let (kind, fingerprint) = (attested.signer.kind().name(), attested.signer.fingerprint());
    lines.push(format!("  signed by  {kind} key {fingerprint}"));
    if let Material::Provenance(_) = material {
        lines.push("  level      SLSA Build L1: the word of whoever holds the key, backed by nothing else".to_owned());
    }
    lines.push("  checked    the written bytes, as below, for every subject".to_owned());
    lines.push(format!("  verify     {}", verify(args, attested, output, located)));
    lines.join("\n") + "\n"
}

fn source(facts: &BuildFacts) -> String {
    let Some(source) = facts.dependencies.iter().find(|one| one.name.value == "source") else {
        return "none".to_owned();
    };
    let uri = source.uri.as_ref().map(|uri| plain(&uri.value).into_owned());
    let commit = source.digests.first().map(|digest| format!("commit {}", digest.value.hex()));
    let dirty = source.annotations.contains_key("dirty").then(|| "with changes beside the commit".to_owned());
    [uri, commit, dirty].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// The command by which a consumer comes to the same verdict.
fn verify(args: &Args, attested: &Attested, output: &Path, located: &[Located]) -> String {
    let mut words = vec!["sealmark".to_owned(), "verify".to_owned()];
    words.extend(args.subjects.iter().take(SHOWN).cloned());
    if args.subjects.is_empty() || args.subjects.len() > SHOWN {
        words.push("FILE…".to_owned());
    }
    if !found_beside(output, located) {
        words.extend(["--bundle".to_owned(), output.to_string_lossy().into_owned()]);
    }
    let public =
        args.key.strip_suffix(".key").map(|name| format!("{name}.pub")).filter(|name| Path::new(name).is_file());
    words.extend(["--key".to_owned(), public.unwrap_or_else(|| "PUBLIC-KEY".to_owned())]);
    if attested.predicate_type != v1::PREDICATE_TYPE {
        words.extend(["--type".to_owned(), attested.predicate_type.clone()]);
    }
    shell::line(words.iter().map(String::as_str))
}

/// Whether `verify` finds the attestation without being told where it is.
fn found_beside(output: &Path, located: &[Located]) -> bool {
    let Ok(output) = fs::canonicalize(output) else { return false };
    let same = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|path| path == output);
    !located.is_empty()
        && located.len() <= 1000
        && located.iter().all(|one| match one {
            Located::File(path) => beside::find(path).iter().any(same),
            Located::Digests { .. } => false,
        })
}
