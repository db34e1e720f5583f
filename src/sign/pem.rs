//! One PEM block with a secret in it (RFC 7468), read strictly and wiped afterwards.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::sign::error::PemFault;
use crate::sign::error::SignError;

/// Most bytes of a private key file: 64 KiB. An encrypted P-384 key has under 1 KiB.
pub(super) const MAX_BYTES: usize = 64 * 1024;

/// Most characters of a label.
const MAX_LABEL: usize = 64;

/// Characters of base64 on a line (RFC 7468 section 2).
const LINE: usize = 64;

/// A decoded block.
pub(super) struct Block {
    /// What stands after BEGIN: capital letters, digits and spaces.
    pub(super) label: String,
    /// The decoded body.
    pub(super) body: Zeroizing<Vec<u8>>,
    /// Whether lines such as `Proc-Type: 4,ENCRYPTED` (RFC 1421) stood before the body.
    pub(super) headers: Headers,
}

/// Whether a block has RFC 1421 headers; a block that has them keeps an empty body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Headers {
    Absent,
    Present,
}

/// Reads the one block of a file; white space may surround it, nothing else.
///
/// No error repeats anything but labels, because the rest may be secret.
pub(super) fn decode(file: &[u8]) -> Result<Block, SignError> {
    if file.len() > MAX_BYTES {
        return Err(SignError::PemTooLarge { cap: MAX_BYTES, found: file.len() });
    }
    let text = str::from_utf8(file).ok().filter(|text| text.is_ascii()).ok_or(PemFault::NotText)?;
    let label = only_label(text)?;
    let (base64, headers) = body(text, &label)?;
    let mut bytes = Zeroizing::new(vec![0; base64.len()]);
    let length = match headers {
        Headers::Present => 0,
        Headers::Absent => STANDARD.decode_slice(base64.as_bytes(), &mut bytes).map_err(|_| PemFault::Base64)?,
    };
    bytes.truncate(length);
    Ok(Block { label, body: bytes, headers })
}

/// Writes a block, its lines ended by one line feed each.
pub(super) fn encode(label: &str, body: &[u8]) -> Zeroizing<String> {
    let encoded = base64(body);
    // Room for everything, so that no copy is left behind by a growing string.
    let room = encoded.len() + encoded.len() / LINE + 2 * label.len() + 64;
    let mut text = Zeroizing::new(String::with_capacity(room));
    for part in ["-----BEGIN ", label, "-----\n"] {
        text.push_str(part);
    }
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    for part in ["-----END ", label, "-----\n"] {
        text.push_str(part);
    }
    text
}

fn base64(body: &[u8]) -> Zeroizing<String> {
    // Four characters for each three bytes begun.
    let mut text = Zeroizing::new(String::with_capacity(body.len().div_ceil(3) * 4));
    STANDARD.encode_string(body, &mut text);
    text
}

fn only_label(text: &str) -> Result<String, PemFault> {
    let mut labels = Vec::new();
    for (line, content) in (1..).zip(text.lines()) {
        if content.starts_with("-----BEGIN") {
            let label = boundary(content, "-----BEGIN ").ok_or(PemFault::Boundary { line })?;
            labels.push(label.to_owned());
        }
    }
    if text.trim().is_empty() {
        return Err(PemFault::Empty);
    }
    match labels.len() {
        0 => Err(PemFault::NoBlock),
        1 => labels.pop().ok_or(PemFault::NoBlock),
        _ => Err(PemFault::Blocks(labels)),
    }
}

/// The base64 of the block, lines joined.
fn body(text: &str, label: &str) -> Result<(Zeroizing<String>, Headers), PemFault> {
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    let mut headers = Headers::Absent;
    let mut place = Place::Before;
    for (line, content) in (1..).zip(text.lines()) {
        let content = content.trim_end();
        match place {
            Place::Before | Place::After if content.is_empty() => {}
            Place::Before if content.starts_with("-----BEGIN ") => place = Place::Inside,
            Place::Before | Place::After => return Err(PemFault::Outside { line }),
            Place::Inside if content.starts_with("-----") => {
                let end = boundary(content, "-----END ").ok_or(PemFault::Boundary { line })?;
                if end != label {
                    return Err(PemFault::LabelsDiffer { begin: label.to_owned(), end: end.to_owned() });
                }
                place = Place::After;
            }
            Place::Inside if content.contains(':') => headers = Headers::Present,
            Place::Inside => joined.push_str(content),
        }
    }
    match place {
        Place::After => Ok((joined, headers)),
        Place::Before => Err(PemFault::NoBlock),
        Place::Inside => Err(PemFault::Truncated { label: label.to_owned() }),
    }
}

/// Where the reader is.
enum Place {
    Before,
    Inside,
    After,
}

/// The label of a boundary line; a label has no character that base64 text could smuggle into an error.
fn boundary<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    let label = line.trim_end().strip_prefix(start)?.strip_suffix("-----")?;
    let known = label.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b' ');
    (known && !label.is_empty() && label.len() <= MAX_LABEL).then_some(label)
}

impl From<PemFault> for SignError {
    fn from(fault: PemFault) -> Self {
        Self::PemInvalid(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> PemFault {
        match decode(text.as_bytes()) {
            Err(SignError::PemInvalid(fault)) => fault,
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("was read"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for length in [1, 47, 48, 49, 96, 1000] {
            let body: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let text = encode("PRIVATE KEY", &body);
            assert!(text.lines().all(|line| line.len() <= 64));
            for spelling in [text.to_string(), text.replace('\n', "\r\n"), format!("\n \n{}\n\n", *text)] {
                let block = decode(spelling.as_bytes()).unwrap();
                assert_eq!((block.label.as_str(), &*block.body), ("PRIVATE KEY", &body));
                assert_eq!(block.headers, Headers::Absent);
            }
        }
    }

    #[test]
    fn faults_are_named() {
        let one = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert_eq!(fault(""), PemFault::Empty);
        assert_eq!(fault(" \n\t\r\n"), PemFault::Empty);
        assert_eq!(fault("AAAA"), PemFault::NoBlock);
        assert_eq!(fault("key: \u{e9}"), PemFault::NotText);
        assert_eq!(fault(&format!("{one}{one}")), PemFault::Blocks(vec!["PRIVATE KEY".to_owned(); 2]));
        assert_eq!(fault(&format!("a comment\n{one}")), PemFault::Outside { line: 1 });
        assert_eq!(fault(&format!("{one}AAAA")), PemFault::Outside { line: 4 });
        assert_eq!(fault(&one.replace("-----END", "----END")), PemFault::Truncated { label: "PRIVATE KEY".to_owned() });
        assert_eq!(fault(&one.replace("-----END PRIVATE", "-----END")), {
            PemFault::LabelsDiffer { begin: "PRIVATE KEY".to_owned(), end: "KEY".to_owned() }
        });
        for body in ["AAA", "AAA=\nAAAA", "AA\nA A", "AA-_", "AAB=", "AA==AA=="] {
            assert_eq!(fault(&one.replace("AAAA", body)), PemFault::Base64, "{body}");
        }
    }

    #[test]
    fn boundaries_never_carry_the_body_into_an_error() {
        let joined = "-----BEGIN PRIVATE KEY-----MEECAQAwEwYHKoZIzj0CAQ-----END PRIVATE KEY-----";
        assert_eq!(fault(joined), PemFault::Boundary { line: 1 });
        let lower = "-----BEGIN private key-----\nAAAA\n-----END private key-----";
        assert_eq!(fault(lower), PemFault::Boundary { line: 1 });
        let end = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END secret-----";
        assert_eq!(fault(end), PemFault::Boundary { line: 3 });
    }

    #[test]
    fn size_is_capped() {
        let mut file = encode("PRIVATE KEY", &[7; 100]).as_bytes().to_vec();
        file.resize(MAX_BYTES, b'\n');
        assert!(decode(&file).is_ok());
        file.push(b'\n');
        let error = decode(&file).err().unwrap();
        assert_eq!(error, SignError::PemTooLarge { cap: MAX_BYTES, found: MAX_BYTES + 1 });
    }

    #[test]
    fn old_headers_are_noticed() {
        let text = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----";
        assert_eq!(decode(text.as_bytes()).unwrap().headers, Headers::Present);
    }
}
