//! Facts and expectations to a verdict.

mod checks;
#[cfg(feature = "policy-file")]
pub mod document;
pub mod draft;
mod expect;
mod marks;
pub mod slsa_verifier;
mod version;
mod vsa;

use crate::builders::BuilderError;
use crate::builders::VerifiedProvenance;
use crate::builders::interpret;
use crate::verify::VerifiedAttestation;

pub use checks::HOSTED;
pub use expect::Anchored;
pub use expect::BuilderId;
pub use expect::PolicyError;
pub use expect::Require;
pub use expect::Runner;
pub use expect::Signer;
pub use expect::Slsa;
pub use expect::SourceRef;
pub use expect::commit;
pub use expect::inputs;
pub use marks::Marks;
pub use marks::Threshold;
pub use marks::claims;
pub use version::VersionPattern;
pub use vsa::AcceptedVsa;
pub use vsa::Age;
pub use vsa::FAILED_LEVEL;
pub use vsa::JudgedBy;
pub use vsa::Level;
pub use vsa::VsaExpectError;
pub use vsa::VsaExpectations;
pub use vsa::VsaVerdict;
pub use vsa::judge_vsa;

/// What must hold before an attestation is accepted. Every constraint is explicit: [`Require::Any`] has to be written.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Which predicate types are looked at. A signature is no attestation and one type is not another, so this is never
    /// left open.
    pub predicate_types: Vec<String>,
    /// Who may have signed.
    pub signer: Signer,
    /// What provenance must say; None for a predicate that is no provenance.
    pub slsa: Option<Slsa>,
    /// What is expected beside both. [`judge`] does not count signers.
    pub marks: Marks,
}

/// One expectation that was not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The stable name of the check.
    pub code: &'static str,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// What backs that which was found: `certificate`, `predicate`; None where nothing does.
    pub backing: Option<crate::builders::Backing>,
}

/// What an attestation came to.
#[derive(Debug, Clone)]
pub enum Verdict {
    /// Every expectation is met.
    Allow(Box<Accepted>),
    /// Some are not, each named.
    Deny(Vec<Finding>),
}

/// An attestation that met every expectation.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "always behind a Box, in Verdict::Allow")]
pub enum Accepted {
    /// With facts about a build.
    Provenance(VerifiedProvenance),
    /// Of another predicate type: who signed what about which artifact, and nothing more.
    Other(VerifiedAttestation),
}

impl Accepted {
    /// The attestation.
    pub fn attestation(&self) -> &VerifiedAttestation {
        match self {
            Self::Provenance(provenance) => provenance.attestation(),
            Self::Other(attestation) => attestation,
        }
    }
}

/// Every code that a [`Finding`] can have.
pub const FINDING_CODES: &[&str] = checks::CODES;
/// Every code that a [`Finding`] about a verification summary can have beside those.
pub const VSA_FINDING_CODES: &[&str] = vsa::CODES;

/// Judges one verified attestation by itself. Pure: the same attestation and policy give the same verdict.
///
/// # Errors
/// [`BuilderError`] when an attestation of a wanted type gives no facts to judge.
pub fn judge(attestation: VerifiedAttestation, policy: &Policy) -> Result<Verdict, BuilderError> {
    let mut findings = checks::predicate_type(&attestation, &policy.predicate_types);
    findings.extend(checks::signer(attestation.identity(), &policy.signer));
    findings.extend(checks::claims(attestation.identity(), &policy.marks.claims));
    findings.extend(checks::annotations(&attestation, &policy.marks.annotations));
    if !findings.is_empty() {
        return Ok(Verdict::Deny(findings));
    }
    let Some(slsa) = &policy.slsa else { return Ok(Verdict::Allow(Box::new(Accepted::Other(attestation)))) };
    let provenance = interpret(attestation)?;
    let findings = checks::slsa(&provenance, slsa, &policy.signer);
    if !findings.is_empty() {
        return Ok(Verdict::Deny(findings));
    }
    Ok(Verdict::Allow(Box::new(Accepted::Provenance(provenance))))
}
