//! Fixtures of every format, and what is hostile.
