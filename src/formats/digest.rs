//! Digests: the algorithms that in-toto names, one digest, and a set of digests.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// A digest algorithm of the in-toto registry (in-toto attestation spec v1, "DigestSet").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the algorithm of that name")]
pub enum Algorithm {
    Blake2b,
    Blake2s,
    DirHash,
    GitBlob,
    GitCommit,
    GitTag,
    GitTree,
    Gost,
    Md5,
    Ripemd160,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Sha512,
    Sha512_224,
    Sha512_256,
    Shake128,
    Shake256,
    Sm3,
}

/// The algorithms that signatures are made with, by their names in a bundle (sigstore/protobuf-specs, sigstore_common.proto,
/// "HashAlgorithm").
const SIGSTORE: &[(&str, Algorithm)] =
    &[("SHA2_256", Algorithm::Sha256), ("SHA2_384", Algorithm::Sha384), ("SHA2_512", Algorithm::Sha512)];

/// What a digest of some algorithm may be used for when an artifact is bound to a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// Collision resistant at 128 bits or more: binds an artifact.
    Strong,
    /// The name that git gives an object: binds only when the user named the object by it.
    GitObject,
    /// Kept and shown, never binds.
    Weak,
}

/// name in JSON, algorithm, permitted lengths in bytes, strength
const TABLE: &[(&str, Algorithm, &[usize], Strength)] = &[
    ("blake2b", Algorithm::Blake2b, &[64], Strength::Strong),
    ("blake2s", Algorithm::Blake2s, &[32], Strength::Strong),
    ("dirHash", Algorithm::DirHash, &[32], Strength::Strong),
    ("gitBlob", Algorithm::GitBlob, &[20, 32], Strength::GitObject),
    ("gitCommit", Algorithm::GitCommit, &[20, 32], Strength::GitObject),
    ("gitTag", Algorithm::GitTag, &[20, 32], Strength::GitObject),
    ("gitTree", Algorithm::GitTree, &[20, 32], Strength::GitObject),
    ("gost", Algorithm::Gost, &[32, 64], Strength::Weak),
    ("md5", Algorithm::Md5, &[16], Strength::Weak),
    ("ripemd160", Algorithm::Ripemd160, &[20], Strength::Weak),
    ("sha1", Algorithm::Sha1, &[20], Strength::Weak),
    ("sha224", Algorithm::Sha224, &[28], Strength::Weak),
    ("sha256", Algorithm::Sha256, &[32], Strength::Strong),
    ("sha384", Algorithm::Sha384, &[48], Strength::Strong),
    ("sha3_224", Algorithm::Sha3_224, &[28], Strength::Weak),
    ("sha3_256", Algorithm::Sha3_256, &[32], Strength::Strong),
    ("sha3_384", Algorithm::Sha3_384, &[48], Strength::Strong),
    ("sha3_512", Algorithm::Sha3_512, &[64], Strength::Strong),
    ("sha512", Algorithm::Sha512, &[64], Strength::Strong),
    ("sha512_224", Algorithm::Sha512_224, &[28], Strength::Weak),
    ("sha512_256", Algorithm::Sha512_256, &[32], Strength::Strong),
    ("shake128", Algorithm::Shake128, &[16, 32], Strength::Weak),
    ("shake256", Algorithm::Shake256, &[32, 64], Strength::Weak),
    ("sm3", Algorithm::Sm3, &[32], Strength::Weak),
];

impl Algorithm {
    /// Every algorithm of the registry, sorted by name.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.1)
    }

    /// The algorithm whose in-toto name is `name` (exact, case matters).
    pub fn from_name(name: &str) -> Option<Self> {
        TABLE.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The in-toto name, as it stands in a DigestSet.
    pub fn name(self) -> &'static str {
        self.row().0
    }

    /// The algorithm that bundles call `name`, if signatures are made with it.
    pub fn from_sigstore_name(name: &str) -> Option<Self> {
        SIGSTORE.iter().find(|row| row.0 == name).map(|row| row.1)
    }

    /// The name in bundles, of an algorithm that signatures are made with.
    pub fn sigstore_name(self) -> Option<&'static str> {
        SIGSTORE.iter().find(|row| row.1 == self).map(|row| row.0)
    }

    /// Permitted digest lengths, in bytes.
    pub fn lengths(self) -> &'static [usize] {
        self.row().2
    }

    /// What a digest of this algorithm may be used for.
    pub fn strength(self) -> Strength {
        self.row().3
    }

    fn row(self) -> &'static (&'static str, Self, &'static [usize], Strength) {
        // TABLE holds one row for each variant; `table_has_every_algorithm` checks it.
        TABLE.iter().find(|row| row.1 == self).unwrap_or(&TABLE[0])
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a text is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// The algorithm is not in the in-toto registry.
    #[error("unknown digest algorithm {0:?}")]
    UnknownAlgorithm(String),
    /// Not lower-case hexadecimal.
    #[error("a {0} digest is lower-case hexadecimal")]
    NotHex(Algorithm),
    /// Well-formed hexadecimal of a length the algorithm does not have.
    #[error("a {algorithm} digest has {expected:?} bytes, found {found}")]
    Length {
        /// The algorithm named.
        algorithm: Algorithm,
        /// Permitted lengths in bytes.
        expected: &'static [usize],
        /// Length found, in bytes.
        found: usize,
    },
}

/// One digest: an algorithm and as many bytes as it yields.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Digest {
    /// A digest from raw bytes; the length must be one that `algorithm` has.
    ///
    /// # Errors
    /// [`DigestError::Length`].
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Result<Self, DigestError> {
        if !algorithm.lengths().contains(&bytes.len()) {
            let (expected, found) = (algorithm.lengths(), bytes.len());
            return Err(DigestError::Length { algorithm, expected, found });
        }
        Ok(Self { algorithm, bytes })
    }

    /// A digest from lower-case hexadecimal, the one spelling in-toto permits.
    ///
    /// # Errors
    /// [`DigestError::NotHex`] and [`DigestError::Length`].
    pub fn from_hex(algorithm: Algorithm, text: &str) -> Result<Self, DigestError> {
        let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let bytes = hex::decode(text).ok().filter(|_| lower).ok_or(DigestError::NotHex(algorithm))?;
        Self::new(algorithm, bytes)
    }

    /// A digest as people type it, `algorithm:hex`; upper-case hexadecimal is taken too.
    ///
    /// # Errors
    /// Every [`DigestError`].
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let (name, value) = text.split_once(':').ok_or_else(|| DigestError::UnknownAlgorithm(text.to_owned()))?;
        let algorithm = Algorithm::from_name(name).ok_or_else(|| DigestError::UnknownAlgorithm(name.to_owned()))?;
        Self::from_hex(algorithm, &value.to_ascii_lowercase())
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hexadecimal, without the algorithm.
    pub fn hex(&self) -> String {
        hex::encode(&self.bytes)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

/// A DigestSet as it stands in an attestation: algorithm names and values, unknown ones kept.
///
/// Values are text: what is malformed or unknown never matches, and is shown as it was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct DigestSet(BTreeMap<String, String>);

impl DigestSet {
    /// No digest at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The well-formed digest of one algorithm, if the set holds it.
    pub fn get(&self, algorithm: Algorithm) -> Option<Digest> {
        let text = self.0.get(algorithm.name())?;
        Digest::from_hex(algorithm, text).ok()
    }

    /// The value under a name, as written.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values as written, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'a> FromIterator<&'a Digest> for DigestSet {
    fn from_iter<I: IntoIterator<Item = &'a Digest>>(digests: I) -> Self {
        Self(digests.into_iter().map(|d| (d.algorithm.name().to_owned(), d.hex())).collect())
    }
}

impl fmt::Display for DigestSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (name, value)) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            write!(f, "{comma}{name}:{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_every_algorithm() {
        assert_eq!(Algorithm::all().count(), 24);
        for (name, algorithm, _, _) in TABLE {
            assert_eq!(algorithm.name(), *name);
            assert_eq!(Algorithm::from_name(name), Some(*algorithm));
        }
        assert!(TABLE.is_sorted_by_key(|row| row.0));
    }

    #[test]
    fn digests_are_lower_case_hex_of_the_right_length() {
        let good = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        assert_eq!(Digest::from_hex(Algorithm::Sha256, good).unwrap().hex(), good);
        let upper = good.to_uppercase();
        assert_eq!(Digest::from_hex(Algorithm::Sha256, &upper), Err(DigestError::NotHex(Algorithm::Sha256)));
        assert!(Digest::parse(&format!("sha256:{upper}")).is_ok());
        assert!(matches!(Digest::parse("sha256:00"), Err(DigestError::Length { found: 1, .. })));
        assert!(matches!(Digest::parse("crc32:00"), Err(DigestError::UnknownAlgorithm(_))));
        assert!(matches!(Digest::parse(good), Err(DigestError::UnknownAlgorithm(_))));
        let commit = format!("gitCommit:{}", "ab".repeat(20));
        assert_eq!(Digest::parse(&commit).unwrap().to_string(), commit);
    }
}
