//! Advice, by code: what the user can do about what was found.

use crate::report::Finding;
use crate::report::Notice;
use crate::report::Outcome;
use crate::report::Report;
use crate::store::beside;

/// Puts advice where there is any.
pub(super) fn advise(report: &mut Report) {
    for result in &mut report.results {
        for finding in &mut result.findings {
            finding.hint = of_finding(finding);
        }
        // An artifact that is allowed needs no advice about what else was there.
        let rejected = result.candidates.iter_mut().filter(|candidate| candidate.outcome != Outcome::Accepted);
        rejected.flat_map(|candidate| &mut candidate.findings).for_each(|finding| finding.hint = of_finding(finding));
    }
    report.notices.iter_mut().for_each(advise_notice);
}

/// Puts advice on a notice where there is any.
pub(super) fn advise_notice(notice: &mut Notice) {
    notice.hint = of_code(notice.code).map(str::to_owned);
}

/// No advice ever says to expect a signer or a builder because it was found: whoever made the attestation chose it.
fn of_finding(finding: &Finding) -> Option<String> {
    let found = finding.found.as_deref().unwrap_or_default();
    let expected = finding.expected.as_deref().unwrap_or_default();
    match finding.code {
        "attestation-missing" => {
            let names: Vec<_> = beside::SUFFIXES.iter().map(|suffix| format!("FILE{suffix}")).collect();
            Some(format!("name it with --bundle FILE; looked for {} beside it", names.join(", ")))
        }
        "source-ref-mismatch" | "source-version-mismatch" => source_ref(expected, found),
        code => of_code(code).map(str::to_owned),
    }
}

fn source_ref(expected: &str, found: &str) -> Option<String> {
    if let Some(branch) = found.strip_prefix("refs/heads/") {
        let tag = expected.starts_with("refs/tags/") || expected.starts_with("a tag");
        let first = if tag { "this build was run on a branch; run the release workflow on the tag, or " } else { "" };
        return Some(format!("{first}expect --source-branch {branch}"));
    }
    let tag = found.strip_prefix("refs/tags/")?;
    Some(format!("this build was run on a tag; to expect it, --source-tag {tag}"))
}

fn of_code(code: &str) -> Option<&'static str> {
    Some(match code {
        "signer-kind" => {
            "a signature by a key needs --key FILE with its public key, one with a certificate a --trust root"
        }
        "signer-not-key" => {
            "with --key only a signature by that key counts; for a certificate give --identity and --issuer"
        }
        "signer-not-certificate" => "it was signed with a key; give its public key with --key in place of an identity",
        "signature-key-unknown" => {
            "it was signed with another key; --key takes the public key of whoever signed, repeatable"
        }
        "signature-invalid" => "the attestation was changed after it was signed, or it was signed with another key",
        "certificate-untrusted" | "log-unknown" | "log-missing" | "sct-missing" | "timestamp-invalid" => {
            "if it was signed for a private GitHub repository, add --trust github; for another Sigstore, --trust FILE"
        }
        "signing-time-unproven" => {
            "a public log may have the entry: --online looks there, and sealmark inspect --upgrade keeps what it found"
        }
        "time-missing" => "the signer must add a log entry or a timestamp; a certificate proves nothing without one",
        "fact-unbacked" => "say whom you trust to state it: --identity with --issuer, or --key",
        "issuer-mismatch" => "the same name by another issuer is another signer; check who issues for that name",
        "predicate-type-mismatch" => "to accept another kind of attestation, name it with --type",
        "plain-signature" => "a plain signature attests nothing; look for a bundle with a Statement in it",
        "not-an-attestation" => "sealmark inspect shows what is in a file",
        "time-in-future" => "check the clock of this machine",
        "trust-root-old" => "a newer sealmark has a newer one, and --trust FILE takes one from elsewhere",
        "trust-root-lapsed" => "take a current one with --trust FILE",
        "policy-nobody" => {
            "without one, anybody's attestation would do; for GitHub Actions start with --source-uri github.com/OWNER/NAME"
        }
        "policy-not-provenance" => {
            "leave --type out, or judge other attestations by --identity and --issuer or by --key"
        }
        "policy-source-uri" => "write it as github.com/OWNER/NAME, with or without https:// and .git",
        "policy-version" => "name a whole tag with --source-tag, a branch with --source-branch",
        "policy-regex" => "the expression must match the whole text; escape dots as \\.",
        "key-invalid" => "sealmark key public FILE prints the public half of a private key",
        _ => return None,
    })
}

/// Advice on an error that ends a command.
pub(super) fn of_error(code: &str) -> Option<&'static str> {
    of_code(code)
}
