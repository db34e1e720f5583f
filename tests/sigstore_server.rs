//! The Sigstore over loopback is believed by an independent verifier, and each of its lies is refused.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::use_debug, reason = "tests")]

mod support;

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

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
use support::virtual_sigstore::Kind;
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
