//! The flags that describe a build, shared by `generate` and `attest`, and the facts they come to.

use std::collections::BTreeMap;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::attest::AttestError;
use crate::commands::error::CommandError;
use crate::commands::terminal;
use crate::formats::digest::Algorithm;
use crate::generate::GenerateError;
use crate::generate::ci;
use crate::generate::ci::Environment;
use crate::generate::ci::GithubForm;
use crate::generate::ci::Inputs;
use crate::generate::ci::Platform;
use crate::generate::facts::BuildFacts;
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::local::Overrides;
use crate::generate::local::parse_parameters;
use crate::workspace;

/// Flags that describe a build.
#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
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

/// Flags that describe how artifacts are hashed.
#[derive(Debug, clap::Args)]
pub(super) struct HashArgs {
    /// Digest algorithm besides sha256: sha384, sha512, …; repeatable
    #[arg(long = "digest", value_name = "ALGORITHM", value_delimiter = ',', value_parser = algorithm)]
    pub(super) digests: Vec<Algorithm>,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(text).ok_or_else(|| format!("expected an in-toto digest algorithm, found {text:?}"))
}

/// What the flags and the checkout say.
pub(super) struct Build<'a> {
    args: &'a BuildArgs,
    environment: Environment,
    git: Option<GitFacts>,
    parameters: BTreeMap<String, String>,
    overrides: Overrides,
    finished: Option<Timestamp>,
}

impl BuildArgs {
    /// Reads the checkout.
    pub(super) fn read(&self) -> Result<Build<'_>, CommandError> {
        let git = self.checkout()?;
        Ok(Build {
            args: self,
            environment: Environment::default(),
            git,
            parameters: parse_parameters(self.params.iter().map(String::as_str)).map_err(|error| generate(&error))?,
            overrides: Overrides {
                source_uri: self.source_uri.clone(),
                source_ref: self.source_ref.clone(),
                source_commit: self.source_commit.clone(),
                builder_id: self.builder_id.clone(),
            },
            finished: self.timestamps.then(Timestamp::now),
        })
    }

    fn checkout(&self) -> Result<Option<GitFacts>, CommandError> {
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
            terminal::note("note     no git repository here: the provenance will name no source");
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
        terminal::note(&match git.commit {
            None => "note     the repository has no commit yet: the provenance will name none".to_owned(),
            Some(_) => "note     the checkout has changes that are not committed; the provenance says so".to_owned(),
        });
        Ok(Some(git))
    }
}

impl Build<'_> {
    /// The facts of the build.
    pub(super) fn facts(&self) -> Result<BuildFacts, CommandError> {
        let inputs = Inputs {
            environment: &self.environment,
            claims: None,
            event: None,
            vars: None,
            document: None,
            github_form: GithubForm::default(),
            git: self.git.as_ref(),
            parameters: &self.parameters,
            masked: &[],
            sealmark_version: env!("CARGO_PKG_VERSION"),
            invocation_id: self.args.invocation_id.as_deref(),
            started_on: None,
            finished_on: self.finished,
            overrides: &self.overrides,
        };
        ci::facts(Platform::Local, &inputs).map_err(|error| generate(&error))
    }
}

/// What the user said about the build cannot be recorded.
pub(super) fn generate(error: &GenerateError) -> CommandError {
    CommandError::usage(error.code(), error)
}

/// Why nothing was attested.
pub(super) fn attest(error: &AttestError) -> CommandError {
    match error {
        AttestError::Generate(_)
        | AttestError::Format(_)
        | AttestError::PredicateNotObject { .. }
        | AttestError::NotASubject { .. }
        | AttestError::Subject { .. } => CommandError::usage(error.code(), error),
        AttestError::SelfCheck { error: inner, .. } => CommandError::undecided(error.code(), error)
            .hint(format!("the verifier refuses it with {}; nothing was written", inner.code())),
        _ => CommandError::undecided(error.code(), error),
    }
}
