//! The Sigstore over loopback is believed by an independent verifier, and each of its lies is refused.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::use_debug, reason = "tests")]

mod support;

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use sealmark::formats::artifact::Artifact;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use serde_json::Value;
use serde_json::json;
use sigstore_trust_root::TrustedRoot;
use sigstore_types::Bundle;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::Verifier;

use support::sigstore_server::Behaviour;
use support::sigstore_server::Instance;
use support::sigstore_server::Lie;
use support::sigstore_server::Service;
use support::sigstore_server::SigstoreServer;
use support::sigstore_server::check;
use support::sigstore_server::tokens;
use support::virtual_sigstore::GitHub;
use support::virtual_sigstore::HashKind;
use support::virtual_sigstore::Key;
use support::virtual_sigstore::KeyKind;
use support::virtual_sigstore::SctLie;
use support::virtual_sigstore::asn1;
use support::virtual_sigstore::b64;
use support::virtual_sigstore::mint;
use support::virtual_sigstore::statement;

const ARTIFACT: &[u8] = b"artifact bytes";
const NONCE: &[u8] = &[0x51, 2, 3, 4, 5, 6, 7, 8];

/// Status, head and body of an answer.
struct Heard {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

fn ask(server: &SigstoreServer, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Heard> {
    let mut stream = TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut text = Vec::new();
    stream.read_to_end(&mut text).ok()?;
    let end = text.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(text[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Heard { status, head, body: text[end + 4..].to_vec() })
}

fn post(server: &SigstoreServer, path: &str, question: &Value) -> Heard {
    let headers = "Content-Type: application/json\r\n";
    ask(server, "POST", path, headers, question.to_string().as_bytes()).unwrap()
}

/// A client with a key, which makes a bundle out of what the server says.
struct Client {
    key: Key,
    statement: Vec<u8>,
}

impl Client {
    fn new() -> Self {
        let statement = statement::provenance(&json!([statement::subject("app", ARTIFACT)]), &GitHub::default());
        Self { key: Key::derive("client", "ephemeral", KeyKind::P256), statement: statement.to_string().into_bytes() }
    }

    fn message(&self) -> Vec<u8> {
        mint::pae(statement::PAYLOAD_TYPE, &self.statement)
    }

    fn envelope(&self) -> Value {
        json!({"payload": b64(&self.statement), "payloadType": statement::PAYLOAD_TYPE,
            "signatures": [{"sig": b64(&self.key.sign(&self.message()))}]})
    }

    fn request(&self, token: &str, challenge: &str) -> Value {
        json!({
            "credentials": {"oidcIdentityToken": token},
            "publicKeyRequest": {
                "publicKey": {"algorithm": "ECDSA", "content": self.key.public_pem()},
                "proofOfPossession": b64(&self.key.sign(challenge.as_bytes())),
            },
        })
    }

    fn certificate(&self, server: &SigstoreServer, claims: &Value) -> Result<Vec<u8>, String> {
        let challenge = claims["email"].as_str().or(claims["sub"].as_str()).unwrap();
        let request = self.request(&server.token(claims), challenge);
        let heard = post(server, "/api/v2/signingCert", &request);
        if heard.status != 200 {
            return Err(heard.json()["message"].to_string());
        }
        let answer = heard.json();
        let chain = &answer["signedCertificateEmbeddedSct"]["chain"]["certificates"];
        let leaf = chain[0].as_str().ok_or("no certificate")?;
        Ok(check::pem(leaf).unwrap().1)
    }

    fn proposal(&self, leaf: &[u8]) -> Value {
        json!({"apiVersion": "0.0.1", "kind": "dsse", "spec": {"proposedContent": {
            "envelope": self.envelope().to_string(),
            "verifiers": [b64(asn1::pem("CERTIFICATE", leaf).as_bytes())],
        }}})
    }

    fn v1(&self, server: &SigstoreServer, leaf: &[u8]) -> Value {
        let heard = post(server, "/api/v1/log/entries", &self.proposal(leaf));
        assert_eq!(heard.status, 201, "{}", heard.json());
        let answer = heard.json();
        let (name, entry) = answer.as_object().unwrap().iter().next().unwrap();
        assert!(heard.head.contains(&format!("Location: /api/v1/log/entries/{name}")));
        bundle_entry(entry)
    }

    fn v2(&self, server: &SigstoreServer, leaf: &[u8]) -> Value {
        let request = json!({"hashedRekordRequestV002": {
            "digest": b64(&HashKind::Sha256.of(&self.message())),
            "signature": {"content": b64(&self.key.sign(&self.message())), "verifier": {
                "x509Certificate": {"rawBytes": b64(leaf)}, "keyDetails": self.key.details(),
            }},
        }});
        let heard = post(server, "/api/v2/log/entries", &request);
        assert_eq!(heard.status, 201, "{}", heard.json());
        let mut entry = heard.json();
        let map = entry.as_object_mut().unwrap();
        map.remove("inclusionPromise");
        map.remove("integratedTime");
        entry
    }

    fn stamp(&self, server: &SigstoreServer) -> Result<Value, String> {
        let imprint = HashKind::Sha256.of(&self.key.sign(&self.message()));
        let query = asn1::seq(&[
            &asn1::uint(&[1]),
            &asn1::seq(&[&asn1::hash_algorithm(HashKind::Sha256.oid()), &asn1::octets(&imprint)]),
            &asn1::uint(NONCE),
            &asn1::yes(),
        ]);
        let headers = "Content-Type: application/timestamp-query\r\n";
        let heard = ask(server, "POST", "/api/v1/timestamp", headers, &query).unwrap();
        assert_eq!(heard.status, 201, "{}", String::from_utf8_lossy(&heard.body));
        let nonce = heard.body.windows(NONCE.len()).any(|window| window == NONCE);
        if !nonce {
            return Err("another nonce".to_owned());
        }
        Ok(json!({"signedTimestamp": b64(&heard.body)}))
    }

    fn bundle(&self, server: &SigstoreServer, how: How) -> Result<Value, String> {
        let leaf = self.certificate(server, &tokens::github(&GitHub::default()))?;
        let mut material = json!({"certificate": {"rawBytes": b64(&leaf)}});
        let mut entries = Vec::new();
        if matches!(how, How::V1 | How::Both) {
            entries.push(self.v1(server, &leaf));
        }
        if matches!(how, How::V2 | How::Both) {
            entries.push(self.v2(server, &leaf));
        }
        if !entries.is_empty() {
            material["tlogEntries"] = json!(entries);
        }
        if how != How::V1 {
            material["timestampVerificationData"] = json!({"rfc3161Timestamps": [self.stamp(server)?]});
        }
        Ok(json!({
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": material,
            "dsseEnvelope": self.envelope(),
        }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    V1,
    V2,
    Both,
    Logless,
}

/// Rekor v1's own form of an entry, as a bundle holds it.
fn bundle_entry(entry: &Value) -> Value {
    let unhex = |value: &Value| b64(&hex::decode(value.as_str().unwrap()).unwrap());
    let mut value = json!({
        "logIndex": entry["logIndex"].to_string(),
        "logId": {"keyId": unhex(&entry["logID"])},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": entry["integratedTime"].to_string(),
        "canonicalizedBody": entry["body"],
    });
    let verification = &entry["verification"];
    if let Some(promise) = verification.get("signedEntryTimestamp") {
        value["inclusionPromise"] = json!({"signedEntryTimestamp": promise});
    }
    if let Some(proof) = verification.get("inclusionProof") {
        value["inclusionProof"] = json!({
            "logIndex": proof["logIndex"].to_string(),
            "rootHash": unhex(&proof["rootHash"]),
            "treeSize": proof["treeSize"].to_string(),
            "hashes": proof["hashes"].as_array().unwrap().iter().map(unhex).collect::<Vec<_>>(),
            "checkpoint": {"envelope": proof["checkpoint"]},
        });
    }
    value
}

/// What another implementation of the rules says.
fn judge(server: &SigstoreServer, bundle: &Value, how: How) -> Result<(), String> {
    let root = TrustedRoot::from_json(&server.trusted_root().to_string()).map_err(|error| error.to_string())?;
    let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
    let bundle = Bundle::from_json(&bundle.to_string()).map_err(|error| error.to_string())?;
    let mut policy = VerificationPolicy::any_identity();
    if how == How::Logless {
        policy = policy.skip_tlog_unsafe().skip_sct();
    }
    verifier.verify(ARTIFACT, &bundle, &policy).map(drop).map_err(|error| error.to_string())
}

#[test]
fn honest_bundles_are_accepted_by_a_second_judge() {
    let client = Client::new();
    for how in [How::V1, How::V2, How::Both, How::Logless] {
        let instance = if how == How::Logless { Instance::Private } else { Instance::Public };
        let server = SigstoreServer::start("server", instance);
        let bundle = client.bundle(&server, how).unwrap();
        assert_eq!(judge(&server, &bundle, how), Ok(()), "{how:?}");
        assert_eq!(server.count(Service::Authority), 1);
    }
}

/// Sealmark's own verdict: nothing, or the code of the refusal.
fn verdict(server: &SigstoreServer, bundle: &Value) -> Result<(), &'static str> {
    let root = server.trusted_root().to_string();
    let root = sealmark::trust::root::TrustedRoot::parse(root.as_bytes(), "virtual", None).unwrap();
    let digest = Digest::new(Algorithm::Sha256, HashKind::Sha256.of(ARTIFACT)).unwrap();
    let artifact = Artifact::new("app".to_owned(), vec![digest]).unwrap();
    let bundle = sealmark::formats::bundle::Bundle::from_json(bundle.clone()).map_err(|error| error.code())?;
    let verifier = sealmark::verify::Verifier::new(vec![root], Vec::new());
    verifier.verify(&bundle, &artifact, jiff::Timestamp::now()).map(drop).map_err(|error| error.code())
}

#[test]
fn lies_make_bundles_that_are_refused() {
    let client = Client::new();
    for how in [How::V1, How::V2, How::Both] {
        let server = SigstoreServer::start("server", Instance::Public);
        assert_eq!(verdict(&server, &client.bundle(&server, how).unwrap()), Ok(()), "{how:?}");
    }
    let authority = [
        Lie::ForeignAuthority,
        Lie::Expired,
        Lie::NoSct,
        Lie::WrongSct(SctLie::ForeignKey),
        Lie::WrongSct(SctLie::OtherCertificate),
    ];
    let both = [
        Lie::OtherEnvelope,
        Lie::OtherTree,
        Lie::OtherProof,
        Lie::NoProof,
        Lie::ForeignCheckpoint,
        Lie::OtherCheckpoint,
        Lie::NoCheckpoint,
        Lie::ForeignLog,
        Lie::OtherLog,
        Lie::ChangedBody,
    ];
    let first = [Lie::ForeignPromise, Lie::OtherPromise, Lie::EarlyEntry, Lie::LateEntry];
    let stamps = [Lie::OtherBytes, Lie::ForeignStamp, Lie::BadStamp, Lie::EarlyStamp, Lie::LateStamp, Lie::Rejected];
    let cases = authority.iter().map(|lie| (Service::Authority, How::V1, lie));
    let cases = cases.chain(both.iter().chain(&first).map(|lie| (Service::LogV1, How::V1, lie)));
    let cases = cases.chain(both.iter().map(|lie| (Service::LogV2, How::V2, lie)));
    let cases = cases.chain(stamps.iter().map(|lie| (Service::Timestamp, How::V2, lie)));
    let mut refused = 0;
    for (service, how, lie) in cases {
        // Lies leave their marks in the trees.
        let server = SigstoreServer::start("server", Instance::Public);
        server.behave(service, &[Behaviour::Lie(lie.clone())]);
        let bundle = client.bundle(&server, how).unwrap();
        let ours = verdict(&server, &bundle);
        println!("{service:?} {lie:?}: {ours:?}; the other judge: {:?}", judge(&server, &bundle, how));
        assert!(ours.is_err(), "{service:?} {lie:?} was believed");
        refused += 1;
    }
    println!("{refused} lies refused");
    assert!(refused > 30);
}

#[test]
fn lies_that_only_a_client_sees_are_told() {
    let server = SigstoreServer::start("server", Instance::Public);
    let client = Client::new();
    let told = |lie: Lie| {
        server.behave(Service::Authority, &[Behaviour::Lie(lie)]);
        client.certificate(&server, &tokens::github(&GitHub::default()))
    };
    let honest = client.certificate(&server, &tokens::github(&GitHub::default())).unwrap();
    for number in [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24] {
        let other = told(Lie::Claim(number)).unwrap();
        let texts = |der: &[u8]| der.windows(6).filter(|six| six == b"-other").count();
        assert_eq!((texts(&honest), texts(&other)), (0, 1), "{number}");
        assert!(told(Lie::NoClaim(number)).unwrap().len() < honest.len(), "{number}");
    }
    // The log notices too.
    let strange = told(Lie::OtherKey).unwrap();
    assert_eq!(post(&server, "/api/v1/log/entries", &client.proposal(&strange)).status, 400);
    assert!(told(Lie::DetachedSct).is_err() && told(Lie::EmptyChain).is_err());
    for lie in [Lie::OtherNonce, Lie::NoNonce] {
        server.behave(Service::Timestamp, &[Behaviour::Lie(lie)]);
        assert_eq!(client.stamp(&server), Err("another nonce".to_owned()));
    }
}

#[test]
fn every_platform_has_its_certificate() {
    let server = SigstoreServer::start("server", Instance::Public);
    let name = |claims: &Value| {
        let der = Client::new().certificate(&server, claims).unwrap();
        let certificate = sealmark::formats::certificate::SigningCertificate::parse(&der).unwrap();
        certificate.san.as_str().to_owned()
    };
    for (claims, wanted) in [
        (
            tokens::github(&GitHub::default()),
            "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2",
        ),
        (tokens::gitlab(), "https://gitlab.com/acme/app//.gitlab-ci.yml@refs/tags/v1.4.2"),
        (tokens::buildkite(), "https://buildkite.com/acme/app"),
        (
            tokens::circleci(),
            "https://circleci.com/api/v2/projects/00000000-0000-4000-8000-000000000001/pipeline-definitions/00000000-0000-4000-8000-000000000003",
        ),
        (tokens::person(), "dev@example.com"),
        (
            json!({"iss": "https://ci.example.com", "sub": "https://ci.example.com/job/1"}),
            "https://ci.example.com/job/1",
        ),
    ] {
        assert!(name(&claims).contains(wanted), "{}", name(&claims));
    }
    let mut claims = tokens::gitlab();
    claims.as_object_mut().unwrap().remove("ci_config_sha");
    assert_eq!(Client::new().certificate(&server, &claims), Err("\"the token has no claim ci_config_sha\"".to_owned()));
}

#[test]
fn services_refuse_what_the_real_ones_refuse() {
    let server = SigstoreServer::start("server", Instance::Public);
    let client = Client::new();
    let good = tokens::github(&GitHub::default());
    let refused = |request: &Value| {
        let heard = post(&server, "/api/v2/signingCert", request);
        assert_eq!(heard.status, 400);
        heard.json()["message"].as_str().unwrap().to_owned()
    };
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        client.request(&server.token(&claims), good["sub"].as_str().unwrap())
    };
    assert_eq!(refused(&with("aud", json!("other"))), "the token is for another audience");
    assert_eq!(refused(&with("exp", json!(1_700_000_000))), "the token has expired");
    assert_eq!(refused(&with("sub", json!("somebody"))), "the proof of possession does not verify");
    let elsewhere = SigstoreServer::start("elsewhere", Instance::Public);
    let forged = client.request(&elsewhere.token(&good), good["sub"].as_str().unwrap());
    assert_eq!(refused(&forged), "the token's signature does not verify");

    let leaf = client.certificate(&server, &good).unwrap();
    let stranger = Client { key: Key::derive("client", "stranger", KeyKind::P256), ..Client::new() };
    let heard = post(&server, "/api/v1/log/entries", &stranger.proposal(&leaf));
    assert_eq!((heard.status, server.entries()), (400, (0, 0)));
    let first = post(&server, "/api/v1/log/entries", &client.proposal(&leaf));
    let again = post(&server, "/api/v1/log/entries", &client.proposal(&leaf));
    assert_eq!((first.status, again.status, server.entries()), (201, 409, (1, 0)));
    let place = again.head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
    assert_eq!(ask(&server, "GET", place, "", b"").unwrap().json(), first.json());
    client.v2(&server, &leaf);
    assert_eq!(server.entries(), (1, 1));
    let private = SigstoreServer::start("server", Instance::Private);
    assert_eq!(post(&private, "/api/v1/log/entries", &client.proposal(&leaf)).status, 404);
}

#[test]
fn faults_come_in_the_order_of_the_list_and_are_counted() {
    let server = SigstoreServer::start("server", Instance::Public);
    server.behave(
        Service::Token,
        &[Behaviour::Status(503, "Retry-After: 1"), Behaviour::HangUp, Behaviour::LoseAnswer, Behaviour::Honest],
    );
    let [(_, url), (_, bearer)] = server.token_environment();
    let path = format!("{}&audience=sigstore", url.strip_prefix(&server.url()).unwrap());
    let headers = format!("Authorization: Bearer {bearer}\r\n");
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(ask(&server, "GET", &path, &headers, b"").map(|heard| heard.status));
    }
    assert_eq!(statuses, [Some(503), None, None, Some(200), Some(200)]);
    assert_eq!(server.count(Service::Token), 5);
    assert_eq!(server.counts().into_iter().collect::<Vec<_>>(), [("GET /token".to_owned(), 5)]);
    assert_eq!(ask(&server, "GET", &path, "", b"").unwrap().status, 401);
    server.behave(Service::Token, &[Behaviour::Redirect("https://example.com/".to_owned()), Behaviour::Endless(1000)]);
    assert_eq!(ask(&server, "GET", &path, "", b"").unwrap().status, 307);
    assert!(ask(&server, "GET", &path, "", b"").unwrap().body.len() > 1000);
}
