//! Platforms: which machines an image of an index is for.

use std::fmt;

use crate::formats::FormatError;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;

/// Longest part of a platform, in bytes.
const MAX_PART: usize = 64;
/// What the manifests of BuildKit that hold attestations about a platform are said to be for.
const UNKNOWN: &str = "unknown/unknown";
/// Annotation by which BuildKit marks them.
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

/// `os/architecture[/variant]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
    variant: Option<String>,
}

impl Platform {
    /// Reads `os/architecture[/variant]`. A variant that an architecture has anyhow (`arm64/v8`, `amd64/v1`) is none.
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split('/').collect();
        let plain = |part: &&str| {
            let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            !part.is_empty() && part.len() <= MAX_PART && part.chars().all(allowed)
        };
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, None),
            [os, architecture, variant] => (*os, *architecture, Some(*variant)),
            _ => return None,
        };
        if !parts.iter().all(plain) {
            return None;
        }
        let implied = [("arm64", "v8"), ("amd64", "v1")];
        let variant = variant.filter(|variant| !implied.contains(&(architecture, *variant)));
        Some(Self { os: os.to_owned(), architecture: architecture.to_owned(), variant: variant.map(str::to_owned) })
    }

    /// Whether an image that is listed for `found` may be meant: a variant that was not asked for may be any.
    pub fn takes(&self, found: &Self) -> bool {
        let variant = self.variant.is_none() || self.variant == found.variant;
        self.os == found.os && self.architecture == found.architecture && variant
    }

    /// What the configuration of an image says that it is for (OCI image spec, `config.md`); None where it says nothing.
    ///
    /// # Errors
    /// `json-*`.
    pub fn of_config(bytes: &[u8]) -> Result<Option<Self>, FormatError> {
        let mut fields = Fields::new(json::parse(bytes)?, "")?;
        let mut part = |name| fields.string(name).map(Option::unwrap_or_default);
        let (os, architecture, variant) = (part("os")?, part("architecture")?, part("variant")?);
        let tail = if variant.is_empty() { String::new() } else { format!("/{variant}") };
        Ok(Self::parse(&format!("{os}/{architecture}{tail}")))
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// The images that an index lists: everything but what BuildKit marks as attestations, which no machine takes for an image
/// since it is for none. The mark alone leaves nothing out.
pub fn images(index: &Document) -> Vec<&Descriptor> {
    let attests =
        |item: &Descriptor| item.platform.as_deref() == Some(UNKNOWN) && item.annotations.contains_key(REFERENCE_TYPE);
    index.items.iter().filter(|item| !attests(item)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn platforms_are_told_apart() {
        let of = |text: &str| Platform::parse(text).unwrap();
        for (asked, found, taken) in [
            ("linux/amd64", "linux/amd64", true),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
            ("linux/arm64/v8", "linux/arm64", true),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v9", "linux/arm64", false),
            ("linux/arm", "linux/arm/v7", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm/v6", "linux/arm", false),
        ] {
            assert_eq!(of(asked).takes(&of(found)), taken, "{asked} {found}");
        }
        for text in ["", "linux", "linux/", "/amd64", "linux/amd64/", "a/b/c/d", "Linux/amd64", "linux/amd 64"] {
            assert_eq!(Platform::parse(text), None, "{text}");
        }
        assert_eq!(of("linux/arm64/v8").to_string(), "linux/arm64");
        assert_eq!(of("linux/arm/v7").to_string(), "linux/arm/v7");
        let config = |value: serde_json::Value| Platform::of_config(value.to_string().as_bytes()).unwrap();
        assert_eq!(
            config(json!({"os": "linux", "architecture": "arm", "variant": "v7"})),
            Platform::parse("linux/arm/v7")
        );
        assert_eq!(config(json!({"os": "linux"})), None);
        assert!(Platform::of_config(b"{").is_err());
    }

    #[test]
    fn only_what_no_machine_takes_is_left_out() {
        let item = |n: usize, os: &str, note: &str| {
            json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{n:064x}"), "size": 1,
                "platform": {"os": os, "architecture": os}, "annotations": {note: "attestation-manifest"}})
        };
        let items = [
            item(1, "linux", "x"),
            item(2, "unknown", REFERENCE_TYPE),
            item(3, "linux", REFERENCE_TYPE),
            item(4, "unknown", "x"),
        ];
        let index = Document::parse(json!({"manifests": items}).to_string().as_bytes()).unwrap();
        let left: Vec<_> = images(&index).iter().map(|item| item.digest.hex()).collect();
        assert_eq!(left, [1, 3, 4].map(|n| format!("{n:064x}")));
    }
}
