//! What is hidden, what is found, and what is honest and must pass.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::formats::digest::Algorithm;
use crate::formats::digest::Digest;
use crate::generate::facts::Dependency;
use crate::generate::facts::Parameters;

const LETTERS: &str = "q7Rm2ZkP9xWv4TbN8sLd3HfJ6yGc5QaE1uXo0MiKzVtBnYpSwDrCgFhAjUeIlO";

/// As many characters of a random text, from some place of it.
fn random(length: usize, from: usize) -> String {
    LETTERS.chars().cycle().skip(from).take(length).collect()
}

fn small(length: usize) -> String {
    random(length, 5).to_lowercase()
}

fn hexadecimal(length: usize) -> String {
    "0f1e2d3c4b5a69788796a5b4c3d2e1f0".chars().cycle().take(length).collect()
}

/// One secret of every kind. They are put together here, so that no file holds one.
fn secrets() -> Vec<(String, &'static str)> {
    let jwt = |part: &str| base64::encode(part.as_bytes()).replace('=', "").replace('+', "-").replace('/', "_");
    let token = format!("{}.{}.{}", jwt(r#"{"alg":"none"}"#), jwt(r#"{"sub":"repo:x"}"#), random(43, 0));
    let pem =
        |kind: &str| format!("-----BEGIN {kind}PRIVATE KEY-----\n{}\n-----END {kind}PRIVATE KEY-----", random(64, 0));
    let mut secrets = Vec::new();
    for letter in ["p", "o", "u", "s", "r"] {
        secrets.push((format!("gh{letter}_{}", random(36, 0)), "a GitHub token"));
    }
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "ENCRYPTED SIGSTORE ", "DSA "] {
        secrets.push((pem(kind), "a private key"));
    }
    for kind in ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED ", "DSA "] {
        secrets.push((base64::encode(pem(kind).as_bytes()), "a private key in base64"));
    }
    for start in ["AKIA", "ASIA"] {
        secrets.push((format!("{start}{}", "Q7RM2ZKP3XWV4TBN"), "an AWS access key"));
    }
    let rest = [
        (format!("github_pat_{}_{}", random(22, 0), random(59, 3)), "a GitHub token"),
        (format!("glpat-{}", random(20, 0)), "a GitLab token"),
        (format!("glcbt-64_{}", random(20, 0)), "a GitLab token"),
        (format!("AIza{}", random(35, 0)), "a Google API key"),
        (format!("ya29.{}", random(60, 0)), "a Google OAuth token"),
        (format!("GOCSPX-{}", random(28, 0)), "a Google OAuth client secret"),
        (format!("xoxb-123456789012-{}", random(24, 0)), "a Slack token"),
        (format!("xapp-1-A012345-{}", random(24, 0)), "a Slack token"),
        (format!("https://hooks.slack.com/services/T0A/B0B/{}", random(24, 0)), "a Slack webhook"),
        (format!("https://discord.com/api/webhooks/1234567890123456789/{}", random(68, 0)), "a Discord webhook"),
        (format!("npm_{}", random(36, 0)), "an npm token"),
        (format!("pypi-AgE{}", random(80, 0)), "a PyPI token"),
        (format!("cio{}", random(32, 0)), "a Cargo token"),
        (format!("rubygems_{}", hexadecimal(48)), "a RubyGems token"),
        (format!("oy2{}", small(43)), "a NuGet token"),
        (format!("dckr_pat_{}", random(27, 0)), "a Docker token"),
        (format!("sk_live_{}", random(24, 0)), "a Stripe key"),
        (format!("whsec_{}", random(32, 0)), "a Stripe key"),
        (format!("untrusted comment: minisign encrypted secret key\nRW{}", random(40, 0)), "a private key"),
        (format!("SG.{}.{}", random(22, 0), random(43, 0)), "a SendGrid key"),
        (format!("SK{}", hexadecimal(32)), "a Twilio key"),
        (format!("dop_v1_{}", hexadecimal(64)), "a DigitalOcean token"),
        (format!("hvs.{}", random(90, 0)), "a Vault token"),
        (format!("{}.atlasv1.{}", random(14, 0), random(67, 0)), "a Terraform token"),
        (format!("hf_{}", random(90, 0).replace(|c: char| c.is_ascii_digit(), "")), "a Hugging Face token"),
        (format!("sk-proj-{}T3BlbkFJ{}", random(20, 0), random(20, 9)), "an OpenAI key"),
        (format!("sk-ant-api03-{}", random(93, 0)), "an Anthropic key"),
        (format!("bkua_{}", hexadecimal(40)), "a Buildkite token"),
        (format!("CCIPAT_{}_{}", random(22, 0), hexadecimal(40)), "a CircleCI token"),
        (format!("ATATT3x{}", random(180, 0)), "an Atlassian token"),
        (format!("AKCp{}", random(69, 0)), "a JFrog token"),
        (format!("dapi{}", hexadecimal(32)), "a Databricks token"),
        (format!("glsa_{}_{}", random(32, 0), hexadecimal(8)), "a Grafana token"),
        (format!("shpat_{}", hexadecimal(32)), "a Shopify token"),
        (format!("123456789:AA{}", random(33, 0)), "a Telegram token"),
        (format!("AGE-SECRET-KEY-1{}", random(58, 0).to_uppercase()), "an age key"),
        (format!("PuTTY-User-Key-File-3: ssh-ed25519\n{}", random(40, 0)), "a private key"),
        (token, "a signed token (JWT)"),
        (format!("https://x.blob.core.windows.net/c?sv=2024&sig={}%3D", random(43, 0)), "a signed URL of Azure"),
        (format!("AccountName=x;AccountKey={}==", random(86, 0)), "a key of Azure"),
        (format!("https://x.s3.amazonaws.com/a?X-Amz-Signature={}", hexadecimal(64)), "a signed URL"),
        ("git+https://bob:correct-horse@github.com/acme/app".to_owned(), "a password in a URL"),
        ("https://:correct-horse@proxy.example.com:3128".to_owned(), "a password in a URL"),
        ("postgres://app:c0rrect@db.example.com/app".to_owned(), "a password in a URL"),
        ("https://x/?u=https%3A%2F%2Fbob%3Acorrect-horse%40example.com".to_owned(), "a password in a URL"),
        (format!("Authorization: Bearer {}", random(40, 0)), "an authorization header"),
        (format!("Basic {}", base64::encode(b"bob:correct-horse")), "an authorization header"),
        (format!("DB_PASSWORD={}", random(16, 0)), "an assignment of a secret"),
        (format!("https://x/?a=1&api_key={}", small(20)), "an assignment of a secret"),
        (format!("{{\"x\":1,\"clientSecret\": \"{}\"}}", random(16, 0)), "an assignment of a secret"),
        (format!("{{\\\"password\\\":\\\"{}\\\"}}", random(16, 0)), "an assignment of a secret"),
        (format!("--npm-token={}", random(16, 0)), "an assignment of a secret"),
        (format!("make deploy --api-key {}", random(16, 0)), "an option with a secret"),
    ];
    secrets.extend(rest);
    secrets
}

/// What provenance holds on a good day.
const HONEST: &[&str] = &[
    "",
    "v1.2.3",
    "1.0.0-rc.1+build.5",
    "refs/heads/main",
    "refs/pull/12/merge",
    "refs/tags/release-2024.10.1",
    "acme/app",
    ".github/workflows/release.yml",
    "https://github.com/acme/app",
    "push",
    "workflow_dispatch",
    "git+https://github.com/acme/app@refs/tags/v1.2.3",
    "git+ssh://git@github.com/acme/app.git",
    "ssh://git@gitlab.example.com:2222/acme/app.git",
    "git@github.com:acme/app.git",
    "https://acme@dev.azure.com/acme/app/_git/app",
    "https://localhost:8443/a@b",
    "docker://localhost:5000/a/b",
    "https://github.com/acme/app/actions/runs/11424390471/attempts/1",
    "https://[2001:db8::1]:443/x@y",
    "https://github.com/acme/app/blob/main/docs/token_password_secret.md#api-key=2",
    "github-hosted",
    "self-hosted",
    "pkg:npm/%40acme/token-service@1.2.3",
    "pkg:cargo/secrecy@0.10.3",
    "pkg:pypi/python-jose@3.3.0?file_name=x.whl",
    "pkg:golang/golang.org/x/oauth2@v0.23.0",
    "pkg:docker/library/debian@12?digest=sha256:0f1e2d3c",
    "pkg:maven/com.nimbusds/nimbus-jose-jwt@9.41.2?type=jar",
    "pkg:generic/secret-tool@1.0.0",
    "h1:aWPL3dBqYcJ1kZVpZpXVQF2UJGZ7rYbcdC7Hc2cMY5E=",
    "app-1.2.3-linux-amd64.tar.gz",
    "libtoken_2.3_arm64.deb",
    "550e8400-e29b-41d4-a716-446655440000",
    "0191f3c5-7b7e-7cc3-98c4-dc0c0c07398f",
    "2026-11-21T09:43:17Z",
    "token-service:v1.2.3-alpha20241121",
    "ghcr.io/acme/secret-manager:1.0.0-rc1",
    "password=${{ secrets.PASSWORD }}",
    "--token $TOKEN",
    "--token <your-token-here-1>",
    "PASSWORD=[MASKED]",
    "https://user:***@example.com/",
    "https://user:${TOKEN}@example.com/",
    "cargo build --release --locked --features token-auth,secrets",
    "basic container-image-2024.1 build",
    "the bearer of internationalisation-2024",
    "bearer-token-authentication",
    "secret: none",
    "token = true",
    "a password is required",
    "password policy: twelve characters",
    "[MASKED]",
    "X-Amz-Signature",
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----",
    "eyJhbGciOiJub25lIn0",
    "npm_config_registry",
    "ghp_",
    "AKIA",
    "xoxb-",
    "sk_live_",
    "glpat-",
    "hf_transfer==0.1.8",
    "sigstore/sig=1",
    "node_modules/jsonwebtoken",
    "Mozilla/5.0 (X11; Linux x86_64)",
    "ubuntu24/20241117.1",
    "key=value",
    "100%",
    "https://sealmark.dev/buildtypes/github-workflow/v1",
    "mailto:release@acme.example",
    "%2Fa%zz%",
    "a b  c",
];

/// The same, with digests.
fn honest() -> Vec<String> {
    let hex = hexadecimal(64);
    let mut honest: Vec<String> = HONEST.iter().map(|text| (*text).to_owned()).collect();
    honest.extend([
        hex.clone(),
        hexadecimal(40),
        hexadecimal(96),
        hexadecimal(128),
        hex.to_uppercase(),
        format!("sha256:{hex}"),
        format!("ghcr.io/acme/app@sha256:{hex}"),
        format!("git+https://github.com/acme/app@{}", hexadecimal(40)),
        format!("pkg:oci/app@sha256%3A{hex}?repository_url=ghcr.io/acme/app"),
        format!("pkg:generic/app@1.0?checksum=sha256:{hex}&download_url=https://example.com/app.tgz"),
        format!("{hex}  app-1.2.3.tar.gz"),
        base64::encode(format!("{hex}  app-1.2.3.tar.gz\n").as_bytes()),
        format!("sha512-{}", base64::encode(&[0x5a; 64])),
        format!("SHA256:{}", random(43, 0)),
        format!("docker run --rm -v cache-{}:/x ghcr.io/acme/app@sha256:{hex}", hexadecimal(12)),
    ]);
    honest
}

fn word(text: &str) -> Fact<Value> {
    Fact::word(json!(text), Source::Sealmark)
}

fn facts() -> BuildFacts {
    let text = |text: &str| Fact::word(text.to_owned(), Source::Sealmark);
    BuildFacts {
        build_type: text("https://sealmark.dev/buildtypes/local/v1"),
        external_parameters: Parameters::default(),
        internal_parameters: Parameters::default(),
        dependencies: Vec::new(),
        builder_id: text("https://sealmark.dev/builders/local/v1"),
        builder_version: BTreeMap::new(),
        invocation_id: None,
        started_on: None,
        finished_on: None,
        byproducts: Vec::new(),
        extensions: BTreeMap::new(),
    }
}

fn dependency(name: &str, uri: &str, annotation: (&str, &str)) -> Dependency {
    let text = |text: &str| Some(Fact::word(text.to_owned(), Source::Sealmark));
    let digest = Digest::new(Algorithm::Sha256, vec![7; 32]).unwrap();
    Dependency {
        name: text(name),
        uri: text(uri),
        digests: vec![Fact::word(digest, Source::Sealmark)],
        media_type: None,
        annotations: [(annotation.0.to_owned(), word(annotation.1))].into(),
    }
}

/// Provenance and a subject with `text` in one place, for every place in which a stranger's text can come to stand.
fn planted(text: &str) -> Vec<(&'static str, Vec<ExplainRow>)> {
    let text = text.to_owned();
    let fact = |text: String| Fact::word(text, Source::Sealmark);
    let digest = [Digest::new(Algorithm::Sha256, vec![7; 32]).unwrap()];
    let mut places = vec![("a file name", ExplainRow::subject(0, &text, &digest, Source::File))];
    let mut place = |name, change: &dyn Fn(&mut BuildFacts)| {
        let mut facts = facts();
        change(&mut facts);
        places.push((name, facts.explain()));
    };
    place("a dispatch input", &|f| f.external_parameters.insert(["inputs", "note"], word(&text)));
    place("a variable", &|f| f.external_parameters.insert(["vars", "NOTE"], word(&text)));
    place("a parameter", &|f| f.external_parameters.insert(["parameters", "note"], word(&text)));
    place("a ref", &|f| f.external_parameters.insert(["workflow", "ref"], word(&format!("refs/heads/{text}"))));
    place("a key", &|f| f.external_parameters.insert(["inputs", &text], word("x")));
    place("a key within", &|f| {
        f.external_parameters.insert(["inputs"], Fact::word(json!({ &text: 1 }), Source::Document));
    });
    place("a command", &|f| {
        f.external_parameters.insert(["argv"], Fact::word(json!(["sh", "-c", &text]), Source::Run));
    });
    place("an event", &|f| {
        let payload = json!({"event": {"head_commit": [{"message": format!("see {text} and go")}]}});
        f.internal_parameters.insert(["github"], Fact::word(payload, Source::EventPayload));
    });
    place("a URL", &|f| f.dependencies.push(dependency("x", &text, ("a", "b"))));
    place("a dependency", &|f| f.dependencies.push(dependency(&text, "x", ("a", "b"))));
    place("an annotation", &|f| f.dependencies.push(dependency("x", "x", ("a", &text))));
    place("an annotation's name", &|f| f.dependencies.push(dependency("x", "x", (&text, "a"))));
    place("a byproduct", &|f| f.byproducts.push(dependency(&text, "x", ("a", "b"))));
    place("the builder", &|f| f.builder_id = fact(format!("https://example.com/{text}")));
    place("a version", &|f| drop(f.builder_version.insert("tool".to_owned(), fact(text.clone()))));
    place("the invocation", &|f| f.invocation_id = Some(fact(text.clone())));
    place("an extension", &|f| drop(f.extensions.insert("command".to_owned(), word(&text))));
    places
}

#[test]
fn planted_secrets_are_found_wherever_they_stand() {
    let (mut kinds, mut places) = (0, 0);
    for (secret, kind) in secrets() {
        kinds += 1;
        for (place, rows) in planted(&secret) {
            places += 1;
            let error = scan(&rows).expect_err(&format!("{kind} in {place}: {secret:?}"));
            assert_eq!(error.code(), "secret-found");
            let text = format!("{error} {error:?}");
            assert!(text.contains(kind), "{kind} in {place}: {text}");
            // Neither the secret nor its greater part is shown.
            let part: String = secret.chars().filter(|c| !c.is_whitespace()).skip(8).take(12).collect();
            assert!(part.len() < 12 || !text.contains(&part), "{kind} in {place}: {text}");
        }
    }
    println!("{kinds} kinds of secrets, {places} findings");
    assert!(kinds > 50 && places > 800);
}

#[test]
fn honest_values_are_no_secrets() {
    let mut count = 0;
    for text in honest() {
        for (place, rows) in planted(&text) {
            count += 1;
            if let Err(error) = scan(&rows) {
                panic!("{text:?} as {place}: {error}");
            }
        }
    }
    println!("{count} honest places");
    assert!(count > 1000);
}

#[test]
fn every_shape_has_a_secret_that_it_finds() {
    let scanner = Scanner::get().unwrap();
    let mut seen = BTreeSet::new();
    let (all, _) = scanner.matched("");
    for (secret, _) in secrets() {
        seen.extend(scanner.matched(&secret).1);
    }
    let unseen: Vec<usize> = (0..all).filter(|n| !seen.contains(n)).collect();
    assert!(unseen.is_empty(), "{unseen:?}: shapes that no secret here has, by their place in the table");
    for text in honest() {
        assert!(scanner.matched(&text).1.is_empty(), "{text}");
    }
}

#[test]
fn a_random_text_is_a_secret_under_the_name_of_one() {
    let rows = |key: &str, value: Value| {
        let mut facts = facts();
        facts.extensions.insert("x".to_owned(), Fact::word(json!({ key: value }), Source::Sealmark));
        facts.explain()
    };
    let text = random(16, 0);
    for value in [json!(text), json!([text]), json!({"value": text}), json!({"a": [{"b": text}]})] {
        assert_eq!(scan(&rows("dbPassword", value.clone())).unwrap_err().code(), "secret-found", "{value}");
        assert!(scan(&rows("checksum", value)).is_ok());
    }
    for value in ["correct horse battery staple", "password", "true", "$TOKEN_OF_CI_1", "https://a.example/t0kenS", ""]
    {
        assert!(scan(&rows("token", json!(value))).is_ok(), "{value}");
    }
    // An option and its value are two elements of a command.
    let argv = |option: &str| rows("argv", json!(["tool", option, text, "--quiet"]));
    assert_eq!(scan(&argv("--password")).unwrap_err().code(), "secret-found");
    assert!(scan(&argv("--output")).is_ok());
}

#[test]
fn findings_name_the_first_place_and_how_many_follow() {
    let mut facts = facts();
    let secret = format!("npm_{}", random(36, 0));
    facts.external_parameters.insert(["inputs", "a/b"], word(&secret));
    facts.external_parameters.insert(["inputs", "c"], word(&secret));
    facts.external_parameters.insert(["inputs", &secret], word("x"));
    let error = scan(&facts.explain()).unwrap_err();
    let GenerateError::SecretFound { pointer, kind, more } = error else { panic!("{error}") };
    assert_eq!(pointer, "/predicate/buildDefinition/externalParameters/inputs/a~1b");
    assert_eq!((kind.as_str(), more), ("an npm token", 2));
}

#[test]
fn values_of_the_environment_are_found_in_every_guise() {
    let value = "correct/horse battery+staple";
    let known = [("SHORT_TOKEN", "1234567"), ("DB_PASSWORD", value), ("EMPTY_SECRET", "")];
    let encoded = "correct%2Fhorse%20battery%2Bstaple".to_owned();
    let based = (0..4).map(|n| base64::encode(format!("{}{value} and more", "u:x".split_at(n.min(3)).0).as_bytes()));
    for text in [value.to_owned(), format!("x{value}y"), encoded].into_iter().chain(based) {
        for (place, rows) in planted(&text) {
            let error = scan_known(&rows, &known).expect_err(&format!("{text} in {place}"));
            assert_eq!(error.code(), "secret-found");
            let shown = format!("{error} {error:?}");
            assert!(shown.contains("DB_PASSWORD") && !shown.contains("horse"), "{shown}");
        }
    }
    // Each line of a key is as secret as the whole.
    let lines = [("SSH_KEY", "first line of it\n  second line of it\nend\n")];
    let (_, rows) = planted("see: second line of it").swap_remove(1);
    assert_eq!(scan_known(&rows, &lines).unwrap_err().code(), "secret-found");
    for text in honest() {
        for (place, rows) in planted(&text) {
            assert!(scan_known(&rows, &known).is_ok() && scan_known(&rows, &lines).is_ok(), "{text} in {place}");
        }
    }
}

#[test]
fn values_are_masked_by_name() {
    let mut facts = facts();
    let external = &mut facts.external_parameters;
    external.insert(["inputs", "Channel"], word("beta"));
    external.insert(["inputs", "npm-token"], word("short"));
    external.insert(["inputs", "use_token"], Fact::word(json!(true), Source::Vars));
    external.insert(["inputs", "password"], word(""));
    external.insert(["secrets", "a/b"], word("x"));
    external.insert(["parameters"], Fact::word(json!([{"credentials": [1, 2], "level": 3}]), Source::Document));
    external.insert(["source", "ref"], word("refs/heads/main"));
    facts.internal_parameters.insert(["vars"], Fact::word(json!({"API_KEY": {"v": 7}, "MODE": "x"}), Source::Vars));
    mask(&mut facts, &["channel".to_owned(), "MODE".to_owned()]).unwrap();
    let predicate = serde_json::to_value(facts.predicate()).unwrap();
    let definition = &predicate["buildDefinition"];
    assert_eq!(
        definition["externalParameters"],
        json!({
            "inputs": {"Channel": MASKED, "npm-token": MASKED, "password": "", "use_token": true},
            "parameters": [{"credentials": MASKED, "level": 3}],
            "secrets": {"a/b": MASKED},
            "source": {"ref": "refs/heads/main"},
        })
    );
    assert_eq!(definition["internalParameters"], json!({"vars": {"API_KEY": {"v": MASKED}, "MODE": MASKED}}));
    let listed = predicate["runDetails"]["metadata"]["sealmark_masked"].as_array().unwrap();
    let listed: Vec<&str> = listed.iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(
        listed,
        [
            "/predicate/buildDefinition/externalParameters/inputs/Channel",
            "/predicate/buildDefinition/externalParameters/inputs/npm-token",
            "/predicate/buildDefinition/externalParameters/parameters/0/credentials",
            "/predicate/buildDefinition/externalParameters/secrets/a~1b",
            "/predicate/buildDefinition/internalParameters/vars/API_KEY/v",
            "/predicate/buildDefinition/internalParameters/vars/MODE",
        ]
    );
    let statement = json!({"predicate": predicate});
    assert!(listed.iter().all(|at| statement.pointer(at) == Some(&json!(MASKED))));
    // Once more changes nothing, and what is masked is no finding.
    let before = facts.clone();
    mask(&mut facts, &["CHANNEL".to_owned()]).unwrap();
    assert_eq!(facts, before);
    assert!(scan(&facts.explain()).is_ok());
}

#[test]
fn a_mask_that_matches_nothing_is_refused() {
    let mut facts = facts();
    facts.external_parameters.insert(["inputs", "channel"], word("beta"));
    facts.external_parameters.insert(["inputs", "token"], word("x"));
    let before = facts.clone();
    for names in [vec!["chanel"], vec!["channel", "chanel"], vec!["beta"], vec![""]] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(mask(&mut facts, &names).unwrap_err().code(), "mask-unused", "{names:?}");
        assert_eq!(facts, before);
    }
    mask(&mut facts, &[]).unwrap();
    assert_eq!(facts.extensions.len(), 1);
}

#[test]
fn what_the_user_names_is_masked_whatever_it_is() {
    let mut facts = facts();
    facts.external_parameters.insert(["inputs"], Fact::word(json!({"a": true, "b": "", "c": [1]}), Source::Vars));
    mask(&mut facts, &["inputs".to_owned()]).unwrap();
    let inputs = Value::Object(facts.external_parameters.to_map())["inputs"].clone();
    assert_eq!(inputs, json!({"a": MASKED, "b": MASKED, "c": MASKED}));
}

fn is_honest(text: &str) -> bool {
    scan(&planted(text).swap_remove(1).1).is_ok() && scan(&planted(text).swap_remove(0).1).is_ok()
}

proptest! {
    #[test]
    fn digests_never_trip(bytes in proptest::collection::vec(any::<u8>(), 0..=64)) {
        let hex = hex::encode(&bytes);
        for text in [hex.clone(), hex.to_uppercase(), format!("sha256:{hex}"), format!("ghcr.io/a/b@sha256:{hex}")] {
            prop_assert!(is_honest(&text), "{}", text);
        }
        let lines = format!("{hex}  dist/app.tar.gz\n");
        prop_assert!(is_honest(&base64::encode(lines.as_bytes())));
    }

    #[test]
    fn versions_never_trip(text in r"v?[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,8}(-(alpha|beta|rc)\.[0-9]{1,3})?(\+[a-z0-9]{1,10})?") {
        prop_assert!(is_honest(&text));
        let purl = format!("pkg:npm/%40acme/token-auth@{text}");
        prop_assert!(is_honest(&purl));
    }

    #[test]
    fn any_text_is_scanned(text in ".{0,200}") {
        for (_, rows) in planted(&text) {
            let _ = scan(&rows);
            let _ = scan_known(&rows, &[("TOKEN", &text)]);
        }
    }
}
