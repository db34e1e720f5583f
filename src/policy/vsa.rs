//! Verification summaries: what somebody else's verdict must say before it stands in for one's own.

use std::collections::BTreeMap;
use std::fmt;

use jiff::SignedDuration;
use jiff::Timestamp;

use crate::builders::Backing;
use crate::formats::digest::Digest;
use crate::formats::digest::Strength;
use crate::formats::vsa::PREDICATE_TYPE;
use crate::formats::vsa::VerificationResult;
use crate::formats::vsa::Vsa;
use crate::formats::vsa::VsaError;
use crate::policy::Finding;
use crate::policy::Signer;
use crate::policy::checks;
use crate::verify::VerifiedAttestation;

/// Every code of this file.
pub(super) const CODES: &[&str] = &[
    "vsa-verifier-mismatch",
    "vsa-resource-mismatch",
    "vsa-not-passed",
    "vsa-level-invalid",
    "vsa-level-missing",
    "vsa-time-invalid",
    "vsa-stale",
    "vsa-policy-mismatch",
];

/// What a level is called when nobody looked (SLSA v1.2, "SlsaResult"); it is none.
const UNEVALUATED: &str = "UNEVALUATED";
/// What stands among the levels of a summary whose result is FAILED.
pub const FAILED_LEVEL: &str = "FAILED";

/// An expectation of a summary that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VsaExpectError {
    /// Nothing stands where something must be expected; an empty text would be equal to nothing.
    #[error("expected a value for the {what}, found an empty text")]
    Empty {
        /// Verifier id or resource URI.
        what: &'static str,
    },
    /// A level of SLSA that is none.
    #[error("expected SLSA_TRACK_LEVEL_NUMBER or a name that does not start with SLSA_, found {found:?}")]
    Level {
        /// The text.
        found: String,
    },
    /// A digest that does not identify a policy.
    #[error("expected a digest that is collision resistant, found {found}")]
    WeakDigest {
        /// The digest.
        found: String,
    },
}

impl VsaExpectError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty { .. } => "policy-vsa-empty",
            Self::Level { .. } => "policy-vsa-level",
            Self::WeakDigest { .. } => "policy-vsa-digest",
        }
    }

    /// One of each, for the table of codes.
    pub fn samples() -> Vec<Self> {
        let s = || String::from("x");
        vec![Self::Empty { what: "x" }, Self::Level { found: s() }, Self::WeakDigest { found: s() }]
    }
}

/// A level or a property of `verifiedLevels`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Level {
    /// `SLSA_<TRACK>_LEVEL_<number>`: expected, it is the least that will do. Tracks do not stand in for each other.
    Slsa {
        /// The track: `BUILD`, `SOURCE`, ….
        track: String,
        /// The level; levels are compared as numbers, so that 10 is more than 2.
        level: u32,
    },
    /// Anything else, compared as it stands.
    Other(String),
}

impl Level {
    /// Reads a level. A name that starts with `SLSA_` is of SLSA and must be well-formed.
    ///
    /// # Errors
    /// `policy-vsa-level`; `policy-vsa-empty`.
    pub fn parse(text: &str) -> Result<Self, VsaExpectError> {
        let refused = || VsaExpectError::Level { found: text.to_owned() };
        let Some(rest) = text.strip_prefix("SLSA_") else {
            let empty = text.is_empty();
            return if empty { Err(VsaExpectError::Empty { what: "level" }) } else { Ok(Self::Other(text.to_owned())) };
        };
        let (track, number) = rest.split_once("_LEVEL_").ok_or_else(refused)?;
        let named = !track.is_empty() && track.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        let level = number.parse::<u32>().ok().filter(|level| level.to_string() == number);
        match level {
            Some(level) if named => Ok(Self::Slsa { track: track.to_owned(), level }),
            _ => Err(refused()),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slsa { track, level } => write!(f, "SLSA_{track}_LEVEL_{level}"),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// How old a summary may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// As old as it likes.
    Any,
    /// At most this, by every time that is known: when it says to have verified, and each proven signing time.
    AtMost(SignedDuration),
}

/// Which policy the verifier must have judged by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JudgedBy {
    /// Whichever it likes.
    Any,
    /// One of this digest.
    Digest(Digest),
}

/// What a summary must say. Each field is read.
#[derive(Debug, Clone)]
pub struct VsaExpectations {
    signer: Signer,
    verifier_id: String,
    resource_uri: String,
    levels: Vec<Level>,
    age: Age,
    judged_by: JudgedBy,
}

impl VsaExpectations {
    /// Expects a summary by this signer, of this verifier, for this resource; neither may be empty.
    ///
    /// # Errors
    /// `policy-vsa-empty`, `policy-vsa-digest`.
    pub fn new(
        signer: Signer,
        verifier_id: &str,
        resource_uri: &str,
        levels: Vec<Level>,
        age: Age,
        judged_by: JudgedBy,
    ) -> Result<Self, VsaExpectError> {
        for (what, text) in [("verifier id", verifier_id), ("resource URI", resource_uri)] {
            if text.is_empty() {
                return Err(VsaExpectError::Empty { what });
            }
        }
        if let JudgedBy::Digest(digest) = &judged_by
            && digest.algorithm().strength() == Strength::Weak
        {
            return Err(VsaExpectError::WeakDigest { found: digest.to_string() });
        }
        let (verifier_id, resource_uri) = (verifier_id.to_owned(), resource_uri.to_owned());
        Ok(Self { signer, verifier_id, resource_uri, levels, age, judged_by })
    }
}

/// A summary that says what was expected of it. Only [`judge_vsa`] makes one.
#[derive(Debug, Clone)]
pub struct AcceptedVsa {
    attestation: VerifiedAttestation,
    vsa: Vsa,
}

impl AcceptedVsa {
    /// Where it comes from.
    pub fn attestation(&self) -> &VerifiedAttestation {
        &self.attestation
    }

    /// What it says.
    pub fn vsa(&self) -> &Vsa {
        &self.vsa
    }
}

/// What a summary came to.
#[derive(Debug, Clone)]
pub enum VsaVerdict {
    /// It says what was expected.
    Allow(Box<AcceptedVsa>),
    /// It does not; every difference, in the order of the checks.
    Deny(Vec<Finding>),
}

/// Judges one summary by itself (SLSA v1.2, "Verification Summary Attestation", "How to verify"). Which artifact it is
/// about and that its signature holds was verified before.
///
/// # Errors
/// [`VsaError`] when its predicate is none of that type.
pub fn judge_vsa(
    attestation: VerifiedAttestation,
    expected: &VsaExpectations,
    now: Timestamp,
) -> Result<VsaVerdict, VsaError> {
    let mut findings = checks::predicate_type(&attestation, &[PREDICATE_TYPE.to_owned()]);
    findings.extend(checks::signer(attestation.identity(), &expected.signer));
    let read = Vsa::of(attestation.statement());
    let vsa = match read {
        Some(vsa) if findings.is_empty() => vsa?,
        _ => return Ok(VsaVerdict::Deny(findings)),
    };
    findings.extend(equal("vsa-verifier-mismatch", &expected.verifier_id, &vsa.verifier.id));
    findings.extend(equal("vsa-resource-mismatch", &expected.resource_uri, &vsa.resource_uri));
    findings.extend(passed(&vsa));
    findings.extend(levels(&vsa, &expected.levels));
    let proven = attestation.evidence().signed_at.iter().map(|signed| signed.time);
    findings.extend(fresh(&vsa, proven, expected.age, now));
    findings.extend(judged_by(&vsa, &expected.judged_by));
    if !findings.is_empty() {
        return Ok(VsaVerdict::Deny(findings));
    }
    Ok(VsaVerdict::Allow(Box::new(AcceptedVsa { attestation, vsa })))
}

fn finding(code: &'static str, expected: impl Into<String>, found: impl Into<String>) -> Finding {
    Finding { code, expected: expected.into(), found: found.into(), backing: Some(Backing::Predicate) }
}

/// Names of verifiers and resources are compared as they stand; nothing is normalised.
fn equal(code: &'static str, expected: &str, found: &str) -> Option<Finding> {
    (expected != found).then(|| finding(code, expected, found))
}

/// The result is PASSED, and no level says otherwise.
fn passed(vsa: &Vsa) -> Option<Finding> {
    let failed = vsa.verified_levels.iter().any(|level| level == FAILED_LEVEL);
    match vsa.verification_result {
        VerificationResult::Passed if !failed => None,
        VerificationResult::Passed => Some(finding("vsa-not-passed", "PASSED", "PASSED with the level FAILED")),
        VerificationResult::Failed => Some(finding("vsa-not-passed", "PASSED", "FAILED")),
    }
}

/// Each expected level of SLSA is the least of its track; each other one is there.
fn levels(vsa: &Vsa, expected: &[Level]) -> Vec<Finding> {
    let mut tracks: BTreeMap<String, u32> = BTreeMap::new();
    let mut others = Vec::new();
    let mut findings = Vec::new();
    for text in &vsa.verified_levels {
        match Level::parse(text) {
            _ if text.starts_with("SLSA_") && text.ends_with(&format!("_LEVEL_{UNEVALUATED}")) => {}
            Ok(Level::Slsa { track, level }) => {
                // A summary has at most one level of each track; with two, nobody can say which was meant.
                if tracks.insert(track.clone(), level).is_some() {
                    let found = format!("several of {track}");
                    findings.push(finding("vsa-level-invalid", "one level of each track", found));
                }
            }
            Ok(Level::Other(text)) => others.push(text),
            Err(_) => findings.push(finding("vsa-level-invalid", "SLSA_TRACK_LEVEL_NUMBER", format!("{text:?}"))),
        }
    }
    let found = || if vsa.verified_levels.is_empty() { "none".to_owned() } else { vsa.verified_levels.join(", ") };
    for level in expected {
        let met = match level {
            Level::Slsa { track, level } => tracks.get(track).is_some_and(|found| found >= level),
            Level::Other(text) => others.contains(text),
        };
        if !met {
            let at_least = if matches!(level, Level::Slsa { .. }) { " or higher" } else { "" };
            findings.push(finding("vsa-level-missing", format!("{level}{at_least}"), found()));
        }
    }
    findings
}

/// Every time that is known is recent. With none, nothing shows that the summary is.
fn fresh(vsa: &Vsa, proven: impl Iterator<Item = Timestamp>, age: Age, now: Timestamp) -> Vec<Finding> {
    let stated = vsa.time_verified.as_deref().map(|text| (text, text.parse::<Timestamp>().ok()));
    if let Some((text, None)) = stated {
        return vec![finding("vsa-time-invalid", "a time of RFC 3339 in timeVerified", format!("{text:?}"))];
    }
    let Age::AtMost(age) = age else { return Vec::new() };
    let stated = stated.and_then(|(_, time)| time);
    if let Some(time) = stated.filter(|time| *time > now) {
        return vec![finding("vsa-time-invalid", format!("timeVerified before {now}"), time.to_string())];
    }
    let expected = || format!("a time within {age:#} before {now}");
    match proven.chain(stated).min() {
        None => vec![finding("vsa-stale", expected(), "neither timeVerified nor a proven signing time")],
        Some(oldest) if now.duration_since(oldest) > age => vec![finding("vsa-stale", expected(), oldest.to_string())],
        Some(_) => Vec::new(),
    }
}

/// The policy has the expected digest; a summary without one says nothing about it.
fn judged_by(vsa: &Vsa, expected: &JudgedBy) -> Option<Finding> {
    let JudgedBy::Digest(digest) = expected else { return None };
    if vsa.policy.digest.get(digest.algorithm()).as_ref() == Some(digest) {
        return None;
    }
    let none = vsa.policy.digest.is_empty();
    let found = if none { "a policy without a digest".to_owned() } else { vsa.policy.digest.to_string() };
    Some(finding("vsa-policy-mismatch", digest.to_string(), found))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use serde_json::json;

    use super::*;

    fn vsa(levels: &[&str], edit: impl Fn(&mut Value)) -> Vsa {
        let mut predicate = json!({
            "verifier": {"id": "https://example.com/verifier"},
            "resourceUri": "pkg:acme/app",
            "policy": {"uri": "https://example.com/policy"},
            "verificationResult": "PASSED",
            "verifiedLevels": levels,
        });
        edit(&mut predicate);
        Vsa::from_predicate(PREDICATE_TYPE, &predicate).unwrap().unwrap()
    }

    fn codes(findings: impl IntoIterator<Item = Finding>) -> Vec<&'static str> {
        findings.into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn levels_are_read_by_track_and_number() {
        let slsa = |track: &str, level| Ok(Level::Slsa { track: track.to_owned(), level });
        assert_eq!(Level::parse("SLSA_BUILD_LEVEL_10"), slsa("BUILD", 10));
        assert_eq!(Level::parse("SLSA_SOURCE_LEVEL_0"), slsa("SOURCE", 0));
        assert_eq!(Level::parse("BCID_L1"), Ok(Level::Other("BCID_L1".to_owned())));
        for bad in [
            "SLSA_",
            "SLSA_BUILD",
            "SLSA_BUILD_LEVEL_",
            "SLSA_BUILD_LEVEL_+3",
            "SLSA_BUILD_LEVEL_03",
            "SLSA_BUILD_LEVEL_-1",
            "SLSA_BUILD_LEVEL_3 ",
            "SLSA_BUILD_LEVEL_99999999999",
            "SLSA_build_LEVEL_3",
            "SLSA__LEVEL_3",
            "SLSA_A_B_LEVEL_3",
            "SLSA_BUILD_LEVEL_UNEVALUATED",
            "SLSA_BUILD_L3",
        ] {
            assert_eq!(Level::parse(bad).unwrap_err().code(), "policy-vsa-level", "{bad}");
        }
        assert_eq!(Level::parse("").unwrap_err().code(), "policy-vsa-empty");
        assert_eq!(Level::parse("SLSA_BUILD_LEVEL_10").unwrap().to_string(), "SLSA_BUILD_LEVEL_10");
    }

    #[test]
    fn a_level_is_the_least_of_its_own_track() {
        let judge =
            |found: &[&str], expected: &str| codes(levels(&vsa(found, |_| ()), &[Level::parse(expected).unwrap()]));
        for (found, expected) in [
            (&["SLSA_BUILD_LEVEL_2"][..], "SLSA_BUILD_LEVEL_2"),
            (&["SLSA_BUILD_LEVEL_3"], "SLSA_BUILD_LEVEL_2"),
            (&["SLSA_BUILD_LEVEL_10"], "SLSA_BUILD_LEVEL_2"),
            (&["SLSA_BUILD_LEVEL_0"], "SLSA_BUILD_LEVEL_0"),
            (&["SLSA_BUILD_LEVEL_2", "SLSA_SOURCE_LEVEL_3", "X"], "SLSA_SOURCE_LEVEL_3"),
            (&["SLSA_BUILD_LEVEL_2", "SLSA_SOURCE_LEVEL_UNEVALUATED"], "SLSA_BUILD_LEVEL_1"),
            (&["X"], "X"),
        ] {
            assert_eq!(judge(found, expected), [""; 0], "{found:?} {expected}");
        }
        for (found, expected) in [
            (&[][..], "SLSA_BUILD_LEVEL_0"),
            (&["SLSA_BUILD_LEVEL_2"], "SLSA_BUILD_LEVEL_3"),
            (&["SLSA_BUILD_LEVEL_2"], "SLSA_BUILD_LEVEL_10"),
            (&["SLSA_SOURCE_LEVEL_3"], "SLSA_BUILD_LEVEL_3"),
            (&["SLSA_BUILD_LEVEL_UNEVALUATED"], "SLSA_BUILD_LEVEL_0"),
            (&["X"], "x"),
            (&["X_2"], "X"),
        ] {
            assert_eq!(judge(found, expected), ["vsa-level-missing"], "{found:?} {expected}");
        }
        assert_eq!(judge(&["SLSA_BUILD_LEVEL_1", "SLSA_BUILD_LEVEL_3"], "SLSA_BUILD_LEVEL_1"), ["vsa-level-invalid"]);
        assert_eq!(judge(&["SLSA_BUILD_LEVEL_x", "Y"], "Y"), ["vsa-level-invalid"]);
    }

    #[test]
    fn only_passed_passes() {
        assert_eq!(codes(passed(&vsa(&["X"], |_| ()))), [""; 0]);
        assert_eq!(codes(passed(&vsa(&["X"], |p| p["verificationResult"] = json!("FAILED")))), ["vsa-not-passed"]);
        assert_eq!(codes(passed(&vsa(&["FAILED"], |_| ()))), ["vsa-not-passed"]);
    }

    #[test]
    fn every_time_that_is_known_is_recent() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = at("2026-11-21T00:00:00Z");
        let day = Age::AtMost(SignedDuration::from_hours(24));
        let judge = |stated: Option<&str>, proven: &[&str], age| {
            let vsa = vsa(&[], |p| p["timeVerified"] = json!(stated));
            codes(fresh(&vsa, proven.iter().map(|text| at(text)), age, now))
        };
        let (young, edge, old) = ("2026-11-20T12:00:00Z", "2026-11-20T00:00:00Z", "2026-11-19T23:59:59Z");
        assert_eq!(judge(Some(young), &[], day), [""; 0]);
        assert_eq!(judge(Some(edge), &[edge], day), [""; 0]);
        assert_eq!(judge(None, &[young], day), [""; 0]);
        assert_eq!(judge(Some(old), &[], day), ["vsa-stale"]);
        assert_eq!(judge(Some(old), &[young], day), ["vsa-stale"]);
        assert_eq!(judge(Some(young), &[old], day), ["vsa-stale"]);
        assert_eq!(judge(None, &[old, young], day), ["vsa-stale"]);
        assert_eq!(judge(None, &[], day), ["vsa-stale"]);
        assert_eq!(judge(Some("2026-11-21T00:00:01Z"), &[young], day), ["vsa-time-invalid"]);
        assert_eq!(judge(Some("yesterday"), &[young], Age::Any), ["vsa-time-invalid"]);
        assert_eq!(judge(Some(old), &[old], Age::Any), [""; 0]);
        assert_eq!(judge(None, &[], Age::Any), [""; 0]);
    }

    #[test]
    fn a_policy_is_known_by_its_digest_alone() {
        let digest = |byte: &str| format!("sha256:{}", byte.repeat(32));
        let expected = JudgedBy::Digest(Digest::parse(&digest("aa")).unwrap());
        let judge = |value: Value, expected: &JudgedBy| {
            codes(judged_by(&vsa(&[], |p| p["policy"]["digest"] = value.clone()), expected))
        };
        assert_eq!(judge(json!({"sha256": "aa".repeat(32)}), &expected), [""; 0]);
        for other in [json!({"sha256": "bb".repeat(32)}), json!({}), json!({"sha512": "aa".repeat(64)})] {
            assert_eq!(judge(other.clone(), &expected), ["vsa-policy-mismatch"]);
            assert_eq!(judge(other, &JudgedBy::Any), [""; 0]);
        }
    }

    #[test]
    fn nothing_empty_or_weak_is_expected() {
        let new = |verifier: &str, resource: &str, judged_by| {
            VsaExpectations::new(Signer::TrustedKey, verifier, resource, Vec::new(), Age::Any, judged_by)
                .map(|_| ())
                .map_err(|error| error.code())
        };
        assert_eq!(new("v", "r", JudgedBy::Any), Ok(()));
        assert_eq!(new("", "r", JudgedBy::Any), Err("policy-vsa-empty"));
        assert_eq!(new("v", "", JudgedBy::Any), Err("policy-vsa-empty"));
        let weak = Digest::parse(&format!("sha1:{}", "aa".repeat(20))).unwrap();
        assert_eq!(new("v", "r", JudgedBy::Digest(weak)), Err("policy-vsa-digest"));
    }
}
