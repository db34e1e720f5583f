//! `sealmark doctor` in machines and jobs of every kind: what is there, what is lacking, and what to do.

use std::fs;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::world::Ended;
use crate::world::World;
use crate::world::ended;
use crate::world::valid;

/// A secret that must not be shown.
const PLANTED: &str = "planted-secret-9f86d0";

/// A machine with nothing in its environment but these.
fn doctor(world: &World, variables: &[(&str, &str)], args: &[&str]) -> Ended {
    let args = [&["doctor"], args].concat();
    let mut command = world.command(&args);
    command.env_clear().env("PATH", world.path("bin")).env("HOME", world.path("home"));
    command.envs(variables.iter().copied());
    let ended = ended(command, &args);
    assert!(!ended.out.contains(PLANTED) && !ended.err.contains(PLANTED), "{ended:?}");
    ended
}

fn report(world: &World, variables: &[(&str, &str)], args: &[&str]) -> (i32, Value) {
    let ended = doctor(world, variables, &[args, &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    valid(&report, "doctor-v1");
    assert_eq!(report["ready"], ended.code == 0, "{report:#}");
    (ended.code, report)
}

/// State and text of the only line of an id.
fn line(report: &Value, id: &str) -> (String, String) {
    let found: Vec<&Value> = report["lines"].as_array().unwrap().iter().filter(|line| line["id"] == id).collect();
    assert_eq!(found.len(), 1, "{id}: {report:#}");
    let text = |key: &str| found[0][key].as_str().unwrap_or_default().to_owned();
    assert_eq!(text("state") == "ok", text("remedy").is_empty(), "{report:#}");
    (text("state"), format!("{} | {}", text("found"), text("remedy")))
}

fn token(claims: &Value) -> String {
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", encode(r#"{"alg":"RS256"}"#), encode(&claims.to_string()), encode(PLANTED))
}

fn claims(audience: &str, lives: i64, visibility: &str) -> Value {
    let end = Timestamp::now().as_second() + lives;
    json!({"iss": "https://gitlab.com", "sub": "x", "aud": audience, "exp": end, "project_visibility": visibility})
}

#[test]
fn a_machine_without_anything_is_told_what_to_do() {
    let world = World::new();
    let ended = doctor(&world, &[], &["--trust", "root.json"]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    // The clock comes last, and is another every time.
    let (shown, _) = ended.out.split_once("  unknown  clock  ").unwrap();
    insta::assert_snapshot!(shown, @r"
    lacking  1 of what is needed to sign, verify
      ok       platform              local: no variable of a CI platform is set
      lack     identity-token        expected an identity token, found no SIGSTORE_ID_TOKEN
               remedy                give one with --identity-token @FILE, or sign with --key
      unknown  visibility            no token is here yet
               remedy                the token says who may see the source; what is not known to be public is not published without --allow-public-log
      unknown  git-checkout          no repository here: the provenance would name no source
               remedy                check it out before signing, or name the source with --source-uri
      ok       signing-services      public-good: authority https://fulcio.sigstore.dev, log v1 https://rekor.sigstore.dev, timestamps https://timestamp.sigstore.dev/api/v1/timestamp
      unknown  service-reached       nobody was asked
               remedy                --online asks each service for something harmless
      ok       proxy                 none is set
      lack     registry-credentials  not asked about: no file of credentials
               remedy                docker login HOST, or podman login HOST, before attaching to an image
      ok       trusted-root          root.json: of unknown age
    ");
    assert_eq!(doctor(&world, &[], &["--for", "verify", "--trust", "root.json"]).code, 0);
    assert_eq!(doctor(&world, &[], &["--for", "attach"]).code, 1);
    assert_eq!(doctor(&world, &[], &["--for", "fly"]).code, 2);
}

#[test]
fn platforms_are_told_where_their_token_comes_from() {
    let world = World::new();
    let github = ("GITHUB_ACTIONS", "true");
    let (code, found) = report(&world, &[github], &[]);
    let (state, text) = line(&found, "identity-token");
    assert!(code == 1 && state == "lack" && text.contains("id-token: write"), "{text}");
    assert_eq!(line(&found, "platform").1, "github, by the variable GITHUB_ACTIONS | ");
    let url = "https://pipelines.actions.example/token?secret=planted-secret-9f86d0";
    let given = [github, ("ACTIONS_ID_TOKEN_REQUEST_URL", url), ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", PLANTED)];
    let (code, found) = report(&world, &given, &[]);
    assert_eq!((code, line(&found, "identity-token").0.as_str()), (0, "ok"), "{found:#}");
    let of_fork = [github, ("GITHUB_EVENT_NAME", "pull_request")];
    assert!(line(&report(&world, &of_fork, &[]).1, "identity-token").1.contains("fork"));
    let (_, found) = report(&world, &[("GITLAB_CI", "true")], &[]);
    assert!(line(&found, "identity-token").1.contains("id_tokens"));
    let (_, found) = report(&world, &[("JENKINS_URL", "https://ci.acme.example")], &[]);
    assert!(line(&found, "identity-token").1.contains("--key"));
    program(&world, "buildkite-agent");
    assert_eq!(report(&world, &[("BUILDKITE", "true")], &[]).0, 0);
    assert_eq!(report(&world, &[("CIRCLECI", "true")], &[]).0, 1);
    let (_, found) = report(&world, &[github, ("GITLAB_CI", "true")], &[]);
    assert_eq!(line(&found, "platform").0, "lack");
}

fn program(world: &World, name: &str) {
    let path = world.path("bin").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "#!/bin/false\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_token_is_shown_by_its_claims() {
    let world = World::new();
    let of = |token: &str| report(&world, &[("GITLAB_CI", "true"), ("SIGSTORE_ID_TOKEN", token)], &[]);
    let (code, found) = of(&token(&claims("sigstore", 300, "public")));
    assert_eq!(code, 0, "{found:#}");
    assert!(
        line(&found, "identity-token")
            .1
            .starts_with("SIGSTORE_ID_TOKEN: made by https://gitlab.com, for sigstore, until ")
    );
    assert_eq!(line(&found, "visibility").0, "ok");
    for (bad, id, words) in [
        (token(&claims("sigstore", -300, "public")), "identity-token", "ended "),
        (token(&claims("https://vault.example", 300, "public")), "identity-token", "audience sigstore"),
        (token(&json!({"aud": "sigstore", "project_visibility": "public"})), "identity-token", "without an end"),
        (PLANTED.to_owned(), "identity-token", "SIGSTORE_ID_TOKEN is set"),
        (token(&claims("sigstore", 300, "private")), "visibility", "--allow-public-log"),
        (token(&claims("sigstore", 300, "internal")), "visibility", "--allow-public-log"),
        (token(&claims("sigstore", 300, "")), "visibility", "--allow-public-log"),
    ] {
        let (code, found) = of(&bad);
        let (state, text) = line(&found, id);
        assert!(code == 1 && state == "lack" && text.contains(words), "{text}");
    }
}

#[test]
fn registries_are_named_and_their_secrets_are_not() {
    let world = World::new();
    fs::create_dir_all(world.path("home/.docker")).unwrap();
    let auth = base64::engine::general_purpose::STANDARD.encode(format!("user:{PLANTED}"));
    let config =
        json!({"auths": {"ghcr.io": {"auth": auth, "password": PLANTED}}, "credHelpers": {"gcr.io": "gcloud"}});
    world.write("home/.docker/config.json", config.to_string());
    let (code, found) = report(&world, &[], &["--for", "attach"]);
    assert!(code == 1 && line(&found, "credential-helper").1.contains("docker-credential-gcloud"), "{found:#}");
    assert!(line(&found, "registry-credentials").1.ends_with("config.json: gcr.io, ghcr.io | "), "{found:#}");
    assert!(!found.to_string().contains(&auth));
    program(&world, "docker-credential-gcloud");
    assert_eq!(report(&world, &[], &["--for", "attach"]).0, 0);
    world.write("home/.docker/config.json", PLANTED);
    assert_eq!(line(&report(&world, &[], &["--for", "attach"]).1, "registry-credentials").0, "lack");
    let elsewhere = [("DOCKER_CONFIG", "nowhere"), ("REGISTRY_AUTH_FILE", "auth.json")];
    assert!(line(&report(&world, &elsewhere, &[]).1, "registry-credentials").1.contains("no file of credentials"));
    world.write("auth.json", config.to_string());
    assert_eq!(line(&report(&world, &elsewhere, &[]).1, "registry-credentials").0, "ok");
}

#[test]
fn proxies_services_and_roots_are_shown() {
    let world = World::new();
    let proxy = format!("http://user:{PLANTED}@proxy.acme.example:3128");
    let (_, found) = report(&world, &[("HTTPS_PROXY", &proxy), ("NO_PROXY", "localhost")], &[]);
    assert_eq!(line(&found, "proxy").1, "HTTPS_PROXY=http://proxy.acme.example:3128, NO_PROXY=localhost | ");
    assert!(line(&found, "trusted-root").1.starts_with("public-good: as of "));
    assert_eq!(line(&found, "clock").0, "unknown");
    let (_, found) = report(&world, &[], &["--trust", "missing"]);
    assert_eq!(line(&found, "trusted-root").0, "lack");
    world.write("config.json", "{}");
    for args in
        [["--signing-config", "config.json"], ["--signing-config", "missing"], ["--rekor-url", "https://log.example"]]
    {
        assert_eq!(line(&report(&world, &[], &args).1, "signing-services").0, "lack", "{args:?}");
    }
    let args = ["--fulcio-url", "https://ca.example", "--timestamp-url", "https://tsa.example/x"];
    assert_eq!(
        line(&report(&world, &[], &args).1, "signing-services").1,
        "flags: authority https://ca.example, timestamps https://tsa.example/x | "
    );
}

#[test]
fn a_checkout_is_looked_at() {
    let world = World::new();
    sealmark::workspace::sample::make(&world.path(""), "app.tar.gz", "v1.0.0", "https://github.com/acme/app.git")
        .unwrap();
    let (_, found) = report(&world, &[], &[]);
    let (state, text) = line(&found, "git-checkout");
    assert!(
        state == "unknown" && text.contains("git+https://github.com/acme/app") && text.contains("changed"),
        "{text}"
    );
    fs::remove_file(world.path("root.json")).unwrap();
    assert_eq!(line(&report(&world, &[], &[]).1, "git-checkout").0, "ok");
    fs::remove_dir_all(world.path(".git")).unwrap();
    fs::create_dir(world.path(".git")).unwrap();
    assert_eq!(line(&report(&world, &[], &[]).1, "git-checkout").0, "lack");
}

/// A service that answers every request so, and hands on the first lines of the requests.
fn service(answer: String, requests: usize) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let served = thread::spawn(move || {
        let serve = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
                request.push(byte[0]);
            }
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8(request).unwrap().lines().next().unwrap().to_owned()
        };
        (0..requests).map(serve).collect()
    });
    (url, served)
}

#[test]
fn services_are_asked_only_online_and_only_for_what_is_harmless() {
    let world = World::new();
    let answer = |date: Timestamp| {
        let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
        format!("HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    let (url, served) = service(answer(Timestamp::now()), 3);
    let stamps = format!("{url}/api/v1/timestamp");
    let flags = ["--fulcio-url", &url, "--rekor-url", &url, "--timestamp-url", &stamps, "--trust", "root.json"];
    let (_, found) = report(&world, &[], &flags);
    assert_eq!(line(&found, "service-reached").0, "unknown");
    let (_, found) = report(&world, &[], &[flags.as_slice(), &["--online"]].concat());
    let reached = found["lines"].as_array().unwrap().iter().filter(|line| line["id"] == "service-reached");
    assert_eq!(reached.filter(|line| line["state"] == "ok").count(), 3, "{found:#}");
    assert_eq!(line(&found, "clock").0, "ok");
    let lines = served.join().unwrap();
    assert_eq!(
        lines,
        ["GET /api/v2/configuration HTTP/1.1", "GET /api/v1/log HTTP/1.1", "GET /api/v1/timestamp HTTP/1.1"]
    );
    let hour = jiff::SignedDuration::from_hours(1);
    let (url, served) = service(answer(Timestamp::now() - hour), 1);
    let (code, found) =
        report(&world, &[], &["--fulcio-url", &url, "--online", "--for", "verify", "--trust", "root.json"]);
    assert_eq!((code, line(&found, "clock").0.as_str()), (1, "lack"), "{found:#}");
    served.join().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (code, found) =
        report(&world, &[], &["--fulcio-url", &format!("http://{closed}"), "--online", "--for", "sign"]);
    assert_eq!((code, line(&found, "service-reached").0.as_str()), (1, "lack"), "{found:#}");
}

/// Both directions: what is on the page can be shown, and what can be shown is on the page.
#[test]
fn the_page_lists_every_line() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/doctor.md")).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0)).collect();
    let code = fs::read_to_string(root.join("src/commands/doctor/checks.rs")).unwrap();
    let (code, _) = code.split_once("#[cfg(test)]").unwrap();
    for id in &listed {
        assert!(code.contains(&format!("\"{id}\"")), "{id} is shown by no check");
    }
    let named = code.lines().filter_map(|line| Some(line.split_once("const ID: &str = \"")?.1.split_once('"')?.0));
    let direct = code.split("Line::").filter_map(|rest| rest.split_once("(\"")).filter(|(head, _)| head.len() < 8);
    let direct = direct.filter_map(|(_, rest)| Some(rest.split_once('"')?.0));
    let shown: Vec<&str> = named.chain(direct).collect();
    assert!(shown.len() > 10 && shown.iter().all(|id| listed.contains(id)), "{shown:?}");
}
