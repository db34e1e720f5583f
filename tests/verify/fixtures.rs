//! What the tests of the verifier share: an artifact, a clock, a trust domain, and cases with their exact outcome.

use std::sync::LazyLock;

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::attestations;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::trust::key::PublicKey;
use sealmark::trust::root::TrustedRoot;
use sealmark::verify::TrustedKey;
use sealmark::verify::VerifiedAttestation;
use sealmark::verify::Verifier;
use serde_json::Value;

use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;

/// What most attestations here are about.
pub(crate) const ARTIFACT: &[u8] = b"artifact bytes";

/// The time of every verification here: seven weeks after the virtual signing time.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

/// The trust domain of most tests.
pub(crate) fn domain() -> &'static VirtualSigstore {
    static DOMAIN: LazyLock<VirtualSigstore> = LazyLock::new(|| VirtualSigstore::new("sealmark"));
    &DOMAIN
}

/// What a verifier is told to believe.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    /// `trusted_root.json` of each domain.
    pub(crate) roots: Vec<Value>,
    /// SubjectPublicKeyInfo of each key.
    pub(crate) keys: Vec<Vec<u8>>,
}

impl Trust {
    /// The domain, like the public instance.
    pub(crate) fn public() -> Self {
        Self::root(domain().trusted_root())
    }

    /// The domain, like GitHub's private instance.
    pub(crate) fn private() -> Self {
        Self::root(domain().private_trusted_root())
    }

    /// One root.
    pub(crate) fn root(root: Value) -> Self {
        Self { roots: vec![root], keys: Vec::new() }
    }

    /// The key that signs what `spec` describes, and nothing else.
    pub(crate) fn key(spec: &Spec) -> Self {
        Self { roots: Vec::new(), keys: vec![domain().signer_key(spec).spki()] }
    }

    /// One more key.
    pub(crate) fn and_key(mut self, key: &Key) -> Self {
        self.keys.push(key.spki());
        self
    }

    /// One more root.
    pub(crate) fn and_root(mut self, root: Value) -> Self {
        self.roots.push(root);
        self
    }

    /// A verifier that believes this.
    pub(crate) fn verifier(&self) -> Verifier {
        let root = |(n, root): (usize, &Value)| {
            TrustedRoot::parse(root.to_string().as_bytes(), &format!("root {n}"), None).unwrap()
        };
        let key = |spki: &Vec<u8>| TrustedKey::named("the test", PublicKey::from_spki(spki).unwrap());
        Verifier::new(self.roots.iter().enumerate().map(root).collect(), self.keys.iter().map(key).collect())
    }
}

/// What an attestation is verified for.
#[derive(Clone, Debug)]
pub(crate) enum About {
    /// These bytes.
    Blob(Vec<u8>),
    /// Something known by its digests alone.
    Digests(Vec<Digest>),
}

impl About {
    /// The artifact. Of bytes, every digest that a Statement is likely to name.
    pub(crate) fn artifact(&self) -> Artifact {
        let digests = match self {
            Self::Blob(bytes) => {
                let kinds = [
                    (Algorithm::Sha256, HashKind::Sha256),
                    (Algorithm::Sha384, HashKind::Sha384),
                    (Algorithm::Sha512, HashKind::Sha512),
                ];
                kinds.map(|(algorithm, kind)| Digest::new(algorithm, kind.of(bytes)).unwrap()).to_vec()
            }
            Self::Digests(digests) => digests.clone(),
        };
        Artifact::new("artifact".to_owned(), digests).unwrap()
    }
}

/// A file with one attestation, and what must become of it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) trust: Trust,
    pub(crate) about: About,
    /// Accepted, or the exact code.
    pub(crate) expected: Result<(), &'static str>,
}

impl Case {
    /// One about [`ARTIFACT`].
    pub(crate) fn new(name: &str, bundle: &Value, trust: Trust, expected: Result<(), &'static str>) -> Self {
        let about = About::Blob(ARTIFACT.to_vec());
        Self { name: name.to_owned(), text: bundle.to_string(), trust, about, expected }
    }

    /// The same about something else.
    pub(crate) fn about(self, about: About) -> Self {
        Self { about, ..self }
    }

    /// What the verifier says.
    pub(crate) fn outcome(&self) -> Result<VerifiedAttestation, &'static str> {
        outcome(&self.trust.verifier(), &self.text, &self.about.artifact())
    }
}

/// The one bundle of a file.
pub(crate) fn bundle(text: &str) -> Result<Bundle, &'static str> {
    let mut candidates = attestations::parse(text.as_bytes()).map_err(|error| error.code())?;
    // A line feed in the wrong place makes two unreadable lines of one bundle.
    if candidates.len() != 1 {
        assert!(candidates.iter().all(|candidate| candidate.bundle.is_err()), "one attestation in the file");
    }
    candidates.remove(0).bundle.map_err(|error| error.code())
}

/// Reads and verifies the one attestation of a file: accepted, or the code of the refusal.
pub(crate) fn outcome(
    verifier: &Verifier,
    text: &str,
    artifact: &Artifact,
) -> Result<VerifiedAttestation, &'static str> {
    verifier.verify(&bundle(text)?, artifact, now()).map_err(|error| error.code())
}

/// Runs cases, prints the two counts, and fails with every case that ends otherwise than it must.
pub(crate) fn run(suite: &str, cases: &[Case]) -> (usize, usize) {
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    for case in cases {
        let found = case.outcome().map(|_| ());
        match found {
            Ok(()) => accepted += 1,
            Err(_) => refused += 1,
        }
        if found != case.expected {
            wrong.push(format!("{}: expected {:?}, found {found:?}", case.name, case.expected));
        }
    }
    println!("{suite}: {accepted} accepted, {refused} refused");
    assert!(wrong.is_empty(), "{suite}: {} of {} end otherwise:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let mut names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), cases.len(), "{suite}: each case has a name of its own");
    (accepted, refused)
}
