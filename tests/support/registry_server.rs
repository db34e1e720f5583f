//! An OCI registry in memory over loopback HTTP or HTTPS, as complete or as broken as a test wants it.
//!
//! ```ignore
//! let server = RegistryServer::start(Options { page_size: 2, ..Options::default() });
//! let digest = server.image("acme/app", "1.0");
//! server.fault("GET", "/manifests/", 2, Fault::Status(503, Some(1)));
//! // … the client under test, at server.host() …
//! assert_eq!(server.requests()[0], ("GET".to_owned(), "/v2/acme/app/manifests/1.0".to_owned(), false));
//! ```
//!
//! It checks what registries check: digests, ranges of uploads, that what a manifest names is there, who may do it. The
//! first fault that fits a request and is not used up decides its answer.

pub mod auth;
pub mod content;
pub mod http;
pub mod routes;
pub mod tls;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use rustls::ServerConnection;
use rustls::StreamOwned;

use crate::support::registry_server::auth::Token;
use crate::support::registry_server::content::Repository;
use crate::support::registry_server::http::PATIENCE;
use crate::support::registry_server::http::Reply;
use crate::support::registry_server::http::Request;
use crate::support::registry_server::http::Wire;
use crate::support::registry_server::tls::Tls;

/// Most connections that are answered at one time; more wait.
const MAX_CONNECTIONS: usize = 32;

/// Whether there is a list of referrers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferrersApi {
    /// There is.
    Present,
    /// The answer is this status: 404, 405, 406, or something worse.
    Refused(u16),
}

/// How the list of referrers is filtered by artifact type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// As asked.
    Honest,
    /// Not at all, and it does not say that it was.
    Ignored,
    /// Not at all, says that it was, and calls everything by this type.
    Lies(String),
}

/// Who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Everybody, everything.
    None,
    /// Whoever says these two, everything.
    Basic { user: String, password: String },
    /// Who has a token of the realm `/token`, what the token is for.
    Bearer {
        user: String,
        password: String,
        /// The refresh token that is as good as user and password.
        refresh: String,
        /// Whether nobody in particular gets tokens to pull.
        anonymous_pull: bool,
    },
}

/// What sort of registry it is.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "each says one thing that a registry may do")]
pub struct Options {
    /// Whether there is a list of referrers.
    pub referrers: ReferrersApi,
    /// Whether a manifest with a subject is answered with `OCI-Subject`. Some send it and have no list.
    pub subject_header: bool,
    /// Items on a page of referrers or tags.
    pub page_size: usize,
    /// Whether each page names a next one, for ever.
    pub endless_pages: bool,
    /// How referrers are filtered.
    pub filter: Filter,
    /// Whether what refers to other images is listed as well.
    pub foreign_referrers: bool,
    /// Whether manifests have an `ETag`, and `If-Match` and `If-None-Match` count.
    pub etags: bool,
    /// Whether a blob can be mounted from another repository.
    pub mounts: bool,
    /// Whether `POST …/uploads/?digest=` takes the whole blob.
    pub single_post: bool,
    /// Whether `Location` and `Link` are whole addresses.
    pub absolute: bool,
    /// Another server that `Location` and `Link` lead to: `http://HOST:PORT`.
    pub elsewhere: Option<String>,
    /// Who may do what.
    pub auth: Auth,
    /// Whether it speaks TLS, with a certificate of a private authority.
    pub tls: bool,
}

impl Default for Options {
    /// A registry that has everything and asks nobody who they are.
    fn default() -> Self {
        Self {
            referrers: ReferrersApi::Present,
            subject_header: true,
            page_size: 100,
            endless_pages: false,
            filter: Filter::Honest,
            foreign_referrers: false,
            etags: false,
            mounts: true,
            single_post: true,
            absolute: false,
            elsewhere: None,
            auth: Auth::None,
            tls: false,
        }
    }
}

/// How a request is answered instead of honestly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// With a status, and seconds of `Retry-After`.
    Status(u16, Option<u64>),
    /// With this status, media type and body.
    Body(u16, &'static str, Vec<u8>),
    /// Not at all, for as long as a connection is held.
    Hang,
    /// Honestly, after this long.
    Late(Duration),
    /// Honestly, but the connection ends amid the body.
    Truncate,
    /// Honestly, but with a bit of the body flipped.
    WrongBytes,
    /// Honestly, but with this header in place of the true one.
    Header(&'static str, String),
    /// With the honest head and so many blanks that no length announces.
    Endless(u64),
    /// By sending the client to this address.
    Redirect(String),
    /// By closing the connection.
    Drop,
    /// By doing what was asked and closing the connection.
    LoseAnswer,
    /// By saying that it was done, and not keeping it: as if somebody else had written over it.
    Forget,
}

struct Rule {
    method: String,
    part: String,
    times: usize,
    fault: Fault,
}

/// What changes while a registry runs.
#[derive(Default)]
pub struct State {
    repositories: BTreeMap<String, Repository>,
    tokens: Vec<Token>,
    asked: Vec<Request>,
    rules: Vec<Rule>,
    numbers: usize,
}

impl State {
    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }

    /// A number that was not given before.
    fn number(&mut self) -> usize {
        self.numbers += 1;
        self.numbers
    }
}

/// A registry that listens on 127.0.0.1 until it is dropped.
pub struct RegistryServer {
    shared: Arc<Shared>,
    ca_pem: Option<String>,
    address: SocketAddr,
    running: Option<JoinHandle<()>>,
}

/// What all threads of a registry share.
struct Shared {
    options: Options,
    tls: Option<Tls>,
    url: String,
    state: Mutex<State>,
    stop: AtomicBool,
    open: AtomicUsize,
    most: AtomicUsize,
    sent: AtomicU64,
}

impl RegistryServer {
    /// Starts an empty registry on a port of its own.
    pub fn start(options: Options) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let tls = options.tls.then(tls::private);
        let ca_pem = tls.as_ref().map(|tls| tls.ca_pem.clone());
        let url = format!("{}://{address}", if options.tls { "https" } else { "http" });
        let shared = Arc::new(Shared {
            options,
            tls,
            url,
            state: Mutex::default(),
            stop: AtomicBool::new(false),
            open: AtomicUsize::new(0),
            most: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        });
        let worker = shared.clone();
        let running = thread::spawn(move || accept(&listener, &worker));
        Self { shared, ca_pem, address, running: Some(running) }
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:PORT` or `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.shared.url.clone()
    }

    /// The certificate of the private authority, in PEM.
    ///
    /// # Panics
    /// The registry does not speak TLS.
    pub fn ca_pem(&self) -> &str {
        self.ca_pem.as_deref().unwrap()
    }

    fn with<T>(&self, repo: &str, act: impl FnOnce(&mut Repository) -> T) -> T {
        act(self.shared.state.lock().unwrap().repository(repo))
    }

    /// Stores a manifest without a look at it, and says its digest.
    pub fn put_manifest(&self, repo: &str, tag: Option<&str>, media_type: &str, bytes: &[u8]) -> String {
        let digest = content::digest(bytes);
        self.with(repo, |repository| repository.put(tag, &digest, media_type, bytes));
        digest
    }

    /// Stores a blob and says its digest.
    pub fn put_blob(&self, repo: &str, bytes: &[u8]) -> String {
        self.with(repo, |repository| repository.put_blob(bytes))
    }

    /// Makes an image of one layer, another one for each repository and tag, and says its digest.
    pub fn image(&self, repo: &str, tag: &str) -> String {
        self.with(repo, |repository| repository.image(Some(tag), "amd64", &format!("{repo}:{tag}")).0)
    }

    /// Makes an index of two images, and says its digest and theirs.
    pub fn index(&self, repo: &str, tag: &str) -> (String, Vec<String>) {
        self.with(repo, |repository| repository.index(tag, &format!("{repo}:{tag}")))
    }

    /// Makes a manifest that refers to an image, which need not be there, and says its digest.
    pub fn referrer(&self, repo: &str, subject: &str, artifact_type: &str, layer: &[u8]) -> String {
        self.with(repo, |repository| repository.referrer(subject, artifact_type, layer))
    }

    /// The bytes of the manifest that a tag or a digest names.
    pub fn manifest(&self, repo: &str, reference: &str) -> Option<Vec<u8>> {
        self.with(repo, |repository| repository.find(reference).map(|stored| stored.bytes.clone()))
    }

    /// The bytes of a blob.
    pub fn blob(&self, repo: &str, digest: &str) -> Option<Vec<u8>> {
        self.with(repo, |repository| repository.blobs.get(digest).cloned())
    }

    /// The tags of a repository, sorted.
    pub fn tags(&self, repo: &str) -> Vec<String> {
        self.with(repo, |repository| repository.tags.keys().cloned().collect())
    }

    /// Uploads of a repository that were begun and neither ended nor taken back.
    pub fn unfinished(&self, repo: &str) -> usize {
        self.with(repo, |repository| repository.uploads.len())
    }

    /// Every request so far: method, path with its query, and whether it had an `Authorization` header.
    pub fn requests(&self) -> Vec<(String, String, bool)> {
        let told = |request: Request| {
            let authorized = request.header("authorization").is_some();
            (request.method, request.target, authorized)
        };
        self.asked().into_iter().map(told).collect()
    }

    /// Every request so far, with its headers and without its body.
    pub fn asked(&self) -> Vec<Request> {
        self.shared.state.lock().unwrap().asked.clone()
    }

    /// Forgets what was asked and how much was sent.
    pub fn reset_requests(&self) {
        self.shared.state.lock().unwrap().asked.clear();
        self.shared.most.store(0, SeqCst);
        self.shared.sent.store(0, SeqCst);
    }

    /// How many connections were open at one time, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.most.load(SeqCst)
    }

    /// Bytes of endless bodies that were sent so far. Some of them may be in the buffers of sockets.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.sent.load(SeqCst)
    }

    /// Has the next so many requests of a method (any if empty), whose path and query have this part, answered so.
    pub fn fault(&self, method: &str, part: &str, times: usize, fault: Fault) {
        let rule = Rule { method: method.to_owned(), part: part.to_owned(), times, fault };
        self.shared.state.lock().unwrap().rules.push(rule);
    }

    /// Takes back all faults.
    pub fn heal(&self) {
        self.shared.state.lock().unwrap().rules.clear();
    }

    /// Makes all tokens so far worthless.
    pub fn revoke_tokens(&self) {
        self.shared.state.lock().unwrap().tokens.clear();
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        self.shared.stop.store(true, SeqCst);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        while shared.open.load(SeqCst) >= MAX_CONNECTIONS && !shared.stop.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        if shared.stop.load(SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let shared = shared.clone();
        shared.open.fetch_add(1, SeqCst);
        thread::spawn(move || {
            shared.serve(stream);
            shared.open.fetch_sub(1, SeqCst);
        });
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) {
        let ready = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
        if ready.is_err() {
            return;
        }
        let mut wire = match &self.tls {
            None => Wire::Plain(stream),
            Some(tls) => {
                let connection = ServerConnection::new(tls.config.clone()).unwrap();
                Wire::Tls(Box::new(StreamOwned::new(connection, stream)))
            }
        };
        let Some(request) = http::read(&mut wire) else { return };
        self.most.fetch_max(self.open.load(SeqCst), SeqCst);
        self.reply(&mut wire, &request);
        wire.close();
    }

    fn reply(&self, wire: &mut Wire, request: &Request) {
        let honest = || routes::answer(&mut self.state.lock().unwrap(), &self.options, &self.url, request);
        let Some(fault) = self.next(request) else { return self.send(wire, request, &honest()) };
        match fault {
            Fault::Status(status, retry) => {
                let reply = Reply::refusal(status, "UNAVAILABLE", "this is how the test wants it");
                let wait = |seconds: u64| reply.clone().with("Retry-After", &seconds.to_string());
                self.send(wire, request, &retry.map_or(reply.clone(), wait));
            }
            Fault::Body(status, media_type, body) => self.send(wire, request, &Reply::bytes(status, media_type, body)),
            Fault::Hang => http::pause(PATIENCE, &self.stop),
            Fault::Late(time) => {
                http::pause(time, &self.stop);
                self.send(wire, request, &honest());
            }
            Fault::Truncate => {
                let reply = honest();
                let _ = wire.write_all(&reply.head(Some(reply.body.len())));
                let _ = wire.write_all(&reply.body[..reply.body.len() / 2]).and_then(|()| wire.flush());
            }
            Fault::WrongBytes => {
                let mut reply = honest();
                if let Some(byte) = reply.body.last_mut() {
                    *byte ^= 1;
                }
                self.send(wire, request, &reply);
            }
            Fault::Header(name, value) => self.send(wire, request, &honest().with(name, &value)),
            Fault::Endless(total) => self.endless(wire, &honest(), total),
            Fault::Redirect(to) => self.send(wire, request, &Reply::empty(307).with("Location", &to)),
            Fault::Drop => {}
            Fault::LoseAnswer => drop(honest()),
            Fault::Forget => {
                let mut state = self.state.lock().unwrap();
                let before = state.repositories.clone();
                let reply = routes::answer(&mut state, &self.options, &self.url, request);
                state.repositories = before;
                drop(state);
                self.send(wire, request, &reply);
            }
        }
    }

    /// Notes the request, and says what is wrong with its answer.
    fn next(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.asked.push(Request { body: Vec::new(), ..request.clone() });
        let rule = state.rules.iter_mut().find(|rule| {
            let method = rule.method.is_empty() || rule.method == request.method;
            rule.times > 0 && method && request.target.contains(&rule.part)
        })?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    /// Sends an answer. The client may have gone.
    fn send(&self, wire: &mut Wire, request: &Request, reply: &Reply) {
        let length = (reply.status != 204).then_some(reply.body.len());
        let body: &[u8] = if request.method == "HEAD" { &[] } else { &reply.body };
        let _ = wire.write_all(&reply.head(length)).and_then(|()| wire.write_all(body)).and_then(|()| wire.flush());
    }

    fn endless(&self, wire: &mut Wire, reply: &Reply, total: u64) {
        let block = vec![b' '; 64 * 1024];
        let mut go = wire.write_all(&reply.head(None)).is_ok();
        let mut left = total;
        while go && left > 0 && !self.stop.load(SeqCst) {
            let size = left.min(64 * 1024);
            go = wire.write_all(&block[..usize::try_from(size).unwrap()]).is_ok();
            left -= size;
            self.sent.fetch_add(size, SeqCst);
        }
    }
}
