//! Signing certificates, their SCTs, and what a CT log signed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::certificate::SigningCertificate;
use sealmark::formats::sct;

fuzz_target!(|data: &[u8]| {
    let _ = sct::parse_list(data);
    if let Ok(certificate) = SigningCertificate::parse(data) {
        let _ = certificate.precertificate_tbs();
    }
});
