//! Everything that the checks look at, gathered once.

use std::env;
use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::commands::build;
use crate::commands::doctor::Args;
use crate::commands::doctor::registries;
use crate::commands::doctor::registries::Credentials;
use crate::commands::error::CommandError;
use crate::commands::identity;
use crate::commands::roots;
use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci;
use crate::generate::ci::Environment;
use crate::generate::ci::Platform;
use crate::generate::git::GitFacts;
use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::http::Question;
use crate::remote::http::Service;
use crate::store::file::read_capped;
use crate::trust::root::TrustedRoot;
use crate::trust::signing_config;
use crate::trust::signing_config::LogChoice;
use crate::trust::signing_config::LogVersion;
use crate::trust::signing_config::Selected;
use crate::trust::signing_config::SigningConfig;
use crate::workspace;
use crate::workspace::WorkspaceError;

/// Longest time that one service is asked, with all attempts.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest answer of a service that is read, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// Statuses that show that a service is there. Its own page may be anything else than 200.
const THERE: &[u16] = &[200, 204, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 406, 415];

/// What was gathered.
pub(super) struct Seen {
    pub(super) now: Timestamp,
    pub(super) environment: Environment,
    pub(super) platform: Result<Platform, GenerateError>,
    /// The claims of the token that is there, or why it is none; the token itself is not kept.
    pub(super) token: Option<Result<TokenClaims, CommandError>>,
    /// Whether a cluster has mounted a token.
    pub(super) mounted: bool,
    /// Programs that were looked for and are there.
    pub(super) programs: Vec<String>,
    pub(super) git: Result<Option<GitFacts>, WorkspaceError>,
    pub(super) credentials: Vec<(PathBuf, Result<Credentials, String>)>,
    pub(super) roots: Result<Vec<TrustedRoot>, CommandError>,
    /// What signs: where that is said, and which services.
    pub(super) services: (String, Result<Selected, String>),
    /// What became of asking them; None without `--online`.
    pub(super) answers: Option<Vec<Answer>>,
}

/// One service that was asked.
pub(super) struct Answer {
    pub(super) role: Role,
    pub(super) url: String,
    pub(super) reply: Result<Reached, RemoteError>,
}

/// What a service that answered showed.
pub(super) struct Reached {
    pub(super) status: u16,
    pub(super) latency: Duration,
    /// This machine's time less the service's, in seconds; None when it does not tell its time.
    pub(super) ahead: Option<i64>,
}

impl Seen {
    /// Looks at this machine; asks services only with `--online`.
    pub(super) fn gather(args: &Args, now: Timestamp) -> Self {
        let environment = build::environment();
        let platform = ci::detect(&environment);
        let of = platform.as_ref().copied().unwrap_or(Platform::Local);
        let token = identity::given(None, of, &environment).transpose();
        let token = token.map(|found| found.map(|token| token.claims().clone()));
        let credentials: Vec<_> = files(&environment).into_iter().filter_map(credentials).collect();
        let services = services(args, now);
        let answers = match &services.1 {
            Ok(selected) if args.online => Some(ask(selected)),
            _ => None,
        };
        let helpers = credentials.iter().filter_map(|(_, found)| found.as_ref().ok()).flat_map(|found| &found.helpers);
        let wanted = helpers.map(String::as_str).chain(["buildkite-agent", "circleci"]);
        let programs = wanted.filter(|name| on_path(name)).map(str::to_owned).collect();
        Self {
            now,
            platform,
            token,
            mounted: Path::new(identity::TOKEN_FILE).exists(),
            programs,
            git: workspace::git::read(Path::new(".")),
            credentials,
            roots: roots::load(&args.trust),
            services,
            answers,
            environment,
        }
    }

    /// The platform, a local one where it cannot be told.
    pub(super) fn platform(&self) -> Platform {
        self.platform.as_ref().copied().unwrap_or(Platform::Local)
    }
}

/// The services that the flags name, in place of those of the configuration.
fn services(args: &Args, now: Timestamp) -> (String, Result<Selected, String>) {
    let name = args.signing_config.clone().unwrap_or_else(|| "public-good".to_owned());
    let read = || -> Result<Selected, String> {
        let config = match &args.signing_config {
            None => SigningConfig::public_good(),
            Some(file) => {
                let cap = u64::try_from(signing_config::MAX_BYTES).unwrap_or(u64::MAX);
                SigningConfig::parse(&read_capped(Path::new(file), cap).map_err(|error| error.to_string())?)
            }
        };
        config.and_then(|config| config.select(now, LogChoice::Highest)).map_err(|error| error.to_string())
    };
    let flags = [&args.fulcio_url, &args.rekor_url, &args.timestamp_url];
    if args.signing_config.is_none() && flags.iter().any(|flag| flag.is_some()) {
        let Some(ca) = args.fulcio_url.clone() else {
            return ("flags".to_owned(), Err("expected --fulcio-url beside the other services, found none".to_owned()));
        };
        let logs = args.rekor_url.iter().map(|url| (url.clone(), LogVersion::V1)).collect();
        let timestamps = args.timestamp_url.iter().cloned().collect();
        return ("flags".to_owned(), Ok(Selected { ca, logs, timestamps }));
    }
    let selected = read().map(|selected| Selected {
        ca: args.fulcio_url.clone().unwrap_or(selected.ca),
        logs: args.rekor_url.as_ref().map_or(selected.logs, |url| vec![(url.clone(), LogVersion::V1)]),
        timestamps: args.timestamp_url.as_ref().map_or(selected.timestamps, |url| vec![url.clone()]),
    });
    (name, selected)
}

/// Asks each service for something that everybody may have.
fn ask(selected: &Selected) -> Vec<Answer> {
    let log = |version: LogVersion| match version {
        LogVersion::V1 => "api/v1/log",
        LogVersion::V2 => "checkpoint",
    };
    let mut wanted = vec![(Role::CertificateAuthority, selected.ca.as_str(), "api/v2/configuration")];
    wanted.extend(selected.logs.iter().map(|(url, version)| (Role::Log, url.as_str(), log(*version))));
    wanted.extend(selected.timestamps.iter().map(|url| (Role::TimestampAuthority, url.as_str(), "")));
    let one =
        |(role, url, path): (Role, &str, &str)| Answer { role, url: url.to_owned(), reply: reach(role, url, path) };
    wanted.into_iter().map(one).collect()
}

fn reach(role: Role, url: &str, path: &str) -> Result<Reached, RemoteError> {
    let service = Service::signing(role, url, PATIENCE)?;
    let start = Instant::now();
    let reply = service.ask(&Question { success: THERE, cap: MAX_ANSWER, ..Question::get(path) })?;
    let (latency, now) = (start.elapsed(), Timestamp::now());
    let said = reply.date.and_then(|date| DateTimeParser::new().parse_timestamp(&date).ok());
    Ok(Reached { status: reply.status, latency, ahead: said.map(|said| now.duration_since(said).as_secs()) })
}

/// Where docker, podman and their kin keep credentials, in the order in which they look.
fn files(environment: &Environment) -> Vec<PathBuf> {
    let at = |name: &str, below: &str| environment.get(name).map(|folder| Path::new(folder).join(below));
    let docker = at("DOCKER_CONFIG", "config.json").or_else(|| at("HOME", ".docker/config.json"));
    let podman = match environment.get("REGISTRY_AUTH_FILE") {
        Some(file) => vec![PathBuf::from(file)],
        None => {
            let runtime = at("XDG_RUNTIME_DIR", "containers/auth.json");
            let own =
                at("XDG_CONFIG_HOME", "containers/auth.json").or_else(|| at("HOME", ".config/containers/auth.json"));
            runtime.into_iter().chain(own).collect()
        }
    };
    docker.into_iter().chain(podman).collect()
}

fn credentials(path: PathBuf) -> Option<(PathBuf, Result<Credentials, String>)> {
    path.symlink_metadata().ok()?;
    let read = read_capped(&path, registries::MAX_BYTES).map_err(|error| error.to_string());
    let found = read.and_then(|bytes| Credentials::parse(&bytes).map_err(str::to_owned));
    Some((path, found))
}

fn on_path(name: &str) -> bool {
    let folders = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&folders).any(|folder| folder.join(name).is_file())
}
