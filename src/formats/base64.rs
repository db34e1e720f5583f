//! Strict base64: padded, canonical, standard or (where a format permits it) URL-safe.

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::Serializer;

/// Standard alphabet, padded (RFC 4648 section 4). None for any other spelling: white space, missing padding, URL-safe
/// letters, or bits behind the last byte that are not zero.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Standard or URL-safe alphabet, padded, never both in one text. DSSE (protocol.md, "the payload and signature") lets
/// a writer choose; Google Cloud Build writes the second.
pub fn decode_either(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// URL-safe alphabet without padding, as JSON Web Signatures have it (RFC 7515 section 2).
pub fn decode_url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Standard alphabet, padded.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Bytes that are written as base64, standard alphabet, padded, without a copy of the text in between.
#[derive(Debug, Clone, Copy)]
pub struct Encoded<'a>(pub &'a [u8]);

impl Serialize for Encoded<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_at_once_or_piece_by_piece_is_the_same() {
        for length in [0, 1, 2, 3, 1000, 4097] {
            let bytes = vec![0xfb; length];
            assert_eq!(serde_json::to_string(&Encoded(&bytes)).unwrap(), format!("\"{}\"", encode(&bytes)));
        }
    }

    #[test]
    fn one_spelling_each() {
        assert_eq!(decode("+/8="), Some(vec![0xfb, 0xff]));
        for other in ["-_8=", "+/8", "+/9=", "+/8=\n", " +/8=", "+/8=="] {
            assert_eq!(decode(other), None, "{other:?}");
        }
        assert_eq!(decode_either("-_8="), Some(vec![0xfb, 0xff]));
        assert_eq!(decode_either("+_8="), None);
        assert_eq!(decode_either("-_8"), None);
    }
}
