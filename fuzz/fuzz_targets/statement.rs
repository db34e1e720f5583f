//! Statements, and the log entries about them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sealmark::formats::log_entry::EntryBody;
use sealmark::formats::log_entry::EntryKind;
use sealmark::formats::statement::Statement;

fuzz_target!(|data: &[u8]| {
    if let Ok(statement) = Statement::parse(data.into()) {
        assert_eq!(&**statement.signed_bytes(), data);
        assert!(!statement.subjects.is_empty());
    }
    for kind in [
        EntryKind::Intoto001,
        EntryKind::Intoto002,
        EntryKind::Dsse001,
        EntryKind::HashedRekord001,
        EntryKind::HashedRekord002,
    ] {
        let _ = EntryBody::parse(kind, data);
    }
});
