//! An image layout on disk as a place of images that is read and written.

use std::fs;
use std::fs::File;
use std::io;
use std::io::Read;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use crate::formats::artifact::image::ImageName;
use crate::formats::artifact::image::ImageReference;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::json::Fields;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::Kind;
use crate::store::file::Mode;
use crate::store::file::Overwrite;
use crate::store::file::StoreError;
use crate::store::file::change_atomic;
use crate::store::file::open_regular;
use crate::store::file::read_capped;
use crate::store::file::write_atomic;
use crate::store::file::write_atomic_with;
use crate::store::oci::Images;
use crate::store::oci::LayoutError;
use crate::store::oci::MAX_BLOBS;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::WritableImages;
use crate::store::oci::checked::Checked;
use crate::store::oci::checked::carried;
use crate::store::oci::shelf;
use crate::store::oci::shelf::COSIGN_KIND;
use crate::store::oci::shelf::INDEX_FILE;
use crate::store::oci::shelf::MARKER;
use crate::store::oci::shelf::Opened;
use crate::store::oci::shelf::Shelf;

/// containerd's annotation of what an image is called, with registry, repository and tag.
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// How often a tag is read and changed again when others changed it meanwhile.
const ATTEMPTS: u32 = 10;
/// Bytes copied at once.
const CHUNK: usize = 64 * 1024;
const EMPTY_MARKER: &[u8] = br#"{"imageLayoutVersion":"1.0.0"}"#;
const EMPTY_INDEX: &[u8] =
    br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

/// A layout in a folder (OCI image spec, `image-layout.md`), read anew at each call, so that what others write is seen.
///
/// Each step of writing leaves a valid layout: blobs take their names when they are whole and right, and `index.json` is
/// replaced in one step under a lock on it.
#[derive(Debug)]
pub struct LayoutFolder {
    root: PathBuf,
}

impl LayoutFolder {
    /// Opens a layout.
    ///
    /// # Errors
    /// `layout-missing`, `layout-version`, `file-*`, `json-*`, `bundle-incomplete`, `too-many`.
    pub fn open(path: &Path) -> Result<Self, OciError> {
        let layout = Self { root: path.to_owned() };
        shelf::require_version(&layout.place(), &layout.file(MARKER)?)?;
        layout.index()?;
        Ok(layout)
    }

    /// Opens a layout, and makes an empty one where the folder is absent or empty, or where making one was cut short.
    ///
    /// # Errors
    /// As [`LayoutFolder::open`]; `layout-missing` for a folder that holds something else.
    pub fn create(path: &Path) -> Result<Self, OciError> {
        match Self::open(path) {
            Err(OciError::Layout(LayoutError::Missing { .. })) if is_unused(path)? => {}
            other => return other,
        }
        let blobs = path.join("blobs").join(Algorithm::Sha256.name());
        fs::create_dir_all(&blobs).map_err(|error| StoreError::writing(&blobs, &error))?;
        // The marker comes last: without it the folder is no layout yet.
        for (name, bytes) in [(INDEX_FILE, EMPTY_INDEX), (MARKER, EMPTY_MARKER)] {
            match write_atomic(&path.join(name), bytes, Overwrite::Refuse, Mode::Public) {
                Ok(()) | Err(StoreError::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Self::open(path)
    }

    /// What the annotations of `index.json` call an image. A tag alone is no name: tomorrow it is another image's.
    ///
    /// # Errors
    /// As [`LayoutFolder::open`].
    pub fn name_of(&self, image: &Digest) -> Result<Option<ImageName>, OciError> {
        let index = self.index()?;
        let mut listed = index.items.iter().filter(|item| item.digest == *image);
        Ok(listed.find_map(|item| {
            let texts = [CONTAINERD_NAME, oci::REF_NAME].map(|key| item.annotation(key));
            let named = texts.into_iter().find(|text| text.contains('/'))?;
            ImageReference::parse(named).ok().map(|image| image.name)
        }))
    }

    fn file(&self, name: &str) -> Result<Vec<u8>, OciError> {
        match read_capped(&self.root.join(name), max_manifest()) {
            Err(StoreError::NotFound { .. } | StoreError::NotDirectory { .. }) => {
                Err(LayoutError::Missing { path: self.root.clone() }.into())
            }
            other => Ok(other?),
        }
    }

    /// A digest is hexadecimal, so the path cannot lead elsewhere.
    fn blob_path(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// Writes a manifest as a blob, once what it refers to is there.
    fn put_content(&self, manifest: &Manifest) -> Result<Document, OciError> {
        let what = format!("manifest {}", manifest.digest);
        let document =
            Document::parse(&manifest.bytes).map_err(|error| shelf::malformed(&self.place(), what, error))?;
        for item in document.config.iter().chain(&document.items) {
            // Layers that may not be passed on are fetched from elsewhere (OCI image spec, `layer.md`).
            let elsewhere = ["nondistributable", "foreign"].iter().any(|part| item.media_type.contains(part));
            if !elsewhere && self.open(&item.digest)?.is_none() {
                return Err(shelf::missing(self, "a blob", &item.digest));
            }
        }
        let size = u64::try_from(manifest.bytes.len()).unwrap_or(u64::MAX);
        self.put_blob(&manifest.digest, size, &mut manifest.bytes.as_slice())?;
        Ok(document)
    }

    /// Lists a manifest in `index.json`. With `before`, only if the tag still names that digest, or nothing; else false.
    fn list(
        &self,
        manifest: &Manifest,
        document: &Document,
        tag: Option<&str>,
        before: Option<Option<&Digest>>,
    ) -> Result<bool, OciError> {
        let mut unchanged = true;
        change_atomic(&self.root.join(INDEX_FILE), max_manifest(), &mut |bytes| {
            let index = shelf::parse_index(&self.place(), bytes)?;
            if let (Some(tag), Some(before)) = (tag, before) {
                unchanged = shelf::named(self, &index, tag)?.map(|item| &item.digest) == before;
                if !unchanged {
                    return Ok(None);
                }
            }
            let mark = tag.map(|tag| shelf::mark_of(self, &index, tag)).transpose()?.flatten();
            let changed = with_entry(bytes, &Entry { manifest, document, tag, mark });
            let changed = changed.map_err(|error| shelf::malformed(&self.place(), INDEX_FILE.to_owned(), error))?;
            // What could not be read afterwards is not written.
            changed.iter().try_for_each(|bytes| shelf::parse_index(&self.place(), bytes).map(drop))?;
            Ok::<_, OciError>(changed)
        })?;
        Ok(unchanged)
    }
}

impl Shelf for LayoutFolder {
    fn place(&self) -> String {
        format!("oci-layout:{}", self.root.display())
    }

    fn path(&self) -> &Path {
        &self.root
    }

    fn index(&self) -> Result<Document, OciError> {
        shelf::parse_index(&self.place(), &self.file(INDEX_FILE)?)
    }

    fn open(&self, digest: &Digest) -> Result<Option<Opened<'_>>, OciError> {
        let path = self.blob_path(digest);
        let file = match open_regular(&path) {
            Err(StoreError::NotFound { .. }) => return Ok(None),
            other => other?,
        };
        let length = file.metadata().map_err(|error| StoreError::reading(&path, &error))?.len();
        Ok(Some(Opened { content: Box::new(file), length }))
    }

    fn small(&self) -> Result<Vec<Digest>, OciError> {
        let folder = self.root.join("blobs").join(Algorithm::Sha256.name());
        let unreadable = |error: io::Error| StoreError::reading(&folder, &error);
        let mut found = Vec::new();
        for (n, entry) in fs::read_dir(&folder).map_err(unreadable)?.enumerate() {
            if n == MAX_BLOBS {
                return Err(LayoutError::TooLarge { what: "blobs", limit: MAX_BLOBS }.into());
            }
            let name = entry.map_err(unreadable)?.file_name();
            let Some(digest) = name.to_str().and_then(|name| Digest::from_hex(Algorithm::Sha256, name).ok()) else {
                continue;
            };
            let small = |file: fs::Metadata| file.is_file() && file.len() <= max_manifest();
            if fs::metadata(self.blob_path(&digest)).is_ok_and(small) {
                found.push(digest);
            }
        }
        found.sort();
        Ok(found)
    }

    fn writer(&self) -> Option<&dyn WritableImages> {
        Some(self)
    }
}

impl WritableImages for LayoutFolder {
    /// A blob that is damaged is not there, so that it is written again.
    fn has_blob(&self, digest: &Digest) -> Result<bool, OciError> {
        let Some(opened) = self.open(digest)? else { return Ok(false) };
        let mut content = Checked::new(opened.content, self.place(), digest, None)?;
        match io::copy(&mut content, &mut io::sink()) {
            Ok(_) => Ok(true),
            Err(error) => match carried(error, |error| StoreError::reading(&self.blob_path(digest), error).into()) {
                OciError::Digest { .. } => Ok(false),
                other => Err(other),
            },
        }
    }

    fn put_blob(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Result<(), OciError> {
        let path = self.blob_path(digest);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| StoreError::writing(folder, &error))?;
        }
        let mut content = Checked::new(content, self.place(), digest, Some(size))?;
        write_atomic_with(&path, Mode::Public, &mut |file: &mut File| {
            let mut buffer = vec![0; CHUNK];
            loop {
                let length = match content.read(&mut buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read.map_err(|error| carried(error, |error| StoreError::reading(&path, error).into()))?,
                };
                match buffer.get(..length) {
                    None | Some([]) => return Ok(()),
                    Some(chunk) => file.write_all(chunk).map_err(|error| StoreError::writing(&path, &error))?,
                }
            }
        })
    }

    /// An image index takes the place of the manifests of its own that stand in `index.json` without a name: whoever asks
    /// for the one image of the layout gets the index.
    fn put_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<(), OciError> {
        let document = self.put_content(manifest)?;
        self.list(manifest, &document, tag, None).map(drop)
    }

    fn stage_manifest(&self, manifest: &Manifest) -> Result<(), OciError> {
        self.put_content(manifest).map(drop)
    }

    fn lists_images(&self) -> bool {
        true
    }

    fn change_tag(
        &self,
        tag: &str,
        change: &mut dyn FnMut(Option<&Manifest>) -> Result<Option<Manifest>, OciError>,
    ) -> Result<(), OciError> {
        for _ in 0..ATTEMPTS {
            let before = self.tagged(tag)?;
            let Some(manifest) = change(before.as_ref())? else { return Ok(()) };
            let document = self.put_content(&manifest)?;
            if self.list(&manifest, &document, Some(tag), Some(before.as_ref().map(|manifest| &manifest.digest)))? {
                return Ok(());
            }
        }
        Err(OciError::WriteLost { place: self.place(), what: tag.to_owned(), attempts: ATTEMPTS })
    }
}

/// Whether a folder is absent, empty, or holds only what [`LayoutFolder::create`] writes first.
fn is_unused(path: &Path) -> Result<bool, OciError> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => return Ok(false),
        other => other.map_err(|error| StoreError::reading(path, &error))?,
    };
    for entry in entries {
        let name = entry.map_err(|error| StoreError::reading(path, &error))?.file_name();
        let ours = match name.to_str() {
            Some(INDEX_FILE) => read_capped(&path.join(INDEX_FILE), max_manifest())? == EMPTY_INDEX,
            Some("blobs") => true,
            other => other.is_some_and(|name| name.starts_with(".sealmark-") && name.ends_with(".tmp")),
        };
        if !ours {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What is to be listed.
struct Entry<'a> {
    manifest: &'a Manifest,
    document: &'a Document,
    tag: Option<&'a str>,
    /// The mark of cosign's that stands for the tag.
    mark: Option<&'static str>,
}

/// The text of `index.json` with an entry added; None when it lists it already. All other entries stay as they are, but for
/// a tag that moves and for manifests without a name that the new one lists.
fn with_entry(index: &[u8], entry: &Entry<'_>) -> Result<Option<Vec<u8>>, crate::formats::FormatError> {
    let mut index = Fields::new(json::parse(index)?, "")?.rest();
    let Some(Value::Array(items)) = index.get_mut("manifests") else { return Ok(None) };
    let image = entry.document.subject.is_none() && !entry.tag.is_some_and(is_auxiliary);
    let children = |digest: &Digest| {
        image && entry.document.kind == Kind::Index && entry.document.items.iter().any(|item| item.digest == *digest)
    };
    let mut listed = false;
    let mut kept = Vec::new();
    for mut value in items.iter().cloned() {
        let item = Descriptor::from_json(value.clone(), "/manifests")?;
        let same = item.digest == entry.manifest.digest;
        let named = entry.tag.is_some_and(|tag| shelf::is_tagged(&item, tag));
        let marked = entry.mark.is_some_and(|mark| item.annotation(COSIGN_KIND) == mark);
        let plain = item.annotations.is_empty();
        if same && (named || marked || entry.tag.is_none()) {
            listed = true;
        } else if named || marked {
            // Without its name an attestation would look like an image.
            if entry.tag.is_some_and(is_auxiliary) {
                continue;
            }
            lose_tag(&mut value, entry.tag.unwrap_or_default());
        } else if plain && (same || children(&item.digest)) {
            continue;
        }
        kept.push(value);
    }
    if !listed {
        kept.push(described(entry));
    } else if kept == *items {
        return Ok(None);
    }
    *items = kept;
    Ok(serde_json::to_vec(&index).ok())
}

/// Whether a tag is of something about an image.
fn is_auxiliary(tag: &str) -> bool {
    tag.starts_with("sha256-")
}

fn lose_tag(value: &mut Value, tag: &str) {
    let Some(Value::Object(annotations)) = value.get_mut("annotations") else { return };
    annotations.shift_remove(oci::REF_NAME);
    let full = annotations.get(CONTAINERD_NAME).and_then(Value::as_str);
    if full.and_then(|name| name.strip_suffix(tag)).is_some_and(|rest| rest.ends_with(':')) {
        annotations.shift_remove(CONTAINERD_NAME);
    }
    if let (true, Value::Object(item)) = (annotations.is_empty(), value) {
        item.shift_remove("annotations");
    }
}

fn described(entry: &Entry<'_>) -> Value {
    let mut annotations = Map::new();
    let mut item = Map::new();
    item.insert("mediaType".to_owned(), json!(entry.manifest.media_type));
    item.insert("digest".to_owned(), json!(entry.manifest.digest.to_string()));
    item.insert("size".to_owned(), json!(entry.manifest.bytes.len()));
    if entry.document.subject.is_some() {
        if let Some(kind) = &entry.document.artifact_type {
            item.insert("artifactType".to_owned(), json!(kind));
        }
        let texts = entry.document.annotations.iter().map(|(name, text)| (name.clone(), json!(text)));
        annotations.extend(texts.filter(|(name, _)| ![oci::REF_NAME, CONTAINERD_NAME, COSIGN_KIND].contains(&&**name)));
    }
    if let Some(mark) = entry.mark {
        annotations.insert(COSIGN_KIND.to_owned(), json!(mark));
    }
    if let Some(tag) = entry.tag {
        annotations.insert(oci::REF_NAME.to_owned(), json!(tag));
    }
    if !annotations.is_empty() {
        item.insert("annotations".to_owned(), Value::Object(annotations));
    }
    Value::Object(item)
}

fn max_manifest() -> u64 {
    u64::try_from(oci::MAX_MANIFEST).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::store::oci::Form;
    use crate::trust::key::sha256;

    fn digest(bytes: &[u8]) -> Digest {
        Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).unwrap()
    }

    fn manifest(text: &str) -> Manifest {
        let bytes = text.as_bytes().to_vec();
        let document = Document::parse(&bytes).unwrap();
        let kinds = [oci::INDEX, oci::MANIFESTS[0]];
        let media_type = kinds[usize::from(document.kind == Kind::Manifest)].to_owned();
        Manifest { digest: digest(&bytes), media_type, bytes, document }
    }

    fn item(bytes: &[u8]) -> String {
        let kind = oci::MANIFESTS[0];
        format!(r#"{{"mediaType":"{kind}","digest":"{}","size":{}}}"#, digest(bytes), bytes.len())
    }

    fn image(layer: &[u8]) -> Manifest {
        manifest(&format!(r#"{{"schemaVersion":2,"layers":[{}]}}"#, item(layer)))
    }

    fn referrer(of: &Manifest) -> Manifest {
        manifest(&format!(
            r#"{{"artifactType":"a/b","layers":[],"subject":{},"annotations":{{"x":"y"}}}}"#,
            item(&of.bytes)
        ))
    }

    fn with_blobs(blobs: &[&[u8]]) -> (tempfile::TempDir, LayoutFolder) {
        let folder = tempfile::tempdir().unwrap();
        let layout = LayoutFolder::create(&folder.path().join("new/layout")).unwrap();
        for bytes in blobs {
            layout.put_blob(&digest(bytes), bytes.len().try_into().unwrap(), &mut &**bytes).unwrap();
        }
        (folder, layout)
    }

    fn code<T>(result: Result<T, OciError>) -> &'static str {
        result.map(drop).unwrap_err().code()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let (_folder, layout) = with_blobs(&[b"one", b"two"]);
        assert_eq!(code(layout.only()), "layout-image-missing");
        let (first, second) = (image(b"one"), image(b"two"));
        layout.put_manifest(&first, Some("v1")).unwrap();
        layout.put_manifest(&first, Some("v1")).unwrap();
        layout.put_manifest(&first, None).unwrap();
        assert_eq!(layout.only().unwrap().unwrap(), first);
        assert_eq!(layout.index().unwrap().items.len(), 1);
        let about = referrer(&first);
        layout.put_manifest(&about, None).unwrap();
        assert_eq!(layout.only().unwrap().unwrap(), first);
        let found = layout.referrers(&first.digest).unwrap();
        assert_eq!((found.form, found.items.len(), found.oddities.len()), (Form::LayoutReferrer, 1, 0));
        assert_eq!((&found.items[0].digest, found.items[0].artifact_type.as_deref()), (&about.digest, Some("a/b")));
        let listed = layout.index().unwrap().items[1].clone();
        assert_eq!((listed.artifact_type.as_deref(), listed.annotation("x")), (Some("a/b"), "y"));
        assert_eq!(layout.referrers(&second.digest).unwrap().items, []);
        layout.put_manifest(&second, Some("v1")).unwrap();
        assert_eq!(layout.tagged("v1").unwrap().unwrap(), second);
        assert_eq!(layout.tagged("1").unwrap(), None);
        assert_eq!(code(layout.only()), "layout-image-ambiguous");
        let again = LayoutFolder::create(&layout.root).unwrap();
        assert_eq!(again.manifest(&first.digest, None).unwrap().unwrap(), first);
        assert_eq!(again.blob(&first.document.items[0], 3).unwrap(), b"one");
        assert_eq!(code(again.blob(&first.document.items[0], 2)), "image-too-large");
    }

    #[test]
    fn an_index_takes_the_place_of_its_manifests() {
        let (_folder, layout) = with_blobs(&[b"one"]);
        let child = image(b"one");
        let index = manifest(&format!(r#"{{"manifests":[{}]}}"#, item(&child.bytes)));
        assert_eq!(code(layout.put_manifest(&index, None)), "image-content-missing");
        layout.put_manifest(&child, None).unwrap();
        layout.put_manifest(&index, None).unwrap();
        assert_eq!(layout.only().unwrap().unwrap(), index);
    }

    #[test]
    fn wrong_content_is_refused_and_leaves_nothing() {
        let (_folder, layout) = with_blobs(&[]);
        let wanted = digest(b"one");
        assert_eq!(code(layout.put_blob(&wanted, 3, &mut &b"two"[..])), "image-content-digest");
        assert_eq!(code(layout.put_blob(&wanted, 2, &mut &b"one"[..])), "image-content-size");
        assert_eq!(code(layout.put_blob(&wanted, 4, &mut &b"one"[..])), "image-content-size");
        assert_eq!(fs::read_dir(layout.root.join("blobs/sha256")).unwrap().count(), 0);
        assert!(!layout.has_blob(&wanted).unwrap());
        assert_eq!(code(layout.put_manifest(&image(b"one"), Some("v1"))), "image-content-missing");
        assert_eq!(layout.tagged("v1").unwrap(), None);
    }

    #[test]
    fn damage_is_named() {
        let (_folder, layout) = with_blobs(&[b"one"]);
        let first = image(b"one");
        layout.put_manifest(&first, Some("v1")).unwrap();
        let layer = first.document.items[0].clone();
        let path = layout.blob_path(&layer.digest);
        fs::write(&path, b"two").unwrap();
        assert_eq!(code(layout.blob(&layer, 9)), "image-content-digest");
        let error = layout.open_blob(&layer).unwrap().read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.downcast::<OciError>().unwrap().code(), "image-content-digest");
        assert!(!layout.has_blob(&layer.digest).unwrap());
        fs::write(&path, b"longer").unwrap();
        assert_eq!(code(layout.open_blob(&layer)), "image-content-size");
        fs::remove_file(&path).unwrap();
        assert_eq!(code(layout.blob(&layer, 9)), "image-content-missing");
        assert_eq!(code(layout.manifest(&first.digest, Some(1))), "image-content-size");
        fs::remove_file(layout.blob_path(&first.digest)).unwrap();
        assert_eq!(layout.manifest(&first.digest, None).unwrap(), None);
        assert_eq!(code(layout.tagged("v1")), "image-content-missing");
        fs::write(layout.root.join(INDEX_FILE), "{").unwrap();
        assert_eq!(code(LayoutFolder::create(&layout.root)), "json-invalid");
        fs::write(layout.root.join(MARKER), r#"{"imageLayoutVersion":"2"}"#).unwrap();
        assert_eq!(code(LayoutFolder::open(&layout.root)), "layout-version");
        fs::remove_file(layout.root.join(MARKER)).unwrap();
        assert_eq!(code(LayoutFolder::create(&layout.root)), "layout-missing");
    }

    #[test]
    fn what_is_read_is_bounded_and_of_its_kind() {
        let (_folder, layout) = with_blobs(&[b"one"]);
        let first = image(b"one");
        layout.put_manifest(&first, Some("v1")).unwrap();
        // A blob that is longer than it is listed, or shorter, or than a manifest may be.
        fs::write(layout.blob_path(&first.digest), vec![b' '; oci::MAX_MANIFEST + 1]).unwrap();
        assert_eq!(code(layout.manifest(&first.digest, None)), "image-too-large");
        assert_eq!(code(layout.tagged("v1")), "image-content-size");
        fs::write(layout.blob_path(&first.digest), b"{}").unwrap();
        assert_eq!(code(layout.manifest(&first.digest, None)), "image-content-digest");
        // An index.json that is a manifest, too long, a folder.
        let path = layout.root.join(INDEX_FILE);
        fs::write(&path, &first.bytes).unwrap();
        assert_eq!(code(layout.tagged("v1")), "json-field-missing");
        fs::write(&path, vec![b' '; oci::MAX_MANIFEST + 1]).unwrap();
        assert_eq!(code(layout.tagged("v1")), "file-too-large");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(code(layout.tagged("v1")), "file-is-directory");
    }

    #[test]
    fn a_folder_that_holds_something_else_is_left() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(code(LayoutFolder::create(folder.path())), "layout-missing");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn marks_of_cosign_beside_two_images_name_neither() {
        let (_folder, layout) = with_blobs(&[b"one", b"two", b"three"]);
        layout.put_manifest(&image(b"one"), Some("v1")).unwrap();
        layout.put_manifest(&image(b"two"), Some("v2")).unwrap();
        layout.put_manifest(&image(b"three"), Some("MARK")).unwrap();
        let path = layout.root.join(INDEX_FILE);
        let text = fs::read_to_string(&path).unwrap();
        let text =
            text.replace(r#""org.opencontainers.image.ref.name":"MARK""#, r#""kind":"dev.cosignproject.cosign/atts""#);
        fs::write(&path, text).unwrap();
        let tag = oci::attestation_tag(&image(b"one").digest);
        assert_eq!(code(layout.tagged(&tag)), "layout-image-ambiguous");
    }

    #[test]
    fn tags_of_two_images_are_refused() {
        let (_folder, layout) = with_blobs(&[b"one", b"two"]);
        layout.put_manifest(&image(b"one"), Some("acme/app:v1")).unwrap();
        layout.put_manifest(&image(b"two"), Some("acme/other:v1")).unwrap();
        assert_eq!(code(layout.tagged("v1")), "layout-tag-ambiguous");
        assert_eq!(layout.tagged("acme/other:v1").unwrap().unwrap(), image(b"two"));
    }

    #[test]
    fn tags_that_others_move_are_read_again() {
        let (_folder, layout) = with_blobs(&[b"one", b"two"]);
        let mut calls = 0;
        let mut change = |before: Option<&Manifest>| {
            calls += 1;
            assert_eq!(before.is_some(), calls == 2);
            if calls == 1 {
                layout.put_manifest(&image(b"one"), Some("sha256-x.att"))?;
            }
            Ok(Some(image(b"two")))
        };
        layout.change_tag("sha256-x.att", &mut change).unwrap();
        assert_eq!((calls, layout.index().unwrap().items.len()), (2, 1));
        assert_eq!(layout.tagged("sha256-x.att").unwrap().unwrap(), image(b"two"));
        let mut other = [b"one", b"two"].into_iter().cycle();
        let mut always = |_: Option<&Manifest>| {
            layout.put_manifest(&image(other.next().unwrap()), Some("t"))?;
            Ok(Some(image(b"one")))
        };
        assert_eq!(code(layout.change_tag("t", &mut always)), "tag-write-lost");
    }

    #[test]
    fn unlisted_referrers_and_marks_of_cosign_are_found() {
        let (_folder, layout) = with_blobs(&[b"one", b"two"]);
        let (first, attestations) = (image(b"one"), image(b"two"));
        layout.put_manifest(&first, Some("v1")).unwrap();
        let about = referrer(&first);
        layout.put_blob(&about.digest, about.bytes.len().try_into().unwrap(), &mut &about.bytes[..]).unwrap();
        assert_eq!(layout.referrers(&first.digest).unwrap().items.len(), 1);
        let path = layout.root.join(INDEX_FILE);
        layout.put_manifest(&attestations, Some("MARK")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let text =
            text.replace(r#""org.opencontainers.image.ref.name":"MARK""#, r#""kind":"dev.cosignproject.cosign/atts""#);
        fs::write(&path, text).unwrap();
        let tag = oci::attestation_tag(&first.digest);
        assert_eq!(layout.tagged(&tag).unwrap().unwrap(), attestations);
        assert_eq!(layout.tagged(&tag.replace(".att", ".sig")).unwrap(), None);
        assert_eq!(layout.tagged(&oci::attestation_tag(&attestations.digest)).unwrap(), None);
    }

    #[test]
    fn archives_are_read_as_layouts_are() {
        use crate::store::oci::archive::Archive;
        let (folder, layout) = with_blobs(&[b"one"]);
        let first = image(b"one");
        layout.put_manifest(&first, Some("v1")).unwrap();
        layout.put_manifest(&referrer(&first), None).unwrap();
        let file = folder.path().join("a.tar");
        let tar = |args: &[&str]| {
            let run = Command::new("tar").arg("-cf").arg(&file).arg("-C").arg(&layout.root).args(args).status();
            assert!(run.unwrap().success());
        };
        tar(&["."]);
        let archive = Archive::open(&file).unwrap();
        assert_eq!(archive.only().unwrap().unwrap(), first);
        assert_eq!(archive.tagged("v1").unwrap().unwrap(), first);
        assert_eq!(archive.blob(&first.document.items[0], 9).unwrap(), b"one");
        assert_eq!(archive.referrers(&first.digest).unwrap(), layout.referrers(&first.digest).unwrap());
        assert!(archive.writable().is_none());
        fs::write(layout.blob_path(&digest(b"one")), b"two").unwrap();
        tar(&["."]);
        let archive = Archive::open(&file).unwrap();
        assert_eq!(code(archive.blob(&first.document.items[0], 9)), "image-content-digest");
        tar(&["blobs"]);
        assert_eq!(code(Archive::open(&file)), "archive-without-layout");
        tar(&[".", "./index.json"]);
        assert_eq!(code(Archive::open(&file)), "archive-invalid");
        tar(&["--transform=s,oci-layout,../oci-layout,", "-P", "."]);
        assert_eq!(code(Archive::open(&file)), "archive-invalid");
        tar(&["-z", "."]);
        assert_eq!(code(Archive::open(&file)), "archive-invalid");
        fs::rename(layout.root.join(INDEX_FILE), layout.root.join("other")).unwrap();
        std::os::unix::fs::symlink("other", layout.root.join(INDEX_FILE)).unwrap();
        tar(&["."]);
        assert_eq!(code(Archive::open(&file)), "archive-invalid");
    }
}
