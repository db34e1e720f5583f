//! Signing without a key of one's own, against a Sigstore over loopback: honest, failing and lying.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

mod client;
mod conformance;
mod faults;
mod honest;
mod program;
#[path = "../support/mod.rs"]
mod support;
