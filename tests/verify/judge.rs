//! The second judge, sigstore-verify 0.15.1: what it refuses we refuse, what we accept it accepts, but for named exceptions.

use sigstore_trust_root::TrustedRoot;
use sigstore_types::Artifact;
use sigstore_types::ArtifactDigest;
use sigstore_types::Bundle;
use sigstore_types::DerPublicKey;
use sigstore_types::HashAlgorithm;
use sigstore_verify::PublicKeyVerificationPolicy;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::Verifier;

use sealmark::formats::digest::Algorithm;

use crate::fixtures::About;
use crate::fixtures::Case;
use crate::fixtures::domain;

/// What the second judge says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It believes the attestation.
    Accepts,
    /// It does not, for this reason.
    Refuses(String),
}

impl Outcome {
    fn of(result: Result<(), String>) -> Self {
        match result {
            Ok(()) => Self::Accepts,
            Err(reason) => Self::Refuses(reason),
        }
    }
}

/// Asks the second judge about a case: it accepts when it does so under one of the roots and keys.
pub(crate) fn outcome(case: &Case) -> Outcome {
    Outcome::of(judge(case))
}

fn judge(case: &Case) -> Result<(), String> {
    let bundle = Bundle::from_json(&case.text).map_err(|error| error.to_string())?;
    let certificate = bundle.signing_certificate().is_some();
    let logged = !bundle.verification_material.tlog_entries.is_empty();
    let empty = [domain().private_trusted_root()];
    let roots = match case.trust.roots.as_slice() {
        // It takes no bundle without a root; one without logs lends nothing to a key.
        [] if !certificate => &empty,
        roots => roots,
    };
    let mut reasons = vec!["nothing is believed".to_owned()];
    for root in roots {
        let domain_logs = ["tlogs", "ctlogs"].iter().any(|list| root.get(list).is_some());
        let root = TrustedRoot::from_json(&root.to_string()).map_err(|error| error.to_string())?;
        let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
        let mut ask = |policy: &dyn sigstore_verify::Policy| match with_artifact(&verifier, &bundle, policy, case) {
            Ok(()) => true,
            Err(reason) => {
                reasons.push(reason);
                false
            }
        };
        if certificate {
            let any = VerificationPolicy::any_identity();
            if ask(&if domain_logs { any } else { any.skip_tlog_unsafe().skip_sct() }) {
                return Ok(());
            }
            continue;
        }
        for key in &case.trust.keys {
            let policy = PublicKeyVerificationPolicy::new(DerPublicKey::new(key.clone()));
            if ask(&if logged { policy } else { policy.skip_tlog_unsafe() }) {
                return Ok(());
            }
        }
    }
    Err(reasons.pop().unwrap_or_default())
}

fn with_artifact(
    verifier: &Verifier,
    bundle: &Bundle,
    policy: &dyn sigstore_verify::Policy,
    case: &Case,
) -> Result<(), String> {
    let verify = |artifact: Artifact<'_>| {
        verifier.verify(artifact, bundle, policy).map(|_| ()).map_err(|error| error.to_string())
    };
    match &case.about {
        About::Blob(bytes) => verify(Artifact::from_blob(bytes)),
        About::Digests(digests) => {
            let mut last = Err("no digest that it knows".to_owned());
            for digest in digests {
                let algorithm = match digest.algorithm() {
                    Algorithm::Sha256 => HashAlgorithm::Sha2256,
                    Algorithm::Sha384 => HashAlgorithm::Sha2384,
                    Algorithm::Sha512 => HashAlgorithm::Sha2512,
                    _ => continue,
                };
                let digest = ArtifactDigest::new(algorithm, digest.bytes().to_vec()).unwrap();
                last = verify(Artifact::from_digest(digest));
                if last.is_ok() {
                    break;
                }
            }
            last
        }
    }
}
