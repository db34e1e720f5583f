//! Predicates of every CI platform, out of fixtures of its environment and token.

#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::too_many_lines, reason = "a table has as many rows as there are fields")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

mod agreement;
mod buildkite;
mod circleci;
mod environment_only;
mod fixtures;
mod generic;
mod github;
mod gitlab;
mod interpreting;
mod pages;
#[path = "../support/mod.rs"]
mod support;
