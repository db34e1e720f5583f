//! Identity token and certificate, compared as soon as the certificate is there.

use crate::formats::certificate::Claim;
use crate::formats::certificate::San;
use crate::formats::certificate::SigningCertificate;
use crate::formats::jwt::TokenClaims;
use crate::generate::ci::github;

/// What Fulcio writes into a certificate of GitHub Actions: the claim, and the URL that stands before it, if any
/// (sigstore/fulcio, docs/oid-info.md).
const GITHUB: &[(Claim, &str, Before)] = &[
    (Claim::BuildSignerUri, "job_workflow_ref", Before::Server),
    (Claim::BuildSignerDigest, "job_workflow_sha", Before::Nothing),
    (Claim::RunnerEnvironment, "runner_environment", Before::Nothing),
    (Claim::SourceRepositoryUri, "repository", Before::Server),
    (Claim::SourceRepositoryDigest, "sha", Before::Nothing),
    (Claim::SourceRepositoryRef, "ref", Before::Nothing),
    (Claim::SourceRepositoryIdentifier, "repository_id", Before::Nothing),
    (Claim::SourceRepositoryOwnerUri, "repository_owner", Before::Server),
    (Claim::SourceRepositoryOwnerIdentifier, "repository_owner_id", Before::Nothing),
    (Claim::BuildConfigUri, "workflow_ref", Before::Server),
    (Claim::BuildConfigDigest, "workflow_sha", Before::Nothing),
    (Claim::BuildTrigger, "event_name", Before::Nothing),
    (Claim::SourceRepositoryVisibility, "repository_visibility", Before::Nothing),
    (Claim::TokenSubject, "sub", Before::Nothing),
];

/// What stands before a claim.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The address of the server, which ends in `/`.
    Server,
}

/// What a certificate says that its token does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotOfToken {
    /// Name of the extension, or `subject alternative name`.
    pub field: &'static str,
    /// What the token says.
    pub token: String,
    /// What the certificate says.
    pub certificate: String,
}

/// Whether a certificate is one for this token: its issuer, the e-mail address of a person, and each claim of a run on GitHub
/// that the certificate repeats. Where the certificate is silent, the comparison with the predicate decides
/// ([`crate::generate::agreement::check`]).
///
/// # Errors
/// The first difference.
pub fn check(claims: &TokenClaims, certificate: &SigningCertificate) -> Result<(), NotOfToken> {
    let differs = |field, token: &str, certificate: &str| {
        Err(NotOfToken { field, token: token.to_owned(), certificate: certificate.to_owned() })
    };
    let issuer = claims.issuer().unwrap_or_default();
    // An authority may name the issuer behind a broker (`federated_claims`), as Dex does; a run on CI has none.
    let brokered = claims.value("federated_claims").is_some();
    if let Some(found) = certificate.issuer().filter(|found| *found != issuer && !brokered) {
        return differs("issuer", issuer, found);
    }
    if let (Some(email), San::Email(found)) = (claims.text("email"), &certificate.san)
        && email != found
    {
        return differs("subject alternative name", email, found);
    }
    if !github::is_issuer(issuer) {
        return Ok(());
    }
    for (extension, name, before) in GITHUB {
        let (Some(said), Some(found)) = (claims.text(name), certificate.claims.get(*extension)) else { continue };
        let same = match before {
            Before::Nothing => found == said,
            Before::Server => found.strip_suffix(said).is_some_and(is_server),
        };
        if !same {
            return differs(extension.name(), said, found);
        }
    }
    Ok(())
}

/// `https://HOST/`
fn is_server(text: &str) -> bool {
    let host = text.strip_prefix("https://").and_then(|rest| rest.strip_suffix('/'));
    host.is_some_and(|host| !host.is_empty() && !host.contains('/'))
}
