//! What integration tests share.

pub mod virtual_sigstore;
