//! Signing with a Sigstore that others wrote, and judging what comes of it here and elsewhere.

use std::env;
use std::fs;
use std::io::BufRead;
use std::io::BufReader;
use std::path::Path;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::remote::token;
use sealmark::sign::keyless::Certified;
use sealmark::sign::keyless::Services;
use sealmark::trust::key::sha256;
use sealmark::trust::root::TrustedRoot;
use sealmark::trust::signing_config::LogChoice;
use sealmark::trust::signing_config::SigningConfig;
use sealmark::verify::Message;
use sealmark::verify::Verifier;
use serde_json::Value;
use tempfile::TempDir;

use crate::client;
use crate::client::ARTIFACT;
use crate::client::TOTAL;
use crate::judges::Case;
use crate::judges::Judges;
use crate::support::virtual_sigstore::GitHub;

/// The running counterpart.
struct Counterpart {
    child: Child,
    folder: TempDir,
    url: String,
}

impl Counterpart {
    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new("node")
            .args(["mock-sigstore.cjs", "--port", "0", "--out"])
            .arg(folder.path())
            .current_dir(program)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let url = said["url"].as_str().unwrap().to_owned();
        assert!(url.starts_with("http://127.0.0.1:"), "{url}");
        Self { child, folder, url }
    }

    fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.path().join(name)).unwrap()
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

#[test]
fn a_counterpart_that_others_wrote_signs_what_all_accept() {
    let Some(judges) = Judges::find() else { return };
    if !judges.mock().join("node_modules/@sigstore/mock").exists() {
        let reason = "there is no mock/node_modules/@sigstore/mock";
        assert!(env::var_os("SEALMARK_REQUIRE_ALL").is_none(), "nothing may be skipped, but {reason}");
        println!("skipped: {reason}");
        return;
    }
    let counterpart = Counterpart::start(&judges.mock());
    let root = counterpart.file("trusted_root.json");
    let roots = || vec![TrustedRoot::parse(&root, "counterpart", None).unwrap()];
    let digest = Digest::new(Algorithm::Sha256, sha256(ARTIFACT).to_vec()).unwrap();
    let artifact = Artifact::new("app.tar.gz".to_owned(), vec![digest]).unwrap();
    let mut accepted = 0;
    for version in ["v1", "v2"] {
        let config = SigningConfig::parse(&counterpart.file(&format!("signing_config.{version}.json"))).unwrap();
        let services = Services::new(&config.select(Timestamp::now(), LogChoice::Highest).unwrap(), TOTAL).unwrap();
        let token = token::github(&format!("{}/token", counterpart.url), "bearer", "sigstore", TOTAL).unwrap();
        let workflow = token.claims().text("job_workflow_ref").unwrap();
        let (identity, issuer) =
            (format!("https://github.com/{workflow}"), token.claims().issuer().unwrap().to_owned());
        let certified = Certified::new(&client::permit(), &token, &services.ca, Timestamp::now()).unwrap();
        let statement = client::provenance(&GitHub::default()).to_string();
        let attestation = certified.sign_statement(statement.as_bytes(), &services).unwrap();
        let message = certified.sign_message(&Message::Bytes(ARTIFACT), &services).unwrap();
        let verifier = Verifier::new(roots(), Vec::new());
        verifier.verify(&attestation, &artifact, Timestamp::now()).unwrap();
        verifier.verify_message(&message, &Message::Bytes(ARTIFACT), Timestamp::now()).unwrap();
        for (kind, bundle) in [("attestation", attestation), ("message", message)] {
            let case = Case {
                name: format!("{kind} in Rekor {version} of a counterpart"),
                root: serde_json::from_slice(&root).unwrap(),
                bundle: bundle.to_json(),
                artifact: ARTIFACT.to_vec(),
                identity: identity.clone(),
                issuer: issuer.clone(),
            };
            for (judge, verdict) in judges.ask(&case) {
                assert_eq!(verdict, Ok(()), "{}: {judge}", case.name);
                accepted += 1;
            }
        }
    }
    println!("{accepted} verdicts of outsiders on a counterpart's bundles, all accepted");
    assert!(accepted > 0);
}
