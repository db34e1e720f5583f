//! `sealmark verify`: the verdict on artifacts.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::path::PathBuf;

use clap::ArgGroup;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::assess;
use crate::assess::Request;
use crate::assess::Where;
use crate::assess::assess;
use crate::builders::source::SourceUri;
use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::hints;
use crate::commands::progress;
use crate::commands::roots;
use crate::commands::terminal;
use crate::formats::predicate_type;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::policy::Anchored;
use crate::policy::BuilderId;
use crate::policy::Policy;
use crate::policy::PolicyError;
use crate::policy::Require;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::VersionPattern;
use crate::report::ATTESTATIONS_LEFT_OUT;
use crate::report::Notice;
use crate::report::Report;
use crate::report::Verdict;
use crate::report::human;
use crate::report::json;
use crate::report::markdown;
use crate::report::sarif;
use crate::store::beside;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::store::subjects;
use crate::store::subjects::Located;
use crate::trust::key;
use crate::trust::key::PublicKey;
use crate::verify::TrustedKey;
use crate::verify::Verifier;

/// Follows the options of `--help`.
const ABOUT: &str = "\
Every attestation found is verified completely: shape, signing time, certificate, signature, transparency log, \
statement, signer, and that it is about this very artifact. An artifact is allowed when at least one attestation \
satisfies every expectation by itself; all of them are reported.

At least one of an identity, a key, a builder or a source repository must be expected: otherwise anybody's attestation \
would do.

Without --bundle, attestations are looked for beside each artifact FILE: FILE.intoto.jsonl, FILE.sigstore.json, \
FILE.sigstore, FILE.bundle, FILE.provenance.json, and in the same folder multiple.intoto.jsonl, \
provenance.intoto.jsonl, attestation.intoto.jsonl.

Nothing is fetched: no socket is opened. Exit codes: 0 all are allowed, 1 one is denied, 2 wrong usage, 3 could not \
decide.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ABOUT)]
#[command(group(ArgGroup::new("any-identity").args(["certificate_identity", "certificate_identity_regexp"])))]
#[command(group(ArgGroup::new("any-issuer").args(["certificate_oidc_issuer", "certificate_oidc_issuer_regexp"])))]
#[command(group(ArgGroup::new("any-ref").args(["source_branch", "source_tag", "source_versioned_tag"])))]
pub(super) struct Args {
    /// A file, a pattern, a folder, a digest such as sha256:…, or @FILE with checksums
    #[arg(value_name = "SUBJECT", required = true, value_parser = NonEmptyStringValueParser::new())]
    subjects: Vec<String>,

    /// File of attestations: a bundle, an envelope, an array or JSON Lines of them; repeatable
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    bundle: Vec<String>,

    /// Name in the signer's certificate, exactly
    #[arg(long, visible_alias = "identity", value_name = "NAME", requires = "any-issuer", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_identity: Option<String>,

    /// Regular expression that must match the whole name in the signer's certificate
    #[arg(long, visible_alias = "identity-regexp", value_name = "REGEXP", requires = "any-issuer",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_identity_regexp: Option<String>,

    /// OIDC issuer in the signer's certificate, exactly
    #[arg(long, visible_alias = "issuer", value_name = "URL", requires = "any-identity", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer: Option<String>,

    /// Regular expression that must match the whole OIDC issuer
    #[arg(long, visible_alias = "issuer-regexp", value_name = "REGEXP", requires = "any-identity",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer_regexp: Option<String>,

    /// PEM public key that may have signed; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["any-identity", "any-issuer"], help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    key: Vec<String>,

    /// Kind of attestation: slsaprovenance (v0.2 or v1; the default), slsaprovenance02, slsaprovenance1, spdx, spdxjson,
    /// cyclonedx, vuln, openvex, link, custom, vsa, or a predicate type URI
    #[arg(long = "type", value_name = "TYPE", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Who must have built: a builder's URI, with or without @ and the ref it was used at
    #[arg(long, value_name = "URI", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    builder_id: Option<String>,

    /// Source repository, such as github.com/owner/name
    #[arg(long, value_name = "URI", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    source_uri: Option<String>,

    /// Branch that must have been built
    #[arg(long, value_name = "BRANCH", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    source_branch: Option<String>,

    /// Tag that must have been built
    #[arg(long, value_name = "TAG", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    source_tag: Option<String>,

    /// Version that the built tag must be within: v1 takes v1.2.3
    #[arg(long, value_name = "VERSION", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    source_versioned_tag: Option<String>,

    /// What to believe: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    /// Open no socket; that is always so when files are verified
    #[arg(long)]
    offline: bool,

    /// What to write
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: ReportFormat,

    /// Write the report to FILE in place of standard output, whole or not at all
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    output: Option<String>,
}

/// How a report is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    Human,
    /// One JSON document
    Json,
}

/// How a report on artifacts is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum ReportFormat {
    /// For people
    Human,
    /// One JSON document
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitHub-flavoured Markdown, for the summary of a job
    Markdown,
}

pub(super) fn run(args: &Args) -> Outcome {
    // Nothing here ever opens a socket, so the promise needs no code.
    let Args { offline: _, .. } = args;
    let policy = policy(args).map_err(|error| usage(&error))?;
    let located = subjects::locate(&args.subjects).map_err(|error| artifacts::refused(&error))?;
    let attestations = attestations(args, &located)?;
    let (located, left_out) = without_attestations(located, &args.subjects, &attestations);
    if located.is_empty() {
        return Err(artifacts::refused(&subjects::SubjectsError::Empty));
    }
    let verifier = Verifier::new(roots::load(&args.trust)?, keys(&args.key)?);
    let request = Request {
        verifier: &verifier,
        policy: &policy,
        artifacts: &located,
        attestations: &attestations,
        now: Timestamp::now(),
        threads: artifacts::threads(),
    };
    let report = progress::while_hashing(|tell| assess(&request, tell));
    let mut report = report.map_err(|error: assess::AssessError| CommandError::undecided(error.code(), error))?;
    report.notices.extend(left_out);
    hints::advise(&mut report);
    write(&report, args.format, args.output.as_deref())?;
    Ok(match report.verdict {
        Verdict::Allowed => Exit::Done,
        Verdict::Denied => Exit::Denied,
        Verdict::Undecided => Exit::Undecided,
    })
}

/// Writes a report where and how it was asked for.
///
/// # Errors
/// `output-failed`, `file-*`.
pub(super) fn write(report: &Report, format: ReportFormat, output: Option<&str>) -> Result<(), CommandError> {
    let mut text = Vec::new();
    let written = match format {
        ReportFormat::Human => human::write(report, &mut text),
        ReportFormat::Json => json::write(report, &mut text),
        ReportFormat::Sarif => sarif::write(report, &mut text),
        ReportFormat::Markdown => markdown::write(report, &mut text),
    };
    written.map_err(|error| CommandError::undecided("output-failed", error))?;
    match (output, format) {
        (Some(path), _) => write_atomic(Path::new(path), &text, Overwrite::Replace, Mode::Public)
            .map_err(|error| CommandError::undecided(error.code(), error)),
        (None, ReportFormat::Human) => terminal::print_verdicts(&String::from_utf8_lossy(&text)),
        (None, ReportFormat::Json | ReportFormat::Sarif | ReportFormat::Markdown) => terminal::print(&text),
    }
}

fn usage(error: &PolicyError) -> CommandError {
    let message = match error {
        // The compiler of expressions draws a picture of several lines; its last says what is wrong.
        PolicyError::Regex { found, reason } => {
            format!("expected a regular expression, found {found:?}: {}", reason.lines().last().unwrap_or_default())
        }
        other => other.to_string(),
    };
    let error = CommandError::usage(error.code(), message);
    match hints::of_error(error.code) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What is expected, as far as the flags alone say.
fn policy(args: &Args) -> Result<Policy, PolicyError> {
    let name = args.predicate_type.as_deref();
    let predicate_types = predicate_types(name)?;
    let provenance = predicate_types.iter().any(|uri| [v02::PREDICATE_TYPE, v1::PREDICATE_TYPE].contains(&&**uri));
    let slsa = slsa(args)?;
    let signer = signer(args)?;
    if matches!(signer, Signer::ByFacts) && slsa.builder_id.is_none() && slsa.source_uri.is_none() {
        return Err(PolicyError::Nobody);
    }
    if !provenance && !slsa.is_open() {
        return Err(PolicyError::NotProvenance { found: name.unwrap_or_default().to_owned() });
    }
    Ok(Policy { predicate_types, signer, slsa: provenance.then_some(slsa) })
}

/// The URIs that a word of `--type` stands for.
fn predicate_types(name: Option<&str>) -> Result<Vec<String>, PolicyError> {
    let uris = match name {
        None | Some("slsaprovenance") => vec![v02::PREDICATE_TYPE, v1::PREDICATE_TYPE],
        // cosign's word for the same type with another content.
        Some("spdx") => predicate_type::read("spdxjson").unwrap_or_default(),
        Some(other) => predicate_type::read(other).unwrap_or_default(),
    };
    if uris.is_empty() {
        return Err(PolicyError::PredicateType { found: name.unwrap_or_default().to_owned() });
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn signer(args: &Args) -> Result<Signer, PolicyError> {
    let require = |exact: &Option<String>, expression: &Option<String>| match (exact, expression) {
        (Some(exact), _) => Ok(Some(Require::Exactly(exact.clone()))),
        (None, Some(expression)) => Anchored::new(expression).map(|expression| Some(Require::Matches(expression))),
        (None, None) => Ok(None),
    };
    let identity = require(&args.certificate_identity, &args.certificate_identity_regexp)?;
    let issuer = require(&args.certificate_oidc_issuer, &args.certificate_oidc_issuer_regexp)?;
    match (identity, issuer, args.key.as_slice()) {
        (Some(identity), Some(issuer), []) => Ok(Signer::Certificate { identity, issuer }),
        (None, None, []) => Ok(Signer::ByFacts),
        (None, None, _) => Ok(Signer::TrustedKey),
        // The parser of the command line lets none of these through.
        _ => Err(PolicyError::Nobody),
    }
}

fn slsa(args: &Args) -> Result<Slsa, PolicyError> {
    let source_uri = |text: &String| {
        let refused = || PolicyError::SourceUri { found: text.clone() };
        // A ref behind the repository would be taken for an expectation and be none.
        SourceUri::parse(text).filter(|uri| uri.git_ref.is_none()).ok_or_else(refused)
    };
    let source_ref = match (&args.source_branch, &args.source_tag, &args.source_versioned_tag) {
        (Some(branch), _, _) => SourceRef::branch(branch)?,
        (None, Some(tag), _) => SourceRef::tag(tag)?,
        (None, None, Some(version)) => SourceRef::Version(VersionPattern::parse(version)?),
        (None, None, None) => SourceRef::Any,
    };
    Ok(Slsa {
        builder_id: args.builder_id.as_deref().map(BuilderId::parse).transpose()?,
        source_uri: args.source_uri.as_ref().map(source_uri).transpose()?,
        source_ref,
    })
}

/// The keys of `--key`, each vouched for by the file it came from.
fn keys(files: &[String]) -> Result<Vec<TrustedKey>, CommandError> {
    let cap = u64::try_from(key::MAX_PEM_BYTES).unwrap_or(u64::MAX);
    let read = |file: &String| {
        let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
        let key = PublicKey::from_pem(&bytes).map_err(|error| {
            let refused = CommandError::usage(error.code(), format_args!("{file}: {error}"));
            match hints::of_error(refused.code) {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        })?;
        Ok(TrustedKey { voucher: file.clone(), key })
    };
    files.iter().map(read).collect()
}

fn attestations(args: &Args, located: &[Located]) -> Result<Where, CommandError> {
    if !args.bundle.is_empty() {
        return Ok(Where::Files(args.bundle.iter().map(PathBuf::from).collect()));
    }
    match located.iter().find(|one| matches!(one, Located::Digests { .. })) {
        None => Ok(Where::Beside),
        Some(_) => {
            let message = "expected --bundle FILE beside a digest, found none: there is no file to look beside";
            Err(CommandError::usage("bundle-needed", message))
        }
    }
}

/// A folder or a pattern takes in the attestations that lie beside the artifacts. They are attestations here, not
/// artifacts, unless the user named one by its own path; what is left out for it is said.
fn without_attestations(
    located: Vec<Located>,
    typed: &[String],
    attestations: &Where,
) -> (Vec<Located>, Option<Notice>) {
    if located.len() <= typed.len() {
        return (located, None);
    }
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let files = located.iter().filter_map(|one| match one {
        Located::File(path) => Some(path.as_path()),
        Located::Digests { .. } => None,
    });
    let used: Vec<PathBuf> = match attestations {
        Where::Files(paths) => paths.iter().map(|path| real(path)).collect(),
        Where::Beside => files.flat_map(beside::find).map(|path| real(&path)).collect(),
    };
    let used: BTreeSet<PathBuf> = used.into_iter().collect();
    let is_typed = |path: &Path| typed.iter().any(|text| Path::new(text) == path);
    let (kept, left): (Vec<_>, Vec<_>) = located.into_iter().partition(|one| match one {
        Located::File(path) => is_typed(path) || !used.contains(&real(path)),
        Located::Digests { .. } => true,
    });
    let names = left.iter().take(5).filter_map(|one| match one {
        Located::File(path) => Some(path.display().to_string()),
        Located::Digests { .. } => None,
    });
    let names = names.collect::<Vec<_>>().join(", ");
    let more = if left.len() > 5 { ", …" } else { "" };
    let message = format!("{} not taken for artifacts, being attestations of the others: {names}{more}", left.len());
    let notice = (!left.is_empty()).then_some(Notice { code: ATTESTATIONS_LEFT_OUT, message, hint: None });
    (kept, notice)
}
