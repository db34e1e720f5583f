//! Versions of tags as slsa-verifier compares them (golang.org/x/mod/semver).

use crate::policy::slsa_verifier::Refusal;

/// `vMAJOR[.MINOR[.PATCH[-PRERELEASE][+BUILD]]]`, build left out.
#[derive(Debug, PartialEq, Eq)]
struct Version<'a> {
    numbers: Vec<&'a str>,
    prerelease: &'a str,
}

/// The tag is of the expected version: major always, minor and patch where the expectation has them, the pre-release
/// with the patch. slsa-verifier compares only the first part of a pre-release, so that `rc.1` is `rc.2`; here all of it
/// counts.
///
/// # Errors
/// `ErrorInvalidSemver`, `ErrorMismatchVersionedTag`.
pub fn check(expected: &str, tag: &str) -> Result<(), Refusal> {
    let (wanted, found) = (read(expected)?, read(tag)?);
    let number = |n: usize| found.numbers.get(n).copied().unwrap_or("0");
    let numbers = wanted.numbers.iter().enumerate().all(|(n, wanted)| number(n) == *wanted);
    if numbers && (wanted.numbers.len() < 3 || wanted.prerelease == found.prerelease) {
        return Ok(());
    }
    Err(Refusal::differs("ErrorMismatchVersionedTag", "source-version-mismatch", expected, tag))
}

fn read(text: &str) -> Result<Version<'_>, Refusal> {
    parse(text).ok_or_else(|| {
        let message = format!("expected a version such as v1, v1.2 or v1.2.3, found {text:?}");
        Refusal::new("ErrorInvalidSemver", "policy-version", message)
    })
}

fn parse(text: &str) -> Option<Version<'_>> {
    let text = text.strip_prefix('v')?;
    let (text, build) = text.split_once('+').map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, prerelease) = text.split_once('-').map_or((text, None), |(core, pre)| (core, Some(pre)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = |text: &str| digits(text) && (text == "0" || !text.starts_with('0'));
    let numbers: Vec<&str> = core.split('.').collect();
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let valid = numbers.iter().all(|part| number(part))
        && numbers.len() <= 3
        && (numbers.len() == 3 || (prerelease.is_none() && build.is_none()))
        && prerelease.is_none_or(|pre| pre.split('.').all(|part| plain(part) && (!digits(part) || number(part))))
        && build.is_none_or(|build| build.split('.').all(plain));
    valid.then(|| Version { numbers, prerelease: prerelease.unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_given_count() {
        let verdict = |expected: &str, tag: &str| check(expected, tag).map_err(|refusal| refusal.sentinel);
        for (expected, tag) in [
            ("v13", "v13.0.30"),
            ("v13.0", "v13.0.30"),
            ("v14", "v14"),
            ("v14.0", "v14"),
            ("v14.0.0", "v14"),
            ("v1.2.3", "v1.2.3+a.b"),
            ("v1.2.3+x", "v1.2.3"),
            ("v1.2.3-rc.1", "v1.2.3-rc.1"),
            ("v1.2.3-a-b", "v1.2.3-a-b"),
            ("v1.2", "v1.2.3-rc.1"),
            ("v1", "v1.2.3-rc.1"),
        ] {
            assert_eq!(verdict(expected, tag), Ok(()), "{expected} {tag}");
        }
        for (expected, tag) in [
            ("v14.2.1", "v14.2"),
            ("v14.1", "v14"),
            ("v1", "v11"),
            ("v1.2.3", "v1.2.3-rc.1"),
            ("v1.2.3-rc.1", "v1.2.3-rc.2"),
            ("v1.2.3-rc.1", "v1.2.3"),
        ] {
            assert_eq!(verdict(expected, tag), Err("ErrorMismatchVersionedTag"), "{expected} {tag}");
        }
        for (expected, tag) in [
            ("1.2.3", "v1.2.3"),
            ("", "v1"),
            ("v", "v1"),
            ("v01", "v1"),
            ("v1.2-rc", "v1"),
            ("v1", "main"),
            ("v1.2.3-01", "v1"),
            ("v1.2.3-rc..1", "v1"),
            ("v1.2.3-r_c", "v1"),
            ("v1", "v1.2.3+a..b"),
        ] {
            assert_eq!(verdict(expected, tag), Err("ErrorInvalidSemver"), "{expected} {tag}");
        }
    }
}
