//! `sealmark attest`: sign, verify what was signed, write.

use std::env;
use std::io::IsTerminal;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::attest;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::build;
use crate::commands::build::BuildArgs;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::terminal;
use crate::formats::attestations;
use crate::formats::bundle::Content;
use crate::formats::predicate_type;
use crate::report::plain;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::store::file::append_line_atomic;
use crate::store::file::read_capped;

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
    #[arg(long, value_name = "FILE", requires = "predicate_type", conflicts_with = "statement", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate: Option<String>,

    /// Type of the predicate: a word such as spdxjson, cyclonedx, vuln, openvex, or a URI
    #[arg(long = "type", value_name = "TYPE", requires = "predicate", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Sign this whole Statement as it is
    #[arg(long, value_name = "FILE", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    statement: Option<String>,

    #[command(flatten)]
    build: BuildArgs,

    /// Where to write; without it NAME.sigstore.json beside a single file, otherwise attestation.intoto.jsonl
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

pub(super) fn run(args: &Args) -> Outcome {
    let path = output(args)?;
    let key = read_key(&args.key)?;
    let artifacts =
        if args.subjects.is_empty() { Vec::new() } else { artifacts::expand(&args.subjects, args.build.digests())? };
    let file = |path: &str| {
        let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
        read_capped(Path::new(path), cap).map_err(|error| artifacts::file_refused(&error))
    };
    let attested = match (&args.statement, &args.predicate, &args.predicate_type) {
        (Some(statement), _, _) => {
            attest::attest(&key, &artifacts, Claim::Statement(&file(statement)?), Timestamp::now())
        }
        (None, Some(predicate), Some(word)) => {
            let predicate_type = predicate_type::written(word).ok_or_else(|| {
                CommandError::usage(
                    "policy-predicate-type",
                    format!("expected a known word or a URI, found --type {word}"),
                )
            })?;
            let claim = Claim::Predicate { predicate_type, predicate: &file(predicate)? };
            attest::attest(&key, &artifacts, claim, Timestamp::now())
        }
        (None, _, _) => {
            let build = args.build.read()?;
            attest::attest(&key, &artifacts, Claim::Provenance(&build.local()), Timestamp::now())
        }
    };
    let attested = attested.map_err(|error| build::attest(&error))?;
    write(args, &path, &attested)?;
    terminal::print(summary(args, &path, &attested).as_bytes())?;
    Ok(Exit::Done)
}

/// Where the attestation goes: a name that `verify` finds.
fn output(args: &Args) -> Result<String, CommandError> {
    if let Some(path) = &args.output {
        return Ok(path.clone());
    }
    match args.subjects.as_slice() {
        [one] if Path::new(one).is_file() => Ok(match args.output_format {
            OutputFormat::Bundle => format!("{one}.sigstore.json"),
            OutputFormat::Envelope | OutputFormat::Jsonl => format!("{one}.intoto.jsonl"),
        }),
        [] => Err(CommandError::usage("output-missing", "expected --output FILE beside --statement, found none")),
        _ => Ok("attestation.intoto.jsonl".to_owned()),
    }
}

fn write(args: &Args, path: &str, attested: &Attested) -> Result<(), CommandError> {
    let json = match (args.output_format, &attested.bundle.content) {
        (OutputFormat::Envelope, Content::Envelope(envelope)) => envelope.to_json(),
        _ => attested.bundle.to_json(),
    };
    if args.output_format == OutputFormat::Jsonl {
        let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
        return append_line_atomic(Path::new(path), json.to_string().as_bytes(), cap)
            .map_err(|error| artifacts::file_refused(&error));
    }
    generate::write(path, format!("{json}\n").as_bytes(), generate::overwrite(args.force))
}

fn summary(args: &Args, path: &str, attested: &Attested) -> String {
    let statement = &attested.statement;
    let subjects = match statement.subjects.as_slice() {
        [one] => plain(one.name.as_deref().unwrap_or("one subject")).into_owned(),
        several => format!("{} subjects", several.len()),
    };
    let mut text = format!("attested {subjects}\n  says       {}\n", plain(&statement.predicate_type));
    text += &format!("  signed by  key {}\n  written    {}\n", attested.fingerprint, plain(path));
    text += "  verified   by the verifier that its users run, under this key\n";
    if args.statement.is_none() && args.predicate.is_none() {
        text += "  level      SLSA Build L1 at most: whoever runs this command can write anything into it\n";
    }
    let subject = args.subjects.first().map_or("SUBJECT", String::as_str);
    text += &format!("  check it   sealmark verify {} --bundle {} --key PUBLIC-KEY", plain(subject), plain(path));
    if let Some(word) = &args.predicate_type {
        text += &format!(" --type {}", plain(word));
    }
    text.push('\n');
    text
}

/// Reads a private key, asking for its password only where it is encrypted.
pub(super) fn read_key(path: &str) -> Result<PrivateKey, CommandError> {
    let pem = read_capped(Path::new(path), MAX_KEY).map_err(|error| artifacts::file_refused(&error))?;
    PrivateKey::from_pem(&Zeroizing::new(pem), &mut password).map_err(|error| sign(&error))
}

/// A password from the environment or the terminal; never from the command line, which others can see.
pub(super) fn password() -> Result<Zeroizing<String>, SignError> {
    for name in ["SEALMARK_PASSWORD", "COSIGN_PASSWORD"] {
        if let Ok(password) = env::var(name) {
            return Ok(Zeroizing::new(password));
        }
    }
    if !std::io::stdin().is_terminal() {
        return Err(SignError::PasswordMissing);
    }
    rpassword::prompt_password("Password of the key: ").map(Zeroizing::new).map_err(|_| SignError::PasswordMissing)
}

/// Why a key cannot be used.
pub(super) fn sign(error: &SignError) -> CommandError {
    let refused = CommandError::usage(error.code(), error);
    match error.code() {
        "key-password-missing" => refused.hint("set SEALMARK_PASSWORD, or run it on a terminal"),
        "key-not-private" => refused.hint("--key of attest takes the private key, --key of verify the public one"),
        _ => refused,
    }
}
