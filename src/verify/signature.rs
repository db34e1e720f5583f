//! Step of verification: signature.
