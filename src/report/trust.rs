//! What is believed, as data and for people.

use std::io;
use std::io::Write;

use jiff::Timestamp;
use serde::Serialize;

use crate::report::Notice;
use crate::report::Tool;
use crate::report::plain;
use crate::report::rows::Rows;
use crate::trust::root::Listed;
use crate::trust::root::Transparency;
use crate::trust::root::TrustedRoot;
use crate::trust::root::Window;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/trust-v1.json";

/// The trusted roots, at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TrustReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// The time that `current` and the notices are about.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub at: Timestamp,
    /// The roots.
    pub roots: Vec<Root>,
}

/// One trusted root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Root {
    /// Its name, or the file it came from.
    pub name: String,
    /// Until when it is known to have been current; absent for a file, which carries no date.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub as_of: Option<Timestamp>,
    /// Days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_days: Option<i64>,
    /// What evidence its domain offers.
    pub transparency: crate::report::Transparency,
    /// What the user must be told about it.
    pub notices: Vec<Notice>,
    /// Every authority and log that it lists, in order.
    pub listed: Vec<Authority>,
}

/// An authority or a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Authority {
    /// What it is.
    pub role: &'static str,
    /// Where it is served.
    pub url: String,
    /// From when what it signs counts; absent for always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub start: Option<Timestamp>,
    /// Until when; absent while there is no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub end: Option<Timestamp>,
    /// Whether it counts at the time of the report.
    pub current: bool,
    /// Why it is never used, if it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unused: Option<String>,
}

impl TrustReport {
    /// A report on these roots at `now`.
    pub fn new(roots: &[TrustedRoot], now: Timestamp) -> Self {
        let roots = roots.iter().map(|root| Root::of(root, now)).collect();
        Self { schema: SCHEMA, tool: Tool::THIS, at: now, roots }
    }

    /// Writes each root with what it lists: the role, where it is served, and whether it counts today.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        for root in &self.roots {
            let age = match (root.as_of, root.age_days) {
                (Some(as_of), Some(days)) => format!("as of {}, {days} days old", as_of.strftime("%Y-%m-%d")),
                _ => "of unknown age".to_owned(),
            };
            let offers = match root.transparency {
                crate::report::Transparency::Logged => "transparency logs",
                _ => "timestamps alone, no transparency log",
            };
            writeln!(out, "{}   {age}, {offers}", plain(&root.name))?;
            let mut rows = Rows { indent: 2, label: 24, least: 0, rows: Vec::new() };
            for one in &root.listed {
                rows.push(one.role, one.url.as_str(), one.words());
            }
            rows.write(out)?;
            for notice in &root.notices {
                writeln!(out, "  notice   {}   {}", notice.code, plain(&notice.message))?;
                if let Some(hint) = &notice.hint {
                    writeln!(out, "  hint     {}", plain(hint))?;
                }
            }
        }
        Ok(())
    }
}

impl Root {
    fn of(root: &TrustedRoot, now: Timestamp) -> Self {
        Self {
            name: root.name.clone(),
            as_of: root.as_of,
            age_days: root.as_of.map(|as_of| now.duration_since(as_of).as_hours() / 24),
            transparency: match root.transparency {
                Transparency::Logged => crate::report::Transparency::Logged,
                Transparency::TimestampOnly => crate::report::Transparency::TimestampOnly,
            },
            notices: root.notices(now).into_iter().map(Notice::from).collect(),
            listed: root.listed.iter().map(|one| Authority::of(one, now)).collect(),
        }
    }
}

impl Authority {
    fn of(listed: &Listed, now: Timestamp) -> Self {
        let Listed { role, url, window, unused } = listed;
        Self {
            role,
            url: url.clone(),
            start: window.map(|window| window.start),
            end: window.and_then(|window| window.end),
            current: unused.is_none() && window.is_none_or(|window: Window| window.contains(now)),
            unused: unused.clone(),
        }
    }

    fn words(&self) -> String {
        if let Some(why) = &self.unused {
            return format!("not used: {why}");
        }
        let day = |time: Timestamp| time.strftime("%Y-%m-%d").to_string();
        match (self.current, self.start, self.end) {
            (true, Some(start), Some(end)) => format!("current, {} to {}", day(start), day(end)),
            (true, Some(start), None) => format!("current, since {}", day(start)),
            (true, None, _) => "current, always".to_owned(),
            (false, Some(start), Some(end)) => format!("for signatures of {} to {}", day(start), day(end)),
            (false, start, _) => format!("not before {}", start.map(day).unwrap_or_default()),
        }
    }
}
