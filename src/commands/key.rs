//! `sealmark key`: making keys.

use std::fs;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use zeroize::Zeroizing;

use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate::overwrite;
use crate::commands::private_key;
use crate::commands::terminal;
use crate::report::plain;
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

    /// Replace the files if they exist, for good
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
            terminal::print(private_key::read(&args.key)?.public_key_pem().as_bytes())?;
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
    let refused = |error: SignError| private_key::refused(&error);
    let key = PrivateKey::generate(args.kind.into()).map_err(refused)?;
    let pem = if args.plain {
        key.to_pem().map_err(refused)?
    } else {
        key.to_encrypted_pem(&new_password(&private)?).map_err(refused)?
    };
    let (private_pem, public_pem) = (pem.as_bytes(), key.public_key_pem());
    write_both((&private, private_pem), (&public, public_pem.as_bytes()), overwrite(args.force))?;
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

/// Writes both or neither. The private key comes last and in one step, so that no failure loses an older one; an older
/// public key that was replaced by then is put back.
fn write_both(private: (&str, &[u8]), public: (&str, &[u8]), overwrite: Overwrite) -> Result<(), CommandError> {
    let refused = |error: StoreError| artifacts::file_refused(&error);
    let (path, cap) = (Path::new(public.0), u64::try_from(MAX_PEM_BYTES).unwrap_or(u64::MAX));
    let older = match overwrite {
        Overwrite::Refuse => None,
        Overwrite::Replace => match read_capped(path, cap) {
            Ok(bytes) => Some(bytes),
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => return Err(refused(error)),
        },
    };
    write_atomic(path, public.1, overwrite, Mode::Public).map_err(refused)?;
    let Err(error) = write_atomic(Path::new(private.0), private.1, overwrite, Mode::Private) else { return Ok(()) };
    let undone = match older {
        Some(bytes) => write_atomic(path, &bytes, Overwrite::Replace, Mode::Public).is_ok(),
        None => fs::remove_file(path).is_ok(),
    };
    if !undone {
        terminal::note(&format!("note     {} belongs to no private key; remove it", public.0));
    }
    Err(refused(error))
}

/// A new password: from the environment, or typed twice. An empty one would be no protection, and look like some.
fn new_password(private: &str) -> Result<Zeroizing<String>, CommandError> {
    let password = match private_key::given_password()? {
        Some(password) => password,
        None => {
            let first = private_key::ask(&format!("New password of {}: ", plain(private)))?;
            if *first != *private_key::ask("The same again: ")? {
                return Err(CommandError::usage("passwords-differ", "expected the same password twice, found two"));
            }
            first
        }
    };
    if password.is_empty() {
        let refused = CommandError::usage("password-empty", "expected a password, found an empty one");
        return Err(refused.hint("--plain leaves the private key unencrypted"));
    }
    Ok(password)
}
