//! The certificate authority: a root, its intermediates, and leaves for ten minutes.

use jiff::Timestamp;

use super::asn1;
use super::claims::FULCIO_ARC;
use super::keys::Key;
use super::keys::KeyKind;
use super::x509;
use super::x509::Extension;
use super::x509::Template;

/// Who signs the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IssuedBy {
    /// The intermediate under the root: the usual case.
    Intermediate,
    /// The root itself.
    Root,
    /// An inner intermediate under an outer intermediate under the root.
    SecondIntermediate,
    /// An intermediate of the same name, under a root of the same name, with keys nobody trusts.
    Foreign,
    /// An intermediate under the true root whose validity ended before the signing time.
    ExpiredIntermediate,
    /// An intermediate under the true root whose `basicConstraints` says that it is no authority.
    NotAnAuthority,
}

/// An extended key usage of the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Eku {
    /// Code signing: what Fulcio writes.
    CodeSigning,
    /// TLS server.
    ServerAuth,
    /// Time stamping.
    TimeStamping,
    /// `anyExtendedKeyUsage`.
    Any,
    /// No such extension.
    Absent,
}

/// The key usage of the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyUsage {
    /// `digitalSignature`: what Fulcio writes.
    DigitalSignature,
    /// `keyCertSign` and `cRLSign`.
    CertificateSigning,
    /// No such extension.
    Absent,
}

/// One subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum San {
    /// A URI: workloads.
    Uri(String),
    /// An e-mail address: people.
    Email(String),
    /// Fulcio's `otherName` (arc `.7`): user names.
    OtherName(String),
    /// A DNS name, which Fulcio does not write.
    Dns(String),
}

impl San {
    fn der(&self) -> Vec<u8> {
        match self {
            Self::Uri(text) => asn1::tlv(0x86, text.as_bytes()),
            Self::Email(text) => asn1::tlv(0x81, text.as_bytes()),
            Self::Dns(text) => asn1::tlv(0x82, text.as_bytes()),
            Self::OtherName(text) => {
                let oid = asn1::oid(&format!("{FULCIO_ARC}.7"));
                asn1::context(0, &[oid, asn1::context(0, &asn1::utf8(text))].concat())
            }
        }
    }
}

/// The subject alternative name extension.
pub fn alternative_names(names: &[San]) -> Extension {
    let names: Vec<u8> = names.iter().flat_map(San::der).collect();
    Extension::new("2.5.29.17", true, asn1::tlv(0x30, &names))
}

/// The extended key usage extension, if any.
pub fn extended_usage(usage: Eku) -> Option<Extension> {
    let purpose = match usage {
        Eku::CodeSigning => x509::OID_CODE_SIGNING,
        Eku::TimeStamping => x509::OID_TIME_STAMPING,
        Eku::ServerAuth => "1.3.6.1.5.5.7.3.1",
        Eku::Any => "2.5.29.37.0",
        Eku::Absent => return None,
    };
    Some(x509::extended_usage(false, &[purpose]))
}

/// The key usage extension, if any.
pub fn key_usage(usage: KeyUsage) -> Option<Extension> {
    match usage {
        KeyUsage::DigitalSignature => Some(x509::usage_digital_signature()),
        KeyUsage::CertificateSigning => Some(x509::usage_certificate_signing()),
        KeyUsage::Absent => None,
    }
}

/// A certificate that signs others, with its key.
#[derive(Clone)]
pub struct Authority {
    /// DER name.
    pub name: Vec<u8>,
    /// Key pair.
    pub key: Key,
    /// DER certificate.
    pub der: Vec<u8>,
}

/// What distinguishes one authority from the next.
pub struct AuthoritySpec<'a> {
    /// Seed of its key.
    pub seed: &'a str,
    /// Name of its key under the seed.
    pub label: &'a str,
    /// Algorithm of its key.
    pub kind: KeyKind,
    /// DER name.
    pub name: Vec<u8>,
    /// Validity.
    pub window: (Timestamp, Timestamp),
    /// Extensions except the key identifiers.
    pub extensions: Vec<Extension>,
}

impl Authority {
    /// An authority under `parent`, or a self-signed one.
    pub fn new(spec: AuthoritySpec<'_>, parent: Option<&Self>) -> Self {
        let key = Key::derive(spec.seed, spec.label, spec.kind);
        let (issuer, signer) = parent.map_or((&spec.name, &key), |parent| (&parent.name, &parent.key));
        let mut extensions = spec.extensions;
        extensions.push(x509::subject_key(&key));
        if parent.is_some() {
            extensions.push(x509::authority_key(signer));
        }
        let template = Template {
            issuer: issuer.clone(),
            subject: spec.name.clone(),
            not_before: spec.window.0,
            not_after: spec.window.1,
            spki: key.spki(),
            extensions,
        };
        let der = template.certificate(signer);
        Self { name: spec.name, key, der }
    }
}

/// The authorities of one trust domain.
#[derive(Clone, Debug)]
pub struct Ca {
    /// Seed of the keys.
    pub seed: String,
    /// Validity of all authorities but one.
    pub window: (Timestamp, Timestamp),
    /// Validity of the expired one.
    pub expired_window: (Timestamp, Timestamp),
}

impl Ca {
    /// Self-signed root.
    pub fn root(&self) -> Authority {
        let extensions = vec![x509::usage_certificate_signing(), x509::authority(None)];
        self.authority("sigstore", self.window, extensions, None)
    }

    /// The usual intermediate.
    pub fn intermediate(&self) -> Authority {
        self.authority("sigstore-intermediate", self.window, issuing(x509::authority(Some(0))), Some(&self.root()))
    }

    /// Outer one of the two intermediates of the long chain.
    pub fn outer(&self) -> Authority {
        self.authority("sigstore-outer", self.window, issuing(x509::authority(Some(1))), Some(&self.root()))
    }

    /// Inner one of the two intermediates of the long chain.
    pub fn inner(&self) -> Authority {
        self.authority("sigstore-inner", self.window, issuing(x509::authority(Some(0))), Some(&self.outer()))
    }

    /// Intermediate that has expired.
    pub fn expired(&self) -> Authority {
        let extensions = issuing(x509::authority(Some(0)));
        self.authority("sigstore-expired", self.expired_window, extensions, Some(&self.root()))
    }

    /// Certificate under the root that may not sign certificates.
    pub fn not_an_authority(&self) -> Authority {
        let extensions = issuing(Extension::new("2.5.29.19", true, asn1::seq(&[])));
        self.authority("sigstore-none", self.window, extensions, Some(&self.root()))
    }

    /// The chain of whoever signs the leaf, leaf-most first, root last; all of this trust domain.
    pub fn chain(&self, issued_by: IssuedBy) -> Vec<Authority> {
        match issued_by {
            IssuedBy::Intermediate | IssuedBy::Foreign => vec![self.intermediate(), self.root()],
            IssuedBy::Root => vec![self.root()],
            IssuedBy::SecondIntermediate => vec![self.inner(), self.outer(), self.root()],
            IssuedBy::ExpiredIntermediate => vec![self.expired(), self.root()],
            IssuedBy::NotAnAuthority => vec![self.not_an_authority(), self.root()],
        }
    }

    fn authority(
        &self,
        common_name: &str,
        window: (Timestamp, Timestamp),
        extensions: Vec<Extension>,
        parent: Option<&Authority>,
    ) -> Authority {
        let label = format!("ca {common_name}");
        let name = asn1::name("virtual.test", common_name);
        let spec = AuthoritySpec { seed: &self.seed, label: &label, kind: KeyKind::P384, name, window, extensions };
        Authority::new(spec, parent)
    }
}

fn issuing(constraints: Extension) -> Vec<Extension> {
    vec![x509::usage_certificate_signing(), x509::extended_usage(false, &[x509::OID_CODE_SIGNING]), constraints]
}
