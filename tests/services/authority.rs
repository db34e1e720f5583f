//! The certificate authority: what is sent to it, and what it may answer.

use std::time::Duration;

use jiff::SignedDuration;
use jiff::Timestamp;
use p256::ecdsa::Signature;
use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier;
use p256::pkcs8::DecodePublicKey;
use p256::pkcs8::EncodePublicKey;
use sealmark::formats::certificate::San as LeafSan;
use sealmark::generate::ci::Visibility;
use sealmark::remote::fulcio::CertificateAuthority;
use sealmark::sign::SignError;
use sealmark::sign::keyless::Certified;
use sealmark::sign::privacy;
use sealmark::sign::privacy::Consent;
use sealmark::sign::privacy::Instance;
use sealmark::sign::privacy::Permit;
use serde_json::Value;
use serde_json::json;

use crate::server::Answer;
use crate::server::Request;
use crate::server::Script;
use crate::server::Server;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::asn1;
use crate::support::virtual_sigstore::ca;
use crate::support::virtual_sigstore::x509;
use crate::support::virtual_sigstore::x509::Template;
use crate::token;

const LONG: Duration = Duration::from_secs(20);
const SUBJECT: &str = "repo:acme/app:ref:refs/heads/main";

/// The key that a request is about.
pub(crate) fn asked_key(request: &Request) -> Vec<u8> {
    let pem = request.json()["publicKeyRequest"]["publicKey"]["content"].as_str().unwrap().to_owned();
    VerifyingKey::from_public_key_pem(&pem).unwrap().to_public_key_der().unwrap().to_vec()
}

/// A certificate of a key, by an authority that checks nothing.
pub(crate) fn certificate(spki: Vec<u8>, start: Timestamp, end: Timestamp) -> Vec<u8> {
    let issuer = VirtualSigstore::new("services").ca.intermediate();
    let name = ca::alternative_names(&[San::Uri(
        "https://github.com/acme/app/.github/workflows/b.yml@refs/heads/main".to_owned(),
    )]);
    let extensions =
        vec![x509::usage_digital_signature(), x509::extended_usage(false, &[x509::OID_CODE_SIGNING]), name];
    let template = Template {
        issuer: issuer.name.clone(),
        subject: asn1::seq(&[]),
        not_before: start,
        not_after: end,
        spki,
        extensions,
    };
    template.certificate(&issuer.key)
}

/// An honest answer for a key.
pub(crate) fn issued(spki: Vec<u8>) -> Answer {
    let now = Timestamp::now();
    answer(&[asn1::pem("CERTIFICATE", &certificate(spki, now, now + SignedDuration::from_mins(10)))])
}

fn answer(chain: &[String]) -> Answer {
    Answer::json(200, &json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } }))
}

fn certify(server: &Server, claims: &Value) -> Result<Certified, SignError> {
    let authority = CertificateAuthority::new(&server.url(), LONG).unwrap();
    Certified::new(&permit(), &token::read(claims), &authority, Timestamp::now())
}

fn code(server: &Server) -> (&'static str, bool) {
    let error = certify(server, &token::claims()).unwrap_err();
    (error.code(), error.is_refusal())
}

#[test]
fn the_key_is_certified_and_its_possession_proven() {
    let server = Server::always(|request| issued(asked_key(request)));
    for (claims, identity) in [
        (token::claims(), SUBJECT.to_owned()),
        (
            json!({ "sub": "u1", "email": "dev@example.com", "aud": "sigstore", "exp": 9_999_999_999_i64 }),
            "dev@example.com".to_owned(),
        ),
    ] {
        let certified = certify(&server, &claims).unwrap();
        assert!(certified.still_valid(Timestamp::now()));
        assert!(!certified.still_valid(certified.certificate().not_after));
        assert!(matches!(&certified.certificate().san, LeafSan::Uri(uri) if uri.contains("acme/app")));
        let request = server.asked().pop().unwrap();
        assert_eq!(request.line, "POST /api/v2/signingCert");
        assert_eq!(request.header("content-type"), Some("application/json"));
        let body = request.json();
        assert_eq!(body["credentials"]["oidcIdentityToken"], token::text(&claims));
        assert_eq!(body["publicKeyRequest"]["publicKey"]["algorithm"], "ECDSA");
        assert_eq!(certified.certificate().public_key, asked_key(&request));
        use base64::Engine as _;
        let proof = body["publicKeyRequest"]["proofOfPossession"].as_str().unwrap();
        let proof = base64::engine::general_purpose::STANDARD.decode(proof).unwrap();
        let key = VerifyingKey::from_public_key_der(&asked_key(&request)).unwrap();
        key.verify(identity.as_bytes(), &Signature::from_der(&proof).unwrap()).unwrap();
        let shown = format!("{certified:?}");
        assert!(shown.starts_with("Certified") && shown.ends_with(".. }"), "{shown}");
    }
    // Each certificate is for a key of its own.
    let keys: Vec<_> = server.asked().iter().map(asked_key).collect();
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn another_keys_certificate_is_a_lie() {
    let other = VirtualSigstore::new("services").ca.root().key;
    let stranger = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let stranger = stranger.verifying_key().to_public_key_der().unwrap().to_vec();
    for spki in [other.spki(), stranger] {
        let server = Server::always(move |_| issued(spki.clone()));
        assert_eq!(code(&server), ("ca-answer-mismatch", true));
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn a_certificate_is_valid_now_but_for_a_clock_that_is_a_little_late() {
    let at = |start: i64, end: i64| {
        let server = Server::always(move |request| {
            let now = Timestamp::now();
            let (start, end) = (now + SignedDuration::from_secs(start), now + SignedDuration::from_secs(end));
            answer(&[asn1::pem("CERTIFICATE", &certificate(asked_key(request), start, end))])
        });
        certify(&server, &token::claims()).map(drop).map_err(|error| (error.code(), error.is_refusal()))
    };
    assert_eq!(at(-600, 5), Ok(()));
    assert_eq!(at(30, 600), Ok(()));
    for (start, end) in [(90, 600), (-600, -5)] {
        assert_eq!(at(start, end), Err(("ca-answer-mismatch", true)), "{start} {end}");
    }
}

#[test]
fn what_is_no_chain_is_refused() {
    let good = |request: &Request| {
        let now = Timestamp::now();
        asn1::pem("CERTIFICATE", &certificate(asked_key(request), now, now + SignedDuration::from_mins(10)))
    };
    let embedded = |chain: Value| json!({ "signedCertificateEmbeddedSct": { "chain": { "certificates": chain } } });
    let answered = |value: Value| Answer::json(201, &value);
    let cases: Script = vec![
        Box::new(move |_| answered(json!({}))),
        Box::new(move |_| answered(json!([]))),
        Box::new(move |_| answered(embedded(json!([])))),
        Box::new(move |_| answered(embedded(json!("x")))),
        Box::new(move |_| answered(embedded(json!([1])))),
        Box::new(move |_| {
            answered(embedded(json!(["-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])))
        }),
        Box::new(move |request| answered(embedded(json!([good(request).replace("CERTIFICATE", "PUBLIC KEY")])))),
        Box::new(move |request| answered(embedded(json!([format!("{0}{0}", good(request))])))),
        Box::new(move |request| answered(embedded(json!(vec![good(request); 9])))),
        Box::new(move |request| {
            let chain = json!({ "certificates": [good(request)] });
            answered(
                json!({ "signedCertificateDetachedSct": { "chain": chain, "signedCertificateTimestamp": "AA==" } }),
            )
        }),
        Box::new(move |request| {
            let mut both = embedded(json!([good(request)]));
            both["signedCertificateDetachedSct"] = json!({});
            answered(both)
        }),
    ];
    let mut tried = 0;
    for case in cases {
        assert_eq!(code(&Server::script(vec![case])), ("ca-answer-invalid", false));
        tried += 1;
    }
    assert_eq!(tried, 11);
    let html = Server::answers(vec![Answer::Body(200, b"<html>".to_vec())]);
    assert_eq!(code(&html), ("ca-answer-invalid", false));
}

#[test]
fn the_token_is_in_no_error() {
    let server = Server::always(|request| {
        let body = String::from_utf8(request.body.clone()).unwrap();
        Answer::json(400, &json!({ "code": 3, "message": body }))
    });
    let error = certify(&server, &token::claims()).unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("ca-status", false));
    let text = token::text(&token::claims());
    for part in text.split('.') {
        assert!(!error.to_string().contains(&part[..12]), "{error}");
    }
    // Not even where it is taken for the answer.
    let echo = Server::always(|request| Answer::Body(200, request.body.clone()));
    let error = certify(&echo, &token::claims()).unwrap_err();
    assert_eq!(error.code(), "ca-answer-invalid");
    assert!(!error.to_string().contains(&text[..20]), "{error}");
    let quoted = Server::always(|request| {
        let body = request.json();
        let token = body["credentials"]["oidcIdentityToken"].as_str().unwrap().to_owned();
        Answer::Body(200, format!(r#"{{"{token}":1,"{token}":2}}"#).into_bytes())
    });
    let error = certify(&quoted, &token::claims()).unwrap_err();
    assert_eq!(error.code(), "ca-answer-invalid");
    assert!(!error.to_string().contains(&text[..20]), "{error}");
}

#[test]
fn a_token_about_nobody_is_not_sent() {
    let server = Server::always(|request| issued(asked_key(request)));
    let error = certify(&server, &json!({ "aud": "sigstore", "exp": 9_999_999_999_i64 })).unwrap_err();
    assert_eq!((error.code(), server.asked().len()), ("token-nobody", 0));
}

/// The source of every token here is public.
fn permit() -> Permit {
    privacy::ask(Visibility::Public, Instance::Public, Consent::Withheld).unwrap()
}
