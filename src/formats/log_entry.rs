//! Bodies of transparency log entries.
