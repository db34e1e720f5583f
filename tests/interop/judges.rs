//! The verifiers of others, each run as a program of its own.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::thread;

use serde_json::Value;

/// One bundle, and what it is judged as.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) root: Value,
    pub(crate) bundle: Value,
    pub(crate) artifact: Vec<u8>,
    pub(crate) identity: String,
    pub(crate) issuer: String,
}

/// Where the verifiers of others are.
pub(crate) struct Judges {
    folder: PathBuf,
}

impl Judges {
    /// The judges, or None after saying why not.
    pub(crate) fn find() -> Option<Self> {
        let folder = env::var_os("SEALMARK_JUDGES").map(PathBuf::from);
        let reason = match &folder {
            None => "SEALMARK_JUDGES is not set",
            Some(folder) if !folder.join("venv/bin/python").exists() => "there is no venv/bin/python",
            Some(folder) if !folder.join("node/node_modules/@sigstore/verify").exists() => {
                "there is no node/node_modules/@sigstore/verify"
            }
            Some(folder) if !folder.join("node/node_modules/@sigstore/oci").exists() => {
                "there is no node/node_modules/@sigstore/oci"
            }
            Some(folder) => return Some(Self { folder: folder.clone() }),
        };
        assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but {reason}");
        println!("skipped: {reason}");
        None
    }

    /// The folder of the counterpart that others wrote.
    pub(crate) fn mock(&self) -> PathBuf {
        self.folder.join("mock")
    }

    /// The Python of the judges.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// The folder from which scripts of Node find their packages.
    pub(crate) fn node(&self) -> PathBuf {
        self.folder.join("node")
    }

    /// A script of this suite.
    pub(crate) fn script(&self, name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/judges").join(name)
    }

    /// What each says: its name, and why it refuses if it does.
    pub(crate) fn ask(&self, case: &Case) -> [(&'static str, Result<(), String>); 2] {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).unwrap();
            path
        };
        let files = [
            write("root.json", case.root.to_string().as_bytes()),
            write("bundle.json", case.bundle.to_string().as_bytes()),
            write("artifact", &case.artifact),
        ];
        let mut python = Command::new(self.python());
        python.arg(self.script("judge.py"));
        let mut node = Command::new("node");
        node.arg(self.script("judge.cjs")).current_dir(self.node());
        let ask = |mut command: Command| {
            command.args(&files).args([&case.identity, &case.issuer]);
            let ran = command.output().unwrap();
            let said = String::from_utf8_lossy(&ran.stdout).trim().to_owned();
            match ran.status.code() {
                Some(0) => Ok(()),
                Some(1) if !said.is_empty() => Err(said),
                _ => panic!("{}: {command:?} could not judge: {ran:?}", case.name),
            }
        };
        let (python, node) = thread::scope(|scope| {
            let python = scope.spawn(|| ask(python));
            let node = ask(node);
            (python.join().unwrap(), node)
        });
        [("sigstore-python", python), ("sigstore-js", node)]
    }
}
