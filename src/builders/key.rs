//! Any builder that signs with a key: whoever vouches for the key vouches for every word.

use crate::builders::Builder;
use crate::builders::BuilderError;
use crate::builders::Facts;
use crate::builders::facts;
use crate::builders::predicate;
use crate::formats::provenance::Provenance;
use crate::trust::rings::Ring;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

pub(super) struct Key;

impl Builder for Key {
    fn id(&self) -> &'static str {
        "key"
    }

    fn signs_as(&self, identity: &Identity) -> bool {
        matches!(identity, Identity::Key { ring: Ring::Named | Ring::NpmRegistry, .. })
    }

    fn read(&self, _attestation: &VerifiedAttestation, provenance: &Provenance) -> Result<Facts, BuilderError> {
        facts::from_predicate(provenance, &predicate::read(provenance))
    }
}
