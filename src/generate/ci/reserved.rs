//! Builder ids and build types that stand for somebody else, and that nobody may give himself.

use crate::generate::GenerateError;

/// What builder ids of known platforms and generators begin with, after `https://` or `http://`.
const BUILDERS: &[&str] = &[
    "buildkite.com/",
    "circleci.com/",
    "cloudbuild.googleapis.com/",
    "github.com/actions/",
    "github.com/npm/cli",
    "github.com/slsa-framework/",
    "gitlab.com/",
    "kubernetes.io/namespaces/",
    "sealmark.dev/",
    "tekton.dev/",
    "witness.dev/",
];

/// What such a builder id holds, on whatever host: a workflow of GitHub, a configuration and a runner of GitLab.
const BUILDER_PARTS: &[&str] = &["/.github/workflows/", "//", "/-/runners/"];

/// What build types of known platforms and generators begin with, after `https://` or `http://`.
const BUILD_TYPES: &[&str] = &[
    "actions.github.io/",
    "cloud.google.com/build/",
    "cloudbuild.googleapis.com/",
    "docs.gitlab.com/",
    "github.com/attestations/",
    "github.com/moby/buildkit",
    "github.com/npm/cli",
    "github.com/slsa-framework/",
    "gitlab.com/gitlab-org/",
    "mobyproject.org/",
    "sealmark.dev/",
    "slsa-framework.github.io/",
    "slsa.dev/",
    "tekton.dev/",
    "witness.dev/",
];

/// Refuses a builder id that is a known platform's.
///
/// # Errors
/// `facts-reserved`.
pub(super) fn builder_id(id: &str) -> Result<(), GenerateError> {
    if is_builder_id(id) {
        return Err(GenerateError::FactsReserved { what: "builder id", found: id.to_owned() });
    }
    Ok(())
}

/// Whether a builder id stands for a known platform or generator.
pub(in crate::generate) fn is_builder_id(id: &str) -> bool {
    let rest = after_scheme(id);
    BUILDERS.iter().any(|known| begins(&rest, known)) || BUILDER_PARTS.iter().any(|part| rest.contains(part))
}

/// Refuses a build type that is a known platform's.
///
/// # Errors
/// `facts-reserved`.
pub(super) fn build_type(id: &str) -> Result<(), GenerateError> {
    let rest = after_scheme(id);
    if BUILD_TYPES.iter().any(|known| begins(&rest, known)) {
        return Err(GenerateError::FactsReserved { what: "build type", found: id.to_owned() });
    }
    Ok(())
}

/// Lower-cased, since some hosts do not tell `A` from `a` in paths, and without what some readers leave out: the scheme,
/// the default port, a full stop after the host.
fn after_scheme(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
    let (host, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = host.strip_suffix(":443").or_else(|| host.strip_suffix(":80")).unwrap_or(host);
    format!("{}{path}", host.trim_end_matches('.').trim_start_matches("www."))
}

/// Whether a text begins with a known one, or is the known one without its last slash.
fn begins(text: &str, known: &str) -> bool {
    text.starts_with(known) || known.strip_suffix('/') == Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_gives_himself_a_known_platforms_id() {
        for id in [
            "https://cloudbuild.googleapis.com/GoogleHostedWorker",
            "https://cloudbuild.googleapis.com",
            "http://cloudbuild.googleapis.com/GoogleHostedWorker@v1",
            "https://cloudbuild.googleapis.com:443/GoogleHostedWorker",
            "https://cloudbuild.googleapis.com./GoogleHostedWorker",
            "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main",
            "https://github.acme.example/acme/app/.github/workflows/release.yml@refs/heads/main",
            "https://github.com/Slsa-Framework/slsa-github-generator/x",
            "https://github.com/actions/runner/github-hosted",
            "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/heads/main",
            "https://git.acme.example/acme/app//.gitlab-ci.yml@refs/heads/main",
            "https://git.acme.example/acme/app/-/runners/1",
            "https://buildkite.com/acme/app",
            "https://circleci.com/api/v2/projects/1/pipeline-definitions/2",
            "https://tekton.dev/chains/v2",
            "https://sealmark.dev/builders/jenkins/v1",
        ] {
            assert_eq!(builder_id(id).unwrap_err().code(), "facts-reserved", "{id}");
        }
        for id in ["https://ci.acme.example/builders/1", "https://github.com/acme/builder", "urn:acme:builder"] {
            builder_id(id).unwrap();
        }
    }

    #[test]
    fn nobody_gives_himself_a_known_platforms_build_type() {
        for id in [
            "https://actions.github.io/buildtypes/workflow/v1",
            "https://slsa-framework.github.io/github-actions-buildtypes/workflow/v1",
            "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
            "https://cloud.google.com/build/gcb-buildtypes/google-worker/v1",
            "https://tekton.dev/chains/v2/slsa",
            "https://sealmark.dev/buildtypes/local/v1",
        ] {
            assert_eq!(build_type(id).unwrap_err().code(), "facts-reserved", "{id}");
        }
        for id in ["https://acme.example/buildtypes/make/v1", "https://github.com/acme/buildtypes/v1"] {
            build_type(id).unwrap();
        }
    }
}
