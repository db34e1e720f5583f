//! Artifacts, and what a user may type to name some.

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::formats::digest::Strength;

pub mod checksums;

/// Longest name of an artifact, in bytes: the longest path that Linux takes.
pub const MAX_NAME: usize = 4096;

/// A name and at least one digest that binds.
///
/// The digests are sorted by algorithm and no algorithm occurs twice. A tag or another name that may point to something
/// else tomorrow cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    name: String,
    digests: Vec<Digest>,
}

/// Why a name and digests are no artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// The name has no character.
    #[error("an artifact has a name, found an empty one")]
    EmptyName,
    /// The name is longer than [`MAX_NAME`].
    #[error("an artifact's name has at most {MAX_NAME} bytes, found {found}")]
    LongName {
        /// Length found, in bytes.
        found: usize,
    },
    /// No digest binds: none was given, or only weak ones.
    #[error("{name:?} needs a digest that is collision resistant or a git object name, found {}", names(found))]
    WeakDigest {
        /// Name of the artifact.
        name: String,
        /// The algorithms given.
        found: Vec<Algorithm>,
    },
    /// Two digests of one algorithm.
    #[error("{name:?} has one digest of each algorithm, found two of {algorithm}")]
    RepeatedAlgorithm {
        /// Name of the artifact.
        name: String,
        /// The algorithm given twice.
        algorithm: Algorithm,
    },
}

fn names(algorithms: &[Algorithm]) -> String {
    if algorithms.is_empty() {
        "none".to_owned()
    } else {
        algorithms.iter().map(|a| a.name()).collect::<Vec<_>>().join(", ")
    }
}

impl ArtifactError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyName => "artifact-empty-name",
            Self::LongName { .. } => "artifact-long-name",
            Self::WeakDigest { .. } => "artifact-weak-digest",
            Self::RepeatedAlgorithm { .. } => "artifact-repeated-algorithm",
        }
    }
}

impl Artifact {
    /// An artifact, if at least one of `digests` binds ([`Strength::Strong`] or [`Strength::GitObject`]).
    ///
    /// # Errors
    /// Every [`ArtifactError`].
    pub fn new(name: String, mut digests: Vec<Digest>) -> Result<Self, ArtifactError> {
        if name.is_empty() {
            return Err(ArtifactError::EmptyName);
        }
        if name.len() > MAX_NAME {
            return Err(ArtifactError::LongName { found: name.len() });
        }
        if digests.iter().all(|d| d.algorithm().strength() == Strength::Weak) {
            let found = digests.iter().map(Digest::algorithm).collect();
            return Err(ArtifactError::WeakDigest { name, found });
        }
        digests.sort();
        let mut neighbours = digests.iter().zip(digests.iter().skip(1));
        if let Some((twice, _)) = neighbours.find(|(a, b)| a.algorithm() == b.algorithm()) {
            let algorithm = twice.algorithm();
            return Err(ArtifactError::RepeatedAlgorithm { name, algorithm });
        }
        Ok(Self { name, digests })
    }

    /// The name, as it will stand in a statement.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The digests, sorted by algorithm.
    pub fn digests(&self) -> &[Digest] {
        &self.digests
    }

    /// The digest of one algorithm.
    pub fn digest(&self, algorithm: Algorithm) -> Option<&Digest> {
        self.digests.iter().find(|d| d.algorithm() == algorithm)
    }
}

/// What a user typed to name artifacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A file or a directory.
    Path(String),
    /// A pattern that names files.
    Glob(String),
    /// The artifact with this digest.
    Digest(Digest),
    /// Every artifact that the checksums file at this path lists.
    Checksums(String),
    /// `name@algorithm:hex`: an image pinned by digest, unless a file of that very name exists.
    Image(String),
}

/// Why a text names no artifact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferenceError {
    /// Nothing was typed.
    #[error("expected a path, a pattern, a digest or @FILE, found an empty text")]
    Empty,
    /// `@` without a path.
    #[error("expected the path of a checksums file after @, found nothing")]
    EmptyChecksums,
    /// A registered algorithm and a colon, but no digest of that algorithm.
    #[error("{text:?} starts like a digest: {source}")]
    Digest {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        source: DigestError,
    },
    /// A form that sealmark knows and cannot resolve.
    #[error("expected a path, a pattern, a digest or @FILE, found {text:?}: {form} references cannot be resolved")]
    Unsupported {
        /// What was typed.
        text: String,
        /// The form: `oci-layout`, `npm` or `image`.
        form: &'static str,
    },
}

impl ReferenceError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::EmptyChecksums => "reference-empty",
            Self::Digest { .. } => "reference-bad-digest",
            Self::Unsupported { .. } => "reference-unsupported",
        }
    }
}

impl Reference {
    /// Reads what was typed by its spelling alone; the first rule that fits decides.
    ///
    /// 1. `@FILE` is a checksums file.
    /// 2. `oci-layout:…` and `npm:…` are refused by name.
    /// 3. A registered in-toto algorithm and a colon (`sha256:…`, `gitCommit:…`) is a digest, and an error when what
    ///    follows is none. It never becomes a path.
    /// 4. `NAME@ALGORITHM:HEX` with a registered algorithm is an image, unless NAME starts with `.` or `/`.
    /// 5. A text with `*`, `?` or `[` is a pattern.
    /// 6. Everything else is a path.
    ///
    /// A file whose name collides with rules 1 to 4 is named with `./` before it. Whether a file of a pattern's or an
    /// image's spelling exists is for the caller to look up.
    ///
    /// # Errors
    /// Every [`ReferenceError`].
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if let Some(path) = text.strip_prefix('@') {
            let empty = path.is_empty();
            return if empty { Err(ReferenceError::EmptyChecksums) } else { Ok(Self::Checksums(path.to_owned())) };
        }
        for form in ["oci-layout", "npm"] {
            if text.strip_prefix(form).is_some_and(|rest| rest.starts_with(':')) {
                return Err(ReferenceError::Unsupported { text: text.to_owned(), form });
            }
        }
        if starts_with_algorithm(text) {
            let digest = Digest::parse(text);
            return digest.map(Self::Digest).map_err(|source| ReferenceError::Digest { text: text.to_owned(), source });
        }
        let pinned = text.rsplit_once('@').is_some_and(|(_, digest)| starts_with_algorithm(digest));
        if pinned && !text.starts_with(['.', '/']) {
            return Ok(Self::Image(text.to_owned()));
        }
        if text.contains(['*', '?', '[']) { Ok(Self::Glob(text.to_owned())) } else { Ok(Self::Path(text.to_owned())) }
    }
}

fn starts_with_algorithm(text: &str) -> bool {
    text.split_once(':').is_some_and(|(name, _)| Algorithm::from_name(name).is_some())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn digest(algorithm: Algorithm, byte: u8) -> Digest {
        Digest::new(algorithm, vec![byte; algorithm.lengths()[0]]).unwrap()
    }

    #[test]
    fn artifacts_need_a_digest_that_binds() {
        let weak = [Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha224].map(|a| digest(a, 1)).to_vec();
        let error = Artifact::new("a".to_owned(), weak.clone()).unwrap_err();
        assert_eq!(error.code(), "artifact-weak-digest");
        assert!(error.to_string().ends_with("found md5, sha1, sha224"), "{error}");
        assert_eq!(Artifact::new("a".to_owned(), vec![]).unwrap_err().code(), "artifact-weak-digest");

        let mixed = [weak, vec![digest(Algorithm::GitCommit, 2)]].concat();
        let artifact = Artifact::new("a".to_owned(), mixed).unwrap();
        let order: Vec<_> = artifact.digests().iter().map(Digest::algorithm).collect();
        assert_eq!(order, [Algorithm::GitCommit, Algorithm::Md5, Algorithm::Sha1, Algorithm::Sha224]);
        assert_eq!(artifact.digest(Algorithm::GitCommit), Some(&digest(Algorithm::GitCommit, 2)));
        assert_eq!(artifact.digest(Algorithm::Sha256), None);
    }

    #[test]
    fn artifacts_have_one_digest_of_each_algorithm_and_a_name() {
        let new = |name: &str, bytes: &[u8]| {
            Artifact::new(name.to_owned(), bytes.iter().map(|b| digest(Algorithm::Sha256, *b)).collect())
        };
        assert_eq!(new("a", &[1, 2]).unwrap_err().code(), "artifact-repeated-algorithm");
        assert_eq!(new("a", &[1, 1]).unwrap_err().code(), "artifact-repeated-algorithm");
        assert_eq!(new("", &[1]).unwrap_err().code(), "artifact-empty-name");
        assert!(new(&"n".repeat(MAX_NAME), &[1]).is_ok());
        assert_eq!(new(&"n".repeat(MAX_NAME + 1), &[1]).unwrap_err(), ArtifactError::LongName { found: 4097 });
    }

    #[test]
    fn references_are_read_by_their_spelling() {
        let digest = format!("sha256:{EMPTY}");
        let parse = |text: &str| Reference::parse(text).unwrap();
        assert_eq!(parse(&digest), Reference::Digest(Digest::parse(&digest).unwrap()));
        assert!(matches!(parse(&format!("gitCommit:{}", "0a".repeat(20))), Reference::Digest(_)));
        assert!(matches!(parse(&format!("sha1:{}", "0A".repeat(20))), Reference::Digest(_)));
        assert_eq!(parse("@sums.txt"), Reference::Checksums("sums.txt".to_owned()));
        assert!(matches!(parse(&format!("ghcr.io/x/y@{digest}")), Reference::Image(_)));
        assert!(matches!(parse("x@sha512:zz"), Reference::Image(_)));
        for glob in ["*.tar.gz", "a?c", "a[bc]", "dist/**/*"] {
            assert_eq!(parse(glob), Reference::Glob(glob.to_owned()));
        }
        let spelled = format!("./{digest}");
        for path in ["app", "./@sums", "a@b", "crc32:00", "SHA256:00", "C:\\x", "-", "npm", &spelled, "./x@sha256:0"] {
            assert_eq!(parse(path), Reference::Path(path.to_owned()));
        }
    }

    #[test]
    fn references_that_cannot_be_resolved_are_refused_by_name() {
        let code = |text: &str| Reference::parse(text).unwrap_err().code();
        assert_eq!(code(""), "reference-empty");
        assert_eq!(code("@"), "reference-empty");
        assert_eq!(code("sha256:00"), "reference-bad-digest");
        assert_eq!(code("sha256:"), "reference-bad-digest");
        assert_eq!(code("sha512:*.tar"), "reference-bad-digest");
        assert_eq!(code("oci-layout:dir@sha256:00"), "reference-unsupported");
        let error = Reference::parse("npm:x.tgz").unwrap_err();
        assert!(matches!(error, ReferenceError::Unsupported { form: "npm", .. }));
    }

    proptest! {
        #[test]
        fn any_text_is_a_reference_or_refused(text in ".{0,80}") {
            let _ = Reference::parse(&text);
        }
    }
}
