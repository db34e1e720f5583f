//! Facts about a build that somebody ran on their own machine; `docs/buildtypes/local-v1.md` describes the build type.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;
use crate::generate::git::Dirty;
use crate::generate::git::GitFacts;
use crate::generate::git::Submodule;
use crate::generate::git::normalise_remote;

/// The build type of a local build.
pub const BUILD_TYPE: &str = "https://sealmark.dev/buildtypes/local/v1";

/// The builder of a local build: whoever ran the command, on a machine of theirs. SLSA Build L1 at most.
pub const BUILDER_ID: &str = "https://sealmark.dev/builders/local/v1";

/// Most parameters in one Statement.
pub const MAX_PARAMETERS: usize = 1_000;

/// Longest parameter key, in bytes.
pub const MAX_PARAMETER_KEY: usize = 128;

/// Longest parameter value, in bytes.
pub const MAX_PARAMETER_VALUE: usize = 64 * 1024;

/// Longest ref, URI or invocation id, in bytes.
pub const MAX_TEXT: usize = 4096;

/// `externalParameters` of a local build; a key that is not here is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExternalParameters {
    /// What was built. Absent when there is neither a repository with a remote or a ref, nor an option naming one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceParameters>,
    /// What the user passed with `--param`. Absent when nothing was passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<String, String>>,
}

/// `externalParameters.source` of a local build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceParameters {
    /// The repository, `git+https://host/owner/repository`. Absent when it has no remote on a server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// `refs/tags/…` when exactly one tag points to the commit, else the branch. Absent on a detached HEAD.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
}

/// `internalParameters` of a local build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct InternalParameters {
    /// State of the checkout. Absent when the build did not run in a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub git: Option<GitParameters>,
}

/// `internalParameters.git` of a local build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GitParameters {
    /// The branch that was checked out. Absent on a detached HEAD.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Whether files differed from the commit, or untracked ones lay beside them.
    pub dirty: bool,
    /// Whether history was cut off when cloning: tags may then be missing here.
    pub shallow: bool,
    /// Every tag that points to the commit, sorted. Absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<String>>,
    /// The tree of the commit, 40 or 64 hexadecimal digits. Absent before the first commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<String>,
}

/// What the user says instead of git.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--source-uri`: the repository, in any spelling that [`normalise_remote`] takes.
    pub source_uri: Option<String>,
    /// `--source-ref`: a ref in full.
    pub source_ref: Option<String>,
    /// `--source-commit`: 40 or 64 hexadecimal digits; must be HEAD where there is one.
    pub source_commit: Option<String>,
    /// `--builder-id`: a URI of the user's own, whose page says what may be believed of it.
    pub builder_id: Option<String>,
}

/// Everything a local build can tell.
#[derive(Debug, Clone)]
pub struct LocalBuild<'a> {
    /// The checkout; `None` outside a repository.
    pub git: Option<&'a GitFacts>,
    /// What the user passed, as [`parse_parameters`] reads it.
    pub parameters: &'a BTreeMap<String, String>,
    /// Version of this program.
    pub sealmark_version: &'a str,
    /// Which run this is, when the user says so.
    pub invocation_id: Option<&'a str>,
    /// When the build began; only when the user asks for times.
    pub started_on: Option<Timestamp>,
    /// When the build ended; only when the user asks for times.
    pub finished_on: Option<Timestamp>,
    /// What the user says instead of git.
    pub overrides: &'a Overrides,
}

/// Reads `KEY=VALUE` texts; values may be empty and may hold `=`.
///
/// # Errors
/// [`GenerateError::ParameterInvalid`], [`GenerateError::ParameterDuplicate`], [`GenerateError::ParameterTooLong`],
/// [`GenerateError::TooManyParameters`].
pub fn parse_parameters<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<BTreeMap<String, String>, GenerateError> {
    let mut parameters = BTreeMap::new();
    for text in texts {
        let (key, value) =
            text.split_once('=').ok_or_else(|| GenerateError::ParameterInvalid { key: String::new() })?;
        let known = parameters.insert(key.to_owned(), value.to_owned());
        if known.is_some() {
            return Err(GenerateError::ParameterDuplicate { key: key.to_owned() });
        }
        if parameters.len() > MAX_PARAMETERS {
            return Err(GenerateError::TooManyParameters { limit: MAX_PARAMETERS });
        }
    }
    check_parameters(&parameters)?;
    Ok(parameters)
}

pub(super) fn check_parameters(parameters: &BTreeMap<String, String>) -> Result<(), GenerateError> {
    if parameters.len() > MAX_PARAMETERS {
        return Err(GenerateError::TooManyParameters { limit: MAX_PARAMETERS });
    }
    let spelt = |b: u8| b.is_ascii_alphanumeric() || b"._:/@+-".contains(&b);
    for (key, value) in parameters {
        if key.is_empty() || key.len() > MAX_PARAMETER_KEY || !key.bytes().all(spelt) {
            return Err(GenerateError::ParameterInvalid { key: key.chars().take(MAX_PARAMETER_KEY).collect() });
        }
        if value.len() > MAX_PARAMETER_VALUE {
            let (key, limit, found) = (key.clone(), MAX_PARAMETER_VALUE, value.len());
            return Err(GenerateError::ParameterTooLong { key, limit, found });
        }
    }
    Ok(())
}

/// The source of a build: which repository, which ref, which commit, as far as each is known.
struct Checkout {
    uri: Option<Fact<String>>,
    git_ref: Option<Fact<String>>,
    commit: Option<Fact<Digest>>,
}

/// The facts of a local build.
///
/// # Errors
/// Those of [`LocalBuild::facts`].
pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let build = LocalBuild {
        git: inputs.git,
        parameters: inputs.parameters,
        sealmark_version: inputs.sealmark_version,
        invocation_id: inputs.invocation_id,
        started_on: inputs.started_on,
        finished_on: inputs.finished_on,
        overrides: inputs.overrides,
    };
    build.facts()
}

impl LocalBuild<'_> {
    /// The facts of this build. What is not known is absent, never empty.
    ///
    /// # Errors
    /// Every [`GenerateError`] about sources, builder, invocation, times and parameters.
    pub fn facts(&self) -> Result<BuildFacts, GenerateError> {
        check_parameters(self.parameters)?;
        let checkout = self.checkout()?;
        Ok(BuildFacts {
            build_type: Fact {
                value: BUILD_TYPE.to_owned(),
                source: Source::BuilderConstant,
                backing: Backing::Definition,
            },
            external_parameters: self.external_parameters(&checkout),
            internal_parameters: self.internal_parameters()?,
            dependencies: self.dependencies(&checkout)?,
            builder_id: self.builder_id()?,
            builder_version: BTreeMap::from([(
                "sealmark".to_owned(),
                Fact::word(self.sealmark_version.to_owned(), Source::Sealmark),
            )]),
            invocation_id: self.checked_invocation_id()?,
            started_on: self.started_on.map(|t| Fact::word(t, Source::Option("--timestamps"))),
            finished_on: self.checked_finish()?.map(|t| Fact::word(t, Source::Option("--timestamps"))),
            byproducts: Vec::new(),
            extensions: BTreeMap::new(),
        })
    }

    fn checkout(&self) -> Result<Checkout, GenerateError> {
        let given = self.overrides;
        let uri = match &given.source_uri {
            Some(text) => Some(Fact::word(checked_uri(text)?, Source::Option("--source-uri"))),
            // Normalised once more, so that no credential passes whatever filled the facts.
            None => self
                .git
                .and_then(|g| g.remote.as_deref())
                .and_then(normalise_remote)
                .map(|uri| Fact::word(uri, Source::GitRemote)),
        };
        let head = self.git.and_then(|g| g.commit.as_deref());
        let commit = match (&given.source_commit, head) {
            (Some(given), Some(head)) if given != head => {
                let (given, head) = (given.clone(), head.to_owned());
                return Err(GenerateError::SourceCommitConflict { given, head });
            }
            (Some(given), _) => Some((given.as_str(), Source::Option("--source-commit"))),
            (None, Some(head)) => Some((head, Source::GitHead)),
            (None, None) => None,
        };
        let commit = match commit {
            Some((text, source)) => {
                let value = git_object(Algorithm::GitCommit, text)?;
                Some(Fact { value, source, backing: Backing::Repository })
            }
            None => None,
        };
        let git_ref = match &given.source_ref {
            Some(text) => Some(Fact::word(checked_ref(text)?, Source::Option("--source-ref"))),
            None => self
                .git
                .and_then(chosen_ref)
                .map(|(r, source)| checked_ref(r).map(|r| Fact::word(r, source)))
                .transpose()?,
        };
        Ok(Checkout { uri, git_ref, commit })
    }

    fn external_parameters(&self, checkout: &Checkout) -> Parameters {
        let mut tree = Parameters::default();
        if let Some(uri) = &checkout.uri {
            tree.insert(["source", "uri"], json(uri));
        }
        if let Some(git_ref) = &checkout.git_ref {
            tree.insert(["source", "ref"], json(git_ref));
        }
        for (key, value) in self.parameters {
            tree.insert(["parameters", key], Fact::word(Value::from(value.as_str()), Source::Option("--param")));
        }
        tree
    }

    fn internal_parameters(&self) -> Result<Parameters, GenerateError> {
        let mut tree = Parameters::default();
        let Some(git) = self.git else { return Ok(tree) };
        let dirty = git.dirty != Dirty::Clean;
        tree.insert(["git", "dirty"], Fact::word(Value::from(dirty), Source::GitStatus));
        tree.insert(["git", "shallow"], Fact::word(Value::from(git.shallow), Source::GitRepository));
        if let Some(branch) = &git.branch {
            tree.insert(["git", "branch"], Fact::word(Value::from(checked_ref(branch)?), Source::GitHead));
        }
        if !git.tags.is_empty() {
            let mut tags = git.tags.iter().map(|t| checked_ref(t)).collect::<Result<Vec<_>, _>>()?;
            tags.sort();
            tags.dedup();
            tree.insert(["git", "tags"], Fact::word(Value::from(tags), Source::GitTags));
        }
        if let Some(tree_name) = &git.tree {
            let value = Value::from(git_object(Algorithm::GitTree, tree_name)?.hex());
            tree.insert(["git", "tree"], Fact { value, source: Source::GitHead, backing: Backing::Repository });
        }
        Ok(tree)
    }

    fn dependencies(&self, checkout: &Checkout) -> Result<Vec<Dependency>, GenerateError> {
        let mut dependencies = Vec::new();
        // A branch without a commit, or a remote alone, is no artifact that the build could have taken in.
        if let Some(commit) = &checkout.commit {
            let mut annotations = BTreeMap::new();
            if self.git.is_some_and(|g| g.dirty != Dirty::Clean) {
                annotations.insert("dirty".to_owned(), Fact::word(Value::from(true), Source::GitStatus));
            }
            dependencies.push(Dependency {
                name: Some(Fact::word("source".to_owned(), Source::BuilderConstant)),
                uri: checkout.uri.as_ref().map(|uri| with_ref(uri, checkout.git_ref.as_ref())),
                digests: vec![commit.clone()],
                media_type: None,
                annotations,
            });
        }
        for submodule in self.git.map(|g| g.submodules.as_slice()).unwrap_or_default() {
            dependencies.extend(submodule_dependency(submodule)?);
        }
        Ok(dependencies)
    }

    fn builder_id(&self) -> Result<Fact<String>, GenerateError> {
        let (value, source) = match &self.overrides.builder_id {
            Some(id) if is_type_uri(id) => (id.clone(), Source::Option("--builder-id")),
            Some(id) => return Err(GenerateError::BuilderIdInvalid { found: id.clone() }),
            None => (BUILDER_ID.to_owned(), Source::BuilderConstant),
        };
        Ok(Fact { value, source, backing: Backing::Signer })
    }

    fn checked_invocation_id(&self) -> Result<Option<Fact<String>>, GenerateError> {
        let Some(id) = self.invocation_id else { return Ok(None) };
        if id.is_empty() || id.len() > MAX_TEXT || id.chars().any(char::is_control) {
            return Err(GenerateError::InvocationIdInvalid { limit: MAX_TEXT, found: id.len() });
        }
        Ok(Some(Fact::word(id.to_owned(), Source::Option("--invocation-id"))))
    }

    fn checked_finish(&self) -> Result<Option<Timestamp>, GenerateError> {
        match (self.started_on, self.finished_on) {
            (Some(started_on), Some(finished_on)) if finished_on < started_on => {
                Err(GenerateError::TimesReversed { started_on, finished_on })
            }
            (_, finished_on) => Ok(finished_on),
        }
    }
}

/// The one tag, else the branch; nothing before the first commit, when the branch does not exist yet.
fn chosen_ref(git: &GitFacts) -> Option<(&str, Source)> {
    git.commit.as_ref()?;
    match git.tags.as_slice() {
        [tag] => Some((tag, Source::GitTags)),
        _ => git.branch.as_deref().map(|branch| (branch, Source::GitHead)),
    }
}

pub(super) fn submodule_dependency(submodule: &Submodule) -> Result<Option<Dependency>, GenerateError> {
    let fact = |value: String| Fact::word(value, Source::GitSubmodule);
    let uri = submodule.uri.as_deref().and_then(normalise_remote).map(fact);
    let digests = match &submodule.commit {
        Some(text) => {
            let value = git_object(Algorithm::GitCommit, text)?;
            vec![Fact { value, source: Source::GitSubmodule, backing: Backing::Repository }]
        }
        None => Vec::new(),
    };
    if uri.is_none() && digests.is_empty() {
        return Ok(None);
    }
    let name = Some(fact(format!("submodule/{}", submodule.path)));
    Ok(Some(Dependency { name, uri, digests, media_type: None, annotations: BTreeMap::new() }))
}

fn json(fact: &Fact<String>) -> Fact<Value> {
    Fact { value: Value::from(fact.value.as_str()), source: fact.source, backing: fact.backing }
}

pub(super) fn with_ref(uri: &Fact<String>, git_ref: Option<&Fact<String>>) -> Fact<String> {
    let value = match git_ref {
        Some(git_ref) => format!("{}@{}", uri.value, git_ref.value),
        None => uri.value.clone(),
    };
    Fact { value, ..uri.clone() }
}

pub(super) fn checked_uri(text: &str) -> Result<String, GenerateError> {
    // What stands before an `@` may be a password; it is not repeated.
    let shown = || text.rsplit_once('@').map_or(text, |(_, rest)| rest).to_owned();
    normalise_remote(text).ok_or_else(|| GenerateError::SourceUriInvalid { found: shown() })
}

/// The rules of git-check-ref-format(1) that matter in a URI, and a full name.
pub(super) fn checked_ref(text: &str) -> Result<String, GenerateError> {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "~^:?*[\\".contains(c);
    let ends = text.ends_with(['/', '.']);
    let holds = ["..", "@{", "//"].iter().any(|part| text.contains(part));
    let full = text.strip_prefix("refs/").is_some_and(|rest| !rest.is_empty());
    if !full || text.len() > MAX_TEXT || ends || holds || text.chars().any(odd) {
        return Err(GenerateError::SourceRefInvalid { found: text.chars().take(MAX_TEXT).collect() });
    }
    Ok(text.to_owned())
}

pub(super) fn git_object(algorithm: Algorithm, text: &str) -> Result<Digest, GenerateError> {
    Digest::from_hex(algorithm, text)
        .map_err(|reason| GenerateError::GitObjectInvalid { found: text.chars().take(MAX_TEXT).collect(), reason })
}

/// An absolute URI with lower-case scheme and authority (in-toto attestation spec v1, "TypeURI").
pub(super) fn is_type_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b);
    let authority = rest.strip_prefix("//").map(|r| r.split(['/', '?', '#']).next().unwrap_or_default());
    scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(letter)
        && !rest.is_empty()
        && text.len() <= MAX_TEXT
        && text.bytes().all(|b| b.is_ascii_graphic())
        && authority.is_none_or(|a| !a.is_empty() && !a.contains('@') && !a.bytes().any(|b| b.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::formats::provenance::v1::ProvenanceV1;

    const COMMIT: &str = "8d3f0c5b7a1e4f2d9c6b8a7f5e3d1c0b9a8f7e6d";
    const TREE: &str = "1111111111111111111111111111111111111111";

    fn git() -> GitFacts {
        GitFacts {
            commit: Some(COMMIT.to_owned()),
            tree: Some(TREE.to_owned()),
            branch: Some("refs/heads/main".to_owned()),
            tags: vec!["refs/tags/v1.2.3".to_owned()],
            remote: Some("git+https://git.example.com/acme/app".to_owned()),
            dirty: Dirty::Clean,
            shallow: false,
            submodules: vec![],
        }
    }

    struct Input {
        git: Option<GitFacts>,
        parameters: BTreeMap<String, String>,
        overrides: Overrides,
        invocation_id: Option<&'static str>,
        times: [Option<&'static str>; 2],
    }

    impl Input {
        fn of(git: Option<GitFacts>) -> Self {
            let (parameters, overrides) = (BTreeMap::new(), Overrides::default());
            Self { git, parameters, overrides, invocation_id: None, times: [None, None] }
        }

        fn facts(&self) -> Result<BuildFacts, GenerateError> {
            let [started_on, finished_on] = self.times.map(|t| t.map(|t| t.parse().unwrap()));
            LocalBuild {
                git: self.git.as_ref(),
                parameters: &self.parameters,
                sealmark_version: "0.1.0",
                invocation_id: self.invocation_id,
                started_on,
                finished_on,
                overrides: &self.overrides,
            }
            .facts()
        }

        fn predicate(&self) -> Value {
            serde_json::to_value(self.facts().unwrap().predicate()).unwrap()
        }

        fn code(&self) -> &'static str {
            self.facts().map_or_else(|e| e.code(), |_| "ok")
        }
    }

    fn full() -> Input {
        let mut git = git();
        git.dirty = Dirty::Changed { paths: 2 };
        git.submodules = vec![Submodule {
            path: "vendor/lib".to_owned(),
            uri: Some("git+https://git.example.com/acme/lib".to_owned()),
            commit: Some("22".repeat(20)),
        }];
        let mut input = Input::of(Some(git));
        input.parameters = parse_parameters(["profile=release", "a/b-c=x=y", "empty="]).unwrap();
        input.invocation_id = Some("run-1");
        input.times = [Some("2026-10-04T11:32:07Z"), Some("2026-10-04T13:32:08.5+02:00")];
        input
    }

    #[test]
    fn a_full_build_is_stated_like_this() {
        let expected = json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {
                    "parameters": {"a/b-c": "x=y", "empty": "", "profile": "release"},
                    "source": {"ref": "refs/tags/v1.2.3", "uri": "git+https://git.example.com/acme/app"},
                },
                "internalParameters": {"git": {
                    "branch": "refs/heads/main", "dirty": true, "shallow": false, "tags": ["refs/tags/v1.2.3"], "tree": TREE,
                }},
                "resolvedDependencies": [
                    {
                        "name": "source",
                        "uri": "git+https://git.example.com/acme/app@refs/tags/v1.2.3",
                        "digest": {"gitCommit": COMMIT},
                        "annotations": {"dirty": true},
                    },
                    {
                        "name": "submodule/vendor/lib",
                        "uri": "git+https://git.example.com/acme/lib",
                        "digest": {"gitCommit": "22".repeat(20)},
                    },
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER_ID, "version": {"sealmark": "0.1.0"}},
                "metadata": {
                    "invocationId": "run-1", "startedOn": "2026-10-04T11:32:07Z", "finishedOn": "2026-10-04T11:32:08.5Z",
                },
            },
        });
        // As text, so that the order of the keys counts too.
        let text = |v: &Value| serde_json::to_string_pretty(v).unwrap();
        assert_eq!(text(&full().predicate()), text(&expected));
    }

    /// JSON pointers of everything that is neither an object with content nor an array.
    fn leaves(value: &Value, at: String, out: &mut BTreeSet<(String, String)>) {
        match value {
            Value::Object(o) => o.iter().for_each(|(k, v)| {
                leaves(v, format!("{at}/{}", k.replace('~', "~0").replace('/', "~1")), out);
            }),
            Value::Array(a) if !at.ends_with("/tags") => {
                a.iter().enumerate().for_each(|(n, v)| leaves(v, format!("{at}/{n}"), out));
            }
            leaf => drop(out.insert((at, leaf.to_string()))),
        }
    }

    #[test]
    fn every_field_is_explained_and_nothing_else() {
        let mut bare = git();
        (bare.tags, bare.branch, bare.remote) = (vec![], None, None);
        for input in [full(), Input::of(None), Input::of(Some(git())), Input::of(Some(bare))] {
            let statement = json!({"predicate": input.predicate()});
            let mut expected = BTreeSet::new();
            leaves(&statement, String::new(), &mut expected);
            let rows = input.facts().unwrap().explain();
            let explained: BTreeSet<_> = rows.iter().map(|r| (r.pointer.clone(), r.value.to_string())).collect();
            assert_eq!(explained, expected);
            assert_eq!(rows.len(), expected.len());
            assert!(rows.iter().all(|r| statement.pointer(&r.pointer) == Some(&r.value)));
        }
    }

    #[test]
    fn a_row_says_where_its_value_came_from() {
        let rows = full().facts().unwrap().explain();
        let row = |pointer: &str| {
            let row = rows.iter().find(|r| r.pointer.ends_with(pointer)).unwrap();
            (row.source.to_string(), row.backing)
        };
        assert_eq!(row("/buildType"), ("constant of the builder".to_owned(), Backing::Definition));
        assert_eq!(row("/externalParameters/source/uri"), ("git remote".to_owned(), Backing::BuilderWord));
        assert_eq!(row("/externalParameters/source/ref"), ("git tags at HEAD".to_owned(), Backing::BuilderWord));
        assert_eq!(row("/parameters/profile"), ("--param".to_owned(), Backing::BuilderWord));
        assert_eq!(row("/0/digest/gitCommit"), ("git HEAD".to_owned(), Backing::Repository));
        assert_eq!(row("/git/dirty"), ("git status".to_owned(), Backing::BuilderWord));
        assert_eq!(row("/builder/id"), ("constant of the builder".to_owned(), Backing::Signer));
        assert_eq!(row("/startedOn"), ("--timestamps".to_owned(), Backing::BuilderWord));
    }

    #[test]
    fn the_declared_types_read_what_is_written() {
        for input in [full(), Input::of(None), Input::of(Some(git()))] {
            let ProvenanceV1 { build_definition, .. } = input.facts().unwrap().predicate();
            let external = Value::Object(build_definition.external_parameters);
            let read: ExternalParameters = serde_json::from_value(external.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), external);
            let internal = Value::Object(build_definition.internal_parameters);
            let read: InternalParameters = serde_json::from_value(internal.clone()).unwrap();
            assert_eq!(serde_json::to_value(read).unwrap(), internal);
        }
        assert!(serde_json::from_value::<ExternalParameters>(json!({"sauce": {}})).is_err());
    }

    #[test]
    fn the_tag_is_the_ref_only_when_there_is_one() {
        let chosen = |tags: &[&str], branch: Option<&str>| {
            let mut git = git();
            git.tags = tags.iter().map(|&t| t.to_owned()).collect();
            git.branch = branch.map(str::to_owned);
            let predicate = Input::of(Some(git)).predicate();
            predicate.pointer("/buildDefinition/externalParameters/source/ref").cloned()
        };
        assert_eq!(chosen(&["refs/tags/v1"], Some("refs/heads/main")), Some(json!("refs/tags/v1")));
        assert_eq!(chosen(&["refs/tags/v1", "refs/tags/v2"], Some("refs/heads/main")), Some(json!("refs/heads/main")));
        assert_eq!(chosen(&[], Some("refs/heads/main")), Some(json!("refs/heads/main")));
        assert_eq!(chosen(&["refs/tags/v1"], None), Some(json!("refs/tags/v1")));
        assert_eq!(chosen(&[], None), None);
        assert_eq!(chosen(&["refs/tags/v1", "refs/tags/v2"], None), None);
    }

    #[test]
    fn a_dirty_tree_shows_in_both_places() {
        let dirty = |dirty: Dirty| {
            let mut git = git();
            git.dirty = dirty;
            let predicate = Input::of(Some(git)).predicate();
            let at = |pointer: &str| predicate.pointer(pointer).cloned();
            let annotation = at("/buildDefinition/resolvedDependencies/0/annotations/dirty");
            (at("/buildDefinition/internalParameters/git/dirty"), annotation)
        };
        assert_eq!(dirty(Dirty::Clean), (Some(json!(false)), None));
        assert_eq!(dirty(Dirty::Changed { paths: 1 }), (Some(json!(true)), Some(json!(true))));
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let nothing = Input::of(None).predicate();
        assert_eq!(nothing.pointer("/buildDefinition/externalParameters"), Some(&json!({})));
        let definition = nothing["buildDefinition"].as_object().unwrap();
        assert_eq!(definition.keys().collect::<Vec<_>>(), ["buildType", "externalParameters"]);
        assert_eq!(nothing["runDetails"].as_object().unwrap().keys().collect::<Vec<_>>(), ["builder"]);

        let mut unborn = git();
        (unborn.commit, unborn.tree, unborn.tags) = (None, None, vec![]);
        unborn.dirty = Dirty::Changed { paths: 1 };
        let predicate = Input::of(Some(unborn)).predicate();
        let definition = &predicate["buildDefinition"];
        assert_eq!(
            definition["externalParameters"],
            json!({"source": {"uri": "git+https://git.example.com/acme/app"}})
        );
        assert!(definition.get("resolvedDependencies").is_none());
        assert!(definition.pointer("/internalParameters/git/tree").is_none());

        let mut lonely = git();
        (lonely.remote, lonely.shallow) = (None, true);
        let predicate = Input::of(Some(lonely)).predicate();
        let dependency = &predicate["buildDefinition"]["resolvedDependencies"][0];
        assert_eq!(*dependency, json!({"name": "source", "digest": {"gitCommit": COMMIT}}));
        assert_eq!(predicate.pointer("/buildDefinition/internalParameters/git/shallow"), Some(&json!(true)));
    }

    #[test]
    fn no_credential_and_no_local_path_passes() {
        let mut leaky = git();
        leaky.remote = Some("https://me:hunter2@git.example.com/acme/app.git".to_owned());
        leaky.submodules = vec![
            Submodule { path: "a".to_owned(), uri: Some("https://hunter2@h.example/a".to_owned()), commit: None },
            Submodule { path: "b".to_owned(), uri: Some("/home/hunter2/b".to_owned()), commit: None },
        ];
        let text = Input::of(Some(leaky)).predicate().to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("git+https://git.example.com/acme/app@refs/tags/v1.2.3"));
        assert!(text.contains("submodule/a") && !text.contains("submodule/b"));
        let mut input = Input::of(None);
        input.overrides.source_uri = Some("https://me:hunter2@host:bad/acme".to_owned());
        let error = input.facts().unwrap_err();
        assert_eq!(error.code(), "source-uri-invalid");
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn overrides_replace_what_git_says_and_are_named() {
        let mut input = Input::of(Some(git()));
        input.overrides = Overrides {
            source_uri: Some("https://mirror.example.com/acme/app.git".to_owned()),
            source_ref: Some("refs/heads/release".to_owned()),
            source_commit: Some(COMMIT.to_owned()),
            builder_id: Some("https://acme.example/builders/laptop".to_owned()),
        };
        let facts = input.facts().unwrap();
        assert_eq!(facts.builder_id.source, Source::Option("--builder-id"));
        assert_eq!(facts.dependencies[0].digests[0].source, Source::Option("--source-commit"));
        let uri = facts.dependencies[0].uri.as_ref().unwrap();
        assert_eq!(uri.value, "git+https://mirror.example.com/acme/app@refs/heads/release");
        assert_eq!(uri.source, Source::Option("--source-uri"));
    }

    #[test]
    fn bad_overrides_are_refused_by_code() {
        let code = |change: fn(&mut Overrides)| {
            let mut input = Input::of(Some(git()));
            change(&mut input.overrides);
            input.code()
        };
        assert_eq!(code(|o| o.source_uri = Some("/home/me/app".to_owned())), "source-uri-invalid");
        assert_eq!(code(|o| o.source_uri = Some(String::new())), "source-uri-invalid");
        for bad in ["main", "refs/", "refs/heads/a b", "refs/heads/a..b", "refs/heads/", "refs/heads/a\n", ""] {
            let mut input = Input::of(Some(git()));
            input.overrides.source_ref = Some(bad.to_owned());
            assert_eq!(input.code(), "source-ref-invalid", "{bad:?}");
        }
        assert_eq!(code(|o| o.source_ref = Some("refs/tags/@acme/app@1.0".to_owned())), "ok");
        assert_eq!(code(|o| o.source_commit = Some("33".repeat(20))), "source-commit-conflict");
        for bad in
            ["https://", "acme", "HTTPS://acme.example", "https://ACME.example", "https://a@b/", "https://a b/", ""]
        {
            let mut input = Input::of(None);
            input.overrides.builder_id = Some(bad.to_owned());
            assert_eq!(input.code(), "builder-id-invalid", "{bad:?}");
        }
        let mut input = Input::of(None);
        input.overrides.source_commit = Some("abc".to_owned());
        assert_eq!(input.code(), "git-object-invalid");
        input.overrides.source_commit = Some("ab".repeat(32));
        assert_eq!(input.code(), "ok");
    }

    #[test]
    fn bad_facts_are_refused_by_code() {
        let code = |change: fn(&mut GitFacts)| {
            let mut facts = git();
            change(&mut facts);
            Input::of(Some(facts)).code()
        };
        assert_eq!(code(|g| g.commit = Some("HEAD".to_owned())), "git-object-invalid");
        assert_eq!(code(|g| g.tree = Some("00".to_owned())), "git-object-invalid");
        assert_eq!(code(|g| g.branch = Some("main".to_owned())), "source-ref-invalid");
        assert_eq!(code(|g| g.tags = vec!["v1".to_owned(), "v2".to_owned()]), "source-ref-invalid");
        let mut input = Input::of(None);
        input.invocation_id = Some("");
        assert_eq!(input.code(), "invocation-id-invalid");
        input.invocation_id = None;
        input.times = [Some("2026-10-04T11:32:08Z"), Some("2026-10-04T11:32:07Z")];
        assert_eq!(input.code(), "times-reversed");
    }

    #[test]
    fn parameters_are_key_value_once() {
        let code = |texts: &[&str]| parse_parameters(texts.iter().copied()).map_or_else(|e| e.code(), |_| "ok");
        assert_eq!(code(&["a=1", "b=", "c:d/e@f+g-h=x y"]), "ok");
        for bad in ["a", "=1", "a b=1", "ä=1", ""] {
            assert_eq!(code(&[bad]), "parameter-invalid", "{bad:?}");
        }
        assert_eq!(code(&["a=1", "a=1"]), "parameter-duplicate");
        assert_eq!(code(&[&format!("{}=", "k".repeat(MAX_PARAMETER_KEY + 1))]), "parameter-invalid");
        assert_eq!(code(&[&format!("k={}", "v".repeat(MAX_PARAMETER_VALUE + 1))]), "parameter-too-long");
        let many: Vec<String> = (0..=MAX_PARAMETERS).map(|n| format!("k{n}=")).collect();
        assert_eq!(code(&many.iter().map(String::as_str).collect::<Vec<_>>()), "too-many-parameters");
        let error = parse_parameters(["hunter2"]).unwrap_err();
        assert!(!error.to_string().contains("hunter2"));
    }
}
