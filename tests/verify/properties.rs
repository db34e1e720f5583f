//! No parser panics, whatever the bytes; and what is printed reads as the same.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;

use sealmark::formats::FormatError;
use sealmark::formats::attestations;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::certificate::SigningCertificate;
use sealmark::formats::checkpoint::Checkpoint;
use sealmark::formats::cosign;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::envelope;
use sealmark::formats::envelope::Envelope;
use sealmark::formats::gcloud;
use sealmark::formats::json;
use sealmark::formats::log_entry;
use sealmark::formats::log_entry::EntryBody;
use sealmark::formats::log_entry::EntryKind;
use sealmark::formats::oci::Document;
use sealmark::formats::sct;
use sealmark::formats::statement::Statement;
use sealmark::trust::key::PublicKey;
use sealmark::trust::root::TrustedRoot;

use crate::fixtures::ARTIFACT;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::now;
use crate::mutations;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Spec;
use crate::truths;

const KINDS: [EntryKind; 5] = [
    EntryKind::Intoto001,
    EntryKind::Intoto002,
    EntryKind::Dsse001,
    EntryKind::HashedRekord001,
    EntryKind::HashedRekord002,
];

const ENVELOPE: &[u8] = br#"{"payloadType":"t","payload":"AA==","signatures":[{"sig":"AA=="}]}"#;
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n";

/// Gives the same bytes to every parser. None may panic; what they say does not matter here.
fn parse_all(bytes: &[u8]) {
    let _ = json::parse(bytes);
    let _ = envelope::parse(bytes);
    let _ = Statement::parse(bytes.into());
    let _ = SigningCertificate::parse(bytes);
    let _ = sct::parse_list(bytes);
    let _ = PublicKey::from_pem(bytes);
    let _ = PublicKey::from_spki(bytes);
    let _ = PublicKey::from_root(bytes);
    let _ = TrustedRoot::parse_file(bytes, "root");
    for kind in KINDS {
        let _ = EntryBody::parse(kind, bytes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Checkpoint::parse(text);
        let _ = log_entry::pem_block(text);
        let _ = Digest::parse(text);
        for algorithm in Algorithm::all() {
            let _ = Digest::from_hex(algorithm, text);
        }
    }
    let _ = Document::parse(bytes);
    let _ = gcloud::Document::parse(bytes);
    let text = String::from_utf8_lossy(bytes).into_owned();
    for name in ["bundle", "certificate", "chain", "rfc3161timestamp"] {
        let certificate = ("dev.sigstore.cosign/certificate".to_owned(), CERTIFICATE.to_owned());
        let annotation = (format!("dev.sigstore.cosign/{name}"), text.clone());
        let _ = cosign::parse(ENVELOPE, &[certificate, annotation].into_iter().collect());
    }
    if let Ok(candidates) = attestations::parse(bytes) {
        let verifier = Trust::public().verifier();
        for bundle in candidates.into_iter().filter_map(|candidate| candidate.bundle.ok()) {
            let _ = verifier.authenticate(&bundle, now());
        }
    }
}

/// Something good for every parser.
static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(seeds);
static BASES: LazyLock<Vec<mutations::Base>> = LazyLock::new(mutations::bases);

fn seeds() -> Vec<Vec<u8>> {
    let minted = domain().mint_parts(&domain().spec(ARTIFACT));
    let entry = |kind| {
        let spec = Spec { entries: vec![domain().entry(kind)], ..domain().spec(ARTIFACT) };
        let bundle = domain().mint(&spec);
        let body = bundle["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"].as_str().unwrap().to_owned();
        sealmark::formats::base64::decode(&body).unwrap()
    };
    let checkpoint = "/verificationMaterial/tlogEntries/0/inclusionProof/checkpoint/envelope";
    let mut seeds = vec![
        minted.envelope.to_string().into_bytes(),
        minted.payload.clone(),
        minted.chain[0].clone(),
        minted.public_key.clone(),
        minted.bundle.pointer(checkpoint).unwrap().as_str().unwrap().as_bytes().to_vec(),
        domain().public_key_pem(&domain().spec(ARTIFACT)).into_bytes(),
        domain().trusted_root().to_string().into_bytes(),
        format!("{}\n{}\n", minted.bundle, minted.envelope).into_bytes(),
        format!("[{},{}]", minted.bundle, minted.envelope).into_bytes(),
        serde_json::json!({"attestations": [{"predicateType": "p", "bundle": minted.bundle}]}).to_string().into_bytes(),
        serde_json::json!({
            "image_summary": {"digest": "d"},
            "provenance_summary": {"provenance": [{"kind": "BUILD", "envelope": minted.envelope}]},
        })
        .to_string()
        .into_bytes(),
        crate::layers::annotation(Kind::Dsse001).into_bytes(),
        crate::layers::manifest(),
        b"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_vec(),
    ];
    seeds.extend(mutations::bases().into_iter().map(|base| base.good.to_string().into_bytes()));
    let kinds = [Kind::Dsse001, Kind::Intoto001, Kind::Intoto002, Kind::HashedRekord001, Kind::HashedRekord002];
    seeds.extend(kinds.map(entry));
    let scts = minted.chain[0].windows(4).rposition(|four| four == [0, 0, 4, 3]).unwrap();
    seeds.push(minted.chain[0][scts - 45..].to_vec());
    seeds
}

/// One accident: a place and what happens there.
#[derive(Debug, Clone)]
enum Accident {
    Flip(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Remove(Index, usize),
    Repeat(Index, usize),
    Insert(Index, Vec<u8>),
}

fn accident() -> impl Strategy<Value = Accident> {
    let token = prop::sample::select(vec![
        "\"", "{", "[", "]", "}", ",", ":", "null", "1e999", "\\ud800", "\n", "\u{0}", "-----", "=",
    ]);
    prop_oneof![
        (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Accident::Flip(at, bit)),
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Accident::Set(at, byte)),
        any::<Index>().prop_map(Accident::Cut),
        (any::<Index>(), 1..40usize).prop_map(|(at, count)| Accident::Remove(at, count)),
        (any::<Index>(), 1..40usize).prop_map(|(at, count)| Accident::Repeat(at, count)),
        (any::<Index>(), token).prop_map(|(at, token)| Accident::Insert(at, token.as_bytes().to_vec())),
    ]
}

fn happen(bytes: &mut Vec<u8>, accident: &Accident) {
    let length = bytes.len();
    if length == 0 {
        return;
    }
    match accident {
        Accident::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
        Accident::Set(at, byte) => bytes[at.index(length)] = *byte,
        Accident::Cut(at) => bytes.truncate(at.index(length)),
        Accident::Remove(at, count) => {
            let start = at.index(length);
            drop(bytes.drain(start..(start + count).min(length)));
        }
        Accident::Repeat(at, count) => {
            let start = at.index(length);
            let part = bytes[start..(start + count).min(length)].to_vec();
            drop(bytes.splice(start..start, part));
        }
        Accident::Insert(at, token) => {
            let start = at.index(length);
            drop(bytes.splice(start..start, token.iter().copied()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_parser_panics_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        parse_all(&bytes);
    }

    #[test]
    fn no_parser_panics_on_any_text(text in "(\\PC|[\\{\\}\\[\\]\",:0-9 \n-]){0,300}") {
        parse_all(text.as_bytes());
    }

    #[test]
    fn no_parser_panics_on_what_is_nearly_good(
        which in any::<Index>(),
        accidents in prop::collection::vec(accident(), 1..6),
    ) {
        let mut bytes = SEEDS[which.index(SEEDS.len())].clone();
        for accident in &accidents {
            happen(&mut bytes, accident);
        }
        parse_all(&bytes);
    }

    #[test]
    fn a_bundle_that_was_read_is_printed_as_itself(
        which in any::<Index>(),
        accidents in prop::collection::vec(accident(), 0..2),
    ) {
        let mut bytes = BASES[which.index(BASES.len())].good.to_string().into_bytes();
        for accident in &accidents {
            happen(&mut bytes, accident);
        }
        let read = json::parse(&bytes).and_then(Bundle::from_json);
        if let Ok(bundle) = read {
            prop_assert_eq!(Bundle::from_json(bundle.to_json()), Ok(bundle));
        }
    }

    #[test]
    fn an_envelope_is_printed_as_itself(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        kind in "\\PC{0,40}",
        sigs in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..80), "\\PC{0,20}"), 1..5),
    ) {
        let signatures =
            sigs.into_iter().map(|(sig, keyid)| envelope::Signature { keyid, sig, cert: None }).collect();
        let envelope = Envelope { payload_type: kind, payload: payload.into(), signatures, source: None };
        let text = envelope.to_json().to_string();
        let again: Result<_, FormatError> = envelope::parse(text.as_bytes());
        prop_assert_eq!(again.map(|again| Envelope { source: None, ..again }), Ok(envelope));
    }

    #[test]
    fn a_digest_is_printed_as_itself(algorithm in any::<Index>(), length in any::<Index>(), seed in any::<u8>()) {
        let algorithms: Vec<_> = Algorithm::all().collect();
        let algorithm = algorithms[algorithm.index(algorithms.len())];
        let lengths = algorithm.lengths();
        let digest = Digest::new(algorithm, vec![seed; lengths[length.index(lengths.len())]]).unwrap();
        prop_assert_eq!(Digest::parse(&digest.to_string()), Ok(digest.clone()));
        prop_assert_eq!(Digest::from_hex(algorithm, &digest.hex()), Ok(digest));
    }
}

#[test]
fn every_kind_of_good_bundle_is_printed_as_itself() {
    let mut count = 0;
    for case in truths::all() {
        let bundle = crate::fixtures::bundle(&case.text).unwrap();
        let again = crate::fixtures::bundle(&bundle.to_json().to_string()).unwrap();
        assert_eq!(again.to_json(), bundle.to_json(), "{}", case.name);
        count += 1;
    }
    println!("printed and read again: {count} bundles");
    assert!(count > 50);
}
