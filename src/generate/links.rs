//! Files that the user links to a build: SBOMs, attestations, reports of tests, described by digest.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::formats::attestations;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::statement::Statement;
use crate::generate::facts::Backing;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;

/// Media type of one in-toto Statement (in-toto attestation spec v1, "Media types").
const STATEMENT: &str = "application/vnd.in-toto+json";

/// Media type of JSON Lines of envelopes (the same, "Bundle").
const LINES: &str = "application/vnd.in-toto.bundle";

/// Media type of one DSSE envelope (DSSE, `envelope.md`).
const ENVELOPE: &str = "application/vnd.dsse.envelope.v1+json";

/// Longest text of a linked file that is repeated, in bytes.
const MAX_TEXT: usize = 256;

/// What a file looks like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Looks {
    media_type: Option<String>,
    /// Version of the specification it follows.
    version: Option<String>,
    /// Types of the predicates inside.
    predicates: BTreeSet<String>,
}

/// The byproduct that a linked file is: its name, its digest, and what it looks like.
///
/// Nothing of it is verified, not even a signature: the digest says which file is meant, the rest says what to open it
/// with. A file that looks like nothing known has no media type.
pub fn byproduct(name: &str, bytes: &[u8], sha256: Digest) -> Dependency {
    let looks = look(bytes);
    let mut annotations = BTreeMap::new();
    let predicates: Vec<String> = looks.predicates.into_iter().collect();
    match predicates.as_slice() {
        [] => {}
        [one] => drop(annotations.insert("predicateType".to_owned(), fact(Value::from(one.clone())))),
        several => drop(annotations.insert("predicateTypes".to_owned(), fact(Value::from(several.to_vec())))),
    }
    if let Some(version) = looks.version {
        annotations.insert("specVersion".to_owned(), fact(Value::from(version)));
    }
    Dependency {
        name: Some(fact(name.to_owned())),
        uri: None,
        digests: vec![fact(sha256)],
        media_type: looks.media_type.map(fact),
        annotations,
    }
}

fn fact<T>(value: T) -> Fact<T> {
    Fact { value, source: Source::Linked, backing: Backing::Recomputable }
}

fn look(bytes: &[u8]) -> Looks {
    match json::parse(bytes) {
        Ok(Value::Object(map)) => object(&Value::Object(map), bytes),
        Ok(_) => only("application/json"),
        Err(_) => {
            let lines = attestation(bytes, LINES);
            lines.unwrap_or_else(|| std::str::from_utf8(bytes).map_or_else(|_| Looks::default(), text))
        }
    }
}

fn only(media_type: &str) -> Looks {
    Looks { media_type: Some(media_type.to_owned()), ..Looks::default() }
}

fn object(value: &Value, bytes: &[u8]) -> Looks {
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let of = |media_type: &str, version: Option<&str>| Looks { version: version.and_then(short), ..only(media_type) };
    if text("bomFormat") == Some("CycloneDX") {
        return of("application/vnd.cyclonedx+json", text("specVersion"));
    }
    if text("spdxVersion").is_some() {
        return of("application/spdx+json", text("spdxVersion"));
    }
    if text("@context").is_some_and(|context| context.starts_with("https://spdx.org/rdf/3")) {
        return only("application/spdx+json");
    }
    if text("_type").is_some() {
        return match Statement::parse(bytes.into()) {
            Ok(statement) => {
                Looks { predicates: short(&statement.predicate_type).into_iter().collect(), ..only(STATEMENT) }
            }
            Err(_) => only("application/json"),
        };
    }
    if value.get("runs").is_some_and(Value::is_array) && text("version") == Some("2.1.0") {
        return of("application/sarif+json", text("version"));
    }
    let media_type =
        text("mediaType").filter(|media_type| media_type.starts_with("application/vnd.dev.sigstore.bundle"));
    let found = attestation(bytes, media_type.unwrap_or(ENVELOPE));
    found.unwrap_or_else(|| only("application/json"))
}

/// What it is as one attestation or several; `None` unless every part is one.
fn attestation(bytes: &[u8], media_type: &str) -> Option<Looks> {
    let candidates = attestations::parse(bytes).ok()?;
    let mut predicates = BTreeSet::new();
    for candidate in candidates {
        let bundle = candidate.bundle.ok()?;
        let statement = bundle.unverified_payload().and_then(|payload| Statement::parse(payload.into()).ok());
        predicates.extend(statement.and_then(|statement| short(&statement.predicate_type)));
    }
    Some(Looks { predicates, ..only(media_type) })
}

/// A text that may stand in provenance: printable, at most [`MAX_TEXT`] bytes.
fn short(text: &str) -> Option<String> {
    (text.len() <= MAX_TEXT && !text.chars().any(char::is_control)).then(|| text.to_owned())
}

fn text(text: &str) -> Looks {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let head: String = start.chars().take(4096).collect();
    if start.starts_with("SPDXVersion:") {
        let version = start.lines().next().and_then(|line| line.split_once(':')).map(|(_, version)| version.trim());
        return Looks { version: version.and_then(short), ..only("text/spdx") };
    }
    if !start.starts_with('<') {
        return Looks::default();
    }
    if head.contains("<bom") && head.contains("http://cyclonedx.org/schema/bom/") {
        return only("application/vnd.cyclonedx+xml");
    }
    // JUnit's reports have no media type of their own.
    if start.starts_with("<?xml") || head.contains("<testsuite") { only("application/xml") } else { Looks::default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::formats::base64;
    use crate::formats::digest::Algorithm;

    fn linked(bytes: &[u8]) -> (Option<String>, Value) {
        let digest = Digest::new(Algorithm::Sha256, vec![1; 32]).unwrap();
        let found = byproduct("x", bytes, digest.clone());
        assert_eq!((found.name.unwrap().value.as_str(), &found.digests[0].value), ("x", &digest));
        let annotations = found.annotations.into_iter().map(|(key, fact)| (key, fact.value)).collect();
        (found.media_type.map(|fact| fact.value), Value::Object(annotations))
    }

    fn statement(predicate_type: &str) -> Value {
        json!({
            "_type": "https://in-toto.io/Statement/v1", "predicateType": predicate_type, "predicate": {},
            "subject": [{ "name": "a", "digest": { "sha256": "01".repeat(32) } }]
        })
    }

    fn envelope(predicate_type: &str) -> Value {
        let payload = base64::encode(statement(predicate_type).to_string().as_bytes());
        json!({ "payloadType": "application/vnd.in-toto+json", "payload": payload, "signatures": [{ "sig": "AA==" }] })
    }

    #[test]
    fn files_are_told_apart_by_content() {
        let spdx = "https://spdx.dev/Document";
        let bundle = json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope(spdx),
            "verificationMaterial": { "publicKey": { "hint": "x" } }
        });
        let (one, other) = (envelope(spdx).to_string(), envelope("https://acme.example/x").to_string());
        for (content, media_type, annotations) in [
            (
                json!({ "bomFormat": "CycloneDX", "specVersion": "1.6" }).to_string(),
                "application/vnd.cyclonedx+json",
                json!({ "specVersion": "1.6" }),
            ),
            (
                json!({ "spdxVersion": "SPDX-2.3" }).to_string(),
                "application/spdx+json",
                json!({ "specVersion": "SPDX-2.3" }),
            ),
            (
                json!({ "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld" }).to_string(),
                "application/spdx+json",
                json!({}),
            ),
            (
                json!({ "version": "2.1.0", "runs": [] }).to_string(),
                "application/sarif+json",
                json!({ "specVersion": "2.1.0" }),
            ),
            (statement(spdx).to_string(), STATEMENT, json!({ "predicateType": spdx })),
            (bundle.to_string(), "application/vnd.dev.sigstore.bundle.v0.3+json", json!({ "predicateType": spdx })),
            (one.clone(), ENVELOPE, json!({ "predicateType": spdx })),
            (format!("{one}\n{other}\n"), LINES, json!({ "predicateTypes": ["https://acme.example/x", spdx] })),
            ("[1]".to_owned(), "application/json", json!({})),
            (
                json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json" }).to_string(),
                "application/json",
                json!({}),
            ),
            ("SPDXVersion: SPDX-2.3\nX: y\n".to_owned(), "text/spdx", json!({ "specVersion": "SPDX-2.3" })),
            (
                "<?xml version=\"1.0\"?>\n<bom xmlns=\"http://cyclonedx.org/schema/bom/1.5\"/>".to_owned(),
                "application/vnd.cyclonedx+xml",
                json!({}),
            ),
            ("<testsuites/>".to_owned(), "application/xml", json!({})),
        ] {
            assert_eq!(linked(content.as_bytes()), (Some(media_type.to_owned()), annotations), "{content}");
        }
        for content in [&b""[..], b"text", b"\xff\xfe", b"{"] {
            assert_eq!(linked(content), (None, json!({})), "{content:?}");
        }
    }

    #[test]
    fn what_a_stranger_wrote_is_not_repeated_at_length() {
        let long = json!({ "bomFormat": "CycloneDX", "specVersion": "1".repeat(MAX_TEXT + 1) });
        assert_eq!(linked(long.to_string().as_bytes()).1, json!({}));
        let odd = json!({ "spdxVersion": "SPDX\u{1b}[31m" });
        assert_eq!(linked(odd.to_string().as_bytes()).1, json!({}));
    }
}
