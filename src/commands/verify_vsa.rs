//! `sealmark verify-vsa`: slsa-verifier's command of that name, with its flags, verdicts and names of errors.

use std::path::Path;

use clap::ArgGroup;
use clap::builder::NonEmptyStringValueParser;
use jiff::SignedDuration;
use jiff::Timestamp;

use crate::commands::Outcome;
use crate::commands::exit::Exit;
use crate::commands::hints;
use crate::commands::roots;
use crate::commands::terminal;
use crate::commands::verify_vsa::refusal::Refusal;
use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::attestations::Candidate;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::digest::Digest;
use crate::policy::AcceptedVsa;
use crate::policy::Age;
use crate::policy::JudgedBy;
use crate::policy::Level;
use crate::policy::Require;
use crate::policy::Signer;
use crate::policy::VsaExpectations;
use crate::policy::VsaVerdict;
use crate::policy::judge_vsa;
use crate::store::file::read_capped;
use crate::trust::key::MAX_PEM_BYTES;
use crate::trust::key::PublicKey;
use crate::trust::rings::TrustedKey;
use crate::trust::ssh;
use crate::verify::Verifier;

mod refusal;

/// Follows the options of `--help`.
const ABOUT: &str = "\
Who signed is named either by a public key or by a certificate's identity and its issuer.

With a key, a signature that names a key id must name --public-key-id; without that flag the key's OpenSSH fingerprint, \
SHA256:…, stands for it. A signature that names none is tried.

Every --subject-digest must be among the digests of one subject, as it is typed. A level SLSA_TRACK_LEVEL_N is the least \
that will do; every other level must be there.

Nothing is fetched. Exit codes are those of slsa-verifier: 0 passed, 1 failed; an unreadable command line ends in 2. \
Differences from slsa-verifier are listed in docs/slsa-verifier-compatibility.md.";

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_long_help = ABOUT)]
#[command(group(ArgGroup::new("vsa-signer").args(["public_key_path", "certificate_identity"]).required(true)))]
pub(super) struct Args {
    /// Digest of the artifact, such as sha256:…; any type is taken; repeatable
    #[arg(long, value_name = "TYPE:VALUE")]
    subject_digest: Vec<String>,

    /// File with the summary: an envelope, a bundle, an array or JSON Lines of them
    #[arg(long, value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    attestation_path: String,

    /// Who must have verified, exactly
    #[arg(long, value_name = "URI")]
    verifier_id: Option<String>,

    /// What the artifact must be meant to be, exactly
    #[arg(long, value_name = "URI")]
    resource_uri: Option<String>,

    /// Level that must have been verified, such as SLSA_BUILD_LEVEL_3; repeatable
    #[arg(long, value_name = "LEVEL")]
    verified_level: Vec<String>,

    /// PEM public key that must have signed
    #[arg(long, value_name = "FILE", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    public_key_path: Option<String>,

    /// Key id that the signature must name if it names one
    #[arg(long, value_name = "ID", conflicts_with = "certificate_identity", help_heading = "Signer")]
    public_key_id: Option<String>,

    /// Name in the signer's certificate, exactly
    #[arg(long, value_name = "NAME", requires = "certificate_oidc_issuer", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_identity: Option<String>,

    /// OIDC issuer in the signer's certificate, exactly
    #[arg(long, value_name = "URL", requires = "certificate_identity", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer: Option<String>,

    /// What to believe: public-good (the default), github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    trust: Vec<String>,

    /// Oldest summary that will do, by timeVerified and every proven signing time: 90d, 12h, 30m or 45s
    #[arg(long, value_name = "AGE", value_parser = age, help_heading = "Beyond slsa-verifier")]
    max_age: Option<SignedDuration>,

    /// Digest of the policy that the verifier must have judged by, such as sha256:…
    #[arg(long, value_name = "DIGEST", value_parser = Digest::parse, help_heading = "Beyond slsa-verifier")]
    policy_digest: Option<Digest>,

    /// Print the summary when it passed
    #[arg(long)]
    print_attestation: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    match decide(args) {
        Ok(accepted) => {
            if args.print_attestation {
                let signed =
                    accepted.attestation().statement().signed_bytes().map(|signed| &**signed).unwrap_or_default();
                terminal::print(&[signed, b"\n".as_slice()].concat())?;
            }
            terminal::note("PASSED: SLSA verification passed");
            Ok(Exit::Done)
        }
        Err(refusal) => {
            for line in refusal.lines() {
                terminal::note(&line);
            }
            if let Some(hint) = hints::of_error(refusal.code()) {
                terminal::note(&format!("  hint   {hint}"));
            }
            Ok(Exit::Denied)
        }
    }
}

/// The signer is read first, then the file; the first summary in it that passes is taken, and otherwise the first refusal
/// is shown.
fn decide(args: &Args) -> Result<AcceptedVsa, Refusal> {
    let (signer, keys, keyid) = signer(args)?;
    let verifier = Verifier::new(roots::load(&args.trust).map_err(Refusal::Command)?, keys);
    let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(&args.attestation_path), cap).map_err(Refusal::File)?;
    let candidates = attestations::parse(&bytes).map_err(Refusal::Format)?;
    let mut first = None;
    for candidate in candidates {
        match judge(candidate, args, &signer, &verifier, keyid.as_deref()) {
            Ok(accepted) => return Ok(accepted),
            Err(refusal) => first = first.or(Some(refusal)),
        }
    }
    // A file without candidates was refused as empty.
    Err(first.unwrap_or(Refusal::Format(crate::formats::FormatError::Empty)))
}

/// One summary, in slsa-verifier's order: signature, subject, then what it says.
fn judge(
    candidate: Candidate,
    args: &Args,
    signer: &Signer,
    verifier: &Verifier,
    keyid: Option<&str>,
) -> Result<AcceptedVsa, Refusal> {
    let mut bundle = candidate.bundle.map_err(Refusal::Format)?;
    if let Some(keyid) = keyid {
        bundle = only_by(bundle, keyid)?;
    }
    let now = Timestamp::now();
    let authenticated = verifier.authenticate(&bundle, now).map_err(Refusal::Verify)?;
    if args.subject_digest.is_empty() {
        return Err(Refusal::NoSubject);
    }
    let artifact = Artifact::by_text(&args.subject_digest).map_err(Refusal::Artifact)?;
    let attestation = authenticated.bind(&artifact).map_err(Refusal::Verify)?;
    let expected = expectations(args, signer)?;
    match judge_vsa(attestation, &expected, now).map_err(Refusal::Vsa)? {
        VsaVerdict::Allow(accepted) => Ok(*accepted),
        VsaVerdict::Deny(findings) => Err(Refusal::Findings(findings)),
    }
}

fn expectations(args: &Args, signer: &Signer) -> Result<VsaExpectations, Refusal> {
    let levels: Result<Vec<Level>, _> = args.verified_level.iter().map(|text| Level::parse(text)).collect();
    VsaExpectations::new(
        signer.clone(),
        args.verifier_id.as_deref().unwrap_or_default(),
        args.resource_uri.as_deref().unwrap_or_default(),
        levels.map_err(Refusal::Expect)?,
        args.max_age.map_or(Age::Any, Age::AtMost),
        args.policy_digest.clone().map_or(JudgedBy::Any, JudgedBy::Digest),
    )
    .map_err(Refusal::Expect)
}

/// Who must have signed, by which keys, and under which key id if by a key.
fn signer(args: &Args) -> Result<(Signer, Vec<TrustedKey>, Option<String>), Refusal> {
    let exactly = |text: &Option<String>| Require::Exactly(text.clone().unwrap_or_default());
    let Some(path) = &args.public_key_path else {
        let (identity, issuer) = (exactly(&args.certificate_identity), exactly(&args.certificate_oidc_issuer));
        return Ok((Signer::Certificate { identity, issuer }, Vec::new(), None));
    };
    let cap = u64::try_from(MAX_PEM_BYTES).unwrap_or(u64::MAX);
    let bytes = read_capped(Path::new(path), cap).map_err(Refusal::File)?;
    let key = PublicKey::from_pem(&bytes).map_err(Refusal::Key)?;
    let given = args.public_key_id.clone().filter(|id| !id.is_empty());
    let keyid = given.map_or_else(|| ssh::fingerprint(&key), Ok).map_err(Refusal::Key)?;
    Ok((Signer::TrustedKey, vec![TrustedKey::named(path, key)], Some(keyid)))
}

/// Leaves out the signatures that name another key.
fn only_by(bundle: Bundle, keyid: &str) -> Result<Bundle, Refusal> {
    let Content::Envelope(envelope) = &bundle.content else { return Ok(bundle) };
    let Some(kept) = envelope.only_by(keyid) else {
        let found = envelope.signatures.iter().map(|signature| signature.keyid.clone()).collect();
        return Err(Refusal::KeyId { expected: keyid.to_owned(), found });
    };
    Ok(Bundle { content: Content::Envelope(kept), ..bundle })
}

/// Reads `--max-age`: a whole number and one of d, h, m and s; a day has 24 hours.
fn age(text: &str) -> Result<SignedDuration, String> {
    let expected = || format!("expected a number and one of d, h, m, s, such as 90d, found {text:?}");
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(expected)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err(expected()),
    };
    let plain = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let count = number.parse::<u32>().ok().filter(|_| plain).ok_or_else(expected)?;
    Ok(SignedDuration::from_secs(i64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_numbers_with_a_unit() {
        assert_eq!(age("90d"), Ok(SignedDuration::from_hours(90 * 24)));
        assert_eq!(age("12h"), Ok(SignedDuration::from_hours(12)));
        assert_eq!(age("30m"), Ok(SignedDuration::from_mins(30)));
        assert_eq!(age("0s"), Ok(SignedDuration::ZERO));
        for bad in ["", "d", "90", "+9d", "-9d", "9 d", "9w", "99999999999d", "9é"] {
            assert!(age(bad).is_err(), "{bad}");
        }
    }
}
