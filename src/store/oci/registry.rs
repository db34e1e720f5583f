//! A repository of a registry as a place that holds images: every byte is held against the digest that asked for it.

mod stream;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::hash::Hasher;
use std::io;
use std::io::Read;
use std::sync::Mutex;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde_json::Map;
use serde_json::Value;

use crate::formats::FormatError;
use crate::formats::artifact::image::ImageName;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::digest::DigestError;
use crate::formats::json;
use crate::formats::oci;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::formats::oci::Kind;
use crate::remote::registry::Bytes;
use crate::remote::registry::Fetched;
use crate::remote::registry::Page;
use crate::remote::registry::Registries;
use crate::remote::registry::RegistryError;
use crate::remote::registry::Remote;
use crate::remote::registry::Stored;
use crate::store::hash::Running;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::MAX_REFERRERS;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::Referrers;
use crate::store::oci::WritableImages;
use crate::store::oci::registry::stream::Checked;
use crate::store::oci::registry::stream::Pieces;
use crate::trust::key::sha256;

/// Most pages of a list of referrers.
const MAX_PAGES: usize = 100;
/// Blobs up to this many bytes are sent from memory, so that a broken connection is tried again (8 MiB).
const IN_MEMORY: u64 = 8 * 1024 * 1024;
/// Bytes that are sent at once.
const CHUNK: usize = 256 * 1024;
/// How often a tag is written again that somebody else overwrote.
const MAX_WRITES: u32 = 8;
/// Shortest pause before a tag is written again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(50);
/// Time after which a tag that was written is read once more.
const SETTLE: Duration = Duration::from_millis(50);

/// A repository of a registry.
#[derive(Debug)]
pub struct Repository {
    remote: Remote,
    /// Whether the registry lists referrers, once that is known.
    lists: OnceLock<bool>,
    /// Held while a tag is read and written.
    writing: Mutex<()>,
}

impl Repository {
    /// A repository. Nothing is asked yet.
    ///
    /// # Errors
    /// `registry-setup`: a name that is no address.
    pub fn new(registries: &Registries, name: &ImageName) -> Result<Self, RegistryError> {
        Ok(Self { remote: registries.repository(name)?, lists: OnceLock::new(), writing: Mutex::new(()) })
    }

    /// The manifest under a tag or digest with its `ETag`, its type held against what it holds.
    fn fetch(&self, reference: &str) -> Result<Option<(Manifest, Option<String>)>, OciError> {
        let fetched = self.remote.manifest(reference)?;
        fetched.map(|fetched| self.judge(reference, fetched)).transpose()
    }

    /// A manifest whose type is what it holds.
    fn judge(&self, reference: &str, fetched: Fetched) -> Result<(Manifest, Option<String>), OciError> {
        let Fetched { media_type, etag, bytes } = fetched;
        let malformed = |error| OciError::Format {
            place: self.name(),
            what: format!("manifest {reference}"),
            error: Box::new(error),
        };
        let wrong = |expected, found: &str| {
            let url = format!("{}, manifest {reference}", self.name());
            OciError::Registry(RegistryError::Answer { url, expected, found: format!("{found:?}") })
        };
        let kind = match media_type.as_str() {
            known if oci::INDEXES.contains(&known) => Kind::Index,
            known if oci::MANIFESTS.contains(&known) => Kind::Manifest,
            _ => return Err(wrong("the media type of a manifest or index", &media_type)),
        };
        let document = Document::parse(&bytes).map_err(malformed)?;
        if document.kind != kind {
            return Err(wrong("content of the media type that the answer has", &media_type));
        }
        let inner = json::parse(&bytes).map_err(malformed)?;
        if let Some(inner) = inner.get("mediaType").and_then(Value::as_str)
            && inner != media_type
        {
            return Err(wrong("one media type in the answer's header and the manifest", inner));
        }
        Ok((Manifest { digest: self.digest_of(&bytes)?, media_type, bytes, document }, etag))
    }

    fn digest_error(&self, digest: &Digest, found: impl ToString) -> OciError {
        OciError::Digest { place: self.name(), digest: digest.to_string(), found: found.to_string() }
    }

    fn size_error(&self, digest: &Digest, expected: u64, found: impl ToString) -> OciError {
        OciError::Size { place: self.name(), digest: digest.to_string(), expected, found: found.to_string() }
    }

    fn digest_of(&self, bytes: &[u8]) -> Result<Digest, OciError> {
        let found = |error: DigestError| OciError::Digest {
            place: self.name(),
            digest: "sha256".to_owned(),
            found: error.to_string(),
        };
        Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).map_err(found)
    }

    fn missing(&self, digest: &Digest) -> OciError {
        OciError::Missing { place: self.name(), what: "a blob", digest: digest.to_string() }
    }

    /// Holds all of some content against digest and size.
    fn check(&self, bytes: &[u8], digest: &Digest, size: u64) -> Result<(), OciError> {
        if length(bytes) != size {
            return Err(self.size_error(digest, size, bytes.len()));
        }
        match self.digest_of(bytes)? {
            found if found == *digest => Ok(()),
            found => Err(self.digest_error(digest, found)),
        }
    }

    /// The index in an answer of the referrers API.
    fn index(&self, bytes: &[u8]) -> Result<Document, OciError> {
        let what = "list of referrers".to_owned();
        let malformed = |error| OciError::Format { place: self.name(), what, error: Box::new(error) };
        match Document::parse(bytes) {
            Ok(document) if document.kind == Kind::Index => Ok(document),
            Ok(_) => Err(malformed(FormatError::Missing { path: "/manifests".to_owned() })),
            // A manifest holds no more entries than a list may have.
            Err(FormatError::TooMany { .. }) => Err(self.too_many_referrers()),
            Err(error) => Err(malformed(error)),
        }
    }

    fn too_many_referrers(&self) -> OciError {
        OciError::TooMany { place: self.name(), what: "referrers", limit: MAX_REFERRERS }
    }

    /// What the referrers API lists; None when the registry has none.
    fn listed(&self, image: &Digest) -> Result<Option<Vec<Descriptor>>, OciError> {
        let mut items = Vec::new();
        let mut next = None;
        for _ in 0..MAX_PAGES {
            match self.remote.referrers(&image.to_string(), next.as_deref())? {
                Page::NoSuchList => return Ok(None),
                Page::Index(bytes, following) => {
                    self.add(&mut items, self.index(&bytes)?.items)?;
                    next = following;
                }
            }
            if next.is_none() {
                return Ok(Some(items));
            }
        }
        Err(OciError::TooMany { place: self.name(), what: "pages of a list of referrers", limit: MAX_PAGES })
    }

    /// Adds what is new.
    fn add(&self, items: &mut Vec<Descriptor>, more: Vec<Descriptor>) -> Result<(), OciError> {
        for item in more {
            if items.iter().any(|known| known.digest == item.digest) {
                continue;
            }
            if items.len() == MAX_REFERRERS {
                return Err(self.too_many_referrers());
            }
            items.push(item);
        }
        Ok(())
    }

    /// Whether the registry lists referrers by itself.
    fn has_list(&self, image: &Digest) -> Result<bool, OciError> {
        if let Some(known) = self.lists.get() {
            return Ok(*known);
        }
        let page = self.remote.referrers(&image.to_string(), None)?;
        Ok(*self.lists.get_or_init(|| page != Page::NoSuchList))
    }

    /// Adds a manifest to the index under the fallback tag of its subject (OCI distribution spec, "Pushing Manifests with
    /// Subject").
    fn list(&self, manifest: &Manifest, subject: &Digest) -> Result<(), OciError> {
        self.change_tag(&oci::fallback_tag(subject), &mut |current| self.with_entry(manifest, subject, current))
    }

    /// The index with an entry for a manifest; None when it is there. Everything else in it stays as it is.
    fn with_entry(
        &self,
        manifest: &Manifest,
        subject: &Digest,
        current: Option<&Manifest>,
    ) -> Result<Option<Manifest>, OciError> {
        let place = format!("{}:{}", self.name(), oci::fallback_tag(subject));
        let malformed = |error| OciError::Format {
            place: place.clone(),
            what: "list of referrers".to_owned(),
            error: Box::new(error),
        };
        let mut index = Map::new();
        if let Some(current) = current {
            if current.document.kind != Kind::Index || current.digest == *subject {
                return Err(OciError::Registry(RegistryError::Answer {
                    url: place,
                    expected: "an index of referrers, or nothing",
                    found: format!("a manifest of type {:?}", current.media_type),
                }));
            }
            if current.document.items.iter().any(|item| item.digest == manifest.digest) {
                return Ok(None);
            }
            let Value::Object(fields) = json::parse(&current.bytes).map_err(malformed)? else {
                return Err(malformed(FormatError::Missing { path: "/manifests".to_owned() }));
            };
            index = fields;
        } else {
            index.insert("schemaVersion".to_owned(), Value::from(2));
            index.insert("mediaType".to_owned(), Value::from(oci::INDEX));
        }
        let mut entries = match index.remove("manifests") {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        };
        if entries.len() >= MAX_REFERRERS {
            return Err(OciError::TooMany { place, what: "referrers", limit: MAX_REFERRERS });
        }
        entries.push(entry(manifest));
        let key = |entry: &Value| entry.get("digest").and_then(Value::as_str).unwrap_or_default().to_owned();
        entries.sort_by_key(key);
        entries.dedup_by_key(|entry| key(entry));
        index.insert("manifests".to_owned(), Value::Array(entries));
        let bytes = Value::Object(index).to_string().into_bytes();
        let document = Document::parse(&bytes).map_err(malformed)?;
        let media_type = current.map_or(oci::INDEX, |current| &current.media_type).to_owned();
        Ok(Some(Manifest { digest: self.digest_of(&bytes)?, media_type, bytes, document }))
    }

    /// Sends content that is too long for memory. The last piece is held back until digest and size are known to be right,
    /// so that nothing else can be stored.
    fn send(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Result<(), OciError> {
        let (sender, receiver) = sync_channel(2);
        let (sent, pumped) = thread::scope(|scope| {
            let pieces = Pieces { receiver, piece: Vec::new(), at: 0 };
            let sending = scope.spawn(|| self.remote.put_stream(&digest.to_string(), size, pieces));
            let pumped = self.pump(digest, size, content, &sender);
            if pumped.is_err() {
                // Nobody listens when the registry has answered already.
                let _ = sender.send(Err(io::Error::other("content that is not what was announced")));
            }
            drop(sender);
            (sending.join(), pumped)
        });
        pumped?;
        match sent {
            Ok(sent) => Ok(sent?),
            Err(_) => Err(self.unreadable("a thread that ended early")),
        }
    }

    fn pump(
        &self,
        digest: &Digest,
        size: u64,
        content: &mut (dyn Read + Send),
        sender: &SyncSender<io::Result<Vec<u8>>>,
    ) -> Result<(), OciError> {
        let mut sum = Running::new();
        let mut done: u64 = 0;
        let mut held: Option<Vec<u8>> = None;
        loop {
            let mut piece = vec![0; CHUNK];
            let n = content.read(&mut piece).map_err(|error| self.read_error(error))?;
            piece.truncate(n);
            done = done.saturating_add(length(&piece));
            if done > size {
                return Err(self.size_error(digest, size, "more"));
            }
            if n == 0 {
                break;
            }
            sum.update(&piece);
            if let Some(before) = held.replace(piece)
                && sender.send(Ok(before)).is_err()
            {
                // The registry answered before the end; its answer says why.
                return Ok(());
            }
        }
        if done != size {
            return Err(self.size_error(digest, size, done));
        }
        if digest.algorithm() != Algorithm::Sha256 || sum.digest() != digest.bytes() {
            return Err(self.digest_error(digest, format!("sha256:{}", hex::encode(sum.digest()))));
        }
        if let Some(last) = held {
            let _ = sender.send(Ok(last));
        }
        Ok(())
    }

    /// Why content that was to be sent could not be read: what is inside, where it came from a place like this.
    fn read_error(&self, error: io::Error) -> OciError {
        match error.downcast::<OciError>() {
            Ok(inner) => inner,
            Err(error) => self.unreadable(&error.to_string()),
        }
    }

    fn unreadable(&self, found: &str) -> OciError {
        let registry = self.remote.name().registry().to_owned();
        let expected = "content to send that can be read";
        OciError::Registry(RegistryError::Setup { registry, expected, found: found.to_owned() })
    }
}

impl Images for Repository {
    fn name(&self) -> String {
        self.remote.name().to_string()
    }

    fn tagged(&self, tag: &str) -> Result<Option<Manifest>, OciError> {
        Ok(self.fetch(tag)?.map(|(manifest, _)| manifest))
    }

    fn manifest(&self, digest: &Digest, size: Option<u64>) -> Result<Option<Manifest>, OciError> {
        let Some(fetched) = self.remote.manifest(&digest.to_string())? else { return Ok(None) };
        // Nothing of it is read before its digest is right.
        self.check(&fetched.bytes, digest, size.unwrap_or(length(&fetched.bytes)))?;
        Ok(Some(self.judge(&digest.to_string(), fetched)?.0))
    }

    fn blob(&self, item: &Descriptor, limit: usize) -> Result<Vec<u8>, OciError> {
        let size = usize::try_from(item.size).ok().filter(|size| *size <= limit);
        let Some(size) = size else {
            return Err(OciError::TooMany { place: self.name(), what: "bytes of a blob", limit });
        };
        match self.remote.blob(&item.digest.to_string(), size)? {
            None => Err(self.missing(&item.digest)),
            Some(Bytes::More) => Err(self.size_error(&item.digest, item.size, "more")),
            Some(Bytes::Whole(bytes)) => {
                self.check(&bytes, &item.digest, item.size)?;
                Ok(bytes)
            }
        }
    }

    fn open_blob(&self, item: &Descriptor) -> Result<Box<dyn Read + Send + '_>, OciError> {
        let stream = self.remote.open_blob(&item.digest.to_string(), item.size)?;
        let stream = stream.ok_or_else(|| self.missing(&item.digest))?;
        if let Some(found) = stream.length().filter(|found| *found != item.size) {
            return Err(self.size_error(&item.digest, item.size, found));
        }
        let (digest, size) = (item.digest.clone(), item.size);
        Ok(Box::new(Checked { repository: self, stream, digest, size, done: 0, sum: Running::new(), failed: None }))
    }

    fn referrers(&self, image: &Digest) -> Result<Referrers, OciError> {
        if let Some(items) = self.listed(image)? {
            return Ok(Referrers { form: Form::Referrer, items, oddities: Vec::new() });
        }
        let tag = oci::fallback_tag(image);
        let mut found = Referrers { form: Form::FallbackTag, items: Vec::new(), oddities: Vec::new() };
        match self.tagged(&tag)? {
            None => {}
            Some(manifest) if manifest.document.kind == Kind::Index && manifest.digest != *image => {
                self.add(&mut found.items, manifest.document.items)?;
            }
            Some(manifest) => {
                let what = if manifest.digest == *image { "the image itself" } else { "a manifest" };
                found.oddities.push(format!("{}:{tag} holds {what} and lists no referrers", self.name()));
            }
        }
        Ok(found)
    }

    fn writable(&self) -> Option<&dyn WritableImages> {
        Some(self)
    }
}

impl WritableImages for Repository {
    fn has_blob(&self, digest: &Digest) -> Result<bool, OciError> {
        Ok(self.remote.has_blob(&digest.to_string())?)
    }

    fn put_blob(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Result<(), OciError> {
        if size > IN_MEMORY {
            return self.send(digest, size, content);
        }
        let mut bytes = Vec::new();
        content.take(size.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| self.read_error(error))?;
        if length(&bytes) > size {
            return Err(self.size_error(digest, size, "more"));
        }
        self.check(&bytes, digest, size)?;
        Ok(self.remote.put_blob(&digest.to_string(), &bytes)?)
    }

    fn put_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<(), OciError> {
        self.check(&manifest.bytes, &manifest.digest, length(&manifest.bytes))?;
        let digest = manifest.digest.to_string();
        let stored = self.remote.put_manifest(tag.unwrap_or(&digest), &manifest.media_type, &manifest.bytes, None)?;
        let Some(subject) = &manifest.document.subject else { return Ok(()) };
        let listed = stored == Stored::Listed(Some(subject.digest.to_string()));
        // Some registries say that they list it and have no list.
        if listed && self.has_list(&subject.digest)? {
            return Ok(());
        }
        self.list(manifest, &subject.digest)
    }

    fn change_tag(
        &self,
        tag: &str,
        change: &mut dyn FnMut(Option<&Manifest>) -> Result<Option<Manifest>, OciError>,
    ) -> Result<(), OciError> {
        // Writers of this process wait for one another; those elsewhere are met below.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut pause = PAUSE;
        for _ in 0..MAX_WRITES {
            let (current, etag) = self.fetch(tag)?.map_or((None, None), |(current, etag)| (Some(current), etag));
            let Some(new) = change(current.as_ref())? else { return Ok(()) };
            let stored = self.remote.put_manifest(tag, &new.media_type, &new.bytes, etag.as_deref())?;
            if stored != Stored::Changed && self.tagged(tag)?.is_some_and(|found| found.digest == new.digest) {
                // Somebody who read before this was written may write after it was read again.
                thread::sleep(SETTLE);
                let settled = self.tagged(tag)?;
                if settled.as_ref().is_some_and(|found| found.digest == new.digest)
                    || change(settled.as_ref())?.is_none()
                {
                    return Ok(());
                }
            }
            // Two that wait equally long would meet again.
            thread::sleep(pause.saturating_add(pause.mul_f64(random())));
            pause = pause.saturating_mul(2);
        }
        Err(OciError::WriteLost { place: self.name(), what: tag.to_owned(), attempts: MAX_WRITES })
    }
}

/// Some number from 0 to 1.
fn random() -> f64 {
    f64::from(RandomState::new().build_hasher().finish().to_be_bytes()[0]) / 255.0
}

/// The descriptor by which a manifest is listed.
fn entry(manifest: &Manifest) -> Value {
    let mut entry = Map::new();
    entry.insert("mediaType".to_owned(), Value::from(manifest.media_type.clone()));
    entry.insert("digest".to_owned(), Value::from(manifest.digest.to_string()));
    entry.insert("size".to_owned(), Value::from(manifest.bytes.len()));
    if let Some(kind) = &manifest.document.artifact_type {
        entry.insert("artifactType".to_owned(), Value::from(kind.clone()));
    }
    let annotations = &manifest.document.annotations;
    if !annotations.is_empty() {
        let text = |(name, value): (&String, &String)| (name.clone(), Value::from(value.clone()));
        entry.insert("annotations".to_owned(), Value::Object(annotations.iter().map(text).collect()));
    }
    Value::Object(entry)
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
