//! Step of verification: time.
