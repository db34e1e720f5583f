//! Where credentials for registries are kept, and for which hosts; never the credentials.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::formats::json;

/// Longest file of credentials that is read, in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// Most hosts of one file that are named; the rest is counted.
const MAX_HOSTS: usize = 20;

/// What a file of credentials says (docker's `config.json`, `containers-auth.json(5)`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Hosts whose credentials stand in the file, or in a helper.
    pub(super) hosts: BTreeSet<String>,
    /// Helpers that it names: the programs `docker-credential-NAME`.
    pub(super) helpers: BTreeSet<String>,
}

impl Credentials {
    /// Reads which hosts and helpers there are.
    ///
    /// # Errors
    /// What is wrong, in words that repeat nothing of the file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let Ok(Value::Object(top)) = json::parse(bytes) else { return Err("no JSON object") };
        let mut out = Self::default();
        for (host, value) in top.get("auths").and_then(Value::as_object).into_iter().flatten() {
            let kept = ["auth", "identitytoken", "registrytoken", "password"];
            let here =
                kept.iter().any(|key| value.get(key).and_then(Value::as_str).is_some_and(|text| !text.is_empty()));
            // An entry without content says that a helper has it.
            if here || top.contains_key("credsStore") {
                out.hosts.extend(name(host));
            }
        }
        for (host, helper) in top.get("credHelpers").and_then(Value::as_object).into_iter().flatten() {
            out.hosts.extend(name(host));
            out.helpers.extend(helper.as_str().and_then(program));
        }
        out.helpers.extend(top.get("credsStore").and_then(Value::as_str).and_then(program));
        Ok(out)
    }

    /// The hosts, in words.
    pub(super) fn words(&self) -> String {
        let named: Vec<&str> = self.hosts.iter().take(MAX_HOSTS).map(String::as_str).collect();
        match self.hosts.len().saturating_sub(named.len()) {
            0 if named.is_empty() => "no host".to_owned(),
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

/// The host of a key, without a scheme, a path, or a user that somebody wrote before it.
fn name(key: &str) -> Option<String> {
    let rest = key.split_once("://").map_or(key, |(_, rest)| rest);
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let host: String = rest.split('/').next().unwrap_or_default().chars().take(253).collect();
    Some(host).filter(|host| !host.is_empty())
}

/// The program of a helper; a name with anything else in it is none that docker would run.
fn program(helper: &str) -> Option<String> {
    let spelt = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (!helper.is_empty() && helper.len() < 100 && helper.chars().all(spelt))
        .then(|| format!("docker-credential-{helper}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_helpers_are_named_and_secrets_are_not() {
        let text = r#"{"auths": {"https://user:planted@ghcr.io/v2/": {"auth": "cGxhbnRlZA=="}, "empty.example": {}},
                       "credHelpers": {"gcr.io": "gcloud", "bad.example": "../evil"}}"#;
        let found = Credentials::parse(text.as_bytes()).unwrap();
        assert_eq!(found.words(), "bad.example, gcr.io, ghcr.io");
        assert_eq!(found.helpers.iter().collect::<Vec<_>>(), ["docker-credential-gcloud"]);
        let stored = Credentials::parse(br#"{"auths": {"a.example": {}}, "credsStore": "pass"}"#).unwrap();
        assert_eq!((stored.words().as_str(), stored.helpers.len()), ("a.example", 1));
        assert_eq!(Credentials::parse(b"{}").unwrap().words(), "no host");
        assert_eq!(Credentials::parse(b"planted").unwrap_err(), "no JSON object");
    }
}
