//! Predicate types: the words that people type for them, and the URIs that attestations hold.

use crate::formats::provenance::v1;
use crate::formats::provenance::v02;
use crate::formats::vsa;

/// The type of plain signatures over images, as cosign v3 writes them; what was signed in other forms is taken for it.
pub const SIGNATURE: &str = "https://sigstore.dev/cosign/sign/v1";

/// A word and what it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PredicateType {
    /// What people type, as in cosign where cosign has a word.
    pub word: &'static str,
    /// The URI that is written.
    pub uri: &'static str,
    /// Versioned URIs that other producers write for the same thing; read, never written.
    pub also_read: &'static [&'static str],
}

/// Every word, in the order that help texts list them.
pub const TABLE: &[PredicateType] = &[
    PredicateType { word: "slsaprovenance", uri: v02::PREDICATE_TYPE, also_read: &[] },
    PredicateType { word: "slsaprovenance02", uri: v02::PREDICATE_TYPE, also_read: &[] },
    PredicateType { word: "slsaprovenance1", uri: v1::PREDICATE_TYPE, also_read: &[] },
    PredicateType { word: "vsa", uri: vsa::PREDICATE_TYPE, also_read: &[] },
    PredicateType {
        word: "spdxjson",
        uri: "https://spdx.dev/Document",
        also_read: &[
            "https://spdx.dev/Document/v2.2",
            "https://spdx.dev/Document/v2.3",
            "https://spdx.dev/Document/v3.0",
        ],
    },
    PredicateType {
        word: "cyclonedx",
        uri: "https://cyclonedx.org/bom",
        also_read: &[
            "https://cyclonedx.org/bom/v1.4",
            "https://cyclonedx.org/bom/v1.5",
            "https://cyclonedx.org/bom/v1.6",
            "https://cyclonedx.org/bom/v1.7",
        ],
    },
    PredicateType { word: "vuln", uri: "https://cosign.sigstore.dev/attestation/vuln/v1", also_read: &[] },
    PredicateType { word: "openvex", uri: "https://openvex.dev/ns", also_read: &["https://openvex.dev/ns/v0.2.0"] },
    PredicateType { word: "link", uri: "https://in-toto.io/Link/v1", also_read: &[] },
    PredicateType { word: "signature", uri: SIGNATURE, also_read: &[] },
    PredicateType { word: "custom", uri: "https://cosign.sigstore.dev/attestation/v1", also_read: &[] },
];

/// Longest URI of a predicate type, in bytes.
pub const MAX_URI: usize = 4096;

/// The URI that is written for a word of [`TABLE`], or for a URI itself; `None` for anything else, and for [`SIGNATURE`]:
/// a signature says nothing, so nobody writes a predicate of that type.
pub fn written(text: &str) -> Option<&str> {
    let uri =
        TABLE.iter().find(|row| row.word == text).map(|row| row.uri).or_else(|| is_type_uri(text).then_some(text));
    uri.filter(|uri| *uri != SIGNATURE)
}

/// Every URI that is read for a word of [`TABLE`]; a URI stands for itself alone. `None` for anything else.
pub fn read(text: &str) -> Option<Vec<&str>> {
    match TABLE.iter().find(|row| row.word == text) {
        Some(row) => Some([row.uri].into_iter().chain(row.also_read.iter().copied()).collect()),
        None => is_type_uri(text).then(|| vec![text]),
    }
}

/// Whether predicates of a type are looked into to judge an attestation or to show it; of any other type the predicate is what
/// is attested, and may be very large.
pub fn is_looked_into(uri: &str) -> bool {
    uri.starts_with("https://slsa.dev/") || uri == SIGNATURE
}

/// Whether a text is a TypeURI (in-toto attestation spec v1, "TypeURI"): an absolute URI of RFC 3986, scheme and
/// authority in lower case, no space or control character, at most [`MAX_URI`] bytes.
pub fn is_type_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let scheme_byte = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+.-".contains(&b);
    let authority = rest.strip_prefix("//").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    text.len() <= MAX_URI
        && scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme.bytes().all(scheme_byte)
        && !rest.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic())
        && authority.is_none_or(|name| !name.is_empty() && !name.bytes().any(|b| b.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_cosign() {
        assert_eq!(written("slsaprovenance"), Some("https://slsa.dev/provenance/v0.2"));
        assert_eq!(written("slsaprovenance02"), written("slsaprovenance"));
        assert_eq!(written("slsaprovenance1"), Some("https://slsa.dev/provenance/v1"));
        assert_eq!(written("custom"), Some("https://cosign.sigstore.dev/attestation/v1"));
        assert_eq!(read("openvex").unwrap(), ["https://openvex.dev/ns", "https://openvex.dev/ns/v0.2.0"]);
        assert_eq!(read("signature").unwrap(), [SIGNATURE]);
        assert_eq!((written("signature"), written(SIGNATURE)), (None, None), "only read");
        assert_eq!(written("spdx"), None, "cosign writes text under it, which is no predicate");
    }

    #[test]
    fn every_word_is_there_once_and_is_no_uri() {
        for (n, row) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(n + 1).all(|other| other.word != row.word), "{}", row.word);
            assert!(!is_type_uri(row.word));
            assert!(row.also_read.iter().chain([&row.uri]).all(|uri| is_type_uri(uri)), "{}", row.word);
        }
    }

    #[test]
    fn a_uri_stands_for_itself() {
        for good in ["https://example.com/x/v1", "urn:example:x", "https://example.com/Mixed?q=1"] {
            assert_eq!(written(good), Some(good));
            assert_eq!(read(good).unwrap(), [good]);
        }
        for bad in ["", "provenance", "https:", "https://", "HTTPS://x/y", "https://X/y", "https://x/a b", "1a:b", ":x"]
        {
            assert_eq!(written(bad), None, "{bad}");
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(written(&format!("urn:{}", "x".repeat(MAX_URI))), None);
    }
}
