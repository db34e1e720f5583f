//! `sealmark verify --online` and `sealmark inspect --upgrade`, with a log on loopback.

use serde_json::Value;

use crate::support::log_server::Answer;
use crate::support::log_server::LogServer;
use crate::support::log_server::nobody;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Spec;
use crate::world::ARTIFACT;
use crate::world::World;

const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];

/// A bare envelope beside the artifact, and its log.
fn bare(kinds: &[Kind], answers: &[Answer]) -> (World, LogServer) {
    let world = World::new();
    let (text, entries) = world.sigstore.bare_logged(&world.sigstore.spec(ARTIFACT), kinds);
    world.write("app.tar.gz.intoto.jsonl", text);
    let log = LogServer::start(&entries, answers);
    let mut sigstore = world.sigstore.clone();
    sigstore.rekor_v1.base_url = log.url();
    world.write("root.json", sigstore.trusted_root().to_string());
    (world, log)
}

fn code(report: &Value) -> &str {
    report["results"][0]["candidates"][0]["findings"][0]["code"].as_str().unwrap_or_default()
}

#[test]
fn offline_it_is_refused_and_nobody_is_asked() {
    let (world, log) = bare(&[Kind::Dsse001], &[Answer::Honest]);
    for args in [&SOURCE[..], &[&SOURCE[..], &["--offline"]].concat()] {
        let ended = world.verify(args);
        assert_eq!((ended.code, ended.err.as_str()), (1, ""));
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.out, @r"
            denied   app.tar.gz   1 attestation found, it does not satisfy the expectations
              app.tar.gz.intoto.jsonl   signing-time-unproven
                because   expected proof of the signing time (a log entry or an RFC 3161 timestamp), found neither
                hint      a public log may have the entry: --online looks there, and sealmark inspect --upgrade keeps what it found
            ");
        }
    }
    assert_eq!(log.asked().len(), 0);
}

#[test]
fn online_the_entry_is_fetched() {
    let (world, log) = bare(&[Kind::Intoto001, Kind::Dsse001], &[Answer::Honest]);
    let online = [&SOURCE[..], &["--online"]].concat();
    let ended = world.verify(&online);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{}", ended.out);
    assert!(ended.out.contains("fetched from the log"), "{}", ended.out);
    let report = world.report(&online);
    let evidence = &report["results"][0]["candidates"][0]["attestation"]["evidence"];
    assert_eq!((&evidence["proofs"], &evidence["log"]), (&"log".into(), &"met".into()));
    assert_eq!(evidence["signedAt"][0]["time"], "2026-10-04T11:32:07Z");
    assert_eq!(log.asked().len(), 2);
    // What shows its proof is not asked about.
    world.attest("own.json", &world.sigstore.spec(ARTIFACT));
    let report = world.report(&[&online[..], &["--bundle", "own.json"]].concat());
    assert_eq!(report["results"][0]["candidates"][0]["attestation"]["evidence"]["proofs"], "file");
    assert_eq!(log.asked().len(), 2);
}

/// Proxies are those of the system; this machine itself is never asked through one.
#[test]
fn proxies_carry_requests_to_others() {
    let (world, log) = bare(&[Kind::Dsse001], &[Answer::Honest]);
    let run = |proxy: &str, url: &str| {
        let args = [&["verify", "app.tar.gz", "--trust", "root.json", "--online", "--rekor-url", url], &SOURCE[..]];
        let mut command = world.command(&args.concat());
        command.env_remove("NO_PROXY").env_remove("no_proxy");
        for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY"] {
            command.env(name, proxy);
        }
        crate::world::ended(command, &["verify"])
    };
    assert_eq!(run(&nobody(), &log.url()).code, 0, "a loopback address is asked directly");
    let ended = run(&log.url(), "http://rekor.example");
    assert_eq!(ended.code, 0, "{ended:?}");
    let asked = log.asked();
    assert_eq!(asked[1]["path"], "post http://rekor.example/api/v1/log/entries/retrieve http/1.1");
}

#[test]
fn a_log_without_the_entry_denies() {
    let (world, _log) = bare(&[], &[Answer::Honest]);
    let args = [&SOURCE[..], &["--online"]].concat();
    assert_eq!(world.verify(&args).code, 1);
    assert_eq!(code(&world.report(&args)), "log-entry-not-found");
}

#[test]
fn a_log_without_an_answer_decides_nothing() {
    let (world, _log) = bare(&[Kind::Dsse001], &[Answer::Status(404, "")]);
    let down = nobody();
    for (more, expected) in [
        (&["--online", "--rekor-url", down.as_str()][..], "log-unavailable"),
        (&["--online"], "log-status"),
        (&["--online", "--rekor-url", down.as_str(), "--timeout", "1"], "log-unavailable"),
    ] {
        let args = [&SOURCE[..], more].concat();
        let ended = world.verify(&args);
        assert_eq!(ended.code, 3, "{ended:?}");
        assert!(
            ended.out.starts_with("undecided app.tar.gz   1 attestation found, not all could be judged"),
            "{}",
            ended.out
        );
        let report = world.report(&args);
        assert_eq!((code(&report), &report["verdict"]), (expected, &"undecided".into()));
        assert_eq!(report["results"][0]["candidates"][0]["outcome"], "undecided");
    }
    // A good attestation beside it is enough.
    world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec(ARTIFACT));
    assert_eq!(world.verify(&[&SOURCE[..], &["--online", "--rekor-url", &down]].concat()).code, 0);
}

#[test]
fn flags_that_contradict_or_lack_each_other() {
    let (world, log) = bare(&[Kind::Dsse001], &[Answer::Honest]);
    for more in [
        &["--online", "--offline"][..],
        &["--rekor-url", "https://x.test"],
        &["--timeout", "5"],
        &["--online", "--timeout", "0"],
        &["--online", "--rekor-url", "x"],
        &["--online", "--rekor-url", "https://user:secret@x.test"],
    ] {
        let ended = world.verify(&[&SOURCE[..], more].concat());
        assert_eq!(ended.code, 2, "{more:?} {ended:?}");
        assert!(!ended.err.contains("secret"));
    }
    for args in [&["--upgrade", "a", "b"][..], &["a", "--output", "b"], &["a", "--rekor-url", "https://x.test"]] {
        assert_eq!(world.run(&[&["inspect"], args].concat()).code, 2, "{args:?}");
    }
    assert_eq!(log.asked().len(), 0);
}

#[test]
fn upgraded_once_and_offline_ever_after() {
    let (world, log) = bare(&[Kind::Intoto001], &[Answer::Honest]);
    let upgrade = |output: &str| {
        let file = ["inspect", "app.tar.gz.intoto.jsonl", "--upgrade", "--trust", "root.json", "--output", output];
        world.run(&file)
    };
    let ended = upgrade("app.tar.gz.sigstore.json");
    assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (0, "", ""));
    let kept: Value = serde_json::from_slice(&std::fs::read(world.path("app.tar.gz.sigstore.json")).unwrap()).unwrap();
    assert_eq!(kept["mediaType"], "application/vnd.dev.sigstore.bundle.v0.3+json");
    assert_eq!(upgrade("app.tar.gz.sigstore.json").code, 3, "what is there is not replaced");
    drop(log);
    let ended = world.verify(&[&SOURCE[..], &["--offline", "--bundle", "app.tar.gz.sigstore.json"]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    // What shows its proof already is written without asking.
    let args = ["inspect", "app.tar.gz.sigstore.json", "--upgrade", "--trust", "root.json"];
    let ended = world.run(&args);
    assert_eq!((ended.code, serde_json::from_str::<Value>(&ended.out).unwrap()), (0, kept));
}

#[test]
fn nothing_is_written_unless_it_verifies() {
    let (world, _log) = bare(&[], &[Answer::Honest]);
    let upgrade = |more: &[&str]| {
        let base = ["inspect", "app.tar.gz.intoto.jsonl", "--upgrade", "--trust", "root.json", "--output", "new.json"];
        let ended = world.run(&[&base[..], more].concat());
        assert!(!world.path("new.json").exists() && ended.out.is_empty());
        (ended.code, ended.err.split_whitespace().find(|word| word.contains('-')).unwrap_or_default().to_owned())
    };
    let has = |ended: (i32, String), exit: i32, code: &str| {
        assert!(ended.0 == exit && ended.1.contains(code), "{ended:?} is not {exit} {code}");
    };
    has(upgrade(&[]), 1, "log-entry-not-found");
    has(upgrade(&["--rekor-url", &nobody()]), 3, "log-unavailable");
    let bad = Spec { signature: Signature::Bad, ..world.sigstore.spec(ARTIFACT) };
    world.write("app.tar.gz.intoto.jsonl", world.sigstore.bare_logged(&bad, &[]).0);
    has(upgrade(&[]), 1, "signature-invalid");
    // One that verifies does not help another.
    let good = world.sigstore.mint(&world.sigstore.spec(ARTIFACT)).to_string();
    world.write("app.tar.gz.intoto.jsonl", format!("{good}\n{}\n", world.sigstore.bare_logged(&bad, &[]).0));
    has(upgrade(&[]), 1, "signature-invalid");
}
