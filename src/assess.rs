//! Job two on one page: verify, start to end.
