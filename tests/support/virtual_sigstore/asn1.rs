//! Just enough DER writing to say anything in X.509, CMS and RFC 3161, true or not.

use const_oid::ObjectIdentifier;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One tag-length-value.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let length = content.len();
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap());
    } else {
        let bytes = length.to_be_bytes();
        let bytes = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        out.push(0x80 | u8::try_from(bytes.len()).unwrap());
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(content);
    out
}

/// `SEQUENCE` of already encoded parts.
pub fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// `SET` of already encoded parts, in the order given.
pub fn set(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

/// The content octets of a DER `SET OF`: the encodings in ascending order.
pub fn set_of_content(mut parts: Vec<Vec<u8>>) -> Vec<u8> {
    parts.sort();
    parts.concat()
}

/// A constructed context-specific tag around `content`.
pub fn context(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, content)
}

/// `OBJECT IDENTIFIER` from dotted text.
pub fn oid(dotted: &str) -> Vec<u8> {
    tlv(0x06, ObjectIdentifier::new(dotted).unwrap().as_bytes())
}

/// Non-negative `INTEGER` from big-endian bytes.
pub fn uint(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0);
    let significant = start.map_or(&[0_u8][..], |start| &bytes[start..]);
    if significant[0] & 0x80 == 0 { tlv(0x02, significant) } else { tlv(0x02, &[&[0_u8][..], significant].concat()) }
}

/// `BOOLEAN`, DER's `TRUE`.
pub fn yes() -> Vec<u8> {
    tlv(0x01, &[0xff])
}

/// `NULL`.
pub fn null() -> Vec<u8> {
    tlv(0x05, &[])
}

/// `OCTET STRING`.
pub fn octets(bytes: &[u8]) -> Vec<u8> {
    tlv(0x04, bytes)
}

/// `BIT STRING` with no unused bits.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0_u8][..], bytes].concat())
}

/// `UTF8String`.
pub fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0c, text.as_bytes())
}

/// `UTCTime`, whole seconds.
pub fn utc_time(time: Timestamp) -> Vec<u8> {
    let text = time.to_zoned(TimeZone::UTC).strftime("%y%m%d%H%M%SZ").to_string();
    tlv(0x17, text.as_bytes())
}

/// `GeneralizedTime`, whole seconds.
pub fn generalized_time(time: Timestamp) -> Vec<u8> {
    let text = time.to_zoned(TimeZone::UTC).strftime("%Y%m%d%H%M%SZ").to_string();
    tlv(0x18, text.as_bytes())
}

/// RFC 5280's `Time`: `UTCTime` through 2049, `GeneralizedTime` from 2050.
pub fn time(time: Timestamp) -> Vec<u8> {
    if time.to_zoned(TimeZone::UTC).year() < 2050 { utc_time(time) } else { generalized_time(time) }
}

/// `AlgorithmIdentifier` of a hash, with the `NULL` that timestamp authorities write.
pub fn hash_algorithm(dotted: &str) -> Vec<u8> {
    seq(&[&oid(dotted), &null()])
}

/// A distinguished name of an organization and a common name.
pub fn name(organization: &str, common_name: &str) -> Vec<u8> {
    let attribute = |dotted: &str, value: &str| set(&[&seq(&[&oid(dotted), &utf8(value)])]);
    seq(&[&attribute("2.5.4.10", organization), &attribute("2.5.4.3", common_name)])
}

/// The PEM text of `der`, 64 columns, with a final newline.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = super::b64(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).unwrap());
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}
