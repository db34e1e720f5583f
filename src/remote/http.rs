//! One bounded HTTP request: deadline, attempts, size, no redirects, nothing in clear.

use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::io::Read;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use reqwest::Method;
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::Response;
use reqwest::header;
use reqwest::header::HeaderName;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::formats::json;
use crate::remote::RemoteError;
use crate::remote::Role;

/// Most attempts at one request.
pub const MAX_ATTEMPTS: u32 = 4;
/// Longest time that is spent on opening a connection.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Pause after the first attempt; it doubles after each.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest answer that is read, in bytes (16 MiB). An entry of `intoto` comes with its attestation, of up to 100 KiB on the
/// public instance.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Longest body of a refusal that is read, in bytes.
pub const MAX_REFUSAL: usize = 64 * 1024;
/// Longest time that is spent on the body of a refusal.
pub const REFUSAL: Duration = Duration::from_secs(2);
/// Most characters of a service's own words in an error.
pub const MAX_SAID: usize = 300;
/// As many characters of a secret in a row as a service may repeat in its own words; with more, none of them are shown.
const MAX_REPEATED: usize = 8;

pub(super) const AGENT: &str = concat!("sealmark/", env!("CARGO_PKG_VERSION"));
const JSON: &str = "application/json";
/// What is said in place of words that repeat a secret.
const REPEATS: &str = "a text that repeats a secret";

/// A service at one address.
///
/// Proxies are those of the system (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), except that a loopback address
/// is always asked directly. They change who carries the request and nothing else: no answer is believed for its way.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    role: Role,
    base: Url,
    total: Duration,
}

/// What a service is asked. It has no text form, since it may hold a secret.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// Below the address of the service; empty for the address itself.
    pub path: &'a str,
    /// Behind a question mark; empty for none.
    pub query: &'a str,
    /// What is sent; None makes it a GET.
    pub body: Option<Body<'a>>,
    /// Media type that is asked for.
    pub accept: &'static str,
    /// A token that opens the service. It is sent as `Authorization: Bearer`.
    pub bearer: Option<&'a str>,
    /// What stands in the body and must be in no error text.
    pub secret: Option<&'a str>,
    /// The statuses that are an answer; every other one is a refusal, or asks for another attempt.
    pub success: &'static [u16],
    /// Longest answer that is read, in bytes.
    pub cap: usize,
}

/// What is sent with a POST.
#[derive(Clone, Copy)]
pub struct Body<'a> {
    /// Media type.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// An answer with one of the statuses that were asked for. Nothing in it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The header `Location`.
    pub location: Option<String>,
    /// The header `Date`: the time by the service's clock (RFC 9110, 6.6.1).
    pub date: Option<String>,
}

impl<'a> Question<'a> {
    /// A GET of JSON with status 200 and at most [`MAX_ANSWER`] bytes.
    pub fn get(path: &'a str) -> Self {
        let (query, body, bearer, secret) = ("", None, None, None);
        Self { path, query, body, accept: JSON, bearer, secret, success: &[200], cap: MAX_ANSWER }
    }

    /// A POST of JSON that is answered with JSON, with status 200 or 201 and at most [`MAX_ANSWER`] bytes.
    pub fn post(path: &'a str, json: &'a [u8]) -> Self {
        let body = Some(Body { content_type: JSON, bytes: json });
        Self { body, success: &[200, 201], ..Self::get(path) }
    }
}

/// Whether what is asked and answered may cross a network in clear.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clear {
    Permitted,
    Refused,
}

/// What became of one attempt.
enum Attempt {
    Answer(Reply),
    Refused(RemoteError),
    /// Another attempt may do; not before this pause, if the service asked for one.
    Again(String, Option<Duration>),
}

impl Service {
    /// The log at an address that is looked into, given `total` for each request with all its attempts. Only hashes are
    /// sent there and nothing is believed for coming from there, so it may be plain HTTP.
    ///
    /// # Errors
    /// `log-url-invalid`.
    pub fn new(address: &str, total: Duration) -> Result<Self, RemoteError> {
        Self::at(Role::Log, address, total, Clear::Permitted)
    }

    /// A service that takes part in signing, given `total` for each request with all its attempts. Plain HTTP is for this
    /// machine alone: elsewhere a token, or what is to be signed, would cross the network in clear.
    ///
    /// # Errors
    /// `log-url-invalid` or that of the role.
    pub fn signing(role: Role, address: &str, total: Duration) -> Result<Self, RemoteError> {
        Self::at(role, address, total, Clear::Refused)
    }

    fn at(role: Role, address: &str, total: Duration, clear: Clear) -> Result<Self, RemoteError> {
        let refused = |reason: String| RemoteError::Url { role, url: address.to_owned(), reason };
        let base = Url::parse(address).map_err(|error| refused(error.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") || base.host_str().is_none() {
            return Err(refused(format!("scheme {}", base.scheme())));
        }
        if !base.username().is_empty() || base.password().is_some() {
            // Not the address again: it holds a secret.
            let (url, reason) = ("…".to_owned(), "a user name or password in it".to_owned());
            return Err(RemoteError::Url { role, url, reason });
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refused("a query or fragment".to_owned()));
        }
        let loopback = is_loopback(base.host_str().unwrap_or_default());
        if clear == Clear::Refused && base.scheme() == "http" && !loopback {
            return Err(refused("http, by which all would cross the network in clear".to_owned()));
        }
        let builder =
            Client::builder().user_agent(AGENT).redirect(Policy::none()).referer(false).connect_timeout(CONNECT);
        let builder = if loopback { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| refused(reason(error)))?;
        Ok(Self { client, role, base, total })
    }

    /// The address.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What the service is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Posts a JSON text to a path below the address and returns the body of the answer with status 200 or 201.
    ///
    /// # Errors
    /// As [`Service::ask`].
    pub fn post(&self, path: &str, json: &str) -> Result<Vec<u8>, RemoteError> {
        self.ask(&Question::post(path, json.as_bytes())).map(|reply| reply.body)
    }

    /// Asks, and returns the answer with a status that was asked for. Connection errors and the statuses 429, 500, 502,
    /// 503 and 504 are tried again, at most [`MAX_ATTEMPTS`] times in all and within the deadline. Redirects are refusals.
    ///
    /// # Errors
    /// `log-unavailable`, `log-status`, `log-answer-invalid` when it is too long, or those of the role.
    pub fn ask(&self, question: &Question<'_>) -> Result<Reply, RemoteError> {
        let url = self.url(question);
        let authorization = question.bearer.map(|bearer| self.authorization(bearer)).transpose()?;
        let end = Instant::now() + self.total;
        let mut pause = FIRST_PAUSE;
        let mut last = "the deadline had passed".to_owned();
        for attempt in 1..=MAX_ATTEMPTS {
            match self.attempt(&url, question, authorization.as_ref(), end) {
                Attempt::Answer(reply) => return Ok(reply),
                Attempt::Refused(error) => return Err(error),
                Attempt::Again(reason, asked) => {
                    last = reason;
                    let pause_now = asked.unwrap_or(pause).max(pause);
                    if attempt == MAX_ATTEMPTS || pause_now >= end.saturating_duration_since(Instant::now()) {
                        break;
                    }
                    thread::sleep(pause_now);
                    pause = pause.saturating_mul(2);
                }
            }
        }
        let (url, seconds) = (self.address().to_owned(), self.total.as_secs());
        Err(RemoteError::Unavailable { role: self.role, url, seconds, reason: last })
    }

    /// An answer of this service that is not what its interface says.
    pub fn answer_invalid(&self, reason: impl fmt::Display) -> RemoteError {
        RemoteError::Answer { role: self.role, url: self.address().to_owned(), reason: shown(&reason.to_string()) }
    }

    /// An answer of this service that is well-formed and about something else than what was asked.
    pub fn answer_mismatch(&self, expected: &'static str, found: impl fmt::Display) -> RemoteError {
        let (url, found) = (self.address().to_owned(), shown(&found.to_string()));
        RemoteError::Mismatch { role: self.role, url, expected, found }
    }

    fn url(&self, question: &Question<'_>) -> Url {
        let mut url = self.base.clone();
        if !question.path.is_empty() {
            url.set_path(&format!("{}/{}", url.path().trim_end_matches('/'), question.path));
        }
        url.set_query(Some(question.query).filter(|query| !query.is_empty()));
        url
    }

    fn authorization(&self, bearer: &str) -> Result<HeaderValue, RemoteError> {
        let mut value = HeaderValue::from_str(&format!("Bearer {bearer}")).map_err(|_| RemoteError::Url {
            role: self.role,
            url: self.address().to_owned(),
            reason: "a token for it that is not one line of text".to_owned(),
        })?;
        value.set_sensitive(true);
        Ok(value)
    }

    fn request(&self, url: &Url, question: &Question<'_>, authorization: Option<&HeaderValue>) -> RequestBuilder {
        let method = if question.body.is_some() { Method::POST } else { Method::GET };
        let mut request = self.client.request(method, url.clone()).header(header::ACCEPT, question.accept);
        if let Some(body) = question.body {
            request = request.header(header::CONTENT_TYPE, body.content_type).body(body.bytes.to_vec());
        }
        match authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    fn attempt(
        &self,
        url: &Url,
        question: &Question<'_>,
        authorization: Option<&HeaderValue>,
        end: Instant,
    ) -> Attempt {
        let left = end.saturating_duration_since(Instant::now());
        let mut response = match self.request(url, question, authorization).timeout(left).send() {
            Ok(response) => response,
            Err(error) => return Attempt::Again(reason(error), None),
        };
        let status = response.status().as_u16();
        if question.success.contains(&status) {
            let location = text_header(&response, &header::LOCATION);
            let date = text_header(&response, &header::DATE);
            return match read(&mut response, question.cap, end) {
                Ok(body) => Attempt::Answer(Reply { status, body, location, date }),
                Err(Unread::Long) => {
                    Attempt::Refused(self.answer_invalid(format_args!("more than {} bytes", question.cap)))
                }
                Err(Unread::Again(reason)) => Attempt::Again(reason, None),
            };
        }
        let asked = text_header(&response, &header::RETRY_AFTER).and_then(|text| text.parse().ok());
        let soon = end.min(Instant::now() + REFUSAL);
        let said = read(&mut response, MAX_REFUSAL, soon).ok().and_then(|body| said(&body, question));
        match status {
            429 | 500 | 502 | 503 | 504 => {
                let words = said.map(|said| format!(": {said}")).unwrap_or_default();
                Attempt::Again(format!("status {status}{words}"), asked.map(Duration::from_secs))
            }
            _ => {
                let url = self.address().to_owned();
                Attempt::Refused(RemoteError::Status { role: self.role, url, status, said })
            }
        }
    }
}

/// Why a body was not read to its end.
enum Unread {
    Long,
    Again(String),
}

/// Reads at most `cap` bytes, and none after the deadline, however slowly they come.
fn read(response: &mut impl Read, cap: usize, end: Instant) -> Result<Vec<u8>, Unread> {
    let mut bytes = Vec::new();
    let mut block = [0; 16 * 1024];
    loop {
        match response.read(&mut block) {
            Ok(0) => return Ok(bytes),
            Ok(n) => bytes.extend_from_slice(block.get(..n).unwrap_or_default()),
            Err(error) => return Err(Unread::Again(error.to_string())),
        }
        if bytes.len() > cap {
            return Err(Unread::Long);
        }
        if Instant::now() >= end {
            return Err(Unread::Again("an answer that was not complete in time".to_owned()));
        }
    }
}

fn text_header(response: &Response, name: &HeaderName) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// What a service says about its refusal: the JSON field `message`, which every one of them writes. Nothing of it is kept
/// when it repeats a secret that was sent.
fn said(body: &[u8], question: &Question<'_>) -> Option<String> {
    let Ok(Value::Object(fields)) = json::parse(body) else { return None };
    let text = fields.get("message").and_then(Value::as_str).filter(|text| !text.is_empty())?;
    let repeated = question.bearer.into_iter().chain(question.secret).any(|secret| repeats(text, secret));
    Some(if repeated { REPEATS.to_owned() } else { shown(text) })
}

/// A text about an answer of somebody who knows a secret, as it may be printed: without its words where they repeat it.
pub(super) fn without(text: &str, secret: &str) -> String {
    if repeats(text, secret) { REPEATS.to_owned() } else { shown(text) }
}

/// Whether a text has more than [`MAX_REPEATED`] characters of a secret in a row, or all of it.
fn repeats(text: &str, secret: &str) -> bool {
    let length = (MAX_REPEATED + 1).min(secret.len()).max(1);
    let parts: HashSet<&[u8]> = secret.as_bytes().windows(length).collect();
    text.as_bytes().windows(length).any(|part| parts.contains(part))
}

/// Text from a stranger, as it may be printed: at most [`MAX_SAID`] characters, with control characters made visible.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for letter in text.chars().take(MAX_SAID) {
        let turns = matches!(letter,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
        if letter.is_control() || turns {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    if text.chars().nth(MAX_SAID).is_some() {
        shown.push('…');
    }
    shown
}

/// Such an address is this machine's: no proxy elsewhere could reach it.
pub(super) fn is_loopback(host: &str) -> bool {
    let numbers = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    matches!(host, "localhost" | "[::1]") || host.strip_prefix("127.").is_some_and(numbers)
}

/// The error and what caused it, without the address, which the caller names.
pub(super) fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !texts.contains(&text) {
            texts.push(text);
        }
        cause = next.source();
    }
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_services() {
        let code =
            |address: &str| Service::new(address, CONNECT).map(|one| one.address().to_owned()).map_err(|e| e.code());
        for (address, expected) in [
            ("https://rekor.example.org", "https://rekor.example.org"),
            ("https://rekor.example.org/", "https://rekor.example.org"),
            ("http://127.0.0.1:3000/log/", "http://127.0.0.1:3000/log"),
            ("http://localhost:3000", "http://localhost:3000"),
        ] {
            assert_eq!(code(address).as_deref(), Ok(expected));
        }
        for address in
            ["", "rekor.example.org", "file:///etc/passwd", "ftp://x.test", "https://x.test?a", "https://x.test#a"]
        {
            assert_eq!(code(address), Err("log-url-invalid"), "{address}");
        }
        let error = Service::new("https://user:secret@x.test", CONNECT).unwrap_err();
        assert!(error.code() == "log-url-invalid" && !error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn nothing_that_signs_is_asked_in_clear() {
        for (role, code) in [
            (Role::Log, "log-url-invalid"),
            (Role::CertificateAuthority, "ca-url-invalid"),
            (Role::TimestampAuthority, "timestamp-url-invalid"),
            (Role::TokenService, "token-service-url-invalid"),
        ] {
            for address in ["http://x.test", "http://127.0.0.1.x.test", "http://10.0.0.1", "http://localhost.x.test"] {
                assert_eq!(Service::signing(role, address, CONNECT).unwrap_err().code(), code, "{address}");
            }
            for address in ["https://x.test", "http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
                assert_eq!(Service::signing(role, address, CONNECT).map(|one| one.role()), Ok(role), "{address}");
            }
        }
        assert!(Service::new("http://rekor.x.test", CONNECT).is_ok());
    }

    #[test]
    fn paths_stand_below_the_address() {
        let url = |address: &str, path: &str, query: &str| {
            let question = Question { query, ..Question::get(path) };
            Service::new(address, CONNECT).unwrap().url(&question).to_string()
        };
        assert_eq!(url("https://x.test", "api/v1", ""), "https://x.test/api/v1");
        assert_eq!(url("https://x.test/log/", "api/v1", ""), "https://x.test/log/api/v1");
        assert_eq!(url("https://x.test/api/v1/timestamp", "", ""), "https://x.test/api/v1/timestamp");
        assert_eq!(url("https://x.test/t", "", "a=b&c=d"), "https://x.test/t?a=b&c=d");
    }

    #[test]
    fn loopback_is_this_machine() {
        assert!(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].iter().all(|host| is_loopback(host)));
        assert!(["127.evil.test", "localhost.test", "10.0.0.1", "128.0.0.1", ""].iter().all(|host| !is_loopback(host)));
    }

    #[test]
    fn a_refusal_is_quoted_but_for_secrets() {
        let secret = "eyJhbGciOiJSUzI1NiJ9.claims-of-the-token.signature";
        let question = Question { secret: Some(secret), ..Question::get("") };
        let said = |text: &str| said(serde_json::json!({ "message": text }).to_string().as_bytes(), &question);
        assert_eq!(said("no such issuer").as_deref(), Some("no such issuer"));
        assert_eq!(said("a\u{1b}[31m\nb\u{202e}").as_deref(), Some("a\\u{1b}[31m\\nb\\u{202e}"));
        assert_eq!(said(&"x".repeat(MAX_SAID + 1)).unwrap().chars().count(), MAX_SAID + 1);
        for part in [secret, "claims-of", "signature", &secret[5..20]] {
            let said = said(&format!("cannot use {part} here")).unwrap();
            assert!(!said.contains(part), "{said}");
        }
        assert_eq!(said("cannot use eyJhbGci here").as_deref(), Some("cannot use eyJhbGci here"));
        let bearer = Question { bearer: Some("short"), ..Question::get("") };
        assert_eq!(super::said(br#"{"message":"a short one"}"#, &bearer).unwrap(), "a text that repeats a secret");
        for body in [&b"<html>"[..], b"[]", b"{}", br#"{"message":1}"#, br#"{"message":""}"#] {
            assert_eq!(super::said(body, &question), None);
        }
    }
}
