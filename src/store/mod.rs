//! Where artifacts and attestations lie.

pub mod file;
pub mod hash;
pub mod subjects;
