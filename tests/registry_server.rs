//! The registry over loopback keeps and lists what it is given, fails as it is told, and is asked as real ones are.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::use_debug, reason = "tests")]

mod support;

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use serde_json::json;

#[cfg(feature = "cli")]
use support::real_registry::RealRegistry;
use support::registry_server::Auth;
use support::registry_server::Fault;
use support::registry_server::Filter;
use support::registry_server::Options;
use support::registry_server::ReferrersApi;
use support::registry_server::RegistryServer;
use support::registry_server::auth::basic;
use support::registry_server::content::EMPTY;
use support::registry_server::content::INDEX;
use support::registry_server::content::MANIFEST;
use support::registry_server::content::digest;

const BUNDLE: &str = "application/vnd.test.bundle+json";
const OTHER: &str = "application/vnd.test.other";

/// What came back; a body that did not come whole is cut.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let line =
            self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{}:", name.to_lowercase())))?;
        Some(line.split_once(':').unwrap().1.trim())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

fn text(method: &str, target: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut text =
        format!("{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

fn parse(all: &[u8]) -> Option<Answer> {
    let end = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    Some(Answer { status: head.get(9..12)?.parse().unwrap(), head, body: all[end + 4..].to_vec() })
}

/// Asks; None if nothing comes back within two seconds.
fn try_ask(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Answer> {
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.write_all(text(method, target, headers, body.len()).as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    parse(&all)
}

fn ask(host: &str, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    try_ask(host, method, target, headers, body).unwrap()
}

fn get(host: &str, target: &str) -> Answer {
    ask(host, "GET", target, &[], b"")
}

/// Pushes a blob as clients do: begins, sends, ends.
fn push_blob(host: &str, repo: &str, bytes: &[u8]) {
    let begun = ask(host, "POST", &format!("/v2/{repo}/blobs/uploads/"), &[], b"");
    assert_eq!(begun.status, 202);
    let location = path(begun.header("location").unwrap(), host);
    let joint = if location.contains('?') { '&' } else { '?' };
    let target = format!("{location}{joint}digest={}", digest(bytes));
    assert_eq!(ask(host, "PUT", &target, &[("Content-Type", "application/octet-stream")], bytes).status, 201);
}

fn path(location: &str, host: &str) -> String {
    location.strip_prefix(&format!("http://{host}")).unwrap_or(location).to_owned()
}

/// A manifest of one layer, perhaps about another one.
fn manifest(layer: &[u8], subject: Option<(&str, usize)>) -> Vec<u8> {
    let mut manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST, "artifactType": BUNDLE,
        "config": {"mediaType": EMPTY, "digest": digest(b"{}"), "size": 2},
        "layers": [{"mediaType": BUNDLE, "digest": digest(layer), "size": layer.len()}]});
    if let Some((subject, size)) = subject {
        manifest["subject"] = json!({"mediaType": MANIFEST, "digest": subject, "size": size});
    }
    manifest.to_string().into_bytes()
}

/// Pushes an image and something that refers to it, and pulls both. Says the answer to the second push.
fn push_and_pull(host: &str) -> (String, String, Answer) {
    push_blob(host, "acme/app", b"{}");
    push_blob(host, "acme/app", b"layer");
    let image = manifest(b"layer", None);
    let kind = [("Content-Type", MANIFEST)];
    assert_eq!(ask(host, "PUT", "/v2/acme/app/manifests/1.0", &kind, &image).status, 201);
    let name = digest(&image);
    for reference in ["1.0", &name] {
        let found = ask(host, "GET", &format!("/v2/acme/app/manifests/{reference}"), &[("Accept", MANIFEST)], b"");
        assert_eq!((found.status, &found.body), (200, &image));
        assert_eq!(found.header("content-type"), Some(MANIFEST));
        assert_eq!(found.header("docker-content-digest"), Some(name.as_str()));
    }
    let head = ask(host, "HEAD", "/v2/acme/app/manifests/1.0", &[("Accept", MANIFEST)], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(image.len().to_string().as_str()));
    assert_eq!(get(host, &format!("/v2/acme/app/blobs/{}", digest(b"layer"))).body, b"layer");
    assert_eq!(get(host, &format!("/v2/acme/app/blobs/{}", digest(b"none"))).status, 404);
    assert_eq!(get(host, "/v2/acme/app/manifests/none").status, 404);

    let attached = manifest(b"layer", Some((&name, image.len())));
    let target = format!("/v2/acme/app/manifests/{}", digest(&attached));
    let answer = ask(host, "PUT", &target, &kind, &attached);
    assert_eq!(answer.status, 201);
    assert_eq!(get(host, "/v2/acme/app/tags/list").json()["tags"], json!(["1.0"]));
    (name, digest(&attached), answer)
}

#[test]
fn pushed_is_pulled() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    assert_eq!(get(&host, "/v2/").status, 200);
    let (image, attached, answer) = push_and_pull(&host);
    assert_eq!(answer.header("oci-subject"), Some(image.as_str()));
    let list = get(&host, &format!("/v2/acme/app/referrers/{image}"));
    assert_eq!((list.status, list.header("content-type")), (200, Some(INDEX)));
    assert_eq!(list.json()["manifests"][0]["digest"], attached);
    assert_eq!(list.json()["manifests"][0]["artifactType"], BUNDLE);
    assert_eq!(server.tags("acme/app"), ["1.0"]);
    assert_eq!(server.manifest("acme/app", "1.0"), server.manifest("acme/app", &image));
    assert_eq!(server.unfinished("acme/app"), 0);
    assert_eq!(server.requests()[0], ("GET".to_owned(), "/v2/".to_owned(), false));
    server.reset_requests();
    assert_eq!(server.requests(), []);

    assert_eq!(ask(&host, "DELETE", "/v2/acme/app/manifests/1.0", &[], b"").status, 202);
    assert_eq!((server.tags("acme/app").len(), server.manifest("acme/app", &image).is_some()), (0, true));
    assert_eq!(ask(&host, "DELETE", &format!("/v2/acme/app/manifests/{image}"), &[], b"").status, 202);
    assert_eq!(server.manifest("acme/app", &image), None);
}

#[test]
fn images_to_begin_with_are_whole() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    let image = server.image("acme/app", "1.0");
    let (index, platforms) = server.index("acme/app", "2.0");
    assert_ne!(server.image("acme/app", "1.1"), image);
    let found = get(&host, "/v2/acme/app/manifests/2.0");
    assert_eq!((digest(&found.body), found.header("content-type")), (index, Some(INDEX)));
    for digest in platforms.iter().chain([&image]) {
        let manifest = get(&host, &format!("/v2/acme/app/manifests/{digest}")).json();
        for item in [&manifest["config"], &manifest["layers"][0]] {
            let blob = get(&host, &format!("/v2/acme/app/blobs/{}", item["digest"].as_str().unwrap()));
            assert_eq!((blob.status, json!(blob.body.len())), (200, item["size"].clone()));
        }
    }
    assert_eq!(found.json()["manifests"][1]["platform"]["architecture"], "arm64");
    assert_eq!(found.json()["manifests"][1]["digest"], platforms[1]);
}

#[test]
fn uploads_come_in_every_way() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    let uploads = "/v2/a/blobs/uploads/";
    let name = digest(b"12345678");

    // In chunks, at their places.
    let begun = ask(&host, "POST", uploads, &[], b"");
    let location = begun.header("location").unwrap().to_owned();
    let range = |text| [("Content-Range", text)];
    assert_eq!(ask(&host, "PATCH", &location, &range("0-3"), b"1234").header("range"), Some("0-3"));
    assert_eq!(ask(&host, "PATCH", &location, &range("5-8"), b"5678").status, 416);
    assert_eq!(ask(&host, "PATCH", &location, &range("4-7"), b"5678").header("range"), Some("0-7"));
    assert_eq!(ask(&host, "GET", &location, &[], b"").status, 204);
    assert_eq!(ask(&host, "PUT", location.split_once('?').unwrap().0, &[], b"").status, 404);
    assert_eq!(ask(&host, "PUT", &format!("{location}&digest={name}"), &[], b"").status, 201);
    assert_eq!(server.blob("a", &name).unwrap(), b"12345678");

    // At once, and wrong.
    assert_eq!(ask(&host, "POST", &format!("{uploads}?digest={}", digest(b"x")), &[], b"x").status, 201);
    assert_eq!(ask(&host, "POST", &format!("{uploads}?digest={name}"), &[], b"x").code(), "DIGEST_INVALID");

    // From another repository.
    let mount = |from: &str| ask(&host, "POST", &format!("/v2/b/blobs/uploads/?mount={name}&from={from}"), &[], b"");
    assert_eq!((mount("c").status, server.blob("b", &name)), (202, None));
    assert_eq!(mount("a").status, 201);
    assert_eq!(server.blob("b", &name).unwrap(), b"12345678");
    assert_eq!((server.unfinished("a"), server.unfinished("b")), (0, 1));

    // With a body in chunks of HTTP.
    let begun = ask(&host, "POST", uploads, &[], b"");
    let target = format!("{}&digest={}", begun.header("location").unwrap(), digest(b"chunked"));
    let mut stream = TcpStream::connect(&host).unwrap();
    let head = format!("PUT {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(b"4\r\nchun\r\n3;x=y\r\nked\r\n0\r\n\r\n").unwrap();
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap();
    assert_eq!(parse(&all).unwrap().status, 201);
}

#[test]
fn bad_manifests_are_refused() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    let put = |name: &str, kind: &str, body: &[u8]| {
        ask(&host, "PUT", &format!("/v2/a/manifests/{name}"), &[("Content-Type", kind)], body)
    };
    let whole = manifest(b"layer", None);
    assert_eq!(put("1.0", MANIFEST, &whole).code(), "MANIFEST_BLOB_UNKNOWN");
    server.put_blob("a", b"{}");
    server.put_blob("a", b"layer");
    assert_eq!(put("1.0", INDEX, &whole).code(), "MANIFEST_INVALID");
    assert_eq!(put("1.0", MANIFEST, b"no JSON").code(), "MANIFEST_INVALID");
    assert_eq!(put(&digest(b""), MANIFEST, &whole).code(), "DIGEST_INVALID");
    assert_eq!(put("1.0", MANIFEST, &vec![b' '; 4 * 1024 * 1024 + 1]).status, 413);
    assert_eq!(put("1.0", MANIFEST, &whole).status, 201);
    let index = json!({"schemaVersion": 2, "mediaType": INDEX,
        "manifests": [{"mediaType": MANIFEST, "digest": digest(b"none"), "size": 4}]});
    assert_eq!(put("2.0", INDEX, index.to_string().as_bytes()).code(), "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(get(&host, "/v2/a/nothing").status, 404);
    assert_eq!(ask(&host, "POST", "/v2/a/tags/list", &[], b"").status, 405);
}

/// Follows the pages of a list of referrers, and says how many items each has.
fn pages(host: &str, target: &str) -> Vec<usize> {
    let mut next = Some(target.to_owned());
    let mut sizes = Vec::new();
    while let Some(target) = next.filter(|_| sizes.len() < 10) {
        let page = get(host, &target);
        assert_eq!(page.status, 200);
        sizes.push(page.json()["manifests"].as_array().unwrap().len());
        let link = page.header("link").map(|link| link.strip_suffix(">; rel=\"next\"").unwrap()[1..].to_owned());
        next = link.map(|link| path(&link, host));
    }
    sizes
}

#[test]
fn referrers_are_paged_and_filtered() {
    let list = |options: Options, kind: &str| {
        let server = RegistryServer::start(options);
        let image = server.image("a", "1.0");
        for number in 0..5_u8 {
            server.referrer("a", &image, BUNDLE, &[number]);
        }
        server.referrer("a", &image, OTHER, b"other");
        server.referrer("a", &digest(b"another image"), BUNDLE, b"foreign");
        pages(&server.host(), &format!("/v2/a/referrers/{image}{kind}"))
    };
    let of = |page_size| Options { page_size, ..Options::default() };
    let bundles = "?artifactType=application/vnd.test.bundle%2Bjson";
    assert_eq!(list(of(100), ""), [6]);
    assert_eq!(list(of(4), ""), [4, 2]);
    assert_eq!(list(of(3), ""), [3, 3]);
    assert_eq!(list(of(4), bundles), [4, 1]);
    assert_eq!(list(of(1), "?artifactType=application/vnd.test.other"), [1]);
    assert_eq!(list(Options { absolute: true, ..of(4) }, bundles), [4, 1]);
    assert_eq!(list(Options { foreign_referrers: true, ..of(100) }, ""), [7]);
    assert_eq!(list(Options { filter: Filter::Ignored, ..of(100) }, bundles), [6]);
    assert_eq!(list(Options { endless_pages: true, ..of(4) }, ""), [4, 2, 0, 0, 0, 0, 0, 0, 0, 0]);

    let server = RegistryServer::start(Options { filter: Filter::Lies(EMPTY.to_owned()), ..of(100) });
    let image = server.image("a", "1.0");
    server.referrer("a", &image, BUNDLE, b"");
    let found = get(&server.host(), &format!("/v2/a/referrers/{image}?artifactType={OTHER}"));
    assert_eq!(found.header("oci-filters-applied"), Some("artifactType"));
    assert_eq!(found.json()["manifests"][0]["artifactType"], EMPTY);
}

#[test]
fn registries_without_the_list_say_so_or_not() {
    for (status, subject_header) in [(404, false), (405, false), (406, false), (404, true)] {
        let referrers = ReferrersApi::Refused(status);
        let server = RegistryServer::start(Options { referrers, subject_header, ..Options::default() });
        let (image, _, answer) = push_and_pull(&server.host());
        assert_eq!(answer.header("oci-subject").is_some(), subject_header);
        assert_eq!(get(&server.host(), &format!("/v2/acme/app/referrers/{image}")).status, status);
    }
}

#[test]
fn conditions_keep_writers_apart() {
    for etags in [true, false] {
        let server = RegistryServer::start(Options { etags, ..Options::default() });
        let host = server.host();
        let target = "/v2/a/manifests/list";
        let write = |text: &str, condition| {
            let body = json!({"schemaVersion": 2, "manifests": [], "annotations": {"x": text}}).to_string();
            ask(&host, "PUT", target, &[("Content-Type", INDEX), condition], body.as_bytes()).status
        };
        let lost = if etags { 412 } else { 201 };
        assert_eq!(write("first", ("If-None-Match", "*")), 201);
        assert_eq!(write("second", ("If-None-Match", "*")), lost);
        let found = get(&host, target);
        assert_eq!(found.header("etag").is_some(), etags);
        let seen = found.header("etag").unwrap_or_default().to_owned();
        assert_eq!(write("third", ("If-Match", &seen)), 201);
        assert_eq!(write("fourth", ("If-Match", &seen)), lost);
    }
}

#[test]
fn basic_credentials_are_asked_for() {
    let auth = Auth::Basic { user: "me".to_owned(), password: "secret".to_owned() };
    let server = RegistryServer::start(Options { auth, ..Options::default() });
    server.image("a", "1.0");
    let with = |value: &str| ask(&server.host(), "GET", "/v2/a/manifests/1.0", &[("Authorization", value)], b"");
    let refused = get(&server.host(), "/v2/a/manifests/1.0");
    assert_eq!((refused.status, refused.code().as_str()), (401, "UNAUTHORIZED"));
    assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"registry.test\""));
    assert_eq!(with(&basic("me", "wrong")).status, 401);
    assert_eq!(with(&basic("me", "secret")).status, 200);
    assert_eq!(server.requests().iter().map(|asked| asked.2).collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn tokens_are_good_for_their_scope() {
    let auth = Auth::Bearer {
        user: "me".to_owned(),
        password: "secret".to_owned(),
        refresh: "refresh".to_owned(),
        anonymous_pull: true,
    };
    let server = RegistryServer::start(Options { auth, ..Options::default() });
    let host = server.host();
    server.image("a", "1.0");
    let refused = get(&host, "/v2/a/manifests/1.0");
    let demand = format!("Bearer realm=\"http://{host}/token\",service=\"registry.test\",scope=\"repository:a:pull\"");
    assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some(demand.as_str())));
    let begin =
        |token: &str| ask(&host, "POST", "/v2/a/blobs/uploads/", &[("Authorization", &format!("Bearer {token}"))], b"");
    let pull = |token: &str| {
        ask(&host, "GET", "/v2/a/manifests/1.0", &[("Authorization", &format!("Bearer {token}"))], b"").status
    };
    let token = |headers: &[(&str, &str)]| {
        let target = "/token?service=registry.test&scope=repository%3Aa%3Apull%2Cpush";
        ask(&host, "GET", target, headers, b"")
    };

    let nobodys = token(&[]).json()["token"].as_str().unwrap().to_owned();
    assert_eq!((pull(&nobodys), begin(&nobodys).status), (200, 401));
    assert!(
        begin(&nobodys)
            .header("www-authenticate")
            .unwrap()
            .ends_with("scope=\"repository:a:pull,push\",error=\"insufficient_scope\"")
    );
    assert_eq!(token(&[("Authorization", &basic("me", "wrong"))]).status, 401);
    let mine = token(&[("Authorization", &basic("me", "secret"))]).json()["token"].as_str().unwrap().to_owned();
    assert_eq!((pull(&mine), begin(&mine).status), (200, 202));

    let grant = |refresh: &str| {
        let form = format!(
            "grant_type=refresh_token&service=registry.test&client_id=x&scope=repository:a:pull&refresh_token={refresh}"
        );
        ask(&host, "POST", "/token", &[], form.as_bytes())
    };
    assert_eq!(grant("wrong").status, 401);
    let granted = grant("refresh").json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!((pull(&granted), begin(&granted).status), (200, 401));
    server.revoke_tokens();
    assert_eq!((pull(&granted), pull(&mine), pull("")), (401, 401, 401));
}

#[test]
fn faults_come_as_often_as_told() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    let image = server.image("a", "1.0");
    let honest = server.manifest("a", "1.0").unwrap();
    let target = "/v2/a/manifests/1.0";
    let faulty = |fault: Fault| {
        server.fault("GET", "/manifests/", 1, fault);
        let faulty = try_ask(&host, "GET", target, &[], b"");
        assert_eq!(get(&host, target).body, honest);
        faulty
    };

    server.fault("PUT", "/manifests/", 1, Fault::Drop);
    server.fault("", "/blobs/", 1, Fault::Drop);
    let busy = faulty(Fault::Status(429, Some(7))).unwrap();
    assert_eq!((busy.status, busy.header("retry-after")), (429, Some("7")));
    assert_eq!(faulty(Fault::Status(503, None)).unwrap().header("retry-after"), None);
    let page = faulty(Fault::Body(200, "text/html", b"<html>".to_vec())).unwrap();
    assert_eq!(
        (page.status, page.header("content-type"), page.body.as_slice()),
        (200, Some("text/html"), &b"<html>"[..])
    );
    let cut = faulty(Fault::Truncate).unwrap();
    assert_eq!(cut.header("content-length"), Some(honest.len().to_string().as_str()));
    assert_eq!(cut.body, honest[..honest.len() / 2]);
    let wrong = faulty(Fault::WrongBytes).unwrap();
    assert_eq!((wrong.body.len(), wrong.header("docker-content-digest")), (honest.len(), Some(image.as_str())));
    assert_ne!(wrong.body, honest);
    let header = faulty(Fault::Header("content-type", "x/y".to_owned())).unwrap();
    assert_eq!((header.header("content-type"), &header.body), (Some("x/y"), &honest));
    let away = faulty(Fault::Redirect("http://127.0.0.1:1/x".to_owned())).unwrap();
    assert_eq!((away.status, away.header("location")), (307, Some("http://127.0.0.1:1/x")));
    assert!(faulty(Fault::Drop).is_none());
    assert!(faulty(Fault::LoseAnswer).is_none());
    let begin = Instant::now();
    assert_eq!(faulty(Fault::Late(Duration::from_millis(100))).unwrap().body, honest);
    assert!(begin.elapsed() >= Duration::from_millis(100));
    assert_eq!(faulty(Fault::Endless(100_000)).unwrap().body.len(), 100_000);
    assert_eq!(server.bytes_sent(), 100_000);

    // Two faults wait for their methods all that time.
    assert!(try_ask(&host, "PUT", target, &[], b"").is_none());
    server.heal();
    assert_eq!(get(&host, "/v2/a/blobs/none").status, 404);
}

#[test]
fn what_is_forgotten_or_unanswered_was_still_asked() {
    let server = RegistryServer::start(Options::default());
    let put = |target: &str| {
        let body = json!({"schemaVersion": 2, "manifests": []}).to_string();
        let kind = [("Content-Type", INDEX)];
        try_ask(&server.host(), "PUT", target, &kind, body.as_bytes()).map(|answer| answer.status)
    };
    server.fault("PUT", "/manifests/", 1, Fault::Forget);
    assert_eq!((put("/v2/a/manifests/1.0"), server.tags("a").len()), (Some(201), 0));
    server.fault("PUT", "/manifests/", 1, Fault::LoseAnswer);
    assert_eq!((put("/v2/a/manifests/1.0"), server.tags("a").len()), (None, 1));
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn neither_hanging_nor_endless_answers_outlive_the_server() {
    let server = RegistryServer::start(Options::default());
    let host = server.host();
    server.image("a", "1.0");
    server.fault("GET", "/manifests/", 1, Fault::Hang);
    let begin = Instant::now();
    assert!(try_ask(&host, "GET", "/v2/a/manifests/1.0", &[], b"").is_none());
    assert!(begin.elapsed() >= Duration::from_secs(2));

    // A client that goes after a little costs little.
    server.fault("GET", "/manifests/", 1, Fault::Endless(1 << 30));
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.write_all(text("GET", "/v2/a/manifests/1.0", &[], 0).as_bytes()).unwrap();
    stream.read_exact(&mut [0; 100_000]).unwrap();
    drop(stream);
    let begin = Instant::now();
    drop(server);
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[test]
fn tls_is_believed_by_those_who_know_the_authority() {
    let server = RegistryServer::start(Options { tls: true, ..Options::default() });
    let image = server.image("a", "1.0");
    let other = RegistryServer::start(Options { tls: true, ..Options::default() });
    let answer = ask_tls(&server, server.ca_pem()).unwrap();
    assert_eq!((answer.status, digest(&answer.body)), (200, image));
    assert!(ask_tls(&server, other.ca_pem()).is_none());
    assert!(server.url().starts_with("https://127.0.0.1:"));
}

fn ask_tls(server: &RegistryServer, ca_pem: &str) -> Option<Answer> {
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(ca_pem.as_bytes()).unwrap()).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection = rustls::ClientConnection::new(config.into(), "127.0.0.1".try_into().unwrap()).unwrap();
    let stream = TcpStream::connect(server.host()).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    stream.write_all(text("GET", "/v2/a/manifests/1.0", &[], 0).as_bytes()).ok()?;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).ok()?;
    parse(&all)
}

#[cfg(feature = "cli")]
#[test]
fn docker_registry_answers_alike_and_has_no_list() {
    let Some(registry) = RealRegistry::docker() else { return };
    let (image, _, answer) = push_and_pull(&registry.host());
    assert_eq!(answer.header("oci-subject"), None);
    assert_eq!(get(&registry.host(), &format!("/v2/acme/app/referrers/{image}")).status, 404);
}

#[cfg(feature = "cli")]
#[test]
fn ferro_answers_alike_and_has_the_list() {
    let Some(registry) = RealRegistry::ferro() else { return };
    let (image, attached, answer) = push_and_pull(&registry.host());
    assert_eq!(answer.header("oci-subject"), Some(image.as_str()));
    let list = get(&registry.host(), &format!("/v2/acme/app/referrers/{image}"));
    assert_eq!((list.status, list.json()["manifests"][0]["digest"].as_str()), (200, Some(attached.as_str())));
}
