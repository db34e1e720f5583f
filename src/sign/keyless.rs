//! Signing without a key that anybody keeps: a fresh key, a certificate for a moment, and proof of when it signed.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::rand;
use jiff::Timestamp;

use crate::formats::bundle::Bundle;
use crate::formats::bundle::Content;
use crate::formats::bundle::Signer;
use crate::formats::certificate::SigningCertificate;
use crate::formats::digest::Algorithm;
use crate::formats::envelope::Envelope;
use crate::formats::payload::Payload;
use crate::generate::agreement;
use crate::remote::RemoteError;
use crate::remote::Role;
use crate::remote::fulcio::CertificateAuthority;
use crate::remote::log::Log;
use crate::remote::log::Verifier;
use crate::remote::timestamp::TimestampAuthority;
use crate::remote::token::IdToken;
use crate::sign;
use crate::sign::SignError;
use crate::sign::key::KeyKind;
use crate::sign::key::PrivateKey;
use crate::sign::message;
use crate::sign::privacy::Permit;
use crate::trust::signing_config::LogVersion;
use crate::trust::signing_config::Selected;
use crate::verify::Message;

/// Most signatures that are made for one statement. A log of Rekor v2 that has an entry already cannot be asked for it, and
/// the next signature is another entry.
const MAX_SIGNATURES: u32 = 2;

/// The services of one Sigstore instance that sign without a key.
#[derive(Debug, Clone)]
pub struct Services {
    /// Gives the certificate.
    pub ca: CertificateAuthority,
    /// Each takes an entry.
    pub logs: Vec<Log>,
    /// Each gives a timestamp.
    pub timestamps: Vec<TimestampAuthority>,
}

/// What proves when something was signed, and makes it public.
#[derive(Clone, Copy)]
struct Witnesses<'a> {
    logs: &'a [Log],
    timestamps: &'a [TimestampAuthority],
}

impl Services {
    /// The chosen services, each given `total` for one request with all its attempts. No connection is opened.
    ///
    /// # Errors
    /// `ca-url-invalid`, `log-url-invalid`, `timestamp-url-invalid`, `signing-time-unprovable`.
    pub fn new(selected: &Selected, total: Duration) -> Result<Self, SignError> {
        let ca = CertificateAuthority::new(&selected.ca, total)?;
        let log = |(url, version): &(String, LogVersion)| Log::new(url, *version, total);
        let logs = selected.logs.iter().map(log).collect::<Result<_, RemoteError>>()?;
        let timestamps = selected.timestamps.iter().map(|url| TimestampAuthority::new(url, total));
        let services = Self { ca, logs, timestamps: timestamps.collect::<Result<_, RemoteError>>()? };
        services.witnesses().prove_time()?;
        Ok(services)
    }

    /// Whether a Statement of so many bytes is sent to every log.
    ///
    /// # Errors
    /// `log-entry-too-large`.
    pub fn take(&self, length: u64) -> Result<(), SignError> {
        Ok(self.logs.iter().try_for_each(|log| log.takes(length))?)
    }

    /// Whether digests are enough for every log: Rekor v1 wants the text of the envelope.
    pub fn take_digests(&self) -> bool {
        self.logs.iter().all(|log| log.version() == LogVersion::V2)
    }

    fn witnesses(&self) -> Witnesses<'_> {
        Witnesses { logs: &self.logs, timestamps: &self.timestamps }
    }
}

impl Witnesses<'_> {
    /// Whether one of them states a time: a timestamp authority, or a log of Rekor v1.
    fn prove_time(self) -> Result<(), SignError> {
        let dated = self.logs.iter().any(|log| log.version() == LogVersion::V1);
        if dated || !self.timestamps.is_empty() { Ok(()) } else { Err(SignError::TimeUnprovable) }
    }
}

/// A key that exists in memory alone, and the certificate that binds it to the job's identity for about ten minutes. Many
/// statements may be signed with it, from several threads.
pub struct Certified {
    key: PrivateKey,
    leaf: Vec<u8>,
    certificate: SigningCertificate,
}

impl Certified {
    /// The hash that its key signs with.
    pub const HASH: Algorithm = Algorithm::Sha256;

    /// Makes an ECDSA P-256 key and has it certified. The token must have been checked ([`IdToken::check`]).
    ///
    /// What comes back holds the very key, is valid now and is for this token. Whether it says what is to be signed is for the caller to
    /// compare before anything is signed. Whoever holds a [`Permit`] has asked whether the names may go there.
    ///
    /// # Errors
    /// `ca-*`, `certificate-not-of-token`, `token-nobody`, `key-generation-failed`, `signing-failed`.
    pub fn new(
        _permit: &Permit,
        token: &IdToken,
        ca: &CertificateAuthority,
        now: Timestamp,
    ) -> Result<Self, SignError> {
        let key = PrivateKey::generate(KeyKind::EcdsaP256)?;
        let proof = key.sign(token.identity()?.as_bytes())?;
        let issued = ca.certify(token, key.public_key_der(), &proof, now)?;
        agreement::token::check(token.claims(), &issued.leaf).map_err(SignError::CertificateNotOfToken)?;
        let leaf = issued.chain.into_iter().next().unwrap_or_default();
        Ok(Self { key, leaf, certificate: issued.leaf })
    }

    /// What the certificate says.
    pub fn certificate(&self) -> &SigningCertificate {
        &self.certificate
    }

    /// Whether the certificate has not ended. A signature that is proven to be later is refused by every verifier.
    pub fn still_valid(&self, now: Timestamp) -> bool {
        now < self.certificate.not_after
    }

    /// Signs a Statement's bytes as they are, and has the signature stamped and logged by every witness: a bundle v0.3 with
    /// the leaf alone. It was not verified against any root.
    ///
    /// # Errors
    /// `signing-time-unprovable`, `log-*`, `timestamp-*`, `signing-failed`, `randomness-unavailable`. Entries that some log took
    /// before another service failed stay there.
    pub fn sign_statement(&self, statement: &[u8], services: &Services) -> Result<Bundle, SignError> {
        self.sign_payload(&Payload::from(statement), services)
    }

    /// The same with a Statement that may have been measured alone, where [`Services::take_digests`] holds.
    ///
    /// # Errors
    /// As [`Certified::sign_statement`].
    pub fn sign_payload(&self, statement: &Payload, services: &Services) -> Result<Bundle, SignError> {
        let witnesses = services.witnesses();
        witnesses.prove_time()?;
        witnessed(witnesses, Verifier::Certificate(&self.leaf), || {
            let bundle = sign::sign_payload(&self.key, statement)?;
            Ok(Bundle { signer: Signer::Certificate(self.leaf.clone()), ..bundle })
        })
    }

    /// The same with a plain signature over a message, which attests nothing.
    ///
    /// # Errors
    /// As [`Certified::sign_statement`].
    pub fn sign_message(&self, message: &Message<'_>, services: &Services) -> Result<Bundle, SignError> {
        let witnesses = services.witnesses();
        witnesses.prove_time()?;
        witnessed(witnesses, Verifier::Certificate(&self.leaf), || {
            let bundle = message::sign_message(&self.key, message)?;
            Ok(Bundle { signer: Signer::Certificate(self.leaf.clone()), ..bundle })
        })
    }
}

impl fmt::Debug for Certified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Certified").field("certificate", &self.certificate.san).finish_non_exhaustive()
    }
}

/// Signs a Statement's bytes with a key, and has the signature stamped and logged by every service given; none is needed.
///
/// # Errors
/// `key-not-logged` for a log of Rekor v2 and a key that is not ECDSA P-256; `log-*`, `timestamp-*`, `signing-failed`,
/// `randomness-unavailable`.
pub fn sign_with_key(
    key: &PrivateKey,
    statement: &[u8],
    logs: &[Log],
    timestamps: &[TimestampAuthority],
) -> Result<Bundle, SignError> {
    let second = logs.iter().any(|log| log.version() == LogVersion::V2);
    if second && key.kind() != KeyKind::EcdsaP256 {
        return Err(SignError::KeyNotLogged { found: key.kind() });
    }
    let verifier = Verifier::PublicKey(key.public_key_der());
    witnessed(Witnesses { logs, timestamps }, verifier, || sign::sign_statement(key, statement))
}

/// Signs, and adds what each witness says. Timestamps come first: a log keeps for ever what it is given, and should not be
/// given what ends nowhere because a timestamp authority is down.
fn witnessed(
    witnesses: Witnesses<'_>,
    verifier: Verifier<'_>,
    sign: impl Fn() -> Result<Bundle, SignError>,
) -> Result<Bundle, SignError> {
    let mut attempt = 1;
    loop {
        let bundle = sign()?;
        match add(bundle, witnesses, verifier) {
            Err(SignError::Remote(RemoteError::Status { role: Role::Log, status: 409, .. }))
                if attempt < MAX_SIGNATURES =>
            {
                attempt += 1;
            }
            done => return done,
        }
    }
}

fn add(bundle: Bundle, witnesses: Witnesses<'_>, verifier: Verifier<'_>) -> Result<Bundle, SignError> {
    let signed = signed(&bundle)?;
    let stamp = |authority: &TimestampAuthority| Ok(authority.stamp(signed.signature(), nonce()?)?);
    let timestamps = witnesses.timestamps.iter().map(stamp).collect::<Result<_, SignError>>()?;
    let record = |log: &Log| match signed {
        Signed::Envelope(envelope, _) => Ok(log.record(envelope, verifier)?),
        Signed::Message(digest, signature) => Ok(log.record_message(&digest, signature, verifier)?),
    };
    let log_entries = witnesses.logs.iter().map(record).collect::<Result<_, SignError>>()?;
    Ok(Bundle { timestamps, log_entries, ..bundle })
}

/// What was signed, and the signature.
#[derive(Clone, Copy)]
enum Signed<'a> {
    Envelope(&'a Envelope, &'a [u8]),
    /// By its SHA-256.
    Message([u8; 32], &'a [u8]),
}

impl<'a> Signed<'a> {
    fn signature(self) -> &'a [u8] {
        match self {
            Self::Envelope(_, signature) | Self::Message(_, signature) => signature,
        }
    }
}

fn signed(bundle: &Bundle) -> Result<Signed<'_>, SignError> {
    match &bundle.content {
        Content::Envelope(envelope) => match envelope.signatures.as_slice() {
            [one] => Ok(Signed::Envelope(envelope, &one.sig)),
            _ => Err(SignError::SigningFailed),
        },
        // With [`Certified::HASH`].
        Content::Message { digest: Some((_, digest)), signature } => {
            let digest = digest.as_slice().try_into().map_err(|_| SignError::SigningFailed)?;
            Ok(Signed::Message(digest, signature))
        }
        Content::Message { .. } | Content::SimpleSigning { .. } => Err(SignError::SigningFailed),
    }
}

fn nonce() -> Result<[u8; 8], SignError> {
    let mut nonce = [0; 8];
    rand::fill(&mut nonce).map_err(|_| SignError::RandomnessUnavailable)?;
    Ok(nonce)
}
