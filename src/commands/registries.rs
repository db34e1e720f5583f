//! The flags about registries, and the places that images are read from.

mod keyring;

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::log_entry::pem_block;
use crate::remote::registry::Access;
use crate::remote::registry::Registries;
use crate::store::file::read_capped;
use crate::store::oci::Images;
use crate::store::oci::LayoutError;
use crate::store::oci::OciError;
use crate::store::oci::WritableImages;
use crate::store::oci::archive::Archive;
use crate::store::oci::layout::LayoutFolder;
use crate::store::oci::registry::Repository;

/// Largest file of certificates of authorities, in bytes (1 MiB).
const MAX_CA: u64 = 1024 * 1024;
/// Longest time that may be given for one request, in seconds.
const MAX_SECONDS: u64 = 3600;
const END: &str = "-----END CERTIFICATE-----";

/// Arguments.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub(super) struct RegistryArgs {
    /// PEM certificates of an authority that registries may have theirs from, besides those of the system; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Registry", value_parser = NonEmptyStringValueParser::new())]
    registry_ca: Vec<String>,

    /// Longest time that a registry may take for one request with all its attempts
    #[arg(long, value_name = "SECONDS", default_value_t = 60, help_heading = "Registry",
          value_parser = clap::value_parser!(u64).range(1..=MAX_SECONDS))]
    registry_timeout: u64,

    /// Most requests a second to each registry
    #[arg(long, value_name = "N", help_heading = "Registry", value_parser = clap::value_parser!(u32).range(1..=1000))]
    registry_rate: Option<u32>,
}

/// Opens places of images; registries share connections and tokens.
pub(super) struct Places(Registries);

impl RegistryArgs {
    /// What the flags come to. Nothing is asked yet.
    ///
    /// # Errors
    /// `file-*`, `registry-setup`.
    pub(super) fn places(&self) -> Result<Places, CommandError> {
        let mut authorities = Vec::new();
        for file in &self.registry_ca {
            authorities.extend(certificates(file)?);
        }
        let access = Access {
            keyring: Arc::new(keyring::Configured::of_environment()),
            authorities,
            total: Duration::from_secs(self.registry_timeout),
            per_second: self.registry_rate.and_then(NonZeroU32::new),
        };
        let registries = Registries::new(access);
        registries.map(Places).map_err(|error| CommandError::usage(error.code(), error))
    }

    /// The flags without which another command cannot ask the same registries.
    pub(super) fn words(&self) -> impl Iterator<Item = String> {
        self.registry_ca.iter().flat_map(|file| ["--registry-ca".to_owned(), file.clone()])
    }
}

impl Places {
    /// A place.
    ///
    /// # Errors
    /// `layout-*`, `archive-*`, `file-*`, `registry-setup`.
    pub(super) fn open(&self, place: &ImagePlace) -> Result<Box<dyn Images>, OciError> {
        Ok(match place {
            ImagePlace::Registry(name) => Box::new(Repository::new(&self.0, name)?),
            ImagePlace::Layout(path) => Box::new(LayoutFolder::open(Path::new(path))?),
            ImagePlace::Archive(path) => Box::new(Archive::open(Path::new(path))?),
        })
    }

    /// A place to write to; None for a layout that is absent and is left so.
    ///
    /// # Errors
    /// As [`Places::open`]; `image-place-read-only` for an archive.
    pub(super) fn destination(
        &self,
        place: &ImagePlace,
        absent: Absent,
    ) -> Result<Option<Box<dyn WritableImages>>, OciError> {
        Ok(Some(match (place, absent) {
            (ImagePlace::Registry(name), _) => Box::new(Repository::new(&self.0, name)?),
            (ImagePlace::Layout(path), Absent::Create) => Box::new(LayoutFolder::create(Path::new(path))?),
            (ImagePlace::Layout(path), Absent::Leave) => match LayoutFolder::open(Path::new(path)) {
                Err(OciError::Layout(LayoutError::Missing { .. })) => return Ok(None),
                other => Box::new(other?),
            },
            (ImagePlace::Archive(_), _) => return Err(OciError::ReadOnly { place: place.to_string() }),
        }))
    }
}

/// Whether a layout is made where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absent {
    /// It is.
    Create,
    /// Nothing is written.
    Leave,
}

/// Every certificate of a PEM file, DER.
fn certificates(file: &str) -> Result<Vec<Vec<u8>>, CommandError> {
    let bytes = read_capped(Path::new(file), MAX_CA).map_err(|error| artifacts::file_refused(&error))?;
    let malformed = || {
        let message = format!("{file}: expected PEM certificates of an authority, found something else");
        CommandError::usage("registry-setup", message)
    };
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let blocks = text.split_inclusive(END).map(str::trim).filter(|block| !block.is_empty());
    let certificate = |block: &str| match pem_block(block) {
        Some(("CERTIFICATE", der)) => Ok(der),
        _ => Err(malformed()),
    };
    let all: Vec<Vec<u8>> = blocks.map(certificate).collect::<Result<_, _>>()?;
    if all.is_empty() { Err(malformed()) } else { Ok(all) }
}
