//! Trusted keys with names, windows and older ways of signing: what each condition refuses.

use sealmark::formats::attestations;
use sealmark::formats::bundle::Bundle;
use sealmark::trust::key::PublicKey;
use sealmark::trust::rings::Covers;
use sealmark::trust::rings::Ring;
use sealmark::trust::rings::TrustedKey;
use sealmark::trust::root::TrustedRoot;
use sealmark::trust::root::Window;
use sealmark::verify::Identity;
use sealmark::verify::VerifiedAttestation;
use sealmark::verify::Verifier;
use serde_json::Value;

use crate::fixtures::ARTIFACT;
use crate::fixtures::About;
use crate::fixtures::domain;
use crate::fixtures::now;
use crate::support::virtual_sigstore::Cosigner;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::Place;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::time;

const REGION: &str = "locations/us-west2";
const OTHER_REGION: &str = "locations/us-east1";

/// A ring's key: the virtual key of that label.
fn ring_key(ring: Ring, label: &str, keyid: &str, covers: Covers) -> TrustedKey {
    let key = PublicKey::from_spki(&domain().key(label, KeyKind::P256).spki()).unwrap();
    TrustedKey { voucher: "a ring".to_owned(), key, ring, keyid: Some(keyid.to_owned()), window: None, covers }
}

/// The keys of two regions, which sign the payload alone, and a global one, which signs as DSSE says.
fn cloud_build() -> Vec<TrustedKey> {
    let ring = Ring::GoogleCloudBuild;
    vec![
        ring_key(ring, "signer", REGION, Covers::Payload),
        ring_key(ring, "other region", OTHER_REGION, Covers::Payload),
        ring_key(ring, "global", "locations/global", Covers::PreAuthentication),
    ]
}

/// An envelope of Google Cloud Build's older kind, as it is found in a file: no log, no time.
fn regional() -> Spec {
    let (entries, key_id, signature) = (Vec::new(), Some(REGION.to_owned()), Signature::WithoutPae);
    Spec { entries, key_id, signature, key_label: "signer".to_owned(), ..domain().spec_key(ARTIFACT) }
}

fn bare(spec: &Spec) -> Value {
    domain().mint_parts(spec).envelope
}

fn read(bundle: &Value) -> Bundle {
    attestations::parse(bundle.to_string().as_bytes()).unwrap().remove(0).bundle.unwrap()
}

fn judge(bundle: &Value, keys: Vec<TrustedKey>) -> Result<VerifiedAttestation, &'static str> {
    let root = TrustedRoot::parse(domain().trusted_root().to_string().as_bytes(), "virtual", None).unwrap();
    let verifier = Verifier::new(vec![root], keys);
    let artifact = About::Blob(ARTIFACT.to_vec()).artifact();
    verifier.verify(&read(bundle), &artifact, now()).map_err(|error| error.code())
}

type Row = (&'static str, Value, Vec<TrustedKey>, Result<(), &'static str>);

/// Runs rows, prints how many were accepted and refused, and fails with every row that ends otherwise than it must.
fn run(suite: &str, rows: Vec<Row>) {
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for (name, bundle, keys, expected) in rows {
        let found = judge(&bundle, keys).map(|_| ());
        match found {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
        if found != expected {
            wrong.push(format!("{name}: expected {expected:?}, found {found:?}"));
        }
    }
    println!("{suite}: {accepted} accepted, {refused} refused");
    assert!(wrong.is_empty(), "{suite}:\n{}", wrong.join("\n"));
    assert!(accepted > 0 && refused > 0, "{suite}: both kinds");
}

fn named_with(covers: Covers) -> Vec<TrustedKey> {
    let key = PublicKey::from_spki(&domain().key("signer", KeyKind::P256).spki()).unwrap();
    vec![TrustedKey { covers, ..TrustedKey::named("the user", key) }]
}

#[test]
fn a_payload_without_its_type_is_signed_by_a_regional_key_alone() {
    let as_dsse = Spec { signature: Signature::Good, ..regional() };
    let raw_r_s = |spec: &Spec| {
        let parts = domain().mint_parts(spec);
        let mut envelope = parts.envelope;
        let signature = domain().key("signer", KeyKind::P256).sign_p1363(&parts.payload);
        envelope["signatures"][0]["sig"] = crate::support::virtual_sigstore::b64(&signature).into();
        envelope
    };
    let npm = vec![ring_key(Ring::NpmRegistry, "signer", REGION, Covers::Payload)];
    let named_region = vec![TrustedKey { keyid: Some(REGION.to_owned()), ..named_with(Covers::Payload).remove(0) }];
    run(
        "payload alone",
        vec![
            ("a regional key", bare(&regional()), cloud_build(), Ok(())),
            ("the same as DSSE says", bare(&as_dsse), cloud_build(), Err("signature-invalid")),
            ("a named key as DSSE says", bare(&as_dsse), named_with(Covers::PreAuthentication), Ok(())),
            ("a named key", bare(&regional()), named_with(Covers::PreAuthentication), Err("signature-invalid")),
            ("a named key that says so", bare(&regional()), named_with(Covers::Payload), Err("signature-invalid")),
            ("a named key with the region's name", bare(&regional()), named_region, Err("signature-invalid")),
            ("a key of another ring", bare(&regional()), npm, Err("signature-invalid")),
            ("a regional key, r and s", raw_r_s(&regional()), cloud_build(), Err("signature-invalid")),
        ],
    );
}

#[test]
fn a_key_with_a_name_signs_under_that_name_alone() {
    let under = |keyid: Option<&str>| Spec { key_id: keyid.map(str::to_owned), ..regional() };
    let hint = |hint: &str, keyid: Option<&str>| {
        let signer = Signer::Key { hint: Some(hint.to_owned()) };
        let key_id = keyid.map(str::to_owned);
        domain().mint(&Spec { signer, key_id, ..regional() })
    };
    let global = Spec {
        key_label: "global".to_owned(),
        key_id: Some("locations/global".to_owned()),
        signature: Signature::Good,
        ..regional()
    };
    let cosigner = |label: &str, keyid: &str| Cosigner {
        key: KeyKind::P256,
        label: label.to_owned(),
        key_id: Some(keyid.to_owned()),
        signature: Signature::WithoutPae,
        place: Place::Before,
    };
    let beside = |cosigner| bare(&Spec { cosigners: vec![cosigner], ..regional() });
    let all_wrong = Spec { key_id: Some(OTHER_REGION.to_owned()), ..regional() };
    run(
        "names",
        vec![
            ("its own name", bare(&regional()), cloud_build(), Ok(())),
            ("its own name in the hint", hint(REGION, None), cloud_build(), Ok(())),
            ("its own name in both", hint(REGION, Some(REGION)), cloud_build(), Ok(())),
            ("the global key", bare(&global), cloud_build(), Ok(())),
            ("another signature before it", beside(cosigner("stranger", "x")), cloud_build(), Ok(())),
            ("a bad signature of its name before it", beside(cosigner("stranger", REGION)), cloud_build(), Ok(())),
            ("another region", bare(&under(Some(OTHER_REGION))), cloud_build(), Err("signature-invalid")),
            ("no region", bare(&under(Some("locations/"))), cloud_build(), Err("signature-key-unknown")),
            ("letter case", bare(&under(Some("locations/US-west2"))), cloud_build(), Err("signature-key-unknown")),
            ("no name", bare(&under(None)), cloud_build(), Err("signature-key-unknown")),
            ("an empty name", bare(&under(Some(""))), cloud_build(), Err("signature-key-unknown")),
            ("two names", hint(REGION, Some(OTHER_REGION)), cloud_build(), Err("signature-key-unknown")),
            ("two names the other way", hint(OTHER_REGION, Some(REGION)), cloud_build(), Err("signature-key-unknown")),
            ("an unknown hint", hint("elsewhere", None), cloud_build(), Err("signature-key-unknown")),
            (
                "a region's key under the global name",
                bare(&Spec { key_id: Some("locations/global".to_owned()), signature: Signature::Good, ..regional() }),
                cloud_build(),
                Err("signature-invalid"),
            ),
            (
                "two signatures and neither by whom it names",
                bare(&Spec { cosigners: vec![cosigner("signer", OTHER_REGION)], ..all_wrong }),
                cloud_build(),
                Err("signature-invalid"),
            ),
        ],
    );
}

/// A key of npm's registry that was in use from `start` to `end`.
fn registry(start: &str, end: Option<&str>) -> Vec<TrustedKey> {
    let key = ring_key(Ring::NpmRegistry, "signer", "SHA256:registry", Covers::PreAuthentication);
    let window = Some(Window { start: time(start), end: end.map(time) });
    vec![TrustedKey { window, ..key }]
}

/// A publish attestation as npm's registry signs it: key id, hint and one log entry with its promise.
fn published() -> Spec {
    let hint = Some("SHA256:registry".to_owned());
    let (key_id, signer) = (hint.clone(), Signer::Key { hint });
    Spec { key_id, signer, key_label: "signer".to_owned(), ..domain().spec_key(ARTIFACT) }
}

#[test]
fn a_key_with_a_window_signs_within_it_alone() {
    // Every attestation of the virtual domain is signed at 2026-10-04T11:32:07Z and verified seven weeks later.
    let around = || registry("2026-01-01T00:00:00Z", Some("2026-10-05T00:00:00Z"));
    let before = || registry("2026-01-01T00:00:00Z", Some("2026-10-04T00:00:00Z"));
    let after = || registry("2026-10-05T00:00:00Z", Some("2027-01-01T00:00:00Z"));
    let exactly = || registry("2026-10-04T11:32:07Z", Some("2026-10-04T11:32:07Z"));
    let good = domain().mint(&published());
    let stamped = |seconds: i64| {
        let stamp = domain().stamp(StampAuthority::P256);
        let moved = stamp.time + jiff::SignedDuration::from_secs(seconds);
        domain().mint(&Spec { stamps: vec![Stamp { time: moved, ..stamp }], ..published() })
    };
    let silent = |spec: Spec| Spec { entries: Vec::new(), ..spec };
    let v2 = Spec { entries: vec![domain().entry(Kind::HashedRekord002)], ..published() };
    let two = || [before(), around()].concat();
    run(
        "windows",
        vec![
            ("withdrawn after it signed", good.clone(), around(), Ok(())),
            ("both ends belong to it", good.clone(), exactly(), Ok(())),
            ("no end", good.clone(), registry("2026-01-01T00:00:00Z", None), Ok(())),
            ("withdrawn before it signed", good.clone(), before(), Err("key-window")),
            ("published after it signed", good.clone(), after(), Err("key-window")),
            (
                "no end, published after it signed",
                good.clone(),
                registry("2026-10-05T00:00:00Z", None),
                Err("key-window"),
            ),
            ("the same key with another window", good, two(), Ok(())),
            ("two times within", stamped(60), around(), Ok(())),
            ("the other of two times outside", stamped(60 * 60 * 24), after(), Err("key-window")),
            ("one of two times outside", stamped(60 * 60 * 24), around(), Err("key-window")),
            ("no time", domain().mint(&silent(published())), around(), Err("key-time-missing")),
            ("no time, a bare envelope", bare(&silent(published())), around(), Err("key-time-missing")),
            (
                "no time, and no end",
                bare(&silent(published())),
                registry("2026-01-01T00:00:00Z", None),
                Err("key-time-missing"),
            ),
            ("a log that proves no time", domain().mint(&v2), around(), Err("key-time-missing")),
            (
                "a bad signature is that first",
                domain().mint(&Spec { signature: Signature::Bad, ..published() }),
                before(),
                Err("signature-invalid"),
            ),
        ],
    );
}

#[test]
fn the_identity_says_which_ring_and_which_key() {
    let ring_of = |bundle: &Value, keys| match judge(bundle, keys).unwrap().identity().clone() {
        Identity::Key { ring, keyid, .. } => (ring, keyid),
        other => panic!("{other:?}"),
    };
    assert_eq!(ring_of(&bare(&regional()), cloud_build()), (Ring::GoogleCloudBuild, Some(REGION.to_owned())));
    let registry = registry("2026-01-01T00:00:00Z", None);
    assert_eq!(
        ring_of(&domain().mint(&published()), registry),
        (Ring::NpmRegistry, Some("SHA256:registry".to_owned()))
    );
    let as_dsse = Spec { signature: Signature::Good, ..regional() };
    assert_eq!(ring_of(&bare(&as_dsse), named_with(Covers::PreAuthentication)), (Ring::Named, None));
}

#[test]
fn a_region_is_held_to_its_own_key() {
    let key: Key = domain().key("other region", KeyKind::P256);
    let parts = domain().mint_parts(&regional());
    let mut envelope = parts.envelope;
    envelope["signatures"][0]["sig"] = crate::support::virtual_sigstore::b64(&key.sign(&parts.payload)).into();
    assert_eq!(judge(&envelope, cloud_build()).map(|_| ()), Err("signature-invalid"));
    envelope["signatures"][0]["keyid"] = OTHER_REGION.into();
    assert_eq!(judge(&envelope, cloud_build()).map(|_| ()), Ok(()));
}
