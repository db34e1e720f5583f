//! Who counts where several distinct signers are demanded.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::report::Candidate;
use crate::report::Signer;
use crate::report::SignerKind;

/// The distinct signers of the accepted attestations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Signers {
    /// How many were demanded.
    pub demanded: usize,
    /// Each once, in order of their names.
    pub counted: Vec<CountedSigner>,
}

/// A signer, by what makes it distinct from others: the name with its issuer, or the key itself. Two certificates of one
/// name by one issuer are one signer, and so is one key under two names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", untagged)]
pub enum CountedSigner {
    /// Whoever has a certificate.
    Certificate {
        /// The subject alternative name.
        name: String,
        /// The OIDC issuer that vouched for it.
        issuer: String,
    },
    /// Whoever has a key.
    Key {
        /// `sha256:` of the SubjectPublicKeyInfo.
        fingerprint: String,
    },
}

impl CountedSigner {
    fn of(signer: &Signer) -> Self {
        match signer.kind {
            SignerKind::Key => Self::Key { fingerprint: signer.fingerprint.clone().unwrap_or_default() },
            SignerKind::Workload | SignerKind::Person => {
                Self::Certificate { name: signer.name.clone(), issuer: signer.issuer.clone().unwrap_or_default() }
            }
        }
    }

    /// The signer in words.
    pub fn words(&self) -> String {
        match self {
            Self::Certificate { name, issuer } => format!("{name} by {issuer}"),
            Self::Key { fingerprint } => format!("key {fingerprint}"),
        }
    }
}

impl Signers {
    /// Those of the candidates that were accepted.
    pub fn of(candidates: &[Candidate], demanded: usize) -> Self {
        let accepted = candidates.iter().filter_map(|candidate| candidate.attestation.as_deref());
        let counted: BTreeSet<_> = accepted.map(|attestation| CountedSigner::of(&attestation.signer)).collect();
        Self { demanded, counted: counted.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn what_makes_a_signer_distinct() {
        let signer = |kind, name: &str, issuer: Option<&str>, fingerprint: Option<&str>| Signer {
            kind,
            name: name.to_owned(),
            issuer: issuer.map(str::to_owned),
            algorithm: None,
            fingerprint: fingerprint.map(str::to_owned),
            claims: BTreeMap::new(),
        };
        let distinct = |signers: &[Signer]| signers.iter().map(CountedSigner::of).collect::<BTreeSet<_>>().len();
        let key = |file: &str, fingerprint| signer(SignerKind::Key, file, None, Some(fingerprint));
        let person = |name: &str, issuer| signer(SignerKind::Person, name, Some(issuer), None);
        assert_eq!(distinct(&[key("a.pub", "sha256:aa"), key("b.pub", "sha256:aa")]), 1);
        assert_eq!(distinct(&[key("a.pub", "sha256:aa"), key("a.pub", "sha256:bb")]), 2);
        assert_eq!(distinct(&[person("ann", "x"), person("ann", "x")]), 1);
        assert_eq!(distinct(&[person("ann", "x"), person("ann", "y"), person("bob", "x")]), 3);
    }
}
