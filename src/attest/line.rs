//! What is given out: an attestation as one line, in memory or in a file.

use std::borrow::Cow;
use std::io;
use std::io::Write;

use crate::attest::AttestError;
use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::store::file::StoreError;
use crate::store::measure::Long;
use crate::store::oci::attach::BundleText;

/// An attestation: one line of JSON without its line break, the very bytes that were verified.
#[derive(Debug)]
pub enum Line {
    /// In memory.
    Held(Vec<u8>),
    /// In a file, since it is too long.
    Long(Box<Long>),
}

impl Line {
    /// What is attached to an image.
    pub fn text(&self) -> BundleText<'_> {
        match self {
            Self::Held(line) => BundleText::Held(line),
            Self::Long(long) => BundleText::Long(long),
        }
    }

    /// Writes it with its line break.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Held(line) => to.write_all(line)?,
            Self::Long(long) => drop(io::copy(&mut long.text.reader(), to)?),
        }
        to.write_all(b"\n")
    }

    /// All of it in memory, for what can only be done so.
    ///
    /// # Errors
    /// Those of reading a file.
    pub fn to_bytes(&self) -> Result<Cow<'_, [u8]>, StoreError> {
        match self {
            Self::Held(line) => Ok(Cow::Borrowed(line)),
            Self::Long(long) => long.text.to_bytes().map(Cow::Owned),
        }
    }

    /// The attestation as it reads.
    ///
    /// # Errors
    /// Those of [`attestations::parse`].
    pub(super) fn bundle(&self) -> Result<Bundle, AttestError> {
        match self {
            Self::Held(line) => Ok(attestations::parse(line)?.pop().ok_or(FormatError::Empty)?.bundle?),
            Self::Long(long) => Ok(long.bundle.clone()),
        }
    }
}
