//! A report as SARIF 2.1.0, for code scanning: one result for each reason why an artifact is not allowed.

use std::collections::BTreeSet;
use std::io;
use std::io::Write;

use serde_json::Value;
use serde_json::json;

use crate::report::ArtifactResult;
use crate::report::Backing;
use crate::report::Candidate;
use crate::report::Finding;
use crate::report::Report;
use crate::report::Source;
use crate::report::Verdict;
use crate::report::explain;
use crate::report::json;
use crate::report::order::closest_first;
use crate::report::plain;
use crate::trust::key::sha256;

/// Most attestations that one artifact has results for, the closest first; JSON has them all.
pub const MAX_CANDIDATES: usize = 100;
/// Most results: what GitHub takes in one run. The rest is counted in a notification.
pub const MAX_RESULTS: usize = 25_000;
/// Longest text of a message, in characters.
const MAX_TEXT: usize = 2000;
/// The name of the partial fingerprint, with the version of its making.
const FINGERPRINT: &str = "artifactAndReason/v1";

/// One reason why an artifact is not allowed, and where.
struct Reason<'a> {
    result: &'a ArtifactResult,
    /// The attestation that was refused; None when the reason is the artifact's own.
    candidate: Option<&'a Candidate>,
    finding: &'a Finding,
}

/// Writes the report as one SARIF document (OASIS SARIF 2.1.0 with errata 01), indented. Allowed artifacts have no
/// results; how many there are stands in the run's properties. The same report gives the same bytes.
///
/// # Errors
/// Those of `out`.
pub fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    json::write(&document(report), out)
}

fn document(report: &Report) -> Value {
    let denied = report.results.iter().filter(|result| result.verdict != Verdict::Allowed);
    let all: Vec<Reason<'_>> = denied.flat_map(reasons).collect();
    let (reasons, left_out) = all.split_at(all.len().min(MAX_RESULTS));
    let notices = report.notices.iter().map(|notice| notice.code);
    let codes: BTreeSet<&str> = reasons.iter().map(|reason| reason.finding.code).chain(notices).collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    let results: Vec<Value> = reasons.iter().map(|reason| result(reason, &codes)).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {
                "driver": {
                    "name": report.tool.name,
                    "version": report.tool.version,
                    "semanticVersion": report.tool.version,
                    "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
                },
            },
            "invocations": [{
                // Undecided means that the work could not be done; denied is a result like any other.
                "executionSuccessful": report.verdict != Verdict::Undecided,
                "toolExecutionNotifications": notifications(report, left_out.len(), &codes),
            }],
            "results": results,
            "properties": {
                "verdict": report.verdict,
                "verifiedAt": report.verified_at,
                "summary": report.summary,
            },
        }],
    })
}

/// The artifact's own reasons, then those of its attestations.
fn reasons(result: &ArtifactResult) -> impl Iterator<Item = Reason<'_>> {
    let own = result.findings.iter().map(move |finding| Reason { result, candidate: None, finding });
    let candidates = closest_first(result).into_iter().take(MAX_CANDIDATES);
    let theirs = candidates.flat_map(move |candidate| {
        let reason = move |finding| Reason { result, candidate: Some(candidate), finding };
        candidate.findings.iter().map(reason)
    });
    own.chain(theirs)
}

/// What a code means, out of docs/errors.md.
fn rule(code: &str) -> Value {
    let meaning = explain::meaning(code).unwrap_or_default();
    let first = meaning.split_inclusive(". ").next().unwrap_or_default().trim_end();
    let short = if first.is_empty() { code } else { first };
    json!({
        "id": code,
        "shortDescription": { "text": escaped(short) },
        "fullDescription": { "text": escaped(if meaning.is_empty() { code } else { &meaning }) },
        "help": { "text": format!("{} docs/errors.md of sealmark has this code as a heading.", escaped(&meaning)) },
        "defaultConfiguration": { "level": "error" },
    })
}

fn result(reason: &Reason<'_>, codes: &[&str]) -> Value {
    let Reason { result, candidate, finding } = reason;
    let mut value = json!({
        "ruleId": finding.code,
        "kind": "fail",
        "level": "error",
        "message": { "text": message(reason) },
        "locations": [location(result, candidate.map(|candidate| &candidate.source))],
        "partialFingerprints": { FINGERPRINT: fingerprint(reason) },
        "properties": properties(reason),
    });
    if let (Some(index), Some(object)) = (codes.iter().position(|code| *code == finding.code), value.as_object_mut()) {
        object.insert("ruleIndex".to_owned(), json!(index));
    }
    value
}

fn message(reason: &Reason<'_>) -> String {
    let Finding { message, expected, found, hint, .. } = reason.finding;
    let name = &reason.result.artifact.name;
    let what = match (expected, found) {
        (Some(expected), Some(found)) => format!("expected {expected}, found {found}"),
        _ => message.clone(),
    };
    let backing = reason.finding.backing.map(|backing| format!(" ({})", backing.words())).unwrap_or_default();
    let hint = hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
    escaped(&format!("{} {name}: {what}{backing}{hint}", reason.result.verdict.word()))
}

/// What consumers may want as values; strings there are shown as they are, so nothing in them acts.
fn properties(reason: &Reason<'_>) -> Value {
    let mut object = serde_json::Map::new();
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), json!(cut(&plain(value))));
        }
    };
    let Finding { step, expected, found, hint, backing, .. } = reason.finding;
    set("verdict", Some(reason.result.verdict.word()));
    set("step", *step);
    set("expected", expected.as_deref());
    set("found", found.as_deref());
    set("backing", backing.map(Backing::words));
    set("hint", hint.as_deref());
    if let Some(item) = reason.candidate.and_then(|candidate| candidate.source.item) {
        object.insert("item".to_owned(), json!(item));
    }
    Value::Object(object)
}

/// The file of attestations and its line, or the artifact when there is none; and always which artifact it is about.
fn location(result: &ArtifactResult, source: Option<&Source>) -> Value {
    let file = source.map_or(result.artifact.name.as_str(), |source| source.file.as_str());
    let mut physical = json!({ "artifactLocation": { "uri": uri(file) } });
    if let (Some(line), Some(object)) = (source.and_then(|source| source.line), physical.as_object_mut()) {
        object.insert("region".to_owned(), json!({ "startLine": line }));
    }
    let name = plain(&result.artifact.name);
    let digest = result.artifact.digests.iter().next().map(|(algorithm, hex)| format!("@{algorithm}:{hex}"));
    let full = format!("{name}{}", digest.unwrap_or_default());
    let logical = json!([{ "name": name, "fullyQualifiedName": full, "kind": "resource" }]);
    json!({ "physicalLocation": physical, "logicalLocations": logical })
}

/// The same problem of the same artifact has the same fingerprint in the next run, whatever line it moved to and
/// whatever was built since: name of the artifact, file of the attestation, code, and what was expected and found. Each
/// part is preceded by its length, so that no two lists of parts are one text.
fn fingerprint(reason: &Reason<'_>) -> String {
    let Reason { result, candidate, finding } = reason;
    let file = candidate.map(|candidate| candidate.source.file.as_str()).unwrap_or_default();
    let found = if finding.step == Some("binding") { None } else { finding.found.as_deref() };
    let expected = if finding.step == Some("binding") { None } else { finding.expected.as_deref() };
    let parts = [&result.artifact.name, file, finding.code, expected.unwrap_or_default(), found.unwrap_or_default()];
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    hex::encode(sha256(text.as_bytes()))
}

fn notifications(report: &Report, left_out: usize, codes: &[&str]) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    for notice in &report.notices {
        let hint = notice.hint.as_ref().map(|hint| format!("; hint: {hint}")).unwrap_or_default();
        let mut descriptor = json!({ "id": notice.code });
        let index = codes.iter().position(|code| *code == notice.code);
        if let (Some(index), Some(object)) = (index, descriptor.as_object_mut()) {
            object.insert("index".to_owned(), json!(index));
        }
        all.push(json!({
            "level": "warning",
            "message": { "text": escaped(&format!("{}{hint}", notice.message)) },
            "associatedRule": descriptor,
        }));
    }
    if left_out > 0 {
        let text = format!("and {left_out} more results, which --format json has");
        all.push(json!({ "level": "warning", "message": { "text": text } }));
    }
    all
}

/// A text as a plain text message: nothing in it acts on a terminal, none of it is a placeholder (section 3.11.5: braces
/// are doubled) or a link (section 3.11.6: brackets are escaped).
fn escaped(text: &str) -> String {
    let text = cut(&plain(text));
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '{' | '}' => safe.extend([c, c]),
            '[' | ']' | '\\' => safe.extend(['\\', c]),
            other => safe.push(other),
        }
    }
    safe
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A path as a URI reference (RFC 3986): every byte outside the unreserved ones and `/` is percent-encoded, so that no
/// path has a scheme, a query or a host; an absolute one is a `file` URI.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    // A path that starts with two slashes would name a host.
    let path = if path.starts_with("//") { path.trim_start_matches('/') } else { path };
    if uri == "file://" && !path.starts_with('/') {
        uri.push('/');
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_no_placeholder_and_no_link() {
        for (text, expected) in [
            ("plain", "plain"),
            ("{0} {x}", "{{0}} {{x}}"),
            ("[here](https://evil.test)", r"\[here\](https://evil.test)"),
            (r"a\[b", r"a\\\[b"),
            ("a\nb\u{1b}", r"a\\u{{a}}b\\u{{1b}}"),
            ("\u{202e}", r"\\u{{202e}}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
        assert_eq!(escaped(&"x".repeat(MAX_TEXT + 1)).chars().count(), MAX_TEXT + 1);
    }

    #[test]
    fn a_path_is_never_a_scheme_a_host_or_a_query() {
        for (path, expected) in [
            ("dist/app.tar.gz", "dist/app.tar.gz"),
            ("/tmp/a b", "file:///tmp/a%20b"),
            ("//evil.test/x", "file:///evil.test/x"),
            ("javascript:alert(1)", "javascript%3Aalert%281%29"),
            ("https://evil.test/?q#f", "https%3A//evil.test/%3Fq%23f"),
            ("a%20b\n", "a%2520b%0A"),
            ("größe", "gr%C3%B6%C3%9Fe"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
