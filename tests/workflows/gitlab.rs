//! The template for GitLab.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Output;

use serde_json::Value;

use crate::job::sha256;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::world::SEALMARK;
use crate::world::base64;
use crate::world::equipped;
use crate::world::sealmark;
use crate::yaml;

const IMAGE: &str =
    "registry.example.com/sealmark@sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// The template's inputs and its jobs, as the two documents of the file.
fn template() -> (Value, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/gitlab/provenance.yml");
    let text = fs::read_to_string(path).unwrap();
    let (inputs, jobs) = text.split_once("\n---\n").unwrap();
    (yaml::parse(inputs)["spec"]["inputs"].clone(), jobs.to_owned())
}

/// The jobs, with these inputs in place.
fn included(given: &[(&str, &str)]) -> Value {
    let (declared, mut jobs) = template();
    for (name, declaration) in declared.as_object().unwrap() {
        let given = given.iter().find(|(input, _)| input == name).map(|(_, value)| *value);
        let value = given.or(declaration["default"].as_str()).unwrap_or_else(|| panic!("the input {name}"));
        if let Some(pattern) = declaration["regex"].as_str() {
            assert!(regex::Regex::new(pattern).unwrap().is_match(value), "{name}: {value}");
        }
        jobs = jobs.replace(&format!("$[[ inputs.{name} ]]"), value);
    }
    assert!(!jobs.contains("$[["), "{jobs}");
    yaml::parse(&jobs)
}

/// Runs the script of the signing job in this project.
fn sign(job: &Value, project: &Path, token: &str) -> Output {
    let program = Path::new(SEALMARK).parent().unwrap().display().to_string();
    let mut environment: BTreeMap<String, String> = [
        ("PATH", format!("{program}:{}", std::env::var("PATH").unwrap())),
        ("HOME", "/nonexistent".to_owned()),
        ("TMPDIR", project.parent().unwrap().display().to_string()),
        ("GITLAB_CI", "true".to_owned()),
        ("CI", "true".to_owned()),
        ("CI_PROJECT_DIR", project.display().to_string()),
        ("CI_SERVER_URL", "https://gitlab.com".to_owned()),
        ("CI_SERVER_HOST", "gitlab.com".to_owned()),
        ("CI_PROJECT_URL", "https://gitlab.com/acme/app".to_owned()),
        ("CI_PROJECT_PATH", "acme/app".to_owned()),
        ("CI_PROJECT_ID", "42831435".to_owned()),
        ("CI_PROJECT_VISIBILITY", "public".to_owned()),
        ("CI_COMMIT_SHA", "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e".to_owned()),
        ("CI_COMMIT_REF_NAME", "v1.4.2".to_owned()),
        ("CI_COMMIT_TAG", "v1.4.2".to_owned()),
        ("CI_CONFIG_PATH", ".gitlab-ci.yml".to_owned()),
        ("CI_PIPELINE_ID", "651289".to_owned()),
        ("CI_PIPELINE_SOURCE", "push".to_owned()),
        ("CI_JOB_ID", "302".to_owned()),
        ("CI_JOB_URL", "https://gitlab.com/acme/app/-/jobs/302".to_owned()),
        ("CI_JOB_NAME", "sealmark-provenance".to_owned()),
        ("CI_RUNNER_ID", "1".to_owned()),
        ("SIGSTORE_ID_TOKEN", token.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    for (name, value) in job["variables"].as_object().unwrap() {
        environment.insert(name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    let script = job["script"][0].as_str().unwrap();
    Command::new("sh").arg("-c").arg(script).current_dir(project).env_clear().envs(environment).output().unwrap()
}

#[test]
fn the_job_that_signs_has_nothing_of_the_project_but_the_checksums() {
    let jobs = included(&[("build-job", "build"), ("image", IMAGE)]);
    let (name, job) = jobs.as_object().unwrap().iter().next().unwrap();
    assert_eq!((name.as_str(), jobs.as_object().unwrap().len()), ("sealmark-provenance", 1));
    assert_eq!(job["inherit"]["default"], false);
    assert_eq!(job["inherit"]["variables"], false);
    assert_eq!(job["variables"]["GIT_STRATEGY"], "none");
    assert_eq!(job["id_tokens"]["SIGSTORE_ID_TOKEN"]["aud"], "sigstore");
    for absent in ["before_script", "after_script", "services", "cache", "hooks", "extends"] {
        assert!(job.get(absent).is_none(), "{absent}");
    }
    // Inputs reach the script as variables alone.
    let (declared, text) = template();
    let script = text.split_once("  script:\n").unwrap().1.split_once("  artifacts:\n").unwrap().0;
    assert!(!script.contains("$[["));
    assert_eq!(declared["image"]["default"], Value::Null);
}

#[test]
fn the_example_builds_without_a_token() {
    let example = yaml::read("examples/gitlab/build-and-sign.gitlab-ci.yml");
    let build = &example["build"];
    assert!(build.get("id_tokens").is_none());
    assert!(build["artifacts"].get("reports").is_none(), "a dotenv report would set variables of the signing job");
    let inputs = &example["include"][0]["inputs"];
    included(&[("build-job", inputs["build-job"].as_str().unwrap()), ("image", inputs["image"].as_str().unwrap())]);
}

#[test]
fn checksums_in_and_provenance_out() {
    if !equipped() {
        return;
    }
    let server = SigstoreServer::start("gitlab", Instance::Public);
    let (config, root) = (server.signing_config(Offer::V1Stamped).to_string(), server.trusted_root().to_string());
    let (config, encoded) = (base64(config), base64(&root));
    let job =
        included(&[("build-job", "build"), ("image", IMAGE), ("signing-config", &config), ("trusted-root", &encoded)]);
    let folder = tempfile::tempdir().unwrap();
    let project = folder.path().join("project");
    fs::create_dir(&project).unwrap();
    let token = server.token(&tokens::gitlab());

    let ended = sign(&job["sealmark-provenance"], &project, &token);
    let text = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(!ended.status.success() && text.contains("expected the file of checksums"), "{text}");
    assert_eq!(server.count(Service::Authority), 0);

    fs::write(project.join("sealmark-subjects.txt"), format!("{}  app.tar.gz\n", sha256(b"artifact bytes"))).unwrap();
    let ended = sign(&job["sealmark-provenance"], &project, &token);
    assert!(
        ended.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ended.stdout),
        String::from_utf8_lossy(&ended.stderr)
    );
    let printed = [ended.stdout, ended.stderr].concat();
    assert!(!String::from_utf8_lossy(&printed).contains(&token));
    let (bundle, trust) = (project.join("multiple.intoto.jsonl"), folder.path().join("root.json"));
    fs::write(&trust, root).unwrap();
    let digest = format!("sha256:{}", sha256(b"artifact bytes"));
    let (code, text) = sealmark(&[
        "verify",
        &digest,
        "--bundle",
        bundle.to_str().unwrap(),
        "--trust",
        trust.to_str().unwrap(),
        "--source-uri",
        "gitlab.com/acme/app",
        "--source-tag",
        "v1.4.2",
        "--certificate-identity",
        "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.4.2",
        "--certificate-oidc-issuer",
        "https://gitlab.com",
    ]);
    assert_eq!(code, 0, "{text}");
}
