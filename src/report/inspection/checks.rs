//! Which checks a verification would make, and why the others would not apply.

use serde::Serialize;

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::report::step_name;
use crate::verify::Step;

/// A check of docs/checks.md.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Its name.
    pub check: &'static str,
    /// Whether there is anything for it to check.
    pub applies: bool,
    /// What it would check, or why there is nothing.
    pub why: String,
}

/// The checks in their order. A plain signature attests nothing, so the others are not told.
pub(super) fn of(bundle: &Bundle) -> Vec<Check> {
    let check = |step, applies, why: String| Check { check: step_name(step), applies, why };
    let version = bundle.version.name();
    let Content::Envelope(envelope) = &bundle.content else {
        let why =
            "it is a plain signature, which attests nothing: it counts where --type signature is expected".to_owned();
        return vec![check(Step::Shape, true, why)];
    };
    let certificate = !bundle.signer.certificates().is_empty();
    let stamps = bundle.timestamps.len();
    let sets = bundle.log_entries.iter().filter(|entry| entry.signed_entry_timestamp.is_some()).count();
    let entries = bundle.log_entries.len();
    let by_certificate = |applies: &str| match certificate {
        true => (true, applies.to_owned()),
        false => (false, "there is no certificate".to_owned()),
    };
    let time = match (certificate, stamps + sets) {
        (true, 0) => (true, "a certificate needs a proven signing time, and there is none".to_owned()),
        (false, 0) => (false, "nothing states a time, and a key needs none".to_owned()),
        _ => (true, format!("timestamps {stamps}, signed entry timestamps {sets}")),
    };
    let log = match (certificate, entries) {
        (true, 0) => (true, "there is no entry; needed where the trusted root runs logs".to_owned()),
        (false, 0) => (false, "there is no entry, and a key needs none".to_owned()),
        (_, n) => (true, format!("entries {n}, each in its log and about this envelope")),
    };
    let chain = by_certificate("it leads to an authority of a trusted root, for code signing, at each proven time");
    let sct = by_certificate("it was made public, where the trusted root runs CT logs");
    let identity = if certificate { "the certificate's name and issuer" } else { "the key that verifies" };
    let signatures = format!("signatures {}, over the payload and its type", envelope.signatures.len());
    let about = "a digest of a subject is the artifact's".to_owned();
    vec![
        check(Step::Shape, true, format!("it has what a {version} has, once each")),
        check(Step::Time, time.0, time.1),
        check(Step::Certificate, chain.0, chain.1),
        check(Step::Sct, sct.0, sct.1),
        check(Step::Signature, true, signatures),
        check(Step::Log, log.0, log.1),
        check(Step::Statement, true, "the payload is an in-toto Statement".to_owned()),
        check(Step::Identity, true, identity.to_owned()),
        check(Step::Binding, true, about),
    ]
}
