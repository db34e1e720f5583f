//! Predicates of every CI platform, out of fixtures of its environment and token.

#![cfg(feature = "cli")]

mod github;
