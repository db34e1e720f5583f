//! The seven things that sigstore-verify 0.15.1 lets through and sealmark refuses, one test each.
//!
//! Each test also asks that crate, so that the list is shortened when it begins to refuse.

use serde_json::Value;
use serde_json::json;

use crate::fixtures::ARTIFACT;
use crate::fixtures::Case;
use crate::fixtures::Trust;
use crate::fixtures::domain;
use crate::judge;
use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::NamedLog;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::Set;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::signing_time;

fn case(name: &str, bundle: &Value, code: &'static str) -> Case {
    Case::new(name, bundle, Trust::public(), Err(code))
}

fn v2(entry: Entry) -> Value {
    domain().mint(&Spec { entries: vec![entry], ..domain().spec_v2(ARTIFACT) })
}

fn entry_v2() -> Entry {
    domain().entry(Kind::HashedRekord002)
}

fn first() -> Vec<Case> {
    let entry = Entry { proof: Proof::Absent, ..domain().entry(Kind::Dsse001) };
    let mut bundle = domain().mint(&Spec { entries: vec![entry], ..domain().spec(ARTIFACT) });
    bundle["mediaType"] = json!(MediaType::V01.text());
    vec![case("1: v0.3 relabelled v0.1 to lose its proof", &bundle, "bundle-version-shape")]
}

fn second() -> Vec<Case> {
    let good = domain().mint(&domain().spec(ARTIFACT));
    let other = domain().mint(&Spec { media_type: MediaType::V01, ..domain().spec(ARTIFACT) });
    let message = domain().mint(&domain().spec_message(ARTIFACT));
    let mut contents = good.clone();
    contents["messageSignature"] = message["messageSignature"].clone();
    let mut signers = good.clone();
    signers["verificationMaterial"]["x509CertificateChain"] =
        other["verificationMaterial"]["x509CertificateChain"].clone();
    let mut key = good;
    key["verificationMaterial"]["publicKey"] = json!({"hint": "x"});
    vec![
        case("2: both contents", &contents, "bundle-ambiguous"),
        case("2: certificate and chain", &signers, "bundle-ambiguous"),
        case("2: certificate and key", &key, "bundle-ambiguous"),
    ]
}

fn third() -> Vec<Case> {
    let good = domain().entry(Kind::Dsse001);
    let idle = Entry { set: Set::Absent, proof: Proof::Absent, leaves_before: 9, ..good.clone() };
    let spec = Spec { media_type: MediaType::V01, entries: vec![good, idle], ..domain().spec(ARTIFACT) };
    vec![case("3: an idle entry behind a good one", &domain().mint(&spec), "log-entry-unproven")]
}

fn fourth() -> Vec<Case> {
    let mut spec = domain().spec(ARTIFACT);
    spec.statement["_type"] = json!("https://example.com/Anything");
    vec![case("4: any _type", &domain().mint(&spec), "statement-type")]
}

fn fifth() -> Vec<Case> {
    let named = Entry { log_id: NamedLog::Other, ..entry_v2() };
    let timed = Entry { integrated_time: Some(signing_time()), ..entry_v2() };
    vec![
        case("5: a v2 entry named as another log's", &v2(named), "log-checkpoint-invalid"),
        case("5: an integrated time in v2", &v2(timed), "log-time-unsigned"),
    ]
}

fn sixth() -> Vec<Case> {
    let root = Entry { proof_root: Some([7; 32]), ..entry_v2() };
    let size = Entry { proof_size: Some(1_000), ..entry_v2() };
    vec![
        case("6: a v2 root hash other than the checkpoint's", &v2(root), "log-checkpoint-mismatch"),
        case("6: a v2 tree size other than the checkpoint's", &v2(size), "log-checkpoint-mismatch"),
    ]
}

fn seventh() -> Vec<Case> {
    let good = || domain().mint(&domain().spec(ARTIFACT));
    let respell = |path: &str, spell: &dyn Fn(&str) -> String| {
        let mut bundle = good();
        let field = bundle.pointer_mut(path).unwrap();
        let text = spell(field.as_str().unwrap());
        assert_ne!(field.as_str(), Some(text.as_str()), "{path} must have another spelling");
        *field = json!(text);
        bundle
    };
    let url_safe = |text: &str| text.replace('+', "-").replace('/', "_");
    let unpadded = |text: &str| text.trim_end_matches('=').to_owned();
    let leaf = "/verificationMaterial/certificate/rawBytes";
    let set = "/verificationMaterial/tlogEntries/0/inclusionPromise/signedEntryTimestamp";
    let log = "/verificationMaterial/tlogEntries/0/logId/keyId";
    let mut array = good();
    let certificate = array["verificationMaterial"]["certificate"]["rawBytes"].clone();
    array["verificationMaterial"]["certificate"] = json!([certificate]);
    vec![
        case("7: base64url of the certificate", &respell(leaf, &url_safe), "base64-invalid"),
        case("7: unpadded base64 of the promise", &respell(set, &unpadded), "base64-invalid"),
        case("7: unpadded base64 of the log id", &respell(log, &unpadded), "base64-invalid"),
        case("7: an array for an object", &array, "json-wrong-type"),
    ]
}

/// All seven.
pub(crate) fn all() -> Vec<Case> {
    [first(), second(), third(), fourth(), fifth(), sixth(), seventh()].concat()
}

fn refused_here_alone(cases: &[Case]) {
    for case in cases {
        assert_eq!(case.outcome().map(|_| ()), case.expected, "{}", case.name);
        assert_eq!(judge::outcome(case), judge::Outcome::Accepts, "{}: sigstore-verify", case.name);
    }
}

#[test]
fn one_a_relabelled_bundle_without_its_proof() {
    refused_here_alone(&first());
}

#[test]
fn two_both_arms_of_a_choice() {
    refused_here_alone(&second());
}

#[test]
fn three_an_entry_that_says_nothing() {
    refused_here_alone(&third());
}

#[test]
fn four_any_type_of_statement() {
    refused_here_alone(&fourth());
}

#[test]
fn five_another_logs_name_and_a_time_that_nothing_signs() {
    refused_here_alone(&fifth());
}

#[test]
fn six_a_proof_that_contradicts_its_checkpoint() {
    refused_here_alone(&sixth());
}

#[test]
fn seven_other_spellings() {
    refused_here_alone(&seventh());
}
