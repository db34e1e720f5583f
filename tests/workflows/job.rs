//! Runs the jobs of a workflow of ours on this machine: each script for real, with the files that GitHub's runner hands to it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;
use sha2::Digest as _;
use sha2::Sha256;
use tempfile::TempDir;

use crate::expression::condition;
use crate::expression::expand;
use crate::expression::shown;
use crate::yaml;

/// A run of a workflow: what its jobs share.
pub(crate) struct Run {
    folder: TempDir,
    workflow: Value,
    /// The inputs as the caller gave them, with the defaults of the others.
    inputs: Value,
    pub(crate) secrets: Value,
    pub(crate) vars: Value,
    /// What GitHub's runner and services put into the environment of every step.
    pub(crate) environment: BTreeMap<String, String>,
    /// What they add for a job that may ask for a token.
    pub(crate) token_environment: Vec<(&'static str, String)>,
    /// Where the releases of sealmark's own repository are.
    releases: String,
    /// The line of releases.txt without its last column, in the commit that a job checks out.
    pub(crate) listed: String,
    /// A file of the checkout that was changed since the binary was made.
    pub(crate) changed: Option<&'static str>,
    /// Repository and commit that a job checked out.
    pub(crate) checked_out: Vec<(String, String)>,
    needs: Map<String, Value>,
}

/// How a job ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The step that failed, by its name.
    pub(crate) failed: Option<String>,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What all scripts printed.
    pub(crate) log: String,
    /// Steps that ran, by their names.
    pub(crate) ran: Vec<String>,
    pub(crate) summary: String,
}

/// How a step ended.
struct Step {
    failed: bool,
    outputs: BTreeMap<String, String>,
}

/// What the steps of one job share.
struct Job {
    work: PathBuf,
    temp: PathBuf,
    environment: BTreeMap<String, String>,
    log: String,
    summary: String,
}

impl Run {
    /// A run of `.github/workflows/NAME`, called with these inputs.
    pub(crate) fn of(name: &str, given: Value) -> Self {
        let workflow = yaml::read(&format!(".github/workflows/{name}"));
        let declared = workflow["on"]["workflow_call"]["inputs"].as_object().unwrap();
        let mut inputs = Map::new();
        for (input, declaration) in declared {
            let value = given.get(input).unwrap_or(&declaration["default"]).clone();
            let fits = match declaration["type"].as_str().unwrap() {
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                other => panic!("the type {other}"),
            };
            assert!(fits, "the input {input}: {value}");
            inputs.insert(input.clone(), value);
        }
        for input in given.as_object().unwrap().keys() {
            assert!(declared.contains_key(input), "the input {input} is not declared");
        }
        let run = Self {
            folder: tempfile::tempdir().unwrap(),
            workflow,
            inputs: inputs.into(),
            secrets: json!({}),
            vars: json!({}),
            environment: BTreeMap::new(),
            token_environment: Vec::new(),
            releases: String::new(),
            listed: String::new(),
            changed: None,
            checked_out: Vec::new(),
            needs: Map::new(),
        };
        for folder in ["artifacts", "releases"] {
            fs::create_dir(run.path(folder)).unwrap();
        }
        run
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The one file of an artifact of this name.
    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        let mut files = fs::read_dir(self.path("artifacts").join(name)).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none(), "several files in the artifact {name}");
        file
    }

    /// What a job of the caller's uploaded.
    pub(crate) fn upload(&self, artifact: &str, file: &str, content: &[u8]) {
        let folder = self.path("artifacts").join(artifact);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(file), content).unwrap();
    }

    /// Releases this program: it lies where the installer looks, and the list names its digest.
    pub(crate) fn release(&mut self, program: &Path, repository: &str) {
        let target = format!(
            "{}-{}",
            std::env::consts::ARCH,
            if cfg!(target_os = "macos") { "apple-darwin" } else { "unknown-linux-gnu" }
        );
        let folder =
            self.path("releases").join(repository).join(format!("releases/download/v{}", env!("CARGO_PKG_VERSION")));
        fs::create_dir_all(&folder).unwrap();
        symlink(program, folder.join(format!("sealmark-{}-{target}", env!("CARGO_PKG_VERSION")))).unwrap();
        static DIGEST: OnceLock<String> = OnceLock::new(); // one program in all tests
        let digest = DIGEST.get_or_init(|| sha256(&fs::read(program).unwrap()));
        self.listed = format!("{} {target} {digest}", env!("CARGO_PKG_VERSION"));
        self.releases = format!("file://{}", self.path("releases").display());
    }

    /// Runs one job, steps in order, until one fails.
    pub(crate) fn job(&mut self, name: &str) -> Ended {
        let declared = self.workflow["jobs"][name].clone();
        let temp = self.path(&format!("temp-{name}"));
        let work = self.path(&format!("work-{name}"));
        fs::create_dir(&temp).unwrap();
        fs::create_dir(&work).unwrap();
        let mut job =
            Job { work, temp, environment: self.environment.clone(), log: String::new(), summary: String::new() };
        for (name, folder) in [("RUNNER_TEMP", &job.temp), ("GITHUB_WORKSPACE", &job.work)] {
            job.environment.insert(name.to_owned(), folder.to_str().unwrap().to_owned());
        }
        if declared["permissions"]["id-token"] == "write" {
            job.environment
                .extend(self.token_environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        let mut contexts = json!({
            "inputs": self.inputs, "secrets": self.secrets, "vars": self.vars, "needs": self.needs, "steps": {},
            "runner": {"temp": job.temp}, "github": {"token": "token-of-the-job"},
        });
        let mut ended = Ended {
            failed: None,
            outputs: BTreeMap::new(),
            log: String::new(),
            ran: Vec::new(),
            summary: String::new(),
        };
        for step in declared["steps"].as_array().unwrap() {
            let title = step["name"].as_str().expect("a step with a name").to_owned();
            if step.get("if").is_some_and(|wanted| !condition(wanted, &contexts)) {
                continue;
            }
            ended.ran.push(title.clone());
            let result = self.step(&mut job, step, &contexts);
            if let Some(id) = step["id"].as_str() {
                contexts["steps"][id] = json!({"outputs": result.outputs});
            }
            if result.failed {
                ended.failed = Some(title);
                break;
            }
        }
        for (output, value) in declared["outputs"].as_object().unwrap() {
            let value = shown(&expand(value.as_str().unwrap(), &contexts));
            if !value.is_empty() {
                ended.outputs.insert(output.clone(), value);
            }
        }
        ended.log = job.log;
        ended.summary = job.summary;
        self.needs.insert(name.to_owned(), json!({"outputs": ended.outputs}));
        ended
    }

    /// Has a job ended with these outputs.
    pub(crate) fn pretend(&mut self, name: &str, outputs: Value) {
        self.needs.insert(name.to_owned(), json!({"outputs": outputs}));
    }

    /// Whether a job would be started.
    pub(crate) fn starts(&self, name: &str) -> bool {
        let contexts = json!({"inputs": self.inputs, "needs": self.needs});
        self.workflow["jobs"][name].get("if").is_none_or(|wanted| condition(wanted, &contexts))
    }

    fn step(&mut self, job: &mut Job, step: &Value, contexts: &Value) -> Step {
        let values = |key: &str| -> BTreeMap<String, String> {
            let entries = step.get(key).and_then(Value::as_object).into_iter().flatten();
            let text =
                |value: &Value| value.as_str().map_or_else(|| shown(value), |text| shown(&expand(text, contexts)));
            entries.map(|(name, value)| (name.clone(), text(value))).collect()
        };
        if let Some(script) = step["run"].as_str() {
            assert_eq!(step["shell"], "bash");
            return job.script(script, &values("env"));
        }
        let with = values("with");
        let uses = step["uses"].as_str().unwrap();
        match uses.split('@').next().unwrap() {
            "actions/checkout" => self.checkout(job, &with),
            "actions/upload-artifact" => {
                copy(Path::new(&with["path"]), &self.path("artifacts").join(&with["name"]));
            }
            "actions/download-artifact" => {
                copy(&self.path("artifacts").join(&with["name"]), Path::new(&with["path"]));
            }
            local if local.starts_with("./") => return self.action(job, &job.work.join(local), &with),
            other => panic!("nobody stands in for {other}"),
        }
        Step { failed: false, outputs: BTreeMap::new() }
    }

    /// What a job checks out is this very repository, with a list that names the binary that was released.
    fn checkout(&mut self, job: &Job, with: &BTreeMap<String, String>) {
        assert_eq!(with["persist-credentials"], "false");
        self.checked_out.push((with["repository"].clone(), with["ref"].clone()));
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let to = job.work.join(&with["path"]);
        for part in [".github", "src", "schemas"] {
            copy(&from.join(part), &to.join(part));
        }
        fs::create_dir(to.join("docs")).unwrap();
        for part in ["Cargo.toml", "Cargo.lock", "docs/errors.md"] {
            fs::copy(from.join(part), to.join(part)).unwrap();
        }
        static SOURCE: OnceLock<String> = OnceLock::new();
        let list = format!("# versions\n{} {}\n", self.listed, SOURCE.get_or_init(|| source_digest(&to)));
        fs::write(to.join(".github/actions/install/releases.txt"), list).unwrap();
        if let Some(file) = self.changed {
            let text = fs::read_to_string(to.join(file)).unwrap();
            fs::write(to.join(file), text + "\n").unwrap();
        }
    }

    /// A composite action.
    fn action(&mut self, job: &mut Job, folder: &Path, with: &BTreeMap<String, String>) -> Step {
        let action = yaml::parse(&fs::read_to_string(folder.join("action.yml")).unwrap());
        assert_eq!(action["runs"]["using"], "composite");
        let mut inputs = Map::new();
        for (name, declaration) in action["inputs"].as_object().unwrap() {
            let value = with.get(name).map_or_else(|| declaration["default"].clone(), |value| value.clone().into());
            assert!(value.is_string(), "the input {name}");
            inputs.insert(name.clone(), value);
        }
        assert!(with.keys().all(|name| inputs.contains_key(name)), "an input that the action does not have");
        let mut contexts =
            json!({"inputs": inputs, "github": {"action_path": folder, "action_repository": ""}, "steps": {}});
        let server = job.environment.insert("GITHUB_SERVER_URL".to_owned(), self.releases.clone());
        for step in action["runs"]["steps"].as_array().unwrap() {
            if step.get("if").is_some_and(|wanted| !condition(wanted, &contexts)) {
                continue;
            }
            let result = self.step(job, step, &contexts);
            if let Some(id) = step["id"].as_str() {
                contexts["steps"][id] = json!({"outputs": result.outputs});
            }
            if result.failed {
                return result;
            }
        }
        job.environment.extend(server.map(|url| ("GITHUB_SERVER_URL".to_owned(), url)));
        let outputs = action["outputs"].as_object().unwrap().iter();
        let value = |output: &Value| shown(&expand(output["value"].as_str().unwrap(), &contexts));
        Step { failed: false, outputs: outputs.map(|(name, output)| (name.clone(), value(output))).collect() }
    }
}

impl Job {
    /// One script, as GitHub's runner runs it.
    fn script(&mut self, script: &str, environment: &BTreeMap<String, String>) -> Step {
        let files = tempfile::tempdir().unwrap();
        let file = files.path().join("script.sh");
        fs::write(&file, script).unwrap();
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&file).current_dir(&self.work).env_clear();
        command.envs(&self.environment).envs(environment);
        for name in ["GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"] {
            fs::write(files.path().join(name), "").unwrap();
            command.env(name, files.path().join(name));
        }
        let ended = command.output().unwrap();
        self.log.push_str(&String::from_utf8_lossy(&ended.stdout));
        self.log.push_str(&String::from_utf8_lossy(&ended.stderr));
        let lines = |name: &str| fs::read_to_string(files.path().join(name)).unwrap();
        assert_eq!(lines("GITHUB_ENV"), "", "no script of ours changes the environment of the later ones");
        for folder in lines("GITHUB_PATH").lines() {
            let path = &self.environment["PATH"];
            self.environment.insert("PATH".to_owned(), format!("{folder}:{path}"));
        }
        self.summary.push_str(&lines("GITHUB_STEP_SUMMARY"));
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("an output");
            (name.to_owned(), value.to_owned())
        };
        let outputs = lines("GITHUB_OUTPUT").lines().map(pair).collect();
        Step { failed: !ended.status.success(), outputs }
    }
}

/// The sha256 of some bytes, in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// What the installer holds a binary's source against: the digest of the lines that sha256sum prints about it.
fn source_digest(root: &Path) -> String {
    fn collect(root: &Path, path: &str, found: &mut Vec<String>) {
        if root.join(path).is_file() {
            return found.push(path.to_owned());
        }
        for entry in fs::read_dir(root.join(path)).unwrap() {
            collect(root, &format!("{path}/{}", entry.unwrap().file_name().to_str().unwrap()), found);
        }
    }
    let mut files = Vec::new();
    for part in ["Cargo.toml", "Cargo.lock", "docs/errors.md", "src", "schemas"] {
        collect(root, part, &mut files);
    }
    files.sort();
    let line = |file: &String| format!("{}  {file}\n", sha256(&fs::read(root.join(file)).unwrap()));
    sha256(files.iter().map(line).collect::<String>().as_bytes())
}

/// Copies a file into a folder, or the content of a folder.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    if from.is_file() {
        fs::copy(from, to.join(from.file_name().unwrap())).unwrap();
        return;
    }
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name));
        } else {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
}
