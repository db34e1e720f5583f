//! `sealmark key`: making keys, and showing the public half of one.

use std::env;
use std::fs;
use std::io::IsTerminal;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use zeroize::Zeroizing;

use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::shell;
use crate::commands::terminal;
use crate::sign::SignError;
use crate::sign::key::KeyKind;
use crate::sign::key::PrivateKey;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::StoreError;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::trust::key::MAX_PEM_BYTES;
use crate::trust::key::PublicKey;

/// Environment variables that a password is taken from, the first that is set.
const PASSWORD_VARIABLES: [&str; 2] = ["SEALMARK_PASSWORD", "COSIGN_PASSWORD"];

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key pair: NAME.key, encrypted with a password, and NAME.pub
    Generate(GenerateArgs),
    /// Print the public half of a private key
    Public(PublicArgs),
}

/// Arguments of `key generate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The password is asked for, or taken from SEALMARK_PASSWORD or COSIGN_PASSWORD.")]
pub(super) struct GenerateArgs {
    /// Where to write: NAME.key for the owner alone, NAME.pub for everybody
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub(super) output: String,

    /// Kind of key
    #[arg(long, value_name = "KIND", default_value = "p256")]
    kind: Kind,

    /// Leave the private key unencrypted: whoever can read the file can sign
    #[arg(long)]
    plain: bool,

    /// Replace files that exist; what was signed with a replaced key can still be verified only by its old public half
    #[arg(long)]
    force: bool,
}

/// Arguments of `key public`.
#[derive(Debug, clap::Args)]
#[command(after_help = "The password is asked for, or taken from SEALMARK_PASSWORD or COSIGN_PASSWORD.")]
pub(super) struct PublicArgs {
    /// PEM private key, plain or encrypted
    #[arg(value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    file: String,
}

/// Kinds of key as they are typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// ECDSA P-256, which every verifier takes
    P256,
    /// ECDSA P-384
    P384,
    /// Ed25519
    Ed25519,
}

impl From<Kind> for KeyKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::P256 => Self::EcdsaP256,
            Kind::P384 => Self::EcdsaP384,
            Kind::Ed25519 => Self::Ed25519,
        }
    }
}

pub(super) fn run(command: &Command) -> Outcome {
    let text = match command {
        Command::Generate(args) => generate(args)?,
        Command::Public(args) => load(&args.file)?.public_key_pem(),
    };
    terminal::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// Makes a key pair and says where it is.
pub(super) fn generate(args: &GenerateArgs) -> Result<String, CommandError> {
    if args.output.ends_with('/') {
        let message = format!("expected a path that ends in a name, found {:?}", args.output);
        return Err(CommandError::usage("output-no-name", message));
    }
    let (private, public) = (format!("{}.key", args.output), format!("{}.pub", args.output));
    let overwrite = if args.force { Overwrite::Replace } else { Overwrite::Refuse };
    if overwrite == Overwrite::Refuse {
        // Before the user thinks up a password. Writing looks again.
        for path in [&private, &public].map(PathBuf::from) {
            if path.symlink_metadata().is_ok() {
                return Err(not_written(&StoreError::Exists { path }));
            }
        }
    }
    let key = PrivateKey::generate(args.kind.into()).map_err(|error| refused(&error))?;
    let (pem, how) = if args.plain {
        (key.to_pem(), "not encrypted")
    } else {
        (key.to_encrypted_pem(&new_password(&private)?), "encrypted")
    };
    let pem = pem.map_err(|error| refused(&error))?;
    write_both(
        (Path::new(&private), pem.as_bytes()),
        (Path::new(&public), key.public_key_pem().as_bytes()),
        overwrite,
    )?;
    let fingerprint = fingerprint(&key)?;
    let quoted = |name: &str| shell::line([name]);
    Ok(format!(
        "made     {private}, {public}\n  kind         {kind}\n  private key  {private}: {how}, sign with --key {private}\n  \
         public key   {public}: give it to whoever verifies\n  fingerprint  {fingerprint}\n",
        private = quoted(&private),
        public = quoted(&public),
        kind = key.kind(),
    ))
}

/// Writes both files or neither. The private key comes last and in one step, so that no failure can lose an older one;
/// a public key that was replaced before the private key failed is put back.
fn write_both(private: (&Path, &[u8]), public: (&Path, &[u8]), overwrite: Overwrite) -> Result<(), CommandError> {
    let older = match overwrite {
        Overwrite::Refuse => None,
        Overwrite::Replace => match read_capped(public.0, pem_cap()) {
            Ok(bytes) => Some(bytes),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(not_written(&error)),
        },
    };
    write_atomic(public.0, public.1, overwrite, Mode::Public).map_err(|error| not_written(&error))?;
    let Err(error) = write_atomic(private.0, private.1, overwrite, Mode::Private) else { return Ok(()) };
    let undone = match older {
        Some(bytes) => write_atomic(public.0, &bytes, Overwrite::Replace, Mode::Public).is_ok(),
        None => fs::remove_file(public.0).is_ok(),
    };
    if !undone {
        terminal::note(&format!("note     {} belongs to no private key; remove it", public.0.display()));
    }
    Err(not_written(&error))
}

fn not_written(error: &StoreError) -> CommandError {
    let refused = artifacts::file_refused(error);
    match error {
        StoreError::Exists { .. } => refused.hint("give another NAME; --force would replace the key pair for good"),
        _ => refused,
    }
}

/// Reads a private key; the password of an encrypted one is taken from the environment or asked for.
pub(super) fn load(file: &str) -> Result<PrivateKey, CommandError> {
    let pem = read_capped(Path::new(file), pem_cap()).map_err(|error| artifacts::file_refused(&error))?;
    let pem = Zeroizing::new(pem);
    let mut trouble = None;
    let key = PrivateKey::from_pem(&pem, &mut || {
        password(file).map_err(|error| {
            trouble = Some(error);
            SignError::PasswordMissing
        })
    });
    match (key, trouble) {
        (Ok(key), _) => Ok(key),
        (Err(_), Some(error)) => Err(error),
        (Err(error), None) => {
            let refused = refused(&error);
            Err(CommandError { message: format!("{file}: {}", refused.message), ..refused })
        }
    }
}

/// SHA-256 of the public half, as verifiers show it.
fn fingerprint(key: &PrivateKey) -> Result<String, CommandError> {
    let public = PublicKey::from_spki(key.public_key_der());
    Ok(public.map_err(|error| CommandError::undecided(error.code(), error))?.fingerprint())
}

fn refused(error: &SignError) -> CommandError {
    let code = error.code();
    let error = match error {
        SignError::GenerationFailed | SignError::RandomnessUnavailable | SignError::SigningFailed => {
            CommandError::undecided(code, error)
        }
        _ => CommandError::usage(code, error),
    };
    match code {
        "key-not-private" => error.hint("--key takes the private half here, such as NAME.key beside NAME.pub"),
        "key-password-missing" => error.hint("set SEALMARK_PASSWORD or COSIGN_PASSWORD, or run it on a terminal"),
        "key-password-wrong" => {
            error.hint("SEALMARK_PASSWORD counts before COSIGN_PASSWORD; without either it is asked for")
        }
        "key-format-unsupported" => error.hint("openssl pkcs8 -topk8 -nocrypt -in OLD -out NEW rewrites most keys"),
        "key-kind-unsupported" => error.hint("sealmark key generate makes a key that signs"),
        _ => error,
    }
}

/// The password from the environment; an empty one is one.
fn password_variable() -> Result<Option<Zeroizing<String>>, CommandError> {
    for name in PASSWORD_VARIABLES {
        match env::var(name) {
            Ok(value) => return Ok(Some(Zeroizing::new(value))),
            Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => {
                let message = format!("expected a password in UTF-8 in {name}, found other bytes");
                return Err(CommandError::usage("password-not-utf8", message));
            }
        }
    }
    Ok(None)
}

fn password(file: &str) -> Result<Zeroizing<String>, CommandError> {
    match password_variable()? {
        Some(password) => Ok(password),
        None => ask(&format!("Password of {}: ", shell::line([file]))),
    }
}

fn new_password(file: &str) -> Result<Zeroizing<String>, CommandError> {
    let password = match password_variable()? {
        Some(password) => password,
        None => {
            let first = ask(&format!("New password of {}: ", shell::line([file])))?;
            if *first != *ask("The same password again: ")? {
                return Err(CommandError::usage("passwords-differ", "expected the same password twice, found two"));
            }
            first
        }
    };
    if password.is_empty() {
        let error =
            CommandError::usage("password-empty", "expected a password, found an empty one, which protects nothing");
        return Err(error.hint("--plain leaves the key unencrypted"));
    }
    Ok(password)
}

/// Asks on the terminal, without echo. Where there is none, nobody is there to answer.
fn ask(prompt: &str) -> Result<Zeroizing<String>, CommandError> {
    if !std::io::stdin().is_terminal() && !std::io::stderr().is_terminal() {
        return Err(refused(&SignError::PasswordMissing));
    }
    let answer = rpassword::prompt_password(prompt);
    answer.map(Zeroizing::new).map_err(|error| CommandError::undecided("password-unreadable", error))
}

fn pem_cap() -> u64 {
    u64::try_from(MAX_PEM_BYTES).unwrap_or(u64::MAX)
}
