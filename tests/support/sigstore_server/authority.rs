//! The certificate authority: from a token and a key to a certificate, as Fulcio's templates say.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use super::Instance;
use super::Lie;
use super::check;
use super::check::PublicKey;
use super::http::Reply;
use super::http::Request;
use super::tokens;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Sct;
use crate::support::virtual_sigstore::SctLie;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::asn1;
use crate::support::virtual_sigstore::b64;
use crate::support::virtual_sigstore::claims::FULCIO_ARC;
use crate::support::virtual_sigstore::mint;

/// Answers `POST /api/v2/signingCert`.
pub fn answer(
    sigstore: &VirtualSigstore,
    instance: Instance,
    issuer: &Key,
    request: &Request,
    now: Timestamp,
    lie: Option<&Lie>,
) -> Result<Reply, String> {
    let question = request.json().ok_or("the request is not JSON")?;
    let bearer = request.header("authorization").and_then(|text| text.strip_prefix("Bearer "));
    let token = question["credentials"]["oidcIdentityToken"].as_str().or(bearer).ok_or("no identity token")?;
    let claims = tokens::claims(issuer, token, now)?;
    let asked = &question["publicKeyRequest"];
    let text = asked["publicKey"]["content"].as_str().ok_or("no public key")?;
    let key = match check::pem(text) {
        Some((label, bytes)) if label == "PUBLIC KEY" => PublicKey::of_spki(&bytes),
        _ => None,
    };
    let key = key.ok_or("the public key is not PEM of a key that is served")?;
    let challenge = claims["email"].as_str().or(claims["sub"].as_str()).ok_or("the token names nobody")?;
    let proof = asked["proofOfPossession"].as_str().and_then(check::unb64).ok_or("no proof of possession")?;
    if !key.verifies(challenge.as_bytes(), &proof) {
        return Err("the proof of possession does not verify".to_owned());
    }
    let (name, claims) = identity(&claims)?;
    let spec = bent(&template(sigstore, instance, name, claims, now), lie);
    let stranger = sigstore.foreign_key("another client", KeyKind::P256);
    let chain = match lie {
        Some(Lie::OtherKey) => mint::certificate_chain(sigstore, &spec, &stranger),
        _ => mint::certificate_chain_of(sigstore, &spec, &key.spki, &key.raw),
    };
    let chain: Vec<String> = chain.iter().map(|der| asn1::pem("CERTIFICATE", der)).collect();
    Ok(Reply::json(
        200,
        &match lie {
            Some(Lie::DetachedSct) => json!({"signedCertificateDetachedSct": {
                "chain": {"certificates": chain}, "signedCertificateTimestamp": b64(b"{}"),
            }}),
            Some(Lie::EmptyChain) => json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": []}}}),
            Some(Lie::LongChain(length)) => json!({"signedCertificateEmbeddedSct": {
                "chain": {"certificates": chain.iter().cycle().take(*length).collect::<Vec<_>>()},
            }}),
            _ => json!({"signedCertificateEmbeddedSct": {"chain": {"certificates": chain}}}),
        },
    ))
}

/// The certificates above the leaf, as `GET /api/v2/trustBundle` gives them.
pub fn trust_bundle(sigstore: &VirtualSigstore) -> Value {
    let chain = sigstore.ca.chain(IssuedBy::Intermediate);
    let chain: Vec<String> = chain.iter().map(|authority| asn1::pem("CERTIFICATE", &authority.der)).collect();
    json!({"chains": [{"certificates": chain}]})
}

fn template(sigstore: &VirtualSigstore, instance: Instance, name: San, claims: Claims, now: Timestamp) -> Spec {
    let scts = match instance {
        Instance::Public => vec![Sct { time: now, lie: SctLie::None }],
        Instance::Private => Vec::new(),
    };
    Spec {
        san: vec![name],
        claims,
        not_before: now,
        not_after: now + SignedDuration::from_mins(10),
        scts,
        ..sigstore.spec(b"")
    }
}

fn bent(spec: &Spec, lie: Option<&Lie>) -> Spec {
    let mut spec = spec.clone();
    match lie {
        Some(Lie::OtherName) => spec.san = vec![San::Uri("https://github.com/mallory/app".to_owned())],
        Some(Lie::Claim(number)) => spec.extensions.push(other_claim(&spec.claims, *number)),
        Some(Lie::NoClaim(number)) => spec.extensions.push((format!("{FULCIO_ARC}.{number}"), None)),
        Some(Lie::ForeignAuthority) => spec.issued_by = IssuedBy::Foreign,
        Some(Lie::NoSct) => spec.scts.clear(),
        Some(Lie::WrongSct(lie)) => spec.scts.iter_mut().for_each(|sct| sct.lie = *lie),
        Some(Lie::Expired) => {
            spec.not_before -= SignedDuration::from_mins(30);
            spec.not_after -= SignedDuration::from_mins(30);
        }
        _ => {}
    }
    spec
}

/// A claim of the certificate with other text.
fn other_claim(claims: &Claims, number: u8) -> (String, Option<Vec<u8>>) {
    let oid = format!("{FULCIO_ARC}.{number}");
    let found = claims.extensions().into_iter().find(|extension| extension.oid == oid);
    let value = found.map(|extension| extension.value).unwrap_or_default();
    let other = if number < 7 {
        [&value, &b"-other"[..]].concat()
    } else {
        // Header of a DER UTF8String: two bytes up to 127 bytes of content, three up to 255.
        let start = if value.get(1) == Some(&0x81) { 3 } else { 2 };
        asn1::utf8(&format!("{}-other", String::from_utf8_lossy(value.get(start..).unwrap_or_default())))
    };
    (oid, Some(other))
}

/// Name and claims of the certificate, by who made the token.
fn identity(token: &Value) -> Result<(San, Claims), String> {
    let issuer = token["iss"].as_str().ok_or("the token has no issuer")?;
    let is = |host: &str| issuer == host || issuer.starts_with(&format!("{host}/"));
    if let Some(email) = token["email"].as_str() {
        return Ok((San::Email(email.to_owned()), Claims { token_subject: None, ..Claims::person(issuer) }));
    }
    let mut claims = if is("https://token.actions.githubusercontent.com") {
        github(token)?
    } else if is("https://gitlab.com") {
        gitlab(token)?
    } else if is("https://agent.buildkite.com") {
        buildkite(token)?
    } else if is("https://oidc.circleci.com") {
        circleci(token)?
    } else {
        let subject = token["sub"].as_str().ok_or("the token names nobody")?;
        return Ok((San::Uri(subject.to_owned()), Claims::person(issuer)));
    };
    claims.1.legacy_issuer = Some(issuer.to_owned());
    claims.1.issuer = Some(issuer.to_owned());
    claims.1.token_subject = token["sub"].as_str().map(str::to_owned);
    Ok((San::Uri(claims.0), claims.1))
}

/// A claim that a template names; the certificate is refused without it.
fn need(token: &Value, name: &str) -> Result<String, String> {
    match &token[name] {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(value) => Ok(value.to_string()),
        _ => Err(format!("the token has no claim {name}")),
    }
}

fn github(token: &Value) -> Result<(String, Claims), String> {
    let claim = |name: &str| need(token, name);
    let url = |name: &str| Ok::<String, String>(format!("https://github.com/{}", claim(name)?));
    let run = format!("{}/actions/runs/{}/attempts/{}", url("repository")?, claim("run_id")?, claim("run_attempt")?);
    let claims = Claims {
        legacy_trigger: Some(claim("event_name")?),
        legacy_commit: Some(claim("sha")?),
        legacy_workflow: Some(claim("workflow")?),
        legacy_repository: Some(claim("repository")?),
        legacy_reference: Some(claim("ref")?),
        build_signer_uri: Some(url("job_workflow_ref")?),
        build_signer_digest: Some(claim("job_workflow_sha")?),
        runner_environment: Some(claim("runner_environment")?),
        source_repository_uri: Some(url("repository")?),
        source_repository_digest: Some(claim("sha")?),
        source_repository_ref: Some(claim("ref")?),
        source_repository_identifier: Some(claim("repository_id")?),
        source_repository_owner_uri: Some(url("repository_owner")?),
        source_repository_owner_identifier: Some(claim("repository_owner_id")?),
        build_config_uri: Some(url("workflow_ref")?),
        build_config_digest: Some(claim("workflow_sha")?),
        build_trigger: Some(claim("event_name")?),
        run_invocation_uri: Some(run),
        visibility: Some(claim("repository_visibility")?),
        deployment_environment: token["environment"].as_str().map(str::to_owned),
        ..Claims::default()
    };
    Ok((url("job_workflow_ref")?, claims))
}

fn gitlab(token: &Value) -> Result<(String, Claims), String> {
    let claim = |name: &str| need(token, name);
    let url = |name: &str| Ok::<String, String>(format!("https://gitlab.com/{}", claim(name)?));
    let config = format!("https://{}", claim("ci_config_ref_uri")?);
    let kind = if claim("ref_type")? == "branch" { "heads" } else { "tags" };
    let claims = Claims {
        build_signer_uri: Some(config.clone()),
        build_signer_digest: Some(claim("ci_config_sha")?),
        runner_environment: Some(claim("runner_environment")?),
        source_repository_uri: Some(url("project_path")?),
        source_repository_digest: Some(claim("sha")?),
        source_repository_ref: Some(format!("refs/{kind}/{}", claim("ref")?)),
        source_repository_identifier: Some(claim("project_id")?),
        source_repository_owner_uri: Some(url("namespace_path")?),
        source_repository_owner_identifier: Some(claim("namespace_id")?),
        build_config_uri: Some(config.clone()),
        build_config_digest: Some(claim("ci_config_sha")?),
        build_trigger: Some(claim("pipeline_source")?),
        run_invocation_uri: Some(format!("{}/-/jobs/{}", url("project_path")?, claim("job_id")?)),
        visibility: Some(claim("project_visibility")?),
        deployment_environment: token["environment"].as_str().map(str::to_owned),
        ..Claims::default()
    };
    Ok((config, claims))
}

fn buildkite(token: &Value) -> Result<(String, Claims), String> {
    let claim = |name: &str| need(token, name);
    let name = format!("https://buildkite.com/{}/{}", claim("organization_slug")?, claim("pipeline_slug")?);
    let claims = Claims {
        run_invocation_uri: Some(format!("{name}/builds/{}#{}", claim("build_number")?, claim("job_id")?)),
        runner_environment: Some(claim("runner_environment")?),
        source_repository_digest: Some(claim("build_commit")?),
        build_trigger: Some(claim("build_source")?),
        ..Claims::default()
    };
    Ok((name, claims))
}

fn circleci(token: &Value) -> Result<(String, Claims), String> {
    let claim = |name: &str| need(token, &format!("oidc.circleci.com/{name}"));
    let api = "https://circleci.com/api/v2";
    let name =
        format!("{api}/projects/{}/pipeline-definitions/{}", claim("project-id")?, claim("pipeline-definition-id")?);
    // The template yields two quotation marks for a run that is not a repetition, and two slashes in the address.
    let runner = if claim("ssh-rerun")? == "true" { "ssh-rerun" } else { "\"\"" };
    let run = format!("https://app.circleci.com//workflow/{}/job/{}", claim("workflow-id")?, claim("job-id")?);
    let claims = Claims {
        build_config_uri: Some(format!("{api}/pipeline/{}/config", claim("pipeline-id")?)),
        build_signer_uri: Some(name.clone()),
        run_invocation_uri: Some(run),
        runner_environment: Some(runner.to_owned()),
        source_repository_ref: Some(claim("vcs-ref")?),
        source_repository_uri: Some(claim("vcs-origin")?),
        ..Claims::default()
    };
    Ok((name, claims))
}
