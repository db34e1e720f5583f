//! Facts about a build, each with what backs it.

use serde_json::Value;

use crate::builders::BuilderError;
use crate::builders::source;
use crate::builders::source::SourceUri;
use crate::formats::digest::DigestSet;
use crate::formats::provenance::Provenance;
use crate::generate::local;
use crate::generate::local::ExternalParameters;

/// What stands behind a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// The certificate authority checked it against the platform's token.
    Certificate,
    /// The same, and the predicate says it too.
    CertificateAndPredicate,
    /// The predicate says so; the signer's word.
    Predicate,
}

impl Backing {
    /// Whether the certificate says it.
    pub fn by_certificate(self) -> bool {
        self != Self::Predicate
    }
}

/// A value with what backs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// The value.
    pub value: String,
    /// What backs it.
    pub backing: Backing,
}

/// What is known about a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Who built.
    pub builder_id: Fact,
    /// What the predicate calls the builder, where that differs from `builder_id`.
    pub predicate_builder_id: Option<Fact>,
    /// How the parameters are to be read.
    pub build_type: Fact,
    /// The source repository, normalised: `git+https://host/path`.
    pub source_uri: Option<Fact>,
    /// The commit.
    pub source_commit: Option<Fact>,
    /// The full ref: `refs/heads/…`, `refs/tags/…`.
    pub source_ref: Option<Fact>,
    /// What started the build.
    pub trigger: Option<Fact>,
    /// `github-hosted`, `self-hosted`, ….
    pub runner: Option<Fact>,
    /// The top-level workflow.
    pub build_config: Option<Fact>,
    /// The run.
    pub invocation: Option<Fact>,
    /// How many dependencies the predicate lists, the source among them.
    pub dependencies: usize,
}

/// What the predicate alone says about the source.
#[derive(Debug, Default)]
pub(super) struct PredicateSource {
    pub(super) uri: Option<String>,
    pub(super) commit: Option<String>,
    pub(super) git_ref: Option<String>,
    pub(super) dependencies: usize,
}

/// Reads the source: the first dependency or material, which every generator in use puts first; otherwise v0.2's
/// configSource.
pub(super) fn predicate_source(provenance: &Provenance) -> PredicateSource {
    let (first, dependencies) = match provenance {
        Provenance::V01(p) => {
            (p.materials.first().map(|material| (material.uri.as_deref(), &material.digest)), p.materials.len())
        }
        Provenance::V02(p) => {
            let config = p.invocation.as_ref().and_then(|invocation| invocation.config_source.as_ref());
            let config = config.map(|config| (config.uri.as_deref(), &config.digest));
            (
                p.materials.first().map(|material| (material.uri.as_deref(), &material.digest)).or(config),
                p.materials.len(),
            )
        }
        Provenance::V1(p) => {
            let dependencies = &p.build_definition.resolved_dependencies;
            (dependencies.first().map(|first| (first.uri.as_deref(), &first.digest)), dependencies.len())
        }
    };
    let Some((Some(uri), digest)) = first else {
        return PredicateSource { dependencies, ..local_source(provenance).unwrap_or_default() };
    };
    let Some(parsed) = SourceUri::parse(uri) else { return PredicateSource { dependencies, ..Default::default() } };
    PredicateSource { uri: Some(parsed.canonical()), commit: commit(digest), git_ref: parsed.git_ref, dependencies }
}

/// A local build whose commit is not known lists no dependency; its source stands in the parameters alone
/// (`docs/buildtypes/local-v1.md`).
fn local_source(provenance: &Provenance) -> Option<PredicateSource> {
    let Provenance::V1(provenance) = provenance else { return None };
    let definition = &provenance.build_definition;
    if definition.build_type != local::BUILD_TYPE {
        return None;
    }
    let parameters = serde_json::from_value(Value::Object(definition.external_parameters.clone()));
    let source = parameters.ok().and_then(|read: ExternalParameters| read.source)?;
    let uri = source.uri.as_deref().and_then(SourceUri::parse).map(|uri| uri.canonical());
    Some(PredicateSource { uri, git_ref: source.git_ref, ..PredicateSource::default() })
}

/// A commit stands under `gitCommit`, or under `sha1` as older generators wrote it.
fn commit(digest: &DigestSet) -> Option<String> {
    digest.raw("gitCommit").or_else(|| digest.raw("sha1")).map(str::to_owned)
}

/// Joins what the certificate and the predicate say about one thing.
///
/// # Errors
/// `predicate-certificate-mismatch` when both speak and differ.
pub(super) fn join(
    field: &'static str,
    certificate: Option<String>,
    predicate: Option<String>,
) -> Result<Option<Fact>, BuilderError> {
    match (certificate, predicate) {
        (Some(certificate), Some(predicate)) if !source::same(&certificate, &predicate) => {
            Err(BuilderError::Disagreement { field, certificate, predicate })
        }
        (Some(value), Some(_)) => Ok(Some(Fact { value, backing: Backing::CertificateAndPredicate })),
        (Some(value), None) => Ok(Some(Fact { value, backing: Backing::Certificate })),
        (None, Some(value)) => Ok(Some(Fact { value, backing: Backing::Predicate })),
        (None, None) => Ok(None),
    }
}

/// A fact that only the predicate states.
pub(super) fn stated(value: &str) -> Fact {
    Fact { value: value.to_owned(), backing: Backing::Predicate }
}

/// Facts of a predicate that nothing but its signer backs.
pub(super) fn from_predicate(provenance: &Provenance) -> Facts {
    let source = predicate_source(provenance);
    let fact = |value: Option<String>| value.map(|value| Fact { value, backing: Backing::Predicate });
    Facts {
        builder_id: stated(provenance.builder_id()),
        predicate_builder_id: None,
        build_type: stated(provenance.build_type()),
        source_uri: fact(source.uri),
        source_commit: fact(source.commit),
        source_ref: fact(source.git_ref),
        trigger: None,
        runner: None,
        build_config: None,
        invocation: provenance.invocation_id().map(stated),
        dependencies: source.dependencies,
    }
}
