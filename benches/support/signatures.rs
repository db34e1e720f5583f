//! The signature checks that verifying a bundle takes, and nothing else.

use aws_lc_rs::signature;
use aws_lc_rs::signature::ParsedPublicKey;
use der::Decode as _;
use der::Encode as _;
use sealmark::formats::base64;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::certificate::SigningCertificate;
use sealmark::formats::checkpoint::Checkpoint;
use sealmark::formats::sct;
use sealmark::trust::key::sha256;

use crate::support::virtual_sigstore::IssuedBy;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;

/// A public key operation that some verification needs.
pub(crate) struct Check {
    key: ParsedPublicKey,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Check {
    fn new(key: &Key, message: Vec<u8>, signature: Vec<u8>) -> Self {
        let algorithm: &'static dyn signature::VerificationAlgorithm = match key.kind() {
            KeyKind::P256 => &signature::ECDSA_P256_SHA256_ASN1,
            KeyKind::P384 => &signature::ECDSA_P384_SHA384_ASN1,
            KeyKind::Ed25519 => &signature::ED25519,
        };
        let key = ParsedPublicKey::new(algorithm, key.raw_public()).unwrap();
        let check = Self { key, message, signature };
        check.run();
        check
    }

    /// A certificate's own signature, by the key of its issuer.
    fn certificate(issuer: &Key, der: &[u8]) -> Self {
        let certificate = x509_cert::Certificate::from_der(der).unwrap();
        let signature = certificate.signature.as_bytes().unwrap().to_vec();
        Self::new(issuer, certificate.tbs_certificate.to_der().unwrap(), signature)
    }

    pub(crate) fn run(&self) {
        self.key.verify_sig(&self.message, &self.signature).unwrap();
    }
}

/// Every signature check that a bundle takes.
pub(crate) fn checks(sigstore: &VirtualSigstore, spec: &Spec, bundle: &Bundle) -> Vec<Check> {
    let leaf = bundle.signer.certificates()[0].clone();
    let issuer = sigstore.ca.chain(IssuedBy::Intermediate).swap_remove(0).key;
    let Content::Envelope(envelope) = &bundle.content else { panic!("an attestation") };
    let mut checks = vec![
        Check::certificate(&issuer, &leaf),
        Check::new(&sigstore.signer_key(spec), envelope.pae().unwrap(), envelope.signatures[0].sig.clone()),
    ];
    let certificate = SigningCertificate::parse(&leaf).unwrap();
    for one in &certificate.scts {
        let tbs = certificate.precertificate_tbs().unwrap();
        let signed = sct::signed_data(one, &sha256(&issuer.spki()), &tbs).unwrap();
        checks.push(Check::new(&sigstore.ct, signed, one.signature.clone()));
    }
    for entry in &bundle.log_entries {
        let log = if entry.kind.is_v2() { &sigstore.rekor_v2.key } else { &sigstore.rekor_v1.key };
        let checkpoint = Checkpoint::parse(&entry.inclusion_proof.as_ref().unwrap().checkpoint).unwrap();
        checks.push(Check::new(log, checkpoint.signed().to_vec(), checkpoint.signatures()[0].signature.clone()));
        if let (Some(set), Some(seconds)) = (&entry.signed_entry_timestamp, entry.integrated_time) {
            let signed = format!(
                r#"{{"body":"{}","integratedTime":{seconds},"logID":"{}","logIndex":{}}}"#,
                base64::encode(&entry.body),
                hex::encode(&entry.log_id),
                entry.log_index
            );
            checks.push(Check::new(log, signed.into_bytes(), set.clone()));
        }
    }
    for stamp in &spec.stamps {
        let chain = sigstore.tsa.chain(stamp.authority);
        for pair in chain.windows(2) {
            checks.push(Check::certificate(&pair[1].key, &pair[0].der));
        }
        // The signed attributes of a token have about 200 bytes.
        let attributes = vec![7; 200];
        let signature = chain[0].key.sign(&attributes);
        checks.push(Check::new(&chain[0].key, attributes, signature));
    }
    checks
}
