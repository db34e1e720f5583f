//! The checks of a policy, one function each.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;

use crate::builders::Backing;
use crate::builders::Fact;
use crate::builders::VerifiedProvenance;
use crate::builders::source::SourceUri;
use crate::formats::certificate::Claim;
use crate::formats::json;
use crate::policy::BuilderId;
use crate::policy::Finding;
use crate::policy::Require;
use crate::policy::Runner;
use crate::policy::Signer;
use crate::policy::Slsa;
use crate::policy::SourceRef;
use crate::policy::marks::claim_word;
use crate::trust::rings::Ring;
use crate::verify::CertificateIdentity;
use crate::verify::Identity;
use crate::verify::VerifiedAttestation;

/// Every code of this file.
pub(super) const CODES: &[&str] = &[
    "predicate-type-mismatch",
    "signer-not-key",
    "signer-not-certificate",
    "identity-mismatch",
    "issuer-mismatch",
    "certificate-claim-mismatch",
    "annotation-mismatch",
    "fact-unbacked",
    "builder-id-mismatch",
    "source-uri-mismatch",
    "source-ref-mismatch",
    "source-version-mismatch",
    "source-commit-mismatch",
    "workflow-path-mismatch",
    "trigger-mismatch",
    "runner-not-hosted",
    "build-type-mismatch",
    "signer-workflow-mismatch",
    "signer-repository-mismatch",
    "signer-digest-mismatch",
    "builder-ref-mutable",
    "input-mismatch",
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
        (Signer::ByFacts, _)
        | (Signer::TrustedKey, Identity::Key { ring: Ring::Named, .. })
        | (Signer::ListedKey, Identity::Key { .. }) => Vec::new(),
        (Signer::TrustedKey, Identity::Key { voucher, .. }) => {
            vec![finding("signer-not-key", "a signature by the given key".to_owned(), format!("a key of {voucher}"))]
        }
        (Signer::TrustedKey | Signer::ListedKey, Identity::Workload(certificate) | Identity::Person(certificate)) => {
            let found = format!("a certificate of {}", certificate.san.as_str());
            vec![finding("signer-not-key", "a signature by the given key".to_owned(), found)]
        }
        (Signer::Certificate { identity, .. }, Identity::Key { fingerprint, .. }) => {
            let expected = format!("a certificate of {identity}");
            vec![finding("signer-not-certificate", expected, format!("the key {fingerprint}"))]
        }
        (Signer::AnyOf(pairs), Identity::Key { fingerprint, .. }) => {
            let names: Vec<_> = pairs.iter().map(|(identity, _)| identity.to_string()).collect();
            let expected = format!("a certificate of {}", names.join(" or "));
            vec![finding("signer-not-certificate", expected, format!("the key {fingerprint}"))]
        }
        (Signer::Certificate { identity, issuer }, Identity::Workload(found) | Identity::Person(found)) => {
            certificate(found, identity, issuer)
        }
        (Signer::AnyOf(pairs), Identity::Workload(found) | Identity::Person(found)) => {
            let each = pairs.iter().map(|(identity, issuer)| certificate(found, identity, issuer));
            any_of(each.collect())
        }
    }
}

/// Name and issuer of a certificate.
fn certificate(certificate: &CertificateIdentity, identity: &Require, issuer: &Require) -> Vec<Finding> {
    let name = certificate.san.as_str();
    let backing = Some(Backing::Certificate);
    let mut findings = Vec::new();
    if !identity.accepts(name) {
        let (code, expected, found) = ("identity-mismatch", identity.to_string(), name.to_owned());
        findings.push(Finding { code, expected, found, backing });
    }
    if !issuer.accepts(&certificate.issuer) {
        let (code, expected, found) = ("issuer-mismatch", issuer.to_string(), certificate.issuer.clone());
        findings.push(Finding { code, expected, found, backing });
    }
    findings
}

/// Nothing where one of several is met; else what the closest of them lack, together.
fn any_of(each: Vec<Vec<Finding>>) -> Vec<Finding> {
    let least = each.iter().map(Vec::len).min().unwrap_or_default();
    let mut closest = each.into_iter().filter(|findings| findings.len() == least);
    let mut findings = closest.next().unwrap_or_default();
    for finding in closest.flatten() {
        match findings.iter_mut().find(|one| one.code == finding.code) {
            Some(one) if one.expected == finding.expected => {}
            Some(one) => one.expected = format!("{} or {}", one.expected, finding.expected),
            None => findings.push(finding),
        }
    }
    findings
}

/// The certificate says each of these, to the letter. A key has no certificate, so it says none.
pub(super) fn claims(identity: &Identity, expected: &BTreeMap<Claim, String>) -> Vec<Finding> {
    let certificate = identity.certificate();
    let check = |(claim, expected): (&Claim, &String)| {
        let found = certificate.and_then(|certificate| certificate.claims.get(*claim));
        let name = claim_word(*claim);
        (found != Some(expected.as_str())).then(|| Finding {
            code: "certificate-claim-mismatch",
            expected: format!("{name}={expected}"),
            found: match (certificate, found) {
                (None, _) => "no certificate".to_owned(),
                (Some(_), None) => format!("no {name}"),
                (Some(_), Some(found)) => format!("{name}={found}"),
            },
            backing: found.map(|_| Backing::Certificate),
        })
    };
    expected.iter().filter_map(check).collect()
}

/// The subject that is the artifact has each of these annotations, as a text that is equal to the letter. Other subjects
/// say nothing about it.
pub(super) fn annotations(attestation: &VerifiedAttestation, expected: &BTreeMap<String, String>) -> Vec<Finding> {
    let subject = attestation.subject();
    let members = subject.and_then(|subject| subject.extra.get("annotations")).and_then(Value::as_object);
    let check = |(key, expected): (&String, &String)| {
        let found = members.and_then(|members| members.get(key));
        (found.and_then(Value::as_str) != Some(expected)).then(|| Finding {
            code: "annotation-mismatch",
            expected: format!("{key}={expected}"),
            found: match found {
                None => format!("no {key}"),
                Some(Value::String(found)) => format!("{key}={found}"),
                Some(other) => format!("{key} is {}", json::kind(other)),
            },
            backing: found.map(|_| Backing::Predicate),
        })
    };
    expected.iter().filter_map(check).collect()
}

/// What provenance says about the build.
pub(super) fn slsa(provenance: &VerifiedProvenance, expected: &Slsa, signer: &Signer) -> Vec<Finding> {
    let facts = provenance.facts();
    // A signer nobody named may write anything into a predicate: then only what somebody else backs counts.
    let certified = provenance.attestation().identity().certificate().is_some();
    let anybody = match signer {
        Signer::ByFacts => true,
        Signer::TrustedKey | Signer::ListedKey => false,
        Signer::Certificate { identity, issuer } => {
            [identity, issuer].into_iter().any(|one| matches!(one, Require::Any))
        }
        Signer::AnyOf(pairs) => {
            pairs.iter().any(|(identity, issuer)| [identity, issuer].into_iter().any(|one| matches!(one, Require::Any)))
        }
    };
    let unnamed = anybody && certified;
    let findings = builder(provenance, expected, unnamed);
    // Whoever names a builder or the workflow that signed, and finds it in the certificate, has named the signer.
    let named = (expected.builder_id.is_some() || expected.signer_workflow.is_some()) && findings.is_empty();
    let mut checks = Checks { independent_only: unnamed && !named, findings };
    if let Some(source) = &expected.source_uri {
        let accepts = |found: &str| SourceUri::parse(found).is_some_and(|found| source.same_repository(&found));
        checks.fact("source-uri-mismatch", source.canonical(), facts.source_uri.as_ref(), &accepts);
    }
    match &expected.source_ref {
        SourceRef::Any => {}
        SourceRef::Exactly(full_ref) => {
            let accepts = |found: &str| found == full_ref;
            checks.fact("source-ref-mismatch", full_ref.clone(), facts.source_ref.as_ref(), &accepts);
        }
        SourceRef::Branch(full_ref) => {
            let accepts = |found: &str| found == full_ref;
            let branch = facts.source_branch.as_ref().or(facts.source_ref.as_ref());
            checks.fact("source-ref-mismatch", full_ref.clone(), branch, &accepts);
        }
        SourceRef::Version(version) => {
            let accepts = |found: &str| version.accepts(found);
            checks.fact("source-version-mismatch", version.to_string(), facts.source_ref.as_ref(), &accepts);
        }
    }
    checks.require("source-commit-mismatch", &expected.source_commit, facts.source_commit.as_ref());
    checks.require("workflow-path-mismatch", &expected.workflow_path, facts.workflow_path.as_ref());
    checks.require("trigger-mismatch", &expected.trigger, facts.trigger.as_ref());
    checks.require("signer-digest-mismatch", &expected.signer_digest, facts.builder_digest.as_ref());
    if !matches!(expected.build_type, Require::Any) && !expected.build_type.accepts(&facts.build_type.value) {
        let (expected, found) = (expected.build_type.to_string(), facts.build_type.value.clone());
        let backing = Some(facts.build_type.backing);
        checks.findings.push(Finding { code: "build-type-mismatch", expected, found, backing });
    }
    if expected.runner == Runner::Hosted {
        let accepts = |found: &str| HOSTED.contains(&found);
        // Whoever owns the machine may write what he likes about it, so no signer with a certificate says it himself.
        let mut strict = Checks { independent_only: certified, findings: Vec::new() };
        strict.fact("runner-not-hosted", HOSTED.join(" or "), facts.runner.as_ref(), &accepts);
        checks.findings.extend(strict.findings);
    }
    checks.inputs(&expected.inputs, facts.inputs.as_ref());
    checks.findings
}

/// Runner environments that a platform runs itself (sigstore/fulcio, docs/oid-info.md, 1.3.6.1.4.1.57264.1.11).
pub const HOSTED: &[&str] = &["github-hosted", "gitlab-hosted"];

/// Who built, and which workflow signed.
fn builder(provenance: &VerifiedProvenance, expected: &Slsa, independent_only: bool) -> Vec<Finding> {
    let facts = provenance.facts();
    let mut checks = Checks { independent_only, findings: Vec::new() };
    if let Some(builder_id) = &expected.builder_id {
        let accepts = |found: &str| builder_id.accepts(found);
        // The npm command line names the kind of runner, which the certificate confirms.
        let confirmed = facts.predicate_builder_id.as_ref().filter(|fact| fact.backing.is_independent());
        let fact = confirmed.filter(|fact| accepts(&fact.value)).unwrap_or(&facts.builder_id);
        checks.fact("builder-id-mismatch", builder_id.to_string(), Some(fact), &accepts);
    }
    if let Some(workflow) = &expected.signer_workflow {
        let accepts = |found: &str| workflow.accepts(found);
        checks.fact("signer-workflow-mismatch", workflow.to_string(), facts.signer.as_ref(), &accepts);
    }
    if let Some(repository) = &expected.signer_repository {
        let accepts = |found: &str| repository.holds(found);
        checks.fact("signer-repository-mismatch", repository.canonical(), facts.signer.as_ref(), &accepts);
    }
    // A generator is trusted as a release; a branch of it may hold anything, and a commit may be of anybody's fork. Whoever
    // names another ref has asked for that one: of the builder that a delegator called, not of the delegator.
    let names_ref = |named: &Option<BuilderId>| named.as_ref().is_some_and(BuilderId::names_ref);
    let (builder_asked, workflow_asked) = (names_ref(&expected.builder_id), names_ref(&expected.signer_workflow));
    let signer_asked = workflow_asked || (builder_asked && !provenance.is_delegated());
    let signer = provenance.unreleased_signer().filter(|_| !signer_asked);
    let called = provenance.unreleased_called().filter(|_| !builder_asked);
    for fact in signer.into_iter().chain(called) {
        let expected = "a release, refs/tags/vX.Y.Z".to_owned();
        let (found, backing) = (fact.value.clone(), Some(fact.backing));
        checks.findings.push(Finding { code: "builder-ref-mutable", expected, found, backing });
    }
    checks.findings
}

/// The findings so far, and whose word counts.
struct Checks {
    independent_only: bool,
    findings: Vec<Finding>,
}

impl Checks {
    fn require(&mut self, code: &'static str, expected: &Require, fact: Option<&Fact>) {
        if !matches!(expected, Require::Any) {
            self.fact(code, expected.to_string(), fact, &|found| expected.accepts(found));
        }
    }

    fn fact(&mut self, code: &'static str, expected: String, fact: Option<&Fact>, accepts: &dyn Fn(&str) -> bool) {
        match fact {
            Some(fact) if accepts(&fact.value) => {
                if self.independent_only && !fact.backing.is_independent() {
                    let expected = format!("{expected}, backed by the certificate");
                    let found = format!("{}, only in the predicate", fact.value);
                    self.findings.push(Finding { code: "fact-unbacked", expected, found, backing: Some(fact.backing) });
                }
            }
            Some(fact) => {
                let (found, backing) = (fact.value.clone(), Some(fact.backing));
                self.findings.push(Finding { code, expected, found, backing });
            }
            None => self.findings.push(Finding { code, expected, found: "nothing".to_owned(), backing: None }),
        }
    }

    /// Each input is a text and the expected one; no certificate knows them.
    fn inputs(&mut self, expected: &BTreeMap<String, String>, found: Option<&Map<String, Value>>) {
        for (key, value) in expected {
            let fact = found.and_then(|inputs| inputs.get(key)).map(|found| Fact {
                value: found.as_str().map_or_else(|| found.to_string(), str::to_owned),
                backing: Backing::Predicate,
            });
            let text = found.and_then(|inputs| inputs.get(key)).is_some_and(Value::is_string);
            let accepts = |found: &str| text && found == value;
            self.fact("input-mismatch", format!("{key}={value}"), fact.as_ref(), &accepts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::key::KeyKind;

    /// A ring is believed by whoever listed it, and never taken for the key that was named.
    #[test]
    fn a_key_of_a_ring_is_one_of_those_listed_and_not_the_one_named() {
        for (ring, listed, named) in [
            (Ring::Named, None, None),
            (Ring::GoogleCloudBuild, None, Some("signer-not-key")),
            (Ring::NpmRegistry, None, Some("signer-not-key")),
        ] {
            let (voucher, fingerprint) = ("somebody".to_owned(), "sha256:00".to_owned());
            let identity = Identity::Key { voucher, ring, keyid: None, kind: KeyKind::EcdsaP256, fingerprint };
            let code = |expected| signer(&identity, &expected).first().map(|finding| finding.code);
            assert_eq!((code(Signer::ListedKey), code(Signer::TrustedKey)), (listed, named), "{ring:?}");
        }
    }
}
