//! Bytes to types and back: strict, capped, and without any idea of trust.

pub mod artifact;
pub mod attestations;
pub mod base64;
pub mod bundle;
pub mod certificate;
pub mod checkpoint;
pub mod cosign;
pub mod digest;
pub mod docker_config;
pub mod envelope;
mod error;
pub mod gcloud;
pub mod image_list;
pub mod json;
pub mod jwt;
pub mod log_entry;
pub mod npm;
pub mod oci;
pub mod payload;
pub mod predicate_type;
pub mod provenance;
pub mod purl;
pub mod raw;
pub mod sct;
pub mod statement;
pub mod vsa;

pub use error::FormatError;
