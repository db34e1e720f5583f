//! Every kind of builder, every expectation and every rule of slsa-verifier against truths and well-signed lies.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, clippy::use_debug, reason = "a suite prints how much it ran")]

mod delegated;
mod fixtures;
mod flags;
mod generator;
mod google_cloud_build;
mod npm;
mod platforms;
mod policy;
mod slsa_verifier;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod workflow;
