//! Attestations that show no log entry: looked up over loopback in honest, broken and lying logs, or waived in words.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a suite prints how much it ran")]

#[path = "support/mod.rs"]
mod support;

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use sealmark::assess::Request;
use sealmark::assess::Where;
use sealmark::assess::assess;
use sealmark::builders::source::SourceUri;
use sealmark::formats::attestations;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::bundle::Signer as BundleSigner;
use sealmark::formats::bundle::Version;
use sealmark::formats::envelope::Envelope;
use sealmark::formats::log_entry::EntryKind;
use sealmark::policy::Policy;
use sealmark::policy::Signer;
use sealmark::policy::Slsa;
use sealmark::remote::RemoteError;
use sealmark::remote::http::MAX_ANSWER;
use sealmark::remote::http::MAX_ATTEMPTS;
use sealmark::remote::http::Service;
use sealmark::remote::rekor;
use sealmark::report::Report;
use sealmark::report::human;
use sealmark::store::subjects::Located;
use sealmark::trust::root::TrustedRoot;
use sealmark::upgrade::Proofs;
use sealmark::upgrade::UpgradeError;
use sealmark::upgrade::complete;
use sealmark::upgrade::to_v03;
use sealmark::verify::Unlogged;
use sealmark::verify::Verifier;

use crate::support::log_server::Answer;
use crate::support::log_server::LogServer;
use crate::support::log_server::nobody;
use crate::support::virtual_sigstore::About;
use crate::support::virtual_sigstore::Checkpoint;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::NamedLog;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::RootSpec;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::Window;
use crate::support::virtual_sigstore::signing_time;
use crate::support::virtual_sigstore::time;

const ARTIFACT: &[u8] = b"artifact bytes";
/// Enough for any honest answer.
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_secs(1);

fn domain() -> &'static VirtualSigstore {
    static DOMAIN: LazyLock<VirtualSigstore> = LazyLock::new(|| VirtualSigstore::new("online"));
    &DOMAIN
}

fn now() -> Timestamp {
    time("2026-11-21T00:00:00Z")
}

fn root(value: &Value) -> TrustedRoot {
    TrustedRoot::parse(value.to_string().as_bytes(), "root", None).unwrap()
}

fn verifier() -> Verifier {
    Verifier::new(vec![root(&domain().trusted_root())], Vec::new())
}

fn bundle(text: &str) -> Bundle {
    attestations::parse(text.as_bytes()).unwrap().remove(0).bundle.unwrap()
}

/// A bare envelope with its entries.
fn bare(kinds: &[Kind]) -> (Bundle, Vec<Value>) {
    let (text, entries) = domain().bare_logged(&domain().spec(ARTIFACT), kinds);
    (bundle(&text), entries)
}

fn completed(bundle: &Bundle, url: &str, total: Duration) -> Result<Bundle, UpgradeError> {
    let log = Service::new(url, total).unwrap();
    let ask = |bundle: &Bundle| rekor::find(bundle, std::slice::from_ref(&log));
    complete(&verifier(), bundle, ask, now()).map(|(bundle, _)| bundle)
}

fn code(bundle: &Bundle, log: &LogServer, total: Duration) -> Result<(), &'static str> {
    completed(bundle, &log.url(), total).map(|_| ()).map_err(|error| error.code())
}

#[test]
fn each_kind_of_entry_is_found_and_kept_for_ever() {
    for kind in [Kind::Dsse001, Kind::Intoto002, Kind::Intoto001] {
        let (bare, entries) = bare(&[kind]);
        let log = LogServer::start(&entries, &[Answer::Honest]);
        let found = completed(&bare, &log.url(), LONG).unwrap();
        assert_eq!((found.version, found.log_entries.len()), (Version::BareEnvelope, 1));
        // Once is enough.
        let kept = to_v03(&verifier(), &found, now()).unwrap();
        drop(log);
        let again = bundle(&kept.to_json().to_string());
        assert_eq!((again.version, &again), (Version::V0_3, &kept), "{kind:?}");
        let authenticated = verifier().authenticate(&again, now()).unwrap();
        assert_eq!(authenticated.statement().subjects.len(), 1);
    }
}

/// A bundle that lost its entry, or never had one, is found by the text that its fields give.
#[test]
fn a_bundle_without_an_entry_is_completed() {
    let spec = Spec { entries: Vec::new(), ..domain().spec(ARTIFACT) };
    let (_, entries) = domain().bare_logged(&spec, &[Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Honest]);
    let lost = bundle(&domain().mint(&spec).to_string());
    assert_eq!((lost.version, lost.log_entries.len()), (Version::V0_3, 0));
    assert_eq!(code(&lost, &log, LONG), Ok(()));
}

#[test]
fn only_names_are_sent() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Honest]);
    completed(&bare, &log.url(), LONG).unwrap();
    let asked = log.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0]["path"], "post /api/v1/log/entries/retrieve http/1.1");
    assert!(asked[0]["agent"].as_str().unwrap().starts_with("sealmark/"));
    let body = asked[0]["body"].as_object().unwrap();
    assert_eq!(body.keys().collect::<Vec<_>>(), ["entryUUIDs"]);
    let names = body["entryUUIDs"].as_array().unwrap();
    assert!((1..=10).contains(&names.len()));
    let is_hash = |name: &Value| name.as_str().unwrap().len() == 64 && hex::decode(name.as_str().unwrap()).is_ok();
    assert!(names.iter().all(is_hash));
}

#[test]
fn a_log_below_a_path_is_asked_there() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Honest]);
    completed(&bare, &format!("{}/rekor/", log.url()), LONG).unwrap();
    assert_eq!(log.asked()[0]["path"], "post /rekor/api/v1/log/entries/retrieve http/1.1");
}

#[test]
fn what_no_log_has_is_refused() {
    let (bare, _) = bare(&[]);
    let (_, entries) = domain().bare_logged(&domain().spec(b"another artifact"), &[Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Honest]);
    let error = completed(&bare, &log.url(), LONG).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("log-entry-not-found", true));
    assert!(error.to_string().contains(&log.url()), "{error}");
}

/// One attestation that was logged as several kinds has several entries, and one that verifies is enough.
#[test]
fn of_several_entries_one_is_enough() {
    let (bare, entries) = bare(&[Kind::Intoto001, Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Honest]);
    assert_eq!(code(&bare, &log, LONG), Ok(()));
    let (_, foreign) = domain().bare_logged(&domain().spec(b"another artifact"), &[Kind::Dsse001, Kind::Intoto002]);
    // Wherever in the answer it stands.
    let own = &entries[1];
    for order in [[&foreign[0], &foreign[1], own], [&foreign[0], own, &foreign[1]], [own, &foreign[0], &foreign[1]]] {
        let answer: Vec<Value> =
            order.iter().map(|one| support::log_server::api_entry(one)).map(|(name, one)| json!({name: one})).collect();
        let log = LogServer::start(&[], &[Answer::Body(Value::Array(answer).to_string().into_bytes())]);
        let found = completed(&bare, &log.url(), LONG).unwrap();
        assert_eq!((found.log_entries.len(), found.log_entries[0].kind), (1, EntryKind::Dsse001));
    }
}

/// What a log answers is verified like what stands in a file.
#[test]
fn no_answer_is_believed() {
    let spec = domain().spec(ARTIFACT);
    let (text, _) = domain().bare_logged(&spec, &[]);
    let bare = bundle(&text);
    let entry = || domain().entry(Kind::Dsse001);
    let hour = jiff::SignedDuration::from_hours(1);
    let rows = [
        ("a bad promise", Entry { set: Set::BadSignature, ..entry() }, "log-set-invalid"),
        ("a promise for another time", Entry { set: Set::OtherTime, ..entry() }, "log-set-invalid"),
        ("a promise of a stranger", Entry { set: Set::ForeignKey, ..entry() }, "log-set-invalid"),
        ("no promise", Entry { set: Set::Absent, ..entry() }, "time-missing"),
        ("a bad proof", Entry { proof: Proof::WrongHash, ..entry() }, "log-inclusion-mismatch"),
        ("the proof of another leaf", Entry { proof: Proof::OtherLeaf, ..entry() }, "log-inclusion-mismatch"),
        (
            "a checkpoint of a stranger",
            Entry { checkpoint: Checkpoint::ForeignKey, ..entry() },
            "log-checkpoint-invalid",
        ),
        ("a proof without a checkpoint", Entry { checkpoint: Checkpoint::Absent, ..entry() }, "bundle-version-shape"),
        ("a foreign log", Entry { log_id: NamedLog::Foreign, ..entry() }, "log-unknown"),
        ("too late", Entry { integrated_time: Some(signing_time() + hour), ..entry() }, "certificate-time"),
        ("in the future", Entry { integrated_time: Some(now() + hour), ..entry() }, "time-in-future"),
    ];
    for (name, entry, expected) in &rows {
        let log = LogServer::start(&domain().entries_of(&spec, &text, std::slice::from_ref(entry)), &[Answer::Honest]);
        let error = completed(&bare, &log.url(), LONG).unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), (*expected, true), "{name}");
    }
    // Another's entries: about other bytes, another signature, another certificate.
    for about in [About::OtherPayload, About::OtherSignature, About::OtherVerifier] {
        let other = Spec { entries: vec![Entry { about, ..entry() }], ..spec.clone() };
        let other = domain().mint(&other)["verificationMaterial"]["tlogEntries"][0].clone();
        let log = LogServer::start(&[other], &[Answer::Everything]);
        assert_eq!(code(&bare, &log, LONG), Err("log-entry-mismatch"), "{about:?}");
    }
    println!("answers that lie: {} refused", rows.len() + 3);
}

#[test]
fn nothing_is_asked_where_nothing_can_help() {
    let log = LogServer::start(&[], &[Answer::Honest]);
    let good = domain().spec(ARTIFACT);
    let ask = |spec: &Spec| code(&bundle(&domain().bare_logged(spec, &[]).0), &log, LONG);
    assert_eq!(ask(&Spec { signature: Signature::Bad, ..good.clone() }), Err("signature-invalid"));
    assert_eq!(ask(&Spec { scts: Vec::new(), ..good.clone() }), Err("sct-missing"));
    assert_eq!(code(&bundle(&domain().mint(&good).to_string()), &log, LONG), Ok(()));
    let unproven = Spec { entries: vec![Entry { set: Set::Absent, ..domain().entry(Kind::Dsse001) }], ..good };
    assert_eq!(code(&bundle(&domain().mint(&unproven).to_string()), &log, LONG), Err("time-missing"));
    assert_eq!(log.asked().len(), 0);
}

/// A log that gives no answer decides nothing.
#[test]
fn a_log_that_is_down_leaves_it_open() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    let error = completed(&bare, &nobody(), LONG).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("log-unavailable", false));
    for answer in [Answer::HangUp, Answer::Status(503, ""), Answer::Status(500, ""), Answer::Status(429, "")] {
        let log = LogServer::start(&entries, std::slice::from_ref(&answer));
        let error = completed(&bare, &log.url(), LONG).unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), ("log-unavailable", false), "{answer:?}");
        assert_eq!(log.asked().len(), usize::try_from(MAX_ATTEMPTS).unwrap(), "{answer:?}");
    }
}

#[test]
fn what_passes_is_tried_again() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    for first in
        [Answer::Status(500, ""), Answer::Status(503, ""), Answer::Status(429, "Retry-After: 1"), Answer::HangUp]
    {
        let log = LogServer::start(&entries, &[first.clone(), first.clone(), Answer::Honest]);
        let start = Instant::now();
        assert_eq!(code(&bare, &log, LONG), Ok(()), "{first:?}");
        assert_eq!(log.asked().len(), 3, "{first:?}");
        let asked_to_wait = matches!(first, Answer::Status(429, _));
        assert!(!asked_to_wait || start.elapsed() >= Duration::from_secs(2), "Retry-After is kept");
    }
}

#[test]
fn what_does_not_pass_is_not() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    for status in [400, 401, 403, 404, 422, 501] {
        let log = LogServer::start(&entries, &[Answer::Status(status, "")]);
        let error = completed(&bare, &log.url(), LONG).unwrap_err();
        assert_eq!((error.code(), error.is_refusal(), log.asked().len()), ("log-status", false, 1), "{status}");
    }
    let elsewhere = LogServer::start(&entries, &[Answer::Honest]);
    let log = LogServer::start(&entries, &[Answer::Redirect(elsewhere.url())]);
    assert_eq!(code(&bare, &log, LONG), Err("log-status"));
    assert_eq!(elsewhere.asked().len(), 0, "no redirect is followed");
    // Longer than anybody wants to wait.
    let log = LogServer::start(&entries, &[Answer::Status(503, "Retry-After: 3600")]);
    let start = Instant::now();
    assert_eq!(code(&bare, &log, LONG), Err("log-unavailable"));
    assert!(start.elapsed() < LONG && log.asked().len() == 1);
}

#[test]
fn a_slow_log_is_left_at_the_deadline() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    for answer in [Answer::Late(Duration::from_secs(15)), Answer::Drip] {
        let log = LogServer::start(&entries, std::slice::from_ref(&answer));
        let start = Instant::now();
        assert_eq!(code(&bare, &log, SHORT), Err("log-unavailable"), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{answer:?} took {:?}", start.elapsed());
    }
}

#[test]
fn an_answer_has_a_size_and_a_form() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    let log = LogServer::start(&entries, &[Answer::Endless(MAX_ANSWER)]);
    let error = completed(&bare, &log.url(), LONG).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("log-answer-invalid", false));
    assert!(error.to_string().contains("more than 16777216 bytes"), "{error}");
    let (_, good) = support::log_server::api_entry(&entries[0]);
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut entry = good.clone();
        edit(&mut entry);
        json!([{ "name": entry }]).to_string()
    };
    assert_eq!(rekor::entries(edited(&|_| ()).as_bytes()).unwrap().len(), 1, "the form is good");
    let many = Value::Array(vec![json!({"name": good}); 9]).to_string();
    let bodies = [
        String::new(),
        "<html>".to_owned(),
        "{}".to_owned(),
        "[1]".to_owned(),
        "[{}]".to_owned(),
        r#"[{"a":{},"b":{}}]"#.to_owned(),
        many,
        edited(&|entry| entry["body"] = json!("!")),
        edited(&|entry| entry["body"] = json!("e30=")),
        edited(&|entry| entry["logID"] = json!("zz")),
        edited(&|entry| entry["logIndex"] = json!(-1)),
        edited(&|entry| entry["logIndex"] = json!(null)),
        edited(&|entry| entry["integratedTime"] = json!(1.5)),
        edited(&|entry| entry["more"] = json!(1)),
        edited(&|entry| entry["verification"] = json!(null)),
        edited(&|entry| entry["verification"]["more"] = json!(1)),
        edited(&|entry| entry["verification"]["signedEntryTimestamp"] = json!("!")),
        edited(&|entry| entry["verification"]["inclusionProof"]["hashes"] = json!(["zz"])),
        edited(&|entry| entry["verification"]["inclusionProof"]["hashes"] = json!(vec!["00"; 64])),
        edited(&|entry| entry["verification"]["inclusionProof"]["treeSize"] = json!("x")),
        edited(&|entry| entry["verification"]["inclusionProof"]["rootHash"] = json!(7)),
    ];
    for body in &bodies {
        let log = LogServer::start(&entries, &[Answer::Body(body.clone().into_bytes())]);
        assert_eq!(code(&bare, &log, LONG), Err("log-answer-invalid"), "{body}");
    }
    println!("answers of another form: {} refused", bodies.len());
}

/// An entry `intoto` 0.0.1 is about a text. Where the text has another spelling than the one that its fields give, the
/// bare envelope verifies and no bundle can.
#[test]
fn a_text_that_cannot_be_rebuilt_is_not_kept() {
    let spec = domain().spec(ARTIFACT);
    let (text, _) = domain().bare_logged(&spec, &[]);
    let spaced = text.replace(r#"","payload":"#, r#"", "payload": "#);
    assert_ne!(spaced, text);
    let served = |kinds: &[Kind]| {
        let entries: Vec<Entry> = kinds.iter().map(|kind| domain().entry(*kind)).collect();
        LogServer::start(&domain().entries_of(&spec, &spaced, &entries), &[Answer::Honest])
    };
    let bare = bundle(&spaced);
    let found = completed(&bare, &served(&[Kind::Intoto001]).url(), LONG).unwrap();
    let kept = to_v03(&verifier(), &found, now());
    assert_eq!(kept.map_err(|error| error.code()), Err("upgrade-text-lost"));
    for kind in [Kind::Dsse001, Kind::Intoto002] {
        let found = completed(&bare, &served(&[kind]).url(), LONG).unwrap();
        assert!(to_v03(&verifier(), &found, now()).is_ok(), "{kind:?}");
    }
}

/// The logs of a root that may have taken an entry then, and no log of Rekor v2.
#[test]
fn a_root_says_which_logs_to_ask() {
    let at = |text: &str| rekor::logs_of(&[root(&domain().trusted_root())], time(text));
    assert_eq!(at("2026-10-04T00:00:00Z"), ["https://virtual.rekor.test"]);
    assert_eq!(at("2025-10-04T00:00:00Z"), [""; 0]);
    let ended = Window { start: Some(time("2026-01-01T00:00:00Z")), end: Some(time("2026-02-01T00:00:00Z")) };
    let ended = domain().trusted_root_of(&RootSpec { rekor_v1: Some(ended), ..domain().root_spec() });
    assert_eq!(rekor::logs_of(&[root(&ended)], signing_time()), [""; 0]);
    let (bare, _) = bare(&[]);
    assert_eq!(rekor::find(&bare, &[]).map_err(|error| error.code()), Err("log-not-named"));
}

/// One log without an answer does not hide the entry that another has; and where no log has one, it stays open.
#[test]
fn several_logs_are_asked() {
    let (bare, entries) = bare(&[Kind::Dsse001]);
    let full = LogServer::start(&entries, &[Answer::Honest]);
    let empty = LogServer::start(&[], &[Answer::Honest]);
    let find = |urls: &[String]| {
        let logs: Vec<Service> = urls.iter().map(|url| Service::new(url, LONG).unwrap()).collect();
        rekor::find(&bare, &logs).map(|found| found.len()).map_err(|error: RemoteError| error.code())
    };
    assert_eq!(find(&[nobody(), full.url()]), Ok(1));
    assert_eq!(find(&[empty.url(), full.url()]), Ok(1));
    assert_eq!(find(&[empty.url(), nobody()]), Err("log-unavailable"));
    assert_eq!(find(&[empty.url(), empty.url()]), Err("log-entry-not-found"));
}

fn reported(lines: &[String], verifier: &Verifier, proofs: Proofs<'_>) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let (artifact, file) = (folder.path().join("app"), folder.path().join("app.jsonl"));
    fs::write(&artifact, ARTIFACT).unwrap();
    fs::write(&file, lines.join("\n")).unwrap();
    let slsa = Slsa { source_uri: SourceUri::parse("github.com/acme/app"), ..Slsa::open() };
    let policy = Policy {
        predicate_types: vec!["https://slsa.dev/provenance/v1".to_owned()],
        signer: Signer::ByFacts,
        slsa: Some(slsa),
        marks: Default::default(),
    };
    let request = Request {
        verifier,
        policy: &policy,
        artifacts: &[Located::File(artifact)],
        attestations: &Where::Files(vec![file]),
        proofs,
        now: now(),
        threads: std::num::NonZeroUsize::new(2).unwrap(),
    };
    assess(&request, &|_| ()).unwrap()
}

/// Whoever accepts attestations without a log reads it in every report on every one of them.
#[test]
fn a_waived_log_is_said() {
    let bare = domain().bare_logged(&domain().spec(ARTIFACT), &[]).0;
    let report = reported(&[bare.clone(), bare.clone()], &verifier().with_unlogged(Unlogged::Accept), Proofs::InFiles);
    let mut text = Vec::new();
    human::write(&report, &mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let said = |line: &str| text.lines().any(|found| found.contains(line));
    assert!(said("signed     at an unknown time"), "{text}");
    let row = |line: &str| line.trim_start().starts_with("without a log entry") && line.ends_with("the log was waived");
    assert!(text.lines().any(row), "{text}");
    assert!(said("public record (the log was waived), signing time (nothing proves it)"), "{text}");
    let also = text.lines().find(|line| line.contains("also accepted")).unwrap();
    assert!(also.contains("the log was waived"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    for candidate in json["results"][0]["candidates"].as_array().unwrap() {
        let evidence = &candidate["attestation"]["evidence"];
        assert_eq!(
            (&evidence["log"], &evidence["signedAt"], &evidence["logEntries"]),
            (&json!("waived"), &json!([]), &json!([]))
        );
    }
    let open: Vec<_> = json["results"][0]["notChecked"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
    assert!(open.contains(&&json!("log-waived")) && open.contains(&&json!("signing-time")), "{open:?}");
    // Where nothing is waived, nothing is said of it.
    let strict = reported(&[bare], &verifier(), Proofs::InFiles);
    assert_eq!(strict.results[0].candidates[0].findings[0].code, "signing-time-unproven");
    let good = domain().mint(&domain().spec(ARTIFACT)).to_string();
    let good = reported(&[good], &verifier().with_unlogged(Unlogged::Accept), Proofs::InFiles);
    let mut text = Vec::new();
    human::write(&good, &mut text).unwrap();
    assert!(!String::from_utf8(text).unwrap().contains("waived"));
}

/// A file of thousands is not a request for thousands of requests.
#[test]
fn lookups_have_a_cap() {
    let bare = domain().bare_logged(&domain().spec(ARTIFACT), &[]).0;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.jsonl");
    fs::write(&file, vec![bare.clone(); sealmark::assess::MAX_ASKED + 1].join("\n")).unwrap();
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let ask = |_: &Bundle| {
        asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Err(RemoteError::NoLog)
    };
    let policy =
        Policy { predicate_types: Vec::new(), signer: Signer::TrustedKey, slsa: None, marks: Default::default() };
    let request = Request {
        verifier: &verifier(),
        policy: &policy,
        artifacts: &[Located::File(file.clone())],
        attestations: &Where::Files(vec![file]),
        proofs: Proofs::Asked(&ask),
        now: now(),
        threads: std::num::NonZeroUsize::MIN,
    };
    assert_eq!(assess(&request, &|_| ()).map(|_| ()).map_err(|error| error.code()), Err("log-too-many"));
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
    // An error of the log leaves the artifact undecided, and is the finding of the attestation.
    let report = reported(&[bare], &verifier(), Proofs::Asked(&ask));
    assert_eq!(report.verdict, sealmark::report::Verdict::Undecided);
    assert_eq!(report.results[0].candidates[0].findings[0].code, "log-not-named");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// The corpus, or None after saying why not.
fn corpus() -> Option<PathBuf> {
    if let Some(folder) = env::var_os("SEALMARK_CORPUS") {
        return Some(folder.into());
    }
    let reason = "SEALMARK_CORPUS is not set (the folder of real attestations)";
    assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but {reason}");
    println!("skipped: {reason}");
    None
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// The bodies that are computed are the ones that Rekor wrote, byte for byte, but for the hash of an envelope's text that
/// the corpus does not have.
#[test]
fn bodies_are_those_of_real_entries() {
    let Some(corpus) = corpus() else { return };
    let mut paths = Vec::new();
    files(&corpus.join("slsa-verifier/testdata"), &mut paths);
    files(&corpus.join("bundles"), &mut paths);
    let (mut same, mut whole) = (std::collections::BTreeMap::new(), 0);
    for path in paths {
        let Ok(candidates) =
            fs::read(&path).map_err(|_| ()).and_then(|bytes| attestations::parse(&bytes).map_err(|_| ()))
        else {
            continue;
        };
        for bundle in candidates.into_iter().filter_map(|one| one.bundle.ok()) {
            for entry in bundle.log_entries.iter().filter(|entry| !entry.kind.is_v2()) {
                let Ok(written) = String::from_utf8(entry.body.clone()) else { continue };
                let bodies = rekor::bodies(&bundle).into_iter().map(|body| String::from_utf8(body).unwrap());
                let bodies: Vec<String> = bodies.collect();
                let blank = |text: &str| {
                    let value: Value = serde_json::from_str(text).unwrap();
                    let spec = &value["spec"];
                    let hash = spec["envelopeHash"]["value"].as_str().or(spec["content"]["hash"]["value"].as_str());
                    text.replace(hash.unwrap_or("none"), "")
                };
                whole += usize::from(bodies.contains(&written));
                if bodies.iter().any(|body| blank(body) == blank(&written)) {
                    *same.entry(entry.kind.name()).or_insert(0) += 1;
                }
            }
        }
    }
    println!("bodies like those of real entries: {same:?}, {whole} with the hash of the text too");
    assert!(
        same.get(&("dsse", "0.0.1")).is_some_and(|n| *n > 5) && same.get(&("intoto", "0.0.2")).is_some_and(|n| *n > 20)
    );
}

/// Attestations of images have their text, their certificate and their entry side by side: there the body is the very
/// same, also when the text is rebuilt from the envelope's fields, and so the name by which it is looked up is too.
#[test]
fn names_are_those_of_real_entries() {
    let Some(corpus) = corpus() else { return };
    let mut paths = Vec::new();
    files(&corpus.join("slsa-verifier/testdata/gha_generic_container"), &mut paths);
    let mut kinds = Vec::new();
    for path in &paths {
        let manifest: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap_or(Value::Null);
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let annotation = |name: &str| layer["annotations"][format!("dev.sigstore.cosign/{name}")].as_str();
            let (Some(logged), Some(pem)) = (annotation("bundle"), annotation("certificate")) else { continue };
            let logged: Value = serde_json::from_str(logged).unwrap();
            let body = sealmark::formats::base64::decode(logged["Payload"]["body"].as_str().unwrap()).unwrap();
            let blob = path.with_file_name(layer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap());
            let leaf = sealmark::formats::log_entry::pem_der(pem).unwrap();
            let signer = BundleSigner::Certificate(leaf);
            let read = Bundle { signer, ..bundle(&fs::read_to_string(blob).unwrap()) };
            assert!(rekor::bodies(&read).contains(&body), "{}", path.display());
            let Content::Envelope(envelope) = &read.content else { panic!("an attestation") };
            let rebuilt = Content::Envelope(Envelope { source: None, ..envelope.clone() });
            assert!(rekor::bodies(&Bundle { content: rebuilt, ..read }).contains(&body), "{}", path.display());
            let body: Value = serde_json::from_slice(&body).unwrap();
            kinds.push(format!("{} {}", body["kind"].as_str().unwrap(), body["apiVersion"].as_str().unwrap()));
        }
    }
    kinds.sort();
    println!("names of real entries: {kinds:?}");
    assert_eq!(kinds, ["dsse 0.0.1", "intoto 0.0.1", "intoto 0.0.1"]);
}
