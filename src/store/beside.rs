//! Where attestations of a file usually lie: beside it, under names that signers and download commands use.

use std::path::Path;
use std::path::PathBuf;

/// What is put behind the artifact's whole file name.
///
/// `.sigstore.json` is cosign's and gh's name for a bundle, `.intoto.jsonl` that of slsa-github-generator and in-toto;
/// `.bundle` and `.sigstore` are older names of bundles, `.provenance.json` that of a single provenance.
pub const SUFFIXES: &[&str] = &[".intoto.jsonl", ".sigstore.json", ".sigstore", ".bundle", ".provenance.json"];

/// Files of the same folder that may be about several artifacts. The first is slsa-github-generator's default for more
/// than one artifact.
pub const SHARED: &[&str] = &["multiple.intoto.jsonl", "provenance.intoto.jsonl", "attestation.intoto.jsonl"];

/// The files that exist under the usual names beside an artifact, in the order of [`SUFFIXES`] and [`SHARED`]. A
/// directory of such a name is none; whatever else has the name is given, so that it is reported when it cannot be read.
pub fn find(artifact: &Path) -> Vec<PathBuf> {
    let own = SUFFIXES.iter().map(|suffix| {
        let mut name = artifact.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    });
    let shared = SHARED.iter().map(|name| artifact.with_file_name(name));
    let stands = |path: &PathBuf| path != artifact && path.symlink_metadata().is_ok() && !path.is_dir();
    own.chain(shared).filter(stands).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_found_and_directories_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["app", "app.intoto.jsonl", "app.bundle", "multiple.intoto.jsonl", "other.intoto.jsonl"] {
            std::fs::write(path(name), "").unwrap();
        }
        std::fs::create_dir(path("app.sigstore")).unwrap();
        std::os::unix::fs::symlink("nowhere", path("app.sigstore.json")).unwrap();
        let expected = ["app.intoto.jsonl", "app.sigstore.json", "app.bundle", "multiple.intoto.jsonl"].map(path);
        assert_eq!(find(&path("app")), expected);
        assert_eq!(find(&path("multiple.intoto.jsonl")), Vec::<PathBuf>::new());
    }
}
