//! Asking an RFC 3161 timestamp authority for the time of a signature.

use std::time::Duration;

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::ID_SIGNED_DATA;
use const_oid::db::rfc5912::ID_SHA_256;
use der::Any;
use der::Decode;
use der::Encode;
use der::Reader;
use der::SliceReader;
use der::Tag;
use der::Tagged;
use der::asn1::AnyRef;
use der::asn1::Null;
use der::asn1::OctetStringRef;
use der::asn1::UintRef;
use der::asn1::Utf8StringRef;

use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::http::Body;
use crate::remote::http::Question;
use crate::remote::http::Service;
use crate::trust::key::sha256;

/// Longest answer that is read, in bytes. With certificates a token has two to seven thousand.
pub const MAX_ANSWER: usize = 256 * 1024;
/// Most parts of one ASN.1 value that are looked at.
const MAX_PARTS: usize = 64;

/// `id-ct-TSTInfo` (RFC 3161 section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");

/// A timestamp authority.
#[derive(Debug, Clone)]
pub struct TimestampAuthority(Service);

impl TimestampAuthority {
    /// The authority at an address, to which requests are posted as it stands, given `total` for each request with all its
    /// attempts.
    ///
    /// # Errors
    /// `timestamp-url-invalid`.
    pub fn new(address: &str, total: Duration) -> Result<Self, RemoteError> {
        Service::signing(Role::TimestampAuthority, address, total).map(Self)
    }

    /// The address.
    pub fn address(&self) -> &str {
        self.0.address()
    }

    /// Asks for a timestamp of a signature and returns the `TimeStampResp` in DER, as a bundle carries it. Only the
    /// SHA-256 of the signature is sent. `nonce` is fresh and random: an old answer does not have it.
    ///
    /// The answer is looked at: it is granted, of this signature, and answers this request (RFC 3161 section 2.4.2). Who
    /// signed it is for the verifier to say.
    ///
    /// # Errors
    /// `timestamp-unavailable`, `timestamp-status`, `timestamp-answer-invalid`, `timestamp-answer-mismatch`.
    pub fn stamp(&self, signature: &[u8], nonce: [u8; 8]) -> Result<Vec<u8>, RemoteError> {
        let hash = sha256(signature);
        let request = request(&hash, nonce).map_err(|error| self.0.answer_invalid(error))?;
        let question = Question {
            body: Some(Body { content_type: "application/timestamp-query", bytes: &request }),
            accept: "application/timestamp-reply",
            cap: MAX_ANSWER,
            ..Question::post("", &[])
        };
        let answer = self.0.ask(&question)?.body;
        match read(&answer).map_err(|reason| self.0.answer_invalid(reason))? {
            stamped if stamped.hash != hash => {
                Err(self.0.answer_mismatch("a timestamp of the signature that was sent", "one of something else"))
            }
            stamped if !stamped.nonce.is_some_and(|found| is_nonce(found, nonce)) => {
                let found = if stamped.nonce.is_some() { "one with another" } else { "one without any" };
                Err(self.0.answer_mismatch("a timestamp with the nonce that was sent", found))
            }
            _ => Ok(answer),
        }
    }
}

/// `TimeStampReq` (RFC 3161 section 2.4.1) over SHA-256, with certificates asked for. The algorithm's parameters are NULL:
/// RFC 5754 section 2 has them absent or NULL, and every authority reads NULL.
fn request(hash: &[u8; 32], nonce: [u8; 8]) -> der::Result<Vec<u8>> {
    let algorithm = sequence(&[ID_SHA_256.to_der()?, Null.to_der()?])?;
    let imprint = sequence(&[algorithm, OctetStringRef::new(hash)?.to_der()?])?;
    sequence(&[1u8.to_der()?, imprint, UintRef::new(&nonce)?.to_der()?, true.to_der()?])
}

fn sequence(parts: &[Vec<u8>]) -> der::Result<Vec<u8>> {
    Any::new(Tag::Sequence, parts.concat())?.to_der()
}

/// What a granted response says.
struct Stamped<'a> {
    hash: Vec<u8>,
    nonce: Option<AnyRef<'a>>,
}

/// The `TSTInfo` inside a `TimeStampResp` that was granted.
fn read(answer: &[u8]) -> Result<Stamped<'_>, String> {
    let response = AnyRef::from_der(answer).ok().and_then(parts).ok_or("no RFC 3161 response")?;
    let status = response.first().copied().filter(|one| one.tag() == Tag::Sequence).and_then(parts);
    let status = status.ok_or("a response without a status")?;
    let number =
        status.first().and_then(|number| number.decode_as::<u8>().ok()).ok_or("a response without a status")?;
    // 0 is granted, 1 granted with modifications, which may be another policy than asked for; none was asked for.
    if number > 1 {
        return Err(format!("a response with status {number}{}", words(&status)));
    }
    let token = response.get(1).copied().ok_or("a granted response without a timestamp")?;
    let info = tst_info(token).ok_or("a timestamp that is no signed statement of time")?;
    stamped(info).ok_or_else(|| "a statement of time that cannot be read".to_owned())
}

/// What the authority says about a request that was not granted (`PKIFreeText`).
fn words(status: &[AnyRef<'_>]) -> String {
    let texts = status.get(1).copied().filter(|one| one.tag() == Tag::Sequence).and_then(parts).unwrap_or_default();
    let text = texts.first().and_then(|text| text.decode_as::<Utf8StringRef<'_>>().ok());
    text.map(|text| format!(": {}", text.as_str())).unwrap_or_default()
}

/// `ContentInfo` of `SignedData` of `TSTInfo` (RFC 5652 sections 3 and 5).
fn tst_info(token: AnyRef<'_>) -> Option<AnyRef<'_>> {
    let info = parts(token)?;
    if info.first()?.decode_as::<ObjectIdentifier>().ok()? != ID_SIGNED_DATA {
        return None;
    }
    let signed_data = parts(*parts(*info.get(1)?)?.first()?)?;
    let content = parts(*signed_data.get(2)?)?;
    if content.first()?.decode_as::<ObjectIdentifier>().ok()? != TST_INFO {
        return None;
    }
    let octets = parts(*content.get(1)?)?.first()?.decode_as::<OctetStringRef<'_>>().ok()?;
    AnyRef::from_der(octets.as_bytes()).ok()
}

/// version, policy, messageImprint, serialNumber, genTime, and then optional parts of which only the nonce is an INTEGER.
fn stamped(info: AnyRef<'_>) -> Option<Stamped<'_>> {
    let fields = parts(info)?;
    let imprint = parts(*fields.get(2)?)?;
    if parts(*imprint.first()?)?.first()?.decode_as::<ObjectIdentifier>().ok()? != ID_SHA_256 {
        return None;
    }
    let hash = imprint.get(1)?.decode_as::<OctetStringRef<'_>>().ok()?.as_bytes().to_vec();
    let nonce = fields.iter().skip(5).copied().find(|field| field.tag() == Tag::Integer);
    Some(Stamped { hash, nonce })
}

fn is_nonce(found: AnyRef<'_>, nonce: [u8; 8]) -> bool {
    let expected = UintRef::new(&nonce);
    expected.is_ok_and(|expected| found.decode_as::<UintRef<'_>>().is_ok_and(|found| found == expected))
}

/// What stands inside a constructed value; None where that is malformed or more than is looked at.
fn parts(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(value.value()).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        if found.len() == MAX_PARTS {
            return None;
        }
        found.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(found)
}
