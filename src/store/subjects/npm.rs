//! A package as npm packs it: its name and version out of the `package.json` inside, its digests in the same pass.

use std::io;
use std::io::Read;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use tar::Archive;

use crate::formats::artifact::purl;
use crate::formats::artifact::purl::PurlError;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::store::hash::hash_while;
use crate::store::subjects::error::SubjectsError;

/// Most bytes that a package may unpack to (4 GiB); they are counted, and not kept.
pub(super) const MAX_UNPACKED: u64 = 4 << 30;
/// Most entries of one package.
pub(super) const MAX_PACKAGE_ENTRIES: usize = 200_000;
/// The file that says which package it is.
const PACKAGE_JSON: &str = "package.json";
/// Longest global header, in bytes (64 KiB).
const MAX_GLOBAL: u64 = 64 * 1024;
/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Why a file is no package of npm.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NpmPackageError {
    /// It is no gzip of a tar archive.
    #[error("expected a package as npm packs it, found no tar archive in gzip: {0}")]
    Archive(#[from] io::Error),
    /// It unpacks to more than is read.
    #[error("expected a package of at most {limit} {what}, found more")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// The cap.
        limit: u64,
    },
    /// It says nowhere which package it is, or twice.
    #[error("expected one file package.json below one folder, found {found}")]
    PackageJson {
        /// What was found.
        found: &'static str,
    },
    /// Bytes after the end of the archive, which another reader might take for more of it.
    #[error("expected the end of the archive, found more bytes")]
    Trailing,
    /// The `package.json` names no package.
    #[error(transparent)]
    Purl(#[from] PurlError),
}

impl NpmPackageError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Archive(_) => "npm-package-archive",
            Self::TooLarge { .. } => "npm-package-too-large",
            Self::PackageJson { .. } => "npm-package-contents",
            Self::Trailing => "npm-package-trailing",
            Self::Purl(source) => source.code(),
        }
    }
}

/// The package URL of a package, and its digests by SHA-256, SHA-512 (which npm's registry names it by) and `also`.
///
/// The whole archive is read: a second `package.json` further down is what npm would unpack.
pub(super) fn subject(path: &Path, also: &[Algorithm]) -> Result<(String, Vec<Digest>), SubjectsError> {
    let mut algorithms = vec![Algorithm::Sha256, Algorithm::Sha512];
    algorithms.extend(also);
    algorithms.sort();
    algorithms.dedup();
    let (read, digests) = hash_while(path, &algorithms, |file| package_json(file, MAX_UNPACKED))?;
    let name = read.and_then(|text| Ok(purl::npm(&text)?));
    let name = name.map_err(|source| SubjectsError::Npm { path: path.to_owned(), source })?;
    Ok((name, digests))
}

/// The text of the one `package.json` that lies right below the archive's top folder.
fn package_json(file: &mut dyn Read, limit: u64) -> Result<Vec<u8>, NpmPackageError> {
    let too_large = || NpmPackageError::TooLarge { what: "bytes", limit };
    // One byte more than the cap, so that reaching the cap is seen.
    let mut unpacked = MultiGzDecoder::new(file).take(limit.saturating_add(1));
    let mut found = None;
    for (n, entry) in Archive::new(&mut unpacked).entries()?.enumerate() {
        if n == MAX_PACKAGE_ENTRIES {
            let limit = u64::try_from(MAX_PACKAGE_ENTRIES).unwrap_or(u64::MAX);
            return Err(NpmPackageError::TooLarge { what: "entries", limit });
        }
        let mut entry = entry?;
        if entry.header().entry_type().is_pax_global_extensions() {
            refuse_renaming(&mut entry)?;
            continue;
        }
        match place(&entry.path_bytes()) {
            Place::Elsewhere => continue,
            Place::Unclear => {
                return Err(NpmPackageError::PackageJson { found: "one at a path that unpackers read differently" });
            }
            Place::Top => {}
        }
        if !entry.header().entry_type().is_file() {
            return Err(NpmPackageError::PackageJson { found: "a link or a folder of that name" });
        }
        let cap = u64::try_from(purl::MAX_PACKAGE_JSON).unwrap_or(u64::MAX);
        if entry.size() > cap {
            return Err(NpmPackageError::TooLarge { what: "bytes of package.json", limit: cap });
        }
        let mut text = Vec::new();
        entry.take(cap).read_to_end(&mut text)?;
        if found.replace(text).is_some() {
            return Err(NpmPackageError::PackageJson { found: "several" });
        }
    }
    // What follows the end of a tar archive is padding.
    let mut buffer = vec![0; CHUNK];
    loop {
        let length = unpacked.read(&mut buffer)?;
        match buffer.get(..length) {
            None | Some([]) => break,
            Some(rest) if rest.iter().any(|byte| *byte != 0) => return Err(NpmPackageError::Trailing),
            Some(_) => {}
        }
    }
    if unpacked.limit() == 0 {
        return Err(too_large());
    }
    found.ok_or(NpmPackageError::PackageJson { found: "none" })
}

/// Where an entry is unpacked to.
enum Place {
    /// It is `FOLDER/package.json`, whatever the folder is called: npm drops the first component of each path.
    Top,
    /// It may be that file or not, as `./package/package.json` and `/package.json`: unpackers drop components before or
    /// after they tidy the path.
    Unclear,
    Elsewhere,
}

fn place(path: &[u8]) -> Place {
    let parts = || path.split(|byte| matches!(byte, b'/' | b'\\')).filter(|part| !matches!(*part, b"" | b"."));
    let last = parts().next_back().is_some_and(|part| part.eq_ignore_ascii_case(PACKAGE_JSON.as_bytes()));
    if !last || (parts().count() > 2 && parts().all(|part| part != b"..")) {
        return Place::Elsewhere;
    }
    let plain: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    match plain.as_slice() {
        [folder, file] if !matches!(*folder, b"" | b"." | b"..") && *file == PACKAGE_JSON.as_bytes() => Place::Top,
        _ => Place::Unclear,
    }
}

/// A global header (POSIX pax) may give every entry after it another path or size. Some unpackers heed it and some do not;
/// what git writes there is a comment.
fn refuse_renaming(header: &mut impl Read) -> Result<(), NpmPackageError> {
    let mut text = Vec::new();
    header.take(MAX_GLOBAL).read_to_end(&mut text)?;
    let keys: [&[u8]; 3] = [b" path=", b" linkpath=", b" size="];
    let renames = keys.iter().any(|key| text.windows(key.len()).any(|part| part == *key));
    if renames || u64::try_from(text.len()).is_ok_and(|length| length == MAX_GLOBAL) {
        return Err(NpmPackageError::PackageJson { found: "a header that may rename every file" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use proptest::prelude::*;
    use tar::Builder;
    use tar::EntryType;
    use tar::Header;

    use super::*;

    const PACKAGE: &str = r#"{"name":"@acme/app","version":"1.2.3"}"#;

    fn archive(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.set_size(u64::try_from(content.len()).unwrap());
            header.set_mode(0o644);
            header.set_entry_type(*kind);
            header.set_cksum();
            builder.append_data(&mut header, path, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn named(bytes: &[u8]) -> Result<(String, Vec<Digest>), SubjectsError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.tgz");
        fs::write(&path, bytes).unwrap();
        subject(&path, &[])
    }

    fn code(bytes: &[u8]) -> &'static str {
        named(bytes).unwrap_err().code()
    }

    #[test]
    fn a_package_is_named_by_what_it_says_inside() {
        let file = EntryType::Regular;
        let bytes = gzip(&archive(&[
            ("package/lib/package.json", file, b"{}"),
            ("package/package.json", file, PACKAGE.as_bytes()),
            ("package/index.js", file, b"x"),
        ]));
        let (name, digests) = named(&bytes).unwrap();
        assert_eq!(name, "pkg:npm/%40acme/app@1.2.3");
        let sha512: [u8; 64] = <sha2::Sha512 as sha2::Digest>::digest(&bytes).into();
        let sha256: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
        assert_eq!(digests[0].bytes(), sha256);
        assert_eq!(digests[1].bytes(), sha512);
        assert_eq!((digests[1].algorithm(), digests.len()), (Algorithm::Sha512, 2));
        // Some packers call the folder otherwise.
        assert!(named(&gzip(&archive(&[("app-1.2.3/package.json", file, PACKAGE.as_bytes())]))).is_ok());
    }

    #[test]
    fn what_is_no_package_is_refused() {
        let file = EntryType::Regular;
        let package = ("package/package.json", file, PACKAGE.as_bytes());
        assert_eq!(code(b"no gzip"), "npm-package-archive");
        assert_eq!(code(&gzip(b"no tar archive, but long enough to be one header").repeat(20)), "npm-package-archive");
        let whole = gzip(&archive(&[package]));
        assert_eq!(code(&whole[..whole.len() / 2]), "npm-package-archive");
        assert_eq!(code(&[whole.as_slice(), b"trailing"].concat()), "npm-package-archive");
        assert_eq!(code(&gzip(&archive(&[("package.json", file, PACKAGE.as_bytes())]))), "npm-package-contents");
        assert_eq!(code(&gzip(&archive(&[("package/x", file, b"")]))), "npm-package-contents");
        // Whoever unpacks takes the second.
        let second = ("./package/package.json", file, PACKAGE.as_bytes());
        assert_eq!(code(&gzip(&archive(&[package, second]))), "npm-package-contents");
        let other = ("other/package.json", file, PACKAGE.as_bytes());
        assert_eq!(code(&gzip(&archive(&[package, other]))), "npm-package-contents");
        let link = ("package/package.json", EntryType::Symlink, b"".as_slice());
        assert_eq!(code(&gzip(&archive(&[link]))), "npm-package-contents");
        let hidden = [archive(&[package]), archive(&[second])].concat();
        assert_eq!(code(&gzip(&hidden)), "npm-package-trailing");
        let bad = ("package/package.json", file, br#"{"name":"../x","version":"1.0.0"}"#.as_slice());
        assert_eq!(code(&gzip(&archive(&[bad]))), "npm-package-json");
    }

    #[test]
    fn paths_that_unpackers_read_differently_are_refused() {
        // The `tar` crate writes tidy paths only, so these are written by hand.
        let raw = |path: &str| {
            let mut header = Header::new_gnu();
            header.as_gnu_mut().unwrap().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_size(0);
            header.set_mode(0o644);
            header.set_cksum();
            header.as_bytes().to_vec()
        };
        let package = archive(&[("package/package.json", EntryType::Regular, PACKAGE.as_bytes())]);
        let code = |path: &str| named(&gzip(&[raw(path), package.clone()].concat())).map_err(|error| error.code());
        for path in [
            "package.json",
            "/package.json",
            "./package.json",
            "./package/package.json",
            "/package/package.json",
            "package//package.json",
            "package/./package.json",
            "package/x/../package.json",
            "../package.json",
            "package\\package.json",
            "package/PACKAGE.JSON",
            "package/package.json/",
        ] {
            assert_eq!(code(path), Err("npm-package-contents"), "{path}");
        }
        for path in ["package/lib/package.json", "package/package.json5", "package/xpackage.json", "package/a", "x"] {
            assert!(code(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn global_headers_rename_nothing() {
        let code = |text: &str| {
            let package = ("package/package.json", EntryType::Regular, PACKAGE.as_bytes());
            let header = ("pax_global_header", EntryType::XGlobalHeader, text.as_bytes());
            named(&gzip(&archive(&[header, package]))).map_err(|error| error.code())
        };
        assert!(code("52 comment=0123456789012345678901234567890123456789\n").is_ok());
        for text in ["29 path=package/package.json\n", "12 size=10\n", &" ".repeat(70_000)] {
            assert_eq!(code(text), Err("npm-package-contents"));
        }
    }

    proptest! {
        #[test]
        fn any_archive_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048), at in 0_usize..1536) {
            let mut archive = archive(&[("package/package.json", EntryType::Regular, PACKAGE.as_bytes())]);
            for (place, byte) in archive.iter_mut().skip(at).zip(&bytes) {
                *place = *byte;
            }
            for bytes in [bytes.clone(), gzip(&bytes), gzip(&archive)] {
                let _ = package_json(&mut bytes.as_slice(), 1 << 20);
            }
        }
    }

    #[test]
    fn bombs_are_cut_short() {
        let big = vec![b' '; purl::MAX_PACKAGE_JSON + 1];
        let bytes = gzip(&archive(&[("package/package.json", EntryType::Regular, &big)]));
        assert_eq!(code(&bytes), "npm-package-too-large");
        let rest = vec![0; 1 << 20];
        let bytes = gzip(&archive(&[
            ("package/package.json", EntryType::Regular, PACKAGE.as_bytes()),
            ("package/zeros", EntryType::Regular, &rest),
        ]));
        assert!(package_json(&mut bytes.as_slice(), 2 << 20).is_ok());
        for limit in [1 << 19, 1 << 20] {
            assert!(package_json(&mut bytes.as_slice(), limit).is_err(), "{limit}");
        }
        let padded =
            gzip(&[archive(&[("package/package.json", EntryType::Regular, PACKAGE.as_bytes())]), rest].concat());
        let error = package_json(&mut padded.as_slice(), 1 << 19).unwrap_err();
        assert_eq!(error.code(), "npm-package-too-large");
    }
}
