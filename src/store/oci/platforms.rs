//! The image that is for a platform: of an index the one that it lists, else the image itself.

use crate::formats::oci::Descriptor;
use crate::formats::oci::Kind;
use crate::formats::oci::MAX_MANIFEST;
use crate::formats::oci::platform;
use crate::formats::oci::platform::Platform;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;

/// Most images that an error lists.
const SHOWN: usize = 50;

/// What is for a platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// An image that the index lists. Nothing of it was read.
    Listed(&'a Descriptor),
    /// The image itself, which is no index, with the platform of its configuration.
    Itself(Platform),
}

/// What is for a platform: of an index the one image that it lists for it, else the image itself when its configuration says
/// so (OCI image spec, `image-index.md` and `config.md`). Manifests that BuildKit adds for attestations are no images. An
/// image that is listed without a platform could be for any, so nothing is chosen beside it.
///
/// # Errors
/// `image-platform-missing`, `image-platform-ambiguous`; [`OciError`] of the place and of the configuration.
pub fn choose<'a>(place: &dyn Images, image: &'a Manifest, asked: &Platform) -> Result<Chosen<'a>, OciError> {
    if image.document.kind == Kind::Manifest {
        let found = configured(place, image)?;
        return match found {
            Some(found) if asked.takes(&found) => Ok(Chosen::Itself(found)),
            found => Err(missing(place, image, asked, found.map_or_else(|| "none".to_owned(), |one| one.to_string()))),
        };
    }
    let items = platform::images(&image.document);
    let of = |item: &Descriptor| item.platform.as_deref().and_then(Platform::parse);
    let matching: Vec<_> =
        items.iter().copied().filter(|item| of(item).is_none_or(|found| asked.takes(&found))).collect();
    match matching.as_slice() {
        [only] if of(only).is_some() => Ok(Chosen::Listed(only)),
        [] => Err(missing(place, image, asked, names(&items))),
        several => Err(OciError::PlatformAmbiguous {
            image: format!("{}@{}", place.name(), image.digest),
            platform: asked.to_string(),
            found: format!("{}: {}", several.len(), names(several)),
        }),
    }
}

/// What the configuration of an image says that it is for.
fn configured(place: &dyn Images, image: &Manifest) -> Result<Option<Platform>, OciError> {
    let Some(config) = &image.document.config else { return Ok(None) };
    Platform::of_config(&place.blob(config, MAX_MANIFEST)?).map_err(|error| OciError::Format {
        place: place.name(),
        what: format!("configuration of {}", image.digest),
        error: Box::new(error),
    })
}

fn missing(place: &dyn Images, image: &Manifest, asked: &Platform, found: String) -> OciError {
    let image = format!("{}@{}", place.name(), image.digest);
    OciError::PlatformMissing { image, platform: asked.to_string(), found }
}

fn names(items: &[&Descriptor]) -> String {
    let name = |item: &&Descriptor| item.platform.clone().unwrap_or_else(|| format!("no platform ({})", item.digest));
    let names: Vec<String> = items.iter().take(SHOWN).map(name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::oci::memory::MemoryImages;
    use crate::store::oci::memory::manifest_of;

    fn index(platforms: &[&str]) -> Manifest {
        let item = |(n, parts): (usize, &&str)| {
            let names = ["os", "architecture", "variant"];
            let platform: Vec<_> =
                names.iter().zip(parts.split('/')).map(|(name, part)| format!(r#""{name}":"{part}""#)).collect();
            let mark =
                if *parts == "unknown/unknown" { r#""vnd.docker.reference.type":"attestation-manifest""# } else { "" };
            let platform =
                if parts.is_empty() { String::new() } else { format!(r#","platform":{{{}}}"#, platform.join(",")) };
            format!(r#"{{"mediaType":"m","digest":"sha256:{n:064}","size":1,"annotations":{{{mark}}}{platform}}}"#)
        };
        let items: Vec<_> = platforms.iter().enumerate().map(item).collect();
        manifest_of(&format!(r#"{{"manifests":[{}]}}"#, items.join(",")))
    }

    #[test]
    fn one_image_is_for_a_platform_or_none_is_chosen() {
        let place = MemoryImages::default();
        let (missing, ambiguous) = (Err("image-platform-missing"), Err("image-platform-ambiguous"));
        for (listed, asked, expected) in [
            (&["linux/amd64", "linux/arm64"][..], "linux/arm64", Ok(1)),
            (&["linux/amd64", "linux/arm64"], "linux/arm64/v8", Ok(1)),
            (&["linux/arm/v6", "linux/arm/v7"], "linux/arm/v7", Ok(1)),
            (&["linux/arm/v6", "linux/arm/v7"], "linux/arm", ambiguous),
            (&["linux/arm", "linux/arm/v7"], "linux/arm", ambiguous),
            (&["linux/amd64", "linux/amd64"], "linux/amd64", ambiguous),
            (&["linux/amd64", ""], "linux/amd64", ambiguous),
            (&[""], "linux/amd64", ambiguous),
            (&["linux/amd64"], "linux/arm64", missing),
            (&["linux/arm64"], "linux/arm", missing),
            (&[], "linux/amd64", missing),
            // What BuildKit adds for attestations is no image, whoever asks for it.
            (&["linux/amd64", "unknown/unknown"], "linux/amd64", Ok(0)),
            (&["linux/amd64", "unknown/unknown"], "unknown/unknown", missing),
        ] {
            let image = index(listed);
            let found = choose(&place, &image, &Platform::parse(asked).unwrap());
            let found = found.map_err(|error| error.code()).map(|found| match found {
                Chosen::Listed(item) => image.document.items.iter().position(|one| one == item).unwrap(),
                Chosen::Itself(_) => panic!("{listed:?}"),
            });
            assert_eq!(found, expected, "{listed:?} {asked}");
        }
        let error = choose(&place, &index(&["linux/amd64", ""]), &Platform::parse("a/b").unwrap()).unwrap_err();
        assert!(error.to_string().contains("found 1: no platform (sha256:"), "{error}");
        let image = index(&["linux/amd64", "linux/arm/v7"]);
        let error = choose(&place, &image, &Platform::parse("a/b").unwrap());
        assert!(error.unwrap_err().to_string().ends_with("found linux/amd64, linux/arm/v7"));
    }

    #[test]
    fn an_image_that_is_no_index_is_for_what_its_configuration_says() {
        let place = MemoryImages::default();
        let image = |config: &str| {
            let digest = place.add_blob(config.as_bytes());
            let config = format!(r#"{{"mediaType":"c","digest":"{digest}","size":{}}}"#, config.len());
            manifest_of(&format!(r#"{{"config":{config},"layers":[]}}"#))
        };
        let found = |image: &Manifest, asked: &str| {
            let found = choose(&place, image, &Platform::parse(asked).unwrap()).map_err(|error| error.code());
            found.map(|found| match found {
                Chosen::Itself(found) => found.to_string(),
                Chosen::Listed(_) => panic!("{asked}"),
            })
        };
        let arm = image(r#"{"os":"linux","architecture":"arm","variant":"v7"}"#);
        assert_eq!(found(&arm, "linux/arm"), Ok("linux/arm/v7".to_owned()));
        assert_eq!(found(&arm, "linux/arm/v6"), Err("image-platform-missing"));
        assert_eq!(found(&image("{}"), "linux/arm"), Err("image-platform-missing"));
        assert_eq!(found(&manifest_of(r#"{"layers":[]}"#), "linux/arm"), Err("image-platform-missing"));
        assert_eq!(found(&image("no JSON"), "linux/arm"), Err("json-invalid"));
        place.fail("blob");
        assert_eq!(found(&arm, "linux/arm"), Err("image-offline"));
    }
}
