//! Job one on one page: generate, sign, verify what was signed, write.
