//! A verification to a signed summary of it that claims no more than was checked.

use jiff::Timestamp;

use crate::attest;
use crate::attest::AttestError;
use crate::attest::Attested;
use crate::attest::Claim;
use crate::attest::Form;
use crate::attest::verify_own;
use crate::formats::FormatError;
use crate::formats::artifact::Artifact;
use crate::formats::provenance::ResourceDescriptor;
use crate::formats::vsa::PREDICATE_TYPE;
use crate::formats::vsa::VerificationResult;
use crate::formats::vsa::Vsa;
use crate::formats::vsa::VsaVerifier;
use crate::policy::Age;
use crate::policy::FAILED_LEVEL;
use crate::policy::HOSTED;
use crate::policy::JudgedBy;
use crate::policy::Level;
use crate::policy::Policy;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::VsaExpectations;
use crate::policy::VsaVerdict;
use crate::policy::judge_vsa;
use crate::report;
use crate::report::ArtifactResult;
use crate::report::Attestation;
use crate::report::Backing;
use crate::report::SignerKind;
use crate::sign::key::PrivateKey;

/// The version of SLSA whose levels are claimed.
pub const SLSA_VERSION: &str = "1.2";
/// The track that provenance is evidence of.
const BUILD: &str = "BUILD";
/// The highest level of the build track (SLSA v1.2).
const HIGHEST: u32 = 3;

/// How a verification ended, as a summary says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// Every artifact satisfies the policy and has these levels.
    Passed(Vec<Level>),
    /// No artifact does.
    Failed,
}

/// What a summary says.
#[derive(Debug, Clone)]
pub struct Summary<'a> {
    /// Who verified: a URI that the user chose.
    pub verifier_id: &'a str,
    /// What the artifacts are meant to be.
    pub resource_uri: &'a str,
    /// What they were judged by, with a `uri`.
    pub policy: ResourceDescriptor,
    /// The attestations that were used, each with a digest.
    pub inputs: Vec<ResourceDescriptor>,
    /// How it ended.
    pub ended: Ended,
    /// When.
    pub verified_at: Timestamp,
}

/// Whether the user named who builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// By its id, or the workflow that signs.
    Named,
    /// Anybody's build would do, as far as other expectations allow.
    Unnamed,
}

impl Builder {
    /// What a policy says.
    pub fn of(policy: &Policy) -> Self {
        if policy.slsa.as_ref().is_some_and(Self::is_named) { Self::Named } else { Self::Unnamed }
    }

    /// Whether expectations name one.
    pub fn is_named(slsa: &Slsa) -> bool {
        slsa.builder_id.is_some() || slsa.signer_workflow.is_some()
    }
}

/// The highest level of the build track that the evidence about every artifact supports; `None` without provenance.
///
/// * 1: provenance that is signed and accepted.
/// * 2: its certificate says, not the predicate alone, that a workload of the platform signed and ran on a machine that
///   the platform runs.
/// * 3: the same, by a builder that the user names. Whether that builder isolates its builds is the user's to know; it is
///   claimed only when they ask for it by `--level`.
///
/// A key supports level 1: nothing shows on which machine it is used.
pub fn supported(results: &[ArtifactResult], builder: Builder) -> Option<u32> {
    let of_artifact = |result: &ArtifactResult| {
        let accepted = result.candidates.iter().filter_map(|candidate| candidate.attestation.as_deref());
        accepted.filter_map(|attestation| of_attestation(attestation, builder)).max()
    };
    results.iter().map(of_artifact).min().flatten()
}

fn of_attestation(attestation: &Attestation, builder: Builder) -> Option<u32> {
    let build = attestation.build.as_ref()?;
    let hosted = build.runner.as_ref().is_some_and(|runner| {
        let certified = matches!(runner.backing, Backing::Certificate | Backing::CertificateAndPredicate);
        certified && HOSTED.contains(&runner.value.as_str())
    });
    Some(match (hosted && attestation.signer.kind == SignerKind::Workload, builder) {
        (true, Builder::Named) => HIGHEST,
        (true, Builder::Unnamed) => 2,
        (false, _) => 1,
    })
}

/// A level that was asked for and that nothing supports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected evidence of {wanted} for every artifact, found {found}")]
pub struct Unsupported {
    /// The level asked for.
    pub wanted: String,
    /// What there is.
    pub found: String,
}

impl Unsupported {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self { .. } => "vsa-level-unsupported",
        }
    }
}

/// The levels that a summary claims. Asked for none, it claims what the evidence supports by itself, 2 at most; a level
/// of SLSA that is asked for must be supported, and a word of the verifier's own means what the verifier says it means.
///
/// # Errors
/// [`Unsupported`]: also for tracks other than the build track, for two levels of it, and for the word FAILED.
pub fn levels(asked: &[Level], supported: Option<u32>) -> Result<Vec<Level>, Unsupported> {
    let build = |level| Level::Slsa { track: BUILD.to_owned(), level };
    if asked.is_empty() {
        return Ok(supported.map(|level| build(level.min(2))).into_iter().collect());
    }
    let mut tracks = 0;
    for level in asked {
        let holds = match level {
            Level::Slsa { track, level } => {
                tracks += 1;
                track == BUILD && tracks == 1 && supported.is_some_and(|supported| *level <= supported)
            }
            Level::Other(word) => word != FAILED_LEVEL,
        };
        if !holds {
            let found = supported.map_or_else(|| "no provenance".to_owned(), |level| build(level).to_string());
            return Err(Unsupported {
                wanted: level.to_string(),
                found: format!("{found} at most, one of each track"),
            });
        }
    }
    Ok(asked.to_vec())
}

/// Makes a summary about these artifacts, signs it, and judges what was signed as whoever relies on it will. What would
/// be refused is not given out.
///
/// # Errors
/// [`AttestError`].
pub fn summarise(
    key: &PrivateKey,
    artifacts: &[Artifact],
    summary: &Summary<'_>,
    form: Form,
) -> Result<Attested, AttestError> {
    let predicate = serde_json::to_vec(&vsa(summary)).map_err(|error| FormatError::Json {
        reason: error.to_string(),
        line: error.line(),
        column: error.column(),
    })?;
    let claim = Claim::Predicate { predicate_type: PREDICATE_TYPE, predicate: &predicate };
    let signer = attest::Signer::Key(key);
    let attested = attest::attest(signer, artifacts, claim, form, || summary.verified_at)?;
    let refused = |artifact: &Artifact, code: String| AttestError::SummaryRefused {
        artifact: artifact.name().to_owned(),
        found: code,
    };
    let (authenticated, _) = verify_own(&attested.line.bundle()?, signer, summary.verified_at)?;
    for artifact in artifacts {
        let bound = authenticated.bind(artifact).map_err(|error| refused(artifact, error.code().to_owned()))?;
        let expected = expectations(summary).map_err(|error| refused(artifact, error.code().to_owned()))?;
        let verdict = judge_vsa(bound, &expected, summary.verified_at);
        let codes = match verdict.map_err(|error| refused(artifact, error.code().to_owned()))? {
            VsaVerdict::Allow(_) => Vec::new(),
            VsaVerdict::Deny(findings) => findings.iter().map(|finding| finding.code).collect(),
        };
        let wanted: &[&str] = match summary.ended {
            Ended::Passed(_) => &[],
            Ended::Failed => &["vsa-not-passed"],
        };
        if codes != wanted {
            return Err(refused(artifact, codes.join(", ")));
        }
    }
    Ok(attested)
}

fn vsa(summary: &Summary<'_>) -> Vsa {
    let (result, levels) = match &summary.ended {
        Ended::Passed(levels) => (VerificationResult::Passed, levels.iter().map(Level::to_string).collect()),
        Ended::Failed => (VerificationResult::Failed, vec![FAILED_LEVEL.to_owned()]),
    };
    // A second is precise enough, and the same for readers of every language.
    let time = Timestamp::from_second(summary.verified_at.as_second()).unwrap_or(summary.verified_at);
    let version = [(report::Tool::THIS.name.to_owned(), report::Tool::THIS.version.to_owned())];
    Vsa {
        verifier: VsaVerifier {
            id: summary.verifier_id.to_owned(),
            version: version.into(),
            extra: serde_json::Map::new(),
        },
        time_verified: Some(time.to_string()),
        resource_uri: summary.resource_uri.to_owned(),
        policy: summary.policy.clone(),
        input_attestations: summary.inputs.clone(),
        verification_result: result,
        verified_levels: levels,
        dependency_levels: None,
        slsa_version: Some(SLSA_VERSION.to_owned()),
        extra: serde_json::Map::new(),
    }
}

/// What whoever relies on the summary will expect of it.
fn expectations(summary: &Summary<'_>) -> Result<VsaExpectations, crate::policy::VsaExpectError> {
    let levels = match &summary.ended {
        Ended::Passed(levels) => levels.clone(),
        Ended::Failed => Vec::new(),
    };
    let age = Age::AtMost(jiff::SignedDuration::from_mins(1));
    let signer = Signer::TrustedKey;
    VsaExpectations::new(signer, summary.verifier_id, summary.resource_uri, levels, age, JudgedBy::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_claimed_only_with_evidence() {
        let text = |asked: &[&str], supported| {
            let asked: Vec<Level> = asked.iter().map(|text| Level::parse(text).unwrap()).collect();
            match levels(&asked, supported) {
                Ok(levels) => levels.iter().map(Level::to_string).collect::<Vec<_>>().join(" "),
                Err(error) => error.code().to_owned(),
            }
        };
        assert_eq!(text(&[], None), "");
        assert_eq!(text(&[], Some(1)), "SLSA_BUILD_LEVEL_1");
        assert_eq!(text(&[], Some(2)), "SLSA_BUILD_LEVEL_2");
        assert_eq!(text(&[], Some(3)), "SLSA_BUILD_LEVEL_2", "3 only when asked for");
        assert_eq!(text(&["SLSA_BUILD_LEVEL_3", "ACME"], Some(3)), "SLSA_BUILD_LEVEL_3 ACME");
        assert_eq!(text(&["SLSA_BUILD_LEVEL_1"], Some(3)), "SLSA_BUILD_LEVEL_1");
        assert_eq!(text(&["ACME"], None), "ACME");
        for (asked, supported) in [
            (&["SLSA_BUILD_LEVEL_3"][..], Some(2)),
            (&["SLSA_BUILD_LEVEL_2"], Some(1)),
            (&["SLSA_BUILD_LEVEL_1"], None),
            (&["SLSA_BUILD_LEVEL_0"], None),
            (&["SLSA_BUILD_LEVEL_4"], Some(3)),
            (&["SLSA_SOURCE_LEVEL_1"], Some(3)),
            (&["SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_2"], Some(3)),
            (&["FAILED"], Some(3)),
        ] {
            assert_eq!(text(asked, supported), "vsa-level-unsupported", "{asked:?} {supported:?}");
        }
    }
}
