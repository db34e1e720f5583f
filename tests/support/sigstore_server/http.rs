//! Just enough HTTP/1.1 to answer one request a connection, well or badly.

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

/// Longest request that is read, in bytes.
const MAX_REQUEST: usize = 32 * 1024 * 1024;
/// Longest time for which a silent connection is held.
const PATIENCE: Duration = Duration::from_secs(20);
/// Longest time for which a connection drips.
const LONGEST_DRIP: Duration = Duration::from_secs(60);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Path without the query.
    pub path: String,
    /// What follows `?`; empty if nothing does.
    pub query: String,
    /// Names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query, as it stands there.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name).map(|pair| pair.1)
    }

    /// The body as JSON.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Further header lines, each with its line end.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(status: u16, value: &Value) -> Self {
        let headers = "Content-Type: application/json\r\n".to_owned();
        Self { status, headers, body: value.to_string().into_bytes() }
    }

    /// A refusal in the shape that Sigstore's services share.
    pub fn refusal(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"code": 3, "message": message}))
    }

    /// Bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: format!("Content-Type: {media_type}\r\n"), body }
    }

    /// This answer with one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Sends it. The client may have gone.
    pub fn send(&self, stream: &mut TcpStream) {
        let (status, headers, length) = (self.status, &self.headers, self.body.len());
        let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&self.body));
    }
}

/// Reads a request; `None` if it does not come whole.
pub fn read(mut stream: &TcpStream) -> Option<Request> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut text = Vec::new();
    let mut block = vec![0; 64 * 1024];
    let mut whole = None;
    loop {
        let read = stream.read(&mut block).ok().filter(|read| *read > 0)?;
        text.extend_from_slice(&block[..read]);
        if text.len() > MAX_REQUEST {
            return None;
        }
        if whole.is_none() {
            let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let mut request = head(&String::from_utf8_lossy(&text[..end]))?;
            let length = request.header("content-length").map_or(Some(0), |length| length.trim().parse().ok())?;
            text.drain(..end + 4);
            request.body.reserve(length);
            whole = Some((request, length));
        }
        if let Some((mut request, length)) = whole.take_if(|(_, length)| text.len() >= *length) {
            text.truncate(length);
            request.body = text;
            return Some(request);
        }
    }
}

fn head(text: &str) -> Option<Request> {
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?);
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    Some(Request { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() })
}

/// A byte each 50 milliseconds, until the client or the server goes.
pub fn drip(stream: &mut TcpStream, stopped: &AtomicBool) {
    let begin = Instant::now();
    let mut go = stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n").is_ok();
    while go && !stopped.load(SeqCst) && begin.elapsed() < LONGEST_DRIP {
        thread::sleep(Duration::from_millis(50));
        go = stream.write_all(b" ").is_ok();
    }
}

/// White space, more than `least` bytes of it.
pub fn endless(stream: &mut TcpStream, least: usize) {
    let head = b"HTTP/1.1 200 x\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let mut go = stream.write_all(head).is_ok();
    let mut sent = 0;
    while go && sent < least + 64 * 1024 {
        go = stream.write_all(&[b' '; 4096]).is_ok();
        sent += 4096;
    }
}

/// Waits, but not for longer than the server lives.
pub fn pause(time: Duration, stopped: &AtomicBool) {
    let begin = Instant::now();
    while begin.elapsed() < time && !stopped.load(SeqCst) {
        thread::sleep(Duration::from_millis(10).min(time));
    }
}
