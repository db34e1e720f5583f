//! One bounded HTTP request: deadline, attempts, size, no redirects.

use std::error::Error;
use std::io::Read;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::header;
use reqwest::redirect::Policy;

use crate::remote::RemoteError;

/// Most attempts at one request.
pub const MAX_ATTEMPTS: u32 = 4;
/// Longest time that is spent on opening a connection.
pub const CONNECT: Duration = Duration::from_secs(10);
/// Pause after the first attempt; it doubles after each.
pub const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest answer that is read, in bytes (16 MiB). An entry of `intoto` comes with its attestation, of up to 100 KiB on the
/// public instance.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

const AGENT: &str = concat!("sealmark/", env!("CARGO_PKG_VERSION"));

/// A service at one address.
///
/// Proxies are those of the system (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`, `NO_PROXY`), except that a loopback address
/// is always asked directly. They change who carries the request and nothing else: no answer is believed for its way.
#[derive(Debug, Clone)]
pub struct Service {
    client: Client,
    base: Url,
    total: Duration,
}

/// What became of one attempt.
enum Attempt {
    Answer(Vec<u8>),
    Refused(RemoteError),
    /// Another attempt may do; not before this pause, if the service asked for one.
    Again(String, Option<Duration>),
}

impl Service {
    /// The service at an address, given `total` for each request with all its attempts.
    ///
    /// # Errors
    /// `log-url-invalid`.
    pub fn new(address: &str, total: Duration) -> Result<Self, RemoteError> {
        let refused = |reason: String| RemoteError::Url { url: address.to_owned(), reason };
        let mut base = Url::parse(address).map_err(|error| refused(error.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") || base.host_str().is_none() {
            return Err(refused(format!("scheme {}", base.scheme())));
        }
        if !base.username().is_empty() || base.password().is_some() {
            // Not the address again: it holds a secret.
            return Err(RemoteError::Url { url: "…".to_owned(), reason: "a user name or password in it".to_owned() });
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(refused("a query or fragment".to_owned()));
        }
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let builder =
            Client::builder().user_agent(AGENT).redirect(Policy::none()).referer(false).connect_timeout(CONNECT);
        let builder = if is_loopback(base.host_str().unwrap_or_default()) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| refused(reason(error)))?;
        Ok(Self { client, base, total })
    }

    /// The address.
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Posts a JSON text to a path below the address and returns the body of the answer with status 200. Connection
    /// errors and the statuses 429, 500, 502, 503 and 504 are tried again, at most [`MAX_ATTEMPTS`] times in all and
    /// within the deadline.
    ///
    /// # Errors
    /// `log-unavailable`, `log-status` (redirects are among them), `log-answer-invalid` when it is too long.
    pub fn post(&self, path: &str, json: &str) -> Result<Vec<u8>, RemoteError> {
        let url = self.base.join(path).map_err(|error| self.unavailable(&error.to_string()))?;
        let end = Instant::now() + self.total;
        let mut pause = FIRST_PAUSE;
        let mut last = "the deadline had passed".to_owned();
        for attempt in 1..=MAX_ATTEMPTS {
            match self.attempt(&url, json, end) {
                Attempt::Answer(bytes) => return Ok(bytes),
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
        Err(self.unavailable(&last))
    }

    fn unavailable(&self, reason: &str) -> RemoteError {
        let (url, reason) = (self.address().to_owned(), reason.to_owned());
        RemoteError::Unavailable { url, seconds: self.total.as_secs(), reason }
    }

    fn attempt(&self, url: &Url, json: &str, end: Instant) -> Attempt {
        let left = end.saturating_duration_since(Instant::now());
        let request = self
            .client
            .post(url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::ACCEPT, "application/json")
            .timeout(left)
            .body(json.to_owned());
        let mut response = match request.send() {
            Ok(response) => response,
            Err(error) => return Attempt::Again(reason(error), None),
        };
        let status = response.status().as_u16();
        match status {
            200 => {}
            429 | 500 | 502 | 503 | 504 => {
                let asked = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|text| text.parse().ok()).map(Duration::from_secs);
                return Attempt::Again(format!("status {status}"), asked);
            }
            _ => return Attempt::Refused(RemoteError::Status { url: self.address().to_owned(), status }),
        }
        self.read(&mut response, end)
    }

    /// Reads at most [`MAX_ANSWER`] bytes, and none after the deadline, however slowly they come.
    fn read(&self, response: &mut impl Read, end: Instant) -> Attempt {
        let mut bytes = Vec::new();
        let mut block = [0; 16 * 1024];
        loop {
            match response.read(&mut block) {
                Ok(0) => return Attempt::Answer(bytes),
                Ok(n) => bytes.extend_from_slice(block.get(..n).unwrap_or_default()),
                Err(error) => return Attempt::Again(error.to_string(), None),
            }
            if bytes.len() > MAX_ANSWER {
                let reason = format!("more than {MAX_ANSWER} bytes");
                return Attempt::Refused(RemoteError::Answer { url: self.address().to_owned(), reason });
            }
            if Instant::now() >= end {
                return Attempt::Again("an answer that was not complete in time".to_owned(), None);
            }
        }
    }
}

/// Such an address is this machine's: no proxy elsewhere could reach it.
fn is_loopback(host: &str) -> bool {
    let numbers = |rest: &str| rest.chars().all(|c| c.is_ascii_digit() || c == '.');
    matches!(host, "localhost" | "[::1]") || host.strip_prefix("127.").is_some_and(numbers)
}

/// The error and what caused it, without the address, which the caller names.
fn reason(error: reqwest::Error) -> String {
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
    fn loopback_is_this_machine() {
        assert!(["localhost", "127.0.0.1", "127.1.2.3", "[::1]"].iter().all(|host| is_loopback(host)));
        assert!(["127.evil.test", "localhost.test", "10.0.0.1", "128.0.0.1", ""].iter().all(|host| !is_loopback(host)));
    }
}
