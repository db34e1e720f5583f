//! In-toto statements with SLSA provenance, coherent with the claims of a run.

use serde_json::Value;
use serde_json::json;

use super::claims::GitHub;
use super::digest::HashKind;

/// Payload type of in-toto statements.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// Type of statements, version 1.
pub const STATEMENT_V1: &str = "https://in-toto.io/Statement/v1";
/// Type of statements, version 0.1.
pub const STATEMENT_V01: &str = "https://in-toto.io/Statement/v0.1";
/// Predicate type of SLSA provenance 1.0.
pub const PROVENANCE_V1: &str = "https://slsa.dev/provenance/v1";
/// Predicate type of SLSA provenance 0.2.
pub const PROVENANCE_V02: &str = "https://slsa.dev/provenance/v0.2";

/// One subject, with the SHA-256 of `artifact`.
pub fn subject(name: &str, artifact: &[u8]) -> Value {
    json!({"name": name, "digest": {"sha256": HashKind::Sha256.hex(artifact)}})
}

/// A statement, version 1, with SLSA provenance 1.0 as GitHub's own generator writes it.
pub fn provenance(subjects: &Value, run: &GitHub) -> Value {
    json!({
        "_type": STATEMENT_V1,
        "subject": subjects,
        "predicateType": PROVENANCE_V1,
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {"workflow": {
                    "ref": run.reference,
                    "repository": run.repository_uri(),
                    "path": run.workflow_path,
                }},
                "internalParameters": {"github": {
                    "event_name": run.event,
                    "repository_id": run.repository_id,
                    "repository_owner_id": run.owner_id,
                    "runner_environment": run.runner,
                }},
                "resolvedDependencies": [{
                    "uri": format!("git+{}@{}", run.repository_uri(), run.reference),
                    "digest": {"gitCommit": run.commit},
                }],
            },
            "runDetails": {
                "builder": {"id": run.signer_uri()},
                "metadata": {"invocationId": run.run_uri()},
            },
        },
    })
}

/// A statement, version 0.1, with SLSA provenance 0.2 as slsa-github-generator writes it.
pub fn provenance_v02(subjects: &Value, run: &GitHub) -> Value {
    let uri = format!("git+{}@{}", run.repository_uri(), run.reference);
    json!({
        "_type": STATEMENT_V01,
        "subject": subjects,
        "predicateType": PROVENANCE_V02,
        "predicate": {
            "builder": {"id": run.signer_uri()},
            "buildType": "https://github.com/slsa-framework/slsa-github-generator/generic@v1",
            "invocation": {
                "configSource": {
                    "uri": uri,
                    "digest": {"sha1": run.commit},
                    "entryPoint": run.workflow_path,
                },
                "parameters": {},
                "environment": {
                    "github_event_name": run.event,
                    "github_ref": run.reference,
                    "github_repository_id": run.repository_id,
                    "github_repository_owner_id": run.owner_id,
                    "github_run_attempt": run.run_attempt,
                    "github_run_id": run.run_id,
                    "github_sha1": run.commit,
                },
            },
            "metadata": {
                "buildInvocationID": format!("{}-{}", run.run_id, run.run_attempt),
                "completeness": {"parameters": true, "environment": false, "materials": false},
                "reproducible": false,
            },
            "materials": [{"uri": uri, "digest": {"sha1": run.commit}}],
        },
    })
}
