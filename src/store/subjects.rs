//! What the user named, expanded to artifacts.
