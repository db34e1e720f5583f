//! `sealmark attest` in a job of GitHub: what it signs, what it asks, and what it leaves behind when it does not sign.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::process::Stdio;

use sealmark::formats::bundle::Bundle;
use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

use crate::client;
use crate::client::ARTIFACT;
use crate::client::Failure;
use crate::client::Lied;
use crate::faults;
use crate::faults::Case;
use crate::support::sigstore_server::Behaviour;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Lie;
use crate::support::sigstore_server::SERVICES;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;

/// The services that publish something.
const PUBLIC: [Service; 4] = [Service::Authority, Service::LogV1, Service::LogV2, Service::Timestamp];

/// A job in a folder of its own, with one artifact.
struct Job<'a> {
    server: &'a SigstoreServer,
    folder: TempDir,
    environment: Vec<(String, String)>,
}

/// What a run came to.
struct Ran {
    code: i32,
    text: String,
}

impl<'a> Job<'a> {
    /// A job of this run, whose token comes from the server's token service.
    fn new(server: &'a SigstoreServer, run: &GitHub) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("app.tar.gz"), ARTIFACT).unwrap();
        fs::write(folder.path().join("root.json"), server.trusted_root().to_string()).unwrap();
        fs::write(folder.path().join("event.json"), "{}").unwrap();
        server.claims(tokens::github(run));
        let claims = tokens::github(run);
        let mut environment: Vec<(String, String)> =
            server.token_environment().map(|(name, value)| (name.to_owned(), value)).to_vec();
        let mut set = |name: &str, value: &str| environment.push((name.to_owned(), value.to_owned()));
        set("GITHUB_ACTIONS", "true");
        set("GITHUB_SERVER_URL", "https://github.com");
        set("RUNNER_ENVIRONMENT", &run.runner);
        set("GITHUB_EVENT_PATH", folder.path().join("event.json").to_str().unwrap());
        for name in [
            "actor",
            "actor_id",
            "event_name",
            "ref",
            "ref_type",
            "repository",
            "repository_id",
            "repository_owner",
            "repository_owner_id",
            "run_attempt",
            "run_id",
            "run_number",
            "sha",
            "workflow",
            "workflow_ref",
            "workflow_sha",
        ] {
            set(&format!("GITHUB_{}", name.to_uppercase()), claims[name].as_str().unwrap());
        }
        Self { server, folder, environment }
    }

    /// The variable with a token in place of the token service.
    fn with_variable(mut self, claims: &Value) -> Self {
        self.environment.retain(|(name, _)| !name.starts_with("ACTIONS_ID_TOKEN"));
        self.environment.push(("SIGSTORE_ID_TOKEN".to_owned(), self.server.token(claims)));
        self
    }

    fn run(&self, args: &[&str]) -> Ran {
        let ran = Command::new(env!("CARGO_BIN_EXE_sealmark"))
            .args(args)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        Ran { code: ran.status.code().unwrap(), text }
    }

    /// Attests the artifact with these services; `more` are further flags.
    fn attest(&self, log: Option<Service>, more: &[&str]) -> Ran {
        let (url, stamps) = (self.server.url(), self.server.timestamp_url());
        let mut args = vec!["attest", "app.tar.gz", "--fulcio-url", &url, "--timestamp-url", &stamps];
        if let Some(log) = log {
            let version = if log == Service::LogV1 { "1" } else { "2" };
            args.extend(["--rekor-url", &url, "--rekor-version", version]);
        }
        args.extend(["--trust", "root.json", "--timeout", "5", "--output", "out.json"]);
        args.extend(more);
        self.run(&args)
    }

    fn written(&self) -> bool {
        let known = ["app.tar.gz", "event.json", "root.json"];
        let others = fs::read_dir(self.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        others.into_iter().any(|name| !known.contains(&name.to_str().unwrap()))
    }

    fn bundle(&self) -> Bundle {
        let text = fs::read(Path::new(&self.folder.path().join("out.json"))).unwrap();
        Bundle::from_json(serde_json::from_slice(&text).unwrap()).unwrap()
    }
}

fn counts(server: &SigstoreServer) -> Vec<usize> {
    SERVICES.map(|service| server.count(service)).to_vec()
}

#[test]
fn a_job_signs_what_is_verified() {
    let run = GitHub::default();
    let cases = [
        (Instance::Public, Some(Service::LogV1), vec![1, 1, 1, 0, 1]),
        (Instance::Public, Some(Service::LogV2), vec![1, 1, 0, 1, 1]),
        (Instance::Private, None, vec![1, 1, 0, 0, 1]),
    ];
    for (instance, log, asked) in &cases {
        let server = SigstoreServer::start("program", *instance);
        let job = Job::new(&server, &run);
        let ran = job.attest(*log, &[]);
        assert_eq!(ran.code, 0, "{log:?}: {}", ran.text);
        assert_eq!(&counts(&server), asked, "{log:?}");
        let verified = client::verified(&server, &job.bundle()).unwrap();
        assert_eq!(verified.identity().certificate().unwrap().san.as_str(), run.signer_uri());
        let args = ["verify", "app.tar.gz", "--bundle", "out.json", "--trust", "root.json"];
        let ran = job.run(&[&args[..], &["--source-uri", "github.com/acme/app"]].concat());
        assert_eq!(ran.code, 0, "{log:?}: {}", ran.text);
    }
    println!("{} jobs", cases.len());
}

/// Runs the case by the program, in the log that it is about.
fn by_program(server: &SigstoreServer, service: Service) -> Result<(), Failure> {
    let job = Job::new(server, &GitHub::default());
    let log = if service == Service::LogV1 { Service::LogV1 } else { Service::LogV2 };
    let ran = job.attest(Some(log), &[]);
    assert_eq!(job.written(), ran.code == 0, "{service:?}: {}", ran.text);
    match ran.code {
        0 => client::verified(server, &job.bundle()).map(drop).map_err(Failure::from),
        1 => Err(Failure { code: ran.text, lied: Lied::Yes }),
        3 => Err(Failure { code: ran.text, lied: Lied::No }),
        other => panic!("{service:?}: exit {other}: {}", ran.text),
    }
}

#[test]
fn faults_and_lies_leave_nothing_behind() {
    let cases = [faults::passing(), faults::staying(), faults::lies()].into_iter().flatten().collect();
    let ran = faults::all(cases, by_program);
    println!("{ran} jobs that met faults and lies");
    assert!(ran > 0);
}

/// A certificate that says something else than the token, or less than the predicate: refused before anything is signed.
#[test]
fn another_jobs_certificate_signs_nothing() {
    let others = [9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 22].map(Lie::Claim);
    let others = others.into_iter().map(|lie| (lie, "certificate-not-of-token"));
    // No claim of the token is the run's address as it stands in the certificate.
    let others = others.chain([(Lie::Claim(21), "certificate-disagrees")]);
    // What is missing of the rest stands in the name or in the older claims, too.
    let silent = [11, 15, 17, 18, 21].map(|number| (Lie::NoClaim(number), "certificate-disagrees"));
    let lies = others.chain(silent);
    let case = |(lie, code)| Case {
        service: Service::Authority,
        behaviours: vec![Behaviour::Lie(lie)],
        wanted: Err(Failure::new(code, Lied::Yes)),
        asked: (1, 1),
    };
    let ran = faults::all(lies.map(case).collect(), |server, service| {
        let ended = by_program(server, service);
        let later = [Service::LogV1, Service::LogV2, Service::Timestamp].map(|service| server.count(service));
        if later == [0; 3] { ended } else { Err(Failure::new("something-was-signed", Lied::No)) }
    });
    println!("{ran} certificates of other jobs");
    assert!(ran > 0);
}

#[test]
fn a_private_source_is_sent_nowhere_without_leave() {
    let private = |visibility: &str| GitHub { visibility: visibility.to_owned(), ..GitHub::default() };
    let mut refused = 0;
    for visibility in ["private", "internal"] {
        let run = private(visibility);
        for variable in [false, true] {
            let server = SigstoreServer::start("program", Instance::Public);
            let job = Job::new(&server, &run);
            let job = if variable { job.with_variable(&tokens::github(&run)) } else { job };
            for log in [Some(Service::LogV1), Some(Service::LogV2), None] {
                let ran = job.attest(log, &[]);
                assert_eq!((ran.code, job.written()), (1, false), "{visibility} {log:?}: {}", ran.text);
                assert!(ran.text.contains("source-not-public"), "{}", ran.text);
                assert_eq!(PUBLIC.map(|service| server.count(service)), [0; 4], "{visibility} {log:?}");
                assert!(!variable || server.asked().is_empty(), "{:?}", server.counts());
                refused += 1;
            }
        }
    }
    // Who names no visibility counts as private.
    let server = SigstoreServer::start("program", Instance::Public);
    let mut claims = tokens::github(&GitHub::default());
    claims["repository_visibility"] = json!(null);
    let job = Job::new(&server, &GitHub::default()).with_variable(&claims);
    let ran = job.attest(Some(Service::LogV1), &[]);
    assert_eq!((ran.code, server.asked().len(), job.written()), (1, 0, false), "{}", ran.text);
    println!("{} refusals without a request", refused + 1);
    for flag in ["--allow-public-log", "--private-instance"] {
        let server = SigstoreServer::start("program", Instance::Public);
        let job = Job::new(&server, &private("private"));
        let ran = job.attest(Some(Service::LogV1), &[flag]);
        assert_eq!(ran.code, 0, "{flag}: {}", ran.text);
        assert_eq!(counts(&server), [1, 1, 1, 0, 1]);
    }
}

#[test]
fn a_dry_run_asks_for_a_token_alone_and_shows_none() {
    let server = SigstoreServer::start("program", Instance::Public);
    let job = Job::new(&server, &GitHub::default());
    let ran = job.attest(Some(Service::LogV2), &["--dry-run"]);
    assert_eq!((ran.code, job.written()), (0, false), "{}", ran.text);
    assert_eq!(counts(&server), [1, 0, 0, 0, 0]);
    let bearer = &server.token_environment()[1].1;
    assert!(!ran.text.contains(bearer) && !ran.text.contains("eyJ0eXAi"), "{}", ran.text);
}
