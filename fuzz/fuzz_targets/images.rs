//! Manifests, and annotations of cosign's layers: first a line with the layer, then one annotation to a line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::cosign;
use sealmark::formats::oci::Document;

const NAMES: [&str; 4] = ["bundle", "certificate", "chain", "rfc3161timestamp"];

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = Document::parse(bytes) {
        assert!(document.items.iter().all(|item| item.digest.bytes().len() == 32));
    }
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let layer = lines.next().unwrap_or_default();
    let texts = lines.map(|line| String::from_utf8_lossy(line).replace('\r', "\n"));
    let annotations = NAMES.iter().zip(texts).map(|(name, text)| (format!("dev.sigstore.cosign/{name}"), text));
    if let Ok(bundle) = cosign::parse(layer, &annotations.collect()) {
        assert!(bundle.log_entries.iter().all(|entry| entry.signed_entry_timestamp.is_some()));
    }
});
