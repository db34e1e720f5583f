//! The files of one checkout joined: what they pin, what they do not, and which of them were read.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::json;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::GenerateError;
use crate::generate::dependencies::Conflict;
use crate::generate::dependencies::DependencyError;
use crate::generate::dependencies::Format;
use crate::generate::dependencies::Item;
use crate::generate::dependencies::MAX_DEPENDENCIES;
use crate::generate::dependencies::Unresolved;
use crate::generate::dependencies::Why;
use crate::generate::dependencies::manifests;
use crate::generate::facts::Backing;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;

/// How many unresolved names an error lists.
const LISTED: usize = 10;

/// What the files of a checkout say, sorted.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// What they pin, and each file itself.
    pub dependencies: Vec<Dependency>,
    /// What they name and do not pin.
    pub unresolved: Vec<Unresolved>,
    /// The files that were read.
    pub collectors: Vec<Collector>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Collector {
    /// Path in the checkout.
    pub path: String,
    /// Name of its format.
    pub format: &'static str,
    /// How many different things it pins.
    pub count: usize,
}

impl Collected {
    /// How complete the list is, for [`crate::generate::facts::BuildFacts::extensions`] under `dependencies`: which files
    /// were read, how many things each pins, and how many names stayed unresolved. Who reads the provenance and ignores
    /// this field must take the list for incomplete, as SLSA says of every such list.
    pub fn completeness(&self) -> Fact<Value> {
        let row = |one: &Collector| json!({ "format": one.format, "path": one.path, "count": one.count });
        let collectors: Vec<Value> = self.collectors.iter().map(row).collect();
        let value = json!({ "collectors": collectors, "unresolved": self.unresolved.len() });
        Fact::word(value, Source::Sealmark)
    }

    /// Demands that everything that the files name is pinned by a digest that binds.
    ///
    /// # Errors
    /// [`GenerateError::DependenciesIncomplete`]; also when no file was found, for then nothing is known.
    pub fn require_complete(&self) -> Result<(), GenerateError> {
        if self.unresolved.is_empty() && !self.collectors.is_empty() {
            return Ok(());
        }
        let first = self.unresolved.iter().take(LISTED).map(ToString::to_string).collect();
        Err(GenerateError::DependenciesIncomplete { total: self.unresolved.len(), first })
    }
}

/// Files being joined.
#[derive(Debug, Default)]
pub struct Collection {
    merged: BTreeMap<Key, Merged>,
    unresolved: BTreeSet<Unresolved>,
    files: BTreeMap<String, (&'static str, Digest, usize)>,
}

/// What tells one dependency from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    uri: String,
    name: Option<String>,
    digest_of: Option<&'static str>,
}

/// One dependency as all files have it.
#[derive(Debug)]
struct Merged {
    /// Each with the file that named it first.
    digests: BTreeMap<Algorithm, (Digest, String)>,
    files: BTreeSet<String>,
    format: &'static str,
}

impl Collection {
    /// Reads one more file: its path in the checkout, its content, and its SHA-256. Whatever is no file of a
    /// [`Format`] is passed over.
    ///
    /// # Errors
    /// Every [`DependencyError`]; a package with two contents is `dependency-conflict`.
    pub fn add(&mut self, path: &str, bytes: &[u8], sha256: Digest) -> Result<(), DependencyError> {
        let Some(format) = Format::of(path) else { return Ok(()) };
        let found = format.read(path, bytes)?;
        self.unresolved.extend(found.unresolved);
        let mut keys = BTreeSet::new();
        for item in found.items {
            keys.insert(self.merge(item, path, format.name())?);
        }
        if self.merged.len() > MAX_DEPENDENCIES || self.unresolved.len() > MAX_DEPENDENCIES {
            return Err(DependencyError::TooMany { file: path.to_owned(), limit: MAX_DEPENDENCIES });
        }
        self.files.insert(path.to_owned(), (format.name(), sha256, keys.len()));
        Ok(())
    }

    fn merge(&mut self, item: Item, file: &str, format: &'static str) -> Result<Key, DependencyError> {
        let key = Key { uri: item.uri, name: item.name, digest_of: item.digest_of };
        let fresh = || Merged { digests: BTreeMap::new(), files: BTreeSet::new(), format };
        let merged = self.merged.entry(key.clone()).or_insert_with(fresh);
        merged.files.insert(file.to_owned());
        for digest in item.digests {
            let here = (digest.clone(), file.to_owned());
            let (first, first_file) = merged.digests.entry(digest.algorithm()).or_insert(here);
            if *first != digest {
                return Err(DependencyError::Conflict(Box::new(Conflict {
                    what: key.uri,
                    first: first.clone(),
                    first_file: first_file.clone(),
                    second: digest,
                    second_file: file.to_owned(),
                })));
            }
        }
        Ok(key)
    }

    /// Everything, sorted: the same files give the same list, in whatever order they came.
    pub fn finish(mut self) -> Collected {
        // Gradle keeps versions in one file and digests in another.
        let pinned: BTreeSet<&str> =
            self.merged.keys().map(|key| key.uri.split('?').next().unwrap_or(&key.uri)).collect();
        self.unresolved.retain(|one| {
            let elsewhere = one.why == Why::NoDigest && one.what.starts_with("pkg:maven/");
            !(elsewhere && pinned.contains(one.what.as_str()))
        });
        let paths: Vec<&str> = self.files.keys().map(String::as_str).collect();
        self.unresolved.retain(|one| one.why != Why::NoLock || !manifests::is_locked(&one.file, &paths));
        // A manifest says nothing but that it is not locked.
        let files = self.files.iter().filter(|(path, _)| !manifests::matches(path));
        let files: Vec<_> = files.map(|(path, (format, digest, count))| (path, *format, digest, *count)).collect();
        let mut dependencies: Vec<Dependency> = self.merged.into_iter().map(|(key, one)| one.dependency(key)).collect();
        dependencies.extend(files.iter().map(|(path, format, digest, _)| listed(path, format, digest)));
        let collectors = files.iter();
        let collectors =
            collectors.map(|(path, format, _, count)| Collector { path: (*path).clone(), format, count: *count });
        Collected { dependencies, unresolved: self.unresolved.into_iter().collect(), collectors: collectors.collect() }
    }
}

impl Merged {
    fn dependency(self, key: Key) -> Dependency {
        let source = Source::Collected(self.format);
        let mut annotations = BTreeMap::new();
        let files: Vec<String> = self.files.into_iter().collect();
        annotations.insert("lockedBy".to_owned(), fact(Value::from(files), source));
        if let Some(what) = key.digest_of {
            annotations.insert("digestOf".to_owned(), fact(Value::from(what), source));
        }
        Dependency {
            name: key.name.map(|name| fact(name, source)),
            uri: Some(fact(key.uri, source)),
            digests: self.digests.into_values().map(|(digest, _)| fact(digest, source)).collect(),
            media_type: None,
            annotations,
        }
    }
}

fn fact<T>(value: T, source: Source) -> Fact<T> {
    Fact { value, source, backing: Backing::Listed }
}

/// The file itself.
fn listed(path: &str, format: &'static str, digest: &Digest) -> Dependency {
    let source = Source::Collected(format);
    let known = |value: String| Fact { value, source, backing: Backing::Recomputable };
    Dependency {
        name: Some(known(path.to_owned())),
        uri: None,
        digests: vec![Fact { value: digest.clone(), source, backing: Backing::Recomputable }],
        media_type: None,
        annotations: BTreeMap::new(),
    }
}
