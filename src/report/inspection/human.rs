//! What stands in a file, for people.

use std::io;
use std::io::Write;

use jiff::Timestamp;

use crate::report::human::place;
use crate::report::inspection::ClaimedSigner;
use crate::report::inspection::ClaimedStatement;
use crate::report::inspection::Inspected;
use crate::report::inspection::Inspection;
use crate::report::rows::Rows;

impl Inspection {
    /// Writes everything that was found; the first line says that none of it is believed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn human(&self, out: &mut dyn Write) -> io::Result<()> {
        let several = if self.found.len() == 1 {
            "1 attestation".to_owned()
        } else {
            format!("{} attestations", self.found.len())
        };
        writeln!(out, "nothing is believed: {several} read, none verified; every word is its author's")?;
        for one in &self.found {
            inspected(one, out)?;
        }
        Ok(())
    }
}

fn inspected(one: &Inspected, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}   {}", place(&one.source), one.format.unwrap_or("malformed"))?;
    let mut rows = Rows { indent: 2, label: 12, least: 0, rows: Vec::new() };
    for finding in &one.findings {
        rows.push("malformed", format!("{}   {}", finding.code, finding.message), "");
    }
    one.signers.iter().for_each(|signer| signer_rows(signer, &mut rows));
    for entry in &one.log_entries {
        let proof = entry
            .tree_size
            .map_or_else(|| "no inclusion proof".to_owned(), |size| format!("proof for a tree of {size}"));
        let set = if entry.signed_entry_timestamp { ", signed entry timestamp" } else { "" };
        rows.push("log entry", format!("{} in {}, {}, {proof}{set}", entry.index, entry.log_id, entry.kind), "");
    }
    if one.timestamps > 0 {
        rows.push("timestamps", one.timestamps.to_string(), "");
    }
    if let Some(payload_type) = &one.payload_type {
        rows.push("payload", payload_type.as_str(), "");
    }
    if let Some(statement) = &one.statement {
        statement_rows(statement, &mut rows);
    }
    rows.write(out)?;
    if !one.checks.is_empty() {
        writeln!(out, "  verify would check")?;
        let mut rows = Rows { indent: 4, label: 12, least: 0, rows: Vec::new() };
        for check in &one.checks {
            let not = if check.applies { "" } else { "does not apply: " };
            rows.push(check.check, format!("{not}{}", check.why), "");
        }
        rows.write(out)?;
    }
    Ok(())
}

fn signer_rows(signer: &ClaimedSigner, rows: &mut Rows) {
    let time = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M:%S").to_string();
    match (&signer.name, &signer.key_hint) {
        (Some(name), _) => rows.push("signer", name.as_str(), ""),
        (None, Some(hint)) => rows.push("signer", format!("a key with the hint {hint}"), ""),
        (None, None) => rows.push("signer", "a key without a hint", ""),
    }
    if signer.name.is_some() {
        rows.push("issuer", signer.issuer.as_deref().unwrap_or("none"), "");
    }
    if let (Some(from), Some(to)) = (signer.not_before, signer.not_after) {
        rows.push("certificate", format!("valid {} to {} UTC", time(from), time(to)), "");
    }
    for (n, (claim, value)) in signer.claims.iter().enumerate() {
        rows.push(if n == 0 { "claims" } else { "" }, format!("{claim:<32} {value}"), "");
    }
}

fn statement_rows(statement: &ClaimedStatement, rows: &mut Rows) {
    rows.push("statement", statement.statement_type, "");
    rows.push("predicate", statement.predicate_type.as_str(), "");
    let parts =
        [("builder.id", &statement.builder_id), ("buildType", &statement.build_type), ("source", &statement.source)];
    for (label, value) in parts {
        if let Some(value) = value {
            rows.push(label, value.as_str(), "");
        }
    }
    rows.push("subjects", statement.subject_count.to_string(), "");
    for subject in &statement.subjects {
        let name = subject.name.as_deref().unwrap_or("without a name");
        rows.push("", format!("{name}   {}", subject.digest), "");
    }
    let more = statement.subject_count.saturating_sub(statement.subjects.len());
    if more > 0 {
        rows.push("", format!("and {more} more"), "");
    }
}
