//! Facts of a build on any platform, put together from what the platform says, the user's options and the checkout.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::GenerateError;
use crate::generate::ci::Inputs;
use crate::generate::ci::reserved;
use crate::generate::ci::topics::Place;
use crate::generate::ci::topics::Told;
use crate::generate::ci::topics::invalid;
use crate::generate::ci::topics::missing;
use crate::generate::facts::Backing;
use crate::generate::facts::BuildFacts;
use crate::generate::facts::Dependency;
use crate::generate::facts::Fact;
use crate::generate::facts::Parameters;
use crate::generate::facts::Source;
use crate::generate::git::Dirty;
use crate::generate::git::normalise_remote;
use crate::generate::local;
use crate::generate::local::MAX_PARAMETER_KEY;
use crate::generate::local::MAX_PARAMETER_VALUE;
use crate::generate::local::MAX_PARAMETERS;
use crate::generate::local::MAX_TEXT;

/// The variable in which a job lists the variables of its own whose values belong to the parameters: names, with commas.
pub const VARIABLES: &str = "SEALMARK_VARIABLES";

/// The source of a build.
#[derive(Debug, Clone)]
pub(super) struct Checkout {
    /// The repository, as [`normalise_remote`] spells it.
    pub(super) uri: Fact<String>,
    /// The ref in full.
    pub(super) git_ref: Option<Fact<String>>,
    /// The commit.
    pub(super) commit: Fact<Digest>,
}

/// What a platform says about the source; the options and the checkout fill in what it leaves out.
#[derive(Debug, Clone, Default)]
pub(super) struct SourceTold {
    pub(super) uri: Option<Fact<String>>,
    pub(super) git_ref: Option<Fact<String>>,
    pub(super) commit: Option<Fact<String>>,
}

impl SourceTold {
    /// The source. An option may repeat what the platform says, or say what it leaves out; it may not contradict it. What
    /// neither says is read from the checkout. The commit must be the one that is checked out.
    ///
    /// # Errors
    /// `source-uri-invalid`, `source-ref-invalid`, `git-object-invalid`, `source-commit-conflict`,
    /// `platform-fact-missing`, `platform-fact-invalid`.
    pub(super) fn resolve(self, inputs: &Inputs<'_>) -> Result<Checkout, GenerateError> {
        let given = inputs.overrides;
        let git = inputs.git;
        let uri =
            self.uri.map(|fact| local::checked_uri(&fact.value).map(|value| Fact { value, ..fact })).transpose()?;
        let uri_given = given.source_uri.as_deref().map(local::checked_uri).transpose()?;
        let uri = option("--source-uri", uri, uri_given)?;
        let remote = || git.and_then(|git| git.remote.as_deref()).and_then(normalise_remote);
        let uri = uri.or_else(|| remote().map(|uri| Fact::word(uri, Source::GitRemote)));
        let uri = uri.ok_or_else(|| missing("the source repository", "the environment, or --source-uri"))?;

        let git_ref =
            self.git_ref.map(|fact| local::checked_ref(&fact.value).map(|value| Fact { value, ..fact })).transpose()?;
        let ref_given = given.source_ref.as_deref().map(local::checked_ref).transpose()?;
        let git_ref = option("--source-ref", git_ref, ref_given)?;

        let commit = option("--source-commit", self.commit, given.source_commit.clone())?;
        let head = git.and_then(|git| git.commit.as_deref());
        let commit = match (commit, head) {
            (Some(commit), Some(head)) if commit.value != head => {
                return Err(GenerateError::SourceCommitConflict { given: commit.value, head: head.to_owned() });
            }
            (Some(commit), _) => commit,
            (None, Some(head)) => {
                Fact { value: head.to_owned(), source: Source::GitHead, backing: Backing::Repository }
            }
            (None, None) => return Err(missing("the source commit", "the environment, or --source-commit")),
        };
        let value = local::git_object(Algorithm::GitCommit, &commit.value)?;
        Ok(Checkout { uri, git_ref, commit: Fact { value, source: commit.source, backing: commit.backing } })
    }
}

/// What the platform says, or, where it says nothing, what the user does.
fn option(
    name: &'static str,
    told: Option<Fact<String>>,
    given: Option<String>,
) -> Result<Option<Fact<String>>, GenerateError> {
    match (told, given) {
        (Some(told), Some(given)) if told.value != given => {
            Err(invalid(name, &format!("what the platform says, {:?}", told.value), given))
        }
        (Some(told), _) => Ok(Some(told)),
        (None, Some(given)) => Ok(Some(Fact::word(given, Source::Option(name)))),
        (None, None) => Ok(None),
    }
}

/// Who built: the name that the certificate will bear where there is a token. Otherwise an id of ours for the platform,
/// or the user's own: without a token nothing shows that the platform itself speaks.
///
/// # Errors
/// `builder-id-invalid`, `facts-reserved`, `platform-fact-invalid`.
pub(super) fn builder(
    inputs: &Inputs<'_>,
    certified: Option<Fact<String>>,
    own: &'static str,
) -> Result<Fact<String>, GenerateError> {
    let given = inputs.overrides.builder_id.clone();
    if let Some(id) = given.as_deref() {
        if !local::is_type_uri(id) {
            return Err(GenerateError::BuilderIdInvalid { found: id.to_owned() });
        }
        if certified.is_none() && id != own {
            reserved::builder_id(id)?;
        }
    }
    if let Some(certified) = certified.as_ref().filter(|fact| !local::is_type_uri(&fact.value)) {
        return Err(GenerateError::BuilderIdInvalid { found: certified.value.clone() });
    }
    let chosen = option("--builder-id", certified, given)?;
    Ok(match chosen {
        Some(fact) if fact.backing == Backing::Certificate => fact,
        Some(fact) => Fact { backing: Backing::Signer, ..fact },
        None => Fact { value: own.to_owned(), source: Source::BuilderConstant, backing: Backing::Signer },
    })
}

/// A build on a platform, read.
pub(super) struct Build<'a, 'i> {
    pub(super) inputs: &'a Inputs<'i>,
    /// Key of the platform in `internalParameters`.
    pub(super) platform: &'static str,
    pub(super) build_type: &'static str,
    pub(super) builder_id: Fact<String>,
    pub(super) source: Checkout,
    pub(super) told: Told,
    pub(super) invocation_id: Fact<String>,
    /// Versions of the platform's parts, by the topic that says them.
    pub(super) versions: &'static [&'static str],
    /// What else went into the build.
    pub(super) dependencies: Vec<Dependency>,
}

impl Build<'_, '_> {
    /// The facts.
    ///
    /// # Errors
    /// Every [`GenerateError`] about invocation, times, parameters and submodules.
    pub(super) fn facts(self) -> Result<BuildFacts, GenerateError> {
        local::check_parameters(self.inputs.parameters)?;
        let mut external = Parameters::default();
        insert_source(&mut external, &self.source);
        for (name, fact) in self.told.at(Place::Pipeline) {
            external.insert(["pipeline", name], json(fact));
        }
        for (name, fact) in variables(self.inputs)? {
            external.insert(["variables", &name], json(&fact));
        }
        insert_parameters(&mut external, self.inputs);
        let mut internal = Parameters::default();
        for (name, fact) in self.told.at(Place::Platform) {
            internal.insert([self.platform, name], json(fact));
        }
        let mut dependencies = self.dependencies;
        dependencies.push(source_dependency(self.inputs, &self.source));
        dependencies.extend(submodules(self.inputs)?);
        let mut builder_version = sealmark_version(self.inputs);
        for name in self.versions {
            if let Some(fact) = self.told.get(name) {
                builder_version.insert((*name).to_owned(), fact.clone());
            }
        }
        let (started_on, finished_on) = times(self.inputs)?;
        Ok(BuildFacts {
            build_type: Fact {
                value: self.build_type.to_owned(),
                source: Source::BuilderConstant,
                backing: Backing::Definition,
            },
            external_parameters: external,
            internal_parameters: internal,
            dependencies,
            builder_id: self.builder_id,
            builder_version,
            invocation_id: invocation_id(self.inputs, Some(self.invocation_id))?,
            started_on,
            finished_on,
            byproducts: Vec::new(),
            extensions: BTreeMap::new(),
        })
    }
}

pub(super) fn insert_source(external: &mut Parameters, source: &Checkout) {
    external.insert(["source", "uri"], json(&source.uri));
    if let Some(git_ref) = &source.git_ref {
        external.insert(["source", "ref"], json(git_ref));
    }
}

pub(super) fn insert_parameters(external: &mut Parameters, inputs: &Inputs<'_>) {
    for (key, value) in inputs.parameters {
        external.insert(["parameters", key], Fact::word(Value::from(value.as_str()), Source::Option("--param")));
    }
}

/// The variables that the job itself names in [`VARIABLES`]. One that is named and not set is absent.
fn variables(inputs: &Inputs<'_>) -> Result<Vec<(String, Fact<String>)>, GenerateError> {
    let Some(list) = inputs.environment.get(VARIABLES) else { return Ok(Vec::new()) };
    let mut found = BTreeMap::new();
    for name in list.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let spelt = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.len() > MAX_PARAMETER_KEY || !name.bytes().all(spelt) {
            let found = name.chars().take(MAX_PARAMETER_KEY).collect();
            return Err(invalid(VARIABLES, "names of variables with commas between", found));
        }
        let Some(value) = inputs.environment.get(name) else { continue };
        if value.len() > MAX_PARAMETER_VALUE {
            let (key, limit, found) = (name.to_owned(), MAX_PARAMETER_VALUE, value.len());
            return Err(GenerateError::ParameterTooLong { key, limit, found });
        }
        found.insert(name.to_owned(), Fact::variable(value.to_owned(), VARIABLES));
        if found.len() > MAX_PARAMETERS {
            return Err(GenerateError::TooManyParameters { limit: MAX_PARAMETERS });
        }
    }
    Ok(found.into_iter().collect())
}

pub(super) fn source_dependency(inputs: &Inputs<'_>, source: &Checkout) -> Dependency {
    let mut annotations = BTreeMap::new();
    if inputs.git.is_some_and(|git| git.dirty != Dirty::Clean) {
        annotations.insert("dirty".to_owned(), Fact::word(Value::from(true), Source::GitStatus));
    }
    Dependency {
        name: Some(Fact::word("source".to_owned(), Source::BuilderConstant)),
        uri: Some(local::with_ref(&source.uri, source.git_ref.as_ref())),
        digests: vec![source.commit.clone()],
        media_type: None,
        annotations,
    }
}

pub(super) fn submodules(inputs: &Inputs<'_>) -> Result<Vec<Dependency>, GenerateError> {
    let all = inputs.git.map(|git| git.submodules.as_slice()).unwrap_or_default();
    Ok(all.iter().map(local::submodule_dependency).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

pub(super) fn sealmark_version(inputs: &Inputs<'_>) -> BTreeMap<String, Fact<String>> {
    BTreeMap::from([("sealmark".to_owned(), Fact::word(inputs.sealmark_version.to_owned(), Source::Sealmark))])
}

/// Which run it was: what the platform says; `--invocation-id` may repeat it, or say it where the platform does not.
///
/// # Errors
/// `invocation-id-invalid`, `platform-fact-invalid`.
pub(super) fn invocation_id(
    inputs: &Inputs<'_>,
    told: Option<Fact<String>>,
) -> Result<Option<Fact<String>>, GenerateError> {
    let found = option("--invocation-id", told, inputs.invocation_id.map(str::to_owned))?;
    match &found {
        Some(id) if id.value.is_empty() || id.value.len() > MAX_TEXT || id.value.chars().any(char::is_control) => {
            Err(GenerateError::InvocationIdInvalid { limit: MAX_TEXT, found: id.value.len() })
        }
        _ => Ok(found),
    }
}

/// When it began and ended; only when the user asks for times.
#[expect(clippy::type_complexity, reason = "two times, each with where it came from")]
pub(super) fn times(inputs: &Inputs<'_>) -> Result<(Option<Fact<Timestamp>>, Option<Fact<Timestamp>>), GenerateError> {
    if let (Some(started_on), Some(finished_on)) = (inputs.started_on, inputs.finished_on)
        && finished_on < started_on
    {
        return Err(GenerateError::TimesReversed { started_on, finished_on });
    }
    let fact = |time: Timestamp| Fact::word(time, Source::Option("--timestamps"));
    Ok((inputs.started_on.map(fact), inputs.finished_on.map(fact)))
}

pub(super) fn json(fact: &Fact<String>) -> Fact<Value> {
    Fact { value: Value::from(fact.value.as_str()), source: fact.source, backing: fact.backing }
}

/// The address of a page: absolute, of the web, without credentials.
///
/// # Errors
/// `platform-fact-invalid`.
pub(super) fn checked_url(what: &str, text: &str) -> Result<(), GenerateError> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let authority = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let plain = text.len() <= MAX_TEXT && text.bytes().all(|b| b.is_ascii_graphic());
    match authority {
        Some(authority) if plain && !authority.is_empty() && !authority.contains('@') => Ok(()),
        // What stands before an `@` may be a password; it is not repeated.
        _ => {
            let found = text.rsplit_once('@').map_or(text, |(_, rest)| rest);
            Err(invalid(
                what,
                "an absolute https or http URL without credentials",
                found.chars().take(MAX_TEXT).collect(),
            ))
        }
    }
}

/// A part of a URL's path: what RFC 3986 does not let stand there is escaped.
pub(super) fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|d| char::from_digit(d.into(), 16).unwrap_or('0'));
            out.extend(['%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]);
        }
    }
    out
}
