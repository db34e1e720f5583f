//! Every service failing in every way, and telling every lie: retried, or refused with its code.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use sealmark::remote::http::MAX_ATTEMPTS;

use crate::client;
use crate::client::Failure;
use crate::client::Lied;
use crate::client::TOTAL;
use crate::support::sigstore_server::Behaviour;
use crate::support::sigstore_server::Behaviour::Body;
use crate::support::sigstore_server::Behaviour::Drip;
use crate::support::sigstore_server::Behaviour::Endless;
use crate::support::sigstore_server::Behaviour::HangUp;
use crate::support::sigstore_server::Behaviour::Honest;
use crate::support::sigstore_server::Behaviour::Late;
use crate::support::sigstore_server::Behaviour::LoseAnswer;
use crate::support::sigstore_server::Behaviour::Redirect;
use crate::support::sigstore_server::Behaviour::Status;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Lie;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::SERVICES;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::virtual_sigstore::SctLie;

/// Cases that run at one time.
const THREADS: usize = 8;

/// One service that behaves in some way, all others honest.
pub(crate) struct Case {
    pub(crate) service: Service,
    pub(crate) behaviours: Vec<Behaviour>,
    pub(crate) wanted: Result<(), Failure>,
    /// Fewest and most requests that the service may be asked.
    pub(crate) asked: (usize, usize),
}

/// The first word of a service's codes.
fn word(service: Service) -> &'static str {
    match service {
        Service::Token => "token-service",
        Service::Authority => "ca",
        Service::LogV1 | Service::LogV2 => "log",
        Service::Timestamp => "timestamp",
    }
}

/// Failures that pass: the run succeeds.
pub(crate) fn passing() -> Vec<Case> {
    let mut cases = Vec::new();
    for service in SERVICES {
        // A log that has the entry already is asked for it (v1), or given another signature (v2).
        let again = if matches!(service, Service::LogV1 | Service::LogV2) { 3 } else { 2 };
        for (behaviours, asked) in [
            (vec![Honest], 1),
            (vec![Status(503, ""), Status(503, ""), Honest], 3),
            (vec![Status(429, "Retry-After: 1"), Honest], 2),
            (vec![HangUp, Honest], 2),
            (vec![Late(Duration::from_millis(300))], 1),
            (vec![LoseAnswer, Honest], again),
        ] {
            cases.push(Case { service, behaviours, wanted: Ok(()), asked: (asked, asked) });
        }
    }
    cases
}

/// Failures that stay: the run could not.
pub(crate) fn staying() -> Vec<Case> {
    let most = usize::try_from(MAX_ATTEMPTS).unwrap();
    let mut cases = Vec::new();
    for service in SERVICES {
        for (behaviour, what, asked) in [
            (Status(503, ""), "unavailable", (2, most)),
            (Status(500, ""), "unavailable", (2, most)),
            (HangUp, "unavailable", (2, most)),
            (Late(Duration::from_secs(60)), "unavailable", (1, 1)),
            (Drip, "unavailable", (1, 1)),
            (Status(429, "Retry-After: 3600"), "unavailable", (1, 1)),
            (Status(400, ""), "status", (1, 1)),
            (Status(401, ""), "status", (1, 1)),
            (Status(404, ""), "status", (1, 1)),
            (Redirect("http://127.0.0.1:1/".to_owned()), "status", (1, 1)),
            (Endless(17 * 1024 * 1024), "answer-invalid", (1, 1)),
            (Body(200, b"{}".to_vec()), "answer-invalid", (1, 1)),
            (Body(200, b"<html>".to_vec()), "answer-invalid", (1, 1)),
        ] {
            let wanted = Err(Failure::new(&format!("{}-{what}", word(service)), Lied::No));
            cases.push(Case { service, behaviours: vec![behaviour], wanted, asked });
        }
    }
    cases
}

/// Lies, each with the code of its refusal. An answer that lacks something is no lie but no answer.
pub(crate) fn lies() -> Vec<Case> {
    let token = [
        (Lie::OtherAudience, "token-service-answer-mismatch", Lied::Yes),
        (Lie::ExpiredToken, "token-expired", Lied::No),
        (Lie::NoToken, "token-service-answer-invalid", Lied::No),
    ];
    let authority = [
        (Lie::OtherKey, "ca-answer-mismatch", Lied::Yes),
        (Lie::Expired, "ca-answer-mismatch", Lied::Yes),
        (Lie::ForeignAuthority, "certificate-untrusted", Lied::Yes),
        (Lie::NoSct, "sct-missing", Lied::Yes),
        (Lie::WrongSct(SctLie::ForeignKey), "sct-invalid", Lied::Yes),
        (Lie::WrongSct(SctLie::OtherCertificate), "sct-invalid", Lied::Yes),
        (Lie::WrongSct(SctLie::UnknownLog), "sct-invalid", Lied::Yes),
        (Lie::DetachedSct, "ca-answer-invalid", Lied::No),
        (Lie::EmptyChain, "ca-answer-invalid", Lied::No),
        (Lie::LongChain(50), "ca-answer-invalid", Lied::No),
    ];
    let both = [
        (Lie::OtherEnvelope, "log-answer-mismatch", Lied::Yes),
        (Lie::ChangedBody, "log-answer-mismatch", Lied::Yes),
        (Lie::OtherTree, "log-checkpoint-mismatch", Lied::Yes),
        (Lie::OtherProof, "log-inclusion-mismatch", Lied::Yes),
        (Lie::ForeignCheckpoint, "log-checkpoint-invalid", Lied::Yes),
        (Lie::OtherCheckpoint, "log-checkpoint-mismatch", Lied::Yes),
        (Lie::ForeignLog, "log-unknown", Lied::Yes),
        (Lie::NoProof, "log-answer-invalid", Lied::No),
        (Lie::NoCheckpoint, "log-answer-invalid", Lied::No),
    ];
    let first = [
        (Lie::OtherLog, "log-set-invalid", Lied::Yes),
        (Lie::ForeignPromise, "log-set-invalid", Lied::Yes),
        (Lie::OtherPromise, "log-set-invalid", Lied::Yes),
        (Lie::EarlyEntry, "certificate-time", Lied::Yes),
        (Lie::LateEntry, "time-in-future", Lied::Yes),
        (Lie::NoPromise, "log-answer-invalid", Lied::No),
    ];
    let second = [(Lie::OtherLog, "log-checkpoint-invalid", Lied::Yes)];
    let timestamp = [
        (Lie::OtherBytes, "timestamp-answer-mismatch", Lied::Yes),
        (Lie::OtherNonce, "timestamp-answer-mismatch", Lied::Yes),
        (Lie::NoNonce, "timestamp-answer-mismatch", Lied::Yes),
        (Lie::ForeignStamp, "timestamp-invalid", Lied::Yes),
        (Lie::BadStamp, "timestamp-invalid", Lied::Yes),
        (Lie::EarlyStamp, "certificate-time", Lied::Yes),
        (Lie::LateStamp, "time-in-future", Lied::Yes),
        (Lie::Rejected, "timestamp-answer-invalid", Lied::No),
    ];
    let of = |service: Service, lies: &[(Lie, &str, Lied)]| {
        let case = |(lie, code, lied): &(Lie, &str, Lied)| {
            let wanted = Err(Failure::new(code, *lied));
            Case { service, behaviours: vec![Behaviour::Lie(lie.clone())], wanted, asked: (1, 1) }
        };
        lies.iter().map(case).collect::<Vec<_>>()
    };
    let mut cases = of(Service::Token, &token);
    cases.extend(of(Service::Authority, &authority));
    cases.extend(of(Service::LogV1, &both));
    cases.extend(of(Service::LogV1, &first));
    cases.extend(of(Service::LogV2, &both));
    cases.extend(of(Service::LogV2, &second));
    cases.extend(of(Service::Timestamp, &timestamp));
    cases
}

/// Runs the cases, several at a time, and says which ended otherwise than wanted.
pub(crate) fn all(cases: Vec<Case>, run: impl Fn(&SigstoreServer, Service) -> Result<(), Failure> + Sync) -> usize {
    let count = cases.len();
    let (cases, wrong) = (Mutex::new(cases), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some(case) = cases.lock().unwrap().pop() else { return };
            let server = SigstoreServer::start("keyless", Instance::Public);
            server.behave(case.service, &case.behaviours);
            let begin = Instant::now();
            let (ended, took, asked) = (run(&server, case.service), begin.elapsed(), server.count(case.service));
            let in_time = took < 2 * TOTAL;
            if !is_as(&ended, &case.wanted) || !(case.asked.0..=case.asked.1).contains(&asked) || !in_time {
                let Case { service, behaviours, wanted, asked: (least, most) } = case;
                wrong.lock().unwrap().push(format!(
                    "{service:?} {behaviours:?}: wanted {wanted:?} after {least} to {most} requests, found {ended:?} after \
                     {asked} and {took:?}"
                ));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
    count
}

/// Whether a run ended as wanted; what a program says has the code among its words.
fn is_as(ended: &Result<(), Failure>, wanted: &Result<(), Failure>) -> bool {
    match (ended, wanted) {
        (Ok(()), Ok(())) => true,
        (Err(ended), Err(wanted)) => {
            let mut words = ended.code.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
            ended.lied == wanted.lied && words.any(|word| word == wanted.code)
        }
        _ => false,
    }
}

fn by_library(server: &SigstoreServer, _: Service) -> Result<(), Failure> {
    client::run(server, Offer::Both).map(drop)
}

#[test]
fn what_passes_is_retried() {
    let ran = all(passing(), by_library);
    println!("{ran} runs that succeeded after faults");
    assert!(ran > 0);
}

#[test]
fn what_stays_could_not_be_done() {
    let ran = all(staying(), by_library);
    println!("{ran} faults that could not be overcome");
    assert!(ran > 0);
}

#[test]
fn lies_are_refused() {
    let cases = lies();
    let mut lied = BTreeMap::<bool, usize>::new();
    for case in &cases {
        *lied.entry(case.wanted.as_ref().is_err_and(|failure| failure.lied == Lied::Yes)).or_default() += 1;
    }
    let ran = all(cases, by_library);
    println!("{ran} lies, of which {lied:?} are refused as lies (true) or as no answer (false)");
    assert!(lied[&true] > 0 && lied[&false] > 0);
}
