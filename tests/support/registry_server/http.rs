//! Just enough HTTP/1.1, plain or over TLS, to answer one request a connection, well or badly.

use std::io;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rustls::ServerConnection;
use rustls::StreamOwned;
use serde_json::Value;
use serde_json::json;

/// Longest request that is read, in bytes.
const MAX_REQUEST: usize = 64 * 1024 * 1024;
/// Longest head of a request, in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// Longest time for which a silent connection is held.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A connection.
pub enum Wire {
    /// Without TLS.
    Plain(TcpStream),
    /// With it.
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Wire {
    /// Says that nothing follows.
    pub fn close(mut self) {
        if let Self::Tls(stream) = &mut self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }
}

impl Read for Wire {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(into),
            Self::Tls(stream) => stream.read(into),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// Names in lower case, values as sent.
    pub headers: Vec<(String, String)>,
    /// The body, taken out of its chunks.
    pub body: Vec<u8>,
}

impl Request {
    /// The path without the query.
    pub fn path(&self) -> &str {
        self.target.split_once('?').map_or(self.target.as_str(), |(path, _)| path)
    }

    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// A parameter of the query, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        parameter(self.target.split_once('?')?.1, name)
    }
}

/// A parameter of a query or a form, decoded.
pub fn parameter(text: &str, name: &str) -> Option<String> {
    let pair = text.split('&').filter_map(|pair| pair.split_once('=')).find(|pair| pair.0 == name)?;
    let mut decoded = Vec::new();
    let mut rest = pair.1.bytes();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let pair = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status code.
    pub status: u16,
    /// Headers but those of length and connection.
    pub headers: Vec<(String, String)>,
    /// The body; of an answer to `HEAD`, what `GET` would have got.
    pub body: Vec<u8>,
}

impl Reply {
    /// Without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Bytes of a media type.
    pub fn bytes(status: u16, media_type: &str, body: Vec<u8>) -> Self {
        Self { status, headers: vec![("Content-Type".to_owned(), media_type.to_owned())], body }
    }

    /// A JSON answer.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, "application/json", value.to_string().into_bytes())
    }

    /// A refusal in the shape that registries share.
    pub fn refusal(status: u16, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    /// This answer with a header, in place of an older one of the name.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(found, _)| !found.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The head; a length of `None` means that the end of the connection is the end of the body.
    pub fn head(&self, length: Option<usize>) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {} x\r\n", self.status);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(length) = length {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("Connection: close\r\n\r\n");
        head.into_bytes()
    }
}

/// Reads a request; `None` if it does not come whole.
pub fn read(stream: &mut Wire) -> Option<Request> {
    let mut reader = Reader { stream, buffer: Vec::new() };
    let head = reader.until(b"\r\n\r\n", MAX_HEAD)?;
    let mut request = parse_head(&String::from_utf8_lossy(&head))?;
    if request.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        loop {
            let line = String::from_utf8(reader.until(b"\r\n", MAX_HEAD)?).ok()?;
            let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
            if request.body.len() + size > MAX_REQUEST {
                return None;
            }
            let chunk = reader.exactly(size + 2)?;
            request.body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return Some(request);
            }
        }
    }
    let length = request.header("content-length").map_or(Some(0), |length| length.trim().parse().ok())?;
    if length > MAX_REQUEST {
        return None;
    }
    request.body = reader.exactly(length)?;
    Some(request)
}

struct Reader<'a> {
    stream: &'a mut Wire,
    buffer: Vec<u8>,
}

impl Reader<'_> {
    fn more(&mut self) -> Option<()> {
        let mut block = vec![0; 64 * 1024];
        let read = self.stream.read(&mut block).ok().filter(|read| *read > 0)?;
        self.buffer.extend_from_slice(&block[..read]);
        Some(())
    }

    fn until(&mut self, mark: &[u8], most: usize) -> Option<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(mark.len()).position(|part| part == mark) {
                let mut part: Vec<u8> = self.buffer.drain(..at + mark.len()).collect();
                part.truncate(at);
                return Some(part);
            }
            if self.buffer.len() > most {
                return None;
            }
            self.more()?;
        }
    }

    fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            self.more()?;
        }
        Some(self.buffer.drain(..length).collect())
    }
}

fn parse_head(text: &str) -> Option<Request> {
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_lowercase(), value.trim().to_owned()))
    };
    let headers = lines.map(header).collect::<Option<Vec<_>>>()?;
    Some(Request { method, target, headers, body: Vec::new() })
}

/// Waits, but not for longer than the server lives.
pub fn pause(time: Duration, stopped: &AtomicBool) {
    let begin = Instant::now();
    while begin.elapsed() < time && !stopped.load(SeqCst) {
        thread::sleep(Duration::from_millis(10).min(time));
    }
}
