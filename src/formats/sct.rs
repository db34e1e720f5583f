//! Signed certificate timestamps embedded in a certificate (RFC 6962 sections 3.2 and 3.3).

use crate::formats::FormatError;

/// A signed certificate timestamp, version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sct {
    /// SHA-256 of the CT log's public key.
    pub log_id: [u8; 32],
    /// Milliseconds since the Unix epoch.
    pub timestamp: u64,
    /// CT extensions; empty in practice, covered by the signature.
    pub extensions: Vec<u8>,
    /// TLS hash and signature algorithm, one byte each.
    pub algorithm: [u8; 2],
    /// The signature.
    pub signature: Vec<u8>,
}

/// Most SCTs in one certificate.
pub const MAX_SCTS: usize = 8;

fn malformed() -> FormatError {
    FormatError::Certificate { reason: "its list of signed certificate timestamps is malformed".to_owned() }
}

fn take<'a>(input: &mut &'a [u8], len: usize) -> Result<&'a [u8], FormatError> {
    let (head, tail) = input.split_at_checked(len).ok_or_else(malformed)?;
    *input = tail;
    Ok(head)
}

fn array<const N: usize>(input: &mut &[u8]) -> Result<[u8; N], FormatError> {
    take(input, N)?.try_into().map_err(|_| malformed())
}

/// Bytes behind a two-byte length.
fn block<'a>(input: &mut &'a [u8]) -> Result<&'a [u8], FormatError> {
    let len = u16::from_be_bytes(array(input)?);
    take(input, usize::from(len))
}

/// Reads a SignedCertificateTimestampList (RFC 6962 section 3.3).
///
/// # Errors
/// `certificate-invalid` when malformed or of another version, `too-many` above [`MAX_SCTS`].
pub fn parse_list(mut input: &[u8]) -> Result<Vec<Sct>, FormatError> {
    let mut list = block(&mut input)?;
    let mut scts = Vec::new();
    while !list.is_empty() {
        if scts.len() == MAX_SCTS {
            let what = "signed certificate timestamps".to_owned();
            return Err(FormatError::TooMany { what, limit: MAX_SCTS, found: MAX_SCTS + 1 });
        }
        scts.push(parse_one(block(&mut list)?)?);
    }
    if input.is_empty() { Ok(scts) } else { Err(malformed()) }
}

fn parse_one(mut input: &[u8]) -> Result<Sct, FormatError> {
    if array::<1>(&mut input)? != [0] {
        return Err(malformed());
    }
    let sct = Sct {
        log_id: array(&mut input)?,
        timestamp: u64::from_be_bytes(array(&mut input)?),
        extensions: block(&mut input)?.to_vec(),
        algorithm: array(&mut input)?,
        signature: block(&mut input)?.to_vec(),
    };
    if input.is_empty() { Ok(sct) } else { Err(malformed()) }
}

/// What a CT log signs for a precertificate entry (RFC 6962 section 3.2): `issuer_key_hash` is SHA-256 of the issuer's
/// SubjectPublicKeyInfo, `tbs` the TBSCertificate without the SCT extension. None when `tbs` is longer than 2^24 bytes.
pub fn signed_data(sct: &Sct, issuer_key_hash: &[u8; 32], tbs: &[u8]) -> Option<Vec<u8>> {
    const PRECERT_ENTRY: [u8; 2] = [0, 1];
    let [0, len @ ..] = u32::try_from(tbs.len()).ok()?.to_be_bytes() else { return None };
    let extensions_len = u16::try_from(sct.extensions.len()).ok()?.to_be_bytes();
    // version 1, signature type certificate_timestamp
    let mut data = vec![0, 0];
    for part in
        [&sct.timestamp.to_be_bytes()[..], &PRECERT_ENTRY, issuer_key_hash, &len, tbs, &extensions_len, &sct.extensions]
    {
        data.extend_from_slice(part);
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one() -> Vec<u8> {
        let mut sct = vec![0];
        sct.extend([7; 32]);
        sct.extend(5u64.to_be_bytes());
        sct.extend([0, 0, 4, 3, 0, 2, 9, 9]);
        sct
    }

    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        let block = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat();
        block(&items.iter().flat_map(|item| block(item)).collect::<Vec<u8>>())
    }

    #[test]
    fn reads_lists_and_refuses_every_truncation() {
        let good = list(&[one(), one()]);
        let scts = parse_list(&good).unwrap();
        assert_eq!((scts.len(), scts[1].timestamp, scts[1].signature.as_slice()), (2, 5, &[9, 9][..]));
        for n in 0..good.len() {
            assert_eq!(parse_list(&good[..n]).unwrap_err().code(), "certificate-invalid", "{n}");
        }
        assert!(parse_list(&[&good[..], &[0]].concat()).is_err());
        let mut version = one();
        version[0] = 1;
        assert!(parse_list(&list(&[version])).is_err());
        assert_eq!(parse_list(&list(&vec![one(); MAX_SCTS + 1])).unwrap_err().code(), "too-many");
    }
}
