//! `sealmark inspect --upgrade`: fetches the log entry once, so that nobody has to fetch it again.

use std::path::Path;

use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::online;
use crate::commands::online::Logs;
use crate::commands::roots;
use crate::commands::terminal;
use crate::formats::attestations;
use crate::formats::attestations::Position;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::upgrade;
use crate::upgrade::UpgradeError;
use crate::verify::Verifier;

/// Most attestations of one file that are upgraded in one run.
const MAX_UPGRADED: usize = 100;

/// Completes and verifies every attestation of a file, and only then writes: one bundle as JSON, several as JSON Lines.
pub(super) fn run(file: &str, trust: &[String], network: &online::Args, output: Option<&str>) -> Outcome {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
    let candidates = attestations::parse(&bytes).map_err(|error| CommandError::usage(error.code(), error))?;
    if candidates.len() > MAX_UPGRADED {
        let found = candidates.len();
        let message = format!("expected at most {MAX_UPGRADED} attestations in {file}, found {found}");
        return Err(CommandError::usage("upgrade-too-many", message));
    }
    let verifier = Verifier::new(roots::load(trust)?, Vec::new());
    let logs = Logs::new(network, verifier.roots())?;
    let now = Timestamp::now();
    let mut text = String::new();
    for candidate in candidates {
        let at = place(file, candidate.position);
        let bundle = candidate.bundle.map_err(|error| CommandError::usage(error.code(), format!("{at}: {error}")))?;
        let completed = upgrade::complete(&verifier, &bundle, |bundle| logs.ask(bundle), now);
        let kept = completed.and_then(|(bundle, _)| upgrade::to_v03(&verifier, &bundle, now));
        let kept = kept.map_err(|error| refused(&at, &error))?;
        text.push_str(&kept.to_json().to_string());
        text.push('\n');
    }
    match output {
        Some(path) => write_atomic(Path::new(path), text.as_bytes(), Overwrite::Refuse, Mode::Public)
            .map_err(|error| CommandError::undecided(error.code(), error))?,
        None => terminal::print(text.as_bytes())?,
    }
    Ok(Exit::Done)
}

fn place(file: &str, position: Position) -> String {
    match position {
        Position::Whole => file.to_owned(),
        Position::Line(line) => format!("{file}:{line}"),
        Position::Item(item) => format!("{file}[{item}]"),
    }
}

fn refused(at: &str, error: &UpgradeError) -> CommandError {
    let exit = if error.is_refusal() { Exit::Denied } else { Exit::Undecided };
    let (code, message) = (error.code(), format!("{at}: {error}"));
    online::advised(CommandError { exit, code, message, hint: None })
}
