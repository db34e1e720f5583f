//! Policy files: how they are read, what they decide, and which well-signed lies they refuse by which code.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli;
mod example;
mod lies;
mod lints;
mod reading;
#[path = "../support/mod.rs"]
mod support;
mod world;
