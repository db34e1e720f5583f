//! An in-memory Sigstore for tests that signs whatever it is told to, true or not.
//!
//! One instance is one trust domain: a certificate authority, a certificate transparency log, Rekor v1 and v2, and two
//! timestamp authorities. Everything follows from the seed: the same seed and the same [`Spec`] give the same bytes.
//! Nothing here knows a type of sealmark; what comes out is JSON and DER.
//!
//! ```ignore
//! let sigstore = VirtualSigstore::new("seed");
//! let root = sigstore.trusted_root();                     // trusted_root.json
//!
//! let good = sigstore.spec(b"artifact bytes");            // v0.3, DSSE, SLSA provenance, SCT, dsse 0.0.1 entry
//! let bundle = sigstore.mint(&good);                      // serde_json::Value
//!
//! // A lie is a field that differs.
//! let lie = sigstore.mint(&Spec { eku: Eku::ServerAuth, ..good.clone() });
//! let entry = Entry { set: Set::OtherTime, ..sigstore.entry(Kind::Dsse001) };
//! let lie = sigstore.mint(&Spec { entries: vec![entry], ..good.clone() });
//!
//! // Claims, certificate name and provenance stay coherent when they come from one run.
//! let run = GitHub { reference: "refs/heads/main".to_owned(), ..GitHub::default() };
//! let branch = sigstore.spec_of(&json!([statement::subject("app.tar.gz", b"artifact bytes")]), &run);
//! ```
//!
//! Other shapes: [`VirtualSigstore::spec_v2`] (Rekor v2 and a timestamp), [`VirtualSigstore::spec_private`] (GitHub's
//! private instance: a timestamp, no logs; goes with [`VirtualSigstore::private_trusted_root`]),
//! [`VirtualSigstore::spec_key`] (a bare key), [`VirtualSigstore::spec_message`] (a message signature),
//! [`VirtualSigstore::bare_envelope`] (DSSE with its certificate inside).
//!
//! Each entry has a tree of its own: two entries of one bundle do not share one tree head.

#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    unused_imports,
    reason = "test support: each test uses a part of it"
)]
#![allow(clippy::unwrap_used, clippy::use_debug, reason = "test support")]

pub mod asn1;
pub mod body;
pub mod ca;
pub mod claims;
pub mod cosign;
pub mod ct;
pub mod digest;
pub mod keys;
pub mod log;
pub mod merkle;
pub mod mint;
pub mod root;
pub mod spec;
pub mod statement;
pub mod tsa;
pub mod x509;

use base64::Engine as _;
use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

pub use body::Kind;
pub use ca::Eku;
pub use ca::IssuedBy;
pub use ca::KeyUsage;
pub use ca::San;
pub use claims::Claims;
pub use claims::GitHub;
pub use ct::Sct;
pub use ct::SctLie;
pub use digest::HashKind;
pub use keys::Key;
pub use keys::KeyKind;
pub use log::About;
pub use log::Checkpoint;
pub use log::Entry;
pub use log::NamedLog;
pub use log::Proof;
pub use log::Set;
pub use log::SigningLog;
pub use mint::Minted;
pub use root::RootSpec;
pub use root::Window;
pub use spec::CertificateShape;
pub use spec::CertificateSignature;
pub use spec::Content;
pub use spec::Cosigner;
pub use spec::MediaType;
pub use spec::Place;
pub use spec::Signature;
pub use spec::Signer;
pub use spec::Spec;
pub use tsa::Stamp;
pub use tsa::StampAuthority;
pub use tsa::StampCertificates;
pub use tsa::StampLie;

/// The signing time of every default: 2026-10-04T11:32:07Z.
pub const SIGNING_TIME: &str = "2026-10-04T11:32:07Z";

/// The signing time as a timestamp.
pub fn signing_time() -> Timestamp {
    time(SIGNING_TIME)
}

/// A timestamp out of its text.
pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Standard base64.
pub fn b64(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// One trust domain.
#[derive(Clone)]
pub struct VirtualSigstore {
    /// What all keys come from.
    pub seed: String,
    /// The certificate authority.
    pub ca: ca::Ca,
    /// Key of the certificate transparency log.
    pub ct: Key,
    /// Rekor v1.
    pub rekor_v1: log::Log,
    /// Rekor v2.
    pub rekor_v2: log::Log,
    /// The timestamp authorities.
    pub tsa: tsa::Tsa,
}

impl VirtualSigstore {
    /// The trust domain of a seed.
    pub fn new(seed: &str) -> Self {
        let window = (time("2026-01-01T00:00:00Z"), time("2035-12-31T00:00:00Z"));
        let expired_window = (time("2026-01-01T00:00:00Z"), time("2026-10-04T00:00:00Z"));
        Self {
            seed: seed.to_owned(),
            ca: ca::Ca { seed: seed.to_owned(), window, expired_window },
            ct: Key::derive(seed, "ct", KeyKind::P256),
            rekor_v1: log::Log::v1(seed),
            rekor_v2: log::Log::v2(seed),
            tsa: tsa::Tsa { seed: seed.to_owned(), window },
        }
    }

    /// The trust domain that this one's lies come from: same names, other keys.
    pub fn foreign(&self) -> Self {
        Self::new(&self.foreign_seed())
    }

    /// A key of this trust domain, by name.
    pub fn key(&self, label: &str, kind: KeyKind) -> Key {
        Key::derive(&self.seed, label, kind)
    }

    /// A key of the foreign trust domain, by name.
    pub fn foreign_key(&self, label: &str, kind: KeyKind) -> Key {
        Key::derive(&self.foreign_seed(), label, kind)
    }

    fn foreign_seed(&self) -> String {
        format!("{} foreign", self.seed)
    }

    /// The key that signs what `spec` describes.
    pub fn signer_key(&self, spec: &Spec) -> Key {
        self.key(&spec.key_label, spec.key)
    }

    /// The public half of it, as PEM.
    pub fn public_key_pem(&self, spec: &Spec) -> String {
        self.signer_key(spec).public_pem()
    }

    /// A good entry, integrated at the signing time if in Rekor v1.
    pub fn entry(&self, kind: Kind) -> Entry {
        Entry::new(kind, signing_time())
    }

    /// A good timestamp, one second after the signing time.
    pub fn stamp(&self, authority: StampAuthority) -> Stamp {
        Stamp::new(authority, signing_time() + SignedDuration::from_secs(1))
    }

    /// A good signed certificate timestamp.
    pub fn sct(&self) -> Sct {
        Sct { time: signing_time() - SignedDuration::from_secs(4), lie: SctLie::None }
    }

    /// SLSA provenance for one artifact in a v0.3 bundle with an SCT and a `dsse` 0.0.1 entry.
    pub fn spec(&self, artifact: &[u8]) -> Spec {
        self.spec_of(&json!([statement::subject("app.tar.gz", artifact)]), &GitHub::default())
    }

    /// The same for any subjects and run.
    pub fn spec_of(&self, subjects: &Value, run: &GitHub) -> Spec {
        let not_before = signing_time() - SignedDuration::from_secs(5);
        Spec {
            media_type: MediaType::V03,
            content: Content::Dsse,
            statement: statement::provenance(subjects, run),
            payload: None,
            payload_type: statement::PAYLOAD_TYPE.to_owned(),
            key: KeyKind::P256,
            key_label: "signer".to_owned(),
            signer: Signer::Certificate,
            signature: Signature::Good,
            key_id: None,
            cosigners: Vec::new(),
            hash: None,
            message_digest: None,
            san: vec![San::Uri(run.signer_uri())],
            claims: run.claims(),
            eku: Eku::CodeSigning,
            key_usage: KeyUsage::DigitalSignature,
            extensions: Vec::new(),
            not_before,
            not_after: not_before + SignedDuration::from_mins(10),
            issued_by: IssuedBy::Intermediate,
            scts: vec![self.sct()],
            certificate_signature: CertificateSignature::Good,
            entries: vec![self.entry(Kind::Dsse001)],
            stamps: Vec::new(),
        }
    }

    /// As [`Self::spec`], in Rekor v2, with the timestamp that this takes.
    pub fn spec_v2(&self, artifact: &[u8]) -> Spec {
        Spec {
            entries: vec![self.entry(Kind::HashedRekord002)],
            stamps: vec![self.stamp(StampAuthority::P256)],
            ..self.spec(artifact)
        }
    }

    /// As [`Self::spec`], but like GitHub's private instance: a timestamp, no logs of either sort.
    pub fn spec_private(&self, artifact: &[u8]) -> Spec {
        Spec {
            entries: Vec::new(),
            scts: Vec::new(),
            stamps: vec![self.stamp(StampAuthority::P384)],
            ..self.spec(artifact)
        }
    }

    /// As [`Self::spec`], signed with a bare key.
    pub fn spec_key(&self, artifact: &[u8]) -> Spec {
        Spec { signer: Signer::Key { hint: None }, ..self.spec(artifact) }
    }

    /// A message signature over `artifact`, with a `hashedrekord` 0.0.1 entry.
    pub fn spec_message(&self, artifact: &[u8]) -> Spec {
        Spec {
            content: Content::Message(artifact.to_vec()),
            entries: vec![self.entry(Kind::HashedRekord001)],
            ..self.spec(artifact)
        }
    }

    /// The bundle that `spec` describes.
    pub fn mint(&self, spec: &Spec) -> Value {
        self.mint_parts(spec).bundle
    }

    /// The bundle that `spec` describes, with its parts.
    pub fn mint_parts(&self, spec: &Spec) -> Minted {
        mint::mint(self, spec)
    }

    /// The DSSE envelope that `spec` describes, alone, with the certificate as PEM in the signature's `cert`.
    pub fn bare_envelope(&self, spec: &Spec) -> Value {
        let minted = self.mint_parts(spec);
        let mut envelope = minted.envelope;
        if let Some(leaf) = minted.chain.first() {
            let own = spec.cosigners.iter().filter(|cosigner| cosigner.place == Place::Before).count();
            envelope["signatures"][own]["cert"] = json!(asn1::pem("CERTIFICATE", leaf));
        }
        envelope
    }

    /// A bare envelope in the spelling of slsa-github-generator, with the entries that Rekor v1 would have of that text:
    /// `tlogEntries` items, one of each kind. `spec.entries` are left out.
    pub fn bare_logged(&self, spec: &Spec, kinds: &[Kind]) -> (String, Vec<Value>) {
        let text = |minted: &Minted| {
            let (sig, cert) = (b64(&minted.signature), json!(asn1::pem("CERTIFICATE", &minted.chain[0])).to_string());
            let (kind, payload) = (&spec.payload_type, b64(&minted.payload));
            format!(
                r#"{{"payloadType":"{kind}","payload":"{payload}","signatures":[{{"keyid":"","sig":"{sig}","cert":{cert}}}]}}"#
            )
        };
        let text = text(&self.mint_parts(&Spec { entries: Vec::new(), ..spec.clone() }));
        let entries: Vec<Entry> = kinds.iter().map(|kind| self.entry(*kind)).collect();
        let entries = self.entries_of(spec, &text, &entries);
        (text, entries)
    }

    /// The entries that a Rekor v1 log has of an envelope's text.
    pub fn entries_of(&self, spec: &Spec, text: &str, entries: &[Entry]) -> Vec<Value> {
        let spec = Spec { entries: Vec::new(), ..spec.clone() };
        let minted = self.mint_parts(&spec);
        let own = body::Signature {
            bytes: minted.signature.clone(),
            key_id: spec.key_id.clone(),
            verifier: body::Verifier::Certificate(minted.chain[0].clone()),
            details: self.signer_key(&spec).details(),
        };
        let subject = body::Subject {
            payload_type: spec.payload_type.clone(),
            payload: minted.payload,
            envelope: text.as_bytes().to_vec(),
            message: minted.message,
            hash: HashKind::Sha256,
            signatures: vec![own],
            own: 0,
        };
        let one = |(n, entry): (usize, &Entry)| {
            let body = entry.body.clone().unwrap_or_else(|| body::canonical(entry.kind, &subject));
            let entry = Entry { body: Some(body), leaves_before: entry.leaves_before + n, ..entry.clone() };
            self.mint(&Spec { entries: vec![entry], ..spec.clone() })["verificationMaterial"]["tlogEntries"][0].clone()
        };
        entries.iter().enumerate().map(one).collect()
    }

    /// What [`Self::trusted_root`] lists: both logs, the CT log, the authority and both timestamp authorities.
    pub fn root_spec(&self) -> RootSpec {
        let window = Window { start: Some(time("2026-01-01T00:00:00Z")), end: None };
        RootSpec {
            rekor_v1: Some(window),
            rekor_v2: Some(window),
            ct: Some(window),
            authorities: vec![(IssuedBy::Intermediate, window)],
            stamps: vec![(StampAuthority::P256, window), (StampAuthority::P384, window)],
        }
    }

    /// `trusted_root.json` in the shape of the public instance.
    pub fn trusted_root(&self) -> Value {
        self.trusted_root_of(&self.root_spec())
    }

    /// `trusted_root.json` in the shape of GitHub's private instance: no logs of either sort.
    pub fn private_trusted_root(&self) -> Value {
        self.trusted_root_of(&RootSpec { rekor_v1: None, rekor_v2: None, ct: None, ..self.root_spec() })
    }

    /// Any `trusted_root.json`.
    pub fn trusted_root_of(&self, spec: &RootSpec) -> Value {
        root::trusted_root(self, spec)
    }
}
