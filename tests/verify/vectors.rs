//! Published vectors at our own boundary: Wycheproof's signatures and the DSSE protocol's envelope.

use sealmark::formats::envelope;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::Spelling;
use wycheproof::TestResult;

/// How many vectors were accepted and refused.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    accepted: usize,
    refused: usize,
    /// Groups whose key is none that we take.
    keys: usize,
}

impl Tally {
    fn vector(&mut self, name: &str, key: &PublicKey, message: &[u8], signature: &[u8], expect: Expect) {
        let found = key.verify(message, signature, expect.spelling).is_ok();
        // What Wycheproof calls acceptable may end either way.
        let wanted = match expect.result {
            TestResult::Valid => true,
            TestResult::Invalid => false,
            TestResult::Acceptable => found,
        };
        assert_eq!(found, wanted, "{name}: {:?}", expect.result);
        if found { self.accepted += 1 } else { self.refused += 1 }
    }

    fn close(self, name: &str, key: &PublicKey) {
        println!("{name} ({}): {} accepted, {} refused", key.kind().name(), self.accepted, self.refused);
        assert!(self.accepted > 0 && self.refused > 0 && self.keys == 0, "{name}: {self:?}");
    }
}

#[derive(Clone, Copy)]
struct Expect {
    spelling: Spelling,
    result: TestResult,
}

fn ecdsa(name: wycheproof::ecdsa::TestName, spelling: Spelling) {
    let set = wycheproof::ecdsa::TestSet::load(name).unwrap();
    let (mut tally, mut last) = (Tally::default(), None);
    for group in &set.test_groups {
        let Ok(key) = PublicKey::from_spki(&group.der) else {
            tally.keys += 1;
            continue;
        };
        for test in &group.tests {
            let name = format!("{name:?} {} {}", test.tc_id, test.comment);
            tally.vector(&name, &key, &test.msg, &test.sig, Expect { spelling, result: test.result });
        }
        last = Some(key);
    }
    tally.close(&format!("{name:?}, {spelling:?}"), &last.unwrap());
}

#[test]
fn ecdsa_in_der() {
    use wycheproof::ecdsa::TestName;
    for name in [TestName::EcdsaSecp256r1Sha256, TestName::EcdsaSecp384r1Sha384, TestName::EcdsaSecp521r1Sha512] {
        ecdsa(name, Spelling::Exact);
    }
}

#[test]
fn ecdsa_in_p1363_where_it_may_be() {
    use wycheproof::ecdsa::TestName;
    let names =
        [TestName::EcdsaSecp256r1Sha256P1363, TestName::EcdsaSecp384r1Sha384P1363, TestName::EcdsaSecp521r1Sha512P1363];
    for name in names {
        ecdsa(name, Spelling::Lenient);
        let set = wycheproof::ecdsa::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            let key = PublicKey::from_spki(&group.der).unwrap();
            for test in &group.tests {
                let exact = key.verify(&test.msg, &test.sig, Spelling::Exact);
                assert!(exact.is_err(), "{name:?} {}: r||s is not DER", test.tc_id);
            }
        }
    }
}

/// SHA-256 with P-384, as older cosign signs; never where the spelling is exact.
#[test]
fn ecdsa_p384_with_sha256_where_it_may_be() {
    use wycheproof::ecdsa::TestName;
    ecdsa(TestName::EcdsaSecp384r1Sha256, Spelling::Lenient);
    let set = wycheproof::ecdsa::TestSet::load(TestName::EcdsaSecp384r1Sha256).unwrap();
    for group in &set.test_groups {
        let key = PublicKey::from_spki(&group.der).unwrap();
        for test in &group.tests {
            assert!(key.verify(&test.msg, &test.sig, Spelling::Exact).is_err(), "{}", test.tc_id);
        }
    }
}

#[test]
fn ed25519() {
    let set = wycheproof::eddsa::TestSet::load(wycheproof::eddsa::TestName::Ed25519).unwrap();
    let (mut tally, mut last) = (Tally::default(), None);
    for group in &set.test_groups {
        let key = PublicKey::from_spki(&group.der).unwrap();
        for test in &group.tests {
            let name = format!("Ed25519 {} {}", test.tc_id, test.comment);
            let expect = Expect { spelling: Spelling::Exact, result: test.result };
            tally.vector(&name, &key, &test.msg, &test.sig, expect);
        }
        last = Some(key);
    }
    tally.close("Ed25519", &last.unwrap());
}

#[test]
fn rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::TestName;
    for name in [TestName::Rsa2048Sha256, TestName::Rsa3072Sha256, TestName::Rsa4096Sha256] {
        let set = wycheproof::rsa_pkcs1_verify::TestSet::load(name).unwrap();
        let (mut tally, mut last) = (Tally::default(), None);
        for group in &set.test_groups {
            let key = PublicKey::from_spki(&group.der).unwrap();
            for test in &group.tests {
                let text = format!("{name:?} {} {}", test.tc_id, test.comment);
                let expect = Expect { spelling: Spelling::Exact, result: test.result };
                tally.vector(&text, &key, &test.msg, &test.sig, expect);
            }
            last = Some(key);
        }
        tally.close(&format!("{name:?}"), &last.unwrap());
    }
}

/// The test vector of DSSE's protocol.md, "Test Vectors": the signature is r||s.
#[test]
fn dsse_protocol() {
    // An elliptic curve key (1.2.840.10045.2.1) on P-256 (1.2.840.10045.3.1.7), then the uncompressed point.
    const KEY: &str = concat!(
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004",
        "67cd390f77aa359cb08c2235f652270493a9ed832b0abcc01f70954c0390d238",
        "0c782bd54e269125a44f4433aff1432ce94e12bca73aa67ac80cea12608ddf74",
    );
    const ENVELOPE: &str = r#"{"payload": "aGVsbG8gd29ybGQ=",
        "payloadType": "http://example.com/HelloWorld",
        "signatures": [{"sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]}"#;
    let key = PublicKey::from_spki(&hex::decode(KEY).unwrap()).unwrap();
    let envelope = envelope::parse(ENVELOPE.as_bytes()).unwrap();
    assert_eq!(envelope.pae().unwrap(), b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    let verify = |message: &[u8], spelling| key.verify(message, &envelope.signatures[0].sig, spelling).is_ok();
    assert!(verify(&envelope.pae().unwrap(), Spelling::Lenient));
    assert!(!verify(&envelope.pae().unwrap(), Spelling::Exact));
    assert!(!verify(envelope.payload.held().unwrap(), Spelling::Lenient));
}
