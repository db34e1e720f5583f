//! Blobs on their way: held against digest and size as they come, and handed from one thread to another.

use std::io;
use std::io::Read;
use std::sync::mpsc::Receiver;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::remote::registry::RegistryError;
use crate::remote::registry::Stream;
use crate::store::hash::Running;
use crate::store::oci::Images;
use crate::store::oci::OciError;
use crate::store::oci::registry::Repository;
use crate::store::oci::registry::length;

/// A blob that is held against digest and size as it is read.
pub(super) struct Checked<'a> {
    pub(super) repository: &'a Repository,
    pub(super) stream: Stream,
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) done: u64,
    pub(super) sum: Running,
    pub(super) failed: Option<OciError>,
}

impl Checked<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> Result<usize, OciError> {
        let n = self.stream.read(buffer).map_err(|error| {
            let url = format!("{}, blob {}", self.repository.name(), self.digest);
            let (expected, found) = ("the whole blob", format!("a transfer that broke off: {error}"));
            OciError::Registry(RegistryError::Answer { url, expected, found })
        })?;
        let piece = buffer.get(..n).unwrap_or_default();
        self.sum.update(piece);
        self.done = self.done.saturating_add(length(piece));
        if self.done > self.size {
            return Err(self.repository.size_error(&self.digest, self.size, "more"));
        }
        if n == 0 && self.done != self.size {
            return Err(self.repository.size_error(&self.digest, self.size, self.done));
        }
        let right = || self.digest.algorithm() == Algorithm::Sha256 && self.sum.digest() == self.digest.bytes();
        if n == 0 && !right() {
            let found = format!("sha256:{}", hex::encode(self.sum.digest()));
            return Err(self.repository.digest_error(&self.digest, found));
        }
        Ok(n)
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let result = match self.failed.clone() {
            Some(error) => Err(error),
            None => self.next(buffer),
        };
        result.map_err(|error| {
            self.failed = Some(error.clone());
            io::Error::other(error)
        })
    }
}

/// Content that another thread hands over piece by piece.
pub(super) struct Pieces {
    pub(super) receiver: Receiver<io::Result<Vec<u8>>>,
    pub(super) piece: Vec<u8>,
    pub(super) at: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.piece.len() {
            match self.receiver.recv() {
                Ok(piece) => (self.piece, self.at) = (piece?, 0),
                Err(_) => return Ok(0),
            }
        }
        let mut rest = self.piece.get(self.at..).unwrap_or_default();
        let n = rest.read(buffer)?;
        self.at = self.at.saturating_add(n);
        Ok(n)
    }
}
