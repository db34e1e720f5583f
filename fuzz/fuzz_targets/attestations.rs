//! Files of attestations: whatever can be read is also verified, and nothing panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::attestations;
use sealmark::trust::embedded::Domain;
use sealmark::verify::Verifier;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static VERIFIER: Verifier = {
            let roots = [Domain::PublicGood, Domain::Github].map(|domain| domain.root().unwrap());
            Verifier::new(roots.to_vec(), Vec::new())
        };
    }
    let Ok(candidates) = attestations::parse(data) else { return };
    for bundle in candidates.into_iter().filter_map(|candidate| candidate.bundle.ok()) {
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert!(VERIFIER.with(|verifier| verifier.authenticate(&bundle, now)).is_err());
    }
});
