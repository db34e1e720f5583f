//! Artifacts, and what a user may type to name some.

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::formats::digest::Strength;

pub mod base64_subjects;
pub mod checksums;
pub mod image;
pub mod list;
pub mod purl;

/// Longest name of an artifact, in bytes: the longest path that Linux takes.
pub const MAX_NAME: usize = 4096;
/// Most digests that name an artifact by their text ([`Artifact::by_text`]).
pub const MAX_TEXTS: usize = 64;
/// Longest type or value of a digest that is compared as text, in bytes.
pub const MAX_TEXT: usize = 1024;

/// A name and at least one digest that binds.
///
/// The digests are sorted by algorithm and no algorithm occurs twice. A tag or another name that may point to something
/// else tomorrow cannot be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    name: String,
    digests: Vec<Digest>,
    /// Type and value of each digest that is compared as text; empty for every artifact but those of
    /// [`Artifact::by_text`].
    texts: Vec<(String, String)>,
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
    /// A digest that is to be compared as text, and is none.
    #[error("expected at most {MAX_TEXTS} digests, each TYPE:VALUE of at most {MAX_TEXT} bytes a part, found {found}")]
    Text {
        /// What was found.
        found: String,
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
            Self::Text { .. } => "artifact-digest-text",
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
        Ok(Self { name, digests, texts: Vec::new() })
    }

    /// An artifact that is known by digests of any type, registered or not (`gce_image_id:8970095005306000053`), each
    /// typed as `TYPE:VALUE`. One subject must have all of them, spelled as they are spelled here.
    ///
    /// What a value of an unregistered type binds is for whoever names it to know, so only verification summaries, whose
    /// issuers have names of their own, are bound so. A registered algorithm keeps its rules: its value is a
    /// digest, and weak ones alone name nothing.
    ///
    /// # Errors
    /// `artifact-digest-text`, `artifact-weak-digest`.
    pub fn by_text(typed: &[String]) -> Result<Self, ArtifactError> {
        let refused = |found: String| ArtifactError::Text { found };
        if typed.is_empty() || typed.len() > MAX_TEXTS {
            return Err(refused(format!("{} digests", typed.len())));
        }
        let (mut texts, mut digests, mut weak) = (Vec::new(), Vec::new(), Vec::new());
        for text in typed {
            let pair = text.split_once(':').filter(|(kind, value)| !kind.is_empty() && !value.is_empty());
            let pair = pair.filter(|(kind, value)| kind.len().max(value.len()) <= MAX_TEXT);
            let (kind, value) = pair.ok_or_else(|| refused(format!("{text:?}")))?;
            if let Some(algorithm) = Algorithm::from_name(kind) {
                let digest = Digest::from_hex(algorithm, value).map_err(|error| refused(error.to_string()))?;
                weak.extend((algorithm.strength() == Strength::Weak).then_some(algorithm));
                digests.push(digest);
            }
            texts.push((kind.to_owned(), value.to_owned()));
        }
        let name = typed.join(", ");
        if weak.len() == texts.len() {
            return Err(ArtifactError::WeakDigest { name, found: weak });
        }
        digests.sort();
        Ok(Self { name, digests, texts })
    }

    /// The digests that are compared as text; empty unless made by [`Artifact::by_text`].
    pub fn texts(&self) -> &[(String, String)] {
        &self.texts
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
    /// `@-`: every artifact that the checksums on standard input list.
    Stdin,
    /// `name@algorithm:hex`: an image pinned by digest, unless a file of that very name exists.
    Image(String),
    /// `oci-layout:DIR[@DIGEST]`: an image in a layout on disk.
    Layout {
        /// The folder.
        path: String,
        /// The digest of the one that is meant, where the layout holds several.
        digest: Option<Digest>,
    },
    /// `npm:FILE`: a package as npm packs it, named by what it says inside.
    Npm(String),
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
    /// `npm:` or `oci-layout:` without a path.
    #[error("expected a path after {form}:, found nothing")]
    EmptyPath {
        /// The form.
        form: &'static str,
    },
    /// A registered algorithm and a colon, but no digest of that algorithm.
    #[error("{text:?} starts like a digest: {source}")]
    Digest {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        source: DigestError,
    },
}

impl ReferenceError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Empty | Self::EmptyChecksums | Self::EmptyPath { .. } => "reference-empty",
            Self::Digest { .. } => "reference-bad-digest",
        }
    }
}

impl Reference {
    /// Reads what was typed by its spelling alone; the first rule that fits decides.
    ///
    /// 1. `@-` is checksums on standard input, `@FILE` a checksums file.
    /// 2. `oci-layout:DIR[@DIGEST]` is an image in a layout, `npm:FILE` a package as npm packs it.
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
        if text == "@-" {
            return Ok(Self::Stdin);
        }
        if let Some(path) = text.strip_prefix('@') {
            let empty = path.is_empty();
            return if empty { Err(ReferenceError::EmptyChecksums) } else { Ok(Self::Checksums(path.to_owned())) };
        }
        if let Some(path) = text.strip_prefix("npm:") {
            let empty = path.is_empty();
            return if empty { Err(ReferenceError::EmptyPath { form: "npm" }) } else { Ok(Self::Npm(path.to_owned())) };
        }
        if let Some(rest) = text.strip_prefix("oci-layout:") {
            return layout(text, rest);
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

/// `DIR` or `DIR@ALGORITHM:HEX`; a folder whose name holds `@` and then no algorithm is meant as it is.
fn layout(text: &str, rest: &str) -> Result<Reference, ReferenceError> {
    let (path, digest) = match rest.rsplit_once('@') {
        Some((path, digest)) if starts_with_algorithm(digest) => {
            let read = Digest::parse(digest);
            let digest = read.map_err(|source| ReferenceError::Digest { text: text.to_owned(), source })?;
            (path, Some(digest))
        }
        _ => (rest, None),
    };
    if path.is_empty() {
        return Err(ReferenceError::EmptyPath { form: "oci-layout" });
    }
    Ok(Reference::Layout { path: path.to_owned(), digest })
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
    fn digests_of_any_type_name_an_artifact_by_their_text() {
        let of = |typed: &[&str]| Artifact::by_text(&typed.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        let sha256 = format!("sha256:{EMPTY}");
        let artifact = of(&["gce_image_id:89", &sha256, "x:a:b"]).unwrap();
        assert_eq!(artifact.texts()[2], ("x".to_owned(), "a:b".to_owned()));
        assert_eq!(artifact.digests().len(), 1);
        let upper = sha256.replace('e', "E");
        let long = format!("x:{}", "y".repeat(MAX_TEXT + 1));
        for bad in ["", "x", "x:", ":x", "sha256:abc", &upper, &long] {
            assert_eq!(of(&[bad]).unwrap_err().code(), "artifact-digest-text", "{bad}");
        }
        assert_eq!(of(&[]).unwrap_err().code(), "artifact-digest-text");
        assert_eq!(of(&vec!["x:y"; MAX_TEXTS + 1]).unwrap_err().code(), "artifact-digest-text");
        let sha1 = format!("sha1:{}", "0".repeat(40));
        assert_eq!(of(&[&sha1]).unwrap_err().code(), "artifact-weak-digest");
        assert!(of(&[&sha1, "x:y"]).is_ok());
        let plain = Artifact::new("a".to_owned(), vec![digest(Algorithm::Sha256, 1)]).unwrap();
        assert!(plain.texts().is_empty());
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
    fn references_that_name_nothing_are_refused() {
        let code = |text: &str| Reference::parse(text).unwrap_err().code();
        assert_eq!(code(""), "reference-empty");
        assert_eq!(code("@"), "reference-empty");
        assert_eq!(code("sha256:00"), "reference-bad-digest");
        assert_eq!(code("sha256:"), "reference-bad-digest");
        assert_eq!(code("sha512:*.tar"), "reference-bad-digest");
        assert_eq!(code("oci-layout:dir@sha256:00"), "reference-bad-digest");
        for empty in ["npm:", "oci-layout:", &format!("oci-layout:@sha256:{EMPTY}")] {
            assert_eq!(code(empty), "reference-empty", "{empty}");
        }
    }

    #[test]
    fn layouts_packages_and_standard_input_are_named() {
        let parse = |text: &str| Reference::parse(text).unwrap();
        let digest = format!("sha256:{EMPTY}");
        let layout = |path: &str, digest: Option<&str>| Reference::Layout {
            path: path.to_owned(),
            digest: digest.map(|text| Digest::parse(text).unwrap()),
        };
        assert_eq!(parse("oci-layout:out/a@b"), layout("out/a@b", None));
        assert_eq!(parse(&format!("oci-layout:out@{digest}")), layout("out", Some(&digest)));
        assert_eq!(parse("npm:a/x.tgz"), Reference::Npm("a/x.tgz".to_owned()));
        assert_eq!(parse("@-"), Reference::Stdin);
        assert_eq!(parse("@./-"), Reference::Checksums("./-".to_owned()));
    }

    proptest! {
        #[test]
        fn any_text_is_a_reference_or_refused(text in ".{0,80}") {
            let _ = Reference::parse(&text);
        }
    }
}
