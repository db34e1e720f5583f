//! A first policy, written from one attestation that is believed, for somebody to read and keep.

use std::fmt::Write as _;

use serde_json::Value;

use crate::builders::Fact;
use crate::builders::VerifiedProvenance;
use crate::policy::BuilderId;
use crate::policy::HOSTED;
use crate::policy::VersionPattern;
use crate::trust::rings::Ring;
use crate::verify::Identity;
use crate::verify::LogDemand;

/// The root under which the attestation is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// One that ships with the program, by its name.
    Embedded(String),
    /// A file, by its path from the policy's folder.
    File {
        /// The path.
        path: String,
        /// SHA-256 of its content, hexadecimal.
        sha256: String,
    },
}

/// The text of a policy file that demands what this attestation shows: who signed, with what vouches for them, and what the
/// provenance says of builder, build type, source and runner. `root` is what it was believed under, None for a key alone;
/// `key` is the PEM text of the key that the user named.
pub fn policy(provenance: &VerifiedProvenance, root: Option<&Root>, key: Option<&str>) -> String {
    let attestation = provenance.attestation();
    let mut text = String::from(
        "# Expectations of one attestation that was believed. Read every line before others rely on it.\n\
         apiVersion: sealmark.dev/v1\nkind: Policy\n\
         metadata: {name: expectations, version: \"1\"}\nverifiers:\n  signer:\n",
    );
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{words}");
    };
    match root {
        Some(Root::Embedded(name)) => line(format_args!("    trust: [{name}]")),
        Some(Root::File { path, sha256 }) => {
            line(format_args!("    trust: [{{file: {}, sha256: {sha256}}}]", quoted(path)));
        }
        None => {}
    }
    match attestation.identity() {
        Identity::Workload(certificate) | Identity::Person(certificate) => {
            let name = certificate.san.as_str();
            line(format_args!("    identities:\n      - identity: {{exact: {}}}", quoted(name)));
            if let Some((workflow, _)) = name.split_once("@refs/tags/v") {
                let pattern = format!("{}@refs/tags/v[0-9].*", escaped(workflow));
                line(format_args!("      # of any version: {{matches: {}}}", quoted(&pattern)));
            }
            line(format_args!("        issuer: {{exact: {}}}", quoted(&certificate.issuer)));
        }
        Identity::Key { ring: Ring::Named, .. } => {
            line(format_args!("    keys: [{{pem: {}}}]", quoted(key.unwrap_or_default())));
        }
        Identity::Key { ring, .. } => line(format_args!("    keyRings: [{}]", ring.name())),
    }
    let evidence = attestation.evidence();
    let logged = evidence.log_demand == LogDemand::Entry && !evidence.log.is_empty();
    line(format_args!("    transparency: {{log: {}}}", if logged { "required" } else { "not-required" }));
    let predicate_type = &attestation.statement().predicate_type;
    line(format_args!("evidence:\n  provenance:\n    predicateTypes: [{}]", quoted(predicate_type)));
    line(format_args!("    verifiedBy: signer\n    quantifier: any\n    slsa:"));
    for rule in slsa(provenance) {
        line(format_args!("      {rule}"));
    }
    line(format_args!("require: {{allOf: [provenance]}}"));
    text
}

/// The rules of the block `slsa`, one a line.
fn slsa(provenance: &VerifiedProvenance) -> Vec<String> {
    let facts = provenance.facts();
    let rule = |key: &str, value: &str| format!("{key}: {}", quoted(value));
    let mut rules = Vec::new();
    if BuilderId::parse(&facts.builder_id.value).is_ok() {
        rules.push(rule("builderId", &facts.builder_id.value));
        if let Some((name, _)) = facts.builder_id.value.split_once("@refs/tags/") {
            rules.push(format!("# at any ref: builderId: {}", quoted(name)));
        }
    }
    // Of a builder that a delegator called the signer is another, and may stand at a ref that is no release.
    let delegator = facts.signer.as_ref().filter(|_| provenance.is_delegated());
    if let Some(delegator) = delegator.filter(|fact| BuilderId::parse_workflow(&fact.value).is_ok()) {
        rules.push(rule("signerWorkflow", &delegator.value));
    }
    rules.push(rule("buildType", &facts.build_type.value));
    if let Some(uri) = &facts.source_uri {
        rules.push(rule("sourceUri", &uri.value));
    }
    rules.extend(source_ref(facts.source_ref.as_ref()));
    if let Some(path) = &facts.workflow_path {
        rules.push(rule("workflow", &path.value));
    }
    if let Some(trigger) = &facts.trigger {
        rules.push(format!("# trigger: [{}]", quoted(&trigger.value)));
    }
    if facts
        .runner
        .as_ref()
        .is_some_and(|runner| HOSTED.contains(&runner.value.as_str()) && runner.backing.is_independent())
    {
        rules.push("requireHosted: true".to_owned());
    }
    rules
}

/// A tag is one release: the rule for the next ones of its major version stands beside it as a comment.
fn source_ref(full_ref: Option<&Fact>) -> Vec<String> {
    let Some(full_ref) = full_ref.map(|fact| fact.value.as_str()) else { return Vec::new() };
    let mut rules = vec![format!("sourceRef: {}", quoted(full_ref))];
    let version = full_ref.strip_prefix("refs/tags/").filter(|tag| VersionPattern::parse(tag).is_ok());
    if let Some(major) = version.and_then(|tag| tag.split(['.', '-', '+']).next()) {
        rules.push(format!(
            "# every release of this major version, in place of sourceRef: sourceVersionedTag: {}",
            comment(major)
        ));
    }
    rules
}

/// A YAML text in double quotes; JSON's are a subset of them (YAML 1.2.2, 7.3.1).
fn quoted(text: &str) -> String {
    let json = Value::from(text).to_string();
    // Line breaks and marks that YAML knows and JSON leaves as they are.
    let plain = |c: char| (' '..='~').contains(&c) || (c.is_alphanumeric() && c > '\u{ff}');
    let escape = |c: char| if plain(c) { c.to_string() } else { escape(c) };
    json.chars().map(escape).collect()
}

fn escape(c: char) -> String {
    format!("\\U{:08x}", u32::from(c))
}

/// A text that cannot end the comment that it stands in.
fn comment(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).collect()
}

/// A text as a regular expression that matches it alone.
fn escaped(text: &str) -> String {
    let escape = |c: char| if ".+*?()|[]{}^$\\".contains(c) { format!("\\{c}") } else { c.to_string() };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_cannot_leave_their_quotes() {
        for text in ["a\"b", "a\nb", "a\u{85}b", "a\u{2028}b", "a\\b", "ü: [x]", "\u{feff}"] {
            let quoted = quoted(text);
            assert!(quoted.chars().all(|c| (' '..='~').contains(&c) || c.is_alphanumeric()), "{quoted}");
            #[cfg(feature = "policy-file")]
            {
                use crate::policy::document::node::Kind;
                let tree = crate::policy::document::yaml::parse(format!("{{a: {quoted}}}").as_bytes()).unwrap();
                let Kind::Map(entries) = tree.kind else { panic!() };
                assert!(matches!(&entries[0].value.kind, Kind::Text(found) if found == text), "{quoted}");
            }
        }
    }
}
