//! The flags that describe a build, shared by `generate` and `attest`, and the facts they come to.

use std::env;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use serde_json::Value;

use crate::attest::AttestError;
use crate::attest::Edition;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::hints;
use crate::commands::terminal;
use crate::formats::json;
use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci;
use crate::generate::ci::Environment;
use crate::generate::ci::GithubForm;
use crate::generate::ci::Inputs;
use crate::generate::ci::Platform;
use crate::generate::dependencies::Collected;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::ExplainRow;
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::local::Overrides;
use crate::generate::local::parse_parameters;
use crate::generate::redact;
use crate::generate::wrap;
use crate::generate::wrap::Ran;
use crate::remote::RemoteError;
use crate::sign::SignError;
use crate::store::file::read_capped;
use crate::store::links;
use crate::workspace;
use crate::workspace::dependencies::Limits;

/// Longest JSON file that describes a build, in bytes (32 MiB). GitHub's event payloads have at most 25 MiB.
const MAX_DOCUMENT: u64 = 32 << 20;
/// Shortest value of a secret-looking variable that is looked for in what is recorded, in bytes.
const MIN_SECRET: usize = 8;

/// Flags that describe a build.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct BuildArgs {
    /// CI platform of the build: github, gitlab, buildkite, circleci, jenkins, azure-devops, google-cloud-build, tekton,
    /// generic or local [default: the one that the environment shows]
    #[arg(long, value_name = "NAME", help_heading = "Build", value_parser = platform)]
    platform: Option<Platform>,

    /// How a GitHub build is described
    #[arg(long, value_name = "FORM", default_value = "github", help_heading = "Build")]
    github_form: FormArg,

    /// Document of facts, JSON, about a build on a platform that sealmark does not know; the platform is generic then
    #[arg(long, value_name = "FILE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    facts: Option<String>,

    /// Configuration variables of a GitHub run, JSON as toJSON(vars) gives it [default: the variable SEALMARK_VARS]
    #[arg(long, value_name = "FILE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    vars: Option<String>,

    /// Parameter, input or variable whose value is recorded as [MASKED]; repeatable
    #[arg(long = "mask", value_name = "NAME", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    masks: Vec<String>,

    /// Edition of SLSA provenance
    #[arg(long, value_name = "EDITION", default_value = "v1", help_heading = "Build")]
    provenance: EditionArg,

    /// Whether dependencies are read from lock files, workflows and Dockerfiles of the checkout
    #[arg(long, value_name = "WHICH", default_value = "none", help_heading = "Build")]
    dependencies: DependenciesArg,

    /// Refuse to go on when a dependency has no digest; takes --dependencies auto
    #[arg(long, help_heading = "Build")]
    require_complete: bool,

    /// SBOM, attestation or test report of this build, recorded by its digest; repeatable
    #[arg(long = "link", value_name = "FILE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    links: Vec<String>,

    /// Parameter of the build, recorded as it is; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    params: Vec<String>,

    /// Folder whose git repository is the source [default: the current one]
    #[arg(long, value_name = "DIR", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source: Option<String>,

    /// Read no git repository, even where there is one
    #[arg(long, conflicts_with_all = ["source", "require_clean"], help_heading = "Build")]
    no_source: bool,

    /// Source repository, instead of what git says
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_uri: Option<String>,

    /// Source ref in full, such as refs/tags/v1.2.3, instead of what git says
    #[arg(long, value_name = "REF", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_ref: Option<String>,

    /// Source commit; must be HEAD where there is a repository
    #[arg(long, value_name = "COMMIT", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_commit: Option<String>,

    /// Refuse anything but a checkout without changes that are not committed
    #[arg(long, help_heading = "Build")]
    require_clean: bool,

    /// URI of a builder of your own, instead of sealmark's local one
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    builder_id: Option<String>,

    /// Which run this is
    #[arg(long, value_name = "ID", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    invocation_id: Option<String>,

    /// Record the time of this command as the end of the build; without it the same inputs give the same bytes
    #[arg(long, help_heading = "Build")]
    timestamps: bool,
}

/// How a GitHub build is described.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum FormArg {
    /// As GitHub's own attestations do
    Github,
    /// With the inputs, variables and release that GitHub's own leave out
    Complete,
}

/// Edition of SLSA provenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum EditionArg {
    /// SLSA provenance v1
    V1,
    /// SLSA provenance v0.2, for old verifiers
    #[value(name = "v0.2")]
    V02,
}

/// Which dependencies are recorded besides the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum DependenciesArg {
    /// None
    None,
    /// Whatever the checkout names in files that are known
    Auto,
}

fn platform(text: &str) -> Result<Platform, String> {
    Platform::from_name(text).ok_or_else(|| format!("expected the name of a platform, found {text:?}"))
}

/// What the checkout looked like.
pub(super) struct Seen {
    platform: Platform,
    git: Option<GitFacts>,
    collected: Option<Collected>,
}

/// The environment of this process, as far as it is text.
pub(super) fn environment() -> Environment {
    Environment::new(
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
    )
}

impl BuildArgs {
    /// The platform: the one that was named, or the one that the environment shows.
    ///
    /// # Errors
    /// `platform-ambiguous`, `platform-unknown`.
    pub(super) fn platform(&self, environment: &Environment) -> Result<Platform, CommandError> {
        match (self.platform, &self.facts) {
            (Some(platform), _) => Ok(platform),
            (None, Some(_)) => Ok(Platform::Generic),
            (None, None) => ci::detect(environment).map_err(|error| generate(&error)),
        }
    }

    /// The platform that gives a job its identity, where somebody else's predicate or Statement is signed: nothing is recorded
    /// about the build, so a CI that nobody knows is one that gives no token of its own.
    ///
    /// # Errors
    /// `platform-ambiguous`; `platform-unknown` for a name that was given.
    pub(super) fn signing_platform(&self, environment: &Environment) -> Result<Platform, CommandError> {
        match ci::detect(environment) {
            Err(GenerateError::PlatformUnknown { variable: "CI", .. }) if self.platform.is_none() => {
                Ok(Platform::Generic)
            }
            _ => self.platform(environment),
        }
    }

    /// The edition of provenance that was asked for.
    pub(super) fn edition(&self) -> Edition {
        match self.provenance {
            EditionArg::V1 => Edition::V1,
            EditionArg::V02 => Edition::V02,
        }
    }

    /// Looks at the checkout: what is there before a command runs is what that command finds.
    ///
    /// # Errors
    /// Usage and undecided errors about the checkout.
    pub(super) fn look(&self, platform: Platform) -> Result<Seen, CommandError> {
        Ok(Seen { platform, git: self.checkout(platform)?, collected: self.collect()? })
    }

    /// The facts of the build, from the token before the environment.
    ///
    /// # Errors
    /// Usage errors about facts; undecided ones about files.
    pub(super) fn facts(
        &self,
        seen: Seen,
        environment: &Environment,
        claims: Option<&TokenClaims>,
        ran: Option<&Ran>,
    ) -> Result<BuildFacts, CommandError> {
        let Seen { platform, git, collected } = seen;
        let (event, vars) = match platform {
            Platform::Github => {
                (environment.get("GITHUB_EVENT_PATH").map(document).transpose()?, self.vars(environment)?)
            }
            _ => (None, None),
        };
        let document = self.facts.as_deref().map(document).transpose()?;
        let parameters = parse_parameters(self.params.iter().map(String::as_str)).map_err(|error| generate(&error))?;
        let overrides = Overrides {
            source_uri: self.source_uri.clone(),
            source_ref: self.source_ref.clone(),
            source_commit: self.source_commit.clone(),
            builder_id: self.builder_id.clone(),
        };
        let inputs = Inputs {
            environment,
            claims,
            event: event.as_ref(),
            vars: vars.as_ref(),
            document: document.as_ref(),
            github_form: match self.github_form {
                FormArg::Github => GithubForm::Github,
                FormArg::Complete => GithubForm::Complete,
            },
            git: git.as_ref(),
            parameters: &parameters,
            sealmark_version: env!("CARGO_PKG_VERSION"),
            invocation_id: self.invocation_id.as_deref(),
            started_on: None,
            finished_on: self.timestamps.then(Timestamp::now),
            overrides: &overrides,
        };
        let mut facts = ci::facts(platform, &inputs).map_err(|error| generate(&error))?;
        if let Some(ran) = ran {
            facts = wrap::facts(facts, ran).map_err(|error| generate(&error))?;
        }
        redact::mask(&mut facts, &self.masks).map_err(|error| generate(&error))?;
        if let Some(collected) = collected {
            facts.extensions.insert("dependencies".to_owned(), collected.completeness());
            facts.dependencies.extend(collected.dependencies);
        }
        for path in &self.links {
            let linked = links::link(Path::new(path)).map_err(|error| CommandError::usage(error.code(), error))?;
            facts.byproducts.push(linked);
        }
        Ok(facts)
    }

    fn collect(&self) -> Result<Option<Collected>, CommandError> {
        if self.dependencies == DependenciesArg::None {
            if self.require_complete {
                let message = "expected --dependencies auto beside --require-complete, found none";
                return Err(CommandError::usage("dependencies-not-collected", message));
            }
            return Ok(None);
        }
        let root = Path::new(self.source.as_deref().unwrap_or("."));
        let collected = workspace::dependencies::collect(root, &Limits::USUAL);
        let collected = collected.map_err(|error| CommandError::usage(error.code(), error))?;
        if self.require_complete {
            collected.require_complete().map_err(|error| {
                generate(&error).hint("pin what is named by a digest, or leave --require-complete out")
            })?;
        }
        Ok(Some(collected))
    }

    fn vars(&self, environment: &Environment) -> Result<Option<Value>, CommandError> {
        match (&self.vars, environment.get("SEALMARK_VARS")) {
            (Some(path), _) => document(path).map(Some),
            (None, Some(text)) => json::parse(text.as_bytes())
                .map(Some)
                .map_err(|error| CommandError::usage(error.code(), format!("SEALMARK_VARS: {error}"))),
            (None, None) => Ok(None),
        }
    }

    fn checkout(&self, platform: Platform) -> Result<Option<GitFacts>, CommandError> {
        if self.no_source {
            return Ok(None);
        }
        let folder = self.source.as_deref().unwrap_or(".");
        let found = workspace::git::read(Path::new(folder)).map_err(|error| {
            let refused = CommandError::undecided(error.code(), &error);
            match error.code() {
                "git-not-owned" => {
                    refused.hint("git config --global --add safe.directory DIR, if you trust it; or --no-source")
                }
                "git-bare" => refused.hint("name a checkout with --source DIR"),
                _ => refused.hint("--source DIR names another checkout, --no-source none"),
            }
        })?;
        let Some(git) = found else {
            // Asked for and not there is not the same as not there.
            if self.source.is_some() || self.require_clean {
                let message = format!("expected a git repository at {folder} or above, found none");
                return Err(CommandError::usage("source-missing", message));
            }
            // A platform says itself what was built; a job that signs has no checkout.
            if platform == Platform::Local {
                terminal::note("note     no git repository here: the provenance will name no source");
            }
            return Ok(None);
        };
        let changed = match (&git.commit, git.dirty) {
            (None, _) => "no commit yet".to_owned(),
            (Some(_), Dirty::Changed { paths }) => format!("{paths} changed or untracked paths"),
            (Some(_), Dirty::Clean) => return Ok(Some(git)),
        };
        if self.require_clean {
            let refused = CommandError::usage("source-dirty", format!("expected a clean checkout, found {changed}"));
            return Err(refused.hint("commit or ignore them, or leave --require-clean out"));
        }
        if platform == Platform::Local {
            terminal::note(&match git.commit {
                None => "note     the repository has no commit yet: the provenance will name none".to_owned(),
                Some(_) => {
                    "note     the checkout has changes that are not committed; the provenance says so".to_owned()
                }
            });
        }
        Ok(Some(git))
    }
}

fn document(path: &str) -> Result<Value, CommandError> {
    let bytes = read_capped(Path::new(path), MAX_DOCUMENT).map_err(|error| artifacts::file_refused(&error))?;
    json::parse(&bytes).map_err(|error| CommandError::usage(error.code(), format!("{path}: {error}")))
}

/// Nothing that is about to be recorded looks like a secret, or is one that the environment holds.
///
/// # Errors
/// `secret-found`.
pub(super) fn refuse_secrets(rows: &[ExplainRow]) -> Result<(), CommandError> {
    let variables =
        env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let held: Vec<(String, String)> =
        variables.filter(|(name, value)| value.len() >= MIN_SECRET && redact::looks_secret(name)).collect();
    let known: Vec<(&str, &str)> = held.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    redact::scan(rows).and_then(|()| redact::scan_known(rows, &known)).map_err(|error| {
        generate(&error).hint("take the secret out of where it comes from, or name its parameter with --mask")
    })
}

/// What the user said about the build cannot be recorded.
pub(super) fn generate(error: &GenerateError) -> CommandError {
    let refused = CommandError::usage(error.code(), error);
    match error.code() {
        "platform-ambiguous" | "platform-unknown" => refused.hint("name it with --platform"),
        _ => refused,
    }
}

/// Why nothing was attested.
pub(super) fn attest(error: &AttestError) -> CommandError {
    match error {
        AttestError::Generate(inner @ GenerateError::CertificateDisagrees { .. }) => {
            let denied = CommandError { exit: Exit::Denied, ..CommandError::usage(inner.code(), inner) };
            denied.hint("the token belongs to another run than the facts do; nothing was signed")
        }
        AttestError::Shape(shape) => {
            let refused = CommandError::usage(error.code(), error);
            match shape.hint {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        }
        AttestError::Sign(SignError::Remote(RemoteError::TooLarge { .. })) => {
            let refused = CommandError::usage(error.code(), error);
            match hints::of_error(refused.code) {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        }
        AttestError::Generate(_)
        | AttestError::Sign(SignError::DigestNotSigned { .. })
        | AttestError::Format(_)
        | AttestError::NotOne { .. }
        | AttestError::PredicateNotObject { .. }
        | AttestError::NotASubject { .. }
        | AttestError::Subject { .. } => CommandError::usage(error.code(), error),
        AttestError::SelfCheck { error: inner, .. } => CommandError::undecided(error.code(), error)
            .hint(format!("the verifier refuses it with {}; nothing was written", inner.code())),
        _ => CommandError::undecided(error.code(), error),
    }
}
