//! Statement to signed bundle.

pub mod error;
pub mod key;

mod encrypted;
mod pem;

pub use error::SignError;
