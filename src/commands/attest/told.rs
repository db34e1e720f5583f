//! What `attest` says: what was signed and how to check it, or what would be.

use std::fs;
use std::path::Path;

use crate::attest;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::SignedBy;
use crate::commands::Outcome;
use crate::commands::attaching::Target;
use crate::commands::attest::Args;
use crate::commands::attest::keyless::Session;
use crate::commands::attest::output::Plan;
use crate::commands::build;
use crate::commands::exit::Exit;
use crate::commands::shell;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::provenance::v1;
use crate::report::plain;
use crate::store::beside;
use crate::store::subjects::Located;

/// Prints each Statement on standard output, and what would be sent and written on standard error.
pub(super) fn dry_run(
    groups: &[&[Artifact]],
    claim: Claim<'_>,
    plan: Option<&Plan<'_>>,
    targets: Option<&[Target]>,
    session: Option<&Session>,
) -> Outcome {
    let mut text = Vec::new();
    for artifacts in groups {
        text.extend(attest::statement(artifacts, claim).map_err(|error| build::attest(&error))?);
        text.push(b'\n');
    }
    terminal::print(&text)?;
    for line in sent(session, groups.len()) {
        terminal::note(&line);
    }
    for path in plan.into_iter().flat_map(|plan| &plan.paths) {
        terminal::note(&format!("would write  {}", plain(&path.to_string_lossy())));
    }
    for target in targets.into_iter().flatten() {
        terminal::note(&format!("would attach to  {}", target.name()));
    }
    // Last, so that what would be sent is read beside the reason for which it would not be.
    session.map_or(Ok(()), |session| session.ask().map(|_| ()))?;
    Ok(Exit::Done)
}

/// What would be sent to whom for so many signatures.
pub(in crate::commands) fn sent(session: Option<&Session>, statements: usize) -> Vec<String> {
    let Some(session) = session else { return vec!["would send   nothing".to_owned()] };
    let selected = session.selected();
    let mut lines = vec![format!(
        "would send   the identity token and a public key to {}, which puts the claims into a certificate and that into \
         its transparency log if it has one",
        plain(&selected.ca)
    )];
    for (url, _) in &selected.logs {
        lines.push(format!("would send   {statements} signatures with the certificate to the log {}", plain(url)));
    }
    for url in &selected.timestamps {
        lines.push(format!("would send   {statements} hashes of signatures to the timestamp authority {}", plain(url)));
    }
    lines
}

/// Who signed, in a few words.
pub(in crate::commands) fn signer(signer: &SignedBy) -> String {
    match signer {
        SignedBy::Key(key) => format!("{} key {}", key.kind().name(), key.fingerprint()),
        SignedBy::Certificate(certificate) => {
            let issuer = certificate.issuer().unwrap_or("an issuer that is not named");
            format!("{}, as {} says", plain(certificate.san.as_str()), plain(issuer))
        }
    }
}

/// What was done.
pub(super) fn summary(args: &Args, plan: &Plan<'_>, attested: &[Attested]) -> String {
    let Some(first) = attested.first() else { return String::new() };
    let count: usize = attested.iter().map(|one| one.statement.subjects.len()).sum();
    let subjects = match first.statement.subjects.as_slice() {
        [one] if count == 1 => plain(one.name.as_deref().unwrap_or("one subject")).into_owned(),
        _ if attested.len() > 1 => format!("{count} subjects, each by itself"),
        _ => format!("{count} subjects"),
    };
    let mut text = format!("attested {subjects}\n  says       {}\n", plain(&first.statement.predicate_type));
    text += &format!("  signed by  {}\n", signer(&first.signer));
    text += &match plan.paths.as_slice() {
        [one] => format!("  written    {}\n", plain(&one.to_string_lossy())),
        [one, rest @ ..] => format!("  written    {} and {} more\n", plain(&one.to_string_lossy()), rest.len()),
        [] => String::new(),
    };
    text += verified(&first.signer);
    if args.statement.is_none() && args.predicate.is_none() {
        text += &format!("  level      {}\n", level(&first.signer));
    }
    text + &format!("  check it   {}\n", check_it(args, plan, first))
}

/// By whom it was verified.
pub(in crate::commands) fn verified(signer: &SignedBy) -> &'static str {
    match signer {
        SignedBy::Key(_) => "  verified   as written, by the verifier that its users run, under this key\n",
        SignedBy::Certificate(_) => {
            "  verified   as written, by the verifier that its users run, under the root of --trust\n"
        }
    }
}

/// The most that a verifier can honestly conclude from who signed (SLSA v1.2, "Build: requirements").
pub(super) fn level(signer: &SignedBy) -> &'static str {
    use crate::formats::certificate::Claim as Extension;
    let SignedBy::Certificate(certificate) = signer else {
        return "SLSA Build L1 at most: whoever holds the key can write anything into it";
    };
    let claims = &certificate.claims;
    match (claims.get(Extension::RunnerEnvironment), claims.get(Extension::BuildSignerUri)) {
        (Some("github-hosted" | "gitlab-hosted"), Some(signer))
            if claims.get(Extension::BuildConfigUri) != Some(signer) =>
        {
            "SLSA Build L3 at most: the workflow that signed is not the one that was started; whether it keeps the build \
             away from the signing is for its users to judge"
        }
        (Some("github-hosted" | "gitlab-hosted"), _) => {
            "SLSA Build L2 at most: the steps of the build could have signed as well"
        }
        (Some(_), _) => "SLSA Build L1 at most: the machine is the project's own",
        (None, _) => "SLSA Build L1 at most: no certificate says what kind of machine it ran on",
    }
}

/// The command by which a user comes to the same verdict.
fn check_it(args: &Args, plan: &Plan<'_>, attested: &Attested) -> String {
    /// Most artifacts that are written out, and looked for an attestation beside them.
    const SHOWN: usize = 5;
    let mut words: Vec<String> = vec!["sealmark".to_owned(), "verify".to_owned()];
    let (subjects, located) = (&args.subjects.subjects, &plan.located);
    words.extend(subjects.iter().take(SHOWN).cloned());
    if subjects.is_empty() || subjects.len() > SHOWN {
        words.push("SUBJECT".to_owned());
    }
    if let [path] = plan.paths.as_slice() {
        let written = fs::canonicalize(path).ok();
        let beside = |one: &Located| match one {
            Located::File(file) => beside::find(file).iter().any(|path| fs::canonicalize(path).ok() == written),
            Located::Digests { .. } | Located::Image { .. } => false,
        };
        if located.is_empty() || located.len() > SHOWN || !located.iter().all(beside) {
            words.extend(["--bundle".to_owned(), path.to_string_lossy().into_owned()]);
        }
    }
    words.extend(expecting(args, attested));
    shell::line(words.iter().map(String::as_str))
}

/// The flags by which a verifier expects this signer and this type.
pub(super) fn expecting(args: &Args, attested: &Attested) -> Vec<String> {
    let mut words = trusting(&attested.signer, args.key.as_deref(), &args.keyless.trust);
    let predicate_type = &attested.statement.predicate_type;
    if predicate_type != v1::PREDICATE_TYPE {
        words.extend(["--type".to_owned(), predicate_type.clone()]);
    }
    words
}

/// The flags by which a verifier expects a signer.
pub(in crate::commands) fn trusting(signer: &SignedBy, key: Option<&str>, trust: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    match signer {
        SignedBy::Key(_) => {
            let name = key.and_then(|path| path.strip_suffix(".key"));
            let public = name.map(|name| format!("{name}.pub")).filter(|path| Path::new(path).is_file());
            words.extend(["--key".to_owned(), public.unwrap_or_else(|| "PUBLIC-KEY".to_owned())]);
        }
        SignedBy::Certificate(certificate) => {
            words.extend(["--certificate-identity".to_owned(), certificate.san.as_str().to_owned()]);
            let issuer = certificate.issuer().unwrap_or("ISSUER");
            words.extend(["--certificate-oidc-issuer".to_owned(), issuer.to_owned()]);
            words.extend(trust.iter().flat_map(|root| ["--trust".to_owned(), root.clone()]));
        }
    }
    words
}
