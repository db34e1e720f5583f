//! What integration tests share.

#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, reason = "test support")]
pub mod log_server;
#[allow(dead_code, missing_docs, unreachable_pub, reason = "test support: each test uses a part of it")]
#[allow(clippy::unwrap_used, reason = "test support")]
pub mod sigstore_server;
pub mod virtual_sigstore;
