//! Step 3: the certificate leads to an authority of the root, at each proven time, for code signing.

use std::time::Duration;

use const_oid::db::rfc5912::ID_KP_CODE_SIGNING;
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::TrustAnchor;
use rustls_pki_types::UnixTime;
use webpki::EndEntityCert;
use webpki::KeyUsage;

use crate::formats::bundle::Bundle;
use crate::formats::certificate::SigningCertificate;
use crate::trust::key::PublicKey;
use crate::trust::key::sha256;
use crate::trust::root::Anchor;
use crate::trust::root::TrustedRoot;
use crate::verify::Step;
use crate::verify::VerifyError;
use crate::verify::time;
use crate::verify::time::TimesVerified;

/// The signer's certificate leads to an authority of the root; or the signer has none.
#[derive(Debug)]
pub(super) enum ChainVerified {
    /// It does.
    Certificate(Box<LeafVerified>),
    /// The signer is a key known elsewhere.
    NoCertificate,
}

/// A leaf that was verified, and what the later steps need of it.
#[derive(Debug)]
pub(super) struct LeafVerified {
    certificate: SigningCertificate,
    der: Vec<u8>,
    key: PublicKey,
    issuer_key_hash: [u8; 32],
}

impl LeafVerified {
    pub(super) fn certificate(&self) -> &SigningCertificate {
        &self.certificate
    }

    pub(super) fn der(&self) -> &[u8] {
        &self.der
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256 of the SubjectPublicKeyInfo of the certificate that issued the leaf on the verified path.
    pub(super) fn issuer_key_hash(&self) -> &[u8; 32] {
        &self.issuer_key_hash
    }

    /// Gives the certificate up, to become the identity.
    pub(super) fn into_certificate(self) -> SigningCertificate {
        self.certificate
    }
}

/// Builds the path (RFC 5280 section 6) with the extended key usage code signing required, for every proven time
/// ([`TimesVerified::judged_at`] says what stands in for one, and when): a
/// single backdated timestamp must not vouch for a certificate that another proven time excludes.
///
/// # Errors
/// `certificate-invalid`, `certificate-time`, `certificate-untrusted`, `key-*` as `certificate-invalid`, `signer-kind`,
/// `time-in-future`.
pub(super) fn check(
    bundle: &Bundle,
    root: Option<&TrustedRoot>,
    times: &TimesVerified,
) -> Result<ChainVerified, VerifyError> {
    let Some((leaf, intermediates)) = bundle.signer.certificates().split_first() else {
        return Ok(ChainVerified::NoCertificate);
    };
    let Some(root) = root else {
        return Err(VerifyError::SignerKind {
            expected: "a signature by a trusted key",
            found: "one with a certificate",
        });
    };
    let certificate = SigningCertificate::parse(leaf).map_err(|error| VerifyError::Format(Step::Certificate, error))?;
    let (not_before, not_after) = (certificate.not_before, certificate.not_after);
    let times = times.judged_at(not_before)?;
    if let Some(&signed) = times.iter().find(|time| **time < not_before || **time > not_after) {
        return Err(VerifyError::CertificateTime { signed, not_before, not_after });
    }
    let der = CertificateDer::from(leaf.as_slice());
    let intermediates: Vec<_> = intermediates.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let mut path = None;
    for time in times {
        path = Some(match path {
            // Rests on one anchor alone: another time asks only for that anchor's windows.
            Some(Path { anchor: Some(anchor), issuer_key_hash }) if anchor.covers(time) => {
                Path { anchor: Some(anchor), issuer_key_hash }
            }
            _ => build(&der, &intermediates, root, time)?,
        });
    }
    // There is at least one time to judge it at.
    let path = path.ok_or(VerifyError::TimeUnproven)?;
    let key = PublicKey::from_spki(&certificate.public_key).map_err(|error| untrusted(root, error.to_string()))?;
    let issuer_key_hash = path.issuer_key_hash;
    Ok(ChainVerified::Certificate(Box::new(LeafVerified { certificate, der: leaf.clone(), key, issuer_key_hash })))
}

fn untrusted(root: &TrustedRoot, reason: String) -> VerifyError {
    VerifyError::CertificateChain { root: time::name(Some(root)), reason }
}

struct Path<'a> {
    /// The anchor that issued the leaf itself, if no intermediate stands between.
    anchor: Option<&'a Anchor>,
    issuer_key_hash: [u8; 32],
}

fn build<'a>(
    leaf: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    root: &'a TrustedRoot,
    time: Timestamp,
) -> Result<Path<'a>, VerifyError> {
    let usable: Vec<&Anchor> = root.anchors.iter().filter(|anchor| anchor.covers(time)).collect();
    if usable.is_empty() {
        return Err(untrusted(root, format!("no certificate authority may be used at {time}")));
    }
    let anchors: Vec<TrustAnchor<'_>> = usable.iter().map(|anchor| anchor.anchor.clone()).collect();
    let seconds = u64::try_from(time.as_second()).map_err(|error| untrusted(root, error.to_string()))?;
    let leaf = EndEntityCert::try_from(leaf).map_err(|error| untrusted(root, error.to_string()))?;
    let path = leaf
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::required(ID_KP_CODE_SIGNING.as_bytes()),
            None, // Fulcio publishes no revocation lists: its certificates live ten minutes.
            None,
        )
        .map_err(|error| untrusted(root, error.to_string()))?;
    if let Some(issuer) = path.intermediate_certificates().next() {
        return Ok(Path { anchor: None, issuer_key_hash: sha256(&issuer.subject_public_key_info()) });
    }
    let anchor = usable.into_iter().find(|anchor| anchor.anchor == *path.anchor());
    let anchor = anchor.ok_or_else(|| untrusted(root, "the path ends nowhere".to_owned()))?;
    Ok(Path { anchor: Some(anchor), issuer_key_hash: anchor.key_hash })
}
