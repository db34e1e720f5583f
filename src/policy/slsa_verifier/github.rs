//! Provenance of workflows on GitHub Actions: signer, builder, source, ref, inputs.

use crate::builders::environment::GithubEnvironment;
use crate::builders::generator;
use crate::builders::generator::Role;
use crate::builders::github;
use crate::formats::certificate::Claim;
use crate::formats::provenance::Provenance;
use crate::policy::slsa_verifier::Command;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::builder_id;
use crate::policy::slsa_verifier::builder_id::BuilderId;
use crate::policy::slsa_verifier::builder_id::Versions;
use crate::policy::slsa_verifier::refs;
use crate::policy::slsa_verifier::refs::Refs;
use crate::policy::slsa_verifier::source;
use crate::policy::slsa_verifier::source::SourceNames;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Every rule in slsa-verifier's order; gives the builder that is trusted.
pub(super) fn judge(
    attestation: &VerifiedAttestation,
    provenance: &Provenance,
    expected: &Expectations,
    command: Command,
) -> Result<String, Refusal> {
    let certificate = signer(attestation.identity())?;
    let signer = BuilderId::parse(certificate.san.as_str())?;
    let known = generator::workflow(signer.name());
    let delegator = known.is_some_and(|workflow| workflow.role == Role::Delegator) && command == Command::Artifact;
    if delegator {
        builder_id::released(&signer, None, &expected.builder_refs)?;
    } else {
        let trusted = match &expected.builder_id {
            Some(expected) => signer.is(expected, Versions::TagOrRef),
            None => known.is_some_and(|workflow| command.trusts(workflow.role)),
        };
        if !trusted {
            let wanted = expected
                .builder_id
                .as_ref()
                .map_or("a builder of slsa-github-generator".to_owned(), BuilderId::to_string);
            return Err(untrusted(&wanted, &signer));
        }
        builder_id::released(&signer, expected.builder_id.as_ref(), &expected.builder_refs)?;
    }
    source::is_certificates(&expected.source_uri, &repository(certificate))?;
    writes(attestation, provenance, &signer)?;
    let builder = if delegator {
        called(provenance, expected)?
    } else {
        if provenance.builder_id() != signer.to_string() {
            let (wanted, found) = (signer.to_string(), provenance.builder_id());
            return Err(Refusal::differs("ErrorMismatchBuilderID", "predicate-certificate-mismatch", &wanted, found));
        }
        signer
    };
    built(provenance, expected)?;
    Ok(builder.to_string())
}

/// Source, ref and inputs: what slsa-verifier asks of every predicate of GitHub Actions.
pub(super) fn built(provenance: &Provenance, expected: &Expectations) -> Result<(), Refusal> {
    let (trigger, source) = (trigger_uri(provenance), source_uri(provenance));
    let delegated = provenance.build_type() == generator::DELEGATED_BUILD_TYPE;
    let without_ref = delegated || provenance.build_type() == "https://github.com/npm/cli/gha@v1";
    let names = if without_ref { SourceNames::ARepository } else { SourceNames::TheTrigger };
    source::check(&expected.source_uri, &trigger, &source, names)?;
    let environment = GithubEnvironment::of(provenance);
    if expected.branch.is_some() || expected.tag.is_some() || expected.versioned_tag.is_some() {
        refs::check(expected, &found_refs(provenance, delegated, &trigger, &source, environment)?)?;
    }
    refs::inputs(&expected.inputs, environment)
}

fn found_refs(
    provenance: &Provenance,
    delegated: bool,
    trigger: &str,
    source: &str,
    environment: Option<GithubEnvironment<'_>>,
) -> Result<Refs, Refusal> {
    match environment {
        _ if delegated => refs::of_ref(source::split_ref(source).1, environment),
        Some(variables) if variables.get("REF_TYPE").is_some() => refs::of_environment(variables),
        // npm's and GitHub's own predicates name no type of ref.
        _ if matches!(provenance, Provenance::V1(_)) || environment.is_some() => {
            refs::of_ref(source::split_ref(trigger).1, environment)
        }
        _ => Err(Refusal::new(
            "ErrorInvalidDssePayload",
            "predicate-field-missing",
            "expected an environment, found none",
        )),
    }
}

/// The certificate of a workflow on GitHub Actions itself.
pub(super) fn signer(identity: &Identity) -> Result<&CertificateIdentity, Refusal> {
    match identity.certificate() {
        Some(certificate) if certificate.issuer == github::ISSUER => Ok(certificate),
        found => {
            let found = found.map_or("no certificate", |certificate| certificate.issuer.as_str());
            Err(Refusal::differs("ErrorInvalidOIDCIssuer", "issuer-mismatch", github::ISSUER, found))
        }
    }
}

/// Owner and name of the source repository.
pub(super) fn repository(certificate: &CertificateIdentity) -> String {
    let claims = &certificate.claims;
    let uri = claims.get(Claim::SourceRepositoryUri).and_then(|uri| uri.strip_prefix("https://github.com/"));
    uri.or_else(|| claims.get(Claim::GithubWorkflowRepository)).unwrap_or_default().to_owned()
}

pub(super) fn untrusted(expected: &str, found: &BuilderId) -> Refusal {
    let found = found.to_string();
    Refusal::differs("ErrorUntrustedReusableWorkflow", "builder-id-mismatch", expected, &found)
}

/// A workflow of slsa-github-generator signed what it writes. slsa-verifier wants that of every signer, so that no other
/// workflow can be trusted; here one that was named may write any build type.
fn writes(attestation: &VerifiedAttestation, provenance: &Provenance, signer: &BuilderId) -> Result<(), Refusal> {
    let Some(workflow) = generator::workflow(signer.name()) else { return Ok(()) };
    let found = (attestation.statement().predicate_type.as_str(), provenance.build_type());
    if workflow.writes.contains(&found) {
        return Ok(());
    }
    let message = format!("expected what {} writes, found {} in {}", workflow.file, found.1, found.0);
    Err(Refusal::new("ErrorInvalidDssePayload", "build-type-foreign", message))
}

/// The builder that a delegator says it called.
fn called(provenance: &Provenance, expected: &Expectations) -> Result<BuilderId, Refusal> {
    let text = provenance.builder_id();
    let invalid = |message: String| Refusal::new("ErrorInvalidBuilderID", "delegated-builder-id", message);
    let called = match BuilderId::parse(text) {
        Ok(called) if called.version().is_some() => called,
        _ => return Err(invalid(format!("expected a builder id with one @, found {text:?}"))),
    };
    builder_id::released(&called, expected.builder_id.as_ref(), &expected.builder_refs)?;
    match &expected.builder_id {
        Some(wanted) if !called.is(wanted, Versions::TagOrRef) => {
            Err(Refusal::differs("ErrorMismatchBuilderID", "builder-id-mismatch", &wanted.to_string(), text))
        }
        None if !called.name().starts_with(generator::WORKFLOWS) => {
            Err(invalid(format!("expected a builder below {}, found {text:?}", generator::WORKFLOWS)))
        }
        _ => Ok(called),
    }
}

/// What triggered the build, with its ref.
fn trigger_uri(provenance: &Provenance) -> String {
    match provenance {
        Provenance::V01(_) => String::new(),
        Provenance::V02(predicate) => {
            let config = predicate.invocation.as_ref().and_then(|invocation| invocation.config_source.as_ref());
            config.and_then(|config| config.uri.clone()).unwrap_or_default()
        }
        Provenance::V1(predicate) => {
            let workflow = predicate.build_definition.external_parameters.get("workflow");
            let field = |name: &str| workflow.and_then(|workflow| workflow.get(name)).and_then(|value| value.as_str());
            if let (Some(repository), Some(full_ref)) = (field("repository"), field("ref")) {
                return format!("{repository}@{full_ref}");
            }
            // owner/name/.github/workflows/file@ref
            let config = GithubEnvironment::of(provenance).and_then(|variables| variables.text("WORKFLOW_REF"));
            let (path, full_ref) = source::split_ref(config.unwrap_or_default());
            let repository: Vec<&str> = path.splitn(3, '/').take(2).collect();
            format!("git+https://github.com/{}@{full_ref}", repository.join("/"))
        }
    }
}

/// What was built, with its ref.
fn source_uri(provenance: &Provenance) -> String {
    let uri = match provenance {
        Provenance::V01(predicate) => predicate.materials.first().and_then(|material| material.uri.as_deref()),
        Provenance::V02(predicate) => predicate.materials.first().and_then(|material| material.uri.as_deref()),
        Provenance::V1(predicate) => {
            predicate.build_definition.resolved_dependencies.first().and_then(|one| one.uri.as_deref())
        }
    };
    uri.unwrap_or_default().to_owned()
}
