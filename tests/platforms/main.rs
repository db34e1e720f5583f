//! Predicates of every CI platform, out of fixtures of its environment and token.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

mod agreement;
mod github;
#[path = "../support/mod.rs"]
mod support;
