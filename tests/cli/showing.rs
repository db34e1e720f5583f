//! `sealmark inspect`, `trust show` and `completions`: what is shown, nothing decided.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Spec;
use crate::world::ARTIFACT;
use crate::world::World;
use crate::world::valid;

#[test]
fn inspect_shows_a_bundle_and_what_would_be_checked() {
    let world = World::attested();
    let ended = world.run(&["inspect", "app.tar.gz.sigstore.json"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r"
    nothing is believed: 1 attestation read, none verified; every word is its author's
    app.tar.gz.sigstore.json   bundle v0.3
      signer       https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2
      issuer       https://token.actions.githubusercontent.com
      certificate  valid 2026-10-04 11:32:02 to 2026-10-04 11:42:02 UTC
      claims       buildConfigDigest                3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e
                   buildConfigUri                   https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2
                   buildSignerDigest                3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e
                   buildSignerUri                   https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2
                   buildTrigger                     push
                   githubWorkflowName               Release
                   githubWorkflowRef                refs/tags/v1.4.2
                   githubWorkflowRepository         acme/app
                   githubWorkflowSha                3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e
                   githubWorkflowTrigger            push
                   issuer                           https://token.actions.githubusercontent.com
                   issuerV1                         https://token.actions.githubusercontent.com
                   runInvocationUri                 https://github.com/acme/app/actions/runs/9876543210/attempts/1
                   runnerEnvironment                github-hosted
                   sourceRepositoryDigest           3f2c9e1b7a6d5c4e3f2a1b0c9d8e7f6a5b4c3d2e
                   sourceRepositoryIdentifier       623456789
                   sourceRepositoryOwnerIdentifier  4242
                   sourceRepositoryOwnerUri         https://github.com/acme
                   sourceRepositoryRef              refs/tags/v1.4.2
                   sourceRepositoryUri              https://github.com/acme/app
                   sourceRepositoryVisibility       public
                   tokenSubject                     repo:acme/app:ref:refs/tags/v1.4.2
      log entry    5 in 26bcbda48c20db55416793a8b2af2f29e2951ca1085d75cfa1f789d710b14548, dsse 0.0.1, proof for a tree of 9, signed entry timestamp
      payload      application/vnd.in-toto+json
      statement    https://in-toto.io/Statement/v1
      predicate    https://slsa.dev/provenance/v1
      builder.id   https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2
      buildType    https://actions.github.io/buildtypes/workflow/v1
      source       git+https://github.com/acme/app@refs/tags/v1.4.2
      subjects     1
                   app.tar.gz   sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      verify would check
        shape        it has what a bundle v0.3 has, once each
        time         timestamps 0, signed entry timestamps 1
        certificate  it leads to an authority of a trusted root, for code signing, at each proven time
        sct          it was made public, where the trusted root runs CT logs
        signature    signatures 1, over the payload and its type
        log          entries 1, each in its log and about this envelope
        statement    the payload is an in-toto Statement
        identity     the certificate's name and issuer
        binding      a digest of a subject is the artifact's
    ");
}

#[test]
fn inspect_shows_the_rest_beside_what_is_malformed() {
    let world = World::new();
    let key = world.sigstore.mint(&Spec { entries: Vec::new(), ..world.sigstore.spec_key(ARTIFACT) });
    let bare = world.sigstore.bare_envelope(&world.sigstore.spec(ARTIFACT));
    let message = world.sigstore.mint(&world.sigstore.spec_message(ARTIFACT));
    let mut subjectless = world.sigstore.spec(ARTIFACT);
    subjectless.statement["subject"] = json!([]);
    let subjectless = world.sigstore.mint(&subjectless);
    world.write("many.jsonl", format!("{key}\n{{\"a\":1}}\n\nnothing\n{bare}\n{message}\n{subjectless}\n"));
    let ended = world.run(&["inspect", "many.jsonl"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let heads: Vec<_> =
        ended.out.lines().filter(|line| !line.starts_with(' ') || line.contains("malformed  ")).collect();
    assert_snapshot!(heads.join("\n"), @r#"
    nothing is believed: 6 attestations read, none verified; every word is its author's
    many.jsonl:1   bundle v0.3
    many.jsonl:2   malformed
      malformed    not-an-attestation   expected a Sigstore bundle or a DSSE envelope, found an object with key "a"
    many.jsonl:4   malformed
      malformed    json-invalid   expected JSON, found: expected ident (line 1, column 2)
    many.jsonl:5   DSSE envelope
    many.jsonl:6   bundle v0.3
    many.jsonl:7   bundle v0.3
      malformed    json-field-missing   /subject is missing
    "#);
    let json: Value = serde_json::from_str(&world.run(&["inspect", "many.jsonl", "--format", "json"]).out).unwrap();
    assert_eq!(json["schema"], "https://sealmark.dev/schemas/inspection-v1.json");
    assert_eq!(json["verified"], false);
    valid(&json, "inspection-v1");
    let found = json["found"].as_array().unwrap();
    let codes: Vec<_> = found.iter().map(|one| one["findings"][0]["code"].as_str().unwrap_or_default()).collect();
    assert_eq!(codes, ["", "not-an-attestation", "json-invalid", "", "", "json-field-missing"]);
    assert_eq!(found[3]["signers"][0]["issuer"], "https://token.actions.githubusercontent.com");
    assert_eq!(found[4]["checks"].as_array().unwrap().len(), 1, "a plain signature is refused by the first check");
    assert_eq!(found[0]["checks"].as_array().unwrap().len(), 9);
}

#[test]
fn inspect_shows_a_statement_that_nobody_signed() {
    let world = World::new();
    let statement = serde_json::to_string_pretty(&world.sigstore.spec(ARTIFACT).statement).unwrap();
    world.write("statement.json", &statement);
    let ended = world.run(&["inspect", "statement.json"]);
    assert_eq!(ended.code, 0);
    assert!(ended.out.contains("statement.json   unsigned Statement\n"), "{}", ended.out);
    assert!(!ended.out.contains("verify would check"), "{}", ended.out);
    world.write("statement.json", statement.replace("Statement/v1", "Statement/v9"));
    let ended = world.run(&["inspect", "statement.json"]);
    assert!(ended.out.contains("malformed    statement-type   "), "{}", ended.out);
}

#[test]
fn inspect_ends_by_what_it_could_read() {
    let world = World::attested();
    world.write("garbage", [0xff; 100]);
    assert_eq!(world.run(&["inspect", "garbage"]).code, 2);
    assert_eq!(world.run(&["inspect", "app.tar.gz.sigstore.json", "garbage"]).code, 2);
    let ended = world.run(&["inspect", "missing"]);
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    assert_eq!(world.run(&["inspect"]).code, 2);
}

#[test]
fn trust_show_lists_what_is_believed() {
    let world = World::new();
    let ended = world.run(&["trust", "show", "--trust", "root.json"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r"
    root.json   of unknown age, transparency logs
      certificate authority    https://virtual.fulcio.test              current, since 2026-01-01
      CT log                   https://virtual.ct.test/2026             current, since 2026-01-01
      transparency log         https://virtual.rekor.test               current, since 2026-01-01
      transparency log         https://log2026-1.virtual.rekor.test     current, since 2026-01-01
      timestamp authority      https://virtual.tsa.test                 current, since 2026-01-01
      timestamp authority      https://virtual.tsa.test                 current, since 2026-01-01
    ");
    let args = ["trust", "show", "--trust", "public-good", "--trust", "github", "--format", "json"];
    let json: Value = serde_json::from_str(&world.run(&args).out).unwrap();
    valid(&json, "trust-v1");
    let roots = json["roots"].as_array().unwrap();
    assert_eq!((&roots[0]["name"], &roots[1]["name"]), (&json!("public-good"), &json!("github")));
    assert_eq!((&roots[0]["transparency"], &roots[1]["transparency"]), (&json!("logged"), &json!("timestampOnly")));
    for root in roots {
        assert!(root["asOf"].is_string() && root["ageDays"].is_i64(), "{root}");
        assert!(root["listed"].as_array().unwrap().iter().any(|one| one["current"] == true), "{root}");
    }
    assert!(world.run(&["trust", "show"]).out.starts_with("public-good   as of "));
    assert_eq!(world.run(&["trust", "show", "--trust", "missing"]).code, 3);
}

#[test]
fn completions_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = world.run(&["completions", shell]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{shell}");
        assert!(ended.out.contains("--source-versioned-tag") || ended.out.contains("source-versioned-tag"), "{shell}");
    }
    assert_eq!(world.run(&["completions", "tcsh"]).code, 2);
}

/// What nobody reads was not said: a closed pipe never ends as allowed.
#[test]
fn a_closed_pipe_is_an_error() {
    let world = World::attested();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let args = ["verify", "app.tar.gz", "--trust", "root.json", "--source-uri", "github.com/acme/app"];
    let mut command = world.command(&args);
    let status = command.stdout(writer).stderr(std::process::Stdio::null()).status().unwrap();
    assert_eq!(status.code(), Some(3));
}
