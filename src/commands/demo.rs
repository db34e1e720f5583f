//! `sealmark demo`: the whole main job in a temporary folder.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::process::Stdio;

use clap::builder::NonEmptyStringValueParser;
use serde_json::Value;

use crate::commands::Outcome;
use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::exit::Exit;
use crate::commands::terminal;
use crate::formats::attestations;
use crate::formats::base64;
use crate::store::file::open_regular;
use crate::store::file::read_capped;
use crate::workspace::sample;

/// Most lines of an answer that are shown.
const SHOWN: usize = 7;

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// File to make provenance for; without it, this very program
    #[arg(value_name = "FILE", value_parser = NonEmptyStringValueParser::new())]
    file: Option<String>,

    /// Keep the folder, and say where it is
    #[arg(long)]
    keep: bool,
}

/// The folder in which everything happens, and how many steps ended as they must.
struct Demo {
    program: PathBuf,
    folder: PathBuf,
    steps: usize,
    as_expected: usize,
}

pub(super) fn run(args: &Args) -> Outcome {
    let failed = |error: io::Error| CommandError::undecided("demo-failed", error);
    let program = env::current_exe().map_err(failed)?;
    let folder = tempfile::Builder::new().prefix("sealmark-demo-").tempdir().map_err(failed)?;
    let artifact = args.file.as_ref().map_or_else(|| program.clone(), PathBuf::from);
    let mut source = open_regular(&artifact).map_err(|error| artifacts::file_refused(&error))?;
    let mut copy = fs::File::create(folder.path().join("app")).map_err(failed)?;
    io::copy(&mut source, &mut copy).map_err(failed)?;
    fs::write(folder.path().join("build.sh"), "cargo build --release\n").map_err(failed)?;
    fs::write(folder.path().join(".gitignore"), "*\n!build.sh\n").map_err(failed)?;
    sample::make(folder.path(), "build.sh", "v1.0.0", "https://github.com/acme/app.git")
        .map_err(|error| CommandError::undecided(error.code(), error))?;
    let mut demo = Demo { program, folder: folder.path().to_owned(), steps: 0, as_expected: 0 };
    demo.story(&artifact)?;
    let all = demo.as_expected == demo.steps;
    let words =
        if all { "all as expected".to_owned() } else { format!("{} not as expected", demo.steps - demo.as_expected) };
    terminal::print(format!("\n{} steps, {words}\n", demo.steps).as_bytes())?;
    if args.keep {
        terminal::print(format!("kept in  {}\n", folder.keep().display()).as_bytes())?;
    }
    Ok(if all { Exit::Done } else { Exit::Denied })
}

impl Demo {
    fn story(&mut self, artifact: &Path) -> Result<(), CommandError> {
        const VERIFY: [&str; 8] =
            ["verify", "app", "--key", "release.pub", "--source-uri", "github.com/acme/app", "--source-tag", "v1.0.0"];
        self.say(&format!(
            "The artifact `app` is a copy of {}. Its source is a git repository made for this.",
            artifact.display()
        ))?;
        self.say("Make a key. (Its password is read from SEALMARK_PASSWORD here; on a terminal it is asked for.)")?;
        self.step(&["key", "generate", "--output", "release"], None)?;
        self.say("Look at the unsigned provenance: each field, where it comes from, what backs it.")?;
        self.step(&["generate", "app", "--explain"], None)?;
        self.say("Generate, sign, verify what was signed, and write it beside the artifact.")?;
        self.step(&["attest", "app", "--key", "release.key"], None)?;
        self.say("Verify it as a user would.")?;
        self.step(&VERIFY, None)?;
        self.say("A wrong source: the provenance names another repository.")?;
        self.step(
            &["verify", "app", "--key", "release.pub", "--source-uri", "github.com/acme/other"],
            Some("source-uri-mismatch"),
        )?;
        self.say("A wrong key: somebody else's.")?;
        self.step(&["key", "generate", "--output", "other"], None)?;
        self.step(
            &["verify", "app", "--key", "other.pub", "--source-uri", "github.com/acme/app"],
            Some("signature-key-unknown"),
        )?;
        self.say("A tampered attestation: the payload now names another commit.")?;
        self.tamper_with_attestation()?;
        self.step(&VERIFY, Some("signature-invalid"))?;
        self.step(&["attest", "app", "--key", "release.key", "--force"], None)?;
        self.say("A tampered artifact: one byte more.")?;
        let mut bytes = fs::OpenOptions::new().append(true).open(self.folder.join("app")).map_err(failed)?;
        io::Write::write_all(&mut bytes, b"!").map_err(failed)?;
        drop(bytes);
        self.step(&VERIFY, Some("subject-mismatch"))
    }

    fn say(&self, text: &str) -> Result<(), CommandError> {
        terminal::print(format!("\n# {text}\n").as_bytes())
    }

    /// Runs one command as it is shown, and compares its end with what it must be: done, or denied with this code.
    fn step(&mut self, args: &[&str], refused_with: Option<&str>) -> Result<(), CommandError> {
        self.steps += 1;
        let output = self.sealmark(args)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let lines: Vec<&str> = out.lines().chain(err.lines()).collect();
        let mut text = format!("$ sealmark {}\n", args.join(" "));
        for line in lines.iter().take(SHOWN) {
            text += &format!("  {line}\n");
        }
        if let Some(more @ 1..) = lines.len().checked_sub(SHOWN) {
            text += &format!("  … {more} more lines\n");
        }
        let good = match refused_with {
            None => output.status.success(),
            Some(code) => output.status.code() == Some(1) && out.split_whitespace().any(|word| word == code),
        };
        if good {
            self.as_expected += 1;
        } else {
            text += &format!("  not as expected: {}\n", output.status);
        }
        terminal::print(text.as_bytes())
    }

    /// A child process, so that what is shown is what anybody gets.
    fn sealmark(&self, args: &[&str]) -> Result<Output, CommandError> {
        let kept = ["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, env::var_os(name)?)));
        Command::new(&self.program)
            .args(args.iter().map(OsStr::new))
            .current_dir(&self.folder)
            .env_clear()
            .envs(kept)
            .env("SEALMARK_PASSWORD", "correct horse battery staple")
            .stdin(Stdio::null())
            .output()
            .map_err(failed)
    }

    /// Changes the commit in the signed payload and leaves the rest as it is.
    fn tamper_with_attestation(&self) -> Result<(), CommandError> {
        let path = self.folder.join("app.sigstore.json");
        let cap = u64::try_from(attestations::MAX_BYTES).unwrap_or(u64::MAX);
        let text = read_capped(&path, cap).map_err(|error| artifacts::file_refused(&error))?;
        let unread = || CommandError::undecided("demo-failed", "the attestation just written cannot be read");
        let mut bundle: Value = serde_json::from_slice(&text).map_err(|_| unread())?;
        let payload = bundle.pointer_mut("/dsseEnvelope/payload").ok_or_else(unread)?;
        let statement = payload.as_str().and_then(base64::decode).ok_or_else(unread)?;
        let statement = String::from_utf8(statement).map_err(|_| unread())?;
        let (head, commit) = statement.split_once("\"gitCommit\":\"").ok_or_else(unread)?;
        let changed = format!("{head}\"gitCommit\":\"{}{}", "0".repeat(40), commit.get(40..).ok_or_else(unread)?);
        *payload = Value::from(base64::encode(changed.as_bytes()));
        fs::write(&path, bundle.to_string()).map_err(failed)
    }
}

fn failed(error: io::Error) -> CommandError {
    CommandError::undecided("demo-failed", error)
}
