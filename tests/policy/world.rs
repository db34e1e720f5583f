//! A trust domain, and what its builds and scans attest.

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::policy::document::evaluate::Candidate;
use sealmark::policy::document::evaluate::Completeness;
use sealmark::policy::document::evaluate::evaluate;
use sealmark::policy::document::model::Document;
use sealmark::policy::document::model::Log;
use sealmark::policy::document::model::Signers;
use sealmark::policy::document::outcome::Outcome;
use sealmark::policy::document::problem::Problem;
use sealmark::policy::document::problem::Problems;
use sealmark::policy::document::read;
use sealmark::policy::document::read::Files;
use sealmark::policy::document::yaml;
use sealmark::trust::key::sha256;
use sealmark::verify::Unlogged;
use sealmark::verify::Verifier;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;
use crate::support::virtual_sigstore::time;

pub(crate) const ARTIFACT: &[u8] = b"artifact bytes";
pub(crate) const NOW: &str = "2026-10-08T00:00:00Z";
/// cosign's type of scans.
pub(crate) const VULN: &str = "https://cosign.sigstore.dev/attestation/vuln/v1";

/// A run of the scanning workflow.
pub(crate) fn scan_run() -> GitHub {
    GitHub {
        workflow_path: ".github/workflows/scan.yml".to_owned(),
        workflow_name: "Scan".to_owned(),
        reference: "refs/heads/main".to_owned(),
        event: "schedule".to_owned(),
        ..GitHub::default()
    }
}

/// What a scan says, by the severities that it found.
pub(crate) fn scan_predicate(severities: &[&str]) -> Value {
    let found: Vec<Value> = severities
        .iter()
        .enumerate()
        .map(|(n, severity)| json!({"VulnerabilityID": format!("CVE-2026-{n:04}"), "Severity": severity}))
        .collect();
    json!({
        "invocation": {"parameters": null, "uri": "", "event_id": "", "builder.id": ""},
        "scanner": {
            "uri": "pkg:github/aquasecurity/trivy",
            "version": "0.60.0",
            "db": {"uri": "", "version": "2"},
            "result": {"Results": [{"Target": "app", "Vulnerabilities": found}, {"Target": "base"}]},
        },
        "metadata": {"scanStartedOn": "2026-10-04T11:30:00Z", "scanFinishedOn": "2026-10-04T11:31:00Z"},
    })
}

/// Provenance of a run.
pub(crate) fn provenance(sigstore: &VirtualSigstore, name: &str, artifact: &[u8], run: &GitHub) -> Spec {
    sigstore.spec_of(&json!([statement::subject(name, artifact)]), run)
}

/// A statement of any type, signed by a run.
pub(crate) fn stated(
    sigstore: &VirtualSigstore,
    (name, artifact): (&str, &[u8]),
    run: &GitHub,
    predicate_type: &str,
    predicate: Value,
) -> Spec {
    let mut spec = provenance(sigstore, name, artifact, run);
    spec.statement["predicateType"] = json!(predicate_type);
    spec.statement["predicate"] = predicate;
    spec
}

/// The same, signed at another time: certificate, SCT and log entry move together.
pub(crate) fn at(sigstore: &VirtualSigstore, spec: Spec, when: &str) -> Spec {
    let when = time(when);
    let before = |seconds: i64| when - jiff::SignedDuration::from_secs(seconds);
    let sct = crate::support::virtual_sigstore::Sct { time: before(4), ..sigstore.sct() };
    Spec {
        not_before: before(5),
        not_after: before(5) + jiff::SignedDuration::from_mins(10),
        scts: vec![sct],
        entries: vec![Entry { integrated_time: Some(when), ..sigstore.entry(Kind::Dsse001) }],
        ..spec
    }
}

pub(crate) fn artifact(name: &str, bytes: &[u8]) -> Artifact {
    Artifact::new(name.to_owned(), vec![Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).unwrap()]).unwrap()
}

/// Reads a policy; `root.json` is the trust domain's root, `key.pub` some key.
pub(crate) fn document(text: &str, sigstore: &VirtualSigstore) -> Result<Document, Vec<Problem>> {
    let mut files = Files::new();
    files.insert("root.json".to_owned(), Ok(sigstore.trusted_root().to_string().into_bytes()));
    let key = sigstore.public_key_pem(&sigstore.spec_key(ARTIFACT));
    files.insert("key.pub".to_owned(), Ok(key.into_bytes()));
    files.insert("gone.json".to_owned(), Err("no such file".to_owned()));
    let tree = yaml::parse(text.as_bytes()).map_err(|Problems(problems)| problems)?;
    read::read(&tree, &files).map_err(|Problems(problems)| problems)
}

/// Judges attestations about [`ARTIFACT`] as the program does: each verified by each verifier of the policy.
pub(crate) fn judge(document: &Document, sigstore: &VirtualSigstore, specs: &[Spec], now: &str) -> Outcome {
    judge_as(document, sigstore, specs, now, Completeness::Complete)
}

pub(crate) fn judge_as(
    document: &Document,
    sigstore: &VirtualSigstore,
    specs: &[Spec],
    now: &str,
    completeness: Completeness,
) -> Outcome {
    let now: Timestamp = now.parse().unwrap();
    let artifact = artifact("app.tar.gz", ARTIFACT);
    let verifiers: Vec<Verifier> = document
        .verifiers
        .iter()
        .map(|named| {
            let keys = match &named.signers {
                Signers::Keys(keys) => keys.clone(),
                Signers::Identities(_) => Vec::new(),
            };
            let verifier = Verifier::new(named.roots.clone(), keys);
            match named.log {
                Log::Required => verifier,
                Log::NotRequired => verifier.with_unlogged(Unlogged::Accept),
            }
        })
        .collect();
    let candidate = |spec: &Spec| {
        let bundle = Bundle::from_json(sigstore.mint(spec)).unwrap();
        Candidate { under: verifiers.iter().map(|one| one.verify(&bundle, &artifact, now).ok()).collect() }
    };
    let candidates: Vec<Candidate> = specs.iter().map(candidate).collect();
    evaluate(document, &artifact, &candidates, completeness, now)
}
