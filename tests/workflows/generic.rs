//! The generic workflow, job by job.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;
use serde_json::json;

use crate::job::Run;
use crate::job::sha256;
use crate::support::sigstore_server::Behaviour;
use crate::support::sigstore_server::Lie;
use crate::support::sigstore_server::Service;
use crate::world::COMMIT;
use crate::world::HOME;
use crate::world::World;
use crate::world::base64;
use crate::world::done;
use crate::world::equipped;
use crate::world::refused;
use crate::world::sealmark;

const FILE: &str = "generate-provenance.yml";
const ARTIFACT: &[u8] = b"artifact bytes";

fn line(name: &str) -> String {
    format!("{}  {name}\n", sha256(ARTIFACT))
}

fn subjects() -> Value {
    json!({"base64-subjects": base64(line("app.tar.gz"))})
}

/// The predicate's Statement in a bundle.
fn statement(bundle: &[u8]) -> Value {
    let bundle: Value = serde_json::from_slice(bundle).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, payload).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn digests_in_and_provenance_out_that_every_command_believes() {
    if !equipped() {
        return;
    }
    for reference in [COMMIT, "refs/tags/v0.1.0"] {
        let world = World::pinned(FILE, reference);
        let mut run = world.run(subjects());
        let signed = run.job("sign");
        done(&signed);
        assert_eq!(run.checked_out, [(HOME.to_owned(), COMMIT.to_owned())]);
        assert_eq!(signed.outputs["signed"], "true");
        assert_eq!(signed.outputs["provenance-name"], "multiple.intoto.jsonl");
        let bundle = run.artifact(&signed.outputs["artifact-name"]);
        let bytes = fs::read(&bundle).unwrap();
        assert_eq!(signed.outputs["provenance-sha256"], sha256(&bytes));
        let builder = format!("https://github.com/{HOME}/.github/workflows/{FILE}@{reference}");
        let statement = statement(&bytes);
        assert_eq!(statement["predicate"]["runDetails"]["builder"]["id"], builder.as_str());
        assert_eq!(
            statement["predicate"]["buildDefinition"]["buildType"],
            "https://actions.github.io/buildtypes/workflow/v1"
        );
        assert_eq!(statement["subject"].as_array().unwrap().len(), 1);

        believed(&world, &run, &bundle, &builder);
    }
}

/// Says that each command that verifies takes a bundle for what this workflow signed, and not for another source's.
fn believed(world: &World, run: &Run, bundle: &std::path::Path, builder: &str) {
    let artifact = run.path("app.tar.gz");
    fs::write(&artifact, ARTIFACT).unwrap();
    let (artifact, bundle, root) = (artifact.to_str().unwrap(), bundle.to_str().unwrap(), world.root(run));
    let signer = format!("{HOME}/.github/workflows/{FILE}");
    let common = ["--trust", &root, "--source-uri", "github.com/acme/app"];
    let ways: [&[&str]; 3] = [
        &["verify", artifact, "--bundle", bundle, "--signer-workflow", &signer, "--signer-digest", COMMIT],
        &["verify-artifact", artifact, "--provenance-path", bundle, "--source-tag", "v1.4.2", "--builder-id", builder],
        &["verify-github-attestation", artifact, "--attestation-path", bundle, "--builder-id", builder],
    ];
    for way in ways {
        let way = [way, &common].concat();
        let (code, text) = sealmark(&way);
        assert_eq!(code, 0, "{way:?}\n{text}");
        let other = [&way[..way.len() - 1], &["github.com/acme/other"]].concat();
        assert_eq!(sealmark(&other).0, 1);
    }
}

#[test]
fn ten_thousand_subjects_come_as_a_file_in_either_form() {
    if !equipped() {
        return;
    }
    let lines: String =
        (0..10_320).map(|n| format!("{}  dist/file-{n}.jar\n", sha256(format!("{n}").as_bytes()))).collect();
    let encoded = base64(&lines);
    let handle = json!({"artifact_name": "subjects", "filename": "subjects.txt", "sha256": sha256(encoded.as_bytes())});
    let forms = [
        (json!({"subjects-artifact": "subjects", "subjects-sha256": sha256(lines.as_bytes())}), lines.as_bytes()),
        (json!({"base64-subjects-as-file": base64(handle.to_string())}), encoded.as_bytes()),
    ];
    for (inputs, content) in forms {
        let world = World::new(FILE);
        let mut run = world.run(inputs);
        run.upload("subjects", "subjects.txt", content);
        let signed = run.job("sign");
        done(&signed);
        let statement = statement(&fs::read(run.artifact(&signed.outputs["artifact-name"])).unwrap());
        assert_eq!(statement["subject"].as_array().unwrap().len(), 10_320);
    }
}

#[test]
fn a_file_of_subjects_that_somebody_replaced_is_refused_before_anything_is_signed() {
    if !equipped() {
        return;
    }
    let sum = sha256(line("app.tar.gz").as_bytes());
    let world = World::new(FILE);
    for (file, content) in [("subjects.txt", line("other.tar.gz")), ("subjects.txt", String::new())] {
        let mut run = world.run(json!({"subjects-artifact": "subjects", "subjects-sha256": sum}));
        run.upload("subjects", file, content.as_bytes());
        refused(&run.job("sign"), "Sign", "expected the file of subjects with sha256");
    }
    let mut run = world.run(json!({"subjects-artifact": "subjects", "subjects-sha256": sum}));
    run.upload("subjects", "subjects.txt", line("app.tar.gz").as_bytes());
    run.upload("subjects", "more.txt", b"");
    refused(&run.job("sign"), "Sign", "expected one file of subjects in the artifact, found 2");
    assert_eq!(world.written(), 0);
}

#[test]
fn exactly_one_form_of_subjects_is_taken() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let sum = sha256(b"");
    let escape = json!({"artifact_name": "subjects", "filename": "../subjects", "sha256": sum});
    let cases = [
        (json!({}), "found 0"),
        (json!({"base64-subjects": "eA==", "subjects-artifact": "a", "subjects-sha256": sum}), "found 2"),
        (
            json!({"base64-subjects": "eA==", "subjects-sha256": sum}),
            "expected subjects-artifact beside subjects-sha256",
        ),
        (json!({"subjects-artifact": "a"}), "expected the sha256 of the file of subjects"),
        (json!({"subjects-artifact": "a", "subjects-sha256": "abc"}), "expected the sha256 of the file of subjects"),
        (
            json!({"subjects-artifact": "a\nfile=/etc/passwd", "subjects-sha256": sum}),
            "expected the name of an artifact",
        ),
        (json!({"base64-subjects-as-file": "eA=="}), "expected the handle of a file"),
        (json!({"base64-subjects-as-file": base64("{}")}), "expected artifact_name in the handle of a file"),
        (json!({"base64-subjects-as-file": base64(escape.to_string())}), "expected the name of a file in the handle"),
    ];
    for (inputs, text) in cases {
        refused(&world.run(inputs).job("sign"), "Choose the subjects", text);
    }
    assert_eq!(world.written(), 0);
}

#[test]
fn the_job_knows_itself_from_its_token_or_ends() {
    if !equipped() {
        return;
    }
    let step = "Identify this workflow";
    let mut world = World::new(FILE);
    let mut run = world.run(subjects());
    run.token_environment.clear();
    refused(&run.job("sign"), step, "the calling job needs permissions with id-token: write");

    for (lie, text) in
        [(Lie::OtherAudience, "found one for somebody else"), (Lie::NoToken, "expected a token with claims")]
    {
        world.server.behave(Service::Token, &[Behaviour::Lie(lie)]);
        refused(&world.run(subjects()).job("sign"), step, text);
    }
    world.server.behave(Service::Token, &[Behaviour::Status(403, "")]);
    refused(&world.run(subjects()).job("sign"), step, "expected a token from the token service, found an error");
    world.server.behave(Service::Token, &[Behaviour::Honest]);

    let own = world.build.clone();
    world.build.runner = "self-hosted".to_owned();
    refused(&world.run(subjects()).job("sign"), step, "expected a github-hosted runner, found self-hosted");
    world.build = own.clone();
    world.build.signer_commit = Some("main".to_owned());
    refused(&world.run(subjects()).job("sign"), step, "expected a commit in the claim job_workflow_sha");
    world.build = own.clone();
    world.build.signer_workflow = Some("acme/app/.github/workflows/release.yml@refs/heads/main".to_owned());
    refused(
        &world.run(subjects()).job("sign"),
        step,
        "expected to be called as .github/workflows/generate-provenance.yml",
    );
    world.build = own;
    world.build.signer_workflow = Some(format!("OWNER/sealmark;id/.github/workflows/{FILE}@main"));
    refused(&world.run(subjects()).job("sign"), step, "expected a workflow in the claim job_workflow_ref");
    assert_eq!(world.written(), 0);
}

#[test]
fn a_binary_that_is_not_the_listed_one_is_not_installed() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let mut run = world.run(subjects());
    let (rest, _) = run.listed.rsplit_once(' ').unwrap();
    run.listed = format!("{rest} {}", sha256(b"another binary"));
    refused(&run.job("sign"), "Install sealmark", "expected a binary with sha256");
    assert_eq!(world.written(), 0);
}

/// Puts a program of this name before all others.
fn stand_in(run: &mut Run, name: &str, script: &str) {
    let folder = run.path(&format!("stand-in-{name}"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join(name), script).unwrap();
    fs::set_permissions(folder.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    let path = run.environment["PATH"].clone();
    run.environment.insert("PATH".to_owned(), format!("{}:{path}", folder.display()));
}

#[test]
fn a_binary_of_another_source_is_not_taken_and_the_source_is_built() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    for file in ["src/main.rs", "Cargo.lock", "schemas/report-v1.schema.json", "docs/errors.md"] {
        let mut run = world.run(json!({}));
        run.changed = Some(file);
        run.environment.insert("RUSTFLAGS".to_owned(), "-C linker=evil".to_owned());
        let log = run.path("cargo.log");
        stand_in(&mut run, "rustup", "#!/bin/sh\n");
        let script = format!(
            "#!/bin/sh\necho \"$PWD $RUSTFLAGS $*\" >{}\nmkdir -p \"$RUNNER_TEMP/sealmark-target/release\"\ncp {} \"$RUNNER_TEMP/sealmark-target/release/sealmark\"\n",
            log.display(),
            crate::world::program().display(),
        );
        stand_in(&mut run, "cargo", &script);
        // The next step ends for want of subjects.
        refused(&run.job("sign"), "Choose the subjects", "building sealmark");
        let asked = fs::read_to_string(&log).unwrap();
        let rust = env!("CARGO_PKG_RUST_VERSION");
        assert!(
            asked.contains(&format!("/work-sign/sealmark-self  +{rust} build --locked --release --bin sealmark ")),
            "{asked}"
        );
    }
}

#[test]
fn a_private_source_reaches_no_service_without_leave() {
    if !equipped() {
        return;
    }
    let mut world = World::new(FILE);
    world.build.visibility = "private".to_owned();
    let ended = world.run(subjects()).job("sign");
    assert_eq!(ended.failed.as_deref(), Some("Sign"), "{}", ended.log);
    assert_eq!(world.written(), 0);
    let mut inputs = subjects();
    inputs["allow-public-log"] = true.into();
    done(&world.run(inputs).job("sign"));
    assert!(world.written() > 0);
}

#[test]
fn the_complete_form_records_the_variables_and_masks_what_it_is_told() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let mut inputs = subjects();
    inputs["github-form"] = "complete".into();
    inputs["mask"] = "HOST\n".into();
    let mut run = world.run(inputs);
    run.vars = json!({"CHANNEL": "stable", "HOST": "build-7.acme.example"});
    let event = run.path("event.json");
    fs::write(&event, "{}").unwrap();
    run.environment.insert("GITHUB_EVENT_PATH".to_owned(), event.to_str().unwrap().to_owned());
    let signed = run.job("sign");
    done(&signed);
    let statement = statement(&fs::read(run.artifact(&signed.outputs["artifact-name"])).unwrap());
    let parameters = &statement["predicate"]["buildDefinition"]["externalParameters"];
    assert_eq!(parameters["vars"]["CHANNEL"], "stable");
    assert!(!statement.to_string().contains("build-7.acme.example"));
}

/// What a caller writes into an input is never a command, whichever input it is.
#[test]
fn inputs_are_never_commands() {
    if !equipped() {
        return;
    }
    // All ways in which a shell could take a text for a command, another variable, an option, and another folder.
    let attacks = [
        "$(touch pwned) `touch pwned` \"; touch pwned; \" '; touch pwned; ' ; touch pwned",
        "x\nBASH_ENV=pwned",
        "--output=pwned",
        "../pwned",
    ];
    let workflow = crate::yaml::read(&format!(".github/workflows/{FILE}"));
    let declared = workflow["on"]["workflow_call"]["inputs"].as_object().unwrap();
    let texts = declared.iter().filter(|(name, input)| input["type"] == "string" && *name != "runner");
    let names: Vec<_> = texts.map(|(name, _)| name.as_str()).collect();
    let tried: usize = std::thread::scope(|scope| {
        let attack = |name: &str| {
            let world = World::new(FILE);
            for attack in attacks {
                let mut inputs = if name.contains("subjects") { json!({}) } else { subjects() };
                inputs[name] = attack.into();
                let mut run = world.run(inputs);
                let ended = run.job("sign");
                assert!(ended.outputs.values().all(|output| !output.contains("pwned")), "{name}: {attack}");
                let made = walk(&run).into_iter().find(|file| file.ends_with("pwned"));
                assert_eq!(made, None, "{name}: {attack}");
            }
            attacks.len()
        };
        let running: Vec<_> = names.iter().map(|name| scope.spawn(move || attack(name))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    println!("{tried} attacks through {} inputs, none a command", names.len());
    assert!(names.len() > 12);
}

/// All files of a run.
fn walk(run: &Run) -> Vec<String> {
    let mut folders = vec![run.path("")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path.to_str().unwrap().to_owned()) }
        }
    }
    files
}

/// A `gh` that writes down what it was asked; there is a release only when `released`.
fn github_client(run: &mut Run, released: bool) -> std::path::PathBuf {
    let log = run.path("gh.log");
    let script = format!(
        "#!/bin/sh\nprintf '%s\\n' \"$*\" >>{}\n[ -n \"$GH_TOKEN\" ] || exit 9\n[ \"$2\" != view ] || exit {}\n",
        log.display(),
        i32::from(!released)
    );
    stand_in(run, "gh", &script);
    log
}

/// A run behind the signing job, whose outputs name this file.
fn signed(world: &World, mut inputs: Value, content: &[u8]) -> Run {
    inputs["upload-assets"] = true.into();
    let mut run = world.run(inputs);
    run.pretend("sign", json!({"signed": "true", "artifact-name": "provenance", "provenance-name": "app.intoto.jsonl", "provenance-sha256": sha256(b"the bundle")}));
    run.upload("provenance", "app.intoto.jsonl", content);
    run
}

#[test]
fn the_release_gets_what_was_signed_and_nothing_else() {
    if !equipped() {
        return;
    }
    let world = World::new(FILE);
    let mut run = signed(&world, subjects(), b"the bundle");
    let log = github_client(&mut run, true);
    assert!(run.starts("upload"));
    let ended = run.job("upload");
    done(&ended);
    assert_eq!(ended.outputs["uploaded"], "true");
    let asked = fs::read_to_string(&log).unwrap();
    let lines: Vec<_> = asked.lines().collect();
    assert_eq!(lines[0], "release view v1.4.2 --repo acme/app");
    assert!(
        lines[1].starts_with("release upload v1.4.2 ")
            && lines[1].ends_with("/provenance/app.intoto.jsonl --repo acme/app"),
        "{asked}"
    );
    assert_eq!(lines.len(), 2);

    let mut run =
        signed(&world, json!({"base64-subjects": "x", "upload-tag-name": "v2", "draft-release": true}), b"the bundle");
    let log = github_client(&mut run, false);
    done(&run.job("upload"));
    assert!(
        fs::read_to_string(&log)
            .unwrap()
            .contains("release create v2 --repo acme/app --verify-tag --title v2 --notes  --draft\n")
    );

    let mut run = signed(&world, subjects(), b"another bundle");
    let log = github_client(&mut run, true);
    refused(&run.job("upload"), "Put it on the release", "expected the provenance that was signed");
    assert!(!log.exists());

    let mut run = signed(&world, json!({"upload-tag-name": "--notes-file=x"}), b"the bundle");
    let log = github_client(&mut run, true);
    refused(&run.job("upload"), "Put it on the release", "expected a tag, found an option");
    assert!(!log.exists());
}

#[test]
fn a_run_of_a_branch_needs_a_tag_to_release() {
    if !equipped() {
        return;
    }
    let mut world = World::new(FILE);
    world.build.reference = "refs/heads/main".to_owned();
    let mut run = signed(&world, subjects(), b"the bundle");
    github_client(&mut run, true);
    refused(&run.job("upload"), "Put it on the release", "give upload-tag-name");
}

#[test]
fn the_outcome_is_a_success_only_when_all_that_was_asked_is_done() {
    let world = World::new(FILE);
    let cases = [
        (Some("true"), false, None, "success"),
        (Some("true"), true, Some("true"), "success"),
        (Some("true"), true, None, "failure"),
        (None, false, None, "failure"),
        (None, true, Some("true"), "failure"),
    ];
    for (sign, wanted, uploaded, outcome) in cases {
        for go_on in [false, true] {
            let mut inputs = subjects();
            inputs["upload-assets"] = wanted.into();
            inputs["continue-on-error"] = go_on.into();
            let mut run = world.run(inputs);
            run.pretend("sign", sign.map_or(json!({}), |signed| json!({"signed": signed})));
            assert_eq!(run.starts("upload"), wanted && sign.is_some());
            run.pretend("upload", uploaded.map_or(json!({}), |uploaded| json!({"uploaded": uploaded})));
            assert!(run.starts("final"));
            let ended = run.job("final");
            assert_eq!(ended.outputs["outcome"], outcome);
            assert_eq!(ended.failed.is_some(), outcome == "failure" && !go_on);
        }
    }
}
