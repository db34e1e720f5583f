//! Every field of good bundles damaged in every named way: the exact code of each, and none accepted but for named reasons.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use serde_json::json;

use sealmark::formats::base64;

use crate::fixtures::ARTIFACT;
use crate::fixtures::About;
use crate::fixtures::Case;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::outcome;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::signing_time;

/// A good bundle, and another of the same kind by another signer about something else.
pub(crate) struct Base {
    pub(crate) name: &'static str,
    pub(crate) good: Value,
    pub(crate) other: Value,
    pub(crate) trust: Trust,
}

/// The bundles that are damaged.
pub(crate) fn bases() -> Vec<Base> {
    let base = |name, trust: Trust, spec: fn(&VirtualSigstore, &[u8]) -> Spec| Base {
        name,
        good: domain().mint(&spec(domain(), ARTIFACT)),
        other: domain().mint(&Spec {
            key_label: "another signer".to_owned(),
            not_before: signing_time() - jiff::SignedDuration::from_secs(9),
            ..spec(domain(), b"another artifact")
        }),
        trust,
    };
    let key = domain().signer_key(&domain().spec_key(ARTIFACT));
    vec![
        base("v0.3 dsse", Trust::public(), |domain, artifact| domain.spec(artifact)),
        base("v0.1 intoto", Trust::public(), |domain, artifact| Spec {
            media_type: MediaType::V01,
            entries: vec![Entry { index_offset: 70, ..domain.entry(Kind::Intoto002) }],
            ..domain.spec(artifact)
        }),
        base("v0.3 rekor v2", Trust::public(), |domain, artifact| domain.spec_v2(artifact)),
        base("v0.2 dsse and timestamp", Trust::public(), |domain, artifact| Spec {
            media_type: MediaType::V02,
            stamps: vec![domain.stamp(StampAuthority::P384)],
            ..domain.spec(artifact)
        }),
        base("private", Trust::private(), |domain, artifact| domain.spec_private(artifact)),
        base("key", Trust::public().and_key(&key), |domain, artifact| Spec {
            key_id: Some("hint".to_owned()),
            ..domain.spec_key(artifact)
        }),
    ]
}

/// A damage that a value can suffer by itself.
type Damage = (&'static str, fn(&Value) -> Option<Value>);

fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    text(value).filter(|text| text.len() >= 8).and_then(base64::decode)
}

fn respelled(value: &Value, spell: impl Fn(&str) -> String) -> Option<Value> {
    bytes(value)?;
    let (old, new) = (text(value)?, spell(text(value)?));
    (old != new).then(|| json!(new))
}

fn flipped(value: &Value, place: impl Fn(usize) -> usize) -> Option<Value> {
    if let Some(mut bytes) = bytes(value) {
        let place = place(bytes.len());
        bytes[place] ^= 1;
        return Some(json!(base64::encode(&bytes)));
    }
    let mut bytes = text(value)?.as_bytes().to_vec();
    let place = place(bytes.len());
    // Letters and digits keep their kind, so that the text may still be what the format asks for.
    bytes[place] ^= 1;
    String::from_utf8(bytes).ok().map(|text| json!(text))
}

fn number(value: &Value) -> Option<i64> {
    text(value)?.parse().ok()
}

/// Puts bits behind the last byte of base64, where zeros belong.
fn tail_bits(text: &str) -> String {
    const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = text.trim_end_matches('=');
    if body.len() == text.len() {
        return text.to_owned();
    }
    let (head, last) = body.split_at(body.len() - 1);
    let next = LETTERS.find(last).and_then(|n| LETTERS.chars().nth(n + 1)).unwrap();
    format!("{head}{next}{}", &text[body.len()..])
}

const DAMAGES: &[Damage] = &[
    ("null", |_| Some(Value::Null)),
    ("false", |_| Some(json!(false))),
    ("a number", |_| Some(json!(1))),
    ("another text", |value| value.is_string().then(|| json!("AAAA"))),
    ("in an array", |value| Some(json!([value]))),
    ("in an object", |value| Some(json!({"value": value}))),
    ("empty text", |_| Some(json!(""))),
    ("empty array", |value| (*value != json!([])).then(|| json!([]))),
    ("empty object", |_| Some(json!({}))),
    ("first bit flipped", |value| flipped(value, |_| 0)),
    ("middle bit flipped", |value| flipped(value, |length| length / 2)),
    ("last bit flipped", |value| flipped(value, |length| length - 1)),
    ("cut short", |value| match bytes(value) {
        Some(bytes) => Some(json!(base64::encode(&bytes[..bytes.len() - 1]))),
        None => text(value).map(|text| json!(text[..text.len() - 1])),
    }),
    ("a byte more", |value| match bytes(value) {
        Some(bytes) => Some(json!(base64::encode(&[&bytes[..], &[0]].concat()))),
        None => text(value).map(|text| json!(format!("{text}x"))),
    }),
    ("a space more", |value| text(value).map(|text| json!(format!("{text} ")))),
    ("a line feed more", |value| text(value).map(|text| json!(format!("{text}\n")))),
    ("base64url", |value| respelled(value, |text| text.replace('+', "-").replace('/', "_"))),
    ("unpadded", |value| respelled(value, |text| text.trim_end_matches('=').to_owned())),
    ("tail bits", |value| respelled(value, tail_bits)),
    ("hexadecimal", |value| bytes(value).map(|bytes| json!(hex::encode(bytes)))),
    ("one more", |value| number(value).map(|n| json!((n + 1).to_string()))),
    ("negative", |value| number(value).map(|n| json!((-n).to_string()))),
    ("with a plus", |value| number(value).map(|n| json!(format!("+{n}")))),
    ("with a zero before", |value| number(value).map(|n| json!(format!("0{n}")))),
    ("as a number", |value| number(value).map(|n| json!(n))),
    ("as a fraction", |value| number(value).map(|n| json!(format!("{n}.0")))),
    ("beyond 64 bits", |value| number(value).map(|_| json!("18446744073709551617"))),
    ("twice in the array", |value| value.as_array().map(|items| json!([&items[..], &items[..]].concat()))),
    ("a null item more", |value| value.as_array().map(|items| json!([&items[..], &[Value::Null]].concat()))),
    ("many times in the array", |value| {
        value.as_array().filter(|items| !items.is_empty()).map(|items| json!(vec![items[0].clone(); 100]))
    }),
    ("an unknown field", |value| {
        value.as_object().map(|map| {
            let mut map = map.clone();
            map.insert("unknown".to_owned(), json!(1));
            Value::Object(map)
        })
    }),
];

/// One damaged bundle.
pub(crate) struct Mutant {
    pub(crate) pointer: String,
    pub(crate) damage: &'static str,
    pub(crate) text: String,
}

fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                found.push(format!("{at}/{name}"));
                pointers(value, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                found.push(format!("{at}/{n}"));
                pointers(value, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

/// The pointer of every part of a bundle.
pub(crate) fn places(bundle: &Value) -> Vec<String> {
    let mut found = Vec::new();
    pointers(bundle, "", &mut found);
    found
}

/// The bundle with the value at a place replaced.
fn replaced(good: &Value, pointer: &str, value: Value) -> String {
    let mut damaged = good.clone();
    *damaged.pointer_mut(pointer).unwrap() = value;
    damaged.to_string()
}

fn removed(good: &Value, pointer: &str) -> String {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut damaged = good.clone();
    match damaged.pointer_mut(parent).unwrap() {
        Value::Object(map) => drop(map.shift_remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        _ => unreachable!("only objects and arrays have parts"),
    }
    damaged.to_string()
}

/// The bundle with a key standing twice, which no [`Value`] can hold.
fn doubled(good: &Value, pointer: &str, second: &Value) -> Option<String> {
    const MARK: &str = "the second of one name";
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut damaged = good.clone();
    damaged.pointer_mut(parent)?.as_object_mut()?.insert(MARK.to_owned(), second.clone());
    Some(damaged.to_string().replace(MARK, name))
}

/// Every mutant of one base.
pub(crate) fn mutants(base: &Base) -> Vec<Mutant> {
    let mut mutants = Vec::new();
    for pointer in places(&base.good) {
        let value = base.good.pointer(&pointer).unwrap();
        let mut add = |damage, text| mutants.push(Mutant { pointer: pointer.clone(), damage, text });
        for (name, damage) in DAMAGES {
            if let Some(damaged) = damage(value).filter(|damaged| damaged != value) {
                add(name, replaced(&base.good, &pointer, damaged));
            }
        }
        add("removed", removed(&base.good, &pointer));
        let other = base.other.pointer(&pointer).filter(|other| *other != value);
        if let Some(other) = other {
            add("the other bundle's", replaced(&base.good, &pointer, other.clone()));
        }
        if let Some(text) = doubled(&base.good, &pointer, value) {
            add("key twice", text);
        }
        if let Some(text) = other.and_then(|other| doubled(&base.good, &pointer, other)) {
            add("key twice, then the other bundle's", text);
        }
    }
    mutants
}

/// What may be damaged without a refusal, and why: base (`*` for all), end of the pointer, damages, reason.
type Tolerance = (&'static str, &'static str, &'static [&'static str], &'static str);
const TOLERATED: &[Tolerance] = &[
    ("*", "/logIndex", &["as a number"], SAME),
    ("*", "/treeSize", &["as a number"], SAME),
    ("*", "/integratedTime", &["as a number"], SAME),
    ("*", "/signatures/0/sig", &["base64url"], "DSSE lets a writer choose the alphabet"),
    ("*", "/dsseEnvelope", &["an unknown field"], "DSSE says that unknown fields are ignored"),
    ("*", "/signatures/0", &["an unknown field"], "DSSE says that unknown fields are ignored"),
    ("*", "/signatures/0/keyid", &[], "a DSSE key id is a hint that nothing signs"),
    ("key", "/publicKey", &["empty object", "the other bundle's"], HINT),
    ("key", "/publicKey/hint", &[], HINT),
    ("*", "/checkpoint/envelope", &["middle bit flipped"], "a signature line's name is a hint, as its four bytes are"),
    ("*", "/x509CertificateChain/certificates", &["twice in the array"], SPARE),
    ("*", "/x509CertificateChain/certificates/1", &["removed"], SPARE),
    ("*", "/x509CertificateChain/certificates/1/rawBytes", &[], SPARE),
    (
        "*",
        "/0/signedTimestamp",
        &["middle bit flipped"],
        "the certificates in a timestamp are not what it is checked with",
    ),
    ("v0.1 intoto", "/inclusionProof", &["null", "removed"], "v0.1 asks for a promise, not for a proof"),
    ("v0.2 dsse and timestamp", "/inclusionPromise", &["null", "removed"], ENOUGH),
    ("v0.2 dsse and timestamp", "/timestampVerificationData", &["null", "removed", "empty object"], ENOUGH),
    ("v0.2 dsse and timestamp", "/rfc3161Timestamps", &["null", "removed", "empty array"], ENOUGH),
    ("v0.2 dsse and timestamp", "/rfc3161Timestamps/0", &["removed"], ENOUGH),
    ("key", "/inclusionPromise", &["null", "removed"], ALONE),
    ("key", "/tlogEntries", &["null", "removed", "empty array"], ALONE),
    ("key", "/tlogEntries/0", &["removed"], ALONE),
];
const SAME: &str = "the protobuf JSON mapping writes an int64 either way";
const HINT: &str = "the hint of a key is not what it is found by";
const SPARE: &str = "a certificate above the leaf that the path does not need: the root names it";
const ENOUGH: &str = "one of two proofs of the time taken away";
const ALONE: &str = "a trusted key needs no log: what is not claimed is not evidence";

fn tolerated(base: &str, mutant: &Mutant) -> Option<&'static str> {
    let row = TOLERATED.iter().find(|(of, end, damages, _)| {
        (*of == "*" || *of == base)
            && mutant.pointer.ends_with(end)
            && (damages.is_empty() || damages.contains(&mutant.damage))
    });
    row.map(|row| row.3)
}

/// The mutants as cases, for the second judge.
pub(crate) fn cases() -> Vec<Case> {
    let case = |base: &Base, mutant: Mutant| Case {
        name: format!("{} {} {}", base.name, mutant.pointer, mutant.damage),
        text: mutant.text,
        trust: base.trust.clone(),
        about: About::Blob(ARTIFACT.to_vec()),
        expected: Ok(()),
    };
    let bases = bases();
    bases.iter().flat_map(|base| mutants(base).into_iter().map(move |mutant| case(base, mutant))).collect()
}

/// The table of codes: base, pointer, then each damage. `SEALMARK_BLESS=1` writes it anew.
fn pinned(found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verify/mutations.txt");
    if env::var("SEALMARK_BLESS").as_deref() == Ok("1") {
        fs::write(&path, found).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    let differ: Vec<_> = found.lines().zip(expected.lines()).filter(|(found, expected)| found != expected).collect();
    for (found, expected) in differ.iter().take(5) {
        println!("expected {expected}\nfound    {found}");
    }
    assert_eq!((differ.len(), found.lines().count()), (0, expected.lines().count()), "{} differs", path.display());
}

#[test]
fn every_damage_is_refused_with_its_code() {
    let artifact = About::Blob(ARTIFACT.to_vec()).artifact();
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut table = String::new();
    let mut used: BTreeMap<&str, usize> = BTreeMap::new();
    for base in bases() {
        let verifier = base.trust.verifier();
        assert!(outcome(&verifier, &base.good.to_string(), &artifact).is_ok(), "{} is good", base.name);
        assert!(outcome(&verifier, &base.other.to_string(), &artifact).is_err(), "{}: the other is not", base.name);
        let mut last = String::new();
        for mutant in mutants(&base) {
            let found = outcome(&verifier, &mutant.text, &artifact).map(|_| ());
            match (found, tolerated(base.name, &mutant)) {
                (Err(_), _) => refused += 1,
                (Ok(()), Some(reason)) => {
                    accepted += 1;
                    *used.entry(reason).or_default() += 1;
                }
                (Ok(()), None) => wrong.push(format!("{} {} {}", base.name, mutant.pointer, mutant.damage)),
            }
            if mutant.pointer != last {
                write!(table, "\n{} {}", base.name, mutant.pointer).unwrap();
                last.clone_from(&mutant.pointer);
            }
            write!(table, " | {}: {}", mutant.damage, found.err().unwrap_or("ACCEPTED")).unwrap();
        }
        table.push('\n');
    }
    println!("mutations: {refused} refused, {accepted} accepted for a named reason: {used:#?}");
    assert!(wrong.is_empty(), "{} accepted without a reason:\n{}", wrong.len(), wrong.join("\n"));
    assert!(refused > 3000 && accepted > 0, "{refused} refused, {accepted} accepted");
    let idle: Vec<_> = TOLERATED.iter().filter(|row| !used.contains_key(row.3)).collect();
    assert!(idle.is_empty(), "tolerated but never met: {idle:?}");
    pinned(&table);
}
