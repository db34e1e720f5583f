//! What a verifier reads out of our predicates, signed with the certificate that a token would have been exchanged for.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sealmark::builders::Backing;
use sealmark::builders::BuilderError;
use sealmark::builders::Fact;
use sealmark::builders::VerifiedProvenance;
use sealmark::builders::interpret;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::certificate::SigningCertificate;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::provenance::v1::PREDICATE_TYPE;
use sealmark::generate::agreement;
use sealmark::generate::ci::topics::Claim;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Verifier;
use serde_json::Value;
use serde_json::json;

use crate::buildkite;
use crate::circleci;
use crate::fixtures::COMMIT;
use crate::fixtures::Job;
use crate::fixtures::OTHER_COMMIT;
use crate::fixtures::bent;
use crate::gitlab;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;

const ARTIFACT: &[u8] = b"artifact bytes";

fn domain() -> &'static VirtualSigstore {
    static DOMAIN: LazyLock<VirtualSigstore> = LazyLock::new(|| VirtualSigstore::new("platforms"));
    &DOMAIN
}

/// The name and the extensions of the certificate for a token (sigstore/fulcio, config/identity, its templates).
fn certificate(token: &Value) -> (String, Claims) {
    let claim = |name: &str| match &token[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let need = |name: &str| claim(name).unwrap();
    let issuer = claim("iss");
    match issuer.as_deref().unwrap() {
        "https://gitlab.com" => {
            let (url, name) = ("https://gitlab.com", format!("https://{}", need("ci_config_ref_uri")));
            let folder = if need("ref_type") == "branch" { "heads" } else { "tags" };
            let project = need("project_path");
            let claims = Claims {
                build_signer_uri: Some(name.clone()),
                build_signer_digest: claim("ci_config_sha"),
                runner_environment: claim("runner_environment"),
                source_repository_uri: Some(format!("{url}/{project}")),
                source_repository_digest: claim("sha"),
                source_repository_ref: Some(format!("refs/{folder}/{}", need("ref"))),
                source_repository_identifier: claim("project_id"),
                source_repository_owner_uri: Some(format!("{url}/{}", need("namespace_path"))),
                source_repository_owner_identifier: claim("namespace_id"),
                build_config_uri: Some(name.clone()),
                build_config_digest: claim("ci_config_sha"),
                build_trigger: claim("pipeline_source"),
                run_invocation_uri: Some(format!("{url}/{project}/-/jobs/{}", need("job_id"))),
                visibility: claim("project_visibility"),
                issuer,
                ..Claims::default()
            };
            (name, claims)
        }
        "https://agent.buildkite.com" => {
            let name = format!("https://buildkite.com/{}/{}", need("organization_slug"), need("pipeline_slug"));
            let run = format!("{name}/builds/{}#{}", need("build_number"), need("job_id"));
            let claims = Claims {
                runner_environment: claim("runner_environment"),
                source_repository_digest: claim("build_commit"),
                build_trigger: claim("build_source"),
                run_invocation_uri: Some(run),
                issuer,
                ..Claims::default()
            };
            (name, claims)
        }
        _ => {
            let of = |name: &str| need(&format!("oidc.circleci.com/{name}"));
            let api = "https://circleci.com/api/v2";
            let definition = of("pipeline-definition-id");
            let name = format!("{api}/projects/{}/pipeline-definitions/{definition}", of("project-id"));
            let run = format!("https://app.circleci.com//workflow/{}/job/{}", of("workflow-id"), of("job-id"));
            let claims = Claims {
                build_signer_uri: Some(name.clone()),
                runner_environment: Some("\"\"".to_owned()),
                source_repository_uri: Some(of("vcs-origin")),
                source_repository_ref: Some(of("vcs-ref")),
                build_config_uri: Some(format!("{api}/pipeline/{}/config", of("pipeline-id"))),
                run_invocation_uri: Some(run),
                issuer,
                ..Claims::default()
            };
            (name, claims)
        }
    }
}

/// The job's Statement, signed with the certificate of its token.
fn signed(job: &Job) -> Spec {
    let subjects = json!([statement::subject("app.tar.gz", ARTIFACT)]);
    let (name, claims) = certificate(job.claims.as_ref().unwrap());
    let mut made = job.statement();
    made["subject"] = subjects.clone();
    let spec = domain().spec_of(&subjects, &GitHub::default());
    Spec { statement: made, san: vec![San::Uri(name)], claims, ..spec }
}

fn read(spec: &Spec) -> Result<VerifiedProvenance, BuilderError> {
    let root = TrustedRoot::parse(domain().trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let digest = Digest::new(Algorithm::Sha256, HashKind::Sha256.of(ARTIFACT)).unwrap();
    let artifact = Artifact::new("artifact".to_owned(), vec![digest]).unwrap();
    let bundle = Bundle::from_json(domain().mint(spec)).unwrap();
    let now = "2026-11-21T00:00:00Z".parse().unwrap();
    interpret(Verifier::new(vec![root], Vec::new()).verify(&bundle, &artifact, now).unwrap())
}

/// Source, ref, commit, builder and run, each with what backs it.
fn facts(spec: &Spec) -> BTreeMap<&'static str, (String, Backing)> {
    let read = read(spec).unwrap();
    let facts = read.facts();
    let of = |fact: &Option<Fact>| fact.clone();
    [
        ("builder", Some(facts.builder_id.clone())),
        ("source", of(&facts.source_uri)),
        ("ref", of(&facts.source_ref)),
        ("commit", of(&facts.source_commit)),
        ("run", of(&facts.invocation)),
    ]
    .into_iter()
    .filter_map(|(name, fact)| fact.map(|fact| (name, (fact.value, fact.backing))))
    .collect()
}

fn predicate_run(job: &Job) -> String {
    job.statement()["predicate"]["runDetails"]["metadata"]["invocationId"].as_str().unwrap().to_owned()
}

#[test]
fn gitlab_is_read_and_backed() {
    let found = facts(&signed(&gitlab::job()));
    let name = "https://gitlab.com/acme/tools/app//.gitlab-ci.yml@refs/tags/v1.4.2";
    let expected = [
        ("builder", name, Backing::CertificateAndPredicate),
        ("source", "git+https://gitlab.com/acme/tools/app", Backing::CertificateAndPredicate),
        ("ref", "refs/tags/v1.4.2", Backing::CertificateAndPredicate),
        ("commit", COMMIT, Backing::CertificateAndPredicate),
        ("run", "https://gitlab.com/acme/tools/app/-/jobs/8123456789", Backing::Certificate),
    ];
    for (topic, value, backing) in expected {
        assert_eq!(found[topic], (value.to_owned(), backing), "{topic}");
    }
    assert_eq!(predicate_run(&gitlab::job()), found["run"].0);
}

#[test]
fn buildkite_is_read_and_backed() {
    let found = facts(&signed(&buildkite::job()));
    let run = "https://buildkite.com/acme/app/builds/1042#0184990a-477b-4fa8-9968-496074483cee";
    let expected = [
        ("builder", "https://buildkite.com/acme/app", Backing::CertificateAndPredicate),
        ("source", "git+https://github.com/acme/app", Backing::Predicate),
        ("ref", "refs/tags/v1.4.2", Backing::Predicate),
        ("commit", COMMIT, Backing::CertificateAndPredicate),
        ("run", run, Backing::Certificate),
    ];
    for (topic, value, backing) in expected {
        assert_eq!(found[topic], (value.to_owned(), backing), "{topic}");
    }
    assert_eq!(predicate_run(&buildkite::job()), run);
}

#[test]
fn circleci_is_read() {
    // Its certificates name a repository of another host, and no commit: a verifier has the predicate's word.
    let found = facts(&signed(&circleci::job()));
    let api = "https://circleci.com/api/v2/projects/3a2f5b1c-7d4e-4f6a-9b8c-0d1e2f3a4b5c";
    let name = format!("{api}/pipeline-definitions/0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d");
    let expected = [
        ("builder", name.as_str()),
        ("source", "git+https://github.com/acme/app"),
        ("ref", "refs/heads/main"),
        ("commit", COMMIT),
    ];
    for (topic, value) in expected {
        assert_eq!(found[topic], (value.to_owned(), Backing::Predicate), "{topic}");
    }
    let spec = signed(&circleci::job());
    assert_eq!(spec.claims.run_invocation_uri, Some(predicate_run(&circleci::job())));
}

#[test]
fn a_predicate_that_its_certificate_contradicts_is_refused() {
    let change = |job: &Job, pointer: &str, value: &str| {
        let mut spec = signed(job);
        *spec.statement.pointer_mut(pointer).unwrap() = json!(value);
        read(&spec).unwrap_err().code()
    };
    let source = "/predicate/buildDefinition/externalParameters/source";
    let dependency = "/predicate/buildDefinition/resolvedDependencies/0";
    let mut refused = 0;
    for (job, pointer, value, code) in [
        (gitlab::job(), format!("{dependency}/digest/gitCommit"), OTHER_COMMIT, "predicate-certificate-mismatch"),
        (buildkite::job(), format!("{dependency}/digest/gitCommit"), OTHER_COMMIT, "predicate-certificate-mismatch"),
        (gitlab::job(), format!("{source}/uri"), "git+https://gitlab.com/evil/app", "predicate-inconsistent"),
        (gitlab::job(), format!("{source}/ref"), "refs/heads/evil", "predicate-inconsistent"),
        (buildkite::job(), format!("{source}/ref"), "refs/heads/evil", "predicate-inconsistent"),
        (circleci::job(), format!("{source}/ref"), "refs/heads/evil", "predicate-inconsistent"),
        (circleci::job(), format!("{dependency}/uri"), "git+https://github.com/evil/app", "predicate-inconsistent"),
    ] {
        assert_eq!(change(&job, &pointer, value), code, "{pointer}");
        refused += 1;
    }
    println!("predicates against their certificates: {refused} refused");
}

#[test]
fn nothing_is_signed_under_the_certificate_of_another_job() {
    let check = |predicate: &Value, spec: &Spec| {
        let certificate = SigningCertificate::parse(&domain().mint_parts(spec).chain[0]).unwrap();
        agreement::check(PREDICATE_TYPE, predicate, &certificate).map_err(|error| error.code())
    };
    let (mut agreed, mut refused) = (0, 0);
    for job in [gitlab::job(), buildkite::job(), circleci::job()] {
        let predicate = job.statement()["predicate"].clone();
        assert_eq!(check(&predicate, &signed(&job)), Ok(()), "{:?}", job.platform);
        agreed += 1;
        let token = job.claims.clone().unwrap();
        for topic in job.platform.topics() {
            let Some(Claim::Certified(name)) = topic.claim else { continue };
            // The deployment environment is in certificates that are too new for the virtual authority's templates.
            if ["iss", "environment", "namespace_path", "oidc.circleci.com/ssh-rerun"].contains(&name) {
                continue;
            }
            let mut other = token.clone();
            // A tag and a branch are the only two types of refs.
            other[name] = if name == "ref_type" { json!("branch") } else { bent(&token[name]) };
            let (signer, claims) = certificate(&other);
            let spec = Spec { san: vec![San::Uri(signer)], claims, ..signed(&job) };
            let found = check(&predicate, &spec);
            if name == "oidc.circleci.com/pipeline-id" {
                // It stands in the address of the configuration alone, which the predicate does not repeat.
                continue;
            }
            assert_eq!(found, Err("certificate-disagrees"), "{name}");
            refused += 1;
        }
    }
    println!("certificates: {agreed} of the job, {refused} of another");
    assert!(agreed == 3 && refused >= 20, "{refused}");
}

#[test]
fn the_source_is_the_dependency_of_that_name() {
    let mut spec = signed(&gitlab::job());
    let dependencies = spec.statement["predicate"]["buildDefinition"]["resolvedDependencies"].as_array_mut().unwrap();
    let other =
        json!({"name": "a", "uri": "git+https://github.com/acme/library", "digest": {"gitCommit": OTHER_COMMIT}});
    dependencies.insert(0, other);
    assert_eq!(facts(&spec)["commit"].0, COMMIT);
}
