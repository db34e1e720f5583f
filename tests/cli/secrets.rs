//! Secrets planted in every place that a build is described in: none is ever printed, written or signed.

use std::fs;

use serde_json::json;

use crate::world::World;
use crate::world::ended;

/// The shape of a token of GitHub. It is made up.
const TOKEN: &str = "ghp_7Yq2mWx9Lr4Ks8Vt1Bn6Hd3Pf5Jz0Gc2Ea7u";
/// Looks like nothing; the environment holds it under a name that says what it is.
const HELD: &str = "correct-horse-battery";

/// A place for a secret: what becomes of the command line and the environment.
struct Planted {
    place: &'static str,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
    files: Vec<(&'static str, String)>,
}

fn planted(place: &'static str) -> Planted {
    Planted { place, arguments: Vec::new(), variables: Vec::new(), files: Vec::new() }
}

fn of_github(secret: &str) -> Vec<Planted> {
    let complete = || vec!["--github-form".to_owned(), "complete".to_owned()];
    let event = |event: serde_json::Value| vec![("event.json", event.to_string())];
    let dispatch =
        || vec![("GITHUB_EVENT_NAME", "workflow_dispatch".to_owned()), ("GITHUB_EVENT_PATH", "event.json".to_owned())];
    vec![
        Planted {
            arguments: complete(),
            variables: dispatch(),
            files: event(json!({"inputs": {"note": format!("deploy with {secret}")}})),
            ..planted("dispatch input")
        },
        Planted {
            arguments: complete(),
            variables: vec![("SEALMARK_VARS", json!({"NOTE": secret}).to_string())],
            ..planted("configuration variable")
        },
        Planted {
            arguments: [complete(), vec!["--param".to_owned(), format!("note={secret}")]].concat(),
            ..planted("parameter")
        },
        Planted { variables: vec![("GITHUB_REF", format!("refs/heads/{secret}"))], ..planted("ref") },
        Planted {
            variables: vec![(
                "GITHUB_WORKFLOW_REF",
                format!("acme/app/.github/workflows/{secret}.yml@refs/heads/main"),
            )],
            ..planted("workflow path")
        },
    ]
}

fn of_others(secret: &str) -> Vec<Planted> {
    let local = |more: &[String]| [&["--platform".to_owned(), "local".to_owned()], more].concat();
    let document = json!({
        "buildType": "https://acme.example/build", "builderId": "https://acme.example/builder",
        "externalParameters": {"deep": {"list": [secret]}},
        "source": {"uri": "git+https://git.acme.example/acme/app", "ref": "refs/heads/main", "commit": "ab".repeat(20)},
    });
    vec![
        Planted { arguments: local(&["--invocation-id".to_owned(), secret.to_owned()]), ..planted("invocation id") },
        Planted {
            arguments: local(&["--source-uri".to_owned(), format!("https://git.acme.example/acme/{secret}")]),
            ..planted("source address")
        },
        Planted {
            arguments: vec![
                "--facts".to_owned(),
                "facts.json".to_owned(),
                "--platform".to_owned(),
                "generic".to_owned(),
            ],
            files: vec![("facts.json", document.to_string())],
            ..planted("document of facts")
        },
        Planted {
            arguments: local(&["--base64-subjects".to_owned(), "@sums".to_owned()]),
            files: vec![("sums", base64(&format!("{}  {secret}.bin\n", "ab".repeat(32))))],
            ..planted("subject name")
        },
    ]
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

#[test]
fn planted_secrets_never_appear() {
    let (mut refused, mut honest) = (0, 0);
    for secret in [TOKEN, HELD] {
        for case in of_github(secret).into_iter().chain(of_others(secret)) {
            let world = World::new();
            world.write("app", "app");
            for (name, text) in &case.files {
                world.write(name, text);
            }
            assert_eq!(world.run(&["key", "generate", "--output", "release", "--plain"]).code, 0);
            for command in [&["generate"][..], &["generate", "--explain"], &["attest", "--key", "release.key"]] {
                let arguments: Vec<&str> = command
                    .iter()
                    .copied()
                    .chain(case.arguments.iter().map(String::as_str))
                    .chain(["--no-source", "app"])
                    .collect();
                let mut run = world.command(&arguments);
                for (name, value) in GITHUB.iter().map(|(name, value)| (*name, (*value).to_owned())) {
                    run.env(name, value);
                }
                run.env("DEPLOY_PASSWORD", HELD);
                for (name, value) in &case.variables {
                    run.env(name, value);
                }
                let ended = ended(run, &arguments);
                assert_eq!(ended.code, 2, "{}: {ended:?}", case.place);
                assert!(ended.err.contains("secret-found"), "{}: {ended:?}", case.place);
                assert!(!ended.out.contains(secret) && !ended.err.contains(secret), "{}: {ended:?}", case.place);
                assert!(!world.path("app.sigstore.json").exists(), "{}", case.place);
                refused += 1;
            }
        }
    }
    // The same place with an honest value is recorded.
    for case in of_github("note").into_iter().chain(of_others("note")) {
        let world = World::new();
        world.write("app", "app");
        for (name, text) in &case.files {
            world.write(name, text);
        }
        let arguments: Vec<&str> = ["generate"]
            .into_iter()
            .chain(case.arguments.iter().map(String::as_str))
            .chain(["--no-source", "app"])
            .collect();
        let mut run = world.command(&arguments);
        run.envs(GITHUB.iter().copied()).env("DEPLOY_PASSWORD", HELD);
        run.envs(case.variables.iter().map(|(name, value)| (*name, value.as_str())));
        let ended = ended(run, &arguments);
        assert!(ended.code == 0 && ended.out.contains("note"), "{}: {ended:?}", case.place);
        honest += 1;
    }
    println!("{refused} refusals, {honest} honest values");
    assert!(refused > 0 && honest > 0);
}

#[test]
fn a_masked_parameter_is_recorded_as_masked() {
    let world = World::new();
    world.write("app", "app");
    let arguments = [
        "generate",
        "app",
        "--platform",
        "local",
        "--no-source",
        "--param",
        &format!("note={TOKEN}"),
        "--mask",
        "note",
    ];
    let ended = ended(world.command(&arguments), &arguments);
    assert_eq!(ended.code, 0, "{ended:?}");
    let statement: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let predicate = &statement["predicate"];
    assert_eq!(predicate["buildDefinition"]["externalParameters"]["parameters"]["note"], "[MASKED]");
    let pointer = "/predicate/buildDefinition/externalParameters/parameters/note";
    assert_eq!(predicate["runDetails"]["metadata"]["sealmark_masked"], json!([pointer]));
    assert!(!fs::read_dir(world.path(".")).unwrap().any(|entry| entry.unwrap().file_name() == "app.sigstore.json"));
}

/// A job on GitHub that has no token.
const GITHUB: &[(&str, &str)] = &[
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "acme/app"),
    ("GITHUB_REPOSITORY_ID", "12"),
    ("GITHUB_REPOSITORY_OWNER", "acme"),
    ("GITHUB_REPOSITORY_OWNER_ID", "34"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_WORKFLOW_REF", "acme/app/.github/workflows/build.yml@refs/heads/main"),
    ("GITHUB_WORKFLOW_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_EVENT_NAME", "push"),
    ("GITHUB_RUN_ID", "77"),
    ("GITHUB_RUN_ATTEMPT", "1"),
    ("GITHUB_RUN_NUMBER", "5"),
    ("RUNNER_ENVIRONMENT", "github-hosted"),
];
