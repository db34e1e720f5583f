//! What is expected beside who signed and how it was built: annotations, claims, and how many signers.

use std::collections::BTreeMap;

use crate::formats::certificate::Claim;
use crate::policy::PolicyError;

/// What is expected beside signer and build. The default expects nothing more, of one signer.
#[derive(Debug, Clone, Default)]
pub struct Marks {
    /// Annotations that the very subject must have that is the artifact.
    pub annotations: BTreeMap<String, String>,
    /// What the signer's certificate must say.
    pub claims: BTreeMap<Claim, String>,
    /// How many distinct signers must have signed, each by an attestation that satisfies everything else by itself.
    pub threshold: Threshold,
}

/// A number of distinct signers, from 1 to [`Threshold::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(u8);

impl Threshold {
    /// Most signers that can be demanded.
    pub const MAX: u8 = 32;

    /// So many signers; None for 0 and above [`Threshold::MAX`].
    pub fn new(signers: u8) -> Option<Self> {
        (1..=Self::MAX).contains(&signers).then_some(Self(signers))
    }

    /// How many.
    pub fn signers(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(1)
    }
}

/// Claims of a certificate written `NAME=VALUE`, with the name in words with hyphens.
///
/// # Errors
/// `policy-claim`, also for a name twice.
pub fn claims<'a>(texts: impl Iterator<Item = &'a str>) -> Result<BTreeMap<Claim, String>, PolicyError> {
    let mut claims = BTreeMap::new();
    for text in texts {
        let refused = || PolicyError::Claim { found: text.to_owned() };
        let (name, value) = text.split_once('=').ok_or_else(refused)?;
        let claim = Claim::all().find(|claim| claim_word(*claim) == name).ok_or_else(refused)?;
        if claims.insert(claim, value.to_owned()).is_some() {
            return Err(refused());
        }
    }
    Ok(claims)
}

/// The name of a claim as it is typed: `sourceRepositoryUri` is `source-repository-uri`.
pub(super) fn claim_word(claim: Claim) -> String {
    let mut word = String::new();
    for c in claim.name().chars() {
        if c.is_ascii_uppercase() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_known_by_their_words() {
        let words: Vec<String> = Claim::all().map(claim_word).collect();
        for word in ["github-workflow-ref", "build-signer-uri", "source-repository-owner-identifier", "build-trigger"] {
            assert!(words.iter().any(|one| one == word), "{word}");
        }
        let read = claims(["build-trigger=push", "token-subject=a=b"].into_iter()).unwrap();
        assert_eq!(read.into_values().collect::<Vec<_>>(), ["push", "a=b"]);
        for bad in [&["build-trigger"][..], &["buildTrigger=push"], &["x=y"], &["build-trigger=a", "build-trigger=a"]] {
            assert_eq!(claims(bad.iter().copied()).unwrap_err().code(), "policy-claim", "{bad:?}");
        }
    }

    #[test]
    fn a_threshold_is_at_least_one_signer() {
        assert_eq!(Threshold::default().signers(), 1);
        let of = |signers| Threshold::new(signers).map(Threshold::signers);
        assert_eq!([of(0), of(1), of(32), of(33)], [None, Some(1), Some(32), None]);
    }
}
