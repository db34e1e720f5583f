//! Strict JSON: no duplicate keys, no trailing bytes, bounded depth and size.
