//! The flags that say what is expected, shared by the commands that verify, and the policy they come to.

use std::collections::BTreeMap;
use std::path::Path;

use clap::ArgGroup;
use clap::builder::NonEmptyStringValueParser;

use crate::builders::source::SourceUri;
use crate::commands::error::CommandError;
use crate::commands::hints;
use crate::formats::predicate_type;
use crate::formats::provenance::v01;
use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::policy;
use crate::policy::Anchored;
use crate::policy::BuilderId;
use crate::policy::Policy;
use crate::policy::PolicyError;
use crate::policy::Require;
use crate::policy::Runner;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::VersionPattern;
use crate::store::file::read_capped;
use crate::trust::key;
use crate::trust::key::PublicKey;
use crate::verify::TrustedKey;

/// Provenance of every version that is read.
const PROVENANCE: &[&str] = &[v01::PREDICATE_TYPE, v02::PREDICATE_TYPE, v1::PREDICATE_TYPE];

/// What is expected.
#[derive(Debug, clap::Args)]
#[command(group(ArgGroup::new("any-identity").args(["certificate_identity", "certificate_identity_regexp"])))]
#[command(group(ArgGroup::new("any-issuer").args(["certificate_oidc_issuer", "certificate_oidc_issuer_regexp"])))]
#[command(group(ArgGroup::new("any-ref").args(["source_branch", "source_tag", "source_versioned_tag", "source_ref"])))]
pub(super) struct Expectations {
    /// Name in the signer's certificate, exactly
    #[arg(long, visible_alias = "identity", value_name = "NAME", requires = "any-issuer", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_identity: Option<String>,

    /// Regular expression that must match the whole name in the signer's certificate
    #[arg(long, visible_alias = "identity-regexp", value_name = "REGEXP", requires = "any-issuer",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_identity_regexp: Option<String>,

    /// OIDC issuer in the signer's certificate, exactly
    #[arg(long, visible_alias = "issuer", value_name = "URL", requires = "any-identity", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer: Option<String>,

    /// Regular expression that must match the whole OIDC issuer
    #[arg(long, visible_alias = "issuer-regexp", value_name = "REGEXP", requires = "any-identity",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer_regexp: Option<String>,

    /// PEM public key that may have signed; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["any-identity", "any-issuer"], help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    key: Vec<String>,

    /// Kind of attestation: slsaprovenance (v0.1, v0.2 or v1; the default), slsaprovenance02, slsaprovenance1, spdx, spdxjson,
    /// cyclonedx, vuln, openvex, link, custom, vsa, or a predicate type URI
    #[arg(long = "type", visible_alias = "predicate-type", value_name = "TYPE", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Who must have built: a builder's URI, with or without @ and the ref it was used at
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    builder_id: Option<String>,

    /// Source repository, such as github.com/owner/name
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_uri: Option<String>,

    /// Branch that must have been built
    #[arg(long, value_name = "BRANCH", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_branch: Option<String>,

    /// Tag that must have been built
    #[arg(long, value_name = "TAG", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_tag: Option<String>,

    /// Version that the built tag must be within: v1 takes v1.2.3
    #[arg(long, value_name = "VERSION", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_versioned_tag: Option<String>,

    /// Kind of build: the URI of its buildType
    #[arg(long, value_name = "URI", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    build_type: Option<String>,

    /// Ref in full that must have been built, whatever kind of ref: refs/pull/7/merge
    #[arg(long, value_name = "REF", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    source_ref: Option<String>,

    /// Commit that must have been built, in full
    #[arg(long, visible_alias = "source-digest", value_name = "COMMIT", help_heading = "Build",
          value_parser = NonEmptyStringValueParser::new())]
    source_commit: Option<String>,

    /// Top-level workflow: its path in the source repository, such as .github/workflows/release.yml
    #[arg(long, value_name = "PATH", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    workflow: Option<String>,

    /// Event that must have started the build: push, release, workflow_dispatch, …; repeatable
    #[arg(long, value_name = "EVENT", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    trigger: Vec<String>,

    /// Refuse builds on machines that the platform does not run itself
    #[arg(long, visible_alias = "deny-self-hosted-runners", help_heading = "Build")]
    require_hosted: bool,

    /// Input of a workflow that was dispatched by hand; repeatable
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Build", value_parser = NonEmptyStringValueParser::new())]
    build_workflow_input: Vec<String>,

    /// Workflow that must have signed: [HOST/]OWNER/REPOSITORY/PATH, with or without @ and a ref
    #[arg(long, value_name = "WORKFLOW", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    signer_workflow: Option<String>,

    /// Repository whose workflow must have signed, such as github.com/owner/name
    #[arg(long, visible_alias = "signer-repo", value_name = "URI", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    signer_repository: Option<String>,

    /// Commit of the workflow that must have signed, in full
    #[arg(long, value_name = "COMMIT", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    signer_digest: Option<String>,
}

impl Expectations {
    /// The policy that the flags come to.
    ///
    /// # Errors
    /// The `policy-*` codes, as wrong usage.
    pub(super) fn policy(&self) -> Result<Policy, CommandError> {
        policy_of(self).map_err(|error| usage(&error))
    }

    /// The keys of `--key`.
    ///
    /// # Errors
    /// `file-*`, `key-*`.
    pub(super) fn keys(&self) -> Result<Vec<TrustedKey>, CommandError> {
        keys(&self.key)
    }
}

impl Expectations {
    /// The same expectations as one text, whatever the order in which they were typed: a JSON object of each flag that was
    /// given with its values, sorted; keys are named by their fingerprints. It identifies what was judged by.
    ///
    /// # Errors
    /// `file-*`, `key-*`.
    pub(super) fn canonical(&self) -> Result<String, CommandError> {
        // Every field by its name: a flag that is added must be added here.
        let Self {
            certificate_identity,
            certificate_identity_regexp,
            certificate_oidc_issuer,
            certificate_oidc_issuer_regexp,
            key: _,
            predicate_type,
            builder_id,
            source_uri,
            source_branch,
            source_tag,
            source_versioned_tag,
            build_type,
            source_ref,
            source_commit,
            workflow,
            trigger,
            require_hosted,
            build_workflow_input,
            signer_workflow,
            signer_repository,
            signer_digest,
        } = self;
        let mut key: Vec<String> = self.keys()?.iter().map(|trusted| trusted.key.fingerprint()).collect();
        let (mut trigger, mut input) = (trigger.clone(), build_workflow_input.clone());
        [&mut key, &mut trigger, &mut input].into_iter().for_each(|list| list.sort_unstable());
        let hosted = require_hosted.then(|| "true".to_owned());
        let single = [
            ("certificate-identity", certificate_identity),
            ("certificate-identity-regexp", certificate_identity_regexp),
            ("certificate-oidc-issuer", certificate_oidc_issuer),
            ("certificate-oidc-issuer-regexp", certificate_oidc_issuer_regexp),
            ("type", predicate_type),
            ("builder-id", builder_id),
            ("source-uri", source_uri),
            ("source-branch", source_branch),
            ("source-tag", source_tag),
            ("source-versioned-tag", source_versioned_tag),
            ("build-type", build_type),
            ("source-ref", source_ref),
            ("source-commit", source_commit),
            ("workflow", workflow),
            ("require-hosted", &hosted),
            ("signer-workflow", signer_workflow),
            ("signer-repository", signer_repository),
            ("signer-digest", signer_digest),
        ];
        let single = single.into_iter().filter_map(|(name, value)| Some((name, vec![value.clone()?])));
        let lists = [("key", key), ("trigger", trigger), ("build-workflow-input", input)];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let flags: BTreeMap<&str, Vec<String>> = single.chain(lists).collect();
        serde_json::to_string(&flags).map_err(|error| CommandError::undecided("output-failed", error))
    }
}

/// An expectation that cannot be one, as the user is told.
pub(super) fn usage(error: &PolicyError) -> CommandError {
    let message = match error {
        // The compiler of expressions draws a picture of several lines; its last says what is wrong.
        PolicyError::Regex { found, reason } => {
            format!("expected a regular expression, found {found:?}: {}", reason.lines().last().unwrap_or_default())
        }
        other => other.to_string(),
    };
    let error = CommandError::usage(error.code(), message);
    match hints::of_error(error.code) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What is expected, as far as the flags alone say.
fn policy_of(args: &Expectations) -> Result<Policy, PolicyError> {
    let name = args.predicate_type.as_deref();
    let predicate_types = predicate_types(name)?;
    let provenance = predicate_types.iter().any(|uri| PROVENANCE.contains(&&**uri));
    let slsa = slsa(args)?;
    let signer = signer(args)?;
    if matches!(signer, Signer::ByFacts) && !slsa.names_somebody() {
        return Err(PolicyError::Nobody);
    }
    if !provenance && !slsa.is_open() {
        return Err(PolicyError::NotProvenance { found: name.unwrap_or_default().to_owned() });
    }
    Ok(Policy { predicate_types, signer, slsa: provenance.then_some(slsa) })
}

/// The URIs that a word of `--type` stands for.
pub(super) fn predicate_types(name: Option<&str>) -> Result<Vec<String>, PolicyError> {
    let uris = match name {
        None | Some("slsaprovenance") => PROVENANCE.to_vec(),
        // cosign's word for the same type with another content.
        Some("spdx") => predicate_type::read("spdxjson").unwrap_or_default(),
        Some(other) => predicate_type::read(other).unwrap_or_default(),
    };
    if uris.is_empty() {
        return Err(PolicyError::PredicateType { found: name.unwrap_or_default().to_owned() });
    }
    Ok(uris.into_iter().map(str::to_owned).collect())
}

fn signer(args: &Expectations) -> Result<Signer, PolicyError> {
    let require = |exact: &Option<String>, expression: &Option<String>| match (exact, expression) {
        (Some(exact), _) => Ok(Some(Require::Exactly(exact.clone()))),
        (None, Some(expression)) => Anchored::new(expression).map(|expression| Some(Require::Matches(expression))),
        (None, None) => Ok(None),
    };
    let identity = require(&args.certificate_identity, &args.certificate_identity_regexp)?;
    let issuer = require(&args.certificate_oidc_issuer, &args.certificate_oidc_issuer_regexp)?;
    match (identity, issuer, args.key.as_slice()) {
        (Some(identity), Some(issuer), []) => Ok(Signer::Certificate { identity, issuer }),
        (None, None, []) => Ok(Signer::ByFacts),
        (None, None, _) => Ok(Signer::TrustedKey),
        // The parser of the command line lets none of these through.
        _ => Err(PolicyError::Nobody),
    }
}

fn slsa(args: &Expectations) -> Result<Slsa, PolicyError> {
    let repository = |text: &String| {
        let refused = || PolicyError::SourceUri { found: text.clone() };
        // A ref behind the repository would be taken for an expectation and be none.
        SourceUri::parse(text).filter(|uri| uri.git_ref.is_none()).ok_or_else(refused)
    };
    let source_ref = match (&args.source_branch, &args.source_tag, &args.source_versioned_tag, &args.source_ref) {
        (Some(branch), ..) => SourceRef::branch(branch)?,
        (None, Some(tag), ..) => SourceRef::tag(tag)?,
        (None, None, Some(version), _) => SourceRef::Version(VersionPattern::parse(version)?),
        (None, None, None, Some(full_ref)) => SourceRef::exactly(full_ref)?,
        (None, None, None, None) => SourceRef::Any,
    };
    let exactly = |text: &Option<String>| text.clone().map_or(Require::Any, Require::Exactly);
    let commit = |text: &Option<String>| text.as_deref().map_or(Ok(Require::Any), policy::commit);
    Ok(Slsa {
        builder_id: args.builder_id.as_deref().map(BuilderId::parse).transpose()?,
        build_type: exactly(&args.build_type),
        source_uri: args.source_uri.as_ref().map(repository).transpose()?,
        source_ref,
        source_commit: commit(&args.source_commit)?,
        workflow_path: exactly(&args.workflow),
        trigger: if args.trigger.is_empty() { Require::Any } else { Require::OneOf(args.trigger.clone()) },
        runner: if args.require_hosted { Runner::Hosted } else { Runner::Any },
        signer_repository: args.signer_repository.as_ref().map(repository).transpose()?,
        signer_workflow: args.signer_workflow.as_deref().map(BuilderId::parse_workflow).transpose()?,
        signer_digest: commit(&args.signer_digest)?,
        inputs: policy::inputs(args.build_workflow_input.iter().map(String::as_str))?,
    })
}

/// The keys of PEM files, each vouched for by its file.
///
/// # Errors
/// `file-*`, `key-*`.
pub(super) fn keys(files: &[String]) -> Result<Vec<TrustedKey>, CommandError> {
    let cap = u64::try_from(key::MAX_PEM_BYTES).unwrap_or(u64::MAX);
    let read = |file: &String| {
        let bytes = read_capped(Path::new(file), cap).map_err(|error| CommandError::undecided(error.code(), error))?;
        let key = PublicKey::from_pem(&bytes).map_err(|error| {
            let refused = CommandError::usage(error.code(), format_args!("{file}: {error}"));
            match hints::of_error(refused.code) {
                Some(hint) => refused.hint(hint),
                None => refused,
            }
        })?;
        Ok(TrustedKey::named(file, key))
    };
    files.iter().map(read).collect()
}
