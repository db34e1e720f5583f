//! What was copied from one place to another, and what would be.

use serde::Serialize;

use crate::report::Tool;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/copied-v1.json";

/// An image and what went along with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CopyReport {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// The image: its place and its digest.
    pub source: String,
    /// Where it was copied to.
    pub destination: String,
    /// Whether nothing was written, and this is what would be.
    pub dry_run: bool,
    /// The digest at the destination; null where several platforms were asked for.
    pub image: Option<String>,
    /// The tag that was written; null where none was.
    pub tag: Option<String>,
    /// The platforms that were asked for.
    pub platforms: Vec<CopiedPlatform>,
    /// Manifests and indexes.
    pub manifests: CopyCounts,
    /// Blobs.
    pub blobs: CopyCounts,
    /// Bytes of content that were written, or would be.
    pub bytes_sent: u64,
    /// What was attached to them.
    pub attached: Vec<CopiedAttachment>,
    /// What was passed over, and what else should be known.
    pub notices: Vec<String>,
}

/// An image of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CopiedPlatform {
    /// `OS/ARCHITECTURE[/VARIANT]`.
    pub platform: String,
    /// Its digest.
    pub digest: String,
}

/// How many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CopyCounts {
    /// Written, or to be written.
    pub copied: usize,
    /// At the destination already.
    pub present: usize,
}

/// Something attached that went along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct CopiedAttachment {
    /// The digest of its manifest.
    pub manifest: String,
    /// By which convention it was attached where it came from.
    pub form: &'static str,
    /// The digest of what it is attached to.
    pub subject: String,
    /// What kind of artifact its manifest says to be; null where it does not say.
    pub artifact_type: Option<String>,
}
