//! A Sigstore over loopback, and runs of the workflows that it serves.

use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use crate::job::Ended;
use crate::job::Run;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::SERVICES;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;

/// The program that the jobs install.
pub(crate) const SEALMARK: &str = env!("CARGO_BIN_EXE_sealmark");
/// The same program without what debuggers read, which is nine tenths of it and is installed in every job.
pub(crate) fn program() -> &'static Path {
    static STRIPPED: OnceLock<PathBuf> = OnceLock::new();
    STRIPPED.get_or_init(|| {
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sealmark-stripped");
        let stripped =
            Command::new("strip").arg("-o").arg(&to).arg(SEALMARK).status().is_ok_and(|status| status.success());
        if !stripped {
            std::fs::copy(SEALMARK, &to).unwrap();
        }
        to
    })
}

/// The repository that the workflows come from.
pub(crate) const HOME: &str = "OWNER/sealmark";
/// The commit of the workflows.
pub(crate) const COMMIT: &str = "5e41a11bc0ffee5e41a11bc0ffee5e41a11bc0ff";

/// The services, and what the platform says of the run.
pub(crate) struct World {
    pub(crate) server: SigstoreServer,
    pub(crate) build: GitHub,
    file: &'static str,
}

/// The base64 of something.
pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

impl World {
    /// Calls one of the workflows, pinned by its commit.
    pub(crate) fn new(file: &'static str) -> Self {
        Self::pinned(file, COMMIT)
    }

    /// Calls one of the workflows at this ref.
    pub(crate) fn pinned(file: &'static str, reference: &str) -> Self {
        let build = GitHub {
            signer_workflow: Some(format!("{HOME}/.github/workflows/{file}@{reference}")),
            signer_commit: Some(COMMIT.to_owned()),
            ..GitHub::default()
        };
        Self { server: SigstoreServer::start("workflows", Instance::Public), build, file }
    }

    /// A run with these inputs, and with the services of this world as the ones to sign with.
    pub(crate) fn run(&self, inputs: Value) -> Run {
        let mut given = json!({
            "signing-config": base64(self.server.signing_config(Offer::V1Stamped).to_string()),
            "trusted-root": base64(self.server.trusted_root().to_string()),
        });
        given.as_object_mut().unwrap().extend(inputs.as_object().unwrap().clone());
        self.server.claims(tokens::github(&self.build));
        let mut run = Run::of(self.file, given);
        run.token_environment = self.server.token_environment().to_vec();
        run.release(program(), HOME);
        for (name, value) in environment(&self.build) {
            run.environment.insert(name.to_owned(), value);
        }
        run
    }

    /// How often anything but the token service was asked.
    pub(crate) fn written(&self) -> usize {
        SERVICES.iter().filter(|service| **service != Service::Token).map(|service| self.server.count(*service)).sum()
    }

    /// The trusted root of the services, in a file of this run.
    pub(crate) fn root(&self, run: &Run) -> String {
        let path = run.path("root.json");
        std::fs::write(&path, self.server.trusted_root().to_string()).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// What GitHub's runner says of a run.
fn environment(build: &GitHub) -> Vec<(&'static str, String)> {
    let claims = tokens::github(build);
    let claim = |name: &str| claims[name].as_str().unwrap().to_owned();
    let short = build.reference.rsplit('/').next().unwrap().to_owned();
    vec![
        ("PATH", std::env::var("PATH").unwrap()),
        ("HOME", "/nonexistent".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("CI", "true".to_owned()),
        ("GITHUB_ACTIONS", "true".to_owned()),
        ("GITHUB_ACTOR_ID", claim("actor_id")),
        ("GITHUB_EVENT_NAME", claim("event_name")),
        ("GITHUB_REF", claim("ref")),
        ("GITHUB_REF_NAME", short),
        ("GITHUB_REF_TYPE", claim("ref_type")),
        ("GITHUB_REPOSITORY", claim("repository")),
        ("GITHUB_REPOSITORY_ID", claim("repository_id")),
        ("GITHUB_REPOSITORY_OWNER", claim("repository_owner")),
        ("GITHUB_REPOSITORY_OWNER_ID", claim("repository_owner_id")),
        ("GITHUB_RUN_ATTEMPT", claim("run_attempt")),
        ("GITHUB_RUN_ID", claim("run_id")),
        ("GITHUB_RUN_NUMBER", claim("run_number")),
        ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
        ("GITHUB_SHA", claim("sha")),
        ("GITHUB_WORKFLOW", claim("workflow")),
        ("GITHUB_WORKFLOW_REF", claim("workflow_ref")),
        ("GITHUB_WORKFLOW_SHA", claim("workflow_sha")),
        ("RUNNER_ENVIRONMENT", claim("runner_environment")),
    ]
}

/// Says that the scripts run through, and shows what they printed when they do not.
pub(crate) fn done(ended: &Ended) {
    assert_eq!(ended.failed, None, "{}", ended.log);
}

/// Says that a step failed with this text.
pub(crate) fn refused(ended: &Ended, step: &str, text: &str) {
    assert_eq!(ended.failed.as_deref(), Some(step), "{}", ended.log);
    assert!(ended.log.contains(text), "expected {text:?} in:\n{}", ended.log);
}

/// Runs the program; its exit code and all that it printed.
pub(crate) fn sealmark(arguments: &[&str]) -> (i32, String) {
    let ended = Command::new(SEALMARK).args(arguments).output().unwrap();
    let text = [ended.stdout, ended.stderr].concat();
    (ended.status.code().unwrap(), String::from_utf8_lossy(&text).into_owned())
}

/// Whether the outside programs that the scripts use on GitHub's machines are here.
///
/// # Panics
/// When one is missing and nothing may be skipped.
pub(crate) fn equipped() -> bool {
    let missing: Vec<_> = ["bash", "curl", "jq", "sha256sum"]
        .into_iter()
        .filter(|tool| Command::new(tool).arg("--version").output().is_err())
        .collect();
    assert!(missing.is_empty() || std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "missing: {missing:?}");
    if !missing.is_empty() {
        println!("skipped: {} not found", missing.join(", "));
    }
    missing.is_empty()
}
