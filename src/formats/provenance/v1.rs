//! SLSA provenance v1.
