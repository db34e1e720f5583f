//! Network services, one file each: what they answer is bytes from strangers and is never believed for coming from there.

pub mod fulcio;
pub mod http;
pub mod log;
pub mod registry;
pub mod rekor;
pub mod timestamp;
pub mod token;

use std::fmt;

use crate::formats::FormatError;

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A transparency log (Rekor).
    Log,
    /// A certificate authority (Fulcio).
    CertificateAuthority,
    /// A timestamp authority (RFC 3161).
    TimestampAuthority,
    /// What gives out identity tokens: that of a CI platform.
    TokenService,
}

impl Role {
    /// Its name, as people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Log => "transparency log",
            Self::CertificateAuthority => "certificate authority",
            Self::TimestampAuthority => "timestamp authority",
            Self::TokenService => "token service",
        }
    }

    /// What it gives.
    fn gives(self) -> &'static str {
        match self {
            Self::Log => "log entries",
            Self::CertificateAuthority => "a certificate",
            Self::TimestampAuthority => "a timestamp",
            Self::TokenService => "an identity token",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Self::Log => "https://rekor.example.org",
            Self::CertificateAuthority => "https://fulcio.example.org",
            Self::TimestampAuthority => "https://timestamp.example.org/api/v1/timestamp",
            Self::TokenService => "https://ci.example.org/token",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a service gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The address of a service cannot be used.
    #[error("{url:?}: expected an address such as {}, found {reason}", role.example())]
    Url {
        /// What the service is.
        role: Role,
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer within the deadline and the attempts, or the service says that it cannot answer now. It says nothing
    /// about what was asked.
    #[error("{url}: expected an answer within {seconds} seconds, found: {reason}")]
    Unavailable {
        /// What the service is.
        role: Role,
        /// The address.
        url: String,
        /// The deadline.
        seconds: u64,
        /// What became of the last attempt.
        reason: String,
    },
    /// The service refuses to answer, and asking again would not help.
    #[error("{url}: expected status 200, found {status}{}", quoted(said.as_deref()))]
    Status {
        /// What the service is.
        role: Role,
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
        /// What the service says about it: a few words of a stranger, without any secret.
        said: Option<String>,
    },
    /// The answer is not what the service's interface says.
    #[error("{url}: expected {}, found: {reason}", role.gives())]
    Answer {
        /// What the service is.
        role: Role,
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is well-formed, and about something else than what was asked: the service, or somebody in between, lied.
    #[error("{url}: expected {expected}, found {found}")]
    Mismatch {
        /// What the service is.
        role: Role,
        /// The address.
        url: String,
        /// What was asked for.
        expected: &'static str,
        /// What was answered.
        found: String,
    },
    /// More than is sent to a log that wants all of an envelope.
    #[error(
        "{url}: expected a Statement of at most {limit} bytes for a log of Rekor v1, which is sent all of it, found {found}"
    )]
    TooLarge {
        /// The address.
        url: String,
        /// The limit, in bytes.
        limit: u64,
        /// What was found, in bytes.
        found: u64,
    },
    /// The log has no entry about the attestation.
    #[error("expected an entry about this attestation in {logs}, found none")]
    NotFound {
        /// The logs that were asked.
        logs: String,
    },
    /// No root names a log that could have the entry and can be asked.
    #[error("expected a trusted root that names a log to ask, found none for the time of the certificate")]
    NoLog,
}

impl RemoteError {
    /// The stable name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { role: Role::Log, .. } => "log-url-invalid",
            Self::Url { role: Role::CertificateAuthority, .. } => "ca-url-invalid",
            Self::Url { role: Role::TimestampAuthority, .. } => "timestamp-url-invalid",
            Self::Url { role: Role::TokenService, .. } => "token-service-url-invalid",
            Self::Unavailable { role: Role::Log, .. } => "log-unavailable",
            Self::Unavailable { role: Role::CertificateAuthority, .. } => "ca-unavailable",
            Self::Unavailable { role: Role::TimestampAuthority, .. } => "timestamp-unavailable",
            Self::Unavailable { role: Role::TokenService, .. } => "token-service-unavailable",
            Self::Status { role: Role::Log, .. } => "log-status",
            Self::Status { role: Role::CertificateAuthority, .. } => "ca-status",
            Self::Status { role: Role::TimestampAuthority, .. } => "timestamp-status",
            Self::Status { role: Role::TokenService, .. } => "token-service-status",
            Self::Answer { role: Role::Log, .. } => "log-answer-invalid",
            Self::Answer { role: Role::CertificateAuthority, .. } => "ca-answer-invalid",
            Self::Answer { role: Role::TimestampAuthority, .. } => "timestamp-answer-invalid",
            Self::Answer { role: Role::TokenService, .. } => "token-service-answer-invalid",
            Self::Mismatch { role: Role::Log, .. } => "log-answer-mismatch",
            Self::Mismatch { role: Role::CertificateAuthority, .. } => "ca-answer-mismatch",
            Self::Mismatch { role: Role::TimestampAuthority, .. } => "timestamp-answer-mismatch",
            Self::Mismatch { role: Role::TokenService, .. } => "token-service-answer-mismatch",
            Self::TooLarge { .. } => "log-entry-too-large",
            Self::NotFound { .. } => "log-entry-not-found",
            Self::NoLog => "log-not-named",
        }
    }

    /// Whether the service was asked and said no, or something that is not so. Everything else leaves open what it would
    /// have said.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Mismatch { .. })
    }

    fn answer(url: &str, error: &FormatError) -> Self {
        Self::Answer { role: Role::Log, url: url.to_owned(), reason: error.to_string() }
    }
}

fn quoted(said: Option<&str>) -> String {
    said.map(|said| format!(": {said}")).unwrap_or_default()
}
