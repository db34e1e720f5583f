//! Facts about a build: each value with where it came from and what backs it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use jiff::Timestamp;
use serde::Serialize;
use serde::Serializer;
use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::Digest;
use crate::formats::provenance::ResourceDescriptor;
use crate::formats::provenance::v1::BuildDefinition;
use crate::formats::provenance::v1::Builder;
use crate::formats::provenance::v1::Metadata;
use crate::formats::provenance::v1::ProvenanceV1;
use crate::formats::provenance::v1::RunDetails;

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// It is always the same for this builder.
    BuilderConstant,
    /// The program itself.
    Sealmark,
    /// The commit that is checked out.
    GitHead,
    /// The tags that point to it.
    GitTags,
    /// The address of the remote.
    GitRemote,
    /// Comparing the files with the commit.
    GitStatus,
    /// How the repository was cloned.
    GitRepository,
    /// A submodule's pinned commit and address.
    GitSubmodule,
    /// The user, with this option.
    Option(&'static str),
    /// Hashing the file.
    File,
    /// A digest that was handed in without its file.
    GivenDigest,
    /// A claim of the job's OIDC token.
    TokenClaim(&'static str),
    /// A variable of the job's environment.
    Variable(&'static str),
    /// The file in which GitHub describes the event that started the run.
    EventPayload,
    /// The configuration variables that the workflow handed over.
    Vars,
    /// The JSON document of facts that the user named.
    Document,
    /// A file that lists dependencies, in this format.
    Collected(&'static str),
    /// The command that was run, and what it did.
    Run,
    /// A file that the user linked.
    Linked,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuilderConstant => "constant of the builder",
            Self::Sealmark => "sealmark itself",
            Self::GitHead => "git HEAD",
            Self::GitTags => "git tags at HEAD",
            Self::GitRemote => "git remote",
            Self::GitStatus => "git status",
            Self::GitRepository => "git repository",
            Self::GitSubmodule => "git submodule",
            Self::Option(name) => name,
            Self::File => "the file itself",
            Self::GivenDigest => "the digest as given",
            Self::TokenClaim(name) => return write!(f, "OIDC claim {name}"),
            Self::Variable(name) => return write!(f, "environment variable {name}"),
            Self::EventPayload => "the event payload of the run",
            Self::Vars => "the configuration variables as handed over",
            Self::Document => "the document of facts",
            Self::Collected(format) => return write!(f, "{format} in the checkout"),
            Self::Run => "the command as it ran",
            Self::Linked => "the linked file",
        })
    }
}

/// What a reader of the provenance has beyond the word of whoever wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Backing {
    /// Nothing.
    BuilderWord,
    /// The page that the URI names.
    Definition,
    /// The signature, for a verifier that trusts its key for this builder.
    Signer,
    /// The platform, in the OIDC token, and the certificate made from it.
    Certificate,
    /// The platform, in the OIDC token; the certificate does not repeat it.
    Token,
    /// Nothing but the job's environment, which its own steps can change.
    Job,
    /// The repository shows that the object exists; not that it was built.
    Repository,
    /// Whoever has the file can hash it again.
    Recomputable,
    /// A file of the checkout says so, and is listed with its digest: what was locked, not what was fetched.
    Listed,
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BuilderWord => "nothing but the builder's word",
            Self::Definition => "the page its URI names",
            Self::Signer => "the signature, where its key is trusted for this builder",
            Self::Certificate => "the platform: the certificate repeats it",
            Self::Token => "the platform's token; the certificate does not repeat it",
            Self::Job => "the job's environment, which its steps can change",
            Self::Repository => "the repository has it; that it was built is the builder's word",
            Self::Recomputable => "whoever has the file can hash it",
            Self::Listed => "the file that locks it, listed by digest; that it was fetched is the builder's word",
        })
    }
}

impl Serialize for Source {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

impl Serialize for Backing {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(self)
    }
}

/// A value, where it came from, and what backs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
    /// What backs it.
    pub backing: Backing,
}

impl<T> Fact<T> {
    /// A fact of the platform's token that the certificate repeats.
    pub fn certified(value: T, claim: &'static str) -> Self {
        Self { value, source: Source::TokenClaim(claim), backing: Backing::Certificate }
    }

    /// A fact of the platform's token that the certificate does not repeat.
    pub fn claimed(value: T, claim: &'static str) -> Self {
        Self { value, source: Source::TokenClaim(claim), backing: Backing::Token }
    }

    /// A fact out of the job's environment.
    pub fn variable(value: T, name: &'static str) -> Self {
        Self { value, source: Source::Variable(name), backing: Backing::Job }
    }

    /// A fact that nothing but the builder's word backs.
    pub fn word(value: T, source: Source) -> Self {
        Self { value, source, backing: Backing::BuilderWord }
    }
}

/// Facts that form a tree of JSON objects, each leaf under its path.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters(BTreeMap<Vec<String>, Fact<Value>>);

impl Parameters {
    /// Puts a fact at a path; a path must not lead through another fact.
    pub fn insert<const N: usize>(&mut self, path: [&str; N], fact: Fact<Value>) {
        self.insert_at(path.iter().map(|&key| key.to_owned()).collect(), fact);
    }

    /// The same at a path of any length.
    pub fn insert_at(&mut self, path: Vec<String>, fact: Fact<Value>) {
        self.0.insert(path, fact);
    }

    /// The fact at a path.
    pub fn get(&self, path: &[&str]) -> Option<&Fact<Value>> {
        self.0.iter().find(|(found, _)| found.iter().map(String::as_str).eq(path.iter().copied())).map(|row| row.1)
    }

    /// Every fact with its path, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&[String], &Fact<Value>)> {
        self.0.iter().map(|(path, fact)| (path.as_slice(), fact))
    }

    /// Puts another tree's facts below a path; a path must not lead through another fact.
    pub fn graft<const N: usize>(&mut self, path: [&str; N], other: Self) {
        for (below, fact) in other.0 {
            self.0.insert(path.iter().map(|&key| key.to_owned()).chain(below).collect(), fact);
        }
    }

    /// Each path with its fact, sorted by path.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&[String], &mut Fact<Value>)> {
        self.0.iter_mut().map(|(path, fact)| (path.as_slice(), fact))
    }

    /// The tree as JSON, keys sorted.
    pub fn to_map(&self) -> Map<String, Value> {
        let mut root = Map::new();
        for (path, fact) in &self.0 {
            let Some((leaf, parents)) = path.split_last() else { continue };
            let mut object = Some(&mut root);
            for key in parents {
                let child = object.map(|o| o.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())));
                object = child.and_then(Value::as_object_mut);
            }
            if let Some(object) = object {
                object.insert(leaf.clone(), fact.value.clone());
            }
        }
        root
    }
}

/// An artifact that went into the build, or came out of it beside the subjects.
#[derive(Debug, Clone, PartialEq)]
pub struct Dependency {
    /// Tells it from the others; formats that have none leave it out.
    pub name: Option<Fact<String>>,
    /// Where it is.
    pub uri: Option<Fact<String>>,
    /// Its digests.
    pub digests: Vec<Fact<Digest>>,
    /// What it is (RFC 6838).
    pub media_type: Option<Fact<String>>,
    /// What else a reader must know about it.
    pub annotations: BTreeMap<String, Fact<Value>>,
}

impl Dependency {
    fn descriptor(&self) -> ResourceDescriptor {
        ResourceDescriptor {
            name: self.name.as_ref().map(|f| f.value.clone()),
            uri: self.uri.as_ref().map(|f| f.value.clone()),
            digest: self.digests.iter().map(|f| &f.value).collect(),
            media_type: self.media_type.as_ref().map(|f| f.value.clone()),
            annotations: self.annotations.iter().map(|(k, f)| (k.clone(), f.value.clone())).collect(),
            ..ResourceDescriptor::default()
        }
    }

    /// Orders dependencies, so that the same ones are always written the same way. The source stands first, since many
    /// verifiers take the first one for it; what a collector found stands last.
    fn key(&self) -> (bool, bool, Option<&str>, Option<&str>, Vec<&Digest>) {
        let digests = self.digests.iter().map(|f| &f.value).collect();
        let sources = self.uri.iter().map(|f| f.source).chain(self.digests.iter().map(|f| f.source));
        let collected = sources.into_iter().any(|source| matches!(source, Source::Collected(_) | Source::Linked));
        let name = self.name.as_ref().map(|f| f.value.as_str());
        (name != Some("source"), collected, name, self.uri.as_ref().map(|f| f.value.as_str()), digests)
    }
}

/// What is known about one build, and from where.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildFacts {
    /// How the parameters are to be read.
    pub build_type: Fact<String>,
    /// What the tenant controls.
    pub external_parameters: Parameters,
    /// What the builder controls.
    pub internal_parameters: Parameters,
    /// What went into the build, in any order.
    pub dependencies: Vec<Dependency>,
    /// Who built.
    pub builder_id: Fact<String>,
    /// Versions of the builder's parts, by name.
    pub builder_version: BTreeMap<String, Fact<String>>,
    /// Which run it was.
    pub invocation_id: Option<Fact<String>>,
    /// When it began.
    pub started_on: Option<Fact<Timestamp>>,
    /// When it ended.
    pub finished_on: Option<Fact<Timestamp>>,
    /// What came out beside the subjects, in any order.
    pub byproducts: Vec<Dependency>,
    /// Fields of ours in `metadata`, by name without the prefix `sealmark_` (SLSA v1, "Extension fields"). A reader that
    /// ignores one must lose nothing that a decision hangs on.
    pub extensions: BTreeMap<String, Fact<Value>>,
}

/// One field of the provenance, explained.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExplainRow {
    /// JSON pointer (RFC 6901) into the Statement.
    pub pointer: String,
    /// The value there.
    pub value: Value,
    /// Where it came from.
    pub source: Source,
    /// What backs it.
    pub backing: Backing,
}

impl BuildFacts {
    /// The predicate that states these facts; keys sorted, dependencies sorted by name, URI and digests, the source first
    /// and those that a collector found last.
    pub fn predicate(&self) -> ProvenanceV1 {
        let time = |fact: &Option<Fact<Timestamp>>| fact.as_ref().map(|f| f.value.to_string());
        let metadata = Metadata {
            invocation_id: self.invocation_id.as_ref().map(|f| f.value.clone()),
            started_on: time(&self.started_on),
            finished_on: time(&self.finished_on),
            extra: self.extensions.iter().map(|(name, f)| (extension(name), f.value.clone())).collect(),
        };
        ProvenanceV1 {
            build_definition: BuildDefinition {
                build_type: self.build_type.value.clone(),
                external_parameters: self.external_parameters.to_map(),
                internal_parameters: self.internal_parameters.to_map(),
                resolved_dependencies: sorted(&self.dependencies).into_iter().map(Dependency::descriptor).collect(),
                extra: Map::new(),
            },
            run_details: RunDetails {
                builder: Builder {
                    id: self.builder_id.value.clone(),
                    builder_dependencies: Vec::new(),
                    version: self.builder_version.iter().map(|(k, f)| (k.clone(), f.value.clone())).collect(),
                    extra: Map::new(),
                },
                metadata: (metadata != Metadata::default()).then_some(metadata),
                byproducts: sorted(&self.byproducts).into_iter().map(Dependency::descriptor).collect(),
                extra: Map::new(),
            },
            extra: Map::new(),
        }
    }

    /// The dependencies in the order in which they are written.
    pub fn sorted_dependencies(&self) -> Vec<&Dependency> {
        sorted(&self.dependencies)
    }

    /// Every leaf of the predicate, in the order it is written, with its source and backing.
    pub fn explain(&self) -> Vec<ExplainRow> {
        let mut rows = Rows(Vec::new());
        let definition = "/predicate/buildDefinition";
        rows.push(format!("{definition}/buildType"), &self.build_type);
        for (name, tree) in
            [("externalParameters", &self.external_parameters), ("internalParameters", &self.internal_parameters)]
        {
            for (path, fact) in &tree.0 {
                rows.push(format!("{definition}/{name}{}", pointer(path)), fact);
            }
        }
        for (n, dependency) in sorted(&self.dependencies).into_iter().enumerate() {
            rows.dependency(&format!("{definition}/resolvedDependencies/{n}"), dependency);
        }
        let run = "/predicate/runDetails";
        rows.push(format!("{run}/builder/id"), &self.builder_id);
        for (name, fact) in &self.builder_version {
            rows.push(format!("{run}/builder/version{}", pointer([name])), fact);
        }
        rows.optional(format!("{run}/metadata/invocationId"), self.invocation_id.as_ref());
        rows.optional(format!("{run}/metadata/startedOn"), self.started_on.as_ref());
        rows.optional(format!("{run}/metadata/finishedOn"), self.finished_on.as_ref());
        for (name, fact) in &self.extensions {
            rows.push(format!("{run}/metadata/{}", extension(name)), fact);
        }
        for (n, byproduct) in sorted(&self.byproducts).into_iter().enumerate() {
            rows.dependency(&format!("{run}/byproducts/{n}"), byproduct);
        }
        rows.0
    }
}

/// The name of a field of ours.
fn extension(name: &str) -> String {
    format!("sealmark_{name}")
}

fn sorted(all: &[Dependency]) -> Vec<&Dependency> {
    let mut sorted: Vec<&Dependency> = all.iter().collect();
    sorted.sort_by(|a, b| a.key().cmp(&b.key()));
    // What the platform says and a collector found as well stands once.
    let mut seen = BTreeSet::new();
    sorted.retain(|one| {
        let (_, _, name, uri, digests) = one.key();
        seen.insert((name, uri, digests))
    });
    sorted
}

impl ExplainRow {
    /// The rows of one subject: its name, and each digest; `index` is its place in the written Statement.
    pub fn subject(index: usize, name: &str, digests: &[Digest], source: Source) -> Vec<Self> {
        let mut rows = Rows(Vec::new());
        let at = format!("/subject/{index}");
        rows.push(format!("{at}/name"), &Fact::word(name.to_owned(), source));
        for digest in digests {
            let backing = Backing::Recomputable;
            rows.push(format!("{at}/digest/{}", digest.algorithm()), &Fact { value: digest.hex(), source, backing });
        }
        rows.0
    }
}

/// Rows of an explanation in the making.
struct Rows(Vec<ExplainRow>);

impl Rows {
    fn push<T: ToJson>(&mut self, pointer: String, fact: &Fact<T>) {
        self.0.push(ExplainRow { pointer, value: fact.value.to_json(), source: fact.source, backing: fact.backing });
    }

    fn optional<T: ToJson>(&mut self, pointer: String, fact: Option<&Fact<T>>) {
        if let Some(fact) = fact {
            self.push(pointer, fact);
        }
    }

    fn dependency(&mut self, at: &str, dependency: &Dependency) {
        self.optional(format!("{at}/name"), dependency.name.as_ref());
        self.optional(format!("{at}/uri"), dependency.uri.as_ref());
        for fact in &dependency.digests {
            let Fact { value, source, backing } = fact;
            let pointer = format!("{at}/digest/{}", value.algorithm());
            self.push(pointer, &Fact { value: value.hex(), source: *source, backing: *backing });
        }
        self.optional(format!("{at}/mediaType"), dependency.media_type.as_ref());
        for (key, fact) in &dependency.annotations {
            self.push(format!("{at}/annotations{}", pointer([key])), fact);
        }
    }
}

/// How a fact's value stands in the predicate.
trait ToJson {
    fn to_json(&self) -> Value;
}

impl ToJson for Value {
    fn to_json(&self) -> Value {
        self.clone()
    }
}

impl ToJson for String {
    fn to_json(&self) -> Value {
        Value::String(self.clone())
    }
}

impl ToJson for Timestamp {
    fn to_json(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A JSON pointer (RFC 6901 §3) of these keys.
pub(super) fn pointer<'a>(keys: impl IntoIterator<Item = &'a String>) -> String {
    keys.into_iter().map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1"))).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_become_a_sorted_tree() {
        let mut tree = Parameters::default();
        for path in [["b", "y"], ["b", "x"], ["a", "z"]] {
            tree.insert(path, Fact::word(json!(path.concat()), Source::Sealmark));
        }
        tree.insert([], Fact::word(json!("nowhere"), Source::Sealmark));
        let text = serde_json::to_string(&tree.to_map()).unwrap();
        assert_eq!(text, r#"{"a":{"z":"az"},"b":{"x":"bx","y":"by"}}"#);
    }

    #[test]
    fn pointers_escape_keys() {
        assert_eq!(pointer(&["a/b".to_owned(), "c~d".to_owned()]), "/a~1b/c~0d");
    }

    #[test]
    fn what_a_collector_found_stands_last_and_once() {
        let dependency = |name: Option<&str>, uri: &str, source| Dependency {
            name: name.map(|name| Fact::word(name.to_owned(), Source::BuilderConstant)),
            uri: Some(Fact::word(uri.to_owned(), source)),
            digests: Vec::new(),
            media_type: None,
            annotations: BTreeMap::new(),
        };
        let all = [
            dependency(None, "git+https://a.example/a", Source::Collected("Cargo.lock")),
            dependency(Some("a"), "pkg:cargo/a@1", Source::Collected("Cargo.lock")),
            dependency(Some("submodule/x"), "git+https://b.example/x", Source::Collected("git submodules")),
            dependency(Some("submodule/x"), "git+https://b.example/x", Source::GitSubmodule),
            dependency(Some("source"), "git+https://z.example/z", Source::GitRemote),
        ];
        let uris: Vec<&str> = sorted(&all).iter().map(|one| one.uri.as_ref().unwrap().value.as_str()).collect();
        let source = "git+https://z.example/z";
        assert_eq!(uris, [source, "git+https://b.example/x", "git+https://a.example/a", "pkg:cargo/a@1"]);
    }

    #[test]
    fn a_subject_is_explained_by_name_and_digest() {
        let digest = Digest::parse(&format!("sha256:{}", "ab".repeat(32))).unwrap();
        let rows = ExplainRow::subject(3, "app", &[digest], Source::File);
        assert_eq!(rows[0].pointer, "/subject/3/name");
        assert_eq!(rows[1].pointer, "/subject/3/digest/sha256");
        let row = serde_json::to_value(&rows[1]).unwrap();
        assert_eq!(row["source"], "the file itself");
        assert_eq!(row["backing"], "whoever has the file can hash it");
    }
}
