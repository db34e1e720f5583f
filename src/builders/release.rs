//! Whether a builder is named at a release of it.

/// Builders of this repository are released under `vX.Y.Z-java`.
const JRELEASER: &str = "https://github.com/jreleaser/release-action";

/// Whether a builder's URI ends in a release's tag, `@refs/tags/vX.Y.Z`: three numbers, no pre-release, no build.
pub fn is_release(builder_id: &str) -> bool {
    let Some((name, at)) = builder_id.split_once('@') else { return false };
    let Some(tag) = at.strip_prefix("refs/tags/") else { return false };
    let tag = if name.starts_with(JRELEASER) { tag.strip_suffix("-java").unwrap_or_default() } else { tag };
    is_release_tag(tag)
}

/// Whether a tag is `vX.Y.Z`.
pub fn is_release_tag(tag: &str) -> bool {
    let number = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
    };
    let Some(numbers) = tag.strip_prefix('v') else { return false };
    numbers.split('.').count() == 3 && numbers.split('.').all(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_three_numbers() {
        for (id, expected) in [
            ("https://b@refs/tags/v1.2.3", true),
            ("https://b@refs/tags/v10.0.30", true),
            ("https://b@refs/tags/v1.2", false),
            ("https://b@refs/tags/v1.2.3-rc.1", false),
            ("https://b@refs/tags/v1.2.3+x", false),
            ("https://b@refs/tags/v01.2.3", false),
            ("https://b@refs/tags/1.2.3", false),
            ("https://b@refs/heads/v1.2.3", false),
            ("https://b@v1.2.3", false),
            ("https://b", false),
            ("https://b@refs/tags/v1.2.3-java", false),
            ("https://github.com/jreleaser/release-action/.github/workflows/b.yml@refs/tags/v1.2.3-java", true),
            ("https://github.com/jreleaser/release-action/.github/workflows/b.yml@refs/tags/v1.2.3", false),
        ] {
            assert_eq!(is_release(id), expected, "{id}");
        }
    }
}
