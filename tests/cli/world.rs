//! A folder with artifacts, attestations and a trusted root in it, and a way to run the program there.

use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;

/// What is in `app.tar.gz`.
pub(crate) const ARTIFACT: &[u8] = b"artifact bytes";
/// No command of a story takes longer; what does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// `app.tar.gz`, and `root.json` of the virtual Sigstore that attests it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) sigstore: VirtualSigstore,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
    /// The most memory that it was seen with, in KiB; 0 where nobody says.
    pub(crate) peak: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), sigstore: VirtualSigstore::new("seed") };
        world.write("app.tar.gz", ARTIFACT);
        world.write("root.json", world.sigstore.trusted_root().to_string());
        world
    }

    /// As [`World::new`], with a good attestation beside the artifact.
    pub(crate) fn attested() -> Self {
        let world = Self::new();
        world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec(ARTIFACT));
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Writes one bundle.
    pub(crate) fn attest(&self, name: &str, spec: &Spec) {
        self.write(name, self.sigstore.mint(spec).to_string());
    }

    /// Writes JSON Lines of bundles.
    pub(crate) fn lines(&self, name: &str, specs: &[Spec]) {
        let lines: String = specs.iter().map(|spec| format!("{}\n", self.sigstore.mint(spec))).collect();
        self.write(name, lines);
    }

    /// A good attestation of a run on a branch.
    pub(crate) fn of_branch(&self, branch: &str) -> Spec {
        let run = GitHub { reference: format!("refs/heads/{branch}"), ..GitHub::default() };
        self.sigstore.spec_of(&serde_json::json!([statement::subject("app.tar.gz", ARTIFACT)]), &run)
    }

    /// A good attestation of another artifact.
    pub(crate) fn of_other(&self) -> Spec {
        let subjects = serde_json::json!([statement::subject("app-debug.tar.gz", b"other bytes")]);
        self.sigstore.spec_of(&subjects, &GitHub::default())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = crate::support::sealmark();
        command.args(args).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs `sealmark ARGS`; what does not end is killed and fails.
    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        ended(self.command(args), args)
    }

    /// `verify app.tar.gz --trust root.json ARGS`
    pub(crate) fn verify(&self, args: &[&str]) -> Ended {
        self.run(&[&["verify", "app.tar.gz", "--trust", "root.json"], args].concat())
    }

    /// The JSON report of [`World::verify`].
    pub(crate) fn report(&self, args: &[&str]) -> Value {
        let ended = self.verify(&[args, &["--format", "json"]].concat());
        let report = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
        valid(&report, "report-v1");
        report
    }
}

/// Runs a command to its end, with its output read beside it.
pub(crate) fn ended(mut command: Command, what: &[&str]) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let read = |mut from: Box<dyn std::io::Read + Send>| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            from.read_to_end(&mut bytes).unwrap();
            String::from_utf8(bytes).expect("output is UTF-8")
        })
    };
    let (out, err) = (read(Box::new(out)), read(Box::new(err)));
    let (start, mut peak) = (Instant::now(), 0);
    let status = loop {
        peak = peak.max(most_memory(child.id()));
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                child.kill().unwrap();
                panic!("{what:?} hangs");
            }
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    let (out, err) = (out.join().unwrap(), err.join().unwrap());
    assert!(!err.contains("panicked"), "{what:?}: {err}");
    // A signal has no code.
    Ended { code: status.code().unwrap_or(-1), out, err, peak }
}

/// The most memory that a process had so far, in KiB.
fn most_memory(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

/// A document is what its schema says, and has no field that the schema does not have.
pub(crate) fn valid(document: &Value, schema: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{schema}.schema.json"));
    let mut schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    close(&mut schema);
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).unwrap().iter_errors(document).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

/// Readers must take fields that are added later; the writer must not write one that is not in the schema.
fn close(schema: &mut Value) {
    if let Some(object) = schema.as_object_mut() {
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), Value::Bool(false));
        }
        object.values_mut().for_each(close);
    } else if let Some(list) = schema.as_array_mut() {
        list.iter_mut().for_each(close);
    }
}
