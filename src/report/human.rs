//! A report for people: words instead of symbols, the verdict first, what it rests on beside it.

use std::io;
use std::io::Write;

use crate::report::ATTESTATION_MISSING;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Backing;
use crate::report::Build;
use crate::report::Candidate;
use crate::report::Fact;
use crate::report::Finding;
use crate::report::ImageOrigin;
use crate::report::LogDemand;
use crate::report::Outcome;
use crate::report::Proof;
use crate::report::ProofSource;
use crate::report::Report;
use crate::report::SignerKind;
use crate::report::Source;
use crate::report::THRESHOLD_NOT_MET;
use crate::report::Verdict;
use crate::report::names_alike;
use crate::report::order::closest_first;
use crate::report::order::elsewhere;
use crate::report::plain;
use crate::report::rows::Rows;
use crate::report::text::short_digests;

/// Most attestations of a kind that are shown one by one for one artifact; JSON has them all.
const SHOWN: usize = 20;
/// From this many rejected attestations on, those that are about other artifacts are only counted.
const MANY: usize = 4;

/// Writes the verdict on each artifact, what it rests on, and what was not checked. Of several artifacts, the first line
/// counts them. No line but the first of a result starts in the first column, and nothing in an attestation can change
/// that.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if report.results.len() != 1 {
        let (word, summary) = (report.verdict.word(), &report.summary);
        let parts = [(summary.allowed, "allowed"), (summary.denied, "denied"), (summary.undecided, "undecided")];
        let parts: Vec<_> = parts.iter().filter(|part| part.0 > 0).map(|(n, word)| format!("{n} {word}")).collect();
        writeln!(out, "{word:<8} {}: {}", count(summary.artifacts, "artifact"), parts.join(", "))?;
    }
    for result in &report.results {
        self::result(result, out)?;
        if let Some(image) = &result.artifact.image {
            named(image, out)?;
        }
        #[cfg(feature = "policy-file")]
        if let Some(policy) = &report.policy {
            crate::report::policy::write(policy, &result.artifact.name, out)?;
        }
    }
    if report.results.len() > 1 && report.results.iter().any(|result| result.artifact.image.is_some()) {
        for (code, count) in report.codes() {
            writeln!(out, "  {count:>6} with {code}")?;
        }
    }
    for notice in &report.notices {
        writeln!(out, "notice   {}   {}", notice.code, plain(&notice.message))?;
        hint(notice.hint.as_deref(), out)?;
    }
    Ok(())
}

/// Who named an image, where that is more than the person who typed it.
fn named(image: &ImageOrigin, out: &mut dyn Write) -> io::Result<()> {
    let mut rows = Rows::default();
    if let Some(platform) = &image.platform {
        rows.push("platform", platform, image.index.as_ref().map(|index| format!("in {index}")).unwrap_or_default());
    }
    for by in image.named_by.iter().take(SHOWN) {
        rows.push("named by", by, image.reference.clone());
    }
    rows.write(out)?;
    match image.named_by.len().checked_sub(SHOWN) {
        Some(more @ 1..) => writeln!(out, "  … and {}", count(more, "more place")),
        _ => Ok(()),
    }
}

fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

fn result(result: &ArtifactResult, out: &mut dyn Write) -> io::Result<()> {
    let head = format!("{:<8} {}", result.verdict.word(), plain(&result.artifact.name));
    let accepted = |candidate: &&Candidate| candidate.outcome == Outcome::Accepted;
    let mut rows = Rows::default();
    if result.verdict == Verdict::Allowed {
        writeln!(out, "{head}")?;
        let mut all = result.candidates.iter().filter(accepted);
        if let Some(attestation) = all.next().and_then(|first| first.attestation.as_deref()) {
            accepted_rows(attestation, &result.artifact.digests.to_string(), &mut rows);
        }
        for (n, signer) in result.signers.iter().flat_map(|signers| &signers.counted).enumerate() {
            rows.push(if n == 0 { "counted" } else { "" }, signer.words(), "");
        }
        rows.write(out)?;
        let list: Vec<_> = result.not_checked.iter().map(|one| plain(&one.message)).collect();
        writeln!(out, "  not checked: {}", list.join(", "))?;
        let others: Vec<_> = all.collect();
        for other in others.iter().take(SHOWN) {
            let waived = other.attestation.as_ref().is_some_and(|one| one.evidence.log == LogDemand::Waived);
            let waived = if waived { "   without a log entry: the log was waived" } else { "" };
            writeln!(out, "  also accepted: {}{waived}", place(&other.source))?;
        }
        if let Some(more @ 1..) = others.len().checked_sub(SHOWN) {
            writeln!(out, "  … and {} accepted", count(more, "more attestation"))?;
        }
    } else {
        writeln!(out, "{head}   {}", summary(result))?;
        for finding in &result.findings {
            // What the first line says is not said twice.
            if finding.code != ATTESTATION_MISSING {
                writeln!(out, "  {}   {}", finding.code, plain(&finding.message))?;
            }
            hint(finding.hint.as_deref(), out)?;
        }
    }
    rejected(result, out)
}

fn summary(result: &ArtifactResult) -> String {
    match (result.verdict, result.candidates.len()) {
        (_, 0) if result.findings.iter().any(|finding| finding.code == ATTESTATION_MISSING) => {
            "no attestation found".to_owned()
        }
        (Verdict::Undecided, 0) => "it could not be read".to_owned(),
        (Verdict::Undecided, n) => {
            let unread = result.candidates.iter().any(|candidate| candidate.outcome == Outcome::Unreadable);
            let what = if unread { "read" } else { "judged" };
            format!("{} found, not all could be {what}", count(n, "attestation"))
        }
        (_, n) if result.findings.iter().any(|finding| finding.code == THRESHOLD_NOT_MET) => {
            format!("{} found, of too few signers", count(n, "attestation"))
        }
        (_, n) if result.candidates.iter().any(|candidate| candidate.outcome == Outcome::Accepted) => {
            format!("{} found, together they do not satisfy the policy", count(n, "attestation"))
        }
        (_, 1) => "1 attestation found, it does not satisfy the expectations".to_owned(),
        (_, n) => format!("{n} attestations found, none satisfies the expectations"),
    }
}

fn rejected(result: &ArtifactResult, out: &mut dyn Write) -> io::Result<()> {
    let rejected = closest_first(result);
    let allowed = result.verdict == Verdict::Allowed;
    let fold = rejected.len() >= MANY || allowed;
    let named = |one: &&Candidate| one.findings.iter().any(|finding| names_alike(finding, &result.artifact.name));
    let (folded, shown): (Vec<_>, Vec<_>) =
        rejected.into_iter().partition(|one| fold && elsewhere(one) && (allowed || !named(one)));
    for candidate in shown.iter().take(SHOWN) {
        let also = if allowed { "rejected: " } else { "" };
        match candidate.findings.as_slice() {
            [one] => writeln!(out, "  {also}{}   {}", place(&candidate.source), one.code)?,
            _ => writeln!(out, "  {also}{}", place(&candidate.source))?,
        }
        if !allowed {
            findings(&candidate.findings, out)?;
        }
    }
    let more = shown.len().saturating_sub(SHOWN);
    if more > 0 {
        writeln!(out, "  … and {} rejected, each with its reasons in --format json", count(more, "more attestation"))?;
    }
    if let Some(first) = folded.first() {
        writeln!(out, "  {} about other artifacts   subject-mismatch", count(folded.len(), "attestation"))?;
        if !allowed && shown.is_empty() {
            hint(first.findings.first().and_then(|finding| finding.hint.as_deref()), out)?;
        }
    }
    Ok(())
}

fn findings(findings: &[Finding], out: &mut dyn Write) -> io::Result<()> {
    let several = findings.len() > 1;
    for finding in findings {
        if several {
            writeln!(out, "    {}", finding.code)?;
        }
        let indent = if several { 6 } else { 4 };
        let mut rows = Rows { indent, label: 9, least: 50, rows: Vec::new() };
        match (&finding.expected, &finding.found) {
            (Some(expected), Some(found)) => {
                rows.push("expected", short_digests(expected), "");
                rows.push("found", short_digests(found), finding.backing.map_or("", Backing::words));
            }
            _ => rows.push("because", finding.message.clone(), ""),
        }
        rows.write(out)?;
        if let Some(hint) = &finding.hint {
            writeln!(out, "{:indent$}hint      {}", "", plain(hint))?;
        }
    }
    Ok(())
}

fn hint(hint: Option<&str>, out: &mut dyn Write) -> io::Result<()> {
    match hint {
        Some(hint) => writeln!(out, "  hint     {}", plain(hint)),
        None => Ok(()),
    }
}

pub(super) fn place(source: &Source) -> String {
    let file = plain(&source.file);
    match (source.line, source.item) {
        (Some(line), _) => format!("{file}:{line}"),
        (None, Some(item)) => format!("{file}[{item}]"),
        (None, None) => file.into_owned(),
    }
}

fn accepted_rows(attestation: &Attestation, digests: &str, rows: &mut Rows) {
    let signer = &attestation.signer;
    let build = attestation.build.as_ref();
    if build.is_none() {
        rows.push("says", attestation.predicate_type.clone(), Backing::Predicate.words());
    }
    if let Some(build) = build {
        rows.push("built by", bare(&build.built_by.value), build.built_by.backing.words());
        from_rows(build, rows);
        on_row(build, rows);
    }
    match signer.kind {
        SignerKind::Key => {
            let name = format!("key {}", signer.name);
            rows.push("signed by", name, signer.algorithm.unwrap_or_default());
            rows.push("", signer.fingerprint.clone().unwrap_or_default(), "");
        }
        SignerKind::Workload | SignerKind::Person if build.is_none_or(|build| build.built_by.value != signer.name) => {
            rows.push("signed by", bare(&signer.name), Backing::Certificate.words());
            rows.push("", format!("by issuer {}", bare(signer.issuer.as_deref().unwrap_or_default())), "");
        }
        SignerKind::Workload | SignerKind::Person => {}
    }
    signed_rows(attestation, rows);
    rows.push("digest", digests, "");
}

/// A URI without the scheme that everybody expects.
fn bare(uri: &str) -> &str {
    let uri = uri.strip_prefix("git+").unwrap_or(uri);
    uri.strip_prefix("https://").unwrap_or(uri)
}

/// Repository, commit and ref; what is backed alike shares a line.
fn from_rows(build: &Build, rows: &mut Rows) {
    /// Characters of a commit that are shown.
    const COMMIT: usize = 7;
    let commit = |fact: &Fact| format!("commit {}", fact.value.chars().take(COMMIT).collect::<String>());
    let parts = [
        build.from.as_ref().map(|fact| (bare(&fact.value).to_owned(), fact.backing)),
        build.commit.as_ref().map(|fact| (commit(fact), fact.backing)),
        build.git_ref.as_ref().map(|fact| (fact.value.clone(), fact.backing)),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    for (n, group) in parts.chunk_by(|one, next| one.1 == next.1).enumerate() {
        let texts: Vec<_> = group.iter().map(|part| part.0.as_str()).collect();
        let backing = group.first().map_or("", |part| part.1.words());
        rows.push(if n == 0 { "from" } else { "" }, texts.join(", "), backing);
    }
}

fn on_row(build: &Build, rows: &mut Rows) {
    let runner = build.runner.as_ref().map(|fact| match fact.value.as_str() {
        "github-hosted" => "a GitHub-hosted runner".to_owned(),
        "self-hosted" => "a self-hosted runner".to_owned(),
        other => format!("runner {other}"),
    });
    let trigger = build.trigger.as_ref().map(|fact| format!("triggered by {}", fact.value));
    let backing = build.runner.as_ref().or(build.trigger.as_ref()).map_or("", |fact| fact.backing.words());
    let parts: Vec<_> = [runner, trigger].into_iter().flatten().collect();
    if !parts.is_empty() {
        rows.push("on", parts.join(", "), backing);
    }
}

fn signed_rows(attestation: &Attestation, rows: &mut Rows) {
    let evidence = &attestation.evidence;
    let time = match evidence.signed_at.first() {
        Some(signed) => signed.time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
        None => "at an unknown time".to_owned(),
    };
    let log = if evidence.trust_root.as_deref() == Some("public-good") { "public log entry" } else { "log entry" };
    if evidence.log_entries.is_empty() {
        let stamped = if evidence.signed_at.is_empty() { "" } else { "timestamp proven offline" };
        rows.push("signed", time.as_str(), stamped);
        if evidence.log == LogDemand::Waived {
            rows.push("", "without a log entry", "the log was waived");
        }
    }
    for (n, entry) in evidence.log_entries.iter().enumerate() {
        let proof = match (entry.proof, evidence.proofs) {
            (Proof::Inclusion, ProofSource::File) => "inclusion proven offline",
            (Proof::Inclusion, ProofSource::Log) => "inclusion proven, fetched from the log",
            (Proof::Promise, _) => "promised by the log",
        };
        let (label, text) = match n {
            0 => ("signed", format!("{time}, {log} {}", entry.index)),
            _ => ("", format!("{log} {}", entry.index)),
        };
        rows.push(label, text, proof);
    }
}
