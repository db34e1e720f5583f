//! Whether a token is of the platform that a job says it runs on.

use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci::Environment;
use crate::generate::ci::MARKER;
use crate::generate::ci::Platform;
use crate::generate::ci::github;
use crate::generate::ci::topics::missing;

/// Buildkite's issuer for every organization.
const BUILDKITE: &str = "https://agent.buildkite.com";
/// CircleCI's issuer; each organization has one below it.
const CIRCLECI: &str = "https://oidc.circleci.com";
/// Google's issuer for service accounts.
const GOOGLE: &str = "https://accounts.google.com";
/// GitLab's instances that a public certificate authority knows (sigstore/fulcio, config/identity).
const GITLAB: &[&str] =
    &["https://gitlab.com", "https://dev.gitlab.org", "https://ops.gitlab.net", "https://gitlab.archlinux.org"];

/// Whether the token's issuer (`iss`) is that of the platform, on the server that the environment names. Platforms without
/// an issuer of their own take any but that of another platform.
///
/// # Errors
/// `platform-claim-conflict` when it is not, `platform-fact-missing` when the token or the environment does not say.
pub fn matches_issuer(
    platform: Platform,
    claims: &TokenClaims,
    environment: &Environment,
) -> Result<(), GenerateError> {
    let issuer = claims.issuer().ok_or_else(|| missing("the token's issuer", "the claim iss"))?;
    let conflict = |variable: &'static str, found: &str| GenerateError::PlatformClaimConflict {
        field: "the platform".to_owned(),
        claim: "iss",
        claimed: issuer.to_owned(),
        variable,
        found: found.to_owned(),
    };
    let (fits, variable) = match platform {
        Platform::Github => return github::server(Some(claims), environment).map(|_| ()),
        Platform::Gitlab => {
            let server = environment.get("CI_SERVER_URL");
            let server = server.ok_or_else(|| missing("the server's address", "the variable CI_SERVER_URL"))?;
            (issuer == server, "CI_SERVER_URL")
        }
        Platform::Buildkite => (issuer == BUILDKITE, "BUILDKITE"),
        Platform::Circleci => match environment.get("CIRCLE_ORGANIZATION_ID") {
            Some(id) if issuer != CIRCLECI => (issuer == format!("{CIRCLECI}/org/{id}"), "CIRCLE_ORGANIZATION_ID"),
            _ => (is_or_below(issuer, CIRCLECI), "CIRCLECI"),
        },
        Platform::GoogleCloudBuild => (issuer == GOOGLE, MARKER),
        Platform::Jenkins => (!is_known(issuer), "JENKINS_URL"),
        Platform::AzureDevops => (!is_known(issuer), "TF_BUILD"),
        Platform::Tekton | Platform::Generic | Platform::Local => (!is_known(issuer), MARKER),
    };
    if fits { Ok(()) } else { Err(conflict(variable, environment.get(variable).unwrap_or(platform.name()))) }
}

fn is_or_below(issuer: &str, root: &str) -> bool {
    issuer.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether an issuer is that of a CI platform with an issuer of its own.
fn is_known(issuer: &str) -> bool {
    let other = [BUILDKITE, CIRCLECI].iter().chain(GITLAB).any(|known| is_or_below(issuer, known));
    other || github::is_issuer(issuer)
}

#[cfg(test)]
mod tests {
    use serde_json::Map;
    use serde_json::json;

    use super::*;

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    fn judge(platform: Platform, issuer: &str, variables: &[(&str, &str)]) -> Result<(), &'static str> {
        let claims = TokenClaims::new(Map::from_iter([("iss".to_owned(), json!(issuer))]));
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        matches_issuer(platform, &claims, &Environment::new(variables)).map_err(|error| error.code())
    }

    #[test]
    #[expect(clippy::type_complexity, reason = "tables of platform, issuer and environment")]
    fn a_token_is_of_its_platform() {
        use Platform::*;
        let github = [("GITHUB_SERVER_URL", "https://github.com")];
        let enterprise = [("GITHUB_SERVER_URL", "https://github.acme.example")];
        let resident = [("GITHUB_SERVER_URL", "https://acme.ghe.com")];
        let gitlab = [("CI_SERVER_URL", "https://gitlab.com")];
        let own = [("CI_SERVER_URL", "https://git.acme.example:8443")];
        let circle = [("CIRCLE_ORGANIZATION_ID", "1-2")];
        let truths: &[(Platform, &str, &[(&str, &str)])] = &[
            (Github, GITHUB, &[]),
            (Github, GITHUB, &github),
            (Github, "https://token.actions.githubusercontent.com/acme", &github),
            (Github, "https://github.acme.example/_services/token", &enterprise),
            (Github, "https://token.actions.acme.ghe.com", &resident),
            (Gitlab, "https://gitlab.com", &gitlab),
            (Gitlab, "https://git.acme.example:8443", &own),
            (Buildkite, BUILDKITE, &[]),
            (Circleci, CIRCLECI, &circle),
            (Circleci, "https://oidc.circleci.com/org/1-2", &circle),
            (Circleci, "https://oidc.circleci.com/org/1-2", &[]),
            (GoogleCloudBuild, GOOGLE, &[]),
            (Jenkins, "https://ci.acme.example/oidc", &[]),
            (AzureDevops, "https://vstoken.dev.azure.com/1", &[]),
            (Tekton, "https://container.googleapis.com/v1/projects/acme", &[]),
            (Generic, "https://idp.acme.example", &[]),
            (Local, "https://oauth2.sigstore.dev/auth", &[]),
        ];
        for (platform, issuer, variables) in truths {
            assert_eq!(judge(*platform, issuer, variables), Ok(()), "{platform:?} {issuer}");
        }
        let lies: &[(Platform, &str, &[(&str, &str)])] = &[
            (Github, "https://token.actions.githubusercontent.com.evil.example", &github),
            (Github, GITHUB, &enterprise),
            (Github, "https://github.acme.example/_services/token", &github),
            (Github, "https://evil.example/_services/token", &enterprise),
            (Github, "https://gitlab.com", &github),
            (Gitlab, "https://gitlab.com", &own),
            (Gitlab, "https://gitlab.com.evil.example", &gitlab),
            (Gitlab, GITHUB, &gitlab),
            (Buildkite, "https://agent.buildkite.com/acme", &[]),
            (Buildkite, GITHUB, &[]),
            (Circleci, "https://oidc.circleci.com/org/9-9", &circle),
            (Circleci, "https://oidc.circleci.com.evil.example", &[]),
            (Circleci, BUILDKITE, &[]),
            (GoogleCloudBuild, GITHUB, &[]),
            (Jenkins, "https://gitlab.com", &[]),
            (AzureDevops, BUILDKITE, &[]),
            (Tekton, GITHUB, &[]),
            (Generic, "https://token.actions.githubusercontent.com/acme", &[]),
            (Local, "https://oidc.circleci.com/org/1", &[]),
        ];
        for (platform, issuer, variables) in lies {
            assert_eq!(judge(*platform, issuer, variables), Err("platform-claim-conflict"), "{platform:?} {issuer}");
        }
        assert_eq!(judge(Gitlab, "https://gitlab.com", &[]), Err("platform-fact-missing"));
        for platform in [Github, Tekton, Local] {
            assert_eq!(judge(platform, "", &[]), Err("platform-fact-missing"));
        }
    }
}
