//! SLSA provenance v0.2.
