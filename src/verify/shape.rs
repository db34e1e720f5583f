//! Step of verification: shape.
