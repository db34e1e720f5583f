//! A Rekor v1 log over loopback HTTP, as honest or as broken as a test wants it.

use std::collections::BTreeMap;
use std::io::Read;
use std::io::Write;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use serde_json::json;

use super::virtual_sigstore::b64;
use super::virtual_sigstore::merkle;

/// Longest request that is read, in bytes.
const MAX_REQUEST: usize = 1024 * 1024;
/// Longest time for which a connection is held.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the log answers a request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// With the entries that were asked for and are there.
    Honest,
    /// With all entries, asked for or not.
    Everything,
    /// With this body.
    Body(Vec<u8>),
    /// With a status, and headers such as `Retry-After: 1`.
    Status(u16, &'static str),
    /// After this long.
    Late(Duration),
    /// A byte each 50 milliseconds, for ever.
    Drip,
    /// By closing the connection.
    HangUp,
    /// With more bytes than these, in white space.
    Endless(usize),
    /// By sending the client elsewhere.
    Redirect(String),
}

/// A log that listens on 127.0.0.1 until it is dropped.
pub struct LogServer {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Value>>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl LogServer {
    /// Serves these entries (`tlogEntries` items of bundles). Each request is answered in the next way; the last way is
    /// that of all further requests.
    pub fn start(entries: &[Value], answers: &[Answer]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let entries: BTreeMap<String, Value> = entries.iter().map(api_entry).collect();
        let (answers, questions, stopped) = (answers.to_vec(), asked.clone(), stop.clone());
        let running = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(SeqCst) {
                    return;
                }
                let (Ok(stream), entries) = (stream, entries.clone()) else { continue };
                let number = questions.lock().unwrap().len();
                let answer = answers.get(number).or(answers.last()).cloned().unwrap_or(Answer::Honest);
                let Some(question) = read_question(&stream) else { continue };
                questions.lock().unwrap().push(question.clone());
                let stopped = stopped.clone();
                thread::spawn(move || respond(stream, &answer, &question, &entries, &stopped));
            }
        });
        Self { address, asked, stop, running: Some(running) }
    }

    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far: its path under `path`, its body under `body`.
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for LogServer {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

/// An address where nothing listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The name of an entry, and the entry as Rekor's interface has it.
pub fn api_entry(entry: &Value) -> (String, Value) {
    let bytes = |value: &Value| {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(value.as_str().unwrap()).unwrap()
    };
    let hexed = |value: &Value| hex::encode(bytes(value));
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let body = bytes(&entry["canonicalizedBody"]);
    let mut verification = json!({});
    if let Some(proof) = entry.get("inclusionProof") {
        let hashes = proof["hashes"].as_array().unwrap().iter().map(hexed).collect::<Vec<_>>();
        verification["inclusionProof"] = json!({
            "checkpoint": proof["checkpoint"]["envelope"],
            "hashes": hashes,
            "logIndex": number(&proof["logIndex"]),
            "rootHash": hexed(&proof["rootHash"]),
            "treeSize": number(&proof["treeSize"]),
        });
    }
    if let Some(promise) = entry.get("inclusionPromise") {
        verification["signedEntryTimestamp"] = promise["signedEntryTimestamp"].clone();
    }
    let name = hex::encode(merkle::leaf(&body));
    let value = json!({
        "body": b64(&body),
        "integratedTime": number(&entry["integratedTime"]),
        "logID": hexed(&entry["logId"]["keyId"]),
        "logIndex": number(&entry["logIndex"]),
        "attestation": {"data": ""},
        "verification": verification,
    });
    (name, value)
}

fn read_question(mut stream: &TcpStream) -> Option<Value> {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = Vec::new();
    let mut block = [0; 4096];
    loop {
        let read = stream.read(&mut block).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&block[..read]);
        if text.len() > MAX_REQUEST {
            return None;
        }
        let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if text.len() >= end + 4 + length {
            let body = serde_json::from_slice(&text[end + 4..]).unwrap_or(Value::Null);
            let first = head.lines().next().unwrap_or_default().to_owned();
            let agent = head.lines().find_map(|line| line.strip_prefix("user-agent: ")).unwrap_or_default();
            return Some(json!({"path": first, "body": body, "agent": agent}));
        }
    }
}

fn respond(
    mut stream: TcpStream,
    answer: &Answer,
    question: &Value,
    entries: &BTreeMap<String, Value>,
    stopped: &AtomicBool,
) {
    let send = |stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        // The client may have gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    let all = |wanted: &dyn Fn(&str) -> bool| {
        let found = entries.iter().filter(|(name, _)| wanted(name));
        Value::Array(found.map(|(name, entry)| json!({(format!("108e9186e8c5677a{name}")): entry})).collect())
    };
    let names: Vec<&str> =
        question["body"]["entryUUIDs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let honest = || all(&|name| names.contains(&name)).to_string().into_bytes();
    match answer {
        Answer::Honest if !question["path"].as_str().unwrap().contains("/api/v1/log/entries/retrieve ") => {
            send(&mut stream, 404, "", b"{}");
        }
        Answer::Honest => send(&mut stream, 200, "", &honest()),
        Answer::Everything => send(&mut stream, 200, "", all(&|_| true).to_string().as_bytes()),
        Answer::Body(body) => send(&mut stream, 200, "", body),
        Answer::Status(status, "") => send(&mut stream, *status, "", b"{}"),
        Answer::Status(status, header) => send(&mut stream, *status, &format!("{header}\r\n"), b"{}"),
        Answer::Late(pause) => {
            thread::sleep(*pause);
            send(&mut stream, 200, "", &honest());
        }
        Answer::Drip => {
            let mut go = stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n").is_ok();
            while go && !stopped.load(SeqCst) {
                thread::sleep(Duration::from_millis(50));
                go = stream.write_all(b" ").is_ok();
            }
        }
        Answer::HangUp => drop(stream),
        Answer::Endless(least) => {
            let mut go = stream.write_all(b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\n").is_ok();
            let mut sent = 0;
            while go && sent < least + 64 * 1024 {
                go = stream.write_all(&[b' '; 4096]).is_ok();
                sent += 4096;
            }
        }
        Answer::Redirect(to) => send(&mut stream, 307, &format!("Location: {to}\r\n"), b""),
    }
}
