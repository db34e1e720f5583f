//! Images in memory, for tests: requests are counted, and each call can be made to fail.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io::Cursor;
use std::io::Read;
use std::sync::Mutex;

use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::formats::json;
use crate::formats::oci::Descriptor;
use crate::formats::oci::Document;
use crate::store::oci::Form;
use crate::store::oci::Images;
use crate::store::oci::Manifest;
use crate::store::oci::OciError;
use crate::store::oci::Referrers;
use crate::store::oci::WritableImages;
use crate::trust::key::sha256;

/// Images in memory.
#[derive(Default)]
pub struct MemoryImages(Mutex<State>);

#[derive(Default)]
struct State {
    manifests: BTreeMap<Digest, Manifest>,
    tags: BTreeMap<String, Digest>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    /// What is listed for any image, though it may be about another.
    listed: Vec<Descriptor>,
    form: Option<Form>,
    calls: Vec<&'static str>,
    failing: BTreeSet<&'static str>,
}

/// The digest of some bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest::new(Algorithm::Sha256, sha256(bytes).to_vec()).unwrap()
}

/// A manifest of a text.
pub fn manifest_of(text: &str) -> Manifest {
    let bytes = text.as_bytes().to_vec();
    let document = Document::parse(&bytes).unwrap();
    let value = json::parse(&bytes).unwrap();
    let media_type = value["mediaType"].as_str().unwrap_or("application/vnd.oci.image.manifest.v1+json").to_owned();
    Manifest { digest: digest_of(&bytes), media_type, bytes, document }
}

/// The descriptor of a manifest, as lists have it.
pub fn listed(manifest: &Manifest, artifact_type: Option<&str>) -> Descriptor {
    Descriptor {
        media_type: manifest.media_type.clone(),
        digest: manifest.digest.clone(),
        size: manifest.bytes.len().try_into().unwrap(),
        artifact_type: artifact_type.map(str::to_owned),
        platform: None,
        data: None,
        annotations: BTreeMap::new(),
    }
}

impl MemoryImages {
    fn call<R>(&self, name: &'static str, work: impl FnOnce(&mut State) -> R) -> Result<R, OciError> {
        let mut state = self.0.lock().unwrap();
        state.calls.push(name);
        if state.failing.contains(name) {
            return Err(OciError::Offline { place: name.to_owned() });
        }
        Ok(work(&mut state))
    }

    /// Adds a manifest that nobody held against anything.
    pub fn add(&self, manifest: &Manifest, tag: Option<&str>) {
        let mut state = self.0.lock().unwrap();
        state.manifests.insert(manifest.digest.clone(), manifest.clone());
        state.tags.extend(tag.map(|tag| (tag.to_owned(), manifest.digest.clone())));
    }

    /// Adds a blob, under the digest that it has.
    pub fn add_blob(&self, bytes: &[u8]) -> Digest {
        self.0.lock().unwrap().blobs.insert(digest_of(bytes), bytes.to_vec());
        digest_of(bytes)
    }

    /// Lists something for every image.
    pub fn list(&self, item: Descriptor) {
        self.0.lock().unwrap().listed.push(item);
    }

    /// What the list says to be.
    pub fn set_form(&self, form: Form) {
        self.0.lock().unwrap().form = Some(form);
    }

    /// Makes a call fail from now on.
    pub fn fail(&self, call: &'static str) {
        self.0.lock().unwrap().failing.insert(call);
    }

    /// The calls made since the last time that they were taken, by name, sorted.
    pub fn take_calls(&self) -> Vec<&'static str> {
        let mut calls = std::mem::take(&mut self.0.lock().unwrap().calls);
        calls.sort_unstable();
        calls
    }
}

impl Images for MemoryImages {
    fn name(&self) -> String {
        "memory".to_owned()
    }

    fn tagged(&self, tag: &str) -> Result<Option<Manifest>, OciError> {
        self.call("tagged", |state| state.tags.get(tag).and_then(|digest| state.manifests.get(digest)).cloned())
    }

    fn manifest(&self, digest: &Digest, _size: Option<u64>) -> Result<Option<Manifest>, OciError> {
        self.call("manifest", |state| state.manifests.get(digest).cloned())
    }

    fn blob(&self, item: &Descriptor, _limit: usize) -> Result<Vec<u8>, OciError> {
        let (place, what, digest) = (self.name(), "blob", item.digest.to_string());
        self.call("blob", |state| state.blobs.get(&item.digest).cloned())?.ok_or(OciError::Missing {
            place,
            what,
            digest,
        })
    }

    fn open_blob(&self, item: &Descriptor) -> Result<Box<dyn Read + Send + '_>, OciError> {
        Ok(Box::new(Cursor::new(self.blob(item, usize::MAX)?)))
    }

    fn referrers(&self, image: &Digest) -> Result<Referrers, OciError> {
        self.call("referrers", |state| {
            let about = |one: &&Manifest| one.document.subject.as_ref().is_some_and(|about| about.digest == *image);
            let found = state.manifests.values().filter(about);
            let items = found.map(|one| listed(one, one.document.artifact_type.as_deref()));
            let items = items.chain(state.listed.iter().cloned()).collect();
            Referrers { form: state.form.unwrap_or(Form::Referrer), items, oddities: Vec::new() }
        })
    }

    fn writable(&self) -> Option<&dyn WritableImages> {
        Some(self)
    }
}

impl WritableImages for MemoryImages {
    fn has_blob(&self, digest: &Digest) -> Result<bool, OciError> {
        self.call("has_blob", |state| state.blobs.contains_key(digest))
    }

    fn put_blob(&self, digest: &Digest, size: u64, content: &mut (dyn Read + Send)) -> Result<(), OciError> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).unwrap();
        assert_eq!((digest_of(&bytes), u64::try_from(bytes.len()).unwrap()), (digest.clone(), size));
        self.call("put_blob", |state| {
            state.blobs.insert(digest.clone(), bytes);
        })
    }

    fn put_manifest(&self, manifest: &Manifest, tag: Option<&str>) -> Result<(), OciError> {
        assert_eq!(digest_of(&manifest.bytes), manifest.digest);
        self.call("put_manifest", |state| {
            for item in manifest.document.items.iter().chain(&manifest.document.config) {
                let there = state.blobs.contains_key(&item.digest) || state.manifests.contains_key(&item.digest);
                assert!(there, "content comes before what names it");
            }
        })?;
        self.add(manifest, tag);
        Ok(())
    }

    fn change_tag(
        &self,
        tag: &str,
        change: &mut dyn FnMut(Option<&Manifest>) -> Result<Option<Manifest>, OciError>,
    ) -> Result<(), OciError> {
        let before = self.tagged(tag)?;
        match change(before.as_ref())? {
            Some(after) => self.put_manifest(&after, Some(tag)),
            None => Ok(()),
        }
    }
}
