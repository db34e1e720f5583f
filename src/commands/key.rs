//! `sealmark key`: making keys.

use std::env;
use std::io::IsTerminal;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use zeroize::Zeroizing;

use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attest;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate::overwrite;
use crate::commands::terminal;
use crate::report::plain;
use crate::sign::SignError;
use crate::sign::key::KeyKind;
use crate::sign::key::PrivateKey;
use crate::store::file::Mode;
use crate::store::file::StoreError;
use crate::store::file::write_atomic;
use crate::trust::key::PublicKey;

/// Subcommands.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a key pair: NAME.key, for its owner alone, and NAME.pub
    Generate(GenerateArgs),
    /// Print the public half of a private key
    Public(PublicArgs),
}

/// Arguments of `key generate`.
#[derive(Debug, clap::Args)]
pub(super) struct GenerateArgs {
    /// Name of the two files, without their endings
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    output: String,

    /// Kind of key
    #[arg(long, value_name = "KIND", default_value = "p256")]
    kind: Kind,

    /// Leave the private key unencrypted
    #[arg(long)]
    plain: bool,

    /// Replace the files if they exist
    #[arg(long)]
    force: bool,
}

/// Arguments of `key public`.
#[derive(Debug, clap::Args)]
pub(super) struct PublicArgs {
    /// Private key in PEM
    #[arg(value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    key: String,
}

/// Kinds of keys.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// ECDSA on P-256
    P256,
    /// ECDSA on P-384
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
    match command {
        Command::Generate(args) => generate(args),
        Command::Public(args) => {
            terminal::print(attest::read_key(&args.key)?.public_key_pem().as_bytes())?;
            Ok(Exit::Done)
        }
    }
}

fn generate(args: &GenerateArgs) -> Outcome {
    let (private, public) = (format!("{}.key", args.output), format!("{}.pub", args.output));
    if !args.force
        && let Some(path) = [&private, &public].into_iter().find(|path| Path::new(path).symlink_metadata().is_ok())
    {
        return Err(artifacts::file_refused(&StoreError::Exists { path: path.into() }));
    }
    let refused = |error: SignError| attest::sign(&error);
    let key = PrivateKey::generate(args.kind.into()).map_err(refused)?;
    let pem = if args.plain {
        key.to_pem().map_err(refused)?
    } else {
        key.to_encrypted_pem(&new_password().map_err(refused)?).map_err(refused)?
    };
    let write = |path: &str, text: &str, mode| {
        write_atomic(Path::new(path), text.as_bytes(), overwrite(args.force), mode)
            .map_err(|error| artifacts::file_refused(&error))
    };
    write(&private, &pem, Mode::Private)?;
    // Both or neither: a private key that nobody can use is taken back.
    if let Err(error) = write(&public, &key.public_key_pem(), Mode::Public) {
        let _ = std::fs::remove_file(&private);
        return Err(error);
    }
    let fingerprint = PublicKey::from_spki(key.public_key_der())
        .map_err(|error| CommandError::undecided(error.code(), error))?
        .fingerprint();
    let protection = if args.plain { "not encrypted" } else { "encrypted with a password" };
    let text = format!(
        "made     {} key {fingerprint}\n  private    {}   {protection}, keep it\n  public     {}   give it to whoever verifies\n",
        key.kind(),
        plain(&private),
        plain(&public)
    );
    terminal::print(text.as_bytes())?;
    Ok(Exit::Done)
}

/// A new password: from the environment, or typed twice.
fn new_password() -> Result<Zeroizing<String>, SignError> {
    let given = ["SEALMARK_PASSWORD", "COSIGN_PASSWORD"].iter().any(|name| env::var_os(name).is_some());
    let first = attest::password()?;
    if given || !std::io::stdin().is_terminal() {
        return Ok(first);
    }
    let second =
        rpassword::prompt_password("The same again: ").map(Zeroizing::new).map_err(|_| SignError::PasswordMissing)?;
    if *first == *second { Ok(first) } else { Err(SignError::PasswordWrong) }
}
