//! Provenance shown as v1, as data that nobody can take for something signed.

use serde::Serialize;
use serde_json::Value;

use crate::builders::convert;
use crate::builders::convert::ConvertError;
use crate::builders::convert::Converted;
use crate::report::Finding;
use crate::report::Source;
use crate::report::Tool;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/conversion-v1.json";

/// Said in every such report.
const NOTICE: &str = "converted, not signed: nobody vouches for this text; verify and keep the original";

/// What stands in files of attestations, as SLSA provenance v1. It is no Statement: it has no `_type` and no subject.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Conversion {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// Always false.
    pub verified: bool,
    /// What must be known about it.
    pub notice: &'static str,
    /// Every attestation, in the order of the files and of their lines.
    pub converted: Vec<Item>,
}

/// One attestation, or a place where one was expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Item {
    /// Where it was read.
    pub source: Source,
    /// What it was; absent when it could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// What it is about, as written but for the spelling of digests.
    pub subjects: Vec<Value>,
    /// The predicate as v1; absent when it is no provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Value>,
    /// What was changed.
    pub deviations: Vec<Deviation>,
    /// How much was changed in all; more than are listed where there are very many.
    pub deviation_count: usize,
    /// Why there is no provenance.
    pub findings: Vec<Finding>,
}

/// What a conversion was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// `_type`; absent for a bare predicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement_type: Option<String>,
    /// `predicateType`.
    pub predicate_type: String,
    /// SHA-256 of the bytes that were signed, or of the whole file where nothing was.
    pub sha256: String,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Deviation {
    /// Its stable name; `docs/migration.md` describes each.
    pub name: &'static str,
    /// JSON pointer (RFC 6901) into the Statement as it was written.
    pub pointer: String,
    /// What stood there, cut short.
    pub found: String,
    /// What stands in the conversion instead; absent where it was left or dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub became: Option<String>,
}

impl Conversion {
    /// A report on what was converted.
    pub fn new(converted: Vec<Item>) -> Self {
        Self { schema: SCHEMA, tool: Tool::THIS, verified: false, notice: NOTICE, converted }
    }
}

impl Item {
    /// What became of one document; `sha256` is of the bytes it was read from, `of_file` what holds for the file around it.
    pub fn new(
        source: Source,
        sha256: String,
        converted: Result<Converted, ConvertError>,
        of_file: Vec<convert::Deviation>,
    ) -> Self {
        match converted {
            Ok(converted) => {
                let deviation_count = of_file.len() + converted.deviation_count;
                let deviations = of_file.into_iter().chain(converted.deviations).map(Deviation::from).collect();
                let Converted { statement_type, predicate_type, subjects, provenance, .. } = converted;
                let from = Some(Origin { statement_type, predicate_type, sha256 });
                let provenance = Some(provenance);
                Self { source, from, subjects, provenance, deviations, deviation_count, findings: Vec::new() }
            }
            Err(error) => Self::refused(source, error.code(), error.to_string()),
        }
    }

    /// A place where nothing could be read.
    pub fn refused(source: Source, code: &'static str, found: String) -> Self {
        let message = found;
        let findings =
            vec![Finding { code, step: None, message, expected: None, found: None, backing: None, hint: None }];
        let (subjects, deviations) = (Vec::new(), Vec::new());
        Self { source, from: None, subjects, provenance: None, deviations, deviation_count: 0, findings }
    }
}

impl From<convert::Deviation> for Deviation {
    fn from(one: convert::Deviation) -> Self {
        Self { name: one.quirk.name(), pointer: one.pointer, found: one.found, became: one.became }
    }
}
