//! Attestations that show no log entry: refused, and what accepting them does not excuse.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use sealmark::formats::attestations;
use sealmark::verify::LogDemand;
use sealmark::verify::Publicity;
use sealmark::verify::Unlogged;
use sealmark::verify::VerifiedAttestation;

use crate::corpus::corpus;
use crate::corpus::public_good;
use crate::fixtures;
use crate::fixtures::ARTIFACT;
use crate::fixtures::About;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::support::virtual_sigstore;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::NamedLog;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::RootSpec;
use crate::support::virtual_sigstore::SctLie;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::Window;
use crate::support::virtual_sigstore::signing_time;
use crate::support::virtual_sigstore::time;

const UNPROVEN: &str = "signing-time-unproven";

fn under(text: &str, trust: &Trust, unlogged: Unlogged) -> Result<VerifiedAttestation, &'static str> {
    let verifier = trust.verifier().with_unlogged(unlogged);
    fixtures::outcome(&verifier, text, &About::Blob(ARTIFACT.to_vec()).artifact())
}

/// With and without the waiver.
fn both(text: &str, trust: &Trust) -> (Result<(), &'static str>, Result<(), &'static str>) {
    let one = |unlogged| under(text, trust, unlogged).map(|_| ());
    (one(Unlogged::Refuse), one(Unlogged::Accept))
}

fn without_entries() -> Spec {
    Spec { entries: Vec::new(), ..domain().spec(ARTIFACT) }
}

#[test]
fn a_certificate_without_any_time_is_refused_by_its_own_code() {
    let bare = domain().bare_envelope(&without_entries()).to_string();
    for text in [
        bare,
        domain().mint(&without_entries()).to_string(),
        domain().mint(&Spec { media_type: MediaType::V01, ..without_entries() }).to_string(),
    ] {
        assert_eq!(both(&text, &Trust::public()), (Err(UNPROVEN), Ok(())));
    }
}

#[test]
fn the_evidence_of_a_waiver_says_so() {
    let bare = domain().bare_envelope(&without_entries()).to_string();
    let attestation = under(&bare, &Trust::public(), Unlogged::Accept).unwrap();
    let evidence = attestation.evidence();
    assert_eq!(evidence.log_demand, LogDemand::Waived);
    assert_eq!((evidence.signed_at.len(), evidence.log.len()), (0, 0));
    assert_eq!(evidence.certificate, Publicity::Logged);
    // A timestamp still proves a time; only the log is waived.
    let stamped = Spec { stamps: vec![domain().stamp(StampAuthority::P256)], ..without_entries() };
    let stamped = domain().mint(&stamped).to_string();
    assert_eq!(both(&stamped, &Trust::public()), (Err("log-missing"), Ok(())));
    let evidence = under(&stamped, &Trust::public(), Unlogged::Accept).unwrap().evidence().clone();
    assert_eq!((evidence.log_demand, evidence.signed_at.len()), (LogDemand::Waived, 1));
    // Where nothing is missing, nothing is waived.
    let good = domain().mint(&domain().spec(ARTIFACT)).to_string();
    let evidence = under(&good, &Trust::public(), Unlogged::Accept).unwrap().evidence().clone();
    assert_eq!((evidence.log_demand, evidence.signed_at.len(), evidence.log.len()), (LogDemand::Entry, 1, 1));
    let private = domain().mint(&domain().spec_private(ARTIFACT)).to_string();
    let evidence = under(&private, &Trust::private(), Unlogged::Accept).unwrap().evidence().clone();
    assert_eq!((evidence.log_demand, evidence.signed_at.len()), (LogDemand::None, 1));
    let key = domain().spec_key(ARTIFACT);
    let evidence =
        under(&domain().mint(&key).to_string(), &Trust::public().and_key(&domain().signer_key(&key)), Unlogged::Accept);
    assert_eq!(evidence.unwrap().evidence().log_demand, LogDemand::None);
}

/// What is wrong with a bare envelope is wrong with the waiver too.
#[test]
fn the_waiver_excuses_nothing_else() {
    let spec = without_entries();
    let whole = domain().root_spec();
    let before = Window { start: Some(time("2020-01-01T00:00:00Z")), end: Some(time("2026-10-01T00:00:00Z")) };
    let root = |spec: &RootSpec| Trust::root(domain().trusted_root_of(spec));
    let late = time("2026-12-24T00:00:00Z");
    let ended = root(&RootSpec { authorities: vec![(IssuedBy::Intermediate, before)], ..whole.clone() });
    let ct_ended = root(&RootSpec { ct: Some(before), ..whole });
    let sct = |lie| virtual_sigstore::Sct { lie, ..domain().sct() };
    let rows = [
        ("no SCT", Spec { scts: Vec::new(), ..spec.clone() }, Trust::public(), "sct-missing"),
        ("a bad SCT", Spec { scts: vec![sct(SctLie::BadSignature)], ..spec.clone() }, Trust::public(), "sct-invalid"),
        (
            "an SCT of a stranger",
            Spec { scts: vec![sct(SctLie::ForeignKey)], ..spec.clone() },
            Trust::public(),
            "sct-invalid",
        ),
        ("a CT log that had ended", spec.clone(), ct_ended, "sct-invalid"),
        (
            "a foreign authority",
            Spec { issued_by: IssuedBy::Foreign, ..spec.clone() },
            Trust::public(),
            "certificate-untrusted",
        ),
        (
            "an authority that had expired",
            Spec { issued_by: IssuedBy::ExpiredIntermediate, ..spec.clone() },
            root(&RootSpec {
                authorities: vec![(
                    IssuedBy::ExpiredIntermediate,
                    Window { start: Some(time("2026-01-01T00:00:00Z")), end: None },
                )],
                ..domain().root_spec()
            }),
            "certificate-untrusted",
        ),
        ("an authority whose window had ended", spec.clone(), ended, "certificate-untrusted"),
        (
            "no authority",
            Spec { issued_by: IssuedBy::NotAnAuthority, ..spec.clone() },
            Trust::public(),
            "certificate-untrusted",
        ),
        (
            "a certificate that is not valid yet",
            Spec { not_before: late, not_after: late + jiff::SignedDuration::from_mins(10), ..spec.clone() },
            Trust::public(),
            "time-in-future",
        ),
        (
            "a certificate that ends before it starts",
            Spec { not_after: spec.not_before - jiff::SignedDuration::from_secs(1), ..spec.clone() },
            Trust::public(),
            "certificate-time",
        ),
        ("a bad signature", Spec { signature: Signature::Bad, ..spec.clone() }, Trust::public(), "signature-invalid"),
        (
            "a signature of a stranger",
            Spec { signature: Signature::ForeignKey, ..spec.clone() },
            Trust::public(),
            "signature-invalid",
        ),
        (
            "another kind of payload",
            Spec { payload_type: "text/plain".to_owned(), ..spec.clone() },
            Trust::public(),
            "payload-type",
        ),
        ("a domain without logs", Spec { scts: Vec::new(), ..spec }, Trust::private(), UNPROVEN),
    ];
    for (name, spec, trust, code) in &rows {
        let mut texts = vec![domain().mint(spec).to_string()];
        // The support writes no certificate beside the payload of another kind of content.
        texts.push(domain().bare_envelope(spec).to_string());
        for text in texts {
            assert_eq!(under(&text, trust, Unlogged::Accept).map(|_| ()), Err(*code), "{name}");
        }
    }
    println!("lies without an entry: {} refused", rows.len() * 2);
}

/// A bundle that shows an entry gets no relief, whatever is wrong with the entry.
#[test]
fn an_entry_that_is_there_must_hold() {
    let entry = || domain().entry(Kind::Dsse001);
    let rows = [
        ("a bad promise", Entry { set: Set::BadSignature, ..entry() }, "log-set-invalid"),
        ("a promise for another time", Entry { set: Set::OtherTime, ..entry() }, "log-set-invalid"),
        ("a promise of a stranger", Entry { set: Set::ForeignKey, ..entry() }, "log-set-invalid"),
        ("no promise", Entry { set: Set::Absent, ..entry() }, "time-missing"),
        ("nothing", Entry { set: Set::Absent, proof: Proof::Absent, ..entry() }, "log-entry-unproven"),
        ("another's payload", Entry { about: virtual_sigstore::About::OtherPayload, ..entry() }, "log-entry-mismatch"),
        (
            "another's signature",
            Entry { about: virtual_sigstore::About::OtherSignature, ..entry() },
            "log-entry-mismatch",
        ),
        (
            "another's certificate",
            Entry { about: virtual_sigstore::About::OtherVerifier, ..entry() },
            "log-entry-mismatch",
        ),
        ("a foreign log", Entry { log_id: NamedLog::Foreign, ..entry() }, "log-unknown"),
        ("a bad proof", Entry { proof: Proof::WrongHash, ..entry() }, "log-inclusion-mismatch"),
        (
            "a time outside the certificate's",
            Entry { integrated_time: Some(signing_time() + jiff::SignedDuration::from_hours(1)), ..entry() },
            "certificate-time",
        ),
    ];
    for (name, entry, code) in rows {
        let text = domain().mint(&Spec { entries: vec![entry], ..domain().spec(ARTIFACT) }).to_string();
        assert_eq!(both(&text, &Trust::public()), (Err(code), Err(code)), "{name}");
    }
}

/// Every lie of the suite ends in its code with the waiver too; only what has no entry and is otherwise good does not.
#[test]
fn the_waiver_makes_no_other_lie_true() {
    let mut differing = BTreeSet::new();
    let (mut same, mut other) = (0, 0);
    for case in crate::lies::all() {
        let verifier = case.trust.verifier().with_unlogged(Unlogged::Accept);
        let found = fixtures::outcome(&verifier, &case.text, &case.about.artifact()).map(|_| ());
        if found == case.expected {
            same += 1;
            continue;
        }
        other += 1;
        let entries = serde_json::from_str::<Value>(&case.text).unwrap()["verificationMaterial"]["tlogEntries"].clone();
        assert!(entries.as_array().is_none_or(Vec::is_empty), "{} shows an entry, found {found:?}", case.name);
        differing.insert((case.expected.unwrap_err(), found.err().unwrap_or("accepted")));
    }
    println!("lies under the waiver: {same} end as without it, {other} do not: {differing:?}");
    assert!(same > 150 && other > 0);
    let expected = [("log-missing", "accepted"), (UNPROVEN, "accepted")];
    assert_eq!(differing, BTreeSet::from(expected));
}

#[test]
fn a_key_gets_no_waiver() {
    let spec = Spec { signer: Signer::Key { hint: None }, ..without_entries() };
    let text = domain().mint(&spec).to_string();
    assert_eq!(both(&text, &Trust::public()), (Err("signer-kind"), Err("signer-kind")));
}

/// The bare envelopes of slsa-verifier's suite: each row, with and without the waiver, beside what slsa-verifier's own
/// verdict is when the log is left out.
#[test]
fn rows_that_need_a_log() {
    let Some(corpus) = corpus() else { return };
    let folder = corpus.join("slsa-verifier");
    let (refuse, accept) = (public_good().verifier(), public_good().verifier().with_unlogged(Unlogged::Accept));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for row in fs::read_to_string(folder.join("cases.jsonl")).unwrap().lines() {
        let row: Value = serde_json::from_str(row).unwrap();
        if row["needs_network"] != true {
            continue;
        }
        let file = folder.join("testdata").join(row["provenance"].as_str().unwrap());
        let mut candidates = attestations::parse(&fs::read(&file).unwrap()).unwrap();
        assert_eq!(candidates.len(), 1, "{}", file.display());
        let bundle = candidates.remove(0).bundle.unwrap();
        let code = |verifier: &sealmark::verify::Verifier| {
            verifier.authenticate(&bundle, fixtures::now()).map_or_else(|error| error.code(), |_| "authentic")
        };
        let waived = match row["verdict_if_tlog_is_waived"].as_str().unwrap() {
            "ErrorInvalidCertificate" => "ErrorInvalidCertificate",
            "ok" => "ok",
            _ => "an expectation is not met",
        };
        *counts.entry(format!("{waived}: {}, waived {}", code(&refuse), code(&accept))).or_default() += 1;
    }
    println!("rows that need a log: {counts:#?}");
    let expected = [
        ("ErrorInvalidCertificate: signing-time-unproven, waived sct-missing", 2),
        ("an expectation is not met: signing-time-unproven, waived authentic", 240),
        ("ok: signing-time-unproven, waived authentic", 96),
    ];
    assert_eq!(counts, expected.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect());
}
