//! Builders behind a delegator of slsa-github-generator: Maven, Gradle, Node.js, Bazel, JReleaser, anybody's.

use crate::builders::Backing;
use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Fact;
use crate::builders::Facts;
use crate::builders::generator;
use crate::builders::generator::Role;
use crate::builders::github;
use crate::builders::github::GithubClaims;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// The name of the kind.
pub(super) const KIND: &str = "slsa-github-generator-delegated";

pub(super) struct Delegated;

impl Builder for Delegated {
    fn id(&self) -> &'static str {
        KIND
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        generator::signs(identity).is_some_and(|workflow| workflow.role == Role::Delegator)
    }

    /// The delegator signs, and says which builder it called; the builder is that one. It may have checked out another
    /// commit than the event's, so the commit is the delegator's word where the two differ.
    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        let Some(certificate) = github::workflow_certificate(attestation.identity()) else {
            return Err(BuilderError::Kind { found: 0 });
        };
        generator::written_by(certificate.san.as_str(), attestation, provenance)?;
        let mut claims = GithubClaims::read(certificate)?;
        let mut stated = predicate::read(provenance);
        let called = provenance.builder_id();
        match called.split_once('@') {
            Some((name, at)) if name.starts_with("https://") && !at.is_empty() && !at.contains('@') => {}
            _ => return Err(BuilderError::DelegatedId { found: called.to_owned() }),
        }
        let checked_out = stated.commits.first().filter(|said| claims.commit.as_deref() != Some(said.value.as_str()));
        let checked_out = checked_out.map(|said| Fact { value: said.value.clone(), backing: Backing::Delegator });
        if let Some(fact) = &checked_out {
            // Any other saying is of that commit or of the event's.
            let event = claims.commit.take();
            stated.commits.retain(|said| said.value == fact.value || Some(&said.value) != event.as_ref());
        }
        let mut facts = claims.facts(provenance, &stated)?;
        facts.builder_id = Fact { value: called.to_owned(), backing: Backing::Delegator };
        facts.predicate_builder_id = None;
        facts.source_commit = checked_out.or(facts.source_commit);
        Ok(facts)
    }
}
