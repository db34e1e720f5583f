//! Every offer of services, every platform's token: bundles that two verifiers accept.

use std::thread;

use jiff::Timestamp;
use sealmark::attest;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Version;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::log_entry::EntryKind;
use sealmark::remote::token::Audience;
use sealmark::remote::token::IdToken;
use sealmark::sign::keyless::Certified;
use sealmark::trust::key::digest_of;
use sealmark::verify::Message;
use sealmark::verify::Publicity;
use sealmark::verify::Verifier;
use sigstore_verify::VerificationPolicy;
use zeroize::Zeroizing;

use crate::client;
use crate::client::ARTIFACT;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::OFFERS;
use crate::support::sigstore_server::Offer;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;

/// What another implementation of the rules says.
fn second_judge(server: &SigstoreServer, bundle: &Bundle, instance: Instance) -> Result<(), String> {
    let root = sigstore_trust_root::TrustedRoot::from_json(&server.trusted_root().to_string()).unwrap();
    let verifier = sigstore_verify::Verifier::new(&root).unwrap();
    let bundle = sigstore_types::Bundle::from_json(&bundle.to_json().to_string()).map_err(|error| error.to_string())?;
    let mut policy = VerificationPolicy::any_identity();
    if instance == Instance::Private {
        policy = policy.skip_tlog_unsafe().skip_sct();
    }
    verifier.verify(ARTIFACT, &bundle, &policy).map(drop).map_err(|error| error.to_string())
}

#[test]
fn every_offer_gives_a_bundle_that_two_verifiers_accept() {
    let mut judged = 0;
    for instance in [Instance::Public, Instance::Private] {
        // A log that is asked for and does not exist is no honest case; neither is a public domain without a log.
        let fits = |offer: &&Offer| (**offer == Offer::Logless) == (instance == Instance::Private);
        for offer in OFFERS.iter().filter(fits) {
            let server = SigstoreServer::start("keyless", instance);
            let bundle = client::run(&server, *offer).unwrap();
            let kinds: Vec<EntryKind> = bundle.log_entries.iter().map(|entry| entry.kind).collect();
            let (first, second) = (EntryKind::Dsse001, EntryKind::HashedRekord002);
            let (wanted, stamps) = match offer {
                Offer::V1 => (vec![first], 0),
                Offer::V1Stamped => (vec![first], 1),
                Offer::V2 | Offer::Either => (vec![second], 1),
                Offer::Both => (vec![second, first], 1),
                Offer::Logless => (vec![], 1),
            };
            assert_eq!(
                (&kinds, bundle.timestamps.len(), bundle.version),
                (&wanted, stamps, Version::V0_3),
                "{offer:?}"
            );
            assert_eq!(bundle.signer.certificates().len(), 1);
            assert_eq!(second_judge(&server, &bundle, instance), Ok(()), "{offer:?}");
            let counts: Vec<usize> =
                [Service::Token, Service::Authority, Service::LogV1, Service::LogV2, Service::Timestamp]
                    .map(|service| server.count(service))
                    .to_vec();
            let asked = |kind| kinds.iter().filter(|found| **found == kind).count();
            assert_eq!(counts, [1, 1, asked(first), asked(second), stamps], "{offer:?}");
            let verified = client::verified(&server, &bundle).unwrap();
            let public = verified.evidence().certificate == Publicity::Logged;
            assert_eq!(public, instance == Instance::Public, "{offer:?}");
            judged += 1;
        }
    }
    println!("{judged} offers");
    assert_eq!(judged, 6);
}

#[test]
fn every_platforms_token_is_certified() {
    let server = SigstoreServer::start("keyless", Instance::Public);
    let services = client::services(&server, Offer::Both);
    let platforms = [
        tokens::github(&GitHub::default()),
        tokens::gitlab(),
        tokens::buildkite(),
        tokens::circleci(),
        tokens::person(),
    ];
    for claims in &platforms {
        let token = IdToken::parse(Zeroizing::new(server.token(claims))).unwrap();
        token.check(Audience::Is("sigstore"), Timestamp::now()).unwrap();
        let bundle = client::signed(&token, &services).unwrap();
        let verified = client::verified(&server, &bundle).unwrap();
        let identity = verified.identity().certificate().unwrap();
        assert_eq!(Some(identity.issuer.as_str()), claims["iss"].as_str());
        assert_eq!(second_judge(&server, &bundle, Instance::Public), Ok(()));
    }
    println!("{} platforms", platforms.len());
}

/// Many statements of one certificate, from several threads.
#[test]
fn one_certificate_signs_many_statements() {
    let server = SigstoreServer::start("keyless", Instance::Public);
    let services = client::services(&server, Offer::Both);
    let token = client::token(&server).unwrap();
    let certified = Certified::new(&client::permit(), &token, &services.ca, Timestamp::now()).unwrap();
    assert!(certified.still_valid(Timestamp::now()));
    let statement = client::provenance(&GitHub::default()).to_string();
    let sign =
        || (0..8).map(|_| certified.sign_statement(statement.as_bytes(), &services).unwrap()).collect::<Vec<_>>();
    let bundles: Vec<Bundle> = thread::scope(|scope| {
        let running: Vec<_> = (0..4).map(|_| scope.spawn(sign)).collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    for bundle in &bundles {
        client::verified(&server, bundle).unwrap();
    }
    assert_eq!((bundles.len(), server.count(Service::Authority), server.entries()), (32, 1, (32, 32)));
}

/// A signature over the artifact itself, in every log.
#[test]
fn plain_signatures_are_logged_and_verified() {
    let mut judged = 0;
    for offer in [Offer::V1, Offer::V2, Offer::Both] {
        let server = SigstoreServer::start("keyless", Instance::Public);
        let services = client::services(&server, offer);
        let token = client::token(&server).unwrap();
        let certified = Certified::new(&client::permit(), &token, &services.ca, Timestamp::now()).unwrap();
        let bundle = certified.sign_message(&Message::Bytes(ARTIFACT), &services).unwrap();
        let verifier = Verifier::new(vec![client::root(&server)], Vec::new());
        let verify = |message: &Message<'_>| verifier.verify_message(&bundle, message, Timestamp::now());
        let digest = digest_of(Algorithm::Sha256, ARTIFACT).unwrap();
        for message in [Message::Bytes(ARTIFACT), Message::Digest(&digest)] {
            let verified = verify(&message).unwrap();
            assert_eq!(verified.evidence().log.len(), bundle.log_entries.len());
            assert!(verified.identity().certificate().is_some());
        }
        assert_eq!(verify(&Message::Bytes(b"other")).unwrap_err().code(), "message-digest-mismatch");
        assert_eq!(second_judge(&server, &bundle, Instance::Public), Ok(()), "{offer:?}");
        judged += 1;
    }
    println!("{judged} plain signatures");
}

#[test]
fn a_certificate_that_ended_signs_nothing() {
    let server = SigstoreServer::start("keyless", Instance::Public);
    let services = client::services(&server, Offer::Both);
    let token = client::token(&server).unwrap();
    let certified = Certified::new(&client::permit(), &token, &services.ca, Timestamp::now()).unwrap();
    let roots = [client::root(&server)];
    let signer = attest::Signer::Keyless { certified: &certified, services: &services, roots: &roots };
    let statement = client::provenance(&GitHub::default()).to_string();
    let claim = attest::Claim::Statement(statement.as_bytes());
    let ended = certified.certificate().not_after;
    let error = attest::attest(signer, &[], claim, attest::Form::Bundle, || ended).unwrap_err();
    assert_eq!(error.code(), "certificate-ended");
    assert_eq!([Service::LogV1, Service::LogV2, Service::Timestamp].map(|service| server.count(service)), [0; 3]);
    attest::attest(signer, &[], claim, attest::Form::Bundle, Timestamp::now).unwrap();
}
