//! Bundles: what is read is printed as itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::json;

fuzz_target!(|data: &[u8]| {
    if let Ok(bundle) = json::parse(data).and_then(Bundle::from_json) {
        assert_eq!(Bundle::from_json(bundle.to_json()), Ok(bundle));
    }
});
