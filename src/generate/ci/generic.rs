//! Facts that the user describes in a JSON document; `docs/platforms.md` describes it, `schemas/facts-v1.schema.json` too.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestSet;
use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::build;
use crate::generate::ci::build::SourceTold;
use crate::generate::ci::reserved;
use crate::generate::ci::topics::invalid;
use crate::generate::ci::topics::missing;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;
use crate::generate::local;
use crate::generate::local::MAX_PARAMETER_VALUE;
use crate::generate::local::MAX_PARAMETERS;
use crate::generate::local::MAX_TEXT;

/// Largest document of facts, in bytes.
pub const MAX_DOCUMENT: usize = 4 * 1024 * 1024;

/// Most dependencies in a document of facts.
pub const MAX_DEPENDENCIES: usize = 10_000;

/// Longest part of a message that repeats the document, in characters.
const MAX_DETAIL: usize = 300;

/// Deepest nesting of objects in a document's parameters, in levels.
pub const MAX_LEVELS: usize = 16;

/// A document of facts; a key that is not here is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Document {
    /// How the parameters are to be read: a URI of the user's own, with a page behind it.
    pub build_type: String,
    /// Who built: a URI of the user's own, whose page says what may be believed of it.
    pub builder_id: String,
    /// Versions of the builder's parts, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub builder_version: BTreeMap<String, String>,
    /// What the tenant controls. `source` and `parameters` are written by sealmark and may not stand here.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub external_parameters: Map<String, Value>,
    /// What the builder controls.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub internal_parameters: Map<String, Value>,
    /// What was built. What is left out is read from the checkout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<DocumentSource>,
    /// What else went into the build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<DocumentDependency>,
    /// Which run it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation_id: Option<String>,
    /// When it began: RFC 3339, in UTC, with `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_on: Option<String>,
    /// When it ended: RFC 3339, in UTC, with `Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<String>,
}

/// `source` of a document of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DocumentSource {
    /// The repository, in any spelling that git takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The ref in full.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<String>,
    /// The commit, 40 or 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// One of the `dependencies` of a document of facts: at least a `uri` or a `digest`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DocumentDependency {
    /// Tells it from the others; `source` is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where it is: an absolute URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests.
    #[serde(default, skip_serializing_if = "DigestSet::is_empty")]
    pub digest: DigestSet,
    /// What it is (RFC 6838).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What else a reader must know about it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

pub(super) fn facts(inputs: &Inputs<'_>) -> Result<BuildFacts, GenerateError> {
    let document = inputs.document.ok_or_else(|| missing("the facts", "a document, with --facts"))?;
    no_nulls(document)?;
    let document = Document::deserialize(document).map_err(|error| unreadable(&error))?;
    document.check_identity()?;
    local::check_parameters(inputs.parameters)?;
    let source = document.source(inputs)?;
    let mut external = tree(&document.external_parameters, "/externalParameters")?;
    build::insert_source(&mut external, &source);
    build::insert_parameters(&mut external, inputs);
    let mut dependencies = document.dependencies()?;
    dependencies.push(build::source_dependency(inputs, &source));
    dependencies.extend(build::submodules(inputs)?);
    let mut builder_version = build::sealmark_version(inputs);
    for (name, version) in &document.builder_version {
        text("/builderVersion", name)?;
        text("/builderVersion", version)?;
        if name == "sealmark" {
            return Err(refused("/builderVersion/sealmark", "nothing, since sealmark writes it", version));
        }
        builder_version.insert(name.clone(), stated(version.clone()));
    }
    let (started_on, finished_on) = document.times(inputs)?;
    Ok(BuildFacts {
        build_type: Fact { value: document.build_type, source: Source::Document, backing: Backing::Definition },
        builder_id: Fact { value: document.builder_id, source: Source::Document, backing: Backing::Signer },
        external_parameters: external,
        internal_parameters: tree(&document.internal_parameters, "/internalParameters")?,
        dependencies,
        builder_version,
        invocation_id: build::invocation_id(inputs, document.invocation_id.map(stated))?,
        started_on,
        finished_on,
        byproducts: Vec::new(),
        extensions: BTreeMap::new(),
    })
}

impl Document {
    /// Build type and builder are the user's own.
    fn check_identity(&self) -> Result<(), GenerateError> {
        if !local::is_type_uri(&self.builder_id) {
            return Err(GenerateError::BuilderIdInvalid { found: self.builder_id.chars().take(MAX_TEXT).collect() });
        }
        if !local::is_type_uri(&self.build_type) {
            return Err(refused("/buildType", "a URI with lower-case scheme and host", &self.build_type));
        }
        reserved::builder_id(&self.builder_id)?;
        reserved::build_type(&self.build_type)?;
        for name in ["source", "parameters"] {
            if self.external_parameters.contains_key(name) {
                let at = format!("/externalParameters/{name}");
                return Err(refused(&at, "nothing, since sealmark writes it", "a value"));
            }
        }
        Ok(())
    }

    fn source(&self, inputs: &Inputs<'_>) -> Result<build::Checkout, GenerateError> {
        if let Some(given) = inputs.overrides.builder_id.as_deref().filter(|id| *id != self.builder_id) {
            return Err(invalid("--builder-id", &format!("the document's, {:?}", self.builder_id), given.to_owned()));
        }
        let said = |field: fn(&DocumentSource) -> &Option<String>| self.source.as_ref().and_then(|s| field(s).clone());
        let fact = |value: Option<String>| value.map(stated);
        let told = SourceTold {
            uri: fact(said(|source| &source.uri)),
            git_ref: fact(said(|source| &source.git_ref)),
            commit: fact(said(|source| &source.commit)),
        };
        told.resolve(inputs)
    }

    fn dependencies(&self) -> Result<Vec<Dependency>, GenerateError> {
        if self.dependencies.len() > MAX_DEPENDENCIES {
            let expected = format!("at most {MAX_DEPENDENCIES} entries");
            return Err(refused("/dependencies", &expected, &self.dependencies.len().to_string()));
        }
        self.dependencies.iter().enumerate().map(|(n, one)| one.read(&format!("/dependencies/{n}"))).collect()
    }

    #[expect(clippy::type_complexity, reason = "two times, each with where it came from")]
    fn times(&self, inputs: &Inputs<'_>) -> Result<(Option<Fact<Timestamp>>, Option<Fact<Timestamp>>), GenerateError> {
        let read = |at: &str, value: &Option<String>| match value {
            None => Ok(None),
            // Only what is written with `Z` is UTC to every reader (in-toto attestation spec v1, "Timestamp").
            Some(text) => match text.parse::<Timestamp>() {
                Ok(time) if text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T') => Ok(Some(stated(time))),
                _ => Err(refused(at, "a time of RFC 3339 in UTC, with Z", text)),
            },
        };
        let started = read("/startedOn", &self.started_on)?;
        let finished = read("/finishedOn", &self.finished_on)?;
        let (by_clock_start, by_clock_end) = build::times(inputs)?;
        let (started, finished) = (started.or(by_clock_start), finished.or(by_clock_end));
        if let (Some(start), Some(end)) = (&started, &finished)
            && end.value < start.value
        {
            return Err(GenerateError::TimesReversed { started_on: start.value, finished_on: end.value });
        }
        Ok((started, finished))
    }
}

impl DocumentDependency {
    fn read(&self, at: &str) -> Result<Dependency, GenerateError> {
        for (field, value) in [("name", &self.name), ("uri", &self.uri), ("mediaType", &self.media_type)] {
            if let Some(value) = value {
                text(&format!("{at}/{field}"), value)?;
            }
        }
        if self.name.as_deref() == Some("source") {
            return Err(refused(&format!("{at}/name"), "another name, since the source is named so", "source"));
        }
        if let Some(uri) = self.uri.as_deref().filter(|uri| !local::is_type_uri(uri)) {
            return Err(refused(&format!("{at}/uri"), "a URI with lower-case scheme and host", uri));
        }
        if self.uri.is_none() && self.digest.is_empty() {
            return Err(refused(at, "a uri or a digest", "neither"));
        }
        let mut digests = Vec::new();
        for (name, hex) in self.digest.iter() {
            let at = format!("{at}/digest/{name}");
            let algorithm = Algorithm::from_name(name).ok_or_else(|| refused(&at, "an algorithm of in-toto", name))?;
            let digest = Digest::from_hex(algorithm, hex).map_err(|reason| refused(&at, &reason.to_string(), hex))?;
            digests.push(stated(digest));
        }
        let annotations = self.annotations.iter().map(|(key, value)| (key.clone(), stated(value.clone()))).collect();
        Ok(Dependency {
            name: self.name.clone().map(stated),
            uri: self.uri.clone().map(stated),
            digests,
            media_type: self.media_type.clone().map(stated),
            annotations,
        })
    }
}

/// What the reader says, without the text that it found: that may be a secret in the wrong place.
fn unreadable(error: &serde_json::Error) -> GenerateError {
    let detail = error.to_string();
    let detail = match detail.split_once("string \"") {
        Some((before, rest)) => {
            let after = rest.rsplit_once("\", ").map(|(_, after)| after).unwrap_or_default();
            format!("{before}text, {after}")
        }
        None => detail,
    };
    GenerateError::FactsInvalid { detail: detail.chars().take(MAX_DETAIL).collect() }
}

/// What is absent is left out: a null may be a mistake of whoever wrote the document.
fn no_nulls(document: &Value) -> Result<(), GenerateError> {
    let source = document.get("source").map(|source| ("/source".to_owned(), source));
    let dependencies = document.get("dependencies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let dependencies = dependencies.iter().enumerate().map(|(n, one)| (format!("/dependencies/{n}"), one));
    for (at, object) in [(String::new(), document)].into_iter().chain(source).chain(dependencies) {
        let fields = object.as_object().into_iter().flatten();
        if let Some((name, _)) = fields.into_iter().find(|(_, value)| value.is_null()) {
            return Err(refused(&format!("{at}/{name}"), "a value, or no such field", "null"));
        }
    }
    Ok(())
}

/// A fact that the document states.
fn stated<T>(value: T) -> Fact<T> {
    Fact::word(value, Source::Document)
}

fn refused(at: &str, expected: &str, found: &str) -> GenerateError {
    let found: String = found.chars().take(MAX_DETAIL).collect();
    GenerateError::FactsInvalid { detail: format!("{at}: expected {expected}, found {found:?}") }
}

fn text(at: &str, value: &str) -> Result<(), GenerateError> {
    if value.is_empty() || value.len() > MAX_TEXT || value.chars().any(char::is_control) {
        return Err(refused(at, &format!("text of 1 to {MAX_TEXT} bytes without control characters"), value));
    }
    Ok(())
}

/// Parameters, each leaf a fact of its own.
fn tree(object: &Map<String, Value>, at: &str) -> Result<Parameters, GenerateError> {
    let mut leaves = Vec::new();
    leaves_of(object, at, &mut Vec::new(), &mut leaves)?;
    let mut tree = Parameters::default();
    for (path, value) in leaves {
        tree.insert_at(path, stated(value));
    }
    Ok(tree)
}

fn leaves_of(
    object: &Map<String, Value>,
    at: &str,
    path: &mut Vec<String>,
    leaves: &mut Vec<(Vec<String>, Value)>,
) -> Result<(), GenerateError> {
    if path.len() >= MAX_LEVELS {
        return Err(refused(at, &format!("at most {MAX_LEVELS} levels"), "more"));
    }
    for (key, value) in object {
        text(at, key)?;
        path.push(key.clone());
        match value {
            // An empty object has no leaf and is one.
            Value::Object(inner) if !inner.is_empty() => leaves_of(inner, at, path, leaves)?,
            _ => {
                let length = value.to_string().len();
                if length > MAX_PARAMETER_VALUE {
                    let (key, limit) = (path.join("/"), MAX_PARAMETER_VALUE);
                    return Err(GenerateError::ParameterTooLong { key, limit, found: length });
                }
                leaves.push((path.clone(), value.clone()));
            }
        }
        if leaves.len() > MAX_PARAMETERS {
            return Err(GenerateError::TooManyParameters { limit: MAX_PARAMETERS });
        }
        path.pop();
    }
    Ok(())
}
