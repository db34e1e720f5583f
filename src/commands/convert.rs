//! `sealmark inspect --convert`: provenance of any version as v1, and a policy by which the original is believed.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::assess::document::verifier;
use crate::builders::VerifiedProvenance;
use crate::builders::convert;
use crate::builders::convert::Deviation;
use crate::builders::convert::Quirk;
use crate::builders::interpret;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::expectations;
use crate::commands::roots;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::attestations::Candidate;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::json;
use crate::policy::document::evaluate::Candidate as Judged;
use crate::policy::document::evaluate::Completeness;
use crate::policy::document::evaluate::evaluate;
use crate::policy::document::outcome::Decision;
use crate::policy::document::problem::Problems;
use crate::policy::document::read;
use crate::policy::document::read::Files;
use crate::policy::document::yaml;
use crate::policy::draft;
use crate::policy::draft::Root;
use crate::report;
use crate::report::Source;
use crate::report::conversion::Conversion;
use crate::report::conversion::Item;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::trust::embedded::Domain;
use crate::trust::key;
use crate::verify::Identity;
use crate::verify::Verifier;

/// What `--expectations` needs.
pub(super) struct Expectations<'a> {
    /// The policy that is written.
    pub(super) file: &'a str,
    /// `--trust`
    pub(super) trust: &'a [String],
    /// `--key`
    pub(super) keys: &'a [String],
}

/// Converts every attestation of the files, and writes the policy when one is wanted.
pub(super) fn run(files: &[String], output: Option<&str>, wanted: Option<&Expectations<'_>>) -> Outcome {
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let (mut items, mut bundles) = (Vec::new(), Vec::new());
    for file in files {
        let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
        let candidates = of_file(file, &bytes, &mut items);
        bundles.extend(candidates.into_iter().filter_map(|one| one.bundle.ok()));
    }
    let exit = if items.iter().any(|item| item.provenance.is_some()) { Exit::Done } else { Exit::Usage };
    let policy = wanted.map(|wanted| expected(wanted, &bundles)).transpose()?;
    let mut text = Vec::new();
    report::json::write(&Conversion::new(items), &mut text)
        .map_err(|error| CommandError::undecided("output-failed", error))?;
    let write = |path: &str, bytes: &[u8]| {
        write_atomic(Path::new(path), bytes, Overwrite::Refuse, Mode::Public)
            .map_err(|error| artifacts::file_refused(&error))
    };
    if let (Some(wanted), Some(policy)) = (wanted, policy) {
        write(wanted.file, policy.as_bytes())?;
    }
    match output {
        Some(path) => write(path, &text)?,
        None => terminal::print(&text)?,
    }
    Ok(exit)
}

/// Converts what stands in one file, and gives what is an attestation.
fn of_file(file: &str, bytes: &[u8], items: &mut Vec<Item>) -> Vec<Candidate> {
    let sha256 = |bytes: &[u8]| hex::encode(key::sha256(bytes));
    let candidates = match attestations::parse(bytes) {
        Ok(candidates) => candidates,
        Err(error) => {
            let source = Source::new(file, attestations::Position::Whole);
            items.push(Item::refused(source, error.code(), error.to_string()));
            return Vec::new();
        }
    };
    let url_safe = |bytes: &[u8]| json::parse(bytes).is_ok_and(|document| convert::has_url_safe_payload(&document));
    let spelling = |bytes: &[u8]| {
        let found = "URL-safe base64";
        url_safe(bytes).then(|| Deviation::of_file(Quirk::PayloadUrlSafe, found)).into_iter().collect::<Vec<_>>()
    };
    for candidate in &candidates {
        let source = Source::new(file, candidate.position);
        let text = attestations::text(bytes, candidate.position);
        items.push(match &candidate.bundle {
            Ok(bundle) => match bundle.unverified_payload().map(|payload| (payload, json::parse(payload))) {
                Some((payload, Ok(document))) => {
                    let converted = convert::statement(&document);
                    Item::new(source, sha256(payload), converted, spelling(text))
                }
                Some((_, Err(error))) => Item::refused(source, error.code(), error.to_string()),
                None => Item::refused(source, "convert-not-provenance", "found a signature over a file".to_owned()),
            },
            Err(error) => match json::parse(text) {
                Ok(document) => unread(source, &document, sha256(text), spelling(text)),
                Err(_) => Item::refused(source, error.code(), error.to_string()),
            },
        });
    }
    candidates
}

/// What no reader of attestations takes: an envelope in a spelling of its own, or what nobody signed.
fn unread(source: Source, document: &Value, sha256: String, mut of_file: Vec<Deviation>) -> Item {
    match convert::payload(document) {
        Ok(payload) => Item::new(source, sha256, convert::statement(&payload), of_file),
        Err(_) => {
            of_file.push(Deviation::of_file(Quirk::Unsigned, "no signature"));
            Item::new(source, sha256, convert::statement(document), of_file)
        }
    }
}

/// The policy of the first attestation that is provenance and is believed.
fn expected(wanted: &Expectations<'_>, bundles: &[Bundle]) -> Result<String, CommandError> {
    let default = [Domain::PublicGood.name().to_owned(), Domain::Github.name().to_owned()];
    let trust = if wanted.trust.is_empty() { default.as_slice() } else { wanted.trust };
    let now = Timestamp::now();
    let mut refused = None;
    for bundle in bundles {
        match believed(wanted, trust, bundle, now) {
            Ok(provenance) => return written(wanted, trust, &provenance, bundle, now),
            Err(error) => refused = refused.or(Some(error)),
        }
    }
    Err(refused.unwrap_or_else(|| {
        let message = "expected an attestation that somebody signed, found none";
        CommandError::usage("expectations-unsigned", message)
            .hint("expectations name who signed; what nobody signed has to be attested first")
    }))
}

fn believed(
    wanted: &Expectations<'_>,
    trust: &[String],
    bundle: &Bundle,
    now: Timestamp,
) -> Result<VerifiedProvenance, CommandError> {
    let mut keys = expectations::keys(wanted.keys)?;
    keys.extend(roots::rings(trust)?);
    let verifier = Verifier::new(roots::load(trust)?, keys);
    let denied = |code: &'static str, message: String| CommandError { exit: Exit::Denied, code, message, hint: None };
    let authenticated = verifier.authenticate(bundle, now).map_err(|error| {
        let hint = "expectations are written of what is believed; --trust and --key say by what";
        denied(error.code(), error.to_string()).hint(hint)
    })?;
    let artifact = authenticated.statement().subjects.iter().find_map(|subject| {
        let digests = Algorithm::all().filter_map(|algorithm| subject.digest.get(algorithm)).collect();
        Artifact::new(subject.name.clone().unwrap_or_else(|| "_".to_owned()), digests).ok()
    });
    let artifact = artifact
        .ok_or_else(|| denied("subject-weak", "expected a subject that a digest binds, found none".to_owned()))?;
    let attestation = authenticated.bind(&artifact).map_err(|error| denied(error.code(), error.to_string()))?;
    interpret(attestation).map_err(|error| denied(error.code(), error.to_string()))
}

/// The policy's text, after it was judged on this very attestation: one that would not allow it is not written.
fn written(
    wanted: &Expectations<'_>,
    trust: &[String],
    provenance: &VerifiedProvenance,
    bundle: &Bundle,
    now: Timestamp,
) -> Result<String, CommandError> {
    let attestation = provenance.attestation();
    let mut files = Files::new();
    let root = match &attestation.evidence().root {
        Some(name) => Some(root(wanted, trust, name, &mut files)?),
        None => None,
    };
    let key = match attestation.identity() {
        Identity::Key { voucher, .. } if wanted.keys.contains(voucher) => {
            let cap = u64::try_from(key::MAX_PEM_BYTES).unwrap_or(u64::MAX);
            let bytes = read_capped(Path::new(voucher), cap).map_err(|error| artifacts::file_refused(&error))?;
            Some(String::from_utf8_lossy(&bytes).into_owned())
        }
        _ => None,
    };
    let text = draft::policy(provenance, root.as_ref(), key.as_deref());
    let refused = |found: String| {
        let message = format!("expected a policy that allows this attestation, found one that does not: {found}");
        CommandError::undecided("expectations-not-accepted", message)
    };
    let problem = |Problems(problems): Problems| refused(problems.first().map(ToString::to_string).unwrap_or_default());
    let tree = yaml::parse(text.as_bytes()).map_err(problem)?;
    let document = read::read(&tree, &files).map_err(problem)?;
    let artifact = attestation.artifact();
    let under = document.verifiers.iter().map(|one| verifier(one).verify(bundle, artifact, now).ok()).collect();
    let outcome = evaluate(&document, artifact, &[Judged { under }], Completeness::Complete, now);
    if outcome.decision == Decision::Allowed {
        return Ok(text);
    }
    Err(refused(outcome.codes().join(", ")))
}

/// How a policy names the root that was believed under this name.
fn root(wanted: &Expectations<'_>, trust: &[String], name: &str, files: &mut Files) -> Result<Root, CommandError> {
    if Domain::from_name(name).is_some() {
        return Ok(Root::Embedded(name.to_owned()));
    }
    // Of a file with several roots each has the file's name and its line.
    let file = trust.iter().find(|file| name == file.as_str() || name.starts_with(&format!("{file}:")));
    let file = file.map_or(name, String::as_str);
    let cap = u64::try_from(crate::trust::root::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(file), cap).map_err(|error| artifacts::file_refused(&error))?;
    let folder = Path::new(wanted.file).parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = fs::canonicalize(folder.unwrap_or(Path::new("."))).ok();
    let whole = fs::canonicalize(file).ok();
    let below = folder.zip(whole).and_then(|(folder, file)| Some(file.strip_prefix(folder).ok()?.to_str()?.to_owned()));
    let path = below.ok_or_else(|| {
        let message = format!("expected the root {file} in the folder of {}, found it elsewhere", wanted.file);
        CommandError::usage("expectations-root-elsewhere", message)
            .hint("a policy names files relative to itself; put the root beside it")
    })?;
    let sha256 = hex::encode(key::sha256(&bytes));
    files.insert(path.clone(), Ok(bytes));
    Ok(Root::File { path, sha256 })
}
