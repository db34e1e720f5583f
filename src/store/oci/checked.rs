//! Content that is held against its digest and size while it is read.

use std::io;
use std::io::Read;

use aws_lc_rs::digest;
use aws_lc_rs::digest::Context;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::store::oci::OciError;

/// A reader whose end is an error when what was read is not what its digest and size say.
pub(super) struct Checked<R> {
    inner: R,
    place: String,
    digest: Digest,
    size: Option<u64>,
    read: u64,
    context: Context,
}

impl<R: Read> Checked<R> {
    /// Holds what `inner` reads against a digest, and a size where one is known.
    ///
    /// # Errors
    /// `image-content-digest` for a digest of an algorithm that OCI does not register.
    pub(super) fn new(inner: R, place: String, digest: &Digest, size: Option<u64>) -> Result<Self, OciError> {
        let function = match digest.algorithm() {
            Algorithm::Sha256 => &digest::SHA256,
            Algorithm::Sha512 => &digest::SHA512,
            _ => {
                let found = "another algorithm than SHA-256 and SHA-512".to_owned();
                return Err(OciError::Digest { place, digest: digest.to_string(), found });
            }
        };
        let context = Context::new(function);
        Ok(Self { inner, place, digest: digest.clone(), size, read: 0, context })
    }

    fn wrong_size(&self, expected: u64, found: String) -> io::Error {
        let (place, digest) = (self.place.clone(), self.digest.to_string());
        io::Error::new(io::ErrorKind::InvalidData, OciError::Size { place, digest, expected, found })
    }

    fn at_end(&self) -> io::Result<()> {
        if let Some(size) = self.size.filter(|size| *size != self.read) {
            return Err(self.wrong_size(size, self.read.to_string()));
        }
        let sum = self.context.clone().finish();
        if sum.as_ref() == self.digest.bytes() {
            return Ok(());
        }
        let found = format!("{}:{}", self.digest.algorithm(), hex::encode(sum.as_ref()));
        let (place, digest) = (self.place.clone(), self.digest.to_string());
        Err(io::Error::new(io::ErrorKind::InvalidData, OciError::Digest { place, digest, found }))
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let length = self.inner.read(buffer)?;
        if length == 0 {
            return self.at_end().map(|()| 0);
        }
        self.read = self.read.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        if let Some(size) = self.size.filter(|size| *size < self.read) {
            return Err(self.wrong_size(size, "more".to_owned()));
        }
        self.context.update(buffer.get(..length).unwrap_or_default());
        Ok(length)
    }
}

/// The error that a reader carried, or what `other` makes of one of the operating system's.
pub(super) fn carried(error: io::Error, other: impl FnOnce(&io::Error) -> OciError) -> OciError {
    match error.downcast::<OciError>() {
        Ok(carried) => carried,
        Err(error) => other(&error),
    }
}
