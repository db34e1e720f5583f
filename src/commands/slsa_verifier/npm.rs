//! `verify-npm-package`: a package, its provenance, and the registry's word that it was published.

use crate::commands::Outcome;
use crate::commands::error::CommandError;
use crate::commands::slsa_verifier::BuildArgs;
use crate::commands::slsa_verifier::Extra;
use crate::commands::slsa_verifier::Failure;
use crate::commands::slsa_verifier::artifact;
use crate::commands::slsa_verifier::attestations;
use crate::commands::slsa_verifier::finish;
use crate::commands::slsa_verifier::hash;
use crate::commands::slsa_verifier::passed;
use crate::commands::slsa_verifier::print;
use crate::formats::bundle::Bundle;
use crate::formats::digest::Algorithm;
use crate::formats::json;
use crate::formats::npm;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::policy::slsa_verifier::PUBLISH;
use crate::policy::slsa_verifier::Package;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::judge_npm;
use crate::trust::rings;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(in crate::commands) struct NpmArgs {
    /// The package's file
    #[arg(value_name = "TARBALL")]
    tarball: String,

    /// File with the registry's attestations about the package
    #[arg(long, value_name = "FILE", required = true)]
    attestations_path: String,

    /// Name of the package
    #[arg(long, value_name = "NAME")]
    package_name: Option<String>,

    /// Version of the package
    #[arg(long, value_name = "VERSION")]
    package_version: Option<String>,

    #[command(flatten)]
    build: BuildArgs,

    #[command(flatten)]
    extra: Extra,
}

/// Verifies a package.
pub(in crate::commands) fn run(args: &NpmArgs) -> Outcome {
    finish(verify(args))
}

fn verify(args: &NpmArgs) -> Result<(), Failure> {
    let expected = args.build.expectations(&args.extra)?;
    artifact::supported(&expected)?;
    let package = Package { name: args.package_name.clone(), version: args.package_version.clone() };
    let tarball = hash(&args.tarball, &[Algorithm::Sha512])?;
    let document = json::parse(&attestations::read(&args.attestations_path)?).and_then(npm::from_json);
    let mut document = document.map_err(|error| Refusal::from(&error))?;
    // Each attestation is what it is labelled; the label is held against what was signed when it is judged.
    let mut take = |types: &[&str]| {
        let at = document.iter().rposition(|one| types.contains(&one.predicate_type.as_str()));
        let missing = || {
            let message = format!("expected an attestation of type {}, found none", types.join(" or "));
            Refusal::new("errrorInvalidAttestations", "attestation-missing", message)
        };
        at.map(|at| document.remove(at).bundle).ok_or_else(missing)
    };
    let (built, published) = (take(&[v02::PREDICATE_TYPE, v1::PREDICATE_TYPE])?, take(&[PUBLISH])?);
    let keys = rings::npm().map_err(|error| CommandError::undecided(error.code(), error))?;
    let verifier = args.extra.verifier(keys)?;
    let one = |bundle: Result<Bundle, _>| attestations::authenticate(vec![bundle], &verifier, &args.extra);
    let (built, published) = (one(built)?, one(published)?);
    let (published, ()) = attestations::first(&published, &tarball, |_| Ok(()))?;
    let judge = |attestation| judge_npm(attestation, &published, &expected, &package);
    let (attestation, builder) = attestations::first(&built, &tarball, judge)?;
    passed(&attestation, &builder);
    if args.build.print_provenance {
        print(&attestation)?;
    }
    Ok(())
}
