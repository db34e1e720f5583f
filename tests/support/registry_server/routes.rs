//! The OCI distribution protocol, version 1.1.

use serde_json::Value;
use serde_json::json;

use crate::support::registry_server::Filter;
use crate::support::registry_server::Options;
use crate::support::registry_server::ReferrersApi;
use crate::support::registry_server::State;
use crate::support::registry_server::auth;
use crate::support::registry_server::content;
use crate::support::registry_server::content::INDEX;
use crate::support::registry_server::content::Repository;
use crate::support::registry_server::http::Reply;
use crate::support::registry_server::http::Request;

/// Largest manifest, in bytes.
const MAX_MANIFEST: usize = 4 * 1024 * 1024;

/// The honest answer.
pub fn answer(state: &mut State, options: &Options, url: &str, request: &Request) -> Reply {
    if request.path() == "/token" {
        return auth::token(state, &options.auth, request);
    }
    let Some(rest) = request.path().strip_prefix("/v2/") else {
        return Reply::refusal(404, "NAME_INVALID", "no such path");
    };
    let (repo, what, name) = split(rest);
    let action = match request.method.as_str() {
        "GET" | "HEAD" => "pull",
        "DELETE" if what != "uploads" => "delete",
        _ => "push",
    };
    if let Err(refusal) = auth::check(state, &options.auth, url, request, repo, action) {
        return refusal;
    }
    let call = Call { options, url, request, repo, name };
    match (what, request.method.as_str()) {
        ("", "GET" | "HEAD") => Reply::json(200, &json!({})),
        ("manifests", "GET" | "HEAD") => call.manifest(state.repository(repo)),
        ("manifests", "PUT") => call.put_manifest(state.repository(repo)),
        ("manifests", "DELETE") => call.delete_manifest(state.repository(repo)),
        ("uploads", "POST") => call.begin(state),
        ("uploads", _) => call.upload(state.repository(repo)),
        ("blobs", "GET" | "HEAD") => call.blob(state.repository(repo)),
        ("referrers", "GET") => call.referrers(state.repository(repo)),
        ("tags", "GET") => call.tags(state.repository(repo)),
        ("?", _) => Reply::refusal(404, "NAME_INVALID", "no such path"),
        _ => Reply::refusal(405, "UNSUPPORTED", "no such method"),
    }
}

/// Repository, kind of thing, and its name.
fn split(path: &str) -> (&str, &str, &str) {
    for (mark, what) in [
        ("/blobs/uploads/", "uploads"),
        ("/blobs/", "blobs"),
        ("/manifests/", "manifests"),
        ("/referrers/", "referrers"),
    ] {
        if let Some((repo, name)) = path.split_once(mark) {
            return (repo, what, name);
        }
    }
    match path.strip_suffix("/tags/list") {
        Some(repo) => (repo, "tags", ""),
        None if path.is_empty() => ("", "", ""),
        None => ("", "?", ""),
    }
}

struct Call<'a> {
    options: &'a Options,
    url: &'a str,
    request: &'a Request,
    repo: &'a str,
    name: &'a str,
}

impl Call<'_> {
    /// The address of a path, for `Location` and `Link`.
    fn link(&self, path: &str) -> String {
        match &self.options.elsewhere {
            Some(base) => format!("{base}{path}"),
            None if self.options.absolute => format!("{}{path}", self.url),
            None => path.to_owned(),
        }
    }

    fn manifest(&self, repository: &Repository) -> Reply {
        let Some(stored) = repository.find(self.name) else {
            return Reply::refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
        };
        let reply = Reply::bytes(200, &stored.media_type, stored.bytes.clone());
        let reply = reply.with("Docker-Content-Digest", &stored.digest);
        if self.options.etags { reply.with("ETag", &format!("\"{}\"", stored.digest)) } else { reply }
    }

    fn put_manifest(&self, repository: &mut Repository) -> Reply {
        let (name, body) = (self.name, &self.request.body);
        let invalid = |message: &str| Reply::refusal(400, "MANIFEST_INVALID", message);
        if body.len() > MAX_MANIFEST {
            return Reply::refusal(413, "SIZE_INVALID", "manifest too large");
        }
        let Ok(manifest) = serde_json::from_slice::<Value>(body) else { return invalid("expected JSON") };
        let media_type = self.request.header("content-type").unwrap_or_default();
        if media_type.is_empty() || manifest["mediaType"].as_str().is_some_and(|found| found != media_type) {
            return invalid("expected the media type of the manifest as the type of the content");
        }
        let tag = (!name.contains(':')).then_some(name);
        if tag.is_none() && !content::is_digest_of(name, body) {
            return Reply::refusal(400, "DIGEST_INVALID", "the digest is not that of the content");
        }
        if let Some(digest) = repository.lacks(&manifest) {
            return Reply::refusal(400, "MANIFEST_BLOB_UNKNOWN", &digest);
        }
        if self.options.etags && !self.is_expected(repository) {
            return Reply::refusal(412, "DENIED", "somebody else was faster");
        }
        let digest = if tag.is_some() { content::digest(body) } else { name.to_owned() };
        repository.put(tag, &digest, media_type, body);
        let path = format!("/v2/{}/manifests/{digest}", self.repo);
        let reply = Reply::empty(201).with("Location", &self.link(&path)).with("Docker-Content-Digest", &digest);
        match manifest["subject"]["digest"].as_str().filter(|_| self.options.subject_header) {
            Some(subject) => reply.with("OCI-Subject", subject),
            None => reply,
        }
    }

    /// Whether the conditions of a request hold.
    fn is_expected(&self, repository: &Repository) -> bool {
        let now = repository.find(self.name).map(|stored| format!("\"{}\"", stored.digest));
        let wanted = self.request.header("if-match").is_none_or(|tag| match &now {
            Some(now) => tag == "*" || tag == now,
            None => false,
        });
        let unwanted = self.request.header("if-none-match").is_some_and(|tag| match &now {
            Some(now) => tag == "*" || tag == now,
            None => false,
        });
        wanted && !unwanted
    }

    fn delete_manifest(&self, repository: &mut Repository) -> Reply {
        if repository.tags.remove(self.name).is_some() {
            return Reply::empty(202);
        }
        if repository.find(self.name).is_none() {
            return Reply::refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
        }
        repository.manifests.retain(|stored| stored.digest != self.name);
        repository.tags.retain(|_, digest| digest != self.name);
        Reply::empty(202)
    }

    fn blob(&self, repository: &Repository) -> Reply {
        match repository.blobs.get(self.name) {
            Some(bytes) => {
                Reply::bytes(200, "application/octet-stream", bytes.clone()).with("Docker-Content-Digest", self.name)
            }
            None => Reply::refusal(404, "BLOB_UNKNOWN", "blob unknown"),
        }
    }

    fn begin(&self, state: &mut State) -> Reply {
        let parameter = |name: &str| self.request.parameter(name);
        if let (Some(digest), Some(from)) = (parameter("mount"), parameter("from")) {
            let may = auth::check(state, &self.options.auth, self.url, self.request, &from, "pull").is_ok();
            let blob = state.repository(&from).blobs.get(&digest).filter(|_| may && self.options.mounts).cloned();
            if let Some(blob) = blob {
                state.repository(self.repo).blobs.insert(digest.clone(), blob);
                return self.created(&digest);
            }
        }
        if let Some(digest) = parameter("digest").filter(|_| self.options.single_post) {
            return self.finish(state.repository(self.repo), &digest, self.request.body.clone());
        }
        let id = format!("upload-{}", state.number());
        state.repository(self.repo).uploads.insert(id.clone(), Vec::new());
        self.progress(202, &id, 0)
    }

    fn upload(&self, repository: &mut Repository) -> Reply {
        let unknown = || Reply::refusal(404, "BLOB_UPLOAD_UNKNOWN", "upload unknown");
        // The state is part of the address that the client was given.
        if self.request.parameter("_state").as_deref() != Some(self.name) {
            return unknown();
        }
        let Some(bytes) = repository.uploads.get_mut(self.name) else { return unknown() };
        let body = &self.request.body;
        if let Some(range) = self.request.header("content-range") {
            let range = range.strip_prefix("bytes ").unwrap_or(range);
            if range.split_once('-').and_then(|(first, _)| first.parse().ok()) != Some(bytes.len()) {
                return self.progress(416, self.name, bytes.len());
            }
        }
        match self.request.method.as_str() {
            "GET" => self.progress(204, self.name, bytes.len()),
            "PATCH" => {
                bytes.extend_from_slice(body);
                self.progress(202, self.name, bytes.len())
            }
            "PUT" => {
                let Some(digest) = self.request.parameter("digest") else {
                    return Reply::refusal(400, "DIGEST_INVALID", "expected a digest");
                };
                bytes.extend_from_slice(body);
                let whole = repository.uploads.remove(self.name).unwrap();
                self.finish(repository, &digest, whole)
            }
            "DELETE" => {
                repository.uploads.remove(self.name);
                Reply::empty(204)
            }
            _ => Reply::refusal(405, "UNSUPPORTED", "no such method"),
        }
    }

    fn progress(&self, status: u16, id: &str, length: usize) -> Reply {
        let path = format!("/v2/{}/blobs/uploads/{id}?_state={id}", self.repo);
        let range = format!("0-{}", length.saturating_sub(1));
        Reply::empty(status).with("Location", &self.link(&path)).with("Range", &range).with("Docker-Upload-UUID", id)
    }

    fn finish(&self, repository: &mut Repository, digest: &str, bytes: Vec<u8>) -> Reply {
        if !content::is_digest_of(digest, &bytes) {
            return Reply::refusal(400, "DIGEST_INVALID", "the digest is not that of the content");
        }
        repository.blobs.insert(digest.to_owned(), bytes);
        self.created(digest)
    }

    fn created(&self, digest: &str) -> Reply {
        let path = format!("/v2/{}/blobs/{digest}", self.repo);
        Reply::empty(201).with("Location", &self.link(&path)).with("Docker-Content-Digest", digest)
    }

    /// The items of this page, and the number of the next if there is one.
    fn page<T: Clone>(&self, items: &[T]) -> (Vec<T>, Option<usize>) {
        let size = self.options.page_size.max(1);
        let page: usize = self.request.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(0);
        let found = items.iter().skip(page * size).take(size).cloned().collect();
        (found, (self.options.endless_pages || (page + 1) * size < items.len()).then_some(page + 1))
    }

    fn with_next(&self, reply: Reply, next: Option<usize>, more: &str) -> Reply {
        let Some(page) = next else { return reply };
        let path = self.link(&format!("{}?page={page}{more}", self.request.path()));
        reply.with("Link", &format!("<{path}>; rel=\"next\""))
    }

    fn referrers(&self, repository: &Repository) -> Reply {
        if let ReferrersApi::Refused(status) = self.options.referrers {
            return Reply::refusal(status, "UNSUPPORTED", "no list of referrers");
        }
        let wanted = self.request.parameter("artifactType");
        let mut items = repository.referrers(self.name, self.options.foreign_referrers);
        let mut filtered = wanted.is_some();
        match &self.options.filter {
            Filter::Honest => {
                items.retain(|item| wanted.as_deref().is_none_or(|wanted| item["artifactType"] == wanted))
            }
            Filter::Ignored => filtered = false,
            Filter::Lies(kind) => items.iter_mut().for_each(|item| item["artifactType"] = json!(kind)),
        }
        let (page, next) = self.page(&items);
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": page});
        let reply = Reply::bytes(200, INDEX, index.to_string().into_bytes());
        let reply = if filtered { reply.with("OCI-Filters-Applied", "artifactType") } else { reply };
        let more = wanted.map_or(String::new(), |wanted| format!("&artifactType={}", wanted.replace('+', "%2B")));
        self.with_next(reply, next, &more)
    }

    fn tags(&self, repository: &Repository) -> Reply {
        if repository.manifests.is_empty() {
            return Reply::refusal(404, "NAME_UNKNOWN", "repository unknown");
        }
        let tags: Vec<&String> = repository.tags.keys().collect();
        let (page, next) = self.page(&tags);
        self.with_next(Reply::json(200, &json!({"name": self.repo, "tags": page})), next, "")
    }
}
