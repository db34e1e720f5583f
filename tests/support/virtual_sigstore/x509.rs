//! X.509 certificates out of parts, none of which is checked.

use jiff::Timestamp;
use sha2::Digest as _;
use sha2::Sha256;

use super::asn1;
use super::keys::Key;

/// One certificate extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// Dotted object identifier.
    pub oid: String,
    /// Whether it is marked critical.
    pub critical: bool,
    /// The bytes inside the `OCTET STRING`.
    pub value: Vec<u8>,
}

impl Extension {
    /// An extension out of its parts.
    pub fn new(oid: &str, critical: bool, value: Vec<u8>) -> Self {
        Self { oid: oid.to_owned(), critical, value }
    }

    fn der(&self) -> Vec<u8> {
        let critical = if self.critical { asn1::yes() } else { Vec::new() };
        asn1::seq(&[&asn1::oid(&self.oid), &critical, &asn1::octets(&self.value)])
    }
}

/// Everything in a `TBSCertificate` but the serial number and the signature algorithm, which follow from it.
#[derive(Clone)]
pub struct Template {
    /// DER name of the issuer.
    pub issuer: Vec<u8>,
    /// DER name of the subject.
    pub subject: Vec<u8>,
    /// Start of the validity.
    pub not_before: Timestamp,
    /// End of the validity.
    pub not_after: Timestamp,
    /// DER `SubjectPublicKeyInfo`.
    pub spki: Vec<u8>,
    /// Extensions, in order.
    pub extensions: Vec<Extension>,
}

impl Template {
    /// A positive 20-byte serial number that follows from the content without the CT extension.
    pub fn serial(&self) -> Vec<u8> {
        let mut hash = Sha256::new();
        hash.update(&self.issuer);
        hash.update(&self.subject);
        hash.update(&self.spki);
        hash.update(asn1::time(self.not_before));
        hash.update(asn1::time(self.not_after));
        for extension in self.extensions.iter().filter(|extension| extension.oid != OID_SCT_LIST) {
            hash.update(extension.der());
        }
        let mut serial = hash.finalize()[..20].to_vec();
        serial[0] = serial[0] & 0x7f | 0x40;
        serial
    }

    /// DER `TBSCertificate` to be signed by `signer`.
    pub fn tbs(&self, signer: &Key) -> Vec<u8> {
        let extensions: Vec<u8> = self.extensions.iter().flat_map(Extension::der).collect();
        let extensions =
            if extensions.is_empty() { Vec::new() } else { asn1::context(3, &asn1::tlv(0x30, &extensions)) };
        asn1::seq(&[
            &asn1::context(0, &asn1::uint(&[2])),
            &asn1::uint(&self.serial()),
            &signer.signature_algorithm(),
            &self.issuer,
            &asn1::seq(&[&asn1::time(self.not_before), &asn1::time(self.not_after)]),
            &self.subject,
            &self.spki,
            &extensions,
        ])
    }

    /// The DER certificate, signed by `signer`.
    pub fn certificate(&self, signer: &Key) -> Vec<u8> {
        let tbs = self.tbs(signer);
        let signature = signer.sign(&tbs);
        asn1::seq(&[&tbs, &signer.signature_algorithm(), &asn1::bits(&signature)])
    }
}

/// RFC 6962's list of embedded timestamps.
pub const OID_SCT_LIST: &str = "1.3.6.1.4.1.11129.2.4.2";
/// Extended key usage: code signing.
pub const OID_CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";
/// Extended key usage: time stamping.
pub const OID_TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";

/// `basicConstraints` of an authority.
pub fn authority(path_length: Option<u8>) -> Extension {
    let length = path_length.map_or_else(Vec::new, |length| asn1::uint(&[length]));
    Extension::new("2.5.29.19", true, asn1::seq(&[&asn1::yes(), &length]))
}

/// `keyUsage` with `digitalSignature` only.
pub fn usage_digital_signature() -> Extension {
    Extension::new("2.5.29.15", true, vec![0x03, 0x02, 0x07, 0x80])
}

/// `keyUsage` with `keyCertSign` and `cRLSign`.
pub fn usage_certificate_signing() -> Extension {
    Extension::new("2.5.29.15", true, vec![0x03, 0x02, 0x01, 0x06])
}

/// `extKeyUsage` with the purposes given.
pub fn extended_usage(critical: bool, purposes: &[&str]) -> Extension {
    let purposes: Vec<u8> = purposes.iter().flat_map(|purpose| asn1::oid(purpose)).collect();
    Extension::new("2.5.29.37", critical, asn1::tlv(0x30, &purposes))
}

/// The 20 bytes that identify a key in the two extensions below.
pub fn key_identifier(raw: &[u8]) -> Vec<u8> {
    Sha256::digest(raw)[..20].to_vec()
}

/// `subjectKeyIdentifier`.
pub fn subject_key(key: &Key) -> Extension {
    subject_key_of(&key.raw_public())
}

/// `subjectKeyIdentifier` of a key by the bytes of its bit string.
pub fn subject_key_of(raw: &[u8]) -> Extension {
    Extension::new("2.5.29.14", false, asn1::octets(&key_identifier(raw)))
}

/// `authorityKeyIdentifier`.
pub fn authority_key(key: &Key) -> Extension {
    Extension::new("2.5.29.35", false, asn1::seq(&[&asn1::tlv(0x80, &key_identifier(&key.raw_public()))]))
}
