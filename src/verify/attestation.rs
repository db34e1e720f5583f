//! Step of verification: attestation.
