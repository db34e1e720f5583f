//! What opens a repository: challenges of registries, and tokens of their token services.

use reqwest::Method;
use reqwest::Url;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use serde_json::Value;

use crate::formats::base64;
use crate::formats::json;
use crate::remote::http;
use crate::remote::registry::Credential;
use crate::remote::registry::RegistryError;
use crate::remote::registry::transport::Answer;
use crate::remote::registry::transport::Bytes;
use crate::remote::registry::transport::Call;
use crate::remote::registry::transport::Transport;
use crate::remote::registry::transport::plain;

/// Longest answer of a token service, in bytes (1 MiB).
const MAX_ANSWER: usize = 1024 * 1024;
/// Longest challenge that is read, in bytes.
const MAX_CHALLENGE: usize = 8 * 1024;
const CLIENT: &str = "sealmark";

/// How a registry wants to be asked (RFC 9110, 11.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String> },
}

/// The challenge of an answer that can be met; Bearer before Basic.
pub(super) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let texts = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let all: Vec<_> = texts.flat_map(challenges).collect();
    all.iter().find(|one| **one != Challenge::Basic).or(all.first()).cloned()
}

fn challenges(text: &str) -> Vec<Challenge> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    let mut rest = text.get(..MAX_CHALLENGE).unwrap_or(text).trim_start();
    while !rest.is_empty() {
        let end = rest.find([' ', '=', ',']).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let word = word.to_ascii_lowercase();
        if let Some(after) = after.trim_start().strip_prefix('=') {
            let (value, after) = value(after.trim_start());
            if let Some((_, fields)) = found.last_mut() {
                fields.push((word, value));
            }
            rest = after;
        } else {
            if !word.is_empty() {
                found.push((word, Vec::new()));
            }
            rest = after;
        }
        rest = rest.trim_start_matches([' ', ',']);
    }
    let one = |(scheme, fields): (String, Vec<(String, String)>)| {
        let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        match scheme.as_str() {
            "basic" => Some(Challenge::Basic),
            "bearer" => {
                Some(Challenge::Bearer { realm: field("realm").unwrap_or_default(), service: field("service") })
            }
            _ => None,
        }
    };
    found.into_iter().filter_map(one).collect()
}

/// A value, quoted or not, and what follows it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([',', ' ']).unwrap_or(text.len());
        let (value, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => value.extend(letters.next()),
            other => value.push(other),
        }
    }
    (value, letters.as_str())
}

/// What is to be opened.
pub(super) struct Door<'a> {
    /// The registry, as people call it.
    pub(super) registry: &'a str,
    /// Its address.
    pub(super) base: &'a Url,
    /// `repository:NAME:pull` or more.
    pub(super) scope: &'a str,
}

/// The header that meets a challenge; None when the credential cannot.
///
/// # Errors
/// `registry-token`: the token service gave none. `registry-setup`: a credential that no header can hold.
pub(super) fn authorization(
    transport: &Transport,
    door: &Door<'_>,
    challenge: &Challenge,
    credential: &Credential,
) -> Result<Option<HeaderValue>, RegistryError> {
    let text = match (challenge, credential) {
        (Challenge::Basic, Credential::Password { username, password }) => basic(username, password),
        (Challenge::Basic, _) => return Ok(None),
        (Challenge::Bearer { .. }, Credential::Bearer(token)) => format!("Bearer {token}"),
        (Challenge::Bearer { realm, service }, _) => {
            format!("Bearer {}", token(transport, door, realm, service.as_deref(), credential)?)
        }
    };
    header_value(&text, door.registry).map(Some)
}

fn basic(username: &str, password: &str) -> String {
    format!("Basic {}", base64::encode(format!("{username}:{password}").as_bytes()))
}

fn header_value(text: &str, registry: &str) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| RegistryError::Setup {
        registry: registry.to_owned(),
        expected: "a credential or token of one line of text",
        found: "something else".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Asks the token service that the registry named (distribution's token specification and its OAuth2 form).
fn token(
    transport: &Transport,
    door: &Door<'_>,
    realm: &str,
    service: Option<&str>,
    credential: &Credential,
) -> Result<String, RegistryError> {
    let failed = |found: String| RegistryError::Token {
        realm: Url::parse(realm).map_or_else(|_| http::shown(realm), |url| plain(&url)),
        registry: door.registry.to_owned(),
        found,
    };
    let mut url = realm_url(realm, door.base).map_err(|found| failed(found.to_owned()))?;
    let mut form = Url::clone(&url);
    form.set_query(None);
    let target = if matches!(credential, Credential::IdentityToken(_)) { &mut form } else { &mut url };
    {
        let mut fields = target.query_pairs_mut();
        if let Some(service) = service {
            fields.append_pair("service", service);
        }
        fields.append_pair("scope", door.scope);
        if let Credential::IdentityToken(token) = credential {
            let others = [("grant_type", "refresh_token"), ("client_id", CLIENT), ("refresh_token", token)];
            fields.extend_pairs(others);
        }
    }
    let body = form.query().unwrap_or_default().to_owned();
    let mut call = Call::get(url, "application/json");
    let secret = match credential {
        Credential::Password { username, password } => {
            call.authorization = Some(header_value(&basic(username, password), door.registry)?);
            Some(password.as_str())
        }
        Credential::IdentityToken(token) => {
            call.method = Method::POST;
            call.body = Some(("application/x-www-form-urlencoded", body.as_bytes()));
            Some(token.as_str())
        }
        Credential::Anonymous | Credential::Bearer(_) => None,
    };
    let answer = transport.fetch(&call, MAX_ANSWER, None).map_err(|error| failed(error.to_string()))?;
    let found = read(&answer)
        .map_err(|found| failed(secret.map_or_else(|| http::shown(&found), |secret| http::without(&found, secret))))?;
    Ok(found)
}

/// Credentials go in clear only within this machine, and there only for a registry that is there too.
fn realm_url(realm: &str, base: &Url) -> Result<Url, &'static str> {
    let loopback = |url: &Url| http::is_loopback(url.host_str().unwrap_or_default());
    let url = Url::parse(realm).map_err(|_| "a challenge without the address of a token service")?;
    match url.scheme() {
        "https" => {}
        "http" if loopback(&url) && loopback(base) => {}
        _ => return Err("an address by which credentials would cross the network in clear"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("an address with a user name or password in it");
    }
    Ok(url)
}

fn read(answer: &Answer) -> Result<String, String> {
    let Bytes::Whole(body) = &answer.body else { return Err(format!("more than {MAX_ANSWER} bytes")) };
    if answer.status != 200 || !answer.own {
        let said = answer.said();
        return Err(format!("status {}{}", answer.status, said.map(|said| format!(": {said}")).unwrap_or_default()));
    }
    let value = json::parse(body).map_err(|error| error.to_string())?;
    let field = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    field("token").or(field("access_token")).map(str::to_owned).ok_or_else(|| "no token in the answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_str(text).unwrap());
        challenge(&headers)
    }

    #[test]
    fn challenges_are_read() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) })
        };
        for (text, expected) in [
            (
                r#"Bearer realm="https://a.test/t",service="s, x",scope="repository:a:pull""#,
                bearer("https://a.test/t", Some("s, x")),
            ),
            (r#"bearer Realm="https://a.test/t?a=b""#, bearer("https://a.test/t?a=b", None)),
            (r#"Basic realm="r", Bearer realm="https://b.test", service=s"#, bearer("https://b.test", Some("s"))),
            (r#"Bearer realm="a\"b"#, bearer("a\"b", None)),
            ("Bearer", bearer("", None)),
            (r#"BASIC realm="x""#, Some(Challenge::Basic)),
            (r#"Negotiate, Basic realm="x""#, Some(Challenge::Basic)),
            ("Digest a=b", None),
            ("", None),
            (", ,= ,", None),
        ] {
            assert_eq!(one(text), expected, "{text}");
        }
    }

    #[test]
    fn credentials_never_go_in_clear() {
        let https = Url::parse("https://r.test").unwrap();
        let local = Url::parse("http://127.0.0.1:5000").unwrap();
        assert!(realm_url("https://a.test/t", &https).is_ok());
        assert!(realm_url("https://a.test/t", &local).is_ok());
        assert!(realm_url("http://127.0.0.1:1/t", &local).is_ok());
        for (realm, base) in [
            ("http://a.test/t", &https),
            ("http://a.test/t", &local),
            ("http://127.0.0.1:1/t", &https),
            ("file:///etc/passwd", &local),
            ("https://u:p@a.test", &https),
            ("", &https),
        ] {
            assert!(realm_url(realm, base).is_err(), "{realm}");
        }
    }
}
