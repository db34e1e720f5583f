//! Identity tokens in the shapes of their platforms, signed by the server's own key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Key;

/// What GitHub says of a run.
pub fn github(run: &GitHub) -> Value {
    let workflow = run.config_uri().replacen("https://github.com/", "", 1);
    let owner = run.repository.split('/').next().unwrap_or_default();
    let reference_type = if run.reference.starts_with("refs/tags/") { "tag" } else { "branch" };
    let mut claims = json!({
        "iss": run.issuer,
        "sub": format!("repo:{}:ref:{}", run.repository, run.reference),
        "repository": run.repository,
        "repository_id": run.repository_id,
        "repository_owner": owner,
        "repository_owner_id": run.owner_id,
        "repository_visibility": run.visibility,
        "sha": run.commit,
        "ref": run.reference,
        "ref_type": reference_type,
        "ref_protected": "true",
        "base_ref": "",
        "head_ref": "",
        "event_name": run.event,
        "workflow": run.workflow_name,
        "workflow_ref": workflow,
        "workflow_sha": run.commit,
        "job_workflow_ref": run.signer_workflow.clone().unwrap_or(workflow),
        "job_workflow_sha": run.signer_commit.clone().unwrap_or_else(|| run.commit.clone()),
        "run_id": run.run_id,
        "run_number": "17",
        "run_attempt": run.run_attempt,
        "runner_environment": run.runner,
        "actor": "release-engineer",
        "actor_id": "5150",
        "jti": "8d3f7a4e-0000-4000-8000-000000000001",
    });
    if let Some(environment) = &run.environment {
        claims["environment"] = json!(environment);
    }
    claims
}

/// What GitLab says of a job.
pub fn gitlab() -> Value {
    json!({
        "iss": "https://gitlab.com",
        "sub": "project_path:acme/app:ref_type:tag:ref:v1.4.2",
        "namespace_id": "4242",
        "namespace_path": "acme",
        "project_id": "42831435",
        "project_path": "acme/app",
        "project_visibility": "public",
        "user_login": "release-engineer",
        "pipeline_id": "651289",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "v1.4.2",
        "ref_type": "tag",
        "ref_path": "refs/tags/v1.4.2",
        "ref_protected": "true",
        "runner_id": 1,
        "runner_environment": "gitlab-hosted",
        "sha": "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e",
        "ci_config_ref_uri": "gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.4.2",
        "ci_config_sha": "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e",
        "jti": "235b3a54-0000-4000-8000-000000000002",
    })
}

/// What Buildkite says of a job.
pub fn buildkite() -> Value {
    json!({
        "iss": "https://agent.buildkite.com",
        "sub": "organization:acme:pipeline:app:ref:refs/heads/main:commit:3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e:step:build",
        "organization_slug": "acme",
        "pipeline_slug": "app",
        "build_number": 17,
        "build_branch": "main",
        "build_commit": "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e",
        "build_source": "webhook",
        "step_key": "build",
        "job_id": "0184990a-477b-4fa8-9968-496074483cee",
        "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
        "runner_environment": "buildkite-hosted",
    })
}

/// What CircleCI says of a job.
pub fn circleci() -> Value {
    json!({
        "iss": "https://oidc.circleci.com",
        "sub": "org/00000000-0000-4000-8000-000000000042/project/00000000-0000-4000-8000-000000000001/user/00000000-0000-4000-8000-000000000007",
        "oidc.circleci.com/project-id": "00000000-0000-4000-8000-000000000001",
        "oidc.circleci.com/pipeline-id": "00000000-0000-4000-8000-000000000002",
        "oidc.circleci.com/pipeline-definition-id": "00000000-0000-4000-8000-000000000003",
        "oidc.circleci.com/workflow-id": "00000000-0000-4000-8000-000000000004",
        "oidc.circleci.com/job-id": "00000000-0000-4000-8000-000000000005",
        "oidc.circleci.com/org-id": "00000000-0000-4000-8000-000000000042",
        "oidc.circleci.com/ssh-rerun": false,
        "oidc.circleci.com/vcs-origin": "github.com/acme/app",
        "oidc.circleci.com/vcs-ref": "refs/heads/main",
    })
}

/// What an identity provider says of a person.
pub fn person() -> Value {
    json!({
        "iss": "https://accounts.google.com",
        "sub": "110169484474386276334",
        "email": "dev@example.com",
        "email_verified": true,
    })
}

/// A token of these claims; audience `sigstore` and ten minutes from `now` on where they do not say otherwise.
pub fn token(key: &Key, claims: &Value, now: Timestamp) -> String {
    let mut claims = claims.clone();
    let defaults = [
        ("aud", json!("sigstore")),
        ("iat", json!(now.as_second())),
        ("nbf", json!(now.as_second() - 1)),
        ("exp", json!(now.as_second() + 600)),
    ];
    for (name, value) in defaults {
        if claims.get(name).is_none() {
            claims[name] = value;
        }
    }
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "ES256", "typ": "JWT", "kid": "1"})), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign_p1363(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// The claims of a token that this key signed and that is good at `now` for Sigstore.
pub fn claims(key: &Key, token: &str, now: Timestamp) -> Result<Value, &'static str> {
    let (signed, signature) = token.rsplit_once('.').ok_or("the token has no signature")?;
    // The signatures are deterministic.
    if URL_SAFE_NO_PAD.encode(key.sign_p1363(signed.as_bytes())) != signature {
        return Err("the token's signature does not verify");
    }
    let (_, claims) = signed.split_once('.').ok_or("the token has no claims")?;
    let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| "the claims are not base64url")?;
    let claims: Value = serde_json::from_slice(&claims).map_err(|_| "the claims are not JSON")?;
    let for_us = match &claims["aud"] {
        Value::String(one) => one == "sigstore",
        Value::Array(several) => several.contains(&json!("sigstore")),
        _ => false,
    };
    if !for_us {
        return Err("the token is for another audience");
    }
    if claims["exp"].as_i64().is_none_or(|end| end <= now.as_second()) {
        return Err("the token has expired");
    }
    Ok(claims)
}

/// The key set that the tokens verify with (RFC 7517).
pub fn key_set(key: &Key) -> Value {
    let raw = key.raw_public();
    let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"keys": [{"kty": "EC", "crv": "P-256", "x": part(&raw[1..33]), "y": part(&raw[33..]), "kid": "1",
        "alg": "ES256", "use": "sig"}]})
}
