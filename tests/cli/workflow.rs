//! A GitHub artifact attestation of an ordinary reusable workflow: one command, and the same with each thing wrong.

use insta::assert_snapshot;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::statement;
use crate::world::ARTIFACT;
use crate::world::World;

const GOOD: &[&str] = &[
    "--source-uri=github.com/acme/app",
    "--source-tag=v1.4.2",
    "--signer-workflow=acme/build/.github/workflows/release.yml",
    "--workflow=.github/workflows/ship.yml",
    "--trigger=push",
    "--require-hosted",
];

fn run() -> GitHub {
    GitHub {
        workflow_path: ".github/workflows/ship.yml".to_owned(),
        signer_workflow: Some("acme/build/.github/workflows/release.yml@refs/tags/v3.1.0".to_owned()),
        signer_commit: Some("1111111111111111111111111111111111111111".to_owned()),
        ..GitHub::default()
    }
}

fn world(run: &GitHub) -> World {
    let world = World::new();
    let subject = serde_json::json!([statement::subject("app.tar.gz", ARTIFACT)]);
    world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec_of(&subject, run));
    world
}

#[test]
fn allowed_by_one_command() {
    let ended = world(&run()).verify(GOOD);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_snapshot!(ended.out);
}

/// expectation that is wrong, code, what the hint must say
const WRONG: &[(&str, &str, &str)] = &[
    ("--source-uri=github.com/acme/other", "source-uri-mismatch", "hint"),
    ("--source-tag=v1.4.3", "source-ref-mismatch", "hint"),
    ("--source-branch=main", "source-ref-mismatch", "--source-tag v1.4.2"),
    ("--source-versioned-tag=v1.5", "source-version-mismatch", "hint"),
    ("--signer-workflow=acme/build/.github/workflows/publish.yml", "signer-workflow-mismatch", "hint"),
    ("--signer-workflow=acme/build/.github/workflows/release.yml@v3.0.0", "signer-workflow-mismatch", "hint"),
    ("--signer-repo=github.com/acme/app", "signer-repository-mismatch", "hint"),
    ("--signer-digest=2222222222222222222222222222222222222222", "signer-digest-mismatch", "hint"),
    ("--builder-id=https://github.com/acme/app/.github/workflows/ship.yml", "builder-id-mismatch", "hint"),
    ("--workflow=.github/workflows/release.yml", "workflow-path-mismatch", "hint"),
    ("--trigger=workflow_dispatch", "trigger-mismatch", "hint"),
    ("--source-commit=2222222222222222222222222222222222222222", "source-commit-mismatch", "hint"),
    ("--build-type=https://example.com/build/v1", "build-type-mismatch", "hint"),
    ("--build-workflow-input=level=a=b", "input-mismatch", "hint"),
];

#[test]
fn each_wrong_expectation_is_named_with_what_to_change() {
    let world = world(&run());
    let mut all = String::new();
    for (wrong, code, words) in WRONG {
        let flag = wrong.split('=').next().unwrap();
        let refs = ["--source-tag", "--source-branch", "--source-versioned-tag"];
        let same = |good: &&&str| {
            let good = good.split('=').next().unwrap();
            good != flag && !(refs.contains(&good) && refs.contains(&flag))
        };
        let mut args: Vec<&str> = GOOD.iter().filter(same).copied().collect();
        args.push(wrong);
        let ended = world.verify(&args);
        assert_eq!(ended.code, 1, "{wrong}: {ended:?}");
        assert!(ended.out.contains(code), "{wrong}: {}", ended.out);
        assert!(ended.out.contains(words), "{wrong} has no advice: {}", ended.out);
        all.push_str(&format!("$ {wrong}\n{}\n", ended.out));
    }
    assert_snapshot!(all);
    println!("{} wrong expectations refused", WRONG.len());
}

#[test]
fn a_machine_of_the_tenants_own_is_refused() {
    let ended = world(&GitHub { runner: "self-hosted".to_owned(), ..run() }).verify(GOOD);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("runner-not-hosted") && ended.out.contains("self-hosted"), "{}", ended.out);
}
