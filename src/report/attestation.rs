//! What an accepted attestation says, and how that is known.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::builders;
use crate::builders::VerifiedProvenance;
use crate::formats::digest::DigestSet;
use crate::formats::predicate_type;
use crate::policy::Accepted;
use crate::report::Backing;
use crate::report::NotChecked;
use crate::trust::root;
use crate::verify;
use crate::verify::Identity;
use crate::verify::LogProof;
use crate::verify::VerifiedAttestation;

/// What an accepted attestation says, and how that is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Attestation {
    /// `_type` of the Statement.
    pub statement_type: &'static str,
    /// The predicate's type URI.
    pub predicate_type: String,
    /// The subject that is the artifact.
    pub subject: Subject,
    /// Who signed.
    pub signer: Signer,
    /// What is known about the build; absent for a predicate that is no provenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
    /// How it is known.
    pub evidence: Evidence,
}

/// The subject that is the artifact. Its name is whatever the signer wrote and decided nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// Its name, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its digests as they stand in the Statement.
    pub digest: DigestSet,
}

/// Who signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Signer {
    /// What kind of signer.
    pub kind: SignerKind,
    /// The certificate's subject alternative name, or the file that the key came from.
    pub name: String,
    /// The OIDC issuer that vouched for the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What kind of key, for a signer who is known by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<&'static str>,
    /// `sha256:` of the key's SubjectPublicKeyInfo, for a signer who is known by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What the certificate says beside the name (Fulcio's extensions), by name.
    pub claims: BTreeMap<&'static str, String>,
}

/// What kind of signer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum SignerKind {
    /// A workload with a certificate.
    Workload,
    /// A person with a certificate.
    Person,
    /// Whoever holds a key.
    Key,
}

/// A value with what backs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Fact {
    /// The value.
    pub value: String,
    /// What backs it.
    pub backing: Backing,
}

/// What is known about a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The kind of builder that the facts were read as.
    pub kind: &'static str,
    /// Who built.
    pub built_by: Fact,
    /// What the predicate calls the builder, where that is something else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_builder_id: Option<Fact>,
    /// How the parameters are to be read.
    pub build_type: Fact,
    /// The source repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Fact>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<Fact>,
    /// The full ref.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub git_ref: Option<Fact>,
    /// What started the build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Fact>,
    /// What kind of machine built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runner: Option<Fact>,
    /// The top-level workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Fact>,
    /// The run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocation: Option<Fact>,
    /// How many dependencies the predicate lists, the source among them.
    pub dependencies: usize,
}

/// How an attestation is known to be what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The trusted root that everything rests on; absent when a key alone vouches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_root: Option<String>,
    /// What that root's domain offers.
    pub transparency: Transparency,
    /// Proven signing times.
    pub signed_at: Vec<SignedAt>,
    /// Whether the certificate was made public.
    pub certificate_publicity: Publicity,
    /// What was demanded of transparency logs.
    pub log: LogDemand,
    /// Where the proofs came from.
    pub proofs: ProofSource,
    /// Verified log entries.
    pub log_entries: Vec<LogEntry>,
}

/// What evidence a trust domain offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Transparency {
    /// It runs transparency logs.
    Logged,
    /// It runs timestamp authorities alone.
    TimestampOnly,
    /// There is no domain: a key alone vouches.
    None,
}

/// A proven signing time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct SignedAt {
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub time: Timestamp,
    /// Who proves it.
    pub source: TimeSource,
}

/// Who proves a signing time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum TimeSource {
    /// A timestamp authority (RFC 3161).
    TimestampAuthority,
    /// A transparency log, by its signed entry timestamp.
    Log,
}

/// Whether a certificate was made public.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Publicity {
    /// A CT log signed for it.
    Logged,
    /// Its trust domain runs no CT log.
    NotOperated,
    /// There is no certificate.
    NoCertificate,
}

/// What was demanded of transparency logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum LogDemand {
    /// An entry, and at least one verified.
    Met,
    /// An entry, and the lack of one was accepted, because whoever verified said so.
    Waived,
    /// None: the domain runs no log, or a key alone vouches.
    None,
}

/// Where the proofs of an attestation came from. They were verified all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum ProofSource {
    /// They stood beside the attestation: it can be verified offline.
    File,
    /// The log was asked for its entry: without it the attestation cannot be verified.
    Log,
}

/// A verified log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Where the log is served.
    pub url: String,
    /// Index in the log.
    pub index: u64,
    /// How it is known to be there.
    pub proof: Proof,
    /// Leaves in the tree that the proof leads to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree_size: Option<u64>,
}

/// How an entry is known to be in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub enum Proof {
    /// A Merkle inclusion proof to a signed checkpoint.
    Inclusion,
    /// The log's promise alone.
    Promise,
}

impl Attestation {
    /// The view of an accepted attestation.
    pub fn of(accepted: &Accepted) -> Self {
        let attestation = accepted.attestation();
        let statement = attestation.statement();
        let (name, digest) =
            attestation.subject().map_or_else(Default::default, |one| (one.name.clone(), one.digest.clone()));
        Self {
            statement_type: statement.version.uri(),
            predicate_type: statement.predicate_type.clone(),
            subject: Subject { name, digest },
            signer: Signer::of(attestation.identity()),
            build: match accepted {
                Accepted::Provenance(provenance) => Some(Build::of(provenance)),
                Accepted::Other(_) => None,
            },
            evidence: Evidence::of(attestation),
        }
    }

    /// What nobody looked at. That a log or a time is missing is said here too: it is no fault, and it is less.
    pub fn not_checked(&self) -> Vec<NotChecked> {
        let mut list = Vec::new();
        let mut say = |code, message: String| list.push(NotChecked { code, message });
        if let Some(build) = &self.build {
            match build.dependencies {
                0 => {}
                1 => say("dependencies", "1 dependency listed".to_owned()),
                many => say("dependencies", format!("{many} dependencies listed")),
            }
            say("reproducibility", "reproducibility".to_owned());
        } else if self.predicate_type == predicate_type::SIGNATURE {
            say("build", "what it is and how it was built (a signature does not say)".to_owned());
        } else {
            say("predicate", "what the predicate says".to_owned());
        }
        if self.signer.kind == SignerKind::Key {
            say("signer-word", "the facts (the word of the key's holder)".to_owned());
        }
        if self.evidence.log == LogDemand::Waived {
            say("log-waived", "public record (the log was waived)".to_owned());
        } else if self.evidence.log_entries.is_empty() {
            say("transparency", "public record (there is no log entry)".to_owned());
        } else if self.evidence.log_entries.iter().any(|entry| entry.proof == Proof::Promise) {
            say("log-inclusion", "inclusion in the log (it is promised)".to_owned());
        }
        if self.evidence.signed_at.is_empty() {
            say("signing-time", "signing time (nothing proves it)".to_owned());
        }
        list
    }
}

impl Signer {
    fn of(identity: &Identity) -> Self {
        let certificate = |kind, found: &verify::CertificateIdentity| Self {
            kind,
            name: found.san.as_str().to_owned(),
            issuer: Some(found.issuer.clone()),
            algorithm: None,
            fingerprint: None,
            claims: found.claims.iter().map(|(claim, value)| (claim.name(), value.to_owned())).collect(),
        };
        match identity {
            Identity::Workload(found) => certificate(SignerKind::Workload, found),
            Identity::Person(found) => certificate(SignerKind::Person, found),
            Identity::Key { voucher, kind, fingerprint, .. } => Self {
                kind: SignerKind::Key,
                name: voucher.clone(),
                issuer: None,
                algorithm: Some(kind.name()),
                fingerprint: Some(fingerprint.clone()),
                claims: BTreeMap::new(),
            },
        }
    }
}

impl From<&builders::Fact> for Fact {
    fn from(fact: &builders::Fact) -> Self {
        Self { value: fact.value.clone(), backing: fact.backing.into() }
    }
}

impl Build {
    fn of(provenance: &VerifiedProvenance) -> Self {
        let facts = provenance.facts();
        let fact = |fact: &Option<builders::Fact>| fact.as_ref().map(Fact::from);
        Self {
            kind: provenance.kind(),
            built_by: Fact::from(&facts.builder_id),
            predicate_builder_id: fact(&facts.predicate_builder_id),
            build_type: Fact::from(&facts.build_type),
            from: fact(&facts.source_uri),
            commit: fact(&facts.source_commit),
            git_ref: fact(&facts.source_ref),
            trigger: fact(&facts.trigger),
            runner: fact(&facts.runner),
            workflow: fact(&facts.build_config),
            invocation: fact(&facts.invocation),
            dependencies: facts.dependencies,
        }
    }
}

impl Evidence {
    fn of(attestation: &VerifiedAttestation) -> Self {
        let evidence = attestation.evidence();
        let signed_at = |one: &verify::SignedAt| SignedAt {
            time: one.time,
            source: match one.source {
                verify::TimeSource::TimestampAuthority => TimeSource::TimestampAuthority,
                verify::TimeSource::Log { .. } => TimeSource::Log,
            },
        };
        let entry = |one: &verify::LogEvidence| {
            let (proof, tree_size) = match one.proof {
                LogProof::Inclusion { tree_size } => (Proof::Inclusion, Some(tree_size)),
                LogProof::Promise => (Proof::Promise, None),
            };
            LogEntry { url: one.url.clone(), index: one.index, proof, tree_size }
        };
        Self {
            trust_root: evidence.root.clone(),
            transparency: match evidence.transparency {
                Some(root::Transparency::Logged) => Transparency::Logged,
                Some(root::Transparency::TimestampOnly) => Transparency::TimestampOnly,
                None => Transparency::None,
            },
            signed_at: evidence.signed_at.iter().map(signed_at).collect(),
            certificate_publicity: match evidence.certificate {
                verify::Publicity::Logged => Publicity::Logged,
                verify::Publicity::NotOperated => Publicity::NotOperated,
                verify::Publicity::NoCertificate => Publicity::NoCertificate,
            },
            log: match evidence.log_demand {
                verify::LogDemand::Entry => LogDemand::Met,
                verify::LogDemand::Waived => LogDemand::Waived,
                verify::LogDemand::None => LogDemand::None,
            },
            proofs: ProofSource::File,
            log_entries: evidence.log.iter().map(entry).collect(),
        }
    }
}
