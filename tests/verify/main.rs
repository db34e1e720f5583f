//! The verifier against truths, lies, damage, real attestations, published vectors and a second judge.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

mod corpus;
mod fixtures;
mod judge;
mod layers;
mod lies;
mod messages;
mod mutations;
mod passing;
mod plain;
mod properties;
mod random;
mod rings;
mod seven;
mod shapes;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod truths;
mod unlogged;
mod vectors;
