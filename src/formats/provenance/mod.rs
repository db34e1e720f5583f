//! SLSA provenance of any version.

pub mod v02;
pub mod v1;
