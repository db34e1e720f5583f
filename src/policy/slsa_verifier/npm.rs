//! Packages of npm: the provenance and the registry's attestation that it was published.

use serde_json::Value;

use crate::builders::generator;
use crate::builders::generator::Role;
use crate::builders::interpret;
use crate::builders::npm::RUNNER;
use crate::formats::certificate::Claim;
use crate::formats::provenance::Provenance;
use crate::policy::slsa_verifier::Command;
use crate::policy::slsa_verifier::Expectations;
use crate::policy::slsa_verifier::Refusal;
use crate::policy::slsa_verifier::builder_id::BuilderId;
use crate::policy::slsa_verifier::github;
use crate::policy::slsa_verifier::provenance;
use crate::policy::slsa_verifier::source;
use crate::trust::rings::Ring;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// The predicate type of the registry's attestation.
pub const PUBLISH: &str = "https://github.com/npm/attestation/tree/main/specs/publish/v0.1";

/// Kinds of runners (sigstore/fulcio, docs/oid-info.md, 1.3.6.1.4.1.57264.1.11).
const HOSTED: &str = "github-hosted";
const SELF_HOSTED: &str = "self-hosted";

/// The package that is expected.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// `--package-name`.
    pub name: Option<String>,
    /// `--package-version`.
    pub version: Option<String>,
}

/// Judges both attestations about one package; gives the builder that is trusted.
///
/// # Errors
/// [`Refusal`] with the first rule that is not met.
pub fn judge(
    built: VerifiedAttestation,
    published: &VerifiedAttestation,
    expected: &Expectations,
    package: &Package,
) -> Result<String, Refusal> {
    let predicate = provenance(&built)?;
    let certificate = github::signer(built.identity())?;
    let signer = BuilderId::parse(certificate.san.as_str())?;
    source::is_certificates(&expected.source_uri, &github::repository(certificate))?;
    let environment = certificate.claims.get(Claim::RunnerEnvironment);
    let Some(wanted) = &expected.builder_id else {
        let message = "expected --builder-id, found none";
        return Err(Refusal::new("ErrorInvalidBuilderID", "policy-builder-id", message));
    };
    let delegator = generator::workflow(signer.name()).filter(|workflow| workflow.role == Role::Delegator);
    let builder = if let Some(workflow) = delegator {
        if workflow.file != "delegator_lowperms-generic_slsa3.yml" {
            return Err(github::untrusted("the delegator with low permissions", &signer));
        }
        if environment.is_some_and(|environment| environment != HOSTED) {
            return Err(differs(HOSTED, environment.unwrap_or_default()));
        }
        github::judge(&built, &predicate, expected, Command::Artifact)?
    } else {
        runner(wanted, environment, predicate.builder_id(), &predicate)?;
        github::built(&predicate, expected)?;
        predicate.builder_id().to_owned()
    };
    interpret(built.clone()).map_err(|error| Refusal::from(&error))?;
    names(&built, package)?;
    publication(&built, published, package)?;
    Ok(builder)
}

/// The expected runner is the predicate's, and the kind that the certificate names. v0.2 predicates name the runner
/// without its kind.
fn runner(wanted: &BuilderId, environment: Option<&str>, found: &str, predicate: &Provenance) -> Result<(), Refusal> {
    let kind = match wanted.to_string().strip_prefix(RUNNER) {
        Some("") => None,
        Some("/github-hosted") => Some(HOSTED),
        Some("/self-hosted") => Some(SELF_HOSTED),
        _ => {
            let message = format!("expected {RUNNER}/{HOSTED}, found {wanted}");
            return Err(Refusal::new("ErrorNotSupported", "builder-id-mismatch", message));
        }
    };
    if kind.is_none() && matches!(predicate, Provenance::V1(_)) {
        let message = format!("expected the kind of runner behind {RUNNER}, found none");
        return Err(Refusal::new("ErrorInvalidBuilderID", "builder-id-mismatch", message));
    }
    let environment = environment.filter(|found| [HOSTED, SELF_HOSTED].contains(found)).ok_or_else(|| {
        let message = "expected a certificate that names the kind of runner, found none";
        Refusal::new("ErrorNotSupported", "runner-not-hosted", message)
    })?;
    // The runner without its kind is GitHub's own.
    if kind.unwrap_or(HOSTED) != environment {
        return Err(differs(&wanted.to_string(), environment));
    }
    if found == RUNNER || found == format!("{RUNNER}/{environment}") {
        return Ok(());
    }
    Err(differs(&wanted.to_string(), found))
}

fn differs(wanted: &str, found: &str) -> Refusal {
    Refusal::differs("ErrorMismatchBuilderID", "builder-id-mismatch", wanted, found)
}

/// The one subject is the expected package.
fn names(attestation: &VerifiedAttestation, package: &Package) -> Result<(), Refusal> {
    let [subject] = attestation.statement().subjects.as_slice() else {
        let found = attestation.statement().subjects.len();
        return Err(Refusal::new(
            "ErrorInvalidSubject",
            "claim-unverifiable",
            format!("expected one subject, found {found}"),
        ));
    };
    let text = subject.name.as_deref().unwrap_or_default();
    let purl = decode(text.strip_prefix("pkg:npm/").unwrap_or_default());
    let (name, version) = match purl.as_deref().and_then(|purl| purl.rsplit_once('@')) {
        Some((name, version)) if !name.is_empty() && !version.is_empty() => (name, version),
        _ => {
            let message = format!("expected a subject pkg:npm/NAME@VERSION, found {text:?}");
            return Err(Refusal::new("ErrorInvalidPackageName", "subject-mismatch", message));
        }
    };
    is_package(package, name, version)
}

fn is_package(package: &Package, name: &str, version: &str) -> Result<(), Refusal> {
    if let Some(wanted) = package.name.as_deref().filter(|wanted| *wanted != name) {
        return Err(Refusal::differs("ErrorMismatchPackageName", "subject-mismatch", wanted, name));
    }
    if let Some(wanted) = package.version.as_deref().filter(|wanted| *wanted != version) {
        return Err(Refusal::differs("ErrorMismatchPackageVersion", "subject-mismatch", wanted, version));
    }
    Ok(())
}

/// The registry says that it published this package, by its predicate and by its subject. slsa-verifier never looks at
/// the subject's name.
fn publication(built: &VerifiedAttestation, published: &VerifiedAttestation, package: &Package) -> Result<(), Refusal> {
    let statement = published.statement();
    if statement.predicate_type != PUBLISH {
        return Err(Refusal::differs(
            "ErrorInvalidDssePayload",
            "predicate-type-mismatch",
            PUBLISH,
            &statement.predicate_type,
        ));
    }
    if !matches!(published.identity(), Identity::Key { ring: Ring::NpmRegistry, .. }) {
        let message = "expected an attestation that the registry signed";
        return Err(Refusal::new("ErrorInvalidSignature", "signer-not-key", message));
    }
    let predicate = statement.predicate().ok();
    let field =
        |name: &str| predicate.and_then(|predicate| predicate.get(name)).and_then(Value::as_str).unwrap_or_default();
    is_package(package, field("name"), field("version"))?;
    names(published, package)?;
    let subject =
        |attestation: &VerifiedAttestation| attestation.statement().subjects.first().and_then(|one| one.name.clone());
    let purl = format!("{}@{}", field("name"), field("version"));
    let named = subject(published).and_then(|text| decode(text.strip_prefix("pkg:npm/")?));
    if subject(built) != subject(published) || named.as_deref() != Some(purl.as_str()) {
        let found = subject(published).unwrap_or_default();
        return Err(Refusal::differs(
            "ErrorMismatchPackageName",
            "subject-mismatch",
            &subject(built).unwrap_or_default(),
            &found,
        ));
    }
    Ok(())
}

/// Percent-decodes a package URL's name (purl specification, "character encoding").
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let (high, low) = (rest.next().and_then(digit)?, rest.next().and_then(digit)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_percent_decoded() {
        assert_eq!(decode("%40scope/name@1.0.0").as_deref(), Some("@scope/name@1.0.0"));
        assert_eq!(decode("name@1.0.0").as_deref(), Some("name@1.0.0"));
        assert_eq!(decode("%41%2f%7E").as_deref(), Some("A/~"));
        for bad in ["%4", "%", "%zz", "%ff"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
    }
}
