//! What stands in a file of attestations, nothing of it believed, as data.

mod checks;
mod human;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::formats::FormatError;
use crate::formats::attestations;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::certificate::SigningCertificate;
use crate::formats::digest::DigestSet;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::provenance::Provenance;
use crate::formats::statement::Statement;
use crate::report::Finding;
use crate::report::Source;
use crate::report::Tool;

pub use checks::Check;

/// What such a report says it is.
pub const SCHEMA: &str = "https://sealmark.dev/schemas/inspection-v1.json";

/// Most subjects that are listed; the rest is counted.
pub const SUBJECTS: usize = 5;

/// What stands in files of attestations. Nothing was verified: every word is its author's.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inspection {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// What made the report.
    pub tool: Tool,
    /// Always false.
    pub verified: bool,
    /// Every attestation, in the order of the files and of their lines.
    pub found: Vec<Inspected>,
}

/// One attestation, or a place where one was expected.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Inspected {
    /// Where it was read.
    pub source: Source,
    /// What kind of bundle it is; absent when it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<&'static str>,
    /// What is malformed.
    pub findings: Vec<Finding>,
    /// Who says to have signed.
    pub signers: Vec<ClaimedSigner>,
    /// Transparency log entries.
    pub log_entries: Vec<Entry>,
    /// How many RFC 3161 timestamps there are. The times that they state are proven by nothing yet.
    pub timestamps: usize,
    /// What the payload says it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payload_type: Option<String>,
    /// The Statement in the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statement: Option<ClaimedStatement>,
    /// Which checks `sealmark verify` would make.
    pub checks: Vec<Check>,
}

/// Who says to have signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClaimedSigner {
    /// The subject alternative name of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The OIDC issuer in the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Start of the certificate's validity.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub not_before: Option<Timestamp>,
    /// End of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub not_after: Option<Timestamp>,
    /// What else the certificate says (Fulcio's extensions), by name.
    pub claims: BTreeMap<&'static str, String>,
    /// A hint at a key that is known elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_hint: Option<String>,
}

/// A transparency log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Which log, hexadecimal.
    pub log_id: String,
    /// Index in the log.
    pub index: u64,
    /// Kind and version.
    pub kind: String,
    /// Leaves of the tree that its inclusion proof leads to; absent without a proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_size: Option<u64>,
    /// Whether the log's signed promise is there.
    pub signed_entry_timestamp: bool,
}

/// The Statement in a payload.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClaimedStatement {
    /// `_type`.
    pub statement_type: &'static str,
    /// The predicate's type URI.
    pub predicate_type: String,
    /// How many subjects there are.
    pub subject_count: usize,
    /// The first [`SUBJECTS`] of them.
    pub subjects: Vec<ClaimedSubject>,
    /// Who says to have built, in provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builder_id: Option<String>,
    /// How it says to have been built, in provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_type: Option<String>,
    /// The first dependency, which generators make the source, in provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ClaimedSubject {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digests as written.
    pub digest: DigestSet,
}

impl Inspection {
    /// A report on what was found.
    pub fn new(found: Vec<Inspected>) -> Self {
        Self { schema: SCHEMA, tool: Tool::THIS, verified: false, found }
    }
}

/// Takes a file apart; a Statement that stands alone is one that nobody signed.
pub fn of_file(name: &str, bytes: &[u8]) -> Vec<Inspected> {
    let whole = Source::new(name, attestations::Position::Whole);
    match attestations::parse(bytes) {
        Err(error) => vec![Inspected::malformed(whole, &error)],
        Ok(candidates) => {
            if let [attestations::Candidate { bundle: Err(FormatError::NotAnAttestation { .. }), .. }] =
                candidates.as_slice()
                && let Some(statement) = alone(bytes)
            {
                return vec![Inspected::unsigned(whole, statement)];
            }
            candidates.iter().map(|one| Inspected::of(Source::new(name, one.position), &one.bundle)).collect()
        }
    }
}

/// A Statement that stands alone; None for what does not say to be one.
fn alone(bytes: &[u8]) -> Option<Result<Statement, FormatError>> {
    let value = crate::formats::json::parse(bytes).ok()?;
    value.get("_type")?;
    Some(Statement::parse(bytes.into()))
}

impl Inspected {
    fn empty(source: Source) -> Self {
        Self {
            source,
            format: None,
            findings: Vec::new(),
            signers: Vec::new(),
            log_entries: Vec::new(),
            timestamps: 0,
            payload_type: None,
            statement: None,
            checks: Vec::new(),
        }
    }

    fn malformed(source: Source, error: &FormatError) -> Self {
        Self { findings: vec![Finding::from(error)], ..Self::empty(source) }
    }

    fn unsigned(source: Source, statement: Result<Statement, FormatError>) -> Self {
        let mut inspected = Self { format: Some("unsigned Statement"), ..Self::empty(source) };
        inspected.take_statement(statement);
        inspected
    }

    /// What stands at one place.
    pub fn of(source: Source, bundle: &Result<Bundle, FormatError>) -> Self {
        let bundle = match bundle {
            Ok(bundle) => bundle,
            Err(error) => return Self::malformed(source, error),
        };
        let mut inspected = Self { format: Some(bundle.version.name()), ..Self::empty(source) };
        inspected.take_signers(bundle);
        inspected.log_entries = bundle
            .log_entries
            .iter()
            .map(|entry| Entry {
                log_id: hex::encode(&entry.log_id),
                index: entry.log_index,
                kind: format!("{} {}", entry.kind.name().0, entry.kind.name().1),
                tree_size: entry.inclusion_proof.as_ref().map(|proof| proof.tree_size),
                signed_entry_timestamp: entry.signed_entry_timestamp.is_some(),
            })
            .collect();
        inspected.timestamps = bundle.timestamps.len();
        if let Content::Envelope(envelope) = &bundle.content {
            inspected.payload_type = Some(envelope.payload_type.clone());
            if envelope.payload_type == IN_TOTO_PAYLOAD_TYPE {
                inspected.take_statement(Statement::of(&envelope.payload));
            }
        }
        inspected.checks = checks::of(bundle);
        inspected
    }

    fn take_signers(&mut self, bundle: &Bundle) {
        match (&bundle.signer, bundle.signer.certificates().first()) {
            (_, Some(leaf)) => match SigningCertificate::parse(leaf) {
                Ok(certificate) => self.signers.push(ClaimedSigner {
                    name: Some(certificate.san.as_str().to_owned()),
                    issuer: certificate.issuer().map(str::to_owned),
                    not_before: Some(certificate.not_before),
                    not_after: Some(certificate.not_after),
                    claims: certificate.claims.iter().map(|(claim, text)| (claim.name(), text.to_owned())).collect(),
                    key_hint: None,
                }),
                Err(error) => self.findings.push(Finding::from(&error)),
            },
            (Signer::PublicKey { hint }, None) => {
                self.signers.push(ClaimedSigner { key_hint: Some(hint.clone()), ..ClaimedSigner::default() });
            }
            (_, None) => {
                if let Content::Envelope(envelope) = &bundle.content {
                    let key = |keyid: &String| ClaimedSigner {
                        key_hint: Some(keyid.clone()).filter(|text| !text.is_empty()),
                        ..ClaimedSigner::default()
                    };
                    self.signers = envelope.signatures.iter().map(|signature| key(&signature.keyid)).collect();
                }
            }
        }
    }

    fn take_statement(&mut self, statement: Result<Statement, FormatError>) {
        let statement = match statement {
            Ok(statement) => statement,
            Err(error) => {
                self.findings.push(Finding { step: Some("statement"), ..Finding::from(&error) });
                return;
            }
        };
        let provenance = Provenance::of(&statement);
        let provenance = match provenance.transpose() {
            Ok(provenance) => provenance,
            Err(error) => {
                self.findings.push(Finding::new(error.code(), error));
                None
            }
        };
        let subject = |one: &crate::formats::statement::Subject| ClaimedSubject {
            name: one.name.clone(),
            digest: one.digest.clone(),
        };
        self.statement = Some(ClaimedStatement {
            statement_type: statement.version.uri(),
            predicate_type: statement.predicate_type.clone(),
            subject_count: statement.subjects.len(),
            subjects: statement.subjects.iter().take(SUBJECTS).map(subject).collect(),
            builder_id: provenance.as_ref().map(|one| one.builder_id().to_owned()),
            build_type: provenance.as_ref().map(|one| one.build_type().to_owned()),
            source: provenance.as_ref().and_then(source),
        });
    }
}

/// The source as the predicate says, in its own words.
fn source(provenance: &Provenance) -> Option<String> {
    match provenance {
        Provenance::V01(p) => p.materials.first()?.uri.clone(),
        Provenance::V02(p) => {
            let config = || p.invocation.as_ref()?.config_source.as_ref()?.uri.clone();
            p.materials.first().and_then(|material| material.uri.clone()).or_else(config)
        }
        Provenance::V1(p) => p.build_definition.resolved_dependencies.first()?.uri.clone(),
    }
}
