//! Step of verification: statement.
