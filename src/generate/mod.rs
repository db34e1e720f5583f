//! Build facts to Statement, without touching the world.

pub mod git;
