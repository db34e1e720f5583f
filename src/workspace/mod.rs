//! The checkout a build runs in, read into build facts.

pub mod git;
