//! What a platform says about a job, topic by topic: by which claim of its token, by which variable of the environment.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::formats::json;
use crate::formats::jwt::TokenClaims;
use crate::generate::GenerateError;
use crate::generate::ci::Environment;
use crate::generate::ci::Inputs;
use crate::generate::facts::Backing;
use crate::generate::facts::Fact;
use crate::generate::facts::Source;
use crate::generate::local::MAX_TEXT;

/// One thing that a platform says about a job.
#[derive(Debug, Clone, Copy)]
pub struct Topic {
    /// Its name in the provenance.
    pub name: &'static str,
    /// What it is, in words that follow "the platform gives".
    pub what: &'static str,
    /// The claim that says it.
    pub claim: Option<Claim>,
    /// The variable that says it.
    pub variable: Option<&'static str>,
    /// Whether provenance can do without.
    pub need: Need,
    /// Where it stands in the provenance.
    pub place: Place,
}

/// A claim of a platform's token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// One that the certificate repeats, whole or as a part of an extension.
    Certified(&'static str),
    /// One that the certificate does not repeat.
    TokenOnly(&'static str),
}

/// Whether provenance can do without a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It cannot. Where there is a token, the token says it.
    Always,
    /// A token that does not say it is none of this platform; the environment may leave it out.
    InToken,
    /// It can.
    Never,
}

/// Where a topic stands in the provenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// `externalParameters.pipeline`: the tenant chooses it, and it says what was run.
    Pipeline,
    /// `internalParameters`, below the platform's name.
    Platform,
    /// In no field of its own: another field is made of it.
    Part,
}

impl Claim {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Certified(name) | Self::TokenOnly(name) => name,
        }
    }

    fn fact(self, value: String) -> Fact<String> {
        match self {
            Self::Certified(name) => Fact::certified(value, name),
            Self::TokenOnly(name) => Fact::claimed(value, name),
        }
    }
}

impl Topic {
    /// A topic of the platform itself, which provenance can do without.
    pub(super) const fn platform(name: &'static str, what: &'static str) -> Self {
        Self { name, what, claim: None, variable: None, need: Need::Never, place: Place::Platform }
    }

    /// A topic that says what was run.
    pub(super) const fn pipeline(name: &'static str, what: &'static str) -> Self {
        Self { place: Place::Pipeline, ..Self::platform(name, what) }
    }

    /// A topic of which another field is made.
    pub(super) const fn part(name: &'static str, what: &'static str) -> Self {
        Self { place: Place::Part, ..Self::platform(name, what) }
    }

    pub(super) const fn certified(self, name: &'static str) -> Self {
        Self { claim: Some(Claim::Certified(name)), ..self }
    }

    pub(super) const fn claimed(self, name: &'static str) -> Self {
        Self { claim: Some(Claim::TokenOnly(name)), ..self }
    }

    pub(super) const fn variable(self, name: &'static str) -> Self {
        Self { variable: Some(name), ..self }
    }

    pub(super) const fn needed(self) -> Self {
        Self { need: Need::Always, ..self }
    }

    pub(super) const fn in_token(self) -> Self {
        Self { need: Need::InToken, ..self }
    }

    /// What token and environment say, which must be the same where both speak.
    fn read(
        &self,
        claims: Option<&TokenClaims>,
        environment: &Environment,
    ) -> Result<Option<Fact<String>>, GenerateError> {
        let variable = self.variable.and_then(|name| environment.get(name).map(|value| (name, value)));
        if let Some((_, value)) = variable {
            self.well_formed(value)?;
        }
        let claim = self.claim.zip(claims);
        let claimed = match claim {
            Some((claim, claims)) => text_of(self.what, claim.name(), claims)?.map(|value| (claim, value)),
            None => None,
        };
        match (claim, claimed, variable) {
            (_, Some((claim, claimed)), variable) => {
                self.well_formed(&claimed)?;
                if let Some((variable, found)) = variable {
                    agree(self.what, (claim.name(), &claimed), (variable, found))?;
                }
                Ok(Some(claim.fact(claimed)))
            }
            // The environment does not stand in for a claim that every token of the platform has.
            (Some((claim, _)), None, _) if self.need != Need::Never => {
                Err(missing(self.what, &format!("the claim {}", claim.name())))
            }
            (_, None, Some((name, value))) => Ok(Some(Fact::variable(value.to_owned(), name))),
            (_, None, None) if self.need == Need::Always => Err(missing(self.what, &self.places())),
            (_, None, None) => Ok(None),
        }
    }

    fn well_formed(&self, value: &str) -> Result<(), GenerateError> {
        if value.len() > MAX_TEXT || value.chars().any(char::is_control) {
            let found = value.chars().take(80).collect();
            return Err(invalid(
                self.what,
                &format!("text of at most {MAX_TEXT} bytes without control characters"),
                found,
            ));
        }
        // `$NAME`, `${NAME}` or `$(name)`: whoever should have filled it in did not.
        if value.starts_with('$') {
            return Err(invalid(self.what, "a value", value.to_owned()));
        }
        Ok(())
    }

    fn places(&self) -> String {
        let claim = self.claim.map(|claim| format!("the claim {}", claim.name()));
        let variable = self.variable.map(|name| format!("the variable {name}"));
        [claim, variable].into_iter().flatten().collect::<Vec<_>>().join(" or ")
    }
}

/// Everything that a platform says about a job.
pub(super) struct Told {
    topics: &'static [Topic],
    facts: BTreeMap<&'static str, Fact<String>>,
}

impl Told {
    /// Reads every topic.
    ///
    /// # Errors
    /// `platform-claim-conflict`, `platform-fact-missing`, `platform-fact-invalid`.
    pub(super) fn read(topics: &'static [Topic], inputs: &Inputs<'_>) -> Result<Self, GenerateError> {
        let mut facts = BTreeMap::new();
        for topic in topics {
            if let Some(fact) = topic.read(inputs.claims, inputs.environment)? {
                facts.insert(topic.name, fact);
            }
        }
        Ok(Self { topics, facts })
    }

    /// What is said about a topic.
    pub(super) fn get(&self, name: &str) -> Option<&Fact<String>> {
        self.facts.get(name)
    }

    /// What is said about a topic that is needed.
    ///
    /// # Errors
    /// `platform-fact-missing`.
    pub(super) fn need(&self, name: &str) -> Result<&Fact<String>, GenerateError> {
        let topic = self.topics.iter().find(|topic| topic.name == name);
        self.get(name).ok_or_else(|| match topic {
            Some(topic) => missing(topic.what, &topic.places()),
            None => missing(name, "a topic of the platform"),
        })
    }

    /// What stands in a place of the provenance, by name.
    pub(super) fn at(&self, place: Place) -> impl Iterator<Item = (&'static str, &Fact<String>)> {
        let here = self.topics.iter().filter(move |topic| topic.place == place);
        here.filter_map(|topic| self.get(topic.name).map(|fact| (topic.name, fact)))
    }
}

/// A claim that is text, a whole number, or true or false, as text; nothing for an empty text and null.
fn text_of(what: &str, name: &str, claims: &TokenClaims) -> Result<Option<String>, GenerateError> {
    match claims.value(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
        Some(Value::Number(number)) if number.is_u64() => Ok(Some(number.to_string())),
        Some(Value::Bool(truth)) => Ok(Some(truth.to_string())),
        Some(other) => {
            Err(invalid(what, &format!("text or a whole number in the claim {name}"), json::kind(other).to_owned()))
        }
    }
}

/// Holds a claim against a variable.
///
/// # Errors
/// `platform-claim-conflict`.
pub(super) fn agree(
    what: &str,
    (claim, claimed): (&'static str, &str),
    (variable, found): (&'static str, &str),
) -> Result<(), GenerateError> {
    if claimed == found {
        return Ok(());
    }
    let (field, claimed, found) = (what.to_owned(), claimed.to_owned(), found.to_owned());
    Err(GenerateError::PlatformClaimConflict { field, claim, claimed, variable, found })
}

pub(super) fn missing(what: &str, expected: &str) -> GenerateError {
    GenerateError::PlatformFactMissing { field: what.to_owned(), expected: expected.to_owned() }
}

pub(super) fn invalid(what: &str, expected: &str, found: String) -> GenerateError {
    GenerateError::PlatformFactInvalid { field: what.to_owned(), expected: expected.to_owned(), found }
}

/// A fact made of others: as strong as the weakest of them, from where the first comes from.
pub(super) fn made(value: String, first: &Fact<String>, others: &[&Fact<String>]) -> Fact<String> {
    let rank = |backing: Backing| match backing {
        Backing::Certificate => 2,
        Backing::Token => 1,
        _ => 0,
    };
    let weakest = others.iter().copied().chain([first]).min_by_key(|fact| rank(fact.backing)).unwrap_or(first);
    let source: Source = if rank(first.backing) == rank(weakest.backing) { first.source } else { weakest.source };
    Fact { value, source, backing: weakest.backing }
}
