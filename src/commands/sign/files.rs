//! Signing files: a message-signature bundle beside each.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::Path;
use std::path::PathBuf;
use std::thread;

use jiff::Timestamp;

use crate::attest::signature;
use crate::attest::signature::SignedMessage;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::attest as attesting;
use crate::commands::attest::Credentials;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::generate;
use crate::commands::progress::while_hashing;
use crate::commands::shell;
use crate::commands::sign;
use crate::commands::sign::Args;
use crate::commands::terminal;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::report::plain;
use crate::sign::keyless::Certified;
use crate::store::hash::HashError;
use crate::store::hash::hash_files;
use crate::store::subjects;
use crate::store::subjects::Located;
use crate::verify::Message;

/// What the name of a signature ends in, after the name of its file.
const ENDING: &str = ".sigstore.json";

pub(super) fn run(args: &Args) -> Outcome {
    let files = files(&args.subjects)?;
    if args.output.is_some() {
        sign::one_output(files.len())?;
    }
    let written = |file: &PathBuf| {
        args.output.clone().map_or_else(|| PathBuf::from(format!("{}{ENDING}", file.display())), PathBuf::from)
    };
    let pairs: Vec<(PathBuf, PathBuf)> = files.into_iter().map(|file| (written(&file), file)).collect();
    for (path, file) in &pairs {
        let text = path.to_string_lossy();
        sign::look(&text, args)?;
        artifacts::refuse_as_output(&text, &[], &[&file.to_string_lossy()])?;
    }
    let credentials = sign::credentials(args)?;
    if args.dry_run {
        for (_, file) in &pairs {
            terminal::print(format!("would sign  {}\n", plain(&file.to_string_lossy())).as_bytes())?;
        }
        let paths: Vec<String> = pairs.iter().map(|(path, _)| path.to_string_lossy().into_owned()).collect();
        sign::would(&credentials, pairs.len(), paths.iter().map(String::as_str));
        credentials.session().map_or(Ok(()), |session| session.ask().map(|_| ()))?;
        return Ok(Exit::Done);
    }
    let signed = sign_all(&credentials, &pairs)?;
    for ((path, _), one) in pairs.iter().zip(&signed) {
        let line = [one.line.as_slice(), b"\n"].concat();
        generate::write(&path.to_string_lossy(), &line, generate::overwrite(args.force))?;
    }
    terminal::print(summary(args, &pairs, &signed).as_bytes())?;
    Ok(Exit::Done)
}

/// Signs each file by its digest, so that none is held in memory.
fn sign_all(credentials: &Credentials<'_>, pairs: &[(PathBuf, PathBuf)]) -> Result<Vec<SignedMessage>, CommandError> {
    // What cannot be read is found before a log is told of anything. Which hash a key signs with is known once it was read.
    let known: Vec<Option<Digest>> = match credentials.session() {
        None => vec![None; pairs.len()],
        Some(_) => {
            let files: Vec<PathBuf> = pairs.iter().map(|(_, file)| file.clone()).collect();
            let digests = digests(&files, Certified::HASH).into_iter().map(|digest| digest.map(Some));
            digests.collect::<Result<_, _>>().map_err(|error| artifacts::hash_refused(&error))?
        }
    };
    let items = pairs.iter().zip(known).collect();
    let signed: Vec<Result<SignedMessage, HashError>> = credentials.sign(items, |signer, ((_, file), known)| {
        let algorithm = signer.hash()?;
        let read = || digests(std::slice::from_ref(file), algorithm).pop();
        match known.map(Ok).or_else(read).unwrap_or(Err(HashError::NotComputable(algorithm))) {
            Err(error) => Ok(Err(error)),
            Ok(digest) => {
                let message = Message::Digest(&digest);
                signature::sign_message(signer, &file.to_string_lossy(), &message, Timestamp::now).map(Ok)
            }
        }
    })?;
    signed.into_iter().collect::<Result<_, _>>().map_err(|error| artifacts::hash_refused(&error))
}

/// The digest of each file, in their order.
fn digests(files: &[PathBuf], algorithm: Algorithm) -> Vec<Result<Digest, HashError>> {
    let threads = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let hashed = while_hashing(|progress| hash_files(files, &[algorithm], progress, threads));
    let one = |digests: Vec<Digest>| digests.into_iter().next().ok_or(HashError::NotComputable(algorithm));
    hashed.into_iter().map(|digests| digests.and_then(one)).collect()
}

/// The files that are meant. A signature that lies beside its file is not signed in its turn.
fn files(texts: &[String]) -> Result<Vec<PathBuf>, CommandError> {
    let located = subjects::locate(texts).map_err(|error| artifacts::refused(&error))?;
    let mut files = Vec::new();
    for one in located {
        match one {
            Located::File(path) => files.push(path),
            Located::Digests { name, .. } | Located::Image { name, .. } => {
                let message = format!("expected a file to sign, found a digest: {name}");
                return Err(CommandError::usage("signature-not-of-file", message)
                    .hint("what is signed is the bytes, so they must be here; attest signs digests"));
            }
        }
    }
    let all: BTreeSet<PathBuf> = files.iter().cloned().collect();
    let beside = |path: &Path| path.to_str().and_then(|text| text.strip_suffix(ENDING)).map(PathBuf::from);
    let (own, rest): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| beside(path).is_some_and(|file| all.contains(&file)));
    for path in own {
        terminal::note(&format!("note     {} is a signature beside its file, and is not signed", path.display()));
    }
    Ok(rest)
}

fn summary(args: &Args, pairs: &[(PathBuf, PathBuf)], signed: &[SignedMessage]) -> String {
    let ([(_, file), others @ ..], Some(first)) = (pairs, signed.first()) else { return String::new() };
    let name = match others {
        [] => plain(&file.to_string_lossy()).into_owned(),
        _ => format!("{} files, each by itself", pairs.len()),
    };
    let mut text = format!("signed {name}\n  signed by  {}\n", attesting::signer(&first.signer));
    for (path, _) in pairs {
        text += &format!("  written    {}\n", plain(&path.to_string_lossy()));
    }
    text += attesting::verified(&first.signer);
    let mut words: Vec<String> = ["sealmark", "verify"].map(str::to_owned).to_vec();
    words.extend([file.to_string_lossy().into_owned(), "--type".to_owned(), "signature".to_owned()]);
    words.extend(args.output.iter().flat_map(|path| ["--bundle".to_owned(), path.clone()]));
    words.extend(attesting::trusting(&first.signer, args.key.as_deref(), &args.keyless.trust));
    text + &format!("  check it   {}\n", shell::line(words.iter().map(String::as_str)))
}
