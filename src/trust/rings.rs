//! Keys that somebody vouches for: those that the user named, and the key rings of well-known services.

use jiff::Timestamp;
use serde_json::Value;

use crate::formats::json;
use crate::formats::json::Fields;
use crate::trust::TrustError;
use crate::trust::key::PublicKey;
use crate::trust::root::Window;

/// The day on which the embedded rings were read from their sources. A test ties it to the digests of the files, so
/// neither changes without the other.
pub const AS_OF: &str = "2026-11-21";

/// Most keys in one ring.
pub const MAX_KEYS: usize = 64;

const NPM: &str = include_str!("rings/npm.json");
const GOOGLE_CLOUD_BUILD: &str = include_str!("rings/google-cloud-build.json");

/// A public key that somebody vouches for, and under which conditions.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustedKey {
    /// Who vouches, in reports: the file that the user named, or the service.
    pub voucher: String,
    /// The key.
    pub key: PublicKey,
    /// Where the key comes from. Builders are chosen by it.
    pub ring: Ring,
    /// When given, what a signature's key id and a bundle's hint must be, letter for letter; at least one must be there.
    pub keyid: Option<String>,
    /// When given, every proven signing time must lie within, and there must be one.
    pub window: Option<Window>,
    /// What the key signs.
    pub covers: Covers,
}

/// Where a trusted key comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ring {
    /// The user named the key.
    Named,
    /// A key of npm's registry, which signs that a package was published.
    NpmRegistry,
    /// A key of Google Cloud Build, which signs provenance.
    GoogleCloudBuild,
}

impl Ring {
    /// The name used in reports and policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Named => "named",
            Self::NpmRegistry => "npm-registry",
            Self::GoogleCloudBuild => "google-cloud-build",
        }
    }

    fn voucher(self) -> &'static str {
        match self {
            Self::Named => "the user",
            Self::NpmRegistry => "npm's registry",
            Self::GoogleCloudBuild => "Google Cloud Build",
        }
    }
}

/// What a signature covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Covers {
    /// The pre-authentication encoding, as DSSE says: payload type and payload.
    PreAuthentication,
    /// The payload alone, ECDSA in DER. Google Cloud Build's regional keys are older than DSSE's rule. Never a named
    /// key's: what such a key signed for another purpose could be passed off as an attestation.
    Payload,
}

impl TrustedKey {
    /// A key that the user named: it signs as DSSE says, under any key id, at any time.
    pub fn named(voucher: impl Into<String>, key: PublicKey) -> Self {
        let (ring, covers) = (Ring::Named, Covers::PreAuthentication);
        Self { voucher: voucher.into(), key, ring, keyid: None, window: None, covers }
    }
}

/// The keys with which npm's registry signs publish attestations. Each may sign within its window only.
///
/// # Errors
/// None for the copy that ships: a test reads it.
pub fn npm() -> Result<Vec<TrustedKey>, TrustError> {
    read(NPM, Ring::NpmRegistry)
}

/// The keys of Google Cloud Build: the global ones sign as DSSE says, the regional ones the payload alone.
///
/// # Errors
/// None for the copy that ships: a test reads it.
pub fn google_cloud_build() -> Result<Vec<TrustedKey>, TrustError> {
    read(GOOGLE_CLOUD_BUILD, Ring::GoogleCloudBuild)
}

fn read(text: &str, ring: Ring) -> Result<Vec<TrustedKey>, TrustError> {
    let mut top = Fields::new(json::parse(text.as_bytes())?, "")?;
    let rows = top.array("keys", MAX_KEYS)?;
    top.finish()?;
    rows.into_iter().map(|row| trusted_key(row, ring)).collect()
}

fn trusted_key(row: Value, ring: Ring) -> Result<TrustedKey, TrustError> {
    let mut row = Fields::new(row, "/keys")?;
    let shape = |reason: String| TrustError::Shape { reason };
    let covers = match row.need_string("covers")?.as_str() {
        "pae" => Covers::PreAuthentication,
        "payload" => Covers::Payload,
        other => return Err(shape(format!("covers {other:?}"))),
    };
    let time = |text: Option<String>| {
        let text = text.as_deref();
        text.map(|text| text.parse::<Timestamp>().map_err(|error| shape(error.to_string()))).transpose()
    };
    let window = match (time(row.string("start")?)?, time(row.string("end")?)?) {
        (Some(start), end) => Some(Window { start, end }),
        (None, None) => None,
        (None, Some(_)) => return Err(shape("an end without a start".to_owned())),
    };
    let keyid = Some(row.need_string("keyid")?);
    let key = PublicKey::from_spki(&row.need_bytes("key")?)?;
    row.finish()?;
    Ok(TrustedKey { voucher: ring.voucher().to_owned(), key, ring, keyid, window, covers })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trust::key::KeyKind;
    use crate::trust::key::sha256;

    #[test]
    fn digests_and_date_change_together() {
        let digests = [NPM, GOOGLE_CLOUD_BUILD].map(|text| hex::encode(sha256(text.as_bytes())));
        let digests = digests.each_ref().map(|digest| &digest[..16]);
        assert_eq!((AS_OF, digests), ("2026-11-21", ["a9aa6561a966ca8e", "f3629ef20c15dcac"]));
    }

    #[test]
    fn every_key_of_a_ring_has_a_name_of_its_own() {
        for ring in [npm().unwrap(), google_cloud_build().unwrap()] {
            for (n, key) in ring.iter().enumerate() {
                assert_eq!(key.key.kind(), KeyKind::EcdsaP256);
                assert!(key.keyid.as_ref().is_some_and(|keyid| !keyid.is_empty()));
                assert!(ring.iter().skip(n + 1).all(|other| other.keyid != key.keyid && other.key != key.key));
            }
        }
    }

    #[test]
    fn npm_keys_have_windows_and_sign_as_dsse_says() {
        let ring = npm().unwrap();
        let ends: Vec<_> = ring.iter().map(|key| key.window.unwrap().end.map(|end| end.to_string())).collect();
        assert_eq!(ends, [Some("2025-01-29T00:00:00Z".to_owned()), None]);
        assert!(ring.iter().all(|key| key.ring == Ring::NpmRegistry && key.covers == Covers::PreAuthentication));
    }

    #[test]
    fn only_regional_keys_sign_the_payload_alone() {
        let ring = google_cloud_build().unwrap();
        assert_eq!(ring.len(), 21);
        for key in ring {
            let legacy = key.keyid.unwrap().contains("/cryptoKeys/builtByGCB/");
            assert_eq!(key.covers == Covers::Payload, legacy);
            assert_eq!(key.window, None);
        }
    }

    #[test]
    fn a_row_that_says_something_else_is_refused() {
        let row = |change: &str| {
            let key = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE1Olb3zMAFFxXKHiIkQO5cJ3Yhl5i6UPp+IhuteBJbuHcA5UogKo0EWtlWwW6KSaKoTNEYL7JlCQiVnkhBktUgg==";
            read(&format!(r#"{{"keys":[{{"keyid":"k","key":"{key}",{change}}}]}}"#), Ring::NpmRegistry)
        };
        assert_eq!(row(r#""covers":"pae""#).unwrap().len(), 1);
        let code = |change: &str| row(change).unwrap_err().code();
        assert_eq!(code(r#""covers":"anything""#), "trust-root-invalid");
        assert_eq!(code(r#""covers":"pae","end":"2025-01-29T00:00:00Z""#), "trust-root-invalid");
        assert_eq!(code(r#""covers":"pae","start":"yesterday""#), "trust-root-invalid");
        assert_eq!(code(r#""covers":"pae","until":"2025-01-29T00:00:00Z""#), "trust-root-invalid");
    }
}
