//! What a machine or a job has and lacks to sign, attach and verify, as data and for people.

use std::io;
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::report::Tool;
use crate::report::plain;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/doctor-v1.json";

/// What was looked at, one thing a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct DoctorReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: Timestamp,
    /// What was asked about.
    pub asked: Vec<Purpose>,
    /// Whether nothing that was asked about is lacking. What is unknown is not lacking.
    pub ready: bool,
    /// Each thing that was looked at.
    pub lines: Vec<Line>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its stable name; `docs/doctor.md` describes each.
    pub id: &'static str,
    /// What needs it.
    pub purpose: Purpose,
    /// Whether it is there.
    pub state: State,
    /// What was found. Never a secret, nor any part of one.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Sign without a key.
    Sign,
    /// Attach an attestation to an image or a release.
    Attach,
    /// Verify.
    Verify,
}

/// Whether something is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// It is.
    Ok,
    /// It is not, and its purpose fails without it.
    Lack,
    /// It cannot be told from here.
    Unknown,
}

impl Line {
    /// What is there.
    pub fn ok(id: &'static str, purpose: Purpose, found: impl Into<String>) -> Self {
        Self { id, purpose, state: State::Ok, found: found.into(), remedy: None }
    }

    /// What is not.
    pub fn lack(id: &'static str, purpose: Purpose, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, purpose, state: State::Lack, found: found.into(), remedy: Some(remedy.into()) }
    }

    /// What cannot be told.
    pub fn unknown(id: &'static str, purpose: Purpose, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { id, purpose, state: State::Unknown, found: found.into(), remedy: Some(remedy.into()) }
    }
}

impl DoctorReport {
    /// A report at this time about these purposes.
    pub fn new(at: Timestamp, asked: Vec<Purpose>, lines: Vec<Line>) -> Self {
        let lacking = |line: &Line| line.state == State::Lack && asked.contains(&line.purpose);
        let ready = !lines.iter().any(lacking);
        Self { schema: SCHEMA, tool: Tool::THIS, at, asked, ready, lines }
    }

    /// Writes a line for each thing, and its remedy below it; the first line alone says whether anything is lacking.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let lacking = |line: &&Line| line.state == State::Lack && self.asked.contains(&line.purpose);
        let purposes: Vec<&str> = self.asked.iter().map(|purpose| purpose.word()).collect();
        let purposes = purposes.join(", ");
        match self.lines.iter().filter(lacking).count() {
            0 => writeln!(out, "ready    nothing is lacking to {purposes}")?,
            n => writeln!(out, "lacking  {n} of what is needed to {purposes}")?,
        }
        for line in &self.lines {
            let purpose = if self.asked.contains(&line.purpose) { "" } else { "not asked about: " };
            let (state, id) = (line.state.word(), line.id);
            writeln!(out, "  {state:<8} {id:<21} {purpose}{}", plain(&line.found))?;
            if let Some(remedy) = &line.remedy {
                writeln!(out, "           {:<21} {}", "remedy", plain(remedy))?;
            }
        }
        Ok(())
    }
}

impl Purpose {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sign => "sign",
            Self::Attach => "attach",
            Self::Verify => "verify",
        }
    }
}

impl State {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Lack => "lack",
            Self::Unknown => "unknown",
        }
    }
}
