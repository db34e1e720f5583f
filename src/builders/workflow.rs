//! Any workflow on GitHub Actions that the user names: GitHub artifact attestations, the npm command line, others.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::generator;
use crate::builders::github;
use crate::builders::github::GithubClaims;
use crate::builders::npm;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

pub(super) struct Workflow;

impl Builder for Workflow {
    fn id(&self) -> &'static str {
        "github-workflow"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        github::workflow_certificate(identity)
            .is_some_and(|certificate| generator::workflow(certificate.san.as_str()).is_none())
    }

    fn read(&self, attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        let Some(certificate) = github::workflow_certificate(attestation.identity()) else {
            return Err(BuilderError::Kind { found: 0 });
        };
        let stated = predicate::read(provenance);
        let claims = GithubClaims::read(certificate)?;
        if npm::is_build_type(provenance.build_type()) {
            npm::check(attestation, provenance)?;
            let facts = npm::confirmed(claims.facts(provenance, &stated)?, &claims, &stated)?;
            return npm::name_builder(facts, claims.runner.as_deref());
        }
        claims.facts(provenance, &stated)
    }
}
