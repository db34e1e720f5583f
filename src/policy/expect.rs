//! The expectations that a policy is made of.

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;
use regex::RegexBuilder;

use crate::builders::source::SourceUri;
use crate::policy::VersionPattern;

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES: usize = 1 << 20;

/// An expectation that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Not a regular expression.
    #[error("expected a regular expression, found {found:?}: {reason}")]
    Regex {
        /// The text.
        found: String,
        /// What the compiler said.
        reason: String,
    },
    /// Not a repository.
    #[error("expected a source repository such as github.com/owner/name, found {found:?}")]
    SourceUri {
        /// The text.
        found: String,
    },
    /// Not a branch or tag.
    #[error("expected a {kind} name or refs/{prefix}/NAME, found {found:?}")]
    Ref {
        /// branch or tag.
        kind: &'static str,
        /// heads or tags.
        prefix: &'static str,
        /// The text.
        found: String,
    },
    /// Not a version.
    #[error("expected a version such as v1, v1.2 or v1.2.3-rc.1, found {found:?}")]
    Version {
        /// The text.
        found: String,
    },
    /// Not a builder id.
    #[error("expected a builder id, a URI with at most one @, found {found:?}")]
    BuilderId {
        /// The text.
        found: String,
    },
    /// Not a commit.
    #[error("expected a commit in full, 40 or 64 hexadecimal digits, found {found:?}")]
    Commit {
        /// The text.
        found: String,
    },
    /// Not a full ref.
    #[error("expected a ref in full such as refs/heads/main, found {found:?}")]
    FullRef {
        /// The text.
        found: String,
    },
    /// Not an input.
    #[error("expected KEY=VALUE, each key once, found {found:?}")]
    Input {
        /// The text.
        found: String,
    },
    /// Not a predicate type.
    #[error("expected a kind of attestation such as slsaprovenance, or a predicate type URI, found {found:?}")]
    PredicateType {
        /// The text.
        found: String,
    },
    /// Not a claim of a certificate.
    #[error("expected NAME=VALUE, each claim of a certificate once, such as source-repository-uri, found {found:?}")]
    Claim {
        /// The text.
        found: String,
    },
    /// Identities and issuers that do not go together.
    #[error(
        "expected one issuer for all identities, or one for each of them in their order, found {issuers} for {identities}"
    )]
    IssuerCount {
        /// How many issuers.
        issuers: usize,
        /// How many identities.
        identities: usize,
    },
    /// Keys beside identities: a signer is one or the other, and a threshold counts one kind.
    #[error(
        "expected --key or identities, found both: a signer has either, and --threshold counts keys or people, not both together"
    )]
    SignerKinds,
    /// Expectations about a build, of a plain signature.
    #[error("expected no expectation about a build, found one with --type signature: a signature says only who signed")]
    SignatureBuild,
    /// Nobody in particular is expected.
    #[error("expected at least one of an identity, a key, a builder id or a source repository, found none")]
    Nobody,
    /// Expectations about a build, of a predicate that is no provenance.
    #[error("expected SLSA provenance for these expectations, found --type {found}")]
    NotProvenance {
        /// The type asked for.
        found: String,
    },
}

impl PolicyError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Regex { .. } => "policy-regex",
            Self::SourceUri { .. } => "policy-source-uri",
            Self::Ref { .. } => "policy-ref",
            Self::Version { .. } => "policy-version",
            Self::BuilderId { .. } => "policy-builder-id",
            Self::Commit { .. } => "policy-commit",
            Self::FullRef { .. } => "policy-full-ref",
            Self::Input { .. } => "policy-input",
            Self::PredicateType { .. } => "policy-predicate-type",
            Self::Claim { .. } => "policy-claim",
            Self::IssuerCount { .. } => "policy-issuer-count",
            Self::SignerKinds => "policy-signer-kinds",
            Self::SignatureBuild => "policy-signature-build",
            Self::Nobody => "policy-nobody",
            Self::NotProvenance { .. } => "policy-not-provenance",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let s = || String::from("x");
        vec![
            Self::Regex { found: s(), reason: s() },
            Self::SourceUri { found: s() },
            Self::Ref { kind: "x", prefix: "x", found: s() },
            Self::Version { found: s() },
            Self::BuilderId { found: s() },
            Self::Commit { found: s() },
            Self::FullRef { found: s() },
            Self::Input { found: s() },
            Self::PredicateType { found: s() },
            Self::Claim { found: s() },
            Self::IssuerCount { issuers: 2, identities: 3 },
            Self::SignerKinds,
            Self::SignatureBuild,
            Self::Nobody,
            Self::NotProvenance { found: s() },
        ]
    }
}

/// A regular expression that must match the whole text. An unanchored one would let `https://evil/?https://github.com/acme`
/// pass for `https://github.com/acme`.
#[derive(Debug, Clone)]
pub struct Anchored {
    text: String,
    regex: Regex,
}

impl Anchored {
    /// Compiles an expression, anchored at both ends whatever it says.
    ///
    /// # Errors
    /// `policy-regex`, also when it compiles to more than 1 MiB.
    pub fn new(text: &str) -> Result<Self, PolicyError> {
        let refused = |error: regex::Error| PolicyError::Regex { found: text.to_owned(), reason: error.to_string() };
        // Compiled by itself first, so that `a)|(b` cannot close the group that anchors it.
        RegexBuilder::new(text).size_limit(REGEX_BYTES).build().map_err(refused)?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{text})\z")).size_limit(REGEX_BYTES).build().map_err(refused)?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }
}

impl fmt::Display for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a text must be.
#[derive(Debug, Clone)]
pub enum Require {
    /// Anything, or nothing at all. Has to be written.
    Any,
    /// This.
    Exactly(String),
    /// One of these.
    OneOf(Vec<String>),
    /// Whatever the expression matches as a whole.
    Matches(Anchored),
}

impl Require {
    /// Whether a text is what it must be.
    pub fn accepts(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(one) => one == text,
            Self::OneOf(several) => several.iter().any(|one| one == text),
            Self::Matches(expression) => expression.matches(text),
        }
    }
}

impl fmt::Display for Require {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("anything"),
            Self::Exactly(one) => f.write_str(one),
            Self::OneOf(several) => f.write_str(&several.join(" or ")),
            Self::Matches(expression) => write!(f, "a match of {expression}"),
        }
    }
}

/// Who may have signed.
#[derive(Debug, Clone)]
pub enum Signer {
    /// Whoever it is, the facts must show: then only what a certificate backs counts.
    ByFacts,
    /// One of the keys that the user named; a key of a ring, which is believed for what it is, is none.
    TrustedKey,
    /// Any key that the verifier was given, those of a ring too: whoever chose its keys named each key and each ring.
    ListedKey,
    /// A certificate of this name by this issuer.
    Certificate {
        /// The subject alternative name.
        identity: Require,
        /// The OIDC issuer.
        issuer: Require,
    },
    /// A certificate of one of these names, each by the issuer that stands beside it.
    AnyOf(Vec<(Require, Require)>),
}

/// What provenance must say about a build.
#[derive(Debug, Clone)]
pub struct Slsa {
    /// Who built.
    pub builder_id: Option<BuilderId>,
    /// How the parameters are to be read.
    pub build_type: Require,
    /// From which repository.
    pub source_uri: Option<SourceUri>,
    /// From which ref.
    pub source_ref: SourceRef,
    /// From which commit, in full.
    pub source_commit: Require,
    /// By which top-level workflow: its path in the source repository.
    pub workflow_path: Require,
    /// Started by what.
    pub trigger: Require,
    /// On which kind of machine.
    pub runner: Runner,
    /// Signed by a workflow of which repository.
    pub signer_repository: Option<SourceUri>,
    /// Signed by which workflow.
    pub signer_workflow: Option<BuilderId>,
    /// Signed by a workflow of which commit, in full.
    pub signer_digest: Require,
    /// What must have been typed when the workflow was dispatched by hand.
    pub inputs: BTreeMap<String, String>,
}

impl Slsa {
    /// Nothing is expected. To be filled in, each constraint by its name.
    pub fn open() -> Self {
        Self {
            builder_id: None,
            build_type: Require::Any,
            source_uri: None,
            source_ref: SourceRef::Any,
            source_commit: Require::Any,
            workflow_path: Require::Any,
            trigger: Require::Any,
            runner: Runner::Any,
            signer_repository: None,
            signer_workflow: None,
            signer_digest: Require::Any,
            inputs: BTreeMap::new(),
        }
    }

    /// Whether nothing at all is expected.
    pub fn is_open(&self) -> bool {
        let texts = [&self.build_type, &self.source_commit, &self.workflow_path, &self.trigger, &self.signer_digest];
        !self.names_somebody()
            && matches!(self.source_ref, SourceRef::Any)
            && texts.iter().all(|require| matches!(require, Require::Any))
            && self.runner == Runner::Any
            && self.inputs.is_empty()
    }

    /// Whether it says who must have built or signed, or from which repository; else anybody's attestation would do.
    pub fn names_somebody(&self) -> bool {
        self.builder_id.is_some()
            || self.source_uri.is_some()
            || self.signer_repository.is_some()
            || self.signer_workflow.is_some()
    }
}

/// On which kind of machine a build must have run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// Any.
    Any,
    /// One that the platform runs, not the tenant.
    Hosted,
}

/// From which ref a build must be.
#[derive(Debug, Clone)]
pub enum SourceRef {
    /// Any, or none.
    Any,
    /// This full ref.
    Exactly(String),
    /// This branch, in full; a build of a tag is of the branch that its event names.
    Branch(String),
    /// A tag whose version is within this one.
    Version(VersionPattern),
}

impl SourceRef {
    /// A branch, by its name or its full ref.
    ///
    /// # Errors
    /// `policy-ref`.
    pub fn branch(text: &str) -> Result<Self, PolicyError> {
        full_ref(text, "branch", "heads").map(Self::Branch)
    }

    /// A tag, by its name or its full ref.
    ///
    /// # Errors
    /// `policy-ref`.
    pub fn tag(text: &str) -> Result<Self, PolicyError> {
        full_ref(text, "tag", "tags").map(Self::Exactly)
    }
}

impl SourceRef {
    /// A ref in full, whatever kind of ref.
    ///
    /// # Errors
    /// `policy-full-ref`.
    pub fn exactly(text: &str) -> Result<Self, PolicyError> {
        let named = text.strip_prefix("refs/").is_some_and(|rest| rest.contains('/') && !rest.ends_with('/'));
        if !named || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(PolicyError::FullRef { found: text.to_owned() });
        }
        Ok(Self::Exactly(text.to_owned()))
    }
}

/// A commit in full; an abbreviated one would match others.
///
/// # Errors
/// `policy-commit`.
pub fn commit(text: &str) -> Result<Require, PolicyError> {
    if [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Require::Exactly(text.to_ascii_lowercase()));
    }
    Err(PolicyError::Commit { found: text.to_owned() })
}

/// Inputs written `KEY=VALUE`; the value may hold more `=`.
///
/// # Errors
/// `policy-input`, also for a key twice.
pub fn inputs<'a>(texts: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, String>, PolicyError> {
    let mut inputs = BTreeMap::new();
    for text in texts {
        let refused = || PolicyError::Input { found: text.to_owned() };
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(refused)?;
        if inputs.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(refused());
        }
    }
    Ok(inputs)
}

fn full_ref(text: &str, kind: &'static str, prefix: &'static str) -> Result<String, PolicyError> {
    let wanted = format!("refs/{prefix}/");
    let name = text.strip_prefix(&wanted).unwrap_or(text);
    if name.is_empty() || name.starts_with("refs/") || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(PolicyError::Ref { kind, prefix, found: text.to_owned() });
    }
    Ok(format!("{wanted}{name}"))
}

/// A builder id that is expected, with or without the ref it must have been used at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderId {
    name: String,
    at: Option<String>,
}

impl BuilderId {
    /// `NAME` accepts any ref; `NAME@refs/tags/v1.2.3` and `NAME@v1.2.3` accept that tag; any other ref or commit behind
    /// the @ is compared as it stands.
    ///
    /// # Errors
    /// `policy-builder-id`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let refused = || PolicyError::BuilderId { found: text.to_owned() };
        let (name, at) = match text.split_once('@') {
            None => (text, None),
            Some((name, at)) if !at.is_empty() && !at.contains('@') => (name, Some(at.to_owned())),
            Some(_) => return Err(refused()),
        };
        if !name.contains("://") || name.ends_with("://") {
            return Err(refused());
        }
        Ok(Self { name: name.to_owned(), at })
    }

    /// Reads a workflow as people name it: a URI, or `[HOST/]OWNER/REPOSITORY/PATH[@REF]` with github.com left out.
    ///
    /// # Errors
    /// `policy-builder-id`.
    pub fn parse_workflow(text: &str) -> Result<Self, PolicyError> {
        if text.contains("://") {
            return Self::parse(text);
        }
        let refused = || PolicyError::BuilderId { found: text.to_owned() };
        let (first, rest) = text.split_once('/').ok_or_else(refused)?;
        if first.is_empty() || rest.split('/').count() < 2 {
            return Err(refused());
        }
        let host = if first.contains('.') { "" } else { "github.com/" };
        Self::parse(&format!("https://{host}{text}"))
    }

    /// Whether it names a ref.
    pub fn names_ref(&self) -> bool {
        self.at.is_some()
    }

    /// Whether a builder id is the expected one. A file may be called `release.yml@x.yml`, which is not `release.yml`: what
    /// stands behind the first @ holds another only within a ref.
    pub fn accepts(&self, found: &str) -> bool {
        let (name, at) = found.split_once('@').map_or((found, None), |(name, at)| (name, Some(at)));
        if at.is_some_and(|at| at.is_empty() || (at.contains('@') && !at.starts_with("refs/"))) {
            return false;
        }
        let at_fits = match &self.at {
            None => true,
            Some(expected) => at.is_some_and(|at| at == expected || at.strip_prefix("refs/tags/") == Some(expected)),
        };
        name == self.name && at_fits
    }
}

impl fmt::Display for BuilderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.at {
            None => write!(f, "{} at any ref", self.name),
            Some(at) => write!(f, "{}@{at}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regexes_are_anchored() {
        let expression = Anchored::new("https://github.com/acme/.*|https://github.com/other").unwrap();
        assert!(expression.matches("https://github.com/acme/x"));
        assert!(!expression.matches("https://evil/?https://github.com/acme/x"));
        assert!(!expression.matches("https://github.com/other/x"));
        assert!(!expression.matches("https://github.com/acme/x\nevil"));
        assert_eq!(Anchored::new("a)|(b").unwrap_err().code(), "policy-regex");
        assert_eq!(Anchored::new("(a{1000}){1000}").unwrap_err().code(), "policy-regex");
    }

    #[test]
    fn refs_are_full_refs() {
        assert!(matches!(SourceRef::branch("main"), Ok(SourceRef::Branch(r)) if r == "refs/heads/main"));
        assert!(matches!(SourceRef::tag("refs/tags/v1"), Ok(SourceRef::Exactly(r)) if r == "refs/tags/v1"));
        for bad in ["", "refs/heads/", "refs/tags/x", "a b"] {
            assert_eq!(SourceRef::branch(bad).unwrap_err().code(), "policy-ref", "{bad:?}");
        }
    }

    #[test]
    fn builder_ids_with_and_without_a_ref() {
        let found = "https://github.com/a/b/.github/workflows/c.yml@refs/tags/v1.2.3";
        let accepts = |text: &str| BuilderId::parse(text).unwrap().accepts(found);
        assert!(accepts("https://github.com/a/b/.github/workflows/c.yml"));
        assert!(accepts("https://github.com/a/b/.github/workflows/c.yml@v1.2.3"));
        assert!(accepts(found));
        assert!(!accepts("https://github.com/a/b/.github/workflows/c.yml@v1.2"));
        assert!(!accepts("https://github.com/a/b/.github/workflows/c"));
        assert!(!accepts("https://github.com/a/b/.github/workflows/c.yml@refs/heads/v1.2.3"));
        for bad in ["", "x", "https://", "https://a@", "https://a@b@c"] {
            assert_eq!(BuilderId::parse(bad).unwrap_err().code(), "policy-builder-id", "{bad:?}");
        }
    }
}
