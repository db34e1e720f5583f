//! The reusable workflows: rules that their text keeps, and their scripts run in order as GitHub runs them.
#![cfg(all(feature = "cli", unix))]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a test says what it skips and what it found")]

mod container;
mod expression;
mod generic;
mod gitlab;
mod job;
mod rules;
#[path = "../support/mod.rs"]
mod support;
mod verifying;
mod world;
mod yaml;
