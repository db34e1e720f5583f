//! The client that the public conformance suite of Sigstore drives (sigstore/sigstore-conformance, docs/cli_protocol.md).
//!
//! Two commands, of which nothing is read but the exit code, 0 for signed or accepted:
//!
//! ```text
//! sign-bundle   [--staging] [--in-toto] --identity-token TOKEN --bundle OUT
//!               [--trusted-root FILE] [--signing-config FILE] FILE
//! verify-bundle [--staging] --bundle FILE --certificate-identity TEXT --certificate-oidc-issuer URL
//!               [--trusted-root FILE] FILE|sha256:HEX
//! verify-bundle [--staging] --bundle FILE --key FILE [--trusted-root FILE] FILE|sha256:HEX
//! ```

#![allow(clippy::print_stderr, reason = "a program")]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use jiff::Timestamp;
use sealmark::formats::artifact::Artifact;
use sealmark::formats::bundle::Bundle;
use sealmark::formats::bundle::Content;
use sealmark::formats::digest::Algorithm;
use sealmark::formats::digest::Digest;
use sealmark::formats::json;
use sealmark::generate::ci::Visibility;
use sealmark::remote::token::Audience;
use sealmark::remote::token::IdToken;
use sealmark::remote::token::SIGSTORE_AUDIENCE;
use sealmark::sign::keyless::Certified;
use sealmark::sign::keyless::Services;
use sealmark::sign::privacy;
use sealmark::sign::privacy::Consent;
use sealmark::sign::privacy::Instance;
use sealmark::store::file::Mode;
use sealmark::store::file::Overwrite;
use sealmark::store::file::read_capped;
use sealmark::store::file::write_atomic;
use sealmark::trust::embedded::Domain;
use sealmark::trust::key::Hash;
use sealmark::trust::key::PublicKey;
use sealmark::trust::key::hash;
use sealmark::trust::root::TrustedRoot;
use sealmark::trust::signing_config::LogChoice;
use sealmark::trust::signing_config::SigningConfig;
use sealmark::verify::Identity;
use sealmark::verify::Message;
use sealmark::verify::TrustedKey;
use sealmark::verify::Verifier;
use zeroize::Zeroizing;

/// Longest bundle, key, root or configuration that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;
/// Longest artifact that is read, in bytes.
const MAX_ARTIFACT: u64 = 1024 * 1024 * 1024;
/// Time for one request with all its attempts.
const TOTAL: Duration = Duration::from_secs(60);
const FLAGS: [&str; 2] = ["--staging", "--in-toto"];
const OPTIONS: [&str; 7] = [
    "--bundle",
    "--identity-token",
    "--signing-config",
    "--trusted-root",
    "--certificate-identity",
    "--certificate-oidc-issuer",
    "--key",
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sigstore-conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of a command: options, flags (with empty values) and the one positional.
struct Arguments<'a> {
    options: BTreeMap<&'a str, &'a str>,
    file: &'a str,
}

impl<'a> Arguments<'a> {
    fn read(arguments: &'a [String]) -> Result<Self, Box<dyn Error>> {
        let (mut options, mut file) = (BTreeMap::new(), None);
        let mut rest = arguments.iter().map(String::as_str);
        while let Some(one) = rest.next() {
            let value = if FLAGS.contains(&one) {
                ""
            } else if OPTIONS.contains(&one) {
                rest.next().ok_or_else(|| format!("expected a value after {one}, found none"))?
            } else if one.starts_with("--") || file.is_some() {
                return Err(format!("expected the options of the protocol and one file, found {one:?} too").into());
            } else {
                file = Some(one);
                continue;
            };
            if options.insert(one, value).is_some() {
                return Err(format!("expected {one} once, found it twice").into());
            }
        }
        Ok(Self { options, file: file.ok_or("expected a file, found none")? })
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.options.get(name).copied()
    }

    fn need(&self, name: &str) -> Result<&'a str, Box<dyn Error>> {
        self.get(name).ok_or_else(|| format!("expected {name}, found none").into())
    }

    fn file(&self, name: &str) -> Result<Option<Vec<u8>>, Box<dyn Error>> {
        self.get(name).map(|path| Ok(read_capped(Path::new(path), MAX_FILE)?)).transpose()
    }

    fn roots(&self) -> Result<Vec<TrustedRoot>, Box<dyn Error>> {
        match self.file("--trusted-root")? {
            Some(bytes) => Ok(TrustedRoot::parse_file(&bytes, "--trusted-root")?),
            None if self.get("--staging").is_some() => {
                let staging = sigstore_trust_root::SIGSTORE_STAGING_TRUSTED_ROOT;
                Ok(vec![TrustedRoot::parse(staging.as_bytes(), "staging", None)?])
            }
            None => Ok(vec![Domain::PublicGood.root()?]),
        }
    }

    fn signing_config(&self) -> Result<SigningConfig, Box<dyn Error>> {
        match self.file("--signing-config")? {
            Some(bytes) => Ok(SigningConfig::parse(&bytes)?),
            None if self.get("--staging").is_some() => {
                Ok(SigningConfig::parse(sigstore_trust_root::SIGSTORE_STAGING_SIGNING_CONFIG.as_bytes())?)
            }
            None => Ok(SigningConfig::public_good()?),
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Some((command, rest)) = arguments.split_first() else {
        return Err("expected sign-bundle or verify-bundle, found nothing".into());
    };
    let arguments = Arguments::read(rest)?;
    match command.as_str() {
        "sign-bundle" => sign(&arguments),
        "verify-bundle" => verify(&arguments),
        other => Err(format!("expected sign-bundle or verify-bundle, found {other:?}").into()),
    }
}

/// Signs, and writes the bundle when it verifies with the trusted root.
fn sign(arguments: &Arguments<'_>) -> Result<(), Box<dyn Error>> {
    let output = arguments.need("--bundle")?;
    let token = IdToken::parse(Zeroizing::new(arguments.need("--identity-token")?.to_owned()))?;
    token.check(Audience::Is(SIGSTORE_AUDIENCE), Timestamp::now())?;
    let bytes = read_capped(Path::new(arguments.file), MAX_ARTIFACT)?;
    let roots = arguments.roots()?;
    let selected = arguments.signing_config()?.select(Timestamp::now(), LogChoice::Highest)?;
    let services = Services::new(&selected, TOTAL)?;
    // Who runs this asks for exactly that: to sign in public.
    let permit = privacy::ask(Visibility::Unknown, Instance::Public, Consent::Given)?;
    let certified = Certified::new(&permit, &token, &services.ca, Timestamp::now())?;
    let verifier = Verifier::new(roots, Vec::new());
    let bundle = if arguments.get("--in-toto").is_some() {
        let bundle = certified.sign_statement(&bytes, &services)?;
        verifier.authenticate(&bundle, Timestamp::now())?;
        bundle
    } else {
        let bundle = certified.sign_message(&Message::Bytes(&bytes), &services)?;
        verifier.verify_message(&bundle, &Message::Bytes(&bytes), Timestamp::now())?;
        bundle
    };
    let text = bundle.to_json().to_string();
    write_atomic(Path::new(output), text.as_bytes(), Overwrite::Replace, Mode::Public)?;
    Ok(())
}

/// What the positional of `verify-bundle` names.
enum Subject {
    Bytes(Vec<u8>),
    Sha256(Digest),
}

impl Subject {
    /// A path, or `sha256:` and 64 digits where there is no such file.
    fn read(text: &str) -> Result<Self, Box<dyn Error>> {
        let path = Path::new(text);
        let digest = text.strip_prefix("sha256:").filter(|_| !path.exists());
        let digest = digest.filter(|text| !text.bytes().any(|byte| byte.is_ascii_uppercase()));
        let digest = digest.and_then(|text| Digest::from_hex(Algorithm::Sha256, text).ok());
        match digest {
            Some(digest) => Ok(Self::Sha256(digest)),
            None => Ok(Self::Bytes(read_capped(path, MAX_ARTIFACT)?)),
        }
    }

    fn message(&self) -> Message<'_> {
        match self {
            Self::Bytes(bytes) => Message::Bytes(bytes),
            Self::Sha256(digest) => Message::Digest(digest),
        }
    }

    fn artifact(&self, name: &str) -> Result<Artifact, Box<dyn Error>> {
        let digests = match self {
            Self::Sha256(digest) => vec![digest.clone()],
            Self::Bytes(bytes) => vec![
                Digest::new(Algorithm::Sha256, hash(Hash::Sha256, bytes))?,
                Digest::new(Algorithm::Sha384, hash(Hash::Sha384, bytes))?,
                Digest::new(Algorithm::Sha512, hash(Hash::Sha512, bytes))?,
            ],
        };
        Ok(Artifact::new(name.to_owned(), digests)?)
    }
}

fn verify(arguments: &Arguments<'_>) -> Result<(), Box<dyn Error>> {
    let bundle = read_capped(Path::new(arguments.need("--bundle")?), MAX_FILE)?;
    let bundle = Bundle::from_json(json::parse(&bundle)?)?;
    let keys = match arguments.file("--key")? {
        Some(pem) => vec![TrustedKey::named("--key", PublicKey::from_pem(&pem)?)],
        None => Vec::new(),
    };
    let keyed = !keys.is_empty();
    if keyed && arguments.get("--certificate-identity").or(arguments.get("--certificate-oidc-issuer")).is_some() {
        return Err("expected --key or an identity, found both".into());
    }
    if keyed != bundle.signer.certificates().is_empty() {
        return Err("expected --key for a signature by a key and only for one".into());
    }
    let verifier = Verifier::new(arguments.roots()?, keys);
    let (subject, now) = (Subject::read(arguments.file)?, Timestamp::now());
    let identity = match &bundle.content {
        Content::Envelope(_) => verifier.verify(&bundle, &subject.artifact(arguments.file)?, now)?.identity().clone(),
        Content::Message { .. } => verifier.verify_message(&bundle, &subject.message(), now)?.identity().clone(),
        // No bundle holds one; it stands beside images.
        Content::SimpleSigning { .. } => return Err("expected a bundle, found a layer of an image".into()),
    };
    if keyed { Ok(()) } else { expected(arguments, &identity) }
}

/// The certificate names who was expected.
fn expected(arguments: &Arguments<'_>, identity: &Identity) -> Result<(), Box<dyn Error>> {
    let name = arguments.need("--certificate-identity")?;
    let issuer = arguments.need("--certificate-oidc-issuer")?;
    match identity.certificate() {
        Some(found) if found.san.as_str() == name && found.issuer == issuer => Ok(()),
        Some(found) => {
            let (san, other) = (found.san.as_str(), &found.issuer);
            Err(format!("expected {name:?} of {issuer:?}, found {san:?} of {other:?}").into())
        }
        None => Err("expected a certificate, found none".into()),
    }
}
