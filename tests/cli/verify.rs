//! `sealmark verify` on good, wrong and hostile attestations.

use insta::assert_snapshot;
use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::Entry;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Kind;
use crate::support::virtual_sigstore::MediaType;
use crate::support::virtual_sigstore::Proof;
use crate::support::virtual_sigstore::San;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::support::virtual_sigstore::statement;
use crate::world::ARTIFACT;
use crate::world::World;

const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];
const IDENTITY: &str = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

#[test]
fn allowed() {
    let ended = World::attested().verify(&SOURCE);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert_snapshot!(ended.out, @r"
    allowed  app.tar.gz
      built by   github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2     certificate, predicate agrees
      from       github.com/acme/app, commit 3f2c9e1, refs/tags/v1.4.2                  certificate, predicate agrees
      on         a GitHub-hosted runner, triggered by push                              certificate, predicate agrees
      signed     2026-10-04 11:32:07 UTC, log entry 5                                   inclusion proven offline
      digest     sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      not checked: 1 dependency listed, reproducibility, which builder (any is accepted)
    ");
}

#[test]
fn allowed_beside_rejected_ones() {
    let world = World::new();
    let good = world.sigstore.spec(ARTIFACT);
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_branch("main"), good.clone(), world.of_other(), good]);
    let ended = world.verify(&SOURCE);
    assert_eq!(ended.code, 0);
    assert_snapshot!(ended.out, @r"
    allowed  app.tar.gz
      built by   github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2     certificate, predicate agrees
      from       github.com/acme/app, commit 3f2c9e1, refs/tags/v1.4.2                  certificate, predicate agrees
      on         a GitHub-hosted runner, triggered by push                              certificate, predicate agrees
      signed     2026-10-04 11:32:07 UTC, log entry 5                                   inclusion proven offline
      digest     sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      not checked: 1 dependency listed, reproducibility, which builder (any is accepted)
      also accepted: app.tar.gz.intoto.jsonl:4
      rejected: app.tar.gz.intoto.jsonl:1   source-ref-mismatch
      1 attestation about other artifacts   subject-mismatch
    ");
    let report = world.report(&SOURCE);
    let outcomes: Vec<_> = candidates(&report).iter().map(|one| one["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["rejected", "accepted", "rejected", "accepted"]);
}

#[test]
fn denied_with_several_candidates() {
    let world = World::new();
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_branch("main"), world.of_other()]);
    world.write("app.tar.gz.sigstore.json", "{}");
    let ended = world.verify(&SOURCE);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    assert_snapshot!(ended.out, @r"
    denied   app.tar.gz   3 attestations found, none satisfies the expectations
      app.tar.gz.intoto.jsonl:1   source-ref-mismatch
        expected  refs/tags/v1.4.2
        found     refs/heads/main                                        certificate, predicate agrees
        hint      this build was run on a branch; run the release workflow on the tag, or expect --source-branch main
      app.tar.gz.sigstore.json   not-an-attestation
        because   expected a Sigstore bundle or a DSSE envelope, found an empty object
        hint      sealmark inspect shows what is in a file
      app.tar.gz.intoto.jsonl:2   subject-mismatch
        expected  sha256:4659fc05…
        found     sha256:a3ead5ee… (app-debug.tar.gz)
        hint      it is about other files, perhaps of the same build; take the attestation that was published with this one
    ");
}

#[test]
fn every_unmet_expectation_is_named() {
    let world = World::attested();
    let args = ["--source-uri", "github.com/acme/other", "--source-branch", "main", "--builder-id", "https://x.test/b"];
    let ended = world.verify(&args);
    assert_eq!(ended.code, 1);
    assert_snapshot!(ended.out, @r"
    denied   app.tar.gz   1 attestation found, it does not satisfy the expectations
      app.tar.gz.sigstore.json
        builder-id-mismatch
          expected  https://x.test/b at any ref
          found     https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2     certificate, predicate agrees
        source-uri-mismatch
          expected  git+https://github.com/acme/other
          found     git+https://github.com/acme/app                        certificate, predicate agrees
          hint      another repository of the same owner; if it was renamed, expect the name that it has now
        source-ref-mismatch
          expected  refs/heads/main
          found     refs/tags/v1.4.2                                       certificate, predicate agrees
          hint      this build was run on a tag; to expect it, --source-tag v1.4.2
    ");
}

#[test]
fn signed_with_a_key_alone() {
    let world = World::new();
    let spec = Spec { entries: Vec::new(), ..world.sigstore.spec_key(ARTIFACT) };
    world.attest("app.tar.gz.sigstore.json", &spec);
    world.write("release.pub", world.sigstore.public_key_pem(&spec));
    let ended = world.verify(&["--key", "release.pub", "--source-uri", "github.com/acme/app"]);
    assert_eq!(ended.code, 0);
    assert_snapshot!(ended.out, @r"
    allowed  app.tar.gz
      built by   github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2     predicate
      from       github.com/acme/app, commit 3f2c9e1, refs/tags/v1.4.2                  predicate
      on         a GitHub-hosted runner, triggered by push                              predicate
      signed by  key release.pub                                                        ECDSA P-256
                 sha256:3e1372b948e6044be347ee73c999e3fb000ac276bd32eebdfd510e5c81d72689
      signed     at an unknown time
      digest     sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      not checked: 1 dependency listed, reproducibility, the facts (the word of the key's holder), public record (there is no log entry), signing time (nothing proves it), which branch or tag (any is accepted)
    ");
    let report = world.report(&["--key", "release.pub"]);
    assert_eq!(
        codes(&report["results"][0]["notChecked"])[2..],
        ["signer-word", "transparency", "signing-time", "source", "source-ref"]
    );
}

#[test]
fn without_a_log_where_the_domain_has_none() {
    let world = World::new();
    world.write("private.json", world.sigstore.private_trusted_root().to_string());
    world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec_private(ARTIFACT));
    let args = [&["verify", "app.tar.gz", "--trust", "private.json"], &SOURCE[..]].concat();
    let ended = world.run(&args);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_snapshot!(ended.out, @r"
    allowed  app.tar.gz
      built by   github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.4.2     certificate, predicate agrees
      from       github.com/acme/app, commit 3f2c9e1, refs/tags/v1.4.2                  certificate, predicate agrees
      on         a GitHub-hosted runner, triggered by push                              certificate, predicate agrees
      signed     2026-10-04 11:32:08 UTC                                                timestamp proven offline
      digest     sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      not checked: 1 dependency listed, reproducibility, public record (there is no log entry), which builder (any is accepted)
    ");
    // The same under the root of a domain that runs logs.
    assert_eq!(refusals(&world.report(&SOURCE)), ["sct-missing"]);
}

#[test]
fn a_promise_is_called_one_and_other_predicates_say_what_was_not_read() {
    let world = World::new();
    let entry = Entry { proof: Proof::Absent, ..world.sigstore.entry(Kind::Intoto002) };
    let good = Spec { media_type: MediaType::V01, entries: vec![entry], ..world.sigstore.spec(ARTIFACT) };
    let mut sbom = good.clone();
    sbom.statement["predicateType"] = json!("https://cyclonedx.org/bom");
    sbom.san = vec![San::Email("dev@example.com".to_owned())];
    world.attest("app.tar.gz.sigstore.json", &sbom);
    let args = ["--type", "cyclonedx", "--identity", "dev@example.com", "--issuer", ISSUER];
    let ended = world.verify(&args);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_snapshot!(ended.out, @r"
    allowed  app.tar.gz
      says       https://cyclonedx.org/bom                predicate
      signed by  dev@example.com                          certificate
                 by issuer token.actions.githubusercontent.com
      signed     2026-10-04 11:32:07 UTC, log entry 5     promised by the log
      digest     sha256:4659fc0570122b0e0aa14f4ff7c261b1fe51795a01ba79963f462ebf40d7520d
      not checked: what the predicate says, inclusion in the log (it is promised)
    ");
}

#[test]
fn json_holds_all_of_it() {
    let world = World::attested();
    let report = world.report(&SOURCE);
    assert_eq!(report["schema"], "https://sealmark.dev/schemas/report-v1.json");
    assert_eq!(report["tool"], json!({"name": "sealmark", "version": env!("CARGO_PKG_VERSION")}));
    assert_eq!(report["verdict"], "allowed");
    let summary = json!({"artifacts": 1, "allowed": 1, "denied": 0, "undecided": 0, "accepted": 1, "rejected": 0});
    assert_eq!(report["summary"], summary);
    let result = &report["results"][0];
    assert_eq!(result["artifact"]["name"], "app.tar.gz");
    assert_eq!(result["artifact"]["digests"]["sha256"], HashKind::Sha256.hex(ARTIFACT));
    let candidate = &candidates(&report)[0];
    assert_eq!(candidate["source"], json!({"file": "app.tar.gz.sigstore.json"}));
    assert_eq!(candidate["format"], "bundle v0.3");
    let attestation = &candidate["attestation"];
    assert_eq!(attestation["statementType"], "https://in-toto.io/Statement/v1");
    assert_eq!(attestation["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(attestation["subject"]["name"], "app.tar.gz");
    let signer = &attestation["signer"];
    assert_eq!(
        (&signer["kind"], &signer["name"], &signer["issuer"]),
        (&json!("workload"), &json!(IDENTITY), &json!(ISSUER))
    );
    assert_eq!(signer["claims"]["sourceRepositoryUri"], "https://github.com/acme/app");
    let build = &attestation["build"];
    assert_eq!(build["ref"], json!({"value": "refs/tags/v1.4.2", "backing": "certificateAndPredicate"}));
    assert_eq!(build["runner"], json!({"value": "github-hosted", "backing": "certificateAndPredicate"}));
    for fact in ["builtBy", "buildType", "from", "commit", "trigger", "workflow", "invocation"] {
        assert!(build[fact]["value"].is_string() && build[fact]["backing"].is_string(), "{fact}: {build}");
    }
    let evidence = &attestation["evidence"];
    assert_eq!((&evidence["trustRoot"], &evidence["transparency"]), (&json!("root.json"), &json!("logged")));
    assert_eq!(evidence["signedAt"], json!([{"time": "2026-10-04T11:32:07Z", "source": "log"}]));
    assert_eq!(evidence["certificatePublicity"], "logged");
    assert_eq!(evidence["logEntries"][0]["proof"], "inclusion");
    assert!(evidence["logEntries"][0]["treeSize"].is_u64());
    assert_eq!(codes(&result["notChecked"]), ["dependencies", "reproducibility", "builder"]);
}

/// Which flags end how, with which codes.
#[test]
fn expectations_decide() {
    let world = World::attested();
    let name = ["--identity", IDENTITY, "--issuer", ISSUER];
    let accepted: &[&[&str]] = &[
        &["--source-uri", "https://github.com/ACME/app.git/"],
        &["--source-uri", "github.com/acme/app", "--source-versioned-tag", "v1.4"],
        &["--builder-id", "https://github.com/acme/app/.github/workflows/release.yml@v1.4.2"],
        &name,
        &["--certificate-identity", IDENTITY, "--certificate-oidc-issuer", ISSUER, "--source-tag", "v1.4.2"],
        &["--identity-regexp", "https://github.com/acme/.*", "--issuer-regexp", "https://token.*"],
        &[&name[..], &["--type", "slsaprovenance"]].concat(),
        &[&name[..], &["--type", "slsaprovenance1"]].concat(),
        &[&name[..], &["--type", "https://slsa.dev/provenance/v1"]].concat(),
        &[&name[..], &["--offline", "--trust", "public-good", "--trust", "root.json"]].concat(),
    ];
    for args in accepted {
        let ended = world.verify(args);
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    }
    let refused: &[(&[&str], &[&str])] = &[
        (&["--source-uri", "github.com/acme/ap"], &["source-uri-mismatch"]),
        (&["--source-uri", "github.com/acme/app", "--source-tag", "v1.4"], &["source-ref-mismatch"]),
        (&["--source-uri", "github.com/acme/app", "--source-branch", "v1.4.2"], &["source-ref-mismatch"]),
        (&["--source-uri", "github.com/acme/app", "--source-versioned-tag", "v1.5"], &["source-version-mismatch"]),
        (&["--builder-id", "https://github.com/acme/app/.github/workflows/release.yml@v1"], &["builder-id-mismatch"]),
        (&["--identity", "x", "--issuer", "y"], &["identity-mismatch", "issuer-mismatch"]),
        (&["--identity-regexp", "github.com/acme", "--issuer", ISSUER], &["identity-mismatch"]),
        (&[&name[..], &["--type", "slsaprovenance02"]].concat(), &["predicate-type-mismatch"]),
        (&[&name[..], &["--type", "spdx"]].concat(), &["predicate-type-mismatch"]),
    ];
    for (args, expected) in refused {
        assert_eq!(world.verify(args).code, 1, "{args:?}");
        assert_eq!(refusals(&world.report(args)), *expected, "{args:?}");
    }
    // Another domain's root does not know the authority.
    let public = world.run(&["verify", "app.tar.gz", "--source-uri", "github.com/acme/app", "--format", "json"]);
    assert_eq!(
        (public.code, refusals(&serde_json::from_str(&public.out).unwrap())),
        (1, vec!["log-unknown".to_owned()])
    );
}

#[test]
fn a_key_and_a_certificate_are_not_each_other() {
    let world = World::attested();
    let spec = world.sigstore.spec_key(ARTIFACT);
    world.write("release.pub", world.sigstore.public_key_pem(&spec));
    world.write("foreign.pub", world.sigstore.foreign_key("signer", spec.key).public_pem());
    // The certificate is of that very key, and still it is a certificate.
    assert_eq!(refusals(&world.report(&["--key", "release.pub"])), ["signer-not-key"]);
    world.attest("app.tar.gz.sigstore.json", &spec);
    assert_eq!(world.verify(&["--key", "foreign.pub", "--key", "release.pub"]).code, 0);
    assert_eq!(refusals(&world.report(&["--key", "foreign.pub"])), ["signature-key-unknown"]);
    assert_eq!(refusals(&world.report(&SOURCE)), ["signer-kind"]);
}

#[test]
fn wrong_usage() {
    let world = World::attested();
    world.write("no-key.pub", "-----BEGIN NOTHING-----\n");
    let missing = "error: ";
    let cases: &[(&[&str], &str)] = &[
        (&[], "policy-nobody"),
        (&["--source-tag", "v1"], "policy-nobody"),
        (&["--type", "spdx", "--source-uri", "github.com/a/b"], "policy-not-provenance"),
        (&["--type", "provenance", "--source-uri", "github.com/a/b"], "policy-predicate-type"),
        (&["--source-uri", "app"], "policy-source-uri"),
        (&["--source-uri", "github.com/a/b@refs/tags/v1"], "policy-source-uri"),
        (&["--source-uri", "github.com/a/b", "--source-tag", "refs/heads/x"], "policy-ref"),
        (&["--source-uri", "github.com/a/b", "--source-versioned-tag", "main"], "policy-version"),
        (&["--builder-id", "x"], "policy-builder-id"),
        (&["--identity-regexp", "(", "--issuer", "x"], "policy-regex"),
        (&["--key", "no-key.pub"], "key-invalid"),
        (&["--identity", "x"], missing),
        (&["--issuer", "x"], missing),
        (&["--identity", "x", "--identity-regexp", "x", "--issuer", "x"], missing),
        (&["--identity", "", "--issuer", "x"], missing),
        (&["--identity", "x", "--issuer", "x", "--key", "release.pub"], "policy-signer-kinds"),
        (&["--source-uri", "github.com/a/b", "--source-tag", "v1", "--source-branch", "main"], missing),
        (&["--source-uri", "github.com/a/b", "--source-uri", "github.com/a/b"], missing),
        (&["--source-uri", "github.com/a/b", "--format", "xml"], missing),
        (&["--source-uri", "github.com/a/b", "--offline", "--offline"], missing),
        (&["--source-uri", "github.com/a/b", "--output", ""], missing),
    ];
    for (args, expected) in cases {
        let ended = world.verify(args);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{args:?}: {ended:?}");
        assert!(ended.err.contains(expected), "{args:?}: {ended:?}");
    }
    for args in [
        &["verify"][..],
        &["verify", "", "--source-uri", "github.com/a/b"],
        &["verify", "--source-uri", "github.com/a/b"],
    ] {
        assert_eq!(world.run(args).code, 2, "{args:?}");
    }
    let digest = format!("sha256:{}", HashKind::Sha256.hex(ARTIFACT));
    let ended = world.run(&["verify", &digest, "--source-uri", "github.com/a/b"]);
    assert_eq!(ended.code, 2);
    assert!(ended.err.starts_with("error    bundle-needed   "), "{ended:?}");
}

#[test]
fn several_artifacts_and_folders() {
    let world = World::new();
    std::fs::create_dir(world.path("dist")).unwrap();
    let subjects = json!([statement::subject("a", b"a"), statement::subject("b", b"b")]);
    world.write("dist/a", "a");
    world.write("dist/b", "b");
    world.write("dist/c", "c");
    world.attest("dist/multiple.intoto.jsonl", &world.sigstore.spec_of(&subjects, &GitHub::default()));
    let args = ["--trust", "root.json", "--source-uri", "github.com/acme/app"];
    let ended = world.run(&[&["verify", "dist"], &args[..]].concat());
    assert_eq!(ended.code, 1);
    let heads: Vec<_> = ended.out.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_snapshot!(heads.join("\n"), @r"
    denied   3 artifacts: 2 allowed, 1 denied
    allowed  dist/a
    allowed  dist/b
    denied   dist/c   1 attestation found, it does not satisfy the expectations
    notice   attestations-left-out   1 not taken for artifacts, being attestations of the others: dist/multiple.intoto.jsonl
    ");
    // Named by itself, the file of attestations is an artifact like any other.
    let ended = world.run(&[&["verify", "dist/a", "dist/multiple.intoto.jsonl"], &args[..]].concat());
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("denied   dist/multiple.intoto.jsonl   no attestation found\n"), "{ended:?}");
    // Checksums and digests, with the file named.
    let sums = format!("{}  a\n{}  b\n", HashKind::Sha256.hex(b"a"), HashKind::Sha256.hex(b"b"));
    world.write("SHA256SUMS", sums);
    let bundle = ["--bundle", "dist/multiple.intoto.jsonl"];
    let ended = world.run(&[&["verify", "@SHA256SUMS"], &bundle[..], &args[..]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.starts_with("allowed  2 artifacts: 2 allowed\n"), "{ended:?}");
}

#[test]
fn artifacts_are_hashed_by_what_attestations_name() {
    let world = World::new();
    for (name, kind) in [("sha384", HashKind::Sha384), ("sha512", HashKind::Sha512)] {
        let subjects = json!([{"name": "app.tar.gz", "digest": {name: kind.hex(ARTIFACT)}}]);
        world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec_of(&subjects, &GitHub::default()));
        let report = world.report(&SOURCE);
        assert_eq!(report["verdict"], "allowed", "{report:#}");
        let digests = &report["results"][0]["artifact"]["digests"];
        assert_eq!(digests[name], kind.hex(ARTIFACT));
        assert_eq!(digests["sha256"], HashKind::Sha256.hex(ARTIFACT));
        assert_eq!(digests.as_object().unwrap().len(), 2);
    }
    // An algorithm that contradicts is computed too.
    let digest = json!({"sha256": HashKind::Sha256.hex(ARTIFACT), "sha512": HashKind::Sha512.hex(b"other")});
    let subjects = json!([{"name": "app.tar.gz", "digest": digest}]);
    world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec_of(&subjects, &GitHub::default()));
    assert_eq!(refusals(&world.report(&SOURCE)), ["subject-contradiction"]);
}

#[test]
fn the_report_goes_to_a_file_whole() {
    let world = World::attested();
    let ended = world.verify(&[&SOURCE[..], &["--format", "json", "--output", "report.json"]].concat());
    assert_eq!((ended.code, ended.out.as_str()), (0, ""));
    let report: Value = serde_json::from_slice(&std::fs::read(world.path("report.json")).unwrap()).unwrap();
    assert_eq!(report["verdict"], "allowed");
    // Allowed, and not said to be: the reader has no report.
    let ended = world.verify(&[&SOURCE[..], &["--output", "nowhere/report.json"]].concat());
    assert_eq!((ended.code, ended.out.as_str()), (3, ""));
    assert!(ended.err.starts_with("error    file-directory-missing   "), "{ended:?}");
}

#[test]
fn many_candidates_give_one_report_whatever_the_order_of_threads() {
    let world = World::new();
    let one = [world.of_branch("main"), world.of_other(), world.sigstore.spec(ARTIFACT)];
    let specs: Vec<Spec> = one.iter().cycle().take(60).cloned().collect();
    world.lines("app.tar.gz.intoto.jsonl", &specs);
    let mut first = world.report(&SOURCE);
    assert_eq!(candidates(&first).len(), 60);
    for (n, candidate) in candidates(&first).iter().enumerate() {
        assert_eq!(candidate["source"]["line"], n + 1);
        assert_eq!(candidate["outcome"], if n % 3 == 2 { "accepted" } else { "rejected" });
    }
    let mut second = world.report(&SOURCE);
    first["verifiedAt"] = Value::Null;
    second["verifiedAt"] = Value::Null;
    assert_eq!(first, second);
}

#[test]
fn a_cosigned_key_bundle_with_a_log_entry_names_the_log() {
    let world = World::new();
    let spec = Spec { signer: Signer::Key { hint: None }, ..world.sigstore.spec(ARTIFACT) };
    world.attest("app.tar.gz.sigstore.json", &spec);
    world.write("release.pub", world.sigstore.public_key_pem(&spec));
    let report = world.report(&["--key", "release.pub"]);
    let evidence = &candidates(&report)[0]["attestation"]["evidence"];
    assert_eq!(evidence["logEntries"][0]["proof"], "inclusion");
    assert_eq!(evidence["certificatePublicity"], "noCertificate");
}

pub(crate) fn candidates(report: &Value) -> &Vec<Value> {
    report["results"][0]["candidates"].as_array().unwrap()
}

/// The codes of the first candidate.
pub(crate) fn refusals(report: &Value) -> Vec<String> {
    codes(&candidates(report)[0]["findings"])
}

pub(crate) fn codes(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}
