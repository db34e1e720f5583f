//! Two signed attributes of an RFC 3161 token that `sigstore-tsa` 0.15.1 does not compare.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5911::ID_CONTENT_TYPE;
use const_oid::db::rfc5911::ID_SIGNED_DATA;
use const_oid::db::rfc5912::ID_SHA_256;
use const_oid::db::rfc5912::ID_SHA_384;
use const_oid::db::rfc5912::ID_SHA_512;
use der::Decode;
use der::Reader;
use der::SliceReader;
use der::Tag;
use der::TagNumber;
use der::Tagged;
use der::asn1::AnyRef;
use der::asn1::OctetStringRef;

use crate::trust::key::Hash;
use crate::trust::key::hash;

/// `id-ct-TSTInfo` (RFC 3161 section 2.4.2).
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// `id-aa-signingCertificate`, whose hash is SHA-1 (RFC 2634 section 5.4).
const SIGNING_CERTIFICATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
/// `id-aa-signingCertificateV2` (RFC 5035 section 3).
const SIGNING_CERTIFICATE_V2: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
/// Most attributes of one token that are read.
const MAX_ATTRIBUTES: usize = 32;

/// Checks what ties a signed time to what was signed and to whose key: the signed content type says that it is a statement of
/// time (RFC 5652 section 11.1), so that a signature over something else of the same bytes is none; and the signed
/// certificate identifier is that of the very leaf (RFC 3161 section 2.4.2, RFC 5816 section 2.2), so that a certificate of
/// the same name and number is none. `leaf` is the certificate by which the token's signature was verified.
///
/// # Errors
/// What is wrong, in a few words.
pub(super) fn check(token: &[u8], leaf: &[u8]) -> Result<(), &'static str> {
    let attributes = signed_attributes(token).ok_or("not one signer with signed attributes")?;
    let one = |kind: ObjectIdentifier, named: &'static str| match values(&attributes, kind).as_slice() {
        [] => Ok(None),
        [value] => Ok(Some(*value)),
        _ => Err(named),
    };
    let content_type = one(ID_CONTENT_TYPE, "several content types")?.ok_or("no signed content type")?;
    if content_type.decode_as::<ObjectIdentifier>().ok() != Some(TST_INFO) {
        return Err("a signed content type that is no statement of time");
    }
    let older = one(SIGNING_CERTIFICATE, "several certificate identifiers")?;
    let newer = one(SIGNING_CERTIFICATE_V2, "several certificate identifiers")?;
    if older.is_none() && newer.is_none() {
        return Err("no signed certificate identifier");
    }
    let names_leaf = |value: AnyRef<'_>, version: Version| {
        certificate_hash(value, version).is_some_and(|(kind, found)| hash(kind, leaf) == found)
    };
    let older = older.is_none_or(|value| names_leaf(value, Version::One));
    let newer = newer.is_none_or(|value| names_leaf(value, Version::Two));
    if older && newer { Ok(()) } else { Err("a signed certificate identifier of another certificate") }
}

/// Which structure names the certificate.
#[derive(Clone, Copy)]
enum Version {
    /// `ESSCertID`
    One,
    /// `ESSCertIDv2`
    Two,
}

/// Hash and algorithm of the first `ESSCertID` or `ESSCertIDv2`, which is the signer's (RFC 5035 section 5.4.1).
fn certificate_hash(value: AnyRef<'_>, version: Version) -> Option<(Hash, Vec<u8>)> {
    let first = children(children(value)?.first().copied()?)?.first().copied()?;
    let parts = children(first)?;
    let (kind, digest) = match (version, parts.as_slice()) {
        (Version::One, [digest, ..]) => (Hash::Sha1, digest),
        (Version::Two, [algorithm, digest, ..]) if algorithm.tag() == Tag::Sequence => {
            let kind = match children(*algorithm)?.first()?.decode_as::<ObjectIdentifier>().ok()? {
                ID_SHA_256 => Hash::Sha256,
                ID_SHA_384 => Hash::Sha384,
                ID_SHA_512 => Hash::Sha512,
                _ => return None,
            };
            (kind, digest)
        }
        // The algorithm is left out where it is the default.
        (Version::Two, [digest, ..]) => (Hash::Sha256, digest),
        (_, []) => return None,
    };
    Some((kind, digest.decode_as::<OctetStringRef<'_>>().ok()?.as_bytes().to_vec()))
}

/// The signed attributes of the one signer (RFC 3161 section 2.4.2: a token has exactly one), out of a `TimeStampResp` or
/// the `ContentInfo` that stands alone.
fn signed_attributes(token: &[u8]) -> Option<Vec<AnyRef<'_>>> {
    let outer = children(AnyRef::from_der(token).ok()?)?;
    // A response starts with its status, a SEQUENCE; a `ContentInfo` with its type.
    let info = if outer.first()?.tag() == Tag::Sequence { children(*outer.get(1)?)? } else { outer };
    if info.first()?.decode_as::<ObjectIdentifier>().ok()? != ID_SIGNED_DATA {
        return None;
    }
    let signed_data = children(*children(*info.get(1)?)?.first()?)?;
    let signers = children(*signed_data.last().filter(|set| set.tag() == Tag::Set)?)?;
    let [signer] = signers.as_slice() else { return None };
    let constructed = Tag::ContextSpecific { constructed: true, number: TagNumber::N0 };
    // version, sid, digestAlgorithm, then the attributes; a sid by key identifier is [0] too, and primitive.
    let attributes = children(*children(*signer)?.get(3).filter(|part| part.tag() == constructed)?)?;
    (attributes.len() <= MAX_ATTRIBUTES).then_some(attributes)
}

/// Every value of every attribute of one type.
fn values<'a>(attributes: &[AnyRef<'a>], kind: ObjectIdentifier) -> Vec<AnyRef<'a>> {
    let parts = attributes.iter().filter_map(|attribute| children(*attribute));
    let of_kind = parts.filter(|parts| parts.first().is_some_and(|first| first.decode_as() == Ok(kind)));
    of_kind.filter_map(|parts| children(*parts.get(1)?)).flatten().collect()
}

/// What stands inside a constructed value; None where that is malformed.
fn children(value: AnyRef<'_>) -> Option<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(value.value()).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(AnyRef::decode(&mut reader).ok()?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: &[u8] = b"the leaf";
    const OCTETS: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    const SET: u8 = 0x31;
    const ZERO: u8 = 0xa0;

    fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let body = parts.concat();
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        let head = match length {
            [0, short @ 0..0x80] => vec![tag, short],
            [0, one] => vec![tag, 0x81, one],
            [high, low] => vec![tag, 0x82, high, low],
        };
        [head, body].concat()
    }

    fn oid(id: ObjectIdentifier) -> Vec<u8> {
        tlv(0x06, &[id.as_bytes()])
    }

    fn attribute(kind: ObjectIdentifier, values: &[&[u8]]) -> Vec<u8> {
        tlv(SEQUENCE, &[&oid(kind), &tlv(SET, values)])
    }

    fn content_type(id: ObjectIdentifier) -> Vec<u8> {
        attribute(ID_CONTENT_TYPE, &[&oid(id)])
    }

    fn names(kind: ObjectIdentifier, parts: &[&[u8]]) -> Vec<u8> {
        attribute(kind, &[&tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&tlv(SEQUENCE, parts)])])])
    }

    fn version_two(hashed: Hash, algorithm: Option<ObjectIdentifier>, leaf: &[u8]) -> Vec<u8> {
        let algorithm = algorithm.map(|id| tlv(SEQUENCE, &[&oid(id)])).unwrap_or_default();
        names(SIGNING_CERTIFICATE_V2, &[&algorithm, &tlv(OCTETS, &[&hash(hashed, leaf)])])
    }

    fn version_one(leaf: &[u8]) -> Vec<u8> {
        names(SIGNING_CERTIFICATE, &[&tlv(OCTETS, &[&hash(Hash::Sha1, leaf)])])
    }

    fn signer(attributes: &[&[u8]]) -> Vec<u8> {
        let (number, empty) = ([2, 1, 1], tlv(SEQUENCE, &[]));
        tlv(SEQUENCE, &[&number, &empty, &empty, &tlv(ZERO, attributes), &empty, &tlv(OCTETS, &[])])
    }

    fn info(signers: &[&[u8]]) -> Vec<u8> {
        let empty = tlv(SEQUENCE, &[]);
        let data = tlv(SEQUENCE, &[&[2, 1, 3], &tlv(SET, &[]), &empty, &tlv(SET, signers)]);
        tlv(SEQUENCE, &[&oid(ID_SIGNED_DATA), &tlv(ZERO, &[&data])])
    }

    fn judge(attributes: &[&[u8]]) -> Result<(), &'static str> {
        let info = info(&[&signer(attributes)]);
        let response = tlv(SEQUENCE, &[&tlv(SEQUENCE, &[&[2, 1, 0]]), &info]);
        let alone = check(&info, LEAF);
        assert_eq!(check(&response, LEAF), alone, "a response says what its token says");
        alone
    }

    #[test]
    fn the_leaf_is_named_by_any_hash_of_the_standards() {
        let time = content_type(TST_INFO);
        for id in [
            version_two(Hash::Sha256, None, LEAF),
            version_two(Hash::Sha256, Some(ID_SHA_256), LEAF),
            version_two(Hash::Sha384, Some(ID_SHA_384), LEAF),
            version_two(Hash::Sha512, Some(ID_SHA_512), LEAF),
            version_one(LEAF),
            [version_one(LEAF), version_two(Hash::Sha256, None, LEAF)].concat(),
        ] {
            assert_eq!(judge(&[&time, &id]), Ok(()));
            assert_eq!(judge(&[&id, &time]), Ok(()));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let time = content_type(TST_INFO);
        let good = version_two(Hash::Sha256, None, LEAF);
        let other = "a signed certificate identifier of another certificate";
        for id in [
            version_two(Hash::Sha256, None, b"another"),
            version_two(Hash::Sha384, None, LEAF),
            version_two(Hash::Sha256, Some(ID_SHA_384), LEAF),
            version_two(Hash::Sha256, Some(TST_INFO), LEAF),
            version_one(b"another"),
            [version_one(b"another"), good.clone()].concat(),
            [version_one(LEAF), version_two(Hash::Sha256, None, b"another")].concat(),
            names(SIGNING_CERTIFICATE_V2, &[]),
            attribute(SIGNING_CERTIFICATE_V2, &[&[5, 0]]),
        ] {
            assert_eq!(judge(&[&time, &id]), Err(other));
        }
        assert_eq!(judge(&[&good]), Err("no signed content type"));
        assert_eq!(judge(&[&time]), Err("no signed certificate identifier"));
        assert_eq!(judge(&[&time, &time, &good]), Err("several content types"));
        assert_eq!(judge(&[&time, &good, &good]), Err("several certificate identifiers"));
        let twice = attribute(ID_CONTENT_TYPE, &[&oid(TST_INFO), &oid(ID_SIGNED_DATA)]);
        assert_eq!(judge(&[&twice, &good]), Err("several content types"));
        let data = content_type(ID_SIGNED_DATA);
        assert_eq!(judge(&[&data, &good]), Err("a signed content type that is no statement of time"));
    }

    #[test]
    fn there_is_one_signer() {
        let signer = signer(&[&content_type(TST_INFO), &version_one(LEAF)]);
        let refused = Err("not one signer with signed attributes");
        assert_eq!(check(&info(&[&signer]), LEAF), Ok(()));
        assert_eq!(check(&info(&[&signer, &signer]), LEAF), refused);
        assert_eq!(check(&info(&[]), LEAF), refused);
        let filler = attribute(ID_SIGNED_DATA, &[]);
        let many = vec![filler.as_slice(); MAX_ATTRIBUTES + 1];
        assert_eq!(judge(&many), refused);
        for hostile in [&b""[..], b"0", &[SEQUENCE, 0], &[SEQUENCE, 0x80], &[0xff; 40]] {
            assert_eq!(check(hostile, LEAF), refused);
        }
    }
}
