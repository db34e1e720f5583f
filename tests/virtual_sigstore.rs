//! The virtual Sigstore is believed by an independent verifier exactly when it tells the truth.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod support;

use serde_json::Value;
use sigstore_trust_root::TrustedRoot;
use sigstore_types::Bundle;
use sigstore_verify::VerificationPolicy;
use sigstore_verify::Verifier;

use support::virtual_sigstore::Spec;
use support::virtual_sigstore::VirtualSigstore;

const ARTIFACT: &[u8] = b"artifact bytes";

fn judge(root: &Value, bundle: &Value, policy: &dyn sigstore_verify::Policy) -> Result<(), String> {
    let root = TrustedRoot::from_json(&root.to_string()).map_err(|error| error.to_string())?;
    let verifier = Verifier::new(&root).map_err(|error| error.to_string())?;
    let bundle = Bundle::from_json(&bundle.to_string()).map_err(|error| error.to_string())?;
    verifier.verify(ARTIFACT, &bundle, policy).map(|_| ()).map_err(|error| error.to_string())
}

fn judge_public(sigstore: &VirtualSigstore, spec: &Spec) -> Result<(), String> {
    judge(&sigstore.trusted_root(), &sigstore.mint(spec), &VerificationPolicy::any_identity())
}

#[test]
fn the_default_bundle_is_accepted() {
    let sigstore = VirtualSigstore::new("seed");
    assert_eq!(judge_public(&sigstore, &sigstore.spec(ARTIFACT)), Ok(()));
}
