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
use crate::policy::Marks;
use crate::policy::Policy;
use crate::policy::PolicyError;
use crate::policy::Require;
use crate::policy::Runner;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::Threshold;
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
    /// Name in the signer's certificate, exactly; repeatable, any of them
    #[arg(long, visible_alias = "identity", value_name = "NAME", requires = "any-issuer", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_identity: Vec<String>,

    /// Regular expression that must match the whole name in the signer's certificate; repeatable
    #[arg(long, visible_alias = "identity-regexp", value_name = "REGEXP", requires = "any-issuer",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_identity_regexp: Vec<String>,

    /// OIDC issuer in the signer's certificate, exactly: one for all identities, or one for each in their order
    #[arg(long, visible_alias = "issuer", value_name = "URL", requires = "any-identity", help_heading = "Signer",
          value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer: Vec<String>,

    /// Regular expression that must match the whole OIDC issuer; repeatable like the issuer
    #[arg(long, visible_alias = "issuer-regexp", value_name = "REGEXP", requires = "any-identity",
          help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_oidc_issuer_regexp: Vec<String>,

    /// PEM public key that may have signed; repeatable, any of them
    #[arg(long, value_name = "FILE", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    key: Vec<String>,

    /// Kind of attestation: slsaprovenance (v0.1, v0.2 or v1; the default), slsaprovenance02, slsaprovenance1, spdx, spdxjson,
    /// cyclonedx, vuln, openvex, link, custom, vsa, signature (a plain signature), or a predicate type URI
    #[arg(long = "type", visible_alias = "predicate-type", value_name = "TYPE", help_heading = "Attestation",
          value_parser = NonEmptyStringValueParser::new())]
    predicate_type: Option<String>,

    /// Annotation that the artifact must have where it is attested; repeatable, all of them
    #[arg(long, value_name = "KEY=VALUE", help_heading = "Attestation", value_parser = NonEmptyStringValueParser::new())]
    annotation: Vec<String>,

    /// How many distinct signers must each have signed an attestation that satisfies everything else, 1 to 32
    #[arg(long, value_name = "N", help_heading = "Signer", value_parser = threshold)]
    threshold: Option<Threshold>,

    /// What the signer's certificate must say, such as source-repository-uri=https://github.com/owner/name; repeatable
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_claim: Vec<String>,

    /// Event that started the workflow, as the certificate says it (1.3.6.1.4.1.57264.1.2, deprecated)
    #[arg(long, value_name = "EVENT", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_github_workflow_trigger: Option<String>,

    /// Commit of the workflow, as the certificate says it (1.3.6.1.4.1.57264.1.3, deprecated)
    #[arg(long, value_name = "COMMIT", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_github_workflow_sha: Option<String>,

    /// Name of the workflow, as the certificate says it (1.3.6.1.4.1.57264.1.4, deprecated)
    #[arg(long, value_name = "NAME", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_github_workflow_name: Option<String>,

    /// Repository of the workflow, OWNER/NAME, as the certificate says it (1.3.6.1.4.1.57264.1.5, deprecated)
    #[arg(long, value_name = "REPOSITORY", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_github_workflow_repository: Option<String>,

    /// Ref that the workflow ran on, as the certificate says it (1.3.6.1.4.1.57264.1.6, deprecated)
    #[arg(long, value_name = "REF", help_heading = "Signer", value_parser = NonEmptyStringValueParser::new())]
    certificate_github_workflow_ref: Option<String>,

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
            annotation,
            threshold,
            certificate_claim: _,
            certificate_github_workflow_trigger: _,
            certificate_github_workflow_sha: _,
            certificate_github_workflow_name: _,
            certificate_github_workflow_repository: _,
            certificate_github_workflow_ref: _,
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
        let (mut annotation, mut claim) = (annotation.clone(), self.claim_texts());
        for list in [&mut key, &mut trigger, &mut input, &mut annotation, &mut claim] {
            list.sort_unstable();
        }
        let hosted = require_hosted.then(|| "true".to_owned());
        let threshold = threshold.map(|threshold| threshold.signers().to_string());
        let single = [
            ("type", predicate_type),
            ("threshold", &threshold),
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
        // In the order in which they were typed: an issuer may belong to the identity at its place.
        let lists = [
            ("certificate-identity", certificate_identity.clone()),
            ("certificate-identity-regexp", certificate_identity_regexp.clone()),
            ("certificate-oidc-issuer", certificate_oidc_issuer.clone()),
            ("certificate-oidc-issuer-regexp", certificate_oidc_issuer_regexp.clone()),
            ("key", key),
            ("trigger", trigger),
            ("build-workflow-input", input),
            ("annotation", annotation),
            ("certificate-claim", claim),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let flags: BTreeMap<&str, Vec<String>> = single.chain(lists).collect();
        serde_json::to_string(&flags).map_err(|error| CommandError::undecided("output-failed", error))
    }

    /// What the certificate must say, in one spelling.
    fn claim_texts(&self) -> Vec<String> {
        let github = [
            ("trigger", &self.certificate_github_workflow_trigger),
            ("sha", &self.certificate_github_workflow_sha),
            ("name", &self.certificate_github_workflow_name),
            ("repository", &self.certificate_github_workflow_repository),
            ("ref", &self.certificate_github_workflow_ref),
        ];
        let github = github.into_iter().filter_map(|(name, value)| {
            let value = value.as_ref()?;
            Some(format!("github-workflow-{name}={value}"))
        });
        github.chain(self.certificate_claim.iter().cloned()).collect()
    }
}

/// A number of signers.
fn threshold(text: &str) -> Result<Threshold, String> {
    let threshold = text.parse().ok().and_then(Threshold::new);
    threshold.ok_or_else(|| format!("expected a number of signers from 1 to {}, found {text:?}", Threshold::MAX))
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
    if predicate_types.iter().any(|uri| uri == predicate_type::SIGNATURE) && !slsa.is_open() {
        return Err(PolicyError::SignatureBuild);
    }
    if !provenance && !slsa.is_open() {
        return Err(PolicyError::NotProvenance { found: name.unwrap_or_default().to_owned() });
    }
    let marks = Marks {
        annotations: policy::inputs(args.annotation.iter().map(String::as_str))?,
        claims: policy::claims(args.claim_texts().iter().map(String::as_str))?,
        threshold: args.threshold.unwrap_or_default(),
    };
    Ok(Policy { predicate_types, signer, slsa: provenance.then_some(slsa), marks })
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

/// Any of the keys, or any of the identities: with one issuer each by that one, with as many issuers each by its own.
fn signer(args: &Expectations) -> Result<Signer, PolicyError> {
    let require = |exact: &[String], expressions: &[String]| {
        let expressions = expressions.iter().map(|text| Anchored::new(text).map(Require::Matches));
        exact.iter().cloned().map(|text| Ok(Require::Exactly(text))).chain(expressions).collect::<Result<Vec<_>, _>>()
    };
    let identities = require(&args.certificate_identity, &args.certificate_identity_regexp)?;
    let issuers = require(&args.certificate_oidc_issuer, &args.certificate_oidc_issuer_regexp)?;
    match (identities.as_slice(), issuers.as_slice(), args.key.as_slice()) {
        ([identity], [issuer], []) => Ok(Signer::Certificate { identity: identity.clone(), issuer: issuer.clone() }),
        ([_, ..], [issuer], []) => {
            Ok(Signer::AnyOf(identities.into_iter().map(|identity| (identity, issuer.clone())).collect()))
        }
        ([_, ..], [_, ..], []) if identities.len() == issuers.len() => {
            Ok(Signer::AnyOf(identities.into_iter().zip(issuers).collect()))
        }
        ([_, ..], [_, ..], []) => {
            Err(PolicyError::IssuerCount { issuers: issuers.len(), identities: identities.len() })
        }
        ([], [], []) => Ok(Signer::ByFacts),
        ([], [], _) => Ok(Signer::TrustedKey),
        ([_, ..], [_, ..], [_, ..]) => Err(PolicyError::SignerKinds),
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
