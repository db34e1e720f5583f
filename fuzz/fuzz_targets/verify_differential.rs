//! Damaged bundles: what sealmark accepts, sigstore-verify accepts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::base64;
use sealmark::formats::digest::Digest;
use sealmark::formats::statement::Statement;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::Verifier;
use serde_json::Value;
use sigstore_verify::VerificationPolicy;

/// Bundle, trusted root, artifact; minted by the tests.
const CASES: [[&str; 3]; 2] = [
    [
        include_str!("../../testdata/bundles/github-actions/artifact.sigstore.json"),
        include_str!("../../testdata/bundles/github-actions/trusted_root.json"),
        include_str!("../../testdata/bundles/github-actions/artifact"),
    ],
    [
        include_str!("../../testdata/bundles/rekor-v2/artifact.sigstore.json"),
        include_str!("../../testdata/bundles/rekor-v2/trusted_root.json"),
        include_str!("../../testdata/bundles/rekor-v2/artifact"),
    ],
];

/// The strings of a bundle, in order.
fn strings<'a>(value: &'a mut Value, found: &mut Vec<&'a mut String>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(items) => items.iter_mut().for_each(|item| strings(item, found)),
        Value::Object(map) => map.values_mut().for_each(|item| strings(item, found)),
        _ => {}
    }
}

/// Four bytes of input are one accident: which string, where in what it encodes, and what becomes of that byte.
fn damage(bundle: &mut Value, accident: &[u8]) {
    let [which, high, low, new] = accident else { return };
    let mut found = Vec::new();
    strings(bundle, &mut found);
    let count = found.len();
    let text = &mut found[usize::from(*which) % count];
    let at = usize::from(u16::from_be_bytes([*high, *low]));
    let encoded = base64::decode(text).filter(|bytes| !bytes.is_empty() && text.len() > 7);
    let mut bytes = encoded.clone().unwrap_or_else(|| text.clone().into_bytes());
    if bytes.is_empty() {
        return;
    }
    let at = at % bytes.len();
    match new {
        0 => drop(bytes.remove(at)),
        1 => bytes.truncate(at),
        2 => bytes.insert(at, 0),
        new => bytes[at] = *new,
    }
    **text = match encoded {
        Some(_) => base64::encode(&bytes),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((first, accidents)) = data.split_first() else { return };
    let [text, root, bytes] = CASES[usize::from(*first) % CASES.len()];
    let mut bundle: Value = serde_json::from_str(text).unwrap();
    accidents.chunks(4).take(8).for_each(|accident| damage(&mut bundle, accident));
    let text = bundle.to_string();
    let Some(Ok(bundle)) =
        attestations::parse(text.as_bytes()).ok().and_then(|mut all| all.pop()).map(|one| one.bundle)
    else {
        return;
    };
    // Whatever it now says it is about, so that the binding is not all that is tested.
    let Some(payload) = bundle.unverified_payload() else { return };
    let Ok(statement) = Statement::parse(payload.into()) else { return };
    let digests: Vec<Digest> = statement.subjects[0]
        .digest
        .iter()
        .filter_map(|(name, value)| Digest::parse(&format!("{name}:{value}")).ok())
        .collect();
    let Ok(artifact) = Artifact::new("artifact".to_owned(), digests) else { return };
    let own = Verifier::new(vec![TrustedRoot::parse(root.as_bytes(), "root", None).unwrap()], Vec::new());
    if own.verify(&bundle, &artifact, jiff::Timestamp::now()).is_err() {
        return;
    }
    let root = sigstore_trust_root::TrustedRoot::from_json(root).unwrap();
    let judge = sigstore_verify::Verifier::new(&root).unwrap();
    let bundle = sigstore_types::Bundle::from_json(&text).unwrap();
    judge.verify(bytes.as_bytes(), &bundle, &VerificationPolicy::any_identity()).unwrap();
});
