//! The images that are asked for: typed, listed in files, or named by Kubernetes manifests.

use std::collections::BTreeMap;
use std::io::Read;
use std::num::NonZeroUsize;
use std::path::Path;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::images;
use crate::commands::verify::images::Choice;
use crate::formats::artifact::image::ImageLocation;
use crate::formats::image_list;
use crate::formats::image_list::ImageListError;
use crate::formats::image_list::Listed;
use crate::formats::image_list::MAX_BYTES;
use crate::formats::image_list::MAX_IMAGES;
use crate::formats::image_list::kubernetes;
use crate::formats::oci::platform::Platform;
use crate::store::file::read_capped;
use crate::store::measure::Hold;
use crate::store::oci::AT_ONCE;
use crate::store::oci::evidence::Legacy;
use crate::store::oci::evidence::Look;

/// Most images at a time.
const MAX_AT_ONCE: usize = 64;
/// What stands for standard input.
const STDIN: &str = "-";

/// Arguments.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct ImageArgs {
    /// File with the reference of an image in each line, # before comments, - for standard input; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Images", value_parser = NonEmptyStringValueParser::new())]
    images_from: Vec<String>,

    /// Kubernetes manifests, YAML or JSON: every image of every container in them, - for standard input; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Images", value_parser = NonEmptyStringValueParser::new())]
    manifests: Vec<String>,

    /// Of an image index, judge the image for this platform; it is allowed through its index too
    #[arg(long, value_name = "OS/ARCH[/VARIANT]", help_heading = "Images", value_parser = images::platform,
          conflicts_with_all = ["each_platform", "bundle"])]
    platform: Option<Platform>,

    /// Of an image index, judge the index and the image for each platform
    #[arg(long, help_heading = "Images", conflicts_with = "bundle")]
    each_platform: bool,

    /// Do not look under the tags where cosign stored attestations before bundles: three requests fewer for each image
    #[arg(long, help_heading = "Images", conflicts_with = "bundle")]
    referrers_only: bool,

    /// Most images that are looked up at a time, and most requests
    #[arg(long, value_name = "N", help_heading = "Images", default_value_t = AT_ONCE,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=64))]
    at_once: usize,
}

/// An image that was asked for.
#[derive(Debug)]
pub(super) struct Asked {
    /// The reference, as it was written first.
    pub(super) reference: String,
    /// Where it is, and which of those there.
    pub(super) location: ImageLocation,
    /// The lists and manifests that name it, with the place in each.
    pub(super) named_by: Vec<String>,
}

impl ImageArgs {
    /// Which image of an index is judged.
    pub(super) fn choice(&self) -> Choice {
        match &self.platform {
            Some(platform) => Choice::One(platform.clone()),
            None if self.each_platform => Choice::Each,
            None => Choice::AsNamed,
        }
    }

    /// Where it is looked.
    pub(super) fn look(&self, hold: Hold) -> Look {
        Look { legacy: if self.referrers_only { Legacy::No } else { Legacy::Also }, hold }
    }

    /// Most images at a time.
    pub(super) fn at_once(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.at_once.min(MAX_AT_ONCE)).unwrap_or(NonZeroUsize::MIN)
    }

    /// Every image that was typed, listed or named by a manifest, each reference once, in the order in which they stand
    /// there. Nothing is asked.
    ///
    /// # Errors
    /// `subject-image-invalid`, `images-*`, `manifest-*`, and those of files.
    pub(super) fn asked(&self, typed: &[String]) -> Result<Vec<Asked>, CommandError> {
        let mut all = All::default();
        for text in typed {
            all.add(text, ImageLocation::parse(text), None)?;
        }
        let stdin = self.images_from.iter().chain(&self.manifests).filter(|file| *file == STDIN).count();
        if stdin > 1 {
            let message = format!("expected standard input to be read once, found - {stdin} times");
            return Err(CommandError::usage("images-stdin-twice", message));
        }
        for file in &self.images_from {
            for one in listed(file, image_list::lines)? {
                all.add(&one.image, ImageLocation::parse(&one.image), Some(format!("{}, {}", shown(file), one.at)))?;
            }
        }
        for file in &self.manifests {
            for one in listed(file, kubernetes::images)? {
                // A manifest names registries alone: whoever wrote it does not choose files of this machine.
                let location = ImageLocation::parse(&format!("docker://{}", one.image));
                all.add(&one.image, location, Some(format!("{}, {}", shown(file), one.at)))?;
            }
        }
        Ok(all.asked)
    }
}

#[derive(Default)]
struct All {
    asked: Vec<Asked>,
    known: BTreeMap<ImageLocation, usize>,
}

impl All {
    fn add<E: ToString>(
        &mut self,
        text: &str,
        location: Result<ImageLocation, E>,
        by: Option<String>,
    ) -> Result<(), CommandError> {
        let location = location.map_err(|error| {
            let at = by.as_ref().map(|by| format!("{by}: ")).unwrap_or_default();
            CommandError::usage("subject-image-invalid", format!("{at}{text:?}: {}", error.to_string()))
        })?;
        // A digest beside a tag counts alone.
        let tag = location.tag.filter(|_| location.digest.is_none());
        let location = ImageLocation { tag, ..location };
        let n = *self.known.entry(location.clone()).or_insert(self.asked.len());
        match self.asked.get_mut(n) {
            Some(known) => known.named_by.extend(by),
            None if n >= MAX_IMAGES => {
                let message = format!("expected at most {MAX_IMAGES} images, found more");
                return Err(CommandError::usage("images-too-many", message));
            }
            None => {
                self.asked.push(Asked { reference: text.to_owned(), location, named_by: by.into_iter().collect() });
            }
        }
        Ok(())
    }
}

fn listed(
    file: &str,
    read: impl Fn(&[u8]) -> Result<Vec<Listed>, ImageListError>,
) -> Result<Vec<Listed>, CommandError> {
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let bytes = if file == STDIN {
        let mut bytes = Vec::new();
        let done = std::io::stdin().lock().take(limit.saturating_add(1)).read_to_end(&mut bytes);
        done.map_err(|error| CommandError::undecided("stdin-unreadable", format!("standard input: {error}")))?;
        bytes
    } else {
        read_capped(Path::new(file), limit).map_err(|error| artifacts::file_refused(&error))?
    };
    read(&bytes).map_err(|error| CommandError::usage(error.code(), format!("{}: {error}", shown(file))))
}

fn shown(file: &str) -> &str {
    if file == STDIN { "standard input" } else { file }
}
