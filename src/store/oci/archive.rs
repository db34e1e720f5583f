//! An image layout in a tar archive as a place of images that is only read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::path::PathBuf;

use tar::EntryType;
use tar::PaxExtensions;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::oci;
use crate::formats::oci::Document;
use crate::store::file::StoreError;
use crate::store::file::open_regular;
use crate::store::oci::LayoutError;
use crate::store::oci::MAX_BLOBS;
use crate::store::oci::OciError;
use crate::store::oci::shelf;
use crate::store::oci::shelf::INDEX_FILE;
use crate::store::oci::shelf::MARKER;
use crate::store::oci::shelf::Opened;
use crate::store::oci::shelf::Shelf;

/// Most entries of one archive: a layout's blobs, and folders and headers beside them.
pub const MAX_ENTRIES: usize = 4 * MAX_BLOBS;
/// Longest name of an entry, in bytes.
pub const MAX_NAME: usize = 4096;
/// Longest extended header of an entry, in bytes (64 KiB).
pub const MAX_HEADER: u64 = 64 * 1024;
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A layout in a tar archive, as `docker save` (25 and newer) and `skopeo copy … oci-archive:` write it. Its entries are
/// listed once; blobs are read from where they lie. Nothing is extracted, and no link is followed.
#[derive(Debug)]
pub struct Archive {
    path: PathBuf,
    file: File,
    entries: BTreeMap<String, Place>,
    index: Document,
}

/// Where the content of an entry lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    at: u64,
    length: u64,
}

impl Archive {
    /// Opens an archive and lists its entries.
    ///
    /// # Errors
    /// `archive-invalid`, `archive-without-layout`, `layout-version`, `layout-too-large`, `file-*`, `json-*`.
    pub fn open(path: &Path) -> Result<Self, OciError> {
        let file = open_regular(path)?;
        let entries = list(path, &file)?;
        let place = format!("oci-archive:{}", path.display());
        let read = |name: &str| -> Result<Vec<u8>, OciError> {
            let entry = entries.get(name).ok_or_else(|| LayoutError::ArchiveWithoutLayout { path: path.to_owned() })?;
            let limit = oci::MAX_MANIFEST;
            if usize::try_from(entry.length).map_or(true, |length| length > limit) {
                return Err(OciError::TooMany { place: place.clone(), what: "bytes of a file", limit });
            }
            let mut bytes = Vec::new();
            let read = Section { file: &file, place: *entry }.read_to_end(&mut bytes);
            read.map_err(|error| StoreError::reading(path, &error))?;
            Ok(bytes)
        };
        shelf::require_version(&place, &read(MARKER)?)?;
        let index = shelf::parse_index(&place, &read(INDEX_FILE)?)?;
        Ok(Self { path: path.to_owned(), file, entries, index })
    }
}

/// The ordinary files of an archive by name.
fn list(path: &Path, file: &File) -> Result<BTreeMap<String, Place>, OciError> {
    let refused = |found: String| OciError::from(LayoutError::Archive { path: path.to_owned(), found });
    let broken = |error: io::Error| refused(format!("no tar archive: {error}"));
    let mut start = [0; 2];
    if matches!(file.read_at(&mut start, 0), Ok(2)) && start == GZIP {
        return Err(refused("gzip; unpack it first".to_owned()));
    }
    let mut names: BTreeMap<String, Option<Place>> = BTreeMap::new();
    let mut archive = tar::Archive::new(file);
    let mut next = Extended::default();
    for (n, entry) in archive.entries_with_seek().map_err(broken)?.raw(true).enumerate() {
        if n == MAX_ENTRIES {
            return Err(LayoutError::TooLarge { what: "entries of an archive", limit: MAX_ENTRIES }.into());
        }
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if is_extension(kind) {
            if entry.size() > MAX_HEADER {
                return Err(refused("an extended header of more than 64 KiB".to_owned()));
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(broken)?;
            next.read(kind, &text).map_err(|found| refused(found.to_owned()))?;
            continue;
        }
        let extended = std::mem::take(&mut next);
        if kind.is_gnu_sparse() || extended.size.is_some_and(|size| size != entry.size()) {
            return Err(refused("an entry whose size is not the one in its header".to_owned()));
        }
        let bytes = extended.name.map_or_else(|| entry.header().path_bytes(), Cow::Owned);
        let name = plain_name(&bytes).map_err(&refused)?;
        if kind.is_dir() || bytes.ends_with(b"/") {
            continue;
        }
        let ordinary = kind.is_file() || kind.is_contiguous();
        let place = ordinary.then(|| Place { at: entry.raw_file_position(), length: entry.size() });
        if place.is_none() && (name == MARKER || name == INDEX_FILE || name.starts_with("blobs/")) {
            return Err(refused(format!("{name} as a link or a device")));
        }
        if names.insert(name.clone(), place).is_some() {
            return Err(refused(format!("{name} twice")));
        }
    }
    Ok(names.into_iter().filter_map(|(name, place)| Some((name, place?))).collect())
}

fn is_extension(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

/// What headers say about the entry after them.
#[derive(Default)]
struct Extended {
    name: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extended {
    fn read(&mut self, kind: EntryType, text: &[u8]) -> Result<(), &'static str> {
        if kind.is_gnu_longlink() {
            return Ok(());
        }
        if kind.is_gnu_longname() {
            let name = text.split(|byte| *byte == 0).next().unwrap_or_default();
            return self.rename(name);
        }
        for record in PaxExtensions::new(text) {
            let record = record.map_err(|_| "an extended header that is malformed")?;
            let (key, value) = (record.key_bytes(), record.value_bytes());
            let decides = key == b"path" || key == b"size" || key.starts_with(b"GNU.sparse");
            if decides && kind.is_pax_global_extensions() {
                return Err("a header that may rename every file");
            }
            match key {
                b"path" => self.rename(value)?,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or("an extended header that is malformed")?);
                }
                _ if decides => return Err("a sparse file"),
                _ => {}
            }
        }
        Ok(())
    }

    fn rename(&mut self, name: &[u8]) -> Result<(), &'static str> {
        match self.name.replace(name.to_owned()) {
            None => Ok(()),
            Some(_) => Err("an entry with two names"),
        }
    }
}

/// A name that every program reads alike, without `./` before it and `/` behind it.
fn plain_name(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > MAX_NAME {
        return Err(format!("a name of more than {MAX_NAME} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "a name that is no UTF-8".to_owned())?;
    let name = text.strip_prefix("./").unwrap_or(text);
    let name = name.strip_suffix('/').unwrap_or(name);
    let root = matches!(text, "./" | ".");
    let odd = |part: &str| matches!(part, "" | "." | "..") || part.contains(['\\', '\0']);
    if !root && name.split('/').any(odd) { Err(format!("the name {text:?}")) } else { Ok(name.to_owned()) }
}

/// Part of a file.
struct Section<'a> {
    file: &'a File,
    place: Place,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.place.length).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.file.read_at(buffer.get_mut(..most).unwrap_or_default(), self.place.at)?;
        let length = u64::try_from(read).unwrap_or(u64::MAX);
        self.place.at = self.place.at.saturating_add(length);
        self.place.length = self.place.length.saturating_sub(length);
        Ok(read)
    }
}

impl Shelf for Archive {
    fn place(&self) -> String {
        format!("oci-archive:{}", self.path.display())
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn index(&self) -> Result<Document, OciError> {
        Ok(self.index.clone())
    }

    fn open(&self, digest: &Digest) -> Result<Option<Opened<'_>>, OciError> {
        let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
        let Some(place) = self.entries.get(&name).copied() else { return Ok(None) };
        let content = Box::new(Section { file: &self.file, place });
        Ok(Some(Opened { content, length: place.length }))
    }

    fn small(&self) -> Result<Vec<Digest>, OciError> {
        let most = u64::try_from(oci::MAX_MANIFEST).unwrap_or(u64::MAX);
        let prefix = format!("blobs/{}/", Algorithm::Sha256.name());
        let small = self.entries.iter().filter(|(_, place)| place.length <= most);
        let names = small.filter_map(|(name, _)| name.strip_prefix(&prefix));
        Ok(names.filter_map(|hex| Digest::from_hex(Algorithm::Sha256, hex).ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::oci::Images;
    use std::io::Write;
    use tar::Header;

    const LAYOUT: [(&str, &str); 2] =
        [(MARKER, r#"{"imageLayoutVersion":"1.0.0"}"#), (INDEX_FILE, r#"{"manifests":[]}"#)];

    /// An entry by its bytes; its size in the header may be another than that of what follows.
    fn entry(kind: EntryType, name: &[u8], size: usize, content: &[u8]) -> Vec<u8> {
        let mut header = Header::new_ustar();
        header.as_old_mut().name.get_mut(..name.len()).unwrap().copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_size(size.try_into().unwrap());
        header.set_cksum();
        let padding = vec![0; content.len().next_multiple_of(512) - content.len()];
        [header.as_bytes(), content, &padding].concat()
    }

    fn file(name: &str, content: &[u8]) -> Vec<u8> {
        entry(EntryType::Regular, name.as_bytes(), content.len(), content)
    }

    fn pax(kind: EntryType, key: &str, value: &str) -> Vec<u8> {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        let text = format!("{length}{rest}");
        entry(kind, b"pax", text.len(), text.as_bytes())
    }

    /// What becomes of a whole layout with these entries after it.
    fn judge(more: &[Vec<u8>]) -> Result<usize, &'static str> {
        let mut archive = tempfile::NamedTempFile::new().unwrap();
        let whole = LAYOUT.iter().map(|(name, text)| file(name, text.as_bytes()));
        for part in whole.chain(more.iter().cloned()).chain([vec![0; 1024]]) {
            archive.write_all(&part).unwrap();
        }
        Archive::open(archive.path()).map(|archive| archive.entries.len()).map_err(|error| error.code())
    }

    #[test]
    fn entries_that_programs_read_differently_are_refused() {
        let blob = || file("blobs/sha256/ab", b"x");
        let local = EntryType::XHeader;
        assert_eq!(judge(&[]), Ok(2));
        assert_eq!(judge(&[entry(EntryType::Directory, b"blobs/", 0, b""), blob()]), Ok(3));
        assert_eq!(judge(&[pax(local, "mtime", "1"), blob()]), Ok(3));
        assert_eq!(judge(&[pax(local, "path", "blobs/sha256/cd"), file("blobs/sha256/ab", b"x"), blob()]), Ok(4));
        assert_eq!(judge(&[entry(EntryType::Symlink, b"elsewhere", 0, b"")]), Ok(2));
        let long = "n".repeat(MAX_NAME + 1);
        let odd = [
            vec![blob(), blob()],
            vec![file("../x", b"")],
            vec![file("/etc/passwd", b"")],
            vec![file("a//b", b"")],
            vec![file("a\\b", b"")],
            vec![entry(EntryType::Regular, b"\xff", 0, b"")],
            vec![entry(EntryType::Symlink, b"blobs/sha256/ab", 0, b"")],
            vec![entry(EntryType::Link, b"blobs/sha256/ab", 0, b"")],
            vec![entry(EntryType::Fifo, b"blobs", 0, b""), entry(EntryType::Char, b"blobs/sha256/x", 0, b"")],
            vec![entry(EntryType::GNUSparse, b"blobs/sha256/ab", 0, b"")],
            vec![pax(local, "size", "7"), blob()],
            vec![pax(local, "size", "x"), blob()],
            vec![pax(local, "path", "../x"), blob()],
            vec![pax(local, "path", "a"), pax(local, "path", "b"), blob()],
            vec![pax(local, "path", &long), blob()],
            vec![pax(local, "GNU.sparse.name", "x"), blob()],
            vec![pax(EntryType::XGlobalHeader, "path", "x"), blob()],
            vec![pax(EntryType::XGlobalHeader, "size", "1"), blob()],
            vec![pax(local, "comment", &"c".repeat(70_000)), blob()],
            vec![entry(EntryType::GNULongName, b"././@LongLink", 6, b"../x\0\0"), blob()],
        ];
        for (n, entries) in odd.iter().enumerate() {
            assert_eq!(judge(entries), Err("archive-invalid"), "{n}");
        }
    }

    /// An archive that was cut off holds no content that is believed.
    #[test]
    fn what_lies_behind_the_end_is_not_there() {
        let digest = Digest::from_hex(Algorithm::Sha256, &"ab".repeat(32)).unwrap();
        let name = format!("blobs/sha256/{}", digest.hex());
        let mut archive = tempfile::NamedTempFile::new().unwrap();
        let whole = LAYOUT.iter().map(|(name, text)| file(name, text.as_bytes()));
        for part in whole.chain([entry(EntryType::Regular, name.as_bytes(), 1 << 20, b"x")]) {
            archive.write_all(&part).unwrap();
        }
        let archive = Archive::open(archive.path()).unwrap();
        assert_eq!(archive.manifest(&digest, None).unwrap_err().code(), "image-content-size");
    }

    #[test]
    fn an_index_is_as_long_as_a_manifest_at_most() {
        let mut archive = tempfile::NamedTempFile::new().unwrap();
        let index = format!("{}{}", LAYOUT[1].1, " ".repeat(oci::MAX_MANIFEST));
        for part in [file(MARKER, LAYOUT[0].1.as_bytes()), file(INDEX_FILE, index.as_bytes()), vec![0; 1024]] {
            archive.write_all(&part).unwrap();
        }
        assert_eq!(Archive::open(archive.path()).unwrap_err().code(), "image-too-large");
    }
}
