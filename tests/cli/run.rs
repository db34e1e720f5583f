//! `sealmark attest --run -- CMD…`: what the command was is in the provenance, and what failed is not attested.

use serde_json::Value;
use serde_json::json;

use crate::world::Ended;
use crate::world::World;
use crate::world::ended;

const BUNDLE: &str = "out.bin.sigstore.json";

/// A folder with a key and an input.
fn world() -> World {
    let world = World::new();
    assert_eq!(world.run(&["key", "generate", "--output", "release", "--plain"]).code, 0);
    world.write("in.txt", "in");
    world
}

/// `attest out.bin --key release.key --run ARGS -- sh -c SCRIPT`
fn attest(world: &World, args: &[&str], script: &str) -> Ended {
    let head = ["attest", "out.bin", "--key", "release.key", "--no-source", "--platform", "local", "--run"];
    let all = [&head, args, &["--", "sh", "-c", script]].concat();
    let mut command = world.command(&all);
    command
        .env("CFLAGS", "-O2")
        .env("FLAVOUR", "full")
        .env("CIRCLE_OIDC_TOKEN", "planted")
        .env("COSIGN_PASSWORD", "planted");
    ended(command, &all)
}

fn predicate(world: &World) -> Value {
    use base64::Engine as _;
    let bundle: Value = serde_json::from_slice(&std::fs::read(world.path(BUNDLE)).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let statement: Value =
        serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap();
    statement["predicate"].clone()
}

#[test]
fn a_command_is_run_recorded_signed_and_verified() {
    let world = world();
    let script = "echo shown; cat in.txt > out.bin";
    let ended = attest(&world, &["--input", "in.txt", "--env", "FLAVOUR", "--param", "profile=release"], script);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.err.contains("shown\n") && !ended.out.contains("shown\n"), "{ended:?}");
    let predicate = predicate(&world);
    let definition = &predicate["buildDefinition"];
    assert_eq!(definition["buildType"], "https://sealmark.dev/buildtypes/run/v1");
    let run = &definition["externalParameters"]["run"];
    assert_eq!(run["argv"], json!(["sh", "-c", script]));
    assert_eq!((&run["environment"]["CFLAGS"], &run["environment"]["FLAVOUR"]), (&json!("-O2"), &json!("full")));
    let build = &definition["externalParameters"]["build"];
    assert_eq!(build["buildType"], "https://sealmark.dev/buildtypes/local/v1");
    assert_eq!(build["externalParameters"], json!({"parameters": {"profile": "release"}}));
    assert_eq!(definition["internalParameters"]["exitStatus"], 0);
    let names: Vec<_> =
        definition["resolvedDependencies"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect();
    assert_eq!(names, ["input/in.txt", "program/sh"]);
    let metadata = &predicate["runDetails"]["metadata"];
    assert!(metadata["startedOn"].as_str().unwrap() <= metadata["finishedOn"].as_str().unwrap());
    let expected = ["--key", "release.pub", "--build-type", "https://sealmark.dev/buildtypes/run/v1"];
    assert_eq!(world.run(&[&["verify", "out.bin"], expected.as_slice()].concat()).code, 0);
}

#[test]
fn nothing_is_attested_of_what_went_wrong() {
    let world = world();
    for (args, script, code) in [
        (&["--input", "in.txt"][..], "echo x > out.bin; exit 7", "command-failed"),
        (&["--input", "in.txt"], "echo x > out.bin; echo x > in.txt", "input-changed"),
        (&[], "true", "output-untouched"),
        (&["--run-timeout", "1"], "exec sleep 30", "command-timeout"),
    ] {
        let ended = attest(&world, args, script);
        assert!(ended.code == 3 && ended.err.contains(&format!("error    {code}   ")), "{code}: {ended:?}");
        assert!(ended.out.is_empty() && !world.path(BUNDLE).exists(), "{code}: {ended:?}");
    }
    std::fs::remove_file(world.path("out.bin")).unwrap();
    let ended = attest(&world, &[], "true");
    assert!(ended.code == 2 && ended.err.contains("subject-not-found"), "{ended:?}");
}

#[test]
fn a_command_does_not_see_what_signs() {
    let world = world();
    let ended = attest(&world, &[], "env > out.bin");
    assert_eq!(ended.code, 0, "{ended:?}");
    let seen = std::fs::read_to_string(world.path("out.bin")).unwrap();
    assert!(seen.contains("FLAVOUR=full\n") && !seen.contains("planted"), "{seen}");
    let ended = attest(&world, &["--force", "--env", "COSIGN_PASSWORD"], "env > out.bin");
    assert!(ended.code == 2 && ended.err.contains("error    run-invalid   "), "{ended:?}");
}

#[test]
fn flags_of_a_command_go_together() {
    let world = world();
    let head = ["attest", "out.bin", "--key", "release.key"];
    for args in [
        &["--run"][..],
        &["--", "true"],
        &["--input", "in.txt"],
        &["--env", "HOME"],
        &["--run-timeout", "0", "--run", "--", "true"],
        &["--statement", "in.txt", "--run", "--", "true"],
    ] {
        let ended = world.run(&[&head, args].concat());
        assert!(ended.code == 2 && ended.err.starts_with("error: "), "{args:?}: {ended:?}");
    }
}

#[test]
fn a_secret_on_the_command_line_is_refused() {
    let world = world();
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let ended = attest(&world, &[], &format!("echo {token} > out.bin"));
    assert!(ended.code == 2 && ended.err.starts_with("error    secret-found   "), "{ended:?}");
    assert!(!ended.err.contains(&token) && !world.path(BUNDLE).exists(), "{ended:?}");
}
