//! Public keys in PEM and DER.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::Spelling;

fuzz_target!(|data: &[u8]| {
    for key in [PublicKey::from_pem(data), PublicKey::from_spki(data), PublicKey::from_root(data)].into_iter().flatten()
    {
        let _ = key.verify(b"message", data, Spelling::Lenient);
    }
});
