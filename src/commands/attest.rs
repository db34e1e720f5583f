//! `sealmark attest`: sign, verify what was signed, write.

use std::env;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::attest;
use crate::attest::AttestError;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::Form;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::build;
use crate::commands::build::BuildArgs;
use crate::commands::build::HashArgs;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
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
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::store::beside;
use crate::store::file::StoreError;
use crate::store::file::append_line_atomic;
use crate::store::file::read_capped;
use crate::store::subjects;
use crate::store::subjects::Located;

/// The name of an attestation about several artifacts; `verify` looks for it beside each.
const SHARED_NAME: &str = "attestation.intoto.jsonl";

/// Environment variables that a password is taken from, the first that is set.
const PASSWORD_VARIABLES: [&str; 2] = ["SEALMARK_PASSWORD", "COSIGN_PASSWORD"];

/// Longest private key file, in bytes.
const MAX_KEY: u64 = 64 * 1024;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A file, a pattern, a folder, a digest such as sha256:…, or @FILE with checksums
    #[arg(value_name = "SUBJECT", required_unless_present = "statement", value_parser = NonEmptyStringValueParser::new())]
    subjects: Vec<String>,

    /// Private key in PEM, plain or encrypted; a password is read from SEALMARK_PASSWORD, COSIGN_PASSWORD or the terminal
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    key: String,

    /// Sign this predicate, a JSON object, in place of provenance
    #[arg(long, value_name = "FILE", requires = "predicate_type", conflicts_with_all = ["statement", "BuildArgs"],
          help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    predicate: Option<String>,

    /// Type of the predicate: a word such as spdxjson, cyclonedx, vuln, openvex, or a URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Sign this whole Statement as it is; every SUBJECT given must be one of its subjects
    #[arg(long, value_name = "FILE", conflicts_with = "BuildArgs", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    statement: Option<String>,

    #[command(flatten)]
    hash: HashArgs,

    #[command(flatten)]
    build: BuildArgs,

    /// Where to write; without it NAME.sigstore.json beside a single file, otherwise attestation.intoto.jsonl in the folder
    /// that the files share, or in the current one
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
enum OutputFormat {
    /// A Sigstore bundle v0.3
    Bundle,
    /// A bare DSSE envelope
    Envelope,
    /// A bundle on a line of its own, appended
    Jsonl,
}

/// What is signed, as it was read.
enum Material<'a> {
    Provenance(Box<BuildFacts>),
    Predicate { predicate_type: &'a str, text: Vec<u8> },
    Statement(Vec<u8>),
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.force && args.output_format == OutputFormat::Jsonl {
        let message = "expected one of --force and --output-format jsonl, which replaces nothing, found both";
        return Err(CommandError::usage("output-conflict", message));
    }
    let material = material(args)?;
    let located = if args.subjects.is_empty() { Vec::new() } else { located(&args.subjects)? };
    let path = output(args, &located)?;
    // Before a password is asked for and anything is hashed; writing looks again.
    look_at(args, Path::new(&path))?;
    let key = read_key(&args.key)?;
    let artifacts = artifacts(args, &material)?;
    let read = [Some(args.key.as_str()), args.predicate.as_deref(), args.statement.as_deref()];
    artifacts::refuse_as_output(&path, &artifacts, &read.into_iter().flatten().collect::<Vec<_>>())?;
    let form = match args.output_format {
        OutputFormat::Bundle | OutputFormat::Jsonl => Form::Bundle,
        OutputFormat::Envelope => Form::Envelope,
    };
    let sign = |claim| attest::attest(&key, &artifacts, claim, form, Timestamp::now());
    let attested = match &material {
        Material::Provenance(facts) => sign(Claim::Provenance(facts)),
        Material::Predicate { predicate_type, text } => sign(Claim::Predicate { predicate_type, predicate: text }),
        Material::Statement(text) => sign(Claim::Statement(text)),
    };
    let attested = attested.map_err(|error| build::attest(&error))?;
    write(args, &path, &attested)?;
    terminal::print(summary(args, &path, &located, &attested).as_bytes())?;
    Ok(Exit::Done)
}

fn material(args: &Args) -> Result<Material<'_>, CommandError> {
    let file = |path: &str| read_capped(Path::new(path), max_bytes()).map_err(|error| artifacts::file_refused(&error));
    Ok(match (&args.statement, &args.predicate, &args.predicate_type) {
        (Some(statement), _, _) => Material::Statement(file(statement)?),
        (None, Some(predicate), Some(word)) => {
            let predicate_type = predicate_type::written(word).ok_or_else(|| {
                let words: Vec<_> = predicate_type::TABLE.iter().map(|row| row.word).collect();
                let message = format!("expected a known word or a URI, found --type {word}");
                CommandError::usage("policy-predicate-type", message).hint(format!("words are {}", words.join(", ")))
            })?;
            Material::Predicate { predicate_type, text: file(predicate)? }
        }
        (None, _, _) => Material::Provenance(Box::new(args.build.read()?.facts()?)),
    })
}

fn located(subjects: &[String]) -> Result<Vec<Located>, CommandError> {
    subjects::locate(subjects).map_err(|error| artifacts::refused(&error))
}

/// The artifacts; for somebody else's Statement they are hashed with whatever it names them by.
fn artifacts(args: &Args, material: &Material<'_>) -> Result<Vec<Artifact>, CommandError> {
    /// What is computed and a Statement may name a file by.
    const COMPUTED: [Algorithm; 7] = [
        Algorithm::GitBlob,
        Algorithm::Sha384,
        Algorithm::Sha3_256,
        Algorithm::Sha3_384,
        Algorithm::Sha3_512,
        Algorithm::Sha512,
        Algorithm::Sha512_256,
    ];
    if args.subjects.is_empty() {
        return Ok(Vec::new());
    }
    let mut also = args.hash.digests.clone();
    if let Material::Statement(text) = material {
        let refused = |error| build::attest(&AttestError::Format(error));
        let statement = Statement::parse(text.as_slice().into()).map_err(refused)?;
        let named = |one: &Algorithm| statement.subjects.iter().any(|subject| subject.digest.get(*one).is_some());
        also.extend(COMPUTED.into_iter().filter(named));
    }
    artifacts::expand(&args.subjects, &also)
}

/// Where the attestation goes: a name that `verify` finds, as far as there is one.
fn output(args: &Args, located: &[Located]) -> Result<String, CommandError> {
    if let Some(path) = &args.output {
        return Ok(path.clone());
    }
    let files = located.iter().map(|one| match one {
        Located::File(path) => path.to_str(),
        Located::Digests { .. } => None,
    });
    // A folder that is attested again must not find the attestation in it.
    let folders = args.subjects.iter().any(|text| Path::new(text).is_dir());
    let files = files.collect::<Option<Vec<&str>>>().filter(|_| !folders).unwrap_or_default();
    let folder = |path: &str| Path::new(path).parent().map(Path::to_owned);
    match files.as_slice() {
        [] if args.subjects.is_empty() => {
            Err(CommandError::usage("output-missing", "expected --output FILE beside --statement, found none"))
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

fn look_at(args: &Args, path: &Path) -> Result<(), CommandError> {
    let exists = path.symlink_metadata().is_ok();
    match args.output_format {
        OutputFormat::Bundle | OutputFormat::Envelope if exists && !args.force => {
            Err(artifacts::file_refused(&StoreError::Exists { path: path.to_owned() }))
        }
        OutputFormat::Jsonl if exists => appendable(path),
        _ => Ok(()),
    }
}

/// A line can follow: the file holds one attestation a line, and not as many as a reader takes at most.
fn appendable(path: &Path) -> Result<(), CommandError> {
    let bytes = read_capped(path, max_bytes()).map_err(|error| artifacts::file_refused(&error))?;
    if bytes.trim_ascii().is_empty() {
        return Ok(());
    }
    let refused = |found: String| {
        let message = format!("{}: expected one attestation a line, found {found}", path.display());
        Err(CommandError::usage("output-not-jsonl", message).hint("name another --output"))
    };
    let found = match attestations::parse(&bytes) {
        Ok(found) => found,
        Err(error) => return refused(error.to_string()),
    };
    if found.len() >= MAX_ATTESTATIONS {
        return refused(format!("{MAX_ATTESTATIONS}, which is the most that a reader takes"));
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

fn max_bytes() -> u64 {
    u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX)
}

fn write(args: &Args, path: &str, attested: &Attested) -> Result<(), CommandError> {
    if args.output_format == OutputFormat::Jsonl {
        return append_line_atomic(Path::new(path), &attested.line, max_bytes())
            .map_err(|error| artifacts::file_refused(&error));
    }
    generate::write(path, &[attested.line.as_slice(), b"\n"].concat(), generate::overwrite(args.force))
}

fn summary(args: &Args, path: &str, located: &[Located], attested: &Attested) -> String {
    let statement = &attested.statement;
    let subjects = match statement.subjects.as_slice() {
        [one] => plain(one.name.as_deref().unwrap_or("one subject")).into_owned(),
        several => format!("{} subjects", several.len()),
    };
    let mut text = format!("attested {subjects}\n  says       {}\n", plain(&statement.predicate_type));
    let (kind, fingerprint) = (attested.signer.kind().name(), attested.signer.fingerprint());
    text += &format!("  signed by  {kind} key {fingerprint}\n  written    {}\n", plain(path));
    text += "  verified   as written, by the verifier that its users run, under this key\n";
    if args.statement.is_none() && args.predicate.is_none() {
        text += "  level      SLSA Build L1 at most: whoever runs this command can write anything into it\n";
    }
    text + &format!("  check it   {}\n", check_it(args, path, located, &statement.predicate_type))
}

/// The command by which a user comes to the same verdict.
fn check_it(args: &Args, path: &str, located: &[Located], predicate_type: &str) -> String {
    /// Most artifacts that are written out, and looked for an attestation beside them.
    const SHOWN: usize = 5;
    let mut words = vec!["sealmark", "verify"];
    words.extend(args.subjects.iter().take(SHOWN).map(String::as_str));
    if args.subjects.is_empty() || args.subjects.len() > SHOWN {
        words.push("SUBJECT");
    }
    let written = fs::canonicalize(path).ok();
    let beside = |one: &Located| match one {
        Located::File(file) => beside::find(file).iter().any(|path| fs::canonicalize(path).ok() == written),
        Located::Digests { .. } => false,
    };
    if located.is_empty() || located.len() > SHOWN || !located.iter().all(beside) {
        words.extend(["--bundle", path]);
    }
    let public =
        args.key.strip_suffix(".key").map(|name| format!("{name}.pub")).filter(|path| Path::new(path).is_file());
    words.extend(["--key", public.as_deref().unwrap_or("PUBLIC-KEY")]);
    if predicate_type != v1::PREDICATE_TYPE {
        words.extend(["--type", predicate_type]);
    }
    shell::line(words)
}

/// Reads a private key, asking for its password only where it is encrypted.
pub(super) fn read_key(path: &str) -> Result<PrivateKey, CommandError> {
    let pem = read_capped(Path::new(path), MAX_KEY).map_err(|error| artifacts::file_refused(&error))?;
    let mut trouble = None;
    let key = PrivateKey::from_pem(&Zeroizing::new(pem), &mut || {
        password(path).map_err(|error| {
            trouble = Some(error);
            SignError::PasswordMissing
        })
    });
    key.map_err(|error| trouble.unwrap_or_else(|| sign(&error)))
}

/// A password from the environment or the terminal; never from the command line, which others can see.
fn password(path: &str) -> Result<Zeroizing<String>, CommandError> {
    match given_password()? {
        Some(password) => Ok(password),
        None => ask(&format!("Password of {}: ", plain(path))),
    }
}

/// The password that the environment holds; an empty one is one.
pub(super) fn given_password() -> Result<Option<Zeroizing<String>>, CommandError> {
    for name in PASSWORD_VARIABLES {
        match env::var(name) {
            Ok(password) => return Ok(Some(Zeroizing::new(password))),
            Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => {
                let message = format!("expected a password in UTF-8 in {name}, found other bytes");
                return Err(CommandError::usage("password-not-utf8", message));
            }
        }
    }
    Ok(None)
}

/// Asks on the terminal without echo; where there is none, nobody is there to answer.
pub(super) fn ask(prompt: &str) -> Result<Zeroizing<String>, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(sign(&SignError::PasswordMissing));
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| sign(&SignError::PasswordMissing))
}

/// Why a key cannot be used.
pub(super) fn sign(error: &SignError) -> CommandError {
    let refused = CommandError::usage(error.code(), error);
    match error.code() {
        "key-password-missing" => refused.hint("set SEALMARK_PASSWORD, or run it on a terminal"),
        "key-password-wrong" => {
            refused.hint("SEALMARK_PASSWORD counts before COSIGN_PASSWORD; without either it is asked for")
        }
        "key-not-private" => refused.hint("--key of attest takes the private key, --key of verify the public one"),
        "key-kind-unsupported" => refused.hint("sealmark key generate makes a key that signs"),
        _ => refused,
    }
}
