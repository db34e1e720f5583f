//! Step of verification: log.
