//! What is believed: keys, certificate authorities and logs, each with its validity window.

pub mod embedded;
pub mod key;
pub mod root;
