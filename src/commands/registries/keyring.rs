//! Credentials out of the configuration that other tools wrote: Podman's `auth.json`, Docker's `config.json`, helpers.

use std::collections::BTreeMap;
use std::env;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use crate::formats::docker_config;
use crate::formats::docker_config::DockerConfig;
use crate::formats::docker_config::Entry;
use crate::remote::registry::Credential;
use crate::remote::registry::Keyring;
use crate::remote::registry::RegistryError;
use crate::store::file::StoreError;
use crate::store::file::read_capped;

/// Longest time that a helper may take.
const HELPER: Duration = Duration::from_secs(20);
/// Pause between two looks at a helper.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Longest answer of a helper, in bytes (64 KiB).
const MAX_ANSWER: u64 = 64 * 1024;
/// What helpers print, beside a status other than 0, when they know nothing about a server.
const UNKNOWN: &str = "credentials not found in native keychain";

/// Which helper was asked about which server.
type Asked = (String, String);

/// The configured credentials. A file is read when the first registry is asked, a helper is asked once about each server.
pub(super) struct Configured {
    files: Vec<PathBuf>,
    helpers: Mutex<BTreeMap<Asked, Credential>>,
}

impl Configured {
    /// The files that the environment leads to, the first with an entry counts: `REGISTRY_AUTH_FILE` where it is set, else
    /// Podman's below `XDG_RUNTIME_DIR` and `XDG_CONFIG_HOME`, then Docker's in `DOCKER_CONFIG` or `~/.docker`.
    pub(super) fn of_environment() -> Self {
        let folder = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = folder("HOME");
        let files = match folder("REGISTRY_AUTH_FILE") {
            Some(file) => vec![file],
            None => {
                let config = folder("XDG_CONFIG_HOME").or_else(|| home.as_ref().map(|home| home.join(".config")));
                let podman = [folder("XDG_RUNTIME_DIR"), config].into_iter().flatten();
                let docker = folder("DOCKER_CONFIG").or_else(|| home.as_ref().map(|home| home.join(".docker")));
                podman
                    .map(|folder| folder.join("containers/auth.json"))
                    .chain(docker.map(|folder| folder.join("config.json")))
                    .collect()
            }
        };
        Self::of_files(files)
    }

    fn of_files(files: Vec<PathBuf>) -> Self {
        Self { files, helpers: Mutex::new(BTreeMap::new()) }
    }

    /// Asks a helper once about each server; one that fails is asked again.
    fn helper(&self, name: &str, server: &str) -> Result<Credential, RegistryError> {
        let key = (name.to_owned(), server.to_owned());
        let mut known = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = known.get(&key) {
            return Ok(credential.clone());
        }
        let credential = ask(name, server).map_err(|found| RegistryError::Credential {
            source_of: format!("docker-credential-{name}"),
            registry: server.to_owned(),
            found,
        })?;
        known.insert(key, credential.clone());
        Ok(credential)
    }
}

impl Keyring for Configured {
    fn credential(&self, registry: &str, repository: &str) -> Result<Credential, RegistryError> {
        for file in &self.files {
            let refused = |found: String| RegistryError::Credential {
                source_of: file.display().to_string(),
                registry: registry.to_owned(),
                found,
            };
            let Some(config) = read(file).map_err(refused)? else { continue };
            match config.find(registry, repository) {
                None => {}
                Some(Entry::Helper { name, server }) => return self.helper(&name, &server),
                Some(entry) => return Ok(credential(entry)),
            }
        }
        Ok(Credential::Anonymous)
    }
}

fn read(file: &Path) -> Result<Option<DockerConfig>, String> {
    let cap = u64::try_from(docker_config::MAX_BYTES).unwrap_or(u64::MAX);
    match read_capped(file, cap) {
        Ok(bytes) => DockerConfig::parse(&bytes).map(Some).map_err(|error| error.to_string()),
        Err(StoreError::NotFound { .. } | StoreError::NotDirectory { .. }) => Ok(None),
        Err(error) => Err(error.to_string()),
    }
}

fn credential(entry: Entry) -> Credential {
    match entry {
        Entry::Password { username, password } => Credential::Password { username, password },
        Entry::IdentityToken(token) => Credential::IdentityToken(token),
        Entry::Bearer(token) => Credential::Bearer(token),
        Entry::Helper { .. } => Credential::Anonymous,
    }
}

/// Runs `docker-credential-NAME get` with the server on standard input (docker/docker-credential-helpers). What it says on
/// standard error goes where ours goes; what it says on standard output is a secret.
fn ask(name: &str, server: &str) -> Result<Credential, String> {
    if !docker_config::is_helper_name(name) {
        return Err(format!("a helper of the name {name:?}"));
    }
    let mut command = Command::new(format!("docker-credential-{name}"));
    command.arg("get").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("no program that runs: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A helper that reads nothing has said all that it will.
        let _ = stdin.write_all(server.as_bytes());
    }
    let stdout = child.stdout.take();
    let answer = thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = stdout.map(|stdout| stdout.take(MAX_ANSWER).read_to_end(&mut bytes));
        read.transpose().map(|_| bytes)
    });
    let start = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if start.elapsed() < HELPER => thread::sleep(LOOK_EVERY),
            Ok(None) => {
                // One that has just ended by itself cannot be ended, which is no matter.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} seconds", HELPER.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    let answer = answer.join().map_err(|_| "no answer that can be read".to_owned())?;
    let answer = answer.map_err(|error| error.to_string())?;
    if !status.success() {
        let unknown = String::from_utf8_lossy(&answer).contains(UNKNOWN);
        return if unknown { Ok(Credential::Anonymous) } else { Err(status.to_string()) };
    }
    docker_config::helper_answer(&answer).map(credential).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[&str]) -> (tempfile::TempDir, Configured) {
        let folder = tempfile::tempdir().unwrap();
        let write = |(n, text): (usize, &&str)| {
            let path = folder.path().join(n.to_string());
            std::fs::write(&path, text).unwrap();
            path
        };
        let files = texts.iter().enumerate().map(write).collect();
        (folder, Configured::of_files(files))
    }

    #[test]
    fn the_first_file_with_an_entry_counts() {
        let first = r#"{"auths": {"a.io": {"username": "one", "password": "p"}}}"#;
        let second = r#"{"auths": {"a.io": {"username": "two", "password": "p"}, "b.io": {"registrytoken": "t"}}}"#;
        let (_folder, keyring) = files(&[first, second]);
        let found = keyring.credential("a.io", "app").unwrap();
        assert_eq!(found, Credential::Password { username: "one".to_owned(), password: "p".to_owned() });
        assert_eq!(keyring.credential("b.io", "app").unwrap(), Credential::Bearer("t".to_owned()));
        assert_eq!(keyring.credential("c.io", "app").unwrap(), Credential::Anonymous);
        let none = Configured::of_files(vec!["/no/such/file".into()]);
        assert_eq!(none.credential("a.io", "app").unwrap(), Credential::Anonymous);
    }

    #[test]
    fn what_is_configured_and_cannot_be_had_is_no_anonymity() {
        let code = |text: &str| files(&[text]).1.credential("a.io", "app").unwrap_err().code();
        assert_eq!(code("{"), "registry-credential");
        assert_eq!(code(r#"{"credHelpers": {"a.io": "no-such-helper-anywhere"}}"#), "registry-credential");
        assert_eq!(code(r#"{"credHelpers": {"a.io": "../../bin/true"}}"#), "registry-credential");
    }
}
