//! `verify-artifact` and `verify-github-attestation`: files and their provenance.

use crate::builders::google_cloud_build::HOSTED_WORKER;
use crate::commands::Outcome;
use crate::commands::slsa_verifier::BuildArgs;
use crate::commands::slsa_verifier::Extra;
use crate::commands::slsa_verifier::Failure;
use crate::commands::slsa_verifier::attestations;
use crate::commands::slsa_verifier::finish;
use crate::commands::slsa_verifier::hash;
use crate::commands::slsa_verifier::open;
use crate::commands::slsa_verifier::passed;
use crate::commands::slsa_verifier::print;
use crate::commands::terminal;
use crate::formats::digest::Algorithm;
use crate::policy::slsa_verifier::Command;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::judge;

/// Arguments of `verify-artifact`.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct ArtifactArgs {
    /// A file
    #[arg(value_name = "ARTIFACT", required = true)]
    artifacts: Vec<String>,

    /// File with the provenance: a bundle, an envelope, or JSON Lines of them
    #[arg(long, value_name = "FILE", required = true)]
    provenance_path: String,

    #[command(flatten)]
    build: BuildArgs,

    /// Accepted and ignored, as by slsa-verifier
    #[arg(long, value_name = "REPOSITORY", hide = true)]
    provenance_repository: Option<String>,

    #[command(flatten)]
    extra: Extra,
}

/// Arguments of `verify-github-attestation`.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct GithubAttestationArgs {
    /// A file
    #[arg(value_name = "ARTIFACT")]
    artifact: String,

    /// File with the attestation: a bundle, or JSON Lines of them
    #[arg(long, value_name = "FILE", required = true)]
    attestation_path: String,

    /// Source repository: github.com/owner/name
    #[arg(long, value_name = "URI", required = true)]
    source_uri: String,

    /// Workflow that must have signed, with or without @ and its ref
    #[arg(long, value_name = "ID", required = true)]
    builder_id: String,

    /// Write what was signed to standard output
    #[arg(long)]
    print_attestation: bool,

    #[command(flatten)]
    extra: Extra,
}

/// Verifies files.
pub(in crate::commands) fn run_artifact(args: &ArtifactArgs) -> Outcome {
    let request = Request {
        artifacts: &args.artifacts,
        path: &args.provenance_path,
        print: args.build.print_provenance,
        command: Command::Artifact,
    };
    finish(verify(&request, args.build.expectations(&args.extra), &args.extra))
}

/// Verifies one file and a GitHub artifact attestation.
pub(in crate::commands) fn run_github_attestation(args: &GithubAttestationArgs) -> Outcome {
    let request = Request {
        artifacts: std::slice::from_ref(&args.artifact),
        path: &args.attestation_path,
        print: args.print_attestation,
        command: Command::GithubAttestation,
    };
    finish(verify(&request, open(&args.source_uri, Some(&args.builder_id), &args.extra), &args.extra))
}

struct Request<'a> {
    artifacts: &'a [String],
    path: &'a str,
    print: bool,
    command: Command,
}

fn verify(request: &Request<'_>, expected: Result<Expectations, Refusal>, extra: &Extra) -> Result<(), Failure> {
    let expected = expected?;
    supported(&expected)?;
    // Both are read before anything is decided, so that a file that is not there is no verdict on the other.
    let artifacts = request.artifacts.iter().map(|path| hash(path, &[Algorithm::Sha256]));
    let artifacts = artifacts.collect::<Result<Vec<_>, _>>()?;
    let bundles = attestations::parse(&attestations::read(request.path)?)?;
    let read = attestations::authenticate(bundles, &extra.verifier(Vec::new())?, extra)?;
    for artifact in &artifacts {
        let found = attestations::first(&read, artifact, |attestation| judge(attestation, &expected, request.command));
        let (attestation, builder) = found.inspect_err(|refusal| {
            terminal::note(&format!("Verifying artifact {}: FAILED: {refusal}", artifact.name()));
        })?;
        passed(&attestation, &builder);
        terminal::note(&format!("Verifying artifact {}: PASSED", artifact.name()));
        if request.print {
            print(&attestation)?;
        }
    }
    Ok(())
}

/// The named builder is one whose files can be verified.
pub(super) fn supported(expected: &Expectations) -> Result<(), Refusal> {
    match &expected.builder_id {
        Some(builder) if builder.name() == HOSTED_WORKER => Err(Refusal::new(
            "ErrorNotSupported",
            "builder-id-mismatch",
            "Google Cloud Build makes provenance of images alone",
        )),
        Some(builder) if !builder.name().starts_with("https://github.com/") => Err(Refusal::new(
            "ErrorVerifierNotSupported",
            "builder-id-mismatch",
            format!("expected a builder on github.com, found {builder}"),
        )),
        _ => Ok(()),
    }
}
