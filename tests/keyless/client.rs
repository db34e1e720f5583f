//! A signing run through the library, from token to verified bundle.

use std::time::Duration;

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::generate::ci::Visibility;
use sealmark::remote::token;
use sealmark::remote::token::Audience;
use sealmark::remote::token::IdToken;
use sealmark::remote::token::TokenError;
use sealmark::sign::SignError;
use sealmark::sign::keyless::Certified;
use sealmark::sign::keyless::Services;
use sealmark::sign::privacy;
use sealmark::sign::privacy::Consent;
use sealmark::sign::privacy::Instance;
use sealmark::sign::privacy::Permit;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::trust::signing_config::LogChoice;
use sealmark::trust::signing_config::LogVersion;
use sealmark::trust::signing_config::SigningConfig;
use sealmark::verify::VerifiedAttestation;
use sealmark::verify::Verifier;
use sealmark::verify::VerifyError;
use serde_json::Value;
use serde_json::json;

use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::statement;

/// What is attested.
pub(crate) const ARTIFACT: &[u8] = b"artifact bytes";
/// Time for one request with all its attempts.
pub(crate) const TOTAL: Duration = Duration::from_secs(5);

/// Why a run gave no bundle: the code, and whether somebody lied (exit 1) or could not (exit 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: String,
    pub(crate) lied: Lied,
}

/// Whether a service said what is not so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lied {
    Yes,
    No,
}

impl Failure {
    pub(crate) fn new(code: &str, lied: Lied) -> Self {
        Self { code: code.to_owned(), lied }
    }
}

impl From<SignError> for Failure {
    fn from(error: SignError) -> Self {
        Self::new(error.code(), if error.is_refusal() { Lied::Yes } else { Lied::No })
    }
}

impl From<TokenError> for Failure {
    fn from(error: TokenError) -> Self {
        Self::new(error.code(), if error.is_refusal() { Lied::Yes } else { Lied::No })
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        Self::new(error.code(), Lied::Yes)
    }
}

/// Provenance of the artifact by a run of GitHub.
pub(crate) fn provenance(run: &GitHub) -> Value {
    statement::provenance(&json!([statement::subject("app.tar.gz", ARTIFACT)]), run)
}

/// Leave to publish the names of a public source.
pub(crate) fn permit() -> Permit {
    privacy::ask(Visibility::Public, Instance::Public, Consent::Withheld).unwrap()
}

/// The services that a server offers; of [`Offer::Both`] both logs, which no configuration can ask for.
pub(crate) fn services(server: &SigstoreServer, offer: Offer) -> Services {
    let config = SigningConfig::parse(server.signing_config(offer).to_string().as_bytes()).unwrap();
    let mut selected = config.select(Timestamp::now(), LogChoice::Highest).unwrap();
    if offer == Offer::Both {
        assert_eq!(selected.logs, [(server.url(), LogVersion::V2)]);
        selected.logs.push((server.url(), LogVersion::V1));
    }
    Services::new(&selected, TOTAL).unwrap()
}

/// The token that the server's token service gives.
pub(crate) fn token(server: &SigstoreServer) -> Result<IdToken, TokenError> {
    let [(_, url), (_, bearer)] = server.token_environment();
    let token = token::github(&url, &bearer, token::SIGSTORE_AUDIENCE, TOTAL)?;
    token.check(Audience::Is(token::SIGSTORE_AUDIENCE), Timestamp::now())?;
    Ok(token)
}

/// A whole run: token, certificate, signature, log, timestamp, verification.
pub(crate) fn run(server: &SigstoreServer, offer: Offer) -> Result<Bundle, Failure> {
    let services = services(server, offer);
    let token = token(server)?;
    let bundle = signed(&token, &services)?;
    verified(server, &bundle)?;
    Ok(bundle)
}

/// A statement signed with a token.
pub(crate) fn signed(token: &IdToken, services: &Services) -> Result<Bundle, SignError> {
    let certified = Certified::new(&permit(), token, &services.ca, Timestamp::now())?;
    certified.sign_statement(provenance(&GitHub::default()).to_string().as_bytes(), services)
}

/// The root of a server.
pub(crate) fn root(server: &SigstoreServer) -> TrustedRoot {
    TrustedRoot::parse(server.trusted_root().to_string().as_bytes(), "virtual", None).unwrap()
}

/// The bundle, verified as it would be read from a file, with the server's own root.
pub(crate) fn verified(server: &SigstoreServer, bundle: &Bundle) -> Result<VerifiedAttestation, VerifyError> {
    let digest = Digest::new(Algorithm::Sha256, sha256(ARTIFACT).to_vec()).unwrap();
    let artifact = Artifact::new("app.tar.gz".to_owned(), vec![digest]).unwrap();
    let read = Bundle::from_json(serde_json::from_str(&bundle.to_json().to_string()).unwrap()).unwrap();
    assert_eq!(&read, bundle);
    Verifier::new(vec![root(server)], Vec::new()).verify(&read, &artifact, Timestamp::now())
}
