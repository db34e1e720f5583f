//! `--online`: which log is asked for what the files do not prove, and for how long.

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::error::CommandError;
use crate::commands::hints;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::LogEntry;
use crate::formats::certificate::SigningCertificate;
use crate::remote::RemoteError;
use crate::remote::http::Service;
use crate::remote::rekor;
use crate::trust::root::TrustedRoot;

/// Longest time that may be given for one request, in seconds.
const MAX_SECONDS: u64 = 3600;

/// Arguments.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// Rekor v1 log to ask, in place of the logs that the trusted roots name
    #[arg(long, value_name = "URL", requires = "online", help_heading = "Network", value_parser = NonEmptyStringValueParser::new())]
    pub(super) rekor_url: Option<String>,

    /// Longest time that one log is asked about one attestation, with all attempts
    #[arg(long, value_name = "SECONDS", requires = "online", default_value_t = 30, help_heading = "Network",
          value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    pub(super) timeout: u64,
}

/// Which logs are asked. Making it opens no connection.
pub(super) struct Logs<'a> {
    given: Option<Service>,
    roots: &'a [TrustedRoot],
    total: Duration,
}

impl<'a> Logs<'a> {
    /// The log of `--rekor-url`, or else those of the roots.
    ///
    /// # Errors
    /// `log-url-invalid`.
    pub(super) fn new(args: &Args, roots: &'a [TrustedRoot]) -> Result<Self, CommandError> {
        let total = Duration::from_secs(args.timeout);
        let given = args.rekor_url.as_deref().map(|url| Service::new(url, total)).transpose();
        Ok(Self { given: given.map_err(|error| CommandError::usage(error.code(), error))?, roots, total })
    }

    /// The entries about a bundle. Without `--rekor-url` those logs are asked whose window has the start of the
    /// certificate's validity.
    ///
    /// # Errors
    /// [`RemoteError`].
    pub(super) fn ask(&self, bundle: &Bundle) -> Result<Vec<LogEntry>, RemoteError> {
        if let Some(log) = &self.given {
            return rekor::find(bundle, std::slice::from_ref(log));
        }
        let leaf = bundle.signer.certificates().first();
        let leaf = leaf.and_then(|leaf| SigningCertificate::parse(leaf).ok()).ok_or(RemoteError::NoLog)?;
        let urls = rekor::logs_of(self.roots, leaf.not_before);
        let logs = urls.iter().map(|url| Service::new(url, self.total)).collect::<Result<Vec<_>, _>>()?;
        rekor::find(bundle, &logs)
    }
}

/// An error with the advice that there is for its code.
pub(super) fn advised(error: CommandError) -> CommandError {
    match hints::of_error(error.code) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}
