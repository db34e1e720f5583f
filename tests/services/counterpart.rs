//! The whole of keyless signing against a Sigstore that others wrote, when one runs on this machine.

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use sealmark::formats::attestations;
use sealmark::formats::certificate::Claim;
use sealmark::formats::certificate::San;
use sealmark::formats::log_entry::EntryKind;
use sealmark::generate::ci::Visibility;
use sealmark::remote::token;
use sealmark::remote::token::Audience;
use sealmark::remote::token::SIGSTORE_AUDIENCE;
use sealmark::sign::keyless::Certified;
use sealmark::sign::keyless::Services;
use sealmark::sign::privacy;
use sealmark::sign::privacy::Consent;
use sealmark::sign::privacy::Instance;
use sealmark::sign::privacy::Permit;
use sealmark::trust::root::TrustedRoot;
use sealmark::trust::signing_config::LogChoice;
use sealmark::trust::signing_config::SigningConfig;
use sealmark::verify::Verifier;

use crate::support::virtual_sigstore::GitHub;
use crate::support::virtual_sigstore::statement;

const LONG: Duration = Duration::from_secs(30);

/// `SEALMARK_COUNTERPART` is the folder into which the counterpart wrote `url`, `trusted_root.json` and its signing configs.
#[test]
fn a_sigstore_of_others_takes_and_gives_what_we_do() {
    let Ok(folder) = env::var("SEALMARK_COUNTERPART") else {
        println!("skipped: SEALMARK_COUNTERPART names no folder of a running counterpart");
        return;
    };
    let read = |name: &str| fs::read(Path::new(&folder).join(name)).unwrap();
    let url = String::from_utf8(read("url")).unwrap();
    let root = TrustedRoot::parse(&read("trusted_root.json"), "counterpart", None).unwrap();
    let verifier = Verifier::new(vec![root], Vec::new());
    let mut signed = 0;
    for (config, path, kind) in [
        ("signing_config.v1.json", "token", EntryKind::Dsse001),
        ("signing_config.v2.json", "token", EntryKind::HashedRekord002),
        ("signing_config.v1.json", "email-token", EntryKind::Dsse001),
        ("signing_config.v2.json", "email-token", EntryKind::HashedRekord002),
    ] {
        let config = SigningConfig::parse(&read(config)).unwrap();
        let now = Timestamp::now();
        let services = Services::new(&config.select(now, LogChoice::Highest).unwrap(), LONG).unwrap();
        let token = token::github(&format!("{url}/{path}?a=b"), "bearer", SIGSTORE_AUDIENCE, LONG).unwrap();
        token.check(Audience::Is(SIGSTORE_AUDIENCE), now).unwrap();
        let certified = Certified::new(&permit(), &token, &services.ca, now).unwrap();
        match &certified.certificate().san {
            San::Email(email) => assert_eq!(email, "dev@example.com"),
            san => {
                assert!(san.as_str().ends_with("/.github/workflows/build.yml@refs/heads/main"));
                assert_eq!(certified.certificate().claims.get(Claim::BuildTrigger), Some("push"));
            }
        }
        for artifact in [&b"one"[..], b"two"] {
            let subjects = serde_json::json!([statement::subject("app", artifact)]);
            let statement = statement::provenance(&subjects, &GitHub::default()).to_string();
            let bundle = certified.sign_statement(statement.as_bytes(), &services).unwrap();
            assert_eq!((bundle.log_entries[0].kind, bundle.log_entries.len(), bundle.timestamps.len()), (kind, 1, 1));
            let text = bundle.to_json().to_string();
            let read = attestations::parse(text.as_bytes()).unwrap().pop().unwrap().bundle.unwrap();
            verifier.authenticate(&read, Timestamp::now()).unwrap();
            signed += 1;
        }
    }
    println!("{signed} statements signed with the counterpart and verified");
    assert_eq!(signed, 8);
}

/// The source of every token here is public.
fn permit() -> Permit {
    privacy::ask(Visibility::Public, Instance::Public, Consent::Withheld).unwrap()
}
