//! One good bundle of every kind, each accepted.

use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::digest::Digest;
use sealmark::verify::Identity;
use sealmark::verify::LogProof;
use sealmark::verify::Publicity;
use sealmark::verify::TimeSource;
use serde_json::Value;
use serde_json::json;

use crate::fixtures;
use crate::fixtures::About;
use crate::fixtures::Case;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::run;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::Cosigner;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::Place;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::StampCertificates;
use crate::support::virtual_sigstore::statement;

use crate::fixtures::ARTIFACT;

fn truth(name: &str, spec: &Spec, trust: Trust) -> Case {
    Case::new(name, &domain().mint(spec), trust, Ok(()))
}

fn public(name: &str, spec: &Spec) -> Case {
    truth(name, spec, Trust::public())
}

/// Every media type with every kind of entry that it has.
fn versions() -> Vec<Case> {
    let good = domain().spec(ARTIFACT);
    let entries = |kind| vec![domain().entry(kind)];
    let promise = |kind| vec![Entry { proof: Proof::Absent, ..domain().entry(kind) }];
    let versions = [MediaType::V01, MediaType::V02, MediaType::V03, MediaType::V03Old];
    let mut cases = Vec::new();
    for (media_type, kind) in
        versions.iter().flat_map(|version| [Kind::Dsse001, Kind::Intoto002].map(|kind| (version, kind)))
    {
        let spec = Spec { media_type: media_type.clone(), entries: entries(kind), ..good.clone() };
        cases.push(public(&format!("{media_type:?} with {kind:?}"), &spec));
    }
    for kind in [Kind::Dsse001, Kind::Intoto002] {
        let spec = Spec { media_type: MediaType::V01, entries: promise(kind), ..good.clone() };
        cases.push(public(&format!("v0.1 with a promise alone, {kind:?}"), &spec));
    }
    for media_type in [MediaType::V02, MediaType::V03] {
        let spec = Spec { media_type: media_type.clone(), ..domain().spec_v2(ARTIFACT) };
        cases.push(public(&format!("{media_type:?} in Rekor v2"), &spec));
    }
    cases
}

fn times_and_logs() -> Vec<Case> {
    let good = domain().spec(ARTIFACT);
    let stamped = |stamp| Spec { stamps: vec![stamp], ..good.clone() };
    let stamp = domain().stamp(StampAuthority::P256);
    let entry = domain().entry(Kind::Dsse001);
    let unpromised = Entry { set: Set::Absent, ..entry.clone() };
    let logged = |entry: Entry| Spec { entries: vec![entry], ..good.clone() };
    let two = Spec { entries: vec![entry.clone(), domain().entry(Kind::HashedRekord002)], ..stamped(stamp.clone()) };
    vec![
        public("a timestamp beside the promise", &stamped(stamp.clone())),
        public("a timestamp in place of the promise", &Spec { entries: vec![unpromised], ..stamped(stamp.clone()) }),
        public("P-384 timestamp authority under an intermediate", &stamped(domain().stamp(StampAuthority::P384))),
        public("SHA-384 imprint", &stamped(Stamp { hash: HashKind::Sha384, ..stamp.clone() })),
        public("SHA-512 imprint", &stamped(Stamp { hash: HashKind::Sha512, ..stamp.clone() })),
        public(
            "timestamp without certificates",
            &stamped(Stamp { certificates: StampCertificates::Absent, ..stamp.clone() }),
        ),
        public("two timestamps", &Spec { stamps: vec![stamp, domain().stamp(StampAuthority::P384)], ..good.clone() }),
        public("entries of two logs", &two),
        public("a hashedrekord 0.0.1 of what is signed", &logged(domain().entry(Kind::HashedRekord001))),
        public("the only leaf of a tree", &logged(Entry { leaves_before: 0, leaves_after: 0, ..entry.clone() })),
        public("the last leaf of a tree", &logged(Entry { leaves_before: 12, leaves_after: 0, ..entry.clone() })),
        public("a later shard", &logged(Entry { index_offset: 4_000_000, ..entry.clone() })),
        public("a cosigned checkpoint", &logged(Entry { witnesses: 3, ..entry.clone() })),
        public(
            "a checkpoint with more lines",
            &logged(Entry { checkpoint_lines: vec!["Timestamp: 1".to_owned()], ..entry }),
        ),
        truth("GitHub's private instance", &domain().spec_private(ARTIFACT), Trust::private()),
    ]
}

fn certificates() -> Vec<Case> {
    let good = domain().spec(ARTIFACT);
    let person = |san| Spec { san: vec![san], claims: Claims::person("https://accounts.test"), ..good.clone() };
    let old_issuer = Claims { issuer: None, ..good.claims.clone() };
    let new_issuer = Claims { legacy_issuer: None, ..good.claims.clone() };
    let two_steps = Spec { media_type: MediaType::V01, issued_by: IssuedBy::SecondIntermediate, ..good.clone() };
    let foreign = domain().foreign().trusted_root();
    vec![
        public("P-384 certificate", &Spec { key: KeyKind::P384, ..good.clone() }),
        public("Ed25519 certificate", &Spec { key: KeyKind::Ed25519, ..good.clone() }),
        public("a person", &person(San::Email("jo@acme.test".to_owned()))),
        public("a user name", &person(San::OtherName("jo!acme.test".to_owned()))),
        public("issuer in extension .1 alone", &Spec { claims: old_issuer, ..good.clone() }),
        public("issuer in extension .8 alone", &Spec { claims: new_issuer, ..good.clone() }),
        public("issued by the root itself", &Spec { issued_by: IssuedBy::Root, ..good.clone() }),
        public("two intermediates", &two_steps),
        public("a key id beside the certificate", &Spec { key_id: Some("hint".to_owned()), ..good.clone() }),
        truth("the right one of two roots", &good, Trust::root(foreign).and_root(domain().trusted_root())),
    ]
}

fn keys() -> Vec<Case> {
    let logged = domain().spec_key(ARTIFACT);
    let alone = Spec { entries: Vec::new(), ..logged.clone() };
    let cosigner = |place| Cosigner {
        key: KeyKind::P384,
        label: "cosigner".to_owned(),
        key_id: Some("cosigner".to_owned()),
        signature: Signature::Good,
        place,
    };
    let with = |spec: &Spec, cosigners| Spec { cosigners, ..spec.clone() };
    let both = vec![cosigner(Place::Before), cosigner(Place::After)];
    let signer = domain().signer_key(&logged);
    let public = || Trust::public().and_key(&signer);
    let stamped = Spec { stamps: vec![domain().stamp(StampAuthority::P256)], ..alone.clone() };
    let mut cases = vec![
        truth("a key with a log entry", &logged, public()),
        truth(
            "a key with an intoto entry",
            &Spec { entries: vec![domain().entry(Kind::Intoto002)], ..logged.clone() },
            public(),
        ),
        truth(
            "a key in Rekor v2",
            &Spec { entries: vec![domain().entry(Kind::HashedRekord002)], ..logged.clone() },
            public(),
        ),
        truth("a key in a v0.1 bundle", &Spec { media_type: MediaType::V01, ..logged.clone() }, public()),
        truth("a key with a timestamp", &stamped, public()),
        truth("a key alone", &alone, Trust::key(&alone)),
        truth("a key alone, beside a root", &alone, public()),
        truth(
            "a key with an empty hint",
            &Spec { signer: Signer::Key { hint: Some(String::new()) }, ..alone.clone() },
            public(),
        ),
        truth("an r||s signature", &Spec { signature: Signature::P1363, ..alone.clone() }, public()),
        truth("several signatures", &with(&alone, both.clone()), Trust::key(&alone)),
        truth("several signatures in a log", &with(&logged, both.clone()), public()),
        truth(
            "several signatures in an intoto entry",
            &Spec { entries: vec![domain().entry(Kind::Intoto002)], ..with(&logged, both.clone()) },
            public(),
        ),
        truth(
            "a good signature beside a bad one",
            &with(&alone, vec![Cosigner { signature: Signature::Bad, ..cosigner(Place::Before) }]),
            Trust::key(&alone),
        ),
        truth(
            "the second of two keys",
            &alone,
            Trust::default().and_key(&domain().key("unused", KeyKind::P256)).and_key(&signer),
        ),
    ];
    for (name, key) in [("a P-384 key alone", KeyKind::P384), ("an Ed25519 key alone", KeyKind::Ed25519)] {
        let spec = Spec { key, ..alone.clone() };
        cases.push(truth(name, &spec, Trust::key(&spec)));
    }
    let envelope = domain().mint_parts(&with(&alone, both)).envelope;
    cases.push(Case::new("a bare envelope", &envelope, Trust::key(&alone), Ok(())));
    cases.push(Case::new("a bare envelope, beside a root", &envelope, public(), Ok(())));
    cases
}

fn subjects() -> Vec<Case> {
    let named = |digest| json!({"name": "app", "digest": digest});
    let with = |subjects| domain().spec_of(&json!(subjects), &GitHub::default());
    let other = || statement::subject("other", b"other bytes");
    let commit = "3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e";
    let digests = |text: &str| About::Digests(vec![Digest::parse(text).unwrap()]);
    let run = GitHub::default();
    let old = Spec {
        statement: statement::provenance_v02(&json!([statement::subject("app", ARTIFACT)]), &run),
        ..domain().spec(ARTIFACT)
    };
    let sha1 = json!({"sha1": "aa", "sha256": HashKind::Sha256.hex(ARTIFACT)});
    vec![
        public("sha384 subject", &with(vec![named(json!({"sha384": HashKind::Sha384.hex(ARTIFACT)}))])),
        public("sha512 subject", &with(vec![named(json!({"sha512": HashKind::Sha512.hex(ARTIFACT)}))])),
        public("gitCommit subject", &with(vec![named(json!({"gitCommit": commit}))]))
            .about(digests(&format!("gitCommit:{commit}"))),
        public("dirHash subject", &with(vec![named(json!({"dirHash": HashKind::Sha256.hex(b"dir")}))]))
            .about(digests(&format!("dirHash:{}", HashKind::Sha256.hex(b"dir")))),
        public("the last of three subjects", &with(vec![other(), other(), statement::subject("app", ARTIFACT)])),
        public("a subject without a name", &with(vec![json!({"digest": {"sha256": HashKind::Sha256.hex(ARTIFACT)}})])),
        public("a malformed digest beside a good one", &with(vec![named(sha1)])),
        public("a Statement v0.1 with provenance v0.2", &old),
        public(
            "an artifact known by one digest",
            &with(vec![named(json!({
                "sha256": HashKind::Sha256.hex(ARTIFACT),
                "sha512": HashKind::Sha512.hex(ARTIFACT),
            }))]),
        )
        .about(digests(&format!("sha256:{}", HashKind::Sha256.hex(ARTIFACT)))),
    ]
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [versions(), times_and_logs(), certificates(), keys(), subjects()].concat()
}

#[test]
fn every_kind_of_good_bundle_is_accepted() {
    let (accepted, refused) = run("truths", &all());
    assert!(accepted > 50 && refused == 0, "{accepted} accepted, {refused} refused");
}

/// The oldest entries are about the text of the envelope, so they go with an envelope that was read from its own text.
fn intoto_001(change: impl FnOnce(&mut Vec<u8>), logged: impl FnOnce(&mut Value)) -> Bundle {
    let spec = |entry| Spec { media_type: MediaType::V01, entries: vec![entry], ..domain().spec(ARTIFACT) };
    let entry = domain().entry(Kind::Intoto001);
    let minted = domain().mint_parts(&spec(entry.clone()));
    let mut source = minted.envelope.to_string().into_bytes();
    change(&mut source);
    let body = &minted.bundle["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"];
    let body = sealmark::formats::base64::decode(body.as_str().unwrap()).unwrap();
    let mut body: Value = serde_json::from_slice(&body).unwrap();
    logged(&mut body);
    let bundle = domain().mint(&spec(Entry { body: Some(body.to_string().into_bytes()), ..entry }));
    let mut bundle = fixtures::bundle(&bundle.to_string()).unwrap();
    let Content::Envelope(envelope) = &mut bundle.content else { panic!("an attestation") };
    envelope.source = Some(source.into());
    bundle
}

#[test]
fn an_intoto_001_entry_is_about_the_text_of_the_envelope() {
    let artifact = About::Blob(ARTIFACT.to_vec()).artifact();
    let code = |bundle: &Bundle| {
        Trust::public().verifier().verify(bundle, &artifact, fixtures::now()).map(|_| ()).map_err(|error| error.code())
    };
    let good = intoto_001(|_| (), |_| ());
    assert_eq!(code(&good), Ok(()));
    assert_eq!(code(&intoto_001(|text| text.push(b'\n'), |_| ())), Err("log-entry-mismatch"));
    let logged = intoto_001(|_| (), |body| body["spec"]["content"]["payloadHash"]["value"] = json!("00".repeat(32)));
    assert_eq!(code(&logged), Err("log-entry-mismatch"), "the hash of another payload");
    let mut unread = good;
    let Content::Envelope(envelope) = &mut unread.content else { panic!("an attestation") };
    envelope.source = None;
    assert_eq!(code(&unread), Err("log-entry-mismatch"), "without its text nothing can be compared");
}

#[test]
fn the_evidence_says_what_was_found() {
    let accept = |spec: &Spec, trust: Trust| truth("", spec, trust).outcome().unwrap();
    let logged = accept(&domain().spec(ARTIFACT), Trust::public());
    let evidence = logged.evidence();
    assert_eq!(evidence.certificate, Publicity::Logged);
    assert_eq!(evidence.log.len(), 1);
    assert_eq!(evidence.log[0].proof, LogProof::Inclusion { tree_size: 9 });
    assert!(matches!(evidence.signed_at[0].source, TimeSource::Log { .. }));
    let identity = logged.identity().certificate().unwrap();
    assert_eq!(identity.san.as_str(), GitHub::default().signer_uri());
    assert_eq!(logged.subject().and_then(|subject| subject.name.as_deref()), Some("app.tar.gz"));

    let private = accept(&domain().spec_private(ARTIFACT), Trust::private());
    assert_eq!(private.evidence().certificate, Publicity::NotOperated);
    assert_eq!(private.evidence().log, []);
    assert_eq!(private.evidence().signed_at[0].source, TimeSource::TimestampAuthority);

    let spec = Spec { entries: Vec::new(), ..domain().spec_key(ARTIFACT) };
    let key = accept(&spec, Trust::key(&spec));
    assert!(matches!(key.identity(), Identity::Key { voucher, .. } if voucher == "the test"));
    assert_eq!((key.evidence().signed_at.len(), key.evidence().root.as_deref()), (0, None));
}
