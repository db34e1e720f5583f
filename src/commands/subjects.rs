//! The flags that name subjects, shared by `generate` and `attest`, and the artifacts that they come to.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;

use crate::commands::artifacts;
use crate::commands::error::CommandError;
use crate::commands::progress;
use crate::commands::run::RunArgs;
use crate::formats::artifact::Artifact;
use crate::formats::artifact::Reference;
use crate::formats::artifact::image::ImagePlace;
use crate::formats::artifact::purl;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::ci::Environment;
use crate::store::file::read_capped;
use crate::store::subjects;
use crate::store::subjects::Directories;
use crate::store::subjects::MAX_CHECKSUMS;
use crate::store::subjects::Naming;
use crate::store::subjects::Platforms;
use crate::store::subjects::SubjectOptions;
use crate::store::subjects::artifacts_list;
use crate::store::subjects::base64_subjects;
use crate::store::subjects::base64_subjects_in;

/// The file in which GitHub lists what the steps of a job declared.
const LIST_VARIABLE: &str = "GITHUB_ARTIFACTS_LIST";

/// Flags that name subjects.
#[derive(Debug, clap::Args)]
pub(super) struct SubjectArgs {
    /// A file, a pattern, a folder, a digest such as sha256:…, @FILE or @- with checksums, REGISTRY/IMAGE@sha256:… (attest
    /// takes a tag too), oci-layout:DIR, or npm:FILE.tgz
    #[arg(value_name = "SUBJECT", value_parser = NonEmptyStringValueParser::new())]
    pub(super) subjects: Vec<String>,

    /// Subjects as slsa-github-generator takes them: base64 of what sha256sum prints, or @FILE with that
    #[arg(long, value_name = "TEXT", help_heading = "Subjects", value_parser = NonEmptyStringValueParser::new())]
    base64_subjects: Option<String>,

    /// JSON list of a GitHub job's artifacts [default: $GITHUB_ARTIFACTS_LIST, where nothing else names a subject]
    #[arg(long, value_name = "FILE", help_heading = "Subjects", value_parser = NonEmptyStringValueParser::new())]
    artifacts_list: Option<String>,

    /// How files and images are named
    #[arg(long, value_name = "RULE", default_value = "basename", help_heading = "Subjects")]
    subject_name: NamingArg,

    /// Of an image index in a layout, name each platform's manifest too
    #[arg(long, help_heading = "Subjects")]
    each_platform: bool,

    /// Digest algorithm besides sha256: sha384, sha512, …; repeatable
    #[arg(long = "digest", value_name = "ALGORITHM", value_delimiter = ',', value_parser = algorithm, help_heading = "Subjects")]
    digests: Vec<Algorithm>,
}

/// What the flags come to.
pub(super) struct Subjects {
    /// Every subject, sorted by name.
    pub(super) artifacts: Vec<Artifact>,
    /// Names of those whose digests were handed in. What a file agrees with counts as given.
    pub(super) given: BTreeSet<String>,
}

/// Whether a reference hands in a digest, so that nothing is hashed.
fn is_digest(text: &str) -> bool {
    match Reference::parse(text) {
        Ok(Reference::Digest(_) | Reference::Checksums(_) | Reference::Stdin) => true,
        // A file of that very name is a file.
        Ok(Reference::Image(name)) => Path::new(&name).symlink_metadata().is_err(),
        _ => false,
    }
}

/// How files and images are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NamingArg {
    /// A file by its name, an image by registry and repository
    Basename,
    /// A file by its path below the current folder
    Relative,
    /// Package URLs
    Purl,
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    Algorithm::from_name(text).ok_or_else(|| format!("expected an in-toto digest algorithm, found {text:?}"))
}

impl SubjectArgs {
    /// Refuses what cannot go together: what a command makes has no digest before it runs.
    ///
    /// # Errors
    /// `subject-before-run`.
    pub(super) fn check(&self, run: &RunArgs) -> Result<(), CommandError> {
        if run.is_set() && (self.base64_subjects.is_some() || self.artifacts_list.is_some()) {
            let message = "expected subjects that are files beside --run, found --base64-subjects or --artifacts-list";
            return Err(CommandError::usage("subject-before-run", message));
        }
        Ok(())
    }

    /// Whether nothing names a subject.
    pub(super) fn is_empty(&self, environment: &Environment) -> bool {
        self.subjects.is_empty() && self.base64_subjects.is_none() && self.list(environment).is_none()
    }

    /// Every subject that the flags name, each once, sorted by name; `also` are algorithms besides those of the flags.
    ///
    /// # Errors
    /// `subject-*`, `checksums-*`, `base64-subjects-*`, `artifacts-list-*`, and those of files.
    pub(super) fn artifacts(&self, environment: &Environment, also: &[Algorithm]) -> Result<Subjects, CommandError> {
        let refused = |error| artifacts::refused(&error);
        let mut lists = Vec::new();
        if let Some(text) = &self.base64_subjects {
            let artifacts = match text.strip_prefix('@') {
                Some(path) => {
                    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
                    base64_subjects_in(&read(path)?, folder)
                }
                None => base64_subjects(text.as_bytes()),
            };
            lists.push(artifacts.map_err(refused)?);
        }
        if let Some(path) = self.list(environment) {
            lists.push(artifacts_list(&read(path)?).map_err(refused)?);
        }
        let options = self.options(also)?;
        let (digests, files): (Vec<String>, Vec<String>) =
            self.subjects.iter().cloned().partition(|text| is_digest(text));
        if !digests.is_empty() {
            lists.push(subjects::expand(&digests, &options, &|_| {}).map_err(refused)?);
        }
        let given = lists.iter().flatten().map(|one| one.name().to_owned()).collect();
        if !files.is_empty() || lists.is_empty() {
            let expanded = progress::while_hashing(|tell| subjects::expand(&files, &options, tell));
            lists.push(expanded.map_err(refused)?);
        }
        Ok(Subjects { artifacts: subjects::merge(lists).map_err(refused)?, given })
    }

    /// Refuses what says something of subjects that are not attested as images in their places.
    ///
    /// # Errors
    /// `output-conflict`.
    pub(super) fn check_images(&self) -> Result<(), CommandError> {
        if self.each_platform {
            let message = "expected --recursive where what is attested is attached, found --each-platform";
            return Err(CommandError::usage("output-conflict", message));
        }
        Ok(())
    }

    /// Whether only what is typed names subjects.
    pub(super) fn only_typed(&self) -> bool {
        self.base64_subjects.is_none() && self.artifacts_list.is_none()
    }

    /// An image as a subject, by the rule that names images.
    ///
    /// # Errors
    /// `artifact-*`.
    pub(super) fn image(&self, at: &ImagePlace, repository: &str, digest: &Digest) -> Result<Artifact, CommandError> {
        let name = match (self.subject_name, at) {
            (NamingArg::Purl, ImagePlace::Registry(name)) => purl::oci(name, digest),
            _ => repository.to_owned(),
        };
        let artifact = Artifact::new(name, vec![digest.clone()]);
        artifact.map_err(|error| CommandError::usage(error.code(), error))
    }

    fn options(&self, also: &[Algorithm]) -> Result<SubjectOptions, CommandError> {
        let stdin = if subjects::needs_stdin(&self.subjects) { Some(stdin()?) } else { None };
        Ok(SubjectOptions {
            also: self.digests.iter().chain(also).copied().collect(),
            directories: Directories::EachFile,
            threads: artifacts::threads(),
            naming: match self.subject_name {
                NamingArg::Basename => Naming::Basename,
                NamingArg::Relative => Naming::Relative(PathBuf::from(".")),
                NamingArg::Purl => Naming::Purl,
            },
            platforms: if self.each_platform { Platforms::Each } else { Platforms::Index },
            stdin,
        })
    }

    /// The list of the job's artifacts, when it is named or nothing else is.
    fn list<'a>(&'a self, environment: &'a Environment) -> Option<&'a str> {
        let alone = self.subjects.is_empty() && self.base64_subjects.is_none();
        self.artifacts_list.as_deref().or_else(|| environment.get(LIST_VARIABLE).filter(|_| alone))
    }
}

fn read(path: &str) -> Result<Vec<u8>, CommandError> {
    read_capped(Path::new(path), MAX_CHECKSUMS).map_err(|error| artifacts::file_refused(&error))
}

fn stdin() -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(MAX_CHECKSUMS.saturating_add(1)).read_to_end(&mut bytes);
    read.map_err(|error| CommandError::undecided("stdin-unreadable", format!("standard input: {error}")))?;
    if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_CHECKSUMS) {
        let message = format!("standard input: expected at most {MAX_CHECKSUMS} bytes, found more");
        return Err(CommandError::usage("input-too-large", message));
    }
    Ok(bytes)
}
