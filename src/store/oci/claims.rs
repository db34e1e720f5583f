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
                match Statement::of(&envelope.payload) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::bundle::Version;
    use crate::formats::envelope::Envelope;
    use crate::formats::envelope::Signature;
    use crate::store::oci::Form;
    use crate::store::oci::memory::digest_of;

    fn envelope(payload_type: &str, payload: &str) -> Content {
        let signature = Signature { keyid: "k".to_owned(), sig: Vec::new(), cert: None };
        let (payload_type, payload) = (payload_type.to_owned(), payload.as_bytes().into());
        Content::Envelope(Envelope { payload_type, payload, signatures: vec![signature], source: None })
    }

    fn claims(content: Content, signer: Signer) -> Claims {
        let (log_entries, timestamps) = (Vec::new(), Vec::new());
        Claims::of_bundle(&Bundle { version: Version::V0_3, content, signer, log_entries, timestamps })
    }

    #[test]
    fn signatures_are_told_from_attestations_by_what_is_signed() {
        let statement = |predicate_type: &str| {
            format!(
                r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"x":"1"}}}}],"predicateType":"{predicate_type}"}}"#
            )
        };
        let rows = [
            (envelope(IN_TOTO_PAYLOAD_TYPE, &statement("p")), What::Attestation, Some("p"), None),
            (envelope(IN_TOTO_PAYLOAD_TYPE, &statement(SIGNATURE)), What::Signature, Some(SIGNATURE), None),
            (envelope(IN_TOTO_PAYLOAD_TYPE, "{}"), What::Attestation, None, Some("json-field-missing")),
            (envelope("text/plain", "x"), What::Attestation, None, None),
            // As Tekton Chains writes them.
            (envelope(cosign::SIGNATURE_MEDIA_TYPE, "{}"), What::Signature, None, None),
            (Content::Message { digest: None, signature: Vec::new() }, What::Signature, None, None),
            (Content::SimpleSigning { payload: Vec::new(), signature: Vec::new() }, What::Signature, None, None),
        ];
        for (content, what, predicate_type, code) in rows {
            let found = claims(content, Signer::Unnamed);
            assert_eq!((found.what, found.predicate_type.as_deref()), (what, predicate_type));
            assert_eq!(found.error.map(|error| error.code()), code);
        }
    }

    #[test]
    fn a_signer_is_a_key_or_a_certificate_or_malformed() {
        let key = |hint: Option<&str>| Some(ClaimedSigner::Key { hint: hint.map(str::to_owned) });
        let named = |signer| claims(envelope("t", ""), signer);
        assert_eq!(named(Signer::PublicKey { hint: "h".to_owned() }).signer, key(Some("h")));
        assert_eq!(named(Signer::PublicKey { hint: String::new() }).signer, key(None));
        assert_eq!(named(Signer::Unnamed).signer, key(Some("k")));
        let broken = named(Signer::Certificate(vec![1]));
        assert_eq!((broken.signer, broken.error.unwrap().code()), (None, "certificate-invalid"));
    }

    #[test]
    fn what_is_no_bundle_is_told_by_its_type() {
        let of = |artifact_type: &str| {
            let (layer, item, predicate_type, created, long) = (None, None, None, None, None);
            let (form, artifact_type) = (Form::Referrer, Some(artifact_type.to_owned()));
            let (manifest, content) = (digest_of(b"x"), AttachedContent::Other);
            Claims::of(&Attached { manifest, layer, item, form, artifact_type, predicate_type, created, content, long })
                .what
        };
        assert_eq!(of("application/SPDX+json"), What::Sbom);
        assert_eq!(of("application/vnd.cyclonedx+xml"), What::Sbom);
        assert_eq!(of("application/vnd.cncf.helm.config.v1+json"), What::Other);
        assert!(is_sbom_predicate("https://spdx.dev/Document/v2.3") && is_sbom_predicate("https://cyclonedx.org/bom"));
        assert!(!is_sbom_predicate("https://cyclonedx.org/bomb"));
    }
}
