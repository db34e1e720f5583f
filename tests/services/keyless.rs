//! Signing without a key: order of the services, several statements under one certificate, what is asked and what is not.

use std::time::Duration;

use jiff::Timestamp;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::bundle::Signer;
use sealmark::formats::bundle::Version;
use sealmark::generate::ci::Visibility;
use sealmark::sign::SignError;
use sealmark::sign::key::KeyKind;
use sealmark::sign::key::PrivateKey;
use sealmark::sign::keyless::Certified;
use sealmark::sign::keyless::Services;
use sealmark::sign::keyless::sign_with_key;
use sealmark::sign::privacy;
use sealmark::sign::privacy::Consent;
use sealmark::sign::privacy::Instance;
use sealmark::sign::privacy::Permit;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::Spelling;
use sealmark::trust::signing_config::LogVersion;
use sealmark::trust::signing_config::Selected;

use crate::authority;
use crate::log;
use crate::server::Answer;
use crate::server::Request;
use crate::server::Server;
use crate::timestamp;
use crate::token;

const LONG: Duration = Duration::from_secs(20);

/// A whole Sigstore at one address, whose log has one version.
fn honest(version: LogVersion) -> impl Fn(&Request) -> Answer + Send + Sync + 'static {
    move |request| match request.line.as_str() {
        "POST /api/v2/signingCert" => authority::issued(authority::asked_key(request)),
        "POST /api/v1/timestamp" => timestamp::honest(request),
        line if line.ends_with("/log/entries") => {
            Answer::json(201, &log::answer(version, &log::entry(version, request)))
        }
        _ => Answer::Body(404, Vec::new()),
    }
}

fn selected(server: &Server, logs: &[LogVersion], timestamps: usize) -> Selected {
    Selected {
        ca: server.url(),
        logs: logs.iter().map(|version| (server.url(), *version)).collect(),
        timestamps: vec![format!("{}/api/v1/timestamp", server.url()); timestamps],
    }
}

fn certified(services: &Services) -> Certified {
    Certified::new(&permit(), &token::read(&token::claims()), &services.ca, Timestamp::now()).unwrap()
}

fn lines(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|request| request.line).collect()
}

#[test]
fn one_certificate_signs_many_statements_at_once() {
    let server = Server::always(honest(LogVersion::V1));
    let services = Services::new(&selected(&server, &[LogVersion::V1], 1), LONG).unwrap();
    let certified = certified(&services);
    let sign = |n: usize| certified.sign_statement(format!("{{\"n\":{n}}}").as_bytes(), &services).unwrap();
    let sign = &sign;
    let bundles: Vec<Bundle> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..6).map(|n| scope.spawn(move || sign(n))).collect();
        running.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let key = PublicKey::from_spki(&certified.certificate().public_key).unwrap();
    for (n, bundle) in bundles.iter().enumerate() {
        assert_eq!(bundle.version, Version::V0_3);
        assert_eq!(bundle.unverified_payload().unwrap(), format!("{{\"n\":{n}}}").as_bytes());
        assert!(matches!(&bundle.signer, Signer::Certificate(leaf) if leaf.len() > 100));
        assert_eq!((bundle.log_entries.len(), bundle.timestamps.len()), (1, 1));
        let Content::Envelope(envelope) = &bundle.content else { panic!("{bundle:?}") };
        key.verify(&envelope.pae().unwrap(), &envelope.signatures[0].sig, Spelling::Exact).unwrap();
    }
    let certificates = lines(&server).iter().filter(|line| line.contains("signingCert")).count();
    assert_eq!((certificates, server.asked().len()), (1, 13));
}

#[test]
fn every_witness_is_asked_and_timestamps_come_first() {
    let server = Server::always(honest(LogVersion::V2));
    let services = Services::new(&selected(&server, &[LogVersion::V2], 2), LONG).unwrap();
    let bundle = certified(&services).sign_statement(b"{}", &services).unwrap();
    assert_eq!((bundle.log_entries.len(), bundle.timestamps.len()), (1, 2));
    let stamp = "POST /api/v1/timestamp";
    assert_eq!(lines(&server), ["POST /api/v2/signingCert", stamp, stamp, "POST /api/v2/log/entries"]);
    // Each request has a nonce of its own.
    assert_ne!(server.asked()[1].body, server.asked()[2].body);
    let unlogged = Services::new(&selected(&server, &[], 1), LONG).unwrap();
    let bundle = certified(&unlogged).sign_statement(b"{}", &unlogged).unwrap();
    assert_eq!((bundle.log_entries.len(), bundle.timestamps.len()), (0, 1));
}

#[test]
fn nothing_is_signed_whose_time_nobody_would_prove() {
    let server = Server::always(honest(LogVersion::V2));
    for logs in [&[][..], &[LogVersion::V2]] {
        let error = Services::new(&selected(&server, logs, 0), LONG).unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), ("signing-time-unprovable", false));
    }
    let whole = Services::new(&selected(&server, &[LogVersion::V2], 1), LONG).unwrap();
    let poor = Services { timestamps: Vec::new(), ..whole.clone() };
    let certified = certified(&whole);
    let asked = server.asked().len();
    assert_eq!(certified.sign_statement(b"{}", &poor).unwrap_err().code(), "signing-time-unprovable");
    assert_eq!(server.asked().len(), asked);
}

#[test]
fn a_log_is_given_nothing_when_the_timestamp_authority_fails() {
    let server = Server::always(|request| match request.line.as_str() {
        "POST /api/v1/timestamp" => Answer::Body(400, Vec::new()),
        _ => honest(LogVersion::V1)(request),
    });
    let services = Services::new(&selected(&server, &[LogVersion::V1], 1), LONG).unwrap();
    let error = certified(&services).sign_statement(b"{}", &services).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("timestamp-status", false));
    assert!(lines(&server).iter().all(|line| !line.contains("/log/entries")));
}

#[test]
fn addresses_are_checked_before_anything_is_asked() {
    let server = Server::always(honest(LogVersion::V1));
    let good = selected(&server, &[LogVersion::V1], 1);
    let clear = "http://services.example.org".to_owned();
    let code = |selected: &Selected| Services::new(selected, LONG).map(drop).map_err(|error: SignError| error.code());
    assert_eq!(code(&good), Ok(()));
    assert_eq!(code(&Selected { ca: clear.clone(), ..good.clone() }), Err("ca-url-invalid"));
    assert_eq!(code(&Selected { logs: vec![(clear.clone(), LogVersion::V1)], ..good.clone() }), Err("log-url-invalid"));
    assert_eq!(code(&Selected { timestamps: vec![clear], ..good }), Err("timestamp-url-invalid"));
    assert!(server.asked().is_empty());
}

#[test]
fn a_key_may_be_witnessed_too() {
    let server = Server::always(honest(LogVersion::V1));
    let services = Services::new(&selected(&server, &[LogVersion::V1], 1), LONG).unwrap();
    for kind in KeyKind::ALL {
        let key = PrivateKey::generate(kind).unwrap();
        let bundle = sign_with_key(&key, b"{}", &services.logs, &services.timestamps).unwrap();
        assert_eq!(bundle.signer, Signer::PublicKey { hint: key.hint() });
        assert_eq!((bundle.log_entries.len(), bundle.timestamps.len()), (1, 1));
        let plain = sign_with_key(&key, b"{}", &[], &[]).unwrap();
        assert!(plain.log_entries.is_empty() && plain.timestamps.is_empty());
    }
}

/// The source of every token here is public.
fn permit() -> Permit {
    privacy::ask(Visibility::Public, Instance::Public, Consent::Withheld).unwrap()
}
