//! What a policy file says, parsed: every constraint explicit, every name resolved.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;

use crate::formats::certificate::Claim;
use crate::formats::digest::Digest;
use crate::policy::Anchored;
use crate::policy::Require;
use crate::policy::Slsa;
use crate::policy::document::condition::Condition;
use crate::policy::document::node::Position;
use crate::policy::document::pointer::Pointer;
use crate::trust::rings::TrustedKey;
use crate::trust::root::TrustedRoot;

/// `apiVersion` of a policy file.
pub const API_VERSION: &str = "sealmark.dev/v1";
/// `kind` of a policy file.
pub const KIND: &str = "Policy";

/// A policy that can be judged by: read whole, its files resolved, every name known.
#[derive(Debug, Clone)]
pub struct Document {
    /// What it is called.
    pub metadata: Metadata,
    /// Who may be believed, by name; at least one.
    pub verifiers: Vec<NamedVerifier>,
    /// What must be shown, by name; at least one.
    pub evidence: Vec<Evidence>,
    /// Which evidence must hold.
    pub require: Requirement,
    /// What is let pass, for whom and until when.
    pub exceptions: Vec<Exception>,
    /// SHA-256 of the whole policy with its files, lower-case hexadecimal: see `docs/policy.md`.
    pub digest: String,
}

impl Document {
    /// Whether any evidence is judged by what stands in predicates, whatever their type.
    pub fn looks_into_predicates(&self) -> bool {
        let dated = |one: &Evidence| {
            one.freshness.as_ref().is_some_and(|freshness| matches!(freshness.from, FreshFrom::Field(_)))
        };
        self.evidence.iter().any(|one| !one.claims.is_empty() || !one.cel.is_empty() || dated(one))
    }
}

/// What a policy is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Its name.
    pub name: String,
    /// Its version, as its owner counts.
    pub version: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// From when on it denies everything.
    pub expires: Option<Timestamp>,
}

/// Somebody who may be believed: what is trusted, and who of those that it vouches for.
#[derive(Debug, Clone)]
pub struct NamedVerifier {
    /// The name in the policy.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Trusted roots.
    pub roots: Vec<TrustedRoot>,
    /// Who may have signed.
    pub signers: Signers,
    /// Whether a log entry is needed.
    pub log: Log,
}

/// Who may have signed; a signer is one, so a list says which ones would do.
#[derive(Debug, Clone)]
pub enum Signers {
    /// The holder of a certificate.
    Identities(Vec<IdentityRule>),
    /// Whoever holds one of these keys.
    Keys(Vec<TrustedKey>),
}

/// Which certificate.
#[derive(Debug, Clone)]
pub struct IdentityRule {
    /// Where it stands.
    pub at: Position,
    /// The subject alternative name.
    pub identity: Require,
    /// The OIDC issuer.
    pub issuer: Require,
    /// Further claims of the certificate.
    pub extensions: Vec<(Claim, Require)>,
}

/// Whether a verified entry of a transparency log is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Log {
    /// At least one.
    Required,
    /// None. The report says so.
    NotRequired,
}

impl Log {
    /// The word in the policy.
    pub fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::NotRequired => "not-required",
        }
    }
}

/// Something that must be shown by attestations.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The name in the policy.
    pub name: String,
    /// Where it stands.
    pub at: Position,
    /// Which predicate types count; whole URIs.
    pub predicate_types: Vec<String>,
    /// Who may have signed: indexes of [`Document::verifiers`], at least one; any of them would do.
    pub verified_by: Vec<usize>,
    /// Which of several attestations must satisfy it.
    pub quantifier: Quantifier,
    /// How old it may be.
    pub freshness: Option<Freshness>,
    /// What provenance must say.
    pub slsa: Option<Slsa>,
    /// Fields of the Statement and what they must be.
    pub claims: Vec<ClaimRule>,
    /// Conditions for what no claim can say.
    pub cel: Vec<CelRule>,
}

/// Which of the attestations that count as this evidence must satisfy its rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// At least one.
    Any,
    /// There is one, and all of them.
    All,
    /// The one that was signed last, by proven times.
    Latest,
}

impl Quantifier {
    /// Every word of a policy with its meaning.
    pub const WORDS: &'static [(&'static str, Self)] =
        &[("any", Self::Any), ("all", Self::All), ("latest", Self::Latest)];

    /// The word in the policy.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|row| row.1 == self).map_or("", |row| row.0)
    }
}

/// How old evidence may be.
#[derive(Debug, Clone)]
pub struct Freshness {
    /// Where it stands.
    pub at: Position,
    /// Oldest age.
    pub max_age: SignedDuration,
    /// Since when.
    pub from: FreshFrom,
}

/// What the age is counted from.
#[derive(Debug, Clone)]
pub enum FreshFrom {
    /// The earliest proven signing time.
    SignedAt,
    /// A field of the Statement with an RFC 3339 time; the signer's word.
    Field(Pointer),
}

/// A field of the Statement and what it must be.
#[derive(Debug, Clone)]
pub struct ClaimRule {
    /// Its name, which is the name of the check.
    pub id: String,
    /// Where it stands.
    pub at: Position,
    /// Which field.
    pub path: Pointer,
    /// What it must be.
    pub test: Test,
}

/// What a field must be. An absent field never is what it must be.
#[derive(Debug, Clone)]
pub enum Test {
    /// Equal; numbers by value, lists and maps whole.
    Equals(Value),
    /// There, and something else.
    NotEquals(Value),
    /// Equal to one of these.
    OneOf(Vec<Value>),
    /// There, and equal to none of these.
    NoneOf(Vec<Value>),
    /// A text that the expression matches as a whole.
    Matches(Anchored),
    /// A number, at least this.
    AtLeast(f64),
    /// A number, at most this.
    AtMost(f64),
    /// A list that has this item.
    Contains(Value),
    /// There, and not null.
    Present,
}

impl Test {
    /// The word in the policy.
    pub fn operator(&self) -> &'static str {
        match self {
            Self::Equals(_) => "equals",
            Self::NotEquals(_) => "notEquals",
            Self::OneOf(_) => "oneOf",
            Self::NoneOf(_) => "noneOf",
            Self::Matches(_) => "matches",
            Self::AtLeast(_) => "atLeast",
            Self::AtMost(_) => "atMost",
            Self::Contains(_) => "contains",
            Self::Present => "present",
        }
    }

    /// Every word.
    pub const OPERATORS: &'static [&'static str] =
        &["equals", "notEquals", "oneOf", "noneOf", "matches", "atLeast", "atMost", "contains", "present"];
}

/// A condition written in CEL.
#[derive(Debug, Clone)]
pub struct CelRule {
    /// Its name, which is the name of the check.
    pub id: String,
    /// Where it stands.
    pub at: Position,
    /// The condition.
    pub condition: Condition,
    /// What is wrong when it does not hold.
    pub message: String,
    /// What to do then.
    pub guidance: Option<String>,
}

/// Which evidence must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// Evidence by its index in [`Document::evidence`].
    Evidence(usize),
    /// Each of these.
    AllOf(Vec<Self>),
    /// One of these.
    AnyOf(Vec<Self>),
    /// So many of these.
    AtLeast(usize, Vec<Self>),
}

impl Requirement {
    /// The evidence that it names, in order, each as often as it is named.
    pub fn evidence(&self) -> Vec<usize> {
        match self {
            Self::Evidence(index) => vec![*index],
            Self::AllOf(of) | Self::AnyOf(of) | Self::AtLeast(_, of) => of.iter().flat_map(Self::evidence).collect(),
        }
    }
}

/// Checks that are let pass for some artifacts, until a day.
#[derive(Debug, Clone)]
pub struct Exception {
    /// Its name.
    pub id: String,
    /// Where it stands.
    pub at: Position,
    /// For which artifacts.
    pub artifacts: Vec<ArtifactPattern>,
    /// What is let pass.
    pub skip: Vec<Skip>,
    /// Why.
    pub reason: String,
    /// Where it was agreed.
    pub ticket: Option<String>,
    /// From when on it counts no more.
    pub expires: Timestamp,
}

/// Which artifact an exception is for.
#[derive(Debug, Clone)]
pub enum ArtifactPattern {
    /// The one with this digest.
    Digest(Digest),
    /// Those with such a name, as the user named them.
    Name {
        /// As written.
        text: String,
        /// The same as an expression.
        expression: Anchored,
    },
}

/// What an exception lets pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skip {
    /// Index of [`Document::evidence`].
    pub evidence: usize,
    /// One check of it; None for the whole evidence.
    pub check: Option<String>,
}
