//! Advice, by code: what the user can do about what was found.

mod images;
mod mismatch;

use crate::report::Finding;
use crate::report::Notice;
use crate::report::Outcome;
use crate::report::Report;
use crate::report::Verdict;
use crate::store::beside;

/// What the report says about the trusted roots.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Roots {
    Current,
    Old,
}

/// Puts advice where there is any.
pub(super) fn advise(report: &mut Report) {
    let old = report.notices.iter().any(|notice| ["trust-root-old", "trust-root-lapsed"].contains(&notice.code));
    let roots = if old { Roots::Old } else { Roots::Current };
    for result in &mut report.results {
        let name = &result.artifact.name;
        let image = result.artifact.image.is_some();
        for finding in &mut result.findings {
            finding.hint = match finding.code {
                "attestation-missing" if image => {
                    Some("nothing that is attached to it there is an attestation".to_owned())
                }
                _ => of_finding(finding, name, roots),
            };
        }
        // An artifact that is allowed needs no advice about what else was there.
        if result.verdict == Verdict::Allowed {
            continue;
        }
        let rejected = result.candidates.iter_mut().filter(|candidate| candidate.outcome != Outcome::Accepted);
        let findings = rejected.flat_map(|candidate| &mut candidate.findings);
        findings.for_each(|finding| finding.hint = of_finding(finding, name, roots));
    }
    if report.policy.is_some() {
        let candidates = report.results.iter_mut().flat_map(|result| {
            let candidates = result.candidates.iter_mut().flat_map(|candidate| &mut candidate.findings);
            result.findings.iter_mut().chain(candidates)
        });
        candidates.for_each(|finding| finding.hint = finding.hint.take().filter(|hint| fits_policy(hint)));
    }
    report.notices.iter_mut().for_each(advise_notice);
}

/// Beside a policy file the flags of expectation and trust are refused, so advice to use them leads nowhere.
fn fits_policy(hint: &str) -> bool {
    !hint.contains("--") || ["--bundle", "--online", "--upgrade"].iter().any(|flag| hint.contains(flag))
}

/// Puts advice on a notice where there is any.
pub(super) fn advise_notice(notice: &mut Notice) {
    notice.hint = of_code(notice.code).map(str::to_owned);
}

/// No advice ever says to expect a signer or a builder because it was found: whoever made the attestation chose it.
fn of_finding(finding: &Finding, artifact: &str, roots: Roots) -> Option<String> {
    match finding.code {
        "attestation-missing" if mismatch::named_like_attestation(artifact) => Some(mismatch::ATTESTATION.to_owned()),
        "attestation-missing" => {
            let names: Vec<_> = beside::SUFFIXES.iter().map(|suffix| format!("FILE{suffix}")).collect();
            Some(format!("name it with --bundle FILE; looked for {} beside it", names.join(", ")))
        }
        code if roots == Roots::Old && OF_ROOTS.contains(&code) => {
            Some("the trusted root is old and may not know this; take a current one with --trust FILE".to_owned())
        }
        code => mismatch::of(finding, artifact).or_else(|| of_code(code).map(str::to_owned)),
    }
}

/// Refusals that a trusted root of another time would not make.
const OF_ROOTS: &[&str] = &[
    "certificate-untrusted",
    "log-unknown",
    "sct-invalid",
    "timestamp-invalid",
    "timestamp-window",
    "log-checkpoint-invalid",
];

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
        "log-entry-not-found" => {
            "if it was logged elsewhere, name the log with --rekor-url; the file must be unchanged"
        }
        "log-unavailable" => "nothing was decided: try again later, or give --timeout more seconds",
        "log-status" | "log-answer-invalid" => "check that the address is that of a Rekor v1 log",
        "log-entry-too-large" => "name a log of Rekor v2, which takes a hash: --rekor-version 2; --key needs no log",
        "log-not-named" => "name the log with --rekor-url",
        "ca-unavailable" | "timestamp-unavailable" | "token-service-unavailable" => {
            "nothing was written: try again later, or give --timeout more seconds"
        }
        "ca-answer-mismatch"
        | "log-answer-mismatch"
        | "timestamp-answer-mismatch"
        | "token-service-answer-mismatch" => {
            "the service, or somebody in between, answered for something else; do not sign there until it is known why"
        }
        "ca-url-invalid" | "timestamp-url-invalid" => "write it as https://HOST/PATH; http is for this machine alone",
        "signing-config-no-service" => "take a current signing config, or name the services with their flags",
        "signing-time-unprovable" => "name a timestamp authority with --timestamp-url",
        "upgrade-text-lost" => "keep the envelope and verify it with --online",
        "signing-time-unproven" => {
            "a public log may have the entry: --online looks there, and sealmark inspect --upgrade keeps what it found"
        }
        "sct-invalid" | "timestamp-window" => {
            "the trusted root may be of another time than the attestation; take a current one with --trust FILE"
        }
        "time-missing" => "the signer must add a log entry or a timestamp; a certificate proves nothing without one",
        "builder-ref-mutable" => {
            "a branch may hold anything tomorrow; build with a release, or name the ref that you trust behind @"
        }
        "fact-unbacked" => "say whom you trust to state it: --identity with --issuer, or --key",
        "annotation-mismatch" => "annotations are what the signer wrote of this very artifact; ask what he writes",
        "certificate-claim-mismatch" => "sealmark inspect shows what the certificate says",
        "threshold-not-met" => {
            "each signer counts once, by identity and issuer or by key; --key and --identity are repeatable"
        }
        "predicate-type-mismatch" => "to accept another kind of attestation, name it with --type",
        "message-bytes-needed" => {
            "let the signer note the digest that the key signs with, or attest the file in place of signing it"
        }
        "key-signs-no-digest" => "sign with an ECDSA key, or attest the file in place of signing it",
        "simple-signing-envelope" => "let Tekton Chains store provenance, and verify that",
        "log-required" => "sealmark inspect --upgrade writes a bundle with the log's entry, where there is one",
        "evidence-missing" => "sealmark inspect shows the type of an attestation and who says to have signed it",
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
        "policy-signer-kinds" => "a policy file demands both together: require {allOf: […]} or {atLeast: N, of: […]}",
        "policy-source-uri" => "write it as github.com/OWNER/NAME, with or without https:// and .git",
        "policy-version" => "name a whole tag with --source-tag, a branch with --source-branch",
        "policy-regex" => "the expression must match the whole text; escape dots as \\.",
        "key-invalid" => "sealmark key public FILE prints the public half of a private key",
        "vsa-keyid-mismatch" => "give --public-key-id as whoever signed wrote it; it must be theirs",
        "vsa-level-unsupported" => "without --level the summary claims what the evidence supports",
        "vsa-not-issued" => "--on-failure issue issues a summary that says FAILED, for a denial only",
        code => return images::of(code),
    })
}

/// Advice on an error that ends a command.
pub(super) fn of_error(code: &str) -> Option<&'static str> {
    of_code(code)
}
