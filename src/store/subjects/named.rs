//! Artifacts by name: the same one twice is one, two things of one name are an error.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use crate::formats::artifact::Artifact;
use crate::formats::digest::Digest;
use crate::store::subjects::error::SubjectsError;

/// Where an artifact comes from.
pub(super) enum Origin {
    Path(PathBuf),
    Line {
        file: Arc<Path>,
        line: usize,
    },
    Typed,
    /// One of several lists, from 1.
    List(usize),
    /// An entry of a list that has a name.
    Entry(&'static str, usize),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Line { file, line } => write!(f, "{} line {line}", file.display()),
            Self::Typed => f.write_str("a digest"),
            Self::List(number) => write!(f, "input {number}"),
            Self::Entry(list, number) => write!(f, "{list} {number}"),
        }
    }
}

/// Digests by name, and where each name was first found.
pub(super) struct Named(BTreeMap<String, (Vec<Digest>, Origin)>);

impl Named {
    pub(super) fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Adds an artifact. One that is there already must share a digest of one algorithm with it and contradict none.
    pub(super) fn add(&mut self, name: String, digests: Vec<Digest>, origin: Origin) -> Result<(), SubjectsError> {
        match self.0.entry(name) {
            Entry::Vacant(place) => {
                place.insert((digests, origin));
            }
            Entry::Occupied(mut place) => {
                let known = &place.get().0;
                let (shared, new): (Vec<_>, Vec<_>) =
                    digests.into_iter().partition(|d| known.iter().any(|k| k.algorithm() == d.algorithm()));
                if shared.is_empty() || !shared.iter().all(|d| known.contains(d)) {
                    let (first, second) = (place.get().1.to_string(), origin.to_string());
                    return Err(SubjectsError::Conflict { name: place.key().clone(), first, second });
                }
                place.get_mut().0.extend(new);
            }
        }
        Ok(())
    }

    pub(super) fn artifacts(self) -> Result<Vec<Artifact>, SubjectsError> {
        if self.0.is_empty() {
            return Err(SubjectsError::Empty);
        }
        let artifacts = self.0.into_iter().map(|(name, (digests, _))| Artifact::new(name, digests));
        Ok(artifacts.collect::<Result<_, _>>()?)
    }

    /// Names and digests, sorted by name.
    pub(super) fn into_digests(self) -> impl Iterator<Item = (String, Vec<Digest>)> {
        self.0.into_iter().map(|(name, (digests, _))| (name, digests))
    }
}

/// Artifacts of several sources as one list, sorted by name.
///
/// Two of one name collapse when a digest of one algorithm says that they are the same, and are an error otherwise.
///
/// # Errors
/// `subject-conflict`, `subject-empty`, `subject-too-many`.
pub fn merge(lists: Vec<Vec<Artifact>>) -> Result<Vec<Artifact>, SubjectsError> {
    let limit = super::MAX_ENTRIES;
    if lists.iter().map(Vec::len).fold(0, usize::saturating_add) > limit {
        return Err(SubjectsError::TooMany { limit });
    }
    let mut named = Named::new();
    for (n, list) in lists.into_iter().enumerate() {
        for artifact in list {
            let origin = Origin::List(n.saturating_add(1));
            named.add(artifact.name().to_owned(), artifact.digests().to_vec(), origin)?;
        }
    }
    named.artifacts()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::digest::Algorithm;

    fn artifact(name: &str, digests: &[(Algorithm, u8)]) -> Artifact {
        let of = |(algorithm, byte): &(Algorithm, u8)| Digest::new(*algorithm, vec![*byte; algorithm.lengths()[0]]);
        Artifact::new(name.to_owned(), digests.iter().map(|one| of(one).unwrap()).collect()).unwrap()
    }

    #[test]
    fn lists_are_merged_by_name() {
        let (sha256, sha512) = (Algorithm::Sha256, Algorithm::Sha512);
        let lists = vec![
            vec![artifact("b", &[(sha256, 1)])],
            vec![],
            vec![artifact("a", &[(sha256, 2)]), artifact("b", &[(sha512, 3), (sha256, 1)])],
        ];
        let merged = merge(lists).unwrap();
        let found: Vec<_> = merged.iter().map(|one| (one.name(), one.digests().len())).collect();
        assert_eq!(found, [("a", 1), ("b", 2)]);
    }

    #[test]
    fn one_name_for_two_contents_is_refused() {
        let (sha256, sha512) = (Algorithm::Sha256, Algorithm::Sha512);
        for other in [(sha256, 2), (sha512, 1)] {
            let error = merge(vec![vec![artifact("a", &[(sha256, 1)])], vec![artifact("a", &[other])]]).unwrap_err();
            assert_eq!(error.code(), "subject-conflict");
            assert!(error.to_string().contains("input 1 and input 2"), "{error}");
        }
        assert_eq!(merge(vec![vec![]]).unwrap_err().code(), "subject-empty");
    }
}
