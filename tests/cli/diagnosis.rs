//! Denied, and told why: for each attestation the first thing that differed, the closest attestation first, and a hint
//! for the mistakes that people make.

use insta::assert_snapshot;
use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::VirtualSigstore;
use crate::support::virtual_sigstore::statement;
use crate::verify::candidates;
use crate::world::ARTIFACT;
use crate::world::World;

const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml";

fn about(world: &World, name: &str, content: &[u8], run: &GitHub) -> Spec {
    world.sigstore.spec_of(&json!([statement::subject(name, content)]), run)
}

fn on_tag(world: &World, tag: &str) -> Spec {
    about(world, "app.tar.gz", ARTIFACT, &GitHub { reference: format!("refs/tags/{tag}"), ..GitHub::default() })
}

#[test]
fn the_closest_attestation_comes_first_for_people_and_the_file_order_stays_in_json() {
    let world = World::new();
    let fork = GitHub { repository: "fork/app".to_owned(), ..GitHub::default() };
    let stranger = VirtualSigstore::new("stranger");
    let forged = stranger.mint(&stranger.spec(ARTIFACT)).to_string();
    let minted = |spec: &Spec| world.sigstore.mint(spec).to_string();
    let lines = [
        minted(&world.of_other()),
        "{}".to_owned(),
        forged,
        minted(&about(&world, "dist/app.tar.gz", b"older bytes", &GitHub::default())),
        minted(&about(&world, "app.tar.gz", ARTIFACT, &fork)),
        minted(&on_tag(&world, "1.4.2")),
    ];
    world.write("app.tar.gz.intoto.jsonl", lines.join("\n"));
    let args = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2", "--builder-id", WORKFLOW];
    let ended = world.verify(&args);
    assert_eq!(ended.code, 1);
    assert_snapshot!(ended.out);
    let report = world.report(&args);
    let order: Vec<_> = candidates(&report).iter().map(|one| one["source"]["line"].as_u64().unwrap()).collect();
    assert_eq!(order, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let world = World::new();
    let (branch, other) = (world.of_branch("main"), world.of_other());
    world.lines("app.tar.gz.intoto.jsonl", &[vec![branch; 23], vec![other; 7]].concat());
    let out = world.verify(&SOURCE).out;
    assert_eq!(out.matches("source-ref-mismatch").count(), 20, "{out}");
    assert!(out.contains("\n  … and 3 more attestations rejected, each with its reasons in --format json\n"), "{out}");
    assert!(out.contains("\n  7 attestations about other artifacts   subject-mismatch\n"), "{out}");
    let good = world.sigstore.spec(ARTIFACT);
    world.lines("app.tar.gz.intoto.jsonl", &vec![good; 25]);
    let out = world.verify(&SOURCE).out;
    assert_eq!(out.matches("also accepted").count(), 20, "{out}");
    assert!(out.ends_with("\n  … and 4 more attestations accepted\n"), "{out}");
}

/// What people mistype or misunderstand, and what the hint says about it.
#[test]
fn hints_for_the_usual_mistakes() {
    let world = World::new();
    let run = GitHub::default;
    let cases: &[(&str, Spec, &[&str], &str)] = &[
        (
            "a branch for a tag",
            world.of_branch("main"),
            &SOURCE,
            "this build was run on a branch; run the release workflow",
        ),
        ("a tag without its v", on_tag(&world, "1.4.2"), &SOURCE, "v included; this one is written 1.4.2"),
        ("another tag", on_tag(&world, "v1.5.0"), &SOURCE, "take the one that was published with your version"),
        (
            "a pre-release",
            on_tag(&world, "v1.4.3-rc.1"),
            &["--source-uri", "github.com/acme/app", "--source-versioned-tag", "v1.4"],
            "a pre-release counts only when it is named in full",
        ),
        (
            "a fork",
            about(&world, "app.tar.gz", ARTIFACT, &GitHub { repository: "fork/app".to_owned(), ..run() }),
            &SOURCE,
            "a repository of that name under another owner: a fork, or it moved",
        ),
        (
            "a renamed workflow",
            about(
                &world,
                "app.tar.gz",
                ARTIFACT,
                &GitHub { workflow_path: ".github/workflows/ship.yml".to_owned(), ..run() },
            ),
            &["--builder-id", WORKFLOW],
            "another workflow of the same repository; if the workflow was renamed there",
        ),
        (
            "a workflow at another ref",
            world.sigstore.spec(ARTIFACT),
            &["--builder-id", "https://github.com/acme/app/.github/workflows/release.yml@v1"],
            "the same workflow at another ref",
        ),
        (
            "GitLab for GitHub",
            world.sigstore.spec(ARTIFACT),
            &["--identity-regexp", ".*", "--issuer", "https://gitlab.com"],
            "this is the issuer of GitHub Actions; expected is that of GitLab",
        ),
        (
            "an artifact that was built again",
            about(&world, "app.tar.gz", b"older bytes", &run()),
            &SOURCE,
            "a file of this name was attested with another digest",
        ),
        (
            "another compression",
            about(&world, "app.tar", b"x", &run()),
            &SOURCE,
            "another form of this file was attested",
        ),
        ("another artifact", world.of_other(), &SOURCE, "it is about other files, perhaps of the same build"),
    ];
    for (name, spec, args, words) in cases {
        world.attest("app.tar.gz.sigstore.json", spec);
        let ended = world.verify(args);
        assert_eq!(ended.code, 1, "{name}: {ended:?}");
        assert!(ended.out.contains(words), "{name}: {}", ended.out);
    }
    println!("{} mistakes", cases.len());
}

#[test]
fn an_attestation_is_not_its_own_artifact() {
    let world = World::attested();
    let args = ["verify", "app.tar.gz.sigstore.json", "--trust", "root.json"];
    let ended = world.run(&[&args[..], &SOURCE].concat());
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("name the file that it is about, and this one with --bundle"), "{ended:?}");
}
