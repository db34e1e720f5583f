//! Verification summaries: slsa-verifier's rows, and one lie for each thing that a summary must say.

use serde_json::Value;
use serde_json::json;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::HashKind;
use crate::support::virtual_sigstore::Key;
use crate::support::virtual_sigstore::KeyKind;
use crate::support::virtual_sigstore::Signature;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;
use crate::world::ARTIFACT;
use crate::world::Ended;
use crate::world::World;

const TYPE: &str = "https://slsa.dev/verification_summary/v1";
const VERIFIER: &str = "https://example.com/verifier";
const RESOURCE: &str = "pkg:generic/acme/app@1.4.2";

/// A good summary about the artifact, by a key, alone in an envelope's bundle.
fn summary(world: &World, edit: impl Fn(&mut Value)) -> Spec {
    let mut statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": "_", "digest": {"sha256": HashKind::Sha256.hex(ARTIFACT), "image_id": "89"}}],
        "predicateType": TYPE,
        "predicate": {
            "verifier": {"id": VERIFIER},
            "timeVerified": "2026-10-04T11:32:00Z",
            "resourceUri": RESOURCE,
            "policy": {"uri": "https://example.com/policy", "digest": {"sha256": "ab".repeat(32)}},
            "verificationResult": "PASSED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_3", "SLSA_SOURCE_LEVEL_2", "ACME"],
        },
    });
    edit(&mut statement);
    Spec {
        statement,
        entries: Vec::new(),
        scts: Vec::new(),
        signer: Signer::Key { hint: None },
        ..world.sigstore.spec(ARTIFACT)
    }
}

/// Writes the summary as a bare envelope, and its key.
fn write(world: &World, spec: &Spec) {
    world.write("vsa.json", world.sigstore.mint_parts(spec).envelope.to_string());
    world.write("key.pub", world.sigstore.public_key_pem(spec));
}

fn sha256() -> String {
    format!("sha256:{}", HashKind::Sha256.hex(ARTIFACT))
}

/// `verify-vsa` with everything that is expected, then `args`; a flag of `args` takes the place of its first namesake.
fn verify(world: &World, args: &[&str]) -> Ended {
    let sha256 = sha256();
    let mut all = vec![
        ("--subject-digest", sha256.as_str()),
        ("--attestation-path", "vsa.json"),
        ("--verifier-id", VERIFIER),
        ("--resource-uri", RESOURCE),
        ("--verified-level", "SLSA_BUILD_LEVEL_2"),
        ("--public-key-path", "key.pub"),
    ];
    for pair in args.chunks(2) {
        let [flag, value] = pair else { panic!("{args:?}") };
        match all.iter_mut().find(|(name, _)| name == flag) {
            Some(known) => known.1 = value,
            None => all.push((flag, value)),
        }
    }
    let words: Vec<&str> = all.iter().flat_map(|(flag, value)| [*flag, *value]).collect();
    world.run(&[&["verify-vsa"], words.as_slice()].concat())
}

fn passed(ended: &Ended) {
    assert_eq!((ended.code, ended.err.as_str()), (0, "PASSED: SLSA verification passed\n"), "{ended:?}");
}

/// Failed with slsa-verifier's name first and our code last, on the first line.
fn failed(ended: &Ended, sentinel: &str, code: &str) {
    let first = ended.err.lines().next().unwrap_or_default();
    let head = format!("FAILED: SLSA verification failed: {sentinel}");
    assert!(first.starts_with(&head) && first.ends_with(&format!("({code})")), "{sentinel} {code}: {ended:?}");
    assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{ended:?}");
}

#[test]
fn what_slsa_verifier_accepts_is_accepted() {
    let world = World::new();
    write(&world, &summary(&world, |_| ()));
    passed(&verify(&world, &[]));
    passed(&verify(&world, &["--subject-digest", "image_id:89"]));
    passed(&verify(&world, &["--verified-level", "SLSA_SOURCE_LEVEL_2"]));
    passed(&verify(&world, &["--verified-level", "ACME"]));
    for signature in [Signature::P1363, Signature::Good] {
        for key in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
            if key == KeyKind::Ed25519 && signature == Signature::P1363 {
                continue;
            }
            write(&world, &Spec { signature, key, ..summary(&world, |_| ()) });
            passed(&verify(&world, &[]));
        }
    }
    write(&world, &summary(&world, |s| s["_type"] = json!("https://in-toto.io/Statement/v0.1")));
    passed(&verify(&world, &[]));
    write(&world, &summary(&world, |s| s["predicate"]["verifiedLevels"] = json!(["SLSA_BUILD_LEVEL_10"])));
    passed(&verify(&world, &[]));
}

#[test]
fn a_summary_is_printed_only_when_it_passed() {
    let world = World::new();
    let spec = summary(&world, |_| ());
    write(&world, &spec);
    let run = |verifier: &str| {
        let sha256 = sha256();
        let flags = ["--print-attestation", "--subject-digest", &sha256, "--attestation-path", "vsa.json"];
        let more = ["--public-key-path", "key.pub", "--resource-uri", RESOURCE, "--verifier-id", verifier];
        world.run(&[&["verify-vsa"], flags.as_slice(), more.as_slice()].concat())
    };
    let ended = run(VERIFIER);
    passed(&ended);
    assert_eq!(serde_json::from_str::<Value>(&ended.out).unwrap(), spec.statement);
    failed(&run("https://example.com/other"), "ErrorMismatchVerifierID", "vsa-verifier-mismatch");
}

/// A signature that names a key must name the expected one; without a name for it, that is its OpenSSH fingerprint.
#[test]
fn key_ids_are_compared_as_slsa_verifier_does() {
    let world = World::new();
    let named = |id: &str| Spec { key_id: Some(id.to_owned()), ..summary(&world, |_| ()) };
    let code = ("ErrorNoValidSignature", "vsa-keyid-mismatch");
    write(&world, &named("keystore://1:prod:key"));
    passed(&verify(&world, &["--public-key-id", "keystore://1:prod:key"]));
    for given in ["", "my_key_id", "keystore://1:prod:Key"] {
        failed(&verify(&world, &["--public-key-id", given]), code.0, code.1);
    }
    failed(&verify(&world, &[]), code.0, code.1);
    write(&world, &summary(&world, |_| ()));
    passed(&verify(&world, &["--public-key-id", "anything"]));
    // Its fingerprint, as the program says it expected it.
    write(&world, &named("x"));
    let ended = verify(&world, &[]);
    let start = ended.err.find("SHA256:").unwrap();
    let fingerprint = ended.err[start..].split('"').next().unwrap();
    write(&world, &named(fingerprint));
    passed(&verify(&world, &[]));
    passed(&verify(&world, &["--public-key-id", ""]));
    failed(&verify(&world, &["--public-key-id", "my_key_id"]), code.0, code.1);
}

#[test]
fn a_summary_that_says_something_else_is_refused() {
    let world = World::new();
    let (verifier, resource) = ("/predicate/verifier", "/predicate/resourceUri");
    let (result, levels) = ("/predicate/verificationResult", "/predicate/verifiedLevels");
    let (empty, missing) = ("ErrorEmptyRequiredField", "predicate-field-missing");
    let (no_level, bad_level) = ("ErrorMismatchVerifiedLevels", "ErrorInvalidSLSALevel");
    let lies = [
        (verifier, json!({"id": "https://evil.example"}), "ErrorMismatchVerifierID", "vsa-verifier-mismatch"),
        (verifier, json!({"id": format!("{VERIFIER}/")}), "ErrorMismatchVerifierID", "vsa-verifier-mismatch"),
        (verifier, json!({"id": ""}), empty, missing),
        (resource, json!("pkg:generic/acme/other@1.4.2"), "ErrorMismatchResourceURI", "vsa-resource-mismatch"),
        (resource, Value::Null, empty, missing),
        (result, json!("FAILED"), "ErrorInvalidVerificationResult", "vsa-not-passed"),
        (result, json!("passed"), "ErrorInvalidVerificationResult", "vsa-result-unknown"),
        (result, Value::Null, "ErrorInvalidVerificationResult", missing),
        (levels, json!(["SLSA_BUILD_LEVEL_1"]), no_level, "vsa-level-missing"),
        (levels, json!(["SLSA_SOURCE_LEVEL_3"]), no_level, "vsa-level-missing"),
        (levels, json!([]), no_level, "vsa-level-missing"),
        (levels, json!(["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_3"]), bad_level, "vsa-level-invalid"),
        (levels, json!(["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_1"]), bad_level, "vsa-level-invalid"),
        (levels, json!(["SLSA_BUILD_LEVEL_3", "FAILED"]), "ErrorInvalidVerificationResult", "vsa-not-passed"),
        ("/predicate/timeVerified", json!("today"), "ErrorInvalidDssePayload", "vsa-time-invalid"),
        ("/predicate/policy", json!({}), empty, missing),
        ("/predicate", json!([]), empty, missing),
        (
            "/predicateType",
            json!("https://slsa.dev/verification_summary/v0.2"),
            "ErrorInvalidDssePayload",
            "predicate-type-mismatch",
        ),
        ("/subject/0/digest/sha256", json!("00".repeat(32)), "ErrorMissingSubjectDigest", "subject-mismatch"),
        ("/_type", json!("x"), "ErrorInvalidDssePayload", "statement-type"),
    ];
    for (pointer, value, sentinel, code) in &lies {
        write(&world, &summary(&world, |s| s.pointer_mut(pointer).unwrap().clone_from(value)));
        failed(&verify(&world, &[]), sentinel, code);
    }
    println!("lies of summaries: 0 accepted, {} refused", lies.len());
}

#[test]
fn what_is_expected_must_be_said_and_can_be() {
    let world = World::new();
    write(&world, &summary(&world, |_| ()));
    let cases = [
        (["--verifier-id", ""], "ErrorEmptyRequiredField", "policy-vsa-empty"),
        (["--resource-uri", ""], "ErrorEmptyRequiredField", "policy-vsa-empty"),
        (["--verified-level", "SLSA_BUILD"], "ErrorInvalidSLSALevel", "policy-vsa-level"),
        (["--verified-level", "SLSA_BUILD_LEVEL_10"], "ErrorMismatchVerifiedLevels", "vsa-level-missing"),
        (["--verified-level", "ACME_2"], "ErrorMismatchVerifiedLevels", "vsa-level-missing"),
        (["--subject-digest", "image_id:90"], "ErrorMissingSubjectDigest", "subject-mismatch"),
        (["--subject-digest", "image_id"], "ErrorInvalidDssePayload", "artifact-digest-text"),
        (["--attestation-path", "missing.json"], "", "file-not-found"),
        (["--attestation-path", "app.tar.gz"], "ErrorInvalidDssePayload", "json-invalid"),
        (["--public-key-path", "app.tar.gz"], "ErrorInvalidPublicKey", "key-invalid"),
    ];
    for (args, sentinel, code) in cases {
        failed(&verify(&world, &args), sentinel, code);
    }
    let bare = ["verify-vsa", "--attestation-path", "vsa.json", "--public-key-path", "key.pub"];
    failed(&world.run(&bare), "ErrorEmptyRequiredField", "vsa-subject-needed");
    failed(
        &world.run(&[bare.as_slice(), &["--subject-digest", "image_id:89"]].concat()),
        "ErrorEmptyRequiredField",
        "policy-vsa-empty",
    );
    assert_eq!(world.run(&["verify-vsa", "--attestation-path", "vsa.json"]).code, 2, "a signer is needed");
}

/// Half of the digests in each of two subjects are two things.
#[test]
fn one_subject_has_every_digest() {
    let world = World::new();
    let sha256 = sha256();
    let run = |subjects: Value| {
        write(&world, &summary(&world, |s| s["subject"] = subjects.clone()));
        let flags = ["--subject-digest", "image_id:89", "--subject-digest", &sha256];
        let more = ["--verifier-id", VERIFIER, "--resource-uri", RESOURCE, "--attestation-path", "vsa.json"];
        world.run(&[&["verify-vsa", "--public-key-path", "key.pub"], flags.as_slice(), more.as_slice()].concat())
    };
    let hex = HashKind::Sha256.hex(ARTIFACT);
    passed(&run(json!([{"digest": {"x": "1"}}, {"digest": {"image_id": "89", "sha256": hex}}])));
    let split = run(json!([{"digest": {"image_id": "89"}}, {"digest": {"sha256": hex}}]));
    failed(&split, "ErrorMissingSubjectDigest", "subject-mismatch");
}

#[test]
fn another_signature_is_none() {
    let world = World::new();
    let good = summary(&world, |_| ());
    for signature in [Signature::Bad, Signature::ForeignKey, Signature::OtherPayload, Signature::WithoutPae] {
        write(&world, &Spec { signature, ..good.clone() });
        failed(&verify(&world, &[]), "ErrorNoValidSignature", "signature-invalid");
    }
    write(&world, &good);
    world.write("key.pub", Key::derive("other", "signer", KeyKind::P256).public_pem());
    failed(&verify(&world, &[]), "ErrorNoValidSignature", "signature-invalid");
    write(&world, &Spec { payload_type: "text/plain".to_owned(), ..good });
    failed(&verify(&world, &[]), "ErrorInvalidDssePayload", "payload-type");
}

#[test]
fn age_and_policy_are_asked_for_beyond_slsa_verifier() {
    let world = World::new();
    write(&world, &summary(&world, |_| ()));
    let digest = format!("sha256:{}", "ab".repeat(32));
    passed(&verify(&world, &["--max-age", "36500d", "--policy-digest", &digest]));
    failed(&verify(&world, &["--max-age", "1s"]), "", "vsa-stale");
    let other = format!("sha256:{}", "cd".repeat(32));
    failed(&verify(&world, &["--policy-digest", &other]), "", "vsa-policy-mismatch");
    write(&world, &summary(&world, |s| s["predicate"]["policy"]["digest"] = Value::Null));
    failed(&verify(&world, &["--policy-digest", &digest]), "", "vsa-policy-mismatch");
    write(&world, &summary(&world, |s| s["predicate"]["timeVerified"] = Value::Null));
    failed(&verify(&world, &["--max-age", "36500d"]), "", "vsa-stale");
    write(&world, &summary(&world, |s| s["predicate"]["timeVerified"] = json!("2999-01-01T00:00:00Z")));
    failed(&verify(&world, &["--max-age", "1d"]), "ErrorInvalidDssePayload", "vsa-time-invalid");
    let ended = verify(&world, &["--verifier-id", "x", "--resource-uri", "y", "--policy-digest", &other]);
    failed(&ended, "ErrorMismatchVerifierID", "vsa-verifier-mismatch");
    assert_eq!(ended.err.lines().count(), 3, "{ended:?}");
}

#[test]
fn a_certificate_may_have_signed() {
    let world = World::new();
    let by_key = summary(&world, |_| ());
    let spec = Spec { statement: by_key.statement.clone(), ..world.sigstore.spec(ARTIFACT) };
    world.attest("vsa.json", &spec);
    world.write("key.pub", world.sigstore.public_key_pem(&spec));
    let (sha256, run) = (sha256(), GitHub::default());
    let verify_by = |identity: &str, issuer: &str| {
        let who = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer, "--trust", "root.json"];
        let what = ["--subject-digest", &sha256, "--verifier-id", VERIFIER, "--resource-uri", RESOURCE];
        let rest = ["--attestation-path", "vsa.json", "--max-age", "36500d"];
        world.run(&[&["verify-vsa"], who.as_slice(), what.as_slice(), rest.as_slice()].concat())
    };
    let issuer = "https://token.actions.githubusercontent.com";
    passed(&verify_by(&run.signer_uri(), issuer));
    failed(&verify_by("https://github.com/evil/x", issuer), "ErrorInvalidCertificate", "identity-mismatch");
    failed(&verify_by(&run.signer_uri(), "https://evil.example"), "ErrorInvalidOIDCIssuer", "issuer-mismatch");
    failed(&verify(&world, &["--trust", "root.json"]), "ErrorNoValidSignature", "signer-not-key");
    failed(&verify(&world, &[]), "ErrorInvalidRekorEntry", "log-unknown");
    write(&world, &by_key);
    failed(&verify_by(&run.signer_uri(), issuer), "ErrorNoValidSignature", "signer-kind");
}

/// slsa-verifier's own rows.
#[test]
fn rows_of_slsa_verifier_end_as_they_must() {
    let Some(corpus) = std::env::var_os("SEALMARK_CORPUS").map(std::path::PathBuf::from) else {
        assert!(std::env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "SEALMARK_CORPUS is not set");
        println!("skipped: SEALMARK_CORPUS is not set");
        return;
    };
    let folder = corpus.join("slsa-verifier");
    let rows = std::fs::read_to_string(folder.join("cases.jsonl")).unwrap();
    let path = |name: &Value| folder.join("testdata").join(name.as_str().unwrap()).to_str().unwrap().to_owned();
    let world = World::new();
    let (mut accepted, mut refused) = (0, 0);
    for row in rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        if row["command"] != "verify-vsa" {
            continue;
        }
        let vsa = &row["vsa"];
        let mut args = vec!["verify-vsa".to_owned(), "--attestation-path".to_owned(), path(&row["provenance"])];
        args.extend(["--public-key-path".to_owned(), path(&vsa["public_key_path"])]);
        for (flag, key) in
            [("--verifier-id", "verifier_id"), ("--resource-uri", "resource_uri"), ("--public-key-id", "public_key_id")]
        {
            args.extend(vsa[key].as_str().map(|value| [flag.to_owned(), value.to_owned()]).into_iter().flatten());
        }
        for (flag, key) in [("--subject-digest", "subject_digests"), ("--verified-level", "verified_levels")] {
            let values = vsa[key].as_array().into_iter().flatten().filter_map(Value::as_str);
            args.extend(values.flat_map(|value| [flag.to_owned(), value.to_owned()]));
        }
        let ended = world.run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        if row["expected"] == "ok" {
            accepted += 1;
            passed(&ended);
        } else {
            refused += 1;
            failed(&ended, row["expected"].as_str().unwrap(), "vsa-keyid-mismatch");
        }
    }
    println!("slsa-verifier's rows of summaries: {accepted} accepted, {refused} refused");
    assert!(accepted > 0 && refused > 0);
}

const SOURCE: [&str; 4] = ["--source-uri", "github.com/acme/app", "--source-tag", "v1.4.2"];
const WORKFLOW: &str = "https://github.com/acme/app/.github/workflows/release.yml";
const POLICY: &str = "https://example.com/policy";

/// A folder with the artifact, its attestation, and a key pair to issue with.
fn issuer(world: World) -> World {
    assert_eq!(world.run(&["key", "generate", "--output", "issuer", "--plain"]).code, 0);
    world
}

/// `vsa app.tar.gz` with what names the summary, to `vsa.json`.
fn issue(world: &World, args: &[&str]) -> Ended {
    let who = ["--verifier-id", VERIFIER, "--resource-uri", RESOURCE, "--policy-uri", POLICY];
    let how = ["--trust", "root.json", "--signing-key", "issuer.key", "--output", "vsa.json"];
    world.run(&[&["vsa", "app.tar.gz"], who.as_slice(), how.as_slice(), args].concat())
}

/// What was signed.
fn issued(world: &World) -> Value {
    use base64::Engine as _;
    let bundle: Value = serde_json::from_slice(&std::fs::read(world.path("vsa.json")).unwrap()).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(payload).unwrap()).unwrap()
}

fn levels(world: &World) -> Value {
    let levels = issued(world)["predicate"]["verifiedLevels"].clone();
    std::fs::remove_file(world.path("vsa.json")).unwrap();
    levels
}

/// Nothing was written, and this is why.
fn not_issued(world: &World, ended: &Ended, exit: i32, code: &str) {
    assert!(ended.code == exit && ended.err.contains(code), "{code}: {ended:?}");
    assert!(!world.path("vsa.json").exists(), "{code}");
}

#[test]
fn a_summary_is_issued_and_verifies() {
    let world = issuer(World::attested());
    let ended = issue(&world, &SOURCE);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    assert!(ended.out.starts_with("issued   a summary about app.tar.gz\n  result     PASSED, SLSA_BUILD_LEVEL_2\n"));
    let statement = issued(&world);
    let predicate = &statement["predicate"];
    assert_eq!(
        statement["subject"],
        json!([{"name": "app.tar.gz", "digest": {"sha256": HashKind::Sha256.hex(ARTIFACT)}}])
    );
    assert_eq!(predicate["verifier"]["id"], VERIFIER);
    assert_eq!(predicate["slsaVersion"], "1.2");
    let used = std::fs::read(world.path("app.tar.gz.sigstore.json")).unwrap();
    let input = json!([{"uri": "app.tar.gz.sigstore.json", "digest": {"sha256": HashKind::Sha256.hex(&used)}}]);
    assert_eq!(predicate["inputAttestations"], input);
    let digest = format!("sha256:{}", predicate["policy"]["digest"]["sha256"].as_str().unwrap());
    let key = ["--public-key-path", "issuer.pub", "--max-age", "1h", "--policy-digest", &digest];
    passed(&verify(&world, &key));
    let other = format!("sha256:{}", "00".repeat(32));
    let key = ["--public-key-path", "issuer.pub", "--policy-digest", &other];
    failed(&verify(&world, &key), "", "vsa-policy-mismatch");
    let key = ["--public-key-path", "issuer.pub", "--verified-level", "SLSA_BUILD_LEVEL_3"];
    failed(&verify(&world, &key), "ErrorMismatchVerifiedLevels", "vsa-level-missing");
    let again = issue(&world, &SOURCE);
    assert!(again.code == 2 && again.err.contains("file-exists"), "{again:?}");
    assert_eq!(issue(&world, &[SOURCE.as_slice(), &["--force"]].concat()).code, 0);
}

/// The same expectations have the same digest in any order, and others have another.
#[test]
fn expectations_are_identified_by_their_digest() {
    let world = issuer(World::attested());
    let digest = |args: &[&str]| {
        let ended = issue(&world, &[args, &["--force"]].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        issued(&world)["predicate"]["policy"]["digest"]["sha256"].clone()
    };
    let first = digest(&SOURCE);
    assert_eq!(first, digest(&["--source-tag", "v1.4.2", "--source-uri", "github.com/acme/app"]));
    assert_ne!(first, digest(&SOURCE[..2]));
    assert_ne!(first, digest(&[SOURCE.as_slice(), &["--require-hosted"]].concat()));
}

/// No level is claimed that the evidence does not support.
#[test]
fn levels_are_claimed_with_evidence_alone() {
    let world = issuer(World::attested());
    let with = |more: &[&str]| issue(&world, &[SOURCE.as_slice(), more].concat());
    let (two, three) = (["--level", "SLSA_BUILD_LEVEL_2"], ["--level", "SLSA_BUILD_LEVEL_3"]);
    not_issued(&world, &with(&three), 1, "vsa-level-unsupported");
    not_issued(&world, &with(&["--level", "SLSA_SOURCE_LEVEL_1"]), 1, "vsa-level-unsupported");
    not_issued(&world, &with(&["--level", "SLSA_BUILD"]), 2, "policy-vsa-level");
    assert_eq!(with(&["--builder-id", WORKFLOW]).code, 0);
    assert_eq!(levels(&world), json!(["SLSA_BUILD_LEVEL_2"]), "3 only when asked for");
    assert_eq!(with(&[["--builder-id", WORKFLOW], three].concat()).code, 0);
    assert_eq!(levels(&world), json!(["SLSA_BUILD_LEVEL_3"]));
    assert_eq!(with(&["--level", "ACME_RELEASED", "--level", "SLSA_BUILD_LEVEL_1"]).code, 0);
    assert_eq!(levels(&world), json!(["ACME_RELEASED", "SLSA_BUILD_LEVEL_1"]));

    // A machine that the platform does not run.
    let run = GitHub { runner: "self-hosted".to_owned(), ..GitHub::default() };
    let subjects = json!([crate::support::virtual_sigstore::statement::subject("app.tar.gz", ARTIFACT)]);
    world.attest("app.tar.gz.sigstore.json", &world.sigstore.spec_of(&subjects, &run));
    not_issued(&world, &with(&two), 1, "vsa-level-unsupported");
    not_issued(&world, &with(&[["--builder-id", WORKFLOW], three].concat()), 1, "vsa-level-unsupported");
    assert_eq!(with(&[]).code, 0);
    assert_eq!(levels(&world), json!(["SLSA_BUILD_LEVEL_1"]));

    // A key, whatever its provenance says.
    let spec = Spec { entries: Vec::new(), ..world.sigstore.spec_key(ARTIFACT) };
    world.attest("app.tar.gz.sigstore.json", &spec);
    world.write("builder.pub", world.sigstore.public_key_pem(&spec));
    let by_key = |more: &[&str]| issue(&world, &[&["--key", "builder.pub"], more].concat());
    not_issued(&world, &by_key(&two), 1, "vsa-level-unsupported");
    assert_eq!(by_key(&[]).code, 0);
    assert_eq!(levels(&world), json!(["SLSA_BUILD_LEVEL_1"]));

    // No provenance at all.
    let mut scan = Spec { entries: Vec::new(), ..world.sigstore.spec_key(ARTIFACT) };
    scan.statement["predicateType"] = json!("https://openvex.dev/ns");
    world.attest("app.tar.gz.sigstore.json", &scan);
    not_issued(&world, &by_key(&["--type", "openvex", "--level", "SLSA_BUILD_LEVEL_1"]), 1, "vsa-level-unsupported");
    assert_eq!(by_key(&["--type", "openvex"]).code, 0);
    assert_eq!(levels(&world), json!([]));
}

#[test]
fn a_denial_is_no_summary_unless_asked_for() {
    let world = issuer(World::attested());
    let wrong = ["--source-uri", "github.com/acme/other"];
    let ended = issue(&world, &wrong);
    not_issued(&world, &ended, 1, "vsa-not-issued");
    assert!(ended.out.contains("source-uri-mismatch"), "{ended:?}");
    let ended = issue(&world, &[wrong.as_slice(), &["--on-failure", "issue"]].concat());
    assert_eq!(ended.code, 1, "{ended:?}");
    let predicate = &issued(&world)["predicate"];
    assert_eq!(predicate["verificationResult"], "FAILED");
    assert_eq!(predicate["verifiedLevels"], json!(["FAILED"]));
    assert_eq!(predicate["inputAttestations"].as_array().unwrap().len(), 1);
    let key = ["--public-key-path", "issuer.pub", "--verified-level", "FAILED"];
    failed(&verify(&world, &key), "ErrorInvalidVerificationResult", "vsa-not-passed");
    std::fs::remove_file(world.path("vsa.json")).unwrap();
    // What could not be decided did not fail either.
    std::fs::remove_file(world.path("app.tar.gz.sigstore.json")).unwrap();
    std::os::unix::fs::symlink("nowhere", world.path("app.tar.gz.sigstore.json")).unwrap();
    let ended = issue(&world, &[SOURCE.as_slice(), &["--on-failure", "issue"]].concat());
    not_issued(&world, &ended, 3, "vsa-not-issued");
}

/// A line among others is cited by a digest of its own, and each attestation once.
#[test]
fn what_was_used_is_cited() {
    let world = issuer(World::new());
    let good = world.sigstore.spec(ARTIFACT);
    world.lines("app.tar.gz.intoto.jsonl", &[world.of_branch("main"), good.clone(), good]);
    assert_eq!(issue(&world, &SOURCE).code, 0);
    let text = std::fs::read_to_string(world.path("app.tar.gz.intoto.jsonl")).unwrap();
    let line = HashKind::Sha256.hex(text.lines().nth(1).unwrap().as_bytes());
    let input = json!([{"uri": "app.tar.gz.intoto.jsonl", "digest": {"sha256": line}}]);
    assert_eq!(issued(&world)["predicate"]["inputAttestations"], input);
    let over = world.run(
        &[
            &["vsa", "app.tar.gz", "--verifier-id", VERIFIER, "--resource-uri", RESOURCE, "--policy-uri", POLICY],
            SOURCE.as_slice(),
            &["--trust", "root.json", "--signing-key", "issuer.key", "--force", "--output", "app.tar.gz"],
        ]
        .concat(),
    );
    assert!(over.code == 2 && over.err.contains("output-is-input"), "{over:?}");
}
