//! The clients of the services that sign, over loopback: each honest, broken and lying.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a suite prints how much it ran")]

#[path = "../support/mod.rs"]
mod support;

mod authority;
mod counterpart;
mod keyless;
mod log;
mod server;
mod timestamp;
mod token;
mod transport;
