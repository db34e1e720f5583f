//! Step of verification: identity.
