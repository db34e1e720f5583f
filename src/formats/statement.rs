//! in-toto Statements v0.1 and v1.
