//! What a registry is asked about one repository (OCI distribution spec 1.1).

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use reqwest::Method;
use reqwest::Url;
use reqwest::header;
use reqwest::header::HeaderValue;

use crate::formats::artifact::image::ImageName;
use crate::formats::oci;
use crate::remote::http;
use crate::remote::registry::Access;
use crate::remote::registry::Credential;
use crate::remote::registry::RegistryError;
use crate::remote::registry::auth;
use crate::remote::registry::auth::Door;
use crate::remote::registry::transport::Answer;
use crate::remote::registry::transport::Bytes;
use crate::remote::registry::transport::Call;
use crate::remote::registry::transport::Pace;
use crate::remote::registry::transport::Stream;
use crate::remote::registry::transport::Transport;
use crate::remote::registry::transport::plain;
use crate::remote::registry::transport::same_origin;

/// Docker Hub, and where it answers.
const HUB: (&str, &str) = ("index.docker.io", "registry-1.docker.io");
/// The header by which a registry says that it lists a manifest by its subject.
const SUBJECT: &str = "OCI-Subject";
const ACCEPT_MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// What is asked for, and so the scope of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Action {
    Pull,
    Push,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }

    fn scope(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "pull,push",
        }
    }
}

/// Registry, repository and scope.
type TokenKey = (String, String, Action);

/// Registries, with the connections to them and the tokens that they gave. A copy shares them.
#[derive(Clone)]
pub struct Registries {
    shared: Arc<Shared>,
}

struct Shared {
    access: Access,
    transport: Transport,
    tokens: Mutex<HashMap<TokenKey, HeaderValue>>,
    paces: Mutex<HashMap<String, Arc<Pace>>>,
}

impl fmt::Debug for Registries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registries")
    }
}

impl Registries {
    /// Registries that are asked in one way. Nothing is asked yet.
    ///
    /// # Errors
    /// `registry-setup`: a certificate of an authority that is none.
    pub fn new(access: Access) -> Result<Self, RegistryError> {
        let transport = Transport::new(&access)?;
        let (tokens, paces) = (Mutex::default(), Mutex::default());
        Ok(Self { shared: Arc::new(Shared { access, transport, tokens, paces }) })
    }

    /// One repository. A registry on this machine is asked by plain HTTP, unless an authority was named, and every other by
    /// HTTPS.
    ///
    /// # Errors
    /// `registry-setup`.
    pub fn repository(&self, name: &ImageName) -> Result<Remote, RegistryError> {
        let host = if name.registry() == HUB.0 { HUB.1 } else { name.registry() };
        let setup = |found: String| RegistryError::Setup {
            registry: name.registry().to_owned(),
            expected: "a host and a port",
            found,
        };
        let base = Url::parse(&format!("https://{host}/")).map_err(|error| setup(error.to_string()))?;
        let loopback = http::is_loopback(base.host_str().unwrap_or_default());
        let clear = loopback && self.shared.access.authorities.is_empty();
        let text = if clear { format!("http://{host}/") } else { format!("https://{host}/") };
        let base = Url::parse(&text).map_err(|error| setup(error.to_string()))?;
        if base.path() != "/" || !base.username().is_empty() || base.query().is_some() {
            return Err(setup("something else".to_owned()));
        }
        let pace = {
            let mut paces = self.shared.paces.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Pace::new(self.shared.access.per_second));
            Arc::clone(paces.entry(name.registry().to_owned()).or_insert_with(new))
        };
        Ok(Remote { shared: Arc::clone(&self.shared), pace, name: name.clone(), base })
    }
}

/// A repository of a registry. What it answers is bytes from strangers.
pub struct Remote {
    shared: Arc<Shared>,
    pace: Arc<Pace>,
    name: ImageName,
    base: Url,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remote({})", self.name)
    }
}

/// A manifest as it was answered. Neither its digest nor its type is checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// The header `Content-Type`, without parameters.
    pub media_type: String,
    /// The header `ETag`, where it is a strong one.
    pub etag: Option<String>,
    /// The bytes, at most [`oci::MAX_MANIFEST`].
    pub bytes: Vec<u8>,
}

/// A page of the list of what refers to an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Page {
    /// An index, and the address of the next page.
    Index(Vec<u8>, Option<String>),
    /// The registry has no such list.
    NoSuchList,
}

/// What became of a manifest that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// It is there; the subject by which the registry says that it lists it.
    Listed(Option<String>),
    /// Somebody else changed the tag meanwhile (status 412).
    Changed,
}

impl Remote {
    /// Registry and repository.
    pub fn name(&self) -> &ImageName {
        &self.name
    }

    /// The manifest under a tag or digest; None when the registry itself says that there is none.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn manifest(&self, reference: &str) -> Result<Option<Fetched>, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let answer = self.ask(Call::get(url.clone(), ACCEPT_MANIFESTS), Action::Pull, oci::MAX_MANIFEST)?;
        match answer.status {
            404 if answer.own => Ok(None),
            200 => {
                let etag = answer.header(header::ETAG.as_str()).filter(|text| text.starts_with('"'));
                Ok(Some(Fetched {
                    media_type: answer.media_type().to_owned(),
                    etag: etag.map(str::to_owned),
                    bytes: whole(&url, answer.body)?,
                }))
            }
            _ => Err(status(&url, "a manifest with status 200, or 404", &answer)),
        }
    }

    /// At most `cap` bytes of a blob; None when there is none.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn blob(&self, digest: &str, cap: usize) -> Result<Option<Bytes>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let answer = self.ask(Call::get(url.clone(), "*/*"), Action::Pull, cap)?;
        match answer.status {
            404 if answer.own => Ok(None),
            200 => Ok(Some(answer.body)),
            _ => Err(status(&url, "a blob with status 200, or 404", &answer)),
        }
    }

    /// A blob of some size as it comes; None when there is none. It takes as long as it moves.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn open_blob(&self, digest: &str, size: u64) -> Result<Option<Stream>, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let mut call = Call::get(url.clone(), "*/*");
        let open = |call: &Call<'_>| self.shared.transport.open(call, size, Some(&self.pace));
        call.authorization = self.known(Action::Pull);
        let mut opened = open(&call)?;
        if let Err(answer) = &opened
            && answer.status == 401
            && answer.own
        {
            call.authorization = Some(self.unlock(&url, answer, Action::Pull)?);
            opened = open(&call)?;
        }
        let answer = match opened {
            Ok(stream) => return Ok(Some(stream)),
            Err(answer) => self.refusal(&url, answer, Action::Pull)?,
        };
        match answer.status {
            404 if answer.own => Ok(None),
            _ => Err(status(&url, "a blob with status 200, or 404", &answer)),
        }
    }

    /// Whether a blob is there.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn has_blob(&self, digest: &str) -> Result<bool, RegistryError> {
        let url = self.url(&format!("blobs/{digest}"))?;
        let answer = self.ask(Call::new(Method::HEAD, url.clone()), Action::Push, 0)?;
        match answer.status {
            404 if answer.own => Ok(false),
            200 => Ok(true),
            _ => Err(status(&url, "status 200 or 404", &answer)),
        }
    }

    /// A page of the list of what refers to an image: the first, or one that a page before it named.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn referrers(&self, digest: &str, next: Option<&str>) -> Result<Page, RegistryError> {
        let url = match next {
            None => self.url(&format!("referrers/{digest}"))?,
            Some(next) => Url::parse(next).map_err(|_| self.answer(&self.base, "the address of a page", next))?,
        };
        let answer = self.ask(Call::get(url.clone(), oci::INDEX), Action::Pull, oci::MAX_MANIFEST)?;
        let listed = answer.status == 200 && answer.media_type() == oci::INDEX;
        let absent = matches!(answer.status, 400 | 404 | 405 | 406 | 501) || (answer.status == 200 && !listed);
        if absent && answer.own && next.is_none() {
            return Ok(Page::NoSuchList);
        }
        if !listed {
            return Err(status(&url, "a page of a list of referrers, an image index with status 200", &answer));
        }
        let next = self.next_page(&url, &answer)?;
        Ok(Page::Index(whole(&url, answer.body)?, next))
    }

    /// The address of the next page (RFC 8288), which is at the same registry.
    fn next_page(&self, url: &Url, answer: &Answer) -> Result<Option<String>, RegistryError> {
        for value in answer.headers.get_all(header::LINK) {
            let text = value.to_str().map_err(|_| self.answer(url, "a header Link of text", "something else"))?;
            let Some((target, fields)) = text.trim().strip_prefix('<').and_then(|rest| rest.split_once('>')) else {
                return Err(self.answer(url, "a header Link of <address>; rel=\"next\"", text));
            };
            let fields = fields.to_ascii_lowercase();
            let is_next = |field: &str| matches!(field.trim().replace(' ', "").as_str(), "rel=\"next\"" | "rel=next");
            if !fields.split([';', ',']).any(is_next) {
                continue;
            }
            let next = url.join(target).ok().filter(|next| same_origin(next, &self.base));
            let next = next.ok_or_else(|| self.answer(url, "a next page at the same registry", target))?;
            return Ok(Some(next.to_string()));
        }
        Ok(None)
    }

    /// Sends a blob that is held in memory. The registry holds it against its digest.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn put_blob(&self, digest: &str, content: &[u8]) -> Result<(), RegistryError> {
        let url = self.upload(digest)?;
        let body = Some(("application/octet-stream", content));
        let call = Call { body, ..Call::new(Method::PUT, url.clone()) };
        let answer = self.ask(call, Action::Push, http::MAX_REFUSAL)?;
        match answer.status {
            200 | 201 | 204 => Ok(()),
            _ => Err(status(&url, "a blob taken with status 201", &answer)),
        }
    }

    /// Sends a blob of `size` bytes as it comes, once. The registry holds it against its digest.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn put_stream(
        &self,
        digest: &str,
        size: u64,
        content: impl Read + Send + 'static,
    ) -> Result<(), RegistryError> {
        let url = self.upload(digest)?;
        let call = Call { authorization: self.known(Action::Push), ..Call::new(Method::PUT, url.clone()) };
        let answer = self.shared.transport.send(&call, size, content, Some(&self.pace))?;
        let answer = self.refusal(&url, answer, Action::Push)?;
        match answer.status {
            200 | 201 | 204 => Ok(()),
            _ => Err(status(&url, "a blob taken with status 201", &answer)),
        }
    }

    /// Where a blob is sent to.
    fn upload(&self, digest: &str) -> Result<Url, RegistryError> {
        let url = self.url("blobs/uploads/")?;
        let answer = self.ask(Call::new(Method::POST, url.clone()), Action::Push, http::MAX_REFUSAL)?;
        if answer.status != 202 {
            return Err(status(&url, "an upload begun with status 202", &answer));
        }
        let location = answer.header(header::LOCATION.as_str());
        let location = location.ok_or_else(|| self.answer(&url, "a header Location", "none"))?;
        let mut target = url.join(location).map_err(|error| self.answer(&url, "an address", &error.to_string()))?;
        if !same_origin(&target, &self.base) || !target.username().is_empty() || target.password().is_some() {
            return Err(RegistryError::Redirect { url: plain(&url), found: plain(&target) });
        }
        target.query_pairs_mut().append_pair("digest", digest);
        Ok(target)
    }

    /// Sends a manifest to a tag or digest; only if the tag is still what it was, where an `ETag` is given.
    ///
    /// # Errors
    /// Every [`RegistryError`].
    pub fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
        etag: Option<&str>,
    ) -> Result<Stored, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let call = Call { body: Some((media_type, bytes)), if_match: etag, ..Call::new(Method::PUT, url.clone()) };
        let answer = self.ask(call, Action::Push, http::MAX_REFUSAL)?;
        match answer.status {
            200 | 201 => Ok(Stored::Listed(answer.header(SUBJECT).map(str::to_owned))),
            412 if etag.is_some() => Ok(Stored::Changed),
            _ => Err(status(&url, "a manifest taken with status 201", &answer)),
        }
    }

    fn url(&self, path: &str) -> Result<Url, RegistryError> {
        let mut url = self.base.clone();
        let path = format!("/v2/{}/{path}", self.name.repository());
        url.set_path(&path);
        if url.path() != path {
            let found = http::shown(&path);
            let registry = self.name.registry().to_owned();
            return Err(RegistryError::Setup { registry, expected: "a tag or a digest", found });
        }
        Ok(url)
    }

    fn answer(&self, url: &Url, expected: &'static str, found: &str) -> RegistryError {
        RegistryError::Answer { url: plain(url), expected, found: http::shown(found) }
    }

    fn key(&self, action: Action) -> TokenKey {
        (self.name.registry().to_owned(), self.name.repository().to_owned(), action)
    }

    /// What opened the repository before.
    fn known(&self, action: Action) -> Option<HeaderValue> {
        let tokens = self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.get(&self.key(action)).cloned()
    }

    /// Asks, and meets one challenge. Answers 401 and 403 are errors.
    fn ask(&self, mut call: Call<'_>, action: Action, cap: usize) -> Result<Answer, RegistryError> {
        call.authorization = self.known(action);
        let mut answer = self.shared.transport.fetch(&call, cap, Some(&self.pace))?;
        if answer.status == 401 && answer.own {
            call.authorization = Some(self.unlock(&call.url, &answer, action)?);
            answer = self.shared.transport.fetch(&call, cap, Some(&self.pace))?;
        }
        self.refusal(&call.url, answer, action)
    }

    /// Errors for answers 401 and 403; a token that opened nothing is forgotten.
    fn refusal(&self, url: &Url, answer: Answer, action: Action) -> Result<Answer, RegistryError> {
        match answer.status {
            401 => {
                self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key(action));
                let credential = self.credential()?;
                let anonymous = credential == Credential::Anonymous;
                Err(RegistryError::Unauthorized { url: plain(url), anonymous, said: answer.said() })
            }
            403 => Err(RegistryError::Denied { url: plain(url), action: action.name(), said: answer.said() }),
            _ => Ok(answer),
        }
    }

    fn credential(&self) -> Result<Credential, RegistryError> {
        self.shared.access.keyring.credential(self.name.registry(), self.name.repository())
    }

    /// Meets the challenge of an answer 401.
    fn unlock(&self, url: &Url, answer: &Answer, action: Action) -> Result<HeaderValue, RegistryError> {
        let credential = self.credential()?;
        let refused = || RegistryError::Unauthorized {
            url: plain(url),
            anonymous: credential == Credential::Anonymous,
            said: answer.said(),
        };
        let challenge = auth::challenge(&answer.headers).ok_or_else(refused)?;
        let scope = format!("repository:{}:{}", self.name.repository(), action.scope());
        let door = Door { registry: self.name.registry(), base: &self.base, scope: &scope };
        let value = auth::authorization(&self.shared.transport, &door, &challenge, &credential)?;
        let value = value.ok_or_else(refused)?;
        let mut tokens = self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        tokens.insert(self.key(action), value.clone());
        Ok(value)
    }
}

fn status(url: &Url, expected: &'static str, answer: &Answer) -> RegistryError {
    RegistryError::Status { url: plain(url), expected, status: answer.status, said: answer.said() }
}

fn whole(url: &Url, body: Bytes) -> Result<Vec<u8>, RegistryError> {
    match body {
        Bytes::Whole(bytes) => Ok(bytes),
        Bytes::More => {
            let found = format!("more than {} bytes", oci::MAX_MANIFEST);
            Err(RegistryError::Answer { url: plain(url), expected: "a manifest that is not too long", found })
        }
    }
}
