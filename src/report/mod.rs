//! Everything that became of a verification, as data: every artifact, every attestation, what was not checked.

pub mod attached;
mod attestation;
pub mod conversion;
pub mod copied;
pub mod doctor;
mod explain;
mod finding;
pub mod human;
pub mod inspection;
pub mod json;
pub mod lines;
pub mod markdown;
mod order;
#[cfg(feature = "policy-file")]
pub mod policy;
#[cfg(feature = "policy-file")]
pub mod policy_files;
mod rows;
pub mod sarif;
mod signers;
mod text;
#[cfg(feature = "cli")]
pub mod tree;
pub mod trust;

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use crate::formats::artifact::Artifact;
use crate::formats::attestations;
use crate::formats::digest::DigestSet;
use crate::trust::root::TrustNotice;

pub use attestation::Attestation;
pub use attestation::Build;
pub use attestation::Evidence;
pub use attestation::Fact;
pub use attestation::LogDemand;
pub use attestation::LogEntry;
pub use attestation::Proof;
pub use attestation::ProofSource;
pub use attestation::Publicity;
pub use attestation::SignedAt;
pub use attestation::Signer;
pub use attestation::SignerKind;
pub use attestation::Subject;
pub use attestation::TimeSource;
pub use attestation::Transparency;
pub use finding::Backing;
pub use finding::Finding;
pub use finding::step_name;
pub use order::names_alike;
pub use signers::CountedSigner;
pub use signers::Signers;
pub use text::plain;

/// What a report says it is. Fields may be added under this name; none changes its meaning or goes away.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/report-v1.json";

/// The finding about an artifact about which nothing is attested.
pub const ATTESTATION_MISSING: &str = "attestation-missing";
/// The notice about files that were taken for attestations and not for artifacts.
pub const ATTESTATIONS_LEFT_OUT: &str = "attestations-left-out";
/// The notice about an image that is an index.
pub const IMAGE_INDEX: &str = "image-index";
/// The notice about an image of a platform that is allowed because its index is.
pub const COVERED_BY_INDEX: &str = "covered-by-index";
/// The finding about an index of which only the platforms are attested.
pub const INDEX_NOT_ATTESTED: &str = "index-not-attested";
/// The finding about an artifact that too few distinct signers vouch for.
pub const THRESHOLD_NOT_MET: &str = "threshold-not-met";
/// Every code that starts here and is no other module's.
pub const CODES: &[&str] = &[
    "attestation-missing",
    "attestations-left-out",
    "covered-by-index",
    "image-index",
    "index-not-attested",
    "threshold-not-met",
];

/// What became of a verification.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// The time that the verdicts are about.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub verified_at: Timestamp,
    /// The verdict on all artifacts together: the worst one.
    pub verdict: Verdict,
    /// How many of each.
    pub summary: Summary,
    /// One for each artifact.
    pub results: Vec<ArtifactResult>,
    /// What the user must be told and what changes no verdict.
    pub notices: Vec<Notice>,
    /// The policy file that was judged by, and what each artifact came to by it.
    #[cfg(feature = "policy-file")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<policy::PolicyReport>,
}

/// What made a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Tool {
    /// `sealmark`.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// What an artifact came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// At least one attestation satisfies every expectation by itself, or as many distinct signers as were demanded gave
    /// one that does.
    Allowed,
    /// None does.
    Denied,
    /// None that could be judged does, and not everything could be read and judged.
    Undecided,
}

impl Verdict {
    /// The word people read.
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Undecided => "undecided",
        }
    }
}

impl Tool {
    /// This program.
    pub const THIS: Self = Self { name: "sealmark", version: env!("CARGO_PKG_VERSION") };
}

/// How many artifacts came to what, and how many attestations were looked at for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Artifacts.
    pub artifacts: usize,
    /// Artifacts allowed.
    pub allowed: usize,
    /// Artifacts denied.
    pub denied: usize,
    /// Artifacts undecided.
    pub undecided: usize,
    /// Pairs of artifact and attestation that were accepted.
    pub accepted: usize,
    /// Pairs of artifact and attestation that were rejected.
    pub rejected: usize,
}

/// What one artifact came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ArtifactResult {
    /// Which.
    pub artifact: ReportedArtifact,
    /// What it came to.
    pub verdict: Verdict,
    /// What was found about the artifact itself: it cannot be read, nothing is attested about it.
    pub findings: Vec<Finding>,
    /// Every attestation that was looked at for it, accepted or not, in the order in which they were read.
    pub candidates: Vec<Candidate>,
    /// Who counted, where more than one distinct signer was demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signers: Option<Signers>,
    /// What nobody looked at, so that an allowed artifact is not taken for more than it is; empty unless allowed.
    pub not_checked: Vec<NotChecked>,
}

/// An artifact of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ReportedArtifact {
    /// How the user named it.
    pub name: String,
    /// What it is; empty when it could not be read.
    pub digests: DigestSet,
    /// How an image was named, and by whom; absent for what was not looked up as an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Box<ImageOrigin>>,
}

/// How an image was named, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ImageOrigin {
    /// The reference as it was written.
    pub reference: String,
    /// The lists and manifests that name it, with line or object; empty where it was typed.
    pub named_by: Vec<String>,
    /// The platform that its index lists it for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The index that it was found in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
}

impl ReportedArtifact {
    /// An artifact with its digests.
    pub fn known(artifact: &Artifact) -> Self {
        Self { name: artifact.name().to_owned(), digests: artifact.digests().iter().collect(), image: None }
    }

    /// One that could not be read.
    pub fn unread(name: &str) -> Self {
        Self { name: name.to_owned(), digests: DigestSet::default(), image: None }
    }
}

/// One attestation that was looked at, or a place where one was expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Candidate {
    /// Where it was read.
    pub source: Source,
    /// What kind of bundle it came in; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why it was rejected: every reason of the step that rejected it. Empty when accepted.
    pub findings: Vec<Finding>,
    /// What it says and how that is known, only when accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Box<Attestation>>,
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It satisfies every expectation by itself.
    Accepted,
    /// It does not.
    Rejected,
    /// It could not be read, so nothing is known about it.
    Unreadable,
    /// It was read, and what decides about it could not be found out: a log gave no answer.
    Undecided,
}

/// Where a candidate was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Source {
    /// The file.
    pub file: String,
    /// The line of a file of JSON Lines, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The item of a JSON array, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<usize>,
}

impl Source {
    /// A place in a file.
    pub fn new(file: &str, position: attestations::Position) -> Self {
        let (line, item) = match position {
            attestations::Position::Whole => (None, None),
            attestations::Position::Line(line) => (Some(line), None),
            attestations::Position::Item(item) => (None, Some(item)),
        };
        Self { file: file.to_owned(), line, item }
    }

    /// Where in the file.
    pub fn position(&self) -> attestations::Position {
        match (self.line, self.item) {
            (Some(line), _) => attestations::Position::Line(line),
            (None, Some(item)) => attestations::Position::Item(item),
            (None, None) => attestations::Position::Whole,
        }
    }
}

/// Something that was not checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NotChecked {
    /// The stable name of what was not checked.
    pub code: &'static str,
    /// The same in words.
    pub message: String,
}

/// Something that the user must be told and that changes no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// The stable name of the notice.
    pub code: &'static str,
    /// What is so.
    pub message: String,
    /// What the user can do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<TrustNotice> for Notice {
    fn from(notice: TrustNotice) -> Self {
        let code = notice.code();
        let message = match notice {
            TrustNotice::Old { root, as_of, days } => {
                format!("the trusted root {root} is of {}, {days} days old", as_of.strftime("%Y-%m-%d"))
            }
            TrustNotice::Lapsed { root } => {
                format!("no certificate authority of the trusted root {root} may be used today")
            }
        };
        Self { code, message, hint: None }
    }
}

impl Report {
    /// A report on these results. The verdict is the worst of them, and undecided when there is none: nothing was
    /// decided.
    pub fn new(verified_at: Timestamp, results: Vec<ArtifactResult>, notices: Vec<Notice>) -> Self {
        let count = |verdict| results.iter().filter(|result| result.verdict == verdict).count();
        let of_outcome = |outcome| {
            let candidates = results.iter().flat_map(|result| &result.candidates);
            candidates.filter(|candidate| candidate.outcome == outcome).count()
        };
        let accepted = of_outcome(Outcome::Accepted);
        let summary = Summary {
            artifacts: results.len(),
            allowed: count(Verdict::Allowed),
            denied: count(Verdict::Denied),
            undecided: count(Verdict::Undecided),
            accepted,
            rejected: results.iter().map(|result| result.candidates.len()).sum::<usize>() - accepted,
        };
        let verdict = match summary {
            Summary { denied: 1.., .. } => Verdict::Denied,
            Summary { undecided: 1.., .. } | Summary { artifacts: 0, .. } => Verdict::Undecided,
            _ => Verdict::Allowed,
        };
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            verified_at,
            verdict,
            summary,
            results,
            notices,
            #[cfg(feature = "policy-file")]
            policy: None,
        }
    }

    /// One report of several, in their order: their results, each notice once, and what policies came to.
    pub fn merged(verified_at: Timestamp, reports: Vec<Self>) -> Self {
        let (mut results, mut notices) = (Vec::new(), Vec::new());
        #[cfg(feature = "policy-file")]
        let mut policy: Option<policy::PolicyReport> = None;
        for report in reports {
            results.extend(report.results);
            for notice in report.notices {
                if !notices.contains(&notice) {
                    notices.push(notice);
                }
            }
            #[cfg(feature = "policy-file")]
            match (&mut policy, report.policy) {
                (Some(policy), Some(more)) => policy.results.extend(more.results),
                (policy @ None, more) => *policy = more,
                (Some(_), None) => {}
            }
        }
        Self {
            #[cfg(feature = "policy-file")]
            policy,
            ..Self::new(verified_at, results, notices)
        }
    }

    /// How many artifacts that are not allowed have each code, in their findings or in those of their attestations.
    pub fn codes(&self) -> BTreeMap<&'static str, usize> {
        let mut codes = BTreeMap::new();
        for result in &self.results {
            result.codes().into_iter().for_each(|code| *codes.entry(code).or_insert(0) += 1);
        }
        codes
    }
}

impl ArtifactResult {
    /// Each code that says why it is not allowed; none where it is.
    pub fn codes(&self) -> BTreeSet<&'static str> {
        if self.verdict == Verdict::Allowed {
            return BTreeSet::new();
        }
        let candidates = self.candidates.iter().flat_map(|candidate| &candidate.findings);
        self.findings.iter().chain(candidates).map(|finding| finding.code).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(verdict: Verdict) -> ArtifactResult {
        let artifact = ReportedArtifact::unread("x");
        let (findings, candidates) = (Vec::new(), Vec::new());
        ArtifactResult { artifact, verdict, findings, candidates, signers: None, not_checked: Vec::new() }
    }

    #[test]
    fn own_codes_are_listed() {
        let own = [
            ATTESTATION_MISSING,
            ATTESTATIONS_LEFT_OUT,
            COVERED_BY_INDEX,
            IMAGE_INDEX,
            INDEX_NOT_ATTESTED,
            THRESHOLD_NOT_MET,
        ];
        assert_eq!(CODES, own);
    }

    #[test]
    fn the_worst_verdict_is_that_of_the_report() {
        use Verdict::Allowed;
        use Verdict::Denied;
        use Verdict::Undecided;
        for (all, expected) in [
            (&[][..], Undecided),
            (&[Allowed, Allowed], Allowed),
            (&[Allowed, Undecided], Undecided),
            (&[Allowed, Denied, Undecided], Denied),
        ] {
            let results = all.iter().copied().map(result).collect();
            assert_eq!(Report::new(Timestamp::UNIX_EPOCH, results, Vec::new()).verdict, expected, "{all:?}");
        }
    }
}
