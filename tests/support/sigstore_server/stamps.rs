//! The timestamp authority: from a query in DER (RFC 3161 section 2.4.1) to a response.

use der::Decode as _;
use der::Reader as _;
use der::SliceReader;
use jiff::SignedDuration;
use jiff::Timestamp;

use super::Lie;
use super::http::Reply;
use super::http::Request;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Stamp;
use crate::support::virtual_sigstore::StampAuthority;
use crate::support::virtual_sigstore::StampCertificates;
use crate::support::virtual_sigstore::StampLie;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::tsa::Query;

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Hash of the imprint.
    pub hash: HashKind,
    /// The imprint.
    pub imprint: Vec<u8>,
    /// The nonce, big-endian without leading zeros.
    pub nonce: Option<Vec<u8>>,
    /// Whether the authority's certificates are wanted.
    pub certificates: StampCertificates,
}

/// Answers `POST /api/v1/timestamp`.
pub fn answer(
    sigstore: &VirtualSigstore,
    request: &Request,
    now: Timestamp,
    lie: Option<&Lie>,
) -> Result<Reply, String> {
    if request.header("content-type") != Some("application/timestamp-query") {
        return Err("expected application/timestamp-query".to_owned());
    }
    let question = read(&request.body).map_err(|error| format!("the query is not DER of a query: {error}"))?;
    let question = question.ok_or("the hash is not served")?;
    let mut stamp = Stamp::new(StampAuthority::P256, now);
    stamp.hash = question.hash;
    stamp.certificates = question.certificates;
    let mut nonce = question.nonce.clone();
    match lie {
        Some(Lie::OtherBytes) => stamp.lie = StampLie::WrongImprint,
        Some(Lie::OtherNonce) => nonce = Some(vec![7; 8]),
        Some(Lie::NoNonce) => nonce = None,
        Some(Lie::ForeignStamp) => stamp.lie = StampLie::Foreign,
        Some(Lie::BadStamp) => stamp.lie = StampLie::BadSignature,
        Some(Lie::EarlyStamp) => stamp.time -= SignedDuration::from_hours(1),
        Some(Lie::LateStamp) => stamp.time += SignedDuration::from_hours(1),
        Some(Lie::Rejected) => stamp.lie = StampLie::Rejected,
        _ => {}
    }
    let serial = [&question.imprint[..], &now.as_nanosecond().to_be_bytes()].concat();
    let query = Query { imprint: question.imprint, nonce, serial };
    let response = sigstore.tsa.stamp_query(&stamp, &sigstore.foreign().tsa, &query);
    Ok(Reply::bytes(201, "application/timestamp-reply", response))
}

/// `TimeStampReq`; `None` for a hash that is not served.
fn read(bytes: &[u8]) -> der::Result<Option<Question>> {
    let mut reader = SliceReader::new(bytes)?;
    let question = reader.sequence(|reader| {
        let version = u8::decode(reader)?;
        let (hash, imprint) = reader.sequence(|reader| {
            let algorithm = x509_cert::spki::AlgorithmIdentifierOwned::decode(reader)?;
            let imprint = der::asn1::OctetString::decode(reader)?;
            Ok((algorithm.oid.to_string(), imprint.as_bytes().to_vec()))
        })?;
        let _policy = Option::<der::asn1::ObjectIdentifier>::decode(reader)?;
        let nonce = Option::<der::asn1::Int>::decode(reader)?;
        let certificates = Option::<bool>::decode(reader)?.unwrap_or(false);
        Ok((version, hash, imprint, nonce, certificates))
    })?;
    reader.finish(())?;
    let (version, hash, imprint, nonce, certificates) = question;
    let hashes = [HashKind::Sha256, HashKind::Sha384, HashKind::Sha512];
    let hash = hashes.into_iter().find(|kind| kind.oid() == hash);
    let Some(hash) = hash.filter(|hash| version == 1 && hash.of(b"").len() == imprint.len()) else { return Ok(None) };
    let certificates = if certificates { StampCertificates::Embedded } else { StampCertificates::Absent };
    let nonce = nonce.map(|nonce| nonce.as_bytes().to_vec());
    Ok(Some(Question { hash, imprint, nonce, certificates }))
}
