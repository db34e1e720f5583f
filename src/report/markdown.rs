//! A report as GitHub-flavoured Markdown, for the summary of a job.

use std::borrow::Cow;
use std::io;
use std::io::Write;

use crate::report::ATTESTATION_MISSING;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Candidate;
use crate::report::Finding;
use crate::report::Report;
use crate::report::Verdict;
use crate::report::human::place;
use crate::report::order::closest_first;
use crate::report::plain;
use crate::report::text::short_digests;

/// Most artifacts in the table.
const ROWS: usize = 200;
/// Most artifacts that are not allowed and are shown one by one.
const DETAILS: usize = 50;
/// Most attestations that are shown for one artifact, the closest first.
const CANDIDATES: usize = 10;
/// Longest text of a stranger, in characters; `…` stands for the rest.
const TEXT: usize = 300;
/// No more details are written behind this many bytes. A summary may have 1 MiB for a step of a job.
const BYTES: usize = 512 * 1024;

/// Writes the verdict, a table of the artifacts, and for each that is not allowed the attestations that came closest,
/// each with what was expected beside what was found.
///
/// Whatever somebody else chose stands in a code span and holds no backtick, no pipe and no line break, so it can
/// neither leave its cell nor be a link, an image, a mention or HTML.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut text = String::new();
    let summary = &report.summary;
    let parts = [(summary.allowed, "allowed"), (summary.denied, "denied"), (summary.undecided, "undecided")];
    let parts: Vec<_> = parts.iter().filter(|part| part.0 > 0).map(|(n, word)| format!("{n} {word}")).collect();
    let artifacts =
        if summary.artifacts == 1 { "1 artifact".to_owned() } else { format!("{} artifacts", summary.artifacts) };
    text.push_str(&format!("## sealmark: {}\n\n{artifacts}: {}\n", report.verdict.word(), parts.join(", ")));
    // Those that need somebody's attention come first.
    let mut results: Vec<&ArtifactResult> = report.results.iter().collect();
    results.sort_by_key(|result| result.verdict == Verdict::Allowed);
    table(&results, &mut text);
    details(&results, &mut text);
    not_checked(&results, &mut text);
    notices(report, &mut text);
    out.write_all(text.as_bytes())
}

fn table(results: &[&ArtifactResult], text: &mut String) {
    text.push_str("\n| verdict | artifact | digest | because |\n| --- | --- | --- | --- |\n");
    for result in results.iter().take(ROWS) {
        let digest = short_digests(&result.artifact.digests.to_string());
        let digest = if digest.is_empty() { String::new() } else { code(&digest) };
        let (verdict, name) = (result.verdict.word(), code(&result.artifact.name));
        text.push_str(&format!("| {verdict} | {name} | {digest} | {} |\n", because(result)));
    }
    more(results.len().saturating_sub(ROWS), "artifacts", text);
}

/// What an allowed artifact rests on; for another one the first thing that differed in what came closest.
fn because(result: &ArtifactResult) -> String {
    let attestation = result.candidates.iter().find_map(|candidate| candidate.attestation.as_deref());
    if let (Verdict::Allowed, Some(attestation)) = (result.verdict, attestation) {
        return rests_on(attestation);
    }
    let closest = closest_first(result);
    let findings = closest.first().map_or(&result.findings, |candidate| &candidate.findings);
    findings.first().map(|finding| code(finding.code)).unwrap_or_default()
}

fn rests_on(attestation: &Attestation) -> String {
    let Some(build) = &attestation.build else {
        return format!("signed by {}", code(&attestation.signer.name));
    };
    let from = build.from.as_ref().map(|fact| format!(" from {}", code(&fact.value))).unwrap_or_default();
    let at = build.git_ref.as_ref().map(|fact| format!(" at {}", code(&fact.value))).unwrap_or_default();
    format!("built by {}{from}{at} ({})", code(&build.built_by.value), build.built_by.backing.words())
}

fn details(results: &[&ArtifactResult], text: &mut String) {
    let denied: Vec<_> = results.iter().filter(|result| result.verdict != Verdict::Allowed).collect();
    let mut shown = 0;
    for result in denied.iter().take(DETAILS) {
        if text.len() > BYTES {
            break;
        }
        shown += 1;
        text.push_str(&format!("\n### {} {}\n\n", result.verdict.word(), code(&result.artifact.name)));
        for finding in &result.findings {
            let message = if finding.code == ATTESTATION_MISSING { String::new() } else { code(&finding.message) };
            text.push_str(&format!("* {} {message}{}\n", code(finding.code), hint(finding.hint.as_deref())));
        }
        candidates(result, text);
    }
    more(denied.len() - shown, "artifacts that are not allowed", text);
}

fn candidates(result: &ArtifactResult, text: &mut String) {
    let rejected = closest_first(result);
    if rejected.is_empty() {
        return;
    }
    text.push_str("| attestation | reason | expected | found |\n| --- | --- | --- | --- |\n");
    let shown = rejected.get(..CANDIDATES.min(rejected.len())).unwrap_or_default();
    let rows = shown.iter().flat_map(|candidate| candidate.findings.iter().map(move |finding| (candidate, finding)));
    rows.for_each(|(candidate, finding)| row(candidate, finding, text));
    more(rejected.len() - shown.len(), "attestations, each with its reasons in `--format json`", text);
    let mut hints: Vec<&str> = Vec::new();
    for hint in shown.iter().flat_map(|one| &one.findings).filter_map(|finding| finding.hint.as_deref()) {
        if !hints.contains(&hint) {
            hints.push(hint);
        }
    }
    if !hints.is_empty() {
        text.push('\n');
    }
    hints.iter().for_each(|hint| text.push_str(&format!("* hint: {}\n", code(hint))));
}

fn row(candidate: &Candidate, finding: &Finding, text: &mut String) {
    let (expected, found) = match (&finding.expected, &finding.found) {
        (Some(expected), Some(found)) => {
            let backing = finding.backing.map(|backing| format!(" {}", backing.words())).unwrap_or_default();
            (code(&short_digests(expected)), format!("{}{backing}", code(&short_digests(found))))
        }
        _ => (String::new(), code(&short_digests(&finding.message))),
    };
    let (place, reason) = (code(&place(&candidate.source)), code(finding.code));
    text.push_str(&format!("| {place} | {reason} | {expected} | {found} |\n"));
}

/// What nobody looked at for the allowed artifacts, each thing once.
fn not_checked(results: &[&ArtifactResult], text: &mut String) {
    let mut all: Vec<&str> = Vec::new();
    for one in results.iter().take(ROWS).flat_map(|result| &result.not_checked) {
        if !all.contains(&one.message.as_str()) {
            all.push(&one.message);
        }
    }
    let shown: Vec<String> = all.iter().take(CANDIDATES).map(|one| code(one)).collect();
    if !shown.is_empty() {
        let rest = all.len() - shown.len();
        let rest = if rest > 0 { format!(" … and {rest} more") } else { String::new() };
        text.push_str(&format!("\nNot checked: {}{rest}\n", shown.join(", ")));
    }
}

fn notices(report: &Report, text: &mut String) {
    if !report.notices.is_empty() {
        text.push('\n');
    }
    for notice in &report.notices {
        let hint = hint(notice.hint.as_deref());
        text.push_str(&format!("* notice {} {}{hint}\n", code(notice.code), code(&notice.message)));
    }
}

fn hint(hint: Option<&str>) -> String {
    hint.map(|hint| format!(", hint: {}", code(hint))).unwrap_or_default()
}

fn more(count: usize, what: &str, text: &mut String) {
    if count > 0 {
        text.push_str(&format!("\n… and {count} more {what}\n"));
    }
}

/// Any text as a code span that is one, wherever it stands: in a code span nothing is a link, an image, a mention, an
/// entity or HTML (GFM section 6.3), and what could end it or the cell around it is written as `\u{60}`.
fn code(text: &str) -> String {
    let text = plain(text);
    let text =
        if text.contains(['`', '|']) { Cow::Owned(text.replace('`', "\\u{60}").replace('|', "\\u{7c}")) } else { text };
    let text = text.trim();
    match text.char_indices().nth(TEXT) {
        _ if text.is_empty() => "(empty)".to_owned(),
        Some((at, _)) => format!("`{}…`", text.get(..at).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_span_is_never_left() {
        for (text, expected) in [
            ("app.tar.gz", "`app.tar.gz`"),
            ("a`b``c", r"`a\u{60}b\u{60}\u{60}c`"),
            ("a | b", r"`a \u{7c} b`"),
            (r"a \| b", r"`a \\u{7c} b`"),
            ("a\n| allowed | x |\r\n", r"`a\u{a}\u{7c} allowed \u{7c} x \u{7c}\u{d}\u{a}`"),
            ("<img src=x onerror=y>", "`<img src=x onerror=y>`"),
            ("[x](https://evil.test)", "`[x](https://evil.test)`"),
            ("@everyone #1", "`@everyone #1`"),
            ("\u{1b}[31m\u{202e}", r"`\u{1b}[31m\u{202e}`"),
            ("ends in \\", r"`ends in \`"),
            ("", "(empty)"),
            ("   ", "(empty)"),
            (" padded ", "`padded`"),
        ] {
            assert_eq!(code(text), expected);
            let inner = expected.trim_matches('`');
            assert!(!inner.contains(['`', '|', '\n', '\r']), "{inner}");
        }
        let long = code(&"x".repeat(TEXT + 1));
        assert_eq!((long.chars().count(), long.ends_with("…`")), (TEXT + 3, true));
    }
}
