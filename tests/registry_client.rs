//! The registry client against answers that were written for it: what is absence, what is an error, and who is told secrets.
#![allow(clippy::unwrap_used, reason = "tests")]
#![cfg(feature = "cli")]

#[path = "support/mod.rs"]
mod support;

use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use sealmark::formats::artifact::image::ImageReference;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::oci::Descriptor;
use sealmark::formats::oci::Document;
use sealmark::formats::oci::INDEX;
use sealmark::formats::oci::MANIFESTS;
use sealmark::formats::oci::MAX_MANIFEST;
use sealmark::remote::registry::Access;
use sealmark::remote::registry::Credential;
use sealmark::remote::registry::Keyring;
use sealmark::remote::registry::Registries;
use sealmark::remote::registry::RegistryError;
use sealmark::store::oci::Form;
use sealmark::store::oci::Images;
use sealmark::store::oci::Manifest;
use sealmark::store::oci::WritableImages;
use sealmark::store::oci::registry::Repository;
use sha2::Digest as _;
use sha2::Sha256;
use support::real_registry::RealRegistry;

struct Keys(Credential);

impl Keyring for Keys {
    fn credential(&self, _: &str, _: &str) -> Result<Credential, RegistryError> {
        Ok(self.0.clone())
    }
}

struct Asked {
    line: String,
    authorization: Option<String>,
    body: Vec<u8>,
}

/// Status, header lines, body; `Content-Length` is added unless a header says it.
type Said = (u16, Vec<String>, Vec<u8>);

fn serve(answer: impl Fn(&Asked) -> Said + Send + Sync + 'static) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let log = Arc::new(Mutex::new(Vec::new()));
    let (answer, kept) = (Arc::new(answer), Arc::clone(&log));
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, answer, log) = (stream.unwrap(), Arc::clone(&answer), Arc::clone(&kept));
            thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut asked = Asked { line: String::new(), authorization: None, body: Vec::new() };
                reader.read_line(&mut asked.line).unwrap();
                asked.line = asked.line.trim().trim_end_matches(" HTTP/1.1").to_owned();
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    let (name, value) = line.split_once(':').unwrap();
                    match name.to_ascii_lowercase().as_str() {
                        "content-length" => length = value.trim().parse().unwrap(),
                        "authorization" => asked.authorization = Some(value.trim().to_owned()),
                        _ => {}
                    }
                }
                reader.take(length).read_to_end(&mut asked.body).unwrap();
                let as_whom = asked.authorization.clone().unwrap_or_default();
                log.lock().unwrap().push(format!("{} {as_whom}", asked.line).trim().to_owned());
                let (status, mut headers, body) = answer(&asked);
                if !headers.iter().any(|line| line.starts_with("Content-Length")) {
                    headers.push(format!("Content-Length: {}", body.len()));
                }
                let head = headers.iter().map(|line| format!("{line}\r\n")).collect::<String>();
                let _ = write!(stream, "HTTP/1.1 {status} X\r\nConnection: close\r\n{head}\r\n");
                let _ = stream.write_all(&body);
            });
        }
    });
    (host, log)
}

fn repository(host: &str, credential: Credential) -> Repository {
    let access = Access {
        keyring: Arc::new(Keys(credential)),
        authorities: Vec::new(),
        total: Duration::from_secs(4),
        per_second: None,
    };
    let name = ImageReference::parse(&format!("{host}/acme/app")).unwrap().name;
    Repository::new(&Registries::new(access).unwrap(), &name).unwrap()
}

fn anonymous(host: &str) -> Repository {
    repository(host, Credential::Anonymous)
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::new(Algorithm::Sha256, Sha256::digest(bytes).to_vec()).unwrap()
}

fn item(bytes: &[u8]) -> Descriptor {
    let (digest, size) = (digest(bytes), bytes.len().try_into().unwrap());
    let (artifact_type, platform, data) = (None, None, None);
    Descriptor { media_type: "m".into(), digest, size, artifact_type, platform, data, annotations: Default::default() }
}

fn typed(kind: &str, body: &[u8]) -> Said {
    (200, vec![format!("Content-Type: {kind}")], body.to_vec())
}

fn empty(status: u16) -> Said {
    (status, Vec::new(), Vec::new())
}

const NO_LAYERS: &[u8] = br#"{"layers":[]}"#;
const NO_MANIFESTS: &[u8] = br#"{"manifests":[]}"#;

#[test]
fn only_404_is_absence() {
    for (status, expected) in [
        (404, Ok(None)),
        (401, Err("registry-unauthorized")),
        (403, Err("registry-denied")),
        (400, Err("registry-status")),
        (418, Err("registry-status")),
        (429, Err("registry-throttled")),
        (503, Err("registry-unavailable")),
        (301, Err("registry-redirect")),
    ] {
        let (host, _) = serve(move |_| (status, vec!["Retry-After: 60".to_owned()], Vec::new()));
        let place = anonymous(&host);
        let expected: Result<Option<Manifest>, _> = expected;
        assert_eq!(place.tagged("v1").map_err(|e| e.code()), expected, "{status}");
        let found = place.manifest(&digest(b""), None).map_err(|e| e.code());
        assert_eq!(found, expected, "{status}");
        if ![400, 404].contains(&status) {
            let found = place.referrers(&digest(b"")).map_err(|e| e.code());
            assert_eq!(found.err(), expected.err(), "{status}");
        }
    }
}

#[test]
fn content_is_what_its_digest_says() {
    let (host, _) = serve(|asked| match asked.line.as_str() {
        line if line.contains("/manifests/sha256") => typed(MANIFESTS[0], NO_LAYERS),
        line if line.ends_with("manifests/kind") => typed(INDEX, NO_LAYERS),
        line if line.ends_with("manifests/html") => typed("text/html", NO_LAYERS),
        line if line.ends_with("manifests/inner") => typed(MANIFESTS[1], br#"{"layers":[],"mediaType":"x"}"#),
        line if line.ends_with("manifests/long") => {
            let mut said = typed(MANIFESTS[0], &vec![b' '; MAX_MANIFEST + 70_000]);
            said.1.push("Content-Length: 1000000000".to_owned());
            said
        }
        _ => typed("x", b"content"),
    });
    let place = anonymous(&host);
    assert_eq!(place.manifest(&digest(NO_LAYERS), None).unwrap().unwrap().bytes, NO_LAYERS);
    assert_eq!(place.manifest(&digest(b"other"), None).unwrap_err().code(), "image-content-digest");
    assert_eq!(place.manifest(&digest(NO_LAYERS), Some(9)).unwrap_err().code(), "image-content-size");
    for tag in ["kind", "html", "inner", "long"] {
        assert_eq!(place.tagged(tag).unwrap_err().code(), "registry-answer-invalid", "{tag}");
    }
    assert_eq!(place.tagged("../x").unwrap_err().code(), "registry-setup");
    assert_eq!(place.blob(&item(b"content"), 7).unwrap(), b"content");
    assert_eq!(place.blob(&item(b"content"), 6).unwrap_err().code(), "image-too-large");
    for (other, code) in [
        (&b"another"[..], "image-content-digest"),
        (b"conten", "image-content-size"),
        (b"content.", "image-content-size"),
    ] {
        assert_eq!(place.blob(&item(other), 100).unwrap_err().code(), code);
    }
    let mut read = Vec::new();
    place.open_blob(&item(b"content")).unwrap().read_to_end(&mut read).unwrap();
    assert_eq!(read, b"content");
    let error = place.open_blob(&item(b"another")).unwrap().read_to_end(&mut read).unwrap_err();
    assert!(error.to_string().contains("expected content of"), "{error}");
    assert_eq!(place.open_blob(&item(b"conten")).err().unwrap().code(), "image-content-size");
}

#[test]
fn a_token_is_asked_for_and_goes_nowhere_else() {
    let (elsewhere, seen) = serve(|_| typed("x", b"content"));
    let own = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&own);
    let (host, log) = serve(move |asked| {
        let host = kept.lock().unwrap().clone();
        if asked.line.starts_with("GET /token") {
            return typed("application/json", br#"{"access_token":"T"}"#);
        }
        if asked.authorization.as_deref() != Some("Bearer T") {
            let line = format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"");
            return (401, vec![line], Vec::new());
        }
        (307, vec![format!("Location: http://{elsewhere}/blob?signed=1")], Vec::new())
    });
    *own.lock().unwrap() = host.clone();
    let place = repository(&host, Credential::Password { username: "u".into(), password: "p".into() });
    assert_eq!(place.blob(&item(b"content"), 100).unwrap(), b"content");
    assert_eq!(place.blob(&item(b"content"), 100).unwrap(), b"content");
    assert_eq!(*seen.lock().unwrap(), ["GET /blob?signed=1", "GET /blob?signed=1"]);
    let blob = format!("GET /v2/acme/app/blobs/{}", digest(b"content"));
    let token = "GET /token?service=s&scope=repository%3Aacme%2Fapp%3Apull Basic dTpw".to_owned();
    let expected = [blob.clone(), token, format!("{blob} Bearer T"), format!("{blob} Bearer T")];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[test]
fn a_token_service_that_fails_is_named() {
    for (realm, said) in [
        ("http://{host}/token", empty(403)),
        ("http://{host}/token", typed("application/json", b"{}")),
        ("http://{host}/token", typed("application/json", &vec![b' '; 1024 * 1024 + 1])),
        ("http://registry.test/token", empty(200)),
        ("", empty(200)),
    ] {
        let own = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&own);
        let (host, _) = serve(move |asked| {
            if asked.line.contains(" /token") {
                return said.clone();
            }
            let realm = realm.replace("{host}", &kept.lock().unwrap());
            (401, vec![format!("WWW-Authenticate: Bearer realm=\"{realm}\"")], Vec::new())
        });
        *own.lock().unwrap() = host.clone();
        let place = repository(&host, Credential::IdentityToken("refresh-me".into()));
        let error = place.tagged("v1").unwrap_err();
        assert_eq!(error.code(), "registry-token", "{realm}");
        assert!(!error.to_string().contains("refresh-me"), "{error}");
    }
}

#[test]
fn pages_are_followed_and_stay_at_the_registry() {
    let entry = |n: u8| format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, digest(&[n]));
    let (host, log) = serve(move |asked| {
        let (body, link) = match asked.line.as_str() {
            line if line.contains("n=2") => (entry(2), None),
            line if line.contains(&digest(b"x").to_string()) => (entry(1), Some("http://127.0.0.2:9/y")),
            line if line.contains(&digest(b"loop").to_string()) => (entry(1), Some("?")),
            _ => (entry(1), Some("/v2/acme/app/referrers/next?n=2")),
        };
        let mut said = typed(INDEX, format!(r#"{{"manifests":[{body}]}}"#).as_bytes());
        said.1.extend(link.map(|link| format!("Link: <{link}>; rel=\"next\"")));
        said
    });
    let place = anonymous(&host);
    let found = place.referrers(&digest(b"")).unwrap();
    let digests: Vec<_> = found.items.into_iter().map(|item| item.digest).collect();
    assert_eq!((found.form, digests), (Form::Referrer, vec![digest(&[1]), digest(&[2])]));
    assert_eq!(place.referrers(&digest(b"x")).unwrap_err().code(), "registry-answer-invalid");
    log.lock().unwrap().clear();
    assert_eq!(place.referrers(&digest(b"loop")).unwrap_err().code(), "image-too-large");
    assert_eq!(log.lock().unwrap().len(), 100);
}

#[test]
fn the_fallback_tag_lists_only_when_it_holds_an_index() {
    for status in [404, 400, 405, 406, 501, 200] {
        for (tag, odd) in [(empty(404), 0), (typed(INDEX, NO_MANIFESTS), 0), (typed(MANIFESTS[0], NO_LAYERS), 1)] {
            let (host, _) =
                serve(move |asked| if asked.line.contains("/referrers/") { empty(status) } else { tag.clone() });
            let found = anonymous(&host).referrers(&digest(b"")).unwrap();
            assert_eq!((found.form, found.items.len(), found.oddities.len()), (Form::FallbackTag, 0, odd));
        }
    }
    for (status, code) in [(403, "registry-denied"), (429, "registry-throttled")] {
        let (host, _) = serve(move |asked| {
            if asked.line.contains("/referrers/") {
                empty(404)
            } else {
                (status, vec!["Retry-After: 9".into()], vec![])
            }
        });
        assert_eq!(anonymous(&host).referrers(&digest(b"")).unwrap_err().code(), code);
    }
}

#[test]
fn uploads_stay_at_the_registry_and_wrong_content_is_not_sent() {
    for (location, code) in [(None, "registry-answer-invalid"), (Some("http://127.0.0.2:9/x"), "registry-redirect")] {
        let (host, _) =
            serve(move |_| (202, location.map(|to| format!("Location: {to}")).into_iter().collect(), vec![]));
        let found = anonymous(&host).put_blob(&digest(b"content"), 7, &mut &b"content"[..]);
        assert_eq!(found.unwrap_err().code(), code);
    }
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    let (host, log) = serve(move |asked| {
        if asked.line.starts_with("POST") {
            return (202, vec!["Location: /up?state=1".to_owned()], Vec::new());
        }
        kept.lock().unwrap().push(asked.body.clone());
        empty(201)
    });
    let place = anonymous(&host);
    place.put_blob(&digest(b"content"), 7, &mut &b"content"[..]).unwrap();
    assert_eq!(place.put_blob(&digest(b"x"), 7, &mut &b"content"[..]).unwrap_err().code(), "image-content-digest");
    assert_eq!(place.put_blob(&digest(b"x"), 6, &mut &b"content"[..]).unwrap_err().code(), "image-content-size");
    assert_eq!(*sent.lock().unwrap(), [b"content"]);
    assert!(log.lock().unwrap()[1].starts_with("PUT /up?state=1&digest=sha256%3A"));
    let large = vec![7; 9 * 1024 * 1024];
    let size = large.len().try_into().unwrap();
    place.put_blob(&digest(&large), size, &mut &large[..]).unwrap();
    assert!(sent.lock().unwrap()[1] == large);
    assert_eq!(place.put_blob(&digest(b"x"), size, &mut &large[..]).unwrap_err().code(), "image-content-digest");
    assert_eq!(place.put_blob(&digest(&large), size - 1, &mut &large[..]).unwrap_err().code(), "image-content-size");
    assert_eq!(place.put_blob(&digest(&large), size + 1, &mut &large[..]).unwrap_err().code(), "image-content-size");
    assert!(sent.lock().unwrap().iter().skip(2).all(|body| body.len() < large.len() - 1));
}

#[test]
fn a_registry_without_the_list_keeps_what_refers_to_an_image() {
    let Some(registry) = RealRegistry::docker() else { return };
    keeps_what_refers_to_an_image(&registry.host(), Form::FallbackTag);
}

#[test]
fn a_registry_with_the_list_keeps_what_refers_to_an_image() {
    let Some(registry) = RealRegistry::ferro() else { return };
    keeps_what_refers_to_an_image(&registry.host(), Form::Referrer);
}

fn keeps_what_refers_to_an_image(host: &str, form: Form) {
    let place = anonymous(host);
    let config = b"{}";
    place.put_blob(&digest(config), 2, &mut &config[..]).unwrap();
    assert!(place.has_blob(&digest(config)).unwrap() && !place.has_blob(&digest(b"none")).unwrap());
    let large = vec![7; 9 * 1024 * 1024];
    place.put_blob(&digest(&large), large.len().try_into().unwrap(), &mut &large[..]).unwrap();
    let mut read = Vec::new();
    place.open_blob(&item(&large)).unwrap().read_to_end(&mut read).unwrap();
    assert!(read == large);
    let manifest = |more: &str| {
        let config_of =
            format!(r#"{{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{}","size":2}}"#, digest(config));
        let text = format!(
            r#"{{"schemaVersion":2,"mediaType":"{}","config":{config_of},"layers":[{config_of}]{more}}}"#,
            MANIFESTS[0]
        );
        let bytes = text.into_bytes();
        let document = Document::parse(&bytes).unwrap();
        Manifest { digest: digest(&bytes), media_type: MANIFESTS[0].to_owned(), bytes, document }
    };
    let image = manifest("");
    place.put_manifest(&image, Some("v1")).unwrap();
    assert_eq!(place.tagged("v1").unwrap().unwrap(), image);
    assert_eq!(place.manifest(&digest(b"none"), None).unwrap(), None);
    thread::scope(|scope| {
        for n in 0..3 {
            let (place, image, manifest) = (&place, &image, &manifest);
            scope.spawn(move || {
                let subject = format!(
                    r#"{{"mediaType":"{}","digest":"{}","size":{}}}"#,
                    MANIFESTS[0],
                    image.digest,
                    image.bytes.len()
                );
                let more = format!(r#","subject":{subject},"artifactType":"a/b","annotations":{{"n":"{n}"}}"#);
                place.put_manifest(&manifest(&more), None).unwrap();
            });
        }
    });
    let found = place.referrers(&image.digest).unwrap();
    assert_eq!((found.form, found.items.len()), (form, 3));
    assert!(found.items.iter().all(|item| item.artifact_type.as_deref() == Some("a/b")));
}

/// What a host that the registry sent us to says is neither absence nor a reason to tell it secrets.
#[test]
fn what_another_host_says_decides_nothing() {
    for (status, code) in [(404, "registry-status"), (401, "registry-unauthorized")] {
        let own = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&own);
        let (elsewhere, seen) = serve(move |_| {
            let realm = format!("http://{}/token", kept.lock().unwrap());
            (status, vec![format!("WWW-Authenticate: Bearer realm=\"{realm}\"")], Vec::new())
        });
        *own.lock().unwrap() = elsewhere.clone();
        let (host, log) = serve(move |_| (307, vec![format!("Location: http://{elsewhere}/x")], Vec::new()));
        let place = repository(&host, Credential::Password { username: "u".into(), password: "p".into() });
        let codes = [
            place.tagged("v1").err().map(|error| error.code()),
            place.blob(&item(b"content"), 100).err().map(|error| error.code()),
            place.open_blob(&item(b"content")).err().map(|error| error.code()),
            place.has_blob(&digest(b"content")).err().map(|error| error.code()),
            place.referrers(&digest(b"content")).err().map(|error| error.code()),
        ];
        assert_eq!(codes, [Some(code); 5]);
        for line in log.lock().unwrap().iter().chain(seen.lock().unwrap().iter()) {
            assert!(!line.contains("Basic") && !line.contains("Bearer"), "{line}");
        }
    }
}

/// Another host that has no list of referrers is no registry without one.
#[test]
fn another_host_does_not_hide_the_list() {
    for status in [404, 400, 405, 501] {
        let (elsewhere, _) = serve(move |_| empty(status));
        let (host, _) = serve(move |asked| match asked.line.contains("/referrers/") {
            true => (307, vec![format!("Location: http://{elsewhere}/x")], Vec::new()),
            false => empty(404),
        });
        assert_eq!(anonymous(&host).referrers(&digest(b"content")).unwrap_err().code(), "registry-status");
    }
}

/// A token that opened nothing is not shown again.
#[test]
fn a_token_that_opens_nothing_is_forgotten() {
    let own = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&own);
    let (host, log) = serve(move |asked| match asked.line.contains(" /token") {
        true => typed("application/json", br#"{"token":"T"}"#),
        false => {
            let realm = format!("http://{}/token", kept.lock().unwrap());
            (401, vec![format!("WWW-Authenticate: Bearer realm=\"{realm}\"")], Vec::new())
        }
    });
    *own.lock().unwrap() = host.clone();
    let place = anonymous(&host);
    for _ in 0..2 {
        log.lock().unwrap().clear();
        assert_eq!(place.tagged("v1").unwrap_err().code(), "registry-unauthorized");
        assert_eq!(log.lock().unwrap()[0], "GET /v2/acme/app/manifests/v1");
    }
}

#[test]
fn redirects_are_followed_within_rules_alone() {
    for (to, most) in
        [("http://registry.test/x", 1), ("http://u:hunter2@127.0.0.1:9/x", 1), ("/again?secret=hunter2", 6)]
    {
        let (host, log) = serve(move |_| (307, vec![format!("Location: {to}")], Vec::new()));
        let error = anonymous(&host).tagged("v1").unwrap_err();
        assert_eq!((error.code(), log.lock().unwrap().len()), ("registry-redirect", most), "{to}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
        // What writes is not sent on.
        let found = anonymous(&host).put_blob(&digest(b"content"), 7, &mut &b"content"[..]).unwrap_err();
        assert_eq!((found.code(), log.lock().unwrap().len()), ("registry-redirect", most + 1), "{to}");
    }
    // An address of an upload with a name in it, and one that holds a secret when the registry refuses what is sent there.
    let own = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&own);
    let (host, _) = serve(move |_| {
        let location = format!("Location: http://u:hunter2@{}/up", kept.lock().unwrap());
        (202, vec![location], Vec::new())
    });
    *own.lock().unwrap() = host.clone();
    let error = anonymous(&host).put_blob(&digest(b"content"), 7, &mut &b"content"[..]).unwrap_err();
    assert_eq!(error.code(), "registry-redirect");
    assert!(!error.to_string().contains("hunter2"), "{error}");
    let (host, _) = serve(|asked| match asked.line.starts_with("POST") {
        true => (202, vec!["Location: /up?state=hunter2".to_owned()], Vec::new()),
        false => (400, Vec::new(), br#"{"errors":[{"code":"hunter2"}]}"#.to_vec()),
    });
    let error = anonymous(&host).put_blob(&digest(b"content"), 7, &mut &b"content"[..]).unwrap_err();
    assert_eq!(error.code(), "registry-status");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn attempts_are_counted_and_a_stream_is_sent_once() {
    let (host, log) = serve(|asked| match asked.line.starts_with("POST") {
        true => (202, vec!["Location: /up".to_owned()], Vec::new()),
        false => empty(503),
    });
    assert_eq!(anonymous(&host).tagged("v1").unwrap_err().code(), "registry-unavailable");
    assert_eq!(log.lock().unwrap().len(), 4);
    let large = vec![7; 9 * 1024 * 1024];
    let error =
        anonymous(&host).put_blob(&digest(&large), large.len().try_into().unwrap(), &mut &large[..]).unwrap_err();
    assert_eq!(error.code(), "registry-unavailable");
    assert_eq!(log.lock().unwrap().iter().filter(|line| line.starts_with("PUT")).count(), 1);
}

/// Answers whose bodies come a byte at a time, each before anybody loses patience.
#[test]
fn what_only_just_moves_is_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let _ = stream.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: 1000\r\n\r\n", MANIFESTS[0]);
                let _ = stream.write_all(head.as_bytes());
                while stream.write_all(b" ").is_ok() {
                    thread::sleep(Duration::from_millis(200));
                }
            });
        }
    });
    let start = std::time::Instant::now();
    assert_eq!(anonymous(&host).tagged("v1").unwrap_err().code(), "registry-unavailable");
    let place = anonymous(&host);
    let mut blob = place.open_blob(&Descriptor { size: 1000, ..item(b"content") }).unwrap();
    assert!(blob.read_to_end(&mut Vec::new()).is_err());
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

/// A token opens one scope of one repository at one registry.
#[test]
fn tokens_are_kept_by_what_they_open() {
    let registry = || {
        let own = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&own);
        let (host, log) = serve(move |asked| {
            let host = kept.lock().unwrap().clone();
            if let Some((_, scope)) = asked.line.split_once("scope=") {
                return typed("application/json", format!(r#"{{"token":"{host}={scope}"}}"#).as_bytes());
            }
            match &asked.authorization {
                Some(_) => empty(404),
                None => (401, vec![format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\"")], Vec::new()),
            }
        });
        *own.lock().unwrap() = host.clone();
        (host, log)
    };
    let (first, second) = (registry(), registry());
    let access = Access {
        keyring: Arc::new(Keys(Credential::Anonymous)),
        authorities: Vec::new(),
        total: Duration::from_secs(4),
        per_second: None,
    };
    let registries = Registries::new(access).unwrap();
    for (host, name) in [(&first.0, "acme/app"), (&first.0, "acme/other"), (&second.0, "acme/app")] {
        let name = ImageReference::parse(&format!("{host}/{name}")).unwrap().name;
        let place = Repository::new(&registries, &name).unwrap();
        assert_eq!(place.tagged("v1").unwrap(), None);
        assert!(!place.has_blob(&digest(b"content")).unwrap());
    }
    for (host, log) in [first, second] {
        let log = log.lock().unwrap();
        let with_token = log.iter().filter_map(|line| line.split_once(" Bearer "));
        let mut n = 0;
        for (line, token) in with_token {
            let repository = if line.contains("acme/app") { "acme%2Fapp" } else { "acme%2Fother" };
            let actions = if line.starts_with("HEAD") { "pull%2Cpush" } else { "pull" };
            assert_eq!(token, format!("{host}=repository%3A{repository}%3A{actions}"), "{line}");
            n += 1;
        }
        assert!(n >= 2, "{log:?}");
    }
}

#[test]
fn a_token_service_is_not_believed_for_another_and_repeats_no_secret() {
    let (elsewhere, _) = serve(|_| typed("application/json", br#"{"token":"T"}"#));
    let said = [
        (307, vec![format!("Location: http://{elsewhere}/token")], Vec::new()),
        (403, Vec::new(), br#"{"token":"T"}"#.to_vec()),
        typed("application/json", br#"{"hunter2":1,"hunter2":2}"#),
    ];
    for said in said {
        let own = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&own);
        let (host, _) = serve(move |asked| match asked.line.contains(" /token") {
            true => said.clone(),
            false if asked.authorization.is_some() => empty(404),
            false => {
                let realm = format!("http://{}/token", kept.lock().unwrap());
                (401, vec![format!("WWW-Authenticate: Bearer realm=\"{realm}\"")], Vec::new())
            }
        });
        *own.lock().unwrap() = host.clone();
        let place = repository(&host, Credential::Password { username: "u".into(), password: "hunter2".into() });
        let error = place.tagged("v1").unwrap_err();
        assert_eq!(error.code(), "registry-token");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_blob_of_unknown_length_is_as_long_as_was_said() {
    let (host, _) = serve(|_| (200, vec!["Content-Length-Is-Not: said".to_owned()], b"content".to_vec()));
    let place = anonymous(&host);
    let longer = Descriptor { size: 8, ..item(b"content") };
    for (other, says) in [(item(b"conten"), "more"), (longer, "found 7"), (item(b"another"), "sha256:")] {
        let mut stream = place.open_blob(&other).unwrap();
        let mut read = Vec::new();
        let error = stream.read_to_end(&mut read).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(read.len() <= 7);
        // Whoever reads on gets the error again, never an end.
        assert!(stream.read(&mut [0; 8]).is_err());
    }
}

#[test]
fn a_list_of_referrers_is_bounded_and_breaks_off_as_an_error() {
    let page = |from: usize| {
        let entry = |n: usize| format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, digest(&n.to_be_bytes()));
        let all: Vec<String> = (from..from + 600).map(entry).collect();
        typed(INDEX, format!(r#"{{"manifests":[{}]}}"#, all.join(",")).as_bytes())
    };
    let (host, _) = serve(move |asked| {
        if asked.line.contains("n=2") {
            return page(600);
        }
        let mut said = page(0);
        said.1.push("Link: </v2/acme/app/referrers/x?n=2>; rel=\"next\"".to_owned());
        said
    });
    assert_eq!(anonymous(&host).referrers(&digest(b"")).unwrap_err().code(), "image-too-large");
    let (host, _) = serve(|asked| {
        if asked.line.contains("n=2") {
            return empty(404);
        }
        let mut said = typed(INDEX, NO_MANIFESTS);
        said.1.push("Link: </v2/acme/app/referrers/x?n=2>; rel=\"next\"".to_owned());
        said
    });
    assert_eq!(anonymous(&host).referrers(&digest(b"")).unwrap_err().code(), "registry-status");
}

/// A manifest that refers to another.
fn referrer(subject: &Digest) -> Manifest {
    let kind = MANIFESTS[0];
    let text = format!(
        r#"{{"mediaType":"{kind}","layers":[],"subject":{{"mediaType":"{kind}","digest":"{subject}","size":1}}}}"#
    );
    let bytes = text.into_bytes();
    let document = Document::parse(&bytes).unwrap();
    Manifest { digest: digest(&bytes), media_type: kind.to_owned(), bytes, document }
}

/// Somebody who read the list before this writer wrote it writes it after this writer read it again.
#[test]
fn a_list_that_is_written_over_late_is_written_again() {
    let other = format!(r#"{{"manifests":[{{"mediaType":"m","digest":"{}","size":1}}]}}"#, digest(b"other"));
    let written: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let (kept, looks, late) = (Arc::clone(&written), Mutex::new(0), other.clone());
    let (host, _) = serve(move |asked| {
        let mut kept = kept.lock().unwrap();
        let tag = asked.line.contains("/manifests/sha256-");
        match asked.line.split(' ').next() {
            Some("PUT") if tag => {
                kept.push(asked.body.clone());
                empty(201)
            }
            Some("PUT") => empty(201),
            _ if !tag => empty(404),
            _ if kept.len() == 1 => {
                let mut looks = looks.lock().unwrap();
                *looks += 1;
                typed(INDEX, if *looks == 1 { &kept[0] } else { late.as_bytes() })
            }
            _ => kept.last().map_or_else(|| empty(404), |last| typed(INDEX, last)),
        }
    });
    let manifest = referrer(&digest(b"image"));
    anonymous(&host).put_manifest(&manifest, None).unwrap();
    let written = written.lock().unwrap();
    let [_, last] = written.as_slice() else { panic!("written {} times", written.len()) };
    let last = String::from_utf8_lossy(last);
    assert!(last.contains(&manifest.digest.to_string()) && last.contains(&digest(b"other").to_string()), "{last}");
}

/// The tag that lists what refers to an image holds something else, is the image itself, or is written over by others.
#[test]
fn the_fallback_tag_is_written_only_over_a_list() {
    let (image, itself) = (digest(b"image"), digest(NO_MANIFESTS));
    let rows = [
        (&image, typed(MANIFESTS[0], NO_LAYERS), "registry-answer-invalid"),
        (&itself, typed(INDEX, NO_MANIFESTS), "registry-answer-invalid"),
        (&image, typed(INDEX, NO_MANIFESTS), "tag-write-lost"),
    ];
    for (subject, held, code) in rows {
        let said = subject.to_string();
        let (host, log) = serve(move |asked| match asked.line.split(' ').next() {
            // It says that it lists the manifest, and has no list.
            Some("PUT") => (201, vec![format!("OCI-Subject: {said}")], Vec::new()),
            _ if asked.line.contains("/referrers/") => empty(404),
            _ => held.clone(),
        });
        assert_eq!(anonymous(&host).put_manifest(&referrer(subject), None).unwrap_err().code(), code);
        let tag = format!("PUT /v2/acme/app/manifests/sha256-{}", subject.hex());
        let written = log.lock().unwrap().iter().filter(|line| **line == tag).count();
        assert_eq!(written > 0, code == "tag-write-lost");
        let (found, odd) = (anonymous(&host).referrers(subject).unwrap(), code == "registry-answer-invalid");
        assert_eq!((found.items.len(), found.oddities.is_empty()), (0, !odd));
    }
    // A list that is full is left, and a registry that does not say that it lists it is told by the tag.
    let entry = |n: usize| format!(r#"{{"mediaType":"m","digest":"{}","size":1}}"#, digest(&n.to_be_bytes()));
    let full = format!(r#"{{"manifests":[{}]}}"#, (0..1000).map(entry).collect::<Vec<_>>().join(","));
    for (listed, held, code) in [
        (empty(404), typed(INDEX, full.as_bytes()), "image-too-large"),
        (typed(INDEX, NO_MANIFESTS), empty(404), "tag-write-lost"),
    ] {
        let (host, _) = serve(move |asked| match asked.line.split(' ').next() {
            Some("PUT") => empty(201),
            _ if asked.line.contains("/referrers/") => listed.clone(),
            _ => held.clone(),
        });
        assert_eq!(anonymous(&host).put_manifest(&referrer(&image), None).unwrap_err().code(), code);
    }
    let other = Manifest { digest: digest(b"other"), ..referrer(&image) };
    let (host, log) = serve(|_| empty(201));
    assert_eq!(anonymous(&host).put_manifest(&other, None).unwrap_err().code(), "image-content-digest");
    assert!(log.lock().unwrap().is_empty());
}
