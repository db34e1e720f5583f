//! The trusted roots that ship inside the program, each with its date.

use jiff::Timestamp;
use sigstore_trust_root::SIGSTORE_GITHUB_TRUSTED_ROOT;
use sigstore_trust_root::SIGSTORE_PRODUCTION_TRUSTED_ROOT;

use crate::trust::TrustError;
use crate::trust::root::TrustedRoot;

/// The last day on which the embedded copies are known to have been current: the release of the crate they come from.
/// A test ties it to the copies' digests, so neither changes without the other.
const AS_OF: &str = "2026-10-13T00:00:00Z";

/// A trust domain whose root is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Sigstore's public instance.
    PublicGood,
    /// GitHub's instance for private repositories.
    Github,
}

impl Domain {
    /// The name that `--trust` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::PublicGood => "public-good",
            Self::Github => "github",
        }
    }

    /// The domain of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::PublicGood, Self::Github].into_iter().find(|domain| domain.name() == name)
    }

    /// The bytes of the embedded `trusted_root.json`.
    pub fn json(self) -> &'static str {
        match self {
            Self::PublicGood => SIGSTORE_PRODUCTION_TRUSTED_ROOT,
            Self::Github => SIGSTORE_GITHUB_TRUSTED_ROOT,
        }
    }

    /// The embedded root.
    ///
    /// # Errors
    /// None for the copies that ship: a test reads them.
    pub fn root(self) -> Result<TrustedRoot, TrustError> {
        let as_of: Timestamp = AS_OF.parse().map_err(|_| TrustError::Shape { reason: AS_OF.to_owned() })?;
        TrustedRoot::parse(self.json().as_bytes(), self.name(), Some(as_of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::key::sha256;
    use crate::trust::root::Transparency;

    #[test]
    fn digests_and_date_change_together() {
        let digests = [Domain::PublicGood, Domain::Github].map(|d| hex::encode(sha256(d.json().as_bytes())));
        assert_eq!(
            (AS_OF, digests.each_ref().map(|d| &d[..16])),
            ("2026-10-13T00:00:00Z", ["6494e21ea73fa7ee", "484cdfe1a7c65479"])
        );
    }

    #[test]
    fn both_are_usable_and_dated() {
        let public = Domain::PublicGood.root().unwrap();
        assert_eq!((public.transparency, public.logs.len(), public.ct_logs.len()), (Transparency::Logged, 2, 2));
        let github = Domain::Github.root().unwrap();
        assert_eq!((github.transparency, github.timestamp_authorities.len()), (Transparency::TimestampOnly, 6));
        for root in [public, github] {
            assert!(root.listed.iter().all(|entry| entry.unused.is_none()));
            let as_of = root.as_of.unwrap();
            assert_eq!(root.notices(as_of), []);
            let later = as_of + jiff::SignedDuration::from_hours(181 * 24);
            assert_eq!(root.notices(later).first().map(|n| n.code()), Some("trust-root-old"));
        }
    }
}
