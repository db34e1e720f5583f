//! Verification summaries: slsa-verifier's rows, and one lie for each thing that a summary must say.

use serde_json::Value;
use serde_json::json;

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
    let predicate = |key: &'static str, value: Value| move |s: &mut Value| s["predicate"][key] = value.clone();
    let lies: Vec<(Box<dyn Fn(&mut Value)>, &str, &str)> = vec![
        (
            Box::new(predicate("verifier", json!({"id": "https://evil.example"}))),
            "ErrorMismatchVerifierID",
            "vsa-verifier-mismatch",
        ),
        (
            Box::new(predicate("verifier", json!({"id": format!("{VERIFIER}/")}))),
            "ErrorMismatchVerifierID",
            "vsa-verifier-mismatch",
        ),
        (Box::new(predicate("verifier", json!({"id": ""}))), "ErrorEmptyRequiredField", "predicate-field-missing"),
        (
            Box::new(predicate("resourceUri", json!("pkg:generic/acme/other@1.4.2"))),
            "ErrorMismatchResourceURI",
            "vsa-resource-mismatch",
        ),
        (Box::new(predicate("resourceUri", Value::Null)), "ErrorEmptyRequiredField", "predicate-field-missing"),
        (
            Box::new(predicate("verificationResult", json!("FAILED"))),
            "ErrorInvalidVerificationResult",
            "vsa-not-passed",
        ),
        (
            Box::new(predicate("verificationResult", json!("passed"))),
            "ErrorInvalidVerificationResult",
            "vsa-result-unknown",
        ),
        (
            Box::new(predicate("verificationResult", Value::Null)),
            "ErrorInvalidVerificationResult",
            "predicate-field-missing",
        ),
        (
            Box::new(predicate("verifiedLevels", json!(["SLSA_BUILD_LEVEL_1"]))),
            "ErrorMismatchVerifiedLevels",
            "vsa-level-missing",
        ),
        (
            Box::new(predicate("verifiedLevels", json!(["SLSA_SOURCE_LEVEL_3"]))),
            "ErrorMismatchVerifiedLevels",
            "vsa-level-missing",
        ),
        (Box::new(predicate("verifiedLevels", json!([]))), "ErrorMismatchVerifiedLevels", "vsa-level-missing"),
        (
            Box::new(predicate("verifiedLevels", json!(["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_3"]))),
            "ErrorInvalidSLSALevel",
            "vsa-level-invalid",
        ),
        (
            Box::new(predicate("verifiedLevels", json!(["SLSA_BUILD_LEVEL_3", "SLSA_BUILD_LEVEL_1"]))),
            "ErrorInvalidSLSALevel",
            "vsa-level-invalid",
        ),
        (
            Box::new(predicate("verifiedLevels", json!(["SLSA_BUILD_LEVEL_3", "FAILED"]))),
            "ErrorInvalidVerificationResult",
            "vsa-not-passed",
        ),
        (Box::new(predicate("timeVerified", json!("today"))), "ErrorInvalidDssePayload", "vsa-time-invalid"),
        (Box::new(predicate("policy", json!({}))), "ErrorEmptyRequiredField", "predicate-field-missing"),
        (Box::new(|s| s["predicate"] = json!([])), "ErrorEmptyRequiredField", "predicate-field-missing"),
        (
            Box::new(|s| s["predicateType"] = json!("https://slsa.dev/verification_summary/v0.2")),
            "ErrorInvalidDssePayload",
            "predicate-type-mismatch",
        ),
        (
            Box::new(|s| s["subject"][0]["digest"]["sha256"] = json!("00".repeat(32))),
            "ErrorMissingSubjectDigest",
            "subject-mismatch",
        ),
        (Box::new(|s| s["_type"] = json!("x")), "ErrorInvalidDssePayload", "statement-type"),
    ];
    for (edit, sentinel, code) in &lies {
        write(&world, &summary(&world, edit));
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
    let (sha256, run) = (sha256(), crate::support::virtual_sigstore::GitHub::default());
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
