//! Signing without a key of one's own: the flags, the services, leave to publish, and a certificate.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest::AttestError;
use crate::commands::artifacts;
use crate::commands::build;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::hints;
use crate::commands::identity;
use crate::commands::identity::Wanted;
use crate::commands::roots;
use crate::formats::jwt::TokenClaims;
use crate::generate::ci;
use crate::generate::ci::Environment;
use crate::generate::ci::Platform;
use crate::generate::ci::Visibility;
use crate::remote::token::Audience;
use crate::remote::token::IdToken;
use crate::remote::token::SIGSTORE_AUDIENCE;
use crate::sign::SignError;
use crate::sign::keyless::Certified;
use crate::sign::keyless::Services;
use crate::sign::privacy;
use crate::sign::privacy::Consent;
use crate::sign::privacy::Instance;
use crate::sign::privacy::Permit;
use crate::store::file::read_capped;
use crate::trust::root::TrustedRoot;
use crate::trust::signing_config;
use crate::trust::signing_config::LogChoice;
use crate::trust::signing_config::LogVersion;
use crate::trust::signing_config::Selected;
use crate::trust::signing_config::SigningConfig;

/// Most statements that are signed, logged and timestamped at once.
pub(in crate::commands) const AT_ONCE: NonZeroUsize = NonZeroUsize::MIN.saturating_add(3);
/// Longest time that may be given for one request, in seconds.
const MAX_SECONDS: u64 = 600;

/// Flags of signing without a key.
#[derive(Debug, clap::Args)]
#[group(id = "KeylessArgs")]
pub(in crate::commands) struct KeylessArgs {
    /// Identity token, or @FILE with one [default: the variable SIGSTORE_ID_TOKEN, else what the CI platform gives the job]
    #[arg(long, value_name = "TOKEN", help_heading = "Signing without a key", value_parser = NonEmptyStringValueParser::new())]
    identity_token: Option<String>,

    /// SigningConfig that names the services [default: Sigstore's public ones]
    #[arg(long, value_name = "FILE", help_heading = "Signing without a key",
          conflicts_with_all = ["fulcio_url", "rekor_url", "timestamp_urls"], value_parser = NonEmptyStringValueParser::new())]
    signing_config: Option<String>,

    /// Certificate authority (Fulcio); with it nothing but the services that are named is used
    #[arg(long, value_name = "URL", help_heading = "Signing without a key", value_parser = NonEmptyStringValueParser::new())]
    fulcio_url: Option<String>,

    /// Transparency log (Rekor); without it nothing is logged, for instances that have none
    #[arg(long, value_name = "URL", requires = "fulcio_url", help_heading = "Signing without a key",
          value_parser = NonEmptyStringValueParser::new())]
    rekor_url: Option<String>,

    /// Version of the log's interface
    #[arg(
        long,
        value_name = "VERSION",
        requires = "rekor_url",
        default_value = "1",
        help_heading = "Signing without a key"
    )]
    rekor_version: RekorVersion,

    /// Timestamp authority (RFC 3161), the whole address; repeatable
    #[arg(long = "timestamp-url", value_name = "URL", requires = "fulcio_url", help_heading = "Signing without a key",
          value_parser = NonEmptyStringValueParser::new())]
    timestamp_urls: Vec<String>,

    /// Root that the finished attestation must verify under: public-good, github, or a trusted_root.json; repeatable
    #[arg(long, value_name = "ROOT", help_heading = "Signing without a key", value_parser = NonEmptyStringValueParser::new())]
    pub(in crate::commands) trust: Vec<String>,

    /// Publish the names of a source that is not public, for good, in public logs
    #[arg(long, help_heading = "Signing without a key")]
    allow_public_log: bool,

    /// The services are private: what they are sent is not published
    #[arg(long, help_heading = "Signing without a key")]
    private_instance: bool,

    /// Longest time that one request may take with all its attempts
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help_heading = "Signing without a key",
          value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    timeout: u64,
}

/// Version of a log's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum RekorVersion {
    /// Rekor v1: `api/v1/log/entries`
    #[value(name = "1")]
    V1,
    /// Rekor v2: `api/v2/log/entries`
    #[value(name = "2")]
    V2,
}

/// Everything that signing without a key takes, before any service but the platform's own was asked.
pub(in crate::commands) struct Session {
    token: IdToken,
    selected: Selected,
    services: Services,
    roots: Vec<TrustedRoot>,
    visibility: Visibility,
    instance: Instance,
    consent: Consent,
}

impl KeylessArgs {
    /// What `--identity-token` says.
    pub(in crate::commands) fn given(&self) -> Option<&str> {
        self.identity_token.as_deref()
    }

    /// Names the services, reads the roots, and has the platform give a token.
    ///
    /// # Errors
    /// Usage errors about services; `token-*` when there is no token.
    pub(in crate::commands) fn open(
        &self,
        platform: Platform,
        environment: &Environment,
    ) -> Result<Session, CommandError> {
        let selected = self.selected()?;
        let total = Duration::from_secs(self.timeout);
        let services = Services::new(&selected, total).map_err(|error| CommandError::usage(error.code(), error))?;
        let roots = roots::load(&self.trust)?;
        let said = if self.private_instance { Instance::Private } else { Instance::Public };
        let instance = privacy::instance(said, selected.addresses());
        let given = self.identity_token.as_deref();
        let audience = match said {
            Instance::Public => Audience::Is(SIGSTORE_AUDIENCE),
            Instance::Private => Audience::LeftToTheAuthority,
        };
        let wanted = Wanted { given, platform, environment, audience, total };
        let token = identity::token(&wanted, Timestamp::now())?;
        let visibility = ci::visibility(token.claims());
        let consent = if self.allow_public_log { Consent::Given } else { Consent::Withheld };
        Ok(Session { token, selected, services, roots, visibility, instance, consent })
    }

    fn selected(&self) -> Result<Selected, CommandError> {
        if let Some(ca) = &self.fulcio_url {
            let version = match self.rekor_version {
                RekorVersion::V1 => LogVersion::V1,
                RekorVersion::V2 => LogVersion::V2,
            };
            let logs: Vec<_> = self.rekor_url.iter().map(|url| (url.clone(), version)).collect();
            return Ok(Selected { ca: ca.clone(), logs, timestamps: self.timestamp_urls.clone() });
        }
        let config = match &self.signing_config {
            Some(path) => {
                let bytes = read_capped(Path::new(path), u64::try_from(signing_config::MAX_BYTES).unwrap_or(u64::MAX));
                SigningConfig::parse(&bytes.map_err(|error| artifacts::file_refused(&error))?)
            }
            None => SigningConfig::public_good(),
        };
        let selected = config.and_then(|config| config.select(Timestamp::now(), LogChoice::Highest));
        selected.map_err(|error| CommandError::usage(error.code(), error))
    }
}

impl Session {
    /// What the token says.
    pub(in crate::commands) fn claims(&self) -> &TokenClaims {
        self.token.claims()
    }

    /// Where signatures are logged and timestamped.
    pub(in crate::commands) fn services(&self) -> &Services {
        &self.services
    }

    /// The addresses of the services.
    pub(in crate::commands) fn selected(&self) -> &Selected {
        &self.selected
    }

    /// The roots of which one must accept what is signed.
    pub(in crate::commands) fn roots(&self) -> &[TrustedRoot] {
        &self.roots
    }

    /// Leave to send the names of the source to the services.
    ///
    /// # Errors
    /// `source-not-public`.
    pub(in crate::commands) fn ask(&self) -> Result<Permit, CommandError> {
        privacy::ask(self.visibility, self.instance, self.consent).map_err(|error| {
            CommandError { exit: Exit::Denied, ..CommandError::usage(error.code(), &error) }.hint(
                "nothing was sent; --allow-public-log publishes the names of repository, workflow and ref for good, \
                 --private-instance says that the services are yours, --key needs none",
            )
        })
    }

    /// A certificate for a key that is used once.
    ///
    /// # Errors
    /// `ca-*`, `certificate-*`.
    pub(in crate::commands) fn certify(&self, permit: &Permit) -> Result<Certified, CommandError> {
        Certified::new(permit, &self.token, &self.services.ca, Timestamp::now()).map_err(|error| service(&error))
    }
}

/// Why nothing was attested without a key.
pub(in crate::commands) fn refused(error: &AttestError) -> CommandError {
    match error {
        AttestError::Sign(error) => service(error),
        AttestError::SelfCheck { error: inner, .. } => {
            let denied = CommandError { exit: Exit::Denied, ..CommandError::usage(error.code(), error) };
            denied.hint(format!(
                "the verifier refuses it with {}: a service answered with what is not its own, or --trust names the root \
                 of other services; nothing was written",
                inner.code()
            ))
        }
        _ => build::attest(error),
    }
}

/// A service that lied is told from one that could not be asked.
fn service(error: &SignError) -> CommandError {
    let refused = CommandError::undecided(error.code(), error);
    let refused = if error.is_refusal() { CommandError { exit: Exit::Denied, ..refused } } else { refused };
    match hints::of_error(refused.code) {
        Some(hint) => refused.hint(hint),
        None => refused,
    }
}
