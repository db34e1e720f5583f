//! Step of verification: certificate.
