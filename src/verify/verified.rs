//! What verification yields: values that nobody else can make.

use std::sync::Arc;

use crate::formats::artifact::Artifact;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Version;
use crate::formats::statement::Statement;
use crate::formats::statement::Subject;
use crate::trust::root::Transparency;
use crate::trust::root::TrustedRoot;
use crate::verify::Identity;
use crate::verify::LogDemand;
use crate::verify::LogEvidence;
use crate::verify::SignedAt;
use crate::verify::VerifyError;
use crate::verify::binding;
use crate::verify::binding::ArtifactBound;
use crate::verify::binding::SubjectIndex;
use crate::verify::identity::IdentityChecked;
use crate::verify::log::LogVerified;
use crate::verify::sct::Publicity;
use crate::verify::sct::SctChecked;
use crate::verify::shape::ShapeChecked;
use crate::verify::signature::SignatureVerified;
use crate::verify::statement::StatementChecked;
use crate::verify::time::TimesVerified;

/// One token for each step before the artifact, by value. The certificate's token became the identity's.
pub(super) type Tokens =
    (ShapeChecked, TimesVerified, SctChecked, SignatureVerified, LogVerified, StatementChecked, IdentityChecked);

/// What holds for an attestation, whatever it is about, and how it is known.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Evidence {
    /// Which bundle format it came in.
    pub version: Version,
    /// The trusted root that everything rests on; None when a key alone vouches.
    pub root: Option<String>,
    /// What evidence that root's domain offers.
    pub transparency: Option<Transparency>,
    /// Proven signing times; empty only for a key without log or timestamp, and where [`LogDemand::Waived`] holds.
    pub signed_at: Vec<SignedAt>,
    /// Whether the certificate was made public.
    pub certificate: Publicity,
    /// What was demanded of logs: whether the lack of an entry was accepted.
    pub log_demand: LogDemand,
    /// Verified log entries.
    pub log: Vec<LogEvidence>,
}

impl Evidence {
    pub(super) fn new(
        bundle: &Bundle,
        root: Option<&TrustedRoot>,
        times: &TimesVerified,
        sct: &SctChecked,
        log: &LogVerified,
    ) -> Self {
        Self {
            version: bundle.version,
            root: root.map(|root| root.name.clone()),
            transparency: root.map(|root| root.transparency),
            signed_at: times.times().to_vec(),
            certificate: sct.public,
            log_demand: log.demand(),
            log: log.entries().to_vec(),
        }
    }
}

/// An attestation of which everything holds but that it is about some artifact.
#[derive(Debug, Clone)]
pub struct Authenticated {
    statement: Arc<Statement>,
    identity: Arc<Identity>,
    evidence: Arc<Evidence>,
    subjects: Arc<SubjectIndex>,
}

impl Authenticated {
    /// Takes the token of every step.
    pub(super) fn new(bundle: &Bundle, root: Option<&TrustedRoot>, tokens: Tokens) -> Self {
        let (ShapeChecked { .. }, times, sct, _signature, log, statement, identity) = tokens;
        let evidence = Evidence::new(bundle, root, &times, &sct, &log);
        let statement = statement.into_statement();
        Self {
            subjects: Arc::new(SubjectIndex::new(&statement)),
            statement: Arc::new(statement),
            identity: Arc::new(identity.into_identity()),
            evidence: Arc::new(evidence),
        }
    }

    /// What was signed. That it is about anybody's artifact is not known yet; it says which digests to compute.
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Step 9: some subject is this artifact.
    ///
    /// # Errors
    /// `subject-mismatch`, `subject-contradiction`, `subject-weak`.
    pub fn bind(&self, artifact: &Artifact) -> Result<VerifiedAttestation, VerifyError> {
        let bound = binding::check(&self.statement, &self.subjects, artifact)?;
        Ok(VerifiedAttestation::seal(self, artifact, bound))
    }
}

/// An attestation that is believed: signature, signer, time, log and artifact all held. Nothing but
/// [`crate::verify::Verifier`] makes one; it cannot be read from anywhere.
///
/// ```compile_fail
/// // The constructor and the fields are private.
/// let forged = sealmark::verify::VerifiedAttestation { authenticated: todo!(), artifact: todo!(), subject: 0 };
/// ```
///
/// ```
/// // The same type can be named and its evidence read.
/// fn signer(attestation: &sealmark::verify::VerifiedAttestation) -> &sealmark::verify::Identity {
///     attestation.identity()
/// }
/// ```
#[derive(Debug, Clone)]
pub struct VerifiedAttestation {
    authenticated: Authenticated,
    artifact: Artifact,
    subject: usize,
}

impl VerifiedAttestation {
    fn seal(authenticated: &Authenticated, artifact: &Artifact, bound: ArtifactBound) -> Self {
        Self { authenticated: authenticated.clone(), artifact: artifact.clone(), subject: bound.subject() }
    }

    /// What was signed.
    pub fn statement(&self) -> &Statement {
        &self.authenticated.statement
    }

    /// Who signed.
    pub fn identity(&self) -> &Identity {
        &self.authenticated.identity
    }

    /// How it is known.
    pub fn evidence(&self) -> &Evidence {
        &self.authenticated.evidence
    }

    /// What it is about.
    pub fn artifact(&self) -> &Artifact {
        &self.artifact
    }

    /// The subject that is the artifact.
    pub fn subject(&self) -> Option<&Subject> {
        self.statement().subjects.get(self.subject)
    }
}
