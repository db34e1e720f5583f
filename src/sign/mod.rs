//! Statement to signed bundle.

pub mod key;
