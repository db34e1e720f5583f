//! Registries that others wrote, as programs of their own on 127.0.0.1.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::net::TcpStream;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::support::hermetic;

/// Longest time until a registry answers.
const DEADLINE: Duration = Duration::from_secs(20);
/// How often a port is chosen anew because somebody else took it first.
const ATTEMPTS: usize = 3;

/// A registry that runs until it is dropped. What it holds goes with it.
pub struct RealRegistry {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl RealRegistry {
    /// Debian's `docker-registry`, which has no list of referrers; None if it is not installed.
    pub fn docker() -> Option<Self> {
        let Some(program) = find("docker-registry") else { return skipped("docker-registry is not installed") };
        Some(Self::start(|folder, port| {
            let config = folder.join("config.yml");
            let root = folder.join("storage");
            let text = format!(
                "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    \
                 enabled: true\nhttp:\n  addr: 127.0.0.1:{port}\n",
                root.display()
            );
            fs::write(&config, text).unwrap();
            let mut command = Command::new(&program);
            command.arg("serve").arg(config);
            command
        }))
    }

    /// `ferro-oci-server`, which has the list of referrers; None if neither `SEALMARK_FERRO` nor `PATH` leads to it.
    pub fn ferro() -> Option<Self> {
        let named = env::var_os("SEALMARK_FERRO").map(PathBuf::from);
        let Some(program) = named.or_else(|| find("ferro-oci-server")) else {
            return skipped("ferro-oci-server is not installed");
        };
        Some(Self::start(|folder, port| {
            let mut command = Command::new(&program);
            command.env("FERRO_OCI_LISTEN", format!("127.0.0.1:{port}"));
            command.env("FERRO_OCI_STORAGE_DIR", folder.join("storage"));
            command
        }))
    }

    fn start(command: impl Fn(&Path, u16) -> Command) -> Self {
        for _ in 0..ATTEMPTS {
            let folder = tempfile::tempdir().unwrap();
            let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
            let mut asked = command(folder.path(), port);
            let own: Vec<_> =
                asked.get_envs().map(|(name, value)| (name.to_owned(), value.map(OsStr::to_owned))).collect();
            hermetic(&mut asked);
            for (name, value) in own {
                asked.env(name, value.unwrap_or_default());
            }
            asked.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let child = asked.spawn().unwrap();
            let mut registry = Self { child, port, folder };
            if registry.wait() {
                return registry;
            }
        }
        panic!("expected a registry that stays, found one that ended {ATTEMPTS} times");
    }

    /// Whether the registry answers; it does not if it ended, for one because its port is taken.
    fn wait(&mut self) -> bool {
        let begin = Instant::now();
        while begin.elapsed() < DEADLINE {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.answers() {
                return true;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("expected an answer from the registry within {} s, found none", DEADLINE.as_secs());
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        let mut text = [0; 12];
        let asked = format!("GET /v2/ HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.host());
        stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
            && stream.write_all(asked.as_bytes()).is_ok()
            && stream.read_exact(&mut text).is_ok()
            && text == *b"HTTP/1.1 200"
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder in which it keeps what it holds.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program on the search path.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn skipped<T>(reason: &str) -> Option<T> {
    assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but {reason}");
    println!("skipped: {reason}");
    None
}
