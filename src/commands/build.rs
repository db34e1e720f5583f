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
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::local::LocalBuild;
use crate::generate::local::Overrides;
use crate::generate::local::parse_parameters;
use crate::workspace;

/// Flags that describe a build.
#[derive(Debug, clap::Args)]
pub(super) struct BuildArgs {
    /// Parameter of the build, recorded as it is; repeatable
    #[arg(long = "param", value_name = "KEY=VALUE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    params: Vec<String>,

    /// Folder whose git repository is the source
    #[arg(long, value_name = "DIR", default_value = ".", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source: String,

    /// Source repository, instead of what git says
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_uri: Option<String>,

    /// Source ref in full, such as refs/tags/v1.2.3, instead of what git says
    #[arg(long, value_name = "REF", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_ref: Option<String>,

    /// Source commit; must be HEAD where there is a repository
    #[arg(long, value_name = "COMMIT", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_commit: Option<String>,

    /// Refuse a checkout with changes that are not committed
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

    /// Digest algorithm besides sha256: sha384, sha512, …; repeatable
    #[arg(long = "digest", value_name = "ALGORITHM", value_parser = algorithm, help_heading = "Build")]
    digests: Vec<Algorithm>,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(text).ok_or_else(|| format!("expected an in-toto digest algorithm, found {text:?}"))
}

/// What the flags and the checkout say.
pub(super) struct Build<'a> {
    args: &'a BuildArgs,
    git: Option<GitFacts>,
    parameters: BTreeMap<String, String>,
    overrides: Overrides,
    finished: Option<Timestamp>,
}

impl BuildArgs {
    /// Algorithms besides SHA-256.
    pub(super) fn digests(&self) -> &[Algorithm] {
        &self.digests
    }

    /// Reads the checkout.
    pub(super) fn read(&self) -> Result<Build<'_>, CommandError> {
        let git = workspace::git::read(Path::new(&self.source)).map_err(|error| {
            let refused = CommandError::undecided(error.code(), &error);
            match error.code() {
                "git-not-owned" => refused.hint("git config --global --add safe.directory DIR, if you trust it"),
                "git-bare" => refused.hint("name a checkout with --source DIR"),
                _ => refused,
            }
        })?;
        match git.as_ref().map(|git| &git.dirty) {
            None => terminal::note("note     no git repository here: the provenance will name no source"),
            Some(Dirty::Changed { paths }) if self.require_clean => {
                let message = format!("expected a clean checkout, found {paths} changed or untracked paths");
                return Err(CommandError::usage("source-dirty", message)
                    .hint("commit or ignore them, or leave --require-clean out"));
            }
            Some(Dirty::Changed { .. }) => {
                terminal::note("note     the checkout has changes that are not committed; the provenance says so");
            }
            Some(Dirty::Clean) => {}
        }
        Ok(Build {
            args: self,
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
}

impl Build<'_> {
    /// The build, as the library takes it.
    pub(super) fn local(&self) -> LocalBuild<'_> {
        LocalBuild {
            git: self.git.as_ref(),
            parameters: &self.parameters,
            sealmark_version: env!("CARGO_PKG_VERSION"),
            invocation_id: self.args.invocation_id.as_deref(),
            started_on: None,
            finished_on: self.finished,
            overrides: &self.overrides,
        }
    }
}

/// What the user said about the build cannot be recorded.
pub(super) fn generate(error: &GenerateError) -> CommandError {
    CommandError::usage(error.code(), error)
}

/// Why nothing was attested.
pub(super) fn attest(error: &AttestError) -> CommandError {
    match error {
        AttestError::Generate(_) | AttestError::Format(_) | AttestError::PredicateNotObject { .. } => {
            CommandError::usage(error.code(), error)
        }
        AttestError::SelfCheck { error: inner, .. } => CommandError::undecided(error.code(), error)
            .hint(format!("the verifier refuses it with {}; nothing was written", inner.code())),
        _ => CommandError::undecided(error.code(), error),
    }
}
