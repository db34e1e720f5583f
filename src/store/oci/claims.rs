//! What something attached to an image says to be, and by whom; nothing of it is believed.

use crate::formats::FormatError;
use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::certificate::SigningCertificate;
use crate::formats::cosign;
use crate::formats::envelope::IN_TOTO_PAYLOAD_TYPE;
use crate::formats::statement::Statement;
use crate::store::oci::evidence::Attached;
use crate::store::oci::evidence::AttachedContent;

/// The predicate type of a signature that is written as an attestation (cosign, since bundles).
const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";
/// What media and artifact types start with that hold a bill of materials as it is, without a signature.
const SBOMS: &[&str] = &[
    "text/spdx",
    "application/spdx",
    "application/vnd.cyclonedx",
    "application/vnd.syft",
    "application/vnd.dev.cosign.artifact.sbom",
];
/// What predicate types start with that are bills of materials.
const SBOM_PREDICATES: &[&str] = &["https://spdx.dev/Document", "https://cyclonedx.org/bom"];

/// What something attached is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// An attestation, or what stands where one is expected.
    Attestation,
    /// A signature: plain, or as an attestation that says nothing more.
    Signature,
    /// A bill of materials that nobody signed.
    Sbom,
    /// Something else.
    Other,
}

impl What {
    /// The name in reports and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation",
            Self::Signature => "signature",
            Self::Sbom => "sbom",
            Self::Other => "other",
        }
    }
}

/// Who says to have signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimedSigner {
    /// Whoever has the certificate.
    Certificate {
        /// Its subject alternative name.
        name: String,
        /// The OIDC issuer in it.
        issuer: Option<String>,
    },
    /// A key that is known elsewhere.
    Key {
        /// A hint at which.
        hint: Option<String>,
    },
}

/// What something attached says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// What it is.
    pub what: What,
    /// What it is packed in; None for what is no bundle, or cannot be read as one.
    pub format: Option<&'static str>,
    /// The predicate type in the payload.
    pub predicate_type: Option<String>,
    /// Who says to have signed.
    pub signer: Option<ClaimedSigner>,
    /// The first thing that is malformed.
    pub error: Option<FormatError>,
}

impl Claims {
    /// Reads what something attached says.
    pub fn of(one: &Attached) -> Self {
        let (what, read) = match &one.content {
            AttachedContent::Attestation(read) => (What::Attestation, Some(read)),
            AttachedContent::Signature(read) => (What::Signature, Some(read)),
            AttachedContent::Other => (if is_sbom(one) { What::Sbom } else { What::Other }, None),
        };
        let empty = Self { what, format: None, predicate_type: None, signer: None, error: None };
        match read {
            None => empty,
            Some(Err(error)) => Self { error: Some(error.clone()), ..empty },
            Some(Ok(bundle)) => Self::of_bundle(bundle),
        }
    }

    fn of_bundle(bundle: &Bundle) -> Self {
        let (signer, mut error) = match signer(bundle) {
            Ok(signer) => (signer, None),
            Err(error) => (None, Some(error)),
        };
        let mut what = What::Signature;
        let mut predicate_type = None;
        if let Content::Envelope(envelope) = &bundle.content
            && envelope.payload_type != cosign::SIGNATURE_MEDIA_TYPE
        {
            what = What::Attestation;
            if envelope.payload_type == IN_TOTO_PAYLOAD_TYPE {
                match Statement::parse(envelope.payload.clone()) {
                    Ok(statement) => predicate_type = Some(statement.predicate_type),
                    Err(malformed) => error = error.or(Some(malformed)),
                }
            }
        }
        if predicate_type.as_deref() == Some(SIGNATURE) {
            what = What::Signature;
        }
        Self { what, format: Some(bundle.version.name()), predicate_type, signer, error }
    }
}

/// Whether a predicate type is a bill of materials.
pub fn is_sbom_predicate(predicate_type: &str) -> bool {
    SBOM_PREDICATES
        .iter()
        .any(|family| predicate_type.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn is_sbom(one: &Attached) -> bool {
    let layer = one.item.as_ref().map(|item| item.media_type.as_str());
    let named = [layer, one.artifact_type.as_deref()];
    named.into_iter().flatten().any(|name| SBOMS.iter().any(|sbom| name.to_ascii_lowercase().starts_with(sbom)))
}

fn signer(bundle: &Bundle) -> Result<Option<ClaimedSigner>, FormatError> {
    if let Some(leaf) = bundle.signer.certificates().first() {
        let certificate = SigningCertificate::parse(leaf)?;
        let (name, issuer) = (certificate.san.as_str().to_owned(), certificate.issuer().map(str::to_owned));
        return Ok(Some(ClaimedSigner::Certificate { name, issuer }));
    }
    let hint = match (&bundle.signer, &bundle.content) {
        (Signer::PublicKey { hint }, _) => Some(hint),
        (_, Content::Envelope(envelope)) => envelope.signatures.first().map(|signature| &signature.keyid),
        _ => None,
    };
    Ok(Some(ClaimedSigner::Key { hint: hint.filter(|hint| !hint.is_empty()).cloned() }))
}
