//! Bundles that are signed here, judged by the verifiers of others: sigstore-python and sigstore-js; and images, read by
//! clients of others: oras-py and sigstore-js.
//!
//! `SEALMARK_JUDGES` names a folder with `venv` (a Python environment with `judges/requirements.txt`), `node` (the packages of
//! `judges/package-lock.json`) and `mock` (a Sigstore counterpart that others wrote, with its packages). `.ci/run` makes it.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

#[path = "../keyless/client.rs"]
#[allow(dead_code, reason = "this suite uses a part of it")]
mod client;
mod counterpart;
mod images;
mod judges;
#[path = "../support/mod.rs"]
mod support;

use jiff::Timestamp;
use sealmark::sign::keyless::Certified;
use sealmark::verify::Message;
use serde_json::Value;
use serde_json::json;

use crate::client::ARTIFACT;
use crate::judges::Case;
use crate::judges::Judges;
use crate::support::sigstore_server::Behaviour;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Lie;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::SctLie;

/// What a judge does not take, and its words for that.
const NARROWER: &[(&str, Offer, &str)] = &[
    ("sigstore-python", Offer::Both, "expected exactly one log entry"),
    ("sigstore-python", Offer::Logless, "tlogs\n  Field required"),
];

/// A bundle of this server, attestation or plain signature.
fn case(server: &SigstoreServer, name: &str, bundle: Value) -> Case {
    let run = GitHub::default();
    let (identity, issuer) = (run.signer_uri(), run.issuer);
    Case { name: name.to_owned(), root: server.trusted_root(), bundle, artifact: ARTIFACT.to_vec(), identity, issuer }
}

#[test]
fn outsiders_accept_what_is_signed_here() {
    let Some(judges) = Judges::find() else { return };
    let mut accepted = 0;
    for offer in [Offer::V1, Offer::V1Stamped, Offer::V2, Offer::Both, Offer::Logless] {
        let instance = if offer == Offer::Logless { Instance::Private } else { Instance::Public };
        let server = SigstoreServer::start("interop", instance);
        let services = client::services(&server, offer);
        let certified =
            Certified::new(&client::permit(), &client::token(&server).unwrap(), &services.ca, Timestamp::now())
                .unwrap();
        let statement = client::provenance(&GitHub::default()).to_string();
        let attestation = certified.sign_statement(statement.as_bytes(), &services).unwrap().to_json();
        let message = certified.sign_message(&Message::Bytes(ARTIFACT), &services).unwrap().to_json();
        for (kind, bundle) in [("attestation", attestation), ("message", message)] {
            let case = case(&server, &format!("{kind} by {offer:?}"), bundle);
            for (judge, verdict) in judges.ask(&case) {
                if let Some((_, _, reason)) = NARROWER.iter().find(|row| (row.0, row.1) == (judge, offer)) {
                    let found = verdict.unwrap_err();
                    assert!(found.contains(reason), "{}: {judge}: {found}", case.name);
                    continue;
                }
                assert_eq!(verdict, Ok(()), "{}: {judge}", case.name);
                accepted += 1;
            }
        }
    }
    println!("{accepted} verdicts of outsiders, all accepted");
    assert!(accepted > 0);
}

/// That the judges can say no, too.
#[test]
fn outsiders_refuse_what_is_wrong() {
    let Some(judges) = Judges::find() else { return };
    let server = SigstoreServer::start("interop", Instance::Public);
    let good = |offer| {
        let services = client::services(&server, offer);
        client::signed(&client::token(&server).unwrap(), &services).unwrap().to_json()
    };
    let (mut cases, second) = (Vec::new(), case(&server, "v2", good(Offer::V2)));
    let other = |name: &str, bend: &dyn Fn(&mut Case)| {
        let mut case = second.clone();
        case.name = name.to_owned();
        bend(&mut case);
        case
    };
    let payload = &client::provenance(&GitHub { commit: "0".repeat(40), ..GitHub::default() }).to_string();
    let payload = sealmark::formats::base64::encode(payload.as_bytes());
    cases.extend([
        other("another artifact", &|case| case.artifact = b"other".to_vec()),
        other("another name", &|case| case.identity.push('x')),
        other("another issuer", &|case| case.issuer = "https://accounts.example.com".to_owned()),
        other("another payload", &|case| case.bundle["dsseEnvelope"]["payload"] = json!(payload)),
        other("another root", &|case| case.root = server.sigstore.foreign().trusted_root()),
        other("no entry", &|case| case.bundle["verificationMaterial"]["tlogEntries"] = json!([])),
    ]);
    for (service, lie) in [
        (Service::Authority, Lie::ForeignAuthority),
        (Service::Authority, Lie::WrongSct(SctLie::ForeignKey)),
        (Service::LogV2, Lie::OtherProof),
        (Service::LogV2, Lie::ForeignCheckpoint),
        (Service::Timestamp, Lie::ForeignStamp),
        (Service::Timestamp, Lie::EarlyStamp),
    ] {
        server.behave(service, &[Behaviour::Lie(lie.clone())]);
        cases.push(case(&server, &format!("{lie:?}"), good(Offer::V2)));
        server.behave(service, &[Behaviour::Honest]);
    }
    let mut refused = 0;
    for case in &cases {
        for (judge, verdict) in judges.ask(case) {
            assert!(verdict.is_err(), "{}: {judge} accepts it", case.name);
            refused += 1;
        }
    }
    println!("{refused} verdicts of outsiders, all refused");
    assert!(refused > 0);
}
