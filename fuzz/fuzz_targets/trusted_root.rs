//! Trusted roots: whatever is read names something to believe.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::trust::root::TrustedRoot;

fuzz_target!(|data: &[u8]| {
    if let Ok(roots) = TrustedRoot::parse_file(data, "root") {
        for root in roots {
            let _ = root.notices(jiff::Timestamp::UNIX_EPOCH);
        }
    }
});
