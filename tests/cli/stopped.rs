//! Whoever is killed while attaching has attached nothing, and attaches once by trying again.

use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::story::Job;
use crate::support::registry_server::Fault;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::RegistryServer;

/// Starts a command, waits until a request hangs, and kills the program by its id.
fn killed(job: &Job, registry: &RegistryServer, (method, part): (&str, &str), args: &[&str]) {
    registry.reset_requests();
    registry.fault(method, part, 1, Fault::Hang);
    let mut child = job.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let start = Instant::now();
    while !registry.requests().iter().any(|(asked, target, _)| asked == method && target.contains(part)) {
        assert!(start.elapsed() < Duration::from_secs(30), "{method} {part}: {:?}", registry.requests());
        assert!(child.try_wait().unwrap().is_none(), "{method} {part} is never asked: {:?}", registry.requests());
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    registry.heal();
}

#[test]
fn nothing_is_half_attached_and_the_second_attempt_attaches_once() {
    let chunked = Options { single_post: false, ..Options::default() };
    let fallback = Options { referrers: ReferrersApi::Refused(404), subject_header: false, ..chunked.clone() };
    let job = Job::new();
    let (digest, _) = job.layout("app", "an image");
    job.good(&["copy", "oci-layout:app", "oci-layout:signed"]);
    let sbom = ["--key", "k.key", "--predicate", "sbom.json", "--type", "cyclonedx"];
    let subject = format!("oci-layout:signed@{digest}");
    job.good(&[&["attest", &subject], &sbom[..], &["--output", "bundle.json"]].concat());
    let attach = ["attach", "IMAGE", "--bundle", "bundle.json"];
    let attest = [&["attest", "IMAGE"], &sbom[..]].concat();
    let legacy = [&attest[..], &["--legacy"]].concat();
    let blobs = [("POST", "/uploads/"), ("PUT", "digest=")];
    let (by_digest, by_tag) = (("PUT", "/manifests/sha256:"), ("PUT", "/manifests/sha256-"));
    for (options, last, commands) in [
        (&chunked, vec![by_digest], vec![&attach[..], &attest]),
        (&fallback, vec![by_digest, by_tag], vec![&attach[..], &attest]),
        (&chunked, vec![by_tag], vec![&legacy[..]]),
    ] {
        for command in commands {
            for part in blobs.into_iter().chain(last.iter().copied()) {
                let registry = RegistryServer::start(options.clone());
                let image = format!("{}/acme/app@{digest}", registry.host());
                job.good(&["copy", "oci-layout:app:v1.4.2", &format!("{}/acme/app", registry.host())]);
                let words: Vec<&str> =
                    command.iter().map(|word| if *word == "IMAGE" { &image } else { *word }).collect();
                let verify = [&image, "--type", "cyclonedx", "--key", "k.pub"];
                killed(&job, &registry, part, &words);
                assert_eq!(job.tree(&image), [""; 0], "{part:?} {words:?}");
                job.denied(&verify, 1, &["attestation-missing"]);
                job.good(&words);
                assert_eq!(job.tree(&image).len(), 1, "{part:?} {words:?}");
                job.good(&[&["verify"], &verify[..]].concat());
                if command[0] == "attach" {
                    job.good(&words);
                    assert_eq!(job.tree(&image).len(), 1, "{part:?} {words:?}");
                }
            }
        }
    }
}
