//! Versions of tags, whole or in part.

use std::fmt;

use crate::policy::PolicyError;

/// A version that a tag must be within: `v1` takes every release 1.x.y, `v1.2` every 1.2.y, `v1.2.3` and `v1.2.3-rc.1`
/// that one alone (semver.org 2.0.0). Pre-releases are taken only when named in full; build metadata says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionPattern {
    text: String,
    numbers: Vec<u64>,
    prerelease: Option<String>,
}

struct Version {
    numbers: Vec<u64>,
    prerelease: Option<String>,
}

impl VersionPattern {
    /// Reads one to three numbers, with or without a leading `v`; a pre-release only behind three.
    ///
    /// # Errors
    /// `policy-version`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let name = text.strip_prefix("refs/tags/").unwrap_or(text);
        let Version { numbers, prerelease } =
            parse(name).ok_or_else(|| PolicyError::Version { found: text.to_owned() })?;
        Ok(Self { text: text.to_owned(), numbers, prerelease })
    }

    /// Whether a full ref is a tag whose version is within this one.
    pub fn accepts(&self, full_ref: &str) -> bool {
        let Some(found) = full_ref.strip_prefix("refs/tags/").and_then(parse) else { return false };
        // A tag `v1` is the release 1.0.0.
        let number = |n: usize| found.numbers.get(n).copied().unwrap_or(0);
        let numbers = self.numbers.iter().enumerate().all(|(n, expected)| number(n) == *expected);
        numbers && found.prerelease == self.prerelease
    }
}

impl fmt::Display for VersionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a tag of version {}", self.text)
    }
}

fn parse(text: &str) -> Option<Version> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, prerelease) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let numbers = core.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    let identifiers = |list: &str| {
        list.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'))
    };
    let extras = [prerelease, build].into_iter().flatten().all(identifiers);
    let partial = prerelease.is_some() && numbers.len() != 3;
    if numbers.len() > 3 || !extras || partial {
        return None;
    }
    Some(Version { numbers, prerelease: prerelease.map(str::to_owned) })
}

/// A decimal number without a leading zero.
fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_given_must_agree() {
        let accepts =
            |pattern: &str, tag: &str| VersionPattern::parse(pattern).unwrap().accepts(&format!("refs/tags/{tag}"));
        for (pattern, tag) in [
            ("v13.0", "v13.0.30"),
            ("v14", "v14"),
            ("v14.0", "v14"),
            ("1.2.3", "v1.2.3+build.7"),
            ("v1.2.3-rc.1", "v1.2.3-rc.1"),
        ] {
            assert!(accepts(pattern, tag), "{pattern} {tag}");
        }
        for (pattern, tag) in [
            ("v14.2.1", "v14.2"),
            ("v1.2.3-rc.1", "v1.2.3-rc.2"),
            ("v1.2.3", "v1.2.3-rc.1"),
            ("v1", "v1.2.0-rc.1"),
            ("v1", "v11"),
            ("v1.2.3", "release"),
        ] {
            assert!(!accepts(pattern, tag), "{pattern} {tag}");
        }
        assert!(!VersionPattern::parse("v1").unwrap().accepts("refs/heads/v1"));
        for bad in ["", "v", "v1.", "v01", "v1.2-rc", "main", "v1.2.3.4", "v1.2.3-"] {
            assert_eq!(VersionPattern::parse(bad).unwrap_err().code(), "policy-version", "{bad:?}");
        }
    }
}
