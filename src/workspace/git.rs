//! Facts about the git repository a build runs in.
