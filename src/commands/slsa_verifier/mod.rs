//! The commands of slsa-verifier: its flags, its verdicts, its names of errors; exit codes 0 and 1.

mod artifact;
mod attestations;
mod image;
mod npm;

use std::collections::BTreeMap;

use clap::ArgGroup;
use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::online;
use crate::commands::roots;
use crate::commands::terminal;
use crate::formats::digest::Algorithm;
use crate::policy::slsa_verifier::BuilderRef;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::builder_id::BuilderId;
use crate::store::hash::hash_files;
use crate::verify::LogDemand;
use crate::verify::TrustedKey;
use crate::verify::Unlogged;
use crate::verify::VerifiedAttestation;
use crate::verify::Verifier;

pub(super) use artifact::ArtifactArgs;
pub(super) use artifact::GithubAttestationArgs;
pub(super) use artifact::run_artifact;
pub(super) use artifact::run_github_attestation;
pub(super) use image::ImageArgs;
pub(super) use image::run as run_image;
pub(super) use npm::NpmArgs;
pub(super) use npm::run as run_npm;

/// What slsa-verifier has no flags for.
#[derive(Debug, clap::Args)]
struct Extra {
    /// What to believe: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", help_heading = "Beyond slsa-verifier")]
    trust: Vec<String>,

    /// Ref of a builder to take although it is no release: a whole ref, or pre-release for tags like v1.2.3-rc.0; repeatable
    #[arg(long, value_name = "REF", help_heading = "Beyond slsa-verifier")]
    allow_builder_ref: Vec<String>,

    /// Accept old provenance that shows no proof of when it was signed; said in the output
    #[arg(long, conflicts_with = "online", help_heading = "Beyond slsa-verifier")]
    accept_without_log: bool,

    /// Ask a public log for what the provenance does not prove by itself
    #[arg(long, help_heading = "Beyond slsa-verifier")]
    online: bool,

    #[command(flatten)]
    network: online::Args,
}

impl Extra {
    fn verifier(&self, keys: Vec<TrustedKey>) -> Result<Verifier, CommandError> {
        let unlogged = if self.accept_without_log { Unlogged::Accept } else { Unlogged::Refuse };
        Ok(Verifier::new(roots::load(&self.trust)?, keys).with_unlogged(unlogged))
    }

    fn builder_refs(&self) -> Vec<BuilderRef> {
        let one = |text: &String| match text.as_str() {
            "pre-release" => BuilderRef::PreRelease,
            exact => BuilderRef::Exactly(exact.to_owned()),
        };
        self.allow_builder_ref.iter().map(one).collect()
    }
}

/// Why a command does not say PASSED.
enum Failure {
    /// It was decided.
    Refused(Refusal),
    /// It could not be decided.
    Error(CommandError),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::Error(error)
    }
}

/// Says how it ended. What slsa-verifier fails with, a file that is not there among it, ends in 1; a log or a registry that gave no
/// answer is no verdict and ends in 3.
fn finish(result: Result<(), Failure>) -> Outcome {
    match result {
        Ok(()) => {
            terminal::note("PASSED: SLSA verification passed");
            Ok(Exit::Done)
        }
        Err(Failure::Refused(refusal)) => {
            terminal::note(&format!("FAILED: SLSA verification failed: {refusal}"));
            Ok(Exit::Denied)
        }
        Err(Failure::Error(error)) if error.code.starts_with("log-") || error.code.starts_with("registry-") => {
            Err(error)
        }
        Err(Failure::Error(error)) => {
            terminal::note(&format!("FAILED: SLSA verification failed: {} ({})", error.message, error.code));
            Ok(Exit::Denied)
        }
    }
}

/// `KEY=VALUE`; the value may hold more `=`, which slsa-verifier refuses.
fn inputs(texts: &[String]) -> Result<BTreeMap<String, String>, Refusal> {
    crate::policy::inputs(texts.iter().map(String::as_str))
        .map_err(|error| Refusal::new("ErrorInvalidFormat", error.code(), error))
}

/// The digest of one file by each algorithm.
fn hash(path: &str, algorithms: &[Algorithm]) -> Result<crate::formats::artifact::Artifact, Failure> {
    let mut hashed = hash_files(&[path.into()], algorithms, &|_| {}, std::num::NonZeroUsize::MIN);
    let undecided = |code, message: String| Failure::Error(CommandError::undecided(code, message));
    let digests = match hashed.pop() {
        Some(Ok(digests)) => digests,
        Some(Err(error)) => return Err(undecided(error.code(), error.to_string())),
        None => Vec::new(),
    };
    crate::formats::artifact::Artifact::new(path.to_owned(), digests)
        .map_err(|error| undecided(error.code(), error.to_string()))
}

/// Says what was verified, and what was waived.
fn passed(attestation: &VerifiedAttestation, builder: &str) {
    if attestation.evidence().log_demand == LogDemand::Waived {
        terminal::note("Accepted without a log entry: nothing proves when this was signed");
    }
    terminal::note(&format!("Verified build using builder {builder:?}"));
}

/// Prints what was signed, for `--print-provenance`.
fn print(attestation: &VerifiedAttestation) -> Result<(), CommandError> {
    terminal::print(attestation.statement().signed_bytes().map(|signed| &**signed).unwrap_or_default())?;
    terminal::print(b"\n")
}

/// The clock.
fn now() -> Timestamp {
    Timestamp::now()
}

/// What is expected of a build.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("any-tag").args(["source_tag", "source_versioned_tag"])))]
struct BuildArgs {
    /// Source repository: github.com/owner/name
    #[arg(long, value_name = "URI", required = true)]
    source_uri: String,

    /// Builder, with or without @ and its version
    #[arg(long, value_name = "ID")]
    builder_id: Option<String>,

    /// Branch that must have been built
    #[arg(long, value_name = "BRANCH")]
    source_branch: Option<String>,

    /// Tag that must have been built
    #[arg(long, value_name = "TAG")]
    source_tag: Option<String>,

    /// Version that the built tag must be of: v1 takes v1.2.3
    #[arg(long, value_name = "VERSION")]
    source_versioned_tag: Option<String>,

    /// Input of a workflow that was dispatched by hand; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    build_workflow_input: Vec<String>,

    /// Write what was signed to standard output
    #[arg(long)]
    print_provenance: bool,
}

impl BuildArgs {
    fn expectations(&self, extra: &Extra) -> Result<Expectations, Refusal> {
        Ok(Expectations {
            branch: self.source_branch.clone(),
            tag: self.source_tag.clone(),
            versioned_tag: self.source_versioned_tag.clone(),
            inputs: inputs(&self.build_workflow_input)?,
            ..open(&self.source_uri, self.builder_id.as_deref(), extra)?
        })
    }
}

/// A source and a builder, and nothing else. An empty builder is none.
fn open(source_uri: &str, builder_id: Option<&str>, extra: &Extra) -> Result<Expectations, Refusal> {
    Ok(Expectations {
        source_uri: source_uri.to_owned(),
        builder_id: builder_id.filter(|text| !text.is_empty()).map(BuilderId::parse).transpose()?,
        branch: None,
        tag: None,
        versioned_tag: None,
        inputs: BTreeMap::new(),
        builder_refs: extra.builder_refs(),
    })
}
