//! Where artifacts and attestations lie.

pub mod beside;
pub mod file;
pub mod hash;
pub mod lines;
pub mod links;
pub mod measure;
pub mod oci;
pub mod parallel;
pub mod spool;
pub mod subjects;
