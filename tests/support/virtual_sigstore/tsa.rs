//! The timestamp authorities: RFC 3161 responses over signatures.

use jiff::Timestamp;
use sha2::Digest as _;
use sha2::Sha256;

use super::asn1;
use super::ca::Authority;
use super::ca::AuthoritySpec;
use super::digest::HashKind;
use super::keys::Key;
use super::keys::KeyKind;
use super::x509;
use super::x509::Extension;

/// One timestamp of a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The time it states.
    pub time: Timestamp,
    /// Which authority makes it.
    pub authority: StampAuthority,
    /// Hash of the imprint.
    pub hash: HashKind,
    /// Whether the authority's certificates are embedded.
    pub certificates: StampCertificates,
    /// What is wrong with it, if anything.
    pub lie: StampLie,
}

/// A timestamp authority of a trust domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampAuthority {
    /// P-256 leaf directly under its own P-384 root.
    P256,
    /// P-384 leaf under an intermediate under the same root.
    P384,
}

/// Whether a token carries certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampCertificates {
    /// The leaf and the intermediate, if any.
    Embedded,
    /// None.
    Absent,
}

/// What is wrong with a timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StampLie {
    /// Nothing.
    None,
    /// Made for another signature.
    WrongImprint,
    /// Signed by an authority that no trusted root names, under the same names.
    Foreign,
    /// Signed with another key in the name of the true authority.
    ForeignKey,
    /// One bit of the signature is flipped.
    BadSignature,
    /// The signed digest is not that of the statement of time.
    WrongDigest,
    /// The signed content type is not that of a statement of time.
    WrongContentType,
    /// The signed certificate identifier is that of another certificate.
    WrongCertificateId,
    /// No signed content type.
    NoContentType,
    /// No signed certificate identifier.
    NoCertificateId,
    /// Beside the true certificate identifier an older one, of another certificate.
    OtherOldCertificateId,
    /// The response says that the request was rejected, and carries the token all the same.
    Rejected,
    /// Made by a certificate for code signing.
    WrongUsage,
}

impl Stamp {
    /// A good timestamp.
    pub fn new(authority: StampAuthority, time: Timestamp) -> Self {
        Self { time, authority, hash: HashKind::Sha256, certificates: StampCertificates::Embedded, lie: StampLie::None }
    }
}

/// What a timestamp authority is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Digest of what is stamped.
    pub imprint: Vec<u8>,
    /// The client's number, big-endian, if it sent one.
    pub nonce: Option<Vec<u8>>,
    /// What the serial number of the token follows from.
    pub serial: Vec<u8>,
}

/// The timestamp authorities of one trust domain.
#[derive(Clone, Debug)]
pub struct Tsa {
    /// Seed of the keys.
    pub seed: String,
    /// Validity of all certificates.
    pub window: (Timestamp, Timestamp),
}

impl Tsa {
    /// Root of both.
    pub fn root(&self) -> Authority {
        let extensions = vec![x509::usage_certificate_signing(), x509::authority(None)];
        self.authority("tsa", KeyKind::P384, extensions, None)
    }

    /// Intermediate of the P-384 authority.
    pub fn intermediate(&self) -> Authority {
        let extensions = vec![
            x509::usage_certificate_signing(),
            x509::extended_usage(false, &[x509::OID_TIME_STAMPING]),
            x509::authority(Some(0)),
        ];
        self.authority("tsa-intermediate", KeyKind::P384, extensions, Some(&self.root()))
    }

    /// The P-256 authority.
    pub fn p256(&self) -> Authority {
        self.authority("tsa-p256", KeyKind::P256, leaf(x509::OID_TIME_STAMPING), Some(&self.root()))
    }

    /// The P-384 authority.
    pub fn p384(&self) -> Authority {
        self.authority("tsa-p384", KeyKind::P384, leaf(x509::OID_TIME_STAMPING), Some(&self.intermediate()))
    }

    /// A certificate under the root that is not for time stamping.
    pub fn wrong_usage(&self) -> Authority {
        self.authority("tsa-wrong", KeyKind::P256, leaf(x509::OID_CODE_SIGNING), Some(&self.root()))
    }

    /// The chain of an authority, leaf first, root last.
    pub fn chain(&self, authority: StampAuthority) -> Vec<Authority> {
        match authority {
            StampAuthority::P256 => vec![self.p256(), self.root()],
            StampAuthority::P384 => vec![self.p384(), self.intermediate(), self.root()],
        }
    }

    fn authority(
        &self,
        common_name: &str,
        kind: KeyKind,
        extensions: Vec<Extension>,
        parent: Option<&Authority>,
    ) -> Authority {
        let name = asn1::name("virtual.test", common_name);
        let (seed, label, window) = (self.seed.as_str(), common_name, self.window);
        Authority::new(AuthoritySpec { seed, label, kind, name, window, extensions }, parent)
    }

    /// A DER `TimeStampResp` over `signature`.
    pub fn stamp(&self, stamp: &Stamp, foreign: &Self, signature: &[u8]) -> Vec<u8> {
        let serial = [signature, &stamp.time.as_second().to_be_bytes()].concat();
        self.stamp_query(stamp, foreign, &Query { imprint: stamp.hash.of(signature), nonce: None, serial })
    }

    /// A DER `TimeStampResp` to somebody's query.
    pub fn stamp_query(&self, stamp: &Stamp, foreign: &Self, query: &Query) -> Vec<u8> {
        let domain = if stamp.lie == StampLie::Foreign { foreign } else { self };
        let mut chain = domain.chain(stamp.authority);
        if stamp.lie == StampLie::WrongUsage {
            chain = vec![domain.wrong_usage(), domain.root()];
        }
        let issuer = &chain[1].name;
        let stranger = (stamp.lie == StampLie::ForeignKey).then(|| foreign.chain(stamp.authority).swap_remove(0));
        let key = stranger.as_ref().map_or(&chain[0].key, |stranger| &stranger.key);
        let info = time_info(stamp, query);
        let token = token(stamp, &chain[0], issuer, key, &embedded(stamp, &chain), &info);
        let status = if stamp.lie == StampLie::Rejected { 2 } else { 0 };
        asn1::seq(&[&asn1::seq(&[&asn1::uint(&[status])]), &token])
    }
}

fn leaf(purpose: &str) -> Vec<Extension> {
    vec![x509::usage_digital_signature(), x509::extended_usage(true, &[purpose])]
}

fn embedded(stamp: &Stamp, chain: &[Authority]) -> Vec<u8> {
    match stamp.certificates {
        StampCertificates::Absent => Vec::new(),
        StampCertificates::Embedded => {
            let certificates = chain[..chain.len() - 1].iter().map(|authority| authority.der.clone()).collect();
            asn1::context(0, &asn1::set_of_content(certificates))
        }
    }
}

/// `TSTInfo`
fn time_info(stamp: &Stamp, query: &Query) -> Vec<u8> {
    let mut imprint = query.imprint.clone();
    if stamp.lie == StampLie::WrongImprint {
        imprint[0] ^= 1;
    }
    let mut serial = Sha256::digest(&query.serial)[..16].to_vec();
    serial[0] = serial[0] & 0x7f | 0x40;
    asn1::seq(&[
        &asn1::uint(&[1]),
        &asn1::oid("1.3.6.1.4.1.57264.2"),
        &asn1::seq(&[&asn1::hash_algorithm(stamp.hash.oid()), &asn1::octets(&imprint)]),
        &asn1::uint(&serial),
        &asn1::generalized_time(stamp.time),
        &asn1::seq(&[&asn1::uint(&[1])]),
        &query.nonce.as_deref().map(asn1::uint).unwrap_or_default(),
    ])
}

/// The CMS `ContentInfo` around the statement of time.
fn token(stamp: &Stamp, signer: &Authority, issuer: &[u8], key: &Key, certificates: &[u8], info: &[u8]) -> Vec<u8> {
    let hash = if signer.key.kind() == KeyKind::P384 { HashKind::Sha384 } else { HashKind::Sha256 };
    let attributes = asn1::set_of_content(signed_attributes(stamp, signer, hash, info));
    let mut signature = key.sign(&asn1::tlv(0x31, &attributes));
    if stamp.lie == StampLie::BadSignature {
        *signature.last_mut().unwrap() ^= 1;
    }
    let digest_algorithm = asn1::seq(&[&asn1::oid(hash.oid())]);
    let signer_info = asn1::seq(&[
        &asn1::uint(&[1]),
        &asn1::seq(&[issuer, &serial_of(&signer.der)]),
        &digest_algorithm,
        &asn1::context(0, &attributes),
        &key.signature_algorithm(),
        &asn1::octets(&signature),
    ]);
    let content = asn1::seq(&[&asn1::oid(OID_TST_INFO), &asn1::context(0, &asn1::octets(info))]);
    let signed_data = asn1::seq(&[
        &asn1::uint(&[3]),
        &asn1::set(&[&digest_algorithm]),
        &content,
        certificates,
        &asn1::set(&[&signer_info]),
    ]);
    asn1::seq(&[&asn1::oid("1.2.840.113549.1.7.2"), &asn1::context(0, &signed_data)])
}

const OID_TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

fn signed_attributes(stamp: &Stamp, signer: &Authority, hash: HashKind, info: &[u8]) -> Vec<Vec<u8>> {
    let attribute = |dotted: &str, value: &[u8]| asn1::seq(&[&asn1::oid(dotted), &asn1::set(&[value])]);
    let content_type = if stamp.lie == StampLie::WrongContentType { "1.2.840.113549.1.7.1" } else { OID_TST_INFO };
    let mut digest = hash.of(info);
    if stamp.lie == StampLie::WrongDigest {
        digest[0] ^= 1;
    }
    let mut certificate_hash = Sha256::digest(&signer.der).to_vec();
    if stamp.lie == StampLie::WrongCertificateId {
        certificate_hash[0] ^= 1;
    }
    let certificate_id = asn1::seq(&[&asn1::seq(&[&asn1::seq(&[&asn1::octets(&certificate_hash)])])]);
    let mut attributes = vec![
        attribute("1.2.840.113549.1.9.3", &asn1::oid(content_type)),
        attribute("1.2.840.113549.1.9.5", &asn1::utc_time(stamp.time)),
        attribute("1.2.840.113549.1.9.4", &asn1::octets(&digest)),
        attribute("1.2.840.113549.1.9.16.2.47", &certificate_id),
    ];
    match stamp.lie {
        StampLie::NoContentType => drop(attributes.remove(0)),
        StampLie::NoCertificateId => drop(attributes.pop()),
        StampLie::OtherOldCertificateId => {
            let other = asn1::seq(&[&asn1::seq(&[&asn1::seq(&[&asn1::octets(&[7; 20])])])]);
            attributes.push(attribute("1.2.840.113549.1.9.16.2.12", &other));
        }
        _ => {}
    }
    attributes
}

/// The DER serial number of a certificate made here, whose serial numbers all have twenty bytes.
fn serial_of(certificate: &[u8]) -> Vec<u8> {
    // Both outer headers are 30 82 LL LL; then comes the version, a0 03 02 01 02.
    certificate[13..13 + 22].to_vec()
}
