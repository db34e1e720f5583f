//! Strict base64: padded, canonical, standard or (where a format permits it) URL-safe.

use std::io;
use std::io::Read;
use std::io::Write;

use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::URL_SAFE;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::read::DecoderReader;
use base64::write::EncoderWriter;
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

/// As [`decode_either`], of a text that passes by. What is no base64 is [`io::ErrorKind::InvalidData`].
pub fn decoding(text: impl Read) -> impl Read {
    DecoderReader::new(OneAlphabet { inner: text, seen: Alphabet::Either }, &STANDARD)
}

/// As [`encode`], of bytes that pass by.
///
/// # Errors
/// Those of reading and writing.
pub fn encode_passing(bytes: &mut dyn Read, to: &mut dyn Write) -> io::Result<()> {
    let mut encoder = EncoderWriter::new(to, &STANDARD);
    io::copy(bytes, &mut encoder)?;
    encoder.finish().map(|_| ())
}

/// Base64 of either alphabet, never of both, in the standard one ([`decode_either`]).
struct OneAlphabet<R> {
    inner: R,
    seen: Alphabet,
}

/// Which alphabet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    /// So far only letters that both have.
    Either,
    /// Whose other letters whoever decodes it refuses.
    Standard,
    UrlSafe,
}

impl<R: Read> Read for OneAlphabet<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        let piece = buffer.get_mut(..read).unwrap_or_default();
        if self.seen == Alphabet::Either {
            let mut special = piece.iter().filter(|byte| b"+/-_".contains(byte));
            self.seen = match special.next() {
                Some(b'+' | b'/') => Alphabet::Standard,
                Some(_) => Alphabet::UrlSafe,
                None => Alphabet::Either,
            };
        }
        if self.seen == Alphabet::UrlSafe {
            for byte in piece {
                match byte {
                    b'-' => *byte = b'+',
                    b'_' => *byte = b'/',
                    b'+' | b'/' => return Err(io::ErrorKind::InvalidData.into()),
                    _ => {}
                }
            }
        }
        Ok(read)
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
    fn passing_by_or_held_is_the_same() {
        let passed = |text: &str| {
            let mut bytes = Vec::new();
            decoding(text.as_bytes()).read_to_end(&mut bytes).ok().map(|_| bytes)
        };
        for length in [0, 1, 2, 3, 767, 768, 769, 5000] {
            let bytes: Vec<u8> = (0..length).map(|n| u8::try_from(n * 7 % 256).unwrap()).collect();
            let (text, mut written) = (encode(&bytes), Vec::new());
            encode_passing(&mut bytes.as_slice(), &mut written).unwrap();
            assert_eq!(written, text.as_bytes());
            for text in [text.clone(), text.replace('+', "-").replace('/', "_")] {
                assert_eq!(passed(&text), Some(bytes.clone()));
            }
        }
        let far = "A".repeat(5000);
        let both = format!("-{far}AA+");
        let texts = ["+_8=", "-_8", "+/9=", "+/8=\n", "+/8==", "AA==AA==", "AAAA=", "A", "-_8=", &both];
        for text in texts {
            assert_eq!(passed(text), decode_either(text), "{text:?}");
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
