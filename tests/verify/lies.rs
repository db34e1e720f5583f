//! One well-signed lie for every check, each with the exact code that it must end in.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use sealmark::formats::digest::Digest;

use crate::fixtures;
use crate::fixtures::ARTIFACT;
use crate::fixtures::Case;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::fixtures::run;
use crate::support::virtual_sigstore::About;
use crate::support::virtual_sigstore::CertificateSignature;
use crate::support::virtual_sigstore::Checkpoint;
use crate::support::virtual_sigstore::Claims;
use crate::support::virtual_sigstore::Cosigner;
use crate::support::virtual_sigstore::Eku;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::KeyUsage;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::NamedLog;
use crate::support::virtual_sigstore::Place;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::RootSpec;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Sct;
use crate::support::virtual_sigstore::SctLie;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::SigningLog;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::StampLie;
use crate::support::virtual_sigstore::Window;
use crate::support::virtual_sigstore::signing_time;
use crate::support::virtual_sigstore::statement;
use crate::support::virtual_sigstore::time;
use crate::support::virtual_sigstore::x509;

pub(crate) fn lie(name: &str, spec: &Spec, code: &'static str) -> Case {
    under(name, spec, Trust::public(), code)
}

fn under(name: &str, spec: &Spec, trust: Trust, code: &'static str) -> Case {
    Case::new(name, &domain().mint(spec), trust, Err(code))
}

fn good() -> Spec {
    domain().spec(ARTIFACT)
}

fn logged(entry: Entry) -> Spec {
    Spec { entries: vec![entry], ..good() }
}

fn logged_v2(entry: Entry) -> Spec {
    Spec { entries: vec![entry], ..domain().spec_v2(ARTIFACT) }
}

fn entry() -> Entry {
    domain().entry(Kind::Dsse001)
}

fn entry_v2() -> Entry {
    domain().entry(Kind::HashedRekord002)
}

fn stamp() -> Stamp {
    domain().stamp(StampAuthority::P256)
}

fn seconds(count: i64) -> SignedDuration {
    SignedDuration::from_secs(count)
}

/// Step 1.
fn shapes() -> Vec<Case> {
    let v01 = |spec: Spec| Spec { media_type: MediaType::V01, ..spec };
    let idle = Entry { set: Set::Absent, proof: Proof::Absent, ..entry() };
    let unpromised = Entry { set: Set::Absent, ..entry() };
    let cosigner = Cosigner {
        key: KeyKind::P256,
        label: "cosigner".to_owned(),
        key_id: None,
        signature: Signature::Good,
        place: Place::After,
    };
    let cosigned = Spec { cosigners: vec![cosigner], ..good() };
    let cosigned_key = Spec {
        stamps: vec![stamp()],
        entries: Vec::new(),
        signer: domain().spec_key(ARTIFACT).signer,
        ..cosigned.clone()
    };
    let mut chain_in_v03 = domain().mint(&v01(good()));
    chain_in_v03["mediaType"] = json!(MediaType::V03.text());
    let case = |name, bundle: &Value, code| Case::new(name, bundle, Trust::public(), Err(code));
    vec![
        lie(
            "a message signature that notes another file",
            &Spec { message_digest: Some(vec![7; 32]), ..domain().spec_message(ARTIFACT) },
            "signature-invalid",
        ),
        lie(
            "v0.1 without a promise",
            &v01(Spec { stamps: vec![stamp()], ..logged(unpromised) }),
            "bundle-version-shape",
        ),
        lie(
            "v0.2 without a proof",
            &Spec { media_type: MediaType::V02, ..logged(Entry { proof: Proof::Absent, ..entry() }) },
            "bundle-version-shape",
        ),
        lie("v0.3 without a proof", &logged(Entry { proof: Proof::Absent, ..entry() }), "bundle-version-shape"),
        lie(
            "v0.3 without a checkpoint",
            &logged(Entry { checkpoint: Checkpoint::Absent, ..entry() }),
            "bundle-version-shape",
        ),
        lie(
            "v0.1 with a proof without a checkpoint",
            &v01(logged(Entry { checkpoint: Checkpoint::Absent, ..entry() })),
            "bundle-version-shape",
        ),
        lie("an entry that nothing proves", &logged(idle), "log-entry-unproven"),
        case("a certificate chain in v0.3", &chain_in_v03, "bundle-version-shape"),
        lie("one log entry twice", &Spec { entries: vec![entry(), entry()], ..good() }, "bundle-duplicate"),
        lie("one timestamp twice", &Spec { stamps: vec![stamp(), stamp()], ..good() }, "bundle-duplicate"),
        lie("two signatures beside a certificate", &cosigned, "signature-count"),
        under(
            "two signatures beside a timestamp",
            &cosigned_key,
            Trust::public().and_key(&domain().signer_key(&cosigned_key)),
            "signature-count",
        ),
        lie("dsse 0.0.2, which no log writes", &logged_v2(domain().entry(Kind::Dsse002)), "log-entry-kind"),
    ]
}

/// Step 2: timestamps and promises.
fn times() -> Vec<Case> {
    let private = |stamp| Spec { stamps: vec![stamp], ..domain().spec_private(ARTIFACT) };
    let late = "2026-12-24T00:00:00Z";
    let before = Window { start: Some(time("2020-01-01T00:00:00Z")), end: Some(time("2026-10-01T00:00:00Z")) };
    let whole = domain().root_spec();
    let stamped_before = RootSpec { stamps: vec![(StampAuthority::P256, before)], ..whole.clone() };
    let logged_before = RootSpec { rekor_v1: Some(before), ..whole };
    let root = |spec: &RootSpec| Trust::root(domain().trusted_root_of(spec));
    let other_time = Spec { not_before: time(late) - seconds(60), not_after: time(late) + seconds(60), ..good() };
    let integrated_late = Entry { integrated_time: Some(time(late)), ..entry() };
    let mut cases = vec![
        lie("no timestamp and no promise", &logged(Entry { set: Set::Absent, ..entry() }), "time-missing"),
        lie("Rekor v2 without a timestamp", &Spec { stamps: Vec::new(), ..domain().spec_v2(ARTIFACT) }, "time-missing"),
        under(
            "private without a timestamp",
            &Spec { stamps: Vec::new(), ..domain().spec_private(ARTIFACT) },
            Trust::private(),
            "signing-time-unproven",
        ),
        under(
            "a timestamp of the future",
            &Spec {
                not_before: time(late) - seconds(60),
                not_after: time(late) + seconds(60),
                ..private(Stamp { time: time(late), ..stamp() })
            },
            Trust::private(),
            "time-in-future",
        ),
        lie("a promise of the future", &Spec { entries: vec![integrated_late], ..other_time }, "time-in-future"),
        under(
            "a timestamp authority outside its window",
            &Spec { stamps: vec![stamp()], ..good() },
            root(&stamped_before),
            "timestamp-window",
        ),
        under("a log outside its window", &good(), root(&logged_before), "log-unknown"),
        under(
            "a timestamp where the root names no authority",
            &Spec { stamps: vec![stamp()], ..good() },
            root(&RootSpec { stamps: Vec::new(), ..domain().root_spec() }),
            "timestamp-invalid",
        ),
        lie(
            "one bad timestamp beside a good promise",
            &Spec { stamps: vec![Stamp { lie: StampLie::BadSignature, ..stamp() }], ..good() },
            "timestamp-invalid",
        ),
        lie(
            "one bad timestamp behind a good one",
            &Spec {
                stamps: vec![stamp(), Stamp { lie: StampLie::WrongImprint, ..domain().stamp(StampAuthority::P384) }],
                ..good()
            },
            "timestamp-invalid",
        ),
    ];
    cases.extend(stamps());
    for set in [Set::BadSignature, Set::OtherTime, Set::OtherIndex, Set::OtherBody, Set::ForeignKey] {
        cases.push(lie(&format!("promise {set:?}"), &logged(Entry { set, ..entry() }), "log-set-invalid"));
    }
    let named = |log_id| logged(Entry { log_id, ..entry() });
    cases.push(lie("a promise in the name of another log", &named(NamedLog::Other), "log-set-invalid"));
    cases.push(lie("a promise in the name of an unknown log", &named(NamedLog::Foreign), "log-unknown"));
    cases.push(lie("a log of nobody", &logged(Entry { log: SigningLog::Foreign, ..entry() }), "log-unknown"));
    let untimed = Entry { integrated_time: Some(Timestamp::UNIX_EPOCH), ..entry() };
    cases.push(lie("a promise for no time", &logged(untimed), "log-set-invalid"));
    cases
}

/// Step 2: timestamps whose token is wrong in itself.
fn stamps() -> Vec<Case> {
    let private = |stamp| Spec { stamps: vec![stamp], ..domain().spec_private(ARTIFACT) };
    let mut cases = Vec::new();
    for stamp_lie in [
        StampLie::WrongImprint,
        StampLie::Foreign,
        StampLie::ForeignKey,
        StampLie::BadSignature,
        StampLie::WrongDigest,
        StampLie::Rejected,
        StampLie::WrongUsage,
    ] {
        let spec = private(Stamp { lie: stamp_lie, ..stamp() });
        cases.push(under(&format!("timestamp {stamp_lie:?}"), &spec, Trust::private(), "timestamp-invalid"));
    }
    // sigstore-tsa 0.15.1 compares none of these.
    for stamp_lie in [
        StampLie::WrongContentType,
        StampLie::NoContentType,
        StampLie::WrongCertificateId,
        StampLie::NoCertificateId,
        StampLie::OtherOldCertificateId,
    ] {
        let spec = private(Stamp { lie: stamp_lie, ..stamp() });
        cases.push(under(&format!("timestamp {stamp_lie:?}"), &spec, Trust::private(), "timestamp-attribute"));
    }
    cases
}

/// Step 3: the certificate.
fn certificates() -> Vec<Case> {
    let v01 = |spec: Spec| Spec { media_type: MediaType::V01, ..spec };
    let (late, early) = (signing_time() + seconds(1), signing_time() - seconds(1));
    let before = Window { start: Some(time("2020-01-01T00:00:00Z")), end: Some(time("2026-10-01T00:00:00Z")) };
    let lapsed = RootSpec { authorities: vec![(IssuedBy::Intermediate, before)], ..domain().root_spec() };
    let lapsed = Trust::root(domain().trusted_root_of(&lapsed));
    let sans = |san| Spec { san, ..good() };
    let uri = || San::Uri("https://github.com/acme/app/.github/workflows/w.yml@refs/heads/main".to_owned());
    let claims = |claims| Spec { claims, ..good() };
    let issuers = Claims { legacy_issuer: Some("https://other.test".to_owned()), ..good().claims };
    let extension =
        |oid: &str, bytes: &[u8]| Spec { extensions: vec![(oid.to_owned(), Some(bytes.to_vec()))], ..good() };
    let two_times = Spec { stamps: vec![Stamp { time: signing_time() + seconds(3600), ..stamp() }], ..good() };
    let stamps = vec![stamp(), Stamp { time: signing_time() + seconds(60), ..domain().stamp(StampAuthority::P384) }];
    let lapses = Window { start: Some(time("2026-01-01T00:00:00Z")), end: Some(signing_time() + seconds(30)) };
    let lapses = RootSpec { authorities: vec![(IssuedBy::Intermediate, lapses)], ..domain().root_spec() };
    let lapses = Trust::root(domain().trusted_root_of(&lapses));
    vec![
        under(
            "an authority outside its window at one of two times",
            &Spec { stamps, ..good() },
            lapses,
            "certificate-untrusted",
        ),
        lie("expired when it was used", &Spec { not_after: early, ..good() }, "certificate-time"),
        lie("not valid yet when it was used", &Spec { not_before: late, ..good() }, "certificate-time"),
        lie("expired at one of two proven times", &two_times, "certificate-time"),
        lie("an authority of the same name", &Spec { issued_by: IssuedBy::Foreign, ..good() }, "certificate-untrusted"),
        lie(
            "an authority of the same name, chain given",
            &v01(Spec { issued_by: IssuedBy::Foreign, ..good() }),
            "certificate-untrusted",
        ),
        lie(
            "an intermediate that had expired",
            &v01(Spec { issued_by: IssuedBy::ExpiredIntermediate, ..good() }),
            "certificate-untrusted",
        ),
        lie(
            "an issuer that is no authority",
            &v01(Spec { issued_by: IssuedBy::NotAnAuthority, ..good() }),
            "certificate-untrusted",
        ),
        lie(
            "an intermediate that is not given",
            &Spec { issued_by: IssuedBy::SecondIntermediate, ..good() },
            "certificate-untrusted",
        ),
        lie(
            "a certificate with a bad signature",
            &Spec { certificate_signature: CertificateSignature::Bad, ..good() },
            "certificate-untrusted",
        ),
        under("an authority outside its window", &good(), lapsed, "certificate-untrusted"),
        under("a certificate, where only a key is believed", &good(), Trust::key(&good()), "log-unknown"),
        // Under the first root the log is unknown, under the second the authority.
        under(
            "a certificate and a promise of two domains",
            &logged(Entry { log: SigningLog::Foreign, ..entry() }),
            Trust::public().and_root(domain().foreign().trusted_root()),
            "log-unknown",
        ),
        under(
            "a certificate and a timestamp of two domains",
            &Spec { stamps: vec![Stamp { lie: StampLie::Foreign, ..stamp() }], ..domain().spec_private(ARTIFACT) },
            Trust::private().and_root(domain().foreign().private_trusted_root()),
            "certificate-untrusted",
        ),
        lie("two names", &sans(vec![uri(), San::Email("jo@acme.test".to_owned())]), "certificate-invalid"),
        lie("two names of one kind", &sans(vec![uri(), uri()]), "certificate-invalid"),
        lie("no name", &sans(Vec::new()), "certificate-invalid"),
        lie("a host name", &sans(vec![San::Dns("acme.test".to_owned())]), "certificate-invalid"),
        lie("two issuers", &claims(issuers), "certificate-invalid"),
        lie("no issuer", &claims(Claims { issuer: None, legacy_issuer: None, ..good().claims }), "issuer-missing"),
        lie("no claims", &claims(Claims::default()), "issuer-missing"),
        lie("an issuer that is no text", &extension("1.3.6.1.4.1.57264.1.8", &[0xff]), "certificate-invalid"),
        lie("an old issuer that is no text", &extension("1.3.6.1.4.1.57264.1.1", &[0xff]), "certificate-invalid"),
    ]
}

/// Step 3: what the certificate may be used for.
fn usages() -> Vec<Case> {
    let mut cases = Vec::new();
    for key_usage in [KeyUsage::CertificateSigning, KeyUsage::Absent] {
        cases.push(lie(&format!("key usage {key_usage:?}"), &Spec { key_usage, ..good() }, "certificate-invalid"));
    }
    for eku in [Eku::ServerAuth, Eku::TimeStamping, Eku::Any, Eku::Absent] {
        cases.push(lie(&format!("usage {eku:?}"), &Spec { eku, ..good() }, "certificate-untrusted"));
    }
    cases
}

/// A certificate whose SCT is good but for bytes that its signature does not cover: `change` gets the SCT, which starts
/// with version and log id and has its algorithm at 43.
fn sct_changed(change: fn(&mut [u8])) -> Spec {
    let leaf = domain().mint_parts(&good()).chain.swap_remove(0);
    // No extensions, then SHA-256 with ECDSA.
    let place = leaf.windows(4).rposition(|four| four == [0, 0, 4, 3]).unwrap();
    // Before the version stand the lengths of the list and of the one SCT in it.
    let sct = place - (1 + 32 + 8);
    let start = sct - 4;
    let length = usize::from(leaf[start]) << 8 | usize::from(leaf[start + 1]);
    let mut list = leaf[start..start + 2 + length].to_vec();
    change(&mut list[4..]);
    let extension = crate::support::virtual_sigstore::asn1::octets(&list);
    Spec { scts: Vec::new(), extensions: vec![(x509::OID_SCT_LIST.to_owned(), Some(extension))], ..good() }
}

/// Step 4: certificate transparency.
fn scts() -> Vec<Case> {
    let with = |scts| Spec { scts, ..good() };
    let sct = || domain().sct();
    let before = Window { start: Some(time("2020-01-01T00:00:00Z")), end: Some(time("2026-10-01T00:00:00Z")) };
    let lapsed = RootSpec { ct: Some(before), ..domain().root_spec() };
    let absent = RootSpec { ct: None, ..domain().root_spec() };
    let root = |spec: &RootSpec| Trust::root(domain().trusted_root_of(spec));
    let mut cases = vec![
        lie("no SCT", &with(Vec::new()), "sct-missing"),
        lie("two SCTs", &with(vec![sct(), sct()]), "sct-invalid"),
        lie(
            "a good SCT behind a bad one",
            &with(vec![Sct { lie: SctLie::BadSignature, ..sct() }, sct()]),
            "sct-invalid",
        ),
        lie("an SCT of another algorithm", &sct_changed(|sct| sct[43] = 5), "sct-invalid"),
        lie("a good SCT in the name of an unknown log", &sct_changed(|sct| sct[1] ^= 1), "sct-invalid"),
        under("a CT log outside its window", &good(), root(&lapsed), "sct-invalid"),
        under("a root without CT logs", &good(), root(&absent), "sct-invalid"),
        under("no SCT under a root without CT logs", &with(Vec::new()), root(&absent), "sct-missing"),
    ];
    for sct_lie in
        [SctLie::UnknownLog, SctLie::ForeignKey, SctLie::OtherCertificate, SctLie::OtherIssuer, SctLie::BadSignature]
    {
        let spec = with(vec![Sct { lie: sct_lie, ..sct() }]);
        cases.push(lie(&format!("SCT {sct_lie:?}"), &spec, "sct-invalid"));
    }
    cases
}

/// Step 5: signatures.
fn signatures() -> Vec<Case> {
    let mut cases = Vec::new();
    let key = Spec { entries: Vec::new(), ..domain().spec_key(ARTIFACT) };
    for signature in [Signature::Bad, Signature::ForeignKey, Signature::OtherPayload, Signature::WithoutPae] {
        let spec = Spec { signature, ..good() };
        cases.push(lie(&format!("certificate, signature {signature:?}"), &spec, "signature-invalid"));
        let spec = Spec { signature, ..domain().spec_v2(ARTIFACT) };
        cases.push(lie(&format!("Rekor v2, signature {signature:?}"), &spec, "signature-invalid"));
        let spec = Spec { signature, ..domain().spec_private(ARTIFACT) };
        cases.push(under(&format!("private, signature {signature:?}"), &spec, Trust::private(), "signature-invalid"));
        let spec = Spec { signature, ..key.clone() };
        cases.push(under(&format!("key, signature {signature:?}"), &spec, Trust::key(&key), "signature-invalid"));
    }
    let other = Trust::default().and_key(&domain().key("other", KeyKind::P256));
    let own_key = domain().signer_key(&key);
    cases.extend([
        under("another key", &key, other.clone(), "signature-key-unknown"),
        under(
            "a key of another algorithm",
            &Spec { key: KeyKind::Ed25519, ..key.clone() },
            other,
            "signature-key-unknown",
        ),
        under("a key, where only a root is believed", &key, Trust::public(), "signer-kind"),
        under("a key, where nothing is believed", &key, Trust::default(), "signer-kind"),
        Case::new(
            "a bare envelope, where nothing is believed",
            &domain().mint_parts(&key).envelope,
            Trust::default(),
            Err("signer-kind"),
        ),
        Case::new(
            "a bare envelope with its certificate alone",
            &domain().bare_envelope(&good()),
            Trust::public(),
            Err("signing-time-unproven"),
        ),
        under(
            "a certificate whose key is believed, but not its authority",
            &Spec { issued_by: IssuedBy::Foreign, ..good() },
            Trust::public().and_key(&own_key),
            "certificate-untrusted",
        ),
    ]);
    cases
}

/// Step 6: the tree and its head.
fn inclusion() -> Vec<Case> {
    let mut cases = Vec::new();
    for (version, entry) in [("v1", entry()), ("v2", entry_v2())] {
        let spec = |entry: Entry| if entry.kind.is_v2() { logged_v2(entry) } else { logged(entry) };
        let mut lie = |name: String, entry: Entry, code| {
            cases.push(lie(&format!("{version} {name}"), &spec(entry), code));
        };
        for proof in [Proof::WrongHash, Proof::ExtraHash, Proof::MissingHash, Proof::OtherLeaf] {
            lie(format!("proof {proof:?}"), Entry { proof, ..entry.clone() }, "log-inclusion-mismatch");
        }
        for checkpoint in [Checkpoint::BadSignature, Checkpoint::ForeignKey, Checkpoint::WrongHint] {
            lie(format!("checkpoint {checkpoint:?}"), Entry { checkpoint, ..entry.clone() }, "log-checkpoint-invalid");
        }
        for checkpoint in [Checkpoint::OtherRoot, Checkpoint::OtherSize] {
            lie(format!("checkpoint {checkpoint:?}"), Entry { checkpoint, ..entry.clone() }, "log-checkpoint-mismatch");
        }
        let unsigned = Entry { checkpoint: Checkpoint::Unsigned, ..entry.clone() };
        lie("checkpoint without signature".to_owned(), unsigned, "checkpoint-invalid");
        lie(
            "checkpoint of witnesses alone".to_owned(),
            Entry { checkpoint: Checkpoint::Unsigned, witnesses: 2, ..entry.clone() },
            "log-checkpoint-invalid",
        );
        lie("root hash".to_owned(), Entry { proof_root: Some([7; 32]), ..entry.clone() }, "log-checkpoint-mismatch");
        lie("tree size".to_owned(), Entry { proof_size: Some(10), ..entry.clone() }, "log-checkpoint-mismatch");
        lie("index in the proof".to_owned(), Entry { proof_index: Some(2), ..entry.clone() }, "log-inclusion-mismatch");
        lie(
            "index beyond the tree".to_owned(),
            Entry { proof_index: Some(9), ..entry.clone() },
            "log-inclusion-mismatch",
        );
    }
    cases
}

/// Step 6: which log, and whether there must be one.
fn logs() -> Vec<Case> {
    let stamped = |spec: Spec| Spec { stamps: vec![stamp()], ..spec };
    let unpromised = Entry { set: Set::Absent, ..entry() };
    let not_yet = Window { start: Some(time("2026-12-01T00:00:00Z")), end: None };
    let not_yet = RootSpec { rekor_v2: Some(not_yet), ..domain().root_spec() };
    vec![
        lie("no log entry", &Spec { entries: Vec::new(), ..stamped(good()) }, "log-missing"),
        lie(
            "GitHub's private shape in a domain with logs",
            &Spec { entries: Vec::new(), scts: vec![domain().sct()], ..domain().spec_private(ARTIFACT) },
            "log-missing",
        ),
        lie(
            "a v1 entry named as another log's",
            &stamped(logged(Entry { log_id: NamedLog::Other, ..unpromised.clone() })),
            "log-checkpoint-invalid",
        ),
        lie(
            "a v1 entry named as an unknown log's",
            &stamped(logged(Entry { log_id: NamedLog::Foreign, ..unpromised.clone() })),
            "log-unknown",
        ),
        lie(
            "a v1 entry of an unknown log",
            &stamped(logged(Entry { log: SigningLog::Foreign, ..unpromised })),
            "log-unknown",
        ),
        lie(
            "a v2 entry of an unknown log",
            &logged_v2(Entry { log: SigningLog::Foreign, ..entry_v2() }),
            "log-unknown",
        ),
        lie(
            "a v2 entry named as an unknown log's",
            &logged_v2(Entry { log_id: NamedLog::Foreign, ..entry_v2() }),
            "log-unknown",
        ),
        lie(
            "a v2 index above the proof's",
            &logged_v2(Entry { index_offset: 100, ..entry_v2() }),
            "log-inclusion-mismatch",
        ),
        under(
            "a log whose key is not valid yet",
            &domain().spec_v2(ARTIFACT),
            Trust::root(domain().trusted_root_of(&not_yet)),
            "log-checkpoint-invalid",
        ),
        under(
            "a private bundle with an entry of an unknown log",
            &Spec { stamps: vec![stamp()], ..logged(Entry { set: Set::Absent, ..entry() }) },
            Trust::private(),
            "log-unknown",
        ),
        under(
            "a key with a log entry, where no root is believed",
            &domain().spec_key(ARTIFACT),
            Trust::key(&domain().spec_key(ARTIFACT)),
            "log-unknown",
        ),
    ]
}

/// Step 6: what the entry is about (CVE-2022-36056).
fn entries() -> Vec<Case> {
    let mut cases = Vec::new();
    let key = domain().spec_key(ARTIFACT);
    let keyed = || Trust::public().and_key(&domain().signer_key(&key));
    for kind in [Kind::Dsse001, Kind::Intoto002, Kind::HashedRekord001, Kind::HashedRekord002] {
        for about in [About::OtherPayload, About::OtherSignature, About::OtherVerifier] {
            let entry = Entry { about, ..domain().entry(kind) };
            let spec = Spec { entries: vec![entry.clone()], stamps: vec![stamp()], ..good() };
            cases.push(lie(&format!("{kind:?} {about:?}"), &spec, "log-entry-mismatch"));
            let spec = Spec { entries: vec![entry], ..key.clone() };
            cases.push(under(&format!("{kind:?} {about:?} beside a key"), &spec, keyed(), "log-entry-mismatch"));
        }
    }
    let other_run = domain().spec_of(&json!([statement::subject("app.tar.gz", b"other")]), &GitHub::default());
    let other = domain().mint(&other_run);
    let mut swapped = domain().mint(&good());
    swapped["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"].clone();
    let mut added = domain().mint(&Spec { entries: vec![Entry { leaves_before: 6, ..entry() }], ..good() });
    let stranger = other["verificationMaterial"]["tlogEntries"][0].clone();
    added["verificationMaterial"]["tlogEntries"].as_array_mut().unwrap().push(stranger);
    let case = |name, bundle: &Value| Case::new(name, bundle, Trust::public(), Err("log-entry-mismatch"));
    cases.push(case("the entry of another envelope", &swapped));
    cases.push(case("the entry of another envelope behind a good one", &added));

    let bodies = |kind, change: &dyn Fn(&mut Value)| {
        let minted = domain().mint(&Spec { entries: vec![domain().entry(kind)], ..good() });
        let body = minted["verificationMaterial"]["tlogEntries"][0]["canonicalizedBody"].as_str().unwrap();
        let body = sealmark::formats::base64::decode(body).unwrap();
        let mut body: Value = serde_json::from_slice(&body).unwrap();
        change(&mut body);
        let entry = Entry { body: Some(body.to_string().into_bytes()), ..domain().entry(kind) };
        Spec { entries: vec![entry], stamps: vec![stamp()], ..good() }
    };
    let type_of = |body: &mut Value| body["spec"]["content"]["envelope"]["payloadType"] = json!("text/plain");
    let no_signatures = |body: &mut Value| body["spec"]["signatures"] = json!([]);
    let twice = |body: &mut Value| {
        let one = body["spec"]["signatures"][0].clone();
        body["spec"]["signatures"] = json!([one, one]);
    };
    let unsigned = |body: &mut Value| body["spec"]["content"]["envelope"]["signatures"] = json!([]);
    let sha512 = |body: &mut Value| body["spec"]["payloadHash"]["algorithm"] = json!("sha512");
    let both = |body: &mut Value| {
        body["spec"]["hashedRekordV002"]["signature"]["verifier"]["publicKey"] = json!({"rawBytes": "AA=="});
    };
    let payload = domain().mint_parts(&domain().spec(ARTIFACT)).payload;
    let declared = |kind: &str, version: &str| {
        logged(Entry { declared_kind: Some((kind.to_owned(), version.to_owned())), ..entry() })
    };
    cases.extend([
        lie("intoto 0.0.2 with another payload type", &bodies(Kind::Intoto002, &type_of), "log-entry-mismatch"),
        lie("dsse 0.0.1 without signatures", &bodies(Kind::Dsse001, &no_signatures), "log-entry-mismatch"),
        lie("dsse 0.0.1 with the signature twice", &bodies(Kind::Dsse001, &twice), "log-entry-mismatch"),
        lie("intoto 0.0.2 without signatures", &bodies(Kind::Intoto002, &unsigned), "log-entry-mismatch"),
        lie("a body with another hash", &bodies(Kind::Dsse001, &sha512), "json-wrong-type"),
        lie("a body with two verifiers", &bodies(Kind::HashedRekord002, &both), "bundle-ambiguous"),
        lie(
            "hashedrekord 0.0.1 of the payload in place of what is signed",
            &bodies(Kind::HashedRekord001, &|body: &mut Value| {
                body["spec"]["data"]["hash"]["value"] = json!(HashKind::Sha256.hex(&payload));
            }),
            "log-entry-mismatch",
        ),
        lie(
            "intoto 0.0.1 beside an envelope without its text",
            &logged(domain().entry(Kind::Intoto001)),
            "log-entry-mismatch",
        ),
        lie("an entry declared as another kind", &declared("intoto", "0.0.2"), "log-entry-kind"),
        lie("an entry declared as another version", &declared("dsse", "0.0.2"), "log-entry-kind"),
    ]);
    let declared_v2 = Entry {
        declared_kind: Some(("hashedrekord".to_owned(), "0.0.2".to_owned())),
        integrated_time: None,
        set: Set::Absent,
        ..entry()
    };
    let declared_v2 = Spec { stamps: vec![stamp()], ..logged(declared_v2) };
    cases.push(lie("a v1 entry declared as v2's", &declared_v2, "log-entry-kind"));
    cases
}

/// Steps 7 and 9: the Statement and what it is about.
fn statements() -> Vec<Case> {
    let with = |statement: Value| Spec { statement, ..good() };
    let whole = || good().statement;
    let edit = |change: &dyn Fn(&mut Value)| {
        let mut statement = whole();
        change(&mut statement);
        with(statement)
    };
    let about = |digest: Value| edit(&|statement| statement["subject"] = json!([{"name": "app", "digest": digest}]));
    let (sha256, sha512) = (HashKind::Sha256.hex(ARTIFACT), HashKind::Sha512.hex(ARTIFACT));
    let raw = |payload: &str| Spec { payload: Some(payload.as_bytes().to_vec()), ..good() };
    let sha1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    let known = [format!("sha1:{sha1}"), format!("sha256:{sha256}")].map(|text| Digest::parse(&text).unwrap());
    let known = || fixtures::About::Digests(known.to_vec());
    let others = json!([{"digest": {"sha1": sha1}}, {"digest": {"sha256": HashKind::Sha256.hex(b"other")}}]);
    let twice = whole().to_string().replacen('{', r#"{"_type":"https://in-toto.io/Statement/v1","#, 1);
    vec![
        lie("another payload type", &Spec { payload_type: "application/json".to_owned(), ..good() }, "payload-type"),
        lie("an empty payload type", &Spec { payload_type: String::new(), ..good() }, "payload-type"),
        lie("another _type", &edit(&|s| s["_type"] = json!("https://in-toto.io/Statement/v2")), "statement-type"),
        lie(
            "a _type with a slash more",
            &edit(&|s| s["_type"] = json!("https://in-toto.io/Statement/v1/")),
            "statement-type",
        ),
        lie("no _type", &edit(&|s| s["_type"] = Value::Null), "json-field-missing"),
        lie("no predicate type", &edit(&|s| s["predicateType"] = Value::Null), "json-field-missing"),
        lie("no subject", &edit(&|s| s["subject"] = json!([])), "json-field-missing"),
        lie("a payload that is no JSON", &raw("provenance"), "json-invalid"),
        lie("a payload that names _type twice", &raw(&twice), "json-duplicate-key"),
        lie("another artifact", &domain().spec(b"other bytes"), "subject-mismatch"),
        lie("sha1 alone, which agrees", &about(json!({"sha1": sha1})), "subject-weak").about(known()),
        lie("sha1 agrees in one of two", &edit(&|s| s["subject"] = others.clone()), "subject-mismatch").about(known()),
        lie("a git commit under sha1's name", &about(json!({"gitCommit": sha1})), "subject-mismatch").about(known()),
        lie("sha1 alone", &about(json!({"sha1": "da39a3ee5e6b4b0d3255bfef95601890afd80709"})), "subject-weak"),
        lie("an unknown algorithm alone", &about(json!({"crc32": "00000000"})), "subject-weak"),
        lie("a digest in upper case", &about(json!({"sha256": sha256.to_uppercase()})), "subject-weak"),
        lie("a digest cut short", &about(json!({"sha256": sha256[..40]})), "subject-weak"),
        lie(
            "sha256 agrees, sha512 differs",
            &about(json!({"sha256": sha256, "sha512": HashKind::Sha512.hex(b"other")})),
            "subject-contradiction",
        ),
        lie(
            "sha512 agrees, sha256 differs",
            &about(json!({"sha512": sha512, "sha256": HashKind::Sha256.hex(b"other")})),
            "subject-contradiction",
        ),
        lie(
            "the name agrees, the digest differs",
            &edit(&|s| s["subject"] = json!([statement::subject("artifact", b"other")])),
            "subject-mismatch",
        ),
        lie("the digest under another algorithm's name", &about(json!({"sha3_256": sha256})), "subject-mismatch"),
    ]
}

/// The certificates with a changed SCT are refused for the change and not for how they are made.
#[test]
fn an_sct_put_there_by_hand_is_good() {
    let case = Case { expected: Ok(()), ..lie("", &sct_changed(|_| ()), "") };
    assert_eq!(case.outcome().map(|_| ()), case.expected);
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    [
        shapes(),
        times(),
        certificates(),
        usages(),
        scts(),
        signatures(),
        inclusion(),
        logs(),
        entries(),
        statements(),
        crate::seven::all(),
    ]
    .concat()
}

#[test]
fn every_lie_ends_in_its_code() {
    let (accepted, refused) = run("lies", &all());
    assert!(accepted == 0 && refused > 150, "{accepted} accepted, {refused} refused");
}
