//! The command line: what was typed, turned into requests to the library, and what is printed.

mod artifacts;
mod attach;
mod attaching;
mod attest;
mod build;
mod completions;
mod convert;
mod copy;
mod demo;
mod doctor;
mod download;
mod error;
mod exit;
mod expectations;
mod generate;
mod hints;
#[allow(dead_code, reason = "attest asks it for a token as soon as it signs without a key")]
mod identity;
mod images;
mod inspect;
mod key;
mod online;
mod policy;
mod private_key;
mod progress;
mod registries;
mod roots;
mod run;
mod shell;
mod sign;
mod slsa_verifier;
mod subjects;
mod terminal;
mod tree;
mod trust;
mod upgrade;
mod verify;
mod verify_vsa;
mod vsa;

use std::process::ExitCode;

use clap::Parser;
use clap::Subcommand;

use crate::commands::error::CommandError;
use crate::commands::exit::Exit;

/// Makes SLSA provenance, signs it, and decides whether to believe it.
#[derive(Debug, Parser)]
#[command(name = "sealmark", version, max_term_width = 100, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole main job in a temporary folder and show each command
    Demo(demo::Args),
    /// Write an unsigned Statement about artifacts
    Generate(Box<generate::Args>),
    /// Generate, sign, verify what was signed, and write it
    Attest(Box<attest::Args>),
    /// Sign images and files, verify what was signed, and attach or write it; a signature says nothing but who signed
    Sign(Box<sign::Args>),
    /// Attach bundles that exist to an image; nothing is believed
    Attach(Box<attach::Args>),
    /// Decide whether to believe what is attested about artifacts
    Verify(Box<verify::Args>),
    /// Decide whether a verification summary says what is expected, as slsa-verifier does
    VerifyVsa(Box<verify_vsa::Args>),
    /// Verify, and issue a signed summary of how it ended
    Vsa(Box<vsa::Args>),
    /// Verify files by the flags of slsa-verifier
    VerifyArtifact(Box<slsa_verifier::ArtifactArgs>),
    /// Verify a container image by the flags of slsa-verifier
    VerifyImage(Box<slsa_verifier::ImageArgs>),
    /// Verify a package of npm by the flags of slsa-verifier
    VerifyNpmPackage(Box<slsa_verifier::NpmArgs>),
    /// Verify a GitHub artifact attestation by the flags of slsa-verifier
    VerifyGithubAttestation(Box<slsa_verifier::GithubAttestationArgs>),
    /// Show an image, its platforms, and what is attached to them; nothing is believed
    Tree(Box<tree::Args>),
    /// Write what is attached to an image; nothing is believed
    #[command(subcommand)]
    Download(download::Command),
    /// Copy an image with its platforms and everything attached to it
    Copy(Box<copy::Args>),
    /// Show what is in a file of attestations, or attached to an image; nothing is believed
    Inspect(Box<inspect::Args>),
    /// Say what this machine or job has and lacks to sign, attach and verify
    Doctor(Box<doctor::Args>),
    /// Check, lint and test policy files
    #[command(subcommand)]
    Policy(policy::Command),
    /// Make keys
    #[command(subcommand)]
    Key(key::Command),
    /// Show what is believed
    #[command(subcommand)]
    Trust(trust::Command),
    /// Print completions for a shell
    Completions(completions::Args),
}

/// Reads the command line, runs the command, and says how it ended.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return exit::of_clap(&error),
    };
    let done = match cli.command {
        Command::Demo(args) => demo::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Attest(args) => attest::run(&args),
        Command::Sign(args) => sign::run(&args),
        Command::Attach(args) => attach::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::VerifyVsa(args) => verify_vsa::run(&args),
        Command::Vsa(args) => vsa::run(&args),
        Command::VerifyArtifact(args) => slsa_verifier::run_artifact(&args),
        Command::VerifyImage(args) => slsa_verifier::run_image(&args),
        Command::VerifyNpmPackage(args) => slsa_verifier::run_npm(&args),
        Command::VerifyGithubAttestation(args) => slsa_verifier::run_github_attestation(&args),
        Command::Tree(args) => tree::run(&args),
        Command::Download(command) => download::run(&command),
        Command::Inspect(args) => inspect::run(&args),
        Command::Copy(args) => copy::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Policy(command) => policy::run(&command),
        Command::Key(command) => key::run(&command),
        Command::Trust(command) => trust::run(&command),
        Command::Completions(args) => completions::run(&args),
    };
    let exit = done.unwrap_or_else(|error| terminal::show_error(&error));
    exit.into()
}

/// What a command comes to.
type Outcome = Result<Exit, CommandError>;
