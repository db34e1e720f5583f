//! A scripted HTTP server on 127.0.0.1.

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

/// Longest request that is read, in bytes.
const MAX_REQUEST: usize = 1024 * 1024;
/// Longest time for which a connection is held.
const PATIENCE: Duration = Duration::from_secs(20);

/// What was asked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Method, path and query.
    pub(crate) line: String,
    /// All headers, their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// With a status and a body.
    Body(u16, Vec<u8>),
    /// With a status, further header lines that end in CR LF, and a body.
    Headers(u16, String, Vec<u8>),
    /// As the other, after this long.
    Late(Duration, Box<Self>),
    /// By closing the connection.
    HangUp,
    /// A byte each 50 milliseconds, for ever.
    Drip,
    /// With more bytes than these, in white space.
    Endless(usize),
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Body(status, body.to_string().into_bytes())
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::Headers(307, format!("Location: {to}\r\n"), Vec::new())
    }
}

/// The ways in which requests are answered, one after the other; the last is that of all further ones.
pub(crate) type Script = Vec<Box<dyn Fn(&Request) -> Answer + Send + Sync>>;

/// Listens until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Request>>>,
    stop: Arc<AtomicBool>,
    running: Option<JoinHandle<()>>,
}

impl Server {
    /// Answers each request in the next way of the script.
    pub(crate) fn script(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (requests, stopped, script) = (asked.clone(), stop.clone(), Arc::new(script));
        let running = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(SeqCst) {
                    return;
                }
                let Some((stream, request)) = stream.ok().and_then(read) else { continue };
                let number = {
                    let mut requests = requests.lock().unwrap();
                    requests.push(request.clone());
                    requests.len() - 1
                };
                let (script, stopped) = (script.clone(), stopped.clone());
                thread::spawn(move || {
                    let way = script.get(number).or(script.last()).unwrap();
                    respond(stream, way(&request), &stopped);
                });
            }
        });
        Self { address, asked, stop, running: Some(running) }
    }

    /// Answers every request in one way.
    pub(crate) fn always(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::script(vec![Box::new(answer)])
    }

    /// Answers with these, one after the other.
    pub(crate) fn answers(answers: Vec<Answer>) -> Self {
        Self::script(
            answers
                .into_iter()
                .map(|answer| -> Box<dyn Fn(&Request) -> Answer + Send + Sync> { Box::new(move |_| answer.clone()) })
                .collect(),
        )
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn asked(&self) -> Vec<Request> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, SeqCst);
        // The listener wakes up for one more connection.
        drop(TcpStream::connect(self.address));
        if let Some(running) = self.running.take() {
            running.join().unwrap();
        }
    }
}

fn read(mut stream: TcpStream) -> Option<(TcpStream, Request)> {
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
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        let mut lines = head.lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.iter().find(|header| header.0 == "content-length");
        let length: usize = length.map_or(0, |length| length.1.parse().unwrap());
        if text.len() >= end + 4 + length {
            let body = text[end + 4..end + 4 + length].to_vec();
            return Some((stream, Request { line, headers, body }));
        }
    }
}

fn respond(mut stream: TcpStream, answer: Answer, stopped: &AtomicBool) {
    let send = |stream: &mut TcpStream, status: u16, headers: &str, body: &[u8]| {
        let length = body.len();
        let head = format!("HTTP/1.1 {status} x\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n");
        // The client may have gone.
        let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    };
    match answer {
        Answer::Body(status, body) => send(&mut stream, status, "", &body),
        Answer::Headers(status, headers, body) => send(&mut stream, status, &headers, &body),
        Answer::Late(pause, answer) => {
            thread::sleep(pause);
            respond(stream, *answer, stopped);
        }
        Answer::HangUp => drop(stream),
        Answer::Drip => {
            let mut go = stream.write_all(b"HTTP/1.1 200 x\r\nContent-Length: 100000\r\n\r\n").is_ok();
            while go && !stopped.load(SeqCst) {
                thread::sleep(Duration::from_millis(50));
                go = stream.write_all(b" ").is_ok();
            }
        }
        Answer::Endless(least) => {
            let mut go = stream.write_all(b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\n").is_ok();
            let mut sent = 0;
            while go && sent < least + 64 * 1024 {
                go = stream.write_all(&[b' '; 4096]).is_ok();
                sent += 4096;
            }
        }
    }
}
