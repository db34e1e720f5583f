//! Shapes of a policy that are well-formed and say something else than their author hardly meant.

mod conditions;
mod exceptions;
mod verifiers;

use jiff::Timestamp;
use serde::Serialize;

use crate::formats::predicate_type;
use crate::formats::provenance::v01;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::formats::vsa;
use crate::policy::SourceRef;
use crate::policy::document::model::Document;
use crate::policy::document::model::Evidence;
use crate::policy::document::model::FreshFrom;
use crate::policy::document::model::Quantifier;
use crate::policy::document::node::Position;

/// Every code of a [`Lint`].
pub const CODES: &[&str] = &[
    "policy-open-identity",
    "policy-open-issuer",
    "policy-unescaped-dot",
    "policy-literal-star",
    "policy-log-not-required",
    "policy-verifier-unused",
    "policy-evidence-unused",
    "policy-any-masks",
    "policy-latest-undated",
    "policy-freshness-stated",
    "policy-source-open",
    "policy-ref-open",
    "policy-claim-other-type",
    "policy-cel-unanchored",
    "policy-cel-absent-passes",
    "policy-cel-empty-list",
    "policy-cel-text-order",
    "policy-cel-constant",
    "policy-exception-everything",
    "policy-exception-by-name",
    "policy-exception-evidence",
    "policy-exception-long",
    "policy-exception-expired",
    "policy-no-expiry",
];

/// How much a lint matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Level {
    /// Worth knowing.
    Note,
    /// Probably not meant so.
    Warning,
    /// It lets in what nobody can have meant to let in, or decides nothing.
    Error,
}

impl Level {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A shape that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Lint {
    /// The stable name of the shape.
    pub code: &'static str,
    /// How much it matters.
    pub level: Level,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is so, and what follows from it.
    pub message: String,
}

/// What was found so far.
struct Lints(Vec<Lint>);

impl Lints {
    fn say(&mut self, level: Level, code: &'static str, at: Position, message: impl Into<String>) {
        self.0.push(Lint { code, level, line: at.line, column: at.column, message: message.into() });
    }
}

/// Every dangerous shape of a policy at a time, in the order of the file.
pub fn lint(document: &Document, now: Timestamp) -> Vec<Lint> {
    let mut lints = Lints(Vec::new());
    let start = Position { line: 1, column: 1 };
    if document.metadata.expires.is_none() {
        let message = "the policy never expires; with metadata.expires somebody has to look at it again";
        lints.say(Level::Note, "policy-no-expiry", start, message);
    }
    for verifier in &document.verifiers {
        verifiers::lint(verifier, &mut lints);
    }
    for (n, verifier) in document.verifiers.iter().enumerate() {
        if !document.evidence.iter().any(|evidence| evidence.verified_by.contains(&n)) {
            let message = format!("no evidence is verified by {}", verifier.name);
            lints.say(Level::Warning, "policy-verifier-unused", verifier.at, message);
        }
    }
    let required = document.require.evidence();
    for (n, evidence) in document.evidence.iter().enumerate() {
        if !required.contains(&n) {
            let message = format!("nothing requires {}, so none of its rules decides anything", evidence.name);
            lints.say(Level::Error, "policy-evidence-unused", evidence.at, message);
        }
        self::evidence(evidence, &mut lints);
        for rule in &evidence.cel {
            conditions::lint(rule, &mut lints);
        }
    }
    for exception in &document.exceptions {
        exceptions::lint(exception, document, now, &mut lints);
    }
    lints.0.sort_by_key(|lint| (lint.line, lint.column));
    lints.0
}

fn is_provenance(uri: &str) -> bool {
    [v01::PREDICATE_TYPE, v02::PREDICATE_TYPE, v1::PREDICATE_TYPE].contains(&uri)
}

/// Words of predicate types of which a newer attestation replaces an older one.
const REPLACED: &[&str] = &["vuln", "openvex", "spdxjson", "cyclonedx"];

fn evidence(evidence: &Evidence, lints: &mut Lints) {
    let name = &evidence.name;
    let replaced = |uri: &String| {
        uri == vsa::PREDICATE_TYPE
            || REPLACED.iter().filter_map(|word| predicate_type::read(word)).any(|uris| uris.contains(&uri.as_str()))
    };
    if evidence.quantifier == Quantifier::Any && evidence.predicate_types.iter().any(replaced) {
        let message =
            format!("{name}: with any, an old attestation that passes hides a new one that does not; take latest");
        lints.say(Level::Warning, "policy-any-masks", evidence.at, message);
    }
    match &evidence.freshness {
        None if evidence.quantifier == Quantifier::Latest => {
            let message = format!(
                "{name}: whoever holds the newest attestation back makes an older one the latest; add freshness"
            );
            lints.say(Level::Warning, "policy-latest-undated", evidence.at, message);
        }
        Some(freshness) if matches!(freshness.from, FreshFrom::Field(_)) => {
            let message = format!("{name}: the age is what the signer wrote; from: signedAt takes a proven time");
            lints.say(Level::Note, "policy-freshness-stated", freshness.at, message);
        }
        _ => {}
    }
    if evidence.predicate_types.iter().all(|uri| is_provenance(uri)) {
        let sourced = evidence.slsa.as_ref().is_some_and(|slsa| slsa.source_uri.is_some());
        if !sourced {
            let message = format!("{name}: builds of any source are accepted; say slsa.sourceUri");
            lints.say(Level::Warning, "policy-source-open", evidence.at, message);
        } else if evidence.slsa.as_ref().is_some_and(|slsa| matches!(slsa.source_ref, SourceRef::Any)) {
            let message =
                format!("{name}: builds of any branch and tag are accepted; say slsa.sourceTag or its siblings");
            lints.say(Level::Note, "policy-ref-open", evidence.at, message);
        }
    }
    paths(evidence, lints);
}

/// Fields that stand in provenance v1 alone, and in v0.2 alone.
const V1_FIELDS: &[&str] = &["buildDefinition", "runDetails"];
const V02_FIELDS: &[&str] = &["builder", "buildType", "invocation", "buildConfig", "metadata", "materials"];

/// A claim about a field that its predicate type does not have can never hold, or holds for one of two types alone.
fn paths(evidence: &Evidence, lints: &mut Lints) {
    for claim in &evidence.claims {
        let Some(field) = claim.path.parts().get(1).map(String::as_str) else { continue };
        let lacks = |uri: &&String| match uri.as_str() {
            v1::PREDICATE_TYPE => !V1_FIELDS.contains(&field),
            v02::PREDICATE_TYPE => !V02_FIELDS.contains(&field),
            _ => false,
        };
        let lacking: Vec<&str> = evidence.predicate_types.iter().filter(lacks).map(String::as_str).collect();
        if lacking.is_empty() {
            continue;
        }
        let all = lacking.len() == evidence.predicate_types.len();
        let level = if all { Level::Error } else { Level::Warning };
        let message = format!("{} asks for {}, which {} does not have", claim.id, claim.path, lacking.join(" and "));
        lints.say(level, "policy-claim-other-type", claim.at, message);
    }
}
