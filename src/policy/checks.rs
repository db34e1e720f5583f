//! The checks of a policy, one function each.

use crate::builders::Backing;
use crate::builders::Fact;
use crate::builders::VerifiedProvenance;
use crate::builders::source::SourceUri;
use crate::policy::Finding;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Every code of this file.
pub(super) const CODES: &[&str] = &[
    "predicate-type-mismatch",
    "signer-not-key",
    "signer-not-certificate",
    "identity-mismatch",
    "issuer-mismatch",
    "fact-unbacked",
    "builder-id-mismatch",
    "source-uri-mismatch",
    "source-ref-mismatch",
    "source-version-mismatch",
];

/// A whole type URI must be equal; there is no matching of prefixes.
pub(super) fn predicate_type(attestation: &VerifiedAttestation, expected: &[String]) -> Vec<Finding> {
    let found = &attestation.statement().predicate_type;
    if expected.contains(found) {
        return Vec::new();
    }
    vec![Finding {
        code: "predicate-type-mismatch",
        expected: expected.join(" or "),
        found: found.clone(),
        backing: Some(Backing::Predicate),
    }]
}

/// The signer is of the kind and name expected.
pub(super) fn signer(identity: &Identity, expected: &Signer) -> Vec<Finding> {
    let finding = |code, expected: String, found: String| Finding { code, expected, found, backing: None };
    match (expected, identity) {
        (Signer::ByFacts, _) | (Signer::TrustedKey, Identity::Key { .. }) => Vec::new(),
        (Signer::TrustedKey, Identity::Workload(certificate) | Identity::Person(certificate)) => {
            let found = format!("a certificate of {}", certificate.san.as_str());
            vec![finding("signer-not-key", "a signature by the given key".to_owned(), found)]
        }
        (Signer::Certificate { identity, .. }, Identity::Key { fingerprint, .. }) => {
            let expected = format!("a certificate of {identity}");
            vec![finding("signer-not-certificate", expected, format!("the key {fingerprint}"))]
        }
        (Signer::Certificate { identity, issuer }, Identity::Workload(found) | Identity::Person(found)) => {
            let name = found.san.as_str();
            let backing = Some(Backing::Certificate);
            let mut findings = Vec::new();
            if !identity.accepts(name) {
                let (code, expected, found) = ("identity-mismatch", identity.to_string(), name.to_owned());
                findings.push(Finding { code, expected, found, backing });
            }
            if !issuer.accepts(&found.issuer) {
                let (code, expected, found) = ("issuer-mismatch", issuer.to_string(), found.issuer.clone());
                findings.push(Finding { code, expected, found, backing });
            }
            findings
        }
    }
}

/// What provenance says about the build.
pub(super) fn slsa(provenance: &VerifiedProvenance, expected: &Slsa, signer: &Signer) -> Vec<Finding> {
    let facts = provenance.facts();
    let mut findings = Vec::new();
    // A signer nobody named may write anything into a predicate: then only the certificate's word counts.
    let certificate_only =
        matches!(signer, Signer::ByFacts) && provenance.attestation().identity().certificate().is_some();
    let mut check = |code, expected: String, fact: Option<&Fact>, accepts: &dyn Fn(&str) -> bool| match fact {
        Some(fact) if accepts(&fact.value) => {
            if certificate_only && !fact.backing.by_certificate() {
                let expected = format!("{expected}, backed by the certificate");
                let found = format!("{}, only in the predicate", fact.value);
                findings.push(Finding { code: "fact-unbacked", expected, found, backing: Some(fact.backing) });
            }
        }
        Some(fact) => {
            findings.push(Finding { code, expected, found: fact.value.clone(), backing: Some(fact.backing) });
        }
        None => findings.push(Finding { code, expected, found: "nothing".to_owned(), backing: None }),
    };
    if let Some(builder_id) = &expected.builder_id {
        let accepts = |found: &str| builder_id.accepts(found);
        check("builder-id-mismatch", builder_id.to_string(), Some(&facts.builder_id), &accepts);
    }
    if let Some(source) = &expected.source_uri {
        let accepts = |found: &str| SourceUri::parse(found).is_some_and(|found| source.same_repository(&found));
        check("source-uri-mismatch", source.canonical(), facts.source_uri.as_ref(), &accepts);
    }
    match &expected.source_ref {
        SourceRef::Any => {}
        SourceRef::Exactly(full_ref) => {
            let accepts = |found: &str| found == full_ref;
            check("source-ref-mismatch", full_ref.clone(), facts.source_ref.as_ref(), &accepts);
        }
        SourceRef::Version(version) => {
            let accepts = |found: &str| version.accepts(found);
            check("source-version-mismatch", version.to_string(), facts.source_ref.as_ref(), &accepts);
        }
    }
    findings
}
