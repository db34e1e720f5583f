//! Checkpoints of logs: the signed bytes are the start of the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::checkpoint::Checkpoint;

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.as_bytes().starts_with(checkpoint.signed()));
        assert!(!checkpoint.signatures().is_empty());
    }
});
