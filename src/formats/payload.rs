//! What an envelope carries: bytes in memory, or what is known of bytes that are too many for it.

use std::sync::Arc;

use crate::formats::digest::Digest;
use crate::formats::statement::Statement;

/// The payload of an envelope.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// The bytes that were signed.
    Held(Arc<[u8]>),
    /// What was seen of them while they passed by: a bill of materials may have a hundred megabytes, and its signature is
    /// over a hash.
    Measured(Arc<Measured>),
}

/// What is known of a payload that is not held. All of it is of one passing: the bytes that were hashed are the bytes that
/// were read as a Statement. A signature over the digests is believed to be over the Statement, so nobody outside of this package
/// can put the two together.
///
/// ```compile_fail
/// // The fields are not public.
/// let forged = sealmark::formats::payload::Measured { length: 0, digest: todo!(), encoded: vec![], statement: todo!() };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// How long it is, in bytes.
    pub(crate) length: u64,
    /// Its SHA-256, by which logs know it.
    pub(crate) digest: Digest,
    /// The digests of its pre-authentication encoding (DSSE protocol.md) by the algorithms that signatures are made with.
    pub(crate) encoded: Vec<Digest>,
    /// The Statement that it is, without its predicate.
    pub(crate) statement: Statement,
}

impl Payload {
    /// How long it is, in bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Held(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Measured(measured) => measured.length,
        }
    }

    /// The bytes; None where they are not held.
    pub fn held(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Held(bytes) => Some(bytes),
            Self::Measured(_) => None,
        }
    }
}

impl From<&[u8]> for Payload {
    fn from(bytes: &[u8]) -> Self {
        Self::Held(bytes.into())
    }
}

impl From<Vec<u8>> for Payload {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Held(bytes.into())
    }
}
