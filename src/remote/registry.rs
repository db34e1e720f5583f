//! Registries of images (OCI distribution spec 1.1): one host, its repositories, and who may ask.

mod auth;
mod client;
mod transport;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

pub use client::Fetched;
pub use client::Page;
pub use client::Registries;
pub use client::Remote;
pub use client::Stored;
pub use transport::Bytes;
pub use transport::Stream;

/// What opens a registry.
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Credential {
    /// Nothing: it is asked as anybody.
    #[default]
    Anonymous,
    /// A user name and a password, which may be a token that goes by that name.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A refresh token that is exchanged at the registry's token service (`identitytoken` of a docker configuration).
    IdentityToken(String),
    /// A token that is sent as it is.
    Bearer(String),
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Password { .. } => "Password(…)",
            Self::IdentityToken(_) => "IdentityToken(…)",
            Self::Bearer(_) => "Bearer(…)",
        })
    }
}

/// Where credentials come from: a docker configuration, a helper, flags.
pub trait Keyring: Send + Sync {
    /// What opens a repository, by registry (`ghcr.io`, `127.0.0.1:5000`, `index.docker.io`) and repository.
    ///
    /// # Errors
    /// `registry-credential-*`: credentials that are configured and cannot be had. Nothing is asked anonymously instead.
    fn credential(&self, registry: &str, repository: &str) -> Result<Credential, RegistryError>;
}

/// How registries are asked.
#[derive(Clone)]
pub struct Access {
    /// Where credentials come from.
    pub keyring: Arc<dyn Keyring>,
    /// Certificates of authorities that are believed besides those of the system, DER.
    pub authorities: Vec<Vec<u8>>,
    /// Longest time for one request with all its attempts; a transfer of a blob may take longer as long as it moves.
    pub total: Duration,
    /// Most requests a second to one registry.
    pub per_second: Option<NonZeroU32>,
}

/// Why a registry gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// An address, an authority or a header that cannot be used.
    #[error("{registry}: expected {expected}, found {found}")]
    Setup {
        /// Which registry.
        registry: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// No answer within the deadline and the attempts, or a server error. It says nothing about what was asked.
    #[error("{url}: expected an answer within {seconds} seconds, found: {reason}")]
    Unavailable {
        /// What was asked.
        url: String,
        /// The deadline.
        seconds: u64,
        /// What went wrong at the last attempt.
        reason: String,
    },
    /// The registry asked to come back later (status 429), and later was too late.
    #[error("{url}: expected an answer, found status 429, too many requests{}", later(*retry_after))]
    Throttled {
        /// What was asked.
        url: String,
        /// For how many seconds the registry asked to wait.
        retry_after: Option<u64>,
    },
    /// Nobody whom the registry knows (status 401).
    #[error("{url}: expected to be let in {}, found status 401{}", as_whom(*anonymous), quoted(said.as_deref()))]
    Unauthorized {
        /// What was asked.
        url: String,
        /// Whether it was asked as anybody.
        anonymous: bool,
        /// What the registry says.
        said: Option<String>,
    },
    /// Known and not allowed (status 403).
    #[error("{url}: expected to be allowed to {action}, found status 403{}", quoted(said.as_deref()))]
    Denied {
        /// What was asked.
        url: String,
        /// `pull` or `push`.
        action: &'static str,
        /// What the registry says.
        said: Option<String>,
    },
    /// A status that is no answer.
    #[error("{url}: expected {expected}, found status {status}{}", quoted(said.as_deref()))]
    Status {
        /// What was asked.
        url: String,
        /// What was expected.
        expected: &'static str,
        /// The status.
        status: u16,
        /// What the registry says.
        said: Option<String>,
    },
    /// An answer that is not what the specification says.
    #[error("{url}: expected {expected}, found {found}")]
    Answer {
        /// What was asked.
        url: String,
        /// What was expected.
        expected: &'static str,
        /// What was found.
        found: String,
    },
    /// A redirect that is not followed.
    #[error("{url}: expected no redirect to {found}")]
    Redirect {
        /// What was asked.
        url: String,
        /// Where to, or how many.
        found: String,
    },
    /// The registry's token service gave no token.
    #[error("{realm}: expected a token for {registry}, found {found}")]
    Token {
        /// The token service.
        realm: String,
        /// The registry.
        registry: String,
        /// What was found.
        found: String,
    },
    /// Credentials are configured and cannot be had.
    #[error("{source_of}: expected credentials for {registry}, found {found}")]
    Credential {
        /// The file or helper.
        source_of: String,
        /// The registry.
        registry: String,
        /// What was found.
        found: String,
    },
}

impl RegistryError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Setup { .. } => "registry-setup",
            Self::Unavailable { .. } => "registry-unavailable",
            Self::Throttled { .. } => "registry-throttled",
            Self::Unauthorized { .. } => "registry-unauthorized",
            Self::Denied { .. } => "registry-denied",
            Self::Status { .. } => "registry-status",
            Self::Answer { .. } => "registry-answer-invalid",
            Self::Redirect { .. } => "registry-redirect",
            Self::Token { .. } => "registry-token",
            Self::Credential { .. } => "registry-credential",
        }
    }
}

fn quoted(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}

fn later(retry_after: Option<u64>) -> String {
    retry_after.map(|seconds| format!(", to be asked again in {seconds} seconds")).unwrap_or_default()
}

fn as_whom(anonymous: bool) -> &'static str {
    if anonymous { "without credentials" } else { "with the credentials that are configured" }
}
