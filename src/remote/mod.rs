//! Network services, one file each: what they answer is bytes from strangers and is never believed for coming from there.

pub mod http;
pub mod rekor;

use crate::formats::FormatError;

/// Why a service gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// The address of a service cannot be used.
    #[error("{url:?}: expected an address such as https://rekor.example.org, found {reason}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer within the deadline and the attempts, or the service says that it cannot answer now. It says nothing
    /// about what was asked.
    #[error("{url}: expected an answer within {seconds} seconds, found: {reason}")]
    Unavailable {
        /// The address.
        url: String,
        /// The deadline.
        seconds: u64,
        /// What became of the last attempt.
        reason: String,
    },
    /// The service refuses to answer, and asking again would not help.
    #[error("{url}: expected status 200, found {status}")]
    Status {
        /// The address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The answer is not what the service's interface says.
    #[error("{url}: expected log entries, found: {reason}")]
    Answer {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
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
            Self::Url { .. } => "log-url-invalid",
            Self::Unavailable { .. } => "log-unavailable",
            Self::Status { .. } => "log-status",
            Self::Answer { .. } => "log-answer-invalid",
            Self::NotFound { .. } => "log-entry-not-found",
            Self::NoLog => "log-not-named",
        }
    }

    /// Whether the service was asked and said no. Everything else leaves open what it would have said.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    fn answer(url: &str, error: &FormatError) -> Self {
        Self::Answer { url: url.to_owned(), reason: error.to_string() }
    }
}
