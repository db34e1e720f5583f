//! A Sigstore over loopback HTTP: tokens, certificates, logs and timestamps, each as honest or as broken as a test wants it.
//!
//! One server is one [`VirtualSigstore`] with trees that grow and the clock of now. It checks what the real services
//! check: audience, end and signature of a token, proof of possession, the signature of what is logged. Then it does
//! what its client asks, or what the test told it to do instead.
//!
//! ```ignore
//! let server = SigstoreServer::start("seed", Instance::Public);
//! server.behave(Service::Authority, &[Behaviour::Status(503, ""), Behaviour::Status(503, ""), Behaviour::Honest]);
//! server.behave(Service::LogV1, &[Behaviour::Lie(Lie::OtherEnvelope)]);
//! let (config, root) = (server.signing_config(Offer::V1), server.trusted_root());
//! let token = server.token(&tokens::github(&GitHub::default()));
//! // … the client under test …
//! assert_eq!(server.count(Service::Authority), 3);
//! ```
//!
//! Each request is answered in the next way of its service's list; the last way is that of all further requests.

pub mod authority;
pub mod check;
pub mod http;
pub mod logs;
pub mod stamps;
pub mod tokens;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::support::sigstore_server::http::Reply;
use crate::support::sigstore_server::http::Request;
use crate::support::sigstore_server::logs::Tree;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::SctLie;
use crate::support::virtual_sigstore::VirtualSigstore;

/// Most connections that are answered at one time; more wait.
const MAX_CONNECTIONS: usize = 32;
/// What the token service wants as a bearer.
const REQUEST_TOKEN: &str = "bearer-of-the-job";

/// One of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// GitHub's token service, `GET /token`.
    Token,
    /// Fulcio, `POST /api/v2/signingCert`.
    Authority,
    /// Rekor v1, `/api/v1/log/entries…`.
    LogV1,
    /// Rekor v2, `POST /api/v2/log/entries`.
    LogV2,
    /// RFC 3161, `POST /api/v1/timestamp`.
    Timestamp,
}

/// All services that a signing run may ask.
pub const SERVICES: [Service; 5] =
    [Service::Token, Service::Authority, Service::LogV1, Service::LogV2, Service::Timestamp];

/// Which Sigstore it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instance {
    /// With logs of both sorts, as the public one.
    Public,
    /// Without logs of either sort, as GitHub's private one.
    Private,
}

/// How a service answers a request.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// As it should.
    Honest,
    /// As it should, after this long.
    Late(Duration),
    /// With a status, and header lines such as `Retry-After: 1`.
    Status(u16, &'static str),
    /// With this status and body.
    Body(u16, Vec<u8>),
    /// By doing what was asked and closing the connection.
    LoseAnswer,
    /// By closing the connection.
    HangUp,
    /// A byte each 50 milliseconds.
    Drip,
    /// With more bytes than these, in white space.
    Endless(usize),
    /// By sending the client elsewhere.
    Redirect(String),
    /// With something that is not so.
    Lie(Lie),
}

/// What a service says that is not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Token: for another audience.
    OtherAudience,
    /// Token: ended an hour ago.
    ExpiredToken,
    /// Token: an answer without one.
    NoToken,

    /// Certificate: for another client's key.
    OtherKey,
    /// Certificate: for another's name.
    OtherName,
    /// Certificate: Fulcio's extension of this number has another text.
    Claim(u8),
    /// Certificate: Fulcio's extension of this number is missing.
    NoClaim(u8),
    /// Certificate: by an authority that no trusted root names, under the same names.
    ForeignAuthority,
    /// Certificate: half an hour old.
    Expired,
    /// Certificate: without a signed certificate timestamp.
    NoSct,
    /// Certificate: with a wrong one.
    WrongSct(SctLie),
    /// Certificate: with the timestamp beside it.
    DetachedSct,
    /// Certificate: no certificate at all.
    EmptyChain,
    /// Certificate: a chain of so many certificates.
    LongChain(usize),

    /// Log: a good entry of the same log about something else.
    OtherEnvelope,
    /// Log: a proof in another tree beside the checkpoint of the true one.
    OtherTree,
    /// Log: a proof with a wrong hash.
    OtherProof,
    /// Log: no proof.
    NoProof,
    /// Log v1: a promise by another key.
    ForeignPromise,
    /// Log v1: a promise of another body.
    OtherPromise,
    /// Log v1: no promise.
    NoPromise,
    /// Log: a checkpoint by another key.
    ForeignCheckpoint,
    /// Log: a checkpoint of another root.
    OtherCheckpoint,
    /// Log: no checkpoint.
    NoCheckpoint,
    /// Log: all of it by a log that no trusted root names.
    ForeignLog,
    /// Log: names the other log of the trusted root.
    OtherLog,
    /// Log: a body that is not the one proven.
    ChangedBody,
    /// Log v1: integrated an hour before the certificate.
    EarlyEntry,
    /// Log v1: integrated an hour later.
    LateEntry,
    /// Log v1: the entry under another's name.
    OtherUuid,

    /// Timestamp: over other bytes.
    OtherBytes,
    /// Timestamp: another client's nonce.
    OtherNonce,
    /// Timestamp: no nonce.
    NoNonce,
    /// Timestamp: by an authority that no trusted root names.
    ForeignStamp,
    /// Timestamp: one bit of its signature is flipped.
    BadStamp,
    /// Timestamp: an hour before the certificate.
    EarlyStamp,
    /// Timestamp: an hour later.
    LateStamp,
    /// Timestamp: says that it was rejected, and carries the token all the same.
    Rejected,
}

/// Which services a signing configuration offers beside the certificate authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Offer {
    /// Rekor v1 alone.
    V1,
    /// Rekor v1 and a timestamp authority.
    V1Stamped,
    /// Rekor v2 and a timestamp authority.
    V2,
    /// Both logs, of which any will do, and a timestamp authority.
    Either,
    /// Both logs with the rule `ALL`, and a timestamp authority. A client takes all logs of the highest version.
    Both,
    /// A timestamp authority and no log.
    Logless,
}

/// All of them.
pub const OFFERS: [Offer; 6] = [Offer::V1, Offer::V1Stamped, Offer::V2, Offer::Either, Offer::Both, Offer::Logless];

/// One request that a server was asked.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The service that it went to, if any.
    pub service: Option<Service>,
    /// The request.
    pub request: Request,
}

struct State {
    asked: Vec<Asked>,
    behaviours: BTreeMap<Service, (usize, Vec<Behaviour>)>,
    claims: Value,
    v1: Tree,
    v2: Tree,
}

/// A Sigstore that listens on 127.0.0.1 until it is dropped.
pub struct SigstoreServer {
    /// The trust domain behind it.
    pub sigstore: VirtualSigstore,
    instance: Instance,
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl SigstoreServer {
    /// Starts the trust domain of a seed on a port of its own, all services honest.
    pub fn start(seed: &str, instance: Instance) -> Self {
        let sigstore = VirtualSigstore::new(seed);
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            asked: Vec::new(),
            behaviours: BTreeMap::new(),
            claims: tokens::github(&GitHub::default()),
            v1: Tree::new(&sigstore.rekor_v1.origin),
            v2: Tree::new(&sigstore.rekor_v2.origin),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            sigstore: sigstore.clone(),
            instance,
            url: format!("http://{address}"),
            state: state.clone(),
            stop: stop.clone(),
        };
        let running = thread::spawn(move || accept(&listener, &Arc::new(worker)));
        Self { sigstore, instance, address, state, stop, running: Some(running) }
    }

    /// `http://127.0.0.1:PORT`: the base of the certificate authority and of both logs.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address of the timestamp authority.
    pub fn timestamp_url(&self) -> String {
        format!("{}/api/v1/timestamp", self.url())
    }

    /// Has a service answer its next requests in these ways.
    pub fn behave(&self, service: Service, behaviours: &[Behaviour]) {
        self.state.lock().unwrap().behaviours.insert(service, (0, behaviours.to_vec()));
    }

    /// What the token service says from now on; at first, that of `GitHub::default()`.
    pub fn claims(&self, claims: Value) {
        self.state.lock().unwrap().claims = claims;
    }

    /// A token of these claims, good for ten minutes unless they say otherwise.
    pub fn token(&self, claims: &Value) -> String {
        tokens::token(&issuer(&self.sigstore), claims, Timestamp::now())
    }

    /// The two variables through which a GitHub job asks for its token.
    pub fn token_environment(&self) -> [(&'static str, String); 2] {
        [
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/token?api-version=2.0", self.url())),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", REQUEST_TOKEN.to_owned()),
        ]
    }

    /// Every request so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many requests a service was asked so far.
    pub fn count(&self, service: Service) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.service == Some(service)).count()
    }

    /// How many requests each method and path was asked so far.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for asked in self.asked() {
            *counts.entry(format!("{} {}", asked.request.method, asked.request.path)).or_default() += 1;
        }
        counts
    }

    /// How many entries clients have in Rekor v1 and in Rekor v2.
    pub fn entries(&self) -> (usize, usize) {
        let state = self.state.lock().unwrap();
        (state.v1.len(), state.v2.len())
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        self.state.lock().unwrap().asked.clear();
    }

    /// `trusted_root.json` of this instance.
    pub fn trusted_root(&self) -> Value {
        match self.instance {
            Instance::Public => self.sigstore.trusted_root(),
            Instance::Private => self.sigstore.private_trusted_root(),
        }
    }

    /// `signing_config.json` version 0.2.
    pub fn signing_config(&self, offer: Offer) -> Value {
        let url = self.url();
        let service = |url: &str, version: u8, operator: &str| {
            json!({"url": url, "majorApiVersion": version, "validFor": {"start": "2026-01-01T00:00:00Z"},
                "operator": operator})
        };
        let (one, two) = (service(&url, 1, "one.virtual.test"), service(&url, 2, "two.virtual.test"));
        let logs = match offer {
            Offer::V1 | Offer::V1Stamped => vec![one],
            Offer::V2 => vec![two],
            Offer::Either | Offer::Both => vec![two, one],
            Offer::Logless => vec![],
        };
        let stamps = match offer {
            Offer::V1 => vec![],
            _ => vec![service(&self.timestamp_url(), 1, "virtual.test")],
        };
        let mut config = json!({
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service(&url, 1, "virtual.test")],
            "oidcUrls": [service(&url, 1, "virtual.test")],
        });
        if !logs.is_empty() {
            config["rekorTlogUrls"] = json!(logs);
            config["rekorTlogConfig"] = json!({"selector": if offer == Offer::Both { "ALL" } else { "ANY" }});
        }
        if !stamps.is_empty() {
            config["tsaUrls"] = json!(stamps);
            config["tsaConfig"] = json!({"selector": "ANY"});
        }
        config
    }

    /// Writes `trusted_root.json` and a `signing_config.NAME.json` for each offer into a folder.
    pub fn save(&self, folder: &Path) {
        let write = |name: &str, value: &Value| std::fs::write(folder.join(name), value.to_string()).unwrap();
        write("trusted_root.json", &self.trusted_root());
        for offer in OFFERS {
            write(&format!("signing_config.{}.json", format!("{offer:?}").to_lowercase()), &self.signing_config(offer));
        }
    }
}

impl Drop for SigstoreServer {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

/// The key that signs identity tokens.
fn issuer(sigstore: &VirtualSigstore) -> Key {
    sigstore.key("token issuer", KeyKind::P256)
}

/// What a thread needs to answer a connection.
struct Worker {
    sigstore: VirtualSigstore,
    instance: Instance,
    url: String,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
}

fn accept(listener: &TcpListener, worker: &Arc<Worker>) {
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        while open.load(SeqCst) >= MAX_CONNECTIONS && !worker.stop.load(SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        if worker.stop.load(SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (worker, open) = (worker.clone(), open.clone());
        open.fetch_add(1, SeqCst);
        thread::spawn(move || {
            worker.serve(stream);
            open.fetch_sub(1, SeqCst);
        });
    }
}

impl Worker {
    fn serve(&self, mut stream: TcpStream) {
        let Some(request) = http::read(&stream) else { return };
        let service = service(&request);
        let behaviour = self.next(service, &request);
        match behaviour {
            Behaviour::Honest => self.answer(service, &request, None).send(&mut stream),
            Behaviour::Lie(lie) => self.answer(service, &request, Some(&lie)).send(&mut stream),
            Behaviour::Late(time) => {
                http::pause(time, &self.stop);
                self.answer(service, &request, None).send(&mut stream);
            }
            Behaviour::Status(status, header) => {
                let mut reply = Reply::refusal(status, "this is how the test wants it");
                if !header.is_empty() {
                    reply.headers.push_str(&format!("{header}\r\n"));
                }
                reply.send(&mut stream);
            }
            Behaviour::Body(status, body) => Reply::bytes(status, "application/json", body).send(&mut stream),
            Behaviour::LoseAnswer => drop(self.answer(service, &request, None)),
            Behaviour::HangUp => {}
            Behaviour::Drip => http::drip(&mut stream, &self.stop),
            Behaviour::Endless(least) => http::endless(&mut stream, least),
            Behaviour::Redirect(to) => Reply::refusal(307, "elsewhere").with("Location", &to).send(&mut stream),
        }
    }

    /// Notes the request, and says how it shall be answered.
    fn next(&self, service: Option<Service>, request: &Request) -> Behaviour {
        let mut state = self.state.lock().unwrap();
        state.asked.push(Asked { service, request: request.clone() });
        let Some((asked, list)) = service.and_then(|service| state.behaviours.get_mut(&service)) else {
            return Behaviour::Honest;
        };
        *asked += 1;
        list.get(*asked - 1).or(list.last()).cloned().unwrap_or(Behaviour::Honest)
    }

    fn answer(&self, service: Option<Service>, request: &Request, lie: Option<&Lie>) -> Reply {
        // Certificates, promises and timestamps count whole seconds.
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap();
        let mut state = self.state.lock().unwrap();
        let logged = self.instance == Instance::Public;
        let reply = match (service, request.method.as_str(), request.path.as_str()) {
            (Some(Service::Token), _, _) => Ok(self.token(&state.claims, request, lie)),
            (Some(Service::Authority), _, _) => {
                drop(state);
                let issuer = issuer(&self.sigstore);
                authority::answer(&self.sigstore, self.instance, &issuer, request, now, lie)
            }
            (Some(Service::LogV1), "POST", "/api/v1/log/entries/retrieve") if logged => {
                Ok(logs::retrieve_v1(&state.v1, request))
            }
            (Some(Service::LogV1), "POST", _) if logged => {
                logs::append_v1(&self.sigstore, &mut state.v1, request, now, lie)
            }
            (Some(Service::LogV1), _, _) if logged => Ok(logs::get_v1(&state.v1, request)),
            (Some(Service::LogV2), _, _) if logged => logs::append_v2(&self.sigstore, &mut state.v2, request, now, lie),
            (Some(Service::Timestamp), _, _) => stamps::answer(&self.sigstore, request, now, lie),
            (None, "GET", "/api/v2/trustBundle") => Ok(Reply::json(200, &authority::trust_bundle(&self.sigstore))),
            (None, "GET", "/.well-known/openid-configuration") => Ok(Reply::json(
                200,
                &json!({"issuer": self.url, "jwks_uri": format!("{}/jwks", self.url),
                    "id_token_signing_alg_values_supported": ["ES256"]}),
            )),
            (None, "GET", "/jwks") => Ok(Reply::json(200, &tokens::key_set(&issuer(&self.sigstore)))),
            _ => Ok(Reply::refusal(404, "no such path")),
        };
        reply.unwrap_or_else(|message| Reply::refusal(400, &message))
    }

    fn token(&self, claims: &Value, request: &Request, lie: Option<&Lie>) -> Reply {
        if request.header("authorization") != Some(&format!("Bearer {REQUEST_TOKEN}")) {
            return Reply::refusal(401, "expected the bearer of the job");
        }
        let now = Timestamp::now();
        let mut claims = claims.clone();
        claims["aud"] = json!(request.parameter("audience").unwrap_or("https://github.com/acme"));
        match lie {
            Some(Lie::OtherAudience) => claims["aud"] = json!("somebody-else"),
            Some(Lie::ExpiredToken) => claims["exp"] = json!(now.as_second() - 3600),
            Some(Lie::NoToken) => return Reply::json(200, &json!({"count": 0})),
            _ => {}
        }
        let token = tokens::token(&issuer(&self.sigstore), &claims, now);
        Reply::json(200, &json!({"count": token.len(), "value": token}))
    }
}

fn service(request: &Request) -> Option<Service> {
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/token") => Some(Service::Token),
        ("POST", "/api/v2/signingCert") => Some(Service::Authority),
        ("POST", "/api/v1/log/entries" | "/api/v1/log/entries/retrieve") => Some(Service::LogV1),
        ("GET", path) if path.starts_with("/api/v1/log/entries") => Some(Service::LogV1),
        ("POST", "/api/v2/log/entries") => Some(Service::LogV2),
        ("POST", "/api/v1/timestamp") => Some(Service::Timestamp),
        _ => None,
    }
}
