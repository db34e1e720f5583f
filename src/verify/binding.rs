//! Step of verification: binding.
