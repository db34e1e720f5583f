//! Facts about a build, each with what backs it.

use serde_json::Map;
use serde_json::Value;

use crate::builders::BuilderError;
use crate::builders::predicate::Said;
use crate::builders::predicate::Stated;
use crate::builders::source;
use crate::formats::provenance::Provenance;

/// What stands behind a fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backing {
    /// The certificate authority checked it against the platform's token.
    Certificate,
    /// The same, and the predicate says it too.
    CertificateAndPredicate,
    /// A delegator of slsa-github-generator, which the certificate names, says that it called this builder.
    Delegator,
    /// The predicate says so; the signer's word.
    Predicate,
}

impl Backing {
    /// Whether somebody else than the signer of the predicate stands behind it.
    pub fn is_independent(self) -> bool {
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
    /// The workload that signed, as its certificate names it.
    pub signer: Option<Fact>,
    /// The commit of the signing workload's own definition.
    pub builder_digest: Option<Fact>,
    /// How the parameters are to be read.
    pub build_type: Fact,
    /// The source repository, normalised: `git+https://host/path`.
    pub source_uri: Option<Fact>,
    /// The commit.
    pub source_commit: Option<Fact>,
    /// The full ref: `refs/heads/…`, `refs/tags/…`.
    pub source_ref: Option<Fact>,
    /// The branch, in full: `source_ref` where that is a branch; for a tag, the branch that the event says it is on.
    pub source_branch: Option<Fact>,
    /// What started the build.
    pub trigger: Option<Fact>,
    /// `github-hosted`, `self-hosted`, ….
    pub runner: Option<Fact>,
    /// The top-level workflow, with its repository and ref.
    pub build_config: Option<Fact>,
    /// The path of the top-level workflow in its repository.
    pub workflow_path: Option<Fact>,
    /// The run.
    pub invocation: Option<Fact>,
    /// What somebody typed when the workflow was dispatched by hand; None when it was not. The predicate's word.
    pub inputs: Option<Map<String, Value>>,
    /// How many dependencies the predicate lists, the source among them.
    pub dependencies: usize,
}

/// Joins what the certificate and the predicate say about one thing. The predicate may say it in several places.
///
/// # Errors
/// `predicate-inconsistent` when the predicate says two things, `predicate-certificate-mismatch` when both speak and
/// differ.
pub(super) fn join(
    field: &'static str,
    certificate: Option<String>,
    said: &[Said],
) -> Result<Option<Fact>, BuilderError> {
    let Some((first, rest)) = said.split_first() else {
        return Ok(certificate.map(|value| Fact { value, backing: Backing::Certificate }));
    };
    if let Some(other) = rest.iter().find(|other| !source::same(&first.value, &other.value)) {
        return Err(BuilderError::Inconsistent { field, first: first.to_string(), second: other.to_string() });
    }
    match certificate {
        Some(certificate) if !source::same(&certificate, &first.value) => {
            Err(BuilderError::Disagreement { field, certificate, predicate: first.value.clone() })
        }
        Some(value) => Ok(Some(Fact { value, backing: Backing::CertificateAndPredicate })),
        None => Ok(Some(Fact { value: first.value.clone(), backing: Backing::Predicate })),
    }
}

/// A fact that only the predicate states.
pub(super) fn stated(value: &str) -> Fact {
    Fact { value: value.to_owned(), backing: Backing::Predicate }
}

/// Facts of a predicate that nothing but its signer backs.
///
/// # Errors
/// `predicate-inconsistent`.
pub(super) fn from_predicate(provenance: &Provenance, stated_facts: &Stated) -> Result<Facts, BuilderError> {
    let source_ref = join("source ref", None, &stated_facts.refs)?;
    Ok(Facts {
        builder_id: stated(provenance.builder_id()),
        predicate_builder_id: None,
        signer: None,
        builder_digest: None,
        build_type: stated(provenance.build_type()),
        source_uri: join("source repository", None, &stated_facts.uris)?,
        source_commit: join("source commit", None, &stated_facts.commits)?,
        source_branch: branch(source_ref.as_ref(), stated_facts),
        source_ref,
        trigger: join("trigger", None, &stated_facts.triggers)?,
        runner: join("runner", None, &stated_facts.runners)?,
        build_config: join("workflow", None, &stated_facts.configs)?,
        workflow_path: join("workflow path", None, &stated_facts.workflow_paths)?,
        invocation: provenance.invocation_id().map(stated),
        inputs: stated_facts.inputs.clone(),
        dependencies: stated_facts.dependencies,
    })
}

/// The branch of a ref: itself, or, of a tag, the one that the event names.
pub(super) fn branch(source_ref: Option<&Fact>, stated_facts: &Stated) -> Option<Fact> {
    let source_ref = source_ref?;
    if source_ref.value.starts_with("refs/heads/") {
        return Some(source_ref.clone());
    }
    let of_tag = source_ref.value.starts_with("refs/tags/");
    stated_facts.branch_of_tag.as_deref().filter(|_| of_tag).map(stated)
}
