//! Logs of Rekor v1 and v2: what is sent to them, and what they may answer.

use std::time::Duration;

use jiff::Timestamp;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::bundle::LogEntry;
use sealmark::formats::envelope::Envelope;
use sealmark::remote::RemoteError;
use sealmark::remote::log::Log;
use sealmark::remote::log::Verifier;
use sealmark::sign::key::KeyKind;
use sealmark::sign::key::PrivateKey;
use sealmark::sign::keyless::sign_with_key;
use sealmark::sign::sign_statement;
use sealmark::store::measure;
use sealmark::store::measure::Text;
use sealmark::store::spool::Spooled;
use sealmark::trust::signing_config::LogVersion;
use serde_json::Value;
use serde_json::json;

use crate::server::Answer;
use crate::server::Request;
use crate::server::Server;
use crate::support::log_server::api_entry;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::body;
use crate::support::virtual_sigstore::log;

const LONG: Duration = Duration::from_secs(20);
const STATEMENT: &[u8] = b"{\"_type\":\"https://in-toto.io/Statement/v1\"}";

fn bytes(value: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap()
}

fn signed(key: &PrivateKey) -> Envelope {
    match sign_statement(key, STATEMENT).unwrap() {
        Bundle { content: Content::Envelope(envelope), .. } => envelope,
        other => panic!("{other:?}"),
    }
}

/// An honest entry about what a log of this version was sent, as a bundle has it.
pub(crate) fn entry(version: LogVersion, request: &Request) -> Value {
    let sigstore = VirtualSigstore::new("services");
    let question = request.json();
    let (kind, logs) = match version {
        LogVersion::V1 => (Kind::Dsse001, (&sigstore.rekor_v1, &sigstore.rekor_v2)),
        LogVersion::V2 => (Kind::HashedRekord002, (&sigstore.rekor_v2, &sigstore.rekor_v1)),
    };
    let body = match version {
        LogVersion::V1 => {
            let proposed = &question["spec"]["proposedContent"];
            let text = proposed["envelope"].as_str().unwrap();
            let envelope: Value = serde_json::from_str(text).unwrap();
            let hash = |bytes: &[u8]| json!({ "algorithm": "sha256", "value": HashKind::Sha256.hex(bytes) });
            json!({ "apiVersion": "0.0.1", "kind": "dsse", "spec": {
                "envelopeHash": hash(text.as_bytes()), "payloadHash": hash(&bytes(&envelope["payload"])),
                "signatures": [{ "signature": envelope["signatures"][0]["sig"], "verifier": proposed["verifiers"][0] }],
            }})
        }
        LogVersion::V2 => {
            let record = &question["hashedRekordRequestV002"];
            json!({ "apiVersion": "0.0.2", "kind": "hashedrekord", "spec": { "hashedRekordV002": {
                "data": { "algorithm": "SHA2_256", "digest": record["digest"] }, "signature": record["signature"],
            }}})
        }
    };
    let made =
        log::Entry { body: Some(body::canonical_json(&body).into_bytes()), ..log::Entry::new(kind, Timestamp::now()) };
    let subject = body::Subject {
        payload_type: String::new(),
        payload: Vec::new(),
        envelope: Vec::new(),
        message: Vec::new(),
        hash: HashKind::Sha256,
        signatures: Vec::new(),
        own: 0,
    };
    let foreign = VirtualSigstore::new("services").foreign().rekor_v1;
    log::entry(&made, &log::Logs { own: logs.0, other: logs.1, foreign: &foreign }, &subject)
}

/// The same as the log's interface has it.
pub(crate) fn answer(version: LogVersion, entry: &Value) -> Value {
    match version {
        LogVersion::V1 => {
            let (name, entry) = api_entry(entry);
            json!({ (format!("108e9186e8c5677a{name}")): entry })
        }
        LogVersion::V2 => entry.clone(),
    }
}

fn record(
    server: &Server,
    version: LogVersion,
    key: &PrivateKey,
    envelope: &Envelope,
) -> Result<LogEntry, RemoteError> {
    let log = Log::new(&server.url(), version, LONG).unwrap();
    log.record(envelope, Verifier::PublicKey(key.public_key_der()))
}

const VERSIONS: [LogVersion; 2] = [LogVersion::V1, LogVersion::V2];

#[test]
fn an_entry_is_about_what_was_sent() {
    for kind in [KeyKind::EcdsaP256, KeyKind::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let envelope = signed(&key);
        let server =
            Server::always(|request| Answer::json(201, &answer(LogVersion::V1, &entry(LogVersion::V1, request))));
        let found = record(&server, LogVersion::V1, &key, &envelope).unwrap();
        assert!(found.signed_entry_timestamp.is_some() && found.inclusion_proof.is_some());
        let request = server.asked().remove(0);
        assert_eq!(request.line, "POST /api/v1/log/entries");
        let text = request.json()["spec"]["proposedContent"]["envelope"].as_str().unwrap().to_owned();
        // The text that is logged is one that a reader of the bundle writes again.
        assert!(envelope.texts(None).iter().any(|own| **own == *text.as_bytes()));
    }
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = signed(&key);
    let server = Server::always(|request| Answer::json(201, &answer(LogVersion::V2, &entry(LogVersion::V2, request))));
    let found = record(&server, LogVersion::V2, &key, &envelope).unwrap();
    assert!(found.signed_entry_timestamp.is_none() && found.integrated_time.is_none());
    let request = server.asked().remove(0);
    assert_eq!(request.line, "POST /api/v2/log/entries");
    let record = &request.json()["hashedRekordRequestV002"];
    assert_eq!(bytes(&record["digest"]), HashKind::Sha256.of(&envelope.pae().unwrap()));
    assert_eq!(record["signature"]["verifier"]["keyDetails"], "PKIX_ECDSA_P256_SHA_256");
    assert_eq!(bytes(&record["signature"]["verifier"]["publicKey"]["rawBytes"]), key.public_key_der());
}

/// Every honest entry of another envelope, signature or signer is told apart.
#[test]
fn anothers_entry_is_a_lie() {
    let mut tried = 0;
    for version in VERSIONS {
        let (key, other) =
            (PrivateKey::generate(KeyKind::EcdsaP256).unwrap(), PrivateKey::generate(KeyKind::EcdsaP256).unwrap());
        let own = signed(&key);
        let mut others = vec![(signed(&key), &key), (own.clone(), &other)];
        let mut payload = own.clone();
        payload.payload = b"{}".to_vec().into();
        others.push((payload, &key));
        for (envelope, key_of) in others {
            // What the log would answer to whoever sent the other.
            let honest = Server::always(move |request| Answer::json(201, &answer(version, &entry(version, request))));
            record(&honest, version, key_of, &envelope).unwrap();
            let lie = answer(version, &entry(version, &honest.asked()[0]));
            let server = Server::answers(vec![Answer::json(201, &lie)]);
            let error = record(&server, version, &key, &own).unwrap_err();
            assert_eq!((error.code(), error.is_refusal()), ("log-answer-mismatch", true), "{version:?}");
            tried += 1;
        }
    }
    assert_eq!(tried, 6);
}

#[test]
fn a_hash_of_another_text_is_a_lie() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let server = Server::always(|request| {
        let mut entry = entry(LogVersion::V1, request);
        let mut body: Value = serde_json::from_slice(&bytes(&entry["canonicalizedBody"])).unwrap();
        body["spec"]["envelopeHash"]["value"] = json!("00".repeat(32));
        entry["canonicalizedBody"] = json!(crate::support::virtual_sigstore::b64(body.to_string().as_bytes()));
        Answer::json(201, &answer(LogVersion::V1, &entry))
    });
    let error = record(&server, LogVersion::V1, &key, &signed(&key)).unwrap_err();
    assert_eq!(error.code(), "log-answer-mismatch");
}

#[test]
fn an_entry_comes_with_its_proofs() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = signed(&key);
    let without = |version: LogVersion, field: &'static str| {
        let server = Server::always(move |request| {
            let mut entry = entry(version, request);
            entry.as_object_mut().unwrap().remove(field);
            let mut answer = answer(version, &{
                let mut whole = entry.clone();
                whole["integratedTime"] = entry.get("integratedTime").cloned().unwrap_or(json!("0"));
                whole
            });
            if version == LogVersion::V2 {
                answer = entry;
            }
            Answer::json(201, &answer)
        });
        record(&server, version, &key, &envelope).map(drop).map_err(|error| error.code())
    };
    for (version, field) in [
        (LogVersion::V1, "inclusionProof"),
        (LogVersion::V1, "inclusionPromise"),
        (LogVersion::V1, "integratedTime"),
        (LogVersion::V2, "inclusionProof"),
        (LogVersion::V2, "logId"),
        (LogVersion::V2, "canonicalizedBody"),
    ] {
        assert_eq!(without(version, field), Err("log-answer-invalid"), "{version:?} {field}");
    }
}

#[test]
fn the_second_version_states_no_time() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    for (field, value) in
        [("integratedTime", json!("1791113527")), ("inclusionPromise", json!({ "signedEntryTimestamp": "AA==" }))]
    {
        let server = Server::always(move |request| {
            let mut entry = entry(LogVersion::V2, request);
            entry[field] = value.clone();
            Answer::json(201, &entry)
        });
        let error = record(&server, LogVersion::V2, &key, &signed(&key)).unwrap_err();
        assert_eq!(error.code(), "log-answer-invalid", "{field}");
    }
}

#[test]
fn what_is_no_entry_is_refused() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = signed(&key);
    for version in VERSIONS {
        for body in ["", "[]", "{}", "<html>", "{\"a\":{},\"b\":{}}", "{\"a\":1}", "{\"a\":{\"body\":\"AA==\"}}"] {
            let server = Server::answers(vec![Answer::Body(201, body.as_bytes().to_vec())]);
            let error = record(&server, version, &key, &envelope).unwrap_err();
            assert_eq!((error.code(), error.is_refusal()), ("log-answer-invalid", false), "{version:?} {body}");
        }
    }
}

#[test]
fn an_entry_that_is_there_already_is_fetched_from_the_first_version() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = signed(&key);
    let honest = Server::always(|request| Answer::json(201, &answer(LogVersion::V1, &entry(LogVersion::V1, request))));
    record(&honest, LogVersion::V1, &key, &envelope).unwrap();
    let there = answer(LogVersion::V1, &entry(LogVersion::V1, &honest.asked()[0]));
    let name = there.as_object().unwrap().keys().next().unwrap().clone();
    let conflict = |location: String| {
        Answer::Headers(409, location, br#"{"code":409,"message":"an equivalent entry already exists"}"#.to_vec())
    };
    for location in [format!("/api/v1/log/entries/{name}"), format!("https://elsewhere.test/x/{name}")] {
        let server = Server::answers(vec![
            Answer::Body(502, Vec::new()),
            conflict(format!("Location: {location}\r\n")),
            Answer::json(200, &there),
        ]);
        assert!(record(&server, LogVersion::V1, &key, &envelope).is_ok());
        let lines: Vec<_> = server.asked().into_iter().map(|request| request.line).collect();
        let get = format!("GET /api/v1/log/entries/{name}");
        assert_eq!(lines, ["POST /api/v1/log/entries", "POST /api/v1/log/entries", get.as_str()]);
    }
    for location in ["", "Location: /api/v1/log/entries/../../secret\r\n", "Location: /x\r\n", "Location: /ABCDEF\r\n"]
    {
        let server = Server::answers(vec![conflict(location.to_owned()), Answer::json(200, &there)]);
        assert_eq!(record(&server, LogVersion::V1, &key, &envelope).unwrap_err().code(), "log-answer-invalid");
        assert_eq!(server.asked().len(), 1);
    }
    // The entry of another envelope is not ours for being named as ours.
    let other = signed(&key);
    let server = Server::answers(vec![conflict(format!("Location: /{name}\r\n")), Answer::json(200, &there)]);
    assert_eq!(record(&server, LogVersion::V1, &key, &other).unwrap_err().code(), "log-answer-mismatch");
}

#[test]
fn the_second_version_is_given_another_signature() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let honest = |request: &Request| Answer::json(201, &answer(LogVersion::V2, &entry(LogVersion::V2, request)));
    let conflict = |_: &Request| Answer::Headers(409, "x-log-index: 7\r\n".to_owned(), Vec::new());
    let server = Server::script(vec![Box::new(conflict), Box::new(honest)]);
    let log = Log::new(&server.url(), LogVersion::V2, LONG).unwrap();
    let bundle = sign_with_key(&key, STATEMENT, std::slice::from_ref(&log), &[]).unwrap();
    assert_eq!(bundle.log_entries.len(), 1);
    let sent: Vec<_> = server.asked().iter().map(|request| request.json().to_string()).collect();
    assert!(sent.len() == 2 && sent[0] != sent[1]);
    let always = Server::always(conflict);
    let log = Log::new(&always.url(), LogVersion::V2, LONG).unwrap();
    assert_eq!(sign_with_key(&key, STATEMENT, &[log], &[]).unwrap_err().code(), "log-status");
    assert_eq!(always.asked().len(), 2);
}

#[test]
fn the_second_version_takes_one_kind_of_key() {
    let server = Server::answers(vec![Answer::Body(500, Vec::new())]);
    let log = Log::new(&server.url(), LogVersion::V2, LONG).unwrap();
    for kind in [KeyKind::EcdsaP384, KeyKind::Ed25519] {
        let key = PrivateKey::generate(kind).unwrap();
        let error = sign_with_key(&key, STATEMENT, std::slice::from_ref(&log), &[]).unwrap_err();
        assert_eq!((error.code(), server.asked().len()), ("key-not-logged", 0));
    }
}

/// Whatever part of an answer is cut off or changed: it is refused by name, or the entry is about what was sent.
#[test]
fn a_damaged_answer_is_refused_or_still_about_what_was_sent() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = signed(&key);
    for version in VERSIONS {
        let honest = Server::always(move |request| Answer::json(201, &answer(version, &entry(version, request))));
        let own = record(&honest, version, &key, &envelope).unwrap();
        let text = answer(version, &entry(version, &honest.asked()[0])).to_string().into_bytes();
        let flipped = (0..text.len()).step_by(11).map(|at| {
            let mut bytes = text.clone();
            bytes[at] ^= 0x01;
            bytes
        });
        let cut = (0..text.len()).step_by(97).map(|end| text[..end].to_vec());
        let damaged: Vec<Vec<u8>> = flipped.chain(cut).collect();
        let server = Server::answers(damaged.iter().map(|bytes| Answer::Body(201, bytes.clone())).collect());
        let log = Log::new(&server.url(), version, LONG).unwrap();
        let (mut refused, mut taken) = (0, 0);
        for _ in &damaged {
            match log.record(&envelope, Verifier::PublicKey(key.public_key_der())) {
                Ok(entry) => {
                    assert_eq!(entry.kind, own.kind);
                    taken += 1;
                }
                Err(error) => {
                    assert!(["log-answer-invalid", "log-answer-mismatch"].contains(&error.code()), "{error}");
                    refused += 1;
                }
            }
        }
        println!("{version:?}: {refused} damaged answers refused, {taken} damaged where only the verifier looks");
        assert!(refused > 50);
    }
}

#[test]
fn an_entry_of_another_kind_is_a_lie() {
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    for (kind, version) in [("dsse", "0.0.1"), ("hashedrekord", "0.0.1"), ("intoto", "0.0.2")] {
        let server = Server::always(move |request| {
            let mut entry = entry(LogVersion::V2, request);
            entry["kindVersion"] = json!({ "kind": kind, "version": version });
            Answer::json(201, &entry)
        });
        let error = record(&server, LogVersion::V2, &key, &signed(&key)).unwrap_err();
        assert_eq!((error.code(), error.is_refusal()), ("log-answer-mismatch", true), "{kind}");
    }
    // An entry of Rekor v1 where one of v2 was asked for, whole and of a kind that is known.
    let first = Server::always(|request| Answer::json(201, &answer(LogVersion::V1, &entry(LogVersion::V1, request))));
    let envelope = signed(&key);
    record(&first, LogVersion::V1, &key, &envelope).unwrap();
    let lie = entry(LogVersion::V1, &first.asked()[0]);
    let server = Server::answers(vec![Answer::json(201, &lie)]);
    assert_eq!(record(&server, LogVersion::V2, &key, &envelope).unwrap_err().code(), "log-answer-mismatch");
}

#[test]
fn the_first_version_is_sent_no_more_than_its_cap() {
    let server = Server::always(|_| Answer::json(500, &json!({})));
    let key = PrivateKey::generate(KeyKind::EcdsaP256).unwrap();
    let envelope = Envelope { payload: vec![b' '; (32 << 20) + 1].into(), ..signed(&key) };
    let log = |version| Log::new(&server.url(), version, LONG).unwrap();
    let recorded = log(LogVersion::V1).record(&envelope, Verifier::PublicKey(key.public_key_der()));
    assert_eq!(recorded.unwrap_err().code(), "log-entry-too-large");
    assert!(log(LogVersion::V2).takes(1 << 40).is_ok());
    // Nor is anything said of an envelope whose payload is not there to be sent.
    let text = Spooled::copy(signed_about_nothing(&key).to_string().as_bytes()).unwrap();
    let Content::Envelope(measured) = measure::measured(&text, Text::File).unwrap().unwrap().bundle.content else {
        panic!()
    };
    let recorded = log(LogVersion::V1).record(&measured, Verifier::PublicKey(key.public_key_der()));
    assert_eq!(recorded.unwrap_err().code(), "log-answer-invalid");
    assert_eq!(server.asked().len(), 0);
}

/// A bundle that can be measured.
fn signed_about_nothing(key: &PrivateKey) -> Value {
    let subject = json!([{ "name": "n", "digest": { "sha256": "ab".repeat(32) } }]);
    let statement = json!({ "_type": "https://in-toto.io/Statement/v1", "subject": subject, "predicateType": "https://example.com/x", "predicate": {} });
    sign_statement(key, statement.to_string().as_bytes()).unwrap().to_json()
}
