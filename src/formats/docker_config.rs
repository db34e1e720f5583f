//! Credentials of registries in `config.json` of Docker and `auth.json` of Podman.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::base64;
use crate::formats::json;
use crate::formats::json::Fields;

/// Largest file of credentials, in bytes (1 MiB).
pub const MAX_BYTES: usize = 1024 * 1024;
/// Most entries of one list in it.
pub const MAX_ENTRIES: usize = 1000;
/// The name under which Docker keeps the credentials of its hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";
/// The hub, as images are named here.
const HUB: &str = "index.docker.io";
/// What a helper says as user name when its secret is an identity token.
const TOKEN_USER: &str = "<token>";

/// What is kept for a registry or a repository.
#[derive(Clone, PartialEq, Eq)]
pub enum Entry {
    /// User name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// A token that is exchanged for others (`identitytoken`).
    IdentityToken(String),
    /// A token that is sent as it is (`registrytoken`).
    Bearer(String),
    /// Ask the program `docker-credential-NAME` about a server.
    Helper {
        /// The end of the program's name.
        name: String,
        /// What it is asked about.
        server: String,
    },
}

/// Secrets are not shown.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { .. } => f.write_str("Password(…)"),
            Self::IdentityToken(_) => f.write_str("IdentityToken(…)"),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
            Self::Helper { name, server } => write!(f, "Helper({name}, {server})"),
        }
    }
}

/// A file of credentials (docker/cli, `config.json`; containers/image, `containers-auth.json(5)`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DockerConfig {
    /// By registry, or by registry and the beginning of a repository.
    auths: BTreeMap<String, Option<Entry>>,
    helpers: BTreeMap<String, String>,
    store: Option<String>,
}

impl DockerConfig {
    /// Reads a file of credentials. Fields that name no credentials decide nothing.
    ///
    /// # Errors
    /// `json-*`, `base64-invalid`, `too-many`; no text of the file is in the message.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > MAX_BYTES {
            return Err(FormatError::TooLarge { what: "credentials", limit: MAX_BYTES, found: bytes.len() });
        }
        let mut top = Fields::new(json::parse(bytes)?, "")?;
        let mut auths = BTreeMap::new();
        for (key, value) in list(&mut top, "auths")? {
            let entry = entry(value)?;
            auths.insert(host(&key).to_owned(), entry);
        }
        let mut helpers = BTreeMap::new();
        for (key, value) in list(&mut top, "credHelpers")? {
            let Value::String(name) = value else { return Err(json::wrong("/credHelpers", "a string", &value)) };
            helpers.insert(host(&key).to_owned(), name);
        }
        let store = top.string("credsStore")?.filter(|name| !name.is_empty());
        Ok(Self { auths, helpers, store })
    }

    /// What is kept for a repository: by the longest beginning of `registry/repository` that is listed, as Podman does; else
    /// what helper knows. None when the file says nothing about it.
    pub fn find(&self, registry: &str, repository: &str) -> Option<Entry> {
        let full = format!("{registry}/{repository}");
        let mut key = full.as_str();
        loop {
            if let Some(name) = self.helpers.get(key) {
                return Some(Entry::Helper { name: name.clone(), server: server(key) });
            }
            if let Some(Some(entry)) = self.auths.get(key) {
                return Some(entry.clone());
            }
            match key.rsplit_once('/') {
                Some((shorter, _)) => key = shorter,
                None => break,
            }
        }
        let name = self.store.clone()?;
        Some(Entry::Helper { name, server: server(registry) })
    }
}

/// What a helper printed for `get`: an entry.
///
/// # Errors
/// `json-*`; no text of it is in the message.
pub fn helper_answer(bytes: &[u8]) -> Result<Entry, FormatError> {
    let mut top = Fields::new(json::parse(bytes)?, "")?;
    let (username, password) = (top.need_string("Username")?, top.need_string("Secret")?);
    Ok(match username.as_str() {
        TOKEN_USER => Entry::IdentityToken(password),
        _ => Entry::Password { username, password },
    })
}

/// A helper's name is the end of a program's name and leads nowhere else.
pub fn is_helper_name(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(good)
}

/// What a helper is asked about.
fn server(key: &str) -> String {
    if key == HUB { HUB_KEY.to_owned() } else { key.to_owned() }
}

/// A key without scheme, version and final slash; each spelling of the hub is one.
fn host(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    if ["docker.io", "registry-1.docker.io", HUB].contains(&key) { HUB } else { key }
}

fn list(top: &mut Fields, name: &str) -> Result<Vec<(String, Value)>, FormatError> {
    let path = top.at(name);
    let Some(fields) = top.object(name)? else { return Ok(Vec::new()) };
    let rest = fields.rest();
    if rest.len() > MAX_ENTRIES {
        return Err(FormatError::TooMany { what: path, limit: MAX_ENTRIES, found: rest.len() });
    }
    Ok(rest.into_iter().collect())
}

/// One entry of `auths`; None when it is empty, as Docker leaves it where a helper keeps the secret.
fn entry(value: Value) -> Result<Option<Entry>, FormatError> {
    const PATH: &str = "/auths/…";
    let mut fields = Fields::new(value, PATH)?;
    let mut text = |name: &str| fields.string(name).map(|text| text.filter(|text| !text.is_empty()));
    if let Some(token) = text("identitytoken")? {
        return Ok(Some(Entry::IdentityToken(token)));
    }
    if let Some(token) = text("registrytoken")? {
        return Ok(Some(Entry::Bearer(token)));
    }
    if let Some(auth) = text("auth")? {
        let malformed = || FormatError::WrongType {
            path: format!("{PATH}/auth"),
            expected: "base64 of user name, colon and password",
            found: "something else",
        };
        let decoded = base64::decode(&auth).and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(malformed)?;
        // Docker pads the password with zero bytes.
        let (username, password) = decoded.trim_end_matches('\0').split_once(':').ok_or_else(malformed)?;
        return Ok(Some(Entry::Password { username: username.to_owned(), password: password.to_owned() }));
    }
    match (text("username")?, text("password")?) {
        (Some(username), Some(password)) => Ok(Some(Entry::Password { username, password })),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        DockerConfig::parse(text.as_bytes()).unwrap()
    }

    fn password(username: &str, password: &str) -> Option<Entry> {
        Some(Entry::Password { username: username.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn every_kind_of_entry_is_read() {
        let all = config(
            r#"{"auths": {
                "ghcr.io": {"auth": "YW5uOnNlOmNyZXQ="},
                "https://index.docker.io/v1/": {"username": "u", "password": "p"},
                "http://127.0.0.1:5000": {"identitytoken": "it", "auth": "AAAA"},
                "quay.io/acme": {"registrytoken": "rt"},
                "quay.io": {"auth": "cTpx"},
                "empty.example.org": {}
            }, "credHelpers": {"gcr.io": "gcloud"}, "HttpHeaders": {"x": "y"}}"#,
        );
        assert_eq!(all.find("ghcr.io", "a/b"), password("ann", "se:cret"));
        assert_eq!(all.find("index.docker.io", "library/debian"), password("u", "p"));
        assert_eq!(all.find("127.0.0.1:5000", "app"), Some(Entry::IdentityToken("it".to_owned())));
        assert_eq!(all.find("quay.io", "acme/app"), Some(Entry::Bearer("rt".to_owned())));
        assert_eq!(all.find("quay.io", "acmer/app"), password("q", "q"));
        assert_eq!(
            all.find("gcr.io", "a"),
            Some(Entry::Helper { name: "gcloud".to_owned(), server: "gcr.io".to_owned() })
        );
        assert_eq!(all.find("empty.example.org", "a"), None);
        assert_eq!(all.find("ghcr.io.evil.example", "a"), None);
    }

    #[test]
    fn a_store_knows_what_the_file_does_not() {
        let stored = config(r#"{"auths": {"ghcr.io": {}}, "credsStore": "desktop"}"#);
        let helper = |server: &str| Some(Entry::Helper { name: "desktop".to_owned(), server: server.to_owned() });
        assert_eq!(stored.find("ghcr.io", "a"), helper("ghcr.io"));
        assert_eq!(stored.find("index.docker.io", "library/a"), helper("https://index.docker.io/v1/"));
    }

    #[test]
    fn what_a_helper_prints_is_read() {
        let answer = |text: &str| helper_answer(text.as_bytes());
        let both = r#"{"ServerURL": "s", "Username": "u", "Secret": "p"}"#;
        assert_eq!(answer(both).ok(), password("u", "p"));
        let token = r#"{"ServerURL": "s", "Username": "<token>", "Secret": "t"}"#;
        assert_eq!(answer(token).unwrap(), Entry::IdentityToken("t".to_owned()));
        assert_eq!(answer("{}").unwrap_err().code(), "json-field-missing");
        assert!(
            is_helper_name("ecr-login") && !is_helper_name("../x") && !is_helper_name("") && !is_helper_name("a b")
        );
    }

    #[test]
    fn refusals_show_no_secret() {
        let code = |text: &str| {
            let error = DockerConfig::parse(text.as_bytes()).unwrap_err();
            assert!(!error.to_string().contains("c2VjcmV0"), "{error}");
            error.code()
        };
        assert_eq!(code(r#"{"auths": {"a": {"auth": "c2VjcmV0"}}}"#), "json-wrong-type");
        assert_eq!(code(r#"{"auths": {"a": {"auth": "c2VjcmV0!"}}}"#), "json-wrong-type");
        assert_eq!(code(r#"{"auths": {"a": {"auth": 1}}}"#), "json-wrong-type");
        assert_eq!(code(r#"{"auths": []}"#), "json-wrong-type");
        assert_eq!(code(r#"{"credHelpers": {"a": 1}}"#), "json-wrong-type");
        assert_eq!(code("{"), "json-invalid");
        let many: Vec<String> = (0..=MAX_ENTRIES).map(|n| format!(r#""h{n}": {{}}"#)).collect();
        assert_eq!(code(&format!(r#"{{"auths": {{{}}}}}"#, many.join(","))), "too-many");
        assert_eq!(code(&" ".repeat(MAX_BYTES + 1)), "input-too-large");
        let shown = format!("{:?}", config(r#"{"auths": {"a": {"auth": "YW5uOnNlOmNyZXQ="}}}"#));
        assert!(!shown.contains("cret") && !shown.contains("YW5u"), "{shown}");
    }
}
