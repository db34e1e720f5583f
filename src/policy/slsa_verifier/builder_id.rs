//! Builder ids as slsa-verifier reads and compares them.

use std::fmt;

use crate::builders::release;
use crate::policy::slsa_verifier::BuilderRef;
use crate::policy::slsa_verifier::Refusal;

/// A builder's name, with a version behind `@` or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderId {
    name: String,
    version: Option<String>,
}

/// Whether the tag `v1` and the ref `refs/tags/v1` are one version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Versions {
    /// They are.
    TagOrRef,
    /// They are not.
    AsWritten,
}

impl BuilderId {
    /// Reads an id: at most one `@`, with something behind it.
    ///
    /// # Errors
    /// `ErrorInvalidFormat`.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let refused = || {
            let message = format!("expected a builder id with at most one @, found {text:?}");
            Refusal::new("ErrorInvalidFormat", "policy-builder-id", message)
        };
        match text.split_once('@') {
            None => Ok(Self { name: text.to_owned(), version: None }),
            Some((name, version)) if !version.is_empty() && !version.contains('@') => {
                Ok(Self { name: name.to_owned(), version: Some(version.to_owned()) })
            }
            Some(_) => Err(refused()),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version, if there is one.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// Whether this trusted builder is the expected one: the same name, and the same version where one is expected.
    pub fn is(&self, expected: &Self, versions: Versions) -> bool {
        let Some(wanted) = expected.version() else { return self.name == expected.name };
        let same = |found: &str| {
            found == wanted || (versions == Versions::TagOrRef && found.strip_prefix("refs/tags/") == Some(wanted))
        };
        self.name == expected.name && self.version().is_some_and(same)
    }
}

impl fmt::Display for BuilderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.version {
            None => f.write_str(&self.name),
            Some(version) => write!(f, "{}@{version}", self.name),
        }
    }
}

/// A builder is at a release, or at a ref that the caller takes for one: the one that is expected, or an extra one.
///
/// # Errors
/// `ErrorInvalidRef`.
pub(super) fn released(found: &BuilderId, expected: Option<&BuilderId>, extra: &[BuilderRef]) -> Result<(), Refusal> {
    let at = found.version().unwrap_or_default();
    let taken = |extra: &BuilderRef| match extra {
        BuilderRef::Exactly(full_ref) => full_ref == at,
        BuilderRef::PreRelease => at.strip_prefix("refs/tags/").is_some_and(|tag| {
            let (core, pre) = tag.split_once('-').unwrap_or((tag, ""));
            release::is_release_tag(core) && !pre.is_empty() && !pre.contains('+')
        }),
    };
    // A commit is what it is, so whoever names it in full knows what built; one that nobody named may be of anybody's fork.
    let names_one = |version: &str| version.starts_with("refs/") || is_commit(version);
    let asked = expected.and_then(BuilderId::version).is_some_and(|version| names_one(version) && version == at);
    if release::is_release(&found.to_string()) || asked || extra.iter().any(taken) {
        return Ok(());
    }
    Err(Refusal::new(
        "ErrorInvalidRef",
        "builder-ref-mutable",
        format!("expected a builder at refs/tags/vX.Y.Z, found {found}"),
    ))
}

/// A commit in full, of SHA-1 or SHA-256.
fn is_commit(version: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    [40, 64].contains(&version.len()) && version.bytes().all(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_at_most_one_version() {
        assert_eq!(BuilderId::parse("some/name@v1.2.3").unwrap().version(), Some("v1.2.3"));
        assert_eq!(BuilderId::parse("some/name").unwrap().version(), None);
        for bad in ["some/name@", "some/name@v1@v2", "@@"] {
            assert_eq!(BuilderId::parse(bad).unwrap_err().sentinel, "ErrorInvalidFormat", "{bad}");
        }
    }

    #[test]
    fn versions_are_compared_where_expected() {
        use Versions::AsWritten;
        use Versions::TagOrRef;
        for (found, expected, versions, same) in [
            ("n@v1.2.3", "n@v1.2.3", AsWritten, true),
            ("n@v1.2.3", "n", AsWritten, true),
            ("n", "n@v1.2.3", AsWritten, false),
            ("n@v1.2.3", "n@v1.2.4", TagOrRef, false),
            ("n@v1.2.3", "m@v1.2.3", TagOrRef, false),
            ("n@refs/tags/v1.2.3", "n@v1.2.3", TagOrRef, true),
            ("n@refs/tags/v1.2.3", "n@refs/tags/v1.2.3", TagOrRef, true),
            ("n@refs/tags/v1.2.3", "n@v1.2.3", AsWritten, false),
            ("n@v1.2.3", "n@refs/tags/v1.2.3", TagOrRef, false),
            ("n@refs/heads/v1.2.3", "n@v1.2.3", TagOrRef, false),
        ] {
            let id = |text: &str| BuilderId::parse(text).unwrap();
            assert_eq!(id(found).is(&id(expected), versions), same, "{found} {expected} {versions:?}");
        }
    }

    #[test]
    fn builders_are_releases_unless_asked_for() {
        let sentinel = |found: &str, expected: Option<&str>, extra: &[BuilderRef]| {
            let expected = expected.map(|text| BuilderId::parse(text).unwrap());
            released(&BuilderId::parse(found).unwrap(), expected.as_ref(), extra).map_err(|refusal| refusal.sentinel)
        };
        let main = BuilderRef::Exactly("refs/heads/main".to_owned());
        let refused = Err("ErrorInvalidRef");
        assert_eq!(sentinel("b@refs/tags/v1.2.3", None, &[]), Ok(()));
        for bad in ["b@refs/heads/main", "b@refs/tags/v1.2", "b@refs/tags/v1.2.3-rc.0", "b@v1.2.3", "b", "b@0123456789"]
        {
            assert_eq!(sentinel(bad, None, &[]), refused, "{bad}");
        }
        assert_eq!(sentinel("b@refs/heads/main", None, std::slice::from_ref(&main)), Ok(()));
        assert_eq!(sentinel("b@refs/heads/other", None, &[main]), refused);
        assert_eq!(sentinel("b@refs/tags/v1.2.3-rc.0", None, &[BuilderRef::PreRelease]), Ok(()));
        assert_eq!(sentinel("b@refs/tags/v1.2.3-rc.0+b", None, &[BuilderRef::PreRelease]), refused);
        assert_eq!(sentinel("b@refs/tags/x-rc.0", None, &[BuilderRef::PreRelease]), refused);
        assert_eq!(sentinel("b@refs/tags/v1.2.3-", None, &[BuilderRef::PreRelease]), refused);
        assert_eq!(sentinel("b@refs/heads/other", Some("b@refs/heads/main"), &[]), refused);
        assert_eq!(sentinel("b@main", Some("b@main"), &[]), refused);
        assert_eq!(sentinel("b@refs/heads/main", Some("b@refs/heads/main"), &[]), Ok(()));
        assert_eq!(sentinel("b@refs/heads/main", Some("b"), &[]), refused);
        let [commit, other] = ["0", "1"].map(|digit| format!("b@{}", digit.repeat(40)));
        assert_eq!(sentinel(&commit, Some(&commit), &[]), Ok(()));
        assert_eq!(sentinel(&commit, Some("b"), &[]), refused);
        assert_eq!(sentinel(&commit, None, &[]), refused);
        assert_eq!(sentinel(&commit, Some(&other), &[]), refused);
        assert_eq!(sentinel(&commit[..41], Some(&commit[..41]), &[]), refused);
    }
}
