//! Build facts to Statement, without touching the world.
//!
//! A source of facts ([`local`]; one file per CI as they come) fills [`facts::BuildFacts`], in which every value carries
//! where it came from and what backs it. The predicate and the explanation are two views of the same facts, so they
//! cannot disagree. [`statement`] writes the Statement; `validate` checks it against our own schema before anybody
//! signs it.

pub mod agreement;
pub mod ci;
#[cfg(feature = "cli")]
pub mod dependencies;
pub mod facts;
pub mod git;
pub mod links;
pub mod local;
pub mod redact;
pub mod shapes;
pub mod statement;
pub mod v02;
#[cfg(feature = "cli")]
pub mod validate;
pub mod wrap;

use std::fmt;
use std::io;

use crate::formats::digest::DigestError;
use crate::formats::digest::DigestSet;
use crate::formats::provenance::ProvenanceError;

/// Why no Statement could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A source URI that names no repository on a server, or carries more than that.
    #[error("a source is named by a URI like git+https://host/owner/repository, found {found:?}")]
    SourceUriInvalid {
        /// What was given. Credentials in it have been cut out.
        found: String,
    },
    /// A ref that is not written in full.
    #[error("a ref is written in full, like refs/tags/v1.2.3 or refs/heads/main, found {found:?}")]
    SourceRefInvalid {
        /// What was given.
        found: String,
    },
    /// A commit, or a tree, that is no git object name.
    #[error("a git object name is 40 or 64 lower-case hexadecimal digits, found {found:?}: {reason}")]
    GitObjectInvalid {
        /// What was given.
        found: String,
        /// What is wrong with it.
        reason: DigestError,
    },
    /// The commit given is not the one that is checked out.
    #[error("the commit given is {given}, but {head} is checked out here")]
    SourceCommitConflict {
        /// The commit given.
        given: String,
        /// The commit checked out.
        head: String,
    },
    /// A builder id that is no URI.
    #[error("a builder id is a URI with lower-case scheme and host, found {found:?}")]
    BuilderIdInvalid {
        /// What was given.
        found: String,
    },
    /// An invocation id without content.
    #[error("an invocation id has 1 to {limit} bytes and no control characters, found {found} bytes")]
    InvocationIdInvalid {
        /// Most bytes permitted.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// The build ended before it began.
    #[error("a build ends no earlier than it starts, found start {started_on} and end {finished_on}")]
    TimesReversed {
        /// The start given.
        started_on: jiff::Timestamp,
        /// The end given.
        finished_on: jiff::Timestamp,
    },
    /// A parameter that is not `KEY=VALUE`, or whose key is badly spelt. The value is not repeated here.
    #[error(
        "a parameter is KEY=VALUE with a key of letters, digits and ._:/@+- (1 to 128 bytes), found the key {key:?}"
    )]
    ParameterInvalid {
        /// What stands before the first `=`; the whole text is withheld when there is none.
        key: String,
    },
    /// A value that is too long to stand in provenance.
    #[error("the value of parameter {key} has at most {limit} bytes, found {found}")]
    ParameterTooLong {
        /// The key.
        key: String,
        /// Most bytes permitted.
        limit: usize,
        /// Bytes found.
        found: usize,
    },
    /// The same parameter given twice.
    #[error("each parameter is given once, found {key} again")]
    ParameterDuplicate {
        /// The key.
        key: String,
    },
    /// More parameters than a Statement takes.
    #[error("at most {limit} parameters, found more")]
    TooManyParameters {
        /// Most parameters permitted.
        limit: usize,
    },
    /// A command line, an environment or a list of inputs that is larger than provenance holds.
    #[error("expected {what} of at most {limit} {unit}, found {found}")]
    RunTooLarge {
        /// What is too large.
        what: &'static str,
        /// Most permitted.
        limit: usize,
        /// In what it is counted.
        unit: &'static str,
        /// How much was found.
        found: usize,
    },
    /// A command without a program, or a variable whose name no variable has. The value is not repeated here.
    #[error("expected {expected}, found {found:?}")]
    RunInvalid {
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A command that did not end with success: what it left behind is no outcome of a build.
    #[error("a command that is attested ends with status 0, found {found}")]
    RunFailed {
        /// The status.
        found: i32,
    },
    /// The platform's token and the job's environment name two different things.
    #[error(
        "the token and the environment agree on {field}, found {claimed:?} in the claim {claim} and {found:?} in the variable {variable}"
    )]
    PlatformClaimConflict {
        /// What both speak of, in words.
        field: String,
        /// The claim of the token.
        claim: &'static str,
        /// What the token says.
        claimed: String,
        /// The variable of the environment.
        variable: &'static str,
        /// What the environment says.
        found: String,
    },
    /// A fact that the provenance cannot do without, and that the platform does not give.
    #[error("the platform gives {field} in {expected}, found none")]
    PlatformFactMissing {
        /// What is missing, in words.
        field: String,
        /// Where it was expected: a claim, a variable, a pointer.
        expected: String,
    },
    /// A fact that is not spelt as the platform spells it.
    #[error("{field} is {expected}, found {found:?}")]
    PlatformFactInvalid {
        /// What it is about, in words.
        field: String,
        /// How the platform spells it.
        expected: String,
        /// What was found; never a secret.
        found: String,
    },
    /// Several platforms say that the program runs on them.
    #[error("exactly one platform says that it runs here, found {}", .found.join(" and "))]
    PlatformAmbiguous {
        /// Each with the variable that says so.
        found: Vec<String>,
    },
    /// A CI platform says that the program runs on it, and it is none that is known.
    #[error("a platform that is known says that it runs here, found {variable}={found:?} alone")]
    PlatformUnknown {
        /// The variable that says so.
        variable: &'static str,
        /// Its value.
        found: String,
    },
    /// A document of facts that is none.
    #[error("a document of facts is as its schema says: {detail}")]
    FactsInvalid {
        /// Where, what was expected and what was found.
        detail: String,
    },
    /// An identity that stands for somebody else.
    #[error("the {what} is one of your own, found {found:?}, which stands for a platform that sealmark knows")]
    FactsReserved {
        /// Which identity.
        what: &'static str,
        /// What was given.
        found: String,
    },
    /// What is to be signed is not what the certificate says.
    #[error(
        "the predicate says what the certificate says, found {} differences: {}",
        .disagreements.len(),
        agreement::listed(.disagreements)
    )]
    CertificateDisagrees {
        /// Every field that differs.
        disagreements: Vec<agreement::Disagreement>,
    },
    /// The predicate is provenance that cannot be read.
    #[error(transparent)]
    Provenance(#[from] ProvenanceError),
    /// A Statement about nothing.
    #[error("a statement has at least one subject, found none")]
    NoSubject,
    /// More subjects than one Statement takes.
    #[error("at most {limit} subjects in one statement, found more")]
    TooManySubjects {
        /// Most subjects permitted.
        limit: usize,
    },
    /// A subject with an empty name.
    #[error("a subject has a name (`_` where none is meaningful), found an empty one")]
    SubjectNameEmpty,
    /// A subject that no digest binds: it has none, or only weak ones.
    #[error("subject {name:?} needs a digest that binds it, such as sha256, found {found}")]
    SubjectDigestWeak {
        /// The subject's name.
        name: String,
        /// The algorithms it has.
        found: String,
    },
    /// One name, two contents.
    #[error("a subject's name stands for one content, found {name:?} for {first} and for {second}")]
    SubjectConflict {
        /// The name that stands for two contents.
        name: String,
        /// Digests of the one.
        first: DigestSet,
        /// Digests of the other.
        second: DigestSet,
    },
    /// Dependencies that no digest pins, where all had to be pinned.
    #[error("expected every dependency to be pinned by digest, found {total} that are not{}", listed(.first))]
    DependenciesIncomplete {
        /// How many; 0 when no file that lists dependencies was found.
        total: usize,
        /// The first of them, each with its file and the reason.
        first: Vec<String>,
    },
    /// A name whose value was to be hidden, and which no parameter has.
    #[error("expected a parameter named {name:?}, whose value was to be masked, found none")]
    MaskUnused {
        /// The name.
        name: String,
    },
    /// A recorded value looks like a secret. Nothing of it is repeated here.
    #[error("expected no secret in what is recorded, found {kind} at {pointer}{}", and_more(.more))]
    SecretFound {
        /// JSON pointer (RFC 6901) into the Statement, of the first one.
        pointer: String,
        /// What it looks like.
        kind: String,
        /// How many more there are.
        more: usize,
    },
    /// The patterns of secrets cannot be used: a defect of sealmark.
    #[error("the scanner for secrets cannot be used: {detail}")]
    ScannerUnusable {
        /// What the pattern compiler says.
        detail: String,
    },
    /// The Statement could not be written.
    #[error("the statement could not be written: {0}")]
    Write(#[from] io::Error),
    /// The Statement is not what our schema describes.
    #[error("the statement breaks its schema at {total} places: {}", first_of(.violations))]
    StatementInvalid {
        /// The violations, at most [`MAX_VIOLATIONS`] of them.
        violations: Vec<Violation>,
        /// How many there are in all.
        total: usize,
    },
    /// A schema inside the program cannot be used: a defect of sealmark.
    #[error("the schema inside the program cannot be used: {detail}")]
    SchemaUnusable {
        /// What the schema compiler says.
        detail: String,
    },
}

/// Most violations that one error lists.
pub const MAX_VIOLATIONS: usize = 1_000;

/// One place where a Statement is not what its schema describes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// JSON pointer (RFC 6901) into the Statement.
    pub pointer: String,
    /// What was expected and what was found.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the statement itself" } else { &self.pointer };
        write!(f, "{place}: {}", self.message)
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => " and no file that lists dependencies".to_owned(),
        names => format!(", the first being {}", names.join("; ")),
    }
}

fn first_of(violations: &[Violation]) -> String {
    violations.first().map(ToString::to_string).unwrap_or_default()
}

fn and_more(more: &usize) -> String {
    if *more == 0 { String::new() } else { format!(", and {more} more") }
}

impl GenerateError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SourceUriInvalid { .. } => "source-uri-invalid",
            Self::SourceRefInvalid { .. } => "source-ref-invalid",
            Self::GitObjectInvalid { .. } => "git-object-invalid",
            Self::SourceCommitConflict { .. } => "source-commit-conflict",
            Self::BuilderIdInvalid { .. } => "builder-id-invalid",
            Self::InvocationIdInvalid { .. } => "invocation-id-invalid",
            Self::TimesReversed { .. } => "times-reversed",
            Self::ParameterInvalid { .. } => "parameter-invalid",
            Self::ParameterTooLong { .. } => "parameter-too-long",
            Self::ParameterDuplicate { .. } => "parameter-duplicate",
            Self::TooManyParameters { .. } => "too-many-parameters",
            Self::RunTooLarge { .. } => "run-too-large",
            Self::RunInvalid { .. } => "run-invalid",
            Self::RunFailed { .. } => "command-failed",
            Self::PlatformClaimConflict { .. } => "platform-claim-conflict",
            Self::PlatformFactMissing { .. } => "platform-fact-missing",
            Self::PlatformFactInvalid { .. } => "platform-fact-invalid",
            Self::PlatformAmbiguous { .. } => "platform-ambiguous",
            Self::PlatformUnknown { .. } => "platform-unknown",
            Self::FactsInvalid { .. } => "facts-invalid",
            Self::FactsReserved { .. } => "facts-reserved",
            Self::CertificateDisagrees { .. } => "certificate-disagrees",
            Self::Provenance(error) => error.code(),
            Self::NoSubject => "no-subject",
            Self::TooManySubjects { .. } => "too-many-subjects",
            Self::SubjectNameEmpty => "subject-name-empty",
            Self::SubjectDigestWeak { .. } => "subject-digest-weak",
            Self::SubjectConflict { .. } => "subject-conflict",
            Self::DependenciesIncomplete { .. } => "dependencies-incomplete",
            Self::MaskUnused { .. } => "mask-unused",
            Self::SecretFound { .. } => "secret-found",
            Self::ScannerUnusable { .. } => "secret-scanner-unusable",
            Self::Write(_) => "statement-not-written",
            Self::StatementInvalid { .. } => "statement-invalid",
            Self::SchemaUnusable { .. } => "schema-unusable",
        }
    }
}
