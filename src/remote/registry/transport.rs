//! Requests to registries and what is behind them: deadline, attempts, pace, redirects followed by hand.

use std::io;
use std::io::Read;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use reqwest::Method;
use reqwest::Url;
use reqwest::blocking::Body;
use reqwest::blocking::Client;
use reqwest::blocking::RequestBuilder;
use reqwest::blocking::Response;
use reqwest::header;
use reqwest::header::HeaderMap;
use reqwest::header::HeaderValue;
use reqwest::redirect::Policy;
use reqwest::tls::Certificate;

use crate::formats::json;
use crate::remote::http;
use crate::remote::http::FIRST_PAUSE;
use crate::remote::http::MAX_ATTEMPTS;
use crate::remote::http::MAX_REFUSAL;
use crate::remote::http::REFUSAL;
use crate::remote::registry::Access;
use crate::remote::registry::RegistryError;

/// Most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 5;
/// A transfer that is slower than this on the whole has stopped moving, in bytes a second.
const MIN_RATE: u64 = 64 * 1024;

/// What is asked. It has no text form, since addresses of uploads may hold secrets.
#[derive(Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) accept: &'a str,
    /// Media type and bytes.
    pub(super) body: Option<(&'a str, &'a [u8])>,
    pub(super) if_match: Option<&'a str>,
    pub(super) authorization: Option<HeaderValue>,
}

impl<'a> Call<'a> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Call { method, url, accept: "*/*", body: None, if_match: None, authorization: None }
    }

    pub(super) fn get(url: Url, accept: &'a str) -> Self {
        Call { accept, ..Call::new(Method::GET, url) }
    }

    fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }
}

/// A body that was read up to a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bytes {
    /// All of it.
    Whole(Vec<u8>),
    /// There is more than the limit.
    More,
}

/// An answer, before its body is read.
pub(super) struct Head {
    response: Response,
    /// The registry's own answer, and not that of whoever it redirected to.
    pub(super) own: bool,
}

impl Head {
    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }
}

/// What registries say about a refusal (OCI distribution spec, "Error Codes"; the last two are the distribution project's).
const REGISTERED: &[&str] = &[
    "BLOB_UNKNOWN",
    "BLOB_UPLOAD_INVALID",
    "BLOB_UPLOAD_UNKNOWN",
    "DIGEST_INVALID",
    "MANIFEST_BLOB_UNKNOWN",
    "MANIFEST_INVALID",
    "MANIFEST_UNKNOWN",
    "NAME_INVALID",
    "NAME_UNKNOWN",
    "SIZE_INVALID",
    "UNAUTHORIZED",
    "DENIED",
    "UNSUPPORTED",
    "TOOMANYREQUESTS",
    "TAG_INVALID",
    "UNAVAILABLE",
];

/// An answer with its body: what was asked for when the status is 2xx, else what is said about it.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) own: bool,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The media type, without parameters.
    pub(super) fn media_type(&self) -> &str {
        let text = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        text.split(';').next().unwrap_or_default().trim()
    }

    /// The code of the first of the registry's `errors`, as far as it is one of those that are registered. Its own words are not
    /// repeated: they may hold what opened the registry.
    pub(super) fn said(&self) -> Option<String> {
        let Bytes::Whole(body) = &self.body else { return None };
        let value = json::parse(body).ok()?;
        let code = value.get("errors")?.get(0)?.get("code")?.as_str()?;
        REGISTERED.iter().find(|known| **known == code).map(|known| (*known).to_owned())
    }
}

/// A body that is read as it comes. A transfer that stops moving is an error.
pub struct Stream {
    response: Response,
    end: Instant,
}

impl Stream {
    /// Its length, where the answer says it.
    pub fn length(&self) -> Option<u64> {
        self.response.content_length()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if Instant::now() >= self.end {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "a transfer that has all but stopped"));
        }
        self.response.read(buffer)
    }
}

/// How often one registry is asked.
pub(super) struct Pace {
    gap: Option<Duration>,
    turns: Mutex<Turns>,
}

#[derive(Default)]
struct Turns {
    next: Option<Instant>,
    /// Until when the registry asked to be left alone.
    held: Option<Instant>,
}

impl Pace {
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        Self { gap: per_second.map(|n| Duration::from_secs(1) / n.get()), turns: Mutex::default() }
    }

    /// Waits for its turn, and says how long that took. Whoever waits while the registry asks to be left alone waits for that
    /// too; it ends, since nobody is asked to wait without asking.
    fn wait(&self) -> Duration {
        let start = Instant::now();
        loop {
            let turn = self.turn(Instant::now());
            thread::sleep(turn.saturating_duration_since(Instant::now()));
            if !self.is_held(turn) {
                return start.elapsed();
            }
        }
    }

    /// When whoever asks now may go on.
    fn turn(&self, now: Instant) -> Instant {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = [turns.next, turns.held].into_iter().flatten().fold(now, Instant::max);
        if let Some(gap) = self.gap {
            turns.next = Some(turn + gap);
        }
        turn
    }

    /// Nobody's turn comes before then.
    fn hold(&self, until: Instant) {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.held = Some(turns.held.map_or(until, |held| held.max(until)));
    }

    /// Whether a turn was taken back meanwhile.
    fn is_held(&self, turn: Instant) -> bool {
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.held.is_some_and(|held| held > turn)
    }
}

/// What became of one attempt.
enum Attempt<T> {
    Done(T),
    Failed(RegistryError),
    Again(String),
    Later(Option<u64>),
}

/// Connections to registries. Proxies are those of the system; a loopback address is always asked directly.
pub(super) struct Transport {
    direct: Client,
    proxied: Client,
    total: Duration,
}

impl Transport {
    pub(super) fn new(access: &Access) -> Result<Self, RegistryError> {
        let refused = |found: String| RegistryError::Setup {
            registry: "registries".to_owned(),
            expected: "certificates of authorities, DER",
            found,
        };
        let build = |proxies: Proxies| {
            let mut builder = Client::builder()
                .user_agent(http::AGENT)
                .redirect(Policy::none())
                .referer(false)
                .connect_timeout(http::CONNECT)
                .timeout(access.total);
            for der in &access.authorities {
                let certificate = Certificate::from_der(der).map_err(|error| refused(http::reason(error)))?;
                builder = builder.add_root_certificate(certificate);
            }
            let builder = if proxies == Proxies::None { builder.no_proxy() } else { builder };
            builder.build().map_err(|error| refused(http::reason(error)))
        };
        Ok(Self { direct: build(Proxies::None)?, proxied: build(Proxies::System)?, total: access.total })
    }

    /// Asks, and reads at most `cap` bytes of an answer with status 2xx. Connection errors, answers that break off and
    /// server errors are tried again. Redirects are followed where something is read.
    pub(super) fn fetch(&self, call: &Call<'_>, cap: usize, pace: Option<&Pace>) -> Result<Answer, RegistryError> {
        self.attempts(&call.url, pace, |end| {
            let left = end.saturating_duration_since(Instant::now());
            match self.follow(call, Some(left)) {
                Attempt::Done(head) => read_answer(head, cap, end),
                Attempt::Failed(error) => Attempt::Failed(error),
                Attempt::Again(reason) => Attempt::Again(reason),
                Attempt::Later(seconds) => Attempt::Later(seconds),
            }
        })
    }

    /// Asks for something large: Ok with a stream of `size` bytes at most at status 200, else the answer.
    pub(super) fn open(
        &self,
        call: &Call<'_>,
        size: u64,
        pace: Option<&Pace>,
    ) -> Result<Result<Stream, Answer>, RegistryError> {
        let end = Instant::now() + self.transfer(size);
        let head = self.attempts(&call.url, pace, |_| self.follow(call, None))?;
        if head.status() == 200 {
            return Ok(Ok(Stream { response: head.response, end }));
        }
        match read_answer(head, 0, Instant::now() + REFUSAL) {
            Attempt::Done(answer) => Ok(Err(answer)),
            _ => Err(self.unavailable(&call.url, "an answer that broke off".to_owned())),
        }
    }

    /// Sends a body of `size` bytes as it comes, once.
    pub(super) fn send(
        &self,
        call: &Call<'_>,
        size: u64,
        content: impl Read + Send + 'static,
        pace: Option<&Pace>,
    ) -> Result<Answer, RegistryError> {
        pace.map(Pace::wait);
        let request = self.request(call, Some(self.transfer(size)));
        let request = request.header(header::CONTENT_TYPE, "application/octet-stream");
        let response = match request.body(Body::sized(content, size)).send() {
            Ok(response) => response,
            Err(error) => return Err(self.unavailable(&call.url, http::reason(error))),
        };
        let status = response.status().as_u16();
        let head = Head { response, own: true };
        match read_answer(head, MAX_REFUSAL, Instant::now() + REFUSAL) {
            Attempt::Done(answer) if status == 429 => {
                let retry_after = seconds(&answer.headers);
                Err(RegistryError::Throttled { url: plain(&call.url), retry_after })
            }
            Attempt::Done(_) if status >= 500 => Err(self.unavailable(&call.url, format!("status {status}"))),
            Attempt::Done(answer) => Ok(answer),
            _ => Err(self.unavailable(&call.url, "an answer that broke off".to_owned())),
        }
    }

    /// How long a transfer may take.
    fn transfer(&self, size: u64) -> Duration {
        self.total.saturating_add(Duration::from_secs(size / MIN_RATE)).min(Duration::from_secs(24 * 60 * 60))
    }

    pub(super) fn unavailable(&self, url: &Url, reason: String) -> RegistryError {
        RegistryError::Unavailable { url: plain(url), seconds: self.total.as_secs(), reason }
    }

    fn attempts<T>(
        &self,
        url: &Url,
        pace: Option<&Pace>,
        mut attempt: impl FnMut(Instant) -> Attempt<T>,
    ) -> Result<T, RegistryError> {
        let mut end = Instant::now() + self.total;
        let mut pause = FIRST_PAUSE;
        let mut own = Duration::ZERO;
        let mut n = 0;
        loop {
            // Waiting for one's own turn is no part of waiting for the registry, but what it asked for itself is.
            let waited = pace.map(Pace::wait).unwrap_or_default();
            end += waited.saturating_sub(std::mem::take(&mut own));
            n += 1;
            let (error, asked) = match attempt(end) {
                Attempt::Done(value) => return Ok(value),
                Attempt::Failed(error) => return Err(error),
                Attempt::Again(reason) => (self.unavailable(url, reason), None),
                Attempt::Later(retry_after) => {
                    let error = RegistryError::Throttled { url: plain(url), retry_after };
                    (error, retry_after.map(Duration::from_secs))
                }
            };
            let wait = asked.unwrap_or(pause).max(pause);
            if n >= MAX_ATTEMPTS || wait >= end.saturating_duration_since(Instant::now()) {
                return Err(error);
            }
            match pace.filter(|_| asked.is_some()) {
                Some(pace) => {
                    own = wait;
                    pace.hold(Instant::now() + wait);
                }
                None => thread::sleep(wait),
            }
            pause = pause.saturating_mul(2);
        }
    }

    fn request(&self, call: &Call<'_>, timeout: Option<Duration>) -> RequestBuilder {
        let loopback = http::is_loopback(call.url.host_str().unwrap_or_default());
        let client = if loopback { &self.direct } else { &self.proxied };
        let mut request = client.request(call.method.clone(), call.url.clone()).header(header::ACCEPT, call.accept);
        if let Some((media_type, bytes)) = call.body {
            request = request.header(header::CONTENT_TYPE, media_type).body(bytes.to_vec());
        } else if call.method == Method::POST {
            request = request.body(Vec::new());
        }
        if let Some(etag) = call.if_match {
            request = request.header(header::IF_MATCH, etag);
        }
        if let Some(value) = &call.authorization {
            request = request.header(header::AUTHORIZATION, value.clone());
        }
        match timeout {
            Some(timeout) => request.timeout(timeout),
            None => request,
        }
    }

    /// One attempt, with the redirects that are followed. Nobody but the registry itself is sent what opens it.
    fn follow(&self, call: &Call<'_>, timeout: Option<Duration>) -> Attempt<Head> {
        let mut call = call.clone();
        let first = call.url.clone();
        let authorization = call.authorization.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = match self.request(&call, timeout).send() {
                Ok(response) => response,
                Err(error) => return Attempt::Again(http::reason(error)),
            };
            match response.status().as_u16() {
                301 | 302 | 303 | 307 | 308 => {}
                429 => return Attempt::Later(seconds(response.headers())),
                status @ 500.. if status != 501 => return Attempt::Again(format!("status {status}")),
                _ => return Attempt::Done(Head { response, own: same_origin(&call.url, &first) }),
            }
            let location = response.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let found = location.and_then(|text| call.url.join(text).ok());
            let refused = |found: String| RegistryError::Redirect { url: plain(&first), found };
            let Some(next) = found else {
                return Attempt::Failed(refused("an address that is missing or malformed".to_owned()));
            };
            if !call.is_read() || !may_follow(&call.url, &next) {
                return Attempt::Failed(refused(plain(&next)));
            }
            call.authorization = authorization.clone().filter(|_| same_origin(&next, &first));
            call.url = next;
        }
        Attempt::Failed(RegistryError::Redirect { url: plain(&first), found: format!("more than {MAX_REDIRECTS}") })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Proxies {
    None,
    System,
}

fn read_answer(head: Head, cap: usize, end: Instant) -> Attempt<Answer> {
    let Head { mut response, own } = head;
    let status = response.status();
    let cap = if status.is_success() { cap } else { MAX_REFUSAL };
    let headers = response.headers().clone();
    let mut body = Vec::new();
    let mut block = [0; 16 * 1024];
    let body = loop {
        match response.read(&mut block) {
            Ok(0) => break Bytes::Whole(body),
            Ok(n) => body.extend_from_slice(block.get(..n).unwrap_or_default()),
            Err(_) if !status.is_success() => break Bytes::More,
            Err(error) => return Attempt::Again(format!("an answer that broke off: {error}")),
        }
        if body.len() > cap {
            break Bytes::More;
        }
        if Instant::now() >= end {
            return Attempt::Again("an answer that was not complete in time".to_owned());
        }
    };
    Attempt::Done(Answer { status: status.as_u16(), headers, body, own })
}

fn seconds(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// From https only to https; else to https, or to this machine.
fn may_follow(from: &Url, to: &Url) -> bool {
    let loopback = |url: &Url| http::is_loopback(url.host_str().unwrap_or_default());
    let plain = to.scheme() == "http" && from.scheme() == "http" && loopback(from) && loopback(to);
    (to.scheme() == "https" || plain) && to.username().is_empty() && to.password().is_none()
}

/// Same scheme, host and port.
pub(super) fn same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// An address as it may be printed: queries hold what opens uploads and downloads.
pub(super) fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    if !url.username().is_empty() || url.password().is_some() {
        return "…".to_owned();
    }
    http::shown(url.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_a_gap_apart() {
        let pace = Pace::new(NonZeroU32::new(10));
        let now = Instant::now();
        let turns = [(); 3].map(|()| pace.turn(now) - now);
        assert_eq!(turns, [0, 100, 200].map(Duration::from_millis));
        let free = Pace::new(None);
        assert_eq!([(); 3].map(|()| free.turn(now) - now), [Duration::ZERO; 3]);
    }

    #[test]
    fn what_a_registry_asks_of_one_counts_for_all() {
        for (rate, after) in [(None, [300, 300]), (NonZeroU32::new(10), [300, 400])] {
            let pace = Pace::new(rate);
            let now = Instant::now();
            let before = pace.turn(now);
            pace.hold(now + Duration::from_millis(300));
            // A shorter wait does not take back a longer one.
            pace.hold(now + Duration::from_millis(100));
            assert!(pace.is_held(before));
            let turns = [(); 2].map(|()| pace.turn(now));
            assert_eq!(turns.map(|turn| turn - now), after.map(Duration::from_millis));
            assert!(turns.iter().all(|turn| !pace.is_held(*turn)));
        }
    }
}
