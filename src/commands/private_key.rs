//! Private keys that the user names, and the passwords that open them.

use std::env;
use std::io::IsTerminal;
use std::path::Path;

use zeroize::Zeroizing;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::report::plain;
use crate::sign::SignError;
use crate::sign::key::PrivateKey;
use crate::store::file::read_capped;

/// Environment variables that a password is taken from, the first that is set.
const PASSWORD_VARIABLES: [&str; 2] = ["SEALMARK_PASSWORD", "COSIGN_PASSWORD"];

/// Longest private key file, in bytes.
const MAX_KEY: u64 = 64 * 1024;

/// Reads a private key, asking for its password only where it is encrypted.
pub(super) fn read(path: &str) -> Result<PrivateKey, CommandError> {
    let pem = read_capped(Path::new(path), MAX_KEY).map_err(|error| artifacts::file_refused(&error))?;
    let mut trouble = None;
    let key = PrivateKey::from_pem(&Zeroizing::new(pem), &mut || {
        password(path).map_err(|error| {
            trouble = Some(error);
            SignError::PasswordMissing
        })
    });
    key.map_err(|error| trouble.unwrap_or_else(|| refused(&error)))
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
        return Err(refused(&SignError::PasswordMissing));
    }
    rpassword::prompt_password(prompt).map(Zeroizing::new).map_err(|_| refused(&SignError::PasswordMissing))
}

/// Why a key cannot be used.
pub(super) fn refused(error: &SignError) -> CommandError {
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
