//! Stories of the command line: what is typed, what is printed, how the program ends.
#![cfg(feature = "cli")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a test says what it skips")]

mod attaching;
mod copying;
mod diagnosis;
mod doctor;
mod formats;
mod hostile;
mod images;
mod loads;
mod long;
mod looking;
mod many;
mod migration;
mod online;
mod run;
mod secrets;
mod showing;
mod signatures;
mod stopped;
mod story;
mod subjects;
#[path = "../support/mod.rs"]
mod support;
mod verify;
mod vsa;
mod workflow;
mod world;
