//! `--run -- CMD…`: runs a command and records what it was, what it was given, and how it ended.
//!
//! The command gets no standard input, and what it writes to standard output goes to standard error: what sealmark itself
//! prints stays whole. It is not given the variables that sign ([`WITHHELD`]). That is no isolation: it runs as the same
//! user on the same machine.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::num::NonZeroUsize;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::terminal;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::Reference;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::wrap;
use crate::generate::wrap::Chosen;
use crate::generate::wrap::Input;
use crate::generate::wrap::Program;
use crate::generate::wrap::Ran;
use crate::generate::wrap::Variable;
use crate::store::hash::hash_files;
use crate::store::subjects;
use crate::store::subjects::Located;

/// Variables with which somebody could sign as this job, or as the owner of the key. The command does not see them.
pub(super) const WITHHELD: &[&str] = &[
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_URL",
    "BUILDKITE_AGENT_ACCESS_TOKEN",
    "CIRCLE_OIDC_TOKEN",
    "CIRCLE_OIDC_TOKEN_V2",
    "COSIGN_PASSWORD",
    "COSIGN_PRIVATE_KEY",
    "SEALMARK_PASSWORD",
    "SIGSTORE_ID_TOKEN",
];

/// Time between two looks at a command that has a deadline.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Longest deadline, in seconds: a week.
const MAX_TIMEOUT: u64 = 7 * 24 * 60 * 60;

/// Flags of wrap mode.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct RunArgs {
    /// Run the command that follows --, and attest what it made; one that fails is not attested
    #[arg(long, requires = "command", conflicts_with_all = ["statement", "predicate"], help_heading = "Run")]
    run: bool,

    /// A file, a pattern or a folder that the command reads; hashed before and after, and refused if it changed; repeatable
    #[arg(long = "input", value_name = "PATH", requires = "run", help_heading = "Run",
          value_parser = NonEmptyStringValueParser::new())]
    inputs: Vec<String>,

    /// Record this variable too, with its value; repeatable
    #[arg(long = "env", value_name = "NAME", requires = "run", help_heading = "Run",
          value_parser = NonEmptyStringValueParser::new())]
    variables: Vec<String>,

    /// Stop the command after so many seconds, and attest nothing
    #[arg(long, value_name = "SECONDS", requires = "run", help_heading = "Run",
          value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT))]
    run_timeout: Option<u64>,

    /// The command, its program and arguments as they are; no shell sees them
    #[arg(last = true, value_name = "CMD", requires = "run", help_heading = "Run")]
    command: Vec<String>,
}

impl RunArgs {
    /// Whether a command runs.
    pub(super) fn is_set(&self) -> bool {
        self.run
    }

    /// Runs the command, when there is one. The checkout has been read before, so that it is what the command found;
    /// `subjects` are hashed after, so that they are what it made.
    ///
    /// # Errors
    /// `command-not-found`, `command-not-started`, `command-failed`, `command-timeout`, `input-not-file`,
    /// `input-changed`, `output-untouched`, `run-invalid`, and those of files.
    pub(super) fn run(&self, subjects: &[String]) -> Result<Option<Ran>, CommandError> {
        let Some(typed) = self.command.first().filter(|_| self.run) else { return Ok(None) };
        let environment = environment(&self.variables, &variable)?;
        let program = resolve(typed)?;
        let digest = digest(&program)?;
        let inputs = self.hash_inputs()?;
        let before = stamps(subjects)?;
        let started = Timestamp::now();
        let status = self.wait(typed, &program)?;
        let finished = Timestamp::now();
        if !status.success() {
            let message = format!("expected {typed} to end with status 0, found {status}");
            return Err(CommandError::undecided("command-failed", message).hint("nothing was attested"));
        }
        if self::digest(&program)? != digest {
            return Err(changed(&program.display().to_string(), "another content"));
        }
        self.compare_inputs(&inputs)?;
        refuse_untouched(&before, subjects)?;
        let name = program.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Some(Ran {
            argv: self.command.clone(),
            exit_status: status.code().unwrap_or(-1),
            started,
            finished,
            directory: directory()?,
            environment,
            program: Program { name, digest },
            inputs: inputs.iter().map(input).collect(),
        }))
    }

    fn wait(&self, typed: &str, program: &Path) -> Result<ExitStatus, CommandError> {
        let not_started = |error| {
            let message = format!("{}: {error}", program.display());
            CommandError::undecided("command-not-started", message)
        };
        // Programs that go by several names look at the one they were called by.
        let mut command = Command::new(program);
        command.arg0(typed).args(self.command.iter().skip(1));
        command.stdin(Stdio::null()).stdout(std::io::stderr()).stderr(Stdio::inherit());
        WITHHELD.iter().for_each(|name| {
            command.env_remove(name);
        });
        let mut child = command.spawn().map_err(not_started)?;
        match self.run_timeout {
            None => child.wait().map_err(not_started),
            Some(seconds) => within(&mut child, typed, seconds),
        }
    }

    fn hash_inputs(&self) -> Result<Vec<Artifact>, CommandError> {
        for text in &self.inputs {
            if matches!(Reference::parse(text), Ok(Reference::Digest(_) | Reference::Checksums(_))) {
                let message = format!("expected a file, a pattern or a folder after --input, found {text}");
                let hint = "an input is hashed before and after the command, so it has to be here";
                return Err(CommandError::usage("input-not-file", message).hint(hint));
            }
        }
        if self.inputs.is_empty() { Ok(Vec::new()) } else { artifacts::expand(&self.inputs, &[]) }
    }

    /// The inputs are what they were: the same names, each with the same content.
    fn compare_inputs(&self, before: &[Artifact]) -> Result<(), CommandError> {
        let gone = |error: CommandError| match error.code {
            "subject-not-found" | "subject-no-match" | "subject-empty-directory" => changed(&error.message, "nothing"),
            _ => error,
        };
        let after = if before.is_empty() { Vec::new() } else { self.hash_inputs().map_err(gone)? };
        let contents = |all: &[Artifact]| -> BTreeMap<String, Vec<Digest>> {
            all.iter().map(|one| (one.name().to_owned(), one.digests().to_vec())).collect()
        };
        let (before, after) = (contents(before), contents(&after));
        for (name, digests) in &before {
            match after.get(name) {
                Some(found) if found == digests => {}
                Some(_) => return Err(changed(name, "another content")),
                None => return Err(changed(name, "nothing")),
            }
        }
        match after.keys().find(|name| !before.contains_key(*name)) {
            Some(name) => Err(changed(name, "a file that was not there before")),
            None => Ok(()),
        }
    }
}

fn input(artifact: &Artifact) -> Input {
    Input { name: artifact.name().to_owned(), digests: artifact.digests().to_vec() }
}

fn changed(name: &str, found: &str) -> CommandError {
    let message = format!("{name}: expected an input that stays as it was before the command, found {found}");
    CommandError::undecided("input-changed", message).hint("nothing was attested; name only what the command reads")
}

/// Waits no longer than this; then the command is ended, though not what it may have started itself.
fn within(child: &mut Child, typed: &str, seconds: u64) -> Result<ExitStatus, CommandError> {
    let lost = |error| CommandError::undecided("command-not-started", format!("{typed}: {error}"));
    let (start, deadline) = (Instant::now(), Duration::from_secs(seconds));
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(status);
        }
        if start.elapsed() >= deadline {
            // One that has just ended by itself cannot be ended, which is no matter.
            let _ = child.kill();
            child.wait().map_err(lost)?;
            let message = format!("expected {typed} to end within {seconds} seconds, found it still running");
            return Err(CommandError::undecided("command-timeout", message).hint("nothing was attested"));
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The file that a program's name stands for: itself where it names a folder, else the first on PATH that can be executed.
fn resolve(typed: &str) -> Result<PathBuf, CommandError> {
    let executable = |path: &PathBuf| path.metadata().is_ok_and(|data| data.is_file() && data.mode() & 0o111 != 0);
    let found = if typed.contains('/') {
        Some(PathBuf::from(typed)).filter(executable)
    } else {
        let folders = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&folders).map(|folder| folder.join(typed)).find(executable)
    };
    // Relative to the current folder whatever the command's own idea of it is.
    let absolute = found.and_then(|path| std::path::absolute(path).ok());
    absolute.ok_or_else(|| {
        let message = format!("expected a program that can be executed, found none by the name {typed:?}");
        CommandError::usage("command-not-found", message)
            .hint("a command is a program and its arguments; no shell reads it")
    })
}

fn digest(program: &Path) -> Result<Digest, CommandError> {
    let digests = hash_files(&[program.to_owned()], &[Algorithm::Sha256], &|_| {}, NonZeroUsize::MIN).pop();
    let refused = |message: String| CommandError::undecided("command-not-started", message);
    let digests = digests.transpose().map_err(|error| refused(error.to_string()))?;
    digests.into_iter().flatten().next().ok_or_else(|| refused(format!("{}: found no digest", program.display())))
}

/// Where the command runs, below the checkout that it runs in.
fn directory() -> Result<Option<String>, CommandError> {
    let here = env::current_dir().map_err(|error| CommandError::undecided("command-not-started", error))?;
    Ok(below_checkout(&here))
}

fn below_checkout(here: &Path) -> Option<String> {
    let root = here.ancestors().find(|folder| folder.join(".git").symlink_metadata().is_ok())?;
    let below = here.strip_prefix(root).ok()?.to_str()?;
    Some(if below.is_empty() { ".".to_owned() } else { below.to_owned() })
}

/// A variable; an empty one counts as absent.
fn variable(name: &str) -> Result<Option<String>, CommandError> {
    match env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        Err(env::VarError::NotUnicode(_)) => {
            Err(CommandError::usage("run-invalid", format!("expected the variable {name} in UTF-8, found other bytes")))
        }
    }
}

/// The variables that are recorded: the listed ones that are set, and the named ones.
fn environment(
    named: &[String],
    get: &dyn Fn(&str) -> Result<Option<String>, CommandError>,
) -> Result<Vec<Variable>, CommandError> {
    let mut found = Vec::new();
    for name in wrap::LISTED {
        if let Some(value) = get(name)? {
            found.push(Variable { name: (*name).to_owned(), value, chosen: Chosen::Listed(name) });
        }
    }
    for name in named {
        if !wrap::is_name(name) {
            let message = "expected the name of a variable after --env, found something else";
            return Err(CommandError::usage("run-invalid", message).hint("--env takes a name; its value is looked up"));
        }
        if WITHHELD.contains(&name.as_str()) {
            let message = format!("expected a variable that the command sees, found --env {name}, which can sign");
            return Err(CommandError::usage("run-invalid", message));
        }
        if found.iter().any(|known| known.name == *name) {
            continue;
        }
        match get(name)? {
            Some(value) => found.push(Variable { name: name.clone(), value, chosen: Chosen::Named }),
            None => terminal::note(&format!("note     {name} is not set: the provenance will not name it")),
        }
    }
    Ok(found)
}

/// What tells a file that was written from one that was not.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        let (seconds, nanoseconds) = (data.mtime(), data.mtime_nsec());
        Some(Self { device: data.dev(), inode: data.ino(), size: data.size(), seconds, nanoseconds })
    }
}

/// The files that subjects name and that are there. What is not there yet is for the command to make.
fn stamps(subjects: &[String]) -> Result<BTreeMap<PathBuf, Stamp>, CommandError> {
    let mut stamps = BTreeMap::new();
    for text in subjects {
        let files = match Reference::parse(text) {
            Ok(Reference::Digest(_)) => return Err(untouched(text, "a digest from before the command")),
            Ok(Reference::Image(path)) if !Path::new(&path).exists() => {
                return Err(untouched(text, "a digest from before the command"));
            }
            Ok(Reference::Checksums(path)) => vec![PathBuf::from(path)],
            _ => files(subjects::locate(std::slice::from_ref(text)).unwrap_or_default()),
        };
        stamps.extend(files.into_iter().filter_map(|path| Stamp::of(&path).map(|stamp| (path, stamp))));
    }
    Ok(stamps)
}

fn files(located: Vec<Located>) -> Vec<PathBuf> {
    let file = |one| match one {
        Located::File(path) => Some(path),
        Located::Digests { .. } | Located::Image { .. } => None,
    };
    located.into_iter().filter_map(file).collect()
}

/// A file that was there and is as it was is nothing that the command made.
fn refuse_untouched(before: &BTreeMap<PathBuf, Stamp>, subjects: &[String]) -> Result<(), CommandError> {
    let after = stamps(subjects)?;
    let same = |(path, stamp): &(&PathBuf, &Stamp)| before.get(*path) == Some(*stamp);
    match after.iter().find(same) {
        Some((path, _)) => Err(untouched(&path.display().to_string(), "the file from before it")),
        None => Ok(()),
    }
}

fn untouched(name: &str, found: &str) -> CommandError {
    let message = format!("{name}: expected a file that the command makes, found {found}");
    let hint = "remove it before, so that the command makes it; or leave it out";
    CommandError::undecided("output-untouched", message).hint(hint)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    struct Folder(TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self, name: &str) -> String {
            self.0.path().join(name).to_str().unwrap().to_owned()
        }

        fn write(&self, name: &str, text: &str) -> String {
            fs::write(self.path(name), text).unwrap();
            self.path(name)
        }
    }

    /// `--run -- sh -c SCRIPT`
    fn script(text: &str) -> RunArgs {
        RunArgs { run: true, command: ["sh", "-c", text].map(str::to_owned).to_vec(), ..RunArgs::default() }
    }

    fn code(args: &RunArgs, subjects: &[String]) -> &'static str {
        args.run(subjects).map(|_| "ran").unwrap_or_else(|error| error.code)
    }

    #[test]
    fn nothing_runs_that_was_not_asked_for() {
        let folder = Folder::new();
        let args = RunArgs { run: false, ..script(&format!("touch {}", folder.path("x"))) };
        assert!(args.run(&[]).unwrap().is_none());
        assert!(!Path::new(&folder.path("x")).exists());
    }

    #[test]
    fn a_command_is_recorded_as_it_was_typed() {
        let folder = Folder::new();
        let (input, output) = (folder.write("in.txt", "in"), folder.path("out.txt"));
        let args = RunArgs { inputs: vec![input], ..script(&format!("echo \"a b\" > {output}; test \"$0\" = sh")) };
        let ran = args.run(&[output]).unwrap().unwrap();
        assert_eq!(ran.argv, args.command);
        assert_eq!((ran.exit_status, ran.inputs[0].name.as_str()), (0, "in.txt"));
        assert!(ran.started <= ran.finished);
        assert_eq!(ran.program.name, "sh");
        assert_eq!(ran.program.digest, digest(&resolve("sh").unwrap()).unwrap());
    }

    #[test]
    fn a_command_that_fails_is_refused_with_its_status() {
        let error = script("exit 7").run(&[]).unwrap_err();
        assert_eq!((error.code, error.exit), ("command-failed", crate::commands::exit::Exit::Undecided));
        assert!(error.message.ends_with("found exit status: 7"), "{}", error.message);
        let error = script("kill -9 $$").run(&[]).unwrap_err();
        assert_eq!(error.code, "command-failed");
        assert!(error.message.contains("signal: 9"), "{}", error.message);
    }

    #[test]
    fn what_is_no_program_is_not_started() {
        let folder = Folder::new();
        let text = folder.write("text", "no program");
        for typed in [text.as_str(), "no-such-program-anywhere", "./no-such", "/"] {
            let args = RunArgs { run: true, command: vec![typed.to_owned()], ..RunArgs::default() };
            assert_eq!(code(&args, &[]), "command-not-found", "{typed}");
        }
    }

    #[test]
    fn a_deadline_ends_the_command() {
        let args = RunArgs { run_timeout: Some(1), ..script("exec sleep 30") };
        let start = Instant::now();
        assert_eq!(code(&args, &[]), "command-timeout");
        assert!(start.elapsed() < Duration::from_secs(20));
        let args = RunArgs { run_timeout: Some(60), ..script("exit 0") };
        assert_eq!(code(&args, &[]), "ran");
    }

    #[test]
    fn an_input_that_changes_is_refused() {
        let folder = Folder::new();
        let input = folder.write("in.txt", "in");
        for text in [format!("echo x >> {input}"), format!("rm {input}")] {
            fs::write(&input, "in").unwrap();
            let args = RunArgs { inputs: vec![input.clone()], ..script(&text) };
            assert_eq!(code(&args, &[]), "input-changed", "{text}");
        }
        fs::write(&input, "in").unwrap();
        let whole = folder.0.path().to_str().unwrap().to_owned();
        let args = RunArgs { inputs: vec![whole], ..script(&format!("touch {}", folder.path("new"))) };
        assert_eq!(code(&args, &[]), "input-changed");
        let args = RunArgs { inputs: vec![input.clone()], ..script(&format!("touch {input}")) };
        assert_eq!(code(&args, &[]), "ran", "another time is no other content");
    }

    #[test]
    fn a_program_that_changes_itself_is_refused() {
        let folder = Folder::new();
        let program = folder.path("build.sh");
        let sh = resolve("sh").unwrap();
        fs::write(&program, format!("#!{}\necho '#' >> {program}\n", sh.display())).unwrap();
        fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let args = RunArgs { run: true, command: vec![program], ..RunArgs::default() };
        assert_eq!(code(&args, &[]), "input-changed");
    }

    #[test]
    fn an_input_is_a_file() {
        for text in [format!("sha256:{}", "aa".repeat(32)), "@SHA256SUMS".to_owned()] {
            let args = RunArgs { inputs: vec![text], ..script("exit 0") };
            assert_eq!(code(&args, &[]), "input-not-file");
        }
        let args = RunArgs { inputs: vec!["/no/such/file".to_owned()], ..script("exit 0") };
        assert_eq!(code(&args, &[]), "subject-not-found");
    }

    #[test]
    fn an_output_that_the_command_leaves_is_refused() {
        let folder = Folder::new();
        let output = folder.write("out.txt", "old");
        let subjects = [output.clone()];
        assert_eq!(code(&script("exit 0"), &subjects), "output-untouched");
        assert_eq!(code(&script(&format!("sleep 0.02; echo old > {output}")), &subjects), "ran");
        let (folder_named, new) = (folder.0.path().to_str().unwrap().to_owned(), folder.path("new"));
        let args = script(&format!("echo x > {new}"));
        assert_eq!(code(&args, &[folder_named]), "output-untouched", "a file of an earlier build lies in the folder");
        let digest = format!("sha256:{}", "aa".repeat(32));
        assert_eq!(code(&script("exit 0"), &[digest]), "output-untouched", "known before the command");
        let sums = folder.write("SHA256SUMS", &format!("{}  app\n", "aa".repeat(32)));
        assert_eq!(code(&script("exit 0"), &[format!("@{sums}")]), "output-untouched");
    }

    #[test]
    fn listed_and_named_variables_are_recorded_and_no_others() {
        let set = BTreeMap::from([
            ("CFLAGS", "-O2"),
            ("CARGO_REGISTRY_TOKEN", "planted-secret"),
            ("FLAVOUR", "full"),
            ("HOME", "/root"),
        ]);
        let get = |name: &str| Ok(set.get(name).map(|value| (*value).to_owned()));
        let found = environment(&["FLAVOUR".to_owned(), "CFLAGS".to_owned(), "ABSENT".to_owned()], &get).unwrap();
        let found: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.value.as_str(), one.chosen)).collect();
        assert_eq!(found, [("CFLAGS", "-O2", Chosen::Listed("CFLAGS")), ("FLAVOUR", "full", Chosen::Named)]);
        for name in ["A=B", "1A", "SIGSTORE_ID_TOKEN", "COSIGN_PASSWORD"] {
            assert_eq!(environment(&[name.to_owned()], &get).unwrap_err().code, "run-invalid", "{name}");
        }
    }

    #[test]
    fn the_directory_is_below_the_checkout_or_not_told() {
        let folder = Folder::new();
        let (root, below) = (folder.0.path().join("app"), folder.0.path().join("app/packages/one"));
        fs::create_dir_all(&below).unwrap();
        assert_eq!(below_checkout(&below), None);
        fs::create_dir(root.join(".git")).unwrap();
        assert_eq!(below_checkout(&below).as_deref(), Some("packages/one"));
        assert_eq!(below_checkout(&root).as_deref(), Some("."));
    }
}
