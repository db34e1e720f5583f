//! The conformance client over loopback, by its protocol: what it signs it accepts, as what it is and as nothing else.

use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use sealmark::trust::key::sha256;
use serde_json::Value;
use tempfile::TempDir;

use crate::client;
use crate::client::ARTIFACT;
use crate::support::sigstore_server::Behaviour;
use crate::support::sigstore_server::Instance;
use crate::support::sigstore_server::Lie;
use crate::support::sigstore_server::Service;
use crate::support::sigstore_server::SigstoreServer;
use crate::support::sigstore_server::tokens;
use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::Signer;
use crate::support::virtual_sigstore::Spec;

/// The client, or None after saying why not. `cargo test` builds it beside the tests when all targets are built.
fn program() -> Option<PathBuf> {
    let path = env::current_exe().unwrap();
    let path = path.parent().unwrap().parent().unwrap().join("examples/sigstore-conformance");
    if path.exists() {
        return Some(path);
    }
    let reason = "the example sigstore-conformance was not built (cargo build --example sigstore-conformance)";
    assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but {reason}");
    println!("skipped: {reason}");
    None
}

/// A folder, a server and its files.
struct Story {
    program: PathBuf,
    folder: TempDir,
    server: SigstoreServer,
    identity: String,
    issuer: String,
}

impl Story {
    fn new(program: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = SigstoreServer::start("conformance", Instance::Public);
        server.save(folder.path());
        let run = GitHub::default();
        fs::write(folder.path().join("app"), ARTIFACT).unwrap();
        fs::write(folder.path().join("other"), b"other bytes").unwrap();
        fs::write(folder.path().join("statement"), client::provenance(&run).to_string()).unwrap();
        Self { program, folder, server, identity: run.signer_uri(), issuer: run.issuer }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, args: &[&str]) -> bool {
        let ran = Command::new(&self.program).args(args).current_dir(self.folder.path()).output().unwrap();
        assert!(matches!(ran.status.code(), Some(0 | 1)), "{args:?}: {ran:?}");
        ran.status.success()
    }

    fn sign(&self, version: &str, statement: &[&str], bundle: &str, file: &str) -> bool {
        let token = self.server.token(&tokens::github(&GitHub::default()));
        let config = format!("signing_config.{version}.json");
        let options = ["--identity-token", &token, "--bundle", bundle, "--trusted-root", "trusted_root.json"];
        self.run(&[&["sign-bundle"], statement, &options[..], &["--signing-config", &config, file]].concat())
    }

    fn verify(&self, bundle: &str, identity: &str, issuer: &str, file: &str) -> bool {
        let root = ["--trusted-root", "trusted_root.json", file];
        let named = ["--certificate-identity", identity, "--certificate-oidc-issuer", issuer];
        self.run(&[&["verify-bundle", "--bundle", bundle][..], &named, &root].concat())
    }

    fn bundle(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(name)).unwrap()).unwrap()
    }
}

#[test]
fn what_the_client_signs_it_accepts_as_what_it_is_alone() {
    let Some(program) = program() else { return };
    let story = Story::new(program);
    let digest = format!("sha256:{}", hex::encode(sha256(ARTIFACT)));
    let (mut accepted, mut refused) = (0, 0);
    for version in ["v1", "v2"] {
        for (kind, flags, file) in [("message", &[][..], "app"), ("statement", &["--in-toto"][..], "statement")] {
            let bundle = format!("{kind}.{version}");
            assert!(story.sign(version, flags, &bundle, file), "{bundle}");
            let (who, whom) = (story.identity.as_str(), story.issuer.as_str());
            for positional in ["app", &digest] {
                assert!(story.verify(&bundle, who, whom, positional), "{bundle} {positional}");
                accepted += 1;
            }
            let zeros = format!("sha256:{}", "0".repeat(64));
            for (who, whom, positional) in [
                (who, whom, "other"),
                (who, whom, zeros.as_str()),
                (who, whom, "missing"),
                (&who[1..], whom, "app"),
                (who, "https://accounts.example.com", "app"),
            ] {
                assert!(!story.verify(&bundle, who, whom, positional), "{bundle} {who} {whom} {positional}");
                refused += 1;
            }
            // Without a root it is judged by the public one, and a key is not expected.
            let alone = ["--certificate-identity", who, "--certificate-oidc-issuer", whom];
            assert!(!story.run(&[&["verify-bundle", "--bundle", &bundle][..], &alone, &["app"]].concat()));
            let json = story.bundle(&bundle);
            let material = &json["verificationMaterial"];
            assert!(material["certificate"].is_object() && material["x509CertificateChain"].is_null());
            let entry = &material["tlogEntries"][0]["kindVersion"];
            let wanted = match (version, kind) {
                ("v2", _) => ("hashedrekord", "0.0.2"),
                (_, "message") => ("hashedrekord", "0.0.1"),
                _ => ("dsse", "0.0.1"),
            };
            assert_eq!((entry["kind"].as_str(), entry["version"].as_str()), (Some(wanted.0), Some(wanted.1)));
        }
    }
    // The statement's bytes are the payload.
    let payload = story.bundle("statement.v2")["dsseEnvelope"]["payload"].as_str().unwrap().to_owned();
    assert_eq!(sealmark::formats::base64::decode(&payload), Some(fs::read(story.path("statement")).unwrap()));
    println!("{accepted} bundles accepted, {refused} refused");
    assert!(accepted > 0 && refused > 0);
}

#[test]
fn a_signature_by_a_key_is_verified_with_that_key_alone() {
    let Some(program) = program() else { return };
    let story = Story::new(program);
    let sigstore = &story.server.sigstore;
    let keyed = |spec: Spec| Spec { signer: Signer::Key { hint: None }, ..spec };
    for (n, spec) in [keyed(sigstore.spec(ARTIFACT)), keyed(sigstore.spec_message(ARTIFACT))].iter().enumerate() {
        let bundle = format!("keyed.{n}");
        fs::write(story.path(&bundle), sigstore.mint(spec).to_string()).unwrap();
        fs::write(story.path("key.pub"), sigstore.public_key_pem(spec)).unwrap();
        fs::write(story.path("other.pub"), sigstore.foreign().public_key_pem(spec)).unwrap();
        let with = |key: &str, file: &str| {
            let root = ["--trusted-root", "trusted_root.json", file];
            story.run(&[&["verify-bundle", "--bundle", &bundle, "--key", key][..], &root].concat())
        };
        assert!(with("key.pub", "app"), "{bundle}");
        assert!(!with("other.pub", "app") && !with("key.pub", "other") && !with("app", "app"), "{bundle}");
        assert!(!story.verify(&bundle, &story.identity, &story.issuer, "app"), "{bundle}");
        let both = ["--certificate-identity", &story.identity, "--certificate-oidc-issuer", &story.issuer, "--key"];
        let both = [&["verify-bundle", "--bundle", &bundle][..], &both, &["key.pub", "app"]].concat();
        assert!(!story.run(&both), "{bundle}");
    }
}

#[test]
fn nothing_is_written_when_signing_fails() {
    let Some(program) = program() else { return };
    let story = Story::new(program);
    let failing = [
        (Service::Authority, Behaviour::Status(400, "")),
        (Service::Authority, Behaviour::Lie(Lie::NoSct)),
        (Service::LogV1, Behaviour::Lie(Lie::OtherProof)),
    ];
    for (service, behaviour) in &failing {
        story.server.behave(*service, std::slice::from_ref(behaviour));
        assert!(!story.sign("v1", &[], "failed", "app"), "{service:?} {behaviour:?}");
        assert!(!Path::exists(&story.path("failed")));
        story.server.behave(*service, &[Behaviour::Honest]);
    }
    assert!(story.sign("v1", &[], "good", "app"));
    println!("{} failures wrote nothing", failing.len());
}
